"""Where in the text is what the model quoted?

Quotes in, offsets out: code points, half-open, on the untouched text.

A quote is looked for in three **steps**, and the first at which it stands anywhere decides:
**exact**; **normalised** (Unicode NFKC; one kind of double quote, of single quote and of dash; a
run of white space is one space; soft hyphens and characters of no width are left out);
**case-folded** (the normalised form, case-folded). The last two are compared by combining
sequences, a character with its marks, so that composed and decomposed text meet; a place begins and
ends on whole ones ("s" is no half of ß).

**Places.** Where some are at word boundaries (no letter, digit or mark on both sides of an edge),
only those count. Of places that overlap, the first counts. The context, looked for in the same
steps, leaves those that lie inside it; it is ignored where it is not found or leaves none.

**Sharing.** Equal quotes of one group (equal in the form that decided) take the places from left to
right, those with fewer left to choose from first. A quote is **ambiguous** where more places are
open (left by its context, and not of a quote that is sure) than there are quotes with that same
choice. It is a **duplicate** where all its places are taken: it then stands at the last.

Time is linear in the text for each quote: no pattern is built from text or answer, and each form of
the text is made once, when a quote first needs it. Nothing is found by resemblance: a place that is
nearly right would spoil strict scores in silence. Source of forms: Unicode Standard Annex 15 (NFKC;
section 13 for sequences of more than 30 marks, which are cut), and The Unicode Standard, section
3.13 (caseless matching: composed again after folding).
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

MOST_CANDIDATES = 1000  # kept for each quote: the first ones, and always the chosen one
MOST_MARKS = 30  # of one combining sequence: sorting marks takes quadratic time

_HIDDEN = {
    chr(code)
    for first, last in (
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
    for code in range(first, last + 1)
}
_WITHOUT_HIDDEN = dict.fromkeys(map(ord, _HIDDEN))
_PLAIN = str.maketrans(
    dict.fromkeys("“”„‟«»″〝〞", '"')
    | dict.fromkeys("‘’‚‛‹›′´`ʼ", "'")
    | dict.fromkeys("‐‑‒–—―−", "-")
)


class Quote(NamedTuple):
    """What the model quoted.

    Equal quotes of one group take successive places; `context`: words around it, if it gave any.
    """

    text: str
    context: str = ""
    group: Hashable = None


class Grounding(NamedTuple):
    """Where a quote stands: `text[start:end]`; `how`: "exact", "normalised", "case-folded" or
    "absent" (and then 0, 0).

    `candidates`: the open places of an ambiguous quote, in order, the chosen one among them; at
    most MOST_CANDIDATES. Of a quote that is not ambiguous, none. `duplicate`: equal quotes of its
    group have taken every place.
    """

    match_type: str
    start: int = 0
    end: int = 0
    candidates: tuple[Range, ...] = ()
    duplicate: bool = False


def ground_quotes(text: str, quotes: Sequence[Quote]) -> list[Grounding]:
    """Where each quote stands, in their order.

    >>> quotes = [Quote('"why?"'), Quote("Doe", "Doe left")]
    >>> for found in ground_quotes("“Why?” asked Doe. Doe left.", quotes):
    ...     print(found)
    Grounding(match_type='case-folded', start=0, end=6, candidates=(), duplicate=False)
    Grounding(match_type='exact', start=18, end=21, candidates=(), duplicate=False)
    """
    found = [Grounding("absent")] * len(quotes)
    source, waiting = (
        _Source(text),
        [(quote.text.strip(), number) for number, quote in enumerate(quotes)],
    )
    for how in _STEPS:
        equal: dict[str, list[tuple[str, int]]] = {}
        for quote, number in waiting:
            equal.setdefault(_needle(quote, how), []).append((quote, number))
        waiting = []
        for needle, those in equal.items():
            places = _drop_overlapping(*source.places(how, needle))
            if not len(places.starts):
                waiting += those
                continue
            for number, one in _assign_equal_quotes(
                how, source, places, {number: quotes[number] for _, number in those}
            ):
                found[number] = one
    return found


def count_outcomes(found: Iterable[Grounding]) -> dict[str, int]:
    """How many are exact, normalised, case-folded and absent; and, counted beside that, ambiguous
    and duplicate.
    """
    counts = dict.fromkeys(
        ("exact", "normalised", "case-folded", "ambiguous", "absent", "duplicate"), 0
    )
    for one in found:
        counts[one.match_type] += 1
        counts["ambiguous"] += bool(one.candidates)
        counts["duplicate"] += one.duplicate
    return counts


class _Places(NamedTuple):
    """Where one needle stands in the untouched text, from left to right."""

    starts: Ints
    ends: Ints

    def take(self, which: Ints | Mask) -> _Places:
        return _Places(self.starts[which], self.ends[which])


class _NormalizedText(NamedTuple):
    """A text as it is compared.

    Of each character, where its sequence starts (ends) in the text; -1 if it is not its first
    (last).
    """

    text: str
    starts: Ints
    ends: Ints


class _Source:
    """The text, and each of its forms, made when first asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.forms: dict[str, _NormalizedText] = {}

    def places(self, how: str, needle: str) -> _Places:
        """All places, overlapping ones too; of those at word boundaries and others, only the
        former.
        """
        if how not in self.forms:
            self.forms[how] = _form(self.text, how)
        form = self.forms[how]
        at = _occurrences(form.text, needle)
        found = _Places(form.starts[at], form.ends[at + len(needle) - 1])
        found = found.take((found.starts >= 0) & (found.ends >= 0))
        if not len(found.starts):
            return found
        at_edges = ~(self._inside_words[found.starts] | self._inside_words[found.ends])
        return found.take(at_edges) if at_edges.any() else found

    def around(self, context: str) -> _Places:
        """The places of a context, overlapping ones too."""
        found = _NO_PLACES
        for how in _STEPS:
            found = self.places(how, _needle(context.strip(), how))
            if len(found.starts):
                break
        return found

    @cached_property
    def _inside_words(self) -> Mask:
        """Of each edge, from 0 to the length, whether it has a word on both sides; what has no
        width is looked through.
        """
        codes, letters = _codes(self.text), set(self.text)
        shown = ~_is_in(codes, letters & _HIDDEN)
        word = _is_in(codes[shown], {c for c in letters if c.isalnum() or category(c)[0] == "M"})
        inside = np.zeros(len(word) + 1, bool)
        inside[1:-1] = word[:-1] & word[1:]
        edges: Mask = inside[np.append(0, np.cumsum(shown))]
        return edges


