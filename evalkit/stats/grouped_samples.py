"""The samples of many ratios at once: of the labels of a metric.

The numbers are those of `sample_ratio`, to the last bit: sums of whole numbers are exact, and the
squares that V sums up are rounded once, as there.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from evalkit.scoring.columns import Ints
from evalkit.stats.ratio_intervals import (
    EXACT_IN_FLOAT64,
    Floats,
    RatioSample,
    sample_from_sums,
    sample_ratio,
)


class GroupedSamples(NamedTuple):
    """The sample of each group, and values of the units that have items of a group, one group after
    the other.

    units: the unit of each value. sizes: the number of values of each group. residuals: r_d, see
    `RatioSample`.
    """

    samples: list[RatioSample]
    units: Ints
    sizes: Ints
    residuals: Floats


def sample_groups(right: Ints, total: Ints, units: Ints, sizes: Ints) -> GroupedSamples:
    """The samples of groups of units.

    right, total, units: a_d, m_d and the unit of each value, one group after the other. sizes: how
    many values each group has.
    """
    has_items = total > 0
    group = np.repeat(np.arange(len(sizes)), sizes)[has_items]
    right, total, units = right[has_items], total[has_items], units[has_items]
    sizes = np.bincount(group, minlength=len(sizes))
    borders = [0, *np.cumsum(sizes).tolist()]
    a, m = right.astype(np.float64), total.astype(np.float64)
    right_sums, total_sums = _sum_groups(a, group, len(sizes)), _sum_groups(m, group, len(sizes))
    of_total = np.repeat(total_sums, sizes)
    residuals = a * of_total - np.repeat(right_sums, sizes) * m
    if len(m) and m.max() * m.max() * len(m) >= EXACT_IN_FLOAT64:
        samples = [sample_ratio(right[i:j], total[i:j]) for i, j in pairwise(borders)]
        return GroupedSamples(samples, units, sizes, residuals)
    with np.errstate(divide="ignore", invalid="ignore"):  # groups of one unit, whose V is 0
        deviations = residuals / (of_total * (of_total - m))
    squares = (deviations * deviations).tolist()
    sums = [right_sums, total_sums]
    for product in (a * a, a * m, m * m):
        sums.append(_sum_groups(product, group, len(sizes)))
    samples = []
    for (start, end), *of_group in zip(pairwise(borders), *(column.tolist() for column in sums)):
        squared_deviations = math.fsum(squares[start:end]) if end - start > 1 else 0.0
        right_sum, total_sum, squared_rights, products, squared_totals = map(int, of_group)
        samples.append(
            sample_from_sums(
                end - start,
                right_sum,
                total_sum,
                squared_rights,
                products,
                squared_totals,
                squared_deviations,
            )
        )
    return GroupedSamples(samples, units, sizes, residuals)


def _sum_groups(values: Floats, group: Ints, groups: int) -> Floats:
    """The sum of the values of each group: of whole numbers, so that it is exact."""
    return np.bincount(group, values, minlength=groups).astype(np.float64)
