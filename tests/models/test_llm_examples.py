"""Few-shot examples are turns before the prompt, in the form of the answer, and give back the
annotations that they were made from.
"""

import json
import random
import re
from itertools import product

import pytest
from helpers.cli import run_evalkit
from helpers.endpoint import Endpoint
from helpers.marked import marked
from helpers.quick import choose_quick

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Schema,
    Span,
    evaluate,
    load_corpus,
    load_model,
    predict,
)
from evalkit.data.grounding import Quote, ground_quotes
from evalkit.data.schema import AttributionSchema, EventType
from evalkit.models.llm_examples import build_examples
from evalkit.models.llm_grounding import ground_answer
from evalkit.models.llm_prompt import ExtractionTask, build_answer_schema, build_task

SCHEMA = Schema(
    labels={"A": "", "B": ""},
    events={"Go": EventType("", {"R": "", "S": ""}), "Stay": EventType("", {"R": ""})},
    realis={"ACTUAL": "", "OTHER": ""},
    attributions=AttributionSchema({"source": ""}, {"belief": "", "fact": ""}),
)
EXAMPLES = [
    marked("[Ada|PER] met [Acme|ORG].", id="x"),
    marked("Nobody met anybody.", id="y"),
]
LABELS = "PER,ORG"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def loaded(url="http://127.0.0.1:9/v1", **arguments):
    return load_model("openai:test", base_url=url, **{"labels": LABELS, **arguments})


def save(folder, documents=EXAMPLES, name="examples.jsonl"):
    Corpus(documents).save(folder / name)
    return str(folder / name)


# ---- the turns -----------------------------------------------------------------------------------


