"""The Project Dialogism Novel Corpus: folders of novels with tables of quotations."""

import ast
import csv
import json
import random

import pytest
from helpers.cli import run_evalkit

from evalkit import Attribution, Corpus, InputError, LoadError, Span, load_corpus, score
from evalkit.formats.quotation_texts import OTHER_TEXTS

TEXT = '"Bah!" said Scrooge. "Humbug!"\n\n"Uncle," said Fred. He sang:\n\n  Ho ho\n'
COLUMNS = (
    "quoteID",
    "quoteText",
    "subQuotationList",
    "quoteByteSpans",
    "speaker",
    "addressees",
    "quoteType",
    "referringExpression",
    "mentionTextsList",
    "mentionSpansList",
    "mentionEntitiesList",
)


def row_of(id, *spans, speaker="Scrooge", text=TEXT, **cells):
    """A row of the table of quotations, with the texts at the spans."""
    parts = [text[start:end] for start, end in spans]
    empty = str([[] for _ in spans])
    row = {
        "quoteID": id,
        "quoteText": " ".join(parts),
        "subQuotationList": str(parts),
        "quoteByteSpans": str([list(span) for span in spans]),
        "speaker": speaker,
        "addressees": "[]",
        "quoteType": "Explicit",
        "referringExpression": "nan",
        "mentionTextsList": empty,
        "mentionSpansList": empty,
        "mentionEntitiesList": empty,
    }
    return {**row, **cells}


BAH = row_of("Q0", (1, 5), (22, 29), addressees="['Fred', \"Bob\"]")
UNCLE = row_of("Q1", (33, 39), speaker="Fred", quoteType="Anaphoric")


def write_novel(
    folder,
    *rows,
    text=TEXT,
    names=("quotation_info.csv", "novel_text.txt"),
    columns=COLUMNS,
    quoting=csv.QUOTE_ALL,
):
    """A folder with the text and the table of a novel."""
    folder.mkdir(parents=True, exist_ok=True)
    table, text_file = names
    (folder / text_file).write_text(text, encoding="utf-8", newline="")
    with (folder / table).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, columns, quoting=quoting, extrasaction="ignore", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_quotations_are_attributions_with_the_name_of_the_speaker(tmp_path):
    write_novel(tmp_path / "data" / "Carol", BAH, UNCLE)
    (tmp_path / "data" / "Carol" / "character_info.csv").write_text(
        "Character ID,Main Name,Aliases,Gender,Category\n"
        "0,Scrooge,\"{'Scrooge', 'Ebenezer'}\",M,major\n1,Fred,{'Fred'},M,minor\n"
    )

    corpus = load_corpus(f"pdnc:{tmp_path}")

    (novel,) = corpus
    assert (novel.id, novel.text, novel.entities) == ("Carol", TEXT, None)
    assert novel.attributions == (
        Attribution(
            None,
            Span(1, 29, ((1, 5), (22, 29))),
            id="Q0",
            attributes={
                "speaker": "Scrooge",
                "addressees": "Fred; Bob",
                "quoteType": "Explicit",
            },
        ),
        Attribution(
            None,
            Span(33, 39),
            id="Q1",
            attributes={"speaker": "Fred", "quoteType": "Anaphoric"},
        ),
    )
    assert novel.meta == {
        "characters": [
            {
                "Character ID": "0",
                "Main Name": "Scrooge",
                "Aliases": ["Ebenezer", "Scrooge"],
                "Gender": "M",
                "Category": "major",
            },
            {
                "Character ID": "1",
                "Main Name": "Fred",
                "Aliases": ["Fred"],
                "Gender": "M",
                "Category": "minor",
            },
        ]
    }
    assert not corpus.conversion


def test_the_names_of_the_readme_and_unquoted_cells_are_read(tmp_path):
    names = ("quotations.csv", "text.txt")
    columns = ("quoteId", *COLUMNS[1:5], "addressee", *COLUMNS[6:])
    rows = [
        {**BAH, "quoteId": "Q0", "addressee": "['Fred']"},
        {**UNCLE, "quoteId": "Q1", "quoteByteSpans": "[33, 39]"},
    ]
    write_novel(tmp_path / "A", *rows, names=names, columns=columns, quoting=csv.QUOTE_MINIMAL)
    write_novel(tmp_path / "B", BAH)

    corpus = load_corpus(f"pdnc:{tmp_path}")

    assert corpus.ids == ["A", "B"]
    assert [a.id for a in corpus[0].attributions] == ["Q0", "Q1"]
    assert corpus[0].attributions[0].attributes["addressees"] == "Fred"
    assert corpus[0].attributions[1].content == Span(33, 39)


