"""Compares a block of documents of both sides in one layer, and counts its items.

A predicted item that matches a gold item with credit counts in the unit of the gold item, any other
in its own. A predicted duplicate, and an item without offsets, counts as predicted and matches
nothing. `cells` has the counts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from evalkit.data.batch import DocumentBatch, DocumentRef, EntityArrays, Vocabulary
from evalkit.data.document import Document, Fragments
from evalkit.data.duplicate_comparison import duplicate_keys, find_repeats
from evalkit.data.duplicates import HAS_DUPLICATE, repeated_annotations
from evalkit.data.surface_normalization import NORMALIZATIONS
from evalkit.scoring.attribution_groups import join_groups
from evalkit.scoring.block_side import (
    NO_ROWS,
    NO_UNPLACED,
    BlockSide,
    build_side,
    merge_set_aside,
)
from evalkit.scoring.cells import (
    FOUND,
    FOUND_HALF,
    GOLD,
    PREDICTED,
    TP,
    TP_HALF,
    WRONG_GOLD,
    WRONG_PREDICTED,
    CellCounter,
)
from evalkit.scoring.characters import count_characters
from evalkit.scoring.columns import (
    NO_MERGED,
    Cells,
    Ints,
    ItemArrayBuilder,
    ItemArrays,
    Mask,
    SharedEncoding,
    document_offsets,
    has_duplicates,
    is_first_occurrence,
    span_keys,
)
from evalkit.scoring.event_items import ARGUMENT_SCHEMES, HEAD
from evalkit.scoring.items import Maps
from evalkit.scoring.layers import Layer, iter_unplaced, order_symmetric
from evalkit.scoring.links import MENTION_FREE, project_links, unite_nil
from evalkit.scoring.matching import Matches, Matching
from evalkit.scoring.metrics import get_scheme
from evalkit.scoring.string_units import (
    assign_string_units,
    merge_repeats,
    remove_spans,
    sort_strings,
)
from evalkit.scoring.surfaces import normalize_surfaces
from evalkit.scoring.zones import SegmentLayout, build_layout


@dataclass(frozen=True)
class Block:
    """Both sides of a block in one layer, to be matched under any of its schemes.

    compares_strings, has_links: see `Layer`. argument_documents: those of both sides in layers of
    arguments, whose heads and mentions are looked up. head_source: of heads that they lack.
    """

    gold: BlockSide
    predicted: BlockSide
    layout: SegmentLayout
    coding: SharedEncoding
    as_set: bool = False
    compares_strings: bool = False
    has_repeats: bool = False
    has_links: bool = False
    argument_documents: tuple[Sequence[Document], Sequence[Document]] | None = None
    head_source: str | None = None

    @cached_property
    def rank(self) -> Ints:
        """The position of the name of each label in the sorted names."""
        return self.coding.labels.sorted_positions()

    @cached_property
    def matching(self) -> Matching:
        """The matched pairs of both sides."""
        gold, predicted = self.gold.columns, self.predicted.columns
        if self.compares_strings:
            gold, predicted = remove_spans(gold), remove_spans(predicted)
        return Matching(
            gold,
            predicted,
            self.rank,
            self.coding.pieces,
            self.coding.parts,
        )

    @cached_property
    def label_free(self) -> Block:
        """The block for schemes that ignore labels, of a layer that is a set: items that are equal
        but for their labels count once.
        """
        return replace(
            self,
            gold=self._deduplicate(self.gold),
            predicted=self._deduplicate(self.predicted),
            as_set=False,
        )

    @cached_property
    def group_free(self) -> Block:
        """The block for schemes that ignore groups, of a layer that is a set."""
        return replace(
            self,
            gold=self._deduplicate(_remove_groups(self.gold), label=True),
            predicted=self._deduplicate(_remove_groups(self.predicted), label=True),
            as_set=False,
        )

    @cached_property
    def repeat_free(self) -> Block:
        """The block for schemes under which a string counts once, duplicates included."""
        return replace(
            self,
            gold=merge_repeats(self.gold, "gold"),
            predicted=merge_repeats(self.predicted, "predicted"),
            has_repeats=False,
        )

    def _project_links(self, scheme: str) -> Block:
        links = list(self.coding.heads)
        return replace(
            self,
            gold=project_links(self.gold, "gold", scheme, links),
            predicted=project_links(self.predicted, "predicted", scheme, links),
            compares_strings=scheme == MENTION_FREE,
            has_links=False,
        )

    def _deduplicate(self, side: BlockSide, *, label: bool = False) -> BlockSide:
        # The label whose name sorts first stays, so that the order of the input does not matter.
        order = np.argsort(self.rank[side.columns.label], kind="stable")
        columns, unit = side.columns.take(order), side.unit[order]
        first = is_first_occurrence(span_keys(columns, label=label))
        return replace(
            side, columns=columns.take(first), unit=unit[first], rows=side.rows[order][first]
        )

    def for_scheme(self, scheme: str) -> Block:
        """The block as a scheme compares it: for a scheme that ignores labels or groups, items of a
        set that differ only by these are merged.
        """
        # A block that kept itself as its label-free one would be a reference cycle, and stay in
        # memory after its use.
        if self.has_links:
            return self._project_links(scheme)
        if self.has_repeats and scheme != "multiset":
            return self.repeat_free
        if self.as_set and not get_scheme(scheme).same_group:
            return self.group_free
        if self.as_set and not get_scheme(scheme).same_label:
            return self.label_free
        return self

    def count_cells(self, scheme: str, *, wrong: bool = True) -> Cells:
        """A column for each unit and label that has items: unit, label, *COUNTS. Without `wrong`,
        the last two counts stay 0.
        """
        if scheme == "characters":
            return count_characters(
                self.gold.columns,
                self.predicted.columns,
                self.predicted.duplicates,
                self.predicted.unplaced,
                self.layout,
                self.coding.pieces,
                len(self.coding.labels),
            )
        block = self.for_scheme(scheme)
        return block.count_matches(block.match(scheme, wrong=wrong))

    @cached_property
    def argument_heads(self) -> list[list[Fragments | None]]:
        """The head of each argument of both sides, of all that were read."""
        from evalkit.scoring.parsed_heads import read_heads

        return read_heads(self.argument_documents or ((), ()), self.head_source)

    def count_set_aside(self, scheme: str) -> dict[str, int]:
        """The number of items that are set aside, or not compared as others are, by reason."""
        block = self.for_scheme(scheme)
        counts = merge_set_aside(block.gold, block.predicted)
        if self.argument_documents is not None and scheme in ARGUMENT_SCHEMES:
            from evalkit.scoring.argument_edges import count_by_span_only

            documents, heads = self.argument_documents[0], self.argument_heads[0]
            counts |= count_by_span_only(scheme, self.gold, documents, heads)
        return counts

    def match(self, scheme: str, *, wrong: bool = True) -> Matches:
        """The pairs of a scheme. wrong: see `Matching.pairs_under`."""
        if self.argument_documents is None or scheme not in ARGUMENT_SCHEMES:
            return self.matching.pairs_under(scheme, wrong=wrong)
        # Imported here: few runs use these schemes.
        from evalkit.scoring.argument_edges import find_edges
        from evalkit.scoring.edge_matching import EdgeMatcher

        sides = self.gold, self.predicted
        edges = find_edges(scheme, *sides, self.argument_documents, self.argument_heads)
        matcher = EdgeMatcher(self.gold.columns, self.predicted.columns, self.coding.pieces)
        return self.matching.add_wrong(scheme, matcher.match(edges), wrong=wrong)

    def count_matches(self, matches: Matches) -> Cells:
        """The counts of matched pairs, a column for each unit and label that has items."""
        gold, predicted = self.gold, self.predicted
        width = max(len(self.coding.labels), 1)
        gold_cells = gold.unit * width + gold.columns.label
        predicted_cells = self._units_of_predicted(matches) * width + predicted.columns.label
        counter = CellCounter(len(self.layout.units), width)
        counter.add(GOLD, gold_cells)
        counter.add(PREDICTED, predicted_cells)
        for gold_count, predicted_count, pairs in (
            (FOUND, TP, matches.correct),
            (FOUND_HALF, TP_HALF, matches.partial),
            (WRONG_GOLD, WRONG_PREDICTED, matches.incorrect),
        ):
            if len(pairs.gold):
                counter.add(gold_count, gold_cells[pairs.gold])
                counter.add(predicted_count, predicted_cells[pairs.predicted])
        counter.add(PREDICTED, predicted.copies_unit * width + predicted.duplicates.label)
        counter.add(PREDICTED, predicted.unplaced[:, 0] * width + predicted.unplaced[:, 1])
        return counter.cells()

    def _units_of_predicted(self, matches: Matches) -> Ints:
        if self.layout.one_segment_per_document:
            return self.predicted.unit
        unit = self.predicted.unit.copy()
        for pairs in (matches.correct, matches.partial):
            unit[pairs.predicted] = self.gold.unit[pairs.gold]
        return unit


class BlockBuilder:
    """Builds a block of documents in a layer from small batches.

    The items of a batch become arrays while its documents are still in the processor's cache. What
    depends on all items, such as duplicates, is decided when the block is built.
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
        symmetric: Collection[str] = (),
        normalization: str = "verbatim",
        nil: str = "string",
        heads: str | None = None,
    ) -> None:
        """Start with no documents.

        name: that of the layer. zones: the scored ones; None for all. maps: the label maps of gold
        and predictions. whole: keep all documents, not only their ids. by_sentence: each sentence
        is a unit. symmetric: the labels of symmetric relations. normalization: of strings, one of
        NORMALIZATIONS. nil: how NIL is compared, one of NIL_POLICIES.
        """
        self.layer, self.name, self.zones, self.maps = layer, name, zones, maps
        self.coding = SharedEncoding(labels)
        self._whole, self._by_sentence = whole, by_sentence
        self.symmetric_labels = symmetric
        self._normalize = NORMALIZATIONS[normalization]
        self._nil_is_one = nil == "one"
        self._head_source = heads
        self.documents: tuple[list[Any], list[Any]] = ([], [])
        self._items = (ItemArrayBuilder(self.coding), ItemArrayBuilder(self.coding))
        self._dropped = [0, 0]
        self._empty = [0, 0]
        self._without_trigger = [0, 0]
        self._lengths: list[int] = []

    def __len__(self) -> int:
        return len(self.documents[0])

    def add(self, gold: Sequence[Any], predicted: Sequence[Any]) -> None:
        """Add the documents of a batch."""
        self._lengths += [len(document.text) for document in gold]
        for side, documents in enumerate((gold, predicted)):
            items = self.layer.items(documents, self.maps[side])
            if isinstance(items, EntityArrays):
                self._items[side].add_placed(items)
            else:
                if self.layer.has_symmetric_labels:
                    items = order_symmetric(items, self.symmetric_labels)
                if self.layer.has_strings:
                    items = normalize_surfaces(items, self._normalize)
                if self.layer.has_links and self._nil_is_one:
                    items = unite_nil(items)
                self._items[side].add(items)
                self._dropped[side] += items.dropped
                self._empty[side] += items.empty
                self._without_trigger[side] += items.without_trigger
            if isinstance(items, EntityArrays) and self._needs_ids_only(documents):
                self.documents[side].extend(
                    [DocumentRef(document.id, len(document.text)) for document in documents]
                )
            else:
                self.documents[side].extend(documents)

    def _needs_ids_only(self, documents: Sequence[Any]) -> bool:
        """Whether nothing but the ids of a batch is needed once its items are read."""
        if self._whole or self._by_sentence:
            return False
        return isinstance(documents, DocumentBatch) and documents.contiguous_only

    def block(self) -> Block:
        """The block of all documents that were added.

        `gold.set_aside["gold_copies"]` counts duplicates in gold, which the caller must refuse.
        """
        gold_documents, predicted_documents = self.documents
        layer = self.layer
        offsets = document_offsets(self._lengths, len(gold_documents))
        layout = build_layout(gold_documents, offsets, self.zones, by_sentence=self._by_sentence)
        gold, predicted = (items.columns(offsets) for items in self._items)
        gold_merge = self._has_equal_items(gold)
        predicted_merge = self._has_equal_items(predicted)
        gold_duplicates = self._find_duplicates(gold_documents, gold, has_equal_items=gold_merge)
        predicted_duplicates = self._find_duplicates(
            predicted_documents, predicted, has_equal_items=predicted_merge
        )
        if layer.grouped_by_cue:
            predicted = join_groups(gold_documents, predicted_documents, predicted, self.coding)
        if layer.keeps_equal_items:
            gold_merge = predicted_merge = False
        if layer.compares_strings:
            gold_units, predicted_units = assign_string_units(
                (gold, gold_documents), (predicted, predicted_documents), layout, self.coding
            )
        else:
            gold_units = layout.assign_units(gold, self.coding.pieces)
            predicted_units = layout.assign_units(predicted, self.coding.pieces)
        gold_side = build_side(gold, gold_duplicates, gold_units, "gold", merge=gold_merge)
        predicted_side = build_side(
            predicted, predicted_duplicates, predicted_units, "predicted", merge=predicted_merge
        )
        if layer.compares_strings:
            gold_side, predicted_side = sort_strings(gold_side), sort_strings(predicted_side)
        if layer.deduplicate:
            gold_copies = int(any(map(HAS_DUPLICATE[layer.document_layer], gold_documents)))
        else:
            gold_copies = int(gold_duplicates.sum())
        unplaced = _find_unplaced(predicted_documents, self.name, layout, self.coding, self.maps[1])
        gold_reasons = {"gold_copies": gold_copies, "gold_dropped": self._dropped[0]}
        predicted_reasons = {"predicted_dropped": self._dropped[1], "unplaced": len(unplaced)}
        if layer.has_strings:
            gold_reasons["gold_empty"] = self._empty[0]
            predicted_reasons["predicted_empty"] = self._empty[1]
        for name, reasons, count in zip(
            ("gold", "predicted"), (gold_reasons, predicted_reasons), self._without_trigger
        ):
            if count:
                reasons[f"{name}_without_trigger"] = count
        return Block(
            replace(gold_side, set_aside={**gold_side.set_aside, **gold_reasons}),
            replace(
                predicted_side,
                unplaced=unplaced,
                set_aside={**predicted_side.set_aside, **predicted_reasons},
            ),
            layout,
            self.coding,
            layer.deduplicate,
            layer.compares_strings,
            layer.compares_strings,
            layer.has_links,
            self.documents if HEAD in layer.schemes else None,
            self._head_source,
        )

    def _has_equal_items(self, items: ItemArrays) -> bool:
        return has_duplicates(span_keys(items, group=not self.layer.grouped_by_cue))

    def _find_duplicates(
        self, documents: Sequence[Document], items: ItemArrays, *, has_equal_items: bool
    ) -> Mask:
        """Which items come from an annotation that is a duplicate; none for a layer that is a
        set.
        """
        if not has_equal_items or self.layer.owners is None:
            return np.zeros(len(items), bool)
        return _items_of_duplicates(self.layer, documents, items)


