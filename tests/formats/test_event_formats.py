"""Formats of event extraction give back what they can hold, and count what they cannot: DyGIE++,
TextEE and OneIE, BigBIO.
"""

import json

import msgspec
import pytest
from helpers.any_text import corpora
from helpers.cli import run_evalkit
from helpers.profiles import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Relation,
    Span,
    Unplaced,
    Zone,
    load_corpus,
)

FILES = {
    "dygie": "dygie:{}/all.jsonl",
    "textee": "textee:{}/all.jsonl",
    "bigbio": "bigbio:{}/all.jsonl",
    "bigbio array": "bigbio:{}/all.json",
}
LAYERS = [
    ("entities",),
    ("events",),
    ("entities", "events"),
    ("entities", "relations"),
    ("entities", "events", "relations"),
    (),
]
TEXT = "Ada met Bo in Oslo.\r\nShe left\u2028 𝒜da."
FULL = Document(
    "d1",
    TEXT,
    entities=[Entity("PER", 0, 3, id="T1"), Entity("PER", 8, 10), Entity("PER", 0, 10)],
    events=[
        Event(
            "Meet",
            Span(4, 7),
            [
                Argument("Agent", 0, 3, ref="T1"),
                Argument("Agent", 8, 10),
                Argument("Place", 14, 18),
            ],
            id="E1",
        ),
        Event("Leave", Span(25, 29)),
    ],
)
RICH = Document(
    "d2",
    TEXT,
    entities=[
        Entity("PER", 0, 10, fragments=((0, 3), (8, 10)), score=0.5, attributes={"a": 1}),
        Entity("X", 19, 21),
        Entity("PER", 7, 10),
    ],
    events=[
        Event(
            "Meet",
            Span(0, 7),
            [Argument("Agent", 0, 3, ref="E2", score=0.5)],
            id="E1",
            realis="ACTUAL",
        ),
        Event(
            "Leave",
            Span(25, 29),
            [Argument("Agent", 0, 3), Argument("Agent", 0, 10, ((0, 3), (8, 10)))],
            id="E2",
        ),
    ],
    attributions=[Attribution(None, Span(0, 3))],
    zones=[Zone("title", 0, 10), Zone("title", 5, 19)],
    meta={"language": "en"},
    unplaced=[Unplaced("entities", "PER", "nowhere")],
)


def there_and_back(folder, corpus, path):
    losses = Corpus(corpus).save(path.format(folder))
    return list(load_corpus(path.format(folder), predictions=True)), losses


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
@settings(deadline=None, max_examples=examples(60))
@given(data=st.data())
def test_what_a_format_can_hold_comes_back_equal(tmp_path_factory, path, data):
    folder = tmp_path_factory.mktemp("corpus")
    layers = data.draw(st.sampled_from(LAYERS))
    held, _ = there_and_back(folder, data.draw(corpora(layers=layers, broken=True)), path)

    back, losses = there_and_back(folder, held, path)

    assert back == held
    assert losses.counts == {}


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
@settings(deadline=None, max_examples=examples(60))
@given(data=st.data())
def test_where_no_loss_is_counted_nothing_is_lost(tmp_path_factory, path, data):
    folder = tmp_path_factory.mktemp("corpus")
    given = data.draw(corpora(layers=("entities", "events", "relations"), broken=True))

    back, losses = there_and_back(folder, given, path)

    assert [d.text for d in back if d.text.strip()] == [d.text for d in given if d.text.strip()]
    assert losses or [in_order(d) for d in back] == [in_order(d) for d in given]


def in_order(document):
    return msgspec.structs.replace(
        document,
        entities=tuple(sorted(document.entities, key=str)),
        events=tuple(sorted(document.events, key=str)),
        relations=tuple(sorted(document.relations, key=str)),
    )


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
def test_layers_that_were_not_annotated_stay_so_and_empty_ones_stay_empty(tmp_path, path):
    given = [
        Document("d1", "Ada wrote"),
        Document("d2", "Ada wrote", entities=()),
        Document("d3", "Ada wrote", events=()),
        Document("d4", "", (), ()),
    ]
    if path == FILES["dygie"]:
        given += [Document("d5", "Ada wrote", relations=()), Document("d6", "", relations=())]

    back, losses = there_and_back(tmp_path, given, path)

    assert back == given
    assert losses.counts == {}


def test_textee_holds_ids_refs_and_arguments_that_are_no_entities(tmp_path):
    back, losses = there_and_back(tmp_path, [FULL], FILES["textee"])

    assert back == [FULL]
    assert losses.counts == {}


