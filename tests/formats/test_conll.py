"""Columns of tokens and tags become texts with offsets, and go back; what cannot is told with its
line.
"""

import os

import pytest
from helpers import any_text
from helpers.cli import run_evalkit
from helpers.marked import corpus, marked
from helpers.profiles import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import (
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Span,
    Unplaced,
    Zone,
    load_corpus,
    score,
)
from evalkit.data.taggings import JOINED, LETTERS, TAG_FORMATS, spell_tag
from evalkit.data.tags import REPAIRS, TagReader
from evalkit.errors import UnknownNameError
from evalkit.formats.conll_lines import DOC_TEXT_PREFIX
from evalkit.formats.conversion import ConversionReport

FEW = settings(max_examples=examples(80), deadline=None)
NOT_EVERY = "; no tagging fits all tags of the file"
REPAIR = (
    'correct them, or choose a tag repair: repair="discard" (drops entities with an invalid tag),'
    " begin (starts an entity at an invalid I-) or conlleval (reads tags as the CoNLL script does)"
)
WANTED = "every line needs a token and a tag"
ANY = f"{WANTED}, and only spaces and tabs separate columns"
TABS = f'{ANY}; if tokens contain spaces, use separator="tab"'


@pytest.fixture
def read(tmp_path):
    def read(content, **options):
        path = tmp_path / "f.conll"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return load_corpus(path, **options)

    return read


@pytest.fixture
def written(tmp_path):
    def written(documents, **options):
        losses = Corpus(documents).save(tmp_path / "w.conll", **options)
        return (tmp_path / "w.conll").read_text(encoding="utf-8"), losses

    return written


def found(document):
    return [(e.label, document.text[e.start : e.end]) for e in document.entities]


def told(error, tmp_path):
    return str(error.value).replace(f"{tmp_path}/", "")


def test_the_text_is_rebuilt_with_a_space_between_tokens_and_a_line_feed_between_sentences(read):
    documents = read("Ada B-PER\nLovelace I-PER\nwrote O\n\n\nBo B-PER\nread O\n", documents="file")

    assert list(documents) == [
        Document(
            "doc-1", "Ada Lovelace wrote\nBo read", [Entity("PER", 0, 12), Entity("PER", 19, 21)]
        )
    ]


def test_the_four_columns_of_conll_2003_are_read_and_the_further_two_are_counted(read):
    documents = read(
        "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n-DOCSTART- -X- -X-"
        " O\n\nPeter NNP B-NP B-PER\n"
    )

    assert [(d.id, d.text, *found(d)) for d in documents] == [
        ("doc-1", "EU rejects", ("ORG", "EU")),
        ("doc-2", "Peter", ("PER", "Peter")),
    ]
    assert documents.conversion.counts == {"columns that are neither token nor tag": 2}


@pytest.mark.parametrize(
    ("line", "id"),
    [
        ("-DOCSTART-", "doc-1"),
        ("-DOCSTART- O", "doc-1"),
        ("-DOCSTART- -X- O O", "doc-1"),
        ("-DOCSTART- (1 EU)", "1 EU"),
        ("-DOCSTART- (a) (b)\tO", "a) (b"),
        ('-DOCSTART- ("a\\tb") O', "a\tb"),
        ('-DOCSTART- ("a) O', '"a'),
        ('-DOCSTART- ("a") b") O', '"a") b"'),
        ("-DOCSTART-\tnews/7", "news/7"),
        ("#begin document (bc/cctv_0000); part 003", "bc/cctv_0000; part 003"),
        ("#begin document (d1)", "d1"),
        ("#begin document d1", "d1"),
        ("#begin document", "doc-1"),
    ],
)
def test_a_document_has_the_id_that_the_line_says_at_which_it_begins(read, line, id):
    documents = read(f"{line}\nAda B-PER\n#end document\n")

    assert [(d.id, d.text) for d in documents] == [(id, "Ada")]


def test_a_document_ends_where_another_begins_and_may_be_empty(read):
    documents = read("Ada B-PER\n-DOCSTART- (d1)\n-DOCSTART- (d2)\n\nBo I-PER\n", repair="begin")

    assert [(d.id, d.text) for d in documents] == [("doc-1", "Ada"), ("d1", ""), ("d2", "Bo")]


def test_comments_are_counted_and_may_name_a_document(read):
    content = (
        "# newdoc id = d1\n# sent_id = 1\n# text = Ada met\nAda B-PER\nmet O\n\n# id = d2\nBo"
        " B-PER\n\n# newdoc\n# id = d3\nIt O\n"
    )

    documents = read(content, comments="true")

    assert [(d.id, d.text) for d in documents] == [("d1", "Ada met"), ("d2", "Bo"), ("d3", "It")]
    assert next(documents.conversion.lines()).startswith("2 comments (")


