"""Zones and units: which items are scored, and for what counts are kept.

A block of documents is cut into segments: the zones, and what lies between them. Where zones
overlap, a character belongs to the zone that starts later. An item is scored if it touches a scored
segment, and belongs to the first one that it touches; a character counts where it lies. A document
without zones is one segment, and scored. Ignore regions are no segments; see `lenient_gold`.

A unit is what counts are kept for: a document, or the segments of a document with one zone label;
on request, each sentence of these. White space belongs to the sentence before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import pairwise, repeat
from typing import Any, NamedTuple

import numpy as np

from evalkit.data.batch import DocumentRef, Vocabulary
from evalkit.data.document import Fragments
from evalkit.data.gold_alternatives import IGNORE
from evalkit.data.text import sentence_index_at, sentences
from evalkit.scoring.columns import Ints, ItemArrays, Mask, fragment_ranges


class CountUnit(NamedTuple):
    """What counts are kept for: a document, a zone of it (None: no zone), and the number of a
    sentence, from 0 on (None: all sentences).
    """

    document: str
    zone: str | None = None
    sentence: int | None = None

    def sort_key(self) -> tuple[str, str, int]:
        """A key that orders units by document, zone and sentence."""
        return self.document, self.zone or "", -1 if self.sentence is None else self.sentence


def iter_document_units(ids: Iterable[str]) -> Iterator[CountUnit]:
    """Yields a unit for each document."""
    # Many documents have few items each, so that units are made without calling a Python function.
    make_unit: Callable[[tuple[str, None, None]], CountUnit] = partial(tuple.__new__, CountUnit)
    return map(make_unit, zip(ids, repeat(None), repeat(None)))


@dataclass(frozen=True)
class SegmentLayout:
    """The segments of a block, in order.

    `first_scored[i]` is the first scored segment from i on, or the number of segments.
    """

    units: list[CountUnit]
    start: Ints
    end: Ints
    unit: Ints
    scored: Mask
    first_scored: Ints
    one_segment_per_document: bool

    def resampling_unit_count(self) -> int:
        """The number of documents, or of sentences in scored segments."""
        if self.one_segment_per_document:
            return len(self.units)
        scored = set(self.unit[self.scored].tolist())
        return len(
            {
                (unit.document, unit.sentence)
                for n, unit in enumerate(self.units)
                if unit.sentence is None or n in scored
            }
        )

    def add_units_without_zone(self, documents: Iterable[str]) -> dict[str, int]:
        """For each document the unit of its unplaced items: in no zone, and in its first scored
        sentence. A unit that does not exist yet is added.
        """
        units_of: dict[str, list[int]] = {}
        for number, unit in enumerate(self.units):
            units_of.setdefault(unit.document, []).append(number)
        scored = set(self.unit[self.scored].tolist())
        added = {}
        for document in documents:
            numbers = units_of[document]
            first = next((number for number in numbers if number in scored), numbers[0])
            unit = CountUnit(document, None, self.units[first].sentence)
            existing = [number for number in numbers if self.units[number] == unit]
            if not existing:
                existing = [len(self.units)]
                self.units.append(unit)
            added[document] = existing[0]
        return added

    def assign_units(self, columns: ItemArrays, pieces: Sequence[Fragments]) -> tuple[Mask, Ints]:
        """Which items are scored, and the unit of each."""
        if self.one_segment_per_document:
            return np.ones(len(columns), bool), columns.document.copy()
        row, start, end = fragment_ranges(columns, pieces)
        anchor = self.first_scored[self.segment_at(start)]
        touched = anchor <= self.segment_at(end - 1)
        first = np.full(len(columns), len(self.start), np.int64)
        np.minimum.at(first, row[touched], anchor[touched])
        scored = first < len(self.start)
        where = np.where(scored, first, self.segment_at(columns.start))
        return scored, self.unit[where]

    def segment_at(self, position: Ints) -> Ints:
        """The segment that holds a position."""
        return np.searchsorted(self.start, position, side="right") - 1

    def clip_to_scored(self, row: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """The parts of ranges in scored segments, cut at the borders of segments: (row, start, end,
        unit).
        """
        first, last = self.segment_at(start), self.segment_at(end - 1)
        segments_per_range = last - first + 1
        range_of = np.repeat(np.arange(len(row), dtype=np.int64), segments_per_range)
        before = np.cumsum(segments_per_range) - segments_per_range
        segment = np.arange(len(range_of)) - before[range_of] + first[range_of]
        is_kept = self.scored[segment]
        range_of, segment = range_of[is_kept], segment[is_kept]
        return (
            row[range_of],
            np.maximum(start[range_of], self.start[segment]),
            np.minimum(end[range_of], self.end[segment]),
            self.unit[segment],
        )


def document_layout(ids: Sequence[str], offsets: Ints) -> SegmentLayout:
    """The segments of documents without zones: each is one."""
    units = [CountUnit(id) for id in ids]
    each = np.arange(len(ids), dtype=np.int64)
    ends = np.append(offsets[1:], np.iinfo(np.int64).max)[: len(ids)]
    return SegmentLayout(
        units, offsets, ends, each, np.ones(len(ids), bool), each, one_segment_per_document=True
    )


def build_layout(
    documents: Sequence[Any],
    offsets: Ints,
    zones: frozenset[str] | None,
    *,
    by_sentence: bool = False,
) -> SegmentLayout:
    """The segments of a block of gold documents.

    zones: the labels of the scored ones; None for all. by_sentence: each sentence is a unit.
    """
    if not by_sentence and not any(document.zones for document in documents):
        return document_layout([document.id for document in documents], offsets)
    codes = Vocabulary()
    segments = []
    for document, offset in zip(documents, offsets.tolist()):
        for start, end, label, sentence, scored in _segments(
            document, zones, by_sentence=by_sentence
        ):
            unit = codes[CountUnit(document.id, label, sentence)]
            segments.append((offset + start, offset + end, unit, scored))
    starts, ends, units, is_scored = (np.array(column, np.int64) for column in zip(*segments))
    following = np.where(is_scored > 0, np.arange(len(starts)), len(starts))
    first_scored = np.minimum.accumulate(following[::-1])[::-1].astype(np.int64)
    return SegmentLayout(
        list(codes),
        starts,
        ends,
        units,
        is_scored > 0,
        first_scored,
        one_segment_per_document=False,
    )


def _segments(
    document: Any, zones: frozenset[str] | None, *, by_sentence: bool
) -> Iterator[tuple[int, int, str | None, int | None, bool]]:
    """(start, end, zone, sentence, whether it is scored) from the start of the text to one past its
    end, without gaps.
    """
    end = (document.length if isinstance(document, DocumentRef) else len(document.text)) + 1
    starts = [start for start, _ in sentences(document.text)] if by_sentence else []
    ordered = sorted(
        (zone.start, zone.end, zone.label) for zone in document.zones if zone.label != IGNORE
    )
    borders = sorted({0, end, *starts, *(at for zone in ordered for at in zone[:2])})
    covering: list[tuple[int, int, str]] = []  # a heap: the zone that starts last is on top
    n = 0
    for start, stop in pairwise(borders):
        while n < len(ordered) and ordered[n][0] <= start:
            heappush(covering, (-ordered[n][0], ordered[n][1], ordered[n][2]))
            n += 1
        while covering and covering[0][1] <= start:
            heappop(covering)
        label = covering[0][2] if covering else None
        yield (
            start,
            stop,
            label,
            sentence_index_at(starts, start) if by_sentence else None,
            zones is None or not ordered or label in zones,
        )
