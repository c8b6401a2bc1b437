"""Conversion of the JSON answers of a program to documents.

Each annotation with valid offsets and label is kept; an event with arguments may have no trigger.
An annotation, an argument or a part of an attribution with invalid ones becomes `Unplaced`, with
the reason; so do the realis and arguments of such an event, and the other parts of an attribution
whose content is invalid. An entity with `text` and without offsets is unplaced, or searched in the
document with the model option `ground`. A relation of an entity or event that is unplaced is
unplaced, too. Invalid details (an id, an attribute, a key that an annotation does not
have) are left out of their annotation, and listed in `meta` under LEFT_OUT. An answer fails its
document only as a whole: another text, a layer that is not a list, an unknown key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from evalkit.data.document import (
    ATTRIBUTION_PARTS,
    Argument,
    Attributes,
    Attribution,
    Document,
    Entity,
    Event,
    Relation,
    Span,
    Unplaced,
    remove_references,
)
from evalkit.data.json_keys import reject_duplicate_keys
from evalkit.errors import (
    DocumentError,
    InputError,
    UnknownNameError,
    past_end_problem,
    quoted_repr,
)
from evalkit.formats.jsonl import SpanLine, check_surface
from evalkit.formats.quoted_entities import ARGUMENT_NOT_IN_TEXT, NOT_IN_TEXT
from evalkit.models.malformed_answers import UNLABELED, note_malformed
from evalkit.models.quoted_answers import (
    GROUNDING,
    QUOTE_WITHOUT_OFFSETS,
    GroundedItems,
    ground_items,
    quote_of,
)

T = TypeVar("T")
LEFT_OUT = "left_out"
MAX_LEFT_OUT = 20
ARGUMENT_UNPLACED = "its argument is unplaced"
EXPECTED = '{"label": "PER", "start": 0, "end": 3} with offsets of characters'
_DETAIL_TYPES: Mapping[str, Any] = {
    "id": str,
    "ref": str,
    "parent": str,
    "label": str,
    "realis": str,
    "score": float,
    "attributes": Attributes,
}
_SPAN_KEYS = ("start", "end", "fragments", "text")


def decode_line(line: bytes) -> Any:
    """A line of JSON as plain values; numbers that JSON does not have (NaN, Infinity) are None.

    Raises InputError.
    """
    try:
        values = json.loads(line.decode(), object_pairs_hook=reject_duplicate_keys)
        return msgspec.json.decode(msgspec.json.encode(values))
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8: {error.reason}") from None
    except UnicodeEncodeError:
        raise InputError("a lone surrogate: a text was encoded wrongly") from None
    except RecursionError:
        raise InputError("nested too deeply") from None
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"not JSON: {error}") from None


def build_document(
    document: Document, answer: Mapping[str, Any], *, ground: bool = False
) -> Document:
    """The document with the annotations of an answer, which has the keys of a JSONL line; a layer
    that the answer lacks is None. ground: whether texts without offsets are searched.
    """
    if answer.get("failure") is not None:
        return _fail_document(document, str(answer["failure"]) or "the model gave no reason")
    for key in answer:
        if key not in Document.__struct_fields__:
            return _fail_document(
                document, str(UnknownNameError("key", key, Document.__struct_fields__))
            )
    if answer.get("text") not in (None, document.text):
        return _fail_document(
            document, f"the answer has another text: {quoted_repr(answer['text'], 40)}"
        )
    for layer in ("entities", "events", "attributions", "relations", "unplaced"):
        if not isinstance(answer.get(layer), list | None):
            return _fail_document(
                document, f"{layer}: expected a list, got {quoted_repr(answer[layer])}"
            )
    return _AnswerReader(document, ground=ground).read(answer)


def _fail_document(document: Document, reason: str) -> Document:
    """The document with a failure."""
    return msgspec.structs.replace(document, failure=reason)


class _MisplacedError(DocumentError):
    """A well-formed span that is not in the text."""


class _AnswerReader:
    """Reads one answer; collects what is unplaced, malformed and left out."""

    def __init__(self, document: Document, *, ground: bool) -> None:
        self.document, self.text, self.ground = document, document.text, ground
        self.grounding: dict[str, Any] | None = None  # of texts that were searched
        # The words of unplaced entities and events, and why relations of them are unplaced, by id
        self.unplaced_arguments: dict[str, tuple[str, str]] = {}
        self.unplaced: list[Unplaced] = []
        self.malformed: list[tuple[Any, DocumentError]] = []
        self.has_misplaced = False  # whether a well-formed item is not in the text
        self.left_out: list[str] = []

    def read(self, answer: Mapping[str, Any]) -> Document:
        """The document with all valid annotations of the answer; invalid ones are unplaced."""
        entities = self._read_entities(answer)
        events = self._drop_references(self._read_layer(answer, "events", self._event))
        attributions = self._read_layer(answer, "attributions", self._attribution)
        words_of_id = self._list_words(entities, events)
        relations = self._read_layer(
            answer, "relations", lambda path, item: self._relation(path, item, words_of_id)
        )
        for item in answer.get("unplaced") or ():
            self._add_unplaced_item(item)
        layers: tuple[Any, ...] = (entities, events, attributions, relations)
        try:
            document = self._build_document(*layers)
        except DocumentError as error:  # all offsets are valid: it is an id, a ref or a parent
            self.left_out.append(f"{error.location}: {error.message}; all ids, refs and parents")
            for relation in relations or ():
                reason = f"{error.location}: {error.message}"
                self._add_unplaced("relations", relation.label, reason)
            layers = (*map(_without_ids, layers[:3]), None if relations is None else ())
            document = self._build_document(*layers)
        document = msgspec.structs.replace(document, meta=self._meta(answer.get("meta")))
        if self.malformed and not self.has_misplaced and not any(layers):
            return note_malformed(document, *self.malformed[0], EXPECTED)
        return document

    def _build_document(
        self, entities: Any, events: Any, attributions: Any, relations: Any
    ) -> Document:
        """The document with these layers. Raises DocumentError for an invalid id or reference."""
        return Document(
            self.document.id,
            self.text,
            entities,
            events,
            attributions,
            unplaced=tuple(self.unplaced),
            relations=relations,
        )

    def _read_layer(
        self, answer: Mapping[str, Any], name: str, read_item: Callable[[str, Any], T | None]
    ) -> tuple[T, ...] | None:
        """The valid annotations of a layer; None for a layer that the answer lacks."""
        if answer.get(name) is None:
            return None
        items = (read_item(f"{name}[{index}]", item) for index, item in enumerate(answer[name]))
        return tuple(item for item in items if item is not None)

    def _read_entities(self, answer: Mapping[str, Any]) -> tuple[Entity, ...] | None:
        """The valid entities; those without offsets are searched in the text if that is asked."""
        if not self.ground or answer.get("entities") is None:
            return self._read_layer(answer, "entities", self._entity)
        grounded: GroundedItems = ground_items(self.text, answer["entities"])
        entities: list[Entity] = []
        positions: dict[int, int] = {}
        for index, item in enumerate(grounded.items):
            entity = self._entity(f"entities[{index}]", item)
            if entity is not None:
                positions[index] = len(entities)
                entities.append(entity)
        if grounded.groundings:
            self.grounding = grounded.describe(positions)
        return tuple(entities)

    def _entity(self, path: str, item: Any) -> Entity | None:
        """The entity of an item; None for an invalid one, which is unplaced."""
        label, quote = _get(item, "label"), quote_of(item)
        if quote is not None and isinstance(label, str) and label:
            self.has_misplaced = True
            reason = NOT_IN_TEXT if self.ground else QUOTE_WITHOUT_OFFSETS
            self._add_unplaced("entities", label, reason, item)
            self._note_unplaced(item, quote, ARGUMENT_NOT_IN_TEXT if self.ground else reason)
            return None
        try:
            span = self._span(item)
            entity = Entity(item.get("label"), span.start, span.end, fragments=span.fragments)
        except DocumentError as error:
            self._add_unplaced("entities", label, error, item)
            self._note_unplaced(item, _get(item, "text"), ARGUMENT_UNPLACED)
            return None
        details = self._details(path, item, Entity, "id", "score", "attributes")
        return msgspec.structs.replace(entity, **details)

    def _event(self, path: str, item: Any) -> Event | None:
        """The event of an item; None for an invalid one, which is unplaced with its arguments."""
        try:
            event = Event(_get(item, "label"), self._trigger(item))
        except DocumentError as error:
            self._add_unplaced_event(item, error)
            return None
        arguments = []
        for index, value in enumerate(_get_list(item, "arguments")):
            argument = self._argument(f"{path}.arguments[{index}]", value)
            if argument is not None:
                arguments.append(argument)
        if not isinstance(item.get("realis"), str | None):
            self._add_unplaced(
                "realis", None, f"realis: expected a string, got {quoted_repr(item['realis'])}"
            )
            item = {key: value for key, value in item.items() if key != "realis"}
        if event.trigger is not None:
            self._leave_out_unknown(f"{path}.trigger", item["trigger"], _SPAN_KEYS)
        details = self._details(path, item, Event, "id", "realis", "score", "attributes")
        return msgspec.structs.replace(event, arguments=tuple(arguments), **details)

    def _trigger(self, item: Any) -> Span | None:
        """The trigger of an event; None for one of a whole document, which has arguments alone.

        Raises DocumentError, also for an event with neither trigger nor arguments, which no layer
        could count, and for one that has offsets itself, which belong into its trigger.
        """
        value = _get(item, "trigger")
        has_offsets = any(_get(item, key) is not None for key in _SPAN_KEYS)
        if value is None and _get_list(item, "arguments") and not has_offsets:
            return None
        return self._span(value, "trigger")

    def _add_unplaced_event(self, item: Any, error: DocumentError) -> None:
        """Add the trigger, realis and arguments of an invalid event to `unplaced`."""
        trigger = _get(item, "trigger")
        self._add_unplaced("triggers", _get(item, "label"), error, trigger)
        self._note_unplaced(item, _get(trigger, "text"), ARGUMENT_UNPLACED)
        if _get(item, "realis") is not None:
            self._add_unplaced("realis", item["realis"], "its trigger is unplaced")
        for argument in _get_list(item, "arguments"):
            self._add_unplaced(
                "arguments", _get(argument, "role"), "its event is unplaced", argument
            )

    def _drop_references(self, events: tuple[Event, ...] | None) -> tuple[Event, ...] | None:
        """The events without references of arguments to unplaced entities, which are noted."""
        if not events or not self.unplaced_arguments:
            return events
        for index, event in enumerate(events):
            for number, argument in enumerate(event.arguments):
                if argument.ref in self.unplaced_arguments:
                    path = f"events[{index}].arguments[{number}].ref"
                    self.left_out.append(f"{path}: {quoted_repr(argument.ref)} is unplaced")
        return tuple(remove_references(event, self.unplaced_arguments) for event in events)

    def _list_words(
        self, entities: tuple[Entity, ...] | None, events: tuple[Event, ...] | None
    ) -> dict[str, str]:
        """The words of the entities and events that relations can refer to, by id; of events those
        with a trigger.
        """
        words = {}
        for entity in entities or ():
            if entity.id is not None:
                words[entity.id] = self.text[entity.start : entity.end]
        for event in events or ():
            if event.id is not None and event.trigger is not None:
                words[event.id] = self.text[event.trigger.start : event.trigger.end]
        return words

    def _relation(self, path: str, item: Any, words_of_id: Mapping[str, str]) -> Relation | None:
        """The relation of an item; None for an invalid one, and for one of an unplaced entity or
        event, which are unplaced. words_of_id: the words of all others.
        """
        label = _get(item, "label")
        try:
            relation = Relation(label, _get(item, "head"), _get(item, "tail"))
        except DocumentError as error:
            self._add_unplaced("relations", label, error, item)
            return None
        words = []
        reasons = []
        for id in (relation.head, relation.tail):
            if id in words_of_id:
                words.append(words_of_id[id])
                continue
            unknown = "", f"no entity, or event with a trigger, has the id {quoted_repr(id)}"
            quote, reason = self.unplaced_arguments.get(id, unknown)
            words.append(quote)
            reasons.append(reason)
        if reasons:
            self.has_misplaced = True
            self._add_unplaced("relations", label, reasons[0], {"text": " → ".join(words)})
            return None
        details = self._details(path, item, Relation, "id", "score", "attributes")
        return msgspec.structs.replace(relation, **details)

    def _argument(self, path: str, item: Any) -> Argument | None:
        """The argument of an item; None for an invalid one, which is unplaced."""
        try:
            span = self._span(item)
            argument = Argument(item.get("role"), span.start, span.end, span.fragments)
        except DocumentError as error:
            self._add_unplaced("arguments", _get(item, "role"), error, item)
            return None
        details = self._details(path, item, Argument, "ref", "score")
        argument = msgspec.structs.replace(argument, **details)
        if item.get("head") is None:
            return argument
        try:
            argument = msgspec.structs.replace(argument, head=self._span(item["head"], "head"))
        except DocumentError as error:
            self.left_out.append(f"{path}.{error}")
        else:
            self._leave_out_unknown(f"{path}.head", item["head"], _SPAN_KEYS)
        return argument

    def _attribution(self, path: str, item: Any) -> Attribution | None:
        """The attribution of an item; None without valid content: its parts are then unplaced."""
        parts = {name: self._part(path, item, name) for name in (*ATTRIBUTION_PARTS, "source_name")}
        content = parts["content"]
        if content is None:
            self._add_unplaced("attribution-relations", "attribution", "its content is unplaced")
            for name in ("source", "cue"):
                if parts[name] is not None:
                    reason = "the content of its attribution is unplaced"
                    self._add_unplaced("attributions", name, reason, item[name])
            return None
        details = self._details(
            path, item, Attribution, "label", "id", "parent", "score", "attributes"
        )
        return Attribution(
            parts["cue"], content, parts["source"], source_name=parts["source_name"], **details
        )

    def _part(self, path: str, item: Any, name: str) -> Span | None:
        """The span of a part of an attribution; None for a missing or an invalid one."""
        value = _get(item, name)
        if value is None and name != "content":
            return None
        try:
            span = self._span(value, name)
        except DocumentError as error:
            if name == "source_name":  # no layer scores source names
                self.left_out.append(f"{path}.{error}")
            else:
                self._add_unplaced("attributions", name, error, value)
            return None
        self._leave_out_unknown(f"{path}.{name}", value, _SPAN_KEYS)
        return span

    def _span(self, value: Any, field: str = "") -> Span:
        """The span of an object. Raises DocumentError, with the field."""
        try:
            return _span_in(value, self.text)
        except DocumentError as error:
            path = ".".join(filter(None, (field, error.field)))
            raise type(error)(error.message, field=path) from None

    def _details(
        self, path: str, item: Mapping[str, Any], kind: type[msgspec.Struct], *names: str
    ) -> dict[str, Any]:
        """The valid ones of the named details."""
        details = {}
        for name in names:
            try:
                details[name] = msgspec.convert(item.get(name), _DETAIL_TYPES[name] | None)
            except msgspec.ValidationError:
                self.left_out.append(f"{path}.{name}: {quoted_repr(item[name])}")
        self._leave_out_unknown(path, item, (*kind.__struct_fields__, "text"))
        return details

    def _leave_out_unknown(
        self, path: str, item: Mapping[str, Any], known: tuple[str, ...]
    ) -> None:
        """Note the keys that an annotation does not have."""
        for key in item:
            if key not in known:
                self.left_out.append(f"{path}: unknown key {quoted_repr(key)}")

    def _add_unplaced(self, layer: str, label: object, reason: object, item: Any = None) -> None:
        """Add an item to `unplaced`, with its label, quote and reason."""
        if isinstance(reason, _MisplacedError):
            self.has_misplaced = True
        elif isinstance(reason, DocumentError):
            self.malformed.append((item, reason))
        quote = _get(item, "text")
        self.unplaced.append(
            Unplaced(
                layer,
                label if isinstance(label, str) and label else UNLABELED,
                str(reason),
                quote=quote if isinstance(quote, str) else None,
            )
        )

    def _note_unplaced(self, item: Any, words: object, reason: str) -> None:
        """Note the id of an unplaced entity or event, for the relations that refer to it."""
        id = _get(item, "id")
        if isinstance(id, str):
            self.unplaced_arguments[id] = words if isinstance(words, str) else "", reason

    def _add_unplaced_item(self, item: Any) -> None:
        """Take an item of the answer's own `unplaced`."""
        try:
            self.unplaced.append(msgspec.convert(item, Unplaced))
            self.has_misplaced = True
        except msgspec.ValidationError as error:
            self.left_out.append(f"unplaced: {quoted_repr(item)}: {error}")

    def _meta(self, value: Any) -> dict[str, Any] | None:
        """The `meta` of the answer, with a list of what was left out."""
        meta: dict[str, Any] | None = value if isinstance(value, dict) else None
        if meta is not value:
            self.left_out.append(f"meta: expected an object, got {quoted_repr(value)}")
        if self.grounding is not None:
            if meta and GROUNDING in meta:
                self.left_out.append(f"meta.{GROUNDING}: {quoted_repr(meta[GROUNDING])}")
            meta = {**(meta or {}), GROUNDING: self.grounding}
        if not self.left_out:
            return meta
        listed = self.left_out[:MAX_LEFT_OUT]
        if len(self.left_out) > MAX_LEFT_OUT:
            listed.append(f"and {len(self.left_out) - MAX_LEFT_OUT} more")
        return {**(meta or {}), LEFT_OUT: listed}


