"""What does a report say first? The rows of a result in, tables and sentences out.

Named entities: strict for each label, the averages, and a line for each other scheme. Events: the
six rows of TextEE, Tri-I to Arg-C+, then each event type. Attributions: source, cue and content by
overlap and strict, and whole relations by both. Then what was set aside, how sure the numbers are,
the warnings, and the signatures. Any metric that has no such place gets a table of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.results.tables import Report, Table
from evalkit.scoring.span_edges import SpanEdges, describe_edges
from evalkit.stats.intervals import FEW_DOCUMENTS, NOT_ASKED, UNDEFINED_RATIO, Resampling

Row = Any  # scores.Row, or what looks like one

FEW_ITEMS = 10
_DROPPABLE_COLUMNS = (
    "TP",
    "FP",
    "FN",
    "support",
)  # columns that a narrow terminal does without, in this order
_EVENT_ROWS = {
    "triggers/exact": "Tri-I",
    "triggers/strict": "Tri-C",
    "arguments/exact": "Arg-I",
    "arguments/strict": "Arg-C",
    "attached-arguments/exact": "Arg-I+",
    "attached-arguments/strict": "Arg-C+",
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
    "duplicate": "predicted copies of an annotation",
    "unplaced": "predicted items without a place in the text",
}
_REASONS = {
    "gold_outside_zones": "gold items outside the scored zones",
    "predicted_outside_zones": "predicted items outside the scored zones",
    "gold_merged": "gold items that equal another under this metric",
    "predicted_merged": "predicted items that equal another under this metric",
    "gold_dropped": "gold items that the label map or the list of labels drops",
    "predicted_dropped": "predicted items that the label map or the list of labels drops",
    "gold_repaired": "improper tags of gold, repaired as the signature says",
    "predicted_repaired": "improper predicted tags, repaired as the signature says",
    "documents_not_annotated": "documents in which gold does not annotate this layer",
}


def build_report(
    rows: Sequence[Row],
    signed: Mapping[str, Mapping[str, str]],
    set_aside: Mapping[str, Mapping[str, int]],
    about: Mapping[str, Any],
    how: Resampling,
    drawn: Mapping[str, int],
    label_warnings: Sequence[str] = (),
) -> Report:
    """The report of a result.

    `drawn`: from how many units the replicates of each metric were drawn; `label_warnings` stand at
    its top.
    """
    metrics = list(dict.fromkeys(row.metric for row in rows))
    told = ReportBuilder(how)
    tables = [
        *_by_label(told, rows, metrics, "entities", lines=("exact", "partial", "type")),
        *_events(told, rows, metrics),
        *_attributions(told, rows, metrics),
    ]
    shown = {
        metric
        for metric in metrics
        if metric.split("/")[0] in ("entities", *_ATTRIBUTIONS) or metric in _EVENT_ROWS
    }
    tables += [_table(told, rows, metric) for metric in metrics if metric not in shown]
    foot = [
        *_set_aside_lines(set_aside, about),
        *_ambiguity_lines(rows, about),
        *told.how_sure(drawn),
        *told.of_one(signed),
        *(f"Warning: {warning}" for warning in warnings(about)),
        *signatures(signed),
    ]
    head = (*_header_lines(about), *(f"Warning: {warning}" for warning in label_warnings))
    return Report(head, tuple(tables), tuple(foot), tuple(row.as_dict() for row in rows))


class ReportBuilder:
    """How ratios and their intervals are told in one report."""

    def __init__(self, how: Resampling) -> None:
        """`how` sure they are."""
        self.how = how
        per_cent = f"{100 * how.level:g} %"
        self.name = f"{per_cent} range" if how.only_this_text else f"{per_cent} interval"
        self.columns = (
            "P",
            "R",
            "F1",
            *((self.name,) if how.boot else ()),
            "TP",
            "FP",
            "FN",
            "support",
        )

    def line(self, name: str, row: Row) -> tuple[str, ...]:
        """A row of a table."""
        ratios = tuple(format_ratio(row, kind) for kind in ("precision", "recall", "f1"))
        return (
            name,
            *ratios,
            *self.interval(row),
            *map(format_count, (row.tp, row.fp, row.fn, row.gold)),
        )

    def interval(self, row: Row) -> tuple[str, ...]:
        """The cell of the interval of F1, where there are any."""
        if not self.how.boot:
            return ()
        low, high, _ = row.interval("f1")
        return ("–" if low is None else f"{low:.3f}–{high:.3f}",)

    def notes(self, rows: Sequence[Row]) -> list[str]:
        """Why rows of a table have no interval, and Wilson's of precision and recall."""
        if not self.how.boot:
            return []
        reasons = [
            row.interval("f1").why_not
            for row in rows
            if row.interval("f1") not in (UNDEFINED_RATIO, NOT_ASKED)
        ]
        why = (
            [
                f"no {self.name.split()[-1]} (–):"
                f" {'; '.join(dict.fromkeys(reason for reason in reasons if reason))}"
            ]
            if any(reasons)
            else []
        )
        return [
            *why,
            *(note for row in rows if row.average == "micro" for note in self._wilson(row)),
        ]

    def _wilson(self, row: Row) -> list[str]:
        ends = [(name, row.wilson(name)) for name in ("precision", "recall")]
        told = [f"{name} {low:.3f}–{high:.3f}" for name, (low, high, _) in ends if low is not None]
        return (
            [
                f"micro, if items were independent (Wilson, {100 * self.how.level:g} %):"
                f" {', '.join(told)}"
            ]
            if told
            else []
        )

    def of_one(self, signed: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
        """Which layers are annotated in one document of several: theirs are ranges, and no
        confidence intervals.
        """
        alone = dict.fromkeys(
            metric.split("/")[0]
            for metric, fields in signed.items()
            if fields["docs"].startswith("1/")
        )
        if alone and not self.how.only_this_text and self.how.boot:
            yield (
                f"annotated in one document: {', '.join(alone)}; what is given for them is a"
                " sentence-resampling range, that article only"
            )

    def how_sure(self, drawn: Mapping[str, int]) -> Iterator[str]:
        """What was drawn, how often, and what may be concluded."""
        if not self.how.boot:
            return
        numbers: dict[int, list[str]] = {}
        for metric, n in drawn.items():
            numbers.setdefault(n, []).append(metric.split("/")[0])
        unit = self.how.units.removesuffix("s")
        told = ", ".join(
            pluralize(n, unit)
            + (f" ({', '.join(dict.fromkeys(layers))})" if len(numbers) > 1 else "")
            for n, layers in numbers.items()
        )
        way = (
            f"{'percentile' if self.how.units == 'documents' else 'BCa'} bootstrap,"
            f" {pluralize(self.how.boot, 'replicate')} over {told}, seed {self.how.seed}"
        )
        if self.how.only_this_text and self.how.units == "documents":
            yield f"no {self.name}: the document is drawn as a whole, and there is one"
        elif self.how.only_this_text:
            yield (
                f"{self.name}: sentence-resampling range of F1, this article only ({way}); it is no"
                " confidence interval"
            )
        elif self.how.units == "sentences":
            yield (
                f"{self.name} of F1: {way}; conditional on these"
                f" {pluralize(self.how.documents, 'document')}"
            )
        else:
            yield f"{self.name} of F1: {way}"


def _header_lines(about: Mapping[str, Any]) -> Iterator[str]:
    corpus = about.get("corpus", {})
    documents, failures = corpus.get("documents", 0), about.get("failures", {})
    yield (
        f"{about.get('model', 'predictions')} on {corpus.get('name', 'corpus')}"
        f" ({pluralize(documents, 'document')})"
    )
    if failures:
        yield (
            f"FAILED on {len(failures)} of {pluralize(documents, 'document')}; their gold items"
            " count as missed:"
        )
        yield from (f"  {id}: {reason}" for id, reason in sorted(failures.items())[:5])


def _by_label(
    told: ReportBuilder,
    rows: Sequence[Row],
    metrics: Sequence[str],
    layer: str,
    *,
    lines: Sequence[str],
) -> Iterator[Table]:
    """The strict table, with the micro average of the other schemes below it; a table each where
    strict was not asked for.
    """
    asked = [metric for metric in metrics if metric.split("/")[0] == layer]
    strict = f"{layer}/strict"
    if strict not in asked:
        yield from (_table(told, rows, metric) for metric in asked)
        return
    others = [
        _one(rows, f"{layer}/{scheme}", average="micro")
        for scheme in lines
        if f"{layer}/{scheme}" in asked
    ]
    yield _table(
        told, rows, strict, more=tuple(told.line(row.metric.split("/")[1], row) for row in others)
    )
    yield from (
        _table(told, rows, metric)
        for metric in asked
        if metric.split("/")[1] not in ("strict", *lines)
    )


def _attributions(
    told: ReportBuilder, rows: Sequence[Row], metrics: Sequence[str]
) -> Iterator[Table]:
    """One table: source, cue and content, and whole relations, a line each under each scheme that
    was asked for.
    """
    asked = [metric for metric in metrics if metric.split("/")[0] in _ATTRIBUTIONS]
    lines, mine = [], []
    for metric in asked:
        layer, scheme = metric.split("/")
        labels = [row for row in rows if row.metric == metric and row.label is not None]
        mine += labels
        lines += [told.line(f"{_ATTRIBUTIONS[layer]}{row.label}, {scheme}", row) for row in labels]
    if lines:
        yield Table(
            "Attributions",
            ("label", *told.columns),
            tuple(lines),
            tuple(told.notes(mine)),
            _DROPPABLE_COLUMNS,
        )


def _events(told: ReportBuilder, rows: Sequence[Row], metrics: Sequence[str]) -> Iterator[Table]:
    asked = [metric for metric in _EVENT_ROWS if metric in metrics]
    if not asked:
        return
    mine = [_one(rows, metric, average="micro") for metric in asked]
    lines = []
    for row in mine:
        ratios = tuple(format_ratio(row, name) for name in ("precision", "recall", "f1"))
        lines.append(
            (
                _EVENT_ROWS[row.metric],
                *ratios,
                *told.interval(row),
                *map(format_count, (row.tp, row.predicted, row.gold)),
            )
        )
    columns = ("", *told.columns[:-4], "matched", "predicted", "gold")
    yield Table(
        "Events (micro)",
        columns,
        tuple(lines),
        tuple(note for note in told.notes(mine) if "Wilson" not in note),
    )
    if "triggers/strict" in asked:
        yield _table(told, rows, "triggers/strict")


def _table(
    told: ReportBuilder, rows: Sequence[Row], metric: str, more: tuple[tuple[str, ...], ...] = ()
) -> Table:
    """The labels that gold or the prediction has, and the averages."""
    mine = [row for row in rows if row.metric == metric]
    labels = [row for row in mine if row.label is not None]
    there = [row for row in labels if row.gold or row.predicted]
    averages = [row for row in mine if row.average in ("micro", "macro", "weighted")]
    lines = [
        *(told.line(row.label, row) for row in there),
        *(told.line(row.average, row) for row in averages),
    ]
    only_predicted = sum(not row.gold for row in there)
    notes = f"macro over {pluralize(len(there), 'label')}"
    if only_predicted:
        notes += f", {only_predicted} of them only predicted (each counts 0)"
    if len(labels) > len(there):
        notes += f"; {len(labels) - len(there)} more are declared and count in no average"
    layer, scheme = metric.split("/")
    title = f"{_LAYER_NAMES.get(layer, layer)}, {scheme}"
    return Table(
        title,
        ("label", *told.columns),
        (*lines, *more),
        (notes, *told.notes([*there, *averages])),
        _DROPPABLE_COLUMNS,
    )


def _one(rows: Sequence[Row], metric: str, average: str) -> Row:
    return next(row for row in rows if row.metric == metric and row.average == average)


def format_ratio(row: Row, name: str) -> str:
    """Three digits; with the counts where there are fewer than ten items to count; – where
    undefined.
    """
    value = getattr(row, name)
    if value is None:
        return "–"
    text = f"{value:.3f}"
    part, whole = {"precision": ("tp", "predicted"), "recall": ("found", "gold")}.get(
        name, ("", "")
    )
    if part and getattr(row, whole) is not None and getattr(row, whole) < FEW_ITEMS:
        return f"{text} {format_count(getattr(row, part))}/{format_count(getattr(row, whole))}"
    return text


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


def _ambiguity_lines(rows: Sequence[Row], about: Mapping[str, Any]) -> Iterator[str]:
    """F1 for the worst and for the best choice of places, where a model's quotes stand several
    times.
    """
    told: set[str] = set()
    for metric, moved in about.get("ambiguity", {}).items():
        layer, row = metric.split("/")[0], _one(rows, metric, average="micro")
        if layer in told or row.f1 is None:
            continue
        told.add(layer)
        low, high = (
            2 * (row.tp + moved[end]) / (row.predicted + row.gold) for end in ("worst", "best")
        )
        yield (
            f"Ambiguous quotes: {pluralize(moved['annotations'], 'mark')} of {layer} may stand in"
            f" several places; F1 of {metric} is {row.f1:.3f}, and {low:.3f} to {high:.3f} over all"
            " choices"
        )


def warnings(about: Mapping[str, Any]) -> Iterator[str]:
    """What a reader should know before believing the numbers."""
    yield from read_lines(about.get("conversion", {}))
    for side, edges in about.get("span_edges", {}).items():
        yield from filter(None, [describe_edges(side, SpanEdges(**edges))])
    documents = about.get("corpus", {}).get("documents", 0)
    if documents == 1:
        yield (
            "one document: these numbers describe this text, and rank no models; what they would be"
            " on other texts cannot be concluded from them"
        )
    elif documents < FEW_DOCUMENTS:
        yield f"{documents} documents: differences between models may well be chance"
    if absent := about.get("missing_documents"):
        yield f"{absent} documents are missing from the prediction and were taken as empty"


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


def signatures(signed: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """One line for metrics whose signatures differ in nothing else."""
    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for metric, fields in signed.items():
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
