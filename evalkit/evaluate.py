"""The whole library on one page: predict, take the items, pair them, count.

    corpus → predict → documents, two and two → layer → columns → match → counts → Scores

Read the functions downwards; each uses what the one above it made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from evalkit.columns import Codes, Coding, Columns, Ints, block_offsets, first_of_each, in_zones, keys, repeats, to_columns
from evalkit.corpus import Corpus, load_corpus, maps_by_layer, repeated
from evalkit.document import Document
from evalkit.errors import InputError, LoadError, UnknownName, shown
from evalkit.layers import LAYERS
from evalkit.match import match
from evalkit.metrics import SCHEMES, Metric, every_metric, named
from evalkit.predict import predict
from evalkit.schema import LabelMap, Schema
from evalkit.scores import COUNTS, FOUND, GOLD, PREDICTED, TP, Counts, Scores

BLOCK = 256  # documents that are compared at once: small enough to stay in the processor's cache
FEW_DOCUMENTS = 20
Labels = str | Mapping[str, Any] | tuple[Any, Any] | Sequence[str] | None


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
) -> Scores:
    """Score one corpus against another over the same texts: a model's, or a second annotator's.

    gold, predicted: corpora, or paths. metrics: names such as "entities/strict" or "tri-c"; without them, every scheme of each
    layer that gold has and the prediction gives. labels: the name of a label map in gold's schema, a map, a pair of maps
    (gold's, prediction's), or a list of entity labels to keep. zones: "primary" (those that the schema names), "all", or names.
    missing: "refuse" a prediction that lacks documents, or take them as "empty".

    Raises InputError for documents that are missing, unknown or have other texts, and for copies in gold.
    """
    gold = gold if isinstance(gold, Corpus) else load_corpus(gold)
    predicted = predicted if isinstance(predicted, Corpus) else load_corpus(predicted, predictions=True)
    run = Run(gold, predicted, _options(labels, zones, missing))
    wanted = run.metrics(metrics)
    return Scores([run.counts(metric) for metric in wanted], about=run.about(wanted))


@dataclass(frozen=True)
class Options:
    """What was asked for, in the words of the signature."""

    labels: Labels
    zones: str | frozenset[str]
    missing: str


def _options(labels: Labels, zones: str | Iterable[str], missing: str) -> Options:
    if missing not in ("refuse", "empty"):
        raise UnknownName("value", missing, ("refuse", "empty"), within="missing=")
    if zones in ("primary", "all"):
        return Options(labels, str(zones), missing)
    return Options(labels, frozenset([zones] if isinstance(zones, str) else zones), missing)


@dataclass(frozen=True)
class Side:
    """One side of a block under a layer, and what of it is not matched: `extra[i]` is (document, label) of a wrong item."""

    columns: Columns
    extra: Ints
    aside: Mapping[str, int]


@dataclass
class Run:
    """Two corpora over the same texts, joined by id, and what was asked of them."""

    gold: Corpus
    predicted: Corpus
    options: Options
    pairs: list[tuple[Document, Document]] = field(init=False)
    mapping: str = field(init=False, default="none")

    def __post_init__(self) -> None:
        """Join the two sides and put both under the label map."""
        for document in self.gold:
            if fault := next(repeated(document), None):
                raise LoadError([f"{self.gold.name}: {fault}"])
        self.pairs = list(_joined(self.gold, self.predicted, self.options.missing))
        self._map_labels()

    def _map_labels(self) -> None:
        maps = _maps(self.options.labels, self.pairs, self.gold.schema)
        if maps is None:
            return
        mapped = [Corpus(side).map_labels(of) if of else side for side, of in zip(zip(*self.pairs, strict=True), maps, strict=True)]
        self.pairs = list(zip(*mapped, strict=True))
        named_map = isinstance(self.options.labels, str)
        self.mapping = str(self.options.labels) if named_map else hashlib.sha256(msgspec.json.encode(maps, order="sorted")).hexdigest()[:8]

    def metrics(self, asked: str | Iterable[str | Metric] | None) -> list[Metric]:
        """The metrics asked for; else those of each layer that gold has and the prediction gives."""
        gives = {marks: self._gives(marks) for marks in {layer.marks for layer in LAYERS.values()}}
        if asked is None:
            found = [metric for metric in every_metric() if all(gives[LAYERS[metric.layer].marks])]
            if not found:
                raise InputError(f"{self.gold.name} and {self.predicted.name} have no layer in common to score")
            return found
        for metric in (wanted := named(asked)):
            marks = LAYERS[metric.layer].marks
            for side, has in zip((self.gold, self.predicted), gives[marks], strict=True):
                if not has:
                    raise InputError(f"{metric}: {side.name} has no {marks} in any document")
        return wanted

    def _gives(self, marks: str) -> tuple[bool, bool]:
        gold = any(getattr(g, marks) is not None for g, _ in self.pairs)
        said = any(getattr(p, marks) is not None or p.failure is not None for _, p in self.pairs)
        return gold, said

    def counts(self, metric: Metric) -> Counts:
        """The counts of a metric over all documents that gold annotates in its layer."""
        layer = LAYERS[metric.layer]
        pairs = [(g, p) for g, p in self.pairs if getattr(g, layer.marks) is not None]
        _refuse_unannotated(pairs, layer.marks)
        labels = Codes()
        for label in self.gold.schema.declared(metric.layer) if self.gold.schema and self.mapping == "none" else ():
            labels[label]
        zones = self.scored_zones(layer.marks)
        cells, aside = [], {"documents_not_annotated": len(self.pairs) - len(pairs)}
        for first in range(0, len(pairs), BLOCK):
            block = Block(pairs[first : first + BLOCK], metric, labels, zones)
            cells.append(block.cells() + np.array([first, *[0] * (1 + len(COUNTS))]))
            for reason, number in block.aside.items():
                aside[reason] = aside.get(reason, 0) + number
        return self._sorted(metric, pairs, labels, np.concatenate(cells) if cells else np.zeros((0, 6), np.int64), aside)

    def _sorted(self, metric: Metric, pairs: Sequence[tuple[Document, Document]], labels: Codes, cells: Ints, aside: Mapping[str, int]) -> Counts:
        names = sorted(labels)
        place = np.array([names.index(label) for label in labels], np.int64) if len(names) < 99 else _places(labels, names)
        units = tuple(gold.id for gold, _ in pairs)
        label = place[cells[:, 1]] if len(place) else cells[:, 1]
        signature = self.signature(metric, pairs)
        return Counts(str(metric), tuple(names), units, cells[:, 0], label, cells[:, 2:], signature, aside)

    def scored_zones(self, marks: str) -> frozenset[str] | None:
        """The zones in which a layer is scored; None for everywhere."""
        if self.options.zones == "all":
            return None
        if self.options.zones == "primary":
            return self.gold.schema.primary_zones(marks) if self.gold.schema else None
        known = {zone.label for gold, _ in self.pairs for zone in gold.zones}
        for zone in sorted(self.options.zones):
            if zone not in known:
                raise UnknownName("zone", zone, ("primary", "all", *sorted(known)), within=self.gold.name)
        return frozenset(self.options.zones)

    def signature(self, metric: Metric, pairs: Sequence[tuple[Document, Document]]) -> dict[str, str]:
        """What the number depends on, in order."""
        zones = self.scored_zones(LAYERS[metric.layer].marks)
        fields = {
            "evalkit": evalkit_version(),
            "corpus": f"{self.gold.name}@{digest(self.gold, LAYERS[metric.layer].marks)[:8]}",
            "docs": f"{len(pairs)}/{len(self.pairs)}",
            "metric": str(metric),
            "zones": "all" if zones is None else "+".join(sorted(zones)) or "none",
            "macro": "gold-labels",
            "map": self.mapping,
            "dup": "fp",
            "missing": self.options.missing,
            "model": self.predicted.name,
        }
        return {name: value.replace("|", "/").replace("\n", " ") for name, value in fields.items()}

    def about(self, metrics: Sequence[Metric]) -> dict[str, Any]:
        """What was run on what, for the head and the foot of the report."""
        texts = {"name": self.gold.name, "documents": len(self.pairs), "digest": digest(self.gold, *sorted({LAYERS[m.layer].marks for m in metrics}))}
        failures = {predicted.id: predicted.failure for _, predicted in self.pairs if predicted.failure is not None}
        return {
            "model": self.predicted.name,
            "corpus": texts,
            "versions": {"evalkit": evalkit_version(), "numpy": np.__version__},
            "failures": failures,
            "warnings": list(self._warnings()),
        }

    def _warnings(self) -> Iterator[str]:
        if len(self.pairs) == 1:
            yield "one document: these numbers describe this text, and rank no models"
        elif len(self.pairs) < FEW_DOCUMENTS:
            yield f"{len(self.pairs)} documents: differences between models may well be chance"
        absent = len(self.gold) - sum(g.id in self.predicted for g in self.gold)
        if absent:
            yield f"{absent} documents are missing from the prediction and were taken as empty"
        if maps := _maps(self.options.labels, self.pairs, self.gold.schema):
            kept = sorted({e.label for g, p in self.pairs for e in (*(g.entities or ()), *(p.entities or ()))} - {v for m in maps for v in m.get("entities", {}).values()})
            if kept:
                yield f"labels that the map does not name were kept: {', '.join(kept[:10])}"


def _places(labels: Codes, names: Sequence[str]) -> Ints:
    at = {name: n for n, name in enumerate(names)}
    return np.array([at[label] for label in labels], np.int64)


def _joined(gold: Corpus, predicted: Corpus, missing: str) -> Iterator[tuple[Document, Document]]:
    """Each gold document with its prediction. Refuses what is missing, unknown, or over another text."""
    if extra := [id for id in predicted.ids if id not in gold]:
        raise InputError(f"{predicted.name}: {len(extra)} documents are not in {gold.name}, such as {shown(extra[0])}; score against the corpus they come from")
    lacking = [id for id in gold.ids if id not in predicted]
    if lacking and missing == "refuse":
        raise InputError(
            f"{predicted.name}: lacks {len(lacking)} of {len(gold)} documents, such as {shown(lacking[0])}; predict them, or count them as empty with missing=empty"
        )
    for document in gold:
        if document.id not in predicted:
            yield document, Document(document.id, document.text, entities=(), events=(), attributions=())
            continue
        answer = predicted[document.id]
        if answer.text != document.text:
            raise InputError(f"{predicted.name}: document {shown(document.id)} has another text than in {gold.name}{_first_difference(document.text, answer.text)}")
        yield document, answer


def _first_difference(gold: str, other: str) -> str:
    at = next((n for n, (a, b) in enumerate(zip(gold, other, strict=False)) if a != b), min(len(gold), len(other)))
    return f": from character {at} on, {shown(other[at : at + 20])} where {shown(gold[at : at + 20])} is expected"


def _refuse_unannotated(pairs: Sequence[tuple[Document, Document]], marks: str) -> None:
    for _, predicted in pairs:
        if getattr(predicted, marks) is None and predicted.failure is None:
            raise InputError(
                f"document {shown(predicted.id)}: the prediction has no {marks}, while others have; write an empty list for none found, or a failure with its reason"
            )


def _maps(labels: Labels, pairs: Sequence[tuple[Document, Document]], schema: Schema | None) -> tuple[dict[str, LabelMap], dict[str, LabelMap]] | None:
    """The label maps of gold and of the prediction, keyed by layer; None where there are none."""
    if labels is None:
        return None
    if isinstance(labels, tuple):
        gold, predicted = labels
        return tuple({} if of is None else maps_by_layer(of, schema) for of in (gold, predicted))  # type: ignore[return-value]
    if isinstance(labels, (str, Mapping)):
        both = maps_by_layer(labels, schema)
        return both, both
    there = {e.label for pair in pairs for document in pair for e in document.entities or ()}
    dropped: dict[str, LabelMap] = {"entities": dict.fromkeys(sorted(there - set(labels)))}
    return dropped, dropped


class Block:
    """Some documents of both sides under one metric."""

    def __init__(self, pairs: Sequence[tuple[Document, Document]], metric: Metric, labels: Codes, zones: frozenset[str] | None) -> None:
        """Make the columns of both sides."""
        self.layer, self.scheme = LAYERS[metric.layer], SCHEMES[metric.scheme]
        self.as_set = self.layer.as_set and not self.scheme.same_label
        self.marks, self.labels, self.n = metric.layer, labels, len(pairs)
        coding = Coding(labels, Codes(), Codes())
        golden = [gold for gold, _ in pairs]
        self.gold = self._side(golden, golden, coding, zones, "gold")
        self.predicted = self._side([predicted for _, predicted in pairs], golden, coding, zones, "predicted")
        self.aside = {**self.gold.aside, **self.predicted.aside}

    def _side(self, documents: list[Document], golden: list[Document], coding: Coding, zones: frozenset[str] | None, name: str) -> Side:
        offsets = block_offsets(golden)
        items = self.layer.items(documents)
        columns = to_columns(items, coding, offsets)
        inside = in_zones(columns, items, golden, offsets, zones)
        whole = _item_keys(columns, label=True)
        copies = repeats(self.layer, documents, columns, whole) if name == "predicted" else np.zeros(len(columns), bool)
        scored = inside & ~copies
        kept = columns.take(scored)
        order = np.argsort(self._rank()[kept.label], kind="stable") if len(kept) else np.zeros(0, np.int64)
        kept = kept.take(order)  # so that of items that become equal, the first by name is the one that stays
        kept_first = kept.take(first_of_each(_item_keys(kept, label=not self.as_set)))
        extra = np.stack([columns.document, columns.label], axis=1)[inside & copies]
        aside = {f"{name}_outside_zones": int((~inside).sum()), f"{name}_merged": len(kept) - len(kept_first)}
        if name == "predicted":
            unplaced = _unplaced(documents, self.marks, coding.labels)
            aside |= {"duplicate": len(extra), "unplaced": len(unplaced)}
            extra = np.concatenate([extra, unplaced])
        return Side(kept_first, extra, aside)

    def _rank(self) -> Ints:
        """The place of each label in the order of names, which is the same whatever was read first."""
        names = list(self.labels)
        rank = np.empty(len(names), np.int64)
        rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
        return rank

    def cells(self) -> Ints:
        """(document, label, gold, predicted, found, tp) for each document and label that has any."""
        gold, predicted = self.gold.columns, self.predicted.columns
        pairs = match(gold, predicted, self.scheme, self._rank())
        width = max(len(self.labels), 1)
        total = np.zeros((self.n * width, len(COUNTS)), np.int64)
        for column, of, rows in (
            (GOLD, gold, slice(None)),
            (PREDICTED, predicted, slice(None)),
            (FOUND, gold, pairs.gold),
            (TP, predicted, pairs.predicted),
        ):
            total[:, column] = np.bincount((of.document * width + of.label)[rows], minlength=len(total))
        extra = self.predicted.extra
        total[:, PREDICTED] += np.bincount(extra[:, 0] * width + extra[:, 1], minlength=len(total))
        there = np.flatnonzero(total.any(axis=1))
        return np.concatenate([np.stack([there // width, there % width], axis=1), total[there]], axis=1)


def _item_keys(columns: Columns, *, label: bool) -> Ints:
    names = ("head", "start", "end", "fragments", *(("label",) if label else ()))
    return keys(*(getattr(columns, name) for name in names))


def _unplaced(documents: Sequence[Document], layer: str, labels: Codes) -> Ints:
    found = [(n, labels[item.label]) for n, document in enumerate(documents) for item in document.unplaced if item.layer == layer]
    return np.array(found, np.int64).reshape(-1, 2)


def digest(corpus: Corpus, *layers: str) -> str:
    """The sha256 of a corpus: of its schema and of each document's text, zones and gold in the layers, sorted by id."""
    whole = hashlib.sha256(msgspec.json.encode(corpus.schema, order="sorted"))
    for document in sorted(corpus, key=lambda d: d.id):
        parts = (document.id, document.text, document.zones, *(getattr(document, layer) for layer in layers))
        whole.update(hashlib.sha256(msgspec.json.encode(parts, order="sorted")).digest())
    return whole.hexdigest()


def evalkit_version() -> str:
    """The version of the installed distribution; "unknown" where evalkit is run from a folder that was never installed."""
    try:
        return version("evalkit-ie")
    except PackageNotFoundError:
        return "unknown"
