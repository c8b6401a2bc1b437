"""What `datasets` loads of a corpus is the corpus, field by field, and what lies on the Hub or in a
folder is read back.
"""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.documents import EMPTY, EVERYTHING, FAILED

from evalkit import (
    Argument,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Schema,
    Span,
    Unplaced,
    load_corpus,
)
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.hf import documents_of, to_datasets, write
from evalkit.formats.hf_tables import (
    CONFIGS,
    card_data,
    column_types,
    date_like_columns,
    features,
    table_rows,
)
from evalkit.formats.hf_withheld import digest

UNMARKED = Document("d4", "Nobody looked.")
CORPUS = Corpus([EVERYTHING, EMPTY, FAILED, UNMARKED], schema=Schema(labels={"PER": "people"}))
DATES = Corpus(
    [
        Document(
            "2026-01-05",
            "2026-01-05",
            [Entity("DATE", 0, 10, id="2026-01-05T10:00:00Z")],
            [Event("2026-01-05", Span(0, 10), [Argument("Time", 0, 10)])],
            meta={},
            failure="2026-01-05 10:00",
            unplaced=[Unplaced("entities", "DATE", "nowhere", quote="2026-01-06")],
        )
    ]
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def loaded(folder, config):
    import datasets

    return datasets.load_dataset(str(folder), config)["test"]


def test_documents_come_back_from_datasets_equal():
    made = to_datasets(CORPUS)

    assert list(made) == list(CONFIGS)
    assert list(documents_of(made["documents"])) == list(CORPUS)
    assert [list(made[config]) for config in CONFIGS] == [
        list(of) for of in table_rows(CORPUS).values()
    ]


def test_every_row_has_every_column_and_no_list_is_null():
    for config, of in table_rows(CORPUS).items():
        for row in of:
            assert list(row) == list(column_types()[config])
            assert [
                name
                for name, kind in column_types()[config].items()
                if isinstance(kind, list) and row[name] is None
            ] == []


def test_flat_rows_name_their_document_and_place():
    made = {config: list(of) for config, of in table_rows([EVERYTHING]).items()}

    assert made["entities"] == [
        {
            "doc_id": "d1",
            "index": 0,
            "id": "T1",
            "label": "PER",
            "start": 0,
            "end": 3,
            "text": "Ada",
            "fragments": [],
            "score": 0.5,
            "attributes": '{"unsure": true}',
        }
    ]
    assert made["events"][0]["fragments"] == [{"start": 19, "end": 22}, {"start": 35, "end": 38}]
    assert made["event_arguments"] == [
        {
            "doc_id": "d1",
            "event": 0,
            "event_id": "E1",
            "event_label": "Switch.Off",
            "index": 0,
            "role": "Agent",
            "start": 0,
            "end": 3,
            "text": "Ada",
            "fragments": [],
            "ref": "T1",
            "score": None,
            "head": None,
        }
    ]
    assert [(row["cue"], row["content"]["text"], row["parent"]) for row in made["attributions"]][
        1
    ] == (None, "would", "A1")


@pytest.mark.slow
@pytest.mark.parametrize("corpus", [CORPUS, DATES], ids=["everything", "dates"])
def test_a_folder_that_was_written_loads_for_every_config_and_comes_back(tmp_path, corpus):
    losses = corpus.save(f"hf:{tmp_path}/news")

    there = [of["config_name"] for of in card_data(corpus)["configs"]]
    assert losses.counts == {}
    assert [list(loaded(tmp_path / "news", config)) for config in there] == [
        list(table_rows(corpus)[config]) for config in there
    ]
    assert [loaded(tmp_path / "news", config).features for config in there] == [
        features(corpus)[config] for config in there
    ]
    assert load_corpus(f"hf:{tmp_path}/news") == corpus


def test_columns_of_nothing_but_dates_are_known():
    assert date_like_columns(DATES)["documents"] == {
        "id",
        "text",
        "failure",
        "unplaced.quote",
        "entities.id",
        "entities.text",
        "events.label",
        "events.trigger.text",
        "events.arguments.text",
    }
    assert date_like_columns(CORPUS) == dict.fromkeys(CONFIGS, frozenset())


def test_digits_of_scores_that_the_loader_drops_beside_dates_are_counted(tmp_path):
    corpus = Corpus([Document("d1", "2026-01-05", [Entity("DATE", 0, 10, score=0.1234567890123)])])

    losses = corpus.save(f"hf:{tmp_path}/news")

    assert list(losses.lines()) == ["1 digits of scores (document 'd1', entities[0])"]


def test_configs_without_a_row_are_not_declared(tmp_path):
    corpus = Corpus([Document("d1", "Ada", [Entity("PER", 0, 3)])])

    corpus.save(f"hf:{tmp_path}/news")

    assert sorted(file.name for file in (tmp_path / "news" / "data").iterdir()) == [
        "documents.jsonl",
        "entities.jsonl",
    ]
    assert load_corpus(f"hf:{tmp_path}/news") == corpus


def test_an_empty_corpus_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"news: no documents; datasets loads no empty data set$"):
        Corpus([]).save(f"hf:{tmp_path}/news")


