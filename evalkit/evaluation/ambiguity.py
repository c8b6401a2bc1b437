"""What if an ambiguous quote stands elsewhere?

Predictions in which every such mark stands where it scores best, and worst.

A model that quotes words which the text has several times, with nothing that says which are meant,
is given one of the places (grounding.py), and the others are kept beside the answer, in `meta`:
{"grounding": {"choices": [[layer, index, field, ranges], …]}}, a mark as `document.placed` names
it. From these the report tells F1 for the best and for the worst choice.

Best, as many marks as can be stand each on a gold span of its own under its label (a maximum
matching); worst, each stands where gold has nothing under its label, if there is such a place. That
is what the scheme `strict` rewards, and it is told for strict metrics alone: what is best under an
overlap is another choice. Where there is one, a place in the zone of the chosen one is taken, so
that no choice moves a mark out of what is scored.
"""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace

from evalkit.data.document import Document, iter_spans, span_fragments

LabelledSpan = tuple[str, str, int, int]  # what is marked, under which label, from where to where
_LAYERS = {
    "entities": ("entities",),
    "trigger": ("triggers",),
    "arguments": ("arguments",),
    "attributions": ("attributions",),
}
_MARKER = b'"choices":[['


class _Grounding(msgspec.Struct):
    """What is read of a prediction's `meta`."""

    choices: list[tuple[str, int, str, tuple[tuple[int, int], ...]]] = []


