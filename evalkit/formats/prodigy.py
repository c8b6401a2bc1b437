"""Prodigy: an example as JSON on each line.

    {"text", "spans": [{"start", "end", "label"}], "answer": "accept", "id", "meta", "tokens",
    "relations", "_input_hash", …}

Offsets count code points, the end exclusive. A token must be what is at its offsets, and a span
must begin and end with the tokens that it names (token_start, token_end; inclusive).

**Reading options**: `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`; see
"Offsets in other units".

Examples whose answer is "accept", or that have none, are documents; the others are skipped and
counted. The id is `id`, else that in `meta`, else "doc-N", the Nth example of the file. An example
with neither spans nor an answer was not annotated; with an answer alone, nothing was found in it.
Other keys of a span that are no list or object become attributes. Dropped: tokens, relations, keys
that begin with "_" (hashes, sessions), other keys, a byte order mark.

**Writing.** Dropped: discontinuous entities, attributes under a key that a span has already,
events, attributions, zones, failed documents. Everything else comes back: ids, order, scores,
attributes that hold something, meta.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonlines
import msgspec

from evalkit.data.document import Document, Entity
from evalkit.errors import InputError, LoadError, quoted_repr
from evalkit.files import replace_file
from evalkit.formats import jsonl
from evalkit.formats import tool_exports as exported
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.json_records import convert_record
from evalkit.formats.offsets import OffsetConvention, SurfaceCheck
from evalkit.formats.registry import DocumentResults
from evalkit.formats.tool_exports import Drafts, RawDocument, RawSpan, document_id

ANSWERS = ("accept", "reject", "ignore")
HELD = {"entities", "entities.id", "entities.score", "entities.attributes", "meta"}


class Token(msgspec.Struct):
    """A token. Those of a model's tokenizer (tokenizer_id) are not spelled as the text is."""

    start: int
    end: int
    text: str | None = None
    tokenizer_id: int | None = None


class ProdigySpan(msgspec.Struct):
    """A span."""

    start: int
    end: int
    label: str
    text: str | None = None
    id: str | int | None = None
    score: float | None = None
    token_start: int | None = None
    token_end: int | None = None


class Example(msgspec.Struct):
    """An example, as far as it is read."""

    text: str
    spans: list[ProdigySpan] | None = None
    tokens: list[Token] | None = None
    relations: list[Any] | None = None
    answer: str | None = None
    id: str | int | None = None
    meta: dict[str, Any] | None = None


SPAN_FIELDS = {field.name for field in msgspec.structs.fields(ProdigySpan)}


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
        drafts(path, conversion),
        OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form),
    )


def iter_surfaces(path: Path) -> Iterator[SurfaceCheck]:
    """What tokens, and spans that have a text, say to stand where."""
    return exported.cases(drafts(path, ConversionReport()))


def drafts(path: Path, conversion: ConversionReport) -> Drafts:
    """Each example that was accepted, unchecked."""
    for count, (number, line) in enumerate(jsonl.iter_lines(path, dict[str, Any]), 1):
        position = f"{path}:{number}"
        if isinstance(line, LoadError):
            yield position, line
        elif line.get("answer") in ANSWERS[1:]:
            conversion.skipped.add(f"examples answered {line['answer']}", position)
        else:
            yield position, _draft(line, position, count, conversion)


def _draft(
    line: dict[str, Any], position: str, count: int, conversion: ConversionReport
) -> RawDocument | LoadError:
    private = [key for key in line if key.startswith("_")]
    example = convert_record(
        {key: value for key, value in line.items() if not key.startswith("_")},
        Example,
        position,
        conversion,
        recursive=False,
    )
    if isinstance(example, LoadError):
        return example
    if example.answer not in (None, ANSWERS[0]):
        return LoadError(
            [
                f"{position}: answer: unknown answer {quoted_repr(example.answer)}; expected one"
                f" of: {', '.join(ANSWERS)}"
            ]
        )
    for name, many in (
        ("keys that begin with _", private),
        ("relations", example.relations),
        ("tokens", example.tokens),
    ):
        if many:
            conversion.add(name, position, len(many))
    try:
        for n, span in enumerate(example.spans or ()):
            _check_tokens(span, n, example.tokens)
        stretches = [
            _stretch(span, line["spans"][n], n, position, conversion)
            for n, span in enumerate(example.spans or ())
        ]
    except InputError as error:
        return LoadError([f"{position}: {error}"])
    unannotated = example.spans is None and example.answer is None
    return RawDocument(
        _id(example, count),
        example.text,
        None if unannotated else stretches,
        _tokens(example),
        example.meta,
    )


