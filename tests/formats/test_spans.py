"""Tables of spans in CSV and TSV files are read as plain loops over the rows read them, and as the
same table in a Parquet file or a data frame is.
"""

import csv
import gzip
import random
import re
from collections import Counter

import pandas as pd
import pytest
from helpers import any_text
from helpers.cli import run_evalkit
from helpers.documents import EMPTY, EVERYTHING, FAILED
from helpers.profiles import examples
from hypothesis import given, settings

from evalkit import Corpus, Document, Entity, InputError, LoadError, load_corpus, score
from evalkit.formats.recognition import recognize

ADA = Document("d1", "Ada met Bo.", [Entity("PER", 0, 3), Entity("PER", 8, 10)])
BO = Document("d2", "Bo.", [])
# The columns of ProfNER (tab-separated) and DisTEMIST, of a table of doccano's offsets, and of one
# as spreadsheets write it where semicolons separate
DIALECTS = {
    "profner.tsv": (
        "tweet_id\tbegin\tend\ttype\textraction\nd1\t0\t3\tPER\tAda\nd1\t8\t10\tPER\tBo\n"
    ),
    "distemist.tsv": (
        "filename\tmark\tlabel\toff0\toff1\tspan\nd1\tT1\tPER\t0\t3\tAda\nd1\tT2\tPER\t8\t10\tBo\n"
    ),
    "offsets.csv": "doc_id,start_offset,end_offset,label\nd1,0,3,PER\nd1,8,10,PER\n",
    "sheet.csv": (
        '\ufeff"Doc ID";"Start";"End";"Entity-Type"\r\n"d1";0;3;"PER"\r\n"d1";8.0;10.0;"PER"\r\n'
    ),
    "ids.csv": "id,start,stop,tag,mention\nd1,0,3,PER,Ada\n\nd1,8,10,PER,Bo\n",
}
WITH_TEXTS = "document,start,end,label,text,document_text\n"


@pytest.fixture
def texts(tmp_path):
    Corpus([ADA, BO]).save(tmp_path / "texts.jsonl")
    return tmp_path / "texts.jsonl"


