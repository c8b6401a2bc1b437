"""The errors of FairEval (commit 5d43e1e): spans of words, each paired with the most similar ones.

The spans of a sentence are compared in steps: equal spans (TP), equal borders with another label
(LE), overlapping spans of a label (BE), overlapping spans of different labels (LBE). Within the two
last steps a gold span, the shortest first, takes the most similar predicted span that is left; then
gold spans that are left over, and after them predicted ones, join a pair with one that is paired
and still has words that no pair has used. The most similar span shares the most words, lacks the
fewest, adds the fewest, and is the shortest; else it is the first.

Each loop removes spans from the list that it runs over, and so passes over the span after each
that is paired. That can change the numbers, and it is done in the same way here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass
class WordSpan:
    """A span of words: its label, the first and the last word, and the words that no pair has used.

    number: of the item; two spans are equal without it.
    """

    label: str
    first: int
    last: int
    words: frozenset[int]
    number: int = field(compare=False)

    @property
    def borders(self) -> tuple[int, int]:
        """The first and the last word."""
        return self.first, self.last

    @property
    def length(self) -> int:
        """The number of words between the borders, less 1."""
        return self.last - self.first


class SpanError(NamedTuple):
    """What is counted: TP, LE, BES (too short), BEL (too long), BEO (shifted), LBE, FN or FP, with
    the spans of both sides.
    """

    kind: str
    gold: WordSpan | None
    predicted: WordSpan | None


def compare_spans(gold: Sequence[WordSpan], predicted: Sequence[WordSpan]) -> list[SpanError]:
    """The errors of a sentence, in the order in which they are found."""
    comparison = _SpanComparison(gold, predicted)
    comparison.pair_equal_spans()
    comparison.pair_equal_borders()
    for same_label in (True, False):
        comparison.pair_overlapping(same_label=same_label)
    return comparison.finish()


def overlap_kind(gold: WordSpan, predicted: WordSpan) -> str | None:
    """BES, BEL or BEO for overlapping spans of different borders; None for others."""
    if gold.borders == predicted.borders:
        return None
    if predicted.last < gold.first or gold.last < predicted.first:
        return None
    if gold.first <= predicted.first and predicted.last <= gold.last:
        return "BES"
    if predicted.first <= gold.first and gold.last <= predicted.last:
        return "BEL"
    return "BEO"


class _SpanComparison:
    """The spans of both sides that are left, those that are paired, and the errors."""

    def __init__(self, gold: Sequence[WordSpan], predicted: Sequence[WordSpan]) -> None:
        self._gold, self._predicted = list(gold), list(predicted)
        self._paired_gold: list[WordSpan] = []
        self._paired_predicted: list[WordSpan] = []
        self._errors: list[SpanError] = []

    def pair_equal_spans(self) -> None:
        for gold in [span for span in self._gold if span in self._predicted]:
            if gold in self._predicted:
                predicted = self._predicted[self._predicted.index(gold)]
                self._remove("TP", gold, predicted)

    def pair_equal_borders(self) -> None:
        def others_of(gold: WordSpan) -> list[WordSpan]:
            return [
                span
                for span in self._predicted
                if span.label != gold.label and span.borders == gold.borders
            ]

        for gold in [span for span in self._gold if others_of(span)]:
            others = others_of(gold)
            if others:
                self._remove("LE", gold, others[0])
        self._gold.sort(key=lambda span: span.length)
        self._predicted.sort(key=lambda span: span.length)

    def pair_overlapping(self, *, same_label: bool) -> None:
        for gold in _iter_while_removing(self._gold):
            candidates = [
                span for span in self._predicted if _is_pair(gold, span, same_label=same_label)
            ]
            if candidates:
                predicted = _most_similar(gold, candidates)
                self._remove(_kind(gold, predicted, same_label=same_label), gold, predicted)
                self._paired_predicted.append(predicted)
                self._paired_gold.append(gold)
                _use_common_words(gold, predicted)
        for gold in _iter_while_removing(self._gold):
            candidates = [
                span
                for span in self._paired_predicted
                if _is_pair(gold, span, same_label=same_label) and gold.words & span.words
            ]
            if candidates:
                predicted = _most_similar(gold, candidates)
                kind = _kind(gold, predicted, same_label=same_label)
                self._errors.append(SpanError(kind, gold, predicted))
                self._gold.remove(gold)
                _use_common_words(gold, predicted)
                self._paired_gold.append(gold)
        for predicted in _iter_while_removing(self._predicted):
            candidates = [
                span
                for span in self._paired_gold
                if _is_pair(span, predicted, same_label=same_label) and predicted.words & span.words
            ]
            if candidates:
                gold = _most_similar(predicted, candidates)
                kind = _kind(gold, predicted, same_label=same_label)
                self._errors.append(SpanError(kind, gold, predicted))
                self._predicted.remove(predicted)
                _use_common_words(gold, predicted)
                self._paired_predicted.append(predicted)

    def finish(self) -> list[SpanError]:
        """All errors, with the spans that are left."""
        self._errors += [SpanError("FN", span, None) for span in self._gold]
        self._errors += [SpanError("FP", None, span) for span in self._predicted]
        return self._errors

    def _remove(self, kind: str, gold: WordSpan, predicted: WordSpan) -> None:
        """Counts a pair and removes both spans from those that are left."""
        self._errors.append(SpanError(kind, gold, predicted))
        self._predicted.remove(predicted)
        self._gold.remove(gold)


def _iter_while_removing(spans: list[WordSpan]) -> Iterator[WordSpan]:
    """Yields the spans of a list by position: after one is removed, the next is passed over."""
    position = 0
    while position < len(spans):
        yield spans[position]
        position += 1


def _is_pair(gold: WordSpan, predicted: WordSpan, *, same_label: bool) -> bool:
    is_same = gold.label == predicted.label
    return is_same == same_label and overlap_kind(gold, predicted) is not None


def _kind(gold: WordSpan, predicted: WordSpan, *, same_label: bool) -> str:
    return overlap_kind(gold, predicted) or "" if same_label else "LBE"


def _most_similar(span: WordSpan, candidates: list[WordSpan]) -> WordSpan:
    def difference(other: WordSpan) -> tuple[int, int, int, int]:
        shared = len(span.words & other.words)
        return -shared, len(span.words) - shared, len(other.words) - shared, other.length

    return min(candidates, key=difference)


def _use_common_words(gold: WordSpan, predicted: WordSpan) -> None:
    common = gold.words & predicted.words
    gold.words -= common
    predicted.words -= common
