"""IEPile: labels and strings, compared verbatim; precision and recall are rounded before F1.

An answer is an object that maps labels to lists of strings; what is not a string in a list is left
out, and so is an answer that cannot be parsed. Precision and recall are in percent, rounded to two
decimals, and F1 is computed from the rounded numbers and rounded again; 0 where the denominator is
0. (Source: zjunlp/IEPile, ie2instruction/eval: metric.py and ner_metric.py as in
BiNLP/UniversalIE at 01626e6, ner_extracter.py at 0a0c2c5, eval_func.py at 11911a7; read.)

**Option**: `mode`, its `--match_mode`: normal: strings count as often as they occur, one to one;
set: each string of a document once.

Row: `total`, in percent. The numbers of samples and of answers that cannot be parsed are not shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evalkit.analysis.scorer_options import parse_choice
from evalkit.analysis.scorer_rules import (
    ItemCredits,
    Ratios,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
)
from evalkit.analysis.scorer_strings import COUNT_ONCE, DROP_UNREADABLE, READ_STRINGS

MODES = ("normal", "set")


def build_rules(*, mode: str = "normal") -> ScorerRules:
    """The rules of IEPile. Raises UnknownNameError for an unknown mode."""
    parse_choice("mode", mode, MODES)
    rounding = ScorerRule(
        "ratio",
        "rounds precision and recall to two decimals of percent, and then F1",
        lambda state: replace(state, ratio=_round_ratios),
    )
    counting = (COUNT_ONCE,) if mode == "set" else ()
    rules = (READ_STRINGS, DROP_UNREADABLE, *counting, rounding)
    surfaces = "surfaces/strict" if mode == "set" else "surfaces/multiset"
    measure = ScorerMeasure("total", "entities/strict", rules, string_metric=surfaces)
    return ScorerRules((measure,), _report_rows, percent_digits=2)


def _percentages(credits: ItemCredits) -> tuple[float, float, float]:
    """Precision, recall and F1 in percent, rounded."""
    precision = _to_percent(sum(credits.predicted_credit), credits.predicted)
    recall = _to_percent(sum(credits.gold_credit), credits.gold)
    total = precision + recall
    return precision, recall, round(2 * precision * recall / total, 2) if total else 0.0


def _to_percent(numerator: float, denominator: float) -> float:
    return round(numerator / denominator * 100, 2) if denominator else 0.0


def _round_ratios(credits: ItemCredits) -> Ratios:
    return Ratios(*(percentage / 100 for percentage in _percentages(credits)))


def _report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    precision, recall, f1 = _percentages(states["total"].credits())
    return [{"name": "total", "P": precision, "R": recall, "F1": f1}]
