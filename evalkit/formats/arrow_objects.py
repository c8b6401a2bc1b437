"""Reads documents and spans from tables in memory: every object with the Arrow PyCapsule interface
(tables of pyarrow, data frames of pandas and polars, relations of duckdb), and data sets of the
package `datasets`.

The columns are those of Parquet files (see `parquet`). None of these packages is imported, except
pyarrow, which reads the interface.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from evalkit.data.document import Document
from evalkit.errors import InputError, LoadError, to_one_line
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.loading import collect_documents
from evalkit.formats.registry import DocumentResults
from evalkit.formats.span_columns import has_offsets
from evalkit.formats.span_table import SpanTable


class ArrowTable(Protocol):
    """An object with the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Returns a capsule with a stream of record batches."""


INDEX_COLUMN = "__index_level_"  # in which pandas keeps the index of a selection of rows


def is_arrow_table(source: object) -> bool:
    """Whether an object is a table that can be read as Arrow record batches."""
    if isinstance(source, type):
        return False
    return hasattr(source, "__arrow_c_stream__") or _is_dataset(source)


def is_data_frame(source: object) -> bool:
    """Whether an object is a table, and not a single column of one, which has the Arrow interface,
    too.
    """
    has_columns = hasattr(source, "columns") or hasattr(source, "column_names")
    return is_arrow_table(source) and (has_columns or not hasattr(source, "__getitem__"))


def _is_dataset(source: object) -> bool:
    return hasattr(source, "with_format") and hasattr(source, "column_names")


def read_table(
    source: Any, name: str, conversion: ConversionReport
) -> tuple[DocumentResults | None, SpanTable | None]:
    """Returns the documents of a table with a document in each row, or the spans of one with an
    entity in each row; the other is None.

    Documents without a column `id` are "doc-1", "doc-2" and so on. Raises InputError for missing
    columns and other types.
    """
    from evalkit.formats.arrow_documents import DocumentColumns, has_document_rows, iter_documents
    from evalkit.formats.arrow_spans import read_span_table

    schema, batches = _open_table(source, name)
    if not has_document_rows(schema):
        return None, read_span_table(batches, schema, name, conversion)
    return iter_documents(batches, DocumentColumns(schema, name), conversion), None


def documents_of_table(source: Any, name: str, conversion: ConversionReport) -> list[Document]:
    """Returns the documents of a table, which has their texts.

    Raises LoadError with all invalid rows, and InputError for missing columns and other types.
    """
    results, spans = read_table(source, name, conversion)
    if spans is not None:
        if spans.texts is None:
            raise InputError(
                f"{name}: a table of spans without the texts of its documents; add a column"
                " document_text; without texts it can only be scored"
            )
        results = spans.documents(spans.texts)
    return documents_of_results(results or iter(()))


def documents_of_results(results: DocumentResults) -> list[Document]:
    """Returns the documents of a reader. Raises LoadError with all its errors."""
    items: list[Document | LoadError] = []
    for _, item in results:
        items.append(item if isinstance(item, (Document, LoadError)) else LoadError([str(item)]))
    return collect_documents(items)


def _open_table(source: Any, name: str) -> tuple[Any, Iterator[Any]]:
    """Returns the schema and the record batches of a table."""
    import pyarrow as pa

    try:
        if hasattr(source, "__arrow_c_stream__"):
            reader = pa.RecordBatchReader.from_stream(source)
        else:
            tables = list(source.with_format("arrow").iter(batch_size=1000))
            if not tables:
                raise InputError(f"{name}: no rows")
            reader = pa.Table.from_batches([b for t in tables for b in t.to_batches()]).to_reader()
    except (pa.ArrowException, TypeError, ValueError, NotImplementedError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{name}: not an Arrow table: {to_one_line(error, 200)}; expected columns of strings,"
            " numbers and lists"
        ) from None
    kept = [field.name for field in reader.schema if not field.name.startswith(INDEX_COLUMN)]
    has_ids = "id" in kept or "text" not in kept or has_offsets(kept)
    batches = _iter_batches(reader, name, kept, has_ids=has_ids)
    schema = pa.schema([reader.schema.field(column) for column in kept])
    if not has_ids:
        schema = schema.append(pa.field("id", pa.string()))
    return schema, batches


def _iter_batches(reader: Any, name: str, columns: list[str], *, has_ids: bool) -> Iterator[Any]:
    import pyarrow as pa

    first = 1
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{name}: reading the table failed: {to_one_line(error, 200)}"
            ) from None
        selected = batch.select(columns)
        if not has_ids:
            ids = [f"doc-{number}" for number in range(first, first + batch.num_rows)]
            selected = selected.append_column("id", pa.array(ids, pa.string()))
        first += batch.num_rows
        yield selected
