"""What a result says besides its numbers: the model, the corpus, the options, and what happened to
documents and annotations on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from evalkit.errors import InputError, quoted_repr
from evalkit.results.ceiling import Ceiling
from evalkit.scoring.span_edges import SpanEdges

ConversionCounts = dict[str, dict[str, dict[str, int]]]  # side → section → name → count
INDEPENDENT_SENTENCES = "sentences as documents: intervals and p assume that they are independent"
IN_ANOTHER_TEXT = "in another text than gold's"  # why entities are unplaced with match_texts=False


class CorpusInfo(msgspec.Struct):
    """The name of the gold corpus, and its number of documents."""

    name: str
    documents: Annotated[int, msgspec.Meta(ge=0)]


class ScoredOptions(msgspec.Struct, forbid_unknown_fields=True):
    """The options of a result: what is needed in order to score again.

    metrics and labels: None where none were given. label_map: as `encode_label_map` writes it.
    zones, missing, units: of scores of documents only; normalization: of scores with strings only;
    match_texts: False where texts may differ, see `score`;
    nil: of scores with links only; heads: of scores with `head` only, where it was given;
    plain_gold: only if it is true; tagging, repair: of scores of tags only.
    """

    metrics: list[str] | None
    labels: list[str] | None
    label_map: Any
    zones: str | list[str] | UnsetType = UNSET
    missing: str | UnsetType = UNSET
    units: str | UnsetType = UNSET
    normalization: str | UnsetType = UNSET
    match_texts: bool | UnsetType = UNSET
    nil: str | UnsetType = UNSET
    plain_gold: bool | UnsetType = UNSET
    heads: str | UnsetType = UNSET
    tagging: str | UnsetType = UNSET
    repair: str | UnsetType = UNSET


class LayerPresence(msgspec.Struct):
    """The layers of documents that gold and predictions annotate in any document.

    missing_layers: a layer that some predicted documents have, with the first predicted document
    without it. has_failures: whether the model failed on any document.
    """

    gold: list[str] = []
    predicted: list[str] = []
    missing_layers: dict[str, str] = {}
    has_failures: bool = False

    def is_scorable(self, layer: str) -> bool:
        """Whether gold has a layer, and the predictions have it, or might have it where the model
        failed on everything.
        """
        failed_everywhere = self.has_failures and not self.predicted
        return layer in self.gold and (layer in self.predicted or failed_everywhere)

    def check_complete(self, layer: str) -> None:
        """Raise InputError if predictions have a layer in some of the documents that gold annotates
        and lack it in others.
        """
        if layer in self.missing_layers and layer in self.predicted:
            raise InputError(
                f"document {quoted_repr(self.missing_layers[layer])}: the prediction has no"
                f" {layer}, while others have; write an empty list for none found, or a failure"
                " with its reason"
            )


class Ambiguity(msgspec.Struct):
    """By how much tp of a metric changes under the worst and the best placement of ambiguous
    quotes, and how many annotations are ambiguous.
    """

    annotations: Annotated[int, msgspec.Meta(ge=1)]
    worst: Annotated[float, msgspec.Meta(le=0)]
    best: Annotated[float, msgspec.Meta(ge=0)]


class PlainDifference(msgspec.Struct):
    """What the sums of a metric change by if alternatives, optional items and ignore regions of
    gold are ignored: gold and predicted items, and the doubled credit of the pairs.
    """

    gold: int = 0
    predicted: int = 0
    credit: int = 0

    def add(self, gold: int, predicted: int, credit: int) -> None:
        """Add the differences of other documents."""
        self.gold += gold
        self.predicted += predicted
        self.credit += credit


class GateResult(msgspec.Struct):
    """A gate of a result; see `gates`. value: what its rule is about; None where undefined."""

    rule: str
    value: float | None
    passed: bool


class ResultMetadata(msgspec.Struct, kw_only=True):
    """What was scored, and how. The fields are keys of the result file; see `result_file`.

    name: the name that the system was given, if any. failures: a document id to the reason for
    which the model failed. unplaced: a reason to a number of items. unscored_documents: ids of
    documents in which gold annotates none of the scored layers. missing_documents: the number of
    gold documents that had no prediction and were scored as empty. unmapped_labels: a layer to the
    labels that its label map does not name. unused_labels: labels that `labels` or `label_map` name
    and that occur nowhere. conversion: what the readers of both sides dropped, repaired and
    skipped. span_edges: entities with white space or punctuation at an edge. ambiguity: a metric to
    what ambiguous quotes can change. plain_differences: a metric to what plain gold changes; empty
    if gold is plain. gates: those that were checked. ceiling: a metric to the agreement of the
    annotators of gold. A merged result has neither of these.
    """

    name: str | None = None
    model: str = "predictions"
    corpus: CorpusInfo
    options: ScoredOptions
    versions: dict[str, str]
    failures: dict[str, str] = {}
    unplaced: dict[str, int] = {}
    layers: LayerPresence
    unscored_documents: list[str] = []
    missing_documents: int = 0
    unmapped_labels: dict[str, list[str]] = {}
    unused_labels: list[str] = []
    conversion: ConversionCounts = {}
    span_edges: dict[str, SpanEdges] = {}
    ambiguity: dict[str, Ambiguity] = {}
    plain_differences: dict[str, PlainDifference] = {}
    gates: list[GateResult] = []
    ceiling: dict[str, Ceiling] = {}

    @property
    def system_name(self) -> str:
        """The name of the system in headings: the name it was given, or the model's."""
        return self.name or self.model

    def to_builtins(self) -> dict[str, Any]:
        """The metadata as JSON values, without optional keys that are empty."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        for key in (
            "name",
            "conversion",
            "span_edges",
            "ambiguity",
            "plain_differences",
            "gates",
            "ceiling",
        ):
            if not data[key]:
                del data[key]
        return data


def find_independence_assumption(signature_fields: Mapping[str, str]) -> str:
    """Return what intervals and p assume if each document of gold is a sentence; "" otherwise.

    signature_fields: those of a metric. The field `read` has the reading options of gold, such as
    "gold=documents:sentence+tagging:IOB1,predicted=tagging:IOB1".
    """
    for side in signature_fields.get("read", "").split(","):
        name, _, options = side.partition("=")
        if name == "gold" and "documents:sentence" in options.split("+"):
            return INDEPENDENT_SENTENCES
    return ""


def merge_metadata(shards: Sequence[ResultMetadata]) -> ResultMetadata:
    """The metadata of a corpus, from those of its shards."""
    first = shards[0]
    versions = {
        name: "+".join(sorted({shard.versions[name] for shard in shards}))
        for name in first.versions
    }
    failures: dict[str, str] = {}
    unplaced: dict[str, int] = {}
    unscored: list[str] = []
    unmapped: dict[str, set[str]] = {}
    unused = set(first.unused_labels)
    for shard in shards:
        failures.update(shard.failures)
        _add_counts(unplaced, shard.unplaced)
        unscored += shard.unscored_documents
        for layer, labels in shard.unmapped_labels.items():
            unmapped.setdefault(layer, set()).update(labels)
        # A label that occurs in one of the shards occurs in the corpus.
        unused.intersection_update(shard.unused_labels)
    return ResultMetadata(
        name=first.name,
        model=first.model,
        corpus=CorpusInfo(first.corpus.name, sum(shard.corpus.documents for shard in shards)),
        options=first.options,
        versions=versions,
        failures=failures,
        unplaced=sort_by_count(unplaced),
        layers=merge_layers([shard.layers for shard in shards]),
        unscored_documents=sorted(unscored),
        missing_documents=sum(shard.missing_documents for shard in shards),
        unmapped_labels={layer: sorted(labels) for layer, labels in sorted(unmapped.items())},
        unused_labels=sorted(unused),
        conversion=_merge_conversions(shards),
        span_edges=_merge_span_edges(shards),
        ambiguity=_merge_ambiguity(shards),
        plain_differences=_merge_plain_differences(shards),
    )


def merge_layers(shards: Sequence[LayerPresence]) -> LayerPresence:
    """The layers that any shard has; of missing layers the first document in order of ids."""
    missing: dict[str, str] = {}
    for shard in shards:
        for layer, document in shard.missing_layers.items():
            missing[layer] = min(document, missing.get(layer, document))
    return LayerPresence(
        gold=sorted({layer for shard in shards for layer in shard.gold}),
        predicted=sorted({layer for shard in shards for layer in shard.predicted}),
        missing_layers=dict(sorted(missing.items())),
        has_failures=any(shard.has_failures for shard in shards),
    )


def sort_by_count(counts: dict[str, int]) -> dict[str, int]:
    """The counts, the largest first; equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _add_counts(total: dict[str, int], counts: dict[str, int]) -> None:
    for name, count in counts.items():
        total[name] = total.get(name, 0) + count


