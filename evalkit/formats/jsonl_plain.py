"""Decodes many plain lines of a JSONL file at once, directly into documents.

A plain line has a document with contiguous entities that have a label, offsets and optionally
their text, as nearly all lines of large files. A chunk of plain lines is decoded by one call and
checked as a whole, which takes a quarter of the time of decoding and checking line by line. A chunk
that may contain anything else, or an error, is not decoded here but line by line.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from evalkit.data.document import Document, Entity
from evalkit.data.json_keys import count_quotes, is_document_per_line

# Bytes that are decoded at once: few enough that they stay in the processor's cache
CHUNK_SIZE = 200_000
# After this many chunks in a row with other than plain lines, chunks are not tried as plain
MAX_OTHER_CHUNKS = 4
# Quotation marks of the keys and values of fields
_DOCUMENT_QUOTES = 8  # id and text
_KEY_QUOTES = 2  # entities, meta, or the score of an entity
_STRING_QUOTES = 4  # failure, or the text or id of an entity
_ENTITY_QUOTES = 8  # label, start and end


class _NoCheck:
    """Hides the `__post_init__` of a base class, since a chunk is checked as a whole."""

    def __get__(self, instance: object, owner: type) -> Any:
        raise AttributeError


# The decoded objects have the memory layout of the public classes, and become instances of these
# by a change of class once they are checked. This takes half the time of creating new objects. The
# text of an entity is kept in the memory of its attributes, which plain lines do not have.
_PlainEntity: Any = msgspec.defstruct(
    "Entity",
    [
        ("label", Annotated[str, msgspec.Meta(min_length=1)]),
        ("start", Annotated[int, msgspec.Meta(ge=0)]),
        ("end", Annotated[int, msgspec.Meta(ge=1)]),
        (
            "attributes",
            Annotated[str, msgspec.Meta(min_length=1)] | None,
            msgspec.field(default=None, name="text"),
        ),
    ],
    bases=(Entity,),
    namespace={"__post_init__": _NoCheck()},
    frozen=False,
    gc=False,
)
_PlainDocument: Any = msgspec.defstruct(
    "Document",
    [
        ("id", Annotated[str, msgspec.Meta(min_length=1)]),
        ("text", str),
        ("entities", tuple[_PlainEntity, ...] | None, None),
    ],
    bases=(Document,),
    namespace={"__post_init__": _NoCheck()},
    frozen=False,
)
_DECODER = msgspec.json.Decoder(_PlainDocument)
_ENCODER = msgspec.json.Encoder()


def decode_plain_lines(data: bytes) -> list[Document] | None:
    """The documents of complete lines; None if some of them are not plain or may be invalid."""
    try:
        documents = _DECODER.decode_lines(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    has_escapes = b"\\" in data
    if not is_document_per_line(data, len(documents)) or (has_escapes and b"\\u0022" in data):
        return None
    quotes = _count_quotes_of_fields(documents)
    if has_escapes:
        quotes += _count_escaped_quotes(documents)
    for document in documents:
        without_text = _convert_entities(document)
        if without_text is None:
            return None
        quotes -= _STRING_QUOTES * without_text
        document.__class__ = Document
    actual_quotes = count_quotes(data)
    if quotes == actual_quotes or quotes + _count_quotes_of_ids(documents) == actual_quotes:
        return documents
    return None


def _count_quotes_of_fields(documents: list[Any]) -> int:
    """The number of quotation marks in plain lines in which each entity has its text, without those
    inside strings.

    Every key and every string has two. Any other field, and any second value of a key, adds more,
    so that lines with the expected number have neither.
    """
    quotes = 0
    metas = []
    for document in documents:
        quotes += _DOCUMENT_QUOTES
        if document.entities is not None:
            quotes += _KEY_QUOTES
            quotes += (_ENTITY_QUOTES + _STRING_QUOTES) * len(document.entities)
        if document.failure is not None:
            quotes += _STRING_QUOTES
        if document.meta is not None:
            quotes += _KEY_QUOTES
            metas.append(document.meta)
    return quotes + count_quotes(_ENCODER.encode(metas))


def _count_quotes_of_ids(documents: list[Any]) -> int:
    """The number of quotation marks of the ids and scores of entities; -1 if ids are not unique."""
    quotes = 0
    for document in documents:
        ids = [entity.id for entity in document.entities or () if entity.id is not None]
        if len(set(ids)) < len(ids) or "" in ids:
            return -1
        quotes += _STRING_QUOTES * len(ids)
        for entity in document.entities or ():
            if entity.score is not None:
                quotes += _KEY_QUOTES
    return quotes


def _count_escaped_quotes(documents: list[Any]) -> int:
    """The number of quotation marks inside texts, which are written \\" in JSON. Those in labels
    and ids are not counted, so that lines with them are not decoded as plain.
    """
    quotes = 0
    for document in documents:
        if '"' in document.text:
            quotes += document.text.count('"')
            for entity in document.entities or ():
                if entity.attributes is not None:
                    quotes += entity.attributes.count('"')
        if document.failure is not None:
            quotes += document.failure.count('"')
    return quotes


def _convert_entities(document: Any) -> int | None:
    """Makes the entities of a document instances of Entity. Returns the number of those without
    their text; None if one is outside the text of the document, or differs from it.
    """
    text = document.text
    length = len(text)
    without_text = 0
    for entity in document.entities or ():
        end = entity.end
        if text[entity.start : end] != entity.attributes or end > length:
            if entity.attributes is not None or not entity.start < end <= length:
                return None
            without_text += 1
        entity.attributes = None
        entity.__class__ = Entity
    return without_text
