"""Gold that accepts more than one prediction: alternatives, optional items and ignore regions.

A gold item is matched if the prediction equals it or one of its alternatives, and counts once;
under `type`, `partial` and `iou:T` the relation to any of them decides. An optional item that is
found leaves both denominators, one that is not found leaves gold's. An ignore region is a zone with
the label "ignore": a predicted item that matches nothing and lies inside is set aside, and gold
items inside are optional.

Of all one-to-one pairings the one is taken that has, in this order,

* the largest credit of required gold items,
* the most optional items that are found,
* the fewest predictions that are counted,
* under `partial` the most pairs of equal spans among required items.

Under schemes that compare labels a matched prediction counts under the label of its gold item, also
where an alternative has another label.

Compare the crowd regions of COCO (Lin et al. 2014), predictions inside which are not counted, and
the optional mentions of ELEVANT (Bast et al. 2022).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from evalkit.data.document import Fragments, span_fragments
from evalkit.data.gold_alternatives import IGNORE
from evalkit.scoring.block_side import BlockSide, merge_set_aside
from evalkit.scoring.cells import FOUND, FOUND_HALF, GOLD, PREDICTED
from evalkit.scoring.columns import Cells, Ints, ItemArrays, Mask, document_offsets
from evalkit.scoring.counting import Block
from evalkit.scoring.items import Maps, map_label
from evalkit.scoring.lenient_matching import (
    ItemForm,
    LenientItem,
    Relations,
    find_relations,
    match_remaining,
    pair_items,
)
from evalkit.scoring.matching import Matches, Pairs
from evalkit.scoring.metrics import get_scheme
from evalkit.scoring.zones import SegmentLayout

ALTERNATIVES, OPTIONAL = "alternatives", "optional"
KINDS = (ALTERNATIVES, OPTIONAL, IGNORE)  # in the order of the signature


def find_kinds(document: Any) -> set[str]:
    """Which of KINDS a gold document has."""
    kinds = set()
    for entity in document.entities or ():
        if entity.alternatives:
            kinds.add(ALTERNATIVES)
        if entity.optional:
            kinds.add(OPTIONAL)
    if any(zone.label == IGNORE for zone in document.zones):
        kinds.add(IGNORE)
    return kinds


class PlainTotals(NamedTuple):
    """Sums over all items: gold, predicted, and the doubled credit of the pairs."""

    gold: int
    predicted: int
    credit: int

    @classmethod
    def of_cells(cls, cells: Cells) -> PlainTotals:
        """The sums of the cells of a block."""
        counts = cells[2:].sum(axis=1)
        credit = 2 * counts[FOUND] + counts[FOUND_HALF]
        return cls(int(counts[GOLD]), int(counts[PREDICTED]), int(credit))

    def minus(self, other: PlainTotals) -> PlainTotals:
        """The differences of the sums."""
        return PlainTotals(
            self.gold - other.gold,
            self.predicted - other.predicted,
            self.credit - other.credit,
        )


class LenientCounts(NamedTuple):
    """The counts of a block under a scheme: a column for each unit and label (see
    `Block.count_cells`), and the number of items set aside for each reason.

    difference: what the sums change by if gold is plain; None where gold is always plain.
    """

    cells: Cells
    set_aside: Mapping[str, int]
    difference: PlainTotals | None


class LenientMatches(NamedTuple):
    """The pairs of a scheme in rows of a block.

    matches: those of required items. optional: those of optional items; an item that the block does
    not have is −1. ignored: the predicted rows that are set aside. found_by_alternative: the number
    of required items that are matched because of an alternative.
    """

    matches: Matches
    optional: Pairs
    ignored: Ints
    found_by_alternative: int


class ReducedBlock(NamedTuple):
    """A block without optional items, the predictions that match them, and predictions that are set
    aside, under a scheme. A matched prediction has the label of its gold item where labels are
    compared.

    matches: the pairs, in rows of the block. gold, predicted: the item of each row.
    """

    block: Block
    matches: Matches
    gold: Sequence[LenientItem]
    predicted: Sequence[ItemForm]


@dataclass(frozen=True)
class LenientBlock:
    """A block of entities with what gold accepts.

    gold: an item for each row, and one for each dropped item with alternatives that are not
    dropped, which is optional. predicted: the form of each row. is_inside, are_copies_inside: which
    predicted rows and duplicates lie in ignore regions.
    """

    block: Block
    gold: Sequence[LenientItem]
    predicted: Sequence[ItemForm]
    is_inside: Mask
    are_copies_inside: Mask

    @classmethod
    def create(cls, block: Block, documents: Sequence[Any], maps: Maps) -> LenientBlock:
        """The block of some gold documents. maps: the label maps of gold."""
        reader = _GoldReader(block, documents, maps)
        return cls(
            block,
            reader.read_items(),
            reader.read_forms(block.predicted),
            reader.find_inside(block.predicted.columns),
            reader.find_inside(block.predicted.duplicates),
        )

    @property
    def layout(self) -> SegmentLayout:
        """The segments of the documents."""
        return self.block.layout

    @cached_property
    def is_optional(self) -> Mask:
        """Which gold rows are optional."""
        rows = len(self.block.gold.columns)
        return np.array([item.is_optional for item in self.gold[:rows]], bool)

    @cached_property
    def _relations(self) -> Relations:
        return find_relations(self.gold, self.predicted)

    def match(self, scheme: str, *, wrong: bool = True) -> LenientMatches:
        """The pairs of a scheme. wrong: also match what remains by overlap, without credit."""
        pairs = pair_items(self.gold, self.predicted, self.is_inside, self._relations, scheme)
        required = [pair for pair in pairs if not self.gold[pair.gold].is_optional]
        optional = [pair for pair in pairs if self.gold[pair.gold].is_optional]
        rows = len(self.block.gold.columns)
        optional_rows = [(p.gold if p.gold < rows else -1, p.predicted) for p in optional]
        is_free = np.ones(len(self.predicted), bool)
        is_free[[pair.predicted for pair in pairs]] = False
        incorrect: list[tuple[int, int]] = []
        if wrong and scheme != "partial":
            taken = {pair.gold for pair in required}
            free_gold = [n for n in range(rows) if not self.gold[n].is_optional and n not in taken]
            free_predicted = np.flatnonzero(is_free & ~self.is_inside).tolist()
            incorrect = match_remaining(
                self.gold, self.predicted, self._relations, free_gold, free_predicted
            )
        return LenientMatches(
            Matches(
                _as_pairs((p.gold, p.predicted) for p in required if p.is_full),
                _as_pairs((p.gold, p.predicted) for p in required if not p.is_full),
                _as_pairs(incorrect),
            ),
            _as_pairs(optional_rows),
            np.flatnonzero(is_free & self.is_inside),
            sum(pair.by_alternative for pair in required),
        )

    def count(self, scheme: str, *, wrong: bool = True) -> LenientCounts:
        """The counts of a scheme. wrong: also MUC's incorrect pairs."""
        cells = self.block.count_cells(scheme, wrong=wrong)
        set_aside = merge_set_aside(self.block.gold, self.block.predicted)
        if not is_lenient_scheme(scheme):
            return LenientCounts(cells, set_aside, None)
        plain_totals = PlainTotals.of_cells(cells)
        lenient = self.match(scheme, wrong=wrong)
        reduced = self._reduce(lenient, scheme)
        cells = reduced.block.count_matches(reduced.matches)
        copies = int(self.are_copies_inside.sum())
        set_aside["duplicate"] -= copies
        set_aside["gold_optional"] = sum(item.is_optional for item in self.gold)
        set_aside["optional_found"] = len(lenient.optional.gold)
        set_aside["predicted_ignored"] = len(lenient.ignored) + copies
        set_aside["alternative_found"] = lenient.found_by_alternative
        difference = plain_totals.minus(PlainTotals.of_cells(cells))
        return LenientCounts(cells, set_aside, difference)

    def reduce(self, scheme: str) -> ReducedBlock:
        """The block without the items that do not count under a scheme."""
        return self._reduce(self.match(scheme, wrong=False), scheme)

    def _reduce(self, lenient: LenientMatches, scheme: str) -> ReducedBlock:
        block = self.block
        is_counted = np.ones(len(self.predicted), bool)
        is_counted[lenient.optional.predicted] = False
        is_counted[lenient.ignored] = False
        gold_rows, predicted_rows = np.flatnonzero(~self.is_optional), np.flatnonzero(is_counted)
        predicted = block.predicted
        label = predicted.columns.label
        if get_scheme(scheme).same_label:
            label = label.copy()
            correct = lenient.matches.correct
            label[correct.predicted] = block.gold.columns.label[correct.gold]
        predicted = replace(predicted, columns=replace(predicted.columns, label=label))
        counted_copies = ~self.are_copies_inside
        reduced = replace(
            block,
            gold=_take_rows(block.gold, gold_rows),
            predicted=replace(
                _take_rows(predicted, predicted_rows),
                duplicates=predicted.duplicates.take(counted_copies),
                copies_unit=predicted.copies_unit[counted_copies],
                copies_rows=predicted.copies_rows[counted_copies],
            ),
        )
        new_gold, new_predicted = _positions(~self.is_optional), _positions(is_counted)
        matches = Matches(
            *(Pairs(new_gold[pairs.gold], new_predicted[pairs.predicted]) for pairs in lenient[0])
        )
        return ReducedBlock(
            reduced,
            matches,
            [self.gold[row] for row in gold_rows.tolist()],
            [self.predicted[row] for row in predicted_rows.tolist()],
        )