def test_textee_marks_stand_under_indices_of_tokens(tmp_path):
    there_and_back(tmp_path, [FULL], FILES["textee"])

    line = json.loads((tmp_path / "all.jsonl").read_text(encoding="utf-8"))

    assert line["tokens"] == ["Ada", "met", "Bo", "in", "Oslo", ".", "She", "left", "𝒜da", "."]
    assert [
        (m["id"], m["text"], m["entity_type"], m["start"], m["end"])
        for m in line["entity_mentions"]
    ] == [
        ("T1", "Ada", "PER", 0, 1),
        ("~T1", "Bo", "PER", 2, 3),
        ("~T2", "Ada met Bo", "PER", 0, 3),
        ("~A1", "Oslo", "Argument", 4, 5),
    ]
    assert line["event_mentions"][0]["trigger"] == {"text": "met", "start": 1, "end": 2}
    assert line["event_mentions"][0]["arguments"] == [
        {"entity_id": "T1", "role": "Agent", "text": "Ada"},
        {"entity_id": "~T1", "role": "Agent", "text": "Bo"},
        {"entity_id": "~A1", "role": "Place", "text": "Oslo"},
    ]


def test_dygie_marks_stand_by_sentence_under_indices_of_the_document(tmp_path):
    there_and_back(tmp_path, [FULL], FILES["dygie"])

    line = json.loads((tmp_path / "all.jsonl").read_text(encoding="utf-8"))

    assert line == {
        "doc_key": "d1",
        "dataset": "evalkit",
        "sentences": [["Ada", "met", "Bo", "in", "Oslo", "."], ["She", "left"], ["𝒜da", "."]],
        "ner": [[[0, 0, "PER"], [2, 2, "PER"], [0, 2, "PER"]], [], []],
        "events": [
            [[[1, "Meet"], [0, 0, "Agent"], [2, 2, "Agent"], [4, 4, "Place"]]],
            [[[7, "Leave"]]],
            [],
        ],
        "_text": ["Ada met Bo in Oslo.", "\r\nShe left", "\u2028 𝒜da."],
        "_tokens": [
            [[0, 3], [4, 7], [8, 10], [11, 13], [14, 18], [18, 19]],
            [[21, 24], [25, 29]],
            [[31, 34], [34, 35]],
        ],
    }


def test_what_dygie_leaves_out_joins_no_sentences(tmp_path):
    across, near = Argument("Agent", 0, 11), Argument("Agent", 10, 11)
    given = Document(
        "d1",
        "Ada Ada . Ada ",
        events=[Event("A", Span(0, 1), [near]), Event("B", Span(0, 2), [across])],
    )

    back, losses = there_and_back(tmp_path, [given], FILES["dygie"])

    assert back == [Document("d1", given.text, events=[Event("A", Span(0, 1))])]
    assert losses.counts == {
        "events whose trigger is several tokens": 1,
        "arguments in another sentence than their trigger": 1,
    }


RELATED = Document(
    "d1",
    "Ada met Bo in Oslo. She left. ",
    entities=[
        Entity("PER", 20, 23, id="She"),
        Entity("PER", 0, 3, id="T1"),
        Entity("PER", 8, 10, id="T3"),
        Entity("X", 8, 10, id="X"),
        Entity("LOC", 14, 18, id="Oslo"),
        Entity("Y", 0, 10, id="apart", fragments=((0, 3), (8, 10))),
    ],
    events=[Event("Meet", Span(4, 7), id="E1")],
    relations=[
        Relation("before", "She", "She"),
        Relation("knows", "T1", "T3", id="R1", score=0.5, attributes={"sure": True}),
        Relation("in", "X", "Oslo"),
        Relation("in", "T3", "Oslo"),
        Relation("is", "She", "T1"),
        Relation("in", "E1", "Oslo"),
        Relation("in", "apart", "Oslo"),
    ],
)


def test_dygie_relations_stand_by_sentence_and_what_it_cannot_hold_is_counted(tmp_path):
    back, losses = there_and_back(tmp_path, [RELATED], FILES["dygie"])

    line = json.loads((tmp_path / "all.jsonl").read_text(encoding="utf-8"))
    assert line["relations"] == [
        [[0, 0, 2, 2, "knows"], [2, 2, 4, 4, "in"]],
        [[6, 6, 6, 6, "before"]],
    ]
    assert [(entity.id, entity.label) for entity in back[0].entities] == [
        ("T1", "PER"),
        ("T2", "PER"),
        (None, "X"),
        ("T4", "LOC"),
        ("T5", "PER"),
    ]
    assert back[0].relations == (
        Relation("knows", "T1", "T2"),
        Relation("in", "T2", "T4"),
        Relation("before", "T5", "T5"),
    )
    assert list(losses.lines()) == [
        "1 ids of events (document 'd1', events[0])",
        "1 ids of relations (document 'd1', relations[1])",
        "1 scores of relations (document 'd1', relations[1])",
        "1 attributes of relations (document 'd1', relations[1])",
        "1 discontinuous entities (document 'd1', entities[5])",
        "1 arguments of relations with several entities, written as the first (document 'd1',"
        " relations[2])",
        "1 relations that equal another in what this format holds of them (document 'd1',"
        " relations[3])",
        "1 relations between sentences (document 'd1', relations[4])",
        "1 relations of events (document 'd1', relations[5])",
        "1 relations of dropped entities (document 'd1', relations[6])",
        "5 ids of entities (document 'd1', entities[0], document 'd1', entities[2], document 'd1',"
        " entities[3], …)",
    ]


