"""EvmEval, beside its rules in plain loops and values worked by hand: it is for Python 2."""

import heapq
import math
import random

import pytest
from helpers.emulation import check_chain
from helpers.quick import choose_quick

from evalkit import Corpus, Document, Event, Span, Unplaced, emulate, score

TEXT = "attack kill war meet die sue"
PLACES = [(0, 6), (0, 11), (7, 11), (7, 15), (12, 15), (16, 20), (21, 24), (25, 28), (3, 9)]
ROWS = {"plain": "", "mention_type": "t", "realis_status": "r", "mention_type+realis_status": "tr"}


def corpora(gold, predicted):
    """Corpora of lists of documents, which are lists of (type, start, end, realis)."""
    return tuple(
        Corpus(
            [
                Document(
                    f"d{number}",
                    TEXT,
                    events=[
                        Event(label, Span(start, end), [], realis=realis)
                        for label, start, end, realis in events
                    ],
                )
                for number, events in enumerate(side)
            ],
            name,
        )
        for name, side in (("gold", gold), ("predicted", predicted))
    )


def rows_of(emulated):
    return {(row["name"], row["average"]): row for row in emulated.rows}


def ratios_of(emulated, name, average="micro"):
    row = rows_of(emulated)[name, average]
    return [row["Prec"], row["Rec"], row["F1"]]


def canonical(value):
    return "".join(filter(str.isalnum, value or "notannotated")).lower()


def divide(numerator, denominator):
    return numerator / denominator if denominator > 0 else float("nan")


def pair_greedily(gold, predicted, attributes):
    """The coefficient of each gold item that is mapped, as EvmEval's heap maps them."""
    heap = []
    for number, (_, start, end, _) in enumerate(predicted):
        for index, (_, first, last, _) in enumerate(gold):
            shared = max(0, min(end, last) - max(start, first))
            if shared:
                coefficient = 2.0 * shared / (end - start + last - first)
                heapq.heappush(heap, (-coefficient, number, index))
    mapped = {}
    used = set()
    while heap:
        negated, number, index = heapq.heappop(heap)
        own, other = gold[index], predicted[number]
        fits = number not in used and index not in mapped
        if "t" in attributes:
            fits = fits and canonical(own[0]) == canonical(other[0])
        if "r" in attributes and own[3] is not None:
            fits = fits and canonical(own[3]) == canonical(other[3])
        if fits:
            mapped[index] = -negated
            used.add(number)
    return mapped


def score_as_evmeval(gold, predicted):
    """The numbers of each row: P, R and F1 of both averages, nan where they are undefined."""
    numbers = {}
    for name, attributes in ROWS.items():
        correct = actual = possible = documents = 0
        means = [0.0, 0.0]
        for own, others in zip(gold, predicted):
            if not own:
                continue
            found = sum(pair_greedily(own, others, attributes).values())
            documents += 1
            possible += len(own)
            actual += len(others)
            correct += found
            means[0] += 100 * found / len(others) if others else 0
            means[1] += 100 * found / len(own)
        for average, (precision, recall) in {
            "micro": (divide(100 * correct, actual), divide(100 * correct, possible)),
            "macro": (divide(means[0], documents), divide(means[1], documents)),
        }.items():
            f1 = divide(2 * precision * recall, precision + recall)
            numbers[name, average] = precision, recall, f1
    return numbers


def types_as_evmeval(gold, predicted):
    """P, R, F1 and both counts of each type of gold."""
    correct, possible, actual = {}, {}, {}
    for own, others in zip(gold, predicted):
        mapped = pair_greedily(own, others, "tr")
        for index, event in enumerate(own):
            name = canonical(event[0])
            possible[name] = possible.get(name, 0) + 1
            correct[name] = correct.get(name, 0) + mapped.get(index, 0)
        for event in others:
            actual[canonical(event[0])] = actual.get(canonical(event[0]), 0) + 1
    numbers = {}
    for name, count in possible.items():
        precision = divide(correct[name], actual.get(name, 0))
        recall = correct[name] / count
        f1 = divide(2 * precision * recall, precision + recall)
        ratios = [0 if math.isnan(number) else number for number in (precision, recall, f1)]
        numbers[name, "type"] = [*ratios, count, actual.get(name, 0)]
    return numbers


def random_events(draw):
    events = set()
    for _ in range(draw.choice([0, 1, 2, 4])):
        label = draw.choice(["Attack", "Life.Die", "life die"])
        events.add((label, *draw.choice(PLACES), draw.choice(["actual", "Other", None])))
    return sorted(events, key=str)


def random_nuggets(seed):
    draw = random.Random(seed)
    gold, predicted = [], []
    for _ in range(draw.randrange(1, 5)):
        gold.append(random_events(draw))
        kept = [event for event in gold[-1] if draw.random() < 0.7]
        predicted.append([*kept, *random_events(draw)])
        draw.shuffle(predicted[-1])
    return gold, predicted


