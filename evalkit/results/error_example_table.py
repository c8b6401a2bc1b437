"""The table of some errors of a kind: where they are, their labels, and the words around them."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.analysis.error_counts import ErrorCounts
from evalkit.analysis.error_items import ErrorItem, hash_surface
from evalkit.errors import escape_controls, shorten
from evalkit.results.tables import COLUMN_GAP, Table
from evalkit.scoring.pairs import Item

DEFAULT_WIDTH = 120  # of a line with an example, where the width of the terminal is not known
LEAST_CONTEXT = 30
# Characters of ids, labels and details: the first that leaves room for the words around an error.
CELL_LENGTHS = (30, 20, 16, 12, 8)
HASH_LENGTH = 8
REPEAT_LENGTH = len(" ×99")
MARKS_NOTE = "[gold] {predicted}"
TEXT_COLUMNS = ("gold", "predicted", "detail", "offsets", "surface form", "in context")


def build_examples_table(
    kind: str, items: Sequence[ErrorItem], counts: ErrorCounts, *, width: int | None, text: bool
) -> Table | None:
    """Some errors of a kind; None without any. width: of the terminal. text: whether to show the
    words around them; without, offsets and hashes of surface forms.
    """
    if not items:
        return None
    n = counts.count_kind(kind)
    title = f"{kind}, {len(items):,} of {n:,}" if len(items) < n else f"{kind}, {n:,}"
    has_text = text and any(item.context is not None or _surface_of(item) for item in items)
    with_document = len({unit.document for unit in counts.units}) != 1
    for length in CELL_LENGTHS:
        columns, rows = _list_cells(items, length, with_document=with_document)
        taken = Table("", tuple(columns), tuple(map(tuple, rows))).width
        room = (width or DEFAULT_WIDTH) - taken - len(COLUMN_GAP)
        if room >= LEAST_CONTEXT:
            break
    if len(set(map(tuple, rows))) < len(rows):
        room -= REPEAT_LENGTH  # equal rows may be merged
    if has_text:
        columns.append("in context")
        for row, item in zip(rows, items, strict=True):
            row.append(show_in_context(item, room))
    else:
        _add_offsets(columns, rows, items, with_hashes=not text)
    has_marks = has_text and any(_has_two_spans(item) for item in items)
    return Table(
        f"Examples: {title}",
        tuple(columns),
        _merge_equal_rows(rows),
        (MARKS_NOTE,) if has_marks else (),
        ("detail",),
        left_columns=TEXT_COLUMNS,
    )


def _list_cells(
    items: Sequence[ErrorItem], length: int, *, with_document: bool
) -> tuple[list[str], list[list[str]]]:
    """The columns without text: where an error is, the labels of the sides that any item has, and
    details. length: of ids, labels and details.
    """
    has_gold = any(item.gold is not None for item in items)
    has_predicted = any(item.predicted is not None for item in items)
    has_detail = any(item.detail for item in items)
    columns = ["document:start" if with_document else "start"]
    columns += ["gold"] if has_gold else []
    columns += ["predicted"] if has_predicted else []
    columns += ["detail"] if has_detail else []
    rows = []
    for item in items:
        cells = [_locate(item, length, with_document=with_document)]
        if has_gold:
            cells.append(_show_label(item.gold, length))
        if has_predicted:
            cells.append(_show_label(item.predicted, length))
        if has_detail:
            cells.append(shorten(escape_controls(item.detail), length))
        rows.append(cells)
    return columns, rows


def _locate(item: ErrorItem, length: int, *, with_document: bool) -> str:
    shown = item.gold or item.predicted
    offset = f"{shown.start}" if shown is not None and shown.start >= 0 else ""
    if not with_document:
        return offset
    return f"{shorten(escape_controls(item.document), length)}:{offset}".rstrip(":")


def _show_label(item: Item | None, length: int) -> str:
    if item is None:
        return "–"
    label = shorten(escape_controls(name_item(item)), length)
    return label if item.score is None else f"{label} ({item.score:.2f})"


def name_item(item: Item) -> str:
    """The label of an item; of a relation, with the labels of its arguments."""
    if not item.arguments:
        return item.label
    return f"{item.label}: {' → '.join(argument.label or '' for argument in item.arguments)}"


def _add_offsets(
    columns: list[str], rows: list[list[str]], items: Sequence[ErrorItem], *, with_hashes: bool
) -> None:
    """Add a column with the offsets of both sides, and one with the hashes of surface forms."""
    columns.append("offsets")
    for row, item in zip(rows, items, strict=True):
        row.append(_show_both(_show_offsets(item.gold), _show_offsets(item.predicted)))
    if not with_hashes or not any(_surface_of(item) for item in items):
        return
    columns.append("surface form")
    for row, item in zip(rows, items, strict=True):
        row.append(_show_both(_show_hash(item.gold), _show_hash(item.predicted)))


def _show_both(gold: str, predicted: str) -> str:
    """What gold and the prediction have, once if both have the same."""
    return " → ".join(dict.fromkeys(filter(None, (gold, predicted))))


def _show_offsets(item: Item | None) -> str:
    if item is None or item.start < 0:
        return ""
    separator = ", "
    spans: Sequence[tuple[int, int]] = item.fragments or ((item.start, item.end),)
    if item.arguments:
        separator = " → "
        spans = [(argument.start, argument.end) for argument in item.arguments]
    shown = separator.join(f"{start}–{end}" for start, end in spans[:3])
    return f"{shown}, …" if len(spans) > 3 else shown


def _show_hash(item: Item | None) -> str:
    if item is None or not item.text:
        return ""
    return f"#{hash_surface(item.text)[:HASH_LENGTH]}"


def _merge_equal_rows(rows: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """The distinct rows; one that occurs several times says how often. An argument that several
    events have is an error of each.
    """
    numbers: dict[tuple[str, ...], int] = {}
    for row in map(tuple, rows):
        numbers[row] = numbers.get(row, 0) + 1
    merged = []
    for (first, *others), n in numbers.items():
        merged.append((f"{first} ×{n}" if n > 1 else first, *others))
    return tuple(merged)


def _surface_of(item: ErrorItem) -> str:
    shown = item.gold or item.predicted
    return shown.text if shown else ""


def show_in_context(item: ErrorItem, room: int) -> str:
    """An error in the words around it, on one line: [gold] and {predicted} in brackets."""
    room = max(room, LEAST_CONTEXT)
    shown = item.gold or item.predicted
    if item.context is None or shown is None:
        return shorten(escape_controls(" ".join(_surface_of(item).split())), room)
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
    return _cut_line(replace_white_space(line), before, marked_end, room)


def replace_white_space(text: str) -> str:
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
    gold_spans = [] if gold is None else _marked_spans(gold)
    for start, end in gold_spans:
        marks += [(start, 1, "["), (end, 0, "]")]
    if predicted is not None and predicted.start >= 0 and not _has_same_span(gold, predicted):
        opening, closing = ("{", "}") if gold is not None else ("[", "]")
        for start, end in _marked_spans(predicted):
            if not predicted.arguments or (start, end) not in gold_spans:
                marks += [(start, 1, opening), (end, 0, closing)]
    # Where two begin at one place, the longer one is opened first.
    return [(at, mark) for at, _, mark in sorted(marks)]


def _marked_spans(item: Item) -> list[tuple[int, int]]:
    """The range of an item; of a relation, those of its arguments."""
    if not item.arguments:
        return [(item.start, item.end)]
    return sorted({(argument.start, argument.end) for argument in item.arguments})


def _has_two_spans(item: ErrorItem) -> bool:
    """Whether gold and the prediction are marked apart."""
    gold, predicted = item.gold, item.predicted
    return gold is not None and predicted is not None and not _has_same_span(gold, predicted)


def _has_same_span(gold: Item | None, predicted: Item) -> bool:
    return gold is not None and gold[1:4] == predicted[1:4]