def test_another_readme_is_not_replaced(tmp_path):
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")

    with pytest.raises(
        InputError,
        match=(r"README.md: has other content, which would be replaced; save to another folder$"),
    ):
        CORPUS.save(f"hf:{tmp_path}")


def test_nothing_is_written_to_the_hub():
    with pytest.raises(
        InputError,
        match=(
            r"^me/news: a data set on the Hub is changed by `evalkit publish`; to write a folder,"
            r" say hf:DIR$"
        ),
    ):
        write(CORPUS, Path("//me/news"), ConversionReport())


def test_a_surface_that_is_not_in_the_text_is_named_with_its_row(tmp_path):
    CORPUS.save(f"hf:{tmp_path}/news")
    file = tmp_path / "news" / "data" / "documents.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"text":"would"', b'"text":"could"'))

    with pytest.raises(
        LoadError,
        match=(
            r"news: row 0: document 'd1', attributions\[1\].content.text: 'could' is not the"
            r" text at 13 to 18: 'would'"
        ),
    ):
        load_corpus(f"hf:{tmp_path}/news")


def test_a_text_that_was_changed_is_refused(tmp_path):
    CORPUS.save(f"hf:{tmp_path}/news")
    file = tmp_path / "news" / "data" / "documents.jsonl"
    file.write_bytes(file.read_bytes().replace(b"Nobody looked.", b"Nobody asked."))

    with pytest.raises(
        LoadError,
        match=r"news: row 3: document 'd4', text: not the text with the sha256 \w{64}$",
    ):
        load_corpus(f"hf:{tmp_path}/news")


def test_bigbio_lines_load_under_the_features_of_its_schema(tmp_path):
    from datasets import Features, List, Value, load_dataset

    text, offsets, string = List(Value("string")), List(List(Value("int32"))), Value("string")
    types = Features(
        {
            "id": string,
            "document_id": string,
            "passages": List({"id": string, "type": string, "text": text, "offsets": offsets}),
            "entities": List(
                {
                    "id": string,
                    "type": string,
                    "text": text,
                    "offsets": offsets,
                    "normalized": List({"db_name": string, "db_id": string}),
                }
            ),
            "events": List(
                {
                    "id": string,
                    "type": string,
                    "trigger": {"text": text, "offsets": offsets},
                    "arguments": List({"role": string, "ref_id": string}),
                }
            ),
            "coreferences": List({"id": string, "entity_ids": List(string)}),
            "relations": List(
                {
                    "id": string,
                    "type": string,
                    "arg1_id": string,
                    "arg2_id": string,
                    "normalized": List({"db_name": string, "db_id": string}),
                }
            ),
        }
    )
    CORPUS.save(f"bigbio:{tmp_path}/news.jsonl")

    rows = load_dataset("json", data_files=f"{tmp_path}/news.jsonl", features=types, split="train")

    assert rows["document_id"] == ["d1", "d2", "d4"]
    assert rows[0]["events"][0]["trigger"] == {
        "text": ["put", "out"],
        "offsets": [[19, 22], [35, 38]],
    }


def withheld(folder, corpus):
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text(
        f"---\n{json.dumps(card_data(corpus, with_text=False))}\n---\n", encoding="utf-8"
    )
    for config, of in table_rows(corpus, with_text=False, digest=digest).items():
        (folder / "data" / f"{config}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in of), encoding="utf-8"
        )
    (folder.parent / "texts").mkdir()
    for document in corpus:
        (folder.parent / "texts" / f"{document.id}.txt").write_bytes(document.text.encode())
    return folder


