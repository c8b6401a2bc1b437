"""The columns must say what plain loops say: the loops below are the specification, `match` is the
fast way to it.
"""

import random
from collections import Counter

import numpy as np
import pytest
from helpers.marked import corpus

from evalkit import Argument, Attribution, Corpus, Document, Entity, Event, Span, score
from evalkit.scoring.columns import combine_keys
from evalkit.scoring.metrics import Metric

SCHEMES = ("strict", "exact")
TEXT = "x" * 40


def some_span(draw):
    cuts = sorted(draw.sample(range(41), draw.choice([2, 2, 2, 4])))
    if len(cuts) == 2:
        return Span(*cuts)
    return Span(cuts[0], cuts[-1], ((cuts[0], cuts[1]), (cuts[2], cuts[3])))


def shaken(draw, spans):
    """A prediction like what gold has: spans kept, dropped, moved, relabelled, and some that are
    new.
    """
    for span, label in spans:
        fate = draw.random()
        if fate < 0.5:
            yield span, label
        elif fate < 0.65:
            yield Span(max(span.start - 1, 0), span.end), label
        elif fate < 0.85:
            yield span, draw.choice("ABC")
    for _ in range(draw.randrange(3)):
        yield some_span(draw), draw.choice("ABC")


def some_pair(draw, id):
    gold = dict.fromkeys((some_span(draw), draw.choice("ABC")) for _ in range(draw.randrange(7)))
    return [
        Document(
            id,
            TEXT,
            [
                Entity(label, s.start, s.end, fragments=s.fragments)
                for s, label in dict.fromkeys(side)
            ],
        )
        for side in (gold, shaken(draw, gold))
    ]


def credit_by_loops(gold, predicted, scheme):
    """Gold items are taken one by one; each takes the first predicted item that answers it, of
    equal label if there is one.
    """
    left, credit = [((e.start, e.end, e.fragments), e.label) for e in predicted.entities], 0
    wanted = [((e.start, e.end, e.fragments), e.label) for e in gold.entities]
    for same_label in (True, False) if scheme == "exact" else (True,):
        for item in list(wanted):
            for other in left:
                if item[0] == other[0] and (item[1] == other[1] or not same_label):
                    left.remove(other)
                    wanted.remove(item)
                    credit += 1
                    break
    return credit


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("seed", range(60))
def test_columns_give_the_credit_that_loops_give(scheme, seed):
    draw = random.Random(seed)
    pairs = [some_pair(draw, f"d{n}") for n in range(5)]
    gold, predicted = (Corpus(side) for side in zip(*pairs, strict=True))

    scores = score(gold, predicted, [f"entities/{scheme}"])[f"entities/{scheme}"]

    for (id, row), (g, p) in zip(scores.by_document(), pairs, strict=True):
        assert (id, row.tp, row.found) == (g.id, *[credit_by_loops(g, p, scheme)] * 2)
        assert (row.gold, row.predicted) == (len(g.entities), len(p.entities))
    for label in scores.labels:
        row = scores[label]
        assert (
            row.gold
            == sum(e.label == label for g, _ in pairs for e in g.entities)
            == row.found + row.fn
        )
        assert (
            row.predicted
            == sum(e.label == label for _, p in pairs for e in p.entities)
            == row.tp + row.fp
        )


@pytest.mark.parametrize("seed", range(20))
def test_swapping_gold_and_prediction_swaps_precision_and_recall(seed):
    draw = random.Random(seed)
    gold, predicted = (
        Corpus(side) for side in zip(*(some_pair(draw, f"d{n}") for n in range(3)), strict=True)
    )

    there, back = score(gold, predicted), score(predicted, gold)

    for metric in there:
        for one, other in zip(there[metric].rows(), back[metric].rows(), strict=True):
            if one.average in (None, "micro"):
                assert (one.precision, one.recall, one.f1, one.tp) == (
                    other.recall,
                    other.precision,
                    other.f1,
                    other.found,
                )


