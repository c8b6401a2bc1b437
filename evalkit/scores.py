"""What is the number? Counts of what was there, what was said and what agreed, and the ratios of them.

Only counts are kept, as integers, for each unit (a document, or the parts of it in one zone) and label. Precision, recall
and F1 are worked out when they are asked for, so that adding, resampling and regrouping never leave a stale ratio behind.

    tp      credit on the predicted side: predicted items that answer a gold item, a half for each half credit
    found   credit on the gold side: gold items that are answered
    fp = predicted - tp, fn = gold - found
    precision = tp / predicted, recall = found / gold, F1 = 2 tp / (gold + predicted); 0/0 is None

Under a label-free scheme (exact, partial) a label's recall counts gold items of that label, its precision predicted ones,
and only micro has an F1. `micro` sums the labels; `macro` is the unweighted mean over the labels that gold has (seqeval
takes those of gold or prediction), `weighted` the mean weighed by their gold items; either leaves out a label whose value
is undefined.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np

from evalkit.columns import Cells, Ints
from evalkit.counting import COUNTS, FOUND, FOUND_HALF, GOLD, PREDICTED, TP, TP_HALF, WRONG_GOLD, WRONG_PREDICTED
from evalkit.errors import InputError, UnknownName
from evalkit.metrics import SCHEMES, Metric
from evalkit.pairs import Pair
from evalkit.render import RENDERERS, Report
from evalkit.summary import summarised
from evalkit.zones import Unit

AVERAGES = ("micro", "macro", "weighted")
SCHEMA_VERSION = 1


class Row(NamedTuple):
    """A line of a report. A label's row has no average, an average's row no label; macro and weighted have no counts."""

    metric: str
    label: str | None
    average: str | None
    precision: float | None
    recall: float | None
    f1: float | None
    tp: float | None = None
    found: float | None = None
    fp: float | None = None
    fn: float | None = None
    predicted: int | None = None
    gold: int | None = None


class Muc(NamedTuple):
    """The counts of SemEval-2013 task 9.1: of gold items correct + partial + incorrect + missing, of predicted ones … + spurious."""

    correct: int
    incorrect: int
    partial: int
    missing: int
    spurious: int


@dataclass(frozen=True)
class Counts:
    """The counts of one metric, sparse: `values[:, i]` are the COUNTS of `labels[label[i]]` in `units[unit[i]]`.

    `signature` says in order what the numbers depend on. `set_aside` counts, by reason, what was not matched: items outside
    the scored zones and items that a layer makes equal (not in the counts), copies and items without a place (in the
    counts, as wrong). `muc`: whether the last two counts, which only MUC's sums need, were made.
    """

    metric: str
    labels: tuple[str, ...]
    units: tuple[Unit, ...]
    unit: Cells
    label: Ints
    values: Cells
    signature: Mapping[str, str]
    set_aside: Mapping[str, int] = field(default_factory=dict)
    muc: bool = True

    def refuse_impossible(self) -> None:
        """Raise InputError for counts that no comparison could have made."""
        full, half = self.values[[FOUND, TP]], self.values[[FOUND_HALF, TP_HALF]]
        wrong = self.values[[WRONG_GOLD, WRONG_PREDICTED]]
        if (self.values < 0).any() or (full + half + wrong > self.values[[GOLD, PREDICTED]]).any():
            raise InputError(f"{self.metric}: counts that cannot be: more items answered than there are")

    @cached_property
    def totals(self) -> Ints:
        """Labels × COUNTS."""
        return self.summed(self.label, len(self.labels))

    def summed(self, group: Ints, n: int) -> Ints:
        """The counts added up by group: n × COUNTS."""
        # Sums of doubles are exact up to 2**53, far beyond any count.
        sums = [np.bincount(group, column, minlength=n) if column.any() else np.zeros(n) for column in self.values]
        return np.stack(sums, axis=1).astype(np.int64)


class MetricScores:
    """The scores under one metric: `scores["entities/strict"]["ORG"].f1`, `.micro`, `.macro`, `.weighted`, `.signature`."""

    def __init__(self, counts: Counts, digest: Callable[[str], str] | None = None, recount: Callable[[str], Counts] | None = None) -> None:
        """Keep the counts; `digest` makes that of gold when the signature is first asked for, `recount` the counts with MUC's."""
        self.counts = counts
        self._recount = recount
        self.metric = Metric.of(counts.metric)
        self._digest = digest

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of gold, prediction and schema, sorted."""
        return self.counts.labels

    def __getitem__(self, label: str) -> Row:
        if label not in self.counts.labels:
            raise UnknownName("label", label, self.counts.labels, within=self.counts.metric)
        return self._row(self.counts.totals[self.counts.labels.index(label)], label=label)

    @property
    def micro(self) -> Row:
        """All labels taken together."""
        return self._row(self.counts.totals.sum(axis=0), average="micro")

    @property
    def macro(self) -> Row:
        """The unweighted mean over the labels that gold has."""
        return self._mean("macro")

    @property
    def weighted(self) -> Row:
        """The mean over the labels that gold has, weighed by their gold items."""
        return self._mean("weighted")

    @property
    def signature(self) -> str:
        """One line that lets a stranger repeat the number."""
        return "|".join(f"{name}:{value}" for name, value in self.signed.items())

    @cached_property
    def signed(self) -> dict[str, str]:
        """The fields of the signature."""
        fields = dict(self.counts.signature)
        if self._digest is not None and fields.get("corpus", "").endswith("@"):
            fields["corpus"] += self._digest(self.metric.layer)[:8]
        return fields

    @property
    def full_counts(self) -> Counts:
        """The counts with those that only MUC's sums need; they are made when they are first asked for."""
        if not self.counts.muc and self._recount is not None:
            self.counts = self._recount(self.counts.metric)
        return self.counts

    @property
    def muc(self) -> Muc:
        """The counts of MUC, over all labels."""
        total = self.full_counts.totals.sum(axis=0)
        correct, partial, wrong = int(total[FOUND]), int(total[FOUND_HALF]), int(total[WRONG_GOLD])
        answered = correct + partial + wrong
        return Muc(correct, wrong, partial, int(total[GOLD]) - answered, int(total[PREDICTED]) - answered)

    def rows(self) -> list[Row]:
        """A row for each label, then the averages."""
        return [*(self[label] for label in self.labels), self.micro, self.macro, self.weighted]

    def by_document(self) -> Iterator[tuple[str, Row]]:
        """The micro average of each document, in the order of gold."""
        yield from self._by([id for id, _ in self.counts.units])

    def by_zone(self) -> Iterator[tuple[str, Row]]:
        """The micro average of each zone label; "" for documents without zones."""
        yield from self._by([zone or "" for _, zone in self.counts.units])

    def _by(self, names: Sequence[str]) -> Iterator[tuple[str, Row]]:
        place = {name: n for n, name in enumerate(dict.fromkeys(names))}
        groups = np.fromiter((place[name] for name in names), np.int64, len(names))
        for name, counts in zip(place, self.counts.summed(groups[self.counts.unit], len(place))):
            yield name, self._row(counts, average="micro")

    def _row(self, counts: Ints, *, label: str | None = None, average: str | None = None) -> Row:
        gold, predicted = int(counts[GOLD]), int(counts[PREDICTED])
        # Twice the credit, so that halves stay whole numbers until the one division.
        found, tp = 2 * int(counts[FOUND]) + int(counts[FOUND_HALF]), 2 * int(counts[TP]) + int(counts[TP_HALF])
        comparable = average == "micro" or SCHEMES[self.metric.scheme].same_label
        f1 = _ratio(2 * tp, 2 * (gold + predicted)) if comparable else None
        ratios = _ratio(tp, 2 * predicted), _ratio(found, 2 * gold), f1
        missed = _half(2 * predicted - tp), _half(2 * gold - found)
        return Row(str(self.metric), label, average, *ratios, _half(tp), _half(found), *missed, predicted, gold)

    def _mean(self, average: str) -> Row:
        rows = [row for row in map(self.__getitem__, self.labels) if row.gold]
        means: list[float | None] = []
        for name in ("precision", "recall", "f1"):
            known = [(getattr(row, name), (row.gold or 0) if average == "weighted" else 1) for row in rows if getattr(row, name) is not None]
            means.append(sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else None)
        precision, recall, f1 = means
        return Row(str(self.metric), None, average, precision, recall, f1)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _half(twice: int) -> float:
    return twice / 2 if twice % 2 else twice // 2


