"""SpERT: a JSON list of documents, with entities as ranges of tokens.

    [{"tokens": [token], "entities": [{"type", "start", "end"}],
      "relations": [{"type", "head", "tail"}], "orig_id"}]

`start` is the first token of an entity and `end` the one after the last, from 0; `head` and `tail`
are numbers of entities in the list, from 0. Predictions have no orig_id. (Source: JsonInputReader
and store_predictions of lavis-nlp/spert at 30a0132.) A file with a document on each line is read,
too.

**Text.** The format has none: the tokens are joined by a space. The writer adds `_text`, and
`_tokens` with the [start, end] of each token in it, where the text is another one. The arguments of
relations get the ids T1, T2, … by the number of the entity.

**Reading options**

- `ids`: orig_id, or number: the id of a document is "doc-N", where N is its number in the file.
  Documents without orig_id have such an id in both cases.
- `text`: given: the text is `_text`, where there is one; tokens: the tokens joined by a space.

SpERT's own predictions have neither ids nor texts, and have the documents of its data in the same
order: compare them with `spert:gold.json?ids=number&text=tokens`.

Without `entities`, entities were not annotated; so for relations. Dropped in reading: other keys.

**Writing**: `orig_id` is the id of the document. SpERT needs the key `relations`: it is an empty
list where relations were not annotated beside entities, which is counted. Which relations are
symmetric is in SpERT's file of types, here in the schema. Dropped: discontinuous entities, all
fields but label and span, ids of entities other than T1, T2, …, events, attributions, zones, meta,
failed documents.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Document
from evalkit.errors import InputError, LoadError, UnknownNameError, quoted_repr
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.registry import DocumentResults
from evalkit.formats.token_records import (
    RecordKeys,
    TokenRecord,
    add_text,
    build_document,
    check_text_option,
    iter_token_records,
    iter_written,
    write_list,
)
from evalkit.formats.tool_exports import document_id

IDS = ("orig_id", "number")
EXPECTED = 'expected a list of documents with "tokens", "entities" and "relations"'
KEYS = RecordKeys("entities", "relations", "the end is the token after the last one")


class SpertEntity(msgspec.Struct):
    """An entity: its label and range of tokens."""

    type: str
    start: int
    end: int


class SpertRelation(msgspec.Struct):
    """A relation: its label and the numbers of its arguments."""

    type: str
    head: int
    tail: int


class SpertRecord(msgspec.Struct):
    """A document: the keys that are read."""

    tokens: list[str]
    entities: list[SpertEntity] | None = None
    relations: list[SpertRelation] | None = None
    orig_id: str | int | None = None
    text: str | None = msgspec.field(default=None, name="_text")
    offsets: list[tuple[int, int]] | None = msgspec.field(default=None, name="_tokens")


def read(
    path: Path, conversion: ConversionReport, *, ids: str = "orig_id", text: str = "given"
) -> DocumentResults:
    """Yields each document with the line on which it begins, or a LoadError.

    Raises UnknownNameError for an unknown value of an option.
    """
    if ids not in IDS:
        raise UnknownNameError("ids", ids, IDS)
    check_text_option(text)
    records = iter_token_records(path, SpertRecord, conversion, EXPECTED)
    for number, (position, record) in enumerate(records, 1):
        if isinstance(record, LoadError):
            yield position, record
            continue
        if ids == "number" and record.orig_id is not None:
            conversion.add("values of the key 'orig_id'", position)
        id = document_id(record.orig_id if ids == "orig_id" else None, f"doc-{number}")
        try:
            yield position, build_document(id, _content_of(record), KEYS, text)
        except InputError as error:
            yield position, LoadError([f"{position}: {error}"])


def _content_of(record: SpertRecord) -> TokenRecord:
    entities = relations = None
    if record.entities is not None:
        entities = [(entity.start, entity.end, entity.type) for entity in record.entities]
    if record.relations is not None:
        relations = [(each.head, each.tail, each.type) for each in record.relations]
    return TokenRecord(record.tokens, entities, relations, record.text, record.offsets)


def write(documents: Iterable[Document], path: Path, conversion: ConversionReport) -> None:
    """Writes a list with a document on each line. The module docstring says what is dropped."""
    write_list(
        (
            _line(document, record, conversion)
            for document, record in iter_written(documents, conversion)
        ),
        path,
    )


def _line(document: Document, record: TokenRecord, conversion: ConversionReport) -> dict[str, Any]:
    line: dict[str, Any] = {"tokens": record.tokens}
    if record.entities is not None:
        line["entities"] = [
            {"type": label, "start": start, "end": end} for start, end, label in record.entities
        ]
    relations = record.relations
    if relations is None and record.entities is not None:
        name = "relations that were not annotated, written as an empty list"
        conversion.add(name, f"document {quoted_repr(document.id)}")
        relations = []
    if relations is not None:
        line["relations"] = [
            {"type": label, "head": head, "tail": tail} for head, tail, label in relations
        ]
    line["orig_id"] = document.id
    return add_text(line, record)
