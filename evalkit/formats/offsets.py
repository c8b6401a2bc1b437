"""Converts offsets in other units to code points, and finds the unit that explains mismatches.

- `offset_unit`: code-points (as in Document), utf-16 (code units, as in JavaScript and Java) or
  utf-8 (bytes).
- `end_offset`: exclusive or inclusive.
- `newlines`: as-is; crlf if offsets were counted when every line feed of the text was \\r\\n; lf if
  they were counted when every \\r\\n of the text was one character.
- `first_offset`: the offset of the first character: 0; 1 if offsets count from 1 or a byte order
  mark was counted; 3 if a byte order mark was counted in UTF-8 bytes.
- `unicode_form`: as-is; NFC or NFD if offsets were counted on the text in this normal form.

The text itself is never changed. An offset inside a character, such as between the halves of a
surrogate pair, is an error. The map from offsets to characters is built once for each document, in
time linear in the length of its text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from itertools import chain, groupby, islice, pairwise, product
from typing import TYPE_CHECKING, Any, Literal

from evalkit.errors import DocumentError, UnknownNameError, past_end_problem, quoted_repr

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Widths = npt.NDArray[np.int64]

SurfaceCheck = tuple[str, int, int, str]  # text, start, end, surface form in the file
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
MAX_OPTIONS = 2  # options of a convention that is suggested
MAX_DIAGNOSES = 3
# Parts of the messages about wrong offsets
OFFSET_PROBLEMS = (
    "is not the text",
    "is past the end of the text",
    "is before the text",
    "is not after the start",
    "falls inside",
    "at offsets",
)
FIRST_ANNOTATIONS = 1000  # of a text that are compared before all others
# Combining marks on one character. Longer sequences are not normalized, since the time of ordering
# marks is quadratic in their number.
MAX_MARKS = 1000
_LENGTH: dict[str, Callable[[str], int]] = {
    "code-points": len,
    "utf-16": lambda text: len(text.encode("utf-16-le")) // 2,
    "utf-8": lambda text: len(text.encode()),
}
# A character beyond each of these code points takes one more unit.
_LAST_CODES: dict[str, tuple[int, ...]] = {
    "code-points": (),
    "utf-16": (0xFFFF,),
    "utf-8": (0x7F, 0x7FF, 0xFFFF),
}


@dataclass(frozen=True)
class OffsetConvention:
    """How offsets were counted. The defaults are the convention of Document.

    >>> OffsetConvention(offset_unit="utf-16").converter_for("💩 Ada").span(3, 6)
    (2, 5)
    """

    offset_unit: str = "code-points"
    end_offset: str = "exclusive"
    newlines: str = "as-is"
    first_offset: int | str = 0
    unicode_form: str = "as-is"

    def __post_init__(self) -> None:
        """Raises UnknownNameError for an unknown value of an option."""
        if str(self.first_offset) in ("0", "1", "3"):
            object.__setattr__(self, "first_offset", int(self.first_offset))
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise UnknownNameError("value", getattr(self, name), map(str, known), within=name)

    def options(self) -> dict[str, str]:
        """The options that differ from the convention of Document."""
        options = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                options[field.name] = str(value)
        return options

    @property
    def is_default(self) -> bool:
        """Whether offsets are counted as in Document."""
        return self == DOCUMENT_CONVENTION

    def describe(self) -> str:
        """In words: "offsets are UTF-16 code units and ends are inclusive"."""
        return " and ".join(CHOICES[name][getattr(self, name)] for name in self.options())

    def converter_for(self, text: str) -> Offsets:
        """A converter of offsets in a text to those of a Document."""
        return Offsets(text, self)

    def same(self, surface: str, covered_text: str) -> bool:
        """Whether a surface form equals the text at its offsets, apart from line ends and the
        normal form if this convention sets them.
        """
        return surface == covered_text or self._normalize(surface) == self._normalize(covered_text)

    def _normalize(self, text: str) -> str:
        if self.newlines != "as-is":
            text = text.replace("\r\n", "\n")
        if self.unicode_form != "as-is":
            text = _normalize_text(text, self.unicode_form)
        return text


DOCUMENT_CONVENTION = OffsetConvention()


class Offsets:
    """Converts offsets in one text to those of a Document."""

    def __init__(self, text: str, reading: OffsetConvention) -> None:
        """Builds the map from offsets to characters if one is needed."""
        self._text = text
        self._reading = reading
        self._length = len(text)
        self._starts: Widths | None = None  # the offset of each character, and the length
        self._is_default = reading.is_default
        widths = None if self._is_default else widths_of(text, reading)
        if widths is not None:
            import numpy as np  # imported late: most programs load corpora without it

            self._starts = np.concatenate(([0], np.cumsum(widths)))
            self._length = int(self._starts[-1])

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Start and end in code points, the end exclusive.

        Raises DocumentError, with the field, for an offset outside the text or inside a character.
        Offsets in the convention of Document are returned unchecked, since a Document checks them.
        """
        if self._is_default:
            return start, end
        end_shift = 1 if self._reading.end_offset == "inclusive" else 0
        return self._convert(start, "start", 0), self._convert(end, "end", end_shift)

    def _convert(self, offset: int, field: str, shift: int) -> int:
        position = offset - int(self._reading.first_offset) + shift
        unit = UNITS[self._reading.offset_unit]
        if position < 0:
            raise DocumentError(
                f"{offset} is before the text: offsets count from {self._reading.first_offset}",
                field=field,
            )
        if position > self._length:
            raise DocumentError(past_end_problem(offset, self._length, unit), field=field)
        if self._starts is None:
            return position
        # Characters that were counted as one with those before them have the width 0. side="right"
        # returns the index after all of them, so that no annotation begins or ends between them.
        index = int(self._starts.searchsorted(position, side="right")) - 1
        if self._starts[index] != position:
            width = self._starts[index + 1] - self._starts[index]
            raise DocumentError(
                f"{offset} falls inside {quoted_repr(self._text[index])}, which was counted as"
                f" {width} {unit}",
                field=field,
            )
        return index


