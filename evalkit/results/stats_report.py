"""The report about one or more corpora, in all formats and as a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from evalkit.errors import UnknownNameError, escape_controls_in_json
from evalkit.results.context_tables import build_context_tables
from evalkit.results.corpus_counts import CorpusCounts
from evalkit.results.corpus_differences import CorpusDifferences, compare_corpora
from evalkit.results.corpus_examples import ExampleOptions
from evalkit.results.corpus_lines import describe_corpora
from evalkit.results.corpus_rows import build_json, build_rows
from evalkit.results.corpus_tables import build_document_tables, build_layer_tables
from evalkit.results.sample_size import SampleSize
from evalkit.results.table_cells import TableOptions
from evalkit.results.tables import DEFAULT_FORMAT, RENDERERS, NumberFormat, Report

DEFAULT_OPTIONS = ExampleOptions()
CountsType = TypeVar("CountsType", bound=CorpusCounts)


@dataclass(frozen=True)
class StatsReport:
    """One or more corpora side by side.

    statistics: by the names that are shown. heading: a line above all. numbers: how ratios are
    written. examples: which surface forms are shown. sample_sizes: documents that are needed, by
    the names of the corpora that they are computed from.
    """

    statistics: Mapping[str, CorpusCounts]
    heading: str = ""
    numbers: NumberFormat = DEFAULT_FORMAT
    examples: ExampleOptions = DEFAULT_OPTIONS
    sample_sizes: Mapping[str, SampleSize] = field(default_factory=dict)

    @property
    def differences(self) -> CorpusDifferences | None:
        """The differences of two corpora under the names that are shown; None for another
        number.
        """
        if len(self.statistics) != 2:
            return None
        (first_name, first), (second_name, second) = self.statistics.items()
        return compare_corpora(first, second, first_name=first_name, second_name=second_name)

    def render(self, format: str = "table", width: int | None = None) -> str:
        """The report as table, markdown, latex, csv, html or json; width: columns of the terminal,
        for the table.
        """
        if format == "json":
            data = build_json(self.statistics, self.differences, self.sample_sizes, self.examples)
            text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False)
            return escape_controls_in_json(text)
        if format not in RENDERERS:
            raise UnknownNameError("format", format, ("json", *RENDERERS))
        return RENDERERS[format](self.build(width), width)

    def to_html(self) -> str:
        """A page for readers."""
        # The folder of pages is above this one; see LAZY_IMPORTS in tests/test_architecture.py.
        from evalkit.report.corpus_page import build_corpus_page

        return build_corpus_page(
            self.statistics,
            self.differences,
            TableOptions(self.numbers, self.examples, max_rows=None),  # the page has its own limit
            heading=self.heading,
            footer=self._describe_sizes(),
        )

    def build(self, width: int | None = None) -> Report:
        """The report as lines, tables and rows; width: columns of the terminal."""
        options = TableOptions(self.numbers, self.examples, width)
        differences = self.differences
        header = [self.heading] if self.heading else []
        header += describe_corpora(self.statistics, differences)
        layers = build_layer_tables(self.statistics, differences, options)
        tables = build_document_tables(self.statistics, self.numbers)
        tables += [layer.labels for layer in layers]
        for layer in layers:
            tables += layer.details
        rows: list[dict[str, Any]] = []
        is_only = len(self.statistics) == 1
        for name, corpus in self.statistics.items():
            rows += build_rows(name, corpus, no_text=self.examples.no_text)
            if self.examples.context:
                tables += build_context_tables(name, corpus, options, is_only=is_only)
        return Report(tuple(header), tuple(tables), tuple(self._describe_sizes()), tuple(rows))

    def _describe_sizes(self) -> list[str]:
        """A sentence about the documents needed for each corpus."""
        lines = []
        for name, size in self.sample_sizes.items():
            prefix = f"{name}: " if len(self.sample_sizes) > 1 else ""
            sentence = size.describe(digits=self.numbers.digits, percent=self.numbers.percent)
            lines.append(prefix + sentence)
        return lines


def arrange_corpora(
    first: CountsType, second: CountsType | None = None
) -> tuple[dict[str, CountsType], str]:
    """One or two corpora by the names that are shown, and the heading.

    A second corpus with the same documents is shown as predictions for the first.
    """
    if second is None:
        return {first.name: first}, ""
    if first.document_stats.equals(second.document_stats):
        heading = f"{second.name} as predictions for {first.name}: the same documents"
        return {"gold": first, "predicted": second}, heading
    second_name = f"{second.name}-2" if second.name == first.name else second.name
    return {first.name: first, second_name: second}, ""
