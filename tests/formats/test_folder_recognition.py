"""The format of a folder is recognized by its files, where that is certain."""

import gzip
import json

import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, Features, Sequence, Value
from helpers.cli import run_evalkit
from pyarrow import parquet

from evalkit import Corpus, Document, Entity, InputError, load_corpus, score

DOCUMENT = Document("d1", "Ada met Bob.", [Entity("PER", 0, 3)])
ROW = {"id": "1", "tokens": ["Ada", "ran"], "ner_tags": ["B-PER", "O"]}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def write_rows(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.mark.parametrize("file", ["train.jsonl", "data/train.jsonl", "train.json", "a.jsonl.gz"])
def test_a_folder_of_tokens_and_tags_is_a_data_set(tmp_path, file):
    write_rows(tmp_path / "set" / file, ROW)

    corpus = load_corpus(tmp_path / "set")

    assert corpus.conversion.detected == {"format hf": 1}
    assert [(e.label, e.start, e.end) for e in corpus[0].entities] == [("PER", 0, 3)]


def test_a_folder_of_parquet_files_with_tags_is_a_data_set(tmp_path):
    types = {
        "tokens": Sequence(Value("string")),
        "ner_tags": Sequence(ClassLabel(names=["O", "B-X"])),
    }
    rows = {"tokens": [["Ada", "ran"]], "ner_tags": [[1, 0]]}
    (tmp_path / "set" / "data").mkdir(parents=True)
    file = tmp_path / "set" / "data" / "train-00000-of-00001.parquet"
    Dataset.from_dict(rows, features=Features(types)).to_parquet(file)

    corpus = load_corpus(tmp_path / "set")

    assert corpus.conversion.detected == {"format hf": 1}
    assert [entity.label for entity in corpus[0].entities] == ["X"]


def test_numbers_without_names_are_explained(tmp_path):
    write_rows(tmp_path / "set" / "data.jsonl", {**ROW, "ner_tags": [1, 0]})

    with pytest.raises(InputError, match="ner_tags: the tags are numbers without names"):
        load_corpus(tmp_path / "set")
    assert len(load_corpus(tmp_path / "set", names="O,B-PER")) == 1


def test_what_evalkit_writes_as_a_data_set_is_recognized_and_scored(tmp_path):
    Corpus([DOCUMENT]).save(f"hf:{tmp_path}/set")

    corpus = load_corpus(tmp_path / "set")
    scores = score(tmp_path / "set", tmp_path / "set", "entities/strict")

    assert (list(corpus), corpus.conversion.detected) == ([DOCUMENT], {"format hf": 1})
    assert scores["entities/strict"].micro.tp == 1


@pytest.mark.parametrize(
    "rows",
    [
        {"a.jsonl": {"id": "d1", "text": "Ada", "entities": []}},
        {"a.jsonl": ROW, "b.jsonl": {"id": "d1", "text": "Ada", "entities": []}},
        {"a.jsonl": {**ROW, "ner_tags": ["O"]}},
        {"a.jsonl": {**ROW, "tokens": "Ada ran"}},
        {"a.jsonl": {"tokens": ["Ada"]}},
        {"a.json": {"a": 1}},
        {},
    ],
)
def test_other_folders_are_no_data_set(tmp_path, rows):
    (tmp_path / "set").mkdir()
    for name, row in rows.items():
        write_rows(tmp_path / "set" / name, row)

    with pytest.raises(InputError, match="no corpus: neither it nor a folder above"):
        load_corpus(tmp_path / "set")


def test_parquet_files_of_documents_remain_shards(tmp_path):
    for side in ("gold", "predicted"):
        (tmp_path / side).mkdir()
        Corpus([DOCUMENT]).save(tmp_path / side / "1.parquet")
    (tmp_path / "gold" / "notes.txt").write_text("no shard")

    scores = score(tmp_path / "gold", tmp_path / "predicted", "entities/strict")

    assert scores["entities/strict"].micro.tp == 1


def test_an_invalid_parquet_file_is_no_sign(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and nothing else")
    parquet.write_table(pa.table({"tokens": ["Ada"], "tags": ["O"]}), tmp_path / "b.parquet")

    with pytest.raises(InputError, match="no corpus"):
        load_corpus(tmp_path)


def test_a_folder_of_webanno_files_is_recognized(tmp_path):
    Corpus([DOCUMENT]).save(f"webanno:{tmp_path}/project")

    corpus = load_corpus(tmp_path / "project")

    assert corpus.conversion.detected == {"format webanno": 1}
    assert [entity.label for entity in corpus[0].entities] == ["PER"]


def test_a_folder_of_casie_files_is_recognized(tmp_path):
    article = {
        "content": "Ada ran.",
        "sourcefile": "1.txt",
        "cyberevent": {
            "hopper": [
                {
                    "index": "h1",
                    "events": [
                        {
                            "index": "e1",
                            "type": "Attack",
                            "subtype": "Phishing",
                            "realis": "Actual",
                            "nugget": {"startOffset": 4, "endOffset": 7, "text": "ran"},
                        }
                    ],
                }
            ]
        },
    }
    write_rows(tmp_path / "casie" / "1.json", article)

    corpus = load_corpus(tmp_path / "casie")

    assert corpus.conversion.detected == {"format casie": 1}
    trigger = corpus[0].events[0].trigger
    assert (trigger.start, trigger.end) == (4, 7)


def test_a_file_without_a_suffix_is_not_taken_for_a_folder(tmp_path):
    (tmp_path / "README").write_text("# Gold\nOur corpus.\n")

    done = run_evalkit("validate", "README", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith("evalkit: README: unknown format; write the format before")


def test_documents_in_subfolders_are_recognized(tmp_path):
    for name in ("train/a", "test/inner/b"):
        (tmp_path / "set" / name).parent.mkdir(parents=True)
        (tmp_path / "set" / f"{name}.txt").write_text("Ada")
        (tmp_path / "set" / f"{name}.ann").write_text("T1\tPER 0 3\tAda\n")

    corpus = load_corpus(tmp_path / "set")

    assert corpus.conversion.detected == {"format brat": 1}
    assert list(corpus.ids) == ["test/inner/b", "train/a"]


def test_files_in_subfolders_that_are_not_read_from_a_folder_are_not_recognized(tmp_path):
    (tmp_path / "set" / "inner").mkdir(parents=True)
    (tmp_path / "set" / "inner" / "a.conll").write_text("Ada B-PER\n")

    with pytest.raises(InputError, match="no corpus: neither it nor a folder above it"):
        load_corpus(tmp_path / "set")
