"""InstructUIE: answers such as "person: Ada; location: Oslo", compared as sets of strings.

An answer is cut at semicolons, and each part, label and string together, is an item. It is
normalized: white space collapsed, and removed beside , : ( ) . _ ; ' and -; lower case; braces
removed; repeated commas, full stops and semicolons made one; ’ made '; and "location" made
"located", wherever it is. An empty part is an item, too: an answer without entities is an empty
one, which is correct if gold is empty. 0 where a denominator is 0. (Source:
BeyonderXX/InstructUIE, src/evaluation/evaluator.py at e919e88, EvaluatorNER, read.)

The answers of both sides are written from the items in this form, and entities without a string
are parts that are never correct. Whether an empty answer was "None" or nothing at all is not known
from items: both sides are written alike.

Row: f1, recall and precision of the task.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evalkit.analysis.scorer_rules import (
    SIDES,
    WITH_ZERO,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
    merge_equal_items,
)
from evalkit.analysis.scorer_strings import change_keys, read_strings

BESIDE_MARKS = re.compile(r"\s*([,:().;'_-])\s*")
REPEATED = re.compile(r"([,.;])\1+")


def build_rules() -> ScorerRules:
    """The rules of InstructUIE."""
    rules = (
        ScorerRule(
            "read",
            "compares label and string as one string, wherever it is in the text",
            _read_parts,
        ),
        ScorerRule("read", "cuts answers at semicolons", _cut_parts),
        ScorerRule("read", "counts an answer without entities as an empty item", _add_empty_parts),
        ScorerRule(
            "equal",
            "compares strings in lower case, without some white space and braces, 'location' as"
            " 'located'",
            lambda state: change_keys(state, _normalize_twice),
        ),
        ScorerRule("count", "counts each string of a document once", merge_equal_items),
        WITH_ZERO,
    )
    measure = ScorerMeasure("NER", "entities/strict", rules, string_metric="surfaces/strict")
    return ScorerRules((measure,), _report_rows)


def normalize_part(text: str) -> str:
    """The text as InstructUIE compares it.

    >>> normalize_part("Location :  New  York ,, {USA}")
    'located:new york,usa'
    """
    text = BESIDE_MARKS.sub(r"\1", " ".join(text.split()))
    text = text.lower().replace("{", "").replace("}", "")
    return REPEATED.sub(r"\1", text).replace("’", "'").replace("location", "located")


def _normalize_twice(part: str) -> str:
    """The part as it is compared: InstructUIE normalizes the answer, and then each part again."""
    return normalize_part(normalize_part(part))


def _read_parts(state: ScorerState) -> ScorerState:
    """The state with each item as a part of an answer, "label: string", which has no label."""
    answers = {side: state.items(side) for side in SIDES}
    if str(state.details["metric"]).startswith("surfaces/"):  # in which equal parts are one item
        answers = {side: state.details["inputs"].items(side, "entities") for side in SIDES}
    state = read_strings(state)
    parts = {side: [_to_part(item) for item in state.items(side)] for side in SIDES}
    details = {**state.details, "answers": answers}
    return replace(state, gold=parts["gold"], predicted=parts["predicted"], details=details)


def _to_part(item: ScorerItem) -> ScorerItem:
    part = f"{item.label}: {item.text}"
    key = part if isinstance(item.key, str) else (item.label, item.key)
    return item._replace(label=None, key=key, text=part)


def _cut_parts(state: ScorerState) -> ScorerState:
    """The state with parts that have no semicolon. Parts without characters are left out here."""
    items: dict[str, list[ScorerItem]] = {side: [] for side in SIDES}
    for side in SIDES:
        for item in state.items(side):
            if not isinstance(item.key, str):
                items[side].append(item)
                continue
            for part in item.key.split(";"):
                if _normalize_twice(part):
                    items[side].append(item._replace(key=part, text=part.strip()))
    return replace(state, gold=items["gold"], predicted=items["predicted"])


def _add_empty_parts(state: ScorerState) -> ScorerState:
    """The state with an item for each answer that has an empty part, such as one without items."""
    inputs = state.details["inputs"]
    items = {side: list(state.items(side)) for side in SIDES}
    for side in SIDES:
        answers = defaultdict(list)
        for item in state.details["answers"][side]:
            answers[item.document].append(f"{item.label}: {item.text}")
        for number in inputs.list_annotated("entities"):
            answer = normalize_part("; ".join(answers[number]))
            if any(not normalize_part(part) for part in answer.split(";")):
                items[side].append(ScorerItem(number, None, "", None))
    return replace(state, gold=items["gold"], predicted=items["predicted"])


def _report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    rows = []
    for name, state in states.items():
        numbers = state.numbers()
        row = {"f1": numbers.f1, "recall": numbers.recall, "precision": numbers.precision}
        rows.append({"name": name, **row})
    return rows
