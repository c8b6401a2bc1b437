"""Parquet files, with a document or an entity in each row.

(Source: the format of Apache Parquet, as pyarrow reads and writes it.)

**Documents.** The columns are those of the config `documents` of evalkit's data sets, as
`Dataset.to_parquet` of the package `datasets` writes them: `id`, `text`, `entities`, `events`,
`attributions`, `zones`, `meta`, `failure`, `unplaced`. Annotations are lists of structs with the
fields of evalkit's JSONL. Needed are `id`, `text` and one of the layers. A layer that is null was
not annotated; where there is a column `layers`, it names the layers that were. `meta` and
`attributes` are JSON in a string, or structs. `sha256` and the `text` of a span are checked.

**Spans.** An entity in each row: `document`, `start`, `end`, `label`, and optionally `text` (the
surface form, which is checked), `score`, `id`, `fragments` and `attributes`. Columns are found
under the names in use that the format spans reads in CSV files, such as `doc_id`, `begin` and
`entity_type`, and the report says what was read as what. A row without start, end and label is a
document without entities. The text of a document is in the column `document_text`, in one or more
of its rows, or comes from `texts`. A table without texts can be scored: against a corpus that has
the texts, which are taken from there; or against another such table, by offsets alone.

Integers, floats, strings and lists of every Arrow type are read. Ids of documents may be whole
numbers. Offsets are code points, half-open. Other columns are counted as dropped.

**Reading options**

- `texts`: the corpus with the texts, in any format, or a folder with a file ID.txt for each
  document. All documents of such a corpus are read, those without rows as documents without
  entities. For a table of documents that was published without texts, a folder with the texts.

**Writing options**

- `layout`: `documents` loses nothing. `spans` holds the entities; everything else is counted as
  dropped.

Files are compressed with zstd, and have 1,000 documents in a row group, so that they can be read in
parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.data.document import Document
from evalkit.errors import InputError, UnknownNameError, spell_option
from evalkit.files import replace_file
from evalkit.formats.arrow_columns import arrow_type
from evalkit.formats.arrow_documents import DocumentColumns, has_document_rows, iter_documents
from evalkit.formats.arrow_spans import read_span_table
from evalkit.formats.arrow_writing import document_schema
from evalkit.formats.conversion import ConversionReport, skip_unannotated
from evalkit.formats.folder_recognition import has_columns_of_tags
from evalkit.formats.hf_tables import table_rows
from evalkit.formats.hf_withheld import Texts, text_lookup
from evalkit.formats.parquet_stream import iter_batches, open_parquet
from evalkit.formats.registry import DocumentResults
from evalkit.formats.span_columns import SPAN_COLUMNS, find_span_columns
from evalkit.formats.span_table import SpanTable
from evalkit.formats.span_texts import iter_span_rows, iter_table_documents

LAYOUTS = ("documents", "spans")
ROW_GROUP = 1000  # documents
# Columns with few different values, which are written as indices into a dictionary
REPEATED = ("document", "label", "document_text")
MAX_DICTIONARY = 1 << 28  # bytes of the dictionary of a row group


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    texts: str | Path | Mapping[str, str] | None = None,
) -> DocumentResults:
    """Yields "FILE: row N", counted from 0, with the document or a LoadError.

    texts: see the module docstring; or the text of each document id.
    """
    with open_parquet(path) as file:
        schema = file.schema_arrow
        if has_document_rows(schema):
            columns = DocumentColumns(schema, str(path))
            lookup = _find_lookup(path, schema, texts)
            batches = iter_batches(file, path, list(columns.kinds))
            yield from iter_documents(batches, columns, conversion, lookup)
            return
    yield from iter_table_documents(read_spans(path, conversion), texts)


def _find_lookup(
    path: Path, schema: pa.Schema, texts: str | Path | Mapping[str, str] | None
) -> Texts | None:
    """Returns the function that finds the texts of a table of documents; None if it has them."""
    if isinstance(texts, Mapping):
        raise InputError(f"{path}: expected a table of spans, not of documents")
    if texts is not None:
        return text_lookup(texts)
    if "text" not in schema.names:
        option = spell_option("texts", "DIR", of="format")
        raise InputError(
            f"{path} was published without its texts; {option} puts them back, from a folder that"
            " holds them"
        )
    return None


def read_spans(path: Path, conversion: ConversionReport) -> SpanTable:
    """Returns the entities of a file with an entity in each row."""
    if has_columns_of_tags(path):
        raise InputError(f"{path}: a table of tokens and tags: read it as hf:{path}")
    with open_parquet(path) as file:
        schema = file.schema_arrow
        batches = iter_batches(file, path, schema.names)
        return read_span_table(batches, schema, str(path), conversion)


def is_span_file(path: Path) -> bool:
    """Whether a file has an entity in each row, and no texts."""
    with open_parquet(path) as file:
        schema = file.schema_arrow
    if has_document_rows(schema):
        return False
    return "document_text" not in find_span_columns(schema.names, str(path))


def write(
    documents: Iterable[Document],
    path: Path,
    conversion: ConversionReport,
    *,
    layout: str = "documents",
) -> None:
    """Writes a file in a layout; see the module docstring.

    In a table of spans, documents whose entities were not annotated are counted as skipped. Raises
    UnknownNameError for an unknown layout, and InputError if all of them are.
    """
    if layout not in LAYOUTS:
        raise UnknownNameError("layout", layout, LAYOUTS)
    if layout == "documents":
        schema = document_schema()
        options: dict[str, Any] = {}
    else:
        schema = pa.schema([(name, arrow_type(kind)) for name, (kind, _) in SPAN_COLUMNS.items()])
        options = {"use_dictionary": list(REPEATED), "dictionary_pagesize_limit": MAX_DICTIONARY}
    if layout == "spans":
        documents = skip_unannotated(documents, conversion)
    remaining = iter(documents)
    with (
        replace_file(path) as file,
        pq.ParquetWriter(
            file, schema, compression="zstd", write_page_checksum=True, **options
        ) as writer,
    ):
        while chunk := list(islice(remaining, ROW_GROUP)):
            if layout == "documents":
                rows = table_rows(chunk)["documents"]
            else:
                rows = iter_span_rows(chunk, conversion)
            writer.write_batch(pa.RecordBatch.from_pylist(list(rows), schema))
