"""Counts the items of both sides under each metric, a batch of documents at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from evalkit.corpus import Corpus
from evalkit.data.batch import DocumentBatch, Vocabulary
from evalkit.data.document import Document
from evalkit.data.duplicates import find_duplicates
from evalkit.data.label_maps import LabelMapping
from evalkit.errors import LoadError, escape_controls
from evalkit.evaluation.annotated_layers import AnnotatedLayers
from evalkit.evaluation.document_join import DocumentPairs, EvaluationInputs, gc_disabled, path_of
from evalkit.evaluation.layer_counts import LayerCounts
from evalkit.evaluation.lenient_documents import split_lenient
from evalkit.evaluation.other_texts import are_string_metrics
from evalkit.evaluation.score_options import ScoreOptions
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.registry import format_module
from evalkit.results.metadata import (
    ConversionCounts,
    CorpusInfo,
    ResultMetadata,
    sort_by_count,
)
from evalkit.results.result import Result
from evalkit.scoring.count_table import (
    LabelCodes,
    TableCounter,
    can_count_table,
    counts_muc,
)
from evalkit.scoring.counting import Block, BlockBuilder
from evalkit.scoring.counts import Counts
from evalkit.scoring.digest import CorpusDigests, DigestBuilder
from evalkit.scoring.event_items import HEAD
from evalkit.scoring.layers import Layer, get_layer
from evalkit.scoring.lenient_gold import LenientBlock, find_kinds
from evalkit.scoring.metrics import DEFAULT_METRICS, Metric
from evalkit.scoring.pairs import ItemPair, pairs_of
from evalkit.scoring.parsed_heads import load_parser
from evalkit.stats.intervals import Resampling
from evalkit.version import __version__

# Documents that are compared at once: enough that the cost of calling numpy is shared.
BLOCK_DOCUMENTS = 1024


@dataclass(frozen=True)
class ScoringTask:
    """Two sides, and how they are compared. mapping: the label maps that the options name."""

    inputs: EvaluationInputs
    options: ScoreOptions
    mapping: LabelMapping
    resampling: Resampling

    def metrics(self) -> list[Metric]:
        """The requested metrics; those of all layers if none were requested."""
        if self.options.metrics is not None:
            return list(self.options.metrics)
        return [Metric.parse(name) for name in DEFAULT_METRICS]

    def document_layers(self) -> list[str]:
        """The layers of documents that the metrics are computed from, sorted."""
        return sorted({get_layer(metric.layer).document_layer for metric in self.metrics()})

    def digest_layers(self) -> list[str]:
        """The names of what digests of gold are made from."""
        return sorted({metric.digest_layer for metric in self.metrics()})

    def zones_of(self, document_layer: str) -> frozenset[str] | None:
        """The zones in which a layer is scored; None for everywhere."""
        zones, schema = self.options.zones, self.inputs.schema
        if isinstance(zones, frozenset):
            return zones
        if zones == "primary" and schema is not None:
            return schema.primary_zones(document_layer)
        return None


class DocumentCounter:
    """Goes through all documents of a task once, and keeps counts.

    with_muc: also make the counts that only MUC's sums need. is_shard: whether the documents are a
    part of a corpus. Then the counts of all layers are kept, since the whole decides which of them
    are scored, and a corpus in memory gets its digests.
    """

    def __init__(
        self, task: ScoringTask, *, with_muc: bool = False, is_shard: bool = False
    ) -> None:
        """Nothing is counted yet."""
        self._task = task
        self._is_shard = is_shard
        self._is_digested = is_shard or not isinstance(task.inputs.gold, Corpus)
        self._with_muc = with_muc
        self._layers: dict[str, LayerCounts] = {}
        for metric in task.metrics():
            self._layers.setdefault(metric.layer, LayerCounts([])).metrics.append(metric)
        self._lenient_layers = [name for name in self._layers if is_lenient_layer(task, name)]
        has_strings_only = are_string_metrics(task.metrics())
        self._annotated = AnnotatedLayers(has_strings_only=has_strings_only)
        self._digest = DigestBuilder(task.digest_layers())
        self._declare_labels()
        self._prepare_tables()

    @property
    def zones(self) -> set[str]:
        """The zones that gold has in any document."""
        return self._annotated.zones

    @property
    def has_prediction_meta(self) -> bool:
        """Whether a prediction that was counted has meta."""
        return self._annotated.has_prediction_meta

    def _declare_labels(self) -> None:
        """Give the labels of the schema a row, whether they occur or not."""
        schema = self._task.inputs.schema
        if schema is None or not self._task.mapping.is_identity:
            return
        for name, layer in self._layers.items():
            for label in schema.labels_of(name):
                layer.labels[label]  # numbers the label

    def _prepare_tables(self) -> None:
        """Find out which layers can be counted in tables: entities, by document."""
        self._table_counters: dict[str, TableCounter] = {}
        entities = self._layers.get("entities")
        if entities is None or self._task.resampling.units == "sentences":
            return
        if can_count_table(entities.schemes):
            mapping = self._task.mapping
            self._table_counters["entities"] = TableCounter(
                entities.labels,
                (
                    LabelCodes(entities.labels, mapping.gold.get("entities")),
                    LabelCodes(entities.labels, mapping.predicted.get("entities")),
                ),
                entities.schemes,
                with_muc=self._with_muc or counts_muc(entities.schemes),
            )

    def count(self) -> Result:
        """The counts of all documents: of the requested metrics or, if none were requested, of
        those whose layer both sides have.
        """
        inputs = self._task.inputs
        builders = {name: self._builder(name) for name in self._layers}
        lenient_builders = {name: self._builder(name) for name in self._lenient_layers}
        with gc_disabled():
            for pairs in inputs.iter_batches():
                self._annotated.add(pairs)
                if self._is_digested:
                    # Documents of a file are dropped after counting; those in memory are digested
                    # only if a signature is asked for.
                    self._digest.add(pairs.gold)
                scored_pairs = drop_failed_annotations(pairs)
                split = None
                if lenient_builders and (pairs.gold.has_lenient_entities or pairs.gold.has_zones):
                    split = split_lenient(scored_pairs)
                for name in self._layers:
                    rest = scored_pairs
                    if split is not None and name in lenient_builders:
                        rest = split.plain
                        if add_annotated(lenient_builders[name], split.lenient) >= BLOCK_DOCUMENTS:
                            self._count_lenient_block(name, lenient_builders[name])
                            lenient_builders[name] = self._builder(name)
                    if not rest.gold or self._count_whole_documents(name, rest):
                        continue
                    if add_annotated(builders[name], rest) >= BLOCK_DOCUMENTS:
                        self._count_block(name, builders[name])
                        builders[name] = self._builder(name)
            for name, builder in builders.items():
                self._count_block(name, builder)
            for name, builder in lenient_builders.items():
                self._count_lenient_block(name, builder)
        metadata = self._metadata()
        return Result(
            counts=[self._counts(metric) for metric in self._scored_metrics(metadata)],
            resampling=self._task.resampling._replace(documents=self._annotated.documents),
            digests=self._digests() if self._is_digested else None,
            metadata=metadata,
        )

    def _digests(self) -> CorpusDigests:
        return self._digest.with_schema(self._task.inputs.schema)

    def _scored_metrics(self, metadata: ResultMetadata) -> list[Metric]:
        requested = self._is_shard or self._task.options.metrics is not None
        metrics: list[Metric] = []
        for name, layer in self._layers.items():
            if requested or metadata.layers.is_scorable(get_layer(name).document_layer):
                metrics += layer.metrics
        return metrics

    def _builder(self, name: str) -> BlockBuilder:
        return make_block_builder(self._task, name, self._layers[name].labels)

    def _count_block(self, name: str, builder: BlockBuilder) -> None:
        if len(builder):
            block = build_block(builder, self._task.inputs)
            self._layers[name].add_block(block, len(builder), muc=self._with_muc)

    def _count_lenient_block(self, name: str, builder: BlockBuilder) -> None:
        if len(builder):
            block = build_lenient_block(builder, self._task.inputs)
            kinds = set().union(*map(find_kinds, builder.documents[0]))
            self._layers[name].add_lenient_block(block, kinds, len(builder), muc=self._with_muc)

    def _count_whole_documents(self, name: str, pairs: DocumentPairs) -> bool:
        """Count a batch of documents with contiguous entities and no zones under all schemes at
        once; False if it has anything else, and must be counted as part of a block.
        """
        counter = self._table_counters.get(name)
        if counter is None or not _are_units_of_contiguous_items(pairs):
            return False
        layer = self._layers[name]
        counted = counter.count(pairs.gold.entities, pairs.predicted.entities, len(layer.units))
        if counted is None:
            return False
        layer.add_table(pairs.gold.ids, counted)
        return True

    def _counts(self, metric: Metric) -> Counts:
        layer = self._layers[metric.layer]
        # Blocks have MUC's counts only on request, tables whenever they cost nothing.
        has_only_tables = layer.merged_tables is not None and str(metric) not in layer.cells
        has_incorrect = self._with_muc or (has_only_tables and counts_muc(layer.schemes))
        cells = layer.take_cells(metric)
        set_aside = dict(layer.set_aside.get(str(metric), {}))
        set_aside["documents_not_annotated"] = self._annotated.documents - layer.documents
        set_aside.pop("gold_copies", None)
        return Counts(
            metric=str(metric),
            labels=layer.sorted_labels,
            units=layer.all_units,
            unit=cells.unit,
            label=cells.label,
            values=cells.values,
            signature=self._signature(metric, layer),
            set_aside=set_aside,
            has_incorrect=has_incorrect,
            resampling_unit_count=layer.resampling_unit_count,
            accuracy=layer.accuracy_of(metric),
        )

    def _signature(self, metric: Metric, layer: LayerCounts) -> dict[str, str]:
        """The fields of the signature in order. The digest of gold, which belongs behind the @ of
        the corpus, is computed on first use.
        """
        inputs, resampling = self._task.inputs, self._task.resampling
        zones = self._task.zones_of(get_layer(metric.layer).document_layer)
        fields = {
            "evalkit": __version__,
            "corpus": f"{inputs.name}@",
            "docs": f"{layer.documents}/{self._annotated.documents}",
            "metric": str(metric),
            "zones": "all" if zones is None else "+".join(sorted(zones)) or "none",
            "macro": "union",
            **self._task.mapping.signature_fields(),
            "duplicates": inputs.duplicates,
            "missing": inputs.missing,
            **resampling.signature_fields(),
        }
        gold_field = layer.gold_field(metric)
        if gold_field:
            fields["gold"] = gold_field
        if metric.scheme == HEAD and self._task.options.heads:
            fields["heads"] = load_parser(self._task.options.heads).version
        if get_layer(metric.layer).has_links:
            fields["nil"] = self._task.options.nil or "string"
        if get_layer(metric.layer).has_strings:
            fields["normalization"] = self._task.options.normalization or "verbatim"
        if not inputs.match_texts:
            fields["match_texts"] = "false"
        if inputs.read:
            fields["read"] = inputs.read
        fields["model"] = inputs.prediction_name
        # A | separates fields, and white space could be lost when a signature is copied.
        return {
            name: escape_controls(" ".join(value.replace("|", "/").split()))
            for name, value in fields.items()
        }

    def _conversion(self) -> ConversionCounts:
        """What the readers of both sides dropped, and what predictions have that only gold may."""
        conversion = self._task.inputs.conversion
        unused = self._annotated.unused_marks()
        if not unused:
            return conversion
        predicted = conversion.get("predicted", {})
        dropped = {**predicted.get("dropped", {}), **unused}
        return {**conversion, "predicted": {**predicted, "dropped": dropped}}

    def _metadata(self) -> ResultMetadata:
        inputs, mapping, annotated = (
            self._task.inputs,
            self._task.mapping,
            self._annotated,
        )
        scored_documents: set[str] = set()
        for layer in self._layers.values():
            scored_documents.update(map(attrgetter("document"), layer.units))
        return ResultMetadata(
            model=inputs.prediction_name,
            corpus=CorpusInfo(inputs.name, annotated.documents),
            options=self._task.options.to_scored_options(mapping),
            versions={"evalkit": __version__, "numpy": np.__version__},
            failures=dict(annotated.failures),
            unplaced=sort_by_count(annotated.unplaced_reasons),
            layers=annotated.presence(),
            unscored_documents=sorted(annotated.ids - scored_documents),
            missing_documents=inputs.missing_count,
            unmapped_labels=mapping.unmapped_labels(),
            unused_labels=mapping.unused_labels(self._layers),
            conversion=self._conversion(),
            span_edges=annotated.edges,
            plain_differences={
                metric: difference
                for layer in self._layers.values()
                for metric, difference in layer.differences.items()
            },
        )


def is_lenient_layer(task: ScoringTask, name: str) -> bool:
    """Whether alternatives, optional items and ignore regions of gold count in a layer."""
    return get_layer(name).has_lenient_gold and not task.options.plain_gold


def iter_item_pairs(task: ScoringTask, metric: Metric) -> Iterator[ItemPair]:
    """The matched items of a metric, in the order of the text. Goes through all documents again."""
    labels = Vocabulary()
    is_lenient = is_lenient_layer(task, metric.layer)
    for pairs in map(drop_failed_annotations, task.inputs.iter_batches()):
        split = split_lenient(pairs) if is_lenient else None
        if split is None:
            yield from _pairs_of_documents(task, metric, pairs, labels)
            continue
        position = {id: n for n, id in enumerate(pairs.gold.ids)}
        found = [
            *_pairs_of_documents(task, metric, split.plain, labels),
            *_pairs_of_documents(task, metric, split.lenient, labels, is_lenient=True),
        ]
        yield from sorted(found, key=lambda pair: position[pair.document])


def _pairs_of_documents(
    task: ScoringTask,
    metric: Metric,
    pairs: DocumentPairs,
    labels: Vocabulary,
    *,
    is_lenient: bool = False,
) -> Iterator[ItemPair]:
    builder = make_block_builder(task, metric.layer, labels, keep_documents=True)
    if pairs.gold and add_annotated(builder, pairs):
        build = build_lenient_block if is_lenient else build_block
        yield from pairs_of(build(builder, task.inputs), metric, builder.documents, labels)


def make_block_builder(
    task: ScoringTask, name: str, labels: Vocabulary, *, keep_documents: bool = False
) -> BlockBuilder:
    """A builder for a block of documents in one layer of metrics."""
    layer: Layer = get_layer(name)
    maps = (task.mapping.gold, task.mapping.predicted)
    return BlockBuilder(
        layer,
        name,
        labels,
        task.zones_of(layer.document_layer),
        maps,
        whole=keep_documents,
        by_sentence=task.resampling.units == "sentences",
        symmetric=_symmetric_labels(task),
        normalization=task.options.normalization or "verbatim",
        nil=task.options.nil or "string",
        heads=task.options.heads,
    )


def _symmetric_labels(task: ScoringTask) -> set[str]:
    """The labels of symmetric relations, before and after the label map of gold."""
    schema = task.inputs.schema
    if schema is None or not schema.symmetric_relations:
        return set()
    labels = set(schema.symmetric_relations)
    if "relations" in task.mapping.gold:
        mapper = task.mapping.gold["relations"]
        labels.update(filter(None, [mapper.get(label, label) for label in sorted(labels)]))
    return labels


def build_block(builder: BlockBuilder, inputs: EvaluationInputs) -> Block:
    """The block of the documents that were added. Raises LoadError for duplicates in gold."""
    block = builder.block()
    if block.gold.set_aside["gold_copies"]:
        raise LoadError(list(_iter_duplicates(builder, inputs)))
    return block


def build_lenient_block(builder: BlockBuilder, inputs: EvaluationInputs) -> LenientBlock:
    """The block of documents whose gold is not plain. Raises LoadError for duplicates in gold."""
    block = build_block(builder, inputs)
    return LenientBlock.create(block, builder.documents[0], builder.maps[0])


def _iter_duplicates(builder: BlockBuilder, inputs: EvaluationInputs) -> Iterator[str]:
    """The duplicates in gold; a file is read again, for the line numbers."""
    if isinstance(inputs.gold, Corpus):
        for document in builder.documents[0]:
            for duplicate in find_duplicates(document):
                yield f"{inputs.name}: {duplicate}"
        return
    path = path_of(inputs.gold)
    for location, document in format_module(path).read(path, ConversionReport()):
        if isinstance(document, Document):
            for duplicate in find_duplicates(document):
                yield f"{location}: {duplicate}"


def _are_units_of_contiguous_items(pairs: DocumentPairs) -> bool:
    """Whether all documents are a unit each, with entities that are contiguous and have offsets."""
    gold, predicted = pairs
    if gold.has_unannotated or gold.entities.discontinuous or predicted.entities.discontinuous:
        return False
    return not gold.has_zones and not predicted.has_unplaced


def add_annotated(builder: BlockBuilder, pairs: DocumentPairs) -> int:
    """Add the documents that gold annotates in the layer. Returns the number of documents that the
    builder holds then.
    """
    gold, predicted = pairs
    if gold.contiguous_only and builder.layer.document_layer != "entities":
        return len(builder)
    is_annotated = gold.contiguous_only and not gold.has_unannotated
    annotations: list[Any] = []
    if not is_annotated:
        annotations = list(map(attrgetter(builder.layer.document_layer), gold))
    if None in annotations:
        annotated = [n for n, items in enumerate(annotations) if items is not None]
        gold = DocumentBatch(gold[n] for n in annotated)
        predicted = DocumentBatch(predicted[n] for n in annotated)
    if gold:
        builder.add(gold, predicted)
    return len(builder)


def drop_failed_annotations(pairs: DocumentPairs) -> DocumentPairs:
    """The documents; a failed prediction counts as empty, even if it has annotations."""
    if not pairs.predicted.has_failures:
        return pairs
    predicted = DocumentBatch(
        document if document.failure is None else Document(document.id, document.text)
        for document in pairs.predicted
    )
    return DocumentPairs(pairs.gold, predicted)
