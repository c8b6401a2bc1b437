"""The difference in F1 of two systems over the same documents: standard error, interval, and the
smallest difference that a corpus like this one would show.

D is F1 of the first system minus F1 of the second (with several runs of a system the mean over its
runs), and D without document d is the same without d. n is the number of documents in which gold or
a system has an item, and m_d = gold items + half of the predicted items of both systems.

    se² = (n - 1)/n · Σ (D without d - D)²     delete-one jackknife
    K = (Σ m_d)² / Σ m_d²                      effective number of documents
    micro F1: D ± t · se with K - 1 degrees of freedom
    macro F1: MOVER over the F1 of each label of both systems; see `ratio_intervals`

Several runs of a system differ by chance too. With S runs each, V = se² + s_A²/S_A + s_B²/S_B takes
the place of se², where s² is the variance of F1 over the runs of a system (two-way clustering:
Cameron, Gelbach & Miller 2011). If a system has fewer than three runs, one s² is pooled over both.
The degrees of freedom are V² / (se⁴/(K - 1) + Σ (s²/S)²/(S - 1)) (Satterthwaite 1946).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance

import numpy as np

from evalkit.scoring.columns import Ints
from evalkit.stats.distributions import student_t_quantile, student_t_tail
from evalkit.stats.intervals import ratio_with_ends, split_credits
from evalkit.stats.mover import MoverSum
from evalkit.stats.ratio_intervals import (
    FEW_EFFECTIVE_UNITS,
    Floats,
    Interval,
    exact_dot,
    few_units_reason,
    ratio_residuals,
    sample_ratio,
    single_unit_reason,
)

LEAST_RUNS = 3  # of each system, from which on each has a variance of its own
POWER = 0.8
LEAST_EFFECTIVE_UNITS = LEAST_DIFFERING_UNITS = 20  # for a minimum detectable difference
SAME_COUNTS = "the systems give the same counts"


@dataclass(frozen=True)
class PairedDifference:
    """A difference and what its interval and test are made from.

    units: n. differing_units: those in which the counts of the systems differ. standard_error: se
    of the documents alone. run_variances: the parts of the variance that come from the runs, each
    with its degrees of freedom. reason: why there is no standard error; else empty.
    """

    difference: float
    units: int
    differing_units: int
    effective_units: float
    standard_error: float
    run_variances: tuple[tuple[float, float], ...]
    reason: str

    @property
    def total_error(self) -> float:
        """√V."""
        return math.sqrt(self.standard_error**2 + self.run_variance)

    @property
    def run_variance(self) -> float:
        """The part of V that comes from the runs."""
        return sum(part for part, _ in self.run_variances)

    @property
    def degrees(self) -> float:
        """Degrees of freedom."""
        document_degrees = max(1.0, self.effective_units - 1)
        if not self.run_variance:
            return document_degrees
        squares = self.standard_error**4 / document_degrees
        squares += sum(part**2 / degrees for part, degrees in self.run_variances)
        return self.total_error**4 / squares

    def t_test(self) -> float | None:
        """The two-sided p of D = 0; None without a standard error."""
        if self.reason == SAME_COUNTS:
            return 1.0
        if self.reason or not self.total_error:
            return None
        return student_t_tail(abs(self.difference) / self.total_error, self.degrees)


# The credits of one run of a system: units × labels × 4.
RunTable = Ints


def pair_systems(
    runs_a: Sequence[RunTable], runs_b: Sequence[RunTable], unit: str
) -> PairedDifference:
    """The difference of two systems in the mean over labels of F1, which for a single column is
    micro F1. All tables have the same units and labels.
    """
    is_micro = runs_a[0].shape[1] == 1
    values_a, deviations_a = _jackknife_runs(runs_a)
    values_b, deviations_b = _jackknife_runs(runs_b)
    difference = fmean(values_a) - fmean(values_b)
    deviations = deviations_a - deviations_b
    sizes = _unit_sizes(runs_a, runs_b)
    units = int((sizes > 0).sum())
    squares = exact_dot(sizes, sizes)
    total = math.fsum(sizes.tolist())
    differing = _count_differing(runs_a, runs_b)
    standard_error = 0.0
    reason = ""
    if not differing:
        reason = SAME_COUNTS
    elif units < 2 or (is_micro and np.isnan(deviations).any()):
        # Without that unit there is no item left, and no F1.
        reason = single_unit_reason(unit)
    else:
        deviations = np.nan_to_num(deviations)
        squared = (units - 1) / units * exact_dot(deviations, deviations)
        standard_error = math.sqrt(squared)
        if not standard_error:
            reason = f"all {unit}s have the same difference"
    return PairedDifference(
        difference=difference,
        units=units,
        differing_units=differing,
        effective_units=total * total / squares if squares else 0.0,
        standard_error=standard_error,
        run_variances=_run_variances(values_a, values_b),
        reason=reason,
    )


def _jackknife_runs(runs: Sequence[RunTable]) -> tuple[list[float], Floats]:
    """The F1 of each run, and the mean over runs of F1 without each unit minus F1."""
    values, deviations = [], np.zeros(len(runs[0]))
    for table in runs:
        value, deviation = _jackknife(table)
        values.append(value)
        deviations += deviation / len(runs)
    return values, deviations


def _jackknife(table: RunTable) -> tuple[float, Floats]:
    """The mean over labels of F1, and the same without each unit minus it; NaN where a single
    label has no item left.
    """
    right = (table[..., 2] + table[..., 3]).astype(np.float64)
    total = 2.0 * (table[..., 0] + table[..., 1])
    right_sums, total_sums = right.sum(axis=0), total.sum(axis=0)
    value = 0.0
    deviations = np.zeros(len(table))
    occurring = np.flatnonzero(total_sums)
    for label in occurring:
        r, m, r_sum, m_sum = right[:, label], total[:, label], right_sums[label], total_sums[label]
        value += float(r_sum / m_sum) / len(occurring)
        rest = m_sum - m
        deviation = np.full(len(r), np.nan if len(occurring) == 1 else 0.0)
        # F1 without d minus F1 = (R m_d - r_d M) / (M (M - m_d)); the numerator is a whole number.
        np.divide(r_sum * m - r * m_sum, m_sum * rest, out=deviation, where=rest > 0)
        deviations += deviation / len(occurring)
    return value, deviations


def _unit_sizes(runs_a: Sequence[RunTable], runs_b: Sequence[RunTable]) -> Floats:
    """2 m_d of each unit."""
    sizes: Floats = 2.0 * runs_a[0][..., 0].sum(axis=1)
    for runs in (runs_a, runs_b):
        predicted = np.zeros(len(sizes))
        for table in runs:
            predicted += table[..., 1].sum(axis=1)
        sizes += predicted / len(runs)
    return sizes


def _count_differing(runs_a: Sequence[RunTable], runs_b: Sequence[RunTable]) -> int:
    """The number of units in which some run has other counts than the first run of the first
    system.
    """
    differs = np.zeros(len(runs_a[0]), bool)
    for table in (*runs_a[1:], *runs_b):
        differs |= (table != runs_a[0]).any(axis=(1, 2))
    return int(differs.sum())


def _run_variances(
    values_a: Sequence[float], values_b: Sequence[float]
) -> tuple[tuple[float, float], ...]:
    """The variance of the mean over the runs of each system, with its degrees of freedom; one
    pooled over both if a system has fewer than three runs, and none for single runs.
    """
    degrees = len(values_a) + len(values_b) - 2
    if not degrees:
        return ()
    if min(len(values_a), len(values_b)) >= LEAST_RUNS:
        return tuple(
            (variance(values) / len(values), len(values) - 1.0) for values in (values_a, values_b)
        )
    squares = 0.0
    for values in (values_a, values_b):
        mean = fmean(values)
        squares += math.fsum((value - mean) ** 2 for value in values)
    pooled = squares / degrees
    return ((pooled / len(values_a) + pooled / len(values_b), float(degrees)),)


def difference_interval(
    pair: PairedDifference,
    runs_a: Sequence[RunTable],
    runs_b: Sequence[RunTable],
    level: float,
    unit: str,
) -> Interval:
    """The interval of the difference, cut at -1 and 1."""
    if pair.reason:
        return Interval(None, None, pair.reason)
    t = student_t_quantile((1 + level) / 2, pair.degrees)
    if runs_a[0].shape[1] == 1:
        below = above = t * pair.total_error
    else:
        below, above = _macro_distances(runs_a, runs_b, level, pair.effective_units)
        below, above = (math.hypot(x, t * math.sqrt(pair.run_variance)) for x in (below, above))
    reason = few_units_reason(unit) if pair.effective_units < FEW_EFFECTIVE_UNITS else ""
    return Interval(max(-1.0, pair.difference - below), min(1.0, pair.difference + above), reason)


def _macro_distances(
    runs_a: Sequence[RunTable],
    runs_b: Sequence[RunTable],
    level: float,
    effective_units: float,
) -> tuple[float, float]:
    """How far the ends of the interval of the difference of macro F1 are from it."""
    terms = MoverSum(len(runs_a[0]))
    all_units = np.arange(len(runs_a[0]))
    same_labels = _labels_with_same_counts(runs_a, runs_b)
    for sign, runs in ((1, runs_a), (-1, runs_b)):
        for table in runs:
            occurring = _occurring_labels(table)
            for label in occurring:
                if label in same_labels:
                    continue
                right, total = split_credits(table[:, label])["f1"]
                sample = sample_ratio(right, total)
                value, ends = ratio_with_ends(sample, level, "f1")
                weight = sign / (len(occurring) * len(runs))
                residuals = ratio_residuals(sample, right, total)
                terms.add(weight, value, ends, all_units, residuals, sample.residual_norm)
    return terms.distances(effective_units)


def _labels_with_same_counts(runs_a: Sequence[RunTable], runs_b: Sequence[RunTable]) -> set[int]:
    """The labels whose F1 cancels out, since all runs have the same counts of them in each unit.

    There are none where the averages of two runs are over different labels, and weights differ.
    """
    tables = [*runs_a, *runs_b]
    occurring = _occurring_labels(tables[0])
    if any(_occurring_labels(table) != occurring for table in tables):
        return set()
    return {
        label
        for label in occurring
        if all((table[:, label] == tables[0][:, label]).all() for table in tables)
    }


def _occurring_labels(table: RunTable) -> list[int]:
    """The labels that gold or the system has."""
    occurring: list[int] = np.flatnonzero(table[..., :2].sum(axis=(0, 2))).tolist()
    return occurring


def minimum_detectable_difference(
    pair: PairedDifference, alpha: float
) -> tuple[float, float, float] | None:
    """The true difference that a two-sided test at level alpha finds with a power of 80 % in such
    corpora, and both ends of its 90 % range; None where it cannot be estimated.

    (t(1 - alpha/2) + t(.8)) · standard error, with K - 1 degrees of freedom ν. The range is that of
    an estimated standard error: times √(ν/χ²) at 95 and at 5 %.
    """
    degrees = pair.degrees
    too_few = degrees < LEAST_EFFECTIVE_UNITS - 1 or pair.differing_units < LEAST_DIFFERING_UNITS
    if pair.reason or too_few:
        return None
    quantiles = student_t_quantile(1 - alpha / 2, degrees) + student_t_quantile(POWER, degrees)
    value = quantiles * pair.total_error
    low, high = (value * math.sqrt(degrees / chi_squared(p, degrees)) for p in (0.95, 0.05))
    return value, low, min(1.0, high)


def chi_squared(p: float, degrees: float) -> float:
    """The quantile of the χ² distribution, for 19 or more degrees of freedom: within 0.2 %
    (Wilson & Hilferty 1931).
    """
    z = NormalDist().inv_cdf(p)
    return degrees * (1 - 2 / (9 * degrees) + z * math.sqrt(2 / (9 * degrees))) ** 3
