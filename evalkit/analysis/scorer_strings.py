"""Rules of scorers that compare strings: labels and words, without offsets."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from evalkit.analysis.scorer_rules import (
    SIDES,
    UNREADABLE,
    ScorerItem,
    ScorerRule,
    ScorerState,
    keep_items,
    merge_equal_items,
)


def list_surfaces(items: Sequence[ScorerItem], scheme: str) -> list[ScorerItem]:
    """Evalkit's items of surfaces, from those of entities.

    strict: each label and string once. multiset: as often as it occurs; an entity that repeats the
    label and span of another is a duplicate, which is never correct.
    """
    surfaces: list[ScorerItem] = []
    seen = set()
    for item in items:
        string = to_string(item)
        if string.key == "":
            continue
        if scheme == "multiset" and item.start is not None:
            if (item.document, item.label, item.key) in seen:
                string = string._replace(key=("duplicate", len(surfaces)))
            seen.add((item.document, item.label, item.key))
        surfaces.append(string)
    if scheme == "multiset":
        return surfaces
    firsts: dict[Hashable, ScorerItem] = {}
    for item in surfaces:
        firsts.setdefault((item.document, item.label, item.key), item)
    return list(firsts.values())


def to_string(item: ScorerItem) -> ScorerItem:
    """The item, which is compared by its words, unless it has none."""
    return item if is_unreadable(item) else item._replace(key=item.text)


def is_unreadable(item: ScorerItem) -> bool:
    """Whether an item is a part of an answer that is not a string."""
    return isinstance(item.key, tuple) and item.key[:1] == (UNREADABLE,)


def read_strings(state: ScorerState) -> ScorerState:
    """The words of each item as its key, with the empty ones, which are no items of surfaces. Where
    the first metric compares sets of strings, they remain sets.
    """
    inputs = state.details["inputs"]
    items = {side: list(map(to_string, state.items(side))) for side in SIDES}
    if not str(state.details["metric"]).startswith("surfaces/"):
        return replace(state, gold=items["gold"], predicted=items["predicted"])
    for side in SIDES:
        strings = map(to_string, inputs.items(side, "entities"))
        items[side] += [item for item in strings if item.key == ""]
    state = replace(state, gold=items["gold"], predicted=items["predicted"])
    return merge_equal_items(state) if state.details["metric"] == "surfaces/strict" else state


def change_keys(state: ScorerState, change: Callable[[str], str]) -> ScorerState:
    """The state with other strings; items without one are kept."""
    items = {
        side: [
            item._replace(key=change(item.key)) if isinstance(item.key, str) else item
            for item in state.items(side)
        ]
        for side in SIDES
    }
    return replace(state, gold=items["gold"], predicted=items["predicted"])


READ_STRINGS = ScorerRule("read", "compares strings, wherever they are in the text", read_strings)
DROP_UNREADABLE = ScorerRule(
    "drop",
    "drops the parts of answers that are not strings",
    lambda state: keep_items(state, lambda item: not is_unreadable(item)),
)
COUNT_ONCE = ScorerRule("count", "counts each string of a document once", merge_equal_items)
