"""The items of one layer of each annotator, as the measures beside F1 take them: labels on spans of
the scored stretches of each document.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from evalkit.analysis.annotator_agreement import (
    Alpha,
    Kappa,
    compute_alpha,
    compute_fleiss_kappa,
    count_coincidences,
)
from evalkit.analysis.gamma_agreement import DocumentUnits, Gamma, PlacedUnits, compute_gamma
from evalkit.analysis.unitizing_agreement import Range, compute_unitizing_alpha, has_overlap
from evalkit.corpus import Corpus
from evalkit.data.batch import Vocabulary
from evalkit.data.document import Document, Fragments
from evalkit.data.text import tokens
from evalkit.evaluation.agreement_inputs import PreparedAnnotators
from evalkit.evaluation.document_counter import ScoringTask, build_block, make_block_builder
from evalkit.evaluation.document_join import EvaluationInputs
from evalkit.evaluation.score_options import ScoreOptions
from evalkit.scoring.columns import Ints, document_offsets
from evalkit.scoring.counting import Block
from evalkit.scoring.layers import get_layer
from evalkit.stats.ratio_intervals import Floats

CHARACTERS, TOKENS = "characters", "tokens"


class LayerItem(NamedTuple):
    """A label on a span: the ranges of its characters, in order."""

    label: str
    fragments: Fragments

    @property
    def extent(self) -> Range:
        """From the first to the last character."""
        return self.fragments[0][0], self.fragments[-1][1]


class UnitAlphas(NamedTuple):
    """α over characters or tokens: of all labels at once, or for each label by itself.

    alphas: a label, or None for all labels at once, to α. units: the number of characters, or of
    tokens. unlabeled: how many of them have no label by any annotator.
    """

    alphas: dict[str | None, Alpha]
    units: int
    unlabeled: int


class _Covered(NamedTuple):
    """The units of a document, and the label and units of each item of each annotator."""

    units: int
    items: list[list[tuple[str, Ints]]]


class AnnotatedItems:
    """The items of a layer of all annotators; label maps and zones are applied.

    names: the annotators. common: the documents that all of them annotated in the layer.
    unused_labels: those that the options name and no annotator has.
    """

    def __init__(self, prepared: PreparedAnnotators, layer: str, options: ScoreOptions) -> None:
        """Read the items. layer: of metrics, such as entities."""
        self.names = prepared.names
        document_layer = get_layer(layer).document_layer
        self.common = prepared.ids_with_layer(document_layer, self.names)
        self._prepared = prepared
        self._document_layer = document_layer
        self._items: dict[str, dict[str, list[LayerItem]]] = {}
        self._stretches: dict[str, list[Range]] = {}
        self._texts: dict[str, str] = {}
        self._labels_of_spans: dict[tuple[str, str], dict[Fragments, list[str]]] = {}
        unused_by_annotator: list[set[str]] = []
        for name, by_id in prepared.documents.items():
            documents = [
                each for each in by_id.values() if getattr(each, document_layer) is not None
            ]
            block, labels, unused = _build_block(documents, name, layer, prepared, options)
            unused_by_annotator.append(set(unused))
            offsets = document_offsets((len(each.text) for each in documents), len(documents))
            self._items[name] = _items_by_document(block, list(labels), documents, offsets)
            for document, stretches in zip(documents, _scored_stretches(block, documents, offsets)):
                self._stretches[document.id] = stretches
                self._texts[document.id] = document.text
        self.unused_labels = set.intersection(*unused_by_annotator)

    @property
    def labels(self) -> list[str]:
        """The labels of all items in common documents, sorted."""
        found = {item.label for items in self._sides(self.common) for item in items}
        return sorted(found)

    @property
    def discontinuous(self) -> int:
        """The number of items with several fragments in common documents."""
        sides = self._sides(self.common)
        return sum(len(item.fragments) > 1 for items in sides for item in items)

    def pair_documents(self, a: str, b: str) -> list[str]:
        """The documents that both annotators annotated."""
        return self._prepared.ids_with_layer(self._document_layer, (a, b))

    def count_same_spans(self, a: str, b: str) -> Counter[tuple[str, str]]:
        """How often both annotators gave a span these two labels.

        Where one of them put several labels on a span, equal ones are paired first, and the rest in
        the order of the labels.
        """
        counts: Counter[tuple[str, str]] = Counter()
        for id in self.pair_documents(a, b):
            for labels in self._labels_of_same_spans(id, (a, b)):
                counts[labels[0], labels[1]] += 1
        return counts

    def compute_fleiss(self) -> Kappa:
        """Fleiss' κ of the spans that all annotators have."""
        return compute_fleiss_kappa(
            labels for id in self.common for labels in self._labels_of_same_spans(id, self.names)
        )

    def _labels_of_same_spans(self, id: str, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """The labels of each span that all these annotators have in a document."""
        labels_of = [self._labels_by_span(name, id) for name in names]
        for span in labels_of[0]:
            found = [of_span.get(span, []) for of_span in labels_of]
            if not all(found):
                continue
            if all(len(labels) == 1 for labels in found):
                yield tuple(labels[0] for labels in found)
                continue
            counts = [Counter(labels) for labels in found]
            shared = counts[0]
            for other in counts[1:]:
                shared = shared & other
            for label in sorted(shared.elements()):
                yield (label,) * len(names)
            yield from zip(*(sorted((each - shared).elements()) for each in counts))

    def _labels_by_span(self, name: str, id: str) -> dict[Fragments, list[str]]:
        """The labels that an annotator gives each span of a document; kept, since every pair of
        annotators needs them.
        """
        known = self._labels_of_spans.get((name, id))
        if known is None:
            known = defaultdict(list)
            for item in self._items[name][id]:
                known[item.fragments].append(item.label)
            self._labels_of_spans[name, id] = known
        return known

    def compute_alphas(self, unit: str) -> UnitAlphas:
        """Krippendorff's α over the characters, or tokens, of common documents.

        If items of one annotator overlap, a unit may have several labels, and α is computed for
        each label by itself.
        """
        documents = [self._cover_units(id, unit) for id in self.common]
        labels = self.labels
        value_of = {label: n for n, label in enumerate(labels, start=1)}
        is_flat = all(map(_is_flat, documents))
        totals: dict[str | None, Floats] = {}
        n_units = unlabeled = 0
        for document in documents:
            values = np.zeros((len(self.names), document.units), np.int64)
            masks: dict[str, Ints] = {}
            for n, items in enumerate(document.items):
                for label, units in items:
                    values[n, units] = value_of[label]
                    if not is_flat:
                        masks.setdefault(label, np.zeros_like(values))[n, units] = 1
            n_units += document.units
            unlabeled += int((values == 0).all(axis=0).sum())
            if is_flat:
                _add_to(totals, None, count_coincidences(values, len(labels) + 1))
                continue
            for label in labels:
                mask = masks.get(label)
                coincidences = np.zeros((2, 2))
                if mask is None:  # all units of all annotators have the value 0
                    coincidences[0, 0] = values.size
                else:
                    coincidences = count_coincidences(mask, 2)
                _add_to(totals, label, coincidences)
        alphas = {label: compute_alpha(coincidences) for label, coincidences in totals.items()}
        return UnitAlphas(alphas, n_units, unlabeled)

    def _cover_units(self, id: str, unit: str) -> _Covered:
        """The units of a document that lie in scored stretches, and those of each item."""
        text, stretches = self._texts[id], self._stretches[id]
        if unit == CHARACTERS:
            start = np.arange(len(text), dtype=np.int64)
            end = start + 1
        else:
            words = np.array(tokens(text), np.int64).reshape(-1, 2)
            start, end = words[:, 0], words[:, 1]
        is_scored = np.zeros(len(start), bool)
        for first, last in stretches:
            is_scored[_units_in(start, end, first, last)] = True
        number = np.cumsum(is_scored) - 1
        items = []
        for name in self.names:
            covered = []
            for item in self._items[name][id]:
                ranges = [_units_in(start, end, *fragment) for fragment in item.fragments]
                units = np.unique(np.concatenate([np.arange(r.start, r.stop) for r in ranges]))
                covered.append((item.label, number[units[is_scored[units]]]))
            items.append(covered)
        return _Covered(int(is_scored.sum()), items)

    def compute_unitizing_alphas(self) -> dict[str, tuple[Alpha, bool]]:
        """αU of each label over common documents, and whether units of the label by one annotator
        overlap, so that it has none. A fragment of a discontinuous item is a unit.
        """
        stretches: list[Range] = []
        units: dict[str, list[list[Range]]] = {
            label: [[] for _ in self.names] for label in self.labels
        }
        offset = 0
        for id in self.common:
            here = self._stretches[id]
            stretches += [(start + offset, end + offset) for start, end in here]
            for n, name in enumerate(self.names):
                for item in self._items[name][id]:
                    for start, end in _clip_ranges(item.fragments, here):
                        units[item.label][n].append((start + offset, end + offset))
            offset += len(self._texts[id])
        alphas: dict[str, tuple[Alpha, bool]] = {}
        for label, annotators in units.items():
            if any(map(has_overlap, annotators)):
                alphas[label] = Alpha(sum(map(len, annotators)), None, None, None), True
            else:
                alphas[label] = compute_unitizing_alpha(annotators, stretches), False
        return alphas

    def compute_gammas(self, seed: int, level: float) -> Iterator[tuple[str, str, int, Gamma]]:
        """Yields both annotators of each pair, the number of their documents, and γ. The units are
        the extents of the items.
        """
        for a, b in combinations(self.names, 2):
            ids = self.pair_documents(a, b)
            codes = Vocabulary()
            documents = {}
            for id in ids:
                # In the order of the names, so that the random corpora do not depend on the order
                # in which the annotators are given.
                first, second = (
                    _place_units(self._items[each][id], codes) for each in sorted((a, b))
                )
                documents[id] = DocumentUnits(len(self._texts[id]), first, second)
            yield a, b, len(ids), compute_gamma(documents, seed, level)

    def _sides(self, ids: Sequence[str]) -> Iterator[list[LayerItem]]:
        for name in self.names:
            for id in ids:
                yield self._items[name][id]


def _build_block(
    documents: Sequence[Document],
    name: str,
    layer: str,
    prepared: PreparedAnnotators,
    options: ScoreOptions,
) -> tuple[Block, Vocabulary, list[str]]:
    """The items of one annotator, the numbers of the labels, and the labels that the options name
    and the annotator does not have.
    """
    corpus = Corpus(documents, name, prepared.schema)
    inputs = EvaluationInputs(name, name, prepared.schema, corpus, corpus, "error")
    mapping = options.resolve_labels(prepared.schema)
    task = ScoringTask(inputs, options, mapping, options.resampling(len(documents)))
    labels = Vocabulary()
    builder = make_block_builder(task, layer, labels, keep_documents=True)
    builder.add(documents, documents)
    block = build_block(builder, inputs)
    return block, labels, mapping.unused_labels([layer])


def _items_by_document(
    block: Block, labels: Sequence[str], documents: Sequence[Document], offsets: Ints
) -> dict[str, list[LayerItem]]:
    """The scored items of each document."""
    items: dict[str, list[LayerItem]] = {document.id: [] for document in documents}
    columns, pieces = block.gold.columns, block.coding.pieces
    for row in range(len(columns)):
        number = int(columns.document[row])
        offset = int(offsets[number])
        fragments: Fragments = ((int(columns.start[row]), int(columns.end[row])),)
        if columns.fragments[row]:
            fragments = pieces[int(columns.fragments[row])]
        placed = tuple((start - offset, end - offset) for start, end in fragments)
        items[documents[number].id].append(LayerItem(labels[int(columns.label[row])], placed))
    return items


def _scored_stretches(
    block: Block, documents: Sequence[Document], offsets: Ints
) -> Iterator[list[Range]]:
    """The scored parts of each document, the longest that are possible."""
    layout = block.layout
    scored: list[list[Range]] = [[] for _ in documents]
    starts = zip(layout.start.tolist(), layout.end.tolist(), layout.scored.tolist())
    for start, end, is_scored in starts:
        number = int(np.searchsorted(offsets, start, side="right")) - 1
        offset, length = int(offsets[number]), len(documents[number].text)
        first, last = start - offset, min(end - offset, length)
        if not is_scored or first >= last:
            continue
        stretches = scored[number]
        if stretches and stretches[-1][1] == first:
            stretches[-1] = (stretches[-1][0], last)
        else:
            stretches.append((first, last))
    yield from scored


def _is_flat(document: _Covered) -> bool:
    """Whether no unit has two items of one annotator."""
    for items in document.items:
        covered = np.zeros(document.units, np.int64)
        for _, units in items:
            covered[units] += 1
        if covered.max(initial=0) > 1:
            return False
    return True


def _units_in(start: Ints, end: Ints, first: int, last: int) -> slice:
    """The units that share a character with a range. start, end: of all units, in order."""
    return slice(int(np.searchsorted(end, first, side="right")), int(np.searchsorted(start, last)))


def _clip_ranges(fragments: Fragments, stretches: Sequence[Range]) -> Iterator[Range]:
    """The parts of ranges that lie in stretches."""
    for start, end in fragments:
        for first, last in stretches:
            if start < last and first < end:
                yield max(start, first), min(end, last)


def _place_units(items: Sequence[LayerItem], codes: Vocabulary) -> PlacedUnits:
    extents = np.array([item.extent for item in items], np.int64).reshape(-1, 2)
    labels = np.array([codes[item.label] for item in items], np.int64)
    return PlacedUnits(extents[:, 0], extents[:, 1], labels)


def _add_to(totals: dict[str | None, Floats], label: str | None, coincidences: Floats) -> None:
    totals[label] = totals[label] + coincidences if label in totals else coincidences
