"""Scores one side against another: counts in this process or in several workers, then checks what
can only be checked when all documents were read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evalkit.corpus import Corpus, to_corpus
from evalkit.data.batch import Vocabulary
from evalkit.data.gold_alternatives import IGNORE
from evalkit.data.label_maps import LabelMapping
from evalkit.errors import InputError, UnknownNameError, quoted_repr, spell_option
from evalkit.evaluation.document_counter import DocumentCounter, ScoringTask, iter_item_pairs
from evalkit.evaluation.document_join import EvaluationInputs, gc_disabled
from evalkit.evaluation.score_options import DASK, ScoreOptions
from evalkit.results.metadata import LayerPresence
from evalkit.results.result import Result
from evalkit.scoring.counts import Counts
from evalkit.scoring.digest import CorpusDigests, DigestBuilder
from evalkit.scoring.layers import get_layer
from evalkit.scoring.metrics import Metric
from evalkit.scoring.pairs import ItemPair

if TYPE_CHECKING:
    from evalkit.analysis.document_errors import DocumentErrors
    from evalkit.analysis.error_collector import ErrorRequest, ErrorSummary
    from evalkit.analysis.error_items import ErrorItem
    from evalkit.evaluation.shard_tasks import ShardTask
    from evalkit.results.cascade_gains import CascadeGain


class CountedDocuments(NamedTuple):
    """The counts of documents, the zones that gold has, and whether a prediction has meta."""

    result: Result
    zones: set[str]
    has_prediction_meta: bool


class ScoringRun:
    """Carries out a scoring task, and is the source of its scores (see `ScoringSource`)."""

    has_documents = has_texts = True

    def __init__(
        self,
        inputs: EvaluationInputs,
        options: ScoreOptions,
        documents: int,
        mapping: LabelMapping | None = None,
    ) -> None:
        """documents: the number of gold documents, or any number from 2 on. mapping: the label maps
        of both sides, if they are not those of the options.
        """
        self.task = ScoringTask(
            inputs,
            options,
            mapping or options.resolve_labels(inputs.schema),
            options.resampling(documents),
        )
        self._layers = LayerPresence()
        self._digests: CorpusDigests | None = None
        self.has_prediction_meta = False

    def count(self, jobs: int = 1, backend: str | None = None) -> Result:
        """The counts of all documents, by several workers where both sides are JSONL files in one
        order.

        Raises InputError for documents and options that do not fit.
        """
        counted = self._count_parts(jobs, backend)
        if counted is None:
            counter = DocumentCounter(self.task)
            result = counter.count()
            counted = CountedDocuments(result, counter.zones, counter.has_prediction_meta)
        return self._keep(counted)

    def merge(self, tasks: Sequence[ShardTask], counted: Iterable[bytes]) -> Result:
        """The counts of all shards, from those of each, in any order. Raises InputError as `count`
        does, and for a shard that is missing.
        """
        from evalkit.evaluation.shard_tasks import count_shard

        merged = merge_shards(tasks, counted)
        resampling = self.task.options.resampling(merged.result.resampling.documents)
        if resampling.units != self.task.resampling.units:
            # The sampling units of a single document are its sentences, which was not known.
            self.task = replace(self.task, resampling=resampling)
            tasks = [replace(task, resampling=resampling) for task in tasks]
            merged = merge_shards(tasks, map(count_shard, tasks))
        return self._keep(merged)

    def _keep(self, counted: CountedDocuments) -> Result:
        """Keep what later requests need of a result, which is checked and returned."""
        result = counted.result
        self._layers = result.metadata.layers
        self._digests = result.digests
        self.has_prediction_meta = counted.has_prediction_meta
        self._check(result, counted.zones)
        return result

    def _count_parts(self, jobs: int, backend: str | None) -> CountedDocuments | None:
        """The counts of parts of both files, merged; None if the files cannot be split."""
        tasks = self._split(jobs)
        if len(tasks) < 2:
            if (backend or "").startswith(DASK):
                raise InputError(
                    f"{spell_option('backend', backend)}: a cluster counts shards, or parts of two"
                    f" large JSONL files ({spell_option('jobs')} of 2 or more): expected patterns,"
                    " such as gold/*.jsonl, or folders of JSONL files"
                )
            return None
        from evalkit.evaluation.shard_workers import count_shards

        try:
            return merge_shards(tasks, count_shards(tasks, jobs, backend))
        except InputError:
            # Counting both files whole raises the same error with the right document, or none if
            # only the order of the documents differs.
            return None

    def _split(self, parts: int) -> list[ShardTask]:
        """Tasks for parts of both files; fewer than two if the files cannot be split."""
        inputs = self.task.inputs
        if parts == 1 or not isinstance(inputs.gold, Path):
            return []
        from evalkit.evaluation.file_parts import split_files
        from evalkit.evaluation.shard_tasks import ShardTask

        return [
            ShardTask.create(
                f"{gold.path}, part {number}",
                replace(inputs, gold=gold, predicted=predicted),
                self.task.options,
                self.task.resampling,
            )
            for number, (gold, predicted) in enumerate(
                split_files(inputs.gold, inputs.predicted, parts), start=1
            )
        ]

    def _check(self, result: Result, zones: set[str]) -> None:
        """Raise InputError for a requested metric, layer or zone that the documents do not have,
        and if nothing can be scored.
        """
        inputs, options = self.task.inputs, self.task.options
        for metric in options.metrics or ():
            self._check_layer(metric)
        for counts in result.counts:
            self._layers.check_complete(get_layer(Metric.parse(counts.metric).layer).document_layer)
        if isinstance(options.zones, frozenset):
            for zone in sorted(options.zones - zones):
                known = ("primary", "all", *sorted(zones))
                if zone == IGNORE:
                    raise InputError(
                        f"{spell_option('zones', zone)}: ignore regions cannot be selected;"
                        f" expected one of: {', '.join(known)}"
                    )
                raise UnknownNameError("zone", zone, known, within=inputs.name)
        if result.counts:
            return
        if not result.resampling.documents:
            raise InputError(f"{inputs.name}: no documents")
        if not self._layers.gold:
            raise InputError(
                f"{inputs.name}: no document is annotated in any layer, so that there is nothing to"
                " score"
            )
        raise InputError(
            f"{inputs.name} and {inputs.prediction_name} have no layer in common to score"
        )

    def _check_layer(self, metric: Metric) -> None:
        """Raise InputError if a side annotates the layer of a metric in no document."""
        layer = get_layer(metric.layer).document_layer
        failed_everywhere = self._layers.has_failures and not self._layers.predicted
        if layer not in self._layers.gold:
            side = self.task.inputs.name
        elif layer not in self._layers.predicted and not failed_everywhere:
            side = self.task.inputs.prediction_name
        else:
            return
        raise InputError(f"{metric}: {side} has no {layer} in any document")

    def digests(self) -> CorpusDigests | None:
        """The digests of gold; those of a corpus in memory are computed on first use."""
        return self._digests or self._digests_in_memory

    @cached_property
    def _digests_in_memory(self) -> CorpusDigests | None:
        gold = self.task.inputs.gold
        if not isinstance(gold, Corpus):
            return None
        builder = DigestBuilder(self.task.digest_layers())
        builder.add(list(gold))
        return builder.with_schema(self.task.inputs.schema)

    @cached_property
    def _counts_with_muc(self) -> Sequence[Counts]:
        return DocumentCounter(self.task, with_muc=True).count().counts

    def counts_with_muc(self) -> Sequence[Counts]:
        """The counts of each metric, with those that only MUC's sums need. Goes through all
        documents again.
        """
        return self._counts_with_muc

    def pairs(self, metric: Metric) -> Iterator[ItemPair]:
        """The matched items of a metric, in the order of the text. Goes through all documents
        again.

        Raises InputError for a layer that one side lacks.
        """
        self._check_documents(metric)
        return iter_item_pairs(self.task, metric)

    def summarize_errors(self, request: ErrorRequest) -> ErrorSummary:
        """The errors of a layer, counted. Goes through all documents again.

        Raises InputError for a layer that one side lacks.
        """
        from evalkit.analysis.error_collector import ErrorCollector
        from evalkit.analysis.features import training_surfaces
        from evalkit.evaluation.error_blocks import iter_error_groups

        self._check_documents(request.metric)
        labels = Vocabulary()
        training = None
        if request.train is not None:
            training = training_surfaces(
                to_corpus(request.train),
                request.layer,
                self.task.mapping.gold,
                ignore_case=request.ignore_case,
            )
        collector = ErrorCollector(request, labels, training)
        for group in iter_error_groups(self.task, request.layer, labels):
            for block in group.blocks:
                collector.add(block)
        return collector.summary()

    def iter_errors(self, layer: str) -> Iterator[ErrorItem]:
        """The errors of a layer in the order of the text. Goes through all documents again.

        Raises InputError for a layer that one side lacks.
        """
        from evalkit.analysis.error_collector import ErrorCollector, ErrorRequest
        from evalkit.evaluation.error_blocks import iter_ordered_errors

        self._check_documents(Metric(layer))
        labels = Vocabulary()
        collector = ErrorCollector(ErrorRequest(Metric(layer)), labels)
        yield from iter_ordered_errors(self.task, layer, collector, labels)

    def iter_documents(
        self, layers: Sequence[str], ids: Collection[str]
    ) -> Iterator[DocumentErrors]:
        """Some documents with all items of some layers, in the order of gold. Goes through the
        documents again, up to the last of these.

        Raises InputError for a layer that one side lacks.
        """
        from evalkit.evaluation.error_blocks import iter_document_errors

        for layer in layers:
            self._check_documents(Metric(layer))
        return iter_document_errors(self.task, layers, ids)

    def measure_cascades(self, metric: Metric) -> list[CascadeGain]:
        """What a metric would gain if other layers were correct. Scores all documents again."""
        from evalkit.evaluation.cascades import CASCADES, measure_cascades

        name = str(metric)
        return measure_cascades(self.task, [name]) if name in CASCADES else []

    def _check_documents(self, metric: Metric) -> None:
        """Raise InputError for a layer that one side lacks, everywhere or in some documents."""
        self._check_layer(metric)
        self._layers.check_complete(get_layer(metric.layer).document_layer)


def merge_shards(tasks: Sequence[ShardTask], counted: Iterable[bytes]) -> CountedDocuments:
    """The counts of all shards. counted: the encoded counts of each, in any order.

    Raises InputError for a shard that is missing, and for a document that is in two shards.
    """
    from evalkit.evaluation.shard_counts import decode_shard
    from evalkit.results.merging import merge_results

    shards = {}
    for counts in counted:
        shard = decode_shard(counts)
        shards[shard.name] = shard
    names = [task.name for task in tasks]
    missing = [name for name in names if name not in shards]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(names)} shards were not counted, such as"
            f" {quoted_repr(missing[0])}: expected the counts of each task"
        )
    zones: set[str] = set()
    for shard in shards.values():
        zones.update(shard.zones)
    with gc_disabled():  # none of the many small objects is part of a cycle
        result = merge_results([shards[name].to_result() for name in names], names)
    has_meta = any(shard.has_prediction_meta for shard in shards.values())
    return CountedDocuments(result, zones, has_meta)
