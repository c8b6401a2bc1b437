"""Builds the report of a result: tables and sentences from rows.

Warnings come first. Then the tables: entities (strict by label, then a block with a row for each
scheme), events (the six rows of TextEE, Tri-I to Arg-C+, then each event type), attributions
(source, cue and content, then whole relations). Any other metric has a table of its own. Below them
stand what was set aside, how the intervals were made, and the signatures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from evalkit.results.lenient_report import accepted_lines, plain_gold_lines, plain_score_lines
from evalkit.results.metadata import (
    IN_ANOTHER_TEXT,
    ResultMetadata,
    find_independence_assumption,
)
from evalkit.results.reading_lines import detection_lines, read_lines
from evalkit.results.report_builder import ReportBuilder
from evalkit.results.rows import Row
from evalkit.results.tables import DEFAULT_FORMAT, NumberFormat, Report, Table
from evalkit.results.wording import pluralize
from evalkit.scoring.counts import Accuracy
from evalkit.scoring.metrics import Metric
from evalkit.scoring.overlap_threshold import IOU, PREFIX
from evalkit.scoring.span_edges import describe_edges
from evalkit.stats.intervals import FEW_DOCUMENTS, Resampling

EVENT_ROWS = {
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
    IOU: "iou:T: shared ÷ union of characters at least T, with equal label",
    "boundaries": "boundaries: labels of arguments ignored",
    "multiset": "",
    "head": "head: equal span, or the head of gold's argument",
    "coref": "coref: equal span, or another mention of what gold's argument refers to",
}
# Schemes that readers of a table may not know, since only some layers have them
_SCHEMES_OF_SOME_LAYERS = ("boundaries", "head", "coref")
# Layers with a single label, and what their schemes compare
_SINGLE_LABEL_NOTES = {
    "links": {
        "strict": "strict: equal span and id",
        "type": "type: overlap and equal id",
        "mention-free": "mention-free: the set of ids of each document",
        "in-kb": "in-kb: equal span and id, without NIL",
    },
    "speakers": {
        "strict": "strict: same content and speaker",
        "type": "type: contents overlap, same speaker",
    },
}
_STRING_NOTES = {
    "surfaces/strict": "without offsets: repeated mentions count once",
    "surfaces/multiset": "without offsets: repeated mentions count as often as they occur",
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
    "relations": "Relations",
    "tokens": "Tokens in entities",
    "surfaces": "Surfaces",
    "links": "Links",
    "speakers": "Speakers",
}
_COUNTED_AS_WRONG = {
    "duplicate": "duplicate predictions",
    "unplaced": "predictions without a valid place in the text (unplaced)",
}
_BY_SPAN_ONLY = {
    "gold_without_head": "gold arguments without a head",
    "gold_without_mentions": "gold arguments that refer to no entity",
}
_REASONS = {
    "gold_outside_zones": "gold items outside the scored zones",
    "predicted_outside_zones": "predicted items outside the scored zones",
    "gold_merged": "gold items that equal another under this metric",
    "predicted_merged": "predicted items that equal another under this metric",
    "gold_dropped": "gold items that the label map or the list of labels drops",
    "predicted_dropped": "predicted items that the label map or the list of labels drops",
    "gold_empty": "gold items whose string is empty after normalization",
    "predicted_empty": "predicted items whose string is empty after normalization",
    "gold_nil": "gold links that are NIL",
    "predicted_nil": "predicted links that are NIL",
    "gold_without_trigger": "gold events without a trigger",
    "predicted_without_trigger": "predicted events without a trigger",
    "predicted_ignored": "predicted items in ignore regions",
    "gold_repaired": "invalid tags of gold, repaired as the signature says",
    "predicted_repaired": "invalid predicted tags, repaired as the signature says",
    "documents_not_annotated": "documents in which gold does not annotate this layer",
}


def build_report(
    rows: Sequence[Row],
    signatures_of: Mapping[str, Mapping[str, str]],
    set_aside: Mapping[str, Mapping[str, int]],
    metadata: ResultMetadata,
    resampling: Resampling,
    unit_counts: Mapping[str, int],
    label_warnings: Sequence[str] = (),
    numbers: NumberFormat = DEFAULT_FORMAT,
    accuracies: Mapping[str, Accuracy] | None = None,
    plain_rows: Mapping[str, Row] | None = None,
) -> Report:
    """The report of a result.

    signatures_of: the fields of each metric's signature. unit_counts: the number of units of each
    metric. label_warnings: further warnings. accuracies: of the metrics that have one. plain_rows:
    the micro averages over plain gold, of metrics where gold is not plain.
    """
    metrics = list(dict.fromkeys(row.metric for row in rows))
    builder = ReportBuilder(resampling, numbers, accuracies, plain_rows or ())
    head = (
        *_header_lines(metadata),
        *warning_lines(metadata, label_warnings),
        *assumption_lines(signatures_of.values(), resampling),
    )
    micro = {metric: _average_row(rows, metric, "micro") for metric in metrics}
    foot = (
        *plain_gold_lines(metadata),
        *plain_score_lines(plain_rows or {}, micro, numbers),
        *set_aside_lines(set_aside),
        *(unplaced_lines(metadata) if _has_unplaced(set_aside) else ()),
        *_other_text_lines(metadata),
        *_ambiguity_lines(builder, rows, metadata),
        *builder.interval_lines(unit_counts, list(micro.values())),
        *builder.single_document_lines(signatures_of),
        *signatures(signatures_of),
    )
    tables = _metric_tables(builder, rows, metrics)
    return Report(head, tables, foot, tuple(row.as_dict() for row in rows))


def build_metric_report(
    rows: Sequence[Row],
    signature_fields: Mapping[str, str],
    set_aside: Mapping[str, int],
    resampling: Resampling,
    unit_count: int,
    accuracy: Accuracy | None = None,
    plain_row: Row | None = None,
) -> Report:
    """The table of one metric and its footnotes, without heading and warnings. plain_row: the micro
    average over plain gold, where gold is not plain.
    """
    metric = rows[0].metric
    accuracies = {} if accuracy is None else {metric: accuracy}
    plain_rows = {} if plain_row is None else {metric: plain_row}
    builder = ReportBuilder(resampling, DEFAULT_FORMAT, accuracies, plain_rows)
    micro = {metric: _average_row(rows, metric, "micro")}
    foot = (
        *plain_score_lines(plain_rows, micro, DEFAULT_FORMAT),
        *set_aside_lines({metric: set_aside}),
        *builder.interval_lines({metric: unit_count}, list(micro.values())),
        *builder.single_document_lines({metric: signature_fields}),
        *signatures({metric: signature_fields}),
    )
    tables = _metric_tables(builder, rows, [metric])
    return Report((), tables, foot, tuple(row.as_dict() for row in rows))


def _layer(metric: str) -> str:
    return Metric.parse(metric).layer


def warning_lines(metadata: ResultMetadata, label_warnings: Sequence[str] = ()) -> Iterator[str]:
    """What was detected, then the warnings about labels and about a result, each marked as one."""
    yield from detection_lines(metadata.conversion)
    for warning in (*label_warnings, *warnings(metadata)):
        yield f"Warning: {warning}"


def assumption_lines(signatures: Iterable[Mapping[str, str]], resampling: Resampling) -> list[str]:
    """What the intervals assume where sentences are documents. signatures: their fields."""
    if resampling.describes_sample_only or not resampling.boot:
        return []
    assumptions = [find_independence_assumption(fields) for fields in signatures]
    return list(dict.fromkeys(filter(None, assumptions)))


def _header_lines(metadata: ResultMetadata) -> Iterator[str]:
    documents = pluralize(metadata.corpus.documents, "document")
    yield f"{metadata.system_name} on {metadata.corpus.name} ({documents})"
    yield from failure_lines(metadata)


def failure_lines(metadata: ResultMetadata, *, most_reasons: int = 5) -> Iterator[str]:
    """How many documents the model failed on, and why it failed on the first ones."""
    if not metadata.failures:
        return
    documents = pluralize(metadata.corpus.documents, "document")
    colon = ":" if most_reasons else ""
    yield (
        f"FAILED on {len(metadata.failures)} of {documents}; their gold items count as missed"
        f"{colon}"
    )
    for id, reason in sorted(metadata.failures.items())[:most_reasons]:
        yield f"  {id}: {reason}"


def _metric_tables(
    builder: ReportBuilder, rows: Sequence[Row], metrics: Sequence[str]
) -> tuple[Table, ...]:
    """The tables of entities, events and attributions, then one for each other metric."""
    tables = [
        *_entity_tables(builder, rows, metrics),
        *_event_tables(builder, rows, metrics),
        *_attribution_tables(builder, rows, metrics),
        *_single_label_tables(builder, rows, metrics),
    ]
    for metric in metrics:
        layer = _layer(metric)
        has_table = layer == "entities" or layer in _ATTRIBUTIONS or layer in _SINGLE_LABEL_NOTES
        if not has_table and metric not in EVENT_ROWS:
            tables.append(_table(builder, rows, metric))
    return tuple(tables)


def _entity_tables(
    builder: ReportBuilder, rows: Sequence[Row], metrics: Sequence[str]
) -> Iterator[Table]:
    """Strict by label, then a block with the micro average of each scheme; a table for each other
    metric of entities.
    """
    entities = [metric for metric in metrics if _layer(metric) == "entities"]
    if "entities/strict" not in entities:
        yield from (_table(builder, rows, metric) for metric in entities)
        return
    yield _table(builder, rows, "entities/strict")
    schemes = [metric for metric in entities if _scheme_note(metric) is not None]
    if len(schemes) > 1:
        lines = []
        for metric in schemes:
            row = _average_row(rows, metric, "micro")
            lines.append(builder.line(Metric.parse(metric).scheme, row))
        notes = list(dict.fromkeys(note for metric in schemes if (note := _scheme_note(metric))))
        yield builder.table("Entities by scheme (micro)", lines, ["; ".join(notes)], "scheme")
    for metric in entities:
        if metric not in schemes and metric != "entities/strict":
            yield _table(builder, rows, metric)


def has_single_label(layer: str) -> bool:
    """Whether all items of a layer have one label, so that rows by label say nothing more."""
    return layer in _SINGLE_LABEL_NOTES


def explain_metric(metric: Metric) -> str:
    """What a metric compares, as a note below its table; "" where its name says it."""
    if has_single_label(metric.layer):
        return _SINGLE_LABEL_NOTES[metric.layer][metric.scheme]
    return _STRING_NOTES.get(str(metric)) or _scheme_note(str(metric)) or ""


def _scheme_note(metric: str) -> str | None:
    """What a scheme compares; None for a scheme with a table of its own."""
    scheme = Metric.parse(metric).scheme
    return _SCHEME_NOTES.get(IOU if scheme.startswith(PREFIX) else scheme)


def _attribution_tables(
    builder: ReportBuilder, rows: Sequence[Row], metrics: Sequence[str]
) -> Iterator[Table]:
    """One table: source, cue and content, and whole relations, a line each under each scheme."""
    lines, shown = [], []
    for metric in metrics:
        parsed = Metric.parse(metric)
        if parsed.layer not in _ATTRIBUTIONS:
            continue
        labels = [row for row in rows if row.metric == metric and row.label is not None]
        part = _ATTRIBUTIONS[parsed.layer]
        lines += [builder.line(f"{part}{row.label}, {parsed.scheme}", row) for row in labels]
        shown += labels
    if lines:
        names = [line[0] for line in lines]
        yield builder.table("Attributions", lines, builder.notes(shown, names), "label")


def _single_label_tables(
    builder: ReportBuilder, rows: Sequence[Row], metrics: Sequence[str]
) -> Iterator[Table]:
    """A table for each layer with a single label, with a line for each scheme."""
    for layer, note_of_scheme in _SINGLE_LABEL_NOTES.items():
        shown = [metric for metric in metrics if _layer(metric) == layer]
        if not shown:
            continue
        averages = [_average_row(rows, metric, "micro") for metric in shown]
        schemes = [Metric.parse(metric).scheme for metric in shown]
        lines = [builder.line(scheme, row) for scheme, row in zip(schemes, averages)]
        notes = [
            "; ".join(note_of_scheme[scheme] for scheme in schemes),
            *builder.accuracy_notes(shown),
            *builder.notes(averages, schemes),
        ]
        yield builder.table(_LAYER_NAMES[layer], lines, notes, "scheme")


def _event_tables(
    builder: ReportBuilder, rows: Sequence[Row], metrics: Sequence[str]
) -> Iterator[Table]:
    """The rows of TextEE, then each event type."""
    shown = [metric for metric in EVENT_ROWS if metric in metrics]
    if not shown:
        return
    averages = [_average_row(rows, metric, "micro") for metric in shown]
    lines = [builder.line(EVENT_ROWS[row.metric], row) for row in averages]
    notes = builder.notes(averages, [line[0] for line in lines])
    yield builder.table("Events (micro)", lines, notes, "metric")
    if "triggers/strict" in shown:
        yield _table(builder, rows, "triggers/strict")


def _table(builder: ReportBuilder, rows: Sequence[Row], metric: str) -> Table:
    """The labels that gold or the prediction has, and the averages."""
    rows_of_metric = [row for row in rows if row.metric == metric]
    labels = [row for row in rows_of_metric if row.label is not None]
    occurring = [row for row in labels if row.gold or row.predicted]
    averages = [row for row in rows_of_metric if row.average in ("micro", "macro", "weighted")]
    lines = [builder.line(row.label or row.average or "", row) for row in [*occurring, *averages]]
    note = f"macro: mean over {pluralize(len(occurring), 'label')}"
    only_predicted = sum(not row.gold for row in occurring)
    if only_predicted:
        note += f", {only_predicted} of them only predicted (F1 0)"
    absent = len(labels) - len(occurring)
    if absent and metric in builder.lenient_metrics:
        note += f"; {pluralize(absent, 'more label')} without items that count"
    elif absent:
        note += f"; the schema has {pluralize(absent, 'label')} more, which do not occur"
    parsed = Metric.parse(metric)
    title = f"{_layer_name(parsed.layer)}, {parsed.scheme}"
    notes = [*builder.accuracy_notes([metric]), note, *builder.notes([*occurring, *averages])]
    if metric in _STRING_NOTES or parsed.scheme in _SCHEMES_OF_SOME_LAYERS:
        notes.insert(0, explain_metric(parsed))
    return builder.table(title, lines, notes, "label", first_average=len(occurring))


def _layer_name(layer: str) -> str:
    """The name of a layer in headings."""
    name, _, attribute = layer.partition(":")
    if attribute:
        return f"{_LAYER_NAMES[name]}, attribute {attribute}"
    return _LAYER_NAMES.get(layer, layer)


def _average_row(rows: Sequence[Row], metric: str, average: str) -> Row:
    return next(row for row in rows if row.metric == metric and row.average == average)


def set_aside_lines(set_aside: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """What each metric accepted beside gold, set aside, and counted as wrong beside its items."""
    yield from accepted_lines(set_aside)
    yield from _count_lines(set_aside, _REASONS, "Set aside")
    yield from _count_lines(set_aside, _COUNTED_AS_WRONG, "Counted as wrong")
    yield from _count_lines(set_aside, _BY_SPAN_ONLY, "Matched by an equal span only")


def _has_unplaced(set_aside: Mapping[str, Mapping[str, int]]) -> bool:
    return any(reasons.get("unplaced") for reasons in set_aside.values())


def unplaced_lines(metadata: ResultMetadata) -> Iterator[str]:
    """The most frequent reasons for which predictions are unplaced."""
    for reason, count in list(metadata.unplaced.items())[:3]:
        yield f"  {count} × {reason}"


def _other_text_lines(metadata: ResultMetadata) -> Iterator[str]:
    """What was compared where texts may differ."""
    if metadata.options.match_texts is False:
        count = metadata.unplaced.get(IN_ANOTHER_TEXT, 0)
        yield (
            "documents joined by id only; predicted entities of other texts, compared by their"
            f" strings: {count:,}"
        )


def _ambiguity_lines(
    builder: ReportBuilder, rows: Sequence[Row], metadata: ResultMetadata
) -> Iterator[str]:
    """F1 for the worst and the best placement of quotes that occur several times."""
    layers: set[str] = set()
    for metric, change in metadata.ambiguity.items():
        layer = _layer(metric)
        row = _average_row(rows, metric, "micro")
        if layer in layers or row.f1 is None:
            continue
        layers.add(layer)
        tp, items = row.tp or 0, (row.predicted or 0) + (row.gold or 0)
        low = 2 * (tp + change.worst) / items
        high = 2 * (tp + change.best) / items
        numbers = builder.numbers
        yield (
            f"Ambiguous quotes: {pluralize(change.annotations, 'annotation')} of {layer} can"
            f" stand in several places; F1 of {metric} is {numbers.format(row.f1)}, and"
            f" {numbers.format(low)} to {numbers.format(high)} over all choices"
        )


def warnings(metadata: ResultMetadata) -> Iterator[str]:
    """Warnings about a result."""
    yield from read_lines(metadata.conversion)
    for side, edges in metadata.span_edges.items():
        description = describe_edges(side, edges)
        if description:
            yield description
    documents = metadata.corpus.documents
    if documents == 1:
        yield (
            "one document: the scores describe this text only and say nothing about other texts; do"
            " not rank models by them"
        )
    elif documents < FEW_DOCUMENTS:
        yield f"{documents} documents: differences between models may be due to chance"
    if metadata.missing_documents:
        missing = pluralize(metadata.missing_documents, "document")
        yield f"{missing} without prediction, scored as empty"


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


def _count_lines(
    set_aside: Mapping[str, Mapping[str, int]], descriptions: Mapping[str, str], title: str
) -> Iterator[str]:
    """A line for each reason and number of items, with the layers that it holds for, or the metrics
    where those of a layer differ.
    """
    numbers_of: dict[tuple[str, str], set[int]] = {}
    for metric, reasons in set_aside.items():
        for reason in descriptions:
            numbers_of.setdefault((_layer(metric), reason), set()).add(reasons.get(reason, 0))
    names_of: dict[tuple[str, int], list[str]] = {}
    for metric, reasons in set_aside.items():
        for reason in descriptions:  # whose order does not depend on how the counts were made
            if count := reasons.get(reason):
                layer = _layer(metric)
                name = layer if len(numbers_of[layer, reason]) == 1 else metric
                names_of.setdefault((reason, count), []).append(name)
    for (reason, count), names in names_of.items():
        listed = ", ".join(dict.fromkeys(names))
        yield f"{title}, {descriptions[reason]}: {count:,} ({listed})"
