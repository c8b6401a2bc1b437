"""The kinds of error of relations, for the layer `relations`.

A gold and a predicted relation of a document may be paired as

    correct          same label, same arguments
    label            another label, same arguments
    argument label   same label, same spans; the label of an argument differs
    direction        same label; head and tail are exchanged
    argument span    same label; both arguments overlap, and one has another span (its label may
                     differ, too)

Arguments are the same if their spans and labels are; an entity and an event are not. Which argument
is wrong is the detail: "head", "tail" or "head and tail". A relation that is symmetric has no
direction: its arguments are compared in the order in which they agree best, and its head is the one
that comes first in the text.

The pairing is the one-to-one set of pairs whose vector (number of pairs of each kind in this order,
shared characters) is lexicographically greatest; of several, the one whose sorted list of unordered
pairs of relations is least. All other relations are `missed` or `spurious`: "with its arguments" if
an entity or event that it relates is missed or spurious, too, else on their own. Relations that
differ in their label and in an argument are not paired.

The number of correct pairs is tp of relations/strict. Correct pairs and pairs under `label` are
together tp of relations/exact where no two relations of a side have the same arguments, and correct
pairs and pairs under `argument label` that of relations/boundaries where none have the same label
and spans.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from evalkit.data.document import Fragments
from evalkit.scoring.assignment import (
    Edge,
    Indices,
    TooManyEdgesError,
    choose_one_by_one,
    choose_pairs,
)
from evalkit.scoring.attribution_pairing import count_shared

# Pairs that are not correct, in the order in which they are preferred
RELATION_PAIR_KINDS = ("label", "argument label", "direction", "argument span")
WITH_ARGUMENTS = "with its arguments"
_DETAILS = {(True, False): "head", (False, True): "tail", (True, True): "head and tail"}


class RelationArgument(NamedTuple):
    """An argument of a relation: its ranges, "entities" or "triggers", and its label."""

    span: Fragments
    layer: str
    label: str


class RelationItem(NamedTuple):
    """A relation: its label and its arguments; those of a symmetric one in order."""

    label: str
    head: RelationArgument
    tail: RelationArgument


class RelationOutcome(NamedTuple):
    """A relation of either side, or a pair of them.

    gold, predicted: indices; None for a missing side. detail: see the head of the module; "" for
    none. is_approximate: whether better pairs were not searched for.
    """

    kind: str
    detail: str
    gold: int | None
    predicted: int | None
    is_approximate: bool = False


class _Comparison(NamedTuple):
    """How a possible pair differs, and the characters that its arguments share."""

    kind: str
    detail: str
    shared: int


def classify_relations(
    gold: Sequence[RelationItem],
    predicted: Sequence[RelationItem],
    symmetric: Collection[str],
    missed: Collection[RelationArgument] = (),
    spurious: Collection[RelationArgument] = (),
) -> list[RelationOutcome]:
    """What became of each relation of a document: the pairs, the missed and the spurious ones.

    gold, predicted: distinct. symmetric: labels without a direction. missed, spurious: entities and
    events of each side that have no counterpart.
    """
    index_of = {item: p for p, item in enumerate(predicted)}
    outcomes = []
    taken_gold, taken_predicted = set(), set()
    for g, item in enumerate(gold):
        if item in index_of:  # certain: equal items compete with no others
            outcomes.append(RelationOutcome("correct", "", g, index_of[item]))
            taken_gold.add(g)
            taken_predicted.add(index_of[item])
    comparisons = {}
    for g, p in _iter_candidates(gold, predicted, taken_gold, taken_predicted):
        comparison = _compare(gold[g], predicted[p], symmetric)
        if comparison is not None:
            comparisons[g, p] = comparison
    pairs, is_approximate = _choose(gold, predicted, comparisons)
    for g, p in sorted(pairs):
        kind, detail, _ = comparisons[g, p]
        outcomes.append(RelationOutcome(kind, detail, g, p, is_approximate))
        taken_gold.add(g)
        taken_predicted.add(p)
    for g, item in enumerate(gold):
        if g not in taken_gold:
            outcomes.append(RelationOutcome("missed", _detail_of(item, missed), g, None))
    for p, item in enumerate(predicted):
        if p not in taken_predicted:
            outcomes.append(RelationOutcome("spurious", _detail_of(item, spurious), None, p))
    return outcomes


def _detail_of(item: RelationItem, unpaired: Collection[RelationArgument]) -> str:
    return WITH_ARGUMENTS if item.head in unpaired or item.tail in unpaired else ""


def _iter_candidates(
    gold: Sequence[RelationItem],
    predicted: Sequence[RelationItem],
    taken_gold: Collection[int],
    taken_predicted: Collection[int],
) -> Iterator[Indices]:
    """The free relations of both sides with the same label or the same two arguments."""
    by_key: dict[Any, list[int]] = defaultdict(list)
    for p, item in enumerate(predicted):
        if p not in taken_predicted:
            for key in _candidate_keys(item):
                by_key[key].append(p)
    for g, item in enumerate(gold):
        if g not in taken_gold:
            candidates: set[int] = set()
            for key in _candidate_keys(item):
                candidates.update(by_key.get(key, ()))
            for p in sorted(candidates):
                yield g, p


def _candidate_keys(item: RelationItem) -> Iterator[Any]:
    yield item.label
    yield tuple(sorted((item.head, item.tail)))


def _compare(
    gold: RelationItem, predicted: RelationItem, symmetric: Collection[str]
) -> _Comparison | None:
    """How two different relations differ; None if they cannot be paired."""
    straight = (gold.head, predicted.head), (gold.tail, predicted.tail)
    crossed = (gold.head, predicted.tail), (gold.tail, predicted.head)
    has_direction = gold.label not in symmetric and predicted.label not in symmetric
    if gold.label != predicted.label:
        alignments = [straight] if has_direction else [straight, crossed]
        if any(map(_is_same, alignments)):
            shared = _count_shared(straight if _is_same(straight) else crossed)
            return _Comparison("label", "", shared)
        return None
    if has_direction:
        comparison = _compare_arguments(straight)
        is_exchanged = _is_same(crossed)
        if is_exchanged and (comparison is None or comparison.kind == "argument span"):
            return _Comparison("direction", "", _count_shared(crossed))
        return comparison
    found = [_compare_arguments(sorted(pairs, key=sorted)) for pairs in (straight, crossed)]
    return min(filter(None, found), key=_rank_comparison, default=None)


def _is_same(pairs: Iterable[tuple[RelationArgument, RelationArgument]]) -> bool:
    return all(one == other for one, other in pairs)


def _count_shared(pairs: Iterable[tuple[RelationArgument, RelationArgument]]) -> int:
    return sum(count_shared(one.span, other.span) for one, other in pairs)


def _compare_arguments(
    pairs: Sequence[tuple[RelationArgument, RelationArgument]],
) -> _Comparison | None:
    """How the arguments of two relations with the same label differ: (gold, predicted) of the head
    and of the tail. None if an argument does not overlap.
    """
    has_other_span = [one.span != other.span for one, other in pairs]
    if any(has_other_span):
        if not all(count_shared(one.span, other.span) for one, other in pairs):
            return None
        return _Comparison(
            "argument span", _DETAILS[has_other_span[0], has_other_span[1]], _count_shared(pairs)
        )
    has_other_label = [one != other for one, other in pairs]
    detail = _DETAILS[has_other_label[0], has_other_label[1]]
    return _Comparison("argument label", detail, _count_shared(pairs))


def _rank_comparison(comparison: _Comparison) -> tuple[Any, ...]:
    """What the arguments of a symmetric relation are compared by; the least is the best."""
    kind, detail, shared = comparison
    return RELATION_PAIR_KINDS.index(kind), detail == "head and tail", -shared, detail


def _choose(
    gold: Sequence[RelationItem],
    predicted: Sequence[RelationItem],
    comparisons: Mapping[Indices, _Comparison],
) -> tuple[list[Indices], bool]:
    """The best pairs, and whether they are approximate since there are too many possible ones."""
    edges = {}
    for (g, p), comparison in comparisons.items():
        vector = [int(comparison.kind == kind) for kind in RELATION_PAIR_KINDS]
        vector.append(comparison.shared)
        key = tuple(sorted((_sort_key(gold[g]), _sort_key(predicted[p]))))
        edges[g, p] = Edge(tuple(vector), key)
    try:
        return choose_pairs(edges), False
    except TooManyEdgesError:
        return choose_one_by_one(edges), True


def _sort_key(item: RelationItem) -> tuple[Any, ...]:
    return item.head.span, item.tail.span, item
