"""The tables of the page of an agreement: matrices of pairs, labels with the lowest agreement, and
disagreements by kind and by label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from evalkit.analysis.error_counts import ErrorCounts
from evalkit.analysis.error_kinds import ALL_KINDS, PREDICTED_ONLY, kinds_of_layer
from evalkit.errors import shorten
from evalkit.report.error_tables import SHADES
from evalkit.report.interval_bars import BarTable, score_bar
from evalkit.results.agreement_report import (
    build_f1_table,
    build_label_table,
    name_annotators,
    name_level,
)
from evalkit.results.agreement_result import AgreementF1, AgreementResult
from evalkit.results.report_builder import format_interval
from evalkit.results.tables import NumberFormat, Table
from evalkit.results.wording import pluralize
from evalkit.scoring.metrics import Metric
from evalkit.stats.ratio_intervals import Interval

MOST_LABELS = 50  # of a table of labels
MOST_CONFUSIONS = 20
MOST_DOCUMENTS = 100  # of the table of documents
MOST_MATRIX_ANNOTATORS = 20  # with more, a matrix becomes a list of pairs
MOST_PAIRS = 200  # of a table of pairs
# What one annotator has and the other has not; error analysis calls them missed and spurious.
UNPAIRED_KINDS = frozenset({"missed", *PREDICTED_ONLY})
EQUAL = "equal"
KIND_MEANINGS = {
    "label": "the same span with another label",
    "boundary": "the same label, and spans that overlap",
    "label+boundary": "another label, and spans that overlap",
}

PairErrors = Mapping[tuple[str, str], ErrorCounts]


class MatrixCell(NamedTuple):
    """A cell of a matrix of pairs: the value, its interval, and the strength of the background."""

    value: str
    interval: str = ""
    shade: int = 0


@dataclass(frozen=True)
class PairMatrix:
    """A value of each pair of annotators: (annotator, cells, mean over the others) for each."""

    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[MatrixCell], str]]
    is_open: bool


def build_matrices(
    result: AgreementResult, shown: Sequence[str], numbers: NumberFormat
) -> list[PairMatrix]:
    """A matrix for each metric, for κ and γ where they were measured, and for the numbers of
    documents where these differ. shown: the metrics whose matrices are open.
    """
    names = [each.name for each in result.annotators]
    if not 2 < len(names) <= MOST_MATRIX_ANNOTATORS:
        return []
    matrices = []
    level = name_level(result)
    for metric in [each.metric for each in result.f1 if each.label is None]:
        pairs = [pair for pair in result.pairs if pair.metric == metric]
        values = {(pair.a, pair.b): pair.f1 for pair in pairs}
        intervals = {
            (pair.a, pair.b): format_interval(Interval(pair.low, pair.high, pair.reason), numbers)
            for pair in pairs
            if pair.low is not None
        }
        note = f"F1, and its {level} below" if intervals else "F1"
        matrix = _build_matrix(metric, note, names, values, numbers, intervals)
        matrices.append(replace(matrix, is_open=metric in shown))
    if result.kappa:
        values = {(row.a, row.b): row.kappa for row in result.kappa}
        intervals = {(row.a, row.b): pluralize(row.n, "span") for row in result.kappa}
        note = "Cohen's κ of the labels of spans that both have, and the number of these spans"
        title = f"κ of labels, {result.layer}"
        matrices.append(_build_matrix(title, note, names, values, numbers, intervals))
    if result.gamma:
        values = {(row.a, row.b): row.gamma for row in result.gamma}
        intervals = {
            (row.a, row.b): f"± {numbers.format(row.reach)}"
            for row in result.gamma
            if row.reach is not None
        }
        note = "γ, and below its uncertainty (±) from the random corpora"
        matrices.append(
            _build_matrix(f"γ, {result.layer}", note, names, values, numbers, intervals)
        )
    return matrices


def _build_matrix(
    title: str,
    note: str,
    names: Sequence[str],
    values: Mapping[tuple[str, str], float | None],
    numbers: NumberFormat,
    below: Mapping[tuple[str, str], str],
) -> PairMatrix:
    """A symmetric matrix. below: what stands below the value of a pair."""
    rows = []
    for name in names:
        cells = []
        known = []
        for other in names:
            if other == name:
                cells.append(MatrixCell(""))
                continue
            pair = (name, other) if (name, other) in values else (other, name)
            value = values.get(pair)
            shade = 0
            if value is not None:
                known.append(value)
                shade = min(max(-(-int(1000 * value) * SHADES // 1000), 0), SHADES)
            cells.append(MatrixCell(numbers.format(value), below.get(pair, ""), shade))
        mean = sum(known) / len(known) if known else None
        rows.append((shorten(name), cells, numbers.format(mean)))
    return PairMatrix(title, note, [shorten(name) for name in names], rows, is_open=True)


def build_pair_lists(
    result: AgreementResult, metrics: Sequence[str], numbers: NumberFormat
) -> list[Table]:
    """The F1 of each pair in some metrics, the lowest first, where there are too many annotators
    for a matrix.
    """
    if len(result.annotators) <= MOST_MATRIX_ANNOTATORS:
        return []
    level = name_level(result)
    columns = ("pair", "F1", level, "documents") if level else ("pair", "F1", "documents")
    tables = []
    for metric in metrics:
        pairs = [pair for pair in result.pairs if pair.metric == metric]
        pairs.sort(key=lambda pair: (pair.f1 is None, pair.f1))
        rows = []
        for pair in pairs[:MOST_PAIRS]:
            row = [f"{pair.a} – {pair.b}", numbers.format(pair.f1)]
            if level:
                row.append(format_interval(Interval(pair.low, pair.high, pair.reason), numbers))
            rows.append((*row, f"{pair.documents:,}"))
        notes = name_rest(len(pairs), MOST_PAIRS, "pairs", "lowest")
        tables.append(Table(f"Pairs, {metric}", columns, tuple(rows), notes))
    return tables


def build_common_table(result: AgreementResult) -> Table | None:
    """How many documents each pair has in common; None where all have the same number."""
    counts: dict[tuple[str, str], int] = {}
    for pair in result.pairs:
        counts[pair.a, pair.b] = max(pair.documents, counts.get((pair.a, pair.b), 0))
    if len(set(counts.values())) < 2:
        return None
    ranked = sorted(counts.items(), key=lambda each: each[1])
    rows = tuple((f"{a} – {b}", f"{n:,}") for (a, b), n in ranked[:MOST_PAIRS])
    notes = name_rest(len(ranked), MOST_PAIRS, "pairs", "fewest")
    return Table("Documents of each pair", ("pair", "documents"), rows, notes)


def build_annotator_table(result: AgreementResult) -> Table:
    """The documents of each annotator, and what was left out: as far as there is any of a kind."""
    columns = {
        "documents": [each.documents for each in result.annotators],
        "left out": [result.documents - each.documents for each in result.annotators],
        "failures": [each.failures for each in result.annotators],
        "duplicates": [each.duplicates for each in result.annotators],
        "without a place in the text": [each.unplaced for each in result.annotators],
    }
    shown = {
        name: values
        for name, values in columns.items()
        if any(values) or name in ("documents", "left out")
    }
    rows = []
    for each, *values in zip(result.annotators, *shown.values()):
        rows.append((each.name, *(f"{value:,}" for value in values)))
    who = name_annotators(result)[:-1]
    return Table("Documents compared and left out", (who, *shown), tuple(rows))


def build_overview(result: AgreementResult, numbers: NumberFormat) -> BarTable:
    """The F1 of each metric with bars."""
    rows = [each for each in result.f1 if each.label is None]
    table = build_f1_table(result, rows, numbers)
    return _add_bars(result, replace(table, title="All labels"), rows)


def build_label_tables(
    result: AgreementResult, metrics: Iterable[str], numbers: NumberFormat
) -> list[BarTable]:
    """The F1 of each label in each metric, the lowest first."""
    tables = []
    for metric in metrics:
        rows = [row for row in result.f1 if row.metric == metric and row.label is not None]
        if not rows:
            continue
        rows.sort(key=lambda row: (row.f1 is None, row.f1, row.label))
        table = build_label_table(result, metric, rows[:MOST_LABELS], numbers)
        table = replace(table, notes=name_rest(len(rows), MOST_LABELS, "labels", "lowest"))
        tables.append(_add_bars(result, table, rows[:MOST_LABELS]))
    return tables


def _add_bars(result: AgreementResult, table: Table, rows: Sequence[AgreementF1]) -> BarTable:
    """A table of F1 with bars beside the intervals; without intervals, beside F1."""
    bars = [score_bar(row.f1, row.low, row.high) for row in rows]
    return BarTable(table, name_level(result) or table.columns[1], bars)


def name_rest(n: int, most: int, noun: str, first: str) -> tuple[str, ...]:
    """A note where rows are left out."""
    if n <= most:
        return ()
    return (f"the {first} {most:,} of {n:,} {noun}; csv and json have all",)


def build_kind_table(layer: str, errors: PairErrors, numbers: NumberFormat) -> Table:
    """How many items of each pair are equal, and how many differ in which way."""
    kinds = _occurring_kinds(layer, errors.values())
    pairs = list(errors)
    if len(pairs) == 1:
        unpaired = [f"only {name}" for name in pairs[0]]
    else:
        unpaired = ["only the first", "only the second"]
    columns = ("pair", EQUAL, *kinds, *unpaired, "equal share")
    counted = []
    for pair, counts in errors.items():
        only = [counts.count_kind("missed"), 0]
        only[1] = sum(counts.count_kind(kind) for kind in PREDICTED_ONLY)
        row = [counts.count_kind("correct"), *map(counts.count_kind, kinds), *only]
        counted.append((f"{pair[0]} – {pair[1]}", row))
    # The pairs that differ most come first.
    counted.sort(key=lambda each: (each[1][0] - sum(each[1][1:]), each[0]))
    n = len(counted)
    notes = [f"{kind}: {KIND_MEANINGS[kind]}" for kind in kinds if kind in KIND_MEANINGS]
    notes += name_rest(n, MOST_PAIRS, "pairs", "most different")
    shown = counted[:MOST_PAIRS]
    if n > 1:
        shown.append(("all pairs", [sum(column) for column in zip(*(row for _, row in counted))]))
        notes.append("an item counts in each pair in which it is compared")
    rows = []
    for name, row in shown:
        share = row[0] / sum(row) if sum(row) else None
        rows.append((name, *(f"{value:,}" for value in row), numbers.format(share)))
    average = len(rows) - 1 if n > 1 else None
    return Table(
        f"Disagreements by kind, {layer}",
        columns,
        tuple(rows),
        ("; ".join(notes),) if notes else (),
        first_average=average,
    )


def build_error_label_table(layer: str, errors: PairErrors) -> Table | None:
    """How many disagreements each label has a part in; None without any."""
    kinds = _occurring_kinds(layer, errors.values())
    equal: Counter[str] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()
    for counts in errors.values():
        for (first, second, kind), n in counts.pairs.items():
            if kind == "correct":
                equal[first] += n
                continue
            for label in {first, second}:
                wrong[label, kind] += n
        codes = [code for code, kind in enumerate(ALL_KINDS) if kind in UNPAIRED_KINDS]
        only = counts.by_label[:, codes].sum(axis=1).tolist()
        for label, n in zip(counts.labels, only, strict=True):
            wrong[label, "only one"] += n
    columns = ("label", "disagreements", *kinds, "only one has it", EQUAL)
    rows = []
    for label in {label for (label, _), n in wrong.items() if n}:
        row = [wrong[label, kind] for kind in (*kinds, "only one")]
        rows.append((-sum(row), label, row))
    if not rows:
        return None
    rows.sort()
    lines = tuple(
        (label, *(f"{value:,}" for value in (-lost, *row, equal[label])))
        for lost, label, row in rows[:MOST_LABELS]
    )
    notes = ["a pair of items with two labels counts under both"] if "label" in kinds else []
    notes += name_rest(len(rows), MOST_LABELS, "labels", "most disputed")
    return Table(f"Disagreements by label, {layer}", columns, lines, tuple(notes))


def _occurring_kinds(layer: str, errors: Iterable[ErrorCounts]) -> list[str]:
    """The kinds of pairs of different items that occur."""
    kinds = [kind for kind in kinds_of_layer(layer)[1:] if kind not in UNPAIRED_KINDS]
    every = list(errors)
    return [kind for kind in kinds if any(counts.count_kind(kind) for counts in every)]


def build_confusion_table(result: AgreementResult) -> Table | None:
    """The labels that annotators give the same spans, the most frequent pair of labels first; None
    where all are equal.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for row in result.kappa:
        for pair in row.labels:
            if pair.a != pair.b:
                counts[min(pair.a, pair.b), max(pair.a, pair.b)] += pair.n
    if not counts:
        return None
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    rows = tuple((f"{a} / {b}", f"{n:,}") for (a, b), n in ranked[:MOST_CONFUSIONS])
    notes = name_rest(len(ranked), MOST_CONFUSIONS, "pairs of labels", "most frequent")
    title = f"Two labels on the same span, {result.layer}"
    return Table(title, ("labels", "spans"), rows, notes)


