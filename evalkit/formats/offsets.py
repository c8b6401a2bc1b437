"""Units of offsets: how start and end are converted to code points, and which unit explains a
mismatch.

- `offset_unit`: code-points (as in Document), utf-16 (code units, as in JavaScript and Java) or
utf-8
  (bytes).
- `end_offset`: exclusive or inclusive.
- `newlines`: as-is; crlf: counted where every line feed of the text was \\r\\n; lf: counted where
  every \\r\\n of the text was one character.
- `first_offset`: the offset of the first character: 0; 1 where offsets count from 1, or a byte
order mark
  was counted; 3 for a byte order mark in UTF-8 bytes.
- `unicode_form`: as-is; NFC or NFD: counted on the text in this normal form.

The text itself is never changed. An offset that falls inside a character, such as between the
halves of a surrogate pair, is an error. The map from offsets to characters is built once for each
document, in time linear in its text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from itertools import groupby, pairwise, product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from evalkit.errors import DocumentError, UnknownNameError, past_end_problem, quoted_repr

SurfaceCheck = tuple[str, int, int, str]  # text, start, end, surface form in the file
Widths = npt.NDArray[np.int64]
CHOICES: dict[str, dict[Any, str]] = {
    "offset_unit": {
        "code-points": "",
        "utf-16": "offsets are UTF-16 code units",
        "utf-8": "offsets are bytes of UTF-8",
    },
    "end_offset": {"exclusive": "", "inclusive": "ends are inclusive"},
    "newlines": {"as-is": "", "crlf": "line ends were CRLF", "lf": "line ends were LF alone"},
    "first_offset": {
        0: "",
        1: "offsets count from 1 or a byte order mark was counted",
        3: "the bytes of a byte order mark were counted",
    },
    "unicode_form": {"as-is": "", "NFC": "the text was in NFC", "NFD": "the text was in NFD"},
}
UNITS = {"code-points": "characters", "utf-16": "UTF-16 code units", "utf-8": "bytes of UTF-8"}
MAX_OPTIONS = 2  # of a reading that is offered as a cause
MOST_CAUSES = 3
# On one character; more are left as they are, since putting them in order takes the square of their
# number
MOST_MARKS = 1000
_LENGTH: dict[str, Callable[[str], int]] = {
    "code-points": len,
    "utf-16": lambda text: len(text.encode("utf-16-le")) // 2,
    "utf-8": lambda text: len(text.encode()),
}


@dataclass(frozen=True)
class OffsetConvention:
    """How offsets were counted. `Reading()` is how a Document counts them.

    >>> OffsetConvention(offset_unit="utf-16").converter_for("💩 Ada").span(3, 6)
    (2, 5)
    """

    offset_unit: str = "code-points"
    end_offset: str = "exclusive"
    newlines: str = "as-is"
    first_offset: int | str = 0
    unicode_form: str = "as-is"

    def __post_init__(self) -> None:
        """Raises UnknownNameError for a value that an option does not have."""
        if str(self.first_offset) in ("0", "1", "3"):
            object.__setattr__(self, "first_offset", int(self.first_offset))
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise UnknownNameError("value", getattr(self, name), map(str, known), within=name)

    def options(self) -> dict[str, str]:
        """The options that are not as in a Document."""
        given = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: str(value) for name, (value, default) in given.items() if value != default}

    @property
    def is_default(self) -> bool:
        """Whether offsets are counted as in a Document."""
        return self == PLAIN

    def describe(self) -> str:
        """In words: "offsets are UTF-16 code units and ends are inclusive"."""
        return " and ".join(CHOICES[name][getattr(self, name)] for name in self.options())

    def converter_for(self, text: str) -> Offsets:
        """What turns offsets over a text into those of a Document."""
        return Offsets(text, self)

    def same(self, surface: str, stands: str) -> bool:
        """Whether a surface form equals the characters at its offsets, apart from the line ends and
        the normal form that this convention is about.
        """
        return surface == stands or self._normalize(surface) == self._normalize(stands)

    def _normalize(self, text: str) -> str:
        text = text if self.newlines == "as-is" else text.replace("\r\n", "\n")
        return text if self.unicode_form == "as-is" else _normalize_text(text, self.unicode_form)


PLAIN = OffsetConvention()


class Offsets:
    """Offsets over one text, turned into those of a Document."""

    def __init__(self, text: str, reading: OffsetConvention) -> None:
        """Build the map, where one is needed."""
        self._text, self._reading = text, reading
        widths = None if reading.is_default else widths_of(text, reading)
        self._before = None if widths is None else np.concatenate(([0], np.cumsum(widths)))
        self._all = len(text) if self._before is None else int(self._before[-1])

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Start and end in code points, the end exclusive.

        Raises DocumentError, naming the field, for what is no place in the text.

        Plain offsets come back as they are, unchecked: a Document checks them.
        """
        reading = self._reading
        if reading.is_default:
            return start, end
        return self._at(start, "start", 0), self._at(
            end, "end", 1 if reading.end_offset == "inclusive" else 0
        )

    def _at(self, offset: int, field: str, more: int) -> int:
        position = offset - int(self._reading.first_offset) + more
        unit = UNITS[self._reading.offset_unit]
        if position < 0:
            raise DocumentError(
                f"{offset} is before the text: offsets count from {self._reading.first_offset}",
                field=field,
            )
        if position > self._all:
            raise DocumentError(past_end_problem(offset, self._all, unit), field=field)
        if self._before is None:
            return position
        # A character that was one with those before it has no width: an annotation does not begin
        # or end between them, but behind them all.
        at = int(self._before.searchsorted(position, side="right")) - 1
        if self._before[at] != position:
            raise DocumentError(
                f"{offset} falls inside {quoted_repr(self._text[at])}, which was counted as"
                f" {self._before[at + 1] - self._before[at]} {unit}",
                field=field,
            )
        return at