def _id(example: Example, count: int) -> str:
    meta_id = (example.meta or {}).get("id")
    return document_id(
        example.id,
        document_id(meta_id if isinstance(meta_id, (str, int)) else None, f"doc-{count}"),
    )


def _tokens(example: Example) -> list[RawSpan]:
    spelled = (
        (n, token)
        for n, token in enumerate(example.tokens or ())
        if token.tokenizer_id is None and token.text
    )
    return [
        RawSpan(f"tokens[{n}]", token.start, token.end, text=token.text) for n, token in spelled
    ]


def _check_tokens(span: ProdigySpan, n: int, tokens: list[Token] | None) -> None:
    for name, index, edge in (
        ("token_start", span.token_start, "start"),
        ("token_end", span.token_end, "end"),
    ):
        if index is None or tokens is None:
            continue
        if not 0 <= index < len(tokens):
            raise InputError(f"spans[{n}].{name}: {index} is not a token; there are {len(tokens)}")
        offset, token_offset = getattr(span, edge), getattr(tokens[index], edge)
        if offset != token_offset:
            raise InputError(
                f"spans[{n}].{edge}: {offset}, but tokens[{index}], its {name}, has the {edge}"
                f" {token_offset}; correct either, or delete {name}"
            )


def _stretch(
    span: ProdigySpan, raw: dict[str, Any], n: int, position: str, conversion: ConversionReport
) -> RawSpan:
    attributes = {}
    for key, value in raw.items():
        if key not in SPAN_FIELDS and isinstance(value, (list, dict)):
            conversion.add(
                f"values of the key {quoted_repr(key)} of spans", f"{position}: spans[{n}]"
            )
        elif key not in SPAN_FIELDS:
            attributes[key] = value
    id = None if span.id is None else str(span.id)
    return RawSpan(
        f"spans[{n}]",
        span.start,
        span.end,
        span.label,
        span.text,
        id,
        span.score,
        attributes or None,
    )


def write(documents: Iterable[Document], path: Path, conversion: ConversionReport) -> None:
    """Writes one line a document. The module docstring lists what is dropped."""
    with replace_file(path) as file:
        writer = jsonlines.Writer(file, dumps=lambda item: msgspec.json.encode(item).decode())
        for document in exported.supported_documents(documents, conversion, HELD, unannotated=True):
            writer.write(_line(document, conversion))


def _line(document: Document, conversion: ConversionReport) -> dict[str, Any]:
    line: dict[str, Any] = {"text": document.text, "id": document.id}
    if document.entities is not None:
        line["spans"] = [
            _span(entity, f"document {quoted_repr(document.id)}, entities[{n}]", conversion)
            for n, entity in enumerate(document.entities)
        ]
        line["answer"] = ANSWERS[0]
    return line if document.meta is None else {**line, "meta": document.meta}


def _span(entity: Entity, where: str, conversion: ConversionReport) -> dict[str, Any]:
    taken = SPAN_FIELDS.intersection(entity.attributes or ())
    for key in sorted(taken):
        conversion.add(f"attributes under the key {key!r}", where)
    own = {
        "start": entity.start,
        "end": entity.end,
        "label": entity.label,
        "id": entity.id,
        "score": entity.score,
    }
    others = {key: value for key, value in (entity.attributes or {}).items() if key not in taken}
    return {**{key: value for key, value in own.items() if value is not None}, **others}
