"""doccano: JSONL files with one document per line, in either of two forms.

    {"id", "text", "entities": [{"id", "label", "start_offset", "end_offset"}],
     "relations": [], "Comments": []}
    {"id", "text", "label": [[start, end, label]]}

(Source: the exports of doccano, with and without relations.) `text` may be called `data`, `label`
may be called `labels`. Offsets count code points, the end exclusive. The format does not repeat
surface forms, so other offset units cannot be detected: early versions counted UTF-16 code units
(doccano#99; use offset_unit=utf-16).

**Reading options**: `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`; see
"Offsets in other units".

A document without an id gets the id "doc-N", where N is its number in the file. A document without
entities and without labels was not annotated. doccano exports the metadata of a text as keys of the
record: all other keys are read as `meta`. Dropped: relations, comments, labels of whole documents,
a byte order mark.

**Writing** uses the first form. Dropped: discontinuous entities, scores, attributes, events,
attributions, zones, failed documents. Everything else is restored when the file is read: ids,
order, meta.
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
from evalkit.formats import jsonl
from evalkit.formats import tool_exports as exported
from evalkit.formats.conversion import ConversionReport, drop_indistinguishable
from evalkit.formats.json_records import convert_record
from evalkit.formats.offsets import OffsetConvention
from evalkit.formats.registry import DocumentResults
from evalkit.formats.tool_exports import Drafts, RawDocument, RawSpan, document_id

HELD = {"entities", "entities.id", "meta"}


class DoccanoEntity(msgspec.Struct):
    """An entity of the first form."""

    label: str
    start_offset: int
    end_offset: int
    id: str | int | None = None


class Line(msgspec.Struct):
    """The keys of a record that are not metadata."""

    id: str | int | None = None
    text: str | None = None
    data: str | None = None
    entities: list[DoccanoEntity] | None = None
    label: list[str | tuple[int, int, str]] | None = None
    labels: list[str | tuple[int, int, str]] | None = None
    cats: list[str] | None = None
    relations: list[Any] | None = None
    Comments: list[Any] | None = None
    comments: list[Any] | None = None
    meta: dict[str, Any] | None = None


KEYS = {field.name for field in msgspec.structs.fields(Line)}


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    offset_unit: str = "code-points",
    first_offset: int | str = 0,
    end_offset: str = "exclusive",
    newlines: str = "as-is",
    unicode_form: str = "as-is",
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each document.

    Raises UnknownNameError for an unknown value of an option.
    """
    return exported.documents(
        iter_drafts(path, conversion),
        OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form),
    )


def iter_drafts(path: Path, conversion: ConversionReport) -> Drafts:
    """Yields the unchecked document of each line."""
    for count, (number, record) in enumerate(jsonl.iter_lines(path, dict[str, Any]), 1):
        position = f"{path}:{number}"
        if isinstance(record, LoadError):
            yield position, record
        else:
            yield position, _draft(record, position, count, conversion)


def _draft(
    raw: dict[str, Any], position: str, count: int, conversion: ConversionReport
) -> RawDocument | LoadError:
    known_fields = {key: value for key, value in raw.items() if key in KEYS}
    line = convert_record(known_fields, Line, position, conversion)
    if isinstance(line, LoadError):
        return line
    text = line.data if line.text is None else line.text
    if text is None:
        problem = "no text: expected the key 'text' or 'data'"
        return LoadError([f"{position}: {problem}; keys: {', '.join(raw) or 'none'}"])
    if "annotations" in raw:
        problem = "labels are numbers without names; export as 'JSONL (text label)'"
        return LoadError([f"{position}: annotations: {problem}"])
    for name, items in (
        ("relations", line.relations),
        ("comments", line.Comments),
        ("comments", line.comments),
        ("labels of whole documents", line.cats),
    ):
        if items:
            conversion.add(name, position, len(items))
    is_annotated = any(layer is not None for layer in (line.entities, line.label, line.labels))
    entities = list(_raw_spans(line, position, conversion)) if is_annotated else None
    meta = _meta(line, raw, position, conversion)
    return RawDocument(document_id(line.id, f"doc-{count}"), text, entities, meta=meta)


def _raw_spans(line: Line, position: str, conversion: ConversionReport) -> Iterator[RawSpan]:
    for n, entity in enumerate(line.entities or ()):
        id = None if entity.id is None else str(entity.id)
        yield RawSpan(f"entities[{n}]", entity.start_offset, entity.end_offset, entity.label, id=id)
    for key in ("label", "labels"):
        for n, item in enumerate(getattr(line, key) or ()):
            if isinstance(item, str):
                conversion.add("labels of whole documents", position)
            else:
                yield RawSpan(f"{key}[{n}]", *item)


def _meta(
    line: Line, raw: dict[str, Any], position: str, conversion: ConversionReport
) -> dict[str, Any] | None:
    """The metadata of a document: `meta` and all other keys of its record."""
    meta = line.meta or {}
    other_fields = {}
    for key, value in raw.items():
        is_metadata = key not in KEYS or (key == "data" and line.text is not None)
        if is_metadata:
            other_fields[key] = value
    for key in sorted(other_fields.keys() & meta.keys()):
        conversion.add(f"values of the key {quoted_repr(key)}, which is also in meta", position)
    if not other_fields and line.meta is None:
        return None
    return {**other_fields, **meta}


def write(documents: Iterable[Document], path: Path, conversion: ConversionReport) -> None:
    """Writes one document per line. The module docstring lists what is dropped."""
    documents = drop_indistinguishable(documents, conversion)
    with replace_file(path) as file:
        writer = jsonlines.Writer(file, dumps=lambda item: msgspec.json.encode(item).decode())
        for document in exported.supported_documents(documents, conversion, HELD, unannotated=True):
            line: dict[str, Any] = {"id": document.id, "text": document.text}
            if document.entities is not None:
                line["entities"] = [_entity(entity) for entity in document.entities]
                line["relations"] = []
                line["Comments"] = []
            if document.meta is not None:
                line["meta"] = document.meta
            writer.write(line)


def _entity(entity: Entity) -> dict[str, Any]:
    fields: dict[str, Any] = {} if entity.id is None else {"id": entity.id}
    fields["label"] = entity.label
    fields["start_offset"] = entity.start
    fields["end_offset"] = entity.end
    return fields
