"""Differences of two systems: standard error, interval and detectable difference are those of plain
loops, on correlated documents; and what the systems and runs must have for them.
"""

import math
import random
from statistics import fmean, variance

import numpy as np
import pytest
import scipy
from helpers import interval_oracle

from evalkit.stats.paired_differences import (
    SAME_COUNTS,
    chi_squared,
    difference_interval,
    minimum_detectable_difference,
    pair_systems,
)


def correlated_systems(draw, n, labels=1):
    """(gold, predicted, tp) of two systems in each document, for each label: the quality of a
    document is common to both.
    """
    systems = [[], []]
    for _ in range(n):
        quality = draw.choice([0.3, 0.7, 0.95])
        gold = [draw.choice([0, 1, 3, 9]) for _ in range(labels)]
        for system in systems:
            row = []
            for count in gold:
                tp = sum(draw.random() < quality for _ in range(count))
                row.append((count, tp + draw.choice([0, 0, 1, 2]), tp))
            system.append(row)
    return systems


def table(rows):
    """The credits of a run: units × labels × (gold, predicted, twice found, twice tp)."""
    counts = np.array(rows, np.int64)
    gold, predicted, tp = counts[..., 0], counts[..., 1], counts[..., 2]
    return np.stack([gold, predicted, 2 * tp, 2 * tp], axis=-1)


