"""MAVEN, RAMS, WikiEvents and CASIE, compared with plain loops over their JSON."""

import json

import pytest

from evalkit import Argument, Document, Entity, Event, LoadError, Relation, Span, load_corpus, score

PARIS = {
    "id": "p",
    "title": "Paris",
    "content": [
        {
            "sentence": 'They "took" Paris (the town).',
            "tokens": "They `` took '' Paris -LRB- the town -RRB- .".split(),
        },
        {"sentence": "The fall ended it.", "tokens": "The fall ended it .".split()},
    ],
    "events": [
        {
            "id": "EVENT_1",
            "type": "Conquering",
            "type_id": 7,
            "mention": [
                {"id": "m2", "trigger_word": "fall", "sent_id": 1, "offset": [1, 2]},
                {"id": "m1", "trigger_word": "took", "sent_id": 0, "offset": [2, 3]},
            ],
        },
        {
            "id": "EVENT_2",
            "type": "Process_end",
            "type_id": 9,
            "mention": [{"id": "m3", "trigger_word": "ended", "sent_id": 1, "offset": [2, 3]}],
        },
    ],
    "negative_triggers": [{"id": "n", "trigger_word": "town", "sent_id": 0, "offset": [7, 8]}],
}
WAR = {
    "id": "w",
    "tokens": ["War began in 1914 .".split(), "It ended .".split()],
    "sentences": ["War began in 1914.", "It ended."],
    "events": [
        {
            "id": "EVENT_1",
            "type": "Process_start",
            "mention": [{"id": "m1", "trigger_word": "began", "sent_id": 0, "offset": [1, 2]}],
        },
        {
            "id": "EVENT_2",
            "type": "Process_end",
            "mention": [
                {"id": "m3", "trigger_word": "ended", "sent_id": 1, "offset": [1, 2]},
                {"id": "m2", "trigger_word": "War", "sent_id": 0, "offset": [0, 1]},
            ],
        },
    ],
    "TIMEX": [{"id": "TIME_1", "mention": "1914", "type": "DATE", "sent_id": 0, "offset": [3, 4]}],
    "temporal_relations": {
        "BEFORE": [["EVENT_1", "EVENT_2"]],
        "CONTAINS": [["TIME_1", "EVENT_1"]],
    },
    "causal_relations": {"CAUSE": [], "PRECONDITION": [["EVENT_1", "EVENT_2"]]},
    "subevent_relations": [["EVENT_2", "EVENT_1"]],
}
TOUR = {
    "id": "t",
    "title": "Tour",
    "document": "Madonna toured America . She sang a song .",
    "events": [
        {
            "id": "EVENT_1",
            "type": "Traveling",
            "type_id": 3,
            "mention": [{"id": "m1", "trigger_word": "toured", "offset": [8, 14]}],
            "argument": {
                "Traveler": [{"entity_id": "ENTITY_1"}],
                "Area": [{"content": "America", "offset": [15, 22]}],
                "Path": [],
            },
        }
    ],
    "entities": [
        {
            "id": "ENTITY_1",
            "type": "Person",
            "mention": [
                {"id": "e2", "mention": "She", "offset": [25, 28]},
                {"id": "e1", "mention": "Madonna", "offset": [0, 7]},
            ],
        }
    ],
    "negative_triggers": [],
}
RAID = {
    "doc_key": "nw_1",
    "sentences": [["Troops", "attacked", "the", "town", "."], ["They", "fled", "north", "."]],
    "evt_triggers": [[1, 1, [["conflict.attack.n/a", 1.0]]]],
    "gold_evt_links": [
        [[1, 1], [0, 0], "evt001arg01attacker"],
        [[1, 1], [2, 3], "evt001arg02target"],
    ],
    "ent_spans": [
        [0, 0, [["evt001arg01attacker", 1.0]]],
        [2, 3, [["evt001arg02target", 1.0]]],
    ],
}
BOMB = {
    "doc_id": "b",
    "tokens": ["The", "U", ".", "S", ".", "army", "fled", ".", "It", "left", "Kabul", "."],
    "text": "The U.S. army fled.It left Kabul.",
    "sentences": [
        [
            [
                ["The", 0, 3],
                ["U", 4, 5],
                [".", 5, 6],
                ["S", 6, 7],
                [".", 7, 8],
                ["army", 9, 13],
                ["fled", 14, 18],
                [".", 18, 19],
            ],
            "The U.S. army fled.",
        ],
        [
            [["It", 19, 21], ["left", 22, 26], ["Kabul", 27, 32], [".", 32, 33]],
            "It left Kabul.",
        ],
    ],
    "entity_mentions": [
        {
            "id": f"b-T{n}",
            "sent_idx": sentence,
            "start": start,
            "end": end,
            "entity_type": label,
            "mention_type": "UNK",
            "text": text,
        }
        for n, sentence, start, end, label, text in (
            (1, 0, 1, 5, "GPE", "U.S."),
            (2, 0, 5, 6, "ORG", "army"),
            (3, 1, 8, 9, "ORG", "It"),
            (4, 1, 10, 11, "GPE", "Kabul"),
        )
    ],
    "event_mentions": [
        {
            "id": "b-E1",
            "event_type": "Movement.Transportation.Unspecified",
            "trigger": {"start": 9, "end": 10, "text": "left", "sent_idx": 1},
            "arguments": [
                {"entity_id": "b-T3", "role": "Transporter", "text": "It"},
                {"entity_id": "b-T4", "role": "Origin", "text": "Kabul"},
            ],
        }
    ],
    "relation_mentions": [],
}
CLUSTERS = {
    "doc_key": "b",
    "clusters": [["b-T3", "b-T2"]],
    "informative_mentions": ["army"],
}
BREACH = {
    "sourcefile": "10001.txt",
    "info": {"title": "Breach"},
    "content": "Hackers breached Acme. The breach hit Acme's clients.",
    "cyberevent": {
        "hopper": [
            {
                "index": 0,
                "relation": "Same",
                "events": [
                    {
                        "index": "E1",
                        "type": "Attack",
                        "subtype": "Databreach",
                        "realis": "Actual",
                        "nugget": {
                            "index": "T1",
                            "startOffset": 8,
                            "endOffset": 16,
                            "text": "breached",
                        },
                        "argument": [
                            {
                                "index": "T2",
                                "startOffset": 0,
                                "endOffset": 7,
                                "text": "Hackers",
                                "type": "Person",
                                "role": {"type": "Attacker"},
                            },
                            {
                                "index": "T3",
                                "startOffset": 17,
                                "endOffset": 21,
                                "text": "Acme",
                                "type": "Organization",
                                "role": {"type": "Victim"},
                                "external_reference": {"wikidataid": "Q1"},
                            },
                        ],
                    },
                    {
                        "index": "E2",
                        "type": "Attack",
                        "subtype": "Databreach",
                        "realis": "Other",
                        "nugget": {
                            "index": "T4",
                            "startOffset": 23,
                            "endOffset": 33,
                            "text": "The breach",
                        },
                    },
                ],
            }
        ]
    },
}


