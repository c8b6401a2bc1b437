"""Finds the quotes of a model in a text: offsets in code points, half-open, on the unchanged text.

A quote is searched in three **steps**, and the first in which it occurs decides: **exact**;
**normalized** (Unicode NFKC; one kind of double quote, of single quote and of dash; a run of white
space is one space; soft hyphens and characters without width are ignored); **case-folded** (the
normalized form, case-folded). In the last two, combining sequences are compared, a character with
its marks, so that composed and decomposed text match; an occurrence begins and ends with whole
sequences ("s" is not half of ß).

**Occurrences.** If some are at word boundaries (no letter, digit or mark on both sides of an edge),
only these count. Of overlapping occurrences, the first counts. The context, searched in the same
steps, selects the occurrences inside it; it is ignored if it is not found or selects none.

**Equal quotes.** Equal quotes of one group (equal in the form of the step) are assigned to the
occurrences from left to right, those with the fewest to choose from first. A quote is **ambiguous**
if more occurrences are open (selected by its context, and not assigned to a certain quote) than
there are quotes with the same selection. It is a **duplicate** if all its occurrences are assigned:
it then gets the last.

Time is linear in the text for each quote: no pattern is built from text or answer, and each form of
the text is made once, when a quote first needs it. There is no approximate matching: an occurrence
that is nearly right would lower strict scores without a trace. Sources: Unicode Standard Annex 15
(NFKC; section 13 for sequences of more than 30 marks, which are split), and The Unicode Standard,
section 3.13 (caseless matching: normalized again after folding).
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple
from unicodedata import category, normalize

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Range = tuple[int, int]

MAX_CANDIDATES = 1000  # of each quote: the first ones, and always the chosen one
MAX_MARKS = 30  # of one combining sequence: sorting marks takes quadratic time

# The first and the last code point of blocks of characters without width
_HIDDEN_BLOCKS = (
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xE0100, 0xE01EF),
)
_HIDDEN: set[str] = set()
for _first, _last in _HIDDEN_BLOCKS:
    _HIDDEN.update(map(chr, range(_first, _last + 1)))
_WITHOUT_HIDDEN = dict.fromkeys(map(ord, _HIDDEN))
_PLAIN = str.maketrans(
    dict.fromkeys("“”„‟«»″〝〞", '"')
    | dict.fromkeys("‘’‚‛‹›′´`ʼ", "'")
    | dict.fromkeys("‐‑‒–—―−", "-")
)


class Quote(NamedTuple):
    """A quote of the model.

    Equal quotes of one group are assigned to successive occurrences. `context`: words around it.
    """

    text: str
    context: str = ""
    group: Hashable = None


class Grounding(NamedTuple):
    """The offsets of a quote: `text[start:end]`; `match_type`: "exact", "normalized", "case-folded"
    or "absent" (and then 0, 0).

    `candidates`: the open occurrences of an ambiguous quote, in order, the chosen one among them;
    at most MAX_CANDIDATES. Empty for a quote that is not ambiguous. `duplicate`: all occurrences
    are assigned to equal quotes of its group.
    """

    match_type: str
    start: int = 0
    end: int = 0
    candidates: tuple[Range, ...] = ()
    duplicate: bool = False


def ground_quotes(text: str, quotes: Sequence[Quote]) -> list[Grounding]:
    """The offsets of each quote, in their order.

    >>> quotes = [Quote('"why?"'), Quote("Doe", "Doe left")]
    >>> for grounding in ground_quotes("“Why?” asked Doe. Doe left.", quotes):
    ...     print(grounding)
    Grounding(match_type='case-folded', start=0, end=6, candidates=(), duplicate=False)
    Grounding(match_type='exact', start=18, end=21, candidates=(), duplicate=False)
    """
    groundings = [Grounding("absent")] * len(quotes)
    source = _Source(text)
    waiting = list(range(len(quotes)))
    for step in _STEPS:
        indices_of: dict[str, list[int]] = {}
        for index in waiting:
            indices_of.setdefault(_needle(quotes[index].text, step), []).append(index)
        waiting = []
        for needle, indices in indices_of.items():
            occurrences = _drop_overlapping(*source.find_all(step, needle))
            if not len(occurrences.starts):
                waiting += indices
                continue
            equal = {index: quotes[index] for index in indices}
            for index, grounding in _assign_equal_quotes(step, source, occurrences, equal):
                groundings[index] = grounding
    return groundings


def count_outcomes(groundings: Iterable[Grounding]) -> dict[str, int]:
    """The number of groundings of each match type; beside these, of ambiguous quotes and of
    duplicates.
    """
    counts = dict.fromkeys(
        ("exact", "normalized", "case-folded", "ambiguous", "absent", "duplicate"), 0
    )
    for grounding in groundings:
        counts[grounding.match_type] += 1
        counts["ambiguous"] += bool(grounding.candidates)
        counts["duplicate"] += grounding.duplicate
    return counts


class _Occurrences(NamedTuple):
    """Where a needle occurs in the unchanged text, from left to right."""

    starts: Ints
    ends: Ints

    def take(self, selected: Ints | Mask) -> _Occurrences:
        """The selected occurrences."""
        return _Occurrences(self.starts[selected], self.ends[selected])


class _NormalizedText(NamedTuple):
    """A text in the form of a step.

    For each character, the start (end) of its combining sequence in the unchanged text; -1 if it is
    not the first (last) of the sequence.
    """

    text: str
    starts: Ints
    ends: Ints


class _Source:
    """The text and its forms, each made when it is first needed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.forms: dict[str, _NormalizedText] = {}

    def find_all(self, step: str, needle: str) -> _Occurrences:
        """All occurrences, overlapping ones too; if some are at word boundaries, only these."""
        if step not in self.forms:
            self.forms[step] = _normalize_text(self.text, step)
        form = self.forms[step]
        positions = _find_all_starts(form.text, needle)
        occurrences = _Occurrences(form.starts[positions], form.ends[positions + len(needle) - 1])
        occurrences = occurrences.take((occurrences.starts >= 0) & (occurrences.ends >= 0))
        if not len(occurrences.starts):
            return occurrences
        at_boundaries = ~(
            self._inside_words[occurrences.starts] | self._inside_words[occurrences.ends]
        )
        return occurrences.take(at_boundaries) if at_boundaries.any() else occurrences

    def find_context(self, context: str) -> _Occurrences:
        """The occurrences of a context, overlapping ones too."""
        occurrences = _NO_OCCURRENCES
        for step in _STEPS:
            occurrences = self.find_all(step, _needle(context, step))
            if len(occurrences.starts):
                break
        return occurrences

    @cached_property
    def _inside_words(self) -> Mask:
        """For each position from 0 to the length, whether there is a word on both sides; characters
        without width are ignored.
        """
        codes, alphabet = _code_points(self.text), set(self.text)
        is_visible = ~_is_in(codes, alphabet & _HIDDEN)
        word_characters = {c for c in alphabet if c.isalnum() or category(c)[0] == "M"}
        is_word = _is_in(codes[is_visible], word_characters)
        inside = np.zeros(len(is_word) + 1, bool)
        inside[1:-1] = is_word[:-1] & is_word[1:]
        at_positions: Mask = inside[np.append(0, np.cumsum(is_visible))]
        return at_positions


