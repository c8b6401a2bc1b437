"""Accuracy over pairs with equal spans: the worked example, and equality with plain loops."""

import json

import pytest
from helpers.cli import run_evalkit
from helpers.links import TEXT, characters_of, is_nil, links_of, random_corpora

from evalkit import Corpus, Document, Entity, InputError, Scores, score
from evalkit.evaluation.verify import find_differences

METRICS = ["links/strict", "entities:link/strict"]
LETTER = "Ada Lovelace wrote to Charles Babbage of the Royal Society of London in 1843."


def make_corpus(*links):
    entities = [Entity("X", start, end, attributes={"link": link}) for start, end, link in links]
    return Corpus([Document("letter", LETTER, entities)])


GOLD = make_corpus((0, 12, "Q7259"), (22, 37, "Q46633"), (45, 68, "Q123885"), (72, 76, "NIL1"))
PREDICTED = make_corpus((0, 12, "Q7259"), (22, 37, "Q999"), (45, 58, "Q123885"), (72, 76, "NIL7"))


def pair_by_plain_loops(gold, predicted):
    """(correct, pairs) of the (label, value) of the items of one span: first equal items, then
    those of one label, then those of one value, then the rest, each in the order of their values.
    """
    steps = (
        lambda one, other: one == other,
        lambda one, other: one[0] == other[0],
        lambda one, other: one[1] == other[1],
        lambda _one, _other: True,
    )
    gold, predicted = (sorted(side, key=lambda item: item[1]) for side in (gold, predicted))
    correct = pairs = 0
    for is_pair in steps:
        for one in list(gold):
            for other in predicted:
                if is_pair(one, other):
                    gold.remove(one)
                    predicted.remove(other)
                    correct += one[1] == other[1]
                    pairs += 1
                    break
    return correct, pairs


def measure_by_plain_loops(gold, predicted, metric, nil="string", *, zones=False):
    """(correct, pairs) over all documents."""
    correct = pairs = 0
    for one, other in zip(gold.documents, predicted.documents, strict=True):
        border = one.zones[0].end if zones else 0
        if metric == "links/strict":
            sides = [
                [
                    (characters, "", json.dumps(link))
                    for characters, link in links_of(
                        document, border, nil_is_one=nil == "one", in_kb=False
                    )[0]
                ]
                for document in (one, other)
            ]
        else:
            sides = [list(dict.fromkeys(labeled_links(each, border))) for each in (one, other)]
        for span in {item[0] for item in sides[0]}:
            of_span = [[item[1:] for item in side if item[0] == span] for side in sides]
            more_correct, more_pairs = pair_by_plain_loops(*of_span)
            correct += more_correct
            pairs += more_pairs
    return correct, pairs


def labeled_links(document, first_scored):
    for entity in document.entities:
        characters = characters_of(entity)
        if entity.attributes and "link" in entity.attributes and max(characters) >= first_scored:
            yield characters, entity.label, json.dumps(entity.attributes["link"])


@pytest.mark.parametrize(("nil", "correct"), [("string", 1), ("one", 2)])
def test_the_worked_example(nil, correct):
    accuracy = score(GOLD, PREDICTED, "links", nil=nil)["links/strict"].accuracy
    assert accuracy == (correct, 3)
    assert accuracy.value == correct / 3


def test_only_strict_metrics_of_values_have_an_accuracy():
    metrics = ["entities/strict", "links/type", "links/in-kb", "entities:link/iou:0.5"]
    scores = score(GOLD, PREDICTED, metrics)
    assert {scores[metric].accuracy for metric in metrics} == {None}
    assert "accuracy" not in json.loads(scores.to_json())


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("nil", ["string", "one"])
def test_accuracy_is_that_of_plain_loops(count, nil):
    gold, predicted = random_corpora(count + 1, count)
    scores = score(gold, predicted, METRICS, nil=nil, boot=0)
    for metric in METRICS:
        accuracy = scores[metric].accuracy
        assert accuracy == measure_by_plain_loops(gold, predicted, metric, nil)
        assert 0 < accuracy.correct < accuracy.pairs


def test_items_outside_the_scored_zones_make_no_pairs():
    gold, predicted = random_corpora(21, 200, zones=True)
    scores = score(gold, predicted, METRICS, boot=0)
    for metric in METRICS:
        expected = measure_by_plain_loops(gold, predicted, metric, zones=True)
        assert scores[metric].accuracy == expected


def test_swapped_sides_have_the_same_accuracy_and_order_does_not_matter():
    gold, predicted = random_corpora(22, 200, distinct=True)
    backwards = [
        Document(each.id, each.text, each.entities[::-1]) for each in predicted.documents[::-1]
    ]
    for metric in METRICS:
        accuracy = score(gold, predicted, metric, boot=0)[metric].accuracy
        assert score(predicted, gold, metric, boot=0)[metric].accuracy == accuracy
        assert score(gold, Corpus(backwards), metric, boot=0)[metric].accuracy == accuracy
        itself = score(gold, gold, metric, boot=0)[metric].accuracy
        assert itself.correct == itself.pairs


