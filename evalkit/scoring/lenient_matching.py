"""Pairs gold items that have several acceptable forms with predicted items; `lenient_gold` says
which of all pairings is chosen.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from evalkit.data.batch import Vocabulary
from evalkit.data.document import Fragments
from evalkit.errors import InputError
from evalkit.scoring.assignment import Edge, Indices, pair_component, split_components
from evalkit.scoring.columns import Ints, Mask
from evalkit.scoring.overlap_threshold import PREFIX, OverlapThreshold

MAX_OVERLAPS = 20_000_000  # between the items of a block: more would take minutes
MAX_KEYED_EDGES = 400  # pairs that compete, among which keys decide between equally good pairings
LARGEST_WEIGHT = 1 << 53  # of whole numbers that doubles hold exactly
FULL, HALF = 2, 1  # credits, doubled


class ItemForm(NamedTuple):
    """A label and the ranges of a span, in offsets of the block."""

    label: str
    pieces: Fragments


class LenientItem(NamedTuple):
    """A gold item: the forms that are right, its own first."""

    forms: tuple[ItemForm, ...]
    is_optional: bool


class ChosenPair(NamedTuple):
    """The positions of a gold and a predicted item that are paired.

    is_full: whether the credit is 1. by_alternative: whether the credit would be less without
    alternatives.
    """

    gold: int
    predicted: int
    is_full: bool
    by_alternative: bool


class Relations(NamedTuple):
    """The forms of gold items and the predicted items that share a character, one pair a row.

    gold, predicted: positions of the items. is_own: whether the form is that of the item itself.
    same_span, same_label: of the form. shared, length, other_length: characters in common, of the
    form and of the predicted item. distance: |difference of starts| + |difference of ends|.
    """

    gold: Ints
    predicted: Ints
    is_own: Mask
    same_span: Mask
    same_label: Mask
    shared: Ints
    length: Ints
    other_length: Ints
    distance: Ints

    def credit_under(self, scheme: str) -> Ints:
        """The doubled credit of each row under a scheme."""
        if scheme == "partial":
            return np.where(self.same_span, FULL, HALF)
        if scheme == "exact":
            is_allowed = self.same_span
        elif scheme == "strict":
            is_allowed = self.same_span & self.same_label
        elif scheme == "type":
            is_allowed = self.same_label
        elif scheme.startswith(PREFIX):
            threshold = OverlapThreshold.parse(scheme)
            reached = threshold.is_reached(self.shared, self.length, self.other_length)
            is_allowed = self.same_label & reached
        else:
            raise ValueError(scheme)
        return np.where(is_allowed, FULL, 0)


def find_relations(gold: Sequence[LenientItem], predicted: Sequence[ItemForm]) -> Relations:
    """All forms of gold items and predicted items that share a character.

    Raises InputError if there are too many.
    """
    forms = list(chain.from_iterable(item.forms for item in gold))
    owner = np.repeat(np.arange(len(gold)), [len(item.forms) for item in gold])
    is_own = np.array([n == 0 for item in gold for n in range(len(item.forms))], bool)
    start, end = _find_ends(forms)
    other_start, other_end = _find_ends(predicted)
    by_start = np.argsort(other_start, kind="stable")
    low = np.searchsorted(np.maximum.accumulate(other_end[by_start]), start, side="right")
    high = np.searchsorted(other_start[by_start], end, side="left")
    counts = np.maximum(high - low, 0)
    total = int(counts.sum())
    if total > MAX_OVERLAPS:
        raise InputError(
            f"{total:,} overlaps with gold items that have alternatives or are optional: more than"
            f" {MAX_OVERLAPS:,} cannot be matched; score plain gold"
        )
    form = np.repeat(np.arange(len(forms)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    other = by_start[np.arange(total) - first + low[form]]
    shared = np.minimum(end[form], other_end[other]) - np.maximum(start[form], other_start[other])
    same_span = (start[form] == other_start[other]) & (end[form] == other_end[other])
    distance = np.abs(start[form] - other_start[other]) + np.abs(end[form] - other_end[other])
    length, other_length = end - start, other_end - other_start
    is_broken = np.array([len(each.pieces) > 1 for each in forms], bool)
    is_other_broken = np.array([len(each.pieces) > 1 for each in predicted], bool)
    for n in np.flatnonzero(is_broken).tolist():
        length[n] = sum(b - a for a, b in forms[n].pieces)
    for n in np.flatnonzero(is_other_broken).tolist():
        other_length[n] = sum(b - a for a, b in predicted[n].pieces)
    for row in np.flatnonzero(is_broken[form] | is_other_broken[other]).tolist():
        one, two = forms[form[row]].pieces, predicted[other[row]].pieces
        shared[row] = _count_shared(one, two)
        same_span[row] = one == two
    codes = Vocabulary()
    label = np.array([codes[each.label] for each in forms], np.int64)
    other_label = np.array([codes[each.label] for each in predicted], np.int64)
    rows = np.flatnonzero(shared > 0)
    form, other = form[rows], other[rows]
    return Relations(
        owner[form],
        other,
        is_own[form],
        same_span[rows],
        label[form] == other_label[other],
        shared[rows],
        length[form],
        other_length[other],
        distance[rows],
    )


def _find_ends(forms: Sequence[ItemForm]) -> tuple[Ints, Ints]:
    """Where each form starts and ends."""
    start = np.array([each.pieces[0][0] for each in forms], np.int64)
    end = np.array([each.pieces[-1][1] for each in forms], np.int64)
    return start, end


def _count_shared(one: Fragments, other: Fragments) -> int:
    """The number of characters that two spans have in common."""
    return sum(
        max(min(end, other_end) - max(start, other_start), 0)
        for start, end in one
        for other_start, other_end in other
    )


def pair_items(
    gold: Sequence[LenientItem],
    predicted: Sequence[ItemForm],
    is_inside: Mask,
    relations: Relations,
    scheme: str,
) -> list[ChosenPair]:
    """The best pairs under a scheme. is_inside: which predicted items lie in ignore regions."""
    credits: dict[Indices, int] = {}
    own_credits: dict[Indices, int] = {}
    credit = relations.credit_under(scheme)
    rows = np.flatnonzero(credit)
    columns = (relations.gold, relations.predicted, credit, relations.is_own)
    for g, p, value, is_own in zip(*(column[rows].tolist() for column in columns)):
        credits[g, p] = max(value, credits.get((g, p), 0))
        if is_own:
            own_credits[g, p] = value
    edges = {
        pair: Edge(
            _weigh(
                value, is_optional=gold[pair[0]].is_optional, is_inside=bool(is_inside[pair[1]])
            ),
            _sort_key(gold[pair[0]], predicted[pair[1]]),
        )
        for pair, value in credits.items()
    }
    return [
        ChosenPair(g, p, credits[g, p] == FULL, own_credits.get((g, p), 0) < credits[g, p])
        for g, p in sorted(choose_best(edges))
    ]


def _weigh(credit: int, *, is_optional: bool, is_inside: bool) -> tuple[int, int, int, int]:
    """What a pair adds to each number that the best pairing has most of, in order: the credit of
    required items, optional items, predictions that are not counted, and pairs of full credit.
    """
    if is_optional:
        return 0, 1, int(not is_inside), 0  # an unmatched prediction inside is not counted either
    return credit, 0, -int(is_inside), int(credit == FULL)


def _sort_key(gold: LenientItem, predicted: ItemForm) -> tuple[object, ...]:
    """A key of a pair that does not depend on the order of the input."""
    own = gold.forms[0]
    return own.pieces, own.label, predicted.pieces, predicted.label, gold.is_optional, gold.forms


def match_remaining(
    gold: Sequence[LenientItem],
    predicted: Sequence[ItemForm],
    relations: Relations,
    free_gold: Sequence[int],
    free_predicted: Sequence[int],
) -> list[Indices]:
    """MUC's incorrect pairs of what is free: the most pairs of equal spans, then the most pairs
    that overlap.
    """
    is_free_gold, is_free = np.zeros(len(gold), bool), np.zeros(len(predicted), bool)
    is_free_gold[list(free_gold)] = True
    is_free[list(free_predicted)] = True
    rows = np.flatnonzero(is_free_gold[relations.gold] & is_free[relations.predicted])
    same_span: dict[Indices, bool] = {}
    columns = (relations.gold, relations.predicted, relations.same_span)
    for g, p, is_equal in zip(*(column[rows].tolist() for column in columns)):
        same_span[g, p] = is_equal or same_span.get((g, p), False)
    edges = {
        (g, p): Edge((int(is_equal), 1), _sort_key(gold[g], predicted[p]))
        for (g, p), is_equal in same_span.items()
    }
    return sorted(choose_best(edges))


def choose_best(
    edges: Mapping[Indices, Edge],
    *,
    exact_numbers: int | None = None,
    approximate: set[Indices] | None = None,
) -> list[Indices]:
    """The pairs whose sum of vectors is lexicographically greatest. Of several such pairings, that
    with the least keys is chosen where at most MAX_KEYED_EDGES pairs compete.

    exact_numbers: how many numbers of the vectors decide where more pairs compete; None for all.
    approximate: gets the chosen ones of these.
    """
    # Most pairs compete with no other.
    of_gold, of_predicted = Counter(g for g, _ in edges), Counter(p for _, p in edges)
    pairs = [(g, p) for g, p in edges if of_gold[g] == of_predicted[p] == 1]
    others = {
        (g, p): edge for (g, p), edge in edges.items() if of_gold[g] > 1 or of_predicted[p] > 1
    }
    for component in split_components(others):
        if len(component) <= MAX_KEYED_EDGES:
            pairs += pair_component(component)
            continue
        chosen = _pair_large_component(component, exact_numbers)
        pairs += chosen
        if approximate is not None:
            approximate.update(chosen)
    return pairs


def _pair_large_component(
    edges: Mapping[Indices, Edge], exact_numbers: int | None
) -> list[Indices]:
    """The best pairs of a component, by scipy's assignment over sparse weights (LAPJVsp; Jonker and
    Volgenant 1987). Items are in the order of their keys, so that the order of the input does not
    matter.

    Raises InputError for one that is too large for exact weights.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    ordered = sorted(edges, key=lambda pair: edges[pair].key)
    rows = {g: n for n, g in enumerate(dict.fromkeys(g for g, _ in ordered))}
    columns = {p: n for n, p in enumerate(dict.fromkeys(p for _, p in ordered))}
    most_pairs = min(len(rows), len(columns))
    weights = _pack_vectors([edges[pair].vector[:exact_numbers] for pair in ordered], most_pairs)
    largest = max(weights)
    if largest * (most_pairs + 1) >= LARGEST_WEIGHT:
        raise InputError(
            f"{len(rows):,} gold items that have alternatives or are optional overlap each other's"
            " predictions in one document: too many to be matched; score plain gold"
        )
    # Every row may also take a column of its own, which is worth nothing.
    n, own = len(rows), np.arange(len(rows))
    graph = csr_array(
        (
            np.concatenate([largest + 1.0 - np.array(weights, float), np.full(n, largest + 1.0)]),
            (
                np.concatenate([[rows[g] for g, _ in ordered], own]),
                np.concatenate([[columns[p] for _, p in ordered], len(columns) + own]),
            ),
        ),
        shape=(n, len(columns) + n),
    )
    gold, predicted = list(rows), list(columns)
    return [
        (gold[row], predicted[column])
        for row, column in zip(*min_weight_full_bipartite_matching(graph))
        if column < len(columns)
    ]


def _pack_vectors(vectors: Sequence[tuple[int, ...]], most_pairs: int) -> list[int]:
    """The vectors as numbers whose sums over at most so many pairs are in the order of the vectors'
    sums.
    """
    weights = [0] * len(vectors)
    seen: set[tuple[int, ...]] = set()
    for column in zip(*vectors):
        low, high = min(0, *column), max(0, *column)
        divisor = math.gcd(*column) or 1
        scaled = tuple(value // divisor for value in column)
        if scaled in seen:  # decided by an earlier number
            continue
        seen.add(scaled)
        base = 1 + most_pairs * (high - low) // divisor
        weights = [weight * base + value for weight, value in zip(weights, scaled)]
    return weights
