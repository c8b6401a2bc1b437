"""The part of a corpus that one worker counts: what is sent to it, and what it does."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.errors import InputError, is_command_line_spelling, use_command_line_spelling
from evalkit.evaluation.ambiguity import measure_ambiguity
from evalkit.evaluation.document_counter import DocumentCounter, ScoringTask
from evalkit.evaluation.document_join import EvaluationInputs, refuse_invalid_files
from evalkit.evaluation.score_options import ScoreOptions
from evalkit.evaluation.shard_counts import encode_shard
from evalkit.evaluation.sharded_inputs import ShardPair
from evalkit.stats.intervals import Resampling


@dataclass(frozen=True)
class ShardTask:
    """A shard and how it is scored. Can be pickled, and counted anywhere with `count_shard`.

    name: that of the shard. inputs: two files, or parts of two files that are open. resampling:
    that of the whole corpus. on_command_line: whether messages write options as on the command
    line.
    """

    name: str
    inputs: ShardPair | EvaluationInputs
    options: ScoreOptions
    resampling: Resampling
    on_command_line: bool

    @classmethod
    def create(
        cls,
        name: str,
        inputs: ShardPair | EvaluationInputs,
        options: ScoreOptions,
        resampling: Resampling,
    ) -> ShardTask:
        """The task of a shard, with the spelling of options in this process."""
        return cls(name, inputs, options, resampling, is_command_line_spelling())


def count_shard(task: ShardTask) -> bytes:
    """The counts of a shard, encoded as `encode_shard` does.

    Raises InputError, with the name of the shard, for files and documents that cannot be scored.
    """
    if task.on_command_line:  # in a process of its own
        use_command_line_spelling()
    if isinstance(task.inputs, EvaluationInputs):
        return _count(task, task.inputs)
    try:
        inputs = task.inputs.open(task.options.metrics or ())
        try:
            return _count(task, inputs)
        except InputError:
            refuse_invalid_files(inputs)
            raise
    except InputError as error:
        if type(error) is not InputError:  # an invalid file, which is named
            raise
        raise InputError(f"shard {task.name}: {error}") from None


def _count(task: ShardTask, inputs: EvaluationInputs) -> bytes:
    mapping = task.options.resolve_labels(inputs.schema)
    scoring_task = ScoringTask(inputs, task.options, mapping, task.resampling)
    counter = DocumentCounter(scoring_task, is_shard=True)
    result = counter.count()
    has_meta = counter.has_prediction_meta
    # That of parts of one file is measured over the file.
    if isinstance(task.inputs, ShardPair) and has_meta:
        result.metadata.ambiguity = measure_ambiguity(scoring_task, result.plain_metrics())
    return encode_shard(task.name, result, counter.zones, has_prediction_meta=has_meta)
