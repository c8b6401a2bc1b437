"""Which predicted item answers which gold item? Columns in, pairs of rows out.

The score is the largest total credit that one-to-one pairs can have (definitions as in the README). Under strict and exact
a pair needs the same span, so the largest number of pairs under one span is the smaller of the two counts: nothing is
searched. Pairs are deterministic, the same when gold and prediction change places, and free of the order of the input:
under exact, those with equal labels are made first, and what is left is paired in the order of the labels' names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalkit.columns import Columns, Ints, keys
from evalkit.metrics import Scheme


@dataclass(frozen=True)
class Pairs:
    """Rows of gold and of the prediction that answer each other, side by side."""

    gold: Ints
    predicted: Ints


def match(gold: Columns, predicted: Columns, scheme: Scheme, rank: Ints) -> Pairs:
    """The pairs under a scheme. `rank[label]` is the place of a label's name in the order of names."""
    pairs = _equal(gold, predicted, by_label=True)
    if scheme.same_label:
        return pairs
    left = _left(len(gold), pairs.gold), _left(len(predicted), pairs.predicted)
    rest = _by_rank(gold.take(left[0]), predicted.take(left[1]), rank)
    return Pairs(np.concatenate([pairs.gold, left[0][rest.gold]]), np.concatenate([pairs.predicted, left[1][rest.predicted]]))


def _left(n: int, taken: Ints) -> Ints:
    free = np.ones(n, bool)
    free[taken] = False
    return np.flatnonzero(free)


def _equal(gold: Columns, predicted: Columns, *, by_label: bool) -> Pairs:
    """Rows with one span, head and (by_label) label. Each key is there once on a side."""
    return _joined(*_keys(gold, predicted, by_label=by_label))


def _keys(gold: Columns, predicted: Columns, *, by_label: bool) -> tuple[Ints, Ints]:
    """The span and head of each row, and its label where asked, as one number; both sides coded together."""
    names = ("head", "start", "end", "fragments", *(("label",) if by_label else ()))
    both = keys(*(np.concatenate([getattr(gold, name), getattr(predicted, name)]) for name in names))
    return both[: len(gold)], both[len(gold) :]


def _by_rank(gold: Columns, predicted: Columns, rank: Ints) -> Pairs:
    """Rows with one span and head: the first label of the one side with the first of the other, and so on."""
    sides = _keys(gold, predicted, by_label=False)
    nth = [_nth(key, rank[side.label]) for key, side in zip(sides, (gold, predicted), strict=True)]
    both = keys(np.concatenate(sides), np.concatenate(nth))
    return _joined(both[: len(gold)], both[len(gold) :])


def _nth(key: Ints, order: Ints) -> Ints:
    """0 for the row that comes first under its key in the given order, 1 for the second, and so on."""
    sorted_rows = np.lexsort((order, key))
    ordered = key[sorted_rows]
    nth = np.empty_like(key)
    nth[sorted_rows] = np.arange(len(key)) - np.searchsorted(ordered, ordered)
    return nth


def _joined(gold: Ints, predicted: Ints) -> Pairs:
    """Rows whose keys are equal. No key is there twice on a side, so equal neighbours in sorted order are a pair."""
    both = np.concatenate([gold, predicted])
    order = np.argsort(both, kind="stable")
    same = np.flatnonzero(both[order[1:]] == both[order[:-1]])
    return Pairs(order[same].astype(np.int64), order[same + 1].astype(np.int64) - len(gold))
