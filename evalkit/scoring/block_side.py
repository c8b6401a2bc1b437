"""One side of a block of documents in one layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evalkit.scoring.columns import DROPPED_LABEL, NO_MERGED, Ints, ItemArrays, Mask, merge_equal

NO_ROWS: Ints = np.zeros(0, np.int64)
NO_UNPLACED: Ints = np.zeros((0, 3), np.int64)


@dataclass(frozen=True)
class BlockSide:
    """One side of a block in a layer.

    columns: the items that are matched. unit: the unit of each. rows: its row among all items that
    were read. duplicates, copies_unit, copies_rows: the items of annotations that are duplicates.
    merged: (matched item, row) of the items that the layer makes equal to a matched item, which are
    not matched themselves. unplaced: (unit, label, characters) of each item without offsets.
    set_aside: counts by reason.
    """

    columns: ItemArrays
    unit: Ints
    duplicates: ItemArrays
    copies_unit: Ints
    unplaced: Ints
    set_aside: Mapping[str, int]
    rows: Ints
    copies_rows: Ints
    merged: Ints


def merge_set_aside(gold: BlockSide, predicted: BlockSide) -> dict[str, int]:
    """The counts of both sides by reason."""
    counts = dict(gold.set_aside)
    for reason, count in predicted.set_aside.items():
        counts[reason] = counts.get(reason, 0) + count
    return counts


def build_side(
    items: ItemArrays,
    duplicates: Mask,
    units: tuple[Mask, Ints],
    name: str,
    *,
    merge: bool,
) -> BlockSide:
    """The items that are matched, and those set aside. merge: items that are equal, but do not come
    from duplicates, count once. units: which items are scored, and the unit of each.
    """
    is_scored, unit = units
    is_kept = items.label != DROPPED_LABEL
    copied = np.flatnonzero(is_scored & is_kept & duplicates)
    candidates = np.flatnonzero(is_scored & is_kept & ~duplicates)
    matched, merged = candidates, NO_MERGED
    if merge:
        matched, merged = merge_equal(items, candidates)
    set_aside = {
        f"{name}_outside_zones": int((~is_scored & is_kept).sum()),
        f"{name}_merged": len(candidates) - len(matched),
    }
    if name == "predicted":
        set_aside["duplicate"] = len(copied)
    is_whole = len(matched) == len(items)  # then the arrays need not be copied
    return BlockSide(
        columns=items if is_whole else items.take(matched),
        unit=unit if is_whole else unit[matched],
        duplicates=items.take(copied),
        copies_unit=unit[copied],
        unplaced=NO_UNPLACED,
        set_aside=set_aside,
        rows=matched,
        copies_rows=copied,
        merged=merged,
    )
