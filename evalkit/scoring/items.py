"""The items of a layer: what is compared, with a label, a span and, in some layers, a group."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from evalkit.data.document import Fragments

# A layer of label maps to what has .get(label, label); see label_maps.LabelMapper.
Maps = Mapping[str, Any]


@dataclass(frozen=True)
class Items:
    """The items of a block of documents, document after document.

    counts: the number of items of each document. labels: None where a label map drops the item.
    spans: objects with start, end and fragments. groups: what items must share to match; None if
    all are in one group. dropped: the number of labels that a label map drops. empty: the number of
    items whose string is empty, which have no label. without_trigger: the number of events that are
    no items because they have no trigger.
    """

    counts: list[int]
    labels: list[Any]
    spans: list[Any]
    groups: list[Hashable] | None = field(default=None)
    dropped: int = 0
    empty: int = 0
    without_trigger: int = 0


class SyntheticSpan(NamedTuple):
    """A span that is no annotation: a token, or all parts of an attribution or relation together.

    parts: the ranges of each part, which are compared one by one.
    """

    start: int
    end: int
    fragments: Fragments = ()
    parts: tuple[Fragments | None, ...] = ()


NO_SPAN = SyntheticSpan(0, 0)  # of a string without offsets


def build_items(
    triples_by_document: Sequence[Sequence[tuple[Any, Any, Hashable]]], *, has_groups: bool = True
) -> Items:
    """Items from the (label, span, group) triples of each document."""
    triples = list(chain.from_iterable(triples_by_document))
    labels = [label for label, _, _ in triples]
    return Items(
        counts=list(map(len, triples_by_document)),
        labels=labels,
        spans=[span for _, span, _ in triples],
        groups=[group for _, _, group in triples] if has_groups else None,
        dropped=labels.count(None),
    )


def map_label(maps: Maps, layer: str, label: Any) -> Any:
    """The label after the map of a layer, if it has one; None if the map drops it."""
    return maps[layer].get(label, label) if layer in maps else label
