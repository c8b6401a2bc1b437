"""What labels, documents, zones and kinds of error contribute to the difference in F1 of two
systems.

`analysis/contributions.py` has the formula. A contribution has the sign of the difference: above 0
it favors the first system. Contributions of one feature add up to the difference exactly; parts
without an item on any side are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from evalkit.analysis.contributions import (
    KindCounts,
    RatioParts,
    mean_loss,
    split_by_loss,
    split_difference,
)
from evalkit.analysis.error_counts import ErrorCounts
from evalkit.analysis.error_kinds import kinds_of_layer
from evalkit.errors import InputError, UnknownNameError, spell_option
from evalkit.scoring.cells import FOUND, FOUND_HALF, GOLD, PREDICTED, TP, TP_HALF
from evalkit.scoring.counts import Counts
from evalkit.scoring.metrics import Metric, get_scheme

KIND = "kind"  # the feature that needs kinds of error
ZONE = "zone"


class PartCounts(NamedTuple):
    """The counts of a part in a run. found2 and tp2 are doubled, so that half credits are integers.

    F1 of the part is (found2 + tp2) / 2 (gold + predicted): both sides have the same total credit,
    but a part may have more on one of them, such as a label under a scheme that ignores labels.
    """

    gold: int = 0
    predicted: int = 0
    found2: int = 0
    tp2: int = 0

    @property
    def has_items(self) -> bool:
        """Whether there is an item on a side."""
        return bool(self.gold or self.predicted)

    @property
    def f1(self) -> Fraction | None:
        """F1; None where it is undefined."""
        items = self.gold + self.predicted
        return Fraction(self.found2 + self.tp2, 2 * items) if items else None


@dataclass(frozen=True)
class Contribution:
    """A part of a difference: what it contributes, and the counts that explain it.

    part: a label, a document, a zone ("" for text in no zone), or a kind of error. Counts are means
    over the runs of a system, F1 and losses too. exact: the contribution as a fraction. Kinds have
    n and loss, see `analysis.error_counts`, and no other counts.
    """

    part: str
    exact: Fraction
    gold: float | None = None
    predicted_a: float | None = None
    predicted_b: float | None = None
    tp_a: float | None = None
    tp_b: float | None = None
    found_a: float | None = None
    found_b: float | None = None
    f1_a: float | None = None
    f1_b: float | None = None
    n_a: float | None = None
    n_b: float | None = None
    loss_a: float | None = None
    loss_b: float | None = None

    @property
    def contribution(self) -> float:
        """The contribution; above 0 it favors the first system."""
        return float(self.exact)

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, `contribution` in the place of the fraction."""
        values = vars(self).copy()
        del values["part"], values["exact"]
        return {"part": self.part, "contribution": self.contribution, **values}


@dataclass(frozen=True)
class SplitDifference:
    """The difference in F1 of two systems under one metric, by one feature.

    parts: those with an item on a side, the largest contribution first, whatever its sign.
    """

    metric: str
    average: str
    a: str
    b: str
    by: str
    parts: tuple[Contribution, ...]

    @cached_property
    def exact(self) -> Fraction:
        """The difference, F1 of the first system minus F1 of the second, as a fraction."""
        return sum_exactly(self.parts)

    @property
    def difference(self) -> float:
        """F1 of the first system minus F1 of the second."""
        return float(self.exact)

    def rows(self) -> list[dict[str, Any]]:
        """A dict for each part."""
        head = {
            "metric": self.metric,
            "average": self.average,
            "a": self.a,
            "b": self.b,
            "by": self.by,
        }
        return [head | part.as_dict() for part in self.parts]


def sum_exactly(parts: Iterable[Contribution]) -> Fraction:
    """The sum of contributions as a fraction."""
    # Most denominators are equal, so that numerators are added first.
    numerators: dict[int, int] = {}
    for part in parts:
        denominator = part.exact.denominator
        numerators[denominator] = numerators.get(denominator, 0) + part.exact.numerator
    fractions = (Fraction(sum_, denominator) for denominator, sum_ in numerators.items())
    return sum(fractions, Fraction(0))


