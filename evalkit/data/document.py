"""What can be marked in a text?

A `Document` is a text with the annotations that a person or a model put on it, in three layers:
entities, events (with their arguments) and attributions. A layer that is None was not annotated; an
empty one was, and nothing was found; a document with a `failure` is one that a model could not
answer. The three are never mixed up.

Offsets count Unicode code points from 0, half-open, on the untouched text. Everything is frozen and
checked when it is made: an annotation alone for its own offsets, a document for all its
annotations. Nothing downstream checks again.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Container, Hashable, Iterator
from typing import Any

import msgspec
from msgspec.structs import force_setattr

from evalkit.data.document_display import describe_document, document_to_html
from evalkit.errors import (
    DocumentError,
    UnknownNameError,
    duplicate_id_problem,
    escape_surrogates,
    past_end_problem,
    quoted_repr,
)

LAYERS = ("entities", "events", "attributions")
ATTRIBUTION_PARTS = ("source", "cue", "content")
UNPLACED_LAYERS = (
    "entities",
    "triggers",
    "arguments",
    "realis",
    "attributions",
    "attribution-relations",
)
Fragments = tuple[tuple[int, int], ...]
Attributes = dict[str, str | int | float | bool | None]


class Annotation(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What all annotations share: they are made once, and checked when they are.

    Marks hold nothing that could hold them (`gc=False`): millions of them cost the garbage
    collector nothing.
    """


class Span(Annotation, frozen=True, gc=False):
    """A stretch of text.

    `fragments` is given only where the span is discontinuous: two or more (start, end) pairs, in
    order, not touching. Fragments that touch are joined.

    >>> Span(0, 17, ((0, 3), (14, 17)))
    Span(start=0, end=17, fragments=((0, 3), (14, 17)))
    >>> Span(0, 9, ((0, 3), (3, 9)))
    Span(start=0, end=9, fragments=())
    """

    start: int
    end: int
    fragments: Fragments = ()

    def __post_init__(self) -> None:
        validate_offsets(self)


class Entity(Annotation, frozen=True, gc=False):
    """A name or another mention, such as a PERSON."""

    label: str
    start: int
    end: int
    id: str | None = None
    fragments: Fragments = ()
    score: float | None = None
    attributes: Attributes | None = None

    def __post_init__(self) -> None:
        validate_offsets(self)
        _check_label("label", self.label, self)
        _check_score(self)


class Argument(Annotation, frozen=True, gc=False):
    """The part that somebody or something plays in an event.

    `ref` may name the entity or event that it is.
    """

    role: str
    start: int
    end: int
    fragments: Fragments = ()
    ref: str | None = None
    score: float | None = None

    def __post_init__(self) -> None:
        validate_offsets(self)
        _check_label("role", self.role, self)
        _check_score(self)


class Event(Annotation, frozen=True, gc=False):
    """Something that happened, or might: the words that say so, and who took part."""

    label: str
    trigger: Span
    arguments: tuple[Argument, ...] = ()
    id: str | None = None
    realis: str | None = None
    score: float | None = None
    attributes: Attributes | None = None

    def __post_init__(self) -> None:
        _check_label("label", self.label, self)
        _check_score(self)
        _require_type("trigger", self.trigger, Span)
        _coerce_tuple(self, "arguments", Argument)


class Attribution(Annotation, frozen=True, gc=False):
    """Who says what, and by which words.

    No source means an implied one; corpora of quotations may lack the cue.
    """

    cue: Span | None
    content: Span
    source: Span | None = None
    label: str | None = None
    id: str | None = None
    parent: str | None = None
    source_name: Span | None = None
    score: float | None = None
    attributes: Attributes | None = None

    def __post_init__(self) -> None:
        _check_score(self)
        for name in (*ATTRIBUTION_PARTS, "source_name"):
            if getattr(self, name) is not None or name == "content":
                _require_type(name, getattr(self, name), Span)


