"""What happened to annotations when documents were read or written in a format?

Counted by name, with the first places of each.

dropped: what the format holds and documents do not, or documents hold and the format does not;
duplicates that were dropped. repaired: what was changed in order to be read: invalid tags, offsets
that were converted. skipped: documents that were not read or written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

SHOWN = 3  # places that are named for each


class ExampleCounts(Mapping[str, int]):
    """Counts by name, with the first places of each in `examples`.

    Equals a dict with the same counts.

    >>> counts = ExampleCounts()
    >>> counts.add("notes", "a.ann:3")
    >>> counts.add("notes", "a.ann:9")
    >>> dict(counts), counts.examples
    ({'notes': 2}, {'notes': ('a.ann:3', 'a.ann:9')})
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._places: dict[str, list[str]] = {}

    def add(self, name: str, where: str, count: int = 1) -> None:
        """Add to the count of a name, which is in the plural."""
        self._counts[name] = self._counts.get(name, 0) + count
        places = self._places.setdefault(name, [])
        if len(places) < SHOWN and where not in places:
            places.append(where)

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)

    def __repr__(self) -> str:
        return f"<{'; '.join(self.lines()) or 'none'}>"

    @property
    def examples(self) -> Mapping[str, tuple[str, ...]]:
        """The first places of each name."""
        return {name: tuple(places) for name, places in self._places.items()}

    def lines(self) -> Iterator[str]:
        """A line for each name, with its first places."""
        for name, count in self._counts.items():
            places = self._places[name]
            more = ", …" if count > len(places) else ""
            yield f"{count:,} {name} ({', '.join(places)}{more})"


class ConversionReport:
    """What was dropped, repaired and skipped; see above. False where nothing was.

    >>> report = ConversionReport()
    >>> report.add("notes", "a.ann:3")
    >>> report.repaired.add("invalid tags", "a.conll:7")
    >>> list(report.lines()), report.counts
    (['1 notes (a.ann:3)', '1 invalid tags (a.conll:7)'], {'notes': 1, 'invalid tags': 1})
    """

    def __init__(self) -> None:
        self.dropped, self.repaired, self.skipped = (
            ExampleCounts(),
            ExampleCounts(),
            ExampleCounts(),
        )

    def add(self, name: str, where: str, count: int = 1) -> None:
        """Count something that is dropped."""
        self.dropped.add(name, where, count)

    def __bool__(self) -> bool:
        return any(self.sections().values())

    def __repr__(self) -> str:
        return f"<ConversionReport: {'; '.join(self.lines()) or 'none'}>"

    def sections(self) -> Mapping[str, ExampleCounts]:
        """The three counts by their names."""
        return {"dropped": self.dropped, "repaired": self.repaired, "skipped": self.skipped}

    @property
    def counts(self) -> Mapping[str, int]:
        """All counts by name."""
        return {
            name: count for section in self.sections().values() for name, count in section.items()
        }

    def lines(self) -> Iterator[str]:
        """A line for each name, with its first places."""
        for section in self.sections().values():
            yield from section.lines()

    def to_json(self) -> dict[str, dict[str, int]]:
        """The counts by name, as they are in a result file."""
        return {name: dict(section) for name, section in self.sections().items()}


Losses = ConversionReport
