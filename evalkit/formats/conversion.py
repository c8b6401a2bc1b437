"""Counts what was dropped, repaired and skipped when documents were read or written.

Counts are by name, with the first locations of each:

- dropped: fields of the format that documents do not have, fields of documents that the format does
  not have, and duplicates that were dropped.
- repaired: changes made in reading: invalid tags, converted offsets.
- skipped: documents that were not read or written.

What was detected from the content of a file is listed, too: its format, its columns.

The module also drops annotations that a format cannot distinguish from an earlier one, since they
would be refused as duplicates when the gold is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from evalkit.data.document import Argument, Document, Event, Relation, Span, span_fragments
from evalkit.data.duplicate_comparison import EventNumbers, number_named_events
from evalkit.errors import InputError, quoted_repr, warn_deprecated

INDISTINGUISHABLE = "that equal another in what this format holds of them"


def drop_indistinguishable(
    documents: Iterable[Document],
    conversion: ConversionReport,
    *,
    trimmed: bool = False,
    names_events: bool = False,
) -> Iterator[Document]:
    """Yields the documents without entities, events and arguments that have the label (or role) and
    span of an earlier one and differ from it only in fields that the format does not have.

    Exact duplicates are kept, since predictions may have them. `trimmed`: the format drops white
    space at the edges of annotations. `names_events`: it has the `ref` of an argument that is the
    trigger of another event.
    """
    for document in documents:
        yield IndistinguishableFilter(
            document, conversion, trimmed=trimmed, names_events=names_events
        ).document()


class IndistinguishableFilter:
    """Drops the indistinguishable annotations of one document."""

    def __init__(
        self,
        document: Document,
        conversion: ConversionReport,
        *,
        trimmed: bool,
        names_events: bool = False,
    ) -> None:
        self._document, self._conversion, self._trimmed = document, conversion, trimmed
        # Of the events that arguments name, and the triggers of all events by id
        self._numbers: EventNumbers = {}
        self._triggers: dict[str | None, Span | None] = {}
        if names_events:
            self._triggers = {event.id: event.trigger for event in document.events or ()}
            events = tuple(map(self._keep_named_events, document.events or ()))
            self._numbers = number_named_events(events, self._key)
        # The id of the annotation that is kept, by the id of the dropped one
        self._kept_ids: dict[str, str | None] = {}
        self._relation_arguments: set[str] = set()
        for relation in document.relations or ():
            self._relation_arguments.update((relation.head, relation.tail))

    def document(self) -> Document:
        """Returns the document without indistinguishable annotations."""
        changed: dict[str, Any] = {}
        if self._document.entities:
            changed["entities"] = self._distinguishable(
                self._document.entities, "entities", "entities"
            )
        if self._document.events:
            events = []
            for n, event in enumerate(self._document.events):
                arguments = self._distinguishable(
                    event.arguments, "arguments", f"events[{n}].arguments"
                )
                events.append(replace(event, arguments=arguments))
            kept = self._distinguishable(events, "events", "events")
            changed["events"] = tuple(map(self._replace_references, kept))
        if self._document.relations and self._kept_ids:
            changed["relations"] = tuple(map(self._replace_arguments, self._document.relations))
        return replace(self._document, **changed) if changed else self._document

    def _keep_named_events(self, event: Event) -> Event:
        """Returns the event with `ref` only in arguments that name an event."""
        arguments = []
        for argument in event.arguments:
            is_kept = self._names_event(argument)
            arguments.append(argument if is_kept else replace(argument, ref=None))
        return replace(event, arguments=tuple(arguments))

    def _names_event(self, argument: Argument) -> bool:
        """Whether an argument is the trigger of the event that it names. Ids that begin with ~ are
        those of annotations without an id.
        """
        if argument.ref is None or argument.ref.startswith("~"):
            return False
        trigger = self._triggers.get(argument.ref)
        return trigger is not None and span_fragments(trigger) == span_fragments(argument)

    def _replace_references(self, event: Event) -> Event:
        """Returns the event with references to dropped annotations replaced by kept ones."""
        if not self._kept_ids:
            return event
        arguments: list[Argument] = []
        for argument in event.arguments:
            if argument.ref in self._kept_ids:
                arguments.append(replace(argument, ref=self._kept_ids[argument.ref]))
            else:
                arguments.append(argument)
        return replace(event, arguments=tuple(arguments))

    def _replace_arguments(self, relation: Relation) -> Relation:
        """Returns the relation with dropped arguments replaced by kept ones."""
        head = self._kept_ids.get(relation.head) or relation.head
        tail = self._kept_ids.get(relation.tail) or relation.tail
        return replace(relation, head=head, tail=tail)

    def _distinguishable(
        self, annotations: Iterable[Any], plural: str, where: str
    ) -> tuple[Any, ...]:
        """Returns the annotations that can be distinguished, and counts the others as `plural`."""
        positions: dict[Any, int] = {}  # of the first annotation with a key
        kept: list[Any] = []
        for n, annotation in enumerate(annotations):
            position = positions.setdefault(self._key(annotation), len(kept))
            is_first = position == len(kept)
            if is_first or _without_id_and_score(kept[position]) == _without_id_and_score(
                annotation
            ):
                kept.append(annotation)
                continue
            id = getattr(annotation, "id", None)
            if id is not None:
                if kept[position].id is None and id in self._relation_arguments:
                    # A relation needs an id: the kept annotation gets that of the dropped one.
                    kept[position] = replace(kept[position], id=id)
                self._kept_ids[id] = kept[position].id
            self._conversion.add(
                f"{plural} {INDISTINGUISHABLE}",
                f"document {quoted_repr(self._document.id)}, {where}[{n}]",
            )
        return tuple(kept)

    def _key(self, annotation: Any) -> Any:
        """Returns the label or role and the span; of an event also the keys of its arguments."""
        if isinstance(annotation, Event):
            arguments = set()
            for argument in annotation.arguments:
                if not self._is_empty(argument):
                    arguments.add(self._key(argument))
            trigger = None if annotation.trigger is None else self._ranges(annotation.trigger)
            return annotation.label, trigger, frozenset(arguments)
        if isinstance(annotation, Argument) and self._numbers and self._names_event(annotation):
            return annotation.role, self._ranges(annotation), self._numbers[annotation.ref or ""]
        return getattr(annotation, "label", None) or annotation.role, self._ranges(annotation)

    def _is_empty(self, span: Any) -> bool:
        """Whether nothing is left of a span after trimming."""
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
    """Returns an annotation without id and score, which are not compared."""
    names = [name for name in ("id", "score") if hasattr(annotation, name)]
    return replace(annotation, **dict.fromkeys(names))


NOT_ANNOTATED = (
    "entities were not annotated, but the file would mean that there are none; if there are none,"
    " set entities=[]"
)
UNANNOTATED = "documents whose entities were not annotated"


def skip_unannotated(
    documents: Iterable[Document], conversion: ConversionReport
) -> Iterator[Document]:
    """Yields the documents whose entities were annotated, and those that failed.

    The others are counted as skipped, for a format whose files would mean that they have no
    entities. Raises InputError at the end if they are all there is.
    """
    first_skipped: str | None = None
    has_annotated = False
    for document in documents:
        if document.entities is None and document.failure is None:
            where = f"document {quoted_repr(document.id)}"
            conversion.skipped.add(UNANNOTATED, where)
            first_skipped = first_skipped or where
            continue
        has_annotated = has_annotated or document.failure is None
        yield document
    if first_skipped is not None and not has_annotated:
        raise InputError(f"{first_skipped}: {NOT_ANNOTATED}")


SKIPPED = "documents with errors"  # with the reading option on_error=skip
MAX_EXAMPLES = 3  # locations that are kept for each name


class ExampleCounts(Mapping[str, int]):
    """Counts by name, with the first locations of each in `examples`.

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
        """Adds to the count of a name, which is a plural noun."""
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
        """The first locations of each name."""
        return {name: tuple(positions) for name, positions in self._positions.items()}

    def lines(self) -> Iterator[str]:
        """Yields a line for each name, with its count and first locations."""
        for name, count in self._counts.items():
            positions = self._positions[name]
            more = ", …" if count > len(positions) else ""
            yield f"{count:,} {name} ({', '.join(positions)}{more})"


