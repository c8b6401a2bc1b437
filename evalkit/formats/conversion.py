"""The report of what was dropped, repaired and skipped when documents were read or written.

Counts by name, with the first locations of each:

- dropped: what the format has and documents do not, or documents have and the format does not;
  duplicates that were dropped.
- repaired: what was changed in order to be read: invalid tags, offsets that were converted.
- skipped: documents that were not read or written.

The module also drops annotations that a format cannot distinguish from an earlier one, since gold
with both could not be read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from evalkit.data.document import Argument, Document, Event, span_fragments
from evalkit.errors import quoted_repr, warn_deprecated

INDISTINGUISHABLE = "that equal another in what this format holds of them"


def drop_indistinguishable(
    documents: Iterable[Document], conversion: ConversionReport, *, trimmed: bool = False
) -> Iterator[Document]:
    """The documents without entities, events and arguments of which the format holds label or role
    and place alone, and an earlier one has these.

    trimmed: the format drops white space at the edges of annotations. What repeats another
    altogether stays: predictions may, and gold does not.
    """
    for document in documents:
        yield IndistinguishableFilter(document, conversion, trimmed=trimmed).document()


class IndistinguishableFilter:
    """A document as it is left."""

    def __init__(self, document: Document, conversion: ConversionReport, *, trimmed: bool) -> None:
        self._document, self._conversion, self._trimmed = document, conversion, trimmed
        self._instead: dict[
            str, str | None
        ] = {}  # ids of annotations that are left out, and that of the annotation which stays

    def document(self) -> Document:
        """The document without indistinguishable annotations."""
        changed: dict[str, Any] = {}
        if self._document.entities:
            changed["entities"] = self._distinguishable(
                self._document.entities, "entities", "entities"
            )
        if self._document.events:
            events = [
                replace(
                    event,
                    arguments=self._distinguishable(
                        event.arguments, "arguments", f"events[{n}].arguments"
                    ),
                )
                for n, event in enumerate(self._document.events)
            ]
            changed["events"] = self._distinguishable(events, "events", "events")
            if self._instead:
                changed["events"] = tuple(
                    replace(event, arguments=tuple(map(self._replace_reference, event.arguments)))
                    for event in changed["events"]
                )
        return replace(self._document, **changed) if changed else self._document

    def _replace_reference(self, argument: Argument) -> Argument:
        return (
            replace(argument, ref=self._instead[argument.ref])
            if argument.ref in self._instead
            else argument
        )

    def _distinguishable(
        self, annotations: Iterable[Any], what: str, where: str
    ) -> tuple[Any, ...]:
        seen: dict[Any, Any] = {}
        kept = []
        for n, annotation in enumerate(annotations):
            key = self._key(annotation)
            if key in seen and _without_id_and_score(seen[key]) != _without_id_and_score(
                annotation
            ):
                if getattr(annotation, "id", None) is not None:
                    self._instead[annotation.id] = seen[key].id
                self._conversion.add(
                    f"{what} {INDISTINGUISHABLE}",
                    f"document {quoted_repr(self._document.id)}, {where}[{n}]",
                )
                continue
            seen.setdefault(key, annotation)
            kept.append(annotation)
        return tuple(kept)

    def _key(self, annotation: Any) -> Any:
        if isinstance(annotation, Event):
            return (
                annotation.label,
                self._ranges(annotation.trigger),
                frozenset(
                    self._key(argument)
                    for argument in annotation.arguments
                    if not self._is_empty(argument)
                ),
            )
        return getattr(annotation, "label", None) or annotation.role, self._ranges(annotation)

    def _is_empty(self, span: Any) -> bool:
        """Whether nothing is left of an annotation."""
        return (
            self._trimmed
            and not span.fragments
            and not self._document.text[span.start : span.end].strip()
        )

    def _ranges(self, span: Any) -> Any:
        if not self._trimmed or span.fragments:
            return span_fragments(span)
        text = self._document.text[span.start : span.end]
        start = span.start + len(text) - len(text.lstrip())
        return ((start, start + len(text.strip())),)


def _without_id_and_score(annotation: Any) -> Any:
    """An annotation without id and score, which the format does not keep."""
    return replace(
        annotation, **{name: None for name in ("id", "score") if hasattr(annotation, name)}
    )


MAX_EXAMPLES = 3  # places that are named for each


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
        self._positions: dict[str, list[str]] = {}

    def add(self, name: str, where: str, count: int = 1) -> None:
        """Add to the count of a name, which is in the plural."""
        self._counts[name] = self._counts.get(name, 0) + count
        positions = self._positions.setdefault(name, [])
        if len(positions) < MAX_EXAMPLES and where not in positions:
            positions.append(where)

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
        return {name: tuple(positions) for name, positions in self._positions.items()}

    def lines(self) -> Iterator[str]:
        """A line for each name, with its first places."""
        for name, count in self._counts.items():
            positions = self._positions[name]
            more = ", …" if count > len(positions) else ""
            yield f"{count:,} {name} ({', '.join(positions)}{more})"


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


def __getattr__(name: str) -> Any:
    if name == "Losses":
        warn_deprecated("Losses is deprecated: use ConversionReport")
        return ConversionReport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
