"""What scoring returns: scores, result files, tables and comparisons."""

from typing import TYPE_CHECKING

from evalkit.lazy_names import import_lazily

if TYPE_CHECKING:
    from evalkit.results.comparison import Comparison
    from evalkit.results.scores import Scores

__all__ = ["Comparison", "Scores"]

__getattr__, __dir__ = import_lazily(
    __name__,
    {
        "evalkit.results.comparison": ("Comparison",),
        "evalkit.results.scores": ("Scores",),
    },
)
