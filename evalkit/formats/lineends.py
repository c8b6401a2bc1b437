"""What becomes of a mark at the end of a line, where its file has a line for each mark?

It is cut there, and joined when it is read.
"""

from __future__ import annotations

import re
from itertools import pairwise

from evalkit.document import Fragments
from evalkit.errors import shown


def flat(text: str) -> str:
    """The text with a space for each line end: a line cannot hold one."""
    return text.replace("\r", " ").replace("\n", " ")


def cut(text: str, ranges: Fragments) -> Fragments:
    """The ranges, cut where lines end, which a line cannot quote."""
    return tuple(
        (start + found.start(), start + found.end())
        for start, end in ranges
        for found in re.finditer(r"[^\r\n]+", text[start:end])
    )


def joined(text: str, ranges: Fragments | list[tuple[int, int]]) -> Fragments:
    """The ranges, those joined between which there is nothing but white space with a line end in
    it.
    """
    whole: list[tuple[int, int]] = []
    for start, end in ranges:
        gap = text[whole[-1][1] : start] if whole else ""
        if whole and (not gap or (gap.isspace() and flat(gap) != gap)):
            whole[-1] = (whole[-1][0], end)
        else:
            whole.append((start, end))
    return tuple(whole)


def misplaced(ranges: list[tuple[int, int]], length: int) -> str:
    """What is wrong with ranges in order; nothing if they could be those of a mark."""
    for start, end in ranges:
        if start >= end:
            return (
                f"{end} is not after the start, {start}: a span is half-open and holds at least one"
                " character"
            )
    if any(end > start for (_, end), (start, _) in pairwise(ranges)):
        return (
            f"{shown(';'.join(f'{start} {end}' for start, end in ranges))} overlap; ranges that"
            " share no character would do"
        )
    return (
        f"{ranges[-1][1]} runs past the end of the text, at {length}"
        if ranges[-1][1] > length
        else ""
    )
