"""The tables and charts of an error analysis: what each kind of error costs, by kind and by label,
the confusion of labels, and recall by bucket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evalkit.analysis.breakdowns import MIN_ITEMS, Bucket
from evalkit.analysis.error_counts import ErrorCounts, Gain
from evalkit.analysis.error_kinds import ALL_KINDS, PREDICTED_ONLY
from evalkit.errors import shorten
from evalkit.report.interval_bars import score_bar
from evalkit.report.marked_text import class_of_kind
from evalkit.results.confusion import SAME_SPAN_KINDS
from evalkit.results.error_analysis import ErrorAnalysis
from evalkit.results.error_report import DETAIL_MEANINGS, MEANINGS, UNPAIRED_KINDS
from evalkit.results.html_page import mark_safe
from evalkit.results.report_builder import format_interval
from evalkit.results.tables import DEFAULT_FORMAT, Table
from evalkit.results.wording import pluralize
from evalkit.scoring.columns import Ints

MOST_MATRIX_LABELS = 20  # with more labels, a confusion matrix becomes a list
MOST_CELLS = 20  # of the list
MOST_LABELS = 30  # in the table of errors by label
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
    the bar in words.
    """

    segments: Sequence[Segment]
    description: str
    lines: Sequence[LossLine]
    lost: str
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
        lines.append(_loss_line(key, gain))
    parts = [f"{segment.name} {segment.text}" for segment in segments]
    notes = []
    approximate = analysis.error_counts.approximate
    if approximate:
        notes.append(
            f"{pluralize(approximate, 'pair')} among more than 32 overlapping items: the numbers of"
            " kinds are exact, details and examples may differ from the best pairing"
        )
    reasons = {gain.interval.reason for gain in analysis.gains if gain.interval.low is None}
    if analysis.resampling.boot and reasons - {""}:
        notes.append(f"–: {'; '.join(sorted(reasons - {''}))}")
    return LossView(
        tuple(segments),
        f"A bar of length 1: {', '.join(parts)}",
        tuple(lines),
        DEFAULT_FORMAT.format(1 - f1),
        tuple(notes),
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


def _loss_line(key: str, gain: Gain) -> LossLine:
    is_detail = gain.detail is not None
    meanings = DETAIL_MEANINGS if is_detail else MEANINGS
    name = gain.detail or gain.kind
    value = "–" if gain.gain is None else f"+{DEFAULT_FORMAT.format(gain.gain)}"
    return LossLine(
        key,
        name,
        class_of_kind(gain.kind),
        is_detail,
        f"{gain.n:,}",
        DEFAULT_FORMAT.format(gain.loss),
        value,
        format_interval(gain.interval),
        meanings.get(name, ""),
    )


def count_by_label(counts: ErrorCounts) -> Ints:
    """The number of pairs or items of each label and kind: labels × kinds. Pairs are counted under
    gold's label.
    """
    table = np.zeros((len(counts.labels), len(ALL_KINDS)), np.int64)
    if not len(counts.cell):
        return table
    kind_of_cell = np.array([ALL_KINDS.index(cell.kind) for cell in counts.cells], np.int64)
    is_counted = np.array(
        [cell.is_predicted == (cell.kind in PREDICTED_ONLY) for cell in counts.cells], bool
    )
    rows = is_counted[counts.cell]
    np.add.at(table, (counts.label[rows], kind_of_cell[counts.cell[rows]]), counts.count[rows])
    return table


def build_label_table(counts: ErrorCounts) -> Table | None:
    """What each kind costs in each label, the most costly label first; None for a single label."""
    total = counts.gold + counts.predicted
    if len(counts.labels) < 2 or not total:
        return None
    table = count_by_label(counts)
    kinds = [kind for kind in ALL_KINDS[1:] if table[:, ALL_KINDS.index(kind)].any()]
    weights = np.array([1 if kind in UNPAIRED_KINDS else 2 for kind in ALL_KINDS], np.int64)
    weights[0] = 0
    lost = table @ weights
    order = sorted(np.flatnonzero(lost).tolist(), key=lambda row: (-lost[row], counts.labels[row]))
    if not order:
        return None
    rows = []
    for row in order[:MOST_LABELS]:
        cells = [f"{n:,}" if n else "·" for n in (table[row, ALL_KINDS.index(k)] for k in kinds)]
        rows.append((counts.labels[row], *cells, DEFAULT_FORMAT.format(lost[row] / total)))
    notes = ["Pairs are counted under gold's label. F1 lost: over all kinds."]
    if len(order) > MOST_LABELS:
        notes.append(f"{len(order) - MOST_LABELS:,} more labels lose less.")
    return Table("Errors by label", ("label", *kinds, "F1 lost"), tuple(rows), tuple(notes))


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
    table = count_by_label(counts)
    missed = dict(zip(counts.labels, table[:, ALL_KINDS.index(MISSED)].tolist(), strict=True))
    wrong_kinds = [ALL_KINDS.index(kind) for kind in ALL_KINDS if kind in PREDICTED_ONLY]
    spurious = dict(zip(counts.labels, table[:, wrong_kinds].sum(axis=1).tolist(), strict=True))
    notes = []
    if len(counts.labels) > MOST_MATRIX_LABELS:
        notes.append(f"{len(counts.labels):,} labels: the largest cells off the diagonal.")
        return ConfusionView((), (), _largest_cells(pairs, missed, spurious), tuple(notes))
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
    pairs: dict[tuple[str, str], list[int]], missed: dict[str, int], spurious: dict[str, int]
) -> list[tuple[str, str, str, str]]:
    """(gold, predicted, n, of these same span) of the largest cells off the diagonal: of pairs of
    labels, then of missed and spurious items.
    """
    confused = [
        (n_same + n_other, gold, predicted, f"{n_same:,}")
        for (gold, predicted), (n_same, n_other) in pairs.items()
        if gold != predicted
    ]
    unpaired = [
        *((n, label, MISSED, "") for label, n in missed.items() if n),
        *((n, SPURIOUS, label, "") for label, n in spurious.items() if n),
    ]
    largest = []
    for cells in (confused, unpaired):
        cells.sort(key=lambda cell: (-cell[0], cell[1:3]))
        largest += [
            (shorten(gold), shorten(predicted), f"{n:,}", same)
            for n, gold, predicted, same in cells[:MOST_CELLS]
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
                any(bucket.gold for bucket in buckets),
                any(bucket.f1 is not None for bucket in buckets),
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
