"""The formats spert and gliner-json: one list of tokens, with entities and relations."""

import json
import random

import pytest
from helpers.cli import run_evalkit
from helpers.relations import random_corpora

from evalkit import (
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Relation,
    Span,
    load_corpus,
    score,
)
from evalkit.formats.recognition import recognize

# The form of SpERT's data sets, and of its predictions, which have no orig_id
SPERT = {
    "tokens": ["Ada", "Byron", "lived", "in", "London", "."],
    "entities": [
        {"type": "Peop", "start": 0, "end": 2},
        {"type": "Loc", "start": 4, "end": 5},
    ],
    "relations": [{"type": "Live_In", "head": 0, "tail": 1}],
    "orig_id": 5178,
}
# The example of GLiNER's documentation of relations
GLINER = {
    "tokenized_text": ["John", "Smith", "works", "at", "Microsoft", "in", "Seattle"],
    "ner": [[0, 1, "person"], [4, 4, "organization"], [6, 6, "location"]],
    "relations": [[0, 1, "works_at"], [1, 2, "located_in"]],
    "rel_labels": ["works_at", "located_in", "founded_by"],
}
FORMATS = ("spert", "gliner-json")


def write_json(path, value):
    path.write_text(json.dumps(value))
    return path


def test_a_document_of_spert_is_read(tmp_path):
    path = write_json(tmp_path / "a.json", [SPERT])

    (document,) = load_corpus(f"spert:{path}")

    assert document == Document(
        "5178",
        "Ada Byron lived in London .",
        [Entity("Peop", 0, 9, id="T1"), Entity("Loc", 19, 25, id="T2")],
        relations=[Relation("Live_In", "T1", "T2")],
    )


def test_a_document_of_gliner_is_read(tmp_path):
    path = write_json(tmp_path / "a.json", [GLINER])

    corpus = load_corpus(f"gliner-json:{path}")

    assert list(corpus) == [
        Document(
            "doc-1",
            "John Smith works at Microsoft in Seattle",
            [
                Entity("person", 0, 10, id="T1"),
                Entity("organization", 20, 29, id="T2"),
                Entity("location", 33, 40, id="T3"),
            ],
            relations=[Relation("works_at", "T1", "T2"), Relation("located_in", "T2", "T3")],
        )
    ]
    assert corpus.conversion.dropped == {"values of the key 'rel_labels'": 1}


@pytest.mark.parametrize(("name", "record"), [("spert", SPERT), ("gliner-json", GLINER)])
def test_a_file_with_a_document_on_each_line_is_read_too(tmp_path, name, record):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(record | {"orig_id": n, "id": n}) + "\n" for n in (1, 2)))

    assert load_corpus(f"{name}:{path}").ids == ["1", "2"]
    assert recognize(path)[0] == name


def test_predictions_of_spert_are_scored_against_its_data(tmp_path):
    prediction = {key: SPERT[key] for key in ("tokens", "entities", "relations")}
    other = {"tokens": ["Ada", "ran"], "entities": [], "relations": [], "orig_id": 9}
    gold = write_json(tmp_path / "g.json", [SPERT, other])
    predicted = write_json(tmp_path / "p.json", [prediction, {**other, "orig_id": None}])

    scores = score(f"spert:{gold}?ids=number", f"spert:{predicted}", "relations/strict", boot=0)

    assert scores["relations/strict"].micro.tp == 1
    assert "read:gold=ids:number" in scores["relations/strict"].signature
    assert load_corpus(f"spert:{gold}?ids=number").conversion.dropped == {
        "values of the key 'orig_id'": 2
    }


def test_layers_without_a_key_were_not_annotated(tmp_path):
    spert = write_json(tmp_path / "a.json", [{"tokens": ["Ada"]}])
    gliner = write_json(tmp_path / "b.json", [{"tokenized_text": ["Ada"], "ner": []}])

    assert load_corpus(f"spert:{spert}")[0] == Document("doc-1", "Ada")
    assert load_corpus(f"gliner-json:{gliner}")[0] == Document("doc-1", "Ada", [])


