"""How many items have each kind of error, for each unit and label, and what the kinds cost.

With tp, gold and predicted those of strict, and n items of a kind, F1 = 2 tp/(gold + predicted):

    loss of a kind   2 n/(gold + predicted) for pairs, n/(gold + predicted) for single items; all
                     losses add up to 1 - F1
    gain of a kind   F1 with this kind alone corrected, minus F1

Correcting a pair makes its predicted item equal to gold's: tp + 1. Correcting a missed item adds a
correct prediction: tp + 1, predicted + 1. Correcting a spurious, duplicate or unplaced item removes
it: predicted - 1. The gains follow TIDE (Bolya et al. 2020), which deletes missed gold items
instead and sets negative gains to 0; here gold never changes, and no gain is negative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from evalkit.analysis.error_kinds import (
    ALL_KINDS,
    DETAILS,
    NONE,
    PREDICTED_ONLY,
    BlockErrors,
)
from evalkit.data.batch import Vocabulary
from evalkit.errors import InputError
from evalkit.scoring.columns import Ints, combine_keys, group_starts
from evalkit.scoring.zones import CountUnit
from evalkit.stats.intervals import Resampling
from evalkit.stats.paired_differences import difference_interval, pair_systems
from evalkit.stats.ratio_intervals import Interval

GOLD_SIDE, PREDICTED_SIDE = 0, 1
NO_INTERVAL = Interval(None, None, "not asked for")


class ErrorCell(NamedTuple):
    """What is counted: items of a side with a kind and a detail ("" for none)."""

    is_predicted: bool
    kind: str
    detail: str


class Gain(NamedTuple):
    """What a kind of error costs.

    n: pairs or items. loss: its share of 1 - F1. gain: F1 if it alone were corrected, minus F1;
    None where F1 is undefined. interval: of the gain.
    """

    kind: str
    detail: str | None
    label: str | None
    n: int
    loss: float | None
    gain: float | None
    interval: Interval


@dataclass(frozen=True)
class ErrorCounts:
    """Sparse counts: `count[i]` items of `labels[label[i]]` in `units[unit[i]]` are in
    `cells[cell[i]]`.

    pairs: how often gold has one label and the paired prediction another, by kind of pair.
    pieces: how merged and split items differ from the items that they are judged by: "label" or the
    detail of their boundary, to a number of items. approximate: the number of pairs that are shown
    without a full search; their kinds are exact in layers of spans.
    """

    layer: str
    labels: tuple[str, ...]
    units: tuple[CountUnit, ...]
    cells: tuple[ErrorCell, ...]
    unit: Ints
    label: Ints
    cell: Ints
    count: Ints
    pairs: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    pieces: Mapping[str, int] = field(default_factory=dict)
    approximate: int = 0

    @cached_property
    def gold(self) -> int:
        """The number of gold items."""
        return self.sum_where(lambda cell: not cell.is_predicted)

    @cached_property
    def predicted(self) -> int:
        """The number of predicted items."""
        return self.sum_where(lambda cell: cell.is_predicted)

    @cached_property
    def correct(self) -> int:
        """The number of correct items: tp of strict."""
        return self.count_kind("correct")

    @property
    def f1(self) -> float | None:
        """Micro F1 under strict; None without items."""
        total = self.gold + self.predicted
        return 2 * self.correct / total if total else None

    def sum_where(self, is_selected: Callable[[ErrorCell], bool], label: str | None = None) -> int:
        """The number of items in the selected cells, of all labels or of one."""
        return int(self.count[self._rows(is_selected, label)].sum())

    def count_kind(self, kind: str, detail: str | None = None, label: str | None = None) -> int:
        """The number of pairs or items of a kind, with a detail if one is given; of a label, if one
        is given: gold's, or the predicted one of items that have no gold item.
        """
        return self.sum_where(_is_counted(kind, detail), label)

    @cached_property
    def by_label(self) -> Ints:
        """The number of pairs or items of each label and kind: labels × ALL_KINDS. Pairs are
        counted under gold's label.
        """
        table = np.zeros((len(self.labels), len(ALL_KINDS)), np.int64)
        if not self.cells:
            return table
        kind_of_cell = np.array([ALL_KINDS.index(cell.kind) for cell in self.cells], np.int64)
        is_counted = np.array(
            [cell.is_predicted == (cell.kind in PREDICTED_ONLY) for cell in self.cells], bool
        )
        rows = is_counted[self.cell]
        np.add.at(table, (self.label[rows], kind_of_cell[self.cell[rows]]), self.count[rows])
        return table

    @cached_property
    def _rows_of_label(self) -> list[Ints]:
        """The rows of each label."""
        order = np.argsort(self.label, kind="stable")
        borders = np.searchsorted(self.label[order], np.arange(1, len(self.labels)))
        return np.split(order, borders)

    def details_of(self, kind: str) -> list[str]:
        """The details that occur with a kind, the most frequent first."""
        found = {cell.detail for cell in self.cells if cell.kind == kind and cell.detail}
        return sorted(found, key=lambda detail: (-self.count_kind(kind, detail), detail))

    def sort_units(self) -> ErrorCounts:
        """The same counts with units, labels and cells in order."""
        order = sorted(range(len(self.units)), key=lambda n: self.units[n].sort_key())
        place = np.zeros(len(order), np.int64)
        place[order] = np.arange(len(order))
        unit = place[self.unit] if order else self.unit
        by_unit = np.lexsort((self.cell, self.label, unit))
        return replace(
            self,
            units=tuple(self.units[n] for n in order),
            unit=unit[by_unit],
            label=self.label[by_unit],
            cell=self.cell[by_unit],
            count=self.count[by_unit],
        )

    def merge_sentences(self) -> ErrorCounts:
        """The counts without numbers of sentences, for results whose units are documents."""
        units = Vocabulary()
        place = [units[CountUnit(unit.document, unit.zone)] for unit in self.units]
        columns = (np.array(place, np.int64)[self.unit], self.label, self.cell)
        unit, label, cell, count = _sum_rows(columns, self.count)
        return replace(self, units=tuple(units), unit=unit, label=label, cell=cell, count=count)

    def _rows(self, is_selected: Callable[[ErrorCell], bool], label: str | None = None) -> Ints:
        if not self.cells:
            return np.zeros(0, np.int64)
        wanted = np.array([is_selected(cell) for cell in self.cells], bool)
        if label is None:
            return np.flatnonzero(wanted[self.cell])
        index = self._label_index.get(label)
        if index is None:
            return np.zeros(0, np.int64)
        rows = self._rows_of_label[index]
        selected: Ints = rows[wanted[self.cell[rows]]]
        return selected

    @cached_property
    def _label_index(self) -> dict[str, int]:
        """The place of each label."""
        return {label: index for index, label in enumerate(self.labels)}

    @cached_property
    def _resampling_unit(self) -> tuple[Ints, int]:
        """The resampling unit of each unit, and their number."""
        index: dict[tuple[str, int | None], int] = {}
        of = [index.setdefault((unit.document, unit.sentence), len(index)) for unit in self.units]
        return np.array(of, np.int64), len(index)

    def _by_unit(self, rows: Ints) -> Ints:
        """The items of some rows in each resampling unit."""
        of, n = self._resampling_unit
        return np.bincount(of[self.unit[rows]], self.count[rows], minlength=n).astype(np.int64)

    @cached_property
    def _sides(self) -> tuple[Ints, Ints, Ints]:
        """gold, predicted and correct in each resampling unit."""
        return (
            self._by_unit(self._rows(lambda cell: not cell.is_predicted)),
            self._by_unit(self._rows(lambda cell: cell.is_predicted)),
            self._by_unit(self._rows(_is_counted("correct", None))),
        )

    def gain(
        self,
        kind: str,
        detail: str | None = None,
        label: str | None = None,
        *,
        resampling: Resampling | None = None,
    ) -> Gain:
        """What a kind costs, with the interval of the gain if `resampling` is given."""
        rows = self._rows(_is_counted(kind, detail), label)
        n = int(self.count[rows].sum())
        gold, predicted, correct = self._sides
        total = self.gold + self.predicted
        if not total:
            return Gain(kind, detail, label, n, None, None, NO_INTERVAL)
        by_unit = self._by_unit(rows)
        more_correct, more_predicted = by_unit, 0 * by_unit
        if kind == "missed":
            more_predicted = by_unit
        elif kind in PREDICTED_ONLY:
            more_correct, more_predicted = 0 * by_unit, -by_unit
        is_pair = kind != "missed" and kind not in PREDICTED_ONLY
        gain, interval = self._difference(
            (gold, predicted + more_predicted, correct + more_correct), resampling
        )
        return Gain(kind, detail, label, n, (2 if is_pair else 1) * n / total, gain, interval)

    def gain_of_pairs(
        self,
        name: str,
        is_corrected: Callable[[ErrorCell], bool],
        n: int,
        loss: float,
        resampling: Resampling | None = None,
    ) -> Gain:
        """The gain if the pairs in some cells were correct, under a name of its own, with a number
        and a loss that are given.
        """
        gold, predicted, correct = self._sides
        rows = self._rows(lambda cell: not cell.is_predicted and is_corrected(cell))
        corrected = (gold, predicted, correct + self._by_unit(rows))
        gain, interval = self._difference(corrected, resampling)
        return Gain(name, None, None, n, loss, gain, interval)

    def gain_without_false_positives(self, resampling: Resampling | None = None) -> Gain:
        """What all wrong predictions together cost precision."""
        gold, predicted, correct = self._sides
        n = int((predicted - correct).sum())
        return self._side_gain("false positives", n, (gold, correct, correct), resampling)

    def gain_without_false_negatives(self, resampling: Resampling | None = None) -> Gain:
        """What all gold items that are not found together cost recall."""
        gold, predicted, correct = self._sides
        n = int((gold - correct).sum())
        added = predicted + gold - correct
        return self._side_gain("false negatives", n, (gold, added, gold), resampling)

    def _side_gain(
        self, name: str, n: int, fixed: tuple[Ints, Ints, Ints], resampling: Resampling | None
    ) -> Gain:
        gain, interval = self._difference(fixed, resampling)
        return Gain(name, None, None, n, None, gain, interval)

    def _difference(
        self, fixed: tuple[Ints, Ints, Ints], resampling: Resampling | None
    ) -> tuple[float | None, Interval]:
        """F1 of corrected counts minus F1, and its interval."""
        gold, predicted, correct = (int(column.sum()) for column in fixed)
        if self.f1 is None:
            return None, NO_INTERVAL
        total = gold + predicted
        value = (2 * correct / total if total else 0.0) - self.f1
        if not total:
            return None, NO_INTERVAL
        if resampling is None or not resampling.boot:
            return value, NO_INTERVAL
        tables = [_credits(*fixed)], [_credits(*self._sides)]
        pair = pair_systems(*tables, resampling.unit)
        interval = difference_interval(pair, *tables, resampling.level, resampling.unit)
        if interval.low is not None and interval.low < 0:
            interval = interval._replace(low=0.0)  # no gain is negative
        return value, interval

    def losses_by_document(self) -> list[tuple[str, int, int, float]]:
        """(document, fn, fp, loss) of each document with errors, the largest loss first; the losses
        add up to 1 - F1.
        """
        total = self.gold + self.predicted
        documents = Vocabulary()
        document = np.array([documents[unit.document] for unit in self.units], np.int64)
        sides = [
            np.bincount(document[self.unit[rows]], self.count[rows], minlength=len(documents))
            for rows in (
                self._rows(lambda cell: cell.kind != "correct" and not cell.is_predicted),
                self._rows(lambda cell: cell.kind != "correct" and cell.is_predicted),
            )
        ]
        rows = [
            (name, int(fn), int(fp), (fn + fp) / total)
            for name, fn, fp in zip(documents, *(side.tolist() for side in sides), strict=True)
            if fn or fp
        ]
        return sorted(rows, key=lambda row: (-row[1] - row[2], row[0]))


def _credits(gold: Ints, predicted: Ints, correct: Ints) -> Ints:
    """Counts of each unit in the form of `paired_differences`: units × 1 × 4."""
    return np.stack([gold, predicted, 2 * correct, 2 * correct], axis=1)[:, None, :]


def _is_counted(kind: str, detail: str | None) -> Callable[[ErrorCell], bool]:
    """Whether a cell holds the pairs or items of a kind: a pair is counted once, on gold's side."""
    is_predicted = kind in PREDICTED_ONLY
    return lambda cell: (
        cell.kind == kind
        and cell.is_predicted == is_predicted
        and (detail is None or cell.detail == detail)
    )


