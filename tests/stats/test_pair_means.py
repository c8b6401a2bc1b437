"""The interval of the mean F1 over pairs: plain loops, and the interval of a single F1."""

import math
import random

import numpy as np
import pytest
from helpers.quick import choose_quick

from evalkit.stats.distributions import beta_quantile, student_t_quantile
from evalkit.stats.pair_means import mean_f1_interval
from evalkit.stats.ratio_intervals import ratio_interval, sample_ratio


def mean_f1(right, total):
    values = []
    for a, m in zip(right, total, strict=True):
        if sum(m):
            q = sum(a) / sum(m)
            values.append(2 * q / (1 + q))
    return sum(values) / len(values)


def interval_by_loops(right, total, level):
    """Jackknife of q = F / (2 - F), F the mean over pairs; t on the logit; see the module."""
    documents = [d for d in range(len(right[0])) if any(row[d] for row in total)]
    f = mean_f1(right, total)
    q = f / (2 - f)
    squares = 0
    for left_out in documents:
        kept = [d for d in documents if d != left_out]
        without = mean_f1(
            [[row[d] for d in kept] for row in right], [[row[d] for d in kept] for row in total]
        )
        squares += (without / (2 - without) - q) ** 2
    n = len(documents)
    variance = (n - 1) / n * squares
    m = [sum(row[d] for row in total) for d in documents]
    a = [sum(row[d] for row in right) for d in documents]
    b = [x - y for x, y in zip(m, a, strict=True)]

    def effective(values):
        return sum(values) ** 2 / sum(x * x for x in values)

    k = effective(m)
    degrees = max(1, min(k - 1, 2 * min(effective(a), effective(b))))
    reach = student_t_quantile((1 + level) / 2, degrees) * math.sqrt(variance) / (q * (1 - q))
    ends = []
    for sign in (-1, 1):
        logit = math.log(q / (1 - q)) + sign * reach
        ends.append(1 / (1 + math.exp(-logit)))
    tail = (1 - level) / 2
    low = max(ends[0], beta_quantile(tail, k * q, k * (1 - q) + 1))
    high = min(ends[1], 1 - beta_quantile(tail, k * (1 - q), k * q + 1))
    return [2 * end / (1 + end) for end in (low, high)]


def random_counts(rng, pairs, documents):
    right, total = [], []
    for _ in range(pairs):
        row = [rng.choice([0, 0, 1, 2, 5, 9]) for _ in range(documents)]
        total.append(row)
        right.append([rng.randint(0, m) for m in row])
    return right, total


@pytest.mark.parametrize("seed", choose_quick(range(1000), 25))
def test_the_interval_is_that_of_plain_loops(seed):
    rng = random.Random(seed)
    right, total = random_counts(rng, rng.randint(2, 4), rng.randint(3, 9))
    a, m = np.array(right, np.int64), np.array(total, np.int64)
    with_items = (m.sum(axis=0) > 0).sum()
    if with_items < 2 or a.sum() in (0, m.sum()):
        return

    interval = mean_f1_interval(a, m, 0.95)

    assert [interval.low, interval.high] == pytest.approx(
        interval_by_loops(right, total, 0.95), rel=1e-9
    )
    shuffled = rng.sample(range(m.shape[1]), m.shape[1])
    again = mean_f1_interval(a[:, shuffled], m[:, shuffled], 0.95)
    assert again[:2] == pytest.approx(interval[:2], rel=1e-12)
    assert again.reason == interval.reason


def test_the_interval_of_one_pair_is_that_of_its_f1():
    right = np.array([[16, 10, 20, 4, 12, 0]], np.int64)
    total = np.array([[18, 11, 23, 7, 13, 0]], np.int64)

    interval = mean_f1_interval(right, total, 0.95)

    expected = ratio_interval(sample_ratio(right[0], total[0]), 0.95, is_f1=True)
    assert interval == expected


def test_equal_pairs_have_the_interval_of_one_of_them():
    right = np.array([[8, 5, 10, 2, 6]], np.int64)
    total = np.array([[10, 6, 13, 5, 7]], np.int64)

    one = mean_f1_interval(right, total, 0.95)
    three = mean_f1_interval(right.repeat(3, axis=0), total.repeat(3, axis=0), 0.95)

    assert (three.low, three.high) == pytest.approx((one.low, one.high))


def test_one_document_has_no_interval_and_perfect_agreement_a_bound():
    one = np.array([[3, 0], [2, 0]], np.int64)
    assert mean_f1_interval(one, one, 0.95).reason == "one document holds all items"

    perfect = np.array([[3, 1, 2], [2, 2, 2]], np.int64)
    interval = mean_f1_interval(perfect, perfect, 0.95)
    assert (interval.high, interval.reason) == (1.0, "no error seen")
    nothing = mean_f1_interval(np.zeros((2, 3), np.int64), np.zeros((2, 3), np.int64), 0.95)
    assert nothing.reason == "the value is undefined"