class AmbiguousSpan(NamedTuple):
    """A mark that may stand in several places."""

    layer: str
    nth: int
    field: str
    key: tuple[str, str]
    ranges: tuple[tuple[int, int], ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers of metrics in which the mark is an item."""
        return _LAYERS[self.layer if self.layer != "events" else self.key[0]]


def may_be_ambiguous(path: Path) -> bool:
    """Whether a file of predictions may hold ambiguous annotations, without decoding its lines."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(_MARKER) >= 0


def ambiguous_spans(document: Document) -> list[AmbiguousSpan]:
    """The ambiguous marks of a prediction; what its `meta` says of marks that are not there is
    passed over.
    """
    told = _told(document.meta)
    if not told:
        return []
    there = {(layer, index, field): span for layer, index, field, span in iter_spans(document)}
    found = []
    for layer, index, field, places in told:
        span = there.get((layer, index, field))
        if span is not None and (span.start, span.end) in places:
            found.append(
                AmbiguousSpan(
                    layer,
                    index,
                    field,
                    (_part(field), _label(document, layer, index, field)),
                    places,
                )
            )
    return found


def _told(
    meta: Mapping[str, Any] | None,
) -> list[tuple[str, int, str, tuple[tuple[int, int], ...]]]:
    """What `meta` says of ambiguous marks; what is not written as grounding writes it is another
    thing, and says nothing of them.
    """
    grounding = (meta or {}).get("grounding")
    try:
        return (
            msgspec.convert(grounding, _Grounding).choices if isinstance(grounding, Mapping) else []
        )
    except msgspec.ValidationError:
        return []


def best_and_worst_placements(
    gold: Document, predicted: Document, maps: Sequence[Mapping[str, Any]] = ({}, {})
) -> tuple[Document, Document]:
    """The prediction with its ambiguous marks where they score worst, and where they score best.
    maps: the label maps of both sides.
    """
    choices = _by_zone(ambiguous_spans(predicted), gold, predicted)
    golden = Counter(_places(gold, maps[0]))
    chosen = {(c.layer, c.nth, c.field) for c in choices}
    golden.subtract(
        _places(predicted, maps[1], exclude=chosen)
    )  # what a certain mark stands on is not to be had
    return _apply_placements(predicted, _worst(choices, golden, maps[1])), _apply_placements(
        predicted, _best(choices, golden, maps[1])
    )


def _worst(
    choices: Sequence[AmbiguousSpan], golden: Mapping[LabelledSpan, int], maps: Mapping[str, Any]
) -> dict[AmbiguousSpan, tuple[int, int]]:
    return {
        c: next(
            (place for place in c.ranges if golden.get(_at(c, place, maps), 0) <= 0), c.ranges[-1]
        )
        for c in choices
    }


def _by_zone(
    choices: Sequence[AmbiguousSpan], gold: Document, predicted: Document
) -> list[AmbiguousSpan]:
    """The choices, each with the places in the zone of the chosen one alone; all of its places
    where it lies in none.
    """
    if not gold.zones:
        return list(choices)
    there = {(layer, index, field): span for layer, index, field, span in iter_spans(predicted)}
    return [
        c._replace(ranges=_in_zone(c.ranges, there[c.layer, c.nth, c.field], gold)) for c in choices
    ]


def _in_zone(
    places: tuple[tuple[int, int], ...], chosen: Any, gold: Document
) -> tuple[tuple[int, int], ...]:
    def zone(start: int, end: int) -> set[str]:
        return {z.label for z in gold.zones if z.start < end and start < z.end}

    own = zone(chosen.start, chosen.end)
    return tuple(place for place in places if zone(*place) == own)


def _best(
    choices: Sequence[AmbiguousSpan], golden: Mapping[LabelledSpan, int], maps: Mapping[str, Any]
) -> dict[AmbiguousSpan, tuple[int, int]]:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    spots = [place for place, number in golden.items() for _ in range(number)]
    columns: dict[LabelledSpan, list[int]] = {}
    for n, place in enumerate(spots):
        columns.setdefault(place, []).append(n)
    edges = [
        (row, n, place)
        for row, c in enumerate(choices)
        for place in c.ranges
        for n in columns.get(_at(c, place, maps), ())
    ]
    if not edges:
        return {}
    rows, to, _ = zip(*edges, strict=True)
    graph = csr_array((np.ones(len(edges), np.int8), (rows, to)), shape=(len(choices), len(spots)))
    matched = maximum_bipartite_matching(graph, perm_type="column")
    return {choices[row]: place for row, n, place in edges if matched[row] == n}


def _places(
    document: Document,
    maps: Mapping[str, Any],
    exclude: AbstractSet[tuple[str, int, str]] = frozenset(),
) -> Iterator[LabelledSpan]:
    for layer, index, field, span in iter_spans(document):
        if (
            layer != "zones"
            and (layer, index, field) not in exclude
            and len(span_fragments(span)) == 1
        ):
            part = _part(field)
            yield (
                part,
                _mapped(layer, part, _label(document, layer, index, field), maps),
                span.start,
                span.end,
            )


def _at(choice: AmbiguousSpan, place: tuple[int, int], maps: Mapping[str, Any]) -> LabelledSpan:
    part, label = choice.key
    return part, _mapped(choice.layer, part, label, maps), *place


def _part(field: str) -> str:
    return field.partition("[")[0]


def _label(document: Document, layer: str, index: int, field: str) -> str:
    mark = getattr(document, layer)[index]
    if layer == "attributions":
        return ""
    if field.startswith("arguments["):
        return f"{mark.label} {mark.arguments[int(field[10:-1])].role}"
    return str(mark.label)


def _mapped(layer: str, part: str, label: str, maps: Mapping[str, Any]) -> str:
    if layer == "entities":
        return str(maps.get("entities", {}).get(label, label))
    kind, _, role = label.partition(" ") if part == "arguments" else (label, "", "")
    kind, role = maps.get("triggers", {}).get(kind, kind), maps.get("arguments", {}).get(role, role)
    return f"{kind} {role}"


def _apply_placements(document: Document, to: Mapping[AmbiguousSpan, tuple[int, int]]) -> Document:
    """The document with marks moved to other places."""
    layers = {
        layer: list(getattr(document, layer) or ()) for layer in {choice.layer for choice in to}
    }
    for choice, (start, end) in to.items():
        mark = layers[choice.layer][choice.nth]
        layers[choice.layer][choice.nth] = _with(mark, choice.field, start, end)
    return replace(document, meta=None, **{layer: tuple(marks) for layer, marks in layers.items()})


def _with(mark: Any, field: str, start: int, end: int) -> Any:
    if not field:
        return replace(mark, start=start, end=end)
    if field.startswith("arguments["):
        n = int(field[10:-1])
        argument = replace(mark.arguments[n], start=start, end=end)
        return replace(mark, arguments=(*mark.arguments[:n], argument, *mark.arguments[n + 1 :]))
    return replace(mark, **{field: replace(getattr(mark, field), start=start, end=end)})
