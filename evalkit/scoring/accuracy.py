"""Accuracy: of the pairs of items with one span, how many are equal in what a layer compares beside
label and span: the value of an attribute, the id of a link, or a speaker.

Both items of a pair are in the layer, so that entities that were not found do not count. Items are
paired one to one. Where several items have one span, first those that are equal, then those with
one label, then those of other labels that are equal but for their labels, then the rest: of each
as many as possible, those of unequal value in the order of their values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evalkit.scoring.columns import Ints, ItemArrays
from evalkit.scoring.counting import Block
from evalkit.scoring.counts import Accuracy
from evalkit.scoring.matching import Matching, unmatched_rows


def measure_accuracy(block: Block) -> Accuracy:
    """The accuracy of a block of a layer, as its scheme compares it."""
    gold = _swap_label_and_group(block.gold.columns)
    predicted = _swap_label_and_group(block.predicted.columns)
    rank = _rank_values(list(block.coding.heads))
    accuracy = Accuracy(0, 0)
    for same_label in (True, False):
        if not same_label:
            gold, predicted = _remove_groups(gold), _remove_groups(predicted)
        matching = Matching(gold, predicted, rank, block.coding.pieces, block.coding.parts)
        equal = matching.pairs_under("strict", wrong=False).correct
        same_span = matching.pairs_under("exact", wrong=False).correct
        accuracy = accuracy.add(Accuracy(len(equal.gold), len(same_span.gold)))
        gold = gold.take(unmatched_rows(len(gold), same_span.gold))
        predicted = predicted.take(unmatched_rows(len(predicted), same_span.predicted))
    return accuracy


def _swap_label_and_group(items: ItemArrays) -> ItemArrays:
    """The items with their values as labels, in groups of their labels."""
    return replace(items, label=items.head, head=items.label)


def _remove_groups(items: ItemArrays) -> ItemArrays:
    return replace(items, head=np.zeros_like(items.head))


def _rank_values(values: Sequence[Any]) -> Ints:
    """The position of each value in the sorted values; None comes first."""
    order = sorted(range(len(values)), key=lambda n: (values[n] is not None, values[n] or ""))
    rank = np.empty(len(values), np.int64)
    rank[order] = np.arange(len(values))
    return rank