def widths_of(text: str, reading: OffsetConvention) -> Widths | None:
    """The number of units that each character was counted as; None if each was one unit."""
    if text.isascii() and (reading.newlines == "as-is" or "\n" not in text):
        return None
    import numpy as np

    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    widths = np.ones(len(codes), np.int64)
    for last_code in _LAST_CODES[reading.offset_unit]:
        widths += codes > last_code
    is_line_feed = codes == ord("\n")
    follows_return = is_line_feed & np.concatenate(([False], codes[:-1] == ord("\r")))
    if reading.newlines == "crlf":
        widths[is_line_feed & ~follows_return] += 1
    elif reading.newlines == "lf":
        widths[follows_return] = 0
    if reading.unicode_form != "as-is":
        for start, end, normalized in _changed_ranges(text, reading.unicode_form):
            widths[start:end] = 0
            widths[start] = _LENGTH[reading.offset_unit](normalized)
    return widths


@lru_cache(maxsize=2)  # the conventions that are tried on a text differ in other options, too
def _changed_ranges(text: str, form: str) -> tuple[tuple[int, int, str], ...]:
    """(start, end, normalized text) of each range that a normal form changes."""
    return tuple(_iter_changed_ranges(text, form))


def _iter_changed_ranges(text: str, form: str) -> Iterator[tuple[int, int, str]]:
    is_start = {character: _starts_character(character) for character in set(text)}
    normalized = {
        character: unicodedata.normalize(_form(form), character) for character in is_start
    }
    if all(is_start[character] and normalized[character] == character for character in is_start):
        return
    starts = []
    for index, character in enumerate(text):
        # No character composes with a line end.
        if is_start[character] or index == 0 or text[index - 1] == "\n":
            starts.append(index)
    for start, end in pairwise([*starts, len(text)]):
        if end - start > MAX_MARKS:
            continue
        if end == start + 1:
            changed = normalized[text[start]]
        else:
            changed = unicodedata.normalize(_form(form), text[start:end])
        if changed != text[start:end]:
            yield start, end, changed


def _normalize_text(text: str, form: str) -> str:
    pieces = []
    position = 0
    for start, end, normalized in _changed_ranges(text, form):
        pieces += [text[position:start], normalized]
        position = end
    return "".join([*pieces, text[position:]])


