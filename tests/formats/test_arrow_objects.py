"""Tables in memory are corpora: of pyarrow, pandas, polars, duckdb and `datasets`."""

import re
import subprocess
import sys

import pyarrow as pa
import pytest
from helpers.arrow_tables import json_table, make_sides
from helpers.documents import EMPTY, EVERYTHING, FAILED

from evalkit import Corpus, Document, Entity, InputError, LoadError, compare, predict, score
from evalkit.corpus import to_corpus

SPANS = [
    {"document": "a", "start": 0, "end": 3, "label": "PER"},
    {"document": "b", "start": 2, "end": 5, "label": "LOC"},
]
TEXTS = [Document("a", "Ada met Bo"), Document("b", "in Rome")]


def pandas_frame(table):
    return pytest.importorskip("pandas").DataFrame(table.to_pylist())


def polars_frame(table):
    return pytest.importorskip("polars").from_arrow(table)


def duckdb_relation(table):
    return pytest.importorskip("duckdb").from_arrow(table)


def dataset(table):
    return pytest.importorskip("datasets").Dataset(table)


TABLES = {
    "pyarrow": lambda table: table,
    "reader": lambda table: table.to_reader(max_chunksize=2),
    "batch": lambda table: table.combine_chunks().to_batches()[0],
    "pandas": pandas_frame,
    "polars": polars_frame,
    "duckdb": duckdb_relation,
    "datasets": dataset,
}


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_a_table_of_documents_is_a_corpus(make):
    corpus = Corpus([EVERYTHING, EMPTY, FAILED], name="table")
    table = make(json_table(corpus))

    assert Corpus.from_examples(table, "table") == corpus


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_a_table_is_gold_or_a_prediction(make):
    gold, predicted = make_sides(0, 12)
    expected = score(gold, predicted, name="x", missing="empty")

    scores = score(make(json_table(gold)), make(json_table(predicted)), name="x", missing="empty")

    assert list(scores.rows()) == list(expected.rows())


def test_the_rows_of_a_selection_of_a_data_set_are_read():
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset(json_table([EVERYTHING, EMPTY, FAILED])).select([2, 0])

    assert list(Corpus.from_examples(data)) == [FAILED, EVERYTHING]


def test_documents_without_a_column_of_ids_are_numbered():
    table = pa.Table.from_pylist([{"text": "Ada", "entities": []}] * 3)

    assert Corpus.from_examples(table.to_reader(max_chunksize=2)).ids == ["doc-1", "doc-2", "doc-3"]


def test_the_index_of_a_data_frame_is_not_a_column():
    frame = pandas_frame(json_table([EVERYTHING, EMPTY, FAILED]))

    corpus = Corpus.from_examples(frame[frame["id"] != EMPTY.id])

    assert list(corpus) == [EVERYTHING, FAILED]
    assert not corpus.conversion


def test_other_columns_are_counted_as_dropped():
    table = pa.table({"id": ["a"], "text": ["Ada"], "entities": [[]], "split": ["dev"]})

    conversion = to_corpus(table, "gold").conversion

    assert conversion.dropped.examples == {"columns": ("gold: split",)}


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_two_tables_of_spans_are_compared_by_offsets(make):
    gold = make(pa.Table.from_pylist(SPANS))
    predicted = make(pa.Table.from_pylist(SPANS[:1]))

    scores = score(gold, predicted, "ner")

    micro = scores["ner"].micro
    assert (micro.tp, micro.fp, micro.fn) == (1, 0, 1)
    assert "read:gold=texts:none,predicted=texts:none" in scores["ner"].signature


def test_spans_without_texts_get_those_of_the_other_side():
    spans = pa.Table.from_pylist(SPANS)
    gold = Corpus([Document(d.id, d.text, [Entity("PER", 0, 3)]) for d in TEXTS])

    for scores in (score(gold, spans, "tokens/strict"), score(spans, gold, "tokens/strict")):
        assert scores["tokens/strict"].micro.tp == 1
        assert "texts:none" not in scores["tokens/strict"].signature


def test_the_digest_of_gold_spans_does_not_depend_on_the_predictions():
    gold = pa.Table.from_pylist(SPANS)
    longer = pa.Table.from_pylist([*SPANS, {"document": "a", "start": 5, "end": 9, "label": "PER"}])

    signatures = {score(gold, predicted, "ner")["ner"].signature for predicted in (gold, longer)}

    assert len(signatures) == 1


def test_predicted_documents_without_gold_spans_are_counted():
    longer = pa.Table.from_pylist([*SPANS, {"document": "c", "start": 5, "end": 9, "label": "PER"}])

    scores = score(pa.Table.from_pylist(SPANS), longer, "ner")

    assert scores["ner"].micro.fp == 1
    assert scores.metadata.conversion["gold"]["repaired"] == {
        "documents without rows, read as documents without entities": 1
    }


ERRORS = {
    "tokens": (SPANS, "tokens/strict", "gold has no texts, from which tokens are computed"),
    "other documents": ([{**SPANS[0], "document": "z"}], "ner", "have no document in common"),
    "no label": ([{"document": "a", "start": 0, "end": 1}], "ner", "no column with the label"),
    "a text": ([{**SPANS[0], "start": "x"}], "ner", "column 'start': expected whole numbers"),
    "an end before its start": ([{**SPANS[0], "end": 0}], "ner", "predictions: row 0: document"),
}


@pytest.mark.parametrize(("predicted", "metric", "message"), ERRORS.values(), ids=ERRORS)
def test_what_cannot_be_scored_without_texts_is_an_error(predicted, metric, message):
    with pytest.raises(InputError, match=re.escape(message)):
        score(pa.Table.from_pylist(SPANS), pa.Table.from_pylist(predicted), metric)


def test_spans_without_texts_are_no_corpus():
    with pytest.raises(InputError, match="add a column document_text"):
        Corpus.from_examples(pa.Table.from_pylist(SPANS))


def test_an_invalid_row_of_a_table_is_an_error():
    table = pa.Table.from_pylist([{"id": "a", "text": "Ada", "entities": None}] * 2)

    with pytest.raises(InputError, match="duplicate document id 'a'"):
        to_corpus(table)
    with pytest.raises(InputError, match="no column of annotations"):
        score(table.drop_columns("entities"), TEXTS)
    bad = [{"id": "a", "text": "Ada", "entities": [{"label": "X", "start": 0, "end": 9}]}]
    with pytest.raises(LoadError, match=r"gold: row 0: document 'a', entities\[0\].end: 9 is past"):
        score(pa.Table.from_pylist(bad), TEXTS)


def test_a_frame_of_objects_that_arrow_cannot_hold_is_an_error():
    frame = pytest.importorskip("pandas").DataFrame({"id": ["a", 1], "text": ["Ada", "Bo"]})

    with pytest.raises(InputError, match="gold: not an Arrow table: "):
        score(frame, TEXTS)


def test_models_and_comparisons_take_tables():
    gold, predicted = make_sides(0, 12)
    table = json_table(gold)

    assert predict("rules", table).ids == gold.ids
    assert compare(a=predicted, b=json_table(predicted), gold=table, options={"missing": "empty"})


def test_scoring_needs_no_library_of_data_frames():
    code = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name in ("pandas", "polars", "duckdb"):
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
import pyarrow as pa, evalkit
table = pa.Table.from_pylist({SPANS!r})
print(evalkit.score(table, table, "ner")["ner"].micro.tp)
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "2\n"
