"""InstructUIE: answers such as "person: Ada; location: Oslo", compared as sets of strings.

An answer is cut at semicolons, and each part, label and string together, is an item. It is
normalized: white space collapsed, and removed beside , : ( ) . _ ; ' and -; lower case; braces
removed; repeated commas, full stops and semicolons made one; ’ made '; and "location" made
"located", wherever it is. An empty part is an item, too: an answer without entities is an empty
one, which is correct if gold is empty. 0 where a denominator is 0. (Source:
BeyonderXX/InstructUIE, src/evaluation/evaluator.py at e919e88, EvaluatorNER and EvaluatorRE, read.)

The answers of both sides are written from the items in this form, and entities without a string
are parts that are never correct. Whether an empty answer was "None" or nothing at all is not known
from items: both sides are written alike. An empty part at the end of an answer, after a string that
ends with a semicolon, depends on the order of the items.

**Option**: `task`: NER, or RE for relations, written as "type: head, tail". There, parts without a
colon are left out, and so is the empty answer. Its rule for relations of the type NA, which are
correct unless another type is predicted, looks for ",na,"; a relation in this form has that only in
its names, so that NA is a type as any other. Evalkit does not apply the rule to such names.

Row: f1, recall and precision of the task.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evalkit.analysis.scorer_options import parse_choice
from evalkit.analysis.scorer_rules import (
    SIDES,
    WITH_ZERO,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
    count_one_to_one,
    keep_items,
)
from evalkit.analysis.scorer_strings import COUNT_ONCE, change_keys, read_strings
from evalkit.data.document import Document, Event, iter_arguments
from evalkit.scoring.surfaces import surface_form

TASKS = ("NER", "RE")
BESIDE_MARKS = re.compile(r"\s*([,:().;'_-])\s*")
REPEATED = re.compile(r"([,.;])\1+")


def build_rules(*, task: str = "NER") -> ScorerRules:
    """The rules of InstructUIE. Raises UnknownNameError for an unknown task."""
    parse_choice("task", task, TASKS)
    measure = _build_entity_measure() if task == "NER" else _build_relation_measure()
    return ScorerRules((measure,), _report_rows)


def _build_entity_measure() -> ScorerMeasure:
    rules = (
        ScorerRule(
            "read",
            "compares label and string as one string, wherever it is in the text",
            _read_parts,
        ),
        CUT_PARTS,
        ScorerRule("read", "counts an answer without entities as an empty item", _add_empty_parts),
        NORMALIZE_PARTS,
        COUNT_ONCE,
        WITH_ZERO,
    )
    return ScorerMeasure("NER", "entities/strict", rules, string_metric="surfaces/strict")


def _build_relation_measure() -> ScorerMeasure:
    rules = (
        ScorerRule(
            "read",
            "compares relations as strings, 'type: head, tail', wherever they are in the text",
            _read_relations,
        ),
        CUT_PARTS,
        ScorerRule("drop", "drops parts of answers without a colon", _drop_without_colon),
        NORMALIZE_PARTS,
        COUNT_ONCE,
        WITH_ZERO,
    )
    return ScorerMeasure("RE", "relations/boundaries", rules)


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


def _read_relations(state: ScorerState) -> ScorerState:
    """The state with each relation as a part of an answer, which has no label."""
    inputs = state.details["inputs"]
    parts: dict[str, list[ScorerItem]] = {}
    for side, corpus in (("gold", inputs.gold), ("predicted", inputs.predicted)):
        items = inputs.items(side, "relations")
        placed = (item for item in items if item.start is not None)
        parts[side] = [
            item._replace(label=None, key=(item.label, item.key))
            for item in items
            if item.start is None
        ]
        for number in inputs.list_annotated("relations"):
            if state.documents[number].id not in corpus:
                continue
            document = corpus[state.documents[number].id]
            for relation, arguments in zip(document.relations or (), iter_arguments(document)):
                names = (_words_of(document, argument) for argument in arguments)
                part = f"{relation.label}: {', '.join(names)}"
                parts[side].append(next(placed)._replace(label=None, key=part, text=part))
    return replace(state, gold=parts["gold"], predicted=parts["predicted"], count=count_one_to_one)


def _words_of(document: Document, argument: Any) -> str:
    """The words of an argument of a relation: of an entity, or of the trigger of an event."""
    span = argument.trigger if isinstance(argument, Event) else argument
    return surface_form(document.text, span)


def _drop_without_colon(state: ScorerState) -> ScorerState:
    return keep_items(state, lambda item: not isinstance(item.key, str) or ":" in item.key)


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


CUT_PARTS = ScorerRule("read", "cuts answers at semicolons", _cut_parts)
NORMALIZE_PARTS = ScorerRule(
    "equal",
    "compares strings in lower case, without some white space and braces, 'location' as 'located'",
    lambda state: change_keys(state, _normalize_twice),
)


def _report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    rows = []
    for name, state in states.items():
        numbers = state.numbers()
        row = {"f1": numbers.f1, "recall": numbers.recall, "precision": numbers.precision}
        rows.append({"name": name, **row})
    return rows
