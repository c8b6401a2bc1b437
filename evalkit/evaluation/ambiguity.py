"""Measures how much F1 could change if ambiguous quotes stood elsewhere in the text.

A model that quotes words which occur several times in the text, without saying which occurrence it
means, is given one of the places (see models/grounding.py). The other places are kept in `meta` of
the prediction: {"grounding": {"choices": [[layer, index, field, ranges], …]}}, where layer, index
and field name a span as `iter_spans` does. From these a report gives F1 for the best and the worst
placement of all ambiguous annotations.

best    as many annotations as possible stand on a gold span of their own with their label (a
        maximum bipartite matching)
worst   each stands where gold has no span with its label, if there is such a place

Both are defined by the scheme `strict` and reported for strict metrics only: what is best under an
overlap is another placement. Only places in the zone of the chosen place are considered, so that no
placement moves an annotation out of what is scored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace

from evalkit.corpus import Corpus, load_corpus
from evalkit.data.document import Document, iter_spans, span_fragments
from evalkit.evaluation.document_counter import DocumentCounter, ScoringTask
from evalkit.files import open_input
from evalkit.results.metadata import Ambiguity
from evalkit.scoring.cells import TP
from evalkit.scoring.layers import get_layer
from evalkit.scoring.metrics import Metric

LabeledSpan = tuple[str, str, int, int]  # field, label, start, end
PlacedSpan = tuple[str, int, str, tuple[tuple[int, int], ...]]  # layer, index, field, ranges
_LAYERS = {
    "entities": ("entities",),
    "trigger": ("triggers",),
    "arguments": ("arguments",),
    "attributions": ("attributions",),
}
_MARKER = b'"choices":[['
_SEARCHED_BYTES = 1 << 20  # of a file at once


class _Grounding(msgspec.Struct):
    """The part of a prediction's `meta` that is read."""

    choices: list[PlacedSpan] = []


