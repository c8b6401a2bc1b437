"""A language model is only prompted for the layers that the metrics need."""

import re

import pytest
from helpers.cli import run_evalkit
from helpers.endpoint import Endpoint, completion
from helpers.llm_runs import BOTH_LAYERS, corpus, options, record, save_with_events
from msgspec.structs import replace

from evalkit import Corpus, InputError, evaluate, load_model, predict
from evalkit.errors import UnknownNameError
from evalkit.scoring.metrics import list_document_layers


@pytest.fixture
def gold(tmp_path, monkeypatch):
    """A corpus with a schema of entities and events, and no key: a local server needs none."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    documents = [replace(document, events=()) for document in corpus("a", "b")]
    save_with_events(tmp_path, Corpus(documents, name="gold"))
    return tmp_path / "gold.jsonl"


def answering():
    return Endpoint(a=[completion(BOTH_LAYERS)] * 9, b=[completion(BOTH_LAYERS)] * 9)


def arguments(endpoint, **more):
    """The options of the model, with the labels of the schema."""
    return {**{name: v for name, v in options(endpoint).items() if name != "labels"}, **more}


def prompted_layers(endpoint):
    """The layers in the prompt of each request."""
    prompts = [body["messages"][0]["content"] for body in endpoint.bodies]
    return [re.findall(r'^(\w+) \("', prompt, re.MULTILINE) for prompt in prompts]


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ("ner", ["Entities"]),
        ("surfaces,entities/iou:0.5,tokens", ["Entities"]),
        ("entities:negated", ["Entities"]),
        ("tri-c,arg-c+,realis", ["Events"]),
        (["ner", "tri-c"], ["Entities", "Events"]),
        (["tri-c"], ["Events"]),
        (None, ["Entities", "Events"]),
    ],
    ids=str,
)
def test_evaluate_requests_the_layers_of_its_metrics(gold, metrics, expected):
    given = iter(metrics) if isinstance(metrics, list) else metrics

    with answering() as endpoint:
        evaluate(load_model("openai:test", **arguments(endpoint)), gold, given, boot=0)

    assert prompted_layers(endpoint) == [expected] * 2


@pytest.mark.parametrize("metrics", ["relations", "attributions"])
def test_all_layers_are_requested_if_the_schema_has_none_of_those_that_are_needed(gold, metrics):
    needed = list_document_layers(metrics)

    with answering() as endpoint:
        predict("openai:test", gold, needed_layers=needed, **arguments(endpoint))

    assert prompted_layers(endpoint) == [["Entities", "Events"]] * 2


def test_the_schema_of_the_answer_has_the_same_layers(gold):
    with answering() as endpoint:
        evaluate("openai:test", gold, "ner", model_args=arguments(endpoint))

    answer = endpoint.bodies[0]["response_format"]["json_schema"]["schema"]
    assert list(answer["properties"]) == ["entities"]


def test_layers_that_are_named_are_requested_whatever_the_metrics(gold):
    with answering() as endpoint:
        evaluate(
            "openai:test", gold, "ner", model_args=arguments(endpoint, layers="entities,events")
        )

    assert prompted_layers(endpoint) == [["Entities", "Events"]] * 2


def test_worker_processes_request_the_same_layers(gold):
    with answering() as endpoint:
        evaluate("openai:test", gold, "ner", jobs=2, model_args=arguments(endpoint))

    assert prompted_layers(endpoint) == [["Entities"]] * 2


def test_a_run_that_requested_more_is_used_as_it_is(gold, tmp_path):
    run_dir = tmp_path / "run"
    with answering() as endpoint:
        predict("openai:test", gold, run_dir=run_dir, limit=1, **arguments(endpoint))
        evaluate("openai:test", gold, "ner", run_dir=run_dir, model_args=arguments(endpoint))

    assert prompted_layers(endpoint) == [["Entities", "Events"]] * 2
    assert len(record(run_dir)["sessions"]) == 2


def test_a_run_that_requested_less_is_refused(gold, tmp_path):
    with answering() as endpoint:
        evaluate(
            "openai:test", gold, "ner", run_dir=tmp_path / "run", model_args=arguments(endpoint)
        )

        with pytest.raises(
            InputError, match=r"layers: \['entities'\], now \['entities', 'events'\]"
        ):
            predict("openai:test", gold, run_dir=tmp_path / "run", **arguments(endpoint))


def test_answers_that_are_parsed_again_have_the_layers_that_were_requested(gold, tmp_path):
    with answering() as endpoint:
        evaluate(
            "openai:test", gold, "ner", run_dir=tmp_path / "run", model_args=arguments(endpoint)
        )

    again = predict("openai:test", gold, run_dir=tmp_path / "run", reparse=True)

    assert [(len(document.entities), document.events) for document in again] == [(1, None)] * 2


def test_an_unknown_metric_is_refused_before_anything_is_requested(gold):
    with answering() as endpoint, pytest.raises(UnknownNameError, match="unknown metric 'nerd'"):
        evaluate("openai:test", gold, "nerd", model_args=arguments(endpoint))

    assert endpoint.total == 0


@pytest.mark.parametrize("command", ["run", "predict"])
def test_commands_request_the_layers_of_their_metrics(gold, command):
    with answering() as endpoint:
        done = run_evalkit(
            command,
            gold,
            "-m",
            "openai:test",
            "-a",
            f"base_url={endpoint.url}",
            "--metrics",
            "tri-c",
        )

    assert done.returncode == 0, done.stderr
    assert prompted_layers(endpoint) == [["Events"]] * 2


def test_show_prompt_shows_the_prompt_of_the_metrics_without_a_key(gold):
    shown = run_evalkit("predict", gold, "-m", "openai:test", "--show-prompt", "--metrics", "ner")

    assert shown.returncode == 0, shown.stderr
    assert 'Entities ("entities")' in shown.stdout
    assert "Events" not in shown.stdout


def test_metrics_do_not_change_what_another_model_does(gold):
    done = run_evalkit("predict", gold, "-m", "rules", "--metrics", "tri-c")

    assert done.returncode == 0, done.stderr
    assert done.stdout == run_evalkit("predict", gold, "-m", "rules").stdout