def widths_of(text: str, reading: OffsetConvention) -> Widths | None:
    """How many units each character was counted as; None where each was one."""
    if text.isascii() and (reading.newlines == "as-is" or "\n" not in text):
        return None
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    widths = np.ones(len(codes), np.int64)
    above = {"code-points": (), "utf-16": (0xFFFF,), "utf-8": (0x7F, 0x7FF, 0xFFFF)}[
        reading.offset_unit
    ]
    for last in above:
        widths += codes > last
    feeds = codes == ord("\n")
    paired = feeds & np.concatenate(([False], codes[:-1] == ord("\r")))
    if reading.newlines == "crlf":
        widths[feeds & ~paired] += 1
    elif reading.newlines == "lf":
        widths[paired] = 0
    if reading.unicode_form != "as-is":
        for start, end, piece in _changed_stretches(text, reading.unicode_form):
            widths[start:end] = 0
            widths[start] = _LENGTH[reading.offset_unit](piece)
    return widths


def _changed_stretches(text: str, form: str) -> Iterator[tuple[int, int, str]]:
    """The stretches that are others in a normal form, each with what it becomes."""
    begins = {character: _starts_character(character) for character in set(text)}
    alone = {character: unicodedata.normalize(_form(form), character) for character in begins}
    if all(begins[character] and alone[character] == character for character in begins):
        return
    starts = (
        at
        for at, character in enumerate(text)
        if begins[character] or not at or text[at - 1] == "\n"
    )  # nothing composes with a line end
    for start, end in pairwise([*starts, len(text)]):
        if end - start > MOST_MARKS:
            continue
        piece = (
            alone[text[start]]
            if end == start + 1
            else unicodedata.normalize(_form(form), text[start:end])
        )
        if piece != text[start:end]:
            yield start, end, piece


def _normalize_text(text: str, form: str) -> str:
    at, pieces = 0, []
    for start, end, piece in _changed_stretches(text, form):
        pieces += [text[at:start], piece]
        at = end
    return "".join([*pieces, text[at:]])


