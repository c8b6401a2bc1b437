"""Alternatives, optional entities and ignore regions in files, and what documents refuse."""

import json

import pytest
from helpers.cli import run_evalkit
from helpers.lenient_gold import random_corpora

from evalkit import Corpus, Document, Entity, LoadError, Span, Zone, load_corpus, score
from evalkit.errors import DocumentError

TEXT = "Ada Lovelace wrote to Charles Babbage of the Royal Society of London in 1843."
GOLD = Corpus(
    [
        Document(
            "d",
            TEXT,
            [
                Entity("PER", 0, 12, alternatives=[Span(4, 12), Entity("WRITER", 0, 12)]),
                Entity("ORG", 45, 68, optional=True),
            ],
            zones=[Zone("ignore", 22, 37)],
        )
    ],
    "gold",
)


def test_jsonl_and_corpus_folders_hold_them(tmp_path):
    gold, _ = random_corpora(1, 60)
    for number, corpus in enumerate((GOLD, gold)):
        for name in ("gold.jsonl", "folder"):
            target = tmp_path / str(number) / name
            assert not corpus.save(target).dropped
            assert list(load_corpus(target)) == list(corpus)


def test_offsets_in_other_units_are_converted(tmp_path):
    line = {
        "id": "d",
        "text": "😀 Ada Lovelace",
        "entities": [
            {"label": "PER", "start": 3, "end": 15, "alternatives": [{"start": 7, "end": 15}]}
        ],
    }
    path = tmp_path / "gold.jsonl"
    path.write_text(json.dumps(line) + "\n")
    entity = load_corpus(path, offset_unit="utf-16")[0].entities[0]
    assert (entity.start, entity.end) == (2, 14)
    assert entity.alternatives == (Span(6, 14),)


@pytest.mark.parametrize(
    "name",
    [
        "conll:x.conll",
        "brat:brat",
        "x.spacy",
        "prodigy:x.jsonl",
        "doccano:x.jsonl",
        "labelstudio:x.json",
        "dygie:x.jsonl",
        "bigbio:x.json",
        "x.parquet",
    ],
)
def test_other_formats_count_them_as_dropped(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    dropped = GOLD.save(name).dropped
    assert dropped["alternatives of entities"] == 2
    assert dropped["optional marks of entities"] == 1
    written = load_corpus(name)[0]
    assert not any(entity.alternatives or entity.optional for entity in written.entities)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"alternatives": [Span(0, 12)]}, "entities[0].alternatives[0]: equals its entity"),
        ({"alternatives": [Entity("ORG", 45, 68)]}, "alternatives[0]: equals entities[1]"),
        (
            {"alternatives": [Span(4, 12), Entity("PER", 4, 12)]},
            "entities[0].alternatives[1]: equals entities[0].alternatives[0]",
        ),
        ({"alternatives": [Span(4, 99)]}, "alternatives[0].end: 99 is past the end of the text"),
        ({"alternatives": None}, "alternatives: expected a list, got None"),
        ({"alternatives": ["Ada"]}, "alternatives[0]: expected Span or Entity, got 'Ada'"),
        (
            {"alternatives": [Entity("PER", 0, 3, id="T1")]},
            "alternatives[0]: an alternative has label, start, end and fragments only",
        ),
        ({"optional": "yes"}, "optional: expected true or false, got 'yes'"),
    ],
)
def test_invalid_alternatives_are_refused(fields, message):
    with pytest.raises(DocumentError) as caught:
        Document("d", TEXT, [Entity("PER", 0, 12, **fields), Entity("ORG", 45, 68)])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("alternatives", "message"),
    [
        ([{"start": 0, "end": 12}], "entities[0].alternatives[0]: equals its entity"),
        ([{"start": 4, "end": 12, "text": "Ada"}], "entities[0].alternatives[0].text: 'Ada'"),
        ([{"start": 4, "end": 4}], "entities[0].alternatives[0].end: 4 is not after the start"),
        ([{"start": 4}], "entities[0].alternatives[0]: Object missing required field 'end'"),
        ([{"start": 4, "end": 12, "x": 1}], "alternatives[0]: Object contains unknown field 'x'"),
    ],
)
def test_messages_name_the_line_and_the_alternative(tmp_path, alternatives, message):
    entity = {"label": "PER", "start": 0, "end": 12, "alternatives": alternatives}
    path = tmp_path / "gold.jsonl"
    path.write_text(json.dumps({"id": "d", "text": TEXT, "entities": [entity]}) + "\n")
    for read in (load_corpus, lambda path: score(path, path)):
        with pytest.raises(LoadError) as caught:
            read(path)
        assert f"{path}:1: " in str(caught.value)
        assert message in str(caught.value)


