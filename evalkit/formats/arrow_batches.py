"""Turns Arrow columns into a batch of documents without an object for each entity.

All entities of a batch are checked together, on the buffers of their columns: offsets, labels,
surface forms, ids and scores. A document that has nothing but contiguous entities keeps a view of
the columns, which makes its entities when something asks for them; any other document becomes a
Document.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, overload

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evalkit.data.batch import DocumentBatch, EntityArrays, label_id
from evalkit.data.document import LAYERS, Document, Entity
from evalkit.data.json_keys import reject_duplicate_keys
from evalkit.errors import InputError
from evalkit.formats.arrow_columns import (
    Ints,
    Mask,
    from_integers,
    list_lengths,
    to_integers,
    to_mask,
)
from evalkit.formats.arrow_rows import Columns, document_of_row, row_of

Bytes = NDArray[np.uint8]
# What converting an invalid row raises
ROW_ERRORS = (InputError, msgspec.ValidationError, json.JSONDecodeError, UnicodeDecodeError)


class EntityColumns:
    """The entities of a batch, one after another. ids, scores: None if there are none."""

    def __init__(
        self, start: Ints, end: Ints, labels: Sequence[str], codes: Ints, ids: Any, scores: Any
    ) -> None:
        """labels, codes: the labels, and the index of that of each entity."""
        self._start, self._end, self._codes = start, end, codes
        self._labels, self._ids, self._scores = labels, ids, scores

    @cached_property
    def _rows(self) -> list[tuple[str, int, int, str | None, float | None]]:
        none = [None] * len(self._start)
        return list(
            zip(
                [self._labels[code] for code in self._codes.tolist()],
                self._start.tolist(),
                self._end.tolist(),
                none if self._ids is None else self._ids.to_pylist(),
                none if self._scores is None else self._scores.to_pylist(),
                strict=True,
            )
        )

    def entity(self, index: int) -> Entity:
        """Returns the entity with an index in the batch."""
        label, start, end, id, score = self._rows[index]
        return Entity(label, start, end, id=id, score=score)


class EntityView(Sequence[Entity]):
    """The entities of one document, made from the columns of its batch when they are asked for."""

    __slots__ = ("_columns", "_first", "_past")

    def __init__(self, columns: EntityColumns, first: int, past: int) -> None:
        """first, past: the range of the document in the batch."""
        self._columns, self._first, self._past = columns, first, past

    def __len__(self) -> int:
        return self._past - self._first

    def __iter__(self) -> Iterator[Entity]:
        return map(self._columns.entity, range(self._first, self._past))

    @overload
    def __getitem__(self, index: int) -> Entity: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Entity]: ...
    def __getitem__(self, index: int | slice) -> Entity | Sequence[Entity]:
        selected = range(self._first, self._past)[index]
        if isinstance(selected, int):
            return self._columns.entity(selected)
        return [self._columns.entity(row) for row in selected]


class ColumnDocument(msgspec.Struct, frozen=True, gc=False):
    """A document with contiguous entities only, with the attributes of a Document."""

    id: str
    text: str
    entities: EntityView | None
    meta: dict[str, Any] | None
    failure: str | None
    events: ClassVar[None] = None
    attributions: ClassVar[None] = None
    relations: ClassVar[None] = None
    zones: ClassVar[tuple[()]] = ()
    unplaced: ClassVar[tuple[()]] = ()

    def to_document(self) -> Document:
        """Returns the Document with the same fields."""
        entities = None if self.entities is None else tuple(self.entities)
        return Document(self.id, self.text, entities, meta=self.meta, failure=self.failure)


def to_document_batch(columns: Columns) -> DocumentBatch | None:
    """Returns the documents of converted columns (see `DocumentColumns.convert`); None if a value
    is invalid.
    """
    try:
        return _BatchBuilder(columns).build()
    except (_InvalidBatchError, *ROW_ERRORS, RecursionError):
        return None


class _InvalidBatchError(Exception):
    """A value is invalid. Reading the rows one by one finds it."""


def _check(condition: object) -> None:
    if not condition:
        raise _InvalidBatchError


class _BatchBuilder:
    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._size = len(columns["id"])
        self._ids: list[str] = _strings(columns["id"])
        self._texts: list[str] = _strings(columns["text"])
        _check(all(self._ids))

    def build(self) -> DocumentBatch:
        self._check_digests()
        annotated = self._annotated_layers()
        counts, items = _flatten(self._columns["entities"])
        bounds = np.concatenate([[0], np.cumsum(counts)])
        fields = _fields(items)
        start, end = _integers(fields["start"]), _integers(fields["end"])
        owners = np.repeat(np.arange(self._size), counts)
        text = _TextBuffer(self._columns["text"])
        _check(((start >= 0) & (start < end) & (end <= text.lengths[owners])).all())
        text.check_surfaces(owners, start, end, fields["text"])
        labels, codes = _label_codes(fields["label"])
        ids, scores = _check_ids(fields["id"], owners), _check_scores(fields["score"])
        entity_columns = EntityColumns(start, end, labels, codes, ids, scores)
        complex_documents = self._complex_documents(annotated, fields, owners)
        batch = DocumentBatch()
        discontinuous: list[tuple[int, Any]] = []
        borders = bounds.tolist()
        failures, metas = self._optional("failure"), self._optional("meta")
        for index, (id, document_text, is_annotated, is_complex) in enumerate(
            zip(self._ids, self._texts, annotated["entities"].tolist(), complex_documents.tolist())
        ):
            first, past = borders[index], borders[index + 1]
            if is_complex:
                document = document_of_row(row_of(self._columns, index))
                for number, entity in enumerate(document.entities or ()):
                    if entity.fragments:
                        discontinuous.append((first + number, entity))
                batch.append(document)
                continue
            entities = EntityView(entity_columns, first, past) if is_annotated else None
            meta = _parse_meta(metas[index])
            batch.append(ColumnDocument(id, document_text, entities, meta, failures[index]))
        numbers = np.array([label_id(label) for label in labels], np.int64)
        batch.entities = EntityArrays(
            counts.tolist(),
            start.tobytes(),
            end.tobytes(),
            (numbers[codes] if len(codes) else codes).tobytes(),
            discontinuous,
        )
        batch.contiguous_only = not complex_documents.any()
        return batch

    def _check_digests(self) -> None:
        column = self._columns["sha256"]
        if column.null_count == self._size:
            return
        for text, digest in zip(self._texts, column.to_pylist()):
            _check(digest is None or hashlib.sha256(text.encode()).hexdigest() == digest)

    def _annotated_layers(self) -> dict[str, Mask]:
        """Returns for each layer which documents were annotated in it."""
        named = self._columns["layers"]
        annotated = {}
        if named.null_count == self._size:
            for layer in LAYERS:
                annotated[layer] = to_mask(self._columns[layer].is_valid())
            return annotated
        _check(not named.null_count)
        counts, items = _flatten(named)
        names, codes = _label_codes(items)
        _check(set(names) <= set(LAYERS))
        owners = np.repeat(np.arange(self._size), counts)
        for layer in LAYERS:
            is_layer = codes == (names.index(layer) if layer in names else -1)
            annotated[layer] = np.bincount(owners[is_layer], minlength=self._size) > 0
            has_items = list_lengths(self._columns[layer]) > 0
            _check(not (has_items & ~annotated[layer]).any())
        return annotated

    def _complex_documents(
        self, annotated: Mapping[str, Mask], fields: Mapping[str, Any], owners: Ints
    ) -> Mask:
        """Returns which documents have anything but contiguous entities."""
        result = annotated["events"] | annotated["attributions"] | annotated["relations"]
        for name in ("zones", "unplaced"):
            result |= list_lengths(self._columns[name]) > 0
        for is_complex in (
            list_lengths(fields["fragments"]) > 0,
            to_mask(fields["attributes"].is_valid()),
        ):
            result[owners[is_complex]] = True
        return result

    def _optional(self, name: str) -> list[str | None]:
        values: list[str | None] = self._columns[name].to_pylist()
        return values


def _strings(column: Any) -> list[str]:
    _check(not column.null_count)
    values: list[str] = column.to_pylist()
    return values


def _flatten(column: Any) -> tuple[Ints, Any]:
    """Returns the number of items of each list, and all items."""
    return list_lengths(column), column.flatten()


def _fields(items: Any) -> dict[str, Any]:
    """Returns the fields of an array of structs that are not null."""
    _check(not items.null_count)
    return dict(zip((field.name for field in items.type), items.flatten(), strict=True))


def _integers(column: Any) -> Ints:
    _check(not column.null_count)
    return to_integers(column)


def _label_codes(column: Any) -> tuple[list[str], Ints]:
    """Returns the labels, and the index of each entity's label."""
    _check(not column.null_count)
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    codes = to_integers(encoded.indices)
    is_used = np.bincount(codes, minlength=len(encoded.dictionary)) > 0
    labels = _strings(encoded.dictionary.take(from_integers(np.flatnonzero(is_used))))
    _check(all(labels))
    return labels, codes if is_used.all() else (np.cumsum(is_used) - 1)[codes]


