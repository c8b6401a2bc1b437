"""Reads documents from Arrow record batches that have a document in each row.

The columns are those of the config `documents` of evalkit's data sets (see `hf_tables`), or of
evalkit's JSONL. Needed are `id`, `text` and one of the layers `entities`, `events` and
`attributions`; a layer without a list in a row was not annotated, unless the column `layers` names
the annotated layers. `meta` and `attributes` are JSON in a string, or a struct, whose null fields
are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from evalkit.data.document import LAYERS, Document
from evalkit.errors import InputError, LoadError, quoted_repr
from evalkit.formats.arrow_batches import ColumnDocument, to_document_batch
from evalkit.formats.arrow_columns import (
    ColumnTypeError,
    ColumnValueError,
    arrow_type,
    check_column_type,
    convert_column,
    empty_lists,
    has_only_empty_lists,
    unread_columns,
)
from evalkit.formats.arrow_rows import Columns, document_or_error
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.hf_tables import column_types
from evalkit.formats.hf_withheld import Texts
from evalkit.formats.registry import DocumentResults
from evalkit.formats.span_columns import has_offsets


def has_document_rows(schema: pa.Schema) -> bool:
    """Whether a table has a document in each row: it has a layer of annotations, or a text and no
    offsets.
    """
    names = set(schema.names)
    has_texts = {"id", "text"} <= names and not has_offsets(schema.names)
    return bool(names & set(LAYERS)) or has_texts


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
            column = batch.column(name)
            if isinstance(kind, list) and has_only_empty_lists(column):
                columns[name] = empty_lists(column, kind)
            else:
                columns[name] = convert_column(column, kind, name)
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
            location = f"{columns.name}: row "
            for index, document in enumerate(_iter_batch(converted, location, first_row, texts)):
                yield f"{location}{first_row + index}", document
        first_row += batch.num_rows


def _iter_batch(
    columns: Columns, location: str, first_row: int, texts: Texts | None
) -> Iterator[Document | LoadError]:
    """Yields the document of each row; those of invalid batches are read one by one, to report all
    errors.
    """
    batch = to_document_batch(columns) if texts is None else None
    if batch is None:
        for index in range(len(columns["id"])):
            yield document_or_error(columns, index, f"{location}{first_row + index}", texts)
        return
    for document in batch:
        if isinstance(document, ColumnDocument):
            yield document.to_document()
        else:
            yield document
