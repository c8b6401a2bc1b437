"""Matches gold and predicted items: rows of both sides in, pairs of rows out.

The score of a scheme is the largest total credit of one-to-one pairs; `metrics` defines which pairs
are allowed.

* strict, exact: pairs of equal spans. Under one span the number of pairs is the smaller of the two
  counts, so nothing is searched.
* type: the largest matching of overlapping items with one label.
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
from evalkit.errors import InputError
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

# Between discontinuous spans of one block: more would take minutes.
MAX_OVERLAPS = 20_000_000


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
        if scheme == "strict":
            correct = self._strict
        elif scheme == "exact":
            correct = self._same_span
        else:
            correct = self._same_label_overlaps
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
        gold = _unmatched_rows(len(self.gold), matched.gold)
        predicted = _unmatched_rows(len(self.predicted), matched.predicted)
        pairs = _pair_in_label_order(
            self.gold.take(gold), self.predicted.take(predicted), self.rank
        )
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
        # Rows with one key stand in their own order, so gold's comes before the prediction's.
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
        gold = _unmatched_rows(len(self.gold), taken.gold)
        predicted = _unmatched_rows(len(self.predicted), taken.predicted)
        if not len(gold) or not len(predicted):
            return NO_PAIRS
        rest = self._both.take(np.concatenate([gold, predicted + len(self.gold)]))
        order = combine_keys(rest.head, rest.start, rest.end - rest.start).order()
        pairs = self._overlapping(rest, len(gold), None, order)
        return Pairs(gold[pairs.gold], predicted[pairs.predicted])

    def _overlapping(self, both: ItemArrays, n_gold: int, label: Ints | None, order: Ints) -> Pairs:
        """The largest matching of overlapping rows under one head (and label); `order` has them by
        head, label, start.
        """
        if not len(order):
            return NO_PAIRS
        line = _flatten_groups(both, label, order)
        begins = _components(line)
        ends = np.append(begins[1:], len(order))
        sizes = ends - begins
        golds = _count_true(order < n_gold, begins, ends)
        broken = (
            _count_true(both.fragments[order] > 0, begins, ends) > 0
            if both.fragments.any()
            else np.zeros(len(begins), bool)
        )
        lonely = (golds == 1) & (sizes == 2) & ~broken
        at = begins[lonely]
        simple = _as_pairs(order[at], order[at + 1], n_gold)
        mixed = (golds > 0) & (golds < sizes) & ~lonely
        if not mixed.any():
            return simple
        component = np.repeat(np.arange(len(begins)), sizes)
        alone = mixed & ~broken & ((golds == 1) | (golds == sizes - 1))
        swept = (mixed & ~broken & ~alone)[component]
        rank = self.rank[both.label]
        found = simple.concat(_pair_single_sided(line, order, component, alone, n_gold, rank))
        found = found.concat(_sweep(line, order, swept, n_gold, rank))
        for members in _members(component, mixed & broken):
            found = found.concat(self._match_discontinuous(both, order[members], n_gold))
        return found

    def _match_discontinuous(self, both: ItemArrays, rows: Ints, n_gold: int) -> Pairs:
        """The largest matching of one component that holds discontinuous spans, or spans with
        parts.
        """
        spans: tuple[list[ComponentItem], list[ComponentItem]] = ([], [])
        for row in rows.tolist():
            shape = int(both.fragments[row])
            pieces = self.pieces[shape] or ((int(both.start[row]), int(both.end[row])),)
            spans[row >= n_gold].append(
                ComponentItem(pieces, self.parts[shape], int(self.rank[both.label[row]]), row)
            )
        gold, predicted = _hopcroft_karp(*(sorted(side, key=ComponentItem.place) for side in spans))
        return Pairs(np.array(gold, np.int64), np.array(predicted, np.int64) - n_gold)


class FlatIntervals(NamedTuple):
    """Rows in order along one line on which groups never meet: rows overlap there if they do and
    are of one group.
    """

    start: Ints
    end: Ints


def _unmatched_rows(n: int, matched: Ints) -> Ints:
    """The rows of n that are not matched."""
    is_free = np.ones(n, bool)
    is_free[matched] = False
    return np.flatnonzero(is_free)


def _pair_in_label_order(gold: ItemArrays, predicted: ItemArrays, rank: Ints) -> Pairs:
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


def _flatten_groups(both: ItemArrays, label: Ints | None, order: Ints) -> FlatIntervals:
    """The rows' ranges, moved so that rows of different heads (and labels) are apart."""
    start, end = both.start[order], both.end[order]
    headed = both.head.any()
    if label is None and not headed:
        return FlatIntervals(start, end)
    group = (
        both.head[order]
        if label is None
        else combine_keys(both.head, label).key[order]
        if headed
        else label[order]
    )
    if group[0] == group[-1]:
        return FlatIntervals(start, end)
    nth, low, high = group, int(start.min()), int(end.max())
    if (high - low + 1) * (int(nth[-1]) + 1) >= 1 << 62:
        nth = np.cumsum(group_starts(group)) - 1
    if (high - low + 1) * (int(nth[-1]) + 1) >= 1 << 62:
        places = dense_rank(np.concatenate([start, end]))
        start, end, low, high = places[: len(start)], places[len(start) :], 0, len(places)
    shift = nth * (high - low + 1) - low
    return FlatIntervals(start + shift, end + shift)


