"""GLiNER2 results and training data: a JSON list of objects, or an object on each line.

    {"id", "text", "entities": {label: [string]}}
    {"id", "text", "entities": {label: [{"text", "start", "end", "confidence"}]}}
    {"input": text, "output": {"entities": {label: [string]}}}
    {label: [string]}

The first two are what `extract` and `extract_entities` return, without or with spans and
confidence, and with the `id` and `text` of the document added; the third is the training data. The
last, as many language models answer, has no text and needs `texts`; only objects whose values are
all lists of strings, or that are empty, are read so. Offsets count code points, the end exclusive.
(Source: fastino-ai/GLiNER2 2.1.0, README and `format_results`.) An entity without `start` and `end`
is an unplaced item, or is searched in the text (`ground`).

**Reading options**: `ground`; `texts`: a corpus with the texts, for results without `text`, as the
lists of `batch_extract_entities`: they are taken in the order of this corpus, or by `id`.

The id is `id`, else that of the corpus with the texts, else "doc-N", where N is the number of the
record. `confidence` is the score. Further keys of an entity are read as attributes, of objects
among them the `label`, as span attributes have it. Dropped: relations, classifications, structures
and other keys; scores and attributes of entities without offsets that are not searched. Without
`entities`, entities were not annotated.

**Writing** has the second form; entities are grouped by label. Dropped: discontinuous entities,
ids, attributes, relations, events, attributions, zones, meta, failed documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonlines
import msgspec

from evalkit.data.document import Document
from evalkit.errors import LoadError, quoted_repr
from evalkit.files import replace_file
from evalkit.formats.conversion import ConversionReport, drop_indistinguishable
from evalkit.formats.json_lists import iter_list_or_lines
from evalkit.formats.quoted_records import (
    QuotedEntity,
    QuotedRecord,
    Records,
    build_documents,
    take_attributes,
)
from evalkit.formats.registry import DocumentResults
from evalkit.formats.tool_exports import supported_documents

HELD = {"entities", "entities.score"}
EXPECTED = 'expected objects with "entities"'
KEYS = {"id", "text", "input", "output", "entities"}
ENTITY_KEYS = {"text", "start", "end", "confidence"}


class _RecordError(ValueError):
    """A record of another form; the message says where and what."""


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    ground: bool | str = False,
    texts: str | Path | None = None,
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each document."""
    records = _iter_quoted(path, conversion)
    return build_documents(records, conversion, "gliner2-json", texts, ground=ground)


def _iter_quoted(path: Path, conversion: ConversionReport) -> Records:
    """Yields the unchecked document of each record."""
    for position, record in iter_list_or_lines(path, EXPECTED):
        if isinstance(record, LoadError):
            yield position, record
            continue
        try:
            yield position, _to_record(record, position, conversion)
        except _RecordError as error:
            yield position, LoadError([f"{position}: {error}"])


def _to_record(record: dict[str, Any], position: str, conversion: ConversionReport) -> QuotedRecord:
    """The unchecked document of a record. Raises _RecordError."""
    output = record.get("output")
    if output is not None and not isinstance(output, dict):
        raise _RecordError("output: expected an object")
    results = record if output is None else output
    if _is_plain(record):
        return QuotedRecord(None, None, list(_iter_entities(record, position, conversion)))
    _count_unread(record, position, conversion)
    if output is not None:
        _count_unread(output, position, conversion)
    id, text = record.get("id"), record.get("text", record.get("input"))
    if not isinstance(id, (str, int, type(None))) or isinstance(id, bool):
        raise _RecordError(f"id: expected a string, got {quoted_repr(id)}")
    if not isinstance(text, (str, type(None))):
        raise _RecordError(f"text: expected a string, got {quoted_repr(text)}")
    entities = None
    if results.get("entities") is not None:
        entities = list(_iter_entities(results["entities"], position, conversion))
    return QuotedRecord(None if id in (None, "") else str(id), text, entities)


def _is_plain(record: dict[str, Any]) -> bool:
    """Whether a record has lists of strings under labels and nothing else."""
    return KEYS.isdisjoint(record) and all(
        isinstance(value, list) and all(isinstance(item, str) for item in value)
        for value in record.values()
    )


def _count_unread(record: dict[str, Any], position: str, conversion: ConversionReport) -> None:
    """Count the keys of a record that are not read and have values."""
    for key, value in record.items():
        if key not in KEYS and value not in (None, [], {}, ""):
            conversion.add(f"values of the key {quoted_repr(key)}", position)


def _iter_entities(
    labels: Any, position: str, conversion: ConversionReport
) -> Iterator[QuotedEntity]:
    """Yields the entities of all labels. Raises _RecordError for one of another form."""
    if not isinstance(labels, dict):
        raise _RecordError(
            "entities: expected an object of labels, such as"
            f' {{"person": ["Ada"]}}, got {quoted_repr(labels)}'
        )
    for label, value in labels.items():
        items = value if isinstance(value, list) else [value]
        for index, item in enumerate(items):
            if item is not None:
                where = f"entities[{quoted_repr(label)}][{index}]"
                yield _to_entity(label, item, where, position, conversion)


def _to_entity(
    label: str, item: Any, where: str, position: str, conversion: ConversionReport
) -> QuotedEntity:
    """The entity of an item. Raises _RecordError."""
    if isinstance(item, str):
        return QuotedEntity(label, item)
    if not isinstance(item, dict):
        raise _RecordError(f"{where}: expected a string or an object, got {quoted_repr(item)}")
    for key, kind, expected in (
        ("text", str, "a string"),
        ("start", (int, type(None)), "an integer"),
        ("end", (int, type(None)), "an integer"),
        ("confidence", (int, float, type(None)), "a number"),
    ):
        value = item.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise _RecordError(f"{where}.{key}: expected {expected}, got {quoted_repr(value)}")
    others = {
        key: value["label"] if isinstance(value, dict) and "label" in value else value
        for key, value in item.items()
        if key not in ENTITY_KEYS
    }
    return QuotedEntity(
        label,
        item["text"],
        item.get("start"),
        item.get("end"),
        score=item.get("confidence"),
        attributes=take_attributes(others, position, conversion),
    )


def write(documents: Iterable[Document], path: Path, conversion: ConversionReport) -> None:
    """Writes one document per line. The module docstring lists what is dropped."""
    distinguishable = drop_indistinguishable(documents, conversion)
    with replace_file(path) as file:
        writer = jsonlines.Writer(file, dumps=lambda item: msgspec.json.encode(item).decode())
        for document in supported_documents(distinguishable, conversion, HELD, unannotated=True):
            record: dict[str, Any] = {"id": document.id, "text": document.text}
            if document.entities is not None:
                record["entities"] = _group_by_label(document)
            writer.write(record)


def _group_by_label(document: Document) -> dict[str, list[dict[str, Any]]]:
    """The entities of a document under their labels."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for entity in document.entities or ():
        fields: dict[str, Any] = {"text": document.text[entity.start : entity.end]}
        if entity.score is not None:
            fields["confidence"] = entity.score
        fields |= {"start": entity.start, "end": entity.end}
        grouped.setdefault(entity.label, []).append(fields)
    return grouped
