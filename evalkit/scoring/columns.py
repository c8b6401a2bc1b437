"""Items as numbers: one row an item, so that a whole block of documents is compared at once.

Both sides of a block are coded together, so that what is equal in the items is equal in the
numbers. Offsets run through the block: each document starts where no span of the one before can
reach, so that spans of two documents never meet and a document needs no column of its own when
spans are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.data.batch import LABEL_IDS, EntityArrays, Vocabulary, pack_int64
from evalkit.data.document import Fragments
from evalkit.scoring.items import Items

Ints = NDArray[np.int64]
# Counts of a unit and label: many, and each small. 32-bit integers, or 16-bit ones where these hold
# all counts.
Cells = NDArray[Any]
Mask = NDArray[np.bool_]

MAX_KEY_BITS = 62  # of an int64 key: one bit is the sign, one is spare
DROPPED_LABEL = -1  # the label code of what a label map drops
NO_MERGED: Ints = np.zeros((0, 2), np.int64)


Parts = tuple[Fragments | None, ...]


@dataclass
class SharedEncoding:
    """The codes that both sides of a block share: labels for the whole run, heads and discontinuous
    spans for the block.

    `pieces[code]` are the ranges of a discontinuous span, `parts[code]` those of each part where a
    layer's spans have parts; code 0 stands for a contiguous span.
    """

    labels: Vocabulary
    heads: Vocabulary = field(default_factory=Vocabulary)
    fragment_ids: Vocabulary = field(default_factory=lambda: Vocabulary({((), ()): 0}))

    @cached_property
    def label_ids(self) -> dict[Any, int]:
        """The labels and no label, in a plain dict: it is looked up several times faster than one
        that can grow.
        """
        return {**self.labels, None: DROPPED_LABEL}

    @property
    def pieces(self) -> list[Fragments]:
        """The ranges of each shape."""
        return [pieces for pieces, _ in self.fragment_ids]

    @property
    def parts(self) -> list[Parts]:
        """The parts of each shape."""
        return [parts for _, parts in self.fragment_ids]

    def shape(self, span: Any, shift: int) -> int:
        """The code of a discontinuous span that is `shift` further on in the block."""
        parts = tuple(
            part if part is None else _shift_fragments(part, shift)
            for part in getattr(span, "parts", ())
        )
        return self.fragment_ids[_shift_fragments(span.fragments, shift), parts]


def _shift_fragments(pieces: Fragments, shift: int) -> Fragments:
    return tuple((start + shift, end + shift) for start, end in pieces)


@dataclass(frozen=True)
class ItemArrays:
    """One row an item: int64 arrays of equal length.

    `document`: its place in the block. `label`, `head`: codes shared by both sides. `start`, `end`:
    offsets in the block. `fragments`: 0 for a contiguous span, else a code that is equal where the
    fragments are.
    """

    document: Ints
    label: Ints
    head: Ints
    start: Ints
    end: Ints
    fragments: Ints

    def __len__(self) -> int:
        return len(self.document)

    def take(self, rows: Ints | Mask) -> ItemArrays:
        """Some of the rows."""
        return ItemArrays(*(getattr(self, f.name)[rows] for f in fields(self)))


class ItemArrayBuilder:
    """One side of a block while its items are read, few documents at a time: as plain bytes, which
    become columns when all are there.
    """

    def __init__(self, coding: SharedEncoding) -> None:
        """Nothing yet; `coding` is shared by both sides."""
        self._coding = coding
        self._counts: list[int] = []
        self._start, self._end, self._label, self._head = (
            [],
            [],
            [],
            [],
        )  # type: list[bytes], list[bytes], list[bytes], list[bytes]
        self._discontinuous: list[
            tuple[int, Any]
        ] = []  # the discontinuous spans, and the row of each
        self._numbered = False  # whether labels are those of chunk.NUMBERS
        self._n = 0

    def add(self, items: Items) -> None:
        """The items of some more documents."""
        spans = items.spans
        self._counts += items.counts
        self._start.append(pack_int64([span.start for span in spans]))
        self._end.append(pack_int64([span.end for span in spans]))
        self._label.append(pack_int64(_label_codes(items.labels, self._coding)))
        if items.groups is not None:
            heads = self._coding.heads
            self._head.append(pack_int64([heads[head] for head in items.groups]))
        self._discontinuous += [
            (row, span) for row, span in enumerate(spans, start=self._n) if span.fragments
        ]
        self._n += len(spans)

    def add_placed(self, placed: EntityArrays) -> None:
        """The entities of some more documents, under their own labels; a side has either these or
        items.
        """
        self._counts += placed.counts
        self._start.append(placed.start)
        self._end.append(placed.end)
        self._label.append(placed.label)
        self._discontinuous += [(row + self._n, span) for row, span in placed.discontinuous]
        self._numbered = True
        self._n += len(placed.start) // 8

    def columns(self, offsets: Ints) -> ItemArrays:
        """All items as rows. `offsets[i]` is where the i-th document starts in the block."""
        document = np.repeat(np.arange(len(self._counts), dtype=np.int64), self._counts)
        shift = offsets[document]
        start, end, label = (
            np.frombuffer(b"".join(parts), np.int64)
            for parts in (self._start, self._end, self._label)
        )
        if self._numbered:
            label = _encode_labels(label, self._coding.labels)
        head = (
            np.frombuffer(b"".join(self._head), np.int64)
            if self._head
            else np.zeros(self._n, np.int64)
        )
        fragments = np.zeros(self._n, np.int64)
        for row, span in self._discontinuous:
            fragments[row] = self._coding.shape(span, int(shift[row]))
        return ItemArrays(document, label, head, start + shift, end + shift, fragments)


def _label_codes(labels: Sequence[Any], coding: SharedEncoding) -> list[int]:
    """The code of each label, DROPPED for none."""
    known = coding.label_ids
    try:
        return [known[label] for label in labels]
    except KeyError:
        for label in labels:
            if label is not None:
                known[label] = coding.labels[label]
        return [known[label] for label in labels]


def _encode_labels(numbers: Ints, labels: Vocabulary) -> Ints:
    """The run's codes of labels that have the numbers of the process."""
    names = list(LABEL_IDS)
    codes = np.zeros(len(names), np.int64)
    for number in np.flatnonzero(np.bincount(numbers)).tolist():
        codes[number] = labels[names[number]]
    return codes[numbers]


