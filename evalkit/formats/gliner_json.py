"""GLiNER's training data: a JSON list of documents, with entities as ranges of tokens.

    [{"tokenized_text": [token], "ner": [[first, last, label]], "relations": [[head, tail, label]]}]

`first` and `last` are the first and the last token of an entity, from 0, the last one inclusive;
`head` and `tail` are numbers of entities in `ner`, from 0. (Source: urchade/GLiNER at 242e50a,
docs/training.md.) A file with a document on each line is read, too.

**Text.** The format has none: the tokens are joined by a space. The writer adds `_text`, and
`_tokens` with the [start, end] of each token in it, where the text is another one. The arguments of
relations get the ids T1, T2, … by the number of the entity.

**Reading option**: `text`: given: the text is `_text`, where there is one; tokens: the tokens
joined by a space.

The id is `id` (GLiNER ignores it), else "doc-N", where N is the number of the document in the file.
Without `ner`, entities were not annotated; so for relations. Dropped in reading: ner_labels,
ner_negatives, rel_labels, rel_negatives and other keys.

**Writing**: `relations` is written where relations were annotated. Dropped: discontinuous entities,
all fields but label and span, ids of entities other than T1, T2, …, events, attributions, zones,
meta, failed documents.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Document
from evalkit.errors import InputError, LoadError
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

EXPECTED = 'expected a list of documents with "tokenized_text" and "ner"'
KEYS = RecordKeys("ner", "relations", "the last one is inclusive")


class GlinerRecord(msgspec.Struct):
    """A document: the keys that are read."""

    tokenized_text: list[str]
    ner: list[tuple[int, int, str]] | None = None
    relations: list[tuple[int, int, str]] | None = None
    id: str | int | None = None
    text: str | None = msgspec.field(default=None, name="_text")
    offsets: list[tuple[int, int]] | None = msgspec.field(default=None, name="_tokens")


def read(path: Path, conversion: ConversionReport, *, text: str = "given") -> DocumentResults:
    """Yields each document with the line on which it begins, or a LoadError.

    Raises UnknownNameError for an unknown value of the option.
    """
    check_text_option(text)
    records = iter_token_records(path, GlinerRecord, conversion, EXPECTED)
    for number, (position, record) in enumerate(records, 1):
        if isinstance(record, LoadError):
            yield position, record
            continue
        entities = None
        if record.ner is not None:
            entities = [(first, last + 1, label) for first, last, label in record.ner]
        content = TokenRecord(
            record.tokenized_text, entities, record.relations, record.text, record.offsets
        )
        id = document_id(record.id, f"doc-{number}")
        try:
            yield position, build_document(id, content, KEYS, text)
        except InputError as error:
            yield position, LoadError([f"{position}: {error}"])


def write(documents: Iterable[Document], path: Path, conversion: ConversionReport) -> None:
    """Writes a list with a document on each line. The module docstring says what is dropped."""
    write_list(
        (_line(document, record) for document, record in iter_written(documents, conversion)), path
    )


def _line(document: Document, record: TokenRecord) -> dict[str, Any]:
    line: dict[str, Any] = {"id": document.id, "tokenized_text": record.tokens}
    if record.entities is not None:
        line["ner"] = [(first, end - 1, label) for first, end, label in record.entities]
    if record.relations is not None:
        line["relations"] = record.relations
    return add_text(line, record)
