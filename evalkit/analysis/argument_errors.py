"""The kinds of error of event arguments, for the layer `attached-arguments`.

Two events are paired if their triggers are paired, whatever the kind of that pair. All events of
one type without a trigger are one event, which is paired with that of the other side. A gold and a
predicted argument may be paired as

    correct      their events are paired and correct; same role, same span
    event        their events are paired, but the type or the trigger is wrong; same role, same span
    role         their events are paired; another role, same span
    span         their events are paired; same role, the spans overlap
    role+span    their events are paired; another role, the spans overlap
    attachment   their events are not paired; same role, same span

The pairing is the one-to-one set of pairs whose vector (number of pairs of each kind in this order,
shared characters) is lexicographically greatest; of several, the one whose sorted list of unordered
pairs of arguments is least. All other arguments are `missed` or `spurious`.

The state of an argument is that of its event: gold's kind of trigger error, or the prediction's for
a spurious argument. What a pair needs to become correct is its kind (unless correct or event), and
`event` if its state is not correct. An argument under `attachment` needs `attachment`, and `missed
event` if its gold event is missed; a missed or spurious argument needs itself.

The number of correct pairs is tp of attached-arguments/strict. Correct pairs and pairs under `role`
whose event is correct are together tp of attached-arguments/exact, where no span has two roles in
one event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from evalkit.analysis.span_comparison import compare_spans
from evalkit.data.document import Fragments
from evalkit.scoring.assignment import (
    Edge,
    Indices,
    TooManyEdgesError,
    choose_one_by_one,
    choose_pairs,
)
from evalkit.scoring.attribution_pairing import count_shared

# The places of an edge's vector, after the pairs that are certain; then shared characters
_EDGE_KINDS = ("role", "span", "role+span", "attachment")
# Possible pairs under `attachment` that compete with pairs in events, up to which all are compared
MAX_ATTACHMENT_EDGES = 4_000
WRONG_EVENT = "wrong event"
IndexLists = tuple[list[int], list[int]]


class ArgumentItem(NamedTuple):
    """An argument: its role and its ranges."""

    role: str
    span: Fragments


class EventItem(NamedTuple):
    """All events of one type and trigger, with the distinct arguments of all of them. The trigger
    has no ranges for events without one.
    """

    label: str
    trigger: Fragments
    arguments: tuple[ArgumentItem, ...]


class EventPair(NamedTuple):
    """A gold and a predicted event whose triggers are paired, and the kind of that pair."""

    gold: int
    predicted: int
    kind: str


class ArgumentOutcome(NamedTuple):
    """An argument of either side, or a pair of them.

    gold, predicted: the index of the event and of the argument in it; None for a missing side.
    detail: "too short", "too long" or "shifted" for a span that overlaps; "with its event" for
    a missed or spurious argument of a missed or spurious event; "failed document". event: the
    state of the event. is_approximate: whether better pairs were not searched for.
    """

    kind: str
    detail: str | None
    event: str
    needs: tuple[str, ...]
    gold: Indices | None
    predicted: Indices | None
    is_approximate: bool = False

    @property
    def is_inherited(self) -> bool:
        """Whether the event is wrong, too."""
        return self.event != "correct"

    @property
    def cell(self) -> tuple[str, str]:
        """The kind and the detail in a table of errors, which `needs_of` understands: under
        `event` the state of the event; "wrong event" for another pair that inherits an error.
        """
        if self.kind == "event":
            return self.kind, self.event
        if self.kind == "attachment":
            return self.kind, "missed event" if self.event == "missed" else ""
        if self.kind in ("role", "span", "role+span") and self.is_inherited:
            return self.kind, WRONG_EVENT
        return self.kind, self.detail or ""


class _Argument(NamedTuple):
    """An argument of a side: its place, what it is, and what it is sorted by."""

    event: int
    number: int
    item: ArgumentItem
    key: tuple[Any, ...]


def classify_arguments(
    gold: Sequence[EventItem],
    predicted: Sequence[EventItem],
    event_pairs: Iterable[EventPair],
    *,
    is_failed: bool = False,
) -> list[ArgumentOutcome]:
    """What became of each argument of a document: those of gold in order, then the spurious ones.

    event_pairs: the pairs of triggers; each event is in one at most. is_failed: whether the model
    failed on the document.
    """
    pair_of_gold = {pair.gold: pair for pair in event_pairs}
    pair_of_predicted = {pair.predicted: pair for pair in pair_of_gold.values()}
    sides = _list_arguments(gold), _list_arguments(predicted)
    kinds = _pair_equal_arguments(*sides, pair_of_gold)
    others, is_approximate = _pair_others(*sides, kinds, pair_of_gold)
    partner = {g: (p, kind) for (g, p), kind in (kinds | others).items()}
    outcomes = []
    for g, argument in enumerate(sides[0]):
        pair = pair_of_gold.get(argument.event)
        state = pair.kind if pair else "missed"
        place = argument.event, argument.number
        if g not in partner:
            detail = "with its event" if pair is None else None
            if is_failed:
                detail = "failed document"
            outcomes.append(ArgumentOutcome("missed", detail, state, ("missed",), place, None))
            continue
        p, kind = partner[g]
        other = sides[1][p]
        has_span_error = kind in ("span", "role+span")
        outcomes.append(
            ArgumentOutcome(
                kind,
                compare_spans(argument.item.span, other.item.span) if has_span_error else None,
                state,
                _list_needs(kind, state),
                place,
                (other.event, other.number),
                is_approximate and (g, p) in others,
            )
        )
    paired = {p for p, _ in partner.values()}
    for p, argument in enumerate(sides[1]):
        if p not in paired:
            pair = pair_of_predicted.get(argument.event)
            state = pair.kind if pair else "spurious"
            detail = "with its event" if pair is None else None
            place = argument.event, argument.number
            outcomes.append(ArgumentOutcome("spurious", detail, state, ("spurious",), None, place))
    return outcomes


def _list_arguments(events: Sequence[EventItem]) -> list[_Argument]:
    arguments = []
    for number, event in enumerate(events):
        event_key = sort_key(event.trigger, event.label)
        for index, item in enumerate(event.arguments):
            key = (*sort_key(item.span, item.role), event_key)
            arguments.append(_Argument(number, index, item, key))
    return arguments


def sort_key(span: Fragments, label: str) -> tuple[Any, ...]:
    """What items are sorted by: (start, end, fragments, label), with no fragments for a contiguous
    span. Events without a trigger, which have no span, come first.
    """
    if not span:
        return -1, -1, (), label
    return span[0][0], span[-1][1], span if len(span) > 1 else (), label


def _list_needs(kind: str, state: str) -> tuple[str, ...]:
    """What a pair needs to become correct."""
    if kind == "attachment":
        return ("attachment", "missed event") if state == "missed" else ("attachment",)
    needs = () if state == "correct" else ("event",)
    return needs if kind in ("correct", "event") else (*needs, kind)


def _pair_equal_arguments(
    gold: Sequence[_Argument],
    predicted: Sequence[_Argument],
    pair_of_gold: Mapping[int, EventPair],
) -> dict[Indices, str]:
    """The pairs under `correct` and `event`. They are certain: none of them competes with another,
    and all other kinds come after them.
    """
    index_of = {(argument.event, argument.item): p for p, argument in enumerate(predicted)}
    kinds = {}
    for g, argument in enumerate(gold):
        pair = pair_of_gold.get(argument.event)
        if pair is not None and (pair.predicted, argument.item) in index_of:
            p = index_of[pair.predicted, argument.item]
            kinds[g, p] = "correct" if pair.kind == "correct" else "event"
    return kinds


def _pair_others(
    gold: Sequence[_Argument],
    predicted: Sequence[_Argument],
    certain: Iterable[Indices],
    pair_of_gold: Mapping[int, EventPair],
) -> tuple[dict[Indices, str], bool]:
    """The best pairs of the arguments that are in no certain pair, and whether these pairs are
    approximate.
    """
    taken_gold, taken_predicted = {g for g, _ in certain}, {p for _, p in certain}
    free_gold = [g for g in range(len(gold)) if g not in taken_gold]
    free_predicted = [p for p in range(len(predicted)) if p not in taken_predicted]
    kinds = _find_pairs_in_events(gold, predicted, free_gold, free_predicted, pair_of_gold)
    in_events = {g for g, _ in kinds}, {p for _, p in kinds}
    attachments: dict[Indices, str] = {}
    competing = []
    for group in _group_by_item(gold, predicted, free_gold, free_predicted):
        if in_events[0].isdisjoint(group[0]) and in_events[1].isdisjoint(group[1]):
            attachments.update(_pair_in_order(gold, predicted, group))
        else:
            competing.append(group)
    possible = sum(len(group[0]) * len(group[1]) for group in competing)
    if possible <= MAX_ATTACHMENT_EDGES:
        edges = dict(kinds)
        for group in competing:
            edges.update({(g, p): "attachment" for g in group[0] for p in group[1]})
        try:
            chosen = _choose(gold, predicted, edges)
        except TooManyEdgesError:
            pass
        else:
            return attachments | chosen, False
    chosen = _choose_one_by_one(gold, predicted, kinds)
    paired = {g for g, _ in chosen}, {p for _, p in chosen}
    for group in competing:
        left = (
            [g for g in group[0] if g not in paired[0]],
            [p for p in group[1] if p not in paired[1]],
        )
        attachments.update(_pair_in_order(gold, predicted, left))
    return attachments | chosen, True


def _find_pairs_in_events(
    gold: Sequence[_Argument],
    predicted: Sequence[_Argument],
    free_gold: Iterable[int],
    free_predicted: Iterable[int],
    pair_of_gold: Mapping[int, EventPair],
) -> dict[Indices, str]:
    """The possible pairs in paired events, with their kinds."""
    predicted_in: dict[int, list[int]] = defaultdict(list)
    for p in free_predicted:
        predicted_in[predicted[p].event].append(p)
    kinds = {}
    for g in free_gold:
        pair = pair_of_gold.get(gold[g].event)
        if pair is None:
            continue
        item = gold[g].item
        for p in predicted_in.get(pair.predicted, ()):
            other = predicted[p].item
            if item.span == other.span:
                kinds[g, p] = "role"
            elif count_shared(item.span, other.span):
                kinds[g, p] = "span" if item.role == other.role else "role+span"
    return kinds


def _group_by_item(
    gold: Sequence[_Argument],
    predicted: Sequence[_Argument],
    free_gold: Iterable[int],
    free_predicted: Iterable[int],
) -> list[IndexLists]:
    """The arguments of both sides that are equal in role and span, for each role and span that both
    sides have. Their events are not paired, or they would be in a certain pair.
    """
    groups: dict[ArgumentItem, IndexLists] = defaultdict(lambda: ([], []))
    for g in free_gold:
        groups[gold[g].item][0].append(g)
    for p in free_predicted:
        groups[predicted[p].item][1].append(p)
    return [group for group in groups.values() if group[0] and group[1]]


def _pair_in_order(
    gold: Sequence[_Argument], predicted: Sequence[_Argument], group: IndexLists
) -> dict[Indices, str]:
    """The pairs of equal arguments that may all be paired with each other. The least of each side
    are paired, then the next ones, which gives the least list of pairs.
    """
    ordered_gold = sorted(group[0], key=lambda g: gold[g].key)
    ordered_predicted = sorted(group[1], key=lambda p: predicted[p].key)
    return dict.fromkeys(zip(ordered_gold, ordered_predicted), "attachment")


def _build_edge(gold: _Argument, predicted: _Argument, kind: str) -> Edge:
    vector = [int(kind == each) for each in _EDGE_KINDS]
    vector.append(count_shared(gold.item.span, predicted.item.span))
    return Edge(tuple(vector), tuple(sorted((gold.key, predicted.key))))


def _choose(
    gold: Sequence[_Argument], predicted: Sequence[_Argument], kinds: Mapping[Indices, str]
) -> dict[Indices, str]:
    """The best of the possible pairs. Raises TooManyEdgesError."""
    edges = {(g, p): _build_edge(gold[g], predicted[p], kind) for (g, p), kind in kinds.items()}
    return {pair: kinds[pair] for pair in choose_pairs(edges)}


def _choose_one_by_one(
    gold: Sequence[_Argument], predicted: Sequence[_Argument], kinds: Mapping[Indices, str]
) -> dict[Indices, str]:
    """Good pairs where there are too many possible ones: the best first, as long as both arguments
    are free.
    """
    edges = {(g, p): _build_edge(gold[g], predicted[p], kind) for (g, p), kind in kinds.items()}
    return {pair: kinds[pair] for pair in choose_one_by_one(edges)}


# What the kinds cost


def needs_of(kind: str, detail: str) -> tuple[str, ...]:
    """What the pairs or items in a cell of a table of errors need to become correct."""
    if kind == "correct":
        return ()
    if kind == "attachment" and detail == "missed event":
        return ("attachment", "missed event")
    return ("event", kind) if detail == WRONG_EVENT else (kind,)