def document_offsets(lengths: Iterable[int], n: int) -> Ints:
    """Where each document of a block starts: one character after the end of the one before."""
    ends = np.cumsum(np.fromiter(lengths, np.int64, n) + 1)
    return np.concatenate([np.zeros(min(n, 1), np.int64), ends[:-1]])


class SortKey(NamedTuple):
    """A number a row, and how many bits the largest takes."""

    key: Ints
    bits: int

    def order(self) -> Ints:
        """The rows in ascending order of key; rows with one key in their own order."""
        n = len(self.key)
        row_bits = bits_of(n)
        if self.bits + row_bits > MAX_KEY_BITS:
            return np.argsort(self.key, kind="stable").astype(np.int64)
        # The row rides in the low bits: sorting plain integers is several times faster than sorting
        # an index by them.
        return np.sort((self.key << row_bits) | np.arange(n, dtype=np.int64)) & (
            (1 << row_bits) - 1
        )


def combine_keys(*columns: Ints) -> SortKey:
    """One number a row, equal exactly where all the columns are, and in the order of the columns,
    the first foremost.

    Packed side by side into 62 bits; what does not fit is replaced by its rank first, so that
    different values never collide. Columns have no negative numbers.
    """
    packed, bits = np.zeros(len(columns[0]), np.int64), 0
    for column in columns:
        high = int(column.max(initial=0))
        if not high:
            continue  # all zero: no key depends on it
        values, width = column, bits_of(high)
        if bits + width > MAX_KEY_BITS:
            packed, values = dense_rank(packed), dense_rank(values)
            bits, width = bits_of(int(packed.max(initial=0))), bits_of(int(values.max(initial=0)))
        packed = (packed << width) | values if bits else values
        bits += width
    return SortKey(packed, bits)


