"""Permutations are the documented ones, and p-values are what their definitions say: plain loops
and scipy are the rulers.
"""

import math
import random

import numpy as np
import pytest
from helpers import interval_oracle
from scipy.stats import permutation_test

from evalkit.stats import randomization as stats

SEED = 12345


def keys(n, document="d"):
    return stats.unit_keys([f"{document}{i}" for i in range(n)], [None] * n)


def test_a_key_is_that_of_the_document_and_the_sentence():
    found = stats.unit_keys(["a", "a", "ü"], [None, 3, 0])

    assert found.tolist() == [
        interval_oracle.key("a", None),
        interval_oracle.key("a", 3),
        interval_oracle.key("ü", 0),
    ]


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


def permute(a, b, unit_keys, replicates):
    """The totals of both systems, for counts of a single label: units × counts."""
    one, two, exact = stats.permute_systems(a[:, None], b[:, None], unit_keys, replicates, SEED)
    return one[:, 0], two[:, 0], exact


def f1(totals):
    return 2 * totals[..., 2] / (totals[..., 0] + totals[..., 1])


@pytest.mark.parametrize("seed", range(12))
def test_exact_p_values_are_scipys(seed):
    a, b = two_systems(9, seed)
    observed = f1(a.sum(axis=0)) - f1(b.sum(axis=0))

    one, two, exact = permute(a, b, keys(9), 100)

    both = np.concatenate([a, b])
    theirs = permutation_test(
        (np.arange(9), np.arange(9) + 9),
        lambda x, y, axis: f1(both[x].sum(axis=-2)) - f1(both[y].sum(axis=-2)),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert exact
    assert stats.permutation_p(f1(one) - f1(two), observed, exact=True) == pytest.approx(
        theirs.pvalue, abs=1e-12
    )


def test_random_trades_are_those_of_plain_whole_numbers():
    a, b = two_systems(40, 1)
    units = keys(40)

    one, two, exact = permute(a, b, units, 130)

    expected = [
        sum(
            b[n] if interval_oracle.is_swapped(int(units[n]), SEED, r) else a[n] for n in range(40)
        ).tolist()
        for r in range(130)
    ]
    assert not exact
    assert one.tolist() == expected
    assert (one + two == (a + b).sum(axis=0)).all()


def test_random_p_values_lie_near_scipys():
    a, b = two_systems(60, 3)
    observed = f1(a.sum(axis=0)) - f1(b.sum(axis=0))
    one, two, _ = permute(a, b, keys(60), 10_000)

    p = stats.permutation_p(f1(one) - f1(two), observed, exact=False)

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
    assert stats.permutation_p(np.array([0.0, 0.1, -0.3, 0.2]), 0.2, exact=False) == 3 / 5
    assert stats.permutation_p(np.array([0.0, 0.1, -0.3, 0.2]), 0.2, exact=True) == 2 / 4


def test_up_to_fourteen_units_all_trades_are_gone_through():
    for n, exact in ((14, True), (15, False)):
        a = np.ones((n, 3), np.int64)

        assert permute(a, 2 * a, keys(n), 10)[2] is exact


def test_units_in_which_both_are_alike_are_not_traded():
    a, b = two_systems(8, 4)
    alike = np.full((50, 3), 2)

    found = permute(np.concatenate([a, alike]), np.concatenate([b, alike]), keys(58), 10)

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


def test_the_smallest_possible_p_decides_how_many_units_must_differ():
    for tests in (1, 2, 3, 5, 10, 20, 100):
        needed = stats.differing_units_needed(tests, 0.05)

        assert 2.0 ** -(needed - 1) <= 0.05 / tests < 2.0 ** -(needed - 2)


def test_two_labels_are_swapped_together():
    draw = np.random.default_rng(1)
    a, b = draw.integers(0, 5, (2, 30, 2, 4))

    one, two, _ = stats.permute_systems(a, b, keys(30), 64, SEED)

    for label in range(2):
        alone, _, _ = stats.permute_systems(
            a[:, label : label + 1], b[:, label : label + 1], keys(30), 64, SEED
        )
        assert (one[:, label] == alone[:, 0]).all()
    assert (one + two == (a + b).sum(axis=0)).all()
