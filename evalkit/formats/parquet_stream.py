"""Reads Parquet files with a document in each row in batches, starting at any row.

The functions are those of `jsonl_stream`, with rows in place of bytes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.data.batch import DocumentBatch
from evalkit.errors import InputError, LoadError, to_one_line
from evalkit.files import open_input, strip_compression
from evalkit.formats.arrow_batches import to_document_batch
from evalkit.formats.arrow_columns import ColumnValueError
from evalkit.formats.arrow_documents import (
    DocumentColumns,
    has_document_rows,
    iter_documents,
)
from evalkit.formats.arrow_rows import document_or_error
from evalkit.formats.conversion import ConversionReport

# Documents that are read at once: enough that the cost of the calls to Arrow is shared.
BATCH_ROWS = 1024
MAX_BATCH_BYTES = 1 << 22  # of documents that are read at once
READ_BUFFER = 1 << 20  # bytes of a column that are read at once
MAX_CACHED_BYTES = 1 << 28  # of row groups that are kept for documents in another order


@contextmanager
def parquet_errors(path: Path) -> Iterator[None]:
    """Raises LoadError, on one line, for a file that is not a valid Parquet file."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno is not None and error.strerror is not None:
            raise InputError(f"{path}: {error.strerror}") from None
        problem = to_one_line(error, 200)
        raise LoadError([f"{path}: not a valid Parquet file: {problem}"]) from None


def _open_seekable(path: Path) -> BinaryIO:
    """An open file that can be read from its end; a pipe, and the content of a compressed file, are
    copied to a temporary file.
    """
    file = open_input(path)
    if strip_compression(path) == path and file.seekable():
        return file
    copy = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115
    with file:
        shutil.copyfileobj(file, copy)
    copy.seek(0)
    return copy


@contextmanager
def open_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """An open file. Raises LoadError if it is not a valid Parquet file."""
    with _open_seekable(path) as file:
        with parquet_errors(path):
            opened = pq.ParquetFile(file, buffer_size=READ_BUFFER, page_checksum_verification=True)
            opened.schema_arrow.to_string()  # raises UnicodeDecodeError for invalid names
        yield opened


def iter_batches(
    file: pq.ParquetFile, path: Path, columns: list[str], *, start: int = 0, end: int = -1
) -> Generator[pa.RecordBatch, None, None]:
    """Yields the rows from `start` up to `end` (-1: the last). Raises LoadError for an invalid
    file.
    """
    last = file.metadata.num_rows if end < 0 else min(end, file.metadata.num_rows)
    for groups, first_row in _join_row_groups(file, start, last):
        position = first_row
        with parquet_errors(path):
            for batch in file.iter_batches(
                batch_rows(file, groups), row_groups=groups, columns=columns, use_threads=False
            ):
                past = position + batch.num_rows
                if past > start:
                    rows = batch.slice(max(start - position, 0))
                    yield rows.slice(0, last - max(start, position))
                position = past
                if position >= last:
                    break


def _join_row_groups(
    file: pq.ParquetFile, start: int, last: int
) -> Iterator[tuple[list[int], int]]:
    """Yields lists of row groups that are read together, which have BATCH_ROWS rows or more, and
    the first row of each list.

    pyarrow keeps what it read of a row group until the last of them is read, so that a file is not
    read at once.
    """
    groups: list[int] = []
    position = first_row = 0
    for group in range(file.metadata.num_row_groups):
        past = position + file.metadata.row_group(group).num_rows
        if past > start and position < last:
            if not groups:
                first_row = position
            groups.append(group)
            if past - first_row >= BATCH_ROWS:
                yield groups, first_row
                groups = []
        position = past
    if groups:
        yield groups, first_row


