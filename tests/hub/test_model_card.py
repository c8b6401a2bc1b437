"""What a model's own page says of its scores is what the scores say, and what stood there before
still stands there.
"""

import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from helpers.marked import corpus
from huggingface_hub import EvalResultEntry, ModelCard, parse_eval_result_entries
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

from evalkit import (
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Scores,
    Span,
    evaluate,
    score,
    score_tags,
)
from evalkit.errors import MissingDependencyError, UnknownNameError
from evalkit.hub.model_card import (
    HubDataset,
    eval_results,
    model_index,
    undefined_score_notes,
    update_model_card,
)

GOLD = corpus(
    *["[Ada|PER] met [Bo|PER] in [Rome|LOC]", "[Rome|LOC] slept", "nobody left"] * 8, name="tiny"
)
PREDICTED = corpus(
    *["[Ada|PER] met [Bo|LOC] in [Rome|LOC]", "[Rome|LOC] slept", "nobody left"] * 8, name="my-ner"
)
SILENT = corpus(*["Ada met Bo in Rome", "Rome slept", "nobody left"] * 8, name="my-ner")
SCORES = score(GOLD, PREDICTED, ["entities/strict", "entities/exact"], boot=50)
HUB = HubDataset("me/tiny", "Tiny News", config="entities", split="test", revision="5503434")


def front_matter(text):
    return yaml.safe_load(text.split("---\n")[1])


def results(text):
    return front_matter(text)["model-index"][0]["results"]


def test_the_model_index_holds_the_f1_of_each_metric_unrounded():
    strict, exact = SCORES["entities/strict"].micro, SCORES["entities/exact"].micro

    (result,) = results(model_index(SCORES))

    assert [(metric["name"], metric["type"], metric["value"]) for metric in result["metrics"]] == [
        ("F1 (entities/strict)", "f1", strict.f1),
        ("F1 (entities/exact)", "f1", exact.f1),
    ]
    assert strict.f1 == 0.75


def test_a_value_has_precision_recall_counts_and_interval():
    scored = SCORES["entities/strict"]

    args = results(model_index(SCORES))[0]["metrics"][0]["args"]

    assert args == {
        "precision": 0.75,
        "recall": 0.75,
        "gold": 32,
        "predicted": 32,
        "interval": {
            "low": scored.micro.f1_low,
            "high": scored.micro.f1_high,
            "note": scored.micro.interval("f1").reason,
        },
    }


def test_signature_and_kind_of_interval_are_given_once():
    args = results(model_index(SCORES))[0]["dataset"]["args"]

    own = SCORES["entities/strict"].signature
    both = own.replace("metric:entities/strict", "metric:entities/strict+entities/exact")
    assert args == {"signatures": [both], "intervals": "95 % CI"}
    assert "|corpus:tiny@" in both


def test_an_entry_of_the_default_run_is_short():
    scores = evaluate("rules", boot=50)

    lines = model_index(scores).splitlines()

    assert len(lines) < 15 * len(scores)
    assert sum("signature" in line for line in lines) == 1


def test_the_data_set_is_the_one_that_was_named_or_the_corpus():
    named, own = results(model_index(SCORES, dataset=HUB))[0], results(model_index(SCORES))[0]

    assert named["dataset"] == {
        "type": "me/tiny",
        "name": "Tiny News",
        "config": "entities",
        "split": "test",
        "revision": "5503434",
        "args": own["dataset"]["args"],
    }
    assert (own["dataset"]["type"], own["dataset"]["name"]) == ("tiny", "tiny")
    assert named["task"] == {"type": "token-classification"}


def test_the_model_is_the_one_that_was_named_or_that_of_the_scores():
    assert front_matter(model_index(SCORES))["model-index"][0]["name"] == "my-ner"
    assert front_matter(model_index(SCORES, model_name="Mine"))["model-index"][0]["name"] == "Mine"


def test_nothing_of_the_model_index_is_lost_on_its_way_through_the_library_of_the_hub():
    block = model_index(SCORES, dataset=HUB)

    name, found = model_index_to_eval_results(front_matter(block)["model-index"])

    assert (
        eval_results_to_model_index(name, found)
        == front_matter(block)["model-index"]
        == ModelCard(block).data.to_dict()["model-index"]
    )


def test_a_range_of_one_article_is_not_called_an_interval():
    gold, predicted = (
        corpus("[Ada|PER] met [Bo|PER]. " * 10),
        corpus("[Ada|PER] met [Bo|PER]. " * 5 + "[Ada|PER] met Bo. " * 5),
    )

    (result,) = results(model_index(score(gold, predicted, "ner", boot=50)))

    interval = result["metrics"][0]["args"]["interval"]
    assert interval["low"] < interval["high"]
    assert (
        result["dataset"]["args"]["intervals"]
        == "95 % sentence-resampling range, these documents only"
    )


