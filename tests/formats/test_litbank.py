"""LitBank's lines of quotations and mentions, whose offsets are numbers of tokens."""

import random

import pytest
from helpers.cli import run_evalkit

from evalkit import (
    Attribution,
    Document,
    Entity,
    InputError,
    LoadError,
    Relation,
    Span,
    load_corpus,
    score,
)
from evalkit.formats.folder_recognition import recognize_folder
from evalkit.formats.quotation_texts import OTHER_TEXTS

SENTENCES = [
    "“ Oh , it ’s hard ! ”",
    "he exclaimed .",
    "“ Take care , ” said Ada Bo . “ Now",
    "stop . ”",
]
TEXT = "\n".join(SENTENCES) + "\n"
QUOTES = """QUOTE\tQ1\t0\t0\t0\t7\t“ Oh , it ’s hard ! ”
QUOTE\tQ2\t2\t0\t2\t4\t“ Take care , ”
QUOTE\tQ3\t2\t9\t3\t2\t“ Now stop . ”
ATTRIB\tQ1\ta_boy-44
ATTRIB\tQ2\tAda_Bo-2
ATTRIB\tQ3\tAda_Bo-2
"""
MENTIONS = """MENTION\tT1\t1\t0\t1\t0\the\tPER\tPRON
MENTION\tT2\t2\t6\t2\t7\tAda Bo\tPER\tPROP
COREF\tT1\ta_boy-44
COREF\tT2\tAda_Bo-2
MENTION\tT3\t2\t7\t2\t7\tBo\tPER\tPROP
COP\tT3\tT2
APPOS\tT1\tT2
"""


def write_document(folder, name="a", annotations=QUOTES, text=TEXT, suffix=".ann"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text(text, encoding="utf-8", newline="")
    if annotations is not None:
        (folder / f"{name}{suffix}").write_text(annotations, encoding="utf-8", newline="")
    return folder


def said(start, end, id, speaker):
    return Attribution(None, Span(start, end), id=id, attributes={"speaker": speaker})


@pytest.mark.parametrize("suffix", [".ann", ".tsv"])
def test_quotations_are_attributions_with_the_id_of_the_speaker(tmp_path, suffix):
    write_document(tmp_path, suffix=suffix)
    last = TEXT.index("“ Now")

    corpus = load_corpus(f"litbank:{tmp_path}")

    assert list(corpus) == [
        Document(
            "a",
            TEXT,
            attributions=(
                said(0, 21, "Q1", "a_boy-44"),
                said(37, 52, "Q2", "Ada_Bo-2"),
                said(last, len(TEXT) - 1, "Q3", "Ada_Bo-2"),
            ),
        )
    ]
    assert TEXT[37:52] == "“ Take care , ”"
    assert not corpus.conversion


def test_mentions_are_entities_with_what_they_refer_to(tmp_path):
    write_document(tmp_path, annotations=MENTIONS)
    he, ada, bo = (TEXT.index(name) for name in ("he ", "Ada", "Bo"))

    (document,) = load_corpus(f"litbank:{tmp_path}")

    assert document.attributions is None
    assert document.entities == (
        Entity("PER", he, he + 2, "T1", attributes={"mention": "PRON", "entity": "a_boy-44"}),
        Entity("PER", ada, ada + 6, "T2", attributes={"mention": "PROP", "entity": "Ada_Bo-2"}),
        Entity("PER", bo, bo + 2, "T3", attributes={"mention": "PROP"}),
    )
    assert document.relations == (Relation("COP", "T3", "T2"), Relation("APPOS", "T1", "T2"))


def test_a_layer_is_annotated_where_a_file_of_the_folder_has_it(tmp_path):
    write_document(tmp_path / "q", "a")
    write_document(tmp_path / "q", "b", annotations="")
    write_document(tmp_path / "q", "c", annotations=None)
    write_document(tmp_path / "both", "a", annotations=QUOTES + MENTIONS)
    write_document(tmp_path / "empty", "a", annotations="")

    quotes = load_corpus(f"litbank:{tmp_path / 'q'}")
    both = load_corpus(f"litbank:{tmp_path / 'both'}")
    empty = load_corpus(f"litbank:{tmp_path / 'empty'}")

    assert [d.attributions and len(d.attributions) for d in quotes] == [3, (), None]
    assert [d.entities for d in quotes] == [None] * 3
    assert (len(both[0].attributions), len(both[0].entities)) == (3, 3)
    assert (empty[0].attributions, empty[0].entities) == ((), None)


@pytest.mark.parametrize("name", ["a.ann", "a.txt"])
def test_a_path_may_be_a_file_of_a_document(tmp_path, name):
    write_document(tmp_path)
    write_document(tmp_path, "b")

    assert load_corpus(f"litbank:{tmp_path / name}").ids == ["a"]


def test_documents_of_subfolders_and_line_ends_of_windows_are_read(tmp_path):
    write_document(
        tmp_path / "x", "a", QUOTES.replace("\n", "\r\n"), text=TEXT.replace("\n", "\r\n")
    )
    write_document(tmp_path, "b")

    corpus = load_corpus(f"litbank:{tmp_path}")

    assert corpus.ids == ["b", "x/a"]
    contents = [
        [" ".join(d.text[a.content.start : a.content.end].split()) for a in d.attributions]
        for d in corpus
    ]
    assert contents[0] == contents[1]


def test_texts_that_differ_and_further_lines_are_counted(tmp_path):
    annotations = QUOTES.replace("hard", "soft") + "ATTRIB\tQ1\tother-1\n"
    write_document(tmp_path, annotations=annotations)

    corpus = load_corpus(f"litbank:{tmp_path}")

    assert corpus.conversion.repaired == {OTHER_TEXTS: 1}
    assert corpus.conversion.dropped == {"further speakers": 1}
    assert corpus[0].attributions[0].attributes == {"speaker": "a_boy-44"}


def test_a_text_that_is_another_one_is_refused(tmp_path):
    write_document(tmp_path, text="\n".join(["x " * 20] * 4))

    with pytest.raises(LoadError, match=r"a.ann:1: '“ Oh.*' is not the text.*3 of 3 texts of"):
        load_corpus(f"litbank:{tmp_path}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T1\tPER 0 2\tOh", r"unknown kind of line 'T1'; expected one of: QUOTE, ATTRIB"),
        ("QUOTE\tQ9\t0\t0", "QUOTE: expected 7 fields, got 4, which are separated by tabs"),
        ("QUOTE\tQ9\t9\t0\t9\t1\tx", "QUOTE Q9: no sentence 9: the text has 4 lines, from 0"),
        ("QUOTE\tQ9\t0\t8\t0\t9\tx", "QUOTE Q9: no token 8 in sentence 0: it has 8, from 0"),
        ("QUOTE\tQ9\t0\t3\t0\t1\tx", "QUOTE Q9: token 1 of sentence 0 is before token 3"),
        ("QUOTE\tQ9\t-1\t3\t0\t1\tx", "QUOTE Q9: '-1': expected the number of a sentence or token"),
        ("QUOTE\tQ1\t1\t0\t1\t1\tx", r"duplicate id 'Q1': see line 1"),
        ("ATTRIB\tQ9\tAda", "ATTRIB: no line of this file has the id 'Q9'"),
        ("COREF\tT9\tAda", "COREF: no line of this file has the id 'T9'"),
        ("COP\tT8\tT9", "COP: no line of this file has the id 'T8'"),
    ],
)
def test_a_line_of_another_form_is_refused_with_its_number(tmp_path, line, message):
    write_document(tmp_path, annotations=QUOTES + line + "\n")
    write_document(tmp_path, "b")

    with pytest.raises(LoadError, match=f"a.ann:7: {message}"):
        load_corpus(f"litbank:{tmp_path}")
    assert load_corpus(f"litbank:{tmp_path}", on_error="skip").ids == ["b"]