class ErrorCounter:
    """Adds up the errors of blocks of documents."""

    def __init__(self, labels: Vocabulary, details: Vocabulary) -> None:
        """Nothing is counted yet. labels, details: those of the run."""
        self._labels, self._details = labels, details
        self._units: list[CountUnit] = []
        self._columns: list[Ints] = []  # of each block: unit, label, side, kind, detail, count
        self._pairs: Counter[tuple[int, int, int]] = Counter()
        self._pieces: Counter[int] = Counter()
        self._approximate = 0

    def add(self, errors: BlockErrors, units: Sequence[CountUnit]) -> None:
        """Add the errors of a block; `units` are its units."""
        for side, unit, label in (
            (GOLD_SIDE, errors.gold_unit, errors.gold_label),
            (PREDICTED_SIDE, errors.predicted_unit, errors.predicted_label),
        ):
            rows = np.flatnonzero(unit != NONE)
            side_column = np.full(len(rows), side, np.int64)
            columns = (unit[rows], label[rows], side_column, errors.kind[rows], errors.detail[rows])
            counted = _count_rows(columns)
            counted[0] += len(self._units)
            self._columns.append(counted)
        self._units += units
        is_pair = (errors.gold != NONE) & (errors.predicted != NONE)
        pair_columns = (
            errors.gold_label[is_pair],
            errors.predicted_label[is_pair],
            errors.kind[is_pair],
        )
        for gold, predicted, kind, count in _count_rows(pair_columns).T.tolist():
            self._pairs[gold, predicted, kind] += count
        self._pieces.update(errors.partner[errors.partner != NONE].tolist())
        self._approximate += int(errors.is_approximate.sum())

    def counts(self, layer: str) -> ErrorCounts:
        """The counts of all blocks."""
        names, details = list(self._labels), list(self._details)
        columns = np.concatenate([*self._columns, np.zeros((6, 0), np.int64)], axis=1)
        unit, label, side, kind, detail, count = columns
        codes = Vocabulary()
        cell = np.array(
            [codes[key] for key in zip(side.tolist(), kind.tolist(), detail.tolist())], np.int64
        )
        cells = [ErrorCell(bool(s), ALL_KINDS[k], details[d]) for s, k, d in codes]
        order = sorted(range(len(cells)), key=lambda n: cells[n])
        place = np.zeros(len(cells), np.int64)
        place[order] = np.arange(len(cells))
        ranks = self._labels.sorted_positions()
        return ErrorCounts(
            layer=layer,
            labels=tuple(sorted(names)),
            units=tuple(self._units),
            cells=tuple(cells[n] for n in order),
            unit=unit,
            label=ranks[label] if len(ranks) else label,
            cell=place[cell] if cells else cell,
            count=count,
            pairs={
                (names[gold], names[predicted], ALL_KINDS[kind]): n
                for (gold, predicted, kind), n in self._pairs.items()
            },
            pieces={
                DETAILS[code] or "label": count for code, count in sorted(self._pieces.items())
            },
            approximate=self._approximate,
        )


