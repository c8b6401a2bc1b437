"""Corrects entities and triggers in predicted documents; see `error_fixes`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from evalkit.analysis.span_pairing import PAIR_KINDS, pair_items
from evalkit.data.batch import Vocabulary
from evalkit.data.document import (
    Document,
    Entity,
    Event,
    Fragments,
    remove_references,
    span_fragments,
)
from evalkit.data.label_maps import LabelMapping
from evalkit.evaluation.annotation_copies import (
    LabelCopier,
    copy_annotation,
    keep_relations,
    list_predicted_layers,
    move_span,
)
from evalkit.evaluation.document_counter import (
    ScoringTask,
    add_annotated,
    build_block,
    drop_failed_annotations,
    make_block_builder,
)
from evalkit.scoring.block_side import BlockSide
from evalkit.scoring.counting import Block
from evalkit.scoring.layers import LAYERS
from evalkit.scoring.matching import unmatched_rows

PAIR_FIXES = PAIR_KINDS[1:]
SPAN_FIXES = (*PAIR_FIXES, "missed", "spurious", "duplicate", "unplaced")


@dataclass
class _Fixes:
    """What changes in the annotations of a document.

    replaced: the index of a predicted annotation to the gold annotation that it is to equal in span
    and label. removed: indices. added: gold annotations. unplaced: whether unplaced items go.
    """

    replaced: dict[int, Any] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    added: list[Any] = field(default_factory=list)
    unplaced: bool = False


def fix_spans(task: ScoringTask, kinds: Collection[str], layer: str) -> Iterator[Document]:
    """The predicted documents that change where these kinds of error of a layer are corrected."""
    predicted_layers = list_predicted_layers(task.inputs.predicted)
    for document, fixes in _iter_fixes(task, kinds, layer):
        yield _fix_document(document, fixes, layer, task.mapping, predicted_layers)


def fix_entities(task: ScoringTask) -> Iterator[Document]:
    """The predicted documents with paired entities corrected, and with the arguments that move with
    them.
    """
    for document, fixes in _iter_fixes(task, PAIR_FIXES, "entities"):
        fixed = _fix_document(document, fixes, "entities", task.mapping, ())
        yield replace(fixed, events=_move_arguments(document, fixes.replaced))


def _iter_fixes(
    task: ScoringTask, kinds: Collection[str], layer: str
) -> Iterator[tuple[Document, _Fixes]]:
    """The predicted documents with something to correct."""
    for pairs in task.inputs.iter_batches():
        original = {document.id: document for document in pairs.predicted}
        builder = make_block_builder(task, layer, Vocabulary(), keep_documents=True)
        if not add_annotated(builder, drop_failed_annotations(pairs)):
            continue
        block = build_block(builder, task.inputs)
        fixes = _find_fixes(block, builder.documents, kinds, LAYERS[layer].document_layer)
        for number, document in enumerate(builder.documents[1]):
            if "unplaced" in kinds and document.unplaced:
                fixes[number].unplaced = True
            if number in fixes:
                yield original[document.id], fixes[number]


def _find_fixes(
    block: Block,
    documents: tuple[Sequence[Document], Sequence[Document]],
    kinds: Collection[str],
    document_layer: str,
) -> dict[int, _Fixes]:
    """The fixes of each document of a block that has any."""
    gold, predicted = block.gold, block.predicted
    pairing = pair_items(gold.columns, predicted.columns, block.rank, block.coding.pieces)
    gold_places, predicted_places = (_list_places(side, document_layer) for side in documents)
    merged = _rows_of_equal_items(predicted)
    fixes: dict[int, _Fixes] = defaultdict(_Fixes)
    for g, p, code in zip(pairing.gold.tolist(), pairing.predicted.tolist(), pairing.kind.tolist()):
        if PAIR_KINDS[code] in kinds and PAIR_KINDS[code] in PAIR_FIXES:
            annotation = gold_places[int(gold.rows[g])][2]
            for row in merged[p]:
                number, index, _ = predicted_places[row]
                fixes[number].replaced[index] = annotation
    if "missed" in kinds:
        for g in unmatched_rows(len(gold.columns), pairing.gold).tolist():
            number, _, annotation = gold_places[int(gold.rows[g])]
            fixes[number].added.append(annotation)
    removed = []
    if "spurious" in kinds:
        for p in unmatched_rows(len(predicted.columns), pairing.predicted).tolist():
            removed += merged[p]
    if "duplicate" in kinds:
        removed += predicted.copies_rows.tolist()
    for row in removed:
        number, index, _ = predicted_places[row]
        fixes[number].removed.add(index)
    return fixes


def _list_places(documents: Sequence[Document], layer: str) -> list[tuple[int, int, Any]]:
    """(number of the document, index, annotation) of each annotation of a layer that is an item of
    `entities` or `triggers`.
    """
    places = []
    for number, document in enumerate(documents):
        for index, annotation in enumerate(getattr(document, layer) or ()):
            if not isinstance(annotation, Event) or annotation.trigger is not None:
                places.append((number, index, annotation))
    return places


def _rows_of_equal_items(side: BlockSide) -> list[list[int]]:
    """For each matched item the rows of all items that it stands for, itself first."""
    rows = [[row] for row in side.rows.tolist()]
    for position, row in side.merged.tolist():
        rows[position].append(row)
    return rows


def _fix_document(
    predicted: Document,
    fixes: _Fixes,
    layer: str,
    mapping: LabelMapping,
    predicted_layers: Collection[str],
) -> Document:
    """predicted_layers: those that a corrected document has, if its prediction failed."""
    document_layer = LAYERS[layer].document_layer
    if predicted.failure is not None:
        # The annotations of a failed document do not count: those that are added are all it has.
        layers: dict[str, Any] = dict.fromkeys((*predicted_layers, document_layer), ())
        predicted = Document(predicted.id, predicted.text, meta=predicted.meta, **layers)
    copier = LabelCopier(layer, mapping)
    annotations = []
    removed_ids = set()
    for index, annotation in enumerate(getattr(predicted, document_layer) or ()):
        if index in fixes.removed:
            if annotation.id is not None:
                removed_ids.add(annotation.id)
        elif index in fixes.replaced:
            annotations.append(_correct(annotation, fixes.replaced[index], copier))
        else:
            annotations.append(annotation)
    annotations += [copy_annotation(annotation, copier) for annotation in fixes.added]
    changed: dict[str, Any] = {document_layer: tuple(annotations)}
    if fixes.unplaced:
        changed["unplaced"] = tuple(
            item
            for item in predicted.unplaced
            if item.layer != layer or copier.map_predicted(item.label) is None
        )
    events = changed.get("events", predicted.events)
    if events and removed_ids:
        changed["events"] = tuple(remove_references(event, removed_ids) for event in events)
    if removed_ids:
        changed["relations"] = keep_relations(predicted, removed_ids)
    return replace(predicted, **changed)


def _correct(annotation: Entity | Event, gold: Any, copier: LabelCopier) -> Entity | Event:
    """The predicted annotation with gold's span and label."""
    label = copier.copy(gold.label)
    if isinstance(annotation, Event):
        return replace(annotation, label=label, trigger=gold.trigger)
    return replace(
        annotation, label=label, start=gold.start, end=gold.end, fragments=gold.fragments
    )


def _move_arguments(
    predicted: Document, replaced: Mapping[int, Entity]
) -> tuple[Event, ...] | None:
    """The events of a document with the arguments moved that have the old span of a corrected
    entity. An argument that refers to an entity moves with that one only.
    """
    if predicted.events is None:
        return None
    targets: dict[tuple[str | None, Fragments], Entity] = {}
    for index, gold in replaced.items():
        entity = (predicted.entities or ())[index]
        old_span = span_fragments(entity)
        if entity.id is not None:
            targets[entity.id, old_span] = gold
        first = targets.setdefault((None, old_span), gold)
        if span_fragments(gold) < span_fragments(first):
            targets[None, old_span] = gold
    events = []
    for event in predicted.events:
        arguments = []
        for argument in event.arguments:
            gold_entity = targets.get((argument.ref, span_fragments(argument)))
            arguments.append(argument if gold_entity is None else move_span(argument, gold_entity))
        events.append(replace(event, arguments=tuple(arguments)))
    return tuple(events)
