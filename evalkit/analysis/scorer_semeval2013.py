"""SemEval-2013 task 9.1: MUC's counts under strict, exact, partial and type matching.

The pairs are evalkit's own: the largest credit of any one-to-one pairing, then the most other pairs
that overlap, so the order of input has no influence. Precision is (COR + ½ PAR) / ACT, recall the
same / POS. (Source: Segura-Bedmar, Martínez and Herrero-Zazo 2013, section 4; the pairing is not
specified there.)

Rows: the counts of each measure, over all labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evalkit.analysis.scorer_rules import (
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
)

MEASURES = ("strict", "exact", "partial", "type")

PAIR_OTHERS = ScorerRule(
    "count",
    "pairs the other items that overlap, which are incorrect",
    lambda state: replace(state, count=lambda own: own.match(own, "strict")),
)


def build_rules() -> ScorerRules:
    """The rules of the four measures."""
    measures = [
        ScorerMeasure(name, f"entities/{name}", (PAIR_OTHERS,) if name == "strict" else ())
        for name in MEASURES
    ]
    return ScorerRules(measures, report_rows)


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The counts and ratios of each measure."""
    return [_row(name, state) for name, state in states.items()]


def _row(name: str, state: ScorerState) -> dict[str, Any]:
    numbers = state.numbers()
    kinds = Counter(state.credits().predicted_kinds)
    matched = kinds["correct"] + kinds["incorrect"] + kinds["partial"]
    return {
        "name": name,
        "COR": kinds["correct"],
        "INC": kinds["incorrect"],
        "PAR": kinds["partial"],
        "MIS": len(state.gold) - matched,
        "SPU": len(state.predicted) - matched,
        "POS": len(state.gold),
        "ACT": len(state.predicted),
        "precision": numbers.precision,
        "recall": numbers.recall,
        "F1": numbers.f1,
    }
