"""Converts sequences of tags to spans; evalkit.data.taggings describes the taggings.

A tag is invalid where its neighbors do not allow it: an I- under IOB2 that follows no span of its
label, a B- under BIOES that no E- closes. Invalid tags are an error, or are repaired:

    discard     a span that holds an invalid tag is dropped
    begin       an invalid tag begins or ends a span, as the tags around it require
    conlleval   the same as begin, named after the script of CoNLL-2000; on B- and I- tags the spans
                are those of seqeval's default mode

A predicted span that is discarded is in no denominator. Therefore tags are repaired only on
request, and the number of invalid tags and the repair are in the report and in the signature.

Other tools: seqeval 1.2.2 repairs silently by default (its mode="strict" alone changes nothing: it
needs scheme=, too), and in that mode does not know L- and U-; nervaluate 1.2.1 repairs silently;
all three read a tag without a dash as a label.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evalkit.data.batch import Vocabulary
from evalkit.data.compiled import core
from evalkit.data.taggings import (
    BARE,
    BEGIN,
    CLOSED,
    END,
    INSIDE,
    JOINED,
    LETTERS,
    OUTSIDE,
    SUFFIX,
    check_tagging,
    correct_spelling,
    explain_invalid,
    is_prefix,
    parse_tag,
    unknown_tag_problem,
)
from evalkit.errors import (
    InputError,
    UnknownNameError,
    escape_surrogates,
    quoted_repr,
    spell_option,
)

if TYPE_CHECKING:
    from evalkit.data.batch import Ints

Mask = NDArray[np.bool_]
REPAIR_EFFECTS = {
    "discard": "drops entities with an invalid tag",
    "begin": "starts an entity at an invalid I-",
    "conlleval": "reads tags as the CoNLL script does",
}
REPAIRS = ("error", *REPAIR_EFFECTS)
OUTSIDE_CODE = -1  # the code of the tag O


@dataclass(frozen=True)
class TaggedSpans:
    """The spans of many sequences, in order: the index of the sequence, the first token, the token
    after the last, and the label code.

    `improper`: the number of invalid tags.
    """

    sequence: Ints
    start: Ints
    end: Ints
    label: Ints
    improper: int


@dataclass(frozen=True)
class NonOutsideTags:
    """The tags of many sequences that are not O, and the length of each sequence.

    `where` is the index of each tag among all tags, `kind` its prefix (BEGIN, INSIDE, …), `label`
    the code of its label, and `code` the code of the tag.
    """

    where: Ints
    kind: Any
    label: Ints
    code: Ints
    lengths: Ints


class _TagCodes(dict[str, int]):
    """The code of each tag: -1 for O, else from 0 on in the order of first occurrence.

    `tags`, `kinds` and `label_codes` have the tag, its kind and the code of its label by code.
    """

    def __init__(self, tagging: str, labels: Vocabulary) -> None:
        super().__init__({"O": OUTSIDE_CODE})
        self.side = ""  # for messages
        self.tags: list[str] = []
        self.kinds: list[int] = []
        self.label_codes: list[int] = []
        self._tagging, self._labels = tagging, labels

    def __missing__(self, tag: str) -> int:
        """Add a new tag. Raises InputError for an invalid tag."""
        if not isinstance(tag, str):
            raise InputError(
                f"{self.side} tags: invalid tag {quoted_repr(tag)}: expected a string such as"
                " 'B-PER' or 'O'"
            )
        parsed = parse_tag(tag, self._tagging)
        if parsed is None:
            problem = unknown_tag_problem(tag, self._tagging)
            raise InputError(f"{self.side} tags: {problem}{advise_tagging(tag, self._tagging)}")
        letter, label = parsed
        if escape_surrogates(label) != label:
            raise InputError(
                f"{self.side} tags: invalid label {quoted_repr(label)}: it holds a lone surrogate,"
                " which no file can store"
            )
        self[tag] = code = len(self.tags)
        self.tags.append(str(tag))
        self.kinds.append(LETTERS[self._tagging][letter])
        self.label_codes.append(self._labels[label])
        return code


class TagReader:
    """Reads sequences of tags; tags and labels keep their codes from one call to the next, so that
    both sides share them.
    """

    def __init__(self, tagging: str, repair: str) -> None:
        """Raises UnknownNameError for an unknown tagging or repair."""
        check_tagging(tagging)
        if repair not in REPAIRS:
            raise UnknownNameError("repair", repair, REPAIRS)
        self.tagging, self.repair, self.labels = tagging, repair, Vocabulary()
        self._codes = _TagCodes(tagging, self.labels)

    @property
    def prefixes(self) -> list[str]:
        """The tags read so far that are a prefix alone, without a label."""
        return [tag for tag in self._codes.tags if is_prefix(tag, self.tagging)]

    def read(self, sequences: Sequence[Sequence[str]], name: str) -> NonOutsideTags:
        """Returns the tags that are not O, and their positions.

        name: the side ("gold" or "predicted"), for messages. Raises InputError for an invalid tag.
        """
        self._codes.side = name
        if core is not None:
            read = core.read_tags(sequences, self._codes, self._codes.__getitem__)
            if read is not None:
                lengths, *columns, n = read
                where, code = (np.frombuffer(values, np.int64, n) for values in columns)
                return self._non_outside_tags(where, code, np.array(lengths, np.int64))
        lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
        tags = chain.from_iterable(sequences)
        try:
            every_code = np.fromiter(
                map(self._codes.__getitem__, tags), np.int64, int(lengths.sum())
            )
        except TypeError as error:  # unhashable, such as a list
            raise InputError(f"{name} tags: expected strings: {error}") from None
        where = np.flatnonzero(every_code != OUTSIDE_CODE)
        return self._non_outside_tags(where, every_code[where], lengths)

    def _non_outside_tags(self, where: Ints, code: Ints, lengths: Ints) -> NonOutsideTags:
        return NonOutsideTags(
            where,
            np.array(self._codes.kinds, np.int8)[code],
            np.array(self._codes.label_codes, np.int64)[code],
            code,
            lengths,
        )

    def spans(self, read: NonOutsideTags, side: str, first_sequence: int = 0) -> TaggedSpans:
        """The spans that the tags encode.

        `first_sequence` is the number of the first sequence in messages. Raises InputError at the
        first invalid tag if `repair` is "error".
        """
        borders = np.concatenate([[0], np.cumsum(read.lengths)])
        # Searching for the first tag of each sequence takes far fewer steps than searching for the
        # sequence of each tag.
        sequence = np.repeat(
            np.arange(len(read.lengths)), np.diff(np.searchsorted(read.where, borders))
        )
        neighbours = TagTransitions(read, sequence)
        opens, closes = neighbours.span_boundaries()
        invalid = neighbours.invalid_tags(self.tagging)
        if self.repair == "error" and invalid.any():
            index = int(np.flatnonzero(invalid)[0])
            problem = self._explain(
                read, index, int(sequence[index]), neighbours, borders, side, first_sequence
            )
            raise InputError(problem)
        first, last = np.flatnonzero(opens), np.flatnonzero(closes)
        if self.repair == "discard":
            invalid_before = np.concatenate([[0], np.cumsum(invalid)])
            is_valid = invalid_before[last + 1] == invalid_before[first]
            first, last = first[is_valid], last[is_valid]
        begins = borders[sequence[first]]
        return TaggedSpans(
            sequence[first],
            read.where[first] - begins,
            read.where[last] + 1 - begins,
            read.label[first],
            int(invalid.sum()),
        )

    def _explain(
        self,
        read: NonOutsideTags,
        index: int,
        sequence: int,
        neighbours: TagTransitions,
        borders: Ints,
        side: str,
        shift: int,
    ) -> str:
        names = self._codes.tags
        position = int(read.where[index] - borders[sequence])
        before = "O" if position else None
        if neighbours.previous[index] != OUTSIDE:
            before = names[read.code[index - 1]]
        after = None
        if position + 1 < read.lengths[sequence]:
            following = index + 1
            is_adjacent = (
                following < len(read.where) and read.where[following] == read.where[index] + 1
            )
            after = names[read.code[following]] if is_adjacent else "O"
        error = explain_invalid(self.tagging, before, names[read.code[index]], after)
        location = f"{side} tags: sequence {shift + sequence}, token {position}"
        return f"{location}: {error}; {advise_repair()}"


def advise_tagging(tag: str, tagging: str = "IOB2") -> str:
    """The end of a message about a string that is not a tag, if it is one under a tagging that is
    read on request only, or in another spelling.

    >>> advise_tagging("PERSON"), advise_tagging("PER-B")
    ('; tagging="bare" reads labels without prefix', '; tagging="suffix" reads PER-B as B-PER')
    >>> advise_tagging("B_PER")
    "; did you mean 'B-PER'?"
    """
    corrected = correct_spelling(tag)
    if corrected != tag and (corrected == "O" or parse_tag(corrected, tagging) is not None):
        return f"; did you mean {quoted_repr(corrected)}?"
    if parse_tag(tag, SUFFIX) is not None:
        option, effect = spell_option("tagging", SUFFIX, of="format"), "reads PER-B as B-PER"
    elif re.fullmatch(r"\w{2,}", tag):
        option, effect = spell_option("tagging", BARE, of="format"), "reads labels without prefix"
    else:
        return ""
    return f"; {option} {effect}"


def advise_repair() -> str:
    """The end of a message about invalid tags: how they can be repaired."""
    first, *others = REPAIR_EFFECTS
    option = spell_option("repair", first, of="format")
    alternatives = " or ".join(f"{name} ({REPAIR_EFFECTS[name]})" for name in others)
    return (
        f"correct them, or choose a tag repair: {option} ({REPAIR_EFFECTS[first]}), {alternatives}"
    )


class TagTransitions:
    """Each tag that is not O, with the kind of the tag directly before it in its sequence (OUTSIDE
    for O or at the start of the sequence).
    """

    def __init__(self, read: NonOutsideTags, sequence: Ints) -> None:
        """Compares each tag with its predecessor."""
        self.kind = read.kind
        follows = np.zeros(len(read.where), bool)
        follows[1:] = (np.diff(read.where) == 1) & (sequence[1:] == sequence[:-1])
        self.previous = np.where(
            follows, np.concatenate([[OUTSIDE], self.kind[:-1]])[: len(follows)], OUTSIDE
        )
        self.same_before = follows
        self.same_before[1:] &= read.label[1:] == read.label[:-1]

    def span_boundaries(self) -> tuple[Mask, Mask]:
        """Masks of the tags that begin a span and of those that end one.

        A tag that can continue the span before it does so; every other tag begins a span.
        """
        is_open = (self.previous == BEGIN) | (self.previous == INSIDE)
        continues = ((self.kind == INSIDE) | (self.kind == END)) & self.same_before & is_open
        closes = np.ones(len(continues), bool)
        closes[:-1] = ~continues[1:]
        return ~continues, closes

    def invalid_tags(self, tagging: str) -> Mask:
        """A mask of the tags that their neighbors do not allow."""
        if tagging in JOINED:
            return np.zeros(len(self.kind), bool)
        if tagging == "IOB1":
            # I- may begin a span; B- may only where an I- would continue the span before it.
            misplaced: Mask = (self.kind == BEGIN) & ~self.same_before
            return misplaced
        if tagging in ("IOE1", "IOE2"):
            same_after = np.zeros(len(self.kind), bool)
            same_after[:-1] = self.same_before[1:]
            # E- may end a span only where the tag behind it would continue it; or must end each.
            kind = END if tagging == "IOE1" else INSIDE
            unclosed: Mask = (self.kind == kind) & ~same_after
            return unclosed
        is_open = ((self.previous == BEGIN) | (self.previous == INSIDE)) & self.same_before
        needs_open = (self.kind == INSIDE) | (self.kind == END)
        invalid: Mask = needs_open & ~is_open
        if tagging in CLOSED:
            # The last tag of a span that is not closed is the invalid one.
            needs_close = (self.kind == BEGIN) | (self.kind == INSIDE)
            is_continued = np.zeros(len(self.kind), bool)
            is_continued[:-1] = (needs_open & is_open)[1:]
            invalid |= needs_close & ~is_continued
        return invalid
