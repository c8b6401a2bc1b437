"""Practices: what projects do to their data before they run a scorer, because it changes numbers.

    drop-empty       documents and sentences without gold items are removed, and with them the
                     predictions in them, which cannot be wrong any more
    drop-unaligned   entities that do not begin and end at the borders of words are removed from
                     both sides, as tools do that turn offsets into tags of words

A unit is a sentence where the input is tags, and a document otherwise. The words are those of the
tags, or of the text as evalkit divides it. Predictions that are not in the text have no borders and
are kept.

Each is a scorer of its own, which prints evalkit's numbers after it, and one of the `practices=` of
every scorer. (Sources: the issues m2e2#27 of limanling and spaCy#12811.)
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from evalkit.analysis.scorer_rules import (
    SIDES,
    ScorerDocument,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
    keep_items,
)
from evalkit.data import text
from evalkit.errors import InputError, UnknownNameError, spell_option

Practice = tuple[str, ScorerRule]


def build_rules(*, practice: str) -> ScorerRules:
    """The rules of a practice as a scorer."""
    rules = [PRACTICES[practice]]
    return ScorerRules((ScorerMeasure("strict", "entities/strict", rules),), report_rows)


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """Evalkit's row over all labels."""
    rows = []
    for name, state in states.items():
        numbers = state.numbers()
        rows.append(
            {
                "name": name,
                "precision": numbers.precision,
                "recall": numbers.recall,
                "f1": numbers.f1,
                "gold": len(state.gold),
                "predicted": len(state.predicted),
            }
        )
    return rows


def build_practices(names: str | Iterable[str], layer: str) -> list[Practice]:
    """The rules of some practices, as a list or as a string such as "drop-empty+drop-unaligned", in
    the order in which they are applied.

    Raises UnknownNameError for an unknown one, and InputError for one that the layer does not have.
    """
    if isinstance(names, str):
        names = [name for name in re.split(r"[\s,+]+", names) if name]
    chosen = list(names)
    for name in chosen:
        if name not in PRACTICES:
            raise UnknownNameError("practice", name, PRACTICES)
        if name == "drop-unaligned" and layer != "entities":
            raise InputError(
                f"{spell_option('practices', name, of='scorer')}: the scorer compares {layer},"
                " which have no borders of their own: expected a scorer of entities"
            )
    return [(name, rule) for name, rule in PRACTICES.items() if name in chosen]


def drop_unaligned(state: ScorerState) -> ScorerState:
    """Removes the items that begin or end within a word."""
    borders: dict[int, tuple[set[int], set[int]]] = {}

    def is_aligned(item: ScorerItem) -> bool:
        if item.start is None:
            return True
        if item.document not in borders:
            document = state.documents[item.document]
            tokens = document.tokens or text.tokens(document.text)
            borders[item.document] = {start for start, _ in tokens}, {end for _, end in tokens}
        starts, ends = borders[item.document]
        return item.start in starts and item.end in ends

    return keep_items(state, is_aligned)


def drop_empty(state: ScorerState) -> ScorerState:
    """Removes the documents without gold items, and of tagged ones the sentences."""
    if any(document.gold_tags is not None for document in state.documents):
        return _drop_empty_sequences(state)
    kept = sorted({item.document for item in state.gold})
    return _select(state, kept, [state.documents[number] for number in kept])


def _select(
    state: ScorerState, kept: Sequence[int], documents: Sequence[ScorerDocument]
) -> ScorerState:
    """The state of some documents, which take the place of those with the numbers `kept`."""
    new_number = {number: index for index, number in enumerate(kept)}
    items = {}
    for side in SIDES:
        items[side] = tuple(
            item._replace(document=new_number[item.document])
            for item in state.items(side)
            if item.document in new_number
        )
    details = dict(state.details)
    if "inputs" in details:
        details["inputs"] = details["inputs"].select(kept)
    return replace(
        state,
        documents=documents,
        gold=items["gold"],
        predicted=items["predicted"],
        details=details,
    )


def _drop_empty_sequences(state: ScorerState) -> ScorerState:
    gold_starts: dict[int, set[int | None]] = defaultdict(set)
    for item in state.gold:
        gold_starts[item.document].add(item.start)
    kept = sorted(gold_starts)
    documents = [_keep_sequences(state.documents[number], gold_starts[number]) for number in kept]
    kept_starts = {
        number: {start for start, _ in document.tokens} for number, document in zip(kept, documents)
    }
    state = keep_items(state, lambda item: item.start in kept_starts.get(item.document, ()))
    return _select(state, kept, documents)


def _keep_sequences(document: ScorerDocument, gold_starts: set[int | None]) -> ScorerDocument:
    """The document with the sequences in which a gold item starts."""
    words: list[int] = []
    starts = []
    for first, end in pairwise([*document.sequences, len(document.tokens)]):
        if any(document.tokens[word][0] in gold_starts for word in range(first, end)):
            starts.append(len(words))
            words += range(first, end)
    tags = {}
    for side in SIDES:
        own = document.tags(side) or ()
        tags[side] = [own[word] for word in words]
    return replace(
        document,
        tokens=[document.tokens[word] for word in words],
        sequences=starts,
        gold_tags=tags["gold"],
        predicted_tags=tags["predicted"],
    )


PRACTICES = {
    "drop-unaligned": ScorerRule(
        "drop",
        "drop-unaligned: removes entities that do not begin and end at the borders of words",
        drop_unaligned,
    ),
    "drop-empty": ScorerRule(
        "drop", "drop-empty: removes documents and sentences without gold items", drop_empty
    ),
}