def _check_ids(column: Any, owners: Ints) -> Any:
    """Returns the ids of entities, which must be unique in a document; None if there are none."""
    if column.null_count == len(column):
        return None
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    present = to_mask(column.is_valid())
    codes = to_integers(encoded.indices)[present]
    keys = owners[present] * (len(encoded.dictionary) + 1) + codes
    _check(len(np.unique(keys)) == len(keys))
    return column


def _check_scores(column: Any) -> Any:
    """Returns the scores of entities, which must be finite; None if there are none."""
    if column.null_count == len(column):
        return None
    _check(pc.all(pc.is_finite(column), min_count=0).as_py())
    return column


def _parse_meta(meta: str | None) -> dict[str, Any] | None:
    if meta is None:
        return None
    parsed = json.loads(meta, object_pairs_hook=reject_duplicate_keys)
    _check(isinstance(parsed, dict))
    result: dict[str, Any] = parsed
    return result


class _TextBuffer:
    """The UTF-8 bytes of the texts of a batch, one after another.

    `lengths` has the number of code points of each text.
    """

    def __init__(self, column: Any) -> None:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        self.lengths = to_integers(pc.utf8_length(column))
        self._bytes, self._borders = _string_buffer(column)

    def check_surfaces(self, owners: Ints, start: Ints, end: Ints, column: Any) -> None:
        """Checks that the surface forms that are not null are the texts at the offsets."""
        if column.null_count == len(column):
            return
        if column.null_count:
            given = np.flatnonzero(to_mask(column.is_valid()))
            owners, start, end = owners[given], start[given], end[given]
            column = column.drop_null()
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        surfaces, borders = _string_buffer(column)
        first, past = self._byte_range(owners, start, end)
        lengths = np.diff(borders)
        _check(bool((past - first == lengths).all()))
        _check(bool((self._bytes[_join_ranges(first, lengths)] == surfaces).all()))

    def _byte_range(self, owners: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints]:
        """Returns the first byte of each span, and the byte after its last."""
        if self.lengths.sum() == len(self._bytes):  # only ASCII: a character is a byte
            begin = self._borders[:-1][owners]
            return begin + start, begin + end
        is_first_byte = (self._bytes & 0xC0) != 0x80
        positions = np.append(np.flatnonzero(is_first_byte), len(self._bytes))
        characters = np.concatenate([[0], np.cumsum(self.lengths)])[:-1][owners]
        return positions[characters + start], positions[characters + end]


def _join_ranges(first: Ints, lengths: Ints) -> Ints:
    """Returns the numbers of several ranges, one range after another."""
    first, lengths = first[lengths > 0], lengths[lengths > 0]
    steps = np.ones(int(lengths.sum()), np.int64)
    if len(steps):
        steps[0] = first[0]
        steps[np.cumsum(lengths)[:-1]] = first[1:] - (first + lengths)[:-1] + 1
    return np.cumsum(steps)


def _string_buffer(column: Any) -> tuple[Bytes, Ints]:
    """Returns the bytes of the strings of a column, and the border of each, from 0 on."""
    is_large = pa.types.is_large_string(column.type)
    _, offsets_buffer, data = column.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64 if is_large else np.int32)
    offsets = offsets[column.offset : column.offset + len(column) + 1].astype(np.int64)
    if not len(offsets):
        offsets = np.zeros(1, np.int64)
    values = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return values[offsets[0] : offsets[-1]], offsets - offsets[0]
