"""The whole library on one page: predict, join, take the items, pair them, count.

corpus → predict → documents of both sides, chunk by chunk → layer → columns → match → counts → Scores
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evalkit.corpus import Corpus, load_corpus, schema_at
from evalkit.errors import InputError, UnknownName, shown
from evalkit.formats import split_prefix
from evalkit.gathering import Run
from evalkit.joining import Source, is_jsonl
from evalkit.metrics import Metric, named
from evalkit.predict import predict
from evalkit.relabel import Labels, mapping_of
from evalkit.schema import Schema
from evalkit.scores import Scores


def evaluate(model: object, corpus: Corpus | str | Path | None = None, metrics: Any = None, **options: Any) -> Scores:
    """Run a model over a corpus (the bundled one if none is given) and score what it says. Options: see `score`."""
    gold = corpus if isinstance(corpus, Corpus) else load_corpus(corpus)
    return score(gold, predict(model, gold), metrics, **options)


def score(
    gold: Corpus | str | Path,
    predicted: Corpus | str | Path,
    metrics: str | Iterable[str | Metric] | None = None,
    *,
    labels: Labels = None,
    zones: str | Iterable[str] = "primary",
    missing: str = "refuse",
    jobs: int = 1,
) -> Scores:
    """Score one corpus against another over the same texts: a model's, or a second annotator's.

    gold, predicted: corpora, or paths; JSONL files are read block by block and never held whole. metrics: names such as
    "entities/strict" or "tri-c"; without them, for each layer that gold has and the prediction gives, what DEFAULTS names.
    labels: the name of a label map in gold's schema, a map, a pair of maps (gold's, prediction's), or a list of entity
    labels to keep. zones: "primary" (those that the schema names), "all", or names. missing: "refuse" a prediction that
    lacks documents, or take them as "empty". jobs: processes that read and count, where both sides are JSONL files in one order.

    Raises InputError for documents that are missing, unknown or have other texts, and LoadError for copies in gold.
    """
    if missing not in ("refuse", "empty"):
        raise UnknownName("value", missing, ("refuse", "empty"), within="missing=")
    source = _source(gold, predicted, missing)
    run = Run(source, None if metrics is None else named(metrics), mapping_of(labels, source.schema), _zones(zones))
    return run.scores() if jobs == 1 else run.in_shards(jobs)


def _source(gold: Corpus | str | Path, predicted: Corpus | str | Path, missing: str) -> Source:
    golden, schema, name = _opened(gold, predictions=False)
    said, _, model = _opened(predicted, predictions=True)
    return Source(name, model, schema, golden, said, missing)


def _opened(corpus: Corpus | str | Path, *, predictions: bool) -> tuple[Corpus | Path, Schema | None, str]:
    """A corpus, or the path of a file that is read block by block; with its schema and its name."""
    if isinstance(corpus, (str, Path)):
        _, where = split_prefix(corpus)
        if is_jsonl(where):
            return where, schema_at(where, "jsonl"), where.stem
        corpus = load_corpus(corpus, predictions=predictions)
    if not isinstance(corpus, Corpus):
        raise InputError(f"{shown(corpus)} is no corpus: a Corpus or a path would do; Corpus([...]) makes one of documents")
    return corpus, corpus.schema, corpus.name


def _zones(zones: str | Iterable[str]) -> str | frozenset[str]:
    if zones in ("primary", "all"):
        return str(zones)
    names = [zones] if isinstance(zones, str) else list(zones) if isinstance(zones, Iterable) else [zones]
    if not all(isinstance(name, str) for name in names):
        raise InputError(f"zones={shown(zones)}: primary, all, or names of zones would do")
    chosen = frozenset(str(name).strip() for name in names)
    return next(iter(chosen)) if chosen in ({"primary"}, {"all"}) else chosen
