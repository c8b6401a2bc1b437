"""Finding and dropping duplicate annotations; `document.duplicate_key` defines them.

Gold with duplicates is an error, unless it is loaded with duplicates="drop", which keeps the first
of each group. Predictions keep duplicates, which are scored as wrong, unless they are loaded with
duplicates="drop" as well.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from evalkit.data.document import (
    LAYERS,
    Document,
    Entity,
    Event,
    duplicate_key,
    trigger_fragments,
)
from evalkit.data.duplicate_comparison import (
    EventNumbers,
    argument_key,
    duplicate_keys,
    find_repeats,
    number_named_events,
)
from evalkit.errors import DocumentError, spell_option

AGREEMENT = {
    "entities": "same label and span",
    "events": "same label, trigger, realis and arguments",
    "attributions": "same source, cue and content",
    "relations": "same label, head and tail",
    "arguments": "same role and span",
}


def advise_dropping() -> str:
    """The end of a message about duplicates: the option that drops them."""
    return (
        f"to count each of them once, load with {spell_option('duplicates', 'drop', of='format')}"
    )


def find_duplicates(document: Document) -> Iterator[DocumentError]:
    """An error for each annotation that is a duplicate of an earlier one, and each argument that is
    a duplicate of an earlier argument of its event.
    """
    has_duplicate = not _are_distinct(document.entities or ()) or any(
        getattr(document, layer) and check(document) for layer, check in HAS_DUPLICATE.items()
    )
    return _iter_duplicates(document) if has_duplicate else iter(())


def _are_distinct(entities: Sequence[Entity]) -> bool:
    """Whether no two entities share label, start and end. This takes a third of the time of looking
    for duplicates.
    """
    return len({(entity.label, entity.start, entity.end) for entity in entities}) == len(entities)


def _iter_duplicates(document: Document) -> Iterator[DocumentError]:
    numbers = number_named_events(document.events or ())
    for layer in LAYERS:
        for index, first in _find_pairs(duplicate_keys(document, layer, numbers)):
            problem = f"duplicate of {layer}[{first}] ({AGREEMENT[layer]})"
            yield DocumentError(problem, document=document.id, layer=layer, index=index)
    yield from _iter_duplicate_arguments(document, numbers)


def _iter_duplicate_arguments(document: Document, numbers: EventNumbers) -> Iterator[DocumentError]:
    for index, event in enumerate(document.events or ()):
        if numbers:
            keys = [argument_key(argument, numbers) for argument in event.arguments]
        else:
            keys = list(map(duplicate_key, event.arguments))
        for number, first in _find_pairs(keys):
            problem = f"duplicate of arguments[{first}] ({AGREEMENT['arguments']})"
            yield DocumentError(
                problem,
                document=document.id,
                layer="events",
                index=index,
                field=f"arguments[{number}]",
            )


def _find_pairs(keys: Iterable[Hashable]) -> Iterator[tuple[int, int]]:
    """The index of each duplicate, and that of the first annotation that it equals."""
    firsts: dict[Hashable, int] = {}
    for index, key in enumerate(keys):
        first = firsts.setdefault(key, index)
        if first != index:
            yield index, first


def drop_duplicates(document: Document) -> Document:
    """The document with only the first annotation of each group of duplicates.

    References to a dropped annotation refer to the first instead. An argument without a reference
    or a head takes the one of its dropped duplicate. A document without duplicates is returned
    unchanged.
    """
    if next(find_duplicates(document), None) is None:
        return document
    kept_ids: dict[str, str] = {}  # id of a dropped annotation to the id of the kept one
    layers: dict[str, Any] = {}
    for layer in LAYERS:
        annotations = getattr(document, layer)
        if not annotations:
            continue
        keys = duplicate_keys(document, layer)
        firsts = _first_annotations(annotations, keys)
        for annotation, key in zip(annotations, keys):
            first_id = firsts[key].id
            if annotation.id is not None and annotation.id != first_id:
                kept_ids[annotation.id] = first_id
        layers[layer] = list(firsts.values())
    if "events" in layers:
        events = []
        numbers = number_named_events(document.events or ())
        for event in layers["events"]:
            arguments = _distinct_arguments(event, kept_ids, numbers)
            events.append(replace(event, arguments=arguments))
        layers["events"] = events
    if "attributions" in layers:
        layers["attributions"] = _replace_parents(layers["attributions"], kept_ids)
    if "relations" in layers:
        relations = []
        for relation in layers["relations"]:
            head, tail = (kept_ids.get(id, id) for id in (relation.head, relation.tail))
            relations.append(replace(relation, head=head, tail=tail))
        layers["relations"] = relations
    return replace(document, **{layer: tuple(annotations) for layer, annotations in layers.items()})


def _first_annotations(annotations: Iterable[Any], keys: Iterable[Hashable]) -> dict[Hashable, Any]:
    """The first annotation of each group of duplicates, by duplicate key.

    One without an id takes the id of its first duplicate with one, which references may name.
    """
    firsts: dict[Hashable, Any] = {}
    for annotation, key in zip(annotations, keys):
        first = firsts.setdefault(key, annotation)
        if first.id is None and annotation.id is not None:
            firsts[key] = replace(first, id=annotation.id)
    return firsts


def _replace_parents(attributions: Iterable[Any], kept_ids: dict[str, str]) -> list[Any]:
    """The attributions with dropped parents replaced by the kept ones.

    A parent that would make an attribution its own ancestor is removed.
    """
    result = []
    for attribution in attributions:
        parent = kept_ids.get(attribution.parent, attribution.parent)
        result.append(replace(attribution, parent=parent))
    parents = {each.id: each.parent for each in result if each.id is not None}
    for index, attribution in enumerate(result):
        ancestor = attribution.parent
        steps = 0
        while ancestor is not None and ancestor != attribution.id and steps <= len(parents):
            ancestor = parents[ancestor]
            steps += 1
        if ancestor is not None and ancestor == attribution.id:
            result[index] = replace(attribution, parent=None)
            parents[attribution.id] = None
    return result


def _distinct_arguments(
    event: Event, kept_ids: dict[str, str], numbers: EventNumbers
) -> tuple[Any, ...]:
    distinct: dict[Any, Any] = {}
    for argument in event.arguments:
        ref = argument.ref
        if ref is not None:
            ref = kept_ids.get(ref, ref)
        key = argument_key(argument, numbers)
        first = distinct.setdefault(key, replace(argument, ref=ref))
        if first.ref is None and ref is not None:
            first = distinct[key] = replace(first, ref=ref)
        if first.head is None and argument.head is not None:
            distinct[key] = replace(first, head=argument.head)
    return tuple(distinct.values())


def repeated_annotations(
    annotations: Sequence[Any], key_of: Callable[[Any], Hashable] = duplicate_key
) -> list[bool]:
    """For each annotation of a layer, whether it is a duplicate of an earlier one. key_of: returns
    what duplicates have in common.
    """
    return find_repeats(map(key_of, annotations))


def _has_duplicate_event(document: Document) -> bool:
    """Whether an event is a duplicate of an earlier one, or an argument of an earlier argument of
    its event.
    """
    events = document.events or ()
    triggers = {(event.label, trigger_fragments(event)) for event in events}
    may_repeat = len(triggers) < len(events) and any(repeated_annotations(events))
    if not may_repeat:
        may_repeat = any(
            len(event.arguments) > 1 and any(repeated_annotations(event.arguments))
            for event in events
        )
    if not may_repeat:
        return False
    # Few documents come here: looking at the events that arguments name takes longer.
    numbers = number_named_events(events)
    return (
        any(find_repeats(duplicate_keys(document, "events", numbers)))
        or next(_iter_duplicate_arguments(document, numbers), None) is not None
    )


def _has_duplicate_relation(document: Document) -> bool:
    keys = duplicate_keys(document, "relations")
    return len(set(keys)) < len(keys)


def _has_duplicate_attribution(document: Document) -> bool:
    return any(repeated_annotations(document.attributions or ()))


# A layer of documents that is scored as a set to the check for duplicates
HAS_DUPLICATE = {
    "events": _has_duplicate_event,
    "attributions": _has_duplicate_attribution,
    "relations": _has_duplicate_relation,
}
