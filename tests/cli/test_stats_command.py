"""evalkit stats: what a corpus holds, two corpora side by side, and the documents needed."""

import json
import subprocess
import sys

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
    assert run.stdout.startswith("evalkit-news: 1 document, 2,696 characters\n")
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
    assert measured[4].startswith("predicted: 30 documents")


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
    assert lines[0] == (
        "Warning: 1 document of gold-2 has the text of a document of gold: leakage, if one of them"
        " is training data"
    )
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


def test_examples_are_asked_for_or_left_out(paths):
    gold, _ = perturbed(30, 4)
    text = gold[0].text

    four = evalkit("stats", paths[0], "--examples", "4").stdout
    context = evalkit("stats", paths[0], "--examples", "1", "--context").stdout
    without = evalkit("stats", paths[0], "--no-text").stdout

    assert "Entities: most frequent surface forms\n" in four
    assert "most frequent (count)" not in evalkit("stats", paths[0], "--examples", "0").stdout
    assert "Entities in context\n" in context
    assert "most frequent (count)" not in without
    for word in text.replace(".", "").split():
        assert word not in without
    assert four == gold.stats().render(examples=4) + "\n"
    assert context == gold.stats().render(examples=1, context=True) + "\n"
    assert without == gold.stats().render(no_text=True) + "\n"


@pytest.mark.parametrize("format", ["json", "csv", "markdown", "latex", "html"])
def test_no_format_holds_text_where_it_is_left_out(tmp_path, format):
    entities = [Entity("PER", 0, 6), Entity("LOC", 0, 6)]
    Corpus([Document("d", "Secret text", entities)]).save(tmp_path / "c.jsonl")

    run = evalkit("stats", tmp_path / "c.jsonl", "--no-text", "--format", format)

    assert (run.returncode, run.stderr) == (0, "")
    assert "Secret" not in run.stdout
    assert "PER" in run.stdout


def test_the_report_is_the_page_that_the_output_would_be(paths, tmp_path):
    pages = [tmp_path / name for name in ("output.html", "report.html", "report.md")]

    evalkit("stats", *paths, "-o", pages[0])
    run = evalkit("stats", *paths, "--report", pages[1])
    evalkit("stats", *paths, "--report", pages[2])

    assert run.stdout.startswith("system as predictions for gold: the same documents\n")
    assert pages[0].read_text(encoding="utf-8") == pages[1].read_text(encoding="utf-8")
    assert "<h1" in pages[0].read_text(encoding="utf-8")
    markdown = evalkit("stats", *paths, "--format", "markdown").stdout
    assert pages[2].read_text(encoding="utf-8") == markdown
    refused = evalkit("stats", *paths, "--report", "report.txt")
    assert refused.returncode == 2
    assert "--report report.txt: expected a name that ends in .html or .md" in refused.stderr


def test_html_on_the_screen_is_the_plain_table(paths):
    run = evalkit("stats", paths[0], "--format", "html")

    assert run.stdout.startswith("<!doctype html>")
    assert "<h1" not in run.stdout


def test_duplicates_are_counted_and_not_refused(tmp_path):
    entities = [Entity("PER", 0, 3), Entity("PER", 0, 3)]
    Corpus([Document("d", "Ann left", entities)]).save(tmp_path / "c.jsonl")

    run = evalkit("stats", tmp_path / "c.jsonl")

    assert (run.returncode, run.stderr) == (0, "")
    assert "label  duplicates\n" in run.stdout


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"id": "a", "text": "x", "entities": [{"label": "A", "start": 0, "end": 9}]}'], ":1: "),
        (['{"id": "a", "text": "x"}', '{"id": "a", "text": "y"}'], ":2: id: duplicate id 'a'"),
        (['{"id": "a", "text": " "}'], "no text in any document"),
        (["not json"], ":1: "),
        (['{"tokens": ["a"], "ner": []}'], ":1: "),
    ],
)
def test_an_invalid_file_is_refused_as_it_is_elsewhere(tmp_path, lines, message):
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    run = evalkit("stats", path)
    other = evalkit("run", path)

    assert (run.returncode, run.stdout) == (2, "")
    assert message in run.stderr
    assert run.stderr == other.stderr


def test_context_without_text_is_refused():
    run = evalkit("stats", "--context", "--no-text")

    assert run.returncode == 2
    assert "--context: shows text, which --no-text leaves out; give one of them" in run.stderr


def test_json_of_two_corpora_has_their_differences(paths, tmp_path):
    (tmp_path / "test").mkdir()
    Corpus([Document("t1", "Oslo", [Entity("A", 0, 4)])]).save(tmp_path / "test/test.jsonl")

    data = json.loads(
        evalkit("stats", paths[0], tmp_path / "test/test.jsonl", "--format", "json").stdout
    )

    assert (data["differences"]["first"], data["differences"]["second"]) == ("gold", "test")
    assert data["differences"]["rows"][-1]["unseen_share"] == 1.0
    assert [each["surface"] for each in data["corpora"][1]["examples"]] == ["Oslo"]


@pytest.mark.slow
def test_a_large_file_is_not_held(tmp_path):
    path = tmp_path / "large.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(400):
            text = f"Ann met {number} " + "x" * 100_000
            line = {"id": f"d{number}", "text": text}
            file.write(
                json.dumps(line | {"entities": [{"label": "PER", "start": 0, "end": 3}]}) + "\n"
            )
    program = (
        "import resource, sys; from pathlib import Path; from evalkit.corpus import open_corpus;"
        "stats = open_corpus(sys.argv[1]).stats();"
        "print(stats.documents, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def peak(file):
        run = subprocess.run(
            [sys.executable, "-c", program, file], capture_output=True, text=True, check=True
        )
        return [int(word) for word in run.stdout.split()]

    small = tmp_path / "small.jsonl"
    small.write_text(path.read_text(encoding="utf-8").partition("\n")[0] + "\n", encoding="utf-8")

    assert path.stat().st_size > 40_000_000
    (one, least), (many, most) = peak(small), peak(path)
    assert (one, many) == (1, 400)
    assert most - least < 15_000
