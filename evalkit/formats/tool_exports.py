"""Documents from exports of annotation tools: what prodigy, doccano and labelstudio share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import Any

import msgspec

from evalkit.data.document import Attributes, Document, Entity
from evalkit.data.field_checks import validate_offsets
from evalkit.errors import (
    MAX_REPORTED_ERRORS,
    DocumentError,
    InputError,
    LoadError,
    past_end_problem,
    quoted_repr,
)
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.json_records import count_unsupported, skip_failed
from evalkit.formats.jsonl import check_surface
from evalkit.formats.offsets import OffsetConvention, Offsets, SurfaceCheck
from evalkit.formats.registry import DocumentResults

NOT_ANNOTATED = (
    "its entities were not annotated, and the file would say that there are none; set entities=[]"
    " if there are none"
)


class RawSpan(msgspec.Struct):
    """A stretch of text as a file has it.

    `at` is its path in the file, such as "spans[3]"; `text` its surface form as the file has it.
    """

    at: str
    start: int
    end: int
    label: str = ""
    text: str | None = None
    id: str | None = None
    score: float | None = None
    attributes: Attributes | None = None


class RawDocument(msgspec.Struct):
    """A document as a file has it.

    `stretches` are its entities, None where nobody annotated it; `checks` are no entities, such as
    tokens.
    """

    id: str
    text: str
    stretches: list[RawSpan] | None
    checks: list[RawSpan] = []
    meta: dict[str, Any] | None = None


Drafts = Iterator[tuple[str, RawDocument | LoadError]]


def documents(drafts: Drafts, reading: OffsetConvention) -> DocumentResults:
    """The document of each draft, or everything that is wrong with it."""
    for position, draft in drafts:
        yield (
            position,
            draft if isinstance(draft, LoadError) else _document(position, draft, reading),
        )


def cases(drafts: Drafts) -> Iterator[SurfaceCheck]:
    """What each stretch with a text of its own says, nothing of it checked."""
    for _, draft in drafts:
        if isinstance(draft, RawDocument):
            for stretch in chain(draft.checks, draft.stretches or ()):
                if stretch.text is not None:
                    yield draft.text, stretch.start, stretch.end, stretch.text


def _document(position: str, draft: RawDocument, reading: OffsetConvention) -> Document | LoadError:
    where, offsets = (
        f"{position}: document {quoted_repr(draft.id)}",
        reading.converter_for(draft.text),
    )
    entities: list[Entity] = []
    errors: list[str] = []
    checks = len(draft.checks)
    for n, stretch in enumerate(chain(draft.checks, draft.stretches or ())):
        try:
            _check(stretch, draft.text, offsets, reading)
            if n >= checks:
                entities.append(
                    Entity(
                        stretch.label,
                        stretch.start,
                        stretch.end,
                        stretch.id,
                        (),
                        stretch.score,
                        stretch.attributes,
                    )
                )
        except DocumentError as error:
            errors.append(f"{where}, {stretch.at}.{error.field}: {error.message}")
            if len(errors) == MAX_REPORTED_ERRORS:
                break
    if errors:
        return LoadError(errors)
    annotated = None if draft.stretches is None else tuple(entities)
    try:
        return Document(draft.id, draft.text, annotated, meta=draft.meta)
    except DocumentError as error:
        return LoadError([f"{position}: {error}"])


def _check(stretch: RawSpan, text: str, offsets: Offsets, reading: OffsetConvention) -> None:
    """Turn the offsets into those of a Document.

    Raises DocumentError where no text, or another one, stands there.
    """
    stretch.start, stretch.end = offsets.span(stretch.start, stretch.end)
    validate_offsets(stretch)
    if stretch.end > len(text):
        raise DocumentError(past_end_problem(stretch.end, len(text)), field="end")
    if stretch.text is not None and not reading.same(
        stretch.text, text[stretch.start : stretch.end]
    ):
        check_surface(stretch, text, field="")


def document_id(id: str | int | None, otherwise: str) -> str:
    """An id as a Document has it: numbers become text, and what has none the other name."""
    return otherwise if id is None or id == "" else str(id)


def supported_documents(
    documents: Iterable[Document],
    conversion: ConversionReport,
    held: Collection[str],
    *,
    unannotated: bool,
) -> Iterator[Document]:
    """The documents without what a tool cannot hold, which is counted. held: as in json_records.py.

    Documents that failed are left out. Raises InputError for one whose entities were not annotated,
    unless the format can represent `unannotated` ones.
    """
    for document in documents:
        if not skip_failed(document, conversion):
            continue
        if document.entities is None and not unannotated:
            raise InputError(f"document {quoted_repr(document.id)}: {NOT_ANNOTATED}")
        count_unsupported(document, conversion, held)
        if document.events == ():
            conversion.add(
                "layers that were annotated and are empty",
                f"document {quoted_repr(document.id)}, events",
            )
        yield Document(document.id, document.text, _whole(document, conversion), meta=document.meta)


def _whole(document: Document, conversion: ConversionReport) -> tuple[Entity, ...] | None:
    for index, entity in enumerate(document.entities or ()):
        if entity.fragments:
            conversion.add(
                "discontinuous entities", f"document {quoted_repr(document.id)}, entities[{index}]"
            )
    return (
        None
        if document.entities is None
        else tuple(entity for entity in document.entities if not entity.fragments)
    )
