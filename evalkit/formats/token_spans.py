"""Converts between character offsets and tokens, for formats that annotate token ranges.

Tokenizers:

    words       the tokens and sentences of evalkit.data.text; punctuation at the edges of words
                becomes tokens of its own, one for each run of the same character
    whitespace  tokens are separated by white space, sentences are lines

The tokens cover all of the text except white space. A token is split where an annotation begins or
ends inside it; a sentence does not end inside an annotation. White space at the edges of an
annotation is dropped and counted.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, pairwise
from typing import Any

from evalkit.data.document import Document, Entity
from evalkit.data.text import Range, sentences, tokens
from evalkit.errors import InputError, UnknownNameError, quoted_repr
from evalkit.formats.conversion import ConversionReport


class TokenIndex:
    """The tokens of a document by sentence, and the token ranges of its annotations.

    Annotations that no token range can represent are counted as dropped.
    """

    def __init__(
        self,
        document: Document,
        conversion: ConversionReport,
        annotations: Iterable[Any] | None = None,
    ) -> None:
        """Tokenizes the document so that no token crosses the edge of an annotation.

        annotations: those that are to be represented; by default all entities and events.
        """
        self.document = document
        self._conversion = conversion
        self._layout = TokenLayout(document.text, "words")
        trimmed_spans: list[LabelledSpan] = []
        for span in _spans(document) if annotations is None else annotations:
            trimmed = None if span.fragments else self._layout.trim(span.start, span.end)
            if trimmed is not None:
                trimmed_spans.append((*trimmed, ""))
        self.sentences = self._layout.sentences(trimmed_spans)
        self.tokens = list(chain.from_iterable(self.sentences))
        # The index of the first token of each sentence, and the number of tokens at the end
        self.starts = [0, *accumulate(map(len, self.sentences))]
        self._first = {start: index for index, (start, _) in enumerate(self.tokens)}
        self._last = {end: index for index, (_, end) in enumerate(self.tokens)}
        self._sentence_of_token: list[int] = []
        for index, sentence in enumerate(self.sentences):
            self._sentence_of_token += [index] * len(sentence)

    def token_range(self, span: Any, what: str, where: str) -> Range | None:
        """The indices of the first and the last token of an annotation.

        None, and counted as dropped under the name `what`, if tokens cannot represent it.
        """
        position = f"document {quoted_repr(self.document.id)}, {where}"
        if span.fragments:
            self._conversion.add(f"discontinuous {what}", position)
            return None
        trimmed = self._layout.trim(span.start, span.end)
        if trimmed is None:
            self._conversion.add(f"{what} of white space alone", position)
            return None
        if trimmed != (span.start, span.end):
            self._conversion.add(
                f"{what} with white space at an edge, written without it", position
            )
        start, end = trimmed
        return self._first[start], self._last[end]

    def find_token_range(self, span: Any) -> Range | None:
        """Like `token_range`, but does not count dropped annotations."""
        trimmed = None if span.fragments else self._layout.trim(span.start, span.end)
        if trimmed is None:
            return None
        start, end = trimmed
        return self._first[start], self._last[end]

    def sentence(self, token: int) -> int:
        """The index of the sentence that contains a token."""
        return self._sentence_of_token[token]

    def count_dropped(self, what: str, where: str) -> None:
        """Counts an annotation or field of the document as dropped."""
        self._conversion.add(what, f"document {quoted_repr(self.document.id)}, {where}")


def _spans(document: Document) -> Iterator[Any]:
    yield from document.entities or ()
    for event in document.events or ():
        if event.trigger is not None:
            yield event.trigger
            yield from event.arguments


def join_tokens(sentences: Sequence[Sequence[str]]) -> tuple[str, list[Range]]:
    """The text of the tokens, joined by spaces, with line feeds between sentences; and the range of
    each token in it.

    >>> join_tokens([["Ada", "wrote"], ["Yes"]])
    ('Ada wrote\\nYes', [(0, 3), (4, 9), (10, 13)])
    """
    text = "\n".join(" ".join(sentence) for sentence in sentences)
    ranges: list[Range] = []
    position = 0
    for sentence in sentences:
        for token in sentence:
            ranges.append((position, position + len(token)))
            position += len(token) + 1
        if not sentence:
            position += 1  # its line feed
    return text, ranges


def check_token_offsets(
    tokens: Sequence[str], text: str, offsets: Sequence[tuple[int, int]]
) -> list[Range]:
    """The offsets, after checking that each token is in the text at its own.

    Raises InputError if one is not, or if their number differs.
    """
    if len(offsets) != len(tokens):
        raise InputError(
            f"_tokens: {len(offsets)} ranges: expected one for each of {len(tokens)} tokens"
        )
    for n, (token, (start, end)) in enumerate(zip(tokens, offsets)):
        if start < 0 or token != text[start:end]:
            raise InputError(
                f"_tokens: token {n} is {quoted_repr(token)}, and {start} to {end} of _text is"
                f" {quoted_repr(text[max(start, 0) : end])}"
            )
    return list(offsets)


def align_tokens(tokens: Sequence[str], text: str) -> list[Range]:
    """The range of each token in a text that contains the tokens in order, separated by white space
    only.

    Raises InputError if the text differs.
    """
    ranges: list[Range] = []
    position = 0
    for index, token in enumerate(tokens):
        while (
            position < len(text)
            and text[position].isspace()
            and not text.startswith(token, position)
        ):
            position += 1
        if not text.startswith(token, position):
            raise InputError(
                f"expected token {index}, {quoted_repr(token)}, next in the text, at {position},"
                f" but found {quoted_repr(text[position : position + 20])}"
            )
        ranges.append((position, position + len(token)))
        position += len(token)
    if text[position:].strip():
        raise InputError(
            f"expected the end of the text after the last token, at {position}, but found"
            f" {quoted_repr(text[position : position + 20])}"
        )
    return ranges


TOKENIZERS = ("words", "whitespace")
LabelledSpan = tuple[int, int, str]  # start, end, label
_RUN = re.compile(r"\S+")


class TokenLayout:
    """The token edges and sentence starts of a text, independent of its annotations."""

    def __init__(self, text: str, tokenizer: str) -> None:
        """Raises UnknownNameError for an unknown tokenizer."""
        if tokenizer not in TOKENIZERS:
            raise UnknownNameError("tokenizer", tokenizer, TOKENIZERS)
        self.text = text
        self.words = [run.span() for run in _RUN.finditer(text)]
        self._run_starts = [start for start, _ in self.words]
        self._run_ends = [end for _, end in self.words]
        if tokenizer == "words":
            self.edges = _token_edges(text, self.words)
            self._sentence_starts = [start for start, _ in sentences(text)]
        else:
            self.edges = {*self._run_starts, *self._run_ends}
            self._sentence_starts = []
            for (_, previous_end), (start, _) in pairwise(self.words):
                if "\n" in text[previous_end:start]:
                    self._sentence_starts.append(start)

    def trim(self, start: int, end: int) -> Range | None:
        """A range without the white space at its edges; None if it contains only white space."""
        first = bisect_right(self._run_ends, start)
        last = bisect_left(self._run_starts, end) - 1
        if first > last:
            return None
        return max(start, self._run_starts[first]), min(end, self._run_ends[last])

    def sentences(
        self, entities: Sequence[LabelledSpan], cuts: Iterable[int] = ()
    ) -> list[list[Range]]:
        """The token ranges of each sentence, split at the edges of entities and at `cuts`.

        No sentence ends inside an entity.
        """
        edges = set(self.edges).union(cuts)
        sentence_starts = set(self._sentence_starts)
        for start, end, _ in entities:
            edges.update((start, end))
            first = bisect_right(self._sentence_starts, start)
            last = bisect_left(self._sentence_starts, end)
            sentence_starts.difference_update(self._sentence_starts[first:last])
        white_space_starts = set(self._run_ends)
        result: list[list[Range]] = []
        for token in pairwise(sorted(edges)):
            if token[0] in white_space_starts:
                continue
            if not result or token[0] in sentence_starts:
                result.append([])
            result[-1].append(token)
        return result


def _token_edges(text: str, runs: Sequence[Range]) -> set[int]:
    """The edges of words, and of the runs of one punctuation character around them."""
    words = tokens(text)
    edges: set[int] = set()
    for start, end in (*runs, *words):
        edges.update((start, end))
    unsplit_starts = {start for start, _ in words}  # of words and of white space
    unsplit_starts.update(end for _, end in runs)
    for start, end in pairwise(sorted(edges)):
        if start in unsplit_starts:
            continue
        for position in range(start + 1, end):
            if text[position] != text[position - 1]:
                edges.add(position)
    return edges


def flat_entities(
    document: Document,
    layout: TokenLayout,
    conversion: ConversionReport,
    *,
    split_tokens: bool = True,
) -> list[LabelledSpan]:
    """The entities that token tags can represent, in text order; the others are counted as dropped.

    Of overlapping entities the longest is kept, of equally long ones the first. `split_tokens`:
    whether tokens may be split at the edges of entities.
    """
    kept: list[LabelledSpan] = []
    is_covered = bytearray(len(document.text))
    entities = list(_trim_entities(document, layout, conversion))
    entities.sort(key=lambda entity: (entity[0] - entity[1], entity[0]))
    # Longest first: an entity overlaps a kept one only if its first or last character is covered.
    for start, end, label, where in entities:
        if not split_tokens and not {start, end} <= layout.edges:
            conversion.add("entities with an edge inside a token", where)
        elif is_covered[start] or is_covered[end - 1]:
            conversion.add("entities that overlap another", where)
        else:
            is_covered[start:end] = b"\1" * (end - start)
            kept.append((start, end, label))
    return sorted(kept)


def _trim_entities(
    document: Document, layout: TokenLayout, conversion: ConversionReport
) -> Iterator[tuple[int, int, str, str]]:
    """Yields start, end, label and location of each entity, without white space at its edges."""
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
    """The name under which an entity is counted as dropped; "" if tags can represent it."""
    if entity.fragments:
        return "discontinuous entities"
    if span is None:
        return "entities of white space alone"
    if any(map(str.isspace, entity.label)):
        return "entities whose label holds white space"
    return ""
