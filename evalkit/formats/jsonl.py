"""evalkit's own format: JSONL with one document per line; the keys are the fields of Document.

The format preserves all annotations and fields. A span may have a redundant `text`, which must
equal `document.text[start:end]` and is checked when it is read. Lines end at \\n only; blank lines
and a byte order mark are skipped. Unknown keys are refused: put other data into `meta` or
`attributes`.

An event of a whole document has no `trigger`. An argument may have a `head`, a span with `start`
and `end` within it, for the scheme `head`, and a `ref`, the `id` of an entity or event. Entities
whose `attributes` have an equal value under `entity` are mentions of one referent, for `coref`.

**Gold** may have entities with `alternatives`, a list of `{"start", "end"}` with a `label` if it is
another one, and entities that are `optional`; zones with the label `ignore` are ignore regions.

**Reading options**, for files of other programs: `offset_unit`, `first_offset`, `end_offset`,
`newlines`, `unicode_form`; see "Offsets in other units".

**Entities without offsets**, `{"label": "PER", "text": "Ada"}`, are unplaced items of a prediction:
they count in `surfaces`, and are wrong in the layers of spans. With `ground=true` (the reading
option `ground`) their texts are searched in the document. Relations refer to them by their ids; a
relation of an entity without a place in the text is unplaced, too. A document in which no entity
has offsets needs no `text`, unless its entities are searched.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from evalkit.data.document import (
    Argument,
    Attribution,
    Document,
    Entity,
    Event,
    Relation,
    Span,
    Zone,
    iter_spans,
)
from evalkit.data.gold_alternatives import AlternativeLine
from evalkit.data.json_keys import check_duplicate_keys, has_all_strings
from evalkit.errors import DocumentError, LoadError, quoted_repr
from evalkit.files import open_input, replace_file
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.jsonl_errors import BOM, LINE_ERRORS, explain_line_error
from evalkit.formats.jsonl_plain import CHUNK_SIZE, MAX_OTHER_CHUNKS, decode_plain_lines
from evalkit.formats.offsets import OffsetConvention, Offsets, SurfaceCheck
from evalkit.formats.quoted_entities import ground_line, has_quotes, require_text, take_quotes
from evalkit.formats.reading_options import parse_bool
from evalkit.formats.registry import DocumentResults

T = TypeVar("T")


def line_class(public: type[Any], *extra: tuple[Any, ...], **replaced: Any) -> type[Any]:
    """A class with the fields of a public class, for decoding lines; its values are not checked."""
    fields = [
        (f.name, replaced.get(f.name, f.type), f.default) for f in msgspec.structs.fields(public)
    ]
    needed = [field[:2] for field in fields if field[2] is msgspec.NODEFAULT]
    optional = [field for field in fields if field[2] is not msgspec.NODEFAULT]
    return msgspec.defstruct(
        public.__name__,
        [*extra, *needed, *optional],
        forbid_unknown_fields=True,
        omit_defaults=True,  # for decode_line
        gc=public is Document,
    )


def line_with_text(public: type[Any], **replaced: Any) -> type[Any]:
    """Like `line_class`, with the redundant field `text`, for annotations that are spans."""
    line = line_class(public, **replaced)
    return msgspec.defstruct(
        public.__name__,
        [("text", str | None, None)],
        bases=(line,),
        forbid_unknown_fields=True,
        gc=False,
    )


SpanLine = line_with_text(Span)
EntityLine = line_with_text(Entity, alternatives=tuple[AlternativeLine, ...])
ArgumentLine = line_with_text(Argument, head=SpanLine | None)
EventLine = line_class(Event, trigger=SpanLine | None, arguments=tuple[ArgumentLine, ...])  # type: ignore[valid-type]
AttributionLine = line_class(
    Attribution,
    cue=SpanLine | None,
    content=SpanLine,
    source=SpanLine | None,
    source_name=SpanLine | None,
)
# An entity may have no offsets: see evalkit.formats.quoted_entities.
QuotedEntityLine = msgspec.defstruct(
    "Entity",
    [
        ("start", int | msgspec.UnsetType, msgspec.UNSET),
        ("end", int | msgspec.UnsetType, msgspec.UNSET),
    ],
    bases=(EntityLine,),
    forbid_unknown_fields=True,
    omit_defaults=True,
    gc=False,
)
RelationLine = line_class(Relation)
DocumentLine = line_class(
    Document,
    relations=tuple[RelationLine, ...] | None,  # type: ignore[valid-type]
    entities=tuple[EntityLine, ...] | None,  # type: ignore[valid-type]
    events=tuple[EventLine, ...] | None,  # type: ignore[valid-type]
    attributions=tuple[AttributionLine, ...] | None,  # type: ignore[valid-type]
)
# The line of a JSONL file: its entities may have no offsets, and it then needs no text
QuotedDocumentLine: type[Any] = msgspec.defstruct(
    "Document",
    [
        ("entities", tuple[QuotedEntityLine, ...] | None, None),  # type: ignore[valid-type]
        ("text", str | msgspec.UnsetType, msgspec.UNSET),
    ],
    bases=(DocumentLine,),
    forbid_unknown_fields=True,
    omit_defaults=True,
)
UncheckedZonesLine: type[Any] = msgspec.defstruct(
    "Document",
    [("zones", tuple[line_class(Zone), ...], ())],  # type: ignore[misc]
    bases=(QuotedDocumentLine,),
    forbid_unknown_fields=True,
)


def read(
    path: Path,
    conversion: ConversionReport | None = None,
    *,
    offset_unit: str = "code-points",
    first_offset: int | str = 0,
    end_offset: str = "exclusive",
    newlines: str = "as-is",
    unicode_form: str = "as-is",
    ground: bool | str = False,
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each document.

    Raises UnknownNameError for an unknown value of an option.
    """
    reading = OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form)
    is_grounded = parse_bool("ground", ground)
    if reading.is_default and not is_grounded:
        yield from _read_chunks(path)
        return
    grounded = None
    if is_grounded:
        grounded = ConversionReport() if conversion is None else conversion
    for number, line in iter_lines(path, UncheckedZonesLine):
        position = f"{path}:{number}"
        yield position, convert_line(line, position, reading, grounded)


