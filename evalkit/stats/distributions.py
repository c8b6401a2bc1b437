"""Student's t distribution with real-valued degrees of freedom and quantiles of the beta
distribution, in plain Python.

scipy has them too, but takes longer to import than a corpus takes to score, and its last digits
changed between versions. The tests compare both.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

# From so many degrees of freedom on, the expansion around the normal quantile is exact to 1e-14.
EXPANSION_FROM = 3_000.0
# Gamma functions of larger numbers are so large that their difference would lose digits.
ASYMPTOTIC_FROM = 50.0
PRECISION = 4e-16
MOST_STEPS = 10_000
LEAST_EXPONENT = -700.0  # e to a smaller power is 0 in floating point


def student_t_tail(t: float, df: float) -> float:
    """The probability that |T| > t, for t ≥ 0.

    >>> round(student_t_tail(2.0, 10.0), 6)
    0.073388
    """
    if t == 0:
        return 1.0
    a = df / 2
    return _incomplete_beta(df / (df + t * t), t * t / (df + t * t), a, 0.5, _log_beta_half(a))


@lru_cache(maxsize=4096)
def student_t_quantile(p: float, df: float) -> float:
    """The quantile of the t distribution, for p > 0.5.

    >>> round(student_t_quantile(0.975, 10.0), 6)
    2.228139
    """
    z = NormalDist().inv_cdf(p)
    expanded = _expand_around_normal(z, df)
    if df >= EXPANSION_FROM:
        return expanded
    # Newton's method, with log t as a function of the logarithm of the tail: nearly a straight line
    # for few degrees of freedom, where the tail is a power of t.
    log_tail = math.log(2 * (1 - p))
    t = expanded
    for _ in range(MOST_STEPS):
        tail = student_t_tail(t, df)
        gap = math.log(tail) - log_tail
        slope = -2 * t * math.exp(_log_density(t, df)) / tail
        factor = math.exp(min(max(-gap / slope, -1.0), 1.0))
        t *= factor
        if abs(factor - 1) <= 1e-13:  # the error that is left is the square of this
            break
    return t


def _log_density(t: float, df: float) -> float:
    return -_log_beta_half(df / 2) - math.log(df) / 2 - (df + 1) / 2 * math.log1p(t * t / df)


def _expand_around_normal(z: float, df: float) -> float:
    """Abramowitz & Stegun (1964), 26.7.5."""
    return (
        z
        + (z**3 + z) / (4 * df)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * df**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * df**4)
    )


def _log_beta_half(a: float) -> float:
    """The logarithm of the beta function of a and ½."""
    if a < ASYMPTOTIC_FROM:
        return math.lgamma(a) + math.lgamma(0.5) - math.lgamma(a + 0.5)
    # Γ(a + ½) / Γ(a) = √a (1 - 1/8a + 1/128a² + 5/1024a³ - 21/32768a⁴ - 399/262144a⁵ …)
    series = (
        1 - 1 / (8 * a) + 1 / (128 * a**2) + 5 / (1024 * a**3) - 21 / (32768 * a**4)
        - 399 / (262144 * a**5)
    )  # fmt: skip
    return math.lgamma(0.5) - math.log(a) / 2 - math.log(series)


def beta_tail(x: float, a: float, b: float) -> float:
    """The probability that a beta variable is at most x, for 0 < x < 1."""
    return _incomplete_beta(x, 1 - x, a, b, _log_beta(a, b))


def beta_quantile(p: float, a: float, b: float) -> float:
    """The quantile of the beta distribution, for p ≤ 0.5 and b ≥ 1.

    >>> round(beta_quantile(0.025, 9.0, 2.0), 6)
    0.554984
    """
    log_beta = _log_beta(a, b)
    # Newton's method on the logarithm of the distribution as a function of the logit of x: it is
    # concave, so that steps from the left never go too far. I(x; a, b) ≤ x^a / (a B(a, b)).
    log_x = (math.log(p) + math.log(a) + log_beta) / a
    if log_x < LEAST_EXPONENT:
        return 0.0
    logit = log_x - math.log1p(-math.exp(log_x))
    x = math.exp(log_x)
    for _ in range(MOST_STEPS):
        # Left of the mean the continued fraction converges fast, and logarithms do not underflow.
        log_front = a * math.log(x) + b * math.log1p(-x) - log_beta
        fraction = _beta_fraction(x, a, b) / a
        log_value = log_front + math.log(fraction)
        step = (math.log(p) - log_value) * fraction
        logit += step
        x = expit(logit)
        if step <= 1e-14:
            break
    return x


def expit(x: float) -> float:
    """The inverse of the logit: 1 / (1 + e^-x)."""
    if x < 0:
        return math.exp(x) / (1 + math.exp(x)) if x > LEAST_EXPONENT else 0.0
    return 1 / (1 + math.exp(-x))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _incomplete_beta(x: float, one_minus_x: float, a: float, b: float, log_beta: float) -> float:
    """The regularized incomplete beta function I(x; a, b). log_beta: of the function of a and b."""
    # Near 1, x has lost the digits that one_minus_x still has.
    log_x = math.log1p(-one_minus_x) if one_minus_x < 0.5 else math.log(x)
    front = math.exp(a * log_x + b * math.log(one_minus_x) - log_beta)
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(x, a, b) / a
    return 1 - front * _beta_fraction(one_minus_x, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, MOST_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + even * d)
        c = 1 + even / c
        value *= c * d
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1 + odd * d)
        c = 1 + odd / c
        value *= c * d
        if abs(c * d - 1) < PRECISION:
            break
    return value
