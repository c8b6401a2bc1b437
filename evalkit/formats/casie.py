"""CASIE: a news article about cybersecurity in each JSON file, with its events.

    {"sourcefile": "999.txt", "content": text, "info": {}, "cyberevent": {"hopper": [{"index",
     "events": [{"index", "type", "subtype", "realis",
                 "nugget": {"index", "startOffset", "endOffset", "text"},
                 "argument": [{"index", "startOffset", "endOffset", "text", "type",
                               "role": {"type"}, "external_reference": {"wikidataid"}}]}]}]}}

Offsets count characters, the end is exclusive. (Source: Ebiquity/CASIE, Satyapanich et al. 2020.)
A folder with such files is read, and a file with a list of them. The id of a document is the name
of its source file without the suffix.

An event has the label `Attack:Databreach`: type and subtype. A hopper holds the mentions of one
event: these have the same attribute `event`, the index of the hopper. An argument is also an
entity, labeled with its type, and `ref` is the entity; arguments with one span and type are one
entity. The id of Wikidata is the attribute `link`.

**Reading option**: `texts`: a folder with the source files. The text is what they have between
`<text>` and `</text>`, without the line feeds there, in place of `content`. Some of the published
files have a `content` that is shorter than the text whose characters the offsets count.

Where the `text` of a span is found at offsets that differ by one at either end, these are read,
which is counted as repaired: a small part of the published offsets is off by one. Any other text is
an error. Without `cyberevent`, entities and events were not annotated. Dropped: subtypes of roles,
other references, info, other keys.

This format is only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Argument, Document, Entity, Event, Span
from evalkit.data.text import Range
from evalkit.errors import InputError, LoadError, quoted_repr
from evalkit.files import list_inputs, read_input
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.json_lists import iter_list
from evalkit.formats.json_records import convert_record
from evalkit.formats.jsonl_errors import explain_invalid_utf8
from evalkit.formats.registry import DocumentResults

EXPECTED = 'expected an object with "content" and "cyberevent", or a list of them'
BEGIN, END = "<text>", "</text>"  # of the text in a source file
NAME_SOURCES = "name the folder with the source files: casie:DIR?texts=FOLDER"
MOVED = "spans moved by one character to their text"
# Changes of the start and the end that may lead to the text of a span, the smallest first
SHIFTS = ((0, 0), (-1, 0), (0, 1), (1, 0), (0, -1), (-1, -1), (1, 1), (-1, 1), (1, -1))


class CasieSpan(msgspec.Struct):
    """The nugget of an event: its trigger."""

    startOffset: int  # noqa: N815, the key of the file
    endOffset: int  # noqa: N815
    text: str | None = None
    index: Any = None


class CasieRole(msgspec.Struct):
    """The role of an argument."""

    type: str


class Reference(msgspec.Struct):
    """The entry of a knowledge base."""

    wikidataid: str | None = None


class CasieArgument(CasieSpan, kw_only=True):
    """An argument of an event; `type` is that of the entity."""

    type: str
    role: CasieRole
    external_reference: Reference | None = None


class CasieEvent(msgspec.Struct):
    """A mention of an event."""

    type: str
    nugget: CasieSpan
    subtype: str | None = None
    realis: str | None = None
    argument: list[CasieArgument] = []
    index: str | None = None


class Hopper(msgspec.Struct):
    """The mentions of one event."""

    events: list[CasieEvent]
    index: int | str | None = None
    relation: Any = None


class CyberEvents(msgspec.Struct):
    """The events of an article."""

    hopper: list[Hopper] = []


class CasieRecord(msgspec.Struct):
    """An article: the keys that are read."""

    sourcefile: str | None = None
    content: str | None = None
    cyberevent: CyberEvents | None = None


class OffsetError(InputError):
    """Offsets at which the text is another one, or ends before them."""


def read(
    path: Path, conversion: ConversionReport, *, texts: str | Path | None = None
) -> DocumentResults:
    """Yields the location of each article with its document, or a LoadError.

    Raises InputError for a folder without JSON files.
    """
    folder = None if texts is None else Path(texts)
    for file in _list_files(path):
        for position, item in iter_list(file, EXPECTED):
            if isinstance(item, LoadError):
                yield position, item
                continue
            record = convert_record(item, CasieRecord, position, conversion)
            if isinstance(record, LoadError):
                yield position, record
                continue
            try:
                text = _read_text(record, folder)
                yield position, ArticleReader(record, text, position, conversion).build(file)
            except OffsetError as error:
                hint = f"; if 'content' is incomplete, {NAME_SOURCES}" if folder is None else ""
                yield position, LoadError([f"{position}: {error}{hint}"])
            except InputError as error:
                yield position, LoadError([f"{position}: {error}"])


def _list_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = list_inputs(path, (".json", ".json.gz"), ignore=("schema.json",))
    if not files:
        raise InputError(f"{path}: no .json file; name the folder with the annotations")
    return files


def _read_text(record: CasieRecord, folder: Path | None) -> str:
    """The text of an article: that of its source file, or `content`. Raises InputError if it has
    none.
    """
    if folder is None:
        if record.content is None:
            raise InputError(f"no 'content'; {NAME_SOURCES}")
        return record.content
    name = record.sourcefile or ""
    file = folder / name
    if file.name != name or not file.is_file():
        raise InputError(f"sourcefile: {quoted_repr(name)} is not in {folder}")
    data = read_input(file)
    if problem := explain_invalid_utf8(data, "file"):
        raise InputError(f"{file}: {problem}")
    text = data.decode()
    start, end = text.find(BEGIN), text.rfind(END)
    if start < 0 or end < start:
        return text
    return text[start + len(BEGIN) : end].removeprefix("\n").removesuffix("\n")


class ArticleReader:
    """Builds the document of an article."""

    def __init__(
        self, record: CasieRecord, text: str, position: str, conversion: ConversionReport
    ) -> None:
        self._record, self._text = record, text
        self._position, self._conversion = position, conversion
        self._entities: dict[tuple[str, Range], Entity] = {}
        self._ids: set[str] = set()

    def build(self, file: Path) -> Document:
        """The document. Raises InputError with the key of an invalid item."""
        id = Path(self._record.sourcefile or file.name).stem
        if self._record.cyberevent is None:
            return Document(id, self._text)
        events = tuple(self._read_events(self._record.cyberevent))
        return Document(id, self._text, tuple(self._entities.values()), events)

    def _read_events(self, found: CyberEvents) -> Iterator[Event]:
        for n, hopper in enumerate(found.hopper):
            index = n if hopper.index is None else hopper.index
            for m, event in enumerate(hopper.events):
                where = f"cyberevent.hopper[{n}].events[{m}]"
                label = f"{event.type}:{event.subtype}" if event.subtype else event.type
                trigger = Span(*self._span(event.nugget, f"{where}.nugget"))
                arguments = tuple(
                    self._read_argument(argument, f"{where}.argument[{k}]")
                    for k, argument in enumerate(event.argument)
                )
                yield Event(
                    label,
                    trigger,
                    arguments,
                    id=event.index,
                    realis=event.realis,
                    attributes={"event": index},
                )

    def _read_argument(self, argument: CasieArgument, where: str) -> Argument:
        """An argument; its entity is added to those of the document."""
        span = self._span(argument, where)
        link = argument.external_reference and argument.external_reference.wikidataid
        entity = self._entities.get((argument.type, span))
        if entity is None:
            id = argument.index if isinstance(argument.index, str) else None
            entity = Entity(
                argument.type,
                *span,
                id=id if id not in self._ids else None,
                attributes={"link": link} if link else None,
            )
            self._entities[argument.type, span] = entity
            if id is not None:
                self._ids.add(id)
        elif link and (entity.attributes or {}).get("link") != link:
            name = "links of arguments that differ from that of the same entity"
            self._conversion.add(name, f"{self._position}: {where}")
        return Argument(argument.role.type, *span, ref=entity.id)

    def _span(self, span: CasieSpan, where: str) -> Range:
        """The range of a span in the text. Raises OffsetError if another text is there."""
        start, end = span.startOffset, span.endOffset
        length = len(self._text)
        for before, after in SHIFTS if span.text is not None else SHIFTS[:1]:
            first, last = start + before, end + after
            if not 0 <= first < last <= length:
                continue
            if span.text is None or span.text == self._text[first:last]:
                if (before, after) != (0, 0):
                    self._conversion.repaired.add(MOVED, f"{self._position}: {where}")
                return first, last
        if not 0 <= start < end <= length:
            raise OffsetError(
                f"{where}: offsets {start} to {end}: the text has {length} characters, counted"
                " from 0, the end exclusive"
            )
        raise OffsetError(
            f"{where}.text: {quoted_repr(span.text)} is not the text at {start} to {end}:"
            f" {quoted_repr(self._text[start:end])}"
        )
