"""langextract JSONL: an annotated document on each line, as `langextract.io` saves it.

    {"extractions": [{"extraction_class", "extraction_text",
                      "char_interval": {"start_pos", "end_pos"}, "attributes": {}}],
     "text", "document_id"}

Offsets count code points, the end exclusive. (Source: google/langextract 1.7.1, AnnotatedDocument
and `save_annotated_documents`.) An extraction that langextract could not align has no
`char_interval`, or one without positions: an entity without offsets, which is an unplaced item, or
is searched in the text (`ground`). Of aligned ones the span is read; where it differs from
`extraction_text`, as after a fuzzy alignment, this is counted.

**Reading options**: `ground`; `texts`: a corpus with the texts, for documents without `text`, and
with the ids, for documents to which langextract gave random ids: these are found by their texts.

Attributes are read; lists among them are dropped. Not read: alignment_status, extraction_index,
group_index. Dropped: descriptions, and attributes of extractions without offsets that are not
searched. Without `extractions`, or with null, entities were not annotated.

**Writing**: `alignment_status` is match_exact. Dropped: discontinuous entities, ids, scores,
attributes that are not strings, relations, events, attributions, zones, meta, failed documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonlines
import msgspec

from evalkit.data.document import Document, Entity
from evalkit.errors import LoadError, quoted_repr
from evalkit.files import replace_file
from evalkit.formats.conversion import ConversionReport, drop_indistinguishable
from evalkit.formats.json_records import iter_records
from evalkit.formats.quoted_records import (
    QuotedEntity,
    QuotedRecord,
    Records,
    build_documents,
    take_attributes,
)
from evalkit.formats.registry import DocumentResults
from evalkit.formats.tool_exports import supported_documents

HELD = {"entities", "entities.attributes"}


class CharInterval(msgspec.Struct):
    """The offsets of an extraction."""

    start_pos: int | None = None
    end_pos: int | None = None


class Extraction(msgspec.Struct):
    """An extraction: the keys that are known."""

    extraction_class: str
    extraction_text: str
    char_interval: CharInterval | None = None
    attributes: dict[str, Any] | None = None
    alignment_status: str | None = None
    extraction_index: int | None = None
    group_index: int | None = None


class AnnotatedLine(msgspec.Struct):
    """An annotated document."""

    extractions: list[Extraction] | None = None
    text: str | None = None
    document_id: str | None = None


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    ground: bool | str = False,
    texts: str | Path | None = None,
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each document."""
    records = _iter_quoted(path, conversion)
    return build_documents(records, conversion, "langextract", texts, ground=ground)


def _iter_quoted(path: Path, conversion: ConversionReport) -> Records:
    """Yields the unchecked document of each line."""
    for position, line in iter_records(path, AnnotatedLine, conversion):
        if isinstance(line, LoadError):
            yield position, line
            continue
        entities = None
        if line.extractions is not None:
            entities = [_to_entity(each, position, conversion) for each in line.extractions]
        yield position, QuotedRecord(line.document_id or None, line.text, entities)


def _to_entity(extraction: Extraction, position: str, conversion: ConversionReport) -> QuotedEntity:
    interval = extraction.char_interval or CharInterval()
    return QuotedEntity(
        extraction.extraction_class,
        extraction.extraction_text,
        interval.start_pos,
        interval.end_pos,
        attributes=take_attributes(extraction.attributes or {}, position, conversion),
        is_exact=False,
    )


def write(documents: Iterable[Document], path: Path, conversion: ConversionReport) -> None:
    """Writes one document per line. The module docstring lists what is dropped."""
    distinguishable = drop_indistinguishable(documents, conversion)
    with replace_file(path) as file:
        writer = jsonlines.Writer(file, dumps=lambda item: msgspec.json.encode(item).decode())
        for document in supported_documents(distinguishable, conversion, HELD, unannotated=True):
            extractions = None
            if document.entities is not None:
                extractions = list(_iter_extractions(document, conversion))
            writer.write(
                {
                    "extractions": extractions,
                    "text": document.text,
                    "document_id": document.id,
                }
            )


def _iter_extractions(document: Document, conversion: ConversionReport) -> Iterator[dict[str, Any]]:
    for index, entity in enumerate(document.entities or ()):
        yield {
            "extraction_class": entity.label,
            "extraction_text": document.text[entity.start : entity.end],
            "char_interval": {"start_pos": entity.start, "end_pos": entity.end},
            "alignment_status": "match_exact",
            "extraction_index": index + 1,
            "group_index": index,
            "description": None,
            "attributes": _strings_only(entity, f"{quoted_repr(document.id)}", conversion),
        }


def _strings_only(
    entity: Entity, document: str, conversion: ConversionReport
) -> dict[str, str] | None:
    """The attributes of an entity that are strings; the others are counted as dropped."""
    attributes: dict[str, str] = {}
    for name, value in (entity.attributes or {}).items():
        if isinstance(value, str):
            attributes[name] = value
        else:
            conversion.add("attributes of entities that are not strings", f"document {document}")
    return attributes or None
