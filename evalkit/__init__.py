"""Score information extraction: precision, recall and F1 of each label, with a signature.

The folders, each of which uses only those above it in its wing (tests/test_architecture.py):

    data        documents, schemas, label maps, tags
    formats     reading and writing files                      input wing
    corpus      Corpus, load_corpus
    models      what can be evaluated
    inference   running a model
    scoring     layers, matching, counting                     scoring wing
    stats       intervals, differences, permutation tests
    analysis    errors, agreement, rules of other scorers
    results     scores, tables, result files
    evaluation  both wings together: evaluate, score, compare
    report      HTML pages
    training    metrics for transformers' Trainer and spaCy
    hub         cards and publishing
    cli         the command line

Below them all: errors, files, redaction, version, lazy_names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalkit.lazy_names import import_lazily

if TYPE_CHECKING:
    from evalkit.corpus import Corpus, load_corpus
    from evalkit.data.document import (
        Argument,
        Attribution,
        Document,
        Entity,
        Event,
        Relation,
        Span,
        Unplaced,
        Zone,
    )
    from evalkit.data.schema import Schema
    from evalkit.errors import EvalkitError, InputError, LoadError
    from evalkit.evaluation.adjudication import adjudicate
    from evalkit.evaluation.annotator_scores import agreement
    from evalkit.evaluation.corpus_scores import compare, evaluate, score
    from evalkit.evaluation.emulation import conventions as conventions
    from evalkit.evaluation.emulation import emulate
    from evalkit.evaluation.error_fixes import fix_errors
    from evalkit.evaluation.error_fixes import repair as repair
    from evalkit.evaluation.span_scores import score_spans, score_tags
    from evalkit.inference.runner import predict
    from evalkit.models.registry import load_model
    from evalkit.results.scores import Scores

__all__ = [
    "Argument",
    "Attribution",
    "Corpus",
    "Document",
    "Entity",
    "EvalkitError",
    "Event",
    "InputError",
    "LoadError",
    "Relation",
    "Schema",
    "Scores",
    "Span",
    "Unplaced",
    "Zone",
    "adjudicate",
    "agreement",
    "compare",
    "emulate",
    "evaluate",
    "fix_errors",
    "load_corpus",
    "load_model",
    "predict",
    "score",
    "score_spans",
    "score_tags",
]

__getattr__, __dir__ = import_lazily(
    __name__,
    {
        "evalkit.corpus": ("Corpus", "load_corpus"),
        "evalkit.data.document": (
            "Argument",
            "Attribution",
            "Document",
            "Entity",
            "Event",
            "Relation",
            "Span",
            "Unplaced",
            "Zone",
        ),
        "evalkit.data.schema": ("Schema",),
        "evalkit.errors": ("EvalkitError", "InputError", "LoadError"),
        "evalkit.evaluation.adjudication": ("adjudicate",),
        "evalkit.evaluation.annotator_scores": ("agreement",),
        "evalkit.evaluation.corpus_scores": ("compare", "evaluate", "score"),
        "evalkit.evaluation.emulation": ("conventions", "emulate"),
        "evalkit.evaluation.error_fixes": ("fix_errors", "repair"),
        "evalkit.evaluation.span_scores": ("score_spans", "score_tags"),
        "evalkit.inference.runner": ("predict",),
        "evalkit.models.registry": ("load_model",),
        "evalkit.results.scores": ("Scores",),
        "evalkit.version": ("__version__",),
    },
)
