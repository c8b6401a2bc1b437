"""Prodigy: JSONL files with one example per line.

    {"text", "spans": [{"start", "end", "label"}], "answer": "accept", "id", "meta", "tokens",
    "relations", "_input_hash", …}

(Source: Prodigy's documentation, prodi.gy/docs/api-interfaces.) Offsets count code points, the end
exclusive. The text of each token of a span must equal the text at its offsets, and a span must
begin and end with its tokens (token_start, token_end; inclusive).

**Reading options**

- `annotator`: whose examples are read: an `_annotator_id` or `_session_id`, such as news-ann, or
  its last part (ann). A file with examples of one text by several annotators needs it.
- `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`: see "Offsets in other
  units".

Examples whose answer is "accept", or that have none, are documents; the others are skipped and
counted. The id is `id`, else the id in `meta`, else `_input_hash`, which Prodigy makes from the
text. An annotator's example without any of these has the hash of its text ("text-…"), so that the
examples of two annotators are joined in any order; any other is "doc-N", the Nth example of the
file. A further example with one hash by one annotator ends in "/2" and so on.

An example with neither spans nor an answer was not annotated; one with an answer but no spans has
no entities. Other keys of a span become attributes unless their value is a list or an object.
Dropped: tokens, relations, keys that begin with "_", other keys, a byte order mark.

**Writing.** Dropped: discontinuous entities, attributes whose key is a field of spans, events,
attributions, zones, failed documents. Everything else is restored when the file is read: ids,
order, scores, attributes that are not empty, meta.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonlines
import msgspec
import xxhash

from evalkit.data.document import Document, Entity
from evalkit.errors import InputError, LoadError, UnknownNameError, quoted_repr, spell_option
from evalkit.files import replace_file
from evalkit.formats import jsonl
from evalkit.formats import tool_exports as exported
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.json_records import convert_record
from evalkit.formats.offsets import OffsetConvention, SurfaceCheck
from evalkit.formats.registry import DocumentResults
from evalkit.formats.tool_exports import Drafts, RawDocument, RawSpan

ANSWERS = ("accept", "reject", "ignore")
HELD = {"entities", "entities.id", "entities.score", "entities.attributes", "meta"}


class Token(msgspec.Struct):
    """A token. The texts of a model's tokens (with tokenizer_id) may differ from the text."""

    start: int
    end: int
    text: str | None = None
    tokenizer_id: int | None = None


class ProdigySpan(msgspec.Struct):
    """An annotated span of an example."""

    start: int
    end: int
    label: str
    text: str | None = None
    id: str | int | None = None
    score: float | None = None
    token_start: int | None = None
    token_end: int | None = None