_NOWHERE = np.zeros(0, np.int64)
_NO_PLACES = _Places(_NOWHERE, _NOWHERE)


def _normalised(sequence: str) -> str:
    if sequence.isspace():
        return " "
    plain = sequence.translate(_PLAIN)
    form = normalize("NFKC", plain)
    # NFKC makes a space and a mark of an accent that stands alone, and the space would melt into
    # others.
    return (normalize("NFC", plain) if form.startswith(" ") else form).translate(_PLAIN)


def _folded(sequence: str) -> str:
    return _normalised(_normalised(sequence).casefold())


_RULES = {"normalised": _normalised, "case-folded": _folded}
_STEPS = ("exact", *_RULES)


def _needle(quote: str, how: str) -> str:
    return _form(quote, how).text.strip()


def _form(text: str, how: str) -> _NormalizedText:
    if how not in _RULES:
        starts = np.arange(len(text))
        return _NormalizedText(text, starts, starts + 1)
    codes, letters = _codes(text), set(text)
    shown = np.flatnonzero(~_is_in(codes, letters & _HIDDEN))
    visible = text.translate(_WITHOUT_HIDDEN) if len(shown) < len(text) else text
    cuts = np.append(_sequences(codes[shown], letters), len(shown))
    sequences = [visible[start:end] for start, end in pairwise(cuts.tolist())]
    forms = {sequence: _RULES[how](sequence) for sequence in set(sequences)}
    written = [forms[sequence] for sequence in sequences]
    return _collapse_spaces(written, shown[cuts[:-1]], shown[cuts[1:] - 1] + 1)


def _collapse_spaces(written: Sequence[str], starts: Ints, ends: Ints) -> _NormalizedText:
    """The forms of all sequences in one, with one space for each run of them."""
    codes = _codes("".join(written))
    last = np.cumsum(np.fromiter(map(len, written), np.int64, len(written))) - 1
    first = np.append(0, last[:-1] + 1)[: len(last)]
    begins, stops = np.full(len(codes), -1), np.full(len(codes), -1)
    begins[first], stops[last] = starts, ends
    space = codes == ord(" ")
    kept = ~space
    kept[:1] = True
    kept[1:] |= ~space[:-1]
    return _NormalizedText(
        codes[kept].tobytes().decode("utf-32-le", "surrogatepass"), begins[kept], stops[kept]
    )


def _sequences(codes: NDArray[np.uint32], letters: Collection[str]) -> Ints:
    """Where combining sequences start: anywhere but before what joins the character before it,
    which is no white space.
    """
    opens = ~_is_in(codes, {c for c in letters if _is_combining(c)})
    opens[:1] = True
    opens[1:] |= _is_in(codes[:-1], {c for c in letters if c.isspace()})
    at = np.arange(len(codes))
    since = at - np.maximum.accumulate(np.where(opens, at, 0))
    return np.flatnonzero(since % (MOST_MARKS + 1) == 0)


def _is_combining(character: str) -> bool:
    """Whether it is a mark or the vowel or end of a Korean syllable, by itself or once it is
    normalised.
    """
    first = normalize("NFKD", character)[0]
    return category(first)[0] == "M" or "\u1160" <= first <= "\u11ff"


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))


def _is_in(codes: NDArray[np.uint32], letters: Collection[str]) -> Mask:
    table = np.zeros(sys.maxunicode + 1, bool)
    table[[ord(letter) for letter in letters]] = True
    return table[codes]