def test_without_that_option_a_number_sign_is_a_token(read):
    assert read("# O\n#7 B-ORDINAL\n")[0].text == "# #7"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("New\u00a0York\tB-LOC\n", "New\u00a0York"),
        ("New\u3000York\tB-LOC\n", "New\u3000York"),
        ("New\u2028York B-LOC\n", "New\u2028York"),
        ("New\u0085York B-LOC\n", "New\u0085York"),
        ("New\fYork B-LOC\n", "New\fYork"),
        ("New\0York B-LOC\n", "New\0York"),
        ("a\tB-LOC\nb  I-LOC \n \t \nc O", "a b\nc"),
        ("a B-LOC\r\nb I-LOC\r\n\r\nc O\r\n", "a b\nc"),
        ("\ufeffa B-LOC\n\ufeffb O\n", "a \ufeffb"),
    ],
)
def test_nothing_but_spaces_and_tabs_separates_and_nothing_is_stripped(read, content, text):
    assert read(content, documents="file")[0].text == text


def test_a_byte_order_mark_is_dropped_once_and_counted(read):
    assert read("\ufeffa B-LOC\n").conversion.counts == {"byte order marks": 1}


def test_a_dash_in_a_label_is_part_of_it(read):
    assert found(read("Emma B-WORK-OF-ART\n")[0]) == [("WORK-OF-ART", "Emma")]


@pytest.mark.parametrize("content", ["", "\n", "\n \t\n\r\n"])
def test_a_file_without_tokens_holds_no_documents(read, content):
    assert len(read(content)) == 0


