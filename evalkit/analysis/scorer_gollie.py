"""GoLLIE: objects with a class and a string; predictions that are not in the text are not counted.

Entities are equal if their classes and their strings are, in lower case and without white space at
the ends. Before, a prediction is dropped if its string is not in the text, in lower case, or if
more predictions before it have the string, of whatever class, than the text has it. Gold is not
filtered. Pairs are one to one: repeats count. 0 where the denominator is 0. (Source:
hitz-zentroa/GoLLIE, src/evaluate.py and src/tasks/utils_scorer.py at c08b28d, src/tasks/
utils_typing.py at bd0d0c2, read.)

Objects that are no valid Python, or of a class that the task does not have, are not counted. The
order of predictions is that of the document: entities, then those that are not in its text.

**Option**: `task`: entities; events: events and their arguments, see `scorer_gollie_events`.

Rows: all entities and each class of them, or events, arguments, and each class of events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from evalkit.analysis.scorer_gollie_events import build_event_measures
from evalkit.analysis.scorer_options import parse_choice
from evalkit.analysis.scorer_rules import (
    SIDES,
    WITH_ZERO,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
    keep_items,
    labels_of,
    select_label,
)
from evalkit.analysis.scorer_strings import DROP_UNREADABLE, READ_STRINGS, change_keys
from evalkit.errors import InputError, quoted_repr

TASKS = ("entities", "events")


def build_rules(*, task: str = "entities") -> ScorerRules:
    """The rules of GoLLIE. Raises UnknownNameError for an unknown task."""
    parse_choice("task", task, TASKS)
    measures = [_build_entity_measure()] if task == "entities" else build_event_measures()
    return ScorerRules(measures, _report_rows)


def _build_entity_measure() -> ScorerMeasure:
    rules = (
        READ_STRINGS,
        DROP_UNREADABLE,
        ScorerRule("drop", "drops predictions whose string is not in the text", _drop_invented),
        ScorerRule(
            "drop",
            "drops predictions of a string beyond the number of times that the text has it",
            _drop_repeated,
        ),
        ScorerRule(
            "equal",
            "compares strings in lower case, without white space at the ends",
            lambda state: change_keys(state, _normalize),
        ),
        WITH_ZERO,
    )
    return ScorerMeasure("entities", "entities/strict", rules, string_metric="surfaces/multiset")


def _normalize(string: str) -> str:
    return string.lower().strip()


def _drop_invented(state: ScorerState) -> ScorerState:
    _check_texts(state)
    texts = [document.text.lower() for document in state.documents]
    return keep_items(
        state, lambda item: _normalize(item.text) in texts[item.document], ["predicted"]
    )


def _check_texts(state: ScorerState) -> None:
    """Raises InputError for a document with strings only."""
    for side in SIDES:
        for item in state.items(side):
            document = state.documents[item.document]
            if item.text and not document.text:
                raise InputError(
                    f"document {quoted_repr(document.id)} has no text, in which gollie searches"
                    " predictions: expected gold with the texts of documents"
                )


def _drop_repeated(state: ScorerState) -> ScorerState:
    texts = [document.text.lower() for document in state.documents]
    counts: Counter[tuple[int, str]] = Counter()

    def is_kept(item: ScorerItem) -> bool:
        # Here the white space at the ends is compared, too.
        string = item.text.lower()
        counts[item.document, string] += 1
        return not string or counts[item.document, string] <= texts[item.document].count(string)

    return keep_items(state, is_kept, ["predicted"])


def _report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """All items of each measure, and each class of the first one."""
    rows = [_row(name, state) for name, state in states.items()]
    first = next(iter(states.values()))
    return rows + [_row(label, select_label(first, label)) for label in labels_of(first)]


def _row(name: str, state: ScorerState) -> dict[str, Any]:
    numbers = state.numbers()
    return {
        "name": name,
        "precision": numbers.precision,
        "recall": numbers.recall,
        "f1-score": numbers.f1,
    }
