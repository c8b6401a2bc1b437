"""Reads tables that have an entity in each row: document, start, end, label.

A row without start, end and label is a document without entities. The texts of the documents are in
a column `document_text`, or come from another corpus.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa

from evalkit.errors import InputError
from evalkit.formats.arrow_columns import (
    ColumnTypeError,
    ColumnValueError,
    check_column_type,
    convert_column,
)
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.span_columns import SPAN_COLUMNS, find_span_columns, report_columns
from evalkit.formats.span_table import SpanTable

# Columns of strings in which programs write numbers
IDS = ("document", "id")


def read_span_table(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, table: str, conversion: ConversionReport
) -> SpanTable:
    """Returns the entities of a table of spans.

    Invalid values are in its `errors`. Raises InputError for missing columns and other types.
    """
    names = find_span_columns(schema.names, table)
    for column, name in names.items():
        try:
            check_column_type(_column_type(schema, column, name), SPAN_COLUMNS[column][0], name)
        except ColumnTypeError as error:
            raise InputError(f"{table}: {error}") from None
    report_columns(names, {}, schema.names, table, conversion)
    spans = SpanTable(table, names, conversion=conversion)
    first_row = 0
    for batch in batches:
        try:
            _add_batch(spans, batch, first_row)
        except (ColumnValueError, UnicodeDecodeError):
            for index in range(batch.num_rows):  # to find the rows with an error
                _add_single_row(spans, batch.slice(index, 1), first_row + index)
        first_row += batch.num_rows
    return spans


def _column_type(schema: pa.Schema, column: str, name: str) -> Any:
    type = schema.field(name).type
    return pa.string() if column in IDS and pa.types.is_integer(type) else type


def _add_batch(spans: SpanTable, batch: pa.RecordBatch, first_row: int) -> None:
    """Adds the rows of a batch. Raises ColumnValueError or UnicodeDecodeError, before it adds any,
    if one of them is invalid.
    """
    columns = [_convert(batch, column, name) for column, name in spans.names.items()]
    for index, values in enumerate(zip(*columns)):
        spans.add_row(first_row + index, dict(zip(spans.names, values)))


def _convert(batch: pa.RecordBatch, column: str, name: str) -> list[Any]:
    array = batch.column(name)
    if column in IDS and pa.types.is_integer(array.type):
        array = array.cast(pa.string())
    values: list[Any] = convert_column(array, SPAN_COLUMNS[column][0], name).to_pylist()
    return values


def _add_single_row(spans: SpanTable, row: pa.RecordBatch, number: int) -> None:
    try:
        _add_batch(spans, row, number)
    except ColumnValueError as error:
        problem = f"{error.column}: {error.problem}"
    except UnicodeDecodeError as error:
        problem = f"not UTF-8: {error.reason}"
    else:
        return
    id, text = (_read_value(row, column, spans) for column in ("document", "document_text"))
    spans.add_invalid_row(number, problem, id, text)


def _read_value(row: pa.RecordBatch, column: str, spans: SpanTable) -> str | None:
    """The value of a column in a single row; None if it is missing or invalid."""
    with suppress(KeyError, ColumnValueError, UnicodeDecodeError):
        value: str | None = _convert(row, column, spans.names[column])[0]
        return value
    return None
