"""Parses the lines of brat files into annotations by id, and checks them against the text.

A line is an id, a tab and a value; lines end at \\n or \\r\\n, empty ones are skipped.

    T1  PER 0 3         Ada    a text-bound annotation: type, ranges (`0 4;14 17`), a tab, surface
    E1  Attack:T1 Agent:T2     an event: type and trigger, then roles with annotations or events
    A1  Negated E1, M1 …       an attribute, with or without a value
    R1  Near Arg1:T1 Arg2:E1   a relation: type, then two roles with annotations or events
    *, N1, #1                  equivalences, normalizations and notes: counted as dropped, except
                               for the notes that BratWriter writes

The surface form has a space between ranges, and a space for each line end. brat splits annotations
at line ends: ranges that are separated by white space with a line end are joined when read.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from evalkit.data.document import Fragments
from evalkit.errors import (
    MAX_REPORTED_ERRORS,
    DocumentError,
    LoadError,
    duplicate_id_problem,
    past_end_problem,
    quoted_repr,
)
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.jsonl import check_surface
from evalkit.formats.offsets import OffsetConvention
from evalkit.formats.reading_options import advise_encoding


def replace_line_ends(text: str) -> str:
    """Returns the text with a space for each character of a line end."""
    return text.replace("\r", " ").replace("\n", " ")


def split_at_line_ends(text: str, ranges: Fragments) -> Fragments:
    """Returns the ranges without line ends: a range that covers several lines is split."""
    pieces: list[tuple[int, int]] = []
    for start, end in ranges:
        for match in re.finditer(r"[^\r\n]+", text[start:end]):
            pieces.append((start + match.start(), start + match.end()))
    return tuple(pieces)


def merge_across_line_ends(text: str, ranges: Fragments | list[tuple[int, int]]) -> Fragments:
    """Returns the ranges with adjacent ones joined, and those that are separated only by white
    space with a line end.
    """
    merged: list[tuple[int, int]] = []
    for start, end in ranges:
        gap = text[merged[-1][1] : start] if merged else ""
        if merged and (not gap or (gap.isspace() and replace_line_ends(gap) != gap)):
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return tuple(merged)


def range_error(ranges: list[tuple[int, int]], length: int) -> str:
    """Returns the error message for sorted ranges; "" if they are valid."""
    for start, end in ranges:
        if start >= end:
            return (
                f"{end} is not after the start, {start}: a span is half-open and holds at least one"
                " character"
            )
    if any(end > start for (_, end), (start, _) in pairwise(ranges)):
        return (
            f"ranges overlap: {quoted_repr(';'.join(f'{start} {end}' for start, end in ranges))}:"
            " expected ranges that share no character"
        )
    last = ranges[-1][1]
    return past_end_problem(last, length) if last > length else ""


BOM = b"\xef\xbb\xbf"
NOTE = "evalkit"  # type of the notes that hold the original ids of annotations
_ID = re.compile(r"[TEAMRN][0-9]\S{0,99}")
_OFFSETS = re.compile(r"([0-9]{1,15}) ([0-9]{1,15})")
_UNNAMED = re.compile(r"no id:((?: [TER][0-9]{1,9}-[TER][0-9]{1,9}){1,3})")
_FORMS = {
    "T": "ID, tab, TYPE START END, tab, the text of the span",
    "E": "ID, tab, TYPE:TRIGGER, and ROLE:ID after spaces",
    "A": "ID, tab, NAME ID, and a value after a space",
    "R": "ID, tab, TYPE ROLE:ID ROLE:ID",
    "N": "ID, tab, TYPE ID RESOURCE:ENTRY",
    "*": "*, tab, TYPE, and IDs after spaces",
    "#": "ID, tab, TYPE ID, tab, a note",
}
_FORMS["M"] = _FORMS["A"]


class TextBound(NamedTuple):
    """A T line: a text-bound annotation. Its ranges are sorted, and joined across line ends."""

    line: int
    id: str
    label: str
    ranges: Fragments


class BratEvent(NamedTuple):
    """An E line: `trigger` is an id, `arguments` are (role, id), numbered roles unchanged."""

    line: int
    id: str
    label: str
    trigger: str
    arguments: tuple[tuple[str, str], ...]


class BratRelation(NamedTuple):
    """An R line: `arguments` are (role, id), in the order of the line."""

    line: int
    id: str
    label: str
    arguments: tuple[tuple[str, str], ...]


class Attribute(NamedTuple):
    """An A or M line; `value` is True where the line has none."""

    line: int
    id: str
    name: str
    target: str
    value: str | bool


class QuotedRange(NamedTuple):
    """A range and its text as quoted in a line."""

    start: int
    end: int
    text: str


MAX_INVALID_LINES = 1000  # after which a file is refused


class BratParser:
    """Parses one .ann file. `bounds` has its T lines, `frames` its E lines and `relations` its R
    lines by id, in file order; `errors` has the messages for invalid lines.
    """

    def __init__(
        self, path: Path, text: str, conversion: ConversionReport, reading: OffsetConvention
    ) -> None:
        """`path` is used in messages; call `read` with the content of the file."""
        self.path, self.conversion = path, conversion
        self.bounds: dict[str, TextBound] = {}
        self.frames: dict[str, BratEvent] = {}
        self.relations: dict[str, BratRelation] = {}
        self.attributes: list[Attribute] = []
        self.names: dict[str, str] = {}  # original ids by brat id
        # Ranges of brat ids of annotations that had no id: letter, first and last number
        self.unnamed: list[tuple[str, int, int]] = []
        self.errors: list[str] = []
        self._files: list[tuple[int, Path]] = []  # the number of lines before each file
        self._text, self._reading, self._offsets = text, reading, reading.converter_for(text)
        self._read = {
            "T": self._bound,
            "E": self._frame,
            "A": self._attribute,
            "M": self._attribute,
            "R": self._relation,
            "*": self._equivalence,
            "N": self._normalization,
        }
        self._lines: dict[str, int] = {}
        # Line, id, role or type, referenced id
        self._references: list[tuple[int, str, str, str]] = []

    def read(self, data: bytes, further: tuple[Path, bytes] | None = None) -> None:
        """Parses all lines of a file, and of a further one with annotations of the same text.

        Lines of the further file are numbered from the end of the first on; `locate` knows whose
        they are. Raises LoadError if they are not UTF-8, or if MAX_INVALID_LINES are invalid.
        """
        number = 0
        for path, content in ((self.path, data), *([further] if further else [])):
            self._files.append((number, path))
            if content.startswith(BOM):
                self.conversion.add("byte order marks", str(path))
            for line in lines_of(path, content.removeprefix(BOM)):
                number += 1
                if line.strip():
                    self._line(number, line)
                if len(self.errors) >= MAX_INVALID_LINES:
                    advice = f"not read further, since {len(self.errors):,} lines are invalid"
                    raise LoadError(self.errors, advice=[advice])
        for number, id, what, target in self._references:
            if target not in self._lines:
                self.add_error(
                    number,
                    id,
                    f"{what}: unknown id {quoted_repr(target)}: expected the id of another line;"
                    " correct it, or delete the line",
                )

    def locate(self, line: int) -> str:
        """The position of a line in its file."""
        before, path = next(entry for entry in reversed(self._files) if entry[0] < line)
        return f"{path}:{line - before}"

    def add_error(self, line: int, id: str, problem: str) -> None:
        """Adds the message for an invalid line."""
        self.errors.append(f"{self.locate(line)}: {id}: {problem}")

    def count_dropped(self, what: str, line: int, count: int = 1) -> None:
        """Counts something that a Document has no field for."""
        self.conversion.add(what, self.locate(line), count)

    def is_generated_id(self, id: str) -> bool:
        """Whether an annotation had no id when the file was written."""
        number = int(id[1:]) if id[1:].isdecimal() and len(id) < 11 else -1
        return any(
            letter == id[0] and first <= number <= last for letter, first, last in self.unnamed
        )

    def _line(self, number: int, line: str) -> None:
        id, tab, rest = line.partition("\t")
        kind = line[0]
        if kind not in _FORMS:
            self.errors.append(
                f"{self.locate(number)}: invalid line {quoted_repr(line)}: expected one that begins"
                f" with {', '.join(_FORMS)}"
            )
        elif kind == "#":
            self._note(number, rest)
        elif not tab:
            self.errors.append(
                f"{self.locate(number)}: {quoted_repr(line)} has no tab after its id: expected"
                f" {_FORMS[kind]}"
            )
        elif kind != "*" and not _ID.fullmatch(id):
            self.errors.append(
                f"{self.locate(number)}: invalid id {quoted_repr(id)}: expected {kind} and a number"
            )
        elif id in self._lines:
            self.add_error(number, id, duplicate_id_problem(id, f"line {self._lines[id]}"))
        else:
            if kind != "*":
                self._lines[id] = number
            self._read[kind](number, id, rest)

    def _bound(self, number: int, id: str, rest: str) -> None:
        head, tab, surface = rest.partition("\t")
        label, space, offsets = head.partition(" ")
        matches = [_OFFSETS.fullmatch(pair) for pair in offsets.split(";")]
        if not (tab and label and space):
            self.add_error(
                number,
                id,
                f"{quoted_repr(rest)} is incomplete, or has no tab: expected {_FORMS['T']}",
            )
        elif not all(matches):
            self.add_error(
                number,
                id,
                f"invalid offsets {quoted_repr(offsets)}: expected START END, with ; between"
                " several ranges",
            )
        else:
            ranges = [(int(match[1]), int(match[2])) for match in matches if match]
            self._add_text_bound(number, id, label, ranges, surface)

    def _add_text_bound(
        self, number: int, id: str, label: str, written: list[tuple[int, int]], surface: str
    ) -> None:
        """Adds an annotation, or an error if its offsets are invalid."""
        try:
            counted = [self._offsets.span(start, end) for start, end in written]
        except DocumentError as error:
            self.add_error(number, id, error.message)
            return
        ranges = sorted(counted)
        if problem := range_error(ranges, len(self._text)) or self._surface_error(counted, surface):
            self.add_error(number, id, problem)
            return
        if ranges != counted:
            self.count_dropped("orders of ranges", number)
        if surface.endswith("\t"):
            self.conversion.repaired.add("tabs at the end of a line", self.locate(number))
        self.bounds[id] = TextBound(number, id, label, merge_across_line_ends(self._text, ranges))

    def _surface_error(self, written: list[tuple[int, int]], surface: str) -> str:
        """Returns the error message if the quoted text is not the text at the offsets, else ""."""
        actual = " ".join(self._text[start:end] for start, end in written)
        accepted = (
            replace_line_ends(actual),
            replace_line_ends(actual.replace("\r\n", "\n")),
        )
        if surface in accepted or self._reading.same(surface, actual):
            return ""
        without_tab = surface.rstrip("\t")  # which some tools write after the text
        if without_tab in accepted or self._reading.same(without_tab, actual):
            return ""
        # check_surface searches the whole text, which takes time: only for errors that are shown
        if len(written) == 1 and len(self.errors) < MAX_REPORTED_ERRORS:
            try:
                check_surface(QuotedRange(*written[0], surface), self._text, field="")
            except DocumentError as error:
                return error.message
        offsets = ";".join(f"{start} {end}" for start, end in written)
        return f"{quoted_repr(surface)} is not the text at {offsets}: {quoted_repr(actual)}"

    def _frame(self, number: int, id: str, rest: str) -> None:
        event, _, comment = rest.partition("\t")
        if comment.strip():
            self.count_dropped("comments", number)
        parts = [part.rpartition(":") for part in event.split(" ") if part]
        if not parts or not all(name and target for name, _, target in parts):
            self.add_error(
                number, id, f"invalid event {quoted_repr(event)}: expected {_FORMS['E']}"
            )
            return
        (label, _, trigger), *arguments = parts
        self.frames[id] = BratEvent(
            number, id, label, trigger, tuple((role, target) for role, _, target in arguments)
        )
        self._references += [(number, id, name, target) for name, _, target in parts]
        if not trigger.startswith("T"):
            self.add_error(
                number,
                id,
                f"invalid trigger {quoted_repr(trigger)}: expected the id of a T line",
            )
        for role, _, target in arguments:
            if target[0] not in "TE":
                self.add_error(
                    number,
                    id,
                    f"{role}: invalid target {quoted_repr(target)}: expected the id of a T or E"
                    " line",
                )

    def _attribute(self, number: int, id: str, rest: str) -> None:
        attribute, _, comment = rest.partition("\t")
        if comment.strip():
            self.count_dropped("comments", number)
        name, _, after = attribute.partition(" ")
        target, space, value = after.partition(" ")
        if not (name and target):
            self.add_error(
                number, id, f"invalid attribute {quoted_repr(attribute)}: expected {_FORMS['A']}"
            )
            return
        self._references.append((number, id, name, target))
        self.attributes.append(
            Attribute(number, id, name, target, value if space and value else True)
        )

    def _relation(self, number: int, id: str, rest: str) -> None:
        relation, _, comment = rest.partition("\t")
        if comment.strip():
            self.count_dropped("comments", number)
        label, *parts = relation.split(" ")
        arguments: list[tuple[str, str]] = []
        for part in parts:
            role, _, target = part.rpartition(":")
            if part:
                arguments.append((role, target))
        if not label or len(arguments) < 2 or not all(map(all, arguments)):
            self.add_error(
                number, id, f"invalid relation {quoted_repr(relation)}: expected {_FORMS['R']}"
            )
            return
        self._references += [(number, id, label, target) for _, target in arguments]
        self.relations[id] = BratRelation(number, id, label, tuple(arguments))

    def _equivalence(self, number: int, id: str, rest: str) -> None:
        self.count_dropped("equivalences", number)
        kind, *targets = rest.split("\t", maxsplit=1)[0].split(" ")
        self._references += [(number, id, kind, target) for target in targets if target]

    def _normalization(self, number: int, id: str, rest: str) -> None:
        self.count_dropped("normalizations", number)
        parts = rest.split("\t", maxsplit=1)[0].split(" ")
        if len(parts) < 3:
            self.add_error(
                number, id, f"invalid normalization {quoted_repr(rest)}: expected {_FORMS['N']}"
            )
        else:
            self._references.append((number, id, parts[0], parts[1]))

    def _note(self, number: int, rest: str) -> None:
        """Reads a note with original ids; other notes are counted as dropped."""
        head, _, note = rest.partition("\t")
        kind, _, target = head.partition(" ")
        if kind == NOTE and (ranges := _UNNAMED.fullmatch(note)):
            for id_range in ranges[1].split():
                first, _, last = id_range.partition("-")
                self.unnamed.append((first[0], int(first[1:]), int(last[1:])))
        elif kind == NOTE and (name := _name(note)):
            self.names[target] = name
        else:
            self.count_dropped("notes", number)


def lines_of(path: Path, data: bytes) -> list[str]:
    """Returns the lines of a file without their line ends.

    Raises LoadError, with the line, if the bytes are not UTF-8.
    """
    return [line.removesuffix("\r") for line in decode_text(path, data).split("\n")]


def decode_text(path: Path, data: bytes) -> str:
    """Returns the text of a file unchanged. Raises LoadError, with the line, if it is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1)
        raise LoadError(
            [
                f"{path}:{line}: not UTF-8: {error.reason} at byte {column} of the line;"
                f" {advise_encoding(data)}"
            ]
        ) from None


def _name(note: str) -> str:
    """Returns the id in a note such as `id: "x"`; "" for any other note."""
    if not note.startswith('id: "'):
        return ""
    try:
        id = str(json.loads(note.removeprefix("id: ")))
        id.encode()
    except (ValueError, RecursionError):
        return ""
    return id
