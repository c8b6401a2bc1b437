"""Who answers whom? The pairs of a block under a metric, item by item, for error analysis and explanation.

    correct, partial   answered, with credit 1 or ½
    incorrect          a gold and a predicted item that overlap, without credit
    missing, spurious  a gold item without an answer, a predicted item that answers none
    duplicate          a predicted copy of a whole annotation
    unplaced           a predicted item without a place in the text

The order is that of the text; the list is the same whatever the order of the input.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from evalkit.chunk import Codes
from evalkit.columns import Columns, Ints
from evalkit.counting import Block, Side
from evalkit.document import Fragments
from evalkit.errors import InputError
from evalkit.layers import LAYERS
from evalkit.metrics import Metric


class Item(NamedTuple):
    """An item of a layer, in the offsets of its document."""

    label: str
    start: int
    end: int
    fragments: Fragments
    text: str
    score: float | None = None


class Pair(NamedTuple):
    """A gold item and the predicted item that answers it; one of the two where the other is None."""

    document: str
    kind: str
    gold: Item | None
    predicted: Item | None


KINDS = ("correct", "partial", "incorrect")


def pairs_of(block: Block, metric: Metric, documents: tuple[Sequence[Any], Sequence[Any]], labels: Codes) -> Iterator[Pair]:
    """The pairs of a block, in the order of the text."""
    if metric.scheme == "characters":
        raise InputError(f"{metric}: characters are compared as sets and make no pairs")
    golden = documents[0]
    scores = tuple([score for document in side for score in LAYERS[metric.layer].scores(document)] for side in documents)
    block = block.under(metric.scheme)
    items = Shown(block, golden, list(labels), scores)
    answers = block.matching.answers(metric.scheme)
    found: list[tuple[int, str, Item | None, Item | None]] = []
    for kind, pairs in zip(KINDS, answers):
        found += [(items.document(block.gold, g), kind, items.gold(g), items.predicted(p)) for g, p in zip(*pairs)]
    found += [(items.document(block.gold, g), "missing", items.gold(g), None) for g in _free(block.gold, [pairs.gold for pairs in answers])]
    said = _free(block.predicted, [pairs.predicted for pairs in answers])
    found += [(items.document(block.predicted, p), "spurious", None, items.predicted(p)) for p in said]
    copies = block.predicted.copies
    found += [(int(copies.document[row]), "duplicate", None, items.copy(row)) for row in range(len(copies))]
    places = {document.id: n for n, document in enumerate(golden)}
    for unit, label, _ in block.predicted.unplaced:
        found.append((places[block.layout.units[unit].document], "unplaced", None, Item(items.labels[label], -1, -1, (), "")))
    for number, kind, gold, predicted in sorted(found, key=_in_text):
        yield Pair(golden[number].id, kind, gold, predicted)


def _free(side: Side, taken: Sequence[Ints]) -> list[int]:
    free = np.ones(len(side.columns), bool)
    free[np.concatenate(taken)] = False
    return [int(row) for row in np.flatnonzero(free)]


def _in_text(found: tuple[int, str, Item | None, Item | None]) -> tuple[Any, ...]:
    number, kind, gold, predicted = found
    first = gold or predicted
    return number, first and first[1:4], kind, (gold or ())[:1], (predicted or ())[:4]


class Shown:
    """The items of a block as they stand in their documents."""

    def __init__(self, block: Block, golden: Sequence[Any], labels: list[str], scores: tuple[Sequence[float | None], ...]) -> None:
        """Find where each document of the block begins. `scores`: those of all items that were read, of gold and of the prediction."""
        self.labels, self._golden, self._block, self._scores = labels, golden, block, scores
        self._pieces = block.coding.pieces
        self._merged: dict[int, list[int]] = {}  # rows of the prediction that a layer made equal to one that is shown
        for row, place in block.predicted.merged.tolist():
            self._merged.setdefault(row, []).append(place)
        self._offsets = np.concatenate([[0], np.cumsum([len(document.text) + 1 for document in golden])])

    def document(self, side: Side, row: int) -> int:
        """The place of a row's document in the block."""
        return int(side.columns.document[row])

    def gold(self, row: int) -> Item:
        """A row of gold as an item."""
        return self._item(self._block.gold.columns, row, self._scores[0][self._block.gold.rows[row]])

    def predicted(self, row: int) -> Item:
        """A row of the prediction as an item."""
        places = [int(self._block.predicted.rows[row]), *self._merged.get(row, ())]
        known = [score for place in places if (score := self._scores[1][place]) is not None]
        return self._item(self._block.predicted.columns, row, max(known, default=None))

    def copy(self, row: int) -> Item:
        """A predicted copy as an item."""
        return self._item(self._block.predicted.copies, row, self._scores[1][self._block.predicted.copies_rows[row]])

    def _item(self, columns: Columns, row: int, score: float | None) -> Item:
        number = int(columns.document[row])
        shift = int(self._offsets[number])
        start, end = int(columns.start[row]) - shift, int(columns.end[row]) - shift
        fragments = tuple((a - shift, b - shift) for a, b in self._pieces[columns.fragments[row]])
        return Item(self.labels[columns.label[row]], start, end, fragments, self._golden[number].text[start:end], score)
