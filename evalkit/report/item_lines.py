"""Items that only one of two systems has right, as HTML: both predictions side by side in the text,
with gold underlined and the prediction overlined.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup, escape

from evalkit.analysis.error_items import Context
from evalkit.analysis.item_changes import ItemChange, Outcome
from evalkit.errors import escape_controls
from evalkit.results.item_comparison import ItemComparison
from evalkit.scoring.pairs import Item


class OutcomeCell(NamedTuple):
    """What a system makes of an item: the context with both spans marked, and the kind of error."""

    context: Markup
    kind: str


class ItemLine(NamedTuple):
    """A gold item: its place, its label, and what both systems make of it."""

    place: str
    label: str
    a: OutcomeCell
    b: OutcomeCell


class ItemTable(NamedTuple):
    """Some of the items that only one system has right."""

    title: str
    a: str
    b: str
    lines: list[ItemLine]


def build_item_tables(items: ItemComparison) -> list[ItemTable]:
    """A table of won and one of lost items, as far as there are any with a context."""
    tables = []
    for status, system in (("won", items.a), ("lost", items.b)):
        changes = [each for each in items.examples if each.status == status]
        lines = [_build_line(change) for change in changes if change.context is not None]
        if not lines:
            continue
        shown = f"{len(lines):,} of {items.statuses[status]:,}"
        title = f"Correct only in {system}, {items.layer}/strict ({shown})"
        tables.append(ItemTable(title, items.a, items.b, lines))
    return tables


def _build_line(change: ItemChange) -> ItemLine:
    item = change.item
    zone = f", {change.zone}" if change.zone else ""
    return ItemLine(
        f"{change.document}, {item.start}–{item.end}{zone}",
        item.label,
        *(_build_cell(change, outcome) for outcome in (change.a, change.b)),
    )


def _build_cell(change: ItemChange, outcome: Outcome) -> OutcomeCell:
    kind = outcome.kind or ""
    if outcome.detail:
        kind += f", {outcome.detail}"
    predicted = outcome.predicted
    if predicted is not None and change.gold is not None and predicted.label != change.gold.label:
        kind += f": {predicted.label}"
    return OutcomeCell(mark_spans(change.context, change.gold, predicted), kind)


def mark_spans(context: Context | None, gold: Item | None, predicted: Item | None) -> Markup:
    """The context as HTML, with the characters of both items marked."""
    if context is None:
        return Markup("")
    ranges = {"gold": _ranges(gold, context), "predicted": _ranges(predicted, context)}
    cuts = {0, len(context.text)}
    for side in ranges.values():
        for start, end in side:
            cuts |= {start, end}
    ordered = sorted(cuts)
    parts = []
    for start, end in pairwise(ordered):
        text = escape(escape_controls(context.text[start:end]))
        classes = [name for name, side in ranges.items() if any(a <= start < b for a, b in side)]
        if classes:
            text = Markup('<mark class="{}">{}</mark>').format(" ".join(classes), text)
        parts.append(text)
    return Markup("").join(parts)


def _ranges(item: Item | None, context: Context) -> list[tuple[int, int]]:
    """The ranges of an item in its context; what lies outside is cut off."""
    if item is None:
        return []
    ranges = []
    for start, end in item.fragments or ((item.start, item.end),):
        first = max(start - context.start, 0)
        last = min(end - context.start, len(context.text))
        if first < last:
            ranges.append((first, last))
    return ranges