def test_texts_are_put_back_under_a_data_set_without_them(tmp_path):
    folder = withheld(tmp_path / "news", CORPUS)

    corpus = load_corpus(f"hf:{folder}", texts=tmp_path / "texts")

    assert list(corpus) == list(CORPUS)


def test_a_data_set_without_texts_says_what_to_do(tmp_path):
    folder = withheld(tmp_path / "news", CORPUS)

    with pytest.raises(
        InputError,
        match=(
            r"news was published without its text; texts=.DIR. puts it back, from a folder that"
            r" holds it"
        ),
    ):
        load_corpus(f"hf:{folder}")


def test_an_offset_that_was_changed_under_a_withheld_text_is_named(tmp_path):
    folder = withheld(tmp_path / "news", CORPUS)
    file = folder / "data" / "documents.jsonl"
    file.write_text(
        file.read_text(encoding="utf-8").replace(
            '"label": "PER", "start": 0, "end": 3', '"label": "PER", "start": 1, "end": 3'
        ),
        encoding="utf-8",
    )

    with pytest.raises(
        LoadError,
        match=(
            r"news: row 0: document 'd1', entities\[0\].digest: not the digest of the text there"
        ),
    ):
        load_corpus(f"hf:{folder}?texts={tmp_path}/texts")


def tagged(folder, *, names=("O", "B-PER", "I-PER"), tags=((1, 2, 0), (0,)), split="test", **more):
    import datasets

    types = {
        "tokens": datasets.List(datasets.Value("string")),
        "ner_tags": datasets.List(datasets.ClassLabel(names=list(names))),
    }
    table = {
        "tokens": [["Ada", "Lovelace", "wrote"], ["Yes"]],
        "ner_tags": [list(row) for row in tags],
        **more,
    }
    made = datasets.Dataset.from_dict(
        table,
        features=datasets.Features(
            {**types, **{name: datasets.List(datasets.Value("string")) for name in more}}
        ),
    )
    datasets.DatasetDict({split: made}).save_to_disk(folder)
    return folder


def test_tokens_with_a_classlabel_are_read(tmp_path):
    corpus = load_corpus(f"hf:{tagged(tmp_path / 'conll')}")

    assert list(corpus) == [
        Document("test-0", "Ada Lovelace wrote", [Entity("PER", 0, 12)]),
        Document("test-1", "Yes", []),
    ]


def test_other_columns_are_losses_and_the_tags_can_be_named(tmp_path):
    corpus = load_corpus(
        f"hf:{tagged(tmp_path / 'conll', fine=[['B-A', 'O', 'O'], ['O']])}?tag_column=fine"
    )

    assert [document.entities for document in corpus] == [(Entity("A", 0, 3),), ()]
    assert list(corpus.conversion.lines()) == [f"1 columns ({tmp_path}/conll: ner_tags)"]


def test_improper_tags_are_refused_or_repaired_as_asked(tmp_path):
    folder = tagged(tmp_path / "conll", tags=((0, 2, 0), (0,)))

    with pytest.raises(
        LoadError,
        match=(
            r"conll: row 0: ner_tags: token 1: 'I-PER' is preceded by 'O', which is"
            r" invalid IOB2: B-PER or I-PER is expected before it; correct them, or choose a tag"
            r" repair: repair=.discard. .*, begin .* or conlleval .*$"
        ),
    ):
        load_corpus(f"hf:{folder}")
    corpus = load_corpus(f"hf:{folder}?repair=begin")
    assert corpus[0].entities == (Entity("PER", 4, 12),)
    assert list(corpus.conversion.lines()) == [
        f"1 invalid tags, repaired as begin ({folder}: ner_tags)"
    ]


