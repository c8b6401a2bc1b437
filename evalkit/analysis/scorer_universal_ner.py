"""UniversalNER: a list of strings for each text and label, normalized, compared as sets.

A string is normalized as in SQuAD: lower case, without the characters of string.punctuation,
without the words a, an and the, white space collapsed. What is empty then remains an item. Each
list is a set; what is counted is summed over the lists of all texts and labels. 1e-10 is added to
the denominators of precision, recall and F1. (Source: universal-ner/universal-ner at 4e454fe,
src/eval/evaluate.py, read.)

An answer that it cannot parse is an empty list. Since it reads an answer up to its first ], so is
each list with a string that has one, of gold, too. What else is in a raw answer, such as white
space before the list, is not known from items, nor are lists within lists, which it compares.

Row: the three numbers that it prints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from evalkit.analysis.scorer_rules import (
    SIDES,
    ItemCredits,
    Ratios,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
)
from evalkit.analysis.scorer_strings import (
    COUNT_ONCE,
    READ_STRINGS,
    change_keys,
    is_unreadable,
)
from evalkit.data.surface_normalization import NORMALIZATIONS

ADDED = 1e-10  # to each denominator


def build_rules() -> ScorerRules:
    """The rules of UniversalNER."""
    rules = (
        READ_STRINGS,
        ScorerRule(
            "drop",
            "takes an answer with an item that is not a string for an empty list",
            lambda state: _drop_lists(state, is_unreadable),
        ),
        ScorerRule(
            "drop",
            "reads an answer up to its first ], so that a list with ] in a string is empty",
            lambda state: _drop_lists(state, lambda item: "]" in item.text),
        ),
        ScorerRule(
            "equal",
            "compares strings in lower case, without punctuation and articles",
            lambda state: change_keys(state, NORMALIZATIONS["squad"]),
        ),
        COUNT_ONCE,
        ScorerRule(
            "ratio",
            "adds 1e-10 to each denominator",
            lambda state: replace(state, ratio=_divide_by_more),
        ),
    )
    measure = ScorerMeasure("micro", "entities/strict", rules, string_metric="surfaces/strict")
    return ScorerRules((measure,), _report_rows)


def _drop_lists(state: ScorerState, is_invalid: Callable[[ScorerItem], bool]) -> ScorerState:
    """The state without the lists that have an invalid item: all items of a side, a document and a
    label.
    """
    kept = {}
    for side in SIDES:
        items = state.items(side)
        lists = {(item.document, item.label) for item in items if is_invalid(item)}
        kept[side] = [item for item in items if (item.document, item.label) not in lists]
    return replace(state, gold=kept["gold"], predicted=kept["predicted"])


def _divide_by_more(credits: ItemCredits) -> Ratios:
    correct = sum(credits.predicted_credit)
    precision = correct / (credits.predicted + ADDED)
    recall = correct / (credits.gold + ADDED)
    return Ratios(precision, recall, 2 * precision * recall / (precision + recall + ADDED))


def _report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    numbers = states["micro"].numbers()
    return [{"precision": numbers.precision, "recall": numbers.recall, "f1": numbers.f1}]
