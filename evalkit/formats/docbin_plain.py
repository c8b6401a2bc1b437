"""Text and spans of a document in a DocBin, without spaCy's Doc, which takes far longer to make.

A document whose arrays may be invalid is not read here: spaCy reads it, or explains what is wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from itertools import accumulate
from operator import add
from typing import Any, NamedTuple

import msgspec

PACKED_SPAN = struct.Struct(">QQQllll")  # id, knowledge base id, label, tokens, characters
_OUTSIDE, _INSIDE, _BEGIN = 2, 1, 3  # values of ENT_IOB; 0 is missing


class DocBinSpan(NamedTuple):
    """A span of a document, by tokens and by characters, with its strings."""

    start: int
    end: int
    start_char: int
    end_char: int
    label: str
    kb_id: str
    ent_id: str


class DocBinText(NamedTuple):
    """The text of a document and its spans.

    `entities`: None if they are missing. `missing_count`: the number of tokens without ENT_IOB.
    """

    text: str
    entities: list[DocBinSpan] | None
    missing_count: int
    groups: dict[str, list[DocBinSpan]]


class TokenColumns(NamedTuple):
    """Attributes of the tokens of a document; `iob` is None if the file has none."""

    words: Sequence[int]
    has_space: Sequence[bool]
    iob: Sequence[int] | None
    label: Sequence[int]
    kb_id: Sequence[int]
    ent_id: Sequence[int]


class _PackedGroup(msgspec.Struct):
    name: str
    attrs: dict[Any, Any]
    spans: list[bytes]


def read_plain_doc(
    tokens: TokenColumns, packed_groups: bytes, strings: Mapping[int, str]
) -> DocBinText | None:
    """The text and the spans of a document; None if its arrays are not certainly valid.

    strings: the strings of the file by their numbers.
    """
    try:
        words = [strings[word] for word in tokens.words]
        if not words or "" in words:
            return None
        pieces = [word + " " if space else word for word, space in zip(words, tokens.has_space)]
        starts = list(accumulate(map(len, pieces), initial=0))
        ends = list(map(add, starts, map(len, words)))
        entities = None
        if tokens.iob is not None and any(tokens.iob):
            entities = _read_entities(tokens, tokens.iob, starts, ends, strings)
        groups = _read_groups(packed_groups, starts, ends, strings)
    except (KeyError, ValueError, struct.error, msgspec.MsgspecError, RecursionError):
        return None
    missing_count = 0 if entities is not None else len(words)
    return DocBinText("".join(pieces), entities, missing_count, groups)


def _read_entities(
    tokens: TokenColumns,
    iob: Sequence[int],
    starts: Sequence[int],
    ends: Sequence[int],
    strings: Mapping[int, str],
) -> list[DocBinSpan]:
    """The entities. Raises ValueError or KeyError for values that are not certainly valid."""
    entities: list[DocBinSpan] = []
    first = -1
    for index, value in enumerate([*iob, _OUTSIDE]):
        if value == _INSIDE and first >= 0:
            continue
        if first >= 0:
            entities.append(
                DocBinSpan(
                    first,
                    index,
                    starts[first],
                    ends[index - 1],
                    strings[tokens.label[first]],
                    strings[tokens.kb_id[first]],
                    strings[tokens.ent_id[first]],
                )
            )
            first = -1
        if value == _BEGIN and tokens.label[index]:
            first = index
        elif value != _OUTSIDE:
            raise ValueError(f"ENT_IOB {value}")
    return entities


def _read_groups(
    packed: bytes, starts: Sequence[int], ends: Sequence[int], strings: Mapping[int, str]
) -> dict[str, list[DocBinSpan]]:
    """The span groups. Raises ValueError or KeyError for values that are not certainly valid."""
    groups: dict[str, list[DocBinSpan]] = {}
    if not packed or packed == b"\x90":  # an empty list
        return groups
    for packed_group, names in msgspec.msgpack.decode(packed, type=dict[bytes, list[str]]).items():
        group = []
        for packed_span in msgspec.msgpack.decode(packed_group, type=_PackedGroup).spans:
            id, kb_id, label, start, end, start_char, end_char = PACKED_SPAN.unpack(packed_span)
            if not 0 <= start < end <= len(ends):
                raise ValueError(f"tokens {start} to {end}")
            if (start_char, end_char) != (starts[start], ends[end - 1]):
                raise ValueError(f"characters {start_char} to {end_char}")
            group.append(
                DocBinSpan(
                    start, end, start_char, end_char, strings[label], strings[kb_id], strings[id]
                )
            )
        for name in names:
            groups[name] = group
        if not names:
            raise ValueError("a group without a name")
    return groups


def convert_doc(doc: Any, text: str) -> DocBinText:
    """The text, which spaCy joins anew at each call, and the spans of spaCy's Doc."""
    strings = doc.vocab.strings
    entities = None
    if doc.has_annotation("ENT_IOB"):
        entities = [_convert_span(span, strings) for span in doc.ents]
    groups = {}
    for name, group in doc.spans.items():
        groups[name] = [_convert_span(span, strings) for span in group]
    missing_count = int((doc.to_array("ENT_IOB") == 0).sum())
    return DocBinText(text, entities, missing_count, groups)


def _convert_span(span: Any, strings: Any) -> DocBinSpan:
    """A span with its strings; "" for those whose number the vocabulary lacks."""
    label, kb_id, ent_id = (
        str(strings[number]) if number in strings else ""
        for number in (span.label, span.kb_id, span.id)
    )
    return DocBinSpan(span.start, span.end, span.start_char, span.end_char, label, kb_id, ent_id)
