"""Reads documents from Arrow record batches that have a document in each row.

The columns are those of the config `documents` of evalkit's data sets (see `hf_tables`), or of
evalkit's JSONL. Needed are `id`, `text` and one of the layers `entities`, `events` and
`attributions`; a layer without a list in a row was not annotated, unless the column `layers` names
the annotated layers. `meta` and `attributes` are JSON in a string, or a struct, whose null fields
are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from evalkit.data.document import LAYERS, Document
from evalkit.errors import InputError, LoadError, quoted_repr
from evalkit.formats import hf
from evalkit.formats.arrow_columns import (
    ColumnTypeError,
    ColumnValueError,
    arrow_type,
    check_column_type,
    convert_column,
    unread_columns,
)
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.hf_tables import column_types
from evalkit.formats.hf_withheld import Texts, digest_errors, sha256
from evalkit.formats.registry import DocumentResults

Columns = dict[str, Any]  # a column of each name, under the types of `DocumentColumns.kinds`


def has_document_rows(schema: pa.Schema) -> bool:
    """Whether a table has a document in each row: it has a layer of annotations, or a text and no
    offsets.
    """
    names = set(schema.names)
    return bool(names & set(LAYERS)) or ("start" not in names and {"id", "text"} <= names)


class DocumentColumns:
    """The columns of a table of documents, and their conversion.

    `kinds` has the type of each column that is read.
    """

    def __init__(self, schema: pa.Schema, name: str) -> None:
        """name: the table, for messages. Raises InputError for a missing column or another type."""
        self.name = name
        names = schema.names
        is_withheld = "text" not in names and "sha256" in names
        known = column_types(with_text=not is_withheld)["documents"]
        required = ("id", "sha256") if is_withheld else ("id", "text")
        for column in (*required, *names):
            if names.count(column) != 1 and column in known:
                problem = "no column" if column not in names else "several columns"
                raise InputError(
                    f"{name}: {problem} {quoted_repr(column)}: expected one; the columns are"
                    f" {', '.join(names)}"
                )
        if not set(names) & set(LAYERS):
            raise InputError(
                f"{name}: no column of annotations: expected one of: {', '.join(LAYERS)}; the"
                f" columns are {', '.join(names)}"
            )
        self.kinds = {column: known[column] for column in names if column in known}
        for column, kind in self.kinds.items():
            try:
                check_column_type(schema.field(column).type, kind, column)
            except ColumnTypeError as error:
                raise InputError(f"{name}: {error}") from None
        self.missing = [column for column in known if column not in names]
        self._known = known
        self._schema = schema

    def unread(self) -> Iterator[str]:
        """Yields the names of the columns and of nested fields that are not read."""
        for field in self._schema:
            if field.name not in self.kinds:
                yield field.name
            else:
                yield from unread_columns(field.type, self.kinds[field.name], field.name)

    def convert(self, batch: pa.RecordBatch) -> Columns:
        """Returns the columns of a batch under their types; those that are missing are null.

        Raises ColumnValueError.
        """
        columns = {}
        for name, kind in self.kinds.items():
            columns[name] = convert_column(batch.column(name), kind, name)
        for name in self.missing:
            columns[name] = pa.nulls(batch.num_rows, arrow_type(self._known[name]))
        return columns


def iter_documents(
    batches: Iterator[pa.RecordBatch],
    columns: DocumentColumns,
    conversion: ConversionReport,
    texts: Texts | None = None,
) -> DocumentResults:
    """Yields "NAME: row N", counted from 0, with the document or a LoadError.

    texts: looks up the texts of a table that has only their sha256.
    """
    for column in columns.unread():
        conversion.add("columns", f"{columns.name}: {column}")
    first_row = 0
    for batch in batches:
        try:
            converted = columns.convert(batch)
        except ColumnValueError as error:
            position = f"{columns.name}: row {first_row + error.index}"
            message = f"{position}: {error.column}: {error.problem}"
            yield position, LoadError([message])
        else:
            for index in range(batch.num_rows):
                position = f"{columns.name}: row {first_row + index}"
                yield position, _document_or_error(converted, index, position, texts)
        first_row += batch.num_rows


def _document_or_error(
    columns: Columns, index: int, position: str, texts: Texts | None
) -> Document | LoadError:
    try:
        row = row_of(columns, index)
        document = document_of_row(row, texts)
    except msgspec.ValidationError as error:
        return LoadError([f"{position}: {_describe_invalid(error)}"])
    except UnicodeDecodeError as error:
        return LoadError([f"{position}: not UTF-8: {error.reason} at byte {error.start}"])
    except (InputError, json.JSONDecodeError, RecursionError) as error:
        return LoadError([f"{position}: {error}"])
    if row.get("text") is None:
        errors = [f"{position}: {error}" for error in digest_errors(row, document)]
        if errors:
            return LoadError(errors)
    return document


def row_of(columns: Columns, index: int) -> dict[str, Any]:
    """Returns a row of converted columns as Python values."""
    return {name: column[index].as_py() for name, column in columns.items()}


def document_of_row(row: Mapping[str, Any], texts: Texts | None = None) -> Document:
    """Returns the document of a row of converted columns.

    Raises InputError or ValidationError for invalid values.
    """
    checked = dict(row)
    for name in ("id", "text" if texts is None else "sha256"):
        if checked.get(name) is None:
            raise InputError(f"{name}: null: expected a string")
    layers = checked["layers"]
    if layers is None:
        layers = [layer for layer in LAYERS if checked[layer] is not None]
    for layer in layers:
        if layer not in LAYERS:
            expected = ", ".join(LAYERS)
            raise InputError(f"layers: {quoted_repr(layer)}: expected one of: {expected}")
    for layer in LAYERS:
        if checked[layer] and layer not in layers:
            raise InputError(
                f"{layer}: {len(checked[layer])} annotations, but the column 'layers' does not"
                f" name {layer}: add it, or remove the annotations"
            )
    checked["layers"] = layers
    if checked["sha256"] is None:
        checked["sha256"] = sha256(checked["text"])
    return hf.document_of(checked, texts)


def _describe_invalid(error: msgspec.ValidationError) -> str:
    """The message about an invalid value: its path, and what was expected.

    Null values are left out before rows are converted, so that a missing field is one that is null.
    """
    message = str(error).replace("`", "'")
    problem, _, path = message.partition(" - at '$")
    path = path.strip(".'")
    missing = re.fullmatch(r"Object missing required field '(\w+)'", problem)
    if missing:
        field = ".".join(part for part in (path, missing[1]) if part)
        return f"{field}: null: expected a value"
    return f"{path}: {problem}" if path else problem
