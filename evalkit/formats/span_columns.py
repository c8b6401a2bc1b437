"""The columns of a table that has an entity in each row, and the names under which they are known.

Names are compared without regard to case, spaces and hyphens: "Start Offset" is start_offset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.errors import InputError, UnknownNameError, quoted_repr, shorten, spell_option
from evalkit.formats.conversion import ConversionReport

FRAGMENTS = [{"start": "int64", "end": "int64"}]
# The columns of a table of spans: their types, and the names under which they are read. Some are
# those of shared tasks: off0, off1 and mark (DisTEMIST), tweet_id and extraction (ProfNER).
SPAN_COLUMNS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "document": (
        "string",
        (
            "document",
            "doc_id",
            "document_id",
            "doc",
            "docid",
            "doc_name",
            "document_name",
            "filename",
            "file_name",
            "file",
            "text_id",
            "tweet_id",
            "note_id",
            "article_id",
            "pmid",
            "sentence_id",
            "sent_id",
        ),
    ),
    "start": (
        "int64",
        (
            "start",
            "start_offset",
            "begin",
            "begin_offset",
            "start_char",
            "char_start",
            "start_pos",
            "start_position",
            "start_index",
            "start_idx",
            "start_span",
            "offset_start",
            "off0",
            "from",
        ),
    ),
    "end": (
        "int64",
        (
            "end",
            "end_offset",
            "stop",
            "stop_offset",
            "end_char",
            "char_end",
            "end_pos",
            "end_position",
            "end_index",
            "end_idx",
            "end_span",
            "offset_end",
            "off1",
            "to",
        ),
    ),
    "label": (
        "string",
        (
            "label",
            "entity_group",
            "entity_type",
            "type",
            "tag",
            "category",
            "class",
            "ent_type",
            "entity_label",
            "label_name",
        ),
    ),
    "text": (
        "string",
        (
            "text",
            "surface",
            "word",
            "span",
            "mention",
            "surface_form",
            "span_text",
            "entity_text",
            "mention_text",
            "covered_text",
            "extraction",
            "entity",
        ),
    ),
    "score": ("float64", ("score", "confidence", "probability", "prob")),
    "id": (
        "string",
        ("id", "entity_id", "span_id", "mention_id", "annotation_id", "ann_id", "mark"),
    ),
    "fragments": (FRAGMENTS, ("fragments",)),
    "attributes": ("string", ("attributes",)),
    "document_text": ("string", ("document_text", "doc_text", "full_text")),
}
REQUIRED = ("document", "start", "end", "label")
MAX_NAMES = 300  # characters of the names of columns in a message


def normalize_name(name: str) -> str:
    """Returns the name of a column in lower case, with underscores between its words.

    >>> normalize_name(" Start-Offset ")
    'start_offset'
    """
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def has_offsets(names: Sequence[str]) -> bool:
    """Whether a table has a column with the start of each span."""
    return any(normalize_name(name) in SPAN_COLUMNS["start"][1] for name in names)


def list_columns(names: Sequence[str]) -> str:
    """Returns the names of columns for a message."""
    return shorten(", ".join(map(quoted_repr, names)), MAX_NAMES)


def find_span_columns(
    names: Sequence[str],
    table: str,
    given: Mapping[str, str] | None = None,
    *,
    has_options: bool = False,
) -> dict[str, str]:
    """Returns the name in the table of each column of a table of spans.

    given: names that were given for some columns. has_options: whether a message can advise to
    give them. Raises InputError for a table without documents, offsets or labels, and for two
    columns of one meaning; UnknownNameError for a given name that the table does not have.
    """
    columns = check_given_columns(names, table, given or {})
    for column, (_, aliases) in SPAN_COLUMNS.items():
        if column not in columns:
            present = find_columns(names, aliases, taken=columns.values())
            if column in present:
                present = [column]
            check_one_column(
                present, table, f"the {column} of a span", column if has_options else ""
            )
            columns.update((column, name) for name in present)
    if "document" not in columns and normalize_name(columns.get("id", "")) == "id":
        columns["document"] = columns.pop("id")
    for column in REQUIRED:
        if column not in columns:
            expected = ", ".join(SPAN_COLUMNS[column][1])
            remedy = ""
            if has_options:
                remedy = (
                    f", or name it with {spell_option(f'{column}_column', 'NAME', of='format')}"
                )
            raise InputError(
                f"{table}: no column with the {column} of each span: expected one of: {expected}"
                f"{remedy}; the columns are {list_columns(names)}; a table of documents has id,"
                " text and entities"
            )
    return columns


def check_given_columns(
    names: Sequence[str], table: str, given: Mapping[str, str]
) -> dict[str, str]:
    """Returns the names that were given for some columns, after checking that the table has them.

    Raises UnknownNameError for one that it does not have, and InputError for a name that it has
    twice or that was given for two columns.
    """
    for column, name in given.items():
        if name not in names:
            within = f"{spell_option(f'{column}_column', name, of='format')} of {table}"
            raise UnknownNameError("column", name, names, within=within)
        if list(names).count(name) > 1:
            raise InputError(f"{table}: several columns {quoted_repr(name)}: expected one")
        if list(given.values()).count(name) > 1:
            raise InputError(
                f"{table}: the column {quoted_repr(name)} was given twice: expected a column of its"
                f" own for {' and '.join(each for each in given if given[each] == name)}"
            )
    return dict(given)


def find_columns(
    names: Sequence[str], aliases: Sequence[str], *, taken: Sequence[str] | Any = ()
) -> list[str]:
    """Returns the columns with one of some names, in the order of the table, without those that are
    taken.
    """
    return [name for name in names if normalize_name(name) in aliases and name not in taken]


def check_one_column(present: Sequence[str], table: str, what: str, option: str = "") -> None:
    """Raises InputError if there are several columns of one meaning.

    option: the column in the option that names one; "" if there is none.
    """
    if len(present) < 2:
        return
    remedy = "keep one of them"
    if option and len(set(present)) > 1:
        remedy = f"name one with {spell_option(f'{option}_column', present[0], of='format')}"
    raise InputError(f"{table}: several columns with {what}: {', '.join(present)}; {remedy}")


def report_columns(
    columns: Mapping[str, str],
    given: Mapping[str, str],
    names: Sequence[str],
    table: str,
    conversion: ConversionReport,
    separator: str = "",
) -> None:
    """Reports what was read as what, where a name is not that of the column, as detected; counts
    the columns that are not read as dropped.

    separator: how the columns of a text file are separated.
    """
    recognized = []
    for column, name in columns.items():
        if name != column and column not in given:
            recognized.append(f"{quoted_repr(name)} as {column}")
    if recognized:
        between = f", separated by {separator}" if separator else ""
        conversion.detected.add(f"columns {', '.join(recognized)}{between}", table)
    for name in names:
        if name not in columns.values():
            conversion.add("columns", f"{table}: {name or quoted_repr(name)}")