@pytest.mark.parametrize("seed", range(10))
def test_no_order_matters(seed):
    draw = random.Random(seed)
    pairs = [some_pair(draw, f"d{n}") for n in range(4)]
    turned = [
        [Document(d.id, d.text, draw.sample(d.entities, len(d.entities))) for d in pair]
        for pair in draw.sample(pairs, 4)
    ]

    one, other = (
        score(*(Corpus(side) for side in zip(*these, strict=True))) for these in (pairs, turned)
    )

    assert one.rows() == other.rows()


@pytest.mark.parametrize("apart", [2**n for n in (8, 15, 16, 20, 24, 31, 32, 40, 48, 61)])
def test_keys_tell_apart_whatever_differs(apart):
    column = np.array([0, apart, 0, apart, 5], np.int64)
    other = np.array([0, 0, apart, apart, 5], np.int64)

    found = combine_keys(column, other, column).key

    assert len(set(found.tolist())) == 5
    assert (
        combine_keys(column, other, column).order().tolist() == np.lexsort((other, column)).tolist()
    )


def test_a_set_counts_once_what_the_scheme_makes_equal():
    gold = Document("d", TEXT, events=[Event("Attack", Span(0, 3)), Event("Die", Span(0, 3))])
    predicted = Document("d", TEXT, events=[Event("Attack", Span(0, 3))])

    scores = score(Corpus([gold]), Corpus([predicted]))

    assert (scores["tri-i"].micro.gold, scores["tri-i"].micro.f1) == (1, 1.0)
    assert (scores["tri-c"].micro.gold, scores["tri-c"].micro.recall) == (2, 0.5)


def test_entities_are_kept_each_where_labels_are_not_compared():
    scores = score(
        corpus("[Ada|PER]"),
        Corpus([Document("d0", "Ada", [Entity("PER", 0, 3), Entity("ORG", 0, 3)])]),
        ["entities/exact"],
    )

    assert (scores["entities/exact"].micro.precision, scores["entities/exact"].micro.recall) == (
        0.5,
        1.0,
    )
    assert scores["entities/exact"]["PER"].precision == 1.0


def test_arguments_match_under_one_event_type_only():
    def with_event(label, *roles):
        return Corpus(
            [
                Document(
                    "d",
                    TEXT,
                    events=[Event(label, Span(0, 3), [Argument(role, 5, 9) for role in roles])],
                )
            ]
        )

    gold = with_event("Attack", "Target", "Place")

    def f1(predicted, metric):
        return score(gold, predicted, [metric])[metric].micro.f1

    assert f1(with_event("Die", "Target", "Place"), "arg-i") == 0.0
    assert f1(with_event("Attack", "Target"), "arg-i") == 1.0
    assert f1(with_event("Attack", "Target"), "arg-c") == pytest.approx(2 / 3)


def test_a_source_never_answers_a_cue():
    gold = Corpus(
        [Document("d", TEXT, attributions=[Attribution(Span(4, 8), Span(9, 20), Span(0, 3))])]
    )
    predicted = Corpus(
        [Document("d", TEXT, attributions=[Attribution(Span(0, 3), Span(9, 20), Span(4, 8))])]
    )

    scores = score(gold, predicted, ["attributions/exact"])

    assert {
        part: scores["attributions/exact"][part].found for part in ("source", "cue", "content")
    } == {"source": 0, "cue": 0, "content": 1}


def test_what_a_layer_makes_equal_between_two_attributions_counts_once():
    gold = Corpus(
        [
            Document(
                "d",
                TEXT,
                attributions=[
                    Attribution(Span(4, 8), Span(9, 20), Span(0, 3)),
                    Attribution(Span(21, 25), Span(26, 30), Span(0, 3)),
                ],
            )
        ]
    )

    scores = score(gold, gold)

    assert Counter(
        {row.label: row.gold for row in scores["attributions/strict"].rows() if row.label}
    ) == {"source": 1, "cue": 2, "content": 2}
    assert scores["attributions/strict"].counts.set_aside["gold_merged"] == 1


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("f1", "entities/strict"),
        ("ner", "entities/strict"),
        ("ent_type", "entities/type"),
        ("Lenient", "entities/type"),
        ("overlap", "entities/type"),
        ("entities/ent_type", "entities/type"),
        ("attributions/overlap", "attributions/type"),
    ],
)
def test_other_scorers_names_of_a_metric_are_understood(alias, name):
    assert str(Metric.parse(alias)) == name