class ConversionReport:
    """Counts of what was dropped, repaired and skipped; false if all are empty.

    `effective_options` has the reading options that depend on the content of the file, as the
    reader applied them. `detected` has what was concluded from the content of the files, such as
    "format doccano", with the number of files. `has_joined_tokens`: the texts of documents are
    tokens, joined by a space or a line feed.

    >>> report = ConversionReport()
    >>> report.add("notes", "a.ann:3")
    >>> report.repaired.add("invalid tags", "a.conll:7")
    >>> list(report.lines()), report.counts
    (['1 notes (a.ann:3)', '1 invalid tags (a.conll:7)'], {'notes': 1, 'invalid tags': 1})
    """

    def __init__(self) -> None:
        self.dropped = ExampleCounts()
        self.repaired = ExampleCounts()
        self.skipped = ExampleCounts()
        self.detected = ExampleCounts()
        self.effective_options: dict[str, str] = {}
        self.has_joined_tokens = False

    def add(self, name: str, where: str, count: int = 1) -> None:
        """Adds to the count of something that is dropped."""
        self.dropped.add(name, where, count)

    def __bool__(self) -> bool:
        return any(self.sections().values())

    def __repr__(self) -> str:
        return f"<ConversionReport: {'; '.join(self.lines()) or 'none'}>"

    def sections(self) -> Mapping[str, ExampleCounts]:
        """The three counts by name: dropped, repaired and skipped."""
        return {"dropped": self.dropped, "repaired": self.repaired, "skipped": self.skipped}

    @property
    def counts(self) -> Mapping[str, int]:
        """All counts by name."""
        counts: dict[str, int] = {}
        for section in self.sections().values():
            counts.update(section)
        return counts

    def lines(self) -> Iterator[str]:
        """Yields a line for each name, with its count and first locations."""
        for section in self.sections().values():
            yield from section.lines()

    def to_json(self) -> dict[str, dict[str, int]]:
        """Returns the counts as they are in a result file; "detected" only if there is anything."""
        counts = {name: dict(section) for name, section in self.sections().items()}
        return {**counts, "detected": dict(self.detected)} if self.detected else counts


def __getattr__(name: str) -> Any:
    if name == "Losses":
        warn_deprecated("Losses is deprecated: use ConversionReport")
        return ConversionReport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
