"""Shards are counted by the workers of a dask cluster, also if one of them is killed."""

import os
import signal
import threading
import time

import pytest
from helpers.perturbed import perturbed

from evalkit import Corpus, InputError, score

distributed = pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # dask closes its sockets when they are collected
]


@pytest.fixture
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        yield cluster


def write_shards(folder, documents, shards):
    gold, predicted = perturbed(documents, 8)
    for name, corpus in (("gold", gold), ("predicted", predicted)):
        (folder / name).mkdir()
        corpus.save(folder / f"{name}.jsonl")
        for number in range(shards):
            Corpus(list(corpus)[number::shards]).save(folder / name / f"part-{number}.jsonl")
    return folder / "gold", folder / "predicted"


def test_a_cluster_gives_the_same_bytes(cluster, tmp_path):
    sides = write_shards(tmp_path, 40, 6)

    scores = score(*sides, backend=f"dask:{cluster.scheduler_address}")

    whole = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl")
    assert scores.to_json() == whole.to_json()


def test_shards_of_a_killed_worker_are_counted_by_another(cluster, tmp_path):
    sides = write_shards(tmp_path, 40, 6)
    process = next(iter(cluster.workers.values())).process.process

    def kill_soon():
        time.sleep(2)
        os.kill(process.pid, signal.SIGKILL)

    os.kill(process.pid, signal.SIGSTOP)  # it gets shards, and finishes none
    thread = threading.Thread(target=kill_soon)
    thread.start()
    scores = score(*sides, backend=f"dask:{cluster.scheduler_address}")
    thread.join()

    whole = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl")
    assert scores.to_json() == whole.to_json()


def test_an_address_without_scheduler_is_refused(tmp_path, monkeypatch):
    sides = write_shards(tmp_path, 4, 2)
    monkeypatch.setattr("evalkit.evaluation.shard_workers.CONNECT_SECONDS", 1)

    with pytest.raises(InputError, match="no dask scheduler answers there"):
        score(*sides, backend="dask:tcp://127.0.0.1:9")
