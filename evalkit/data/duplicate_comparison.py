"""What duplicates of a document have in common, where this depends on other annotations.

`document.duplicate_key` compares an annotation by itself. A relation is compared by its arguments,
and an argument of an event that names another event (`ref`) also by this event: "A induces the
phosphorylation of B" and "A induces the phosphorylation of C" are two events in BioNLP's shared
tasks, of one trigger, with arguments of equal spans. Which id the named event has does not count:
events that name duplicates of one another may be duplicates.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from evalkit.data.document import (
    Argument,
    Document,
    Event,
    argument_fragments,
    duplicate_key,
    iter_arguments,
    span_fragments,
)

EventNumbers = Mapping[str, int]  # by the id of an event


def duplicate_keys(
    document: Document, layer: str, numbers: EventNumbers | None = None
) -> list[Hashable]:
    """The duplicate key of each annotation of a layer. Events: also the events that arguments name.
    Relations: label, and the label and span of both arguments.

    numbers: of the events, if they are known; see `number_named_events`.
    """
    if layer == "relations":
        return [
            (relation.label, _relation_argument_key(head), _relation_argument_key(tail))
            for relation, (head, tail) in zip(document.relations or (), iter_arguments(document))
        ]
    if layer == "events":
        events = document.events or ()
        known = number_named_events(events) if numbers is None else numbers
        return (
            [event_key(event, known) for event in events]
            if known
            else list(map(duplicate_key, events))
        )
    return list(map(duplicate_key, getattr(document, layer) or ()))


def _relation_argument_key(argument: Any) -> Hashable:
    return isinstance(argument, Event), argument.label, argument_fragments(argument)


def event_key(
    event: Event, numbers: EventNumbers, key_of: Callable[[Event], Hashable] = duplicate_key
) -> Hashable:
    """The duplicate key of an event. numbers: see `number_named_events`. key_of: returns the key of
    an event by itself.
    """
    key = key_of(event)
    named = _named_numbers(event, numbers) if numbers else None
    return (key, named) if named else key


def argument_key(argument: Argument, numbers: EventNumbers) -> Hashable:
    """The duplicate key of an argument within its event. numbers: see `number_named_events`."""
    number = None if argument.ref is None else numbers.get(argument.ref)
    key = duplicate_key(argument)
    return key if number is None else (key, number)


def number_named_events(
    events: Sequence[Event], key_of: Callable[[Event], Hashable] = duplicate_key
) -> EventNumbers:
    """A number for each event with an id, equal for events that are duplicates; no numbers if no
    argument names an event.

    Events that name themselves, directly or through others, are compared by key_of and by those
    events that do not.
    """
    if not _have_references(events):
        return {}
    indices = {event.id: index for index, event in enumerate(events) if event.id is not None}
    named = [_named_indices(event, indices) for event in events]
    if not any(named):
        return {}
    naming: list[list[int]] = [[] for _ in events]
    for index, others in enumerate(named):
        for other in others:
            naming[other].append(index)
    unresolved = list(map(len, named))
    resolvable = deque(index for index, count in enumerate(unresolved) if not count)
    numbers: dict[str, int] = {}
    number_by_key: dict[Hashable, int] = {}
    resolved = set()
    while resolvable:
        index = resolvable.popleft()
        resolved.add(index)
        event = events[index]
        number = number_by_key.setdefault(event_key(event, numbers, key_of), len(number_by_key))
        if event.id is not None:
            numbers[event.id] = number
        for other in naming[index]:
            unresolved[other] -= 1
            if not unresolved[other]:
                resolvable.append(other)
    cyclic = {}
    for index, event in enumerate(events):
        if index not in resolved and event.id is not None:
            key = event_key(event, numbers, key_of), "cyclic"
            cyclic[event.id] = number_by_key.setdefault(key, len(number_by_key))
    return {**numbers, **cyclic}


def _have_references(events: Iterable[Event]) -> bool:
    """Whether an argument names another annotation; loops are faster than any()."""
    for event in events:
        for argument in event.arguments:
            if argument.ref is not None:
                return True
    return False


def _named_indices(event: Event, indices: Mapping[str, int]) -> set[int]:
    """The indices of the events that the arguments of an event name."""
    named = set()
    for argument in event.arguments:
        if argument.ref is not None and argument.ref in indices:
            named.add(indices[argument.ref])
    return named


def _named_numbers(event: Event, numbers: EventNumbers) -> frozenset[Hashable]:
    """Role, span and number of each argument that names an event."""
    named: set[Hashable] = set()
    for argument in event.arguments:
        if argument.ref is not None and argument.ref in numbers:
            named.add((argument.role, span_fragments(argument), numbers[argument.ref]))
    return frozenset(named)


def find_repeats(keys: Iterable[Hashable]) -> list[bool]:
    """For each key, whether it equals an earlier one."""
    seen: set[Hashable] = set()
    repeats = []
    for key in keys:
        repeats.append(key in seen)
        seen.add(key)
    return repeats
