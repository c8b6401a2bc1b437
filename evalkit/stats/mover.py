"""Intervals of sums of ratios: macro and weighted averages, and their differences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evalkit.scoring.columns import Ints
from evalkit.stats.grouped_samples import GroupedSamples
from evalkit.stats.ratio_intervals import FEW_EFFECTIVE_UNITS, Floats


class MoverSum:
    """The interval of a weighted sum of ratios, from the interval of each: MOVER, the method of
    variance estimates recovery (Zou & Donner 2008; Donner & Zou 2012).

    A term w_k θ_k with the interval from l_k to u_k has the distances x_k and y_k to its lower and
    upper end; r_jk is the correlation over units of the residuals of two terms, 0 where undefined.
    The interval goes from Σ w_k θ_k - √(Σ r_jk x_j x_k) to Σ w_k θ_k + √(Σ r_jk y_j y_k). The
    double sums are computed as sums over units: Σ_d (Σ_k x_k r_kd / ‖r_k‖)².

    With fewer than five effective units, correlations are hardly known and may cancel all
    distances: then the sums are at least those of independent terms, Σ x_k² and Σ y_k².
    """

    def __init__(self, units: int) -> None:
        """No terms yet. units: of all terms."""
        self._below, self._above = np.zeros(units), np.zeros(units)
        self._squares_below = self._squares_above = 0.0  # of terms without residuals
        self._independent_below = self._independent_above = 0.0  # of all terms

    def add(
        self,
        weight: float,
        value: float,
        ends: tuple[float, float],
        units: Ints,
        residuals: Floats,
        norm: float,
    ) -> None:
        """Add a term. units: the numbers of the units with residuals. norm: of the residuals."""
        low, high = weight * ends[0], weight * ends[1]
        below, above = weight * value - min(low, high), max(low, high) - weight * value
        self._independent_below += below * below
        self._independent_above += above * above
        if not norm:
            self._squares_below += below * below
            self._squares_above += above * above
            return
        direction = residuals * (math.copysign(1.0, weight) / norm)
        self._below[units] += below * direction
        self._above[units] += above * direction

    def add_groups(
        self,
        weights: Sequence[float],
        values: Sequence[float],
        ends: Sequence[tuple[float, float]],
        groups: GroupedSamples,
    ) -> None:
        """Add a term for each group, with a weight of at least 0."""
        below, above, norms = [], [], []
        for weight, value, (low, high), sample in zip(weights, values, ends, groups.samples):
            distance_below = weight * value - weight * low
            distance_above = weight * high - weight * value
            self._independent_below += distance_below * distance_below
            self._independent_above += distance_above * distance_above
            if not sample.residual_norm:
                self._squares_below += distance_below * distance_below
                self._squares_above += distance_above * distance_above
            below.append(distance_below)
            above.append(distance_above)
            norms.append(sample.residual_norm or math.inf)  # then all residuals are 0
        directions = groups.residuals * np.repeat(1.0 / np.array(norms), groups.sizes)
        terms_below = np.repeat(np.array(below), groups.sizes) * directions
        terms_above = np.repeat(np.array(above), groups.sizes) * directions
        # bincount adds the terms of a unit in the order of the groups.
        n = len(self._below)
        self._below += np.bincount(groups.units, terms_below, minlength=n)
        self._above += np.bincount(groups.units, terms_above, minlength=n)

    def distances(self, effective_units: float) -> tuple[float, float]:
        """How far the lower and the upper end are from the sum."""
        below = math.fsum((self._below * self._below).tolist()) + self._squares_below
        above = math.fsum((self._above * self._above).tolist()) + self._squares_above
        if effective_units < FEW_EFFECTIVE_UNITS:
            below, above = (
                max(below, self._independent_below),
                max(above, self._independent_above),
            )
        return math.sqrt(below), math.sqrt(above)
