"""Spells the entities of a document as tags of tokens; evalkit.data.taggings describes them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from evalkit.data.taggings import BARE, JOINED, WRITTEN_LETTERS, spell_tag
from evalkit.data.text import Range
from evalkit.errors import InputError, spell_option
from evalkit.formats.token_spans import LabelledSpan


class SpelledTags(NamedTuple):
    """The tag of each token of a document, and the number of entities that a reader of these tags
    joins with the one before them.
    """

    tags: list[str]
    joined: int


def spell_tags(
    sentences: Sequence[Sequence[Range]], entities: Sequence[LabelledSpan], tagging: str
) -> SpelledTags:
    """The tags of the tokens of some sentences. Entities must begin and end at token boundaries,
    and must not overlap.

    Raises InputError for a label that is no tag of its own under the tagging `bare`.
    """
    tokens = list(chain.from_iterable(sentences))
    index_of_start = {start: index for index, (start, _) in enumerate(tokens)}
    index_of_end = {end: index for index, (_, end) in enumerate(tokens)}
    sentence_starts = {sentence[0][0] for sentence in sentences}
    first_letter, inner_letter, last_letter, only_letter = WRITTEN_LETTERS[tagging]
    tags = ["O"] * len(tokens)
    joined = 0
    last_of_previous, label_of_previous = -1, ""
    for start, end, label in sorted(entities):
        if tagging == BARE and label == "O":
            option = spell_option("tagging", BARE, of="format")
            raise InputError(
                f"the label 'O' cannot be written with {option}: O is the tag of tokens outside;"
                " choose another tagging"
            )
        first, last = index_of_start[start], index_of_end[end]
        letters = [only_letter]
        if last > first:
            letters = [first_letter, *[inner_letter] * (last - first - 1), last_letter]
        follows_same = (
            last_of_previous == first - 1
            and label_of_previous == label
            and start not in sentence_starts
        )
        if follows_same and tagging == "IOB1":
            letters[0] = "B"
        elif follows_same and tagging == "IOE1":
            tags[first - 1] = spell_tag("E", label, tagging)
        elif follows_same and tagging in JOINED:
            joined += 1
        tags[first : last + 1] = [spell_tag(letter, label, tagging) for letter in letters]
        last_of_previous, label_of_previous = last, label
    return SpelledTags(tags, joined)
