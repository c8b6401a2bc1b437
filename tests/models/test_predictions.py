"""Predictions that exist already are a model: a file, a Corpus, or a list of documents."""

import pytest
from helpers.cli import run_evalkit as evalkit

from evalkit import Corpus, Document, Entity, InputError, evaluate, load_model, predict

GOLD = Corpus(
    [Document(f"d{n}", f"Ada {n}", (Entity("PER", 0, 3),)) for n in range(4)], name="gold"
)
PREDICTED = [
    Document("d0", "Ada 0", (Entity("PER", 0, 3),)),
    Document("d1", "Ada 1", (Entity("ORG", 0, 3),)),
    Document("d2", "Ada 2", ()),
    Document("d3", "Ada 3", (Entity("PER", 0, 3),)),
]
DICTS = [
    {"id": f"d{n}", "text": f"Ada {n}", "entities": [{"label": "PER", "start": 0, "end": 3}]}
    for n in range(4)
]
TRIPLES = [{"id": f"d{n}", "text": f"Ada {n}", "entities": [(0, 3, "PER")]} for n in range(4)]


@pytest.mark.parametrize(
    ("predictions", "tp"),
    [(PREDICTED, 2), (tuple(PREDICTED), 2), (Corpus(PREDICTED), 2), (DICTS, 4), (TRIPLES, 4)],
    ids=["documents", "tuple", "corpus", "dicts", "triples"],
)
def test_predicted_documents_in_memory_are_a_model(predictions, tp):
    assert evaluate(predictions, GOLD)["entities/strict"].micro.tp == tp
    assert predict(predictions, GOLD).ids == GOLD.ids
    assert sorted(load_model(predictions).document_ids) == GOLD.ids


def test_examples_without_ids_are_matched_by_position():
    texts = [("Ada left", {"entities": [(0, 3, "PER")]}), ("Bob left", {"entities": []})]

    assert evaluate(texts, texts)["entities/strict"].micro.f1 == 1


def test_a_corpus_keeps_its_name():
    assert predict(Corpus(PREDICTED, name="tagger-2"), GOLD).name == "tagger-2"


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_predictions_beyond_the_limit_are_ignored(limit, tmp_path):
    Corpus(PREDICTED).save(tmp_path / "out.jsonl")

    for model in (PREDICTED, Corpus(PREDICTED), f"predictions:{tmp_path}/out.jsonl"):
        assert predict(model, GOLD, limit=limit).ids == GOLD.ids[:limit]
        assert evaluate(model, GOLD, limit=limit)["entities/strict"].micro.gold == limit


def test_predictions_of_unknown_documents_are_an_error_with_and_without_limit():
    predictions = [*PREDICTED, Document("d9", "Ada 9", ())]

    for limit in (None, 2):
        with pytest.raises(InputError, match="1 document is not in gold, such as 'd9'"):
            predict(predictions, GOLD, limit=limit)


def test_a_missing_prediction_and_another_text_are_errors():
    with pytest.raises(InputError, match="predictions: no prediction for document 'd1'"):
        predict(PREDICTED[:1], GOLD)
    with pytest.raises(InputError, match="document 'd0' has another text than in the corpus"):
        predict([Document("d0", "Ida 0")], GOLD, limit=1)


def test_an_invalid_prediction_is_named():
    with pytest.raises(InputError, match=r"examples\[1\]: expected a Document, a dict"):
        predict([PREDICTED[0], 7], GOLD)


def test_a_run_is_not_resumed_with_other_predictions(tmp_path):
    predict(PREDICTED, GOLD, run_dir=tmp_path / "run")

    assert predict(PREDICTED, GOLD, run_dir=tmp_path / "run").ids == GOLD.ids
    with pytest.raises(InputError, match="holds another run: documents"):
        predict([*PREDICTED[:3], GOLD[3].without_annotations()], GOLD, run_dir=tmp_path / "run")


def test_limit_with_predictions_on_the_command_line(tmp_path):
    GOLD.save(tmp_path / "gold.jsonl")
    Corpus(PREDICTED).save(tmp_path / "out.jsonl")
    arguments = ["gold.jsonl", "-m", "predictions:out.jsonl", "--limit", "2"]

    run = evalkit("run", *arguments, "--format", "json", "--boot", "0", cwd=tmp_path)
    predicted = evalkit("predict", *arguments, cwd=tmp_path)

    assert run.returncode == predicted.returncode == 0
    assert '"documents":2' in run.stdout.replace(" ", "")
    assert len(predicted.stdout.splitlines()) == 2
