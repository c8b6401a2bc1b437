"""SpERT: entities and relations as sets, the relations with and without the labels of entities.

    Entities                label and span
    Relations without NEC   label and both spans; "boundaries" in the literature
    Relations with NEC      the same with the labels of both entities; "strict"

Equal items of a document count once. The entities of a predicted relation with a symmetric label
are put in the order of their starts; gold's keep the order of the annotation, so that a gold
relation whose tail is before its head never matches. (Source: spert/evaluator.py and prediction.py
at 5afcedf, input_reader.py at e0d9aee; read.)

Rows: each label, then micro and macro averages, in percent; the macro average is over the labels of
gold and predictions. Ratios with the denominator 0 are 0. Without any item SpERT fails with an
error of scikit-learn; the averages are None then.

The input is scored as it is: SpERT's option no_overlapping, which removes overlapping predictions,
is part of its model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.analysis.scorer_oneie import restore_order
from evalkit.analysis.scorer_rules import (
    WITH_ZERO,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
    labels_of,
    select_label,
)
from evalkit.analysis.scorer_sets import (
    DROP_RELATIONS_OF_EVENTS,
    DROP_UNPLACED,
    JOIN_FRAGMENTS,
    change_items,
    count_sets,
    set_count,
    with_label,
)

RATIOS = ("precision", "recall", "f1-score")


def build_rules() -> ScorerRules:
    """The rules of SpERT."""
    entities = (JOIN_FRAGMENTS, DROP_UNPLACED, COUNT_ONCE, WITH_ZERO)
    relations = (
        JOIN_FRAGMENTS,
        DROP_UNPLACED,
        DROP_RELATIONS_OF_EVENTS,
        ORDER_PREDICTIONS,
        WITH_ZERO,
    )
    measures = (
        ScorerMeasure("Entities", "entities/strict", entities),
        ScorerMeasure("Relations without NEC", "relations/boundaries", relations),
        ScorerMeasure("Relations with NEC", "relations/strict", relations),
    )
    return ScorerRules(measures, report_rows, percent_digits=2)


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The printed rows of each table, in percent and not rounded."""
    rows = []
    for name, state in states.items():
        by_label = []
        for label in labels_of(state):
            by_label.append(_row(name, label, select_label(state, label)))
        has_items = bool(by_label)
        micro = _row(name, "micro", state)
        macro: dict[str, Any] = {"table": name, "type": "macro"}
        for column in RATIOS:
            macro[column] = _mean([row[column] for row in by_label])
            micro[column] = micro[column] if has_items else None
        rows += [*by_label, micro, {**macro, "support": micro["support"]}]
    return rows


def _row(table: str, label: str, state: ScorerState) -> dict[str, Any]:
    numbers = state.numbers()
    ratios = (numbers.precision, numbers.recall, numbers.f1)
    row: dict[str, Any] = {"table": table, "type": label}
    for column, ratio in zip(RATIOS, ratios):
        row[column] = 100 * (ratio or 0.0)
    return {**row, "support": round(numbers.gold)}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _order_predictions(state: ScorerState) -> ScorerState:
    symmetric = state.details["symmetric"]

    def order(item: ScorerItem) -> ScorerItem:
        item = restore_order(item)
        if item.label not in symmetric or item.owner is None:
            return item
        (_, head), (_, tail) = sides = item.owner
        return item._replace(key=sides[::-1]) if tail[0][0] < head[0][0] else item

    state = change_items(state, restore_order, ("gold",))
    return change_items(state, order, ("predicted",))


COUNT_ONCE = ScorerRule("count", "counts equal entities once", set_count(count_sets(with_label)))
ORDER_PREDICTIONS = ScorerRule(
    "equal",
    "puts the entities of predicted symmetric relations in the order of their starts, but not those"
    " of gold",
    _order_predictions,
)
