"""`evalkit emulate` on the command line."""

import json

import pytest
from helpers.cli import run_evalkit

from evalkit import emulate

TEXT = "Ada Lovelace wrote to Charles Babbage."
GOLD = [(0, 12, "PER"), (22, 37, "PER")]
PREDICTED = [(4, 12, "PER"), (22, 37, "ORG")]


@pytest.fixture
def folder(tmp_path):
    for name, spans in (("gold", GOLD), ("predicted", PREDICTED)):
        entities = [{"start": start, "end": end, "label": label} for start, end, label in spans]
        line = json.dumps({"id": "d", "text": TEXT, "entities": entities}) + "\n"
        (tmp_path / f"{name}.jsonl").write_text(line)
    (tmp_path / "gold.conll").write_text("Ada B-PER\nmet O\nBob I-PER\n")
    (tmp_path / "predicted.conll").write_text("Ada B-PER\nmet O\nBob B-PER\n")
    return tmp_path


def test_the_command_prints_what_python_returns(folder):
    arguments = ("gold.jsonl", "predicted.jsonl", "--format", "json")
    done = run_evalkit("emulate", "nervaluate?tags=PER", *arguments, cwd=folder)

    assert done.returncode == 0, done.stderr
    emulated = emulate(
        "nervaluate", folder / "gold.jsonl", folder / "predicted.jsonl", tags=["PER"]
    )
    assert json.loads(done.stdout)["rows"] == emulated.rows


def test_invalid_tags_of_a_file_are_read_as_the_scorer_reads_them(folder):
    done = run_evalkit("emulate", "nervaluate", "gold.conll", "predicted.conll", cwd=folder)

    assert done.returncode == 0, done.stderr
    assert "What nervaluate 1.2.1 prints (1 sequence of tags)" in done.stdout
    strict = emulate("nervaluate", folder / "gold.conll", folder / "predicted.conll").rows[0]
    assert (strict["correct"], strict["f1"]) == (2, 1.0)


def test_documents_without_predictions_are_accepted_on_request(folder):
    (folder / "more.jsonl").write_text(
        (folder / "gold.jsonl").read_text() + '{"id": "e", "text": "Bob", "entities": []}\n'
    )
    arguments = ("emulate", "nervaluate", "more.jsonl", "predicted.jsonl")

    refused = run_evalkit(*arguments, cwd=folder)
    accepted = run_evalkit(*arguments, "--missing", "empty", cwd=folder)

    assert refused.returncode == 2
    assert "--missing empty" in refused.stderr
    assert accepted.returncode == 0
    assert "|missing:empty|" in accepted.stdout


def test_a_wrong_option_of_a_scorer_is_refused(folder):
    arguments = ("gold.jsonl", "predicted.jsonl")
    done = run_evalkit("emulate", "nervaluate?min_overlap_percentage=x", *arguments, cwd=folder)

    assert done.returncode == 2
    assert "min_overlap_percentage: invalid value 'x': expected a number" in done.stderr


def test_the_list_names_scorers_versions_and_options(folder):
    lines = run_evalkit("emulate", "--list", cwd=folder).stdout.splitlines()

    start = next(n for n, line in enumerate(lines) if line.startswith("nervaluate "))
    described = " ".join(" ".join(lines[start : start + 3]).split())
    assert "1.2.1" in described
    assert "(options: tags, min_overlap_percentage)" in described
    assert max(map(len, lines)) <= 80
