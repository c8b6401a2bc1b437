"""Reads large JSONL files in batches, starting at any byte."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO, ClassVar

import msgspec

from evalkit.data.batch import LABEL_IDS, DocumentBatch, EntityArrays, label_id, pack_int64
from evalkit.data.compiled import core
from evalkit.data.gold_alternatives import UNMARKED
from evalkit.data.json_keys import count_quotes, has_all_strings, is_document_per_line
from evalkit.errors import DocumentError, LoadError
from evalkit.files import COMPRESSED_SUFFIXES, open_input
from evalkit.formats.jsonl import QuotedDocumentLine, decode_line, document_of, is_blank, read
from evalkit.formats.jsonl_errors import LINE_ERRORS

# After this many chunks in a row with other than plain lines, chunks are not tried as plain.
MAX_COMPLEX_CHUNKS = 4
# Bytes that are decoded at once: few enough that the decoded objects stay in the processor's cache
CHUNK = 100_000
# Chunks that are scanned at once, since arrays are small
SCANNED_CHUNKS = 4
USUAL_COMPRESSION = 5  # of JSONL files, for estimates

# Lines with contiguous entities only, as in most large files, are decoded and checked several times
# faster. The fields in `namespace` have the values of an empty Entity or Document.
PlainEntityLine = msgspec.defstruct(
    "Entity",
    [
        ("label", Annotated[str, msgspec.Meta(min_length=1)]),
        ("start", int),
        ("end", int),
        ("text", str | None, None),
    ],
    namespace={"id": None, "fragments": (), "score": None, "attributes": None, **UNMARKED},
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
    namespace={
        "events": None,
        "attributions": None,
        "relations": None,
        "zones": (),
        "unplaced": (),
    },
    forbid_unknown_fields=True,
    omit_defaults=True,
)
_ENTITIES: msgspec.json.Decoder[tuple[Any, ...]] = msgspec.json.Decoder(
    tuple[PlainEntityLine, ...]  # type: ignore[valid-type]
)


class ScannedLine(msgspec.Struct, gc=False):
    """A document of a scanned line, with the attributes of a PlainLine.

    Its entities are in the arrays of the batch, and decoded here only where they are asked for.
    """

    id: str
    text: str
    encoded_entities: bytes | None
    decoded_entities: tuple[Any, ...] | None = None
    meta: ClassVar[None] = None
    failure: ClassVar[None] = None
    events: ClassVar[None] = None
    attributions: ClassVar[None] = None
    relations: ClassVar[None] = None
    zones: ClassVar[tuple[()]] = ()
    unplaced: ClassVar[tuple[()]] = ()

    @property
    def entities(self) -> tuple[Any, ...] | None:
        """The entities; None if they are not annotated."""
        if self.decoded_entities is None and self.encoded_entities is not None:
            self.decoded_entities = _ENTITIES.decode(self.encoded_entities)
        return self.decoded_entities


class LineBuffer:
    """The lines of a file up to byte `end`; -1 is the end of the file.

    All are read into one piece of memory: copying and new memory take longer than reading.
    """

    def __init__(self, file: BinaryIO, end: int) -> None:
        """Nothing is read yet. The file is at the first line."""
        self._file, self._end = file, end
        self.data = bytearray(1)
        self.start = self.stop = 0  # of the bytes that were read and not taken

    def take(self, size: int, lines: int | None = None) -> tuple[int, int]:
        """Where the next lines are in `data`: so many, or about `size` bytes. Empty at the end of
        the file; the next call moves other lines there.
        """
        if lines is None:
            end = self._find_end_of_lines(size)
        else:
            end = self._find_end_of_line(size, lines)
        start, self.start = self.start, end
        return start, end

    def copy(self, start: int, stop: int) -> bytes:
        """The bytes of some lines."""
        with memoryview(self.data) as view:
            return bytes(view[start:stop])

    def _find_end_of_lines(self, size: int) -> int:
        """Where the last line ends when `size` more bytes are read, or as many as it takes."""
        has_more = self._fill(size)
        end = self.data.rfind(b"\n", 0, self.stop) + 1
        while not end and has_more:
            has_more = self._fill(size)
            end = self.data.rfind(b"\n", 0, self.stop) + 1
        return end or self.stop

    def _find_end_of_line(self, size: int, lines: int) -> int:
        """Where so many lines end."""
        end = self.start
        while lines:
            newline = self.data.find(b"\n", end, self.stop)
            if newline >= 0:
                end = newline + 1
                lines -= 1
                continue
            taken = end - self.start
            if not self._fill(size):
                return self.stop
            end = taken
        return end

    def _fill(self, size: int) -> bool:
        """Move what was not taken to the front, and read up to `size` bytes, more where a line is
        longer. False at the end of the file.
        """
        unread = self.stop - self.start
        size = max(size, unread)
        if self._end >= 0:
            size = min(size, max(self._end - self._file.tell(), 0))
        data = self.data
        if len(data) <= unread + size:
            self.data = bytearray(unread + size + 1)
        self.data[:unread] = data[self.start : self.stop]
        with memoryview(self.data) as view:
            added: int = self._file.readinto(view[unread : unread + size])  # type: ignore[attr-defined]
        self.start, self.stop = 0, unread + added
        self.data[self.stop] = 0  # ends the last line for the core, if no line feed does
        return added > 0


class JsonlBatchReader:
    """Reads the documents of a file in batches, for scoring files that do not fit in memory.

    A document with contiguous entities only is returned as its scanned or decoded line, which has
    the same attributes as a Document and was checked in the same way. The same files are accepted
    and refused as by `jsonl.read`: a chunk that may have duplicate keys, or not one document on
    each line, is decoded line by line.
    """

    def __init__(self, path: Path, start: int = 0, end: int = -1) -> None:
        """`start`, `end`: the byte offsets of the first line and of the end of the last one; -1 is
        the end of the file.
        """
        self._path = path
        self._file = open_input(path)
        self._plain = msgspec.json.Decoder(PlainLine)
        self._decoder = msgspec.json.Decoder(QuotedDocumentLine)
        self._encoder = msgspec.json.Encoder()
        self._rich = 0  # chunks in a row that were not plain
        self._not_scanned = 0  # chunks in a row that could not be scanned
        self._is_scanned = False  # whether the last chunk was scanned
        self._file.seek(start)
        if not start and self._file.read(3) != b"\xef\xbb\xbf":
            self._file.seek(start)
        self._buffer = LineBuffer(self._file, end)

    def read(self, lines: int | None = None) -> DocumentBatch | None:
        """The documents of the next chunk, or of the next `lines` lines; None at the end.

        Raises LoadError with the errors that `jsonl.read` reports.
        """
        size = CHUNK * SCANNED_CHUNKS if self._is_scanned else CHUNK
        start, stop = self._buffer.take(size, lines)
        if start == stop:
            return None
        batch = self._scanned_chunk(self._buffer.data, start, stop)
        return self._decode(self._buffer.copy(start, stop)) if batch is None else batch

    def decode(self, data: bytes) -> DocumentBatch:
        """The documents of some lines of the file. Raises LoadError as `read` does."""
        batch = self._scanned_chunk(data, 0, len(data))
        return self._decode(data) if batch is None else batch

    def _decode(self, data: bytes) -> DocumentBatch:
        try:
            return self._plain_chunk(data) or self._chunk_of_lines(data)
        except (*LINE_ERRORS, DocumentError) as error:
            raise _located_error(self._path, error) from None

    def _scanned_chunk(
        self, data: bytes | bytearray, start: int, stop: int
    ) -> DocumentBatch | None:
        """The documents of plain lines without meta and failures; None if some lines have anything
        else or may be invalid, or without the compiled core.
        """
        if core is None or self._not_scanned >= MAX_COMPLEX_CHUNKS:
            return None
        scanned = core.scan_lines(data, start, stop, LABEL_IDS, label_id)
        self._is_scanned = scanned is not None
        if scanned is None:
            self._not_scanned += 1
            return None
        self._not_scanned = 0
        ids, texts, encoded_entities = scanned[:3]
        counts, starts, ends, labels, without_surface, unannotated = scanned[3:]
        chunk = DocumentBatch(map(ScannedLine, ids, texts, encoded_entities))
        chunk.ids = ids
        chunk.entities = EntityArrays(counts, starts, ends, labels, [])
        chunk.without_surface = without_surface
        chunk.contiguous_only = True
        chunk.has_unannotated = unannotated > 0
        chunk.has_failures = False
        chunk.has_meta = False
        return chunk

    def _plain_chunk(self, data: bytes) -> DocumentBatch | None:
        """The documents of plain lines; None if some lines are not plain or may be invalid."""
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
        """Whether plain lines have no duplicate keys; False if this is not certain.

        If no string contains a quotation mark, each key and each string has two of them, so that
        their number follows from the decoded documents.
        """
        is_extended = chunk.has_failures or not _has_no_meta(chunk)
        if is_extended or (b"\\" in data and b'\\"' in data):
            return has_all_strings(data, lambda: self._encoder.encode(chunk))
        annotated = len(chunk)
        if chunk.has_unannotated:
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

    def remaining_bytes(self) -> int:
        """About how many bytes were not read yet."""
        size = self._path.stat().st_size
        if self._path.suffix in COMPRESSED_SUFFIXES:
            return size * USUAL_COMPRESSION
        return size - self._file.tell() + self._buffer.stop - self._buffer.start

    def iter_lines(self) -> Iterator[tuple[str, bytes]]:
        """Yields the id and the line of each document that was not read yet. Raises LoadError for a
        line without an id.
        """
        while True:
            start, stop = self._buffer.take(CHUNK)
            if start == stop:
                return
            yield from self.iter_lines_of(BytesIO(self._buffer.copy(start, stop)))

    def iter_lines_of(self, file: BinaryIO) -> Iterator[tuple[str, bytes]]:
        """Yields the id and the line of each document in another file with lines of this one."""
        decoder = msgspec.json.Decoder(_Id)
        for line in file:
            if is_blank(line):
                continue
            try:
                id = decoder.decode(line).id  # all else is checked when the line is decoded
            except LINE_ERRORS as error:
                raise _located_error(self._path, error) from None
            yield id, line if line.endswith(b"\n") else line + b"\n"

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def open_batches(path: Path, start: int = 0, end: int = -1) -> JsonlBatchReader:
    """A reader of the lines from byte `start` up to `end`; -1 is the end of the file."""
    return JsonlBatchReader(path, start, end)


def size_of(path: Path) -> int:
    """The number of bytes, which positions in the file count."""
    return path.stat().st_size


def check_entities(chunk: DocumentBatch) -> bool:
    """Whether all entities of plain lines are within their texts and match their surface forms.

    Sets `chunk.entities`, so that the entities need not be visited again.
    """
    if core is not None:
        read = core.read_entities(chunk, LABEL_IDS, label_id, True)
        if read is False:
            return False
        if read is not None:
            *arrays, chunk.without_surface, unannotated, _ = read
            chunk.entities = EntityArrays(*arrays)
            chunk.contiguous_only = True
            chunk.has_unannotated = unannotated > 0
            chunk.has_failures = not core.are_all_none(chunk, "failure")
            return True
    counts: list[int] = []
    starts: list[int] = []
    ends: list[int] = []
    labels: list[int] = []
    lengths: list[int] = []
    without_surface = 0
    for line in chunk:
        text = line.text
        entities = line.entities or ()
        counts.append(len(entities))
        lengths.append(len(text))
        # Each entity is visited only once, since visits take most of the time of reading.
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
    import numpy as np  # imported late: most programs load corpora without it

    start = np.frombuffer(chunk.entities.start, np.int64)
    end = np.frombuffer(chunk.entities.end, np.int64)
    chunk.contiguous_only = True
    return bool(((start >= 0) & (start < end) & (end <= np.repeat(lengths, counts))).all())


def _has_no_meta(chunk: DocumentBatch) -> bool:
    """Whether no line has meta."""
    if core is not None:
        return bool(core.are_all_none(chunk, "meta"))
    return all(line.meta is None for line in chunk)


def _is_valid_plain(document: Any) -> bool:
    """Whether a decoded line has only contiguous entities that are within the text and match their
    surface forms, so that no further checks are needed.
    """
    if (
        document.events is not None
        or document.attributions is not None
        or document.relations is not None
        or document.zones
        or document.unplaced
        or not document.id
        or document.text is msgspec.UNSET
        or any(entity.alternatives for entity in document.entities or ())
    ):
        return False
    text, most = document.text, len(document.text)
    for entity in document.entities or ():
        start, end, surface = entity.start, entity.end, entity.text
        is_inside = type(start) is type(end) is int and 0 <= start < end <= most
        if not is_inside or (surface is not None and surface != text[start:end]):
            return False
        if entity.fragments or not entity.label or entity.id is not None:
            return _has_unique_ids(document)
    return True


def _has_unique_ids(document: Any) -> bool:
    """Like `_is_valid_plain` for entities with ids, which must be unique."""
    text = document.text
    ids = [entity.id for entity in document.entities if entity.id is not None]
    if len(set(ids)) < len(ids):
        return False
    for entity in document.entities:
        start, end = entity.start, entity.end
        if not 0 <= start < end <= len(text) or not entity.label or entity.fragments:
            return False
        if entity.text is not None and entity.text != text[start:end]:
            return False
    return True


def _located_error(path: Path, error: Exception) -> LoadError:
    """The errors of an invalid file, with their lines."""
    errors: list[str] = []
    for _, result in read(path):
        if isinstance(result, LoadError):
            errors += result.errors
    return LoadError(errors or [f"{path}: {error}"])


def line_after(path: Path, position: int) -> tuple[str, int] | None:
    """The id and the byte offset of the first document whose line begins after `position`; None if
    there is no such document or it has no id.
    """
    with path.open("rb") as file:
        file.seek(position)
        file.readline()
        start = file.tell()
        result = _id(file.readline())
    return None if result is None else (result, start)


def line_of_id(path: Path, id: str, near: int, reach: int = 4_000_000) -> int | None:
    """The byte offset of the line of a document; None if it is more than `reach` bytes away from
    `near`.
    """
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
    """Yields the id of each document and the byte offset of its line."""
    at = 0
    decoder = msgspec.json.Decoder(_Id)
    with open_input(path) as file:
        for line in file:
            if not is_blank(line):
                try:
                    yield decoder.decode(line).id, at
                except LINE_ERRORS as error:
                    raise _located_error(path, error) from None
            at += len(line)


def count_documents(path: Path, most: int) -> int:
    """The number of lines that are not blank, at most `most`."""
    with open_input(path) as file:
        return sum(1 for _ in islice((line for line in file if not is_blank(line)), most))
