"""γ: disorders beside pygamma-agreement, all alignments of small documents, and worked examples."""

import itertools
import math
import random

import numpy as np
import pytest
from helpers.quick import choose_quick
from scipy.optimize import linear_sum_assignment

from evalkit.analysis.gamma_agreement import (
    SAMPLES,
    DocumentUnits,
    PlacedUnits,
    align_units,
    compute_gamma,
)

# The length of a text, the units of both annotators as start-endLABEL, and what pygamma-agreement
# 0.5.9 computes with CombinedCategoricalDissimilarity(alpha=1, beta=1, delta_empty=1.0):
# get_best_alignment(...).disorder, and the mean and standard deviation of the disorders of 150
# continua of ShuffleContinuumSampler.
PYGAMMA = [
    (
        120,
        "0-3A 49-53A 49-65C 64-72A 105-119A",
        "49-66A 64-72A 105-119A 116-120B",
        0.75182666,
        1.42931,
        0.36546,
    ),
    (
        200,
        "0-3A 55-69C 135-151B 143-147C",
        "52-69B 139-151B 144-147C 196-200B",
        0.76254535,
        1.73599,
        0.24407,
    ),
    (
        200,
        "0-3A 17-23B 86-100C 127-147B 186-200C",
        "17-21B 124-125A 126-147B 147-163B 184-196C 196-200B",
        0.92615440,
        1.56358,
        0.18020,
    ),
    (
        60,
        "0-3A 25-41B 32-50B",
        "25-39B 29-48B 56-60B",
        0.67423534,
        1.17742,
        0.30236,
    ),
    (
        60,
        "0-3A 7-11B 29-46B 39-50B 39-51B 39-53A",
        "7-12C 40-49B 41-51B 56-60B",
        1.00612202,
        1.32402,
        0.27198,
    ),
    (
        60,
        "0-3A 4-14A 14-31A 38-53B 51-60C 53-60A",
        "6-14A 15-33A 19-24C 23-26A 38-40C 51-59B 51-60B 56-60B",
        0.96807030,
        1.16509,
        0.24367,
    ),
    (
        120,
        "0-3A 0-6A 66-67B 69-74C 99-105C",
        "0-5C 68-76C 99-106C 116-120B",
        0.90387472,
        1.70837,
        0.25225,
    ),
    (
        200,
        "0-3A 17-25C 17-27A 35-50A 77-82A 99-116B",
        "18-26C 34-50A 77-82C 100-116A 143-150B 196-200B",
        1.00293064,
        1.53804,
        0.21555,
    ),
    (
        120,
        "0-3A 2-6B 10-19B 20-40B 33-37B 73-89C 114-118C",
        "2-8A 7-14B 18-38A 36-38B 40-44B 76-92C 116-120B",
        0.79779128,
        1.44499,
        0.26959,
    ),
    (
        60,
        "0-3A 15-26A 42-52C 42-56C",
        "15-26A 41-56C 42-53C 56-60B",
        0.50086415,
        1.35874,
        0.31151,
    ),
    (
        200,
        "0-3A 78-88A 101-102B",
        "77-86C 99-102B 196-200B",
        1.09164357,
        1.89690,
        0.18693,
    ),
    (
        200,
        "0-3A 4-26C 10-12A 12-14C 99-112C 134-151A 162-176A 174-183A 187-200A",
        "4-26C 8-10A 12-14C 97-114B 162-176A 173-185A 186-200A 196-200B",
        0.59288917,
        1.54393,
        0.29049,
    ),
]


def place(units):
    """Units from (start, end, label)."""
    starts, ends, labels = (
        (np.array(each) for each in zip(*units, strict=True))
        if units
        else (
            np.zeros(0, np.int64),
            np.zeros(0, np.int64),
            np.zeros(0, str),
        )
    )
    codes = np.array(["ABCDE".index(label) for label in labels], np.int64)
    return PlacedUnits(starts.astype(np.int64), ends.astype(np.int64), codes)


def parse(text):
    units = []
    for word in text.split():
        start, _, rest = word.partition("-")
        units.append((int(start), int(rest[:-1]), rest[-1]))
    return units


@pytest.mark.parametrize(("length", "a", "b", "observed", "expected", "deviation"), PYGAMMA)
def test_disorders_are_those_of_pygamma(length, a, b, observed, expected, deviation):
    documents = {"d": DocumentUnits(length, place(parse(a)), place(parse(b)))}

    gammas = [compute_gamma(documents, seed, 0.95) for seed in range(5)]

    assert [gamma.observed for gamma in gammas] == pytest.approx([observed] * 5, abs=1e-6)
    # Both are means over random continua: 150 of pygamma's, 150 here.
    mean = sum(gamma.expected for gamma in gammas) / len(gammas)
    error = deviation * math.sqrt(1 / 150 + 1 / (5 * SAMPLES))
    assert abs(mean - expected) < 3 * error
    for gamma in gammas:
        assert gamma.gamma == pytest.approx(1 - gamma.observed / gamma.expected)
        assert abs(gamma.expected - expected) < 3.5 * deviation * math.sqrt(1 / 150 + 1 / SAMPLES)


