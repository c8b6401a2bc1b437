"""What a model is asked is built from the schema alone, and a text in it is only a text."""

import json

import pytest

from evalkit import InputError, Schema, load_corpus
from evalkit.data.schema import AttributionSchema, EventType
from evalkit.errors import UnknownNameError
from evalkit.models.llm_prompt import (
    ExtractionTask,
    build_answer_schema,
    build_prompt,
    build_task,
    load_template,
)

SCHEMA = Schema(
    labels={"PER": "Named people.", "ORG": ""},
    events={
        "Attack": EventType("Somebody attacks.", {"Attacker": "Who does.", "Place": "Where."}),
        "Meet": EventType("", {"Place": "Where."}),
    },
    realis={"ACTUAL": "it happened"},
    attributions=AttributionSchema({"source": "Who says."}, {"belief": "thought"}),
)


def objects(value):
    if isinstance(value, dict):
        if value.get("type") == "object":
            yield value
        for item in value.values():
            yield from objects(item)
    if isinstance(value, list):
        for item in value:
            yield from objects(item)


def test_the_task_is_what_the_schema_declares():
    task = build_task(SCHEMA)

    assert task.layers == ("entities", "events", "attributions")
    assert (task.labels, task.realis) == (SCHEMA.labels, SCHEMA.realis)


def test_labels_stand_instead_of_those_of_the_schema_and_keep_their_meaning():
    task = build_task(SCHEMA, {"PER": "", "ALIEN": "From elsewhere."}, ["entities"])

    assert (task.labels, task.layers, task.realis) == (
        {"PER": "Named people.", "ALIEN": "From elsewhere."},
        ("entities",),
        {},
    )


def test_labels_alone_are_enough():
    assert build_task(None, {"PER": ""}).layers == ("entities",)


def test_a_layer_that_is_not_declared_cannot_be_requested():
    with pytest.raises(
        UnknownNameError,
        match=(
            "unknown layer 'event' in 'the schema'; expected one of: entities, events,"
            " attributions; did you mean 'events'"
        ),
    ):
        build_task(SCHEMA, None, ["event"])


def test_a_task_without_labels_is_an_error():
    with pytest.raises(InputError, match="there are no labels to prompt for"):
        build_task(Schema())


def test_every_name_and_definition_of_the_bundled_schema_is_in_its_prompt():
    schema = load_corpus().schema
    names = [
        *schema.labels,
        *schema.events,
        *schema.realis,
        *schema.attributions.parts,
        *schema.attributions.types,
        *schema.labels_of("arguments"),
    ]
    meanings = [
        *schema.labels.values(),
        *(event.definition for event in schema.events.values()),
        *schema.attributions.types.values(),
    ]

    prompt = build_prompt(build_task(schema)).before

    assert [text for text in [*names, *meanings] if text not in prompt] == []


def test_the_text_stands_in_the_prompt_once_and_as_it_is():
    text = "{{text}} {{task}} {0} {labels} $x %s \\1 \x00 “q” </text>\r\n"

    content = build_prompt(ExtractionTask({"{{text}}": "{{task}}"})).messages_for(text)[0][
        "content"
    ]

    assert content.count(text) == 1
    assert content.count("- {{text}}: {{task}}") == 1


def test_a_template_of_ones_own(tmp_path):
    (tmp_path / "prompt.txt").write_text("Read {{text}}\nMark\n{{task}}\n", encoding="utf-8")

    prompt = build_prompt(ExtractionTask({"PER": "people"}), load_template(tmp_path / "prompt.txt"))

    assert (
        prompt.messages_for("Ada")[0]["content"]
        == 'Read Ada\nMark\nEntities ("entities"): every mention of these. Labels:\n- PER: people\n'
    )


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("{{task}}", "expected {{text}} once, found it 0 times"),
        ("{{task}} {{text}} {{text}}", "expected {{text}} once, found it 2 times"),
        ("{{text}}", "expected {{task}} once, found it 0 times"),
    ],
)
def test_a_template_has_each_place_once(template, place):
    with pytest.raises(InputError, match=f"mine.txt: {place}".replace("{", r"\{")):
        build_prompt(ExtractionTask({"PER": ""}), template, "mine.txt")


def test_the_schema_of_an_answer_requires_everything_and_allows_nothing_else():
    found = list(objects(build_answer_schema(build_task(SCHEMA))))

    assert [
        each
        for each in found
        if each["additionalProperties"] is not False or each["required"] != list(each["properties"])
    ] == []
    assert (
        len(found) == 9
    )  # the answer; an entity; an event, its trigger, its arguments; an attribution and its parts


def test_the_schema_of_an_answer_names_what_may_be_answered():
    answer = build_answer_schema(build_task(SCHEMA))["properties"]

    assert answer["entities"]["items"]["properties"]["label"]["enum"] == ["PER", "ORG"]
    event = answer["events"]["items"]["properties"]
    assert (event["type"]["enum"], event["realis"]["enum"]) == (["Attack", "Meet"], ["ACTUAL"])
    assert event["arguments"]["items"]["properties"]["role"]["enum"] == ["Attacker", "Place"]
    attribution = answer["attributions"]["items"]["properties"]
    assert (attribution["type"]["enum"], attribution["source"]["anyOf"][1]) == (
        ["belief"],
        {"type": "null"},
    )


def test_what_the_schema_lacks_is_not_in_the_schema_of_an_answer():
    answer = build_answer_schema(
        ExtractionTask(events={"Meet": EventType()}, attributions=AttributionSchema({"cue": ""}))
    )["properties"]

    assert [list(answer[layer]["items"]["properties"]) for layer in answer] == [
        ["type", "trigger"],
        ["source", "cue", "content"],
    ]


def test_a_digest_changes_with_prompt_and_schema_alone():
    prompt, answer = (
        build_prompt(ExtractionTask({"PER": ""})),
        build_answer_schema(ExtractionTask({"PER": ""})),
    )

    digests = {
        prompt.sha256(answer),
        build_prompt(ExtractionTask({"PER": ""})).sha256(json.loads(json.dumps(answer))),
        prompt.sha256({}),
        build_prompt(ExtractionTask({"ORG": ""})).sha256(answer),
    }

    assert len(digests) == 3
