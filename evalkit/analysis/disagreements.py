"""What several annotators agree on, and the clusters of items on which they differ.

Items are compared as multisets: of equal items, as many are agreed as every annotator has. The
others form clusters, the connected components of items that overlap, whoever made them, so that
each decision is made once. Two items overlap if a range of one shares a character with a range of
the other; relations do if both of their arguments overlap, in either direction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

Ranges = Sequence[tuple[int, int]]


class SplitKeys(NamedTuple):
    """The keys that all annotators have, and the remaining ones of each annotator."""

    agreed: Counter[str]
    disputed: dict[str, Counter[str]]


def split_agreed(keys: Mapping[str, Iterable[str]]) -> SplitKeys:
    """Splits the keys of the annotators' items into those that all have and the others."""
    counts = {name: Counter(own) for name, own in keys.items()}
    everybody = list(counts.values())
    agreed = everybody[0].copy()
    for others in everybody[1:]:
        agreed &= others
    return SplitKeys(agreed, {name: own - agreed for name, own in counts.items()})


def group_overlapping(items: Sequence[Ranges]) -> list[int]:
    """The number of the group of each item: those that overlap, directly or through others, share
    one. Items without a range are one group.
    """
    groups = _Groups(len(items))
    pieces = sorted((start, end, n) for n, item in enumerate(items) for start, end in item)
    reached, last = -1, 0  # the end of the pieces before, and the item that reaches it
    for start, end, n in pieces:
        if start < reached:
            groups.join(last, n)
        if end > reached:
            reached, last = end, n
    without = [n for n, item in enumerate(items) if not item]
    for n in without[1:]:
        groups.join(without[0], n)
    return groups.numbers()


def group_relations(sides: Sequence[tuple[Ranges, Ranges]]) -> list[int]:
    """The number of the group of each relation: those whose two arguments lie in the same two
    groups of overlapping arguments share one.
    """
    arguments = group_overlapping([ranges for pair in sides for ranges in pair])
    numbers: dict[tuple[int, ...], int] = {}
    result = []
    for n in range(len(sides)):
        pair = tuple(sorted(arguments[2 * n : 2 * n + 2]))
        result.append(numbers.setdefault(pair, len(numbers)))
    return result


class _Groups:
    """A union-find structure."""

    def __init__(self, size: int) -> None:
        self._above = list(range(size))

    def join(self, one: int, other: int) -> None:
        self._above[self._root(other)] = self._root(one)

    def numbers(self) -> list[int]:
        """The number of each member's group, by the first member."""
        roots: dict[int, int] = {}
        return [roots.setdefault(self._root(n), len(roots)) for n in range(len(self._above))]

    def _root(self, member: int) -> int:
        while self._above[member] != member:
            self._above[member] = self._above[self._above[member]]
            member = self._above[member]
        return member


def find_majority(options: Mapping[str, Sequence[str]]) -> list[str] | None:
    """The keys that more than half of the annotators have, as often as they have them.

    Empty if more than half have no key at all. None if there is no majority for anything.
    """
    counts: Counter[tuple[str, int]] = Counter()  # annotators by key and its first, second … copy
    for keys in options.values():
        for key, copies in Counter(keys).items():
            counts.update((key, copy) for copy in range(copies))
    majority = sorted(key for (key, _), votes in counts.items() if 2 * votes > len(options))
    if majority:
        return majority
    if 2 * sum(not keys for keys in options.values()) > len(options):
        return []
    return None


def choose_by_length(spans: Mapping[str, Ranges], rule: str) -> str | None:
    """The first annotator with the longest or shortest span; None if others have another span of
    that length. rule: longest or shortest.
    """
    lengths = {name: sum(end - start for start, end in ranges) for name, ranges in spans.items()}
    extreme = max(lengths.values()) if rule == "longest" else min(lengths.values())
    names = [name for name, length in lengths.items() if length == extreme]
    if len({tuple(spans[name]) for name in names}) > 1:
        return None
    return names[0]
