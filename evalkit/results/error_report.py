"""The report of an error analysis: tables of kinds, confusions, buckets, documents and examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.analysis.breakdowns import Bucket
from evalkit.analysis.error_counts import ErrorCounts, Gain
from evalkit.analysis.error_items import ErrorItem
from evalkit.analysis.fair_counts import FairScores
from evalkit.results.cascade_gains import CascadeGain, build_cascade_table
from evalkit.results.error_example_table import build_examples_table
from evalkit.results.error_tables import (
    build_breakdown_table,
    build_confusion_table,
    build_hardest_table,
    build_kinds_table,
    build_label_table,
    build_needs_table,
    build_worst_buckets_table,
)
from evalkit.results.lenient_report import plain_gold_lines
from evalkit.results.metadata import ResultMetadata
from evalkit.results.report_builder import format_signed_interval
from evalkit.results.summary import (
    assumption_lines,
    failure_lines,
    set_aside_lines,
    unplaced_lines,
    warning_lines,
)
from evalkit.results.tables import NumberFormat, Report
from evalkit.results.wording import pluralize
from evalkit.scoring.metrics import Metric
from evalkit.stats.intervals import Resampling


@dataclass(frozen=True)
class StrictNotes:
    """What the report of scores says about a layer's strict metric beside its numbers."""

    signature_fields: Mapping[str, str] = field(default_factory=dict)
    set_aside: Mapping[str, int] = field(default_factory=dict)
    label_warnings: Sequence[str] = ()


@dataclass(frozen=True)
class ErrorReport:
    """What a report shows. metric: the one that is broken down. sides: the gains without false
    positives and without false negatives. shown_features: those whose buckets are all shown.
    examples: of each kind, those to show. has_documents: False for counts read from a result file.
    """

    metadata: ResultMetadata
    notes: StrictNotes
    metric: Metric
    counts: ErrorCounts
    gains: Sequence[Gain]
    sides: tuple[Gain, Gain]
    fair: FairScores | None
    needs: Sequence[Gain]
    cascades: Sequence[CascadeGain]
    breakdowns: Mapping[str, Sequence[Bucket]]
    shown_features: Sequence[str]
    hardest: Sequence[tuple[Any, ...]]
    examples: Mapping[str, Sequence[ErrorItem]]
    resampling: Resampling
    signature: str
    has_documents: bool
    rows: Sequence[dict[str, Any]]


def build_error_report(
    content: ErrorReport, numbers: NumberFormat, *, width: int | None, text: bool
) -> Report:
    """The report. width: of the terminal. text: whether to show surface forms and context."""
    counts, resampling = content.counts, content.resampling
    tables = [
        build_kinds_table(counts, content.gains, numbers, resampling),
        build_needs_table(content.needs, content.gains, numbers, resampling),
        build_cascade_table(content.cascades, numbers, resampling),
        build_label_table(counts, numbers),
        build_confusion_table(counts, width),
        build_worst_buckets_table(content.breakdowns, content.metric, numbers),
        *(
            build_breakdown_table(feature, content.breakdowns[feature], content.metric, numbers)
            for feature in content.shown_features
        ),
        build_hardest_table(counts, content.hardest),
        *(
            build_examples_table(kind, items, counts, width=width, text=text)
            for kind, items in content.examples.items()
        ),
    ]
    return Report(
        tuple(_header_lines(content, numbers, shows_reasons=text)),
        tuple(table for table in tables if table is not None),
        tuple(_footer_lines(content, numbers, shows_reasons=text)),
        tuple(content.rows),
    )


def _header_lines(
    content: ErrorReport, numbers: NumberFormat, *, shows_reasons: bool
) -> Iterator[str]:
    counts, metadata, notes = content.counts, content.metadata, content.notes
    documents = pluralize(metadata.corpus.documents, "document")
    yield (
        f"Errors of {metadata.system_name} on {metadata.corpus.name}, {counts.layer}/strict"
        f" ({documents})"
    )
    # Reasons may quote the text.
    yield from failure_lines(metadata, most_reasons=5 if shows_reasons else 0)
    yield from warning_lines(metadata, notes.label_warnings)
    if notes.signature_fields:
        yield from assumption_lines([notes.signature_fields], content.resampling)
    if counts.f1 is None:
        yield "no items: there is nothing to analyze"
        return
    yield (
        f"F1 {numbers.format(counts.f1)}: {counts.correct:,} correct of {counts.gold:,} gold and"
        f" {counts.predicted:,} predicted items; {_describe_loss(content, counts.f1, numbers)}"
    )


def _describe_loss(content: ErrorReport, f1: float, numbers: NumberFormat) -> str:
    if not content.gains:
        return "no errors"
    lost = numbers.format(1 - f1)
    return (
        f"{lost} points of F1 are lost to errors"
        if numbers.percent
        else f"{lost} is lost to errors"
    )


def _footer_lines(
    content: ErrorReport, numbers: NumberFormat, *, shows_reasons: bool
) -> Iterator[str]:
    yield from plain_gold_lines(content.metadata)
    yield from set_aside_lines({str(Metric(content.counts.layer)): content.notes.set_aside})
    if shows_reasons and content.notes.set_aside.get("unplaced"):
        yield from unplaced_lines(content.metadata)
    if content.gains:
        yield from _side_lines(content, numbers)
    if not content.has_documents:
        yield "from saved counts: examples and breakdowns need the documents"
    if content.signature:
        yield content.signature


def _side_lines(content: ErrorReport, numbers: NumberFormat) -> Iterator[str]:
    """What precision and recall cost, and the scores that count each error once."""
    without_fp, without_fn = content.sides
    reasons = dict.fromkeys(each.interval.reason for each in content.sides if each.gain)
    cautions = "; ".join(["", *filter(None, reasons)]) if content.resampling.boot else ""
    yield (
        "Precision or recall: F1 would gain"
        f" {_format_gain(without_fp, numbers)} without false positives,"
        f" {_format_gain(without_fn, numbers)} without false negatives{cautions}"
    )
    fair = content.fair
    if fair is not None:
        yield (
            "Each error counted once (Ortmann 2022), not as a false positive and a false negative:"
            f" P {numbers.format(fair.precision)}, R {numbers.format(fair.recall)}, F1"
            f" {numbers.format(fair.f1)}"
        )


def _format_gain(gain: Gain, numbers: NumberFormat) -> str:
    """A gain with its interval, if it has one."""
    value = numbers.format_signed(gain.gain)
    if gain.interval.low is None:
        return value
    return f"{value} ({format_signed_interval(gain.interval, numbers)})"
