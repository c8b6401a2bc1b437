"""How many agree? A block of documents of both sides in, counts for each unit and label out.

    gold, predicted             the items that are scored
    found, found_half           gold items that are answered: with credit 1, with credit ½
    tp, tp_half                 predicted items that answer: the same on the other side
    wrong_gold, wrong_predicted items without credit that overlap each other one to one, under one
    head (MUC's incorrect)

A predicted item that answers a gold item with credit counts under the gold item's unit, any other
where it lies. A predicted duplicate, and an item without offsets, counts as predicted and answers
nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from evalkit.data.batch import DocumentBatch, DocumentRef, EntityArrays, Vocabulary
from evalkit.data.document import Document, duplicate_key
from evalkit.errors import InputError, quoted_repr
from evalkit.scoring.attribution_pairing import pair_attributions
from evalkit.scoring.columns import (
    DROPPED_LABEL,
    Cells,
    Ints,
    ItemArrayBuilder,
    ItemArrays,
    Mask,
    SharedEncoding,
    SortKey,
    combine_keys,
    document_offsets,
    fragment_ranges,
    is_first_occurrence,
)
from evalkit.scoring.layers import Layer, Maps
from evalkit.scoring.matching import Matches, Matching
from evalkit.scoring.metrics import SCHEMES
from evalkit.scoring.zones import SegmentLayout, build_layout

COUNTS = (
    "gold",
    "predicted",
    "found",
    "found_half",
    "tp",
    "tp_half",
    "wrong_gold",
    "wrong_predicted",
)
MAX_CELLS_PER_ITEM = (
    16  # of units × labels: beyond it, cells are looked up instead of kept in an array of that size
)
GOLD, PREDICTED, FOUND, FOUND_HALF, TP, TP_HALF, WRONG_GOLD, WRONG_PREDICTED = range(8)


@dataclass(frozen=True)
class BlockSide:
    """One side of a block under a layer.

    `columns`: the rows that are matched; `unit`: that of each; `rows`: its place among all that
    were read. `copies`, `copies_unit`, `copies_rows`: those that repeat an annotation; `merged`:
    (row, place) of those that the layer makes equal to a row that is matched, which are not.
    `unplaced`: (unit, label, characters) of each item without a place. `aside`: counts, by reason.
    """

    columns: ItemArrays
    unit: Ints
    duplicates: ItemArrays
    copies_unit: Ints
    unplaced: Ints
    set_aside: Mapping[str, int]
    rows: Ints
    copies_rows: Ints
    merged: Ints


@dataclass(frozen=True)
class Block:
    """Both sides of a block under one layer, ready to be matched under any of its schemes."""

    gold: BlockSide
    predicted: BlockSide
    layout: SegmentLayout
    coding: SharedEncoding
    as_set: bool = False

    @cached_property
    def rank(self) -> Ints:
        """The place of each label's name in the order of names."""
        return self.coding.labels.sorted_positions()

    @cached_property
    def matching(self) -> Matching:
        """The pairs between both sides."""
        return Matching(
            self.gold.columns,
            self.predicted.columns,
            self.rank,
            self.coding.pieces,
            self.coding.parts,
        )

    @cached_property
    def label_free(self) -> Block:
        """The block for schemes that compare no labels, of a layer that is a set: what is equal but
        for its label counts once.
        """
        return replace(
            self,
            gold=self._deduplicate(self.gold),
            predicted=self._deduplicate(self.predicted),
            as_set=False,
        )

    def _deduplicate(self, side: BlockSide) -> BlockSide:
        # The label whose name sorts first stays, whatever was read first.
        order = np.argsort(self.rank[side.columns.label], kind="stable")
        columns, unit = side.columns.take(order), side.unit[order]
        first = is_first_occurrence(_keys(columns, label=False))
        return replace(
            side, columns=columns.take(first), unit=unit[first], rows=side.rows[order][first]
        )

    def for_scheme(self, scheme: str) -> Block:
        """The block as a scheme sees it."""
        # A block that kept itself as its label-free one would be a cycle, and outlive its use.
        return self.label_free if self.as_set and not SCHEMES[scheme].same_label else self

    def count_cells(self, scheme: str, *, wrong: bool = True) -> Cells:
        """A column for each unit and label that has any: unit, label, *COUNTS; without `wrong`, the
        last two counts stay 0.
        """
        if scheme == "characters":
            return _characters(self)
        block = self.for_scheme(scheme)
        return block.counted(block.matching.pairs_under(scheme, wrong=wrong))

    def counted(self, answers: Matches) -> Cells:
        """The counts that a scheme's pairs make."""
        gold, predicted = self.gold, self.predicted
        width = max(len(self.coding.labels), 1)
        unit = self._units_of_predicted(answers)
        golden = gold.unit * width + gold.columns.label
        said = unit * width + predicted.columns.label
        total = CellCounter(len(self.layout.units), width)
        total.add(GOLD, golden)
        total.add(PREDICTED, said)
        for (found, tp), pairs in zip(
            ((FOUND, TP), (FOUND_HALF, TP_HALF), (WRONG_GOLD, WRONG_PREDICTED)), answers
        ):
            if len(pairs.gold):
                total.add(found, golden[pairs.gold])
                total.add(tp, said[pairs.predicted])
        total.add(PREDICTED, predicted.copies_unit * width + predicted.duplicates.label)
        total.add(PREDICTED, predicted.unplaced[:, 0] * width + predicted.unplaced[:, 1])
        return total.cells()

    def _units_of_predicted(self, answers: Matches) -> Ints:
        if self.layout.one_segment_per_document:
            return self.predicted.unit
        unit = self.predicted.unit.copy()
        for pairs in (answers.correct, answers.partial):
            unit[pairs.predicted] = self.gold.unit[pairs.gold]
        return unit


