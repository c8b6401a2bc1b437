"""Breaks recall and precision down by features of items, sentences and zones.

A feature of the gold item divides recall, the same feature of the predicted item divides precision.
F1 is given only for features of the sentence or zone, which both sides share. `features` lists
them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
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
    SCORE_FEATURE,
    SURFACE_FEATURES,
    FeatureContext,
    ItemSide,
    TrainingSurfaces,
    attribute_value,
)
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
        self._counts: dict[str, dict[Any, list[int]]] = {
            feature: defaultdict(lambda: [0, 0, 0, 0]) for feature in features
        }
        self._labels_of: dict[str, set[str]] = defaultdict(set)  # of surface forms in gold
        self._gold_of_scored = [0, 0]

    def add(self, source: ErrorBlock, credits: tuple[Ints, Ints]) -> None:
        """Add a block. credits: the doubled credit of each gold item and of each predicted item
        under the metric that is broken down.
        """
        if not self._counts:
            return
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
        n_duplicates = len(duplicates)
        side_credits = (
            credits[0].tolist(),
            [*credits[1].tolist(), *[0] * n_duplicates],
        )
        if "density" in self._counts:
            self._context.gold_items_per_sentence = Counter(sides[0].sentences)
        for feature, counts in self._counts.items():
            for side in sides:
                if feature == SCORE_FEATURE and side.side == 0:
                    continue
                buckets = self._buckets(feature, side)
                n, credit_sum = 2 * side.side, 2 * side.side + 1
                for bucket, credit in zip(buckets, side_credits[side.side], strict=True):
                    row = counts[bucket]
                    row[n] += 1
                    row[credit_sum] += credit
            if len(source.unplaced):
                counts["unplaced"][2] += len(source.unplaced)

    def _buckets(self, feature: str, side: ItemSide) -> Sequence[Any]:
        if feature in FEATURES:
            return FEATURES[feature].bucket_items(side, self._context)
        if feature == SCORE_FEATURE:
            return side.scores
        if feature.startswith(ATTRIBUTE):
            key = feature.removeprefix(ATTRIBUTE)
            return [attribute_value(annotation, key) for annotation in side.annotations]
        surfaces = self._context.fold(side.surfaces)
        if side.side == 0:
            for surface, label in zip(surfaces, side.labels):
                self._labels_of[surface].add(label)
        # A tuple, so that no surface form is taken for the bucket of unplaced items.
        return [(surface,) for surface in surfaces]

    def breakdowns(self) -> dict[str, list[Bucket]]:
        """The buckets of each feature, in order; those without items are left out."""
        return {feature: self._breakdown(feature) for feature in self._counts}

    def _breakdown(self, feature: str) -> list[Bucket]:
        counts = self._counts[feature]
        if feature in SURFACE_FEATURES:
            counts = self._by_surface(feature, counts)
        elif feature == SCORE_FEATURE:
            counts = _by_score(counts)
        order = _bucket_order(feature, counts)
        is_shared = feature in FEATURES and FEATURES[feature].is_shared
        return [_make_bucket(feature, name, counts[name], is_shared=is_shared) for name in order]

    def _by_surface(self, feature: str, counts: Mapping[Any, list[int]]) -> dict[Any, list[int]]:
        merged: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for key, values in counts.items():
            if not isinstance(key, tuple):
                bucket = key
            elif feature == "frequency":
                bucket = next(name for most, name in FREQUENCIES if values[0] <= most)
            else:
                n_labels = len(self._labels_of.get(key[0], ()))
                bucket = CONFUSABLE[min(n_labels, 2)]
            merged[bucket] = [a + b for a, b in zip(merged[bucket], values)]
        return merged


def _by_score(counts: Mapping[Any, list[int]]) -> dict[Any, list[int]]:
    """Tenths of the predictions in the order of their scores; equal scores stay together."""
    merged: dict[Any, list[int]] = {}
    scored = sorted(key for key in counts if isinstance(key, (int, float)))
    total = sum(counts[score][2] for score in scored)
    tenth_of: dict[float, int] = {}
    before = 0
    for score in scored:
        tenth_of[score] = before * 10 // max(total, 1)
        before += counts[score][2]
    for tenth in sorted(set(tenth_of.values())):
        members = [score for score in scored if tenth_of[score] == tenth]
        name = f"{members[0]:.3g}–{members[-1]:.3g}"
        if name in merged:
            name = f"{members[0]!r}–{members[-1]!r}"
        merged[name] = [sum(column) for column in zip(*(counts[score] for score in members))]
    for key, name in ((None, "no score"), ("unplaced", "unplaced")):
        if key in counts:
            merged[name] = counts[key]
    return merged


def _bucket_order(feature: str, counts: Mapping[Any, list[int]]) -> list[Any]:
    names = BUCKET_NAMES.get(feature, ())
    if names:
        return [name for name in (*names, "unplaced") if name in counts]
    if feature == SCORE_FEATURE:
        return list(counts)
    return sorted(counts, key=lambda name: (-counts[name][0] - counts[name][2], str(name)))


def _make_bucket(feature: str, name: str, counts: Sequence[int], *, is_shared: bool) -> Bucket:
    gold, found, predicted, tp = counts
    recall = found / (2 * gold) if gold >= MIN_ITEMS else None
    precision = tp / (2 * predicted) if predicted >= MIN_ITEMS else None
    f1 = None
    if is_shared and recall is not None and precision is not None:
        f1 = 2 * recall * precision / (recall + precision) if recall + precision else 0.0
    return Bucket(feature, name, gold, found / 2, recall, predicted, tp / 2, precision, f1)