class AmbiguousSpan(NamedTuple):
    """A span of a prediction that may stand in several places.

    key: the field without indices, and the label. ranges: the places.
    """

    layer: str
    nth: int
    field: str
    key: tuple[str, str]
    ranges: tuple[tuple[int, int], ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers of metrics in which the span is an item."""
        return _LAYERS[self.layer if self.layer != "events" else self.key[0]]


def measure_ambiguity(task: ScoringTask, scored: Iterable[str]) -> dict[str, Ambiguity]:
    """For each strict metric with ambiguous annotations: how many there are, and by how much the
    worst and the best placement change tp.

    scored: the metrics of the result. Empty if no annotation is ambiguous.
    """
    predicted = _load_ambiguous_predictions(task.inputs.predicted)
    if predicted is None:
        return {}
    annotations: Counter[str] = Counter()
    for document in predicted:
        for span in ambiguous_spans(document):
            annotations.update(span.layers)
    gold = _select_gold(task, predicted)
    metrics = []
    for metric in map(Metric.parse, scored):
        layer = get_layer(metric.layer).document_layer
        is_annotated = any(getattr(document, layer) is not None for document in gold)
        if metric.scheme == "strict" and annotations[metric.layer] and is_annotated:
            metrics.append(metric)
    if not metrics:
        return {}
    maps = (task.mapping.gold, task.mapping.predicted)
    chosen, worst, best = [], [], []
    for document in predicted:
        worst_placed, best_placed = best_and_worst_placements(gold[document.id], document, maps)
        chosen.append(replace(document, meta=None))
        worst.append(worst_placed)
        best.append(best_placed)
    tp = _true_positives(task, metrics, gold, chosen)
    tp_worst = _true_positives(task, metrics, gold, worst)
    tp_best = _true_positives(task, metrics, gold, best)
    ambiguity = {}
    for name in map(str, metrics):
        changes = (tp_worst[name] - tp[name], tp_best[name] - tp[name])
        ambiguity[name] = Ambiguity(
            annotations=annotations[Metric.parse(name).layer],
            worst=min(0.0, *changes),
            best=max(0.0, *changes),
        )
    return ambiguity


def _load_ambiguous_predictions(predicted: Corpus | Path | Any) -> Corpus | None:
    """The predictions with ambiguous annotations; None if there are none."""
    if isinstance(predicted, Path) and may_be_ambiguous(predicted):
        predicted = load_corpus(predicted, predictions=True)
    if not isinstance(predicted, Corpus):
        return None
    # Most documents have no meta, and are not visited further.
    with_meta = [document for document in predicted if document.meta]
    if not with_meta:
        return None
    ambiguous = predicted.filter(lambda document: bool(ambiguous_spans(document)))
    return ambiguous if len(ambiguous) else None


def _select_gold(task: ScoringTask, predicted: Corpus) -> Corpus:
    """The gold documents of some predictions, in their order."""
    gold = task.inputs.gold
    if not isinstance(gold, Corpus):
        gold = load_corpus(str(gold))
    documents = [gold[document.id] for document in predicted]
    return Corpus(documents, gold.name, task.inputs.schema)


def _true_positives(
    task: ScoringTask, metrics: Sequence[Metric], gold: Corpus, predicted: list[Document]
) -> dict[str, float]:
    """The tp of each metric over all labels."""
    inputs = replace_fields(task.inputs, gold=gold, predicted=Corpus(predicted), missing="empty")
    options = replace_fields(task.options, metrics=tuple(metrics))
    part = replace_fields(task, inputs=inputs, options=options)
    counts = DocumentCounter(part).count().counts
    return {each.metric: float(each.totals[:, TP].sum()) for each in counts}


def may_be_ambiguous(path: Path) -> bool:
    """Whether a file of predictions may hold ambiguous annotations, without decoding its lines."""
    end_of_last = b""
    with open_input(path) as file:
        while chunk := file.read(_SEARCHED_BYTES):
            if _MARKER in end_of_last + chunk:
                return True
            end_of_last = chunk[1 - len(_MARKER) :]
    return False


def ambiguous_spans(document: Document) -> list[AmbiguousSpan]:
    """The ambiguous spans of a prediction, as its `meta` lists them. An entry of `meta` that fits
    no annotation is ignored.
    """
    choices = _choices_in(document.meta)
    if not choices:
        return []
    span_of = {(layer, index, field): span for layer, index, field, span in iter_spans(document)}
    spans = []
    for layer, index, field, ranges in choices:
        span = span_of.get((layer, index, field))
        if span is not None and (span.start, span.end) in ranges:
            key = (_part(field), _label(document, layer, index, field))
            spans.append(AmbiguousSpan(layer, index, field, key, ranges))
    return spans


def _choices_in(meta: Mapping[str, Any] | None) -> list[PlacedSpan]:
    """The ambiguous spans that `meta` lists. `grounding` of another form is a user's own, and lists
    none.
    """
    grounding = (meta or {}).get("grounding")
    if not isinstance(grounding, Mapping):
        return []
    try:
        return msgspec.convert(grounding, _Grounding).choices
    except msgspec.ValidationError:
        return []


def best_and_worst_placements(
    gold: Document, predicted: Document, maps: Sequence[Mapping[str, Any]] = ({}, {})
) -> tuple[Document, Document]:
    """The prediction with its ambiguous spans where they score worst, and where they score best.
    maps: the label maps of both sides.
    """
    choices = _keep_zone(ambiguous_spans(predicted), gold, predicted)
    free_gold = Counter(_iter_labeled_spans(gold, maps[0]))
    ambiguous = {(choice.layer, choice.nth, choice.field) for choice in choices}
    # A gold span that an unambiguous annotation stands on is not free.
    free_gold.subtract(_iter_labeled_spans(predicted, maps[1], exclude=ambiguous))
    worst = _apply_placements(predicted, _worst_placement(choices, free_gold, maps[1]))
    best = _apply_placements(predicted, _best_placement(choices, free_gold, maps[1]))
    return worst, best


def _worst_placement(
    choices: Sequence[AmbiguousSpan], free_gold: Mapping[LabeledSpan, int], maps: Mapping[str, Any]
) -> dict[AmbiguousSpan, tuple[int, int]]:
    placement = {}
    for choice in choices:
        placement[choice] = choice.ranges[-1]
        for place in choice.ranges:
            if free_gold.get(_labeled_span(choice, place, maps), 0) <= 0:
                placement[choice] = place
                break
    return placement


def _keep_zone(
    choices: Sequence[AmbiguousSpan], gold: Document, predicted: Document
) -> list[AmbiguousSpan]:
    """The choices, each with the places that lie in the same zones as the chosen place."""
    if not gold.zones:
        return list(choices)
    span_of = {(layer, index, field): span for layer, index, field, span in iter_spans(predicted)}
    kept = []
    for choice in choices:
        chosen = span_of[choice.layer, choice.nth, choice.field]
        zones = _zones_at(chosen.start, chosen.end, gold)
        ranges = tuple(place for place in choice.ranges if _zones_at(*place, gold) == zones)
        kept.append(choice._replace(ranges=ranges))
    return kept


def _zones_at(start: int, end: int, document: Document) -> set[str]:
    return {zone.label for zone in document.zones if zone.start < end and start < zone.end}


def _best_placement(
    choices: Sequence[AmbiguousSpan], free_gold: Mapping[LabeledSpan, int], maps: Mapping[str, Any]
) -> dict[AmbiguousSpan, tuple[int, int]]:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    columns_of: dict[LabeledSpan, list[int]] = {}
    column_count = 0
    for span, count in free_gold.items():
        if count > 0:
            columns_of[span] = list(range(column_count, column_count + count))
            column_count += count
    place_at: dict[tuple[int, int], tuple[int, int]] = {}  # (row, column) to a place
    for row, choice in enumerate(choices):
        for place in choice.ranges:
            for column in columns_of.get(_labeled_span(choice, place, maps), ()):
                place_at[row, column] = place
    if not place_at:
        return {}
    rows, columns = zip(*place_at, strict=True)
    graph = csr_array(
        (np.ones(len(place_at), np.int8), (rows, columns)), shape=(len(choices), column_count)
    )
    column_of_row = maximum_bipartite_matching(graph, perm_type="column")
    return {
        choices[row]: place
        for (row, column), place in place_at.items()
        if column_of_row[row] == column
    }


def _iter_labeled_spans(
    document: Document,
    maps: Mapping[str, Any],
    exclude: AbstractSet[tuple[str, int, str]] = frozenset(),
) -> Iterator[LabeledSpan]:
    for layer, index, field, span in iter_spans(document):
        if (
            layer != "zones"
            and not field.endswith(".head")
            and (layer, index, field) not in exclude
            and len(span_fragments(span)) == 1
        ):
            part = _part(field)
            yield (
                part,
                _map_label(layer, part, _label(document, layer, index, field), maps),
                span.start,
                span.end,
            )


def _labeled_span(
    choice: AmbiguousSpan, place: tuple[int, int], maps: Mapping[str, Any]
) -> LabeledSpan:
    part, label = choice.key
    return part, _map_label(choice.layer, part, label, maps), *place


def _part(field: str) -> str:
    return field.partition("[")[0]


def _label(document: Document, layer: str, index: int, field: str) -> str:
    mark = getattr(document, layer)[index]
    if layer == "attributions":
        return ""
    if field.startswith("arguments["):
        return f"{mark.label} {mark.arguments[int(field[10:-1])].role}"
    return str(mark.label)


def _map_label(layer: str, part: str, label: str, maps: Mapping[str, Any]) -> str:
    if layer == "entities":
        return str(maps.get("entities", {}).get(label, label))
    kind, _, role = label.partition(" ") if part == "arguments" else (label, "", "")
    kind, role = maps.get("triggers", {}).get(kind, kind), maps.get("arguments", {}).get(role, role)
    return f"{kind} {role}"


def _apply_placements(document: Document, to: Mapping[AmbiguousSpan, tuple[int, int]]) -> Document:
    """The document with ambiguous spans at other places."""
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
        argument = replace(mark.arguments[n], start=start, end=end, head=None)
        return replace(mark, arguments=(*mark.arguments[:n], argument, *mark.arguments[n + 1 :]))
    return replace(mark, **{field: replace(getattr(mark, field), start=start, end=end)})
