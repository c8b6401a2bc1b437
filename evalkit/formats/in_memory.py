"""Builds documents from objects in memory.

An example is a Document, a dict with the keys of a JSONL line, or a spaCy-style pair (text,
{"entities": [(start, end, label)]}). In a dict, `id` may be missing, and entities may be (start,
end, label) triples. Objects of other tools (Presidio, Dataturks, displaCy) are read as the format
spacy-json reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Document, Entity
from evalkit.errors import DocumentError, InputError, LoadError, quoted_repr
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.jsonl import QuotedDocumentLine, document_of
from evalkit.formats.offsets import DOCUMENT_CONVENTION
from evalkit.formats.recognition import is_pair
from evalkit.formats.spacy_json import (
    END_KEYS,
    LABEL_KEYS,
    LIST_KEYS,
    START_KEYS,
    TEXT_KEYS,
    draft_example,
)
from evalkit.formats.tool_exports import build_document

# Keys of examples and of entities that other tools write
EXPORT_KEYS = {*TEXT_KEYS, *LIST_KEYS} - {"text", "entities"}
ENTITY_KEYS = {*START_KEYS, *END_KEYS, *LABEL_KEYS} - {"start", "end", "label"}
EXPECTED = 'a Document, a dict with "text", or (text, {"entities": [(start, end, label)]})'


def validate_documents(documents: Iterable[Document]) -> list[Document]:
    """Returns the documents as a list. Raises InputError for an item that is not a Document."""
    if isinstance(documents, (str, bytes, Path, Document)) or not isinstance(documents, Iterable):
        raise InputError(
            f"invalid documents {quoted_repr(documents)}: expected a list of Document;"
            " load_corpus(path) reads files"
        )
    validated = list(documents)
    for number, document in enumerate(validated):
        if not isinstance(document, Document):
            raise InputError(
                f"documents[{number}]: expected a Document, got {type(document).__name__}"
                f' {quoted_repr(document)}; Corpus.from_examples reads (text, {{"entities":'
                " [(start, end, label)]}) pairs"
            )
    return validated


def document_from_example(example: Any, number: int, conversion: ConversionReport) -> Document:
    """Returns the document of an example.

    `number` is the index of the example, from 0; without an id, the document is "doc-NUMBER+1".
    `conversion` counts the keys of spaCy-style annotations that are not read. Raises InputError,
    with the index, for an invalid example.
    """
    location = f"examples[{number}]"
    if isinstance(example, Document):
        return example
    if _is_export(example):
        return _document_from_export(example, number, location, conversion)
    if isinstance(example, Mapping):
        return _document_from_dict(example, f"doc-{number + 1}", location)
    if (
        not isinstance(example, (tuple, list))
        or len(example) != 2
        or not isinstance(example[0], str)
        or not isinstance(example[1], (Mapping, tuple, list))
    ):
        raise InputError(f"{location}: expected {EXPECTED}, got {quoted_repr(example)}")
    text, annotations = example
    if not isinstance(annotations, Mapping):  # as in spaCy 1
        annotations = {"entities": annotations}
    for key in annotations:
        if key != "entities":
            conversion.add(f"{quoted_repr(key)} annotations", location)
    entities = annotations.get("entities")
    if entities is not None:
        entities = _entities_from_triples(entities, location)
    try:
        return Document(f"doc-{number + 1}", text, entities)
    except DocumentError as error:
        raise InputError(f"{location}: {error}") from None


def _is_export(example: Any) -> bool:
    """Whether an example has keys or entities that spacy-json has, and evalkit's JSONL has not."""
    if is_pair(example):
        fields, other_keys = example[1], ENTITY_KEYS | {"start"}
    elif isinstance(example, Mapping) and example.keys() & set(TEXT_KEYS):
        fields, other_keys = example, ENTITY_KEYS
    else:
        return False
    entities = fields.get("entities")
    if entities is None:
        return bool(fields.keys() & EXPORT_KEYS)
    if not isinstance(entities, (list, tuple)):
        return False
    return any(
        bool(entity.keys() & other_keys)
        if isinstance(entity, Mapping)
        else isinstance(entity, (list, tuple)) and len(entity) == 4
        for entity in entities
    )


def _document_from_export(
    example: Any, number: int, location: str, conversion: ConversionReport
) -> Document:
    try:
        draft = draft_example(example, location, number + 1, conversion, "entities")
    except InputError as error:
        raise InputError(f"{location}: {error}") from None
    document = build_document(location, draft, DOCUMENT_CONVENTION)
    if isinstance(document, LoadError):
        raise InputError(str(document))
    return document


def _document_from_dict(example: Mapping[str, Any], id: str, location: str) -> Document:
    fields = {"id": id, **example}
    spans = fields.get("entities")
    if isinstance(spans, (list, tuple)):
        items = []
        for index, span in enumerate(spans):
            if isinstance(span, (list, tuple)):
                items.append(msgspec.to_builtins(_entity_from_triple(span, index, location)))
            else:
                items.append(span)
        fields["entities"] = items
    try:
        return document_of(msgspec.convert(fields, QuotedDocumentLine))
    except (DocumentError, msgspec.ValidationError) as error:
        message = str(error).replace("`", "'")
        raise InputError(f"{location}: {message}") from None


def _entities_from_triples(spans: Any, location: str) -> tuple[Entity, ...]:
    if isinstance(spans, (str, Mapping)) or not isinstance(spans, Iterable):
        raise InputError(
            f"{location}: entities: expected a list of (start, end, label), got"
            f" {quoted_repr(spans)}"
        )
    return tuple(_entity_from_triple(span, index, location) for index, span in enumerate(spans))


def _entity_from_triple(span: Any, index: int, location: str) -> Entity:
    if not isinstance(span, (tuple, list)) or len(span) != 3:
        raise InputError(
            f"{location}: entities[{index}]: expected (start, end, label), got {quoted_repr(span)}"
        )
    start, end, label = span
    try:
        return Entity(label, start, end)
    except DocumentError as error:
        raise InputError(f"{location}: entities[{index}]: {error}") from None