def test_a_folder_is_recognized_and_brat_is_told_apart(tmp_path):
    write_document(tmp_path / "l")
    write_document(tmp_path / "b", annotations="T1\tPER 0 2\tOh\n")

    assert recognize_folder(tmp_path / "l") == f"litbank:{tmp_path / 'l'}"
    assert recognize_folder(tmp_path / "b") == f"brat:{tmp_path / 'b'}"
    corpus = load_corpus(tmp_path / "l")
    assert len(corpus[0].attributions) == 3
    assert any("litbank" in name for name in corpus.conversion.detected)


def test_missing_files_are_named(tmp_path):
    write_document(tmp_path / "a")
    (tmp_path / "a" / "a.txt").unlink()
    (tmp_path / "b").mkdir()
    (tmp_path / "c.csv").write_text("x")
    write_document(tmp_path / "d")
    write_document(tmp_path / "d", suffix=".tsv")

    for name, message in (
        ("a", "a.ann: no a.txt in the same folder"),
        ("b", "no .ann, .tsv or .txt file in this folder"),
        ("c.csv", "expected a folder, or a file .txt, .ann, .tsv"),
        ("d", "a: both .ann and .tsv: keep one"),
    ):
        with pytest.raises(InputError, match=message):
            load_corpus(f"litbank:{tmp_path / name}")


def test_other_encodings_are_read(tmp_path):
    write_document(tmp_path, annotations="QUOTE\tQ1\t0\t0\t0\t1\tZoé !\n", text="Zoé ! a\n")
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes().decode().encode("latin-1"))

    corpus = load_corpus(f"litbank:{tmp_path}", encoding="latin-1")

    assert corpus[0].attributions[0].content == Span(0, 5)
    with pytest.raises(LoadError, match="a.txt:1: not UTF-8"):
        load_corpus(f"litbank:{tmp_path}")


