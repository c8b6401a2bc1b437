"""Evalkit's items of each layer of a document, from which the rules of a scorer begin."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.analysis.scorer_rules import UNPLACED, UNREADABLE, ScorerItem
from evalkit.data.document import Document, span_fragments
from evalkit.scoring.surfaces import surface_form

# The layer of a document that holds the items of each layer of metrics
DOCUMENT_LAYERS = {"entities": "entities", "surfaces": "entities"}


def is_annotated(document: Document, layer: str) -> bool:
    """Whether a layer of metrics was annotated."""
    return getattr(document, DOCUMENT_LAYERS[layer]) is not None


def build_items(document: Document, layer: str, number: int) -> Iterator[ScorerItem]:
    """Evalkit's items of a layer of a document, without sources. number: of the document.

    The key of an item is what strict compares beside the label. A prediction that has no place in
    the text has a key of its own, which equals no other. Items of surfaces are those of entities,
    see `list_surfaces`.
    """
    for entity in document.entities or ():
        words = surface_form(document.text, entity)
        key = tuple(span_fragments(entity))
        yield ScorerItem(number, entity.label, key, None, entity.start, entity.end, words)
    yield from _iter_unplaced(document, DOCUMENT_LAYERS[layer], number)


def _iter_unplaced(document: Document, layer: str, number: int) -> Iterator[ScorerItem]:
    for index, item in enumerate(document.unplaced or ()):
        if item.layer == layer:
            kind = UNREADABLE if item.quote is None else UNPLACED
            yield ScorerItem(number, item.label, (kind, index), None, None, None, item.quote or "")