def write_lines(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def texts_of(document, annotations):
    return [document.text[each.start : each.end] for each in annotations]


def triggers_of(document):
    return [document.text[event.trigger.start : event.trigger.end] for event in document.events]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tokens", "They `` took '' Paris -LRB- the town -RRB- .\nThe fall ended it ."),
        ("given", 'They "took" Paris (the town).\nThe fall ended it.'),
    ],
)
def test_each_mention_of_an_event_of_maven_is_an_event_of_its_cluster(tmp_path, text, expected):
    corpus = load_corpus(f"maven:{write_lines(tmp_path / 'a', PARIS)}", text=text)

    (document,) = corpus
    assert (document.id, document.text) == ("p", expected)
    assert (document.entities, document.relations) == (None, None)
    assert triggers_of(document) == ["fall", "took", "ended"]
    assert [(event.label, event.id, event.attributes["event"]) for event in document.events] == [
        ("Conquering", "m2", "EVENT_1"),
        ("Conquering", "m1", "EVENT_1"),
        ("Process_end", "m3", "EVENT_2"),
    ]
    assert corpus.conversion.dropped == {"values of the key 'title'": 1, "negative triggers": 1}


def test_the_test_data_of_maven_has_no_annotations(tmp_path):
    record = {"id": "p", "content": PARIS["content"], "candidates": PARIS["negative_triggers"]}

    corpus = load_corpus(f"maven:{write_lines(tmp_path / 'a', record)}")

    assert corpus[0].events is None
    assert corpus.conversion.dropped == {"candidates for triggers": 1}


def test_relations_of_maven_ere_are_between_first_mentions(tmp_path):
    corpus = load_corpus(f"maven:{write_lines(tmp_path / 'a', WAR)}")

    (document,) = corpus
    assert document.text == "War began in 1914 .\nIt ended ."
    assert document.entities == (Entity("DATE", 13, 17, id="TIME_1"),)
    assert triggers_of(document) == ["began", "ended", "War"]
    assert document.relations == (
        Relation("BEFORE", "m1", "m2"),
        Relation("CONTAINS", "TIME_1", "m1"),
        Relation("PRECONDITION", "m1", "m2"),
        Relation("SUBEVENT", "m2", "m1"),
    )
    assert not corpus.conversion


