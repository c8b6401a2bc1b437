"""Items as numbers: which rows are scored, and which are set aside, and why?

A `Columns` holds the items of one side of a block of documents, one row each. Both sides are coded together, so that what
is equal in the items is equal in the numbers. Offsets run through the whole block: each document starts where no span of
the one before can reach, so that spans of two documents never meet.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.document import Document, ranges
from evalkit.layers import Items, Layer

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

MOST_BITS = 62  # of an int64 key; one is the sign, one is spare


@dataclass(frozen=True)
class Columns:
    """One row an item: int64 arrays of equal length.

    `document`: its place in the block. `label`, `head`: codes shared by both sides. `start`, `end`: offsets in the block.
    `fragments`: 0 for a contiguous span, else a code that is equal where the fragments are. `row`: its place in the layer's items.
    """

    document: Ints
    label: Ints
    head: Ints
    start: Ints
    end: Ints
    fragments: Ints
    row: Ints

    def __len__(self) -> int:
        return len(self.document)

    def take(self, rows: Ints | Mask) -> Columns:
        """Some of the rows."""
        return Columns(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


class Codes(dict[Any, int]):
    """A number for each new thing, from 0 on."""

    def __missing__(self, key: Any) -> int:
        self[key] = code = len(self)
        return code


@dataclass
class Coding:
    """The codes that the sides of a block share: labels for the whole run, the others for the block."""

    labels: Codes
    heads: Codes
    fragments: Codes


def to_columns(items: Items, coding: Coding, offsets: Ints) -> Columns:
    """The items as rows. `offsets[i]` is where document i starts in the block."""
    n = len(items.spans)
    document = np.repeat(np.arange(len(items.counts), dtype=np.int64), items.counts)
    start, end = (_ints((getattr(span, name) for span in items.spans), n) for name in ("start", "end"))
    label = _ints(map(coding.labels.__getitem__, items.labels), n)
    head = np.zeros(n, np.int64) if items.heads is None else _ints(map(coding.heads.__getitem__, items.heads), n)
    broken = [row for row, span in enumerate(items.spans) if span.fragments]
    fragments = np.zeros(n, np.int64)
    for row in broken:
        fragments[row] = 1 + coding.fragments[items.spans[row].fragments]
    shift = offsets[document]
    return Columns(document, label, head, start + shift, end + shift, fragments, np.arange(n, dtype=np.int64))


def _ints(values: Any, n: int) -> Ints:
    return np.fromiter(values, np.int64, n)


def block_offsets(documents: Sequence[Document]) -> Ints:
    """Where each document of a block starts: after the one before, with one character between them."""
    lengths = np.fromiter((len(document.text) + 1 for document in documents), np.int64, len(documents))
    return np.concatenate([[0], np.cumsum(lengths)[:-1]]) if len(lengths) else lengths


def keys(*columns: Ints) -> Ints:
    """One number a row, equal exactly where all the columns are. Packed into 62 bits; what does not fit is ranked first.

    Ranking keeps the order, so keys sort as the columns do, the first column foremost.
    """
    packed, bits = np.zeros(len(columns[0]), np.int64), 0
    for column in columns:
        low = int(column.min(initial=0))
        values, width = column - low, _bits(int(column.max(initial=0)) - low)
        if bits + width > MOST_BITS:
            packed, values = _ranks(packed), _ranks(values)
            bits, width = _bits(int(packed.max(initial=0))), _bits(int(values.max(initial=0)))
        packed = (packed << width) | values
        bits += width
    return packed


def _bits(largest: int) -> int:
    return max(1, largest.bit_length())


def _ranks(column: Ints) -> Ints:
    return np.unique(column, return_inverse=True)[1].reshape(-1).astype(np.int64)


def first_of_each(key: Ints) -> Mask:
    """True for the first row of every key."""
    first = np.zeros(len(key), bool)
    first[np.unique(key, return_index=True)[1]] = True
    return first


def in_zones(columns: Columns, items: Items, documents: Sequence[Document], offsets: Ints, zones: frozenset[str] | None) -> Mask:
    """Which rows touch a scored zone. A document without zones is scored whole; so is everything where `zones` is None."""
    if zones is None or not any(document.zones for document in documents):
        return np.ones(len(columns), bool)
    scored = sorted(
        (int(offset) + start, int(offset) + end)
        for offset, document in zip(offsets, documents, strict=True)
        for start, end in _scored(document, zones)
    )
    starts, ends = (np.array([zone[i] for zone in scored], np.int64) for i in (0, 1))
    touching = _touching(columns.start, columns.end, starts, ends)
    for n in np.flatnonzero((columns.fragments > 0) & touching):
        span, shift = items.spans[columns.row[n]], offsets[columns.document[n]]
        pieces = np.array(ranges(span), np.int64) + shift
        touching[n] = _touching(pieces[:, 0], pieces[:, 1], starts, ends).any()
    return touching


def _scored(document: Document, zones: frozenset[str]) -> list[tuple[int, int]]:
    if not document.zones:
        return [(0, len(document.text) + 1)]
    return [(zone.start, zone.end) for zone in document.zones if zone.label in zones]


def _touching(start: Ints, end: Ints, zone_start: Ints, zone_end: Ints) -> Mask:
    """Whether a span shares a character with any zone: the furthest end of those that start before it ends lies after its start."""
    if not len(zone_start):
        return np.zeros(len(start), bool)
    reach = np.maximum.accumulate(zone_end)
    before = np.searchsorted(zone_start, end, side="left")
    return (before > 0) & (reach[np.maximum(before - 1, 0)] > start)


def repeats(layer: Layer, documents: Sequence[Document], columns: Columns, key: Ints) -> Mask:
    """Which rows belong to an annotation that repeats an earlier one whole (all but id and score).

    Only documents in which two rows have one key can hold any, so only those are looked at annotation by annotation.
    """
    found = np.zeros(len(columns), bool)
    first = first_of_each(key)
    for number in np.unique(columns.document[~first]):
        rows = np.flatnonzero(columns.document == number)
        seen: set[Hashable] = set()
        for row, identity in zip(rows, layer.identities(documents[number]), strict=True):
            found[row] = identity in seen
            seen.add(identity)
    return found