class Scores:
    """What `evaluate` and `score` return: print it, index it by metric, or ask for its rows."""

    def __init__(
        self,
        counts: Sequence[Counts],
        *,
        about: Mapping[str, Any],
        pairs: Callable[[Metric], Iterator[Pair]] | None = None,
        digest: Callable[[str], str] | None = None,
        recount: Callable[[], Sequence[Counts]] | None = None,
    ) -> None:
        """Keep the counts of each metric; `about`: model, corpus, versions, failures, warnings."""
        self._recount = recount
        self._metrics = {c.metric: MetricScores(c, digest, self._full) for c in counts}
        self.about = dict(about)
        self._pairs = pairs

    @cached_property
    def _recounted(self) -> dict[str, Counts]:
        return {counts.metric: counts for counts in self._recount()} if self._recount else {}

    def _full(self, metric: str) -> Counts:
        return self._recounted[metric]

    def pairs(self, metric: str | Metric) -> list[Pair]:
        """Who answers whom under a metric: (document, kind, gold item, predicted item), in the order of the text.

        Raises InputError where the documents are not at hand: for scores read from a file, or made from tags or bare spans.
        """
        if self._pairs is None:
            raise InputError("pairs need the documents, and these scores hold only counts; score the corpora again")
        return list(self._pairs(Metric.of(metric)))

    def __getitem__(self, metric: str) -> MetricScores:
        name = str(Metric.of(metric))
        if name not in self._metrics:
            raise UnknownName("metric", metric, self._metrics, within="these scores")
        return self._metrics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._metrics)

    def __len__(self) -> int:
        return len(self._metrics)

    def __contains__(self, metric: str) -> bool:
        return metric in self._metrics

    def rows(self) -> list[dict[str, Any]]:
        """A dict for each metric and label, and for each average."""
        return [row._asdict() for metric in self._metrics.values() for row in metric.rows()]

    def render(self, form: str = "table") -> str:
        """The report as table, markdown, csv or json."""
        if form not in RENDERERS:
            raise UnknownName("format", form, RENDERERS)
        return RENDERERS[form](self._report(counts=form == "json"))

    def to_json(self) -> str:
        """Everything: signatures, rows, counts, and what was run on what."""
        return self.render("json")

    def to_markdown(self) -> str:
        """The report as markdown tables."""
        return self.render("markdown")

    def to_csv(self) -> str:
        """The rows, with a header line."""
        return self.render("csv")

    def __str__(self) -> str:
        return self.render("table")

    def _report(self, *, counts: bool) -> Report:
        """What is rendered; the counts of every unit only where they are shown, for they may be many."""
        data = {
            "schema_version": SCHEMA_VERSION,
            "signature": {name: metric.signed for name, metric in self._metrics.items()},
            "rows": self.rows(),
            **({"counts": {name: _sparse(metric.full_counts) for name, metric in self._metrics.items()}} if counts else {}),
            "set_aside": {name: dict(metric.counts.set_aside) for name, metric in self._metrics.items()},
            **self.about,
        }
        return summarised(data)

    @classmethod
    def from_json(cls, text: str) -> Scores:
        """The scores that `to_json` wrote. Raises InputError where the text is none."""
        try:
            data = json.loads(text)
            if data["schema_version"] != SCHEMA_VERSION:
                raise InputError(f"a result of schema version {data['schema_version']!r}; this evalkit reads {SCHEMA_VERSION}")
            counts = [_dense(metric, cells, data) for metric, cells in data["counts"].items()]
        except InputError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
            raise InputError(f"not a result of evalkit: {type(error).__name__}: {error}") from None
        made = ("schema_version", "signature", "rows", "counts", "set_aside")
        return cls(counts, about={key: value for key, value in data.items() if key not in made})