BAD = [
    ("Ada B-PER\nmet\n", f"f.conll:2: 1 column, but 2 on line 1: 'met'; {ANY}"),
    ("Ada B-PER\nmet x y O\n", f"f.conll:2: 4 columns, but 2 on line 1: 'met x y O'; {ANY}"),
    (
        "Ada\tB-PER\nNew York\tB-LOC\n",
        f"f.conll:2: 3 columns, but 2 on line 1: 'New York\\tB-LOC'; {TABS}",
    ),
    ("Ada\tB-PER\n\tO\n", f"f.conll:2: 1 column, but 2 on line 1: '\\tO'; {TABS}"),
    ("Ada\u00a0B-PER\n", f"f.conll:1: 1 column: 'Ada\\xa0B-PER'; {ANY}"),
    ("Ada B-PER\n\f\nmet O\n", f"f.conll:2: 1 column, but 2 on line 1: '\\x0c'; {ANY}"),
    ("Ada B-PER\n\u3000\nmet O\n", f"f.conll:2: 1 column, but 2 on line 1: '\\u3000'; {ANY}"),
    (
        "Ada B-PER\n#text it is\n",
        (
            "f.conll:2: 3 columns, but 2 on line 1: '#text it is'; if lines that begin with #"
            " are comments, use comments=True"
        ),
    ),
    (
        "a O\nAda I-PER\nmet O\n",
        (
            "f.conll:2: 'I-PER' is preceded by 'O', which is invalid IOB2: B-PER or I-PER is"
            f' expected before it; {REPAIR}; tagging="IOB1" fits all tags of the file'
        ),
    ),
    (
        "Ada B-PER\nParis I-LOC\n",
        (
            "f.conll:2: 'I-LOC' is preceded by 'B-PER', which is invalid IOB2: B-LOC or I-LOC is"
            f" expected before it; {REPAIR}{NOT_EVERY}"
        ),
    ),
    (
        "Ada B-PER\n\nBo I-PER\n",
        (
            "f.conll:3: 'I-PER' begins the sentence, which is invalid IOB2: B-PER or I-PER is"
            f" expected before it; {REPAIR}{NOT_EVERY}"
        ),
    ),
    (
        "Ada B-PER\nmet X-PER\n",
        f"f.conll:2: invalid IOB2 tag 'X-PER': expected O, B-LABEL or I-LABEL{NOT_EVERY}",
    ),
    (
        "Ada U-PER\nmet O\n",
        (
            "f.conll:1: invalid IOB2 tag 'U-PER': expected O, B-LABEL or I-LABEL; tagging=\"BILOU\""
            " fits all tags of the file"
        ),
    ),
    (
        "Ada S-PER\n",
        (
            "f.conll:1: invalid IOB2 tag 'S-PER': expected O, B-LABEL or I-LABEL; tagging=\"BIOES\""
            " fits all tags of the file"
        ),
    ),
    (
        "Ada U-PER\nBo S-PER\n",
        (
            "f.conll:1: invalid IOB2 tag 'U-PER': expected O, B-LABEL or I-LABEL\nf.conll:2:"
            f" invalid IOB2 tag 'S-PER': expected O, B-LABEL or I-LABEL\nto fix: {NOT_EVERY[2:]}"
        ),
    ),
    (
        "Ada B-PER\nmet o\n",
        "f.conll:2: invalid IOB2 tag 'o': expected O, B-LABEL or I-LABEL; did you mean 'O'?",
    ),
    (
        "Ada b-PER\n",
        "f.conll:1: invalid IOB2 tag 'b-PER': expected O, B-LABEL or I-LABEL; did you mean"
        " 'B-PER'?",
    ),
    ("Ada B-\n", f"f.conll:1: invalid IOB2 tag 'B-': expected O, B-LABEL or I-LABEL{NOT_EVERY}"),
    (
        "Ada PER\n",
        "f.conll:1: invalid IOB2 tag 'PER': expected O, B-LABEL or I-LABEL; if the tags are labels"
        ' without prefix, use tagging="bare"',
    ),
    (
        "Ada PER-B\n",
        "f.conll:1: invalid IOB2 tag 'PER-B': expected O, B-LABEL or I-LABEL; tagging=\"suffix\""
        " fits all tags of the file",
    ),
    (
        "Ada B-PER\rmet O\r",
        (
            "f.conll:1: 'Ada B-PER\\rmet O': carriage return inside a line; expected lines that"
            " end in line feeds"
        ),
    ),
    (
        b"Ada B-PER\nm\xe9t O\n",
        (
            "f.conll:2: not UTF-8: invalid continuation byte at byte 1 of the line; save the file"
            ' as UTF-8, or name its encoding, as in encoding="latin-1"'
        ),
    ),
    (
        '# doc_text = "Ada\nAda B-PER\n',
        (
            "f.conll:1: invalid text '# doc_text = \"Ada': expected a JSON string in double quotes"
            " on one line"
        ),
    ),
    (
        '# doc_text = "Ada it"\nAda B-PER\nmet O\n',
        "f.conll:3: expected the token 'met' next in the text, at 4, but found 'it'",
    ),
    (
        '# doc_text = "Ada "\nAda B-PER\nmet O\n',
        "f.conll:3: expected the token 'met' next in the text, at 4, but found the end of the text",
    ),
    (
        '# doc_text = "Ada met"\nAda B-PER\n',
        "f.conll:1: document 'doc-1': expected the end of the text after the last token, at 3,"
        " but found 'met'",
    ),
    (
        "-DOCSTART- (a)\nAda B-PER\n-DOCSTART- (a)\nAda B-PER\n",
        "f.conll:3: id: duplicate id 'a': already used by f.conll:1; expected unique ids",
    ),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_a_bad_line_is_named_with_what_stands_there_and_what_would_do(
    read, tmp_path, content, message
):
    with pytest.raises(LoadError) as error:
        read(content)

    assert told(error, tmp_path) == message


def test_a_folder_is_no_file_of_columns(tmp_path):
    with pytest.raises(InputError, match="Is a directory"):
        load_corpus(f"conll:{tmp_path}")


def test_twenty_faults_are_told_and_the_others_counted(read):
    with pytest.raises(LoadError) as error:
        read("a x\n\n" * 30)

    assert len(error.value.errors) == 20


def test_what_fits_is_said_of_the_whole_file(read, tmp_path):
    with pytest.raises(LoadError) as error:
        read("Ada B-PER\nmet O\n\n-DOCSTART-\nBo B-PER\n\nAda B-PER\nL. E-PER\n")

    assert (
        told(error, tmp_path)
        == "f.conll:8: invalid IOB2 tag 'E-PER': expected O, B-LABEL or I-LABEL; no tagging fits"
        " all tags of the file"
    )


BAD_OPTIONS = [
    ({"tagging": "IOX"}, "unknown tagging 'IOX'; expected one of: IOB2, IOB1, IOE2, IOE1, IO,"),
    ({"repair": "fix"}, "unknown repair 'fix'; expected one of: error, discard, begin, conlleval"),
    ({"separator": ","}, "unknown separator ','; expected one of: any, tab, space"),
    ({"comments": "maybe"}, "unknown value 'maybe' in 'comments'; expected one of: true, false"),
    (
        {"token_column": "x"},
        "invalid token_column 'x': expected a number from 0, or a negative",
    ),
    ({"tag_column": "9" * 5000}, "invalid tag_column '999"),
    *(
        (
            {"documents": documents},
            f"invalid documents {documents!r}: expected docstart, sentence, file, or the number of"
            " sentences of a document, such as 10",
        )
        for documents in ("sentences", "0", "-1", "1.5", "", 0, True)
    ),
    ({"documents": "9" * 5000}, "invalid documents '999"),
    (
        {"tag_column": 2},
        (
            "f.conll:1: 2 columns: 'Ada B-PER'; there is no column 2: token_column= and tag_column="
            " count from 0, or back from -1"
        ),
    ),
    (
        {"token_column": "-3"},
        (
            "f.conll:1: 2 columns: 'Ada B-PER'; there is no column -3: token_column= and"
            " tag_column= count from 0, or back from -1"
        ),
    ),
    (
        {"columns": 2},
        (
            "unknown option 'columns' in 'conll'; expected one of: tagging, repair, token_column,"
            " tag_column, documents, separator, comments, texts"
        ),
    ),
]


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS)
def test_a_bad_option_is_answered_with_what_it_may_be(tmp_path, options, message):
    (tmp_path / "f.conll").write_text("Ada B-PER\n")

    with pytest.raises(InputError) as error:
        load_corpus(f"conll:{tmp_path}/f.conll", **options)

    assert told(error, tmp_path).startswith(message)


