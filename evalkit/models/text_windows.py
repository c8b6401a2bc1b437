"""How is a long text asked about in pieces, so that nothing is lost where a model's length ends?

A window is a range of units: tokens, or words. Windows overlap, and what lies in an overlap counts
from the window in which it has more text around it, so that what a model says at a cut is replaced
by what it says with both sides before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Range = tuple[int, int]


def windows(costs: Sequence[int], max_units: int, max_cost: int, overlap: int) -> list[Range]:
    """Ranges of units: at most `most` units each, and a cost of at most `room`, unless it is one
    unit.

    Neighbours share `overlap` units, or half of the first, if that is less.

    >>> windows([1] * 9, max_units=5, max_cost=5, overlap=2)
    [(0, 5), (3, 8), (6, 9)]
    """
    found: list[Range] = []
    first = last = 0
    while last < len(costs):
        last, left = first, max_cost
        while (
            last < len(costs)
            and last - first < max_units
            and (costs[last] <= left or last == first)
        ):
            left -= costs[last]
            last += 1
        found.append((first, last))
        first = last - min(overlap, (last - first) // 2)
    return found


def window_cores(windows: Sequence[Range]) -> list[Range]:
    """The part of each window that counts, in units of the whole: overlaps are cut in their middle.

    >>> window_cores([(0, 5), (3, 8), (6, 9)])
    [(0, 4), (4, 7), (7, 9)]
    """
    cuts = [end - (end - start) // 2 for (_, end), (start, _) in pairwise(windows)]
    ends = [*cuts, *(end for _, end in windows[-1:])]
    return list(zip([0, *cuts], ends, strict=False))
