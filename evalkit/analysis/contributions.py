"""Where a difference of two ratios comes from: the contribution of each part, such as a label.

The ratio of a system is R = X / N, with X = Σ x and N = Σ n over the parts. Then

    R_a - R_b = Σ [(x_a - x_b) · ½ (1/N_a + 1/N_b) - (n_a - n_b) · ½ (X_a + X_b) / (N_a N_b)]

over the parts, exactly: it is the product rule for X · (1/N), applied in both orders and averaged.
Each term depends on one part and the totals, so any partition will do, and contributions of parts
that are merged add up. For micro F1, x = 2 tp and n = gold + predicted items; the gold items of
both systems are the same, so that n_a - n_b is the difference of their predicted items. For macro
F1, x is the F1 of a label, and n is 1 for a label that occurs and 0 for any other.

With several runs of a system R is the mean over its runs, and a contribution the mean over all
pairs of a run of a and a run of b.

Kinds of error split a difference more simply: 1 - F1 is the sum of the losses of the kinds, so that
a kind contributes its loss in b minus its loss in a. All sums are exact: numbers are integers or
fractions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property


@dataclass(frozen=True)
class RatioParts:
    """The parts of a ratio: x and n of each, in the order of the parts."""

    numerators: Sequence[int | Fraction]
    denominators: Sequence[int]

    @cached_property
    def numerator(self) -> Fraction:
        """X."""
        return Fraction(sum(self.numerators))

    @cached_property
    def denominator(self) -> int:
        """N."""
        return sum(self.denominators)


def split_difference(
    runs_a: Sequence[RatioParts], runs_b: Sequence[RatioParts]
) -> list[Fraction] | None:
    """The contribution of each part to the ratio of the first system minus that of the second.

    runs_a, runs_b: the ratio in each run of both systems, all with the same parts. None if a ratio
    is undefined.

    >>> a = RatioParts([2 * 45, 2 * 18, 2 * 33], [60 + 52, 50 + 40, 40 + 35])
    >>> b = RatioParts([2 * 40, 2 * 20, 2 * 30], [60 + 50, 50 + 30, 40 + 33])
    >>> [round(float(part), 6) for part in split_difference([a], [b])]
    [0.031956, -0.040356, 0.017131]
    """
    if not all(run.denominator for run in (*runs_a, *runs_b)):
        return None
    weights_a = _weigh_runs(runs_a, runs_b)
    weights_b = [
        (-numerator, -denominator) for numerator, denominator in _weigh_runs(runs_b, runs_a)
    ]
    weights = [*weights_a, *weights_b]
    # Integers over one denominator: fractions of each part would take many times as long.
    divisors = [weight.denominator for pair in weights for weight in pair]
    common = math.lcm(*divisors)
    sums: list[int | Fraction] = [0] * len(runs_a[0].numerators)
    for run, (of_numerator, of_denominator) in zip((*runs_a, *runs_b), weights, strict=True):
        numerator_weight = int(of_numerator * common)
        denominator_weight = int(of_denominator * common)
        for part, (x, n) in enumerate(zip(run.numerators, run.denominators, strict=True)):
            sums[part] += x * numerator_weight - n * denominator_weight
    return [Fraction(value, common) for value in sums]


def _weigh_runs(
    runs: Sequence[RatioParts], others: Sequence[RatioParts]
) -> list[tuple[Fraction, Fraction]]:
    """For each run what its x and its n are multiplied by: the means of ½ (1/N + 1/N') and of
    ½ (X + X') / (N N') over the other system's runs, divided by the number of runs.
    """
    zero = Fraction(0)
    inverses = sum((Fraction(1, other.denominator) for other in others), zero)
    ratios = sum((other.numerator / other.denominator for other in others), zero)
    mean_inverse, mean_ratio = inverses / len(others), ratios / len(others)
    weights = []
    for run in runs:
        of_numerator = Fraction(1, run.denominator) + mean_inverse
        of_denominator = (run.numerator * mean_inverse + mean_ratio) / run.denominator
        weights.append((of_numerator / (2 * len(runs)), of_denominator / (2 * len(runs))))
    return weights


@dataclass(frozen=True)
class KindCounts:
    """The items of each kind of error on both sides together, so that a pair counts twice, and all
    gold and predicted items.
    """

    wrong: Mapping[str, int]
    total: int


def split_by_loss(
    runs_a: Sequence[KindCounts], runs_b: Sequence[KindCounts], kinds: Sequence[str]
) -> list[Fraction] | None:
    """The contribution of each kind to F1 of the first system minus that of the second. None if an
    F1 is undefined.

    >>> a, b = KindCounts({"missed": 1}, 10), KindCounts({"missed": 1, "label": 4}, 10)
    >>> [float(part) for part in split_by_loss([a], [b], ["label", "missed"])]
    [0.4, 0.0]
    """
    if not all(run.total for run in (*runs_a, *runs_b)):
        return None
    return [mean_loss(runs_b, kind) - mean_loss(runs_a, kind) for kind in kinds]


def mean_loss(runs: Sequence[KindCounts], kind: str) -> Fraction:
    """The share of F1 that a kind of error costs: the mean over the runs."""
    losses = (Fraction(run.wrong.get(kind, 0), run.total) for run in runs)
    return sum(losses, Fraction(0)) / len(runs)
