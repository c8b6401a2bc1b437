"""The blocks of documents whose errors are analyzed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np

from evalkit.analysis.document_errors import DocumentErrors, ScoredPassage, scored_passages
from evalkit.analysis.error_collector import ErrorCollector, ErrorRequest
from evalkit.analysis.error_items import ErrorBlock, ErrorItem, ItemOutcome
from evalkit.analysis.error_kinds import FAILED, MISSING, NO_DETAIL
from evalkit.analysis.lenient_errors import find_lenient_outcomes
from evalkit.data.batch import DocumentBatch, Vocabulary
from evalkit.evaluation.attached_outcomes import ATTACHED_LAYERS, find_attached_outcomes
from evalkit.evaluation.document_counter import (
    BLOCK_DOCUMENTS,
    ScoringTask,
    add_annotated,
    build_block,
    build_lenient_block,
    drop_failed_annotations,
    is_lenient_layer,
    make_block_builder,
)
from evalkit.evaluation.document_join import MISSING_AS_EMPTY, DocumentPairs
from evalkit.evaluation.lenient_documents import split_lenient
from evalkit.evaluation.relation_errors import find_relation_outcomes
from evalkit.scoring.counting import Block, BlockBuilder
from evalkit.scoring.layers import get_layer, iter_unplaced
from evalkit.scoring.metrics import Metric


class ErrorGroup(NamedTuple):
    """Documents of a task in one or two blocks: those whose gold is plain, and others. ids: of the
    documents, in the order of gold.
    """

    blocks: list[ErrorBlock]
    ids: list[str]


def iter_error_groups(task: ScoringTask, layer: str, labels: Vocabulary) -> Iterator[ErrorGroup]:
    """All documents of a task. labels: the vocabulary of the run, which grows."""
    builder = _GroupBuilder(task, layer, labels)
    for pairs in task.inputs.iter_batches():
        if builder.add(pairs) >= BLOCK_DOCUMENTS:
            yield builder.take()
    if len(builder):
        yield builder.take()


def iter_ordered_errors(
    task: ScoringTask, layer: str, collector: ErrorCollector, labels: Vocabulary
) -> Iterator[ErrorItem]:
    """All errors, in the order of gold and of the text."""
    for group in iter_error_groups(task, layer, labels):
        items = chain.from_iterable(map(collector.iter_items, group.blocks))
        if len(group.blocks) == 1:
            yield from items
        else:
            position = {id: n for n, id in enumerate(group.ids)}
            yield from sorted(items, key=lambda item: position[item.document])


class _GroupBuilder:
    """Collects the documents of a group."""

    def __init__(self, task: ScoringTask, layer: str, labels: Vocabulary) -> None:
        self._task, self._layer, self._labels = task, layer, labels
        self._is_lenient = is_lenient_layer(task, layer)
        self._start()

    def _start(self) -> None:
        self._plain, self._lenient = (
            make_block_builder(self._task, self._layer, self._labels, keep_documents=True)
            for _ in range(2)
        )
        self._failures: dict[str, int] = {}
        self._ids: list[str] = []

    def __len__(self) -> int:
        return len(self._plain) + len(self._lenient)

    def add(self, pairs: DocumentPairs) -> int:
        """Add the documents that gold annotates in the layer. Returns the number of all so far."""
        self._failures |= _failure_details(pairs)
        self._ids += pairs.gold.ids
        kept = drop_failed_annotations(pairs)
        split = split_lenient(kept) if self._is_lenient else None
        if split is None:
            add_annotated(self._plain, kept)
        else:
            add_annotated(self._plain, split.plain)
            add_annotated(self._lenient, split.lenient)
        return len(self)

    def take(self) -> ErrorGroup:
        """The documents that were added; then there are none."""
        group = ErrorGroup([], self._ids)
        if len(self._plain):
            group.blocks.append(self._make_block(self._plain, is_lenient=False))
        if len(self._lenient):
            group.blocks.append(self._make_block(self._lenient, is_lenient=True))
        self._start()
        return group

    def _make_block(self, builder: BlockBuilder, *, is_lenient: bool) -> ErrorBlock:
        more = (self._layer, self._labels, self._failures)
        if is_lenient:
            lenient = build_lenient_block(builder, self._task.inputs)
            reduced = lenient.reduce("strict")
            source = _make_error_block(self._task, builder, reduced.block, *more)
            return replace(source, outcomes=find_lenient_outcomes(reduced), lenient=lenient)
        block = build_block(builder, self._task.inputs)
        source = _make_error_block(self._task, builder, block, *more)
        outcomes = _find_outcomes(self._task, builder, block, self._failures)
        return replace(source, outcomes=outcomes)


def iter_document_errors(
    task: ScoringTask, layers: Sequence[str], ids: Collection[str]
) -> Iterator[DocumentErrors]:
    """Some documents with all their items, in the order of gold."""
    missing = set(ids)
    for pairs in task.inputs.iter_batches():
        chosen = [n for n, document in enumerate(pairs.gold) if document.id in missing]
        if chosen:
            selected = DocumentPairs(
                DocumentBatch(pairs.gold[n] for n in chosen),
                DocumentBatch(pairs.predicted[n] for n in chosen),
            )
            missing -= {document.id for document in selected.gold}
            yield from _analyze_documents(task, layers, selected)
        if not missing:
            return


def _analyze_documents(
    task: ScoringTask, layers: Sequence[str], pairs: DocumentPairs
) -> Iterator[DocumentErrors]:
    items: dict[str, dict[str, list[ErrorItem]]] = {document.id: {} for document in pairs.gold}
    passages: dict[str, list[ScoredPassage]] = {}
    for layer in layers:
        labels = Vocabulary()
        builder = _GroupBuilder(task, layer, labels)
        if not builder.add(pairs):
            continue
        collector = ErrorCollector(ErrorRequest(Metric(layer)), labels)
        for source in builder.take().blocks:
            passages = scored_passages(source) | passages
            for item in collector.iter_all_items(source):
                items[item.document].setdefault(layer, []).append(item)
    for gold, predicted in zip(*pairs, strict=True):
        yield DocumentErrors(gold, predicted, items[gold.id], passages.get(gold.id, []))


def _failure_details(pairs: DocumentPairs) -> dict[str, int]:
    """The detail of the missed items of each document without prediction."""
    failures = {}
    for document in pairs.predicted:
        if document.failure is not None:
            is_missing = document.failure == MISSING_AS_EMPTY
            failures[document.id] = MISSING if is_missing else FAILED
    return failures


def _make_error_block(
    task: ScoringTask,
    builder: BlockBuilder,
    block: Block,
    layer: str,
    labels: Vocabulary,
    failures: dict[str, int],
) -> ErrorBlock:
    gold, predicted = builder.documents
    texts = [document.text for document in gold]
    has_scores = any(
        annotation.score is not None
        for document in predicted
        for annotation in getattr(document, get_layer(layer).document_layer) or ()
    )
    scores = None
    if has_scores or layer in ("arguments", "attached-arguments"):
        scores = tuple(
            [score for document in side for score in get_layer(layer).scores(document)]
            for side in (gold, predicted)
        )
    return ErrorBlock(
        block=block,
        layer=layer,
        labels=list(labels),
        ids=[document.id for document in gold],
        lengths=[len(text) for text in texts],
        texts=texts,
        scores=scores,
        documents=(gold, predicted),
        unplaced=[item for _, item, _ in iter_unplaced(predicted, layer, task.mapping.predicted)],
        failures=np.array([failures.get(document.id, NO_DETAIL) for document in gold], np.int64),
    )


def _find_outcomes(
    task: ScoringTask, builder: BlockBuilder, block: Block, failures: dict[str, int]
) -> list[ItemOutcome] | None:
    """The outcomes of all placed items of a block; None if pairs of spans show them."""
    if builder.name == "relations":
        return find_relation_outcomes(builder, block)
    if builder.name in ATTACHED_LAYERS:
        return find_attached_outcomes(task, builder, block, failures)
    return None