def test_three_units_beside_four_worked_by_hand():
    # One pair is equal (cost 0), one differs in the label (1); ORG 45-68 and 45-58 cost
    # (10 / 36)² as no label differs; DATE and LOC are alone (2): divided by 4 units of each.
    a = [(0, 12, "A"), (22, 37, "A"), (45, 68, "B"), (72, 76, "C")]
    b = [(0, 12, "A"), (22, 37, "B"), (45, 58, "B"), (62, 68, "D")]
    documents = {"d": DocumentUnits(77, place(a), place(b))}

    gamma = compute_gamma(documents, 1, 0.95)

    assert gamma.observed == pytest.approx((1 + (10 / 36) ** 2 + 2) / 4)
    assert (gamma.n, gamma.samples, gamma.seed) == (8, SAMPLES, 1)


def random_units(rng, length, most):
    units = []
    for _ in range(rng.randint(0, most)):
        start = rng.randrange(length)
        units.append((start, rng.randint(start + 1, length), rng.choice("AB")))
    return units


def cost(u, v):
    shift = abs(u[0] - v[0]) + abs(u[1] - v[1])
    return (shift / (u[1] - u[0] + v[1] - v[0])) ** 2 + (u[2] != v[2])


@pytest.mark.parametrize("seed", choose_quick(range(1000), 25))
def test_the_best_alignment_is_the_least_of_all(seed):
    rng = random.Random(seed)
    a, b = random_units(rng, 12, 4), random_units(rng, 12, 4)

    least = math.inf
    for k in range(min(len(a), len(b)) + 1):
        for chosen in itertools.combinations(range(len(a)), k):
            for partners in itertools.permutations(range(len(b)), k):
                paired = sum(cost(a[i], b[j]) for i, j in zip(chosen, partners, strict=True))
                least = min(least, paired + len(a) + len(b) - 2 * k)
    assert align_units(place(a), place(b)) == pytest.approx(least, abs=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_the_alignment_is_that_with_a_slack_for_each_unit(seed):
    rng = random.Random(seed)
    a, b = random_units(rng, 80, 25), random_units(rng, 80, 25)

    size = len(a) + len(b)
    costs = np.full((size, size), 1e6)
    for i, u in enumerate(a):
        for j, v in enumerate(b):
            costs[i, j] = cost(u, v)
        costs[i, len(b) + i] = 1
    for j in range(len(b)):
        costs[len(a) + j, j] = 1
    costs[len(a) :, len(b) :] = 0
    rows, columns = linear_sum_assignment(costs)
    assert align_units(place(a), place(b)) == pytest.approx(costs[rows, columns].sum())


def test_the_order_of_documents_and_documents_without_units_change_no_digit():
    rng = random.Random(3)
    documents = {}
    for n in range(8):
        sides = place(random_units(rng, 40, 4)), place(random_units(rng, 40, 4))
        documents[f"d{n}"] = DocumentUnits(40, *sides)
    empty = DocumentUnits(10, place([]), place([]))

    gamma = compute_gamma(documents, 7, 0.95)

    assert compute_gamma(dict(reversed(documents.items())), 7, 0.95) == gamma
    assert compute_gamma({"empty": empty, **documents}, 7, 0.95) == gamma
    other_seed = compute_gamma(documents, 8, 0.95)
    assert other_seed.observed == gamma.observed
    assert other_seed.expected != gamma.expected


def test_random_corpora_keep_the_lengths_of_units_and_equal_annotators_agree():
    units = [(0, 5, "A"), (20, 30, "B"), (50, 51, "A")]
    gamma = compute_gamma({"d": DocumentUnits(60, place(units), place(units))}, 1, 0.95)

    assert (gamma.observed, gamma.gamma, gamma.reach) == (0, 1, 0)
    # A unit as long as the text meets itself in every random corpus, at most shifted.
    whole = [(0, 4, "A")]
    gamma = compute_gamma({"d": DocumentUnits(4, place(whole), place(whole))}, 1, 0.95)
    assert gamma.expected > 0


def test_without_units_there_is_no_gamma():
    gamma = compute_gamma({}, 1, 0.95)

    assert (gamma.n, gamma.observed, gamma.gamma) == (0, None, None)
