"""DyGIE++: a document as JSON on each line, annotations as indices of tokens.

    {"doc_key", "dataset", "sentences": [[token]], "ner": [[[first, last, label]]], "events":
    [[[[trigger, type], [first, last, role]]]], "relations": [[[first, last, first, last, label]]]}

Indices count tokens of the whole document from 0, the last one is inclusive; there is a list for
each sentence, and annotations do not cross sentences. A trigger is one token. The arguments of a
relation, first the head, are the entities with these spans; they get the ids T1, T2, … by their
number in the file. (Source: the data documentation of DyGIE++.)

**Text.** The format has none: tokens are joined by a space, sentences by a line feed. DyGIE++ takes
keys that begin with an underscore as metadata, a value for each sentence; this module writes two,
and where both exist, takes text and offsets from them:

    _text      the text from the end of the sentence before to the end of this one; the last one's,
               to the end of the text
    _tokens    [start, end] of each token in the document, in code points

A doc_key that is a number is read as its digits.

**Reading option**: `annotation_source`: gold, or predicted, which reads predicted_ner,
predicted_events and predicted_relations with their softmax scores.

Repaired: a span with several entities as argument of a relation is read as the first of them.
Dropped: relations of spans without an entity, clusters and other keys. Without `ner` entities were
not annotated, without `events` and `relations` events and relations were not.

**Writing option**: `dataset` is the name of the data set in DyGIE++. Annotations are written
sentence by sentence, in their order there. Dropped: events whose trigger is several tokens,
arguments in another sentence than their trigger, relations between sentences and relations of
events, discontinuous spans, all fields but label and span, attributions, zones, meta, texts of
white space alone, failed documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from evalkit.data.document import Argument, Document, Entity, Event, Relation, Span
from evalkit.data.text import Range
from evalkit.errors import InputError, LoadError, UnknownNameError, quoted_repr
from evalkit.files import replace_file
from evalkit.formats.conversion import INDISTINGUISHABLE, ConversionReport, drop_indistinguishable
from evalkit.formats.json_records import (
    convert_item,
    count_unsupported,
    iter_records,
    skip_failed,
)
from evalkit.formats.registry import DocumentResults
from evalkit.formats.token_spans import TokenIndex, check_token_offsets, join_tokens

# Ids of entities are counted where the relations are written
SUPPORTED_FIELDS = {"entities", "events", "relations", "entities.id"}
ANNOTATION_SOURCES = ("gold", "predicted")
# Iterations of dropping events; only long chains of dependent annotations need more
MAX_ITERATIONS = 20
# The index of an event, the event, and its arguments with their indices
KeptEvent = tuple[int, Event, tuple[tuple[int, Argument], ...]]


class DygieRecord(msgspec.Struct):
    """A line: the keys of a document that are read."""

    doc_key: str | int
    sentences: list[list[str]]
    ner: list[list[tuple[int, int, str]]] | None = None
    events: list[list[list[Any]]] | None = None
    predicted_ner: list[list[tuple[int, int, str, float, float]]] | None = None
    predicted_events: list[list[list[Any]]] | None = None
    relations: list[list[tuple[int, int, int, int, str]]] | None = None
    predicted_relations: list[list[tuple[int, int, int, int, str, float, float]]] | None = None
    text: list[str] | None = msgspec.field(default=None, name="_text")
    offsets: list[list[tuple[int, int]]] | None = msgspec.field(default=None, name="_tokens")
    dataset: Any = None
    weight: Any = None
    sentence_start: Any = None
    own_sentence_start: Any = msgspec.field(default=None, name="_sentence_start")


def read(
    path: Path, conversion: ConversionReport, *, annotation_source: str = "gold"
) -> DocumentResults:
    """Yields the file:line of each document with the document, or a LoadError."""
    if annotation_source not in ANNOTATION_SOURCES:
        raise UnknownNameError("annotation source", annotation_source, ANNOTATION_SOURCES)
    predicted = annotation_source == "predicted"
    names = ("ner", "events", "relations")
    unread_keys = names if predicted else [f"predicted_{name}" for name in names]
    for position, record in iter_records(path, DygieRecord, conversion):
        if isinstance(record, LoadError):
            yield position, record
            continue
        for name in unread_keys:
            if any(getattr(record, name) or ()):
                conversion.add(f"values of the key {name!r}", position)
        try:
            yield position, Reading(record).document(conversion, predicted=predicted)
        except InputError as error:
            yield position, LoadError([f"{position}: {error}"])


class Reading:
    """Builds the document of a record, from its text and the range of each token."""

    def __init__(self, record: DygieRecord) -> None:
        """Takes the text from `_text` and `_tokens`, else joins the tokens.

        Raises InputError if a token is not at its offsets.
        """
        self.record = record
        self.starts = [0]
        for sentence in record.sentences:
            self.starts.append(self.starts[-1] + len(sentence))
        if record.text is None or record.offsets is None:
            self.text, self.positions = join_tokens(record.sentences)
        else:
            self.text, self.positions = self._read_text(record.text, record.offsets)

    def _read_text(
        self, texts: list[str], offsets: list[list[tuple[int, int]]]
    ) -> tuple[str, list[Range]]:
        text = "".join(texts)
        tokens = [token for sentence in self.record.sentences for token in sentence]
        positions = [position for sentence in offsets for position in sentence]
        return text, check_token_offsets(tokens, text, positions)

    def document(self, conversion: ConversionReport, *, predicted: bool) -> Document:
        """Returns the document. Raises InputError with the key and index of an invalid item."""
        record = self.record
        prefix = "predicted_" if predicted else ""
        ner = record.predicted_ner if predicted else record.ner
        entities: list[Entity] = []
        indices: dict[Range, list[int]] = {}  # of the entities, by first and last token
        for item, where, sentence in self._items(ner, f"{prefix}ner"):
            indices.setdefault((item[0], item[1]), []).append(len(entities))
            entities.append(self._entity(item, where, sentence))
        event_lists = record.predicted_events if predicted else record.events
        events: list[Event] = []
        for item, where, sentence in self._items(event_lists, f"{prefix}events"):
            events.append(self._event(item, where, sentence, predicted=predicted))
        relation_lists = record.predicted_relations if predicted else record.relations
        relations: list[Relation] = []
        for item, where, sentence in self._items(relation_lists, f"{prefix}relations"):
            arguments = self._relation_arguments(item, where, sentence, indices, conversion)
            if arguments is None:
                continue
            for index in arguments:
                entities[index] = replace(entities[index], id=_argument_id(index))
            head, tail = map(_argument_id, arguments)
            _, _, _, _, label, *scores = item
            relations.append(Relation(label, head, tail, score=scores[-1] if scores else None))
        return Document(
            str(record.doc_key),
            self.text,
            None if ner is None else tuple(entities),
            None if event_lists is None else tuple(events),
            relations=None if relation_lists is None else tuple(relations),
        )

    def _items(
        self, lists: Sequence[Sequence[Any]] | None, name: str
    ) -> Iterator[tuple[Any, str, int]]:
        """Yields each item with its location in the record and the index of its sentence."""
        if lists is None:
            return
        if len(lists) != len(self.record.sentences):
            raise InputError(
                f"{name}: {len(lists)} lists: expected one for each of"
                f" {len(self.record.sentences)} sentences"
            )
        for sentence, items in enumerate(lists):
            for n, item in enumerate(items):
                yield item, f"{name}[{sentence}][{n}]", sentence

    def _entity(self, item: tuple[Any, ...], where: str, sentence: int) -> Entity:
        first, last, label, *scores = item
        start, end = self._range(first, last, where, sentence)
        return Entity(label, start, end, score=scores[-1] if scores else None)

    def _event(self, item: list[Any], where: str, sentence: int, *, predicted: bool) -> Event:
        if not item:
            raise InputError(
                f"{where}: empty event: expected [trigger, type], then [first, last, role] for each"
                " argument"
            )
        more: tuple[Any, ...] = (float, float) if predicted else ()
        trigger, label, *scores = _tuple(
            item[0], (int, str, *more), f"{where}[0]", "[token, type] of a trigger"
        )
        arguments = []
        for n, part in enumerate(item[1:], 1):
            location = f"{where}[{n}]"
            first, last, role, *argument_scores = _tuple(
                part, (int, int, str, *more), location, "[first, last, role] of an argument"
            )
            start, end = self._range(first, last, location, sentence)
            argument_score = argument_scores[-1] if argument_scores else None
            arguments.append(Argument(role, start, end, score=argument_score))
        span = Span(*self._range(trigger, trigger, f"{where}[0]", sentence))
        return Event(label, span, tuple(arguments), score=scores[-1] if scores else None)

    def _relation_arguments(
        self,
        item: tuple[Any, ...],
        where: str,
        sentence: int,
        indices: dict[Range, list[int]],
        conversion: ConversionReport,
    ) -> tuple[int, int] | None:
        """Returns the indices of the entities that are the head and the tail of a relation.

        None, and counted as dropped, if there is no entity at one of its spans.
        """
        location = f"document {quoted_repr(self.record.doc_key)}, {where}"
        candidates = []
        for first, last in (item[:2], item[2:4]):
            self._range(first, last, where, sentence)
            candidates.append(indices.get((first, last), []))
        heads, tails = candidates
        if not heads or not tails:
            conversion.add("relations of spans without an entity", location)
            return None
        for entities in candidates:
            if len(entities) > 1:
                name = "arguments of relations with several entities, read as the first"
                conversion.repaired.add(name, location)
        return heads[0], tails[0]

    def _range(self, first: int, last: int, where: str, sentence: int) -> Range:
        """Returns the range of tokens; raises InputError if they are not in the sentence."""
        begin, end = self.starts[sentence : sentence + 2]
        if not begin <= first <= last < end:
            extent = f"has the tokens {begin} to {end - 1}" if begin < end else "has no tokens"
            raise InputError(
                f"{where}: tokens {first} to {last}: sentence {sentence} {extent}; indices count"
                " from the start of the document, the last is inclusive"
            )
        return self.positions[first][0], self.positions[last][1]


def _argument_id(index: int) -> str:
    """Returns the id of an entity that is an argument of a relation, by its index in the file."""
    return f"T{index + 1}"


def _tuple(item: Any, kinds: tuple[Any, ...], where: str, expected: str) -> Any:
    """Returns an item as a tuple of the given types. Raises InputError for any other item."""
    scores = ", with two scores" if len(kinds) > 3 else ""
    return convert_item(item, tuple[kinds], where, f"{expected}{scores}")  # type: ignore[valid-type]


def write(
    documents: Iterable[Document],
    path: Path,
    conversion: ConversionReport,
    *,
    dataset: str = "evalkit",
) -> None:
    """Writes a document on each line."""
    with replace_file(path) as file:
        for document in drop_indistinguishable(documents, conversion, trimmed=True):
            if skip_failed(document, conversion):
                count_unsupported(document, conversion, SUPPORTED_FIELDS)
                file.write(msgspec.json.encode(line(document, conversion, dataset)) + b"\n")


def line(document: Document, conversion: ConversionReport, dataset: str) -> dict[str, Any]:
    """Returns a document as a record of DyGIE++, with its text under `_text` and `_tokens`."""
    text = document.text
    tokens, kept_events = fit_to_tokens(document, conversion)
    if text and not tokens.sentences:
        tokens.count_dropped("texts of white space alone", "text")
    ends = [sentence[-1][1] for sentence in tokens.sentences]
    borders = [0, *ends[:-1], len(text)] if ends else []
    ner: list[list[Any]] = [[] for _ in tokens.sentences]
    written: list[list[tuple[Range, int]]] = [[] for _ in tokens.sentences]
    events: list[list[Any]] = [[] for _ in tokens.sentences]
    for n, entity in enumerate(document.entities or ()):
        token_range = tokens.token_range(entity, "entities", f"entities[{n}]")
        if token_range:
            sentence = tokens.sentence(token_range[0])
            ner[sentence].append([*token_range, entity.label])
            written[sentence].append((token_range, n))
    for kept in kept_events:
        encoded = _encode_event(kept, tokens)
        if encoded is None:
            continue
        item, sentence = encoded
        n, event, _ = kept
        if item in events[sentence] and event not in (document.events or ())[:n]:
            tokens.count_dropped(f"events {INDISTINGUISHABLE}", f"events[{n}]")
        else:
            events[sentence].append(item)
    relations = _encode_relations(document, tokens, written)
    sentences = []
    for positions in tokens.sentences:
        sentences.append([text[start:end] for start, end in positions])
    record: dict[str, Any] = {
        "doc_key": document.id,
        "dataset": dataset,
        "sentences": sentences,
    }
    if document.entities is not None:
        record["ner"] = ner
    if document.events is not None:
        record["events"] = events
    if document.relations is not None:
        record["relations"] = relations
    record["_text"] = [text[start:end] for start, end in pairwise(borders)]
    record["_tokens"] = tokens.sentences
    return record


def _encode_relations(
    document: Document, tokens: TokenIndex, written: list[list[tuple[Range, int]]]
) -> list[list[list[Any]]]:
    """Returns the relations of each sentence as lists; others are counted as dropped.

    `written`: the token range and the index of each written entity, by sentence. Ids of entities
    are counted, unless the entity comes back with the same id.
    """
    ranges: dict[Any, Range] = {}  # of the entities with an id
    new_ids: dict[Any, str] = {}  # of the same, in reading
    first_ids: dict[Range, Any] = {}  # of the first entity at each range
    for index_in_file, (token_range, index) in enumerate(chain.from_iterable(written)):
        id = (document.entities or ())[index].id
        first_ids.setdefault(token_range, id)
        if id is not None:
            ranges[id], new_ids[id] = token_range, _argument_id(index_in_file)
    firsts = set(first_ids.values())
    event_ids = {event.id for event in document.events or ()}
    encoded: list[list[list[Any]]] = [[] for _ in tokens.sentences]
    arguments: set[str] = set()
    for n, relation in enumerate(document.relations or ()):
        where = f"relations[{n}]"
        if relation.head in event_ids or relation.tail in event_ids:
            tokens.count_dropped("relations of events", where)
            continue
        if relation.head not in ranges or relation.tail not in ranges:
            tokens.count_dropped("relations of dropped entities", where)
            continue
        head, tail = ranges[relation.head], ranges[relation.tail]
        sentence = tokens.sentence(head[0])
        item = [*head, *tail, relation.label]
        if tokens.sentence(tail[0]) != sentence:
            tokens.count_dropped("relations between sentences", where)
        elif item in encoded[sentence]:
            tokens.count_dropped(f"relations {INDISTINGUISHABLE}", where)
        else:
            encoded[sentence].append(item)
            arguments |= {relation.head, relation.tail}
            if not {relation.head, relation.tail} <= firsts:
                name = "arguments of relations with several entities, written as the first"
                tokens.count_dropped(name, where)
    kept_ids = {id for id in arguments if new_ids[id] == id and id in firsts}
    for n, entity in enumerate(document.entities or ()):
        if entity.id is not None and entity.id not in kept_ids:
            tokens.count_dropped("ids of entities", f"entities[{n}]")
    return encoded


def fit_to_tokens(
    document: Document, conversion: ConversionReport
) -> tuple[TokenIndex, list[KeptEvent]]:
    """Returns the tokens, and the events and arguments that can be written; others are dropped.

    Dropped annotations must not split tokens or join sentences, so the tokens are computed again
    until nothing more is dropped.
    """
    kept: list[KeptEvent] = []
    for n, event in enumerate(document.events or ()):
        if event.trigger is None:
            where = f"document {quoted_repr(document.id)}, events[{n}]"
            conversion.add("events without a trigger", where)
        else:
            kept.append((n, event, tuple(enumerate(event.arguments))))
    for _ in range(MAX_ITERATIONS):
        spans: list[Any] = [*(document.entities or ())]
        spans += [event.trigger for _, event, _ in kept]
        for _, _, arguments in kept:
            spans += [argument for _, argument in arguments]
        tokens = TokenIndex(document, conversion, spans)
        before, kept = kept, list(_representable_events(kept, tokens))
        if kept == before:
            break
    return tokens, kept


def _representable_events(events: list[KeptEvent], tokens: TokenIndex) -> Iterator[KeptEvent]:
    for n, event, arguments in events:
        position = tokens.find_token_range(event.trigger)
        if position is None:
            tokens.token_range(event.trigger, "triggers of events", f"events[{n}].trigger")
        elif position[0] != position[1]:
            tokens.count_dropped("events whose trigger is several tokens", f"events[{n}].trigger")
        else:
            sentence = tokens.sentence(position[0])
            yield n, event, tuple(_same_sentence_arguments(n, arguments, tokens, sentence))


def _same_sentence_arguments(
    n: int, arguments: tuple[tuple[int, Argument], ...], tokens: TokenIndex, sentence: int
) -> Iterator[tuple[int, Argument]]:
    for m, argument in arguments:
        where = f"events[{n}].arguments[{m}]"
        position = tokens.find_token_range(argument)
        if position is None:
            tokens.token_range(argument, "arguments", where)
        elif tokens.sentence(position[0]) != sentence:
            tokens.count_dropped("arguments in another sentence than their trigger", where)
        else:
            yield m, argument


def _encode_event(kept: KeptEvent, tokens: TokenIndex) -> tuple[list[Any], int] | None:
    """Returns an event as a list and the index of its sentence; None if it cannot be written."""
    n, event, arguments = kept
    trigger = tokens.token_range(event.trigger, "triggers of events", f"events[{n}].trigger")
    if trigger is None:
        return None
    item: list[Any] = [[trigger[0], event.label]]
    for m, argument in arguments:
        token_range = tokens.token_range(argument, "arguments", f"events[{n}].arguments[{m}]")
        if token_range:
            item.append([*token_range, argument.role])
    return item, tokens.sentence(trigger[0])
