"""What did a format not hold? What is left out when documents are read or written, counted by what it is, with where it stood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

SHOWN = 3  # places that are named for each


class Losses:
    """Counts of what was left out, each with the first places. Empty, and false, where nothing was.

    >>> losses = Losses()
    >>> losses.add("notes", "a.ann:3")
    >>> losses.add("notes", "a.ann:9")
    >>> list(losses.lines())
    ['2 notes (a.ann:3, a.ann:9)']
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._places: dict[str, list[str]] = {}

    def add(self, what: str, where: str, count: int = 1) -> None:
        """Count something that is left out, under a name in the plural."""
        self._counts[what] = self._counts.get(what, 0) + count
        places = self._places.setdefault(what, [])
        if len(places) < SHOWN and where not in places:
            places.append(where)

    def __bool__(self) -> bool:
        return bool(self._counts)

    def __repr__(self) -> str:
        return f"<Losses: {'; '.join(self.lines()) or 'none'}>"

    @property
    def counts(self) -> Mapping[str, int]:
        """How many of each."""
        return dict(self._counts)

    def lines(self) -> Iterator[str]:
        """A line for each, with the first places."""
        for what, count in self._counts.items():
            places = self._places[what]
            more = ", …" if count > len(places) else ""
            yield f"{count:,} {what} ({', '.join(places)}{more})"
