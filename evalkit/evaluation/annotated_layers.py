"""What do gold and the prediction hold?

Noted block by block, for the checks that need all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from evalkit.data.document import LAYERS as MARKS
from evalkit.errors import InputError, quoted_repr
from evalkit.evaluation.document_join import MISSING_AS_EMPTY, DocumentPairs
from evalkit.results.result_file import layer_is_scorable
from evalkit.scoring.span_edges import SpanEdges


@dataclass
class Coverage:
    """What all blocks together hold: for the checks that need them all, the report and the digest
    of gold.
    """

    documents: int = 0
    ids: set[str] = field(default_factory=set)
    in_gold: set[str] = field(default_factory=set)
    in_predicted: set[str] = field(default_factory=set)
    missing_layers: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    zones: set[str] = field(default_factory=set)
    has_failures: bool = False
    unplaced_reasons: dict[str, int] = field(default_factory=dict)
    edges: dict[str, SpanEdges] = field(
        default_factory=lambda: {"gold": SpanEdges(), "predicted": SpanEdges()}
    )

    def add(self, joined: DocumentPairs) -> None:
        """Note a block."""
        self.edges["gold"].take(joined.gold)
        self.edges["predicted"].take(joined.predicted)
        self.documents += len(joined.gold)
        self.ids.update([document.id for document in joined.gold])
        for document in joined.predicted:
            if document.failure is not None or document.unplaced:
                self._note(document)
        for document in joined.gold:
            if document.failure is not None or document.unplaced:
                raise InputError(
                    f"document {quoted_repr(document.id)}: gold carries a failure or unplaced"
                    " items, which only predictions can"
                )
            if document.zones:
                self.zones.update(zone.label for zone in document.zones)
        for marks in MARKS:
            of = attrgetter(marks)
            said, annotated = list(map(of, joined.predicted)), list(map(of, joined.gold))
            unsaid, unannotated = said.count(None), annotated.count(None)
            if unsaid < len(said):
                self.in_predicted.add(marks)
            if unannotated < len(annotated):
                self.in_gold.add(marks)
            if unsaid and unannotated < len(annotated):
                for document, has, gold in zip(joined.predicted, said, annotated, strict=True):
                    if gold is not None and has is None and document.failure is None:
                        # The least of them, so that no order of the documents matters.
                        self.missing_layers[marks] = min(
                            document.id, self.missing_layers.get(marks, document.id)
                        )

    def merge(self, other: Coverage) -> None:
        """Add what another process has seen."""
        self.documents += other.documents
        self.ids |= other.ids
        self.in_gold |= other.in_gold
        self.in_predicted |= other.in_predicted
        for marks, id in other.missing_layers.items():
            self.missing_layers[marks] = min(id, self.missing_layers.get(marks, id))
        self.failures.update(other.failures)
        self.zones |= other.zones
        self.has_failures |= other.has_failures
        for side, edges in other.edges.items():
            self.edges[side].merge(edges)
        for reason, number in other.unplaced_reasons.items():
            self.unplaced_reasons[reason] = self.unplaced_reasons.get(reason, 0) + number

    def _note(self, document: Any) -> None:
        if document.failure is not None:
            self.has_failures = True
            if document.failure != MISSING_AS_EMPTY:
                self.failures[document.id] = document.failure
        for item in document.unplaced:
            self.unplaced_reasons[item.reason] = self.unplaced_reasons.get(item.reason, 0) + 1

    def layers(self) -> dict[str, Any]:
        """The layers that each side annotates, those that a predicted document lacks (with its id),
        and whether any prediction failed.
        """
        return {
            "gold": sorted(self.in_gold),
            "predicted": sorted(self.in_predicted),
            "missing_layers": dict(sorted(self.missing_layers.items())),
            "has_failures": self.has_failures,
        }

    def has(self, marks: str) -> bool:
        """Whether gold has the layer and the prediction gives it, or might have where it failed on
        everything.
        """
        return layer_is_scorable(marks, self.layers())