class Zone(Annotation, frozen=True, gc=False):
    """A region of the text, such as a headline or a byline."""

    label: str
    start: int
    end: int

    def __post_init__(self) -> None:
        validate_offsets(self)
        _check_label("label", self.label, self)


class Unplaced(Annotation, frozen=True, gc=False):
    """A prediction without offsets, such as a quote that is not found in the text: counted as
    predicted, never as correct.

    `layer` is one of UNPLACED_IN; `label` is the label, event type, role, part, or "attribution"
    for a whole one.
    """

    layer: str
    label: str
    reason: str
    quote: str | None = None

    def __post_init__(self) -> None:
        if self.layer not in UNPLACED_LAYERS:
            raise DocumentError(
                str(UnknownNameError("layer", self.layer, UNPLACED_LAYERS)), field="layer"
            )
        _check_label("label", self.label, self)
        for name in ("reason", "quote"):  # a model's own words, which may hold anything
            if isinstance(value := getattr(self, name), str) and not value.isascii():
                force_setattr(self, name, escape_surrogates(value))


class Document(Annotation, frozen=True):
    """A text, and what is marked in it.

    Raises DocumentError, naming the document and the field, where an annotation runs past the end
    of the text, an id is used twice, or a `ref` or `parent` names nothing.
    """

    id: str
    text: str
    entities: tuple[Entity, ...] | None = None
    events: tuple[Event, ...] | None = None
    attributions: tuple[Attribution, ...] | None = None
    zones: tuple[Zone, ...] = ()
    meta: dict[str, Any] | None = None
    failure: str | None = None
    unplaced: tuple[Unplaced, ...] = ()

    def __post_init__(self) -> None:
        try:
            for name, kind in _KINDS.items():
                _coerce_tuple(self, name, kind)
            self._check()
        except DocumentError as fault:
            raise DocumentError(
                fault.message,
                document=str(self.id),
                layer=fault.layer,
                index=fault.index,
                field=fault.field,
            ) from None

    def __repr__(self) -> str:
        return describe_document(self)

    def _repr_html_(self) -> str:
        return document_to_html(self)

    def without_annotations(self) -> Document:
        """The same text with nothing marked: all that a model may see."""
        return Document(self.id, self.text)

    def _check(self) -> None:
        if not isinstance(self.id, str) or not self.id:
            raise DocumentError(
                f"invalid id {quoted_repr(self.id)}: expected a non-empty string", field="id"
            )
        if _find_lone_surrogate(self.id) is not None:
            raise DocumentError(
                f"invalid id {quoted_repr(self.id)}: it holds a lone surrogate, which no file can"
                " store",
                field="id",
            )
        if self.failure is not None:
            force_setattr(self, "failure", escape_surrogates(str(self.failure)))
        _check_text(self.text)
        for name, index, field, span in iter_spans(self):
            if span.end > len(self.text):
                problem = past_end_problem(span.end, len(self.text))
                raise DocumentError(
                    problem, layer=name, index=index, field=f"{field}.end" if field else "end"
                )
        if self.events or self.attributions or any(e.id for e in self.entities or ()):
            _check_references(self)


_KINDS: dict[str, type] = {
    "entities": Entity,
    "events": Event,
    "attributions": Attribution,
    "zones": Zone,
    "unplaced": Unplaced,
}


def iter_spans(document: Document) -> Iterator[tuple[str, int, str, Any]]:
    """Every span of a document as (layer, index, field, span), in order; zones last."""
    for index, entity in enumerate(document.entities or ()):
        yield "entities", index, "", entity
    for index, event in enumerate(document.events or ()):
        yield "events", index, "trigger", event.trigger
        for n, argument in enumerate(event.arguments):
            yield "events", index, f"arguments[{n}]", argument
    for index, attribution in enumerate(document.attributions or ()):
        for name, span in iter_parts(attribution):
            yield "attributions", index, name, span
    for index, zone in enumerate(document.zones):
        yield "zones", index, "", zone


