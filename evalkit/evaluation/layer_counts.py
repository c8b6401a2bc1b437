"""What was counted of one layer? The cells of all blocks, which add up over processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from evalkit.data.batch import Vocabulary
from evalkit.scoring.columns import Cells
from evalkit.scoring.counting import COUNTS, Block
from evalkit.scoring.metrics import Metric
from evalkit.scoring.zones import CountUnit

ALL_ROWS = list(range(2 + len(COUNTS)))  # the rows of cells


@dataclass
class LayerCounts:
    """What is gathered for one layer of metrics over all blocks."""

    metrics: list[Metric]
    labels: Vocabulary = field(default_factory=Vocabulary)
    units: list[CountUnit] = field(default_factory=list)
    cells: dict[str, list[Cells]] = field(default_factory=dict)
    compacted: dict[str, tuple[list[int], Cells]] = field(default_factory=dict)
    merged: dict[str, list[tuple[list[int], Cells]]] = field(default_factory=dict)
    aside: dict[str, dict[str, int]] = field(default_factory=dict)
    documents: int = 0
    scored: int = 0

    def add_block(self, block: Block, documents: int, *, muc: bool) -> None:
        """Add the counts of a block."""
        for metric in self.metrics:
            cells = block.count_cells(metric.scheme, wrong=muc)
            cells[0] += len(self.units)
            self.cells.setdefault(str(metric), []).append(cells)
            under = block.for_scheme(metric.scheme)
            aside = self.aside.setdefault(str(metric), {})
            for reason, number in {**under.gold.set_aside, **under.predicted.set_aside}.items():
                aside[reason] = aside.get(reason, 0) + number
        self.units += block.layout.units
        self.documents += documents
        self.scored += block.layout.resampling_unit_count()

    def all_cells(self, metric: str) -> Cells:
        """The cells of a metric from all blocks and processes; they are given once."""
        return _concat_cells(
            [
                *((ALL_ROWS, cells) for cells in self.cells.pop(metric, ())),
                *self.merged.pop(metric, ()),
            ],
            ALL_ROWS,
        )

    def compact(self) -> None:
        """Put the cells of each metric together, without counts that are 0 throughout: what is sent
        from one process to another.
        """
        for metric, cells in self.cells.items():
            kept = [
                n for n in range(2 + len(COUNTS)) if n < 2 or any(cell[n].any() for cell in cells)
            ]
            self.compacted[metric] = kept, _concat_cells([(ALL_ROWS, cell) for cell in cells], kept)
            cells.clear()

    def merge(self, other: LayerCounts) -> None:
        """Add what another process gathered and made slim."""
        codes = np.array([self.labels[label] for label in other.labels], np.int32)
        for metric, (kept, slim) in other.compacted.items():
            slim[0] += len(self.units)
            slim[1] = codes[slim[1]]
            self.merged.setdefault(metric, []).append((kept, slim))
        for metric, reasons in other.aside.items():
            mine = self.aside.setdefault(metric, {})
            for reason, number in reasons.items():
                mine[reason] = mine.get(reason, 0) + number
        self.units += other.units
        self.documents += other.documents
        self.scored += other.scored


def _concat_cells(pieces: Sequence[tuple[list[int], Cells]], kept: list[int]) -> Cells:
    """Cells side by side: of each piece the rows that it has, of which some are kept."""
    whole = np.zeros((len(kept), sum(cells.shape[1] for _, cells in pieces)), np.int32)
    at = 0
    for rows, cells in pieces:
        for row, counts in zip(rows, cells, strict=True):
            if row in kept:
                whole[kept.index(row), at : at + cells.shape[1]] = counts
        at += cells.shape[1]
    return whole
