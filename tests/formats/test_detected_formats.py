"""A path without a format name is read in the format of its content, which is reported."""

import gzip
import json
import re

import pytest
from datasets import Dataset
from formats.test_read_contents import RECORDS
from helpers.cli import run_evalkit

from evalkit import Corpus, Document, Entity, InputError, Scores, load_corpus, score

DOCCANO = {"id": 1, "text": "Ada met Bob.", "label": [[0, 3, "PER"]]}
PRODIGY = {"text": "Ada met Bob.", "spans": [{"start": 0, "end": 3, "label": "PER"}]}
CONLL = "Ada B-PER\nleft O\n"


def write_doccano(path, documents=1):
    lines = (json.dumps({**DOCCANO, "id": n}) for n in range(documents))
    path.write_text("\n".join(lines))


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".txt", "", ".jsonl.gz", ".json.gz"])
@pytest.mark.parametrize("name", [name for name in RECORDS if name and name != "jsonl"])
def test_each_json_format_is_detected_whatever_the_suffix(tmp_path, name, suffix):
    format = name.partition(" ")[0]
    path = tmp_path / f"file{suffix}"
    content = json.dumps(RECORDS[name]).encode()
    path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") else content)

    def outcome(location):
        try:
            return list(load_corpus(location))
        except InputError as error:
            return re.sub("(; |\n|to fix: )the format .* was detected; .*", "", str(error))

    assert outcome(path) == outcome(f"{format}:{path}")
    if isinstance(outcome(path), list):
        assert load_corpus(path).conversion.detected == {f"format {format}": 1}
        assert load_corpus(f"{format}:{path}").conversion.detected == {}


def test_evalkit_reads_its_own_format_without_detection(tmp_path):
    Corpus([Document("d1", "Ada", [Entity("PER", 0, 3)])]).save(tmp_path / "a.jsonl")

    corpus = load_corpus(tmp_path / "a.jsonl")

    assert (len(corpus), corpus.conversion.detected) == (1, {})
    assert "detected" not in corpus.conversion.to_json()


@pytest.mark.parametrize("suffix", [".txt", ".tsv", ""])
@pytest.mark.parametrize(
    ("content", "is_detected"),
    [
        (CONLL, True),
        ("\n-DOCSTART- -X- O\n\n" + CONLL, True),
        ("# a comment\n" + CONLL, True),
        ("Ada left Oslo\nfor Rome\n", False),
        ("Ada O\nleft O\n", False),  # no entity: perhaps no tags
        ("Ada B-PER\nleft\n", False),
    ],
)
def test_tags_in_the_last_column_are_conll(tmp_path, content, is_detected, suffix):
    path = tmp_path / f"file{suffix}"
    path.write_text(content)

    if is_detected:
        options = {"comments": True} if content.startswith("#") else {}
        corpus = load_corpus(path, **options)
        assert [entity.label for entity in corpus[0].entities] == ["PER"]
        assert corpus.conversion.detected == {"format conll": 1}
    else:
        with pytest.raises(InputError):
            load_corpus(path)


def test_records_of_two_formats_are_refused_with_both_locations(tmp_path):
    path = tmp_path / "mixed.jsonl"
    path.write_text(json.dumps(DOCCANO) + "\n" + json.dumps(PRODIGY))

    with pytest.raises(InputError) as raised:
        load_corpus(path)

    assert str(raised.value) == (
        f"{path}: may be doccano or prodigy: write doccano:{path} or prodigy:{path}"
    )


def test_a_record_without_annotations_does_not_hide_the_format(tmp_path):
    path = tmp_path / "file.jsonl"
    path.write_text('{"id": 0, "text": "Nobody.", "label": []}\n' + json.dumps(DOCCANO))

    assert [len(document.entities) for document in load_corpus(path)] == [0, 1]


@pytest.mark.slow
def test_a_large_list_and_a_large_object_are_recognized(tmp_path):
    examples = [["Ada left. " * 20, {"entities": [[0, 3, "PER"]]}]] * 6000
    for content in (examples, {"annotations": examples}):
        path = tmp_path / "file.json"
        path.write_text(json.dumps(content))
        assert path.stat().st_size > 1_000_000
        assert len(load_corpus(path)) == 6000


