"""Counts of errors as they stand in a result file.

error_counts   a layer to {labels, units: [document, zone, sentence] each, cells: [side, kind,
               detail] each, counts: [unit, label, cell, n] each, pairs: [gold label, predicted
               label, kind, n] each, pieces, approximate}; see `analysis.error_counts`
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from evalkit.analysis.error_counts import ErrorCell, ErrorCounts
from evalkit.analysis.error_kinds import ALL_KINDS
from evalkit.errors import InputError
from evalkit.scoring.zones import CountUnit

Number = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


class ErrorCountsRead(msgspec.Struct):
    """The counts of errors of a layer."""

    labels: list[str]
    units: list[tuple[str, str | None, int | None]]
    cells: list[tuple[Literal["gold", "predicted"], str, str]]
    counts: list[tuple[Number, Number, Number, Number]]
    pairs: list[tuple[str, str, str, Number]]
    pieces: dict[str, Number] = msgspec.field(default_factory=dict)
    approximate: Number = 0


def error_counts_to_json(counts: ErrorCounts) -> dict[str, Any]:
    """The counts as JSON values, in an order that depends on nothing but the documents."""
    ordered = counts.sort_units()
    columns = np.stack([ordered.unit, ordered.label, ordered.cell, ordered.count]).T
    return {
        "labels": list(ordered.labels),
        "units": [list(unit) for unit in ordered.units],
        "cells": [
            ["predicted" if cell.is_predicted else "gold", cell.kind, cell.detail]
            for cell in ordered.cells
        ],
        "counts": columns.tolist(),
        "pairs": [[*key, n] for key, n in sorted(ordered.pairs.items())],
        "pieces": dict(sorted(ordered.pieces.items())),
        "approximate": ordered.approximate,
    }


def decode_error_counts(layer: str, data: ErrorCountsRead) -> ErrorCounts:
    """The counts of a layer. Raises InputError for counts that do not fit together."""
    columns = np.array(data.counts, np.int64).reshape(-1, 4)
    sizes = (len(data.units), len(data.labels), len(data.cells))
    for column, size in zip(columns.T, sizes):
        if len(column) and column.max() >= size:
            raise InputError(
                f"error_counts: {layer}: a count of a unit, label or cell that is not listed"
            )
    for kind in (*(kind for _, kind, _ in data.cells), *(kind for _, _, kind, _ in data.pairs)):
        if kind not in ALL_KINDS:
            raise InputError(f"error_counts: {layer}: unknown kind of error {kind!r}")
    return ErrorCounts(
        layer=layer,
        labels=tuple(data.labels),
        units=tuple(CountUnit(*unit) for unit in data.units),
        cells=tuple(
            ErrorCell(side == "predicted", kind, detail) for side, kind, detail in data.cells
        ),
        unit=columns[:, 0].copy(),
        label=columns[:, 1].copy(),
        cell=columns[:, 2].copy(),
        count=columns[:, 3].copy(),
        pairs={(gold, predicted, kind): n for gold, predicted, kind, n in data.pairs},
        pieces=dict(data.pieces),
        approximate=data.approximate,
    )
