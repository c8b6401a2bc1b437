"""Reading large JSONL files in batches, from any byte on."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from evalkit.data.batch import LABEL_IDS, DocumentBatch, EntityArrays, label_id, pack_int64
from evalkit.data.document import Document
from evalkit.data.json_keys import count_quotes, has_all_strings
from evalkit.errors import DocumentError, LoadError
from evalkit.files import open_input
from evalkit.formats.jsonl import (
    LINE_ERRORS,
    DocumentLine,
    decode_line,
    document_of,
    is_blank,
    read,
)

MAX_COMPLEX_CHUNKS = (
    4  # chunks in a row that hold more than plain lines, before a file is no longer tried as plain
)
# Bytes that are decoded at once: few enough that what they become stays in the processor's cache
CHUNK = 200_000

# What most lines of large files hold, and nothing else: decoded and checked several times faster.
# Its other fields are those of an empty one.
PlainEntityLine = msgspec.defstruct(
    "Entity",
    [
        ("label", Annotated[str, msgspec.Meta(min_length=1)]),
        ("start", int),
        ("end", int),
        ("text", str | None, None),
    ],
    namespace={"id": None, "fragments": (), "score": None, "attributes": None},
    forbid_unknown_fields=True,
    gc=False,
    omit_defaults=True,
)
PlainLine = msgspec.defstruct(
    "Document",
    [
        ("id", Annotated[str, msgspec.Meta(min_length=1)]),
        ("text", str),
        ("entities", tuple[PlainEntityLine, ...] | None, None),  # type: ignore[valid-type]
        ("meta", dict[str, Any] | None, None),
        ("failure", str | None, None),
    ],
    namespace={"events": None, "attributions": None, "zones": (), "unplaced": ()},
    forbid_unknown_fields=True,
    omit_defaults=True,
)


class JsonlBatchReader:
    """The documents of a file, a few at a time, read as fast as they can be: for scoring files that
    do not fit in memory.

    A document that holds nothing but contiguous entities comes as its line was decoded, which has
    the same attributes as a Document, and has been checked as one. What is accepted and refused is
    what `jsonl.read` accepts and refuses: a chunk that is not clearly a document on each line,
    each key once, is decoded line by line as there.
    """

    def __init__(self, path: Path, start: int = 0, end: int = -1) -> None:
        """Open the file.

        `start`, `end`: the bytes at which the first line begins and the last one ends; -1 is the
        end of the file.
        """
        self._path, self._end = path, end
        self._file = open_input(path)
        self._plain = msgspec.json.Decoder(PlainLine)
        self._decoder = msgspec.json.Decoder(DocumentLine)
        self._encoder = msgspec.json.Encoder()
        self._rich = 0  # chunks in a row that were not plain
        self._file.seek(start)
        if not start and self._file.read(3) != b"\xef\xbb\xbf":
            self._file.seek(start)

    def read(self, lines: int | None = None) -> DocumentBatch | None:
        """The next few documents, or those of so many lines; None at the end.

        Raises LoadError as `parsed` would say it.
        """
        data = self._few() if lines is None else self._lines(lines)
        if not data:
            return None
        try:
            return self._plain_chunk(data) or self._chunk_of_lines(data)
        except (*LINE_ERRORS, DocumentError) as error:
            raise _located_error(self._path, error) from None

    def _plain_chunk(self, data: bytes) -> DocumentBatch | None:
        """The documents of plain lines; None if some are not plain, or may not be valid."""
        if self._rich >= MAX_COMPLEX_CHUNKS:
            return None
        try:
            chunk = DocumentBatch(self._plain.decode_lines(data))
            if (
                is_document_per_line(data, len(chunk))
                and check_entities(chunk)
                and self._has_each_key_once(data, chunk)
            ):
                self._rich = 0
                return chunk
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, struct.error):
            self._rich += 1
        return None

    def _has_each_key_once(self, data: bytes, chunk: DocumentBatch) -> bool:
        """Whether plain lines have each key once. False means: not known.

        Where no string has a quotation mark, each key and each string has two; what the documents
        hold says how many there must be.
        """
        extended = any(line.meta is not None or line.failure is not None for line in chunk)
        if extended or (b"\\" in data and b'\\"' in data):
            return has_all_strings(data, lambda: self._encoder.encode(chunk))
        annotated = sum(line.entities is not None for line in chunk)
        entities = sum(chunk.entities.counts)
        return (
            count_quotes(data)
            == 8 * len(chunk) + 2 * annotated + 12 * entities - 4 * chunk.without_surface
        )

    def _chunk_of_lines(self, data: bytes) -> DocumentBatch:
        lines = (
            decode_line(line, self._decoder) for line in data.split(b"\n") if not is_blank(line)
        )
        return DocumentBatch(line if _is_valid_plain(line) else document_of(line) for line in lines)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _few(self) -> bytes:
        data: bytes = self._file.read(
            CHUNK if self._end < 0 else min(CHUNK, self._end - self._file.tell())
        )
        return data + self._file.readline() if data and not data.endswith(b"\n") else data

    def _lines(self, lines: int) -> bytes:
        began = self._file.tell()
        data = b"".join(islice(self._file, lines))
        if 0 <= self._end < began + len(data):  # the last lines of a part: no further than it goes
            data = data[: self._end - began]
            self._file.seek(self._end)
        return data


def is_document_per_line(data: bytes, documents: int) -> bool:
    """Whether valid JSON data, of so many objects, has one of them on each line.

    False for data with blank lines, too.

    A line that does not end an object at the outermost level is followed by one that does not begin
    with a brace.
    """
    lines = data.removesuffix(b"\n").split(b"\n")
    return len(lines) == documents and all(
        line.startswith(b"{") and line.endswith((b"}", b"}\r")) for line in lines
    )


def check_entities(chunk: DocumentBatch) -> bool:
    """Whether all entities of plain lines lie in their texts and are what their surfaces say; their
    offsets are kept with the chunk.
    """
    counts, starts, ends, labels = (
        [],
        [],
        [],
        [],
    )  # type: list[int], list[int], list[int], list[int]
    lengths = []
    without_surface = 0
    for line in chunk:
        text, entities = line.text, line.entities or ()
        counts.append(len(entities))
        lengths.append(len(text))
        # Each entity is visited once, for its numbers and its surface together: visits are most of
        # what reading costs.
        for entity in entities:
            start, end, surface = entity.start, entity.end, entity.text
            starts.append(start)
            ends.append(end)
            try:
                labels.append(LABEL_IDS[entity.label])
            except KeyError:
                labels.append(label_id(entity.label))
            if surface is None:
                without_surface += 1
            elif surface != text[start:end]:
                return False
    chunk.without_surface = without_surface
    chunk.entities = EntityArrays(
        counts, pack_int64(starts), pack_int64(ends), pack_int64(labels), []
    )
    start, end = (
        np.frombuffer(chunk.entities.start, np.int64),
        np.frombuffer(chunk.entities.end, np.int64),
    )
    chunk.contiguous_only = True
    return bool(((start >= 0) & (start < end) & (end <= np.repeat(lengths, counts))).all())


def _is_valid_plain(document: Any) -> bool:
    """Whether a decoded line needs no more checks than these: entities alone, contiguous, in the
    text, with their own surfaces.
    """
    if (
        document.events is not None
        or document.attributions is not None
        or document.zones
        or document.unplaced
        or not document.id
    ):
        return False
    text = document.text
    most = len(text)
    for entity in document.entities or ():
        start, end, surface = entity.start, entity.end, entity.text
        if not 0 <= start < end <= most or (surface is not None and surface != text[start:end]):
            return False
        if entity.fragments or not entity.label or entity.id is not None:
            return _has_unique_ids(document)
    return True


def _has_unique_ids(document: Any) -> bool:
    """The same for entities with ids: no two have one."""
    text, most = document.text, len(document.text)
    ids = [entity.id for entity in document.entities if entity.id is not None]
    return len(set(ids)) == len(ids) and all(
        0 <= e.start < e.end <= most
        and (e.text is None or e.text == text[e.start : e.end])
        and e.label
        and not e.fragments
        for e in document.entities
    )


def _located_error(path: Path, error: Exception) -> LoadError:
    """What is wrong with a file, line by line, once it is known that something is."""
    errors = [
        error
        for _, result in read(path)
        if isinstance(result, LoadError)
        for error in result.errors
    ]
    return LoadError(errors or [f"{path}: {error}"])


def line_after(path: Path, at: int) -> tuple[str, int] | None:
    """The id of the first document whose line begins after a byte, and where; None where there is
    none, or no id.
    """
    with path.open("rb") as file:
        file.seek(at)
        file.readline()
        start = file.tell()
        result = _id(file.readline())
    return None if result is None else (result, start)


def line_of_id(path: Path, id: str, near: int, reach: int = 4_000_000) -> int | None:
    """Where the line of a document begins, if it is within a few megabytes of a byte."""
    with path.open("rb") as file:
        file.seek(max(near - reach, 0))
        if near > reach:
            file.readline()
        at = file.tell()
        for line in file:
            if id.encode() in line[:1000] and _id(line) == id:
                return at
            at += len(line)
            if at > near + reach:
                return None
    return None


def _id(line: bytes) -> str | None:
    try:
        return msgspec.json.decode(line, type=_Id).id
    except msgspec.MsgspecError:
        return None


class _Id(msgspec.Struct):
    id: str


def index_lines(path: Path) -> Iterator[tuple[str, int]]:
    """The id of each document, and where its line begins in the file."""
    at = 0
    decoder = msgspec.json.Decoder(_Id)
    with open_input(path) as file:
        for line in file:
            if not is_blank(line):
                try:
                    yield decode_line(line, decoder).id, at
                except LINE_ERRORS as error:
                    raise _located_error(path, error) from None
            at += len(line)


def count_documents(path: Path, most: int) -> int:
    """How many lines a file has that may be documents, counted no further than asked."""
    with open_input(path) as file:
        return sum(1 for _ in islice((line for line in file if not is_blank(line)), most))


def document_at(path: Path, at: int) -> Document:
    """The document whose line begins at a position of `index_lines`."""
    with path.open("rb") as file:
        file.seek(at)
        line = file.readline()
    try:
        return document_of(decode_line(line, msgspec.json.Decoder(DocumentLine)))
    except (*LINE_ERRORS, DocumentError) as error:
        raise _located_error(path, error) from None
