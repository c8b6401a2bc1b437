"""What is compared? A layer says which items a document holds: a label on a span, under a head.

Items under different heads never match, whatever the scheme. Layers are read for many documents at once and hand out the
annotations themselves, so that nothing is made for an item between the document and the columns of numbers.

To score something new, write its function and give it a line in LAYERS.

Conventions and departures: `triggers`, `arguments` and `attached-arguments` are sets, formed after the scheme's projection
(Li et al. 2013; TextEE, Huang et al. 2024). OneIE lets one prediction answer several gold items, and DyGIE++ keeps one type
for a trigger; neither is done here. Citron (Newell et al. 2018) sums all pairs that overlap, and can exceed 1.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from evalkit.chunk import Placed, entities_of
from evalkit.corpus import identity
from evalkit.document import PARTS, Document, Fragments, ranges
from evalkit.text import tokens

Maps = Mapping[str, Any]  # layer of the map to what has .get(label, label): see corpus.maps_by_layer
CUE = "cue"


@dataclass(frozen=True)
class Items:
    """The items of a block of documents, document after document.

    `counts`: how many each document has. `labels`: None where a label map drops the item. `spans`: what has start, end and
    fragments. `heads`: none, if all are under one. `dropped`: how many labels are None.
    """

    counts: list[int]
    labels: list[Any]
    spans: list[Any]
    heads: list[Hashable] | None = field(default=None)
    dropped: int = 0


class Piece(NamedTuple):
    """A span that no annotation holds: a token, or the parts of an attribution taken together."""

    start: int
    end: int
    fragments: Fragments = ()
    parts: tuple[Fragments | None, ...] = ()


def _made(each: Sequence[Sequence[tuple[Any, Any, Hashable]]], *, headed: bool = True) -> Items:
    """Items from (label, span, head) of each document."""
    flat = list(chain.from_iterable(each))
    labels = [label for label, _, _ in flat]
    heads = [head for _, _, head in flat] if headed else None
    return Items(list(map(len, each)), labels, [span for _, span, _ in flat], heads, labels.count(None))


def _mapped(maps: Maps, layer: str, label: Any) -> Any:
    return maps[layer].get(label, label) if layer in maps else label


def _entities(documents: Sequence[Document], maps: Maps) -> Items | Placed:
    if "entities" not in maps:
        return entities_of(documents)
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
                (_mapped(maps, "entities", entity.label), Piece(start, end), None)
                for entity in document.entities or ()
                for start, end in _touched(words, ranges(entity))
            ]
        )
    return _made(each, headed=False)


def _touched(words: Sequence[tuple[int, int]], pieces: Fragments) -> Iterable[tuple[int, int]]:
    # Bisecting would need the ends alone; a document is short, and its words are in order.
    from bisect import bisect_right

    found: dict[tuple[int, int], None] = {}
    for first, last in pieces:
        at = bisect_right(words, (first, first))
        at -= at > 0 and words[at - 1][1] > first
        while at < len(words) and words[at][0] < last:
            found[words[at]] = None
            at += 1
    return found


def _triggers(documents: Sequence[Document], maps: Maps) -> Items:
    return _made([[(_mapped(maps, "triggers", e.label), e.trigger, None) for e in document.events or ()] for document in documents], headed=False)


def _realis(documents: Sequence[Document], maps: Maps) -> Items:
    """Each trigger whose realis is said, labelled with it; a dropped event type takes its realis with it."""
    return _made(
        [
            [(_with_type(maps, e, _mapped(maps, "realis", e.realis)), e.trigger, None) for e in document.events or () if e.realis is not None]
            for document in documents
        ],
        headed=False,
    )


def _with_type(maps: Maps, event: Any, label: Any) -> Any:
    """The label, or None where the label map drops the event's type."""
    return None if _mapped(maps, "triggers", event.label) is None else label


def _arguments(documents: Sequence[Document], maps: Maps) -> Items:
    """Each argument under the type of its event (Li et al. 2013, section 2)."""
    return _of_arguments(documents, maps, lambda event: _mapped(maps, "triggers", event.label))


def _attached_arguments(documents: Sequence[Document], maps: Maps) -> Items:
    """Each argument under the type and the very trigger of its event (TextEE's Arg-I+ and Arg-C+)."""
    return _of_arguments(documents, maps, lambda event: (_mapped(maps, "triggers", event.label), ranges(event.trigger)))


def _of_arguments(documents: Sequence[Document], maps: Maps, head: Callable[[Any], Hashable]) -> Items:
    return _made(
        [
            [(_with_type(maps, e, _mapped(maps, "arguments", a.role)), a, head(e)) for e in document.events or () for a in e.arguments]
            for document in documents
        ]
    )


def _attributions(documents: Sequence[Document], maps: Maps) -> Items:  # noqa: ARG001 - parts have no map
    """Each source, cue and content, labelled as what it is and under a head of its own."""
    return _made(
        [
            [(part, span, part) for a in document.attributions or () for part in PARTS if (span := getattr(a, part)) is not None]
            for document in documents
        ]
    )