_NO_POSITIONS = np.zeros(0, np.int64)
_NO_OCCURRENCES = _Occurrences(_NO_POSITIONS, _NO_POSITIONS)


def _normalize_sequence(sequence: str) -> str:
    """The normalized form of a combining sequence, or of a run of white space."""
    if sequence.isspace():
        return " "
    plain = sequence.translate(_PLAIN)
    form = normalize("NFKC", plain)
    # NFKC decomposes a lone accent into a space and a mark, and the space would merge with others.
    return (normalize("NFC", plain) if form.startswith(" ") else form).translate(_PLAIN)


def _fold_sequence(sequence: str) -> str:
    """The normalized and case-folded form of a combining sequence."""
    return _normalize_sequence(_normalize_sequence(sequence).casefold())


_NORMALIZERS = {"normalized": _normalize_sequence, "case-folded": _fold_sequence}
_STEPS = ("exact", *_NORMALIZERS)


def _needle(quote: str, step: str) -> str:
    """A quote in the form of a step, without white space around it."""
    return _normalize_text(quote.strip(), step).text.strip()


def _normalize_text(text: str, step: str) -> _NormalizedText:
    """A text in the form of a step."""
    if step not in _NORMALIZERS:
        starts = np.arange(len(text))
        return _NormalizedText(text, starts, starts + 1)
    codes, alphabet = _code_points(text), set(text)
    visible = np.flatnonzero(~_is_in(codes, alphabet & _HIDDEN))
    visible_text = text.translate(_WITHOUT_HIDDEN) if len(visible) < len(text) else text
    edges = np.append(_sequence_starts(codes[visible], alphabet), len(visible))
    sequences = [visible_text[start:end] for start, end in pairwise(edges.tolist())]
    normalized = {sequence: _NORMALIZERS[step](sequence) for sequence in set(sequences)}
    forms = [normalized[sequence] for sequence in sequences]
    return _collapse_spaces(forms, visible[edges[:-1]], visible[edges[1:] - 1] + 1)


