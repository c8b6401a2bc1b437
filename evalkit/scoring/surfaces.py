"""The layer of surfaces: the strings of entities, which are compared without offsets.

An item is a label and the normalized surface form of an entity, or the quote of an entity without
offsets. Under `strict` the items of a document are a set, as in UniversalNER (Zhou et al. 2024,
src/eval/evaluate.py) and InstructUIE (src/evaluation/evaluator.py); under `multiset` a string
counts as often as it occurs, as in IEPile (ner_metric.py).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

from evalkit.data.document import Document, Unplaced
from evalkit.scoring.items import NO_SPAN, Items, Maps, build_items, map_label


def list_surfaces(documents: Sequence[Document], maps: Maps) -> Items:
    """The surface form of each entity as its group, then each quote of an entity without offsets,
    with an empty span.
    """
    each = []
    for document in documents:
        triples: list[tuple[Any, Any, Hashable]] = [
            (
                map_label(maps, "entities", entity.label),
                entity,
                surface_form(document.text, entity),
            )
            for entity in document.entities or ()
        ]
        triples += [
            (map_label(maps, "entities", item.label), NO_SPAN, item.quote)
            for item in _iter_quotes(document)
        ]
        each.append(triples)
    return build_items(each)


def _iter_quotes(document: Document) -> Iterator[Unplaced]:
    """The entities of a document that have a quote in place of offsets."""
    for item in document.unplaced:
        if item.layer == "entities" and item.quote is not None:
            yield item


def surface_form(text: str, span: Any) -> str:
    """The characters of a span; the fragments of a discontinuous one are joined by a space."""
    if not span.fragments:
        return text[span.start : span.end]
    return " ".join(text[start:end] for start, end in span.fragments)


def iter_surface_scores(document: Document) -> Iterator[float | None]:
    """Yields the score of each item; a quote has none."""
    for entity in document.entities or ():
        yield entity.score
    for _ in _iter_quotes(document):
        yield None


def normalize_surfaces(items: Items, normalize: Callable[[str], str]) -> Items:
    """The items with normalized strings. Those that are empty then have no label; they are counted
    as empty, and not as dropped.
    """
    groups: list[Hashable] = list(map(normalize, cast("list[str]", items.groups)))
    labels = list(items.labels)
    empty = 0
    for n, group in enumerate(groups):
        if not group and labels[n] is not None:
            labels[n] = None
            empty += 1
    return replace(items, labels=labels, groups=groups, empty=empty)