def test_bigbio_marks_stand_under_offsets_and_ids_of_their_document(tmp_path):
    there_and_back(tmp_path, [FULL], FILES["bigbio"])

    line = json.loads((tmp_path / "all.jsonl").read_text(encoding="utf-8"))

    assert line["passages"] == [
        {"id": "d1/~P1", "type": "document", "text": [TEXT], "offsets": [[0, 35]]}
    ]
    assert line["entities"][0] == {
        "id": "d1/T1",
        "type": "PER",
        "text": ["Ada"],
        "offsets": [[0, 3]],
        "normalized": [],
    }
    assert line["events"][0] == {
        "id": "d1/E1",
        "type": "Meet",
        "trigger": {"text": ["met"], "offsets": [[4, 7]]},
        "arguments": [
            {"role": "Agent", "ref_id": "d1/T1"},
            {"role": "Agent", "ref_id": "d1/~T1"},
            {"role": "Place", "ref_id": "d1/~A1"},
        ],
    }


def test_bigbio_holds_discontinuous_marks_and_zones(tmp_path):
    given = Document(
        "d1",
        TEXT,
        [Entity("PER", 0, 10, fragments=((0, 3), (8, 10)))],
        [Event("Meet", Span(4, 13, ((4, 7), (11, 13))))],
        zones=[Zone("title", 0, 19), Zone("body", 21, 35)],
    )

    back, losses = there_and_back(tmp_path, [given], FILES["bigbio"])

    assert back == [given]
    assert losses.counts == {}


LOST = {
    "dygie": [
        "1 fields of meta (document 'd2')",
        "2 zones (document 'd2', zones[0], document 'd2', zones[1])",
        "1 unplaced items (document 'd2', unplaced[0])",
        "1 scores of entities (document 'd2', entities[0])",
        "1 attributes of entities (document 'd2', entities[0])",
        "2 ids of events (document 'd2', events[0], document 'd2', events[1])",
        "1 realis values of events (document 'd2', events[0])",
        "1 refs of arguments (document 'd2', events[0].arguments[0])",
        "1 scores of arguments (document 'd2', events[0].arguments[0])",
        "1 attributions (document 'd2', attributions[0])",
        "1 events whose trigger is several tokens (document 'd2', events[0].trigger)",
        (
            "1 arguments in another sentence than their trigger (document 'd2',"
            " events[1].arguments[0])"
        ),
        "1 discontinuous arguments (document 'd2', events[1].arguments[1])",
        "1 discontinuous entities (document 'd2', entities[0])",
        "1 entities of white space alone (document 'd2', entities[1])",
        "1 entities with white space at an edge, written without it (document 'd2', entities[2])",
        "1 documents that failed (document 'd3')",
    ],
    "textee": [
        "1 fields of meta (document 'd2')",
        "2 zones (document 'd2', zones[0], document 'd2', zones[1])",
        "1 unplaced items (document 'd2', unplaced[0])",
        "1 scores of entities (document 'd2', entities[0])",
        "1 attributes of entities (document 'd2', entities[0])",
        "1 realis values of events (document 'd2', events[0])",
        "1 scores of arguments (document 'd2', events[0].arguments[0])",
        "1 attributions (document 'd2', attributions[0])",
        "1 discontinuous entities (document 'd2', entities[0])",
        "1 entities of white space alone (document 'd2', entities[1])",
        "1 entities with white space at an edge, written without it (document 'd2', entities[2])",
        "1 discontinuous arguments (document 'd2', events[1].arguments[1])",
        "1 documents that failed (document 'd3')",
    ],
    "bigbio": [
        "1 fields of meta (document 'd2')",
        "1 unplaced items (document 'd2', unplaced[0])",
        "1 scores of entities (document 'd2', entities[0])",
        "1 attributes of entities (document 'd2', entities[0])",
        "1 realis values of events (document 'd2', events[0])",
        "1 scores of arguments (document 'd2', events[0].arguments[0])",
        "1 attributions (document 'd2', attributions[0])",
        "1 refs to other spans (document 'd2', events[0].arguments[0])",
        "1 zones that overlap another (document 'd2', zones[1])",
        "1 documents that failed (document 'd3')",
    ],
}


@pytest.mark.parametrize("format", LOST)
def test_what_a_format_cannot_hold_is_counted_by_name_and_place(tmp_path, format):
    _, losses = there_and_back(
        tmp_path, [RICH, Document("d3", "x", failure="time out")], FILES[format]
    )

    assert list(losses.lines()) == LOST[format]


