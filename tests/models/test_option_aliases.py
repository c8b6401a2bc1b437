"""Former names of the options of models are accepted, and are shown nowhere."""

import inspect
import json
import warnings
from importlib import import_module

import pytest
from helpers.cli import run_evalkit as evalkit

from evalkit import Corpus, Document, Entity, InputError, evaluate, load_model, predict
from evalkit.inference.run_record import restore_former_names
from evalkit.models.option_descriptions import describe_option
from evalkit.models.option_names import MODEL_OPTION_ALIASES, resolve_model_options
from evalkit.models.registry import MODEL_KINDS, Model

CASES = [
    pytest.param(kind, former, name, id=f"{kind}-{former}-{name}")
    for kind, aliases in MODEL_OPTION_ALIASES.items()
    for former, name in aliases.items()
]
LOCAL = {"base_url": "http://127.0.0.1:9/v1", "labels": "PER"}


@pytest.mark.parametrize(("kind", "former", "name"), CASES)
def test_a_former_name_is_replaced_with_one_warning(kind, former, name):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        options = resolve_model_options(kind, {"seed": 1, former: "some"})

    assert options == {"seed": 1, name: "some"}
    assert [str(warning.message) for warning in caught] == [
        f"{former}= is deprecated: write {name}="
    ]
    assert (caught[0].category, caught[0].filename) == (DeprecationWarning, __file__)


@pytest.mark.parametrize(("kind", "former", "name"), CASES)
def test_an_option_under_both_names_is_an_error(kind, former, name):
    for names in ((former, name), (name, former)):
        with pytest.raises(
            InputError, match=f"{former}= is the former name of {name}=; give one of them"
        ):
            resolve_model_options(kind, dict.fromkeys(names, "some"))


@pytest.mark.parametrize(("kind", "former", "name"), CASES)
def test_help_has_the_present_name_alone(kind, former, name):
    load = import_module(f"evalkit.models.{MODEL_KINDS[kind].module}").load
    options = inspect.signature(load).parameters

    assert name in options
    assert former not in options
    assert describe_option(kind, name)
    assert not describe_option(kind, former)


@pytest.mark.parametrize(("kind", "former", "name"), CASES)
def test_settings_of_an_earlier_version_are_recognized(kind, former, name):
    aliases = MODEL_OPTION_ALIASES[kind]

    assert restore_former_names({name: 1, "seed": 2}, {former: 1, "seed": 2}, aliases) == {
        former: 1,
        "seed": 2,
    }
    assert restore_former_names({name: 1}, {name: 1}, aliases) == {name: 1}


def test_a_former_name_does_what_the_present_one_does():
    with pytest.warns(DeprecationWarning, match="structure= is deprecated") as caught:
        former = load_model("openai:test", structure="text", **LOCAL)
    present = load_model("openai:test", response_format="text", **LOCAL)

    assert len(caught) == 1
    assert former.settings == present.settings
    assert former.load_spec == present.load_spec


def test_a_former_name_is_one_line_on_the_command_line(tmp_path):
    Corpus([Document("d", "Ada", (Entity("PER", 0, 3),))]).save(tmp_path / "gold.jsonl")
    arguments = [str(tmp_path / "gold.jsonl"), "-m", "openai:test", "-a", "labels=PER"]
    arguments += ["-a", "base_url=http://127.0.0.1:9/v1", "-a", "backoff=0"]

    run = evalkit("predict", *arguments, "-a", "retries=0")
    both = evalkit("predict", *arguments, "-a", "retries=0", "-a", "max_retries=0")

    assert run.stderr.splitlines()[0] == (
        "evalkit: -a retries= is deprecated: write -a max_retries="
    )
    assert run.stderr.count("deprecated") == 1
    assert both.returncode == 2
    assert both.stderr == (
        "evalkit: -a retries= is the former name of -a max_retries=; give one of them\n"
    )


def test_help_does_not_list_the_key():
    run = evalkit("models", "openai")

    assert "api_key_env=OPENAI_API_KEY" in run.stdout
    assert "api_key " not in run.stdout


def ada(text, label="PER"):
    return [(0, 3, label)]


GOLD = [Document("d", "Ada left", (Entity("ORG", 0, 3),))]


def test_the_options_of_a_model_may_be_given_as_model_args():
    assert evaluate(ada, GOLD, model_args={"label": "ORG"})["entities/strict"].micro.f1 == 1
    assert predict(ada, GOLD, model_args={"label": "ORG"})[0].entities == GOLD[0].entities
    with pytest.raises(InputError, match="label is given as keyword and in model_args"):
        predict(ada, GOLD, model_args={"label": "ORG"}, label="PER")


def test_arguments_is_the_former_name_of_model_args():
    with pytest.warns(DeprecationWarning, match="arguments= is deprecated: write model_args="):
        scores = evaluate(ada, GOLD, arguments={"label": "ORG"})

    assert scores["entities/strict"].micro.f1 == 1
    with pytest.raises(InputError, match="arguments= is the former name of model_args="):
        evaluate(ada, GOLD, arguments={"label": "ORG"}, model_args={"label": "ORG"})


def counting_model(settings, aliases):
    """A model with these settings, and the list of the documents that it was given."""
    seen = []

    def answer(documents):
        for document in documents:
            seen.append(document.id)
            yield Document(document.id, document.text, entities=())

    return Model("m", answer, settings=settings, setting_aliases=aliases), seen


def test_a_run_directory_of_an_earlier_version_is_resumed(tmp_path):
    aliases = {"flat": "flat_ner"}
    before, _ = counting_model({"flat": True, "threshold": 0.5}, {})
    now, seen = counting_model({"flat_ner": True, "threshold": 0.5}, aliases)
    other, _ = counting_model({"flat_ner": False, "threshold": 0.5}, aliases)

    first = predict(before, GOLD, run_dir=tmp_path / "run")
    second = predict(now, GOLD, run_dir=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())

    assert seen == []
    assert list(second) == list(first)
    assert record["settings"] == {"flat": True, "threshold": 0.5}
    with pytest.raises(InputError, match="holds another run: flat: True, now False"):
        predict(other, GOLD, run_dir=tmp_path / "run")
