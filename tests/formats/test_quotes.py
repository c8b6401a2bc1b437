"""Tables of quotations with their speakers in CSV and TSV files."""

import csv
import gzip
import io
import random

import pytest
from helpers.cli import run_evalkit

from evalkit import (
    Attribution,
    Corpus,
    Document,
    InputError,
    LoadError,
    Span,
    Unplaced,
    load_corpus,
    score,
)
from evalkit.formats.quotation_texts import OTHER_TEXTS
from evalkit.formats.quoted_entities import NOT_IN_TEXT, WITHOUT_OFFSETS

TEXT = '"Go," said Ada. "No," Bo said. "Go,"'
OTHER = "Nothing was said."
QUOTES = {"d1": TEXT, "d2": OTHER}


@pytest.fixture
def texts(tmp_path):
    Corpus([Document(id, text) for id, text in QUOTES.items()]).save(tmp_path / "texts.jsonl")
    return tmp_path / "texts.jsonl"


def write_table(path, header, *rows, separator=","):
    content = io.StringIO(newline="")
    writer = csv.writer(content, delimiter=separator, lineterminator="\n")
    writer.writerows([header, *rows])
    path.write_text(content.getvalue(), encoding="utf-8")
    return f"quotes:{path}"


def load(location, **options):
    return load_corpus(location, predictions=True, **options)


def said(start, end, speaker=None, *, source=None, cue=None):
    attributes = {"speaker": speaker} if speaker else None
    return Attribution(cue, Span(start, end), source, attributes=attributes)


PLAIN = ("doc_id", "start", "end", "quote", "speaker")
ROWS = [
    ("d1", 0, 5, '"Go,"', "Ada"),
    ("d1", 16, 21, '"No,"', "Bo"),
    ("d1", 31, 36, '"Go,"', ""),
]


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_quotations_with_offsets_are_attributions_with_their_speakers(tmp_path, texts, separator):
    location = write_table(tmp_path / "q.csv", PLAIN, *ROWS, separator=separator)

    corpus = load(location, texts=texts)

    assert list(corpus) == [
        Document("d1", TEXT, attributions=(said(0, 5, "Ada"), said(16, 21, "Bo"), said(31, 36))),
        Document("d2", OTHER, attributions=()),
    ]
    assert corpus.conversion.dropped == {}
    assert len(corpus.conversion.repaired) == 1  # d2, which has no rows


def test_the_table_of_gendergaptracker_has_spans_of_the_speaker_and_the_verb(tmp_path, texts):
    header = (
        "text_id",
        "quote_id",
        "quote",
        "quote_index",
        "speaker",
        "speaker_index",
        "verb",
        "verb_index",
        "quote_type",
    )
    rows = [
        ("d1", 0, '"Go,"', "(0, 5)", "Ada", "(11,14)", "said", "(6, 10)", "QCVS"),
        ("d1", 1, '"No,"', "(16, 21)", "", "(0, 0)", "says", "", "QCVS"),
    ]

    corpus = load(write_table(tmp_path / "q.csv", header, *rows), texts=texts)

    assert corpus[0].attributions == (
        said(0, 5, "Ada", source=Span(11, 14), cue=Span(6, 10)),
        Attribution(None, Span(16, 21), attributes={"cue": "says"}),
    )
    assert corpus.conversion.dropped == {"columns": 2}


def test_the_table_of_ldaca_has_columns_of_starts_and_ends(tmp_path, texts):
    header = (
        "document_idx quote quote_start_idx quote_end_idx speaker speaker_start_idx speaker_end_idx"
        " verb verb_start_idx verb_end_idx"
    ).split()
    row = ("d1", '"No,"', "16.0", 21, "Bo", 22, 24, "said", 25, 29)

    corpus = load(write_table(tmp_path / "q.csv", header, row), texts=texts)

    assert corpus[0].attributions == (said(16, 21, "Bo", source=Span(22, 24), cue=Span(25, 29)),)


def test_quotations_without_offsets_are_unplaced_or_searched(tmp_path, texts):
    header = ("document", "quote", "speaker", "verb")
    rows = [
        ("d1", '"Go,"', "Ada", "said"),
        ("d1", "“no,”", "Bo", ""),
        ("d1", "Never", "Cy", ""),
        ("d2", "", "", ""),
    ]
    location = write_table(tmp_path / "q.csv", header, *rows)

    plain, grounded = load(location, texts=texts), load(location, texts=texts, ground=True)

    assert plain[0].attributions == ()
    assert plain[0].unplaced == tuple(
        Unplaced("attributions", "content", WITHOUT_OFFSETS, quote)
        for quote in ('"Go,"', "“no,”", "Never")
    )
    assert plain.conversion.dropped == {
        "speakers of quotations without offsets": 3,
        "cues of quotations without offsets": 1,
    }
    assert grounded[0].attributions == (
        Attribution(None, Span(0, 5), attributes={"speaker": "Ada", "cue": "said"}),
        said(16, 21, "Bo"),
    )
    assert grounded[0].unplaced == (Unplaced("attributions", "content", NOT_IN_TEXT, "Never"),)
    assert grounded[0].meta == {
        "grounding": {
            "exact": 1,
            "normalized": 0,
            "case-folded": 1,
            "ambiguous": 1,
            "absent": 1,
            "duplicate": 0,
            "unparsable": 0,
            "choices": [["attributions", 0, "content", [[0, 5], [31, 36]]]],
        }
    }
    assert (
        grounded.conversion.repaired["quotations without offsets that were found in the text"] == 2
    )
    assert grounded.conversion.skipped == {
        "quotations without offsets that are not in the text (unplaced)": 1
    }


