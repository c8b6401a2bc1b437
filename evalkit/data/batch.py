"""What lies where in a few documents?

Their entities as plain numbers, read once for all who need them.

Checking, counting and the digest of gold all need the offsets and labels of every entity; reading
them from the objects is what costs, and each object is visited once.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

LABEL_IDS: dict[
    str, int
] = {}  # of labels: one each in this process, so that what is read in pieces can be put together


def label_id(label: str) -> int:
    """The number of a label, from 0 on; a plain dict is asked first, since that is twice as fast as
    one that can grow.
    """
    return LABEL_IDS.setdefault(label, len(LABEL_IDS))


class Vocabulary(dict[Any, int]):
    """A number for each new thing, from 0 on, in the order of first sight."""

    def __missing__(self, key: Any) -> int:
        self[key] = code = len(self)
        return code

    def sorted_positions(self) -> Ints:
        """`ranks[code]` is the place of its name in the order of names, which is the same whatever
        was seen first.
        """
        names = sorted(self)
        place = dict(zip(names, range(len(names))))
        return np.fromiter((place[name] for name in self), np.int64, len(self))


class EntityArrays(NamedTuple):
    """The entities of some documents: how many each has, all of them, and their offsets and labels
    (see NUMBERS) as words of 64 bits.

    `broken`: the places of those that are discontinuous.
    """

    counts: list[int]
    start: bytes
    end: bytes
    label: bytes
    discontinuous: list[tuple[int, Any]]


class DocumentBatch(list[Any]):
    """A few documents that go from file to counts together.

    `plain`: they hold contiguous entities, of which label and offsets are all.
    """

    contiguous_only = False
    without_surface = 0  # of plain chunks: entities that were read without their text

    @cached_property
    def entities(self) -> EntityArrays:
        """Where their entities lie.

        Raises struct.error for offsets that do not fit into 64 bits.
        """
        return _placed(self)


class DocumentRef(NamedTuple):
    """What is kept of a plain document once its entities are numbers: large files are let go while
    they are still in the processor's cache.
    """

    id: str
    zones: tuple[()] = ()
    unplaced: tuple[()] = ()


def _placed(documents: Sequence[Any]) -> EntityArrays:
    counts, starts, ends, labels, broken = (
        [],
        [],
        [],
        [],
        [],
    )  # type: list[int], list[int], list[int], list[int], list[tuple[int, Any]]
    for document in documents:
        entities = document.entities or ()
        counts.append(len(entities))
        # Most of the time of scoring in memory goes here: one visit an entity, and calls that the
        # interpreter has short cuts for.
        for entity in entities:
            starts.append(entity.start)
            ends.append(entity.end)
            try:
                labels.append(LABEL_IDS[entity.label])
            except KeyError:
                labels.append(label_id(entity.label))
            if entity.fragments:
                broken.append((len(starts) - 1, entity))
    return EntityArrays(counts, pack_int64(starts), pack_int64(ends), pack_int64(labels), broken)


def entity_arrays(documents: Sequence[Any]) -> EntityArrays:
    """Where the entities of documents lie; of a chunk they are read only once."""
    return (
        documents if isinstance(documents, DocumentBatch) else DocumentBatch(documents)
    ).entities


def pack_int64(values: Sequence[int]) -> bytes:
    """Whole numbers as words of 64 bits, in half the time that numpy takes to read a list.

    Raises struct.error for what is none.
    """
    return struct.pack(f"={len(values)}q", *values)