def test_arguments_of_maven_arg_are_first_mentions_and_spans(tmp_path):
    corpus = load_corpus(f"maven:{write_lines(tmp_path / 'a', TOUR)}")

    (document,) = corpus
    assert document.text == TOUR["document"]
    assert document.entities == (
        Entity("Person", 25, 28, id="e2", attributes={"entity": "ENTITY_1"}),
        Entity("Person", 0, 7, id="e1", attributes={"entity": "ENTITY_1"}),
    )
    arguments = (Argument("Traveler", 0, 7, ref="e1"), Argument("Area", 15, 22))
    assert document.events == (
        Event("Traveling", Span(8, 14), arguments, id="m1", attributes={"event": "EVENT_1"}),
    )


def test_another_mention_of_an_argument_of_maven_arg_counts_under_coref(tmp_path):
    gold = load_corpus(f"maven:{write_lines(tmp_path / 'a', TOUR)}")
    she = Argument("Traveler", 25, 28)
    event = Event("Traveling", Span(8, 14), [she])
    predicted = [Document("t", gold[0].text, events=[event])]

    scores = score(gold, predicted, ["arguments/strict", "arguments/coref"], boot=0)

    assert scores["arguments/strict"].micro.tp == 0
    assert scores["arguments/coref"].micro.tp == 1


def test_an_event_of_rams_has_the_arguments_of_its_links(tmp_path):
    split = {**RAID, "doc_key": "nw_2", "split": "dev", "ent_spans": [[5, 5, [["x", 1.0]]]]}
    corpus = load_corpus(f"rams:{write_lines(tmp_path / 'a', RAID, split)}")

    document = corpus[0]
    assert (document.id, document.text) == ("nw_1", "Troops attacked the town .\nThey fled north .")
    assert document.entities is None
    (event,) = document.events
    assert (event.label, triggers_of(document)) == ("conflict.attack.n/a", ["attacked"])
    assert [argument.role for argument in event.arguments] == ["attacker", "target"]
    assert texts_of(document, event.arguments) == ["Troops", "the town"]
    assert corpus.conversion.dropped == {
        "values of the key 'split'": 1,
        "spans of ent_spans without a link": 1,
    }


def test_predictions_of_rams_have_the_sentences_and_types_of_gold(tmp_path):
    gold = write_lines(tmp_path / "gold", RAID, {**RAID, "doc_key": "nw_2"})
    predicted = write_lines(
        tmp_path / "predicted",
        {
            "doc_key": "nw_1",
            "predictions": [[[1, 1], [0, 0, "attacker", 0.5], [3, 3, "target", 0.25]]],
        },
        {"doc_key": "nw_2", "predictions": []},
    )

    corpus = load_corpus(f"rams:{predicted}?texts={gold}", predictions=True)

    (event,) = corpus[0].events
    assert event.label == "conflict.attack.n/a"
    assert event.arguments == (
        Argument("attacker", 0, 6, score=0.5),
        Argument("target", 20, 24, score=0.25),
    )
    assert (corpus[1].text, corpus[1].events) == (corpus[0].text, ())
    scores = score(f"rams:{gold}", f"rams:{predicted}?texts=rams:{gold}", ["arg-c+"], boot=0)
    row = scores["arg-c+"].micro
    assert (row.tp, row.predicted, row.gold) == (1, 2, 4)


@pytest.mark.parametrize(
    ("record", "text", "surfaces"),
    [
        (BOMB, BOMB["text"], ["U.S.", "army", "It", "Kabul"]),
        (
            {key: value for key, value in BOMB.items() if key not in ("text", "sentences")},
            " ".join(BOMB["tokens"]),
            ["U . S .", "army", "It", "Kabul"],
        ),
    ],
    ids=["with text", "tokens only"],
)
def test_a_document_of_wikievents_is_read_with_its_text_or_tokens(tmp_path, record, text, surfaces):
    corpus = load_corpus(f"wikievents:{write_lines(tmp_path / 'a', record)}")

    (document,) = corpus
    assert (document.id, document.text) == ("b", text)
    assert texts_of(document, document.entities) == surfaces
    (event,) = document.events
    assert (event.label, triggers_of(document)) == (
        "Movement.Transportation.Unspecified",
        ["left"],
    )
    assert [(each.role, each.ref) for each in event.arguments] == [
        ("Transporter", "b-T3"),
        ("Origin", "b-T4"),
    ]
    assert all(entity.attributes is None for entity in document.entities)
    assert not corpus.conversion


def test_mentions_of_a_cluster_of_wikievents_share_the_attribute_entity(tmp_path):
    gold = write_lines(tmp_path / "gold", BOMB)
    coref = write_lines(tmp_path / "coref", CLUSTERS)
    other = json.loads(json.dumps(BOMB))
    other["event_mentions"][0]["arguments"][0]["entity_id"] = "b-T2"
    predicted = write_lines(tmp_path / "predicted", other)

    corpus = load_corpus(f"wikievents:{gold}?coref={coref}")

    assert [entity.attributes for entity in corpus[0].entities] == [
        None,
        {"entity": "b-T3"},
        {"entity": "b-T3"},
        None,
    ]
    assert corpus.conversion.dropped == {"informative mentions": 1}
    scores = score(corpus, f"wikievents:{predicted}", ["arg-c", "arguments/coref"], boot=0)
    assert [scores[name].micro.tp for name in ("arg-c", "arguments/coref")] == [1, 2]


