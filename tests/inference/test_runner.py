"""A model is run in batches, at once or in processes, and a document that fails takes no other with
it.
"""

import os
import threading
import time

import pytest
from helpers.marked import corpus

from evalkit import Corpus, Document, InputError, load_corpus, predict
from evalkit.errors import EvalkitError, ModelError, PartialRunError
from evalkit.inference.runner import RunOptions, iter_predictions
from evalkit.models.registry import Model
from evalkit.redaction import redact

MANY = Corpus([Document(f"d{n}", f"Ada wrote {n}", entities=()) for n in range(40)])


def empty(document):
    return Document(document.id, document.text, entities=())


def test_answers_keep_the_order_of_the_corpus_however_they_come():
    def answer(documents):
        time.sleep(0.01 if documents[0].id == "d0" else 0)
        return map(empty, documents)

    answers = predict(Model("m", answer, batch_size=1, is_io_bound=True), MANY, concurrency=4)

    assert answers.ids == MANY.ids


def test_the_number_of_concurrent_requests_is_limited():
    at_once, most, both = [], [], threading.Barrier(2)

    def answer(documents):
        at_once.append(1)
        if documents[0].id in ("d0", "d1"):
            both.wait(60)
        most.append(len(at_once))
        at_once.pop()
        return map(empty, documents)

    predict(Model("m", answer, batch_size=1, is_io_bound=True), MANY, concurrency=3)

    assert 2 <= max(most) <= 3


def test_concurrency_is_for_endpoints_only():
    with pytest.raises(
        InputError,
        match=(
            "rules: concurrency=4 is for models behind an endpoint; use jobs=4 for worker processes"
        ),
    ):
        predict("rules", MANY, concurrency=4)


def test_what_is_in_flight_when_a_model_gives_up_comes_back_first():
    gate, found = threading.Event(), []

    def answer(documents):
        if documents[0].id == "d0":
            gate.wait(60)
        if documents[0].id == "d1":
            gate.set()
            raise ModelError("m: refused")
        return map(empty, documents)

    with pytest.raises(ModelError, match="m: refused"):
        found.extend(
            iter_predictions(
                Model("m", answer, batch_size=1, is_io_bound=True), MANY, RunOptions(concurrency=2)
            )
        )

    assert [document.id for document in found] == ["d0"]


def test_a_stopped_run_finishes_its_batch():
    way = RunOptions()

    def answer(documents):
        way.stop_event.set()
        return map(empty, documents)

    found = []
    with pytest.raises(PartialRunError, match="stopped: 8 of 40 documents are answered$"):
        found.extend(iter_predictions(Model("m", answer, batch_size=8), MANY, way))

    assert len(found) == 8


def test_a_model_that_was_given_everything_is_left_at_once():
    way, closed = RunOptions(), []

    def answer(documents):
        try:
            for document in documents:
                way.stop_event.set()
                yield empty(document)
        finally:
            closed.append(True)

    with pytest.raises(PartialRunError, match="stopped: 1 of 40 documents"):
        list(iter_predictions(Model("m", answer, batch_size=0, streams=True), MANY, way))

    assert closed == [True]


def test_too_many_failures_end_a_run_and_name_one():
    def model(text):
        raise TimeoutError("too slow")

    with pytest.raises(
        PartialRunError,
        match=(
            r"3 documents failed, more than max_failures=2, such as 'd2': TimeoutError: too slow;"
            r" fix"
        ),
    ):
        predict(model, MANY, max_failures=2)


def test_several_processes_give_the_same_as_one():
    assert list(predict("rules", load_corpus(), jobs=2)) == list(predict("rules", load_corpus()))
    assert list(predict(lambda text: [(0, 3, "PER")], MANY, jobs=2)) == list(
        predict(lambda text: [(0, 3, "PER")], MANY)
    )


@pytest.mark.slow
def test_a_document_that_takes_its_process_down_is_one_failure():
    def model(text):
        if text.endswith(" 7"):
            os._exit(1)
        return [(0, 3, "PER")]

    answers = predict(model, MANY, jobs=2)

    assert {document.id: document.failure for document in answers if document.failure} == {
        "d7": "the model ended its process"
    }
    assert sum(len(document.entities or ()) for document in answers) == 39


def test_what_cannot_be_sent_to_another_process_is_refused():
    lock = threading.Lock()

    def model(text):
        with lock:
            return []

    with pytest.raises(
        InputError,
        match=(
            r"model: cannot be sent to another process \(.*\); load it by name, as in"
            r" file.py:function, or leave out jobs="
        ),
    ):
        predict(model, MANY, jobs=2)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"concurrency": 0}, "concurrency=0: expected an integer >= 1"),
        ({"jobs": "two"}, 'jobs="two": expected an integer >= 1'),
        ({"concurrency": 2, "jobs": 2}, "concurrency=2 and jobs=2: give one of them"),
        ({"max_failures": -1}, "max_failures=-1: expected an integer >= 0"),
        (
            {"retry_failed": True},
            ("retry_failed=True: there is no run directory with failures: use run_dir="),
        ),
    ],
)
def test_a_way_to_run_that_cannot_be_is_refused(wish, message):
    with pytest.raises(InputError, match=message):
        predict("rules", MANY, **wish)


@pytest.mark.parametrize("extra", [-1, 1])
def test_a_miscount_is_an_error(extra):
    def answer(documents):
        return iter(
            [empty(document) for document in [*documents, documents[0]][: len(documents) + extra]]
        )

    with pytest.raises(EvalkitError, match="m: .* answers to 40 documents"):
        predict(Model("m", answer, batch_size=64), MANY)


def test_a_reason_is_one_line_that_can_be_written():
    def model(text):
        raise ValueError("no\n\nsuch \ud83d thing")

    assert predict(model, corpus("Ada"))[0].failure == r"ValueError: no such \ud83d thing"


def test_secrets_of_the_environment_are_hidden_in_every_form(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "a secret/value")
    monkeypatch.setenv("SHORT_KEY", "abc")

    assert redact(
        {
            "said": ["a secret/value", "a%20secret%2Fvalue", "YSBzZWNyZXQvdmFsdWU=", "abc"],
            "password": "x",
            "max_tokens": 7,
        }
    ) == {
        "said": ["[hidden]", "[hidden]", "[hidden]", "abc"],
        "password": "[hidden]",
        "max_tokens": 7,
    }
