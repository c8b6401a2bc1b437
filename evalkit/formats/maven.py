"""MAVEN, MAVEN-ERE and MAVEN-Arg: a document as JSON on each line.

    MAVEN      {"id", "content": [{"sentence", "tokens"}], "events": [{"id", "type", "mention":
                [{"id", "trigger_word", "sent_id", "offset": [first, end]}]}],
                "negative_triggers": [{"id", "trigger_word", "sent_id", "offset"}]}
    MAVEN-ERE  {"id", "tokens": [[token]], "sentences": [text], "events", "TIMEX": [{"id",
                "mention", "type", "sent_id", "offset"}], "temporal_relations": {"BEFORE":
                [[head, tail]]}, "causal_relations": {"CAUSE": []}, "subevent_relations": []}
    MAVEN-Arg  {"id", "document": text, "events": [{…, "argument": {role: [{"entity_id"} or
                {"content", "offset"}]}}], "entities": [{"id", "type", "mention": [{"id",
                "mention", "offset"}]}]}

Offsets count the tokens of the sentence, in MAVEN-Arg the characters of the document; the end is
exclusive. (Source: the descriptions of the data in THU-KEG/MAVEN-dataset, THU-KEG/MAVEN-ERE and
THU-KEG/MAVEN-Argument, version 1.0.)

**Coreference.** An event of the file is a cluster of mentions. Each mention is an event here, with
its own id; mentions of one cluster have the same attribute `event`, the id in the file. So do the
mentions of an entity with the attribute `entity`, for the scheme `coref` of arguments.

**Arguments** are those of the cluster: each of its mentions has all of them. An argument that is an
entity is its first mention in the text, and `ref` the id of this mention.

**Relations** are between clusters and times: they are read as relations between the first mentions
in the text. The label of subevent relations is SUBEVENT. Times are entities with their type as
label.

**Reading option**: `text`: tokens: the tokens of a sentence are joined by a space, the sentences by
a line feed; given: the texts of the sentences, in which the tokens must occur in order, with
nothing but white space between (Penn Treebank quotes and brackets are those of the text). The text
of MAVEN-Arg is `document` in both cases.

Without `events`, as in test data, events were not annotated; so for `entities` and `TIMEX`, and for
the relations. Dropped: negative triggers, candidates, arguments that are an entity without a
mention, other keys.

This format is only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Argument, Document, Entity, Event, Relation, Span
from evalkit.data.text import Range
from evalkit.errors import InputError, LoadError, quoted_repr, spell_option
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.json_records import iter_records
from evalkit.formats.registry import DocumentResults
from evalkit.formats.sentence_tokens import SentenceTokens, check_surface
from evalkit.formats.token_records import check_text_option

SUBEVENT = "SUBEVENT"
Pairs = list[tuple[str, str]]


class MavenSentence(msgspec.Struct):
    """A sentence of MAVEN."""

    tokens: list[str]
    sentence: str | None = None


class TriggerMention(msgspec.Struct):
    """A mention of an event. `sent_id` is missing where the offsets count characters."""

    id: str
    offset: tuple[int, int]
    trigger_word: str | None = None
    sent_id: int | None = None


class Filler(msgspec.Struct):
    """What fills a role: an entity, or a span."""

    entity_id: str | None = None
    content: str | None = None
    offset: tuple[int, int] | None = None


class MavenEvent(msgspec.Struct):
    """A cluster of mentions of one event."""

    id: str
    type: str
    mention: list[TriggerMention]
    argument: dict[str, list[Filler]] = {}
    type_id: Any = None


class EntityMention(msgspec.Struct):
    """A mention of an entity."""

    id: str
    offset: tuple[int, int]
    mention: str | None = None
    sent_id: int | None = None


class MavenEntity(msgspec.Struct):
    """A cluster of mentions of one entity."""

    id: str
    type: str
    mention: list[EntityMention]


class Timex(msgspec.Struct):
    """A time."""

    id: str
    type: str
    offset: tuple[int, int]
    mention: str | None = None
    sent_id: int | None = None


class MavenRecord(msgspec.Struct):
    """A line: the keys that are read, and those that are counted."""

    id: str
    content: list[MavenSentence] | None = None
    tokens: list[list[str]] | None = None
    sentences: list[str] | None = None
    document: str | None = None
    events: list[MavenEvent] | None = None
    entities: list[MavenEntity] | None = None
    times: list[Timex] | None = msgspec.field(default=None, name="TIMEX")
    temporal_relations: dict[str, Pairs] | None = None
    causal_relations: dict[str, Pairs] | None = None
    subevent_relations: Pairs | None = None
    negative_triggers: list[Any] | None = None
    candidates: list[Any] | None = None
    event_mentions: list[Any] | None = None


UNREAD = {
    "negative_triggers": "negative triggers",
    "candidates": "candidates for triggers",
    "event_mentions": "candidates for triggers",
}


def read(path: Path, conversion: ConversionReport, *, text: str = "tokens") -> DocumentResults:
    """Yields the file:line of each document with the document, or a LoadError.

    Raises UnknownNameError for an unknown value of the option.
    """
    check_text_option(text)
    for position, record in iter_records(path, MavenRecord, conversion):
        if isinstance(record, LoadError):
            yield position, record
            continue
        for name, what in UNREAD.items():
            if count := len(getattr(record, name) or ()):
                conversion.add(what, position, count)
        try:
            yield position, DocumentBuilder(record, text, position, conversion).build()
        except InputError as error:
            yield position, LoadError([f"{position}: {error}"])


class DocumentBuilder:
    """Builds the document of a record."""

    def __init__(
        self, record: MavenRecord, text: str, position: str, conversion: ConversionReport
    ) -> None:
        """Raises InputError for a record without a text, or with one without its tokens."""
        self._record, self._position, self._conversion = record, position, conversion
        self._tokens: SentenceTokens | None = None
        if record.document is not None:
            self._text = record.document
        else:
            self._tokens = _read_tokens(record, is_text_given=text == "given")
            self._text = self._tokens.text
        # First mentions in the text, by the id of the cluster; of entities None without a mention
        self._first_entities: dict[str, Entity | None] = {}
        self._first_ids: dict[str, str] = {}  # of events and times

    def build(self) -> Document:
        """The document. Raises InputError with the key of an invalid item."""
        record = self._record
        entities: list[Entity] = []
        for n, entity in enumerate(record.entities or ()):
            entities += self._read_entity(entity, f"entities[{n}]")
        for n, time in enumerate(record.times or ()):
            span = self._span(time.offset, time.sent_id, time.mention, f"TIMEX[{n}]")
            self._first_ids[time.id] = time.id
            entities.append(Entity(time.type, *span, id=time.id))
        events: list[Event] = []
        for n, event in enumerate(record.events or ()):
            events += self._read_event(event, f"events[{n}]")
        has_entities = record.entities is not None or record.times is not None
        return Document(
            record.id,
            self._text,
            tuple(entities) if has_entities else None,
            None if record.events is None else tuple(events),
            relations=self._read_relations(),
        )

    def _read_entity(self, entity: MavenEntity, where: str) -> list[Entity]:
        """The mentions of an entity."""
        mentions = []
        for n, mention in enumerate(entity.mention):
            start, end = self._span(
                mention.offset, mention.sent_id, mention.mention, f"{where}.mention[{n}]"
            )
            attributes: dict[str, Any] = {"entity": entity.id}
            mentions.append(Entity(entity.type, start, end, id=mention.id, attributes=attributes))
        self._first_entities[entity.id] = min(
            mentions, key=lambda each: (each.start, each.end), default=None
        )
        return mentions

    def _read_event(self, event: MavenEvent, where: str) -> list[Event]:
        """The mentions of an event, each with its arguments."""
        arguments = tuple(self._read_arguments(event, where))
        attributes: dict[str, Any] = {"event": event.id}
        mentions = []
        for n, mention in enumerate(event.mention):
            span = self._span(
                mention.offset, mention.sent_id, mention.trigger_word, f"{where}.mention[{n}]"
            )
            mentions.append((span, mention.id))
        if mentions:
            self._first_ids[event.id] = min(mentions)[1]
        return [
            Event(event.type, Span(*span), arguments, id=id, attributes=attributes)
            for span, id in mentions
        ]

    def _read_arguments(self, event: MavenEvent, where: str) -> Iterator[Argument]:
        for role, fillers in event.argument.items():
            for n, filler in enumerate(fillers):
                location = f"{where}.argument.{role}[{n}]"
                if filler.entity_id is None:
                    if filler.offset is None:
                        raise InputError(f"{location}: expected 'entity_id', or 'offset'")
                    span = self._span(filler.offset, None, filler.content, location)
                    yield Argument(role, *span)
                elif filler.entity_id not in self._first_entities:
                    raise InputError(
                        f"{location}.entity_id: unknown id {quoted_repr(filler.entity_id)}:"
                        " expected an entity of this line"
                    )
                elif (entity := self._first_entities[filler.entity_id]) is not None:
                    yield Argument(role, entity.start, entity.end, ref=entity.id)
                else:
                    name = "arguments that are an entity without a mention"
                    self._conversion.add(name, f"{self._position}: {location}")

    def _read_relations(self) -> tuple[Relation, ...] | None:
        """The relations between first mentions; None if there is no key of relations."""
        record = self._record
        groups: list[tuple[str, str, Pairs]] = []  # location, label, pairs
        for name in ("temporal_relations", "causal_relations"):
            for label, pairs in (getattr(record, name) or {}).items():
                groups.append((f"{name}.{label}", label, pairs))
        if record.subevent_relations is not None:
            groups.append(("subevent_relations", SUBEVENT, record.subevent_relations))
        relations = []
        for where, label, pairs in groups:
            for n, pair in enumerate(pairs):
                for id in pair:
                    if id not in self._first_ids:
                        raise InputError(
                            f"{where}[{n}]: unknown id {quoted_repr(id)}: expected an event with a"
                            " mention, or a time, of this line"
                        )
                head, tail = (self._first_ids[id] for id in pair)
                relations.append(Relation(label, head, tail))
        has_relations = any(
            getattr(record, name) is not None
            for name in ("temporal_relations", "causal_relations", "subevent_relations")
        )
        return tuple(relations) if has_relations else None

    def _span(
        self, offset: tuple[int, int], sentence: int | None, surface: str | None, where: str
    ) -> Range:
        """The range of a mention in the text. Raises InputError if it does not exist there, or is
        another text.
        """
        first, end = offset
        if self._tokens is None:
            if not 0 <= first < end <= len(self._text):
                raise InputError(
                    f"{where}.offset: {first} to {end}: the document has {len(self._text)}"
                    " characters, counted from 0, the end exclusive"
                )
            span = (first, end)
        elif sentence is None:
            raise InputError(f"{where}: no 'sent_id', and no 'document' with characters to count")
        else:
            span = self._tokens.find_range(first, end, f"{where}.offset", sentence)
        if surface is not None:
            check_surface(surface, self._text, span, where)
        return span


def _read_tokens(record: MavenRecord, *, is_text_given: bool) -> SentenceTokens:
    """The tokens of a record. Raises InputError if there are none, or if its text differs."""
    sentences, texts = record.tokens, record.sentences
    if record.content is not None:
        sentences = [sentence.tokens for sentence in record.content]
        given = [sentence.sentence for sentence in record.content]
        texts = None if None in given else [text for text in given if text is not None]
    if sentences is None:
        raise InputError("no text: expected 'content', 'tokens' or 'document'")
    if not is_text_given or texts is None:
        return SentenceTokens(sentences)
    try:
        return SentenceTokens(sentences, texts)
    except InputError as error:
        option = spell_option("text", "tokens", of="format")
        raise InputError(f"{error}; {option} joins the tokens instead") from None
