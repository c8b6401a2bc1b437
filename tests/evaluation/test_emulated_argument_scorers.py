"""Scorers of arguments, beside values worked by hand from their rules and plain loops. They cannot
be installed from the package index: gen-arg (raspberryice/gen-arg at fcdc5b0, src/genie/scorer.py)
and the events of GoLLIE (hitz-zentroa/GoLLIE, src/tasks/utils_scorer.py at c08b28d).
"""

import json

import pytest
import spacy
from helpers.cli import run_evalkit
from helpers.emulated_arguments import (
    gen_arg,
    gollie_events,
    head_of,
    random_argument_corpora,
)
from helpers.emulated_strings import ratios
from helpers.emulation import check_chain
from helpers.quick import choose_quick
from spacy.language import Language
from spacy.tokens import Doc

from evalkit import (
    Argument,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Span,
    Unplaced,
    emulate,
    score,
)

TEXT = "The army shelled a town and it fled"
ARMY, THE_ARMY, TOWN, IT, TRIGGER = (4, 8), (0, 8), (19, 23), (28, 30), Span(9, 16)


@Language.component("test_later_heads")
def later_heads(doc):
    """Each word is governed by one after it."""
    return Doc(
        doc.vocab,
        [token.text for token in doc],
        [bool(token.whitespace_) for token in doc],
        heads=[head_of(n, len(doc)) for n in range(len(doc))],
        deps=["dep"] * (len(doc) - 1) + ["ROOT"],
    )


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """The source of heads of a pipeline in a folder."""
    made = spacy.blank("en")
    made.add_pipe("test_later_heads")
    folder = tmp_path_factory.mktemp("pipeline")
    made.to_disk(folder)
    return f"spacy:{folder}"


def make_corpus(*arguments, entities=None, trigger=TRIGGER, unplaced=()):
    made = [Argument(role, *span) for role, span in arguments]
    events = [Event("Attack", trigger, made)]
    entities = None if entities is None else [
        Entity("X", *span, attributes={"entity": cluster} if cluster else None)
        for span, cluster in entities
    ]  # fmt: skip
    return Corpus([Document("d", TEXT, entities, events, unplaced=unplaced)])


def rows_of(emulated):
    """{name: (P, R, F) with two decimals, as gen-arg prints them}."""
    return {row["name"]: tuple(round(row[column], 2) for column in "PRF") for row in emulated.rows}


@pytest.mark.parametrize(
    ("gold", "predicted", "identified", "right"),
    [
        ([("Attacker", ARMY)], [("Attacker", ARMY)], (100, 100, 100), (100, 100, 100)),
        # the article is removed from gold, not from predictions
        ([("Attacker", THE_ARMY)], [("Attacker", ARMY)], (100, 100, 100), (100, 100, 100)),
        ([("Attacker", THE_ARMY)], [("Attacker", THE_ARMY)], (0, 0, 0), (0, 0, 0)),
        ([("Attacker", ARMY)], [("Target", ARMY)], (100, 100, 100), (0, 0, 0)),
        # each of two roles of one span is identified
        (
            [("Attacker", ARMY)],
            [("Attacker", ARMY), ("Target", ARMY)],
            (100, 200, 133.33),
            (50, 100, 66.67),
        ),
        ([("Attacker", ARMY)], [("Attacker", ARMY)] * 2, (100, 100, 100), (100, 100, 100)),
        (
            [("Attacker", ARMY), ("Target", TOWN)],
            [("Target", TOWN)],
            (100, 50, 66.67),
            (100, 50, 66.67),
        ),
        ([], [], (0, 0, 0), (0, 0, 0)),
        ([], [("Target", TOWN)], (0, 0, 0), (0, 0, 0)),
    ],
)
def test_arguments_are_sets_of_span_and_role(gold, predicted, identified, right):
    emulated = emulate("gen-arg", make_corpus(*gold), make_corpus(*predicted))
    assert rows_of(emulated) == {"Role identification": identified, "Role": right}
    check_chain(emulated)


