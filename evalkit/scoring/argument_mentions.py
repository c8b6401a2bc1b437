"""The mentions of what an argument refers to.

An argument whose `ref` names an entity refers to this entity, any other argument to the entities
with its span. Entities with an equal value of the attribute `entity` are mentions of one referent;
an entity without it is the only mention of its referent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from evalkit.data.document import Fragments, span_fragments, trigger_fragments
from evalkit.errors import InputError, quoted_repr
from evalkit.scoring.attribute_values import canonical_value

CLUSTER_KEY = "entity"  # the attribute that the mentions of one referent share


def list_mentions(document: Any) -> list[list[Fragments]]:
    """For each argument of a document, in order, the mentions of what it refers to, sorted; none if
    it refers to no entity and no entity has its span.
    """
    mentions_of: list[set[Fragments]] = []
    by_value: dict[str, set[Fragments]] = defaultdict(set)
    for index, entity in enumerate(document.entities or ()):
        value = (entity.attributes or {}).get(CLUSTER_KEY)
        mentions: set[Fragments] = set()
        if value is not None:
            mentions = by_value[_canonical_id(document, index, value)]
        mentions.add(span_fragments(entity))
        mentions_of.append(mentions)
    by_id: dict[str, set[Fragments]] = {}
    by_span: dict[Fragments, set[Fragments]] = defaultdict(set)
    for entity, mentions in zip(document.entities or (), mentions_of):
        if entity.id is not None:
            by_id[entity.id] = mentions
        by_span[span_fragments(entity)] |= mentions
    listed = []
    for event in document.events or ():
        for argument in event.arguments:
            if argument.ref in by_id:
                listed.append(sorted(by_id[argument.ref]))
            else:
                listed.append(sorted(by_span.get(span_fragments(argument), ())))
    return listed


def _canonical_id(document: Any, index: int, value: Any) -> str:
    try:
        return canonical_value(value)
    except (TypeError, ValueError):
        raise InputError(
            f"document {quoted_repr(document.id)}, entities[{index}].attributes: the value of"
            f" {quoted_repr(CLUSTER_KEY)} is a {type(value).__name__}, which JSON cannot hold:"
            " expected a string or a number that all mentions of one referent share"
        ) from None


def iter_mention_digests(document: Any) -> Iterator[bytes]:
    """Yields event type, trigger, role, span and mentions of each argument that has other mentions
    than its own span, for the digest of a corpus.
    """
    mentions = iter(list_mentions(document))
    for event in document.events or ():
        for argument in event.arguments:
            found = next(mentions)
            span = span_fragments(argument)
            if found and found != [span]:
                fields = [event.label, trigger_fragments(event), argument.role, span, found]
                yield msgspec.json.encode(fields)
