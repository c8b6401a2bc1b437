"""What a corpus holds, as numbers: documents, layers with their labels, event types and types of
attributions.

Documents are counted one by one and none is kept, so that a file may be larger than memory: it
grows with labels and distinct surface forms, and by 16 bytes with each document. The order of
documents does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from evalkit.data.document import Document
from evalkit.data.gold_alternatives import GoldMarks
from evalkit.data.schema import Schema
from evalkit.results.document_stats import DocumentStats, TextCounter
from evalkit.results.layer_stats import ANNOTATED_LAYERS, LayerCounter, LayerStats
from evalkit.results.structure_stats import (
    AttributionCounter,
    AttributionTypeStats,
    EventCounter,
    EventTypeStats,
)


@dataclass(frozen=True, repr=False)
class CorpusCounts:
    """The numbers of a corpus.

    documents, characters: how many there are. failed_documents: those that a model could not
    process. document_stats: lengths, zones, languages. layers: by name. event_types,
    attribution_types: each, and all of them; empty without any. gold_marks: alternatives, optional
    entities and ignore regions. corpus: the documents.
    """

    name: str
    documents: int
    characters: int
    failed_documents: int
    layers: Mapping[str, LayerStats]
    document_stats: DocumentStats
    event_types: tuple[EventTypeStats, ...]
    attribution_types: tuple[AttributionTypeStats, ...]
    gold_marks: GoldMarks
    corpus: Iterable[Document] = field(repr=False, compare=False)


def count_documents(
    name: str, documents: Iterable[Document], schema: Schema | None
) -> CorpusCounts:
    """The numbers of a corpus, from one pass over its documents."""
    counter = TextCounter()
    events, attributions = EventCounter(), AttributionCounter()
    layers = {layer: LayerCounter(layer) for layer in ANNOTATED_LAYERS}
    marks = GoldMarks()
    for document in documents:
        counter.add(document)
        marks.add(document)
        events.add(document)
        attributions.add(document)
        for layer in layers.values():
            layer.add(document)
    document_stats = counter.finish()
    return CorpusCounts(
        name,
        document_stats.number,
        document_stats.lengths["characters"].total,
        document_stats.failed,
        {name: layer.finish(schema) for name, layer in layers.items()},
        document_stats,
        events.finish(),
        attributions.finish(),
        marks,
        documents,
    )
