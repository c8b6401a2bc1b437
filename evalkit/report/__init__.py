"""HTML pages for readers: scores and errors of one system, and the comparison of several."""

from evalkit.report.comparison_page import build_comparison_page
from evalkit.report.errors_page import build_errors_page
from evalkit.report.scores_page import build_scores_page

__all__ = ["build_comparison_page", "build_errors_page", "build_scores_page"]
