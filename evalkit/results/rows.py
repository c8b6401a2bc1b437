"""Precision, recall and F1 of a label or an average, computed from counts.

    tp      credit on the predicted side: predicted items that match a gold item, a half for each
            half credit
    found   credit on the gold side: gold items that are matched
    fp = predicted - tp, fn = gold - found
    precision = tp / predicted, recall = found / gold, F1 = 2 tp / (gold + predicted); 0/0 is None

Under a label-free scheme (exact, partial) a label's recall counts gold items of that label, its
precision predicted ones, and only micro and per-document have an F1. `micro` sums the labels.
`macro` is the unweighted mean over the labels that have a gold or predicted item (duplicates and
items without offsets included), an undefined ratio counting as 0; `weighted` weights the same
labels by their gold items. Both equal seqeval 1.2.2's and scikit-learn's, the latter with `labels`
= these labels and `zero_division=0`. `per_document` is the unweighted mean of the documents'
ratios, over documents that have an item on either side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from evalkit.errors import UnknownNameError, escape_controls
from evalkit.scoring.cells import FOUND, FOUND_HALF, GOLD, PREDICTED, TP, TP_HALF
from evalkit.scoring.columns import Ints
from evalkit.scoring.metrics import Metric, get_scheme
from evalkit.stats.intervals import NOT_ASKED, RATIOS, IntervalTable
from evalkit.stats.ratio_intervals import UNDEFINED_RATIO, Interval, wilson

COUNTS = ("tp", "found", "fp", "fn", "predicted", "gold")
NO_SHARE = Interval(
    None, None, "precision and recall under partial and characters, and F1, are no shares of items"
)


@dataclass(frozen=True, repr=False)
class Row:
    """The scores of a label, which has no average, or of an average, which has no label.

    Of the averages only micro has counts. `f1_low`, `f1_high` and those of the other ratios are the
    ends of the confidence interval; None where there is none, and `interval("f1")` has the reason.
    """

    metric: str
    label: str | None
    average: str | None
    precision: float | None
    recall: float | None
    f1: float | None
    tp: float | None = None
    found: float | None = None
    fp: float | None = None
    fn: float | None = None
    predicted: int | None = None
    gold: int | None = None
    intervals: IntervalTable | None = field(default=None, repr=False, compare=False)
    level: float = field(default=0.95, repr=False, compare=False)

    def interval(self, ratio: str) -> Interval:
        """The interval of precision, recall or f1: low, high, and a reason, if there is none, only
        a bound, or one to be read with care.
        """
        if ratio not in RATIOS:
            raise UnknownNameError("ratio", ratio, RATIOS)
        if getattr(self, ratio) is None:
            return UNDEFINED_RATIO
        if self.intervals is None:
            return NOT_ASKED
        return self.intervals.of_row(self.label, self.average).get(ratio, NOT_ASKED)

    def effective_units(self, ratio: str) -> float | None:
        """The effective number of documents behind an interval (Kish 1965): as many of equal size
        would say as much. None for averages other than micro, and where there are no intervals.
        """
        if ratio not in RATIOS:
            raise UnknownNameError("ratio", ratio, RATIOS)
        if self.intervals is None:
            return None
        sample = self.intervals.sample_of_row(self.label, self.average).get(ratio)
        return None if sample is None or not sample.total else sample.effective_units

    def wilson(self, ratio: str) -> Interval:
        """The Wilson score interval of precision or recall, which assumes independent items.

        F1, and precision and recall under partial and characters, are no shares of items.
        """
        shares = {"precision": (self.tp, self.predicted), "recall": (self.found, self.gold)}
        part, whole = shares.get(ratio, (None, None))
        has_shares = get_scheme(Metric.parse(self.metric).scheme).counts_items
        if part is None or whole is None or not has_shares:
            return NO_SHARE
        return wilson(part, whole, self.level)

    @property
    def precision_low(self) -> float | None:
        """The lower end of precision."""
        return self.interval("precision").low

    @property
    def precision_high(self) -> float | None:
        """The upper end of precision."""
        return self.interval("precision").high

    @property
    def recall_low(self) -> float | None:
        """The lower end of recall."""
        return self.interval("recall").low

    @property
    def recall_high(self) -> float | None:
        """The upper end of recall."""
        return self.interval("recall").high

    @property
    def f1_low(self) -> float | None:
        """The lower end of F1."""
        return self.interval("f1").low

    @property
    def f1_high(self) -> float | None:
        """The upper end of F1."""
        return self.interval("f1").high

    @property
    def support(self) -> int | None:
        """The number of gold items; None for an average other than micro."""
        return self.gold

    def __repr__(self) -> str:
        parts = [self.metric, self.label or self.average or ""]
        for name in RATIOS:
            value = getattr(self, name)
            parts.append(f"{name}={'None' if value is None else f'{value:.3f}'}")
        for name in ("tp", "fp", "fn", "support"):
            value = getattr(self, name)
            if value is not None:
                parts.append(f"{name}={value:g}")
        return f"<Row {' '.join(map(escape_controls, parts))}>"

    def as_dict(self) -> dict[str, Any]:
        """All fields by name; beside each ratio the ends of its interval, and the reason if there
        is none, only a bound, or one to be read with care.
        """
        fields: dict[str, Any] = {
            "metric": self.metric,
            "label": self.label,
            "average": self.average,
        }
        for name in RATIOS:
            low, high, reason = self.interval(name)
            fields |= {
                name: getattr(self, name),
                f"{name}_low": low,
                f"{name}_high": high,
                f"{name}_reason": reason or None,
            }
        return fields | {name: getattr(self, name) for name in COUNTS}


class Muc(NamedTuple):
    """The counts of SemEval-2013 task 9.1. Gold items are correct, partial, incorrect or missing;
    predicted items are correct, partial, incorrect or spurious.
    """

    correct: int
    incorrect: int
    partial: int
    missing: int
    spurious: int


def build_row(
    metric: Metric,
    totals: Ints,
    *,
    label: str | None = None,
    average: str | None = None,
    intervals: IntervalTable | None = None,
    level: float = 0.95,
) -> Row:
    """The row of a label, or of the micro average, from its totals in the order of COUNTS of
    `scoring.counting`.
    """
    gold, predicted = int(totals[GOLD]), int(totals[PREDICTED])
    # Credits are doubled, so that halves stay whole numbers until the one division.
    found = 2 * int(totals[FOUND]) + int(totals[FOUND_HALF])
    tp = 2 * int(totals[TP]) + int(totals[TP_HALF])
    has_f1 = average == "micro" or get_scheme(metric.scheme).same_label
    return Row(
        metric=str(metric),
        label=label,
        average=average,
        precision=_divide(tp, 2 * predicted),
        recall=_divide(found, 2 * gold),
        f1=_divide(2 * tp, 2 * (gold + predicted)) if has_f1 else None,
        tp=_halve(tp),
        found=_halve(found),
        fp=_halve(2 * predicted - tp),
        fn=_halve(2 * gold - found),
        predicted=predicted,
        gold=gold,
        intervals=intervals,
        level=level,
    )


def _divide(part: int, whole: int) -> float | None:
    """The ratio; None for 0/0."""
    return part / whole if whole else None


def _halve(doubled: int) -> float:
    """Half of a number: an int if it is whole."""
    return doubled / 2 if doubled % 2 else doubled // 2
