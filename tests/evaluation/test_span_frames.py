"""score_spans takes data frames, and a corpus is a table for other libraries."""

import random
from collections import Counter

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from formats.test_arrow_objects import TABLES
from helpers.documents import EMPTY, EVERYTHING, FAILED
from helpers.profiles import examples

from evalkit import Corpus, Document, Entity, InputError, LoadError, score, score_spans, score_tags

COLUMNS = {
    "plain": ("document", "start", "end", "label"),
    "other": ("Doc ID", "begin", "to", "tag"),
}


def random_spans(rng, documents):
    rows = []
    for document in range(documents):
        for start, end in {
            (start, start + rng.randint(1, 3)) for start in rng.choices(range(9), k=4)
        }:
            rows.append((document, start, end, rng.choice("AB")))
    return rows


@pytest.mark.parametrize("seed", range(examples(15)))
@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_tables_are_scored_as_plain_loops_count(make, seed):
    rng = random.Random(seed)
    gold, predicted = random_spans(rng, 3), random_spans(rng, rng.choice([2, 3, 4]))
    predicted += [row for row in gold if row not in predicted and rng.random() < 0.5]
    columns = COLUMNS[rng.choice(list(COLUMNS))]
    sides = [
        make(pa.Table.from_pylist([dict(zip(columns, row)) for row in rng.sample(rows, len(rows))]))
        for rows in (gold, predicted)
    ]

    scores = score_spans(*sides, "entities/strict,entities/exact", boot=0)

    for metric, width in (("entities/strict", 4), ("entities/exact", 3)):
        counts = [Counter(row[:width] for row in rows) for rows in (gold, predicted)]
        found = (counts[0] & counts[1]).total()
        micro = scores[metric].micro
        assert (micro.tp, micro.fp, micro.fn) == (
            found,
            len(predicted) - found,
            len(gold) - found,
        )
    assert scores.metadata.corpus.documents == len({row[0] for row in gold + predicted})


def test_tables_give_the_scores_of_lists():
    gold = [[(0, 3, "PER"), (5, 9, "LOC")], [(1, 2, "PER")], []]
    predicted = [[(0, 3, "PER")], [], [(0, 1, "LOC")]]
    frames = []
    for side in (gold, predicted):
        rows = [(f"d{n}", *span) for n, spans in enumerate(side) for span in spans or [(None,) * 3]]
        frames.append(pd.DataFrame(rows, columns=["document", "start", "end", "label"]))

    scores, expected = score_spans(*frames, boot=0), score_spans(gold, predicted, boot=0)

    assert list(scores.rows()) == list(expected.rows())
    assert scores["entities/strict"].signature == expected["entities/strict"].signature


def test_what_was_read_of_tables_is_reported():
    gold = pd.DataFrame({"doc": ["a", "b"], "start": [0, 1], "end": [2, 3], "label": "P", "x": 1})
    predicted = pl.DataFrame({"document": ["a"], "start": [0], "end": [2], "label": ["P"]})

    scores = score_spans(gold, predicted, boot=0)

    assert scores.metadata.conversion == {
        "gold": {
            "dropped": {"columns": 1},
            "repaired": {},
            "skipped": {},
            "detected": {"columns 'doc' as document": 1},
        },
        "predicted": {
            "dropped": {},
            "repaired": {"documents without rows, read as documents without entities": 1},
            "skipped": {},
        },
    }
    assert any("columns 'doc' as document" in warning for warning in scores.warnings)


def test_a_table_of_documents_is_scored_too():
    documents = [Document("a", "Ada met Bo", [Entity("P", 0, 3)]), Document("b", "No", [])]
    table = pa.table(Corpus(documents))
    spans = pd.DataFrame({"document": ["a"], "start": [0], "end": [3], "label": ["P"]})

    assert score_spans(table, spans, boot=0)["entities/strict"].micro.f1 == 1


FRAME = pd.DataFrame({"document": ["a"], "start": [0], "end": [3], "label": ["P"]})
INVALID = {
    "a list": (
        [[(0, 3, "P")]],
        InputError,
        "predicted: expected a table of spans, as on the other",
    ),
    "other documents": (FRAME.assign(document="z"), InputError, "no document in common"),
    "a wrong span": (FRAME.assign(start=9), LoadError, "predicted: row 0: document 'a', end"),
    "a missing column": (FRAME.drop(columns="label"), InputError, "predicted: no column with the"),
    "fragments": (
        FRAME.assign(end=9, fragments=[[[0, 3], [6, 9]]]),
        InputError,
        "a discontinuous span",
    ),
}


@pytest.mark.parametrize(("predicted", "kind", "message"), INVALID.values(), ids=INVALID)
def test_what_is_no_table_of_spans_is_an_error(predicted, kind, message):
    with pytest.raises(kind, match=message):
        score_spans(FRAME, predicted)


def test_a_column_of_lists_is_still_a_list_of_documents():
    spans = [[(0, 3, "P")], [(1, 2, "P")]]

    assert score_spans(pd.Series(spans), pd.Series(spans), boot=0)["entities/strict"].micro.tp == 2


def test_tables_of_tags_are_refused():
    with pytest.raises(InputError, match="expected a list of tags for each sentence, got a table"):
        score_tags(FRAME, FRAME)


def test_a_corpus_is_a_table_for_other_libraries():
    corpus = Corpus([EVERYTHING, EMPTY, FAILED], name="corpus")

    table, frame = pa.table(corpus), pl.DataFrame(corpus)
    relation = pytest.importorskip("duckdb").from_arrow(table)

    assert table.column("id").to_pylist() == frame["id"].to_list() == corpus.ids
    for source in (table, frame, relation):
        assert Corpus.from_examples(source) == corpus
    counts = relation.query("t", "select len(entities) from t").fetchall()
    assert [count for (count,) in counts] == [len(d.entities or ()) for d in corpus]
    assert len(pa.table(Corpus([]))) == 0
    assert Corpus.from_examples(corpus) == corpus


def test_document_ids_may_be_whole_numbers():
    rows = [{"id": 7, "text": "Ada", "entities": [{"start": 0, "end": 3, "label": "P"}]}]
    spans = pd.DataFrame({"doc_id": [7], "start": [0], "end": [3], "label": ["P"]})

    corpus = Corpus.from_examples(pa.Table.from_pylist(rows))

    assert corpus.ids == ["7"]
    assert score(corpus, spans, "ner", boot=0)["ner"].micro.f1 == 1
