"""What spans does a sequence of BIO tags say? Tags in, columns of spans out.

    IOB2    B- begins a span, I- goes on, O is outside
    IOB1    I- goes on or begins; B- begins a span only right after another of its label
    BIOES   B- begins, I- goes on, E- ends, S- is a span of one
    BILOU   the same with L- for the last and U- for a span of one

A tag is improper where its predecessor or successor does not allow it: an I- under IOB2 that follows no span of its label,
a B- under BIOES that no E- closes. Improper tags are an error, or are repaired as the caller names:

    discard     a span that holds an improper tag is no span
    begin       an improper tag begins a span, or ends one, where the tags around it leave no other way
    conlleval   the same spans, under the name of the script of CoNLL-2000; on B- and I- they are those of seqeval's default mode

A prediction that is discarded is free: it is in no denominator. That is why nothing is repaired in silence, and why the
number of improper tags and the repair stand in the report and the signature.

Departures: seqeval 1.2.2 repairs in silence by default (its mode="strict" alone changes nothing: it needs scheme=, too), and
there does not know L- and U-; nervaluate 1.2.1 repairs in silence; all three read a tag without a dash as a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from evalkit.columns import Codes, Ints, Mask
from evalkit.errors import InputError, UnknownName, shown

TAGGINGS = ("IOB2", "IOB1", "BIOES", "BILOU")
REPAIRS = ("error", "discard", "begin", "conlleval")
OUTSIDE, BEGIN, INSIDE, END, SINGLE = range(5)
_PREFIXES = {
    "IOB2": {"B": BEGIN, "I": INSIDE},
    "IOB1": {"B": BEGIN, "I": INSIDE},
    "BIOES": {"B": BEGIN, "I": INSIDE, "E": END, "S": SINGLE},
    "BILOU": {"B": BEGIN, "I": INSIDE, "L": END, "U": SINGLE},
}


@dataclass(frozen=True)
class Tagged:
    """The spans of many sequences, in order: which sequence, first token, one past the last, label code. `improper`: tags repaired."""

    sequence: Ints
    start: Ints
    end: Ints
    label: Ints
    improper: int


class Tags:
    """Reads sequences of tags; tags and labels keep their codes from one call to the next, so that both sides share them."""

    def __init__(self, tagging: str, repair: str) -> None:
        """Raises UnknownName for a tagging or repair that is none."""
        if tagging not in TAGGINGS:
            raise UnknownName("tagging", tagging, TAGGINGS)
        if repair not in REPAIRS:
            raise UnknownName("repair", repair, REPAIRS)
        self.tagging, self.repair, self.labels = tagging, repair, Codes()
        self._codes = Codes({"O": 0})
        self._kinds, self._label_of = [OUTSIDE], [-1]

    def read(self, sequences: Sequence[Sequence[str]], side: str) -> tuple[Ints, Ints]:
        """(the code of every tag, the length of every sequence). Raises InputError for what is no tag."""
        lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
        known = self._codes
        try:
            # One call for a whole sequence: looking up many keys at once is several times faster than one by one.
            if len(known) < 200:
                codes = np.frombuffer(b"".join([_looked_up(known, tags) for tags in sequences]), np.uint8).astype(np.int64)
            else:
                codes = np.fromiter((known[tag] for tags in sequences for tag in tags), np.int64, int(lengths.sum()))
        except (TypeError, ValueError):  # a code above 255, or something that is no text
            codes = np.fromiter((known[tag] for tags in sequences for tag in _strings(tags, side)), np.int64, int(lengths.sum()))
        self._learn(side)
        return codes, lengths

    def _learn(self, side: str) -> None:
        """What the new tags mean."""
        for tag in list(self._codes)[len(self._kinds) :]:
            prefix, dash, label = tag.partition("-") if isinstance(tag, str) else ("", "", "")
            kind = _PREFIXES[self.tagging].get(prefix)
            if kind is None or not dash or not label:
                wanted = ", ".join(f"{letter}-LABEL" for letter in _PREFIXES[self.tagging])
                raise InputError(f"{side} tags: {shown(tag)} is no {self.tagging} tag; O, {wanted} would do")
            self._kinds.append(kind)
            self._label_of.append(self.labels[label])

    def spans(self, codes: Ints, lengths: Ints, side: str, shift: int = 0) -> Tagged:
        """The spans that the tags say. Raises InputError at the first improper tag unless a repair was named.

        `shift`: how many sequences came before, for the message.
        """
        kind, label = np.array(self._kinds, np.int8)[codes], np.array(self._label_of, np.int64)[codes]
        first = np.zeros(len(codes) + 1, bool)  # whether a token begins a sequence; one past the end does
        first[np.concatenate([[0], np.cumsum(lengths)])] = True
        neighbours = Neighbours(kind, label, first)
        opens, closes = neighbours.cut()
        improper = neighbours.improper(self.tagging)
        if self.repair == "error" and improper.any():
            raise InputError(self._told(np.flatnonzero(improper)[0], codes, lengths, side, shift))
        start, end = np.flatnonzero(opens), np.flatnonzero(closes) + 1
        if self.repair == "discard":
            bad = np.concatenate([[0], np.cumsum(improper)])
            whole = bad[end] == bad[start]
            start, end = start[whole], end[whole]
        borders = np.concatenate([[0], np.cumsum(lengths)])
        sequence = np.searchsorted(borders, start, side="right") - 1
        return Tagged(sequence, start - borders[sequence], end - borders[sequence], label[start], int(improper.sum()))

    def _told(self, at: int, codes: Ints, lengths: Ints, side: str, shift: int) -> str:
        borders = np.concatenate([[0], np.cumsum(lengths)])
        sequence = int(np.searchsorted(borders, at, side="right") - 1)
        place = int(at - borders[sequence])
        names = list(self._codes)
        tag, previous = names[codes[at]], names[codes[at - 1]] if place else "the start"
        return (
            f"{side} tags: sequence {shift + sequence}, token {place}: {tag!r} after {previous!r} is improper {self.tagging}; mend it, or name a repair: "
            f"{', '.join(repair for repair in REPAIRS if repair != 'error')}"
        )


def _looked_up(codes: Codes, tags: Sequence[str]) -> bytes:
    """The codes of a sequence as bytes."""
    try:
        found = itemgetter(*tags)(codes)
    except TypeError:  # no tags, or something that cannot be a key
        if len(tags):
            raise
        return b""
    return bytes(found) if len(tags) > 1 else bytes((found,))


def _strings(tags: Sequence[str], side: str) -> Sequence[str]:
    for tag in tags:
        if not isinstance(tag, str):
            raise InputError(f"{side} tags: {shown(tag)} is no tag: a text such as 'B-PER' or 'O' would do")
    return tags


class Neighbours:
    """Each tag with the one before and after it in its sequence; beyond the borders everything is outside."""

    def __init__(self, kind: Any, label: Ints, first: Mask) -> None:
        """`first` has one entry more than there are tags."""
        self.kind, self.label = kind, label
        self.before = np.concatenate([[OUTSIDE], kind[:-1]]) if len(kind) else kind
        self.before = np.where(first[:-1], OUTSIDE, self.before)
        self.same_before = np.zeros(len(kind), bool)
        self.same_before[1:] = label[1:] == label[:-1]
        self.same_before &= self.before != OUTSIDE

    def cut(self) -> tuple[Mask, Mask]:
        """Where spans open and where they close: a span goes on while it can, and every other tag begins one."""
        opened = (self.before == BEGIN) | (self.before == INSIDE)
        goes_on = ((self.kind == INSIDE) | (self.kind == END)) & self.same_before & opened
        closes = self.kind != OUTSIDE
        closes[:-1] &= ~goes_on[1:]
        return (self.kind != OUTSIDE) & ~goes_on, closes

    def improper(self, tagging: str) -> Mask:
        """Which tags their neighbours do not allow."""
        opened = ((self.before == BEGIN) | (self.before == INSIDE)) & self.same_before
        going_on = (self.kind == INSIDE) | (self.kind == END)
        if tagging == "IOB1":
            # I- may begin a span; B- may only where one of its label would otherwise go on.
            return (self.kind == BEGIN) & ~self.same_before
        improper = going_on & ~opened
        if tagging in ("BIOES", "BILOU"):
            # What was begun and not ended: the fault is that of the last tag of it.
            unclosed = (self.kind == BEGIN) | (self.kind == INSIDE)
            followed = np.zeros(len(self.kind), bool)
            followed[:-1] = (going_on & opened)[1:]
            improper |= unclosed & ~followed
        return improper
