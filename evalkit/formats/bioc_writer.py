"""Writes documents as records of a BioC file, as they are in JSON; bioc.py describes the format."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

from evalkit.data.document import (
    Attributes,
    Document,
    Event,
    Fragments,
    Relation,
    Zone,
    span_fragments,
    trigger_fragments,
)
from evalkit.errors import quoted_repr
from evalkit.formats.annotated_layers import UnannotatedLayers
from evalkit.formats.bioc_reader import (
    MAX_GAP,
    RELATION_LABELS,
    ROLE_ATTRIBUTES,
    ROLES,
    TRIGGER,
)
from evalkit.formats.conversion import ConversionReport, drop_indistinguishable, skip_unannotated
from evalkit.formats.entity_refs import ARGUMENT, EntityReferences, public_id
from evalkit.formats.json_records import count_unsupported, skip_failed
from evalkit.formats.pubtator_mentions import LINK, NIL

HELD = {
    "entities",
    "entities.id",
    "entities.attributes",
    "events",
    "events.id",
    "events.attributes",
    "arguments.ref",
    "relations",
    "relations.id",
    "relations.attributes",
    "zones",
    "meta",
}
LABEL, IDENTIFIER = "type", "identifier"  # infons


def iter_written(
    documents: Iterable[Document], conversion: ConversionReport, *, only_strings: bool
) -> Iterator[dict[str, Any]]:
    """Yields the record of each document, and counts what is dropped. only_strings: infons have no
    other values, as in XML.

    Raises InputError if the entities of no document were annotated.
    """
    layers = UnannotatedLayers("events", "relations")
    annotated = skip_unannotated(documents, conversion)
    for document in drop_indistinguishable(annotated, conversion, names_events=True):
        if not skip_failed(document, conversion):
            continue
        count_unsupported(document, conversion, HELD)
        record = _RecordWriter(document, conversion, only_strings=only_strings).record()
        events = sum(_is_event(relation) for relation in record["relations"])
        layers.add(document, "events", events)
        layers.add(document, "relations", len(record["relations"]) - events)
        yield record
    layers.count(conversion)


def _is_event(relation: dict[str, Any]) -> bool:
    return any(node["role"] == TRIGGER for node in relation["nodes"])


class _RecordWriter:
    """Converts one document to a record."""

    def __init__(
        self, document: Document, conversion: ConversionReport, *, only_strings: bool
    ) -> None:
        """Chooses the ids of all entities and events."""
        self._document, self._conversion = document, conversion
        self._only_strings = only_strings
        self._where = f"document {quoted_repr(document.id)}"
        self._links = EntityReferences(document, conversion)
        self._entities = [
            (self._links.add(entity, "T", entity), entity) for entity in document.entities or ()
        ]
        self._events: list[tuple[str, int, Event]] = []
        self._triggers: dict[str | None, Fragments | None] = {}
        for n, event in enumerate(document.events or ()):
            if event.trigger is None:
                conversion.add("events without a trigger", f"{self._where}, events[{n}]")
                continue
            self._events.append((self._links.add(event, "E"), n, event))
            if event.id is not None:
                self._triggers[public_id(event.id)] = trigger_fragments(event)
        self._written_ids: dict[str | None, str] = {}
        self._written_ids.update((entity.id, id) for id, entity in self._entities)
        self._written_ids.update((event.id, id) for id, _, event in self._events)

    def record(self) -> dict[str, Any]:
        """Returns the record."""
        document = self._document
        annotations = [
            self._annotation(
                id, entity.label, span_fragments(entity), entity.attributes, f"entities[{n}]"
            )
            for n, (id, entity) in enumerate(self._entities)
        ]
        relations = []
        for id, n, event in self._events:
            trigger_id = self._new_id(f"{id}.trigger")
            pieces = trigger_fragments(event) or ()
            annotations.append(self._annotation(trigger_id, event.label, pieces))
            relations.append(self._event(id, trigger_id, n, event))
        for pieces, id in self._links.helpers.items():
            annotations.append(self._annotation(id, ARGUMENT, pieces))
        for n, relation in enumerate(document.relations or ()):
            relations.append(self._relation(relation, n))
        passages = list(self._iter_passages())
        outside = _place_annotations(passages, annotations)
        return {
            "bioctype": "BioCDocument",
            "id": document.id,
            "infons": self._infons(document.meta or {}, "fields of meta", self._where, ()),
            "passages": passages,
            "annotations": outside,
            "relations": relations,
        }

    def _new_id(self, id: str) -> str:
        """An id that no annotation has, which begins with this one."""
        while id in self._links.ids:
            id += "'"
        self._links.ids.add(id)
        return id

    def _annotation(
        self,
        id: str,
        label: str,
        pieces: Fragments,
        attributes: Attributes | None = None,
        where: str = "",
    ) -> dict[str, Any]:
        text = self._document.text
        return {
            "id": id,
            "infons": {LABEL: label, **self._attributes(attributes, "entities", where)},
            "text": " ".join(text[start:end] for start, end in pieces),
            "locations": [{"offset": start, "length": end - start} for start, end in pieces],
        }

    def _attributes(
        self, attributes: Attributes | None, layer: str, where: str, *reserved: str
    ) -> dict[str, Any]:
        """The infons of attributes; those that are not read back are counted."""
        infons = dict(attributes or {})
        name, location = f"attributes of {layer}", f"{self._where}, {where}"
        written: dict[str, Any] = {}
        if LINK in infons:
            link = infons.pop(LINK)
            if link is None:
                written[IDENTIFIER] = NIL[1]
            elif isinstance(link, str) and link and link not in NIL:
                written[IDENTIFIER] = link
            else:
                self._conversion.add(name, location)
        taken = (LABEL, IDENTIFIER, *reserved)
        return {**written, **self._infons(infons, name, location, taken)}

    def _infons(
        self, values: dict[str, Any], name: str, where: str, reserved: Iterable[str]
    ) -> dict[str, Any]:
        """The values that infons can have; the others are counted."""
        infons = {}
        for key, value in values.items():
            is_written = not self._only_strings or (isinstance(value, str) and value != "")
            if key in reserved or not is_written:
                self._conversion.add(name, where)
            else:
                infons[key] = value
        return infons

    def _event(self, id: str, trigger_id: str, n: int, event: Event) -> dict[str, Any]:
        nodes = [{"refid": trigger_id, "role": TRIGGER}]
        for m, argument in enumerate(event.arguments):
            where = f"{self._where}, events[{n}].arguments[{m}]"
            if argument.role.lower() == TRIGGER:
                self._conversion.add("arguments with the role trigger", where)
                continue
            ref = public_id(argument.ref)
            if ref is not None and self._triggers.get(ref) == span_fragments(argument):
                target = ref
            else:
                target = self._links.reference_for(argument)
            if argument.ref is None and public_id(target):
                self._conversion.add("arguments without a ref, which come back with one", where)
            elif public_id(target) != argument.ref:
                self._conversion.add("refs to other spans", where)
            nodes.append({"refid": target, "role": argument.role})
        infons = self._attributes(event.attributes, "events", f"events[{n}]", *RELATION_LABELS)
        return {"id": id, "infons": {LABEL: event.label, **infons}, "nodes": nodes}

    def _relation(self, relation: Relation, n: int) -> dict[str, Any]:
        where = f"relations[{n}]"
        id = public_id(relation.id)
        if id is None and relation.id is not None:
            self._conversion.add("ids that look generated", f"{self._where}, {where}")
        attributes = dict(relation.attributes or {})
        nodes = []
        for argument, role, name in zip((relation.head, relation.tail), ROLES, ROLE_ATTRIBUTES):
            given = attributes.get(name)
            is_role = isinstance(given, str) and given not in ("", *ROLES)
            if is_role and str(given).lower() != TRIGGER:
                del attributes[name]
                nodes.append({"refid": self._written_ids[argument], "role": given})
            else:
                nodes.append({"refid": self._written_ids[argument], "role": role})
        infons = self._attributes(
            attributes, "relations", where, *RELATION_LABELS, *ROLE_ATTRIBUTES
        )
        return {
            "id": id or f"~R{n + 1}",
            "infons": {LABEL: relation.label, **infons},
            "nodes": nodes,
        }

    def _iter_passages(self) -> Iterator[dict[str, Any]]:
        """Yields zones in text order as passages, and the text between them as passages without a
        type, except for line feeds, with which readers fill gaps.
        """
        text = self._document.text
        at = 0
        for zone in [*self._iter_zones(), None]:
            end = len(text) if zone is None else zone.start
            between = text[at:end]
            is_gap = zone is not None and not between.strip("\n") and len(between) <= MAX_GAP
            if between and not is_gap:
                yield _passage(at, between)
            if zone is not None:
                yield _passage(zone.start, text[zone.start : zone.end], zone.label)
                at = zone.end

    def _iter_zones(self) -> Iterator[Zone]:
        at = 0
        zones = sorted(
            enumerate(self._document.zones), key=lambda item: (item[1].start, item[1].end)
        )
        for n, zone in zones:
            if zone.start < at:
                self._conversion.add("zones that overlap another", f"{self._where}, zones[{n}]")
            else:
                yield zone
                at = zone.end


def _passage(offset: int, text: str, label: str = "") -> dict[str, Any]:
    return {
        "bioctype": "BioCPassage",
        "offset": offset,
        "infons": {LABEL: label} if label else {},
        "text": text,
        "sentences": [],
        "annotations": [],
        "relations": [],
    }


def _place_annotations(
    passages: list[dict[str, Any]], annotations: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Adds each annotation to the passage in which it is, and returns those that are in none."""
    ends = [passage["offset"] + len(passage["text"]) for passage in passages]
    outside = []
    for annotation in annotations:
        start = annotation["locations"][0]["offset"]
        end = max(each["offset"] + each["length"] for each in annotation["locations"])
        index = bisect_right(ends, start)
        if index < len(passages) and passages[index]["offset"] <= start and end <= ends[index]:
            passages[index]["annotations"].append(annotation)
        else:
            outside.append(annotation)
    return outside
