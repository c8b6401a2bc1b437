"""Intervals of ratios are those of plain loops, of the worked example of the documentation, and of
the literature.
"""

import random
from itertools import pairwise

import numpy as np
import pytest
import scipy
from helpers import interval_oracle

from evalkit.stats.distributions import student_t_quantile
from evalkit.stats.intervals import split_credits
from evalkit.stats.ratio_intervals import (
    NO_ERROR,
    NOTHING_RIGHT,
    UNDEFINED_RATIO,
    Interval,
    exact_dot,
    mean_interval,
    ratio_interval,
    sample_ratio,
    wilson,
)

TP, FP, FN = (8, 5, 10, 2, 6, 0), (1, 0, 2, 1, 1, 0), (1, 1, 1, 2, 0, 0)
WORKED_EXAMPLE = {  # docs/statistics.md
    "f1": (0.861111111111, 0.730896607224, 0.934006197655),
    "precision": (0.861111111111, 0.743735218702, 0.929800229439),
    "recall": (0.861111111111, 0.632400625266, 0.957162905442),
}


def split(documents):
    """For each ratio the right and all items of each document. documents: (gold, predicted, tp)."""
    gold, predicted, tp = np.array(documents, np.int64).reshape(-1, 3).T
    return split_credits(np.stack([gold, predicted, 2 * tp, 2 * tp], axis=1))


def interval_of(documents, name, level=0.95, **options):
    sample = sample_ratio(*split(documents)[name])
    return ratio_interval(sample, level, is_f1=name == "f1", **options)


def random_documents(draw, n):
    """Documents with correlated qualities, some of them empty."""
    documents = []
    for _ in range(n):
        gold = draw.choice([0, 1, 2, 5, 20])
        quality = draw.choice([0.0, 0.5, 0.9, 1.0])
        tp = sum(draw.random() < quality for _ in range(gold))
        documents.append((gold, tp + draw.choice([0, 0, 1, 4]), tp))
    return documents


@pytest.mark.parametrize("name", WORKED_EXAMPLE)
def test_the_worked_example(name):
    documents = [(tp + fn, tp + fp, tp) for tp, fp, fn in zip(TP, FP, FN, strict=True)]
    value, low, high = WORKED_EXAMPLE[name]

    interval = interval_of(documents, name)

    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-12)
    right, total = split(documents)[name]
    q = right.sum() / total.sum()
    assert (2 * q / (1 + q) if name == "f1" else q) == pytest.approx(value, abs=1e-12)


def test_the_parts_of_the_worked_example():
    documents = [(tp + fn, tp + fp, tp) for tp, fp, fn in zip(TP, FP, FN, strict=True)]

    sample = sample_ratio(*split(documents)["f1"])

    assert sample.units == 5
    assert sample.right / sample.total == pytest.approx(31 / 41)
    assert sample.variance == pytest.approx(0.002633543866, abs=1e-12)
    assert sample.effective_units == pytest.approx(4.435356200528, abs=1e-12)
    t = student_t_quantile(0.975, sample.effective_units - 1)
    assert t == pytest.approx(2.966019026862, abs=1e-12)


@pytest.mark.parametrize("seed", range(200))
def test_intervals_are_those_of_plain_loops(seed):
    draw = random.Random(seed)
    documents = random_documents(draw, draw.randint(1, 12))
    level = draw.choice([0.8, 0.95, 0.99])

    for name in WORKED_EXAMPLE:
        interval = interval_of(documents, name, level)

        expected = interval_oracle.ratio_ends(documents, name, level)
        if expected is None:
            assert interval.low is interval.high is None
        else:
            assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_the_order_of_documents_changes_no_digit(seed):
    draw = random.Random(seed)
    documents = random_documents(draw, 40)
    shuffled = draw.sample(documents, len(documents))

    for name in WORKED_EXAMPLE:
        assert interval_of(documents, name) == interval_of(shuffled, name)


def test_documents_without_items_take_no_part():
    documents = [(3, 3, 2), (5, 4, 4), (2, 2, 2), (4, 5, 3)]

    for name in WORKED_EXAMPLE:
        assert interval_of(documents, name) == interval_of([(0, 0, 0), *documents], name)


def test_precision_needs_predictions_and_recall_gold():
    documents = [(3, 0, 0), (2, 0, 0)]

    assert interval_of(documents, "precision") == UNDEFINED_RATIO
    assert interval_of(documents, "recall").reason == NOTHING_RIGHT


@pytest.mark.parametrize("n", [2, 5, 30])
def test_without_errors_there_is_an_exact_lower_bound(n):
    interval = interval_of([(4, 4, 4)] * n, "recall")

    theirs = scipy.stats.binomtest(n, n).proportion_ci(method="exact")
    assert interval == (pytest.approx(theirs.low), 1.0, NO_ERROR)
    assert interval.is_bound


@pytest.mark.parametrize("n", [2, 5, 30])
def test_with_nothing_right_there_is_an_exact_upper_bound(n):
    interval = interval_of([(4, 4, 0)] * n, "recall")

    theirs = scipy.stats.binomtest(0, n).proportion_ci(method="exact")
    assert interval == (0.0, pytest.approx(theirs.high), NOTHING_RIGHT)