def test_a_file_in_another_encoding_is_detected(tmp_path):
    path = tmp_path / "file.json"
    content = json.dumps({**DOCCANO, "text": "Zoë met Bob."}, ensure_ascii=False)
    path.write_bytes(content.encode("latin-1"))

    corpus = load_corpus(path, encoding="latin-1")

    assert (corpus[0].text, corpus.conversion.detected) == ("Zoë met Bob.", {"format doccano": 1})


@pytest.mark.parametrize("kind", ["brat", "hf"])
def test_a_folder_is_detected_by_its_files(tmp_path, kind):
    folder = tmp_path / "folder"
    if kind == "brat":
        folder.mkdir()
        (folder / "a.txt").write_text("Ada left")
        (folder / "a.ann").write_text("T1\tPER 0 3\tAda\n")
    else:
        rows = {"tokens": [["Ada", "left"]], "ner_tags": [["B-PER", "O"]]}
        Dataset.from_dict(rows).save_to_disk(folder)

    corpus = load_corpus(folder)

    assert [entity.label for entity in corpus[0].entities] == ["PER"]
    assert corpus.conversion.detected == {f"format {kind}": 1}


def test_the_detected_format_is_in_the_report_and_the_result(tmp_path):
    gold, predicted, result = (tmp_path / name for name in ("gold.json", "p.json", "r.json"))
    write_doccano(gold, 3)
    write_doccano(predicted, 3)

    scores = score(gold, predicted, "entities/strict")
    scores.save(result)
    printed = run_evalkit("score", gold, predicted)

    assert "\nRead: gold: detected format doccano\n" in str(scores)
    assert not any("detected" in warning for warning in scores.warnings)
    assert "Read: gold: detected format doccano" in scores.to_html(errors=True)
    assert Scores.load(result).metadata.conversion["predicted"]["detected"] == {"format doccano": 1}
    assert printed.stderr.splitlines()[0] == f"{gold}: detected: format doccano"
    assert (printed.returncode, scores["entities/strict"].micro.f1) == (0, 1.0)
    named = score(f"doccano:{gold}", f"doccano:{predicted}", "entities/strict")
    assert named["entities/strict"].signature == scores["entities/strict"].signature


def test_the_format_of_shards_is_detected(tmp_path):
    for side in ("gold", "predicted"):
        (tmp_path / side).mkdir()
        for n in range(3):
            line = {**DOCCANO, "id": f"d{n}"}
            (tmp_path / side / f"{n}.jsonl").write_text(json.dumps(line))

    scores = score(tmp_path / "gold", tmp_path / "predicted", "entities/strict")

    assert scores["entities/strict"].micro.tp == 3
    assert scores.metadata.conversion["gold"]["detected"] == {"format doccano": 3}
    printed = run_evalkit("score", tmp_path / "gold", tmp_path / "predicted")
    assert printed.stderr.splitlines()[0] == f"{tmp_path}/gold: detected: format doccano"


def test_an_existing_output_is_not_looked_at(tmp_path):
    path = tmp_path / "out.jsonl"
    write_doccano(path)

    Corpus([Document("d1", "Ada", [Entity("PER", 0, 3)])]).save(path)

    assert load_corpus(path)[0].id == "d1"


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("a.jsonl", '{"passages": [{"text": "abc"}], "question": "q"}', "bigbio"),
        ("a.json", '{"entities": {"PER": 3}}', "gliner2-json"),
        ("a.csv", "word,label\nfoo,spam\n", "tokens"),
        ("a.txt", "I like vitamin B-12\nand B-6\n", "conll"),
    ],
)
def test_the_error_of_a_file_that_was_detected_names_the_format(tmp_path, name, content, format):
    path = tmp_path / name
    path.write_text(content)

    with pytest.raises(InputError) as detected:
        load_corpus(path)
    with pytest.raises(InputError) as named:
        load_corpus(f"{format}:{path}")

    advice = (
        f"the format {format} was detected; for another one, write its name before the path, such"
        f" as jsonl:{path}"
    )
    assert str(detected.value).endswith(advice)
    assert "was detected" not in str(named.value)


