"""Layers: what is compared. A layer lists the items of a document: each has a label, a span and,
in some layers, a group.

Items of different groups never match, whatever the scheme. Layers are computed for many documents
at once and return the annotations themselves, so that no object is made for an item between the
document and the arrays.

To score something new, write its function and give it a line in LAYERS.

Conventions and differences from other tools: `triggers`, `arguments`, `attached-arguments` and
`relations` are sets, formed after the scheme's projection (Li et al. 2013; TextEE, Huang et al.
2024). OneIE lets
one prediction match several gold items, and DyGIE++ keeps one type for a trigger; neither is done
here. Citron (Newell et al. 2018) sums all pairs that overlap, and can exceed 1.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import (
    Callable,
    Collection,
    Hashable,
    Iterable,
    Iterator,
    Sequence,
)
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from typing import Any

from evalkit.data.batch import EntityArrays, entity_arrays
from evalkit.data.document import (
    ATTRIBUTION_PARTS,
    Document,
    Event,
    Fragments,
    Unplaced,
    argument_fragments,
    duplicate_key,
    iter_arguments,
    span_fragments,
)
from evalkit.data.text import tokens
from evalkit.scoring import attribute_values, links, speakers
from evalkit.scoring import event_items as events
from evalkit.scoring.items import Items, Maps, SyntheticSpan, build_items, map_label
from evalkit.scoring.overlap_threshold import IOU
from evalkit.scoring.surfaces import iter_surface_scores, list_surfaces


def _entities(documents: Sequence[Document], maps: Maps) -> Items | EntityArrays:
    if "entities" not in maps:
        return entity_arrays(documents)
    each = [document.entities or () for document in documents]
    spans = list(chain.from_iterable(each))
    rename = maps["entities"].get
    labels = [rename(entity.label, entity.label) for entity in spans]
    return Items(list(map(len, each)), labels, spans, None, labels.count(None))


def _tokens(documents: Sequence[Document], maps: Maps) -> Items:
    """Each token that shares a character with an entity, under the entity's label."""
    each = []
    for document in documents:
        words = tokens(document.text) if document.entities else []
        each.append(
            [
                (map_label(maps, "entities", entity.label), SyntheticSpan(start, end), None)
                for entity in document.entities or ()
                for start, end in _overlapping_tokens(words, span_fragments(entity))
            ]
        )
    return build_items(each, has_groups=False)


def _overlapping_tokens(
    words: Sequence[tuple[int, int]], pieces: Fragments
) -> Iterable[tuple[int, int]]:
    """The tokens, in order, that share a character with a fragment; each once."""
    overlapping: dict[tuple[int, int], None] = {}
    for start, end in pieces:
        index = bisect_right(words, (start, start))
        if index > 0 and words[index - 1][1] > start:
            index -= 1
        while index < len(words) and words[index][0] < end:
            overlapping[words[index]] = None
            index += 1
    return overlapping


# Parts have no map
def _attributions(documents: Sequence[Document], maps: Maps) -> Items:  # noqa: ARG001
    """Each source, cue and content, labeled as such and in a group of its own."""
    return build_items(
        [
            [
                (part, span, part)
                for a in document.attributions or ()
                for part in ATTRIBUTION_PARTS
                if (span := getattr(a, part)) is not None
            ]
            for document in documents
        ]
    )


# Parts have no map
def _attached_attributions(documents: Sequence[Document], maps: Maps) -> Items:  # noqa: ARG001
    """Each source, cue and content, in the group of its attribution: (document id, index).
    `counting` joins the groups of paired attributions.
    """
    return build_items(
        [
            [
                (part, span, (document.id, index))
                for index, attribution in enumerate(document.attributions or ())
                for part in ATTRIBUTION_PARTS
                if (span := getattr(attribution, part)) is not None
            ]
            for document in documents
        ]
    )


# Parts have no map
def _attribution_relations(documents: Sequence[Document], maps: Maps) -> Items:  # noqa: ARG001
    """Each attribution whole."""
    return build_items(
        [
            [("attribution", _attribution_span(a), None) for a in document.attributions or ()]
            for document in documents
        ],
        has_groups=False,
    )


def _attribution_span(attribution: Any) -> SyntheticSpan:
    """All parts of an attribution as one span, with the parts beside it."""
    return span_of_parts(
        None if (span := getattr(attribution, part)) is None else span_fragments(span)
        for part in ATTRIBUTION_PARTS
    )


def span_of_parts(ranges: Iterable[Fragments | None]) -> SyntheticSpan:
    """All parts as one span, with the parts beside it; None for a part that is missing."""
    parts = tuple(ranges)
    pieces = sorted(chain.from_iterable(part for part in parts if part))
    return SyntheticSpan(pieces[0][0], max(end for _, end in pieces), tuple(pieces), parts)


