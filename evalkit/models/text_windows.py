"""Windows over a text that is longer than a model reads.

A window is a range of units: tokens, or words. Windows overlap, and a unit in an overlap counts
from the window in which it has more context, so that answers at the edge of one window are replaced
by those of the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Range = tuple[int, int]


def split_windows(costs: Sequence[int], max_units: int, max_cost: int, overlap: int) -> list[Range]:
    """Ranges of at most `max_units` units and a cost of at most `max_cost`; a single unit may cost
    more.

    Neighbors share `overlap` units, or half of the first window if that is less.

    >>> split_windows([1] * 9, max_units=5, max_cost=5, overlap=2)
    [(0, 5), (3, 8), (6, 9)]
    """
    ranges: list[Range] = []
    first = last = 0
    while last < len(costs):
        last, budget = first, max_cost
        while last < len(costs) and last - first < max_units:
            is_affordable = costs[last] <= budget or last == first
            if not is_affordable:
                break
            budget -= costs[last]
            last += 1
        ranges.append((first, last))
        first = last - min(overlap, (last - first) // 2)
    return ranges


def find_window_cores(windows: Sequence[Range]) -> list[Range]:
    """The part of each window that counts: overlaps are split in the middle.

    >>> find_window_cores([(0, 5), (3, 8), (6, 9)])
    [(0, 4), (4, 7), (7, 9)]
    """
    if not windows:
        return []
    cuts = [end - (end - start) // 2 for (_, end), (start, _) in pairwise(windows)]
    starts = [0, *cuts]
    ends = [*cuts, windows[-1][1]]
    return list(zip(starts, ends, strict=True))