def test_the_command_line_scores_and_does_not_write_it(tmp_path):
    write_document(tmp_path / "gold")
    write_document(tmp_path / "said", annotations=QUOTES.replace("Q2\tAda_Bo-2", "Q2\ta_boy-44"))

    scored = run_evalkit(
        "score",
        f"litbank:{tmp_path}/gold",
        f"litbank:{tmp_path}/said",
        "--metrics=speakers/strict",
        "--boot=0",
    )
    written = run_evalkit("convert", f"litbank:{tmp_path}/gold", f"litbank:{tmp_path}/out")

    assert "accuracy: 0.667 (2 of 3 pairs with equal spans)" in scored.stdout
    assert written.returncode == 2
    assert "the format litbank is only read" in written.stderr


# ---- plain loops over the lines ------------------------------------------------------------------


def read_plainly(folder):
    """The items (text of the tokens, their places, speaker) of the QUOTE lines of a file."""
    sentences = [line.split() for line in (folder / "a.txt").read_text().splitlines()]
    places = [(s, t) for s, words in enumerate(sentences) for t in range(len(words))]
    quotes, speakers = {}, {}
    for line in (folder / "a.ann").read_text().splitlines():
        kind, id, *fields = line.split("\t")
        if kind == "QUOTE":
            s, t, last_s, last_t = map(int, fields[:4])
            inside = places[places.index((s, t)) : places.index((last_s, last_t)) + 1]
            quotes[id] = (tuple(inside), [sentences[s][t] for s, t in inside])
        else:
            speakers[id] = fields[0]
    return {id: (*quotes[id], speakers.get(id)) for id in quotes}


def random_document(rng, folder, sentences):
    places = [(s, t) for s, words in enumerate(sentences) for t in range(len(words))]
    lines, seen = [], set()
    for number in range(rng.randrange(7)):
        first, last = sorted(rng.choices(range(len(places)), k=2))
        if (first, last) in seen:
            continue
        seen.add((first, last))
        words = " ".join(sentences[s][t] for s, t in places[first : last + 1])
        numbers = map(str, (*places[first], *places[last]))
        lines.append("\t".join(["QUOTE", f"Q{number}", *numbers, words]))
        if rng.random() < 0.8:
            lines.append(f"ATTRIB\tQ{number}\t{rng.choice(('Ada-1', 'Bo-2'))}")
    rng.shuffle(lines)
    text = "".join(" ".join(words) + "\n" for words in sentences)
    write_document(folder, annotations="".join(f"{line}\n" for line in lines), text=text)


@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.slow)], ids=str)
def test_tokens_and_speakers_are_those_of_plain_loops_over_the_lines(tmp_path, count):
    total = 0
    for seed in range(count):
        rng = random.Random(seed)
        sentences = [
            rng.choices(("Ada", "“", "né", "💩", "."), k=rng.randrange(1, 4)) for _ in range(3)
        ]
        for side in ("gold", "said"):
            random_document(rng, tmp_path / side, sentences)
        items = [read_plainly(tmp_path / side) for side in ("gold", "said")]
        sides = [load_corpus(f"litbank:{tmp_path / side}") for side in ("gold", "said")]
        for corpus, expected in zip(sides, items, strict=True):
            (document,) = corpus
            read = {
                a.id: (document.text[a.content.start : a.content.end].split(), a.attributes)
                for a in document.attributions
            }
            assert read == {
                id: (words, {"speaker": speaker} if speaker else None)
                for id, (_, words, speaker) in expected.items()
            }

        row = score(*sides, "speakers/strict", boot=0)["speakers/strict"].micro

        named = [{(p, s) for p, _, s in each.values() if s} for each in items]
        expected = (len(named[0] & named[1]), len(named[1]), len(named[0]))
        assert (row.tp, row.predicted, row.gold) == expected, seed
        total += row.tp
    assert total > 0


def test_byte_order_marks_are_dropped_and_counted(tmp_path):
    write_document(tmp_path / "with", annotations="\ufeff" + MENTIONS, text="\ufeff" + TEXT)
    write_document(tmp_path / "without", annotations=MENTIONS)

    marked, plain = (load_corpus(f"litbank:{tmp_path / name}") for name in ("with", "without"))

    assert list(marked) == list(plain)
    assert marked.conversion.dropped == {"byte order marks": 2, **plain.conversion.dropped}
    assert load_corpus(tmp_path / "with").conversion.detected == {"format litbank": 1}


def test_an_annotation_file_alone_is_recognized(tmp_path):
    write_document(tmp_path / "q", "a")
    (tmp_path / "q" / "b.txt").write_text("Vitamin I")
    (tmp_path / "q" / "b.ann").write_text("T1\tLetter 8 9\tI\n")

    assert load_corpus(tmp_path / "q" / "a.ann").conversion.detected == {"format litbank": 1}
    brat = load_corpus(tmp_path / "q" / "b.ann")

    assert brat.conversion.detected == {}
    assert [(e.label, e.start, e.end) for e in brat[0].entities] == [("Letter", 8, 9)]
