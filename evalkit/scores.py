"""What is the number? Counts of what was there, what was said and what agreed, and the ratios of them.

Only counts are kept, as integers, for each document and label. Precision, recall and F1 are worked out when they are asked
for, so that adding, resampling and regrouping never leave a stale ratio behind.

    tp      credit on the predicted side: predicted items that answer a gold item
    found   credit on the gold side: gold items that are answered
    fp = predicted - tp, fn = gold - found
    precision = tp / predicted, recall = found / gold, F1 = 2 tp / (gold + predicted); 0/0 is None

Under a label-free scheme (exact) a label's recall counts gold items of that label, its precision predicted ones, and only
micro has an F1. `micro` sums the labels; `macro` is the unweighted mean over the labels that gold has, `weighted` the mean
weighed by their gold items; either leaves out a label whose value is undefined.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from evalkit.columns import Ints
from evalkit.errors import InputError, UnknownName
from evalkit.metrics import SCHEMES, Metric
from evalkit.render import RENDERERS, Report
from evalkit.summary import summarised

COUNTS = ("gold", "predicted", "found", "tp")
GOLD, PREDICTED, FOUND, TP = range(4)
AVERAGES = ("micro", "macro", "weighted")
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Row:
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


@dataclass(frozen=True)
class Counts:
    """The counts of one metric, sparse: `values[i]` is (gold, predicted, found, tp) of `labels[label[i]]` in `units[unit[i]]`.

    `units` are document ids. `signature` says in order what the numbers depend on. `set_aside` counts, by reason, what was
    not matched: items outside the scored zones and copies that a layer makes equal (not in the counts), duplicates and
    items without a place (in the counts, as wrong).
    """

    metric: str
    labels: tuple[str, ...]
    units: tuple[str, ...]
    unit: Ints
    label: Ints
    values: Ints
    signature: Mapping[str, str]
    set_aside: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def totals(self) -> Ints:
        """Labels × (gold, predicted, found, tp)."""
        total = np.zeros((len(self.labels), len(COUNTS)), np.int64)
        np.add.at(total, self.label, self.values)
        return total


class MetricScores:
    """The scores under one metric: `scores["entities/strict"]["ORG"].f1`, `.micro`, `.macro`, `.weighted`, `.signature`."""

    def __init__(self, counts: Counts) -> None:
        """Keep the counts."""
        self.counts = counts
        self.metric = Metric.of(counts.metric)

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
        return "|".join(f"{name}:{value}" for name, value in self.counts.signature.items())

    def rows(self) -> list[Row]:
        """A row for each label, then the averages."""
        return [*(self[label] for label in self.labels), self.micro, self.macro, self.weighted]

    def by_document(self) -> Iterator[tuple[str, Row]]:
        """The micro average of each document, in the order of the units."""
        total = np.zeros((len(self.counts.units), len(COUNTS)), np.int64)
        np.add.at(total, self.counts.unit, self.counts.values)
        for unit, counts in zip(self.counts.units, total, strict=True):
            yield unit, self._row(counts, average="micro")

    def _row(self, counts: Ints, *, label: str | None = None, average: str | None = None) -> Row:
        gold, predicted, found, tp = (int(count) for count in counts)
        comparable = average == "micro" or SCHEMES[self.metric.scheme].same_label
        f1 = _ratio(2 * tp, gold + predicted) if comparable else None
        fp, fn = predicted - tp, gold - found
        return Row(str(self.metric), label, average, _ratio(tp, predicted), _ratio(found, gold), f1, tp, found, fp, fn, predicted, gold)

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


class Scores:
    """What `evaluate` and `score` return: print it, index it by metric, or ask for its rows."""

    def __init__(self, counts: Sequence[Counts], *, about: Mapping[str, Any]) -> None:
        """Keep the counts of each metric; `about`: model, corpus, versions, failures, what was left out, warnings."""
        self._metrics = {c.metric: MetricScores(c) for c in counts}
        self.about = dict(about)

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
        return [asdict(row) for metric in self._metrics.values() for row in metric.rows()]

    def render(self, form: str = "table") -> str:
        """The report as table, markdown, csv or json."""
        if form not in RENDERERS:
            raise UnknownName("format", form, RENDERERS)
        return RENDERERS[form](self._report())

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

    def _report(self) -> Report:
        data = {
            "schema_version": SCHEMA_VERSION,
            "signature": {name: dict(metric.counts.signature) for name, metric in self._metrics.items()},
            "rows": self.rows(),
            "counts": {name: _sparse(metric.counts) for name, metric in self._metrics.items()},
            "set_aside": {name: dict(metric.counts.set_aside) for name, metric in self._metrics.items()},
            **self.about,
        }
        return summarised(data)

    @classmethod
    def from_json(cls, text: str) -> Scores:
        """The scores that `to_json` wrote. Raises InputError where the text is none."""
        try:
            data = json.loads(text)
            counts = [_dense(metric, cells, data) for metric, cells in data["counts"].items()]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"not a result of evalkit: {type(error).__name__}: {error}") from None
        made = ("schema_version", "signature", "rows", "counts", "set_aside")
        return cls(counts, about={key: value for key, value in data.items() if key not in made})


def _sparse(counts: Counts) -> dict[str, Any]:
    order = np.lexsort((counts.label, counts.unit))
    cells = [[int(counts.unit[i]), int(counts.label[i]), *map(int, counts.values[i])] for i in order]
    return {"columns": ["unit", "label", *COUNTS], "labels": list(counts.labels), "units": list(counts.units), "cells": cells}


def _dense(metric: str, sparse: Mapping[str, Any], data: Mapping[str, Any]) -> Counts:
    cells = np.array(sparse["cells"], np.int64).reshape(-1, 2 + len(COUNTS))
    unit, label = np.ascontiguousarray(cells[:, 0]), np.ascontiguousarray(cells[:, 1])
    labels, units = tuple(sparse["labels"]), tuple(sparse["units"])
    return Counts(metric, labels, units, unit, label, cells[:, 2:], data["signature"][metric], data["set_aside"][metric])
