"""Scoring: models, corpora, files and lists of spans or tags in, scores out."""

from evalkit.evaluation.corpus_scores import compare, evaluate, score
from evalkit.evaluation.span_scores import score_spans, score_tags

__all__ = ["compare", "evaluate", "score", "score_spans", "score_tags"]
