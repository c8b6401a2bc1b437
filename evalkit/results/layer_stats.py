"""How often each label of a layer occurs, and in how many documents.

    share                   of the annotations of the layer
    effective documents     (Σ k_d)² / Σ k_d², where document d has k_d annotations (Kish 1965): as
                            many documents with equally many annotations would say as much

A new layer is a line in ANNOTATED_LAYERS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from evalkit.data.document import ATTRIBUTION_PARTS, Document
from evalkit.data.schema import Schema
from evalkit.scoring.layers import LAYERS


def _entity_labels(document: Document) -> Iterator[str]:
    for entity in document.entities or ():
        yield entity.label


def _event_types(document: Document) -> Iterator[str]:
    for event in document.events or ():
        yield event.label


def _roles(document: Document) -> Iterator[str]:
    for event in document.events or ():
        for argument in event.arguments:
            yield argument.role


def _attribution_parts(document: Document) -> Iterator[str]:
    for attribution in document.attributions or ():
        for part in ATTRIBUTION_PARTS:
            if getattr(attribution, part) is not None:
                yield part


@dataclass(frozen=True)
class AnnotatedLayer:
    """A line of ANNOTATED_LAYERS: the heading of the layer, and the label of each annotation."""

    title: str
    labels: Callable[[Document], Iterator[str]]


ANNOTATED_LAYERS = {
    "entities": AnnotatedLayer("Entities", _entity_labels),
    "triggers": AnnotatedLayer("Event triggers", _event_types),
    "arguments": AnnotatedLayer("Arguments by role", _roles),
    "attributions": AnnotatedLayer("Attributions by part", _attribution_parts),
}


@dataclass(frozen=True)
class LabelStats:
    """The annotations of a label, or of all labels of a layer.

    share: of the annotations of the layer; None if it has none. documents: those that hold the
    label. effective_documents: 0 without annotations.
    """

    label: str | None
    annotations: int
    share: float | None
    documents: int
    effective_documents: float


@dataclass(frozen=True)
class LayerStats:
    """A layer: its labels, the most frequent first, and all of them together.

    annotated_documents: those in which the layer was annotated, also without result. unplaced:
    predictions without offsets. unused_labels: those that the schema declares and that do not
    occur.
    """

    layer: str
    labels: tuple[LabelStats, ...]
    total: LabelStats
    annotated_documents: int
    unplaced: int
    unused_labels: tuple[str, ...]

    def of_label(self, label: str | None) -> LabelStats:
        """The annotations of a label, which may have none; of None all of them."""
        if label is None:
            return self.total
        none = LabelStats(label, 0, 0.0 if self.total.annotations else None, 0, 0.0)
        return self._by_label.get(label, none)

    @cached_property
    def _by_label(self) -> dict[str | None, LabelStats]:
        return {each.label: each for each in self.labels}


class _LabelCounter:
    """Counts the annotations of a label, document by document."""

    def __init__(self) -> None:
        self._annotations = self._squares = self._documents = 0

    def add(self, count: int) -> None:
        """Add a document with so many annotations."""
        self._annotations += count
        self._squares += count * count
        self._documents += count > 0

    def finish(self, label: str | None, layer_total: int) -> LabelStats:
        """The statistics of the label."""
        effective = self._annotations**2 / self._squares if self._squares else 0.0
        share = self._annotations / layer_total if layer_total else None
        return LabelStats(label, self._annotations, share, self._documents, effective)


def count_layer(layer: str, documents: Iterable[Document], schema: Schema | None) -> LayerStats:
    """The annotations of a layer of ANNOTATED_LAYERS, by label."""
    document_layer = LAYERS[layer].document_layer
    counters: dict[str, _LabelCounter] = {}
    total_counter = _LabelCounter()
    annotations = annotated = unplaced = 0
    for document in documents:
        annotated += getattr(document, document_layer) is not None
        unplaced += sum(each.layer == layer for each in document.unplaced)
        counts = Counter(ANNOTATED_LAYERS[layer].labels(document))
        annotations += counts.total()
        total_counter.add(counts.total())
        for label, count in counts.items():
            counters.setdefault(label, _LabelCounter()).add(count)
    labels = [counter.finish(label, annotations) for label, counter in counters.items()]
    labels.sort(key=lambda each: (-each.annotations, each.label))
    declared = schema.labels_of(layer) if schema is not None and annotated else ()
    unused = tuple(label for label in declared if label not in counters)
    total = total_counter.finish(None, annotations)
    return LayerStats(layer, tuple(labels), total, annotated, unplaced, unused)
