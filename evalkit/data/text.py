"""Tokens and sentences of a text, as half-open offsets in code points.

Both rules are defined here, so that scores and intervals do not depend on a tokenizer's version.

A **token** is a run of non-space characters without edge punctuation (Unicode category P). Hyphens
and inner apostrophes do not split it; a possessive 's does, and is a token of its own.

A **sentence** lies inside one line. It ends at . ! ? or … (and the quotes or brackets that close
behind it) where white space follows and then anything but a lower-case letter, unless the full stop
belongs to an abbreviation (a listed one, or single letters as in U.S.) that is not the end of the
line. White space around a sentence is outside it.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence

Range = tuple[int, int]

ABBREVIATIONS = frozenset(
    "adm asst brig capt cmdr co col corp cpl dept dr e.g etc fig gen gov hon i.e inc jan feb mar"
    " apr jun jul aug sep sept oct nov dec jr lt ltd maj messrs mr mrs ms mt no nos pp prof rep rev"
    " sen sgt sr st supt v vs".split()
)

_RUN = re.compile(r"\S+")
_LINE = re.compile(r"[^\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
_STOP = re.compile("[.!?…]+[\"'”’»)\\]]*(?=\\s)")
_POSSESSIVE = ("'s", "’s", "'S", "’S")


def tokens(text: str, start: int = 0, end: int | None = None) -> list[Range]:
    """The tokens of `text[start:end]`, as offsets into `text`.

    >>> text = "“Kenya’s well-known (1998) plan.”"
    >>> [text[a:b] for a, b in tokens(text)]
    ['Kenya', '’s', 'well-known', '1998', 'plan']
    """
    result: list[Range] = []
    for run in _RUN.finditer(text, start, len(text) if end is None else end):
        first, last = _strip_punctuation(text, *run.span())
        if last - first > 2 and text.endswith(_POSSESSIVE, first, last):
            result += [(first, last - 2), (last - 2, last)]
        elif first < last:
            result.append((first, last))
    return result


def _strip_punctuation(text: str, start: int, end: int) -> Range:
    while start < end and unicodedata.category(text[start])[0] == "P":
        start += 1
    while start < end and unicodedata.category(text[end - 1])[0] == "P":
        end -= 1
    return start, end


def sentences(text: str) -> list[Range]:
    """The sentences of `text`, in order.

    >>> text = "HEADLINE\\nDr. Roe met U.S. envoys. “Why?” she asked. 3 left.\\n"
    >>> [text[a:b] for a, b in sentences(text)]
    ['HEADLINE', 'Dr. Roe met U.S. envoys.', '“Why?” she asked.', '3 left.']
    """
    ranges: list[Range] = []
    for line in _LINE.finditer(text):
        start = line.start()
        for stop in _STOP.finditer(text, start, line.end()):
            if _ends_a_sentence(text, stop, line.end()):
                ranges.append((start, stop.end()))
                start = stop.end()
        ranges.append((start, line.end()))
    result: list[Range] = []
    for start, end in ranges:
        first, last = _strip_span(text, start, end)
        if first < last:
            result.append((first, last))
    return result


def _ends_a_sentence(text: str, stop: re.Match[str], line_end: int) -> bool:
    after = stop.end()
    while after < line_end and text[after].isspace():
        after += 1
    if after < line_end and text[after].islower():
        return False
    return stop.group() != "." or not _is_abbreviation(text, stop.start())


def _is_abbreviation(text: str, full_stop: int) -> bool:
    start = full_stop
    while start and full_stop - start < 12 and not text[start - 1].isspace():
        start -= 1
    word = text[start:full_stop].lstrip("\"'“‘([")
    return word.lower() in ABBREVIATIONS or all(
        len(letter) == 1 and letter.isalpha() for letter in word.split(".")
    )


def _strip_span(text: str, start: int, end: int) -> Range:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def sentence_index_at(starts: Sequence[int], position: int) -> int:
    """The index of the sentence at a position: the last that starts at or before it, else 0.

    `starts`: the start offsets of the sentences, ascending. White space and line ends belong to the
    sentence before them.
    """
    return max(bisect_right(starts, position) - 1, 0)
