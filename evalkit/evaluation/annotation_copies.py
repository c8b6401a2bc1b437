"""Gives predicted annotations the labels and spans of gold annotations, and predictions corrected
documents.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, TypeVar

from msgspec.structs import replace

from evalkit.corpus import Corpus
from evalkit.data.document import LAYERS, Argument, Document, Entity, Event, Relation
from evalkit.data.label_maps import LabelMapping
from evalkit.errors import InputError, quoted_repr, spell_option

SpanAnnotation = TypeVar("SpanAnnotation", Argument, Entity)


class LabelCopier:
    """Finds the labels that make a predicted item equal to a gold item once both are mapped.

    layer: of label maps: "entities", "triggers", "arguments" or "relations".
    """

    def __init__(self, layer: str, mapping: LabelMapping) -> None:
        self._layer = layer
        self._gold = mapping.gold.get(layer)
        self._predicted = mapping.predicted.get(layer)

    def map_gold(self, label: str) -> str | None:
        """The label under which a gold item is scored; None if it is dropped."""
        return label if self._gold is None else self._gold[label]

    def map_predicted(self, label: str) -> str | None:
        """The label under which a predicted item is scored; None if it is dropped."""
        return label if self._predicted is None else self._predicted[label]

    def copy(self, label: str) -> str:
        """The label for a prediction that is to equal a gold item with this label: the same one, if
        it is mapped in the same way.

        Raises InputError if the label map of predictions leads to no such label.
        """
        scored = self.map_gold(label)
        candidates = [label]
        if scored is not None:
            candidates.append(scored)
        if self._predicted is not None:
            label_map = self._predicted.label_map
            candidates += sorted(name for name, new in label_map.items() if new == scored)
        for candidate in candidates:
            if self.map_predicted(candidate) == scored:
                return candidate
        raise InputError(
            f"{spell_option('label_map')}: no label of predicted {self._layer} is mapped to"
            f" {quoted_repr(scored)}, so that no prediction can be corrected to it: give gold and"
            " predictions maps with the same labels"
        )


def copy_annotation(gold: Entity | Event, copier: LabelCopier) -> Entity | Event:
    """A predicted entity or event with gold's span and label, and nothing else."""
    label = copier.copy(gold.label)
    if isinstance(gold, Event):
        return Event(label, gold.trigger)
    return Entity(label, gold.start, gold.end, fragments=gold.fragments)


def move_span(annotation: SpanAnnotation, target: Any) -> SpanAnnotation:
    """The annotation with the span of another one; an argument also with its head, if any."""
    span = {"start": target.start, "end": target.end, "fragments": target.fragments}
    if isinstance(annotation, Argument):
        return replace(annotation, **span, head=getattr(target, "head", None))
    return replace(annotation, **span)


def replace_documents(predicted: Corpus, fixed: Iterable[Document]) -> Corpus:
    """The prediction with the documents that changed, and behind them those that it lacked."""
    changed = {document.id: document for document in fixed}
    documents = [changed.pop(document.id, document) for document in predicted]
    return predicted.with_documents([*documents, *changed.values()])


def keep_relations(document: Document, removed_ids: Container[str]) -> tuple[Relation, ...] | None:
    """The relations of a document whose arguments are not among the removed annotations."""
    if document.relations is None:
        return None
    return tuple(
        relation
        for relation in document.relations
        if relation.head not in removed_ids and relation.tail not in removed_ids
    )


def list_predicted_layers(predicted: Any) -> list[str]:
    """The layers that any document of a corpus has; none for predictions in files."""
    layers = []
    for layer in LAYERS:
        if isinstance(predicted, Corpus) and any(
            getattr(document, layer) is not None for document in predicted
        ):
            layers.append(layer)
    return layers
