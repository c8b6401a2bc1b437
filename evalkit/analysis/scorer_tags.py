"""Tags as scorers of tagged words read them: from a file of tags, or made from spans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from evalkit.analysis.scorer_rules import SIDES, ScorerDocument, ScorerItem, ScorerRule, ScorerState

# The first token, the token after the last, and the label
Chunk = tuple[int, int, str]
ChunkReader = Callable[[Sequence[str]], Iterable[Chunk]]


def tags_from_items(document: ScorerDocument, items: Iterable[ScorerItem]) -> list[str]:
    """IOB2 tags of the words that items overlap; where two items share a word, the one that begins
    first, or else is longer, is kept.
    """
    tags = ["O"] * len(document.tokens)
    placed = [item for item in items if item.start is not None and item.end is not None]
    for item in sorted(placed, key=lambda item: (item.start or 0, -(item.end or 0))):
        words = words_of(document, item)
        if words and all(tags[word] == "O" for word in words):
            tags[words[0]] = f"B-{item.label}"
            for word in words[1:]:
                tags[word] = f"I-{item.label}"
    return tags


def words_of(document: ScorerDocument, item: ScorerItem) -> list[int]:
    """The numbers of the tokens that an item overlaps."""
    if item.start is None or item.end is None:
        return []
    return [
        number
        for number, (start, end) in enumerate(document.tokens)
        if start < item.end and item.start < end
    ]


def read_chunks(read: ChunkReader, text: str) -> ScorerRule:
    """A rule that reads the items from tags.

    read: returns the chunks of one sequence of tags.
    """

    def apply(state: ScorerState) -> ScorerState:
        items = {side: tuple(_iter_chunk_items(state, side, read)) for side in SIDES}
        return replace(state, gold=items["gold"], predicted=items["predicted"])

    return ScorerRule("read", text, apply)


def _iter_chunk_items(state: ScorerState, side: str, read: ChunkReader) -> Iterator[ScorerItem]:
    by_document: list[list[ScorerItem]] = [[] for _ in state.documents]
    for item in state.items(side):
        by_document[item.document].append(item)
    for number, document in enumerate(state.documents):
        own = by_document[number]
        tags = document.tags(side)
        if tags is None:
            tags = tags_from_items(document, own)
        source_of = _SourceFinder(document, own)
        for first, end, label in _chunks_of(document, tags, read):
            start, stop = document.tokens[first][0], document.tokens[end - 1][1]
            source = source_of.find(first, end, label)
            words = document.text[start:stop]
            yield ScorerItem(number, label, (first, end), source, start, stop, words)


def _chunks_of(document: ScorerDocument, tags: Sequence[str], read: ChunkReader) -> Iterator[Chunk]:
    """The chunks of all sequences of a document."""
    borders = [*document.sequences, len(tags)]
    for first, end in pairwise(borders):
        for begin, stop, label in read(tags[first:end]):
            yield first + begin, first + stop, label


class _SourceFinder:
    """Finds the item of evalkit that a chunk comes from: the one of the same words and label, else
    of the same words, else the first that shares a word. No item is the source of two chunks.
    """

    def __init__(self, document: ScorerDocument, items: Sequence[ScorerItem]) -> None:
        self._words = [(words_of(document, item), item) for item in items]
        self._used: set[int] = set()

    def find(self, first: int, end: int, label: str) -> int | None:
        words = list(range(first, end))
        candidates = [
            (own != words, item.label != label, number)
            for number, (own, item) in enumerate(self._words)
            if number not in self._used and set(own) & set(words)
        ]
        if not candidates:
            return None
        number = min(candidates)[-1]
        self._used.add(number)
        return self._words[number][1].source
