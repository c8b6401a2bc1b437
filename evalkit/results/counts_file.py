"""Counts and their units as they stand in a result file.

Since schema version 4, columns of numbers:

    documents   the ids of the documents that any unit is of, sorted
    units       a layer to {scored, document, zone, sentence}: the index of each unit's document,
                its zone and its sentence. Left out: `document` where each document is one unit, and
                columns without values
    counts      a metric to {labels, cells_per_unit, label, gold, predicted, …}: the number of cells
                of each unit, the index of each cell's label, and each count. Left out: counts that
                are 0 in all cells

In schema version 3 units were lists [document, zone, sentence], and counts had {labels, columns,
cells}: a list of the index of unit and label and of all counts for each cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from evalkit.errors import InputError, quoted_repr
from evalkit.scoring.cells import COUNTS
from evalkit.scoring.columns import Ints
from evalkit.scoring.counts import Counts
from evalkit.scoring.zones import CountUnit

FORMER_COLUMNS = ("unit", "label", *COUNTS)
Number = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


class UnitsRead(msgspec.Struct):
    """The units of a layer."""

    scored: int
    document: list[Number] | None = None
    zone: list[str | None] | None = None
    sentence: list[int | None] | None = None

    def decode(self, layer: str, documents: Sequence[str]) -> tuple[CountUnit, ...]:
        """The units. Raises InputError for columns that do not fit together."""
        indices = range(len(documents)) if self.document is None else self.document
        for column in (self.zone, self.sentence):
            if column is not None and len(column) != len(indices):
                raise InputError(
                    f"units: {layer}: {len(column)} values in a column, expected {len(indices)}"
                )
        if self.document and max(self.document) >= len(documents):
            raise InputError(f"units: {layer}: a document that is not listed")
        zones = self.zone or [None] * len(indices)
        sentences = self.sentence or [None] * len(indices)
        ids = [documents[index] for index in indices]
        return tuple(map(CountUnit, ids, zones, sentences))


class CountsRead(msgspec.Struct):
    """The counts of a metric."""

    labels: list[str]
    cells_per_unit: list[Number]
    label: list[Number]
    gold: list[Number] | None = None
    predicted: list[Number] | None = None
    found: list[Number] | None = None
    found_half: list[Number] | None = None
    tp: list[Number] | None = None
    tp_half: list[Number] | None = None
    wrong_gold: list[Number] | None = None
    wrong_predicted: list[Number] | None = None

    def decode(self, metric: str, units: int) -> Ints:
        """A column for each cell: unit, label, *COUNTS. Raises InputError for columns that do not
        fit together.
        """
        if len(self.cells_per_unit) != units:
            raise InputError(
                f"{metric}: cells_per_unit: {len(self.cells_per_unit)} values, expected {units}"
            )
        unit = np.repeat(np.arange(units), np.array(self.cells_per_unit, np.int64))
        cells = np.zeros((len(FORMER_COLUMNS), len(unit)), np.int64)
        cells[0] = unit
        for n, name in enumerate(FORMER_COLUMNS[1:], start=1):
            column = getattr(self, name)
            if column is None:
                continue
            if len(column) != len(unit):
                raise InputError(f"{metric}: {name}: {len(column)} values, expected {len(unit)}")
            cells[n] = column
        return cells


class FormerUnitsRead(msgspec.Struct):
    """The units of a layer in schema version 3."""

    scored: int
    units: list[tuple[str, str | None, int | None]]

    def decode(self, _layer: str, _documents: Sequence[str]) -> tuple[CountUnit, ...]:
        """The units."""
        return tuple(CountUnit(*unit) for unit in self.units)


class FormerCountsRead(msgspec.Struct):
    """The counts of a metric in schema version 3."""

    labels: list[str]
    columns: list[str]
    cells: list[list[Number]]

    def decode(self, metric: str, _units: int) -> Ints:
        """A column for each cell: unit, label, *COUNTS. Raises InputError for cells of another
        length.
        """
        if tuple(self.columns) != FORMER_COLUMNS:
            raise InputError(
                f"{metric}: columns {quoted_repr(self.columns)}; this evalkit reads"
                f" {', '.join(FORMER_COLUMNS)}"
            )
        if set(map(len, self.cells)) - {len(FORMER_COLUMNS)}:
            raise InputError(f"{metric}: cells: expected lists of {len(FORMER_COLUMNS)} numbers")
        cells: Ints = np.array(self.cells, np.int64).reshape(-1, len(FORMER_COLUMNS)).T
        return cells


def list_documents(units_of_metrics: Iterable[tuple[CountUnit, ...]]) -> list[str]:
    """The ids of the documents that any unit is of, sorted."""
    ids: set[str] = set()
    for units in {id(units): units for units in units_of_metrics}.values():
        ids.update(unit.document for unit in units)
    return sorted(ids)


def units_to_json(
    units: Sequence[CountUnit], scored: int, index: Mapping[str, int]
) -> dict[str, Any]:
    """Units in columns. scored: the number of resampling units. index: the position of each
    document.
    """
    columns: dict[str, Any] = {"scored": scored}
    documents = [index[unit.document] for unit in units]
    zones = [unit.zone for unit in units]
    sentences = [unit.sentence for unit in units]
    if documents != list(range(len(index))):
        columns["document"] = documents
    if any(zone is not None for zone in zones):
        columns["zone"] = zones
    if any(sentence is not None for sentence in sentences):
        columns["sentence"] = sentences
    return columns


def counts_to_json(counts: Counts) -> dict[str, Any]:
    """Some counts, whose units and cells are sorted, in columns, most of them arrays."""
    columns: dict[str, Any] = {
        "labels": list(counts.labels),
        "cells_per_unit": np.bincount(counts.unit, minlength=len(counts.units)),
        "label": counts.label,
    }
    columns.update((name, values) for name, values in zip(COUNTS, counts.values) if values.any())
    return columns
