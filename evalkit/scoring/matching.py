"""Matches gold and predicted items: rows of both sides in, pairs of rows out.

The score of a scheme is the largest total credit of one-to-one pairs; `metrics` defines which pairs
are allowed.

* strict, exact: pairs of equal spans. Under one span the number of pairs is the smaller of the two
  counts, so nothing is searched.
* type: the largest matching of overlapping items with one label.
* iou:T: the largest matching of items with one label that reach the overlap threshold: in each
  connected component of such pairs by scipy's Hopcroft-Karp, since an item that ends first may be
  needed by a later one.
* partial: pairs of equal spans first, then the largest matching of overlapping items among the
  rest. Fixing the pairs of equal spans loses nothing, since 1 ≥ ½ + ½.

The largest matching of contiguous spans is found by a sweep: both sides are gone through by (end,
start, label), and each free item takes the first free overlapping item of the other side in that
order. No earlier item can still be free and overlap, so every candidate covers the last character
of the current item, and the one that ends first is the one least needed later. Time is n log n, and
no list of overlaps is built. Items whose overlaps involve a discontinuous span are matched by
scipy's Hopcroft-Karp, one connected component at a time.

Other tools differ: nervaluate 1.2.1 and others take the first match in the order of the input, so
that their counts depend on it and may be lower; eval4ner lets one item match many. Here the pairs
are the same when gold and predictions are swapped, and for any order of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from evalkit.data.document import Fragments
from evalkit.scoring.columns import (
    Ints,
    ItemArrays,
    Mask,
    Parts,
    SortKey,
    combine_keys,
    concat_sides,
    dense_rank,
    group_starts,
)
from evalkit.scoring.discontinuous import ComponentItem, match_component
from evalkit.scoring.overlap_threshold import PREFIX, OverlapThreshold


class Pairs(NamedTuple):
    """Matched rows of gold and predictions, side by side."""

    gold: Ints
    predicted: Ints

    def concat(self, other: Pairs) -> Pairs:
        """Both lists, one after the other."""
        return Pairs(
            np.concatenate([self.gold, other.gold]),
            np.concatenate([self.predicted, other.predicted]),
        )


NO_PAIRS = Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64))


class Matches(NamedTuple):
    """The pairs of a scheme by credit: 1, ½, and 0 (overlaps that are wrong: MUC's incorrect)."""

    correct: Pairs
    partial: Pairs
    incorrect: Pairs


@dataclass(frozen=True)
class Matching:
    """The pairs between two sides of a block. Each list of pairs is computed on first use.

    rank: the position of the name of each label in the sorted names. pieces: the fragments of each
    code of a discontinuous span. Rows of a side may be equal, as two annotations whose labels a
    label map makes equal.
    """

    gold: ItemArrays
    predicted: ItemArrays
    rank: Ints
    pieces: Sequence[Fragments]
    parts: Sequence[Parts]

    def pairs_under(self, scheme: str, *, wrong: bool = True) -> Matches:
        """The pairs of a scheme. wrong: also match what remains by overlap, without credit."""
        if scheme == "partial":  # no overlap remains
            return Matches(self._same_span, self._overlap_pairs, NO_PAIRS)
        if scheme in ("strict", "boundaries", "multiset", "mention-free", "in-kb"):
            correct = self._strict
        elif scheme == "exact":
            correct = self._same_span
        elif scheme.startswith(PREFIX):
            correct = self._match_above(OverlapThreshold.parse(scheme))
        else:
            correct = self._same_label_overlaps
        return self.add_wrong(scheme, correct, wrong=wrong)

    def add_wrong(self, scheme: str, correct: Pairs, *, wrong: bool = True) -> Matches:
        """The correct pairs of a scheme, and what else overlaps. wrong: as in `pairs_under`."""
        if not wrong:
            return Matches(correct, NO_PAIRS, NO_PAIRS)
        return Matches(correct, NO_PAIRS, self._match_remaining(scheme, correct))

    def _match_remaining(self, scheme: str, correct: Pairs) -> Pairs:
        """MUC's incorrect pairs: pairs of equal spans first, then the largest matching by overlap
        of what remains.
        """
        if scheme == "exact":
            return self._overlap_pairs
        same_span = self._pair_equal_spans(correct)
        return same_span.concat(self._overlaps_without(correct.concat(same_span)))

    def _pair_equal_spans(self, matched: Pairs) -> Pairs:
        """Pairs of equal spans among the rows that are not matched, in the order of label names."""
        gold = unmatched_rows(len(self.gold), matched.gold)
        predicted = unmatched_rows(len(self.predicted), matched.predicted)
        pairs = pair_in_label_order(self.gold.take(gold), self.predicted.take(predicted), self.rank)
        return Pairs(gold[pairs.gold], predicted[pairs.predicted])

    @cached_property
    def _both(self) -> ItemArrays:
        both = {
            name: concat_sides(self.gold, self.predicted, name)
            for name in ("document", "label", "head", "start", "end", "fragments")
        }
        return ItemArrays(**both)

    @cached_property
    def _keys(self) -> SortKey:
        both = self._both
        # The length instead of the end: the same order, in half the bits.
        return combine_keys(
            both.head, both.label, both.start, both.end - both.start, both.fragments
        )

    @cached_property
    def _by_label(self) -> Ints:
        """All rows by (head, label, start, end): one sort for the strict pairs and for the overlaps
        under one label.
        """
        return self._keys.order()

    @cached_property
    def _strict(self) -> Pairs:
        order = self._by_label
        ordered = self._keys.key[order]
        if self._has_equal_rows:
            return _pair_equal_ranks(ordered, order, len(self.gold))
        first = np.flatnonzero(ordered[1:] == ordered[:-1])
        # Rows with equal keys keep their order, so the gold row comes first.
        return Pairs(order[first], order[first + 1] - len(self.gold))

    @cached_property
    def _has_equal_rows(self) -> bool:
        """Whether two rows of one side are equal, as two annotations may be after a label map."""
        order = self._by_label
        ordered = self._keys.key[order]
        is_gold = order < len(self.gold)
        return bool(((ordered[1:] == ordered[:-1]) & (is_gold[1:] == is_gold[:-1])).any())

    @cached_property
    def _same_span(self) -> Pairs:
        """The strict pairs, then the rest of each span paired in the order of the label names."""
        return self._strict.concat(self._pair_equal_spans(self._strict))

    @cached_property
    def _overlap_pairs(self) -> Pairs:
        return self._overlaps_without(self._same_span)

    @cached_property
    def _same_label_overlaps(self) -> Pairs:
        return self._overlapping(self._both, len(self.gold), self._both.label, self._by_label)

    def _overlaps_without(self, taken: Pairs) -> Pairs:
        """The largest matching by overlap, whatever the labels, of the rows that are in no pair."""
        gold = unmatched_rows(len(self.gold), taken.gold)
        predicted = unmatched_rows(len(self.predicted), taken.predicted)
        if not len(gold) or not len(predicted):
            return NO_PAIRS
        rest = self._both.take(np.concatenate([gold, predicted + len(self.gold)]))
        order = combine_keys(rest.head, rest.start, rest.end - rest.start).order()
        pairs = self._overlapping(rest, len(gold), None, order)
        return Pairs(gold[pairs.gold], predicted[pairs.predicted])

    def _overlapping(self, both: ItemArrays, n_gold: int, label: Ints | None, order: Ints) -> Pairs:
        """The largest matching of overlapping rows in one group (and with one label).

        order: the rows by group, label and start.
        """
        if not len(order):
            return NO_PAIRS
        line = flatten_groups(both, label, order)
        begins = _component_starts(line)
        ends = np.append(begins[1:], len(order))
        sizes = ends - begins
        gold_counts = _count_true(order < n_gold, begins, ends)
        is_discontinuous = np.zeros(len(begins), bool)
        if both.fragments.any():
            is_discontinuous = _count_true(both.fragments[order] > 0, begins, ends) > 0
        # Most components are one gold and one predicted row.
        is_pair = (gold_counts == 1) & (sizes == 2) & ~is_discontinuous
        first = begins[is_pair]
        pairs = _as_pairs(order[first], order[first + 1], n_gold)
        is_mixed = (gold_counts > 0) & (gold_counts < sizes) & ~is_pair
        if not is_mixed.any():
            return pairs
        component = np.repeat(np.arange(len(begins)), sizes)
        has_single = (gold_counts == 1) | (gold_counts == sizes - 1)
        is_star = is_mixed & ~is_discontinuous & has_single
        is_swept = (is_mixed & ~is_discontinuous & ~is_star)[component]
        rank = self.rank[both.label]
        pairs = pairs.concat(_pair_stars(line, order, component, is_star, n_gold, rank))
        pairs = pairs.concat(_sweep(line, order, is_swept, n_gold, rank))
        for members in _members(component, is_mixed & is_discontinuous):
            pairs = pairs.concat(self._match_component(both, order[members], n_gold))
        return pairs

    def _match_above(self, threshold: OverlapThreshold) -> Pairs:
        """The largest matching of rows of one group and label that reach an overlap threshold."""
        if threshold.requires_equality:
            return self._strict
        # Imported here: few runs use this scheme.
        from evalkit.scoring.iou_edges import Spans, find_edges, iter_components, split_simple

        both, order, n_gold = self._both, self._by_label, len(self.gold)
        if not n_gold or not len(self.predicted):
            return NO_PAIRS
        line = flatten_groups(both, both.label, order)
        begins = _component_starts(line)
        ends = np.append(begins[1:], len(order))
        is_discontinuous = _count_true(both.fragments[order] > 0, begins, ends) > 0
        component = np.repeat(np.arange(len(begins)), ends - begins)
        pairs = NO_PAIRS
        for members in _members(component, is_discontinuous):
            pairs = pairs.concat(self._match_component(both, order[members], n_gold, threshold))
        rows = np.sort(order[~is_discontinuous[component]])
        group = combine_keys(both.head, both.label).key
        spans = Spans(rows, *(each[rows] for each in (both.document, group, both.start, both.end)))
        is_gold = rows < n_gold
        edges = find_edges(spans.take(is_gold), spans.take(~is_gold), threshold)
        simple, others = split_simple(edges, both.start, both.end)
        pairs = pairs.concat(Pairs(simple.gold, simple.predicted - n_gold))
        for members in iter_components(others):
            pairs = pairs.concat(self._match_component(both, members, n_gold, threshold))
        return pairs

    def _match_component(
        self,
        both: ItemArrays,
        rows: Ints,
        n_gold: int,
        threshold: OverlapThreshold | None = None,
    ) -> Pairs:
        """The largest matching of a component with discontinuous spans, or spans with parts, or
        with a threshold.
        """
        gold: list[ComponentItem] = []
        predicted: list[ComponentItem] = []
        for row in rows.tolist():
            shape = int(both.fragments[row])
            pieces = self.pieces[shape] or ((int(both.start[row]), int(both.end[row])),)
            rank = int(self.rank[both.label[row]])
            side = gold if row < n_gold else predicted
            side.append(ComponentItem(pieces, self.parts[shape], rank, row))
        gold_rows, predicted_rows = match_component(
            sorted(gold, key=ComponentItem.sort_key),
            sorted(predicted, key=ComponentItem.sort_key),
            threshold,
        )
        return Pairs(np.array(gold_rows, np.int64), np.array(predicted_rows, np.int64) - n_gold)


class FlatIntervals(NamedTuple):
    """The ranges of rows, in order, moved so that ranges of different groups never overlap."""

    start: Ints
    end: Ints


def unmatched_rows(n: int, matched: Ints) -> Ints:
    """The rows of n that are not matched."""
    is_free = np.ones(n, bool)
    is_free[matched] = False
    return np.flatnonzero(is_free)


def pair_in_label_order(gold: ItemArrays, predicted: ItemArrays, rank: Ints) -> Pairs:
    """Pairs of rows with equal span and group: in each, the first gold label by name with the first
    predicted label, and so on.
    """
    if not len(gold) or not len(predicted):
        return NO_PAIRS
    group, start, end, fragments, label = (
        concat_sides(gold, predicted, name)
        for name in ("head", "start", "end", "fragments", "label")
    )
    span = combine_keys(group, start, end - start, fragments).key
    is_predicted = np.repeat(np.array([0, 1], np.int64), [len(gold), len(predicted)])
    order = combine_keys(span, is_predicted, rank[label]).order()
    return _pair_equal_ranks(span[order], order, len(gold))


def _pair_equal_ranks(sorted_keys: Ints, order: Ints, n_gold: int) -> Pairs:
    """Pairs of rows with equal key: the n-th gold row of a key with its n-th predicted row.

    order: the rows by key, gold before predicted. sorted_keys: the keys in this order.
    """
    is_predicted = (order >= n_gold).astype(np.int64)
    rank = _rank_in_group(group_starts(sorted_keys) | group_starts(is_predicted))
    pair = combine_keys(sorted_keys, rank)
    by_pair = pair.order()  # keeps the order of equal keys, so gold comes first
    key = pair.key[by_pair]
    first = np.flatnonzero(key[1:] == key[:-1])
    return Pairs(order[by_pair[first]], order[by_pair[first + 1]] - n_gold)


def _rank_in_group(is_start: Mask) -> Ints:
    """The position of each row in its group, from 0 on. is_start: where a group begins."""
    positions = np.arange(len(is_start))
    start = np.maximum.accumulate(np.where(is_start, positions, 0))
    rank: Ints = positions - start
    return rank


def flatten_groups(both: ItemArrays, label: Ints | None, order: Ints) -> FlatIntervals:
    """The ranges of the rows, moved so that rows of different groups (and labels) are apart."""
    start, end = both.start[order], both.end[order]
    has_groups = bool(both.head.any())
    if label is None and not has_groups:
        return FlatIntervals(start, end)
    if label is None:
        group = both.head[order]
    elif has_groups:
        group = combine_keys(both.head, label).key[order]
    else:
        group = label[order]
    if group[0] == group[-1]:
        return FlatIntervals(start, end)
    # Offsets must fit into 64 bits: if they do not, groups are numbered and offsets ranked.
    low, high = int(start.min()), int(end.max())
    if (high - low + 1) * (int(group[-1]) + 1) >= 1 << 62:
        group = np.cumsum(group_starts(group)) - 1
    if (high - low + 1) * (int(group[-1]) + 1) >= 1 << 62:
        ranks = dense_rank(np.concatenate([start, end]))
        start, end, low, high = ranks[: len(start)], ranks[len(start) :], 0, len(ranks)
    shift = group * (high - low + 1) - low
    return FlatIntervals(start + shift, end + shift)


def _component_starts(line: FlatIntervals) -> Ints:
    """Where each connected component begins: at rows that no earlier row reaches."""
    is_start = np.ones(len(line.start), bool)
    np.greater_equal(line.start[1:], np.maximum.accumulate(line.end)[:-1], out=is_start[1:])
    return np.flatnonzero(is_start)


def _count_true(values: Mask, begins: Ints, ends: Ints) -> Ints:
    """The number of true values from each begin up to its end."""
    sums: Ints = np.concatenate([[0], np.cumsum(values)])
    counts: Ints = sums[ends] - sums[begins]
    return counts


def _as_pairs(one: Ints, other: Ints, n_gold: int) -> Pairs:
    """Pairs of rows, of which either may be the gold row."""
    return Pairs(np.minimum(one, other), np.maximum(one, other) - n_gold)


def _members(component: Ints, is_selected: Mask) -> list[Ints]:
    """The positions of the rows of each selected component."""
    positions = np.flatnonzero(is_selected[component])
    if not len(positions):
        return []
    starts = np.flatnonzero(group_starts(component[positions]))
    return np.split(positions, starts[1:])


def _pair_stars(
    line: FlatIntervals, order: Ints, component: Ints, is_star: Mask, n_gold: int, rank: Ints
) -> Pairs:
    """The pair of each component in which one side has a single row: the single row with the first
    row by (end, start, label) that overlaps it.

    It is the pair that the sweep would make; most components of more than two rows are stars.
    """
    positions = np.flatnonzero(is_star[component])
    if not len(positions):
        return NO_PAIRS
    number, rows = component[positions], order[positions]
    start, end, is_gold = line.start[positions], line.end[positions], rows < n_gold
    begins = np.flatnonzero(group_starts(number))
    sizes = np.diff(np.append(begins, len(number)))
    star = np.repeat(np.arange(len(begins)), sizes)
    gold_is_single = np.add.reduceat(is_gold.astype(np.int64), begins) == 1
    is_single = is_gold == gold_is_single[star]
    center = np.flatnonzero(is_single)
    overlaps_center = (start < end[center][star]) & (end > start[center][star]) & ~is_single
    candidates = np.flatnonzero(overlaps_center)
    sorted_candidates = candidates[
        np.lexsort((rank[rows[candidates]], start[candidates], end[candidates], star[candidates]))
    ]
    first = sorted_candidates[group_starts(star[sorted_candidates])]
    return _as_pairs(rows[center[star[first]]], rows[first], n_gold)


def _sweep(line: FlatIntervals, order: Ints, is_swept: Mask, n_gold: int, rank: Ints) -> Pairs:
    """The largest matching of contiguous rows; see the head of the module."""
    rows = order[is_swept]
    if not len(rows):
        return NO_PAIRS
    start, end = line.start[is_swept], line.end[is_swept]
    by_end = np.lexsort((rows, rank[rows], start, end))
    start, end, rows = start[by_end], end[by_end], rows[by_end]
    starts, ends = start.tolist(), end.tolist()
    sides = (rows >= n_gold).astype(np.int64).tolist()
    by_start = np.argsort(start, kind="stable").tolist()
    arriving = [[n for n in by_start if sides[n] == side] for side in (0, 1)]
    arrived = [0, 0]  # of each side, how many rows of `arriving` are in its heap
    heaps: tuple[list[int], list[int]] = ([], [])  # free rows of each side, the first by end on top
    is_taken = [False] * len(rows)
    matched: tuple[list[int], list[int]] = ([], [])
    for n, (side, last) in enumerate(zip(sides, ends)):
        if is_taken[n]:
            continue
        other_side = 1 - side
        candidates, heap, index = arriving[other_side], heaps[other_side], arrived[other_side]
        while index < len(candidates) and starts[candidates[index]] < last:
            heappush(heap, candidates[index])
            index += 1
        arrived[other_side] = index
        while heap and (heap[0] < n or is_taken[heap[0]]):
            heappop(heap)
        if heap:
            other = heappop(heap)
            is_taken[n] = is_taken[other] = True
            matched[side].append(n)
            matched[other_side].append(other)
    return Pairs(rows[matched[0]], rows[matched[1]] - n_gold)