def _sparse(counts: Counts) -> dict[str, Any]:
    order = np.lexsort((counts.label, counts.unit))
    cells = np.concatenate([np.stack([counts.unit, counts.label]), counts.values]).T[order]
    units = [list(unit) for unit in counts.units]
    return {"columns": ["unit", "label", *COUNTS], "labels": list(counts.labels), "units": units, "cells": cells.tolist()}


def _dense(metric: str, sparse: Mapping[str, Any], data: Mapping[str, Any]) -> Counts:
    cells: Any = np.array(sparse["cells"], np.int32).reshape(-1, 2 + len(COUNTS))
    labels, units = tuple(sparse["labels"]), tuple((id, zone) for id, zone in sparse["units"])
    if len(cells) and not (0 <= cells[:, 0].min() <= cells[:, 0].max() < len(units) and 0 <= cells[:, 1].min() <= cells[:, 1].max() < len(labels)):
        raise IndexError(f"{metric}: a count of a unit or label that is not listed")
    signature = {str(name): str(value) for name, value in data["signature"][metric].items()}
    unit, label = np.ascontiguousarray(cells[:, 0]), np.ascontiguousarray(cells[:, 1])
    counts = Counts(metric, labels, units, unit, label, np.ascontiguousarray(cells[:, 2:].T), signature, dict(data["set_aside"][metric]))
    counts.refuse_impossible()
    return counts


@lru_cache
def evalkit_version() -> str:
    """The version of the installed distribution; "unknown" where evalkit is run from a folder that was never installed."""
    try:
        return version("evalkit-ie")
    except PackageNotFoundError:
        return "unknown"
