"""Groups of systems without significant differences (compact letter display: Piepho 2004)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations


def group_letters(ranking: Sequence[str], different: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The letters of each system. Two systems share a letter if and only if they do not differ.

    ranking: the systems, best first. different: the pairs that differ significantly.

    >>> group_letters(["x", "y", "z"], [("x", "z")])
    {'x': 'a', 'y': 'ab', 'z': 'b'}
    """
    differing = {frozenset(pair) for pair in different}
    # Insert and absorb: a group that holds a differing pair is split into one without each, and a
    # group that lies within another is dropped.
    groups: list[frozenset[str]] = [frozenset(ranking)]
    for pair in combinations(ranking, 2):
        if frozenset(pair) not in differing:
            continue
        split: list[frozenset[str]] = []
        for group in groups:
            if set(pair) <= group:
                split += [group - {pair[0]}, group - {pair[1]}]
            else:
                split.append(group)
        distinct = list(dict.fromkeys(split))
        groups = [group for group in distinct if not any(group < other for other in distinct)]
    position = {name: n for n, name in enumerate(ranking)}
    groups.sort(key=lambda group: sorted(position[name] for name in group))
    letters = dict.fromkeys(ranking, "")
    for number, group in enumerate(groups):
        for name in group:
            letters[name] += _letter(number)
    return letters


def _letter(number: int) -> str:
    """Letters from a to z, then a1, b1, …"""
    round_number, index = divmod(number, 26)
    return chr(ord("a") + index) + (str(round_number) if round_number else "")
