"""Which of several places is meant, where neither the quote nor its context says?

The one nearest to what it belongs to.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.document import Span
from evalkit.grounding import Found, Quote
from evalkit.text import sentences

Range = tuple[int, int]


@dataclass(eq=False)
class Mark:
    """A quote of the answer, and where it was found."""

    quote: Quote
    found: Found = field(default_factory=lambda: Found("absent"))
    at: Range = (0, 0)

    @property
    def absent(self) -> bool:
        """Whether it is nowhere in the text."""
        return self.found.how == "absent"

    @property
    def span(self) -> Span:
        """Where it stands."""
        return Span(*self.at)


class Nearest:
    """Moves marks of one text; equal marks of one group never to the same place, as long as there
    are others.
    """

    def __init__(self, text: str) -> None:
        """Split nothing yet: few answers need sentences."""
        self.text = text
        self._sentences: list[Range] | None = None
        self._taken: dict[tuple[Any, str], set[Range]] = {}

    def move(self, mark: Mark, anchor: Range) -> None:
        """Move a mark that may stand in several places to the one nearest to its anchor that no
        equal one has.
        """
        places = mark.found.candidates
        if len(places) < 2:
            return
        taken = self._taken.setdefault((mark.quote.group, mark.quote.text), set())
        if len(taken) >= len(places):
            return
        first, last = self._sentence(anchor[0])
        inside = places[bisect_left(places, (first, 0)) : bisect_left(places, (last, 0))]
        for pool in (inside, places):
            for place in _outwards(pool, anchor):
                if place not in taken:
                    taken.add(place)
                    mark.at = place
                    return

    def _sentence(self, position: int) -> Range:
        if self._sentences is None:
            self._sentences = sentences(self.text)
        at = bisect_right(self._sentences, (position, len(self.text)))
        return self._sentences[at - 1] if at else (0, 0)


def _outwards(places: Sequence[Range], anchor: Range) -> Iterator[Range]:
    """Places in order, the nearest to an anchor first; of two as near, the one before it."""
    after = bisect_left(places, anchor)
    before = after - 1
    while before >= 0 or after < len(places):
        left = anchor[0] - places[before][1] if before >= 0 else None
        right = places[after][0] - anchor[1] if after < len(places) else None
        if right is None or (left is not None and left <= right):
            yield places[before]
            before -= 1
        else:
            yield places[after]
            after += 1


def some(mark: Mark, most: int) -> Sequence[Range]:
    """The places of a mark, at most so many, among them the one that it has."""
    places = mark.found.candidates
    if len(places) <= most:
        return places
    first = max(0, min(bisect_left(places, mark.at), len(places) - most))
    return places[first : first + most]
