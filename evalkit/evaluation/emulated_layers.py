"""Evalkit's items of each layer of a document, from which the rules of a scorer begin."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple

from evalkit.analysis.scorer_rules import UNPLACED, UNREADABLE, ScorerItem
from evalkit.data.document import (
    ATTRIBUTION_PARTS,
    Document,
    Event,
    Fragments,
    argument_fragments,
    iter_arguments,
    span_fragments,
    trigger_fragments,
)
from evalkit.scoring.surfaces import surface_form

Builder = Callable[[Document, int, Collection[str]], Iterator[ScorerItem]]


class EmulatedLayer(NamedTuple):
    """A layer of metrics.

    document_layer: the annotations from which its items come. unplaced: the layer of predictions
    that have no place in the text. build: yields the items of a document, given its number and the
    labels of symmetric relations, without sources.
    """

    document_layer: str
    unplaced: str
    build: Builder


def _build_entities(document: Document, number: int, _: Collection[str]) -> Iterator[ScorerItem]:
    for entity in document.entities or ():
        words = surface_form(document.text, entity)
        key = tuple(span_fragments(entity))
        place = entity.start, entity.end, words
        yield ScorerItem(number, entity.label, key, None, *place, annotation=entity)


def _build_events(document: Document, number: int, _: Collection[str]) -> Iterator[ScorerItem]:
    for index, event in enumerate(document.events or ()):
        trigger = event.trigger
        key = trigger_fragments(event)
        place: tuple[int | None, int | None, str] = None, None, ""
        if trigger is not None:
            place = trigger.start, trigger.end, surface_form(document.text, trigger)
        owner = event.label, key
        yield ScorerItem(number, event.label, key, None, *place, index, event, owner)


def _build_triggers(document: Document, number: int, _: Collection[str]) -> Iterator[ScorerItem]:
    yield from (item for item in _build_events(document, number, ()) if item.key)


def _build_arguments(document: Document, number: int, _: Collection[str]) -> Iterator[ScorerItem]:
    for index, event in enumerate(document.events or ()):
        owner = event.label, trigger_fragments(event)
        for argument in event.arguments:
            place = argument.start, argument.end, surface_form(document.text, argument)
            key = event.label, span_fragments(argument)
            yield ScorerItem(number, argument.role, key, None, *place, index, argument, owner)


def _build_attached_arguments(
    document: Document, number: int, _: Collection[str]
) -> Iterator[ScorerItem]:
    for item in _build_arguments(document, number, ()):
        key: Any = item.key
        yield item._replace(key=(item.owner, key[1]))


def _build_parts(document: Document, number: int, _: Collection[str]) -> Iterator[ScorerItem]:
    for index, attribution in enumerate(document.attributions or ()):
        for part, ranges in zip(ATTRIBUTION_PARTS, _parts_of(attribution)):
            if ranges is not None:
                yield _place(document, number, part, ranges, ranges, index)


def _build_attributions(
    document: Document, number: int, _: Collection[str]
) -> Iterator[ScorerItem]:
    for index, attribution in enumerate(document.attributions or ()):
        parts = _parts_of(attribution)
        ranges = [piece for part in parts for piece in part or ()]
        yield _place(document, number, "attribution", parts, ranges, index)


def _parts_of(attribution: Any) -> tuple[Fragments | None, ...]:
    parts = [getattr(attribution, part) for part in ATTRIBUTION_PARTS]
    return tuple(None if part is None else span_fragments(part) for part in parts)


def _build_relations(
    document: Document, number: int, symmetric: Collection[str]
) -> Iterator[ScorerItem]:
    for relation, arguments in zip(document.relations or (), iter_arguments(document)):
        sides = [(_kind_of(argument), argument_fragments(argument)) for argument in arguments]
        owner = tuple(sides)
        if relation.label in symmetric:
            sides.sort(key=lambda side: (side[1], side[0]))
        ranges = [piece for _, span in sides for piece in span]
        yield _place(document, number, relation.label, tuple(sides), ranges, owner)


def _kind_of(argument: Any) -> tuple[str, str]:
    """The layer and the label of an argument of a relation."""
    return "triggers" if isinstance(argument, Event) else "entities", argument.label


def _place(
    document: Document,
    number: int,
    label: str,
    key: Any,
    ranges: Iterable[tuple[int, int]],
    owner: Any,
) -> ScorerItem:
    """An item from the first to the last character of some ranges."""
    pieces = sorted(ranges)
    start, end = pieces[0][0], max(end for _, end in pieces)
    words = document.text[start:end]
    return ScorerItem(number, label, key, None, start, end, words, owner=owner)


# The items of surfaces are those of entities, see `list_surfaces`. "events" is no layer of metrics:
# its items are all events, with or without a trigger, for rules that need them.
EMULATED_LAYERS = {
    "entities": EmulatedLayer("entities", "entities", _build_entities),
    "surfaces": EmulatedLayer("entities", "entities", _build_entities),
    "events": EmulatedLayer("events", "", _build_events),
    "triggers": EmulatedLayer("events", "triggers", _build_triggers),
    "arguments": EmulatedLayer("events", "arguments", _build_arguments),
    "attached-arguments": EmulatedLayer("events", "arguments", _build_attached_arguments),
    "attributions": EmulatedLayer("attributions", "attributions", _build_parts),
    "attribution-relations": EmulatedLayer(
        "attributions", "attribution-relations", _build_attributions
    ),
    "relations": EmulatedLayer("relations", "relations", _build_relations),
}


def is_annotated(document: Document, layer: str) -> bool:
    """Whether a layer of metrics was annotated."""
    return getattr(document, EMULATED_LAYERS[layer].document_layer) is not None


def build_items(
    document: Document, layer: str, number: int, symmetric: Collection[str] = ()
) -> Iterator[ScorerItem]:
    """Evalkit's items of a layer of a document, without sources. number: of the document.
    symmetric: the labels of relations whose arguments evalkit puts in the order of the text.

    The key of an item is what strict compares beside the label: the ranges of its span, and for
    some layers more. A prediction that has no place in the text has a key of its own, which equals
    no other, and no owner.

        layer                  key                                    owner
        triggers, events       trigger                                (type, trigger)
        arguments              (type, span)                           (type, trigger)
        attached-arguments     ((type, trigger), span)                (type, trigger)
        attributions           span                                   the index of the attribution
        attribution-relations  (source, cue, content)                 the index of the attribution
        relations              (head, tail), each ((layer, label),    (head, tail) in the order of
                               span)                                  the annotation
    """
    yield from EMULATED_LAYERS[layer].build(document, number, symmetric)
    for index, item in enumerate(document.unplaced or ()):
        if item.layer == EMULATED_LAYERS[layer].unplaced:
            kind = UNREADABLE if item.quote is None else UNPLACED
            yield ScorerItem(number, item.label, (kind, index), None, None, None, item.quote or "")
