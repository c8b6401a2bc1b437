"""BigBIO's "kb" schema: a JSON document on each line, or one JSON array in a file named .json.

    {"id", "document_id", "passages": [{"id", "type", "text": [text], "offsets": [[start, end]]}],
     "entities": [{"id", "type", "text": [text], "offsets": [[start, end]], "normalized": []}],
     "events": [{"id", "type", "trigger": {"text", "offsets"}, "arguments": [{"role", "ref_id"}]}],
     "relations": [{"id", "type", "arg1_id", "arg2_id", "normalized": []}], "coreferences"}

(Source: the schema kb of bigscience-workshop/biomedical.) Offsets count code points of the
document, the end exclusive; a discontinuous span has several. `ref_id`, `arg1_id` (the head) and
`arg2_id` (the tail) name an entity or an event.

**Text.** It is joined from the passages; gaps between them, of up to 1,000 characters, are filled
with spaces. A passage is read as a zone of its type, except for a single passage of type "document"
with the whole text. Texts that differ from the text at their offsets are refused.

**Reading options**: `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`; see
"Offsets in other units".

The prefix DOCUMENT_ID/ of ids is removed. An argument has the span of the entity or trigger
that it names, which becomes its `ref`. Dropped: relations with an event without a trigger (whose
trigger has no offsets), coreferences, normalizations, other keys.

**Writing.** Zones become passages, and the text between them passages of type "text". Annotations
without an id get a generated one that begins with ~ and is dropped in reading, except for arguments
of relations. Ids begin with the document's id, since BigBIO requires them to be unique in a data
set. No key is added that the
schema does not have. A layer that was not annotated has no key, unless arguments need entities.
Dropped: arguments without a ref where an entity with an id has their span (they are read back with
that ref); refs to other spans; zones that overlap or would not be read back; realis, scores,
attributes, attributions, meta; failed documents.
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
    Relation,
    Span,
    Zone,
)
from evalkit.data.json_keys import check_duplicate_keys
from evalkit.data.text import Range
from evalkit.errors import DocumentError, InputError, LoadError, quoted_repr
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
from evalkit.formats.jsonl_errors import BOM, explain_invalid_utf8
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
    previous_end = int(counted.first_offset)  # in the units of the file
    length = 0  # of the joined text, in characters
    for n, passage in enumerate(passages):
        if len(passage.text) != len(passage.offsets):
            raise InputError(
                f"passages[{n}]: {len(passage.text)} texts and {len(passage.offsets)} offsets:"
                " expected as many texts as offsets"
            )
        passage_start = length
        for m, (text, (start, last)) in enumerate(zip(passage.text, passage.offsets)):
            end = last + 1 if counted.end_offset == "inclusive" else last
            _check_passage(n, text, start, end, previous_end, counted)
            gap = start - previous_end
            if m == 0:
                passage_start = length + gap
            pieces += [" " * gap, text]
            length += gap + len(text)
            previous_end = end
        positions.append((passage_start, length))
    return "".join(pieces), positions


def _check_passage(
    n: int, text: str, start: int, end: int, previous_end: int, counted: units.OffsetConvention
) -> None:
    if not previous_end <= start <= previous_end + MAX_GAP:
        raise InputError(
            f"passages[{n}]: starts at {start}, and the previous one ends at {previous_end}:"
            f" expected sorted passages, at most {MAX_GAP:,} characters apart"
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
    previous_end = 0
    for passage in passages:
        for text, (start, end) in zip(passage.text, passage.offsets):
            gap = max(start - previous_end, 0) if pieces else 0
            pieces.append(" " * min(gap, MAX_GAP) + text)
            previous_end = end
    return "".join(pieces)


SUPPORTED_FIELDS = {
    "entities",
    "entities.id",
    "events",
    "events.id",
    "arguments.ref",
    "relations",
    "relations.id",
    "zones",
}


class BigBioEntity(msgspec.Struct):
    """An entity of a record."""

    id: str
    type: str
    text: list[str]
    offsets: Offsets
    normalized: list[Any] | None = None


class BigBioTrigger(msgspec.Struct):
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
    trigger: BigBioTrigger
    arguments: list[BigBioArgument] = []


class BigBioRelation(msgspec.Struct):
    """A relation of a record."""

    id: str
    type: str
    arg1_id: str
    arg2_id: str
    normalized: list[Any] | None = None


class BigBioRecord(msgspec.Struct):
    """A record: the keys of a document that are read."""

    document_id: str
    passages: list[Passage]
    id: Any = None
    entities: list[BigBioEntity] | None = None
    events: list[BigBioEvent] | None = None
    relations: list[BigBioRelation] | None = None


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
    for position, record in records(path, conversion):
        if isinstance(record, LoadError):
            yield position, record
            continue
        try:
            yield position, BigBioReader(record, position, conversion, counted).document()
        except InputError as error:
            yield position, LoadError([f"{position}: {error}"])


def records(
    path: Path, conversion: ConversionReport
) -> Iterator[tuple[str, BigBioRecord | LoadError]]:
    """Yields the position of each record of a file with the record, or a LoadError."""
    if path.suffix == ".json":
        return array(path, conversion)
    return iter_records(path, BigBioRecord, conversion)


def array(
    path: Path, conversion: ConversionReport
) -> Iterator[tuple[str, BigBioRecord | LoadError]]:
    """Yields the position of each item of a JSON array with its record, or a LoadError."""
    with open_input(path) as file:
        data = file.read().removeprefix(BOM)
    try:
        items = msgspec.json.decode(data, type=list[dict[str, Any]])
        check_duplicate_keys(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        problem = explain_invalid_utf8(data, "file") or str(error).replace("`", "'")
        if isinstance(error, RecursionError):
            problem = "nested too deeply"
        message = (
            f"{path}: {problem}; a .json file is read as an array of documents, a .jsonl file as a"
            " document on each line"
        )
        yield str(path), LoadError([message])
        return
    for n, item in enumerate(items):
        position = f"{path}:[{n}]"
        yield position, convert_record(item, BigBioRecord, position, conversion)


class BigBioReader:
    """Builds the document of a record."""

    def __init__(
        self,
        record: BigBioRecord,
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
        # Arguments of relations keep generated ids, since a relation refers to them.
        self._relation_arguments: set[str] = set()
        for relation in record.relations or ():
            self._relation_arguments.update((relation.arg1_id, relation.arg2_id))

    def document(self) -> Document:
        """Returns the document. Raises InputError with the key and index of an invalid item."""
        record = self.record
        spans: dict[str, Span] = {}  # by the id of an entity or event
        for n, entity in enumerate(record.entities or ()):
            spans[entity.id] = self._span(entity, f"entities[{n}]")
        triggers: list[Span | None] = []
        for n, event in enumerate(record.events or ()):
            trigger = None
            if event.trigger.offsets:
                trigger = spans[event.id] = self._span(event.trigger, f"events[{n}].trigger")
            triggers.append(trigger)
        events = None
        if record.events is not None:
            events = tuple(
                self._event(event, n, trigger, spans)
                for n, (event, trigger) in enumerate(zip(record.events, triggers))
            )
        entities = None
        if record.entities is not None and not self._has_no_entity_layer(record.entities):
            entities = tuple(self._entities(record.entities, spans))
        relations = None
        if record.relations is not None:
            relations = tuple(self._relations(record.relations, spans))
        return Document(
            record.document_id,
            self.text,
            entities,
            events,
            relations=relations,
            zones=self._zones(),
        )

    def _event(
        self, event: BigBioEvent, n: int, trigger: Span | None, spans: dict[str, Span]
    ) -> Event:
        arguments = tuple(self._arguments(event, n, spans))
        return Event(event.type, trigger, arguments, id=self._public_id(event.id))

    def _relations(
        self, relations: list[BigBioRelation], spans: dict[str, Span]
    ) -> Iterator[Relation]:
        """Yields the relations; those with an event without a trigger are counted as dropped."""
        dropped_events = {event.id for event in self.record.events or ()} - spans.keys()
        for n, relation in enumerate(relations):
            where = f"{self._position}: relations[{n}]"
            if relation.normalized:
                self._conversion.add("normalizations", where, len(relation.normalized))
            arguments = {"arg1_id": relation.arg1_id, "arg2_id": relation.arg2_id}
            if dropped_events.intersection(arguments.values()):
                self._conversion.add("relations with an event without a trigger", where)
                continue
            for key, id in arguments.items():
                if id not in spans or is_generated_argument(self._local_id(id)):
                    raise InputError(
                        f"relations[{n}].{key}: unknown id {quoted_repr(id)}: expected an entity or"
                        " an event of this document"
                    )
            head, tail = map(self._local_id, arguments.values())
            try:
                yield Relation(relation.type, head, tail, id=self._public_id(relation.id))
            except DocumentError as error:
                raise DocumentError(
                    error.message, layer="relations", index=n, field=error.field
                ) from None

    def _public_id(self, id: str) -> str | None:
        local_id = self._local_id(id)
        return local_id if id in self._relation_arguments else public_id(local_id)

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
                    id=self._public_id(entity.id),
                    fragments=span.fragments,
                )

    def _arguments(self, event: BigBioEvent, n: int, spans: dict[str, Span]) -> Iterator[Argument]:
        for m, part in enumerate(event.arguments):
            if part.ref_id not in spans:
                raise InputError(
                    f"events[{n}].arguments[{m}].ref_id: unknown id {quoted_repr(part.ref_id)}:"
                    " expected an entity, or an event with a trigger, of this document"
                )
            span = spans[part.ref_id]
            ref = self._public_id(part.ref_id)
            yield Argument(part.role, span.start, span.end, span.fragments, ref=ref)

    def _span(self, annotation: BigBioEntity | BigBioTrigger, where: str) -> Span:
        """Returns the span of an annotation.

        Raises InputError if its texts are not those at its offsets.
        """
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
        fragments = tuple(pieces) if len(pieces) > 1 else ()
        return Span(pieces[0][0], max(end for _, end in pieces), fragments)

    def _piece(self, text: str, start: int, end: int, where: str) -> Range:
        first, last = self._offsets.span(start, end)
        if first < 0 or not self._counted.same(text, self.text[first:last]):
            actual = quoted_repr(self.text[max(first, 0) : max(last, 0)])
            raise InputError(
                f"{where}.text: {quoted_repr(text)} is not the text at {start} to {end}: {actual}"
            )
        return first, last

    def _zones(self) -> tuple[Zone, ...]:
        zones = []
        for passage, (start, end) in zip(self.record.passages, self._passages):
            if passage.type != BETWEEN and start < end:
                zones.append(Zone(passage.type, start, end))
        if len(self._passages) == 1 and zones == [Zone(WHOLE, 0, len(self.text))]:
            return ()
        return tuple(zones)


def write(documents: Iterable[Document], path: Path, conversion: ConversionReport) -> None:
    """Writes a document on each line; in a file named .json, an array of documents."""
    if path.suffix == ".json":
        begin, between, end = b"[\n", b",\n", b"\n]\n"
    else:
        begin, between, end = b"", b"\n", b"\n"
    with replace_file(path) as file:
        file.write(begin)
        written = 0
        for document in drop_indistinguishable(documents, conversion, names_events=True):
            if skip_failed(document, conversion):
                count_unsupported(document, conversion, SUPPORTED_FIELDS)
                if written:
                    file.write(between)
                file.write(msgspec.json.encode(BigBioWriter(document, conversion).line()))
                written += 1
        file.write(end if written or begin else b"")


def iter_surfaces(path: Path) -> Iterator[units.SurfaceCheck]:
    """Yields document text, start, end and quoted text of each passage and annotation."""
    for _, record in records(path, ConversionReport()):
        if isinstance(record, LoadError):
            continue
        text = join_unchecked(record.passages)
        triggers = [event.trigger for event in record.events or ()]
        for annotation in [*record.passages, *(record.entities or ()), *triggers]:
            for (start, end), surface in zip(annotation.offsets, annotation.text):
                yield text, start, end, surface