def split_by_feature(
    names: tuple[str, str],
    runs: tuple[Sequence[Counts], Sequence[Counts]],
    average: str,
    feature: str,
) -> SplitDifference | None:
    """The contributions of the parts to the difference of two systems; None if an F1 is undefined.

    runs: the counts of one metric in each run of both systems.
    """
    metric = runs[0][0].metric
    tables_a, tables_b = (
        [FEATURES[feature](counts) for counts in runs_of_system] for runs_of_system in runs
    )
    parts = _parts_with_items([*tables_a, *tables_b])
    has_f1 = feature != "label" or get_scheme(Metric.parse(metric).scheme).same_label
    if average == "macro" and not has_f1:
        return None
    to_ratio = _micro_ratio if average == "micro" else _macro_ratio
    contributions = split_difference(
        [to_ratio(table, parts) for table in tables_a],
        [to_ratio(table, parts) for table in tables_b],
    )
    if contributions is None:
        return None
    described = []
    for part, exact in zip(parts, contributions, strict=True):
        a = [table.get(part, PartCounts()) for table in tables_a]
        b = [table.get(part, PartCounts()) for table in tables_b]
        described.append(_describe_part(part, exact, a, b, has_f1=has_f1))
    described.sort(key=lambda each: (-abs(each.contribution), each.part))
    return SplitDifference(metric, average, *names, feature, tuple(described))


def split_by_kind(
    names: tuple[str, str],
    runs: tuple[Sequence[ErrorCounts], Sequence[ErrorCounts]],
    metric: str,
) -> SplitDifference | None:
    """The contributions of the kinds of error to the difference of strict micro F1; None if an F1
    is undefined. Kinds that do not occur are left out.
    """
    counts_a, counts_b = ([_count_kinds(counts) for counts in system] for system in runs)
    error_kinds = kinds_of_layer(Metric.parse(metric).layer)[1:]
    occurring = [
        kind for kind in error_kinds if any(run.wrong[kind] for run in (*counts_a, *counts_b))
    ]
    contributions = split_by_loss(counts_a, counts_b, occurring)
    if contributions is None:
        return None
    parts = []
    for kind, exact in zip(occurring, contributions, strict=True):
        parts.append(
            Contribution(
                part=kind,
                exact=exact,
                n_a=_mean([counts.count_kind(kind) for counts in runs[0]]),
                n_b=_mean([counts.count_kind(kind) for counts in runs[1]]),
                loss_a=float(mean_loss(counts_a, kind)),
                loss_b=float(mean_loss(counts_b, kind)),
            )
        )
    parts.sort(key=lambda each: (-abs(each.contribution), error_kinds.index(each.part)))
    return SplitDifference(metric, "micro", *names, KIND, tuple(parts))


def _count_kinds(counts: ErrorCounts) -> KindCounts:
    wrong = {kind: _count_both_sides(counts, kind) for kind in kinds_of_layer(counts.layer)[1:]}
    return KindCounts(wrong, counts.gold + counts.predicted)


def _count_both_sides(counts: ErrorCounts, kind: str) -> int:
    return counts.sum_where(lambda cell: cell.kind == kind)


def parse_features(features: str | Iterable[str], average: str = "micro") -> tuple[str, ...]:
    """The features of a list, or of a string with commas; each once.

    Raises UnknownNameError for others, and InputError for those that an average is not made of.
    """
    given = features.split(",") if isinstance(features, str) else features
    if not isinstance(given, Iterable):
        raise InputError(
            f"invalid {spell_option('by', features)}: expected some of:"
            f" {', '.join(COMPARED_FEATURES)}"
        )
    parsed: dict[str, None] = {}
    for feature in given:
        name = feature.strip() if isinstance(feature, str) else feature
        if name == "items":  # the former `--explain items`
            raise InputError(
                f"{spell_option('by', 'items')}: items are saved with"
                f" {spell_option('save_items', 'FILE')}"
            )
        if name not in COMPARED_FEATURES:
            option = spell_option("by").rstrip("=")
            raise UnknownNameError("value", name, COMPARED_FEATURES, within=option)
        if average == "macro" and name != "label":
            raise InputError(
                f"{spell_option('by', name)}: macro F1 is a mean over labels: expected"
                f" {spell_option('by', 'label')}, or {spell_option('average', 'micro')}"
            )
        parsed[name] = None
    return tuple(parsed)


