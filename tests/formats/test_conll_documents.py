"""What is read as a document of a CoNLL file: a marked one, a sentence, several, or the file."""

import os
import time

import pytest
from helpers.cli import run_evalkit
from helpers.profiles import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    LoadError,
    compare,
    load_corpus,
    score,
    score_tags,
)
from evalkit.results.metadata import find_independence_assumption

FEW = settings(max_examples=examples(60), deadline=None)
PLAIN = "Ada B-PER\nwrote O\n\nBo B-PER\n\n\nIt O\nis O\n"
NAMED = (
    "-DOCSTART- (d1) O\n\nAda B-PER\n\nwrote O\n\nIt O\n\n-DOCSTART- (d2) O\n\nBo B-PER\nread O\n"
)
UNNAMED = "-DOCSTART- -X- O O\n\nAda N B B-PER\n\nIt P B O\n\n-DOCSTART- -X- O O\n\nBo N B B-PER\n"


@pytest.fixture
def read(tmp_path):
    def read(content, name="f.conll", **options):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8", newline="")
        return load_corpus(path, **options)

    return read


def texts(corpus):
    return {document.id: document.text for document in corpus}


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        (PLAIN, {}, {"sentence-1": "Ada wrote", "sentence-2": "Bo", "sentence-3": "It is"}),
        (PLAIN, {"documents": "docstart"}, {"doc-1": "Ada wrote\nBo\nIt is"}),
        (PLAIN, {"documents": "file"}, {"doc-1": "Ada wrote\nBo\nIt is"}),
        (PLAIN, {"documents": 2}, {"doc-1": "Ada wrote\nBo", "doc-2": "It is"}),
        (PLAIN, {"documents": "3"}, {"doc-1": "Ada wrote\nBo\nIt is"}),
        (
            PLAIN,
            {"documents": "1"},
            {"sentence-1": "Ada wrote", "sentence-2": "Bo", "sentence-3": "It is"},
        ),
        (NAMED, {}, {"d1": "Ada\nwrote\nIt", "d2": "Bo read"}),
        (
            NAMED,
            {"documents": "sentence"},
            {"d1/1": "Ada", "d1/2": "wrote", "d1/3": "It", "d2/1": "Bo read"},
        ),
        (NAMED, {"documents": 2}, {"d1/1": "Ada\nwrote", "d1/2": "It", "d2/1": "Bo read"}),
        (NAMED, {"documents": "file"}, {"doc-1": "Ada\nwrote\nIt\nBo read"}),
        (UNNAMED, {}, {"doc-1": "Ada\nIt", "doc-2": "Bo"}),
        (
            UNNAMED,
            {"documents": "sentence"},
            {"sentence-1": "Ada", "sentence-2": "It", "sentence-3": "Bo"},
        ),
        (UNNAMED, {"documents": 2}, {"doc-1": "Ada\nIt", "doc-2": "Bo"}),
    ],
)
def test_the_option_documents_is_what_is_read_as_a_document(read, content, options, expected):
    assert texts(read(content, **options)) == expected


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("-DOCSTART- -X- O O", {}),
        ("#begin document (a); part 000", {}),
        ("# newdoc", {"comments": True}),
        ("# id = a", {"comments": True}),
    ],
)
def test_one_document_mark_anywhere_makes_marks_the_default(read, line, options):
    assert len(read(f"Ada O\n\nmet O\n\n{line}\nBo O\n\nIt O\n", **options)) == 2


def test_a_comment_that_is_read_as_a_token_is_no_document_mark(read):
    corpus = read("# = O\n\n#7 b O\n")

    assert texts(corpus) == {"sentence-1": "#", "sentence-2": "#7"}


@pytest.mark.parametrize("documents", ["sentence", "2"])
def test_empty_document_marks_are_no_empty_documents(read, documents):
    content = f"-DOCSTART- (a)\n\n{NAMED}\n-DOCSTART- (b)\n\n"

    assert all(document.text for document in read(content, documents=documents))
    assert len(read(content, documents="docstart")) == 4


def test_tokens_before_the_first_mark_are_documents_too(read):
    content = "Ada O\n\nmet O\n-DOCSTART- (d2)\nBo O\n\n-DOCSTART-\nIt O\n"

    assert list(texts(read(content, documents="docstart"))) == ["doc-1", "d2", "doc-3"]
    assert list(texts(read(content, documents="sentence"))) == [
        "sentence-1",
        "sentence-2",
        "d2/1",
        "sentence-4",
    ]


