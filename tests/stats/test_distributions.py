"""The t distribution and quantiles of the beta distribution are scipy's."""

import math

import pytest
import scipy.special
from scipy import stats

from evalkit.stats.distributions import (
    beta_quantile,
    beta_tail,
    student_t_quantile,
    student_t_tail,
)

DEGREES = (
    1.0,
    1.0001,
    1.5,
    2.0,
    3.4,
    7.3,
    19.5,
    49.9,
    50.1,
    101.0,
    999.0,
    2_999.0,
    3_001.0,
    1e5,
    1e7,
)


@pytest.mark.parametrize("df", DEGREES)
@pytest.mark.parametrize("p", [0.6, 0.8, 0.9, 0.975, 0.995, 0.99995, 1 - 1e-9])
def test_quantiles_are_scipys(df, p):
    # scipy 1.17's stats.t and its incomplete beta function differ by up to 1e-12 from each other.
    share = scipy.special.betaincinv(df / 2, 0.5, 2 * (1 - p))
    theirs = [stats.t.ppf(p, df)]
    if share > 0:
        theirs.append(math.sqrt(df * (1 - share) / share))

    found = student_t_quantile(p, df)

    assert min(abs(found / other - 1) for other in theirs) < 1e-12


@pytest.mark.parametrize("df", DEGREES)
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 2.5, 40.0])
def test_tails_are_scipys(df, t):
    theirs = 2 * stats.t.sf(t, df)

    assert student_t_tail(t, df) == pytest.approx(theirs, rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("total", [1.0, 2.5, 9.7, 200.0, 1e4])
@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.95, 0.9999])
@pytest.mark.parametrize("p", [0.005, 0.025, 0.4])
def test_beta_quantiles_are_scipys(total, share, p):
    a, b = total * share, total * (1 - share) + 1

    found = beta_quantile(p, a, b)

    assert found == pytest.approx(stats.beta.ppf(p, a, b), rel=1e-9, abs=1e-12)
    if found > 1e-200:
        assert beta_tail(found, a, b) == pytest.approx(p, rel=1e-9)


def test_beta_quantiles_that_are_too_small_are_0():
    assert beta_quantile(0.025, 1e-4, 2.0) == 0.0