def count_by_label(counts: Counts) -> dict[str, PartCounts]:
    """The counts of each label."""
    return {
        label: _to_part_counts(total)
        for label, total in zip(counts.labels, counts.totals.tolist(), strict=True)
    }


def count_by_document(counts: Counts) -> dict[str, PartCounts]:
    """The counts of each document."""
    return _count_by_group(counts, [unit.document for unit in counts.units])


def count_by_zone(counts: Counts) -> dict[str, PartCounts]:
    """The counts of each zone label; "" for text in no zone."""
    return _count_by_group(counts, [unit.zone or "" for unit in counts.units])


# What differences are broken down by: from the counts of a metric to those of each part.
FEATURES: dict[str, Callable[[Counts], dict[str, PartCounts]]] = {
    "label": count_by_label,
    "document": count_by_document,
    ZONE: count_by_zone,
}
COMPARED_FEATURES = (*FEATURES, KIND)


def _count_by_group(counts: Counts, group_of_unit: Sequence[str]) -> dict[str, PartCounts]:
    index: dict[str, int] = {}
    groups = [index.setdefault(group, len(index)) for group in group_of_unit]
    totals = counts.sum_groups(np.array(groups, np.int64)[counts.unit], len(index))
    return {
        group: _to_part_counts(total) for group, total in zip(index, totals.tolist(), strict=True)
    }


def _to_part_counts(total: Sequence[int]) -> PartCounts:
    """The counts of a part from its totals in the order of COUNTS of `scoring.cells`."""
    return PartCounts(
        gold=total[GOLD],
        predicted=total[PREDICTED],
        found2=2 * total[FOUND] + total[FOUND_HALF],
        tp2=2 * total[TP] + total[TP_HALF],
    )


def _parts_with_items(tables: Iterable[Mapping[str, PartCounts]]) -> list[str]:
    parts: dict[str, None] = {}
    for table in tables:
        for part, counts in table.items():
            if counts.has_items:
                parts[part] = None
    return list(parts)


def _micro_ratio(table: Mapping[str, PartCounts], parts: Sequence[str]) -> RatioParts:
    """Micro F1 as a ratio of sums over the parts."""
    counts = [table.get(part, PartCounts()) for part in parts]
    return RatioParts(
        [each.found2 + each.tp2 for each in counts],
        [2 * (each.gold + each.predicted) for each in counts],
    )


def _macro_ratio(table: Mapping[str, PartCounts], parts: Sequence[str]) -> RatioParts:
    """Macro F1 as a ratio of sums over the labels: their F1, and how many have an F1."""
    f1s = [table.get(part, PartCounts()).f1 for part in parts]
    return RatioParts([f1 or 0 for f1 in f1s], [0 if f1 is None else 1 for f1 in f1s])


def _describe_part(
    part: str,
    exact: Fraction,
    runs_a: Sequence[PartCounts],
    runs_b: Sequence[PartCounts],
    *,
    has_f1: bool,
) -> Contribution:
    return Contribution(
        part=part,
        exact=exact,
        gold=_mean([run.gold for run in (*runs_a, *runs_b)]),
        predicted_a=_mean([run.predicted for run in runs_a]),
        predicted_b=_mean([run.predicted for run in runs_b]),
        tp_a=_mean([run.tp2 for run in runs_a], 2),
        tp_b=_mean([run.tp2 for run in runs_b], 2),
        found_a=_mean([run.found2 for run in runs_a], 2),
        found_b=_mean([run.found2 for run in runs_b], 2),
        f1_a=_mean_f1(runs_a) if has_f1 else None,
        f1_b=_mean_f1(runs_b) if has_f1 else None,
    )


def _mean(values: Sequence[int], divisor: int = 1) -> float:
    """The mean of the values, each divided by the divisor: an int if it is whole."""
    whole, rest = divmod(sum(values), len(values) * divisor)
    return whole + rest / (len(values) * divisor) if rest else whole


def _mean_f1(runs: Sequence[PartCounts]) -> float | None:
    """The mean F1 of a part over the runs; None if it is undefined in one."""
    f1s = []
    for run in runs:
        items = run.gold + run.predicted
        if not items:
            return None
        f1s.append((run.found2 + run.tp2) / (2 * items))
    return fmean(f1s)