def _collapse_spaces(forms: Sequence[str], starts: Ints, ends: Ints) -> _NormalizedText:
    """The joined forms of all sequences, with one space for each run of spaces. `starts` and `ends`
    are those of the sequences in the unchanged text.
    """
    codes = _code_points("".join(forms))
    lengths = np.fromiter(map(len, forms), np.int64, len(forms))
    last = np.cumsum(lengths) - 1
    first = np.append(0, last[:-1] + 1)[: len(last)]
    text_starts, text_ends = np.full(len(codes), -1), np.full(len(codes), -1)
    text_starts[first], text_ends[last] = starts, ends
    is_space = codes == ord(" ")
    is_kept = ~is_space
    is_kept[:1] = True
    is_kept[1:] |= ~is_space[:-1]
    text = codes[is_kept].tobytes().decode("utf-32-le", "surrogatepass")
    return _NormalizedText(text, text_starts[is_kept], text_ends[is_kept])


def _sequence_starts(codes: NDArray[np.uint32], alphabet: Collection[str]) -> Ints:
    """Where combining sequences start: at each character that does not combine with the one before,
    and at each one after white space.
    """
    is_start = ~_is_in(codes, {c for c in alphabet if _is_combining(c)})
    is_start[:1] = True
    is_start[1:] |= _is_in(codes[:-1], {c for c in alphabet if c.isspace()})
    positions = np.arange(len(codes))
    offset = positions - np.maximum.accumulate(np.where(is_start, positions, 0))
    return np.flatnonzero(offset % (MAX_MARKS + 1) == 0)


def _is_combining(character: str) -> bool:
    """Whether it is a mark or the vowel or end of a Korean syllable, as it is or normalized."""
    first = normalize("NFKD", character)[0]
    return category(first)[0] == "M" or "\u1160" <= first <= "\u11ff"


