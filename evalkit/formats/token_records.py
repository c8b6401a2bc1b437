"""Documents as one list of tokens, with entities as ranges of tokens and relations between the
numbers of entities: what the formats spert and gliner-json share.

**Text.** Without `_text`, the text is the tokens joined by a space. A writer adds `_text`, and
`_tokens` with the [start, end] of each token in it, where the text is another one.

**Ids.** The arguments of relations get the ids T1, T2, … by the number of the entity in the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from evalkit.data.document import Document, Entity, Relation
from evalkit.errors import InputError, LoadError, UnknownNameError
from evalkit.files import replace_file
from evalkit.formats.conversion import INDISTINGUISHABLE, ConversionReport, drop_indistinguishable
from evalkit.formats.json_lists import iter_list_or_lines
from evalkit.formats.json_records import convert_record
from evalkit.formats.token_spans import TokenIndex, check_token_offsets, join_tokens
from evalkit.formats.tool_exports import supported_documents

T = TypeVar("T", bound=msgspec.Struct)
# Ids of entities are counted where relations are written
SUPPORTED_FIELDS = {"entities", "relations", "entities.id"}
TEXTS = ("given", "tokens")


class TokenRecord(NamedTuple):
    """The content of a record.

    entities: (first token, token after the last, label). relations: (number of the head, number of
    the tail, label). Both are None if they were not annotated. text, offsets: of the document and
    of each token in it; None if the text is the tokens joined by a space.
    """

    tokens: list[str]
    entities: list[tuple[int, int, str]] | None
    relations: list[tuple[int, int, str]] | None
    text: str | None = None
    offsets: Sequence[tuple[int, int]] | None = None


class RecordKeys(NamedTuple):
    """The keys of entities and relations, and what the end of an entity is, for messages."""

    entities: str
    relations: str
    end: str


def iter_token_records(
    path: Path, kind: type[T], conversion: ConversionReport, expected: str
) -> Iterator[tuple[str, T | LoadError]]:
    """Yields each record of a JSON list, or of a file with a record on each line, with the line on
    which it begins; a LoadError for an invalid one. Unknown keys are counted as dropped.
    """
    for position, item in iter_list_or_lines(path, expected):
        if isinstance(item, LoadError):
            yield position, item
        else:
            yield position, convert_record(item, kind, position, conversion)


def check_text_option(text: str) -> None:
    """Raises UnknownNameError for an unknown value of the option `text`."""
    if text not in TEXTS:
        raise UnknownNameError("text", text, TEXTS)


def build_document(id: str, record: TokenRecord, keys: RecordKeys, text: str) -> Document:
    """The document of a record. text: "given" or "tokens". Raises InputError with the key and the
    number of an invalid item.
    """
    if text == "given" and record.text is not None and record.offsets is not None:
        document_text = record.text
        ranges = check_token_offsets(record.tokens, record.text, record.offsets)
    else:
        document_text, ranges = join_tokens([record.tokens] if record.tokens else [])
    entities: list[Entity] = []
    for n, (first, end, label) in enumerate(record.entities or ()):
        if not 0 <= first < end <= len(ranges):
            has = f"has the tokens 0 to {len(ranges) - 1}" if ranges else "has no tokens"
            raise InputError(
                f"{keys.entities}[{n}]: tokens {first} to {end - 1}: the document {has}; {keys.end}"
            )
        entities.append(Entity(label, ranges[first][0], ranges[end - 1][1]))
    relations = []
    for n, (head, tail, label) in enumerate(record.relations or ()):
        for index in (head, tail):
            if not 0 <= index < len(entities):
                has = f"0 to {len(entities) - 1}" if entities else "none"
                raise InputError(
                    f"{keys.relations}[{n}]: no entity has the number {index}; the numbers of"
                    f" entities are: {has}"
                )
            entities[index] = msgspec.structs.replace(entities[index], id=_argument_id(index))
        relations.append(Relation(label, _argument_id(head), _argument_id(tail)))
    return Document(
        id,
        document_text,
        None if record.entities is None else tuple(entities),
        relations=None if record.relations is None else tuple(relations),
    )


def _argument_id(index: int) -> str:
    return f"T{index + 1}"


def iter_written(
    documents: Iterable[Document], conversion: ConversionReport
) -> Iterator[tuple[Document, TokenRecord]]:
    """Yields each document that is written with its record. What the record does not hold is
    counted as dropped, and failed documents as skipped.
    """
    distinct = drop_indistinguishable(documents, conversion, trimmed=True)
    for document in supported_documents(distinct, conversion, SUPPORTED_FIELDS, unannotated=True):
        yield document, _encode(document, conversion)


def _encode(document: Document, conversion: ConversionReport) -> TokenRecord:
    index = TokenIndex(document, conversion, document.entities or ())
    entities: list[tuple[int, int, str]] = []
    numbers: dict[str, int] = {}  # of the written entities, by their ids
    for n, entity in enumerate(document.entities or ()):
        token_range = index.token_range(entity, "entities", f"entities[{n}]")
        if token_range is None:
            continue
        if entity.id is not None:
            numbers[entity.id] = len(entities)
        entities.append((token_range[0], token_range[1] + 1, entity.label))
    relations: list[tuple[int, int, str]] = []
    arguments = set()
    for n, relation in enumerate(document.relations or ()):
        if relation.head not in numbers or relation.tail not in numbers:
            index.count_dropped("relations with an argument that is not written", f"relations[{n}]")
            continue
        item = numbers[relation.head], numbers[relation.tail], relation.label
        if item in relations:
            index.count_dropped(f"relations {INDISTINGUISHABLE}", f"relations[{n}]")
            continue
        relations.append(item)
        arguments |= {relation.head, relation.tail}
    for n, entity in enumerate(document.entities or ()):
        if entity.id is None:
            continue
        if entity.id not in arguments or _argument_id(numbers[entity.id]) != entity.id:
            index.count_dropped("ids of entities", f"entities[{n}]")
    tokens = [document.text[start:end] for start, end in index.tokens]
    is_joined = document.text == " ".join(tokens)
    return TokenRecord(
        tokens,
        None if document.entities is None else entities,
        None if document.relations is None else relations,
        None if is_joined else document.text,
        None if is_joined else index.tokens,
    )


def add_text(line: dict[str, Any], record: TokenRecord) -> dict[str, Any]:
    """The line with the text and the offsets of the tokens, if the text is not these joined."""
    if record.text is None:
        return line
    return {**line, "_text": record.text, "_tokens": record.offsets}


def write_list(lines: Iterable[dict[str, Any]], path: Path) -> None:
    """Writes a JSON list with an object on each line."""
    with replace_file(path) as file:
        file.write(b"[")
        for number, line in enumerate(lines):
            file.write((b",\n" if number else b"\n") + msgspec.json.encode(line))
        file.write(b"\n]\n")