@pytest.mark.parametrize(
    ("content", "options", "entities"),
    [
        (
            "1 Ada B-PER -\n2 L. I-PER -\n",
            {"token_column": 1, "tag_column": 2},
            [("PER", "Ada L.")],
        ),
        ("B-PER x Ada\nO x met\n", {"token_column": "-1", "tag_column": "0"}, [("PER", "Ada")]),
        ("New York\tB-LOC\n", {"separator": "tab"}, [("LOC", "New York")]),
        ("New\tYork   B-LOC\n", {"separator": "space"}, [("LOC", "New\tYork")]),
        (
            "Ada I-PER\nL. I-PER\nBo B-PER\n",
            {"tagging": "IOB1"},
            [("PER", "Ada L."), ("PER", "Bo")],
        ),
        (
            "Ada S-PER\nBo B-PER\nL. E-PER\n",
            {"tagging": "BIOES"},
            [("PER", "Ada"), ("PER", "Bo L.")],
        ),
        (
            "Ada U-PER\nBo B-PER\nx I-PER\nL. L-PER\n",
            {"tagging": "BILOU"},
            [("PER", "Ada"), ("PER", "Bo x L.")],
        ),
    ],
)
def test_columns_separators_and_taggings_are_chosen_by_options(read, content, options, entities):
    assert found(read(content, **options)[0]) == entities


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "a\tO\n\tO\n",
            "f.conll:2: '\\tO': the token is empty; expected a token and a tag on every line",
        ),
        (
            "a\tO\nb\t\n",
            "f.conll:2: 'b\\t': the tag is empty; expected a token and a tag on every line",
        ),
        ("a O\n", f"f.conll:1: 1 column: 'a O'; {WANTED}, and only tabs separate columns"),
    ],
)
def test_an_empty_token_or_tag_between_tabs_is_named(read, tmp_path, content, message):
    with pytest.raises(LoadError) as error:
        read(content, separator="tab")

    assert told(error, tmp_path) == message


@pytest.mark.parametrize("range", ["1-2", "1.1"])
def test_a_range_or_an_empty_node_of_conll_u_is_no_token(read, tmp_path, range):
    with pytest.raises(LoadError) as error:
        read(f"1\ta\tO\n{range}\tau\t_\n", token_column=1)

    assert (
        told(error, tmp_path)
        == f"f.conll:2: '{range}' is a multiword token or an empty node of CoNLL-U, not a token;"
        " delete the line"
    )


@pytest.mark.parametrize(
    ("repair", "entities"),
    [
        ("begin", [("PER", "Ada"), ("LOC", "Paris"), ("PER", "Bo")]),
        ("discard", [("PER", "Ada")]),
        ("conlleval", [("PER", "Ada"), ("LOC", "Paris"), ("PER", "Bo")]),
    ],
)
def test_improper_tags_are_repaired_as_named_and_counted(read, tmp_path, repair, entities):
    documents = read("Ada B-PER\nParis I-LOC\n\nBo I-PER\n", repair=repair, documents="file")

    assert found(documents[0]) == entities
    assert list(documents.conversion.lines()) == [
        f"2 invalid tags, repaired as {repair} ({tmp_path}/f.conll:2, {tmp_path}/f.conll:4)"
    ]


SOME_TAGS = {
    tagging: st.sampled_from(
        ["O", *(spell_tag(letter, label, tagging) for letter in letters for label in ("A", "B"))]
    )
    for tagging, letters in LETTERS.items()
}


@FEW
@given(
    st.sampled_from(TAG_FORMATS).flatmap(
        lambda t: st.tuples(
            st.just(t),
            st.lists(st.lists(SOME_TAGS[t], min_size=1, max_size=6), min_size=1, max_size=4),
        )
    ),
    st.sampled_from(REPAIRS[1:]),
)
def test_tags_mean_what_they_mean_where_tags_are_scored(tmp_path_factory, tagged, repair):
    tagging, sentences = tagged
    path = tmp_path_factory.mktemp("conll") / "f.conll"
    path.write_text("\n".join("".join(f"x {tag}\n" for tag in sentence) for sentence in sentences))
    tags = TagReader(tagging, repair)
    spans = tags.spans(tags.read(sentences, "gold"), "gold")

    documents = load_corpus(path, tagging=tagging, repair=repair, documents="file")

    begins = [sum(map(len, sentences[:n])) for n in range(len(sentences))]
    expected = [
        (list(tags.labels)[c], 2 * (begins[s] + a), 2 * (begins[s] + b) - 1)
        for s, a, b, c in zip(spans.sequence, spans.start, spans.end, spans.label)
    ]
    assert [(e.label, e.start, e.end) for e in documents[0].entities] == expected
    assert sum(documents.conversion.counts.values()) == spans.improper


