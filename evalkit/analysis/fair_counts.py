"""Precision, recall and F1 in which each error counts once (Ortmann 2022; Manning 2006).

Under strict, a wrong label or a wrong boundary is a false negative and a false positive, and so
counts twice. Here e = label + boundary + label+boundary + merged + split errors count half on
either side:

    precision = tp/(tp + spurious + e/2)     spurious without split, with duplicate and unplaced
    recall = tp/(tp + missed + e/2)          missed without merged

In the weighted variant (FairEval) a pair that is too short counts ½ tp and ½ fn, one that is too
long ½ tp and ½ fp, a shifted one ½ tp, ¼ fp and ¼ fn, and errors of the label ½ fp and ½ fn; merged
and split items are weighed like a pair with the item that they overlap most.
"""

from __future__ import annotations

from typing import NamedTuple

from evalkit.analysis.error_counts import ErrorCounts


class FairScores(NamedTuple):
    """The ratios, of the weighted variant too; None where they are undefined. errors: e."""

    errors: int
    precision: float | None
    recall: float | None
    f1: float | None
    weighted_precision: float | None
    weighted_recall: float | None
    weighted_f1: float | None


def count_fairly(counts: ErrorCounts) -> FairScores:
    """The ratios of counts of errors."""
    merged, split = counts.count_kind("missed", "merged"), counts.count_kind("spurious", "split")
    label = counts.count_kind("label")
    boundary, both = counts.count_kind("boundary"), counts.count_kind("label+boundary")
    errors = label + boundary + both + merged + split
    spurious = sum(counts.count_kind(kind) for kind in ("spurious", "duplicate", "unplaced"))
    wrong, missed = spurious - split, counts.count_kind("missed") - merged
    plain = _ratios(counts.correct, wrong + errors / 2, missed + errors / 2)

    short, long, shifted = (
        counts.count_kind("boundary", detail) + counts.pieces.get(detail, 0)
        for detail in ("too short", "too long", "shifted")
    )
    labels = label + both + counts.pieces.get("label", 0)
    weighted = _ratios(
        counts.correct + (short + long + shifted) / 2,
        wrong + labels / 2 + long / 2 + shifted / 4,
        missed + labels / 2 + short / 2 + shifted / 4,
    )
    return FairScores(errors, *plain, *weighted)


def _ratios(
    right: float, false_positives: float, false_negatives: float
) -> tuple[float | None, float | None, float | None]:
    """Precision, recall and F1."""
    predicted, gold = right + false_positives, right + false_negatives
    precision = right / predicted if predicted else None
    recall = right / gold if gold else None
    if precision is None or recall is None:
        return precision, recall, None
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0
