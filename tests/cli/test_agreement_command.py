"""`evalkit agreement` on the command line."""

import json
import subprocess
import sys

import pytest
from helpers.cli import run_evalkit

from evalkit import agreement

TEXT = "Ada Lovelace wrote to Charles Babbage of the Royal Society of London in 1843."
A = [(0, 12, "PER"), (22, 37, "PER"), (45, 68, "ORG"), (72, 76, "DATE")]
B = [(0, 12, "PER"), (22, 37, "ORG"), (45, 58, "ORG"), (62, 68, "LOC")]


@pytest.fixture
def folder(tmp_path):
    for name, spans in (("a", A), ("b", B)):
        entities = [{"start": start, "end": end, "label": label} for start, end, label in spans]
        lines = [{"id": f"d{n}", "text": TEXT, "entities": entities} for n in range(3)]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / f"{name}.jsonl").write_text(text)
    return tmp_path


def test_the_command_prints_what_python_returns(folder):
    done = run_evalkit("agreement", "ann=a.jsonl", "b.jsonl", "--measures", "f1,gamma", cwd=folder)

    found = agreement(ann=folder / "a.jsonl", b=folder / "b.jsonl", measures=["f1", "gamma"])
    assert done.returncode == 0, done.stderr
    assert done.stdout == found.render() + "\n"
    assert "Agreement of ann and b on 3 documents" in done.stdout
    assert "entities/strict   0.250" in done.stdout
    assert "expected disorder: mean of 30 random corpora, seed 12345" in done.stdout


def test_agree_is_another_name(folder):
    arguments = ("a.jsonl", "b.jsonl", "--measures", "kappa")

    assert run_evalkit("agree", *arguments, cwd=folder).stdout == (
        run_evalkit("agreement", *arguments, cwd=folder).stdout
    )
    assert "agree " not in run_evalkit("--help").stdout


@pytest.mark.parametrize("suffix", ["md", "json", "csv", "tex", "html", "txt"])
def test_the_suffix_of_the_output_sets_the_format(folder, suffix):
    done = run_evalkit("agreement", "a.jsonl", "b.jsonl", "-o", f"out.{suffix}", cwd=folder)

    assert (done.returncode, done.stdout) == (0, "")
    text = (folder / f"out.{suffix}").read_text()
    assert ("0.250" if suffix not in ("json", "csv") else "0.25") in text


def test_a_saved_result_has_all_numbers_and_signatures(folder):
    done = run_evalkit("agreement", "a.jsonl", "b.jsonl", "--save", "r.json", cwd=folder)

    data = json.loads((folder / "r.json").read_text())
    assert done.returncode == 0
    assert [each["name"] for each in data["annotators"]] == ["a", "b"]
    assert data["pairs"][0]["f1"] == 0.25
    signature = data["signature"]["entities/strict"]
    assert signature["docs"] == "3/3"
    assert signature["annotators"].startswith("a@")
    assert signature["duplicates"] == "drop"


def test_labels_and_percent(folder):
    options = ("--labels", "PER", "--label-map", "ORG=PER", "--percent", "--measures", "f1")

    done = run_evalkit("agreement", "a.jsonl", "b.jsonl", *options, cwd=folder)

    # 0-12, 22-37 of three each: ORG counts as PER.
    assert ["entities/strict", "66.7"] in [line.split()[:2] for line in done.stdout.splitlines()]
    assert "labels:PER" in done.stdout


def test_models_are_consistent(folder):
    done = run_evalkit("agreement", "a.jsonl", "b.jsonl", "--models", cwd=folder)

    assert done.stdout.startswith("Consistency of a and b")
    assert "Agreement F1" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.jsonl"], "the format jsonl has one annotator"),
        (["a.jsonl", "missing.jsonl"], "no such file"),
        (["a.jsonl", "b.jsonl", "--measures", "kapa"], "unknown measure 'kapa'; expected"),
        (["a.jsonl", "b.jsonl", "--layer", "relations"], "unknown layer 'relations' in '--layer'"),
        (["a.jsonl", "b.jsonl", "-o", "a.jsonl"], "reads or writes this file already"),
        (["a.jsonl,b.jsonl", "b.jsonl"], "several files of one annotator"),
        (["a.jsonl", "b.jsonl", "--layer", "triggers"], "leave them out with --measures f1"),
    ],
)
def test_wrong_input_is_answered_in_a_line(folder, arguments, message):
    done = run_evalkit("agreement", *arguments, cwd=folder)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_score_loads_no_module_of_agreement():
    code = (
        "import sys; import evalkit.cli.score_commands;"
        "print([name for name in sys.modules if 'agreement' in name or 'adjudic' in name])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
