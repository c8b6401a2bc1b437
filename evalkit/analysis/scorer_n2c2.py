"""n2c2 2018, track 2 (adverse drug events): entities, strict and lenient.

    strict    equal label, start and end
    lenient   equal label, and the spans share a character

The predictions of a document are compared in their order. One that equals a gold entity which an
earlier prediction equals is not counted at all; one that equals other gold entities only is a true
positive, however many these are. Precision is tp / (tp + fp), recall tp / gold, 0 where nothing
divides. Discontinuous entities are one span. Micro sums over documents; macro is the mean of the
documents' ratios, F1 too. Files that one of the folders lacks are skipped. (Source: the script of
the task for both tracks, class SingleEvaluator, as medaCy has it, read. The relations that it also
compares are not printed here.)

Rows: each label, and micro and macro over all, for both modes. The script prints the nine labels of
the task only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from evalkit.analysis.scorer_documents import DROP_DOCUMENTS, iter_document_ratios
from evalkit.analysis.scorer_rules import (
    SIDES,
    WITH_ZERO,
    ItemCredits,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
)
from evalkit.analysis.scorer_spans import (
    DROP_UNPLACED,
    WHOLE_SPANS,
    group_by_document,
    split_by_label,
)

METRICS = {"strict": "entities/strict", "lenient": "entities/type"}


def build_rules() -> ScorerRules:
    """The rules for entities."""
    measures = []
    for mode, metric in METRICS.items():
        match = ScorerRule(
            "count",
            "compares predictions in their order, and does not count those that equal a gold entity"
            " found before",
            partial(_match_in_order, is_lenient=mode == "lenient"),
        )
        rules = (WHOLE_SPANS, DROP_UNPLACED, DROP_DOCUMENTS, match, WITH_ZERO)
        measures.append(ScorerMeasure(mode, metric, rules))
    return ScorerRules(measures, report_rows)


def _match_in_order(state: ScorerState, *, is_lenient: bool) -> ScorerState:
    gold_credit = [0.0] * len(state.gold)
    gold_of = group_by_document(state.gold)
    kept: dict[int, float] = {}
    for document, positions in group_by_document(state.predicted).items():
        by_label: dict[str | None, list[int]] = defaultdict(list)
        for row in gold_of.get(document, ()):
            by_label[state.gold[row].label].append(row)
        found: set[int] = set()
        for position in positions:
            item = state.predicted[position]
            rows = [
                row
                for row in by_label[item.label]
                if _are_equal(item, state.gold[row], is_lenient=is_lenient)
            ]
            if not found.isdisjoint(rows):
                found.update(rows)
                continue
            found.update(rows)
            kept[position] = float(bool(rows))
            if rows:
                gold_credit[rows[0]] = 1.0
    order = sorted(kept)
    counted = ItemCredits(gold_credit, [kept[position] for position in order])
    predicted = tuple(state.predicted[position] for position in order)
    credit_of = {
        side: dict(zip(map(id, items), credits))
        for side, items, credits in (
            ("gold", state.gold, counted.gold_credit),
            ("predicted", predicted, counted.predicted_credit),
        )
    }
    return replace(state, predicted=predicted, count=partial(_look_up, credit_of=credit_of))


def _look_up(state: ScorerState, credit_of: Mapping[str, Mapping[int, float]]) -> ItemCredits:
    """The credits of some of the items, such as those of a label."""
    credits = {side: [credit_of[side][id(item)] for item in state.items(side)] for side in SIDES}
    return ItemCredits(credits["gold"], credits["predicted"])


def _are_equal(first: ScorerItem, second: ScorerItem, *, is_lenient: bool) -> bool:
    start, end = first.start or 0, first.end or 0
    other_start, other_end = second.start or 0, second.end or 0
    if is_lenient:
        return start < other_end and other_start < end
    return (start, end) == (other_start, other_end)


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The ratios of each label and of all, for both modes."""
    return [row for mode, state in states.items() for row in _rows(mode, state)]


def _rows(mode: str, state: ScorerState) -> Iterator[dict[str, Any]]:
    for label, own in split_by_label(state).items():
        yield _row(mode, label, own.numbers()[:3])
    yield _row(mode, "Overall (micro)", state.numbers()[:3])
    ratios = list(iter_document_ratios(state))
    means = [
        sum(column) / len(ratios)
        for column in zip(*((own.precision or 0, own.recall or 0, own.f1 or 0) for own in ratios))
    ]
    yield _row(mode, "Overall (macro)", means or [None] * 3)


def _row(mode: str, name: str, ratios: Any) -> dict[str, Any]:
    precision, recall, f1 = ratios
    return {"name": name, "mode": mode, "Prec.": precision, "Rec.": recall, "F(b=1)": f1}
