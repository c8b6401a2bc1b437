"""The counts of the metrics of one layer, of blocks and tables of documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from evalkit.data.batch import Vocabulary
from evalkit.results.metadata import PlainDifference
from evalkit.scoring.accuracy import measure_accuracy
from evalkit.scoring.cells import MetricCells, merge_cells
from evalkit.scoring.columns import Cells, Ints
from evalkit.scoring.count_table import (
    CountTable,
    MergedTables,
    TableRows,
    cells_of_scheme,
    merge_tables,
)
from evalkit.scoring.counting import Block
from evalkit.scoring.counts import Accuracy
from evalkit.scoring.lenient_gold import KINDS, LenientBlock, is_lenient_scheme
from evalkit.scoring.metrics import Metric
from evalkit.scoring.zones import CountUnit, SegmentLayout, iter_document_units

# What no item of a document without zones and unplaced items is set aside for.
NOT_SET_ASIDE = (
    "gold_outside_zones",
    "gold_merged",
    "gold_copies",
    "predicted_outside_zones",
    "predicted_merged",
    "unplaced",
)


@dataclass
class LayerCounts:
    """The counts of all blocks so far, for the metrics of one layer.

    units: the units of all blocks, in order. cells: a metric to the cells of each block. tables:
    the counts of documents that were counted under all schemes at once. set_aside: a metric to the
    number of items set aside for each reason. accuracies: those of the metrics that have one.
    documents: those that gold annotates in the layer. resampling_unit_count: sampling units. kinds:
    what gold accepts; see `lenient_gold.KINDS`. differences: a metric to what its sums change by if
    gold is plain. What is computed on first use is so after all documents were counted.
    """

    metrics: list[Metric]
    labels: Vocabulary = field(default_factory=Vocabulary)
    units: list[CountUnit] = field(default_factory=list)
    cells: dict[str, list[Cells]] = field(default_factory=dict)
    tables: list[CountTable] = field(default_factory=list)
    set_aside: dict[str, dict[str, int]] = field(default_factory=dict)
    accuracies: dict[str, Accuracy] = field(default_factory=dict)
    documents: int = 0
    resampling_unit_count: int = 0
    kinds: set[str] = field(default_factory=set)
    differences: dict[str, PlainDifference] = field(default_factory=dict)

    def gold_field(self, metric: Metric) -> str:
        """The field `gold` of the signature of a metric: what gold accepts; "" if it is plain."""
        if not self.kinds or not is_lenient_scheme(metric.scheme):
            return ""
        return "+".join(kind for kind in KINDS if kind in self.kinds)

    @property
    def schemes(self) -> set[str]:
        """The schemes of the metrics."""
        return {metric.scheme for metric in self.metrics}

    def add_block(self, block: Block, documents: int, *, muc: bool) -> None:
        """Add the counts of a block of so many documents."""
        for metric in self.metrics:
            cells = block.count_cells(metric.scheme, wrong=muc)
            self._add_cells(metric, cells, block.count_set_aside(metric.scheme))
            if metric.has_accuracy:
                projected = block.for_scheme(metric.scheme)
                accuracy = self.accuracies.get(str(metric), Accuracy(0, 0))
                self.accuracies[str(metric)] = accuracy.add(measure_accuracy(projected))
        self._add_units(block.layout, documents)

    def add_lenient_block(
        self, block: LenientBlock, kinds: Iterable[str], documents: int, *, muc: bool
    ) -> None:
        """Add the counts of a block of so many documents whose gold has alternatives, optional
        items or ignore regions (kinds).
        """
        self.kinds.update(kinds)
        for metric in self.metrics:
            counted = block.count(metric.scheme, wrong=muc)
            self._add_cells(metric, counted.cells, counted.set_aside)
            if counted.difference is not None:
                difference = self.differences.setdefault(str(metric), PlainDifference())
                difference.add(*counted.difference)
        self._add_units(block.layout, documents)

    def _add_cells(self, metric: Metric, cells: Cells, set_aside: Mapping[str, int]) -> None:
        cells[0] += len(self.units)
        self.cells.setdefault(str(metric), []).append(cells)
        counts = self.set_aside.setdefault(str(metric), {})
        for reason, count in set_aside.items():
            counts[reason] = counts.get(reason, 0) + count

    def _add_units(self, layout: SegmentLayout, documents: int) -> None:
        self.units += layout.units
        self.documents += documents
        self.resampling_unit_count += layout.resampling_unit_count()

    def add_table(self, ids: Sequence[str], counted: TableRows) -> None:
        """Add the counts of documents that are a unit each."""
        set_aside = {
            **dict.fromkeys(NOT_SET_ASIDE, 0),
            "gold_dropped": counted.gold_dropped,
            "predicted_dropped": counted.predicted_dropped,
            "duplicate": counted.duplicates,
        }
        for metric in self.metrics:
            counts = self.set_aside.setdefault(str(metric), {})
            for reason, count in set_aside.items():
                counts[reason] = counts.get(reason, 0) + count
        self.tables.append(counted.rows)
        self.units += iter_document_units(ids)
        self.documents += len(ids)
        self.resampling_unit_count += len(ids)

    @cached_property
    def merged_tables(self) -> MergedTables | None:
        """The counts of all tables; None if there are none."""
        return merge_tables(self.tables, self.label_positions) if self.tables else None

    @cached_property
    def label_positions(self) -> Ints:
        """The position of each label in the sorted names."""
        return self.labels.sorted_positions()

    @cached_property
    def sorted_labels(self) -> tuple[str, ...]:
        """The labels, sorted."""
        return tuple(sorted(self.labels))

    @cached_property
    def all_units(self) -> tuple[CountUnit, ...]:
        """The units, shared by the counts of all metrics."""
        return tuple(self.units)

    def accuracy_of(self, metric: Metric) -> Accuracy | None:
        """The accuracy of a metric over all documents; None if it has none."""
        return self.accuracies.get(str(metric), Accuracy(0, 0)) if metric.has_accuracy else None

    def take_cells(self, metric: Metric) -> MetricCells:
        """The cells of a metric over all documents. Those of blocks are not kept: ask once."""
        blocks = self.cells.pop(str(metric), [])
        tables = self.merged_tables
        if tables is None:
            return merge_cells(blocks, self.label_positions)
        from_tables = cells_of_scheme(tables, metric.scheme)
        if not blocks:
            return from_tables
        from_blocks = merge_cells(blocks, self.label_positions)
        return MetricCells(
            np.concatenate([from_blocks.unit, from_tables.unit]),
            np.concatenate([from_blocks.label, from_tables.label]),
            np.concatenate([from_blocks.values, from_tables.values], axis=1),
        )
