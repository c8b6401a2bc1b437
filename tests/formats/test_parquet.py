"""Parquet files with a document or an entity in each row: they are read back as they were written,
and an invalid file is an error that names column, row and value.
"""

import gzip
import json
import re
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import any_text
from helpers.arrow_tables import json_table, make_sides, rewrite
from helpers.cli import run_evalkit
from helpers.documents import EMPTY, EVERYTHING, FAILED
from helpers.profiles import examples
from hypothesis import given, settings

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    LoadError,
    Schema,
    load_corpus,
    score,
)
from evalkit.corpus import JsonlFile, open_corpus
from evalkit.data.document import LAYERS
from evalkit.errors import UnknownNameError

ADA = Document("d1", "Ada met Bo.", [Entity("PER", 0, 3), Entity("PER", 8, 10, score=0.5)])
ROW = {
    "id": "d1",
    "text": "Oh Ada",
    "entities": [{"label": "PER", "start": 3, "end": 6, "text": "Ada"}],
}


def write_rows(path, *rows, schema=None):
    pq.write_table(pa.Table.from_pylist(list(rows), schema), path)
    return path


def entity(**changed):
    return {**ROW, "entities": [{**ROW["entities"][0], **changed}]}


def test_a_corpus_is_read_back_equal(tmp_path):
    corpus = Corpus([EVERYTHING, EMPTY, FAILED], schema=Schema(labels={"PER": "people"}))

    conversion = corpus.save(tmp_path / "all.parquet")

    back = load_corpus(tmp_path / "all.parquet", predictions=True)
    assert (back, dict(back.conversion.counts)) == (corpus, {})
    assert not conversion


@settings(deadline=None, max_examples=examples(30))
@given(any_text.corpora(layers=LAYERS, broken=True))
def test_any_corpus_is_read_back_equal(tmp_path_factory, corpus):
    path = tmp_path_factory.mktemp("corpus") / "all.parquet"

    Corpus(corpus).save(path)

    assert list(load_corpus(path, predictions=True)) == corpus


def test_a_file_of_the_package_datasets_is_read(tmp_path):
    corpus = Corpus([EVERYTHING, EMPTY])
    corpus.to_datasets()["documents"].to_parquet(tmp_path / "documents.parquet")

    back = load_corpus(tmp_path / "documents.parquet")

    assert (list(back), dict(back.conversion.counts)) == (list(corpus), {})


def test_the_package_datasets_loads_a_file(tmp_path):
    import datasets

    Corpus([EVERYTHING, EMPTY]).save(tmp_path / "all.parquet")

    loaded = datasets.Dataset.from_parquet(
        str(tmp_path / "all.parquet"), cache_dir=str(tmp_path / "cache")
    )

    assert loaded["id"][:] == [EVERYTHING.id, EMPTY.id]
    assert Corpus.from_examples(loaded) == Corpus([EVERYTHING, EMPTY])


def test_evalkit_convert_goes_to_parquet_and_back(tmp_path):
    Corpus([EVERYTHING, EMPTY]).save(tmp_path / "a.jsonl")

    for arguments in (("a.jsonl", "b.parquet"), ("b.parquet", "c.jsonl")):
        done = run_evalkit("convert", *(tmp_path / name for name in arguments))
        assert done.returncode == 0, done.stderr

    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "c.jsonl").read_bytes()


def test_documents_are_compressed_and_in_row_groups(tmp_path):
    Corpus([Document(f"d{n}", "Ada", [Entity("PER", 0, 3)]) for n in range(2500)]).save(
        tmp_path / "all.parquet"
    )

    metadata = pq.read_metadata(tmp_path / "all.parquet")

    groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [1000, 1000, 500]
    assert {groups[0].column(n).compression for n in range(metadata.num_columns)} == {"ZSTD"}


@pytest.mark.parametrize("row_group_size", [1, 3, 2000])
def test_row_groups_do_not_change_a_corpus(tmp_path, row_group_size):
    corpus, _ = make_sides(4)
    corpus.save(tmp_path / "all.parquet")

    rewrite(tmp_path / "all.parquet", row_group_size)

    assert load_corpus(tmp_path / "all.parquet") == corpus
    assert [document.id for document in open_corpus(tmp_path / "all.parquet")] == corpus.ids


def test_a_file_without_a_known_suffix_is_recognized_by_its_first_bytes(tmp_path):
    Corpus([ADA]).save(f"parquet:{tmp_path}/corpus.data")

    assert list(load_corpus(tmp_path / "corpus.data")) == [ADA]


