"""The pairs of arguments that the schemes `head` and `coref` allow, beside those of equal spans.

    head    the predicted head is that of gold; or the prediction has no head, contains gold's, and
            lies within the sentences of the gold argument
    coref   the predicted span is a mention of what the gold argument refers to

Pairs have one role and one group. Arguments that differ in nothing else count once (see `layers`):
such an item has the heads and mentions of all of them. A gold argument without a head, or without
mentions, is matched by an equal span only.

`argument_mentions` says what the mentions of an argument are; they are those of gold.

Sources: CorefUD's scorer (Žabokrtský et al., CRAC 2022) matches a mention that contains the head
and lies within gold's mention; here it lies within the sentence, so that a prediction may be longer
than gold. gen-arg (Li et al., NAACL 2021) gives coreference credit to each predicted mention; here
pairs are one to one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.data.document import Argument, Document, Fragments, span_fragments
from evalkit.data.text import sentence_index_at, sentences
from evalkit.errors import InputError, quoted_repr
from evalkit.scoring.argument_mentions import DocumentMentions, read_mentions
from evalkit.scoring.block_side import BlockSide
from evalkit.scoring.event_items import HEAD
from evalkit.scoring.iou_edges import Edges

MAX_EDGES = 2_000_000  # in one document: more would take minutes
Heads = Sequence[Fragments | None]  # of each argument of a side
Key = tuple[int, int, int]  # the document, group and label of an item


@dataclass(frozen=True)
class ComparedArgument:
    """An item of a block: the arguments that are equal in role, span and group.

    key: what two items must have in common. number: that of the document in the block. referents:
    what the arguments refer to, as indices in `DocumentMentions.referents`; read for gold under
    `coref` only.
    """

    position: int
    number: int
    key: Key
    span: Fragments
    heads: tuple[Fragments, ...]
    referents: tuple[int, ...]


def find_edges(
    scheme: str,
    gold: BlockSide,
    predicted: BlockSide,
    documents: tuple[Sequence[Document], Sequence[Document]],
    heads: Sequence[Heads],
) -> Edges:
    """The positions of the gold and predicted items that a scheme allows to be paired.

    documents: those of the block, of both sides. heads: those of the arguments of each side (see
    `parsed_heads.read_heads`), which do not matter under `coref`. Raises InputError for a document
    with more than MAX_EDGES pairs, and for a value of the attribute `entity` that JSON cannot hold.
    """
    predicted_items = _iter_items(predicted, documents[1], heads[1])
    if scheme == HEAD:
        gold_items = list(_iter_items(gold, documents[0], heads[0]))
        found = _iter_head_edges(gold_items, predicted_items, documents[0])
    else:
        mentions = [read_mentions(document) for document in documents[0]]
        gold_items = list(_iter_items(gold, documents[0], heads[0], mentions))
        found = _iter_mention_edges(gold_items, predicted_items, mentions)
    edges: list[tuple[int, int]] = []
    counts = np.zeros(len(documents[0]), np.int64)
    for item, positions in found:
        edges += [(position, item.position) for position in sorted(positions)]
        counts[item.number] += len(positions)
        if counts[item.number] > MAX_EDGES:
            raise InputError(
                f"document {quoted_repr(documents[0][item.number].id)}: more than {MAX_EDGES:,}"
                f" pairs of arguments may match under {scheme}; score strict, exact or type"
            )
    rows = np.array(edges, np.int64).reshape(-1, 2)
    return Edges(rows[:, 0], rows[:, 1])


def count_by_span_only(
    scheme: str, gold: BlockSide, documents: Sequence[Document], heads: Heads
) -> dict[str, int]:
    """The number of gold items that are matched by an equal span only, under the name of the
    reason: those without a head under the scheme `head`, without mentions under `coref`.
    """
    if scheme == HEAD:
        items = _iter_items(gold, documents, heads)
        return {"gold_without_head": sum(not item.heads for item in items)}
    mentions = [read_mentions(document) for document in documents]
    items = _iter_items(gold, documents, heads, mentions)
    return {"gold_without_mentions": sum(not item.referents for item in items)}


def _iter_items(
    side: BlockSide,
    documents: Sequence[Document],
    heads_of: Heads,
    mentions: Sequence[DocumentMentions] = (),
) -> Iterator[ComparedArgument]:
    """The items of a side, in order. heads_of: the head of each argument. mentions: those of each
    document, if they are to be read.
    """
    numbers = []
    arguments: list[Argument] = []
    for number, document in enumerate(documents):
        for event in document.events or ():
            arguments += event.arguments
            numbers += [number] * len(event.arguments)
    referent_of = [referent for each in mentions for referent in each.of_arguments]
    rows_of: list[list[int]] = [[row] for row in side.rows.tolist()]
    for position, row in side.merged.tolist():
        rows_of[position].append(row)
    columns = side.columns
    for position, rows in enumerate(rows_of):
        heads: dict[Fragments, None] = {}
        referents: dict[int, None] = {}
        for row in rows:
            head = heads_of[row]
            if head is not None:
                heads[head] = None
            referent = referent_of[row] if mentions else None
            if referent is not None:
                referents[referent] = None
        number = numbers[rows[0]]
        key = number, int(columns.head[position]), int(columns.label[position])
        span = span_fragments(arguments[rows[0]])
        yield ComparedArgument(position, number, key, span, tuple(heads), tuple(referents))


def _iter_mention_edges(
    gold: Sequence[ComparedArgument],
    predicted: Iterator[ComparedArgument],
    mentions: Sequence[DocumentMentions],
) -> Iterator[tuple[ComparedArgument, set[int]]]:
    """Each predicted item with the positions of the gold items that it may match."""
    by_span: dict[tuple[Key, Fragments], set[int]] = defaultdict(set)
    by_referent: dict[tuple[Key, int], set[int]] = defaultdict(set)
    for item in gold:
        by_span[item.key, item.span].add(item.position)
        for referent in item.referents:
            by_referent[item.key, referent].add(item.position)
    referents_of: dict[tuple[int, Fragments], list[int]] = defaultdict(list)
    for number, of_document in enumerate(mentions):
        for referent, spans in enumerate(of_document.referents):
            for span in spans:
                referents_of[number, span].append(referent)
    for item in predicted:
        found = set(by_span.get((item.key, item.span), ()))
        for referent in referents_of.get((item.number, item.span), ()):
            found |= by_referent.get((item.key, referent), set())
        yield item, found


def _iter_head_edges(
    gold: Sequence[ComparedArgument],
    predicted: Iterator[ComparedArgument],
    documents: Sequence[Document],
) -> Iterator[tuple[ComparedArgument, set[int]]]:
    """Each predicted item with the positions of the gold items that it may match."""
    positions_of: dict[tuple[Key, str, Fragments], set[int]] = defaultdict(set)
    heads_of: dict[Key, list[tuple[Fragments, int]]] = defaultdict(list)
    for item in gold:
        positions_of[item.key, "span", item.span].add(item.position)
        for head in item.heads:
            positions_of[item.key, "head", head].add(item.position)
            heads_of[item.key].append((head, item.position))
    for heads in heads_of.values():
        heads.sort()
    starts = _SentenceStarts(documents)
    for item in predicted:
        found = set(positions_of.get((item.key, "span", item.span), ()))
        for head in item.heads:
            found |= positions_of.get((item.key, "head", head), set())
        if not item.heads and item.key in heads_of:
            sentence_starts = starts.of_document(item.number)
            for position in _find_contained(heads_of[item.key], item.span):
                if _is_within_sentences(item.span, gold[position].span, sentence_starts):
                    found.add(position)
        yield item, found


class _SentenceStarts:
    """Where the sentences of documents begin. That of the last document is kept."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = documents
        self._number = -1
        self._starts: list[int] = []

    def of_document(self, number: int) -> list[int]:
        """The starts of the sentences of a document of the block."""
        if number != self._number:
            self._number = number
            self._starts = [start for start, _ in sentences(self._documents[number].text)]
        return self._starts


def _find_contained(heads: Sequence[tuple[Fragments, int]], span: Fragments) -> Iterator[int]:
    """The positions of the heads, which are sorted, all of whose ranges lie within a span."""
    for index in range(bisect_left(heads, (((span[0][0], 0),), -1)), len(heads)):
        head, position = heads[index]
        if head[0][0] >= span[-1][1]:
            return
        if all(any(a <= start and end <= b for a, b in span) for start, end in head):
            yield position


def _is_within_sentences(span: Fragments, gold: Fragments, starts: Sequence[int]) -> bool:
    """Whether a span begins and ends in the sentences in which a gold span does."""
    first, last = (sentence_index_at(starts, at) for at in (gold[0][0], gold[-1][1] - 1))
    return first <= sentence_index_at(starts, span[0][0]) and (
        sentence_index_at(starts, span[-1][1] - 1) <= last
    )
