"""How many agree? A block of documents of both sides in, counts for each unit and label out.

    gold, predicted             the items that are scored
    found, found_half           gold items that are answered: with credit 1, with credit ½
    tp, tp_half                 predicted items that answer: the same on the other side
    wrong_gold, wrong_predicted items without credit that overlap each other one to one, under one head (MUC's incorrect)

A predicted item that answers a gold item with credit counts under the gold item's unit, any other where it lies.
What a side repeats whole, or what has no place in the text, is predicted and answers nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from evalkit.chunk import Chunk, Codes, Placed, Stub
from evalkit.columns import DROPPED, Cells, Coding, Columns, Ints, Mask, Packed, Rows, block_offsets, exploded, first_of_each, pack
from evalkit.document import Document
from evalkit.layers import CUE, Layer, Maps
from evalkit.match import Answers, Matching
from evalkit.metrics import SCHEMES
from evalkit.zones import Layout, laid_out

COUNTS = ("gold", "predicted", "found", "found_half", "tp", "tp_half", "wrong_gold", "wrong_predicted")
GOLD, PREDICTED, FOUND, FOUND_HALF, TP, TP_HALF, WRONG_GOLD, WRONG_PREDICTED = range(8)


@dataclass(frozen=True)
class Side:
    """One side of a block under a layer.

    `columns`: the rows that are matched, no two equal; `unit`: that of each; `rows`: its place among all that were read. `copies`,
    `copies_unit`, `copies_rows`: those that repeat an annotation; `merged`: (row, place) of those that the layer makes equal to a row
    that is matched, which are not. `unplaced`: (unit, label, characters) of each item without a place. `aside`: counts, by reason.
    """

    columns: Columns
    unit: Ints
    copies: Columns
    copies_unit: Ints
    unplaced: Ints
    aside: Mapping[str, int]
    rows: Ints
    copies_rows: Ints
    merged: Ints


@dataclass(frozen=True)
class Block:
    """Both sides of a block under one layer, ready to be matched under any of its schemes."""

    gold: Side
    predicted: Side
    layout: Layout
    coding: Coding
    as_set: bool = False

    @cached_property
    def rank(self) -> Ints:
        """The place of each label's name in the order of names."""
        return self.coding.labels.ranks()

    @cached_property
    def matching(self) -> Matching:
        """The pairs between both sides."""
        return Matching(self.gold.columns, self.predicted.columns, self.rank, self.coding.pieces, self.coding.parts)

    @cached_property
    def label_free(self) -> Block:
        """The block for schemes that compare no labels, of a layer that is a set: what is equal but for its label counts once."""
        return replace(self, gold=self._once(self.gold), predicted=self._once(self.predicted), as_set=False)

    def _once(self, side: Side) -> Side:
        # The label whose name sorts first stays, whatever was read first.
        order = np.argsort(self.rank[side.columns.label], kind="stable")
        columns, unit = side.columns.take(order), side.unit[order]
        first = first_of_each(_keys(columns, label=False))
        return replace(side, columns=columns.take(first), unit=unit[first], rows=side.rows[order][first])

    def under(self, scheme: str) -> Block:
        """The block as a scheme sees it."""
        # A block that kept itself as its label-free one would be a cycle, and outlive its use.
        return self.label_free if self.as_set and not SCHEMES[scheme].same_label else self

    def cells(self, scheme: str, *, wrong: bool = True) -> Cells:
        """A column for each unit and label that has any: unit, label, *COUNTS; without `wrong`, the last two counts stay 0."""
        if scheme == "characters":
            return _characters(self)
        block = self.under(scheme)
        return block.counted(block.matching.answers(scheme, wrong=wrong))

    def counted(self, answers: Answers) -> Cells:
        """The counts that a scheme's pairs make."""
        gold, predicted = self.gold, self.predicted
        width = max(len(self.coding.labels), 1)
        unit = self._units_of_predicted(answers)
        golden = gold.unit * width + gold.columns.label
        said = unit * width + predicted.columns.label
        total = Totals(len(self.layout.units), width)
        total.add(GOLD, golden)
        total.add(PREDICTED, said)
        for (found, tp), pairs in zip(((FOUND, TP), (FOUND_HALF, TP_HALF), (WRONG_GOLD, WRONG_PREDICTED)), answers):
            if len(pairs.gold):
                total.add(found, golden[pairs.gold])
                total.add(tp, said[pairs.predicted])
        total.add(PREDICTED, predicted.copies_unit * width + predicted.copies.label)
        total.add(PREDICTED, predicted.unplaced[:, 0] * width + predicted.unplaced[:, 1])
        return total.cells()

    def _units_of_predicted(self, answers: Answers) -> Ints:
        if self.layout.plain:
            return self.predicted.unit
        unit = self.predicted.unit.copy()
        for pairs in (answers.full, answers.half):
            unit[pairs.predicted] = self.gold.unit[pairs.gold]
        return unit


