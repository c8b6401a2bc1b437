"""White space and punctuation at the edges of spans: mostly mistakes, since such a span matches no
span without it.

White space counts at either edge, and so do , ; : ! ? and the signs of lists. A full stop,
quotation marks and brackets count at neither, since abbreviations and titles end in them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from evalkit.data.document import Argument, Attribution, Document, Entity, Event, span_fragments
from evalkit.data.text import Range

PUNCTUATION = ",;:!?•–—、。，；：！？"


class TrimmedDocument(NamedTuple):
    """A document whose spans have no such edges, and the number of spans that were changed."""

    document: Document
    trimmed: int


def trim_document(document: Document) -> TrimmedDocument:
    """The document with all its spans trimmed: of entities, triggers, arguments, their heads and
    parts of attributions. A span of nothing else stays as it is.

    Raises DocumentError if an alternative equals another entity then.
    """
    trimmer = _Trimmer(document.text)
    layers: dict[str, Any] = {}
    for layer, trim in (
        ("entities", trimmer.trim_entity),
        ("events", trimmer.trim_event),
        ("attributions", trimmer.trim_attribution),
    ):
        annotations = getattr(document, layer)
        if annotations:
            layers[layer] = tuple(map(trim, annotations))
    if not trimmer.count:
        return TrimmedDocument(document, 0)
    return TrimmedDocument(msgspec.structs.replace(document, **layers), trimmer.count)


class _Trimmer:
    """Trims the spans of one text, and counts those that it changes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.count = 0

    def trim_span(self, span: Any) -> Any:
        """A span, entity or argument without such edges."""
        pieces = self._trim_fragments(list(span_fragments(span)))
        if not pieces or tuple(pieces) == tuple(span_fragments(span)):
            return span
        self.count += 1
        fragments = tuple(pieces) if len(pieces) > 1 else ()
        return msgspec.structs.replace(
            span, start=pieces[0][0], end=pieces[-1][1], fragments=fragments
        )

    def trim_entity(self, entity: Entity) -> Entity:
        """An entity with its alternatives trimmed; those that are equal then are left out."""
        trimmed: Entity = self.trim_span(entity)
        if not entity.alternatives:
            return trimmed
        seen = {(entity.label, span_fragments(trimmed))}
        alternatives = []
        for alternative in map(self.trim_span, entity.alternatives):
            key = (getattr(alternative, "label", entity.label), span_fragments(alternative))
            if key not in seen:
                alternatives.append(alternative)
            seen.add(key)
        return msgspec.structs.replace(trimmed, alternatives=tuple(alternatives))

    def trim_event(self, event: Event) -> Event:
        """An event with its trigger and arguments trimmed."""
        trigger = None if event.trigger is None else self.trim_span(event.trigger)
        arguments = tuple(map(self.trim_argument, event.arguments))
        return msgspec.structs.replace(event, trigger=trigger, arguments=arguments)

    def trim_argument(self, argument: Argument) -> Argument:
        """An argument with its head trimmed; as it is if its head has nothing but such edges."""
        head = argument.head
        if head is None:
            trimmed: Argument = self.trim_span(argument)
            return trimmed
        if not self._trim_fragments(list(span_fragments(head))):
            return argument
        # The head is set last, since it lies within the trimmed argument only when it is trimmed.
        trimmed = self.trim_span(msgspec.structs.replace(argument, head=None))
        return msgspec.structs.replace(trimmed, head=self.trim_span(head))

    def trim_attribution(self, attribution: Attribution) -> Attribution:
        """An attribution with its parts trimmed."""
        parts = {
            name: self.trim_span(span)
            for name in ("source", "cue", "content", "source_name")
            if (span := getattr(attribution, name)) is not None
        }
        return msgspec.structs.replace(attribution, **parts)

    def _trim_fragments(self, pieces: list[Range]) -> list[Range]:
        """The ranges without such characters before the first other one and behind the last;
        empty if there is no other one.
        """
        while pieces:
            start, end = pieces[0]
            while start < end and self._is_edge(start):
                start += 1
            if start < end:
                pieces[0] = (start, end)
                break
            del pieces[0]
        while pieces:
            start, end = pieces[-1]
            while start < end and self._is_edge(end - 1):
                end -= 1
            if start < end:
                pieces[-1] = (start, end)
                break
            del pieces[-1]
        return pieces

    def _is_edge(self, position: int) -> bool:
        character = self._text[position]
        return character.isspace() or character in PUNCTUATION