def block_from_arrays(
    gold: ItemArrays,
    predicted: ItemArrays,
    duplicates: ItemArrays,
    layout: SegmentLayout,
    coding: SharedEncoding,
) -> Block:
    """A block of items without documents: of tags, or of bare spans. duplicates: predicted ones."""
    gold_side = BlockSide(
        columns=gold,
        unit=gold.document,
        duplicates=gold.take(NO_ROWS),
        copies_unit=NO_ROWS,
        unplaced=NO_UNPLACED,
        set_aside={},
        rows=NO_ROWS,
        copies_rows=NO_ROWS,
        merged=NO_MERGED,
    )
    predicted_side = replace(
        gold_side,
        columns=predicted,
        unit=predicted.document,
        duplicates=duplicates,
        copies_unit=duplicates.document,
        set_aside={"duplicate": len(duplicates)},
    )
    return Block(gold_side, predicted_side, layout, coding)


def _items_of_duplicates(layer: Layer, documents: Sequence[Document], items: ItemArrays) -> Mask:
    """Which items come from an annotation that is a duplicate of an earlier one (see
    document.duplicate_key).

    Only documents in which two items are equal can have duplicates, so only their annotations are
    compared.
    """
    is_duplicate = np.zeros(len(items), bool)
    first = is_first_occurrence(span_keys(items, group=not layer.grouped_by_cue))
    for number in np.unique(items.document[~first]):
        rows = np.flatnonzero(items.document == number)
        if isinstance(documents[number], DocumentRef):  # contiguous entities: label and offsets
            is_duplicate[rows] = ~first[rows]
        elif layer.owners is not None:
            annotations = getattr(documents[number], layer.document_layer) or ()
            if layer.document_layer == "events":
                duplicates = find_repeats(duplicate_keys(documents[number], "events"))
            else:
                duplicates = repeated_annotations(annotations, layer.key_of_duplicates)
            owners = list(layer.owners(documents[number]))
            # Items without offsets, which come last, are no duplicates.
            is_duplicate[rows[: len(owners)]] = [duplicates[index] for index in owners]
    return is_duplicate


def _remove_groups(side: BlockSide) -> BlockSide:
    columns = side.columns
    return replace(side, columns=replace(columns, head=np.zeros_like(columns.head)))


def _find_unplaced(
    documents: Sequence[Any], name: str, layout: SegmentLayout, coding: SharedEncoding, maps: Maps
) -> Ints:
    """(unit, label, characters) of each item of a layer that has no offsets.

    Such items are in no zone: their units are added to the layout.
    """
    units = layout.add_units_without_zone(
        [document.id for document in documents if document.unplaced]
    )
    rows = []
    for document_id, item, label in iter_unplaced(documents, name, maps):
        characters = max(len(item.quote or ""), 1)
        rows.append((units[document_id], coding.labels[label], characters))
    return np.array(rows, np.int64).reshape(-1, 3)
