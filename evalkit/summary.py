"""What does a report say first? The rows of a result in, tables and sentences out.

Named entities: strict for each label, the averages, and a line for each other scheme. Events: the six rows of TextEE, Tri-I to
Arg-C+, then each event type. Attributions: source, cue and content by overlap and strict, and whole relations by both. Then
what was set aside, the warnings, and the signatures. Any metric that has no such place gets a table of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.render import Report, Table

Row = Mapping[str, Any]

FEW_ITEMS = 10
_COLUMNS = ("P", "R", "F1", "TP", "FP", "FN", "support")
_EVENT_ROWS = {
    "triggers/exact": "Tri-I", "triggers/strict": "Tri-C", "arguments/exact": "Arg-I", "arguments/strict": "Arg-C",
    "attached-arguments/exact": "Arg-I+", "attached-arguments/strict": "Arg-C+",
}  # fmt: skip
_ATTRIBUTIONS = {"attributions": "", "attached-attributions": "attached ", "attribution-relations": "whole "}
_LAYER_NAMES = {
    "entities": "Entities", "triggers": "Event triggers", "arguments": "Event arguments", "attached-arguments": "Attached event arguments",
    "realis": "Realis", "attributions": "Attributions", "attached-attributions": "Attached attributions",
    "attribution-relations": "Whole attributions", "tokens": "Tokens in entities",
}  # fmt: skip
_WRONG = {
    "duplicate": "predicted copies of an annotation",
    "unplaced": "predicted items without a place in the text",
}
_REASONS = {
    "gold_outside_zones": "gold items outside the scored zones",
    "predicted_outside_zones": "predicted items outside the scored zones",
    "gold_merged": "gold items that equal another under this metric",
    "predicted_merged": "predicted items that equal another under this metric",
    "gold_dropped": "gold items that the label map drops",
    "predicted_dropped": "predicted items that the label map drops",
    "gold_repaired": "improper tags of gold, repaired as the signature says",
    "predicted_repaired": "improper predicted tags, repaired as the signature says",
    "gold_unattached": "gold sources and contents whose cue no predicted cue answers",
    "predicted_unattached": "predicted sources and contents whose cue answers no gold cue",
    "documents_not_annotated": "documents in which gold does not annotate this layer",
}


def summarised(data: dict[str, Any]) -> Report:
    """The report of a result, given as the data of its JSON."""
    rows: Sequence[Row] = data["rows"]
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    tables = [
        *_by_label(rows, metrics, "entities", lines=("exact", "partial", "type")),
        *_events(rows, metrics),
        *_attributions(rows, metrics),
    ]
    shown = {metric for metric in metrics if metric.split("/")[0] in ("entities", *_ATTRIBUTIONS) or metric in _EVENT_ROWS}
    tables += [_table(rows, metric) for metric in metrics if metric not in shown]
    return Report(tuple(_head(data)), tuple(tables), tuple(_foot(data)), tuple(dict(row) for row in rows), data)


def _head(data: Mapping[str, Any]) -> Iterator[str]:
    corpus = data.get("corpus", {})
    documents, failures = corpus.get("documents", 0), data.get("failures", {})
    yield f"{data.get('model', 'predictions')} on {corpus.get('name', 'corpus')} ({_many(documents, 'document')})"
    if failures:
        yield f"FAILED on {len(failures)} of {_many(documents, 'document')}; their gold items count as missed:"
        yield from (f"  {id}: {reason}" for id, reason in list(failures.items())[:5])


def _by_label(rows: Sequence[Row], metrics: Sequence[str], layer: str, *, lines: Sequence[str]) -> Iterator[Table]:
    """The strict table, with the micro average of the other schemes below it; a table each where strict was not asked for."""
    asked = [metric for metric in metrics if metric.split("/")[0] == layer]
    strict = f"{layer}/strict"
    if strict not in asked:
        yield from (_table(rows, metric) for metric in asked)
        return
    others = [_one(rows, f"{layer}/{scheme}", average="micro") for scheme in lines if f"{layer}/{scheme}" in asked]
    yield _table(rows, strict, more=tuple(_line(row["metric"].split("/")[1], row) for row in others))


def _attributions(rows: Sequence[Row], metrics: Sequence[str]) -> Iterator[Table]:
    """One table: source, cue and content, and whole relations, a line each under each scheme that was asked for."""
    asked = [metric for metric in metrics if metric.split("/")[0] in _ATTRIBUTIONS]
    lines = []
    for metric in asked:
        layer, scheme = metric.split("/")
        labels = [row for row in rows if row["metric"] == metric and row["label"] is not None]
        lines += [_line(f"{_ATTRIBUTIONS[layer]}{row['label']}, {scheme}", row) for row in labels]
    if lines:
        yield Table("Attributions", ("label", *_COLUMNS), tuple(lines))


def _events(rows: Sequence[Row], metrics: Sequence[str]) -> Iterator[Table]:
    asked = [metric for metric in _EVENT_ROWS if metric in metrics]
    if not asked:
        return
    lines = []
    for metric in asked:
        row = _one(rows, metric, average="micro")
        ratios = tuple(_ratio(row, name) for name in ("precision", "recall", "f1"))
        lines.append((_EVENT_ROWS[metric], *ratios, *map(_number, (row["tp"], row["predicted"], row["gold"]))))
    yield Table("Events (micro)", ("", "P", "R", "F1", "matched", "predicted", "gold"), tuple(lines))
    if "triggers/strict" in asked:
        yield _table(rows, "triggers/strict")


def _table(rows: Sequence[Row], metric: str, more: tuple[tuple[str, ...], ...] = ()) -> Table:
    """The labels that gold or the prediction has, and the averages."""
    mine = [row for row in rows if row["metric"] == metric]
    labels = [row for row in mine if row["label"] is not None]
    there = [row for row in labels if row["gold"] or row["predicted"]]
    lines = [_line(row["label"], row) for row in there]
    lines += [_line(row["average"], row) for row in mine if row["average"] in ("micro", "macro")]
    in_gold = sum(bool(row["gold"]) for row in labels)
    notes = f"macro over the {_many(in_gold, 'label')} that gold has; gold or prediction has {len(there)}"
    if len(labels) > len(there):
        notes += f", and {len(labels) - len(there)} more are declared"
    layer, scheme = metric.split("/")
    return Table(f"{_LAYER_NAMES.get(layer, layer)}, {scheme}", ("label", *_COLUMNS), (*lines, *more), (notes,))


def _line(name: str, row: Row) -> tuple[str, ...]:
    ratios = tuple(_ratio(row, kind) for kind in ("precision", "recall", "f1"))
    return (name, *ratios, *map(_number, (row["tp"], row["fp"], row["fn"], row["gold"])))


def _one(rows: Sequence[Row], metric: str, average: str) -> Row:
    return next(row for row in rows if row["metric"] == metric and row["average"] == average)


def _ratio(row: Row, name: str) -> str:
    """Three digits; with the counts where there are fewer than ten items to count; – where undefined."""
    value = row[name]
    if value is None:
        return "–"
    text = f"{value:.3f}"
    part, whole = {"precision": ("tp", "predicted"), "recall": ("found", "gold")}.get(name, ("", ""))
    if part and row[whole] is not None and row[whole] < FEW_ITEMS:
        return f"{text} {_number(row[part])}/{_number(row[whole])}"
    return text


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _foot(data: Mapping[str, Any]) -> Iterator[str]:
    yield from _by_reason(data.get("set_aside", {}), _REASONS, "Set aside")
    yield from _by_reason(data.get("set_aside", {}), _WRONG, "Counted as wrong")
    yield from (f"  {number} × {reason}" for reason, number in list(data.get("unplaced", {}).items())[:3])
    yield from (f"Warning: {warning}" for warning in data.get("warnings", ()))
    yield from _signatures(data["signature"])


def _signatures(signatures: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """One line for metrics whose signatures differ in nothing else."""
    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for metric, fields in signatures.items():
        alike.setdefault(tuple((name, "" if name == "metric" else value) for name, value in fields.items()), []).append(metric)
    for shared, metrics in alike.items():
        yield "|".join(f"{name}:{'+'.join(metrics) if name == 'metric' else value}" for name, value in shared)


def _by_reason(set_aside: Mapping[str, Mapping[str, int]], known: Mapping[str, str], title: str) -> Iterator[str]:
    """What was set aside for the known reasons, each once with the layers that it holds for."""
    lines: dict[tuple[str, int], list[str]] = {}
    for metric, reasons in set_aside.items():
        for reason, number in reasons.items():
            if number and reason in known:
                lines.setdefault((reason, number), []).append(metric.split("/")[0])
    for (reason, number), layers in lines.items():
        yield f"{title}: {number} {known[reason]} ({', '.join(dict.fromkeys(layers))})"
