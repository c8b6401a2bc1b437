"""Layers of attributes: `entities:KEY` has the value of the attribute KEY of each entity.

An item is the label and the span of an entity that has KEY, in the group of its value. Values are
compared as JSON, whole numbers alike whether they are written as 1 or 1.0; 1, "1" and true differ.
An entity without KEY is no item on its side.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import msgspec

from evalkit.data.document import Document, duplicate_key, span_fragments
from evalkit.errors import InputError, quoted_repr
from evalkit.scoring.items import Items, Maps, build_items, map_label

PREFIX = "entities:"  # of the names of these layers


def canonical_value(value: Any) -> str:
    """The JSON of a value, equal for equal values: 1.0 is written as 1.

    Raises TypeError for what JSON cannot hold.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)


def iter_values(document: Document, key: str) -> Iterator[tuple[int, Any, str]]:
    """Yields (index, entity, canonical value) of each entity that has the attribute.

    Raises InputError for a value that JSON cannot hold.
    """
    for index, entity in enumerate(document.entities or ()):
        if not entity.attributes or key not in entity.attributes:
            continue
        value = entity.attributes[key]
        try:
            yield index, entity, canonical_value(value)
        except (TypeError, ValueError):
            raise InputError(
                f"document {quoted_repr(document.id)}, entities[{index}].attributes: the value of"
                f" {quoted_repr(key)} is a {type(value).__name__}, which JSON cannot hold: expected"
                " a string, a number, true, false or null"
            ) from None


def list_values(key: str) -> Callable[[Sequence[Document], Maps], Items]:
    """The function that lists the items of the layer of an attribute."""

    def list_items(documents: Sequence[Document], maps: Maps) -> Items:
        each = []
        for document in documents:
            triples: list[tuple[Any, Any, Hashable]] = []
            for _, entity, value in iter_values(document, key):
                triples.append((map_label(maps, "entities", entity.label), entity, value))
            each.append(triples)
        return build_items(each)

    return list_items


def list_owners(key: str) -> Callable[[Document], list[int]]:
    """The function that lists the index of the entity of each item."""
    return lambda document: [index for index, _, _ in iter_values(document, key)]


def list_scores(key: str) -> Callable[[Document], list[float | None]]:
    """The function that lists the score of each item."""
    return lambda document: [entity.score for _, entity, _ in iter_values(document, key)]


def duplicate_value_key(key: str) -> Callable[[Any], Hashable]:
    """The function that returns what is equal for duplicates: label, span and value of KEY."""

    def key_of(entity: Any) -> Hashable:
        attributes = entity.attributes or {}
        value = canonical_value(attributes[key]) if key in attributes else None
        return duplicate_key(entity), value

    return key_of


def iter_value_digests(document: Document, key: str) -> Iterator[bytes]:
    """Yields the label, span and value of each entity that has the attribute, for the digest of a
    corpus.
    """
    for _, entity, value in iter_values(document, key):
        yield msgspec.json.encode([entity.label, span_fragments(entity), value])
