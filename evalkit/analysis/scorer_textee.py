"""TextEE: triggers and arguments as sets, six measures in percent.

    Tri-I, Tri-C              the span of a trigger; with its event type
    Arg-I, Arg-C              event type and span of an argument; with its role
    Arg-I, Arg-C (attached)   the same with the span of the trigger

Equal items of a document count once, as in evalkit, whose six metrics are the same by definition.
So the numbers differ only where the input holds what TextEE's files cannot: predictions without
offsets, events without a trigger, discontinuous spans. 0/0 is 0. TextEE compares tokens, evalkit
characters, which is the same for spans of whole tokens. (Source: TextEE/scorer.py at db8a95e,
compute_E2E_scores; read.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.analysis.scorer_rules import WITH_ZERO, ScorerMeasure, ScorerRules, ScorerState
from evalkit.analysis.scorer_sets import (
    DROP_UNPLACED,
    DROP_WITHOUT_TRIGGER,
    JOIN_FRAGMENTS,
)

MEASURES = {
    "Tri-I": "triggers/exact",
    "Tri-C": "triggers/strict",
    "Arg-I": "arguments/exact",
    "Arg-C": "arguments/strict",
    "Arg-I (attached)": "attached-arguments/exact",
    "Arg-C (attached)": "attached-arguments/strict",
}


def build_rules() -> ScorerRules:
    """The rules of TextEE."""
    rules = (JOIN_FRAGMENTS, DROP_UNPLACED, DROP_WITHOUT_TRIGGER, WITH_ZERO)
    measures = [ScorerMeasure(name, metric, rules) for name, metric in MEASURES.items()]
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
                "match_num": round(numbers.correct),
                "pred_num": round(numbers.predicted),
                "gold_num": round(numbers.gold),
            }
        )
    return rows
