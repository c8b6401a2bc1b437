"""spaCy's training examples, and the objects of other tools with offsets of characters."""

import json
import random

import pytest
from helpers.any_text import documents as any_documents
from hypothesis import given
from hypothesis import strategies as st

from evalkit import Corpus, Document, Entity, InputError, LoadError, load_corpus, score

PAIRS = [
    ["Ada left Oslo", {"entities": [[0, 3, "PER"], [9, 13, "LOC"]]}],
    ["Nobody", {"entities": []}],
    ["Not annotated", {}],
]
EXPECTED = [
    Document("doc-1", "Ada left Oslo", [Entity("PER", 0, 3), Entity("LOC", 9, 13)]),
    Document("doc-2", "Nobody", []),
    Document("doc-3", "Not annotated"),
]


def read(tmp_path, content, **options):
    path = tmp_path / "f"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return load_corpus(f"spacy-json:{path}", **options)


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(PAIRS),
        json.dumps(PAIRS, indent=1),
        "\n".join(map(json.dumps, PAIRS)),
        json.dumps({"classes": ["PER"], "annotations": PAIRS}),
        "# examples\nTRAIN_DATA = "
        + repr([(text, {key: list(map(tuple, v)) for key, v in a.items()}) for text, a in PAIRS]),
        repr(PAIRS),
    ],
    ids=["json", "indented", "lines", "annotator", "python", "literal"],
)
def test_a_list_of_pairs_is_read_however_it_is_written(tmp_path, content):
    assert list(read(tmp_path, content)) == EXPECTED


@pytest.mark.parametrize(
    ("example", "entity"),
    [
        ({"text": "Ada", "entities": [{"start": 0, "end": 3, "label": "P"}]}, Entity("P", 0, 3)),
        (
            {"text": "Ada", "spans": [{"start": 0, "end": 3, "entity_type": "P", "score": 0.5}]},
            Entity("P", 0, 3, score=0.5),
        ),
        ({"text": "Ada", "ents": [{"start": 0, "end": 3, "label": "P"}]}, Entity("P", 0, 3)),
        (
            {
                "full_text": "Ada",
                "spans": [
                    {
                        "entity_type": "P",
                        "entity_value": "Ada",
                        "start_position": 0,
                        "end_position": 3,
                    }
                ],
            },
            Entity("P", 0, 3),
        ),
        (
            {
                "content": "Ada",
                "annotation": [{"label": ["P"], "points": [{"start": 0, "end": 2}]}],
            },
            Entity("P", 0, 3),
        ),
        (
            ["Ada", {"entities": [[0, 3, "P", "Q7259"]]}],
            Entity("P", 0, 3, attributes={"link": "Q7259"}),
        ),
        (
            {"text": "Ada", "entities": [{"start": 0, "end": 3, "label": "P", "id": 7}]},
            Entity("P", 0, 3, id="7"),
        ),
    ],
)
def test_the_objects_of_other_tools_are_read(tmp_path, example, entity):
    corpus = read(tmp_path, [example])

    assert corpus.documents[0].entities == (entity,)
    assert not corpus.conversion


def test_a_span_group_is_read_on_request(tmp_path):
    groups = {"sc": [[0, 3, "A"]], "other": [[4, 5, "B"]]}
    examples = [["Ada x", {"entities": [[4, 5, "E"]], "spans": groups}], ["Bo", {"entities": []}]]

    corpus = read(tmp_path, examples, entities="sc")

    assert corpus.documents[0].entities == (Entity("A", 0, 3),)
    assert corpus.documents[1].entities is None
    assert corpus.conversion.dropped == {
        "values of the key 'entities'": 1,
        "spans of the span group 'other'": 1,
    }
    plain = read(tmp_path, examples)
    assert plain.documents[0].entities == (Entity("E", 4, 5),)
    assert plain.conversion.dropped == {"values of the key 'spans'": 1}


def test_what_is_not_read_is_counted(tmp_path):
    example = ["Ada", {"entities": [[0, 3, "P"]], "cats": {"A": 1}, "links": {}}]
    turks = {
        "content": "Ada",
        "annotation": [{"label": ["P", "Q"], "points": [{"start": 0, "end": 2}]}],
        "metadata": {"x": 1},
    }

    corpus = read(tmp_path, [example, None, turks])

    assert [document.id for document in corpus] == ["doc-1", "doc-3"]
    assert corpus.conversion.dropped == {
        "values of the key 'cats'": 1,
        "further labels of an entity": 1,
        "values of the key 'metadata'": 1,
    }
    assert corpus.conversion.skipped == {"empty examples": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "neither JSON nor Python: Input data was truncated; expected .text,"),
        ("x = 1", "no list of examples"),
        ("[(1, os.remove('f'))]", "f:1: not a literal"),
        ([["Ada", {"entities": [[0, 9, "P"]]}]], r"f:1: document 'doc-1', entities\[0\].end: 9"),
        ([["Ada", {"entities": [[0, 3]]}]], r"entities\[0\]: expected \[start, end, label\]"),
        ([["Ada", {"entities": ["U-PER"]}]], r"entities\[0\]: expected .*got 'U-PER'"),
        ([["Ada", {"entities": [[0, 3, 1]]}]], r"got \[0, 3, 1\]"),
        ([["Ada", {"entities": [[True, 3, "P"]]}]], r"got \[True, 3, 'P'\]"),
        ([["Ada", {"entities": 7}]], "entities: expected a list, got 7"),
        ([["Ada", ["P"]]], "f:1: expected .text,"),
        ([{"id": 0, "paragraphs": 1}], "expected an id, and a list under paragraphs"),
        ([{"texts": "Ada"}], "no text: .*keys: texts"),
        ([{"text": 1}], "text: expected a string, got 1"),
        ([{"text": "Ada", "id": []}], r"id: expected a string, got \[\]"),
        (
            [{"content": "Ada", "annotation": [{"label": ["P"], "points": 1}]}],
            "expected a list of labels",
        ),
        ([{"content": "Ada", "annotation": [{"label": "P", "points": [1]}]}], "expected an object"),
        (
            [{"text": "Ada", "entities": [{"start": 0, "end": 2, "label": "P", "text": "Ada"}]}],
            "'Ada' is not the text at 0 to 2",
        ),
        (["Ada"], "got 'Ada'"),
    ],
)
def test_a_bad_file_is_refused_with_the_place_and_what_is_expected(tmp_path, content, message):
    with pytest.raises((LoadError, InputError), match=message):
        read(tmp_path, content)