class CellCounter:
    """Sums of the COUNTS in each cell of a block, a cell being a unit and a label (unit × labels +
    label).
    """

    def __init__(self, units: int, labels: int) -> None:
        """Without any items."""
        self.labels, self.size = labels, units * labels
        self._added: list[tuple[int, Ints, Ints | None]] = []

    def add(self, count: int, cell: Ints, weights: Ints | None = None) -> None:
        """Add 1, or its weight, to one of the COUNTS in the cell of each item."""
        if len(cell):
            self._added.append((count, cell, weights))

    def cells(self) -> Cells:
        """A column for each cell that has gold or predicted items: unit, label, *COUNTS."""
        n_items = sum(len(cell) for _, cell, _ in self._added)
        if self.size <= MAX_CELLS_PER_ITEM * n_items:
            cells = None  # every cell of the block
            sums = self._sum([cell for _, cell, _ in self._added], self.size)
        else:  # many labels and few items: only the cells that something was added to
            cells = np.unique(
                np.concatenate([cell for _, cell, _ in self._added] or [np.zeros(0, np.int64)])
            )
            sums = self._sum(
                [np.searchsorted(cells, cell) for _, cell, _ in self._added], len(cells)
            )
        counted = [sums[count] for count in (GOLD, PREDICTED) if count in sums]
        there = np.flatnonzero(sum(counted[1:], counted[0])) if counted else np.zeros(0, np.int64)
        number = there if cells is None else cells[there]
        table = np.zeros((2 + len(COUNTS), len(there)), np.int32)
        table[0], table[1] = number // self.labels, number % self.labels
        for count, values in sums.items():
            table[2 + count] = values[there]
        return table

    def _sum(self, positions: Sequence[Ints], size: int) -> dict[int, Ints]:
        """The sum of what was added to each of the COUNTS, at the position of each item; counts
        that nothing was added to are left out.
        """
        sums: dict[int, Ints] = {}
        for (count, _, weights), position in zip(self._added, positions):
            values = np.bincount(position, weights, minlength=size)
            if weights is not None:
                values = values.astype(
                    np.int64
                )  # sums of doubles are exact up to 2**53, far beyond any count
            sums[count] = sums[count] + values if count in sums else values
        return sums


