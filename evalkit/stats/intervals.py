"""The intervals of all rows of a metric: labels, micro, macro, weighted, and the mean over
documents.

The units are documents wherever there are two or more, and the sentences of a single document;
`ratio_intervals` has the formulas. Intervals over sentences describe the documents at hand only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from evalkit.errors import InputError, UnknownNameError, spell_option
from evalkit.scoring.columns import Ints
from evalkit.scoring.counts import Counts
from evalkit.scoring.metrics import Metric, get_scheme
from evalkit.stats.grouped_samples import GroupedSamples, sample_groups
from evalkit.stats.mover import MoverSum
from evalkit.stats.ratio_intervals import (
    NO_ERROR,
    NOTHING_RIGHT,
    UNDEFINED_RATIO,
    Floats,
    Interval,
    RatioSample,
    count_dominating,
    few_outcomes_reason,
    few_units_reason,
    mean_interval,
    ratio_interval,
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
        return {} if self._computed is None else self._computed.of_row(label, average)

    def sample_of_row(self, label: str | None, average: str | None) -> Mapping[str, RatioSample]:
        """What the interval of each ratio of a label or of micro is computed from."""
        return {} if self._computed is None else self._computed.sample_of_row(label, average)

    @property
    def dominating_units(self) -> int:
        """The number of units that hold half of all items, if these are few; else 0."""
        return 0 if self._computed is None else self._computed.dominating_units

    @cached_property
    def _computed(self) -> _RowIntervals | None:
        return _RowIntervals(self._counts, self._resampling) if self._resampling.boot else None


class _RowIntervals:
    """The intervals of labels and averages by ratio, and of labels and micro also their samples.
    Those of the labels and of the averages over them are computed when one of them is asked for.
    """

    def __init__(self, counts: Counts, resampling: Resampling) -> None:
        self._counts = counts
        self._resampling = resampling
        self._level = resampling.level
        self._unit = resampling.unit
        self._has_label_f1 = get_scheme(Metric.parse(counts.metric).scheme).same_label

    def of_row(self, label: str | None, average: str | None) -> Mapping[str, Interval]:
        """The interval of each ratio of a row; empty if the row has none."""
        if average == "micro":
            return self._micro_intervals
        if average == "per-document":
            return self._per_document
        return self._labels.intervals.get((label, average), {})

    def sample_of_row(self, label: str | None, average: str | None) -> Mapping[str, RatioSample]:
        """The samples of a label or of micro."""
        if average == "micro":
            return self._micro
        return self._labels.samples.get(label, {})

    @cached_property
    def dominating_units(self) -> int:
        """The number of units that hold half of all items, if these are few; else 0."""
        sample = self._micro["f1"]
        if sample.effective_units >= sample.units / 2:
            return 0
        return count_dominating(split_credits(self._credits)["f1"][1])

    @cached_property
    def _credits(self) -> Ints:
        return self._counts.credits_by_unit()

    @cached_property
    def _micro(self) -> dict[str, RatioSample]:
        ratios = split_credits(self._credits)
        return {name: sample_ratio(*ratio) for name, ratio in ratios.items()}

    @cached_property
    def _micro_intervals(self) -> dict[str, Interval]:
        return self._intervals(self._micro, has_f1=True)

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

    @cached_property
    def _labels(self) -> _LabelIntervals:
        """The intervals of the labels, and of the averages over them."""
        table = self._counts.credits_by_label()
        occurring = np.flatnonzero(table.sizes).tolist()
        sizes = table.sizes[occurring]
        groups = {}
        for name, (right, total) in split_credits(table.credits).items():
            groups[name] = sample_groups(right, total, table.units, sizes)
        samples: dict[str | None, dict[str, RatioSample]] = {}
        intervals: dict[RowKey, Mapping[str, Interval]] = {}
        for number, n in enumerate(occurring):
            label = self._counts.labels[n]
            samples[label] = {name: of_ratio.samples[number] for name, of_ratio in groups.items()}
            intervals[label, None] = self._intervals(samples[label], has_f1=self._has_label_f1)
        gold = [of_label["recall"].total for of_label in samples.values()]
        all_gold = sum(gold)
        weights = {
            "macro": [1 / len(gold)] * len(gold),
            "weighted": [share / all_gold if all_gold else 0.0 for share in gold],
        }
        for average, of_labels in weights.items():
            intervals[None, average] = {
                name: self._average_interval(average, name, of_labels, groups[name])
                for name in RATIOS
            }
        return _LabelIntervals(samples, intervals)

    def _average_interval(
        self, average: str, name: str, weights: Sequence[float], groups: GroupedSamples
    ) -> Interval:
        if not weights or (name == "f1" and not self._has_label_f1):
            return UNDEFINED_RATIO
        if average == "weighted" and not self._micro["recall"].total:
            return UNDEFINED_RATIO  # without gold items there are no weights
        if self._micro["f1"].units == 1:
            return Interval(None, None, single_unit_reason(self._unit))
        effective_units, units = self._micro[name].effective_units, len(self._credits)
        interval = average_interval(name, weights, groups, self._level, effective_units, units)
        micro_reason = self._micro_intervals[name].reason
        warnings = (few_units_reason(self._unit), few_outcomes_reason(self._unit))
        if not interval.reason and micro_reason in warnings:
            interval = interval._replace(reason=micro_reason)
        return interval

    @cached_property
    def _per_document(self) -> dict[str, Interval]:
        """The intervals of the mean over documents."""
        if self._resampling.units == "sentences":
            return dict.fromkeys(RATIOS, NEEDS_DOCUMENTS)
        credits = self._credits
        with_items = credits[(credits[:, 0] > 0) | (credits[:, 1] > 0)]
        intervals = {}
        for name, ratios in ratios_of(with_items).items():
            intervals[name] = mean_interval(np.nan_to_num(ratios), self._level, self._unit)
        return intervals


class _LabelIntervals(NamedTuple):
    """The samples of the labels, and the intervals of labels and of averages over them."""

    samples: Mapping[str | None, Mapping[str, RatioSample]]
    intervals: Mapping[RowKey, Mapping[str, Interval]]


def average_interval(
    name: str,
    weights: Sequence[float],
    groups: GroupedSamples,
    level: float,
    effective_units: float,
    units: int,
) -> Interval:
    """The interval of one ratio of the macro or weighted average, cut at 0 and 1, from the labels'
    intervals. An undefined ratio counts as 0, by definition and not by chance.
    """
    average = 0.0
    values, ends = [], []
    has_errors = has_right = False
    for weight, sample in zip(weights, groups.samples):
        if not sample.total:
            has_errors = True
            values.append(0.0)
            ends.append((0.0, 0.0))
            continue
        value, ends_of_label = ratio_with_ends(sample, level, name)
        average += weight * value
        has_errors |= weight > 0 and sample.wrong > 0
        has_right |= weight > 0 and sample.right > 0
        values.append(value)
        ends.append(ends_of_label)
    terms = MoverSum(units)
    terms.add_groups(weights, values, ends, groups)
    below, above = terms.distances(effective_units)
    reason = ""
    if not has_errors:
        reason = NO_ERROR
    elif not has_right:
        reason = NOTHING_RIGHT
    return Interval(max(0.0, average - below), min(1.0, average + above), reason)


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
