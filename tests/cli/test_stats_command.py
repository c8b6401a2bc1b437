"""evalkit stats: what a corpus holds, two corpora side by side, and the documents needed."""

import json

import pytest
from helpers.cli import run_evalkit as evalkit
from helpers.perturbed import perturbed

from evalkit import Corpus, Document, Entity


@pytest.fixture
def paths(tmp_path):
    gold, predicted = perturbed(30, 4)
    gold.save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "system.jsonl")
    return tmp_path / "gold.jsonl", tmp_path / "system.jsonl"


def test_the_default_is_the_bundled_corpus():
    run = evalkit("stats")

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("evalkit-news: 1 document, 2,696 characters;")
    assert "Attributions by part" in run.stdout
    assert "to detect" not in run.stdout


def test_the_command_prints_what_python_renders(paths):
    gold, _ = perturbed(30, 4)

    assert evalkit("stats", paths[0]).stdout == gold.stats().render() + "\n"
    for options, keywords in (
        (("--percent", "--digits", "2"), {"percent": True, "digits": 2}),
        (("--format", "csv"), {"format": "csv"}),
        (("--format", "json"), {"format": "json"}),
    ):
        assert evalkit("stats", paths[0], *options).stdout == gold.stats().render(**keywords) + "\n"


def test_detect_gives_the_number_of_documents(paths):
    gold, predicted = perturbed(30, 4)

    alone = evalkit("stats", paths[0], "--detect", "0.03").stdout.splitlines()
    measured = evalkit("stats", *paths, "--detect", "0.03").stdout.splitlines()

    assert alone[-1] == gold.stats().documents_needed(0.03).describe()
    assert measured[-1] == gold.stats().documents_needed(0.03, predicted).describe()
    assert measured[0] == "system as predictions for gold: the same documents"
    assert measured[1].startswith("gold: 30 documents")
    assert measured[3].startswith("predicted: 30 documents")


def test_json_has_the_number_of_documents(paths):
    run = evalkit("stats", *paths, "--detect", "0.03", "--format", "json")

    data = json.loads(run.stdout)
    assert [each["corpus"] for each in data["corpora"]] == ["gold", "predicted"]
    assert [each["name"] for each in data["corpora"]] == ["gold", "system"]
    (needed,) = data["documents_needed"]
    assert (needed["corpus"], needed["needed"], needed["available"]) == ("gold", 433, 30)


def test_other_documents_are_shown_side_by_side(paths, tmp_path):
    gold, _ = perturbed(30, 4)
    first = gold[0]
    train = [
        Document("t1", "Oslo", [Entity("A", 0, 4)]),
        Document("t2", first.text, [Entity("B", 0, 3)]),
    ]
    (tmp_path / "train").mkdir()
    Corpus(train).save(tmp_path / "train/gold.jsonl")

    run = evalkit("stats", paths[0], tmp_path / "train/gold.jsonl", "--detect", "0.05")

    lines = run.stdout.splitlines()
    assert run.returncode == 0
    # All documents of `perturbed` have one text.
    assert lines[0] == "with the same text in gold-2: 30 documents of gold"
    assert any(line.startswith("gold-2: 2 documents, ") for line in lines)
    assert lines[-2].startswith("gold: to detect a difference of 0.05 in micro F1")
    assert lines[-1].startswith("gold-2: to detect a difference of 0.05 in micro F1")


@pytest.mark.parametrize("value", ["0", "1", "2", "-0.1", "nan"])
def test_a_difference_outside_0_and_1_is_refused(paths, value):
    run = evalkit("stats", paths[0], "--detect", value)

    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith("evalkit: invalid --detect ")
    assert run.stderr.endswith(": expected a difference of F1 between 0 and 1, such as 0.02\n")


def test_a_page_is_written_where_the_file_has_its_suffix(paths, tmp_path):
    page = tmp_path / "stats.html"

    run = evalkit("stats", *paths, "--detect", "0.1", "-o", page)

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "system as predictions for gold: the same documents" in text
    assert "documents like these 30 are needed" in text or "suffice" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.jsonl",), "nowhere.jsonl: no such file or folder"),
        (("{gold}", "nowhere.jsonl"), "nowhere.jsonl: no such file or folder"),
        (("{gold}", "-o", "stats.xyz"), "-o stats.xyz: unknown suffix '.xyz'"),
        (("{gold}", "-o", "{gold}"), "the command reads or writes this file already"),
    ],
)
def test_what_cannot_be_read_or_written_is_refused(paths, arguments, message):
    words = [word.format(gold=paths[0]) for word in arguments]

    run = evalkit("stats", *words)

    assert (run.returncode, run.stdout) == (2, "")
    assert message in run.stderr
    assert "Traceback" not in run.stderr
