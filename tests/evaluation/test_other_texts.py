"""Predictions for other texts than gold's, which are compared by their strings."""

import json
import random

import pytest
from helpers.cli import run_evalkit
from helpers.surfaces import count_strings, random_corpora, string_of

from evalkit import Corpus, Document, Entity, InputError, Scores, Unplaced, compare, score
from evalkit.evaluation.verify import find_differences

METRICS = ["surfaces/strict", "surfaces/multiset"]
OPTIONS = {"metrics": METRICS, "normalization": "casefold", "match_texts": False}
REASON = "in another text than gold's"


def corpora_of_other_texts(seed, documents, *, zones=False):
    """Gold, and predictions of which about half belong to the text of another document."""
    gold, others = random_corpora(seed, documents, zones=zones)
    _, predicted = random_corpora(seed, documents, zones=zones)
    draw = random.Random(seed)
    moved = []
    for number, document in enumerate(predicted):
        source = others[draw.randrange(documents)] if draw.random() < 0.5 else document
        moved.append(Document(f"d{number}", source.text, source.entities, unplaced=source.unplaced))
    return gold, Corpus(moved, name="predicted", schema=gold.schema)


def quote_entities(document, gold):
    """The document with gold's text, and its entities as quotes if its own text is another one."""
    text = gold.text
    if document.text == text:
        fields = {"unplaced": document.unplaced, "zones": gold.zones}
        return Document(document.id, text, document.entities, **fields)
    quotes = [
        Unplaced("entities", entity.label, "other", string_of(document, entity))
        for entity in document.entities
    ]
    return Document(document.id, text, [], unplaced=[*quotes, *document.unplaced])


def counts_of(row):
    return row.tp, row.predicted, row.gold


@pytest.mark.parametrize("zones", [False, True])
@pytest.mark.parametrize("documents", [300, pytest.param(10_000, marks=pytest.mark.slow)], ids=str)
def test_strings_of_other_texts_score_as_in_plain_loops(documents, zones):
    gold, predicted = corpora_of_other_texts(documents, documents, zones=zones)

    scores = score(gold, predicted, boot=0, **OPTIONS)

    differing = 0
    for metric in METRICS:
        by_document = dict(scores[metric].by_document())
        for mine, theirs in zip(gold, predicted):
            differing += mine.text != theirs.text
            expected = count_strings(
                mine,
                quote_entities(theirs, mine),
                "casefold",
                repeats=metric.endswith("multiset"),
            )
            row = by_document.get(mine.id)
            assert expected == ((0, 0, 0) if row is None else counts_of(row)), (metric, mine.id)
    assert differing > documents / 2


@pytest.mark.slow
def test_files_shards_and_jobs_give_the_same_numbers(tmp_path):
    gold, predicted = corpora_of_other_texts(3, 150)
    whole = score(gold, predicted, **OPTIONS)
    for side, corpus in (("gold", gold), ("predicted", predicted)):
        corpus.save(tmp_path / f"{side}.jsonl")
        (tmp_path / side).mkdir()
        for n in range(3):
            part = Corpus(list(corpus)[n::3], schema=corpus.schema)
            part.save(tmp_path / side / f"{n}.jsonl")
    files = tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl"
    reversed_predictions = Corpus(list(predicted)[::-1], schema=gold.schema)

    assert score(gold, reversed_predictions, **OPTIONS).rows() == whole.rows()
    assert score(*files, **OPTIONS).rows() == whole.rows()
    assert score(*files, **OPTIONS, jobs=2).rows() == whole.rows()
    shards = tmp_path / "gold", tmp_path / "predicted"
    assert score(*shards, **OPTIONS).rows() == whole.rows()
    assert score(*shards, **OPTIONS, jobs=2, run_dir=tmp_path / "run").rows() == whole.rows()
    with pytest.raises(InputError, match="has another text"):
        score(*shards, METRICS)


def test_equal_texts_score_as_with_matching():
    gold, predicted = random_corpora(4, 100)
    options = {"metrics": METRICS, "normalization": "squad"}

    without = score(gold, predicted, **options, match_texts=False)

    assert without.rows() == score(gold, predicted, **options).rows()


def test_the_result_says_that_texts_were_not_matched(tmp_path):
    gold, predicted = corpora_of_other_texts(5, 20)
    scores = score(gold, predicted, **OPTIONS)
    scores.save(tmp_path / "result.json")
    entities = sum(
        len(theirs.entities) for mine, theirs in zip(gold, predicted) if mine.text != theirs.text
    )

    result = json.loads((tmp_path / "result.json").read_text())

    assert result["options"]["match_texts"] is False
    assert result["unplaced"][REASON] == entities > 0
    assert "|match_texts:false|" in scores["surfaces/strict"].signature
    assert f"compared by their strings: {entities}" in scores.render()
    assert (
        f"compared by their strings: {entities}" in Scores.load(tmp_path / "result.json").render()
    )
    assert not find_differences(tmp_path / "result.json", gold, predicted)
    matched = score(gold, gold, METRICS, normalization="casefold")
    assert "match_texts" not in matched["surfaces/strict"].signature
    with pytest.raises(InputError, match="match_texts"):
        compare(a=scores, b=matched)


def test_missing_and_failed_predictions_stay_what_they_are():
    gold = Corpus([Document(id, "Ada", [Entity("P", 0, 3)]) for id in "abc"])
    predicted = Corpus(
        [Document("a", "ada", [Entity("P", 0, 3)]), Document("b", "x", failure="no")]
    )

    with pytest.raises(InputError, match="lacks document 'c'"):
        score(gold, predicted, **OPTIONS)
    scores = score(gold, predicted, **OPTIONS, missing="empty")

    assert counts_of(scores["surfaces/strict"].micro) == (1, 1, 3)
    assert scores.metadata.failures == {"b": "no"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": None}, "name them with metrics="),
        ({"metrics": ["entities/strict", "surfaces"]}, "entities/strict compares offsets"),
        ({"match_texts": "no"}, "invalid match_texts"),
    ],
)
def test_metrics_that_need_equal_texts_are_refused(options, message):
    gold, predicted = corpora_of_other_texts(6, 3)
    with pytest.raises(InputError, match=message):
        score(gold, predicted, **{"metrics": "surfaces", "match_texts": False, **options})


def test_the_command_line_has_the_option_and_advises_it(tmp_path):
    Corpus([Document("a", "Ada", [Entity("P", 0, 3)])]).save(tmp_path / "gold.jsonl")
    Corpus([Document("a", "a Ada", [Entity("P", 2, 5)])]).save(tmp_path / "predicted.jsonl")
    arguments = [str(tmp_path / "gold.jsonl"), str(tmp_path / "predicted.jsonl")]
    surfaces = ["--metrics", "surfaces"]

    joined = run_evalkit("score", *arguments, *surfaces, "--no-match-texts")
    advised = run_evalkit("score", *arguments, *surfaces)
    refused = run_evalkit("score", *arguments, "--no-match-texts")
    compared = run_evalkit(
        "compare", arguments[1], arguments[1], "--gold", arguments[0], *surfaces, "--no-match-texts"
    )

    assert joined.returncode == 0
    assert "match_texts:false" in joined.stdout
    assert advised.returncode == refused.returncode == 2
    assert "join documents by id only with --no-match-texts" in advised.stderr
    assert "--no-match-texts: expected only metrics that compare strings" in refused.stderr
    assert "match_texts:false" in compared.stdout
