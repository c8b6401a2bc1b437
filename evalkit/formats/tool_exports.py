"""Shared code of the readers and writers for annotation tools (Prodigy, doccano, Label Studio)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import Any

import msgspec

from evalkit.data.document import Attributes, Document, Entity, Relation
from evalkit.data.field_checks import validate_offsets
from evalkit.errors import (
    MAX_REPORTED_ERRORS,
    DocumentError,
    LoadError,
    past_end_problem,
    quoted_repr,
)
from evalkit.formats.conversion import ConversionReport, skip_unannotated
from evalkit.formats.json_records import count_unsupported, skip_failed
from evalkit.formats.jsonl import check_surface
from evalkit.formats.offsets import OffsetConvention, Offsets, SurfaceCheck
from evalkit.formats.registry import DocumentResults


class RawSpan(msgspec.Struct):
    """An unchecked span, with its offsets as in the file.

    `at` is its path in the record, such as "spans[3]"; `text` is the surface form in the file;
    `position` is its file:line, where that is another one than that of the document.
    """

    at: str
    start: int
    end: int
    label: str = ""
    text: str | None = None
    id: str | None = None
    score: float | None = None
    attributes: Attributes | None = None
    position: str = ""


class RawRelation(msgspec.Struct):
    """An unchecked relation. `at` is its path in the record."""

    at: str
    label: str
    head: str
    tail: str
    id: str | None = None
    score: float | None = None
    attributes: Attributes | None = None


class RawDocument(msgspec.Struct):
    """An unchecked document, with offsets as in the file.

    `entities` is None if the document was not annotated; so is `relations`. `checks` are spans that
    are checked but are not entities, such as tokens.
    """

    id: str
    text: str
    entities: list[RawSpan] | None
    checks: list[RawSpan] = []
    meta: dict[str, Any] | None = None
    relations: list[RawRelation] | None = None


Drafts = Iterator[tuple[str, RawDocument | LoadError]]


def documents(drafts: Drafts, reading: OffsetConvention) -> DocumentResults:
    """Yields the location of each draft and its document, or a LoadError with all of its errors."""
    for position, draft in drafts:
        if isinstance(draft, LoadError):
            yield position, draft
        else:
            yield position, build_document(position, draft, reading)


def cases(drafts: Drafts) -> Iterator[SurfaceCheck]:
    """Yields document text, start, end and surface form of each span with a text, unchecked."""
    for _, draft in drafts:
        if isinstance(draft, RawDocument):
            for span in chain(draft.checks, draft.entities or ()):
                if span.text is not None:
                    yield draft.text, span.start, span.end, span.text


def build_document(
    position: str, draft: RawDocument, reading: OffsetConvention
) -> Document | LoadError:
    """Returns the document of a draft, or a LoadError with all of its errors."""
    offsets = reading.converter_for(draft.text)
    entities: list[Entity] = []
    errors: list[str] = []
    for index, span in enumerate(chain(draft.checks, draft.entities or ())):
        is_entity = index >= len(draft.checks)
        try:
            _convert_offsets(span, draft.text, offsets, reading)
            if is_entity:
                entities.append(_entity(span))
        except DocumentError as error:
            where = f"{span.position or position}: document {quoted_repr(draft.id)}"
            errors.append(f"{where}, {span.at}.{error.field}: {error.message}")
            if len(errors) == MAX_REPORTED_ERRORS:
                break
    relations: list[Relation] = []
    for relation in draft.relations or ():
        try:
            relations.append(_relation(relation))
        except DocumentError as error:
            where = f"{position}: document {quoted_repr(draft.id)}"
            errors.append(f"{where}, {relation.at}.{error.field}: {error.message}")
    if errors:
        return LoadError(errors[:MAX_REPORTED_ERRORS])
    try:
        return Document(
            draft.id,
            draft.text,
            None if draft.entities is None else tuple(entities),
            relations=None if draft.relations is None else tuple(relations),
            meta=draft.meta,
        )
    except DocumentError as error:
        return LoadError([f"{position}: {error}"])


def _entity(span: RawSpan) -> Entity:
    return Entity(
        span.label,
        span.start,
        span.end,
        id=span.id,
        score=span.score,
        attributes=span.attributes,
    )


def _relation(relation: RawRelation) -> Relation:
    return Relation(
        relation.label,
        relation.head,
        relation.tail,
        id=relation.id,
        score=relation.score,
        attributes=relation.attributes,
    )


def _convert_offsets(span: RawSpan, text: str, offsets: Offsets, reading: OffsetConvention) -> None:
    """Converts the offsets of a span, in place, to those of a Document.

    Raises DocumentError for invalid offsets, or if the surface form is not the text at the offsets.
    """
    span.start, span.end = offsets.span(span.start, span.end)
    validate_offsets(span)
    if span.end > len(text):
        raise DocumentError(past_end_problem(span.end, len(text)), field="end")
    if span.text is not None and not reading.same(span.text, text[span.start : span.end]):
        check_surface(span, text, field="")


def document_id(id: str | int | None, default: str) -> str:
    """The id as a string; `default` if it is missing or empty."""
    return default if id is None or id == "" else str(id)


def supported_documents(
    documents: Iterable[Document],
    conversion: ConversionReport,
    held: Collection[str],
    *,
    unannotated: bool,
) -> Iterator[Document]:
    """Yields the documents without the fields that a format does not support, which are counted as
    dropped; failed documents are left out.

    held: names of supported fields, as for `count_unsupported`. unannotated: whether the format can
    represent documents whose entities were not annotated; if not, they are counted as skipped.
    """
    for document in documents if unannotated else skip_unannotated(documents, conversion):
        if not skip_failed(document, conversion):
            continue
        count_unsupported(document, conversion, held)
        if document.events == ():
            conversion.add(
                "layers that were annotated and are empty",
                f"document {quoted_repr(document.id)}, events",
            )
        entities = _contiguous_entities(document, conversion)
        relations = None
        if "relations" in held and document.relations is not None:
            relations = _relations_between(document, entities, conversion)
        yield Document(
            document.id, document.text, entities, relations=relations, meta=document.meta
        )


def _relations_between(
    document: Document, entities: tuple[Entity, ...] | None, conversion: ConversionReport
) -> tuple[Relation, ...]:
    """The relations between these entities; the others are counted as dropped."""
    ids = {entity.id for entity in entities or ()}
    kept = []
    for index, relation in enumerate(document.relations or ()):
        if relation.head in ids and relation.tail in ids:
            kept.append(relation)
        else:
            location = f"document {quoted_repr(document.id)}, relations[{index}]"
            conversion.add("relations with an argument that is not written", location)
    return tuple(kept)


def _contiguous_entities(
    document: Document, conversion: ConversionReport
) -> tuple[Entity, ...] | None:
    """The entities that are not discontinuous; the others are counted as dropped."""
    if document.entities is None:
        return None
    kept = []
    for index, entity in enumerate(document.entities):
        if entity.fragments:
            location = f"document {quoted_repr(document.id)}, entities[{index}]"
            conversion.add("discontinuous entities", location)
        else:
            kept.append(entity)
    return tuple(kept)
