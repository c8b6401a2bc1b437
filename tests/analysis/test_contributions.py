"""Contributions of parts add up to the difference of two ratios exactly."""

import random
from fractions import Fraction

import pytest

from evalkit.analysis.contributions import RatioParts, split_difference


def random_ratio(draw, parts):
    denominators = [draw.choice([0, 1, 3, 8, 50]) for _ in range(parts)]
    return RatioParts([draw.randint(0, n) for n in denominators], denominators)


def ratio(parts):
    return Fraction(sum(parts.numerators), sum(parts.denominators))


def mean_ratio(runs):
    return sum(map(ratio, runs)) / len(runs)


def random_systems(seed):
    """Runs of two systems; none has an undefined ratio."""
    draw = random.Random(seed)
    parts = draw.randint(1, 6)
    systems = []
    for _ in range(2):
        runs = [random_ratio(draw, parts) for _ in range(draw.randint(1, 4))]
        systems.append([run for run in runs if sum(run.denominators)])
    return systems


SYSTEMS = [systems for systems in map(random_systems, range(300)) if all(systems)]


def test_micro_f1_by_label_as_worked_out_by_hand():
    # F1 of a: 2 · 90 / (150 + 113), of b: 2 · 96 / (150 + 127)
    a = RatioParts([2 * 40, 2 * 20, 2 * 30], [60 + 50, 50 + 30, 40 + 33])
    b = RatioParts([2 * 45, 2 * 18, 2 * 33], [60 + 52, 50 + 40, 40 + 35])

    parts = split_difference([b], [a])

    assert [float(part) for part in parts] == pytest.approx(
        [0.031956, -0.040356, 0.017131], abs=5e-7
    )
    assert float(ratio(a)) == pytest.approx(0.684411, abs=5e-7)
    assert float(ratio(b)) == pytest.approx(0.693141, abs=5e-7)
    assert sum(parts) == ratio(b) - ratio(a)


@pytest.mark.parametrize("seed", range(len(SYSTEMS)))
def test_contributions_are_the_mean_over_pairs_of_runs_of_the_definition(seed):
    runs_a, runs_b = SYSTEMS[seed]
    expected = [Fraction(0)] * len(runs_a[0].numerators)
    for a in runs_a:
        for b in runs_b:
            n_a, n_b = sum(a.denominators), sum(b.denominators)
            x_a, x_b = sum(a.numerators), sum(b.numerators)
            for part in range(len(expected)):
                by_x = (a.numerators[part] - b.numerators[part]) * Fraction(
                    n_a + n_b, 2 * n_a * n_b
                )
                by_n = (a.denominators[part] - b.denominators[part]) * Fraction(
                    x_a + x_b, 2 * n_a * n_b
                )
                expected[part] += (by_x - by_n) / (len(runs_a) * len(runs_b))

    parts = split_difference(runs_a, runs_b)

    assert parts == expected
    assert sum(parts) == mean_ratio(runs_a) - mean_ratio(runs_b)


@pytest.mark.parametrize("seed", range(0, len(SYSTEMS), 5))
def test_swapping_the_systems_negates_each_contribution(seed):
    runs_a, runs_b = SYSTEMS[seed]

    assert split_difference(runs_b, runs_a) == [-part for part in split_difference(runs_a, runs_b)]


@pytest.mark.parametrize("seed", range(0, len(SYSTEMS), 5))
def test_the_contribution_of_merged_parts_is_the_sum_of_theirs(seed):
    runs_a, runs_b = SYSTEMS[seed]

    def merge(runs):
        return [RatioParts([sum(run.numerators)], [sum(run.denominators)]) for run in runs]

    assert split_difference(merge(runs_a), merge(runs_b)) == [sum(split_difference(runs_a, runs_b))]


def test_an_undefined_ratio_has_no_contributions():
    nothing, half = RatioParts([0], [0]), RatioParts([1], [2])

    assert split_difference([nothing], [half]) is None
    assert split_difference([half], [half, nothing]) is None
