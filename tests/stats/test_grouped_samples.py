"""Samples of many groups at once are those of each group alone, to the last bit."""

import numpy as np
import pytest

from evalkit.stats.grouped_samples import sample_groups
from evalkit.stats.mover import MoverSum
from evalkit.stats.ratio_intervals import ratio_residuals, sample_ratio


@pytest.mark.parametrize("scale", [1, 10_000_000])
def test_each_sample_is_that_of_its_group(scale):
    draw = np.random.default_rng(3)
    sizes = np.array([3, 0, 1, 7, 2, 1])
    total = scale * draw.integers(0, 5, sizes.sum())
    right = draw.binomial(total, 0.7)
    units = np.concatenate([draw.permutation(9)[:size] for size in sizes])

    groups = sample_groups(right, total, units, sizes)

    start = first = 0
    for size, kept, sample in zip(sizes, groups.sizes, groups.samples, strict=True):
        of_group = slice(start, start + size)
        assert sample == sample_ratio(right[of_group], total[of_group])
        has_items = total[of_group] > 0
        residuals = ratio_residuals(sample, right[of_group], total[of_group])
        assert groups.residuals[first : first + kept].tolist() == residuals[has_items].tolist()
        assert groups.units[first : first + kept].tolist() == units[of_group][has_items].tolist()
        start, first = start + size, first + kept


def test_terms_of_many_groups_are_those_added_one_by_one():
    draw = np.random.default_rng(4)
    sizes = np.array([4, 1, 6, 3])
    total = draw.integers(1, 5, sizes.sum())
    right = draw.binomial(total, 0.6)
    units = np.concatenate([draw.permutation(8)[:size] for size in sizes])
    weights, values, ends = [0.2, 0.5, 0.0, 0.3], [0.5, 1.0, 0.25, 0.75], []
    for value in values:
        ends.append((value / 2, (1 + value) / 2))
    together, one_by_one = MoverSum(8), MoverSum(8)

    groups = sample_groups(right, total, units, sizes)
    together.add_groups(weights, values, ends, groups)

    start = 0
    for weight, value, of_label, size, sample in zip(
        weights, values, ends, sizes, groups.samples, strict=True
    ):
        of_group = slice(start, start + size)
        residuals = groups.residuals[of_group]
        one_by_one.add(weight, value, of_label, units[of_group], residuals, sample.residual_norm)
        start += size
    for effective_units in (3.0, 30.0):
        assert together.distances(effective_units) == one_by_one.distances(effective_units)