class BlockBuilder:
    """Makes a block of documents under a layer out of small chunks.

    The items of a chunk become rows while its documents are still in the processor's cache; what
    all rows together decide (which count, which repeat another) is decided at the end.
    """

    def __init__(
        self,
        layer: Layer,
        name: str,
        labels: Vocabulary,
        zones: frozenset[str] | None,
        maps: tuple[Maps, Maps],
        *,
        whole: bool = False,
        by_sentence: bool = False,
    ) -> None:
        """Start with no documents.

        `name`: that of the layer; `zones`: the scored ones; `maps`: the label maps of gold and of
        the prediction; `whole`: keep all documents; `by_sentence`: a unit for each sentence.
        """
        self.layer, self.name, self.zones, self.maps = layer, name, zones, maps
        self.coding = SharedEncoding(labels)
        self._whole, self._by_sentence = whole, by_sentence
        self.documents: tuple[list[Any], list[Any]] = ([], [])
        self._rows = (ItemArrayBuilder(self.coding), ItemArrayBuilder(self.coding))
        self._dropped = [0, 0]
        self._lengths: list[int] = []

    def __len__(self) -> int:
        return len(self.documents[0])

    def add(self, golden: Sequence[Any], predicted: Sequence[Any]) -> None:
        """Add the documents of a chunk."""
        self._lengths += [len(document.text) for document in golden]
        for side, documents in enumerate((golden, predicted)):
            items = self.layer.items(documents, self.maps[side])
            if isinstance(items, EntityArrays):
                self._rows[side].add_placed(items)
            else:
                self._rows[side].add(items)
                self._dropped[side] += items.dropped
            plain = (
                isinstance(items, EntityArrays)
                and isinstance(documents, DocumentBatch)
                and documents.contiguous_only
                and not (self._whole or self._by_sentence)
            )
            self.documents[side].extend(
                [DocumentRef(document.id) for document in documents] if plain else documents
            )

    def block(self) -> Block:
        """The block of all documents that were added.

        `gold.aside["gold_copies"]` counts gold's duplicates, which the caller must refuse.
        """
        golden, predicted = self.documents
        layer, coding = self.layer, self.coding
        offsets = document_offsets(self._lengths, len(golden))
        layout = build_layout(golden, offsets, self.zones, by_sentence=self._by_sentence)
        columns = tuple(rows.columns(offsets) for rows in self._rows)
        distinct = [not has_duplicates(_keys(of, head=not layer.grouped_by_cue)) for of in columns]
        duplicates = [
            (
                np.zeros(len(of), bool)
                if is_distinct or layer.owners is None
                else _find_duplicates(layer, side, of)
            )
            for side, of, is_distinct in zip(self.documents, columns, distinct)
        ]
        if layer.grouped_by_cue:
            columns = _group_pairs(self.documents, columns, coding)
        one, other = (
            _side(
                of,
                repeated,
                layout,
                coding,
                which,
                merge=not (is_distinct or layer.keeps_equal_items),
            )
            for of, repeated, which, is_distinct in zip(
                columns, duplicates, ("gold", "predicted"), distinct
            )
        )
        gold_copies = (
            any(map(_has_repeated_event, golden)) if layer.deduplicate else int(duplicates[0].sum())
        )
        one = replace(
            one,
            set_aside={
                **one.set_aside,
                "gold_copies": int(gold_copies),
                "gold_dropped": self._dropped[0],
            },
        )
        unplaced = _unplaced(predicted, self.name, layout, coding, self.maps[1])
        aside = {"predicted_dropped": self._dropped[1], "unplaced": len(unplaced)}
        other = replace(other, unplaced=unplaced, set_aside={**other.set_aside, **aside})
        return Block(one, other, layout, coding, layer.deduplicate)


def block_from_arrays(
    gold: ItemArrays,
    predicted: ItemArrays,
    copies: ItemArrays,
    layout: SegmentLayout,
    coding: SharedEncoding,
) -> Block:
    """A block of items that have no documents: of tags, or of bare spans."""
    none = np.zeros((0, 3), np.int64)
    return Block(
        BlockSide(
            gold,
            gold.document,
            gold.take(none[:, 0]),
            none[:, 0],
            none,
            {},
            none[:, 0],
            none[:, 0],
            none[:, :2],
        ),
        BlockSide(
            predicted,
            predicted.document,
            copies,
            copies.document,
            none,
            {"duplicate": len(copies)},
            none[:, 0],
            none[:, 0],
            none[:, :2],
        ),
        layout,
        coding,
    )


def _keys(columns: ItemArrays, *, head: bool = True, label: bool = True) -> SortKey:
    length = columns.end - columns.start
    heads = (columns.head,) if head else ()
    labels = (columns.label + 1,) if label else ()  # DROPPED is -1
    return combine_keys(*heads, columns.start, length, columns.fragments, *labels)