def test_why_there_is_no_interval_is_given_unless_none_was_requested():
    one = corpus("[Ada|PER] met [Bo|PER].")

    with_intervals, without = (
        results(model_index(score(one, one, "ner", boot=boot)))[0] for boot in (50, 0)
    )

    assert with_intervals["metrics"][0]["args"]["interval"] == {
        "none": "one sentence holds all items"
    }
    assert "interval" not in without["metrics"][0]["args"]
    assert "intervals" not in without["dataset"]["args"]


def test_scores_without_documents_have_no_digest():
    args = results(model_index(score_tags([["B-PER"]], [["B-PER"]], boot=0)))[0]["dataset"]["args"]

    assert "|corpus:" not in args["signatures"][0]
    assert "|macro:union|" in args["signatures"][0]


def test_saved_scores_say_the_same(tmp_path):
    SCORES.save(tmp_path / "result.json")

    assert model_index(Scores.load(tmp_path / "result.json")) == model_index(SCORES)


def test_an_undefined_f1_is_left_out_with_a_comment():
    text = "Ada met Bo"
    gold = Corpus([Document("d", text, entities=(Entity("PER", 0, 3),), events=())])
    silent = Corpus([Document("d", text, entities=(), events=())])
    scores = score(gold, silent, ["entities/strict", "triggers/strict"], boot=0)

    block = model_index(scores)

    note = "triggers/strict: F1 is undefined (neither side has an item) and left out"
    assert undefined_score_notes(scores) == [note]
    assert block.startswith(f"---\n# {note}\nmodel-index:\n")
    (metric,) = results(block)[0]["metrics"]
    assert (metric["name"], metric["value"]) == ("F1 (entities/strict)", 0.0)
    assert metric["args"] == {"recall": 0.0, "gold": 1, "predicted": 0}


def test_warnings_are_beside_the_numbers():
    few = corpus("[Ada|PER] met Bo", "Bo")
    scores = score(few, few, "ner", boot=0)

    index, entries = results(model_index(scores)), yaml.safe_load(eval_results(scores, dataset=HUB))

    assert (
        index[0]["dataset"]["args"]["warnings"]
        == scores.warnings
        == ["2 documents: differences between models may be due to chance"]
    )
    assert f"; warning: {scores.warnings[0]}; " in entries[0]["notes"]


def test_where_no_value_is_defined_nothing_is_written(tmp_path):
    empty = score(corpus("Bo"), corpus("Bo"), "ner", boot=0)
    (tmp_path / "README.md").write_text("# Mine\n")

    with pytest.raises(
        InputError, match="no F1 is defined: neither gold nor the prediction has an item"
    ):
        model_index(empty)
    with pytest.raises(InputError, match="no F1 is defined"):
        eval_results(empty, dataset=HUB)
    with pytest.raises(InputError, match="no F1 is defined"):
        update_model_card(tmp_path / "README.md", empty)
    assert (tmp_path / "README.md").read_text() == "# Mine\n"


def test_eval_results_hold_the_f1_of_each_metric_and_all_else_in_words():
    strict = SCORES["entities/strict"]

    found = parse_eval_result_entries(
        yaml.safe_load(
            eval_results(
                SCORES, dataset=HUB, date="2026-01-05", source_url="https://example.org/run"
            )
        )
    )

    notes = (
        "F1 from 0 to 1, micro, entities/strict; precision 0.75; recall 0.75;"
        f" {strict.micro.f1_low} to {strict.micro.f1_high} (95 % CI;"
        f" {strict.micro.interval('f1').reason}); {strict.signature}"
    )
    assert found[0] == EvalResultEntry(
        "me/tiny",
        "entities/strict",
        0.75,
        dataset_revision="5503434",
        date="2026-01-05",
        source_url="https://example.org/run",
        notes=notes,
    )
    assert [(entry.task_id, entry.value) for entry in found] == [
        ("entities/strict", 0.75),
        ("entities/exact", 1.0),
    ]


def test_eval_results_go_to_the_tasks_that_the_benchmark_names():
    found = yaml.safe_load(eval_results(SCORES, dataset=HUB, tasks={"entities/strict": "ner"}))

    assert [entry["dataset"] for entry in found] == [
        {"id": "me/tiny", "task_id": "ner", "revision": "5503434"}
    ]
    with pytest.raises(
        UnknownNameError,
        match=(
            "unknown metric 'entities/type' in 'these scores'; expected one of: entities/strict,"
            " entities/exact"
        ),
    ):
        eval_results(SCORES, dataset=HUB, tasks={"entities/type": "ner"})


