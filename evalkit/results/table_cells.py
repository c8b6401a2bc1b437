"""Cells of the tables about corpora: surface forms, roles, lengths, and the room that they have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.data.edges import PUNCTUATION
from evalkit.errors import escape_controls, shorten
from evalkit.results.corpus_examples import ExampleOptions
from evalkit.results.layer_stats import LayerStats
from evalkit.results.length_stats import LengthStats
from evalkit.results.surface_stats import display_form
from evalkit.results.tables import NumberFormat, Table
from evalkit.results.wording import pluralize

ALL_LABELS = "all"
LONGEST_EXAMPLE = 30  # characters of a surface form in a list
LONGEST_CELL = 80
LEAST_ROOM = 16  # characters of the examples in a narrow terminal
MAX_ROLES = 4  # roles of an event type
CSV_AND_JSON = "csv and json have"
MAX_ROWS = 50  # labels, or zones, of a table


@dataclass(frozen=True)
class TableOptions:
    """How tables are built: numbers, examples, the columns of the terminal, if it is one, and the
    most labels that a table has; None for all.
    """

    numbers: NumberFormat
    examples: ExampleOptions
    width: int | None = None
    max_rows: int | None = MAX_ROWS

    def note_hidden(self, count: int, noun: str, formats: str = "json has") -> tuple[str, ...]:
        """A note about the labels that a table of `count` ones leaves out; none if it has all."""
        if self.max_rows is None or count <= self.max_rows:
            return ()
        more = pluralize(count - self.max_rows, f"more {noun}")
        return (f"… and {more}: {formats} all",)


def room_for_text(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, cells: int = 1
) -> int:
    """The characters that each of some further cells of text may have."""
    if width is None:
        return LONGEST_CELL
    taken = Table("", tuple(columns), tuple(map(tuple, rows))).width
    return min(max((width - taken) // cells - 2, LEAST_ROOM), LONGEST_CELL)


def list_forms(layer: LayerStats, label: str, count: int, room: int) -> str:
    """The most frequent surface forms of a label with their counts, as many as there is room
    for.
    """
    text = ""
    for key, number in layer.surfaces.most_frequent(label, count):
        form = show_form(key)
        item = f"{form} ({number:,})"
        longer = f"{text}, {item}" if text else item
        if len(longer) > room:
            if not text:
                suffix = f" ({number:,})"
                text = shorten(form, max(room - len(suffix), 1)) + suffix
            break
        text = longer
    return text


def show_form(key: str, most: int = LONGEST_EXAMPLE) -> str:
    """A surface form on one line, cut to a number of characters; in quotation marks if it has a
    comma, or punctuation or white space at an edge.
    """
    form = display_form(key)
    shown = shorten(escape_controls(form), most)
    has_edge = any(edge.isspace() or edge in PUNCTUATION for edge in (form[0], form[-1]))
    return f"“{shown}”" if has_edge or "," in form else shown


def order_labels(layers: Sequence[LayerStats]) -> list[str]:
    """The labels of all corpora, the most frequent first."""
    counts: Counter[str] = Counter()
    for layer in layers:
        for each in layer.labels:
            counts[each.label or ""] += each.annotations
    return sorted(counts, key=lambda label: (-counts[label], label))


def median_and_largest(lengths: LengthStats) -> str:
    """The median and the largest of some lengths, as in "1, 4"; – without any."""
    if lengths.median is None:
        return "–"
    return f"{lengths.median:,}, {lengths.largest:,}"


def list_roles(roles: Mapping[str, int], room: int, most: int = MAX_ROLES) -> str:
    """The most frequent roles with their counts, as many as there is room for."""
    text = ""
    for number, (role, count) in enumerate(roles.items()):
        item = f"{shorten(role, LONGEST_EXAMPLE)} ({count:,})"
        longer = f"{text}, {item}" if text else item
        if number == most or len(longer) > room - 3:
            return f"{text}, …" if text else shorten(item, room)
        text = longer
    return text