@pytest.mark.parametrize(
    ("made", "path", "message"),
    [
        (
            {"tags": ((1, 2), (0,))},
            "{}",
            "conll: row 0: 3 tokens and 2 ner_tags; each token has one tag",
        ),
        (
            {"tags": ((-1, -1, -1), (0,))},
            "{}",
            "conll: row 0: ner_tags: invalid tag -1: expected the index of one of 3 tags; are the"
            " tags of this split published?",
        ),
        (
            {},
            "{}?tag_column=pos",
            "conll: no column 'pos'; name one with tag_column=\"NAME\": tokens, ner_tags",
        ),
        (
            {},
            "{}?token_column=words",
            "conll: no column 'words'; name one with token_column=\"NAME\": tokens, ner_tags",
        ),
        ({}, "{}?split=dev", "conll: unknown split 'dev'; expected one of: test"),
        (
            {},
            "{}?tagging=BIO",
            "unknown tagging 'BIO'; expected one of: IOB2, IOB1, IOE2, IOE1, IO",
        ),
        ({}, "{}?streaming=true", "unknown option 'streaming' in 'hf'"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, made, path, message):
    folder = tagged(tmp_path / "conll", **made)

    with pytest.raises(InputError) as error:
        load_corpus("hf:" + path.format(folder))

    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_several_configs_or_splits_are_named(tmp_path):
    for split in ("train", "test"):
        for config in ("a", "b"):
            (tmp_path / f"{config}-{split}.jsonl").write_text(
                json.dumps({"tokens": ["Ada"], "ner_tags": ["B-PER"]}), encoding="utf-8"
            )
    files = [
        {
            "config_name": c,
            "data_files": [{"split": s, "path": f"{c}-{s}.jsonl"} for s in ("train", "test")],
        }
        for c in ("a", "b")
    ]
    (tmp_path / "README.md").write_text(
        f"---\n{json.dumps({'configs': files})}\n---\n", encoding="utf-8"
    )

    with pytest.raises(InputError, match=r": several configs: a, b; name one: config=.NAME.$"):
        load_corpus(f"hf:{tmp_path}")
    with pytest.raises(InputError, match=r": several splits: train, test; name one: split=.NAME.$"):
        load_corpus(f"hf:{tmp_path}?config=a")
    assert list(load_corpus(f"hf:{tmp_path}?config=a&split=test")) == [
        Document("test-0", "Ada", [Entity("PER", 0, 3)])
    ]


@pytest.mark.parametrize("content", ["{", '{"a": 1}\n{"a": ', "\ufeff", "[1, 2"])
def test_files_that_datasets_cannot_read_get_one_line(tmp_path, content):
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "a.jsonl").write_text(content, encoding="utf-8")

    with pytest.raises(InputError) as error:
        load_corpus(f"hf:{tmp_path}/news")

    assert str(error.value).startswith(f"{tmp_path}/news: ")
    assert len(str(error.value).splitlines()) == 1


def test_a_script_is_not_run(tmp_path):
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "news.py").write_text("raise SystemExit('ran')", encoding="utf-8")

    with pytest.raises(
        InputError, match=r"news: Dataset scripts are no longer supported, but found news.py$"
    ):
        load_corpus(f"hf:{tmp_path}/news")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(
        InputError,
        match=r"nowhere: no such file or folder; a data set on the Hub is written hf://OWNER/NAME$",
    ):
        load_corpus(f"hf:{tmp_path}/nowhere")


def test_a_hub_that_cannot_be_reached_gets_one_line_and_the_exit_code_of_an_input_error(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "evalkit.cli", "validate", "hf://me/news"],
        capture_output=True,
        text=True,
        check=False,
        env={
            "HF_ENDPOINT": "http://127.0.0.1:9",
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(tmp_path),
            "PATH": "",
        },
    )

    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1)
    assert "me/news: " in ran.stderr


def test_a_folder_is_read_as_it_is_now_and_not_as_another_of_its_name_was(tmp_path):
    for name in ("one", "two"):
        Corpus([Document("d0", f"Ada {name}", (Entity("PER", 0, 3),))]).save(
            f"hf:{tmp_path}/{name}/news"
        )

    texts = [load_corpus(f"hf:{tmp_path}/{name}/news")[0].text for name in ("one", "two")]

    assert texts == ["Ada one", "Ada two"]


@pytest.mark.parametrize("tokens", [["Ada", None], "Ada", [1, 2], [["Ada"]]])
def test_tokens_that_are_no_texts_are_refused_with_their_row(tmp_path, tokens):
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "train.jsonl").write_text(
        json.dumps({"tokens": tokens, "ner_tags": ["B-PER", "O", "O"][: len(tokens)]}) + "\n",
        encoding="utf-8",
    )

    with pytest.raises(InputError, match=r"news: row 0: tokens: .*: expected a list of strings"):
        load_corpus(f"hf:{tmp_path}/news")


