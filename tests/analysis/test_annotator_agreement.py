"""κ and α beside scikit-learn, krippendorff and irrCAC, on random annotations and by hand."""

import random

import krippendorff
import numpy as np
import pytest
from helpers.quick import choose_quick
from sklearn.metrics import cohen_kappa_score

from evalkit.analysis.annotator_agreement import (
    MISSING,
    compute_alpha,
    compute_cohen_kappa,
    compute_fleiss_kappa,
    count_coincidences,
)

SEEDS = range(1000)


def random_labels(rng, annotators, n):
    """Labels of n items: mostly the same by all annotators."""
    labels = "ABCD"[: rng.randint(1, 4)]
    rows = []
    for _ in range(n):
        label = rng.choice(labels)
        rows.append([label if rng.random() < 0.7 else rng.choice(labels)] * annotators)
        rows[-1] = [each if rng.random() < 0.8 else rng.choice(labels) for each in rows[-1]]
    return rows


@pytest.mark.parametrize("seed", choose_quick(SEEDS, 40))
def test_cohens_kappa_is_that_of_scikit_learn(seed):
    rng = random.Random(seed)
    rows = random_labels(rng, 2, rng.randint(1, 30))

    kappa = compute_cohen_kappa(map(tuple, rows))

    a, b = zip(*rows, strict=True)
    if len({*a, *b}) == 1:
        assert kappa.kappa is None
    else:
        assert kappa.kappa == pytest.approx(cohen_kappa_score(a, b), abs=1e-12)
    assert kappa.n == len(rows)
    assert kappa.observed == pytest.approx(sum(x == y for x, y in rows) / len(rows))


def test_kappa_of_eight_spans_worked_by_hand():
    # 6 of 8 labels are equal; chance: (2·3 + 4·2 + 2·3) / 64, of PER, ORG and LOC.
    kappa = compute_cohen_kappa(zip("PPOLOPLL", "POOLOPLO", strict=True))

    assert kappa == (8, 0.75, 0.3125, pytest.approx(7 / 11))


def test_kappa_is_undefined_where_all_labels_are_equal():
    assert compute_cohen_kappa([("A", "A")] * 5) == (5, 1.0, 1.0, None)
    assert compute_fleiss_kappa([("A", "A", "A")]).kappa is None
    assert compute_cohen_kappa([]) == (0, None, None, None)


# irrCAC 0.4.4: CAC(pandas.DataFrame(list(map(list, items)))).fleiss()["est"], five decimals
IRRCAC_FLEISS = [
    (["PPP", "PPO", "OOO", "LPL", "PPP", "OOL", "LLL", "POL"], 0.42857, 0.625, 0.34375),
    (["PPPP", "PPPO", "OOOO", "OPOO"], 0.5, 0.75, 0.5),
    (["PP", "PO", "OO", "OO", "LL"], 0.67742, 0.8, 0.38),
]


@pytest.mark.parametrize(("items", "kappa", "observed", "expected"), IRRCAC_FLEISS)
def test_fleiss_kappa_is_that_of_irrcac(items, kappa, observed, expected):
    found = compute_fleiss_kappa(items)

    assert found.kappa == pytest.approx(kappa, abs=5e-6)
    assert (found.observed, found.expected) == pytest.approx((observed, expected), abs=5e-6)


@pytest.mark.parametrize("seed", choose_quick(SEEDS, 40))
def test_fleiss_kappa_is_that_of_plain_loops(seed):
    rng = random.Random(seed)
    rows = random_labels(rng, rng.randint(2, 5), rng.randint(1, 15))

    kappa = compute_fleiss_kappa(rows)

    agreeing = total = 0
    for row in rows:
        for i in range(len(row)):
            for j in range(len(row)):
                if i != j:
                    agreeing += row[i] == row[j]
                    total += 1
    everything = [label for row in rows for label in row]
    chance = sum((everything.count(label) / len(everything)) ** 2 for label in set(everything))
    assert kappa.observed == pytest.approx(agreeing / total)
    if len(set(everything)) == 1:
        assert kappa.kappa is None
    else:
        assert kappa.kappa == pytest.approx((agreeing / total - chance) / (1 - chance))


@pytest.mark.parametrize("seed", choose_quick(SEEDS, 40))
def test_alpha_is_that_of_krippendorff(seed):
    rng = random.Random(seed)
    annotators, n_values = rng.randint(2, 5), rng.randint(2, 4)
    values = np.array(
        [[rng.randrange(n_values) for _ in range(rng.randint(4, 40))]] * annotators, np.int64
    )
    for n in range(annotators):
        for unit in range(values.shape[1]):
            if rng.random() < 0.3:
                values[n, unit] = rng.choice([MISSING, *range(n_values)])

    alpha = compute_alpha(count_coincidences(values, n_values))

    with_nan = np.where(values == MISSING, np.nan, values)
    pairable = with_nan[:, (values != MISSING).sum(axis=0) >= 2]
    if len(set(pairable[~np.isnan(pairable)].tolist())) < 2:
        assert alpha.alpha is None
        return
    expected = krippendorff.alpha(with_nan, level_of_measurement="nominal")
    assert alpha.alpha == pytest.approx(expected, abs=1e-9)
    assert alpha.alpha == pytest.approx(1 - alpha.observed / alpha.expected)


def test_alpha_of_equal_values_is_undefined():
    values = np.zeros((3, 7), np.int64)

    assert compute_alpha(count_coincidences(values, 2)) == (21, 0.0, 0.0, None)
    assert compute_alpha(np.zeros((2, 2))) == (0, None, None, None)