def rank_documents(
    result: AgreementResult, metrics: Sequence[str]
) -> list[tuple[str, float, list[float | None]]]:
    """The documents in which any of some metrics is defined, with the mean of these and each of
    them; the lowest mean first.
    """
    values: dict[str, dict[str, float | None]] = {}
    for row in result.by_document:
        if row.metric in metrics:
            values.setdefault(row.document, {})[row.metric] = row.f1
    ranked = []
    for document, by_metric in values.items():
        known = [value for value in by_metric.values() if value is not None]
        if known:
            each = [by_metric.get(metric) for metric in metrics]
            ranked.append((document, sum(known) / len(known), each))
    return sorted(ranked, key=lambda row: (row[1], row[0]))


def build_documents_table(
    result: AgreementResult, metrics: Sequence[str], numbers: NumberFormat
) -> Table | None:
    """The F1 of each document, the lowest first; None for a single document."""
    ranked = rank_documents(result, metrics)
    if len(ranked) < 2:
        return None
    has_pairs = len(result.annotators) > 2
    columns = ["document", *metrics]
    ends: dict[str, tuple[str, str]] = {}
    if has_pairs:
        columns += ["min–max", "pairs"]
        for row in result.by_document:
            if row.metric == metrics[0]:
                ends[row.document] = (numbers.format_range(row.min, row.max), str(row.pairs))
    lines = []
    for document, _, values in ranked[:MOST_DOCUMENTS]:
        line = [document, *map(numbers.format, values)]
        if has_pairs:
            line += ends.get(document, ("–", "–"))
        lines.append(tuple(line))
    notes = list(name_rest(len(ranked), MOST_DOCUMENTS, "documents", "lowest"))
    if has_pairs:
        kind = f"of {metrics[0]}, " if len(metrics) > 1 else ""
        notes.insert(0, f"mean over pairs; min–max and pairs: {kind}of the pairs with items in it")
    if len(metrics) > 1:
        notes.insert(0, "in the order of the mean of the metrics")
    return Table(
        "F1 of each document, the lowest first", tuple(columns), tuple(lines), tuple(notes)
    )


def list_layer_metrics(result: AgreementResult) -> list[str]:
    """A metric of each layer: strict, or else the first."""
    chosen: dict[str, str] = {}
    for each in result.f1:
        if each.label is None:
            metric = Metric.parse(each.metric)
            if metric.layer not in chosen or metric.scheme == "strict":
                chosen[metric.layer] = each.metric
    return list(chosen.values())
