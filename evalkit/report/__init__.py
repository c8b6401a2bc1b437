"""HTML pages for readers: scores and errors of one system, the comparison of several, and the
agreement of annotators.
"""

from typing import TYPE_CHECKING

from evalkit.lazy_names import import_lazily

if TYPE_CHECKING:
    from evalkit.report.agreement_page import build_agreement_page
    from evalkit.report.comparison_page import build_comparison_page
    from evalkit.report.errors_page import build_errors_page
    from evalkit.report.scores_page import build_scores_page

__all__ = [
    "build_agreement_page",
    "build_comparison_page",
    "build_errors_page",
    "build_scores_page",
]

__getattr__, __dir__ = import_lazily(
    __name__,
    {
        "evalkit.report.agreement_page": ("build_agreement_page",),
        "evalkit.report.comparison_page": ("build_comparison_page",),
        "evalkit.report.errors_page": ("build_errors_page",),
        "evalkit.report.scores_page": ("build_scores_page",),
    },
)