def test_marks_of_a_file_that_is_one_document_are_dropped_and_counted(read, tmp_path):
    corpus = read(NAMED, documents="file")

    assert list(corpus.conversion.lines()) == [
        f"2 document marks ({tmp_path}/f.conll:1, {tmp_path}/f.conll:9)"
    ]
    assert not read(PLAIN, documents="file").conversion


@pytest.mark.parametrize("documents", ["docstart", "sentence", "file", "2"])
@pytest.mark.parametrize("content", ["", "\n \n", "-DOCSTART-\n\n"])
def test_a_file_without_tokens_has_no_sentences(read, content, documents):
    assert texts(read(content, documents=documents)) in ({}, {"doc-1": ""})


def test_offsets_refer_to_the_text_of_the_sentence(read):
    corpus = read("a O\n\nThe O\nBank B-ORG\nof I-ORG\nGhana I-ORG\n")

    assert corpus["sentence-2"] == Document(
        "sentence-2", "The Bank of Ghana", [Entity("ORG", 4, 17)]
    )


def test_a_file_with_the_text_of_its_document_is_one_document(read, tmp_path):
    content = "Ada O\n\nmet O\n"
    (tmp_path / "doc-1.txt").write_text("Ada  met")

    assert texts(read(f'# doc_text = "Ada\\n\\nmet"\n{content}')) == {"doc-1": "Ada\n\nmet"}
    assert texts(read(content, texts=tmp_path / "doc-1.txt")) == {"doc-1": "Ada  met"}
    assert texts(read(content, texts=tmp_path)) == {"doc-1": "Ada  met"}


def test_the_given_text_of_a_document_that_is_divided_or_joined_is_dropped(read, tmp_path):
    content = '# doc_text = "Ada  met"\nAda O\n\nmet O\n'
    named = f"-DOCSTART- (d1)\n{content}"
    dropped = "texts in # doc_text, of documents that are divided or joined"

    divided = read(content, documents="sentence")
    joined = read(f"{content}-DOCSTART- (d2)\nBo O\n", documents="file")
    both = read(f"{named}{named.replace('d1', 'd2')}", documents="file")

    assert texts(divided) == {"sentence-1": "Ada", "sentence-2": "met"}
    assert dict(divided.conversion.dropped) == {dropped: 1}
    assert texts(joined) == {"doc-1": "Ada\nmet\nBo"}
    assert dict(joined.conversion.dropped) == {"document marks": 1, dropped: 1}
    assert texts(both) == {"doc-1": "Ada\nmet\nAda\nmet"}
    assert dict(both.conversion.dropped) == {"document marks": 2, dropped: 2}


@pytest.mark.parametrize("documents", ["sentence", "2"])
def test_texts_of_sentences_cannot_be_given(read, tmp_path, documents):
    with pytest.raises(InputError, match=f'documents="{documents}" and texts= cannot be combined'):
        read(PLAIN, documents=documents, texts=tmp_path)


def test_the_former_name_of_the_option_is_sentences(read):
    with pytest.warns(DeprecationWarning, match='write documents="2"'):
        assert len(read(PLAIN, sentences="2")) == 2


def test_a_pipe_is_read_by_the_same_default():
    found = {}
    for name, content in (("plain", PLAIN), ("named", NAMED)):
        reader, writer = os.pipe()
        os.write(writer, content.encode())
        os.close(writer)
        found[name] = load_corpus(f"conll:/dev/fd/{reader}").ids
        os.close(reader)

    assert found == {"plain": ["sentence-1", "sentence-2", "sentence-3"], "named": ["d1", "d2"]}


def test_errors_in_sentences_are_named_by_their_lines(read, tmp_path):
    with pytest.raises(LoadError) as error:
        read("Ada O\n\nmet\n\nBo I-PER\n\nIt X\n\nis O\n")

    lines = [str(each).partition(" ")[0] for each in error.value.errors]
    assert lines == [f"{tmp_path}/f.conll:{line}:" for line in (3, 5, 7)]


@pytest.mark.parametrize(
    ("content", "options", "read_options"),
    [
        (PLAIN, {}, {"documents": "sentence"}),
        (PLAIN, {"documents": "sentence"}, {"documents": "sentence"}),
        (PLAIN, {"documents": 1}, {"documents": "sentence"}),
        (PLAIN, {"documents": "02"}, {"documents": "2"}),
        (PLAIN, {"documents": "file"}, {"documents": "file"}),
        (PLAIN, {"documents": "docstart"}, {}),
        (NAMED, {}, {}),
        (NAMED, {"documents": "docstart"}, {}),
        (NAMED, {"documents": "sentence"}, {"documents": "sentence"}),
        ('# doc_text = "Ada"\nAda O\n', {}, {"documents": "file"}),
    ],
)
def test_documents_that_are_not_marked_are_in_the_reading_options(
    read, content, options, read_options
):
    corpus = read(content, **options)

    assert corpus.read_options == read_options
    assert corpus[:1].read_options == read_options
    assert corpus.filter(lambda document: False).read_options == read_options


