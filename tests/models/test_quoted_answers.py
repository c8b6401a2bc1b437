"""Functions and programs whose entities have texts and no offsets."""

import json
import random
import sys

import pytest
from helpers.cli import run_evalkit

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    Relation,
    Unplaced,
    evaluate,
    load_corpus,
    load_model,
    score,
)
from evalkit.formats.quoted_entities import ARGUMENT_NOT_IN_TEXT, NOT_IN_TEXT
from evalkit.models.exec_answers import LEFT_OUT, build_document
from evalkit.models.quoted_answers import QUOTE_WITHOUT_OFFSETS

TEXT = "Japan beat Syria. Japan won."
GOLD = Corpus([Document("1", TEXT, [Entity("LOC", 0, 5), Entity("LOC", 11, 16)])], name="gold")
ITEMS = [{"label": "LOC", "text": "japan"}, {"label": "LOC", "text": "Mars", "score": 0.5}]
METRICS = "entities/strict,surfaces/strict"


def quote_all(text):
    return ITEMS


class QuotingModel:
    def predict(self, documents):
        return [{"entities": ITEMS} for _ in documents]


def write_program(path, answer):
    """A program that gives the same annotations for each document."""
    path.write_text(
        "import json, sys\n"
        f"answer = json.loads({json.dumps(answer)!r})\n"
        "for line in sys.stdin:\n"
        "    print(json.dumps({'id': json.loads(line)['id'], **answer}))\n"
    )
    return f"exec:{sys.executable} {path}"


@pytest.fixture(params=["function", "object", "program"])
def model(request, tmp_path):
    if request.param == "program":
        return write_program(tmp_path / "model.py", {"entities": ITEMS})
    return quote_all if request.param == "function" else QuotingModel()


def test_without_ground_they_are_strings_alone(model):
    scores = evaluate(model, GOLD, METRICS, normalization="casefold", boot=0)

    spans, strings = scores["entities/strict"].micro, scores["surfaces/strict"].micro
    assert (spans.tp, spans.predicted, spans.gold) == (0, 2, 2)
    assert (strings.tp, strings.predicted, strings.gold) == (1, 2, 2)
    assert scores.metadata.unplaced == {QUOTE_WITHOUT_OFFSETS: 2}


def test_with_ground_they_are_searched_in_the_text(model):
    scores = evaluate(model, GOLD, METRICS, boot=0, model_args={"ground": True})

    spans = scores["entities/strict"].micro
    assert (spans.tp, spans.predicted, spans.gold) == (1, 2, 2)
    assert scores.metadata.unplaced == {NOT_IN_TEXT: 1}
    ambiguity = scores.metadata.ambiguity["entities/strict"]
    assert (ambiguity.annotations, ambiguity.worst, ambiguity.best) == (1, -1, 0)


def test_the_counts_are_those_of_a_file_that_is_searched(model, tmp_path):
    line = {"id": "1", "text": TEXT, "entities": [{**item} for item in ITEMS]}
    (tmp_path / "p.jsonl").write_text(json.dumps(line) + "\n")

    from_model = evaluate(model, GOLD, METRICS, boot=0, model_args={"ground": True})
    from_file = score(GOLD, f"{tmp_path / 'p.jsonl'}?ground=true", METRICS, boot=0)

    for metric in from_file:
        assert from_model[metric].micro == from_file[metric].micro
    assert from_model.metadata.unplaced == from_file.metadata.unplaced
    assert from_model.metadata.ambiguity == from_file.metadata.ambiguity


def test_the_option_is_set_on_the_command_line(tmp_path):
    GOLD.save(tmp_path / "g.jsonl")
    (tmp_path / "model.py").write_text(f"def quote(text):\n    return {ITEMS!r}\n")
    program = write_program(tmp_path / "program.py", {"entities": ITEMS})
    for name in (f"{tmp_path / 'model.py'}:quote", program):
        arguments = ["run", tmp_path / "g.jsonl", "-m", name, "--metrics", METRICS, "--boot", 0]
        result = run_evalkit(*arguments, "-a", "ground=true", "--save", tmp_path / "r.json")
        assert result.returncode == 0, result.stderr
        assert json.loads((tmp_path / "r.json").read_text())["unplaced"] == {NOT_IN_TEXT: 1}
        result = run_evalkit(*arguments, "-a", "ground=maybe")
        assert result.returncode == 2
        assert "ground" in result.stderr


