"""The relations of both sides with the outcome of each, document by document.

Relations that are equal under strict are one item, as in the layer `relations`, and only scored
ones are classified. The entities and events of a document are paired in all zones, as in the layers
`entities` and `triggers`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from evalkit.analysis.error_items import ItemOutcome
from evalkit.analysis.relation_errors import (
    RelationArgument,
    RelationItem,
    RelationOutcome,
    classify_relations,
)
from evalkit.analysis.span_pairing import pair_items
from evalkit.data.batch import Vocabulary
from evalkit.data.document import Document, Event, argument_fragments, iter_arguments
from evalkit.scoring.block_side import BlockSide
from evalkit.scoring.columns import Ints
from evalkit.scoring.counting import Block, BlockBuilder
from evalkit.scoring.items import Maps, map_label
from evalkit.scoring.layers import LAYERS
from evalkit.scoring.matching import unmatched_rows

ARGUMENT_LAYERS = ("entities", "triggers")
# The arguments without a counterpart, of each document of a side
Unpaired = dict[int, set[RelationArgument]]


@dataclass(frozen=True)
class RelationSide:
    """The relations of one side of a document, in order. relations: for each item the indices of
    its relations.
    """

    items: list[RelationItem]
    relations: list[list[int]]


class RelationErrors(NamedTuple):
    """A document of both sides, its relations, and what became of them."""

    documents: tuple[Document, Document]
    gold: RelationSide
    predicted: RelationSide
    outcomes: list[RelationOutcome]


def compare_relations(builder: BlockBuilder, block: Block) -> Iterator[RelationErrors]:
    """The documents of a block of relations, which keeps its documents, in order."""
    collectors = []
    for number, side in enumerate((block.gold, block.predicted)):
        scored = set(_find_positions(side))
        collectors.append(
            _RelationCollector(scored, builder.maps[number], builder.symmetric_labels)
        )
    unpaired = _find_unpaired_arguments(builder)
    for number, documents in enumerate(zip(*builder.documents)):
        gold, predicted = (
            collector.collect(document) for collector, document in zip(collectors, documents)
        )
        missed, spurious = (arguments.get(number, ()) for arguments in unpaired)
        outcomes = classify_relations(
            gold.items, predicted.items, builder.symmetric_labels, missed, spurious
        )
        yield RelationErrors(documents, gold, predicted, outcomes)


def find_relation_outcomes(builder: BlockBuilder, block: Block) -> list[ItemOutcome]:
    """The outcomes of all placed items of a block of relations. builder: the one that made the
    block; it keeps its documents.
    """
    positions = [_find_positions(side) for side in (block.gold, block.predicted)]
    n_read = [0, 0]  # relations of the documents before
    outcomes = []
    for errors in compare_relations(builder, block):
        rows: list[list[int]] = []
        for number, side in enumerate((errors.gold, errors.predicted)):
            first = n_read[number]
            rows.append([positions[number][first + each[0]] for each in side.relations])
            n_read[number] += len(errors.documents[number].relations or ())
        for outcome in errors.outcomes:
            outcomes.append(
                ItemOutcome(
                    None if outcome.gold is None else rows[0][outcome.gold],
                    None if outcome.predicted is None else rows[1][outcome.predicted],
                    outcome.kind,
                    outcome.detail,
                    outcome.is_approximate,
                )
            )
    return outcomes


def _find_positions(side: BlockSide) -> dict[int, int]:
    """The row of a block's items that each scored relation stands for, of all that were read."""
    positions = {row: position for position, row in enumerate(side.rows.tolist())}
    positions.update({row: position for position, row in side.merged.tolist()})
    return positions


def make_argument(annotation: Any, maps: Maps) -> RelationArgument | None:
    """An entity or event as an argument; None if a label map drops its label."""
    layer = "triggers" if isinstance(annotation, Event) else "entities"
    label = map_label(maps, layer, annotation.label)
    return None if label is None else RelationArgument(argument_fragments(annotation), layer, label)


class _RelationCollector:
    """Collects the relations of one side of a block, document after document."""

    def __init__(self, scored: Collection[int], maps: Maps, symmetric: Collection[str]) -> None:
        """scored: the numbers of the relations that are scored, of all that are read."""
        self._scored, self._maps, self._symmetric = scored, maps, symmetric
        self._n_read = 0

    def collect(self, document: Document) -> RelationSide:
        """The relations of the next document."""
        indices_of: dict[RelationItem, list[int]] = defaultdict(list)
        arguments = iter_arguments(document)
        for index, (relation, pair) in enumerate(zip(document.relations or (), arguments)):
            if self._n_read + index in self._scored:
                head, tail = (make_argument(each, self._maps) for each in pair)
                label = map_label(self._maps, "relations", relation.label)
                if head is None or tail is None or label is None:
                    continue
                if label in self._symmetric and tail < head:
                    head, tail = tail, head
                indices_of[RelationItem(label, head, tail)].append(index)
        self._n_read += len(document.relations or ())
        items = sorted(indices_of, key=lambda item: (item.head.span, item.tail.span, item))
        return RelationSide(items, [indices_of[item] for item in items])


def _find_unpaired_arguments(builder: BlockBuilder) -> tuple[Unpaired, Unpaired]:
    """The entities and events of each side that are paired with none of the other side, whatever
    the kind of the pair; none that is equal to a paired one.
    """
    unpaired: tuple[Unpaired, Unpaired] = defaultdict(set), defaultdict(set)
    for layer in ARGUMENT_LAYERS:
        arguments = BlockBuilder(LAYERS[layer], layer, Vocabulary(), None, builder.maps, whole=True)
        arguments.add(*builder.documents)
        block = arguments.block()
        gold, predicted = block.gold.columns, block.predicted.columns
        if not len(gold) and not len(predicted):
            continue
        pairing = pair_items(gold, predicted, block.rank, block.coding.pieces)
        for number, side, paired in (
            (0, block.gold, pairing.gold),
            (1, block.predicted, pairing.predicted),
        ):
            rows = unmatched_rows(len(side.columns), paired)
            maps, documents = builder.maps[number], builder.documents[number]
            places = _list_places(documents, LAYERS[layer].document_layer)
            without = _find_arguments(places, side.rows[rows], maps)
            with_partner = _find_arguments(places, side.rows[paired], maps)
            for document, found in without.items():
                unpaired[number][document] |= found - with_partner.get(document, set())
    return unpaired


def _list_places(documents: Sequence[Document], layer: str) -> list[tuple[int, Any]]:
    """(number of the document, annotation) of each annotation of a layer."""
    places = []
    for number, document in enumerate(documents):
        for annotation in getattr(document, layer) or ():
            places.append((number, annotation))
    return places


def _find_arguments(
    places: Sequence[tuple[int, Any]], rows: Ints, maps: Maps
) -> dict[int, set[RelationArgument]]:
    """The distinct arguments in some rows, by the number of the document."""
    found: dict[int, set[RelationArgument]] = defaultdict(set)
    for row in rows.tolist():
        number, annotation = places[row]
        argument = make_argument(annotation, maps)
        if argument is not None:
            found[number].add(argument)
    return found
