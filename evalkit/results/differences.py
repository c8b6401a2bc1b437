"""The difference in F1 of two systems under one metric, with its interval and p-value.

Per difference:

    difference   F1 of the first system minus F1 of the second (micro, or macro over the labels that
                 gold or the system has), with the percentile interval of the paired bootstrap
    p            paired approximate randomization (Noreen 1989); exact if there are at most 20,000
                 permutations
    p_bootstrap  the p-value of the paired bootstrap
    p_holm       p corrected for all pairs of systems and metrics that are compared (Holm 1979)
    wins, ties, losses
                 the number of units in which the first system has a larger, equal or smaller micro
                 F1; a unit without gold items and predictions counts as F1 1
    minimum_detectable_difference
                 the smallest difference that is found with power .8 at level .05

`stats/resampling.py` has the definitions. Swapping the systems changes the sign of the difference
and keeps the p-values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from evalkit.scoring.columns import Ints
from evalkit.scoring.counts import Counts
from evalkit.scoring.metrics import SCHEMES, Metric
from evalkit.stats.intervals import NOT_ASKED, UNDEFINED_RATIO, Resampling, ratios_of
from evalkit.stats.resampling import (
    MAX_UNDEFINED_SHARE,
    UNDEFINED,
    Floats,
    Interval,
    UInt64s,
    bootstrap_p,
    bootstrap_totals,
    holm,
    minimum_detectable_difference,
    percentile,
    permute_systems,
    randomisation_p,
    resampling_keys,
)

N_CREDITS = 4  # gold, predicted, found, tp: the last axis of tables of credits
F1_TIE_DIGITS = 12  # F1 values that are equal when rounded to these digits are a tie


@dataclass(frozen=True)
class Difference:
    """Two systems under one metric; see the head of the module.

    reason: why there is no interval. exact: whether all permutations were computed.
    """

    metric: str
    average: str
    a: str
    b: str
    f1_a: float | None
    f1_b: float | None
    difference: float | None
    low: float | None
    high: float | None
    reason: str
    p: float | None
    p_bootstrap: float | None
    p_holm: float | None
    exact: bool | None
    wins: int
    ties: int
    losses: int
    minimum_detectable_difference: float | None

    @property
    def interval(self) -> Interval:
        """The interval of the difference."""
        return Interval(self.low, self.high, self.reason)


def compute_difference(
    names: tuple[str, str],
    counts: tuple[Counts, Counts],
    resampling: Resampling,
    average: str,
    permutations: int,
) -> Difference:
    """The difference of two systems, without the correction for multiple tests.

    counts: of one metric. permutations: random ones, if there are too many to compute all.
    """
    table_a, table_b, keys, labels = _align_units(*counts)
    wins, ties, losses = _win_tie_loss(table_a, table_b)
    if average == "micro":
        table_a, table_b, labels = _sum_labels(table_a), _sum_labels(table_b), ["all"]
    scheme = SCHEMES[Metric.parse(counts[0].metric).scheme]
    statistic = F1Statistic(average, len(labels), average == "micro" or scheme.same_label)
    f1_a = float(statistic.compute(table_a.sum(axis=0)))
    f1_b = float(statistic.compute(table_b.sum(axis=0)))
    observed = f1_a - f1_b
    difference = Difference(
        metric=counts[0].metric,
        average=average,
        a=names[0],
        b=names[1],
        f1_a=None if np.isnan(f1_a) else f1_a,
        f1_b=None if np.isnan(f1_b) else f1_b,
        difference=None,
        low=None,
        high=None,
        reason=UNDEFINED_RATIO.reason,
        p=None,
        p_bootstrap=None,
        p_holm=None,
        exact=None,
        wins=wins,
        ties=ties,
        losses=losses,
        minimum_detectable_difference=None,
    )
    if np.isnan(observed):
        return difference
    swapped_a, swapped_b, exact = permute_systems(
        table_a, table_b, keys, permutations, resampling.seed
    )
    permuted = statistic.compute(swapped_a) - statistic.compute(swapped_b)
    interval, replicates = _bootstrap(statistic, table_a, table_b, keys, resampling)
    has_interval = interval.low is not None
    return replace(
        difference,
        difference=observed,
        low=interval.low,
        high=interval.high,
        reason=interval.reason,
        p=randomisation_p(permuted, observed, exact=exact),
        p_bootstrap=None if replicates is None else bootstrap_p(replicates, observed),
        exact=exact,
        minimum_detectable_difference=(
            minimum_detectable_difference(replicates)
            if has_interval and replicates is not None
            else None
        ),
    )


def correct_p_values(differences: list[Difference]) -> list[Difference]:
    """The differences with p corrected by Holm's method for all of them that have a p-value."""
    p_values = [each.p for each in differences if each.p is not None]
    corrected = iter(holm(p_values))
    return [
        each if each.p is None else replace(each, p_holm=next(corrected)) for each in differences
    ]


