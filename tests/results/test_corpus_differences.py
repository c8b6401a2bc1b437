"""How a second corpus differs from a first: label shift, unseen surface forms, shared documents."""

import random

import pytest
from helpers.random_documents import make_gold, make_prediction

from evalkit import Corpus, Document, Entity


def corpus_of(name, *texts):
    """A corpus whose words are entities where they end in /LABEL."""
    documents = []
    for number, marked in enumerate(texts):
        text, entities = "", []
        for word in marked.split():
            surface, _, label = word.partition("/")
            if label:
                entities.append(Entity(label, len(text), len(text) + len(surface)))
            text += f"{surface} "
        documents.append(Document(f"{name}{number}", text, entities))
    return Corpus(documents, name)


@pytest.fixture
def train_corpus():
    return corpus_of(
        "train", "Ann/PER met Bo/PER in Rome/LOC", "Oslo/LOC", "Ann/PER left Paris/MISC"
    )


@pytest.fixture
def evaluated_corpus():
    return corpus_of("test", "Ann/PER met Cy/PER in Paris/LOC", "Rome/LOC", "ann/PER", "Oslo/LOC")


def test_shares_and_surface_forms_worked_by_hand(train_corpus, evaluated_corpus):
    differences = train_corpus.stats().compare_with(evaluated_corpus.stats())

    rows = {row["label"]: row for row in differences.rows()}
    assert rows["PER"] == {
        "layer": "entities",
        "label": "PER",
        "first_annotations": 3,
        "second_annotations": 3,
        "first_share": 0.5,
        "second_share": 0.5,
        "difference": 0.0,
        "total_variation": None,
        "seen": 1,
        "seen_with_other_label": 0,
        "unseen": 2,
        "unseen_share": 2 / 3,
    }
    loc = rows["LOC"]
    assert (loc["first_annotations"], loc["second_annotations"]) == (2, 3)
    assert loc["difference"] == pytest.approx(1 / 6)
    assert (loc["seen"], loc["seen_with_other_label"], loc["unseen"]) == (2, 1, 0)
    assert loc["unseen_share"] == 0
    misc = rows["MISC"]
    assert (misc["second_annotations"], misc["unseen_share"]) == (0, None)
    total = rows[None]
    assert (total["seen"], total["seen_with_other_label"], total["unseen"]) == (3, 1, 2)
    assert total["total_variation"] == pytest.approx(1 / 6)
    layer = differences.layers["entities"]
    assert (layer.only_in_first, layer.only_in_second) == (("MISC",), ())


def test_two_corpora_are_rendered_side_by_side(train_corpus, evaluated_corpus):
    text = train_corpus.stats().render(other=evaluated_corpus.stats(), width=80)

    assert "Warning: 1 document of test has the text of a document of train: leakage" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["PER", "3", "3", "0.500", "0.500", "0.000"] in lines
    assert ["LOC", "2", "3", "0.333", "0.500", "+0.167"] in lines
    assert ["MISC", "1", "0", "0.167", "0.000", "−0.167"] in lines
    assert "only in train: MISC" in text
    assert (
        "train: rare labels (fewer than 10 annotations, or in one document only): PER, LOC, MISC"
        in text.replace("\n ", "")
    )
    assert ["PER", "3", "1", "0", "2", "0.667"] in lines
    assert ["all", "6", "3", "1", "2", "0.333"] in lines
    assert ["PER", "train", "1,", "1", "3,", "3", "2", "0.667"] in lines
    assert max(map(len, text.splitlines())) <= 80
    markdown = train_corpus.stats().render("markdown", other=evaluated_corpus.stats())
    assert "| LOC | 2 | 3 | 0.333 | 0.500 | +0.167 |" in markdown


def test_shared_documents_are_counted_by_text_and_by_id():
    first = Corpus([Document("a", "One."), Document("b", "Two."), Document("c", " ")], "x")
    second = Corpus([Document("b", "One."), Document("d", "One."), Document("e", " ")], "y")

    differences = first.stats().compare_with(second.stats())

    assert (differences.first_texts, differences.second_texts) == (1, 2)
    assert differences.same_ids == 1
    assert not differences.same_documents
    text = first.stats().render(other=second.stats())
    assert "Warning: 2 documents of y have the text of a document of x: leakage" in text
    assert "1 document id is in both x and y" in text


def test_the_same_documents_in_another_order_are_the_same(train_corpus):
    other = Corpus(list(train_corpus)[::-1])

    differences = train_corpus.stats().compare_with(other.stats())

    assert differences.same_documents
    assert differences.layers["entities"].total_variation == 0
    text = train_corpus.stats().render(other=other.stats())
    assert "leakage" not in text
    assert "surface forms of" not in text


def test_a_layer_that_one_side_does_not_have_is_undefined(train_corpus):
    bare = Corpus([Document("z", "Ann")], "bare")
    empty = Corpus([Document("z", "Ann", entities=[])], "empty")

    without_layer = train_corpus.stats().compare_with(bare.stats()).rows()
    without_items = empty.stats().compare_with(train_corpus.stats()).rows()

    assert {row["difference"] for row in without_layer} == {None}
    assert {row["unseen"] for row in without_layer} == {None}
    assert {row["difference"] for row in without_items} == {None}
    assert [row["unseen_share"] for row in without_items] == [1.0, 1.0, 1.0, 1.0]
    assert Corpus([]).stats().compare_with(Corpus([]).stats()).rows() == []


@pytest.mark.parametrize("seed", range(8))
def test_novelty_is_that_of_plain_loops(seed):
    draw = random.Random(seed)
    first = [make_gold(draw, f"a{n}") for n in range(3)]
    second = [make_prediction(draw, make_gold(draw, f"b{n}")) for n in range(3)]

    rows = Corpus(first).stats().compare_with(Corpus(second).stats()).rows()

    def forms(documents):
        for document in documents:
            for entity in document.entities:
                ranges = entity.fragments or ((entity.start, entity.end),)
                yield entity.label, tuple(document.text[start:end] for start, end in ranges)

    known = list(forms(first))
    expected = {}
    for label, form in forms(second):
        if (label, form) in known:
            kind = "seen"
        elif any(form == other for _, other in known):
            kind = "seen_with_other_label"
        else:
            kind = "unseen"
        for key in (label, None):
            expected.setdefault(key, []).append(kind)
    shares_by_label = []
    for row in rows:
        if row["layer"] != "entities":
            continue
        kinds = expected.get(row["label"], [])
        for kind in ("seen", "seen_with_other_label", "unseen"):
            assert row[kind] == kinds.count(kind)
        if row["label"] is not None and known and expected:
            in_first = sum(label == row["label"] for label, _ in known) / len(known)
            in_second = len(kinds) / len(expected[None])
            assert row["difference"] == pytest.approx(in_second - in_first)
            shares_by_label.append(abs(in_second - in_first))
        if row["label"] is None and known and expected:
            assert row["total_variation"] == pytest.approx(sum(shares_by_label) / 2)


def test_examples_in_context_are_shown_for_each_corpus(train_corpus, evaluated_corpus):
    text = train_corpus.stats().render(
        other=evaluated_corpus.stats(), examples=1, context=True, width=80
    )

    assert "Entities of train in context\n" in text
    assert "Entities of test in context\n" in text
    assert "[Oslo]" in text
    assert max(map(len, text.splitlines())) <= 80