@pytest.mark.parametrize("path", ["", "data", "data/Carol", "data/Carol/quotation_info.csv"])
def test_a_path_is_a_folder_of_novels_a_novel_or_its_table(tmp_path, path):
    write_novel(tmp_path / "data" / "Carol", BAH)

    assert load_corpus(f"pdnc:{tmp_path / path}").ids == ["Carol"]


@pytest.mark.parametrize("path", ["", "data", "data/Carol", "data/Carol/quotation_info.csv"])
def test_a_folder_of_novels_is_recognized(tmp_path, path):
    write_novel(tmp_path / "data" / "Carol", BAH)

    corpus = load_corpus(tmp_path / path)

    assert corpus.ids == ["Carol"]
    assert any("pdnc" in name for name in corpus.conversion.detected)


def test_parts_out_of_order_overlapping_and_empty_ones_are_counted(tmp_path):
    rows = [
        row_of("Q0", (22, 29), (1, 5)),
        row_of("Q1", (33, 37), (36, 39), (39, 41)),
        row_of("Q2", (50, 50), (44, 46)),
        row_of("Q3", (50, 50)),
        row_of("Q4"),
    ]
    write_novel(tmp_path / "A", *rows)

    corpus = load_corpus(f"pdnc:{tmp_path / 'A'}")

    assert [a.content for a in corpus[0].attributions] == [
        Span(1, 29, ((1, 5), (22, 29))),
        Span(33, 41),
        Span(44, 46),
    ]
    assert corpus.conversion.repaired == {
        "quotations whose parts were not in the order of the text": 1,
        "parts of quotations that overlap, read as one": 1,
    }
    assert corpus.conversion.dropped == {
        "parts of quotations without a character": 2,
        "quotations without parts": 2,
    }


def test_texts_that_differ_and_what_is_not_read_are_counted(tmp_path):
    rows = [
        row_of("Q0", (1, 5), subQuotationList="['Bah']", mentionTextsList="[['nan']]"),
        row_of("Q1", (33, 39), subQuotationList="['Uncle,\\n']"),
        row_of("Q2", (22, 29), subQuotationList="['a', 'b']", referringExpression="said Fred"),
        row_of("Q3", (44, 46), note="x"),
    ]
    write_novel(tmp_path / "A", *rows, columns=(*COLUMNS, "note"))

    corpus = load_corpus(f"pdnc:{tmp_path / 'A'}")

    assert corpus.conversion.repaired == {OTHER_TEXTS: 1}
    assert corpus.conversion.repaired.examples[OTHER_TEXTS] == (
        f"{tmp_path / 'A' / 'quotation_info.csv'}:2",
    )
    assert corpus.conversion.dropped == {"columns": 1, "values of the column 'mentionTextsList'": 1}
    assert corpus[0].attributions[2].attributes["referringExpression"] == "said Fred"


