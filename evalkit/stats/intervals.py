"""The intervals of all rows of a metric: labels, micro, macro, weighted, and the mean over
documents.

The units are documents wherever there are two or more, and the sentences of a single document;
`ratio_intervals` has the formulas. Intervals over sentences describe the documents at hand only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from evalkit.errors import InputError, UnknownNameError, spell_option
from evalkit.scoring.columns import Ints
from evalkit.scoring.counts import Counts
from evalkit.scoring.metrics import SCHEMES, Metric
from evalkit.stats.ratio_intervals import (
    NO_ERROR,
    NOTHING_RIGHT,
    UNDEFINED_RATIO,
    Floats,
    Interval,
    MoverSum,
    RatioSample,
    count_dominating,
    few_outcomes_reason,
    few_units_reason,
    mean_interval,
    ratio_interval,
    ratio_residuals,
    sample_ratio,
    single_unit_reason,
    unit_ends,
)

UNITS = ("auto", "documents", "sentences")
RATIOS = ("precision", "recall", "f1")
FEW_DOCUMENTS = 20  # with fewer, the report warns that differences may be due to chance
MOST_REPLICATES = 10_000_000  # permutations: more would take hours
NOT_ASKED = Interval(None, None, "not asked for")
NEEDS_DOCUMENTS = Interval(None, None, "a mean over documents has no interval over sentences")
METHOD = "t on the logit, delete-one jackknife"

RowKey = tuple[str | None, str | None]  # (label, average)


class Resampling(NamedTuple):
    """How intervals and tests are made: the sampling units ("documents" or "sentences";
    `requested_units` may be "auto"), the level, and the seed of random permutations.

    boot: 0 for no intervals.
    """

    units: str
    requested_units: str
    boot: int
    seed: int
    level: float
    documents: int

    @property
    def method(self) -> str:
        """The kind of interval; empty where there are none."""
        return METHOD if self.boot else ""

    def signature_fields(self) -> dict[str, str]:
        """The fields of a signature that name the units and the intervals."""
        fields = {"units": self.units}
        if self.boot:
            fields |= {"interval": "jackknife-t", "level": str(self.level)}
        return fields

    @property
    def unit(self) -> str:
        """The name of one unit."""
        return self.units.removesuffix("s")

    @property
    def describes_sample_only(self) -> bool:
        """Whether intervals are ranges of the documents at hand, and no confidence intervals."""
        return self.units == "sentences" or self.documents == 1


def make_resampling(documents: int, units: str, boot: int, seed: int, level: float) -> Resampling:
    """How intervals are computed for a corpus of so many documents.

    Raises InputError for numbers out of range, UnknownNameError for an unknown unit.
    """
    if units not in UNITS:
        raise UnknownNameError("value", units, UNITS, within=spell_option("units"))
    for name, value, least, most in (
        ("boot", boot, 0, MOST_REPLICATES),
        ("seed", seed, 0, 2**63 - 1),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InputError(
                f"invalid {spell_option(name, value)}: expected a whole number from {least} to"
                f" {most:,}"
            )
    if (
        isinstance(level, bool)
        or not isinstance(level, (int, float))
        or not 0 < level < (1 + level) / 2 < 1
    ):
        raise InputError(
            f"invalid {spell_option('level', level)}: expected a number between 0 and 1, such as"
            " 0.95"
        )
    return Resampling(choose_units(units, documents), units, boot, seed, float(level), documents)


def choose_units(requested: str, documents: int) -> str:
    """The sampling units of a corpus of so many documents: those requested, or for "auto" documents
    if there are two or more.
    """
    if requested != "auto":
        return requested
    return "documents" if documents >= 2 else "sentences"


class IntervalTable:
    """The intervals of the rows of one metric. They are computed when the first is asked for."""

    def __init__(self, counts: Counts, resampling: Resampling) -> None:
        """Keep the counts; nothing is computed yet."""
        self._counts = counts
        self._resampling = resampling

    def of_row(self, label: str | None, average: str | None) -> Mapping[str, Interval]:
        """The interval of each ratio of a row; empty if the row has none."""
        return self._computed.intervals.get((label, average), {})

    def sample_of_row(self, label: str | None, average: str | None) -> Mapping[str, RatioSample]:
        """What the interval of each ratio of a label or of micro is computed from."""
        return self._computed.samples.get((label, average), {})

    @property
    def dominating_units(self) -> int:
        """The number of units that hold half of all items, if these are few; else 0."""
        return self._computed.dominating_units

    @cached_property
    def _computed(self) -> RowIntervals:
        if not self._resampling.boot:
            return RowIntervals()
        return compute_intervals(self._counts, self._resampling)


@dataclass
class RowIntervals:
    """The intervals of labels and averages by ratio, and of labels and micro also their samples.

    dominating_units: the number of units that hold half of all items, if these are few; else 0.
    """

    intervals: dict[RowKey, Mapping[str, Interval]] = field(default_factory=dict)
    samples: dict[RowKey, Mapping[str, RatioSample]] = field(default_factory=dict)
    dominating_units: int = 0


def compute_intervals(counts: Counts, resampling: Resampling) -> RowIntervals:
    """The intervals of each label and each average."""
    return _IntervalComputation(counts, resampling).rows


class _IntervalComputation:
    """Goes through the labels once."""

    def __init__(self, counts: Counts, resampling: Resampling) -> None:
        self.rows = RowIntervals()
        self._level = resampling.level
        self._unit = resampling.unit
        self._has_label_f1 = SCHEMES[Metric.parse(counts.metric).scheme].same_label
        self._unit_count = len(counts.resampling_units.documents)
        credits = counts.credits_by_unit()
        self._add_micro(credits)
        self._add_labels(counts)
        self.rows.intervals[None, "per-document"] = self._per_document(credits, resampling)

    def _add_micro(self, credits: Ints) -> None:
        ratios = split_credits(credits)
        self._micro = {name: sample_ratio(*ratio) for name, ratio in ratios.items()}
        sample = self._micro["f1"]
        if sample.effective_units < sample.units / 2:
            self.rows.dominating_units = count_dominating(ratios["f1"][1])
        self.rows.samples[None, "micro"] = self._micro
        self.rows.intervals[None, "micro"] = self._intervals(self._micro, has_f1=True)

    def _intervals(
        self, samples: Mapping[str, RatioSample], *, has_f1: bool
    ) -> dict[str, Interval]:
        intervals = {}
        for name, sample in samples.items():
            is_f1 = name == "f1"
            intervals[name] = UNDEFINED_RATIO
            if has_f1 or not is_f1:
                intervals[name] = ratio_interval(sample, self._level, is_f1=is_f1, unit=self._unit)
        return intervals

    def _add_labels(self, counts: Counts) -> None:
        """Add the labels, and the averages over them."""
        cells = [(units, credits) for units, credits in counts.credits_by_label()]
        occurring = [n for n, (units, _) in enumerate(cells) if len(units)]
        gold = [int(cells[n][1][:, 0].sum()) for n in occurring]
        weights = {
            "macro": [1 / len(occurring) for _ in occurring],
            "weighted": [share / sum(gold) if sum(gold) else 0.0 for share in gold],
        }
        sums = {
            (average, ratio): AverageInterval(self._unit_count)
            for average in weights
            for ratio in RATIOS
        }
        for number, n in enumerate(occurring):
            units, credits = cells[n]
            samples = {}
            for name, (right, total) in split_credits(credits).items():
                sample = sample_ratio(right, total)
                samples[name] = sample
                residuals = ratio_residuals(sample, right, total)
                for average in weights:
                    weight = weights[average][number]
                    sums[average, name].add(weight, sample, self._level, name, units, residuals)
            label = counts.labels[n]
            self.rows.samples[label, None] = samples
            self.rows.intervals[label, None] = self._intervals(samples, has_f1=self._has_label_f1)
        for average in weights:
            self.rows.intervals[None, average] = {
                name: self._average_interval(average, name, sums[average, name]) for name in RATIOS
            }

    def _average_interval(self, average: str, name: str, terms: AverageInterval) -> Interval:
        if not terms.count or (name == "f1" and not self._has_label_f1):
            return UNDEFINED_RATIO
        if average == "weighted" and not self._micro["recall"].total:
            return UNDEFINED_RATIO  # without gold items there are no weights
        if self._micro["f1"].units == 1:
            return Interval(None, None, single_unit_reason(self._unit))
        interval = terms.interval(self._micro[name].effective_units)
        micro_reason = self.rows.intervals[None, "micro"][name].reason
        warnings = (few_units_reason(self._unit), few_outcomes_reason(self._unit))
        if not interval.reason and micro_reason in warnings:
            interval = interval._replace(reason=micro_reason)
        return interval

    def _per_document(self, credits: Ints, resampling: Resampling) -> dict[str, Interval]:
        """The intervals of the mean over documents. credits: of each unit."""
        if resampling.units == "sentences":
            return dict.fromkeys(RATIOS, NEEDS_DOCUMENTS)
        with_items = credits[(credits[:, 0] > 0) | (credits[:, 1] > 0)]
        intervals = {}
        for name, ratios in ratios_of(with_items).items():
            intervals[name] = mean_interval(np.nan_to_num(ratios), self._level, self._unit)
        return intervals


class AverageInterval:
    """The interval of one ratio of the macro or weighted average, from the labels' intervals."""

    def __init__(self, units: int) -> None:
        """No labels yet."""
        self.count = 0
        self._value = 0.0
        self._terms = MoverSum(units)
        self._has_errors = self._has_right = False

    def add(
        self,
        weight: float,
        sample: RatioSample,
        level: float,
        name: str,
        units: Ints,
        residuals: Floats,
    ) -> None:
        """Add a label. An undefined ratio counts as 0, by definition and not by chance."""
        self.count += 1
        if not sample.total:
            self._has_errors = True
            return
        value, ends = ratio_with_ends(sample, level, name)
        self._value += weight * value
        self._has_errors |= weight > 0 and sample.wrong > 0
        self._has_right |= weight > 0 and sample.right > 0
        self._terms.add(weight, value, ends, units, residuals, sample.residual_norm)

    def interval(self, effective_units: float) -> Interval:
        """The interval, cut at 0 and 1."""
        below, above = self._terms.distances(effective_units)
        reason = ""
        if not self._has_errors:
            reason = NO_ERROR
        elif not self._has_right:
            reason = NOTHING_RIGHT
        return Interval(max(0.0, self._value - below), min(1.0, self._value + above), reason)


