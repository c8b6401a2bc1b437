"""Pairs of gold and predicted items under a metric, for error analysis.

    correct, partial   matched, with credit 1 or ½
    incorrect          a gold and a predicted item that overlap, without credit
    missing, spurious  a gold item without a match, a predicted item without a match
    duplicate          a predicted item of an annotation that repeats another in full
    unplaced           a predicted item without a valid place in the text
    optional           an optional gold item, and the predicted item that matches it, if any; None
                       for gold if the label map drops it, but not an alternative
    ignored            a predicted item in an ignore region, without a match

The order is that of the text, whatever the order of the input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from evalkit.data.batch import Vocabulary
from evalkit.data.document import Fragments
from evalkit.errors import InputError
from evalkit.scoring.block_side import BlockSide
from evalkit.scoring.columns import ItemArrays
from evalkit.scoring.counting import Block
from evalkit.scoring.layers import get_layer
from evalkit.scoring.lenient_gold import LenientBlock
from evalkit.scoring.matching import Matches
from evalkit.scoring.metrics import Metric, get_scheme


class ItemArgument(NamedTuple):
    """The head or the tail of a relation, in the offsets of its document. label: None under a
    scheme that ignores it.
    """

    label: str | None
    start: int
    end: int
    fragments: Fragments
    text: str


class Item(NamedTuple):
    """An item of a layer, in the offsets of its document. arguments: of a relation, head and
    tail.
    """

    label: str
    start: int
    end: int
    fragments: Fragments
    text: str
    score: float | None = None
    arguments: tuple[ItemArgument, ...] = ()


class ItemPair(NamedTuple):
    """A gold item and its predicted item; one of them is None where there is no match."""

    document: str
    kind: str
    gold: Item | None
    predicted: Item | None


KINDS = ("correct", "partial", "incorrect")


def pairs_of(
    block: Block | LenientBlock,
    metric: Metric,
    documents: tuple[Sequence[Any], Sequence[Any]],
    labels: Vocabulary,
) -> Iterator[ItemPair]:
    """The pairs of a block, in the order of the text."""
    scores = tuple(
        [score for document in side for score in get_layer(metric.layer).scores(document)]
        for side in documents
    )
    texts = [document.text for document in documents[0]]
    ids = [document.id for document in documents[0]]
    lengths = [len(text) for text in texts]
    if isinstance(block, LenientBlock):
        items = ItemView(block.block, metric, lengths, list(labels), scores, texts)
        yield from _pairs_of_lenient_items(block, metric, ids, items)
    else:
        items = ItemView(block, metric, lengths, list(labels), scores, texts)
        yield from _pairs_of_items(block, metric, ids, items)


def pairs_of_spans(
    block: Block, metric: Metric, lengths: Sequence[int], labels: Vocabulary
) -> Iterator[ItemPair]:
    """The pairs of a block of tags or bare spans; items have no text and no score. lengths: how far
    the spans of each document reach.
    """
    yield from _pairs_of_items(
        block,
        metric,
        [unit.document for unit in block.layout.units],
        ItemView(block, metric, lengths, list(labels)),
    )


class _RowPair(NamedTuple):
    """The rows of a pair. gold, predicted: −1 for none."""

    kind: str
    gold: int
    predicted: int


def _pairs_of_items(
    block: Block, metric: Metric, ids: Sequence[str], items: ItemView
) -> Iterator[ItemPair]:
    _refuse_characters(metric)
    block = block.for_scheme(metric.scheme)
    matches = block.match(metric.scheme)
    copies = ["duplicate"] * len(block.predicted.duplicates)
    return _sort_pairs(block, _matched_rows(matches), copies, ids, items)


def _pairs_of_lenient_items(
    lenient: LenientBlock, metric: Metric, ids: Sequence[str], items: ItemView
) -> Iterator[ItemPair]:
    _refuse_characters(metric)
    matched = lenient.match(metric.scheme)
    rows = _matched_rows(matched.matches)
    rows += [_RowPair("optional", *pair) for pair in zip(*map(np.ndarray.tolist, matched.optional))]
    found = set(matched.optional.gold.tolist())
    for gold_row in np.flatnonzero(lenient.is_optional).tolist():
        if gold_row not in found:
            rows.append(_RowPair("optional", gold_row, -1))
    rows += [_RowPair("ignored", -1, row) for row in matched.ignored.tolist()]
    copies = ["ignored" if is_inside else "duplicate" for is_inside in lenient.are_copies_inside]
    return _sort_pairs(lenient.block, rows, copies, ids, items)


def _refuse_characters(metric: Metric) -> None:
    """Raise InputError for characters."""
    if metric.scheme == "characters":
        raise InputError(f"{metric}: characters are compared as sets and make no pairs")


def _matched_rows(matches: Matches) -> list[_RowPair]:
    return [
        _RowPair(kind, gold_row, predicted_row)
        for kind, pairs in zip(KINDS, matches)
        for gold_row, predicted_row in zip(pairs.gold.tolist(), pairs.predicted.tolist())
    ]


def _sort_pairs(
    block: Block,
    rows: Sequence[_RowPair],
    copies: Sequence[str],
    ids: Sequence[str],
    items: ItemView,
) -> Iterator[ItemPair]:
    """The pairs in the order of the text. rows: all but unmatched ones. copies: the kind of each
    predicted duplicate.
    """
    entries: list[tuple[int, str, Item | None, Item | None]] = []  # document index, kind, items
    for kind, gold_row, predicted_row in rows:
        gold = None if gold_row < 0 else items.gold(gold_row)
        predicted = None if predicted_row < 0 else items.predicted(predicted_row)
        side, row = (block.gold, gold_row) if gold else (block.predicted, predicted_row)
        entries.append((items.document(side, row), kind, gold, predicted))
    for row in _unmatched_rows(block.gold, [pair.gold for pair in rows]):
        entries.append((items.document(block.gold, row), "missing", items.gold(row), None))
    for row in _unmatched_rows(block.predicted, [pair.predicted for pair in rows]):
        entries.append(
            (items.document(block.predicted, row), "spurious", None, items.predicted(row))
        )
    duplicates = block.predicted.duplicates
    for row, kind in enumerate(copies):
        entries.append((int(duplicates.document[row]), kind, None, items.copy(row)))
    index_of_id = {id: n for n, id in enumerate(ids)}
    for unit, label, _ in block.predicted.unplaced:
        document = index_of_id[block.layout.units[unit].document]
        item = Item(items.labels[label], -1, -1, (), "")
        entries.append((document, "unplaced", None, item))
    for number, kind, gold, predicted in sorted(entries, key=_text_order_key):
        yield ItemPair(ids[number], kind, gold, predicted)


def _unmatched_rows(side: BlockSide, taken: Iterable[int]) -> list[int]:
    """The rows that are not taken; −1 stands for none."""
    free = np.ones(len(side.columns) + 1, bool)
    free[[*taken, -1]] = False
    return [int(row) for row in np.flatnonzero(free)]


def _text_order_key(found: tuple[int, str, Item | None, Item | None]) -> tuple[Any, ...]:
    number, kind, gold, predicted = found
    first = gold or predicted
    return number, first and first[1:4], kind, _sort_key(gold), _sort_key(predicted)


def _sort_key(item: Item | None) -> tuple[Any, ...]:
    """What an item is, without its score."""
    if item is None:
        return ()
    return (*item[:5], [(argument[1:], argument.label or "") for argument in item.arguments])


class ItemView:
    """The items of a block as they stand in their documents."""

    def __init__(
        self,
        block: Block,
        metric: Metric,
        lengths: Sequence[int],
        labels: list[str],
        scores: tuple[Sequence[float | None], ...] | None = None,
        texts: Sequence[str] | None = None,
    ) -> None:
        """Find where each document of the block begins, from their `lengths`.

        `scores`: those of all items that were read, of gold and of the prediction; `texts`: of the
        documents. None where there are none.
        """
        block = block.for_scheme(metric.scheme)
        self.labels, self._texts, self._block, self._scores = labels, texts, block, scores
        self._pieces = block.coding.pieces
        self._parts = block.coding.parts if metric.layer == "relations" else ()
        self._has_argument_labels = get_scheme(metric.scheme).same_group
        self._strings = list(block.coding.heads)
        self._merged: dict[
            int, list[int]
        ] = {}  # rows of the prediction that a layer made equal to one that is shown
        for row, place in block.predicted.merged.tolist():
            self._merged.setdefault(row, []).append(place)
        self._offsets = np.concatenate([[0], np.cumsum([length + 1 for length in lengths])])

    def document(self, side: BlockSide, row: int) -> int:
        """The place of a row's document in the block."""
        return int(side.columns.document[row])

    def gold(self, row: int) -> Item:
        """A row of gold as an item."""
        return self._item(
            self._block.gold.columns,
            row,
            self._scores[0][self._block.gold.rows[row]] if self._scores else None,
        )

    def predicted(self, row: int) -> Item:
        """A row of the prediction as an item."""
        if not self._scores:
            return self._item(self._block.predicted.columns, row, None)
        places = [int(self._block.predicted.rows[row]), *self._merged.get(row, ())]
        known = [score for place in places if (score := self._scores[1][place]) is not None]
        return self._item(self._block.predicted.columns, row, max(known, default=None))

    def copy(self, row: int) -> Item:
        """A predicted copy as an item."""
        return self._item(
            self._block.predicted.duplicates,
            row,
            self._scores[1][self._block.predicted.copies_rows[row]] if self._scores else None,
        )

    def _item(self, columns: ItemArrays, row: int, score: float | None) -> Item:
        number = int(columns.document[row])
        shift = int(self._offsets[number])
        start, end = int(columns.start[row]) - shift, int(columns.end[row]) - shift
        if start == end:  # a string without offsets
            quote = self._strings[columns.head[row]]
            return Item(self.labels[columns.label[row]], -1, -1, (), quote, score)
        fragments = tuple((a - shift, b - shift) for a, b in self._pieces[columns.fragments[row]])
        return Item(
            self.labels[columns.label[row]],
            start,
            end,
            fragments,
            self._texts[number][start:end] if self._texts else "",
            score,
            self._arguments(columns, row),
        )

    def _arguments(self, columns: ItemArrays, row: int) -> tuple[ItemArgument, ...]:
        """The head and the tail of a relation."""
        if not self._parts:
            return ()
        number = int(columns.document[row])
        shift = int(self._offsets[number])
        group: Any = self._strings[columns.head[row]]
        arguments = []
        for n, part in enumerate(self._parts[columns.fragments[row]]):
            spans = tuple((start - shift, end - shift) for start, end in part or ())
            start, end = spans[0][0], spans[-1][1]
            label = group[n][1] if self._has_argument_labels else None
            text = self._texts[number][start:end] if self._texts else ""
            fragments = spans if len(spans) > 1 else ()
            arguments.append(ItemArgument(label, start, end, fragments, text))
        return tuple(arguments)
