"""Tables of tokens in CSV and TSV files are read as plain loops over their rows read them."""

import csv
import gzip
import random

import pandas as pd
import pytest
from helpers import any_text
from helpers.cli import run_evalkit
from helpers.profiles import examples
from hypothesis import given, settings

from evalkit import Corpus, Document, Entity, InputError, LoadError, load_corpus, score
from evalkit.formats.recognition import recognize

# The columns of ner_dataset.csv of Kaggle, in latin-1
KAGGLE = (
    "Sentence #,Word,POS,Tag\n"
    "Sentence: 1,Zo\xe9,NNP,B-per\n"
    ",left,VBD,O\n"
    ",New,NNP,B-geo\n"
    ",York,NNP,I-geo\n"
    "Sentence: 2,NA,NN,O\n"
    ',"1,000",CD,O\n'
    ',"""",``,O\n'
    ",Iran,NNP,B-gpe\n"
).encode("latin-1")
IDS = (
    "doc_id\tsentence_id\ttoken\tner_tag\n"
    "d1\t1\tAda\tB-PER\nd1\t1\tran\tO\nd1\t2\tBo\tB-PER\nd2\t1\tNo\tO\n"
)


def write(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def loop_spans(sentences):
    """The number of entities of each label in valid IOB2 tags, by a plain loop."""
    spans = []
    for number, tags in enumerate(sentences):
        for index, tag in enumerate(tags):
            if tag.startswith("B-"):
                end = index + 1
                while end < len(tags) and tags[end] == "I-" + tag[2:]:
                    end += 1
                spans.append((number, index, end, tag[2:]))
    return spans


def test_the_data_set_of_kaggle_is_read(tmp_path):
    path = write(tmp_path / "ner_dataset.csv", KAGGLE)
    frame = pd.read_csv(
        path, encoding="latin-1", keep_default_na=False, na_values={"Sentence #": [""]}
    )
    frame["Sentence #"] = frame["Sentence #"].ffill()

    corpus = load_corpus(f"tokens:{path}", encoding="latin-1")

    sentences = frame.groupby("Sentence #", sort=False)
    assert corpus.ids == list(sentences.groups)
    assert [document.text for document in corpus] == [
        " ".join(sentence["Word"]) for _, sentence in sentences
    ]
    spans = loop_spans([list(sentence["Tag"]) for _, sentence in sentences])
    assert sum(len(document.entities) for document in corpus) == len(spans) == 3
    assert corpus[0].entities[1] == Entity("geo", 9, 17)
    assert corpus.conversion.dropped == {"columns": 1}
    columns = "'Word' as token, 'Tag' as tag, 'Sentence #' as sentence, separated by commas"
    assert corpus.conversion.detected == {f"columns {columns}": 1}
    with pytest.raises(LoadError, match=r"ner_dataset.csv:2: not UTF-8: .*encoding"):
        load_corpus(f"tokens:{path}")


def test_a_table_with_ids_of_documents_and_sentences_is_read(tmp_path):
    path = write(tmp_path / "a.tsv", IDS)

    corpus = load_corpus(f"tokens:{path}")

    assert list(corpus) == [
        Document("d1", "Ada ran\nBo", [Entity("PER", 0, 3), Entity("PER", 8, 10)]),
        Document("d2", "No", []),
    ]
    assert corpus.read_options == {}


@pytest.mark.parametrize(
    ("documents", "ids"),
    [
        ("docstart", ["d1", "d2"]),
        ("sentence", ["d1/1", "d1/2", "d2/1"]),
        ("file", ["doc-1"]),
        ("1", ["d1/1", "d1/2", "d2/1"]),
        (5, ["d1/1", "d2/1"]),
    ],
)
def test_documents_are_chosen_as_for_conll(tmp_path, documents, ids):
    path = write(tmp_path / "a.tsv", IDS)
    marked = "-DOCSTART- (d1)\tO\nAda\tB-PER\nran\tO\n\nBo\tB-PER\n\n-DOCSTART- (d2)\tO\nNo\tO\n"
    conll = write(tmp_path / "a.conll", marked)

    corpus = load_corpus(f"tokens:{path}", documents=documents)

    assert corpus.ids == ids
    assert corpus == load_corpus(conll, documents=documents)


def test_sentences_without_documents_can_be_joined(tmp_path):
    rows = "word,tag\nAda,B-P\nran,O\n\nBo,B-P\n,\nCy,B-P\n"
    path = write(tmp_path / "a.csv", rows)

    assert load_corpus(f"tokens:{path}").ids == ["sentence-1", "sentence-2", "sentence-3"]
    joined = load_corpus(f"tokens:{path}", documents=2)
    assert [(document.id, document.text) for document in joined] == [
        ("doc-1", "Ada ran\nBo"),
        ("doc-2", "Cy"),
    ]
    with pytest.raises(InputError, match="no column of documents for documents=.docstart"):
        load_corpus(f"tokens:{path}", documents="docstart")


def test_a_column_with_ids_in_first_rows_alone_is_that_with_ids_in_all(tmp_path):
    rng = random.Random(1)
    filled, sparse = [], []
    for document in range(3):
        for sentence in range(rng.randint(1, 3)):
            for token in range(rng.randint(1, 4)):
                row = [f"d{document}", f"s{sentence}", f"t{token}", rng.choice(["O", "B-A"])]
                filled.append(row)
                is_first = token == 0
                sparse.append(
                    [
                        row[0] if is_first and not sentence else "",
                        row[1] if is_first else "",
                        *row[2:],
                    ]
                )
    for name, rows in (("filled", filled), ("sparse", sparse)):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["document", "sentence", "token", "tag"], *rows])

    corpora = [load_corpus(f"tokens:{tmp_path}/{name}.csv") for name in ("filled", "sparse")]

    assert corpora[0] == corpora[1]
    assert corpora[0].ids == ["d0", "d1", "d2"]


