"""Pairs the gold and predicted items of a block, also those that are not equal.

An item of gold and an item of the predictions, in one group, may be paired as

    correct          same span, same label
    label            same span, different label
    boundary         the spans overlap and differ, same label
    label+boundary   the spans overlap and differ, different label

The pairing is the one-to-one set of pairs whose vector (number of correct, label, boundary and
label+boundary pairs, shared characters, minus the sum of |difference of starts| + |difference of
ends|) is lexicographically greatest. If several sets have the same vector, it is the one whose
sorted list of unordered pairs {(start, end, fragments, label), (start, end, fragments, label)} is
least. Hence the pairing depends neither on the order of the items nor on which side is gold. The
order of the kinds is that of Ortmann (2022), made optimal instead of greedy.

Correct pairs, and pairs at spans that have as many gold as predicted items left, are fixed first:
the vector cannot be greatest without them. The rest falls into connected components of overlaps. A
component in which one side has a single item takes its best pair; others of up to 32 items are
solved exactly (`scoring.assignment`). In larger components the numbers of pairs of each kind are
exact too (`large_components`), but which of several equally good pairs is shown is decided by the
order of the text: these pairs are `approximate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.analysis.large_components import (
    OpenItem,
    can_sweep,
    pair_large_component,
    sweep_component,
)
from evalkit.analysis.overlaps import (
    ItemRanges,
    Overlaps,
    find_overlaps,
    group_shifts,
    item_ranges,
)
from evalkit.data.document import Fragments
from evalkit.scoring.assignment import Edge, choose_pairs
from evalkit.scoring.columns import (
    Ints,
    ItemArrays,
    Mask,
    combine_keys,
    dense_rank,
    fragment_ranges,
    group_starts,
)
from evalkit.scoring.matching import Matching, Pairs, pair_in_label_order, unmatched_rows

# How two items are paired, best first.
PAIR_KINDS = ("correct", "label", "boundary", "label+boundary")
CORRECT, LABEL, BOUNDARY, LABEL_BOUNDARY = range(4)
MAX_EXACT_ITEMS = 32  # of a component, up to which the shown pairs are exact


@dataclass(frozen=True)
class SpanPairing:
    """The pairs of a block: rows of gold and of predictions, and the kind of each (an index of
    PAIR_KINDS).

    shared: characters that both items have. is_approximate: whether other pairs are equally good,
    or more alike, which was not searched.
    """

    gold: Ints
    predicted: Ints
    kind: Ints
    shared: Ints
    is_approximate: Mask


@dataclass(frozen=True)
class _Candidates:
    """Possible pairs of items that are not fixed yet; equally long arrays.

    distance: |difference of starts| + |difference of ends|. gold_key, predicted_key: the place of
    the item among all items by (start, end, fragments, label).
    """

    gold: Ints
    predicted: Ints
    kind: Ints
    shared: Ints
    distance: Ints
    gold_key: Ints
    predicted_key: Ints

    def __len__(self) -> int:
        return len(self.gold)

    def take(self, rows: Ints | Mask) -> _Candidates:
        """Some of the possible pairs."""
        return _Candidates(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


class BlockSpans:
    """The items of both sides of a block, to find overlaps between any of them."""

    def __init__(
        self, gold: ItemArrays, predicted: ItemArrays, rank: Ints, pieces: Sequence[Fragments]
    ) -> None:
        """rank: the position of the name of each label in the sorted names. pieces: the fragments
        of each code of a discontinuous span.
        """
        self.gold, self.predicted, self.rank, self.pieces = gold, predicted, rank, pieces
        self._shifts = group_shifts(gold, predicted)

    def ranges(self, items: ItemArrays, rows: Ints) -> ItemRanges:
        """The ranges of some rows of a side."""
        return item_ranges(items, rows, self.pieces, self._shifts)

    def overlaps(self, gold_rows: Ints, predicted_rows: Ints) -> Overlaps:
        """The overlaps between some rows of gold and some rows of the predictions."""
        if not len(gold_rows) or not len(predicted_rows):
            empty = np.zeros(0, np.int64)
            return Overlaps(empty, empty, empty)
        return find_overlaps(
            self.ranges(self.gold, gold_rows), self.ranges(self.predicted, predicted_rows)
        )

    def lengths(self, items: ItemArrays) -> Ints:
        """The number of characters of each row of a side."""
        row, start, end = fragment_ranges(items, self.pieces)
        if not items.fragments.any():
            return end - start
        return np.bincount(row, end - start, minlength=len(items)).astype(np.int64)

    def keys(self) -> tuple[Ints, Ints]:
        """The place of each row of gold, and of the predictions, among all rows by (start, end,
        fragments, label); equal for equal items.
        """
        n_gold = len(self.gold)
        start, end, fragments, label = (
            np.concatenate([getattr(self.gold, name), getattr(self.predicted, name)])
            for name in ("start", "end", "fragments", "label")
        )
        order_of_fragments = sorted(range(len(self.pieces)), key=self.pieces.__getitem__)
        fragment_rank = np.zeros(len(self.pieces), np.int64)
        fragment_rank[order_of_fragments] = np.arange(len(self.pieces))
        key = combine_keys(start, end - start, fragment_rank[fragments], self.rank[label]).key
        places = dense_rank(key)
        return places[:n_gold], places[n_gold:]


def pair_items(
    gold: ItemArrays, predicted: ItemArrays, rank: Ints, pieces: Sequence[Fragments]
) -> SpanPairing:
    """The pairing of two sides of a block; see `BlockSpans` for rank and pieces."""
    spans = BlockSpans(gold, predicted, rank, pieces)
    matching = Matching(gold, predicted, rank, pieces, ())
    correct = matching.pairs_under("strict", wrong=False).correct
    free_gold = unmatched_rows(len(gold), correct.gold)
    free_predicted = unmatched_rows(len(predicted), correct.predicted)
    fixed = _pair_full_spans(spans, free_gold, free_predicted)
    taken = correct.concat(fixed)
    free_gold = unmatched_rows(len(gold), taken.gold)
    free_predicted = unmatched_rows(len(predicted), taken.predicted)
    candidates = _find_candidates(spans, free_gold, free_predicted)
    chosen, is_approximate = _choose(spans, candidates)
    lengths = spans.lengths(gold)
    kinds = np.repeat(np.array([CORRECT, LABEL], np.int64), [len(correct.gold), len(fixed.gold)])
    return SpanPairing(
        np.concatenate([taken.gold, chosen.gold]),
        np.concatenate([taken.predicted, chosen.predicted]),
        np.concatenate([kinds, chosen.kind]),
        np.concatenate([lengths[taken.gold], chosen.shared]),
        np.concatenate([np.zeros(len(taken.gold), bool), is_approximate]),
    )


def _pair_full_spans(spans: BlockSpans, gold_rows: Ints, predicted_rows: Ints) -> Pairs:
    """The pairs at spans that have as many gold as predicted rows, in the order of the labels'
    names.
    """
    gold, predicted = spans.gold.take(gold_rows), spans.predicted.take(predicted_rows)
    n_gold = len(gold)
    head, start, end, fragments = (
        np.concatenate([getattr(gold, name), getattr(predicted, name)])
        for name in ("head", "start", "end", "fragments")
    )
    span = dense_rank(combine_keys(head, start, end - start, fragments).key)
    n_spans = int(span.max(initial=-1)) + 1
    gold_counts = np.bincount(span[:n_gold], minlength=n_spans)
    predicted_counts = np.bincount(span[n_gold:], minlength=n_spans)
    is_full = gold_counts == predicted_counts
    gold_kept = np.flatnonzero(is_full[span[:n_gold]])
    predicted_kept = np.flatnonzero(is_full[span[n_gold:]])
    pairs = pair_in_label_order(gold.take(gold_kept), predicted.take(predicted_kept), spans.rank)
    return Pairs(gold_rows[gold_kept[pairs.gold]], predicted_rows[predicted_kept[pairs.predicted]])


def _find_candidates(spans: BlockSpans, gold_rows: Ints, predicted_rows: Ints) -> _Candidates:
    gold_row, predicted_row, shared = spans.overlaps(gold_rows, predicted_rows)
    gold, predicted = spans.gold, spans.predicted
    start_moved = np.abs(gold.start[gold_row] - predicted.start[predicted_row])
    end_moved = np.abs(gold.end[gold_row] - predicted.end[predicted_row])
    distance = start_moved + end_moved
    same_span = (distance == 0) & (gold.fragments[gold_row] == predicted.fragments[predicted_row])
    same_label = gold.label[gold_row] == predicted.label[predicted_row]
    kind = np.where(same_label, BOUNDARY, LABEL_BOUNDARY)
    kind[same_span] = LABEL
    gold_key, predicted_key = spans.keys()
    return _Candidates(
        gold_row,
        predicted_row,
        kind,
        shared,
        distance,
        gold_key[gold_row],
        predicted_key[predicted_row],
    )


def _choose(spans: BlockSpans, candidates: _Candidates) -> tuple[_Candidates, Mask]:
    """The best one-to-one set of candidates, and which of these are approximate."""
    if not len(candidates):
        return candidates, np.zeros(0, bool)
    component, gold_counts, predicted_counts = _components(candidates)
    has_single = (gold_counts == 1) | (predicted_counts == 1)
    is_small = gold_counts + predicted_counts <= MAX_EXACT_ITEMS
    rows = [_best_of_each(candidates, component, has_single)]
    small = np.flatnonzero((is_small & ~has_single)[component])
    if len(small):
        rows.append(_choose_exactly(candidates, small))
    exact = np.concatenate(rows)
    large = np.flatnonzero(~(is_small | has_single)[component])
    approximate = []
    if len(large):
        by_component = large[np.argsort(component[large], kind="stable")]
        borders = np.flatnonzero(group_starts(component[by_component]))[1:]
        for members in np.split(by_component, borders):
            approximate.append(members[_choose_in_large(spans, candidates.take(members))])
    chosen = np.concatenate([exact, *approximate]).astype(np.int64)
    is_approximate = np.arange(len(chosen)) >= len(exact)
    return candidates.take(chosen), is_approximate


def _components(candidates: _Candidates) -> tuple[Ints, Ints, Ints]:
    """The component of each candidate, and for each component the number of its gold and of its
    predicted items.
    """
    gold, predicted = dense_rank(candidates.gold), dense_rank(candidates.predicted)
    n_gold, n_predicted = int(gold.max()) + 1, int(predicted.max()) + 1
    # Imported here: a perfect prediction needs no graph, and scipy takes long to load.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = n_gold + n_predicted
    graph = coo_array((np.ones(len(gold), np.int8), (gold, n_gold + predicted)), shape=(n, n))
    count, component_of = connected_components(graph.tocsr(), directed=False)
    gold_counts = np.bincount(component_of[:n_gold], minlength=count)
    predicted_counts = np.bincount(component_of[n_gold:], minlength=count)
    return component_of[gold].astype(np.int64), gold_counts, predicted_counts


def _best_of_each(candidates: _Candidates, component: Ints, has_single: Mask) -> Ints:
    """The best candidate of each component in which one side has a single item."""
    rows = np.flatnonzero(has_single[component])
    low = np.minimum(candidates.gold_key[rows], candidates.predicted_key[rows])
    high = np.maximum(candidates.gold_key[rows], candidates.predicted_key[rows])
    order = np.lexsort(
        (
            high,
            low,
            candidates.distance[rows],
            -candidates.shared[rows],
            candidates.kind[rows],
            component[rows],
        )
    )
    ordered = rows[order]
    first: Ints = ordered[group_starts(component[ordered])]
    return first


def _choose_exactly(candidates: _Candidates, rows: Ints) -> Ints:
    edges = {}
    row_of = {}
    selected = candidates.take(rows)
    columns = [getattr(selected, name).tolist() for name in selected.__dataclass_fields__]
    for row, gold, predicted, kind, shared, distance, gold_key, predicted_key in zip(
        rows.tolist(), *columns, strict=True
    ):
        vector = [0, 0, 0, shared, -distance]
        vector[kind - LABEL] = 1
        key = (min(gold_key, predicted_key), max(gold_key, predicted_key))
        edges[gold, predicted] = Edge(tuple(vector), key)
        row_of[gold, predicted] = row
    return np.array([row_of[pair] for pair in choose_pairs(edges)], np.int64)


def _choose_in_large(spans: BlockSpans, candidates: _Candidates) -> Ints:
    """The best candidates of a large component, in an order that depends on neither the order of
    the items nor the side.
    """
    chosen = _sweep(spans, candidates)
    if chosen is not None:
        return chosen
    gold_items, gold = _number_by_key(candidates.gold, candidates.gold_key)
    predicted_items, predicted = _number_by_key(candidates.predicted, candidates.predicted_key)
    arguments = (candidates.kind, candidates.shared)
    if predicted_items < gold_items:
        return pair_large_component(predicted, gold, *arguments)
    return pair_large_component(gold, predicted, *arguments)


def _sweep(spans: BlockSpans, candidates: _Candidates) -> Ints | None:
    """The best candidates by a sweep; None where that is not possible."""
    gold_rows, predicted_rows = np.unique(candidates.gold), np.unique(candidates.predicted)
    gold, predicted = spans.gold.take(gold_rows), spans.predicted.take(predicted_rows)
    if gold.fragments.any() or predicted.fragments.any():
        return None
    keys = np.concatenate(
        [
            _keys_of(candidates.gold, candidates.gold_key),
            _keys_of(candidates.predicted, candidates.predicted_key),
        ]
    )
    starts = np.concatenate([gold.start, predicted.start])
    ends = np.concatenate([gold.end, predicted.end])
    order = np.argsort(keys, kind="stable")
    if not can_sweep(starts[order], ends[order]):
        return None
    number = np.zeros(len(keys), np.int64)
    number[order] = np.arange(len(keys))
    is_gold = (order < len(gold)).tolist()
    items = list(map(OpenItem, starts[order].tolist(), ends[order].tolist(), is_gold))
    one = number[np.searchsorted(gold_rows, candidates.gold)]
    other = number[len(gold) + np.searchsorted(predicted_rows, candidates.predicted)]
    pairs = list(zip(np.minimum(one, other).tolist(), np.maximum(one, other).tolist()))
    index_of = {pair: index for index, pair in enumerate(pairs)}
    base = min(len(gold), len(predicted)) + 1
    characters, moved = (
        int(values.sum()) + 1 for values in (candidates.shared, candidates.distance)
    )
    ranks = [0, base * base, base, 1]
    weights = {
        pair: (ranks[kind] * characters + shared) * moved - distance
        for pair, kind, shared, distance in zip(
            pairs,
            candidates.kind.tolist(),
            candidates.shared.tolist(),
            candidates.distance.tolist(),
        )
    }
    chosen = sweep_component(items, weights)
    if chosen is None:
        return None
    return np.array(sorted(index_of[pair] for pair in chosen), np.int64)


def _keys_of(row_of_candidate: Ints, key_of_candidate: Ints) -> Ints:
    """The key of each of the sorted rows, all of which have a candidate."""
    _, index = np.unique(row_of_candidate, return_index=True)
    return key_of_candidate[index]


def _number_by_key(items: Ints, keys: Ints) -> tuple[list[int], Ints]:
    """The sorted keys of the items, and for each candidate the number of its item in that order."""
    rows, index = np.unique(items, return_index=True)
    item_keys = keys[index]
    order = np.argsort(item_keys, kind="stable")
    number = np.zeros(len(rows), np.int64)
    number[order] = np.arange(len(rows))
    return item_keys[order].tolist(), number[np.searchsorted(rows, items)]
