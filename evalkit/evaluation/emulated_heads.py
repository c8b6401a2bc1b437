"""The heads of arguments, for the practice head-words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from evalkit.analysis.scorer_rules import SIDES
from evalkit.data.document import Fragments
from evalkit.evaluation.emulated_inputs import EmulatedInputs
from evalkit.scoring.parsed_heads import read_heads

HeadsOfSide = Callable[[str], Mapping[int, Fragments]]


def open_heads(inputs: EmulatedInputs, source: str | None) -> HeadsOfSide:
    """A function that returns the head of each argument of a side that has one, by the number of
    its item. They are read when they are needed for the first time.

    source: of heads that are not annotated, as of `score`; None for no other.
    """

    @cache
    def read_both() -> dict[str, dict[int, Fragments]]:
        gold, predicted = inputs.gold, inputs.predicted
        if gold is None or predicted is None:  # tags have no arguments
            return {side: {} for side in SIDES}
        all_documents = list(gold)
        annotated = [all_documents[number] for number in inputs.list_annotated("arguments")]
        documents = [document for document in annotated if document.id in predicted]
        ids = {document.id for document in documents}
        flat = read_heads([documents, [predicted[document.id] for document in documents]], source)
        heads: dict[str, dict[int, Fragments]] = {}
        for side, of_side in zip(SIDES, flat):
            sources = [
                item.source
                for item in inputs.items(side, "arguments")
                if item.owner is not None and inputs.documents[item.document].id in ids
            ]
            heads[side] = {
                number: head
                for number, head in zip(sources, of_side, strict=True)
                if number is not None and head is not None
            }
        return heads

    return lambda side: read_both()[side]


def count_headless(inputs: EmulatedInputs, heads: HeadsOfSide) -> int:
    """The number of arguments of both sides that have no head."""
    headless = 0
    for side in SIDES:
        arguments = [item for item in inputs.items(side, "arguments") if item.owner is not None]
        headless += len(arguments) - len(heads(side))
    return headless
