"""Which spans of a list lie inside another one, and which cross another one.

    nested      all its characters are in another span, which has more
    crossing    it shares characters with another span, and each of them has some that the other
                has not

Equal spans are neither. A span may be both, with different others. A discontinuous span has the
characters of its fragments, without the gap between them.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from evalkit.data.document import Fragments, span_fragments
from evalkit.scoring.attribution_pairing import count_shared


class OverlapIndices(NamedTuple):
    """The indices of nested and of crossing spans."""

    nested: frozenset[int]
    crossing: frozenset[int]


def have_overlap(spans: Sequence[Any]) -> bool:
    """Whether the extents of two spans of a list share a character."""
    last_end = 0
    for start, end in sorted([(span.start, span.end) for span in spans]):
        if start < last_end:
            return True
        last_end = end
    return False


def find_overlaps(spans: Sequence[Any]) -> OverlapIndices:
    """The nested and the crossing spans of a list, in O(n log n) if they are contiguous; a
    discontinuous span is compared with those that overlap its extent.
    """
    indices: dict[Fragments, list[int]] = {}
    for index, span in enumerate(spans):
        indices.setdefault(span_fragments(span), []).append(index)
    contiguous = [pieces[0] for pieces in indices if len(pieces) == 1]
    nested: set[Fragments] = {(span,) for span in _find_nested(contiguous)}
    crossing: set[Fragments] = {(span,) for span in _find_crossing(contiguous)}
    if len(contiguous) < len(indices):
        _add_discontinuous(sorted(indices), nested, crossing)
    return OverlapIndices(_indices_of(nested, indices), _indices_of(crossing, indices))


def _indices_of(chosen: Iterable[Fragments], indices: dict[Fragments, list[int]]) -> frozenset[int]:
    result: list[int] = []
    for pieces in chosen:
        result += indices[pieces]
    return frozenset(result)


def _find_nested(spans: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """The contiguous spans, all different, that lie inside another one."""
    last_end = 0
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if end <= last_end:
            yield start, end
        last_end = max(last_end, end)


def _find_crossing(spans: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """The contiguous spans, all different, that cross another one."""
    crossing = set(_find_crossed_from_left(spans))
    mirrored = [(-end, -start) for start, end in spans]
    crossing.update((-end, -start) for start, end in _find_crossed_from_left(mirrored))
    return crossing


def _find_crossed_from_left(spans: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """The spans in which another span ends that begins before them."""
    ends: list[int] = []  # of the spans that begin before the current one
    waiting: list[int] = []  # of those that begin with it
    last_start: int | None = None
    for start, end in sorted(spans):
        if start != last_start:
            for waiting_end in waiting:
                insort(ends, waiting_end)
            waiting = []
            last_start = start
        position = bisect_right(ends, start)
        if position < len(ends) and ends[position] < end:
            yield start, end
        waiting.append(end)


def _add_discontinuous(
    spans: Sequence[Fragments], nested: set[Fragments], crossing: set[Fragments]
) -> None:
    """Add what follows from pairs with a discontinuous span; spans: all, in order."""
    last_ends = list(accumulate((span[-1][1] for span in spans), max))
    for one in spans:
        if len(one) == 1:
            continue
        first = bisect_right(last_ends, one[0][0])  # all spans before it end before `one`
        for index in range(first, len(spans)):
            other = spans[index]
            if other[0][0] >= one[-1][1]:
                break
            if other == one or other[-1][1] <= one[0][0]:
                continue
            shared = count_shared(one, other)
            if not shared:
                continue
            is_inside = shared == _count_characters(one)
            holds_other = shared == _count_characters(other)
            if is_inside:
                nested.add(one)
            elif holds_other:
                nested.add(other)
            else:
                crossing.update((one, other))


def _count_characters(pieces: Fragments) -> int:
    return sum(end - start for start, end in pieces)
