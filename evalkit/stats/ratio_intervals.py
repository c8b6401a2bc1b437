"""Intervals of a ratio of counts over documents: precision, recall, F1.

In document d, a_d items are right and b_d are wrong; for F1, a_d are the true positives, and b_d
the false positives and false negatives together. Documents with m_d = a_d + b_d = 0 take no part; n
is the number of the others, A, B and M are sums, and q = A/M is the ratio. F1 = 2q / (1 + q), whose
logit is that of q plus a constant, so that one interval serves all three ratios.

    V = (n - 1)/n · Σ (q without document d - q)²     delete-one jackknife (Efron 1982, chapter 3)
    K = M² / Σ m_d²                                   effective number of documents (Kish 1965)
    K_err = min(A²/Σ a_d², B²/Σ b_d²)                 effective documents with right or wrong items
    t = Student's quantile at (1 + level)/2 with max(1, min(K - 1, 2 K_err)) degrees of freedom
    q between expit(ln(A/B) - t √V / (q (1 - q))) and expit(ln(A/B) + t √V / (q (1 - q))),
    and never wider than the exact interval of K documents that are all right or all wrong: from the
    quantile of Beta(Kq, K(1 - q) + 1) at (1 - level)/2 to 1 - that of Beta(K(1 - q), Kq + 1)
    (Clopper & Pearson 1934)

Where few documents hold all errors, V is as uncertain as their number: if that is a Poisson
variable with mean D, V has 2 D degrees of freedom (Satterthwaite 1946), of which 2 K_err is the
estimate.

If A or B is 0, there is only the bound of that exact interval. If V is 0, the interval is Wilson's
(1927, eq. 1) for K items, with t in the place of the normal quantile. If one document holds all
items, there is no interval.

The same holds for sentences, where they are the units. Sums are exact or rounded once, so that the
order of the documents changes no digit.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.errors import warn_deprecated
from evalkit.scoring.columns import Ints
from evalkit.stats.distributions import beta_quantile, beta_tail, expit, student_t_quantile

Floats = NDArray[np.float64]

EXACT_IN_FLOAT64 = 2.0**53  # smaller integers are exact
FEW_EFFECTIVE_UNITS = 5  # with fewer, an interval says little
FEW_EFFECTIVE_OUTCOMES = 10  # with fewer, an interval may be too narrow
NO_ERROR = "no error seen"
NOTHING_RIGHT = "nothing right"


class Interval(NamedTuple):
    """The ends of a confidence interval, None where there is none.

    reason: why there is no interval or only a bound, or why the interval is to be read with care;
    else empty.
    """

    low: float | None
    high: float | None
    reason: str = ""

    @property
    def why_not(self) -> str:
        """Deprecated name of `reason`."""
        warn_deprecated("Interval.why_not is deprecated: use Interval.reason")
        return self.reason

    @property
    def is_bound(self) -> bool:
        """Whether only one end comes from the data: the other is 0 or 1."""
        return self.low is not None and self.reason in (NO_ERROR, NOTHING_RIGHT)

    def __repr__(self) -> str:
        if self.low is None or self.high is None:
            return f"<Interval: none, {self.reason or 'not computed'}>"
        reason = f", {self.reason}" if self.reason else ""
        return f"<Interval {self.low:.3f} to {self.high:.3f}{reason}>"


UNDEFINED_RATIO = Interval(None, None, "the value is undefined")


class RatioSample(NamedTuple):
    """What an interval of a ratio is computed from.

    right, total: A and M; of a mean of ratios the mean and 1. units: n. effective_units: K.
    effective_right, effective_wrong: the effective numbers of units that hold the right and the
    wrong items; 0 without such items. variance: V. residual_norm: √Σ r_d², where
    r_d = a_d M - A m_d, of the units that `ratio_residuals` is given.
    """

    right: float
    total: float
    units: int
    effective_units: float
    effective_right: float
    effective_wrong: float
    variance: float
    residual_norm: float

    @property
    def wrong(self) -> float:
        """B."""
        return self.total - self.right

    @property
    def effective_outcomes(self) -> float:
        """The lesser of the effective numbers of units with right and with wrong items."""
        return min(self.effective_right, self.effective_wrong)


def sample_ratio(right: Ints, total: Ints) -> RatioSample:
    """The sample of a ratio. right, total: a_d and m_d of each unit, which may be 0."""
    has_items = total > 0
    a = right[has_items].astype(np.float64)
    m = total[has_items].astype(np.float64)
    units = len(m)
    right_sum, total_sum = int(a.sum()), int(m.sum())
    squared_deviations = 0.0
    if units > 1:
        deviations = (a * total_sum - right_sum * m) / (total_sum * (total_sum - m))
        squared_deviations = exact_dot(deviations, deviations)
    return sample_from_sums(
        units,
        right_sum,
        total_sum,
        int(exact_dot(a, a)),
        int(exact_dot(a, m)),
        int(exact_dot(m, m)),
        squared_deviations,
    )


def sample_from_sums(
    units: int,
    right: int,
    total: int,
    squared_rights: int,
    products: int,
    squared_totals: int,
    squared_deviations: float,
) -> RatioSample:
    """The sample of a ratio from sums over the units: n, A, M, Σ a_d², Σ a_d m_d, Σ m_d², and
    Σ (q without document d - q)².
    """
    # Σ (a_d M - A m_d)², multiplied out: in whole numbers, whatever their size.
    squared_residuals = (
        total**2 * squared_rights - 2 * right * total * products + right**2 * squared_totals
    )
    squared_wrongs = squared_totals - 2 * products + squared_rights
    return RatioSample(
        right=right,
        total=total,
        units=units,
        effective_units=_effective_number(total, squared_totals),
        effective_right=_effective_number(right, squared_rights),
        effective_wrong=_effective_number(total - right, squared_wrongs),
        variance=(units - 1) / units * squared_deviations if units > 1 else 0.0,
        residual_norm=math.sqrt(max(squared_residuals, 0)),
    )


def ratio_residuals(sample: RatioSample, right: Ints, total: Ints) -> Floats:
    """r_d = a_d M - A m_d of each unit, which sum up to 0."""
    return right.astype(np.float64) * sample.total - sample.right * total.astype(np.float64)


def exact_dot(a: Floats, b: Floats) -> float:
    """The sum of products, which the order of the values does not change."""
    if len(a) == 0:
        return 0.0
    product = a * b
    # Sums of whole numbers are exact below 2**53, in whatever order they are added.
    if np.abs(product).sum() < EXACT_IN_FLOAT64 and (product == np.floor(product)).all():
        return float(product.sum())
    return math.fsum(product.tolist())


def _effective_number(total: int, squares: int) -> float:
    return total * total / float(squares) if squares else 0.0


def ratio_interval(
    sample: RatioSample, level: float, *, is_f1: bool = False, unit: str = "document"
) -> Interval:
    """The interval of q, or of F1 = 2q / (1 + q).

    unit: what the units are called in the reasons.
    """
    if not sample.total:
        return UNDEFINED_RATIO
    if sample.units == 1:
        return Interval(None, None, single_unit_reason(unit))
    low, high = unit_ends(sample, level)
    if is_f1:
        low, high = 2 * low / (1 + low), 2 * high / (1 + high)
    return Interval(low, high, _reason(sample, unit))


def _reason(sample: RatioSample, unit: str) -> str:
    """Why there is only a bound, or why an interval is to be read with care."""
    if not sample.wrong:
        return NO_ERROR
    if not sample.right:
        return NOTHING_RIGHT
    if sample.effective_units < FEW_EFFECTIVE_UNITS:
        return few_units_reason(unit)
    if sample.effective_outcomes < FEW_EFFECTIVE_OUTCOMES:
        return few_outcomes_reason(unit)
    return ""


def single_unit_reason(unit: str) -> str:
    """The reason of rows whose items are all in one unit."""
    return f"one {unit} holds all items"


def few_units_reason(unit: str) -> str:
    """The reason of intervals that say little."""
    return f"fewer than {FEW_EFFECTIVE_UNITS} effective {unit}s, the interval says little"


def few_outcomes_reason(unit: str) -> str:
    """The reason of intervals that may be too narrow."""
    return f"the errors or the correct items are in few {unit}s, the interval may be too narrow"


# A label's ends are those of its row, and go into two averages; samples of rare labels are often
# equal.
@lru_cache(maxsize=2**14)
def unit_ends(sample: RatioSample, level: float) -> tuple[float, float]:
    """Both ends of q, also where a single unit holds all items: for the averages over labels."""
    effective = sample.effective_units
    tail = (1 - level) / 2
    if not sample.wrong:
        return tail ** (1 / effective), 1.0
    if not sample.right:
        return 0.0, 1 - tail ** (1 / effective)
    degrees = max(1.0, min(effective - 1, 2 * sample.effective_outcomes))
    t = student_t_quantile((1 + level) / 2, degrees)
    q = sample.right / sample.total
    if sample.variance:
        logit = math.log(sample.right / sample.wrong)
        reach = t * math.sqrt(sample.variance) / (q * (1 - q))
        low, high = expit(logit - reach), expit(logit + reach)
    else:
        low, high = wilson_ends(q, effective, t)
    right, wrong = effective * q, effective * (1 - q)
    low = _raise_to_exact(low, right, wrong, tail)
    return low, 1 - _raise_to_exact(1 - high, wrong, right, tail)


def _raise_to_exact(low: float, right: float, wrong: float, tail: float) -> float:
    """A lower end, or that of the exact interval if it is larger."""
    if 0 < low < 1 and beta_tail(low, right, wrong + 1) >= tail:
        return low
    return max(low, beta_quantile(tail, right, wrong + 1))


def wilson(part: float, whole: int, level: float) -> Interval:
    """The Wilson interval of a share of independent items.

    >>> low, high, _ = wilson(8, 10, 0.95)
    >>> round(low, 4), round(high, 4)
    (0.4902, 0.9433)
    """
    if not whole:
        return Interval(None, None, "undefined")
    return Interval(*wilson_ends(part / whole, whole, NormalDist().inv_cdf((1 + level) / 2)))


def wilson_ends(share: float, n: float, z: float) -> tuple[float, float]:
    """Both ends of Wilson's interval of a share of n items, for the quantile z."""
    weight = z * z / n
    middle = share + weight / 2
    reach = z * math.sqrt(share * (1 - share) / n + weight / (4 * n))
    return max(0.0, (middle - reach) / (1 + weight)), min(1.0, (middle + reach) / (1 + weight))


