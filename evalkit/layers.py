"""What is compared? A layer says which items a document holds: a label on a span, under a head.

Items under different heads never match, whatever the scheme. Layers are read for many documents at once and hand out the
annotations themselves, so that nothing is made for an item between the document and the columns of numbers.

To score something new, write its function and give it a line in LAYERS.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import Any

from evalkit.corpus import identity
from evalkit.document import PARTS, Document

_LABEL = attrgetter("label")


@dataclass(frozen=True)
class Items:
    """The items of a block of documents, document after document.

    `counts`: how many each document has. `spans`: what has start, end and fragments. `heads`: none, if all are under one.
    """

    counts: list[int]
    labels: list[str]
    spans: list[Any]
    heads: list[Hashable] | None = field(default=None)


def _entities(documents: Sequence[Document]) -> Items:
    each = [document.entities or () for document in documents]
    spans = list(chain.from_iterable(each))
    return Items(list(map(len, each)), list(map(_LABEL, spans)), spans)


def _triggers(documents: Sequence[Document]) -> Items:
    each = [document.events or () for document in documents]
    events = list(chain.from_iterable(each))
    return Items(list(map(len, each)), list(map(_LABEL, events)), [event.trigger for event in events])


def _arguments(documents: Sequence[Document]) -> Items:
    """Each argument under the type of its event (Li et al. 2013, section 2)."""
    each = [[(a, e.label) for e in document.events or () for a in e.arguments] for document in documents]
    pairs = list(chain.from_iterable(each))
    return Items(list(map(len, each)), [a.role for a, _ in pairs], [a for a, _ in pairs], [label for _, label in pairs])


def _attributions(documents: Sequence[Document]) -> Items:
    """Each source, cue and content, labelled as what it is and under a head of its own."""
    each = [
        [(part, span) for a in document.attributions or () for part in PARTS if (span := getattr(a, part)) is not None]
        for document in documents
    ]
    pairs = list(chain.from_iterable(each))
    parts = [part for part, _ in pairs]
    return Items(list(map(len, each)), parts, [span for _, span in pairs], list(parts))


def _each(layer: str) -> Callable[[Document], Iterable[Hashable]]:
    return lambda document: (identity(mark) for mark in getattr(document, layer) or ())


def _each_argument(document: Document) -> Iterable[Hashable]:
    return ((identity(event), identity(argument)) for event in document.events or () for argument in event.arguments)


def _each_part(document: Document) -> Iterable[Hashable]:
    return ((identity(a), part) for a in document.attributions or () for part in PARTS if getattr(a, part) is not None)


@dataclass(frozen=True)
class Layer:
    """A line of LAYERS.

    `marks`: the layer of the document that it reads. `items`: what it finds there. `identities`: one a item, equal where a
    whole annotation is repeated. `as_set`: what a scheme makes equal counts once. `schemes`: those that are offered.
    """

    marks: str
    items: Callable[[Sequence[Document]], Items]
    identities: Callable[[Document], Iterable[Hashable]]
    as_set: bool
    schemes: tuple[str, ...] = ("strict", "exact")


LAYERS = {
    "entities":     Layer("entities",     _entities,     _each("entities"), as_set=False),
    "triggers":     Layer("events",       _triggers,     _each("events"),   as_set=True),
    "arguments":    Layer("events",       _arguments,    _each_argument,    as_set=True),
    "attributions": Layer("attributions", _attributions, _each_part,        as_set=False),
}  # fmt: skip
