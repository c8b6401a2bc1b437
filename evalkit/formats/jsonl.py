"""evalkit's own format: a document as JSON on each line, with the names of the document classes.

It loses nothing. A span may have a redundant `text`, which must equal `document.text[start:end]`
and is dropped once it has been checked. Lines end at \\n alone, blank ones are skipped, a byte
order mark is dropped. Unknown keys are refused: what has no field of its own belongs in `meta` or
`attributes`.

**Reading options**, for files of other programs: `offset_unit`, `first_offset`, `end_offset`,
`newlines`, `unicode_form`; see "Offsets in other units".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import jsonlines
import msgspec

from evalkit.data.document import (
    Argument,
    Attribution,
    Document,
    Entity,
    Event,
    Span,
    Zone,
    iter_spans,
)
from evalkit.data.json_keys import check_duplicate_keys
from evalkit.errors import DocumentError, LoadError, quoted_repr
from evalkit.files import open_input, replace_file
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.offsets import OffsetConvention, Offsets, SurfaceCheck
from evalkit.formats.registry import DocumentResults

T = TypeVar("T")


def line_class(public: type[Any], *extra: tuple[Any, ...], **replaced: Any) -> type[Any]:
    """The class as it stands in a file: with its redundant `text`, and unchecked until it becomes
    the public one.
    """
    fields = [
        (f.name, replaced.get(f.name, f.type), f.default) for f in msgspec.structs.fields(public)
    ]
    needed = [field[:2] for field in fields if field[2] is msgspec.NODEFAULT]
    optional = [field for field in fields if field[2] is not msgspec.NODEFAULT]
    return msgspec.defstruct(
        public.__name__,
        [*extra, *needed, *optional],
        forbid_unknown_fields=True,
        gc=public is Document,
    )


def line_with_text(public: type[Any], *extra: tuple[Any, ...]) -> type[Any]:
    """The same, for what is itself a span."""
    line = line_class(public, *extra)
    return msgspec.defstruct(
        public.__name__,
        [("text", str | None, None)],
        bases=(line,),
        forbid_unknown_fields=True,
        gc=False,
    )


SpanLine = line_with_text(Span)
EntityLine = line_with_text(Entity)
ArgumentLine = line_with_text(Argument)
EventLine = line_class(Event, trigger=SpanLine, arguments=tuple[ArgumentLine, ...])  # type: ignore[valid-type]
AttributionLine = line_class(
    Attribution,
    cue=SpanLine | None,
    content=SpanLine,
    source=SpanLine | None,
    source_name=SpanLine | None,
)
DocumentLine = line_class(
    Document,
    entities=tuple[EntityLine, ...] | None,  # type: ignore[valid-type]
    events=tuple[EventLine, ...] | None,  # type: ignore[valid-type]
    attributions=tuple[AttributionLine, ...] | None,  # type: ignore[valid-type]
)
UncheckedZonesLine: type[Any] = msgspec.defstruct(
    "Document",
    [("zones", tuple[line_class(Zone), ...], ())],  # type: ignore[misc]
    bases=(DocumentLine,),
    forbid_unknown_fields=True,
)


def read(
    path: Path,
    _conversion: ConversionReport | None = None,
    *,
    offset_unit: str = "code-points",
    first_offset: int | str = 0,
    end_offset: str = "exclusive",
    newlines: str = "as-is",
    unicode_form: str = "as-is",
) -> DocumentResults:
    """Each document, or a LoadError, with its file:line.

    Raises UnknownNameError for a value that an option does not have.
    """
    reading = OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form)
    for number, line in iter_lines(
        path, DocumentLine if reading.is_default else UncheckedZonesLine
    ):
        position = f"{path}:{number}"
        if isinstance(line, LoadError):
            yield position, line
            continue
        try:
            converted = line if reading.is_default else convert_offsets(line, reading)
            document = document_of(converted)
        except DocumentError as error:
            yield position, LoadError([f"{position}: {error}"])
        else:
            yield position, document


def iter_surfaces(path: Path) -> Iterator[SurfaceCheck]:
    """What each span with a text of its own says: the document's text, start, end, and that text,
    nothing of it checked.
    """
    for _, line in iter_lines(path, UncheckedZonesLine):
        if not isinstance(line, LoadError):
            for _, _, _, span in iter_spans(line):
                if getattr(span, "text", None) is not None:
                    yield line.text, span.start, span.end, span.text


def convert_offsets(line: Any, reading: OffsetConvention) -> Any:
    """The decoded line with its offsets in code points, and without the surfaces that are right.

    Raises DocumentError.
    """
    offsets = reading.converter_for(line.text)
    for layer, index, field, span in iter_spans(line):
        try:
            _recount(span, offsets)
        except DocumentError as error:
            path = ".".join(part for part in (field, error.field) if part)
            raise DocumentError(
                error.message, document=line.id, layer=layer, index=index, field=path
            ) from None
        surface = getattr(span, "text", None)
        if surface is not None and reading.same(surface, line.text[span.start : span.end]):
            span.text = None
    return line


def _recount(span: Any, offsets: Offsets) -> None:
    if pieces := getattr(span, "fragments", ()):
        span.fragments = tuple(offsets.span(start, end) for start, end in pieces)
    span.start, span.end = offsets.span(span.start, span.end)


def document_of(line: Any) -> Document:
    """The public document of a decoded line, its surfaces checked. Raises DocumentError."""
    document = public(line, Document)
    for layer, index, field, span in iter_spans(line):
        check_surface(
            span, document.text, document=document.id, layer=layer, index=index, field=field
        )
    return document


def public(line: Any, kind: type[T]) -> T:
    """A decoded line as the public class, which checks it.

    Raises DocumentError with the field's path.
    """
    try:
        return msgspec.convert(line, kind, from_attributes=True)
    except msgspec.ValidationError as error:
        if not isinstance(error.__cause__, DocumentError):
            raise
        raise _with_path(
            error.__cause__, str(error), getattr(line, "id", None) if kind is Document else None
        ) from None


def check_surface(span: Any, text: str, **where: Any) -> None:
    """Refuse a span whose redundant text is not what stands there."""
    surface = getattr(span, "text", None)
    if surface is not None and surface != text[span.start : span.end]:
        stands = text[span.start : span.end]
        problem = (
            f"{quoted_repr(surface)} is not what stands at {span.start} to {span.end}:"
            f" {quoted_repr(stands)}{_nearest(text, surface, span.start)}"
        )
        where["field"] = f"{where['field']}.text" if where["field"] else "text"
        raise DocumentError(problem, **where)


def _nearest(text: str, surface: str, start: int) -> str:
    """The end of a message about a wrong surface form: where the words are in the text, nearest to
    the given start.
    """
    start = max(start, 0)
    before = text.rfind(surface, 0, start + len(surface))
    after = text.find(surface, start)
    positions = [position for position in (before, after) if position >= 0 and surface]
    if not positions:
        return "; these words are not in the text"
    nearest = min(positions, key=lambda position: abs(position - start))
    return f"; these words are at {nearest} to {nearest + len(surface)}"


def iter_lines(path: Path, kind: type[T]) -> Iterator[tuple[int, T | LoadError]]:
    """Each line of a JSONL file as `kind`, with its number; a LoadError for a line that is not.

    A file that is one JSON document over many lines is one error. A file without a valid line among
    its first lines is not read further.
    """
    decoder = msgspec.json.Decoder(kind)
    invalid, valid = 0, 0
    with open_input(path) as file:
        for number, line in enumerate(file, start=1):
            if is_blank(line):
                continue
            try:
                item: T | LoadError = decode_line(line, decoder)
                valid += 1
            except LINE_ERRORS as error:
                if not valid and not invalid and is_one_document(path, line):
                    yield number, LoadError([f"{path}: {ONE_DOCUMENT}"])
                    return
                item = LoadError([f"{path}:{number}: {_error_message(error, line)}"])
                invalid += 1
            yield number, item
            if invalid == MAX_INVALID_LINES and not valid:
                problem = (
                    f"{path}: not read further, since none of its first {MAX_INVALID_LINES} lines"
                    " is valid; a JSONL file has one JSON object on each line"
                )
                yield number, LoadError([problem])
                return


ONE_DOCUMENT = (
    "one JSON document over many lines; a JSONL file has one JSON object on each line: jq -c '.[]'"
    " FILE writes the items of an array so, jq -c . FILE an object"
)
LINE_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)  # what decode_line raises
MAX_INVALID_LINES = 1000  # after which a file without a valid line is not read further
LARGEST_DOCUMENT = (
    1_000_000_000  # bytes of a file that is decoded as a whole in order to explain an error
)
_BOM = b"\xef\xbb\xbf"


def is_blank(line: bytes) -> bool:
    """Whether a line holds nothing but white space, and perhaps a byte order mark."""
    return not line.removeprefix(_BOM).strip()


def decode_line(line: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """What one line of a JSONL file says.

    Raises one of LINE_ERRORS if it is not one valid JSON value, or has a duplicate key.

    Every reader of JSONL files accepts and refuses lines by this function.
    """
    line = line.removeprefix(_BOM)
    line.decode()  # msgspec does not decode what it skips
    item = decoder.decode(line)
    check_duplicate_keys(line)
    return item


def is_one_document(path: Path, line: bytes) -> bool:
    """Whether a file is one JSON document over many lines. `line`: its first line."""
    if (
        line.removeprefix(_BOM).lstrip()[:1] not in (b"{", b"[")
        or not path.is_file()
        or path.stat().st_size > LARGEST_DOCUMENT
    ):
        return False
    data = path.read_bytes().removeprefix(_BOM).strip()
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
    """One line a document, every span with its text."""
    with replace_file(path) as file:
        writer = jsonlines.Writer(file, dumps=lambda item: msgspec.json.encode(item).decode())
        for document in documents:
            writer.write(to_json_dict(document))


def to_json_dict(document: Document) -> dict[str, Any]:
    """A document as it is written: plain values, every span with the text that it covers."""
    plain: dict[str, Any] = msgspec.to_builtins(document)
    for layer, index, field, span in iter_spans(document):
        if layer != "zones":
            _at(plain[layer][index], field)["text"] = document.text[span.start : span.end]
    return plain


def _at(item: dict[str, Any], field: str) -> dict[str, Any]:
    """The part of an annotation that a path such as "trigger" or "arguments[2]" names; the
    annotation for "".
    """
    name, _, index = field.partition("[")
    part: Any = item[name] if name else item
    if index:
        part = part[int(index[:-1])]
    annotation: dict[str, Any] = part
    return annotation


def _with_path(error: DocumentError, message: str, document: str | None) -> DocumentError:
    """The error, with the place that msgspec says it was found at: `$.entities[3].trigger`."""
    path = re.search(r"at `\$\.?(\w*)(?:\[(\d+)\])?\.?(.*)`$", message)
    if error.layer or not path:
        return error
    layer, index, rest = path.groups()
    field = ".".join(part for part in (rest, error.field) if part)
    if index is None:  # a field of the thing itself, such as the trigger of an event
        return DocumentError(error.message, document=document or "", layer=layer, field=field)
    return DocumentError(
        error.message, document=document or "", layer=layer, index=int(index), field=field
    )


def _error_message(error: Exception, line: bytes) -> str:
    """What is wrong with a line: msgspec's path as ours, the value quoted."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return (
            f"not UTF-8: {error.reason} at byte {error.start} of the line; save the file as UTF-8"
        )
    message = re.sub(r"`([^`$]*)`", r"'\1'", str(error))
    if isinstance(error, msgspec.ValidationError):
        problem, _, at = message.partition(" - at `$")
        value = _quoted_value(line, re.findall(r"\w+", at))
        return f"{at.strip('.`') or 'the line'}: {problem}{value}"
    if isinstance(error, msgspec.DecodeError):
        return f"not JSON: {message}{_format_hint(line)}"
    return message


def _quoted_value(line: bytes, steps: list[str]) -> str:
    """The value at a path of a line, quoted, for the message about it; nothing if there is none."""
    try:
        value = msgspec.json.decode(line.removeprefix(_BOM))
        for step in steps:
            value = value[int(step)] if isinstance(value, list) else value[step]
    except (*LINE_ERRORS, KeyError, IndexError, TypeError):
        return ""
    return f": {quoted_repr(value)}"


def _format_hint(line: bytes) -> str:
    """What the file may be instead."""
    if b"\r" in line.rstrip():
        return "; lines must end in line feeds"
    return "; each document must stand on one line" if line.strip() in (b"{", b"[") else ""
