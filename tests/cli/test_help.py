"""Help: summaries, panels, former names of options, completion."""

import json

import pytest
import spacy
from helpers.cli import run_evalkit as evalkit

from evalkit import Corpus, Document, Entity, evaluate, load_corpus, predict
from evalkit.cli.command_table import COMMANDS


def help_of(*command, columns=80):
    return evalkit(*command, "--help", env={"COLUMNS": str(columns)}).stdout


def panels(text):
    """The titles of the panels, in their order."""
    return [line.strip("╭╮─ ") for line in text.splitlines() if line.startswith("╭")]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_summary_of_each_command_fits_on_one_line_of_80_columns(command):
    summary = COMMANDS[command].load_function().__doc__.split("\n\n")[0]

    line = next(line for line in help_of().splitlines() if line.startswith(f"│ {command} "))

    assert line.strip("│ ").removeprefix(command).strip() == summary
    assert summary == COMMANDS[command].summary


def test_options_are_grouped():
    assert panels(help_of("run")) == [
        "Arguments",
        "Options",
        "Running",
        "Scoring",
        "Output",
        "Publishing",
    ]
    assert panels(help_of()) == ["Options", "Evaluation", "Annotators", "Corpora", "Reference"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_no_former_name_and_every_bracket(command):
    text = help_of(command, columns=200)

    assert "--sections" not in text
    assert "--like" not in text
    assert "[/" not in text


def test_a_former_name_of_an_option_is_accepted_with_a_notice():
    now = evalkit("run", "--boot", "0", "--zones", "all", "--format", "csv")
    former = evalkit("run", "--bootstrap", "0", "--sections=all", "--format", "csv")

    assert former.stdout == now.stdout
    assert former.stderr == (
        "evalkit: --bootstrap is deprecated: write --boot\n"
        "evalkit: --sections is deprecated: write --zones\n"
    )


def test_an_option_under_both_names_is_an_error():
    run = evalkit("run", "--sections", "all", "--zones", "all")

    assert (run.returncode, run.stderr) == (
        2,
        "evalkit: --sections is the former name of --zones; give one of them\n",
    )


def test_the_shell_completes_commands():
    run = evalkit(
        env={
            "_EVALKIT_COMPLETE": "complete_bash",
            "COMP_WORDS": "evalkit ver",
            "COMP_CWORD": "1",
        }
    )

    assert run.stdout == "verify\n"


def test_verify_says_by_how_much_f1_differs(tmp_path):
    gold, other = tmp_path / "gold.jsonl", tmp_path / "other.jsonl"
    spans = [Entity("A", 0, 1), Entity("A", 2, 3), Entity("B", 4, 5)]
    Corpus([Document("d", "a b c", spans)]).save(gold)
    Corpus([Document("d", "a b c", spans[1:])]).save(other)
    saved = tmp_path / "r.json"
    evalkit("score", gold, gold, "--metrics", "ner", "--save", saved)

    assert evalkit("verify", saved, gold, gold).stdout == f"{saved}: the same\n"
    run = evalkit("verify", saved, gold, other)

    assert (run.returncode, run.stderr.splitlines()[:2]) == (
        2,
        [
            f"evalkit: {saved}: entities/strict micro F1 1.000 → 0.800 (TP 3 → 2, FN 0 → 1)",
            f"{saved}: entities/strict A F1 1.000 → 0.667 (TP 2 → 1, FN 0 → 1)",
        ],
    )
    assert "cells" not in run.stderr


def test_a_name_is_in_headings_and_files(tmp_path):
    corpus, saved = tmp_path / "gold.jsonl", tmp_path / "r.json"
    Corpus([Document("d", "a b", [Entity("A", 0, 1)])]).save(corpus)

    text = evalkit("score", corpus, corpus, "--name", "mine", "--save", saved).stdout
    renamed = evalkit("report", saved, "--name", "yours").stdout
    compared = evalkit("compare", saved, f"b={saved}", "--metrics", "ner").stdout

    assert text.startswith("mine on gold")
    assert json.loads(saved.read_text())["name"] == "mine"
    assert evalkit("report", saved).stdout == text
    assert renamed.startswith("yours on gold")
    assert compared.startswith("mine and b on gold")
    assert evalkit("verify", saved, corpus, corpus).returncode == 0


def test_limit_uses_the_first_documents(tmp_path):
    corpus = tmp_path / "gold.jsonl"
    Corpus([Document(f"d{n}", "a b", [Entity("A", 0, 1)]) for n in range(5)]).save(corpus)

    predicted = evalkit("predict", corpus, "--limit", "2").stdout.splitlines()
    scored = evalkit("run", corpus, "--limit", "2", "--boot", "0").stdout

    assert [json.loads(line)["id"] for line in predicted] == ["d0", "d1"]
    assert scored.startswith("rules on gold (2 documents)")
    assert evaluate("rules", corpus, limit=2, boot=0).metadata.corpus.documents == 2
    assert predict("rules", corpus, limit=2).ids == ["d0", "d1"]


@pytest.mark.parametrize("limit", [0, -1, 1.5, "2"])
def test_a_limit_is_a_whole_number_above_0(limit):
    with pytest.raises(ValueError, match="limit=.*: expected an integer >= 1"):
        predict("rules", load_corpus(), limit=limit)


@pytest.mark.parametrize("file", ["config.json", "gliner_config.json"])
def test_a_folder_of_a_model_is_loaded_as_the_kind_that_its_files_show(tmp_path, file):
    kind = {"config.json": "hf", "gliner_config.json": "gliner"}[file]
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / file).write_text("{}")

    detected = evalkit("run", "-m", "tiny", cwd=tmp_path)
    named = evalkit("run", "-m", f"{kind}:tiny", cwd=tmp_path)

    assert (detected.returncode, detected.stderr) == (named.returncode, named.stderr)
    assert "unknown kind" not in named.stderr


def test_the_folder_of_a_spacy_model_is_loaded_and_named_in_the_heading(tmp_path):
    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns([{"label": "GPE", "pattern": "Turkey"}])
    pipeline.to_disk(tmp_path / "ruler")

    run = evalkit("run", "-m", "ruler", "--boot", "0", cwd=tmp_path)

    assert run.stdout.startswith("spacy:ruler on evalkit-news (1 document)")
    assert run.stdout == evalkit("run", "-m", "spacy:ruler", "--boot", "0", cwd=tmp_path).stdout


def test_an_unknown_argument_of_a_model_is_answered_with_the_known_ones():
    run = evalkit("run", "-m", "spacy:en", "-a", "entites=x")

    assert run.returncode == 2
    assert "unknown argument 'entites' in 'spacy models'" in run.stderr
    assert "triggers, batch_size, n_process; did you mean 'entities'?" in run.stderr


def test_faults_of_one_kind_are_counted(tmp_path):
    lines = [f"w{n} {tag}\n\n" for n in range(7) for tag in ("I-A",)]
    (tmp_path / "gold.conll").write_text("".join(lines))

    run = evalkit("validate", tmp_path / "gold.conll")

    first, *others = run.stderr.splitlines()
    assert f"{tmp_path}/gold.conll:1: " in first
    assert f"(6 more of this kind, the last at {tmp_path}/gold.conll:13)" in first
    assert [line for line in others if "gold.conll:" in line] == []


def test_a_few_faults_are_listed(tmp_path):
    (tmp_path / "gold.conll").write_text("a I-A\n\nb I-A\n\nc I-A\n\n")

    lines = evalkit("validate", tmp_path / "gold.conll").stderr.splitlines()

    assert sum("gold.conll:" in line for line in lines) == 3
