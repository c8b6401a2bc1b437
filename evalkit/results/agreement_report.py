"""The report of an agreement: tables of F1, of κ, α, αU and γ, and of the documents with the lowest
agreement; and the same numbers as rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from evalkit.results.agreement_result import (
    AgreementF1,
    AgreementResult,
    FleissKappa,
    LabelKappa,
    NominalAlpha,
    PairF1,
)
from evalkit.results.report_builder import format_interval
from evalkit.results.summary import signatures
from evalkit.results.tables import NumberFormat, Report, Table
from evalkit.results.wording import pluralize
from evalkit.scoring.metrics import Metric, get_scheme
from evalkit.stats.ratio_intervals import Interval

MOST_DOCUMENTS = 10  # with the lowest agreement, that are listed
KEYS = (
    "measure",
    "metric",
    "label",
    "a",
    "b",
    "document",
    "value",
    "low",
    "high",
    "min",
    "max",
    "observed",
    "expected",
    "n",
    "documents",
    "reason",
)


def list_rows(result: AgreementResult) -> list[dict[str, Any]]:
    """A dict with the same keys for each number. metric: of F1; of other measures the layer."""
    return [dict.fromkeys(KEYS) | row for row in _iter_rows(result)]


def _iter_rows(result: AgreementResult) -> Iterator[dict[str, Any]]:
    for each in result.f1:
        yield {
            "measure": "f1",
            "metric": each.metric,
            "label": each.label,
            "value": each.f1,
            "low": each.low,
            "high": each.high,
            "min": each.min,
            "max": each.max,
            "n": each.pairs,
            "documents": each.documents,
            "reason": each.reason or None,
        }
    for pair in result.pairs:
        yield {
            "measure": "pair-f1",
            "metric": pair.metric,
            "a": pair.a,
            "b": pair.b,
            "value": pair.f1,
            "low": pair.low,
            "high": pair.high,
            "n": pair.items_a + pair.items_b,
            "documents": pair.documents,
            "reason": pair.reason or None,
        }
    for document in result.by_document:
        yield {
            "measure": "document-f1",
            "metric": document.metric,
            "document": document.document,
            "value": document.f1,
            "min": document.min,
            "max": document.max,
            "n": document.pairs,
        }
    for kappa in result.kappa:
        yield {
            "measure": "kappa",
            "metric": kappa.layer,
            "a": kappa.a,
            "b": kappa.b,
            "value": kappa.kappa,
            "observed": kappa.observed,
            "expected": kappa.expected,
            "n": kappa.n,
            "documents": kappa.documents,
        }
    if result.fleiss is not None:
        yield {
            "measure": "fleiss",
            "metric": result.fleiss.layer,
            "value": result.fleiss.kappa,
            "observed": result.fleiss.observed,
            "expected": result.fleiss.expected,
            "n": result.fleiss.n,
            "documents": result.fleiss.documents,
        }
    for alpha in result.alpha:
        yield {
            "measure": "alpha" if alpha.unit == "characters" else f"alpha-{alpha.unit}",
            "metric": alpha.layer,
            "label": alpha.label,
            "value": alpha.alpha,
            "observed": alpha.observed,
            "expected": alpha.expected,
            "n": alpha.n,
            "documents": alpha.documents,
        }
    for unitizing in result.alpha_u:
        yield {
            "measure": "alpha-u",
            "metric": unitizing.layer,
            "label": unitizing.label,
            "value": unitizing.alpha,
            "observed": unitizing.observed,
            "expected": unitizing.expected,
            "n": unitizing.n,
            "documents": unitizing.documents,
            "reason": unitizing.reason or None,
        }
    for gamma in result.gamma:
        reach = gamma.reach
        yield {
            "measure": "gamma",
            "metric": gamma.layer,
            "a": gamma.a,
            "b": gamma.b,
            "value": gamma.gamma,
            "low": None if reach is None or gamma.gamma is None else gamma.gamma - reach,
            "high": None if reach is None or gamma.gamma is None else gamma.gamma + reach,
            "observed": gamma.observed,
            "expected": gamma.expected,
            "n": gamma.n,
            "documents": gamma.documents,
        }


def build_agreement_report(result: AgreementResult, numbers: NumberFormat) -> Report:
    """The report: who was compared, the tables, notes and signatures."""
    return Report(
        header=(build_title(result),),
        tables=tuple(_tables(result, numbers)),
        footer=(*result.notes, *signatures(result.signature)),
        rows=tuple(list_rows(result)),
    )


def build_title(result: AgreementResult) -> str:
    """Who was compared, on how many documents."""
    names = [each.name for each in result.annotators]
    documents = pluralize(result.documents, "document")
    return f"{_noun(result)} of {', '.join(names[:-1])} and {names[-1]} on {documents}"


def _tables(result: AgreementResult, numbers: NumberFormat) -> Iterator[Table]:
    has_pairs = len(result.annotators) > 2
    overall = [each for each in result.f1 if each.label is None]
    if overall:
        yield build_f1_table(result, overall, numbers)
        if has_pairs:
            yield from build_pair_tables(result, numbers)
        for metric in list_label_metrics(overall):
            labels = [row for row in result.f1 if row.metric == metric and row.label is not None]
            if len(labels) > 1:
                yield build_label_table(result, metric, labels, numbers)
    if result.kappa:
        yield build_kappa_table(result, result.kappa, numbers)
    if result.fleiss is not None:
        yield build_fleiss_table(result, result.fleiss, numbers)
    for unit in ("characters", "tokens"):
        alphas = [alpha for alpha in result.alpha if alpha.unit == unit]
        if alphas:
            yield build_alpha_table(result, alphas, unit, numbers)
    if result.alpha_u:
        yield build_unitizing_table(result, numbers)
    if result.gamma:
        yield build_gamma_table(result, numbers)
    if overall and len({row.document for row in result.by_document}) > 1:
        table = build_document_table(result, overall[0].metric, numbers)
        if table.rows:
            yield table


def list_label_metrics(rows: Sequence[AgreementF1]) -> list[str]:
    """The metric of each layer whose labels are shown: strict, or else the first that has any."""
    shown: dict[str, str] = {}
    for row in rows:
        metric = Metric.parse(row.metric)
        if metric.scheme == "strict":
            shown[metric.layer] = row.metric
        elif get_scheme(metric.scheme).same_label:
            shown.setdefault(metric.layer, row.metric)
    return list(shown.values())


def name_level(result: AgreementResult) -> str:
    """The header of the intervals; empty without intervals."""
    return "" if result.level is None else f"{100 * result.level:g} % CI"


def _noun(result: AgreementResult) -> str:
    return "Consistency" if result.consistency else "Agreement"


def name_annotators(result: AgreementResult) -> str:
    """What the annotators are."""
    return "models" if result.consistency else "annotators"


def _range(row: AgreementF1, numbers: NumberFormat) -> str:
    return numbers.format_range(row.min, row.max)


def _interval(row: AgreementF1 | PairF1, numbers: NumberFormat) -> str:
    return format_interval(Interval(row.low, row.high, row.reason), numbers)


def build_f1_table(
    result: AgreementResult, rows: Sequence[AgreementF1], numbers: NumberFormat
) -> Table:
    """The mean over pairs of each metric; of two annotators the F1 itself."""
    has_pairs = len(result.annotators) > 2
    columns = ["metric", "mean F1" if has_pairs else "F1"]
    if result.level is not None:
        columns.append(name_level(result))
    if has_pairs:
        columns += ["min–max", "pairs"]
    columns.append("documents")
    lines = []
    for row in rows:
        cells = {
            "metric": row.metric,
            "mean F1": numbers.format(row.f1),
            "F1": numbers.format(row.f1),
            name_level(result): _interval(row, numbers),
            "min–max": _range(row, numbers),
            "pairs": str(row.pairs),
            "documents": str(row.documents),
        }
        lines.append(tuple(cells[column] for column in columns))
    notes = []
    if has_pairs:
        notes.append(f"mean over all pairs of {name_annotators(result)}, min–max: of the pairs")
    notes += _interval_reasons(rows, result)
    return Table(f"{_noun(result)} F1", tuple(columns), tuple(lines), tuple(notes))


def _interval_reasons(rows: Sequence[AgreementF1], result: AgreementResult) -> list[str]:
    if result.level is None:
        return []
    return list(dict.fromkeys(row.reason for row in rows if row.reason and row.low is not None))


def build_pair_tables(result: AgreementResult, numbers: NumberFormat) -> Iterator[Table]:
    """The F1 of each pair: a table for each layer, with a column for each scheme."""
    layers = dict.fromkeys(Metric.parse(each.metric).layer for each in result.pairs)
    for layer in layers:
        in_layer = [each for each in result.pairs if Metric.parse(each.metric).layer == layer]
        metrics = list(dict.fromkeys(each.metric for each in in_layer))
        cells: dict[tuple[str, str], dict[str, str]] = {}
        documents: dict[tuple[str, str], int] = {}
        for each in in_layer:
            cells.setdefault((each.a, each.b), {})[each.metric] = numbers.format(each.f1)
            documents[each.a, each.b] = each.documents
        rows = []
        for (a, b), values in cells.items():
            shown = (values[metric] for metric in metrics)
            rows.append((f"{a} – {b}", *shown, str(documents[a, b])))
        columns = ("pair", *(Metric.parse(metric).scheme for metric in metrics), "documents")
        yield Table(f"Pairs, {layer} (F1)", columns, tuple(rows), keeps_names=True)


def build_label_table(
    result: AgreementResult,
    metric: str,
    rows: Sequence[AgreementF1],
    numbers: NumberFormat,
) -> Table:
    """The F1 of each label in a metric: the mean over pairs."""
    has_pairs = len(result.annotators) > 2
    columns = ["label", "mean F1" if has_pairs else "F1"]
    if result.level is not None:
        columns.append(name_level(result))
    if has_pairs:
        columns += ["min–max", "pairs"]
    lines = []
    for row in rows:
        line = [row.label or "", numbers.format(row.f1)]
        if result.level is not None:
            line.append(_interval(row, numbers))
        if has_pairs:
            line += [_range(row, numbers), str(row.pairs)]
        lines.append(tuple(line))
    return Table(f"Labels, {metric}", tuple(columns), tuple(lines))


def build_kappa_table(
    result: AgreementResult, rows: Sequence[LabelKappa], numbers: NumberFormat
) -> Table:
    """Where (F1 of the spans), and what (κ of the labels of equal spans)."""
    columns = ["pair", "span F1", "same spans", "observed", "expected", "κ"]
    lines = []
    for row in rows:
        cells = [numbers.format(each) for each in (row.observed, row.expected, row.kappa)]
        lines.append((f"{row.a} – {row.b}", numbers.format(row.exact_f1), str(row.n), *cells))
    notes = ["span F1: where, whatever the label; κ (Cohen): which label, of spans that both have"]
    if any(row.n and row.kappa is None for row in rows):
        notes.append("κ –: all labels are equal, so that there is no chance to disagree")
    title = f"Spans and labels, {result.layer}"
    return Table(title, tuple(columns), tuple(lines), tuple(notes), keeps_names=True)


def build_fleiss_table(
    result: AgreementResult, fleiss: FleissKappa, numbers: NumberFormat
) -> Table:
    """Fleiss' κ."""
    who = name_annotators(result)
    cells = [numbers.format(each) for each in (fleiss.observed, fleiss.expected, fleiss.kappa)]
    return Table(
        f"Labels by all {fleiss.annotators} {who}, {fleiss.layer}",
        ("same spans", "documents", "observed", "expected", "Fleiss κ"),
        ((str(fleiss.n), str(fleiss.documents), *cells),),
        (f"of spans that all {who} have",),
    )