def test_a_run_with_ground_is_not_resumed_without():
    settings = [load_model(quote_all, **options).settings for options in ({}, {"ground": True})]
    assert settings[0] != settings[1]


def test_a_model_with_a_parameter_of_this_name_gets_it_itself():
    given = []

    def predict(text, ground=None):
        given.append(ground)
        return ITEMS

    (answer,) = load_model(predict, ground="x").predict([GOLD[0]])
    assert given == ["x"]
    assert answer.entities == ()


def test_an_item_with_one_offset_stays_malformed():
    item = {"label": "LOC", "text": "Japan", "start": 0}
    (answer,) = load_model(lambda _: [item], ground=True).predict([GOLD[0]])
    assert [unplaced.reason for unplaced in answer.unplaced] == ["no 'end'"]


def test_an_item_without_label_is_unlabeled_as_one_with_offsets():
    items = [{"text": "Syria"}, {"start": 0, "end": 5}]
    (answer,) = load_model(lambda _: items, ground=True).predict([GOLD[0]])
    assert answer.entities == (Entity("unlabeled", 11, 16), Entity("unlabeled", 0, 5))


def test_a_value_that_is_no_bool_is_refused():
    with pytest.raises(InputError, match="unknown value 'maybe' in 'ground'"):
        load_model(quote_all, ground="maybe")


def read_answer(entities, relations=(), *, ground=True, **layers):
    answer = {"entities": list(entities), "relations": list(relations), **layers}
    return build_document(Document("1", TEXT), answer, ground=ground)


JAPAN = {"label": "LOC", "text": "Japan", "id": "j"}
SYRIA = {"label": "LOC", "start": 11, "end": 16, "id": "s"}
MARS = {"label": "LOC", "text": "Mars", "id": "m"}
BEAT = {"label": "beat", "head": "j", "tail": "s", "id": "r", "score": 0.9}


def test_relations_of_a_program_are_read():
    document = read_answer([JAPAN, SYRIA], [BEAT])

    assert document.relations == (Relation("beat", "j", "s", id="r", score=0.9),)
    assert document.unplaced == ()
    assert read_answer([JAPAN], ()).relations == ()
    assert build_document(Document("1", TEXT), {"entities": []}).relations is None


def test_relations_of_unplaced_entities_are_unplaced():
    document = read_answer([JAPAN, MARS], [{"label": "near", "head": "j", "tail": "m"}])

    assert document.relations == ()
    assert document.unplaced == (
        Unplaced("entities", "LOC", NOT_IN_TEXT, "Mars"),
        Unplaced("relations", "near", ARGUMENT_NOT_IN_TEXT, "Japan → Mars"),
    )
    without = read_answer([JAPAN, SYRIA], [BEAT], ground=False)
    assert without.unplaced == (
        Unplaced("entities", "LOC", QUOTE_WITHOUT_OFFSETS, "Japan"),
        Unplaced("relations", "beat", QUOTE_WITHOUT_OFFSETS, "Japan → Syria"),
    )


@pytest.mark.parametrize(
    ("relation", "label", "reason"),
    [
        (
            {"label": "beat", "head": "j", "tail": "x"},
            "beat",
            "no entity, or event with a trigger, has the id 'x'",
        ),
        ({"label": "beat", "head": "j"}, "beat", "tail: invalid tail None"),
        ({"label": "", "head": "j", "tail": "s"}, "unlabeled", "label: invalid label ''"),
        ("beat", "unlabeled", "label: invalid label None"),
        ({"label": "beat", "head": "j", "tail": "bad"}, "beat", "its argument is unplaced"),
    ],
)
def test_invalid_relations_are_unplaced_with_the_reason(relation, label, reason):
    bad = {"label": "LOC", "start": 90, "end": 99, "id": "bad"}

    document = read_answer([JAPAN, SYRIA, bad], [relation, BEAT])

    assert len(document.relations) == 1
    (item,) = [each for each in document.unplaced if each.layer == "relations"]
    assert item.label == label
    assert item.reason.startswith(reason)