def _read_chunks(path: Path) -> DocumentResults:
    """Yields the position and the document, or a LoadError, of each line, without reading options.

    Chunks of plain lines are decoded at once, others line by line.
    """
    lines = LineDecoder(path, QuotedDocumentLine)
    prefix = f"{path}:"  # writing a path takes as long as decoding three entities
    first_number = 1
    other_chunks = 0  # in a row
    with open_input(path) as file:
        while not lines.is_refused and (data := file.read(CHUNK_SIZE)):
            data += file.readline()
            documents = None
            if other_chunks < MAX_OTHER_CHUNKS:
                plain_data = data.removeprefix(BOM) if first_number == 1 else data
                documents = decode_plain_lines(plain_data)
            if documents is not None:
                other_chunks = 0
                lines.valid_count += len(documents)
                for number, document in enumerate(documents, first_number):
                    yield f"{prefix}{number}", document
                first_number += len(documents)
                continue
            other_chunks += 1
            for number, line in lines.decode(io.BytesIO(data), first_number):
                position = f"{prefix}{number}"
                yield position, convert_line(line, position)
            first_number += data.count(b"\n")


def convert_line(
    line: Any,
    position: str,
    reading: OffsetConvention | None = None,
    grounded: ConversionReport | None = None,
) -> Document | LoadError:
    """The document of a decoded line; a LoadError if one of them is invalid. grounded: counts the
    entities without offsets that are searched; without it, none is.
    """
    if isinstance(line, LoadError):
        return line
    try:
        require_text(line, is_searched=grounded is not None)
        if reading is not None and not reading.is_default:
            line = convert_offsets(line, reading)
        if grounded is not None and has_quotes(line):
            line = ground_line(line, position, grounded)
        return document_of(line)
    except DocumentError as error:
        return LoadError([f"{position}: {error}"])
    except msgspec.ValidationError as error:
        return LoadError([f"{position}: {explain_line_error(error, b'')}"])


def iter_surfaces(path: Path) -> Iterator[SurfaceCheck]:
    """Yields document text, start, end and surface form of each span with a `text`, unchecked, of
    the first MAX_DIAGNOSED documents.
    """
    for _, line in islice(iter_lines(path, UncheckedZonesLine), MAX_DIAGNOSED):
        if not isinstance(line, LoadError) and line.text is not msgspec.UNSET:
            for _, _, _, span in iter_spans(line):
                has_offsets = span.start is not msgspec.UNSET and span.end is not msgspec.UNSET
                if has_offsets and getattr(span, "text", None) is not None:
                    yield line.text, span.start, span.end, span.text


