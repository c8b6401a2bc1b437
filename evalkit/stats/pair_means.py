"""The interval of a mean of several F1 over the same documents, such as those of all pairs of
annotators.

The mean is computed again without each document, which leaves all pairs at once: with
q = F / (2 - F), the share whose F1 is the mean F, this gives the jackknife variance V of q. The
interval is that of `ratio_intervals` for q, V and the items of all pairs together (K and K_err), so
that the interval of a single pair is that of its F1.
"""

from __future__ import annotations

import numpy as np

from evalkit.scoring.columns import Ints
from evalkit.stats.ratio_intervals import (
    UNDEFINED_RATIO,
    Floats,
    Interval,
    RatioSample,
    exact_dot,
    ratio_interval,
    sample_ratio,
    single_unit_reason,
)


def mean_f1_interval(right: Ints, total: Ints, level: float) -> Interval:
    """The interval of the mean over pairs of 2q / (1 + q), with q = Σ right / Σ total of a pair.

    right, total: pairs × documents; 0 where a document is not in a pair. Pairs without items have
    no F1, and take no part.
    """
    has_items = total.sum(axis=1) > 0
    right, total = right[has_items], total[has_items]
    documents = total.sum(axis=0) > 0
    right, total = right[:, documents], total[:, documents]
    units = right.shape[1]
    if not units:
        return UNDEFINED_RATIO
    if units == 1:
        return Interval(None, None, single_unit_reason("document"))
    pooled = sample_ratio(right.sum(axis=0), total.sum(axis=0))
    if len(right) == 1:
        return ratio_interval(pooled, level, is_f1=True)
    q = _share_of_f1(_mean_f1(right.sum(axis=1, keepdims=True), total.sum(axis=1, keepdims=True)))
    without = _share_of_f1(
        _mean_f1(right.sum(axis=1, keepdims=True) - right, total.sum(axis=1, keepdims=True) - total)
    )
    deviations = without - q
    variance = (units - 1) / units * exact_dot(deviations, deviations)
    sample = RatioSample(
        right=float(q[0]),
        total=1.0,
        units=units,
        effective_units=pooled.effective_units,
        effective_right=pooled.effective_right,
        effective_wrong=pooled.effective_wrong,
        variance=variance,
        residual_norm=0.0,
    )
    return ratio_interval(sample, level, is_f1=True)


def _mean_f1(right: Ints, total: Ints) -> Floats:
    """The mean F1 over the pairs that have items: of each column of pairs × columns."""
    f1 = np.divide(2.0 * right, total + right, out=np.zeros(right.shape), where=total > 0)
    defined = (total > 0).sum(axis=0)
    # A document is never the only one of all pairs, so that some pair is defined.
    means: Floats = f1.sum(axis=0) / defined
    return means


def _share_of_f1(f1: Floats) -> Floats:
    return f1 / (2 - f1)
