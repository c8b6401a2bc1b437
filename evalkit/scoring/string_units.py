"""Strings as items: where they are scored, and what of their place is compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evalkit.scoring.block_side import NO_ROWS, BlockSide
from evalkit.scoring.columns import (
    DROPPED_LABEL,
    Ints,
    ItemArrays,
    Mask,
    SharedEncoding,
    combine_keys,
    merge_equal,
)
from evalkit.scoring.zones import SegmentLayout


def is_without_offsets(items: ItemArrays) -> Mask:
    """Which items are strings without offsets: their span is empty."""
    is_empty: Mask = items.start == items.end
    return is_empty


def remove_spans(items: ItemArrays) -> ItemArrays:
    """The items with the number of their document as the only offset."""
    return replace(
        items,
        start=items.document,
        end=items.document + 1,
        fragments=np.zeros_like(items.fragments),
    )


def sort_strings(side: BlockSide) -> BlockSide:
    """The side with its items in the order of the text, those without offsets last in each
    document, so that the order of the input does not matter.
    """
    items = side.columns
    order = np.lexsort((items.end, items.start, is_without_offsets(items), items.document))
    return replace(side, columns=items.take(order), unit=side.unit[order], rows=side.rows[order])


def merge_repeats(side: BlockSide, name: str) -> BlockSide:
    """The side with each string of a label once, in the unit of its first occurrence."""
    kept = _keep_first(side, name, remove_spans(side.columns))
    set_aside = dict(kept.set_aside)
    if name == "predicted":
        set_aside["predicted_merged"] += len(side.duplicates)
        set_aside["duplicate"] = 0
    return replace(
        kept,
        duplicates=side.duplicates.take(NO_ROWS),
        copies_unit=NO_ROWS,
        copies_rows=NO_ROWS,
        set_aside=set_aside,
    )


def merge_items(side: BlockSide, name: str) -> BlockSide:
    """The side with equal items once; duplicates are kept."""
    return _keep_first(side, name, side.columns)


def _keep_first(side: BlockSide, name: str, keys: ItemArrays) -> BlockSide:
    """The side with the first of the items whose keys are equal."""
    kept, merged = merge_equal(keys, np.arange(len(keys), dtype=np.int64))
    return replace(
        side,
        columns=side.columns.take(kept),
        unit=side.unit[kept],
        rows=side.rows[kept],
        merged=np.column_stack([merged[:, 0], side.rows[merged[:, 1]]]),
        set_aside={**side.set_aside, f"{name}_merged": len(keys) - len(kept)},
    )


def assign_string_units(
    gold: tuple[ItemArrays, Sequence[Any]],
    predicted: tuple[ItemArrays, Sequence[Any]],
    layout: SegmentLayout,
    coding: SharedEncoding,
) -> tuple[tuple[Mask, Ints], tuple[Mask, Ints]]:
    """Which items of each side are scored, and the unit of each. gold, predicted: the items and the
    documents of a side.

    A string without offsets is in no zone. A predicted string that equals only gold strings outside
    the scored zones, whatever their labels, is not scored.
    """
    gold_scored, gold_unit = _assign_units(*gold, layout, coding)
    predicted_scored, predicted_unit = _assign_units(*predicted, layout, coding)
    if not gold_scored.all():
        strings = _string_keys(gold[0], predicted[0])
        gold_strings, predicted_strings = np.split(strings, [len(gold[0])])
        is_kept = gold[0].label != DROPPED_LABEL
        inside = gold_strings[is_kept & gold_scored]
        only_outside = np.setdiff1d(gold_strings[is_kept & ~gold_scored], inside)
        predicted_scored &= ~np.isin(predicted_strings, only_outside)
    return (gold_scored, gold_unit), (predicted_scored, predicted_unit)


def _assign_units(
    items: ItemArrays, documents: Sequence[Any], layout: SegmentLayout, coding: SharedEncoding
) -> tuple[Mask, Ints]:
    is_scored, unit = layout.assign_units(items, coding.pieces)
    is_quote = is_without_offsets(items)
    if is_quote.any():
        ids = [documents[number].id for number in range(len(documents))]
        numbers = np.unique(items.document[is_quote]).tolist()
        units = layout.add_units_without_zone([ids[number] for number in numbers])
        unit_of_document = np.zeros(len(documents), np.int64)
        for number in numbers:
            unit_of_document[number] = units[ids[number]]
        is_scored = is_scored | is_quote
        unit = np.where(is_quote, unit_of_document[items.document], unit)
    return is_scored, unit


def _string_keys(gold: ItemArrays, predicted: ItemArrays) -> Ints:
    """A key for each row of both sides, equal where document and string are."""
    documents = np.concatenate([gold.document, predicted.document])
    strings = np.concatenate([gold.head, predicted.head])
    return combine_keys(documents, strings).key
