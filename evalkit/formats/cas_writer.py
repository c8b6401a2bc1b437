"""Writes a document as a CAS with DKPro Core's types; cas.py describes the format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from evalkit.data.document import Document, Entity, Event
from evalkit.errors import InputError, quoted_repr, spell_option
from evalkit.formats.cas_file import (
    ARGUMENT,
    ARRAY,
    DESCRIBED,
    LINK,
    NAMED,
    PREDICATE,
    cassis,
    output_type_system,
)
from evalkit.formats.conversion import ConversionReport

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def skip_failed(document: Document, conversion: ConversionReport) -> bool:
    """Whether a document is skipped because it failed.

    Raises InputError for a document whose entities were not annotated.
    """
    where = f"document {quoted_repr(document.id)}"
    if document.failure is not None:
        conversion.skipped.add("documents that failed", where)
        return True
    if document.entities is None:
        raise InputError(
            f"{where}: its entities were not annotated, and a CAS without NamedEntity says that"
            " there are none; set entities=[] if there are none"
        )
    return False


def to_bytes(document: Document, file_format: str, conversion: ConversionReport) -> bytes:
    """Returns a document as the bytes of a file, and counts what is dropped.

    Raises InputError for characters that XML does not allow.
    """
    cas = cassis().Cas(
        typesystem=output_type_system(), sofa_string=document.text, sofa_mime="text/plain"
    )
    count_unsupported(document, conversion)
    about = {
        "documentTitle": document.id,
        "documentId": document.id,
        "language": language(document),
    }
    add(cas, DESCRIBED, 0, len(document.text), **about)
    for entity in sorted(document.entities or (), key=lambda one: (one.start, one.end)):
        if not entity.fragments:
            add(
                cas,
                NAMED,
                entity.start,
                entity.end,
                value=entity.label,
                identifier=identifier(entity),
            )
    for event in sorted(
        document.events or (), key=lambda one: (one.trigger.start, one.trigger.end)
    ):
        if not event.trigger.fragments:
            add(
                cas,
                PREDICATE,
                event.trigger.start,
                event.trigger.end,
                category=event.label,
                arguments=links(cas, event),
            )
    if file_format == "json":
        text: str = cas.to_json()
    else:
        check_xml(document)
        text = cas.to_xmi()
    return text.encode()


def add(cas: Any, kind: str, start: int, end: int, **features: Any) -> Any:
    """Adds an annotation to a CAS, and returns it."""
    made = cas.typesystem.get_type(kind)(begin=start, end=end, **features)
    cas.add(made)
    return made


def links(cas: Any, event: Event) -> Any:
    """Returns the arguments of an event as an array of links, each with its role."""
    link, array = (cas.typesystem.get_type(name) for name in (LINK, ARRAY))
    return array(
        elements=[
            link(role=argument.role, target=add(cas, ARGUMENT, argument.start, argument.end))
            for argument in event.arguments
            if not argument.fragments
        ]
    )


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
    for name, many in (
        ("attributions", document.attributions),
        ("zones", document.zones),
        ("unplaced items", document.unplaced),
    ):
        for index in range(len(many or ())):
            conversion.add(name, f"{where}, {name}[{index}]")
    for name in ("events", "attributions"):
        if getattr(document, name) == ():
            conversion.add(f"empty layers of {name}", where)
    if document.meta is not None and document.meta != {"language": language(document)}:
        conversion.add("meta but for the language", where)
    for layer in ("entities", "events"):
        for index, annotation in enumerate(getattr(document, layer) or ()):
            for lost in unsupported_fields(annotation):
                conversion.add(lost, f"{where}, {layer}[{index}]")


def unsupported_fields(annotation: Entity | Event) -> Iterator[str]:
    """Yields a name for each field of an entity or event that is dropped."""
    what = "entities" if isinstance(annotation, Entity) else "events"
    if (annotation if isinstance(annotation, Entity) else annotation.trigger).fragments:
        yield (
            "discontinuous entities"
            if isinstance(annotation, Entity)
            else "events with discontinuous triggers"
        )
        return
    yield from (
        f"{name.rstrip('s')}s of {what}"
        for name in ("id", "score", "realis")
        if getattr(annotation, name, None) is not None
    )
    held = {"identifier": identifier(annotation)} if isinstance(annotation, Entity) else {}
    if annotation.attributes is not None and annotation.attributes != held:
        yield f"attributes of {what}"
    for argument in annotation.arguments if isinstance(annotation, Event) else ():
        if argument.fragments:
            yield "discontinuous arguments"
            continue
        yield from (
            f"{name}s of arguments"
            for name in ("ref", "score")
            if getattr(argument, name) is not None
        )


def check_xml(document: Document) -> None:
    """Raises InputError for a character that XML does not allow."""
    labels = [
        *(entity.label for entity in document.entities or ()),
        *(event.label for event in document.events or ()),
    ]
    roles = [argument.role for event in document.events or () for argument in event.arguments]
    others = [
        language(document) or "",
        *(identifier(entity) or "" for entity in document.entities or ()),
    ]
    for what, text in (
        ("text", document.text),
        ("id", document.id),
        *(("label", one) for one in (*labels, *roles, *others)),
    ):
        if result := _NOT_XML.search(text):
            raise InputError(
                f"document {quoted_repr(document.id)}, {what}: {quoted_repr(result[0])} at"
                f" {result.start()} cannot be written as XML; use"
                f" {spell_option('file_format', 'json', of='format')}"
            )