def test_texts_come_from_a_folder_or_from_one_file(tmp_path):
    (tmp_path / "folder").mkdir()
    for id, text in QUOTES.items():
        (tmp_path / "folder" / f"{id}.txt").write_text(text)
    one = write_table(tmp_path / "one.csv", ("quote", "speaker"), ('"No,"', "Bo"))
    several = write_table(tmp_path / "several.csv", PLAIN, *ROWS)

    by_folder = load(several, texts=tmp_path / "folder")
    by_file = load(one, texts=tmp_path / "folder" / "d1.txt", ground=True)

    assert by_folder.ids == by_file.ids == ["d1"]
    assert len(by_folder[0].attributions) == 3
    assert by_file[0].attributions == (said(16, 21, "Bo"),)
    with pytest.raises(InputError, match="2 documents, but the table has no column .*document_col"):
        load(one, texts=tmp_path / "folder", ground=True)


def test_a_table_is_recognized_by_its_columns(tmp_path, texts):
    path = write_table(tmp_path / "q.csv", PLAIN, *ROWS).partition(":")[2]

    corpus = load(path, texts=texts)

    assert len(corpus[0].attributions) == 3
    assert any("quotes" in name for name in corpus.conversion.detected)


def test_columns_can_be_named(tmp_path, texts):
    location = write_table(
        tmp_path / "q.csv", ("Novel", "von", "bis", "wer", "Note"), ("d1", 0, 5, "Ada", "x")
    )

    corpus = load(location, texts=texts, start_column="von", end_column="bis", speaker_column="wer")

    assert corpus[0].attributions == (said(0, 5, "Ada"),)
    assert corpus.conversion.dropped == {"columns": 1}


def test_texts_that_differ_are_counted_and_another_text_is_refused(tmp_path, texts):
    rows = [*ROWS[:2], ("d1", 31, 36, '"Goo"', "")]

    corpus = load(write_table(tmp_path / "q.csv", PLAIN, *rows), texts=texts)

    assert corpus.conversion.repaired[OTHER_TEXTS] == 1
    location = write_table(
        tmp_path / "q.csv", PLAIN, *[("d2", n, n + 5, *ROWS[n][3:]) for n in range(3)]
    )
    with pytest.raises(LoadError, match=r"q.csv:2: .*is not the text at its offsets.*3 of 3"):
        load(location, texts=texts)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("d1", "x", 5, "", ""), "q.csv:3: document 'd1', start: 'x': expected a whole number"),
        (("d1", 5, 3, "", ""), "q.csv:3: document 'd1', start: 3 is not after the start, 5"),
        (("d1", 0, 99, "", ""), "q.csv:3: document 'd1', start: 99 is past the end of the text"),
        (("", 0, 5, "", ""), "q.csv:3: doc_id: '': expected the id of a document"),
        (("d9", 0, 5, "", ""), "q.csv:3: document 'd9': no text in .*texts.jsonl"),
        (("d1", 0, 5), "q.csv:3: 3 columns: expected 5, as in the header"),
    ],
)
def test_a_row_of_another_form_is_refused_with_its_line(tmp_path, texts, row, message):
    location = write_table(tmp_path / "q.csv", PLAIN, ROWS[0], row)

    with pytest.raises(LoadError, match=message):
        load(location, texts=texts)


def test_what_is_missing_is_named(tmp_path, texts):
    location = write_table(tmp_path / "q.csv", PLAIN, *ROWS)
    other = write_table(tmp_path / "o.csv", ("doc_id", "label"), ("d1", "x"))
    twice = write_table(tmp_path / "t.csv", ("doc_id", "text", "content"), ("d1", "x", "y"))

    with pytest.raises(InputError, match='q.csv: a table of quotations without texts; .*texts="'):
        load(location)
    with pytest.raises(InputError, match="o.csv: no column with the quotations: .*'doc_id', 'lab"):
        load(other, texts=texts)
    with pytest.raises(InputError, match="t.csv: several columns with the text: text, content; na"):
        load(twice, texts=texts)
    with pytest.raises(InputError, match="unknown column 'x' in"):
        load(location, texts=texts, text_column="x")