def test_relations_count_where_the_ids_of_an_answer_are_not_unique():
    document = read_answer([JAPAN, {**SYRIA, "id": "j"}], [{**BEAT, "tail": "j"}])

    assert [entity.id for entity in document.entities] == [None, None]
    assert document.relations == ()
    (item,) = document.unplaced
    assert (item.layer, item.label) == ("relations", "beat")
    assert "duplicate id 'j'" in item.reason


def test_references_to_unplaced_entities_are_left_out_and_noted():
    argument = {"role": "Loser", "start": 11, "end": 16, "ref": "m"}
    event = {"label": "Win", "trigger": {"start": 24, "end": 27}, "arguments": [argument]}

    document = read_answer([JAPAN, MARS], events=[event])

    assert document.events[0].arguments[0].ref is None
    assert document.entities[0].id == "j"
    assert document.meta[LEFT_OUT] == ["events[0].arguments[0].ref: 'm' is unplaced"]


@pytest.mark.parametrize("entities", [[JAPAN, SYRIA], [{**JAPAN, "text": "japan"}, SYRIA]])
def test_a_function_may_answer_other_layers_in_a_dict(entities):
    event = {"label": "Win", "trigger": {"start": 6, "end": 10}}
    answer = {"entities": tuple(entities), "relations": [BEAT], "events": [event], "seconds": 3}

    (document,) = load_model(lambda _: answer, ground=True).predict([GOLD[0]])

    assert [(each.start, each.end) for each in document.entities] == [(0, 5), (11, 16)]
    assert document.relations == (Relation("beat", "j", "s", id="r", score=0.9),)
    assert [each.label for each in document.events] == ["Win"]
    assert document.attributions is None
    assert document.unplaced == ()


def test_triples_may_stand_beside_other_layers():
    event = {"label": "Win", "trigger": {"start": 6, "end": 10}}
    answer = {"entities": [(0, 5, "LOC")], "events": [event]}
    (document,) = load_model(lambda _: answer).predict([GOLD[0]])
    assert document.entities == (Entity("LOC", 0, 5),)
    assert len(document.events) == 1


def test_a_layer_that_is_no_list_fails_the_document():
    (document,) = load_model(lambda _: {"entities": [], "relations": "x"}).predict([GOLD[0]])
    assert document.failure == "relations: expected a list, got 'x'"


def test_a_program_with_relations_is_scored(tmp_path):
    gold = Corpus(
        [
            Document(
                "1",
                TEXT,
                [Entity("LOC", 0, 5, id="a"), Entity("LOC", 11, 16, id="b")],
                relations=[Relation("beat", "a", "b")],
            )
        ]
    )
    answer = {"entities": [JAPAN, SYRIA, MARS], "relations": [BEAT, {**BEAT, "tail": "m"}]}
    answer["relations"][1].pop("id")
    program = write_program(tmp_path / "m.py", answer)

    scores = evaluate(program, gold, "relations/strict", boot=0, model_args={"ground": True})

    row = scores["relations/strict"].micro
    assert (row.tp, row.predicted, row.gold) == (1, 2, 1)


def test_random_answers_are_placed_as_the_file_reader_places_them(tmp_path):
    draw = random.Random(8)
    lines, documents = [], []
    for number in range(300):
        text = " ".join(draw.choice("abcde") for _ in range(draw.randint(1, 8)))
        entities = [
            {"label": draw.choice("XY"), "text": draw.choice("abcdef"), "id": f"e{n}"}
            for n in range(draw.randint(1, 5))
        ]
        ids = [entity["id"] for entity in entities]
        relations = [
            {"label": draw.choice("rs"), "head": draw.choice(ids), "tail": draw.choice(ids)}
            for _ in range(draw.randint(0, 4))
        ]
        answer = {"entities": entities, "relations": relations}
        lines.append(json.dumps({"id": str(number), "text": text, **answer}))
        documents.append(build_document(Document(str(number), text), answer, ground=True))
    (tmp_path / "p.jsonl").write_text("\n".join(lines) + "\n")

    from_file = load_corpus(tmp_path / "p.jsonl", ground=True, predictions=True)

    assert documents == from_file.documents
