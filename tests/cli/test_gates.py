"""`--gate`, `--gate-file` and `--junit`: exit codes, messages and files."""

import json
from xml.etree import ElementTree as ET

import pytest
from helpers.cli import run_evalkit as evalkit

from evalkit import Corpus, Document, Entity, Scores

TEXT = "Ada met Bo."


@pytest.fixture
def files(tmp_path):
    gold = [Document(f"d{n}", TEXT, [Entity("PER", 0, 3), Entity("PER", 8, 10)]) for n in range(9)]
    said = [Document(f"d{n}", TEXT, [Entity("PER", 0, 3)]) for n in range(9)]
    Corpus(gold, name="gold").save(tmp_path / "gold.jsonl")
    Corpus(said, name="said").save(tmp_path / "said.jsonl")
    return tmp_path


def run_score(files, *options):
    return evalkit(
        "score", files / "gold.jsonl", files / "said.jsonl", "--metrics", "ner", *options
    )


def test_a_failed_gate_ends_with_code_5_after_the_report(files):
    done = run_score(
        files, "--gate", "ner>=0.80", "--gate", "ner.precision>=0.9", "-o", files / "r.md"
    )

    assert done.returncode == 5
    assert done.stderr == "gate failed: entities/strict F1 0.667 < 0.80\n"
    assert "| PER |" in (files / "r.md").read_text(encoding="utf-8")


def test_gates_that_are_passed_are_silent_and_saved(files):
    done = run_score(files, "--gate", "ner>=0.6", "--save", files / "r.json")

    assert (done.returncode, done.stderr) == (0, "")
    saved = json.loads((files / "r.json").read_text(encoding="utf-8"))
    assert saved["gates"] == [{"rule": "ner>=0.6", "value": 2 / 3, "passed": True}]
    (gate,) = Scores.load(files / "r.json").metadata.gates
    assert gate.passed
    assert (
        evalkit("verify", files / "r.json", files / "gold.jsonl", files / "said.jsonl").returncode
        == 0
    )
    assert evalkit("report", files / "r.json", "--gate", "ner>=0.7").returncode == 5


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("ner=>0.8", "did you mean 'ner>=0.8'?"),
        ("tri-c>=0.8", "unknown metric 'triggers/strict'"),
        ("ner: better", "needs two systems"),
    ],
)
def test_a_gate_that_cannot_be_checked_ends_with_code_2(files, rule, message):
    done = run_score(files, "--gate", rule)

    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_run_refuses_a_gate_before_the_model_runs(files):
    done = evalkit(
        "run", files / "gold.jsonl", "-m", f"exec:touch {files / 'ran'}", "--gate", "tri-c>=0.5"
    )

    assert done.returncode == 2
    assert "unknown metric 'triggers/strict'" in done.stderr
    assert not (files / "ran").exists()
    assert evalkit("run", "--metrics", "ner", "--gate", "ner>=0.9").returncode == 5


def test_a_file_of_gates_has_a_rule_a_line(files):
    (files / "gates.txt").write_text("# at least\n\nner>=0.6\n  ner[PER].recall >= 0.9\n")

    done = run_score(files, "--gate-file", files / "gates.txt")

    assert done.returncode == 5
    assert done.stderr == "gate failed: entities/strict[PER] recall 0.500 < 0.9\n"
    (files / "gates.txt").write_text("ner>=0.6\n\nner>0,5\n")
    refused = run_score(files, "--gate-file", files / "gates.txt")
    assert refused.returncode == 2
    assert refused.stderr.startswith(
        f"evalkit: {files / 'gates.txt'}:3: gate 'ner>0,5': invalid number"
    )
    assert run_score(files, "--gate-file", files / "none.txt").returncode == 2


def test_junit_has_a_case_for_each_gate(files):
    done = run_score(
        files, "--gate", "ner>=0.6", "--gate", "ner>=0.8", "--junit", files / "gates.xml"
    )

    assert done.returncode == 5
    suite = ET.fromstring((files / "gates.xml").read_text(encoding="utf-8"))  # noqa: S314
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    passed, failed = suite.findall("testcase")
    assert (passed.get("name"), passed.find("failure")) == ("ner>=0.6", None)
    assert passed.find("system-out").text == "0.666667"
    assert failed.find("failure").get("message") == "entities/strict F1 0.667 < 0.8"
    refused = run_score(files, "--junit", files / "gates.xml")
    assert refused.returncode == 2
    assert "there is no gate" in refused.stderr


def test_compare_has_gates_whose_base_is_the_first_system(files):
    for name in ("gold", "said"):
        evalkit(
            "score", files / "gold.jsonl", files / f"{name}.jsonl", "--save", files / f"{name}.json"
        )

    better = evalkit("compare", files / "said.json", files / "gold.json", "--gate", "ner: better")
    worse = evalkit(
        "compare", files / "gold.json", files / "said.json", "--gate", "ner: no worse by 0.01"
    )
    wrong = evalkit("compare", files / "gold.json", files / "said.json", "--gate", "ner>=0.5")

    assert better.returncode == 5  # all documents have the same difference: no interval
    assert "no interval of the difference (all documents have the same difference)" in better.stderr
    assert worse.returncode == 5
    assert wrong.returncode == 2
    assert "is about the scores of one system" in wrong.stderr


def test_a_margin_that_such_a_corpus_cannot_show_is_pointed_out(tmp_path):
    import random

    draw = random.Random(1)
    documents, systems = [], ([], [])
    for n in range(60):
        entities = [Entity("PER", 0, 3), Entity("PER", 8, 10)]
        documents.append(Document(f"d{n}", TEXT, entities))
        for system in systems:
            kept = [entity for entity in entities if draw.random() < 0.6]
            system.append(Document(f"d{n}", TEXT, kept))
    Corpus(documents).save(tmp_path / "gold.jsonl")
    for name, system in zip("ab", systems, strict=True):
        Corpus(system).save(tmp_path / f"{name}.jsonl")

    done = evalkit(
        "compare", tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--gold", tmp_path / "gold.jsonl",
        "--gate", "ner: no worse by 0.001",
    )  # fmt: skip

    assert "the margin is smaller than the minimum detectable difference" in done.stderr
