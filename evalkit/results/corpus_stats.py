"""What a corpus holds: documents, characters, and how often each label occurs in each layer; and
how many such documents it takes to detect a difference between two systems.

`layer_stats` has the definitions, `corpus_differences` those of two corpora, `stats/planning` those
of the number of documents.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.data.document import Document
from evalkit.data.schema import Schema
from evalkit.errors import UnknownNameError, escape_controls, escape_controls_in_json
from evalkit.results.comparison import HEADLINES
from evalkit.results.context_tables import build_context_tables
from evalkit.results.corpus_counts import CorpusCounts, count_documents
from evalkit.results.corpus_differences import CorpusDifferences, compare_corpora
from evalkit.results.corpus_examples import DEFAULT_EXAMPLES, ExampleOptions
from evalkit.results.corpus_lines import describe_corpora
from evalkit.results.corpus_rows import build_json, build_rows
from evalkit.results.corpus_tables import (
    build_document_tables,
    build_layer_tables,
)
from evalkit.results.sample_size import (
    SampleSize,
    compute_sample_size,
    sample_size_without_metric,
)
from evalkit.results.table_cells import TableOptions
from evalkit.results.tables import (
    DEFAULT_FORMAT,
    RENDERERS,
    NumberFormat,
    Report,
    to_html_fragment,
)
from evalkit.results.wording import pluralize
from evalkit.scoring.layers import LAYERS
from evalkit.scoring.metrics import Metric
from evalkit.stats.intervals import split_credits
from evalkit.stats.planning import sample_gold, sample_predictions, validate_difference

DEFAULT_EXAMPLE_OPTIONS = ExampleOptions()


@dataclass(frozen=True, repr=False)
class CorpusStats(CorpusCounts):
    """What a corpus holds: print it, get its rows, or write a page about it.

    documents, characters: how many there are; failed_documents: those that a model could not
    process. layers: by name. document_stats, event_types, attribution_types: lengths, zones and
    languages; arguments and roles; sources and cues.
    """

    def rows(self, *, no_text: bool = False) -> list[dict[str, Any]]:
        """A dict for each label of each annotated layer, and one for the layer, whose label is
        None. no_text: without surface forms.
        """
        return build_rows(self.name, self, no_text=no_text)

    def render(
        self,
        format: str = "table",
        *,
        width: int | None = None,
        digits: int | None = None,
        percent: bool = False,
        examples: int = DEFAULT_EXAMPLES,
        context: bool = False,
        no_text: bool = False,
    ) -> str:
        """The statistics as table, markdown, latex, csv, html or json.

        width: columns of the terminal, for the table. digits: decimals of shares (default 3, in
        percent 1). percent: percent instead of fractions. csv and json always hold the unrounded
        fractions. examples: surface forms of each label; context: whether each is shown in a text
        as well; no_text: leave out surface forms.
        """
        return render_stats(
            {self.name: self},
            format,
            width=width,
            numbers=NumberFormat(digits, percent),
            examples=ExampleOptions(examples, context, no_text),
        )

    def to_html(self, *, examples: int = DEFAULT_EXAMPLES, no_text: bool = False) -> str:
        """A page for readers: documents, the labels of each layer with bars, what to check, and
        examples in context. `render("html")` has the tables alone.
        """
        options = ExampleOptions(examples, no_text=no_text)
        return build_stats_page({self.name: self}, examples=options)

    def compare_with(self, other: CorpusStats) -> CorpusDifferences:
        """How another corpus differs from this one, such as test data from training data: shares
        of labels, surface forms that are not here, documents that are in both.
        """
        return compare_corpora(self, other)

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
        from evalkit.corpus import JsonlFile, to_corpus
        from evalkit.evaluation.corpus_scores import score

        is_measured = predicted is not None
        other = self.corpus
        if isinstance(predicted, JsonlFile):
            other = predicted
        elif predicted is not None:
            other = to_corpus(predicted, "predictions", predictions=True)
        metric = self._planning_metric(other)
        if metric is None:
            return sample_size_without_metric(difference, self.documents, is_measured=is_measured)
        # A file is scored batch by batch.
        gold, answers = (
            each.path if isinstance(each, JsonlFile) else each for each in (self.corpus, other)
        )
        counts = score(gold, answers, metric, units="documents", boot=0)[metric].counts
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
    """The statistics of a corpus; the documents are read once, and none is kept."""
    return CorpusStats(**vars(count_documents(name, documents, schema)))


def _compare_two(statistics: Mapping[str, CorpusStats]) -> CorpusDifferences | None:
    """The differences of two corpora under the names that are shown; None for another number."""
    if len(statistics) != 2:
        return None
    (first_name, first), (second_name, second) = statistics.items()
    return compare_corpora(first, second, first_name=first_name, second_name=second_name)


def render_stats(
    statistics: Mapping[str, CorpusStats],
    format: str = "table",
    *,
    heading: str = "",
    sample_sizes: Mapping[str, SampleSize] | None = None,
    width: int | None = None,
    numbers: NumberFormat = DEFAULT_FORMAT,
    examples: ExampleOptions = DEFAULT_EXAMPLE_OPTIONS,
) -> str:
    """One or more corpora in a format of `CorpusStats.render`, side by side.

    statistics: by the names that are shown. heading: a line above all. sample_sizes: documents
    that are needed, by the names of the corpora that they are computed from.
    """
    if format == "json":
        data = build_json(statistics, _compare_two(statistics), sample_sizes or {}, examples)
        text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False)
        return escape_controls_in_json(text)
    if format not in RENDERERS:
        raise UnknownNameError("format", format, ("json", *RENDERERS))
    options = TableOptions(numbers, examples, width)
    report = _build_report(statistics, options, heading=heading, sample_sizes=sample_sizes or {})
    return RENDERERS[format](report, width)


def build_stats_page(
    statistics: Mapping[str, CorpusStats],
    *,
    heading: str = "",
    sample_sizes: Mapping[str, SampleSize] | None = None,
    numbers: NumberFormat = DEFAULT_FORMAT,
    examples: ExampleOptions = DEFAULT_EXAMPLE_OPTIONS,
) -> str:
    """A page for readers about one or two corpora; see `render_stats` for the parameters."""
    # The folder of pages is above this one; see LAZY_IMPORTS in tests/test_architecture.py.
    from evalkit.report.corpus_page import build_corpus_page

    options = TableOptions(numbers, examples)
    return build_corpus_page(
        statistics,
        _compare_two(statistics),
        options,
        heading=heading,
        footer=_describe_sizes(sample_sizes or {}, numbers),
    )


def _describe_sizes(sizes: Mapping[str, SampleSize], numbers: NumberFormat) -> list[str]:
    """A sentence about the documents needed for each corpus."""
    lines = []
    for name, size in sizes.items():
        prefix = f"{name}: " if len(sizes) > 1 else ""
        lines.append(prefix + size.describe(digits=numbers.digits, percent=numbers.percent))
    return lines


def _build_report(
    statistics: Mapping[str, CorpusStats],
    options: TableOptions | None = None,
    *,
    heading: str = "",
    sample_sizes: Mapping[str, SampleSize] | None = None,
) -> Report:
    options = options or TableOptions(DEFAULT_FORMAT, DEFAULT_EXAMPLE_OPTIONS)
    differences = _compare_two(statistics)
    header = [heading] if heading else []
    header += describe_corpora(statistics, differences)
    layers = build_layer_tables(statistics, differences, options)
    tables = build_document_tables(statistics, options.numbers)
    tables += [layer.labels for layer in layers]
    for layer in layers:
        tables += layer.details
    rows: list[dict[str, Any]] = []
    for name, corpus in statistics.items():
        rows += build_rows(name, corpus, no_text=options.examples.no_text)
        if options.examples.context:
            tables += build_context_tables(name, corpus, options, is_only=len(statistics) == 1)
    footer = _describe_sizes(sample_sizes or {}, options.numbers)
    return Report(tuple(header), tuple(tables), tuple(footer), tuple(rows))