def _count_rows(columns: Sequence[Ints]) -> Ints:
    """The distinct rows of some columns, and how often each occurs: columns + 1 × distinct rows."""
    return _sum_rows(columns, np.ones(len(columns[0]), np.int64))


def _sum_rows(columns: Sequence[Ints], weights: Ints) -> Ints:
    """The distinct rows of some columns, and the sum of the weights of each."""
    if not len(weights):
        return np.zeros((len(columns) + 1, 0), np.int64)
    key = combine_keys(*columns).key
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(group_starts(key[order]))
    sums = np.add.reduceat(weights[order], starts)
    return np.stack([*(column[order[starts]] for column in columns), sums]).astype(np.int64)


def merge_error_counts(shards: Iterable[ErrorCounts]) -> ErrorCounts:
    """The counts of a corpus from those of its shards. Raises InputError without shards, and for
    shards of different layers.
    """
    parts = list(shards)
    if not parts or len({part.layer for part in parts}) > 1:
        raise InputError("error counts of one layer are needed to merge them")
    labels = tuple(sorted({label for part in parts for label in part.labels}))
    cells = tuple(sorted({cell for part in parts for cell in part.cells}))
    place_of_label = {label: place for place, label in enumerate(labels)}
    place_of_cell = {cell: place for place, cell in enumerate(cells)}
    units: list[CountUnit] = []
    columns: list[Ints] = [np.zeros((4, 0), np.int64)]
    pairs: Counter[tuple[str, str, str]] = Counter()
    pieces: Counter[str] = Counter()
    for part in parts:
        label_place = np.array([place_of_label[label] for label in part.labels], np.int64)
        cell_place = np.array([place_of_cell[cell] for cell in part.cells], np.int64)
        label = label_place[part.label] if len(part.label) else part.label
        cell = cell_place[part.cell] if len(part.cell) else part.cell
        columns.append(np.stack([part.unit + len(units), label, cell, part.count]))
        units += part.units
        pairs.update(part.pairs)
        pieces.update(part.pieces)
    unit, label, cell, count = np.concatenate(columns, axis=1)
    approximate = sum(part.approximate for part in parts)
    return ErrorCounts(
        parts[0].layer,
        labels,
        tuple(units),
        cells,
        unit,
        label,
        cell,
        count,
        dict(pairs),
        dict(pieces),
        approximate,
    )