class Totals:
    """Counts for each unit and label of a block."""

    def __init__(self, units: int, labels: int) -> None:
        """All zero; what stays zero takes no place."""
        self.width, self.size, self.sums = labels, units * labels, {}  # type: int, int, dict[int, Ints]

    def add(self, count: int, cell: Ints, weights: Ints | None = None) -> None:
        """One, or its weight, for each row in its cell (unit × labels + label)."""
        if not len(cell):
            return
        if self.size > 16 * len(cell):  # many labels, few items: do not touch every cell
            np.add.at(self.sums.setdefault(count, np.zeros(self.size, np.int64)), cell, 1 if weights is None else weights)
            return
        sums = np.bincount(cell, weights, minlength=self.size)
        whole = sums if weights is None else sums.astype(np.int64)
        self.sums[count] = whole if count not in self.sums else self.sums[count] + whole

    def cells(self) -> Cells:
        """A column wherever there is anything: unit, label, *COUNTS."""
        there = np.flatnonzero(self._anything())
        cells = np.zeros((2 + len(COUNTS), len(there)), np.int32)
        cells[0], cells[1] = there // self.width, there % self.width
        for count, sums in self.sums.items():
            cells[2 + count] = sums[there]
        return cells

    def _anything(self) -> Ints:
        here = [self.sums[count] for count in (GOLD, PREDICTED) if count in self.sums]
        return here[0] if len(here) == 1 else here[0] + here[1] if here else np.zeros(0, np.int64)


class Builder:
    """Makes a block of documents under a layer out of small chunks.

    The items of a chunk become rows while its documents are still in the processor's cache; what all rows together decide
    (which count, which repeat another) is decided at the end.
    """

    def __init__(self, layer: Layer, name: str, labels: Codes, zones: frozenset[str] | None, maps: tuple[Maps, Maps], *, whole: bool = False, by_sentence: bool = False) -> None:
        """Start with no documents.

        `name`: that of the layer; `zones`: the scored ones; `maps`: the label maps of gold and of the prediction; `whole`: keep
        all documents; `by_sentence`: a unit for each sentence.
        """
        self.layer, self.name, self.zones, self.maps = layer, name, zones, maps
        self.coding = Coding(labels)
        self._whole, self._by_sentence = whole, by_sentence
        self.documents: tuple[list[Any], list[Any]] = ([], [])
        self._rows = (Rows(self.coding), Rows(self.coding))
        self._dropped = [0, 0]
        self._lengths: list[int] = []

    def __len__(self) -> int:
        return len(self.documents[0])

    def add(self, golden: Sequence[Any], predicted: Sequence[Any]) -> None:
        """Add the documents of a chunk."""
        self._lengths += [len(document.text) for document in golden]
        for side, documents in enumerate((golden, predicted)):
            items = self.layer.items(documents, self.maps[side])
            if isinstance(items, Placed):
                self._rows[side].add_placed(items)
            else:
                self._rows[side].add(items)
                self._dropped[side] += items.dropped
            plain = isinstance(items, Placed) and isinstance(documents, Chunk) and documents.plain and not (self._whole or self._by_sentence)
            self.documents[side].extend([Stub(document.id) for document in documents] if plain else documents)

    def block(self) -> Block:
        """The block of all that was added. `gold.aside["gold_copies"]` counts what gold repeats, which is for the caller to refuse."""
        golden, predicted = self.documents
        layer, coding = self.layer, self.coding
        offsets = block_offsets(self._lengths, len(golden))
        layout = laid_out(golden, offsets, self.zones, by_sentence=self._by_sentence)
        columns = tuple(rows.columns(offsets) for rows in self._rows)
        apart = [not any_twice(_alike(layer, of)) for of in columns]
        copies = [np.zeros(len(of), bool) if once else _copies(layer, side, of) for side, of, once in zip(self.documents, columns, apart)]
        alone = [0, 0]
        if layer.attached:
            columns = tuple(_attached(columns, copies, coding))
            alone = [int((each.label == DROPPED).sum()) for each in columns]
        one, other = (
            _side(of, repeated, layout, coding, which, apart=once and not layer.attached)
            for of, repeated, which, once in zip(columns, copies, ("gold", "predicted"), apart)
        )
        aside = {"gold_copies": int(copies[0].sum()), "gold_dropped": self._dropped[0], "gold_unattached": alone[0]}
        one = replace(one, aside={**one.aside, **aside})
        unplaced = _unplaced(predicted, self.name, layout, coding, self.maps[1])
        aside = {"predicted_dropped": self._dropped[1], "predicted_unattached": alone[1], "unplaced": len(unplaced)}
        other = replace(other, unplaced=unplaced, aside={**other.aside, **aside})
        return Block(one, other, layout, coding, layer.as_set)