def iter_parts(attribution: Any) -> Iterator[tuple[str, Any]]:
    """The parts of an attribution that are there, each with its name: source, cue, content,
    source_name.
    """
    for name in (*ATTRIBUTION_PARTS, "source_name"):
        if (span := getattr(attribution, name)) is not None:
            yield name, span


def remove_references(event: Event, ids: Container[str]) -> Event:
    """The event without the `ref` of arguments that name one of these ids."""
    if all(argument.ref is None or argument.ref not in ids for argument in event.arguments):
        return event
    arguments = (
        msgspec.structs.replace(a, ref=None) if a.ref is not None and a.ref in ids else a
        for a in event.arguments
    )
    return msgspec.structs.replace(event, arguments=tuple(arguments))


def duplicate_key(annotation: Any) -> Hashable:
    """What two annotations of one layer have in common if they are duplicates.

    Entities: label and span. Events: label, trigger span, realis and the set of (role, span).
    Attributions: the spans of cue, source and content. Arguments of one event: role and span. Ids,
    scores and attributes do not count.
    """
    if isinstance(annotation, Event):
        arguments = frozenset(
            (argument.role, span_fragments(argument)) for argument in annotation.arguments
        )
        return annotation.label, span_fragments(annotation.trigger), annotation.realis, arguments
    if isinstance(annotation, Attribution):
        return tuple(
            None if (span := getattr(annotation, part)) is None else span_fragments(span)
            for part in ATTRIBUTION_PARTS
        )
    if isinstance(annotation, Argument):
        return annotation.role, span_fragments(annotation)
    return annotation.label, span_fragments(annotation)


def span_fragments(span: Any) -> Fragments:
    """The (start, end) ranges of anything placed: its fragments, or its one range."""
    return getattr(span, "fragments", ()) or ((span.start, span.end),)


def validate_offsets(annotation: Any) -> None:
    """Make the offsets plain integers, and refuse those that no text could have."""
    start, end = annotation.start, annotation.end
    if type(start) is not int or type(end) is not int:
        start, end = _as_int(annotation, "start"), _as_int(annotation, "end")
    if not 0 <= start < end:
        if start < 0:
            raise DocumentError(f"{start} is before the text: offsets count from 0", field="start")
        problem = (
            f"{end} is not after the start, {start}: a span is half-open and holds at least one"
            " character"
        )
        raise DocumentError(problem, field="end")
    if fragments := getattr(annotation, "fragments", ()):
        force_setattr(annotation, "fragments", _merge_adjacent(fragments, start, end))


def _as_int(annotation: Any, field: str) -> int:
    value = getattr(annotation, field)
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise DocumentError(
            f"invalid offset {quoted_repr(value)}: expected a whole number", field=field
        ) from None
    force_setattr(annotation, field, number)
    return number


def _merge_adjacent(fragments: Any, start: int, end: int) -> Fragments:
    """The fragments with those that touch joined; none if one is left."""
    joined: list[tuple[int, int]] = []
    for first, last in _as_pairs(fragments):
        if not (joined[-1][1] if joined else start) <= first < last <= end:
            raise DocumentError(
                f"{quoted_repr(fragments)} are not in order, or empty, or outside {start} to {end}",
                field="fragments",
            )
        if joined and joined[-1][1] == first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    if (joined[0][0], joined[-1][1]) != (start, end):
        raise DocumentError(
            f"{quoted_repr(fragments)} do not reach from {start} to {end}", field="fragments"
        )
    return tuple(joined) if len(joined) > 1 else ()


def _as_pairs(fragments: Any) -> list[tuple[int, int]]:
    try:
        pairs = [(operator.index(first), operator.index(last)) for first, last in fragments]
        if any(isinstance(offset, bool) for pair in fragments for offset in pair):
            raise TypeError
    except (TypeError, ValueError):
        raise DocumentError(
            f"invalid fragments {quoted_repr(fragments)}: expected (start, end) pairs of whole"
            " numbers",
            field="fragments",
        ) from None
    return pairs


