"""What is detected in CoNLL files: a column that counts the tokens, comments, a sentence a line."""

import random

import pytest
from helpers.cli import run_evalkit
from helpers.profiles import examples

from evalkit import Document, Entity, LoadError, load_corpus, score
from evalkit.formats.recognition import recognize

COUNTED = "column 0 counts the tokens, which are in column 1"
COMMENTS = "lines that begin with # are comments"
ON_ONE_LINE = "a sentence on each line, as TOKEN|TAG TOKEN|TAG"
NEITHER = "columns that are neither token nor tag"
# In the form of GermEval 2014: a source in a comment with a tab, numbers, two columns of tags
GERMEVAL = (
    "#\thttp://de.example.org/wiki/Ada [2009-10-23]\n"
    "1\tAda\tB-PER\tO\n2\tund\tO\tO\n3\tUni\tB-ORG\tO\n4\tOslo\tI-ORG\tB-LOC\n"
    "\n"
    "#\thttp://de.example.org/wiki/Bo [2009-10-24]\n"
    "1\tBo\tB-PER\tO\n"
)
# In the form of HIPE 2022: names of columns, and documents in comments
HIPE = (
    "TOKEN\tNE-COARSE-LIT\tNE-FINE-LIT\n"
    "# hipe2022:document_id = d1\n# hipe2022:date = 1898-01-01\n"
    "Ada\tB-pers\tB-pers.ind\nran\tO\tO\n\nBo\tB-pers\tO\n"
    "# hipe2022:document_id = d2\nRain\tO\tO\n"
)


def load(tmp_path, content, **options):
    path = tmp_path / "f.conll"
    path.write_text(content, encoding="utf-8")
    return load_corpus(path, **options)


def test_germeval_is_read_as_it_is(tmp_path):
    corpus = load(tmp_path, GERMEVAL, tag_column="2+3")

    assert list(corpus) == [
        Document(
            "sentence-1",
            "Ada und Uni Oslo",
            [Entity("PER", 0, 3), Entity("ORG", 8, 16), Entity("LOC", 12, 16)],
        ),
        Document("sentence-2", "Bo", [Entity("PER", 0, 2)]),
    ]
    assert corpus.conversion.detected == {COUNTED: 1, COMMENTS: 2}
    assert corpus.conversion.dropped == {"comments": 2}
    assert corpus.read_options == {
        "comments": "true",
        "documents": "sentence",
        "tag_column": "2%2B3",
        "token_column": "1",
    }


def test_what_is_detected_is_reported(tmp_path):
    (tmp_path / "a.conll").write_text(GERMEVAL)

    done = run_evalkit("validate", tmp_path / "a.conll")

    assert done.returncode == 0
    assert f"a.conll: detected: {COUNTED}\n" in done.stderr
    assert f"a.conll: detected: {COMMENTS}\n" in done.stderr
    assert "1 columns of other tags (?tag_column=2+3 reads them, too)" in done.stderr


def test_hipe_is_read_as_it_is(tmp_path):
    corpus = load(tmp_path, HIPE, tag_column=1)

    assert list(corpus) == [
        Document("d1", "Ada ran\nBo", [Entity("pers", 0, 3), Entity("pers", 8, 10)]),
        Document("d2", "Rain", []),
    ]
    assert corpus.conversion.skipped == {"header rows": 1}
    assert corpus.conversion.dropped == {
        "comments": 1,
        "columns of other tags (?tag_column=1+2 reads them, too)": 1,
    }


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("1 X B-A\n2 Y O\n\n1 Z O\n", "X Y\nZ"),
        ("id token tag\n1 X B-A\n2 Y O\n", "X Y"),
        ("-DOCSTART- -X- O\n\n1 X B-A\n2 Y O\n-DOCSTART- -X- O\n1 Z O\n", "X Y\nZ"),
        ("1 X B-A\n2 Y O\n\n3 Z O\n", "1 2\n3"),  # goes on counting
        ("1 X B-A\n3 Y O\n", "1 3"),
        ("1 X B-A\n", "1"),  # a single token may be a number
        ("1 B-A\n2 O\n", "1 2"),  # no column is left for the tokens
        ("0 X B-A\n1 Y O\n", "0 1"),
    ],
)
def test_numbers_are_tokens_unless_they_count_them_in_all_sentences(tmp_path, content, text):
    corpus = load(tmp_path, content, documents="file")

    assert corpus[0].text == text
    assert (COUNTED in corpus.conversion.detected) == ("X" in text)
    assert len(corpus[0].entities) == 1


