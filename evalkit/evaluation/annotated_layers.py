"""The layers, zones, failures and span edges of gold and predictions, noted batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from evalkit.data.document import LAYERS as DOCUMENT_LAYERS
from evalkit.data.document import Document, Unplaced
from evalkit.data.gold_alternatives import IGNORE
from evalkit.errors import InputError, quoted_repr, spell_option
from evalkit.evaluation.document_join import MISSING_AS_EMPTY, DocumentPairs
from evalkit.formats.quoted_entities import WITHOUT_OFFSETS
from evalkit.results.metadata import LayerPresence
from evalkit.scoring.span_edges import SpanEdges


@dataclass
class AnnotatedLayers:
    """What all documents so far have.

    has_strings_only: whether all metrics compare strings, so that gold may have entities without
    offsets.

    in_gold, in_predicted: the layers that each side annotates in any document. missing_layers: a
    layer to the first document, in order of ids, whose prediction lacks it while gold has it.
    unplaced_reasons: a reason to the number of predicted items without offsets. edges: entities of
    each side with white space or punctuation at an edge. has_prediction_meta: whether a prediction
    has meta, without which no annotation is ambiguous. unused_alternatives, unused_optional: of
    predicted entities, where they mean nothing.
    """

    has_strings_only: bool = False
    documents: int = 0
    ids: set[str] = field(default_factory=set)
    in_gold: set[str] = field(default_factory=set)
    in_predicted: set[str] = field(default_factory=set)
    missing_layers: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    zones: set[str] = field(default_factory=set)
    has_failures: bool = False
    has_prediction_meta: bool = False
    unused_alternatives: int = 0
    unused_optional: int = 0
    unplaced_reasons: dict[str, int] = field(default_factory=dict)
    edges: dict[str, SpanEdges] = field(
        default_factory=lambda: {"gold": SpanEdges(), "predicted": SpanEdges()}
    )

    def add(self, pairs: DocumentPairs) -> None:
        """Add a batch. Raises InputError for gold with a failure, and for gold with unplaced items
        that no metric can count.
        """
        self.edges["gold"].take(pairs.gold)
        self.edges["predicted"].take(pairs.predicted)
        self.documents += len(pairs.gold)
        self.ids.update(pairs.gold.ids)
        if not self.has_prediction_meta:
            self.has_prediction_meta = pairs.predicted.has_meta
        if pairs.predicted.has_failures or pairs.predicted.has_unplaced:
            for document in pairs.predicted:
                if document.failure is not None or document.unplaced:
                    self._add_failure_and_unplaced(document)
        if pairs.predicted.has_lenient_entities:
            for document in pairs.predicted:
                self._add_unused_marks(document)
        if pairs.gold.has_failures or pairs.gold.has_unplaced or pairs.gold.has_zones:
            self._add_zones(pairs.gold)
        entities_only = pairs.gold.has_entities_only and pairs.predicted.has_entities_only
        if entities_only and not (pairs.gold.has_unannotated or pairs.predicted.has_unannotated):
            self.in_gold.add("entities")
            self.in_predicted.add("entities")
            return
        for layer in ("entities",) if entities_only else DOCUMENT_LAYERS:
            self._add_layer(layer, pairs)

    def _add_unused_marks(self, document: Any) -> None:
        """Count what only gold accepts, in a prediction."""
        for entity in document.entities or ():
            self.unused_alternatives += len(entity.alternatives)
            self.unused_optional += entity.optional

    def unused_marks(self) -> dict[str, int]:
        """What predictions have and only gold may use: names and counts."""
        counts = {
            "alternatives of predicted entities": self.unused_alternatives,
            "optional marks of predicted entities": self.unused_optional,
        }
        return {name: count for name, count in counts.items() if count}

    def _add_zones(self, gold: Sequence[Any]) -> None:
        """Add the zones of gold. Raises InputError for a failure, and for unplaced items; those
        that are strings may be there if all metrics compare strings.
        """
        for document in gold:
            is_valid = self.has_strings_only and all(map(_is_string, document.unplaced))
            if document.failure is not None or (document.unplaced and not is_valid):
                raise InputError(_invalid_gold(document))
            if document.zones:
                self.zones.update(zone.label for zone in document.zones if zone.label != IGNORE)

    def _add_layer(self, layer: str, pairs: DocumentPairs) -> None:
        get_layer = attrgetter(layer)
        gold: list[Any] = list(map(get_layer, pairs.gold))
        predicted: list[Any] = list(map(get_layer, pairs.predicted))
        gold_missing, predicted_missing = gold.count(None), predicted.count(None)
        if gold_missing < len(gold):
            self.in_gold.add(layer)
        if predicted_missing < len(predicted):
            self.in_predicted.add(layer)
        if not predicted_missing or gold_missing == len(gold):
            return
        for document, expected, given in zip(pairs.predicted, gold, predicted, strict=True):
            if expected is not None and given is None and document.failure is None:
                # The smallest id, so that the order of documents does not matter.
                first = self.missing_layers.get(layer, document.id)
                self.missing_layers[layer] = min(document.id, first)

    def _add_failure_and_unplaced(self, document: Document) -> None:
        if document.failure is not None:
            self.has_failures = True
            if document.failure != MISSING_AS_EMPTY:
                self.failures[document.id] = document.failure
        for item in document.unplaced:
            count = self.unplaced_reasons.get(item.reason, 0)
            self.unplaced_reasons[item.reason] = count + 1

    def presence(self) -> LayerPresence:
        """The layers of both sides, as a result keeps them."""
        return LayerPresence(
            gold=sorted(self.in_gold),
            predicted=sorted(self.in_predicted),
            missing_layers=dict(sorted(self.missing_layers.items())),
            has_failures=self.has_failures,
        )


def _is_string(item: Unplaced) -> bool:
    """Whether an unplaced item is an entity with a string, or a relation, which is not scored."""
    return item.layer == "relations" or (item.layer == "entities" and item.quote is not None)


def _invalid_gold(document: Document) -> str:
    """The message about gold with a failure or with unplaced items."""
    where = f"document {quoted_repr(document.id)}"
    if any(item.reason == WITHOUT_OFFSETS for item in document.unplaced):
        return (
            f"{where}: gold has entities without offsets: give start and end, or read it with"
            f" {spell_option('ground', True, of='format')}; only metrics that compare strings, such"
            " as surfaces/strict, need none"
        )
    return f"{where}: gold has a failure or unplaced items, which only predictions can have"
