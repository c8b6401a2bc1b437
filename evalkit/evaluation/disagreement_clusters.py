"""The items of annotators split into what they agree on and clusters that need a decision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.analysis.disagreements import (
    choose_by_length,
    find_majority,
    group_overlapping,
    group_relations,
    split_agreed,
)
from evalkit.analysis.error_items import cut_context
from evalkit.data.annotation_items import AnnotationItem, DocumentItems, add_texts, relation_sides
from evalkit.data.document import LAYERS
from evalkit.results.adjudication_lines import ALL, NONE, ONE_ANNOTATOR, AdjudicationLine

BOUNDARY = "boundary"
LENGTH_RULES = ("longest", "shortest")
MAJORITY = "majority"
RULES = (MAJORITY, *LENGTH_RULES)
# What two items of a layer can differ in, by field
_ASPECTS = {
    "entities": {},
    "events": {"trigger": BOUNDARY, "arguments": "arguments", "realis": "realis"},
    "attributions": {
        "cue": BOUNDARY,
        "content": "content",
        "source": "source",
        "source_name": "source name",
        "parent": "parent",
    },
    "relations": {"head": "arguments", "tail": "arguments"},
}
_ANY_LAYER = {
    "label": "label",
    "start": BOUNDARY,
    "end": BOUNDARY,
    "fragments": BOUNDARY,
    "attributes": "attributes",
    "alternatives": "alternatives",
    "optional": "alternatives",
}


@dataclass(frozen=True)
class Cluster:
    """Overlapping items of one layer of a document on which the annotators differ.

    options: the items of each annotator; None for one who did not annotate the layer.
    """

    id: str
    document_id: str
    layer: str
    kind: str
    options: Mapping[str, Sequence[AnnotationItem] | None]

    @property
    def items(self) -> list[AnnotationItem]:
        """The items of all annotators."""
        return [item for items in self.options.values() for item in items or ()]

    def decide(self, name: str) -> list[AnnotationItem] | None:
        """The items of a decision: of an annotator, all, or none. None for another name, and for an
        annotator who did not annotate the layer.
        """
        if name == NONE:
            return []
        if name == ALL:
            return self._join_options()
        items = self.options.get(name)
        return None if items is None else list(items)

    def apply_rule(self, rule: str) -> list[AnnotationItem] | str | None:
        """What a rule decides: items, or the name of an annotator; None if it does not apply."""
        options = {name: items for name, items in self.options.items() if items is not None}
        if rule == MAJORITY:
            keys = find_majority({name: [i.key for i in items] for name, items in options.items()})
            if keys is None:
                return None
            items_by_key = {item.key: item for item in self.items}
            return [items_by_key[key] for key in keys]
        if self.kind != BOUNDARY:
            return None
        return choose_by_length({name: items[0].fragments for name, items in options.items()}, rule)

    def to_line(self, text: str) -> AdjudicationLine:
        """The line of an undecided cluster."""
        ranges = [each for item in self.items for each in item.fragments]
        start = min((start for start, _ in ranges), default=0)
        end = max((end for _, end in ranges), default=0)
        return AdjudicationLine(
            id=self.id,
            document=self.document_id,
            layer=self.layer,
            start=start,
            end=end,
            text=text[start:end],
            context=cut_context(text, start, end).text,
            kind=self.kind,
            options=encode_options(self.options, text),
        )

    def _join_options(self) -> list[AnnotationItem]:
        """Every item, as often as the annotator has it who has it most often."""
        most: dict[str, list[AnnotationItem]] = {}
        for items in self.options.values():
            own: dict[str, list[AnnotationItem]] = {}
            for item in items or ():
                own.setdefault(item.key, []).append(item)
            for key, copies in own.items():
                most[key] = max(most.get(key, []), copies, key=len)
        return [item for copies in most.values() for item in copies]


def encode_options(
    options: Mapping[str, Sequence[AnnotationItem] | None], text: str
) -> dict[str, list[dict[str, Any]] | None]:
    """The options of a line, with the text of each span."""
    encoded: dict[str, list[dict[str, Any]] | None] = {}
    for name, items in options.items():
        encoded[name] = None if items is None else encode_items(items, text)
    return encoded


def encode_items(items: Iterable[AnnotationItem], text: str) -> list[dict[str, Any]]:
    """Items as JSON values, with the text of each span."""
    return [add_texts(item.fields, text) for item in items]


def encode_choice(cluster: Cluster, choice: list[AnnotationItem] | str | None, text: str) -> Any:
    """A decision as it is written into a line: the name of an option where its items are chosen."""
    if choice is None or isinstance(choice, str):
        return choice
    if not choice:
        return NONE
    keys = sorted(item.key for item in choice)
    for name, items in cluster.options.items():
        if items is not None and sorted(item.key for item in items) == keys:
            return name
    return encode_items(choice, text)


@dataclass(frozen=True)
class SplitDocument:
    """The items of a document that all annotators have, by layer, and the clusters of the others.

    A layer that nobody annotated is None.
    """

    agreed: dict[str, list[AnnotationItem] | None]
    clusters: list[Cluster]


def split_document(
    document_id: str, items: Mapping[str, DocumentItems], names: Sequence[str]
) -> SplitDocument:
    """Splits the items of the annotators of a document. names: all annotators.

    What only one of them annotated, a document or a layer of it, is one cluster of each layer.
    """
    agreed: dict[str, list[AnnotationItem] | None] = {}
    clusters: list[Cluster] = []
    for layer in LAYERS:
        present: dict[str, list[AnnotationItem]] = {}
        for name, layers in items.items():
            own = layers[layer]
            if own is not None:
                present[name] = own
        agreed[layer] = [] if present else None
        if len(present) == 1 and len(names) > 1:
            groups = [present] if any(present.values()) else []
        elif present:
            agreed[layer], groups = _split_layer(layer, present)
        else:
            groups = []
        for group in groups:
            options = {name: group.get(name, []) if name in present else None for name in names}
            kind = ONE_ANNOTATOR if len(present) == 1 else name_kind(layer, options)
            id = _hash_cluster(document_id, layer, options)
            clusters.append(Cluster(id, document_id, layer, kind, options))
    clusters.sort(key=lambda cluster: min(item.order for item in cluster.items)[:3])
    return SplitDocument(agreed, clusters)


def _split_layer(
    layer: str, present: Mapping[str, Sequence[AnnotationItem]]
) -> tuple[list[AnnotationItem], list[dict[str, list[AnnotationItem]]]]:
    """The agreed items of a layer, and the other items of each annotator by cluster."""
    items_by_key = {item.key: item for items in present.values() for item in items}
    keys = split_agreed({name: [i.key for i in items] for name, items in present.items()})
    agreed = [items_by_key[key] for key in keys.agreed.elements()]
    disputed: list[tuple[str, AnnotationItem]] = []
    for name, own in keys.disputed.items():
        disputed += [(name, items_by_key[key]) for key in own.elements()]
    items = [item for _, item in disputed]
    if layer == "relations":
        numbers = group_relations([relation_sides(item) for item in items])
    else:
        numbers = group_overlapping([item.fragments for item in items])
    groups: dict[int, dict[str, list[AnnotationItem]]] = {}
    for number, (name, item) in zip(numbers, disputed):
        groups.setdefault(number, {}).setdefault(name, []).append(item)
    for group in groups.values():
        for own_items in group.values():
            own_items.sort(key=lambda item: item.order)
    return sorted(agreed, key=lambda item: item.order), list(groups.values())


def _hash_cluster(
    document_id: str, layer: str, options: Mapping[str, Sequence[AnnotationItem] | None]
) -> str:
    """A stable id: a hash of the document, the layer and the items of each annotator."""
    keys = {}
    for name, items in options.items():
        keys[name] = None if items is None else sorted(item.key for item in items)
    content = json.dumps([document_id, layer, keys], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def name_kind(layer: str, options: Mapping[str, Sequence[AnnotationItem] | None]) -> str:
    """What the annotators differ in.

    `missed` if one has no item; what the items differ in if each has one: `label`, `boundary`,
    `attributes`, `arguments`, `realis` and so on, joined by +; else `several items`.
    """
    present = [items for items in options.values() if items is not None]
    if not all(present):
        return "missed"
    if any(len(items) > 1 for items in present):
        return "several items"
    aspects = {**_ANY_LAYER, **_ASPECTS[layer]}
    fields = [items[0].fields for items in present]
    differing = []
    for name, aspect in aspects.items():
        values = {json.dumps(each.get(name), sort_keys=True) for each in fields}
        if len(values) > 1 and aspect not in differing:
            differing.append(aspect)
    return "+".join(differing)
