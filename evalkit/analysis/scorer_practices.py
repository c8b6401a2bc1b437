"""Practices: what projects do to their data before they run a scorer, because it changes numbers.

    drop-empty       documents and sentences without gold items are removed, and with them the
                     predictions in them, which cannot be wrong any more
    drop-unaligned   entities that do not begin and end at the borders of words are removed from
                     both sides, as tools do that turn offsets into tags of words
    gold-triggers    arguments are scored on gold events only: predicted events that gold does not
                     have, with type and trigger, are removed with their arguments
    head-words       arguments are reduced to their heads on both sides: those that are annotated,
                     else those of `heads=`, as in the scheme head; an argument without either
                     remains as it is

A unit is a sentence where the input is tags, and a document otherwise. The words are those of the
tags, or of the text as evalkit divides it. Predictions that are not in the text have no borders and
are kept.

Each is a scorer of its own, which prints evalkit's numbers after it, and one of the `practices=` of
every scorer that has items of the layer. (Sources: the issues m2e2#27 of limanling, spaCy#12811,
bert-event-extraction#7 of nlpcl-lab and two-are-better#14 of LorrinWWW.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from evalkit.analysis.scorer_options import parse_names
from evalkit.analysis.scorer_rules import (
    SIDES,
    ScorerDocument,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
    keep_items,
)
from evalkit.analysis.scorer_tags import has_tags
from evalkit.data import text
from evalkit.errors import InputError, UnknownNameError, spell_option

EVENTS = ("triggers", "arguments", "attached-arguments")
# The layers of metrics that each practice changes; all for one that is not here
PRACTICE_LAYERS = {
    "drop-unaligned": ("entities", "surfaces"),
    "gold-triggers": EVENTS,
    "head-words": EVENTS[1:],
}
ITEM_PRACTICES = ("gold-triggers", "head-words")  # they change items, but not the input
ENTITY_MEASURES = {"strict": "entities/strict"}
ARGUMENT_MEASURES = {
    "Arg-I": "arguments/exact",
    "Arg-C": "arguments/strict",
    "Arg-I+": "attached-arguments/exact",
    "Arg-C+": "attached-arguments/strict",
}


def build_rules(*, practice: str) -> ScorerRules:
    """The rules of a practice as a scorer."""
    is_of_events = PRACTICE_LAYERS.get(practice, ())[-1:] == EVENTS[-1:]
    metrics = ARGUMENT_MEASURES if is_of_events else ENTITY_MEASURES
    rules = [PRACTICES[practice]]
    return ScorerRules(
        [ScorerMeasure(name, metric, rules) for name, metric in metrics.items()], report_rows
    )


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """Evalkit's row over all labels."""
    rows = []
    for name, state in states.items():
        numbers = state.numbers()
        rows.append(
            {
                "name": name,
                "precision": numbers.precision,
                "recall": numbers.recall,
                "f1": numbers.f1,
                "gold": round(numbers.gold),
                "predicted": round(numbers.predicted),
            }
        )
    return rows


def parse_practices(names: object, layers: Iterable[str]) -> list[str]:
    """The names of some practices, from a list or a string such as "drop-empty+drop-unaligned", in
    the order in which they are applied. layers: those of the scorer.

    Raises UnknownNameError for an unknown one, and InputError for one that no layer has.
    """
    chosen = parse_names("practices", names, "practices")
    layers = set(layers)
    for name in chosen:
        if name not in PRACTICES:
            raise UnknownNameError("practice", name, PRACTICES)
        own = PRACTICE_LAYERS.get(name)
        if own is not None and not layers.intersection(own):
            raise InputError(
                f"{spell_option('practices', name, of='scorer')}: the scorer compares"
                f" {', '.join(sorted(layers))}: expected a scorer of {' or '.join(own)}"
            )
    return [name for name in PRACTICES if name in chosen]


def list_practice_rules(names: Iterable[str], layer: str) -> list[ScorerRule]:
    """The rules of some practices for a layer, without those that do not change it."""
    return [PRACTICES[name] for name in names if layer in PRACTICE_LAYERS.get(name, (layer,))]


def list_events(state: ScorerState, side: str) -> list[ScorerItem]:
    """All events of a side after the practices, with or without a trigger and arguments."""
    events = list(state.details["inputs"].items(side, "events"))
    if side == "predicted" and state.details.get("has_gold_triggers"):
        gold = _list_owners(state)
        events = [event for event in events if (event.document, event.owner) in gold]
    return events


