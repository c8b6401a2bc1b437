"""Tags as scorers of tagged words read them: from a file of tags, or made from spans."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from evalkit.analysis.scorer_rules import (
    SIDES,
    ScorerDocument,
    ScorerItem,
    ScorerRule,
    ScorerState,
    keep_items,
)
from evalkit.analysis.scorer_spans import WHOLE_SPANS
from evalkit.data.taggings import WRITTEN_LETTERS, spell_tag
from evalkit.errors import InputError

# The first token, the token after the last, and the label
Chunk = tuple[int, int, str]
ChunkReader = Callable[[Sequence[str]], Iterable[Chunk]]
DEFAULT_TAGGING = "IOB2"
OUTSIDE = "O"


def has_tags(state: ScorerState) -> bool:
    """Whether the input is tags."""
    return any(document.gold_tags is not None for document in state.documents)


def tags_from_items(
    document: ScorerDocument, items: Iterable[ScorerItem], tagging: str = DEFAULT_TAGGING
) -> list[str]:
    """The tags of the words that items overlap; see `choose_tagged`."""
    first_letter, inner_letter, last_letter, only_letter = WRITTEN_LETTERS[tagging]
    tags = [OUTSIDE] * len(document.tokens)
    end_of_previous, label_of_previous = 0, None
    for item, words in choose_tagged(document, items):
        label, first = str(item.label), words[0]
        letters = [only_letter]
        if len(words) > 1:
            letters = [first_letter, *[inner_letter] * (len(words) - 2), last_letter]
        # Under IOB1 and IOE1 a tag of its own divides neighbors of one label.
        if first == end_of_previous and label == label_of_previous:
            if tagging == "IOB1":
                letters[0] = "B"
            elif tagging == "IOE1":
                tags[first - 1] = spell_tag("E", label, tagging)
        end_of_previous, label_of_previous = words[-1] + 1, label
        tags[first:end_of_previous] = [spell_tag(letter, label, tagging) for letter in letters]
    return tags


def choose_tagged(
    document: ScorerDocument, items: Iterable[ScorerItem]
) -> Iterator[tuple[ScorerItem, range]]:
    """The items that tags can hold, with the words that they overlap, in the order of the text: of
    items that share a word, the one that begins first, or else is longer, or else has the first
    label in alphabetical order.
    """
    placed = [item for item in items if item.start is not None and item.end is not None]
    next_word = 0
    for item in sorted(placed, key=_tagging_order):
        words = words_of(document, item)
        if words and words[0] >= next_word:
            next_word = words[-1] + 1
            yield item, words


def _tagging_order(item: ScorerItem) -> tuple[int, int, str]:
    return item.start or 0, -(item.end or 0), str(item.label)


def words_of(document: ScorerDocument, item: ScorerItem) -> range:
    """The numbers of the tokens that an item overlaps."""
    if item.start is None or item.end is None:
        return range(0)
    first = bisect_right(document.token_ends, item.start)
    return range(first, bisect_left(document.token_starts, item.end))


def _keep_with_words(state: ScorerState) -> ScorerState:
    if has_tags(state):
        return state
    return keep_items(
        state,
        lambda item: item.start is None or bool(words_of(state.documents[item.document], item)),
    )


def _keep_tagged(state: ScorerState) -> ScorerState:
    if has_tags(state):
        return state
    kept = set()
    for side in SIDES:
        for document, items in zip(state.documents, split_items(state, side), strict=True):
            kept |= {id(item) for item, _ in choose_tagged(document, items)}
    return keep_items(state, lambda item: id(item) in kept)


def _cover_words(state: ScorerState) -> ScorerState:
    if has_tags(state):
        return state
    items = {}
    for side in SIDES:
        items[side] = tuple(_cover_own_words(state, item) for item in state.items(side))
    pairs = [pair for side in SIDES for pair in zip(state.items(side), items[side], strict=True)]
    if all((old.start, old.end) == (new.start, new.end) for old, new in pairs):
        return state
    return replace(state, gold=items["gold"], predicted=items["predicted"])


def _cover_own_words(state: ScorerState, item: ScorerItem) -> ScorerItem:
    document = state.documents[item.document]
    words = words_of(document, item)
    start, end = document.token_starts[words[0]], document.token_ends[words[-1]]
    text = document.text[start:end]
    return item._replace(key=((start, end),), start=start, end=end, text=text)


# What tags can hold of the items of other input, in which words may have several items
ONLY_PLACED = ScorerRule(
    "read",
    "has no predictions that are not in the text",
    lambda state: keep_items(state, lambda item: item.start is not None, ["predicted"]),
)
ONLY_WORDS = ScorerRule(
    "read", "has no items without a word, such as a punctuation mark", _keep_with_words
)
ONE_TAG = ScorerRule(
    "read",
    "has one tag for each word: that of the item that begins first, or else is longest",
    _keep_tagged,
)
COVER_WORDS = ScorerRule(
    "read", "compares words: an item covers the words that it overlaps", _cover_words
)
TO_TAGS = (WHOLE_SPANS, ONLY_PLACED, ONLY_WORDS, ONE_TAG, COVER_WORDS)


def split_items(state: ScorerState, side: str) -> list[list[ScorerItem]]:
    """The items of each document."""
    by_document: list[list[ScorerItem]] = [[] for _ in state.documents]
    for item in state.items(side):
        by_document[item.document].append(item)
    return by_document


def tags_of(
    state: ScorerState, number: int, side: str, items: Iterable[ScorerItem]
) -> Sequence[str]:
    """The tags of a document: those of the input, or else made from its items."""
    document = state.documents[number]
    tags = document.tags(side)
    if tags is None:
        tags = tags_from_items(document, items, state.details.get("tagging", DEFAULT_TAGGING))
    return tags


def read_chunks(read: ChunkReader, text: str, *, over_documents: bool = False) -> ScorerRule:
    """A rule that reads the items from tags.

    read: returns the chunks of one sequence of tags. over_documents: whether the scorer reads a
    document as one sequence.
    """

    def starts_of(document: ScorerDocument) -> Sequence[int]:
        return (0,) if over_documents else document.sequences

    def apply(state: ScorerState) -> ScorerState:
        items = {side: tuple(_iter_chunk_items(state, side, read, starts_of)) for side in SIDES}
        return replace(state, gold=items["gold"], predicted=items["predicted"])

    return ScorerRule("read", text, apply)


def _iter_chunk_items(
    state: ScorerState,
    side: str,
    read: ChunkReader,
    starts_of: Callable[[ScorerDocument], Sequence[int]],
) -> Iterator[ScorerItem]:
    for number, own in enumerate(split_items(state, side)):
        document = state.documents[number]
        tags = tags_of(state, number, side, own)
        sources = SourceFinder(document, own)
        try:
            chunks = list(_chunks_of(starts_of(document), tags, read))
        except InputError as error:
            raise InputError(f"{side} tags: document {document.id!r}, {error}") from None
        for first, end, label in chunks:
            start, stop = document.tokens[first][0], document.tokens[end - 1][1]
            source = sources.find(first, end, label)
            words = document.text[start:stop]
            yield ScorerItem(number, label, (first, end), source, start, stop, words)


def _chunks_of(starts: Sequence[int], tags: Sequence[str], read: ChunkReader) -> Iterator[Chunk]:
    """The chunks of all sequences of a document."""
    for number, (first, end) in enumerate(pairwise([*starts, len(tags)])):
        try:
            chunks = list(read(tags[first:end]))
        except InputError as error:
            raise InputError(f"sequence {number}, {error}") from None
        for begin, stop, label in chunks:
            yield first + begin, first + stop, label


def read_tokens(label_of: Callable[[str], str], text: str, *, keeps_outside: bool) -> ScorerRule:
    """A rule that reads each token as an item.

    label_of: returns the label of the item from the tag. keeps_outside: whether tokens with the tag
    O are items.
    """

    def apply(state: ScorerState) -> ScorerState:
        items = {side: tuple(_iter_token_items(state, side, label_of)) for side in SIDES}
        if not keeps_outside:
            for side in SIDES:
                items[side] = tuple(item for item in items[side] if item.label != OUTSIDE)
        return replace(state, gold=items["gold"], predicted=items["predicted"])

    return ScorerRule("read", text, apply)


def _iter_token_items(
    state: ScorerState, side: str, label_of: Callable[[str], str]
) -> Iterator[ScorerItem]:
    for number, own in enumerate(split_items(state, side)):
        document = state.documents[number]
        sources = SourceFinder(document, own)
        for word, tag in enumerate(tags_of(state, number, side, own)):
            start, end = document.tokens[word]
            source = None if tag == OUTSIDE else sources.find_sharing(word, type_of(tag))
            words = document.text[start:end]
            yield ScorerItem(number, label_of(tag), word, source, start, end, words)


def type_of(tag: str) -> str:
    """The type of a tag: what follows the first dash, or the tag itself."""
    return tag.partition("-")[2] or tag


class SourceFinder:
    """Finds the item of evalkit that a chunk comes from: the one of the same words and label, else
    of the same words, else the first that shares a word. No item is the source of two chunks.
    """

    def __init__(self, document: ScorerDocument, items: Sequence[ScorerItem]) -> None:
        """Notes the items of each word of a document."""
        self._items, self._words = items, [words_of(document, item) for item in items]
        self._numbers_of_word: dict[int, list[int]] = defaultdict(list)
        for number, words in enumerate(self._words):
            for word in words:
                self._numbers_of_word[word].append(number)
        self._used: set[int] = set()

    def find(self, first: int, end: int, label: str) -> int | None:
        """The number of the source of a chunk; None if it has none."""
        words = range(first, end)
        numbers = {number for word in words for number in self._numbers_of_word.get(word, ())}
        candidates = [
            (self._words[number] != words, self._items[number].label != label, number)
            for number in numbers - self._used
        ]
        if not candidates:
            return None
        number = min(candidates)[-1]
        self._used.add(number)
        return self._items[number].source

    def find_sharing(self, word: int, label: str | None) -> int | None:
        """The number of an item that has a word, if possible with a label, which may be the source
        of several words; None if there is none.
        """
        numbers = self._numbers_of_word.get(word, ())
        candidates = [(self._items[number].label != label, number) for number in numbers]
        return self._items[min(candidates)[-1]].source if candidates else None
