"""What a corpus holds: documents, characters, and how often each label occurs in each layer; and
how many such documents it takes to detect a difference between two systems.

`layer_stats` has the definitions, `stats/planning` those of the number of documents.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.data.document import Document
from evalkit.data.schema import Schema
from evalkit.errors import UnknownNameError, escape_controls, escape_controls_in_json
from evalkit.results.comparison import HEADLINES
from evalkit.results.layer_stats import ANNOTATED_LAYERS, LayerStats, count_layer
from evalkit.results.sample_size import (
    SampleSize,
    compute_sample_size,
    sample_size_without_metric,
)
from evalkit.results.tables import (
    DEFAULT_FORMAT,
    RENDERERS,
    NumberFormat,
    Report,
    Table,
    to_html_fragment,
)
from evalkit.results.wording import join_some, pluralize
from evalkit.scoring.layers import LAYERS
from evalkit.scoring.metrics import Metric
from evalkit.stats.intervals import split_credits
from evalkit.stats.planning import sample_gold, sample_predictions, validate_difference

ALL_LABELS = "all"


@dataclass(frozen=True, repr=False)
class CorpusStats:
    """What a corpus holds: print it, or get its rows.

    documents, characters: how many there are; failed_documents: those that a model could not
    process. layers: by name.
    """

    name: str
    documents: int
    characters: int
    failed_documents: int
    layers: Mapping[str, LayerStats]
    corpus: Iterable[Document] = field(repr=False, compare=False)

    def rows(self) -> list[dict[str, Any]]:
        """A dict for each label of each annotated layer, and one for the layer, whose label is
        None.
        """
        return _rows_of(self.name, self)

    def render(
        self,
        format: str = "table",
        *,
        width: int | None = None,
        digits: int | None = None,
        percent: bool = False,
    ) -> str:
        """The statistics as table, markdown, latex, csv, html or json.

        width: columns of the terminal, for the table. digits: decimals of shares (default 3, in
        percent 1). percent: percent instead of fractions. csv and json always hold the unrounded
        fractions.
        """
        numbers = NumberFormat(digits, percent)
        return render_stats({self.name: self}, format, width=width, numbers=numbers)

    def documents_needed(
        self, difference: float, predicted: str | Path | Iterable[Any] | None = None
    ) -> SampleSize:
        """The number of documents like these that it takes to detect a difference of micro F1
        between two systems with a power of 80 % in a two-sided test at level .05.

        predicted: a corpus or path with predictions for the same documents, whose errors show how
        much F1 varies between documents; without it, F1 is assumed to be 0.8. The metric is
        entities/strict, or the first of one for each layer that has annotations. Raises InputError
        for a difference that is not between 0 and 1.
        """
        validate_difference(difference)
        # Corpora and scoring are above this folder; see LAZY_IMPORTS in tests/test_architecture.py.
        from evalkit.corpus import to_corpus
        from evalkit.evaluation.corpus_scores import score

        is_measured = predicted is not None
        other = self.corpus
        if predicted is not None:
            other = to_corpus(predicted, "predictions", predictions=True)
        metric = self._planning_metric(other)
        if metric is None:
            return sample_size_without_metric(difference, self.documents, is_measured=is_measured)
        counts = score(self.corpus, other, metric, units="documents", boot=0)[metric].counts
        credits = counts.credits_by_document()
        documents = counts.resampling_unit_count
        if is_measured:
            sample = sample_predictions(*split_credits(credits)["f1"], documents)
        else:
            sample = sample_gold(credits[:, 0], documents)
        return compute_sample_size(metric, difference, sample, is_measured=is_measured)

    def _planning_metric(self, predicted: Iterable[Document]) -> str | None:
        """The first headline metric whose layer has annotations here and is annotated in
        `predicted`; None if there is none.
        """
        for metric in HEADLINES:
            layer = _ANNOTATIONS_OF[Metric.parse(metric).layer]
            document_layer = LAYERS[layer].document_layer
            if self.layers[layer].total.annotations and any(
                getattr(document, document_layer) is not None for document in predicted
            ):
                return metric
        return None

    def __repr__(self) -> str:
        parts = [pluralize(self.documents, "document")]
        for name, layer in self.layers.items():
            if layer.annotated_documents:
                parts.append(f"{layer.total.annotations:,} {name}")
        return escape_controls(f"<CorpusStats of {self.name}: {', '.join(parts)}>")

    def __str__(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        return to_html_fragment(_build_report({self.name: self}))


# The layer here that has the annotations of a layer of HEADLINES.
_ANNOTATIONS_OF = {
    "entities": "entities",
    "triggers": "triggers",
    "arguments": "arguments",
    "attribution-relations": "attributions",
}


def count_corpus(name: str, documents: Iterable[Document], schema: Schema | None) -> CorpusStats:
    """The statistics of a corpus."""
    number = characters = failed = 0
    for document in documents:
        number += 1
        characters += len(document.text)
        failed += document.failure is not None
    layers = {layer: count_layer(layer, documents, schema) for layer in ANNOTATED_LAYERS}
    return CorpusStats(name, number, characters, failed, layers, documents)


def have_same_documents(a: Iterable[Document], b: Iterable[Document]) -> bool:
    """Whether two corpora have the same ids with the same texts."""
    return {each.id: each.text for each in a} == {each.id: each.text for each in b}


def count_shared_texts(a: Iterable[Document], b: Iterable[Document]) -> int:
    """The number of documents of the first corpus whose text is in the second one too."""
    texts = {document.text for document in b}
    return sum(document.text in texts for document in a)


def render_stats(
    statistics: Mapping[str, CorpusStats],
    format: str = "table",
    *,
    heading: str = "",
    sample_sizes: Mapping[str, SampleSize] | None = None,
    width: int | None = None,
    numbers: NumberFormat = DEFAULT_FORMAT,
) -> str:
    """One or more corpora in a format of `CorpusStats.render`, side by side.

    statistics: by the names that are shown. heading: a line above all. sample_sizes: documents
    that are needed, by the names of the corpora that they are computed from.
    """
    sizes = sample_sizes or {}
    if format == "json":
        data = {
            "corpora": [_summarize(name, each) for name, each in statistics.items()],
            "rows": [row for name, each in statistics.items() for row in _rows_of(name, each)],
            "documents_needed": [{"corpus": name} | each.as_dict() for name, each in sizes.items()],
        }
        text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False)
        return escape_controls_in_json(text)
    if format not in RENDERERS:
        raise UnknownNameError("format", format, ("json", *RENDERERS))
    lines = []
    for name, size in sizes.items():
        prefix = f"{name}: " if len(sizes) > 1 else ""
        lines.append(prefix + size.describe(digits=numbers.digits, percent=numbers.percent))
    report = _build_report(statistics, numbers, heading=heading, footer=lines)
    return RENDERERS[format](report, width)


def _rows_of(name: str, statistics: CorpusStats) -> list[dict[str, Any]]:
    rows = []
    for layer in statistics.layers.values():
        if not layer.annotated_documents:
            continue
        for each in (*layer.labels, layer.total):
            rows.append(
                {
                    "corpus": name,
                    "layer": layer.layer,
                    "label": each.label,
                    "annotations": each.annotations,
                    "share": each.share,
                    "documents": each.documents,
                    "effective_documents": each.effective_documents,
                }
            )
    return rows


def _summarize(name: str, statistics: CorpusStats) -> dict[str, Any]:
    """What is known of a corpus beside its rows, for JSON."""
    layers = {}
    for layer in statistics.layers.values():
        layers[layer.layer] = {
            "annotated_documents": layer.annotated_documents,
            "unplaced": layer.unplaced,
            "unused_labels": list(layer.unused_labels),
        }
    return {
        "corpus": name,
        "name": statistics.name,
        "documents": statistics.documents,
        "characters": statistics.characters,
        "failed_documents": statistics.failed_documents,
        "layers": layers,
    }


def _build_report(
    statistics: Mapping[str, CorpusStats],
    numbers: NumberFormat = DEFAULT_FORMAT,
    *,
    heading: str = "",
    footer: Sequence[str] = (),
) -> Report:
    header = [heading] if heading else []
    rows: list[dict[str, Any]] = []
    for name, each in statistics.items():
        header += _describe_corpus(name, each)
        rows += _rows_of(name, each)
    tables = []
    for layer in ANNOTATED_LAYERS:
        layers = {name: each.layers[layer] for name, each in statistics.items()}
        if any(each.total.annotations or each.unplaced for each in layers.values()):
            tables.append(_build_table(layers, numbers))
    return Report(tuple(header), tuple(tables), tuple(footer), tuple(rows))


def _describe_corpus(name: str, statistics: CorpusStats) -> Iterator[str]:
    """Lines about a corpus: its size, and layers that are not annotated in all documents."""
    line = (
        f"{name}: {pluralize(statistics.documents, 'document')},"
        f" {pluralize(statistics.characters, 'character')}"
    )
    for layer in statistics.layers.values():
        effective = layer.total.effective_documents
        if effective:
            line += f"; effective number of documents: {effective:.1f} (by {layer.layer})"
            break
    yield line
    # Triggers and arguments are annotated together: a line names what documents hold.
    missing: dict[str, None] = {}
    partial: dict[str, int] = {}
    empty = []
    for layer in statistics.layers.values():
        noun = LAYERS[layer.layer].document_layer
        if not layer.annotated_documents:
            missing[noun] = None
        elif layer.annotated_documents < statistics.documents:
            partial[noun] = layer.annotated_documents
        if layer.annotated_documents and not layer.total.annotations:
            empty.append(layer.layer)
    if missing:
        yield f"{name}: not annotated: {', '.join(missing)}"
    for noun, annotated in partial.items():
        yield f"{name}: {noun} are annotated in {annotated:,} of {statistics.documents:,} documents"
    if empty:
        yield f"{name}: annotated, without any annotation: {', '.join(empty)}"
    if statistics.failed_documents:
        yield f"{name}: {pluralize(statistics.failed_documents, 'document')} failed"


def _build_table(layers: Mapping[str, LayerStats], numbers: NumberFormat) -> Table:
    """A layer of one or more corpora."""
    first = next(iter(layers.values()))
    names = list(layers)
    columns = ["label"]
    if len(layers) == 1:
        columns += ["count", "share", "documents", "effective documents"]
        droppable: list[tuple[str, ...]] = [("share",), ("effective documents",)]
    else:
        for name in names:
            columns += [name, f"{name}: share", f"{name}: documents"]
        # Columns of both sides are shown or hidden together.
        columns_of = {
            kind: tuple(f"{name}: {kind}" for name in names) for kind in ("share", "documents")
        }
        droppable = list(columns_of.values())
    rows = []
    labels = _order_labels(list(layers.values()))
    for label in (*labels, None):
        cells = [ALL_LABELS if label is None else label]
        for layer in layers.values():
            each = layer.of_label(label)
            cells += [f"{each.annotations:,}", numbers.format(each.share), f"{each.documents:,}"]
            if len(layers) == 1:
                cells.append(f"{each.effective_documents:.1f}")
        rows.append(tuple(cells))
    return Table(
        title=ANNOTATED_LAYERS[first.layer].title,
        columns=tuple(columns),
        rows=tuple(rows),
        notes=tuple(_table_notes(layers)),
        droppable_columns=tuple(droppable),
        first_average=len(labels),
    )


def _order_labels(layers: Sequence[LayerStats]) -> list[str]:
    """The labels of all corpora, the most frequent first."""
    counts: Counter[str] = Counter()
    for layer in layers:
        for each in layer.labels:
            counts[each.label or ""] += each.annotations
    return sorted(counts, key=lambda label: (-counts[label], label))


def _table_notes(layers: Mapping[str, LayerStats]) -> Iterator[str]:
    for name, layer in layers.items():
        prefix = f"{name}: " if len(layers) > 1 else ""
        if layer.unused_labels:
            count = pluralize(len(layer.unused_labels), "label")
            names = join_some(layer.unused_labels)
            yield f"{prefix}{count} of the schema without annotation: {names}"
        if layer.unplaced:
            yield f"{prefix}not counted, without offsets: {layer.unplaced:,}"