def test_what_can_be_read_only_once_is_not_read_again_to_say_what_fits():
    read, write = os.pipe()
    os.write(write, b"Ada I-PER\n")
    os.close(write)

    with pytest.raises(
        LoadError,
        match=(r"is invalid IOB2: .*; correct them, or choose a tag repair: .* conlleval \([^;]*$"),
    ):
        load_corpus(f"conll:/dev/fd/{read}")

    os.close(read)


def test_texts_of_a_folder_are_put_under_the_tokens(read, tmp_path):
    (tmp_path / "d1.txt").write_bytes("\r\n “Ada”\u00a0met\u2028Bo.\n".encode())

    documents = read("-DOCSTART- (d1)\n“ O\nAda B-PER\n” O\nmet O\nBo B-PER\n. O\n", texts=tmp_path)

    assert list(documents) == [
        Document(
            "d1", "\r\n “Ada”\u00a0met\u2028Bo.\n", [Entity("PER", 4, 7), Entity("PER", 13, 15)]
        )
    ]


def test_the_text_of_the_only_document_may_be_a_file_with_a_byte_order_mark(read, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfAda  met")

    documents = read("Ada B-PER\nmet O\n", texts=tmp_path / "a.txt")

    assert (documents[0].text, documents.conversion.counts) == ("Ada  met", {"byte order marks": 1})


@pytest.mark.parametrize(
    ("id", "texts", "message"),
    [
        ("d2", "", "f.conll:1: document 'd2': d2.txt: No such file or directory"),
        (
            "../d1",
            "",
            (
                "f.conll:1: document '../d1': an id with a slash cannot be the name of a file in"
                " DIR; change the id"
            ),
        ),
        (
            "bad",
            "",
            (
                "f.conll:1: document 'bad': bad.txt: not UTF-8: invalid start byte at byte 3; save"
                ' the file as UTF-8, or name its encoding, as in encoding="latin-1"'
            ),
        ),
        (
            "d1",
            "d1.txt",
            (
                "f.conll:3: document 'x': d1.txt is the text of the first document; expected a"
                " folder with ID.txt for each document"
            ),
        ),
        ("d1", "no.txt", "f.conll:1: document 'd1': no.txt: No such file or directory"),
    ],
)
def test_a_text_that_cannot_be_had_is_named(read, tmp_path, id, texts, message):
    (tmp_path / "d1.txt").write_text("Ada")
    (tmp_path / "x.txt").write_text("Bo")
    (tmp_path / "bad.txt").write_bytes(b"Ada\xff")

    with pytest.raises(LoadError) as error:
        read(f"-DOCSTART- ({id})\nAda B-PER\n-DOCSTART- (x)\nBo B-PER\n", texts=tmp_path / texts)

    assert told(error, tmp_path).replace(str(tmp_path), "DIR").split("\n")[0] == message


def test_a_document_is_written_with_its_id_and_an_empty_line_after_each_sentence(written):
    text, losses = written([marked("“[Ada Lovelace|PER]” left [Paris|LOC]. Bo did.", id="d1")])

    assert (
        text == "-DOCSTART-"
        " (d1)\tO\n\n“\tO\nAda\tB-PER\nLovelace\tI-PER\n”\tO\nleft\tO\nParis\tB-LOC\n.\tO\n\nBo\tO\ndid\tO\n.\tO\n\n"  # noqa: E501
    )
    assert losses.counts == {
        "texts of which the tokens alone are written (?embed_text=true keeps them)": 1
    }


def test_the_text_can_be_written_as_a_comment(written):
    text, losses = written(
        [Document("d1", "Ada  é\n", entities=[])], embed_text=True, separator="space"
    )

    assert text == '-DOCSTART- (d1) O\n# doc_text = "Ada  é\\n"\n\nAda O\né O\n\n'
    assert not losses


@pytest.mark.parametrize(
    ("tagging", "tags"),
    [
        ("IOB2", ["B-A", "B-A", "I-A", "B-B", "O", "B-A"]),
        ("IOB1", ["I-A", "B-A", "I-A", "I-B", "O", "I-A"]),
        ("BIOES", ["S-A", "B-A", "E-A", "S-B", "O", "S-A"]),
        ("BILOU", ["U-A", "B-A", "L-A", "U-B", "O", "U-A"]),
        ("BMES", ["S-A", "B-A", "E-A", "S-B", "O", "S-A"]),
        ("IOE2", ["E-A", "I-A", "E-A", "E-B", "O", "E-A"]),
        ("IOE1", ["E-A", "I-A", "I-A", "I-B", "O", "I-A"]),
        ("IO", ["I-A", "I-A", "I-A", "I-B", "O", "I-A"]),
        ("bare", ["A", "A", "A", "B", "O", "A"]),
        ("suffix", ["A-B", "A-B", "A-I", "B-B", "O", "A-B"]),
    ],
)
def test_tags_are_written_as_asked(written, tagging, tags):
    text, losses = written([marked("[a|A] [b c|A] [d|B] e\n[f|A]")], tagging=tagging)

    assert [line.split("\t")[1] for line in text.split("\n")[1:] if line] == tags
    joined = [count for name, count in losses.counts.items() if name.startswith("borders between")]
    assert joined == ([1] if tagging in ("IO", "bare") else [])


def test_the_label_o_is_not_written_as_a_bare_tag(written):
    with pytest.raises(InputError, match="the label 'O' cannot be written with tagging=\"bare\""):
        written([marked("[Ada|O] met")], tagging="bare")


def test_tokens_are_cut_where_an_entity_begins_or_ends(written):
    text, _ = written([marked("pro-[Kenya|LOC]n")])

    assert text.split("\n")[2:5] == ["pro-\tO", "Kenya\tB-LOC", "n\tO"]


def test_where_tokens_are_not_to_be_cut_such_entities_are_left_out(written):
    text, losses = written([marked("pro-[Kenya|LOC]n [Bo|PER]")], split_tokens="false")

    assert text.split("\n")[2:4] == ["pro-Kenyan\tO", "Bo\tB-PER"]
    assert list(losses.lines()) == [
        "1 entities with an edge inside a token (document 'd0', entities[0])"
    ]


def test_no_sentence_ends_inside_an_entity(written):
    text, _ = written([marked("He read [Ada. Bo|WORK]. Then he slept.")], embed_text=True)

    assert [block.count("\n") + 1 for block in text.strip().split("\n\n")[1:]] == [6, 4]


def test_of_entities_that_overlap_the_longest_stays(written, read):
    document = Document(
        "d0",
        "Bank of Ghana and Togo",
        [Entity("LOC", 8, 13), Entity("ORG", 0, 13), Entity("GPE", 8, 22), Entity("ORG", 18, 22)],
    )

    text, losses = written([document])

    assert found(read(text)[0]) == [("GPE", "Ghana and Togo")]
    assert list(losses.lines()) == [
        "3 entities that overlap another (document 'd0', entities[1], document 'd0', entities[0],"
        " document 'd0', entities[3])"
    ]


def test_what_columns_cannot_hold_is_counted_by_name(written):
    entities = [
        Entity("X", 0, 7, fragments=((0, 3), (4, 7))),
        Entity("X", 3, 4),
        Entity("A B", 0, 3),
        Entity("A", 3, 7, id="T1", score=0.5, attributes={"a": 1}),
    ]
    event, attribution = Event("E", Span(0, 3)), Attribution(None, Span(0, 3))
    full = Document(
        "d",
        "Ada met",
        entities,
        [event],
        [attribution],
        [Zone("body", 0, 3)],
        {"a": 1},
        unplaced=[Unplaced("entities", "X", "no")],
    )

    _, losses = written(
        [full, Document("e", "x", (), (), ()), Document("f", "x", failure="time out")]
    )

    assert losses.counts == {
        "events": 1,
        "attributions": 1,
        "zones": 1,
        "unplaced items": 1,
        "meta": 1,
        "ids of entities": 1,
        "scores of entities": 1,
        "attributes of entities": 1,
        "discontinuous entities": 1,
        "entities of white space alone": 1,
        "entities whose label holds white space": 1,
        "entities with white space at an edge, written without it": 1,
        "empty layers of events": 1,
        "empty layers of attributions": 1,
        "documents that failed": 1,
    }


def test_documents_whose_entities_were_not_annotated_are_left_out_and_counted(tmp_path):
    ada = marked("[Ada|PER]", id="d1")

    losses = Corpus([ada, Document("d2", "Ada")]).save(tmp_path / "f.conll")

    assert [document.text for document in load_corpus(tmp_path / "f.conll")] == ["Ada"]
    assert losses.skipped == {"documents whose entities were not annotated": 1}


def test_a_corpus_whose_entities_were_not_annotated_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(
        InputError,
        match=(
            "^document 'd2': entities were not annotated, but the file would mean that there are"
            " none; if there are none, set entities=\\[\\]"
        ),
    ):
        Corpus([Document("d2", "Ada")]).save(tmp_path / "f.conll")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tagging": "IOX"}, "unknown tagging 'IOX'; expected one of: IOB2, IOB1, IOE2, IOE1, IO,"),
        ({"separator": "any"}, "unknown separator 'any'; expected one of: tab, space"),
        (
            {"embed_text": "aside"},
            "unknown value 'aside' in 'embed_text'; expected one of: true, false",
        ),
        ({"tokenizer": "bytes"}, "unknown tokenizer 'bytes'; expected one of: words, whitespace"),
        (
            {"split_tokens": "no"},
            "unknown value 'no' in 'split_tokens'; expected one of: true, false",
        ),
    ],
)
def test_a_bad_option_of_writing_is_answered_with_what_it_may_be(written, options, message):
    with pytest.raises(UnknownNameError) as error:
        written([marked("Ada")], **options)

    assert str(error.value).startswith(message)