def test_a_given_column_of_tokens_is_read(tmp_path):
    corpus = load(tmp_path, "1 X Y B-A\n2 Z W O\n", token_column=2)

    assert corpus[0].text == "Y W"
    assert corpus.conversion.detected == {}


def test_ranges_of_conllu_without_a_tag_are_skipped_and_counted(tmp_path):
    content = "1-2\tdu\t_\tO\n1\tde\t_\tB-A\n2\tle\t_\tO\n2.1\tx\t_\t_\n"

    corpus = load(tmp_path, content)

    assert list(corpus) == [Document("sentence-1", "de le", [Entity("A", 0, 2)])]
    assert corpus.conversion.dropped["multiword tokens and empty nodes of CoNLL-U"] == 2
    with pytest.raises(LoadError, match="f.conll:1: '1-2' is a multiword token"):
        load(tmp_path, content.replace("du\t_\tO", "du\t_\tB-A"))
    with pytest.raises(LoadError, match=r"f.conll:1: '3.5' is a multiword token"):
        load(tmp_path, "3.5 CD million O\n", token_column=2)  # it may be a number


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("# a comment\nX B-A\n", "X"),
        ("# a key=value\nX B-A\n#other = value\n", "X"),
        ("# sent_id = 1\nX\tY\tZ\tB-A\n", "X"),  # four columns, if spaces separate them
        ("# O\nX B-A\n", "# X"),
        ("#tag O\nX B-A\n# a comment\n", "#tag X"),
        ("X\tB-A\n#\tO\n", "X #"),
    ],
)
def test_comments_have_another_number_of_columns_than_rows(tmp_path, content, text):
    corpus = load(tmp_path, content, documents="file")

    assert corpus[0].text.split() == text.split()
    comments = content.count("\n") - len(text.split())
    assert corpus.conversion.detected == ({COMMENTS: comments} if comments else {})
    assert corpus.conversion.dropped.get("comments", 0) == comments


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("X B-A\n#tag\n", "f.conll:2: 1 column, but 2 on line 1: '#tag'"),
        ("X B-A\n#\n", "f.conll:2: 1 column, but 2"),
        ("# no\n", "invalid IOB2 tag 'no'.*comments=True"),
        ("# two words\n", "f.conll:1: invalid IOB2 tag 'words'"),
        ("# key=value\nX B-A\n", "invalid IOB2 tag 'key=value'.*comments=True"),
        ("# a\nX B-A\n", "invalid IOB2 tag 'a'.*comments=True"),
    ],
)
def test_what_may_be_a_token_is_an_error(tmp_path, content, message):
    with pytest.raises(LoadError, match=message):
        load(tmp_path, content)


def test_the_option_comments_decides_where_it_is_given(tmp_path):
    content = "# O\n# key = value\nX B-A\n"

    assert load(tmp_path, content, comments=True)[0].text == "X"
    with pytest.raises(LoadError, match="f.conll:2: 4 columns"):
        load(tmp_path, content, comments=False)


# Files of spaCy's converter "iob": a sentence a line
SPACY = "Ada|NNP|B-PER Byron|NNP|I-PER ran|VBD|O .|.|O\n\nBo|NNP|B-PER\n"


