"""Applying label maps to the annotations of a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from evalkit.data.document import (
    Argument,
    Document,
    Entity,
    Event,
    Relation,
    Span,
    remove_references,
)
from evalkit.data.gold_alternatives import drop_equal_alternatives
from evalkit.data.schema import LabelMap

EVENT_LAYERS = {"triggers", "arguments", "realis"}  # layers whose label maps change events


def map_document_labels(document: Document, maps: Mapping[str, LabelMap]) -> Document:
    """The document with its labels renamed or dropped.

    maps: label maps keyed by layer. Annotations whose label is mapped to None are dropped: an event
    with its arguments, an argument of a relation with the relation; arguments of events that refer
    to a dropped annotation lose their `ref`. Alternatives of entities whose label is dropped, or
    that become equal to another entity or alternative, are removed.
    """
    entities, events, relations = document.entities, document.events, document.relations
    if entities is not None and "entities" in maps:
        entities = _map_entities(entities, maps["entities"])
    if events is not None and maps.keys() & EVENT_LAYERS:
        events = tuple(_map_events(events, maps))
    dropped_ids = _annotation_ids(document.entities, document.events)
    dropped_ids -= _annotation_ids(entities, events)
    if events and dropped_ids:
        events = tuple(remove_references(event, dropped_ids) for event in events)
    if relations is not None:
        relations = tuple(_map_relations(relations, maps.get("relations", {}), dropped_ids))
    return replace(document, entities=entities, events=events, relations=relations)


def _map_entities(entities: Iterable[Entity], label_map: LabelMap) -> tuple[Entity, ...]:
    kept = []
    for entity in entities:
        label = label_map.get(entity.label, entity.label)
        if label is not None:
            alternatives = map_alternatives(entity, label_map)
            kept.append(replace(entity, label=label, alternatives=alternatives))
    return drop_equal_alternatives(kept)


def map_alternatives(entity: Entity, label_map: LabelMap) -> tuple[Span | Entity, ...]:
    """The alternatives of an entity with their labels renamed; without those whose label is
    dropped.
    """
    if not entity.alternatives:
        return ()
    kept = []
    for alternative in entity.alternatives:
        if isinstance(alternative, Span):
            kept.append(alternative)
            continue
        label = label_map.get(alternative.label, alternative.label)
        if label is not None:
            kept.append(replace(alternative, label=label))
    return tuple(kept)


def _map_events(events: Iterable[Event], maps: Mapping[str, LabelMap]) -> list[Event]:
    type_map = maps.get("triggers", {})
    role_map = maps.get("arguments", {})
    realis_map = maps.get("realis", {})
    kept = []
    for event in events:
        label = type_map.get(event.label, event.label)
        if label is None:
            continue
        changed: dict[str, Any] = {"label": label}
        changed["arguments"] = tuple(_map_roles(event.arguments, role_map))
        if event.realis is not None:
            changed["realis"] = realis_map.get(event.realis, event.realis)
        kept.append(replace(event, **changed))
    return kept


def _map_relations(
    relations: Iterable[Relation], label_map: LabelMap, dropped_ids: set[str]
) -> list[Relation]:
    kept = []
    for relation in relations:
        label = label_map.get(relation.label, relation.label)
        if label is not None and not dropped_ids & {relation.head, relation.tail}:
            kept.append(replace(relation, label=label))
    return kept


def _map_roles(arguments: Iterable[Argument], role_map: LabelMap) -> list[Argument]:
    kept = []
    for argument in arguments:
        role = role_map.get(argument.role, argument.role)
        if role is not None:
            kept.append(replace(argument, role=role))
    return kept


def _annotation_ids(*layers: Iterable[Entity | Event] | None) -> set[str]:
    ids: set[str] = set()
    for layer in layers:
        for annotation in layer or ():
            if annotation.id is not None:
                ids.add(annotation.id)
    return ids
