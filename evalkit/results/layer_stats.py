"""The annotations of a layer, by label: how many there are, how long they are, which surface forms
they have, and which of them overlap, are duplicates or have odd edges.

    share                   of the annotations of the layer
    effective documents     (Σ k_d)² / Σ k_d², where document d has k_d annotations (Kish 1965): as
                            many documents with equally many annotations would say as much
    rare                    fewer than 10 annotations, or all of them in one of several documents
    nested, crossing        see `span_overlaps`
    same span               another annotation with another label has exactly this span
    duplicates              annotations that repeat an earlier one in full (`duplicate_keys`)
    ambiguous               a surface form that has two or more labels

Entities and triggers are compared with those of the same document, arguments with those of the same
event, parts of attributions with equal parts of the document, relations with those between the
same two spans. A part is a duplicate if its attribution is. The surface form of a relation is that
of its head and tail.

A new layer is a line in ANNOTATED_LAYERS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from typing import Any

from evalkit.data.document import (
    ATTRIBUTION_PARTS,
    Document,
    argument_fragments,
    iter_arguments,
    span_fragments,
)
from evalkit.data.duplicate_comparison import (
    argument_key,
    duplicate_keys,
    find_repeats,
    number_named_events,
)
from evalkit.data.schema import Schema
from evalkit.results.length_stats import NO_LENGTHS, LengthStats, summarize_lengths
from evalkit.results.span_overlaps import find_overlaps, have_overlap
from evalkit.results.surface_stats import SurfaceCounts
from evalkit.scoring.layers import LAYERS, span_of_parts

RARE = 10  # annotations; a label with fewer is rare
LabeledSpan = tuple[str, Any]


def _entity_items(document: Document) -> list[list[LabeledSpan]]:
    return [[(entity.label, entity) for entity in document.entities or ()]]


def _trigger_items(document: Document) -> list[list[LabeledSpan]]:
    events = document.events or ()
    return [[(event.label, event.trigger) for event in events if event.trigger is not None]]


def _argument_items(document: Document) -> list[list[LabeledSpan]]:
    groups = []
    for event in document.events or ():
        groups.append([(argument.role, argument) for argument in event.arguments])
    return groups


def _part_items(document: Document) -> list[list[LabeledSpan]]:
    groups = []
    for part in ATTRIBUTION_PARTS:
        spans = [getattr(attribution, part) for attribution in document.attributions or ()]
        groups.append([(part, span) for span in spans if span is not None])
    return groups


def _relation_items(document: Document) -> list[list[LabeledSpan]]:
    groups: dict[Any, list[LabeledSpan]] = {}
    for relation, arguments in zip(document.relations or (), iter_arguments(document)):
        span = span_of_parts(map(argument_fragments, arguments))
        groups.setdefault(span.parts, []).append((relation.label, span))
    return list(groups.values())


def _iter_duplicates(document: Document, layer: str) -> Iterator[Any]:
    """The annotations of a layer that are duplicates of an earlier one."""
    annotations = getattr(document, layer) or ()
    return compress(annotations, find_repeats(duplicate_keys(document, layer)))


def _duplicate_entities(document: Document) -> Iterator[str]:
    for entity in _iter_duplicates(document, "entities"):
        yield entity.label


def _duplicate_events(document: Document) -> Iterator[str]:
    for event in _iter_duplicates(document, "events"):
        if event.trigger is not None:
            yield event.label


def _duplicate_arguments(document: Document) -> Iterator[str]:
    numbers = number_named_events(document.events or ())
    for event in document.events or ():
        keys = [argument_key(argument, numbers) for argument in event.arguments]
        for argument in compress(event.arguments, find_repeats(keys)):
            yield argument.role


def _duplicate_parts(document: Document) -> Iterator[str]:
    for attribution in _iter_duplicates(document, "attributions"):
        for part in ATTRIBUTION_PARTS:
            if getattr(attribution, part) is not None:
                yield part


def _duplicate_relations(document: Document) -> Iterator[str]:
    for relation in _iter_duplicates(document, "relations"):
        yield relation.label


@dataclass(frozen=True)
class AnnotatedLayer:
    """A line of ANNOTATED_LAYERS: the heading of the layer.

    items: the label and the span of each annotation, in groups of those that are compared with each
    other. duplicates: the label of each duplicate. has_ambiguity: whether a surface form with two
    labels is worth a look; one filler may well have two roles. has_rare_labels: whether a label
    with few annotations is worth a look; parts are not labels that people choose.
    """

    title: str
    items: Callable[[Document], list[list[LabeledSpan]]]
    duplicates: Callable[[Document], Iterator[str]]
    has_ambiguity: bool = True
    has_rare_labels: bool = True


ANNOTATED_LAYERS = {
    "entities": AnnotatedLayer("Entities", _entity_items, _duplicate_entities),
    "triggers": AnnotatedLayer("Event triggers", _trigger_items, _duplicate_events),
    "arguments": AnnotatedLayer(
        "Arguments by role", _argument_items, _duplicate_arguments, has_ambiguity=False
    ),
    "attributions": AnnotatedLayer(
        "Attributions by part",
        _part_items,
        _duplicate_parts,
        has_ambiguity=False,
        has_rare_labels=False,
    ),
    "relations": AnnotatedLayer(
        "Relations", _relation_items, _duplicate_relations, has_ambiguity=False
    ),
}

FLAGS = ("nested", "crossing", "same_span", "discontinuous", "duplicates", "edges")


@dataclass(frozen=True)
class LabelStats:
    """The annotations of a label, or of all labels of a layer.

    share: of the annotations of the layer; None if it has none. documents: those that hold the
    label. effective_documents: 0 without annotations. tokens, characters: lengths. surface_forms:
    the number of different ones. most_frequent: the most frequent one, and its count; None without
    annotations. ambiguous_forms: those that have another label too; None in layers where this says
    nothing. is_rare: None for parts of attributions, and for all labels together. edges:
    annotations that begin or end with white space or punctuation. See the module for the other
    numbers.
    """

    label: str | None
    annotations: int
    share: float | None
    documents: int
    effective_documents: float
    tokens: LengthStats = NO_LENGTHS
    characters: LengthStats = NO_LENGTHS
    surface_forms: int = 0
    most_frequent: tuple[str, int] | None = None
    ambiguous_forms: int | None = None
    is_rare: bool | None = None
    nested: int = 0
    crossing: int = 0
    same_span: int = 0
    discontinuous: int = 0
    duplicates: int = 0
    edges: int = 0

    @property
    def most_frequent_share(self) -> float | None:
        """The share of the most frequent surface form among the annotations of the label."""
        if self.most_frequent is None:
            return None
        return self.most_frequent[1] / self.annotations


@dataclass(frozen=True)
class AmbiguousForm:
    """A surface form that has two or more labels, with the number of annotations of each, the most
    frequent label first.
    """

    surface: str
    labels: dict[str, int]


@dataclass(frozen=True)
class LayerStats:
    """A layer: its labels, the most frequent first, and all of them together.

    annotated_documents: those in which the layer was annotated, also without result. per_document:
    annotations of each of these. unplaced: predictions without offsets. unused_labels: those that
    the schema declares and that do not occur. ambiguous: surface forms with several labels, the
    most frequent first. surfaces: the counts of all surface forms. without_trigger: of triggers,
    the events that have none.
    """

    layer: str
    labels: tuple[LabelStats, ...]
    total: LabelStats
    annotated_documents: int
    per_document: LengthStats
    unplaced: int
    unused_labels: tuple[str, ...]
    ambiguous: tuple[AmbiguousForm, ...] = field(default=(), repr=False)
    surfaces: SurfaceCounts = field(default_factory=SurfaceCounts, repr=False, compare=False)
    without_trigger: int = 0

    @property
    def rare_labels(self) -> tuple[str, ...]:
        """The labels with fewer than 10 annotations, or in one of several documents only."""
        return tuple(each.label for each in self.labels if each.is_rare and each.label is not None)

    def of_label(self, label: str | None) -> LabelStats:
        """The annotations of a label, which may have none; of None all of them."""
        if label is None:
            return self.total
        none = LabelStats(label, 0, 0.0 if self.total.annotations else None, 0, 0.0)
        return self._by_label.get(label, none)

    @cached_property
    def _by_label(self) -> dict[str | None, LabelStats]:
        return {each.label: each for each in self.labels}


class _LabelCounter:
    """Counts the annotations of a label, document by document."""

    def __init__(self) -> None:
        self.annotations = self.squares = self.documents = 0
        self.flags: Counter[str] = Counter()

    def add(self, count: int) -> None:
        """Add a document with so many annotations."""
        self.annotations += count
        self.squares += count * count
        self.documents += count > 0

    @property
    def effective_documents(self) -> float:
        return self.annotations**2 / self.squares if self.squares else 0.0


class LayerCounter:
    """Counts the annotations of a layer of ANNOTATED_LAYERS, document by document.

    It keeps numbers, labels and distinct surface forms, and no document. The order of documents
    does not matter.
    """

    def __init__(self, layer: str) -> None:
        self._layer = layer
        self._kind = ANNOTATED_LAYERS[layer]
        self._document_layer = LAYERS[layer].document_layer
        self._counters: dict[str, _LabelCounter] = {}
        self._total = _LabelCounter()
        self._surfaces = SurfaceCounts()
        self._per_document: Counter[int] = Counter()
        self._unplaced = 0
        self._without_trigger: Counter[str] = Counter()  # events, by type

    def add(self, document: Document) -> None:
        """Count a document."""
        if document.unplaced:
            self._unplaced += sum(each.layer == self._layer for each in document.unplaced)
        if getattr(document, self._document_layer) is None:
            return
        if self._layer == "triggers":
            self._without_trigger.update(
                event.label for event in document.events or () if event.trigger is None
            )
        groups = self._kind.items(document)
        counts: Counter[str] = Counter()
        for items in groups:
            counts.update([label for label, _ in items])
            self._surfaces.add(document.text, items)
        number = counts.total()
        self._per_document[number] += 1
        self._total.add(number)
        for label, count in counts.items():
            if label not in self._counters:
                self._counters[label] = _LabelCounter()
            self._counters[label].add(count)
        has_overlap = False
        for items in groups:
            for label, span in items:
                if span.fragments:
                    self._counters[label].flags["discontinuous"] += 1
            if len(items) > 1 and have_overlap([span for _, span in items]):
                has_overlap = True
                self._add_overlaps(items)
        if has_overlap:  # duplicates have a span in common
            for label in self._kind.duplicates(document):
                self._counters[label].flags["duplicates"] += 1

    def _add_overlaps(self, items: Sequence[LabeledSpan]) -> None:
        """Count overlaps among items that are compared with each other."""
        spans = [span for _, span in items]
        overlaps = find_overlaps(spans)
        labels_of_span: dict[Any, set[str]] = {}
        for label, span in items:
            labels_of_span.setdefault(span_fragments(span), set()).add(label)
        for index, (label, span) in enumerate(items):
            flags = self._counters[label].flags
            flags["nested"] += index in overlaps.nested
            flags["crossing"] += index in overlaps.crossing
            flags["same_span"] += len(labels_of_span[span_fragments(span)]) > 1

    def finish(self, schema: Schema | None) -> LayerStats:
        """The statistics of the documents."""
        ambiguous = self._surfaces.find_ambiguous() if self._kind.has_ambiguity else {}
        annotated = self._per_document.total()
        length_of = self._surfaces.lengths()
        total_tokens: Counter[int] = Counter()
        total_characters: Counter[int] = Counter()
        labels = []
        for label, counter in self._counters.items():
            forms = self._surfaces.by_label[label]
            tokens: Counter[int] = Counter()
            characters: Counter[int] = Counter()
            for key, count in forms.items():
                lengths = length_of(key)
                tokens[lengths.tokens] += count
                characters[lengths.characters] += count
                if lengths.has_edge:
                    counter.flags["edges"] += count
            total_tokens.update(tokens)
            total_characters.update(characters)
            self._total.flags.update(counter.flags)
            labels.append(
                self._finish_label(
                    label,
                    counter,
                    tokens=tokens,
                    characters=characters,
                    surface_forms=len(forms),
                    ambiguous_forms=len(forms.keys() & ambiguous.keys()),
                    is_rare=_is_rare(counter, annotated) if self._kind.has_rare_labels else None,
                )
            )
        labels.sort(key=lambda each: (-each.annotations, each.label))
        distinct = len(set().union(*self._surfaces.by_label.values()))
        total = self._finish_label(
            None,
            self._total,
            tokens=total_tokens,
            characters=total_characters,
            surface_forms=distinct,
            ambiguous_forms=len(ambiguous),
            is_rare=None,
        )
        declared = schema.labels_of(self._layer) if schema is not None and annotated else ()
        used = self._counters.keys() | self._without_trigger.keys()
        unused = tuple(label for label in declared if label not in used)
        return LayerStats(
            self._layer,
            tuple(labels),
            total,
            annotated,
            summarize_lengths(self._per_document),
            self._unplaced,
            unused,
            _order_ambiguous(ambiguous),
            self._surfaces,
            self._without_trigger.total(),
        )

    def _finish_label(
        self,
        label: str | None,
        counter: _LabelCounter,
        *,
        tokens: Counter[int],
        characters: Counter[int],
        surface_forms: int,
        ambiguous_forms: int,
        is_rare: bool | None,
    ) -> LabelStats:
        """The statistics of a label, or of all labels."""
        layer_total = self._total.annotations
        most_frequent = self._surfaces.most_frequent(label, 1)
        return LabelStats(
            label,
            counter.annotations,
            counter.annotations / layer_total if layer_total else None,
            counter.documents,
            counter.effective_documents,
            summarize_lengths(tokens),
            summarize_lengths(characters),
            surface_forms,
            most_frequent[0] if most_frequent else None,
            ambiguous_forms if self._kind.has_ambiguity else None,
            is_rare,
            **{flag: counter.flags[flag] for flag in FLAGS},
        )


def _is_rare(counter: _LabelCounter, documents: int) -> bool:
    """Whether a label has few annotations, or is in one of several documents only."""
    return counter.annotations < RARE or (counter.documents == 1 and documents > 1)


def _order_ambiguous(ambiguous: dict[str, dict[str, int]]) -> tuple[AmbiguousForm, ...]:
    """Surface forms with several labels, the most frequent first, equally frequent ones by text."""
    forms = [AmbiguousForm(key, labels) for key, labels in ambiguous.items()]
    forms.sort(key=lambda form: (-sum(form.labels.values()), form.surface))
    return tuple(forms)