def is_lenient_scheme(scheme: str) -> bool:
    """Whether alternatives, optional items and ignore regions apply to a scheme of entities: to
    all that pair items.
    """
    return scheme != "characters"


class _GoldReader:
    """Reads what some gold documents accept."""

    def __init__(self, block: Block, documents: Sequence[Any], maps: Maps) -> None:
        self._block, self._documents, self._maps = block, documents, maps
        self._offsets = document_offsets(
            [len(document.text) for document in documents], len(documents)
        ).tolist()
        self._ignored = [_ignored_ranges(document.zones) for document in documents]

    def read_items(self) -> list[LenientItem]:
        """The items of all gold rows, and of the dropped ones with an alternative that is kept."""
        forms = self.read_forms(self._block.gold)
        entities = [
            (number, entity)
            for number, document in enumerate(self._documents)
            for entity in document.entities or ()
        ]
        items = []
        for form, row in zip(forms, self._block.gold.rows.tolist(), strict=True):
            number, entity = entities[row]
            is_inside = self._is_inside(number, span_fragments(entity))
            others = tuple(self._alternatives(number, entity))
            items.append(LenientItem((form, *others), is_optional=entity.optional or is_inside))
        for number, entity in entities:
            is_dropped = map_label(self._maps, "entities", entity.label) is None
            if is_dropped and entity.alternatives and self._is_scored(number, entity):
                others = tuple(self._alternatives(number, entity))
                if others:
                    items.append(LenientItem(others, is_optional=True))
        return items

    def _is_scored(self, number: int, entity: Any) -> bool:
        """Whether an entity touches a scored segment."""
        layout, shift = self._block.layout, self._offsets[number]
        for start, end in span_fragments(entity):
            first, last = layout.segment_at(np.array([start + shift, end - 1 + shift]))
            if layout.scored[first : last + 1].any():
                return True
        return False

    def _alternatives(self, number: int, entity: Any) -> Iterator[ItemForm]:
        """The alternatives of an entity whose labels are not dropped."""
        shift = self._offsets[number]
        for alternative in entity.alternatives:
            label = getattr(alternative, "label", None) or entity.label
            mapped = map_label(self._maps, "entities", label)
            if mapped is not None:
                pieces = tuple((a + shift, b + shift) for a, b in span_fragments(alternative))
                yield ItemForm(mapped, pieces)

    def read_forms(self, side: BlockSide) -> list[ItemForm]:
        """The form of each row of a side."""
        columns, pieces = side.columns, self._block.coding.pieces
        labels = list(self._block.coding.labels)
        rows = zip(
            columns.label.tolist(),
            columns.start.tolist(),
            columns.end.tolist(),
            columns.fragments.tolist(),
        )
        return [
            ItemForm(labels[code], pieces[shape] or ((start, end),))
            for code, start, end, shape in rows
        ]

    def find_inside(self, columns: ItemArrays) -> Mask:
        """Which rows lie in ignore regions."""
        pieces = self._block.coding.pieces
        is_inside = np.zeros(len(columns), bool)
        for row, number in enumerate(columns.document.tolist()):
            if self._ignored[number]:
                shift = self._offsets[number]
                ranges = pieces[columns.fragments[row]] or (
                    (int(columns.start[row]), int(columns.end[row])),
                )
                own = tuple((start - shift, end - shift) for start, end in ranges)
                is_inside[row] = self._is_inside(number, own)
        return is_inside

    def _is_inside(self, number: int, fragments: Fragments) -> bool:
        """Whether all characters of a span are in ignore regions of a document."""
        return all(
            any(first <= start and end <= last for first, last in self._ignored[number])
            for start, end in fragments
        )


def _ignored_ranges(zones: Iterable[Any]) -> list[tuple[int, int]]:
    """The ranges of ignore regions; those that touch are joined."""
    ranges: list[tuple[int, int]] = []
    for start, end in sorted((zone.start, zone.end) for zone in zones if zone.label == IGNORE):
        if ranges and start <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(end, ranges[-1][1]))
        else:
            ranges.append((start, end))
    return ranges


def _take_rows(side: BlockSide, rows: Ints) -> BlockSide:
    return replace(
        side, columns=side.columns.take(rows), unit=side.unit[rows], rows=side.rows[rows]
    )


def _positions(is_kept: Mask) -> Ints:
    """The position of each kept row among the kept ones."""
    positions: Ints = np.cumsum(is_kept) - 1
    return positions


def _as_pairs(pairs: Iterable[tuple[int, int]]) -> Pairs:
    rows = np.array(list(pairs), np.int64).reshape(-1, 2)
    return Pairs(rows[:, 0], rows[:, 1])
