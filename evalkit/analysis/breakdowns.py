"""Breaks recall and precision down by features of items, sentences and zones.

A feature of the gold item divides recall, the same feature of the predicted item divides precision.
F1 is given only for features of the sentence or zone, which both sides share. `features` lists
them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.analysis.error_items import ErrorBlock
from evalkit.analysis.features import (
    ATTRIBUTE,
    BUCKET_NAMES,
    CONFUSABLE,
    FEATURES,
    FREQUENCIES,
    NO_VALUE,
    SCORE_FEATURE,
    FeatureContext,
    ItemSide,
    TrainingSurfaces,
    attribute_value,
)
from evalkit.data.batch import Vocabulary
from evalkit.errors import InputError, quoted_repr, spell_option
from evalkit.scoring.columns import Ints, ItemArrays

MIN_ITEMS = 10  # with fewer items, a bucket has counts and no ratios


@dataclass(frozen=True)
class Bucket:
    """A row of a breakdown: counts, and the ratios of buckets with ten or more items; f1 only for
    features that both sides share.
    """

    feature: str
    bucket: str
    gold: int
    found: float
    recall: float | None
    predicted: int
    tp: float
    precision: float | None
    f1: float | None


class _BucketTable:
    """The items of each bucket: gold, found, predicted, tp. found and tp are doubled credits, so
    that halves are whole numbers.
    """

    def __init__(self) -> None:
        self.codes = Vocabulary()
        self._sums = np.zeros((0, 4), np.int64)

    def add(self, buckets: Sequence[Any], side: int, credits: Ints) -> None:
        """Add items of a side (0: gold) with the bucket and the doubled credit of each."""
        codes = np.fromiter(map(self.codes.__getitem__, buckets), np.int64, len(buckets))
        missing = len(self.codes) - len(self._sums)
        if missing > 0:
            room = np.zeros((missing + len(self._sums), 4), np.int64)  # twice as many
            self._sums = np.concatenate([self._sums, room])
        occurring, index = np.unique(codes, return_inverse=True)
        n, credit_sum = 2 * side, 2 * side + 1
        self._sums[occurring, n] += np.bincount(index, minlength=len(occurring))
        weights = np.bincount(index, credits, minlength=len(occurring)).astype(np.int64)
        self._sums[occurring, credit_sum] += weights

    @property
    def sums(self) -> Ints:
        """Buckets × 4, in the order of the codes."""
        return self._sums[: len(self.codes)]

    def rows(self) -> dict[Any, Ints]:
        """A bucket to its counts."""
        return dict(zip(self.codes, self.sums, strict=True))


class BreakdownCounter:
    """Counts the items of blocks in the buckets of features."""

    def __init__(
        self,
        features: Sequence[str],
        training: TrainingSurfaces | None = None,
        *,
        ignore_case: bool = False,
    ) -> None:
        """training: for the features that need it."""
        self._context = FeatureContext(training or TrainingSurfaces({}), ignore_case)
        self._tables = {feature: _BucketTable() for feature in features}
        self._labels_of: dict[str, set[str]] = defaultdict(set)  # of surface forms in gold
        self._unplaced = 0
        self._keys: set[str] = set()  # of the attributes of items

    def add(self, source: ErrorBlock, credits: tuple[Ints, Ints]) -> None:
        """Add a block. credits: the doubled credit of each gold item and of each predicted item
        under the metric that is broken down.
        """
        block = source.block
        predicted, duplicates = block.predicted.columns, block.predicted.duplicates
        all_predicted = predicted
        if len(duplicates):
            all_predicted = ItemArrays(
                *(
                    np.concatenate([getattr(predicted, name), getattr(duplicates, name)])
                    for name in ("document", "label", "head", "start", "end", "fragments")
                )
            )
        predicted_rows = np.concatenate([block.predicted.rows, block.predicted.copies_rows])
        sides = (
            ItemSide(source, block.gold.columns, block.gold.rows, 0),
            ItemSide(source, all_predicted, predicted_rows, 1),
        )
        no_credit = np.zeros(len(duplicates), np.int64)
        side_credits = (credits[0], np.concatenate([credits[1], no_credit]))
        self._unplaced += len(source.unplaced)
        if "density" in self._tables:
            self._context.gold_items_per_sentence = Counter(sides[0].sentences)
        if "confusable" in self._tables:
            for surface, label in zip(self._context.fold(sides[0].surfaces), sides[0].labels):
                self._labels_of[surface].add(label)
        for feature, table in self._tables.items():
            for side in sides:
                if feature != SCORE_FEATURE or side.side == 1:
                    table.add(self._buckets(feature, side), side.side, side_credits[side.side])

    def _buckets(self, feature: str, side: ItemSide) -> Sequence[Any]:
        if feature in FEATURES:
            return FEATURES[feature].bucket_items(side, self._context)
        if feature == SCORE_FEATURE:
            return side.scores
        if feature.startswith(ATTRIBUTE):
            key = feature.removeprefix(ATTRIBUTE)
            annotations = side.annotations
            for annotation in annotations:
                self._keys.update(getattr(annotation, "attributes", None) or ())
            return [attribute_value(annotation, key) for annotation in annotations]
        return self._context.fold(side.surfaces)

    def breakdowns(self) -> dict[str, list[Bucket]]:
        """The buckets of each feature, in order; those without items are left out.

        Raises InputError for an attribute that no item has.
        """
        for feature, table in self._tables.items():
            if feature.startswith(ATTRIBUTE) and set(table.codes) == {NO_VALUE}:
                key = feature.removeprefix(ATTRIBUTE)
                known = f": {', '.join(sorted(self._keys))}" if self._keys else " (none)"
                raise InputError(
                    f"{spell_option('by')} {feature}: no item has the attribute"
                    f" {quoted_repr(key)}; expected one of those that items have{known}"
                )
        return {feature: self._breakdown(feature) for feature in self._tables}

    def _breakdown(self, feature: str) -> list[Bucket]:
        table = self._tables[feature]
        if feature == "frequency":
            rows = _by_frequency(table)
        elif feature == "confusable":
            rows = self._by_label_number(table)
        elif feature == SCORE_FEATURE:
            rows = _by_score(table)
        else:
            rows = _in_order(feature, table)
        is_shared = feature in FEATURES and FEATURES[feature].is_shared
        if self._unplaced:
            rows.append(("unplaced", np.array([0, 0, self._unplaced, 0])))
        return [
            _make_bucket(feature, name, counts.tolist(), is_shared=is_shared)
            for name, counts in rows
        ]

    def _by_label_number(self, table: _BucketTable) -> list[tuple[str, Ints]]:
        numbers = [min(len(self._labels_of.get(surface, ())), 2) for surface in table.codes]
        return _merge_buckets(table.sums, np.array(numbers, np.int64), CONFUSABLE)


def _by_frequency(table: _BucketTable) -> list[tuple[str, Ints]]:
    most = [most for most, _ in FREQUENCIES]
    places = np.searchsorted(most, table.sums[:, 0], side="left")
    return _merge_buckets(table.sums, places, [name for _, name in FREQUENCIES])


def _merge_buckets(sums: Ints, place: Ints, names: Sequence[str]) -> list[tuple[str, Ints]]:
    """The sums of the rows in each place, without places that have none."""
    rows = []
    for number, name in enumerate(names):
        selected = sums[place == number]
        if len(selected):
            rows.append((name, selected.sum(axis=0)))
    return rows


def _by_score(table: _BucketTable) -> list[tuple[str, Ints]]:
    """Tenths of the predictions in the order of their scores; equal scores stay together."""
    counts = table.rows()
    unscored = counts.pop(None, None)
    scores = sorted(counts)
    total = sum(int(counts[score][2]) for score in scores)
    members: dict[int, list[float]] = defaultdict(list)
    before = 0
    for score in scores:
        members[before * 10 // total].append(score)
        before += int(counts[score][2])
    rows = []
    for tenth in members.values():
        name = f"{tenth[0]:.3g}–{tenth[-1]:.3g}"
        rows.append((name, np.sum([counts[score] for score in tenth], axis=0)))
    if unscored is not None:
        rows.append(("no score", unscored))
    return rows


def _in_order(feature: str, table: _BucketTable) -> list[tuple[str, Ints]]:
    """The buckets in the order of the feature; if it has none, those with most items first."""
    counts = table.rows()
    names = BUCKET_NAMES.get(feature, ())
    if names:
        return [(name, counts[name]) for name in names if name in counts]
    ranked = sorted(counts, key=lambda name: (-counts[name][0] - counts[name][2], name))
    return [(name, counts[name]) for name in ranked]


def _make_bucket(feature: str, name: str, counts: Sequence[int], *, is_shared: bool) -> Bucket:
    gold, found, predicted, tp = counts
    recall = found / (2 * gold) if gold >= MIN_ITEMS else None
    precision = tp / (2 * predicted) if predicted >= MIN_ITEMS else None
    f1 = None
    if is_shared and recall is not None and precision is not None:
        f1 = 2 * recall * precision / (recall + precision) if recall + precision else 0.0
    return Bucket(feature, name, gold, found / 2, recall, predicted, tp / 2, precision, f1)
