"""BigBIO's "kb" schema: a JSON document on each line, or one JSON array in a file named .json.

    {"id", "document_id", "passages": [{"id", "type", "text": [text], "offsets": [[start, end]]}],
     "entities": [{"id", "type", "text": [text], "offsets": [[start, end]], "normalized": []}],
     "events": [{"id", "type", "trigger": {"text", "offsets"}, "arguments": [{"role", "ref_id"}]}],
     "coreferences", "relations"}

Offsets count code points of the document, the end exclusive; a discontinuous span has several.
`ref_id` names an entity or an event.

**Text.** It is joined from the passages; gaps between them, of up to 1,000 characters, are filled
with spaces. A passage is read as a zone of its type, except for a single passage of type "document"
with the whole text. Texts that differ from the text at their offsets are refused.

**Reading options**: `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`; see
"Offsets in other units".

The prefix DOCUMENT_ID/ of ids is removed. An argument has the span of the entity or trigger
that it names, which becomes its `ref`. Dropped: events without a trigger, coreferences, relations,
normalizations, other keys.

**Writing.** Zones become passages, and the text between them passages of type "text". Annotations
without an id get a generated one that begins with ~ and is dropped in reading. Ids begin with the
document's id, since BigBIO requires them to be unique in a data set. No key is added that the
schema does not have. A layer that was not annotated has no key, unless arguments need entities.
Dropped: arguments without a ref where an entity with an id has their span (they come back with that
ref); refs to other spans; zones that overlap or would not come back; realis, scores, attributes,
attributions, meta; failed documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import (
    Argument,
    Document,
    Entity,
    Event,
    Span,
    Zone,
)
from evalkit.data.json_keys import check_duplicate_keys
from evalkit.data.text import Range
from evalkit.errors import InputError, LoadError, quoted_repr
from evalkit.files import open_input, replace_file
from evalkit.formats import offsets as units
from evalkit.formats.bigbio_writer import BETWEEN, WHOLE, BigBioWriter
from evalkit.formats.conversion import ConversionReport, drop_indistinguishable
from evalkit.formats.entity_refs import (
    entities_not_annotated,
    is_generated_argument,
    public_id,
)
from evalkit.formats.json_records import (
    convert_record,
    count_unsupported,
    iter_records,
    skip_failed,
)
from evalkit.formats.registry import DocumentResults

MAX_GAP = 1_000  # characters between passages
Offsets = list[tuple[int, int]]


class Passage(msgspec.Struct):
    """A passage of a record: a part of the text."""

    type: str
    text: list[str]
    offsets: Offsets
    id: Any = None


def join_passages(
    passages: list[Passage], counted: units.OffsetConvention
) -> tuple[str, list[Range]]:
    """Returns the text of the document, and the range of each passage in it.

    Raises InputError if passages overlap, or if the length of a text does not agree with its
    offsets.
    """
    pieces: list[str] = []
    positions: list[Range] = []
    at, past = int(counted.first_offset), 0  # in the file's units, and in characters
    for n, passage in enumerate(passages):
        if len(passage.text) != len(passage.offsets):
            raise InputError(
                f"passages[{n}]: {len(passage.text)} texts and {len(passage.offsets)} offsets:"
                " expected as many texts as offsets"
            )
        begins = [past]
        for text, (start, last) in zip(passage.text, passage.offsets):
            end = last + (counted.end_offset == "inclusive")
            _check(n, text, start, end, at, counted)
            begins.append(past + start - at)
            pieces += [" " * (start - at), text]
            past, at = begins[-1] + len(text), end
        positions.append((begins[:2][-1], past))
    return "".join(pieces), positions


def _check(
    n: int, text: str, start: int, end: int, at: int, counted: units.OffsetConvention
) -> None:
    if not at <= start <= at + MAX_GAP:
        raise InputError(
            f"passages[{n}]: starts at {start}, and the previous one ends at {at}: expected sorted"
            f" passages, at most {MAX_GAP:,} characters apart"
        )
    widths = units.widths_of(text, counted)
    size = len(text) if widths is None else int(widths.sum())
    if end - start != size:
        raise InputError(
            f"passages[{n}]: text of {size} {units.UNITS[counted.offset_unit]} at offsets {start}"
            f" to {end}: expected a text of {end - start}"
        )


def join_unchecked(passages: list[Passage]) -> str:
    """Returns the joined texts of passages, without checks of their offsets."""
    pieces: list[str] = []
    at = 0
    for passage in passages:
        for text, (start, end) in zip(passage.text, passage.offsets):
            pieces.append(" " * min(max(start - at if pieces else 0, 0), MAX_GAP) + text)
            at = end
    return "".join(pieces)


SUPPORTED_FIELDS = {"entities", "entities.id", "events", "events.id", "arguments.ref", "zones"}


class BigBioEntity(msgspec.Struct):
    """An entity of a record."""

    id: str
    type: str
    text: list[str]
    offsets: Offsets
    normalized: list[Any] | None = None


class Trigger(msgspec.Struct):
    """The trigger of an event."""

    text: list[str] = []
    offsets: Offsets = []


class BigBioArgument(msgspec.Struct):
    """An argument of an event."""

    role: str
    ref_id: str


class BigBioEvent(msgspec.Struct):
    """An event of a record."""

    id: str
    type: str
    trigger: Trigger
    arguments: list[BigBioArgument] = []


class Record(msgspec.Struct):
    """A record: the keys of a document that are read."""

    document_id: str
    passages: list[Passage]
    id: Any = None
    entities: list[BigBioEntity] | None = None
    events: list[BigBioEvent] | None = None


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
    """Yields the position of each record with its document, or a LoadError."""
    counted = units.OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form)
    for position, result in (
        array(path, conversion)
        if path.suffix == ".json"
        else iter_records(path, Record, conversion)
    ):
        if isinstance(result, LoadError):
            yield position, result
            continue
        try:
            yield position, BigBioReader(result, position, conversion, counted).document()
        except InputError as error:
            yield position, LoadError([f"{position}: {error}"])


def array(path: Path, conversion: ConversionReport) -> Iterator[tuple[str, Record | LoadError]]:
    """Yields the position and record of each item of a file with a JSON array."""
    try:
        with open_input(path) as file:
            data = file.read().removeprefix(b"\xef\xbb\xbf")
        result = msgspec.json.decode(data, type=list[dict[str, Any]])
        check_duplicate_keys(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        problem = (
            "nested too deeply"
            if isinstance(error, RecursionError)
            else str(error).replace("`", "'")
        )
        yield (
            str(path),
            LoadError(
                [
                    f"{path}: {problem}; a .json file is read as an array of documents, a"
                    " .jsonl file as a document on each line"
                ]
            ),
        )
        return
    for n, item in enumerate(result):
        yield f"{path}:[{n}]", convert_record(item, Record, f"{path}:[{n}]", conversion)


class BigBioReader:
    """Builds the document of a record."""

    def __init__(
        self,
        record: Record,
        position: str,
        conversion: ConversionReport,
        counted: units.OffsetConvention,
    ) -> None:
        """Joins the text; raises InputError as `join_passages` does."""
        self.record = record
        self._position = position
        self._conversion = conversion
        self._counted = counted
        self.text, self._passages = join_passages(record.passages, counted)
        self._offsets = counted.converter_for(self.text)

    def document(self) -> Document:
        """Returns the document. Raises InputError with the key and index of an invalid item."""
        record = self.record
        spans = {
            entity.id: self._span(entity, f"entities[{n}]")
            for n, entity in enumerate(record.entities or ())
        }
        happened = [
            (n, event, self._span(event.trigger, f"events[{n}].trigger"))
            for n, event in enumerate(record.events or ())
            if self._has_trigger(event, n)
        ]
        spans.update({event.id: span for _, event, span in happened})
        events = tuple(
            Event(event.type, span, tuple(self._arguments(event, n, spans)), id=self._own(event.id))
            for n, event, span in happened
        )
        entities = (
            None
            if record.entities is None or self._has_no_entity_layer(record.entities)
            else tuple(self._entities(record.entities, spans))
        )
        return Document(
            record.document_id,
            self.text,
            entities,
            None if record.events is None else events,
            zones=self._zones(),
        )

    def _own(self, id: str) -> str | None:
        return public_id(self._local_id(id))

    def _local_id(self, id: str) -> str:
        return id.removeprefix(f"{self.record.document_id}/")

    def _has_no_entity_layer(self, entities: list[BigBioEntity]) -> bool:
        return entities_not_annotated(self._local_id(entity.id) for entity in entities)

    def _entities(self, entities: list[BigBioEntity], spans: dict[str, Span]) -> Iterator[Entity]:
        for n, entity in enumerate(entities):
            if entity.normalized:
                self._conversion.add(
                    "normalizations", f"{self._position}: entities[{n}]", len(entity.normalized)
                )
            if not is_generated_argument(self._local_id(entity.id)):
                span = spans[entity.id]
                yield Entity(
                    entity.type,
                    span.start,
                    span.end,
                    id=self._own(entity.id),
                    fragments=span.fragments,
                )

    def _has_trigger(self, event: BigBioEvent, n: int) -> bool:
        if not event.trigger.offsets:
            self._conversion.add("events without a trigger", f"{self._position}: events[{n}]")
        return bool(event.trigger.offsets)

    def _arguments(self, event: BigBioEvent, n: int, spans: dict[str, Span]) -> Iterator[Argument]:
        for m, part in enumerate(event.arguments):
            if part.ref_id not in spans:
                raise InputError(
                    f"events[{n}].arguments[{m}].ref_id: unknown id {quoted_repr(part.ref_id)}:"
                    " expected an entity, or an event with a trigger, of this document"
                )
            span = spans[part.ref_id]
            yield Argument(
                part.role, span.start, span.end, span.fragments, ref=self._own(part.ref_id)
            )

    def _span(self, annotation: BigBioEntity | Trigger, where: str) -> Span:
        """Returns the span of an annotation; raises InputError if its texts are not there."""
        if not annotation.offsets:
            raise InputError(f"{where}.offsets: empty list: expected at least one [start, end]")
        if len(annotation.text) != len(annotation.offsets):
            raise InputError(
                f"{where}: {len(annotation.text)} texts and {len(annotation.offsets)} offsets:"
                " expected as many texts as offsets"
            )
        pieces = sorted(
            self._piece(text, *pair, where)
            for text, pair in zip(annotation.text, annotation.offsets)
        )
        return Span(
            pieces[0][0], max(end for _, end in pieces), tuple(pieces) if len(pieces) > 1 else ()
        )

    def _piece(self, text: str, start: int, end: int, where: str) -> Range:
        first, last = self._offsets.span(start, end)
        if first < 0 or not self._counted.same(text, self.text[first:last]):
            stands = quoted_repr(self.text[max(first, 0) : max(last, 0)])
            raise InputError(
                f"{where}.text: {quoted_repr(text)} is not the text at {start} to {end}: {stands}"
            )
        return first, last

    def _zones(self) -> tuple[Zone, ...]:
        passages = zip(self.record.passages, self._passages)
        result = [
            Zone(passage.type, *position)
            for passage, position in passages
            if passage.type != BETWEEN and position[0] < position[1]
        ]
        if len(self._passages) == 1 and result and result[0] == Zone(WHOLE, 0, len(self.text)):
            return ()
        return tuple(result)


def write(documents: Iterable[Document], path: Path, conversion: ConversionReport) -> None:
    """Writes a document on each line; in a file named .json, an array of documents."""
    if path.suffix == ".json":
        begin, between, end = b"[\n", b",\n", b"\n]\n"
    else:
        begin, between, end = b"", b"\n", b"\n"
    with replace_file(path) as file:
        file.write(begin)
        written = 0
        for document in drop_indistinguishable(documents, conversion):
            if skip_failed(document, conversion):
                count_unsupported(document, conversion, SUPPORTED_FIELDS)
                file.write(
                    (between if written else b"")
                    + msgspec.json.encode(BigBioWriter(document, conversion).line())
                )
                written += 1
        file.write(end if written or begin else b"")


def iter_surfaces(path: Path) -> Iterator[units.SurfaceCheck]:
    """Yields document text, start, end and quoted text of each passage and annotation."""
    for _, result in (
        array(path, ConversionReport())
        if path.suffix == ".json"
        else iter_records(path, Record, ConversionReport())
    ):
        if isinstance(result, LoadError):
            continue
        text = join_unchecked(result.passages)
        for annotation in [
            *result.passages,
            *(result.entities or ()),
            *(event.trigger for event in result.events or ()),
        ]:
            yield from (
                (text, start, end, surface)
                for (start, end), surface in zip(annotation.offsets, annotation.text)
            )
