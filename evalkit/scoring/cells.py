"""The counts of a metric, and their sums over the items of each unit and label.

gold, predicted             items that are scored
found, found_half           gold items that are matched, with credit 1 and with credit ½
tp, tp_half                 predicted items that are matched, with credit 1 and with credit ½
wrong_gold, wrong_predicted items without credit that overlap one to one, in one group (MUC's
incorrect)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evalkit.scoring.columns import Cells, Ints

COUNTS = (
    "gold",
    "predicted",
    "found",
    "found_half",
    "tp",
    "tp_half",
    "wrong_gold",
    "wrong_predicted",
)
GOLD, PREDICTED, FOUND, FOUND_HALF, TP, TP_HALF, WRONG_GOLD, WRONG_PREDICTED = range(8)
# Of units × labels: with more, cells are looked up instead of kept in an array of that size.
MAX_CELLS_PER_ITEM = 16


# Numbers below this, as nearly all counts are, are kept in 16 bits: sums of three of them fit.
MAX_NARROW = 2**13


def choose_count_type(*columns: Cells) -> type[np.int16 | np.int32]:
    """The type of integers that holds all counts of some columns, and sums of a few of them."""
    largest = max((int(column.max(initial=0)) for column in columns), default=0)
    return np.int16 if largest < MAX_NARROW else np.int32


class MetricCells(NamedTuple):
    """The cells of a metric over all documents.

    unit: the number of the unit of each. label: the position of its label in the sorted names.
    values: COUNTS × cells.
    """

    unit: Cells
    label: Ints
    values: Cells


def merge_cells(blocks: Sequence[Cells], label_positions: Ints) -> MetricCells:
    """The cells of all blocks. label_positions: of each label in the sorted names."""
    cells = np.concatenate([*blocks, np.zeros((2 + len(COUNTS), 0), np.int32)], axis=1)
    label = cells[1].astype(np.int64)
    return MetricCells(cells[0], label_positions[label] if len(label) else label, cells[2:])


class CellCounter:
    """Sums of the COUNTS in each cell of a block: of each unit and label. The number of a cell is
    unit × labels + label.
    """

    def __init__(self, units: int, labels: int) -> None:
        """Nothing is counted yet."""
        self.labels, self.size = labels, units * labels
        self._added: list[tuple[int, Ints, Ints | None]] = []

    def add(self, count: int, cell: Ints, weights: Ints | None = None) -> None:
        """Add 1, or its weight, to one of the COUNTS in the cell of each item."""
        if len(cell):
            self._added.append((count, cell, weights))

    def cells(self) -> Cells:
        """A column for each cell that has gold or predicted items: unit, label, *COUNTS."""
        added_cells = [cell for _, cell, _ in self._added]
        n_items = sum(map(len, added_cells))
        numbers = None  # of the cells that `sums` are of; None for all cells of the block
        if self.size <= MAX_CELLS_PER_ITEM * n_items:
            sums = self._sum(added_cells, self.size)
        else:  # many labels and few items: only the cells that something was added to
            numbers = np.unique(np.concatenate([*added_cells, np.zeros(0, np.int64)]))
            positions = [np.searchsorted(numbers, cell) for cell in added_cells]
            sums = self._sum(positions, len(numbers))
        items = [sums[count] for count in (GOLD, PREDICTED) if count in sums]
        occupied = np.flatnonzero(sum(items[1:], items[0])) if items else np.zeros(0, np.int64)
        number = occupied if numbers is None else numbers[occupied]
        table = np.zeros((2 + len(COUNTS), len(occupied)), np.int32)
        table[0], table[1] = number // self.labels, number % self.labels
        for count, values in sums.items():
            table[2 + count] = values[occupied]
        return table

    def _sum(self, positions: Sequence[Ints], size: int) -> dict[int, Ints]:
        """The sum of what was added to each of the COUNTS, at the position of each item. Counts
        that nothing was added to are left out.
        """
        sums: dict[int, Ints] = {}
        for (count, _, weights), position in zip(self._added, positions):
            values = np.bincount(position, weights, minlength=size)
            if weights is not None:
                # Sums of doubles are exact up to 2**53, far beyond any count.
                values = values.astype(np.int64)
            sums[count] = sums[count] + values if count in sums else values
        return sums
