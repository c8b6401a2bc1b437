"""Gold that is passed through a kind of model scores 1.0 on every layer that the kind gives; other
packages bring kinds of their own.
"""

import json
import os
import subprocess
import sys

import pytest
from helpers.cli import run_evalkit

from evalkit import evaluate, load_corpus

ENTITIES = ["entities/strict", "entities/exact", "entities/partial", "entities/type"]
TRIGGERS = ["triggers/exact", "triggers/strict"]
EVERYTHING = [
    *ENTITIES,
    *TRIGGERS,
    "arguments/exact",
    "arguments/strict",
    "attached-arguments/exact",
    "attached-arguments/strict",
    "attributions/type",
    "attributions/strict",
    "attribution-relations/type",
    "attribution-relations/strict",
]

MODELS = """
from evalkit import load_corpus

GOLD = {document.text: document for document in load_corpus()}


def whole(text):
    return GOLD[text]


def triples(text):
    return [(entity.start, entity.end, entity.label) for entity in GOLD[text].entities]


def dicts(text):
    return [{"start": e.start, "end": e.end, "entity_group": e.label, "score": 0.9, "word": text[e.start:e.end]} for e in GOLD[text].entities]


class Estimator:
    def fit(self, documents, y=None):
        return self

    def predict(self, documents):
        return [triples(document.text) for document in documents]


fitted = Estimator().fit([])
"""  # noqa: E501
PROGRAM = f"""#!{sys.executable}
import json, sys

gold = {{document["id"]: document for document in map(json.loads, open("gold.jsonl", encoding="utf-8"))}}
for line in sys.stdin:
    print(json.dumps({{**gold[json.loads(line)["id"]], "text": json.loads(line)["text"]}}))
"""  # noqa: E501
COMPONENT = """
from spacy.language import Language
from evalkit import load_corpus

GOLD = {document.text: document for document in load_corpus()}


@Language.component("golden")
def golden(doc):
    gold = GOLD[doc.text]
    doc.ents = [doc.char_span(entity.start, entity.end, label=entity.label) for entity in gold.entities]
    doc.spans["events"] = [doc.char_span(event.trigger.start, event.trigger.end, label=event.label) for event in gold.events]
    return doc
"""  # noqa: E501
KIND = """
from evalkit import Document, load_corpus

GOLD = {document.text: document for document in load_corpus()}


def load(what, *, answer="all"):
    if what != "gold":
        return lambda text: []
    return lambda text: GOLD[text] if answer == "all" else []


not_callable = 7
"""


def distribution(folder, name, entry_points):
    """What pip leaves of an installed package, beside its module."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working folder with gold in every form, and a folder of installed packages in it."""
    here = tmp_path_factory.mktemp("kinds")
    (installed := here / "installed").mkdir()
    load_corpus().save(here / "gold.jsonl")
    (here / "models.py").write_text(MODELS)
    (here / "mine").mkdir()
    (here / "mine" / "golden.py").write_text(MODELS)
    (here / "program.py").write_text(PROGRAM)
    (here / "program.py").chmod(0o755)
    (installed / "golden_component.py").write_text(COMPONENT)
    distribution(
        installed, "golden_component", "[spacy_factories]\ngolden = golden_component:golden\n"
    )
    (installed / "echo_kind.py").write_text(KIND)
    distribution(
        installed,
        "echo_kind",
        "[evalkit.models]\necho = echo_kind:load\nbroken = no_such_module:load\nempty ="
        " echo_kind:nothing\nseven = echo_kind:not_callable\nrules = echo_kind:load\n",
    )
    return here


@pytest.fixture(scope="module")
def pipeline(folder):
    """A spaCy pipeline on disk whose component sets gold."""
    code = "import spacy; nlp = spacy.blank('en'); nlp.add_pipe('golden'); nlp.to_disk('pipeline')"
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "installed")},
        check=True,
    )
    return "spacy:pipeline"