def test_a_schema_knows_labels_of_alternatives_and_allows_ignore_regions(tmp_path):
    GOLD.save(tmp_path / "folder")
    schema = tmp_path / "folder" / "annotations" / "schema.json"
    schema.write_text(json.dumps({"labels": {"PER": "", "ORG": ""}, "zones": {"body": {}}}))
    result = run_evalkit("validate", tmp_path / "folder")
    assert result.returncode == 2
    assert "alternatives[1].label" in result.stderr
    assert "ignore" not in result.stderr
    schema.write_text(json.dumps({"labels": {"PER": "", "ORG": "", "WRITER": ""}}))
    result = run_evalkit("validate", tmp_path / "folder")
    assert result.returncode == 0, result.stderr
    numbers = "2 alternatives of 1 entity, 1 optional entity, 1 ignore region"
    assert f"\n  {numbers}\n" in result.stdout
    assert f": {numbers}\n" in run_evalkit("stats", tmp_path / "folder").stdout


def test_the_command_line_scores_with_and_without_them(tmp_path):
    GOLD.save(tmp_path / "gold.jsonl")
    predicted = Corpus([Document("d", TEXT, [Entity("PER", 4, 12)])])
    predicted.save(tmp_path / "system.jsonl")
    sides = (tmp_path / "gold.jsonl", tmp_path / "system.jsonl")
    lenient = run_evalkit("score", *sides, "--metrics", "ner", "--save", tmp_path / "a.json")
    assert "0.000 instead of 1.000 (entities/strict)" in lenient.stdout
    plain = run_evalkit("score", *sides, "--plain-gold", "--save", tmp_path / "b.json")
    assert "ignored (plain gold)" in plain.stdout
    saved = json.loads((tmp_path / "b.json").read_text())
    assert saved["options"]["plain_gold"] is True
    for result in ("a.json", "b.json"):
        verified = run_evalkit("verify", tmp_path / result, *sides)
        assert verified.returncode == 0, verified.stderr
    compared = run_evalkit("compare", f"a={sides[1]}", f"b={sides[1]}", "--gold", sides[0])
    assert compared.returncode == 0, compared.stderr
    assert "gold:alternatives+optional+ignore" in compared.stdout
    compared = run_evalkit(
        "compare", f"a={sides[1]}", f"b={sides[1]}", "--gold", sides[0], "--plain-gold"
    )
    assert "gold:" not in compared.stdout
    former = run_evalkit("score", *sides, "--strict-gold")
    assert "--strict-gold is deprecated: write --plain-gold" in former.stderr


def test_error_analysis_and_reports_use_them(tmp_path):
    GOLD.save(tmp_path / "gold.jsonl")
    Corpus([Document("d", TEXT, [Entity("PER", 4, 12)])]).save(tmp_path / "system.jsonl")
    sides = (tmp_path / "gold.jsonl", tmp_path / "system.jsonl")
    lenient = run_evalkit("errors", *sides, "--format", "jsonl")
    assert (lenient.returncode, lenient.stdout) == (0, "")
    plain = run_evalkit("errors", *sides, "--format", "jsonl", "--plain-gold")
    kinds = [json.loads(line)["kind"] for line in plain.stdout.splitlines()]
    assert kinds == ["boundary", "missed"]
    files = ("--report", tmp_path / "report.html", "--save-errors", tmp_path / "errors.jsonl")
    scored = run_evalkit("score", *sides, *files)
    assert scored.returncode == 0, scored.stderr
    assert (tmp_path / "errors.jsonl").read_text() == ""
