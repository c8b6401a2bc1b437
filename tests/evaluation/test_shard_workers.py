"""Workers of every kind count what one process counts, and have the same errors."""

import pickle
import re
import subprocess
import sys
import threading
from itertools import product
from pathlib import Path

import pytest
from helpers.perturbed import perturbed
from helpers.quick import choose_quick

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    LoadError,
    Schema,
    Zone,
    score,
)
from evalkit.data.batch import LABEL_IDS, label_id
from evalkit.data.schema import AttributionSchema, EventType, ZoneSchema, encode_schema
from evalkit.errors import DocumentError, MissingDependencyError, UnknownNameError
from evalkit.evaluation.document_join import EvaluationInputs
from evalkit.evaluation.score_options import ScoreOptions
from evalkit.evaluation.scoring_run import ScoringRun
from evalkit.evaluation.shard_counts import decode_shard, encode_shard


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    gold, predicted = perturbed(60, 5)
    gold.save(folder / "gold.jsonl")
    predicted.save(folder / "predicted.jsonl")
    return folder / "gold.jsonl", folder / "predicted.jsonl"


@pytest.fixture(scope="module")
def expected(files):
    return score(*files, boot=20).to_json()


@pytest.mark.parametrize(("backend", "jobs"), [(None, 2), ("loky", 2), ("threading", 5)])
def test_workers_of_every_kind_give_the_same_bytes(files, expected, backend, jobs):
    assert score(*files, jobs=jobs, backend=backend, boot=20).to_json() == expected


SCHEMAS = [
    Schema(labels={"A": ""}),
    Schema(labels={"A": ""}, attributions=AttributionSchema()),
    Schema(attributions=AttributionSchema(types={"direct": ""})),
    Schema(events={"X": EventType()}, zones={"z": ZoneSchema()}),
]


@pytest.mark.parametrize(
    ("schema", "backend"), choose_quick(product(SCHEMAS, ["loky", None]), 3), ids=str
)
def test_workers_give_the_same_digest_of_a_schema(tmp_path, backend, schema):
    gold, predicted = perturbed(20, 5)
    Corpus(list(gold), schema=schema).save(tmp_path / "gold.jsonl")
    Corpus(list(predicted), schema=schema).save(tmp_path / "predicted.jsonl")
    files = tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl"

    scores = score(*files, jobs=2, backend=backend)

    assert scores.to_json() == score(*files).to_json()
    assert encode_schema(pickle.loads(pickle.dumps(schema))) == encode_schema(schema)  # noqa: S301


def zoned(n):
    for number in range(n):
        entities = [Entity("A", 0, 3), Entity("B", 4, 7)]
        yield Document(
            f"d{number}",
            "Ada met. Bo left.",
            entities if number % 3 else None,
            zones=[Zone("body", 0, 8)] if number % 2 else [],
        )


@pytest.mark.parametrize("units", ["documents", "sentences"])
@pytest.mark.parametrize("documents", [1, 7, 300])
def test_counts_come_back_from_bytes(documents, units):
    gold = Corpus(zoned(documents + 1), name="gold")
    options = ScoreOptions.create(zones="all", units=units)
    inputs = EvaluationInputs("gold", "gold", gold.schema, gold, gold, "error")
    run = ScoringRun(inputs, options, len(gold))
    result = run.count()

    shard = decode_shard(encode_shard("part 1", result, {"body"}, has_prediction_meta=True))

    assert (shard.name, shard.zones, shard.has_prediction_meta) == ("part 1", ["body"], True)
    assert_same_result(shard.to_result(), result)


def assert_same_result(one, other):
    assert one.metadata == other.metadata
    assert one.resampling == other.resampling
    for counts, expected in zip(one.counts, other.counts, strict=True):
        assert counts.units == expected.units
        for name in ("unit", "label"):
            array, wanted = getattr(counts, name), getattr(expected, name)
            assert (array.dtype, array.tolist()) == (wanted.dtype, wanted.tolist())
        assert counts.values.tolist() == expected.values.tolist()
        assert (counts.labels, counts.signature) == (expected.labels, expected.signature)


def test_an_error_of_another_process_is_the_same_error():
    errors = [
        LoadError(["a.jsonl:1: x"] * 30, more=2, advice=["y"]),
        UnknownNameError("layer", "entity", ["entities"]),
        DocumentError("z", document="d", layer="entities", index=1, field="end"),
    ]
    for error in errors:
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - bytes of this test

        assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("backend", ["fork", "dask", "", 3])
def test_a_backend_that_does_not_exist_is_refused(files, backend):
    with pytest.raises(UnknownNameError, match="unknown value .* expected one of: loky, threading"):
        score(*files, jobs=2, backend=backend)


def test_a_cluster_needs_its_package_and_its_address(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(InputError, match="expected the address of a scheduler"):
        score(*files, backend="dask:")
    with pytest.raises(MissingDependencyError, match=r"package distributed.*\.\[dask\]"):
        score(*files, backend="dask:tcp://127.0.0.1:1")


def test_a_cluster_counts_no_single_files(files):
    pytest.importorskip("distributed")

    with pytest.raises(InputError, match="a cluster counts shards.*expected patterns"):
        score(*files, backend="dask:tcp://127.0.0.1:1")


def test_labels_that_threads_meet_at_once_have_different_numbers():
    names = [f"thread-label-{number}" for number in range(2000)]
    threads = [
        threading.Thread(target=lambda part=part: [label_id(name) for name in names[part::4]])
        for part in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({LABEL_IDS[name] for name in names}) == len(names)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("killed", "message"),
    [("once", "not killed\n"), ("always", "worker processes ended, .* 2 of 2 shards ")],
)
def test_shards_of_a_killed_worker_are_counted_again(tmp_path, killed, message):
    marker = tmp_path / "marker"
    marker.touch()
    program = Path(__file__).parents[1] / "helpers" / "killed_worker.py"

    run = subprocess.run(
        [sys.executable, program, marker, killed], capture_output=True, text=True, check=True
    )

    assert re.match(message, run.stdout), run.stderr
