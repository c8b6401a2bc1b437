"""Sum, median and range of whole numbers that are given as counts of each value."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True)
class LengthStats:
    """Sum, median, least and largest of some lengths; all but the sum are None without any."""

    total: int = 0
    median: float | None = None
    least: int | None = None
    largest: int | None = None

    def as_dict(self) -> dict[str, float | None]:
        """The numbers by name."""
        return {
            "total": self.total,
            "median": self.median,
            "min": self.least,
            "max": self.largest,
        }


NO_LENGTHS = LengthStats()


def summarize_lengths(counts: Mapping[int, int]) -> LengthStats:
    """The statistics of lengths; counts: how often each length occurs.

    The median of an even number of lengths is the mean of the two in the middle.

    >>> summarize_lengths({1: 2, 4: 1, 7: 1})
    LengthStats(total=13, median=2.5, least=1, largest=7)
    """
    values = sorted(length for length, count in counts.items() if count)
    if not values:
        return NO_LENGTHS
    number = sum(counts[value] for value in values)
    total = sum(value * counts[value] for value in values)
    lower = _value_at(values, counts, (number - 1) // 2)
    upper = _value_at(values, counts, number // 2)
    middle = lower + upper
    median = middle // 2 if middle % 2 == 0 else middle / 2
    return LengthStats(total, median, values[0], values[-1])


def _value_at(values: list[int], counts: Mapping[int, int], position: int) -> int:
    """The value at a position, from 0 on, of all lengths in ascending order."""
    ends = list(accumulate(counts[value] for value in values))
    return values[bisect_right(ends, position)]