def test_files_with_a_sentence_on_each_line_are_read(tmp_path):
    corpus = load(tmp_path, SPACY)

    assert list(corpus) == [
        Document("sentence-1", "Ada Byron ran .", [Entity("PER", 0, 9)]),
        Document("sentence-2", "Bo", [Entity("PER", 0, 2)]),
    ]
    assert corpus.conversion.detected == {ON_ONE_LINE: 1}
    assert corpus.conversion.dropped == {NEITHER: 1}
    without_parts = load(tmp_path, "Ada|B-PER Byron|I-PER ran|O .|O\nBo|B-PER\n")
    assert list(without_parts) == list(corpus)
    assert without_parts.conversion.dropped == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Ada|B-PER ran|O\nBo|B-PER|X\n", "f.conll:2: 3 columns, but 2 on line 1"),
        ("Ada|B-PER ran|O\nBo|I-PER\n", "f.conll:2: 'I-PER' begins the sentence"),
        ("Ada|B-PER ran|O\nBo|\n", "f.conll:2: .* the tag is empty"),
        ("#a|O\n#b\n", "f.conll:2: 1 column, but 2 on line 1"),
        ("a|b c|d\n", "f.conll:1: invalid IOB2 tag 'c|d'"),
    ],
)
def test_errors_in_such_files_name_the_line(tmp_path, content, message):
    with pytest.raises(LoadError, match=message.replace("|", "\\|")):
        load(tmp_path, content)


def test_all_lines_of_such_files_may_begin_with_a_hash(tmp_path):
    assert load(tmp_path, "#a|B-X b|O\n#|O\n# a comment\n", documents="file")[0].text == "#a b\n#"


def test_tokens_with_bars_in_ordinary_files_are_tokens(tmp_path):
    corpus = load(tmp_path, "a|b B-X\nc|d O\n")

    assert corpus[0].text == "a|b c|d"
    assert corpus.conversion.detected == {}


@pytest.mark.parametrize("seed", range(examples(100)))
def test_random_files_are_read_as_without_numbers_and_comments(tmp_path, seed):
    draw = random.Random(seed)
    plain, counted, joined = [], [], []
    for number in range(draw.randint(2, 9)):
        if draw.random() < 0.3:
            counted.append(draw.choice(["# text = a b", "#\tsource [1]", f"# sent = {number}"]))
        rows = []
        for index in range(1, draw.randint(2, 6)):
            tag = draw.choice(["O", "B-A", "B-B"])
            if draw.random() < 0.2:
                counted.append(f"{index}-{index + 1}\txy\t_\tO")
            rows.append((draw.choice(["#a", "x", "7", "1", "é"]), "POS", tag))
            counted.append("\t".join([str(index), *rows[-1]]))
        plain += [" ".join(row) for row in rows] + [""]
        counted.append("")
        joined.append(" ".join("|".join(row) for row in rows))
    # The first sentence shows that the tokens are in column 0, whatever follows.
    plain = load(tmp_path, "\n".join(["x POS O", "", *plain]), separator="space", comments=False)
    expected = [(document.text, document.entities) for document in plain][1:]

    for lines, is_counted in ((counted, True), (joined, False)):
        corpus = load(tmp_path, "\n".join(lines) + "\n")
        assert [(document.text, document.entities) for document in corpus] == expected
        assert (COUNTED in corpus.conversion.detected) == is_counted


def test_other_conll_formats_are_named_and_detected(tmp_path):
    words = "".join(f"{n}\tw\t" + "_\t" * 7 + f"name={tag}\n" for n, tag in ((1, "B-A"), (2, "O")))
    brackets = "d 0 0 Ada NNP * - - - - (PERSON) -\nd 0 1 ran V * - - - - * (0)\n"

    for name, content in (("conllu", words), ("conll2012", "#begin document (d)\n" + brackets)):
        (tmp_path / "f.txt").write_text(content)
        with pytest.raises(LoadError, match=f"its content is that of {name}: read it as {name}:"):
            load_corpus(f"conll:{tmp_path}/f.txt")
        assert recognize(tmp_path / "f.txt") == (name, ())
        corpus = load_corpus(tmp_path / "f.txt")
        assert corpus.conversion.detected[f"format {name}"] == 1
        assert len(corpus[0].entities) == 1
    (tmp_path / "f.txt").write_text("1\t2\t3\n")
    assert recognize(tmp_path / "f.txt") is None


