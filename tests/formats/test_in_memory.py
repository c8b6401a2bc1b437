"""Corpora from what is in memory: documents, dicts, and spaCy-style examples."""

import re

import pytest

from evalkit import Corpus, Document, Entity, InputError, compare, evaluate, predict, score

PAIRS = [
    ("Ann left Ohio", {"entities": [(0, 3, "PER"), (9, 13, "LOC")]}),
    ("Nobody came", {"entities": []}),
]
DICTS = [
    {"text": "Ann left Ohio", "entities": [{"label": "PER", "start": 0, "end": 3, "score": 0.5}]},
    {"text": "Nobody came", "entities": [(0, 6, "PER")]},
]
DOCUMENTS = [
    Document("doc-1", "Ann left Ohio", [Entity("PER", 0, 3, score=0.5)]),
    Document("doc-2", "Nobody came", [Entity("PER", 0, 6)]),
]


def test_dicts_and_documents_make_the_same_corpus():
    assert Corpus.from_examples(DICTS) == Corpus(DOCUMENTS) == Corpus.from_examples(DOCUMENTS)


def test_a_dict_keeps_its_id_and_may_have_every_layer():
    (document,) = Corpus.from_examples(
        [
            {
                "id": "a",
                "text": "Ann left",
                "events": [{"label": "Go", "trigger": {"start": 4, "end": 8}}],
            }
        ]
    )

    assert (document.id, document.events[0].label, document.entities) == ("a", "Go", None)


@pytest.mark.parametrize("predicted", [DICTS, DOCUMENTS, Corpus(DOCUMENTS)])
def test_lists_are_scored_like_corpora(predicted):
    micro = score(PAIRS, predicted, "ner", boot=0)["ner"].micro

    assert (micro.tp, micro.fp, micro.fn) == (1, 1, 1)


def test_a_model_runs_on_a_list_of_examples():
    def find_first_word(text):
        return [(0, text.index(" "), "PER")]

    assert evaluate(find_first_word, PAIRS, "ner", boot=0)["ner"]["PER"].tp == 1
    assert predict(find_first_word, DICTS).ids == ["doc-1", "doc-2"]
    assert compare(a=DICTS, b=PAIRS, gold=PAIRS, metrics="ner").metrics == ["entities/strict"]


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([{"text": "x", "spans": []}], "examples[0]: Object contains unknown field 'spans'"),
        ([{"meta": {}}], "examples[0]: Object missing required field 'text'"),
        (
            [{"text": "x"}, {"text": "x", "entities": [{"label": "A", "start": 0, "end": 9}]}],
            "examples[1]: document 'doc-2', entities[0].end: ",
        ),
        ([{"text": "x", "entities": [(0, 1)]}], "examples[0]: entities[0]: expected (start, end"),
        ([("x",)], "examples[0]: expected a Document, a dict"),
        (5, "invalid corpus 5: expected a Corpus, a path, or a list"),
        ({"text": "x"}, "invalid corpus {'text': 'x'}: expected a Corpus, a path, or a list"),
    ],
)
def test_what_is_no_corpus_is_refused_with_its_place(examples, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        score(examples, DICTS, "ner")


def test_a_model_may_answer_with_a_dict_of_entities():
    answer = {"entities": [(0, 3, "PER")]}

    (document, _) = predict(lambda text: answer, PAIRS)

    assert document.entities == (Entity("PER", 0, 3),)


def test_a_model_may_answer_with_a_doc_of_spacy():
    class Name:
        start_char, end_char, label_ = 0, 3, "PER"

    class Doc:
        ents = (Name(),)

    (document, _) = predict(lambda text: Doc(), PAIRS)

    assert document.entities == (Entity("PER", 0, 3),)
