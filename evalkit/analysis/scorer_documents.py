"""What scorers share that average over documents, and skip those that one side lacks."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.analysis.scorer_rules import (
    ItemCredits,
    Ratios,
    ScorerRule,
    ScorerState,
    keep_items,
    ratios_with_zero,
)
from evalkit.analysis.scorer_spans import group_by_document

DROP_DOCUMENTS = ScorerRule(
    "drop",
    "leaves out documents that the predictions lack",
    lambda state: keep_items(state, lambda item: state.documents[item.document].is_predicted),
)


def iter_document_ratios(state: ScorerState) -> Iterator[Ratios]:
    """The ratios of each document that both sides have, 0 where nothing divides."""
    credits = state.credits()
    gold = group_by_document(state.gold)
    predicted = group_by_document(state.predicted)
    for number, document in enumerate(state.documents):
        if document.is_predicted:
            yield ratios_with_zero(
                ItemCredits(
                    [credits.gold_credit[position] for position in gold.get(number, ())],
                    [credits.predicted_credit[position] for position in predicted.get(number, ())],
                )
            )