def test_the_signature_names_the_documents_of_gold(tmp_path):
    (tmp_path / "gold.conll").write_text(PLAIN)
    (tmp_path / "named.conll").write_text(NAMED)

    sentences = score(tmp_path / "gold.conll", tmp_path / "gold.conll")["entities/strict"]
    documents = score(tmp_path / "named.conll", tmp_path / "named.conll")["entities/strict"]

    assert sentences.signature_fields["read"] == "gold=documents:sentence"
    assert find_independence_assumption(sentences.signature_fields)
    assert "read" not in documents.signature_fields
    assert not find_independence_assumption(documents.signature_fields)


def test_predictions_from_any_format_are_compared_over_the_sentences_of_gold(tmp_path):
    (tmp_path / "gold.conll").write_text(PLAIN)
    (tmp_path / "a.conll").write_text(PLAIN.replace("Bo B-PER", "Bo O"))
    load_corpus(tmp_path / "gold.conll").save(tmp_path / "b.jsonl")

    comparison = compare(tmp_path / "a.conll", tmp_path / "b.jsonl", gold=tmp_path / "gold.conll")

    assert list(comparison.systems) == ["a", "b"]


MISMATCH = (
    "gold was read with documents={} and predicted with documents={}: read both with"
    ' documents="{}", or, if only one of them names its documents, with documents="file"'
)


@pytest.mark.parametrize(
    ("gold", "options", "predicted", "values"),
    [
        (
            UNNAMED,
            {},
            UNNAMED.replace("-DOCSTART- -X- O O\n", ""),
            ("docstart", "sentence", "sentence"),
        ),
        (
            UNNAMED.replace("-DOCSTART- -X- O O\n", ""),
            {},
            UNNAMED,
            ("sentence", "docstart", "sentence"),
        ),
        (PLAIN, {"documents": "docstart"}, PLAIN, ("docstart", "sentence", "sentence")),
        (PLAIN, {"documents": "2"}, PLAIN.replace("\n\n\n", "\n"), ("2", "sentence", "2")),
    ],
)
def test_files_that_are_divided_differently_are_answered_with_the_option(
    read, gold, options, predicted, values
):
    gold_corpus = read(gold, "gold.conll", **options)
    predicted_corpus = read(predicted, "predicted.conll", predictions=True)

    with pytest.raises(InputError) as error:
        score(gold_corpus, predicted_corpus, "entities/strict")

    assert str(error.value).endswith(MISMATCH.format(*values))


def test_the_remedy_for_files_that_are_divided_differently_works(tmp_path):
    (tmp_path / "gold.conll").write_text(UNNAMED)
    (tmp_path / "named.conll").write_text(NAMED)
    for name, content in (("predicted", UNNAMED), ("unnamed", NAMED)):
        lines = [line for line in content.splitlines() if not line.startswith("-DOCSTART-")]
        (tmp_path / f"{name}.conll").write_text("\n".join(lines))

    def run(gold, predicted, query):
        return run_evalkit(
            "score", f"{gold}.conll{query}", f"{predicted}.conll{query}", "--boot", 0, cwd=tmp_path
        )

    refused = run("gold", "predicted", "")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "read both with FILE?documents=sentence, or, if only one of them" in refused.stderr
    assert run("gold", "predicted", "?documents=sentence").returncode == 0
    assert run("named", "unnamed", "?documents=sentence").returncode == 2
    assert run("named", "unnamed", "?documents=file").returncode == 0


def test_a_missing_prediction_for_a_sentence_is_answered_as_usual(read):
    gold = read(PLAIN)

    with pytest.raises(InputError, match="lacks document 'sentence-3' of f; predict it"):
        score(gold, gold[:2], "entities/strict")
    with pytest.raises(InputError, match="lacks document 'sentence-3' of f; predict it"):
        score(gold, Corpus(list(gold)[:2], "other"), "entities/strict")


def test_sentences_that_are_written_are_read_back_as_they_were(read, tmp_path):
    corpus = read(PLAIN)

    corpus.save(tmp_path / "w.conll", tokenizer="whitespace")
    again = load_corpus(tmp_path / "w.conll")

    assert list(again) == list(corpus)
    assert again.read_options == {}