def test_bigbio_counts_the_refs_that_its_links_add(tmp_path):
    given = Document(
        "d1",
        "Ada met",
        [Entity("PER", 0, 3, id="T1")],
        [Event("Meet", Span(4, 7), [Argument("Agent", 0, 3)])],
    )

    back, losses = there_and_back(tmp_path, [given], FILES["bigbio"])

    assert back[0].events[0].arguments == (Argument("Agent", 0, 3, ref="T1"),)
    assert losses.counts == {"arguments without a ref, which come back with one": 1}


@pytest.mark.parametrize("format", ["textee", "bigbio"])
def test_an_id_that_looks_made_up_is_a_loss_and_names_nothing(tmp_path, format):
    given = Document(
        "d1",
        "Ada met",
        [Entity("X", 4, 7), Entity("PER", 0, 3, id="~T1")],
        [Event("Meet", Span(4, 7), [Argument("Agent", 0, 3, ref="~T1")])],
    )

    back, losses = there_and_back(tmp_path, [given], FILES[format])

    assert back == [
        Document(
            "d1",
            "Ada met",
            [Entity("X", 4, 7), Entity("PER", 0, 3)],
            [Event("Meet", Span(4, 7), [Argument("Agent", 0, 3)])],
        )
    ]
    assert losses.counts["ids that look generated"] == 1


@pytest.mark.parametrize("format", ["textee", "bigbio"])
def test_an_argument_may_be_an_event(tmp_path, format):
    events = [
        Event("Say", Span(0, 4), [Argument("Theme", 5, 9, ref="E2")], id="E1"),
        Event("Leave", Span(5, 9), id="E2"),
    ]

    back, losses = there_and_back(
        tmp_path, [Document("d1", "said left", (), events)], FILES[format]
    )

    assert back == [Document("d1", "said left", (), events)]
    assert losses.counts == {}


def test_a_file_of_dygie_itself_is_read_with_its_text_rebuilt(tmp_path):
    line = {
        "doc_key": "d1",
        "sentences": [["Ada", "met", "Bo", "."], [], ["She", "left"]],
        "ner": [[[0, 0, "PER"], [0, 0, "CHILD"], [2, 2, "PER"]], [], []],
        "relations": [[[0, 0, 2, 2, "KNOWS"], [2, 2, 1, 1, "KNOWS"]], [], []],
        "events": [[[[1, "Meet"], [0, 0, "Agent"]]], [], [[[5, "Leave"]]]],
        "clusters": [[[0, 0], [4, 4]]],
    }
    (tmp_path / "a.jsonl").write_text(json.dumps(line), encoding="utf-8")

    corpus = load_corpus(f"dygie:{tmp_path}/a.jsonl")

    events = [Event("Meet", Span(4, 7), [Argument("Agent", 0, 3)]), Event("Leave", Span(18, 22))]
    assert list(corpus) == [
        Document(
            "d1",
            "Ada met Bo .\n\nShe left",
            [
                Entity("PER", 0, 3, id="T1"),
                Entity("CHILD", 0, 3),
                Entity("PER", 8, 10, id="T3"),
            ],
            events,
            relations=[Relation("KNOWS", "T1", "T3")],
        )
    ]
    assert list(corpus.conversion.lines()) == [
        f"1 values of the key 'clusters' ({tmp_path}/a.jsonl:1)",
        "1 relations of spans without an entity (document 'd1', relations[0][1])",
        "1 arguments of relations with several entities, read as the first (document 'd1',"
        " relations[0][0])",
    ]


def test_predictions_of_dygie_are_read_with_their_scores(tmp_path):
    line = {
        "doc_key": "d1",
        "sentences": [["Ada", "met"]],
        "ner": [[[1, 1, "X"]]],
        "predicted_ner": [[[0, 0, "PER", 9.5, 0.75]]],
        "relations": [[[1, 1, 1, 1, "IS"]]],
        "predicted_relations": [[[0, 0, 0, 0, "IS", 7.5, 0.5]]],
        "predicted_events": [[[[1, "Meet", 3.0, 0.5], [0, 0, "Agent", 2.0, 0.25]]]],
    }
    (tmp_path / "a.jsonl").write_text(json.dumps(line), encoding="utf-8")

    corpus = load_corpus(f"dygie:{tmp_path}/a.jsonl?annotation_source=predicted")

    events = [Event("Meet", Span(4, 7), [Argument("Agent", 0, 3, score=0.25)], score=0.5)]
    entities = [Entity("PER", 0, 3, id="T1", score=0.75)]
    relations = [Relation("IS", "T1", "T1", score=0.5)]
    assert list(corpus) == [Document("d1", "Ada met", entities, events, relations=relations)]
    assert list(corpus.conversion.lines()) == [
        f"1 values of the key 'ner' ({tmp_path}/a.jsonl:1)",
        f"1 values of the key 'relations' ({tmp_path}/a.jsonl:1)",
    ]


