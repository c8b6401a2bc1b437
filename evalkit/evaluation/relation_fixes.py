"""Corrects relations in predicted documents; see `error_fixes`.

A corrected relation needs entities or events that are equal to the arguments of its gold relation.
Where the prediction has none, one is added, so that other relations keep theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from msgspec.structs import replace

from evalkit.analysis.relation_errors import (
    RELATION_PAIR_KINDS,
    RelationArgument,
    RelationOutcome,
)
from evalkit.data.batch import Vocabulary
from evalkit.data.document import (
    LAYERS,
    Document,
    Entity,
    Event,
    Relation,
    iter_arguments,
)
from evalkit.data.label_maps import LabelMapping
from evalkit.evaluation.annotation_copies import (
    LabelCopier,
    copy_annotation,
    list_predicted_layers,
)
from evalkit.evaluation.document_counter import (
    ScoringTask,
    add_annotated,
    build_block,
    drop_failed_annotations,
    make_block_builder,
)
from evalkit.evaluation.relation_errors import RelationErrors, compare_relations, make_argument

RELATION_FIXES = (*RELATION_PAIR_KINDS, "missed", "spurious", "unplaced")
ArgumentPlace = tuple[str, int]  # "entities" or "events", and the index


def fix_relations(task: ScoringTask, kinds: Collection[str]) -> Iterator[Document]:
    """The predicted documents that change where these kinds of error of relations are corrected."""
    predicted_layers = list_predicted_layers(task.inputs.predicted)
    for pairs in task.inputs.iter_batches():
        original = {document.id: document for document in pairs.predicted}
        builder = make_block_builder(task, "relations", Vocabulary(), keep_documents=True)
        if not add_annotated(builder, drop_failed_annotations(pairs)):
            continue
        block = build_block(builder, task.inputs)
        for errors in compare_relations(builder, block):
            predicted = original[errors.documents[1].id]
            if predicted.failure is not None:
                # The annotations of a failed document do not count.
                layers: dict[str, Any] = dict.fromkeys((*predicted_layers, "relations"), ())
                predicted = Document(predicted.id, predicted.text, meta=predicted.meta, **layers)
            fixes = _RelationFixes(errors, predicted, task.mapping)
            for outcome in errors.outcomes:
                if outcome.kind in kinds:
                    fixes.fix_relation(outcome)
            if "unplaced" in kinds:
                fixes.remove_unplaced()
            if fixes.has_changes:
                yield fixes.build_document()


class _RelationFixes:
    """The relations of a predicted document while they are corrected."""

    def __init__(self, errors: RelationErrors, predicted: Document, mapping: LabelMapping) -> None:
        """predicted: the document that is corrected, without annotations if it failed."""
        self._errors, self._predicted, self._mapping = errors, predicted, mapping
        gold = errors.documents[0]
        self._gold_relations = list(zip(gold.relations or (), iter_arguments(gold)))
        self._copiers = {
            layer: LabelCopier(layer, mapping) for layer in ("relations", "entities", "triggers")
        }
        self._relations: list[Relation | None] = list(predicted.relations or ())
        self._unplaced = predicted.unplaced
        self._annotations: dict[str, list[Any]] = {
            "entities": list(predicted.entities or ()),
            "events": list(predicted.events or ()),
        }
        self._places: dict[RelationArgument, ArgumentPlace] = {}
        self._argument_of_id: dict[str, RelationArgument | None] = {}
        for layer, in_layer in self._annotations.items():
            for index, annotation in enumerate(in_layer):
                self._add_place(layer, index, annotation)
        self._ids = {
            annotation.id
            for layer in LAYERS
            for annotation in getattr(predicted, layer) or ()
            if annotation.id is not None
        }
        self.has_changes = False

    def fix_relation(self, outcome: RelationOutcome) -> None:
        """Make a predicted relation equal to its gold relation; add a missed one, and remove a
        spurious one. Relations that are equal are one item, and are corrected together.
        """
        self.has_changes = True
        indices = []
        if outcome.predicted is not None:
            indices = self._errors.predicted.relations[outcome.predicted]
        if outcome.gold is None:
            for index in indices:
                self._relations[index] = None
            return
        relation, (head, tail) = self._gold_relations[self._errors.gold.relations[outcome.gold][0]]
        label = self._copiers["relations"].copy(relation.label)
        if outcome.predicted is None:
            self._relations.append(Relation(label, self._find_id(head), self._find_id(tail)))
        for index in indices:
            predicted = self._relations[index]
            if predicted is not None:
                own = predicted.head, predicted.tail
                self._relations[index] = replace(
                    predicted,
                    label=label,
                    head=self._find_id(head, own),
                    tail=self._find_id(tail, own),
                )

    def remove_unplaced(self) -> None:
        """Remove the relations without a place in the text, except those that are not scored."""
        copier = self._copiers["relations"]
        kept = tuple(
            item
            for item in self._unplaced
            if item.layer != "relations" or copier.map_predicted(item.label) is None
        )
        if len(kept) < len(self._unplaced):
            self._unplaced = kept
            self.has_changes = True

    def build_document(self) -> Document:
        """The predicted document with the corrected relations."""
        changed: dict[str, Any] = {}
        for layer, in_layer in self._annotations.items():
            if in_layer:
                changed[layer] = tuple(in_layer)
        relations = tuple(relation for relation in self._relations if relation is not None)
        return replace(self._predicted, relations=relations, unplaced=self._unplaced, **changed)

    def _find_id(self, gold: Any, preferred: Collection[str] = ()) -> str:
        """The id of a predicted entity or event that equals an argument of gold; of one that is
        added if there is none. preferred: ids that are taken if they are of such a one.
        """
        argument = make_argument(gold, self._mapping.gold)
        if argument is None:
            raise ValueError(f"{gold}: its label is dropped, so that no scored relation has it")
        for id in preferred:
            if self._argument_of_id.get(id) == argument:
                return id
        if argument not in self._places:
            added = copy_annotation(gold, self._copiers[argument.layer])
            layer = "events" if isinstance(added, Event) else "entities"
            self._annotations[layer].append(added)
            self._places[argument] = layer, len(self._annotations[layer]) - 1
        layer, index = self._places[argument]
        annotation: Entity | Event = self._annotations[layer][index]
        if annotation.id is not None:
            return annotation.id
        id = self._choose_id(gold.id)
        self._annotations[layer][index] = replace(annotation, id=id)
        return id

    def _choose_id(self, gold_id: str) -> str:
        """An id that is free: that of gold, if it is."""
        id, number = gold_id, 1
        while id in self._ids:
            number += 1
            id = f"{gold_id}-{number}"
        self._ids.add(id)
        return id

    def _add_place(self, layer: str, index: int, annotation: Entity | Event) -> None:
        """Note which argument an annotation is: one with an id rather than one without."""
        argument = make_argument(annotation, self._mapping.predicted)
        if annotation.id is not None:
            self._argument_of_id[annotation.id] = argument
        if argument is None:
            return
        first = self._places.get(argument)
        has_id = first is not None and self._annotations[first[0]][first[1]].id is not None
        if first is None or (annotation.id is not None and not has_id):
            self._places[argument] = layer, index
