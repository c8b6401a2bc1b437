"""The part of a corpus that one worker counts: what is sent to it, and what it does."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.errors import is_command_line_spelling, use_command_line_spelling
from evalkit.evaluation.document_counter import DocumentCounter, ScoringTask
from evalkit.evaluation.document_join import EvaluationInputs
from evalkit.evaluation.score_options import ScoreOptions
from evalkit.evaluation.shard_counts import encode_shard
from evalkit.stats.intervals import Resampling


@dataclass(frozen=True)
class ShardTask:
    """A shard and how it is scored. Can be pickled, and counted anywhere with `count_shard`.

    name: that of the shard. resampling: that of the whole corpus. on_command_line: whether messages
    write options as on the command line.
    """

    name: str
    inputs: EvaluationInputs
    options: ScoreOptions
    resampling: Resampling
    on_command_line: bool

    @classmethod
    def create(
        cls, name: str, inputs: EvaluationInputs, options: ScoreOptions, resampling: Resampling
    ) -> ShardTask:
        """The task of a shard, with the spelling of options in this process."""
        return cls(name, inputs, options, resampling, is_command_line_spelling())


def count_shard(task: ShardTask) -> bytes:
    """The counts of a shard, encoded as `encode_shard` does.

    Raises InputError for files and documents that cannot be scored.
    """
    if task.on_command_line:  # in a process of its own
        use_command_line_spelling()
    inputs, options = task.inputs, task.options
    mapping = options.resolve_labels(inputs.schema)
    counter = DocumentCounter(ScoringTask(inputs, options, mapping, task.resampling))
    return encode_shard(counter.count(), counter.zones)
