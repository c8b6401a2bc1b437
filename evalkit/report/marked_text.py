"""Texts with the spans of gold and of the prediction marked, as HTML.

Spans are nested `<mark>` elements. Where two spans cross, the one that ends later is closed and
opened again. Gold's label stands below the line (`<sub>`), the predicted one above it (`<sup>`),
each at the end of its span. The classes of a mark are its sides, g and p, and the initials of its
kind, for the style sheet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from evalkit.analysis.error_items import ErrorItem
from evalkit.errors import shorten
from evalkit.results.html_page import show_invisible
from evalkit.scoring.pairs import Item

LONGEST_LABEL = 40  # characters of a label beside its span
GOLD, PREDICTED = "g", "p"
# The classes of a kind; as short as possible, since a page has thousands of marks.
KIND_CLASSES = {
    "correct": "c",
    "label": "l",
    "boundary": "b",
    "label+boundary": "x",
    "missed": "m",
    "spurious": "s",
    "duplicate": "d",
    "unplaced": "u",
}
# Kinds of attached arguments, attributions and relations look like the one that they resemble most.
_SIMILAR_KINDS = {
    "event": "unplaced",
    "role": "label",
    "span": "boundary",
    "role+span": "label+boundary",
    "attachment": "duplicate",
    "wrong place": "label+boundary",
    "argument label": "label+boundary",
    "direction": "duplicate",
    "argument span": "boundary",
}


def class_of_kind(kind: str) -> str:
    """The class of a kind in the style sheet."""
    return KIND_CLASSES[_SIMILAR_KINDS.get(kind, kind)]


class Mark(NamedTuple):
    """A marked range. sides: GOLD, PREDICTED or both. tags: the HTML of its labels."""

    start: int
    end: int
    sides: str
    kind: str
    tags: str


class MarkedText(NamedTuple):
    """HTML, and the position up to which the text is shown."""

    html: Markup
    end: int


def marks_of(items: Iterable[ErrorItem], *, with_kinds: bool = True) -> list[Mark]:
    """The marks of some items, in the order in which they are opened. Parts of a discontinuous span
    have the same number. with_kinds: whether labels of errors name their kind.
    """
    marks: list[Mark] = []
    number = 0
    for item in items:
        kind = item.kind if with_kinds and item.kind != "correct" else ""
        gold, predicted = item.gold, item.predicted
        if gold and predicted and gold[1:4] == predicted[1:4]:
            number += bool(gold.fragments)
            part = str(number) if gold.fragments else ""
            tags = _tag("sub", gold.label, part)
            if item.kind != "correct":
                tags += _tag("sup", predicted.label, part, kind)
            spans = gold.fragments or ((gold.start, gold.end),)
            marks += [Mark(*span, f"{GOLD} {PREDICTED}", item.kind, tags) for span in spans]
            continue
        for side, shown, element in ((GOLD, gold, "sub"), (PREDICTED, predicted, "sup")):
            if shown is None or shown.start < 0:
                continue
            number += bool(shown.fragments)
            part = str(number) if shown.fragments else ""
            tags = _tag(element, shown.label, part, kind)
            spans = shown.fragments or ((shown.start, shown.end),)
            marks += [Mark(*span, side, item.kind, tags) for span in spans]
    return sorted(marks, key=lambda mark: (mark.start, -mark.end, mark.sides))


def _tag(element: str, label: str, part: str, kind: str = "") -> str:
    """A label below or above the line, with the number of the part and the kind of error."""
    words = [escape_text(shorten(label, LONGEST_LABEL))]
    if part:
        words.append(f"[{part}]")
    if kind:
        words.append(f"<i>{kind}</i>")
    return f"<{element}>{' '.join(words)}</{element}>"


def escape_text(text: str) -> str:
    """A text as HTML: with its line breaks and tabs; other controls as visible escapes."""
    return str(escape(show_invisible(text.replace("\r\n", "\n"), keep="\n\t")))


def mark_text(
    text: str, start: int, end: int, marks: Sequence[Mark], most_bytes: int
) -> MarkedText:
    """The text from `start` to `end` with marks, which must be in order (see `marks_of`); ends
    early, with all marks closed, before it is longer than about `most_bytes` bytes.
    """
    clipped = [
        mark._replace(start=max(mark.start, start), end=min(mark.end, end))
        for mark in marks
        if mark.start < end and mark.end > start
    ]
    clipped.sort(key=lambda mark: (mark.start, -mark.end, mark.sides))
    cuts = sorted({start, end, *(at for mark in clipped for at in mark[:2])})
    writer = _Writer(most_bytes)
    position, opened = start, 0
    for cut in cuts:
        shown = writer.add_text(text[position:cut])
        if shown < cut - position:
            writer.close_all()
            return MarkedText(Markup(writer.html), position + shown)  # noqa: S704 - escaped
        position = cut
        writer.close_ended(cut)
        while opened < len(clipped) and clipped[opened].start == cut:
            writer.open(clipped[opened])
            opened += 1
    return MarkedText(Markup(writer.html), end)  # noqa: S704 - made of escaped values alone


def mark_context(item: ErrorItem, most_bytes: int) -> Markup:
    """The words around an item with its marks, of about `most_bytes` bytes; empty without them."""
    context = item.context
    if context is None:
        return Markup()
    shown = item._replace(
        gold=_shift(item.gold, -context.start), predicted=_shift(item.predicted, -context.start)
    )
    marks = marks_of([shown], with_kinds=False)
    marked, end = mark_text(context.text, 0, len(context.text), marks, most_bytes)
    return marked + "…" if end < len(context.text) else marked


def _shift(item: Item | None, by: int) -> Item | None:
    """An item with other offsets; unplaced items stay without."""
    if item is None or item.start < 0:
        return item
    fragments = tuple((start + by, end + by) for start, end in item.fragments)
    return item._replace(start=item.start + by, end=item.end + by, fragments=fragments)


class _Writer:
    """Writes nested marks."""

    def __init__(self, most_bytes: int) -> None:
        self._parts: list[str] = []
        self._left = most_bytes
        self._open: list[Mark] = []

    @property
    def html(self) -> str:
        return "".join(self._parts)

    def add_text(self, text: str) -> int:
        """Add a text, or its beginning if it is too long. Returns the number of characters."""
        if not text:
            return 0
        if self._left <= 0:
            return 0
        shown = len(text)
        shown = min(shown, self._left)
        html = escape_text(text[:shown])
        size = len(html.encode())
        if size > self._left:
            # Escapes and other scripts take several bytes: as many characters as surely fit.
            shown = max(shown * self._left // size, 1)
            html = escape_text(text[:shown])
            size = len(html.encode())
        self._left -= size
        self._parts.append(html)
        return shown

    def open(self, mark: Mark) -> None:
        self._add_markup(f'<mark class="{mark.sides} {class_of_kind(mark.kind)}">')
        self._open.append(mark)

    def close_ended(self, position: int) -> None:
        """Close the marks that end at a position; those above them are opened again."""
        lowest = next((n for n, mark in enumerate(self._open) if mark.end <= position), None)
        if lowest is None:
            return
        above = self._open[lowest:]
        del self._open[lowest:]
        for mark in reversed(above):
            self._add_markup(f"{mark.tags}</mark>" if mark.end <= position else "</mark>")
        for mark in above:
            if mark.end > position:
                self.open(mark)

    def close_all(self) -> None:
        for mark in reversed(self._open):
            self._add_markup(f"{mark.tags}…</mark>")
        self._open.clear()

    def _add_markup(self, html: str) -> None:
        self._parts.append(html)
        self._left -= len(html.encode())
