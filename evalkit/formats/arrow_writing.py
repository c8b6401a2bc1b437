"""Writes documents as Arrow record batches, with the columns of the config `documents`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import pyarrow as pa

from evalkit.data.document import Document
from evalkit.formats.arrow_columns import arrow_type
from evalkit.formats.hf_tables import column_types, table_rows

BATCH_ROWS = 1000


def document_schema() -> pa.Schema:
    """Returns the columns of a table with a document in each row."""
    kinds = column_types()["documents"]
    return pa.schema([(name, arrow_type(kind)) for name, kind in kinds.items()])


def open_document_stream(documents: Iterable[Document]) -> pa.RecordBatchReader:
    """Returns a reader of record batches with a document in each row."""
    schema = document_schema()
    return pa.RecordBatchReader.from_batches(schema, _iter_batches(documents, schema))


def _iter_batches(documents: Iterable[Document], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    remaining = iter(documents)
    while chunk := list(islice(remaining, BATCH_ROWS)):
        rows = list(table_rows(chunk)["documents"])
        yield pa.RecordBatch.from_pylist(rows, schema)
