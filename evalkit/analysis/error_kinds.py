"""The kind of error of every item of a block.

    kind             gold  predicted  detail
    correct          1     1
    label            1     1
    boundary         1     1          too short, too long, shifted
    label+boundary   1     1          too short, too long, shifted
    missed           1     -          merged, nested, failed document, missing document
    spurious         -     1          split, nested
    duplicate        -     1
    unplaced         -     1          why the item has no place in the text

Pairs are those of `span_pairing`. A predicted item is too short if its characters are a part of
those of its gold item, too long if they contain them, else shifted. A missed item is merged if it
overlaps a prediction that is paired with another gold item under boundary or label+boundary, and
nested if it overlaps only predictions that have the same span as another gold item; a spurious item
is split or nested likewise.

Every item has exactly one kind, so that for each label, zone and document

    gold = correct + label + boundary + label+boundary + missed
    predicted = correct + label + boundary + label+boundary + spurious + duplicate + unplaced

and `correct` is tp of strict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.analysis.overlaps import Overlaps
from evalkit.analysis.span_pairing import (
    BOUNDARY,
    CORRECT,
    LABEL_BOUNDARY,
    PAIR_KINDS,
    BlockSpans,
    SpanPairing,
    pair_items,
)
from evalkit.data.batch import Vocabulary
from evalkit.scoring.columns import Ints, Mask, group_starts
from evalkit.scoring.counting import Block
from evalkit.scoring.matching import unmatched_rows

ERROR_KINDS = (*PAIR_KINDS[1:], "missed", "spurious", "duplicate", "unplaced")
KINDS = (PAIR_KINDS[CORRECT], *ERROR_KINDS)
# Kinds of pairs that only attached arguments and attached attributions have
ATTACHED_KINDS = ("event", "role", "span", "role+span", "attachment", "wrong place")
# Kinds of pairs that only relations have
RELATION_KINDS = ("argument label", "direction", "argument span")
ALL_KINDS = (*KINDS, *ATTACHED_KINDS, *RELATION_KINDS)
_KINDS_OF_LAYERS = {
    "attached-arguments": (
        "correct",
        *ATTACHED_KINDS[:5],
        "missed",
        "spurious",
        "unplaced",
    ),
    "attached-attributions": (
        "correct",
        "boundary",
        "wrong place",
        "missed",
        "spurious",
        "duplicate",
        "unplaced",
    ),
    "relations": ("correct", "label", *RELATION_KINDS, "missed", "spurious", "unplaced"),
}
MISSED, SPURIOUS, DUPLICATE, UNPLACED = range(4, 8)
PREDICTED_ONLY = frozenset({"spurious", "duplicate", "unplaced"})

DETAILS = (
    "",
    "too short",
    "too long",
    "shifted",
    "merged",
    "split",
    "nested",
    "failed document",
    "missing document",
)
NO_DETAIL, TOO_SHORT, TOO_LONG, SHIFTED, MERGED, SPLIT, NESTED, FAILED, MISSING = range(9)
NONE = -1  # no item on that side


def kinds_of_layer(layer: str) -> tuple[str, ...]:
    """The kinds that the items of a layer can have, `correct` first."""
    return _KINDS_OF_LAYERS.get(layer, KINDS)


def detail_codes() -> Vocabulary:
    """A vocabulary of details, which reasons of unplaced items are added to."""
    return Vocabulary({name: code for code, name in enumerate(DETAILS)})


@dataclass(frozen=True)
class BlockErrors:
    """A row for each pair and each unpaired item of a block; equally long arrays.

    kind: an index of ALL_KINDS. detail: a code of the vocabulary of details. gold: a row of the
    block's gold items, or NONE. predicted: a row of its predicted items (for duplicates and
    unplaced items: of those), or NONE. gold_label, predicted_label, gold_unit, predicted_unit: of
    the items, NONE where there is no item. document: its place in the block. partner: how a merged
    or split item differs from the item that it is judged by: the detail of its boundary, NO_DETAIL
    if the labels differ; NONE for all other rows.
    """

    kind: Ints
    detail: Ints
    gold: Ints
    predicted: Ints
    gold_label: Ints
    predicted_label: Ints
    gold_unit: Ints
    predicted_unit: Ints
    document: Ints
    partner: Ints
    is_approximate: Mask

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True)
class UnpairedItems:
    """Items of one side of a block without a pair; equally long arrays.

    rows: of the block's items. detail: codes of the vocabulary of details. partner: how a merged or
    split row differs from the item of the other side that it is judged by: the detail of its
    boundary, NO_DETAIL if the labels differ, NONE for other rows.
    """

    rows: Ints
    detail: Ints
    partner: Ints


@dataclass(frozen=True)
class PairedItems:
    """Pairs of a block; equally long arrays. kind: an index of ALL_KINDS. detail: a code of the
    vocabulary of details.
    """

    gold: Ints
    predicted: Ints
    kind: Ints
    detail: Ints
    is_approximate: Mask


def classify_block(
    block: Block, details: Vocabulary, unplaced_reasons: Sequence[str], failures: Ints
) -> BlockErrors:
    """The kind of every item of a block.

    unplaced_reasons: of `block.predicted.unplaced`. failures: for each document of the block the
    detail of its missed items, where the prediction failed or is missing; else NO_DETAIL.
    """
    gold, predicted = block.gold, block.predicted
    spans = BlockSpans(gold.columns, predicted.columns, block.rank, block.coding.pieces)
    pairing = pair_items(gold.columns, predicted.columns, block.rank, block.coding.pieces)
    pairs = PairedItems(
        pairing.gold,
        pairing.predicted,
        pairing.kind,
        _pair_details(spans, pairing),
        pairing.is_approximate,
    )
    missed, spurious = _find_missed(spans, pairing), _find_spurious(spans, pairing)
    reasons = np.array([details[reason] for reason in unplaced_reasons], np.int64)
    return build_block_errors(block, pairs, missed, spurious, reasons, failures)


def build_block_errors(
    block: Block,
    pairs: PairedItems,
    missed: UnpairedItems,
    spurious: UnpairedItems,
    unplaced_details: Ints,
    failures: Ints,
) -> BlockErrors:
    """A row for each pair and each unpaired item, duplicates and unplaced items included. failures:
    see `classify_block`.
    """
    gold, predicted = block.gold, block.predicted
    failed = failures[gold.columns.document[missed.rows]]
    missed_details = np.where(failed != NO_DETAIL, failed, missed.detail)
    predicted_unit = predicted.unit.copy()
    is_correct = pairs.kind == CORRECT
    # As in the counts of strict: a correct item counts in the unit of its gold item.
    predicted_unit[pairs.predicted[is_correct]] = gold.unit[pairs.gold[is_correct]]

    n_missed, n_spurious = len(missed.rows), len(spurious.rows)
    n_duplicates, n_unplaced = len(predicted.duplicates), len(predicted.unplaced)
    n_predicted_only = n_spurious + n_duplicates + n_unplaced
    unplaced_unit, unplaced_label = predicted.unplaced[:, 0], predicted.unplaced[:, 1]
    unpaired_kinds = np.repeat(
        np.array([MISSED, SPURIOUS, DUPLICATE, UNPLACED]),
        [n_missed, n_spurious, n_duplicates, n_unplaced],
    )
    unplaced_document = _no_items(0)
    if n_unplaced:
        unplaced_document = _document_of_unit(block)[unplaced_unit]
    no_gold, no_predicted = _no_items(n_predicted_only), _no_items(n_missed)
    predicted_rows = (
        pairs.predicted,
        no_predicted,
        spurious.rows,
        np.arange(n_duplicates),
        np.arange(n_unplaced),
    )
    predicted_labels = (
        predicted.columns.label[pairs.predicted],
        no_predicted,
        predicted.columns.label[spurious.rows],
        predicted.duplicates.label,
        unplaced_label,
    )
    predicted_units = (
        predicted_unit[pairs.predicted],
        no_predicted,
        predicted_unit[spurious.rows],
        predicted.copies_unit,
        unplaced_unit,
    )
    documents = (
        gold.columns.document[pairs.gold],
        gold.columns.document[missed.rows],
        predicted.columns.document[spurious.rows],
        predicted.duplicates.document,
        unplaced_document,
    )
    no_duplicate_details = np.full(n_duplicates, NO_DETAIL, np.int64)
    no_partners = _no_items(n_duplicates + n_unplaced)
    gold_rows = np.concatenate([pairs.gold, missed.rows])
    return BlockErrors(
        kind=np.concatenate([pairs.kind, unpaired_kinds]),
        detail=np.concatenate(
            [pairs.detail, missed_details, spurious.detail, no_duplicate_details, unplaced_details]
        ),
        gold=np.concatenate([gold_rows, no_gold]),
        predicted=np.concatenate(predicted_rows),
        gold_label=np.concatenate([gold.columns.label[gold_rows], no_gold]),
        predicted_label=np.concatenate(predicted_labels),
        gold_unit=np.concatenate([gold.unit[gold_rows], no_gold]),
        predicted_unit=np.concatenate(predicted_units),
        document=np.concatenate(documents),
        partner=np.concatenate(
            [_no_items(len(pairs.gold)), missed.partner, spurious.partner, no_partners]
        ),
        is_approximate=np.concatenate(
            [pairs.is_approximate, np.zeros(n_missed + n_predicted_only, bool)]
        ),
    )


def _no_items(n: int) -> Ints:
    return np.full(n, NONE, np.int64)


def _document_of_unit(block: Block) -> Ints:
    """The place in the block of the document of each unit."""
    places: dict[str, int] = {}
    numbers = [places.setdefault(unit.document, len(places)) for unit in block.layout.units]
    return np.array(numbers, np.int64)


def _pair_details(spans: BlockSpans, pairing: SpanPairing) -> Ints:
    gold_lengths = spans.lengths(spans.gold)[pairing.gold]
    predicted_lengths = spans.lengths(spans.predicted)[pairing.predicted]
    is_boundary = (pairing.kind == BOUNDARY) | (pairing.kind == LABEL_BOUNDARY)
    details = np.full(len(pairing.gold), NO_DETAIL, np.int64)
    details[is_boundary] = SHIFTED
    details[is_boundary & (pairing.shared == gold_lengths)] = TOO_LONG
    details[is_boundary & (pairing.shared == predicted_lengths)] = TOO_SHORT
    return details


def _find_missed(spans: BlockSpans, pairing: SpanPairing) -> UnpairedItems:
    rows = unmatched_rows(len(spans.gold), pairing.gold)
    overlaps = spans.overlaps(rows, np.arange(len(spans.predicted), dtype=np.int64))
    kind_of_predicted = np.full(len(spans.predicted), NONE, np.int64)
    kind_of_predicted[pairing.predicted] = pairing.kind
    kinds = kind_of_predicted[overlaps.predicted]
    return _judge_unpaired(spans, rows, overlaps.gold, overlaps, kinds, MERGED)


def _find_spurious(spans: BlockSpans, pairing: SpanPairing) -> UnpairedItems:
    rows = unmatched_rows(len(spans.predicted), pairing.predicted)
    overlaps = spans.overlaps(np.arange(len(spans.gold), dtype=np.int64), rows)
    kind_of_gold = np.full(len(spans.gold), NONE, np.int64)
    kind_of_gold[pairing.gold] = pairing.kind
    kinds = kind_of_gold[overlaps.gold]
    return _judge_unpaired(spans, rows, overlaps.predicted, overlaps, kinds, SPLIT)


def _judge_unpaired(
    spans: BlockSpans, rows: Ints, row: Ints, overlaps: Overlaps, kinds: Ints, name: int
) -> UnpairedItems:
    """The details of unpaired rows. row, kinds: of each overlap, the unpaired row and the kind of
    pair that the other item is in. name: the detail of rows that overlap a boundary error.
    """
    detail = np.full(len(rows), NO_DETAIL, np.int64)
    partner = np.full(len(rows), NONE, np.int64)
    place = np.searchsorted(rows, row)
    detail[place] = NESTED
    is_boundary = np.flatnonzero((kinds == BOUNDARY) | (kinds == LABEL_BOUNDARY))
    if not len(is_boundary):
        return UnpairedItems(rows, detail, partner)
    detail[place[is_boundary]] = name
    gold, predicted = overlaps.gold[is_boundary], overlaps.predicted[is_boundary]
    shared = overlaps.shared[is_boundary]
    one, other = spans.gold, spans.predicted
    differs = one.label[gold] != other.label[predicted]
    distance = np.abs(one.start[gold] - other.start[predicted])
    distance += np.abs(one.end[gold] - other.end[predicted])
    gold_keys, predicted_keys = spans.keys()
    low = np.minimum(gold_keys[gold], predicted_keys[predicted])
    high = np.maximum(gold_keys[gold], predicted_keys[predicted])
    order = np.lexsort((high, low, distance, -shared, differs, place[is_boundary]))
    first = order[group_starts(place[is_boundary][order])]
    judged = np.full(len(first), SHIFTED, np.int64)
    judged[shared[first] == spans.lengths(one)[gold[first]]] = TOO_LONG
    judged[shared[first] == spans.lengths(other)[predicted[first]]] = TOO_SHORT
    judged[differs[first]] = NO_DETAIL
    partner[place[is_boundary][first]] = judged
    return UnpairedItems(rows, detail, partner)
