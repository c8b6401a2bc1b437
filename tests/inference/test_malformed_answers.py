"""A model whose items are all malformed is stopped, and shown one; a model that is merely wrong is
scored.
"""

import json
import shlex
import sys

import pytest
from helpers.endpoint import Endpoint
from helpers.marked import corpus

from evalkit import Document, InputError, load_model, predict
from evalkit.cli import main
from evalkit.errors import ModelError
from evalkit.formats.jsonl import write

GOLD = corpus(*["[Ada|PER] met Bo."] * 7)
MALFORMED = [
    ("PER", 0, 3),
    (0, 3),
    "PER",
    7,
    None,
    {"start": 0, "label": "PER"},
    {"begin": 0, "finish": 3, "label": "PER"},
    {"start": "0", "end": "3", "label": "PER"},
    (3, 0, "PER"),
    (-1, 3, "PER"),
    (0.5, 3, "PER"),
    (0, 3, ["PER"]),
]
OBJECTS = [item for item in MALFORMED if isinstance(item, (dict, str, int)) or item is None]


class Batches:
    """An object with .predict."""

    def __init__(self, item):
        self.item = item

    def predict(self, documents):
        return [[self.item] for _ in documents]


class Spans:
    """What gliner models look like."""

    def __init__(self, item):
        self.item = item

    def predict_entities(self, text, labels, *, threshold, flat_ner, multi_label):
        return [self.item]


def of_program(items):
    code = (
        "import json, sys; [print(json.dumps({'id': json.loads(line)['id'], 'entities':"
        f" {items!r}}}), flush=True) for line in sys.stdin]"
    )
    return f"exec:{sys.executable} -c {shlex.quote(code)}"


def of_kind(kind, item, endpoint):
    if kind == "function":
        return lambda text: [item]
    if kind == "object":
        return Batches(item)
    if kind == "gliner":
        return load_model(Spans(item), labels=["PER"])
    if kind == "exec":
        return of_program([item])
    endpoint.answer = lambda text: {"entities": [item]}
    return load_model("openai:test", base_url=endpoint.url, labels="PER", backoff=0, max_retries=0)


@pytest.mark.parametrize("kind", ["function", "object", "gliner", "exec", "openai"])
@pytest.mark.parametrize("documents", [1, 3, 7])
def test_a_model_whose_items_are_all_malformed_is_stopped_and_shown_one(kind, documents):
    gold = GOLD[:documents]
    item = {"label": "PER", "begin": 0, "finish": 3}
    few = "the document"
    if documents > 1:
        few = f"the first {min(documents, 5)} documents with predictions"

    with (
        Endpoint() as endpoint,
        pytest.raises(
            ModelError,
            match=(
                rf"every prediction for {few} is malformed, such as \{{'label': 'PER', 'begin':"
                r" 0, 'finish': 3\}.*; expected .*label"
            ),
        ) as stopped,
    ):
        predict(of_kind(kind, item, endpoint), gold)

    assert "\n" not in str(stopped.value)
    assert kind != "openai" or endpoint.total == min(documents, 5)


@pytest.mark.parametrize("item", MALFORMED, ids=str)
def test_each_form_that_a_function_gets_wrong_stops_the_run(item):
    for model in (lambda text: [item], Batches(item)):
        with pytest.raises(
            ModelError,
            match="every prediction for the first 5 documents with predictions is malformed",
        ):
            predict(model, GOLD)


def test_the_expected_form_is_given_once():
    with pytest.raises(ModelError) as stopped:
        predict(lambda text: [(0, 3)], GOLD[:1])

    assert str(stopped.value).endswith(
        "every prediction for the document is malformed, such as (0, 3): expected (start, end,"
        " label) with character offsets, or a dict with start, end and label"
    )


@pytest.mark.parametrize("item", OBJECTS, ids=str)
def test_each_form_that_a_program_gets_wrong_stops_the_run(item):
    with pytest.raises(
        ModelError,
        match=(
            r"every prediction for the first 5 documents with predictions is malformed, such as"
            r" .*[;:] expected \{\"label\": \"PER\""
        ),
    ):
        predict(of_program([item]), GOLD)