def evalkit(folder, *arguments):
    environment = {"PYTHONPATH": str(folder / "installed")}
    return run_evalkit(*arguments, cwd=folder, env=environment)


def micro_f1(done):
    return {
        row["metric"]: row["f1"]
        for row in json.loads(done.stdout)["rows"]
        if row["average"] == "micro"
    }


@pytest.mark.parametrize(
    "model",
    [
        "models.py:whole",
        "models:whole",
        "mine.golden:whole",
        "exec:./program.py",
        "exec:'" + sys.executable + "' program.py",
        "predictions:gold.jsonl",
        "echo:gold",
    ],
)
def test_gold_scores_1_through_every_kind_that_gives_all_layers(model, folder):
    done = evalkit(folder, "run", "-m", model, "--boot", "0", "--format", "json")

    assert (done.returncode, done.stderr) == (0, "")
    assert micro_f1(done) == dict.fromkeys(EVERYTHING, 1.0)


@pytest.mark.parametrize(
    "model",
    [
        "models.py:triples",
        "models.py:dicts",
        "models.py:Estimator",
        "models.py:fitted",
        "mine.golden:fitted",
    ],
)
def test_gold_scores_1_through_every_kind_that_gives_entities(model, folder):
    done = evalkit(folder, "run", "-m", model, "--boot", "0", "--format", "json")

    assert (done.returncode, done.stderr) == (0, "")
    assert micro_f1(done) == dict.fromkeys(ENTITIES, 1.0)


@pytest.mark.slow
def test_gold_scores_1_through_a_spacy_pipeline_that_was_saved(pipeline, folder):
    entities = evalkit(folder, "run", "-m", pipeline, "--boot", "0", "--format", "json")
    both = evalkit(
        folder,
        "run",
        "-m",
        pipeline,
        "-a",
        "triggers=events",
        "--metrics",
        ",".join([*ENTITIES, *TRIGGERS]),
        "--boot",
        "0",
        "--format",
        "json",
    )

    assert (entities.returncode, entities.stderr) == (0, "")
    assert micro_f1(entities) == dict.fromkeys(ENTITIES, 1.0)
    assert micro_f1(both) == dict.fromkeys([*ENTITIES, *TRIGGERS], 1.0)


def test_gold_scores_1_through_a_spacy_pipeline_that_is_an_object():
    import spacy

    gold, nlp = load_corpus(), spacy.blank("en")

    @spacy.language.Language.component("golden_here")
    def golden(doc):
        doc.ents = [
            doc.char_span(entity.start, entity.end, label=entity.label)
            for entity in gold[0].entities
        ]
        return doc

    nlp.add_pipe("golden_here")
    scores = evaluate(nlp, gold, boot=0)

    assert {name: scores[name].micro.f1 for name in scores} == dict.fromkeys(ENTITIES, 1.0)


def test_gold_scores_1_through_objects_in_python():
    gold = load_corpus()

    class Estimator:
        def predict(self, documents):
            return [gold[document.id] for document in documents]

    for model in (Estimator(), lambda text: gold[0]):
        scores = evaluate(model, gold, boot=0)
        assert {name: scores[name].micro.f1 for name in scores} == dict.fromkeys(EVERYTHING, 1.0)