def of_columns(gold: Columns, predicted: Columns, copies: Columns, layout: Layout, coding: Coding) -> Block:
    """A block of items that have no documents: of tags, or of bare spans."""
    none = np.zeros((0, 3), np.int64)
    return Block(
        Side(gold, gold.document, gold.take(none[:, 0]), none[:, 0], none, {}, none[:, 0], none[:, 0], none[:, :2]),
        Side(predicted, predicted.document, copies, copies.document, none, {"duplicate": len(copies)}, none[:, 0], none[:, 0], none[:, :2]),
        layout,
        coding,
    )


def _keys(columns: Columns, *, label: bool = True) -> Packed:
    length = columns.end - columns.start
    return pack(columns.head, columns.start, length, columns.fragments, *((columns.label + 1,) if label else ()))  # DROPPED is -1


def any_twice(packed: Packed) -> bool:
    """Whether two rows have one key."""
    ordered = np.sort(packed.key)
    return bool((ordered[1:] == ordered[:-1]).any())


def _alike(layer: Layer, columns: Columns) -> Packed:
    """A key that copies share; the head of an attached layer is the attribution itself, which they do not."""
    return pack(columns.start, columns.end - columns.start, columns.fragments, columns.label + 1) if layer.attached else _keys(columns)


def _copies(layer: Layer, documents: Sequence[Document], columns: Columns) -> Mask:
    """Which rows belong to an annotation that repeats an earlier one whole (all but id and score).

    Only documents in which two rows have one key can hold any, so only those are looked at annotation by annotation.
    """
    found = np.zeros(len(columns), bool)
    first = first_of_each(_alike(layer, columns))
    for number in np.unique(columns.document[~first]):
        rows = np.flatnonzero(columns.document == number)
        if isinstance(documents[number], Stub):  # its entities are no more than their keys
            found[rows] = ~first[rows]
            continue
        seen: set[Hashable] = set()
        for row, identity in zip(rows, layer.identities(documents[number])):
            found[row] = identity in seen
            seen.add(identity)
    return found


def _attached(columns: Sequence[Columns], copies: Sequence[Mask], coding: Coding) -> Iterable[Columns]:
    """Both sides with attributions whose cues match under one head, and without sources and contents that have no such cue.

    Cues are matched one to one: the same span first (and among attributions that share a cue, those with the same source and
    content), then the largest matching by overlap. Copies take no part, and keep all their items.
    """
    cue = coding.labels[CUE]
    cues = [np.flatnonzero((side.label == cue) & ~repeated) for side, repeated in zip(columns, copies)]
    told = [_told_apart(side, rows, cue, coding) for side, rows in zip(columns, cues)]
    place = {key: n for n, key in enumerate(sorted({*told[0], *told[1]}))}
    bare = [
        replace(side.take(rows), head=np.zeros(len(rows), np.int64), label=np.array([place[key] for key in keys], np.int64))
        for side, rows, keys in zip(columns, cues, told)
    ]
    answers = Matching(bare[0], bare[1], np.arange(len(place)), coding.pieces, coding.parts).answers("partial")
    pairs = answers.full.and_also(answers.half)
    most = len(coding.heads)
    for n, (side, repeated, rows, matched) in enumerate(zip(columns, copies, cues, pairs)):
        head = np.arange(most) + most * (n + 1)  # a head of its own, below replaced by that of the pair
        head[side.head[rows[matched]]] = np.arange(len(matched))
        heads = head[side.head]
        yield replace(side, head=heads, label=np.where((side.label == cue) | (heads < most) | repeated, side.label, DROPPED))


def _told_apart(side: Columns, cues: Ints, cue: int, coding: Coding) -> list[tuple[Any, ...]]:
    """What tells the attribution of each cue from others on the same words: its source and content, and a number where these are equal too."""
    names, pieces = list(coding.labels), coding.pieces
    others: dict[int, list[tuple[Any, ...]]] = {}
    for row in np.flatnonzero(side.label != cue):
        span = (names[side.label[row]], int(side.start[row]), int(side.end[row]), pieces[side.fragments[row]])
        others.setdefault(int(side.head[row]), []).append(span)
    seen: dict[Any, int] = {}
    found = []
    for row in cues:
        own = (tuple(sorted(others.get(int(side.head[row]), ()))), int(side.start[row]), int(side.end[row]), pieces[side.fragments[row]])
        seen[own] = seen.get(own, -1) + 1
        found.append((*own, seen[own]))
    return found