@pytest.mark.parametrize(
    "layer",
    [
        {"events": [{"type": "Meet", "trigger": {"quote": "met"}}]},
        {"attributions": [{"cue": "met"}]},
    ],
    ids=str,
)
def test_events_and_attributions_of_a_program_are_checked_too(layer):
    code = (
        "import json, sys\nfor line in sys.stdin:\n    print(json.dumps({'id':"
        f" json.loads(line)['id'], **{layer!r}}}), flush=True)"
    )

    with pytest.raises(
        ModelError, match="every prediction for the first 5 documents with predictions is malformed"
    ):
        predict(f"exec:{sys.executable} -c {shlex.quote(code)}", GOLD)


@pytest.mark.parametrize("kind", ["function", "object", "gliner", "exec"])
def test_offsets_past_the_text_are_wrong_and_not_malformed(kind):
    predicted = predict(of_kind(kind, {"label": "PER", "start": 5, "end": 99}, None), GOLD)

    assert [len(document.unplaced) for document in predicted] == [1] * len(GOLD)


def test_quotes_that_are_never_found_are_wrong_and_not_malformed():
    with Endpoint() as endpoint:
        predicted = predict(
            of_kind("openai", {"label": "PER", "quote": "Nobody", "context": "Nobody"}, endpoint),
            GOLD,
        )

    assert [[lost.reason for lost in document.unplaced] for document in predicted] == [
        ["not in the text"]
    ] * len(GOLD)


@pytest.mark.parametrize("valid", range(5))
def test_one_well_formed_item_in_the_first_documents_lets_the_run_go_on(valid, tmp_path):
    texts = iter(range(len(GOLD)))

    def model(text):
        return [("PER", 0, 3), *([(0, 3, "PER")] if next(texts) == valid else [])]

    predicted = predict(model, GOLD, run_dir=tmp_path / "run")

    assert (predicted.ids, [len(document.unplaced) for document in predicted]) == (
        GOLD.ids,
        [1] * len(GOLD),
    )
    assert [document.meta.keys() for document in predicted] == [{"key"}] * len(GOLD)


def test_documents_without_items_and_failures_are_not_counted():
    texts = iter(range(len(GOLD)))

    def model(text):
        n = next(texts)
        if n == 0:
            raise ValueError("no")
        return [] if n in (1, 2) else [("PER", 0, 3)]

    with pytest.raises(
        ModelError, match="every prediction for the first 4 documents with predictions is malformed"
    ):
        predict(model, GOLD)


def test_answers_that_are_all_malformed_are_not_kept_in_a_run_folder(tmp_path):
    for _ in range(2):
        with pytest.raises(ModelError, match="every prediction for the first 5 documents"):
            predict(Batches(("PER", 0, 3)), GOLD, run_dir=tmp_path / "run")

    assert (tmp_path / "run" / "predictions.jsonl").read_text() == ""


def test_the_requests_of_answers_that_are_not_kept_are_counted(tmp_path):
    with (
        Endpoint() as endpoint,
        pytest.raises(ModelError, match="every prediction for the first 5 documents"),
    ):
        predict(of_kind("openai", {"label": "PER"}, endpoint), GOLD, run_dir=tmp_path / "run")

    assert (
        json.loads((tmp_path / "run" / "run.json").read_text())["requests"] == endpoint.total == 5
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_command_ends_with_exit_code_3_and_no_table(jobs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(GOLD, tmp_path / "gold.jsonl")
    (tmp_path / "forms.py").write_text("def find(text):\n    return [('PER', 0, 3)]\n")
    monkeypatch.setattr(
        sys, "argv", ["evalkit", "run", "gold.jsonl", "-m", "forms.py:find", "--jobs", str(jobs)]
    )

    with pytest.raises(SystemExit) as stopped:
        main()

    captured = capsys.readouterr()
    assert (stopped.value.code, captured.out) == (3, "")
    assert captured.err.splitlines()[-1].startswith(
        "evalkit: forms.py:find: every prediction for the first 5 documents with predictions is"
        " malformed, such as ('PER', 0, 3): start: invalid offset 'PER'"
    )


def test_saved_predictions_that_are_malformed_are_refused_with_their_line(tmp_path):
    (tmp_path / "saved.jsonl").write_text(
        json.dumps({"id": "d0", "text": GOLD[0].text, "entities": [["PER", 0, 3]]}) + "\n"
    )

    with pytest.raises(InputError, match=r"saved\.jsonl:1: entities\[0\]"):
        predict(f"predictions:{tmp_path / 'saved.jsonl'}", GOLD[:1])


def test_a_document_that_a_function_returns_is_checked_where_it_is_made():
    def model(text):
        return Document("d", text, [("PER", 0, 3)])

    assert all("expected Entity" in document.failure for document in predict(model, GOLD))
