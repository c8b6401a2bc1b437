"""doccano: a document as JSON on each line, in either of two forms.

    {"id", "text", "entities": [{"id", "label", "start_offset", "end_offset"}], "relations": [],
    "Comments": []} {"id", "text", "label": [[start, end, label]]}

`text` may be called `data`, `label` may be called `labels`. Offsets count code points, the end
exclusive. The format repeats no surface forms, so nothing shows whether offsets were counted
otherwise: early versions counted UTF-16 code units (doccano#99; offset_unit=utf-16).

**Reading options**: `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`; see
"Offsets in other units".

A missing id is "doc-N", the Nth of the file. A document without entities and without labels was not
annotated. doccano spreads what was uploaded with a text over the keys of the export: all other keys
are `meta`. Dropped: relations, comments, labels of whole documents, a byte order mark.

**Writing** uses the first form. Dropped: discontinuous entities, scores, attributes, events,
attributions, zones, failed documents. Everything else comes back: ids, order, meta.
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


class Named(msgspec.Struct):
    """An entity."""

    label: str
    start_offset: int
    end_offset: int
    id: str | int | None = None


class Line(msgspec.Struct):
    """A document, as far as it is read; all other keys are meta."""

    id: str | int | None = None
    text: str | None = None
    data: str | None = None
    entities: list[Named] | None = None
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
    """Each document, or what is wrong with it, with its file:line.

    Raises UnknownNameError for a value that an option does not have.
    """
    return exported.documents(
        iter_drafts(path, conversion),
        OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form),
    )


def iter_drafts(path: Path, conversion: ConversionReport) -> Drafts:
    """Each document, unchecked."""
    for count, (number, result) in enumerate(jsonl.iter_lines(path, dict[str, Any]), 1):
        position = f"{path}:{number}"
        yield (
            position,
            result
            if isinstance(result, LoadError)
            else _draft(result, position, count, conversion),
        )


def _draft(
    raw: dict[str, Any], position: str, count: int, conversion: ConversionReport
) -> RawDocument | LoadError:
    line = convert_record(
        {key: value for key, value in raw.items() if key in KEYS}, Line, position, conversion
    )
    if isinstance(line, LoadError):
        return line
    text = line.data if line.text is None else line.text
    if text is None:
        return LoadError(
            [
                f"{position}: no text: expected the key 'text' or 'data'; keys:"
                f" {', '.join(raw) or 'none'}"
            ]
        )
    if "annotations" in raw:
        return LoadError(
            [
                f"{position}: annotations: labels are numbers without names; export as 'JSONL (text"
                " label)'"
            ]
        )
    for name, many in (
        ("relations", line.relations),
        ("comments", line.Comments),
        ("comments", line.comments),
        ("labels of whole documents", line.cats),
    ):
        if many:
            conversion.add(name, position, len(many))
    given = [result for result in (line.entities, line.label, line.labels) if result is not None]
    return RawDocument(
        document_id(line.id, f"doc-{count}"),
        text,
        list(_stretches(line, position, conversion)) if given else None,
        meta=_meta(line, raw, position, conversion),
    )


def _stretches(line: Line, position: str, conversion: ConversionReport) -> Iterator[RawSpan]:
    for n, named in enumerate(line.entities or ()):
        yield RawSpan(
            f"entities[{n}]",
            named.start_offset,
            named.end_offset,
            named.label,
            id=None if named.id is None else str(named.id),
        )
    for key in ("label", "labels"):
        for n, item in enumerate(getattr(line, key) or ()):
            if isinstance(item, str):
                conversion.add("labels of whole documents", position)
            else:
                yield RawSpan(f"{key}[{n}]", *item)


def _meta(
    line: Line, raw: dict[str, Any], position: str, conversion: ConversionReport
) -> dict[str, Any] | None:
    others = {
        key: value
        for key, value in raw.items()
        if key not in KEYS or (key == "data" and line.text is not None)
    }
    for key in sorted(others.keys() & (line.meta or {}).keys()):
        conversion.add(f"values of the key {quoted_repr(key)}, which stands in meta, too", position)
    return {**others, **(line.meta or {})} if others or line.meta is not None else None


def write(documents: Iterable[Document], path: Path, conversion: ConversionReport) -> None:
    """Writes one line a document. The module docstring lists what is dropped."""
    with replace_file(path) as file:
        writer = jsonlines.Writer(file, dumps=lambda item: msgspec.json.encode(item).decode())
        for document in exported.supported_documents(
            drop_indistinguishable(documents, conversion), conversion, HELD, unannotated=True
        ):
            line: dict[str, Any] = {"id": document.id, "text": document.text}
            if document.entities is not None:
                line |= {
                    "entities": [_entity(entity) for entity in document.entities],
                    "relations": [],
                    "Comments": [],
                }
            writer.write(line if document.meta is None else {**line, "meta": document.meta})


def _entity(entity: Entity) -> dict[str, Any]:
    own = {
        "id": entity.id,
        "label": entity.label,
        "start_offset": entity.start,
        "end_offset": entity.end,
    }
    return {key: value for key, value in own.items() if value is not None}
