"""Corrects events and attributions in predicted documents; see `error_fixes`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from msgspec.structs import replace

from evalkit.analysis.argument_errors import ArgumentOutcome
from evalkit.data.batch import Vocabulary
from evalkit.data.document import (
    ATTRIBUTION_PARTS,
    Argument,
    Document,
    Event,
    duplicate_key,
    remove_references,
    trigger_fragments,
)
from evalkit.data.duplicates import repeated_annotations
from evalkit.data.label_maps import LabelMapping
from evalkit.evaluation.annotation_copies import LabelCopier, keep_relations, move_span
from evalkit.evaluation.document_counter import (
    ScoringTask,
    add_annotated,
    build_block,
    drop_failed_annotations,
    make_block_builder,
)
from evalkit.evaluation.event_errors import EventErrors, read_rows
from evalkit.scoring.attribution_pairing import pair_attributions

EVENT_FIXES = ("triggers", "spurious events", "roles", "argument spans", "attachment")
ATTRIBUTION_FIXES = ("cues",)


# What must be corrected so that a pair of arguments is
_REQUIRED = {
    "role": {"roles"},
    "span": {"argument spans"},
    "role+span": {"roles", "argument spans"},
    "attachment": {"attachment"},
}


def fix_events(
    documents: Iterable[EventErrors], mapping: LabelMapping, kinds: Collection[str]
) -> Iterator[Document]:
    """The predicted documents that change where these kinds of error of events are corrected."""
    types, roles = (LabelCopier(layer, mapping) for layer in ("triggers", "arguments"))
    for errors in documents:
        fixes = _EventFixes(errors, types, roles)
        for outcome in errors.outcomes:
            if _REQUIRED.get(outcome.kind, {""}) <= set(kinds):
                fixes.fix_argument(outcome)
        if "triggers" in kinds:
            fixes.fix_triggers()
        fixes.add_moved_arguments()
        if "spurious events" in kinds:
            fixes.remove_spurious_events()
        if fixes.has_changes:
            yield fixes.build_document()


class _EventFixes:
    """The events of a predicted document while they are corrected."""

    def __init__(self, errors: EventErrors, types: LabelCopier, roles: LabelCopier) -> None:
        self._errors, self._types, self._roles = errors, types, roles
        self._gold, self._predicted = errors.documents
        self._events: list[Event | None] = list(self._predicted.events or ())
        # The arguments of each event; None for one that is removed
        self._arguments: list[list[Argument | None]] = []
        for event in self._predicted.events or ():
            self._arguments.append(list(event.arguments))
        # For each gold event the arguments that move to it
        self._moving: dict[int, list[Argument]] = defaultdict(list)
        self.has_changes = False

    def fix_argument(self, outcome: ArgumentOutcome) -> None:
        """Correct the role and the span of an argument, or take it from its event if it belongs to
        another one.
        """
        if outcome.gold is None or outcome.predicted is None:
            return
        if outcome.kind == "attachment" and outcome.event == "missed":
            return
        item, n = outcome.gold
        index, number = self._errors.gold.arguments[item][n][0]
        gold = (self._gold.events or ())[index].arguments[number]
        item, n = outcome.predicted
        places = self._errors.predicted.arguments[item][n]
        if outcome.kind == "attachment":
            index, number = places[0]
            moving = self._arguments[index][number]
            if moving is not None:
                self._moving[outcome.gold[0]].append(moving)
        for index, number in places:
            argument = self._arguments[index][number]
            if argument is None or outcome.kind == "attachment":
                self._arguments[index][number] = None
                continue
            if outcome.kind in ("role", "role+span"):
                argument = replace(argument, role=self._roles.copy(gold.role))
            if outcome.kind in ("span", "role+span"):
                argument = move_span(argument, gold)
            self._arguments[index][number] = argument
        self.has_changes = True

    def fix_triggers(self) -> None:
        """Give each event whose trigger is paired the type and the trigger of gold's."""
        for pair in self._errors.pairs:
            gold = self._gold_event(pair.gold)
            for index in self._errors.predicted.events[pair.predicted]:
                event = self._events[index]
                if event is not None and pair.kind != "correct":
                    label = self._types.copy(gold.label)
                    self._events[index] = replace(event, label=label, trigger=gold.trigger)
                    self.has_changes = True

    def add_moved_arguments(self) -> None:
        """Add each argument that moves to the event of its gold argument: to a new event if no
        predicted event has its type and trigger.
        """
        predicted_of = {pair.gold: pair.predicted for pair in self._errors.pairs}
        for item, arguments in sorted(self._moving.items()):
            gold = self._gold_event(item)
            label = self._types.copy(gold.label)
            index = self._errors.predicted.events[predicted_of[item]][0]
            event = self._events[index]
            is_same = (
                event is not None
                and self._types.map_predicted(event.label) == self._types.map_gold(gold.label)
                and trigger_fragments(event) == trigger_fragments(gold)
            )
            if not is_same:
                index = len(self._events)
                self._events.append(Event(label, gold.trigger))
                self._arguments.append([])
            self._arguments[index] += arguments

    def remove_spurious_events(self) -> None:
        """Remove the events whose trigger is not paired."""
        paired = {pair.predicted for pair in self._errors.pairs}
        for item, indices in enumerate(self._errors.predicted.events):
            if item not in paired:
                for index in indices:
                    self._events[index] = None
                self.has_changes = True

    def _gold_event(self, item: int) -> Event:
        return (self._gold.events or ())[self._errors.gold.events[item][0]]

    def build_document(self) -> Document:
        """The predicted document with the corrected events."""
        events = []
        for event, arguments in zip(self._events, self._arguments):
            if event is not None:
                kept = [argument for argument in arguments if argument is not None]
                events.append(replace(event, arguments=tuple(kept)))
        kept_ids = {event.id for event in events}
        removed_ids = set()
        for event in self._predicted.events or ():
            if event.id is not None and event.id not in kept_ids:
                removed_ids.add(event.id)
        referring = [remove_references(event, removed_ids) for event in events]
        relations = keep_relations(self._predicted, removed_ids)
        return replace(self._predicted, events=tuple(referring), relations=relations)


