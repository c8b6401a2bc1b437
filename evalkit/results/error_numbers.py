"""The numbers behind the tables of errors: by label and kind, and the labels that are confused; and
what the kinds mean, in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evalkit.analysis.breakdowns import Bucket
from evalkit.analysis.error_counts import ErrorCounts, Gain
from evalkit.analysis.error_kinds import ALL_KINDS
from evalkit.results.wording import pluralize

# Kinds of pairs with the same span
SAME_SPAN_KINDS = ("correct", "label", "event", "role", "attachment", "argument label")
# Kinds of items that are in no pair, and cost half as much as a pair
UNPAIRED_KINDS = ("missed", "spurious", "duplicate", "unplaced")

MEANINGS = {
    "label": "right span, wrong label",
    "boundary": "right label, wrong span that overlaps",
    "label+boundary": "overlaps, wrong label and span",
    "missed": "gold item without a prediction",
    "spurious": "prediction without a gold item",
    "duplicate": "prediction repeated in full",
    "unplaced": "prediction that is not in the text",
    "event": "right role and span, wrong event type or trigger",
    "role": "right span, wrong role",
    "span": "right role, wrong span that overlaps",
    "role+span": "overlaps, wrong role and span",
    "attachment": "right role and span, at another event",
    "wrong place": "no character of the gold part",
    "missed event": "gold event without a prediction",
    "argument label": "right label and spans, wrong label of an argument",
    "direction": "head and tail are exchanged",
    "argument span": "right label, wrong span of an argument that overlaps",
}
# Of relations, where the words above do not fit
RELATION_MEANINGS = {"label": "right arguments, wrong label"}
DETAIL_MEANINGS = {
    "too short": "a part of the gold span",
    "too long": "contains the gold span",
    "shifted": "overlaps the gold span",
    "merged": "under a prediction for another item",
    "split": "part of an item predicted in pieces",
    "nested": "in or around an item with its own pair",
    "failed document": "the model failed on the document",
    "missing document": "the document has no prediction",
    "label": "wrong event type",
    "boundary": "wrong trigger",
    "label+boundary": "wrong event type and trigger",
    "wrong event": "the event is wrong, too",
    "missed event": "gold's event is missed, too",
    "with its event": "the event is missed or spurious, too",
    "with its attribution": "the attribution is missed or spurious, too",
    "head": "of the head",
    "tail": "of the tail",
    "head and tail": "of both arguments",
    "with its arguments": "an argument is missed or spurious, too",
    "attached elsewhere": "the part of another attribution",
}
NEED_MEANINGS = {**MEANINGS, "event": "event type and trigger of gold"}


def name_gain(gain: Gain) -> str:
    """The kind of a gain, with its detail in brackets."""
    return gain.kind if gain.detail is None else f"{gain.kind} ({gain.detail})"


def explain_gain(gain: Gain, layer: str) -> str:
    """What the kind or the detail of a gain means in a layer; empty where its name says it."""
    if gain.detail is not None:
        return DETAIL_MEANINGS.get(gain.detail, "")
    return explain_kind(gain.kind, layer)


def explain_kind(kind: str, layer: str) -> str:
    """What a kind of error means in a layer; empty for an unknown one."""
    if layer == "relations" and kind in RELATION_MEANINGS:
        return RELATION_MEANINGS[kind]
    return MEANINGS.get(kind, "")


def describe_approximation(counts: ErrorCounts) -> str:
    """What is approximate in some counts, in a sentence; empty if nothing is."""
    if not counts.approximate:
        return ""
    if counts.layer == "relations" or counts.layer.startswith("attached-"):
        return (
            f"{pluralize(counts.approximate, 'pair')} among too many possible ones: kinds, details"
            " and examples may differ from the best pairing"
        )
    return (
        f"{pluralize(counts.approximate, 'pair')} among more than 32 overlapping items: the numbers"
        " of kinds are exact, details and examples may differ from the best pairing"
    )


class LabelErrors(NamedTuple):
    """How many errors of each kind a label has, and the share of F1 that they cost."""

    label: str
    numbers: tuple[int, ...]
    loss: float


def rank_labels(counts: ErrorCounts) -> tuple[tuple[str, ...], list[LabelErrors]]:
    """The kinds of error that occur, and their numbers in each label with errors, the most costly
    label first.
    """
    total = counts.gold + counts.predicted
    table = counts.by_label
    codes = [code for code in range(1, len(ALL_KINDS)) if table[:, code].any()]
    weights = np.array([1 if kind in UNPAIRED_KINDS else 2 for kind in ALL_KINDS], np.int64)
    weights[0] = 0
    lost = table @ weights
    order = sorted(np.flatnonzero(lost).tolist(), key=lambda row: (-lost[row], counts.labels[row]))
    ranked = [
        LabelErrors(counts.labels[row], tuple(table[row, codes].tolist()), float(lost[row] / total))
        for row in order
    ]
    return tuple(ALL_KINDS[code] for code in codes), ranked


class ConfusedLabels(NamedTuple):
    """How often gold has one label and the prediction another, in all pairs and in those with the
    same span.
    """

    gold: str
    predicted: str
    n: int
    same_span: int


def rank_confusions(counts: ErrorCounts) -> list[ConfusedLabels]:
    """The pairs of different labels, the most frequent first."""
    sums: dict[tuple[str, str], list[int]] = {}
    for (gold, predicted, kind), n in counts.pairs.items():
        if gold != predicted:
            pair = sums.setdefault((gold, predicted), [0, 0])
            pair[0] += n
            if kind in SAME_SPAN_KINDS:
                pair[1] += n
    pairs = [ConfusedLabels(*labels, n, same) for labels, (n, same) in sums.items()]
    return sorted(pairs, key=lambda pair: (-pair.n, pair.gold, pair.predicted))


def has_gold(buckets: Sequence[Bucket]) -> bool:
    """Whether gold items are in any of the buckets: no gold item has a score."""
    return any(bucket.gold for bucket in buckets)


def has_f1(buckets: Sequence[Bucket]) -> bool:
    """Whether any of the buckets has an F1."""
    return any(bucket.f1 is not None for bucket in buckets)
