"""The events of both sides with the outcome of each argument, document by document.

Events of one type and trigger are one event with the arguments of all of them, as in the layers
`triggers` and `attached-arguments`; so are events of one type without a trigger. An event takes
part if its trigger or one of its arguments is scored, and only scored arguments are classified:
triggers outside the scored zones are paired too if they have a scored argument, so that the number
of correct arguments is tp of attached-arguments/strict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from evalkit.analysis.argument_errors import (
    ArgumentItem,
    ArgumentOutcome,
    EventItem,
    EventPair,
    classify_arguments,
    sort_key,
)
from evalkit.analysis.span_pairing import PAIR_KINDS, pair_items
from evalkit.data.batch import Vocabulary
from evalkit.data.document import Document, span_fragments, trigger_fragments
from evalkit.evaluation.document_counter import (
    BLOCK_DOCUMENTS,
    ScoringTask,
    add_annotated,
    build_block,
    drop_failed_annotations,
    make_block_builder,
)
from evalkit.scoring.block_side import BlockSide
from evalkit.scoring.columns import Ints
from evalkit.scoring.counting import Block, BlockBuilder
from evalkit.scoring.items import Maps
from evalkit.scoring.layers import LAYERS

# The index of an event in a document, and of an argument in the event
ArgumentPlace = tuple[int, int]


@dataclass(frozen=True)
class EventSide:
    """The events of one side of a document.

    events: for each item the indices of its events. arguments: for each item and each of its
    arguments the places of the annotations.
    """

    items: list[EventItem]
    events: list[list[int]]
    arguments: list[list[list[ArgumentPlace]]]


class EventErrors(NamedTuple):
    """A document of both sides, its events, the pairs of their triggers, and its arguments."""

    documents: tuple[Document, Document]
    gold: EventSide
    predicted: EventSide
    pairs: list[EventPair]
    outcomes: list[ArgumentOutcome]


def iter_event_errors(task: ScoringTask) -> Iterator[EventErrors]:
    """The documents whose events gold annotates. Failed predictions have no events."""
    builder = make_block_builder(task, "attached-arguments", Vocabulary(), keep_documents=True)
    failed: set[str] = set()
    for pairs in task.inputs.iter_batches():
        failed |= {document.id for document in pairs.predicted if document.failure is not None}
        if add_annotated(builder, drop_failed_annotations(pairs)) >= BLOCK_DOCUMENTS:
            yield from compare_events(task, builder, build_block(builder, task.inputs), failed)
            builder = make_block_builder(
                task, "attached-arguments", Vocabulary(), keep_documents=True
            )
    if len(builder):
        yield from compare_events(task, builder, build_block(builder, task.inputs), failed)


def compare_events(
    task: ScoringTask, builder: BlockBuilder, arguments: Block, failed: Container[str]
) -> Iterator[EventErrors]:
    """The documents of a block of attached arguments, which keeps its documents, in order.

    failed: ids of documents on which the model failed.
    """
    triggers = make_block_builder(task, "triggers", Vocabulary(), keep_documents=True)
    triggers.add(*builder.documents)
    scored = build_block(triggers, task.inputs)
    all_triggers = BlockBuilder(
        LAYERS["triggers"], "triggers", Vocabulary(), None, builder.maps, whole=True
    )
    all_triggers.add(*builder.documents)
    block = all_triggers.block()
    sides = []
    for number, name in enumerate(("gold", "predicted")):
        collector = _EventCollector(getattr(block, name), builder.maps[number])
        collector.add(
            builder.documents[number],
            read_rows(getattr(scored, name)),
            read_rows(getattr(arguments, name)),
        )
        sides.append(collector)
    gold_rows, predicted_rows = sides[0].rows(), sides[1].rows()
    pairing = pair_items(
        block.gold.columns.take(gold_rows),
        block.predicted.columns.take(predicted_rows),
        block.rank,
        block.coding.pieces,
    )
    pairs_of_document: dict[int, list[EventPair]] = defaultdict(list)
    for g, p, kind in zip(
        gold_rows[pairing.gold].tolist(),
        predicted_rows[pairing.predicted].tolist(),
        pairing.kind.tolist(),
    ):
        document, index = sides[0].index_of[g]
        _, other = sides[1].index_of[p]
        pairs_of_document[document].append(EventPair(index, other, PAIR_KINDS[kind]))
    for number, documents in enumerate(zip(*builder.documents)):
        gold, predicted = (collector.side_of(number) for collector in sides)
        pairs = sorted([*pairs_of_document[number], *_pair_without_trigger(gold, predicted)])
        outcomes = classify_arguments(
            gold.items, predicted.items, pairs, is_failed=documents[0].id in failed
        )
        yield EventErrors(documents, gold, predicted, pairs, outcomes)


def _pair_without_trigger(gold: EventSide, predicted: EventSide) -> Iterator[EventPair]:
    """The pairs of events without a trigger: those of one type."""
    index_of = {item.label: p for p, item in enumerate(predicted.items) if not item.trigger}
    for g, item in enumerate(gold.items):
        if not item.trigger and item.label in index_of:
            yield EventPair(g, index_of[item.label], "correct")


def read_rows(side: BlockSide) -> set[int]:
    """The items that are scored, among all that were read."""
    return {*side.rows.tolist(), *side.merged[:, 1].tolist()}


class _EventCollector:
    """Collects the events of one side of a block."""

    def __init__(self, side: BlockSide, maps: Maps) -> None:
        self._side, self._roles = side, maps.get("arguments")
        self._types = maps.get("triggers")
        self._sides: list[EventSide] = []
        # A row of the block's triggers to the document and the index of the item
        self.index_of: dict[int, tuple[int, int]] = {}

    def rows(self) -> Ints:
        """The rows of the block's triggers that take part."""
        return np.array(sorted(self.index_of), np.int64)

    def side_of(self, number: int) -> EventSide:
        """The events of a document of the block."""
        return self._sides[number]

    def add(
        self, documents: Iterable[Document], scored_triggers: set[int], scored_arguments: set[int]
    ) -> None:
        """Add the documents of the block."""
        row_of_event = dict(zip(self._side.rows.tolist(), range(len(self._side.rows))))
        row_of_event.update({event: row for row, event in self._side.merged.tolist()})
        n_events = n_arguments = 0  # that were read: events with a trigger
        for number, document in enumerate(documents):
            taking_part = set()
            row_of_type: dict[str, int] = {}  # of events without a trigger: negative numbers
            events: dict[int, list[int]] = defaultdict(list)
            arguments: dict[int, dict[ArgumentItem, list[ArgumentPlace]]] = defaultdict(dict)
            for index, event in enumerate(document.events or ()):
                row: int | None = None
                if event.trigger is not None:
                    row = row_of_event.get(n_events)
                    if row is not None and n_events in scored_triggers:
                        taking_part.add(row)
                    n_events += 1
                elif (label := self._map_type(event.label)) is not None:
                    row = row_of_type.setdefault(label, -1 - len(row_of_type))
                if row is not None:
                    events[row].append(index)
                for n, argument in enumerate(event.arguments):
                    if row is not None and n_arguments in scored_arguments:
                        taking_part.add(row)
                        item = ArgumentItem(self._map_role(argument.role), span_fragments(argument))
                        arguments[row].setdefault(item, []).append((index, n))
                    n_arguments += 1
            self._add_document(number, document, taking_part, events, arguments)

    def _add_document(
        self,
        number: int,
        document: Any,
        taking_part: set[int],
        events: dict[int, list[int]],
        arguments: dict[int, dict[ArgumentItem, list[ArgumentPlace]]],
    ) -> None:
        side = EventSide([], [], [])
        built = []
        for row in taking_part:
            event = document.events[events[row][0]]
            items = sorted(arguments[row], key=lambda item: sort_key(item.span, item.role))
            label = self._map_type(event.label)
            built.append((EventItem(label, trigger_fragments(event), tuple(items)), row))
        for item, row in sorted(built, key=lambda pair: sort_key(pair[0].trigger, pair[0].label)):
            if item.trigger:
                self.index_of[row] = number, len(side.items)
            side.items.append(item)
            side.events.append(events[row])
            side.arguments.append([arguments[row][argument] for argument in item.arguments])
        self._sides.append(side)

    def _map_type(self, label: str) -> Any:
        """The label of an event type; None if the label map drops it."""
        return self._types.get(label, label) if self._types else label

    def _map_role(self, role: str) -> str:
        mapped: str = self._roles.get(role, role) if self._roles else role
        return mapped
