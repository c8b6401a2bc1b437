"""Schemas: labels, event types and roles, zones, label maps and rules of a corpus.

A label that the schema does not know is still scored. `schema_errors` finds annotations that
violate the schema; `evalkit validate` prints them.

Rules that a schema may set (`rules` in schema.json), all off by default:

    triggers: single-token          a trigger is one token
    arguments: same-sentence        an argument is in its trigger's sentence (text.py defines
                                    sentences)
    times: date-or-time             a Time argument has the span of an entity labelled DATE or TIME
    nesting: cue-in-parent-content  the cue of a nested attribution is in its parent's content
    references: entity-at-filler    an argument inside an entity has the entity's id as `ref`; other
                                    arguments refer to no entity
    coreference: attribute-entity   each named entity has the attribute `entity`, a string shared by
                                    all mentions of one referent, which have one label; numeric and
                                    temporal values do not have the attribute
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import force_setattr

from evalkit.data.document import (
    LAYERS,
    Document,
    Entity,
    Event,
    iter_arguments,
    iter_spans,
    span_fragments,
)
from evalkit.data.gold_alternatives import IGNORE, label_of
from evalkit.data.json_keys import check_duplicate_keys
from evalkit.data.text import sentence_index_at, sentences, tokens
from evalkit.errors import DocumentError, LoadError, UnknownNameError, escape_controls, quoted_repr
from evalkit.files import read_input, write_atomically

LabelMap = Mapping[str, str | None]
VALUE_LABELS = frozenset(("DATE", "TIME", "PERCENT", "MONEY", "QUANTITY", "ORDINAL", "CARDINAL"))
RULES = {
    "triggers": ("single-token",),
    "arguments": ("same-sentence",),
    "times": ("date-or-time",),
    "nesting": ("cue-in-parent-content",),
    "references": ("entity-at-filler",),
    "coreference": ("attribute-entity",),
}


class EventType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The definition of an event type and of its roles.

    `crosswalk` has, for each other ontology, the equivalent `type`, the `relation`, and optionally
    `roles`, which maps each role to its equivalent or None.
    """

    definition: str = ""
    roles: dict[str, str] = {}
    crosswalk: dict[str, dict[str, str | dict[str, str | None]]] = {}


