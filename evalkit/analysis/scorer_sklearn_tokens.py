"""scikit-learn 1.9.1 on tokens: each token is an item with one label, as in multi-class problems.

Options: `compare` is "tag" (B-PER and I-PER are different labels) or "type" (both are PER);
`outside` is "exclude" (`labels=` has all labels but O) or "include".

Rows: those of `classification_report` with zero_division=0: each label; the micro average if O is
excluded, since it is the accuracy otherwise; the macro and the weighted average; and the accuracy
of all tokens, with O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from evalkit.analysis.scorer_options import parse_choice
from evalkit.analysis.scorer_rules import WITH_ZERO, ScorerMeasure, ScorerRules, ScorerState
from evalkit.analysis.scorer_seqeval import report_rows as report_rows_of_seqeval
from evalkit.analysis.scorer_tags import TO_TAGS, read_tokens, type_of

LABELS: dict[str, Callable[[str], str]] = {"tag": str, "type": type_of}
OUTSIDE_VALUES = ("exclude", "include")


def build_rules(*, compare: str = "tag", outside: str = "exclude") -> ScorerRules:
    """The rules of scikit-learn."""
    parse_choice("compare", compare, LABELS)
    parse_choice("outside", outside, OUTSIDE_VALUES)
    label_of = LABELS[compare]
    every = read_tokens(label_of, f"compares the {compare} of each word, O too", keeps_outside=True)
    labeled = read_tokens(
        label_of, f"compares the {compare} of each word, without O", keeps_outside=False
    )
    accuracy = ScorerMeasure("accuracy", "entities/strict", (*TO_TAGS, every, WITH_ZERO))
    if outside == "include":
        return ScorerRules((accuracy,), report_rows)
    micro = ScorerMeasure("micro avg", "entities/strict", (*TO_TAGS, labeled, WITH_ZERO))
    return ScorerRules((micro, accuracy), report_rows)


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The rows of `classification_report`, not rounded, and the accuracy."""
    accuracy = states["accuracy"]
    rows = report_rows_of_seqeval(states)
    if "micro avg" not in states:
        rows = [row for row in rows if row["name"] != "micro avg"]
    numbers = accuracy.numbers()
    return [*rows, {"name": "accuracy", "f1-score": numbers.f1, "support": len(accuracy.gold)}]
