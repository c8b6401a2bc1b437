"""The errors of attached arguments and attached attributions in the form of `error_kinds`, and what
arguments need to become correct.

Their items are not paired by span alone, but by their events and attributions; see
`argument_errors` and `attribution_errors`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evalkit.analysis.argument_errors import needs_of
from evalkit.analysis.error_counts import ErrorCounts, Gain
from evalkit.analysis.error_items import ItemOutcome
from evalkit.analysis.error_kinds import (
    ALL_KINDS,
    NONE,
    BlockErrors,
    PairedItems,
    UnpairedItems,
    build_block_errors,
)
from evalkit.data.batch import Vocabulary
from evalkit.scoring.columns import Ints
from evalkit.scoring.counting import Block
from evalkit.stats.intervals import Resampling

# In the order in which they are shown; a missed or spurious item needs itself
NEEDS = ("event", "role", "span", "role+span", "attachment", "missed event")
SINGLE_KINDS = ("missed", "spurious", "unplaced")


def classify_outcomes(
    block: Block,
    outcomes: Sequence[ItemOutcome],
    details: Vocabulary,
    unplaced_reasons: Sequence[str],
    failures: Ints,
) -> BlockErrors:
    """The kind of every item of a block whose outcomes are known; see `classify_block`."""
    pairs = [each for each in outcomes if each.gold is not None and each.predicted is not None]
    missed = [each for each in outcomes if each.predicted is None]
    spurious = [each for each in outcomes if each.gold is None]
    reasons = np.array([details[reason] for reason in unplaced_reasons], np.int64)
    return build_block_errors(
        block,
        PairedItems(
            np.array([each.gold for each in pairs], np.int64),
            np.array([each.predicted for each in pairs], np.int64),
            np.array([ALL_KINDS.index(each.kind) for each in pairs], np.int64),
            np.array([details[each.detail] for each in pairs], np.int64),
            np.array([each.is_approximate for each in pairs], bool),
        ),
        _unpaired_items(missed, "gold", details),
        _unpaired_items(spurious, "predicted", details),
        reasons,
        failures,
    )


def _unpaired_items(
    outcomes: Sequence[ItemOutcome], side: str, details: Vocabulary
) -> UnpairedItems:
    return UnpairedItems(
        np.array([getattr(each, side) for each in outcomes], np.int64),
        np.array([details[each.detail] for each in outcomes], np.int64),
        np.array(
            [NONE if each.partner is None else details[each.partner] for each in outcomes], np.int64
        ),
    )


def gains_by_need(counts: ErrorCounts, resampling: Resampling | None = None) -> list[Gain]:
    """What each need of attached arguments costs.

    n: the pairs or items that have the need. loss: its share of 1 - F1; the loss of a pair is
    divided equally among its needs, so that all losses add up to 1 - F1. gain: F1 if this need
    alone were met, minus F1; a pair with two needs is not correct then.
    """
    total = counts.gold + counts.predicted
    needs_of_cells = {}
    for cell in counts.cells:
        if not cell.is_predicted:
            needs_of_cells[cell] = needs_of(cell.kind, cell.detail)
    gains = []
    for need in NEEDS:
        n, loss = 0, 0.0
        corrected = set()
        for cell, needs in needs_of_cells.items():
            if need not in needs:
                continue
            number = counts.sum_where({cell}.__contains__)
            n += number
            loss += 2 * number / len(needs) / total
            if needs == (need,):
                corrected.add(cell)
        if n:
            gains.append(counts.gain_of_pairs(need, corrected.__contains__, n, loss, resampling))
    for kind in SINGLE_KINDS:
        if counts.count_kind(kind):
            gains.append(counts.gain(kind, resampling=resampling))
    return gains
