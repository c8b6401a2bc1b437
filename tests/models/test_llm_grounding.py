"""Every annotation of a language model is placed in the text or counts as wrong."""

import json
import time

import pytest

from evalkit import Argument, Attribution, Corpus, Document, Entity, Event, Span, Unplaced, score
from evalkit.models.llm_grounding import ground_answer
from evalkit.models.llm_json import UnreadableAnswerError, extract_layers

TEXT = "Bo said Ann hit Bo. Later, Bo said Cy hit Ann."
#       0       8       16         27 30   35 38  42


def answered(text=TEXT, **lists):
    return ground_answer(Document("d", text), lists)


def entity(quote, label="PER", context=""):
    return {"label": label, "quote": quote, "context": context}


def make_quote(quote, context=""):
    return {"quote": quote, "context": context}


def event(trigger, *arguments, realis=None, type="Hit"):
    return {
        "type": type,
        "trigger": trigger,
        "realis": realis,
        "arguments": [{"role": role, **quote} for role, quote in arguments],
    }


# ---- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        '{"entities": []}',
        ' \n{"entities":[]}\n',
        '```json\n{"entities": []}\n```',
        'Yes {so}: {"entities": []}, done.',
        '\ufeff{"entities": null}',
        '{"entities": []} Note: a set is written {a, b',
        '{"entities": []}\nHere { opens, and {"label"} or {"a": b} is no JSON.',
        'A { opens. {"entities": []}',
        '{"entities": []} }',
        '<think>{"entities": [1]} hm</think>\n{"entities": []}',
        '{"entities": [], "note": "a \\" } ] quote"}',
    ],
)
def test_one_object_is_read_whatever_stands_around_it(content):
    assert extract_layers(content, ("entities",)) == {"entities": []}


def test_a_layer_that_an_answer_leaves_out_is_empty():
    assert extract_layers('{"events": []}', ("entities", "events")) == {
        "entities": [],
        "events": [],
    }


