"""Which tokens has one of spaCy's documents?

Text and marks in, words and spaces out: together they are the text, to the character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import Any

from evalkit.errors import InputError, shown, spell_option
from evalkit.text import Range

_LONG = re.compile(
    r"\S{1000}(?=\S)"
)  # spaCy's tokenizer takes the square of the length of a run of brackets, and more


def edges(text: str, lang: str | None, said: object) -> set[int]:
    """Where spaCy's own tokens begin and end, of the language `lang`, else of that which is said
    where spaCy knows it, else of all languages.
    """
    make = tokenizer(lang) if lang is not None else _known(said) or tokenizer("xx")
    cuts = [0, *(found.end() for found in _LONG.finditer(text)), len(text)]
    return {
        at + edge
        for at, end in pairwise(cuts)
        for token in make(text[at:end])
        for edge in (token.idx, token.idx + len(token))
    }


def laid(text: str, edges: set[int], marks: Iterable[Range]) -> tuple[list[str], list[bool]]:
    """The words, cut at the edges of marks, too, and whether a space follows each.

    A space at which a mark begins or ends is a word.
    """
    within = list(marks)
    starts, ends = {start for start, _ in within}, {end for _, end in within}
    words: list[str] = []
    spaces: list[bool] = []
    for start, end in pairwise(sorted(edges | starts | ends | ({0, len(text)} if text else set()))):
        if (
            text[start:end] == " "
            and words
            and not spaces[-1]
            and start not in starts
            and end not in ends
        ):
            spaces[-1] = True
        else:
            words.append(text[start:end])
            spaces.append(False)
    return words, spaces


@cache
def tokenizer(lang: str) -> Any:
    """The tokenizer of a language.

    Raises InputError where spaCy has none, or it needs a package that is not installed.
    """
    import spacy

    try:
        if not re.fullmatch("[a-z]{2,3}", lang):
            raise ImportError("a code such as en would do")
        made = spacy.blank(lang).tokenizer
        made("a")
    except (
        Exception
    ) as error:  # tokenizers of some languages are packages of others, and may raise anything
        raise InputError(
            f"lang: {shown(lang)}: spaCy has no tokenizer for it here"
            f" ({' '.join(str(error).split())}); {spell_option('lang', 'xx', of='format')} would do"
        ) from None
    return made


def _known(lang: object) -> Any:
    try:
        return tokenizer(lang) if isinstance(lang, str) else None
    except InputError:
        return None