def _bootstrap(
    statistic: F1Statistic, table_a: Ints, table_b: Ints, keys: UInt64s, resampling: Resampling
) -> tuple[Interval, Floats | None]:
    """The percentile interval of the difference, and the difference in each replicate of the paired
    bootstrap; None for these where there are none.
    """
    if not resampling.boot:
        return NOT_ASKED, None
    if len(keys) < 2:
        return Interval(None, None, "one unit"), None
    totals_a = bootstrap_totals(table_a, keys, resampling.boot, resampling.seed)
    totals_b = bootstrap_totals(table_b, keys, resampling.boot, resampling.seed)
    for totals, table in ((totals_a, table_a), (totals_b, table_b)):
        if statistic.undefined_share(totals, table.sum(axis=0)) > MAX_UNDEFINED_SHARE:
            return Interval(None, None, UNDEFINED), None
    replicates = statistic.compute(totals_a) - statistic.compute(totals_b)
    return percentile(replicates, resampling.level), replicates


def _align_units(a: Counts, b: Counts) -> tuple[Ints, Ints, UInt64s, list[str]]:
    """The credits of both systems (units × columns, four columns a label), the keys of the units,
    and the labels.
    """
    labels = sorted({*a.labels, *b.labels})
    index_of_unit: dict[tuple[str, int | None], int] = {}
    rows_of_side = []
    for counts in (a, b):
        units = counts.resampling_units
        rows_of_side.append(
            [
                index_of_unit.setdefault(unit, len(index_of_unit))
                for unit in zip(units.documents, units.sentences)
            ]
        )
    tables = []
    for counts, rows in zip((a, b), rows_of_side):
        table = np.zeros((len(index_of_unit), len(labels), N_CREDITS), np.int64)
        columns = [labels.index(label) for label in counts.labels]
        if columns:
            table[np.ix_(rows, columns)] = counts.credit_table(0, len(counts.labels))
        tables.append(table.reshape(len(index_of_unit), -1))
    documents = [document for document, _ in index_of_unit]
    sentences = [sentence for _, sentence in index_of_unit]
    return tables[0], tables[1], resampling_keys(documents, sentences), labels


class F1Statistic(NamedTuple):
    """F1 of totals whose last axis has four credits for each label; NaN where undefined.

    has_f1: False for averages over labels under a scheme that ignores labels.
    """

    average: str
    n_labels: int
    has_f1: bool

    def compute(self, totals: Floats | Ints) -> Floats:
        """One value for each row of totals. The macro average is over the labels that have an item
        there.
        """
        if not self.has_f1:
            return np.full(totals.shape[:-1], np.nan)
        by_label = self._by_label(totals)
        if self.average == "micro":
            return ratios_of(by_label.sum(axis=-2))["f1"]
        f1 = ratios_of(by_label)["f1"]
        is_known = ~np.isnan(f1)  # a label with an item on either side has an F1
        known = is_known.sum(axis=-1)
        sums = np.where(is_known, f1, 0).sum(axis=-1)
        mean: Floats = np.divide(sums, known, out=np.full(known.shape, np.nan), where=known > 0)
        return mean

    def undefined_share(self, totals: Floats, observed: Ints) -> float:
        """The share of the totals in which a label of the data has no item, so that the macro
        average is over fewer labels.
        """
        if self.average == "micro":
            return 0.0
        f1_of_totals = ratios_of(self._by_label(totals))["f1"]
        f1_observed = ratios_of(self._by_label(observed))["f1"]
        is_undefined = np.isnan(f1_of_totals) & ~np.isnan(f1_observed)
        return float(is_undefined.any(axis=-1).mean())

    def _by_label(self, totals: Floats | Ints) -> Floats | Ints:
        return totals.reshape(*totals.shape[:-1], self.n_labels, N_CREDITS)


def _sum_labels(table: Ints) -> Ints:
    """The credits of each unit over all labels."""
    total: Ints = table.reshape(len(table), -1, N_CREDITS).sum(axis=1)
    return total


def _win_tie_loss(table_a: Ints, table_b: Ints) -> tuple[int, int, int]:
    """The number of units in which a has a larger, equal and smaller micro F1, over units in which
    gold or a system has an item.
    """
    f1_a = np.nan_to_num(ratios_of(_sum_labels(table_a))["f1"], nan=1.0)
    f1_b = np.nan_to_num(ratios_of(_sum_labels(table_b))["f1"], nan=1.0)
    has_items = (table_a + table_b).any(axis=1)
    gap = np.round(f1_a - f1_b, F1_TIE_DIGITS)[has_items]
    return int((gap > 0).sum()), int((gap == 0).sum()), int((gap < 0).sum())
