"""Which words does a text have where a model reads tokens, and which entities do the tags of words
say?

A **word** is a run of letters and digits, and any other character by itself, whatever the
tokenizer. Where writing has no spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) each token is
a word.

A **tag** is O, or B- (begins), I- or M- (goes on), E- or L- (ends), S- or U- (is alone) before a
label. What goes on or ends without a beginning begins an entity. A label without such a letter goes
on: neighbours of one label are one entity.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

AGGREGATION_STRATEGIES = ("first", "average", "max")
Floats = npt.NDArray[np.float64]

_KINDS = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S"}
_UNSPACED = (  # the first and the last character of the blocks of these scripts
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x3400, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


class Tag(NamedTuple):
    """What a model says of a word: B, I, E or S with a label, or O."""

    kind: str
    label: str


class Word(NamedTuple):
    """A word's place in the text, and its tokens: the first, and one past the last."""

    start: int
    end: int
    first: int
    last: int


def group_tokens(text: str, offsets: Sequence[tuple[int, int]]) -> Iterator[Word]:
    """The words of the text; white space at the edges of a token belongs to none.

    >>> text, offsets = "Ali Smith-Jones", [(0, 3), (3, 6), (6, 9), (9, 10), (10, 15)]
    >>> [text[word.start : word.end] for word in group_tokens(text, offsets)]
    ['Ali', 'Smith', '-', 'Jones']
    """
    word = None
    for n, (first, last) in enumerate(offsets):
        piece = text[first:last]
        start, end = last - len(piece.lstrip()), first + len(piece.rstrip())
        if start >= end:
            continue
        if word is not None and _goes_on(text, word.end, start):
            word = word._replace(end=max(end, word.end), last=n + 1)
            continue
        if word is not None:
            yield word
        word = Word(
            start,
            end,
            n - 1 if start == first and n and _leads(text, offsets[n - 1], start) else n,
            n + 1,
        )
    if word is not None:
        yield word


def _leads(text: str, token: tuple[int, int], start: int) -> bool:
    """Whether a token is the bare space before a word that starts here: the word's first token,
    where a tokenizer knows no piece for both.
    """
    return token[1] == start and text[slice(*token)] in ("", " ")


def _goes_on(text: str, end: int, start: int) -> bool:
    """Whether a token that starts here goes on with a word that reaches there: inside a character,
    or between letters and digits.
    """
    return start < end or (start == end and _joins(text[start - 1]) and _joins(text[start]))


def _joins(character: str) -> bool:
    spaced = not any(first <= ord(character) <= last for first, last in _UNSPACED)
    return spaced and (character.isalnum() or unicodedata.category(character)[0] == "M")


def aggregate(rows: Floats, aggregation: str) -> Floats:
    """The probabilities of a word's tags, from those of its tokens: of the first, their mean, or of
    the surest.
    """
    if aggregation == "average":
        return np.asarray(rows.mean(axis=0), np.float64)
    return np.asarray(rows[0 if aggregation == "first" else rows.max(axis=1).argmax()], np.float64)


def tag(name: str, names: Collection[str]) -> Tag:
    """What a tag means among all tags of a model: E-MAIL ends a MAIL only where there is a B-MAIL
    or an I-MAIL.

    >>> tag("E-MAIL", ["O", "B-MAIL", "E-MAIL"]), tag("E-MAIL", ["O", "E-MAIL"])
    (Tag(kind='E', label='MAIL'), Tag(kind='I', label='E-MAIL'))
    """
    letter, _, label = name.partition("-")
    if name == "O":
        return Tag("O", "")
    if label and letter in _KINDS and (f"B-{label}" in names or f"I-{label}" in names):
        return Tag(_KINDS[letter], label)
    return Tag("I", name)


def spans(tags: Iterable[Tag]) -> list[tuple[str, int, int]]:
    """The entities that a sequence of tags says: label, first word, one past the last."""
    found: list[tuple[str, int, int]] = []
    going = False
    for n, (kind, label) in enumerate(tags):
        if going and kind in "IE" and found[-1][0] == label:
            found[-1] = (label, found[-1][1], n + 1)
        elif kind != "O":
            found.append((label, n, n + 1))
        going = kind in "BI"
    return found
