"""What does a report say first? The rows of a result in, tables and sentences out.

Named entities: strict for each label, the averages, and a line for each other scheme. Events: the rows of Li et al. (2013),
Tri-I to Arg-C, then each event type. Attributions: source, cue and content. Then what was set aside, the warnings, and the
signature. Any metric that has no such place gets a table of its own.
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
}  # fmt: skip
_LAYER_NAMES = {"entities": "Entities", "triggers": "Event triggers", "arguments": "Event arguments", "attributions": "Attributions"}
_REASONS = {
    "gold_outside_zones": "gold items outside the scored zones",
    "predicted_outside_zones": "predicted items outside the scored zones",
    "gold_merged": "gold items that equal another under this metric",
    "predicted_merged": "predicted items that equal another under this metric",
    "duplicate": "predicted copies of an annotation, counted as wrong",
    "unplaced": "predicted items without a place in the text, counted as wrong",
    "documents_not_annotated": "documents in which gold does not annotate this layer",
}


def summarised(data: dict[str, Any]) -> Report:
    """The report of a result, given as the data of its JSON."""
    rows: Sequence[Row] = data["rows"]
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    tables = [
        *_by_label(rows, metrics, "entities", lines=("exact", "partial", "type")),
        *_events(rows, metrics),
        *_by_label(rows, metrics, "attributions", lines=("exact", "partial", "type")),
    ]
    shown = {metric for metric in metrics if metric.split("/")[0] in ("entities", "attributions") or metric in _EVENT_ROWS}
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
    yield from _set_aside(data.get("set_aside", {}))
    yield from (f"Warning: {warning}" for warning in data.get("warnings", ()))
    for signature in data["signature"].values():
        yield "|".join(f"{name}:{value}" for name, value in signature.items())


def _set_aside(set_aside: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """What was set aside, each reason once with the metrics that it holds for."""
    lines: dict[tuple[str, int], list[str]] = {}
    for metric, reasons in set_aside.items():
        for reason, number in reasons.items():
            if number:
                lines.setdefault((reason, number), []).append(metric)
    for (reason, number), metrics in lines.items():
        yield f"Set aside: {number} {_REASONS.get(reason, reason)} ({', '.join(metrics)})"