def test_a_prediction_that_is_not_in_the_text_is_dropped():
    quote = Unplaced("arguments", "Target", "not in the text", "village")
    predicted = make_corpus(("Attacker", ARMY), unplaced=[quote])
    emulated = emulate("gen-arg", make_corpus(("Attacker", ARMY)), predicted, explain=True)

    assert rows_of(emulated)["Role"] == (100, 100, 100)
    difference = emulated.differences[1]
    assert (difference.evalkit.correct, difference.evalkit.predicted) == (1, 2)
    assert [step.kind for step in difference.steps] == ["drop"]
    assert "predicted Target 'village' (wrong → not counted)" in emulated.render(width=200)


def test_events_that_gold_does_not_have_are_dropped():
    gold = make_corpus(("Attacker", ARMY))
    predicted = make_corpus(("Attacker", ARMY), trigger=Span(31, 35))
    emulated = emulate("gen-arg", gold, predicted)
    numbers = emulated.differences[1].scorer
    assert (numbers.correct, numbers.predicted, numbers.gold) == (0, 0, 1)
    check_chain(emulated)


@pytest.mark.parametrize(
    ("entities", "predicted", "right"),
    [
        ([(ARMY, "e"), (IT, "e")], [IT], (100, 100, 100)),
        ([(ARMY, "e"), (IT, "e")], [ARMY, IT], (100, 200, 133.33)),  # each mention counts
        ([(ARMY, "e"), (IT, "f")], [IT], (0, 0, 0)),
        ([(ARMY, None), (IT, None)], [IT], (0, 0, 0)),  # in no cluster
        ([(IT, "e")], [IT], (0, 0, 0)),
        # without its article, gold's span is that of no entity
        ([(THE_ARMY, "e"), (IT, "e")], [IT], (0, 0, 0)),
    ],
)
def test_mentions_of_one_entity_are_right_with_coref(entities, predicted, right):
    gold = make_corpus(("Attacker", THE_ARMY), entities=entities)
    sides = gold, make_corpus(*(("Attacker", span) for span in predicted))
    emulated = emulate("gen-arg", *sides, coref=True)
    rows = rows_of(emulated)
    assert list(rows) == [
        "Role identification",
        "Role",
        "Coref Role identification",
        "Coref Role",
    ]
    assert rows["Coref Role"] == rows["Coref Role identification"] == right
    check_chain(emulated)


def test_an_argument_with_the_span_of_another_role_is_not_searched_in_clusters():
    gold = make_corpus(("Attacker", ARMY), ("Target", IT), entities=[(ARMY, "e"), (IT, "e")])
    emulated = emulate("gen-arg", gold, make_corpus(("Attacker", IT)), coref=True)
    assert rows_of(emulated)["Coref Role"] == (0, 0, 0)
    assert rows_of(emulated)["Coref Role identification"] == (100, 50, 66.67)


def test_heads_are_those_of_the_corpus_or_of_a_parser(pipeline):
    gold = Corpus([Document("d", TEXT, events=[
        Event("Attack", TRIGGER, [Argument("Attacker", 0, 16, head=Span(4, 8))])
    ])])  # fmt: skip
    assert rows_of(emulate("gen-arg", gold, make_corpus(("Attacker", ARMY)), head_only=True))[
        "Role"
    ] == (100, 100, 100)
    # "army shelled a" is headed by "shelled" there: army → shelled, which is governed from outside
    spans = make_corpus(("Attacker", (4, 18))), make_corpus(("Attacker", (9, 16)))
    emulated = emulate("gen-arg", *spans, head_only="true", heads=pipeline)
    assert rows_of(emulated)["Role"] == (100, 100, 100)
    assert f"|scorer:gen-arg@fcdc5b0[head_only=true,heads={pipeline}]|" in emulated.signature
    with pytest.raises(InputError, match="document 'd': the argument 'army shelled a' has no head"):
        emulate("gen-arg", *spans, head_only=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head_only": "yes"}, 'invalid head_only="yes": expected true or false'),
        ({"heads": "en"}, 'invalid heads="en": expected spacy:NAME'),
        ({"head": True}, "unknown option 'head'"),
    ],
)
def test_a_wrong_option_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        emulate("gen-arg", make_corpus(), make_corpus(), **options)


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
def test_random_arguments_count_as_in_plain_loops(seed, pipeline):
    sides = random_argument_corpora(seed)
    for head_only in (False, True):
        options = {"head_only": head_only, "heads": pipeline if head_only else None}
        emulated = emulate("gen-arg", *sides, coref=True, **options)
        counts = {
            each.measure: [each.scorer.correct, each.scorer.predicted, each.scorer.gold]
            for each in emulated.differences
        }
        expected = gen_arg(*sides, head_only=head_only, coref=True)
        assert counts == expected, head_only
        for row in emulated.rows:
            matched, predicted, gold = expected[row["name"]]
            precision = matched / predicted if predicted else 0.0
            recall = matched / gold if gold else 0.0
            assert (row["P"], row["R"]) == (100 * precision, 100 * recall)


