"""What can be kept of an answer?

Decoded JSON in, a Document out: nothing is refused whole that can be kept in part.

What an answer marks is kept where its span and its label are valid. A mark, an argument or a part
of an attribution without a valid place becomes `Unplaced`, with the reason; with an event go its
realis and its arguments, with the content of an attribution its other parts. Details that are not
what they should be (an id, an attribute, a key that a mark does not have) are left out of their
mark, and said in `meta` under LEFT_OUT. Only an answer that is none of the document's fails it:
another text, a layer that is no list, a key that no document has.
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
    Span,
    Unplaced,
)
from evalkit.data.json_keys import reject_duplicate_keys
from evalkit.errors import DocumentError, InputError, UnknownNameError, quoted_repr
from evalkit.formats.jsonl import SpanLine, check_surface
from evalkit.models.malformed_answers import note_malformed
from evalkit.models.python_function import UNLABELLED

T = TypeVar("T")
LEFT_OUT = "left_out"
MOST_TOLD = 20
EXPECTED = '{"label": "PER", "start": 0, "end": 3} with offsets of characters'
_DETAILS: Mapping[str, Any] = {
    "id": str,
    "ref": str,
    "parent": str,
    "label": str,
    "realis": str,
    "score": float,
    "attributes": Attributes,
}
_SPAN = ("start", "end", "fragments", "text")


def decode_line(line: bytes) -> Any:
    """A line of JSON as plain values; numbers that JSON does not have (NaN, Infinity) are None.

    Raises InputError, saying what is wrong.
    """
    try:
        return msgspec.json.decode(
            msgspec.json.encode(json.loads(line.decode(), object_pairs_hook=reject_duplicate_keys))
        )
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


def document_from_answer(document: Document, answer: Mapping[str, Any]) -> Document:
    """The bare document with what its answer says, under the names of the document classes; a layer
    that the answer lacks is None.
    """
    if answer.get("failure") is not None:
        return _failed(document, str(answer["failure"]) or "the model gave no reason")
    if unknown := [key for key in answer if key not in Document.__struct_fields__]:
        return _failed(
            document, str(UnknownNameError("key", unknown[0], Document.__struct_fields__))
        )
    if answer.get("text") not in (None, document.text):
        return _failed(document, f"the answer has another text: {quoted_repr(answer['text'], 40)}")
    for layer in ("entities", "events", "attributions", "unplaced"):
        if not isinstance(answer.get(layer), list | None):
            return _failed(document, f"{layer}: {quoted_repr(answer[layer])} is no list")
    return _AnswerReader(document).document(answer)


def _failed(document: Document, reason: str) -> Document:
    return msgspec.structs.replace(document, failure=reason)


class _MisplacedError(DocumentError):
    """A span that is well-formed, and not in the text."""


class _AnswerReader:
    """An answer while it is read: what has found no place, and what was left out."""

    def __init__(self, document: Document) -> None:
        self.bare, self.text = document, document.text
        self.unplaced: list[Unplaced] = []
        self.malformed: list[tuple[Any, DocumentError]] = []
        self.has_misplaced = (
            False  # whether an item is well-formed, and its place is not in the text
        )
        self.left_out: list[str] = []

    def document(self, answer: Mapping[str, Any]) -> Document:
        entities = self.layer(answer, "entities", self.entity)
        events = self.layer(answer, "events", self.event)
        attributions = self.layer(answer, "attributions", self.attribution)
        before = len(self.unplaced)
        for item in answer.get("unplaced") or ():
            self.unplaced_item(item)
        self.has_misplaced |= len(self.unplaced) > before
        try:
            found = Document(
                self.bare.id,
                self.text,
                entities,
                events,
                attributions,
                unplaced=tuple(self.unplaced),
            )
        except (
            DocumentError
        ) as fault:  # every place is valid by now: it is an id, a ref or a parent
            self.left_out.append(f"{fault.location}: {fault.message}; all ids, refs and parents")
            layers = _without_ids(entities), _without_ids(events), _without_ids(attributions)
            found = Document(self.bare.id, self.text, *layers, unplaced=tuple(self.unplaced))
        found = msgspec.structs.replace(found, meta=self.meta(answer.get("meta")))
        has_items = self.has_misplaced or entities or events or attributions
        return (
            note_malformed(found, *self.malformed[0], EXPECTED)
            if self.malformed and not has_items
            else found
        )

    def layer(
        self, answer: Mapping[str, Any], name: str, read: Callable[[str, Any], T | None]
    ) -> tuple[T, ...] | None:
        if answer.get(name) is None:
            return None
        marks = (read(f"{name}[{n}]", item) for n, item in enumerate(answer[name]))
        return tuple(mark for mark in marks if mark is not None)

    def entity(self, at: str, item: Any) -> Entity | None:
        try:
            span = self.span(item)
            entity = Entity(item.get("label"), span.start, span.end, fragments=span.fragments)
        except DocumentError as fault:
            self.lost("entities", _get(item, "label"), fault, item)
            return None
        return msgspec.structs.replace(
            entity, **self.details(at, item, Entity, "id", "score", "attributes")
        )

    def event(self, at: str, item: Any) -> Event | None:
        try:
            event = Event(_get(item, "label"), self.span(_get(item, "trigger"), "trigger"))
        except DocumentError as fault:
            self.lost_event(item, fault)
            return None
        arguments = [
            self.argument(f"{at}.arguments[{n}]", said)
            for n, said in enumerate(_listed(item, "arguments"))
        ]
        if not isinstance(item.get("realis"), str | None):
            self.lost("realis", None, f"realis: {quoted_repr(item['realis'])} is no text")
            item = {key: value for key, value in item.items() if key != "realis"}
        self.unknown(f"{at}.trigger", item["trigger"], _SPAN)
        details = self.details(at, item, Event, "id", "realis", "score", "attributes")
        return msgspec.structs.replace(
            event, arguments=tuple(a for a in arguments if a is not None), **details
        )

    def lost_event(self, item: Any, fault: DocumentError) -> None:
        self.lost("triggers", _get(item, "label"), fault, _get(item, "trigger"))
        if _get(item, "realis") is not None:
            self.lost("realis", item["realis"], "its trigger has no place")
        for argument in _listed(item, "arguments"):
            self.lost("arguments", _get(argument, "role"), "its event has no place", argument)

    def argument(self, at: str, item: Any) -> Argument | None:
        try:
            span = self.span(item)
            argument = Argument(item.get("role"), span.start, span.end, span.fragments)
        except DocumentError as fault:
            self.lost("arguments", _get(item, "role"), fault, item)
            return None
        return msgspec.structs.replace(argument, **self.details(at, item, Argument, "ref", "score"))

    def attribution(self, at: str, item: Any) -> Attribution | None:
        parts = {name: self.part(at, item, name) for name in (*ATTRIBUTION_PARTS, "source_name")}
        content = parts["content"]
        if content is None:
            self.lost("attribution-relations", "attribution", "its content has no place")
            for name in ("source", "cue"):
                if parts[name] is not None:
                    self.lost(
                        "attributions",
                        name,
                        "the content of its attribution has no place",
                        item[name],
                    )
            return None
        details = self.details(
            at, item, Attribution, "label", "id", "parent", "score", "attributes"
        )
        return Attribution(
            parts["cue"], content, parts["source"], source_name=parts["source_name"], **details
        )

    def part(self, at: str, item: Any, name: str) -> Span | None:
        said = _get(item, name)
        if said is None and name != "content":
            return None
        try:
            span = self.span(said, name)
        except DocumentError as fault:
            if name == "source_name":  # no layer is made of these, so that none may count it
                self.left_out.append(f"{at}.{fault}")
            else:
                self.lost("attributions", name, fault, said)
            return None
        self.unknown(f"{at}.{name}", said, _SPAN)
        return span

    def span(self, said: Any, field: str = "") -> Span:
        """The span that an object says. Raises DocumentError, with the field."""
        try:
            return _span(said, self.text)
        except DocumentError as fault:
            raise type(fault)(
                fault.message, field=".".join(filter(None, (field, fault.field)))
            ) from None

    def details(
        self, at: str, item: Mapping[str, Any], kind: type[msgspec.Struct], *names: str
    ) -> dict[str, Any]:
        """Those of the named details that are what they should be."""
        found = {}
        for name in names:
            try:
                found[name] = msgspec.convert(item.get(name), _DETAILS[name] | None)
            except msgspec.ValidationError:
                self.left_out.append(f"{at}.{name}: {quoted_repr(item[name])}")
        self.unknown(at, item, (*kind.__struct_fields__, "text"))
        return found

    def unknown(self, at: str, item: Mapping[str, Any], known: tuple[str, ...]) -> None:
        self.left_out += [
            f"{at}: no key {quoted_repr(key)} is known there" for key in item if key not in known
        ]

    def lost(self, layer: str, label: object, reason: object, said: Any = None) -> None:
        if isinstance(reason, _MisplacedError):
            self.has_misplaced = True
        elif isinstance(reason, DocumentError):
            self.malformed.append((said, reason))
        quote = _get(said, "text")
        named = label if isinstance(label, str) and label else UNLABELLED
        self.unplaced.append(
            Unplaced(layer, named, str(reason), quote=quote if isinstance(quote, str) else None)
        )

    def unplaced_item(self, item: Any) -> None:
        try:
            self.unplaced.append(msgspec.convert(item, Unplaced))
        except msgspec.ValidationError as error:
            self.left_out.append(f"unplaced: {quoted_repr(item)}: {error}")

    def meta(self, said: Any) -> dict[str, Any] | None:
        known: dict[str, Any] | None = said if isinstance(said, dict) else None
        if known is not said:
            self.left_out.append(f"meta: {quoted_repr(said)} is no object")
        if not self.left_out:
            return known
        more = len(self.left_out) - MOST_TOLD
        return {
            **(known or {}),
            LEFT_OUT: self.left_out[:MOST_TOLD] + [f"and {more} more"] * (more > 0),
        }


def _span(said: Any, text: str) -> Span:
    if not isinstance(said, Mapping):
        raise DocumentError(f"{quoted_repr(said)} is no object with start and end")
    for key in ("start", "end"):
        if key not in said:
            raise DocumentError("is missing", field=key)
    span = Span(said["start"], said["end"], said.get("fragments") or ())
    if span.end > len(text):
        raise _MisplacedError(
            f"{span.end} runs past the end of the text, at {len(text)}", field="end"
        )
    if not isinstance(said.get("text"), str | None):
        raise DocumentError(f"{quoted_repr(said['text'])} is no text", field="text")
    try:
        check_surface(SpanLine(span.start, span.end, text=said.get("text")), text, field="")
    except DocumentError as fault:
        raise _MisplacedError(fault.message, field=fault.field) from None
    return span


def _get(item: Any, key: str) -> Any:
    return item.get(key) if isinstance(item, Mapping) else None


def _listed(item: Any, key: str) -> list[Any]:
    """What an object has under a key, as a list: what is none is one item, and no valid one."""
    found = _get(item, key)
    return [] if found is None else found if isinstance(found, list) else [found]


def _without_ids(marks: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """The marks without ids, refs and parents."""
    return None if marks is None else tuple(map(_unnamed, marks))


def _unnamed(mark: Any) -> Any:
    changes: dict[str, Any] = {"id": None}
    if isinstance(mark, Attribution):
        changes["parent"] = None
    if isinstance(mark, Event):
        changes["arguments"] = tuple(
            msgspec.structs.replace(argument, ref=None) for argument in mark.arguments
        )
    return msgspec.structs.replace(mark, **changes)
