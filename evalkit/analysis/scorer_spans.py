"""Rules that scorers of spans share: what a span is, and the tokens that it covers."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from evalkit.analysis.scorer_rules import (
    SIDES,
    ScorerItem,
    ScorerRule,
    ScorerState,
    keep_items,
)

Range = tuple[int, int]


def _take_whole_spans(state: ScorerState) -> ScorerState:
    if not any(_is_discontinuous(item) for side in SIDES for item in state.items(side)):
        return state
    items = {}
    for side in SIDES:
        items[side] = [
            item._replace(key=((item.start, item.end),)) if _is_discontinuous(item) else item
            for item in state.items(side)
        ]
    return replace_items(state, items)


def _is_discontinuous(item: ScorerItem) -> bool:
    """Whether an item of evalkit has several fragments, which are its key."""
    return item.start is not None and len(cast("tuple[Range, ...]", item.key)) > 1


WHOLE_SPANS = ScorerRule(
    "read",
    "takes a discontinuous entity as one span, from its first character to its last",
    _take_whole_spans,
)

DROP_UNPLACED = ScorerRule(
    "drop",
    "drops predictions that are not in the text",
    lambda state: keep_items(state, lambda item: item.start is not None, ["predicted"]),
)


def replace_items(state: ScorerState, items: Mapping[str, Iterable[ScorerItem]]) -> ScorerState:
    """The state with other items on both sides."""
    return replace(state, gold=tuple(items["gold"]), predicted=tuple(items["predicted"]))


def group_by_document(items: Sequence[ScorerItem]) -> dict[int, list[int]]:
    """The positions of the items of each document."""
    groups: dict[int, list[int]] = defaultdict(list)
    for position, item in enumerate(items):
        groups[item.document].append(position)
    return groups


def split_by_label(state: ScorerState) -> dict[str, ScorerState]:
    """A state for each label of the items, sorted, with the items of that label only."""
    items: dict[str, dict[str, list[ScorerItem]]] = {}
    for side in SIDES:
        for item in state.items(side):
            own = items.setdefault(str(item.label), {name: [] for name in SIDES})
            own[side].append(item)
    return {
        label: replace(state, gold=own["gold"], predicted=own["predicted"])
        for label, own in sorted(items.items())
    }


def covered_tokens(tokens: Sequence[Range], start: int, end: int) -> Range | None:
    """The first and the last token, exclusive, that share a character with a span; None for none.

    tokens: sorted by position, without overlaps.
    """
    first = bisect_right(tokens, start, key=lambda token: token[1])
    stop = bisect_left(tokens, end, key=lambda token: token[0])
    return (first, stop) if first < stop else None
