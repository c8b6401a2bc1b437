"""The page of an agreement: F1 of metrics and pairs, labels with the lowest agreement, κ and α,
disagreements by kind and by label, the documents, and the disagreements in the text side by side.

The page is one file that loads nothing and runs no script. What is shown is capped, and each cap is
printed. Disagreements need the documents; an agreement that was read from a file has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from evalkit.errors import shorten
from evalkit.report.agreement_tables import (
    build_annotator_table,
    build_common_table,
    build_confusion_table,
    build_documents_table,
    build_error_label_table,
    build_kind_table,
    build_label_tables,
    build_matrices,
    build_overview,
    build_pair_lists,
    list_layer_metrics,
    name_rest,
    rank_documents,
)
from evalkit.report.agreement_texts import build_texts
from evalkit.report.error_examples import TextPolicy
from evalkit.report.interval_bars import BarTable
from evalkit.results.agreement import Agreement
from evalkit.results.agreement_report import (
    build_alpha_table,
    build_fleiss_table,
    build_gamma_table,
    build_kappa_table,
    build_title,
    build_unitizing_table,
    list_label_metrics,
    name_annotators,
    name_level,
)
from evalkit.results.agreement_result import AgreementF1, AgreementResult
from evalkit.results.error_requests import analyzable_layers
from evalkit.results.html_page import build_page, load_text, render_template
from evalkit.results.report_builder import format_interval
from evalkit.results.summary import signatures
from evalkit.results.tables import DEFAULT_FORMAT, NumberFormat, Table
from evalkit.results.wording import pluralize
from evalkit.stats.ratio_intervals import Interval

MAX_DOCUMENTS = 20
MOST_LACKING = 20  # documents that an annotator lacks, that are named
MOST_ROWS = 200  # of a table
LONG_TABLE = 15  # rows above which a table is folded
LONGEST_LINE = 2000  # characters of a note or a signature
SIZE_MARK = "<!-- size -->"


@dataclass(frozen=True)
class MeasureTable:
    """A table of a measure. is_long: whether it is folded. has_names: whether the first column
    names the rows.
    """

    content: BarTable
    is_long: bool
    has_names: bool


def build_agreement_page(
    agreement: Agreement,
    *,
    text: bool = True,
    max_documents: int | None = MAX_DOCUMENTS,
    numbers: NumberFormat = DEFAULT_FORMAT,
    command: str = "",
) -> str:
    """The page of an agreement as HTML.

    text: with the words of the corpus; without, offsets, and codes of surface forms. max_documents:
    how many documents' disagreements are shown; None for all. command: the one that makes the page
    again.
    """
    result = agreement.result
    metrics = list_layer_metrics(result)
    analyses = {
        layer: {
            (a, b): agreement.errors(a, b, layer, by="", examples=0)
            for a, b in agreement.list_pairs(layer)
        }
        for layer in analyzable_layers(agreement.metrics)
        if agreement.list_pairs(layer)
    }
    kind_tables: list[Table | None] = []
    for layer, pairs in analyses.items():
        errors = {pair: analysis.error_counts for pair, analysis in pairs.items()}
        kind_tables.append(build_kind_table(layer, errors, numbers))
        kind_tables.append(build_error_label_table(layer, errors))
    kind_tables.append(build_confusion_table(result))
    ranked = [(id, f1) for id, f1, _ in rank_documents(result, metrics)]
    texts = build_texts(analyses, ranked, TextPolicy(text), max_documents, numbers)
    shows_text = any(pair.is_text for each in texts.documents for pair in each.pairs)
    documents_table = None
    if metrics and (table := build_documents_table(result, metrics, numbers)) is not None:
        documents_table = _fold(table)
    common = build_common_table(result)
    overall = [each for each in result.f1 if each.label is None]
    title = build_title(result)
    body = render_template(
        "evalkit.report",
        "agreement.html.j2",
        title=title,
        noun=agreement.noun,
        who=name_annotators(result)[:-1],
        headlines=[_headline(each, result, numbers) for each in overall if each.metric in metrics],
        annotators=BarTable(build_annotator_table(result)),
        documents=pluralize(result.documents, "document"),
        differs=texts.n_with_disagreements > 0,
        lacking=[
            (each.name, shorten(_list_some(each.lacking), LONGEST_LINE))
            for each in result.annotators
            if each.lacking
        ],
        overview=build_overview(result, numbers) if overall else None,
        matrices=build_matrices(result, metrics, numbers),
        pair_lists=[_fold(table) for table in build_pair_lists(result, metrics, numbers)],
        common_documents=None if common is None else BarTable(common),
        label_tables=build_label_tables(result, list_label_metrics(overall), numbers),
        measures=list(_measure_tables(result, numbers)),
        has_documents=bool(analyses),
        has_f1=bool(overall),
        kind_tables=[BarTable(table) for table in kind_tables if table is not None],
        documents_table=documents_table,
        texts=texts,
        shows_text=shows_text,
        max_documents=max_documents,
        notes=[shorten(line, LONGEST_LINE) for line in result.notes],
        signatures=[shorten(line, LONGEST_LINE) for line in signatures(result.signature)],
        about=list(_list_options(result)),
        command=command,
    )
    style = load_text("evalkit.report", "errors.css") + load_text("evalkit.report", "agreement.css")
    page = build_page(shorten(title, 200), body, style=style)
    size = len(page.encode()) / 1_000_000
    return page.replace(SIZE_MARK, f"{size:,.1f} MB")


def _headline(row: AgreementF1, result: AgreementResult, numbers: NumberFormat) -> str:
    """F1 of a metric with its interval, in a line."""
    name = "mean F1" if len(result.annotators) > 2 else "F1"
    line = f"{row.metric}: {name} {numbers.format(row.f1)}"
    if row.low is not None and row.high is not None:
        interval = format_interval(Interval(row.low, row.high, row.reason), numbers)
        line += f" ({name_level(result)}: {interval})"
    if row.pairs > 1:
        line += f"; {numbers.format_range(row.min, row.max)} in {row.pairs:,} pairs"
    return line


def _measure_tables(result: AgreementResult, numbers: NumberFormat) -> Iterator[MeasureTable]:
    """The measures beside F1."""
    tables: list[Table] = []
    if result.kappa:
        tables.append(build_kappa_table(result, result.kappa, numbers))
    if result.fleiss is not None:
        tables.append(build_fleiss_table(result, result.fleiss, numbers))
    for unit in ("characters", "tokens"):
        alphas = [alpha for alpha in result.alpha if alpha.unit == unit]
        if alphas:
            tables.append(build_alpha_table(result, alphas, unit, numbers))
    if result.alpha_u:
        tables.append(build_unitizing_table(result, numbers))
    if result.gamma:
        tables.append(build_gamma_table(result, numbers))
    for table in tables:
        yield _fold(table)


def _fold(table: Table) -> MeasureTable:
    """A table as it is shown: folded if it is long, and cut if it is very long."""
    n = len(table.rows)
    if n > MOST_ROWS:
        notes = (*table.notes, *name_rest(n, MOST_ROWS, "rows", "first"))
        table = replace(table, rows=table.rows[:MOST_ROWS], notes=notes)
    has_names = table.columns[0] not in ("same spans", "characters", "tokens")
    return MeasureTable(BarTable(table), n > LONG_TABLE, has_names)


def _list_some(ids: Sequence[str]) -> str:
    """Some ids, and how many others there are."""
    shown = ", ".join(map(shorten, ids[:MOST_LACKING]))
    rest = len(ids) - MOST_LACKING
    return f"{shown} and {pluralize(rest, 'more document')}" if rest > 0 else shown


def _list_options(result: AgreementResult) -> Iterator[tuple[str, str]]:
    """The options that were given."""
    for name, value in result.options.items():
        if value not in (None, [], {}):
            shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield name.replace("_", " "), shorten(shown, 400)