def test_the_error_of_one_document_of_a_detected_file_does_not_name_it(tmp_path):
    path = tmp_path / "a.jsonl"
    wrong = {**DOCCANO, "id": 2, "label": [[0, 99, "PER"]]}
    path.write_text(json.dumps(DOCCANO) + "\n" + json.dumps(wrong))

    with pytest.raises(InputError) as error:
        load_corpus(path)
    assert "was detected" not in str(error.value)


@pytest.mark.parametrize(
    "content", ['[["a", {"b": 1}]]', '[["GET", {"url": "x"}], ["PUT", {}]]', '["a", {"b": 1}]']
)
def test_pairs_without_annotations_are_no_examples_of_spacy(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text(content)

    with pytest.raises(InputError, match="unknown suffix"):
        load_corpus(path)


def test_a_result_is_no_corpus(tmp_path):
    path = tmp_path / "result.json"
    corpus = Corpus([Document("d1", "Ada", [Entity("PER", 0, 3)])])
    score(corpus, corpus, "entities/strict").save(path)

    with pytest.raises(InputError, match="a result that evalkit saved, and no corpus; `evalkit re"):
        load_corpus(path)


ADA = [("PER", 0, 3)]
TRAINING = 'import spacy\n\nTRAIN_DATA = [\n    ("Ada ran", {"entities": [(0, 3, "PER")]}),\n]\n'


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        (
            "min.json",
            [
                {
                    "id": 1,
                    "text": "Ada ran",
                    "ner": [{"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}],
                }
            ],
            "labelstudio",
        ),
        (
            "a.json",
            [{"text": "Ada ran", "ents": [{"start": 0, "end": 3, "label": "PER"}]}],
            "spacy-json",
        ),
        (
            "a.jsonl",
            {"text": "Ada ran", "entities": [{"start": 0, "end": 3, "entity_group": "PER"}]},
            "spacy-json",
        ),
        (
            "a.jsonl",
            {"text": "Ada ran", "entities": [{"start_char": 0, "end_char": 3, "type": "PER"}]},
            "spacy-json",
        ),
        ("a.jsonl", ["Ada ran", [[0, 3, "PER"]]], "spacy-json"),
        ("a.json", [["Ada ran", [[0, 3, "PER"]]]], "spacy-json"),
        ("train.py", TRAINING, "spacy-json"),
        ("train.txt", TRAINING, "spacy-json"),
        ("a.jsonl", {"tokens": ["Ada", "ran"], "ner_tags": ["B-PER", "O"]}, "hf"),
    ],
)
def test_more_dialects_are_detected(tmp_path, name, content, format):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))

    corpus = load_corpus(path)

    assert corpus.conversion.detected == {f"format {format}": 1}
    assert [(e.label, e.start, e.end) for e in corpus[0].entities] == ADA


def test_strings_under_labels_are_detected(tmp_path):
    gold = Corpus([Document("d1", "Ada ran", [Entity("PER", 0, 3)])])
    gold.save(tmp_path / "gold.jsonl")
    path = tmp_path / "answers.jsonl"
    path.write_text('{"PER": ["Ada"], "LOC": []}\n')

    with pytest.raises(InputError, match="no text; name the corpus that has the texts"):
        load_corpus(path)
    scores = score(gold, f"{path}?texts={tmp_path}/gold.jsonl", "surfaces", boot=0)

    assert scores["surfaces"].micro.tp == 1
    assert "detected format gliner2-json" in str(scores)


@pytest.mark.parametrize(
    "record",
    [
        {"tokens": ["Ada"], "labels": ["PER"]},
        {"PER": ["Ada"], "text": "Ada"},
        {"PER": [1]},
        {"PER": []},
    ],
)
def test_other_lists_of_strings_are_not_taken_for_labels(tmp_path, record):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(record))

    with pytest.raises(InputError, match="unknown suffix"):
        load_corpus(path)


def test_a_jsonl_file_of_an_unknown_format_is_answered_with_how_to_name_one(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"uid": 1, "body": "Ada"}\n')

    with pytest.raises(InputError) as error:
        load_corpus(path)

    assert str(error.value).endswith(
        "evalkit's own format was read, by the suffix; for another one, write its name before the"
        f" path, such as doccano:{path}; `evalkit formats` lists all"
    )
    with pytest.raises(InputError) as named:
        load_corpus(f"jsonl:{path}")
    assert "by the suffix" not in str(named.value)