WINDOW = {
    "doc_id": "d1",
    "wnd_id": "d1-0",
    "lang": "en",
    "text": "Ada met Bo.",
    "tokens": ["Ada", "met", "Bo", "."],
    "entity_mentions": [
        {
            "id": "d1-E1",
            "text": "Ada",
            "entity_type": "PER",
            "mention_type": "NAM",
            "start": 0,
            "end": 1,
        }
    ],
    "relation_mentions": [],
    "event_mentions": [
        {
            "id": "d1-V1",
            "event_type": "Meet",
            "trigger": {"text": "met", "start": 1, "end": 2},
            "arguments": [{"entity_id": "d1-E1", "text": "Ada", "role": "Agent"}],
        }
    ],
}
NEXT = {
    "doc_id": "d1",
    "sent_id": "d1-1",
    "sentence": "She left",
    "tokens": ["She", "left"],
    "entity_mentions": [],
    "event_mentions": [
        {"id": "d1-V2", "event_type": "Leave", "trigger": {"start": 1, "end": 2}, "arguments": []}
    ],
}
MEETING = Event("Meet", Span(4, 7), (Argument("Agent", 0, 3, ref="d1-E1"),), id="d1-V1")
ADA = (Entity("PER", 0, 3, id="d1-E1"),)


def written(folder, *lines):
    (folder / "a.jsonl").write_text(
        "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines),
        encoding="utf-8",
    )
    return folder / "a.jsonl"


def test_windows_of_one_document_are_joined(tmp_path):
    corpus = load_corpus(f"textee:{written(tmp_path, WINDOW, NEXT, {**NEXT, 'doc_id': 'd2'})}")

    leaving = (Event("Leave", Span(4, 8), id="d1-V2"),)
    assert list(corpus) == [
        Document(
            "d1", "Ada met Bo.\nShe left", ADA, (MEETING, Event("Leave", Span(16, 20), id="d1-V2"))
        ),
        Document("d2", "She left", (), leaving),
    ]
    assert list(corpus.conversion.lines()) == [
        f"1 values of the key 'lang' ({tmp_path}/a.jsonl:1)",
        f"1 mention types ({tmp_path}/a.jsonl:1: entity_mentions[0])",
    ]


def test_windows_are_documents_of_their_own_where_that_is_said(tmp_path):
    corpus = load_corpus(f"textee:{written(tmp_path, WINDOW, NEXT)}?windows=apart")

    assert list(corpus) == [
        Document("d1-0", "Ada met Bo.", ADA, (MEETING,)),
        Document("d1-1", "She left", (), (Event("Leave", Span(4, 8), id="d1-V2"),)),
    ]


def test_a_text_that_the_tokens_are_not_in_is_rebuilt_where_that_is_said(tmp_path):
    path = written(tmp_path, {"doc_id": "d1", "text": "(Ada)", "tokens": ["-LRB-", "Ada", "-RRB-"]})

    with pytest.raises(
        LoadError,
        match=(
            r"expected token 0, '-LRB-', next in the text, at 0, but found '\(Ada\)'; text=.tokens."
            r" rebuilds the text from the tokens$"
        ),
    ):
        load_corpus(f"textee:{path}")
    assert list(load_corpus(f"textee:{path}?text=tokens")) == [Document("d1", "-LRB- Ada -RRB-")]


PASSAGES = [
    {"id": "1", "type": "title", "text": ["Ada met"], "offsets": [[0, 7]]},
    {"id": "2", "type": "abstract", "text": ["Bo left"], "offsets": [[8, 15]]},
]


def test_passages_are_zones_and_what_lies_between_them_is_spaces(tmp_path):
    line = {
        "id": "7",
        "document_id": "d1",
        "passages": PASSAGES,
        "coreferences": [{"id": "C", "entity_ids": []}],
        "entities": [
            {
                "id": "T1",
                "type": "PER",
                "text": ["Ada"],
                "offsets": [[0, 3]],
                "normalized": [{"db_name": "x", "db_id": "1"}],
            }
        ],
        "events": [
            {"id": "E1", "type": "Meet", "trigger": {"text": [], "offsets": []}, "arguments": []},
            {
                "id": "E2",
                "type": "Meet",
                "trigger": {"text": ["met"], "offsets": [[4, 7]]},
                "arguments": [{"role": "A", "ref_id": "T1"}],
            },
        ],
    }

    corpus = load_corpus(f"bigbio:{written(tmp_path, line)}")

    events = [
        Event("Meet", None, id="E1"),
        Event("Meet", Span(4, 7), [Argument("A", 0, 3, ref="T1")], id="E2"),
    ]
    assert list(corpus) == [
        Document(
            "d1",
            "Ada met Bo left",
            [Entity("PER", 0, 3, id="T1")],
            events,
            zones=[Zone("title", 0, 7), Zone("abstract", 8, 15)],
        )
    ]
    assert corpus.conversion.counts == {
        "values of the key 'coreferences'": 1,
        "normalizations": 1,
    }


