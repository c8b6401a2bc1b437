"""`evalkit emulate` on the command line."""

import json
import re

import pytest
from helpers.cli import run_evalkit

from evalkit import InputError, emulate

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
    assert "invalid SCORER?min_overlap_percentage=x: expected a number" in done.stderr


def test_the_list_names_scorers_versions_and_options(folder):
    lines = run_evalkit("emulate", "--list", cwd=folder).stdout.splitlines()

    start = next(n for n, line in enumerate(lines) if line.startswith("nervaluate "))
    described = " ".join(" ".join(lines[start : start + 3]).split())
    assert "1.2.1" in described
    assert "(options: tags, min_overlap_percentage)" in described
    assert max(map(len, lines)) <= 80


TAGS = "Ada B-PER\nLee I-PER\n"
DOCUMENT = '{"id": "d", "text": "Ada", "entities": [{"label": "P", "start": 0, "end": 3}]}\n'


@pytest.mark.parametrize(
    ("scorer", "message"),
    [
        ("seqevl", "unknown scorer 'seqevl'; expected one of: seqeval, .*; did you mean 'seqeval'"),
        ("?x", "unknown scorer ''"),
        ("seqeval?tagging", "seqeval.tagging: invalid option 'tagging': expected KEY=VALUE"),
        ("seqeval?missing=empty", "unknown option 'missing' in 'seqeval'"),
        ("seqeval?explain=true", "unknown option 'explain' in 'seqeval'"),
        ("seqeval?practices=drop-empty&practices=drop-unaligned", "'practices' is given twice"),
        ("seqeval?practices=,", "invalid SCORER.practices=,: expected practices, separated by +"),
        ("seqeval?practices=dropempty", "unknown practice 'dropempty'"),
        ("seqeval?heads=spacy:en", "add SCORER.practices=head-words"),
        ("head-words?heads=foo", "invalid SCORER.heads=foo: expected spacy:NAME"),
        ("gen-arg?heads=foo", "invalid SCORER.heads=foo: expected spacy:NAME"),
        ("seqeval-strict?scheme=BIO", "unknown value 'BIO' in 'scheme='; expected one of: IOB2"),
        ("seqscore?repair=begin", "unknown value 'begin' in 'repair='"),
        ("sklearn-tokens?compare=word", "unknown value 'word' in 'compare='"),
        ("sklearn-tokens?outside=no", "unknown value 'no' in 'outside='"),
        ("iepile?mode=sets", "unknown value 'sets' in 'mode='.*did you mean 'set'"),
        ("gollie?task=NER", "unknown value 'NER' in 'task='"),
        ("instruct-uie?task=EE", "unknown value 'EE' in 'task='"),
        ("nervaluate?tags=", "invalid SCORER.tags='': expected labels, separated by commas"),
        ("nervaluate?min_overlap_percentage=0", "expected a number from 1 to 100"),
        ("nervaluate?min_overlap_percentage=nan", "expected a number from 1 to 100"),
        ("hipe?tagset=,", "invalid SCORER.tagset=,: expected types, separated by +"),
        ("i2b2?hipaa=1", "invalid SCORER.hipaa=1: expected true or false"),
        ("spacy-spans?allow_overlap=maybe", "invalid SCORER.allow_overlap=maybe: expected true"),
        ("spacy-ents?tokenizer=english", "unknown tokenizer 'english'"),
        ("dygie?max_span_width=0", "invalid SCORER.max_span_width=0: expected a positive number"),
        ("oneie?relation_directional=7", "invalid SCORER.relation_directional=7: expected true"),
        ("textee", "textee: gold has no events: nothing to score"),
    ],
)
def test_wrong_options_are_refused_in_one_line(scorer, message, tmp_path):
    file = tmp_path / ("d.jsonl" if scorer.startswith(("spacy", "textee")) else "d.conll")
    file.write_text(DOCUMENT if file.suffix == ".jsonl" else TAGS, encoding="utf-8")

    result = run_evalkit("emulate", scorer, file, file)

    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert re.search(message, line), line


def test_the_remedy_for_missing_heads_is_an_option_of_the_scorer(tmp_path):
    file = tmp_path / "d.jsonl"
    argument = {"role": "Agent", "start": 0, "end": 7}
    event = {"label": "Meet", "trigger": {"start": 8, "end": 11}, "arguments": [argument]}
    file.write_text(json.dumps({"id": "d", "text": "Ada Lee met Bo", "events": [event]}) + "\n")

    result = run_evalkit("emulate", "gen-arg?head_only=true", file, file)

    assert result.returncode == 2
    assert "has no head: name a parser with SCORER?heads=spacy:NAME, such as" in result.stderr


def test_missing_is_checked_for_files_of_tags(tmp_path):
    file = tmp_path / "d.conll"
    file.write_text(TAGS, encoding="utf-8")

    result = run_evalkit("emulate", "seqeval", file, file, "--missing", "drop")

    assert result.returncode == 2
    assert "unknown value 'drop' in '--missing'" in result.stderr


@pytest.mark.parametrize(
    ("scorer", "options"),
    [
        (["seqeval"], {}),
        ("seqeval", {"practices": 5}),
        ("seqeval", {"practices": ["drop-empty", 3]}),
        ("seqeval", {"missing": "drop"}),
        ("seqeval", {"tagging": 3}),
        ("seqeval-strict", {"scheme": ["IOB2"]}),
        ("nervaluate", {"tags": 5}),
        ("nervaluate", {"tags": [1]}),
        ("nervaluate", {"min_overlap_percentage": True}),
        ("nervaluate", {"min_overlap_percentage": None}),
        ("hipe", {"tagset": 3}),
        ("iepile", {"mode": None}),
    ],
)
def test_wrong_values_in_python_are_input_errors(scorer, options):
    with pytest.raises(InputError):
        emulate(scorer, [["B-PER", "O"]], [["B-PER", "O"]], **options)
