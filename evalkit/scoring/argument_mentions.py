"""The mentions of what an argument refers to.

An argument whose `ref` names an entity refers to this entity, any other argument to the entities
with its span. Entities with an equal value of the attribute `entity` are mentions of one referent;
an entity without it is the only mention of its referent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import xxhash

from evalkit.data.document import Fragments, span_fragments, trigger_fragments
from evalkit.errors import InputError, quoted_repr
from evalkit.scoring.attribute_values import canonical_value

CLUSTER_KEY = "entity"  # the attribute that the mentions of one referent share


class DocumentMentions(NamedTuple):
    """What the arguments of a document refer to.

    referents: the mentions of each referent, sorted. of_arguments: for each argument, in order, the
    index of its referent; None if it refers to no entity and no entity has its span.
    """

    referents: list[list[Fragments]]
    of_arguments: list[int | None]


def read_mentions(document: Any) -> DocumentMentions:
    """The mentions of what the arguments of a document refer to.

    Raises InputError for a value of the attribute `entity` that JSON cannot hold.
    """
    referents = _Referents()
    by_value: dict[str, set[Fragments]] = defaultdict(set)
    mentions_of: list[set[Fragments]] = []
    for index, entity in enumerate(document.entities or ()):
        value = (entity.attributes or {}).get(CLUSTER_KEY)
        mentions: set[Fragments] = set()
        if value is not None:
            mentions = by_value[_canonical_id(document, index, value)]
        mentions.add(span_fragments(entity))
        mentions_of.append(mentions)
    by_id: dict[str, set[Fragments]] = {}
    by_span: dict[Fragments, list[set[Fragments]]] = defaultdict(list)
    for entity, mentions in zip(document.entities or (), mentions_of):
        if entity.id is not None:
            by_id[entity.id] = mentions
        by_span[span_fragments(entity)].append(mentions)
    of_arguments: list[int | None] = []
    for event in document.events or ():
        for argument in event.arguments:
            if argument.ref in by_id:
                of_arguments.append(referents.find([by_id[argument.ref]]))
            else:
                of_arguments.append(referents.find(by_span.get(span_fragments(argument), [])))
    return DocumentMentions(referents.mentions, of_arguments)


class _Referents:
    """The referents of a document: each is one or more sets of mentions, which are sorted once."""

    def __init__(self) -> None:
        self.mentions: list[list[Fragments]] = []
        self._index_of: dict[tuple[int, ...], int] = {}

    def find(self, sets: Sequence[set[Fragments]]) -> int | None:
        """The index of the referent with the mentions of some sets; None for no sets."""
        if not sets:
            return None
        key = tuple(sorted({id(mentions) for mentions in sets}))
        if key not in self._index_of:
            self._index_of[key] = len(self.mentions)
            self.mentions.append(sorted(set().union(*sets)))
        return self._index_of[key]


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
    mentions = read_mentions(document)
    encoded = [xxhash.xxh3_128_hexdigest(msgspec.json.encode(each)) for each in mentions.referents]
    referents = iter(mentions.of_arguments)
    for event in document.events or ():
        for argument in event.arguments:
            referent = next(referents)
            span = span_fragments(argument)
            if referent is not None and mentions.referents[referent] != [span]:
                trigger = trigger_fragments(event)
                fields = [event.label, trigger, argument.role, span, encoded[referent]]
                yield msgspec.json.encode(fields)
