"""Normalization of strings, so that those that differ only in case, white space, punctuation or
articles are equal.

    verbatim   the string as it is
    casefold   case folded (str.casefold), white space collapsed
    squad      lower case, without the characters of string.punctuation, without the words a, an and
               the, white space collapsed: normalize_answer of SQuAD 1.1's evaluate.py (Rajpurkar et
               al. 2016), which UniversalNER uses too (Zhou et al. 2024)
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable

from evalkit.errors import UnknownNameError, spell_option

_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def _collapse_white_space(text: str) -> str:
    return " ".join(text.split())


def _normalize_case(text: str) -> str:
    return _collapse_white_space(text.casefold())


def _normalize_answer(text: str) -> str:
    without_punctuation = text.lower().translate(_WITHOUT_PUNCTUATION)
    return _collapse_white_space(_ARTICLE.sub(" ", without_punctuation))


NORMALIZATIONS: dict[str, Callable[[str], str]] = {
    "verbatim": str,
    "casefold": _normalize_case,
    "squad": _normalize_answer,
}
_ALIASES = {"folded": "casefold"}


def parse_normalization(name: str) -> str:
    """The name of a normalization, given by its name or alias. Raises UnknownNameError."""
    known = _ALIASES.get(name, name) if isinstance(name, str) else ""
    if known not in NORMALIZATIONS:
        raise UnknownNameError("value", name, NORMALIZATIONS, within=spell_option("normalization"))
    return known