def _code_points(text: str) -> NDArray[np.uint32]:
    """The code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))


def _is_in(codes: NDArray[np.uint32], characters: Collection[str]) -> Mask:
    """For each code point, whether it is one of the characters."""
    table = np.zeros(sys.maxunicode + 1, bool)
    table[[ord(character) for character in characters]] = True
    return table[codes]


def _find_all_starts(text: str, needle: str) -> Ints:
    """All starts, of overlapping occurrences too.

    Two occurrences that overlap by half or more begin a run with the period of their distance:
    inside it occurrences are one period apart, and the next can begin only in its last period (Fine
    and Wilf). So each search advances by half a needle, and the sum is linear.
    """
    if not needle:
        return _NO_POSITIONS
    singles: list[int] = []
    parts: list[Ints] = []
    position = text.find(needle)
    while position >= 0:
        following = text.find(needle, position + 1)
        period = following - position
        if 0 < period <= len(needle) // 2:
            end = _run_end(text, following + len(needle), period)
            run = np.arange(position, end - len(needle) + 1, period)
            parts += [np.array(singles, np.int64), run]
            singles = []
            following = text.find(needle, end - period + 1)
        else:
            singles.append(position)
        position = following
    return np.concatenate([*parts, np.array(singles, np.int64)])


def _run_end(text: str, end: int, period: int) -> int:
    """The first position from `end` on whose character differs from the one a period before."""
    size = 1
    while size:
        is_inside = end + size <= len(text)
        if is_inside and text[end : end + size] == text[end - period : end - period + size]:
            end, size = end + size, 2 * size
        else:
            size //= 2
    return end


def _drop_overlapping(starts: Ints, ends: Ints) -> _Occurrences:
    """The occurrences that do not overlap a kept one before them."""
    occurrences = _Occurrences(starts, ends)
    gaps, lengths = np.diff(starts), ends - starts
    if (gaps >= lengths[:-1]).all():
        return occurrences
    if (gaps == gaps[0]).all() and (lengths == lengths[0]).all():
        step = -(-lengths[0] // gaps[0])
        return _Occurrences(starts[::step], ends[::step])
    return occurrences.take(np.array([*_without_overlap(starts.tolist(), ends.tolist())]))


def _without_overlap(starts: list[int], ends: list[int]) -> Iterator[int]:
    """The indices of ranges that do not overlap a kept one before them."""
    index = 0
    while index < len(starts):
        yield index
        index = bisect_left(starts, ends[index], index)


def _assign_equal_quotes(
    step: str, source: _Source, occurrences: _Occurrences, quotes: Mapping[int, Quote]
) -> Iterator[tuple[int, Grounding]]:
    """The groundings of equal quotes, each with the index of its quote."""
    contexts = {quote.context for quote in quotes.values()}
    selections = {
        context: _select_by_context(source, occurrences, context, len(quotes))
        for context in contexts
    }
    groups: dict[Hashable, list[int]] = {}
    for index, quote in quotes.items():
        groups.setdefault(quote.group, []).append(index)
    for indices in groups.values():
        by_selection: dict[bytes, list[int]] = {}
        for index in indices:
            selection = _limit(selections[quotes[index].context], len(indices))
            by_selection.setdefault(selection.tobytes(), []).append(index)
        yield from _assign_group(step, occurrences, by_selection)


def _select_by_context(
    source: _Source, occurrences: _Occurrences, context: str, quote_count: int
) -> Ints:
    """The indices of the occurrences inside a context; all of them if it is not found or contains
    none.
    """
    indices = np.arange(len(occurrences.starts))
    contexts = source.find_context(context) if len(indices) > 1 else _NO_OCCURRENCES
    if not len(contexts.starts):
        return _limit(indices, quote_count)
    # Ends ascend as starts do: of the contexts that start in time, the last reaches farthest.
    last = np.searchsorted(contexts.starts, occurrences.starts, "right") - 1
    inside = np.flatnonzero((last >= 0) & (contexts.ends[last] >= occurrences.ends))
    return _limit(inside if len(inside) else indices, quote_count)


def _limit(selection: Ints, quote_count: int) -> Ints:
    """As many occurrences as equal quotes can be assigned to and candidates are listed."""
    return selection[: quote_count + MAX_CANDIDATES].copy()  # a view would keep all of them


def _assign_group(
    step: str, occurrences: _Occurrences, by_selection: Mapping[bytes, Sequence[int]]
) -> Iterator[tuple[int, Grounding]]:
    """The groundings of the equal quotes of a group, whose indices are grouped by the occurrences
    that their contexts select.
    """
    certain: set[int] = set()
    assigned: set[int] = set()
    for key in sorted(by_selection, key=len):
        selection, indices = np.frombuffer(key, np.int64).tolist(), by_selection[key]
        open_occurrences = [item for item in selection if item not in certain]
        free = [item for item in open_occurrences if item not in assigned][: len(indices)]
        is_certain = len(indices) >= len(open_occurrences)
        listed = [] if is_certain else open_occurrences[:MAX_CANDIDATES]
        spans = tuple(_range_of(occurrences, item) for item in listed)
        for index, item in zip(indices, free):
            span = _range_of(occurrences, item)
            # Equal quotes share their candidates. A quote beyond those that are listed has its own
            # occurrence in place of the last.
            is_listed = is_certain or item <= listed[-1]
            yield index, Grounding(step, *span, spans if is_listed else (*spans[:-1], span))
        for index in indices[len(free) :]:
            yield index, Grounding(step, *_range_of(occurrences, selection[-1]), duplicate=True)
        assigned.update(free)
        if is_certain:
            certain.update(free)


def _range_of(occurrences: _Occurrences, index: int) -> Range:
    return int(occurrences.starts[index]), int(occurrences.ends[index])