def write(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("name", DIALECTS)
def test_tables_with_the_columns_in_use_are_read(tmp_path, texts, name):
    path = write(tmp_path / name, DIALECTS[name])
    frame = pd.read_csv(path, sep=None, engine="python")

    corpus = load_corpus(f"spans:{path}", texts=texts)

    spans = [(entity.label, entity.start, entity.end) for entity in corpus["d1"].entities]
    assert spans == [("PER", 0, 3), ("PER", 8, 10)]
    assert len(spans) == len(frame)
    assert corpus["d2"].entities == ()
    assert recognize(path)[0] == "spans"


def test_the_report_says_what_was_read_as_what(tmp_path, texts):
    path = write(tmp_path / "a.tsv", "doc\tbegin\tend\tlabel\tnote\nd1\t0\t3\tPER\tx\n")

    corpus = load_corpus(f"spans:{path}", texts=texts)
    done = run_evalkit("score", texts, f"spans:{path}?texts={texts}", "--boot", "0")

    columns = "columns 'doc' as document, 'begin' as start, separated by tabs"
    assert corpus.conversion.detected.examples == {columns: (f"{path}:1",)}
    assert corpus.conversion.dropped.examples == {"columns": (f"{path}:1: note",)}
    assert f"Read: predicted: detected {columns}; dropped 1 columns" in done.stdout
    assert f"detected: {columns}" in run_evalkit("validate", f"spans:{path}?texts={texts}").stderr


def test_names_of_the_format_itself_need_no_report(tmp_path):
    path = write(tmp_path / "a.csv", WITH_TEXTS + "d1,0,3,PER,Ada,Ada met Bo.\nd2,,,,,Bo.\n")

    corpus = load_corpus(f"spans:{path}")

    assert not corpus.conversion
    assert [(document.id, document.text) for document in corpus] == [
        ("d1", ADA.text),
        ("d2", "Bo."),
    ]


def test_columns_can_be_named(tmp_path, texts):
    path = write(tmp_path / "a.csv", "doc,x,y,label,type,b\nd1,0,3,PER,name,Ada\n")
    options = {"start_column": "x", "end_column": "y", "label_column": "type", "text_column": "b"}

    corpus = load_corpus(f"spans:{path}", texts=texts, document_column="doc", **options)

    assert corpus["d1"].entities == (Entity("name", 0, 3),)
    assert corpus.conversion.dropped.examples == {"columns": (f"{path}:1: label",)}
    assert corpus.read_options == {"label_column": "type"}


@settings(deadline=None, max_examples=examples(60))
@given(any_text.corpora(broken=True))
def test_any_corpus_of_entities_is_read_back_equal(tmp_path_factory, corpus):
    folder = tmp_path_factory.mktemp("spans")
    for separator, name in (("comma", "a.csv"), ("tab", "a.tsv"), ("semicolon", "b.csv")):
        conversion = Corpus(corpus).save(f"spans:{folder}/{name}", separator=separator)

        back = load_corpus(f"spans:{folder}/{name}")

        assert list(back) == corpus
        assert not conversion
        assert not back.conversion


def test_all_fields_of_entities_are_read_back_and_the_rest_is_counted(tmp_path):
    corpus = Corpus([EVERYTHING, EMPTY, FAILED])

    conversion = corpus.save(f"spans:{tmp_path}/a.csv")

    back = load_corpus(f"spans:{tmp_path}/a.csv")
    assert [document.entities for document in back] == [EVERYTHING.entities, EMPTY.entities]
    assert conversion.skipped == {"documents that failed": 1}
    for layer in ("events", "attributions", "relations", "zones"):
        assert conversion.dropped.get(layer, 0) == len(getattr(EVERYTHING, layer) or ())
    parquet = corpus.save(tmp_path / "a.parquet", layout="spans")
    assert dict(parquet.counts) == dict(conversion.counts)


def test_a_file_is_read_by_csv_and_pandas(tmp_path):
    text = 'She said "no",\r\nthen; left\tit.'
    document = Document("d,1", text, [Entity('A "b"', 9, 13, score=0.1), Entity("B", 0, 3)])
    Corpus([document, BO]).save(f"spans:{tmp_path}/a.csv")

    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    frame = pd.read_csv(tmp_path / "a.csv")

    assert [row["document_text"] for row in rows] == [text, "", "Bo."]
    assert rows[0]["text"] == '"no"'
    assert list(frame["label"])[:2] == ['A "b"', "B"]
    assert float(rows[0]["score"]) == 0.1
    assert list(rows[0]) == list(frame.columns)
    assert list(frame.columns) == [*"document start end label text score document_text".split()]


def test_texts_can_be_left_out(tmp_path, texts):
    conversion = Corpus([ADA, BO]).save(f"spans:{tmp_path}/a.tsv", embed_text=False)

    assert (tmp_path / "a.tsv").read_text() == (
        "document\tstart\tend\tlabel\ttext\nd1\t0\t3\tPER\tAda\nd1\t8\t10\tPER\tBo\nd2\t\t\t\t\n"
    )
    assert conversion.dropped == {"texts (embed_text=true keeps them)": 2}
    assert list(load_corpus(f"spans:{tmp_path}/a.tsv", texts=texts)) == [ADA, BO]


def random_rows(rng):
    rows = []
    for document in range(rng.randint(1, 4)):
        spans = {(start, start + rng.randint(1, 4)) for start in rng.choices(range(20), k=4)}
        for start, end in sorted(spans):
            if rng.random() < 0.7:
                rows.append((f"d{document}", start, end, rng.choice("AB")))
        rows.append((f"d{document}", 40, 41, "A"))
    rng.shuffle(rows)
    return rows


def write_rows(path, rows, header=("doc_id", "start", "end", "label")):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.mark.parametrize("seed", range(examples(25)))
def test_two_tables_without_texts_are_scored_as_plain_loops_count(tmp_path, seed):
    rng = random.Random(seed)
    gold, predicted = random_rows(rng), random_rows(rng)
    for row in gold:
        if rng.random() < 0.6 and row not in predicted:
            predicted.append(row)
    known = {row[0] for row in gold}
    predicted = [row for row in predicted if row[0] in known]
    sides = [
        write_rows(tmp_path / f"{name}.csv", rows)
        for name, rows in (("gold", gold), ("predicted", predicted))
    ]

    scores = score(*(f"spans:{path}" for path in sides), "entities/strict", boot=0)

    with sides[0].open() as one, sides[1].open() as two:
        counts = [Counter(map(tuple, list(csv.reader(file))[1:])) for file in (one, two)]
    found = sum((counts[0] & counts[1]).values())
    micro = scores["entities/strict"].micro
    assert (micro.tp, micro.fp, micro.fn) == (
        found,
        sum(counts[1].values()) - found,
        sum(counts[0].values()) - found,
    )


def as_parquet(path, frame):
    frame.to_parquet(path.with_suffix(".parquet"), index=False)
    return path.with_suffix(".parquet")


@pytest.mark.parametrize("seed", range(examples(20)))
def test_a_csv_file_a_parquet_file_and_a_data_frame_are_read_alike(tmp_path, seed):
    rng = random.Random(seed)
    rows = [(n, *row) for n, row in enumerate(random_rows(rng))]
    path = write_rows(tmp_path / "a.csv", rows, ("nr", "Doc", "begin", "stop", "type"))
    text = "x" * 50
    gold = Corpus(
        [Document(f"d{n}", text, [Entity("A", 1, 3), Entity("B", 2, 5)]) for n in range(4)]
    )
    frame = pd.read_csv(path)
    sources = [f"spans:{path}", as_parquet(path, frame), frame]

    scores = [score(gold, source, "entities/strict", boot=0) for source in sources]
    alone = [score(source, source, "entities/strict", boot=0) for source in sources]

    for results in (scores, alone):
        assert len({results[n]["entities/strict"].micro for n in range(3)}) == 1
        dropped = [result.metadata.conversion["predicted"]["dropped"] for result in results]
        assert dropped == [{"columns": 1}] * 3
    assert alone[0]["entities/strict"].micro.f1 == 1


INVALID = {
    "no label": ("document,start,end\na,0,1\n", "no column with the label of each span: expected"),
    "two labels": (
        "document,start,end,type,tag\n",
        "several columns with the label of a span: type, tag; name one with label_column",
    ),
    "JSON": ('{"id": "d1", "text": "a"}\n' * 3, "no column with the document of each span"),
    "nothing": ("", "no rows: expected a header"),
    "a number that is none": (
        WITH_TEXTS + "d1,0,x,PER,,Ada\n",
        "a.csv:2: end: 'x': expected a whole number",
    ),
    "a fraction": (WITH_TEXTS + "d1,0.5,1,PER,,Ada\n", "a.csv:2: start: '0.5': expected a whole"),
    "an underscore": (WITH_TEXTS + "d1,0,1_0,PER,,Ada\n", "a.csv:2: end: '1_0': expected a whole"),
    "no start": (WITH_TEXTS + "d1,,1,PER,,Ada\n", "a.csv:2: start: null: expected a value"),
    "no document": (
        WITH_TEXTS + ",0,1,PER,,Ada\n",
        "a.csv:2: document: None: expected a non-empty",
    ),
    "an end past the text": (
        WITH_TEXTS + "d1,0,9,PER,,Ada\n",
        "a.csv:2: document 'd1', end: 9 is past the end",
    ),
    "a surface": (
        WITH_TEXTS + 'd1,0,1,X,A,"A\n\nb"\nd1,3,4,PER,x,\n',
        "a.csv:5: document 'd1', text: 'x' is not the text at 3 to 4: 'b'",
    ),
    "two texts": (
        WITH_TEXTS + "d1,0,1,PER,,Ada\nd1,1,2,PER,,Bo\n",
        "a.csv:3: document_text: another text than in an earlier row of document 'd1'",
    ),
    "too few cells": (WITH_TEXTS + "d1,0,1\n", "a.csv:2: 3 columns: expected 6, as in the header"),
    "an open quote": (
        WITH_TEXTS + 'd1,0,1,PER,"A,\nd2\n',
        "a.csv:2: not a row of a table: unexpected",
    ),
    "bytes of latin-1": (
        WITH_TEXTS.encode() + 'd1,0,1,PER,,"Zo\xe9"\n'.encode("latin-1"),
        "a.csv:2: not UTF-8: .* at byte 15 of line 2; save the file as UTF-8, or name its encoding",
    ),
    "no text": (
        WITH_TEXTS + "d1,0,1,PER,,\n",
        "a.csv:2: document 'd1': no document_text in any row",
    ),
    "attributes": (
        "document,start,end,label,attributes,document_text\nd1,0,1,PER,[],Ada\n",
        "a.csv:2: document 'd1', attributes: '[]': expected a JSON object",
    ),
    "fragments": (
        "document,start,end,label,fragments,document_text\nd1,0,1,PER,[[1]],Ada\n",
        "a.csv:2: fragments: '[[1]]': expected a list of [start, end] in JSON",
    ),
}


@pytest.mark.parametrize(("content", "message"), INVALID.values(), ids=INVALID)
def test_an_invalid_table_is_an_error_with_its_line(tmp_path, content, message):
    path = write(tmp_path / "a.csv", content)

    pattern = message if ".*" in message else re.escape(message)
    with pytest.raises(InputError, match=pattern):
        load_corpus(f"spans:{path}")
    assert run_evalkit("validate", f"spans:{path}").returncode == 2


def test_all_errors_are_reported(tmp_path):
    rows = ["d1,x,1,PER,,Ada", "d1,0,9,PER,,", "d2,0,1,,,Bo", "d3,0,1,PER,,Cy"]
    path = write(tmp_path / "a.csv", WITH_TEXTS + "\n".join(rows) + "\n")

    with pytest.raises(LoadError) as caught:
        load_corpus(f"spans:{path}")

    lines = [int(re.search(r"a.csv:(\d)", error)[1]) for error in caught.value.errors]
    assert sorted(lines) == [2, 3, 4]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_whole_document_of_an_invalid_row_is_left_out(tmp_path, kind):
    rows = [
        {"document": "d1", "start": 0, "end": 1, "label": "A", "document_text": "Ada"},
        {"document": "d1", "start": -1, "end": 1, "label": "A", "document_text": "Ada"},
        {"document": "d2", "start": 0, "end": 1, "label": "A", "document_text": "Bo"},
        {"document": "d3", "start": 0.5, "end": 1, "label": "A", "document_text": "Cy"},
        {"document": "d3", "start": 1, "end": 2, "label": "A", "document_text": "Cy"},
    ]
    frame = pd.DataFrame(rows)
    path = tmp_path / f"a.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path, index=False)

    corpus = load_corpus(f"{'spans' if kind == 'csv' else kind}:{path}", on_error="skip")

    assert corpus.ids == ["d2"]
    assert corpus.conversion.skipped == {"documents with errors": 2}


def test_texts_come_from_a_corpus_a_folder_a_table_or_a_file(tmp_path, texts):
    path = write(tmp_path / "a.csv", "doc,start,end,label\nd1,8,10,PER\n")
    (tmp_path / "folder").mkdir()
    write(tmp_path / "folder" / "d1.txt", ADA.text)
    write(tmp_path / "one.txt", ADA.text)
    write(tmp_path / "texts.csv", f'doc_id,text\nd1,{ADA.text}\nd2,"Bo, 5\n"\n')
    sources = {texts: 2, tmp_path / "folder": 1, tmp_path / "one.txt": 1, tmp_path / "texts.csv": 2}

    for source, count in sources.items():
        corpus = load_corpus(f"spans:{path}", texts=source)
        assert (len(corpus), corpus["d1"].entities) == (count, (Entity("PER", 8, 10),))
    with pytest.raises(InputError, match="without the texts of its documents; name a corpus"):
        load_corpus(f"spans:{path}")


def test_documents_may_be_named_as_their_files(tmp_path):
    path = write(tmp_path / "a.csv", "filename,start,end,label\nd1.txt,8,10,PER\n")
    write(tmp_path / "d1.txt", ADA.text)

    assert load_corpus(f"spans:{path}", texts=tmp_path)["d1.txt"].entities == (ADA.entities[1],)


def test_predictions_without_texts_get_those_of_gold(tmp_path, texts):
    path = write(tmp_path / "a.csv", b"doc,start,end,label,text\nd1,0,3,PER,Ada\nd1,8,9,PER,B\n")
    latin = write(tmp_path / "b.csv", "doc,start,end,lab\xe9l\nd1,0,3,PER\n".encode("latin-1"))

    scores = score(texts, f"spans:{path}", "entities/strict", boot=0)
    other = score(texts, f"spans:{latin}?encoding=latin-1&label_column=lab\xe9l", "ner", boot=0)

    assert (scores["entities/strict"].micro.tp, scores["entities/strict"].micro.fp) == (1, 1)
    assert (other["ner"].micro.tp, other["ner"].micro.fn) == (1, 1)


def test_offsets_in_other_units_are_converted_and_advised(tmp_path):
    text = "\U0001f4a9 Ada met Bo."
    rows = f"d1,3,5,PER,Ada,{text}\nd1,11,12,PER,Bo,\n"
    path = write(tmp_path / "a.csv", WITH_TEXTS + rows)

    hint = r"all 2 mismatches vanish if offsets are UTF-16 code units and ends are inclusive"
    with pytest.raises(LoadError, match=hint):
        load_corpus(f"spans:{path}")
    corpus = load_corpus(f"spans:{path}", offset_unit="utf-16", end_offset="inclusive")

    assert [text[e.start : e.end] for e in corpus[0].entities] == ["Ada", "Bo"]
    plain = write(tmp_path / "b.csv", "doc,start,end,label\nd1,1,3,PER\n")
    gold = Corpus([ADA])
    scores = score(gold, f"spans:{plain}?first_offset=1&end_offset=inclusive", "ner", boot=0)
    assert scores["ner"].micro.tp == 1
    location = f"spans:{plain}?offset_unit=utf-8"
    with pytest.raises(InputError, match="no texts, which are needed to convert its offsets"):
        score(location, location, "ner", boot=0)


def test_quotes_may_be_ordinary_characters(tmp_path):
    content = WITH_TEXTS.replace(",", "\t") + 'd1\t0\t1\tX\t"\t" said Bo\nd1\t7\t9\tPER\tBo\t\n'
    path = write(tmp_path / "a.tsv", content)

    with pytest.raises(LoadError, match=r"a.tsv:2: .*if quotes are ordinary characters of cells"):
        load_corpus(f"spans:{path}")
    corpus = load_corpus(f"spans:{path}", quotes=False)

    assert (corpus[0].text, len(corpus[0].entities)) == ('" said Bo', 2)


def test_compressed_files_and_long_texts_are_read(tmp_path):
    text = "Ada " * 100_000  # longer than the default limit of the module csv
    document = Document("d1", text, [Entity("PER", 399_996, 399_999)])
    Corpus([document]).save(f"spans:{tmp_path}/a.csv")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))

    assert list(load_corpus(f"spans:{tmp_path}/a.csv.gz")) == [document]


