"""The draws are the documented ones, and the intervals and p-values are what their definitions say:
plain loops and scipy are the rulers.
"""

import itertools
import math
import random

import numpy as np
import pytest
import scipy
from helpers import resampling_oracle
from scipy.stats import permutation_test

from evalkit.stats import resampling as stats

SEED = 12345


def keys(n, document="d"):
    return stats.resampling_keys([f"{document}{i}" for i in range(n)], [None] * n)


def test_a_key_is_that_of_the_document_and_the_sentence():
    found = stats.resampling_keys(["a", "a", "ü"], [None, 3, 0])

    assert found.tolist() == [
        resampling_oracle.key("a", None),
        resampling_oracle.key("a", 3),
        resampling_oracle.key("ü", 0),
    ]


def test_weights_are_those_of_plain_whole_numbers():
    units = stats.resampling_keys(["a", "b", "c"], [None, 0, 7])

    found = stats.poisson_weights(units, SEED, 0, 501)

    assert found.tolist() == [
        [resampling_oracle.weight(int(unit), SEED, replicate) for unit in units]
        for replicate in range(501)
    ]


def test_the_first_weights_never_change():
    assert stats.poisson_weights(keys(6), SEED, 0, 4).tolist() == GOLDEN_WEIGHTS
    assert stats.poisson_weights(keys(6), SEED, 2, 2).tolist() == GOLDEN_WEIGHTS[2:]


GOLDEN_WEIGHTS = [[1, 1, 2, 0, 1, 0], [0, 0, 5, 1, 0, 2], [1, 1, 2, 2, 1, 0], [0, 0, 2, 1, 0, 1]]


def test_thresholds_are_those_of_the_poisson_distribution():
    shares = list(
        itertools.accumulate(math.exp(-1) / math.factorial(k) for k in range(len(stats.THRESHOLDS)))
    )

    assert list(stats.THRESHOLDS) == [math.floor(2**32 * share) for share in shares]


def test_weights_beside_a_threshold_are_told_apart():
    near = np.array([bound + d for bound in stats.THRESHOLDS for d in (-1, 0)], np.uint32)

    assert stats.poisson_draws(near).tolist() == [
        k + d for k in range(len(stats.THRESHOLDS)) for d in (0, 1)
    ]


def test_weights_have_the_mean_the_variance_and_the_shares_of_poisson():
    found = stats.poisson_weights(keys(400), SEED, 0, 1000)

    observed = [(found == k).sum() for k in range(6)]
    expected = [found.size * math.exp(-1) / math.factorial(k) for k in range(6)]
    assert (
        sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True)) < 22.5
    )  # χ²(6), p = .001


@pytest.mark.parametrize("largest", [3, 2_000_000])
def test_resampled_totals_are_weighted_sums(largest):
    draw = np.random.default_rng(1)
    counts, units = draw.integers(0, largest, (5000, 3)), keys(5000)

    found = stats.bootstrap_totals(counts, units, 67, SEED)

    assert (found == stats.poisson_weights(units, SEED, 0, 67).astype(np.int64) @ counts).all()


def test_resampled_totals_do_not_depend_on_the_order_of_units_or_on_how_many_replicates_follow():
    draw = np.random.default_rng(2)
    counts, units, order = draw.integers(0, 9, (900, 4)), keys(900), draw.permutation(900)

    assert (
        stats.bootstrap_totals(counts, units, 100, SEED)
        == stats.bootstrap_totals(counts[order], units[order], 200, SEED)[:100]
    ).all()


def test_shards_add_up():
    draw = np.random.default_rng(3)
    counts, units = draw.integers(0, 9, (100, 2)), keys(100)

    whole = stats.bootstrap_totals(counts, units, 50, SEED)

    assert (
        whole
        == stats.bootstrap_totals(counts[:37], units[:37], 50, SEED)
        + stats.bootstrap_totals(counts[37:], units[37:], 50, SEED)
    ).all()


def test_no_units_give_totals_of_nothing():
    assert (
        stats.bootstrap_totals(np.zeros((0, 2), np.int64), keys(0), 3, SEED).tolist()
        == [[0, 0]] * 3
    )


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [199, 999, 1000])
def test_the_percentile_interval_takes_the_kth_from_both_ends(level, n):
    values = np.random.default_rng(n).random(n)

    low, high, _ = stats.percentile(values, level)

    assert (low, high) == resampling_oracle.percentile(values.tolist(), level)


@pytest.mark.parametrize(("n", "level"), [(19, 0.99), (199, 0.999), (1, 0.5)])
def test_too_few_replicates_for_a_level_give_no_interval(n, level):
    assert stats.percentile(np.random.default_rng(n).random(n), level) == stats.Interval(
        None, None, "too few replicates for this level"
    )


def test_replicates_that_are_undefined_are_left_out_up_to_a_twentieth():
    values = np.arange(100.0)
    values[:5] = np.nan

    assert stats.percentile(values, 0.9) == stats.Interval(8.0, 96.0)
    values[5] = np.nan
    assert stats.percentile(values, 0.9) == stats.Interval(
        None, None, "undefined in more than 5 % of the replicates"
    )


def test_replicates_that_are_all_alike_give_no_interval():
    assert stats.percentile(np.full(100, 0.5), 0.95) == stats.Interval(None, None, "no variance")


@pytest.mark.parametrize("seed", range(20))
def test_the_bca_interval_is_that_of_plain_loops(seed):
    draw = np.random.default_rng(seed)
    values, observed, left_out = draw.beta(8, 2, 999), 0.8, draw.normal(0.8, 0.02, 30)

    low, high, _ = stats.bca(values, observed, left_out, 0.95)

    assert (low, high) == resampling_oracle.bca(values.tolist(), observed, left_out.tolist(), 0.95)


