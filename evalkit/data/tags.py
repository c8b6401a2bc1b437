"""What spans does a sequence of BIO tags say? Tags in, columns of spans out.

    IOB2    B- begins a span, I- goes on, O is outside
    IOB1    I- goes on or begins; B- begins a span only right after another of its label
    BIOES   B- begins, I- goes on, E- ends, S- is a span of one
    BILOU   the same with L- for the last and U- for a span of one

A tag is improper where its predecessor or successor does not allow it: an I- under IOB2 that
follows no span of its label, a B- under BIOES that no E- closes. Improper tags are an error, or are
repaired as the caller names:

    discard     a span that holds an improper tag is no span
    begin       an improper tag begins a span, or ends one, where the tags around it leave no other
                way
    conlleval   the same spans, under the name of the script of CoNLL-2000; on B- and I- they are
                those of seqeval's default mode

A prediction that is discarded is free: it is in no denominator. That is why nothing is repaired in
silence, and why the number of improper tags and the repair stand in the report and the signature.

Departures: seqeval 1.2.2 repairs in silence by default (its mode="strict" alone changes nothing: it
needs scheme=, too), and there does not know L- and U-; nervaluate 1.2.1 repairs in silence; all
three read a tag without a dash as a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.data.batch import Ints, Vocabulary
from evalkit.errors import (
    InputError,
    UnknownNameError,
    escape_surrogates,
    quoted_repr,
    spell_option,
)

Mask = NDArray[np.bool_]
TAG_FORMATS = ("IOB2", "IOB1", "BIOES", "BILOU")
REPAIRS = ("error", "discard", "begin", "conlleval")
BATCH_SIZE = 64  # sequences: few enough that their tags stay in the processor's cache
WIDTH = 16  # bytes of a tag; longer ones are read one by one
_MASKS = np.array(
    [(1 << 8 * n) - 1 for n in range(9)], np.uint64
)  # that keep the first n bytes of a word
_LINE_FEED, _O = 10, 79
OUTSIDE, BEGIN, INSIDE, END, SINGLE = range(5)
_PREFIXES = {
    "IOB2": {"B": BEGIN, "I": INSIDE},
    "IOB1": {"B": BEGIN, "I": INSIDE},
    "BIOES": {"B": BEGIN, "I": INSIDE, "E": END, "S": SINGLE},
    "BILOU": {"B": BEGIN, "I": INSIDE, "L": END, "U": SINGLE},
}


@dataclass(frozen=True)
class TaggedSpans:
    """The spans of many sequences, in order: which sequence, first token, one past the last, label
    code.

    `improper`: tags repaired.
    """

    sequence: Ints
    start: Ints
    end: Ints
    label: Ints
    improper: int


@dataclass(frozen=True)
class NonOutsideTags:
    """The tags of many sequences that are not O: where each stands among all tags, its kind, its
    label's code, its own; and all lengths.
    """

    where: Ints
    kind: Any
    label: Ints
    code: Ints
    lengths: Ints


class TagReader:
    """Reads sequences of tags; tags and labels keep their codes from one call to the next, so that
    both sides share them.
    """

    def __init__(self, tagging: str, repair: str) -> None:
        """Raises UnknownName for a tagging or repair that is none."""
        if tagging not in TAG_FORMATS:
            raise UnknownNameError("tagging", tagging, TAG_FORMATS)
        if repair not in REPAIRS:
            raise UnknownNameError("repair", repair, REPAIRS)
        self.tagging, self.repair, self.labels = tagging, repair, Vocabulary()
        self._codes: dict[str, int] = {}
        self._kinds: list[int] = []
        self._label_of: list[int] = []
        # The tags once more, sorted by a key made of their bytes, with these bytes and their codes.
        self._keys, self._words, self._code_of = (
            np.zeros(0, np.uint64),
            np.zeros((0, WIDTH // 8), np.uint64),
            np.zeros(0, np.int64),
        )

    def read(self, sequences: Sequence[Sequence[str]], name: str) -> NonOutsideTags:
        """The tags that are not O, and where they stand. Raises InputError for what is no tag."""
        lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
        where, codes, before = [], [], 0
        for first in range(0, len(sequences), BATCH_SIZE):
            many = int(lengths[first : first + BATCH_SIZE].sum())
            places, code = self._encode_bytes(sequences[first : first + BATCH_SIZE], many, name)
            where.append(places + before)
            codes.append(code)
            before += many
        none = np.zeros(0, np.int64)
        code = np.concatenate([*codes, none])
        return NonOutsideTags(
            np.concatenate([*where, none]),
            np.array(self._kinds, np.int8)[code],
            np.array(self._label_of, np.int64)[code],
            code,
            lengths,
        )

    def _encode_bytes(
        self, sequences: Sequence[Sequence[str]], many: int, side: str
    ) -> tuple[Ints, Ints]:
        """Where the tags are that are not O, and the code of each: read from the bytes of all of
        them, several times faster than one by one.
        """
        try:
            joined = "\n".join(map("\n".join, filter(len, sequences))).encode()
        except (TypeError, UnicodeEncodeError):
            return self._encode_each(sequences, side)
        raw = np.frombuffer(joined + b"\n" + bytes(WIDTH + 8), np.uint8)
        ends = np.flatnonzero(raw == _LINE_FEED)
        if (
            len(ends) != many or b"\0" in joined
        ):  # a tag holds a line feed or a zero, or there is none
            return self._encode_each(sequences, side)
        starts = np.concatenate([[0], ends[:-1] + 1])
        where = np.flatnonzero((raw[starts] != _O) | (ends - starts != 1))
        code = self._coded(raw, starts[where], ends[where], side)
        return self._encode_each(sequences, side) if code is None else (where, code)

    def _encode_each(self, sequences: Sequence[Sequence[str]], side: str) -> tuple[Ints, Ints]:
        flat = list(_require_strings(list(chain.from_iterable(sequences)), side))
        where = [n for n, tag in enumerate(flat) if tag != "O"]
        return np.array(where, np.int64), np.array(
            [self._code(flat[n], side) for n in where], np.int64
        )

    def _coded(self, raw: Any, starts: Ints, ends: Ints, side: str) -> Ints | None:
        """The code of each tag, by its bytes: two words of eight each.

        None where a tag is longer.
        """
        lengths = ends - starts
        longest = int(lengths.max(initial=0))
        if longest > WIDTH:
            return None
        # The eight bytes from any place on, as one little-endian word.
        word_at = np.ndarray((len(raw) - 7,), "<u8", raw.tobytes(), strides=(1,))
        words = np.zeros((len(starts), 2), np.uint64)
        words[:, 0] = word_at[starts] & _MASKS[np.minimum(lengths, 8)]
        if longest > 8:
            words[:, 1] = word_at[starts + 8] & _MASKS[np.maximum(lengths - 8, 0)]
        with np.errstate(over="ignore"):
            key = words[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ words[:, 1]
        found = np.searchsorted(self._keys, key)
        known = found < len(self._keys)
        known &= (
            self._keys[np.minimum(found, len(self._keys) - 1)] == key if len(self._keys) else False
        )
        if not known.all():
            if not self._add_tags(
                raw, starts[~known], ends[~known], words[~known], key[~known], side
            ):
                return None
            return self._coded(raw, starts, ends, side)
        if (
            self._words[found] != words
        ).any():  # two tags with one key: as good as impossible, and no reason to be wrong
            return None
        codes: Ints = self._code_of[found]
        return codes

    def _add_tags(
        self, raw: Any, starts: Ints, ends: Ints, words: Any, key: Any, side: str
    ) -> bool:
        """Add the tags that are new. False where two of them have one key."""
        _, first = np.unique(words, axis=0, return_index=True)
        new = [
            self._code(raw[starts[n] : ends[n]].tobytes().decode(), side)
            for n in np.sort(first).tolist()
        ]
        keys, rows = (
            np.concatenate([self._keys, key[np.sort(first)]]),
            np.concatenate([self._words, words[np.sort(first)]]),
        )
        codes = np.concatenate([self._code_of, np.array(new, np.int64)])
        order = np.argsort(keys, kind="stable")
        self._keys, self._words, self._code_of = keys[order], rows[order], codes[order]
        return len(np.unique(keys)) == len(keys)

    def _code(self, tag: str, side: str) -> int:
        if tag not in self._codes:
            kind, label = self._parse_tag(tag, side)
            self._codes[tag] = len(self._codes)
            self._kinds.append(kind)
            self._label_of.append(label)
        return self._codes[tag]

    def _parse_tag(self, tag: str, side: str) -> tuple[int, int]:
        prefix, dash, label = tag.partition("-")
        kind = _PREFIXES[self.tagging].get(prefix)
        if kind is None or not dash or not label:
            raise InputError(f"{side} tags: {unknown_tag_problem(tag, self.tagging)}")
        if escape_surrogates(label) != label:
            raise InputError(
                f"{side} tags: invalid label {quoted_repr(label)}: it holds a lone surrogate, which"
                " no file can store"
            )
        return kind, self.labels[label]

    def spans(self, read: NonOutsideTags, side: str, first_sequence: int = 0) -> TaggedSpans:
        """The spans that the tags say.

        Raises InputError at the first improper tag unless a repair was named.

        `shift`: how many sequences came before, for the message.
        """
        borders = np.concatenate([[0], np.cumsum(read.lengths)])
        # Where each sequence's tags begin among those that are not O: far fewer searches than where
        # each tag belongs.
        sequence = np.repeat(
            np.arange(len(read.lengths)), np.diff(np.searchsorted(read.where, borders))
        )
        neighbours = TagTransitions(read, sequence)
        opens, closes = neighbours.span_boundaries()
        improper = neighbours.invalid_tags(self.tagging)
        if self.repair == "error" and improper.any():
            at = int(np.flatnonzero(improper)[0])
            raise InputError(
                self._explain(
                    read, at, int(sequence[at]), neighbours, borders, side, first_sequence
                )
            )
        first, last = np.flatnonzero(opens), np.flatnonzero(closes)
        if self.repair == "discard":
            bad = np.concatenate([[0], np.cumsum(improper)])
            whole = bad[last + 1] == bad[first]
            first, last = first[whole], last[whole]
        begins = borders[sequence[first]]
        return TaggedSpans(
            sequence[first],
            read.where[first] - begins,
            read.where[last] + 1 - begins,
            read.label[first],
            int(improper.sum()),
        )

    def _explain(
        self,
        read: NonOutsideTags,
        at: int,
        sequence: int,
        neighbours: TagTransitions,
        borders: Ints,
        side: str,
        shift: int,
    ) -> str:
        names = list(self._codes)
        place = int(read.where[at] - borders[sequence])
        before = (
            names[read.code[at - 1]]
            if neighbours.previous[at] != OUTSIDE
            else "O"
            if place
            else None
        )
        after = None
        if place + 1 < read.lengths[sequence]:
            follows = at + 1 < len(read.where) and read.where[at + 1] == read.where[at] + 1
            after = names[read.code[at + 1]] if follows else "O"
        fault = explain_invalid(self.tagging, before, names[read.code[at]], after)
        return (
            f"{side} tags: sequence {shift + sequence}, token {place}: {fault}; {advise_repair()}"
        )


def explain_invalid(tagging: str, before: str | None, tag: str, after: str | None) -> str:
    """Why the tags around it do not allow a tag, and which ones would; `before` and `after` are
    None at the ends of a sentence.

    >>> explain_invalid("BIOES", None, "B-LOC", "E-ORG")
    "'B-LOC' is followed by 'E-ORG', which is invalid BIOES: I-LOC or E-LOC is expected after it"
    >>> explain_invalid("IOB2", "O", "I-PER", None)
    "'I-PER' is preceded by 'O', which is invalid IOB2: B-PER or I-PER is expected before it"
    """
    letter, _, label = tag.partition("-")
    prefixes = _PREFIXES[tagging]
    kind, of_label = prefixes[letter], f"-{label}"
    opening = [name for name, of in prefixes.items() if of in (BEGIN, INSIDE)]
    closing = [name for name, of in prefixes.items() if of in (INSIDE, END)]
    opened = (
        before is not None
        and before.partition("-")[0] in opening
        and before.partition("-")[2] == label
    )
    found = (
        f"{quoted_repr(tag)} is preceded by {quoted_repr(before)}"
        if before is not None
        else f"{quoted_repr(tag)} begins the sentence"
    )
    if tagging == "IOB1":
        return (
            f"{found}, which is invalid IOB1: I{of_label} is expected, since B- begins a span only"
            " right after another of its label"
        )
    if kind in (INSIDE, END) and not opened:
        expected, side = opening, "before"
    else:
        found = (
            f"{quoted_repr(tag)} is followed by {quoted_repr(after)}"
            if after is not None
            else f"{quoted_repr(tag)} ends the sentence"
        )
        expected, side = closing, "after"
    return (
        f"{found}, which is invalid {tagging}: {' or '.join(name + of_label for name in expected)}"
        f" is expected {side} it"
    )


def unknown_tag_problem(tag: str, tagging: str) -> str:
    """The message about a string that is not a tag of a tagging.

    >>> unknown_tag_problem("X-PER", "IOB2")
    "invalid IOB2 tag 'X-PER': expected O, B-LABEL or I-LABEL"
    """
    *others, last = ["O", *(f"{letter}-LABEL" for letter in _PREFIXES[tagging])]
    return f"invalid {tagging} tag {quoted_repr(tag)}: expected {', '.join(others)} or {last}"


def advise_repair() -> str:
    """What can be done about invalid tags."""
    repairs = [repair for repair in REPAIRS if repair != "error"]
    return (
        f"correct them, or choose a tag repair: {spell_option('repair', repairs[0], of='format')},"
        f" {' or '.join(repairs[1:])}"
    )


def _require_strings(tags: Sequence[Any], side: str) -> Sequence[str]:
    for tag in tags:
        if not isinstance(tag, str):
            raise InputError(
                f"{side} tags: invalid tag {quoted_repr(tag)}: expected a string such as 'B-PER' or"
                " 'O'"
            )
    return tags


class TagTransitions:
    """Each tag that is not O with the one before it, if that stands right before it in the same
    sequence; else with O.
    """

    def __init__(self, read: NonOutsideTags, sequence: Ints) -> None:
        """Compare each with its predecessor."""
        self.kind = read.kind
        follows = np.zeros(len(read.where), bool)
        follows[1:] = (np.diff(read.where) == 1) & (sequence[1:] == sequence[:-1])
        self.previous = np.where(
            follows, np.concatenate([[OUTSIDE], self.kind[:-1]])[: len(follows)], OUTSIDE
        )
        self.same_before = follows
        self.same_before[1:] &= read.label[1:] == read.label[:-1]

    def span_boundaries(self) -> tuple[Mask, Mask]:
        """Where spans open and where they close: a span goes on while it can, and every other tag
        begins one.
        """
        opened = (self.previous == BEGIN) | (self.previous == INSIDE)
        goes_on = ((self.kind == INSIDE) | (self.kind == END)) & self.same_before & opened
        closes = np.ones(len(goes_on), bool)
        closes[:-1] = ~goes_on[1:]
        return ~goes_on, closes

    def invalid_tags(self, tagging: str) -> Mask:
        """Which tags their neighbours do not allow."""
        if tagging == "IOB1":
            # I- may begin a span; B- may only where one of its label would otherwise go on.
            loose: Mask = (self.kind == BEGIN) & ~self.same_before
            return loose
        opened = ((self.previous == BEGIN) | (self.previous == INSIDE)) & self.same_before
        going_on = (self.kind == INSIDE) | (self.kind == END)
        improper: Mask = going_on & ~opened
        if tagging in ("BIOES", "BILOU"):
            # What was begun and not ended: the fault is that of the last tag of it.
            unclosed = (self.kind == BEGIN) | (self.kind == INSIDE)
            followed = np.zeros(len(self.kind), bool)
            followed[:-1] = (going_on & opened)[1:]
            improper |= unclosed & ~followed
        return improper
