"""The difference in F1 of two systems under one metric, with its interval and p-value.

Per difference:

    difference   F1 of the first system minus F1 of the second (micro, or macro over the labels that
                 gold or the system has; with several runs of a system the mean over its runs), with
                 its interval
    p            permutation of units (Noreen 1989), exact if there are at most 20,000 permutations;
                 with several runs of a system, the t-test that belongs to the interval
    p_holm       p corrected for all pairs of systems and metrics that are compared (Holm 1979)
    wins, ties, losses
                 the number of units in which the first system has a larger, equal or smaller micro
                 F1, over units in which gold or a system has an item
    minimum_detectable_difference
                 the smallest difference that would be found with power .8

`stats/paired_differences.py` and `stats/randomization.py` have the formulas. Swapping the systems
changes the sign of the difference and keeps the p-values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean, stdev
from typing import Any, NamedTuple

import numpy as np

from evalkit.scoring.cells import GOLD, PREDICTED
from evalkit.scoring.columns import Ints
from evalkit.scoring.counts import RATIO_COUNTS, Counts
from evalkit.scoring.metrics import Metric, get_scheme
from evalkit.stats.intervals import NOT_ASKED, Resampling, ratios_of
from evalkit.stats.paired_differences import (
    PairedDifference,
    RunTable,
    difference_interval,
    minimum_detectable_difference,
    pair_systems,
)
from evalkit.stats.randomization import (
    UInt64s,
    holm,
    permutation_p,
    permute_systems,
    unit_keys,
)
from evalkit.stats.ratio_intervals import UNDEFINED_RATIO, Floats, Interval

SIGNIFICANCE_LEVEL = 0.05
F1_TIE_DIGITS = 12  # F1 values that are equal when rounded to these digits are a tie


@dataclass(frozen=True)
class Difference:
    """Two systems under one metric; see the head of the module.

    reason: why there is no interval, or why it is to be read with care. exact: whether all
    permutations were computed; None where p comes from a t-test. standard_error: of the difference.
    effective_units: K of `stats/paired_differences.py`. differing_units: those in which the counts
    of the systems differ. runs_a, runs_b: the number of runs. sd_a, sd_b: the standard deviation of
    F1 over runs; None for one run.
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
    p_holm: float | None
    exact: bool | None
    wins: int
    ties: int
    losses: int
    minimum_detectable_difference: float | None
    minimum_detectable_low: float | None
    minimum_detectable_high: float | None
    standard_error: float | None
    effective_units: float
    differing_units: int
    runs_a: int
    runs_b: int
    sd_a: float | None
    sd_b: float | None
    pair: PairedDifference | None = None

    @property
    def interval(self) -> Interval:
        """The interval of the difference."""
        return Interval(self.low, self.high, self.reason)

    @property
    def is_significant(self) -> bool:
        """Whether the corrected p is below .05."""
        return self.p_holm is not None and self.p_holm < SIGNIFICANCE_LEVEL

    def contradicts_interval(self, level: float) -> bool:
        """Whether p < 1 - level and an interval without 0 say different things."""
        if self.p is None or self.low is None or self.high is None:
            return False
        return (self.p < 1 - level) == (self.low <= 0 <= self.high)

    def as_dict(self) -> dict[str, Any]:
        """All fields by name."""
        fields = asdict(self)
        del fields["pair"]
        return fields


def compute_difference(
    names: tuple[str, str],
    runs: tuple[Sequence[Counts], Sequence[Counts]],
    resampling: Resampling,
    average: str,
    permutations: int,
) -> Difference:
    """The difference of two systems, without what depends on the number of tests.

    runs: the counts of one metric in each run of both systems. permutations: random ones, if there
    are too many to compute all.
    """
    tables, keys = _align_units([*runs[0], *runs[1]])
    tables_a, tables_b = tables[: len(runs[0])], tables[len(runs[0]) :]
    wins, ties, losses = _win_tie_loss(tables_a, tables_b)
    if average == "micro":
        tables_a, tables_b = _sum_labels(tables_a), _sum_labels(tables_b)
    scheme = get_scheme(Metric.parse(runs[0][0].metric).scheme)
    statistic = F1Statistic(average, average == "micro" or scheme.same_label)
    values_a = [float(statistic.compute(table.sum(axis=0))) for table in tables_a]
    values_b = [float(statistic.compute(table.sum(axis=0))) for table in tables_b]
    unit = resampling.unit
    pair = pair_systems(tables_a, tables_b, unit)
    difference = Difference(
        metric=runs[0][0].metric,
        average=average,
        a=names[0],
        b=names[1],
        f1_a=_mean_or_none(values_a),
        f1_b=_mean_or_none(values_b),
        difference=None,
        low=None,
        high=None,
        reason=UNDEFINED_RATIO.reason,
        p=None,
        p_holm=None,
        exact=None,
        wins=wins,
        ties=ties,
        losses=losses,
        minimum_detectable_difference=None,
        minimum_detectable_low=None,
        minimum_detectable_high=None,
        standard_error=None,
        effective_units=pair.effective_units,
        differing_units=pair.differing_units,
        runs_a=len(tables_a),
        runs_b=len(tables_b),
        sd_a=_deviation_or_none(values_a),
        sd_b=_deviation_or_none(values_b),
    )
    if difference.f1_a is None or difference.f1_b is None:
        return difference
    interval = NOT_ASKED
    if resampling.boot:
        interval = difference_interval(pair, tables_a, tables_b, resampling.level, unit)
    observed = difference.f1_a - difference.f1_b
    exact = None
    p: float | None
    if len(tables_a) == len(tables_b) == 1:
        swapped_a, swapped_b, exact = permute_systems(
            tables_a[0], tables_b[0], keys, permutations, resampling.seed
        )
        permuted = statistic.compute(swapped_a) - statistic.compute(swapped_b)
        p = permutation_p(permuted, observed, exact=exact)
    else:
        p = pair.t_test()
    return replace(
        difference,
        difference=observed,
        low=interval.low,
        high=interval.high,
        reason=interval.reason,
        p=p,
        exact=exact,
        standard_error=None if pair.reason else pair.total_error,
        pair=pair,
    )