def test_the_kinds_are_listed_with_those_of_other_packages(folder):
    done = evalkit(folder, "models")

    named = [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert (done.returncode, done.stderr) == (0, "")
    assert named[:2] == ["rules", "spacy:NAME"]
    assert {
        "exec:COMMAND",
        "predictions:FILE",
        "FILE.py:FUNCTION",
        "PACKAGE.MODULE:FUNCTION",
    } < set(named)
    assert [
        name for name in named if name.partition(":")[0] in ("echo", "broken", "empty", "seven")
    ] == ["echo:NAME", "broken:NAME", "empty:NAME", "seven:NAME"]
    assert " from echo_kind: echo_kind:load" in " ".join(done.stdout.split())


def test_a_kind_of_another_package_cannot_take_the_name_of_one_of_evalkits_own(folder):
    listed, ran = evalkit(folder, "models"), evalkit(folder, "predict", "-m", "rules")

    lines = [line for line in listed.stdout.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines].count("rules") == 1
    assert ran.stdout == evalkit(folder.parent, "predict", "-m", "rules").stdout


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            "broken:x",
            (
                "evalkit: broken: no_such_module:load cannot be loaded: ModuleNotFoundError: No"
                " module named 'no_such_module'"
            ),
        ),
        (
            "empty:x",
            (
                "evalkit: empty: echo_kind:nothing cannot be loaded: AttributeError: module"
                " 'echo_kind' has no attribute 'nothing'"
            ),
        ),
        ("seven:x", "evalkit: seven: echo_kind:not_callable is 7: expected a function"),
    ],
)
def test_a_kind_that_is_broken_is_named(model, message, folder):
    done = evalkit(folder, "run", "-m", model)

    assert done.returncode != 0
    assert (done.stdout, done.stderr) == ("", f"{message}\n")


def test_a_kind_of_another_package_takes_its_arguments_and_no_others(folder):
    none = evalkit(
        folder,
        "run",
        "-m",
        "echo:gold",
        "-a",
        "answer=none",
        "--metrics",
        "entities/strict",
        "--boot",
        "0",
        "--format",
        "json",
    )
    unknown = evalkit(folder, "run", "-m", "echo:gold", "-a", "speed=3")

    assert micro_f1(none) == {"entities/strict": 0.0}
    assert (unknown.returncode, unknown.stderr) == (
        2,
        "evalkit: unknown argument 'speed' in 'echo models'; expected one of: answer\n",
    )


@pytest.mark.parametrize(
    ("model", "nearest"),
    [
        ("spcy:x", "spacy:NAME"),
        ("execc:./program.py", "exec:COMMAND"),
        ("prediction:gold.jsonl", "predictions:FILE"),
        ("ecko:gold", "echo:NAME"),
        ("rule", "rules"),
    ],
)
def test_a_kind_that_is_misspelt_is_answered_with_the_nearest(model, nearest, folder):
    done = evalkit(folder, "run", "-m", model)

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith(f"evalkit: unknown kind of model '{model.partition(':')[0]}'")
    assert done.stderr.endswith(f"did you mean '{nearest}'?\n")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-m", "exec:./nowhere"], 2, "evalkit: exec:./nowhere: no program './nowhere' there"),
        (
            ["-m", "exec:cat", "-a", "timeout=soon"],
            2,
            "evalkit: exec: -a timeout=soon: expected a number of seconds > 0",
        ),
        (
            ["-m", "exec:cat", "-a", "speed=3"],
            2,
            "evalkit: unknown argument 'speed' in 'exec models'; expected one of: timeout, ground",
        ),
    ],
)
def test_a_program_that_cannot_be_used_is_one_line(arguments, code, message, folder):
    done = evalkit(folder, "run", *arguments)

    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"{message}\n")


def test_a_program_that_fails_is_a_run_that_ended_in_part(folder):
    done = evalkit(folder, "run", "-m", "exec:false")

    assert done.returncode == 4
    assert "no answer: the program ended with exit status 1" in done.stdout


def test_a_run_is_not_resumed_with_a_changed_program(folder):
    (folder / "changed.py").write_text(PROGRAM)
    model = f"exec:{sys.executable} changed.py"
    first, again = (evalkit(folder, "run", "-m", model, "--run-dir", "runs") for _ in range(2))
    (folder / "changed.py").write_text(PROGRAM + "# another\n")
    changed = evalkit(folder, "run", "-m", model, "--run-dir", "runs")

    assert (first.returncode, again.returncode, again.stdout) == (0, 0, first.stdout)
    assert changed.returncode == 2
    assert changed.stderr.startswith("evalkit: runs: holds another run: ")
    assert "sha256" in changed.stderr
