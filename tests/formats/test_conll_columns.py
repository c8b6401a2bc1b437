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