def has_duplicates(packed: SortKey) -> bool:
    """Whether two rows have one key."""
    ordered = np.sort(packed.key)
    return bool((ordered[1:] == ordered[:-1]).any())


def _find_duplicates(layer: Layer, documents: Sequence[Document], columns: ItemArrays) -> Mask:
    """Which rows come from an annotation that is a duplicate of an earlier one (see
    document.duplicate_key).

    Only documents in which two rows are equal can hold any, so only those are looked at annotation
    by annotation.
    """
    duplicate = np.zeros(len(columns), bool)
    first = is_first_occurrence(_keys(columns, head=not layer.grouped_by_cue))
    for number in np.unique(columns.document[~first]):
        rows = np.flatnonzero(columns.document == number)
        if isinstance(documents[number], DocumentRef):  # its entities are no more than their keys
            duplicate[rows] = ~first[rows]
        elif layer.owners is not None:
            repeats = repeated_annotations(getattr(documents[number], layer.document_layer) or ())
            duplicate[rows] = [repeats[index] for index in layer.owners(documents[number])]
    return duplicate


def repeated_annotations(annotations: Sequence[Any]) -> list[bool]:
    """Of each annotation of a layer, whether it is a duplicate of an earlier one."""
    seen: set[Hashable] = set()
    repeats = []
    for annotation in annotations:
        key = duplicate_key(annotation)
        repeats.append(key in seen)
        seen.add(key)
    return repeats


def _has_repeated_event(document: Document) -> bool:
    """Whether an event is a duplicate of an earlier one, or an argument one of an earlier argument
    of its event.
    """
    events = document.events or ()
    if len({(event.label, event.trigger.start, event.trigger.end) for event in events}) < len(
        events
    ) and any(repeated_annotations(events)):
        return True
    return any(
        len(event.arguments) > 1 and any(repeated_annotations(event.arguments)) for event in events
    )


def _group_pairs(
    documents: Sequence[Sequence[Document]], columns: Sequence[ItemArrays], coding: SharedEncoding
) -> tuple[ItemArrays, ItemArrays]:
    """Both sides with the items of paired attributions in one group; every other attribution is a
    group of its own.

    Duplicates take no part in the pairing.
    """
    codes = coding.heads
    gold_columns, predicted_columns = columns
    group_of_predicted = np.arange(len(codes), 2 * len(codes), dtype=np.int64)
    for gold, predicted in zip(*documents):
        if not gold.attributions or not predicted.attributions:
            continue
        repeats = repeated_annotations(predicted.attributions)
        candidates = [index for index, is_repeat in enumerate(repeats) if not is_repeat]
        try:
            pairs = pair_attributions(
                gold.attributions, [predicted.attributions[index] for index in candidates]
            )
        except InputError as error:
            raise InputError(f"document {quoted_repr(gold.id)}: {error}") from None
        for g, p in pairs:
            group_of_predicted[codes[gold.id, candidates[p]]] = codes[gold.id, g]
    return gold_columns, replace(predicted_columns, head=group_of_predicted[predicted_columns.head])


def _side(
    columns: ItemArrays,
    duplicates: Mask,
    layout: SegmentLayout,
    coding: SharedEncoding,
    name: str,
    *,
    merge: bool,
) -> BlockSide:
    """What is matched and what is set aside; `merge`: rows that are equal, but no duplicates, count
    once.
    """
    scored, unit = layout.assign_units(columns, coding.pieces)
    kept = columns.label != DROPPED_LABEL
    aside = {f"{name}_outside_zones": int((~scored & kept).sum())}
    repeated = scored & kept & duplicates
    rows = np.flatnonzero(scored & kept & ~duplicates)
    once, merged = rows, np.zeros((0, 2), np.int64)
    if len(rows) and merge and has_duplicates(packed := _keys(columns.take(rows))):
        first = is_first_occurrence(packed)
        once = rows[first]
        place = dict(zip(packed.key[first].tolist(), range(len(once))))
        merged = np.array(
            [
                (place[key], row)
                for key, row in zip(packed.key[~first].tolist(), rows[~first].tolist())
            ],
            np.int64,
        )
    aside[f"{name}_merged"] = len(rows) - len(once)
    if name == "predicted":
        aside["duplicate"] = int(repeated.sum())
    if len(once) == len(columns):
        return BlockSide(
            columns,
            unit,
            columns.take(once[:0]),
            unit[:0],
            np.zeros((0, 3), np.int64),
            aside,
            once,
            once[:0],
            merged,
        )
    copied = np.flatnonzero(repeated)
    return BlockSide(
        columns.take(once),
        unit[once],
        columns.take(copied),
        unit[copied],
        np.zeros((0, 3), np.int64),
        aside,
        once,
        copied,
        merged,
    )


