"""Counts characters instead of items: of each label and group, on both sides and in common.

A character counts once under a unit, label and group, however many spans cover it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evalkit.data.document import Fragments
from evalkit.scoring.cells import FOUND, GOLD, PREDICTED, TP, CellCounter
from evalkit.scoring.columns import Cells, Ints, ItemArrays, combine_keys, fragment_ranges
from evalkit.scoring.zones import SegmentLayout


class Ranges(NamedTuple):
    """Contiguous ranges of characters, one a row."""

    unit: Ints
    label: Ints
    group: Ints
    start: Ints
    end: Ints


def count_characters(
    gold: ItemArrays,
    predicted: ItemArrays,
    duplicates: ItemArrays,
    unplaced: Ints,
    layout: SegmentLayout,
    fragments: Sequence[Fragments],
    n_labels: int,
) -> Cells:
    """A column for each unit and label that has characters: unit, label, *COUNTS.

    duplicates, unplaced: predicted items that are wrong; of unplaced ones (unit, label, characters
    of the quote). fragments: those of each code of a discontinuous span.
    """
    gold_ranges = _clip_to_scored(gold, layout, fragments)
    predicted_ranges = _clip_to_scored(predicted, layout, fragments)
    both_ranges = Ranges(*(np.concatenate(pair) for pair in zip(gold_ranges, predicted_ranges)))
    width = max(n_labels, 1)
    counter = CellCounter(len(layout.units), width)
    # Characters in common: those of gold plus those of predictions minus those of either.
    for counts, sign, ranges in (
        ((GOLD, FOUND, TP), 1, gold_ranges),
        ((PREDICTED, FOUND, TP), 1, predicted_ranges),
        ((FOUND, TP), -1, both_ranges),
    ):
        unit, label, length = _added_lengths(ranges)
        for count in counts:
            counter.add(count, unit * width + label, sign * length)
    wrong = _clip_to_scored(duplicates, layout, fragments)
    counter.add(PREDICTED, wrong.unit * width + wrong.label, wrong.end - wrong.start)
    counter.add(PREDICTED, unplaced[:, 0] * width + unplaced[:, 1], unplaced[:, 2])
    return counter.cells()


def _clip_to_scored(
    items: ItemArrays, layout: SegmentLayout, fragments: Sequence[Fragments]
) -> Ranges:
    """The ranges of the items, cut to the scored segments."""
    row, start, end = fragment_ranges(items, fragments)
    if layout.one_segment_per_document:
        unit = items.document[row]
    else:
        row, start, end, unit = layout.clip_to_scored(row, start, end)
    return Ranges(unit, items.label[row], items.head[row], start, end)


def _added_lengths(ranges: Ranges) -> tuple[Ints, Ints, Ints]:
    """(unit, label, characters that it adds to the ranges before it) of each range."""
    unit, label, group, start, end = ranges
    order = combine_keys(unit, label, group, start).order()
    key = combine_keys(unit, label, group).key[order]
    start, end = start[order], end[order]
    if not len(order):
        return unit, label, start
    is_first = np.ones(len(order), bool)
    np.not_equal(key[1:], key[:-1], out=is_first[1:])
    number = np.cumsum(is_first) - 1
    covered_to = np.concatenate([[0], _running_max_end(start, end, number)[:-1]])
    covered_to = np.where(is_first, start, covered_to)
    return unit[order], label[order], np.maximum(end - np.maximum(start, covered_to), 0)


def _running_max_end(start: Ints, end: Ints, number: Ints) -> Ints:
    """The largest end so far among the ranges with the same number."""
    low = int(start.min())
    width = int(end.max()) - low + 1
    if (int(number[-1]) + 1) * width < 1 << 62:
        shift = number * width
        return np.maximum.accumulate(end - low + shift) - shift + low
    pieces = np.split(end, np.flatnonzero(np.diff(number)) + 1)
    return np.concatenate([np.maximum.accumulate(piece) for piece in pieces])
