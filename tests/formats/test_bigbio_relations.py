"""BigBIO holds relations between entities and events, and counts what it cannot hold of them."""

import json
import random

import pytest

from evalkit import Corpus, Document, Entity, Event, LoadError, Relation, Span, load_corpus, score

TEXT = "Ada met Bo in Oslo"
ENTITIES = (Entity("PER", 0, 3, id="T1"), Entity("PER", 8, 10, id="T2"), Entity("LOC", 14, 18))
EVENTS = (Event("Meet", Span(4, 7), id="E1"),)


def save_and_load(folder, documents, name="all.jsonl"):
    report = Corpus(documents).save(f"bigbio:{folder}/{name}")
    return list(load_corpus(f"bigbio:{folder}/{name}", predictions=True)), report


def record(**keys):
    return {
        "id": "0",
        "document_id": "d1",
        "passages": [{"id": "p", "type": "document", "text": [TEXT], "offsets": [[0, 18]]}],
        "entities": [
            {"id": "T1", "type": "PER", "text": ["Ada"], "offsets": [[0, 3]], "normalized": []},
            {"id": "T2", "type": "PER", "text": ["Bo"], "offsets": [[8, 10]], "normalized": []},
        ],
        "events": [
            {
                "id": "E1",
                "type": "Meet",
                "trigger": {"text": ["met"], "offsets": [[4, 7]]},
                "arguments": [],
            },
            {"id": "E2", "type": "Meet", "trigger": {"text": [], "offsets": []}, "arguments": []},
        ],
        "coreferences": [],
        **keys,
    }


def relation(head, tail, **keys):
    return {"id": "R1", "type": "knows", "arg1_id": head, "arg2_id": tail, "normalized": [], **keys}


def load_record(folder, **keys):
    (folder / "x.jsonl").write_text(json.dumps(record(**keys)), encoding="utf-8")
    return load_corpus(f"bigbio:{folder}/x.jsonl")


@pytest.mark.parametrize("name", ["all.jsonl", "all.json"])
def test_relations_between_entities_and_events_come_back(tmp_path, name):
    relations = (
        Relation("knows", "T1", "T2", id="R1"),
        Relation("knows", "T2", "T1"),
        Relation("agent-of", "T1", "E1"),
        Relation("itself", "E1", "E1"),
    )
    document = Document("d1", TEXT, ENTITIES, EVENTS, relations=relations)

    found, report = save_and_load(tmp_path, [document], name)

    assert found == [document]
    assert report.counts == {}


def test_random_relations_come_back(tmp_path):
    draw = random.Random(17)
    documents = []
    for n in range(30):
        ids = draw.sample(["T1", "T2", "x y", "é"], 3)
        entities = [Entity(draw.choice("AB"), k, k + 2, id=id) for k, id in enumerate(ids)]
        pairs = {(draw.choice("rs"), draw.choice(ids), draw.choice(ids)) for _ in range(4)}
        relations = [
            Relation(*pair, id=draw.choice([None, f"R{k}"])) for k, pair in enumerate(sorted(pairs))
        ]
        documents.append(Document(f"d{n}", TEXT, entities, relations=relations))

    found, report = save_and_load(tmp_path, documents)

    assert found == documents
    assert report.counts == {}


def test_a_layer_of_relations_that_was_not_annotated_stays_so_and_an_empty_one_stays_empty(
    tmp_path,
):
    documents = [
        Document("d1", TEXT, ENTITIES),
        Document("d2", TEXT, ENTITIES, relations=()),
        Document("d3", TEXT, relations=()),
        Document("d4", TEXT, events=EVENTS, relations=(Relation("itself", "E1", "E1"),)),
    ]

    found, report = save_and_load(tmp_path, documents)

    assert found == documents
    assert report.counts == {}


def test_relations_are_written_with_the_keys_of_the_schema(tmp_path):
    relations = (Relation("knows", "T1", "T2", id="R1"), Relation("at", "T1", "E1"))

    save_and_load(tmp_path, [Document("d1", TEXT, ENTITIES, EVENTS, relations=relations)])

    line = json.loads((tmp_path / "all.jsonl").read_text(encoding="utf-8"))
    assert line["relations"] == [
        {
            "id": "d1/R1",
            "type": "knows",
            "arg1_id": "d1/T1",
            "arg2_id": "d1/T2",
            "normalized": [],
        },
        {"id": "d1/~R2", "type": "at", "arg1_id": "d1/T1", "arg2_id": "d1/E1", "normalized": []},
    ]