class Example(msgspec.Struct):
    """The fields of an example that are read."""

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
    annotator: str | None = None,
    offset_unit: str = "code-points",
    first_offset: int | str = 0,
    end_offset: str = "exclusive",
    newlines: str = "as-is",
    unicode_form: str = "as-is",
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each example.

    Raises UnknownNameError for an unknown value of an option, or an annotator without examples.
    """
    return exported.documents(
        drafts(path, conversion, annotator),
        OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form),
    )


def list_annotators(path: Path) -> list[str]:
    """Returns the annotators with accepted examples, sorted, without the name of the data set if
    all begin with it: ann of news-ann. In full where the rest fits several.
    """
    names: set[str] = set()
    for _, line in jsonl.iter_lines(path, dict[str, Any]):
        if not isinstance(line, LoadError) and line.get("answer") not in ANSWERS[1:]:
            names.update(_annotators_of(line)[:1])
    ordered = sorted(names)
    prefix = ""
    for end, character in enumerate(ordered[0] if ordered else "", 1):
        if character == "-" and all(name.startswith(ordered[0][:end]) for name in ordered):
            prefix = ordered[0][:end]
    short = [name.removeprefix(prefix) for name in ordered]
    for part in short:
        if not part or sum(_fits(name, part) for name in ordered) > 1:
            return ordered
    return short


def iter_surfaces(path: Path) -> Iterator[SurfaceCheck]:
    """Yields document text, start, end and surface form of tokens and of spans with a text,
    unchecked. Those of tokens without a span show, too, how offsets were counted.
    """
    return exported.cases(drafts(path, ConversionReport(), all_tokens=True))


def drafts(
    path: Path,
    conversion: ConversionReport,
    annotator: str | None = None,
    *,
    all_tokens: bool = False,
) -> Drafts:
    """Yields the unchecked document of each accepted example, of one annotator if it is given.

    all_tokens: whether all tokens are to be checked, or those of spans. Raises UnknownNameError for
    an annotator without examples.
    """
    examples = _ExampleIds()
    seen: set[str] = set()
    matched: set[str] = set()
    for count, (number, line) in enumerate(jsonl.iter_lines(path, dict[str, Any]), 1):
        position = f"{path}:{number}"
        if isinstance(line, LoadError):
            yield position, line
            continue
        names = _annotators_of(line)
        seen.update(names)
        if annotator is not None:
            fitting = [name for name in names if _fits(name, annotator)]
            if not fitting:
                conversion.skipped.add("examples of other annotators", position)
                continue
            matched.add(annotator if annotator in fitting else fitting[0])
            if len(matched) > 1:
                raise InputError(
                    f"{position}: the annotator {quoted_repr(annotator)} fits"
                    f" {' and '.join(map(quoted_repr, sorted(matched)))}: name one in full"
                )
        if line.get("answer") in ANSWERS[1:]:
            conversion.skipped.add(f"examples answered {line['answer']}", position)
            continue
        id = examples.id_of(line, names, count)
        draft = _draft(line, id, position, conversion, all_tokens=all_tokens)
        other = examples.find_other_annotator(id, names)
        if other and isinstance(draft, RawDocument):
            option = spell_option("annotator", other, of="format")
            problem = (
                f"annotated by {quoted_repr(other)} and {quoted_repr(names[0])}: choose one, as in"
                f" {option}"
            )
            draft = LoadError([f"{position}: document {quoted_repr(id)}: {problem}"])
        yield position, draft
    if annotator is not None and not matched:
        raise UnknownNameError("annotator", annotator, sorted(seen), within=str(path))


def _fits(name: str, annotator: str) -> bool:
    """Whether a session or annotator is meant: by its full name, or its last part."""
    return name == annotator or name.endswith(f"-{annotator}")


def _annotators_of(line: dict[str, Any]) -> list[str]:
    """The names of the annotator and the session of an example."""
    names = (line.get("_annotator_id"), line.get("_session_id"))
    return [name for name in names if isinstance(name, str) and name]


class _ExampleIds:
    """The ids of examples, and who annotated them."""

    def __init__(self) -> None:
        self._annotator_of: dict[str, str] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def id_of(self, line: dict[str, Any], names: list[str], count: int) -> str:
        """The id of an example, the Nth of its file: its own, or one made from a hash."""
        meta = line.get("meta")
        meta_id = meta.get("id") if isinstance(meta, dict) else None
        for own_id in (line.get("id"), meta_id):
            if isinstance(own_id, (str, int)) and own_id != "":
                return str(own_id)
        input_hash = line.get("_input_hash")
        if isinstance(input_hash, (str, int)) and input_hash != "":
            hash = str(input_hash)
        elif names:
            text = str(line.get("text")).encode(errors="surrogatepass")
            hash = f"text-{xxhash.xxh3_64_hexdigest(text)}"
        else:
            return f"doc-{count}"
        key = hash, names[0] if names else ""
        self._counts[key] = self._counts.get(key, 0) + 1
        number = self._counts[key]
        return hash if number == 1 else f"{hash}/{number}"

    def find_other_annotator(self, id: str, names: list[str]) -> str:
        """Another annotator whose document of this id was read before; "" if there is none."""
        if not names:
            return ""
        first = self._annotator_of.setdefault(id, names[0])
        return "" if first == names[0] else first


def _draft(
    line: dict[str, Any],
    id: str,
    position: str,
    conversion: ConversionReport,
    *,
    all_tokens: bool,
) -> RawDocument | LoadError:
    private_keys = [key for key in line if key.startswith("_")]
    public_fields = {key: value for key, value in line.items() if not key.startswith("_")}
    example = convert_record(public_fields, Example, position, conversion, recursive=False)
    if isinstance(example, LoadError):
        return example
    if example.answer not in (None, ANSWERS[0]):
        unknown = UnknownNameError("answer", example.answer, ANSWERS)
        return LoadError([f"{position}: answer: {unknown}"])
    for name, items in (
        ("keys that begin with _", private_keys),
        ("relations", example.relations),
        ("tokens", example.tokens),
    ):
        if items:
            conversion.add(name, position, len(items))
    spans: list[RawSpan] = []
    try:
        for n, span in enumerate(example.spans or ()):
            _check_tokens(span, n, example.tokens)
        for n, span in enumerate(example.spans or ()):
            spans.append(_raw_span(span, line["spans"][n], n, position, conversion))
    except InputError as error:
        return LoadError([f"{position}: {error}"])
    is_annotated = example.spans is not None or example.answer is not None
    entities = spans if is_annotated else None
    tokens = _tokens(example, all_tokens=all_tokens)
    return RawDocument(id, example.text, entities, tokens, example.meta)


def _tokens(example: Example, *, all_tokens: bool) -> list[RawSpan]:
    """The tokens whose text must equal the text at their offsets: those of spans, or all. Faults of
    others change nothing.
    """
    used: set[int] = set()
    for span in example.spans or ():
        if span.token_start is not None and span.token_end is not None:
            used.update(range(span.token_start, span.token_end + 1))
    tokens = []
    for n, token in enumerate(example.tokens or ()):
        is_used = all_tokens or n in used
        for span in example.spans or ():
            is_used = is_used or (token.start < span.end and span.start < token.end)
        if is_used and token.tokenizer_id is None and token.text:
            tokens.append(RawSpan(f"tokens[{n}]", token.start, token.end, text=token.text))
    return tokens


def _check_tokens(span: ProdigySpan, n: int, tokens: list[Token] | None) -> None:
    """Raises InputError unless a span begins and ends with its tokens."""
    for name, index, edge in (
        ("token_start", span.token_start, "start"),
        ("token_end", span.token_end, "end"),
    ):
        if index is None or tokens is None:
            continue
        if not 0 <= index < len(tokens):
            raise InputError(f"spans[{n}].{name}: {index} is not a token; there are {len(tokens)}")
        offset = getattr(span, edge)
        token_offset = getattr(tokens[index], edge)
        if offset != token_offset:
            raise InputError(
                f"spans[{n}].{edge}: {offset}, but tokens[{index}], its {name}, has the {edge}"
                f" {token_offset}; correct either, or delete {name}"
            )


def _raw_span(
    span: ProdigySpan, raw: dict[str, Any], n: int, position: str, conversion: ConversionReport
) -> RawSpan:
    attributes = {}
    for key, value in raw.items():
        if key in SPAN_FIELDS:
            continue
        if isinstance(value, (list, dict)):
            conversion.add(
                f"values of the key {quoted_repr(key)} of spans", f"{position}: spans[{n}]"
            )
        else:
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
    """Writes one document per line. The module docstring lists what is dropped."""
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
    if document.meta is not None:
        line["meta"] = document.meta
    return line


def _span(entity: Entity, where: str, conversion: ConversionReport) -> dict[str, Any]:
    attributes = dict(entity.attributes or {})
    for key in sorted(SPAN_FIELDS.intersection(attributes)):
        conversion.add(f"attributes under the key {key!r}", where)
        del attributes[key]
    span: dict[str, Any] = {"start": entity.start, "end": entity.end, "label": entity.label}
    if entity.id is not None:
        span["id"] = entity.id
    if entity.score is not None:
        span["score"] = entity.score
    return span | attributes
