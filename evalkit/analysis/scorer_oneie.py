"""OneIE: entities, triggers and relations as lists, arguments as sets; many predictions may match
one gold item.

    Entity                   each predicted entity that gold has
    Trigger identification   each predicted trigger whose span is one of gold's
    Trigger                  those whose type is that of the first gold trigger with the span
    Relation                 each predicted relation with label and spans of a gold one, in either
                             order of the arguments
    Role identification      each (event type, span, role) whose event type and span are gold's
    Role                     those that gold has with the role

The number of these is divided by that of all predicted items and by that of all gold items, so that
a repeated prediction can give 100 %. 0/0 is 0. Labels of the arguments of relations are not
compared. OneIE's row "Mention" compares mention types, which evalkit does not have, and is left
out. (Source: OneIE/scorer.py in TextEE at db8a95e, which is OneIE's; read.)

Option: relation_directional, whether relations match in the order of their arguments only.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from evalkit.analysis.scorer_options import parse_flag
from evalkit.analysis.scorer_rules import (
    WITH_ZERO,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
)
from evalkit.analysis.scorer_sets import (
    DROP_RELATIONS_OF_EVENTS,
    DROP_UNPLACED,
    DROP_WITHOUT_TRIGGER,
    JOIN_FRAGMENTS,
    change_items,
    count_many_to_one,
    set_count,
    with_label,
    with_spans,
    without_label,
)


def build_rules(*, relation_directional: object = False) -> ScorerRules:
    """The rules of OneIE."""
    is_directional = parse_flag("relation_directional", relation_directional)
    events = (JOIN_FRAGMENTS, DROP_UNPLACED, DROP_WITHOUT_TRIGGER)
    measures = (
        ScorerMeasure(
            "Entity",
            "entities/strict",
            (JOIN_FRAGMENTS, DROP_UNPLACED, COUNT_LIST, WITH_ZERO),
        ),
        ScorerMeasure(
            "Trigger identification",
            "triggers/exact",
            (*events, COUNT_SPANS, WITH_ZERO),
        ),
        ScorerMeasure("Trigger", "triggers/strict", (*events, COUNT_TYPES, WITH_ZERO)),
        ScorerMeasure(
            "Relation",
            "relations/boundaries",
            (
                JOIN_FRAGMENTS,
                DROP_UNPLACED,
                DROP_RELATIONS_OF_EVENTS,
                DIRECTED if is_directional else UNDIRECTED,
                COUNT_RELATIONS,
                WITH_ZERO,
            ),
        ),
        ScorerMeasure(
            "Role identification",
            "arguments/exact",
            (*events, COUNT_ROLES, WITH_ZERO),
        ),
        ScorerMeasure("Role", "arguments/strict", (*events, WITH_ZERO)),
    )
    return ScorerRules(measures, report_rows, percent_digits=2)


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The printed lines, in percent and not rounded."""
    rows = []
    for name, state in states.items():
        numbers = state.numbers()
        rows.append(
            {
                "name": name,
                "P": 100 * (numbers.precision or 0.0),
                "R": 100 * (numbers.recall or 0.0),
                "F": 100 * (numbers.f1 or 0.0),
            }
        )
    return rows


def _has_type(gold: ScorerItem, predicted: ScorerItem) -> bool:
    return gold.label == predicted.label


def _sort_arguments(item: ScorerItem) -> ScorerItem:
    """A relation with its arguments in an order that does not depend on the annotation."""
    if item.owner is None:
        return item
    return item._replace(key=tuple(sorted(item.owner, key=_span_of_argument)))


def _span_of_argument(argument: tuple[Hashable, Any]) -> Any:
    return argument[1]


def restore_order(item: ScorerItem) -> ScorerItem:
    """A relation with its arguments in the order of the annotation."""
    return item if item.owner is None else item._replace(key=item.owner)


COUNT_LIST = ScorerRule(
    "count",
    "counts every entity, and as correct every one that gold has",
    set_count(count_many_to_one(with_label)),
)
COUNT_SPANS = ScorerRule(
    "count",
    "counts every event, and as correct every one whose trigger has the span of a gold trigger",
    set_count(count_many_to_one(without_label)),
)
COUNT_TYPES = ScorerRule(
    "count",
    "counts every event, and as correct every one with the type of the first gold event on its"
    " trigger",
    set_count(count_many_to_one(without_label, _has_type)),
)
COUNT_RELATIONS = ScorerRule(
    "count",
    "counts every relation, and as correct every one that gold has",
    set_count(count_many_to_one(with_spans)),
)
COUNT_ROLES = ScorerRule(
    "count",
    "counts an argument once for each of its roles, and as correct if gold has the span",
    set_count(count_many_to_one(without_label, merged_by=with_label)),
)
UNDIRECTED = ScorerRule(
    "equal",
    "compares relations in either order of their arguments",
    lambda state: change_items(state, _sort_arguments),
)
DIRECTED = ScorerRule(
    "equal",
    "compares the arguments of symmetric relations in their order, too",
    lambda state: change_items(state, restore_order),
)