def build_alpha_table(
    result: AgreementResult, rows: Sequence[NominalAlpha], unit: str, numbers: NumberFormat
) -> Table:
    """α over characters or tokens."""
    first = rows[0]
    columns = [unit, "observed", "expected", "α"]
    is_by_label = any(row.label is not None for row in rows)
    if is_by_label:
        columns.insert(0, "label")
    lines = []
    for row in rows:
        cells = [numbers.format(each) for each in (row.observed, row.expected, row.alpha)]
        line = [f"{row.n:,}", *cells]
        lines.append(tuple([row.label or "", *line] if is_by_label else line))
    share = "–" if first.unlabeled is None else f"{100 * first.unlabeled:.1f} %"
    notes = [
        f"{share} of the {unit} have no label by any {name_annotators(result)[:-1]}: all agree"
        " there; observed and expected: disagreement"
    ]
    if is_by_label:
        notes.append("items overlap, so that α is of each label against the rest")
    title = f"Krippendorff's α over {unit}, {first.layer}"
    return Table(title, tuple(columns), tuple(lines), tuple(notes))


def build_unitizing_table(result: AgreementResult, numbers: NumberFormat) -> Table:
    """αU of each label."""
    lines = []
    notes: dict[str, None] = {}
    for row in result.alpha_u:
        lines.append((row.label, str(row.n), numbers.format(row.alpha)))
        if row.reason:
            notes[f"αU –: {row.reason}"] = None
    return Table(
        f"Krippendorff's αU, {result.layer}",
        ("label", "units", "αU"),
        tuple(lines),
        tuple(notes),
    )


