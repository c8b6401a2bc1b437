"""Scorers of events, relations and quotations, beside their rules in plain loops, and the numbers
that TextEE at 25d5dca, DyGIE++ at b55dec4 and OneIE printed for small cases.
"""

import pytest
from helpers.emulation import check_chain
from helpers.event_scorers import (
    random_structured_corpora,
    score_citron,
    score_dygie,
    score_oneie,
    score_textee,
    spert_vectors,
)
from helpers.quick import choose_quick
from helpers.random_documents import make_corpora, make_pairs
from helpers.relations import random_corpora, similar_corpora
from sklearn.metrics import precision_recall_fscore_support

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Relation,
    Schema,
    Span,
    Unplaced,
    emulate,
    score,
)
from evalkit.data.schema import RelationType

SCORERS = ("textee", "oneie", "dygie", "spert", "citron", "gold-triggers", "head-words")
SEEDS = choose_quick(range(1000), 15)


def ratios(emulated, columns, factor=1.0):
    """Name to precision, recall and F1 as fractions."""
    return {
        row["name"]: pytest.approx(tuple(row[column] / factor for column in columns), abs=1e-12)
        for row in emulated.rows
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_textee_follows_its_rules(seed):
    gold, predicted = random_structured_corpora(seed)

    assert ratios(emulate("textee", gold, predicted), "PRF", 100) == score_textee(gold, predicted)


@pytest.mark.parametrize("is_directional", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_oneie_follows_its_rules(seed, is_directional):
    gold, predicted = random_structured_corpora(seed)

    emulated = emulate("oneie", gold, predicted, relation_directional=is_directional)

    assert ratios(emulated, "PRF", 100) == score_oneie(gold, predicted, is_directional)


def test_f1_is_rounded_to_the_side_of_the_scorers():
    # 2PR/(P+R) of 5 of 58 and 6 is 15.625000000000004 percent, 2 · 5 / 64 is 15.625, printed 15.62
    text = " ".join(["hit"] * 60)
    events = [Event("Attack", Span(4 * number, 4 * number + 3), []) for number in range(60)]
    corpora = [
        Corpus([Document("d", text, events=tuple(side))]) for side in (events[:6], events[1:59])
    ]

    for scorer, name in (("textee", "Tri-C"), ("oneie", "Trigger")):
        emulated = emulate(scorer, *corpora)
        [row] = [row for row in emulated.rows if row["name"] == name]
        assert f"{row['F']:.2f}" == "15.63"
        assert "15.63" in str(emulated)


@pytest.mark.parametrize("widths", [(8, 1), (1, 2), (2, 1)])
@pytest.mark.parametrize("seed", SEEDS)
def test_dygie_follows_its_rules(seed, widths):
    gold, predicted = random_structured_corpora(seed)

    emulated = emulate(
        "dygie", gold, predicted, max_span_width=widths[0], max_trigger_width=widths[1]
    )

    columns = ("precision", "recall", "f1")
    assert ratios(emulated, columns) == score_dygie(gold, predicted, *widths)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("make", [random_structured_corpora, random_corpora, similar_corpora])
def test_spert_follows_its_rules(make, seed):
    gold, predicted = make(seed, 2)
    emulated = emulate("spert", gold, predicted)

    for table, (true, found) in spert_vectors(gold, predicted).items():
        rows = {row["type"]: row for row in emulated.rows if row["table"] == table}
        labels = sorted({*true, *found} - {""})
        assert list(rows) == [*labels, "micro", "macro"]
        for name in ("micro", "macro") if labels else ():
            expected = precision_recall_fscore_support(
                true, found, labels=labels, average=name, zero_division=0
            )
            assert ratios_of_row(rows[name]) == pytest.approx(expected[:3])
        if labels:
            expected = precision_recall_fscore_support(true, found, labels=labels, zero_division=0)
            for label, *numbers, support in zip(labels, *expected):
                assert ratios_of_row(rows[label]) == pytest.approx(numbers)
                assert rows[label]["support"] == support
            assert rows["micro"]["support"] == sum(expected[3])


def ratios_of_row(row):
    return [row[column] / 100 for column in ("precision", "recall", "f1-score")]


@pytest.mark.parametrize("seed", SEEDS)
def test_citron_follows_its_rules(seed):
    import spacy

    gold, predicted = random_structured_corpora(seed)
    emulated = emulate("citron", gold, predicted)

    expected = score_citron(gold, predicted, spacy.blank("en").tokenizer)
    assert ratios(emulated, ("Precision", "Recall", "F1")) == expected


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("seed", choose_quick(range(200), 8))
def test_the_steps_begin_at_evalkit_and_account_for_the_difference(scorer, seed):
    for gold, predicted in (
        random_structured_corpora(seed),
        similar_corpora(seed, 2, events=True),
        make_corpora(make_pairs(seed)),
    ):
        if scorer in ("citron", "gold-triggers", "head-words", "textee"):
            if gold[0].events is None or gold[0].attributions is None:
                continue
        elif scorer == "spert" and gold[0].relations is None:
            continue
        emulated = emulate(scorer, gold, predicted)
        check_chain(emulated)
        for difference in emulated.differences:
            scores = score(gold, predicted, difference.metric, boot=0, zones="all")
            micro = scores[difference.metric].micro
            assert difference.evalkit[:3] == (micro.precision, micro.recall, micro.f1)


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("seed", choose_quick(range(100), 4))
def test_the_order_of_documents_does_not_matter(scorer, seed):
    gold, predicted = random_structured_corpora(seed, 3)
    others = [side.with_documents(list(side)[::-1]) for side in (gold, predicted)]

    assert emulate(scorer, *others).rows == emulate(scorer, gold, predicted).rows


# Cases of events: gold and predictions as (type, trigger, arguments), an argument as (role, span),
# and F1 in percent as the scorers printed it
ON, OFF = (0, 3), (4, 7)
X, Y = (8, 11), (12, 15)
CASES = {
    "the trigger is elsewhere": (
        [("Attack", ON, [("Target", X)])],
        [("Attack", OFF, [("Target", X)])],
        {"textee": (0, 0, 100, 100, 0, 0), "dygie": (0, 0, 100, 100), "oneie": (0, 0, 100, 100)},
    ),
    "two predicted events share the argument of one gold event": (
        [("Attack", ON, [("Target", X)])],
        [("Attack", ON, [("Target", X)]), ("Attack", OFF, [("Target", X)])],
        {
            "textee": (66.67, 66.67, 100, 100, 66.67, 66.67),
            "dygie": (66.67, 66.67, 133.33, 133.33),
            "oneie": (66.67, 66.67, 100, 100),
        },
    ),
    "two gold events share an argument": (
        [("Attack", ON, [("Target", X)]), ("Attack", OFF, [("Target", X)])],
        [("Attack", ON, [("Target", X)])],
        {
            "textee": (66.67, 66.67, 100, 100, 66.67, 66.67),
            "dygie": (66.67, 66.67, 66.67, 66.67),
            "oneie": (66.67, 66.67, 100, 100),
        },
    ),
    "two gold events on one trigger": (
        [("Attack", ON, []), ("Die", ON, [])],
        [("Attack", ON, [])],
        {
            "textee": (100, 66.67, 0, 0, 0, 0),
            "dygie": (100, 0, 0, 0),
            "oneie": (66.67, 66.67, 0, 0),
        },
    ),
    "another event type": (
        [("Attack", ON, [("Target", X)])],
        [("Die", ON, [("Target", X)])],
        {"textee": (100, 0, 0, 0, 0, 0), "dygie": (100, 0, 0, 0), "oneie": (100, 0, 0, 0)},
    ),
    "two roles of one span": (
        [("Attack", ON, [("Target", X), ("Place", X)])],
        [("Attack", ON, [("Target", X)])],
        {
            "textee": (100, 100, 100, 66.67, 100, 66.67),
            "dygie": (100, 100, 100, 0),
            "oneie": (100, 100, 66.67, 66.67),
        },
    ),
    "one event predicted twice on a trigger with two": (
        [("Attack", ON, []), ("Die", ON, [])],
        [("Attack", ON, [("Target", X)]), ("Attack", ON, [("Target", Y)])],
        {"textee": (100, 66.67, 0, 0, 0, 0), "dygie": (100, 0, 0, 0), "oneie": (100, 100, 0, 0)},
    ),
}
EVENT_ROWS = {
    "textee": (
        ("Tri-I", "Tri-C", "Arg-I", "Arg-C", "Arg-I (attached)", "Arg-C (attached)"),
        "F",
        1,
    ),
    "dygie": (("trig_id", "trig_class", "arg_id", "arg_class"), "f1", 100),
    "oneie": (("Trigger identification", "Trigger", "Role identification", "Role"), "F", 1),
}


def make_events(events):
    text = "abc def ghi jkl mno"
    made = [
        Event(kind, Span(*trigger), [Argument(role, *span) for role, span in arguments])
        for kind, trigger, arguments in events
    ]
    return Corpus([Document("d", text, events=made)])


@pytest.mark.parametrize("scorer", EVENT_ROWS)
@pytest.mark.parametrize("case", CASES)
def test_what_scorers_of_events_printed(case, scorer):
    gold, predicted, expected = CASES[case]
    names, column, factor = EVENT_ROWS[scorer]

    rows = {
        row["name"]: row for row in emulate(scorer, make_events(gold), make_events(predicted)).rows
    }

    assert tuple(round(rows[name][column] * factor, 2) for name in names) == expected[scorer]


def test_dygie_prints_a_recall_of_200_percent():
    gold, predicted, _ = CASES["two predicted events share the argument of one gold event"]
    emulated = emulate("dygie", make_events(gold), make_events(predicted), explain=True)
    row = next(row for row in emulated.rows if row["name"] == "arg_class")

    assert (row["precision"], row["recall"]) == (1.0, 2.0)
    assert "correct → 2 of 1" in str(emulated)


def test_the_chain_of_textee_is_empty_and_says_so():
    gold, predicted, _ = CASES["two roles of one span"]
    emulated = emulate("textee", make_events(gold), make_events(predicted), explain=True)

    assert [difference.steps for difference in emulated.differences] == [[]] * 6
    assert str(emulated).count("no difference") == 6


def test_what_textee_cannot_hold_is_a_step():
    text = "abc def ghi"
    event = Event("A", Span(0, 3), [Argument("R", 4, 7)])
    gold = Corpus([Document("d", text, events=[event])])
    others = [event, Event("A", None, [Argument("R", 8, 11)])]
    lost = Unplaced("arguments", "R", "not in the text", "zzz")
    predicted = Corpus([Document("d", text, events=others, unplaced=[lost])])
    emulated = emulate("textee", gold, predicted)

    steps = emulated.differences[3].steps
    assert [(step.kind, step.after.predicted) for step in steps] == [("drop", 2), ("drop", 1)]
    assert emulated.rows[3]["F"] == 100


def test_gold_relations_against_the_order_of_the_text_never_match_in_spert():
    text = "Ada met Bob"
    entities = [Entity("PER", 0, 3, "T1"), Entity("PER", 8, 11, "T2")]
    schema = Schema(relations={"spouse": RelationType(symmetric=True)})

    def make(head, tail):
        relations = [Relation("spouse", head, tail)]
        return Corpus([Document("d", text, entities, relations=relations)], schema=schema)

    against, along = make("T2", "T1"), make("T1", "T2")
    micro = {
        name: emulate("spert", gold, against).differences[2].scorer.f1
        for name, gold in (("against", against), ("along", along))
    }
    assert micro == {"against": 0.0, "along": 1.0}
    assert score(against, along, "relations/strict", boot=0)["relations/strict"].micro.f1 == 1


def quote(cue, source, content):
    return Attribution(Span(*cue), Span(*content), None if source is None else Span(*source))


def citron_rows(gold, predicted, text="aa bb cc dd ee ff gg hh ii jj"):
    corpora = [Corpus([Document("d", text, attributions=side)]) for side in (gold, predicted)]
    return {
        row["name"]: (row["Precision"], row["Recall"], row["F1"])
        for row in emulate("citron", *corpora).rows
    }


def test_citron_exchanges_precision_and_recall_of_all_overlaps():
    # 3 tokens of cue, source and content in gold, 5 in the prediction, whose content is longer
    gold = [quote((3, 5), (0, 2), (6, 8))]
    predicted = [quote((3, 5), (0, 2), (6, 14))]

    rows = citron_rows(gold, predicted)

    assert rows["Content Spans overlap"][:2] == (1 / 3, 1.0)
    assert rows["All Quote Spans overlap"][:2] == (1.0, 3 / 5)


def test_citron_sums_over_all_pairs():
    # The inner content of 2 tokens is part of the outer one of 5: 5 + 2 + 2 + 2 shared of 7
    perfect = [quote((3, 5), (0, 2), (6, 20)), quote((9, 11), (6, 8), (12, 17))]

    rows = citron_rows(perfect, perfect)

    assert rows["Content Spans overlap"] == pytest.approx((11 / 7,) * 3)
    assert rows["All Quote Spans exact match"] == (1.0, 1.0, 1.0)


def test_citron_credits_a_repeated_prediction_twice():
    one, other = quote((3, 5), (0, 2), (6, 8)), quote((12, 14), (9, 11), (15, 17))

    rows = citron_rows([one, other], [one, one])

    assert rows["Cue Span exact match"] == pytest.approx((1.0, 2 / 3, 0.8))


def test_citron_takes_touching_cues_for_overlapping_in_one_order_only():
    before, after = quote((0, 2), None, (9, 11)), quote((3, 5), None, (9, 11))

    assert citron_rows([before], [after])["Content Spans exact match"] == (1.0, 1.0, 1.0)
    assert citron_rows([after], [before])["Content Spans exact match"] == (0.0, 0.0, 0.0)


def test_measures_of_layers_that_gold_lacks_are_left_out():
    gold, predicted, _ = CASES["another event type"]
    names = [
        row["name"] for row in emulate("dygie", make_events(gold), make_events(predicted)).rows
    ]

    assert names == ["trig_id", "trig_class", "arg_id", "arg_class"]
    with pytest.raises(InputError, match="spert: gold has no entities and no relations"):
        emulate("spert", make_events(gold), make_events(predicted))


@pytest.mark.parametrize("width", ["0", "-1", "wide", 1.5, True])
def test_invalid_widths_are_refused(width):
    gold, predicted, _ = CASES["another event type"]
    with pytest.raises(InputError, match="max_span_width.*positive number, or none"):
        emulate("dygie", make_events(gold), make_events(predicted), max_span_width=width)


def test_wide_entities_are_scored_without_a_limit():
    text = "one two three"
    corpus = Corpus([Document("d", text, [Entity("A", 0, 13), Entity("A", 0, 3)])])
    empty = Corpus([Document("d", text, [Entity("A", 0, 3)])])

    recall = [
        emulate("dygie", corpus, empty, max_span_width=width).rows[0]["recall"]
        for width in (2, "3", "none", None)
    ]
    assert recall == [1.0, 0.5, 0.5, 0.5]
