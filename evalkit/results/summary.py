"""Builds the report of a result: tables and sentences from rows.

Warnings come first. Then the tables: entities (strict by label, then a block with a row for each
scheme), events (the six rows of TextEE, Tri-I to Arg-C+, then each event type), attributions
(source, cue and content, then whole relations). Any other metric has a table of its own. Below them
stand what was set aside, how the intervals were made, and the signatures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.results.tables import DEFAULT_FORMAT, NumberFormat, Report, Table
from evalkit.scoring.span_edges import SpanEdges, describe_edges
from evalkit.stats.intervals import FEW_DOCUMENTS, NOT_ASKED, UNDEFINED_RATIO, Resampling

Row = Any  # scores.Row, which imports this module

_EVENT_ROWS = {
    "triggers/exact": "Tri-I",
    "triggers/strict": "Tri-C",
    "arguments/exact": "Arg-I",
    "arguments/strict": "Arg-C",
    "attached-arguments/exact": "Arg-I+",
    "attached-arguments/strict": "Arg-C+",
}
_SCHEME_NOTES = {
    "strict": "",
    "exact": "exact: equal span, label ignored",
    "partial": "partial: overlap counts a half, label ignored",
    "type": "type: overlap with equal label",
}
_ATTRIBUTIONS = {
    "attributions": "",
    "attached-attributions": "attached ",
    "attribution-relations": "whole ",
}
_LAYER_NAMES = {
    "entities": "Entities",
    "triggers": "Event triggers",
    "arguments": "Event arguments",
    "attached-arguments": "Attached event arguments",
    "realis": "Realis",
    "attributions": "Attributions",
    "attached-attributions": "Attached attributions",
    "attribution-relations": "Whole attributions",
    "tokens": "Tokens in entities",
}
_COUNTED_AS_WRONG = {
    "duplicate": "duplicate predictions",
    "unplaced": "unplaced predictions (not found in the text)",
}
_REASONS = {
    "gold_outside_zones": "gold items outside the scored zones",
    "predicted_outside_zones": "predicted items outside the scored zones",
    "gold_merged": "gold items that equal another under this metric",
    "predicted_merged": "predicted items that equal another under this metric",
    "gold_dropped": "gold items that the label map or the list of labels drops",
    "predicted_dropped": "predicted items that the label map or the list of labels drops",
    "gold_repaired": "invalid tags of gold, repaired as the signature says",
    "predicted_repaired": "invalid predicted tags, repaired as the signature says",
    "documents_not_annotated": "documents in which gold does not annotate this layer",
}


def build_report(
    rows: Sequence[Row],
    signatures_of: Mapping[str, Mapping[str, str]],
    set_aside: Mapping[str, Mapping[str, int]],
    about: Mapping[str, Any],
    resampling: Resampling,
    unit_counts: Mapping[str, int],
    label_warnings: Sequence[str] = (),
    numbers: NumberFormat = DEFAULT_FORMAT,
) -> Report:
    """The report of a result.

    signatures_of: the fields of each metric's signature. unit_counts: the number of units that the
    replicates of each metric were drawn from. label_warnings: further warnings.
    """
    metrics = list(dict.fromkeys(row.metric for row in rows))
    builder = ReportBuilder(resampling, numbers)
    tables = [
        *_entity_tables(builder, rows, metrics),
        *_event_tables(builder, rows, metrics),
        *_attribution_tables(builder, rows, metrics),
    ]
    for metric in metrics:
        layer = metric.split("/")[0]
        if layer != "entities" and layer not in _ATTRIBUTIONS and metric not in _EVENT_ROWS:
            tables.append(_table(builder, rows, metric))
    head = (
        *_header_lines(about),
        *(f"Warning: {warning}" for warning in (*label_warnings, *warnings(about))),
    )
    foot = (
        *_set_aside_lines(set_aside, about),
        *_ambiguity_lines(builder, rows, about),
        *builder.interval_lines(unit_counts),
        *builder.single_document_lines(signatures_of),
        *signatures(signatures_of),
    )
    return Report(head, tuple(tables), foot, tuple(row.as_dict() for row in rows))


class ReportBuilder:
    """Writes ratios and their intervals, and the notes on them."""

    def __init__(self, resampling: Resampling, numbers: NumberFormat) -> None:
        """Intervals are named by their level; those of a single document are called ranges."""
        self.resampling = resampling
        self.numbers = numbers
        level = f"{100 * resampling.level:g} %"
        self.interval_name = f"{level} range" if resampling.is_single_document else f"{level} CI"
        intervals = (self.interval_name,) if resampling.boot else ()
        self.ratio_columns = ("P", "R", "F1", *intervals)
        self.columns = (*self.ratio_columns, "TP", "FP", "FN", "support")

    def ratios(self, row: Row) -> tuple[str, ...]:
        """Precision, recall, F1 and the interval of F1, where there are intervals."""
        cells = [self.numbers.format(value) for value in (row.precision, row.recall, row.f1)]
        if self.resampling.boot:
            low, high, _ = row.interval("f1")
            cells.append("–" if low is None else self.numbers.format_range(low, high))
        return tuple(cells)

    def line(self, name: str, row: Row) -> tuple[str, ...]:
        """A row of a table."""
        counts = map(format_count, (row.tp, row.fp, row.fn, row.gold))
        return (name, *self.ratios(row), *counts)

    def table(
        self, title: str, lines: Sequence[tuple[str, ...]], notes: Sequence[str], first: str
    ) -> Table:
        """A table with the first column `first`; a narrow terminal hides the intervals first."""
        columns = (first, *self.columns)
        return Table(
            title, columns, tuple(lines), tuple(notes), (self.interval_name, "FP", "FN", "TP")
        )

    def missing_interval_notes(self, rows: Sequence[Row]) -> list[str]:
        """Why rows of a table have no interval."""
        if not self.resampling.boot:
            return []
        reasons: dict[str, None] = {}
        for row in rows:
            interval = row.interval("f1")
            if interval not in (UNDEFINED_RATIO, NOT_ASKED) and interval.reason:
                reasons[interval.reason] = None
        name = self.interval_name.split()[-1]
        return [f"–: no {name} ({'; '.join(reasons)})"] if reasons else []

    def notes(self, rows: Sequence[Row]) -> list[str]:
        """Why rows of a table have no interval, and Wilson's interval of micro precision and
        recall.
        """
        notes = self.missing_interval_notes(rows)
        if not self.resampling.boot:
            return notes
        for row in rows:
            if row.average != "micro":
                continue
            parts = []
            for letter, name in (("P", "precision"), ("R", "recall")):
                low, high, _ = row.wilson(name)
                if low is not None:
                    parts.append(f"{letter} {self.numbers.format_range(low, high)}")
            if parts:
                level = f"{100 * self.resampling.level:g} %"
                notes.append(
                    f"Wilson {level} CI of micro {', '.join(parts)} (assumes independent items)"
                )
        return notes

    def single_document_lines(
        self, signatures_of: Mapping[str, Mapping[str, str]]
    ) -> Iterator[str]:
        """Which layers are annotated in one document of several: their intervals are ranges."""
        if self.resampling.is_single_document or not self.resampling.boot:
            return
        layers: dict[str, None] = {}
        for metric, fields in signatures_of.items():
            if fields["docs"].startswith("1/"):
                layers[metric.split("/")[0]] = None
        if layers:
            yield (
                f"annotated in one document: {', '.join(layers)}; their intervals are"
                " sentence-resampling ranges, that document only"
            )

    def interval_lines(self, unit_counts: Mapping[str, int]) -> Iterator[str]:
        """How the intervals were made, and what they allow to conclude."""
        resampling = self.resampling
        if not resampling.boot:
            return
        layers_of: dict[int, list[str]] = {}
        for metric, count in unit_counts.items():
            layers_of.setdefault(count, []).append(metric.split("/")[0])
        parts = []
        for count, layers in layers_of.items():
            part = pluralize(count, resampling.units.removesuffix("s"))
            if len(layers_of) > 1:
                part += f" ({', '.join(dict.fromkeys(layers))})"
            parts.append(part)
        method = "percentile" if resampling.units == "documents" else "BCa"
        how = (
            f"{method} bootstrap, {pluralize(resampling.boot, 'replicate')} over"
            f" {', '.join(parts)}, seed {resampling.seed}"
        )
        if resampling.is_single_document and resampling.units == "documents":
            yield f"no {self.interval_name}: documents are resampled, and there is one"
        elif resampling.is_single_document:
            yield (
                f"{self.interval_name} of F1: sentence-resampling range, these documents only"
                f" ({how})"
            )
        elif resampling.units == "sentences":
            yield (
                f"{self.interval_name} of F1: {how}; conditional on these"
                f" {pluralize(resampling.documents, 'document')}"
            )
        else:
            yield f"{self.interval_name} of F1: {how}"


def _header_lines(about: Mapping[str, Any]) -> Iterator[str]:
    corpus = about.get("corpus", {})
    documents, failures = corpus.get("documents", 0), about.get("failures", {})
    system = about.get("name") or about.get("model", "predictions")
    yield f"{system} on {corpus.get('name', 'corpus')} ({pluralize(documents, 'document')})"
    if failures:
        yield (
            f"FAILED on {len(failures)} of {pluralize(documents, 'document')}; their gold items"
            " count as missed:"
        )
        yield from (f"  {id}: {reason}" for id, reason in sorted(failures.items())[:5])


def _entity_tables(
    builder: ReportBuilder, rows: Sequence[Row], metrics: Sequence[str]
) -> Iterator[Table]:
    """Strict by label, then a block with the micro average of each scheme; a table for each other
    metric of entities.
    """
    entities = [metric for metric in metrics if metric.split("/")[0] == "entities"]
    if "entities/strict" not in entities:
        yield from (_table(builder, rows, metric) for metric in entities)
        return
    yield _table(builder, rows, "entities/strict")
    schemes = [metric for metric in entities if metric.split("/")[1] in _SCHEME_NOTES]
    if len(schemes) > 1:
        lines = []
        for metric in schemes:
            row = _average_row(rows, metric, "micro")
            lines.append(builder.line(metric.split("/")[1], row))
        names = [metric.split("/")[1] for metric in schemes]
        notes = [_SCHEME_NOTES[name] for name in names if _SCHEME_NOTES[name]]
        yield builder.table("Entities by scheme (micro)", lines, ["; ".join(notes)], "scheme")
    for metric in entities:
        if metric not in schemes and metric != "entities/strict":
            yield _table(builder, rows, metric)


def _attribution_tables(
    builder: ReportBuilder, rows: Sequence[Row], metrics: Sequence[str]
) -> Iterator[Table]:
    """One table: source, cue and content, and whole relations, a line each under each scheme."""
    lines, shown = [], []
    for metric in metrics:
        layer, scheme = metric.split("/")
        if layer not in _ATTRIBUTIONS:
            continue
        labels = [row for row in rows if row.metric == metric and row.label is not None]
        part = _ATTRIBUTIONS[layer]
        lines += [builder.line(f"{part}{row.label}, {scheme}", row) for row in labels]
        shown += labels
    if lines:
        yield builder.table("Attributions", lines, builder.notes(shown), "label")


def _event_tables(
    builder: ReportBuilder, rows: Sequence[Row], metrics: Sequence[str]
) -> Iterator[Table]:
    """The rows of TextEE, then each event type."""
    shown = [metric for metric in _EVENT_ROWS if metric in metrics]
    if not shown:
        return
    averages = [_average_row(rows, metric, "micro") for metric in shown]
    lines = [builder.line(_EVENT_ROWS[row.metric], row) for row in averages]
    notes = builder.missing_interval_notes(averages)
    yield builder.table("Events (micro)", lines, notes, "metric")
    if "triggers/strict" in shown:
        yield _table(builder, rows, "triggers/strict")


def _table(builder: ReportBuilder, rows: Sequence[Row], metric: str) -> Table:
    """The labels that gold or the prediction has, and the averages."""
    rows_of_metric = [row for row in rows if row.metric == metric]
    labels = [row for row in rows_of_metric if row.label is not None]
    occurring = [row for row in labels if row.gold or row.predicted]
    averages = [row for row in rows_of_metric if row.average in ("micro", "macro", "weighted")]
    lines = [builder.line(row.label, row) for row in occurring]
    lines += [builder.line(row.average, row) for row in averages]
    note = f"macro: mean over {pluralize(len(occurring), 'label')}"
    only_predicted = sum(not row.gold for row in occurring)
    if only_predicted:
        note += f", {only_predicted} of them only predicted (F1 0)"
    if len(labels) > len(occurring):
        note += f"; {len(labels) - len(occurring)} more are declared and occur nowhere"
    layer, scheme = metric.split("/")
    title = f"{_LAYER_NAMES.get(layer, layer)}, {scheme}"
    return builder.table(title, lines, [note, *builder.notes([*occurring, *averages])], "label")


def _average_row(rows: Sequence[Row], metric: str, average: str) -> Row:
    return next(row for row in rows if row.metric == metric and row.average == average)


def format_count(value: float | None) -> str:
    """A count; nothing for None."""
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def pluralize(number: int, noun: str) -> str:
    """1 document, 2 documents."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _set_aside_lines(
    set_aside: Mapping[str, Mapping[str, int]], about: Mapping[str, Any]
) -> Iterator[str]:
    yield from _by_reason(set_aside, _REASONS, "Set aside")
    yield from _by_reason(set_aside, _COUNTED_AS_WRONG, "Counted as wrong")
    yield from (f"  {n} × {reason}" for reason, n in list(about.get("unplaced", {}).items())[:3])