def test_both_formats_are_written_as_their_tools_read_them(tmp_path):
    document = Document(
        "d",
        "Ada Byron lived in London .",
        [Entity("Peop", 0, 9, id="T1"), Entity("Loc", 19, 25, id="T2")],
        relations=[Relation("Live_In", "T1", "T2")],
    )
    paths = [tmp_path / name for name in FORMATS]
    for name, path in zip(FORMATS, paths):
        report = Corpus([document]).save(f"{name}:{path}")
        assert not report
        assert list(load_corpus(f"{name}:{path}")) == [document]

    spert, gliner = (json.loads(path.read_text()) for path in paths)

    assert spert == [{**SPERT, "orig_id": "d"}]
    assert gliner == [
        {
            "id": "d",
            "tokenized_text": SPERT["tokens"],
            "ner": [[0, 1, "Peop"], [4, 4, "Loc"]],
            "relations": [[0, 1, "Live_In"]],
        }
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_a_text_that_is_not_its_tokens_joined_is_kept(tmp_path, name):
    document = Document("d", "Ada, (Countess)  of\nLovelace.", [Entity("TITLE", 6, 28)])
    location = f"{name}:{tmp_path / 'a.json'}"
    Corpus([document]).save(location)

    assert load_corpus(location)[0].text == document.text
    assert load_corpus(location)[0].entities == document.entities
    tokens = load_corpus(f"{location}?text=tokens")[0]
    assert tokens.text == "Ada , ( Countess ) of Lovelace ."
    assert tokens.text[slice(tokens.entities[0].start, tokens.entities[0].end)] == (
        "Countess ) of Lovelace"
    )


def test_what_the_formats_do_not_hold_is_counted(tmp_path):
    document = Document(
        "d",
        "Ada met Bo",
        [
            Entity("PER", 0, 3, id="a", score=0.5),
            Entity("PER", 8, 10, id="b", attributes={"x": 1}),
            Entity("PER", 0, 10, id="c", fragments=((0, 3), (8, 10))),
        ],
        [Event("Meet", Span(4, 7), id="e")],
        meta={"source": "x"},
        relations=[
            Relation("met", "a", "b", score=0.5),
            Relation("met", "a", "c"),
            Relation("agent", "e", "a"),
        ],
    )
    for name in FORMATS:
        report = Corpus([document]).save(f"{name}:{tmp_path / name}")

        assert dict(report.dropped) == {
            "fields of meta": 1,
            "scores of entities": 1,
            "attributes of entities": 1,
            "events": 1,
            "scores of relations": 1,
            "discontinuous entities": 1,
            "relations with an argument that is not written": 2,
            "ids of entities": 2,
        }
        (back,) = load_corpus(f"{name}:{tmp_path / name}")
        assert back.relations == (Relation("met", "T1", "T2"),)


def test_relations_that_were_not_annotated_are_an_empty_list_in_spert_which_is_counted(tmp_path):
    path = tmp_path / "a.json"
    report = Corpus([Document("d", "Ada", [Entity("PER", 0, 3)])]).save(f"spert:{path}")

    assert report.dropped == {"relations that were not annotated, written as an empty list": 1}
    assert json.loads(path.read_text())[0]["relations"] == []


def test_failed_documents_are_skipped(tmp_path):
    corpus = Corpus([Document("d", "Ada", failure="no answer"), Document("e", "Ada", [])])
    report = corpus.save(f"gliner-json:{tmp_path / 'a.json'}")
    assert report.skipped == {"documents that failed": 1}
    assert load_corpus(f"gliner-json:{tmp_path / 'a.json'}").ids == ["e"]


def phrases_of(record):
    """(label, words) of each entity and (label, words, words) of each relation of a record, as its
    tool reads them.
    """
    if "tokens" in record:
        entities = [
            (each["type"], " ".join(record["tokens"][each["start"] : each["end"]]))
            for each in record["entities"]
        ]
        relations = [(each["type"], each["head"], each["tail"]) for each in record["relations"]]
    else:
        entities = [
            (label, " ".join(record["tokenized_text"][first : last + 1]))
            for first, last, label in record["ner"]
        ]
        relations = [(label, head, tail) for head, tail, label in record["relations"]]
    return entities, [
        (label, entities[head][1], entities[tail][1]) for label, head, tail in relations
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_random_records_mean_the_same_as_in_plain_loops(tmp_path, name):
    draw = random.Random(4)
    records = []
    for _ in range(300):
        tokens = [draw.choice(["Ada", "é", "(x)", "in London", "🎉"]) for _ in range(8)]
        spans = [sorted(draw.sample(range(9), 2)) for _ in range(draw.randint(1, 4))]
        labels = [f"{draw.choice('AB')}{n}" for n in range(len(spans))]
        pairs = [
            (draw.randrange(len(spans)), draw.randrange(len(spans)), f"r{n}")
            for n in range(draw.randint(0, 3))
        ]
        if name == "spert":
            entities = [
                {"type": label, "start": start, "end": end}
                for (start, end), label in zip(spans, labels)
            ]
            relations = [{"type": label, "head": h, "tail": t} for h, t, label in pairs]
            records.append({"tokens": tokens, "entities": entities, "relations": relations})
        else:
            ner = [[start, end - 1, label] for (start, end), label in zip(spans, labels)]
            records.append({"tokenized_text": tokens, "ner": ner, "relations": pairs})
    path = write_json(tmp_path / "a.json", records)

    corpus = load_corpus(f"{name}:{path}")

    for record, document in zip(records, corpus, strict=True):
        words = {each.id: document.text[each.start : each.end] for each in document.entities}
        entities = [(e.label, document.text[e.start : e.end]) for e in document.entities]
        relations = [
            (each.label, words[each.head], words[each.tail]) for each in document.relations
        ]
        assert (entities, relations) == phrases_of(record)


@pytest.mark.parametrize("name", FORMATS)
def test_scores_from_files_are_those_of_corpora(tmp_path, name):
    gold, predicted = random_corpora(31, 60)
    gold = Corpus(gold.documents)  # without its schema, which the files do not have
    locations = [f"{name}:{tmp_path / side}" for side in ("gold", "predicted")]
    gold.save(locations[0])
    predicted.save(locations[1])
    metrics = "entities/strict,relations/strict,relations/boundaries"
    expected = score(gold, predicted, metrics, boot=0)

    scores = score(*locations, metrics, boot=0)

    for metric in expected:
        assert scores[metric].micro == expected[metric].micro


def spert_with(**changes):
    return [{**SPERT, **changes}]


@pytest.mark.parametrize(
    ("location", "content", "problem"),
    [
        ("spert:", spert_with(entities=[{"type": "A", "start": 4, "end": 7}]), "entities[0]: to"),
        ("spert:", spert_with(entities=[{"type": "A", "start": 2, "end": 2}]), "entities[0]: to"),
        ("spert:", spert_with(entities=[{"type": "A", "start": -1, "end": 2}]), "entities[0]: to"),
        ("spert:", spert_with(entities=[{"type": "", "start": 0, "end": 2}]), "invalid label ''"),
        (
            "spert:",
            spert_with(relations=[{"type": "A", "head": 0, "tail": 2}]),
            "relations[0]: no entity has the number 2; the numbers of entities are: 0 to 1",
        ),
        (
            "spert:",
            spert_with(entities=[], relations=[{"type": "A", "head": 0, "tail": 0}]),
            "the numbers of entities are: none",
        ),
        ("spert:", spert_with(tokens="Ada"), "tokens: Expected 'array', got 'str'"),
        ("spert:", [{"entities": []}], "the line: Object missing required field 'tokens'"),
        ("spert:", [["Ada"]], "Expected 'object', got 'array'"),
        ("spert:", [{**SPERT, "_text": "Ada", "_tokens": [[0, 3]]}], "_tokens: 1 ranges: expected"),
        (
            "spert:",
            [{"tokens": ["Ada"], "_text": "Bob", "_tokens": [[0, 3]]}],
            "_tokens: token 0 is 'Ada', and 0 to 3 of _text is 'Bob'",
        ),
        (
            "gliner-json:",
            [{**GLINER, "ner": [[0, 7, "A"]]}],
            "ner[0]: tokens 0 to 7: the document has the tokens 0 to 6; the last one is inclusive",
        ),
        ("gliner-json:", [{**GLINER, "ner": [[0, 1]]}], "ner[0]: Expected 'array' of length 3"),
        ("gliner-json:", [{"tokenized_text": [], "ner": [[0, 0, "A"]]}], "has no tokens"),
    ],
)
def test_an_invalid_record_is_refused_with_its_line_and_the_rest_is_read(
    tmp_path, location, content, problem
):
    good = SPERT if location == "spert:" else GLINER
    path = tmp_path / "a.json"
    path.write_text("[\n" + json.dumps(good) + ",\n" + json.dumps(content[0]) + "\n]\n")

    with pytest.raises(LoadError) as error:
        load_corpus(f"{location}{path}")

    (message,) = error.value.errors
    assert message.startswith(f"{path}:3: ")
    assert problem in message


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_no_list_is_refused(tmp_path, name):
    path = tmp_path / "a.json"
    path.write_text("[1, 2")
    with pytest.raises(LoadError, match="not JSON.*expected a list of documents with"):
        load_corpus(f"{name}:{path}")


def test_unknown_values_of_options_are_refused(tmp_path):
    path = write_json(tmp_path / "a.json", [SPERT])
    with pytest.raises(InputError, match="unknown ids 'x'; expected one of: orig_id, number"):
        load_corpus(f"spert:{path}?ids=x")
    with pytest.raises(InputError, match="unknown text 'x'; expected one of: given, tokens"):
        load_corpus(f"gliner-json:{path}?text=x")


def test_the_command_line_knows_the_formats(tmp_path):
    path = write_json(tmp_path / "a.json", [GLINER])
    result = run_evalkit("convert", f"gliner-json:{path}", f"spert:{tmp_path / 'b.json'}")
    assert result.returncode == 0
    assert json.loads((tmp_path / "b.json").read_text())[0]["entities"][0] == {
        "type": "person",
        "start": 0,
        "end": 2,
    }
    result = run_evalkit("convert", f"gliner_json:{path}", tmp_path / "c.jsonl")
    assert result.returncode == 2
    assert "unknown format 'gliner_json'" in result.stderr
    assert "did you mean 'gliner-json'" in result.stderr