@pytest.mark.parametrize("location", ["{}/corpus.jsonl", "conll:{}/corpus.parquet"])
def test_a_parquet_file_is_not_read_in_another_format(tmp_path, location):
    path = location.format(tmp_path)
    Corpus([ADA]).save(f"parquet:{path.removeprefix('conll:')}")

    for function in (load_corpus, score_itself):
        with pytest.raises(InputError, match="a Parquet file: read it as parquet:"):
            function(path)


def test_compressed_files_are_read(tmp_path):
    Corpus([ADA]).save(tmp_path / "corpus.parquet")
    data = (tmp_path / "corpus.parquet").read_bytes()
    (tmp_path / "corpus.parquet.gz").write_bytes(gzip.compress(data))

    assert list(load_corpus(tmp_path / "corpus.parquet.gz")) == [ADA]
    assert score_itself(tmp_path / "corpus.parquet.gz")["ner"].micro.tp == 2


def test_a_file_of_documents_is_streamed_and_a_table_of_spans_is_loaded(tmp_path):
    Corpus([ADA]).save(tmp_path / "documents.parquet")
    Corpus([ADA]).save(tmp_path / "spans.parquet", layout="spans")

    assert isinstance(open_corpus(tmp_path / "documents.parquet"), JsonlFile)
    assert list(open_corpus(tmp_path / "spans.parquet")) == [ADA]


COLUMNS = {
    "strings as dictionaries": {"text": pa.dictionary(pa.int32(), pa.string())},
    "large strings": {"id": pa.large_string(), "text": pa.large_string()},
    "views": {"text": pa.string_view()},
    "small integers": {
        "entities": pa.list_(
            pa.struct([("label", pa.string()), ("start", pa.int8()), ("end", pa.uint16())])
        )
    },
    "floats": {
        "entities": pa.large_list(
            pa.struct([("start", pa.float64()), ("end", pa.float32()), ("label", pa.string())])
        )
    },
    "labels as dictionaries": {
        "entities": pa.list_(
            pa.struct(
                [
                    ("start", pa.int64()),
                    ("label", pa.dictionary(pa.int8(), pa.string())),
                    ("end", pa.int64()),
                ]
            ),
        )
    },
}


@pytest.mark.parametrize("types", COLUMNS.values(), ids=COLUMNS)
def test_all_types_of_strings_numbers_and_lists_are_read(types):
    names = {"id": pa.string(), "text": pa.string(), **types}
    names.setdefault(
        "entities",
        pa.list_(pa.struct([("label", pa.string()), ("start", pa.int64()), ("end", pa.int64())])),
    )
    rows = [
        {"id": "d1", "text": "Ada met Bo.", "entities": [{"label": "PER", "start": 0, "end": 3}]},
        {"id": "d2", "text": "", "entities": None},
        {"id": "d3", "text": "é", "entities": []},
    ]

    corpus = Corpus.from_examples(pa.Table.from_pylist(rows, pa.schema(names)))

    assert list(corpus) == [
        Document("d1", "Ada met Bo.", [Entity("PER", 0, 3)]),
        Document("d2", ""),
        Document("d3", "é", []),
    ]


def test_columns_with_the_keys_of_jsonl_are_read(tmp_path):
    pq.write_table(json_table([EVERYTHING, EMPTY, FAILED]), tmp_path / "all.parquet")

    assert list(load_corpus(tmp_path / "all.parquet", predictions=True)) == [
        EVERYTHING,
        EMPTY,
        FAILED,
    ]


def test_attributes_and_meta_may_be_structs():
    row = {**entity(attributes={"a": 1, "b": None}), "meta": {"source": "x"}}

    (document,) = Corpus.from_examples(pa.Table.from_pylist([row]))

    assert (document.meta, document.entities[0].attributes) == ({"source": "x"}, {"a": 1})


def test_a_row_without_named_layers_has_those_with_a_list(tmp_path):
    rows = [{**ROW, "layers": None}, {**ROW, "id": "d2", "layers": ["entities"]}]
    path = write_rows(tmp_path / "a.parquet", *rows)

    entities = [list(document.entities) for document in load_corpus(path)]

    assert entities == [[Entity("PER", 3, 6)]] * 2
    assert [list(document.entities) for document in open_all(path)] == entities


