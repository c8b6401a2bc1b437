"""Documents and their annotations: entities, events, attributions, relations, zones, unplaced
predictions.

A `Document` is a text with the annotations that a person or a model put on it, in four layers:
entities, events (with their arguments), attributions and relations. A layer that is None was not
annotated; an empty one was annotated, without result; a document with a `failure` is one that a
model could not process. These three states are distinguished everywhere.

Offsets count Unicode code points from 0, half-open, on the untouched text. Everything is frozen and
validated once, when it is created: an annotation for its own offsets, a document for all its
annotations.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterator
from typing import Any

import msgspec
from msgspec.structs import force_setattr

from evalkit.data.document_display import describe_document, document_to_html
from evalkit.data.field_checks import (
    check_inside,
    check_label,
    check_score,
    check_text,
    coerce_tuple,
    find_lone_surrogate,
    require_type,
    validate_offsets,
)
from evalkit.data.gold_alternatives import (
    NO_ALTERNATIVES,
    check_alternatives,
    check_optional,
    coerce_alternatives,
)
from evalkit.data.reference_checks import check_references
from evalkit.errors import (
    DocumentError,
    UnknownNameError,
    duplicate_id_problem,
    escape_surrogates,
    past_end_problem,
    quoted_repr,
)

LAYERS = ("entities", "events", "attributions", "relations")
ATTRIBUTION_PARTS = ("source", "cue", "content")
UNPLACED_LAYERS = (
    "entities",
    "triggers",
    "arguments",
    "realis",
    "attributions",
    "attribution-relations",
    "relations",
)
Fragments = tuple[tuple[int, int], ...]
Attributes = dict[str, str | int | float | bool | None]


class Annotation(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base class of annotations and documents: immutable, and validated when created.

    Subclasses that cannot be part of reference cycles set `gc=False`, so that the garbage collector
    need not visit millions of annotations.
    """


class Span(Annotation, frozen=True, gc=False):
    """A range of the text.

    `fragments` is set only for discontinuous spans: two or more (start, end) pairs in text order.
    Adjacent fragments are joined.

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
    """A name or another mention, such as a PERSON.

    Of gold only: `alternatives`, other spans (Span) or labels (Entity) that are as right as this
    one; `optional`, whether the entity counts neither as found nor as missed.
    """

    label: str
    start: int
    end: int
    id: str | None = None
    fragments: Fragments = ()
    score: float | None = None
    attributes: Attributes | None = None
    alternatives: tuple[Any, ...] = NO_ALTERNATIVES  # Span | Entity
    optional: bool = False

    def __post_init__(self) -> None:
        # Most entities are valid without conversion. One test of all fields takes half the time of
        # the calls below.
        start, end, label = self.start, self.end, self.label
        if (
            type(start) is int
            and type(end) is int
            and 0 <= start < end
            and type(label) is str
            and label
            and label.isascii()
            and self.score is None
            and not self.fragments
            and self.alternatives is NO_ALTERNATIVES
            and self.optional is False
        ):
            return
        validate_offsets(self)
        check_label("label", label, self)
        check_score(self)
        check_optional(self)
        coerce_alternatives(self, Span)


class Argument(Annotation, frozen=True, gc=False):
    """A participant in an event, with its role.

    `ref` is the id of the entity or event that fills the role, if there is one. `head` is the
    syntactic head, within the argument, which the scheme `head` compares.
    """

    role: str
    start: int
    end: int
    fragments: Fragments = ()
    ref: str | None = None
    score: float | None = None
    head: Span | None = None

    def __post_init__(self) -> None:
        validate_offsets(self)
        check_label("role", self.role, self)
        check_score(self)
        if self.head is not None:
            require_type("head", self.head, Span)
            check_inside("head", span_fragments(self.head), span_fragments(self))


class Event(Annotation, frozen=True, gc=False):
    """An event: its type, its trigger (the words that express it) and its arguments.

    The trigger is None for an event of a whole document, of which only the arguments are annotated.
    """

    label: str
    trigger: Span | None = None
    arguments: tuple[Argument, ...] = ()
    id: str | None = None
    realis: str | None = None
    score: float | None = None
    attributes: Attributes | None = None

    def __post_init__(self) -> None:
        check_label("label", self.label, self)
        check_score(self)
        if self.trigger is not None:
            require_type("trigger", self.trigger, Span)
        coerce_tuple(self, "arguments", Argument)


class Attribution(Annotation, frozen=True, gc=False):
    """An attribution of content to a source, expressed by a cue such as "according to".

    The source is None if it is implied; in corpora of quotations the cue may be None.
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
        check_score(self)
        for name in (*ATTRIBUTION_PARTS, "source_name"):
            if getattr(self, name) is not None or name == "content":
                require_type(name, getattr(self, name), Span)


