"""Writes a document as a CAS with DKPro Core's types; cas.py describes the format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from evalkit.data.document import Argument, Document, Entity, Event, Relation, Span
from evalkit.errors import InputError, quoted_repr, spell_option
from evalkit.formats.cas_file import (
    ARGUMENT,
    ARRAY,
    HEAD,
    LINK,
    METADATA,
    NAMED,
    PREDICATE,
    RELATION,
    TAIL,
    cassis,
    output_type_system,
)
from evalkit.formats.conversion import ConversionReport

DISCONTINUOUS_TRIGGERS = "events with discontinuous triggers"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_bytes(document: Document, file_format: str, conversion: ConversionReport) -> bytes:
    """Returns a document as the bytes of a file, and counts what is dropped.

    Raises InputError for characters that XML does not allow.
    """
    cas = cassis().Cas(
        typesystem=output_type_system(relations=bool(document.relations)),
        sofa_string=document.text,
        sofa_mime="text/plain",
    )
    count_unsupported(document, conversion)
    metadata = {
        "documentTitle": document.id,
        "documentId": document.id,
        "language": language(document),
    }
    add(cas, METADATA, 0, len(document.text), **metadata)
    written: dict[str | None, Any] = {}  # entities and events, by id
    for entity in sorted(document.entities or (), key=lambda entity: (entity.start, entity.end)):
        if not entity.fragments:
            features = {"value": entity.label, "identifier": identifier(entity)}
            written[entity.id] = add(cas, NAMED, entity.start, entity.end, **features)
    for event, trigger in iter_writable_events(document):
        written[event.id] = add(
            cas,
            PREDICATE,
            trigger.start,
            trigger.end,
            category=event.label,
            arguments=links(cas, event),
        )
    for index, relation in enumerate(document.relations or ()):
        if relation.head in written and relation.tail in written:
            add_relation(cas, relation, written[relation.head], written[relation.tail])
        else:
            conversion.add(
                "relations with an argument that is not written",
                f"document {quoted_repr(document.id)}, relations[{index}]",
            )
    if file_format == "json":
        text: str = cas.to_json()
    else:
        check_xml(document)
        text = cas.to_xmi()
    return text.encode()


def iter_writable_events(document: Document) -> Iterator[tuple[Event, Span]]:
    """Yields the events whose trigger is one range, with it, in the order of the text."""
    events = []
    for event in document.events or ():
        if event.trigger is not None and not event.trigger.fragments:
            events.append((event, event.trigger))
    yield from sorted(events, key=lambda pair: (pair[1].start, pair[1].end))


def add(cas: Any, kind: str, start: int, end: int, **features: Any) -> Any:
    """Adds an annotation to a CAS, and returns it."""
    annotation = cas.typesystem.get_type(kind)(begin=start, end=end, **features)
    cas.add(annotation)
    return annotation


def add_relation(cas: Any, relation: Relation, head: Any, tail: Any) -> None:
    """Adds a relation to a CAS, at the position of its tail, as INCEpTION does."""
    arguments = {HEAD: head, TAIL: tail}
    add(cas, RELATION, tail.begin, tail.end, label=relation.label, **arguments)


def links(cas: Any, event: Event) -> Any:
    """Returns the arguments of an event as an array of links, each with its role."""
    make_link = cas.typesystem.get_type(LINK)
    elements = []
    for argument in event.arguments:
        if not argument.fragments:
            target = add(cas, ARGUMENT, argument.start, argument.end)
            elements.append(make_link(role=argument.role, target=target))
    return cas.typesystem.get_type(ARRAY)(elements=elements)


def language(document: Document) -> str | None:
    """Returns the language in the meta of a document; None if there is none."""
    value = (document.meta or {}).get("language")
    return value if isinstance(value, str) and value not in ("", "x-unspecified") else None


def identifier(entity: Entity) -> str | None:
    """Returns the attribute `identifier`, for which NamedEntity has a feature."""
    value = (entity.attributes or {}).get("identifier")
    return value if isinstance(value, str) else None


def count_unsupported(document: Document, conversion: ConversionReport) -> None:
    """Counts the fields of a document that a CAS does not have."""
    where = f"document {quoted_repr(document.id)}"
    for name, items in (
        ("attributions", document.attributions),
        ("zones", document.zones),
        ("unplaced items", document.unplaced),
    ):
        for index in range(len(items or ())):
            conversion.add(name, f"{where}, {name}[{index}]")
    for name in ("events", "attributions"):
        if getattr(document, name) == ():
            conversion.add(f"empty layers of {name}", where)
    if document.meta is not None and document.meta != {"language": language(document)}:
        conversion.add("meta but for the language", where)
    for layer in ("entities", "events", "relations"):
        for index, annotation in enumerate(getattr(document, layer) or ()):
            for name in unsupported_fields(annotation):
                conversion.add(name, f"{where}, {layer}[{index}]")


def unsupported_fields(annotation: Entity | Event | Relation) -> Iterator[str]:
    """Yields a name for each field of an entity, event or relation that is dropped."""
    written_attributes: dict[str, Any] = {}
    arguments: tuple[Argument, ...] = ()
    if isinstance(annotation, Entity):
        layer = "entities"
        if annotation.fragments:
            yield "discontinuous entities"
            return
        written_attributes = {"identifier": identifier(annotation)}
    elif isinstance(annotation, Relation):
        layer = "relations"
    else:
        layer = "events"
        trigger = annotation.trigger
        if trigger is None or trigger.fragments:
            yield "events without a trigger" if trigger is None else DISCONTINUOUS_TRIGGERS
            return
        arguments = annotation.arguments
    for field, plural in (("id", "ids"), ("score", "scores"), ("realis", "realis")):
        if getattr(annotation, field, None) is not None:
            yield f"{plural} of {layer}"
    if annotation.attributes is not None and annotation.attributes != written_attributes:
        yield f"attributes of {layer}"
    for argument in arguments:
        yield from _unsupported_argument_fields(argument)


def _unsupported_argument_fields(argument: Argument) -> Iterator[str]:
    """Yields a name for each field of an argument that is dropped."""
    if argument.fragments:
        yield "discontinuous arguments"
        return
    for field in ("ref", "score", "head"):
        if getattr(argument, field) is not None:
            yield f"{field}s of arguments"


def check_xml(document: Document) -> None:
    """Raises InputError for a character that XML does not allow."""
    strings = [("text", document.text), ("id", document.id)]
    entities, events = document.entities or (), document.events or ()
    strings += [("label", entity.label) for entity in entities]
    strings += [("label", event.label) for event in events]
    strings += [("label", relation.label) for relation in document.relations or ()]
    for event in events:
        strings += [("label", argument.role) for argument in event.arguments]
    strings.append(("label", language(document) or ""))
    strings += [("label", identifier(entity) or "") for entity in entities]
    for field, text in strings:
        invalid = _NOT_XML.search(text)
        if invalid:
            raise InputError(
                f"document {quoted_repr(document.id)}, {field}: {quoted_repr(invalid[0])} at"
                f" {invalid.start()} cannot be written as XML; use"
                f" {spell_option('file_format', 'json', of='format')}"
            )
