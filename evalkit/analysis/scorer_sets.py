"""Evalkit's own counts of layers of events, relations and attributions, and rules that scorers of
these layers share.

A count keeps all items of the input and gives a weight to each: of equal items of a set, the first
counts and the others have the weight 0, so that a rule can count them after all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from evalkit.analysis.scorer_rules import (
    SIDES,
    ItemCredits,
    ScorerItem,
    ScorerRule,
    ScorerState,
    count_one_to_one,
    keep_items,
)

ItemKey = Callable[[ScorerItem], Hashable]


def with_label(item: ScorerItem) -> Hashable:
    """What items have in common that are equal with their labels."""
    return item.document, item.label, item.key


def without_label(item: ScorerItem) -> Hashable:
    """What items have in common that are equal but for their labels."""
    return item.document, item.key


def with_spans(item: ScorerItem) -> Hashable:
    """What relations have in common that are equal but for the labels of their arguments."""
    if item.owner is None:
        return with_label(item)
    arguments: Any = item.key
    return item.document, item.label, tuple(ranges for _, ranges in arguments)


def count_sets(key_of: ItemKey) -> Callable[[ScorerState], ItemCredits]:
    """A count of equal items as one: it is correct if the other side has it."""

    def count(state: ScorerState) -> ItemCredits:
        keys = {side: [key_of(item) for item in state.items(side)] for side in SIDES}
        weights = {side: weigh_first(keys[side]) for side in SIDES}
        found = set(keys["gold"]) & set(keys["predicted"])
        credits = {
            side: [weight * (key in found) for key, weight in zip(keys[side], weights[side])]
            for side in SIDES
        }
        return ItemCredits(
            credits["gold"], credits["predicted"], weights["gold"], weights["predicted"]
        )

    return count


def weigh_first(keys: Iterable[Hashable]) -> list[float]:
    """1 for the first of equal keys, 0 for the others."""
    seen = set()
    weights = []
    for key in keys:
        weights.append(0.0 if key in seen else 1.0)
        seen.add(key)
    return weights


def count_parts(state: ScorerState) -> ItemCredits:
    """Evalkit's count of the parts of attributions: equal parts of several attributions are one
    item, and a part of a repeated attribution is wrong.
    """
    copies = {side: _find_copies(state.items(side)) for side in SIDES}
    keys: dict[str, list[Hashable]] = {}
    for side in SIDES:
        keys[side] = [
            (side, index) if (item.document, item.owner) in copies[side] else with_label(item)
            for index, item in enumerate(state.items(side))
        ]
    renamed = {
        side: tuple(
            item._replace(key=key) for item, key in zip(state.items(side), keys[side], strict=True)
        )
        for side in SIDES
    }
    return count_sets(with_label)(
        replace(state, gold=renamed["gold"], predicted=renamed["predicted"])
    )


def _find_copies(items: Iterable[ScorerItem]) -> set[tuple[int, Any]]:
    """The (document, index) of attributions that repeat another in full."""
    parts: dict[tuple[int, Any], list[Hashable]] = defaultdict(list)
    for item in items:
        if item.owner is not None:
            parts[item.document, item.owner].append((item.label, item.key))
    seen = set()
    copies = set()
    for (document, owner), labels in parts.items():
        attribution = document, tuple(labels)
        if attribution in seen:
            copies.add((document, owner))
        seen.add(attribution)
    return copies


# Evalkit's own count of each metric that is not one of entities or surfaces
COUNTS: dict[str, Callable[[ScorerState], ItemCredits]] = {
    "triggers/exact": count_sets(without_label),
    "triggers/strict": count_sets(with_label),
    "arguments/exact": count_sets(without_label),
    "arguments/strict": count_sets(with_label),
    "attached-arguments/exact": count_sets(without_label),
    "attached-arguments/strict": count_sets(with_label),
    "relations/boundaries": count_sets(with_spans),
    "relations/strict": count_sets(with_label),
    "attributions/strict": count_parts,
    "attribution-relations/strict": count_one_to_one,
}


def count_many_to_one(
    key_of: ItemKey,
    is_correct: Callable[[ScorerItem, ScorerItem], bool] = lambda *_: True,
    merged_by: ItemKey | None = None,
) -> Callable[[ScorerState], ItemCredits]:
    """A count that credits each predicted item to the first gold item with its key, if
    is_correct(gold, predicted), however many are credited to it. The credit of a gold item is the
    number of these.

    merged_by: what items have in common of which only the first counts; None if all count.
    """

    def count(state: ScorerState) -> ItemCredits:
        weights = {side: _weigh(state.items(side), merged_by) for side in SIDES}
        first: dict[Hashable, int] = {}
        for index, item in enumerate(state.gold):
            first.setdefault(key_of(item), index)
        gold_credit = [0.0] * len(state.gold)
        predicted_credit = [0.0] * len(state.predicted)
        for number, (item, weight) in enumerate(zip(state.predicted, weights["predicted"])):
            match = first.get(key_of(item))
            if weight and match is not None and is_correct(state.gold[match], item):
                gold_credit[match] += 1
                predicted_credit[number] = 1.0
        return ItemCredits(gold_credit, predicted_credit, weights["gold"], weights["predicted"])

    return count


def _weigh(items: Sequence[ScorerItem], merged_by: ItemKey | None) -> list[float]:
    return [1.0] * len(items) if merged_by is None else weigh_first(map(merged_by, items))


def set_count(count: Callable[[ScorerState], ItemCredits]) -> Callable[[ScorerState], ScorerState]:
    """A function that makes a state count in another way."""
    return lambda state: replace(state, count=count)


def change_items(
    state: ScorerState, change: Callable[[ScorerItem], ScorerItem], sides: Iterable[str] = SIDES
) -> ScorerState:
    """The state with changed items of some sides."""
    changed = {side: tuple(map(change, state.items(side))) for side in sides}
    return replace(
        state,
        gold=changed.get("gold", state.gold),
        predicted=changed.get("predicted", state.predicted),
    )


def keep_last(state: ScorerState, key_of: ItemKey) -> ScorerState:
    """Keeps the last of the items of a side that have the same key, as a dictionary does."""
    kept = {}
    for side in SIDES:
        last = {key_of(item): index for index, item in enumerate(state.items(side))}
        chosen = set(last.values())
        kept[side] = tuple(item for index, item in enumerate(state.items(side)) if index in chosen)
    return replace(state, gold=kept["gold"], predicted=kept["predicted"])


def join_fragments(value: Any) -> Any:
    """A key in which each list of ranges is one range, from its start to its end."""
    if not isinstance(value, tuple) or not value:
        return value
    if all(map(_is_range, value)):
        return ((value[0][0], max(end for _, end in value)),)
    return tuple(map(join_fragments, value))


def _is_range(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(type(n) is int for n in value)


def has_entities(item: ScorerItem) -> bool:
    """Whether the arguments of a relation are entities."""
    return item.owner is None or all(kind[0] == "entities" for kind, _ in item.owner)


JOIN_FRAGMENTS = ScorerRule(
    "read",
    "reads a discontinuous span as one from its first to its last character",
    lambda state: change_items(
        state,
        lambda item: item._replace(key=join_fragments(item.key), owner=join_fragments(item.owner)),
    ),
)
DROP_UNPLACED = ScorerRule(
    "drop",
    "has no predictions that are not in the text",
    lambda state: keep_items(state, lambda item: item.start is not None),
)
DROP_WITHOUT_TRIGGER = ScorerRule(
    "drop",
    "has no events without a trigger",
    lambda state: keep_items(state, lambda item: item.owner is None or bool(item.owner[1])),
)
DROP_RELATIONS_OF_EVENTS = ScorerRule(
    "drop",
    "has no relations of events",
    lambda state: keep_items(state, has_entities),
)