@settings(deadline=None, max_examples=examples(60))
@given(any_text.corpora(broken=True))
def test_any_corpus_is_read_back_as_from_a_conll_file(tmp_path_factory, corpus):
    folder = tmp_path_factory.mktemp("tokens")
    for tagging in ("IOB2", "BIOES", "IO"):
        conversion = Corpus(corpus).save(f"tokens:{folder}/a.csv", tagging=tagging)
        conll = Corpus(corpus).save(f"conll:{folder}/a.conll", tagging=tagging)

        back = load_corpus(f"tokens:{folder}/a.csv", tagging=tagging)

        in_conll = load_corpus(f"conll:{folder}/a.conll", tagging=tagging)
        assert [(d.text, d.entities) for d in back] == [(d.text, d.entities) for d in in_conll]
        assert back.ids == [document.id for document in corpus]
        hint = " (?embed_text=true keeps them)"
        assert dict(conversion.counts) == {
            name.removesuffix(hint): n for name, n in conll.counts.items()
        }
        kept = sum(len(document.entities) for document in back)
        lost = sum(
            n
            for name, n in conversion.dropped.items()
            if "entities" in name and not name.endswith("written without it")
        )
        assert kept + lost == sum(len(document.entities) for document in corpus)


@settings(deadline=None, max_examples=examples(40))
@given(any_text.corpora(flat=True))
def test_a_written_table_has_the_tokens_and_tags_of_plain_loops(tmp_path_factory, corpus):
    folder = tmp_path_factory.mktemp("tokens")
    conversion = Corpus(corpus).save(f"tokens:{folder}/a.tsv")

    with (folder / "a.tsv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))

    for document in corpus:
        mine = [row for row in rows if row["document"] == document.id and row["token"]]
        assert "".join(row["token"] for row in mine) == "".join(document.text.split())
        sentences = [
            [row["tag"] for row in mine if row["sentence"] == number]
            for number in dict.fromkeys(row["sentence"] for row in mine)
        ]
        blank = conversion.dropped.get("entities of white space alone", 0)
        if not blank:
            assert [span[3] for span in loop_spans(sentences)] == [
                entity.label for entity in sorted(document.entities, key=lambda e: e.start)
            ]


def test_the_texts_can_be_given(tmp_path):
    document = Document("d1", "Ada  met\n\nBo.", [Entity("PER", 0, 3), Entity("PER", 10, 12)])
    conversion = Corpus([document]).save(f"tokens:{tmp_path}/a.csv")
    write(tmp_path / "d1.txt", document.text)

    assert conversion.dropped == {"texts of which the tokens alone are written": 1}
    assert list(load_corpus(f"tokens:{tmp_path}/a.csv", texts=tmp_path)) == [document]
    assert list(load_corpus(f"tokens:{tmp_path}/a.csv", texts=tmp_path / "d1.txt")) == [document]
    with pytest.raises(InputError, match="documents=.sentence.* cannot be combined"):
        load_corpus(f"tokens:{tmp_path}/a.csv", texts=tmp_path, documents="sentence")
    write(tmp_path / "d1.txt", "Ada saw Bo.")
    with pytest.raises(LoadError, match=r"a.csv:3: expected the token 'met' next in the text"):
        load_corpus(f"tokens:{tmp_path}/a.csv", texts=tmp_path)


def test_taggings_and_repairs_are_those_of_conll(tmp_path):
    path = write(tmp_path / "a.csv", 'note,word,tag\n"a\nb",Ada,I-PER\n,ran,O\n')

    with pytest.raises(LoadError, match=r"a.csv:2: .*tagging=.IOB1. fits all tags"):
        load_corpus(f"tokens:{path}")
    assert load_corpus(f"tokens:{path}", tagging="IOB1")[0].entities == (Entity("PER", 0, 3),)
    repaired = load_corpus(f"tokens:{path}", repair="begin").conversion.repaired
    assert repaired["invalid tags, repaired as begin"] == 1
    bare = write(tmp_path / "b.csv", "word,tag\nAda,PER\n")
    with pytest.raises(LoadError, match=r"b.csv:2: .*tagging=.bare"):
        load_corpus(f"tokens:{bare}")


def test_columns_can_be_named(tmp_path):
    path = write(tmp_path / "a.csv", "sent_no,text,ner,gold,doc\n1,Ada,O,B-PER,x\n2,Bo,O,B-PER,x\n")
    options = {"token_column": "text", "sentence_column": "sent_no"}

    corpus = load_corpus(f"tokens:{path}", tag="gold", **options)

    assert list(corpus) == [Document("x", "Ada\nBo", [Entity("PER", 0, 3), Entity("PER", 4, 6)])]
    assert corpus.read_options == {"tag_column": "gold", "token_column": "text"}
    with pytest.raises(InputError, match="unknown column 'txt' in .*did you mean 'text'"):
        load_corpus(f"tokens:{path}?token_column=txt")


def test_several_columns_of_tags_are_one_layer(tmp_path):
    rows = "word,coarse,fine,note\nAda,B-P,B-P.first,x\nByron,I-P,B-P,x\nran,O,O,x\n"
    path = write(tmp_path / "a.csv", rows)
    repaired = write(tmp_path / "b.csv", rows.replace("B-P.first", "I-P.first"))

    corpus = load_corpus(f"tokens:{path}?tag_column=coarse+fine")

    spans = [(entity.label, entity.start, entity.end) for entity in corpus[0].entities]
    assert spans == [("P", 0, 9), ("P.first", 0, 3), ("P", 4, 9)]
    assert corpus.conversion.dropped.examples == {"columns": (f"{path}:1: note",)}
    again = load_corpus(f"tokens:{repaired}", tag_column="coarse+fine", repair="begin")
    assert again.conversion.repaired == {"invalid tags, repaired as begin": 1}
    with pytest.raises(InputError, match="unknown column 'rough'"):
        load_corpus(f"tokens:{path}", tag_column="coarse+rough")


def test_rows_may_end_with_empty_cells_that_the_header_has_not(tmp_path):
    path = write(tmp_path / "a.csv", "word,tag,\nAda,B-P\nran,O,\nBo,B-P,,\n")

    assert load_corpus(f"tokens:{path}")[0].text == "Ada ran Bo"
    with pytest.raises(LoadError, match=r"a.csv:2: 4 columns: expected 3"):
        load_corpus("tokens:" + str(write(path, "word,tag,\nAda,B-P,,x\n")))


INVALID = {
    "no token": ("id,tag\n1,O\n", "no column with the token of each token: expected one of: token"),
    "two tags": ("word,ner,label\n", "several columns with the tag of a token: ner, label"),
    "an empty tag": ("word,tag\nAda,B-P\nran,\n", "a.csv:3: the tag is empty: expected a token"),
    "an empty token": ("word,tag\nAda,B-P\n,O\n", "a.csv:3: the token is empty"),
    "too many cells": ('pos,word,tag\n"\n",Ada,O\nx,a,b,O\n', "a.csv:4: 4 columns: expected 3"),
    "an unknown tag": ("word,tag\nAda,b-P\n", "a.csv:2: .*did you mean 'B-P'"),
    "a hash": ("word,tag\n#,Q-P\n", "a.csv:2: [^#]*$"),
    "an open quote": (
        'word\ttag\n"\tO\nAda\tB-P\n',
        "a.csv:2: not a row of a table: unexpected end",
    ),
    "quotes of a pair": (
        'word\ttag\n"\tO\nAda\tB-P\n"\tO\n',
        "a.csv:2: .*a token with a line end; if quotes are ordinary characters of cells, use ",
    ),
}


@pytest.mark.parametrize(("content", "message"), INVALID.values(), ids=INVALID)
def test_an_invalid_table_is_an_error_with_its_line(tmp_path, content, message):
    path = write(tmp_path / "a.csv", content)

    with pytest.raises(InputError, match=message):
        load_corpus(f"tokens:{path}")
    assert run_evalkit("validate", f"tokens:{path}").returncode == 2


def test_documents_with_invalid_rows_are_left_out(tmp_path):
    rows = ["d1,Ada,B-P", "d2,Bo,B-P", "d3,Cy,B-P,O", "d4,Di,B-P", "d5,Ed,B-P", "d6,Fo,Q"]
    path = write(tmp_path / "a.csv", "doc,word,tag\n" + "\n".join(rows))

    corpus = load_corpus(f"tokens:{path}", on_error="skip")

    # Line 4 may belong to the document before it or after it.
    assert corpus.ids == ["d1", "d5"]
    assert corpus.conversion.skipped == {"documents with errors": 3}


def test_a_document_without_tokens_is_kept(tmp_path):
    corpus = Corpus([Document("a", "", []), Document("b", "Bo", []), Document("c", "", [])])
    corpus.save(f"tokens:{tmp_path}/a.csv")

    assert load_corpus(f"tokens:{tmp_path}/a.csv") == corpus


def test_quotes_may_be_ordinary_characters(tmp_path):
    path = write(tmp_path / "a.tsv", 'word\ttag\n"\tO\nAda\tB-P\n"\tO\n')

    assert load_corpus(f"tokens:{path}", quotes=False)[0].text == '" Ada "'


def test_compressed_files_are_read_and_tables_recognized(tmp_path):
    path = write(tmp_path / "a.csv", KAGGLE.replace(b"\xe9", b"e"))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(path.read_bytes()))

    assert load_corpus(f"tokens:{tmp_path}/a.csv.gz") == load_corpus(f"tokens:{path}")
    assert recognize(path) == ("tokens", ("Word", "Tag"))
    detected = load_corpus(path)
    assert detected == load_corpus(f"tokens:{path}")
    assert detected.conversion.detected["format tokens"] == 1
    assert recognize(write(tmp_path / "a.tsv", IDS))[0] == "tokens"
    # A table with tabs may be a CoNLL file, of which no tag may be an entity
    conll = write(tmp_path / "a.conll", "word\ttag\nNo\tO\n")
    assert load_corpus(conll)[0].entities == ()


def test_gold_and_predictions_in_other_tables_are_scored(tmp_path):
    gold = write(tmp_path / "gold.tsv", IDS)
    predicted = write(
        tmp_path / "p.csv",
        "document,sentence,token,tag\nd1,1,Ada,B-PER\nd1,1,ran,B-PER\nd1,2,Bo,O\nd2,1,No,O\n",
    )

    micro = score(f"tokens:{gold}", f"tokens:{predicted}", "ner", boot=0)["ner"].micro

    assert (micro.tp, micro.fp, micro.fn) == (1, 1, 1)