def test_an_undefined_f1_is_left_out_of_eval_results_with_a_comment():
    text = "Ada met Bo"
    gold = Corpus([Document("d", text, entities=(Entity("PER", 0, 3),), events=())])
    silent = Corpus([Document("d", text, entities=(), events=())])
    scores = score(gold, silent, ["entities/strict", "triggers/strict"], boot=0)

    found = eval_results(scores, dataset=HUB)

    assert found.startswith(
        "# triggers/strict: F1 is undefined (neither side has an item) and left out\n- dataset:\n"
    )
    assert [(entry["dataset"]["task_id"], entry["value"]) for entry in yaml.safe_load(found)] == [
        ("entities/strict", 0.0)
    ]


@pytest.mark.parametrize("id", ["", None])
def test_a_data_set_has_an_id(id):
    with pytest.raises(
        InputError, match="invalid data set id .*: expected a name on the Hub, such as owner/name"
    ):
        HubDataset(id)


CARD = """---
# of the model
license: mit   # ours
model-index:
- name: Mine
  results:
  - task: {type: token-classification, name: NER}
    dataset: {type: tiny, name: tiny}
    metrics:
    - {type: f1, value: 0.5, name: F1 (entities/strict), verified: true, verifyToken: abc}
    - {type: accuracy, value: .nan}
    extra: kept
# what follows

tags: [ner,   "news"]
---
# Mine

---
model-index: this is prose
"""


@pytest.fixture
def readme(tmp_path):
    def written(text):
        (tmp_path / "README.md").write_bytes(text.encode())
        return tmp_path / "README.md"

    return written


def test_a_readme_gets_the_results_and_keeps_all_else(readme):
    path = readme(CARD)

    left_out = update_model_card(path, SCORES)

    before, changed, after = (
        "---\n# of the model\nlicense: mit   # ours\n",
        path.read_bytes().decode(),
        CARD[CARD.index("# what follows") :],
    )
    old, new = results(changed)
    assert left_out == []
    assert changed.startswith(before + "model-index:\n")
    assert changed.endswith(after)
    assert repr(old) == repr(yaml.safe_load(CARD.split("---\n")[1])["model-index"][0]["results"][0])
    assert new == results(model_index(SCORES))[0]
    assert front_matter(changed)["model-index"][0]["name"] == "Mine"


def test_results_of_the_same_signature_are_replaced_where_they_are(readme):
    path = readme(model_index(SCORES, model_name="Mine") + "# Mine\n")
    update_model_card(path, score(GOLD, GOLD, "entities/type", boot=0))
    worse = score(GOLD, SILENT, ["entities/strict", "entities/exact"], boot=50)

    update_model_card(path, worse)

    first, second = results(path.read_text())
    assert [(metric["name"], metric["value"]) for metric in first["metrics"]] == [
        ("F1 (entities/strict)", 0.0),
        ("F1 (entities/exact)", 0.0),
    ]
    assert [metric["value"] for metric in second["metrics"]] == [1.0]


def test_a_metric_that_was_scored_alone_replaces_its_value_in_an_older_result(readme):
    path = readme(model_index(SCORES, model_name="Mine") + "# Mine\n")

    update_model_card(path, score(GOLD, SILENT, ["entities/strict"], boot=50))

    new, old = results(path.read_text())
    assert [(metric["name"], metric["value"]) for metric in (*new["metrics"], *old["metrics"])] == [
        ("F1 (entities/strict)", 0.0),
        ("F1 (entities/exact)", 1.0),
    ]
    assert old["dataset"]["args"]["signatures"] == [SCORES["entities/exact"].signature]


def test_a_value_that_became_undefined_is_removed(readme):
    event = Event("Meet", trigger=Span(4, 7))
    gold = Document("d", "Ada met Bo", entities=(), events=(event,))
    wrong = Document("d", "Ada met Bo", entities=(Entity("PER", 0, 3),), events=(event,))
    path = readme("# Mine\n")
    metrics = ["entities/strict", "triggers/strict"]

    for predicted in (wrong, gold):
        sides = (Corpus([gold], name="tiny"), Corpus([predicted], name="my-ner"))
        update_model_card(path, score(*sides, metrics, boot=0))

    (result,) = results(path.read_text())
    assert [metric["name"] for metric in result["metrics"]] == ["F1 (triggers/strict)"]


def test_the_same_scores_twice_change_nothing_more(readme):
    path = readme(CARD)
    update_model_card(path, SCORES)
    once = path.read_bytes()

    update_model_card(path, SCORES)

    assert path.read_bytes() == once