def _unplaced(
    documents: Sequence[Any], name: str, layout: SegmentLayout, coding: SharedEncoding, maps: Maps
) -> Ints:
    """(unit, label, characters) of each item that has no offsets.

    It belongs to no zone; its unit is added to the layout.
    """
    units = layout.add_units_without_zone(
        [document.id for document in documents if document.unplaced]
    )
    rows = []
    for document in documents:
        for item in document.unplaced:
            if item.layer == name or (name in UNPLACED_DERIVED_LAYERS.get(item.layer, ())):
                label = (
                    maps[item.layer].get(item.label, item.label)
                    if item.layer in maps
                    else item.label
                )
                if label is not None:
                    rows.append(
                        (units[document.id], coding.labels[label], max(len(item.quote or ""), 1))
                    )
    return np.array(rows, np.int64).reshape(-1, 3)


# An item without a place is one item without a place in every layer that is made of such items.
UNPLACED_DERIVED_LAYERS = {
    "entities": ("tokens",),
    "arguments": ("attached-arguments",),
    "attributions": ("attached-attributions",),
}


def _characters(block: Block) -> Cells:
    """The characters under each label and head, on both sides and in common.

    Where a span has no place, those of its quote count.
    """
    gold, predicted = (_clipped(side.columns, block) for side in (block.gold, block.predicted))
    width = max(len(block.coding.labels), 1)
    total = CellCounter(len(block.layout.units), width)
    here = [_lengths(*side) for side in (gold, predicted)]
    both = _lengths(*(np.concatenate(pair) for pair in zip(gold, predicted)))
    for counts, sign, (unit, label, length) in (
        ((GOLD, FOUND, TP), 1, here[0]),
        ((PREDICTED, FOUND, TP), 1, here[1]),
        ((FOUND, TP), -1, both),
    ):
        for count in counts:
            total.add(count, unit * width + label, sign * length)
    copies = _clipped(block.predicted.duplicates, block)
    total.add(PREDICTED, copies[0] * width + copies[1], copies[4] - copies[3])
    unplaced = block.predicted.unplaced
    total.add(PREDICTED, unplaced[:, 0] * width + unplaced[:, 1], unplaced[:, 2])
    return total.cells()


def _clipped(columns: ItemArrays, block: Block) -> tuple[Ints, ...]:
    """(unit, label, head, start, end) of every range of the rows, cut to the scored segments."""
    row, start, end = fragment_ranges(columns, block.coding.pieces)
    if block.layout.one_segment_per_document:
        unit = columns.document[row]
    else:
        row, start, end, unit = block.layout.clip_to_scored(row, start, end)
    return unit, columns.label[row], columns.head[row], start, end


def _lengths(
    unit: Ints, label: Ints, head: Ints, start: Ints, end: Ints
) -> tuple[Ints, Ints, Ints]:
    """(unit, label, how many characters it adds) of each range: a character counts once under a
    unit, label and head.
    """
    order = combine_keys(unit, label, head, start).order()
    group = combine_keys(unit, label, head).key[order]
    start, end = start[order], end[order]
    if not len(order):
        return unit, label, start
    new = np.ones(len(order), bool)
    np.not_equal(group[1:], group[:-1], out=new[1:])
    nth = np.cumsum(new) - 1
    before = np.where(new, start, np.concatenate([[0], _running_max_end(start, end, nth)[:-1]]))
    return unit[order], label[order], np.maximum(end - np.maximum(start, before), 0)


def _running_max_end(start: Ints, end: Ints, group: Ints) -> Ints:
    """The furthest end so far within the group of each range."""
    low, span = int(start.min()), int(end.max()) - int(start.min()) + 1
    if (int(group[-1]) + 1) * span < 1 << 62:
        return np.maximum.accumulate(end - low + group * span) - group * span + low
    pieces = np.split(end, np.flatnonzero(np.diff(group)) + 1)
    return np.concatenate([np.maximum.accumulate(piece) for piece in pieces])