def test_items_of_one_label_are_paired_first():
    """The values of two entities with equal spans are exchanged: neither is right."""
    gold, predicted = (
        Corpus(
            [
                Document(
                    "d",
                    TEXT,
                    [
                        Entity(label, 0, 3, attributes={"negated": is_negated})
                        for label, is_negated in values
                    ],
                )
            ]
        )
        for values in ([("A", True), ("B", False)], [("A", False), ("B", True)])
    )
    metric = "entities:negated/strict"
    assert score(gold, predicted, metric)[metric].accuracy == (0, 2)


def test_the_label_of_an_entity_does_not_keep_a_pair_apart():
    gold = Corpus([Document("d", TEXT, [Entity("A", 0, 3, attributes={"link": "Q1"})])])
    other = Corpus([Document("d", TEXT, [Entity("B", 0, 3, attributes={"link": "Q1"})])])
    scores = score(gold, other, METRICS)
    assert [scores[metric].accuracy for metric in METRICS] == [(1, 1), (1, 1)]


def test_accuracy_is_printed_below_the_table():
    scores = score(GOLD, PREDICTED, METRICS)
    line = "accuracy: 0.333 (1 of 3 pairs with equal spans)"
    assert str(scores).count(line) == 2
    assert line in str(scores["links/strict"])
    assert line in scores.render("markdown")
    assert line in scores.to_html()
    assert "accuracy: 33.3 (1 of 3" in scores.render(percent=True)
    empty = score(GOLD, make_corpus(), "links")
    assert "accuracy: no pairs with equal spans" in str(empty)
    assert empty["links/strict"].accuracy == (0, 0)
    assert empty["links/strict"].accuracy.value is None


@pytest.mark.slow
def test_files_workers_shards_and_saved_results_hold_the_accuracy(tmp_path):
    gold, predicted = random_corpora(23, 70)
    for folder in ("gold", "predicted", "whole"):
        (tmp_path / folder).mkdir()
    for name, corpus in (("gold", gold), ("predicted", predicted)):
        Corpus(corpus.documents).save(tmp_path / "whole" / f"{name}.jsonl")
        for number, start in enumerate(range(0, 70, 30)):
            part = Corpus(corpus.documents[start : start + 30])
            part.save(tmp_path / name / f"{number}.jsonl")
    whole = [str(tmp_path / "whole" / f"{name}.jsonl") for name in ("gold", "predicted")]
    shards = [str(tmp_path / name / "*.jsonl") for name in ("gold", "predicted")]
    scores = score(*whole, METRICS, boot=0)
    scores.save(tmp_path / "result.json")
    parts = [
        score(
            Corpus(gold.documents[part], name="gold"),
            Corpus(predicted.documents[part], name="predicted"),
            METRICS,
            boot=0,
        )
        for part in (slice(0, 13), slice(13, None))
    ]
    results = [
        scores,
        Scores.load(tmp_path / "result.json"),
        Scores.merge(parts),
        score(*whole, METRICS, boot=0, jobs=2),
        score(*shards, METRICS, boot=0),
        score(*shards, METRICS, boot=0, run_dir=tmp_path / "counts"),
        score(*shards, METRICS, boot=0, run_dir=tmp_path / "counts"),
    ]
    expected = [measure_by_plain_loops(gold, predicted, metric) for metric in METRICS]
    for result in results:
        assert [result[metric].accuracy for metric in METRICS] == expected
    saved = json.loads((tmp_path / "result.json").read_text())["accuracy"]
    assert saved["links/strict"] == dict(zip(("correct", "pairs"), expected[0], strict=True))
    printed = run_evalkit("report", str(tmp_path / "result.json")).stdout
    assert f"({expected[0][0]} of {expected[0][1]} pairs with equal spans)" in printed
    assert find_differences(tmp_path / "result.json", *whole) == []


def test_a_shard_without_annotations_does_not_lose_the_accuracy():
    silent = Corpus([Document("e", LETTER, None)], name="corpus")
    parts = [score(GOLD, PREDICTED, "links", boot=0)]
    metrics = parts[0]["links/strict"].accuracy
    both = Corpus([*GOLD.documents, *silent.documents], name="corpus")
    answers = Corpus([*PREDICTED.documents, Document("e", LETTER, [])], name="corpus")
    assert score(both, answers, "links", boot=0)["links/strict"].accuracy == metrics


@pytest.mark.parametrize("accuracy", [{"correct": 4, "pairs": 3}, {"correct": -1, "pairs": 3}])
def test_an_impossible_accuracy_in_a_file_is_refused(accuracy):
    data = json.loads(score(GOLD, PREDICTED, "links").to_json())
    data["accuracy"]["links/strict"] = accuracy
    with pytest.raises(InputError, match="accuracy"):
        Scores.from_json(json.dumps(data))


def test_results_without_accuracy_are_read():
    data = json.loads(score(GOLD, PREDICTED, "links").to_json())
    del data["accuracy"]
    assert Scores.from_json(json.dumps(data))["links/strict"].accuracy is None


def test_nil_counts_in_the_accuracy_as_the_policy_says():
    gold, predicted = random_corpora(24, 100)
    string, one = (
        score(gold, predicted, "links", nil=nil, boot=0)["links/strict"].accuracy
        for nil in ("string", "one")
    )
    assert string.correct < one.correct
    assert any(
        is_nil((entity.attributes or {}).get("link"))
        for document in gold.documents
        for entity in document.entities
    )
