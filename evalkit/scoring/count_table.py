"""Counts of contiguous items under several schemes at once: a row for each document and label.

Most corpora have contiguous entities in documents without zones. The compiled core counts these
under all schemes in one pass, document by document. `counting` counts everything, and is the
reference.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
# The counts of a scheme as sums of columns, with their signs. Wrong under strict are the rest of
# the pairs of equal spans and the overlaps that remain; under exact only the overlaps.
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

CountTable = NDArray[np.int32]  # rows × TABLE_COLUMNS
CountColumns = NDArray[np.int32]  # TABLE_COLUMNS × rows


class ItemColumns(NamedTuple):
    """The contiguous items of one side: the number in each document, then start, end and label."""

    counts: list[int]
    start: Ints
    end: Ints
    label: Ints


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
    """The code that is compared, by the number of a label in this process (LABEL_IDS).

    labels: the codes of the run, shared by both sides. mapper: the label map of the side, if any.
    """

    def __init__(self, labels: Vocabulary, mapper: Any = None) -> None:
        """No label is known yet."""
        self._labels, self._mapper = labels, mapper
        self._codes: Ints = np.zeros(0, np.int64)

    def codes_for(self, numbers: Ints) -> Ints:
        """The codes of all numbers up to the largest; known for those that occur."""
        if len(self._codes) < len(LABEL_IDS):
            added = np.full(len(LABEL_IDS) - len(self._codes), UNKNOWN_LABEL, np.int64)
            self._codes = np.concatenate([self._codes, added])
        is_new = self._codes[numbers] == UNKNOWN_LABEL
        if is_new.any():
            names = list(LABEL_IDS)
            for number in np.unique(numbers[is_new]).tolist():
                label = names[number]
                if self._mapper is not None:
                    label = self._mapper.get(label, label)
                self._codes[number] = DROPPED_LABEL if label is None else self._labels[label]
        return self._codes


def to_item_columns(entities: EntityArrays) -> ItemColumns:
    """The entities as columns; all of them must be contiguous."""
    start, end, label = (
        np.frombuffer(values, np.int64) for values in (entities.start, entities.end, entities.label)
    )
    return ItemColumns(entities.counts, start, end, label)


def can_count_table(schemes: Collection[str]) -> bool:
    """Whether the compiled core is there and counts these schemes."""
    return core is not None and set(schemes) <= set(TABLE_SCHEMES)


def counts_muc(schemes: Collection[str]) -> bool:
    """Whether the counts that only MUC's sums need come with others at no cost: they are overlaps,
    which strict alone does not need.
    """
    return set(schemes) != {"strict"}


def count_documents(
    gold: ItemColumns,
    predicted: ItemColumns,
    codes: tuple[Ints, Ints],
    rank: Ints,
    first_unit: int,
    schemes: Collection[str],
    *,
    with_muc: bool,
) -> TableRows | None:
    """The counts of documents that are a unit each; None if gold has duplicates.

    with_muc: whether the counts that only MUC's sums need are wanted; see `counts_muc`.

    codes: of both sides, the compared code of each label that was read; DROPPED_LABEL where it is
    dropped. rank: the position of each compared label in the sorted names. Needs the core.
    """
    if core is None:
        return None
    with_overlaps = with_muc or "partial" in schemes
    counted = core.count_documents(
        *gold, *predicted, *codes, rank, first_unit, with_overlaps, "type" in schemes
    )
    if counted is None:
        return None
    rows, *numbers = counted
    return TableRows(np.frombuffer(rows, np.int32).reshape(-1, len(TABLE_COLUMNS)), *numbers)


def merge_tables(tables: Sequence[CountTable]) -> CountColumns:
    """The columns of all tables, each in one piece, so that they are read fast."""
    no_rows = np.zeros((0, len(TABLE_COLUMNS)), np.int32)
    return np.ascontiguousarray(np.concatenate([no_rows, *tables]).T)


def cells_of_scheme(columns: CountColumns, scheme: str) -> Cells:
    """The cells of a scheme, as `counting.Block.count_cells` returns them; with MUC's counts where
    they were wanted.
    """
    column_of = dict(zip(TABLE_COLUMNS, columns))
    cells = np.zeros((2 + len(COUNTS), columns.shape[1]), np.int32)
    cells[0], cells[1] = column_of["unit"], column_of["label"]
    cells[2 + GOLD], cells[2 + PREDICTED] = column_of["gold"], column_of["predicted"]
    for count, terms in _COUNTS_OF_SCHEME[scheme].items():
        for sign, name in terms:
            if sign > 0:
                cells[2 + count] += column_of[name]
            else:
                cells[2 + count] -= column_of[name]
    return cells