def _ambiguity_lines(
    builder: ReportBuilder, rows: Sequence[Row], about: Mapping[str, Any]
) -> Iterator[str]:
    """F1 for the worst and the best placement of quotes that occur several times."""
    layers: set[str] = set()
    for metric, change in about.get("ambiguity", {}).items():
        layer, row = metric.split("/")[0], _average_row(rows, metric, "micro")
        if layer in layers or row.f1 is None:
            continue
        layers.add(layer)
        low, high = (
            2 * (row.tp + change[end]) / (row.predicted + row.gold) for end in ("worst", "best")
        )
        numbers = builder.numbers
        yield (
            f"Ambiguous quotes: {pluralize(change['annotations'], 'annotation')} of {layer} can"
            f" stand in several places; F1 of {metric} is {numbers.format(row.f1)}, and"
            f" {numbers.format(low)} to {numbers.format(high)} over all choices"
        )


def warnings(about: Mapping[str, Any]) -> Iterator[str]:
    """Warnings about a result."""
    yield from read_lines(about.get("conversion", {}))
    for side, edges in about.get("span_edges", {}).items():
        yield from filter(None, [describe_edges(side, SpanEdges(**edges))])
    documents = about.get("corpus", {}).get("documents", 0)
    if documents == 1:
        yield (
            "one document: the scores describe this text only and say nothing about other texts; do"
            " not rank models by them"
        )
    elif documents < FEW_DOCUMENTS:
        yield f"{documents} documents: differences between models may be due to chance"
    if missing := about.get("missing_documents"):
        yield f"{missing} documents without prediction were scored as empty"