def fix_cues(task: ScoringTask) -> Iterator[Document]:
    """The predicted documents that change where each paired attribution gets gold's cue.

    Duplicates of a corrected attribution are corrected too, so that they remain duplicates. A pair
    of which no part is scored does not change.
    """
    for pairs in task.inputs.iter_batches():
        builder = make_block_builder(
            task, "attached-attributions", Vocabulary(), keep_documents=True
        )
        if not add_annotated(builder, drop_failed_annotations(pairs)):
            continue
        block = build_block(builder, task.inputs)
        scored = [
            _list_scored(read_rows(side), documents)
            for side, documents in zip((block.gold, block.predicted), builder.documents)
        ]
        for number, (gold, predicted) in enumerate(zip(*builder.documents)):
            fixed = _fix_cues_of(gold, predicted, scored[0][number], scored[1][number])
            if fixed is not predicted:
                yield fixed


def _list_scored(rows: Collection[int], documents: Iterable[Document]) -> list[set[int]]:
    """For each document the attributions with a part that is scored. rows: the scored items."""
    scored = []
    row = 0
    for document in documents:
        of_document = set()
        for index, attribution in enumerate(document.attributions or ()):
            for part in ATTRIBUTION_PARTS:
                if getattr(attribution, part) is not None:
                    if row in rows:
                        of_document.add(index)
                    row += 1
        scored.append(of_document)
    return scored


def _fix_cues_of(
    gold: Document, predicted: Document, scored_gold: set[int], scored_predicted: set[int]
) -> Document:
    """The predicted document with corrected cues; itself if nothing changes."""
    attributions = list(predicted.attributions or ())
    repeats = repeated_annotations(attributions)
    distinct = [index for index, is_repeat in enumerate(repeats) if not is_repeat]
    new_cues = {}
    pairs = pair_attributions(gold.attributions or (), [attributions[index] for index in distinct])
    for g, p in pairs:
        cue = (gold.attributions or ())[g].cue
        attribution = attributions[distinct[p]]
        is_scored = g in scored_gold or distinct[p] in scored_predicted
        if is_scored and attribution.cue != cue:
            new_cues[duplicate_key(attribution)] = cue
    if not new_cues:
        return predicted
    fixed = []
    for attribution in attributions:
        cue = new_cues.get(duplicate_key(attribution), attribution.cue)
        fixed.append(replace(attribution, cue=cue))
    return replace(predicted, attributions=tuple(fixed))
