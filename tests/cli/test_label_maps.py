"""--label-map on the command line: repeated maps are merged, and a comparison needs gold."""

import json

import pytest
from helpers.cli import run_evalkit as evalkit
from helpers.marked import corpus


@pytest.fixture
def files(tmp_path):
    corpus("[Ada|PER] met [Acme|ORG]").save(tmp_path / "gold.jsonl")
    corpus("[Ada|person] met [Acme|company]").save(tmp_path / "predicted.jsonl")
    (tmp_path / "map.json").write_text('{"company": "ORG"}')
    (tmp_path / "layers.json").write_text('{"entities": {"company": "ORG"}}')
    return tmp_path


def score(files, *options):
    paths = files / "gold.jsonl", files / "predicted.jsonl"
    return evalkit("score", *paths, "--metrics", "entities/strict", *options)


@pytest.mark.parametrize("second", ["company=ORG", "company=ORG,person=PER", "map.json"])
def test_repeated_label_maps_are_merged(files, second):
    second = str(files / second) if second.endswith(".json") else second

    run = score(files, "--format", "json", "--label-map", "person=PER", "--label-map", second)

    micro = [row for row in json.loads(run.stdout)["rows"] if row["average"] == "micro"]
    assert micro[0]["f1"] == 1.0


def test_a_label_with_two_targets_is_an_error(files):
    run = score(files, "--label-map", "person=PER", "--label-map", "person=ORG")

    assert (run.returncode, run.stderr) == (
        2,
        "evalkit: --label-map: 'person' is renamed to 'PER' and to 'ORG'; give one of them\n",
    )


@pytest.mark.parametrize("second", ["layers.json", "conll2003"])
def test_a_map_of_layers_and_a_map_of_the_schema_stand_alone(files, second):
    second = str(files / second) if second.endswith(".json") else second

    run = score(files, "--label-map", "person=PER", "--label-map", second)

    assert (run.returncode, run.stderr) == (
        2,
        f"evalkit: --label-map {second}: only maps of the form LABEL=NEW can be combined; give"
        " this one alone, or write one FILE.json\n",
    )


def test_a_label_map_for_predictions_without_gold_asks_for_gold(files):
    path = str(files / "predicted.jsonl")

    run = evalkit("compare", path, path, "--label-map", "person=PER")

    assert (run.returncode, run.stderr) == (
        2,
        "evalkit: --label-map: predictions are compared over a gold corpus: name it with --gold\n",
    )


def test_a_label_map_for_saved_results_is_refused(files):
    score(files, "--save", files / "a.json")

    run = evalkit("compare", files / "a.json", files / "a.json", "--labels", "PER")

    assert (run.returncode, run.stderr) == (
        2,
        "evalkit: --labels: the labels of saved results are fixed; score the predictions again with"
        " --labels, or compare predictions and name the gold corpus with --gold\n",
    )
