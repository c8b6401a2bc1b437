"""Where do passages stand?

Parts of a text with their offsets in, the text out. What lies between two of them is filled with
spaces.
"""

from __future__ import annotations

from typing import Any

import msgspec

from evalkit.errors import InputError
from evalkit.formats import units
from evalkit.text import Range

MOST_FILLED = 1_000  # characters between passages
Offsets = list[tuple[int, int]]


class Passage(msgspec.Struct):
    """A part of the text."""

    type: str
    text: list[str]
    offsets: Offsets
    id: Any = None


def laid_out(passages: list[Passage], counted: units.Reading) -> tuple[str, list[Range]]:
    """The text, and the place of each passage in it.

    Raises InputError where passages overlap, or a text is not as long as its offsets say.
    """
    pieces: list[str] = []
    places: list[Range] = []
    at, past = int(counted.first), 0  # in the file's units, and in characters
    for n, passage in enumerate(passages):
        if len(passage.text) != len(passage.offsets):
            raise InputError(
                f"passages[{n}]: {len(passage.text)} texts at {len(passage.offsets)} offsets; each"
                " has one"
            )
        begins = [past]
        for text, (start, last) in zip(passage.text, passage.offsets):
            end = last + (counted.ends == "inclusive")
            _check(n, text, start, end, at, counted)
            begins.append(past + start - at)
            pieces += [" " * (start - at), text]
            past, at = begins[-1] + len(text), end
        places.append((begins[:2][-1], past))
    return "".join(pieces), places


def _check(n: int, text: str, start: int, end: int, at: int, counted: units.Reading) -> None:
    if not at <= start <= at + MOST_FILLED:
        raise InputError(
            f"passages[{n}]: begins at {start}, and the one before it ends at {at}; passages stand"
            f" in order, at most {MOST_FILLED:,} characters apart"
        )
    widths = units.widths_of(text, counted)
    size = len(text) if widths is None else int(widths.sum())
    if end - start != size:
        raise InputError(
            f"passages[{n}]: a text of {size} {units.UNITS[counted.offsets]} at {start} to {end}:"
            " it is as long as its offsets say"
        )


def roughly(passages: list[Passage]) -> str:
    """The texts of passages as far apart as their offsets say, in the unit of the offsets."""
    pieces: list[str] = []
    at = 0
    for passage in passages:
        for text, (start, end) in zip(passage.text, passage.offsets):
            pieces.append(" " * min(max(start - at if pieces else 0, 0), MOST_FILLED) + text)
            at = end
    return "".join(pieces)
