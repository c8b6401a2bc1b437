"""The outcomes of event arguments: worked examples, exhaustive search, identities."""

import random
from collections import Counter

import pytest
from helpers.argument_needs import compute_f1, count_needs, loss_by_need
from helpers.error_examples import EVENT_EXAMPLE
from helpers.error_reference import analyze, find_best_set, make_span

from evalkit.analysis.argument_errors import (
    ArgumentItem,
    EventItem,
    EventPair,
    classify_arguments,
)

EDGE_KINDS = ("correct", "event", "role", "span", "role+span", "attachment")


def event(label, trigger, *arguments):
    """An event; an argument is (role, start, end)."""
    items = [ArgumentItem(role, ((start, end),)) for role, start, end in arguments]
    return EventItem(label, (trigger,), tuple(items))


def pair_triggers(gold, predicted):
    """The pairs of triggers, by the reference."""
    sides = []
    for events in (gold, predicted):
        spans = []
        for each in events:
            trigger = each.trigger
            spans.append(make_span((trigger[0][0], trigger[-1][1], each.label, trigger)))
        sides.append(spans)
    pairs = []
    for item in analyze(*sides).items:
        if item.gold is not None and item.predicted is not None:
            pairs.append(EventPair(item.gold, item.predicted, item.kind))
    return pairs


def classify(gold, predicted, **options):
    return classify_arguments(gold, predicted, pair_triggers(gold, predicted), **options)


def lines(gold, predicted, outcomes):
    """(kind, state, needs, gold, predicted), each argument as (type, trigger, role, span)."""
    result = []
    for outcome in outcomes:
        arguments = []
        for events, place in ((gold, outcome.gold), (predicted, outcome.predicted)):
            if place is None:
                arguments.append(None)
                continue
            owner = events[place[0]]
            item = owner.arguments[place[1]]
            arguments.append((owner.label, owner.trigger[0], item.role, item.span[0]))
        result.append((outcome.kind, outcome.event, outcome.needs, *arguments))
    return result


def example_events(events):
    return [event(label, trigger, *arguments) for label, trigger, arguments in events]


def test_the_example_comes_out():
    gold, predicted = example_events(EVENT_EXAMPLE.gold), example_events(EVENT_EXAMPLE.predicted)

    outcomes = classify(gold, predicted)

    expected = [
        # The state of an attached argument is that of gold's event.
        (kind, state or "label", *others)
        for kind, state, *others in EVENT_EXAMPLE.arguments
    ]
    assert lines(gold, predicted, outcomes) == expected
    needs = count_needs(outcomes)
    assert loss_by_need(needs) == EVENT_EXAMPLE.losses
    base = compute_f1(needs)
    assert {need: compute_f1(needs, {need}) - base for need in EVENT_EXAMPLE.gains} == (
        EVENT_EXAMPLE.gains
    )


def test_a_wrong_span_under_a_wrong_trigger_needs_both():
    gold = [event("Attack", (7, 15), ("Agent", 0, 6))]
    predicted = [event("Attack", (7, 20), ("Agent", 3, 6))]

    (outcome,) = classify(gold, predicted)

    assert outcome.kind == "span"
    assert outcome.detail == "too short"
    assert outcome.event == "boundary"
    assert outcome.needs == ("event", "span")
    assert outcome.is_inherited


def test_an_argument_attached_to_another_event_needs_the_missed_event_too():
    gold = [event("Flee", (40, 44), ("Time", 46, 52))]
    predicted = [event("Attack", (7, 15), ("Time", 46, 52))]

    (outcome,) = classify(gold, predicted)

    assert outcome.kind == "attachment"
    assert outcome.event == "missed"
    assert outcome.needs == ("attachment", "missed event")


def test_arguments_of_missed_and_spurious_events_are_marked():
    gold = [event("Flee", (40, 44), ("Time", 46, 52)), event("Die", (0, 3), ("Agent", 9, 12))]
    predicted = [event("Attack", (7, 15), ("Agent", 20, 24)), event("Die", (0, 3))]

    outcomes = classify(gold, predicted)

    assert [(each.kind, each.detail, each.event) for each in outcomes] == [
        ("missed", "with its event", "missed"),
        ("missed", None, "correct"),
        ("spurious", "with its event", "spurious"),
    ]


def test_arguments_of_failed_documents_are_marked():
    gold = [event("Flee", (40, 44), ("Time", 46, 52))]

    (outcome,) = classify(gold, [], is_failed=True)

    assert (outcome.kind, outcome.detail) == ("missed", "failed document")


def test_a_pair_in_the_event_comes_before_an_attachment():
    gold = [event("A", (0, 2), ("R", 10, 14)), event("B", (3, 5), ("S", 10, 14))]
    predicted = [event("A", (0, 2), ("S", 10, 14)), event("B", (3, 5))]

    outcomes = classify(gold, predicted)

    assert [(each.kind, each.gold, each.predicted) for each in outcomes] == [
        ("role", (0, 0), (0, 0)),
        ("missed", (1, 0), None),
    ]