def test_examples_are_turns_before_the_prompt_in_the_order_of_the_file(tmp_path):
    plain = loaded()
    model = loaded(few_shot=save(tmp_path))
    document = Document("d", "Bo met Acme.")

    messages = model.messages(document)

    assert [message["role"] for message in messages] == ["user", "assistant"] * 2 + ["user"]
    for n, example in enumerate(EXAMPLES):
        assert messages[2 * n] == plain.messages(example)[0]
    assert messages[-1] == plain.messages(document)[0]
    assert [json.loads(messages[n]["content"]) for n in (1, 3)] == [
        {
            "entities": [
                {"label": "PER", "quote": "Ada", "context": "Ada met Acme."},
                {"label": "ORG", "quote": "Acme", "context": "Ada met Acme."},
            ]
        },
        {"entities": []},
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_examples_are_sent_with_each_request(tmp_path, jobs):
    few_shot = save(tmp_path)
    corpus = Corpus([Document(f"d{n}", f"Bo met Cy. DOC-d{n}") for n in range(4)])

    with Endpoint() as endpoint:
        predict(
            "openai:test",
            corpus,
            jobs=jobs,
            model_args={"base_url": endpoint.url, "labels": LABELS, "few_shot": few_shot},
        )

    expected = loaded(few_shot=few_shot).messages(corpus["d0"])[:-1]
    assert [body["messages"][:-1] for body in endpoint.bodies] == [expected] * 4


def test_examples_may_be_in_any_format_or_in_memory(tmp_path):
    (tmp_path / "examples.conll").write_text("Ada B-PER\nmet O\nAcme B-ORG\n")
    from_file = loaded(few_shot=str(tmp_path / "examples.conll"))
    in_memory = loaded(few_shot=[marked("[Ada|PER] met [Acme|ORG]", id="x")])

    document = Document("d", "Bo")

    assert from_file.messages(document)[1] == in_memory.messages(document)[1]


def test_examples_are_shown_with_the_prompt(tmp_path):
    save(tmp_path, [Document("d", "Bo met Cy.", entities=())], "gold.jsonl")

    shown = run_evalkit(
        "predict",
        tmp_path / "gold.jsonl",
        "-m",
        "openai:test",
        "-a",
        f"labels={LABELS}",
        "-a",
        f"few_shot={save(tmp_path)}",
        "--show-prompt",
    )

    assert shown.returncode == 0, shown.stderr
    assert re.findall(r"^## (\w+)$", shown.stdout, re.MULTILINE) == [
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]


def test_the_answers_have_the_layers_that_are_requested():
    entity, event = Entity("A", 0, 3), Event("Go", Span(4, 7), realis="ACTUAL")
    example = Document(
        "x", "Ada met Bo", (entity,), (event,), (Attribution(Span(4, 7), Span(8, 10)),)
    )
    gold = Corpus([Document("d", "Bo went", events=())], schema=SCHEMA)

    with Endpoint(answer=lambda text: {"events": []}) as endpoint:
        evaluate(
            "openai:test",
            gold,
            "tri-c",
            boot=0,
            model_args={"base_url": endpoint.url, "few_shot": [example]},
        )

    answer = json.loads(endpoint.bodies[0]["messages"][1]["content"])
    context = {"quote": "met", "context": "Ada met Bo"}
    assert answer == {
        "events": [{"type": "Go", "trigger": context, "realis": "ACTUAL", "arguments": []}]
    }


# ---- settings ------------------------------------------------------------------------------------


def test_the_settings_hold_the_content_of_the_examples_and_not_their_path(tmp_path):
    (tmp_path / "other").mkdir()
    one = loaded(few_shot=save(tmp_path)).settings
    moved = loaded(few_shot=save(tmp_path / "other", name="renamed.jsonl")).settings
    turned = loaded(few_shot=save(tmp_path, EXAMPLES[::-1], "turned.jsonl")).settings
    relabeled = loaded(few_shot=[marked("[Ada|ORG] met [Acme|ORG].", id="x"), EXAMPLES[1]]).settings
    without = loaded().settings

    assert one == moved
    assert len({each["few_shot_sha256"] for each in (one, turned, relabeled)}) == 3
    assert "few_shot_sha256" not in without
    assert without == {name: one[name] for name in one if name != "few_shot_sha256"}


def test_a_run_with_other_examples_is_refused(tmp_path):
    corpus = Corpus([Document("d", "Bo met Cy. DOC-d")])
    with Endpoint() as endpoint:
        predict(loaded(endpoint.url, few_shot=EXAMPLES), corpus, run_dir=tmp_path)

        with pytest.raises(InputError, match="few_shot_sha256: '.*', now '"):
            predict(loaded(endpoint.url, few_shot=EXAMPLES[:1]), corpus, run_dir=tmp_path)
        with pytest.raises(InputError, match="few_shot_sha256: '.*', now None"):
            predict(loaded(endpoint.url), corpus, run_dir=tmp_path)


# ---- what cannot be an example -------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Ada met Acme.", "Ada  met\nAcme. "])
def test_an_example_that_is_evaluated_is_refused(text):
    corpus = Corpus([Document("d0", "Cy met Bo."), Document("d1", text)])

    with Endpoint() as endpoint:
        with pytest.raises(
            InputError, match="the text of document 'd1' is one of the few-shot examples"
        ):
            predict(loaded(endpoint.url, few_shot=EXAMPLES), corpus)
        predict(loaded(endpoint.url, few_shot=EXAMPLES), corpus, limit=1)

    assert endpoint.total == 1


TEXT = "Ada met Bo."
ATTRIBUTED = Attribution(Span(4, 7), Span(8, 10), None, "fact")
REFUSED = {
    "entities[0]: unknown label 'C': expected one of: A, B": {"entities": (Entity("C", 0, 3),)},
    "entities[0]: begins or ends with white space": {"entities": (Entity("A", 3, 7),)},
    "entities[0]: a discontinuous span has no quote": {
        "entities": (Entity("A", 0, 10, fragments=((0, 3), (8, 10))),)
    },
    "events[0]: unknown type 'Run': expected one of: Go, Stay": {
        "events": (Event("Run", Span(4, 7), realis="OTHER"),)
    },
    "events[0]: no trigger, which the prompt asks for": {
        "events": (Event("Go", None, (Argument("R", 0, 3),), realis="OTHER"),)
    },
    "events[0]: no realis, which the prompt asks for": {"events": (Event("Go", Span(4, 7)),)},
    "events[0]: unknown realis 'MAYBE': expected one of: ACTUAL, OTHER": {
        "events": (Event("Go", Span(4, 7), realis="MAYBE"),)
    },
    "events[0].arguments[1]: unknown role 'T': expected one of: R, S": {
        "events": (
            Event("Go", Span(4, 7), (Argument("R", 0, 3), Argument("T", 8, 10)), realis="OTHER"),
        )
    },
    "attributions[0]: no cue": {"attributions": (Attribution(None, Span(8, 10), None, "fact"),)},
    "attributions[0]: no type": {"attributions": (Attribution(Span(4, 7), Span(8, 10)),)},
    "attributions[0]: unknown type 'x': expected one of: belief, fact": {
        "attributions": (Attribution(Span(4, 7), Span(8, 10), None, "x"),)
    },
    "document 'd': no events, which the prompt asks for": {"events": None},
    "no document has any of the attributions": {"attributions": ()},
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_the_answer_has_no_form_for_is_refused(message):
    valid = {
        "entities": (Entity("A", 0, 3),),
        "events": (Event("Go", Span(4, 7), realis="ACTUAL"),),
        "attributions": (ATTRIBUTED,),
    }
    build_examples(Corpus([Document("d", TEXT, **valid)]), build_task(SCHEMA))
    document = Document("d", TEXT, **{**valid, **REFUSED[message]})

    with pytest.raises(InputError, match=re.escape(message)):
        build_examples(Corpus([document]), build_task(SCHEMA))


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(InputError, match=r"nowhere\.jsonl"):
        loaded(few_shot="nowhere.jsonl")


def test_an_empty_path_is_refused():
    with pytest.raises(InputError, match='invalid few_shot="": expected the path of a corpus'):
        loaded(few_shot="")


def test_names_that_the_prompt_does_not_ask_for_are_not_part_of_the_answer():
    schema = Schema(labels=SCHEMA.labels, events=SCHEMA.events)
    event = Event("Stay", Span(4, 7), realis="ACTUAL", attributes={"x": 1})
    document = Document("d", TEXT, (Entity("A", 0, 3, id="e", score=0.5),), (event,))

    (example,) = build_examples(Corpus([document]), build_task(schema))

    assert list(json.loads(example.answer)["events"][0]) == ["type", "trigger", "arguments"]


# ---- every answer gives back its annotations -----------------------------------------------------


def violations(value, schema, path="$"):
    """What in a value violates the JSON Schema of answers, in plain loops."""
    if "anyOf" in schema:
        if all(list(violations(value, each, path)) for each in schema["anyOf"]):
            yield path
    elif schema["type"] == "object":
        if not isinstance(value, dict) or list(value) != schema["required"]:
            yield path
        else:
            for name, item in value.items():
                yield from violations(item, schema["properties"][name], f"{path}.{name}")
    elif schema["type"] == "array":
        for index, item in enumerate(value):
            yield from violations(item, schema["items"], f"{path}[{index}]")
    elif schema["type"] == "null":
        if value is not None:
            yield path
    elif not isinstance(value, str) or value not in schema.get("enum", [value]):
        yield path


def said(document):
    """What an answer says of a document, as sets of plain tuples."""

    def at(span):
        return span and (span.start, span.end)

    return (
        {(entity.label, at(entity)) for entity in document.entities},
        {
            (
                event.label,
                at(event.trigger),
                event.realis,
                frozenset((argument.role, at(argument)) for argument in event.arguments),
            )
            for event in document.events
        },
        {(a.label, at(a.source), at(a.cue), at(a.content)) for a in document.attributions},
    )


def make_document(draw):
    """A document over few words, so that many of them are equal, with annotations of all layers."""
    words = [draw.choice(["Ada", "Bo", "met", "a", "of"]) for _ in range(draw.randint(4, 9))]
    text, spans = "", []
    for word in words:
        text += draw.choice([" ", "\n", ", "]) if text else ""
        spans.append((len(text), len(text) + len(word)))
        text += word

    def span():
        first = draw.randrange(len(spans))
        last = min(first + draw.choice([0, 0, 1]), len(spans) - 1)
        return spans[first][0], spans[last][1]

    entities = {(draw.choice("AB"), *span()) for _ in range(draw.randint(0, 4))}
    events = []
    for _ in range(draw.randint(0, 2)):
        arguments = {(draw.choice("RS"), *span()) for _ in range(draw.randint(0, 3))}
        events.append(
            Event(
                draw.choice(["Go", "Stay"]),
                Span(*span()),
                tuple(Argument(*argument) for argument in sorted(arguments)),
                realis=draw.choice(["ACTUAL", "OTHER"]),
            )
        )
    attributions = [
        Attribution(
            Span(*span()),
            Span(*span()),
            draw.choice([None, Span(*span())]),
            draw.choice(["belief", "fact"]),
        )
        for _ in range(draw.randint(0, 2))
    ]
    return Document(
        "d", text, tuple(Entity(*each) for each in entities), tuple(events), tuple(attributions)
    )


def answer_random_document(seed):
    """A random document, the layers that it has, and its answer; None if it is refused."""
    document = make_document(random.Random(seed))
    layers = [layer for layer in ("entities", "events", "attributions") if getattr(document, layer)]
    if not layers:
        return None
    try:
        (example,) = build_examples(Corpus([document]), build_task(SCHEMA, layers=layers))
    except InputError:
        return None
    return document, layers, example


def test_most_random_documents_can_be_examples():
    assert sum(answer_random_document(seed) is not None for seed in range(60)) > 30


@pytest.mark.parametrize("seed", choose_quick(range(3000), 100))
def test_an_answer_has_the_form_of_its_schema_and_gives_back_the_annotations(seed):
    answered = answer_random_document(seed)
    if answered is None:
        return
    document, layers, example = answered
    task = build_task(SCHEMA, layers=layers)

    answer = json.loads(example.answer)
    assert list(violations(answer, build_answer_schema(task))) == []
    for quoted in re.findall(r'"quote": "(.*?)", "context": "(.*?)"', example.answer):
        quote, context = (json.loads(f'"{part}"') for part in quoted)
        assert quote in context
        assert context in document.text
    parsed = ground_answer(document.without_annotations(), answer).document
    all_layers = {"entities": (), "events": (), "attributions": ()}
    expected = {**all_layers, **{layer: getattr(document, layer) for layer in layers}}
    found = {**all_layers, **{layer: getattr(parsed, layer) for layer in layers}}
    assert said(Document("d", document.text, **found)) == said(
        Document("d", document.text, **expected)
    )


@pytest.mark.parametrize("text", choose_quick(map(" ".join, product(["Ada", "b"], repeat=5)), 8))
def test_a_span_is_accepted_if_any_context_of_words_tells_it_from_others(text):
    """All spans of a text of equal words, against every context of whole words."""
    words = text.split()
    edges = [match.span() for match in re.finditer(r"\S+", text)]
    task = ExtractionTask({"X": ""})
    for first in range(len(words)):
        for last in range(first, min(first + 2, len(words))):
            start, end = edges[first][0], edges[last][1]
            document = Document("d", text, (Entity("X", start, end),))
            can_be_told = False
            for left in range(first + 1):
                for right in range(last, len(words)):
                    context = text[edges[left][0] : edges[right][1]]
                    found = ground_quotes(text, [Quote(text[start:end], context)])[0]
                    is_clear = (found.start, found.end) == (start, end) and not found.candidates
                    can_be_told = can_be_told or is_clear
            if can_be_told:
                (example,) = build_examples(Corpus([document]), task)
                parsed = ground_answer(Document("d", text), json.loads(example.answer)).document
                assert parsed.entities == document.entities


def test_the_bundled_corpus_can_be_an_example():
    corpus = load_corpus()
    task = build_task(corpus.schema)

    (example,) = build_examples(corpus, task)

    answer = json.loads(example.answer)
    assert list(violations(answer, build_answer_schema(task))) == []
    parsed = ground_answer(corpus[0].without_annotations(), answer).document
    assert said(parsed) == said(corpus[0])