class Relation(Annotation, frozen=True, gc=False):
    """A relation between two entities, such as "works for", or between two events, such as
    "before".

    `head` and `tail` are the ids of its arguments: entities, or events with a trigger, of the
    document.
    """

    label: str
    head: str
    tail: str
    id: str | None = None
    score: float | None = None
    attributes: Attributes | None = None

    def __post_init__(self) -> None:
        for name in ("label", "head", "tail"):
            check_label(name, getattr(self, name), self)
        check_score(self)


class Zone(Annotation, frozen=True, gc=False):
    """A region of the text, such as a headline or a byline."""

    label: str
    start: int
    end: int

    def __post_init__(self) -> None:
        validate_offsets(self)
        check_label("label", self.label, self)


class Unplaced(Annotation, frozen=True, gc=False):
    """A prediction without offsets, such as a quote that does not occur in the text. It is counted
    as predicted but never as correct.

    `layer` is one of UNPLACED_LAYERS; `label` is the label, event type, role or attribution part,
    or "attribution" for a complete attribution.
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
        check_label("label", self.label, self)
        for name in ("reason", "quote"):  # a model's own words, which may hold anything
            if isinstance(value := getattr(self, name), str) and not value.isascii():
                force_setattr(self, name, escape_surrogates(value))


class Document(Annotation, frozen=True):
    """A text with its annotations.

    Raises DocumentError, with the document and the field, if an annotation ends after the end of
    the text, an id is not unique, a `ref`, `parent`, `head` or `tail` is the id of no annotation,
    or a `head` or `tail` that of an event without a trigger.
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
    relations: tuple[Relation, ...] | None = None

    def __post_init__(self) -> None:
        if _has_valid_entities_only(self):
            return
        try:
            for name, kind in _KINDS.items():
                coerce_tuple(self, name, kind, optional=name in LAYERS)
            self._check()
        except DocumentError as error:
            raise DocumentError(
                error.message,
                document=str(self.id),
                layer=error.layer,
                index=error.index,
                field=error.field,
            ) from None

    def __repr__(self) -> str:
        return describe_document(self)

    def _repr_html_(self) -> str:
        return document_to_html(self)

    def without_annotations(self) -> Document:
        """The document with id and text only, as it is passed to a model."""
        return Document(self.id, self.text)

    def _check(self) -> None:
        if not isinstance(self.id, str) or not self.id:
            raise DocumentError(
                f"invalid id {quoted_repr(self.id)}: expected a non-empty string", field="id"
            )
        if find_lone_surrogate(self.id) is not None:
            raise DocumentError(
                f"invalid id {quoted_repr(self.id)}: it holds a lone surrogate, which no file can"
                " store",
                field="id",
            )
        if self.failure is not None:
            force_setattr(self, "failure", escape_surrogates(str(self.failure)))
        check_text(self.text)
        length = len(self.text)
        for name, index, field, span in iter_spans(self):
            if span.end > length:
                problem = past_end_problem(span.end, length)
                raise DocumentError(
                    problem, layer=name, index=index, field=f"{field}.end" if field else "end"
                )
        check_alternatives(self.entities or ())
        if (
            self.events
            or self.attributions
            or self.relations
            or any(e.id for e in self.entities or ())
        ):
            check_references(self, list_ids(self))


_KINDS: dict[str, type] = {
    "entities": Entity,
    "events": Event,
    "attributions": Attribution,
    "relations": Relation,
    "zones": Zone,
    "unplaced": Unplaced,
}


def _has_valid_entities_only(document: Document) -> bool:
    """Whether a document has no other annotations than entities without ids, and needs no further
    checks. Most documents of large corpora are such, and this takes a fifth of the time of them.
    """
    id, text, entities = document.id, document.text, document.entities
    if (
        type(id) is not str
        or not id
        or not id.isascii()
        or type(text) is not str
        or document.events is not None
        or document.attributions is not None
        or document.relations is not None
        or document.failure is not None
        or type(document.zones) is not tuple
        or document.zones
        or type(document.unplaced) is not tuple
        or document.unplaced
        or (entities is not None and type(entities) is not tuple)
        or (not text.isascii() and find_lone_surrogate(text) is not None)
    ):
        return False
    length = len(text)
    for entity in entities or ():
        if type(entity) is not Entity or entity.end > length or entity.id or entity.alternatives:
            return False
    return True


