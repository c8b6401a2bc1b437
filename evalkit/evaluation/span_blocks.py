"""Spans of many documents as blocks of arrays, and the items that are compared in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from evalkit.data.batch import EntityArrays, Vocabulary
from evalkit.data.label_maps import LabelMapping
from evalkit.errors import InputError, quoted_repr
from evalkit.evaluation.span_arrays import SpanArrays
from evalkit.scoring.columns import (
    DROPPED_LABEL,
    Ints,
    ItemArrays,
    SharedEncoding,
    combine_keys,
    has_duplicates,
)
from evalkit.scoring.counting import Block, block_from_arrays
from evalkit.scoring.zones import document_layout


class SpanBlock(NamedTuple):
    """The spans of some documents of both sides. first: the number of the first document."""

    first: int
    documents: int
    gold: SpanArrays
    predicted: SpanArrays


@dataclass(frozen=True)
class SpanLabels:
    """The labels that were read, and those that are compared.

    gold_codes, predicted_codes: the compared code of each label that was read; DROPPED_LABEL where
    a map or a list drops it.
    """

    read: Vocabulary
    compared: Vocabulary
    gold_codes: Ints
    predicted_codes: Ints


def map_labels(
    blocks: Sequence[SpanBlock], labels: Vocabulary, mapping: LabelMapping
) -> SpanLabels:
    """Apply the label maps to the labels that each side has."""
    compared = Vocabulary()
    names = list(labels)
    codes = []
    for maps, side in ((mapping.gold, "gold"), (mapping.predicted, "predicted")):
        code_of = np.full(len(names), DROPPED_LABEL, np.int64)
        occurring: set[int] = set()
        for block in blocks:
            occurring.update(np.flatnonzero(np.bincount(getattr(block, side)[3])).tolist())
        for code in sorted(occurring):
            label = names[code]
            mapped = maps["entities"].get(label) if "entities" in maps else label
            if mapped is not None:
                code_of[code] = compared[mapped]
        codes.append(code_of)
    return SpanLabels(labels, compared, *codes)


def to_entity_arrays(side: SpanArrays, documents: int) -> EntityArrays:
    """The spans of so many documents, as those of documents are kept."""
    document, start, end, label = side
    counts = np.bincount(document, minlength=documents).tolist()
    return EntityArrays(counts, start.tobytes(), end.tobytes(), label.tobytes(), [])


def document_lengths(block: SpanBlock) -> Ints:
    """The largest end of a span in each document."""
    lengths = np.zeros(block.documents, np.int64)
    for document, _, end, _ in (block.gold, block.predicted):
        np.maximum.at(lengths, document, end)
    return lengths


def build_span_block(
    block: SpanBlock, labels: SpanLabels, layer: str
) -> tuple[Block, dict[str, int]]:
    """The items of a layer, and the number of spans that are duplicates or dropped.

    Duplicates are found before labels are mapped. Raises InputError for duplicates in gold.
    """
    lengths = document_lengths(block)
    starts = np.concatenate([[0], np.cumsum(lengths + 1)]).astype(np.int64)[:-1]
    gold = _to_items(block.gold, starts)
    predicted = _to_items(block.predicted, starts)
    for row in _duplicate_rows(gold)[:1]:
        document, label = int(gold.document[row]), list(labels.read)[gold.label[row]]
        start, end = (int(column[row] - starts[document]) for column in (gold.start, gold.end))
        raise InputError(
            f"gold, document {block.first + document}: duplicate span ({start}, {end},"
            f" {quoted_repr(label)}); delete one of the two"
        )
    duplicates = _duplicate_rows(predicted)
    is_first = np.ones(len(predicted), bool)
    is_first[duplicates] = False
    sides = [
        _relabel(gold, labels.gold_codes),
        _relabel(predicted.take(is_first), labels.predicted_codes),
        _relabel(predicted.take(duplicates), labels.predicted_codes),
    ]
    if layer == "tokens":
        sides = [_split_into_tokens(side) for side in sides]
    set_aside = {"duplicate": len(sides[2])}
    gold_dropped = labels.gold_codes[gold.label] == DROPPED_LABEL
    predicted_dropped = labels.predicted_codes[predicted.label] == DROPPED_LABEL
    if any((codes == DROPPED_LABEL).any() for codes in (labels.gold_codes, labels.predicted_codes)):
        set_aside["gold_dropped"] = int(gold_dropped.sum())
        set_aside["predicted_dropped"] = int(predicted_dropped.sum())
    layout = document_layout([str(block.first + n) for n in range(block.documents)], starts)
    encoding = SharedEncoding(labels.compared)
    return block_from_arrays(sides[0], sides[1], sides[2], layout, encoding), set_aside


def _relabel(items: ItemArrays, codes: Ints) -> ItemArrays:
    """The items under the labels that are compared, without those that are dropped."""
    label = codes[items.label]
    is_kept = label != DROPPED_LABEL
    if is_kept.all():
        return replace(items, label=label)
    return replace(items.take(is_kept), label=label[is_kept])


def _split_into_tokens(items: ItemArrays) -> ItemArrays:
    """An item for each token of a span of tokens."""
    lengths = items.end - items.start
    rows = np.repeat(np.arange(len(items), dtype=np.int64), lengths)
    first_rows = np.repeat(np.cumsum(lengths) - lengths, lengths)
    position = np.arange(len(rows), dtype=np.int64) - first_rows
    split = items.take(rows)
    return replace(split, start=split.start + position, end=split.start + position + 1)


def _to_items(side: SpanArrays, document_starts: Ints) -> ItemArrays:
    """The spans with offsets from the start of the block."""
    document, start, end, label = side
    shift = document_starts[document]
    zeros = np.zeros(len(document), np.int64)
    return ItemArrays(document, label, zeros, start + shift, end + shift, zeros)


def _duplicate_rows(items: ItemArrays) -> Ints:
    """The rows that equal an earlier one."""
    packed = combine_keys(items.start, items.end, items.label)
    if not has_duplicates(packed):
        return np.zeros(0, np.int64)
    order = packed.order()
    return np.sort(order[1:][packed.key[order][1:] == packed.key[order][:-1]])
