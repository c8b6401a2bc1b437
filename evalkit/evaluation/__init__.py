"""Scoring: models, corpora, files and lists of spans or tags in, scores out."""

from typing import TYPE_CHECKING

from evalkit.lazy_names import import_lazily

if TYPE_CHECKING:
    from evalkit.evaluation.corpus_scores import compare, evaluate, score
    from evalkit.evaluation.span_scores import score_spans, score_tags

__all__ = ["compare", "evaluate", "score", "score_spans", "score_tags"]

__getattr__, __dir__ = import_lazily(
    __name__,
    {
        "evalkit.evaluation.corpus_scores": ("compare", "evaluate", "score"),
        "evalkit.evaluation.span_scores": ("score_spans", "score_tags"),
    },
)