def _relations(documents: Sequence[Document], maps: Maps) -> Items:
    """Each relation: its arguments are the parts of the span, and their labels the group.

    A relation with an argument whose label is dropped is dropped with it.
    """
    each = []
    for document in documents:
        triples = []
        for relation, arguments in zip(document.relations or (), iter_arguments(document)):
            label = map_label(maps, "relations", relation.label)
            group = tuple(_label_of_argument(argument, maps) for argument in arguments)
            if any(argument_label is None for _, argument_label in group):
                label = None
            triples.append((label, span_of_parts(map(argument_fragments, arguments)), group))
        each.append(triples)
    return build_items(each)


def _label_of_argument(argument: Any, maps: Maps) -> tuple[str, str | None]:
    """The layer of metrics and the label of an argument of a relation."""
    layer = "triggers" if isinstance(argument, Event) else "entities"
    return layer, map_label(maps, layer, argument.label)


def order_symmetric(items: Items, symmetric: Collection[str]) -> Items:
    """The relations; those with a symmetric label have their arguments in the order of the text."""
    if not symmetric or items.groups is None:
        return items
    spans, groups = list(items.spans), list(items.groups)
    for n, label in enumerate(items.labels):
        if label not in symmetric:
            continue
        head, tail = spans[n].parts
        group: Any = groups[n]
        if (tail, group[1]) < (head, group[0]):
            spans[n] = spans[n]._replace(parts=(tail, head))
            groups[n] = (group[1], group[0])
    return replace(items, spans=spans, groups=groups)


def _entity_of_each(document: Document) -> Iterable[int]:
    return range(len(document.entities or ()))


def _attribution_of_each(document: Document) -> Iterable[int]:
    return range(len(document.attributions or ()))


def _entity_of_each_token(document: Document) -> Iterable[int]:
    words = tokens(document.text)
    return (
        index
        for index, entity in enumerate(document.entities or ())
        for _ in _overlapping_tokens(words, span_fragments(entity))
    )


def _attribution_of_each_part(document: Document) -> Iterable[int]:
    return (
        index
        for index, attribution in enumerate(document.attributions or ())
        for _ in range(_parts_of(attribution))
    )


def _annotation_scores(
    layer: str, items_per_annotation: Callable[[Any], int] = lambda _: 1
) -> Callable[[Document], Iterable[float | None]]:
    """The score of each item: that of the annotation it comes from."""
    return lambda document: chain.from_iterable(
        [annotation.score] * items_per_annotation(annotation)
        for annotation in getattr(document, layer) or ()
    )


def _token_scores(document: Document) -> Iterable[float | None]:
    words = tokens(document.text)
    return chain.from_iterable(
        [entity.score] * len(list(_overlapping_tokens(words, span_fragments(entity))))
        for entity in document.entities or ()
    )


def _parts_of(attribution: Any) -> int:
    return sum(getattr(attribution, part) is not None for part in ATTRIBUTION_PARTS)


ALL_SCHEMES = ("strict", "exact", "partial", "type", "characters", IOU)


@dataclass(frozen=True)
class Layer:
    """A line of LAYERS.

    document_layer: the annotations of a document that the items come from. items: the function that
    lists the items. owners: the index of the annotation of each item; None for a layer that is a
    set, in which equal items count once, duplicates included. scores: the score of each item, in
    the same order. schemes: those that the layer has. grouped_by_cue: groups are attributions, to
    be joined where attributions are paired. has_parts: spans have parts. keeps_equal_items: equal
    items of annotations that are not duplicates are all counted. has_symmetric_labels: the order of
    the parts does not count under labels that the schema calls symmetric. has_strings: the groups
    are strings, which are normalized. compares_strings: items match if their strings are equal,
    wherever they are; an item without offsets is its quote.
    has_links: the groups are ids or NIL, which is compared as an option says; see `links`.
    has_accuracy: whether the strict scheme has an accuracy over pairs with one span.
    key_of_duplicates: returns what duplicates have in common. digest: the name of what the digest
    of a corpus is made from; "" for `document_layer`. has_lenient_gold: whether alternatives,
    optional items and ignore regions of gold apply.
    """

    document_layer: str
    items: Callable[[Sequence[Document], Maps], Items | EntityArrays]
    owners: Callable[[Document], Iterable[int]] | None
    scores: Callable[[Document], Iterable[float | None]]
    schemes: tuple[str, ...] = ALL_SCHEMES
    grouped_by_cue: bool = False
    has_parts: bool = False
    keeps_equal_items: bool = False
    has_symmetric_labels: bool = False
    has_strings: bool = False
    compares_strings: bool = False
    has_links: bool = False
    has_accuracy: bool = False
    key_of_duplicates: Callable[[Any], Hashable] = duplicate_key
    digest: str = ""
    has_lenient_gold: bool = False

    @property
    def digest_layer(self) -> str:
        """The name of what the digest of a corpus is made from."""
        return self.digest or self.document_layer

    @property
    def deduplicate(self) -> bool:
        """Whether equal items count once, after the projection of the scheme."""
        return self.owners is None


