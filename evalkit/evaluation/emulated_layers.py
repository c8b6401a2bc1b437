"""Evalkit's items of each layer of a document, from which the rules of a scorer begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from evalkit.analysis.scorer_rules import UNPLACED, UNREADABLE, ScorerItem
from evalkit.data.document import Document, span_fragments, trigger_fragments
from evalkit.scoring.surfaces import surface_form

Builder = Callable[[Document, int], Iterator[ScorerItem]]


class EmulatedLayer(NamedTuple):
    """A layer of metrics.

    document_layer: the annotations from which its items come. unplaced: the layer of predictions
    that have no place in the text. build: yields the items of a document, given its number, without
    sources. is_set: whether equal items count once.
    """

    document_layer: str
    unplaced: str
    build: Builder
    is_set: bool = False


def _build_entities(document: Document, number: int) -> Iterator[ScorerItem]:
    for entity in document.entities or ():
        words = surface_form(document.text, entity)
        key = tuple(span_fragments(entity))
        place = entity.start, entity.end, words
        yield ScorerItem(number, entity.label, key, None, *place, annotation=entity)


def _build_triggers(document: Document, number: int) -> Iterator[ScorerItem]:
    for index, event in enumerate(document.events or ()):
        trigger = event.trigger
        if trigger is not None:
            place = trigger.start, trigger.end, surface_form(document.text, trigger)
            key = trigger_fragments(event)
            yield ScorerItem(number, event.label, key, None, *place, index, event)


def _build_arguments(document: Document, number: int) -> Iterator[ScorerItem]:
    for index, event in enumerate(document.events or ()):
        group = event.label, trigger_fragments(event)
        for argument in event.arguments:
            place = argument.start, argument.end, surface_form(document.text, argument)
            key = group, span_fragments(argument)
            yield ScorerItem(number, argument.role, key, None, *place, index, argument)


# The items of surfaces are those of entities, see `list_surfaces`.
EMULATED_LAYERS = {
    "entities": EmulatedLayer("entities", "entities", _build_entities),
    "surfaces": EmulatedLayer("entities", "entities", _build_entities),
    "triggers": EmulatedLayer("events", "triggers", _build_triggers, is_set=True),
    "attached-arguments": EmulatedLayer("events", "arguments", _build_arguments, is_set=True),
}


def is_annotated(document: Document, layer: str) -> bool:
    """Whether a layer of metrics was annotated."""
    return getattr(document, EMULATED_LAYERS[layer].document_layer) is not None


def build_items(document: Document, layer: str, number: int) -> Iterator[ScorerItem]:
    """Evalkit's items of a layer of a document, without sources. number: of the document.

    The key of an item is what strict compares beside the label. A prediction that has no place in
    the text has a key of its own, which equals no other.
    """
    yield from EMULATED_LAYERS[layer].build(document, number)
    for index, item in enumerate(document.unplaced or ()):
        if item.layer == EMULATED_LAYERS[layer].unplaced:
            kind = UNREADABLE if item.quote is None else UNPLACED
            yield ScorerItem(number, item.label, (kind, index), None, None, None, item.quote or "")
