"""Annotations as items: JSON values that can be compared across annotators, since they have no ids.

An item has the fields of its annotation except id and score. What an id refers to is given by a
reference, an object with the `start` and `end` (and `fragments`) of the annotation that is meant:

    field                   of             means
    ref                     arguments      an entity, or an event by its trigger
    parent                  attributions   an attribution by its cue, without a cue by its content
    head, tail              relations      an entity, or an event
    attributes.entity       entities       the first mention of the same referent: of the mentions
                                           that all annotators have, else of the annotator's own

`layer` is given where it is not that of the first alternative, `label` where an annotator has
several annotations at that place, and `hash` where these have equal labels, too. So whether two
annotators refer to the same does not depend on ids, or on the label that one of them chose.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from evalkit.data.document import (
    LAYERS,
    Attribution,
    Document,
    Entity,
    Event,
    Fragments,
    Relation,
    Span,
    span_fragments,
    trigger_fragments,
)
from evalkit.errors import DocumentError, past_end_problem, quoted_repr

COREFERENCE = "entity"  # the attribute of entities with the referent
KINDS: dict[str, type] = {
    "entities": Entity,
    "events": Event,
    "attributions": Attribution,
    "relations": Relation,
}
REFERRED_LAYERS = ("entities", "events", "attributions")
LETTERS = {"entities": "T", "events": "E", "attributions": "A", "relations": "R"}
_PLACEHOLDER = "T1"  # for the id in the place of a reference
ReferenceFunction = Callable[[str, Any], Any]


class AnnotationReference(
    msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What an id of an annotation refers to; an event without a trigger has no offsets."""

    start: int | None = None
    end: int | None = None
    fragments: Fragments = ()
    layer: str = "entities"
    label: str | None = None
    hash: str | None = None

    @property
    def place(self) -> tuple[str, Fragments]:
        """The layer and the ranges of the annotation."""
        if self.start is None or self.end is None:
            return self.layer, ()
        return self.layer, self.fragments or ((self.start, self.end),)


class AnnotationItem(NamedTuple):
    """An annotation without its id.

    fields: JSON values. key: a string that is equal for equal items. fragments: the ranges by which
    it is ordered and overlaps others: of an entity, of the trigger of an event (without one, of its
    arguments), of the cue of an attribution (without one, of its content), of both arguments of a
    relation.
    """

    layer: str
    fields: dict[str, Any]
    key: str
    fragments: Fragments

    @property
    def order(self) -> tuple[int, int, Fragments, str]:
        """The item's place in the text, for sorting."""
        starts = [start for start, _ in self.fragments]
        ends = [end for _, end in self.fragments]
        return min(starts, default=0), max(ends, default=0), self.fragments, self.key


DocumentItems = dict[
    str, list[AnnotationItem] | None
]  # by layer; None is a layer that was not annotated


def make_item(layer: str, fields: Mapping[str, Any]) -> AnnotationItem:
    """An item of fields without `text`. The order of arguments does not count."""
    ordered = dict(fields)
    if ordered.get("arguments"):
        ordered["arguments"] = sorted(ordered["arguments"], key=_encode)
    return AnnotationItem(layer, ordered, _encode(ordered), _anchor(layer, ordered))