def test_results_on_another_split_stand_beside_each_other(readme):
    path = readme("---\nlicense: mit\n---\n")

    update_model_card(path, SCORES, dataset=HubDataset("me/tiny", split="dev"))
    update_model_card(path, SCORES, dataset=HubDataset("me/tiny", split="test"))

    assert [result["dataset"]["split"] for result in results(path.read_text())] == ["dev", "test"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Mine\n",
        "---\n---\n# Mine\n",
        "---\nlicense: mit\n---",
        "---\nmodel-index:\n---\n",
        "---\nmodel-index: []\n---\n# Mine\n",
    ],
)
def test_a_readme_without_results_gets_a_model_index_that_the_hub_reads(readme, text):
    path = readme(text)

    update_model_card(path, SCORES, model_name="Mine")

    card = ModelCard.load(path)
    assert (
        card.data.to_dict()["model-index"]
        == front_matter(model_index(SCORES, model_name="Mine"))["model-index"]
    )
    assert path.read_text().endswith("# Mine\n") == text.endswith("# Mine\n")


def test_a_byte_order_mark_stays_where_it_is(readme):
    path = readme("\ufeff---\nlicense: mit\n---\n# Mine\n")

    update_model_card(path, SCORES)

    assert path.read_text(encoding="utf-8").startswith("\ufeff---\nlicense: mit\nmodel-index:\n")


def test_line_ends_stay_what_they_are(readme):
    path = readme("---\r\nlicense: mit\r\n---\r\n# Mine\r\n")

    update_model_card(path, SCORES)

    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n") > 10


def test_of_several_models_the_one_that_was_named_gets_the_results(readme):
    path = readme("---\nmodel-index:\n- name: A\n  results: []\n- name: B\n  results: []\n---\n")

    update_model_card(path, SCORES, model_name="B")

    assert [len(entry["results"]) for entry in front_matter(path.read_text())["model-index"]] == [
        0,
        1,
    ]
    with pytest.raises(
        InputError,
        match=r"README.md: the model-index is of 'A', 'B', and no name was given; name one of them",
    ):
        update_model_card(path, SCORES)
    with pytest.raises(
        InputError,
        match=r"README.md: the model-index is of 'A', 'B', and not of 'C'; name one of them",
    ):
        update_model_card(path, SCORES, model_name="C")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("---\na: [\n---\n", "README.md: the front matter is not YAML: .*line 2"),
        ("---\n- a\n---\n", r"README.md: invalid front matter \['a'\]: expected names and values"),
        (
            "---\nmodel-index: {name: A}\n---\n",
            "README.md: invalid model-index",
        ),
        (
            "---\nmodel-index:\n- name: A\n---\n",
            (r"README.md: invalid model-index \(KeyError: 'results'\); fix or delete it"),
        ),
        (
            "---\n{license: mit, model-index: []}\n---\n",
            (
                "README.md: the model-index cannot be changed without the rest of the front matter;"
                " write it as a block of its own"
            ),
        ),
        (
            "---\nmodel-index: &here []\ntags: *here\n---\n",
            "README.md: the model-index cannot be changed without the rest of the front matter",
        ),
        (
            "---\nmodel-index: []\nmodel-index: null\n---\n",
            "README.md: the model-index cannot be changed without the rest of the front matter",
        ),
    ],
)
def test_front_matter_that_cannot_be_changed_is_left_as_it_is(readme, text, message):
    path = readme(text)

    with pytest.raises(InputError, match=message):
        update_model_card(path, SCORES)
    assert path.read_text() == text


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "latin.md").write_bytes(b"caf\xe9")

    with pytest.raises(InputError, match="none.md: No such file or directory"):
        update_model_card(tmp_path / "none.md", SCORES)
    with pytest.raises(InputError, match="latin.md: not UTF-8"):
        update_model_card(tmp_path / "latin.md", SCORES)
    with pytest.raises(InputError, match="Is a directory"):
        update_model_card(Path(tmp_path), SCORES)


def test_a_library_that_is_missing_or_too_old_is_named(monkeypatch):
    old = ModuleType("huggingface_hub")
    old.__version__ = "1.3.0"

    monkeypatch.setitem(sys.modules, "huggingface_hub", old)
    with pytest.raises(
        MissingDependencyError,
        match=(
            "a model's page needs huggingface_hub 1.4 or later, and 1.3.0 is installed: pip install"
            " -U 'huggingface_hub>=1.4'"
        ),
    ):
        eval_results(SCORES, dataset=HUB)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(
        MissingDependencyError,
        match=(
            "a model's page needs huggingface_hub, which is not installed: pip install"
            " 'huggingface_hub>=1.4'"
        ),
    ):
        model_index(SCORES)
