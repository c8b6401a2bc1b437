"""The blocks of documents whose errors are analyzed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from evalkit.analysis.document_errors import DocumentErrors, ScoredPassage, scored_passages
from evalkit.analysis.error_collector import ErrorCollector, ErrorRequest
from evalkit.analysis.error_items import ErrorBlock, ErrorItem, ItemOutcome
from evalkit.analysis.error_kinds import FAILED, MISSING, NO_DETAIL
from evalkit.data.batch import DocumentBatch, Vocabulary
from evalkit.evaluation.attached_outcomes import ATTACHED_LAYERS, find_attached_outcomes
from evalkit.evaluation.document_counter import (
    BLOCK_DOCUMENTS,
    ScoringTask,
    add_annotated,
    build_block,
    drop_failed_annotations,
    make_block_builder,
)
from evalkit.evaluation.document_join import MISSING_AS_EMPTY, DocumentPairs
from evalkit.evaluation.relation_errors import find_relation_outcomes
from evalkit.scoring.counting import Block, BlockBuilder
from evalkit.scoring.layers import get_layer, iter_unplaced
from evalkit.scoring.metrics import Metric


def iter_error_blocks(task: ScoringTask, layer: str, labels: Vocabulary) -> Iterator[ErrorBlock]:
    """All documents of a task, in blocks. labels: the vocabulary of the run, which grows."""
    builder = make_block_builder(task, layer, labels, keep_documents=True)
    failures: dict[str, int] = {}
    for pairs in task.inputs.iter_batches():
        failures |= _failure_details(pairs)
        if add_annotated(builder, drop_failed_annotations(pairs)) >= BLOCK_DOCUMENTS:
            yield _make_error_block(task, builder, layer, labels, failures)
            builder = make_block_builder(task, layer, labels, keep_documents=True)
            failures = {}
    if len(builder):
        yield _make_error_block(task, builder, layer, labels, failures)


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
    failures = _failure_details(pairs)
    kept = drop_failed_annotations(pairs)
    items: dict[str, dict[str, list[ErrorItem]]] = {document.id: {} for document in pairs.gold}
    passages: dict[str, list[ScoredPassage]] = {}
    for layer in layers:
        labels = Vocabulary()
        builder = make_block_builder(task, layer, labels, keep_documents=True)
        if not add_annotated(builder, kept):
            continue
        source = _make_error_block(task, builder, layer, labels, failures)
        passages = scored_passages(source) | passages
        collector = ErrorCollector(ErrorRequest(Metric(layer)), labels)
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
    layer: str,
    labels: Vocabulary,
    failures: dict[str, int],
) -> ErrorBlock:
    block = build_block(builder, task.inputs)
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
        outcomes=_find_outcomes(task, builder, block, failures),
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
