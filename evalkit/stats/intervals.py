"""Bootstrap intervals of precision, recall and F1, or the reason why a row has none.

The resampling units are documents or, if there are few documents, sentences; see `resampling`. The
interval is the percentile interval for documents and BCa for sentences: `scripts/coverage` finds
both equally close to their level for 100 documents, and BCa closer for few sentences. A row of a
single document has a range only if it has ten items, and eight sentences with items. It is called a
sentence-resampling range of these documents only, never a confidence interval. The macro average of
a replicate is that of the labels that have an item in it; if a label has none in more than 5 % of
the replicates, there is no interval. The mean over documents has no interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from evalkit.errors import InputError, UnknownNameError, spell_option
from evalkit.scoring.cells import GOLD, PREDICTED
from evalkit.scoring.columns import Ints
from evalkit.scoring.counts import Counts
from evalkit.scoring.metrics import SCHEMES, Metric
from evalkit.stats.resampling import (
    MAX_UNDEFINED_SHARE,
    Floats,
    Interval,
    bca,
    bootstrap_totals,
    percentile,
    resampling_keys,
)

UNITS = ("auto", "documents", "sentences")
RATIOS = ("precision", "recall", "f1")
FEW_DOCUMENTS = 20  # with fewer, sentences are resampled
FEW_ITEMS, FEW_SENTENCES = 10, 8  # with fewer, a single document has no range
MOST_REPLICATES = 10_000_000  # more would take hours, or all memory
AT_ONCE = 4_000_000  # counts that are resampled together
NOT_ASKED = Interval(None, None, "not asked for")
UNDEFINED_RATIO = Interval(None, None, "the value is undefined")
NO_METHOD = Interval(None, None, "no interval is computed for this average")
ONE_UNIT = Interval(None, None, "all items are in one unit")
TOO_FEW = Interval(
    None, None, f"fewer than {FEW_ITEMS} items, or items in fewer than {FEW_SENTENCES} sentences"
)

RowKey = tuple[str | None, str | None]  # (label, average)


class Resampling(NamedTuple):
    """How intervals are made: the resampling units ("documents" or "sentences"; `requested_units`
    may be "auto"), replicates, seed and level.
    """

    units: str
    requested_units: str
    boot: int
    seed: int
    level: float
    documents: int

    @property
    def method(self) -> str:
        """The kind of interval."""
        return "percentile bootstrap" if self.units == "documents" else "BCa bootstrap"

    @property
    def is_single_document(self) -> bool:
        """Whether intervals are ranges of a single document, and no confidence intervals."""
        return self.documents == 1


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
    """The resampling units of a corpus of so many documents: those requested, or for "auto"
    sentences if there are few documents.
    """
    if requested != "auto":
        return requested
    return "sentences" if documents < FEW_DOCUMENTS else "documents"


class IntervalTable:
    """The intervals of the rows of one metric. They are computed when the first is asked for."""

    def __init__(self, counts: Counts, resampling: Resampling) -> None:
        """Keep the counts; nothing is computed yet."""
        self._counts = counts
        self._resampling = resampling

    def of_row(self, label: str | None, average: str | None) -> Mapping[str, Interval]:
        """The interval of each ratio of a row; empty if the row has none."""
        return self._intervals.get((label, average), {})

    @cached_property
    def _intervals(self) -> Mapping[RowKey, Mapping[str, Interval]]:
        return compute_intervals(self._counts, self._resampling)


def compute_intervals(counts: Counts, how: Resampling) -> Mapping[RowKey, Mapping[str, Interval]]:
    """For each label and each average, the interval of each ratio."""
    return dict(_intervals(counts, how)) if how.boot else {}


def _intervals(counts: Counts, how: Resampling) -> Iterator[tuple[RowKey, Mapping[str, Interval]]]:
    rows = counts.resampling_units
    how = how._replace(
        documents=len(set(rows.documents))
    )  # a layer may be annotated in fewer of them than there are
    keys = resampling_keys(rows.documents, rows.sentences)
    comparable = SCHEMES[Metric.parse(counts.metric).scheme].same_label
    means = {name: MacroAverage(how.boot, len(keys)) for name in ("macro", "weighted")}
    micro, left_out = np.zeros((how.boot, 4)), np.zeros((len(keys), 4))
    step = max(8, AT_ONCE // max(len(keys), 1))
    for first in range(0, len(counts.labels), step):
        last = min(first + step, len(counts.labels))
        table = counts.credit_table(first, last)
        totals = bootstrap_totals(table.reshape(len(table), -1), keys, how.boot, how.seed).reshape(
            how.boot, last - first, 4
        )
        without = table.sum(axis=0) - table
        micro += totals.sum(axis=1)
        left_out += without.sum(axis=1)
        for n in range(last - first):
            drawn = Replicates(
                *(
                    ratios_of(of[..., n, :], has_f1=comparable)
                    for of in (totals, table.sum(axis=0), without)
                )
            )
            yield (
                (counts.labels[first + n], None),
                _row_intervals(drawn, how, _item_and_unit_counts(counts, first + n)),
            )
            if counts.totals[first + n, [GOLD, PREDICTED]].any():
                for name, mean in means.items():
                    mean.add(
                        drawn,
                        [
                            _weights(of[..., n, :], name)
                            for of in (totals, table.sum(axis=0), without)
                        ],
                    )
    held, total = _item_and_unit_counts(counts, None), counts.total_credits()
    yield (
        (None, "micro"),
        _row_intervals(
            Replicates(ratios_of(micro), ratios_of(total), ratios_of(left_out)), how, held
        ),
    )
    for name, mean in means.items():
        yield (None, name), _row_intervals(mean.drawn(comparable=comparable), how, held)
    yield (None, "per-document"), dict.fromkeys(RATIOS, NO_METHOD)


def _weights(totals: Floats | Ints, average: str) -> Floats:
    """The weight of a label in an average: 1 where it has an item on either side, or its gold
    items.
    """
    gold, predicted = totals[..., 0], totals[..., 1]
    weights: Floats = np.asarray(
        gold if average == "weighted" else (gold + predicted) > 0, np.float64
    )
    return weights


def _item_and_unit_counts(counts: Counts, label: int | None) -> tuple[int, int]:
    """How many items gold and prediction have of a label (None: of all), and in how many units
    there are any.
    """
    mine = slice(None) if label is None else counts.label == label
    return int(counts.values[[GOLD, PREDICTED]][:, mine].sum()), len(
        np.unique(counts.resampling_units.of[counts.unit[mine]])
    )


class Replicates(NamedTuple):
    """The ratios of each replicate, of the data themselves, and of the data without each unit."""

    replicates: Mapping[str, Floats]
    observed: Mapping[str, Floats]
    left_out: Mapping[str, Floats]


def _row_intervals(
    drawn: Replicates, how: Resampling, held: tuple[int, int]
) -> Mapping[str, Interval]:
    items, units = held
    if not items:
        return dict.fromkeys(RATIOS, UNDEFINED_RATIO)
    if how.documents == 1 and (units < FEW_SENTENCES or items < FEW_ITEMS):
        return dict.fromkeys(RATIOS, ONE_UNIT if how.units == "documents" else TOO_FEW)
    if units < 2:
        return dict.fromkeys(RATIOS, ONE_UNIT)
    if how.units == "documents":
        return {name: percentile(drawn.replicates[name], how.level) for name in RATIOS}
    return {
        name: bca(
            drawn.replicates[name], float(drawn.observed[name]), drawn.left_out[name], how.level
        )
        for name in RATIOS
    }


def ratios_of(totals: Floats | Ints, *, has_f1: bool = True) -> dict[str, Floats]:
    """Precision, recall and F1 of CREDITS in the last axis; NaN where undefined, as F1 is
    throughout where both sides are not comparable.
    """
    gold, predicted, found, tp = (totals[..., n] for n in range(4))
    f1 = _ratio(tp + found, 2 * (gold + predicted)) if has_f1 else np.full(np.shape(gold), np.nan)
    return {"precision": _ratio(tp, 2 * predicted), "recall": _ratio(found, 2 * gold), "f1": f1}


def _ratio(part: Floats | Ints, whole: Floats | Ints) -> Floats:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


class MacroAverage:
    """The mean over labels of each ratio in each replicate, in the data, and without each unit."""

    def __init__(self, replicates: int, units: int) -> None:
        """Of no labels yet."""
        self._sums = [
            {name: np.zeros((2, *shape)) for name in RATIOS}
            for shape in ((replicates,), (), (units,))
        ]
        self._absent = np.zeros(replicates, bool)

    def add(self, drawn: Replicates, weights: Sequence[Floats]) -> None:
        """Add a label; a ratio that is undefined counts as 0.

        `weights`: those of the label in each part of `drawn`.
        """
        for name in RATIOS:
            for sums, ratios, weight in zip(self._sums, drawn, weights):
                sums[name] += np.stack(
                    [np.nan_to_num(ratios[name]) * weight, weight * np.ones_like(ratios[name])]
                )
        self._absent |= np.isnan(drawn.replicates["precision"]) & np.isnan(
            drawn.replicates["recall"]
        )

    def drawn(self, *, comparable: bool) -> Replicates:
        """The means; those of the replicates all undefined where a label had no item in more than 5
        % of them.

        `comparable`: whether labels have an F1, without which there is no mean of it.
        """
        means = [{name: _ratio(*sums[name]) for name in RATIOS} for sums in self._sums]
        for part in means if not comparable else ():
            part["f1"] = np.full_like(part["f1"], np.nan)
        for name in RATIOS:
            if self._absent.mean() > MAX_UNDEFINED_SHARE:
                means[0][name][:] = np.nan
        return Replicates(*means)