def convert_offsets(line: Any, reading: OffsetConvention) -> Any:
    """The decoded line with its offsets in code points, and without the surface forms that match.

    Entities without offsets stay as they are. Raises DocumentError for an offset outside the text
    or inside a character.
    """
    offsets = reading.converter_for(line.text)
    for layer, index, field, span in iter_spans(line):
        if span.start is msgspec.UNSET or span.end is msgspec.UNSET:
            continue
        try:
            _convert_span(span, offsets)
        except DocumentError as error:
            path = ".".join(part for part in (field, error.field) if part)
            raise DocumentError(
                error.message, document=line.id, layer=layer, index=index, field=path
            ) from None
        surface = getattr(span, "text", None)
        if surface is not None and reading.same(surface, line.text[span.start : span.end]):
            span.text = None
    return line


def _convert_span(span: Any, offsets: Offsets) -> None:
    fragments = getattr(span, "fragments", ())
    if fragments:
        span.fragments = tuple(offsets.span(start, end) for start, end in fragments)
    span.start, span.end = offsets.span(span.start, span.end)


def document_of(line: Any) -> Document:
    """The document of a decoded line. Raises DocumentError if it or a surface form is invalid."""
    if isinstance(line, QuotedDocumentLine):
        require_text(line)
        line = take_quotes(line) if has_quotes(line) else line
    document = public(line, Document)
    text = document.text
    for layer, index, field, span in iter_spans(line):
        surface = getattr(span, "text", None)
        if surface is not None and surface != text[span.start : span.end]:
            check_surface(span, text, document=document.id, layer=layer, index=index, field=field)
    return document


def public(line: Any, kind: type[T]) -> T:
    """The public class of a decoded line, with its fields checked.

    Raises DocumentError with the path of the invalid field.
    """
    try:
        return msgspec.convert(line, kind, from_attributes=True)
    except msgspec.ValidationError as error:
        if not isinstance(error.__cause__, DocumentError):
            raise
        id = getattr(line, "id", None) if kind is Document else None
        raise _with_path(error.__cause__, str(error), id) from None


def check_surface(span: Any, text: str, **where: Any) -> None:
    """Raises DocumentError if the `text` of a span differs from the text at its offsets."""
    surface = getattr(span, "text", None)
    covered_text = text[span.start : span.end]
    if surface is not None and surface != covered_text:
        problem = (
            f"{quoted_repr(surface)} is not the text at {span.start} to {span.end}:"
            f" {quoted_repr(covered_text)}{_nearest_occurrence(text, surface, span.start)}"
        )
        where["field"] = f"{where['field']}.text" if where["field"] else "text"
        raise DocumentError(problem, **where)


def _nearest_occurrence(text: str, surface: str, start: int) -> str:
    """The end of a message about a wrong surface form: its occurrence nearest to `start`."""
    start = max(start, 0)
    before = text.rfind(surface, 0, start + len(surface))
    after = text.find(surface, start)
    positions = [position for position in (before, after) if position >= 0 and surface]
    if not positions:
        return "; these words are not in the text"
    nearest = min(positions, key=lambda position: abs(position - start))
    return f"; these words are at {nearest} to {nearest + len(surface)}"


def iter_lines(path: Path, kind: type[T]) -> Iterator[tuple[int, T | LoadError]]:
    """Yields each line of a JSONL file with its number, decoded as `kind`; a LoadError for an
    invalid line.

    A file that is a single JSON value on several lines is one error. A file is not read further if
    its first MAX_INVALID_LINES lines are all invalid.
    """
    with open_input(path) as file:
        yield from LineDecoder(path, kind).decode(file, 1)


class LineDecoder(Generic[T]):
    """Decodes the lines of a file one by one, and explains what is wrong with invalid ones.

    `valid_count`: the number of valid lines. `is_refused`: whether the file is not to be read
    further, because its first lines are all invalid.
    """

    def __init__(self, path: Path, kind: type[T]) -> None:
        self.valid_count = 0
        self.is_refused = False
        self._invalid_count = 0
        self._path = path
        self._decoder = msgspec.json.Decoder(kind)

    def decode(
        self, lines: Iterable[bytes], first_number: int
    ) -> Iterator[tuple[int, T | LoadError]]:
        """Yields each line that is not blank with its number, decoded; a LoadError for an invalid
        one.
        """
        for number, line in enumerate(lines, first_number):
            if is_blank(line):
                continue
            try:
                item = decode_line(line, self._decoder)
            except LINE_ERRORS as error:
                yield number, self._explain(error, line, number)
                if self.is_refused:
                    return
                if self._invalid_count == MAX_INVALID_LINES and not self.valid_count:
                    self.is_refused = True
                    problem = (
                        f"{self._path}: not read further, since none of its first"
                        f" {MAX_INVALID_LINES} lines is valid; a JSONL file has one JSON object on"
                        " each line"
                    )
                    yield number, LoadError([problem])
                    return
            else:
                self.valid_count += 1
                yield number, item

    def _explain(self, error: Exception, line: bytes, number: int) -> LoadError:
        is_first = not self.valid_count and not self._invalid_count
        if is_first and is_one_document(self._path, line):
            self.is_refused = True
            return LoadError([f"{self._path}: {ONE_DOCUMENT}"])
        self._invalid_count += 1
        return LoadError([f"{self._path}:{number}: {explain_line_error(error, line)}"])