def ratio_with_ends(
    sample: RatioSample, level: float, name: str
) -> tuple[float, tuple[float, float]]:
    """A ratio and the ends of its interval, also where one unit holds all items."""
    value = sample.right / sample.total
    low, high = unit_ends(sample, level)
    if name != "f1":
        return value, (low, high)
    return 2 * value / (1 + value), (2 * low / (1 + low), 2 * high / (1 + high))


def split_credits(credits: Ints) -> dict[str, tuple[Ints, Ints]]:
    """For each ratio the right items a_d and all items m_d of each unit, in multiples that the
    ratio does not depend on. credits: units × (gold, predicted, twice found, twice tp).
    """
    gold, predicted, found, tp = (credits[:, n] for n in range(4))
    right = found + tp
    # F1 = 2q / (1 + q) with q = tp / (tp + fp + fn).
    return {
        "precision": (tp, 2 * predicted),
        "recall": (found, 2 * gold),
        "f1": (right, 4 * (gold + predicted) - right),
    }


def ratios_of(totals: Floats | Ints, *, has_f1: bool = True) -> dict[str, Floats]:
    """Precision, recall and F1 of credits in the last axis; NaN where undefined, as F1 is
    throughout where both sides are not comparable.
    """
    gold, predicted, found, tp = (totals[..., n] for n in range(4))
    f1 = _ratio(tp + found, 2 * (gold + predicted)) if has_f1 else np.full(np.shape(gold), np.nan)
    return {"precision": _ratio(tp, 2 * predicted), "recall": _ratio(found, 2 * gold), "f1": f1}


def _ratio(part: Floats | Ints, whole: Floats | Ints) -> Floats:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
