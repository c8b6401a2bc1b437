"""Several columns of tags, and first rows with the names of the columns."""

import os
import random

import pytest

from evalkit import Entity, InputError, LoadError, load_corpus, score

HIPE = "TOKEN\tNE-COARSE-LIT\tNE-FINE-LIT\nAda\tB-pers\tB-pers.ind\nran\tO\tO\n\nRome\tB-loc\tO\n"


def load(tmp_path, content, **options):
    path = tmp_path / "f.conll"
    path.write_text(content)
    return load_corpus(path, **options)


def test_a_row_with_the_names_of_columns_is_skipped_and_counted(tmp_path):
    corpus = load(tmp_path, HIPE, tag_column=1)

    assert [document.text for document in corpus] == ["Ada ran", "Rome"]
    assert corpus.conversion.skipped == {"header rows": 1}


@pytest.mark.parametrize(
    ("content", "is_header"),
    [
        ("word tag\nAda B-PER\n", True),
        ("Tokens ner_tags\nAda B-PER\n", True),
        ("token O\nAda B-PER\n", False),
        ("token B-PER\nAda B-PER\n", False),
        ("Ada O\nword O\n", False),
    ],
)
def test_only_names_of_columns_in_the_first_row_are_a_header(tmp_path, content, is_header):
    corpus = load(tmp_path, content)

    assert len(corpus.documents[0].text.split()) == (1 if is_header else 2)
    assert bool(corpus.conversion.skipped) == is_header


@pytest.mark.parametrize("columns", ["1+2", "1 2", "-2+-1", "2+1"])
def test_several_columns_are_one_layer_of_nested_entities(tmp_path, columns):
    content = "The O B-ORG\nUniversity O I-ORG\nof O I-ORG\nRome B-LOC I-ORG\n"

    corpus = load(tmp_path, content, tag_column=columns)

    assert corpus.documents[0].entities == (Entity("ORG", 0, 22), Entity("LOC", 18, 22))
    assert not corpus.conversion
    assert score(corpus, corpus, "ner", boot=0)["ner"].micro.f1 == 1


def test_an_entity_of_several_columns_is_kept_once_and_counted(tmp_path):
    corpus = load(tmp_path, "Ada B-PER B-PER x\n", tag_column="1+2")

    assert corpus.documents[0].entities == (Entity("PER", 0, 3),)
    assert corpus.conversion.dropped == {
        "columns that are neither token nor tag": 1,
        "entities that several columns of tags have": 1,
    }


def test_random_columns_have_the_entities_of_each_column(tmp_path):
    draw = random.Random(3)
    lines = []
    for _ in range(200):
        for _ in range(draw.randint(1, 8)):
            tags = [draw.choice(["O", "B-A", "I-A", "B-B"]) for _ in range(3)]
            lines.append(" ".join(["x" * draw.randint(1, 3), *tags]))
        lines.append("")
    content = "\n".join(lines)
    options = {"repair": "begin"}
    each = [load(tmp_path, content, tag_column=n, **options) for n in (1, 2, 3)]

    corpus = load(tmp_path, content, tag_column="1+2+3", **options)

    for documents in zip(corpus, *each):
        merged, *parts = documents
        assert len({document.text for document in documents}) == 1
        spans = {(e.label, e.start, e.end) for part in parts for e in part.entities}
        assert len(merged.entities) == len(spans)
        assert {(e.label, e.start, e.end) for e in merged.entities} == spans
    name = "invalid tags, repaired as begin"
    expected = sum(part.conversion.repaired[name] for part in each)
    assert corpus.conversion.repaired == {name: expected}
    repeated = sum(len(d.entities) for part in each for d in part) - sum(
        len(d.entities) for d in corpus
    )
    assert corpus.conversion.dropped["entities that several columns of tags have"] == repeated


