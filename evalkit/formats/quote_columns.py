"""The columns of a table with a quotation in each row, and the names under which they are known.

Names are compared as those of tables of spans: "Quote Index" is quote_index. A span has two columns
with its start and end, or one with both, such as "(12, 40)".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from evalkit.errors import InputError, quoted_repr, spell_option
from evalkit.formats.span_columns import (
    SPAN_COLUMNS,
    check_given_columns,
    check_one_column,
    find_columns,
    list_columns,
)

# Columns and the names under which they are read. quote_index, speaker_index and verb_index are
# those of the GenderGapTracker and the Quotation Tool, with _start_idx and _end_idx those of LDaCA.
QUOTE_COLUMNS: dict[str, tuple[str, ...]] = {
    "document": (*SPAN_COLUMNS["document"][1], "text_name", "document_idx", "novel", "book"),
    "text": ("quote", "quotation", "quote_text", "quotetext", "text", "content"),
    "speaker": ("speaker", "speaker_name", "who", "author"),
    "cue": ("cue", "verb"),
    "span": ("quote_index", "quote_span", "span", "index"),
    "start": (
        "quote_start",
        "quote_start_idx",
        "quote_start_index",
        "quote_start_offset",
        *SPAN_COLUMNS["start"][1],
    ),
    "end": (
        "quote_end",
        "quote_end_idx",
        "quote_end_index",
        "quote_end_offset",
        *SPAN_COLUMNS["end"][1],
    ),
    "speaker_span": ("speaker_index", "speaker_span"),
    "speaker_start": ("speaker_start", "speaker_start_idx", "speaker_start_index"),
    "speaker_end": ("speaker_end", "speaker_end_idx", "speaker_end_index"),
    "cue_span": ("cue_index", "cue_span", "verb_index", "verb_span"),
    "cue_start": ("cue_start", "cue_start_idx", "verb_start", "verb_start_idx"),
    "cue_end": ("cue_end", "cue_end_idx", "verb_end", "verb_end_idx"),
}
GIVEN = ("document", "text", "speaker", "start", "end")  # that an option can name
PARTS = {"content": "", "source": "speaker_", "cue": "cue_"}  # and the prefix of their columns
NO_SPANS = ("", "(0,0)", "(0, 0)", "nan", "None")
_RANGE = re.compile(r"[(\[]\s*(\d{1,9})\s*,\s*(\d{1,9})\s*[)\]]")
_NUMBER = re.compile(r"(\d{1,9})(\.0)?")


class RangeError(ValueError):
    """A cell that is not a span; the message says which column and what is expected."""


class RawRange(NamedTuple):
    """A span as it is in a table, with its column for messages."""

    start: int
    end: int
    column: str


def find_quote_columns(
    names: Sequence[str], table: str, given: Mapping[str, str]
) -> dict[str, str]:
    """Returns the name in the table of each column.

    given: names that were given for some columns. Raises InputError for a table without quotations,
    or with two columns of one meaning; UnknownNameError for a given name that it does not have.
    """
    columns = check_given_columns(names, table, given)
    for column, aliases in QUOTE_COLUMNS.items():
        if column not in columns:
            present = find_columns(names, aliases, taken=columns.values())
            preferred = [name for name in present if name == aliases[0]]
            present = preferred or present
            option = column if column in GIVEN else ""
            check_one_column(present, table, f"the {column.replace('_', ' ')}", option)
            columns.update((column, name) for name in present)
    has_offsets = "span" in columns or {"start", "end"} <= columns.keys()
    if not has_offsets and "text" not in columns:
        option = spell_option("text_column", "NAME", of="format")
        raise InputError(
            f"{table}: no column with the quotations: expected quote, or start and end, or name it"
            f" with {option}; the columns are {list_columns(names)}"
        )
    return columns


def find_range(cells: Mapping[str, str], part: str) -> RawRange | None:
    """The span of a part of a quotation in a row; None if it has none. cells: by column.

    Raises RangeError for a cell that is not one.
    """
    prefix = PARTS[part]
    span = cells.get(f"{prefix}span", "").strip()
    if span not in NO_SPANS:
        match = _RANGE.fullmatch(span)
        if match is None:
            raise RangeError(f"{prefix}span: {quoted_repr(span)}: expected (START, END)")
        return RawRange(int(match[1]), int(match[2]), f"{prefix}span")
    edges = [cells.get(f"{prefix}{edge}", "").strip() for edge in ("start", "end")]
    if all(edge in NO_SPANS for edge in edges):
        return None
    numbers = [_NUMBER.fullmatch(edge) for edge in edges]
    for edge, cell, number in zip(("start", "end"), edges, numbers):
        if number is None:
            raise RangeError(f"{prefix}{edge}: {quoted_repr(cell)}: expected a whole number")
    start, end = (int(number[1]) for number in numbers if number is not None)
    return RawRange(start, end, f"{prefix}start")
