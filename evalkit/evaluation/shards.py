"""Scoring a corpus in shards: a task for each, counted anywhere, and merged to the scores of all.

    plan = plan_shards("gold/*.jsonl", "predicted/*.jsonl", "entities/strict")
    scores = plan.merge(plan.iter_counts(jobs=2))

`iter_counts` uses the workers of `score`. Other systems, such as Ray and Spark, call `count_shard`
with each of `plan.tasks`; `plan.merge` takes what they return.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from evalkit.errors import InputError, escape_surrogates
from evalkit.evaluation.score_options import ScoreOptions, validate_backend
from evalkit.evaluation.scoring_run import ScoringRun
from evalkit.evaluation.shard_tasks import ShardTask
from evalkit.evaluation.shard_tasks import count_shard as count_shard  # noqa: PLC0414 - public here
from evalkit.evaluation.shard_workers import count_shards
from evalkit.evaluation.sharded_inputs import find_shards
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
    return ShardPlan(gold, predicted, ScoreOptions.create(metrics, **options), name)


class ShardPlan:
    """The tasks that score a corpus in shards, and the merging of what they return.

    `tasks` has one for each shard, in the order of their names. A task can be pickled.
    """

    def __init__(
        self, gold: str | Path, predicted: str | Path, options: ScoreOptions, name: str | None
    ) -> None:
        inputs = find_shards(gold, predicted, options.missing)
        self._run = ScoringRun(inputs, options, SEVERAL)
        self._name = name
        self.tasks = [
            ShardTask.create(shard.name, shard, options, self._run.task.resampling)
            for shard in inputs.shards
        ]

    def iter_counts(self, jobs: int = 1, backend: str | None = None) -> Iterator[bytes]:
        """Yields the counts of each shard, in the order in which workers finish.

        - `jobs`, `backend`: see `score`.

        Raises the first error of a shard.
        """
        validate_backend(backend)
        return count_shards(self.tasks, jobs, backend)

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
