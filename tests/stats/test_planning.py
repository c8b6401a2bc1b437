"""The number of documents that a difference takes: plain loops, scipy's quantiles, and simulations
are the rulers.
"""

import math
import random

import numpy as np
import pytest
import scipy.stats
from helpers.quick import choose_quick

from evalkit.errors import InputError
from evalkit.stats.planning import (
    count_needed_documents,
    detectable_difference,
    round_up,
    sample_gold,
    sample_predictions,
    validate_difference,
)


def needed_by_search(error, documents, effective, difference):
    """The smallest number of documents, tried one after the other."""
    n = 2
    while True:
        degrees = max(1.0, effective * n / documents - 1)
        quantiles = scipy.stats.t.ppf(0.975, degrees) + scipy.stats.t.ppf(0.8, degrees)
        if quantiles * error * math.sqrt(documents / n) <= difference:
            return n
        n += 1


def jackknife_error_of_f1(counts):
    """The delete-one jackknife standard error of q, as that of F1. counts: (right, wrong)."""

    def q(kept):
        return sum(right for right, _ in kept) / sum(sum(each) for each in kept)

    with_items = [each for each in counts if sum(each)]
    n = len(with_items)
    squares = 0.0
    for left_out in range(n):
        others = with_items[:left_out] + with_items[left_out + 1 :]
        squares += (q(others) - q(with_items)) ** 2
    return math.sqrt((n - 1) / n * squares) * 2 / (1 + q(with_items)) ** 2


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("difference", [0.03, 0.1, 0.4])
def test_the_number_for_predictions_is_that_of_plain_loops(seed, difference):
    draw = random.Random(seed)
    counts = [(draw.randint(0, 9), draw.randint(0, 4)) for _ in range(draw.randint(4, 30))]
    totals = [right + wrong for right, wrong in counts]
    effective = sum(totals) ** 2 / sum(total**2 for total in totals)
    # The correlation of two systems is taken as .5: √(2 (1 - .5)) = 1.
    error = jackknife_error_of_f1(counts)

    sample = sample_predictions(
        np.array([right for right, _ in counts]), np.array(totals), len(counts)
    )

    assert sample.standard_error == pytest.approx(error, rel=1e-9)
    assert sample.effective_documents == pytest.approx(effective)
    assert count_needed_documents(sample, difference) == needed_by_search(
        error, len(counts), effective, difference
    )


@pytest.mark.parametrize("seed", choose_quick(range(20), 5))
@pytest.mark.parametrize("difference", [0.03, 0.1, 0.4])
def test_the_number_for_gold_alone_is_that_of_plain_loops(seed, difference):
    draw = random.Random(seed)
    gold = [draw.choice([0, 1, 3, 8, 20]) for _ in range(draw.randint(4, 30))] + [1, 2]
    sizes = [(2 - 0.8) * count for count in gold]
    q = 0.8 / (2 - 0.8)
    variance = 0.0
    for size in sizes:
        variance += q * (1 - q) / sum(sizes) ** 2 * size * (1 + (size - 1) * 0.1)
    error = math.sqrt(variance) * 2 / (1 + q) ** 2
    effective = sum(gold) ** 2 / sum(count**2 for count in gold)

    sample = sample_gold(np.array(gold), len(gold))

    assert sample.f1 == 0.8
    assert sample.standard_error == pytest.approx(error, rel=1e-9)
    assert sample.effective_documents == pytest.approx(effective)
    assert count_needed_documents(sample, difference) == needed_by_search(
        error, len(gold), effective, difference
    )


def test_a_corpus_of_the_same_documents_many_times_needs_as_many():
    right, total = np.array([5, 0, 2, 8, 3, 4]), np.array([6, 0, 4, 9, 5, 6])

    tenfold = sample_predictions(np.tile(right, 10), np.tile(total, 10), 60)
    thousandfold = sample_predictions(np.tile(right, 1000), np.tile(total, 1000), 6000)

    needed = count_needed_documents(thousandfold, 0.02)
    assert count_needed_documents(tenfold, 0.02) == pytest.approx(needed, rel=0.05)
    assert detectable_difference(thousandfold, needed) <= 0.02
    assert detectable_difference(thousandfold, needed - 1) > 0.02


def test_documents_without_items_count_among_those_needed():
    with_items = sample_gold(np.array([4] * 30), 30)
    half_empty = sample_gold(np.array([4, 0] * 30), 60)

    assert half_empty.standard_error == pytest.approx(with_items.standard_error)
    full = count_needed_documents(with_items, 0.05)
    assert count_needed_documents(half_empty, 0.05) in (2 * full - 1, 2 * full)