def _components(line: FlatIntervals) -> Ints:
    """Where each connected component begins: where no earlier row reaches."""
    new = np.ones(len(line.start), bool)
    np.greater_equal(line.start[1:], np.maximum.accumulate(line.end)[:-1], out=new[1:])
    return np.flatnonzero(new)


def _count_true(true: Mask, begins: Ints, ends: Ints) -> Ints:
    """The number of true values from each begin up to its end."""
    sums: Ints = np.concatenate([[0], np.cumsum(true)])
    counted: Ints = sums[ends] - sums[begins]
    return counted


def _as_pairs(one: Ints, other: Ints, n_gold: int) -> Pairs:
    """Rows that answer each other, one of each side, as pairs."""
    return Pairs(np.minimum(one, other), np.maximum(one, other) - n_gold)


def _members(component: Ints, wanted: Mask) -> list[Ints]:
    """The places of the rows of each wanted component."""
    places = np.flatnonzero(wanted[component])
    return (
        np.split(places, np.flatnonzero(group_starts(component[places]))[1:]) if len(places) else []
    )


def _pair_single_sided(
    line: FlatIntervals, order: Ints, component: Ints, alone: Mask, n_gold: int, rank: Ints
) -> Pairs:
    """The pair of each component in which one side has one row: that with the first row by (end,
    start, label) that overlaps it.

    It is the pair that the sweep would make; most components that are more than a pair are of this
    kind.
    """
    places = np.flatnonzero(alone[component])
    if not len(places):
        return NO_PAIRS
    nth, rows = component[places], order[places]
    start, end, is_gold = line.start[places], line.end[places], rows < n_gold
    begins = np.flatnonzero(group_starts(nth))
    sizes = np.diff(np.append(begins, len(nth)))
    of = np.repeat(np.arange(len(begins)), sizes)
    single = is_gold == (np.add.reduceat(is_gold.astype(np.int64), begins) == 1)[of]
    # Where both sides have one row the component is a pair and not here, but a side of one may face
    # one of many golds: the first single is it.
    center = np.flatnonzero(single)
    overlapping = (start < end[center][of]) & (end > start[center][of]) & ~single
    among = np.flatnonzero(overlapping)
    best = among[np.lexsort((rank[rows[among]], start[among], end[among], of[among]))]
    first = best[group_starts(of[best])]
    one, other = rows[center[of[first]]], rows[first]
    return _as_pairs(one, other, n_gold)