def test_a_data_set_is_not_written_over_with_another(tmp_path):
    Corpus([Document("d0", "Ada", (Entity("PER", 0, 3),))]).save(f"hf:{tmp_path}/news")

    with pytest.raises(
        InputError,
        match="news: has another data set, which would be replaced; save to another folder",
    ):
        Corpus([Document("d1", "Ada", (Entity("PER", 0, 3),))]).save(f"hf:{tmp_path}/news")


# Files of rows with tokens and tags

ROWS = [
    {"id": "a", "tokens": ["Ada", "ran"], "ner_tags": ["B-PER", "O"]},
    {"id": "b", "tokens": ["Rome"], "ner_tags": ["B-LOC"]},
]
READ_ROWS = [
    Document("a", "Ada ran", [Entity("PER", 0, 3)]),
    Document("b", "Rome", [Entity("LOC", 0, 4)]),
]


def write_file(path, rows):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet"])
def test_a_file_of_rows_is_read(tmp_path, suffix):
    path = write_file(tmp_path / f"test{suffix}", ROWS)

    corpus = load_corpus(f"hf:{path}")

    assert list(corpus) == READ_ROWS
    if suffix == ".parquet":
        with pytest.raises(InputError, match=f"a table of tokens and tags: read it as hf:{path}$"):
            load_corpus(path)
    else:
        assert load_corpus(path).conversion.detected == {"format hf": 1}


def test_the_only_column_of_tags_is_read_whatever_its_name(tmp_path):
    rows = [{"tokens": row["tokens"], "pii_tags": row["ner_tags"]} for row in ROWS]
    path = write_file(tmp_path / "f.jsonl", rows)

    corpus = load_corpus(path)

    assert [document.entities for document in corpus] == [d.entities for d in READ_ROWS]
    assert list(corpus.ids) == ["train-0", "train-1"]


@pytest.mark.parametrize("name", ["pos_tags", "chunk_tags"])
def test_tags_that_are_none_of_entities_are_read_only_if_they_are_named(tmp_path, name):
    rows = [{"tokens": row["tokens"], name: row["ner_tags"]} for row in ROWS]
    path = write_file(tmp_path / "f.jsonl", rows)

    with pytest.raises(InputError, match="no single column of tags; name one with tag_column="):
        load_corpus(path)

    corpus = load_corpus(f"hf:{path}?tag_column={name}")
    assert [document.entities for document in corpus] == [d.entities for d in READ_ROWS]


@pytest.mark.parametrize(
    ("tokens", "tags", "problem"),
    [
        (["x"], ["X-LOC"], "ner_tags: invalid IOB2 tag 'X-LOC': expected O, B-LABEL or I-LABEL"),
        (["x", "y"], ["O", "I-LOC"], "ner_tags: token 1: 'I-LOC' is preceded by 'O', which is"),
        (["x", "y"], ["O"], "2 tokens and 1 ner_tags; each token has one tag"),
    ],
)
@pytest.mark.parametrize("first", [0, 1500])  # rows are read in blocks
def test_rows_with_errors_are_named_and_can_be_left_out(tmp_path, tokens, tags, problem, first):
    good = [{**ROWS[0], "id": f"g{n}"} for n in range(first)]
    bad = {"id": "bad", "tokens": tokens, "ner_tags": tags}
    path = write_file(tmp_path / "f.jsonl", [*good, *ROWS, bad])

    with pytest.raises(LoadError) as error:
        load_corpus(path)
    assert f"f.jsonl: row {first + 2}: {problem}" in str(error.value)
    corpus = load_corpus(path, on_error="skip")

    assert list(corpus)[first:] == READ_ROWS
    assert corpus.conversion.skipped == {"documents with errors": 1}


def test_tags_without_label_are_read_and_reported(tmp_path):
    path = write_file(
        tmp_path / "f.jsonl", [{"tokens": ["a", "b"], "ner_tags": ["B", "I"]}, ROWS[1]]
    )

    corpus = load_corpus(path)

    assert corpus[0].entities == (Entity("entity", 0, 3),)
    assert "tags B without label, which are read as B-entity" in corpus.conversion.detected