LAYERS = {
    "entities": Layer(
        "entities",
        _entities,
        _entity_of_each,
        _annotation_scores("entities"),
        keeps_equal_items=True,
        has_lenient_gold=True,
    ),
    "triggers": Layer("events", events.list_triggers, None, events.trigger_scores),
    "arguments": Layer(
        "events",
        events.list_arguments,
        None,
        events.argument_scores,
        (*ALL_SCHEMES, *events.ARGUMENT_SCHEMES),
    ),
    "attached-arguments": Layer(
        "events",
        events.list_attached_arguments,
        None,
        events.argument_scores,
        (*ALL_SCHEMES, *events.ARGUMENT_SCHEMES),
    ),
    "realis": Layer(
        "events", events.list_realis, events.event_of_each_realis, events.realis_scores
    ),
    "attributions": Layer(
        "attributions",
        _attributions,
        _attribution_of_each_part,
        _annotation_scores("attributions", _parts_of),
    ),
    "attached-attributions": Layer(
        "attributions",
        _attached_attributions,
        _attribution_of_each_part,
        _annotation_scores("attributions", _parts_of),
        grouped_by_cue=True,
        keeps_equal_items=True,
    ),
    "attribution-relations": Layer(
        "attributions",
        _attribution_relations,
        _attribution_of_each,
        _annotation_scores("attributions"),
        ("strict", "type"),
        has_parts=True,
        keeps_equal_items=True,
    ),
    "relations": Layer(
        "relations",
        _relations,
        None,
        _annotation_scores("relations"),
        ("strict", "boundaries", "exact", "type"),
        has_parts=True,
        has_symmetric_labels=True,
    ),
    "tokens": Layer("entities", _tokens, _entity_of_each_token, _token_scores, ("strict", "exact")),
    "surfaces": Layer(
        "entities",
        list_surfaces,
        _entity_of_each,
        iter_surface_scores,
        ("strict", "multiset"),
        keeps_equal_items=True,
        has_strings=True,
        compares_strings=True,
    ),
    "links": Layer(
        "entities",
        links.list_links,
        links.list_owners,
        links.list_scores,
        ("strict", "type", links.MENTION_FREE, links.IN_KB),
        keeps_equal_items=True,
        has_links=True,
        has_accuracy=True,
        key_of_duplicates=attribute_values.duplicate_value_key(links.KEY),
        digest=f"{attribute_values.PREFIX}{links.KEY}",
    ),
    "speakers": Layer(
        "attributions",
        speakers.list_speakers,
        None,
        speakers.list_scores,
        ("strict", "type"),
        has_strings=True,
        has_accuracy=True,
    ),
}


def get_layer(name: str) -> Layer:
    """The layer of that name; of `entities:KEY` for each attribute. Raises KeyError."""
    return attribute_layer(name) if is_attribute_layer(name) else LAYERS[name]


def is_attribute_layer(name: str) -> bool:
    """Whether a name is `entities:KEY`."""
    return len(name) > len(attribute_values.PREFIX) and name.startswith(attribute_values.PREFIX)


def is_layer(name: str) -> bool:
    """Whether there is a layer of that name."""
    return name in LAYERS or is_attribute_layer(name)


@lru_cache(maxsize=100)
def attribute_layer(name: str) -> Layer:
    """The layer `entities:KEY`."""
    key = name.removeprefix(attribute_values.PREFIX)
    return Layer(
        "entities",
        attribute_values.list_values(key),
        attribute_values.list_owners(key),
        attribute_values.list_scores(key),
        ("strict", IOU),
        keeps_equal_items=True,
        has_accuracy=True,
        key_of_duplicates=attribute_values.duplicate_value_key(key),
        digest=name,
    )


# An unplaced item is unplaced in every layer that is made of such items.
UNPLACED_DERIVED_LAYERS = {
    "entities": ("tokens", "surfaces"),
    "arguments": ("attached-arguments",),
    "attributions": ("attached-attributions",),
}


def iter_unplaced(
    documents: Sequence[Any], name: str, maps: Maps
) -> Iterator[tuple[str, Unplaced, str]]:
    """(document id, item, label) of each item of a layer that has no offsets; without those that a
    label map drops, and those that the layer compares by their quote.
    """
    for document in documents:
        for item in document.unplaced:
            if item.layer != name and name not in UNPLACED_DERIVED_LAYERS.get(item.layer, ()):
                continue
            if get_layer(name).compares_strings and item.quote is not None:
                continue
            label = item.label
            if item.layer in maps:
                label = maps[item.layer].get(label, label)
            if label is not None:
                yield document.id, item, label