ONE_DOCUMENT = (
    "one JSON document over many lines; a JSONL file has one JSON object on each line: jq -c '.[]'"
    " FILE writes the items of an array so, jq -c . FILE an object"
)
MAX_DIAGNOSED = 10_000  # documents whose offsets are examined, which takes longer than reading
MAX_INVALID_LINES = 1000  # after which a file without a valid line is not read further
# Bytes of a file that is decoded as a whole in order to explain an error
MAX_DECODED_SIZE = 1_000_000_000
_ENCODER = msgspec.json.Encoder()


def is_blank(line: bytes) -> bool:
    """Whether a line contains only white space, ignoring a byte order mark."""
    return not line.removeprefix(BOM).strip()


def decode_line(line: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The decoded value of one line of a JSONL file. All readers of JSONL files use this function.

    The type of the decoder is a dict, or a struct that omits default values when it is encoded.
    Raises one of LINE_ERRORS if the line is not one valid JSON value or has a duplicate key.
    """
    line = line.removeprefix(BOM)
    line.decode()  # msgspec does not check the encoding of values that it skips
    item = decoder.decode(line)
    # Encoding the item takes half the time of decoding the line without types and encoding that.
    if not has_all_strings(line, lambda: _ENCODER.encode(item)):
        check_duplicate_keys(line)
    return item


def is_one_document(path: Path, line: bytes) -> bool:
    """Whether a file is a single JSON value on several lines. `line` is its first line."""
    first_character = line.removeprefix(BOM).lstrip()[:1]
    if first_character not in (b"{", b"[") or not path.is_file():
        return False
    if path.stat().st_size > MAX_DECODED_SIZE:
        return False
    data = path.read_bytes().removeprefix(BOM).strip()
    if b"\n" not in data:
        return False
    try:
        msgspec.json.decode(data)
    except LINE_ERRORS:
        return False
    return True


def write(
    documents: Iterable[Document], path: Path, _conversion: ConversionReport | None = None
) -> None:
    """Writes one document per line, each span with its text."""
    import jsonlines

    with replace_file(path) as file:
        writer = jsonlines.Writer(file, dumps=lambda item: msgspec.json.encode(item).decode())
        for document in documents:
            writer.write(to_json_dict(document))


def to_json_dict(document: Document) -> dict[str, Any]:
    """A document as JSON-compatible values, each span with its text."""
    plain: dict[str, Any] = msgspec.to_builtins(document)
    for layer, index, field, span in iter_spans(document):
        if layer != "zones":
            part = _part_of(plain[layer][index], field)
            part["text"] = document.text[span.start : span.end]
    return plain


def _part_of(item: dict[str, Any], field: str) -> dict[str, Any]:
    """The part of an annotation at a path such as "trigger" or "arguments[2].head"; the annotation
    itself for "".
    """
    part: Any = item
    for step in re.findall(r"\w+", field):
        part = part[int(step)] if step.isdigit() else part[step]
    annotation: dict[str, Any] = part
    return annotation


def _with_path(error: DocumentError, message: str, document: str | None) -> DocumentError:
    """The error with the location in msgspec's message, such as `$.entities[3].trigger`."""
    match = re.search(r"at `\$\.?(\w*)(?:\[(\d+)\])?\.?(.*)`$", message)
    if error.layer or not match:
        return error
    layer, index, path = match.groups()
    field = ".".join(part for part in (path, error.field) if part)
    if index is None:  # a field of the annotation itself, such as the trigger of an event
        return DocumentError(error.message, document=document or "", layer=layer, field=field)
    return DocumentError(
        error.message, document=document or "", layer=layer, index=int(index), field=field
    )
