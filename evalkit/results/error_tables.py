"""The tables of errors in a terminal report: kinds, needs, labels, buckets and documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.analysis.breakdowns import MIN_ITEMS, Bucket
from evalkit.analysis.error_counts import ErrorCounts, Gain
from evalkit.errors import escape_controls, shorten
from evalkit.results.error_numbers import (
    NEED_MEANINGS,
    describe_approximation,
    explain_gain,
    has_f1,
    has_gold,
    name_gain,
    rank_confusions,
    rank_labels,
)
from evalkit.results.report_builder import (
    caution_notes,
    format_signed_interval,
    interval_note,
    shorten_interval_name,
)
from evalkit.results.tables import SHORTEST_LABEL, NumberFormat, Table
from evalkit.scoring.metrics import Metric
from evalkit.stats.intervals import Resampling

MOST_CONFUSIONS = 5
MOST_LABELS = 10
WORST_BUCKETS = 3
NUMBER_COLUMNS = 34  # characters of the numbers in the table of confusions
# Buckets of predictions that gold cannot have: their precision says nothing.
NEVER_CORRECT = ("0", "not in gold", "unplaced")


def build_kinds_table(
    counts: ErrorCounts, gains: Sequence[Gain], numbers: NumberFormat, resampling: Resampling
) -> Table | None:
    """What each kind of error costs, with its details; None without errors."""
    if counts.f1 is None or not gains:
        return None
    interval = [shorten_interval_name(resampling)] if resampling.boot else []
    rows = []
    for gain in gains:
        name = gain.kind if gain.detail is None else f"  {gain.detail}"
        cells = [name, f"{gain.n:,}", numbers.format(gain.loss), numbers.format_signed(gain.gain)]
        if interval:
            cells.append(format_signed_interval(gain.interval, numbers))
        rows.append((*cells, explain_gain(gain, counts.layer)))
    total = sum(gain.n for gain in gains if gain.detail is None)
    lost = numbers.format(1 - counts.f1)
    total_row = ("all errors", f"{total:,}", lost, *[""] * len(interval), "", "")
    intervals = [(name_gain(gain), gain.interval) for gain in gains if gain.gain]
    notes = [
        f"F1 lost: all losses and F1 add up to {'100' if numbers.percent else '1'}; gain: if only"
        " this kind were corrected",
        interval_note(resampling, "gain"),
        *caution_notes(intervals, resampling),
        describe_approximation(counts),
    ]
    return Table(
        "Kinds of error",
        ("kind of error", "n", "F1 lost", "F1 gain if corrected", *interval, "meaning"),
        (*rows, total_row),
        tuple(filter(None, notes)),
        ("meaning", *interval),
        first_average=len(rows),
        left_columns=("meaning",),
    )


def build_needs_table(
    needs: Sequence[Gain], gains: Sequence[Gain], numbers: NumberFormat, resampling: Resampling
) -> Table | None:
    """What arguments need to become correct, where some need more than one correction."""
    kinds = {(gain.kind, gain.n) for gain in gains if gain.detail is None}
    if {(need.kind, need.n) for need in needs} <= kinds:
        return None  # the kinds say as much
    interval = [shorten_interval_name(resampling)] if resampling.boot else []
    rows = []
    for need in needs:
        cells = [need.kind, f"{need.n:,}", numbers.format(need.loss)]
        cells.append(numbers.format_signed(need.gain))
        if interval:
            cells.append(format_signed_interval(need.interval, numbers))
        rows.append((*cells, NEED_MEANINGS.get(need.kind, "")))
    intervals = [(need.kind, need.interval) for need in needs if need.gain]
    notes = [
        "an argument that needs several corrections counts in each; gain: of this one alone",
        interval_note(resampling, "gain"),
        *caution_notes(intervals, resampling),
    ]
    return Table(
        "What arguments need to be correct",
        ("need", "n", "F1 lost", "F1 gain if met", *interval, "what is wrong"),
        tuple(rows),
        tuple(filter(None, notes)),
        ("what is wrong", *interval),
        left_columns=("what is wrong",),
    )


def build_label_table(
    counts: ErrorCounts, numbers: NumberFormat, most: int = MOST_LABELS
) -> Table | None:
    """What each kind costs in each label, the most costly labels first; None for a single label."""
    if len(counts.labels) < 2:
        return None
    kinds, ranked = rank_labels(counts)
    if not ranked:
        return None
    rows = []
    for each in ranked[:most]:
        cells = [f"{n:,}" if n else "·" for n in each.numbers]
        rows.append((each.label, *cells, numbers.format(each.loss)))
    notes = ["pairs are counted under gold's label; F1 lost: over all kinds"]
    if len(ranked) > most:
        notes.append(f"{len(ranked) - most:,} more labels lose as much or less")
    return Table(
        "Errors by label",
        ("label", *kinds, "F1 lost"),
        tuple(rows),
        tuple(notes),
        tuple(reversed(kinds)),
    )


def build_confusion_table(counts: ErrorCounts, width: int | None) -> Table | None:
    """The pairs of labels that are confused most often. width: of the terminal."""
    largest = rank_confusions(counts)
    if not largest:
        return None
    rows = []
    for gold, predicted, n, same_span in largest[:MOST_CONFUSIONS]:
        labels = [escape_controls(gold), escape_controls(predicted)]
        if width is not None:
            room = max((width - NUMBER_COLUMNS) // 2, SHORTEST_LABEL)
            labels = [shorten(label, room) for label in labels]
        rows.append((*labels, f"{n:,}", f"{same_span:,}"))
    notes = []
    if len(largest) > MOST_CONFUSIONS:
        rest = sum(pair.n for pair in largest[MOST_CONFUSIONS:])
        notes.append(f"{len(largest) - MOST_CONFUSIONS:,} more pairs of labels: {rest:,} items")
    columns = ("gold label", "predicted label", "n", "with the same span")
    return Table(
        "Labels that are confused",
        columns,
        tuple(rows),
        tuple(notes),
        left_columns=("predicted label",),
    )


def build_worst_buckets_table(
    breakdowns: Mapping[str, Sequence[Bucket]], metric: Metric, numbers: NumberFormat
) -> Table | None:
    """The lowest recalls and precisions of buckets with ten or more items."""
    ranked = sorted(_imperfect_ratios(breakdowns))
    if not ranked:
        return None
    rows = tuple(
        (f"{feature}: {name}", ratio, numbers.format(value), f"{-n:,}")
        for value, n, feature, name, ratio in ranked[:WORST_BUCKETS]
    )
    place = _name_with_metric("Where the system is worst", metric)
    title = f"{place} (buckets of {MIN_ITEMS} or more items)"
    return Table(title, ("bucket", "ratio", "value", "items"), rows, left_columns=("ratio",))


def _imperfect_ratios(
    breakdowns: Mapping[str, Sequence[Bucket]],
) -> Iterator[tuple[float, int, str, str, str]]:
    """(value, -items, feature, bucket, ratio) of the ratios below 1."""
    for feature, buckets in breakdowns.items():
        if len(buckets) < 2:
            continue
        for bucket in buckets:
            if bucket.bucket in NEVER_CORRECT:
                continue
            for ratio, value, n in (
                ("recall", bucket.recall, bucket.gold),
                ("precision", bucket.precision, bucket.predicted),
            ):
                if value is not None and value < 1:
                    yield value, -n, feature, bucket.bucket, ratio


def build_breakdown_table(
    feature: str, buckets: Sequence[Bucket], metric: Metric, numbers: NumberFormat
) -> Table | None:
    """Recall and precision by a feature; None without items."""
    if not buckets:
        return None
    shows_gold, shows_f1 = has_gold(buckets), has_f1(buckets)
    rows = []
    for bucket in buckets:
        cells = [bucket.bucket]
        if shows_gold:
            cells += [f"{bucket.gold:,}", f"{bucket.found:g}", numbers.format(bucket.recall)]
        cells += [f"{bucket.predicted:,}", f"{bucket.tp:g}", numbers.format(bucket.precision)]
        if shows_f1:
            cells.append(numbers.format(bucket.f1))
        rows.append(tuple(cells))
    gold_columns = ("gold", "found", "recall") if shows_gold else ()
    f1_column = ("F1",) if shows_f1 else ()
    columns = (feature, *gold_columns, "predicted", "TP", "precision", *f1_column)
    is_short = any(
        bucket.predicted < MIN_ITEMS or (shows_gold and bucket.gold < MIN_ITEMS)
        for bucket in buckets
    )
    notes = (f"–: fewer than {MIN_ITEMS} items",) if is_short else ()
    return Table(_name_with_metric(f"By {feature}", metric), columns, tuple(rows), notes)


def _name_with_metric(title: str, metric: Metric) -> str:
    """A title that names the metric, unless it is strict."""
    return title if metric.scheme == "strict" else f"{title}, {metric}"


def build_hardest_table(counts: ErrorCounts, hardest: Sequence[tuple[Any, ...]]) -> Table | None:
    """The documents with the largest share of the loss; None for a single document."""
    if len({unit.document for unit in counts.units}) < 2 or not hardest:
        return None
    lost = 1 - (counts.f1 or 0)
    rows = tuple(
        (document, f"{fn:,}", f"{fp:,}", f"{100 * loss / lost:.1f} %")
        for document, fn, fp, loss in hardest
    )
    note = "share: of the F1 that is lost in all documents"
    return Table("Hardest documents", ("document", "FN", "FP", "share"), rows, (note,))