def test_other_columns_are_counted_as_dropped(tmp_path):
    path = write_rows(tmp_path / "a.parquet", {**entity(color="red"), "language": "en"})

    conversion = load_corpus(path).conversion

    assert dict(conversion.dropped) == {"columns": 2}
    assert conversion.dropped.examples["columns"] == (
        f"{path}: entities.color",
        f"{path}: language",
    )


def test_a_file_without_texts_gets_them_from_a_folder(tmp_path):
    from evalkit.formats.hf_tables import table_rows
    from evalkit.formats.hf_withheld import digest

    rows = list(table_rows([EVERYTHING], with_text=False, digest=digest)["documents"])
    path = write_rows(tmp_path / "a.parquet", *rows)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "any.txt").write_bytes(EVERYTHING.text.encode())

    assert list(load_corpus(path, texts=tmp_path / "texts")) == [EVERYTHING]
    with pytest.raises(InputError, match="published without its texts"):
        load_corpus(path)


INVALID = {
    "no id": ({"text": "a", "entities": []}, "no column 'id': expected one; the columns are text"),
    "no layer": ({"id": "a", "text": "a"}, "no column of annotations: expected one of: entities,"),
    "a text that is a number": (
        {**ROW, "text": 7},
        "column 'text': expected strings, got int64",
    ),
    "entities that are strings": (
        {**ROW, "entities": "PER"},
        "column 'entities': expected lists, got string",
    ),
    "entities that are lists": (
        {**ROW, "entities": [[0, 3]]},
        "column 'entities': expected structs with id, label, start, end",
    ),
    "starts that are strings": (
        entity(start="0"),
        "column 'entities.start': expected whole numbers, got string",
    ),
    "a null id": ({**ROW, "id": None}, "row 1: id: null: expected a string"),
    "a null text": ({**ROW, "text": None}, "row 1: text: null: expected a string"),
    "an empty id": ({**ROW, "id": ""}, "row 1: "),
    "a null label": (entity(label=None), "row 1: entities[0].label: null: expected a value"),
    "an empty label": (entity(label=""), "invalid label ''"),
    "a null start": (entity(start=None), "row 1: entities[0].start: null: expected a value"),
    "a null entity": ({**ROW, "entities": [None]}, "row 1: entities[0]: Expected 'object'"),
    "a fraction": (entity(start=3.5), "row 1: entities.start: 3.5: expected a whole number"),
    "an offset past the end": (
        entity(end=99, text=None),
        "row 1: document 'd2', entities[0].end: 99 is past the end of the text (length 6)",
    ),
    "an offset before the text": (entity(start=-1), "-1 is before the text"),
    "an empty span": (entity(start=6), "6 is not after the start, 6"),
    "another surface": (
        entity(start=0, end=3),
        "entities[0].text: 'Ada' is not the text at 0 to 3: 'Oh '; these words are at 3 to 6",
    ),
    "an infinite score": (entity(score=float("inf")), "invalid score inf"),
    "another digest": ({**ROW, "sha256": "0" * 64}, "not the text with the sha256 000"),
    "an unknown layer": ({**ROW, "layers": ["entity"]}, "layers: 'entity': expected one of:"),
    "annotations of an unnamed layer": (
        {**ROW, "layers": ["events"]},
        "entities: 1 annotations, but the column 'layers' does not name entities",
    ),
    "meta that is not JSON": ({**ROW, "meta": "{"}, "row 1: "),
    "meta that is a list": ({**ROW, "meta": "[1]"}, "row 1: meta: Expected 'object"),
    "a key that occurs twice": ({**ROW, "meta": '{"a": 1, "a": 2}'}, "duplicate key 'a'"),
    "a fragment of three": (
        entity(fragments=[[3, 4, 5]]),
        "row 1: entities.fragments: [3, 4, 5]: expected a start and an end",
    ),
    "a fragment outside": (entity(fragments=[[1, 2], [4, 6]]), "entities[0].fragments"),
    "an entity id that occurs twice": (
        {
            **ROW,
            "entities": [
                {**ROW["entities"][0], "id": "T1"},
                {"label": "X", "start": 0, "end": 1, "id": "T1"},
            ],
        },
        "duplicate id 'T1'",
    ),
}


@pytest.mark.parametrize(("row", "message"), INVALID.values(), ids=INVALID)
def test_an_invalid_file_is_an_error_with_column_row_and_value(tmp_path, row, message):
    valid = {"id": "d1", "text": "Oh Ada", "entities": []}
    rows = [valid, {**row, "id": "d2"} if row.get("id") == "d1" else row]
    if message.startswith(("column", "no ")):
        rows = rows[1:]
    keys = {key: None for each in rows[::-1] for key in each}
    path = write_rows(tmp_path / "bad.parquet", *({k: each.get(k) for k in keys} for each in rows))

    for function in (load_corpus, open_all, score_itself):
        with pytest.raises(InputError, match=re.escape(message)) as error:
            function(path)
        assert str(error.value).startswith(str(path))


