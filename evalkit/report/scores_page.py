"""The page of one system's scores: an overview, a table for each metric, the confusion of labels,
and the documents with the lowest F1.

Labels are in alphabetical order, averages below them. Each F1 has a bar with its interval.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from evalkit.errors import InputError, shorten
from evalkit.report.interval_bars import score_bar
from evalkit.results.ceiling import AGAINST_GOLD, describe_ceiling
from evalkit.results.html_page import build_page, mark_safe, render_template
from evalkit.results.metric_scores import MetricScores
from evalkit.results.report_builder import ReportBuilder, format_interval, name_interval
from evalkit.results.rows import Row
from evalkit.results.scores import Scores
from evalkit.results.summary import explain_metric, has_single_label
from evalkit.results.tables import DEFAULT_FORMAT, Report, Table, group_lines
from evalkit.results.wording import pluralize

MAX_DOCUMENTS = 20  # in the table of documents
MAX_CONFUSED = 40  # labels of a confusion matrix
MAX_MATCHED = 10_000  # documents that are matched again for the confusion matrix
AVERAGES = ("micro", "macro", "weighted", "per-document")
AVERAGES_OF_ONE_LABEL = ("micro", "per-document")  # the others are equal to micro


@dataclass(frozen=True)
class ScoreLine:
    """A row of a table of scores, as text; `bar` is SVG."""

    name: str
    precision: str
    recall: str
    f1: str
    interval: str
    bar: str
    tp: str
    fp: str
    fn: str
    support: str


@dataclass(frozen=True)
class ScoreTable:
    """The scores under one metric; tables that are not `is_open` open on a click."""

    title: str
    labels: tuple[ScoreLine, ...]
    averages: tuple[ScoreLine, ...]
    notes: tuple[str, ...]
    is_open: bool


def build_scores_page(scores: Scores, report: Report) -> str:
    """The page of some scores as HTML; `report` has the lines above and below its tables."""
    metrics = [scores[name] for name in scores]
    lines = group_lines(report)
    resampling = scores.resampling
    body = render_template(
        "evalkit.report",
        "scores.html.j2",
        lines=lines,
        interval_name=name_interval(resampling) if resampling.boot else "",
        overview=build_overview(metrics),
        tables=[build_score_table(metric) for metric in metrics],
        confusion=_confusion_table(scores),
        documents=_document_table(metrics, resampling.documents),
    )
    return build_page(lines.header[0] if lines.header else "evalkit", body)


def build_overview(metrics: Sequence[MetricScores]) -> list[ScoreLine]:
    """The micro average of each metric."""
    return [_score_line(metric.micro, str(metric.metric)) for metric in metrics]


def _ceiling_notes(metric: MetricScores) -> list[str]:
    """The agreement of the annotators of gold beside micro F1, if it was measured."""
    if metric.ceiling is None:
        return []
    return [describe_ceiling(metric.micro.f1, metric.ceiling, DEFAULT_FORMAT), AGAINST_GOLD]


def build_score_table(metric: MetricScores, *, most_labels: int | None = None) -> ScoreTable:
    """The scores under a metric: a line for each label, unless the layer has one only, then the
    averages.

    most_labels: only so many labels, those with the largest support first.
    """
    all_rows = [metric[label] for label in metric.labels]
    occurring = [row for row in all_rows if row.gold or row.predicted]
    unused = len(all_rows) - len(occurring)
    shown = occurring
    if most_labels is not None:
        by_support = sorted(occurring, key=lambda row: (-(row.gold or 0), row.label or ""))
        shown = by_support[:most_labels]
    averages_shown: Collection[str] = AVERAGES
    if has_single_label(metric.metric.layer):
        shown, occurring, averages_shown = [], [], AVERAGES_OF_ONE_LABEL
    labels = tuple(_score_line(row, shorten(row.label or "")) for row in shown)
    rows = [row for row in metric.rows() if row.average in averages_shown]
    averages = tuple(_score_line(row, row.average or "") for row in rows)
    names = [shorten(row.label or row.average or "") for row in (*shown, *rows)]
    accuracies = {} if metric.accuracy is None else {str(metric.metric): metric.accuracy}
    builder = ReportBuilder(metric.resampling, DEFAULT_FORMAT, accuracies)
    notes = [
        *filter(None, [explain_metric(metric.metric)]),
        *_ceiling_notes(metric),
        *builder.accuracy_notes(list(accuracies)),
        *builder.notes([*shown, *rows], names),
    ]
    if len(shown) < len(occurring):
        notes.append(f"{len(occurring) - len(shown):,} more labels have less support")
    if unused and metric.plain is not None:
        notes.append(f"{pluralize(unused, 'more label')} without items that count")
    elif unused:
        notes.append(f"{pluralize(unused, 'more label')} in the schema, without any item")
    is_open = metric.metric.scheme == "strict"
    return ScoreTable(str(metric.metric), labels, averages, tuple(notes), is_open)


def _score_line(row: Row, name: str) -> ScoreLine:
    """A row of scores as text, with the bar of its F1."""
    interval = row.interval("f1")
    return ScoreLine(
        name,
        _ratio(row.precision),
        _ratio(row.recall),
        _ratio(row.f1),
        format_interval(interval),
        mark_safe(score_bar(row.f1, interval.low, interval.high)),
        *(_count(value) for value in (row.tp, row.fp, row.fn, row.support)),
    )


def _confusion_table(scores: Scores) -> Table | None:
    """The confusion matrix of entities; None without entities, or where only counts are kept."""
    if not any(name.startswith("entities/") for name in scores):
        return None
    if scores.resampling.documents > MAX_MATCHED:
        return None
    try:
        confusion = scores.confusion()
    except InputError:
        return None
    if not confusion or len(confusion.predicted_labels) > MAX_CONFUSED:
        return None
    return confusion.to_table()


def _document_table(metrics: list[MetricScores], documents: int) -> Table | None:
    """The documents with the lowest F1 under the first metric; None for a single document."""
    if documents < 2 or not metrics:
        return None
    metric = metrics[0]
    scored = [(row.f1, id, row) for id, row in metric.by_document() if row.f1 is not None]
    lowest = sorted(scored, key=lambda each: each[:2])[:MAX_DOCUMENTS]
    cells = []
    for _, id, row in lowest:
        ratios = (_ratio(row.precision), _ratio(row.recall), _ratio(row.f1))
        counts = (_count(value) for value in (row.tp, row.fp, row.fn, row.support))
        cells.append((id, *ratios, *counts))
    title = f"Documents with the lowest F1, {metric.metric}"
    columns = ("document", "P", "R", "F1", "TP", "FP", "FN", "support")
    more = len(scored) - len(lowest)
    notes = (f"{more:,} more documents have a higher F1",) if more else ()
    return Table(title, columns, tuple(cells), notes)


def _ratio(value: float | None) -> str:
    """A ratio with three decimals; a dash for None."""
    return "–" if value is None else f"{value:.3f}"


def _count(value: float | None) -> str:
    """A count as text; empty for None."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
