"""Agreement of annotators about labels, beyond what is expected by chance.

**Cohen's κ** (Cohen 1960) of two annotators who labeled the same n items: κ = (p_o - p_e) /
(1 - p_e), where p_o is the share of items with equal labels, and p_e = Σ_k a_k b_k / n² with the
numbers a_k and b_k of items that each of them gave label k.

**Fleiss' κ** (Fleiss 1971) of m annotators who all labeled the same n items: the same formula, with
p_o the mean over items of the share of equal pairs of annotators, and p_e = Σ_k p_k² with the share
p_k of label k among all m n labels.

**Krippendorff's α** for nominal values (Krippendorff 2004, chapter 11): α = 1 - D_o/D_e, from the
matrix of coincidences o_ck = Σ_u (ordered pairs of the values c and k in unit u) / (m_u - 1), where
m_u ≥ 2 values were given to unit u. Its row sums are n_c and its sum is n; D_o is the share of
o_ck with c ≠ k, and D_e = Σ_{c≠k} n_c n_k / (n (n - 1)).

κ is None where p_e = 1, and α where D_e = 0: all labels are equal, so that there is no chance to
disagree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from evalkit.scoring.columns import Ints
from evalkit.stats.ratio_intervals import Floats

MISSING = -1  # the value of a unit that an annotator did not annotate


class Kappa(NamedTuple):
    """A κ with the number of items, and observed and expected agreement; None where undefined."""

    n: int
    observed: float | None
    expected: float | None
    kappa: float | None


class Alpha(NamedTuple):
    """An α with the number of values that can be paired (α over characters), or of units (αU), and
    observed and expected disagreement; None where undefined.
    """

    n: int
    observed: float | None
    expected: float | None
    alpha: float | None


def compute_cohen_kappa(pairs: Iterable[tuple[str, str]]) -> Kappa:
    """Cohen's κ of the labels that two annotators gave to each item.

    >>> compute_cohen_kappa([("PER", "PER"), ("PER", "ORG")])
    Kappa(n=2, observed=0.5, expected=0.5, kappa=0.0)
    """
    counts = Counter(pairs)
    n = counts.total()
    if not n:
        return Kappa(0, None, None, None)
    equal = 0
    first: Counter[str] = Counter()
    second: Counter[str] = Counter()
    for (a, b), count in counts.items():
        equal += count if a == b else 0
        first[a] += count
        second[b] += count
    # In whole numbers, so that κ is exactly 0 or undefined where it should be.
    chance = sum(count * second[label] for label, count in first.items())
    kappa = None if chance == n * n else (n * equal - chance) / (n * n - chance)
    return Kappa(n, equal / n, chance / (n * n), kappa)


def compute_fleiss_kappa(items: Iterable[Sequence[str]]) -> Kappa:
    """Fleiss' κ of the labels that several annotators gave to each item: as many for each.

    >>> compute_fleiss_kappa([("PER", "PER", "ORG"), ("ORG", "ORG", "ORG")]).kappa
    0.25
    """
    totals: Counter[str] = Counter()
    n = annotators = equal = 0
    for labels in items:
        counts = Counter(labels)
        totals += counts
        annotators = len(labels)
        equal += sum(count * (count - 1) for count in counts.values())
        n += 1
    if not n or annotators < 2:
        return Kappa(n, None, None, None)
    values = n * annotators
    observed = equal / (values * (annotators - 1))
    chance = sum(count * count for count in totals.values())
    expected = chance / values**2
    kappa = None
    if chance != values**2:
        kappa = (values * equal - chance * (annotators - 1)) / (
            (annotators - 1) * (values**2 - chance)
        )
    return Kappa(n, observed, expected, kappa)


def count_coincidences(values: Ints, n_values: int) -> Floats:
    """The matrix of coincidences: n_values × n_values.

    values: annotators × units, numbers from 0 on; MISSING where an annotator gave no value. Units
    with fewer than two values take no part.
    """
    is_given = values != MISSING
    given = is_given.sum(axis=0)
    is_pairable = given >= 2
    values, is_given = values[:, is_pairable], is_given[:, is_pairable]
    weights = 1 / (given[is_pairable] - 1)
    coincidences = np.zeros(n_values * n_values)
    for i in range(len(values)):
        for j in range(len(values)):
            both = is_given[i] & is_given[j]
            if i != j and both.any():
                cells = values[i][both] * n_values + values[j][both]
                coincidences += np.bincount(cells, weights[both], n_values * n_values)
    return coincidences.reshape(n_values, n_values)


def compute_alpha(coincidences: Floats) -> Alpha:
    """Krippendorff's α of a matrix of coincidences, or of the sum of several."""
    of_value = coincidences.sum(axis=1)
    n = round(float(of_value.sum()))  # each pairable value counts once
    if n < 2:
        return Alpha(n, None, None, None)
    observed = 1 - float(np.trace(coincidences)) / n
    is_used = of_value > 0
    if is_used.sum() < 2:
        return Alpha(n, 0.0, 0.0, None)
    expected = float(n * n - (of_value**2).sum()) / (n * (n - 1))
    # Equal values everywhere: the sums of fractions may differ from n in the last digits.
    observed = 0.0 if abs(observed) < 1e-12 else observed
    return Alpha(n, observed, expected, 1 - observed / expected)