class AttributionSchema(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parts and the types of attributions, with their definitions."""

    parts: dict[str, str] = {}
    types: dict[str, str] = {}


NO_ATTRIBUTIONS = AttributionSchema()


class RelationType(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The definition of a relation, and the labels that its head and its tail may have; all labels
    if there are none. symmetric: whether head and tail may be exchanged.
    """

    definition: str = ""
    head: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    symmetric: bool = False


class ZoneSchema(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The layers that are annotated in a zone, and those whose primary scores include it."""

    definition: str = ""
    annotated: tuple[str, ...] = LAYERS
    primary: tuple[str, ...] = LAYERS

    def __post_init__(self) -> None:
        for layer in (*self.annotated, *self.primary):
            if layer not in LAYERS:
                raise UnknownNameError("layer", layer, LAYERS)


class Schema(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The labels, event types, zones, label maps and rules of a corpus.

    Fields of definitions map names to definitions: `labels` has the definition of each entity
    label.
    """

    name: str = ""
    version: str = ""
    guidelines: str = ""
    labels: dict[str, str] = {}
    events: dict[str, EventType] = {}
    realis: dict[str, str] = {}
    attributions: AttributionSchema = NO_ATTRIBUTIONS
    relations: dict[str, RelationType] = {}
    attributes: dict[str, Any] = {}
    zones: dict[str, ZoneSchema] = {}
    label_maps: dict[str, dict[str, dict[str, str | None]]] = {}
    rules: dict[str, str] = {}

    def __post_init__(self) -> None:
        if self.attributions == NO_ATTRIBUTIONS:
            # Encoding leaves out a default only if it is the same object, which it is not after
            # pickling; the digest of a corpus has the encoded schema.
            force_setattr(self, "attributions", NO_ATTRIBUTIONS)
        for name, value in self.rules.items():
            if name not in RULES:
                raise UnknownNameError("rule", name, RULES)
            if value not in RULES[name]:
                raise UnknownNameError("value", value, RULES[name], within=f"rules.{name}")

    def __repr__(self) -> str:
        parts = []
        for noun, names in (
            ("label", self.labels),
            ("event type", self.events),
            ("realis value", self.realis),
            ("attribution type", self.attributions.types),
            ("relation type", self.relations),
            ("zone", self.zones),
            ("label map", self.label_maps),
            ("rule", self.rules),
        ):
            if names:
                parts.append(f"{len(names)} {noun}{'' if len(names) == 1 else 's'}")
        title = " ".join(filter(None, ("Schema", self.name, self.version)))
        return f"<{escape_controls(title)}: {', '.join(parts) or 'empty'}>"

    def labels_of(self, layer: str) -> tuple[str, ...]:
        """The labels that the schema declares for a layer of metrics, in its order."""
        roles: dict[str, object] = {}
        for event_type in self.events.values():
            roles.update(event_type.roles)
        by_layer: dict[str, Mapping[str, object]] = {
            "entities": self.labels,
            "tokens": self.labels,
            "surfaces": self.labels,
            "triggers": self.events,
            "arguments": roles,
            "attached-arguments": roles,
            "realis": self.realis,
            "attributions": self.attributions.parts,
            "attached-attributions": self.attributions.parts,
            "relations": self.relations,
        }
        return tuple(by_layer.get(layer.partition(":")[0], ()))

    @property
    def symmetric_relations(self) -> frozenset[str]:
        """The labels of symmetric relations."""
        return frozenset(label for label, kind in self.relations.items() if kind.symmetric)

    def primary_zones(self, layer: str) -> frozenset[str] | None:
        """The zones in which a layer of documents is scored; None where the schema names no zones:
        everywhere.
        """
        if not self.zones:
            return None
        return frozenset(zone for zone, rule in self.zones.items() if layer in rule.primary)


def load_schema(path: Path) -> Schema:
    """The schema in a file. Raises LoadError with the file and the field."""
    try:
        data = read_input(path)
        schema = msgspec.json.decode(data, type=Schema)
        check_duplicate_keys(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, OSError, RecursionError) as error:
        raise LoadError([f"{path}: {error}"]) from None
    return schema


def save_schema(schema: Schema, path: Path) -> None:
    """Write a schema as JSON."""
    write_atomically(path, encode_schema(schema))


def encode_schema(schema: Schema) -> bytes:
    """A schema as the bytes of a schema.json."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=1) + b"\n"


def schema_errors(document: Document, schema: Schema) -> Iterator[DocumentError]:
    """An error for each violation of the schema: unknown labels, types and roles, annotations in
    zones where they are not annotated, broken rules.
    """
    for error in _iter_schema_errors(document, schema):
        yield DocumentError(
            error.message,
            document=document.id,
            layer=error.layer,
            index=error.index,
            field=error.field,
        )


def _iter_schema_errors(document: Document, schema: Schema) -> Iterator[DocumentError]:
    yield from _unknown_names(document, schema)
    yield from _errors_in_zones(document, schema)
    starts = [start for start, _ in sentences(document.text)]
    for index, event in enumerate(document.events or ()):
        for field, problem in _broken_event_rules(document, event, starts, schema.rules):
            yield DocumentError(problem, layer="events", index=index, field=field)
    if "nesting" in schema.rules:
        yield from _misnested_cues(document)
    if "references" in schema.rules:
        yield from _check_references(document)
    if "coreference" in schema.rules:
        yield from _check_coreference(document)


def _unknown_names(document: Document, schema: Schema) -> Iterator[DocumentError]:
    def unknown(
        kind: str, name: str | None, known: Mapping[str, object], *where: Any
    ) -> Iterator[DocumentError]:
        if name is not None and known and name not in known:
            layer, index, field = where
            yield DocumentError(
                str(UnknownNameError(kind, name, known)), layer=layer, index=index, field=field
            )

    for index, entity in enumerate(document.entities or ()):
        yield from unknown("label", entity.label, schema.labels, "entities", index, "label")
        for n, alternative in enumerate(entity.alternatives):
            label = label_of(alternative, entity)
            yield from unknown(
                "label", label, schema.labels, "entities", index, f"alternatives[{n}].label"
            )
    for index, event in enumerate(document.events or ()):
        yield from unknown("event type", event.label, schema.events, "events", index, "label")
        yield from unknown("realis", event.realis, schema.realis, "events", index, "realis")
        roles = schema.events[event.label].roles if event.label in schema.events else {}
        for n, argument in enumerate(event.arguments):
            yield from unknown(
                f"role of {event.label}",
                argument.role,
                roles,
                "events",
                index,
                f"arguments[{n}].role",
            )
    for index, attribution in enumerate(document.attributions or ()):
        yield from unknown(
            "type", attribution.label, schema.attributions.types, "attributions", index, "label"
        )
    for index, (relation, arguments) in enumerate(
        zip(document.relations or (), iter_arguments(document))
    ):
        yield from unknown(
            "relation", relation.label, schema.relations, "relations", index, "label"
        )
        kind = schema.relations.get(relation.label, RelationType())
        for name, argument in zip(("head", "tail"), arguments):
            yield from unknown(
                f"label of a {name} of {relation.label}",
                argument.label,
                dict.fromkeys(getattr(kind, name)),
                "relations",
                index,
                name,
            )


def _errors_in_zones(document: Document, schema: Schema) -> Iterator[DocumentError]:
    """Annotations in zones where their layer is not annotated, and zones unknown to the schema."""
    closed: dict[str, list[tuple[int, int, str]]] = {layer: [] for layer in LAYERS}
    for index, zone in enumerate(document.zones):
        if zone.label == IGNORE:
            continue
        if schema.zones and zone.label not in schema.zones:
            yield DocumentError(
                str(UnknownNameError("zone", zone.label, schema.zones)),
                layer="zones",
                index=index,
                field="label",
            )
        elif schema.zones:
            for layer in set(LAYERS) - set(schema.zones[zone.label].annotated):
                closed[layer].append((zone.start, zone.end, zone.label))
    for layer, index, field, span in iter_spans(document):
        if field.endswith(".head"):
            continue  # lies in its argument
        for start, end, label in closed.get(layer, ()):
            if any(first < end and start < last for first, last in span_fragments(span)):
                problem = f"lies in the zone {label!r}, where {layer} are not annotated"
                yield DocumentError(problem, layer=layer, index=index, field=field)


def _broken_event_rules(
    document: Document, event: Event, starts: list[int], rules: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    trigger, text = event.trigger, document.text
    if trigger is not None and "triggers" in rules:
        trigger_tokens = tokens(text, trigger.start, trigger.end)
        if trigger_tokens != [(trigger.start, trigger.end)]:
            yield "trigger", f"{quoted_repr(text[trigger.start : trigger.end])} is not one token"
    for n, argument in enumerate(event.arguments):
        quoted = quoted_repr(text[argument.start : argument.end])
        if trigger is not None and "arguments" in rules:
            positions = (trigger.start, argument.start, argument.end - 1)
            sentence_indexes = {sentence_index_at(starts, position) for position in positions}
            if len(sentence_indexes) > 1:
                yield f"arguments[{n}]", f"{quoted} lies outside the trigger's sentence"
        if "times" in rules and argument.role == "Time" and not _is_time(document, argument):
            yield f"arguments[{n}]", f"{quoted} is no entity labelled DATE or TIME"


def _is_time(document: Document, argument: Any) -> bool:
    return any(
        (e.start, e.end) == (argument.start, argument.end) and e.label in ("DATE", "TIME")
        for e in document.entities or ()
    )


def _misnested_cues(document: Document) -> Iterator[DocumentError]:
    by_id = {a.id: a for a in document.attributions or ()}
    for index, attribution in enumerate(document.attributions or ()):
        if attribution.parent is None or attribution.cue is None:
            continue
        if not _covers(by_id[attribution.parent].content, attribution.cue):
            problem = (
                f"lies outside the content of {attribution.parent!r}, the attribution it is nested"
                " in"
            )
            yield DocumentError(problem, layer="attributions", index=index, field="cue")


def _check_references(document: Document) -> Iterator[DocumentError]:
    """An error for each argument inside an entity without the entity's id as `ref`, and for each
    argument outside of entities with an entity's id as `ref`.
    """
    entities = document.entities or ()
    covering: dict[int, list[Entity]] = {}
    for entity in entities:
        for start, end in span_fragments(entity):
            for position in range(start, end):
                covering.setdefault(position, []).append(entity)
    ids = {entity.id for entity in entities if entity.id is not None}
    for index, event in enumerate(document.events or ()):
        for n, argument in enumerate(event.arguments):
            holders = []
            for entity in covering.get(argument.start, ()):
                if _covers(entity, argument):
                    holders.append(entity)
            holder_ids = {entity.id for entity in holders if entity.id is not None}
            quoted = quoted_repr(document.text[argument.start : argument.end])
            problem = None
            if holders and argument.ref not in holder_ids:
                innermost = min(holders, key=lambda entity: entity.end - entity.start)
                problem = (
                    f"{quoted_repr(argument.ref)}: {quoted} lies in the entity"
                    f" {quoted_repr(innermost.id)}; name it"
                )
            elif not holders and argument.ref in ids:
                problem = (
                    f"{quoted} does not lie in the entity {quoted_repr(argument.ref)}; delete the"
                    " ref"
                )
            if problem is not None:
                yield DocumentError(
                    problem, layer="events", index=index, field=f"arguments[{n}].ref"
                )


def _covers(outer: Any, inner: Any) -> bool:
    """Whether each fragment of a span is inside a fragment of another."""
    outer_fragments = span_fragments(outer)
    for start, end in span_fragments(inner):
        if not any(first <= start and end <= last for first, last in outer_fragments):
            return False
    return True


def _check_coreference(document: Document) -> Iterator[DocumentError]:
    """An error for each named entity without the attribute `entity`, each value with it, and each
    mention that shares it with one of another label.
    """
    first_mentions: dict[str, int] = {}
    entities = document.entities or ()
    for index, entity in enumerate(entities):
        referent = (entity.attributes or {}).get("entity")
        problem = None
        if entity.label in VALUE_LABELS:
            if referent is not None:
                problem = (
                    f"{quoted_repr(referent)}: a {entity.label} has no referent; delete the"
                    " attribute"
                )
        elif not isinstance(referent, str) or not referent:
            problem = (
                f"{quoted_repr(referent)}: expected a non-empty text, the same for all mentions of"
                " one referent"
            )
        elif entities[first_mentions.setdefault(referent, index)].label != entity.label:
            first = first_mentions[referent]
            problem = (
                f"{quoted_repr(referent)} is shared with entities[{first}], whose label is"
                f" {entities[first].label}; give one of them another"
            )
        if problem is not None:
            yield DocumentError(problem, layer="entities", index=index, field="attributes.entity")