def random_events(draw):
    events = {}
    for _ in range(draw.choice([0, 1, 2, 2, 3])):
        start = draw.choice([0, 2, 4, 8])
        identity = draw.choice("AB"), (start, start + draw.choice([2, 3]))
        arguments = set()
        for _ in range(draw.choice([0, 1, 2, 2])):
            first = draw.choice([10, 12, 14])
            arguments.add((draw.choice("RS"), first, first + draw.choice([2, 3])))
        events[identity] = event(*identity, *sorted(arguments))
    return list(events.values())


def edges_of(gold, predicted, pairs):
    """The possible pairs of arguments, from the definition."""
    kind_of_pair = {(pair.gold, pair.predicted): pair.kind for pair in pairs}
    places = [
        [
            (number, index)
            for number, owner in enumerate(events)
            for index in range(len(owner.arguments))
        ]
        for events in (gold, predicted)
    ]
    edges, kinds = {}, {}
    for g, (number, index) in enumerate(places[0]):
        for p, (other_number, other_index) in enumerate(places[1]):
            one, two = gold[number], predicted[other_number]
            item, other = one.arguments[index], two.arguments[other_index]
            shared = len(set(range(*item.span[0])) & set(range(*other.span[0])))
            same_role, same_span = item.role == other.role, item.span == other.span
            state = kind_of_pair.get((number, other_number))
            if not shared or (state is None and not (same_role and same_span)):
                continue
            if state is None:
                kind = "attachment"
            elif same_role and same_span:
                kind = "correct" if state == "correct" else "event"
            else:
                kind = "role" if same_span else "span" if same_role else "role+span"
            vector = [int(kind == each) for each in EDGE_KINDS]
            keys = []
            for owner, argument in ((one, item), (two, other)):
                trigger = owner.trigger[0]
                keys.append((*argument.span[0], (), argument.role, (*trigger, (), owner.label)))
            edges[g, p] = ((*vector, shared), tuple(sorted(keys)))
            kinds[g, p] = (kind, places[0][g], places[1][p])
    return edges, kinds


@pytest.mark.parametrize("seed", range(8))
def test_pairs_of_arguments_are_those_of_exhaustive_search(seed):
    draw = random.Random(seed)
    for _ in range(100):
        gold, predicted = random_events(draw), random_events(draw)
        pairs = pair_triggers(gold, predicted)
        edges, kinds = edges_of(gold, predicted, pairs)
        best = find_best_set(edges)[2] if edges else ()

        outcomes = classify_arguments(gold, predicted, pairs)

        found = {
            (each.kind, each.gold, each.predicted)
            for each in outcomes
            if each.gold is not None and each.predicted is not None
        }
        assert found == {kinds[pair] for pair in best}
        assert not any(each.is_approximate for each in outcomes)


MIRRORED_STATES = {"missed": "spurious", "spurious": "missed"}


def test_outcomes_mirror_and_do_not_depend_on_order():
    draw = random.Random(4)
    for _ in range(300):
        gold, predicted = random_events(draw), random_events(draw)
        shuffled = draw.sample(gold, len(gold)), draw.sample(predicted, len(predicted))

        one = lines(gold, predicted, classify(gold, predicted))
        other = lines(*shuffled, classify(*shuffled))
        mirrored = lines(predicted, gold, classify(predicted, gold))

        assert Counter(one) == Counter(other)
        pairs = Counter((line[0], line[3], line[4]) for line in one if line[3] and line[4])
        assert pairs == Counter(
            (line[0], line[4], line[3]) for line in mirrored if line[3] and line[4]
        )


def test_losses_sum_to_one_minus_f1_and_all_corrections_give_one():
    draw = random.Random(5)
    for _ in range(200):
        gold, predicted = random_events(draw), random_events(draw)
        needs = count_needs(classify(gold, predicted))
        unplaced = draw.choice([0, 1])
        f1 = compute_f1(needs, unplaced=unplaced)
        if f1 is None:
            continue

        losses = loss_by_need(needs, unplaced)
        everything = {need for each in needs for need in each} | {"unplaced"}

        assert sum(losses.values()) == pytest.approx(1 - f1, abs=1e-12)
        assert compute_f1(needs, everything, unplaced) in (None, 1)


def test_a_document_with_many_equal_arguments_is_classified_quickly():
    n = 1_500
    gold = [event("A", (3 * k, 3 * k + 1), ("R", 0, 2)) for k in range(n)]
    predicted = [event("A", (3 * k + 1, 3 * k + 2), ("R", 0, 2)) for k in range(n)]

    outcomes = classify_arguments(gold, predicted, [])

    assert Counter(each.kind for each in outcomes) == {"attachment": n}
    assert all(each.gold == each.predicted for each in outcomes)


def test_too_many_equally_good_pairs_are_chosen_approximately():
    gold = [event("A", (300, 301), *((f"R{k}", 0, 5) for k in range(70)))]
    predicted = [event("A", (300, 301), *((f"S{k}", 0, 5) for k in range(70)))]

    outcomes = classify(gold, predicted)

    assert Counter(each.kind for each in outcomes) == {"role": 70}
    assert all(each.is_approximate for each in outcomes)