ODD_IDS = [
    "a b",
    "a)",
    "(a",
    '"a"',
    "a\tb",
    "a\nb",
    "O",
    "-X-",
    " a ",
    "a\u00a0b",
    "a) O",
    "\u2028",
    "é",
    "doc-7",
]


@pytest.mark.parametrize("id", ODD_IDS)
@pytest.mark.parametrize("separator", ["tab", "space"])
def test_any_id_comes_back(written, read, id, separator):
    text, losses = written([Document(id, "Ada", entities=[])], separator=separator)

    assert [d.id for d in read(text)] == [id]
    assert not losses


MARKUP = [
    "-DOCSTART-",
    "-DOCSTART- O",
    "#begin document (x)",
    "#end document",
    f'{DOC_TEXT_PREFIX}"x"',
    "# id = x",
    "O",
    "\ufeff",
    "-DOCSTART-X-DOCSTART-",
    "",
]


@pytest.mark.parametrize("text", MARKUP)
@pytest.mark.parametrize("tokenizer", ["words", "whitespace"])
@pytest.mark.parametrize("separator", ["tab", "space"])
def test_a_text_that_looks_like_markup_comes_back(written, read, text, tokenizer, separator):
    lines, losses = written(
        [Document("d", text, entities=[])],
        embed_text=True,
        tokenizer=tokenizer,
        separator=separator,
    )

    assert list(read(lines)) == [Document("d", text, entities=[])]
    assert not losses