def test_gold_with_numbers_and_plain_predictions_are_scored(tmp_path):
    (tmp_path / "g.conll").write_text(GERMEVAL)
    (tmp_path / "p.conll").write_text("Ada B-PER\nund O\nUni B-ORG\nOslo O\n\nBo B-PER\n")

    scores = score(tmp_path / "g.conll", tmp_path / "p.conll", "ner", boot=0)

    assert "token_column:1" in scores["ner"].signature


# Recognition of files with names of columns, and columns in another order


@pytest.mark.parametrize("suffix", [".tsv", ".txt", ""])
@pytest.mark.parametrize(
    "content",
    [
        HIPE,
        "Token\tNER\nAda\tB-PER\nran\tO\n",
        "TOKEN\tNE-COARSE-LIT\tNEL-LIT\tMISC\nAda\tB-pers\tQ7\tNoSpaceAfter\nran\tO\t_\t_\n",
    ],
)
def test_a_file_with_names_of_columns_is_recognized(tmp_path, content, suffix):
    path = tmp_path / f"file{suffix}"
    path.write_text(content)

    corpus = load_corpus(path, tag_column=1)

    assert corpus.conversion.detected["format conll"] == 1
    assert corpus.conversion.skipped == {"header rows": 1}
    assert corpus[0].text == "Ada ran" or corpus[0].text == "Ada ran\nBo"
    assert corpus[0].entities[0].end == 3


@pytest.mark.parametrize(
    "content",
    [
        "Token Label\nThis is prose that begins so.\n",  # no tags below
        "Vitamin B\nHepatitis B\n",  # no O
        "sentence,word,tag\n1,Ada,B-PER\n",  # a table of tokens
    ],
)
def test_other_files_are_not_taken_for_conll(tmp_path, content):
    path = tmp_path / "file.txt"
    path.write_text(content)

    found = recognize(path)

    assert found is None or found[0] == "tokens"


def test_tags_in_the_first_column_are_named(tmp_path):
    content = "B-ACTOR\tsteve\nI-ACTOR\tmcqueen\nO\tfilms\n"  # as the MIT movie corpus has them
    with pytest.raises(
        LoadError, match="column 0 has tags: use tag_column=0 and token_column=1"
    ) as error:
        load(tmp_path, content)
    assert "bare" not in str(error.value)

    corpus = load(tmp_path, content, tag_column=0, token_column=1)

    assert list(corpus) == [Document("sentence-1", "steve mcqueen films", [Entity("ACTOR", 0, 13)])]


def test_tags_without_label_are_read_and_reported(tmp_path):
    corpus = load(tmp_path, "Protein\tB\nkinase\tI\nbinds\tO\nIL-2\tB\n")

    assert list(corpus) == [
        Document(
            "sentence-1",
            "Protein kinase binds IL-2",
            [Entity("entity", *span) for span in ((0, 14), (21, 25))],
        )
    ]
    assert corpus.conversion.detected == {
        "tags B without label, which are read as B-entity": 1,
        "tags I without label, which are read as I-entity": 1,
    }


@pytest.mark.parametrize("tags", ["BIO", "BEO", "SO"])
def test_tags_without_label_of_another_tagging_are_not_answered_with_bare(tmp_path, tags):
    rows = "".join(f"w{n}\t{tag}\n" for n, tag in enumerate(tags))

    with pytest.raises(LoadError) as error:
        load(tmp_path, rows, tagging="IO" if "I" in tags else "IOB2")

    assert "bare" not in str(error.value)


@pytest.mark.parametrize(("tag", "meant"), [("B_PER", "B-PER"), ("o", "O"), ("0", "O")])
def test_a_tag_in_another_spelling_is_answered_with_the_right_one(tmp_path, tag, meant):
    with pytest.raises(LoadError) as error:
        load(tmp_path, f"Ada\tB-PER\nran\t{tag}\n")

    assert str(error.value).endswith(
        f"f.conll:2: invalid IOB2 tag {tag!r}: expected O, B-LABEL or I-LABEL; did you mean"
        f" {meant!r}?"
    )
