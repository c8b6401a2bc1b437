"""The page about one or two corpora: documents, the labels of each layer with bars, details, and
examples in context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.errors import escape_controls, shorten
from evalkit.results.context_tables import show_line
from evalkit.results.corpus_counts import CorpusCounts
from evalkit.results.corpus_differences import CorpusDifferences
from evalkit.results.corpus_examples import FormContext, LabelExample, find_examples
from evalkit.results.corpus_lines import describe_corpora
from evalkit.results.corpus_tables import (
    LayerTables,
    build_document_tables,
    build_layer_tables,
)
from evalkit.results.html_page import build_page, load_text, mark_safe, render_template
from evalkit.results.layer_stats import ANNOTATED_LAYERS
from evalkit.results.table_cells import TableOptions
from evalkit.results.tables import Report, Table, group_lines
from evalkit.results.wording import pluralize

BAR_WIDTH, BAR_HEIGHT = 120, 8
MAX_LABELS = 300  # rows of a table
MAX_EXAMPLES = 600  # examples in context of a layer


@dataclass(frozen=True)
class ContextLine:
    """An example as text; before and after are empty without a context."""

    label: str
    annotations: str
    before: str
    surface: str
    after: str


@dataclass(frozen=True)
class ContextTable:
    """The examples of a layer of a corpus; is_partial: whether more were left out."""

    title: str
    lines: tuple[ContextLine, ...]
    is_partial: bool


@dataclass(frozen=True)
class LayerSection:
    """A layer: its labels, a bar for each of them as SVG, further tables, and examples."""

    layer: str
    title: str
    labels: Table
    bars: tuple[str, ...]
    details: tuple[Table, ...]
    examples: tuple[ContextTable, ...]


def build_corpus_page(
    statistics: Mapping[str, CorpusCounts],
    differences: CorpusDifferences | None,
    options: TableOptions,
    *,
    heading: str = "",
    footer: Sequence[str] = (),
) -> str:
    """The page about one or two corpora as HTML.

    statistics: by the names that are shown. heading: a line above all. footer: lines below.
    """
    header = [heading] if heading else []
    header += describe_corpora(statistics, differences)
    title = " and ".join(shorten(escape_controls(name)) for name in statistics)
    with_context = replace(
        options,
        examples=replace(options.examples, context=not options.examples.no_text),
    )
    examples = _example_tables(statistics, with_context)
    sections = []
    for layer in build_layer_tables(statistics, differences, options):
        sections.append(_layer_section(layer, statistics, examples.get(layer.layer, [])))
    body = render_template(
        "evalkit.report",
        "corpus.html.j2",
        title=title,
        lines=group_lines(Report(tuple(header), (), tuple(footer))),
        documents=build_document_tables(statistics, options.numbers),
        sections=sections,
        has_two=len(statistics) > 1,
        names=list(statistics),
    )
    style = load_text("evalkit.report", "corpus.css")
    return build_page(f"{title}: corpus statistics", body, style=style)


def _layer_section(
    tables: LayerTables, statistics: Mapping[str, CorpusCounts], examples: list[ContextTable]
) -> LayerSection:
    """A layer with a bar for each label, as long as its share; the longest fills the width."""
    layers = [corpus.layers[tables.layer] for corpus in statistics.values()]
    labels = _cap_rows(tables.labels)
    largest = max([each.share or 0.0 for layer in layers for each in layer.labels], default=0.0)
    bars = []
    # Tables shorten labels, so that rows are matched by their position.
    for label in tables.names[: len(labels.rows) - 1]:
        shares = [layer.of_label(label).share or 0.0 for layer in layers]
        bars.append(mark_safe(_share_bars(shares, largest or 1.0)))
    return LayerSection(
        tables.layer,
        ANNOTATED_LAYERS[tables.layer].title,
        labels,
        tuple(bars),
        tuple(_cap_rows(table) for table in tables.details),
        tuple(examples),
    )


def _cap_rows(table: Table) -> Table:
    """The table with its first rows and the one for all labels, which is the last."""
    more = len(table.rows) - 1 - MAX_LABELS
    if more <= 0:
        return table
    has_total = table.first_average == len(table.rows) - 1
    rows = table.rows[:MAX_LABELS] + (table.rows[-1:] if has_total else ())
    note = f"{pluralize(more, 'more row')} in the other formats"
    return replace(
        table,
        rows=rows,
        notes=(*table.notes, note),
        first_average=MAX_LABELS if has_total else None,
    )


def _share_bars(shares: Sequence[float], largest: float) -> str:
    """A bar for each share, below each other; the numbers are in the same row of the table."""
    height = (BAR_HEIGHT + 1) * len(shares) + 1
    shapes = []
    for number, share in enumerate(shares):
        top = 1 + (BAR_HEIGHT + 1) * number
        kind = "bar" if number == 0 else "bar other"
        length = share / largest * BAR_WIDTH
        shapes.append(
            f'<rect class="track" x="0" y="{top}" width="{BAR_WIDTH}" height="{BAR_HEIGHT}"/>'
            f'<rect class="{kind}" x="0" y="{top}" width="{length:.1f}" height="{BAR_HEIGHT}"/>'
        )
    return (
        f'<svg aria-hidden="true" width="{BAR_WIDTH}" height="{height}"'
        f' viewBox="0 0 {BAR_WIDTH} {height}">{"".join(shapes)}</svg>'
    )


def _example_tables(
    statistics: Mapping[str, CorpusCounts], options: TableOptions
) -> dict[str, list[ContextTable]]:
    """The examples in context by layer, in a table for each corpus."""
    tables: dict[str, list[ContextTable]] = {}
    for name, corpus in statistics.items():
        lines: dict[str, list[ContextLine]] = {}
        for example in find_examples(corpus, options.examples):
            lines.setdefault(example.layer, []).append(_example_line(example))
        for layer, of_layer in lines.items():
            title = "Examples in context"
            if len(statistics) > 1:
                title += f" of {name}"
            is_partial = len(of_layer) > MAX_EXAMPLES
            table = ContextTable(title, tuple(of_layer[:MAX_EXAMPLES]), is_partial)
            tables.setdefault(layer, []).append(table)
    return tables


def _example_line(example: LabelExample) -> ContextLine:
    context = example.context or FormContext("", 0, 0, "", example.surface, "")
    return ContextLine(
        shorten(example.label),
        f"{example.annotations:,}",
        show_line(context.before),
        show_line(context.surface),
        show_line(context.after),
    )