def batch_rows(file: pq.ParquetFile, groups: list[int]) -> int:
    """Returns how many rows are read at once: fewer where documents are large."""
    size, rows = 0, 0
    for group in groups:
        size += file.metadata.row_group(group).total_byte_size
        rows += file.metadata.row_group(group).num_rows
    return int(max(1, min(BATCH_ROWS, MAX_BATCH_BYTES * rows // max(size, 1))))


def is_streamable(path: Path) -> bool:
    """Whether a Parquet file has a document with its text in each row."""
    with open_parquet(path) as file:
        names = file.schema_arrow.names
        return has_document_rows(file.schema_arrow) and "text" in names


class ParquetBatchReader:
    """Reads the documents of a file in batches, for scoring files that do not fit in memory.

    The same files are accepted and refused as by `parquet.read`: where a batch has an invalid value
    the file is read again document by document, to report all errors.
    """

    def __init__(self, path: Path, start: int = 0, end: int = -1) -> None:
        """Opens the file.

        `start`, `end`: the first row and the row after the last; -1 is the end of the file.
        """
        self._path = path
        with ExitStack() as stack:
            self._file = stack.enter_context(open_parquet(path))
            self._columns = DocumentColumns(self._file.schema_arrow, str(path))
            self._stack = stack.pop_all()
        self._batches = self._iter_batches(start, end)
        self._pending: pa.RecordBatch | None = None
        self._cache: dict[int, DocumentBatch] = {}  # by row group
        self._cached_bytes = 0

    def _iter_batches(self, start: int, end: int) -> Generator[pa.RecordBatch, None, None]:
        names = list(self._columns.kinds)
        return iter_batches(self._file, self._path, names, start=start, end=end)

    def read(self, lines: int | None = None) -> DocumentBatch | None:
        """The documents of the next batch, or of the next `lines` rows; None at the end.

        Raises LoadError with the errors that `parquet.read` reports.
        """
        parts: list[pa.RecordBatch] = []
        needed = lines
        while needed is None or needed:
            rows = self._pending if self._pending is not None else next(self._batches, None)
            self._pending = None
            if rows is None:
                break
            if needed is not None and rows.num_rows > needed:
                self._pending = rows.slice(needed)
                rows = rows.slice(0, needed)
            parts.append(rows)
            if needed is None:
                break
            needed -= rows.num_rows
        if not parts:
            return None
        rows = parts[0] if len(parts) == 1 else _concatenate(parts)
        return self._to_documents(rows)

    def _to_documents(self, rows: pa.RecordBatch) -> DocumentBatch:
        try:
            columns = self._columns.convert(rows)
        except ColumnValueError:
            raise _located_error(self._path) from None
        batch = to_document_batch(columns)
        if batch is not None:
            return batch
        documents = DocumentBatch()
        for index in range(rows.num_rows):
            document = document_or_error(columns, index, str(self._path), None)
            if isinstance(document, LoadError):
                raise _located_error(self._path)
            documents.append(document)
        return documents

    def document_at(self, row: int) -> Any:
        """The document of a row. The row groups that were read last are kept."""
        metadata = self._file.metadata
        group = 0
        while row >= metadata.row_group(group).num_rows:
            row -= metadata.row_group(group).num_rows
            group += 1
        if group not in self._cache:
            size = metadata.row_group(group).total_byte_size
            while self._cache and self._cached_bytes + size > MAX_CACHED_BYTES:
                oldest = next(iter(self._cache))
                del self._cache[oldest]
                self._cached_bytes -= metadata.row_group(oldest).total_byte_size
            with parquet_errors(self._path):
                table = self._file.read_row_group(group, columns=list(self._columns.kinds))
            batches = table.combine_chunks().to_batches()
            self._cache[group] = self._to_documents(_concatenate(batches))
            self._cached_bytes += size
        return self._cache[group][row]

    def close(self) -> None:
        """Close the file."""
        self._batches.close()
        self._stack.close()


def _concatenate(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.Table.from_batches(parts).combine_chunks().to_batches()[0]


def _located_error(path: Path) -> LoadError:
    """The errors of an invalid file, with their rows."""
    errors: list[str] = []
    with open_parquet(path) as file:
        columns = DocumentColumns(file.schema_arrow, str(path))
        batches = iter_batches(file, path, list(columns.kinds))
        for _, result in iter_documents(batches, columns, ConversionReport()):
            if isinstance(result, LoadError):
                errors += result.errors
    return LoadError(errors or [f"{path}: invalid values"])


def open_batches(path: Path, start: int = 0, end: int = -1) -> ParquetBatchReader:
    """A reader of the rows from `start` up to `end`; -1 is the end of the file."""
    return ParquetBatchReader(path, start, end)


def size_of(path: Path) -> int:
    """The number of rows, which positions in the file count."""
    return count_documents(path, -1)


def count_documents(path: Path, most: int) -> int:
    """The number of documents, at most `most`; -1 for all."""
    with open_parquet(path) as file:
        rows = int(file.metadata.num_rows)
    return rows if most < 0 else min(rows, most)


def index_lines(path: Path, start: int = 0, end: int = -1) -> Iterator[tuple[str, int]]:
    """Yields the id and the row of each document from `start` up to `end`."""
    row = start
    with open_parquet(path) as file:
        for batch in iter_batches(file, path, ["id"], start=start, end=end):
            for id in batch.column("id").to_pylist():
                if not isinstance(id, str):
                    raise _located_error(path)
                yield id, row
                row += 1


def line_after(path: Path, position: int) -> tuple[str, int] | None:
    """The id and the row of the first document after a row; None if there is none."""
    return next(index_lines(path, position + 1, position + 2), None)


def line_of_id(path: Path, id: str, near: int, reach: int = 10_000) -> int | None:
    """The row of a document; None if it is more than `reach` rows away from `near`."""
    for row_id, row in index_lines(path, max(near - reach, 0), near + reach):
        if row_id == id:
            return row
    return None
