"""Counts of contiguous items under several schemes at once: a row for each document and label.

Most corpora have contiguous entities in documents without zones. The compiled core counts these
under all schemes in one pass, document by document. `counting` counts everything, and is the
reference.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from evalkit.data.batch import LABEL_IDS, EntityArrays, Vocabulary
from evalkit.data.compiled import core
from evalkit.scoring.cells import (
    COUNTS,
    FOUND,
    FOUND_HALF,
    GOLD,
    PREDICTED,
    TP,
    TP_HALF,
    WRONG_GOLD,
    WRONG_PREDICTED,
    MetricCells,
    choose_count_type,
)
from evalkit.scoring.columns import DROPPED_LABEL, Cells, Ints

# The columns of a table. found: of gold, tp: of predictions; half: with credit 1/2. Under strict
# and type a pair has one label, so that one count stands for both.
TABLE_COLUMNS = (
    "unit",
    "label",
    "gold",
    "predicted",
    "strict",
    "exact_found",
    "exact_tp",
    "half_found",
    "half_tp",
    "type",
    "type_wrong_gold",
    "type_wrong_predicted",
)
# The counts of a scheme as sums of columns, with their signs, of which the first is 1. Wrong under
# strict are the rest of the pairs of equal spans and the overlaps that remain; under exact only the
# overlaps.
_COUNTS_OF_SCHEME: dict[str, dict[int, tuple[tuple[int, str], ...]]] = {
    "strict": {
        FOUND: ((1, "strict"),),
        TP: ((1, "strict"),),
        WRONG_GOLD: ((1, "exact_found"), (-1, "strict"), (1, "half_found")),
        WRONG_PREDICTED: ((1, "exact_tp"), (-1, "strict"), (1, "half_tp")),
    },
    "exact": {
        FOUND: ((1, "exact_found"),),
        TP: ((1, "exact_tp"),),
        WRONG_GOLD: ((1, "half_found"),),
        WRONG_PREDICTED: ((1, "half_tp"),),
    },
    "partial": {
        FOUND: ((1, "exact_found"),),
        TP: ((1, "exact_tp"),),
        FOUND_HALF: ((1, "half_found"),),
        TP_HALF: ((1, "half_tp"),),
    },
    "type": {
        FOUND: ((1, "type"),),
        TP: ((1, "type"),),
        WRONG_GOLD: ((1, "type_wrong_gold"),),
        WRONG_PREDICTED: ((1, "type_wrong_predicted"),),
    },
}
TABLE_SCHEMES = tuple(_COUNTS_OF_SCHEME)
UNKNOWN_LABEL = -2  # the code of a label that was not looked up


class CountTable(NamedTuple):
    """A part of a table: the units of its rows, and the columns from the label on."""

    unit: Cells
    columns: Cells

    @classmethod
    def from_rows(cls, rows: bytes) -> CountTable:
        """The rows of TABLE_COLUMNS 32-bit integers that the core returns."""
        table = np.frombuffer(rows, np.int32).reshape(-1, len(TABLE_COLUMNS))
        columns = table[:, 1:].T
        return cls(table[:, 0].copy(), columns.astype(choose_count_type(columns)))


class TableRows(NamedTuple):
    """The counts of some documents.

    gold_dropped, predicted_dropped: items whose label a label map drops. duplicates: predicted
    items that are equal to another; each counts as predicted and matches nothing.
    """

    rows: CountTable
    gold_dropped: int
    predicted_dropped: int
    duplicates: int


class LabelCodes:
    """The code that is compared, by the number of a label that was read.

    labels: the codes of the run, shared by both sides. mapper: the label map of the side, if any.
    codes: the known ones; by default none, and the numbers are those of LABEL_IDS.
    """

    def __init__(self, labels: Vocabulary, mapper: Any = None, codes: Ints | None = None) -> None:
        """Keep the arguments."""
        self._labels, self._mapper = labels, mapper
        self.codes: Ints = np.zeros(0, np.int64) if codes is None else codes

    def look_up(self, numbers: Ints) -> None:
        """Find the codes of labels."""
        names = list(LABEL_IDS)
        if len(self.codes) < len(names):
            added = np.full(len(names) - len(self.codes), UNKNOWN_LABEL, np.int64)
            self.codes = np.concatenate([self.codes, added])
        for number in np.unique(numbers[self.codes[numbers] == UNKNOWN_LABEL]).tolist():
            label = names[number]
            if self._mapper is not None:
                label = self._mapper.get(label, label)
            self.codes[number] = DROPPED_LABEL if label is None else self._labels[label]


def can_count_table(schemes: Collection[str]) -> bool:
    """Whether the compiled core is there and counts these schemes."""
    return core is not None and set(schemes) <= set(TABLE_SCHEMES)


def counts_muc(schemes: Collection[str]) -> bool:
    """Whether the counts that only MUC's sums need come with others at no cost: they are overlaps,
    which strict alone does not need.
    """
    return set(schemes) != {"strict"}


class TableCounter:
    """Counts documents that are a unit each, with contiguous items. Needs the compiled core.

    labels: the codes of the run. codes: of both sides. with_muc: whether the counts that only MUC's
    sums need are wanted; see `counts_muc`.
    """

    def __init__(
        self,
        labels: Vocabulary,
        codes: tuple[LabelCodes, LabelCodes],
        schemes: Collection[str],
        *,
        with_muc: bool,
    ) -> None:
        """Keep the arguments."""
        self._labels, self._codes = labels, codes
        self._rank = labels.sorted_positions()
        self._wanted = with_muc or "partial" in schemes, "type" in schemes

    def count(
        self, gold: EntityArrays, predicted: EntityArrays, first_unit: int
    ) -> TableRows | None:
        """The counts of some documents; None if gold has duplicates. Both sides have no
        discontinuous items.
        """
        if core is None:
            return None
        while True:
            codes = [side.codes for side in self._codes]
            counted = core.count_documents(
                *gold[:4], *predicted[:4], *codes, self._rank, first_unit, *self._wanted
            )
            if counted is None:
                return None
            if len(counted) == len(TableRows._fields):
                rows, *numbers = counted
                return TableRows(CountTable.from_rows(rows), *numbers)
            # A label occurs for the first time on one of the sides.
            for side, entities in zip(self._codes, (gold, predicted)):
                side.look_up(np.frombuffer(entities.label, np.int64))
            self._rank = self._labels.sorted_positions()


class MergedTables(NamedTuple):
    """The counts of all documents.

    unit, label: those of each row, shared by the counts of all schemes; labels by their positions
    in the sorted names. columns: those of TABLE_COLUMNS from the label on.
    """

    unit: Cells
    label: Ints
    columns: Cells


def merge_tables(tables: list[CountTable], label_positions: Ints) -> MergedTables:
    """The rows of all tables. The list is emptied on the way, so that its memory is free again.

    label_positions: the position of the name of each label in the sorted names.
    """
    size = sum(len(table.unit) for table in tables)
    is_narrow = all(table.columns.dtype == np.int16 for table in tables)
    unit = np.empty(size, np.int32)
    columns: Cells = np.empty((len(TABLE_COLUMNS) - 1, size), np.int16 if is_narrow else np.int32)
    end = size
    while tables:
        table = tables.pop()
        start = end - len(table.unit)
        unit[start:end], columns[:, start:end] = table
        end = start
    label = columns[0].astype(np.int64)
    return MergedTables(unit, label_positions[label] if size else label, columns)


def cells_of_scheme(tables: MergedTables, scheme: str) -> MetricCells:
    """The cells of a scheme; with MUC's counts where they were wanted."""
    column_of = dict(zip(TABLE_COLUMNS[1:], tables.columns))
    values = np.zeros((len(COUNTS), len(tables.unit)), tables.columns.dtype)
    values[GOLD], values[PREDICTED] = column_of["gold"], column_of["predicted"]
    for count, terms in _COUNTS_OF_SCHEME[scheme].items():
        (_, name), *others = terms
        values[count] = column_of[name]
        for sign, name in others:
            if sign > 0:
                values[count] += column_of[name]
            else:
                values[count] -= column_of[name]
    return MetricCells(tables.unit, tables.label, values)