def _merge_conversions(shards: Sequence[ResultMetadata]) -> ConversionCounts:
    total: ConversionCounts = {}
    for shard in shards:
        for side, sections in shard.conversion.items():
            for section, counts in sections.items():
                _add_counts(total.setdefault(side, {}).setdefault(section, {}), counts)
    return total


def _merge_span_edges(shards: Sequence[ResultMetadata]) -> dict[str, SpanEdges]:
    total: dict[str, SpanEdges] = {}
    for shard in shards:
        for side, edges in shard.span_edges.items():
            total.setdefault(side, SpanEdges()).merge(edges)
    return total


def _merge_ambiguity(shards: Sequence[ResultMetadata]) -> dict[str, Ambiguity]:
    total: dict[str, Ambiguity] = {}
    lenient = {metric for shard in shards for metric in shard.plain_differences}
    for shard in shards:
        for metric, change in shard.ambiguity.items():
            if metric in lenient:  # measured in shards with plain gold only
                continue
            sums = total.setdefault(metric, Ambiguity(0, 0.0, 0.0))
            sums.annotations += change.annotations
            sums.worst += change.worst
            sums.best += change.best
    return total


def _merge_plain_differences(shards: Sequence[ResultMetadata]) -> dict[str, PlainDifference]:
    total: dict[str, PlainDifference] = {}
    for shard in shards:
        for metric, change in shard.plain_differences.items():
            sums = total.setdefault(metric, PlainDifference())
            sums.add(change.gold, change.predicted, change.credit)
    return total
