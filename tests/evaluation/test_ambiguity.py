"""Where a quote may stand in several places, the report tells F1 for the best and the worst of
them.
"""

import msgspec
import pytest

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    Schema,
    Scores,
    Span,
    Zone,
    score,
)
from evalkit.data.schema import ZoneSchema

TEXT = "Doe met Doe and Doe in Rome and Rome"
GOLD = Document(
    "d", TEXT, entities=(Entity("PER", 8, 11), Entity("PER", 16, 19), Entity("GPE", 23, 27))
)


def said(*entities, choices):
    return Document("d", TEXT, entities=entities, meta={"grounding": {"choices": choices}})


def choices_of(scores):
    return msgspec.to_builtins(scores.metadata.ambiguity)


def test_an_ambiguous_mark_gives_the_f1_of_its_best_and_worst_place():
    predicted = said(
        Entity("PER", 0, 3),
        Entity("GPE", 23, 27),
        choices=[["entities", 0, "", [[0, 3], [8, 11], [16, 19]]]],
    )

    scores = score(Corpus([GOLD]), Corpus([predicted]), "entities/strict", boot=0)

    assert choices_of(scores) == {"entities/strict": {"annotations": 1, "worst": 0.0, "best": 1.0}}
    assert (
        "Ambiguous quotes: 1 annotation of entities can stand in several places; F1 of"
        " entities/strict is 0.400, and 0.400 to 0.800 over all choices" in str(scores)
    )


def test_two_marks_do_not_stand_on_one_gold_span():
    places = [[0, 3], [8, 11]]
    predicted = said(
        Entity("PER", 0, 3),
        Entity("PER", 8, 11),
        choices=[["entities", 0, "", places], ["entities", 1, "", places]],
    )

    scores = score(Corpus([GOLD]), Corpus([predicted]), "entities/strict", boot=0)

    assert choices_of(scores)["entities/strict"] == {"annotations": 2, "worst": -1.0, "best": 0.0}


def test_a_certain_mark_keeps_its_gold_span():
    predicted = said(
        Entity("PER", 8, 11), Entity("PER", 0, 3), choices=[["entities", 1, "", [[0, 3], [8, 11]]]]
    )

    assert (
        choices_of(score(Corpus([GOLD]), Corpus([predicted]), "entities/strict", boot=0))[
            "entities/strict"
        ]["best"]
        == 0.0
    )


def test_another_label_is_no_better_place_unless_a_map_makes_it_one():
    predicted = said(Entity("LOC", 32, 36), choices=[["entities", 0, "", [[23, 27], [32, 36]]]])

    plain = score(Corpus([GOLD]), Corpus([predicted]), "entities/strict", boot=0)
    mapped = score(
        Corpus([GOLD]), Corpus([predicted]), "entities/strict", labels={"GPE": "LOC"}, boot=0
    )

    assert (
        choices_of(plain)["entities/strict"]["best"],
        choices_of(mapped)["entities/strict"]["best"],
    ) == (0.0, 1.0)


def test_triggers_arguments_and_parts_of_attributions_may_be_ambiguous_too():
    gold = Document(
        "d",
        TEXT,
        events=(Event("Meet", Span(4, 7), (Argument("Who", 8, 11),)),),
        attributions=(Attribution(Span(4, 7), Span(8, 11), Span(16, 19)),),
    )
    predicted = Document(
        "d",
        TEXT,
        events=(Event("Meet", Span(4, 7), (Argument("Who", 0, 3),)),),
        attributions=(Attribution(Span(4, 7), Span(8, 11), Span(0, 3)),),
        meta={
            "grounding": {
                "choices": [
                    ["events", 0, "arguments[0]", [[0, 3], [8, 11]]],
                    ["attributions", 0, "source", [[0, 3], [16, 19]]],
                ]
            }
        },
    )

    moved = choices_of(score(Corpus([gold]), Corpus([predicted]), boot=0))

    assert (moved["arguments/strict"]["best"], moved["attributions/strict"]["best"]) == (1.0, 1.0)
    assert "triggers/strict" not in moved