def _sweep(line: FlatIntervals, order: Ints, chosen: Mask, n_gold: int, rank: Ints) -> Pairs:
    """The largest matching of contiguous rows; see the head of the module for why it is one."""
    rows = order[chosen]
    if not len(rows):
        return NO_PAIRS
    start, end = line.start[chosen], line.end[chosen]
    by_end = np.lexsort((rows, rank[rows], start, end))
    starts, ends, names = start[by_end].tolist(), end[by_end].tolist(), rows[by_end]
    sides = (names >= n_gold).astype(np.int64).tolist()
    by_start = [
        [n for n in np.argsort(start[by_end], kind="stable").tolist() if sides[n] == side]
        for side in (0, 1)
    ]
    entered, waiting, taken = (
        [0, 0],
        ([], []),
        [False] * len(rows),
    )  # type: tuple[list[int], tuple[list[int], list[int]], list[bool]]
    found: tuple[list[int], list[int]] = ([], [])
    for n, (here, last) in enumerate(zip(sides, ends)):
        if taken[n]:
            continue
        there = 1 - here
        arriving, heap, at = by_start[there], waiting[there], entered[there]
        while at < len(arriving) and starts[arriving[at]] < last:
            heappush(heap, arriving[at])
            at += 1
        entered[there] = at
        while heap and (heap[0] < n or taken[heap[0]]):
            heappop(heap)
        if heap:
            other = heappop(heap)
            taken[n] = taken[other] = True
            found[here].append(n)
            found[there].append(other)
    return Pairs(names[found[0]], names[found[1]] - n_gold)


class ComponentItem(NamedTuple):
    """A row of a component: its ranges, those of its parts if it has any, its label's place by
    name, and the row.
    """

    pieces: Fragments
    parts: Parts
    rank: int
    row: int

    def place(self) -> tuple[Fragments, str, int]:
        """Where it stands in an order that depends on nothing but itself."""
        return self.pieces, repr(self.parts), self.rank


def _hopcroft_karp(
    gold: list[ComponentItem], predicted: list[ComponentItem]
) -> tuple[list[int], list[int]]:
    """The rows that answer each other, each side in order; see `Matching._broken`."""
    if [item.place() for item in gold] == [
        item.place() for item in predicted
    ]:  # each is answered by its equal
        return [item.row for item in gold], [item.row for item in predicted]
    # The side that sorts first is searched from, so that the pairs stay the same when the sides
    # change places.
    if [item.place() for item in predicted] < [item.place() for item in gold]:
        return _hopcroft_karp(predicted, gold)[::-1]
    edges = _edges(gold, predicted)
    if not len(edges):
        return [], []
    if min(len(gold), len(predicted)) == 1:
        return [gold[edges[0, 0]].row], [predicted[edges[0, 1]].row]
    # Imported where it is needed: most corpora have no discontinuous spans.
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    graph = csr_array(
        (np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])),
        shape=(len(gold), len(predicted)),
    )
    answer = [
        (n, m)
        for n, m in enumerate(maximum_bipartite_matching(graph, perm_type="column"))
        if m >= 0
    ]
    return [gold[n].row for n, _ in answer], [predicted[m].row for _, m in answer]


def _edges(one: Sequence[ComponentItem], other: Sequence[ComponentItem]) -> Ints:
    """The pairs of spans that share a character (in every part, where they have parts), as places
    in one and other.
    """
    (n, start, end), (m, first, last) = (
        (np.array(column, np.int64) for column in zip(*_flat(side))) for side in (one, other)
    )
    by_start = np.argsort(first, kind="stable")
    m, first, last = m[by_start], first[by_start], last[by_start]
    low = np.searchsorted(np.maximum.accumulate(last), start, side="right")
    many = np.maximum(np.searchsorted(first, end, side="left") - low, 0)
    if many.sum() > MAX_OVERLAPS:
        raise InputError(
            f"{many.sum():,} overlaps with discontinuous spans in one document: over"
            f" {MAX_OVERLAPS:,} they are not matched; score strict or exact"
        )
    of = np.repeat(np.arange(len(n)), many)
    to = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many) + low[of]
    true = last[to] > start[of]
    found = np.unique(np.stack([n[of[true]], m[to[true]]], axis=1), axis=0)
    if not one[0].parts:
        return found
    kept = [
        pair for pair in found.tolist() if _in_every_part(one[pair[0]].parts, other[pair[1]].parts)
    ]
    return np.array(kept, np.int64).reshape(-1, 2)


def _flat(spans: Sequence[ComponentItem]) -> list[tuple[int, int, int]]:
    return [(n, start, end) for n, span in enumerate(spans) for start, end in span.pieces]


def _in_every_part(one: Parts, other: Parts) -> bool:
    """Whether all parts share a character; a part that is missing answers only a missing one."""
    return all(
        (
            a is b
            if a is None or b is None
            else any(start < last and first < end for start, end in a for first, last in b)
        )
        for a, b in zip(one, other)
    )
