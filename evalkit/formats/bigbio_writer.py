"""Writes a document as a BigBIO record; bigbio.py describes the format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evalkit.data.document import (
    Document,
    Event,
    Fragments,
    Relation,
    Zone,
    span_fragments,
    trigger_fragments,
)
from evalkit.errors import quoted_repr
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.entity_refs import ARGUMENT, EntityReferences, public_id

WHOLE = "document"  # type of a passage with the whole text
BETWEEN = "text"  # type of passages between zones


class BigBioWriter:
    """Converts one document to a record."""

    def __init__(self, document: Document, conversion: ConversionReport) -> None:
        """Chooses the ids of all entities and events."""
        self.document, self._conversion = document, conversion
        self._links = EntityReferences(document, conversion)
        self._entities = [
            (self._links.add(entity, "T", entity), entity) for entity in document.entities or ()
        ]
        self._events = [(self._links.add(event, "E"), event) for event in document.events or ()]
        # The written ids of entities and events, by their ids in the document
        self._written_ids: dict[str | None, str] = {}
        self._written_ids.update((entity.id, id) for id, entity in self._entities)
        self._written_ids.update((event.id, id) for id, event in self._events)
        self._triggers = {
            public_id(event.id): trigger_fragments(event) for event in document.events or ()
        }

    def line(self) -> dict[str, Any]:
        """Returns the record."""
        document = self.document
        entities = [
            self._entity(id, entity.label, span_fragments(entity)) for id, entity in self._entities
        ]
        events = [self._event(id, event, n) for n, (id, event) in enumerate(self._events)]
        # The events come first: their arguments add to `helpers`.
        entities += [
            self._entity(id, ARGUMENT, pieces) for pieces, id in self._links.helpers.items()
        ]
        passages = [
            self._passage(n, zone)
            for n, zone in enumerate(_passages(document, self._conversion), 1)
        ]
        record: dict[str, Any] = {
            "id": document.id,
            "document_id": document.id,
            "passages": passages,
        }
        if entities or document.entities is not None:
            record["entities"] = entities
        if document.events is not None:
            record["events"] = events
        record["coreferences"] = []
        if document.relations is not None:
            record["relations"] = [
                self._relation(relation, n) for n, relation in enumerate(document.relations)
            ]
        return record

    def _passage(self, n: int, zone: Zone) -> dict[str, Any]:
        surface = self._surface(span_fragments(zone))
        return {"id": self._id(f"~P{n}"), "type": zone.label, **surface}

    def _event(self, id: str, event: Event, n: int) -> dict[str, Any]:
        return {
            "id": self._id(id),
            "type": event.label,
            "trigger": self._surface(trigger_fragments(event)),
            "arguments": list(self._arguments(event, n)),
        }

    def _relation(self, relation: Relation, n: int) -> dict[str, Any]:
        id = public_id(relation.id)
        if id is None and relation.id is not None:
            self._conversion.add(
                "ids that look generated",
                f"document {quoted_repr(self.document.id)}, relations[{n}]",
            )
        return {
            "id": self._id(id or f"~R{n + 1}"),
            "type": relation.label,
            "arg1_id": self._id(self._written_ids[relation.head]),
            "arg2_id": self._id(self._written_ids[relation.tail]),
            "normalized": [],
        }

    def _id(self, id: str) -> str:
        return f"{self.document.id}/{id}"

    def _entity(self, id: str, label: str, pieces: Fragments) -> dict[str, Any]:
        return {"id": self._id(id), "type": label, **self._surface(pieces), "normalized": []}

    def _surface(self, pieces: Fragments) -> dict[str, Any]:
        return {"text": [self.document.text[start:end] for start, end in pieces], "offsets": pieces}

    def _arguments(self, event: Event, n: int) -> Iterator[dict[str, str]]:
        for m, argument in enumerate(event.arguments):
            where = f"document {quoted_repr(self.document.id)}, events[{n}].arguments[{m}]"
            ref = public_id(argument.ref)
            if ref is not None and self._triggers.get(ref) == span_fragments(argument):
                id = ref
            else:
                id = self._links.reference_for(argument)
            if argument.ref is None and public_id(id):
                self._conversion.add("arguments without a ref, which come back with one", where)
            elif public_id(id) != argument.ref:
                self._conversion.add("refs to other spans", where)
            yield {"role": argument.role, "ref_id": self._id(id)}


def _passages(document: Document, conversion: ConversionReport) -> Iterator[Zone]:
    """Yields the zones in text order, and the text between them as further zones."""
    at, size = 0, len(document.text)
    for zone in _representable_zones(document, conversion):
        if at < zone.start:
            yield Zone(BETWEEN, at, zone.start)
        yield zone
        at = zone.end
    if at < size:
        yield Zone(BETWEEN if at else WHOLE, at, size)


def _representable_zones(document: Document, conversion: ConversionReport) -> Iterator[Zone]:
    at = 0
    for n, zone in sorted(enumerate(document.zones), key=lambda item: (item[1].start, item[1].end)):
        where = f"document {quoted_repr(document.id)}, zones[{n}]"
        if zone.start < at:
            conversion.add("zones that overlap another", where)
        elif zone.label == BETWEEN or zone == Zone(WHOLE, 0, len(document.text)):
            conversion.add("zones whose label means none", where)
        else:
            yield zone
            at = zone.end