def with_(line, **changes):
    return {**line, **changes}


DYGIE = {"doc_key": "d1", "sentences": [["Ada", "met"], ["Bo"]]}
BIGBIO = {"id": "1", "document_id": "d1", "passages": PASSAGES}
BAD = [
    ("dygie", "{", "not JSON: Input data was truncated"),
    ("dygie", "[1]", "the line: Expected 'object', got 'array': [1]"),
    ("dygie", {"doc_key": "d1"}, "the line: Object missing required field 'sentences'"),
    ("dygie", with_(DYGIE, doc_key=1.5), "doc_key: Expected 'int | str', got 'float': 1.5"),
    ("dygie", with_(DYGIE, sentences=[["a", 1]]), "sentences[0][1]: Expected 'str', got 'int': 1"),
    ("dygie", with_(DYGIE, doc_key=""), "id: invalid id '': expected a non-empty string"),
    ("dygie", with_(DYGIE, ner=[[]]), "ner: 1 lists: expected one for each of 2 sentences"),
    (
        "dygie",
        with_(DYGIE, ner=[[[0, 0]], []]),
        "ner[0][0]: Expected 'array' of length 3, got 2: [0, 0]",
    ),
    (
        "dygie",
        with_(DYGIE, ner=[[[True, 0, "X"]], []]),
        "ner[0][0][0]: Expected 'int', got 'bool': True",
    ),
    (
        "dygie",
        with_(DYGIE, ner=[[], [[0, 0, "X"]]]),
        (
            "ner[1][0]: tokens 0 to 0: sentence 1 has the tokens 2 to 2; indices count from the"
            " start of the document, the last is inclusive"
        ),
    ),
    (
        "dygie",
        with_(DYGIE, ner=[[[1, 2, "X"]], []]),
        (
            "ner[0][0]: tokens 1 to 2: sentence 0 has the tokens 0 to 1; indices count from the"
            " start of the document, the last is inclusive"
        ),
    ),
    (
        "dygie",
        with_(DYGIE, sentences=[[], []], ner=[[[0, 0, "X"]], []]),
        (
            "ner[0][0]: tokens 0 to 0: sentence 0 has no tokens; indices count from the start of"
            " the document, the last is inclusive"
        ),
    ),
    (
        "dygie",
        with_(DYGIE, ner=[[[0, 0, ""]], []]),
        "label: invalid label '': expected a non-empty string",
    ),
    (
        "dygie",
        with_(DYGIE, sentences=[[""], []], ner=[[[0, 0, "X"]], []]),
        "end: 0 is not after the start, 0: a span is half-open and holds at least one character",
    ),
    (
        "dygie",
        with_(DYGIE, relations=[[[0, 0, 2, 2, "X"]], []]),
        (
            "relations[0][0]: tokens 2 to 2: sentence 0 has the tokens 0 to 1; indices count from"
            " the start of the document, the last is inclusive"
        ),
    ),
    (
        "dygie",
        with_(DYGIE, relations=[[[0, 0, "X"]], []]),
        "relations[0][0]: Expected 'array' of length 5, got 3: [0, 0, 'X']",
    ),
    (
        "dygie",
        with_(DYGIE, relations=[[]]),
        "relations: 1 lists: expected one for each of 2 sentences",
    ),
    (
        "dygie",
        with_(DYGIE, events=[[[]], []]),
        (
            "events[0][0]: empty event: expected [trigger, type], then [first, last, role] for each"
            " argument"
        ),
    ),
    (
        "dygie",
        with_(DYGIE, events=[[[[0, 1, "X"]]], []]),
        "events[0][0][0]: invalid item [0, 1, 'X']: expected [token, type] of a trigger",
    ),
    (
        "dygie",
        with_(DYGIE, events=[[[[0, "X"], [0, "R"]]], []]),
        "events[0][0][1]: invalid item [0, 'R']: expected [first, last, role] of an argument",
    ),
    (
        "dygie",
        with_(DYGIE, _text=["Ada met", " Bo"], _tokens=[[[0, 3]], []]),
        "_tokens: 1 ranges: expected one for each of 3 tokens",
    ),
    (
        "dygie",
        with_(DYGIE, _text=["Ada met", " Bo"], _tokens=[[[0, 3], [3, 7]], [[8, 10]]]),
        "_tokens: token 1 is 'met', and 3 to 7 of _text is ' met'",
    ),
    (
        "textee",
        with_(WINDOW, tokens=["Ada", "Bo"]),
        (
            "expected token 1, 'Bo', next in the text, at 4, but found 'met Bo.'; text=\"tokens\""
            " rebuilds the text from the tokens"
        ),
    ),
    (
        "textee",
        with_(WINDOW, text="Ada met Bo. Yes"),
        (
            "expected the end of the text after the last token, at 11, but found ' Yes';"
            ' text="tokens" rebuilds the text from the tokens'
        ),
    ),
    (
        "textee",
        with_(WINDOW, entity_mentions=[{"id": "1", "entity_type": "X", "start": 0, "end": 9}]),
        "entity_mentions[0]: invalid tokens 0 to 9: expected start < end <= 4",
    ),
    (
        "textee",
        with_(WINDOW, entity_mentions=[{"id": "1", "entity_type": "X", "start": -1, "end": 1}]),
        "entity_mentions[0]: invalid tokens -1 to 1: expected start < end <= 4",
    ),
    (
        "textee",
        with_(
            WINDOW,
            entity_mentions=[
                {"id": "1", "entity_type": "X", "start": 0, "end": 1, "text": "Ada met"}
            ],
        ),
        "entity_mentions[0].text: 'Ada met' is not the text of tokens 0 to 1: 'Ada'",
    ),
    (
        "textee",
        with_(WINDOW, entity_mentions=[{"id": "1", "end": 1}]),
        "entity_mentions[0]: Object missing required field 'start': {'id': '1', 'end': 1}",
    ),
    (
        "textee",
        with_(WINDOW, entity_mentions=[]),
        "event_mentions[0].arguments[0].entity_id: unknown id 'd1-E1': expected an entity of"
        " this line",
    ),
    (
        "textee",
        with_(WINDOW, entity_mentions=WINDOW["entity_mentions"] * 2),
        "document 'd1', entities[1].id: duplicate id 'd1-E1': already used by entities[0]; expected"
        " unique ids",
    ),
    (
        "bigbio",
        with_(BIGBIO, passages=PASSAGES[::-1]),
        (
            "passages[1]: starts at 0, and the previous one ends at 15: expected sorted passages,"
            " at most 1,000 characters apart"
        ),
    ),
    (
        "bigbio",
        with_(BIGBIO, passages=[{"type": "t", "text": ["a"], "offsets": [[10**12, 10**12 + 1]]}]),
        (
            "passages[0]: starts at 1000000000000, and the previous one ends at 0: expected sorted"
            " passages, at most 1,000 characters apart"
        ),
    ),
    (
        "bigbio",
        with_(BIGBIO, passages=[{"type": "t", "text": ["𝒜da"], "offsets": [[0, 4]]}]),
        "passages[0]: text of 3 characters at offsets 0 to 4: expected a text of 4",
    ),
    (
        "bigbio",
        with_(BIGBIO, passages=[{"type": "t", "text": ["a"], "offsets": []}]),
        "passages[0]: 1 texts and 0 offsets: expected as many texts as offsets",
    ),
    (
        "bigbio",
        with_(BIGBIO, entities=[{"id": "1", "type": "X", "text": ["Ada"], "offsets": []}]),
        "entities[0].offsets: empty list: expected at least one [start, end]",
    ),
    (
        "bigbio",
        with_(BIGBIO, entities=[{"id": "1", "type": "X", "text": [], "offsets": [[0, 3]]}]),
        "entities[0]: 0 texts and 1 offsets: expected as many texts as offsets",
    ),
    (
        "bigbio",
        with_(BIGBIO, entities=[{"id": "1", "type": "X", "text": ["Ada"], "offsets": [[-3, 3]]}]),
        "entities[0].text: 'Ada' is not the text at -3 to 3: 'Ada'",
    ),
    (
        "bigbio",
        with_(
            BIGBIO,
            events=[
                {
                    "id": "1",
                    "type": "X",
                    "trigger": {"text": ["Ada"], "offsets": [[0, 3]]},
                    "arguments": [{"role": "R", "ref_id": "T9"}],
                }
            ],
        ),
        (
            "events[0].arguments[0].ref_id: unknown id 'T9': expected an entity, or an event"
            " with a trigger, of this document"
        ),
    ),
]