def test_offsets_in_other_units_compressed_files_and_encodings_are_read(tmp_path):
    text = '💩 "Zoé," said Zoé.'
    Corpus([Document("d", text)]).save(tmp_path / "texts.jsonl")
    location = write_table(tmp_path / "q.csv", PLAIN, ("d", 3, 9, '"Zoé,"', "Zoé"))
    data = (tmp_path / "q.csv").read_bytes()
    (tmp_path / "q.csv.gz").write_bytes(gzip.compress(data))
    expected = (said(2, 8, "Zoé"),)

    for path in (location, f"{location}.gz"):
        corpus = load(path, texts=tmp_path / "texts.jsonl", offset_unit="utf-16")
        assert corpus[0].attributions == expected
    (tmp_path / "q.csv").write_bytes(data.decode().encode("latin-1"))
    with pytest.raises(LoadError, match="not UTF-8"):
        load(location, texts=tmp_path / "texts.jsonl", offset_unit="utf-16")


def test_the_command_line_scores_it_against_another_format(tmp_path, texts):
    gold = Document("d1", TEXT, attributions=(said(0, 5, "Ada"), said(16, 21, "Cy")))
    Corpus([gold, Document("d2", OTHER, attributions=())]).save(tmp_path / "gold.jsonl")
    location = write_table(tmp_path / "q.csv", PLAIN, *ROWS)

    scored = run_evalkit(
        "score",
        tmp_path / "gold.jsonl",
        f"{location}?texts={tmp_path / 'gold.jsonl'}",
        "--metrics=speakers/strict",
        "--boot=0",
    )
    written = run_evalkit("convert", tmp_path / "gold.jsonl", f"quotes:{tmp_path}/out.csv")

    assert "accuracy: 0.500 (1 of 2 pairs with equal spans)" in scored.stdout
    assert written.returncode == 2
    assert "the format quotes is only read" in written.stderr


@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.slow)], ids=str)
def test_contents_and_speakers_are_the_numbers_of_plain_loops_over_the_rows(tmp_path, count):
    total = 0
    Corpus([Document(id, text) for id, text in QUOTES.items()]).save(tmp_path / "texts.jsonl")
    for seed in range(count):
        rng = random.Random(seed)
        sides = []
        for name in ("gold", "said"):
            rows = {}
            for _ in range(rng.randrange(9)):
                id = rng.choice(list(QUOTES))
                start = rng.randrange(0, 12, 4)
                end = start + rng.choice((1, 4))
                rows[id, start, end] = rng.choice(("Ada", "Bo", "Mrs. Cy", ""))
            table = [(*key, QUOTES[key[0]][key[1] : key[2]], rows[key]) for key in rows]
            rng.shuffle(table)
            write_table(tmp_path / f"{name}.csv", PLAIN, *table)
            with (tmp_path / f"{name}.csv").open(newline="") as file:
                sides.append(
                    {
                        (row["doc_id"], row["start"], row["end"], row["speaker"])
                        for row in csv.DictReader(file)
                    }
                )
        gold, predicted = (
            load(f"quotes:{tmp_path}/{name}.csv", texts=tmp_path / "texts.jsonl")
            for name in ("gold", "said")
        )

        scores = score(gold, predicted, ["speakers/strict", "attributions/strict"], boot=0)

        speakers, contents = (scores[m].micro for m in ("speakers/strict", "attributions/strict"))
        named = [{item for item in side if item[3]} for side in sides]
        expected = (len(named[0] & named[1]), len(named[1]), len(named[0]))
        assert (speakers.tp, speakers.predicted, speakers.gold) == expected, seed
        spans = [{item[:3] for item in side} for side in sides]
        expected = (len(spans[0] & spans[1]), len(spans[1]), len(spans[0]))
        assert (contents.tp, contents.predicted, contents.gold) == expected, seed
        total += speakers.tp
    assert total > count / 10


@pytest.mark.parametrize("row", [("", 0, 5, "", ""), ("d1", 0, 5)])
def test_a_row_whose_document_is_not_known_is_never_skipped(tmp_path, texts, row):
    location = write_table(tmp_path / "q.csv", PLAIN, ROWS[0], row)

    with pytest.raises(LoadError, match="q.csv:3: "):
        load_corpus(location, texts=texts, on_error="skip")


def test_a_row_whose_document_is_not_known_does_not_hide_other_errors(tmp_path, texts):
    rows = [("d9", 0, 5, "", ""), ("", 0, 5, "", "")]
    location = write_table(tmp_path / "q.csv", PLAIN, *rows)

    with pytest.raises(LoadError) as error:
        load_corpus(location, texts=texts)

    places = [message.split(": ")[0].rpartition("/")[2] for message in error.value.errors]
    assert places == ["q.csv:2", "q.csv:3"]