def _starts_character(character: str) -> bool:
    """Whether no normal form ever makes a character one with what stands before it, or moves it
    there.
    """
    return character.isascii() or (
        not unicodedata.combining(unicodedata.normalize("NFD", character)[0])
        and character not in _composing_characters()
    )


@cache
def _composing_characters() -> frozenset[str]:
    """The characters that do not combine, and yet compose with the one before them: vowel signs of
    Indic scripts, and Hangul jamo.
    """
    pairs = (unicodedata.decomposition(chr(code)).split() for code in range(0xC0, 0x20000))
    jamo = map(chr, (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)))
    return frozenset(
        chr(int(pair[1], 16)) for pair in pairs if len(pair) == 2 and not pair[0].startswith("<")
    ).union(jamo)


def _form(form: str) -> Literal["NFC", "NFD"]:
    return "NFC" if form == "NFC" else "NFD"


@dataclass(frozen=True)
class OffsetDiagnosis:
    """A reading under which all offsets are right, and how many are wrong without it."""

    reading: OffsetConvention
    mismatches: int

    @property
    def query(self) -> str:
        """What reads a file so, behind its path: "?offset_unit=utf-16&end_offset=inclusive"."""
        return "?" + "&".join(f"{name}={value}" for name, value in self.reading.options().items())

    def __str__(self) -> str:
        vanish = (
            "the mismatch vanishes"
            if self.mismatches == 1
            else f"all {self.mismatches:,} mismatches vanish"
        )
        return f"{vanish} if {self.reading.describe()}; {self.query!r} behind the path reads it so"


def diagnose_offsets(cases: Iterable[SurfaceCheck]) -> list[OffsetDiagnosis]:
    """The readings under which every surface is what stands at its place, the simplest first, at
    most three; none if nothing is wrong.

    cases: text, start, end, and the surface form in the file; those of one text one
    after the other.
    """
    alive, right, wrong = list(_readings()), list[list[SurfaceCheck]](), 0
    for _, together in groupby(cases, key=lambda case: case[0]):
        annotations = list(together)
        here = sum(not ok for ok in _check_surfaces(PLAIN, annotations))
        if not here:
            right.append(annotations)  # tried last, on the few readings that are left
            continue
        wrong += here
        alive = [reading for reading in alive if all(_check_surfaces(reading, annotations))]
        if not alive:
            return []
    if not wrong:
        return []
    left = [
        reading
        for reading in alive
        if all(all(_check_surfaces(reading, annotations)) for annotations in right)
    ]
    simplest = [
        one for one in left if not any(_is_part(other.options(), one.options()) for other in left)
    ]
    return [OffsetDiagnosis(reading, wrong) for reading in simplest[:MOST_CAUSES]]


def _readings() -> Iterator[OffsetConvention]:
    """Every reading that differs from a Document's in one way, then in two; those that are often
    met first.
    """
    every = [OffsetConvention(*values) for values in product(*CHOICES.values())]
    kept = [
        reading
        for reading in every
        if 0 < len(reading.options()) <= MAX_OPTIONS
        and (reading.first_offset != 3 or reading.offset_unit == "utf-8")
    ]
    names = list(CHOICES)
    yield from sorted(
        kept,
        key=lambda reading: (
            len(reading.options()),
            [names.index(name) for name in reading.options()],
        ),
    )


def _check_surfaces(reading: OffsetConvention, annotations: list[SurfaceCheck]) -> Iterator[bool]:
    """Yields for each annotation of a text whether its surface form is at its offsets."""
    text = annotations[0][0]
    offsets = reading.converter_for(text)
    for _, start, end, surface in annotations:
        try:
            first, last = offsets.span(start, end)
        except DocumentError:
            yield False
            continue
        yield 0 <= first < last <= len(text) and reading.same(surface, text[first:last])


def _is_part(less: Mapping[str, str], more: Mapping[str, str]) -> bool:
    return len(less) < len(more) and less.items() <= more.items()
