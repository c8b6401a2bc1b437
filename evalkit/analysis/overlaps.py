"""Which gold and predicted items share characters, and how many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evalkit.data.document import Fragments
from evalkit.errors import InputError
from evalkit.scoring.columns import Ints, ItemArrays, fragment_ranges

MAX_OVERLAPS = 8_000_000  # of a block of documents: these take about 2 GB


class Overlaps(NamedTuple):
    """Rows of gold and of predictions that overlap, side by side, and how many characters each
    pair shares.
    """

    gold: Ints
    predicted: Ints
    shared: Ints


class ItemRanges(NamedTuple):
    """The contiguous ranges of some items: (row, start, end) of each. `is_broken`: whether an item
    has several.
    """

    row: Ints
    start: Ints
    end: Ints
    is_broken: bool


def item_ranges(
    items: ItemArrays, rows: Ints, pieces: Sequence[Fragments], shift_of_group: Ints | None
) -> ItemRanges:
    """The ranges of some rows, moved so that ranges of different groups never overlap."""
    selected = items.take(rows)
    index, start, end = fragment_ranges(selected, pieces)
    if shift_of_group is not None:
        shift = shift_of_group[selected.head[index]]
        start, end = start + shift, end + shift
    return ItemRanges(rows[index], start, end, bool(selected.fragments.any()))


def group_shifts(gold: ItemArrays, predicted: ItemArrays) -> Ints | None:
    """For each group, by how much its offsets are moved to keep groups apart; None for a single
    group.
    """
    heads = np.concatenate([gold.head, predicted.head])
    if not heads.any():
        return None
    length = int(max(gold.end.max(initial=0), predicted.end.max(initial=0))) + 1
    occurring = np.unique(heads)
    shifts = np.zeros(int(occurring[-1]) + 1, np.int64)
    shifts[occurring] = np.arange(len(occurring), dtype=np.int64) * length
    return shifts


def find_overlaps(gold: ItemRanges, predicted: ItemRanges) -> Overlaps:
    """The pairs of items that share a character, each once.

    Time and memory grow with the number of pairs. Raises InputError where there are too many.
    """
    by_predicted_start = np.argsort(predicted.start, kind="stable")
    by_gold_start = np.argsort(gold.start, kind="stable")
    # Of two ranges that overlap, either the predicted one starts inside the gold one, or the gold
    # one starts after the start of the predicted one and inside it.
    inside_gold = _ranges_starting_in(
        gold.start, gold.end, predicted.start[by_predicted_start], side="left"
    )
    inside_predicted = _ranges_starting_in(
        predicted.start, predicted.end, gold.start[by_gold_start], side="right"
    )
    total = inside_gold.total + inside_predicted.total
    if total > MAX_OVERLAPS:
        raise InputError(
            f"{total:,} overlaps of gold and predicted items: the errors of more than"
            f" {MAX_OVERLAPS:,} cannot be analyzed at once; split the documents whose items overlap"
            " most, or score without the analysis of errors"
        )
    outer, inner = inside_gold.pairs()
    other_outer, other_inner = inside_predicted.pairs()
    gold_range = np.concatenate([outer, by_gold_start[other_inner]])
    predicted_range = np.concatenate([by_predicted_start[inner], other_outer])
    shared = np.minimum(gold.end[gold_range], predicted.end[predicted_range]) - np.maximum(
        gold.start[gold_range], predicted.start[predicted_range]
    )
    gold_row, predicted_row = gold.row[gold_range], predicted.row[predicted_range]
    if not (gold.is_broken or predicted.is_broken):
        return Overlaps(gold_row, predicted_row, shared)
    return _sum_fragments(gold_row, predicted_row, shared)


class _Starts(NamedTuple):
    """For each outer range, the sorted starts that lie in it: from `low`, `counts` of them."""

    low: Ints
    counts: Ints

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def pairs(self) -> tuple[Ints, Ints]:
        """(index of the outer range, index of the sorted start) of each pair."""
        outer = np.repeat(np.arange(len(self.low), dtype=np.int64), self.counts)
        before = np.cumsum(self.counts) - self.counts
        inner = np.arange(len(outer), dtype=np.int64) - before[outer] + self.low[outer]
        return outer, inner


def _ranges_starting_in(start: Ints, end: Ints, sorted_starts: Ints, *, side: str) -> _Starts:
    """The starts in each range. side: "left" counts those that equal its start, "right" does
    not.
    """
    low = np.searchsorted(sorted_starts, start, side="left" if side == "left" else "right")
    high = np.searchsorted(sorted_starts, end, side="left")
    return _Starts(low.astype(np.int64), np.maximum(high - low, 0).astype(np.int64))


def _sum_fragments(gold: Ints, predicted: Ints, shared: Ints) -> Overlaps:
    """The characters that items share over all their fragments."""
    if not len(gold):
        return Overlaps(gold, predicted, shared)
    width = int(predicted.max()) + 1
    keys, group = np.unique(gold * width + predicted, return_inverse=True)
    sums = np.bincount(group.reshape(-1), shared).astype(np.int64)
    return Overlaps(keys // width, keys % width, sums)
