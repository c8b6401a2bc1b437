"""What scoring returns: scores, result files, tables and comparisons."""

from evalkit.results.comparison import Comparison
from evalkit.results.scores import Scores

__all__ = ["Comparison", "Scores"]