def iter_spans(document: Document) -> Iterator[tuple[str, int, str, Any]]:
    """Yields every span of a document as (layer, index, field, span), zones last; the head of an
    argument after the argument.
    """
    for index, entity in enumerate(document.entities or ()):
        yield "entities", index, "", entity
        if entity.alternatives:
            for n, alternative in enumerate(entity.alternatives):
                yield "entities", index, f"alternatives[{n}]", alternative
    for index, event in enumerate(document.events or ()):
        if event.trigger is not None:
            yield "events", index, "trigger", event.trigger
        for n, argument in enumerate(event.arguments):
            yield "events", index, f"arguments[{n}]", argument
            if argument.head is not None:
                yield "events", index, f"arguments[{n}].head", argument.head
    for index, attribution in enumerate(document.attributions or ()):
        for name, span in iter_parts(attribution):
            yield "attributions", index, name, span
    for index, zone in enumerate(document.zones):
        yield "zones", index, "", zone


def iter_parts(attribution: Any) -> Iterator[tuple[str, Any]]:
    """Yields (name, span) of each part of an attribution that is not None: source, cue, content and
    source_name.
    """
    for name in (*ATTRIBUTION_PARTS, "source_name"):
        if (span := getattr(attribution, name)) is not None:
            yield name, span


def iter_arguments(document: Document) -> Iterator[tuple[Any, Any]]:
    """Yields the annotations that are the head and the tail of each relation of a document."""
    if not document.relations:
        return
    annotations: dict[Any, Any] = {entity.id: entity for entity in document.entities or ()}
    annotations.update((event.id, event) for event in document.events or ())
    for relation in document.relations:
        yield annotations[relation.head], annotations[relation.tail]


def argument_fragments(argument: Any) -> Fragments:
    """The ranges of an argument of a relation: of an entity, or of the trigger of an event."""
    if isinstance(argument, Event):
        return trigger_fragments(argument)
    return span_fragments(argument)


def remove_references(event: Event, ids: Container[str]) -> Event:
    """The event with `ref` set to None in arguments that refer to one of these ids."""
    if all(argument.ref is None or argument.ref not in ids for argument in event.arguments):
        return event
    arguments = (
        msgspec.structs.replace(a, ref=None) if a.ref is not None and a.ref in ids else a
        for a in event.arguments
    )
    return msgspec.structs.replace(event, arguments=tuple(arguments))


def duplicate_key(annotation: Any) -> Hashable:
    """A key that is equal for annotations of one layer if and only if they are duplicates.

    Entities: label and span. Events: label, trigger span, realis and the set of (role, span).
    Attributions: the spans of cue, source and content. Arguments of one event: role and span. Ids,
    scores and attributes do not count. For relations, and for arguments that name an event, see
    `duplicate_keys`.
    """
    if isinstance(annotation, Event):
        arguments = frozenset(
            (argument.role, span_fragments(argument)) for argument in annotation.arguments
        )
        return annotation.label, trigger_fragments(annotation), annotation.realis, arguments
    if isinstance(annotation, Attribution):
        return tuple(
            None if (span := getattr(annotation, part)) is None else span_fragments(span)
            for part in ATTRIBUTION_PARTS
        )
    if isinstance(annotation, Argument):
        return annotation.role, span_fragments(annotation)
    return annotation.label, span_fragments(annotation)


def span_fragments(span: Any) -> Fragments:
    """The (start, end) ranges of a span: its fragments, or its only range."""
    return getattr(span, "fragments", ()) or ((span.start, span.end),)


def trigger_fragments(event: Any) -> Fragments:
    """The ranges of the trigger of an event; none for an event without a trigger."""
    return () if event.trigger is None else span_fragments(event.trigger)


def list_ids(document: Any) -> dict[str, str]:
    """The place of each id of a document, such as "entities[0]". Raises DocumentError for an id
    that is not unique.
    """
    places: dict[str, str] = {}
    for layer in LAYERS:
        for index, annotation in enumerate(getattr(document, layer) or ()):
            if annotation.id is None:
                continue
            if annotation.id in places:
                raise DocumentError(
                    duplicate_id_problem(annotation.id, places[annotation.id]),
                    document=str(document.id),
                    layer=layer,
                    index=index,
                    field="id",
                )
            places[annotation.id] = f"{layer}[{index}]"
    return places