def read_lines(conversion: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Iterator[str]:
    """What the readers of gold and prediction dropped, repaired and skipped: a line for each side
    with anything of it.
    """
    for side, sections in conversion.items():
        parts = [
            f"{section} {', '.join(f'{count:,} {name}' for name, count in counts.items())}"
            for section, counts in sections.items()
            if counts
        ]
        if parts:
            yield f"Read: {side}: {'; '.join(parts)}"


def signatures(signatures_of: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """One line for metrics whose signatures differ in nothing else."""
    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for metric, fields in signatures_of.items():
        alike.setdefault(
            tuple((name, "" if name == "metric" else value) for name, value in fields.items()), []
        ).append(metric)
    for shared, metrics in alike.items():
        yield "|".join(
            f"{name}:{'+'.join(metrics) if name == 'metric' else value}" for name, value in shared
        )


def _by_reason(
    set_aside: Mapping[str, Mapping[str, int]], known: Mapping[str, str], title: str
) -> Iterator[str]:
    """What was set aside for the known reasons, each once with the layers that it holds for."""
    lines: dict[tuple[str, int], list[str]] = {}
    for metric, reasons in set_aside.items():
        for reason, number in reasons.items():
            if number and reason in known:
                lines.setdefault((reason, number), []).append(metric.split("/")[0])
    for (reason, number), layers in lines.items():
        yield f"{title}: {number} {known[reason]} ({', '.join(dict.fromkeys(layers))})"