@pytest.mark.parametrize(("format", "line", "message"), BAD)
def test_a_bad_line_is_named_with_what_stands_there(tmp_path, format, line, message):
    path = written(tmp_path, line)

    with pytest.raises(LoadError) as error:
        load_corpus(f"{format}:{path}")

    assert all(line.startswith(f"{path}:") for line in str(error.value).splitlines())
    assert message in str(error.value)
    assert "Traceback" not in str(error.value)


@pytest.mark.parametrize("format", ["dygie", "textee", "bigbio"])
@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe{}",
        b'{"a": "\xff"}',
        b"\0",
        b"{" * 100_000,
        b'{"doc_id": ' + b"9" * 5000 + b"}",
        b"null",
        b'"a"',
    ],
)
def test_bytes_of_any_kind_get_one_line(tmp_path, format, content):
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)

    with pytest.raises(LoadError) as error:
        load_corpus(f"{format}:{path}")

    assert str(error.value).startswith(f"{path}:1: ")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"{}", b"[1]", b"[" * 100_000])
def test_an_array_that_is_none_gets_one_line(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)

    with pytest.raises(
        LoadError,
        match=(
            "a .json file is read as an array of documents, a .jsonl file as a document on each"
            " line$"
        ),
    ) as error:
        load_corpus(f"bigbio:{path}")

    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "dygie:{}?annotation_source=maybe",
            "unknown annotation source 'maybe'; expected one of: gold, predicted",
        ),
        (
            "textee:{}?windows=all",
            "unknown value 'all' in 'windows'; expected one of: joined, apart",
        ),
        ("textee:{}?text=new", "unknown value 'new' in 'text'; expected one of: given, tokens"),
        ("bigbio:{}?text=new", "unknown option 'text' in 'bigbio'"),
    ],
)
def test_options_are_checked(tmp_path, path, message):
    with pytest.raises(InputError, match=message):
        load_corpus(path.format(written(tmp_path, DYGIE)))