def _side(columns: Columns, copies: Mask, layout: Layout, coding: Coding, name: str, *, apart: bool) -> Side:
    """What is matched and what is set aside; `apart`: no two rows are equal, which need not be looked for again."""
    scored, unit = layout.placed(columns, coding.pieces)
    kept = columns.label != DROPPED
    aside = {f"{name}_outside_zones": int((~scored & kept).sum())}
    repeated = scored & kept & copies
    rows = np.flatnonzero(scored & kept & ~copies)
    once, merged = rows, np.zeros((0, 2), np.int64)
    if len(rows) and not apart and any_twice(packed := _keys(columns.take(rows))):
        first = first_of_each(packed)
        once = rows[first]
        place = dict(zip(packed.key[first].tolist(), range(len(once))))
        merged = np.array([(place[key], row) for key, row in zip(packed.key[~first].tolist(), rows[~first].tolist())], np.int64)
    aside[f"{name}_merged"] = len(rows) - len(once)
    if name == "predicted":
        aside["duplicate"] = int(repeated.sum())
    if len(once) == len(columns):
        return Side(columns, unit, columns.take(once[:0]), unit[:0], np.zeros((0, 3), np.int64), aside, once, once[:0], merged)
    copied = np.flatnonzero(repeated)
    return Side(columns.take(once), unit[once], columns.take(copied), unit[copied], np.zeros((0, 3), np.int64), aside, once, copied, merged)


def _unplaced(documents: Sequence[Any], name: str, layout: Layout, coding: Coding, maps: Maps) -> Ints:
    """(unit, label, characters) of each item without a place; its unit is the first of its document."""
    found = []
    first = {of.document: unit for unit, of in reversed(list(enumerate(layout.units)))} if any(d.unplaced for d in documents) else {}
    for document in documents:
        for item in document.unplaced:
            if item.layer == name or (name in UNPLACED.get(item.layer, ())):
                label = maps[item.layer].get(item.label, item.label) if item.layer in maps else item.label
                if label is not None:
                    found.append((first[document.id], coding.labels[label], max(len(item.quote or ""), 1)))
    return np.array(found, np.int64).reshape(-1, 3)


# An item without a place is one item without a place in every layer that is made of such items.
UNPLACED = {"entities": ("tokens",), "arguments": ("attached-arguments",), "attributions": ("attached-attributions",)}


def _characters(block: Block) -> Cells:
    """The characters under each label and head, on both sides and in common. Where a span has no place, those of its quote count."""
    gold, predicted = (_clipped(side.columns, block) for side in (block.gold, block.predicted))
    width = max(len(block.coding.labels), 1)
    total = Totals(len(block.layout.units), width)
    here = [_lengths(*side) for side in (gold, predicted)]
    both = _lengths(*(np.concatenate(pair) for pair in zip(gold, predicted)))
    for counts, sign, (unit, label, length) in (
        ((GOLD, FOUND, TP), 1, here[0]), ((PREDICTED, FOUND, TP), 1, here[1]), ((FOUND, TP), -1, both),
    ):  # fmt: skip
        for count in counts:
            total.add(count, unit * width + label, sign * length)
    copies = _clipped(block.predicted.copies, block)
    total.add(PREDICTED, copies[0] * width + copies[1], copies[4] - copies[3])
    unplaced = block.predicted.unplaced
    total.add(PREDICTED, unplaced[:, 0] * width + unplaced[:, 1], unplaced[:, 2])
    return total.cells()


def _clipped(columns: Columns, block: Block) -> tuple[Ints, ...]:
    """(unit, label, head, start, end) of every range of the rows, cut to the scored segments."""
    row, start, end = exploded(columns, block.coding.pieces)
    if block.layout.plain:
        unit = columns.document[row]
    else:
        row, start, end, unit = block.layout.clipped(row, start, end)
    return unit, columns.label[row], columns.head[row], start, end


def _lengths(unit: Ints, label: Ints, head: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints]:
    """(unit, label, how many characters it adds) of each range: a character counts once under a unit, label and head."""
    order = pack(unit, label, head, start).order()
    group = pack(unit, label, head).key[order]
    start, end = start[order], end[order]
    if not len(order):
        return unit, label, start
    new = np.ones(len(order), bool)
    np.not_equal(group[1:], group[:-1], out=new[1:])
    nth = np.cumsum(new) - 1
    before = np.where(new, start, np.concatenate([[0], _reach(start, end, nth)[:-1]]))
    return unit[order], label[order], np.maximum(end - np.maximum(start, before), 0)


def _reach(start: Ints, end: Ints, group: Ints) -> Ints:
    """The furthest end so far within the group of each range."""
    low, span = int(start.min()), int(end.max()) - int(start.min()) + 1
    if (int(group[-1]) + 1) * span < 1 << 62:
        return np.maximum.accumulate(end - low + group * span) - group * span + low
    pieces = np.split(end, np.flatnonzero(np.diff(group)) + 1)
    return np.concatenate([np.maximum.accumulate(piece) for piece in pieces])