@FEW
@given(
    any_text.corpora(flat=True),
    st.sampled_from([tagging for tagging in TAG_FORMATS if tagging not in JOINED]),
    st.sampled_from(["words", "whitespace"]),
)
def test_with_its_text_every_corpus_comes_back_but_for_white_space_at_edges_of_entities(
    tmp_path_factory, documents, tagging, tokenizer
):
    path = tmp_path_factory.mktemp("conll") / "f.conll"
    losses = Corpus(documents).save(path, embed_text=True, tagging=tagging, tokenizer=tokenizer)

    again = load_corpus(path, tagging=tagging)

    held = [(e, d.text[e.start : e.end].strip(), d.text) for d in documents for e in d.entities]
    assert [(d.id, d.text) for d in again] == [(d.id, d.text) for d in documents]
    assert [(e.label, d.text[e.start : e.end]) for d in again for e in d.entities] == [
        (e.label, surface) for e, surface, _ in held if surface
    ]
    assert sum(losses.counts.values()) == sum(
        surface != text[e.start : e.end] for e, surface, text in held
    )
    assert list(again) == documents or losses


@FEW
@given(
    any_text.corpora(broken=True),
    st.sampled_from(TAG_FORMATS),
    st.sampled_from([True, False]),
    st.sampled_from(["words", "whitespace"]),
)
def test_all_entities_come_back_or_are_counted(
    tmp_path_factory, documents, tagging, split_tokens, tokenizer
):
    path = tmp_path_factory.mktemp("conll") / "f.conll"
    losses = Corpus(documents).save(
        path, embed_text=True, tagging=tagging, split_tokens=split_tokens, tokenizer=tokenizer
    )

    again = load_corpus(path, tagging=tagging)

    left_out = sum(
        count for name, count in losses.counts.items() if "written without it" not in name
    )
    assert sum(len(d.entities) for d in again) + left_out == sum(len(d.entities) for d in documents)
    assert not Corpus(again).save(path, embed_text=True, tagging=tagging)
    assert load_corpus(path, tagging=tagging) == again


@FEW
@given(any_text.corpora(flat=True), st.sampled_from(TAG_FORMATS))
def test_without_its_text_a_corpus_comes_back_once_it_was_rebuilt(
    tmp_path_factory, documents, tagging
):
    path = tmp_path_factory.mktemp("conll") / "f.conll"
    Corpus(documents).save(path, tagging=tagging)
    rebuilt = load_corpus(path, tagging=tagging)

    losses = rebuilt.save(path, tagging=tagging, tokenizer="whitespace")

    assert load_corpus(path, tagging=tagging) == rebuilt
    assert not losses


@FEW
@given(any_text.corpora(flat=True))
def test_what_is_written_without_a_loss_comes_back_equal(tmp_path_factory, documents):
    path = tmp_path_factory.mktemp("conll") / "f.conll"
    losses = Corpus(documents).save(path, tokenizer="whitespace")

    assert losses or list(load_corpus(path)) == documents


@FEW
@given(
    st.binary(max_size=60)
    | st.text(st.sampled_from('aB-IO# \t\n\r\f\0é\u2028()"='), max_size=60).map(str.encode)
)
def test_no_bytes_end_in_anything_but_documents_or_an_error_with_its_line(
    tmp_path_factory, content
):
    path = tmp_path_factory.mktemp("conll") / "f.conll"
    path.write_bytes(content)

    outcome = [
        found if isinstance(found, Document) else str(found).startswith(f"{path}:")
        for _, found in parsed(path)
    ]

    assert all(outcome)


