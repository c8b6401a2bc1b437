"""The tables and charts of an error analysis: what each kind of error costs, the confusion of
labels, and recall by bucket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from evalkit.analysis.breakdowns import MIN_ITEMS, Bucket
from evalkit.analysis.error_counts import ErrorCounts, Gain
from evalkit.analysis.error_kinds import ALL_KINDS, PREDICTED_ONLY
from evalkit.errors import shorten
from evalkit.report.interval_bars import score_bar
from evalkit.report.marked_text import class_of_kind
from evalkit.results.error_analysis import ErrorAnalysis
from evalkit.results.error_numbers import (
    SAME_SPAN_KINDS,
    describe_approximation,
    explain_gain,
    has_f1,
    has_gold,
    name_gain,
    rank_confusions,
)
from evalkit.results.html_page import mark_safe
from evalkit.results.report_builder import (
    caution_notes,
    format_signed_interval,
    interval_note,
    shorten_interval_name,
)
from evalkit.results.tables import DEFAULT_FORMAT

MOST_MATRIX_LABELS = 20  # with more labels, a confusion matrix becomes a list
MOST_CELLS = 20  # of the list
MOST_BUCKETS = 30  # of a breakdown
SHADES = 9  # strengths of the background of a cell
MISSED, SPURIOUS = "missed", "spurious"
NARROWEST_KEY = 0.02  # width of a segment of a bar that has its letter in it
FIRST_KEY = ord("a")


class LossLine(NamedTuple):
    """A line of the table of losses, as text. key: the letter of its segment in the bar; empty for
    details. code: the class of the kind.
    """

    key: str
    name: str
    code: str
    is_detail: bool
    n: str
    loss: str
    gain: str
    interval: str
    meaning: str


class Segment(NamedTuple):
    """A part of the bar of losses: where it starts and how wide it is, in percent."""

    key: str
    name: str
    code: str
    start: str
    width: str
    middle: str
    text: str


@dataclass(frozen=True)
class LossView:
    """One stacked bar of length 1: F1, then the loss of each kind; and its numbers. description:
    the bar in words. interval_name: the header of the intervals of gains; empty without intervals.
    """

    segments: Sequence[Segment]
    description: str
    lines: Sequence[LossLine]
    lost: str
    interval_name: str
    notes: Sequence[str]


def build_losses(analysis: ErrorAnalysis) -> LossView | None:
    """What each kind of error costs; None where F1 is undefined."""
    f1 = analysis.f1
    if f1 is None:
        return None
    segments = [_segment("F1", "F1", "c", 0.0, f1)] if f1 else []
    lines = []
    position = f1
    keys = 0
    for gain in analysis.gains:
        key = ""
        if gain.detail is None:
            key = chr(FIRST_KEY + keys)
            keys += 1
            width = gain.loss or 0.0
            code = class_of_kind(gain.kind)
            segments.append(_segment(key, gain.kind, code, position, width))
            position += width
        lines.append(_loss_line(key, gain, analysis.layer))
    parts = [f"{segment.name} {segment.text}" for segment in segments]
    resampling = analysis.resampling
    intervals = [(name_gain(gain), gain.interval) for gain in analysis.gains if gain.gain]
    notes = [
        interval_note(resampling, "gain"),
        *caution_notes(intervals, resampling),
        describe_approximation(analysis.error_counts),
    ]
    return LossView(
        tuple(segments),
        f"A bar of length 1: {', '.join(parts)}",
        tuple(lines),
        DEFAULT_FORMAT.format(1 - f1),
        shorten_interval_name(resampling) if resampling.boot else "",
        tuple(filter(None, notes)),
    )


def _segment(key: str, name: str, code: str, start: float, width: float) -> Segment:
    text = DEFAULT_FORMAT.format(width)
    return Segment(
        key if width >= NARROWEST_KEY else "",
        name,
        code,
        f"{100 * start:.3f}%",
        f"{100 * width:.3f}%",
        f"{100 * (start + width / 2):.3f}%",
        text,
    )


def _loss_line(key: str, gain: Gain, layer: str) -> LossLine:
    return LossLine(
        key,
        gain.detail or gain.kind,
        class_of_kind(gain.kind),
        gain.detail is not None,
        f"{gain.n:,}",
        DEFAULT_FORMAT.format(gain.loss),
        DEFAULT_FORMAT.format_signed(gain.gain),
        format_signed_interval(gain.interval),
        explain_gain(gain, layer),
    )


class ConfusionCell(NamedTuple):
    """A cell of the matrix: the count, how it is made up of pairs with the same span and others,
    and the strength of its background.
    """

    n: str
    parts: str
    shade: int
    is_diagonal: bool


@dataclass(frozen=True)
class ConfusionView:
    """The matrix of labels, or with many labels its largest cells off the diagonal."""

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[ConfusionCell]]]
    largest: Sequence[tuple[str, str, str, str]]
    notes: Sequence[str]


def build_confusion(counts: ErrorCounts) -> ConfusionView | None:
    """How often gold has one label and the prediction another; None without items."""
    if not counts.labels:
        return None
    pairs: dict[tuple[str, str], list[int]] = {}
    for (gold, predicted, kind), n in counts.pairs.items():
        cell = pairs.setdefault((gold, predicted), [0, 0])
        cell[kind not in SAME_SPAN_KINDS] += n
    table = counts.by_label
    missed = dict(zip(counts.labels, table[:, ALL_KINDS.index(MISSED)].tolist(), strict=True))
    wrong_kinds = [ALL_KINDS.index(kind) for kind in ALL_KINDS if kind in PREDICTED_ONLY]
    spurious = dict(zip(counts.labels, table[:, wrong_kinds].sum(axis=1).tolist(), strict=True))
    notes = []
    if len(counts.labels) > MOST_MATRIX_LABELS:
        notes.append(f"{len(counts.labels):,} labels: the largest cells off the diagonal.")
        return ConfusionView((), (), _largest_cells(counts, missed, spurious), tuple(notes))
    rows = []
    for gold in counts.labels:
        values = [pairs.get((gold, predicted), [0, 0]) for predicted in counts.labels]
        values.append([missed[gold], 0])
        total = sum(map(sum, values))
        cells = [
            _confusion_cell(same, other, total, is_diagonal=gold == label)
            for (same, other), label in zip(values, [*counts.labels, None], strict=True)
        ]
        rows.append((shorten(gold), cells))
    total = sum(spurious.values())
    cells = [_confusion_cell(spurious[label], 0, total) for label in counts.labels]
    rows.append((SPURIOUS, [*cells, ConfusionCell("", "", 0, False)]))
    columns = (*map(shorten, counts.labels), MISSED)
    return ConfusionView(columns, tuple(rows), (), tuple(notes))


def _confusion_cell(
    same: int, other: int, total: int, *, is_diagonal: bool = False
) -> ConfusionCell:
    n = same + other
    shade = -(-n * SHADES // total) if total else 0
    parts = f" = {same:,} + {other:,}" if other else ""
    return ConfusionCell(f"{n:,}", parts, shade, is_diagonal)


def _largest_cells(
    counts: ErrorCounts, missed: dict[str, int], spurious: dict[str, int]
) -> list[tuple[str, str, str, str]]:
    """(gold, predicted, n, with the same span) of the largest cells off the diagonal: of pairs of
    labels, then of missed and spurious items.
    """
    largest = [
        (shorten(pair.gold), shorten(pair.predicted), f"{pair.n:,}", f"{pair.same_span:,}")
        for pair in rank_confusions(counts)[:MOST_CELLS]
    ]
    unpaired = [
        *((n, label, MISSED) for label, n in missed.items() if n),
        *((n, SPURIOUS, label) for label, n in spurious.items() if n),
    ]
    unpaired.sort(key=lambda cell: (-cell[0], cell[1], cell[2]))
    largest += [
        (shorten(gold), shorten(predicted), f"{n:,}", "")
        for n, gold, predicted in unpaired[:MOST_CELLS]
    ]
    return largest


class BucketLine(NamedTuple):
    """A bucket of a breakdown, as text; `bar` is SVG."""

    name: str
    gold: str
    recall: str
    bar: str
    predicted: str
    precision: str
    f1: str


@dataclass(frozen=True)
class BreakdownView:
    """Recall and precision by bucket of a feature."""

    feature: str
    lines: Sequence[BucketLine]
    has_gold: bool
    has_f1: bool
    notes: Sequence[str]


def build_breakdowns(analysis: ErrorAnalysis) -> list[BreakdownView]:
    """The breakdowns that were requested; those with a single bucket are left out."""
    views = []
    for feature, buckets in analysis.breakdowns.items():
        if len(buckets) < 2:
            continue
        shown = buckets[:MOST_BUCKETS]
        notes = []
        if any(bucket.gold < MIN_ITEMS or bucket.predicted < MIN_ITEMS for bucket in shown):
            notes.append(f"–: fewer than {MIN_ITEMS} items")
        if len(buckets) > len(shown):
            notes.append(f"{len(buckets) - len(shown):,} more buckets")
        views.append(
            BreakdownView(
                shorten(feature),
                tuple(_bucket_line(bucket) for bucket in shown),
                has_gold(buckets),
                has_f1(buckets),
                tuple(notes),
            )
        )
    return views


def _bucket_line(bucket: Bucket) -> BucketLine:
    return BucketLine(
        shorten(bucket.bucket),
        f"{bucket.gold:,}",
        DEFAULT_FORMAT.format(bucket.recall),
        mark_safe(score_bar(bucket.recall, None, None)),
        f"{bucket.predicted:,}",
        DEFAULT_FORMAT.format(bucket.precision),
        DEFAULT_FORMAT.format(bucket.f1),
    )
