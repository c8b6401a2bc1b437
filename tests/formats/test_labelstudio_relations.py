"""Relations of Label Studio are read and written; what is dropped is counted."""

import json
import random

import pytest

from evalkit import Corpus, Document, Entity, Event, LoadError, Relation, Span, load_corpus

TEXT = "Ada met Bo in Oslo"
ENTITIES = (Entity("PER", 0, 3, id="a"), Entity("PER", 8, 10, id="b"), Entity("LOC", 14, 18))


def region(id, start, end, *labels, **keys):
    value = {"start": start, "end": end, "text": TEXT[start:end], "labels": list(labels)}
    return {
        "id": id,
        "from_name": "label",
        "to_name": "text",
        "type": "labels",
        "value": value,
        **keys,
    }


def relation(head, tail, *labels, **keys):
    return {
        "type": "relation",
        "from_id": head,
        "to_id": tail,
        "direction": "right",
        "labels": list(labels),
        **keys,
    }


def load_results(folder, *results, others=()):
    """The corpus of a task with these results, and of further tasks."""
    tasks = [[*results], *others]
    content = []
    for number, result in enumerate(tasks, 1):
        annotations = [] if result is None else [{"completed_by": 1, "result": result}]
        content.append({"id": number, "data": {"text": TEXT}, "annotations": annotations})
    (folder / "x.json").write_text(json.dumps(content), encoding="utf-8")
    return load_corpus(f"labelstudio:{folder}/x.json")


def save_and_load(folder, documents, **options):
    report = Corpus(documents).save(f"labelstudio:{folder}/w.json", **options)
    found = load_corpus(f"labelstudio:{folder}/w.json", predictions=True, **options)
    return list(found), report


PAIR = (region("a", 0, 3, "PER"), region("b", 8, 10, "PER"))


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (relation("a", "b", "knows"), Relation("knows", "a", "b")),
        (relation("a", "b", "knows", direction=None), Relation("knows", "a", "b")),
        (relation("a", "b", "knows", direction="left"), Relation("knows", "b", "a")),
        (
            relation("a", "b", "knows", direction="bi"),
            Relation("knows", "a", "b", attributes={"direction": "bi"}),
        ),
        (relation("a", "b", "knows", id="r", score=0.5), Relation("knows", "a", "b", "r", 0.5)),
        (relation("a", "a", "itself"), Relation("itself", "a", "a")),
    ],
)
def test_the_direction_of_a_relation_decides_head_and_tail(tmp_path, result, expected):
    corpus = load_results(tmp_path, *PAIR, result)

    assert corpus[0].relations == (expected,)
    assert [entity.id for entity in corpus[0].entities] == ["a", "b"]
    assert corpus.conversion.counts == {}


def test_several_labels_give_several_relations_of_which_the_first_has_the_id(tmp_path):
    corpus = load_results(tmp_path, relation("b", "a", "knows", "likes", id=7), *PAIR)

    assert corpus[0].relations == (Relation("knows", "b", "a", id="7"), Relation("likes", "b", "a"))


@pytest.mark.parametrize("keys", [{}, {"labels": None}])
def test_a_relation_without_a_label_is_called_relation_and_counted(tmp_path, keys):
    corpus = load_results(tmp_path, *PAIR, relation("a", "b", **keys))

    assert corpus[0].relations == (Relation("relation", "a", "b"),)
    assert dict(corpus.conversion.repaired) == {"relations without a label, read as 'relation'": 1}


def test_a_region_with_several_labels_is_an_argument_with_the_first(tmp_path):
    corpus = load_results(
        tmp_path,
        region(1, 0, 3, "PER", "ORG"),
        region(2, 8, 10, "LOC"),
        relation(1, 2, "knows"),
    )

    assert corpus[0].entities[0] == Entity("PER", 0, 3, id="1")
    assert corpus[0].relations == (Relation("knows", "1", "2"),)


def test_relations_with_regions_that_are_not_read_are_counted(tmp_path):
    choice = {"id": "c", "type": "choices", "from_name": "c", "to_name": "text", "value": {}}

    corpus = load_results(
        tmp_path,
        *PAIR,
        choice,
        region("n", 14, 18),
        relation("a", "c", "knows"),
        relation("n", "a", "knows"),
        relation("a", "b", "knows", meta={"text": ["sure?"]}),
    )

    assert corpus[0].relations == (Relation("knows", "a", "b"),)
    assert corpus.conversion.counts == {
        "results of type 'choices'": 1,
        "regions without a label": 1,
        "relations with a region that is not read": 2,
        "notes on relations": 1,
    }


