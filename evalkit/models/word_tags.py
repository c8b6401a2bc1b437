"""Words of a text and their tags, for models that read tokens.

A **word** is a run of letters and digits, and any other character by itself, whatever the
tokenizer. Where writing has no spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) each token is
a word.

A **tag** is O, or B- (begin), I- or M- (inside), E- or L- (end), S- or U- (single) before a label.
An inside or end tag without a beginning begins an entity. A label without a prefix counts as
inside: neighbors of one label are one entity.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

AGGREGATION_STRATEGIES = ("first", "average", "max")
Floats = npt.NDArray[np.float64]

_KINDS = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S"}
# The first and the last character of blocks of scripts without spaces
_UNSPACED_BLOCKS = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x3400, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


class Tag(NamedTuple):
    """A tag: B, I, E or S with a label, or O."""

    kind: str
    label: str


class TaggedWord(NamedTuple):
    """The offsets of a word, and its tokens: the first, and one past the last."""

    start: int
    end: int
    first: int
    last: int


def group_tokens(text: str, offsets: Sequence[tuple[int, int]]) -> Iterator[TaggedWord]:
    """The words of the text; white space at the edges of a token belongs to none.

    >>> text, offsets = "Ali Smith-Jones", [(0, 3), (3, 6), (6, 9), (9, 10), (10, 15)]
    >>> [text[word.start : word.end] for word in group_tokens(text, offsets)]
    ['Ali', 'Smith', '-', 'Jones']
    """
    word = None
    end = 0  # of the word
    for token, (token_start, token_end) in enumerate(offsets):
        surface = text[token_start:token_end]
        start = token_end - len(surface.lstrip())
        surface_end = token_start + len(surface.rstrip())
        if start >= surface_end:
            continue
        if word is not None and _is_continued(text, end, start):
            end = max(surface_end, end)
            word = TaggedWord(word.start, end, word.first, token + 1)
            continue
        if word is not None:
            yield word
        is_preceded = token > 0 and start == token_start
        has_space = is_preceded and _is_leading_space(text, offsets[token - 1], start)
        word = TaggedWord(start, surface_end, token - 1 if has_space else token, token + 1)
        end = surface_end
    if word is not None:
        yield word


def _is_leading_space(text: str, token: tuple[int, int], start: int) -> bool:
    """Whether a token is the bare space before a word that starts here. It is then the word's first
    token, in tokenizers that have no piece for both.
    """
    return token[1] == start and text[slice(*token)] in ("", " ")


def _is_continued(text: str, end: int, start: int) -> bool:
    """Whether a word that ends at `end` includes a token that starts at `start`: inside a
    character, or between letters and digits.
    """
    if start < end:
        return True
    return start == end and _is_word_character(text[start - 1]) and _is_word_character(text[start])


@functools.lru_cache(maxsize=4096)
def _is_word_character(character: str) -> bool:
    is_unspaced = any(first <= ord(character) <= last for first, last in _UNSPACED_BLOCKS)
    is_letter = character.isalnum() or unicodedata.category(character)[0] == "M"
    return is_letter and not is_unspaced


def aggregate(rows: Floats, words: Sequence[TaggedWord], strategy: str) -> Floats:
    """The probabilities of each word's tags from those of its tokens, words × tags: of its first
    token, their mean, or of the token with the most probable tag.
    """
    by_word = rows[[word.first for word in words]]
    if strategy == "first":
        return by_word
    for index, word in enumerate(words):
        tokens = rows[word.first : word.last]
        if len(tokens) == 1:
            continue
        if strategy == "average":
            by_word[index] = tokens.mean(axis=0)
        else:
            by_word[index] = tokens[tokens.max(axis=1).argmax()]
    return by_word


def parse_tag(name: str, names: Collection[str]) -> Tag:
    """The tag of a name; `names` are those of all tags of the model. E-MAIL ends a MAIL only if
    there is a B-MAIL or an I-MAIL.

    >>> parse_tag("E-MAIL", ["O", "B-MAIL", "E-MAIL"]), parse_tag("E-MAIL", ["O", "E-MAIL"])
    (Tag(kind='E', label='MAIL'), Tag(kind='I', label='E-MAIL'))
    """
    letter, _, label = name.partition("-")
    if name == "O":
        return Tag("O", "")
    if label and letter in _KINDS and (f"B-{label}" in names or f"I-{label}" in names):
        return Tag(_KINDS[letter], label)
    return Tag("I", name)


def find_entities(tags: Iterable[Tag]) -> list[tuple[str, int, int]]:
    """The entities in a sequence of tags: label, first word, one past the last."""
    entities: list[tuple[str, int, int]] = []
    is_open = False
    for position, (kind, label) in enumerate(tags):
        if is_open and kind in "IE" and entities[-1][0] == label:
            entities[-1] = (label, entities[-1][1], position + 1)
        elif kind != "O":
            entities.append((label, position, position + 1))
        is_open = kind in "BI"
    return entities