def parsed(path):
    from evalkit.formats import conll

    return conll.read(path, ConversionReport(), comments=True)


def columns(path):
    """The tags of a file as other tools read it: sentences between empty lines, the tag last."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    rows = [
        [
            line.split("\t")[-1]
            for line in block.split("\n")
            if line and not line.startswith("-DOCSTART-")
        ]
        for block in blocks
    ]
    return [row for row in rows if row]


def seqeval(gold, said):
    from seqeval.metrics import f1_score, precision_score, recall_score
    from seqeval.scheme import IOB2

    return [
        f(columns(gold), columns(said), mode="strict", scheme=IOB2, zero_division=0)
        for f in (precision_score, recall_score, f1_score)
    ]


def strict(gold, said):
    micro = score(gold, said, "entities/strict", boot=0)["entities/strict"].micro
    return [micro.precision, micro.recall, micro.f1]


PAIRS = [
    (
        corpus(
            "[Ada Lovelace|PER] met [Bo|PER] in [New York|LOC].",
            "pro-[Kenya|LOC]n. [Ada|PER] left.",
            "Nobody.",
        ),
        corpus(
            "[Ada|PER] Lovelace met [Bo|ORG] in [New York|LOC].",
            "[pro-Kenyan|LOC]. [Ada|PER] left.",
            "[Nobody|PER].",
        ),
    ),
    (
        corpus(
            "[Bank of Ghana|ORG] and [Togo|LOC] [Air|ORG]",
            "[a|X] [b|X] [c d|X]",
            "He read [Ada. Bo|WORK]. Then he slept.",
        ),
        corpus(
            "Bank of [Ghana|ORG] and [Togo|LOC] [Air|ORG]",
            "[a b|X] [c d|X]",
            "He [read|WORK] Ada. [Bo|WORK]. [Then|DATE] he slept.",
        ),
    ),
]


@pytest.mark.parametrize(("gold", "said"), PAIRS)
def test_seqeval_scores_what_was_written_as_evalkit_scores_what_was_given(tmp_path, gold, said):
    gold.save(tmp_path / "gold.conll", align_with=said)
    said.save(tmp_path / "said.conll", align_with=gold)

    theirs = seqeval(tmp_path / "gold.conll", tmp_path / "said.conll")

    assert theirs == pytest.approx(strict(gold, said), abs=1e-12)
    assert theirs == pytest.approx(
        strict(tmp_path / "gold.conll", tmp_path / "said.conll"), abs=1e-12
    )
    assert 0 < theirs[2] < 1


def test_the_corpus_beside_it_may_lie_in_a_file_and_must_have_the_same_texts(tmp_path):
    marked_one, other = corpus("pro-[Kenya|LOC]n"), corpus("Togo")
    marked_one.save(tmp_path / "gold.jsonl")
    other.save(tmp_path / "other.jsonl")

    corpus("pro-Kenyan").save(f"conll:{tmp_path}/said.conll?align_with={tmp_path}/gold.jsonl")

    assert columns(tmp_path / "said.conll") == [["O", "O", "O"]]
    with pytest.raises(
        InputError,
        match="document 'd0': its text differs from the one in align_with; expected the same",
    ):
        corpus("pro-Kenyan").save(tmp_path / "said.conll", align_with=tmp_path / "other.jsonl")


def test_a_file_beside_it_that_is_no_corpus_is_told(tmp_path):
    (tmp_path / "bad.conll").write_text("Ada x\n")

    with pytest.raises(LoadError, match=r"bad\.conll:1: invalid IOB2 tag 'x'"):
        corpus("Ada").save(tmp_path / "said.conll", align_with=f"conll:{tmp_path}/bad.conll")


def test_the_command_line_converts_and_says_what_is_lost(tmp_path):
    (tmp_path / "in.conll").write_text("-DOCSTART- -X- O\n\nAda NNP I-PER\nmet VBD O\n")

    done = run_evalkit(
        "convert",
        f"conll:{tmp_path}/in.conll?tagging=IOB1",
        f"conll:{tmp_path}/out.conll?tagging=BIOES",
    )

    assert (done.returncode, "1 columns that are neither token nor tag" in done.stderr) == (0, True)
    assert (tmp_path / "out.conll").read_text() == "-DOCSTART- (doc-1)\tO\n\nAda\tS-PER\nmet\tO\n\n"


def test_the_command_line_answers_a_bad_file_with_one_line(tmp_path):
    (tmp_path / "in.conll").write_text("Ada I-PER\n")

    done = run_evalkit("validate", tmp_path / "in.conll")

    assert (done.returncode, "Traceback" in done.stderr + done.stdout) == (2, False)
    assert (
        "in.conll:1: 'I-PER' begins the sentence, which is invalid IOB2: B-PER or I-PER is expected"
        " before it" in done.stderr
    )
    assert (
        "reads tags as the CoNLL script does); FILE?tagging=IOB1 fits all tags of the file"
        in done.stderr
    )
