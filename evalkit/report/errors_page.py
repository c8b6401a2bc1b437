"""The page of a system's errors: scores, where F1 is lost, confusions, breakdowns, examples and the
documents with the most errors.

The page is one file that loads nothing and runs no script. What is shown is capped, and each cap is
printed: a page has at most about two megabytes, whatever the corpus. Whole documents are read again
from the corpora; without them, the page has no texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from evalkit.analysis.error_counts import ErrorCounts
from evalkit.errors import InputError, shorten
from evalkit.report.error_documents import build_documents
from evalkit.report.error_examples import ExampleGroup, TextPolicy, fit_examples
from evalkit.report.error_tables import (
    BreakdownView,
    ConfusionView,
    LossView,
    build_breakdowns,
    build_confusion,
    build_losses,
)
from evalkit.report.marked_text import KIND_CLASSES, class_of_kind
from evalkit.report.scores_page import build_overview, build_score_table
from evalkit.results.cascade_gains import build_cascade_table
from evalkit.results.error_analysis import ErrorAnalysis
from evalkit.results.error_tables import build_label_table, build_needs_table
from evalkit.results.html_page import build_page, load_text, render_template
from evalkit.results.lenient_report import plain_gold_lines
from evalkit.results.metadata import ResultMetadata
from evalkit.results.metric_scores import CountsOnly, MetricScores
from evalkit.results.reading_lines import detection_lines
from evalkit.results.report_builder import format_interval, name_interval
from evalkit.results.scores import Scores, build_scores_report
from evalkit.results.summary import assumption_lines, set_aside_lines, warnings
from evalkit.results.tables import DEFAULT_FORMAT, ReportLines, Table, group_lines
from evalkit.results.wording import pluralize
from evalkit.scoring.cells import COUNTS, FOUND, GOLD, PREDICTED, TP
from evalkit.scoring.counts import Counts

MAX_DOCUMENTS = 20
MOST_LABELS = 50  # of a table of scores
MOST_ERROR_LABELS = 30  # of the table of errors by label
MOST_FAILURES = 20
EXAMPLE_BYTES = 500_000
LONGEST_LINE = 2000  # characters of a note or a signature


@dataclass(frozen=True)
class LayerView:
    """What the page shows of the errors of a layer."""

    layer: str
    losses: LossView | None
    tables: Sequence[Table]
    confusion: ConfusionView | None
    breakdowns: Sequence[BreakdownView]
    breakdown_metric: str
    examples: Sequence[ExampleGroup]
    sides: str


class KindLegend(NamedTuple):
    """A kind of error that the page has marks of, with the class of its marks."""

    kind: str
    code: str


def build_errors_page(
    analyses: Sequence[ErrorAnalysis],
    scores: Scores | None = None,
    *,
    text: bool = True,
    max_documents: int | None = MAX_DOCUMENTS,
    command: str = "",
) -> str:
    """The page of one or several layers' errors of one system as HTML.

    scores: those that the errors belong to, for their tables. text: with the words of the corpus;
    without, offsets, and codes of surface forms. max_documents: how many documents are shown in
    full; None for all, with their whole texts. command: the one that makes the page again.

    Raises InputError if there are neither analyses nor scores.
    """
    if not analyses and scores is None:
        raise InputError("a page needs an error analysis or scores")
    metadata = scores.metadata if scores is not None else analyses[0].metadata
    resampling = scores.resampling if scores is not None else analyses[0].resampling
    policy = TextPolicy(text)
    examples, most_examples = fit_examples(analyses, policy, EXAMPLE_BYTES)
    layers = [_layer_view(analysis, examples[analysis.layer]) for analysis in analyses]
    occurring = dict.fromkeys(group.kind for layer in layers for group in layer.examples)
    metrics = _metrics(analyses, scores)
    lines = _scores_lines(scores) if scores is not None else _analysis_lines(analyses)
    documents = build_documents(analyses, policy, max_documents)
    title = shorten(f"{metadata.system_name} on {metadata.corpus.name}", 200)
    body = render_template(
        "evalkit.report",
        "errors.html.j2",
        title=f"{title}: {'scores and errors' if scores is not None else 'errors'}",
        documents_scored=pluralize(metadata.corpus.documents, "document"),
        headlines=[_headline(analysis) for analysis in analyses],
        warnings=[shorten(line, LONGEST_LINE) for line in lines.warnings],
        notices=[*detection_lines(metadata.conversion), *_assumptions(analyses, scores)],
        interval_name=name_interval(resampling) if resampling.boot else "",
        interval_label=f"{100 * resampling.level:g} %" if resampling.boot else "",
        is_single=metadata.corpus.documents == 1,
        overview=build_overview(metrics),
        score_tables=[
            build_score_table(metric, most_labels=MOST_LABELS)
            for metric in _metrics_by_label(metrics)
        ],
        layers=layers,
        most_examples=most_examples,
        kinds=_group_kinds(occurring),
        all_kinds=[KindLegend(kind, code) for kind, code in KIND_CLASSES.items()],
        shows_text=text,
        has_texts=bool(analyses) and analyses[0].has_texts,
        has_documents=bool(analyses) and analyses[0].has_documents,
        documents=documents,
        anchors={document.id: document.anchor for document in documents.documents},
        max_documents=max_documents,
        notes=[shorten(line, LONGEST_LINE) for line in lines.notes],
        signatures=[shorten(line, LONGEST_LINE) for line in lines.signatures],
        about=list(_about(metadata)),
        failures=list(_failures(metadata, shows_reason=text)),
        command=command,
    )
    page = build_page(title, body, style=load_text("evalkit.report", "errors.css"))
    if max_documents is not None:
        return page
    size = len(page.encode()) / 1_000_000
    return page.replace(SIZE_MARK, f"{size:,.1f} MB")


SIZE_MARK = "<!-- size -->"


def _layer_view(analysis: ErrorAnalysis, examples: Sequence[ExampleGroup]) -> LayerView:
    sides = []
    for name, gain in (
        ("false positives", analysis.gain_without_false_positives),
        ("false negatives", analysis.gain_without_false_negatives),
    ):
        if gain.gain is not None:
            sides.append(f"{DEFAULT_FORMAT.format_signed(gain.gain)} without {name}")
    tables = (
        build_needs_table(analysis.needs, analysis.gains, DEFAULT_FORMAT, analysis.resampling),
        build_cascade_table(analysis.cascades, DEFAULT_FORMAT, analysis.resampling),
        build_label_table(analysis.error_counts, DEFAULT_FORMAT, MOST_ERROR_LABELS),
    )
    return LayerView(
        analysis.layer,
        build_losses(analysis),
        tuple(_repeat_names(table) for table in tables if table is not None),
        build_confusion(analysis.error_counts),
        build_breakdowns(analysis),
        str(analysis.request.metric),
        examples,
        ", ".join(sides),
    )


def _repeat_names(table: Table) -> Table:
    """The table with a name in each row: an empty one is that of the row above."""
    rows = []
    name = ""
    for first, *others in table.rows:
        name = first or name
        rows.append((name, *others))
    return replace(table, rows=tuple(rows))


def _headline(analysis: ErrorAnalysis) -> str:
    """F1 of a layer with its interval, and how many items were found, in a sentence."""
    counts = analysis.error_counts
    if counts.f1 is None:
        return f"{analysis.layer}: no items"
    interval = format_interval(strict_scores(analysis).micro.interval("f1"))
    if analysis.resampling.boot:
        interval = f" ({name_interval(analysis.resampling)}: {interval})"
    else:
        interval = ""
    return (
        f"{analysis.layer}: F1 {DEFAULT_FORMAT.format(counts.f1)}{interval};"
        f" {counts.correct:,} of {counts.gold:,} gold items found,"
        f" {counts.predicted - counts.correct:,} of {counts.predicted:,} predictions wrong"
    )


def strict_scores(analysis: ErrorAnalysis) -> MetricScores:
    """The scores under strict that the counts of an error analysis give."""
    return MetricScores(
        _strict_counts(analysis.error_counts), analysis.resampling, CountsOnly(None)
    )


def _strict_counts(counts: ErrorCounts) -> Counts:
    """The counts of strict: correct items are matched, all others are not."""
    is_predicted = np.array([cell.is_predicted for cell in counts.cells], bool)[counts.cell]
    is_correct = np.array([cell.kind == "correct" for cell in counts.cells], bool)[counts.cell]
    values = np.zeros((len(COUNTS), len(counts.count)), np.int32)
    for side, all_items, matched in ((~is_predicted, GOLD, FOUND), (is_predicted, PREDICTED, TP)):
        values[all_items, side] = counts.count[side]
        values[matched, side & is_correct] = counts.count[side & is_correct]
    return Counts(
        f"{counts.layer}/strict",
        counts.labels,
        counts.units,
        counts.unit.astype(np.int32),
        counts.label,
        values,
        signature={},
    )


def _group_kinds(kinds: Iterable[str]) -> list[KindLegend]:
    """The kinds by the class of their marks; those of one class together."""
    kinds_of_class: dict[str, list[str]] = {}
    for kind in kinds:
        kinds_of_class.setdefault(class_of_kind(kind), []).append(kind)
    return [KindLegend(", ".join(names), code) for code, names in kinds_of_class.items()]


def _metrics(analyses: Sequence[ErrorAnalysis], scores: Scores | None) -> list[MetricScores]:
    if scores is not None:
        return [scores[name] for name in scores]
    return [strict_scores(analysis) for analysis in analyses]


def _metrics_by_label(metrics: Sequence[MetricScores]) -> list[MetricScores]:
    """The metrics that are shown by label: the strict ones, and all of layers without one."""
    strict = {each.metric.layer for each in metrics if each.metric.scheme == "strict"}
    shown = []
    for each in metrics:
        layer = each.metric.layer
        # Attached arguments have the labels of arguments.
        is_repeated = layer.removeprefix("attached-") in strict - {layer}
        if not is_repeated and (each.metric.scheme == "strict" or layer not in strict):
            shown.append(each)
    return shown


def _assumptions(analyses: Sequence[ErrorAnalysis], scores: Scores | None) -> list[str]:
    """What the intervals assume where sentences are documents."""
    if scores is not None:
        return assumption_lines(scores.signature_fields.values(), scores.resampling)
    fields = [each.notes.signature_fields for each in analyses]
    return assumption_lines(fields, analyses[0].resampling)


def _scores_lines(scores: Scores) -> ReportLines:
    """The lines above and below the tables of scores."""
    return group_lines(build_scores_report(scores))


def _analysis_lines(analyses: Sequence[ErrorAnalysis]) -> ReportLines:
    """The warnings, notes and signatures of analyses without scores."""
    signatures = dict.fromkeys(each.signature for each in analyses if each.signature)
    label_warnings = dict.fromkeys(line for each in analyses for line in each.notes.label_warnings)
    shown = [*label_warnings, *warnings(analyses[0].metadata)]
    set_aside = {f"{each.layer}/strict": each.notes.set_aside for each in analyses}
    notes = [*plain_gold_lines(analyses[0].metadata), *set_aside_lines(set_aside)]
    return ReportLines([], shown, notes, list(signatures))


def _about(metadata: ResultMetadata) -> Iterator[tuple[str, str]]:
    """What was scored, with which options and versions: (name, value)."""
    data = metadata.to_builtins()
    yield "system", shorten(metadata.system_name, 200)
    if metadata.system_name != metadata.model:
        yield "model", shorten(metadata.model, 200)
    yield "corpus", shorten(metadata.corpus.name, 200)
    for name, value in data["options"].items():
        if value not in (None, [], {}):
            yield name.replace("_", " "), shorten(_list_values(value), 400)
    yield "versions", ", ".join(f"{name} {version}" for name, version in metadata.versions.items())
    if metadata.unplaced:
        reasons = [f"{shorten(reason)} {n:,}" for reason, n in list(metadata.unplaced.items())[:20]]
        yield "unplaced predictions", "; ".join(reasons)
    if metadata.missing_documents:
        yield "documents without prediction", f"{metadata.missing_documents:,}"


def _list_values(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def _failures(metadata: ResultMetadata, *, shows_reason: bool) -> Iterator[str]:
    """The documents that the model failed on. Reasons may quote the text."""
    failures = sorted(metadata.failures.items())
    for id, reason in failures[:MOST_FAILURES]:
        yield f"{shorten(id)}: {shorten(reason, 200)}" if shows_reason else shorten(id)
    if len(failures) > MOST_FAILURES:
        yield f"{len(failures) - MOST_FAILURES:,} more documents"