def _encode(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _anchor(layer: str, fields: Mapping[str, Any]) -> Fragments:
    if layer == "entities":
        return _ranges(fields)
    if layer == "events":
        if fields.get("trigger"):
            return _ranges(fields["trigger"])
        return _join(map(_ranges, fields.get("arguments", ())))
    if layer == "attributions":
        return _ranges(fields.get("cue") or fields["content"])
    return _join(_ranges(fields[side]) for side in ("head", "tail"))


def _ranges(span: Mapping[str, Any]) -> Fragments:
    if span.get("start") is None:
        return ()
    fragments = span.get("fragments") or [(span["start"], span["end"])]
    return tuple((start, end) for start, end in fragments)


def _join(parts: Iterable[Fragments]) -> Fragments:
    return tuple(sorted({fragment for part in parts for fragment in part}))


def relation_sides(item: AnnotationItem) -> tuple[Fragments, Fragments]:
    """The ranges of the head and of the tail of a relation."""
    return _ranges(item.fields["head"]), _ranges(item.fields["tail"])


def map_references(layer: str, fields: Mapping[str, Any], function: ReferenceFunction) -> Any:
    """The fields with each reference, or id, replaced by `function(field, value)`.

    A `ref`, a `parent` and an attribute `entity` are left out if the function returns None. For
    `head` and `tail` it must return a value.
    """
    changed = dict(fields)
    if layer == "events" and fields.get("arguments"):
        changed["arguments"] = [
            _replace_field(argument, "ref", function) for argument in fields["arguments"]
        ]
    elif layer == "attributions":
        changed = _replace_field(fields, "parent", function)
    elif layer == "relations":
        for side in ("head", "tail"):
            changed[side] = function(side, fields[side])
    elif fields.get("attributes", {}).get(COREFERENCE) is not None:
        changed["attributes"] = _replace_field(fields["attributes"], COREFERENCE, function)
        if not changed["attributes"]:
            del changed["attributes"]
    return changed


def _replace_field(fields: Mapping[str, Any], name: str, function: ReferenceFunction) -> Any:
    changed = dict(fields)
    if changed.get(name) is not None:
        changed[name] = function(name, changed[name])
    if name in changed and changed[name] is None:
        del changed[name]
    return changed


class _Target(NamedTuple):
    """An annotation that can be referred to: its place, and what tells it from others there."""

    layer: str
    fragments: Fragments
    label: str | None
    hash: str


def _target_of(layer: str, annotation: Any) -> _Target:
    if layer == "entities":
        fragments = span_fragments(annotation)
    elif layer == "events":
        fragments = trigger_fragments(annotation)
    else:
        fragments = span_fragments(annotation.cue or annotation.content)
    content = map_references(layer, _plain_fields(annotation), lambda _field, _id: None)
    return _Target(layer, fragments, annotation.label, _hash_content(layer, content))


def _hash_content(layer: str, fields: Mapping[str, Any]) -> str:
    """A hash of the fields without ids and references."""
    return hashlib.sha256(make_item(layer, fields).key.encode()).hexdigest()[:8]


def _plain_fields(annotation: Any) -> dict[str, Any]:
    """The fields as JSON values, without id and scores."""
    fields: dict[str, Any] = msgspec.to_builtins(annotation)
    fields.pop("id", None)
    fields.pop("score", None)
    for argument in fields.get("arguments", ()):
        argument.pop("score", None)
    if not fields.get("attributes", True):
        del fields["attributes"]  # {} means the same as None
    return fields


def find_items(documents: Mapping[str, Document]) -> dict[str, DocumentItems]:
    """The items of each annotator in each layer of one document."""
    targets = {name: _list_targets(document) for name, document in documents.items()}
    namer = _ReferenceNamer(list(targets.values()))
    mentions = _shared_mentions(documents, targets, namer)
    items: dict[str, DocumentItems] = {}
    for name, document in documents.items():
        references = {}
        for (layer, index), target in targets[name].items():
            id = getattr(document, layer)[index].id
            if id is not None:
                references[id] = namer.name(target)
        referents = _first_mentions(document, targets[name], namer, mentions)
        items[name] = {
            layer: _layer_items(document, layer, references, referents) for layer in LAYERS
        }
    return items


def _list_targets(document: Document) -> dict[tuple[str, int], _Target]:
    targets = {}
    for layer in REFERRED_LAYERS:
        for index, annotation in enumerate(getattr(document, layer) or ()):
            targets[layer, index] = _target_of(layer, annotation)
    return targets


class _ReferenceNamer:
    """Describes annotations by their place, and by label and content where one annotator has
    several there.
    """

    def __init__(self, annotators: Sequence[Mapping[tuple[str, int], _Target]]) -> None:
        self._crowded: set[Any] = set()
        for targets in annotators:
            counts: Counter[Any] = Counter()
            for target in targets.values():
                counts[target[:2]] += 1
                counts[target[:3]] += 1
            self._crowded.update(place for place, count in counts.items() if count > 1)

    def name(self, target: _Target) -> AnnotationReference:
        label, hash = None, None
        if target[:2] in self._crowded:
            label = target.label
        if target[:3] in self._crowded:
            hash = target.hash
        if not target.fragments:
            return AnnotationReference(layer=target.layer, label=target.label, hash=hash)
        fragments = target.fragments if len(target.fragments) > 1 else ()
        start, end = target.fragments[0][0], target.fragments[-1][1]
        return AnnotationReference(start, end, fragments, target.layer, label, hash)


def _shared_mentions(
    documents: Mapping[str, Document],
    targets: Mapping[str, Mapping[tuple[str, int], _Target]],
    namer: _ReferenceNamer,
) -> set[AnnotationReference]:
    """The entities that all have who annotated entities, whatever their labels."""
    shared: set[AnnotationReference] | None = None
    for name, document in documents.items():
        if document.entities is not None:
            own = {namer.name(t) for t in targets[name].values() if t.layer == "entities"}
            shared = own if shared is None else shared & own
    return shared or set()


def _first_mentions(
    document: Document,
    targets: Mapping[tuple[str, int], _Target],
    namer: _ReferenceNamer,
    shared: set[AnnotationReference],
) -> dict[Any, AnnotationReference]:
    """The first mention of each referent, by the value of the attribute; shared mentions first."""
    mentions: dict[Any, list[AnnotationReference]] = {}
    for index, entity in enumerate(document.entities or ()):
        referent = (entity.attributes or {}).get(COREFERENCE)
        if referent is not None:
            reference = namer.name(targets["entities", index])
            mentions.setdefault(referent, []).append(reference)

    def rank(reference: AnnotationReference) -> tuple[Any, ...]:
        is_own = reference not in shared
        return is_own, reference.place[1], reference.label or "", reference.hash or ""

    return {referent: min(references, key=rank) for referent, references in mentions.items()}


def _layer_items(
    document: Document,
    layer: str,
    references: Mapping[str, AnnotationReference],
    referents: Mapping[Any, AnnotationReference],
) -> list[AnnotationItem] | None:
    def describe(field: str, value: Any) -> Any:
        reference = referents[value] if field == COREFERENCE else references[value]
        plain = msgspec.to_builtins(reference)
        if field == "parent":
            del plain["layer"]
        return plain

    annotations = getattr(document, layer)
    if annotations is None:
        return None
    items = []
    for annotation in annotations:
        fields = map_references(layer, _plain_fields(annotation), describe)
        items.append(make_item(layer, fields))
    return sorted(items, key=lambda item: item.order)


def describe_target(item: AnnotationItem) -> tuple[tuple[str, Fragments], str | None, str]:
    """What references describe of an item: its place, its label and the hash of its content."""
    fragments = item.fragments
    if item.layer == "events":
        fragments = _ranges(item.fields.get("trigger") or {})
    content = map_references(item.layer, item.fields, lambda _field, _reference: None)
    return (item.layer, fragments), item.fields.get("label"), _hash_content(item.layer, content)


def read_reference(field: str, value: Any) -> AnnotationReference:
    """The reference in a field of an item."""
    reference: AnnotationReference = msgspec.convert(value, AnnotationReference)
    if field == "parent":
        return msgspec.structs.replace(reference, layer="attributions")
    return reference


def count_scores(document: Document) -> int:
    """The number of annotations and arguments with a score, which items do not have."""
    count = 0
    for layer in LAYERS:
        for annotation in getattr(document, layer) or ():
            count += annotation.score is not None
            count += sum(a.score is not None for a in getattr(annotation, "arguments", ()))
    return count


def add_texts(value: Any, text: str) -> Any:
    """The same JSON values with `text` in each span and reference."""
    if isinstance(value, (list, tuple)):
        return [add_texts(element, text) for element in value]
    if not isinstance(value, dict):
        return value
    with_texts = {}
    for name, field in value.items():
        with_texts[name] = field if name == "attributes" else add_texts(field, text)
    if COREFERENCE in (value.get("attributes") or {}):
        attributes = value["attributes"]
        with_texts["attributes"] = {
            **attributes,
            COREFERENCE: add_texts(attributes[COREFERENCE], text),
        }
    if type(value.get("start")) is int and type(value.get("end")) is int:
        with_texts["text"] = text[value["start"] : value["end"]]
    return with_texts


def parse_item(layer: str, value: Any, text: str) -> AnnotationItem:
    """The item of JSON values that a person wrote, with or without `text`.

    Raises DocumentError for invalid fields, offsets past the end, a `text` that differs from the
    text, and ids in the place of references.
    """
    if not isinstance(value, dict):
        raise DocumentError(f"expected an object with the fields of {layer}, not {_show(value)}")
    plain = _strip_texts(value, text, "")
    for name in ("id", "score"):
        if plain.get(name) is not None:
            raise DocumentError("expected no ids and scores", field=name)
        plain.pop(name, None)
    references: list[Any] = []

    if layer == "attributions":
        plain.setdefault("cue", None)

    def take(field: str, reference: Any) -> str:
        references.append(_parse_reference(field, reference, len(text)))
        return _PLACEHOLDER

    try:
        placed = map_references(layer, plain, take)
        annotation: Any = msgspec.convert(placed, KINDS[layer])
    except (msgspec.ValidationError, AttributeError, KeyError, TypeError) as error:
        cause = error.__cause__
        message = cause if isinstance(cause, DocumentError) else error
        if isinstance(error, KeyError):
            message = DocumentError("missing", field=str(error.args[0]))
        raise DocumentError(str(message)) from None
    remaining = iter(references)
    fields = map_references(layer, _plain_fields(annotation), lambda *_: next(remaining))
    return make_item(layer, fields)


def _parse_reference(field: str, value: Any, length: int) -> Any:
    try:
        reference = msgspec.convert(value, AnnotationReference)
    except msgspec.ValidationError as error:
        raise DocumentError(
            f'{error}: expected the place of the annotation as {{"start": …, "end": …}}, not'
            f" {_show(value)}",
            field=field,
        ) from None
    layer = "attributions" if field == "parent" else reference.layer
    fragments: Fragments = ()
    if reference.start is not None or reference.end is not None:
        try:
            span = Span(reference.start, reference.end, reference.fragments)  # type: ignore[arg-type]
        except DocumentError as error:
            raise DocumentError(error.message, field=f"{field}.{error.field}") from None
        if span.end > length:
            raise DocumentError(past_end_problem(span.end, length), field=f"{field}.end")
        fragments = span.fragments
    plain = msgspec.to_builtins(
        msgspec.structs.replace(reference, fragments=fragments, layer=layer)
    )
    if field == "parent":
        del plain["layer"]
    return plain


def _strip_texts(value: Any, text: str, path: str) -> Any:
    """The values without `text`, which is checked."""
    if isinstance(value, list):
        return [_strip_texts(element, text, f"{path}[{n}]") for n, element in enumerate(value)]
    if not isinstance(value, dict):
        return value
    start, end, surface = value.get("start"), value.get("end"), value.get("text")
    if type(start) is int and type(end) is int:
        if end > len(text):
            raise DocumentError(past_end_problem(end, len(text)), field=f"{path}.end".lstrip("."))
        if surface is not None and surface != text[start:end]:
            raise DocumentError(
                f"{_show(surface)} is not the text at {start} to {end}: {_show(text[start:end])}",
                field=f"{path}.text".lstrip("."),
            )
    stripped = {}
    for name, field in value.items():
        if name == "attributes" and isinstance(field, dict):
            stripped[name] = dict(field)
            if isinstance(field.get(COREFERENCE), dict):
                referent = _strip_texts(field[COREFERENCE], text, f"attributes.{COREFERENCE}")
                stripped[name][COREFERENCE] = referent
        elif name != "text" and field is not None:
            stripped[name] = _strip_texts(field, text, f"{path}.{name}".lstrip("."))
    return stripped


def _show(value: Any) -> str:
    return quoted_repr(value, 40)
