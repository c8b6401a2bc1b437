"""Documents of items: ids are assigned in the order of the text, and references become ids again.

Ids are T1, T2 … for entities, E1 … for events, A1 … for attributions and R1 … for relations. The
attribute `entity` of a mention is the id of the first mention of its referent; the mentions that
refer to one another, directly or through others, have one referent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from evalkit.data.annotation_items import (
    COREFERENCE,
    KINDS,
    LETTERS,
    AnnotationItem,
    AnnotationReference,
    describe_target,
    map_references,
    read_reference,
)
from evalkit.data.document import LAYERS, Document
from evalkit.errors import quoted_repr

RELATIONS_LOST = "relations of annotations that the gold does not have"
REFERENCES_LOST = "references to annotations that the gold does not have"
SEVERAL_FIT = "references that several annotations fit, of which the first is taken"
CYCLES = "parents that would nest an attribution in itself"


class BuiltDocument(NamedTuple):
    """A document, and the references that it could not keep as (what, where). owners: of the
    annotations that have one, by id.
    """

    document: Document
    problems: list[tuple[str, str]]
    owners: dict[str, str]


def build_document(
    base: Document,
    items: Mapping[str, Iterable[AnnotationItem] | None],
    roles: Mapping[str, list[str]] | None = None,
    owners: Mapping[str, Sequence[str | None]] | None = None,
) -> BuiltDocument:
    """The base document, of which only id, text, zones and meta are used, with these items.

    items: by layer; None is a layer that was not annotated. roles: the order of an event type's
    roles. Arguments are in this order, then in that of the text. owners: who has each item, by
    layer, where several versions are in one document; an item refers to its owner's version.
    """
    return _DocumentBuilder(base, items, roles or {}, owners or {}).build()


class _DocumentBuilder:
    def __init__(
        self,
        base: Document,
        items: Mapping[str, Iterable[AnnotationItem] | None],
        roles: Mapping[str, list[str]],
        owners: Mapping[str, Sequence[str | None]],
    ) -> None:
        self._base = base
        self._roles = roles
        self._problems: list[tuple[str, str]] = []
        self._items: dict[str, list[AnnotationItem] | None] = {}
        self._owners: dict[str, str] = {}
        self._places: dict[Any, list[tuple[str, str | None, str]]] = {}
        for layer in LAYERS:
            layer_items = items.get(layer)
            if layer_items is None:
                self._items[layer] = None
                continue
            listed = list(layer_items)
            versions = list(zip(listed, owners.get(layer) or [None] * len(listed)))
            versions.sort(key=lambda version: (version[0].order, version[1] or ""))
            ordered = [item for item, _ in versions]
            self._items[layer] = ordered
            for n, (_, owner) in enumerate(versions, 1):
                if owner is not None:
                    self._owners[f"{LETTERS[layer]}{n}"] = owner
            if layer == "relations":
                continue
            for n, item in enumerate(ordered, 1):
                place, label, hash = describe_target(item)
                target = (f"{LETTERS[layer]}{n}", label, hash)
                self._places.setdefault(place, []).append(target)
        self._referents = self._find_referents()

    def build(self) -> BuiltDocument:
        layers: dict[str, Any] = {}
        for layer, items in self._items.items():
            if items is None:
                layers[layer] = None
                continue
            annotations = []
            for n, item in enumerate(items, 1):
                annotation = self._annotation(layer, f"{LETTERS[layer]}{n}", item)
                if annotation is not None:
                    annotations.append(annotation)
            layers[layer] = tuple(annotations)
        if layers["attributions"]:
            layers["attributions"] = self._break_cycles(layers["attributions"])
        base = self._base
        document = Document(base.id, base.text, zones=base.zones, meta=base.meta, **layers)
        return BuiltDocument(document, self._problems, self._owners)

    def _annotation(self, layer: str, id: str, item: AnnotationItem) -> Any:
        """The annotation of an item; None for a relation of missing annotations."""
        is_lost = False

        def find_id(field: str, value: Any) -> str | None:
            nonlocal is_lost
            if field == COREFERENCE:
                return self._referents.get(id, id)
            found = self._find(read_reference(field, value), f"{id}.{field}", owner=id)
            if found is None and layer == "relations":
                is_lost = True
            elif found is None:
                self._note(REFERENCES_LOST, f"{id}.{field}")
            return found

        fields = map_references(layer, item.fields, find_id)
        if is_lost:
            self._note(RELATIONS_LOST, id)
            return None
        if fields.get("arguments"):
            fields["arguments"] = self._order_arguments(fields["label"], fields["arguments"])
        return msgspec.convert({**fields, "id": id}, KINDS[layer])

    def _order_arguments(self, label: str, arguments: list[dict[str, Any]]) -> list[dict[str, Any]]:
        roles = self._roles.get(label, [])

        def order(argument: dict[str, Any]) -> tuple[Any, ...]:
            role = argument["role"]
            rank = roles.index(role) if role in roles else len(roles)
            return rank, argument["start"], argument["end"], role

        return sorted(arguments, key=order)

    def _find(self, reference: AnnotationReference, where: str, owner: str = "") -> str | None:
        """The id of the annotation that is meant, another one than its owner if there is one; None
        if there is none.
        """
        targets = self._find_all(reference, owner)
        if not targets:
            return None
        others = [target for target in targets if target[0] != owner] or targets
        if len({target[1:] for target in others}) > 1:
            self._note(SEVERAL_FIT, where)
        return others[0][0]

    def _find_all(
        self, reference: AnnotationReference, owner: str
    ) -> list[tuple[str, str | None, str]]:
        """The annotations that a reference fits; of several versions that of the owner's side, else
        one that all have.
        """
        targets = self._places.get(reference.place, [])
        if reference.label is not None:
            targets = [target for target in targets if target[1] == reference.label]
        if reference.hash is not None:
            same = [target for target in targets if target[2] == reference.hash]
            targets = same or targets
        for side in (self._owners.get(owner), None):
            own = [target for target in targets if self._owners.get(target[0]) == side]
            if own:
                return own
        return targets

    def _find_referents(self) -> dict[str, str]:
        """The id of the first mention of each mention's referent."""
        above: dict[Any, Any] = {}

        def root(node: Any) -> Any:
            while above.get(node, node) != node:
                node = above[node]
            return node

        mentions = []
        for n, item in enumerate(self._items["entities"] or (), 1):
            value = (item.fields.get("attributes") or {}).get(COREFERENCE)
            if value is None:
                continue
            id = f"T{n}"
            mentions.append(id)
            reference = read_reference(COREFERENCE, value)
            found = self._find_all(reference, id)
            if len({target[1:] for target in found}) > 1 and not self._owners:
                self._note(SEVERAL_FIT, f"{id}.attributes.{COREFERENCE}")
            targets: list[Any] = [target[0] for target in found] or [reference]
            # Of several versions of a mention, one will remain, and no one knows which.
            for target in targets if self._owners else targets[:1]:
                above[root(target)] = root(id)
        first_mentions: dict[Any, str] = {}
        return {id: first_mentions.setdefault(root(id), id) for id in mentions}

    def _break_cycles(self, attributions: tuple[Any, ...]) -> tuple[Any, ...]:
        """The attributions without the parents that would make one its own ancestor."""
        parents: dict[str, str | None] = {a.id: a.parent for a in attributions}
        kept = []
        for each in attributions:
            attribution = each
            ancestor, steps = attribution.parent, 0
            while ancestor not in (None, attribution.id) and steps <= len(parents):
                ancestor, steps = parents[ancestor], steps + 1
            if ancestor == attribution.id:
                self._note(CYCLES, f"{attribution.id}.parent")
                parents[attribution.id] = None
                attribution = replace(attribution, parent=None)
            kept.append(attribution)
        return tuple(kept)

    def _note(self, problem: str, where: str) -> None:
        self._problems.append((problem, f"document {quoted_repr(self._base.id)}, {where}"))
