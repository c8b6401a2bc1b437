"""Scoring shards from the terminal: progress on stderr, Ctrl-C, and what a run directory has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from evalkit.cli.option_values import read_label_options
from evalkit.cli.progress import with_shard_progress
from evalkit.errors import InterruptedRunError, print_notice
from evalkit.evaluation.score_options import ScoreOptions
from evalkit.evaluation.shard_store import ShardStore
from evalkit.evaluation.sharded_inputs import find_shards
from evalkit.evaluation.shards import ShardPlan
from evalkit.results.scores import Scores
from evalkit.results.wording import pluralize


def score_shards(
    gold: str,
    predicted: str,
    metrics: str | None,
    options: Mapping[str, Any],
    *,
    labels: str | None,
    label_map: Sequence[str] | None,
    name: str | None,
    jobs: int,
    backend: str | None,
    run_dir: Path | None,
) -> Scores:
    """The scores of a corpus in shards. options: of `score`, without those that are named here."""
    shards = find_shards(gold, predicted, options["missing"], match_texts=options["match_texts"])
    label_options = read_label_options(shards, labels, label_map)
    plan = ShardPlan(shards, ScoreOptions.create(metrics, **options, **label_options), name)
    store = None if run_dir is None else plan.open_store(run_dir)
    if store is not None:
        for line in _resume_messages(store, len(plan.tasks)):
            print_notice(line)
    counted: list[bytes] = []
    try:
        with closing(plan.iter_counts(jobs, backend, store)) as counts:
            counted.extend(with_shard_progress(counts, len(plan.tasks)))
    except KeyboardInterrupt:
        advice = "--run-dir DIR stores the counts of finished shards"
        if store is not None:
            advice = f"the counts of finished shards are in {run_dir}; the same command resumes"
        raise InterruptedRunError(f"interrupted: {advice}") from None
    scores = plan.merge(counted)
    for side, source in (("gold", gold), ("predicted", predicted)):
        sections = dict(scores.metadata.conversion.get(side, {}))
        for detected in sections.pop("detected", {}):
            print_notice(f"{source}: detected: {detected}")
        for section, names in sections.items():
            heading = "not read" if section == "dropped" else section
            for item, count in names.items():
                print_notice(f"{source}: {heading}: {count:,} {item}")
    return scores


def _resume_messages(store: ShardStore, total: int) -> Iterator[str]:
    """Notices about a run directory that has counts already."""
    if store.stored:
        yield f"{store.folder}: resumes after {len(store.stored):,} of {pluralize(total, 'shard')}"
    if store.changed:
        yield (
            f"{store.folder}: {pluralize(len(store.changed), 'shard')} counted before with other"
            " files, options or version: counted again"
        )