def complete_differences(differences: list[Difference]) -> list[Difference]:
    """The differences with what depends on the number of tests: p corrected by Holm's method, and
    the minimum detectable difference at .05 / number of tests.
    """
    p_values = [each.p for each in differences if each.p is not None]
    corrected = iter(holm(p_values))
    alpha = SIGNIFICANCE_LEVEL / max(len(p_values), 1)
    completed = []
    for each in differences:
        p_holm = None if each.p is None else next(corrected)
        detectable = minimum_detectable_difference(each.pair, alpha) if each.pair else None
        value, low, high = detectable or (None, None, None)
        completed.append(
            replace(
                each,
                p_holm=p_holm,
                minimum_detectable_difference=value,
                minimum_detectable_low=low,
                minimum_detectable_high=high,
            )
        )
    return completed


def _mean_or_none(values: Sequence[float]) -> float | None:
    mean = fmean(values)
    return None if np.isnan(mean) else mean


def _deviation_or_none(values: Sequence[float]) -> float | None:
    is_defined = len(values) > 1 and not np.isnan(values).any()
    return stdev(values) if is_defined else None


def _align_units(runs: Sequence[Counts]) -> tuple[list[RunTable], UInt64s]:
    """The credits of each run (units × labels × 4), and the keys of the units. Labels that neither
    gold nor any run has are left out: what a schema declares beside must not change a number.
    """
    occurring: set[str] = set()
    for counts in runs:
        item_counts = counts.totals[:, [GOLD, PREDICTED]].sum(axis=1).tolist()
        occurring.update(label for label, number in zip(counts.labels, item_counts) if number)
    labels = sorted(occurring)
    label_index = {label: n for n, label in enumerate(labels)}
    index_of_unit: dict[tuple[str, int | None], int] = {}
    rows_of_run = []
    for counts in runs:
        resampling_units = counts.resampling_units
        rows_of_units = [
            index_of_unit.setdefault(unit, len(index_of_unit))
            for unit in zip(resampling_units.documents, resampling_units.sentences)
        ]
        rows_of_run.append(np.array(rows_of_units, np.int64))
    tables = []
    for counts, rows in zip(runs, rows_of_run):
        table = np.zeros((len(index_of_unit), len(labels), len(RATIO_COUNTS)), np.int64)
        of_labels = counts.credits_by_label()  # those that do not occur have no credits
        column_of_label = np.array([label_index.get(label, 0) for label in counts.labels], np.int64)
        columns = np.repeat(column_of_label, of_labels.sizes)
        table[rows[of_labels.units], columns] = of_labels.credits
        tables.append(table)
    documents = [document for document, _ in index_of_unit]
    sentences = [sentence for _, sentence in index_of_unit]
    return tables, unit_keys(documents, sentences)


class F1Statistic(NamedTuple):
    """F1 of totals whose last two axes are labels and four credits; NaN where undefined.

    has_f1: False for averages over labels under a scheme that ignores labels.
    """

    average: str
    has_f1: bool

    def compute(self, totals: Floats | Ints) -> Floats:
        """One value for each table of totals. The macro average is over the labels that have an
        item there.
        """
        if not self.has_f1:
            return np.full(totals.shape[:-2], np.nan)
        if self.average == "micro":
            return ratios_of(totals.sum(axis=-2))["f1"]
        f1 = ratios_of(totals)["f1"]
        is_known = ~np.isnan(f1)  # a label with an item on either side has an F1
        known = is_known.sum(axis=-1)
        sums = np.where(is_known, f1, 0).sum(axis=-1)
        mean: Floats = np.divide(sums, known, out=np.full(known.shape, np.nan), where=known > 0)
        return mean


def _sum_labels(tables: Sequence[RunTable]) -> list[RunTable]:
    """The credits of each unit over all labels, as a single column."""
    return [table.sum(axis=1, keepdims=True) for table in tables]


def _win_tie_loss(
    tables_a: Sequence[RunTable], tables_b: Sequence[RunTable]
) -> tuple[int, int, int]:
    """The number of units in which a has a larger, equal and smaller micro F1, over units in which
    gold or a system has an item.
    """
    f1_a, f1_b = _mean_f1_by_unit(tables_a), _mean_f1_by_unit(tables_b)
    has_items = np.zeros(len(f1_a), bool)
    for table in (*tables_a, *tables_b):
        has_items |= table.any(axis=(1, 2))
    gap = np.round(f1_a - f1_b, F1_TIE_DIGITS)[has_items]
    return int((gap > 0).sum()), int((gap == 0).sum()), int((gap < 0).sum())


def _mean_f1_by_unit(tables: Sequence[RunTable]) -> Floats:
    """The mean over runs of the micro F1 of each unit; 1 without items."""
    total = np.zeros(len(tables[0]))
    for table in tables:
        total += np.nan_to_num(ratios_of(table.sum(axis=1))["f1"], nan=1.0)
    return total / len(tables)
