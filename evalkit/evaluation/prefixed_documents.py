"""Documents for adjudication in an annotation tool such as brat.

What is agreed or decided has its label; every other item has a label with the name of its annotator
before it, such as `a.PER`. An item that refers to one of these is written for each annotator, too,
so that it can go with the one that it refers to. To decide, people remove prefixes and delete
annotations.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from evalkit.data.annotation_items import (
    COREFERENCE,
    REFERRED_LAYERS,
    AnnotationItem,
    AnnotationReference,
    describe_target,
    map_references,
    read_reference,
)
from evalkit.data.document import LAYERS, Document, remove_references
from evalkit.data.item_documents import build_document
from evalkit.errors import InputError, quoted_repr
from evalkit.evaluation.disagreement_clusters import Cluster

LayerItems = dict[str, list[AnnotationItem]]


def check_prefixes(names: Sequence[str], documents: Iterable[Document]) -> None:
    """Raises InputError for names of annotators that brat cannot have before a label, and for
    labels that look as if they had such a prefix.
    """
    for document in documents:
        for name, label in find_prefixes(document, names).values():
            raise InputError(
                f"document {quoted_repr(document.id)}: the label {quoted_repr(f'{name}.{label}')}"
                f" begins with the name of the annotator {quoted_repr(name)}, as labels of"
                " undecided items do; name the annotator otherwise, as NAME=ANNOTATIONS"
            )
    for name in names:
        if any(character.isspace() or character in ":." for character in name):
            raise InputError(
                f"invalid name of an annotator {quoted_repr(name)}: it stands before labels, so it"
                " has no white space, colon or full stop; write NAME=ANNOTATIONS, and of a file"
                f" with several annotators NAME=FILE?annotator={name} for each"
            )


def build_prefixed_document(
    base: Document,
    settled: Mapping[str, Sequence[AnnotationItem] | None],
    clusters: Iterable[Cluster],
    documents: Mapping[str, Document],
) -> Document:
    """The document of settled items, and of those of undecided clusters with prefixes.

    settled: the agreed and the decided items by layer; None is a layer that nobody annotated.
    documents: those of the annotators.
    """
    plain: LayerItems = {layer: list(settled[layer] or ()) for layer in LAYERS}
    disputed: dict[str, LayerItems] = {}
    for name in documents:
        disputed[name] = {layer: [] for layer in LAYERS}
    for cluster in clusters:
        for name, items in cluster.options.items():
            if items:
                disputed[name][cluster.layer] += items
    while _move_dependents(plain, disputed, documents):
        pass
    layers: dict[str, list[AnnotationItem] | None] = {}
    owners: dict[str, list[str | None]] = {}
    for layer in LAYERS:
        if settled[layer] is None:
            layers[layer] = None
            continue
        items, owners[layer] = list(plain[layer]), [None] * len(plain[layer])
        for name, own in disputed.items():
            items += own[layer]
            owners[layer] += [name] * len(own[layer])
        layers[layer] = items
    built = build_document(base, layers, owners=owners)
    changed: dict[str, Any] = {}
    for layer in LAYERS:
        annotations = getattr(built.document, layer)
        if annotations is not None:
            changed[layer] = tuple(_add_prefix(each, built.owners) for each in annotations)
    return replace(built.document, **changed)


def _move_dependents(
    plain: LayerItems, disputed: Mapping[str, LayerItems], documents: Mapping[str, Document]
) -> bool:
    """Moves the plain items that refer to disputed ones to every annotator of their layer; returns
    whether there was one.
    """
    settled_targets = _list_targets([plain])
    disputed_targets = _list_targets(disputed.values())
    has_moved = False
    for layer in LAYERS:
        kept = []
        for item in plain[layer]:
            references = list(_iter_references(item))
            if all(
                _is_among(reference, settled_targets) or not _is_among(reference, disputed_targets)
                for reference in references
            ):
                kept.append(item)
                continue
            has_moved = True
            for name, document in documents.items():
                if getattr(document, layer) is not None:
                    disputed[name][layer].append(item)
        plain[layer] = kept
    return has_moved


def _list_targets(sources: Iterable[LayerItems]) -> dict[Any, list[tuple[str | None, str]]]:
    targets: dict[Any, list[tuple[str | None, str]]] = {}
    for layers in sources:
        for layer in REFERRED_LAYERS:
            for item in layers[layer]:
                place, label, hash = describe_target(item)
                targets.setdefault(place, []).append((label, hash))
    return targets


def _is_among(
    reference: AnnotationReference, targets: Mapping[Any, list[tuple[str | None, str]]]
) -> bool:
    for label, hash in targets.get(reference.place, ()):
        if reference.label in (None, label) and reference.hash in (None, hash):
            return True
    return False


def _iter_references(item: AnnotationItem) -> Iterator[AnnotationReference]:
    """Yields the references of an item but for that to its referent, which names no annotation."""
    references: list[AnnotationReference] = []

    def note(field: str, value: Any) -> Any:
        if field != COREFERENCE:
            references.append(read_reference(field, value))
        return value

    map_references(item.layer, item.fields, note)
    yield from references


def _add_prefix(annotation: Any, owners: Mapping[str, str]) -> Any:
    owner = owners.get(annotation.id)
    return (
        annotation
        if owner is None
        else replace(annotation, label=f"{owner}.{annotation.label or ''}")
    )


def find_prefixes(document: Document, names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The annotator, and the label without prefix, of each annotation with a prefix, by its place
    such as entities[0].
    """
    found = {}
    for layer in LAYERS:
        for index, annotation in enumerate(getattr(document, layer) or ()):
            name, dot, label = (annotation.label or "").partition(".")
            if dot and name in names:
                found[f"{layer}[{index}]"] = name, label
    return found


def read_version(document: Document, name: str, names: Sequence[str]) -> Document:
    """The document as an annotator has it: annotations without a prefix and the annotator's own,
    whose prefix is removed.
    """
    prefixes = find_prefixes(document, names)
    layers: dict[str, Any] = {}
    removed: set[str] = set()
    for layer in LAYERS:
        annotations = getattr(document, layer)
        if annotations is None:
            continue
        kept = []
        for index, annotation in enumerate(annotations):
            owner, label = prefixes.get(f"{layer}[{index}]", (None, annotation.label))
            if owner in (None, name):
                kept.append(replace(annotation, label=label or None) if owner else annotation)
            elif annotation.id is not None:
                removed.add(annotation.id)
        layers[layer] = tuple(kept)
    if layers.get("events"):
        layers["events"] = tuple(remove_references(each, removed) for each in layers["events"])
    if layers.get("attributions"):
        layers["attributions"] = tuple(
            replace(each, parent=None) if each.parent in removed else each
            for each in layers["attributions"]
        )
    if layers.get("relations"):
        layers["relations"] = tuple(
            each for each in layers["relations"] if not {each.head, each.tail} & removed
        )
    return replace(document, **layers)


def remove_leftovers(document: Document, types: Container[str]) -> Document:
    """The document without the entities that brat leaves behind when an event is deleted: spans
    with the type of an argument, to which nothing refers.
    """
    used = {side for each in document.relations or () for side in (each.head, each.tail)}
    for event in document.events or ():
        used.update(argument.ref for argument in event.arguments if argument.ref is not None)
    if document.entities is None:
        return document
    kept = tuple(
        entity
        for entity in document.entities
        if entity.label not in types or (entity.id is not None and entity.id in used)
    )
    return replace(document, entities=kept)