def test_the_format_of_a_table_is_detected(tmp_path, texts):
    path = write(tmp_path / "a.csv", "document,start,end,label\nd1,0,3,PER\n")

    corpus = load_corpus(path, texts=texts)

    assert corpus.conversion.detected == {"format spans": 1}
    assert score(texts, path, "ner", boot=0)["ner"].micro.tp == 1


def test_the_order_of_rows_and_documents_does_not_change_scores(tmp_path):
    rng = random.Random(3)
    rows = random_rows(rng)
    gold = write_rows(tmp_path / "gold.csv", rows)
    numbers = set()
    for n in range(4):
        rng.shuffle(rows)
        path = write_rows(tmp_path / f"{n}.csv", rows)
        numbers.add(score(f"spans:{gold}", f"spans:{path}", "ner", boot=0)["ner"].micro.f1)

    assert numbers == {1.0}


def test_ids_that_are_names_of_files_are_those_of_the_texts(tmp_path):
    gold = Corpus([Document("d1", "Ada ran.", [Entity("PER", 0, 3)]), Document("v1.0", "Bo", [])])
    gold.save(tmp_path / "gold.jsonl")
    path = tmp_path / "a.csv"
    path.write_text("filename,start,end,label\nd1.txt,0,3,PER\nv1.0,0,2,LOC\nd1.txt,4,99,X\n")
    location = f"{path}?texts={tmp_path}/gold.jsonl"

    with pytest.raises(LoadError, match=r"a.csv:4: document 'd1', end: 99 is past"):
        load_corpus(location)
    path.write_text("filename,start,end,label\nd1.txt,0,3,PER\nv1.0,0,2,LOC\n")
    corpus = load_corpus(location)
    scores = score(gold, path, "entities", boot=0)["entities"].micro

    name = "ids of documents that are names of files, read without the suffix"
    assert list(corpus.ids) == ["d1", "v1.0"]
    assert corpus.conversion.repaired == {name: 1}
    assert (scores.tp, scores.fp, scores.fn) == (1, 1, 0)


@pytest.mark.parametrize("row", [",0,3,PER", "d1,0", "d1,0,3,PER,x,y"])
def test_a_row_whose_document_is_not_known_is_never_skipped(tmp_path, row):
    path = tmp_path / "a.csv"
    path.write_text(f"doc_id,start,end,label,document_text\nd1,0,3,PER,Ada\n{row}\n")

    with pytest.raises(LoadError, match="a.csv:3: "):
        load_corpus(path, on_error="skip")