def test_relations_were_annotated_in_all_tasks_with_an_annotation_if_the_file_has_one(tmp_path):
    others = [[*PAIR], None]

    with_relations = load_results(tmp_path, *PAIR, relation("a", "b", "knows"), others=others)
    without = load_results(tmp_path, *PAIR, others=others)

    assert [document.relations for document in with_relations] == [
        (Relation("knows", "a", "b"),),
        (),
        None,
    ]
    assert [document.relations for document in without] == [None, None, None]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (
            relation("a", "b", "knows", direction="up"),
            "annotations[0].result[2].direction: invalid direction 'up': expected one of: right,"
            " left, bi",
        ),
        (
            {"type": "relation", "from_id": "a"},
            "annotations[0].result[2]: the line: Object missing required field 'to_id'",
        ),
        (
            relation("a", "b", 7),
            "annotations[0].result[2]: labels[0]: Expected 'str', got 'int': 7",
        ),
        (
            relation("a", "b", ""),
            "document '1', annotations[0].result[2].label: ",
        ),
        (
            relation("a", "b", "knows", id="a"),
            "relations[0].id: duplicate id 'a': already used by entities[0]",
        ),
    ],
)
def test_invalid_relations_are_refused_with_line_and_field(tmp_path, result, message):
    with pytest.raises(LoadError) as error:
        load_results(tmp_path, *PAIR, result)

    assert str(error.value).startswith(f"{tmp_path}/x.json:1: ")
    assert message in str(error.value)
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize("source", ["annotations", "predictions"])
def test_relations_come_back(tmp_path, source):
    relations = (
        Relation("knows", "b", "a", id="r1", score=0.25),
        Relation("knows", "a", "b", attributes={"direction": "bi"}),
        Relation("relation", "a", "a"),
    )
    documents = [
        Document("d1", TEXT, ENTITIES, relations=relations),
        Document("d2", TEXT, ENTITIES, relations=()),
        Document("d3", TEXT),
    ]

    found, report = save_and_load(tmp_path, documents, annotation_source=source)

    assert found == documents
    assert report.counts == {}


def test_random_relations_come_back(tmp_path):
    draw = random.Random(17)
    documents = []
    for n in range(30):
        ids = draw.sample(["T1", "~T2", "x y", "é"], 3)
        entities = [Entity(draw.choice("AB"), k, k + 2, id=id) for k, id in enumerate(ids)]
        pairs = {(draw.choice("rs"), draw.choice(ids), draw.choice(ids)) for _ in range(4)}
        relations = [
            Relation(*pair, id=draw.choice([None, f"R{k}"])) for k, pair in enumerate(sorted(pairs))
        ]
        documents.append(Document(f"d{n}", TEXT, entities, relations=relations))

    found, report = save_and_load(tmp_path, documents)

    assert found == documents
    assert report.counts == {}


def test_relations_are_written_with_the_ids_of_regions(tmp_path):
    relations = (Relation("knows", "b", "a"),)

    save_and_load(tmp_path, [Document("d1", TEXT, ENTITIES, relations=relations)])

    (task,) = json.loads((tmp_path / "w.json").read_text(encoding="utf-8"))
    *regions, written = task["annotations"][0]["result"]
    assert [result.get("id") for result in regions] == ["a", "b", None]
    assert written == {
        "type": "relation",
        "from_id": "b",
        "to_id": "a",
        "direction": "right",
        "labels": ["knows"],
    }


def test_what_label_studio_cannot_hold_of_relations_is_counted(tmp_path):
    entities = (*ENTITIES, Entity("PER", 0, 10, id="x", fragments=((0, 3), (8, 10))))
    relations = (
        Relation("knows", "a", "b", attributes={"sure": True}),
        Relation("knows", "a", "x"),
        Relation("at", "a", "E1"),
    )
    events = (Event("Meet", Span(4, 7), id="E1"),)
    documents = [
        Document("d1", TEXT, entities, events, relations=relations),
        Document("d2", TEXT, ENTITIES),
        Document("d3", TEXT, relations=()),
    ]

    found, report = save_and_load(tmp_path, documents)

    assert [document.relations for document in found] == [
        (Relation("knows", "a", "b"),),
        (),
        None,
    ]
    assert report.counts == {
        "events": 1,
        "discontinuous entities": 1,
        "relations with an argument that is not written": 2,
        "attributes of relations": 1,
        "layers that were annotated and are empty": 1,
        "layers of relations that were not annotated": 1,
    }


def test_empty_layers_of_relations_are_counted_where_no_document_has_relations(tmp_path):
    documents = [Document("d1", TEXT, ENTITIES, relations=()), Document("d2", TEXT, ENTITIES)]

    found, report = save_and_load(tmp_path, documents)

    assert [document.relations for document in found] == [None, None]
    assert list(report.lines()) == [
        "1 layers that were annotated and are empty (document 'd1', relations)"
    ]