def test_an_article_of_casie_has_events_and_their_arguments_as_entities(tmp_path):
    (tmp_path / "10001.json").write_text(json.dumps(BREACH, indent=1))

    corpus = load_corpus(f"casie:{tmp_path}")

    (document,) = corpus
    assert (document.id, document.text) == ("10001", BREACH["content"])
    assert document.entities == (
        Entity("Person", 0, 7, id="T2"),
        Entity("Organization", 17, 21, id="T3", attributes={"link": "Q1"}),
    )
    arguments = (Argument("Attacker", 0, 7, ref="T2"), Argument("Victim", 17, 21, ref="T3"))
    assert document.events == (
        Event(
            "Attack:Databreach",
            Span(8, 16),
            arguments,
            id="E1",
            realis="Actual",
            attributes={"event": 0},
        ),
        Event("Attack:Databreach", Span(23, 33), id="E2", realis="Other", attributes={"event": 0}),
    )
    assert corpus.conversion.dropped == {"values of the key 'info'": 1}


def test_articles_of_casie_may_be_a_list_without_texts(tmp_path):
    record = {key: value for key, value in BREACH.items() if key not in ("content", "info")}
    (tmp_path / "source").mkdir()
    for name in ("a", "b"):
        (tmp_path / "source" / f"{name}.txt").write_text(BREACH["content"])
    path = tmp_path / "all.json"
    path.write_text(json.dumps([{**record, "sourcefile": f"{name}.txt"} for name in ("a", "b")]))

    corpus = load_corpus(f"casie:{path}", texts=tmp_path / "source")

    assert list(corpus.ids) == ["a", "b"]
    assert [triggers_of(document) for document in corpus] == [["breached", "The breach"]] * 2
    with pytest.raises(LoadError, match="casie:DIR"):
        load_corpus(f"casie:{path}")


def test_source_files_of_casie_have_the_text_between_their_tags(tmp_path):
    (tmp_path / "source").mkdir()
    source = f"<title>A breach</title>\n<text>\n{BREACH['content']}\n</text>\n"
    (tmp_path / "source" / "10001.txt").write_text(source)
    path = tmp_path / "a.json"
    path.write_text(json.dumps({**BREACH, "content": "The breach hit Acme's clients."}))

    corpus = load_corpus(f"casie:{path}?texts={tmp_path}/source")

    assert corpus[0].text == BREACH["content"]
    with pytest.raises(LoadError, match="if 'content' is incomplete, name the folder"):
        load_corpus(f"casie:{path}")
    (tmp_path / "source" / "10001.txt").write_text("<text>Another text with its tag</text>")
    with pytest.raises(LoadError) as error:
        load_corpus(f"casie:{path}?texts={tmp_path}/source")
    assert "name the folder" not in str(error.value)
    with pytest.raises(LoadError, match="sourcefile: '10001.txt' is not in"):
        load_corpus(f"casie:{path}?texts={tmp_path}")


def test_spans_of_casie_that_are_off_by_one_are_moved_and_counted(tmp_path):
    record = json.loads(json.dumps(BREACH))
    event = record["cyberevent"]["hopper"][0]["events"][0]
    event["nugget"]["startOffset"] += 1
    event["argument"][0]["endOffset"] -= 1
    event["argument"][1]["startOffset"] -= 1
    event["argument"][1]["endOffset"] -= 1
    path = tmp_path / "a.json"
    path.write_text(json.dumps(record))

    corpus = load_corpus(f"casie:{path}")

    assert triggers_of(corpus[0]) == ["breached", "The breach"]
    assert texts_of(corpus[0], corpus[0].events[0].arguments) == ["Hackers", "Acme"]
    assert corpus.conversion.repaired == {"spans moved by one character to their text": 3}


def test_one_entity_of_casie_fills_roles_of_several_events(tmp_path):
    record = json.loads(json.dumps(BREACH))
    first, second = record["cyberevent"]["hopper"][0]["events"]
    second["argument"] = [
        {**first["argument"][1], "index": "T9", "external_reference": {"wikidataid": "Q2"}}
    ]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(record))

    corpus = load_corpus(f"casie:{path}")

    assert [entity.id for entity in corpus[0].entities] == ["T2", "T3"]
    assert corpus[0].events[1].arguments == (Argument("Victim", 17, 21, ref="T3"),)
    name = "links of arguments that differ from that of the same entity"
    assert corpus.conversion.dropped[name] == 1