@pytest.mark.parametrize("seed", choose_quick(range(1000), 40))
def test_the_rows_are_those_of_plain_loops(seed):
    gold, predicted = random_nuggets(seed)
    if not any(gold) and seed % 2:
        gold[0] = [("Attack", 0, 6, None)]

    emulated = emulate("evmeval", *corpora(gold, predicted))

    types, final = types_as_evmeval(gold, predicted), score_as_evmeval(gold, predicted)
    rows = rows_of(emulated)
    assert list(rows) == [*sorted(types), *final]
    for key, numbers in {**types, **final}.items():
        row = list(rows[key].values())[2:]
        assert row == [
            None if math.isnan(number) else pytest.approx(number, abs=1e-9) for number in numbers
        ], key


@pytest.mark.parametrize("seed", choose_quick(range(200), 15))
def test_the_steps_account_for_the_difference(seed):
    gold, predicted = corpora(*random_nuggets(seed))
    emulated = emulate("evmeval", gold, predicted)

    check_chain(emulated)
    for difference in emulated.differences:
        micro = score(gold, predicted, difference.metric, boot=0)[difference.metric].micro
        assert difference.evalkit.f1 == micro.f1


def test_an_overlap_counts_its_coefficient():
    # "attack kill" (11 characters) and "attack" (6): 2 · 6 / 17
    gold, predicted = [[("Attack", 0, 6, "actual")]], [[("Attack", 0, 11, "actual")]]

    emulated = emulate("evmeval", *corpora(gold, predicted))

    for name in ROWS:
        assert ratios_of(emulated, name) == pytest.approx([1200 / 17] * 3)
    assert "70.59" in str(emulated)
    assert rows_of(emulated)["attack", "type"]["F1"] == pytest.approx(12 / 17)


def test_the_highest_coefficient_is_paired_first():
    # "attack kill" overlaps both gold events: 12/17 and 8/15; "kill" equals the second one
    gold = [[("A", 0, 6, None), ("A", 7, 11, None)]]
    predicted = [[("A", 0, 11, None), ("A", 7, 11, None)]]

    emulated = emulate("evmeval", *corpora(gold, predicted))

    assert ratios_of(emulated, "plain")[0] == pytest.approx(100 * (1 + 12 / 17) / 2)


def test_types_are_compared_without_case_and_punctuation():
    gold, predicted = [[("Life.Die", 0, 6, None)]], [[("life_die", 0, 6, "x")]]

    emulated = emulate("evmeval", *corpora(gold, predicted))

    assert ratios_of(emulated, "mention_type+realis_status") == [100, 100, 100]
    assert [row["name"] for row in emulated.rows][:1] == ["lifedie"]
    [step] = emulated.differences[1].steps
    assert (step.kind, [change.side for change in step.changes]) == ("equal", ["gold", "predicted"])


def test_realis_that_gold_lacks_is_that_of_any_prediction():
    for gold_realis, realis, expected in [(None, "other", 100), ("actual", None, None)]:
        sides = corpora([[("A", 0, 6, gold_realis)]], [[("A", 0, 6, realis)]])

        assert ratios_of(emulate("evmeval", *sides), "realis_status")[2] == expected


def test_predictions_in_documents_without_gold_events_cost_nothing():
    gold = [[("A", 0, 6, None)], []]
    predicted = [[("A", 0, 6, None)], [("A", 0, 6, None), ("A", 7, 11, None)]]

    emulated = emulate("evmeval", *corpora(gold, predicted))

    assert ratios_of(emulated, "plain") == [100, 100, 100]
    assert rows_of(emulated)["a", "type"]["#Sys"] == 3
    [step] = [step for step in emulated.differences[0].steps if step.kind == "drop"]
    assert [change.document for change in step.changes] == ["d1", "d1"]


def test_undefined_numbers_are_none():
    emulated = emulate("evmeval", *corpora([[("A", 0, 6, None)]], [[]]))

    assert ratios_of(emulated, "plain") == [None, 0, None]
    assert ratios_of(emulated, "plain", "macro") == [0, 0, None]
    emulated = emulate("evmeval", *corpora([[]], [[("A", 0, 6, None)]]))
    assert ratios_of(emulated, "plain") == [None, None, None]


def test_predictions_that_are_not_in_the_text_are_not_counted():
    gold, predicted = corpora([[("A", 0, 6, None)]], [[("A", 0, 6, None)]])
    quote = Unplaced("triggers", "A", "not in the text", "Zoe")
    predicted = Corpus([Document("d0", TEXT, events=predicted["d0"].events, unplaced=[quote])])

    emulated = emulate("evmeval", gold, predicted)

    assert ratios_of(emulated, "plain") == [100, 100, 100]
    [step] = emulated.differences[0].steps
    assert [change.item.text for change in step.changes] == ["Zoe"]


def test_a_discontinuous_trigger_has_the_characters_of_its_fragments():
    # "attack" and "war" (9 characters) share 6 with "attack kill" (11): 12 / 20
    trigger = Span(0, 15, [(0, 6), (12, 15)])
    gold = Corpus([Document("d0", TEXT, events=[Event("A", trigger, [])])])
    _, predicted = corpora([[]], [[("A", 0, 11, None)]])

    assert ratios_of(emulate("evmeval", gold, predicted), "plain")[2] == pytest.approx(60)
