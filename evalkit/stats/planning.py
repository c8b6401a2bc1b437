"""How many documents it takes to detect a difference in micro F1 between two systems.

From n documents, of which K are effective, comes the standard error se(F1) of one system. With the
correlation r of two systems over documents, that of their difference is se = se(F1) · √(2 (1 - r)).
With N documents like these,

    se_N = se · √(n/N)    K_N = K · N/n    ν = max(1, K_N - 1) degrees of freedom

and N is the smallest number of at least two documents with (t(.975; ν) + t(.8; ν)) · se_N ≤ D: a
two-sided test at level .05 finds a true difference of D with power .8 (Cohen 1988, chapter 2).

F1 = 2q / (1 + q) for q = A/M (see `ratio_intervals`), so that se(F1) = √Var(q) · 2/(1 + q)². Var(q)
comes from one of two sources:

    predictions    V, the delete-one jackknife variance of `ratio_intervals`, with K = M² / Σ m_d²
    gold alone     q (1 - q) / M² · Σ m_d (1 + (m_d - 1) ρ), where ρ is the correlation of the
                   outcomes within a document (Kish 1965, section 5.4: the design effect)

With gold alone, F1 is assumed, and as many predicted as gold items: m_d = (2 - F1) · gold_d and
q = F1 / (2 - F1). Documents without items count in n and N.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evalkit.errors import InputError, spell_option
from evalkit.scoring.columns import Ints
from evalkit.stats.distributions import student_t_quantile
from evalkit.stats.paired_differences import POWER
from evalkit.stats.ratio_intervals import RatioSample, exact_dot, sample_ratio

LEVEL = 0.05  # of the two-sided test
ASSUMED_F1 = 0.8  # with gold alone
OUTCOME_CORRELATION = 0.1  # ρ, with gold alone
SYSTEM_CORRELATION = 0.5  # r
LEAST_DOCUMENTS = 2
MOST_DOCUMENTS = 10**12  # a difference that takes more is too small for any corpus
NO_ITEMS = "there are no items"
TOO_FEW_DOCUMENTS = "it takes at least two documents with items"


@dataclass(frozen=True)
class PlanningSample:
    """What the number of documents is computed from.

    f1: measured, or assumed with gold alone. standard_error: se of the difference of two systems.
    documents: n. effective_documents: K. reason: why there is no standard error; else empty.
    """

    f1: float
    standard_error: float
    documents: int
    effective_documents: float
    reason: str = ""


def validate_difference(difference: float) -> float:
    """The difference to detect. Raises InputError unless it is a number between 0 and 1."""
    is_number = isinstance(difference, (int, float)) and not isinstance(difference, bool)
    if not is_number or not 0 < difference < 1:
        raise InputError(
            f"invalid {spell_option('detect', difference)}: expected a difference of F1 between 0"
            " and 1, such as 0.02"
        )
    return float(difference)


def sample_predictions(right: Ints, total: Ints, documents: int) -> PlanningSample:
    """The sample of a system. right, total: a_d and m_d of documents, in any common multiple.

    documents: the number of all documents, with or without items.
    """
    ratio = sample_ratio(right, total)
    f1 = 2 * ratio.right / (ratio.total + ratio.right) if ratio.total else 0.0
    reason = _reason(ratio)
    if reason:
        return PlanningSample(f1, 0.0, documents, ratio.effective_units, reason)
    standard_error = _error_of_difference(ratio.right / ratio.total, ratio.variance)
    return PlanningSample(f1, standard_error, documents, ratio.effective_units)


def _reason(ratio: RatioSample) -> str:
    """Why a standard error cannot be estimated; else empty."""
    if not ratio.total:
        return NO_ITEMS
    if ratio.units < LEAST_DOCUMENTS:
        return TOO_FEW_DOCUMENTS
    if not ratio.wrong:
        return "the predictions have no error"
    if not ratio.right:
        return "the predictions have nothing right"
    if not ratio.variance:
        return "all documents have the same F1"
    return ""


def sample_gold(gold: Ints, documents: int) -> PlanningSample:
    """The sample of a system that is assumed. gold: the gold items of documents.

    documents: the number of all documents, with or without items.
    """
    sizes = gold[gold > 0].astype(np.float64)
    if not len(sizes):
        return PlanningSample(ASSUMED_F1, 0.0, documents, 0.0, NO_ITEMS)
    items = math.fsum(sizes.tolist())
    squares = exact_dot(sizes, sizes)
    effective = items * items / squares
    if len(sizes) < LEAST_DOCUMENTS:
        return PlanningSample(ASSUMED_F1, 0.0, documents, effective, TOO_FEW_DOCUMENTS)
    q = ASSUMED_F1 / (2 - ASSUMED_F1)
    # Σ m_d (1 + (m_d - 1) ρ) = (1 - ρ) Σ m_d + ρ Σ m_d²
    scale = 2 - ASSUMED_F1
    spread = (1 - OUTCOME_CORRELATION) * scale * items + OUTCOME_CORRELATION * scale**2 * squares
    variance = q * (1 - q) * spread / (scale * items) ** 2
    return PlanningSample(ASSUMED_F1, _error_of_difference(q, variance), documents, effective)


def _error_of_difference(q: float, variance: float) -> float:
    """The standard error of the difference in F1 of two systems with this q and Var(q)."""
    f1_error = math.sqrt(variance) * 2 / (1 + q) ** 2
    return f1_error * math.sqrt(2 * (1 - SYSTEM_CORRELATION))


def count_needed_documents(sample: PlanningSample, difference: float) -> int | None:
    """N; None if it is larger than MOST_DOCUMENTS. The sample must have a standard error."""
    if detectable_difference(sample, MOST_DOCUMENTS) > difference:
        return None
    if detectable_difference(sample, LEAST_DOCUMENTS) <= difference:
        return LEAST_DOCUMENTS
    too_few, enough = LEAST_DOCUMENTS, MOST_DOCUMENTS
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if detectable_difference(sample, middle) <= difference:
            enough = middle
        else:
            too_few = middle
    return enough


def detectable_difference(sample: PlanningSample, documents: int) -> float:
    """The true difference that is found with power .8 in so many documents; it falls with them."""
    growth = documents / sample.documents
    degrees = max(1.0, sample.effective_documents * growth - 1)
    quantiles = student_t_quantile(1 - LEVEL / 2, degrees) + student_t_quantile(POWER, degrees)
    return quantiles * sample.standard_error / math.sqrt(growth)


def round_up(number: int, digits: int = 2) -> int:
    """The number, rounded up to so many significant digits.

    >>> round_up(7), round_up(231), round_up(1201), round_up(991)
    (7, 240, 1300, 1000)
    """
    step: int = 10 ** max(0, len(str(number)) - digits)
    return -(-number // step) * step
