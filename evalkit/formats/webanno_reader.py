"""Builds the document of a WebAnno TSV file; webanno.py describes the format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from evalkit.data.document import Argument, Attributes, Document, Entity, Event, Relation, Span
from evalkit.errors import (
    MAX_REPORTED_ERRORS,
    InputError,
    LoadError,
    UnknownNameError,
    quoted_repr,
    spell_option,
)
from evalkit.formats.cas_file import LABELS, NAMED, PREDICATE, short_type_name
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.offsets import OffsetConvention
from evalkit.formats.webanno_lines import (
    CHAINS,
    NOTHING,
    RELATIONS,
    SPANS,
    UNSET,
    ColumnKind,
    TsvFile,
    TsvLayer,
    TsvValue,
    Unit,
    iter_layer_values,
    parse_value,
    split_slots,
    split_stacked,
    unescape_text,
)

ANY_TYPE = "uima.tcas.Annotation"  # of slots whose targets may be of any layer
NO_VALUE = TsvValue(None)
BUILTIN_TYPE_PREFIXES = ("uima.", "de.tudarmstadt.ukp.")
RELATION_LABELS = (*LABELS, "label")


class LayerOptions(NamedTuple):
    """The options of the reader."""

    type: str | None
    feature: str | None
    triggers: str | None


@dataclass(eq=False)
class _Annotation:
    """An annotation, with offsets in UTF-16 code units, and its features."""

    layer: TsvLayer
    line: int
    start: int
    end: int
    unit: str  # the first one, or that of the tail of a relation
    values: dict[str, str] = field(default_factory=dict)
    roles: dict[str, list[str | None]] = field(default_factory=dict)  # of slots, by feature
    targets: list[TsvValue] = field(default_factory=list)  # of all slots
    source: TsvValue = NO_VALUE  # of relations
    id: str | None = None  # of the entity or event


class WebannoReader:
    """Builds the document of a file."""

    def __init__(self, id: str, position: str, file: TsvFile, conversion: ConversionReport) -> None:
        """Collects the annotations. Raises LoadError for tokens that are not in the text, and for
        invalid values.
        """
        self._id, self._position, self._file = id, position, file
        self._conversion = conversion
        self._offsets = OffsetConvention("utf-16").converter_for(file.text)
        self._annotations: list[_Annotation] = []
        self._by_id: dict[int, _Annotation] = {}  # by disambiguation id
        self._by_unit: dict[str, list[_Annotation]] = {}
        self._chain_links: dict[str, set[str]] = {}  # of chains, by type
        self._read: set[int] = set()  # the id() of each annotation that is read
        errors = []
        for unit in file.units:
            try:
                self._read_unit(unit)
            except InputError as error:
                errors.append(f"{position}:{unit.line}: {error}")
                if len(errors) == MAX_REPORTED_ERRORS:
                    break
        if errors:
            raise LoadError(errors)

    def document(self, options: LayerOptions) -> Document:
        """Returns the document. Raises InputError for invalid annotations, UnknownNameError for an
        unknown type or feature.
        """
        entity_layer = self._entity_layer(options.type)
        event_layer = self._find_layer(options.triggers or PREDICATE, options.triggers)
        entities = self._list_labeled(entity_layer, options.feature) if entity_layer else []
        events = self._list_labeled(event_layer, None) if event_layer else []
        relations = [each for each in self._annotations if self._is_relation(each.layer)]
        arguments = list(self._iter_ends(relations))
        named = {id(end) for ends in arguments for end in ends if end is not None}
        for letter, labeled in (("T", entities), ("E", events)):
            for number, (_, annotation) in enumerate(labeled, 1):
                if id(annotation) in named:
                    annotation.id = f"{letter}{number}"
        read_events = tuple(self._event(label, each) for label, each in events)
        read_relations = tuple(self._read_relations(relations, arguments))
        self._count_others()
        return Document(
            self._id,
            self._file.text,
            tuple(self._entity(label, each, options) for label, each in entities),
            read_events or None,
            relations=read_relations or None,
        )

    # Units

    def _read_unit(self, unit: Unit) -> None:
        start, end = self._offsets.span(unit.start, unit.end)
        covered = self._file.text[start:end]
        if unit.text not in (covered, "") and unescape_text(unit.text, as_java=True) != covered:
            raise InputError(
                f"{quoted_repr(unit.text)} is not the text at {unit.start} to {unit.end}:"
                f" {quoted_repr(covered)}; offsets count UTF-16 code units"
            )
        for layer, values in iter_layer_values(self._file, unit):
            if layer.prefix == CHAINS:
                links = self._chain_links.setdefault(layer.type, set())
                links.update(split_stacked(values[-1]))
                continue
            self._read_layer(layer, unit, values)

    def _read_layer(self, layer: TsvLayer, unit: Unit, values: Sequence[str]) -> None:
        """Reads the annotations of a layer in a unit; stacked ones have an index each."""
        stacks = [split_stacked(value) if value != NOTHING else [] for value in values]
        for index in range(max(map(len, stacks))):
            parts = [stack[index] if index < len(stack) else NOTHING for stack in stacks]
            annotation = self._find_or_add(layer, unit, parts)
            self._set_features(annotation, parts)

    def _find_or_add(self, layer: TsvLayer, unit: Unit, parts: Sequence[str]) -> _Annotation:
        """The annotation with the disambiguation id of a value, or a new one."""
        number = 0
        if layer.prefix == SPANS:
            for column, part in zip(layer.columns, parts):
                if column.kind is not ColumnKind.TARGET:
                    number = number or parse_value(part).id
        known = self._by_id.get(number) if number else None
        if known is not None and known.layer is layer:
            known.start, known.end = min(known.start, unit.start), max(known.end, unit.end)
            self._by_unit.setdefault(unit.id, []).append(known)
            return known
        annotation = _Annotation(layer, unit.line, unit.start, unit.end, unit.id)
        self._annotations.append(annotation)
        self._by_unit.setdefault(unit.id, []).append(annotation)
        if number:
            self._by_id[number] = annotation
        return annotation

    def _set_features(self, annotation: _Annotation, parts: Sequence[str]) -> None:
        if annotation.values or annotation.roles:
            return  # the later units of an annotation repeat its values
        role_feature = ""
        for column, part in zip(annotation.layer.columns, parts):
            if column.kind is ColumnKind.FEATURE:
                text = parse_value(part).text
                if text is not None and part != NOTHING:
                    annotation.values[column.name] = text
            elif column.kind is ColumnKind.SOURCE:
                annotation.source = parse_value(part)
            elif column.kind is ColumnKind.ROLE:
                role_feature = column.name
                text_of_roles = _without_suffix(part)
                if text_of_roles != NOTHING:
                    roles = [parse_value(role).text for role in split_slots(text_of_roles)]
                    annotation.roles[role_feature] = roles
            elif column.kind is ColumnKind.TARGET:
                targets = [each for each in split_slots(part) if each not in (UNSET, NOTHING)]
                annotation.targets += map(parse_value, targets)

    # Layers

    def _find_layer(self, name: str, requested: str | None) -> TsvLayer | None:
        """The span layer of a type that is given in full or as its last part; None for a standard
        type that the file does not have. Raises UnknownNameError for another one.
        """
        span_layers = [layer for layer in self._file.layers if layer.prefix == SPANS]
        for layer in span_layers:
            if name in (layer.type, short_type_name(layer.type)):
                return layer
        is_standard = name in (NAMED, PREDICATE, *map(short_type_name, (NAMED, PREDICATE)))
        if requested is not None and not is_standard:
            raise UnknownNameError("type", name, [layer.type for layer in span_layers])
        return None

    def _entity_layer(self, requested: str | None) -> TsvLayer | None:
        layer = self._find_layer(requested or NAMED, requested)
        if layer is not None or requested is not None:
            return layer
        others = []
        for each in self._file.layers:
            if each.prefix == SPANS and not each.type.startswith(BUILTIN_TYPE_PREFIXES):
                others.append(each.type)
        if others:
            raise InputError(
                f"no NamedEntity, but annotations of {', '.join(others)}; name one with"
                f" {spell_option('type', 'NAME', of='format')}, or give"
                f" {spell_option('type', 'NamedEntity', of='format')} if there are no entities"
            )
        return None

    def _list_labeled(
        self, layer: TsvLayer, requested: str | None
    ) -> list[tuple[str, _Annotation]]:
        """The annotations of a layer with their labels; those without a label or characters are
        counted as dropped.
        """
        feature = label_feature(layer, requested)
        labeled = []
        for annotation in self._annotations:
            if annotation.layer is not layer:
                continue
            self._read.add(id(annotation))
            where = f"{self._position}:{annotation.line}"
            label = short_type_name(layer.type)
            if feature is not None:
                label = annotation.values.get(feature, "")
            if annotation.start == annotation.end:
                self._conversion.add("annotations of no characters", where)
            elif not label:
                what = f"the feature {quoted_repr(feature)} is not set"
                self._conversion.add(f"annotations without a label ({what})", where)
            else:
                labeled.append((label, annotation))
        return labeled

    def _span(self, annotation: _Annotation) -> tuple[int, int]:
        return self._offsets.span(annotation.start, annotation.end)

    def _entity(self, label: str, annotation: _Annotation, options: LayerOptions) -> Entity:
        start, end = self._span(annotation)
        feature = label_feature(annotation.layer, options.feature)
        attributes = _attributes(annotation, feature)
        return Entity(label, start, end, id=annotation.id, attributes=attributes)

    def _event(self, label: str, annotation: _Annotation) -> Event:
        arguments = tuple(self._iter_arguments(annotation))
        start, end = self._span(annotation)
        return Event(label, Span(start, end), arguments, id=annotation.id)

    def _iter_arguments(self, event: _Annotation) -> Iterator[Argument]:
        target_type = ANY_TYPE
        for column in event.layer.columns:
            if column.kind is ColumnKind.TARGET:
                target_type = column.name
        roles = []
        for feature, names in event.roles.items():
            roles += [role or feature for role in names]
        where = f"{self._position}:{event.line}"
        for role, target in zip(roles, event.targets):
            annotation = self._resolve(target.text or "", target.id, target_type)
            if annotation is None or annotation.start == annotation.end:
                self._conversion.add("arguments that point at no annotation", where)
                continue
            self._read.add(id(annotation))
            start, end = self._span(annotation)
            yield Argument(role, start, end)
        missing = abs(len(roles) - len(event.targets))
        if missing:
            self._conversion.add("arguments that point at no annotation", where, missing)

    def _resolve(self, unit: str, number: int, type: str) -> _Annotation | None:
        """The annotation with a disambiguation id, or the first of a type in a unit."""
        if number:
            return self._by_id.get(number)
        for annotation in self._by_unit.get(unit, ()):
            is_span = annotation.layer.prefix == SPANS
            if is_span and type in (ANY_TYPE, annotation.layer.type):
                return annotation
        return None

    # Relations

    def _is_relation(self, layer: TsvLayer) -> bool:
        return layer.prefix == RELATIONS and not layer.type.startswith(BUILTIN_TYPE_PREFIXES)

    def _iter_ends(
        self, relations: Sequence[_Annotation]
    ) -> Iterator[tuple[_Annotation | None, _Annotation | None]]:
        """Yields the head and the tail of each relation; None for one that is no span."""
        for relation in relations:
            self._read.add(id(relation))
            base_type = relation.layer.columns[-1].name
            source = relation.source
            head = self._resolve(source.text or "", source.id, base_type)
            tail = self._resolve(relation.unit, source.target_id, base_type)
            yield head, tail

    def _read_relations(
        self,
        relations: Sequence[_Annotation],
        ends: Sequence[tuple[_Annotation | None, _Annotation | None]],
    ) -> Iterator[Relation]:
        for relation, (head, tail) in zip(relations, ends):
            where = f"{self._position}:{relation.line}"
            if head is None or tail is None or head.id is None or tail.id is None:
                self._conversion.add("relations with an argument that is not read", where)
                continue
            feature = relation_label_feature(relation.layer)
            label = short_type_name(relation.layer.type)
            if feature is not None:
                label = relation.values.get(feature, "")
            if not label:
                self._conversion.add("relations without a label", where)
                continue
            attributes = _attributes(relation, feature)
            yield Relation(label, head.id, tail.id, attributes=attributes)

    def _count_others(self) -> None:
        """Counts the annotations of types that are not read."""
        for annotation in self._annotations:
            if id(annotation) not in self._read:
                what = f"annotations of the type {short_type_name(annotation.layer.type)}"
                self._conversion.add(what, f"{self._position}:{annotation.line}")
        for type, links in self._chain_links.items():
            what = f"annotations of the type {short_type_name(type)}"
            self._conversion.add(what, self._position, len(links))


def _without_suffix(part: str) -> str:
    """The roles of slots without the disambiguation id of their annotation."""
    if part.endswith("]") and not part.endswith("\\]"):
        return part[: part.rindex("[")]
    return part


def _attributes(annotation: _Annotation, label: str | None) -> Attributes | None:
    """The features of an annotation, except for its label."""
    attributes: Attributes = {}
    for name, value in annotation.values.items():
        if name != label:
            attributes[name] = value
    return attributes or None


def label_feature(layer: TsvLayer, requested: str | None) -> str | None:
    """The feature of a layer that holds the label; None if the type itself is the label.

    Raises InputError if the layer has several features and none named `value` or `category`.
    """
    if requested is not None:
        if requested not in layer.features:
            raise UnknownNameError("feature", requested, layer.features, within=layer.type)
        return requested
    candidates = [name for name in LABELS if name in layer.features] or layer.features
    if len(candidates) > 1 and candidates[0] not in LABELS:
        raise InputError(
            f"{layer.type} has several features: {', '.join(layer.features)}; name the one with the"
            f" label, as in {spell_option('feature', layer.features[0], of='format')}"
        )
    return candidates[0] if candidates else None


def relation_label_feature(layer: TsvLayer) -> str | None:
    """The feature of a layer of relations that holds the label; None if the type is the label."""
    for name in RELATION_LABELS:
        if name in layer.features:
            return name
    return layer.features[0] if len(layer.features) == 1 else None