def open_all(path):
    return list(open_corpus(path))


def score_itself(path):
    return score(path, path)


def test_all_invalid_rows_are_reported(tmp_path):
    rows = [ROW, {**entity(end=99), "id": "d2"}, {**entity(label=""), "id": "d3"}]
    path = write_rows(tmp_path / "bad.parquet", *rows)

    with pytest.raises(LoadError) as error:
        score(path, path)

    assert len(error.value.errors) == 2


def test_ids_and_entities_of_gold_are_unique(tmp_path):
    path = write_rows(tmp_path / "ids.parquet", ROW, ROW)
    twice = {**ROW, "entities": ROW["entities"] * 2}
    stacked = write_rows(tmp_path / "stacked.parquet", twice)

    with pytest.raises(LoadError, match="duplicate id 'd1': already used by .*row 0"):
        score(path, path)
    with pytest.raises(LoadError, match=r"row 0: document 'd1', entities\[1\]: duplicate of"):
        score(stacked, stacked)
    assert len(load_corpus(stacked, duplicates="drop")[0].entities) == 1


@pytest.mark.parametrize("size", [0, 3, 4, 100, 0.5, -1])
def test_a_truncated_file_is_an_error(tmp_path, size):
    path = tmp_path / "all.parquet"
    Corpus([EVERYTHING, EMPTY]).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * size) if size == 0.5 else size])

    for function in (load_corpus, score_itself):
        with pytest.raises(LoadError, match="not a valid Parquet file: "):
            function(path)


def test_the_command_line_ends_with_2_for_invalid_files(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    write_rows(tmp_path / "b.parquet", entity(end=99))

    for name in ("a.parquet", "b.parquet"):
        done = run_evalkit("score", tmp_path / name, tmp_path / name)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)


def test_damaged_bytes_are_an_error(tmp_path):
    path = tmp_path / "all.parquet"
    make_sides(5)[0].save(path)
    data = path.read_bytes()

    for position in [
        *range(4, len(data) - 3000, len(data) // 30),
        *range(len(data) - 3000, len(data), 71),
    ]:
        path.write_bytes(data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :])
        for function in (load_corpus, open_all):
            with suppress(InputError):
                function(path)


def test_a_text_that_is_not_utf8_is_an_error(tmp_path):
    text = pa.StringArray.from_buffers(
        1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")
    )
    table = pa.table({"id": ["d1"], "text": text, "entities": pa.array([[]], pa.list_(pa.null()))})
    pq.write_table(table, tmp_path / "bad.parquet")

    for function in (load_corpus, score_itself):
        with pytest.raises(InputError, match="row 0: not UTF-8"):
            function(tmp_path / "bad.parquet")


SPANS = [
    {"document": "d1", "start": 0, "end": 3, "label": "PER", "text": "Ada", "score": None},
    {"document": "d1", "start": 8, "end": 10, "label": "PER", "text": "Bo", "score": 0.5},
]


def test_a_corpus_of_entities_is_read_back_equal_from_a_table_of_spans(tmp_path):
    full = Entity("A", 0, 6, id="T1", fragments=((0, 1), (4, 6)), score=0.1, attributes={"a": None})
    corpus = Corpus([ADA, Document("d2", "😀 x\n東京", [full]), Document("d3", "", [])])

    conversion = corpus.save(tmp_path / "spans.parquet", layout="spans")

    assert load_corpus(tmp_path / "spans.parquet") == corpus
    assert not conversion


def test_what_a_table_of_spans_cannot_hold_is_counted(tmp_path):
    conversion = Corpus([EVERYTHING, FAILED]).save(tmp_path / "spans.parquet", layout="spans")

    back = load_corpus(tmp_path / "spans.parquet")
    assert list(back[0].entities) == list(EVERYTHING.entities)
    assert conversion.dropped["events"] == len(EVERYTHING.events)
    assert conversion.dropped["attributions"] == len(EVERYTHING.attributions)
    assert conversion.dropped["zones"] == len(EVERYTHING.zones)
    assert conversion.skipped["documents that failed"] == 1


