"""The kinds of error of entities whose gold has alternatives, optional items or ignore regions.

A required gold item is compared by the form (the item itself, or one of its alternatives) that fits
a prediction best: by kind of pair, then by the distance of both ends, then by shared characters; of
several, too short comes before too long, and that before shifted.
All else is as in `error_kinds` and `span_pairing`: the pairing has the greatest vector (number of
correct, label, boundary and label+boundary pairs, shared characters, minus the distances). Correct
pairs are those of strict, also where a prediction equals an alternative.

Optional items and the predictions that match them, and predictions that are set aside in ignore
regions, are no items here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from evalkit.analysis.error_items import ItemOutcome
from evalkit.analysis.error_kinds import (
    DETAILS,
    MERGED,
    NESTED,
    NO_DETAIL,
    SHIFTED,
    SPLIT,
    TOO_LONG,
    TOO_SHORT,
)
from evalkit.analysis.span_pairing import BOUNDARY, CORRECT, LABEL, LABEL_BOUNDARY, PAIR_KINDS
from evalkit.scoring.assignment import Edge, Indices
from evalkit.scoring.lenient_gold import ReducedBlock
from evalkit.scoring.lenient_matching import (
    ItemForm,
    LenientItem,
    choose_best,
    find_relations,
)


class _Comparison(NamedTuple):
    """How a prediction differs from the form of a gold item that fits it best; the least is best.

    distance: |difference of starts| + |difference of ends|. detail: that of the boundary.
    """

    kind: int
    distance: int
    negative_shared: int
    detail: int


@dataclass(frozen=True)
class _Pairing:
    """The pairs that are not correct, and what their items are paired as. approximate: pairs that
    are shown without a full search.
    """

    pairs: Sequence[Indices]
    kind_of_gold: Mapping[int, int]
    kind_of_predicted: Mapping[int, int]
    approximate: frozenset[Indices]


def find_lenient_outcomes(reduced: ReducedBlock) -> list[ItemOutcome]:
    """The outcomes of all items of a block, which is reduced under strict."""
    correct = list(
        zip(reduced.matches.correct.gold.tolist(), reduced.matches.correct.predicted.tolist())
    )
    comparisons = _compare_items(reduced.gold, reduced.predicted)
    pairing = _pair_rest(reduced.gold, reduced.predicted, comparisons, correct)
    outcomes = [ItemOutcome(g, p, PAIR_KINDS[CORRECT], "") for g, p in correct]
    for g, p in pairing.pairs:
        comparison = comparisons[g, p]
        outcomes.append(
            ItemOutcome(
                g,
                p,
                PAIR_KINDS[comparison.kind],
                DETAILS[comparison.detail],
                (g, p) in pairing.approximate,
            )
        )
    outcomes += _find_unpaired(reduced, comparisons, pairing)
    return outcomes


def _compare_items(
    gold: Sequence[LenientItem], predicted: Sequence[ItemForm]
) -> dict[Indices, _Comparison]:
    """The comparison of each gold and predicted item that overlap in any form."""
    relations = find_relations(gold, predicted)
    comparisons: dict[Indices, _Comparison] = {}
    columns = (
        relations.gold,
        relations.predicted,
        relations.same_span,
        relations.same_label,
        relations.shared,
        relations.length,
        relations.other_length,
        relations.distance,
    )
    for g, p, same_span, same_label, shared, length, other_length, distance in zip(
        *(column.tolist() for column in columns)
    ):
        if same_span:
            kind, detail = (CORRECT if same_label else LABEL), NO_DETAIL
        else:
            kind = BOUNDARY if same_label else LABEL_BOUNDARY
            detail = _detail_of_boundary(shared, length, other_length)
        comparison = _Comparison(kind, distance, -shared, detail)
        comparisons[g, p] = min(comparison, comparisons.get((g, p), comparison))
    return comparisons


def _detail_of_boundary(shared: int, length: int, other_length: int) -> int:
    """How a prediction that shares characters with a form differs from it."""
    if shared == other_length:
        return TOO_SHORT
    return TOO_LONG if shared == length else SHIFTED


def _pair_rest(
    gold: Sequence[LenientItem],
    predicted: Sequence[ItemForm],
    comparisons: Mapping[Indices, _Comparison],
    correct: Iterable[Indices],
) -> _Pairing:
    """The best pairs of the items that are in no correct pair."""
    taken_gold, taken_predicted = set(), set()
    kind_of_gold: dict[int, int] = {}
    kind_of_predicted: dict[int, int] = {}
    for g, p in correct:
        taken_gold.add(g)
        taken_predicted.add(p)
        kind_of_gold[g] = kind_of_predicted[p] = CORRECT
    edges = {}
    for (g, p), comparison in comparisons.items():
        if g not in taken_gold and p not in taken_predicted:
            vector = [0, 0, 0, -comparison.negative_shared, -comparison.distance]
            vector[max(comparison.kind, LABEL) - LABEL] = 1
            key = tuple(sorted((sort_key(gold[g].forms[0]), sort_key(predicted[p]))))
            edges[g, p] = Edge(tuple(vector), key)
    approximate: set[Indices] = set()
    pairs = sorted(choose_best(edges, exact_numbers=len(PAIR_KINDS) - 1, approximate=approximate))
    for g, p in pairs:
        kind_of_gold[g] = kind_of_predicted[p] = comparisons[g, p].kind
    return _Pairing(pairs, kind_of_gold, kind_of_predicted, frozenset(approximate))


def sort_key(form: ItemForm) -> tuple[object, ...]:
    """A key that orders forms by start, end, fragments and label."""
    pieces = form.pieces if len(form.pieces) > 1 else ()
    return form.pieces[0][0], form.pieces[-1][1], pieces, form.label


def _find_unpaired(
    reduced: ReducedBlock, comparisons: Mapping[Indices, _Comparison], pairing: _Pairing
) -> Iterator[ItemOutcome]:
    """The missed and the spurious items, each judged by the items that it overlaps."""
    of_gold: dict[int, list[Indices]] = defaultdict(list)
    of_predicted: dict[int, list[Indices]] = defaultdict(list)
    for g, p in comparisons:
        of_gold[g].append((g, p))
        of_predicted[p].append((g, p))
    for g in range(len(reduced.gold)):
        if g not in pairing.kind_of_gold:
            pairs = [(g, p) for g, p in of_gold[g] if _is_boundary(pairing.kind_of_predicted[p])]
            detail, partner = _judge(reduced, comparisons, of_gold[g], pairs, MERGED)
            yield ItemOutcome(g, None, "missed", detail, partner=partner)
    for p in range(len(reduced.predicted)):
        if p not in pairing.kind_of_predicted:
            pairs = [(g, p) for g, p in of_predicted[p] if _is_boundary(pairing.kind_of_gold[g])]
            detail, partner = _judge(reduced, comparisons, of_predicted[p], pairs, SPLIT)
            yield ItemOutcome(None, p, "spurious", detail, partner=partner)


def _is_boundary(kind: int) -> bool:
    return kind in (BOUNDARY, LABEL_BOUNDARY)


def _judge(
    reduced: ReducedBlock,
    comparisons: Mapping[Indices, _Comparison],
    overlapping: Sequence[Indices],
    boundary_pairs: Sequence[Indices],
    name: int,
) -> tuple[str, str | None]:
    """The detail of an unpaired item, and how it differs from the item that it is judged by.

    boundary_pairs: those with an item that is in a boundary error. name: the detail if there are
    any.
    """
    if not boundary_pairs:
        return DETAILS[NESTED if overlapping else NO_DETAIL], None

    def rank(pair: Indices) -> tuple[object, ...]:
        comparison = comparisons[pair]
        keys = sort_key(reduced.gold[pair[0]].forms[0]), sort_key(reduced.predicted[pair[1]])
        differs = comparison.kind in (LABEL, LABEL_BOUNDARY)
        return differs, comparison.negative_shared, comparison.distance, *sorted(keys)

    best = comparisons[min(boundary_pairs, key=rank)]
    if best.kind in (LABEL, LABEL_BOUNDARY):
        return DETAILS[name], ""
    return DETAILS[name], DETAILS[best.detail]
