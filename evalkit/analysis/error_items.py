"""The items of error analysis as they stand in their documents: with text, context and sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from evalkit.analysis.error_kinds import (
    ALL_KINDS,
    DUPLICATE,
    NONE,
    UNPLACED,
    BlockErrors,
)
from evalkit.data.document import Unplaced
from evalkit.data.text import sentence_index_at, sentences
from evalkit.scoring.columns import Ints
from evalkit.scoring.counting import Block
from evalkit.scoring.lenient_gold import LenientBlock
from evalkit.scoring.metrics import Metric
from evalkit.scoring.pairs import Item, ItemArgument, ItemView

CONTEXT_LENGTH = 40  # code points on either side of an item


class Context(NamedTuple):
    """A part of a text around an item, and where it starts in the text."""

    text: str
    start: int


class ErrorItem(NamedTuple):
    """A pair of a gold and a predicted item, or an item without a counterpart.

    sentence: its number in the document, from 0 on. Context, sentence and zone are those of the
    gold item, or of the predicted item where there is none; they are None without texts. An
    unplaced item has the offsets -1. is_approximate: whether another pairing may be as good.
    """

    document: str
    layer: str
    kind: str
    detail: str
    gold: Item | None
    predicted: Item | None
    context: Context | None
    sentence: int | None
    zone: str | None
    is_approximate: bool = False

    def to_json(self, *, no_text: bool = False) -> dict[str, Any]:
        """The item as JSON values. no_text: without context, and with hashes instead of surface
        forms.
        """
        context = None if no_text else self.context
        predicted = None
        if self.predicted is not None:
            fields = item_to_json(self.predicted, text=not no_text)
            predicted = {**fields, "score": self.predicted.score}
        return {
            "document": self.document,
            "layer": self.layer,
            "kind": self.kind,
            "detail": self.detail or None,
            "gold": None if self.gold is None else item_to_json(self.gold, text=not no_text),
            "predicted": predicted,
            "context": context.text if context else None,
            "context_start": context.start if context else None,
            "sentence": self.sentence,
            "zone": self.zone,
            "approximate": self.is_approximate,
        }


def item_to_json(item: Item, *, text: bool) -> dict[str, Any]:
    """An item as JSON values; an unplaced item has no offsets. text: the surface form itself, not
    its hash.
    """
    is_placed = item.start >= 0
    fields: dict[str, Any] = {
        "label": item.label,
        "start": item.start if is_placed else None,
        "end": item.end if is_placed else None,
        "fragments": [list(fragment) for fragment in item.fragments],
        "surface": item.text if text and item.text else None,
    }
    for name, argument in zip(("head", "tail"), item.arguments):
        fields[name] = _argument_to_json(argument, text=text)
    if not text:
        fields["surface_hash"] = hash_surface(item.text) if item.text else None
    return fields


def _argument_to_json(argument: ItemArgument, *, text: bool) -> dict[str, Any]:
    """The head or the tail of a relation as JSON values."""
    fields: dict[str, Any] = {
        "label": argument.label,
        "start": argument.start,
        "end": argument.end,
        "fragments": [list(fragment) for fragment in argument.fragments],
        "surface": argument.text if text else None,
    }
    if not text:
        fields["surface_hash"] = hash_surface(argument.text) if argument.text else None
    return fields


def hash_surface(surface: str) -> str:
    """What stands for a surface form where no text is shown: equal forms have equal hashes."""
    return hashlib.sha256(surface.encode()).hexdigest()[:16]


class ItemOutcome(NamedTuple):
    """A pair of rows of a block's items, or a row without a counterpart, with the names of its kind
    and detail ("" for none). partner: how a merged or split item differs from the item that it is
    judged by: the detail of its boundary, "" if the labels differ; None for other items.
    """

    gold: int | None
    predicted: int | None
    kind: str
    detail: str
    is_approximate: bool = False
    partner: str | None = None


@dataclass(frozen=True)
class ErrorBlock:
    """A block of documents with what its items need to be shown.

    labels: the names of the block's label codes. ids, lengths: of the documents. texts: None for
    tags and bare spans. scores: of all items that were read on each side, or None. documents: of
    both sides, or None. unplaced: those of `block.predicted.unplaced`. failures: for each document
    the detail code of its missed items. outcomes: of all placed items, where they are not found by
    pairing spans. lenient: where gold is not plain, the whole block; `block` is what counts under
    strict.
    """

    block: Block
    layer: str
    labels: Sequence[str]
    ids: Sequence[str]
    lengths: Sequence[int]
    texts: Sequence[str] | None
    scores: tuple[Sequence[float | None], ...] | None
    documents: tuple[Sequence[Any], Sequence[Any]] | None
    unplaced: Sequence[Unplaced]
    failures: Ints
    outcomes: Sequence[ItemOutcome] | None = None
    lenient: LenientBlock | None = None


class ErrorView:
    """Shows the errors of a block as ErrorItems."""

    def __init__(self, source: ErrorBlock, errors: BlockErrors, details: Sequence[str]) -> None:
        """details: the names of detail codes."""
        self._source, self._errors, self._details = source, errors, details
        self._items = ItemView(
            source.block,
            Metric(source.layer),
            source.lengths,
            list(source.labels),
            source.scores,
            source.texts,
        )
        self._sentence_starts: dict[int, list[int]] = {}

    def item(self, row: int, *, with_context: bool = True, with_sentence: bool = True) -> ErrorItem:
        """A row of the errors as an item. with_context, with_sentence: also the words around it
        and the number of its sentence.
        """
        errors, source = self._errors, self._source
        kind = int(errors.kind[row])
        gold_row, predicted_row = int(errors.gold[row]), int(errors.predicted[row])
        gold = None if gold_row == NONE else self._items.gold(gold_row)
        predicted = self._predicted(kind, predicted_row)
        document = int(errors.document[row])
        shown = gold or predicted
        context, sentence = None, None
        if source.texts is not None and shown is not None and shown.start >= 0:
            if with_context:
                context = cut_context(source.texts[document], shown.start, shown.end)
            if with_sentence:
                sentence = self._sentence_at(document, shown.start)
        unit = int(errors.predicted_unit[row] if gold is None else errors.gold_unit[row])
        return ErrorItem(
            source.ids[document],
            source.layer,
            ALL_KINDS[kind],
            self._details[int(errors.detail[row])],
            gold,
            predicted,
            context,
            sentence,
            source.block.layout.units[unit].zone,
            bool(errors.is_approximate[row]),
        )

    def _predicted(self, kind: int, row: int) -> Item | None:
        if row == NONE:
            return None
        if kind == DUPLICATE:
            return self._items.copy(row)
        if kind == UNPLACED:
            unplaced = self._source.unplaced[row]
            label = self._source.labels[self._source.block.predicted.unplaced[row, 1]]
            return Item(label, -1, -1, (), unplaced.quote or "")
        return self._items.predicted(row)

    def _sentence_at(self, document: int, position: int) -> int | None:
        if self._source.texts is None:
            return None
        if document not in self._sentence_starts:
            ranges = sentences(self._source.texts[document])
            self._sentence_starts[document] = [start for start, _ in ranges]
        return sentence_index_at(self._sentence_starts[document], position)

    def text_order(self, rows: Ints) -> Ints:
        """The rows in the order of documents and offsets, whatever the order of the items."""
        errors, block = self._errors, self._source.block
        start, end = item_offsets(block, errors)
        gold_shape, predicted_shape = item_fragments(block, errors)
        fragments = block.coding.pieces
        shape_rank = np.zeros(len(fragments) + 1, np.int64)
        shape_rank[sorted(range(len(fragments)), key=fragments.__getitem__)] = np.arange(
            len(fragments)
        )
        label_rank = np.append(block.rank, NONE)
        order = np.lexsort(
            (
                shape_rank[predicted_shape[rows]],
                shape_rank[gold_shape[rows]],
                label_rank[errors.predicted_label[rows]],
                label_rank[errors.gold_label[rows]],
                errors.kind[rows],
                end[rows],
                start[rows],
                errors.document[rows],
            )
        )
        ordered: Ints = rows[order]
        return ordered


def item_offsets(block: Block, errors: BlockErrors) -> tuple[Ints, Ints]:
    """Start and end in the block of each row's gold item, or else of its predicted item; -1 for
    unplaced items.
    """
    start, end = np.full(len(errors), NONE, np.int64), np.full(len(errors), NONE, np.int64)
    has_gold = errors.gold != NONE
    is_placed = ~has_gold & (errors.kind < DUPLICATE)
    is_duplicate = errors.kind == DUPLICATE
    for rows, columns, index in (
        (has_gold, block.gold.columns, errors.gold),
        (is_placed, block.predicted.columns, errors.predicted),
        (is_duplicate, block.predicted.duplicates, errors.predicted),
    ):
        start[rows], end[rows] = columns.start[index[rows]], columns.end[index[rows]]
    return start, end


def item_fragments(block: Block, errors: BlockErrors) -> tuple[Ints, Ints]:
    """The code of the fragments of each row's gold item and of its predicted item; 0 for contiguous
    items and where there is none.
    """
    gold, predicted = np.zeros(len(errors), np.int64), np.zeros(len(errors), np.int64)
    has_gold = errors.gold != NONE
    is_duplicate, is_unplaced = errors.kind == DUPLICATE, errors.kind == UNPLACED
    is_matched = (errors.predicted != NONE) & ~is_duplicate & ~is_unplaced
    gold[has_gold] = block.gold.columns.fragments[errors.gold[has_gold]]
    predicted[is_matched] = block.predicted.columns.fragments[errors.predicted[is_matched]]
    duplicates = block.predicted.duplicates
    predicted[is_duplicate] = duplicates.fragments[errors.predicted[is_duplicate]]
    return gold, predicted


def with_sentence(item: ErrorItem, text: str | None) -> ErrorItem:
    """The item with the number of its sentence in the text of its document, if there is one."""
    shown = item.gold or item.predicted
    if text is None or shown is None or shown.start < 0:
        return item
    starts = [start for start, _ in sentences(text)]
    return item._replace(sentence=sentence_index_at(starts, shown.start))


def cut_context(text: str, start: int, end: int) -> Context:
    """The text around a range: up to 40 code points on either side, cut at words and lines."""
    first = max(0, start - CONTEXT_LENGTH)
    if first > 0:
        space = next((n for n in range(first, start) if text[n].isspace()), None)
        first = start if space is None else space + 1
    last = min(len(text), end + CONTEXT_LENGTH)
    if last < len(text):
        space = next((n for n in range(last, end, -1) if text[n - 1].isspace()), None)
        last = end if space is None else space - 1
    for n in range(start - 1, first - 1, -1):
        if text[n] in "\r\n":
            first = n + 1
            break
    for n in range(end, last):
        if text[n] in "\r\n":
            last = n
            break
    return Context(text[first:last], first)
