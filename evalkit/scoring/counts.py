"""The counts of one metric for each unit and label, and what they depend on.

Only integer counts are kept. Precision, recall and F1 are computed when they are needed, so that
they always fit the counts, also after merging and regrouping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from evalkit.errors import InputError
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
from evalkit.scoring.columns import Cells, Ints
from evalkit.scoring.zones import CountUnit

# The credits that ratios are computed from; found and tp are doubled, so that they are integers.
RATIO_COUNTS = ("gold", "predicted", "found", "tp")


class ResamplingUnits(NamedTuple):
    """The sampling units: document and sentence of each. of: for each unit of the counts the index
    of its sampling unit.
    """

    documents: list[str]
    sentences: list[int | None]
    of: Ints


class Accuracy(NamedTuple):
    """correct: the pairs of items with one span that are equal. pairs: all pairs with one span; see
    `accuracy`.
    """

    correct: int
    pairs: int

    @property
    def value(self) -> float | None:
        """The share of the pairs that are correct; None without pairs."""
        return self.correct / self.pairs if self.pairs else None

    def add(self, other: Accuracy) -> Accuracy:
        """The accuracy over the pairs of both."""
        return Accuracy(self.correct + other.correct, self.pairs + other.pairs)


class LabelCredits(NamedTuple):
    """Credits of labels, one label after the other: units × 4.

    units: the number of the resampling unit of each, ascending within a label. sizes: how many
    units each label has.
    """

    units: Ints
    credits: Ints
    sizes: Ints


@dataclass(frozen=True)
class Counts:
    """The counts of one metric, sparse: `values[:, i]` are the COUNTS of `labels[label[i]]` in
    `units[unit[i]]`.

    signature: the fields that the numbers depend on, in order. set_aside: by reason, the number of
    items that were not matched: items outside the scored zones and items that the layer makes equal
    (not counted); duplicates and unplaced items (counted as wrong). has_incorrect: whether the last
    two counts, which only MUC's sums need, were computed. resampling_unit_count: the number of
    documents, or of sentences in scored zones, also of those without items. accuracy: None for
    metrics that have none.
    """

    metric: str
    labels: tuple[str, ...]
    units: tuple[CountUnit, ...]
    unit: Cells
    label: Ints
    values: Cells
    signature: Mapping[str, str]
    set_aside: Mapping[str, int] = field(default_factory=dict)
    has_incorrect: bool = True
    resampling_unit_count: int = 0
    accuracy: Accuracy | None = None

    def validate(self) -> None:
        """Raise InputError for impossible counts: more matched items than items."""
        full, half = self.values[[FOUND, TP]], self.values[[FOUND_HALF, TP_HALF]]
        wrong = self.values[[WRONG_GOLD, WRONG_PREDICTED]]
        if (self.values < 0).any() or (full + half + wrong > self.values[[GOLD, PREDICTED]]).any():
            raise InputError(
                f"{self.metric}: invalid counts: more items are matched than there are"
            )

    @cached_property
    def totals(self) -> Ints:
        """Labels × COUNTS."""
        return self.sum_groups(self.label, len(self.labels))

    def sum_groups(self, group: Ints, n: int) -> Ints:
        """The sums of the counts in each of n groups: n × COUNTS. group: that of each column."""
        # Sums of doubles are exact up to 2**53, far beyond any count.
        sums = [
            np.bincount(group, column, minlength=n) if column.any() else np.zeros(n)
            for column in self.values
        ]
        return np.stack(sums, axis=1).astype(np.int64)

    @cached_property
    def resampling_units(self) -> ResamplingUnits:
        """The sampling units: documents or sentences, each with all its zones."""
        ids = [unit.document for unit in self.units]
        if len(set(ids)) == len(ids):
            return ResamplingUnits(ids, [unit.sentence for unit in self.units], np.arange(len(ids)))
        index: dict[tuple[str, int | None], int] = {}
        of = [index.setdefault((unit.document, unit.sentence), len(index)) for unit in self.units]
        return ResamplingUnits(
            documents=[document for document, _ in index],
            sentences=[sentence for _, sentence in index],
            of=np.array(of, np.int64),
        )

    def credits_by_label(self) -> LabelCredits:
        """The credits of each label in the resampling units that have an item of it."""
        resampling_unit = self.resampling_units.of
        n_units = max(len(self.resampling_units.documents), 1)
        # Cells with one label and resampling unit are added up: those of its zones.
        key = self.label * n_units + resampling_unit[self.unit]
        order = np.argsort(key, kind="stable")
        key = key[order]
        is_first = np.ones(len(key), bool)
        is_first[1:] = key[1:] != key[:-1]
        starts = np.flatnonzero(is_first)
        credits = self._cell_credits()[order]
        if len(starts) < len(key):
            credits = np.add.reduceat(credits, starts, axis=0)
        sizes = np.bincount(key[starts] // n_units, minlength=len(self.labels))
        return LabelCredits(key[starts] % n_units, credits, sizes)

    def credits_by_unit(self) -> Ints:
        """The credits of each resampling unit, over all labels: units × 4."""
        units = self.resampling_units
        return self._sum_credits(units.of[self.unit], len(units.documents))

    def credits_by_document(self) -> Ints:
        """The credits of each document, over all labels: documents × 4."""
        documents = [unit.document for unit in self.units]
        if len(set(documents)) == len(documents):
            return self._sum_credits(self.unit.astype(np.int64), len(documents))
        index: dict[str, int] = {}
        document_of_unit = [index.setdefault(document, len(index)) for document in documents]
        of_cell = np.array(document_of_unit, np.int64)[self.unit]
        return self._sum_credits(of_cell, len(index))

    def _cell_credits(self) -> Ints:
        """The credits of each cell: cells × 4. Not kept, since they take more memory than all
        counts.
        """
        return np.stack(self._credit_columns(), axis=1, dtype=np.int64)

    def _credit_columns(self) -> list[Cells]:
        """Like `_cell_credits`, as four arrays."""
        gold, predicted, found, found_half, tp, tp_half, *_ = self.values
        return [gold, predicted, 2 * found + found_half, 2 * tp + tp_half]

    def _sum_credits(self, group: Ints, n: int) -> Ints:
        """The sums of the credits in each of n groups: n × 4. group: that of each cell."""
        # Sums of doubles are exact up to 2**53, far beyond any count.
        sums = [np.bincount(group, column, minlength=n) for column in self._credit_columns()]
        return np.stack(sums, axis=1).astype(np.int64)

    def merge_sentences(self) -> Counts:
        """The counts by document and zone, summed over sentences."""
        index: dict[CountUnit, int] = {}
        merged_unit = np.array(
            [index.setdefault(unit._replace(sentence=None), len(index)) for unit in self.units],
            np.int64,
        )
        return replace(
            _merge_units(self, tuple(index), merged_unit),
            resampling_unit_count=len({unit.document for unit in index}),
        )

    def sort_units(self) -> Counts:
        """The counts with sorted units and cells, so that equal counts are equal arrays."""
        return sort_shared_units([self])[0].arrange(self)


class UnitOrder(NamedTuple):
    """Units as they are given, the indices of the units in sorted order, and the sorted units."""

    given: tuple[CountUnit, ...]
    order: list[int]
    units: tuple[CountUnit, ...]

    def arrange(self, counts: Counts) -> Counts:
        """Counts of the given units, with sorted units and cells."""
        position = np.empty(len(self.order), np.int64)
        position[self.order] = np.arange(len(self.order))
        unit = position[counts.unit]
        cells = np.lexsort((counts.label, unit))
        return replace(
            counts,
            units=self.units,
            unit=unit[cells].astype(np.int32),
            label=counts.label[cells],
            values=counts.values[:, cells],
        )


def sort_shared_units(counts: Sequence[Counts]) -> list[UnitOrder]:
    """The order of the units of each of some counts. Units that several share are sorted once."""
    orders: list[UnitOrder] = []
    order_of_each = []
    for each in counts:
        for known in orders:
            if known.given == each.units:  # fast, since they have the same elements
                break
        else:
            keys = [unit.sort_key() for unit in each.units]
            order = sorted(range(len(keys)), key=keys.__getitem__)
            known = UnitOrder(each.units, order, tuple(each.units[n] for n in order))
            orders.append(known)
        order_of_each.append(known)
    return order_of_each


def _merge_units(counts: Counts, units: tuple[CountUnit, ...], of: Ints) -> Counts:
    """The counts summed over the units that become one. of: the new unit of each unit."""
    width = max(len(counts.labels), 1)
    cell, back = np.unique(of[counts.unit] * width + counts.label, return_inverse=True)
    values = np.zeros((len(COUNTS), len(cell)), np.int32)
    for n, column in enumerate(counts.values):
        np.add.at(values[n], back, column)
    return replace(
        counts,
        units=units,
        unit=(cell // width).astype(np.int32),
        label=cell % width,
        values=values,
    )


def merge_counts(shards: Sequence[Counts], signature: Mapping[str, str]) -> Counts:
    """The counts of several shards of a corpus, which have no document in common."""
    labels = sorted({label for shard in shards for label in shard.labels})
    index = {label: n for n, label in enumerate(labels)}
    units: list[CountUnit] = []
    unit: list[Ints] = []
    label: list[Ints] = []
    set_aside: dict[str, int] = {}
    for shard in shards:
        unit.append(shard.unit.astype(np.int64) + len(units))
        label.append(np.array([index[name] for name in shard.labels], np.int64)[shard.label])
        units += shard.units
        for reason, count in shard.set_aside.items():
            set_aside[reason] = set_aside.get(reason, 0) + count
    return Counts(
        metric=shards[0].metric,
        labels=tuple(labels),
        units=tuple(units),
        unit=np.concatenate(unit).astype(np.int32),
        label=np.concatenate(label),
        values=np.concatenate([shard.values for shard in shards], axis=1),
        signature=signature,
        set_aside=set_aside,
        has_incorrect=all(shard.has_incorrect for shard in shards),
        resampling_unit_count=sum(shard.resampling_unit_count for shard in shards),
        accuracy=_merge_accuracies([shard.accuracy for shard in shards]),
    )


def _merge_accuracies(accuracies: Sequence[Accuracy | None]) -> Accuracy | None:
    """The accuracy over the pairs of all shards; None if any has none, as earlier results have."""
    merged = Accuracy(0, 0)
    for accuracy in accuracies:
        if accuracy is None:
            return None
        merged = merged.add(accuracy)
    return merged