def test_a_table_of_spans_needs_annotated_entities(tmp_path):
    with pytest.raises(InputError, match="document 'a': entities were not annotated"):
        Corpus([Document("a", "x")]).save(tmp_path / "spans.parquet", layout="spans")


def test_an_unknown_layout_is_an_error(tmp_path):
    with pytest.raises(UnknownNameError, match="expected one of: documents, spans"):
        Corpus([ADA]).save(tmp_path / "a.parquet", layout="nested")


@pytest.mark.parametrize("texts", ["corpus.jsonl", "corpus.parquet", "folder"])
def test_a_table_of_spans_gets_its_texts_from_a_corpus_or_a_folder(tmp_path, texts):
    path = write_rows(tmp_path / "spans.parquet", *SPANS)
    if texts == "folder":
        (tmp_path / texts).mkdir()
        (tmp_path / texts / "d1.txt").write_text(ADA.text)
    else:
        Corpus([Document("d1", ADA.text)]).save(tmp_path / texts)

    assert list(load_corpus(path, texts=tmp_path / texts)) == [ADA]


def test_documents_without_rows_have_no_entities_and_are_counted(tmp_path):
    path = write_rows(tmp_path / "spans.parquet", *SPANS)
    Corpus([ADA, Document("d2", "Bo")]).save(tmp_path / "texts.jsonl")

    corpus = load_corpus(path, texts=tmp_path / "texts.jsonl")

    assert corpus["d2"].entities == ()
    assert dict(corpus.conversion.repaired) == {
        "documents without rows, read as documents without entities": 1
    }


def test_the_columns_of_published_entities_are_a_table_of_spans(tmp_path):
    datasets = Corpus([EVERYTHING, EMPTY]).to_datasets()
    for name in ("entities", "documents"):
        datasets[name].to_parquet(tmp_path / f"{name}.parquet")

    corpus = load_corpus(tmp_path / "entities.parquet", texts=tmp_path / "documents.parquet")

    assert corpus[0].entities == EVERYTHING.entities


INVALID_SPANS = {
    "no label": (
        [{"document": "a", "start": 0, "end": 1}],
        "no column with the label of each span: expected one of: label, entity_group",
    ),
    "a null document": ([{**SPANS[0], "document": None}], "row 0: document: None: expected a"),
    "a null start": ([SPANS[0], {**SPANS[1], "start": None}], "row 1: start: null: expected a"),
    "a negative start": ([{**SPANS[0], "start": -1}], "row 0: document 'd1', start: -1 is before"),
    "an end past the text": (
        [{**SPANS[0], "end": 99, "text": None}],
        "row 0: document 'd1', end: 99 is past the end of the text (length 11)",
    ),
    "another surface": (
        [SPANS[0], {**SPANS[1], "text": "Ada"}],
        "row 1: document 'd1', text: 'Ada' is not the text at 8 to 10: 'Bo'",
    ),
    "an empty label": ([{**SPANS[0], "label": ""}], "row 0: document 'd1', label: invalid label"),
    "two texts": (
        [{**SPANS[0], "document_text": "Ada met Bo."}, {**SPANS[1], "document_text": "Ada"}],
        "row 1: document_text: another text than in an earlier row of document 'd1'",
    ),
    "an unknown document": ([{**SPANS[0], "document": "d9"}], "row 0: document 'd9': no text in"),
    "a start that is a string": (
        [{**SPANS[0], "start": "0"}],
        "column 'start': expected whole numbers, got string",
    ),
}


@pytest.mark.parametrize(("rows", "message"), INVALID_SPANS.values(), ids=INVALID_SPANS)
def test_an_invalid_table_of_spans_is_an_error_with_column_and_row(tmp_path, rows, message):
    path = write_rows(tmp_path / "bad.parquet", *rows)
    Corpus([ADA]).save(tmp_path / "texts.jsonl")

    with pytest.raises(InputError, match=re.escape(message)):
        load_corpus(path, texts=tmp_path / "texts.jsonl")


def test_a_table_of_spans_without_texts_cannot_be_loaded_alone(tmp_path):
    path = write_rows(tmp_path / "spans.parquet", *SPANS)

    with pytest.raises(InputError, match='that has them .texts="FILE".'):
        load_corpus(path)


def test_json_of_a_file_can_be_read_by_other_programs(tmp_path):
    Corpus([EVERYTHING]).save(tmp_path / "all.parquet")

    (meta,) = pq.read_table(tmp_path / "all.parquet")["meta"].to_pylist()

    assert json.loads(meta) == EVERYTHING.meta
