"""i2b2 2014, de-identification: entities of clinical notes, strict, relaxed and by tokens.

    Strict    equal start, end and label
    Relaxed   equal start and label, and ends at most two characters apart
    Token     runs of ASCII letters and digits within the entities, with equal start, end and label

Labels are compared in upper case, but for tokens as they are. Documents that the predictions lack
are left out, on both sides. Each document is compared as two sets; precision is tp / (tp + fp),
recall tp / (tp + fn), 0 where nothing divides. Relaxed equality is not transitive: of entities of
one side that are equal, the first is kept, and tp counts the entities of the side that has fewer.
Micro sums over documents; macro is the mean over documents with the standard deviation, and its F1
that of the mean precision and recall.

`hipaa=true` keeps the labels that the script filters for HIPAA; IDNUM is not among them, since the
script looks for it with a space behind. (Source: i2b2eval/classes.py, tags.py of
kotfic/i2b2_evaluation_scripts, commit e08db16, read; it is for Python 2.)

Rows: micro and macro of each, in the script's order.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

import numpy as np

from evalkit.analysis.scorer_documents import DROP_DOCUMENTS, iter_document_ratios
from evalkit.analysis.scorer_options import parse_flag
from evalkit.analysis.scorer_rules import (
    SIDES,
    WITH_ZERO,
    ItemCredits,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
    keep_items,
    merge_equal_items,
)
from evalkit.analysis.scorer_spans import (
    DROP_UNPLACED,
    WHOLE_SPANS,
    group_by_document,
    replace_items,
)

TOKEN = re.compile("[a-zA-Z0-9]+")
MOST_APART = 2  # characters, of the ends of entities that are equal in relaxed matching
HIPAA = (
    *("PATIENT", "CITY", "STREET", "ZIP", "ORGANIZATION", "DATE", "PHONE", "FAX", "EMAIL", "SSN"),
    *("MEDICALRECORD", "HEALTHPLAN", "ACCOUNT", "LICENSE", "VEHICLE", "DEVICE", "BIOID", "IDNUM "),
    "AGE",
)


def build_rules(*, hipaa: bool | str = False) -> ScorerRules:
    """The rules of the script for personal health information.

    hipaa: whether only labels are kept that HIPAA protects.
    """
    drop = [DROP_UNPLACED, DROP_DOCUMENTS]
    if parse_flag("hipaa", hipaa):
        drop.append(DROP_OTHER_LABELS)
    strict = [WHOLE_SPANS, *drop, UPPER_CASE, MERGE_EQUAL]
    relaxed = [WHOLE_SPANS, *drop, UPPER_CASE, COMPARE_STARTS, MERGE_SIMILAR, COUNT_FEWER]
    token = [WHOLE_SPANS, CUT_TOKENS, *drop, MERGE_EQUAL]
    rules = {"Token": token, "Strict": strict, "Relaxed": relaxed}
    measures = [
        ScorerMeasure(name, "entities/strict", (*own, WITH_ZERO)) for name, own in rules.items()
    ]
    return ScorerRules(measures, report_rows)


def _map_items(state: ScorerState, change: Any) -> ScorerState:
    return replace_items(
        state, {side: [change(item) for item in state.items(side)] for side in SIDES}
    )


UPPER_CASE = ScorerRule(
    "equal",
    "compares labels in upper case",
    lambda state: _map_items(state, lambda item: item._replace(label=str(item.label).upper())),
)
DROP_OTHER_LABELS = ScorerRule(
    "drop",
    "drops labels that HIPAA does not protect",
    lambda state: keep_items(state, lambda item: str(item.label).startswith(HIPAA)),
)
MERGE_EQUAL = ScorerRule("count", "compares sets: repeated items count once", merge_equal_items)


def _cut_tokens(item: ScorerItem) -> Iterator[ScorerItem]:
    """The tokens of an entity; an empty one at its end where it has none."""
    if item.start is None:
        yield item
        return
    words = [word.span() for word in TOKEN.finditer(item.text)]
    for first, end in words or [(len(item.text), len(item.text))]:
        start, stop = item.start + first, item.start + end
        yield item._replace(
            key=(start, stop), start=start, end=stop, text=item.text[first:end] or item.text
        )


CUT_TOKENS = ScorerRule(
    "read",
    "cuts entities into their runs of letters and digits",
    lambda state: replace_items(
        state,
        {
            side: [token for item in state.items(side) for token in _cut_tokens(item)]
            for side in SIDES
        },
    ),
)


def _start_and_label(item: ScorerItem) -> Hashable:
    return item.document, item.label, item.start


def _ends_by_start(state: ScorerState, side: str) -> dict[Hashable, list[int]]:
    ends: dict[Hashable, list[int]] = defaultdict(list)
    for item in state.items(side):
        ends[_start_and_label(item)].append(item.end or 0)
    return ends


def _is_near(end: int | None, others: list[int]) -> bool:
    return any(abs((end or 0) - other) <= MOST_APART for other in others)


def match_starts(state: ScorerState) -> ItemCredits:
    """Each item counts that has a similar one on the other side."""
    credits = {}
    for side, other in (("gold", "predicted"), ("predicted", "gold")):
        ends = _ends_by_start(state, other)
        credits[side] = [
            float(_is_near(item.end, ends.get(_start_and_label(item), [])))
            for item in state.items(side)
        ]
    return ItemCredits(credits["gold"], credits["predicted"])


def _merge_similar(state: ScorerState) -> ScorerState:
    kept: dict[str, list[ScorerItem]] = {side: [] for side in SIDES}
    for side in SIDES:
        ends: dict[Hashable, list[int]] = defaultdict(list)
        for item in state.items(side):
            before = ends[_start_and_label(item)]
            if not _is_near(item.end, before):
                before.append(item.end or 0)
                kept[side].append(item)
    return replace_items(state, kept)


def _count_fewer(state: ScorerState) -> ScorerState:
    """The state in which the items that have a similar one are as many on both sides of a document
    as on the side with fewer items.
    """
    credits = state.credits()
    credit_of = {"gold": credits.gold_credit, "predicted": credits.predicted_credit}
    by_document = {side: group_by_document(state.items(side)) for side in SIDES}
    kept: dict[str, list[ScorerItem]] = {side: [] for side in SIDES}
    kept_credit: dict[str, list[float]] = {side: [] for side in SIDES}
    for number in range(len(state.documents)):
        positions = {side: by_document[side].get(number, []) for side in SIDES}
        found = {
            side: [position for position in positions[side] if credit_of[side][position]]
            for side in SIDES
        }
        fewer = "gold" if len(positions["gold"]) < len(positions["predicted"]) else "predicted"
        true_positives = len(found[fewer])
        for side in SIDES:
            items = state.items(side)
            others = [items[at] for at in positions[side] if not credit_of[side][at]]
            repeated = islice(cycle(found[side]), true_positives)
            kept[side] += [*others, *(items[position] for position in repeated)]
            kept_credit[side] += [0.0] * len(others) + [1.0] * true_positives
    counted = ItemCredits(kept_credit["gold"], kept_credit["predicted"])
    return replace(replace_items(state, kept), count=lambda _: counted)


COMPARE_STARTS = ScorerRule(
    "equal",
    "compares starts and labels; ends may be two characters apart",
    lambda state: replace(state, count=match_starts),
)
MERGE_SIMILAR = ScorerRule(
    "count",
    "compares sets: of similar items of one side the first is kept",
    _merge_similar,
)
COUNT_FEWER = ScorerRule(
    "count",
    "counts true positives on the side of a document that has fewer items",
    _count_fewer,
)


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The micro and macro ratios of each measure."""
    return [row for name, state in states.items() for row in _rows(name, state)]


def _rows(name: str, state: ScorerState) -> Iterator[dict[str, Any]]:
    numbers = state.numbers()
    yield {
        "name": name,
        "average": "micro",
        "Precision": numbers.precision,
        "Recall": numbers.recall,
        "F1": numbers.f1,
        "Precision SD": None,
        "Recall SD": None,
    }
    by_document = list(iter_document_ratios(state))
    mean: list[float | None] = [None, None]
    deviation: list[float | None] = [None, None]
    f1 = None
    if by_document:
        table = np.array([(ratios.precision, ratios.recall) for ratios in by_document])
        mean, deviation = table.mean(axis=0).tolist(), table.std(axis=0).tolist()
        precision, recall = table.mean(axis=0).tolist()
        total = precision + recall
        f1 = 2 * precision * recall / total if total else 0.0
    yield {
        "name": name,
        "average": "macro",
        "Precision": mean[0],
        "Recall": mean[1],
        "F1": f1,
        "Precision SD": deviation[0],
        "Recall SD": deviation[1],
    }
