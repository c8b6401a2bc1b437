"""Taggings: the tags that mark spans of tokens, and which tags may stand beside each other.

    IOB2    B- begins a span, I- continues it
    IOB1    I- continues or begins a span; B- begins one only right after another of its label
    IOE2    I- begins or continues a span, E- ends it; a span of one token is E-
    IOE1    I- as in IO; E- ends a span only right before another of its label
    IO      I- alone: neighbors of one label are one span
    BIOES   B- begins, I- continues, E- ends, S- is a span of one token
    BILOU   the same with L- for the last token and U- for a span of one
    BMES    the same as BIOES with M- in place of I- (BMESO)
    bare    the tag is the label: neighbors of one label are one span
    suffix  IOB2 with the prefix behind the label, as in PER-B

O is outside under all of them. The first dash of a tag separates the prefix from the label; under
`suffix` the last one separates the label from the suffix. A prefix alone, such as B and I in data
with a single label (the BioBERT files of NCBI-disease and BC5CDR), has the label `entity`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from evalkit.errors import UnknownNameError, quoted_repr

# What a tag does: kinds in the arrays of `tags.NonOutsideTags`
OUTSIDE, BEGIN, INSIDE, END, SINGLE = range(5)
BARE, SUFFIX = "bare", "suffix"
UNNAMED_LABEL = "entity"  # of tags that are a prefix alone
LETTERS = {
    "IOB2": {"B": BEGIN, "I": INSIDE},
    "IOB1": {"B": BEGIN, "I": INSIDE},
    "IOE2": {"I": INSIDE, "E": END},
    "IOE1": {"I": INSIDE, "E": END},
    "IO": {"I": INSIDE},
    "BIOES": {"B": BEGIN, "I": INSIDE, "E": END, "S": SINGLE},
    "BILOU": {"B": BEGIN, "I": INSIDE, "L": END, "U": SINGLE},
    "BMES": {"B": BEGIN, "M": INSIDE, "E": END, "S": SINGLE},
    BARE: {"": INSIDE},
    SUFFIX: {"B": BEGIN, "I": INSIDE},
}
TAG_FORMATS = tuple(LETTERS)
# What other tools call a tagging: proposed, but not accepted, so that each has one name
SYNONYMS = {
    "BIO": "IOB2",
    "BIO2": "IOB2",
    "IOBES": "BIOES",
    "BILUO": "BILOU",
    "BMESO": "BMES",
}
# Under these taggings each span is closed by a tag of its own.
CLOSED = ("BIOES", "BILOU", "BMES")
# Under these taggings neighbors of one label cannot be separated, and no tag is invalid.
JOINED = ("IO", BARE)
# The letters of the first, an inner, the last and the only token of a span. In IOB1 a span directly
# after another of its label begins with B; in IOE1 a span directly before one ends with E.
WRITTEN_LETTERS = {
    "IOB2": ("B", "I", "I", "B"),
    "IOB1": ("I", "I", "I", "I"),
    "IOE2": ("I", "I", "E", "E"),
    "IOE1": ("I", "I", "I", "I"),
    "IO": ("I", "I", "I", "I"),
    "BIOES": ("B", "I", "E", "S"),
    "BILOU": ("B", "I", "L", "U"),
    "BMES": ("B", "M", "E", "S"),
    BARE: ("", "", "", ""),
    SUFFIX: ("B", "I", "I", "B"),
}


_PREFIXES = frozenset("BIELMSU")
_OTHER_SEPARATOR = re.compile("(?P<prefix>[BIELMSUbielmsu])[_.:/|](?P<label>.+)")


class ParsedTag(NamedTuple):
    """A tag other than O. letter: "" under the tagging `bare`."""

    letter: str
    label: str


def check_tagging(tagging: object) -> None:
    """Raise UnknownNameError for an unknown tagging."""
    if tagging not in TAG_FORMATS:  # a tuple, so that an unhashable value is refused too
        raise UnknownNameError("tagging", tagging, TAG_FORMATS, synonyms=SYNONYMS)


def parse_tag(tag: str, tagging: str) -> ParsedTag | None:
    """The parts of a tag other than O; None for a string that is not a tag of the tagging.

    >>> parse_tag("B-PER", "IOB2"), parse_tag("PER-B", "suffix"), parse_tag("PER", "IOB2")
    (ParsedTag(letter='B', label='PER'), ParsedTag(letter='B', label='PER'), None)
    >>> parse_tag("B", "IOB2")
    ParsedTag(letter='B', label='entity')
    """
    if tagging == BARE:
        letter, label = "", "" if tag == "O" else tag
    elif tagging == SUFFIX:
        label, _, letter = tag.rpartition("-")
    elif is_prefix(tag, tagging):
        letter, label = tag, UNNAMED_LABEL
    else:
        letter, _, label = tag.partition("-")
    return ParsedTag(letter, label) if letter in LETTERS[tagging] and label else None


def is_prefix(tag: str, tagging: str) -> bool:
    """Whether a tag is a prefix of the tagging alone, without a label.

    >>> is_prefix("B", "IOB2"), is_prefix("B-PER", "IOB2"), is_prefix("B", "bare")
    (True, False, False)
    """
    return tagging not in (BARE, SUFFIX) and tag in LETTERS[tagging]


def describe_prefix(tag: str) -> str:
    """The note in a report about a tag that is a prefix alone.

    >>> describe_prefix("B")
    'tags B without label, which are read as B-entity'
    """
    return f"tags {tag} without label, which are read as {tag}-{UNNAMED_LABEL}"


def spell_tag(letter: str, label: str, tagging: str) -> str:
    """The tag with this letter and label.

    >>> spell_tag("B", "PER", "IOB2"), spell_tag("B", "PER", "suffix"), spell_tag("", "PER", "bare")
    ('B-PER', 'PER-B', 'PER')
    """
    if tagging == BARE:
        return label
    return f"{label}-{letter}" if tagging == SUFFIX else f"{letter}-{label}"


def correct_spelling(tag: str) -> str:
    """A string that is not a tag as it is with a prefix in upper case, a dash behind it, and the
    letter O in place of zero.

    >>> correct_spelling("b-PER"), correct_spelling("B_PER"), correct_spelling("0")
    ('B-PER', 'B-PER', 'O')
    """
    if tag == "0":
        return "O"
    other_separator = _OTHER_SEPARATOR.fullmatch(tag)
    if other_separator is not None:
        return f"{other_separator['prefix'].upper()}-{other_separator['label']}"
    prefix, dash, label = tag.partition("-")
    return prefix.upper() + dash + label


def has_prefix(tag: str) -> bool:
    """Whether a tag may have a prefix or suffix: it has a dash, which labels rarely have, or is a
    prefix alone, or one with another separator.

    >>> has_prefix("B-PER"), has_prefix("B"), has_prefix("B_PER"), has_prefix("PER")
    (True, True, True, False)
    """
    return "-" in tag or tag in _PREFIXES or _OTHER_SEPARATOR.fullmatch(tag) is not None


def unknown_tag_problem(tag: str, tagging: str) -> str:
    """The message about a string that is not a tag of a tagging.

    >>> unknown_tag_problem("X-PER", "IOB2")
    "invalid IOB2 tag 'X-PER': expected O, B-LABEL or I-LABEL"
    """
    tags = [spell_tag(letter, "LABEL", tagging) for letter in LETTERS[tagging]]
    *others, last = ["O", *tags]
    return f"invalid {tagging} tag {quoted_repr(tag)}: expected {', '.join(others)} or {last}"


def explain_invalid(tagging: str, before: str | None, tag: str, after: str | None) -> str:
    """Why a tag is invalid between its neighbors, and which neighbors are expected; `before` and
    `after` are None at the ends of a sentence.

    >>> explain_invalid("BIOES", None, "B-LOC", "E-ORG")
    "'B-LOC' is followed by 'E-ORG', which is invalid BIOES: I-LOC or E-LOC is expected after it"
    >>> explain_invalid("IOB2", "O", "I-PER", None)
    "'I-PER' is preceded by 'O', which is invalid IOB2: B-PER or I-PER is expected before it"
    >>> explain_invalid("IOB2", "O", "I", None)
    "'I' is preceded by 'O', which is invalid IOB2: B or I is expected before it"
    """
    parsed = parse_tag(tag, tagging)
    if parsed is None:
        return unknown_tag_problem(tag, tagging)
    letter, label = parsed
    letters = LETTERS[tagging]
    kind = letters[letter]
    has_label = not is_prefix(tag, tagging)
    preceding = f"{quoted_repr(tag)} begins the sentence"
    if before is not None:
        preceding = f"{quoted_repr(tag)} is preceded by {quoted_repr(before)}"
    following = f"{quoted_repr(tag)} ends the sentence"
    if after is not None:
        following = f"{quoted_repr(tag)} is followed by {quoted_repr(after)}"
    inside = spell_tag("I", label, tagging) if has_label else "I"
    if tagging == "IOB1":
        return (
            f"{preceding}, which is invalid IOB1: {inside} is expected, since B- begins a span"
            " only right after another of its label"
        )
    if tagging == "IOE1":
        return (
            f"{following}, which is invalid IOE1: {inside} is expected, since E- ends a span only"
            " right before another of its label"
        )
    opening = [name for name, of in letters.items() if of in (BEGIN, INSIDE)]
    closing = [name for name, of in letters.items() if of in (INSIDE, END)]
    opened = None if before is None else parse_tag(before, tagging)
    is_open = opened is not None and opened.letter in opening and opened.label == label
    needs_open = kind in (INSIDE, END) and tagging != "IOE2"
    expected, context, side = closing, following, "after"
    if needs_open and not is_open:
        expected, context, side = opening, preceding, "before"
    if has_label:
        expected = [spell_tag(name, label, tagging) for name in expected]
    expected_tags = " or ".join(expected)
    return f"{context}, which is invalid {tagging}: {expected_tags} is expected {side} it"
