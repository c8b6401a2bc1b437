"""GoLLIE's events: equal if their classes and the words of their triggers are, in lower case.

Predicted events and arguments are filtered as entities are, see `scorer_gollie`: an event whose
trigger is not in the text, or not as often as it is predicted, is dropped with its arguments.
Events are paired one to one in their order. Arguments count within paired events only, one to one,
where role and words are equal, as they are written. An event without a trigger is equal to any
other of its class that has none. (Source: EventScorer and Event in the files that `scorer_gollie`
names, read.)

Triggers that have words, but no place, are events without arguments. Arguments without a place
belong to no event and are dropped.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from typing import NamedTuple

from evalkit.analysis.scorer_rules import (
    SIDES,
    WITH_ZERO,
    ItemCredits,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerState,
    count_one_to_one,
    keep_items,
)
from evalkit.analysis.scorer_strings import DROP_UNREADABLE, change_keys, to_string
from evalkit.scoring.surfaces import surface_form

DROPS_INVENTED = "drops predicted events and arguments whose words are not in the text"
DROPS_REPEATED = "drops predicted events beyond the number of times that the text has the trigger"


class EventMention(NamedTuple):
    """An event: the number of its document, its number there, class, and words of the trigger,
    which are empty for an event without a trigger.
    """

    document: int
    number: int
    label: str
    words: str


def build_event_measures() -> list[ScorerMeasure]:
    """Events and arguments."""
    event_rules = (
        ScorerRule("read", "compares the words of triggers, as often as they occur", _read_events),
        DROP_UNREADABLE,
        ScorerRule("drop", DROPS_INVENTED, _drop_invented_events),
        ScorerRule("drop", DROPS_REPEATED, _drop_repeated_events),
        ScorerRule(
            "equal",
            "compares triggers in lower case",
            lambda state: change_keys(state, str.lower),
        ),
        WITH_ZERO,
    )
    argument_rules = (
        ScorerRule(
            "read",
            "compares the words of arguments within events whose triggers have equal words",
            _read_arguments,
        ),
        ScorerRule("drop", DROPS_INVENTED, _drop_invented_arguments),
        ScorerRule(
            "drop",
            DROPS_REPEATED,
            lambda state: _keep_predicted_events(state, _RepetitionCounter(state)),
        ),
        ScorerRule("equal", "compares triggers in lower case", _ignore_case_of_triggers),
        WITH_ZERO,
    )
    return [
        ScorerMeasure("events", "triggers/strict", event_rules),
        ScorerMeasure("arguments", "attached-arguments/strict", argument_rules),
    ]


class _RepetitionCounter:
    """Counts the predictions of each trigger, in their order and of all classes together."""

    def __init__(self, state: ScorerState) -> None:
        self._texts = [document.text.lower() for document in state.documents]
        self._counts: Counter[tuple[int, str]] = Counter()

    def __call__(self, document: int, words: str) -> bool:
        """Whether the text has the words as often as they have been predicted now."""
        key = document, words.lower()
        self._counts[key] += 1
        return not words or self._counts[key] <= self._texts[document].count(words.lower())


def _is_in_text(state: ScorerState, document: int, words: str) -> bool:
    return words.lower() in state.documents[document].text.lower()


def _list_events(state: ScorerState, side: str) -> Iterator[EventMention]:
    """Yields the events of a side, whose gold has events, in their order."""
    inputs = state.details["inputs"]
    corpus = inputs.gold if side == "gold" else inputs.predicted
    for number in inputs.list_annotated("triggers"):
        id = state.documents[number].id
        if id not in corpus:
            continue
        document = corpus[id]
        for index, event in enumerate(document.events or ()):
            words = ""
            if event.trigger is not None:
                words = surface_form(document.text, event.trigger)
            yield EventMention(number, index, event.label, words)


def _read_events(state: ScorerState) -> ScorerState:
    """The state with an item for each event, whose key is the words of its trigger."""
    inputs = state.details["inputs"]
    sides: dict[str, list[ScorerItem]] = {}
    for side in SIDES:
        items = inputs.items(side, "triggers")
        triggers = {(item.document, item.event): item for item in items if item.start is not None}
        sides[side] = []
        for event in _list_events(state, side):
            without_trigger = ScorerItem(event.document, event.label, "", None)
            item = triggers.get((event.document, event.number), without_trigger)
            sides[side].append(item._replace(key=event.words))
        sides[side] += [to_string(item) for item in items if item.start is None]
    return replace(state, gold=sides["gold"], predicted=sides["predicted"], count=count_one_to_one)


def _drop_invented_events(state: ScorerState) -> ScorerState:
    return keep_items(
        state, lambda item: _is_in_text(state, item.document, str(item.key)), ["predicted"]
    )


def _drop_repeated_events(state: ScorerState) -> ScorerState:
    is_in_number = _RepetitionCounter(state)
    return keep_items(state, lambda item: is_in_number(item.document, str(item.key)), ["predicted"])


def _read_arguments(state: ScorerState) -> ScorerState:
    """The state with all arguments, which count within paired events."""
    inputs = state.details["inputs"]
    items = {side: inputs.items(side, "attached-arguments") for side in SIDES}
    events = {side: list(_list_events(state, side)) for side in SIDES}
    return replace(
        state,
        gold=items["gold"],
        predicted=items["predicted"],
        count=_count_within_events,
        details={**state.details, "events": events, "change": str},
    )


def _drop_invented_arguments(state: ScorerState) -> ScorerState:
    def is_in_text(document: int, words: str) -> bool:
        return _is_in_text(state, document, words)

    state = keep_items(
        state,
        lambda item: item.start is not None and is_in_text(item.document, item.text),
        ["predicted"],
    )
    return _keep_predicted_events(state, is_in_text)


def _keep_predicted_events(state: ScorerState, is_kept: Callable[[int, str], bool]) -> ScorerState:
    """The state with some predicted events, by their document and words, and their arguments."""
    events = state.details["events"]
    kept = [event for event in events["predicted"] if is_kept(event.document, event.words)]
    numbers = {(event.document, event.number) for event in kept}
    state = keep_items(state, lambda item: (item.document, item.event) in numbers, ["predicted"])
    details = {**state.details, "events": {**events, "predicted": kept}}
    return replace(state, details=details)


def _ignore_case_of_triggers(state: ScorerState) -> ScorerState:
    return replace(state, details={**state.details, "change": str.lower})


def _count_within_events(state: ScorerState) -> ItemCredits:
    """The credits of the arguments of paired events."""
    credits = {side: [0.0] * len(state.items(side)) for side in SIDES}
    indexes: dict[str, dict[Hashable, list[int]]] = {}
    for side in SIDES:
        indexes[side] = defaultdict(list)
        for index, item in enumerate(state.items(side)):
            indexes[side][item.document, item.event].append(index)
    for gold, predicted in _pair_events(state):
        left = indexes["predicted"][predicted.document, predicted.number].copy()
        for index in indexes["gold"][gold.document, gold.number]:
            mine = state.gold[index]
            for other in left:
                theirs = state.predicted[other]
                if (mine.label, mine.text) == (theirs.label, theirs.text):
                    credits["gold"][index] = credits["predicted"][other] = 1.0
                    left.remove(other)
                    break
    return ItemCredits(credits["gold"], credits["predicted"])


def _pair_events(state: ScorerState) -> Iterator[tuple[EventMention, EventMention]]:
    """Yields each predicted event with the first one of gold that is left and equal to it."""
    change: Callable[[str], str] = state.details["change"]
    left: dict[Hashable, list[EventMention]] = defaultdict(list)
    for event in state.details["events"]["gold"]:
        left[event.document, event.label, change(event.words)].append(event)
    for event in state.details["events"]["predicted"]:
        equal = left[event.document, event.label, change(event.words)]
        if equal:
            yield equal.pop(0), event