@pytest.mark.parametrize("seed", range(60))
def test_micro_differences_are_those_of_plain_loops(seed):
    draw = random.Random(seed)
    a, b = correlated_systems(draw, draw.randint(3, 14))
    tables = [table(a)], [table(b)]

    pair = pair_systems(*tables, "document")

    flat_a, flat_b = [row[0] for row in a], [row[0] for row in b]
    assert pair.difference == pytest.approx(interval_oracle.f1_difference(flat_a, flat_b))
    assert pair.units == sum(sum(x) + sum(y) > 0 for x, y in zip(flat_a, flat_b, strict=True))
    assert pair.differing_units == sum(x != y for x, y in zip(flat_a, flat_b, strict=True))
    if pair.reason:
        return
    error, effective = interval_oracle.difference_error(flat_a, flat_b)
    assert pair.standard_error == pytest.approx(error, abs=1e-12)
    assert pair.effective_units == pytest.approx(effective)
    reach = interval_oracle.quantile(0.95, max(1, effective - 1)) * error
    low, high, _ = difference_interval(pair, *tables, 0.9, "document")
    assert low == pytest.approx(max(-1, pair.difference - reach), abs=1e-12)
    assert high == pytest.approx(min(1, pair.difference + reach), abs=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_macro_differences_are_those_of_plain_loops(seed):
    draw = random.Random(seed)
    a, b = correlated_systems(draw, draw.randint(6, 14), labels=3)
    tables = [table(a)], [table(b)]

    pair = pair_systems(*tables, "document")

    terms = []
    value = 0.0
    for sign, rows in ((1, a), (-1, b)):
        by_label = [[row[label] for row in rows] for label in range(3)]
        occurring = [documents for documents in by_label if any(map(sum, documents))]
        for documents in occurring:
            term = interval_oracle.label_term(documents, "f1", sign / len(occurring))
            terms.append(term)
            value += term[0] * term[1]
    below, above = interval_oracle.mover_distances(terms, pair.effective_units)
    low, high, _ = difference_interval(pair, *tables, 0.95, "document")
    assert pair.difference == pytest.approx(value)
    assert (low, high) == pytest.approx((max(-1, value - below), min(1, value + above)), abs=1e-9)


def test_labels_in_which_both_systems_are_equal_cancel_out():
    draw = random.Random(1)
    a, b = correlated_systems(draw, 12, labels=2)
    b = [[row_a[0], row_b[1]] for row_a, row_b in zip(a, b, strict=True)]
    tables = [table(a)], [table(b)]

    low, high, _ = difference_interval(pair_systems(*tables, "document"), *tables, 0.95, "document")

    terms = [
        interval_oracle.label_term([row[1] for row in rows], "f1", sign / 2)
        for sign, rows in ((1, a), (-1, b))
    ]
    below, above = interval_oracle.mover_distances(terms)
    value = sum(term[0] * term[1] for term in terms)
    assert (low, high) == pytest.approx((value - below, value + above), abs=1e-9)


@pytest.mark.parametrize("labels", [1, 3])
@pytest.mark.parametrize("seed", range(20))
def test_order_and_direction_change_no_digit(seed, labels):
    draw = random.Random(seed)
    a, b = correlated_systems(draw, 15, labels)
    order = draw.sample(range(15), 15)
    shuffled_a, shuffled_b = [a[n] for n in order], [b[n] for n in order]

    one = pair_systems([table(a)], [table(b)], "document")

    assert pair_systems([table(shuffled_a)], [table(shuffled_b)], "document") == one
    other = pair_systems([table(b)], [table(a)], "document")
    assert (other.difference, other.standard_error) == (-one.difference, one.standard_error)


def test_equal_systems_and_single_documents_have_no_interval():
    a, _ = correlated_systems(random.Random(2), 9)
    for left, right, reason in (
        (a, a, SAME_COUNTS),
        ([[(4, 3, 2)]], [[(4, 3, 3)]], "one document holds all items"),
        ([[(4, 3, 2)], [(0, 0, 0)]], [[(4, 3, 3)], [(0, 1, 0)]], "one document holds all items"),
        ([[(2, 2, 2)]] * 3, [[(2, 2, 1)]] * 3, "all documents have the same difference"),
    ):
        tables = [table(left)], [table(right)]
        pair = pair_systems(*tables, "document")

        assert difference_interval(pair, *tables, 0.95, "document") == (None, None, reason)
        assert minimum_detectable_difference(pair, 0.05) is None


def runs_of_one_gold(draw, numbers, n=30):
    """Runs of as many systems as there are numbers, over the same gold items."""
    gold = [draw.choice([1, 3, 9]) for _ in range(n)]
    systems = []
    for number in numbers:
        runs = []
        for _ in range(number):
            found = [draw.randint(count // 2, count) for count in gold]
            runs.append(
                [[(g, tp + draw.choice([0, 1, 2]), tp)] for g, tp in zip(gold, found, strict=True)]
            )
        systems.append(runs)
    return systems


def f1_of_run(run, left_out=None):
    documents = [row[0] for n, row in enumerate(run) if n != left_out]
    return interval_oracle.f1(*interval_oracle.add(documents))


@pytest.mark.parametrize("numbers", [(4, 3), (5, 1), (2, 2), (2, 1)])
@pytest.mark.parametrize("seed", range(5))
def test_runs_add_their_variance(numbers, seed):
    systems = runs_of_one_gold(random.Random(seed), numbers)
    tables = [list(map(table, runs)) for runs in systems]

    pair = pair_systems(*tables, "document")

    values = [[f1_of_run(run) for run in runs] for runs in systems]
    difference = fmean(values[0]) - fmean(values[1])
    without = [
        fmean(f1_of_run(run, d) for run in systems[0])
        - fmean(f1_of_run(run, d) for run in systems[1])
        for d in range(30)
    ]
    squared = 29 / 30 * sum((value - difference) ** 2 for value in without)
    if min(numbers) >= 3:
        parts = [(variance(f1s) / len(f1s), len(f1s) - 1) for f1s in values]
    else:
        degrees = sum(numbers) - 2
        pooled = sum(sum((f1 - fmean(f1s)) ** 2 for f1 in f1s) for f1s in values) / degrees
        parts = [(pooled / numbers[0] + pooled / numbers[1], degrees)]
    total = squared + sum(part for part, _ in parts)
    satterthwaite = total**2 / (
        squared**2 / (pair.effective_units - 1) + sum(part**2 / degrees for part, degrees in parts)
    )
    assert pair.difference == pytest.approx(difference)
    assert pair.standard_error == pytest.approx(math.sqrt(squared))
    assert pair.total_error == pytest.approx(math.sqrt(total))
    assert pair.degrees == pytest.approx(satterthwaite)
    low, high, _ = difference_interval(pair, *tables, 0.95, "document")
    reach = interval_oracle.quantile(0.975, satterthwaite) * math.sqrt(total)
    assert (low, high) == pytest.approx((difference - reach, difference + reach))
    t = abs(difference) / math.sqrt(total)
    assert pair.t_test() == pytest.approx(2 * scipy.stats.t.sf(t, satterthwaite))


def test_equal_runs_have_no_variance_of_their_own():
    a, b = correlated_systems(random.Random(3), 20)
    single = pair_systems([table(a)], [table(b)], "document")

    pair = pair_systems([table(a), table(a)], [table(b)], "document")

    assert pair.run_variance == 0
    assert (pair.difference, pair.standard_error, pair.degrees) == pytest.approx(
        (single.difference, single.standard_error, single.degrees)
    )


def test_two_runs_that_vary_have_no_detectable_difference():
    (first, _), (other,) = runs_of_one_gold(random.Random(3), (2, 1), n=60)
    failed = [[(gold, 0, 0)] for ((gold, _, _),) in first]
    pair = pair_systems([table(first), table(failed)], [table(other)], "document")

    assert pair.degrees < 19
    assert minimum_detectable_difference(pair, 0.05) is None


def test_the_detectable_difference_is_a_multiple_of_the_standard_error():
    a, b = correlated_systems(random.Random(5), 60)
    pair = pair_systems([table(a)], [table(b)], "document")
    degrees = pair.effective_units - 1

    value, low, high = minimum_detectable_difference(pair, 0.05 / 3)

    t = interval_oracle.quantile
    expected = (t(1 - 0.05 / 6, degrees) + t(0.8, degrees)) * pair.standard_error
    assert value == pytest.approx(expected, rel=1e-12)
    chi2 = scipy.stats.chi2.ppf
    assert low == pytest.approx(value * math.sqrt(degrees / chi2(0.95, degrees)), rel=0.002)
    assert high == pytest.approx(value * math.sqrt(degrees / chi2(0.05, degrees)), rel=0.002)


def test_few_documents_have_no_detectable_difference():
    a, b = correlated_systems(random.Random(5), 25)
    same_in_most = [b[n] if n < 19 else a[n] for n in range(25)]

    pair = pair_systems([table(a)], [table(same_in_most)], "document")

    assert pair.differing_units < 20
    assert minimum_detectable_difference(pair, 0.05) is None


@pytest.mark.parametrize("degrees", [19.0, 57.3, 500.0])
@pytest.mark.parametrize("p", [0.05, 0.95])
def test_chi_squared_is_nearly_scipys(degrees, p):
    assert chi_squared(p, degrees) == pytest.approx(scipy.stats.chi2.ppf(p, degrees), rel=0.002)
