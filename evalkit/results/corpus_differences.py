"""How a second corpus differs from a first one, such as test data from training data.

    difference          share of a label in the second corpus − share in the first
    total variation     ½ Σ |difference| over labels: 0 for equal shares, 1 for no common label
    same label          annotations of the second corpus whose surface form the first has with the
                        same label; other label: only with other ones; unseen: not at all
                        (Tu & Lignos 2021)

Texts and ids of documents are compared by digests of 64 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.results.corpus_counts import CorpusCounts
from evalkit.results.layer_stats import LayerStats
from evalkit.results.surface_stats import Novelty, count_novelty


@dataclass(frozen=True)
class LabelDifference:
    """A label in two corpora, or all labels of a layer (None).

    difference: of the shares; None if a corpus has no annotations in the layer. novelty: of the
    surface forms of the second corpus; None if the layer is not annotated in the first.
    """

    label: str | None
    first_annotations: int
    second_annotations: int
    first_share: float | None
    second_share: float | None
    novelty: Novelty | None

    @property
    def difference(self) -> float | None:
        """The share in the second corpus minus that in the first."""
        if self.first_share is None or self.second_share is None:
            return None
        return self.second_share - self.first_share


@dataclass(frozen=True)
class LayerDifferences:
    """A layer of two corpora: labels by their frequency in both, and all of them together.

    total_variation: None if a corpus has no annotations in the layer.
    """

    layer: str
    labels: tuple[LabelDifference, ...]
    total: LabelDifference
    total_variation: float | None

    @property
    def only_in_first(self) -> tuple[str, ...]:
        """The labels that only the first corpus has."""
        labels = [each.label for each in self.labels if not each.second_annotations]
        return tuple(label for label in labels if label is not None)

    @property
    def only_in_second(self) -> tuple[str, ...]:
        """The labels that only the second corpus has."""
        labels = [each.label for each in self.labels if not each.first_annotations]
        return tuple(label for label in labels if label is not None)


@dataclass(frozen=True)
class CorpusDifferences:
    """Two corpora side by side.

    same_documents: whether both have the same ids with the same texts, as gold and predictions do.
    first_texts, second_texts: the number of documents of each whose text the other corpus has;
    blank texts do not count. same_ids: the number of ids that both have.
    """

    first: str
    second: str
    same_documents: bool
    first_texts: int
    second_texts: int
    same_ids: int
    layers: Mapping[str, LayerDifferences]

    def rows(self) -> list[dict[str, Any]]:
        """A dict for each label of each layer, and one for the layer, whose label is None."""
        rows = []
        for layer in self.layers.values():
            for each in (*layer.labels, layer.total):
                novelty = each.novelty
                is_total = each.label is None
                rows.append(
                    {
                        "layer": layer.layer,
                        "label": each.label,
                        "first_annotations": each.first_annotations,
                        "second_annotations": each.second_annotations,
                        "first_share": each.first_share,
                        "second_share": each.second_share,
                        "difference": each.difference,
                        "total_variation": layer.total_variation if is_total else None,
                        "seen": novelty.seen if novelty else None,
                        "seen_with_other_label": (
                            novelty.seen_with_other_label if novelty else None
                        ),
                        "unseen": novelty.unseen if novelty else None,
                        "unseen_share": novelty.unseen_share if novelty else None,
                    }
                )
        return rows


def compare_corpora(
    first: CorpusCounts,
    second: CorpusCounts,
    *,
    first_name: str | None = None,
    second_name: str | None = None,
) -> CorpusDifferences:
    """How the second corpus differs from the first, under their own or other names."""
    one, other = first.document_stats, second.document_stats
    layers = {}
    for layer, first_layer in first.layers.items():
        second_layer = second.layers[layer]
        if first_layer.annotated_documents or second_layer.annotated_documents:
            layers[layer] = _compare_layers(first_layer, second_layer)
    return CorpusDifferences(
        first_name or first.name,
        second_name or second.name,
        one.equals(other),
        one.count_texts_in(other),
        other.count_texts_in(one),
        one.count_ids_in(other),
        layers,
    )


def _compare_layers(first: LayerStats, second: LayerStats) -> LayerDifferences:
    has_novelty = first.annotated_documents > 0 and second.annotated_documents > 0
    novelty = count_novelty(first.surfaces, second.surfaces) if has_novelty else {}
    frequency: dict[str, int] = {}
    for each in (*first.labels, *second.labels):
        label = each.label or ""
        frequency[label] = frequency.get(label, 0) + each.annotations
    labels = []
    for label in sorted(frequency, key=lambda label: (-frequency[label], label)):
        of_label = novelty.get(label, Novelty()) if has_novelty else None
        labels.append(_compare_label(first, second, label, of_label))
    total = None
    if has_novelty:
        columns = zip(*novelty.values(), strict=True) if novelty else ()
        total = Novelty(*map(sum, columns))
    differences = [each.difference for each in labels]
    defined = [abs(difference) for difference in differences if difference is not None]
    is_defined = first.total.annotations > 0 and second.total.annotations > 0
    return LayerDifferences(
        first.layer,
        tuple(labels),
        _compare_label(first, second, None, total),
        sum(defined) / 2 if is_defined else None,
    )


def _compare_label(
    first: LayerStats, second: LayerStats, label: str | None, novelty: Novelty | None
) -> LabelDifference:
    one, other = first.of_label(label), second.of_label(label)
    return LabelDifference(
        label, one.annotations, other.annotations, one.share, other.share, novelty
    )
