"""Predictions in another order than gold, in files that do not fit in memory.

The lines of a JSONL file are written to temporary files, each with the predictions for some
consecutive documents of gold. Gold is then read in its order, and one temporary file after the
other is held in memory: all files are read and written from start to end. A temporary file has no
name, so that nothing of it remains, however the process ends. In a Parquet file, the row groups are
read that hold a document.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from evalkit.data.batch import DocumentBatch
from evalkit.errors import LoadError, WriteError, quoted_repr
from evalkit.formats.jsonl_stream import JsonlBatchReader
from evalkit.formats.registry import stream_module

# Bytes of predictions that are held in memory, and the most temporary files that are open
PARTITION_BYTES = 32_000_000
MAX_PARTITIONS = 200


class PartitionedPredictions:
    """The unread predictions of a JSONL file, in parts that follow the order of gold."""

    def __init__(
        self, path: Path, reader: JsonlBatchReader, ids: set[str], gold_ids: Iterable[str]
    ) -> None:
        """Read the rest of the file. ids: those of the predictions that were read before, to which
        the others are added. gold_ids: those of all gold documents, in order.

        Raises LoadError for an id that occurs twice and for invalid lines, WriteError if there is
        no room for temporary files.
        """
        self._reader = reader
        self._unknown: list[str] = []
        self._current = 0
        part_of: dict[str, int] = {}
        for id in gold_ids:
            part_of.setdefault(id, len(part_of))
        remaining_bytes = reader.remaining_bytes()
        parts = min(-(-remaining_bytes // PARTITION_BYTES), MAX_PARTITIONS) or 1
        size = -(-len(part_of) // parts) or 1  # documents for which a part has the predictions
        for id, position in part_of.items():
            part_of[id] = position // size
        self._part_of = part_of
        self._lines: dict[str, bytes] = {}
        self._files: list[BinaryIO] = []
        try:
            if parts > 1:
                _require_space(path, remaining_bytes)
                from tempfile import TemporaryFile

                for _ in range(parts):
                    self._files.append(cast("BinaryIO", TemporaryFile()))  # noqa: SIM115
            self._distribute(path, ids)
        except OSError as error:
            self.close()
            raise _no_space(path, error.strerror or str(error)) from None
        except BaseException:
            self.close()
            raise

    def _distribute(self, path: Path, ids: set[str]) -> None:
        for id, line in self._reader.iter_lines():
            if id in ids:
                raise duplicate_id(id, path)
            ids.add(id)
            part = self._part_of.get(id)
            if part is None:
                self._unknown.append(id)
            elif self._files:
                self._files[part].write(line)
            else:
                self._lines[id] = line
        if self._files:
            self._load(0)

    def _load(self, part: int) -> None:
        """Hold the lines of a part in memory. Those of an earlier part were all taken."""
        self._current = part
        file = self._files[part]
        file.seek(0)
        self._lines = dict(self._reader.iter_lines_of(file))
        file.close()

    def take(self, ids: Sequence[str]) -> DocumentBatch:
        """The predictions for gold documents, which are asked for in order; None where there is
        none.
        """
        lines = []
        for id in ids:
            part = self._part_of[id]
            if self._files and part != self._current:
                self._load(part)
            lines.append(self._lines.pop(id, None))
        present = [line for line in lines if line is not None]
        documents = self._reader.decode(b"".join(present)) if present else DocumentBatch()
        if len(present) == len(lines):
            return documents
        each = iter(documents)
        return DocumentBatch([None if line is None else next(each) for line in lines])

    def unmatched_ids(self) -> list[str]:
        """The ids of predictions that were not taken."""
        return [*self._lines, *self._unknown]

    def close(self) -> None:
        """Remove the temporary files."""
        for file in self._files:
            file.close()


class IndexedPredictions:
    """The unread predictions of a file whose documents can be read in any order."""

    def __init__(self, path: Path, reader: Any, ids: set[str]) -> None:
        """Find where the documents are, without those of `ids`, which were read before.

        Raises LoadError for an id that occurs twice.
        """
        self._reader = reader
        self._positions: dict[str, int] = {}
        for id, position in stream_module(path).index_lines(path):
            if id in self._positions:
                raise duplicate_id(id, path)
            self._positions[id] = position
        for id in ids:
            self._positions.pop(id, None)

    def take(self, ids: Sequence[str]) -> DocumentBatch:
        """The predictions for gold documents; None where there is none."""
        positions = [self._positions.pop(id, None) for id in ids]
        return DocumentBatch(
            [None if at is None else self._reader.document_at(at) for at in positions]
        )

    def unmatched_ids(self) -> list[str]:
        """The ids of predictions that were not taken."""
        return list(self._positions)

    def close(self) -> None:
        """Nothing is open but the reader."""


def duplicate_id(id: str, path: Path) -> LoadError:
    """The error of an id that occurs twice."""
    return LoadError(
        [f"{path}: id: {quoted_repr(id)} stands for two documents; ids name one document each"]
    )


def _require_space(path: Path, needed: int) -> None:
    """Raise WriteError if the folder of temporary files has too little space."""
    from shutil import disk_usage
    from tempfile import gettempdir

    free = disk_usage(gettempdir()).free
    if free < needed:
        raise _no_space(path, f"{free / 1e6:,.0f} MB are free")


def _no_space(path: Path, problem: str) -> WriteError:
    from tempfile import gettempdir

    return WriteError(
        f"{gettempdir()}: {problem}: {path.name} has another order than gold, so that its"
        " lines are written to temporary files; sort it in the order of gold, or set TMPDIR to a"
        " folder with room for it"
    )
