"""The report of an error analysis: tables of kinds, confusions, buckets, documents and examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.analysis.breakdowns import MIN_ITEMS, Bucket
from evalkit.analysis.error_counts import ErrorCounts, Gain
from evalkit.analysis.error_items import ErrorItem
from evalkit.analysis.fair_counts import FairScores
from evalkit.errors import escape_controls, shorten
from evalkit.results.cascade_gains import CascadeGain, build_cascade_table
from evalkit.results.report_builder import format_interval, name_interval
from evalkit.results.tables import NumberFormat, Report, Table
from evalkit.results.wording import pluralize
from evalkit.scoring.metrics import Metric
from evalkit.scoring.pairs import Item
from evalkit.stats.intervals import Resampling

MOST_CONFUSIONS = 5
MOST_LABELS = 10
WORST_BUCKETS = 3
DEFAULT_WIDTH = 120  # of a line with an example, where the width of the terminal is not known
LEAST_CONTEXT = 10
LONGEST_ID = 20  # characters of a document's id beside an example
# Buckets of predictions that gold cannot have: their precision says nothing.
NEVER_CORRECT = ("0", "not in gold", "unplaced")

# Kinds of items that are in no pair, and cost half as much as a pair
UNPAIRED_KINDS = ("missed", "spurious", "duplicate", "unplaced")

MEANINGS = {
    "label": "right span, wrong label",
    "boundary": "right label, wrong span that overlaps",
    "label+boundary": "overlaps, wrong label and span",
    "missed": "gold item without prediction",
    "spurious": "prediction without gold item",
    "duplicate": "prediction repeated in full",
    "unplaced": "prediction that is not in the text",
    "event": "right role and span, wrong event type or trigger",
    "role": "right span, wrong role",
    "span": "right role, wrong span that overlaps",
    "role+span": "overlaps, wrong role and span",
    "attachment": "right role and span, at another event",
    "wrong place": "no character of the gold part",
    "missed event": "gold event without prediction",
}
DETAIL_MEANINGS = {
    "too short": "a part of the gold span",
    "too long": "contains the gold span",
    "shifted": "overlaps the gold span",
    "merged": "under a prediction for another item",
    "split": "part of an item predicted in pieces",
    "nested": "in or around an item with its own pair",
    "failed document": "the model failed on the document",
    "missing document": "the document has no prediction",
    "label": "wrong event type",
    "boundary": "wrong trigger",
    "label+boundary": "wrong event type and trigger",
    "wrong event": "the event is wrong, too",
    "missed event": "gold's event is missed, too",
    "with its event": "the event is missed or spurious, too",
    "with its attribution": "the attribution is missed or spurious, too",
    "attached elsewhere": "the part of another attribution",
}
NEED_MEANINGS = {**MEANINGS, "event": "event type and trigger of gold"}


@dataclass(frozen=True)
class ErrorReport:
    """What a report shows. sides: the gains without false positives and without false negatives.
    shown_features: those whose buckets are all shown.
    examples: of each kind, those to show.
    has_documents: False for counts read from a result file.
    """

    system: str
    corpus: str
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
    tables = [
        _kinds_table(content, numbers),
        build_needs_table(content.needs, content.gains, numbers, content.resampling),
        build_cascade_table(content.cascades, numbers, content.resampling),
        _labels_table(content, numbers),
        _confusion_table(content.counts),
        _worst_buckets_table(content.breakdowns, numbers),
        *(
            _breakdown_table(feature, content.breakdowns[feature], numbers)
            for feature in content.shown_features
        ),
        _hardest_table(content),
        *(
            _examples_table(kind, content, width=width or DEFAULT_WIDTH, text=text)
            for kind in content.examples
        ),
    ]
    return Report(
        tuple(_header_lines(content, numbers)),
        tuple(table for table in tables if table is not None),
        tuple(_footer_lines(content, numbers)),
        tuple(content.rows),
    )


def _header_lines(content: ErrorReport, numbers: NumberFormat) -> Iterator[str]:
    counts = content.counts
    yield f"Errors of {content.system} on {content.corpus}, {counts.layer}/strict"
    if counts.f1 is None:
        yield "no items: there is nothing to analyze"
        return
    yield (
        f"F1 {numbers.format(counts.f1)}: {counts.correct:,} correct of {counts.gold:,} gold and"
        f" {counts.predicted:,} predicted items; {numbers.format(1 - counts.f1)} is lost to errors"
    )


def _kinds_table(content: ErrorReport, numbers: NumberFormat) -> Table | None:
    if content.counts.f1 is None:
        return None
    resampling = content.resampling
    interval = [f"{name_interval(resampling)} of gain"] if resampling.boot else []
    rows = []
    for gain in content.gains:
        is_detail = gain.detail is not None
        name = f"  {gain.detail}" if is_detail else gain.kind
        meanings = DETAIL_MEANINGS if is_detail else MEANINGS
        cells = [name, f"{gain.n:,}", numbers.format(gain.loss), _format_gain(gain.gain, numbers)]
        if interval:
            cells.append(format_interval(gain.interval, numbers))
        rows.append((*cells, meanings.get(gain.detail or gain.kind, "")))
    first_average = None
    kinds = [gain for gain in content.gains if gain.detail is None]
    if kinds:
        first_average = len(rows)
        total = sum(gain.n for gain in kinds)
        lost = numbers.format(1 - content.counts.f1)
        rows.append(("all errors", f"{total:,}", lost, *[""] * len(interval), "", ""))
    columns = ("kind of error", "n", "F1 lost", "F1 gain if corrected", *interval, "meaning")
    return Table(
        "Kinds of error",
        columns,
        tuple(rows),
        tuple(_kinds_notes(content)),
        ("meaning", *interval),
        first_average=first_average,
    )


def _kinds_notes(content: ErrorReport) -> Iterator[str]:
    yield "F1 lost: all losses and F1 add up to 1; gain: if only this kind were corrected"
    if content.counts.approximate:
        pairs = pluralize(content.counts.approximate, "pair")
        yield (
            f"{pairs} among more than 32 overlapping items: the numbers of kinds are exact, details"
            " and examples may differ from the best pairing"
        )


def build_needs_table(
    needs: Sequence[Gain], gains: Sequence[Gain], numbers: NumberFormat, resampling: Resampling
) -> Table | None:
    """What arguments need to become correct, where some need more than one correction."""
    kinds = {(gain.kind, gain.n) for gain in gains if gain.detail is None}
    if {(need.kind, need.n) for need in needs} <= kinds:
        return None  # the kinds say as much
    interval = [f"{name_interval(resampling)} of gain"] if resampling.boot else []
    rows = []
    for need in needs:
        cells = [need.kind, f"{need.n:,}", numbers.format(need.loss)]
        cells.append(_format_gain(need.gain, numbers))
        if interval:
            cells.append(format_interval(need.interval, numbers))
        rows.append((*cells, NEED_MEANINGS.get(need.kind, "")))
    note = "an argument that needs several corrections counts in each; gain: of this one alone"
    return Table(
        "What arguments need to be correct",
        ("need", "n", "F1 lost", "F1 gain if met", *interval, "what is wrong"),
        tuple(rows),
        (note,),
        ("what is wrong", *interval),
    )


def _labels_table(content: ErrorReport, numbers: NumberFormat) -> Table | None:
    """What each kind costs in each label."""
    counts = content.counts
    kinds = [gain.kind for gain in content.gains if gain.detail is None]
    total = counts.gold + counts.predicted
    if len(counts.labels) < 2 or not kinds:
        return None
    lines = []
    for label in counts.labels:
        numbers_of = {kind: counts.count_kind(kind, label=label) for kind in kinds}
        lost = sum(n * (1 if kind in UNPAIRED_KINDS else 2) for kind, n in numbers_of.items())
        if lost:
            cells = tuple(f"{n:,}" if n else "·" for n in numbers_of.values())
            lines.append((-lost, label, (*cells, numbers.format(lost / total))))
    lines.sort()
    notes = ["items without gold item are under their own label; F1 lost: over all kinds"]
    if len(lines) > MOST_LABELS:
        notes.append(f"{len(lines) - MOST_LABELS:,} more labels lose less")
    return Table(
        "Errors by label",
        ("gold label", *kinds, "F1 lost"),
        tuple((label, *cells) for _, label, cells in lines[:MOST_LABELS]),
        tuple(notes),
        tuple(reversed(kinds)),
    )


def _confusion_table(counts: ErrorCounts) -> Table | None:
    """The pairs of labels that are confused most often."""
    all_pairs: dict[tuple[str, str], list[int]] = {}
    for (gold, predicted, kind), n in counts.pairs.items():
        if gold != predicted:
            row = all_pairs.setdefault((gold, predicted), [0, 0])
            row[0] += n
            row[1] += n if kind in ("label", "event", "role") else 0
    largest = sorted(all_pairs.items(), key=lambda item: (-item[1][0], item[0]))
    if not largest:
        return None
    rows = tuple(
        (gold, predicted, f"{n:,}", f"{same:,}")
        for (gold, predicted), (n, same) in largest[:MOST_CONFUSIONS]
    )
    notes = []
    if len(largest) > MOST_CONFUSIONS:
        rest = sum(n for _, (n, _) in largest[MOST_CONFUSIONS:])
        notes.append(f"{len(largest) - MOST_CONFUSIONS:,} more pairs of labels: {rest:,} items")
    columns = ("gold label", "predicted label", "n", "of these same span")
    return Table("Labels that are confused", columns, rows, tuple(notes))


def _worst_buckets_table(
    breakdowns: Mapping[str, Sequence[Bucket]], numbers: NumberFormat
) -> Table | None:
    """The lowest recalls and precisions of buckets with ten or more items."""
    ranked = []
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
                if value is not None:
                    ranked.append((value, -n, feature, bucket.bucket, ratio))
    if not ranked:
        return None
    rows = tuple(
        (f"{feature}: {name}", ratio, numbers.format(value), f"{-n:,}")
        for value, n, feature, name, ratio in sorted(ranked)[:WORST_BUCKETS]
    )
    title = f"Where the system is worst (groups of {MIN_ITEMS} or more items)"
    return Table(title, ("group", "ratio", "value", "items"), rows)


def _breakdown_table(
    feature: str, buckets: Sequence[Bucket], numbers: NumberFormat
) -> Table | None:
    if not buckets:
        return None
    has_f1 = any(bucket.f1 is not None for bucket in buckets)
    rows = []
    for bucket in buckets:
        cells = [
            bucket.bucket,
            f"{bucket.gold:,}",
            f"{bucket.found:g}",
            numbers.format(bucket.recall),
            f"{bucket.predicted:,}",
            f"{bucket.tp:g}",
            numbers.format(bucket.precision),
        ]
        rows.append((*cells, numbers.format(bucket.f1)) if has_f1 else tuple(cells))
    columns = (feature, "gold", "found", "recall", "predicted", "TP", "precision")
    is_short = any(bucket.gold < MIN_ITEMS or bucket.predicted < MIN_ITEMS for bucket in buckets)
    notes = (f"–: fewer than {MIN_ITEMS} items",) if is_short else ()
    return Table(f"By {feature}", (*columns, "F1") if has_f1 else columns, tuple(rows), notes)


def _hardest_table(content: ErrorReport) -> Table | None:
    if len({unit.document for unit in content.counts.units}) < 2 or not content.hardest:
        return None
    lost = 1 - (content.counts.f1 or 0)
    rows = tuple(
        (document, f"{fn:,}", f"{fp:,}", f"{100 * loss / lost:.2g} %")
        for document, fn, fp, loss in content.hardest
    )
    note = "share: of the F1 that is lost in all documents"
    return Table("Hardest documents", ("document", "FN", "FP", "share"), rows, (note,))


def _examples_table(kind: str, content: ErrorReport, *, width: int, text: bool) -> Table | None:
    """Some errors of a kind, with the words around them."""
    items = content.examples.get(kind, ())
    if not items:
        return None
    is_single = len({unit.document for unit in content.counts.units}) == 1
    n = content.counts.count_kind(kind)
    title = f"{kind}, {len(items):,} of {n:,}" if len(items) < n else f"{kind}, {n:,}"
    rows = [_example_cells(item, with_document=not is_single) for item in items]
    where = "start" if is_single else "document:start"
    columns = [where, "gold", "predicted"]
    if kind == "missed":
        columns, rows = columns[:2], [row[:2] for row in rows]
    elif kind not in ("label", "boundary", "label+boundary"):
        columns, rows = [where, "predicted"], [(row[0], row[2]) for row in rows]
    notes: tuple[str, ...] = ()
    has_text = text and any(item.context is not None or _surface_of(item) for item in items)
    if has_text:
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        room = width - sum(widths) - 2 * len(columns)
        rows = [(*row, show_in_context(item, room)) for row, item in zip(rows, items, strict=True)]
        columns.append("in context")
        notes = (_CONTEXT_NOTES.get(kind, ""),) if _CONTEXT_NOTES.get(kind) else ()
    return Table(
        f"Examples: {title}", tuple(columns), tuple(rows), notes, left_columns=("in context",)
    )


_CONTEXT_NOTES = {
    "boundary": "[gold] {predicted}",
    "label+boundary": "[gold] {predicted}",
}


def _example_cells(item: ErrorItem, *, with_document: bool) -> tuple[str, ...]:
    shown = item.gold or item.predicted
    offset = f"{shown.start}" if shown is not None and shown.start >= 0 else ""
    where = offset
    if with_document:
        where = f"{shorten(escape_controls(item.document), LONGEST_ID)}:{offset}".rstrip(":")
    gold = item.gold.label if item.gold else "–"
    predicted = item.predicted.label if item.predicted else "–"
    if item.predicted is not None and item.predicted.score is not None:
        predicted += f" ({item.predicted.score:.2f})"
    return where, gold, predicted


def _surface_of(item: ErrorItem) -> str:
    shown = item.gold or item.predicted
    return shown.text if shown else ""


def show_in_context(item: ErrorItem, room: int) -> str:
    """An error in the words around it, on one line: [gold] and {predicted} in brackets."""
    shown = item.gold or item.predicted
    if item.context is None or shown is None:
        quote = escape_controls(" ".join(_surface_of(item).split()))
        return quote if len(quote) <= max(room, LEAST_CONTEXT) else f"{quote[: room - 1]}…"
    marks = _marks(item)
    text, first = item.context
    low = min(at for at, _ in marks)
    high = max(at for at, _ in marks)
    pieces = []
    position = first
    last = first + len(text)
    for offset, mark in marks:
        at = min(max(offset, first), last)
        pieces += [text[position - first : at - first], mark]
        position = at
    pieces.append(text[position - first :])
    line = "".join(pieces)
    before = max(low - first, 0)
    marked_end = min(high, last) - first + len(marks)
    return _cut_line(escape_line(line), before, marked_end, max(room, LEAST_CONTEXT))


def escape_line(text: str) -> str:
    """A text on one line: each white space becomes a space."""
    return "".join(" " if character.isspace() else character for character in text)


def _cut_line(line: str, start: int, end: int, room: int) -> str:
    """The line cut to so many characters, with `start` to `end` in its middle."""
    if len(line) <= room:
        return line
    if end - start >= room:
        return f"{line[start : start + room - 1]}…"
    spare = room - (end - start)
    left = max(0, min(start - spare // 2, len(line) - room))
    cut = line[left : left + room]
    if left > 0:
        cut = f"…{cut[1:]}"
    if left + room < len(line):
        cut = f"{cut[:-1]}…"
    return cut


def _marks(item: ErrorItem) -> list[tuple[int, str]]:
    """(offset, bracket) in order: gold in [], the prediction in {} where it has another span."""
    marks = []
    gold, predicted = item.gold, item.predicted
    if gold is not None:
        marks += [(gold.start, 1, "["), (gold.end, 0, "]")]
    if predicted is not None and predicted.start >= 0 and not _has_same_span(gold, predicted):
        opening, closing = ("{", "}") if gold is not None else ("[", "]")
        marks += [(predicted.start, 1, opening), (predicted.end, 0, closing)]
    # Where two begin at one place, the longer one is opened first.
    return [(at, mark) for at, _, mark in sorted(marks)]


def _has_same_span(gold: Item | None, predicted: Item) -> bool:
    return gold is not None and gold[1:4] == predicted[1:4]


def _footer_lines(content: ErrorReport, numbers: NumberFormat) -> Iterator[str]:
    if content.counts.f1 is None:
        return
    without_fp, without_fn = content.sides
    yield (
        "Precision or recall: without false positives"
        f" {_format_gain(without_fp.gain, numbers)} F1{_in_range(without_fp, numbers)}; without"
        f" false negatives {_format_gain(without_fn.gain, numbers)} F1"
        f"{_in_range(without_fn, numbers)}"
    )
    fair = content.fair
    if fair is not None:
        yield (
            "Each error counted once (Ortmann 2022), not as a false positive and a false negative:"
            f" P {numbers.format(fair.precision)}, R {numbers.format(fair.recall)}, F1"
            f" {numbers.format(fair.f1)}"
        )
    reasons = dict.fromkeys(
        gain.interval.reason for gain in content.gains if gain.interval.low is None
    )
    if content.resampling.boot and reasons:
        yield f"no {name_interval(content.resampling)}: {'; '.join(filter(None, reasons))}"
    if not content.has_documents:
        yield "from saved counts: examples and breakdowns need the documents"
    if content.signature:
        yield content.signature


def _format_gain(value: float | None, numbers: NumberFormat) -> str:
    return "–" if value is None else f"+{numbers.format(value)}"


def _in_range(gain: Gain, numbers: NumberFormat) -> str:
    interval = format_interval(gain.interval, numbers)
    return "" if gain.interval.low is None else f" ({interval})"
