"""One side of a block of documents in one layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evalkit.scoring.columns import Ints, ItemArrays

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