def _attached_attributions(documents: Sequence[Document], maps: Maps) -> Items:  # noqa: ARG001 - parts have no map
    """The same, under the attribution that they belong to: counting.py puts attributions with matched cues under one head."""
    return _made(
        [
            [(part, span, (n, m)) for m, a in enumerate(document.attributions or ()) for part in PARTS if (span := getattr(a, part)) is not None]
            for n, document in enumerate(documents)
        ]
    )


def _relations(documents: Sequence[Document], maps: Maps) -> Items:  # noqa: ARG001 - parts have no map
    """Each attribution whole."""
    return _made([[("attribution", _whole(a), None) for a in document.attributions or ()] for document in documents], headed=False)


def _whole(attribution: Any) -> Piece:
    """All parts of an attribution as one span, with the parts beside it."""
    parts = tuple(None if (span := getattr(attribution, part)) is None else ranges(span) for part in PARTS)
    pieces = sorted(chain.from_iterable(part for part in parts if part))
    return Piece(pieces[0][0], max(end for _, end in pieces), tuple(pieces), parts)


def _each_entity(document: Document) -> Iterable[Hashable]:
    return map(identity, document.entities or ())


def _each_event(document: Document) -> Iterable[Hashable]:
    return map(identity, document.events or ())


def _each_attribution(document: Document) -> Iterable[Hashable]:
    return map(identity, document.attributions or ())


def _each_token(document: Document) -> Iterable[Hashable]:
    words = tokens(document.text)
    return (identity(entity) + repr(word).encode() for entity in document.entities or () for word in _touched(words, ranges(entity)))


def _each_with_realis(document: Document) -> Iterable[Hashable]:
    return (identity(event) for event in document.events or () if event.realis is not None)


def _each_argument(document: Document) -> Iterable[Hashable]:
    return ((identity(event), identity(argument)) for event in document.events or () for argument in event.arguments)


def _each_part(document: Document) -> Iterable[Hashable]:
    return ((identity(a), part) for a in document.attributions or () for part in PARTS if getattr(a, part) is not None)


def _marked(marks: str, many: Callable[[Any], int] = lambda _: 1) -> Callable[[Document], Iterable[float | None]]:
    """The score of each item: of the annotation that it comes from, which makes so `many`."""
    return lambda document: chain.from_iterable([mark.score] * many(mark) for mark in getattr(document, marks) or ())


def _token_scores(document: Document) -> Iterable[float | None]:
    words = tokens(document.text)
    return chain.from_iterable([entity.score] * len(list(_touched(words, ranges(entity)))) for entity in document.entities or ())


def _argument_scores(document: Document) -> Iterable[float | None]:
    return (argument.score for event in document.events or () for argument in event.arguments)


def _parts_of(attribution: Any) -> int:
    return sum(getattr(attribution, part) is not None for part in PARTS)


ALL = ("strict", "exact", "partial", "type", "characters")


@dataclass(frozen=True)
class Layer:
    """A line of LAYERS.

    `marks`: the layer of the document that it reads. `items`: what it finds there, or the
    entities themselves. `identities`: one an item, equal where a
    whole annotation is repeated. `scores`: those of the items, in the same order. `as_set`: what a scheme makes equal counts once. `schemes`: those that are offered.
    `attached`: its heads are attributions, to be put together where their cues match. `whole`: its spans have parts.
    """

    marks: str
    items: Callable[[Sequence[Document], Maps], Items | Placed]
    identities: Callable[[Document], Iterable[Hashable]]
    scores: Callable[[Document], Iterable[float | None]]
    schemes: tuple[str, ...] = ALL
    as_set: bool = False
    attached: bool = False
    whole: bool = False


LAYERS = {
    "entities":              Layer("entities",     _entities,              _each_entity,      _marked("entities")),
    "triggers":              Layer("events",       _triggers,              _each_event,       _marked("events"), as_set=True),
    "arguments":             Layer("events",       _arguments,             _each_argument,    _argument_scores, as_set=True),
    "attached-arguments":    Layer("events",       _attached_arguments,    _each_argument,    _argument_scores, as_set=True),
    "realis":                Layer("events",       _realis,                _each_with_realis, _marked("events", lambda e: e.realis is not None)),
    "attributions":          Layer("attributions", _attributions,          _each_part,        _marked("attributions", _parts_of)),
    "attached-attributions": Layer("attributions", _attached_attributions, _each_part,        _marked("attributions", _parts_of), attached=True),
    "attribution-relations": Layer("attributions", _relations,             _each_attribution, _marked("attributions"), ("strict", "type"), whole=True),
    "tokens":                Layer("entities",     _tokens,                _each_token,       _token_scores, ("strict", "exact")),
}  # fmt: skip