TOKENS = st.text("ab1-#.é", min_size=1, max_size=4).filter(lambda token: token[0] not in "-#")
TAGS = st.sampled_from(["O", "O", "B-PER", "I-PER", "B-ORG", "I-ORG"])
SENTENCES = st.lists(
    st.lists(st.tuples(TOKENS, TAGS, TAGS), min_size=1, max_size=6), min_size=1, max_size=8
)
DIVISIONS = ("docstart", "sentence", "file", 2, 3)


@st.composite
def layouts(draw):
    """How a file is written: its marks by the number of the sentence that they precede, and what
    can be between tokens and lines.
    """
    marks = draw(
        st.dictionaries(
            st.integers(0, 7), st.sampled_from(["-DOCSTART-", "# newdoc id = {}", "# id = {}"])
        )
    )
    return {
        "marks": marks,
        "separator": draw(st.sampled_from(["\t", " "])),
        "line_end": draw(st.sampled_from(["\n", "\r\n"])),
        "has_further_column": draw(st.booleans()),
        "has_comments": draw(st.booleans()),
    }


def write_lines(sentences, layout, column):
    """The lines of a file whose tags are those of a column of the sentences, 1 or 2."""
    lines = []
    for number, sentence in enumerate(sentences):
        if number in layout["marks"]:
            lines += [layout["marks"][number].format(f"d{number}"), ""]
        if layout["has_comments"]:
            lines.append(f"# sent_id = {number}")
        for row in sentence:
            cells = (
                [row[0], "x", row[column]]
                if layout["has_further_column"]
                else [row[0], row[column]]
            )
            lines.append(layout["separator"].join(cells))
        lines.append("")
    return "".join(line + layout["line_end"] for line in lines)


@FEW
@given(SENTENCES, layouts(), st.sampled_from(["begin", "discard", "conlleval"]))
def test_each_division_into_documents_has_the_same_counts_and_the_same_ids_on_both_sides(
    tmp_path_factory, sentences, layout, repair
):
    folder = tmp_path_factory.mktemp("conll")
    for name, column in (("gold", 1), ("predicted", 2)):
        content = write_lines(sentences, layout, column)
        (folder / f"{name}.conll").write_bytes(content.encode())
    options = {
        "repair": repair,
        "comments": True,
        "separator": "tab" if layout["separator"] == "\t" else "space",
    }
    expected = score_tags(
        [[row[1] for row in sentence] for sentence in sentences],
        [[row[2] for row in sentence] for sentence in sentences],
        repair=repair,
        boot=0,
    )["entities/strict"].micro

    for documents in (*DIVISIONS, None):
        given = options if documents is None else {**options, "documents": documents}
        gold = load_corpus(folder / "gold.conll", **given)
        predicted = load_corpus(folder / "predicted.conll", predictions=True, **given)
        micro = score(gold, predicted, "entities/strict", boot=0)["entities/strict"].micro

        assert gold.ids == predicted.ids
        assert texts(gold) == texts(predicted)
        assert (micro.tp, micro.fp, micro.fn) == (expected.tp, expected.fp, expected.fn)
        assert (micro.precision, micro.recall, micro.f1) == (
            expected.precision,
            expected.recall,
            expected.f1,
        )


@FEW
@given(SENTENCES, layouts())
def test_the_documents_of_each_division_have_all_sentences_in_order(
    tmp_path_factory, sentences, layout
):
    path = tmp_path_factory.mktemp("conll") / "f.conll"
    path.write_bytes(write_lines(sentences, layout, 1).encode())
    expected = [" ".join(row[0] for row in sentence) for sentence in sentences]
    corpora = {
        documents: load_corpus(path, documents=documents, comments=True, repair="begin")
        for documents in DIVISIONS
    }

    for corpus in corpora.values():
        assert "\n".join(document.text for document in corpus).split("\n") == expected
    assert len(corpora["sentence"]) == len(sentences)
    assert len(corpora["file"]) == 1
    for limit in (2, 3):
        assert max(document.text.count("\n") for document in corpora[limit]) < limit


@pytest.mark.slow
@pytest.mark.parametrize("documents", ["sentence", "file", 10])
def test_reading_sentences_takes_time_linear_in_their_number(tmp_path, documents):
    seconds = {}
    for sentences in (1_000, 16_000):
        path = tmp_path / f"{sentences}.conll"
        path.write_text("Ada B-PER\nwrote O\na O\nbook O\n\n" * sentences)
        times = []
        for _ in range(3):
            began = time.process_time()
            load_corpus(path, documents=documents)
            times.append(time.process_time() - began)
        seconds[sentences] = min(times)

    # 16 where linear, 256 where quadratic; a busy machine alone was seen to make 40 of it
    assert seconds[16_000] < 100 * seconds[1_000]
