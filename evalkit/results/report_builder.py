"""Writes ratios with their intervals, and says what the intervals are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from evalkit.results.rows import Row
from evalkit.results.tables import DEFAULT_FORMAT, NumberFormat, Table
from evalkit.results.wording import format_count, join_some, pluralize
from evalkit.scoring.counts import Accuracy
from evalkit.scoring.metrics import Metric
from evalkit.stats.intervals import Resampling
from evalkit.stats.ratio_intervals import (
    NO_ERROR,
    NOTHING_RIGHT,
    Interval,
    few_outcomes_reason,
    few_units_reason,
    single_unit_reason,
)


class ReportBuilder:
    """Writes ratios and their intervals, and the notes on them."""

    def __init__(
        self,
        resampling: Resampling,
        numbers: NumberFormat,
        accuracies: Mapping[str, Accuracy] | None = None,
        lenient_metrics: Collection[str] = (),
    ) -> None:
        """Intervals are named by their level; those over sentences are called ranges. accuracies:
        those of the metrics that have one. lenient_metrics: those under which gold is not plain.
        """
        self.resampling = resampling
        self.numbers = numbers
        self.accuracies = accuracies or {}
        self.lenient_metrics = lenient_metrics
        self.interval_name = name_interval(resampling)
        intervals = (self.interval_name,) if resampling.boot else ()
        self.ratio_columns = ("P", "R", "F1", *intervals)
        self.columns = (*self.ratio_columns, "TP", "FP", "FN", "support")

    def ratios(self, row: Row) -> tuple[str, ...]:
        """Precision, recall, F1 and the interval of F1, where there are intervals."""
        cells = [self.numbers.format(value) for value in (row.precision, row.recall, row.f1)]
        if self.resampling.boot:
            cells.append(format_interval(row.interval("f1"), self.numbers))
        return tuple(cells)

    def line(self, name: str, row: Row) -> tuple[str, ...]:
        """A row of a table."""
        counts = map(format_count, (row.tp, row.fp, row.fn, row.gold))
        return (name, *self.ratios(row), *counts)

    def table(
        self,
        title: str,
        lines: Sequence[tuple[str, ...]],
        notes: Sequence[str],
        first_column: str,
        first_average: int | None = None,
    ) -> Table:
        """A table; a narrow terminal hides counts first, and then the intervals."""
        return Table(
            title,
            (first_column, *self.columns),
            tuple(lines),
            tuple(notes),
            ("FN", "FP", "TP", self.interval_name),
            first_average=first_average,
        )

    def notes(self, rows: Sequence[Row], names: Sequence[str] = ()) -> list[str]:
        """What the intervals of a table do not say by themselves: bounds, and rows whose interval
        is to be read with care. names: of the rows, if not their labels and averages.
        """
        if not self.resampling.boot:
            return []
        shown = names or [row.label or row.average or "" for row in rows]
        rows_of_reason: dict[str, list[str]] = {}
        for name, row in zip(shown, rows, strict=True):
            reason = row.interval("f1").reason
            rows_of_reason.setdefault(reason, []).append(name)
        notes = []
        bounds = [
            f"{sign}: {reason}, so that there is only a bound"
            for sign, reason in (("≥", NO_ERROR), ("≤", NOTHING_RIGHT))
            if reason in rows_of_reason
        ]
        if bounds:
            notes.append("; ".join(bounds))
        unit = self.resampling.unit
        for reason in (few_units_reason(unit), few_outcomes_reason(unit)):
            if reason in rows_of_reason:
                of_reason = rows_of_reason[reason]
                is_everywhere = len(of_reason) == len(rows) > 1
                notes.append(
                    f"{'all intervals' if is_everywhere else join_some(of_reason)}: {reason}"
                )
        return notes

    def accuracy_notes(self, metrics: Sequence[str]) -> list[str]:
        """The accuracy of each metric that has one."""
        notes = []
        for metric in metrics:
            accuracy = self.accuracies.get(metric)
            if accuracy is not None and not accuracy.pairs:
                notes.append("accuracy: no pairs with equal spans")
            elif accuracy is not None:
                notes.append(
                    f"accuracy: {self.numbers.format(accuracy.value)} ({accuracy.correct:,} of"
                    f" {pluralize(accuracy.pairs, 'pair')} with equal spans)"
                )
        return notes

    def single_document_lines(
        self, signatures_of: Mapping[str, Mapping[str, str]]
    ) -> Iterator[str]:
        """Which layers are annotated in one document of several, and so have no intervals."""
        resampling = self.resampling
        if resampling.documents == 1 or resampling.units == "sentences" or not resampling.boot:
            return
        layers: dict[str, None] = {}
        for metric, fields in signatures_of.items():
            if fields["docs"].startswith("1/"):
                layers[Metric.parse(metric).layer] = None
        if layers:
            yield (
                f"annotated in one document: {', '.join(layers)}; one document says nothing about"
                " others, so that there are no intervals"
            )

    def interval_lines(
        self, unit_counts: Mapping[str, int], micro_rows: Sequence[Row]
    ) -> Iterator[str]:
        """How the intervals were made, and what they allow to conclude.

        micro_rows: the micro average of each metric; the first stands for all.
        """
        resampling = self.resampling
        if not resampling.boot:
            return
        layers_of: dict[int, list[str]] = {}
        for metric, count in unit_counts.items():
            layers_of.setdefault(count, []).append(Metric.parse(metric).layer)
        parts = []
        for count, layers in layers_of.items():
            part = pluralize(count, resampling.unit)
            if len(layers_of) > 1:
                part += f" ({', '.join(dict.fromkeys(layers))})"
            parts.append(part)
        over = f"{resampling.method} ({', '.join(parts)})"
        with_items = [row for row in micro_rows if row.predicted or row.gold]
        if resampling.documents == 1 and resampling.units == "documents":
            yield f"no {self.interval_name}: the units are documents, and there is one"
            return
        if all(row.interval("f1").low is None for row in with_items):
            reasons = dict.fromkeys(row.interval("f1").reason for row in with_items)
            yield f"no {self.interval_name}: {'; '.join(reasons) or 'there are no items'}"
            return
        if resampling.units == "sentences":
            yield (
                f"{_level(resampling)} range of F1: {RANGE_NAME} ({over}); it is no confidence"
                " interval"
            )
        else:
            yield f"{self.interval_name} of F1: {over}"
        yield from self._effective_unit_lines(with_items[0])

    def _effective_unit_lines(self, row: Row) -> Iterator[str]:
        """The effective number of units of the first metric."""
        effective = row.effective_units("f1")
        if effective is None or row.intervals is None:
            return
        unit = self.resampling.unit
        sample = row.intervals.sample_of_row(None, "micro")["f1"]
        line = (
            f"effective {unit}s of {row.metric}, micro: {effective:.1f} of {sample.units:,} with"
            " items"
        )
        dominating = row.intervals.dominating_units
        if dominating:
            line += (
                f"; a few {unit}s dominate: {dominating:,} of {sample.units:,} hold half of the"
                " items"
            )
        yield line


RANGE_NAME = "sentence-resampling range, these documents only"


def name_sample_limit(resampling: Resampling) -> str:
    """What intervals and p that describe the documents at hand are limited to."""
    return RANGE_NAME if resampling.units == "sentences" else "this document only"


def _level(resampling: Resampling) -> str:
    return f"{100 * resampling.level:g} %"


def name_interval(resampling: Resampling) -> str:
    """The header of the column of intervals, which says what they are."""
    name = RANGE_NAME if resampling.units == "sentences" else "CI"
    return f"{_level(resampling)} {name}"


def format_interval(interval: Interval, numbers: NumberFormat = DEFAULT_FORMAT) -> str:
    """An interval; a bound as ≥ or ≤; where all items are in one unit, that instead."""
    if interval.low is None or interval.high is None:
        return _format_absence(interval)
    if interval.reason == NO_ERROR:
        return f"≥ {numbers.format(interval.low)}"
    if interval.reason == NOTHING_RIGHT:
        return f"≤ {numbers.format(interval.high)}"
    return numbers.format_range(interval.low, interval.high)


def format_signed_interval(interval: Interval, numbers: NumberFormat = DEFAULT_FORMAT) -> str:
    """The interval of a difference, both ends with their signs."""
    if interval.low is None or interval.high is None:
        return _format_absence(interval)
    return f"{numbers.format_signed(interval.low)} to {numbers.format_signed(interval.high)}"


def _format_absence(interval: Interval) -> str:
    for unit in ("document", "sentence"):
        if interval.reason == single_unit_reason(unit):
            return f"– (1 {unit})"
    return "–"


def shorten_interval_name(resampling: Resampling) -> str:
    """The header of a narrow column of intervals; `interval_note` says what they are."""
    kind = "range" if resampling.units == "sentences" else "CI"
    return f"{_level(resampling)} {kind}"


def interval_note(resampling: Resampling, quantity: str) -> str:
    """What the intervals in a column with a short header are; empty without intervals."""
    if not resampling.boot:
        return ""
    name = shorten_interval_name(resampling)
    if resampling.units == "sentences":
        return f"{name}: of the {quantity}; {RANGE_NAME}"
    return f"{name}: of the {quantity}"


def caution_notes(intervals: Sequence[tuple[str, Interval]], resampling: Resampling) -> list[str]:
    """Which of some named intervals of differences are to be read with care, or are missing, and
    why.
    """
    if not resampling.boot:
        return []
    names_of: dict[str, list[str]] = {}
    for name, interval in intervals:
        if interval.reason:
            names_of.setdefault(interval.reason, []).append(name)
    has_none = all(interval.low is None for _, interval in intervals)
    notes = []
    for reason, names in names_of.items():
        subject = join_some(names)
        if len(names) == len(intervals) > 1:
            subject = "no intervals" if has_none else "all intervals"
        notes.append(f"{subject}: {reason}")
    return notes