def test_what_bigbio_cannot_hold_of_relations_is_counted(tmp_path):
    relations = (
        Relation("knows", "T1", "T2", score=0.5, attributes={"sure": True}),
        Relation("knows", "T2", "T1", id="~R7"),
    )

    found, report = save_and_load(tmp_path, [Document("d1", TEXT, ENTITIES, relations=relations)])

    assert found[0].relations == (Relation("knows", "T1", "T2"), Relation("knows", "T2", "T1"))
    assert list(report.lines()) == [
        "1 scores of relations (document 'd1', relations[0])",
        "1 attributes of relations (document 'd1', relations[0])",
        "1 ids that look generated (document 'd1', relations[1])",
    ]


def test_arguments_whose_ids_look_generated_get_other_ids_and_keep_their_relations(tmp_path):
    entities = (Entity("PER", 0, 3), Entity("PER", 8, 10, id="~T1"))
    document = Document("d1", TEXT, entities, relations=(Relation("itself", "~T1", "~T1"),))

    found, report = save_and_load(tmp_path, [document])

    (kept,) = found[0].relations
    (argument,) = [entity for entity in found[0].entities if entity.id == kept.head]
    assert (argument.start, argument.end, kept.tail) == (8, 10, kept.head)
    assert report.counts == {"ids that look generated": 1}


def test_relations_of_an_event_that_is_dropped_refer_to_the_event_that_is_kept(tmp_path):
    events = (
        Event("Meet", Span(4, 7), realis="ACTUAL"),
        Event("Meet", Span(4, 7), realis="OTHER", id="E2"),
    )
    document = Document("d1", TEXT, ENTITIES, events, relations=(Relation("at", "E2", "T1"),))

    found, report = save_and_load(tmp_path, [document])

    assert found[0].events == (Event("Meet", Span(4, 7), id="E2"),)
    assert found[0].relations == document.relations
    assert report.counts["events that equal another in what this format holds of them"] == 1


def test_records_are_read_with_heads_and_tails(tmp_path):
    normalized = [{"db_name": "UMLS", "db_id": "C1"}]

    corpus = load_record(
        tmp_path,
        relations=[
            relation("T1", "T2", normalized=normalized),
            relation("E1", "T1", id="R2"),
            relation("E2", "T1", id="R3"),
        ],
    )

    assert corpus[0].relations == (
        Relation("knows", "T1", "T2", id="R1"),
        Relation("knows", "E1", "T1", id="R2"),
    )
    path = tmp_path / "x.jsonl"
    assert list(corpus.conversion.lines()) == [
        f"1 normalizations ({path}:1: relations[0])",
        f"1 relations with an event without a trigger ({path}:1: relations[2])",
    ]


@pytest.mark.parametrize(
    ("relations", "message"),
    [
        (
            [relation("T1", "T9")],
            ":1: relations[0].arg2_id: unknown id 'T9': expected an entity or an event of this",
        ),
        (
            [relation(None, "T1")],
            ":1: relations[0].arg1_id: Expected 'str', got 'null'",
        ),
        ([relation("T1", "T2", type="")], ":1: relations[0].label: "),
        ([{"id": "R1", "type": "knows", "arg1_id": "T1"}], "missing required field 'arg2_id'"),
        (
            [relation("T1", "T2", id="T1")],
            "relations[0].id: duplicate id 'T1': already used by entities[0]",
        ),
        (
            [relation("T1", "T2"), relation("T1", "T2", id="R2")],
            "relations[1]: duplicate of relations[0]",
        ),
    ],
)
def test_invalid_relations_are_refused_with_line_and_field(tmp_path, relations, message):
    with pytest.raises(LoadError) as error:
        load_record(tmp_path, relations=relations)

    assert message in str(error.value)
    assert "x.jsonl:1" in str(error.value)


def test_relations_of_bigbio_files_are_scored(tmp_path):
    relations = (Relation("knows", "T1", "T2"), Relation("at", "T1", "E1"))
    swapped = (Relation("knows", "T2", "T1"), Relation("at", "T1", "E1"))
    for name, layer in (("gold", relations), ("predicted", swapped)):
        document = Document("d1", TEXT, ENTITIES, EVENTS, relations=layer)
        Corpus([document]).save(f"bigbio:{tmp_path}/{name}.jsonl")

    gold, predicted = (
        load_corpus(f"bigbio:{tmp_path}/{name}.jsonl") for name in ("gold", "predicted")
    )
    result = score(gold, predicted, metrics="relations/strict")

    assert result["relations/strict"].micro.f1 == 0.5