def test_a_line_break_in_a_quote_is_read():
    assert extract_layers('{"entities": ["a\nb"]}', ("entities",)) == {"entities": ["a\nb"]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no JSON object in the answer"),
        ("{so} what", "no JSON object"),
        ('{"entities": [}]', "the answer is not JSON: Expecting value"),
        ("{'entities': []}", "no JSON object"),
        ('{"entities": [', "the JSON of the answer is cut off"),
        ('{"entities": []} {"entities": [', "more than one JSON object"),
        ('{"entities": []} {"entities": []}', "more than one JSON object"),
        ('{"entities": [], "n": Infinity}', "Infinity is not a JSON number"),
        ('{"entities": [' + "9" * 5000 + "]}", "the answer is not JSON"),
        ('{"a": ' * 65 + "1" + "}" * 65, "nested more than 64 deep"),
        ('{"entities": [], "entities": []}', "a duplicate key"),
    ],
)
def test_what_cannot_be_read_says_why(content, reason):
    with pytest.raises(UnreadableAnswerError, match=reason):
        extract_layers(content, ("entities",))


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["{", '{"a', "{}", '"', '{"\\', '\\"', "{ ", '{"": 1} '])
def test_reading_takes_time_linear_in_the_answer(unit):
    content = unit * (500_000 // len(unit))
    started = time.process_time()

    with pytest.raises(UnreadableAnswerError):
        extract_layers(content, ("entities",))

    assert time.process_time() - started < 10


# ---- entities ------------------------------------------------------------------------------------


def test_equal_quotes_take_successive_places():
    found = answered(entities=[entity("Bo"), entity("Bo"), entity("Bo")])

    assert found.document.entities == (
        Entity("PER", 0, 2),
        Entity("PER", 16, 18),
        Entity("PER", 27, 29),
    )
    assert found.grounding["choices"] == []


def test_a_context_says_which():
    found = answered(entities=[entity("Bo", context="hit Bo."), entity("Ann", context="hit Ann")])

    assert found.document.entities == (Entity("PER", 16, 18), Entity("PER", 42, 45))
    assert found.grounding["ambiguous"] == 0


def test_what_may_stand_elsewhere_is_on_record():
    found = answered(entities=[entity("Cy"), entity("Nobody"), entity("Ann")])

    assert found.document.entities == (Entity("PER", 35, 37), Entity("PER", 8, 11))
    assert found.grounding["choices"] == [["entities", 1, "", [[8, 11], [42, 45]]]]


def test_a_duplicate_quote_stays_a_duplicate():
    found = answered(entities=[entity("Cy"), entity("Cy")])

    assert found.document.entities == (Entity("PER", 35, 37), Entity("PER", 35, 37))
    assert found.grounding["duplicate"] == 1


def test_a_key_that_stands_twice_in_an_item_makes_it_malformed():
    lists = extract_layers(
        '{"entities": [{"label": "PER", "label": "ORG", "quote": "Bo"}]}', ("entities",)
    )

    assert ground_answer(Document("d", TEXT), lists).document.unplaced == (
        Unplaced("entities", "unlabeled", "a duplicate key in it"),
    )


# ---- events --------------------------------------------------------------------------------------


def test_an_argument_takes_the_place_nearest_to_its_trigger():
    found = answered(
        events=[
            event(
                make_quote("hit", "Cy hit Ann"),
                ("Victim", make_quote("Ann")),
                ("Witness", make_quote("Bo")),
                realis="ACTUAL",
            ),
            event(make_quote("hit", "hit Bo"), ("Attacker", make_quote("Ann"))),
        ]
    )

    assert found.document.events == (
        Event(
            "Hit",
            Span(38, 41),
            (Argument("Victim", 42, 45), Argument("Witness", 27, 29)),
            realis="ACTUAL",
        ),
        Event("Hit", Span(12, 15), (Argument("Attacker", 8, 11),)),
    )
    assert found.grounding["choices"] == [
        ["events", 0, "arguments[0]", [[8, 11], [42, 45]]],
        ["events", 0, "arguments[1]", [[0, 2], [16, 18], [27, 29]]],
        ["events", 1, "arguments[0]", [[8, 11], [42, 45]]],
    ]


def test_the_sentence_of_the_trigger_comes_before_what_is_nearer():
    text = "Bo left. Hit, in the long and dark night, was Bo."

    found = answered(text, events=[event(make_quote("Hit"), ("Victim", make_quote("Bo")))])

    assert found.document.events[0].arguments == (Argument("Victim", 46, 48),)


def test_equal_arguments_of_one_event_take_different_places():
    found = answered(
        events=[
            event(
                make_quote("hit", "Cy hit Ann"),
                ("Witness", make_quote("Bo")),
                ("Witness", make_quote("Bo")),
            )
        ]
    )

    assert found.document.events[0].arguments == (
        Argument("Witness", 27, 29),
        Argument("Witness", 16, 18),
    )


def test_an_event_whose_trigger_is_absent_counts_with_all_its_parts():
    found = answered(
        events=[
            event(
                make_quote("kicked"),
                ("Victim", make_quote("Ann")),
                ("Attacker", make_quote("Zed")),
                realis="ACTUAL",
            )
        ]
    )

    reason = "its trigger is unplaced"
    assert found.document.events == ()
    assert found.document.unplaced == (
        Unplaced("triggers", "Hit", "not in the text", "kicked"),
        Unplaced("realis", "ACTUAL", reason),
        Unplaced("arguments", "Victim", reason, "Ann"),
        Unplaced("arguments", "Attacker", reason, "Zed"),
    )


def test_an_event_that_is_malformed_counts_with_all_its_parts():
    found = answered(
        events=[
            {
                "type": "Hit",
                "arguments": [{"role": "Victim", "quote": "Ann"}, 7],
                "realis": "ACTUAL",
            },
            {"trigger": make_quote("hit")},
            "hit",
            event("hit"),
        ]
    )

    reason = "its trigger is unplaced"
    assert found.document.unplaced == (
        Unplaced("arguments", "Victim", reason, "Ann"),
        Unplaced("arguments", "unlabeled", reason),
        Unplaced("realis", "ACTUAL", reason),
        Unplaced("triggers", "Hit", "no trigger"),
        Unplaced("triggers", "unlabeled", "no type", "hit"),
        Unplaced("triggers", "unlabeled", "not an object"),
        Unplaced("triggers", "Hit", "no trigger"),
    )


def test_an_argument_that_is_malformed_leaves_its_event():
    found = answered(
        events=[
            {
                "type": "Hit",
                "trigger": make_quote("hit", "Ann hit"),
                "realis": 7,
                "arguments": [
                    {"quote": "Ann"},
                    {"role": "Victim"},
                    {"role": "Victim", "quote": "Zed"},
                ],
            }
        ]
    )

    assert found.document.events == (Event("Hit", Span(12, 15)),)
    assert found.document.unplaced == (
        Unplaced("arguments", "unlabeled", "no role", "Ann"),
        Unplaced("arguments", "Victim", "its quote is not a string"),
        Unplaced("realis", "unlabeled", "its realis is not a string"),
        Unplaced("arguments", "Victim", "not in the text", "Zed"),
    )


def test_arguments_that_are_no_list_count_as_one():
    found = answered(
        events=[{"type": "Hit", "trigger": make_quote("hit", "Ann hit"), "arguments": "Ann"}]
    )

    assert found.document.unplaced == (Unplaced("arguments", "unlabeled", "not an object"),)


def test_what_is_unplaced_is_counted_in_every_layer_that_it_is_part_of():
    gold = Corpus(
        [
            Document(
                "d",
                TEXT,
                events=(
                    Event("Hit", Span(12, 15), (Argument("Victim", 16, 18),), realis="ACTUAL"),
                ),
            )
        ]
    )
    found = answered(
        events=[event(make_quote("kicked"), ("Victim", make_quote("Bo")), realis="ACTUAL")]
    )

    scores = score(
        gold,
        Corpus([found.document]),
        ["triggers/strict", "arguments/strict", "attached-arguments/strict", "realis/strict"],
    )

    assert [(scores[metric].micro.tp, scores[metric].micro.predicted) for metric in scores] == [
        (0, 1)
    ] * 4


# ---- attributions --------------------------------------------------------------------------------


def attribution(source, cue, content, type="belief"):
    return {"type": type, "source": source, "cue": cue, "content": content}


def test_a_source_takes_the_place_nearest_to_its_cue():
    found = answered(
        attributions=[
            attribution(
                make_quote("Bo"), make_quote("said", "Bo said Cy"), make_quote("Cy hit Ann")
            ),
            attribution(None, make_quote("said", "said Ann"), make_quote("Ann hit Bo")),
        ]
    )

    assert found.document.attributions == (
        Attribution(Span(30, 34), Span(35, 45), Span(27, 29), "belief"),
        Attribution(Span(3, 7), Span(8, 18), None, "belief"),
    )
    assert found.grounding["choices"] == [
        ["attributions", 0, "source", [[0, 2], [16, 18], [27, 29]]]
    ]


def test_a_part_that_is_absent_leaves_the_others():
    found = answered(attributions=[attribution(make_quote("Zed"), None, make_quote("Ann hit Bo"))])

    assert found.document.attributions == (Attribution(None, Span(8, 18), None, "belief"),)
    assert found.document.unplaced == (
        Unplaced("attributions", "source", "not in the text", "Zed"),
    )


def test_an_attribution_whose_content_is_absent_counts_with_all_its_parts():
    found = answered(
        attributions=[
            attribution(
                make_quote("Cy"), make_quote("said", "Bo said Cy"), make_quote("Nobody hit Bo")
            ),
            attribution(make_quote("Cy"), None, None),
            attribution(5, None, 7),
            None,
        ]
    )

    reason = "its content is unplaced"
    whole = Unplaced("attribution-relations", "attribution", reason)
    assert found.document.attributions == ()
    assert found.document.unplaced == (
        Unplaced("attributions", "content", "no content"),
        Unplaced("attributions", "source", reason, "Cy"),
        whole,
        Unplaced("attributions", "source", "its quote is not a string"),
        Unplaced("attributions", "content", "its quote is not a string"),
        whole,
        Unplaced("attributions", "content", "not an object"),
        whole,
        Unplaced("attributions", "content", "not in the text", "Nobody hit Bo"),
        Unplaced("attributions", "source", reason, "Cy"),
        Unplaced("attributions", "cue", reason, "said"),
        whole,
    )


# ---- size ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_many_quotes_with_many_places_stay_within_bounds():
    text = "ab " * 5_000 + "hit"
    started = time.process_time()

    found = answered(
        text, events=[event(make_quote("hit"), *[("Victim", make_quote("ab"))] * 4_000)]
    )

    assert len(found.document.events[0].arguments) == 4_000
    assert sum(len(places) for *_, places in found.grounding["choices"]) <= 200_000
    assert len(json.dumps(found.grounding)) < 5_000_000
    assert time.process_time() - started < 20


def test_a_layer_that_was_not_requested_is_missing():
    found = answered(entities=[])

    assert (found.document.entities, found.document.events, found.document.attributions) == (
        (),
        None,
        None,
    )
