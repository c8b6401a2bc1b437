"""The decisions that gold shows, where they were made in a tool that keeps no record of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import replace

from evalkit.corpus import Corpus, load_corpus
from evalkit.data.annotation_items import (
    COREFERENCE,
    AnnotationItem,
    find_items,
    make_item,
    map_references,
)
from evalkit.data.document import LAYERS, Document
from evalkit.evaluation.adjudication import Adjudication, adjudicate_corpora
from evalkit.evaluation.disagreement_clusters import Cluster, encode_items, encode_options
from evalkit.results.adjudication_lines import ALL, NONE, OVERRIDE, AdjudicationLine
from evalkit.results.adjudication_report import ADJUDICATOR, AdjudicationReport, DecidedLine

PLACE_FIELDS = ("start", "end", "fragments", "layer")


def convert_corpora(corpora: Mapping[str, Corpus], format: str) -> dict[str, Corpus]:
    """The corpora as a format holds them, with the layers that are empty."""
    loaded_corpora = {}
    for name, corpus in corpora.items():
        with TemporaryDirectory() as folder:
            location = f"{format}:{Path(folder) / 'corpus'}"
            corpus.save(location)
            loaded = load_corpus(location, predictions=True)
        loaded_corpora[name] = loaded
    held = {layer for layer in LAYERS if any(_count(c, layer) for c in loaded_corpora.values())}
    converted = {}
    for name, loaded in loaded_corpora.items():
        documents = [_restore_empty(each, corpora[name][each.id], held) for each in loaded]
        converted[name] = Corpus(documents, name, corpora[name].schema)
    return converted


def _restore_empty(loaded: Document, original: Document, held: Iterable[str]) -> Document:
    """The loaded document with the layers that the original had annotated without result."""
    empty: dict[str, Any] = {}
    for layer in held:
        if getattr(loaded, layer) is None and getattr(original, layer) is not None:
            empty[layer] = ()
    return replace(loaded, **empty)


def infer_report(corpora: Mapping[str, Corpus], gold: Corpus, format: str) -> AdjudicationReport:
    """The report about gold that was made in a tool from these annotations.

    Items are compared by what the tool's format holds, and without what they refer to. A change
    outside of all clusters is an override.
    """
    adjudication = adjudicate_corpora(convert_corpora(corpora, format))
    decisions: list[DecidedLine] = []
    for id, split in adjudication.splits.items():
        if id not in gold:
            continue
        found = find_items({"gold": gold[id]})["gold"]
        for layer in LAYERS:
            clusters = [cluster for cluster in split.clusters if cluster.layer == layer]
            comparison = _LayerComparison(
                adjudication, id, layer, split.agreed[layer] or [], found[layer] or []
            )
            decisions += comparison.decide(clusters)
    counts = adjudication.item_counts()
    return AdjudicationReport(
        annotators=adjudication.annotators,
        documents=len(gold),
        item_counts=counts,
        gold_counts={layer: _count(gold, layer) for layer in counts},
        decisions=tuple(decisions),
        lacking=adjudication.lacking,
        dropped=tuple(adjudication.dropped.lines()),
    )


def _count(documents: Iterable[Document], layer: str) -> int:
    return sum(len(getattr(document, layer) or ()) for document in documents)


def _plain_key(item: AnnotationItem) -> str:
    """The key of an item with only the places that it refers to."""

    def place(field: str, reference: Any) -> Any:
        if field in (COREFERENCE, "ref", "parent"):
            return None
        return {name: reference[name] for name in PLACE_FIELDS if name in reference}

    return make_item(item.layer, map_references(item.layer, item.fields, place)).key


class _LayerComparison:
    """Compares the gold of a layer of a document with what its annotators have."""

    def __init__(
        self,
        adjudication: Adjudication,
        document_id: str,
        layer: str,
        agreed: Sequence[AnnotationItem],
        gold: Sequence[AnnotationItem],
    ) -> None:
        self._annotators = adjudication.annotators
        self._document_id = document_id
        self._layer = layer
        self._text = adjudication.bases[document_id].text
        self._removed = _subtract(agreed, gold)
        self._added = _subtract(gold, agreed)

    def decide(self, clusters: Sequence[Cluster]) -> list[DecidedLine]:
        """The decision about each cluster, then what else was changed."""
        chosen: list[list[AnnotationItem]] = [[] for _ in clusters]
        others = []
        for item in self._added:
            number = _find_cluster(item, clusters)
            if number is None:
                others.append(item)
            else:
                chosen[number].append(item)
        decided = []
        for cluster, items in zip(clusters, chosen):
            line = cluster.to_line(self._text)
            encoded = encode_items(items, self._text)
            decision = _name_decision(cluster, items) or encoded
            decided.append(DecidedLine(line, decision, ADJUDICATOR, tuple(encoded)))
        if others or self._removed:
            decided.append(self._describe_override(others))
        return decided

    def _describe_override(self, added: Sequence[AnnotationItem]) -> DecidedLine:
        ranges = [each for item in (*self._removed, *added) for each in item.fragments]
        start = min((start for start, _ in ranges), default=0)
        end = max((end for _, end in ranges), default=0)
        encoded = encode_items(added, self._text)
        options = dict.fromkeys(self._annotators, self._removed)
        line = AdjudicationLine(
            id=OVERRIDE,
            document=self._document_id,
            layer=self._layer,
            start=start,
            end=end,
            text=self._text[start:end],
            kind=OVERRIDE,
            options=encode_options(options, self._text),
        )
        return DecidedLine(line, encoded or NONE, ADJUDICATOR, tuple(encoded))


def _subtract(
    items: Sequence[AnnotationItem], others: Sequence[AnnotationItem]
) -> list[AnnotationItem]:
    """The items that the others do not have, as multisets."""
    counts = Counter(map(_plain_key, others))
    rest = []
    for item in items:
        key = _plain_key(item)
        if counts[key]:
            counts[key] -= 1
        else:
            rest.append(item)
    return rest


def _find_cluster(item: AnnotationItem, clusters: Sequence[Cluster]) -> int | None:
    """The cluster that has an item, else the first one that the item overlaps."""
    key = _plain_key(item)
    for number, cluster in enumerate(clusters):
        if any(_plain_key(other) == key for other in cluster.items):
            return number
    for number, cluster in enumerate(clusters):
        for other in cluster.items:
            for start, end in other.fragments:
                if any(start < last and first < end for first, last in item.fragments):
                    return number
    return None


def _name_decision(cluster: Cluster, items: Sequence[AnnotationItem]) -> str | None:
    """The name of the option with these items; None for a list of others."""
    keys = sorted(map(_plain_key, items))
    for name in (*cluster.options, ALL, NONE):
        option = cluster.decide(name)
        if option is not None and sorted(map(_plain_key, option)) == keys:
            return NONE if not keys else name
    return None