def test_the_name_of_the_data_set_can_be_told_to_dygie(tmp_path):
    Corpus([Document("d1", "Ada")]).save(f"dygie:{tmp_path}/a.jsonl?dataset=ace-event")

    assert json.loads((tmp_path / "a.jsonl").read_bytes())["dataset"] == "ace-event"


def test_offsets_in_other_units_are_explained_for_bigbio_and_read_as_asked(tmp_path):
    passages = [
        {"type": "title", "text": ["𝒜da met Bo"], "offsets": [[0, 11]]},
        {"type": "body", "text": ["Cy"], "offsets": [[12, 14]]},
    ]
    entities = [
        {"id": "T1", "type": "PER", "text": ["Bo"], "offsets": [[9, 11]]},
        {"id": "T2", "type": "PER", "text": ["Cy"], "offsets": [[12, 14]]},
    ]
    path = written(
        tmp_path, {"id": "1", "document_id": "d1", "passages": passages, "entities": entities}
    )

    with pytest.raises(
        LoadError,
        match=(
            r"^.*/a.jsonl: all 4 mismatches vanish if offsets are UTF-16 code units;"
            r" append '\?offset_unit=utf-16' to the path\n.*:1: passages\[0\]"
        ),
    ):
        load_corpus(f"bigbio:{path}")
    assert list(load_corpus(f"bigbio:{path}?offset_unit=utf-16")) == [
        Document(
            "d1",
            "𝒜da met Bo Cy",
            [Entity("PER", 8, 10, id="T1"), Entity("PER", 11, 13, id="T2")],
            zones=[Zone("title", 0, 10), Zone("body", 11, 13)],
        )
    ]


def test_inclusive_ends_are_read_as_asked(tmp_path):
    passages = [
        {"type": "title", "text": ["Ada met"], "offsets": [[1, 7]]},
        {"type": "body", "text": ["Cy", "left"], "offsets": [[9, 10], [12, 15]]},
    ]
    path = written(
        tmp_path,
        {
            "id": "1",
            "document_id": "d1",
            "passages": passages,
            "entities": [{"id": "T1", "type": "PER", "text": ["Cy"], "offsets": [[9, 10]]}],
        },
    )

    corpus = load_corpus(f"bigbio:{path}?end_offset=inclusive&first_offset=1")

    assert list(corpus) == [
        Document(
            "d1",
            "Ada met Cy left",
            [Entity("PER", 8, 10, id="T1")],
            zones=[Zone("title", 0, 7), Zone("body", 8, 15)],
        )
    ]


@pytest.mark.parametrize("format", ["dygie", "textee", "bigbio"])
def test_a_corpus_is_converted_on_the_command_line(tmp_path, format):
    Corpus([RICH]).save(tmp_path / "in.jsonl")

    ran = run_evalkit("convert", tmp_path / "in.jsonl", f"{format}:{tmp_path}/out.jsonl")

    assert (
        ran.returncode,
        "1 realis values of events (document 'd2', events[0])" in ran.stderr,
    ) == (0, True)
    assert load_corpus(f"{format}:{tmp_path}/out.jsonl").ids == ["d2"]


def test_keys_within_objects_that_are_not_read_are_counted_too(tmp_path):
    line = {
        "doc_id": "d",
        "wnd_id": "d",
        "text": "Ada met",
        "tokens": ["Ada", "met"],
        "relation_mentions": [],
        "entity_mentions": [
            {
                "id": "T1",
                "text": "Ada",
                "entity_type": "PER",
                "start": 0,
                "end": 1,
                "head": {"text": "Ada"},
            }
        ],
        "event_mentions": [
            {
                "id": "E1",
                "event_type": "Meet",
                "trigger": {"text": "met", "start": 1, "end": 2, "lemma": "meet"},
                "arguments": [],
            }
        ],
    }
    (tmp_path / "x.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")

    losses = load_corpus(f"textee:{tmp_path}/x.jsonl").conversion

    assert losses.counts == {
        "values of the key 'entity_mentions.head'": 1,
        "values of the key 'event_mentions.trigger.lemma'": 1,
    }