def test_one_document_with_all_items_has_no_interval():
    documents = [(4, 3, 2), (0, 0, 0), (0, 0, 0)]

    assert interval_of(documents, "f1") == (None, None, "one document holds all items")
    assert interval_of(documents, "f1", unit="sentence").reason == "one sentence holds all items"


def test_equal_documents_have_wilsons_interval_of_as_many_items():
    n = 12
    interval = interval_of([(4, 4, 2)] * n, "recall")

    t = scipy.stats.t.ppf(0.975, n - 1)
    # Wilson's interval with t for z is scipy's at the level at which z is t.
    level = 1 - 2 * scipy.stats.norm.sf(t)
    theirs = scipy.stats.binomtest(n // 2, n).proportion_ci(level, method="wilson")
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize("n", [10, 50, 400])
def test_an_error_more_never_raises_the_lower_end(n):
    lows = []
    for wrong in range(min(n, 12)):
        documents = [(1, 1, 1)] * (n - wrong) + [(1, 1, 0)] * wrong
        lows.append(interval_of(documents, "recall").low)

    assert lows == sorted(lows, reverse=True)


@pytest.mark.parametrize("seed", range(30))
def test_intervals_are_never_wider_than_those_of_as_many_items(seed):
    documents = random_documents(random.Random(seed), 10)
    right, total = split(documents)["recall"]
    sample = sample_ratio(right, total)
    if not sample.right or not sample.wrong:
        return
    low, high, _ = ratio_interval(sample, 0.95)

    q, k = sample.right / sample.total, sample.effective_units
    assert low >= scipy.stats.beta.ppf(0.025, k * q, k * (1 - q) + 1) - 1e-12
    assert high <= scipy.stats.beta.ppf(0.975, k * q + 1, k * (1 - q)) + 1e-12


def test_few_effective_documents_and_few_errors_are_pointed_out():
    few = [(10, 10, 8), (1, 1, 1), (1, 1, 0)]
    concentrated = [(10, 10, 10)] * 30 + [(10, 10, 0)]

    assert interval_of(few, "f1").reason == (
        "fewer than 5 effective documents, the interval says little"
    )
    assert interval_of(concentrated, "f1").reason == (
        "the errors or the correct items are in few documents, the interval may be too narrow"
    )
    assert interval_of([(10, 10, n % 10 + 1) for n in range(30)], "f1").reason == ""


@pytest.mark.parametrize("seed", range(20))
def test_a_higher_level_gives_a_wider_interval(seed):
    documents = random_documents(random.Random(seed), 9)
    for name in WORKED_EXAMPLE:
        intervals = [interval_of(documents, name, level) for level in (0.5, 0.9, 0.95, 0.99)]
        for narrow, wide in pairwise(intervals):
            if narrow.low is not None:
                assert wide.low <= narrow.low <= narrow.high <= wide.high


@pytest.mark.parametrize("seed", range(20))
def test_the_mean_over_documents_has_scipys_t_interval(seed):
    draw = random.Random(seed)
    values = [draw.choice([0.0, 0.25, 0.5, 1.0, draw.random()]) for _ in range(draw.randint(6, 40))]

    interval = mean_interval(np.array(values), 0.9)

    theirs = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert interval == (
        pytest.approx(max(0, theirs.low), abs=1e-12),
        pytest.approx(min(1, theirs.high), abs=1e-12),
        "",
    )


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "the value is undefined"),
        ([0.5], "one document holds all items"),
        ([1.0, 1.0], NO_ERROR),
        ([0.0] * 5, NOTHING_RIGHT),
        ([0.5] * 9, "all documents have the same value"),
        ([0.5, 0.7, 0.9], "fewer than 5 effective documents, the interval says little"),
    ],
)
def test_means_of_degenerate_documents(values, reason):
    assert mean_interval(np.array(values, float), 0.95).reason == reason


def test_sums_of_products_are_rounded_once():
    draw = np.random.default_rng(1)
    values = draw.normal(size=1000) * 10.0 ** draw.integers(-8, 8, 1000)

    assert exact_dot(values, values) == exact_dot(values[::-1].copy(), values[::-1].copy())
    large = np.array([2.0**40, 1.0, 3.0])
    assert exact_dot(large, large) == float(2**80 + 10)
    assert exact_dot(np.zeros(0), np.zeros(0)) == 0.0


def test_an_interval_shows_its_ends_and_its_reason():
    assert repr(Interval(0.25, 1.0, NO_ERROR)) == "<Interval 0.250 to 1.000, no error seen>"
    assert repr(Interval(None, None)) == "<Interval: none, not computed>"


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (15, 148, 0.0624, 0.1605)],
)
def test_wilson_intervals_are_those_of_the_literature(part, whole, low, high):
    """15 of 148: Newcombe 1998, table I, method 3; 0 and 10 of 10: scipy 1.17,
    binomtest(…).proportion_ci(method="wilson").
    """
    found = wilson(part, whole, 0.95)

    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    theirs = scipy.stats.binomtest(part, whole).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