def test_errors_of_all_columns_are_reported(tmp_path):
    with pytest.raises(LoadError) as error:
        load(tmp_path, "Ada I-PER O\nran O I-ACT\n", tag_column="1+2")

    assert "'I-PER' begins the sentence" in str(error.value)
    assert "'I-ACT' is preceded by 'O'" in str(error.value)
    with pytest.raises(LoadError, match="there is no column 7"):
        load(tmp_path, "Ada O O\n", tag_column="1+7")
    with pytest.raises(InputError, match="invalid tag_column 'x'"):
        load(tmp_path, "Ada O O\n", tag_column="1+x")


def test_a_pipe_cannot_be_read_once_for_each_column():
    read, write = os.pipe()
    os.write(write, b"Ada B-PER O\n")
    os.close(write)

    with pytest.raises(InputError, match="expected a file, not a pipe"):
        load_corpus(f"conll:/dev/fd/{read}", tag_column="1+2")


@pytest.mark.parametrize(
    ("rows", "option", "dropped"),
    [
        # nested entities in the last column: those around them are not read
        ("1\tUni\tB-ORG\tO\n2\tOslo\tI-ORG\tB-LOC\n", {}, "2+3"),
        ("Uni B-ORG O O\nOslo I-ORG B-LOC O\n", {"tag_column": 1}, "1+2"),
        ("Uni B-ORG O B-X\nOslo I-ORG B-LOC O\n", {"tag_column": "1+2"}, "1+2+3"),
        # parts of speech and the chunks of CoNLL-2003
        ("EU NNP B-NP B-ORG\nwon VB B-VP O\n", {}, None),
        ("EU O B-ORG\nwon O O\n", {}, None),
        ("EU B-X B-ORG\nwon VB O\n", {}, None),
        ("Uni O\nOslo B-LOC\n", {}, None),
    ],
)
def test_columns_of_tags_that_are_not_read_are_named(tmp_path, rows, option, dropped):
    corpus = load(tmp_path, rows, **option)

    found = [name for name in corpus.conversion.dropped if "tag_column" in name]
    expected = f"columns of other tags (?tag_column={dropped} reads them, too)"
    assert found == ([] if dropped is None else [expected])
    assert corpus.conversion.dropped.get(expected, 1) == 1
    if dropped is not None:  # the remedy works
        assert len(load(tmp_path, rows, tag_column=dropped)[0].entities) > len(corpus[0].entities)


def test_where_the_last_column_has_no_tags_the_error_names_those_that_have(tmp_path):
    uner = "# sent_id = 1\n1\tAda\tB-PER\t-\tann\n2\tran\tO\t-\tann\n"
    hipe = "TOKEN\tNE-LIT\tNE-FINE\tMISC\nAda\tB-pers\tB-pers.ind\tNoSpaceAfter\nran\tO\tO\t_\n"

    with pytest.raises(LoadError, match="column 2 has tags: use tag_column=2$"):
        load(tmp_path, uner)
    assert load(tmp_path, uner, tag_column=2)[0].entities == (Entity("PER", 0, 3),)
    with pytest.raises(LoadError, match="columns 1 and 2 have tags: use tag_column=1$"):
        load(tmp_path, hipe)
    assert load(tmp_path, hipe, tag_column=1)[0].entities == (Entity("pers", 0, 3),)


def test_a_wrong_tag_in_the_right_column_is_not_explained_by_another_column(tmp_path):
    with pytest.raises(LoadError) as error:
        load(tmp_path, "EU B-NP B-ORG\nwon B-VP X-ORG\n")

    assert "no tagging fits" in str(error.value)
    assert "tag_column" not in str(error.value)


def test_a_column_of_chunks_is_not_advised_beside_one_of_entities(tmp_path):
    path = tmp_path / "f.conll"
    path.write_text("Ada NNP B-NP B-PER 0.9\nran VBD B-VP O 0.2\n")

    with pytest.raises(LoadError, match="column 3 has tags: use tag_column=3"):
        load_corpus(path)
    path.write_text("Ada NNP B-NP 0.9\nran VBD B-VP 0.2\n")
    with pytest.raises(LoadError, match="column 2 has tags: use tag_column=2"):
        load_corpus(path)
