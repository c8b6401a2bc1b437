"""The groups of `attached-attributions`: paired attributions of both sides are one group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evalkit.data.document import Document
from evalkit.data.duplicates import repeated_annotations
from evalkit.errors import InputError, quoted_repr
from evalkit.scoring.attribution_pairing import pair_attributions
from evalkit.scoring.columns import ItemArrays, SharedEncoding


def join_groups(
    gold_documents: Sequence[Document],
    predicted_documents: Sequence[Document],
    predicted: ItemArrays,
    coding: SharedEncoding,
) -> ItemArrays:
    """The predicted items of paired attributions in the group of the gold attribution; every other
    attribution is a group of its own. Duplicates are not paired.
    """
    codes = coding.heads
    group_of_predicted = np.arange(len(codes), 2 * len(codes), dtype=np.int64)
    for gold, document in zip(gold_documents, predicted_documents):
        if not gold.attributions or not document.attributions:
            continue
        repeats = repeated_annotations(document.attributions)
        candidates = [index for index, is_repeat in enumerate(repeats) if not is_repeat]
        try:
            pairs = pair_attributions(
                gold.attributions, [document.attributions[index] for index in candidates]
            )
        except InputError as error:
            raise InputError(f"document {quoted_repr(gold.id)}: {error}") from None
        for gold_index, candidate in pairs:
            code = codes[gold.id, candidates[candidate]]
            group_of_predicted[code] = codes[gold.id, gold_index]
    return replace(predicted, head=group_of_predicted[predicted.head])
