"""Scores of tag sequences and of bare spans, which have no documents.

Each sequence, or list of spans, counts as a document. Offsets count tokens, or whatever the caller
counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np

from evalkit.analysis.document_errors import DocumentErrors
from evalkit.analysis.error_collector import ErrorCollector, ErrorRequest, ErrorSummary
from evalkit.analysis.error_items import ErrorBlock, ErrorItem
from evalkit.analysis.error_kinds import NO_DETAIL
from evalkit.analysis.features import FEATURES_WITHOUT_TEXT, needs_texts
from evalkit.data.batch import Vocabulary
from evalkit.data.label_maps import (
    LabelMapOption,
    LabelMapping,
    LabelsOption,
    resolve_label_mapping,
)
from evalkit.data.tags import TagReader
from evalkit.errors import InputError
from evalkit.evaluation.span_arrays import (
    BareSpan,
    build_span_arrays,
    check_equal_length,
    check_equal_tag_counts,
    tagged_span_arrays,
)
from evalkit.evaluation.span_blocks import (
    SpanBlock,
    build_span_block,
    document_lengths,
    map_labels,
    to_entity_arrays,
)
from evalkit.evaluation.span_tables import list_table_spans
from evalkit.formats.arrow_objects import ArrowTable, is_data_frame
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.reading_options import signature_field
from evalkit.results.cascade_gains import CascadeGain
from evalkit.results.metadata import (
    ConversionCounts,
    CorpusInfo,
    LayerPresence,
    ResultMetadata,
    ScoredOptions,
)
from evalkit.results.result import Result
from evalkit.results.scores import Scores
from evalkit.scoring.cells import MetricCells, merge_cells
from evalkit.scoring.columns import (
    DROPPED_LABEL,
    Cells,
    Ints,
)
from evalkit.scoring.count_table import (
    CountTable,
    LabelCodes,
    MergedTables,
    TableCounter,
    can_count_table,
    cells_of_scheme,
    counts_muc,
    merge_tables,
)
from evalkit.scoring.counts import Counts
from evalkit.scoring.metrics import Metric, parse_metrics
from evalkit.scoring.pairs import ItemPair, pairs_of_spans
from evalkit.scoring.zones import CountUnit, iter_document_units
from evalkit.stats.intervals import Resampling, make_resampling
from evalkit.version import evalkit_version

BLOCK_DOCUMENTS = 1024  # documents that are compared at once
DEFAULT_TAG_OPTIONS = {"tagging": "IOB2", "repair": "error"}


def score_tags(
    gold_tags: Sequence[Sequence[str]],
    predicted_tags: Sequence[Sequence[str]],
    *,
    tagging: str = "IOB2",
    repair: str = "error",
    metrics: str | Iterable[str | Metric] = "entities/strict",
    labels: LabelsOption = None,
    label_map: LabelMapOption = None,
    boot: int = 1000,
    seed: int = 12345,
    level: float = 0.95,
) -> Scores:
    """Score sequences of tags, one for each sentence, against those of gold.

    Each sequence counts as a document; intervals assume that sequences are independent, and the
    signature says so (`read:gold=documents:sentence`).

    - `tagging`: IOB2, IOB1, IOE2, IOE1, IO, BIOES, BILOU, BMES, bare (the tag is the label) or
      suffix (PER-B).
    - `repair`: how invalid tags are read: "error", "discard", "begin" or "conlleval". Named in
      the signature, and repairs are counted.
    - `metrics`: those of entities, except characters, and those of tokens.
    - `labels`: a list of labels to score.
    - `label_map`: a map such as {"person": "PER", "*": None}, or a pair (gold, predicted).
    - `boot`: 0 for no intervals. `level`: of the intervals; the sampling units are sequences.
      `seed`: of permutation tests.

    Raises InputError for sequences of different numbers or lengths, for what is not a tag, and for
    invalid tags without a repair.

    >>> score_tags([["B-PER", "I-PER", "O"]], [["B-PER", "O", "O"]])["entities/strict"].micro.f1
    0.0
    """
    for tags in (gold_tags, predicted_tags):
        if is_data_frame(tags):
            raise InputError(
                "expected a list of tags for each sentence, got a table: convert its column of tags"
                " to a list; load_corpus reads tables of tokens"
            )
    check_equal_length(gold_tags, predicted_tags, "sequences")
    reader = TagReader(tagging, repair)
    blocks: list[SpanBlock] = []
    repaired = {"gold_repaired": 0, "predicted_repaired": 0}
    for first in range(0, len(gold_tags), BLOCK_DOCUMENTS):
        rows = slice(first, first + BLOCK_DOCUMENTS)
        gold = reader.read(gold_tags[rows], "gold")
        predicted = reader.read(predicted_tags[rows], "predicted")
        check_equal_tag_counts(gold.lengths, predicted.lengths, first)
        gold_spans = reader.spans(gold, "gold", first)
        predicted_spans = reader.spans(predicted, "predicted", first)
        repaired["gold_repaired"] += gold_spans.improper
        repaired["predicted_repaired"] += predicted_spans.improper
        blocks.append(
            SpanBlock(
                first,
                len(gold.lengths),
                tagged_span_arrays(gold_spans),
                tagged_span_arrays(predicted_spans),
            )
        )
    run = SpanScoringRun(
        blocks,
        reader.labels,
        resolve_label_mapping(labels, label_map, None),
        parse_metrics(metrics),
        make_resampling(len(gold_tags), "documents", boot, seed, level),
        repaired,
        {"tagging": tagging, "repair": repair},
    )
    return Scores.from_result(run.count(), run)


def score_spans(
    gold: Sequence[Sequence[BareSpan]] | ArrowTable,
    predicted: Sequence[Sequence[BareSpan]] | ArrowTable,
    metrics: str | Iterable[str | Metric] = "entities/strict",
    *,
    labels: LabelsOption = None,
    label_map: LabelMapOption = None,
    boot: int = 1000,
    seed: int = 12345,
    level: float = 0.95,
) -> Scores:
    """Score lists of (start, end, label), one for each document, against those of gold.

    Ends are exclusive. A span may be a dict with start, end and label (entity_group, as in
    transformers, or entity_type, as in Presidio); other keys are ignored. Both sides may be data
    frames with a span in each row (document, start, end, label), or a document; see the format
    parquet. Their documents are joined by id, and those without rows on one side are counted.

    - `metrics`: those of entities.
    - `labels`: a list of labels to score.
    - `label_map`: a map such as {"person": "PER", "*": None}, or a pair (gold, predicted).
    - `boot`: 0 for no intervals. `level`: of the intervals; the sampling units are documents.
      `seed`: of permutation tests.

    Raises InputError for different numbers of documents, for what is not a span, and for duplicate
    spans in gold.

    >>> scores = score_spans([[(0, 2, "PER")]], [[(0, 2, "PER"), (5, 6, "ORG")]])
    >>> scores["entities/strict"].micro.precision
    0.5
    """
    reports: dict[str, ConversionReport] = {}
    if is_data_frame(gold) or is_data_frame(predicted):
        gold, predicted, reports = list_table_spans(
            cast("ArrowTable", gold), cast("ArrowTable", predicted)
        )
    gold = cast("Sequence[Sequence[BareSpan]]", gold)
    predicted = cast("Sequence[Sequence[BareSpan]]", predicted)
    check_equal_length(gold, predicted, "lists of spans")
    mapping = resolve_label_mapping(labels, label_map, None)
    vocabulary = Vocabulary()
    blocks: list[SpanBlock] = []
    for first in range(0, len(gold), BLOCK_DOCUMENTS):
        rows = slice(first, first + BLOCK_DOCUMENTS)
        blocks.append(
            SpanBlock(
                first,
                len(gold[rows]),
                build_span_arrays(gold[rows], vocabulary, "gold", first),
                build_span_arrays(predicted[rows], vocabulary, "predicted", first),
            )
        )
    run = SpanScoringRun(
        blocks,
        vocabulary,
        mapping,
        parse_metrics(metrics),
        make_resampling(len(gold), "documents", boot, seed, level),
        {},
        {},
        {side: report.to_json() for side, report in reports.items()},
    )
    return Scores.from_result(run.count(), run)


class SpanScoringRun:
    """Spans of both sides and how they are compared; the source of their scores (see
    `ScoringSource`).

    set_aside: the number of repairs of each side. tag_options: tagging and repair; empty for bare
    spans. conversion: what was read of each table.
    """

    has_documents, has_texts = True, False

    def __init__(
        self,
        blocks: Sequence[SpanBlock],
        labels: Vocabulary,
        mapping: LabelMapping,
        metrics: Sequence[Metric],
        resampling: Resampling,
        set_aside: Mapping[str, int],
        tag_options: Mapping[str, str],
        conversion: ConversionCounts | None = None,
    ) -> None:
        """Raises InputError for a metric that tags, or bare spans, do not have."""
        self._blocks = blocks
        self._mapping = mapping
        self._metrics = metrics
        self._resampling = resampling
        self._set_aside = set_aside
        self._tag_options = tag_options
        self._conversion = conversion or {}
        for metric in metrics:
            self._validate_metric(metric)
        self._labels = map_labels(blocks, labels, mapping)

    def count(self) -> Result:
        """The counts of all blocks, and what belongs to them."""
        metadata = ResultMetadata(
            corpus=CorpusInfo("gold", self._resampling.documents),
            options=ScoredOptions(
                metrics=[str(metric) for metric in self._metrics],
                **self._mapping.options(),
                **dict[str, Any](self._tag_options),
            ),
            versions={"evalkit": evalkit_version(), "numpy": np.__version__},
            layers=LayerPresence(["entities"], ["entities"]),
            unmapped_labels=self._mapping.unmapped_labels(),
            unused_labels=self._mapping.unused_labels(["entities"]),
            conversion=self._conversion,
        )
        return Result(self._count_metrics(with_muc=False), self._resampling, None, metadata)

    def counts_with_muc(self) -> Sequence[Counts]:
        """The counts of each metric, with those that only MUC's sums need."""
        return self._count_metrics(with_muc=True)

    def digests(self) -> None:
        """No digests: there are no documents."""

    def pairs(self, metric: Metric) -> Iterator[ItemPair]:
        """The matched spans of a metric, in order. Raises InputError as `score_spans` does."""
        self._validate_metric(metric)
        for block in self._blocks:
            arrays, _ = build_span_block(block, self._labels, metric.layer)
            lengths = document_lengths(block).tolist()
            yield from pairs_of_spans(arrays, metric, lengths, self._labels.compared)

    def summarize_errors(self, request: ErrorRequest) -> ErrorSummary:
        """The errors of a layer, counted. Raises InputError as `score_spans` does, and for features
        that need texts.
        """
        self._validate_metric(request.metric)
        for feature in request.features:
            if needs_texts(feature):
                raise InputError(
                    f"{feature}: needs the texts of documents, which tags and bare spans do not"
                    f" have; score documents, or choose from: {', '.join(FEATURES_WITHOUT_TEXT)}"
                )
        collector = ErrorCollector(request, self._labels.compared)
        for block in self._error_blocks(request.layer):
            collector.add(block)
        return collector.summary()

    def iter_errors(self, layer: str) -> Iterator[ErrorItem]:
        """The errors of a layer in order; items have no text. Raises InputError as `score_spans`
        does.
        """
        self._validate_metric(Metric(layer))
        collector = ErrorCollector(ErrorRequest(Metric(layer)), self._labels.compared)
        for block in self._error_blocks(layer):
            yield from collector.iter_items(block)

    def iter_documents(
        self, layers: Sequence[str], ids: Collection[str]
    ) -> Iterator[DocumentErrors]:
        """Raise InputError."""
        del ids
        raise InputError(f"{', '.join(layers)}: tags and bare spans have no texts to show")

    def measure_cascades(self, metric: Metric) -> list[CascadeGain]:  # noqa: ARG002
        """Nothing: there is only one layer."""
        return []

    def _error_blocks(self, layer: str) -> Iterator[ErrorBlock]:
        for block in self._blocks:
            arrays, _ = build_span_block(block, self._labels, layer)
            yield ErrorBlock(
                block=arrays,
                layer=layer,
                labels=list(self._labels.compared),
                ids=[str(block.first + n) for n in range(block.documents)],
                lengths=document_lengths(block).tolist(),
                texts=None,
                scores=None,
                documents=None,
                unplaced=(),
                failures=np.full(block.documents, NO_DETAIL, np.int64),
            )

    def _validate_metric(self, metric: Metric) -> None:
        """Raise InputError for a metric that tags, or bare spans, do not have."""
        if not self._tag_options:
            if metric.layer != "entities":
                raise InputError(
                    f"{metric}: bare spans are scored as entities; expected entities/strict,"
                    " exact, partial, type, iou:T or characters"
                )
        elif metric.layer not in ("entities", "tokens") or metric.scheme == "characters":
            raise InputError(
                f"{metric}: tags are scored as entities and tokens, and have no characters;"
                " expected entities/strict, exact, partial, type or iou:T, or tokens/strict or"
                " exact"
            )

    def _count_metrics(self, *, with_muc: bool) -> list[Counts]:
        counts: dict[Metric, Counts] = {}
        for layer in dict.fromkeys(metric.layer for metric in self._metrics):
            metrics = [metric for metric in self._metrics if metric.layer == layer]
            if layer == "entities":
                schemes = {metric.scheme for metric in metrics}
                has_muc = with_muc or counts_muc(schemes)
                tables = self._count_tables(schemes, with_muc=has_muc)
                if tables is not None:
                    merged, reasons = tables
                    for metric in metrics:
                        metric_cells = cells_of_scheme(merged, metric.scheme)
                        counts[metric] = self._counts(
                            metric, metric_cells, reasons, with_muc=has_muc
                        )
                    continue
            cells: dict[Metric, list[Cells]] = {metric: [] for metric in metrics}
            set_aside: Counter[str] = Counter({**self._set_aside, "duplicate": 0})
            for block in self._blocks:
                arrays, reasons = build_span_block(block, self._labels, layer)
                set_aside.update(reasons)
                for metric in metrics:
                    block_cells = arrays.count_cells(metric.scheme, wrong=with_muc)
                    block_cells[0] += block.first
                    cells[metric].append(block_cells)
            for metric in metrics:
                metric_cells = merge_cells(cells[metric], self._label_positions)
                counts[metric] = self._counts(metric, metric_cells, set_aside, with_muc=with_muc)
        return [counts[metric] for metric in self._metrics]

    def _count_tables(
        self, schemes: Collection[str], *, with_muc: bool
    ) -> tuple[MergedTables, dict[str, int]] | None:
        """The counts of all schemes at once, and the number of spans that are set aside; None if
        gold has duplicates, or these schemes are not counted so.
        """
        if not can_count_table(schemes):
            return None
        labels = self._labels
        codes = (
            LabelCodes(labels.compared, codes=labels.gold_codes),
            LabelCodes(labels.compared, codes=labels.predicted_codes),
        )
        counter = TableCounter(labels.compared, codes, schemes, with_muc=with_muc)
        tables: list[CountTable] = []
        set_aside: Counter[str] = Counter({**self._set_aside, "duplicate": 0})
        has_dropped = any((side.codes == DROPPED_LABEL).any() for side in codes)
        for block in self._blocks:
            gold = to_entity_arrays(block.gold, block.documents)
            predicted = to_entity_arrays(block.predicted, block.documents)
            counted = counter.count(gold, predicted, block.first)
            if counted is None:
                return None
            tables.append(counted.rows)
            set_aside["duplicate"] += counted.duplicates
            if has_dropped:
                set_aside["gold_dropped"] += counted.gold_dropped
                set_aside["predicted_dropped"] += counted.predicted_dropped
        return merge_tables(tables, self._label_positions), set_aside

    @property
    def _label_positions(self) -> Ints:
        """The position of each compared label in the sorted names."""
        return self._labels.compared.sorted_positions()

    def _counts(
        self, metric: Metric, cells: MetricCells, set_aside: Mapping[str, int], *, with_muc: bool
    ) -> Counts:
        units = self._units
        return Counts(
            metric=str(metric),
            labels=tuple(sorted(self._labels.compared)),
            units=units,
            unit=cells.unit,
            label=cells.label,
            values=cells.values,
            signature=self._signature(metric),
            set_aside=dict(set_aside),
            has_incorrect=with_muc,
            resampling_unit_count=len(units),
        )

    @cached_property
    def _units(self) -> tuple[CountUnit, ...]:
        """A unit for each document, named by its number."""
        return tuple(iter_document_units(map(str, range(self._resampling.documents))))

    def _signature(self, metric: Metric) -> dict[str, str]:
        resampling = self._resampling
        fields = {
            "evalkit": evalkit_version(),
            "docs": f"{resampling.documents}/{resampling.documents}",
            "metric": str(metric),
            "macro": "union",
            **self._mapping.signature_fields(),
            "duplicates": "error",
            **resampling.signature_fields(),
        }
        read_options = {
            name: value
            for name, value in self._tag_options.items()
            if value != DEFAULT_TAG_OPTIONS[name]
        }
        gold_options = dict(read_options)
        if self._tag_options:
            # A sequence of tags is a sentence by convention, as in a file without document marks.
            gold_options["documents"] = "sentence"
        if gold_options:
            fields["read"] = signature_field(gold_options, read_options)
        return fields
