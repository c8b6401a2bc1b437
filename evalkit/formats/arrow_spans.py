"""Reads tables that have an entity in each row: document, start, end, label.

A row without start, end and label is a document without entities. The texts of the documents are in
a column `document_text`, or come from another corpus.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from evalkit.data.document import Entity
from evalkit.errors import DocumentError, InputError, quoted_repr
from evalkit.formats.arrow_columns import (
    ColumnTypeError,
    ColumnValueError,
    check_column_type,
    convert_column,
)
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.hf import to_jsonl_value
from evalkit.formats.span_table import SpanRow, SpanTable

FRAGMENTS = [{"start": "int64", "end": "int64"}]
# The columns of a table of spans: their types, and the names under which they are read
SPAN_COLUMNS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "document": ("string", ("document", "doc_id", "document_id", "doc")),
    "start": ("int64", ("start", "start_offset", "begin")),
    "end": ("int64", ("end", "end_offset")),
    "label": ("string", ("label", "entity_group", "entity_type", "type")),
    "text": ("string", ("text", "surface", "word")),
    "score": ("float64", ("score",)),
    "id": ("string", ("id", "entity_id")),
    "fragments": (FRAGMENTS, ("fragments",)),
    "attributes": ("string", ("attributes",)),
    "document_text": ("string", ("document_text", "doc_text")),
}
REQUIRED = ("document", "start", "end", "label")


def find_span_columns(names: Sequence[str], table: str) -> dict[str, str]:
    """Returns the name in the table of each column of a table of spans.

    Raises InputError for a table without documents, offsets or labels, and for two columns of one
    meaning.
    """
    columns: dict[str, str] = {}
    for column, (_, aliases) in SPAN_COLUMNS.items():
        present = [name for name in names if name in aliases]
        if len(present) > 1 and column not in present:
            raise InputError(
                f"{table}: several columns with the {column} of a span: {', '.join(present)}; keep"
                " one of them"
            )
        if present:
            columns[column] = column if column in present else present[0]
    if "document" not in columns and columns.get("id") == "id":
        columns["document"] = columns.pop("id")
    for column in REQUIRED:
        if column not in columns:
            expected = ", ".join(SPAN_COLUMNS[column][1])
            raise InputError(
                f"{table}: no column with the {column} of each span: expected one of: {expected};"
                f" the columns are {', '.join(names)}; a table of documents has id, text and"
                " entities"
            )
    return columns


def read_span_table(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, table: str, conversion: ConversionReport
) -> SpanTable:
    """Returns the entities of a table of spans.

    Invalid values are in its `errors`. Raises InputError for missing columns and other types.
    """
    names = find_span_columns(schema.names, table)
    kinds = {column: SPAN_COLUMNS[column][0] for column in names}
    for column, name in names.items():
        try:
            check_column_type(schema.field(name).type, kinds[column], name)
        except ColumnTypeError as error:
            raise InputError(f"{table}: {error}") from None
    for name in schema.names:
        if name not in names.values():
            conversion.add("columns", f"{table}: {name}")
    spans = SpanTable(table, conversion=conversion, texts={} if "document_text" in names else None)
    first_row = 0
    for batch in batches:
        columns = {}
        try:
            for column, name in names.items():
                converted = convert_column(batch.column(name), kinds[column], name)
                columns[column] = converted.to_pylist()
        except ColumnValueError as error:
            position = f"{table}: row {first_row + error.index}"
            spans.errors.append(f"{position}: {error.column}: {error.problem}")
        except UnicodeDecodeError as error:
            position = f"{table}: rows {first_row} to {first_row + batch.num_rows - 1}"
            spans.errors.append(f"{position}: not UTF-8: {error.reason}")
        else:
            for index, values in enumerate(zip(*columns.values())):
                _add_row(spans, first_row + index, dict(zip(columns, values)), names)
        first_row += batch.num_rows
    return spans


def _add_row(
    spans: SpanTable, row: int, values: Mapping[str, Any], names: Mapping[str, str]
) -> None:
    position = f"{spans.name}: row {row}"
    id = values["document"]
    if not id:
        spans.errors.append(
            f"{position}: {names['document']}: {quoted_repr(id)}: expected a non-empty string"
        )
        return
    document = spans.spans.setdefault(id, [])
    text = values.get("document_text")
    if spans.texts is not None and text is not None and spans.texts.setdefault(id, text) != text:
        spans.errors.append(
            f"{position}: {names['document_text']}: another text than in an earlier row of document"
            f" {quoted_repr(id)}"
        )
        return
    span_values = [values[column] for column in ("start", "end", "label")]
    if all(value is None for value in span_values):
        return
    for column, value in zip(("start", "end", "label"), span_values):
        if value is None:
            spans.errors.append(
                f"{position}: {names[column]}: null: expected a value, or null in"
                f" {names['start']}, {names['end']} and {names['label']} for a document without"
                " entities"
            )
            return
    plain = to_jsonl_value({name: values.get(name) for name in ("fragments", "attributes")})
    try:
        entity = Entity(
            values["label"],
            values["start"],
            values["end"],
            id=values.get("id"),
            fragments=plain.get("fragments") or (),
            score=values.get("score"),
            attributes=plain.get("attributes"),
        )
    except DocumentError as error:
        column = names.get(error.field, error.field)
        spans.errors.append(f"{position}: document {quoted_repr(id)}, {column}: {error.message}")
    else:
        document.append(SpanRow(row, entity, values.get("text")))