def test_offsets_in_bytes_are_refused_with_the_option_that_reads_them(tmp_path):
    text = "— " * 4 + TEXT
    moved = [row_of("Q0", (9, 13), text=text), row_of("Q1", (41, 47), text=text)]
    for row, start in zip(moved, (9, 41), strict=True):
        spans = ast.literal_eval(row["quoteByteSpans"])
        row["quoteByteSpans"] = str([[s + 8, e + 8] for s, e in spans])
        assert spans[0][0] == start
    write_novel(tmp_path / "A", *moved, text=text)

    with pytest.raises(LoadError, match=r"(?s)offsets are bytes of UTF-8.*quotation_info.csv:2: "):
        load_corpus(f"pdnc:{tmp_path / 'A'}")
    corpus = load_corpus(f"pdnc:{tmp_path / 'A'}", offset_unit="utf-8")
    assert [a.content for a in corpus[0].attributions] == [Span(9, 13), Span(41, 47)]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"quoteByteSpans": "[[1, 'x']]"}, r"quoteByteSpans: expected \[\[start, end\], …\], got"),
        ({"quoteByteSpans": ""}, "quoteByteSpans: expected"),
        ({"quoteByteSpans": "[[1, 999]]"}, r"quoteByteSpans\[0\]: 999 is past the end of the text"),
        ({"quoteByteSpans": "[[5, 1]]"}, r"quoteByteSpans\[0\]: 1 is not after the start, 5"),
        ({"quoteByteSpans": "[[-5, 1]]"}, r"quoteByteSpans\[0\]: -5 is before the text"),
        ({"quoteByteSpans": "[" * 3000}, "quoteByteSpans: expected"),
    ],
)
def test_a_row_of_another_form_is_refused_with_its_line(tmp_path, cells, message):
    write_novel(tmp_path / "A", {**UNCLE, "quoteText": "two\nlines"}, row_of("Q9", (1, 5), **cells))
    write_novel(tmp_path / "B", BAH)

    with pytest.raises(LoadError, match=f"quotation_info.csv:4: {message}"):
        load_corpus(f"pdnc:{tmp_path}")
    assert load_corpus(f"pdnc:{tmp_path}", on_error="skip").ids == ["B"]


def test_missing_files_and_columns_are_named(tmp_path):
    write_novel(tmp_path / "A", BAH)
    (tmp_path / "A" / "novel_text.txt").unlink()
    write_novel(tmp_path / "B", BAH, columns=("quoteID", "speaker"))
    (tmp_path / "empty").mkdir()

    with pytest.raises(LoadError, match="quotation_info.csv: no novel_text.txt in the same folder"):
        load_corpus(f"pdnc:{tmp_path / 'A'}")
    with pytest.raises(
        LoadError, match=r"no column 'quoteByteSpans'; the columns are 'quoteID', 'speaker'"
    ):
        load_corpus(f"pdnc:{tmp_path / 'B'}")
    with pytest.raises(InputError, match="expected the folder of a novel, or of novels, with quot"):
        load_corpus(f"pdnc:{tmp_path / 'empty'}")


def test_a_quotation_that_is_repeated_is_a_duplicate_of_gold(tmp_path):
    write_novel(tmp_path / "A", UNCLE, {**UNCLE, "quoteID": "Q2"})

    with pytest.raises(LoadError, match="duplicate of"):
        load_corpus(f"pdnc:{tmp_path / 'A'}")
    corpus = load_corpus(f"pdnc:{tmp_path / 'A'}", duplicates="drop")
    assert len(corpus[0].attributions) == 1


def test_a_novel_in_another_encoding_is_read(tmp_path):
    write_novel(tmp_path / "A", row_of("Q0", (0, 4), text="Zoé!"), text="Zoé!")
    for file in (tmp_path / "A").iterdir():
        file.write_bytes(file.read_bytes().decode().encode("latin-1"))

    corpus = load_corpus(f"pdnc:{tmp_path / 'A'}", encoding="latin-1")

    assert corpus[0].text == "Zoé!"
    with pytest.raises(LoadError, match="not UTF-8"):
        load_corpus(f"pdnc:{tmp_path / 'A'}")


def test_the_command_line_scores_and_does_not_write_it(tmp_path):
    write_novel(tmp_path / "gold" / "A", BAH, UNCLE)
    write_novel(tmp_path / "said" / "A", {**BAH, "speaker": "Fred"}, UNCLE)
    options = ["--metrics=speakers/strict,attributions/strict", "--boot=0"]

    scored = run_evalkit("score", f"pdnc:{tmp_path}/gold", f"pdnc:{tmp_path}/said", *options)
    written = run_evalkit("convert", f"pdnc:{tmp_path}/gold", f"pdnc:{tmp_path}/out")
    converted = run_evalkit("convert", f"pdnc:{tmp_path}/gold", tmp_path / "out.jsonl")

    assert "accuracy: 0.500 (1 of 2 pairs with equal spans)" in scored.stdout
    assert (written.returncode, converted.returncode) == (2, 0)
    assert "the format pdnc is only read" in written.stderr
    again = load_corpus(tmp_path / "out.jsonl")
    assert list(again) == list(load_corpus(f"pdnc:{tmp_path}/gold"))


