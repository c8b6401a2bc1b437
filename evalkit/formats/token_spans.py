"""Tokens for formats whose annotations are ranges of tokens.

    words       tokens and sentences of evalkit/data/text.py; punctuation at the edges of words is a
                token for each run of one character
    whitespace  tokens are separated by white space, sentences are lines

Together the tokens hold all of the text except white space. A token is split where an annotation
begins or ends inside it; a sentence does not end inside an annotation. White space at the edges of
an annotation is dropped and counted.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

from evalkit.data.document import Document, Entity
from evalkit.data.text import Range, sentences, tokens
from evalkit.errors import InputError, UnknownNameError, quoted_repr
from evalkit.formats.conversion import ConversionReport


class TokenIndex:
    """A document's tokens by sentence, and where its annotations lie among them.

    What no run of tokens can hold is counted as a loss.
    """

    def __init__(
        self,
        document: Document,
        conversion: ConversionReport,
        annotations: Iterable[Any] | None = None,
    ) -> None:
        """Lay out the tokens so that they hold these annotations, as far as each is in one piece;
        without any, all entities and events.
        """
        self.document, self._conversion = document, conversion
        self._layout = TokenLayout(document.text, "words")
        spans = _spans(document) if annotations is None else annotations
        positions = [
            result
            for span in spans
            if not span.fragments and (result := self._layout.trim(span.start, span.end))
        ]
        self.sentences = self._layout.sentences([(*result, "") for result in positions])
        self.tokens = [token for sentence in self.sentences for token in sentence]
        self.starts = [
            0,
            *accumulate(map(len, self.sentences)),
        ]  # the index of each sentence's first token, and one past the last
        self._first = {start: n for n, (start, _) in enumerate(self.tokens)}
        self._last = {end: n for n, (_, end) in enumerate(self.tokens)}
        self._sentence = [n for n, sentence in enumerate(self.sentences) for _ in sentence]

    def token_range(self, span: Any, what: str, where: str) -> Range | None:
        """The first and the last token of an annotation; None, and a loss named after `what`, where
        tokens cannot hold it.
        """
        position = f"document {quoted_repr(self.document.id)}, {where}"
        if span.fragments:
            self._conversion.add(f"discontinuous {what}", position)
            return None
        result = self._layout.trim(span.start, span.end)
        if result is None:
            self._conversion.add(f"{what} of white space alone", position)
            return None
        if result != (span.start, span.end):
            self._conversion.add(
                f"{what} with white space at an edge, written without it", position
            )
        return self._first[result[0]], self._last[result[1]]

    def find_token_range(self, span: Any) -> Range | None:
        """The same, and nothing is counted."""
        result = None if span.fragments else self._layout.trim(span.start, span.end)
        return (self._first[result[0]], self._last[result[1]]) if result else None

    def sentence(self, token: int) -> int:
        """Which sentence a token is in."""
        return self._sentence[token]

    def count_dropped(self, what: str, where: str) -> None:
        """Count something that is left out."""
        self._conversion.add(what, f"document {quoted_repr(self.document.id)}, {where}")


def _spans(document: Document) -> Iterator[Any]:
    yield from document.entities or ()
    for event in document.events or ():
        yield event.trigger
        yield from event.arguments


def join_tokens(sentences: Sequence[Sequence[str]]) -> tuple[str, list[Range]]:
    """A text of tokens, joined by a space, sentences by a line feed; and where each token is in it.

    >>> join_tokens([["Ada", "wrote"], ["Yes"]])
    ('Ada wrote\\nYes', [(0, 3), (4, 9), (10, 13)])
    """
    text = "\n".join(" ".join(sentence) for sentence in sentences)
    positions, at = [], 0
    for sentence in sentences:
        for token in sentence:
            positions.append((at, at + len(token)))
            at += len(token) + 1
        at += not sentence  # the line feed of a sentence without tokens
    return text, positions


def align_tokens(tokens: Sequence[str], text: str) -> list[Range]:
    """Where each token is in a text that holds them in order, with nothing but white space between.

    Raises InputError where one is not next.
    """
    positions, at = [], 0
    for n, token in enumerate(tokens):
        while at < len(text) and text[at].isspace() and not text.startswith(token, at):
            at += 1
        if not text.startswith(token, at):
            raise InputError(
                f"token {n}, {quoted_repr(token)}, is not what stands next in the text, at {at}:"
                f" {quoted_repr(text[at : at + 20])}"
            )
        positions.append((at, at + len(token)))
        at += len(token)
    if text[at:].strip():
        raise InputError(
            f"the text goes on after the last token, at {at}: {quoted_repr(text[at : at + 20])}"
        )
    return positions


TOKENIZERS = ("words", "whitespace")
LabelledSpan = tuple[int, int, str]  # start, end, label
_RUN = re.compile(r"\S+")


class TokenLayout:
    """The edges of the tokens of a text, and where its sentences start, before any entity is looked
    at.
    """

    def __init__(self, text: str, tokenizer: str) -> None:
        """Raises UnknownNameError for an unknown tokenizer."""
        if tokenizer not in TOKENIZERS:
            raise UnknownNameError("tokenizer", tokenizer, TOKENIZERS)
        self.text = text
        self.words = [run.span() for run in _RUN.finditer(text)]
        self._run_starts, self._run_ends = (
            [start for start, _ in self.words],
            [end for _, end in self.words],
        )
        self.edges = (
            _words(text, self.words)
            if tokenizer == "words"
            else {edge for run in self.words for edge in run}
        )
        lines = (
            after for (_, before), (after, _) in pairwise(self.words) if "\n" in text[before:after]
        )
        self._starts = (
            [start for start, _ in sentences(text)] if tokenizer == "words" else list(lines)
        )

    def trim(self, start: int, end: int) -> Range | None:
        """A range without the white space at its edges; None where nothing is left."""
        first, last = bisect_right(self._run_ends, start), bisect_left(self._run_starts, end) - 1
        return (
            (max(start, self._run_starts[first]), min(end, self._run_ends[last]))
            if first <= last
            else None
        )

    def sentences(
        self, entities: Sequence[LabelledSpan], cuts: Iterable[int] = ()
    ) -> list[list[Range]]:
        """The tokens, cut at the edges of entities and elsewhere as asked, sentence by sentence.

        No sentence ends inside an entity.
        """
        edges = sorted(self.edges.union(cuts, *(entity[:2] for entity in entities)))
        starts, gaps = set(self._starts), set(self._run_ends)
        for start, end, _ in entities:
            starts.difference_update(
                self._starts[bisect_right(self._starts, start) : bisect_left(self._starts, end)]
            )
        result: list[list[Range]] = []
        for token in pairwise(edges):
            if token[0] in gaps:
                continue
            if not result or token[0] in starts:
                result.append([])
            result[-1].append(token)
        return result


def _words(text: str, runs: Sequence[Range]) -> set[int]:
    words = tokens(text)
    whole = {start for start, _ in words} | {
        end for _, end in runs
    }  # words, and what stands between runs
    edges = {edge for span in (*runs, *words) for edge in span}
    for start, end in pairwise(sorted(edges)):
        if start not in whole:
            edges.update(at for at in range(start + 1, end) if text[at] != text[at - 1])
    return edges


def flat_entities(
    document: Document,
    layout: TokenLayout,
    conversion: ConversionReport,
    *,
    split_tokens: bool = True,
) -> list[LabelledSpan]:
    """The entities that tags of tokens can hold, in the order of the text; the others are counted
    as conversion.

    Of entities that overlap the longest stays, of equally long ones the first. cut: whether tokens
    can be cut.
    """
    result: list[LabelledSpan] = []
    taken = bytearray(len(document.text))
    # None is longer than those before it, so it overlaps one of them only if one of its ends does.
    for start, end, label, where in sorted(
        _trim_entities(document, layout, conversion), key=lambda one: (one[0] - one[1], one[0])
    ):
        if not split_tokens and not {start, end} <= layout.edges:
            conversion.add("entities with an edge inside a token", where)
        elif taken[start] or taken[end - 1]:
            conversion.add("entities that overlap another", where)
        else:
            taken[start:end] = b"\1" * (end - start)
            result.append((start, end, label))
    return sorted(result)


def _trim_entities(
    document: Document, layout: TokenLayout, conversion: ConversionReport
) -> Iterator[tuple[int, int, str, str]]:
    for index, entity in enumerate(document.entities or ()):
        where = f"document {quoted_repr(document.id)}, entities[{index}]"
        span = layout.trim(entity.start, entity.end)
        if problem := _unsupported_reason(entity, span):
            conversion.add(problem, where)
        elif span is not None:
            if span != (entity.start, entity.end):
                conversion.add("entities with white space at an edge, written without it", where)
            yield *span, entity.label, where


def _unsupported_reason(entity: Entity, span: Range | None) -> str:
    if entity.fragments:
        return "discontinuous entities"
    if span is None:
        return "entities of white space alone"
    return "entities whose label holds white space" if any(map(str.isspace, entity.label)) else ""
