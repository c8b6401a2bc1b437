"""BigBIO's "kb" schema: a document as JSON on each line, or in one array in a file named .json.

    {"id", "document_id", "passages": [{"id", "type", "text": [text], "offsets": [[start, end]]}],
     "entities": [{"id", "type", "text": [text], "offsets": [[start, end]], "normalized": []}],
     "events": [{"id", "type", "trigger": {"text", "offsets"}, "arguments": [{"role", "ref_id"}]}],
     "coreferences", "relations"}

Offsets count code points of the document, the end exclusive; a discontinuous span has several.
`ref_id` names an entity or an event.

**Text.** It is joined from the passages; gaps between them, of up to 1,000 characters, are filled
with spaces. A passage is read as a zone of its type; a single one of type "document" that is the
whole text is none. Texts that differ from what is at their offsets are refused.

**Reading options**: `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`; see
"Offsets in other units".

Ids lose DOCUMENT_ID/ where they begin with it. An argument has the span of the entity or trigger
that it names, which becomes its `ref`. Dropped: events without a trigger, coreferences, relations,
normalizations, other keys.

**Writing.** Zones become passages, and what is between them passages of type "text". Missing
ids are generated and begin with the document's, since BigBIO requires them to be
unique in a data set. No key is added that the schema does not have. A layer that was not annotated
has no key, unless arguments need entities. Dropped: arguments without a ref where an entity with an
id has their span (they come back with that ref); refs to other spans; zones that overlap or would
not come back; realis, scores, attributes, attributions, meta; failed documents.
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
    """A part of the text."""

    type: str
    text: list[str]
    offsets: Offsets
    id: Any = None


def join_passages(
    passages: list[Passage], counted: units.OffsetConvention
) -> tuple[str, list[Range]]:
    """The text, and the place of each passage in it.

    Raises InputError where passages overlap, or a text is not as long as its offsets say.
    """
    pieces: list[str] = []
    positions: list[Range] = []
    at, past = int(counted.first_offset), 0  # in the file's units, and in characters
    for n, passage in enumerate(passages):
        if len(passage.text) != len(passage.offsets):
            raise InputError(
                f"passages[{n}]: {len(passage.text)} texts at {len(passage.offsets)} offsets; each"
                " has one"
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
            f"passages[{n}]: begins at {start}, and the one before it ends at {at}; passages stand"
            f" in order, at most {MAX_GAP:,} characters apart"
        )
    widths = units.widths_of(text, counted)
    size = len(text) if widths is None else int(widths.sum())
    if end - start != size:
        raise InputError(
            f"passages[{n}]: a text of {size} {units.UNITS[counted.offset_unit]} at {start} to"
            f" {end}: it is as long as its offsets say"
        )


def join_unchecked(passages: list[Passage]) -> str:
    """The texts of passages as far apart as their offsets say, in the unit of the offsets."""
    pieces: list[str] = []
    at = 0
    for passage in passages:
        for text, (start, end) in zip(passage.text, passage.offsets):
            pieces.append(" " * min(max(start - at if pieces else 0, 0), MAX_GAP) + text)
            at = end
    return "".join(pieces)


SUPPORTED_FIELDS = {"entities", "entities.id", "events", "events.id", "arguments.ref", "zones"}


class BigBioEntity(msgspec.Struct):
    """An entity."""

    id: str
    type: str
    text: list[str]
    offsets: Offsets
    normalized: list[Any] | None = None


class Trigger(msgspec.Struct):
    """A trigger."""

    text: list[str] = []
    offsets: Offsets = []


class BigBioArgument(msgspec.Struct):
    """An argument."""

    role: str
    ref_id: str


class BigBioEvent(msgspec.Struct):
    """An event."""

    id: str
    type: str
    trigger: Trigger
    arguments: list[BigBioArgument] = []


class Record(msgspec.Struct):
    """A document, as far as it is read."""

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
    """Each document with its place, or what is wrong there."""
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
    """The documents of a file that holds a JSON array."""
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
                    f"{path}: {problem}; a file named .json holds an array of documents, one named"
                    " .jsonl a document on each line"
                ]
            ),
        )
        return
    for n, item in enumerate(result):
        yield f"{path}:[{n}]", convert_record(item, Record, f"{path}:[{n}]", conversion)


class BigBioReader:
    """A record, and the text of its passages."""

    def __init__(
        self,
        record: Record,
        position: str,
        conversion: ConversionReport,
        counted: units.OffsetConvention,
    ) -> None:
        """Put the text together.

        Raises InputError where passages overlap, or their texts are not as long as their offsets
        say.
        """
        self.record, self._position, self._conversion, self._counted = (
            record,
            position,
            conversion,
            counted,
        )
        self.text, self._passages = join_passages(record.passages, counted)
        self._offsets = counted.converter_for(self.text)

    def document(self) -> Document:
        """The document. Raises InputError naming the key and the item that is wrong."""
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
                    f"events[{n}].arguments[{m}].ref_id: {quoted_repr(part.ref_id)} is no entity"
                    " and no event with a trigger in this document"
                )
            span = spans[part.ref_id]
            yield Argument(
                part.role, span.start, span.end, span.fragments, ref=self._own(part.ref_id)
            )

    def _span(self, annotation: BigBioEntity | Trigger, where: str) -> Span:
        """The place of an annotation, which must be where its texts stand."""
        if not annotation.offsets:
            raise InputError(f"{where}.offsets: empty: an annotation has at least one [start, end]")
        if len(annotation.text) != len(annotation.offsets):
            raise InputError(
                f"{where}: {len(annotation.text)} texts at {len(annotation.offsets)} offsets; each"
                " has one"
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
                f"{where}.text: {quoted_repr(text)} is not what stands at {start} to {end}:"
                f" {stands}"
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
    """One line a document; an array in a file named .json."""
    begin, between, end = (
        (b"[\n", b",\n", b"\n]\n") if path.suffix == ".json" else (b"", b"\n", b"\n")
    )
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
    """Each passage and annotation as it is written: its document's text, its offsets, and what it
    says that it covers.
    """
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
