"""Parsing the lines of a brat file into annotations by id, checked against the text.

A line is an id, a tab and a value; lines end at \\n or \\r\\n, empty ones are skipped.

    T1  PER 0 3         Ada    a text-bound annotation: type, ranges (`0 4;14 17`), a tab, surface
    E1  Attack:T1 Agent:T2     an event: type and trigger, then roles with annotations or events
    A1  Negated E1, M1 …       an attribute, with or without a value
    R1, *, N1, #1              relations, equivalences, normalizations and notes: counted as
                               dropped, except for the notes of brat_writer.py

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


def replace_line_ends(text: str) -> str:
    """The text with a space for each line end: a line cannot hold one."""
    return text.replace("\r", " ").replace("\n", " ")


def split_at_line_ends(text: str, ranges: Fragments) -> Fragments:
    """The ranges, cut where lines end, which a line cannot quote."""
    return tuple(
        (start + result.start(), start + result.end())
        for start, end in ranges
        for result in re.finditer(r"[^\r\n]+", text[start:end])
    )


def merge_across_line_ends(text: str, ranges: Fragments | list[tuple[int, int]]) -> Fragments:
    """The ranges, those joined between which there is nothing but white space with a line end in
    it.
    """
    whole: list[tuple[int, int]] = []
    for start, end in ranges:
        gap = text[whole[-1][1] : start] if whole else ""
        if whole and (not gap or (gap.isspace() and replace_line_ends(gap) != gap)):
            whole[-1] = (whole[-1][0], end)
        else:
            whole.append((start, end))
    return tuple(whole)


def range_error(ranges: list[tuple[int, int]], length: int) -> str:
    """What is wrong with ranges in order; "" if they are valid."""
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
NOTE = "evalkit"  # the type of notes that say which id an annotation has
_ID = re.compile(r"[TEAMRN][0-9]\S{0,99}")
_OFFSETS = re.compile(r"([0-9]{1,15}) ([0-9]{1,15})")
_UNNAMED = re.compile(r"no id:((?: [TE][0-9]{1,9}-[TE][0-9]{1,9}){1,2})")
_FORMS = {
    "T": "ID, tab, TYPE START END, tab, the text that stands there",
    "E": "ID, tab, TYPE:TRIGGER, and ROLE:ID after spaces",
    "A": "ID, tab, NAME ID, and a value after a space",
    "R": "ID, tab, TYPE ROLE:ID ROLE:ID",
    "N": "ID, tab, TYPE ID RESOURCE:ENTRY",
    "*": "*, tab, TYPE, and IDs after spaces",
    "#": "ID, tab, TYPE ID, tab, a note",
}
_FORMS["M"] = _FORMS["A"]


class TextBound(NamedTuple):
    """A text-bound annotation; its ranges are in order, joined across line ends."""

    line: int
    id: str
    label: str
    ranges: Fragments


class BratEvent(NamedTuple):
    """An event as it is written: ids, and roles with their numbers."""

    line: int
    id: str
    label: str
    trigger: str
    arguments: tuple[tuple[str, str], ...]


class Attribute(NamedTuple):
    """An attribute of an annotation; without a value it is True."""

    line: int
    id: str
    name: str
    target: str
    value: str | bool


class QuotedRange(NamedTuple):
    """Ranges with what a line says that stands there."""

    start: int
    end: int
    text: str


class BratParser:
    """What a file says, by id and in its order. `errors` are messages for what is wrong in it."""

    def __init__(
        self, path: Path, text: str, conversion: ConversionReport, reading: OffsetConvention
    ) -> None:
        """Say nothing yet. path: as messages name it."""
        self.path, self.conversion = path, conversion
        self.bounds: dict[str, TextBound] = {}
        self.frames: dict[str, BratEvent] = {}
        self.attributes: list[Attribute] = []
        self.names: dict[str, str] = {}  # ids that brat cannot hold
        self.unnamed: list[tuple[str, int, int]] = []  # ids that are none: a letter, from, to
        self.errors: list[str] = []
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
        self._references: list[
            tuple[int, str, str, str]
        ] = []  # line, id, role or type, referenced id

    def read(self, data: bytes) -> None:
        """Read all lines. Raises LoadError where they are not UTF-8."""
        if data.startswith(BOM):
            self.conversion.add("byte order marks", str(self.path))
        for number, line in enumerate(lines_of(self.path, data.removeprefix(BOM)), start=1):
            if line.strip():
                self._line(number, line)
        for number, id, what, target in self._references:
            if target not in self._lines:
                self.add_error(
                    number,
                    id,
                    f"{what}: {quoted_repr(target)} is nothing of this file; name what is there, or"
                    " delete the line",
                )

    def add_error(self, line: int, id: str, problem: str) -> None:
        """Note what is wrong with a line."""
        self.errors.append(f"{self.path}:{line}: {id}: {problem}")

    def count_dropped(self, what: str, line: int, count: int = 1) -> None:
        """Count what a document cannot hold."""
        self.conversion.add(what, f"{self.path}:{line}", count)

    def is_generated_id(self, id: str) -> bool:
        """Whether an annotation has its id only because brat numbers everything."""
        number = int(id[1:]) if id[1:].isdecimal() and len(id) < 11 else -1
        return any(
            letter == id[0] and first <= number <= last for letter, first, last in self.unnamed
        )

    def _line(self, number: int, line: str) -> None:
        id, tab, rest = line.partition("\t")
        kind = line[0]
        if kind not in _FORMS:
            self.errors.append(
                f"{self.path}:{number}: invalid line {quoted_repr(line)}: expected one that begins"
                f" with {', '.join(_FORMS)}"
            )
        elif kind == "#":
            self._note(number, rest)
        elif not tab:
            self.errors.append(
                f"{self.path}:{number}: {quoted_repr(line)} has no tab after its id: expected"
                f" {_FORMS[kind]}"
            )
        elif kind != "*" and not _ID.fullmatch(id):
            self.errors.append(
                f"{self.path}:{number}: invalid id {quoted_repr(id)}: expected {kind} and a number"
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
        result = [_OFFSETS.fullmatch(pair) for pair in offsets.split(";")]
        if not (tab and label and space):
            self.add_error(
                number,
                id,
                f"{quoted_repr(rest)} is incomplete, or has no tab: expected {_FORMS['T']}",
            )
        elif not all(result):
            self.add_error(
                number,
                id,
                f"invalid offsets {quoted_repr(offsets)}: expected START END, with ; between"
                " several ranges",
            )
        else:
            self._add_text_bound(
                number, id, label, [(int(one[1]), int(one[2])) for one in result if one], surface
            )

    def _add_text_bound(
        self, number: int, id: str, label: str, written: list[tuple[int, int]], surface: str
    ) -> None:
        """Keep an annotation, unless its offsets are wrong."""
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
        self.bounds[id] = TextBound(number, id, label, merge_across_line_ends(self._text, ranges))

    def _surface_error(self, written: list[tuple[int, int]], surface: str) -> str:
        stands = " ".join(self._text[start:end] for start, end in written)
        if surface in (
            replace_line_ends(stands),
            replace_line_ends(stands.replace("\r\n", "\n")),
        ) or self._reading.same(surface, stands):
            return ""
        if (
            len(written) == 1 and len(self.errors) < MAX_REPORTED_ERRORS
        ):  # searching the text for the words takes time, and no more are shown
            try:
                check_surface(QuotedRange(*written[0], surface), self._text, field="")
            except DocumentError as error:
                return error.message
        offsets = ";".join(f"{start} {end}" for start, end in written)
        return f"{quoted_repr(surface)} is not what stands at {offsets}: {quoted_repr(stands)}"

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
        self.count_dropped("relations", number)
        kind, *arguments = rest.split("\t", maxsplit=1)[0].split(" ")
        targets = [argument.rpartition(":")[2] for argument in arguments if argument]
        if not kind or len(targets) < 2:
            self.add_error(
                number, id, f"invalid relation {quoted_repr(rest)}: expected {_FORMS['R']}"
            )
        self._references += [(number, id, kind, target) for target in targets]

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
        """A note is counted as a loss, but for those that say which ids annotations have."""
        head, _, note = rest.partition("\t")
        kind, _, target = head.partition(" ")
        if kind == NOTE and (ranges := _UNNAMED.fullmatch(note)):
            self.unnamed += [
                (one[0], int(one[1:].partition("-")[0]), int(one.rpartition("-")[2][1:]))
                for one in ranges[1].split()
            ]
        elif kind == NOTE and (name := _name(note)):
            self.names[target] = name
        else:
            self.count_dropped("notes", number)


def lines_of(path: Path, data: bytes) -> list[str]:
    """The lines of a file, without what ends them.

    Raises LoadError, with the line, where they are not UTF-8.
    """
    return [line.removesuffix("\r") for line in decode_text(path, data).split("\n")]


def decode_text(path: Path, data: bytes) -> str:
    """What a file says, nothing changed. Raises LoadError, with the line, where it is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        at = error.start - (data.rfind(b"\n", 0, error.start) + 1)
        raise LoadError(
            [
                f"{path}:{line}: not UTF-8: {error.reason} at byte {at} of the line; save the file"
                " as UTF-8"
            ]
        ) from None


def _name(note: str) -> str:
    """The id in a note such as `id: "x"`; nothing where the note is none such."""
    try:
        result = json.loads(note.removeprefix("id: ")) if note.startswith('id: "') else ""
        result.encode()
    except (ValueError, RecursionError):
        return ""
    return str(result)
