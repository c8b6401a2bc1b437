"""What do all documents together say?

One comparison: goes through both sides chunk by chunk, and keeps counts.

What is gathered adds up, so that processes of their own can each gather a part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.corpus import Corpus
from evalkit.data.batch import DocumentBatch, Vocabulary
from evalkit.data.document import Document
from evalkit.data.duplicates import find_duplicates
from evalkit.data.label_maps import LabelMapping
from evalkit.errors import InputError, LoadError, UnknownNameError, escape_controls, quoted_repr
from evalkit.evaluation.annotated_layers import Coverage
from evalkit.evaluation.document_join import (
    DocumentPairs,
    EvaluationInputs,
    gc_disabled,
    split_files,
)
from evalkit.evaluation.layer_counts import LayerCounts
from evalkit.formats.jsonl import read
from evalkit.results.result_file import check_layer_complete
from evalkit.results.scores import Scores
from evalkit.scoring.counting import Block, BlockBuilder
from evalkit.scoring.counts import Counts
from evalkit.scoring.digest import CorpusDigests, DigestBuilder
from evalkit.scoring.layers import LAYERS
from evalkit.scoring.metrics import DEFAULT_METRICS, Metric
from evalkit.scoring.pairs import ItemPair, pairs_of
from evalkit.stats.intervals import Resampling
from evalkit.version import evalkit_version

BLOCK_DOCUMENTS = (
    1024  # documents that are compared at once: enough that the cost of calling numpy is shared
)


@dataclass
class ScoringRun:
    """One comparison: where both sides come from, and what was asked of them."""

    source: EvaluationInputs
    requested_metrics: list[Metric] | None
    mapping: LabelMapping
    zones: str | frozenset[str]
    resampling: Resampling
    options: dict[str, Any]
    muc: bool = False

    def __post_init__(self) -> None:
        """Start with nothing gathered."""
        metrics = (
            self.requested_metrics
            if self.requested_metrics is not None
            else [Metric.parse(name) for name in DEFAULT_METRICS]
        )
        names = dict.fromkeys(metric.layer for metric in metrics)
        self.layers = {
            name: LayerCounts([metric for metric in metrics if metric.layer == name])
            for name in names
        }
        self.annotated_layers = Coverage()
        self._digest = DigestBuilder(sorted({LAYERS[name].document_layer for name in self.layers}))
        self._digested = False
        for name, layered in self.layers.items():
            for label in (
                self.source.schema.labels_of(name)
                if self.source.schema and self.mapping.is_identity
                else ()
            ):
                layered.labels[label]

    def scores(self) -> Scores:
        """Go through all blocks, and make scores of the counts."""
        return self.scores_of(self.counts())

    def scores_of(self, counts: Sequence[Counts]) -> Scores:
        """The counts as scores, with what they may ask for later."""
        how = self.resampling._replace(documents=self.annotated_layers.documents)
        return Scores(
            counts,
            how,
            about=self._result_metadata(),
            digests=self.digests,
            pairs=self.pairs,
            recount=self.counts_with_muc,
        )

    def counts(self) -> list[Counts]:
        """Go through all documents, and give the counts."""
        self.count()
        return self.finished_counts()

    def count(self) -> None:
        """Go through all documents, a chunk at a time, and keep the counts of each block."""
        builders = {
            name: self._builder(name, layered.labels) for name, layered in self.layers.items()
        }
        with gc_disabled():
            for chunk in self.source.chunks():
                self.annotated_layers.add(chunk)
                if not isinstance(
                    self.source.gold, Corpus
                ):  # what is let go cannot be digested later
                    self._digest.add(chunk.gold)
                    self._digested = True
                for name in self.layers:
                    if self._add_annotated(builders[name], chunk) >= BLOCK_DOCUMENTS:
                        self._flush(name, builders[name])
                        builders[name] = self._builder(name, self.layers[name].labels)
            for name, builder in builders.items():
                self._flush(name, builder)
            self._digest.flush()

    def finished_counts(self) -> list[Counts]:
        """The counts of what was gathered, once it is known that they may be asked for."""
        self._refuse_unscored()
        counts = [self._counts(metric) for metric in self._scored()]
        if not counts:
            if not self.annotated_layers.documents:
                raise InputError(f"{self.source.name}: no documents")
            if not self.annotated_layers.layers()["gold"]:
                raise InputError(
                    f"{self.source.name}: no document is annotated in any layer, so that there is"
                    " nothing to score"
                )
            raise InputError(
                f"{self.source.name} and {self.source.prediction_name}"
                " have no layer in common to score"
            )
        return counts

    def scores_in_parallel(self, jobs: int) -> Scores:
        """The same scores, from shards of both files that are counted in processes of their own:
        counts simply add up.

        Files that are not JSONL, or not in one order, are gone through in this process.
        """
        parts = (
            split_files(self.source.gold, self.source.predicted, jobs)
            if isinstance(self.source.gold, Path)
            else []
        )
        if len(parts) < 2:
            return self.scores()
        try:
            with ProcessPoolExecutor(len(parts)) as pool:
                runs = pool.map(
                    _count_shard,
                    [
                        replace(self, source=replace(self.source, gold=one, predicted=other))
                        for one, other in parts
                    ],
                )
                for run in runs:
                    self._merge(run)
        except InputError:
            # Says what is wrong as it would be said without shards, or that only the order differs.
            return replace(self).scores()
        return self.scores_of(self.finished_counts())

    def _merge(self, run: ScoringRun) -> None:
        if twice := self.annotated_layers.ids & run.annotated_layers.ids:
            raise LoadError(
                [
                    f"{self.source.name}: id: {quoted_repr(min(twice))} stands for two documents;"
                    " ids"
                    " name"
                    " one document each"
                ]
            )
        for name, layered in self.layers.items():
            layered.merge(run.layers[name])
        self.annotated_layers.merge(run.annotated_layers)
        self.mapping.merge(run.mapping)
        self._digest.merge(run._digest)
        self.source.missing_count += run.source.missing_count
        self._digested = True

    def counts_with_muc(self) -> list[Counts]:
        """The counts once more, with those that only MUC's sums need."""
        return replace(self, muc=True).counts()

    def _builder(self, name: str, labels: Vocabulary, *, whole: bool = False) -> BlockBuilder:
        layer, maps = LAYERS[name], (self.mapping.gold, self.mapping.predicted)
        zones, by_sentence = (
            self._scored_zones(layer.document_layer),
            self.resampling.units == "sentences",
        )
        return BlockBuilder(layer, name, labels, zones, maps, whole=whole, by_sentence=by_sentence)

    def _add_annotated(self, builder: BlockBuilder, chunk: DocumentPairs) -> int:
        """Add the documents that gold annotates in the layer; says how many the block has."""
        golden, predicted = chunk
        marks = list(map(attrgetter(builder.layer.document_layer), golden))
        if None in marks:
            there = [n for n, found in enumerate(marks) if found is not None]
            golden, predicted = (
                DocumentBatch(golden[n] for n in there),
                DocumentBatch(predicted[n] for n in there),
            )
        if self.annotated_layers.has_failures:
            predicted = DocumentBatch(map(_without_failed_answers, predicted))
        if golden:
            builder.add(golden, predicted)
        return len(builder)

    def _flush(self, name: str, builder: BlockBuilder) -> None:
        if len(builder):
            self.layers[name].add_block(self._checked(builder), len(builder), muc=self.muc)

    def _checked(self, builder: BlockBuilder) -> Block:
        block = builder.block()
        if block.gold.set_aside["gold_copies"]:
            raise LoadError(list(self._repeated(builder)))
        return block

    def _repeated(self, builder: BlockBuilder) -> Iterator[str]:
        """What gold repeats; of a file it is read again, for the lines."""
        if isinstance(self.source.gold, Corpus):
            yield from (
                f"{self.source.name}: {fault}"
                for document in builder.documents[0]
                for fault in find_duplicates(document)
            )
            return
        path = self.source.gold if isinstance(self.source.gold, Path) else self.source.gold.path
        for place, document in read(path):
            if isinstance(document, Document):
                yield from (f"{place}: {fault}" for fault in find_duplicates(document))

    def _scored(self) -> Iterator[Metric]:
        for name, layered in self.layers.items():
            if self.requested_metrics is not None or self.annotated_layers.has(
                LAYERS[name].document_layer
            ):
                yield from layered.metrics

    def _refuse_unscored(self) -> None:
        """What was asked for must be there; a prediction that gives a layer must give it for every
        document that gold annotates.
        """
        for metric in self.requested_metrics or ():
            self._refuse_missing_layer(metric)
        for marks in {LAYERS[metric.layer].document_layer for metric in self._scored()}:
            check_layer_complete(marks, self.annotated_layers.layers())
        self._refuse_unknown_zones()

    def _refuse_missing_layer(self, metric: Metric) -> None:
        """Raise InputError where a side annotates the layer of a metric in no document."""
        marks = LAYERS[metric.layer].document_layer
        for side, there in (
            (self.source.name, self.annotated_layers.in_gold),
            (self.source.prediction_name, self.annotated_layers.in_predicted),
        ):
            if marks not in there and not (
                there is self.annotated_layers.in_predicted
                and self.annotated_layers.has_failures
                and not self.annotated_layers.in_predicted
            ):
                raise InputError(f"{metric}: {side} has no {marks} in any document")

    def _refuse_unknown_zones(self) -> None:
        for zone in sorted(self.zones) if isinstance(self.zones, frozenset) else ():
            if zone not in self.annotated_layers.zones:
                raise UnknownNameError(
                    "zone",
                    zone,
                    ("primary", "all", *sorted(self.annotated_layers.zones)),
                    within=self.source.name,
                )

    def _scored_zones(self, marks: str) -> frozenset[str] | None:
        """The zones in which a layer is scored; None for everywhere."""
        if isinstance(self.zones, frozenset):
            return self.zones
        return (
            self.source.schema.primary_zones(marks)
            if self.zones == "primary" and self.source.schema
            else None
        )

    def _counts(self, metric: Metric) -> Counts:
        layered = self.layers[metric.layer]
        ranks = layered.labels.sorted_positions()
        cells = layered.all_cells(str(metric))
        aside = dict(layered.aside.get(str(metric), {}))
        aside["documents_not_annotated"] = self.annotated_layers.documents - layered.documents
        aside.pop("gold_copies", None)
        return Counts(
            str(metric),
            tuple(sorted(layered.labels)),
            tuple(layered.units),
            cells[0],
            ranks[cells[1]] if len(ranks) else cells[1],
            cells[2:],
            self._signature(metric, layered),
            aside,
            self.muc,
            layered.scored,
        )

    def _signature(self, metric: Metric, layered: LayerCounts) -> dict[str, str]:
        """The signature's fields in order; the digest of gold is computed on first use."""
        zones = self._scored_zones(LAYERS[metric.layer].document_layer)
        fields = {
            "evalkit": evalkit_version(),
            "corpus": f"{self.source.name}@",
            "docs": f"{layered.documents}/{self.annotated_layers.documents}",
            "metric": str(metric),
            "zones": "all" if zones is None else "+".join(sorted(zones)) or "none",
            "macro": "union",
            **self.mapping.signature_fields(),
            "duplicates": self.source.duplicates,
            "missing": self.source.missing,
            "units": self.resampling.units,
            "level": str(self.resampling.level),
            "boot": str(self.resampling.boot),
            "seed": str(self.resampling.seed),
            **({"read": self.source.read} if self.source.read else {}),
            "model": self.source.prediction_name,
        }
        return {
            name: escape_controls(" ".join(value.replace("|", "/").split()))
            for name, value in fields.items()
        }

    def _result_metadata(self) -> dict[str, Any]:
        """What was run on what, as results.py lists it."""
        return {
            "model": self.source.prediction_name,
            "corpus": {"name": self.source.name, "documents": self.annotated_layers.documents},
            "options": self.options,
            "versions": {"evalkit": evalkit_version(), "numpy": np.__version__},
            "failures": dict(self.annotated_layers.failures),
            "unplaced": dict(
                sorted(
                    self.annotated_layers.unplaced_reasons.items(),
                    key=lambda item: (-item[1], item[0]),
                )
            ),
            "layers": self.annotated_layers.layers(),
            "unscored_documents": sorted(
                self.annotated_layers.ids
                - {unit.document for layered in self.layers.values() for unit in layered.units}
            ),
            "missing_documents": self.source.missing_count,
            "unmapped_labels": self.mapping.unmapped_labels(),
            "unused_labels": self.mapping.unused_labels(self.layers),
            "conversion": self.source.conversion,
            "span_edges": {
                side: edges.to_json() for side, edges in self.annotated_layers.edges.items()
            },
        }

    def digests(self) -> CorpusDigests:
        """The digests of gold; those of a corpus in memory are computed on first use."""
        if not self._digested and isinstance(self.source.gold, Corpus):
            self._digest.add(list(self.source.gold))
            self._digested = True
        return self._digest.with_schema(self.source.schema)

    def pairs(self, metric: Metric) -> Iterator[ItemPair]:
        """Who answers whom under a metric, document by document; the documents are gone through
        again.

        Raises InputError for a layer that was not scored and that one side lacks.
        """
        if metric.layer not in self.layers:
            self._refuse_missing_layer(metric)
            check_layer_complete(
                LAYERS[metric.layer].document_layer, self.annotated_layers.layers()
            )
        labels = self.layers[metric.layer].labels if metric.layer in self.layers else Vocabulary()
        for chunk in self.source.chunks():
            builder = self._builder(metric.layer, labels, whole=True)
            if self._add_annotated(builder, chunk):
                yield from pairs_of(self._checked(builder), metric, builder.documents, labels)


def _count_shard(run: ScoringRun) -> ScoringRun:
    """A run after it has gone through its documents: what a process of its own sends back."""
    run.count()
    for layered in run.layers.values():
        layered.compact()
    return run


def _without_failed_answers(document: Any) -> Any:
    """A prediction; one that failed says nothing, whatever it carries."""
    return document if document.failure is None else Document(document.id, document.text)
