"""Surface forms of a layer: how often each occurs with each label, and what follows from that.

A surface form is the characters of a span, as they are in the text. Of a discontinuous span, the
fragments are joined by a mark that no text can hold. A form of more than 200 characters is kept as
its beginning and a digest, so that memory does not grow with the texts of long annotations.

Lengths and edges are properties of the form: they are computed once for each distinct form.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from evalkit.data.edges import PUNCTUATION
from evalkit.data.text import tokens

LONGEST_FORM = 200
LONGEST_WORD, MAX_WORDS = 30, 100_000  # words whose number of tokens is kept
# Lone surrogates, which no text can hold
FRAGMENT_BREAK, CUT = "\udfff", "\udffe"


class FormLengths(NamedTuple):
    """The length of a surface form in tokens and characters, and whether it begins or ends with
    white space or punctuation.
    """

    tokens: int
    characters: int
    has_edge: bool


class _WordTokens(dict[str, int]):
    """The number of tokens of words, kept for many short ones."""

    def __missing__(self, word: str) -> int:
        count = len(tokens(word))
        if len(word) <= LONGEST_WORD and len(self) < MAX_WORDS:
            self[word] = count
        return count


_word_tokens = _WordTokens()


def count_tokens(text: str) -> int:
    """The number of tokens of a text, as `text.tokens` defines them.

    Tokens do not cross white space, so that those of each word are counted, and frequent words only
    once.

    >>> count_tokens("“Kenya’s well-known (1998) plan.”")
    5
    """
    return sum(map(_word_tokens.__getitem__, text.split()))


def measure_form(surface: str) -> FormLengths:
    """The lengths of a surface form that is not cut."""
    edges = surface[0], surface[-1]
    has_edge = any(character.isspace() or character in PUNCTUATION for character in edges)
    if FRAGMENT_BREAK not in surface:
        return FormLengths(count_tokens(surface), len(surface), has_edge)
    fragments = surface.split(FRAGMENT_BREAK)
    return FormLengths(sum(map(count_tokens, fragments)), sum(map(len, fragments)), has_edge)


def join_fragments(text: str, span: Any) -> str:
    """The characters of a span; fragments are joined by FRAGMENT_BREAK."""
    if not span.fragments:
        return text[span.start : span.end]
    return FRAGMENT_BREAK.join([text[start:end] for start, end in span.fragments])


def form_key(surface: str) -> str:
    """The key of a surface form: itself, or the beginning and a digest of a long one."""
    if len(surface) <= LONGEST_FORM:
        return surface
    digest = blake2b(surface.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{surface[:LONGEST_FORM]}{CUT}{digest}"


def display_form(key: str) -> str:
    """A surface form as it is shown: fragments joined by an ellipsis, a long one cut."""
    beginning, cut, _ = key.partition(CUT)
    text = beginning.replace(FRAGMENT_BREAK, " … ")
    return f"{text}…" if cut else text


class SurfaceCounts:
    """The number of annotations of each label and surface form.

    `by_label` has the counts by label and key; see `form_key`.
    """

    def __init__(self) -> None:
        self.by_label: dict[str, defaultdict[str, int]] = {}
        self._long: dict[str, FormLengths] = {}

    def add(self, text: str, items: Iterable[tuple[str, Any]]) -> None:
        """Count the annotations of a text, given as labels and spans."""
        by_label = self.by_label
        for label, span in items:
            key = join_fragments(text, span) if span.fragments else text[span.start : span.end]
            if len(key) > LONGEST_FORM:
                key = self._shorten(key)
            if label not in by_label:
                by_label[label] = defaultdict(int)
            by_label[label][key] += 1

    def _shorten(self, surface: str) -> str:
        """The key of a long surface form, whose lengths are kept."""
        key = form_key(surface)
        if key not in self._long:
            self._long[key] = measure_form(surface)
        return key

    def lengths(self) -> Callable[[str], FormLengths]:
        """A function that returns the lengths of a key, computed once for each."""
        known = dict(self._long)

        def length_of(key: str) -> FormLengths:
            lengths = known.get(key)
            if lengths is None:
                lengths = known[key] = measure_form(key)
            return lengths

        return length_of

    def counts_of(self, label: str | None) -> Mapping[str, int]:
        """The counts by key of a label, or of all labels."""
        if label is not None:
            return self.by_label.get(label, {})
        total: Counter[str] = Counter()
        for counts in self.by_label.values():
            total.update(counts)
        return total

    def most_frequent(self, label: str | None, number: int) -> list[tuple[str, int]]:
        """The most frequent surface forms with their counts; equally frequent ones by text."""
        counts = self.counts_of(label)
        return heapq.nsmallest(number, counts.items(), key=lambda item: (-item[1], item[0]))

    def find_ambiguous(self) -> dict[str, dict[str, int]]:
        """The surface forms that have two or more labels: their counts by label."""
        owners: dict[str, str] = {}
        found: dict[str, dict[str, int]] = {}
        for label, counts in self.by_label.items():
            for key, count in counts.items():
                owner = owners.setdefault(key, label)
                if owner != label:
                    first = {owner: self.by_label[owner][key]}
                    found.setdefault(key, first)[label] = count
        ambiguous: dict[str, dict[str, int]] = {}
        for key, by_label in found.items():
            ordered = sorted(by_label.items(), key=lambda item: (-item[1], item[0]))
            ambiguous[key] = dict(ordered)
        return ambiguous


class Novelty(NamedTuple):
    """How many annotations have a surface form that other annotations have with the same label,
    only with other labels, or not at all (Tu & Lignos 2021).
    """

    seen: int = 0
    seen_with_other_label: int = 0
    unseen: int = 0

    @property
    def unseen_share(self) -> float | None:
        """The share of the unseen ones; None without annotations."""
        total = sum(self)
        return self.unseen / total if total else None


def count_novelty(known: SurfaceCounts, counted: SurfaceCounts) -> dict[str, Novelty]:
    """For each label of `counted`, how many of its annotations have a surface form that `known`
    has.
    """
    all_known = set().union(*known.by_label.values())
    return dict(_iter_novelty(known, counted, all_known))


def _iter_novelty(
    known: SurfaceCounts, counted: SurfaceCounts, all_known: set[str]
) -> Iterator[tuple[str, Novelty]]:
    for label, counts in counted.by_label.items():
        same_label: Mapping[str, int] = known.by_label.get(label, {})
        seen = other = unseen = 0
        for key, count in counts.items():
            if key in same_label:
                seen += count
            elif key in all_known:
                other += count
            else:
                unseen += count
        yield label, Novelty(seen, other, unseen)