def test_a_file_of_predictions_tells_the_same_and_results_travel(tmp_path):
    predicted = Corpus(
        [said(Entity("PER", 0, 3), choices=[["entities", 0, "", [[0, 3], [8, 11]]]])]
    )
    Corpus([GOLD]).save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "said.jsonl")

    scores = score(tmp_path / "gold.jsonl", tmp_path / "said.jsonl", boot=0)
    again = Scores.from_json(scores.to_json())

    assert choices_of(scores)["entities/strict"] == {"annotations": 1, "worst": 0.0, "best": 1.0}
    assert (again.metadata.ambiguity, str(again)) == (scores.metadata.ambiguity, str(scores))


def test_shards_add_up(tmp_path):
    moved = said(Entity("PER", 0, 3), choices=[["entities", 0, "", [[0, 3], [8, 11]]]])
    other = Document("e", TEXT, GOLD.entities), Document("e", TEXT, moved.entities, meta=moved.meta)

    whole = score(Corpus([GOLD, other[0]]), Corpus([moved, other[1]], "model"), boot=0)
    merged = Scores.merge(
        [
            score(Corpus([GOLD]), Corpus([moved], "model"), boot=0),
            score(Corpus([other[0]]), Corpus([other[1]], "model"), boot=0),
        ]
    )

    assert merged.to_json() == whole.to_json()
    assert choices_of(merged)["entities/strict"] == {"annotations": 2, "worst": 0.0, "best": 2.0}


@pytest.mark.parametrize("place", [0, 250, 499])
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("with_meta", [0, 1, 30])
def test_one_ambiguous_prediction_among_many_is_found(tmp_path, place, jobs, with_meta):
    choices = [["entities", 0, "", [[0, 3], [8, 11], [16, 19]]]]
    gold, predicted = [], []
    for n in range(500):
        meta = {"source": "x"} if n % 31 < with_meta else None
        if n == place:
            meta = {"grounding": {"choices": choices}}
        gold.append(Document(f"d{n}", TEXT, GOLD.entities))
        predicted.append(Document(f"d{n}", TEXT, (Entity("PER", 0, 3),), meta=meta))
    Corpus(gold).save(tmp_path / "gold.jsonl")
    Corpus(predicted).save(tmp_path / "predicted.jsonl")

    scores = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", jobs=jobs, boot=0)

    assert choices_of(scores) == {"entities/strict": {"annotations": 1, "worst": 0.0, "best": 1.0}}


def test_a_mark_that_is_not_there_any_more_is_passed_over():
    predicted = said(choices=[["entities", 0, "", [[0, 3], [8, 11]]]])

    assert choices_of(score(Corpus([GOLD]), Corpus([predicted]), boot=0)) == {}


def test_only_strict_metrics_tell_it_since_the_best_choice_is_made_for_them():
    predicted = said(Entity("PER", 0, 3), choices=[["entities", 0, "", [[0, 3], [8, 11]]]])

    moved = choices_of(
        score(
            Corpus([GOLD]),
            Corpus([predicted]),
            "entities/type,entities/strict,tokens/strict",
            boot=0,
        )
    )

    assert list(moved) == ["entities/strict"]


def test_a_choice_stays_in_the_zone_of_the_chosen_place():
    gold = Document("d", TEXT, GOLD.entities, zones=(Zone("title", 0, 7), Zone("body", 8, 36)))
    schema = Schema(zones={"title": ZoneSchema(primary=()), "body": ZoneSchema()})
    predicted = said(
        Entity("PER", 16, 19), choices=[["entities", 0, "", [[0, 3], [8, 11], [16, 19]]]]
    )

    scores = score(Corpus([gold], schema=schema), Corpus([predicted]), "entities/strict", boot=0)

    assert choices_of(scores)["entities/strict"] == {"annotations": 1, "worst": 0.0, "best": 0.0}