@pytest.mark.parametrize("seed", choose_quick(range(200), 15))
def test_the_steps_account_for_the_difference(seed, pipeline):
    gold, predicted = random_argument_corpora(seed)
    for options in ({"coref": True}, {"coref": True, "head_only": True, "heads": pipeline}):
        emulated = emulate("gen-arg", gold, predicted, **options)
        check_chain(emulated)
        for difference in emulated.differences:
            row = score(gold, predicted, difference.metric, boot=0)[difference.metric].micro
            numbers = difference.evalkit
            assert (row.tp, row.predicted, row.gold) == (
                numbers.correct,
                numbers.predicted,
                numbers.gold,
            )
            assert row.f1 == numbers.f1


def test_files_of_wikievents_and_rams_are_read(tmp_path):
    tokens = TEXT.split()
    line = {
        "doc_id": "d",
        "tokens": tokens,
        "text": TEXT,
        "sentences": [],
        "entity_mentions": [
            {"id": id, "sent_idx": 0, "start": start, "end": end, "entity_type": "X", "text": text}
            for id, start, end, text in [("T1", 0, 2, "The army"), ("T2", 4, 5, "town")]
        ],
        "event_mentions": [
            {
                "id": "E1",
                "event_type": "Attack",
                "trigger": {"start": 2, "end": 3, "text": "shelled", "sent_idx": 0},
                "arguments": [{"entity_id": "T1", "role": "Attacker", "text": "The army"}],
            }
        ],
    }
    gold, predicted = tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl"
    gold.write_text(json.dumps(line) + "\n")
    line["entity_mentions"][0].update(start=1, text="army")
    line["event_mentions"][0]["arguments"][0]["text"] = "army"
    predicted.write_text(json.dumps(line) + "\n")
    files = f"wikievents:{gold}", f"wikievents:{predicted}"
    result = run_evalkit("emulate", "gen-arg?coref=true", *files, "--format", "json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["rows"][1] == {"name": "Role", "P": 100, "R": 100, "F": 100}

    rams = tmp_path / "rams.jsonl"
    rams.write_text(
        json.dumps(
            {
                "doc_key": "d",
                "sentences": [tokens],
                "evt_triggers": [[2, 2, [["conflict.attack", 1.0]]]],
                "gold_evt_links": [[[2, 2], [0, 1], "evt1arg01attacker"]],
                "ent_spans": [],
            }
        )
        + "\n"
    )
    emulated = emulate("gen-arg", f"rams:{rams}", f"rams:{rams}")
    assert rows_of(emulated)["Role"] == (0, 0, 0)  # the article of the prediction remains


WAR = "Attack, attack and ATTACK: an army fled"
FIRST, SECOND, THIRD = Span(0, 6), Span(8, 14), Span(19, 25)


def make_events(*events, unplaced=()):
    """A document with events: (class, trigger, (role, start, end)…)."""
    made = [
        Event(label, trigger, [Argument(*argument) for argument in arguments])
        for label, trigger, *arguments in events
    ]
    return Corpus([Document("d", WAR, events=made, unplaced=unplaced)])


@pytest.mark.parametrize(
    ("gold", "predicted", "events", "arguments"),
    [
        # another mention of the same word is equal, whatever its case
        ([("War", FIRST)], [("War", THIRD)], (1, 1, 1), (0, 0, 0)),
        ([("War", FIRST)], [("Raid", FIRST)], (0, 1, 1), (0, 0, 0)),
        (
            [("War", FIRST, ("By", 30, 34))],
            [("War", SECOND, ("By", 30, 34), ("In", 30, 34), ("By", 30, 34))],
            (1, 1, 1),
            (1, 3, 1),
        ),
        # arguments of an event that is not equal are wrong, and so is another case
        ([("War", FIRST, ("By", 30, 34))], [("Raid", FIRST, ("By", 30, 34))], (0, 1, 1), (0, 1, 1)),
        ([("War", FIRST, ("By", 0, 6))], [("War", FIRST, ("By", 8, 14))], (1, 1, 1), (0, 1, 1)),
        # the first predicted event takes the first equal one of gold
        (
            [("War", FIRST), ("War", SECOND, ("By", 30, 34))],
            [("War", SECOND, ("By", 30, 34))],
            (1, 1, 2),
            (0, 1, 1),
        ),
        # the text has the word three times: the fourth event is dropped with its argument
        (
            [("War", FIRST)],
            [("A", FIRST), ("B", SECOND), ("C", THIRD), ("War", FIRST, ("By", 30, 34))],
            (0, 3, 1),
            (0, 0, 0),
        ),
        ([("War", None, ("By", 30, 34))], [("War", None, ("By", 30, 34))], (1, 1, 1), (1, 1, 1)),
        ([], [], (0, 0, 0), (0, 0, 0)),
    ],
)
def test_events_of_gollie_are_compared_by_class_and_trigger(gold, predicted, events, arguments):
    emulated = emulate("gollie", make_events(*gold), make_events(*predicted), task="events")
    counts = [
        (each.scorer.correct, each.scorer.predicted, each.scorer.gold)
        for each in emulated.differences
    ]
    assert counts == [events, arguments]
    check_chain(emulated)


@pytest.mark.parametrize(
    ("quote", "events"),
    [("raid", (0, 0, 1)), ("ATTACK", (1, 1, 1)), (None, (0, 0, 1))],
)
def test_a_trigger_without_a_place_counts_if_its_words_are_in_the_text(quote, events):
    predicted = make_events(unplaced=[Unplaced("triggers", "War", "no offsets", quote)])
    emulated = emulate("gollie", make_events(("War", FIRST)), predicted, task="events")
    numbers = emulated.differences[0].scorer
    assert (numbers.correct, numbers.predicted, numbers.gold) == events
    assert [row["name"] for row in emulated.rows] == ["events", "arguments", "War"]


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
def test_random_events_count_as_in_plain_loops(seed):
    gold, predicted = random_argument_corpora(seed)
    emulated = emulate("gollie", gold, predicted, task="events")

    expected = gollie_events(gold, predicted)
    rows = {
        row["name"]: (row["precision"], row["recall"], row["f1-score"]) for row in emulated.rows
    }
    assert rows == {name: ratios(*counts) for name, counts in expected.items()}
    for difference in emulated.differences:
        numbers = difference.scorer
        counts = [numbers.correct, numbers.predicted, numbers.gold]
        assert counts == expected[difference.measure]
        row = score(gold, predicted, difference.metric, boot=0)[difference.metric].micro
        assert row.f1 == difference.evalkit.f1
    check_chain(emulated)


def test_an_unknown_task_of_gollie_is_refused():
    with pytest.raises(
        InputError, match="unknown value 'event' in 'task='; expected one of: entities,"
    ):
        emulate("gollie", make_events(), make_events(), task="event")