def _span_in(value: Any, text: str) -> Span:
    """The span of an object. Raises DocumentError where it is malformed or not in the text."""
    if not isinstance(value, Mapping):
        raise DocumentError(f"expected an object with start and end, got {quoted_repr(value)}")
    for key in ("start", "end"):
        if key not in value:
            raise DocumentError("is missing", field=key)
    span = Span(value["start"], value["end"], value.get("fragments") or ())
    if span.end > len(text):
        raise _MisplacedError(past_end_problem(span.end, len(text)), field="end")
    if not isinstance(value.get("text"), str | None):
        raise DocumentError(f"expected a string, got {quoted_repr(value['text'])}", field="text")
    try:
        check_surface(SpanLine(span.start, span.end, text=value.get("text")), text, field="")
    except DocumentError as error:
        raise _MisplacedError(error.message, field=error.field) from None
    return span


def _get(item: Any, key: str) -> Any:
    """The value under a key; None for an item that is not an object."""
    return item.get(key) if isinstance(item, Mapping) else None


def _get_list(item: Any, key: str) -> list[Any]:
    """The list under a key. Another value is returned as a list of one, invalid item."""
    value = _get(item, key)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _without_ids(layer: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """The annotations of a layer without ids, refs and parents."""
    return None if layer is None else tuple(map(_without_id, layer))


def _without_id(annotation: Any) -> Any:
    """An annotation without id, refs and parent."""
    changes: dict[str, Any] = {"id": None}
    if isinstance(annotation, Attribution):
        changes["parent"] = None
    if isinstance(annotation, Event):
        changes["arguments"] = tuple(
            msgspec.structs.replace(argument, ref=None) for argument in annotation.arguments
        )
    return msgspec.structs.replace(annotation, **changes)