def test_the_bca_interval_of_a_mean_is_near_scipys():
    data = np.random.default_rng(5).exponential(1, 60)
    units = keys(60)
    weights = stats.poisson_weights(units, SEED, 0, 20_000)
    values = weights @ data / weights.sum(axis=1)
    left_out = (data.sum() - data) / 59

    low, high, _ = stats.bca(values, data.mean(), left_out, 0.95)

    theirs = scipy.stats.bootstrap(
        (data,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    assert (low, high) == pytest.approx(
        (theirs.low, theirs.high), abs=0.03
    )  # scipy 1.17: 0.738 to 1.236


def test_a_value_at_the_edge_of_all_replicates_has_no_bca_interval():
    assert (
        stats.bca(np.arange(1.0, 100), 0.0, np.zeros(3), 0.95).reason
        == "all replicates lie on one side"
    )


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (15, 148, 0.0624, 0.1605)],
)
def test_wilson_intervals_are_those_of_the_literature(part, whole, low, high):
    """15 of 148: Newcombe 1998, table I, method 3; 0 and 10 of 10: scipy 1.17,
    binomtest(…).proportion_ci(method="wilson").
    """
    found = stats.wilson(part, whole, 0.95)

    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    theirs = scipy.stats.binomtest(part, whole).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def two_systems(n, seed):
    draw = np.random.default_rng(seed)
    gold = draw.integers(1, 6, n)
    sides = [
        np.stack(
            [gold, said := draw.integers(1, 6, n), np.minimum(gold, said) - (draw.random(n) < 0.4)],
            axis=1,
        )
        for _ in range(2)
    ]
    return sides[0], sides[1]


def f1(totals):
    return 2 * totals[..., 2] / (totals[..., 0] + totals[..., 1])


@pytest.mark.parametrize("seed", range(12))
def test_exact_p_values_are_scipys(seed):
    a, b = two_systems(9, seed)
    observed = f1(a.sum(axis=0)) - f1(b.sum(axis=0))

    one, two, exact = stats.permute_systems(a, b, keys(9), 100, SEED)

    both = np.concatenate([a, b])
    theirs = permutation_test(
        (np.arange(9), np.arange(9) + 9),
        lambda x, y, axis: f1(both[x].sum(axis=-2)) - f1(both[y].sum(axis=-2)),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert exact
    assert stats.randomisation_p(f1(one) - f1(two), observed, exact=True) == pytest.approx(
        theirs.pvalue, abs=1e-12
    )


def test_random_trades_are_those_of_plain_whole_numbers():
    a, b = two_systems(40, 1)
    units = keys(40)

    one, two, exact = stats.permute_systems(a, b, units, 130, SEED)

    expected = [
        sum(
            b[n] if resampling_oracle.traded(int(units[n]), SEED, r) else a[n] for n in range(40)
        ).tolist()
        for r in range(130)
    ]
    assert not exact
    assert one.tolist() == expected
    assert (one + two == (a + b).sum(axis=0)).all()


def test_random_p_values_lie_near_scipys():
    a, b = two_systems(60, 3)
    observed = f1(a.sum(axis=0)) - f1(b.sum(axis=0))
    one, two, _ = stats.permute_systems(a, b, keys(60), 10_000, SEED)

    p = stats.randomisation_p(f1(one) - f1(two), observed, exact=False)

    both = np.concatenate([a, b])
    theirs = permutation_test(
        (np.arange(60), np.arange(60) + 60),
        lambda x, y, axis: f1(both[x].sum(axis=-2)) - f1(both[y].sum(axis=-2)),
        permutation_type="samples",
        vectorized=True,
        n_resamples=10_000,
        rng=np.random.default_rng(1),
    ).pvalue
    assert p == pytest.approx(theirs, abs=4 * math.sqrt(2 * theirs * (1 - theirs) / 10_000))


def test_random_p_values_count_the_observed_trade():
    assert stats.randomisation_p(np.array([0.0, 0.1, -0.3, 0.2]), 0.2, exact=False) == 3 / 5
    assert stats.randomisation_p(np.array([0.0, 0.1, -0.3, 0.2]), 0.2, exact=True) == 2 / 4


def test_bootstrap_p_values_count_what_strays_as_far():
    assert stats.bootstrap_p(np.array([0.2, 0.1, 0.4, 0.0, np.nan]), 0.2) == 3 / 5


def test_up_to_fourteen_units_all_trades_are_gone_through():
    for n, exact in ((14, True), (15, False)):
        a = np.ones((n, 3), np.int64)

        assert stats.permute_systems(a, 2 * a, keys(n), 10, SEED)[2] is exact


def test_units_in_which_both_are_alike_are_not_traded():
    a, b = two_systems(8, 4)
    alike = np.full((50, 3), 2)

    found = stats.permute_systems(
        np.concatenate([a, alike]), np.concatenate([b, alike]), keys(58), 10, SEED
    )

    assert found[2]
    assert len(found[0]) <= 256


def test_holm_is_that_of_plain_steps():
    draw = random.Random(1)
    for _ in range(100):
        values = [draw.choice([0.001, 0.01, 0.02, 0.5, 1.0]) for _ in range(draw.randint(1, 6))]
        ordered = sorted(values)

        expected = [
            min(
                1.0,
                max(
                    ordered[j] * (len(ordered) - j)
                    for j in range(ordered.index(value) + ordered.count(value))
                ),
            )
            for value in values
        ]

        assert stats.holm(values) == pytest.approx(expected)


def test_the_detectable_difference_is_two_point_eight_standard_deviations():
    values = np.random.default_rng(1).normal(0, 0.1, 100_000)

    assert stats.minimum_detectable_difference(values) == pytest.approx(2.8 * 0.1, rel=0.01)