def bits_of(largest: int) -> int:
    """How many bits a number takes; one for 0."""
    return max(1, largest.bit_length())


def dense_rank(column: Ints) -> Ints:
    """Each value's place among the distinct values: the same order, in as few bits as can be."""
    return np.unique(column, return_inverse=True)[1].reshape(-1).astype(np.int64)


def group_starts(key: Ints) -> Mask:
    """True where a new key begins, in an array that is sorted by key."""
    new = np.ones(len(key), bool)
    np.not_equal(key[1:], key[:-1], out=new[1:])
    return new


def is_first_occurrence(packed: SortKey) -> Mask:
    """True for the first row of every key."""
    order = packed.order()
    first = np.zeros(len(order), bool)
    first[order[group_starts(packed.key[order])]] = True
    return first


def span_keys(items: ItemArrays, *, group: bool = True, label: bool = True) -> SortKey:
    """A key for each item, equal where group, span and label are."""
    groups = (items.head,) if group else ()
    labels = (items.label + 1,) if label else ()  # DROPPED_LABEL is -1, and keys are not negative
    length = items.end - items.start
    return combine_keys(*groups, items.start, length, items.fragments, *labels)


def has_duplicates(packed: SortKey) -> bool:
    """Whether two rows have the same key."""
    ordered = np.sort(packed.key)
    return bool((ordered[1:] == ordered[:-1]).any())


def merge_equal(items: ItemArrays, rows: Ints) -> tuple[Ints, Ints]:
    """The first of each group of equal rows, and (position among these, row) of all others."""
    keys = span_keys(items.take(rows))
    if not has_duplicates(keys):
        return rows, NO_MERGED
    is_first = is_first_occurrence(keys)
    position_of = {key: n for n, key in enumerate(keys.key[is_first].tolist())}
    others = zip(keys.key[~is_first].tolist(), rows[~is_first].tolist())
    merged = np.array([(position_of[key], row) for key, row in others], np.int64)
    return rows[is_first], merged


def concat_sides(gold: ItemArrays, predicted: ItemArrays, name: str) -> Ints:
    """A column of both sides, gold's rows first."""
    return np.concatenate([getattr(gold, name), getattr(predicted, name)])


def fragment_ranges(columns: ItemArrays, pieces: Sequence[Fragments]) -> tuple[Ints, Ints, Ints]:
    """Every contiguous range of the rows, as (row, start, end): one for a contiguous span, one a
    fragment for others.
    """
    row, start, end = np.arange(len(columns), dtype=np.int64), columns.start, columns.end
    broken = np.flatnonzero(columns.fragments)
    if not len(broken):
        return row, start, end
    more = np.array([(n, a, b) for n in broken for a, b in pieces[columns.fragments[n]]], np.int64)
    whole = np.flatnonzero(columns.fragments == 0)
    return tuple(
        np.concatenate([whole_column[whole], more[:, i]])
        for i, whole_column in enumerate((row, start, end))
    )  # type: ignore[return-value]


def splitmix64(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A 64-bit mix (the finaliser of SplitMix64, Steele et al.

    2014): every bit of the input moves half of the output.
    """
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def hash_columns(*columns: Any) -> NDArray[np.uint64]:
    """Several columns mixed into one, each step with its own odd number, so that their order
    counts.
    """
    hashes = np.zeros(len(columns[0]), np.uint64)
    for n, column in enumerate(columns, start=1):
        with np.errstate(over="ignore"):
            hashes = splitmix64(
                hashes + column.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15 * n & (2**64 - 1))
            )
    return hashes
