"""The number of documents that it takes to detect a difference, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from evalkit.results.tables import NumberFormat
from evalkit.results.wording import pluralize
from evalkit.stats.paired_differences import LEAST_EFFECTIVE_UNITS, POWER
from evalkit.stats.planning import (
    ASSUMED_F1,
    LEVEL,
    MOST_DOCUMENTS,
    NO_ITEMS,
    OUTCOME_CORRELATION,
    SYSTEM_CORRELATION,
    PlanningSample,
    count_needed_documents,
    round_up,
)

NO_COMMON_LAYER = "no layer with annotations is predicted"


@dataclass(frozen=True)
class SampleSize:
    """How many documents it takes to detect a difference of micro F1 between two systems.

    metric: None without annotations. needed: the number of documents; None if it cannot be
    estimated, for which `reason` is given. sample: what it is computed from. is_measured: whether
    F1 and its standard error come from predictions; they are assumed otherwise.
    """

    metric: str | None
    difference: float
    needed: int | None
    sample: PlanningSample
    is_measured: bool
    reason: str = ""

    @property
    def available(self) -> int:
        """The number of documents that there are."""
        return self.sample.documents

    @property
    def is_sufficient(self) -> bool:
        """Whether the documents that there are suffice."""
        return self.needed is not None and self.needed <= self.available

    @property
    def is_rough(self) -> bool:
        """Whether the estimate comes from few effective documents."""
        return self.sample.effective_documents < LEAST_EFFECTIVE_UNITS

    def as_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return {
            "metric": self.metric,
            "difference": self.difference,
            "needed": self.needed,
            "available": self.available,
            "effective_documents": self.sample.effective_documents,
            "f1": self.sample.f1,
            "standard_error": self.sample.standard_error or None,
            "is_measured": self.is_measured,
            "reason": self.reason or None,
        }

    def __str__(self) -> str:
        return self.describe()

    def describe(self, *, digits: int | None = None, percent: bool = False) -> str:
        """A sentence with the number, rounded up to two digits, and all that is assumed.

        digits: decimals of F1 (default 3, in percent 1). percent: percent
        instead of fractions.
        """
        numbers = NumberFormat(digits, percent)
        goal = f"a difference of {self._difference_text(numbers)} in micro F1"
        if self.metric is not None:
            goal += f" ({self.metric})"
        power = f"with a power of {100 * POWER:g} %"
        if self.needed is None:
            return f"no estimate of the documents needed to detect {goal} {power}: {self.reason}"
        # Rounding must not take the number above that of documents that suffice.
        rounded = min(round_up(self.needed), self.available) if self.is_sufficient else None
        about = f"about {rounded or round_up(self.needed):,}"
        these = pluralize(self.available, "document")
        if self.is_sufficient:
            sentence = f"these {these} suffice to detect {goal} {power}: {about} are needed"
        else:
            sentence = (
                f"to detect {goal} {power}, {about} documents like these {self.available:,} are"
                " needed"
            )
        return f"{sentence} ({self._basis(numbers)})"

    def _difference_text(self, numbers: NumberFormat) -> str:
        if numbers.percent:
            return f"{100 * self.difference:g} percentage points"
        return f"{self.difference:g}"

    def _basis(self, numbers: NumberFormat) -> str:
        """What the number is computed from, and what is assumed."""
        parts = []
        correlation = f"a correlation of {SYSTEM_CORRELATION:g} between two systems"
        test = f"a two-sided test at level {LEVEL:g}"
        if self.is_measured:
            error = self.sample.standard_error * (100 if numbers.percent else 1)
            parts.append(
                f"measured: an F1 of {numbers.format(self.sample.f1)}, a standard error of the"
                f" difference of {error:.2g}"
            )
            parts.append(f"assumed: {correlation} over documents, {test}")
        else:
            parts.append(
                f"assumed: an F1 of {numbers.format(ASSUMED_F1)}, as many predicted as gold items,"
                f" a correlation of {OUTCOME_CORRELATION:g} between the outcomes in a document,"
                f" {correlation} over documents, {test}"
            )
        if self.is_rough:
            effective = self.sample.effective_documents
            parts.append(f"a rough estimate, from {effective:.1f} effective documents")
        return "; ".join(parts)


def compute_sample_size(
    metric: str, difference: float, sample: PlanningSample, *, is_measured: bool
) -> SampleSize:
    """The number of documents for a sample, which may have no standard error."""
    if sample.reason:
        return SampleSize(metric, difference, None, sample, is_measured, sample.reason)
    needed = count_needed_documents(sample, difference)
    reason = f"it takes more than {MOST_DOCUMENTS:,} documents" if needed is None else ""
    return SampleSize(metric, difference, needed, sample, is_measured, reason)


def sample_size_without_metric(
    difference: float, documents: int, *, is_measured: bool
) -> SampleSize:
    """The answer for a corpus without annotations, or whose layers are not predicted: there is no
    estimate.
    """
    reason = NO_COMMON_LAYER if is_measured else NO_ITEMS
    sample = PlanningSample(ASSUMED_F1, 0.0, documents, 0.0, reason)
    return SampleSize(None, difference, None, sample, is_measured, reason)
