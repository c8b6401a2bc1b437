"""Corpora from what is in memory: documents, dicts, and spaCy-style examples."""

import json
import re

import pytest

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    compare,
    evaluate,
    load_corpus,
    predict,
    score,
)

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


ADA = {"start": 0, "end": 3}


@pytest.mark.parametrize(
    ("example", "dropped"),
    [
        (("Ada ran", {"entities": [{**ADA, "label": "P"}]}), {}),
        (("Ada ran", {"entities": [{**ADA, "entity_type": "P", "score": 0.5}]}), {}),
        (("Ada ran", {"spans": [(0, 3, "P")], "cats": {"a": 1}}), {"values of the key 'cats'": 1}),
        ({"text": "Ada ran", "spans": [{**ADA, "label": "P"}]}, {}),
        ({"text": "Ada ran", "entities": [{**ADA, "entity_type": "P"}]}, {}),
        ({"text": "Ada ran", "ents": [{**ADA, "label": "P"}], "title": None}, {}),
        (
            {
                "full_text": "Ada ran",
                "spans": [{"entity_type": "P", "start_position": 0, "end_position": 3}],
            },
            {},
        ),
        (
            {
                "content": "Ada ran",
                "annotation": [{"label": ["P"], "points": [{"start": 0, "end": 2}]}],
            },
            {},
        ),
    ],
)
def test_examples_of_other_tools_are_read_as_from_a_file(tmp_path, example, dropped):
    (tmp_path / "a.json").write_text(json.dumps([example]))

    corpus = Corpus.from_examples([example])

    assert [(e.label, e.start, e.end) for e in corpus[0].entities] == [("P", 0, 3)]
    assert corpus.conversion.dropped == dropped
    from_file = load_corpus(f"spacy-json:{tmp_path}/a.json")
    assert corpus == from_file
    assert corpus.conversion.dropped == from_file.conversion.dropped
    assert score([example], [example], "ner", boot=0)["ner"].micro.tp == 1


def test_links_and_span_groups_that_are_not_read_are_kept_or_counted():
    linked = Corpus.from_examples([("Ada ran", {"entities": [(0, 3, "P", "Q7259")]})])
    groups = Corpus.from_examples([("Ada ran", {"spans": {"sc": [(0, 3, "P")], "x": []}})])

    assert linked[0].entities[0].attributes == {"link": "Q7259"}
    assert groups[0].entities is None
    assert groups.conversion.dropped == {"spans of the span group 'sc'": 1}


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
        ([{"text": "x", "cats": []}], "examples[0]: Object contains unknown field 'cats'"),
        (
            [{"text": "x", "spans": [{"start": 0, "end": 9, "label": "A"}]}],
            "examples[0]: document 'doc-1', spans[0].end: 9 is past the end",
        ),
        ([("x", {"entities": [{"start": 0}]})], "examples[0]: entities[0]: expected [start, end"),
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