def _occurrences(text: str, needle: str) -> Ints:
    """All starts, of overlapping occurrences too.

    Two that overlap by half or more begin a run with the period of their distance: inside it they
    stand one period apart, and the next can begin only in its last period (Fine and Wilf). So each
    search moves on by half a needle, and the sum is linear.
    """
    if not needle:
        return _NOWHERE
    found: list[int] = []
    parts: list[Ints] = []
    at = text.find(needle)
    while at >= 0:
        following = text.find(needle, at + 1)
        period = following - at
        if 0 < period <= len(needle) // 2:
            end = _run_end(text, following + len(needle), period)
            parts += [np.array(found, np.int64), np.arange(at, end - len(needle) + 1, period)]
            found, following = [], text.find(needle, end - period + 1)
        else:
            found.append(at)
        at = following
    return np.concatenate([*parts, np.array(found, np.int64)])


def _run_end(text: str, end: int, period: int) -> int:
    """The first position from `end` on whose character is not the one a period before."""
    size = 1
    while size:
        if (
            end + size <= len(text)
            and text[end : end + size] == text[end - period : end - period + size]
        ):
            end, size = end + size, 2 * size
        else:
            size //= 2
    return end


def _drop_overlapping(starts: Ints, ends: Ints) -> _Places:
    """Without those that overlap one that was kept, from left to right."""
    places = _Places(starts, ends)
    gaps, lengths = np.diff(starts), ends - starts
    if (gaps >= lengths[:-1]).all():
        return places
    if (gaps == gaps[0]).all() and (lengths == lengths[0]).all():
        return _Places(starts[:: -(-lengths[0] // gaps[0])], ends[:: -(-lengths[0] // gaps[0])])
    return places.take(np.array([*_greedy(starts.tolist(), ends.tolist())]))


def _greedy(starts: list[int], ends: list[int]) -> Iterator[int]:
    at = 0
    while at < len(starts):
        yield at
        at = bisect_left(starts, ends[at], at)


def _assign_equal_quotes(
    how: str, source: _Source, places: _Places, quotes: Mapping[int, Quote]
) -> Iterator[tuple[int, Grounding]]:
    """What is found for each of some equal quotes, beside its number."""
    choices = {
        context: _choice(source, places, context, len(quotes))
        for context in {quote.context for quote in quotes.values()}
    }
    groups: dict[Hashable, list[int]] = {}
    for number, quote in quotes.items():
        groups.setdefault(quote.group, []).append(number)
    for numbers in groups.values():
        alike: dict[bytes, list[int]] = {}
        for number in numbers:
            alike.setdefault(
                _first(choices[quotes[number].context], len(numbers)).tobytes(), []
            ).append(number)
        yield from _assign_group(how, places, alike)


def _choice(source: _Source, places: _Places, context: str, quotes: int) -> Ints:
    """Which places a context leaves to as many equal quotes."""
    every = np.arange(len(places.starts))
    around = source.around(context) if len(every) > 1 else _NO_PLACES
    if not len(around.starts):
        return _first(every, quotes)
    # Ends ascend as starts do: of the contexts that start in time, the last reaches farthest.
    last = np.searchsorted(around.starts, places.starts, "right") - 1
    within = np.flatnonzero((last >= 0) & (around.ends[last] >= places.ends))
    return _first(within if len(within) else every, quotes)


def _first(choice: Ints, quotes: int) -> Ints:
    """As many places as can matter: equal quotes can take that many, and more are not listed."""
    return choice[: quotes + MOST_CANDIDATES].copy()  # a view would keep all of them


def _assign_group(
    how: str, places: _Places, alike: Mapping[bytes, Sequence[int]]
) -> Iterator[tuple[int, Grounding]]:
    """What is found for the equal quotes of a group, given the numbers of those that have one
    choice of places.
    """
    sure: set[int] = set()
    taken: set[int] = set()
    for key in sorted(alike, key=len):
        choice, numbers = np.frombuffer(key, np.int64).tolist(), alike[key]
        left = [place for place in choice if place not in sure]
        free = [place for place in left if place not in taken][: len(numbers)]
        certain = len(numbers) >= len(left)
        first = () if certain else tuple(_span(places, place) for place in left[:MOST_CANDIDATES])
        for number, place in zip(numbers, free):
            # Equal quotes share their candidates; of those beyond the most that are kept, each has
            # its own place for the last.
            candidates = (
                first
                if certain or place <= left[len(first) - 1]
                else (*first[:-1], _span(places, place))
            )
            yield number, Grounding(how, *_span(places, place), candidates)
        for number in numbers[len(free) :]:
            yield number, Grounding(how, *_span(places, choice[-1]), duplicate=True)
        taken.update(free)
        sure.update(free if certain else ())


def _span(places: _Places, place: int) -> Range:
    return int(places.starts[place]), int(places.ends[place])