def mean_interval(values: Floats, level: float, unit: str = "document") -> Interval:
    """The interval of a mean of ratios over units: mean ± t s/√n with n - 1 degrees of freedom, cut
    at 0 and 1.
    """
    n = len(values)
    if not n:
        return UNDEFINED_RATIO
    if n == 1:
        return Interval(None, None, single_unit_reason(unit))
    mean = math.fsum(values.tolist()) / n
    bound = ((1 - level) / 2) ** (1 / n)
    low, high = values.min(), values.max()
    if low == 1:
        return Interval(bound, 1.0, NO_ERROR)
    if high == 0:
        return Interval(0.0, 1 - bound, NOTHING_RIGHT)
    if low == high:
        return Interval(None, None, f"all {unit}s have the same value")
    deviations = values - mean
    variance = exact_dot(deviations, deviations) / (n - 1)
    reach = student_t_quantile((1 + level) / 2, n - 1) * math.sqrt(variance / n)
    reason = few_units_reason(unit) if n < FEW_EFFECTIVE_UNITS else ""
    return Interval(max(0.0, mean - reach), min(1.0, mean + reach), reason)


def count_dominating(total: Ints) -> int:
    """The smallest number of units that hold half of all items."""
    sizes = np.sort(total[total > 0])[::-1]
    return int(np.searchsorted(2 * np.cumsum(sizes), sizes.sum())) + 1 if len(sizes) else 0