def build_gamma_table(result: AgreementResult, numbers: NumberFormat) -> Table:
    """γ of each pair."""
    lines = []
    for row in result.gamma:
        shown = (row.observed, row.expected, row.gamma, row.reach)
        cells = [numbers.format(each) for each in shown]
        lines.append((f"{row.a} – {row.b}", str(row.n), *cells))
    first = result.gamma[0]
    notes = (
        f"expected disorder: mean of {first.samples} random corpora, seed {first.seed}; ±:"
        " uncertainty of γ from the random corpora",
    )
    columns = ("pair", "units", "observed", "expected", "γ", "±")
    return Table(f"γ, {result.layer}", columns, tuple(lines), notes, keeps_names=True)


def build_document_table(result: AgreementResult, metric: str, numbers: NumberFormat) -> Table:
    """The documents with the lowest agreement."""
    rows = [row for row in result.by_document if row.metric == metric and row.f1 is not None]
    rows.sort(key=lambda row: (row.f1 or 0, row.document))
    has_pairs = len(result.annotators) > 2
    columns = ("document", "mean F1", "min–max", "pairs") if has_pairs else ("document", "F1")
    lines = []
    for row in rows[:MOST_DOCUMENTS]:
        line = [row.document, numbers.format(row.f1)]
        if has_pairs:
            line += [numbers.format_range(row.min, row.max), str(row.pairs)]
        lines.append(tuple(line))
    notes: tuple[str, ...] = ()
    if len(rows) > MOST_DOCUMENTS:
        notes = (f"the lowest of {len(rows):,} documents; csv and json have all",)
    noun = "consistency" if result.consistency else "agreement"
    return Table(f"Documents with the lowest {noun}, {metric}", columns, tuple(lines), notes)
