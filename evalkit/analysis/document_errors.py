"""A document of both sides with all items of some layers, for reports that show whole documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from evalkit.analysis.error_items import ErrorBlock, ErrorItem


class ScoredPassage(NamedTuple):
    """A part of a text that is scored. zone: its zone; None outside of zones."""

    start: int
    end: int
    zone: str | None


class DocumentErrors(NamedTuple):
    """A document. items: a layer to its items in the order of the text, correct ones too, without
    context. passages: the parts of the text in which the first of the layers is scored.
    """

    gold: Any
    predicted: Any
    items: Mapping[str, Sequence[ErrorItem]]
    passages: Sequence[ScoredPassage]


def scored_passages(source: ErrorBlock) -> dict[str, list[ScoredPassage]]:
    """The scored parts of the text of each document of a block; adjacent parts of one zone are
    joined.
    """
    layout = source.block.layout
    shifts: dict[str, int] = {}
    lengths: dict[str, int] = {}
    position = 0
    for id, length in zip(source.ids, source.lengths, strict=True):
        shifts[id], lengths[id] = position, length
        position += length + 1
    passages: dict[str, list[ScoredPassage]] = {id: [] for id in source.ids}
    columns = (layout.start, layout.end, layout.unit, layout.scored)
    for start, end, number, is_scored in zip(*(column.tolist() for column in columns)):
        unit = layout.units[number]
        first = start - shifts[unit.document]
        last = min(end - shifts[unit.document], lengths[unit.document])
        if not is_scored or first >= last:
            continue
        known = passages[unit.document]
        if known and known[-1].end == first and known[-1].zone == unit.zone:
            first = known.pop().start
        known.append(ScoredPassage(first, last, unit.zone))
    return passages