def _starts_character(character: str) -> bool:
    """Whether no normal form composes a character with the one before it or moves it there."""
    if character.isascii():
        return True
    is_combining = unicodedata.combining(unicodedata.normalize("NFD", character)[0])
    return not is_combining and character not in _composing_characters()


@cache
def _composing_characters() -> frozenset[str]:
    """The characters that are not combining marks but compose with the character before them: vowel
    signs of Indic scripts, and Hangul jamo.
    """
    characters = {chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}
    for code in range(0xC0, 0x20000):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            characters.add(chr(int(parts[1], 16)))
    return frozenset(characters)


def _form(form: str) -> Literal["NFC", "NFD"]:
    return "NFC" if form == "NFC" else "NFD"


@dataclass(frozen=True)
class OffsetDiagnosis:
    """A convention under which all offsets match, and the number of mismatches without it."""

    reading: OffsetConvention
    mismatches: int

    @property
    def query(self) -> str:
        """The options to append to a path: "?offset_unit=utf-16&end_offset=inclusive"."""
        options = [f"{name}={value}" for name, value in self.reading.options().items()]
        return "?" + "&".join(options)

    def __str__(self) -> str:
        vanish = "the mismatch vanishes"
        if self.mismatches != 1:
            vanish = f"all {self.mismatches:,} mismatches vanish"
        return f"{vanish} if {self.reading.describe()}; append {self.query!r} to the path"


def is_about_offsets(message: str) -> bool:
    """Whether the message about an error says that offsets, or the text at them, are wrong.

    >>> is_about_offsets("entities[0].end: 9 is past the end of the text (length 3)")
    True
    >>> is_about_offsets("entities[0].label: expected a non-empty string")
    False
    """
    return any(problem in message for problem in OFFSET_PROBLEMS)


def diagnose_offsets(cases: Iterable[SurfaceCheck]) -> list[OffsetDiagnosis]:
    """The conventions under which every surface form is at its offsets, the simplest first, at most
    three; an empty list if there are no mismatches.

    cases: text, start, end, and the surface form in the file, grouped by text.
    """
    candidates = list(_iter_conventions())
    matching_groups: list[list[SurfaceCheck]] = []
    mismatches = 0
    by_text = (group for _, group in groupby(cases, key=lambda case: case[0]))
    for group in chain.from_iterable(map(_divide_group, by_text)):
        group_mismatches = list(_check_surfaces(DOCUMENT_CONVENTION, group)).count(False)
        if not group_mismatches:
            matching_groups.append(group)  # checked last, with the few remaining candidates
            continue
        mismatches += group_mismatches
        candidates = [each for each in candidates if all(_check_surfaces(each, group))]
        if not candidates:
            return []
    if not mismatches:
        return []
    for group in matching_groups:
        candidates = [each for each in candidates if all(_check_surfaces(each, group))]
    simplest = []
    for candidate in candidates:
        options = candidate.options()
        if not any(_is_part(other.options(), options) for other in candidates):
            simplest.append(candidate)
    return [OffsetDiagnosis(candidate, mismatches) for candidate in simplest[:MAX_DIAGNOSES]]


def _divide_group(group: Iterable[SurfaceCheck]) -> Iterator[list[SurfaceCheck]]:
    """Yields the first annotations of a text, which rule out most conventions, then all others."""
    remaining = iter(group)
    yield list(islice(remaining, FIRST_ANNOTATIONS))
    others = list(remaining)
    if others:
        yield others


def _iter_conventions() -> list[OffsetConvention]:
    """All conventions that differ from that of Document in one option, then in two options; the
    more frequent options first.
    """
    conventions = []
    for values in product(*CHOICES.values()):
        convention = OffsetConvention(*values)
        is_plausible = convention.first_offset != 3 or convention.offset_unit == "utf-8"
        if 0 < len(convention.options()) <= MAX_OPTIONS and is_plausible:
            conventions.append(convention)
    names = list(CHOICES)
    conventions.sort(
        key=lambda each: (len(each.options()), [names.index(name) for name in each.options()])
    )
    return conventions


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


def _is_part(options: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether `other` has all of the options and more."""
    return len(options) < len(other) and options.items() <= other.items()