def _list_owners(state: ScorerState) -> set[tuple[int, Any]]:
    """The (document, (type, trigger)) of the events of gold."""
    events = state.details["inputs"].items("gold", "events")
    return {(event.document, event.owner) for event in events}


def keep_gold_triggers(state: ScorerState) -> ScorerState:
    """Removes the predicted events that gold does not have, and their arguments. Predictions that
    are not in the text have no event and remain.
    """
    gold = _list_owners(state)
    state = keep_items(
        state,
        lambda item: item.owner is None or (item.document, item.owner) in gold,
        ("predicted",),
    )
    return replace(state, details={**state.details, "has_gold_triggers": True})


def reduce_to_heads(state: ScorerState) -> ScorerState:
    """The arguments with the ranges of their heads, for those that have one."""
    items = {}
    for side in SIDES:
        heads = state.details["heads"](side)
        items[side] = tuple(
            _reduce_to_head(item, heads.get(item.source)) for item in state.items(side)
        )
    return replace(state, gold=items["gold"], predicted=items["predicted"])


def _reduce_to_head(item: ScorerItem, head: Any) -> ScorerItem:
    if head is None:
        return item
    key: Any = item.key
    return item._replace(key=(key[0], head))


def drop_unaligned(state: ScorerState) -> ScorerState:
    """Removes the items that begin or end within a word."""
    borders: dict[int, tuple[set[int], set[int]]] = {}

    def is_aligned(item: ScorerItem) -> bool:
        if item.start is None:
            return True
        if item.document not in borders:
            document = state.documents[item.document]
            tokens = document.tokens or text.tokens(document.text)
            borders[item.document] = {start for start, _ in tokens}, {end for _, end in tokens}
        starts, ends = borders[item.document]
        return item.start in starts and item.end in ends

    return keep_items(state, is_aligned)


def drop_empty(state: ScorerState) -> ScorerState:
    """Removes the documents without gold items, and of tagged ones the sentences."""
    if has_tags(state):
        return _drop_empty_sequences(state)
    kept = sorted({item.document for item in state.gold})
    return _select(state, kept, [state.documents[number] for number in kept])


def _select(
    state: ScorerState, kept: Sequence[int], documents: Sequence[ScorerDocument]
) -> ScorerState:
    """The state of some documents, which take the place of those with the numbers `kept`."""
    new_number = {number: index for index, number in enumerate(kept)}
    items = {}
    for side in SIDES:
        items[side] = tuple(
            item._replace(document=new_number[item.document])
            for item in state.items(side)
            if item.document in new_number
        )
    details = dict(state.details)
    if "inputs" in details:
        details["inputs"] = details["inputs"].select(kept)
    return replace(
        state,
        documents=documents,
        gold=items["gold"],
        predicted=items["predicted"],
        details=details,
    )


def _drop_empty_sequences(state: ScorerState) -> ScorerState:
    gold_starts: dict[int, set[int | None]] = defaultdict(set)
    for item in state.gold:
        gold_starts[item.document].add(item.start)
    kept = sorted(gold_starts)
    documents = [_keep_sequences(state.documents[number], gold_starts[number]) for number in kept]
    kept_starts = {
        number: {start for start, _ in document.tokens} for number, document in zip(kept, documents)
    }
    state = keep_items(state, lambda item: item.start in kept_starts.get(item.document, ()))
    return _select(state, kept, documents)


def _keep_sequences(document: ScorerDocument, gold_starts: set[int | None]) -> ScorerDocument:
    """The document with the sequences in which a gold item starts."""
    words: list[int] = []
    starts = []
    for first, end in pairwise([*document.sequences, len(document.tokens)]):
        if any(document.tokens[word][0] in gold_starts for word in range(first, end)):
            starts.append(len(words))
            words += range(first, end)
    tags = {}
    for side in SIDES:
        own = document.tags(side) or ()
        tags[side] = [own[word] for word in words]
    return replace(
        document,
        tokens=[document.tokens[word] for word in words],
        sequences=starts,
        gold_tags=tags["gold"],
        predicted_tags=tags["predicted"],
    )


PRACTICES = {
    "drop-unaligned": ScorerRule(
        "drop",
        "drop-unaligned: removes entities that do not begin and end at the borders of words",
        drop_unaligned,
    ),
    "drop-empty": ScorerRule(
        "drop", "drop-empty: removes documents and sentences without gold items", drop_empty
    ),
    "gold-triggers": ScorerRule(
        "drop",
        "gold-triggers: removes predicted events that gold does not have, with their arguments",
        keep_gold_triggers,
    ),
    "head-words": ScorerRule(
        "read", "head-words: reduces arguments to their heads", reduce_to_heads
    ),
}
