"""How events and attributions are built: the arguments and roles of each event type, and the parts
of each type of attribution.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from evalkit.data.document import Document
from evalkit.results.length_stats import LengthStats, summarize_lengths


@dataclass(frozen=True)
class EventTypeStats:
    """The events of a type, or of all types (None).

    arguments: of each event. without_arguments: the number of events that have none. roles: the
    number of arguments of each role, the most frequent first.
    """

    label: str | None
    events: int
    arguments: LengthStats
    without_arguments: int
    roles: Mapping[str, int]

    @property
    def arguments_per_event(self) -> float | None:
        """The mean number of arguments; None without events."""
        return self.arguments.total / self.events if self.events else None


@dataclass(frozen=True)
class AttributionTypeStats:
    """The attributions of a type; label None is all of them, "" those without a type.

    nested: those whose parent is another attribution.
    """

    label: str | None
    attributions: int
    without_source: int
    without_cue: int
    nested: int

    def share(self, number: int) -> float | None:
        """A number as a share of the attributions; None without any."""
        return number / self.attributions if self.attributions else None


class EventCounter:
    """Counts events by type, document by document."""

    def __init__(self) -> None:
        self._arguments: dict[str, Counter[int]] = {}
        self._roles: dict[str, Counter[str]] = {}

    def add(self, document: Document) -> None:
        """Count the events of a document."""
        for event in document.events or ():
            if event.label not in self._arguments:
                self._arguments[event.label] = Counter()
                self._roles[event.label] = Counter()
            self._arguments[event.label][len(event.arguments)] += 1
            self._roles[event.label].update(argument.role for argument in event.arguments)

    def finish(self) -> tuple[EventTypeStats, ...]:
        """Each type, the most frequent first, and all of them; nothing without events."""
        if not self._arguments:
            return ()
        types = []
        all_arguments: Counter[int] = Counter()
        all_roles: Counter[str] = Counter()
        for label, arguments in self._arguments.items():
            types.append(_describe_type(label, arguments, self._roles[label]))
            all_arguments.update(arguments)
            all_roles.update(self._roles[label])
        types.sort(key=lambda each: (-each.events, each.label))
        return (*types, _describe_type(None, all_arguments, all_roles))


def _describe_type(
    label: str | None, arguments: Counter[int], roles: Counter[str]
) -> EventTypeStats:
    ordered = sorted(roles.items(), key=lambda item: (-item[1], item[0]))
    lengths = summarize_lengths(arguments)
    return EventTypeStats(label, arguments.total(), lengths, arguments[0], dict(ordered))


@dataclass
class _AttributionNumbers:
    attributions: int = 0
    without_source: int = 0
    without_cue: int = 0
    nested: int = 0


@dataclass
class AttributionCounter:
    """Counts attributions by type, document by document."""

    _by_type: dict[str, _AttributionNumbers] = field(default_factory=dict)

    def add(self, document: Document) -> None:
        """Count the attributions of a document."""
        for attribution in document.attributions or ():
            numbers = self._by_type.setdefault(attribution.label or "", _AttributionNumbers())
            numbers.attributions += 1
            numbers.without_source += attribution.source is None
            numbers.without_cue += attribution.cue is None
            numbers.nested += attribution.parent is not None

    def finish(self) -> tuple[AttributionTypeStats, ...]:
        """Each type, the most frequent first, and all of them; nothing without attributions."""
        if not self._by_type:
            return ()
        types = []
        total = _AttributionNumbers()
        for label, numbers in self._by_type.items():
            types.append(_freeze(label, numbers))
            total.attributions += numbers.attributions
            total.without_source += numbers.without_source
            total.without_cue += numbers.without_cue
            total.nested += numbers.nested
        types.sort(key=lambda each: (-each.attributions, each.label))
        return (*types, _freeze(None, total))


def _freeze(label: str | None, numbers: _AttributionNumbers) -> AttributionTypeStats:
    return AttributionTypeStats(
        label, numbers.attributions, numbers.without_source, numbers.without_cue, numbers.nested
    )
