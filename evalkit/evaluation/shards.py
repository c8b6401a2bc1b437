"""Scoring a corpus in shards: a task for each, counted anywhere, and merged to the scores of all.

    plan = plan_shards("gold/*.jsonl", "predicted/*.jsonl", "entities/strict")
    scores = plan.merge(plan.iter_counts(jobs=2))

`iter_counts` uses the workers of `score`. Other systems, such as Ray and Spark, call `count_shard`
with each of `plan.tasks`; `plan.merge` takes what they return.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from evalkit.errors import InputError, escape_surrogates
from evalkit.evaluation.score_options import ScoreOptions, validate_backend
from evalkit.evaluation.scoring_run import ScoringRun
from evalkit.evaluation.shard_store import ShardStore
from evalkit.evaluation.shard_tasks import ShardTask
from evalkit.evaluation.shard_tasks import count_shard as count_shard  # noqa: PLC0414 - public here
from evalkit.evaluation.shard_workers import count_shards
from evalkit.evaluation.sharded_inputs import ShardedInputs, find_shards
from evalkit.results.scores import Scores
from evalkit.scoring.metrics import Metric

SEVERAL = 2  # documents, from which on they are the units of intervals


def plan_shards(
    gold: str | Path,
    predicted: str | Path,
    metrics: str | Iterable[str | Metric] | None = None,
    *,
    name: str | None = None,
    **options: Any,
) -> ShardPlan:
    """Returns the tasks that score a corpus in shards.

    - `gold`, `predicted`: patterns such as "gold/*.jsonl", or folders of JSONL files.
    - `metrics`, `name`, `options`: those of `score`.

    Raises InputError for a shard that one side lacks.
    """
    score_options = ScoreOptions.create(metrics, **options)
    shards = find_shards(
        gold, predicted, score_options.missing, match_texts=score_options.match_texts
    )
    return ShardPlan(shards, score_options, name)


class ShardPlan:
    """The tasks that score a corpus in shards, and the merging of what they return.

    `tasks` has one for each shard, in the order of their names. A task can be pickled.
    """

    def __init__(self, inputs: ShardedInputs, options: ScoreOptions, name: str | None) -> None:
        self._run = ScoringRun(inputs, options, SEVERAL)
        self._name = name
        self.tasks = [
            ShardTask.create(shard.name, shard, options, self._run.task.resampling)
            for shard in inputs.shards
        ]

    def open_store(self, run_dir: str | Path) -> ShardStore:
        """Returns the run directory, which has the counts of shards that are finished.

        Raises InputError for a folder with other files.
        """
        task = self._run.task
        scored_options = msgspec.to_builtins(task.options.to_scored_options(task.mapping))
        return ShardStore(
            run_dir, self.tasks, {**scored_options, "intervals": task.resampling._asdict()}
        )

    def iter_counts(
        self, jobs: int = 1, backend: str | None = None, store: ShardStore | None = None
    ) -> Generator[bytes, None, None]:
        """Yields the counts of each shard, in the order in which workers finish.

        - `jobs`, `backend`: see `score`.
        - `store`: has the counts that need not be made again, and gets all others.

        Raises the first error of a shard.
        """
        validate_backend(backend)
        if store is None:
            yield from count_shards(self.tasks, jobs, backend)
            return
        yield from store.stored.values()
        remaining = [task for task in self.tasks if task.name not in store.stored]
        with closing(count_shards(remaining, jobs, backend)) as counted:
            for counts in counted:
                store.add(counts)
                yield counts
        store.remove_outdated()

    def merge(self, counted: Iterable[bytes]) -> Scores:
        """Returns the scores of the whole corpus.

        - `counted`: the counts of each of `tasks`, in any order.

        Raises InputError for a shard that is missing, for a document that is in two shards, and for
        options that do not fit.
        """
        try:
            result = self._run.merge(self.tasks, counted)
        except msgspec.MsgspecError as error:
            raise InputError(f"not the counts of a shard: {error}") from None
        metadata = result.metadata
        metadata.name = None if self._name is None else escape_surrogates(self._name)
        scored = [counts.metric for counts in result.counts]
        metadata.ambiguity = {
            metric: metadata.ambiguity[metric] for metric in scored if metric in metadata.ambiguity
        }
        return Scores.from_result(result, self._run)
