"""Items that only one of two systems has right, as HTML: both predictions side by side in the
text.
"""

from __future__ import annotations

from typing import NamedTuple

from markupsafe import Markup

from evalkit.analysis.error_items import ErrorItem
from evalkit.analysis.item_changes import ItemChange, Outcome
from evalkit.errors import shorten
from evalkit.report.marked_text import class_of_kind, mark_context
from evalkit.results.item_comparison import ItemComparison

MOST_CONTEXT = 600  # bytes of the words around an item


class OutcomeCell(NamedTuple):
    """What a system makes of an item: the words around it with both spans marked, the kind of error
    with its class, and its detail.
    """

    marked: Markup
    kind: str
    code: str
    detail: str


class ItemLine(NamedTuple):
    """A gold item: its document, its place there, its label, and what both systems make of it."""

    document: str
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
        if lines:
            shown = f"{len(lines):,} of {items.statuses[status]:,}"
            title = f"Correct only in {system}, {items.layer}/strict ({shown})"
            tables.append(ItemTable(title, items.a, items.b, lines))
    return tables


def _build_line(change: ItemChange) -> ItemLine:
    item = change.item
    place = f"{item.start}–{item.end}"
    if change.zone is not None:
        place += f", zone {shorten(change.zone)}"
    a, b = (_build_cell(change, outcome) for outcome in (change.a, change.b))
    return ItemLine(shorten(change.document), place, shorten(item.label), a, b)


def _build_cell(change: ItemChange, outcome: Outcome) -> OutcomeCell:
    kind = outcome.kind or ""
    shown = ErrorItem(
        change.document,
        change.layer,
        kind,
        outcome.detail,
        change.gold,
        outcome.predicted,
        change.context,
        change.sentence,
        change.zone,
    )
    return OutcomeCell(
        mark_context(shown, MOST_CONTEXT), kind, class_of_kind(kind), shorten(outcome.detail)
    )
