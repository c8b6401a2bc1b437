"""A batch of documents with its entities as arrays of numbers.

Validation, counting and the digest of gold all need the offsets and labels of every entity. Reading
them from the objects takes most of the time, so each object is visited once.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.data.compiled import core

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

# The number of each label in this process, so that batches can be merged
LABEL_IDS: dict[str, int] = {}
_NEW_LABEL = Lock()  # two threads must not give one number to two labels


def label_id(label: str) -> int:
    """The number of a label, from 0 on. Callers look it up in LABEL_IDS first, which is faster."""
    with _NEW_LABEL:
        return LABEL_IDS.setdefault(label, len(LABEL_IDS))


class Vocabulary(dict[Any, int]):
    """A number for each key, from 0 on, in the order of the first lookup."""

    def __missing__(self, key: Any) -> int:
        self[key] = code = len(self)
        return code

    def sorted_positions(self) -> Ints:
        """The position of each key in sorted order, by the key's number."""
        import numpy as np  # imported late: most programs load corpora without it

        names = list(self)
        order = sorted(range(len(names)), key=names.__getitem__)
        positions = np.empty(len(names), np.int64)
        positions[order] = np.arange(len(names))
        return positions


class EntityArrays(NamedTuple):
    """The entities of some documents as arrays.

    `counts` has the number of entities of each document. `start`, `end` and `label` have the
    offsets and the label number (LABEL_IDS) of each entity as 64-bit integers. `discontinuous` has
    the index of each discontinuous entity and the entity itself.
    """

    counts: list[int]
    start: bytes
    end: bytes
    label: bytes
    discontinuous: list[tuple[int, Any]]


class DocumentBatch(list[Any]):
    """Documents that are read and counted together.

    `contiguous_only`: whether all annotations are contiguous entities with label and offsets only.
    `without_surface`: the number of entities that were read without their text.
    """

    contiguous_only = False
    without_surface = 0

    @cached_property
    def has_failures(self) -> bool:
        """Whether a prediction has a failure."""
        return not _are_all_none(self, "failure")

    @cached_property
    def has_meta(self) -> bool:
        """Whether a document has meta."""
        return not _are_all_none(self, "meta")

    @cached_property
    def has_zones(self) -> bool:
        """Whether a document has zones."""
        return not self.contiguous_only and not _are_all_empty(self, "zones")

    @cached_property
    def has_unplaced(self) -> bool:
        """Whether a prediction has items without offsets."""
        return not self.contiguous_only and not _are_all_empty(self, "unplaced")

    @cached_property
    def has_entities_only(self) -> bool:
        """Whether no document is annotated in another layer than that of entities."""
        if self.contiguous_only:
            return True
        return all(_are_all_none(self, layer) for layer in ("events", "attributions", "relations"))

    @cached_property
    def has_lenient_entities(self) -> bool:
        """Whether an entity has alternatives or is optional."""
        if self.contiguous_only:
            return False
        if core is not None and self.entities and "has_lenient_entities" in self.__dict__:
            return bool(self.__dict__["has_lenient_entities"])  # found when they were read
        return any(map(is_lenient, self))

    @cached_property
    def has_unannotated(self) -> bool:
        """Whether the entities of a document are not annotated."""
        return any(document.entities is None for document in self)

    @cached_property
    def ids(self) -> list[str]:
        """The id of each document."""
        return [document.id for document in self]

    @cached_property
    def entities(self) -> EntityArrays:
        """The entities of the documents as arrays.

        Raises struct.error for offsets that do not fit into 64 bits.
        """
        if core is not None:
            read = core.read_entities(self, LABEL_IDS, label_id, False)
            if read is not None:
                *arrays, _, unannotated, lenient = read
                self.has_unannotated = unannotated > 0
                self.has_lenient_entities = lenient > 0
                return EntityArrays(*arrays)
        return _read_entity_arrays(self)


def is_lenient(document: Any) -> bool:
    """Whether an entity of a document has alternatives or is optional."""
    return any(entity.alternatives or entity.optional for entity in document.entities or ())


class DocumentRef(NamedTuple):
    """A document of which only the id and the length of the text are needed, since its entities are
    in EntityArrays.
    """

    id: str
    length: int
    zones: tuple[()] = ()
    unplaced: tuple[()] = ()


def _are_all_none(documents: list[Any], name: str) -> bool:
    if core is not None:
        return bool(core.are_all_none(documents, name))
    return all(getattr(document, name) is None for document in documents)


def _are_all_empty(documents: list[Any], name: str) -> bool:
    if core is not None:
        return bool(core.are_all_empty(documents, name))
    return not any(getattr(document, name) for document in documents)


def _read_entity_arrays(documents: list[Any]) -> EntityArrays:
    counts: list[int] = []
    starts: list[int] = []
    ends: list[int] = []
    labels: list[int] = []
    discontinuous: list[tuple[int, Any]] = []
    for document in documents:
        entities = document.entities or ()
        counts.append(len(entities))
        # Scoring in memory spends most of its time here, so each entity is visited once, with calls
        # that the interpreter optimizes.
        for entity in entities:
            starts.append(entity.start)
            ends.append(entity.end)
            try:
                labels.append(LABEL_IDS[entity.label])
            except KeyError:
                labels.append(label_id(entity.label))
            if entity.fragments:
                discontinuous.append((len(starts) - 1, entity))
    return EntityArrays(
        counts, pack_int64(starts), pack_int64(ends), pack_int64(labels), discontinuous
    )


def entity_arrays(documents: Sequence[Any]) -> EntityArrays:
    """The entities of documents as arrays; a batch reads them only once."""
    batch = documents if isinstance(documents, DocumentBatch) else DocumentBatch(documents)
    return batch.entities


def pack_int64(values: Sequence[int]) -> bytes:
    """Integers as 64-bit words, in half the time that numpy takes to read a list.

    Raises struct.error for a value that is not a 64-bit integer.
    """
    return struct.pack(f"={len(values)}q", *values)
