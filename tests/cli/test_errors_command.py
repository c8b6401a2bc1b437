"""evalkit errors, and --save-errors of run and score."""

import json

import pytest
from helpers.cli import run_evalkit as evalkit
from helpers.perturbed import perturbed

from evalkit import Corpus, Document, Scores, score


@pytest.fixture
def paths(tmp_path):
    gold, predicted = perturbed(30, 4)
    gold.save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "said.jsonl")
    return tmp_path / "gold.jsonl", tmp_path / "said.jsonl"


@pytest.fixture
def scores(paths):
    return score(*paths)


@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        ((), {}),
        (("--examples", "2", "--percent"), {"examples": 2, "percent": True}),
        (("--format", "csv"), {"format": "csv"}),
        (("--format", "json"), {"format": "json"}),
        (("--format", "jsonl"), {"format": "jsonl"}),
        (("--format", "markdown", "--no-text"), {"format": "markdown", "no_text": True}),
        (("--format", "latex", "--digits", "2"), {"format": "latex", "digits": 2}),
    ],
)
def test_the_command_prints_what_python_renders(paths, scores, options, keywords):
    run = evalkit("errors", *paths, *options)

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == scores.errors().render(**keywords) + "\n"


def test_features_are_shown_in_full(paths, scores):
    run = evalkit("errors", *paths, "--by", "length,density")

    assert run.stdout == scores.errors(by="length,density").render() + "\n"
    assert "By length" in run.stdout
    assert "By density" in run.stdout


def test_the_suffix_sets_the_format(paths, scores, tmp_path):
    output = tmp_path / "errors.jsonl"

    run = evalkit("errors", *paths, "-o", output)

    assert (run.returncode, run.stdout) == (0, "")
    assert output.read_text() == scores.errors().render("jsonl") + "\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--by", "lenght"), "did you mean 'length'"),
        (("--by", "novelty"), "name it with --train CORPUS"),
        (("--layer", "entity"), "did you mean 'entities'"),
        (("--layer", "attribution-relations"), "errors of attribution-relations are not analyzed"),
        (("--metric", "triggers/strict"), "metric triggers/strict: is of another layer"),
        (("--metric", "entities/characters"), "characters are compared as sets"),
        (("--max-documents", "some"), "expected a whole number, or all"),
        (("-o", "errors.docx"), "unknown suffix '.docx'"),
    ],
)
def test_bad_options_give_one_line_and_exit_code_2(paths, options, message):
    run = evalkit("errors", *paths, *options)

    assert run.returncode == 2
    assert message in run.stderr
    assert run.stderr.count("\n") == 1


def test_labels_zones_and_missing_documents_are_those_of_score(paths, tmp_path):
    predicted = json.loads(paths[1].read_text().splitlines()[0])
    some = tmp_path / "some.jsonl"
    some.write_text(json.dumps(predicted) + "\n")

    run = evalkit("errors", paths[0], some, "--missing", "empty", "--labels", "A")

    expected = score(paths[0], some, missing="empty", labels=["A"]).errors()
    assert run.returncode == 0
    assert run.stdout == expected.render() + "\n"
    assert "missing document" in run.stdout


def test_a_training_corpus_adds_novelty_and_consistency(paths):
    run = evalkit("errors", *paths, "--train", paths[0], "--by", "novelty,consistency")

    assert run.returncode == 0
    assert "By novelty" in run.stdout
    assert "seen" in run.stdout


def test_events_and_attributions_are_analyzed_where_there_are_no_entities(tmp_path):
    from evalkit import Event, Span

    text = "Rebels attacked the town."
    gold = Corpus([Document("d", text, events=(Event("Attack", Span(7, 15)),))])
    predicted = Corpus([Document("d", text, events=(Event("Die", Span(7, 15)),))])
    for name, corpus in (("gold", gold), ("said", predicted)):
        corpus.save(tmp_path / f"{name}.jsonl")

    run = evalkit("errors", tmp_path / "gold.jsonl", tmp_path / "said.jsonl")

    assert run.stdout.startswith("Errors of said on gold, triggers/strict")
    assert "Attack" in run.stdout


def test_run_and_score_save_errors_and_their_counts(paths, tmp_path, scores):
    saved, result = tmp_path / "errors.jsonl", tmp_path / "result.json"

    run = evalkit("score", *paths, "--save-errors", saved, "--save", result)

    assert (run.returncode, run.stderr) == (0, "")
    assert saved.read_text() == scores.errors().render("jsonl") + "\n"
    assert Scores.load(result).errors().gains == scores.errors().gains
    bundled = evalkit("run", "--save-errors", tmp_path / "bundled.jsonl")
    assert bundled.returncode == 0
    layers = {
        json.loads(line)["layer"] for line in (tmp_path / "bundled.jsonl").read_text().splitlines()
    }
    assert {"entities", "triggers", "attributions"} <= layers


def test_former_names_of_options_are_accepted(paths, tmp_path):
    run = evalkit("score", *paths, "--errors", tmp_path / "errors.jsonl")

    assert run.returncode == 0
    assert "write --save-errors" in run.stderr
    assert (tmp_path / "errors.jsonl").exists()


@pytest.mark.parametrize("suffix", [".csv", ".json", ".html", ".md", ".tex", ".txt", ".CSV"])
def test_errors_are_not_saved_under_a_name_of_another_format(paths, tmp_path, suffix):
    file = tmp_path / f"errors{suffix}"

    run = evalkit("score", *paths, "--save-errors", file)

    assert run.returncode == 2
    assert f"--save-errors {file}: expected a name that ends in .jsonl" in run.stderr
    assert not file.exists()


def test_an_output_that_is_an_input_is_refused(paths):
    before = paths[0].read_bytes()

    for arguments in (
        ("errors", *paths, "-o", paths[0]),
        ("score", *paths, "--save-errors", paths[0]),
    ):
        run = evalkit(*arguments)

        assert run.returncode == 2
        assert paths[0].read_bytes() == before
