"""Corpora of random components, for the tests of error analysis."""

import random

from helpers.error_reference import random_component

from evalkit import Corpus, Document, Entity

TEXT = "abcdefghijklmnop"  # as long as the components reach


def document_of(id, spans, text=TEXT):
    """A document with spans as entities."""
    entities = []
    for span in spans:
        start, end, label, *rest = span
        fragments = rest[0] if rest else ()
        entities.append(Entity(label, start, end, fragments=tuple(fragments)))
    return Document(id, text, entities=tuple(entities))


def corpora_of(components):
    """(gold, predicted): one document for each component."""
    gold = [document_of(f"d{n}", spans) for n, (spans, _) in enumerate(components)]
    predicted = [document_of(f"d{n}", spans) for n, (_, spans) in enumerate(components)]
    return Corpus(gold, name="gold"), Corpus(predicted, name="system")


def random_components(n, seed=1):
    """So many random components."""
    draw = random.Random(seed)
    return [random_component(draw) for _ in range(n)]