# ---- plain loops over the tables -----------------------------------------------------------------

SPEAKERS = ("Ada", "Mrs. Bo", "_narr", "nan", "")


def read_plainly(table):
    """The distinct (characters, speaker) of a table with one quotation in each row."""
    items = set()
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            characters = set()
            for start, end in json.loads(row["quoteByteSpans"]):
                characters.update(range(start, end))
            speaker = row["speaker"]
            items.add((frozenset(characters), None if speaker in ("", "nan") else speaker))
    return items


def random_novel(rng, folder):
    rows, seen = [], set()
    for number in range(rng.randrange(8)):
        edges = sorted(rng.sample(range(24), 2 * rng.randrange(1, 4)))
        spans = list(zip(edges[::2], edges[1::2], strict=True))
        if tuple(spans) in seen:
            continue
        seen.add(tuple(spans))
        rng.shuffle(spans)
        rows.append(row_of(f"Q{number}", *spans, speaker=rng.choice(SPEAKERS)))
    write_novel(folder, *rows, quoting=rng.choice((csv.QUOTE_ALL, csv.QUOTE_MINIMAL)))


@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.slow)], ids=str)
def test_speakers_and_contents_are_the_numbers_of_plain_loops_over_the_tables(tmp_path, count):
    total = 0
    for seed in range(count):
        rng = random.Random(seed)
        for side in ("gold", "said"):
            random_novel(rng, tmp_path / side / "A")
        tables = [tmp_path / side / "A" / "quotation_info.csv" for side in ("gold", "said")]
        gold_items, said_items = map(read_plainly, tables)
        gold, said = (load_corpus(f"pdnc:{table}") for table in tables)

        scores = score(gold, said, ["speakers/strict", "attribution-relations/strict"], boot=0)

        speakers = scores["speakers/strict"].micro
        named = [{item for item in items if item[1]} for items in (gold_items, said_items)]
        expected = (len(named[0] & named[1]), len(named[1]), len(named[0]))
        assert (speakers.tp, speakers.predicted, speakers.gold) == expected, seed
        contents = [{characters for characters, _ in items} for items in (gold_items, said_items)]
        whole = scores["attribution-relations/strict"].micro
        expected = (len(contents[0] & contents[1]), len(said_items), len(gold_items))
        assert (whole.tp, whole.predicted, whole.gold) == expected, seed
        total += whole.tp
    assert total > 0


def test_saved_results_shards_and_swapped_sides_agree(tmp_path):
    rng = random.Random(1)
    for side in ("gold", "said"):
        for number in range(6):
            random_novel(rng, tmp_path / side / f"N{number}")
    gold, said = (load_corpus(f"pdnc:{tmp_path / side}") for side in ("gold", "said"))
    whole = score(gold, said, "speakers/strict", boot=0)["speakers/strict"].micro
    swapped = score(said, gold, "speakers/strict", boot=0)["speakers/strict"].micro
    assert (whole.tp, whole.fp, whole.fn) == (swapped.tp, swapped.fn, swapped.fp)
    for side, corpus in (("gold", gold), ("said", said)):
        corpus.save(tmp_path / f"{side}.jsonl")
    streamed = score(tmp_path / "gold.jsonl", tmp_path / "said.jsonl", "speakers/strict", boot=0)[
        "speakers/strict"
    ].micro
    assert streamed == whole
    reverse = Corpus(list(gold)[::-1]), Corpus(list(said)[::-1])
    assert score(*reverse, "speakers/strict", boot=0)["speakers/strict"].micro == whole


def test_a_truncated_table_is_not_advised_to_use_an_option_that_the_format_lacks(tmp_path):
    write_novel(tmp_path)
    (table,) = tmp_path.rglob("quotation_info.csv")
    table.write_text('quoteID,quoteByteSpans,speaker\nQ1,"[[0, 1', encoding="utf-8")

    with pytest.raises(LoadError) as error:
        load_corpus(f"pdnc:{tmp_path}")
    assert "csv:2: not a row of a table: " in str(error.value)
    assert "a quote inside a quoted cell is written twice" in str(error.value)
    assert "quotes=" not in str(error.value)