def test_the_line_of_an_example_is_named(tmp_path):
    content = '[\n["Ada", {"entities": []}],\n\n["Bo",\n {"entities": [[0, 9, "P"]]}]\n]'

    with pytest.raises(LoadError, match="f:4: document 'doc-2'"):
        read(tmp_path, content)
    with pytest.raises(LoadError, match="f:3: document 'doc-2'"):
        read(tmp_path, 'X = [\n("Ada", {"entities": []}),\n("Bo", {"entities": [(0, 9, "P")]})]')


def test_examples_have_the_entities_that_spacy_reads(tmp_path):
    import spacy
    from spacy.training import Example

    nlp = spacy.blank("en")
    draw = random.Random(4)
    examples = []
    for _ in range(100):
        words = [draw.choice(["Ada", "Bo", "Oslo", "é", "😀"]) for _ in range(8)]
        text = " ".join(words)
        starts = [len(" ".join(words[:n])) + (n > 0) for n in range(8)]
        chosen = sorted(draw.sample(range(8), 3))
        spans = [(starts[n], starts[n] + len(words[n]), draw.choice("AB")) for n in chosen]
        examples.append((text, {"entities": spans}))

    corpus = read(tmp_path, examples)

    for document, (text, annotations) in zip(corpus, examples):
        reference = Example.from_dict(nlp.make_doc(text), annotations).reference
        theirs = [(e.label_, e.start_char, e.end_char) for e in reference.ents]
        assert [(e.label, e.start, e.end) for e in document.entities] == theirs


@given(st.lists(any_documents(), max_size=3, unique_by=lambda document: document.id))
def test_written_examples_are_read_back_and_losses_are_counted(tmp_path_factory, documents):
    path = tmp_path_factory.mktemp("spacy") / "f.json"
    losses = Corpus(documents).save(f"spacy-json:{path}")

    again = list(load_corpus(f"spacy-json:{path}"))

    kept = [document for document in documents if document.failure is None]
    assert [document.text for document in again] == [document.text for document in kept]
    for mine, theirs in zip(again, kept):
        spans = {(e.label, e.start, e.end) for e in theirs.entities or () if not e.fragments}
        assert {(e.label, e.start, e.end) for e in mine.entities or ()} == spans
        assert (mine.entities is None) == (theirs.entities is None)
    if not losses:
        assert again == kept


def test_scores_of_examples_are_those_of_their_entities(tmp_path):
    gold = read(tmp_path, PAIRS[:1])
    (tmp_path / "p.json").write_text(json.dumps([["Ada left Oslo", {"entities": [[0, 3, "PER"]]}]]))

    scores = score(gold, f"spacy-json:{tmp_path}/p.json", "ner", boot=0)

    assert (scores["ner"].micro.precision, scores["ner"].micro.recall) == (1, 0.5)


def test_a_json_file_is_recognized(tmp_path):
    (tmp_path / "f.json").write_text(json.dumps(PAIRS))

    assert list(load_corpus(tmp_path / "f.json")) == EXPECTED


def test_entities_of_dataturks_without_a_label_are_dropped_and_counted(tmp_path):
    points = [{"start": 0, "end": 2, "text": "Ada"}]
    annotation = [{"label": label, "points": points} for label in (["PER"], [], None)]

    corpus = read(tmp_path, [{"content": "Ada left", "annotation": annotation}])

    assert corpus[0].entities == (Entity("PER", 0, 3),)
    assert corpus.conversion.dropped == {"entities without a label": 2}


def test_pairs_of_the_first_version_are_read_from_files_and_in_memory(tmp_path):
    pairs = [("Ada left Oslo", [(0, 3, "PER"), (9, 13, "LOC")]), ("Nobody", [])]

    for content in (
        json.dumps(pairs),
        f"train_data = {pairs!r}",
        "\n".join(map(json.dumps, pairs)),
    ):
        assert list(read(tmp_path, content)) == EXPECTED[:2]
    assert list(Corpus.from_examples(pairs)) == EXPECTED[:2]


def test_several_lists_of_a_python_file_are_named_and_lists_of_other_values_dropped(tmp_path):
    train, test = [("Ada left", {"entities": [(0, 3, "PER")]})], [("Nobody", {"entities": []})]
    content = f"LABELS = ['PER', 'LOC']\nTRAIN_DATA = {train!r}\nTEST_DATA: list = {test!r}\n"

    corpus = read(tmp_path, content)

    assert [document.text for document in corpus] == ["Ada left", "Nobody"]
    assert corpus.conversion.detected == {"examples of several lists: TRAIN_DATA, TEST_DATA": 1}
    assert corpus.conversion.dropped == {"lists of other values": 1}


def test_an_entity_without_offsets_is_shown_as_it_is_in_the_file(tmp_path):
    with pytest.raises(LoadError, match=r"entities\[0\]: expected .*, got \{'entity': 'PER'\}"):
        read(tmp_path, [{"text": "Ada", "entities": [{"entity": "PER"}]}])