@pytest.mark.parametrize(
    ("right", "total", "reason"),
    [
        ([], [], "there are no items"),
        ([0, 0], [0, 0], "there are no items"),
        ([3], [4], "it takes at least two documents with items"),
        ([3, 0], [4, 0], "it takes at least two documents with items"),
        ([4, 2], [4, 2], "the predictions have no error"),
        ([0, 0], [4, 2], "the predictions have nothing right"),
        ([2, 1], [4, 2], "all documents have the same F1"),
    ],
)
def test_predictions_that_allow_no_estimate_have_a_reason(right, total, reason):
    sample = sample_predictions(np.array(right, int), np.array(total, int), len(right))

    assert (sample.reason, sample.standard_error) == (reason, 0)


@pytest.mark.parametrize(
    ("gold", "reason"),
    [
        ([], "there are no items"),
        ([0, 0], "there are no items"),
        ([9], "it takes at least two documents with items"),
        ([9, 0], "it takes at least two documents with items"),
    ],
)
def test_gold_that_allows_no_estimate_has_a_reason(gold, reason):
    assert sample_gold(np.array(gold, int), len(gold)).reason == reason


def test_a_difference_that_no_corpus_shows_has_no_number():
    sample = sample_gold(np.array([3, 5]), 2)

    assert count_needed_documents(sample, 1e-9) is None
    assert count_needed_documents(sample, 0.0001) > 1_000_000


@pytest.mark.parametrize("difference", [0, 1, -0.1, 2, math.nan, math.inf, "0.1", None, True])
def test_a_difference_is_a_number_between_0_and_1(difference):
    with pytest.raises(InputError, match="expected a difference of F1 between 0 and 1"):
        validate_difference(difference)


@pytest.mark.parametrize(
    ("number", "rounded"), [(2, 2), (99, 99), (100, 100), (101, 110), (999, 1000), (1201, 1300)]
)
def test_numbers_are_rounded_up_to_two_digits(number, rounded):
    assert round_up(number) == rounded


def draw_documents(draw, documents, gap):
    """The right items of two systems of 12 each in documents, whose counts correlate with .5.

    Half of the items are right or wrong for both systems; `gap` lowers the q of the second.
    """
    shares = draw.beta(0.7 * 6, 0.3 * 6, (3, documents))  # outcomes within a document correlate
    both, first = draw.binomial(6, shares[0]), draw.binomial(6, shares[1])
    second = draw.binomial(6, shares[2] * (1 - gap / 0.35))
    return both + first, both + second


def f1_without_each(right, total):
    q = (right.sum() - right) / (total * (len(right) - 1))
    return 2 * q / (1 + q)


def test_four_in_five_corpora_of_that_size_show_the_difference():
    draw = np.random.default_rng(7)
    gap = 0.04
    difference = 2 * 0.7 / 1.7 - 2 * (0.7 - gap) / (1.7 - gap)
    pilot, _ = draw_documents(draw, 2000, 0)

    sample = sample_predictions(pilot, np.full(2000, 12), 2000)
    n = count_needed_documents(sample, difference)

    found = 0
    for _ in range(1000):
        a, b = draw_documents(draw, n, gap)
        deleted = f1_without_each(a, 12) - f1_without_each(b, 12)
        error = math.sqrt((n - 1) / n * ((deleted - deleted.mean()) ** 2).sum())
        observed = 2 * a.sum() / (12 * n + a.sum()) - 2 * b.sum() / (12 * n + b.sum())
        found += observed / error > scipy.stats.t.ppf(0.975, n - 1)
    assert 0.76 < found / 1000 < 0.84


def test_the_assumed_standard_error_is_that_of_correlated_outcomes():
    draw = np.random.default_rng(3)
    gold = np.array([5, 10, 20, 40] * 10)
    sizes = gold * 6 // 5  # (2 - F1) · gold
    q = 0.8 / 1.2
    # Beta-binomial counts with the correlation 1 / (a + b + 1) = .1 of outcomes in a document
    shares = draw.beta(q * 9, (1 - q) * 9, (4000, len(gold)))
    right = draw.binomial(sizes, shares).sum(axis=1)
    f1 = 2 * right / (sizes.sum() + right)

    sample = sample_gold(gold, len(gold))

    assert sample.standard_error == pytest.approx(f1.std(), rel=0.04)