def _check_label(field: str, label: object, annotation: Any) -> None:
    if type(label) is str and label and label.isascii():
        return
    problem = ""
    if not isinstance(label, str) or not label:
        problem = "expected a non-empty string"
    elif _find_lone_surrogate(label) is not None:
        problem = "it holds a lone surrogate, which no file can store"
    if problem:
        raise DocumentError(f"invalid {field} {quoted_repr(label)}: {problem}", field=field)
    force_setattr(annotation, field, str(label))


def _require_type(field: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise DocumentError(f"expected {kind.__name__}, got {quoted_repr(value)}", field=field)


def _find_lone_surrogate(text: str) -> int | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def _check_score(annotation: Any) -> None:
    if annotation.score is None or (
        type(annotation.score) is float and math.isfinite(annotation.score)
    ):
        return
    try:
        score = float(annotation.score)
    except (TypeError, ValueError, OverflowError):
        score = math.nan
    if not math.isfinite(score):
        raise DocumentError(
            f"invalid score {quoted_repr(annotation.score)}: expected a finite number",
            field="score",
        )
    force_setattr(annotation, "score", score)


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        raise DocumentError(f"invalid text {quoted_repr(text)}: expected a string", field="text")
    if (at := _find_lone_surrogate(text)) is not None:
        raise DocumentError(
            f"a lone surrogate at {at}: the text was decoded incorrectly", field="text"
        )


def _coerce_tuple(annotation: Any, field: str, kind: type) -> None:
    """Make a list of annotations a tuple, and refuse what is no such annotation.

    None stays None in a layer, elsewhere it is empty.
    """
    value = getattr(annotation, field)
    if value is None and field in LAYERS:
        return
    if type(value) is not tuple:
        try:
            if isinstance(value, (str, bytes, dict)):
                raise TypeError
            value = () if value is None else tuple(value)
        except TypeError:
            raise DocumentError(f"expected a list, got {quoted_repr(value)}", field=field) from None
        force_setattr(annotation, field, value)
    for index, item in enumerate(value):
        if type(item) is not kind:
            raise DocumentError(
                f"expected {kind.__name__}, got {quoted_repr(item)}", field=f"{field}[{index}]"
            )


def _check_references(document: Document) -> None:
    """Ids name one thing each; a ref names an entity or an event, a parent an attribution, and no
    parent itself.
    """
    seen: dict[str, str] = {}
    for layer in LAYERS:
        for index, annotation in enumerate(getattr(document, layer) or ()):
            if annotation.id is not None and annotation.id in seen:
                raise DocumentError(
                    duplicate_id_problem(annotation.id, seen[annotation.id]),
                    layer=layer,
                    index=index,
                    field="id",
                )
            seen[annotation.id] = f"{layer}[{index}]"
    for index, event in enumerate(document.events or ()):
        for n, argument in enumerate(event.arguments):
            if argument.ref is not None and not seen.get(argument.ref, "").startswith(
                ("entities", "events")
            ):
                problem = (
                    f"no entity or event of this document has the id {quoted_repr(argument.ref)}"
                )
                raise DocumentError(
                    problem, layer="events", index=index, field=f"arguments[{n}].ref"
                )
    _check_parents(document)


def _check_parents(document: Document) -> None:
    parents = {a.id: a.parent for a in document.attributions or () if a.id is not None}
    for index, attribution in enumerate(document.attributions or ()):
        parent, steps = attribution.parent, 0
        while parent is not None:
            if parent not in parents or steps > len(parents):
                problem = (
                    "is nested in itself"
                    if parent in parents
                    else f"no attribution of this document has the id {quoted_repr(parent)}"
                )
                raise DocumentError(problem, layer="attributions", index=index, field="parent")
            parent, steps = parents[parent], steps + 1
