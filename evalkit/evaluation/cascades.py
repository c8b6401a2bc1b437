"""How much F1 a layer would gain if another layer were correct: the corpus is corrected as
`fix_errors` does, and scored again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from evalkit.corpus import Corpus, load_corpus
from evalkit.errors import UnknownNameError
from evalkit.evaluation.annotation_copies import replace_documents
from evalkit.evaluation.document_counter import DocumentCounter, ScoringTask
from evalkit.evaluation.document_join import ShardedSide, Side, path_of
from evalkit.evaluation.event_errors import EventErrors, iter_event_errors
from evalkit.evaluation.event_fixes import EVENT_FIXES, fix_cues, fix_events
from evalkit.evaluation.span_fixes import fix_entities
from evalkit.results.cascade_gains import CascadeGain
from evalkit.results.metadata import LayerPresence
from evalkit.scoring.cells import GOLD, PREDICTED
from evalkit.scoring.columns import Ints
from evalkit.scoring.counts import RATIO_COUNTS, Counts
from evalkit.scoring.layers import get_layer
from evalkit.scoring.metrics import Metric
from evalkit.stats.intervals import NOT_ASKED, Resampling, ratios_of
from evalkit.stats.paired_differences import difference_interval, pair_systems
from evalkit.stats.ratio_intervals import UNDEFINED_RATIO

# For each metric the corrections that change it
CASCADES = {
    "attached-arguments/strict": (*EVENT_FIXES, "entities"),
    "arguments/strict": (*EVENT_FIXES, "entities"),
    "realis/strict": ("triggers", "spurious events"),
    "attached-attributions/strict": ("cues",),
    "attribution-relations/strict": ("cues",),
    "relations/strict": ("entities",),
}


def measure_cascades(task: ScoringTask, metrics: Iterable[str] | None = None) -> list[CascadeGain]:
    """The gain of each metric for each correction of another layer that both sides annotate.

    metrics: some of CASCADES; default: all. Metrics of a layer that a side lacks, or without items
    on either side, are left out. Files are loaded whole on both sides, since a correction makes a
    new corpus: unlike counts, gains take memory for all documents. Raises UnknownNameError for
    another metric.
    """
    chosen = list(CASCADES if metrics is None else metrics)
    for metric in chosen:
        if metric not in CASCADES:
            raise UnknownNameError("metric", metric, CASCADES)
    task, predicted = _load_inputs(task)
    before, presence = _count(task, chosen)
    events = list(iter_event_errors(task)) if presence.is_scorable("events") else []
    after: dict[str, dict[str, Counts]] = {}
    gains = []
    for metric in chosen:
        is_scorable = presence.is_scorable(get_layer(Metric.parse(metric).layer).document_layer)
        if not is_scorable or not _has_items(before[metric]):
            continue
        for kind in CASCADES[metric]:
            if kind == "entities" and not presence.is_scorable("entities"):
                continue
            if kind not in after:
                corrected = _correct(task, predicted, kind, events)
                affected = [each for each in chosen if kind in CASCADES[each]]
                after[kind], _ = _count(corrected, affected)
            counts = before[metric], after[kind][metric]
            gains.append(_compare(metric, kind, *counts, task.resampling))
    return gains


def _load_inputs(task: ScoringTask) -> tuple[ScoringTask, Corpus]:
    """The task with corpora in place of files, and the prediction."""
    gold = _load_side(task.inputs.gold, predictions=False)
    predicted = _load_side(task.inputs.predicted, predictions=True)
    return replace(task, inputs=replace(task.inputs, gold=gold, predicted=predicted)), predicted


def _load_side(side: Side, *, predictions: bool) -> Corpus:
    if isinstance(side, Corpus):
        return side
    if isinstance(side, ShardedSide):
        shards = [load_corpus(location, predictions=predictions) for location in side.locations]
        documents = [document for shard in shards for document in shard]
        return shards[0].with_documents(documents)
    return load_corpus(path_of(side), predictions=predictions)


def _count(task: ScoringTask, metrics: Sequence[str]) -> tuple[dict[str, Counts], LayerPresence]:
    """The counts of some metrics, and the layers that the documents have."""
    parsed = tuple(Metric.parse(metric) for metric in metrics)
    counted = DocumentCounter(replace(task, options=replace(task.options, metrics=parsed))).count()
    return {counts.metric: counts for counts in counted.counts}, counted.metadata.layers


def _has_items(counts: Counts) -> bool:
    return bool(counts.totals[:, [GOLD, PREDICTED]].any())


def _correct(
    task: ScoringTask, predicted: Corpus, kind: str, events: Sequence[EventErrors]
) -> ScoringTask:
    """The task with a corrected prediction."""
    if kind in EVENT_FIXES:
        fixed = fix_events(events, task.mapping, (kind,))
    else:
        fixed = fix_cues(task) if kind == "cues" else fix_entities(task)
    corrected = replace_documents(predicted, fixed)
    return replace(task, inputs=replace(task.inputs, predicted=corrected))


def _compare(
    metric: str, kind: str, before: Counts, after: Counts, resampling: Resampling
) -> CascadeGain:
    tables = _align_units(before, after)
    f1, corrected_f1 = (_f1_of(table) for table in tables)
    if f1 is None or corrected_f1 is None:
        return CascadeGain(metric, kind, f1, corrected_f1, None, UNDEFINED_RATIO)
    interval = NOT_ASKED
    if resampling.boot:
        runs = [tables[1]], [tables[0]]
        pair = pair_systems(*runs, resampling.unit)
        interval = difference_interval(pair, *runs, resampling.level, resampling.unit)
    return CascadeGain(metric, kind, f1, corrected_f1, corrected_f1 - f1, interval)


def _align_units(*counts: Counts) -> list[Ints]:
    """The credits of each side, summed over labels, for the same units: units × 1 × 4."""
    index: dict[tuple[str, int | None], int] = {}
    rows = []
    for each in counts:
        units = each.resampling_units
        keys = zip(units.documents, units.sentences)
        rows.append([index.setdefault(key, len(index)) for key in keys])
    tables = []
    for each, places in zip(counts, rows):
        table = np.zeros((len(index), 1, len(RATIO_COUNTS)), np.int64)
        table[places, 0] = each.credits_by_unit()
        tables.append(table)
    return tables


def _f1_of(table: Ints) -> float | None:
    f1 = float(ratios_of(table.sum(axis=(0, 1)))["f1"])
    return None if np.isnan(f1) else f1
