"""Merges the results of shards of one corpus into the result of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalkit.analysis.error_counts import ErrorCounts, merge_error_counts
from evalkit.errors import InputError, quoted_repr
from evalkit.results.metadata import LayerPresence, ScoredOptions, merge_metadata
from evalkit.results.result import Result
from evalkit.scoring.counts import Counts, merge_counts
from evalkit.scoring.digest import DIGEST_RANGE, CorpusDigests
from evalkit.scoring.layers import get_layer
from evalkit.scoring.lenient_gold import KINDS
from evalkit.scoring.metrics import DEFAULT_METRICS, Metric
from evalkit.stats.intervals import Resampling, choose_units

# Of a signature: differ between shards of one corpus
SHARD_FIELDS = ("docs", "corpus", "units", "gold")


def merge_results(shards: Sequence[Result], names: Sequence[str] = ()) -> Result:
    """The result of the corpus that the shards are of, in whatever order they come. names: those of
    the shards, for messages.

    Raises InputError for shards that were not scored with the same options, and for a document that
    is in two of them.
    """
    if not shards:
        raise InputError("no results to merge")
    metadata = [shard.metadata for shard in shards]
    _require_equal("model", [each.model for each in metadata])
    for name in ScoredOptions.__struct_fields__:
        _require_equal(f"options: {name}", [getattr(each.options, name) for each in metadata])
    _require_equal("name", [each.name for each in metadata])
    _require_equal("versions", [each.versions.get("evalkit") for each in metadata])
    _check_disjoint(shards, names)
    _require_equal("corpus", [each.corpus.name for each in metadata])
    _require_equal("schema", [shard.digests and shard.digests.schema for shard in shards])
    for name in ("requested_units", "boot", "seed", "level"):
        _require_equal(name, [getattr(shard.resampling, name) for shard in shards])
    merged = merge_metadata(metadata)
    resampling = _merge_resampling(shards[0].resampling, merged.corpus.documents)
    counts = []
    for metric in _scored_metrics(shards, merged.layers):
        parts = [_counts_of(shard, metric, resampling.units) for shard in shards]
        counts.append(_merge_counts([part for part in parts if part is not None], resampling))
    error_counts = _merge_errors(shards, resampling)
    return Result(counts, resampling, _merge_digests(shards), merged, error_counts)


def _require_equal(name: str, values: Sequence[Any]) -> None:
    for value in values[1:]:
        if value != values[0]:
            raise InputError(
                f"{name}: {quoted_repr(values[0])} and {quoted_repr(value)}; only results of shards"
                " of one corpus, scored with the same options, can be merged; `compare` compares"
                " systems"
            )


def _check_disjoint(shards: Sequence[Result], names: Sequence[str]) -> None:
    seen: set[str] = set()
    for number, shard in enumerate(shards):
        documents = _documents_of(shard)
        if duplicates := seen & documents:
            duplicate = min(duplicates)
            if names:
                first = next(n for n, each in enumerate(shards) if duplicate in _documents_of(each))
                raise InputError(
                    f"document {quoted_repr(duplicate)} is in two shards, {names[first]} and"
                    f" {names[number]}; ids name one document each"
                )
            raise InputError(
                f"document {quoted_repr(duplicate)} is in two of the results: merge shards of one"
                " corpus, each once"
            )
        seen |= documents


def _documents_of(shard: Result) -> set[str]:
    documents = set(shard.metadata.unscored_documents)
    units_of = {id(counts.units): counts.units for counts in shard.counts}
    for units in units_of.values():  # the metrics of a layer share theirs
        documents.update([unit.document for unit in units])
    return documents


def _merge_resampling(first: Resampling, documents: int) -> Resampling:
    units = choose_units(first.requested_units, documents)
    return first._replace(units=units, documents=documents)


def _scored_metrics(shards: Sequence[Result], layers: LayerPresence) -> list[str]:
    """The metrics of the whole: the requested ones, or else those of layers that both sides have in
    any shard.
    """
    metrics = list(dict.fromkeys(counts.metric for shard in shards for counts in shard.counts))
    layer_of = {metric: get_layer(Metric.parse(metric).layer).document_layer for metric in metrics}
    for layer in layer_of.values():
        layers.check_complete(layer)
    if shards[0].metadata.options.metrics is not None:
        return metrics
    scorable = [metric for metric in metrics if layers.is_scorable(layer_of[metric])]
    return sorted(scorable, key=DEFAULT_METRICS.index)


def _counts_of(shard: Result, metric: str, units: str) -> Counts | None:
    """The counts of a shard for a metric, by the sampling units of the whole."""
    for counts in shard.counts:
        if counts.metric == metric:
            by_sentence = shard.resampling.units == "sentences"
            return counts.merge_sentences() if by_sentence and units == "documents" else counts
    return None


def _merge_counts(shards: Sequence[Counts], resampling: Resampling) -> Counts:
    first = shards[0]
    for name in dict.fromkeys(name for shard in shards for name in shard.signature):
        if name not in SHARD_FIELDS:
            values = [shard.signature.get(name) for shard in shards]
            _require_equal(f"{first.metric}, {name}", values)
    annotated = sum(int(shard.signature["docs"].partition("/")[0]) for shard in shards)
    signature = _merge_gold_fields([shard.signature for shard in shards])
    signature["docs"] = f"{annotated}/{resampling.documents}"
    signature["units"] = resampling.units
    if "corpus" in signature:
        # The digest behind the @ is that of the shard; that of the whole is added on first use.
        signature["corpus"] = signature["corpus"].rpartition("@")[0] + "@"
    counts = merge_counts(shards, signature)
    if "documents_not_annotated" not in counts.set_aside:
        return counts
    not_annotated = resampling.documents - annotated
    return replace(counts, set_aside={**counts.set_aside, "documents_not_annotated": not_annotated})


def _merge_gold_fields(signatures: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The first signature, with what the gold of any shard accepts; see `lenient_gold.KINDS`."""
    kinds: set[str] = set()
    for signature in signatures:
        kinds.update(signature.get("gold", "").split("+"))
    # The signature with the field has it in the right place.
    merged = dict(next((each for each in signatures if "gold" in each), signatures[0]))
    if "gold" in merged:
        merged["gold"] = "+".join(kind for kind in KINDS if kind in kinds)
    return merged


def _merge_errors(shards: Sequence[Result], resampling: Resampling) -> dict[str, ErrorCounts]:
    """The counts of errors in the layers that were analyzed in all shards."""
    layers = set(shards[0].error_counts).intersection(*(each.error_counts for each in shards))
    merged = {}
    for layer in sorted(layers):
        parts = [shard.error_counts[layer] for shard in shards]
        if resampling.units == "documents":
            parts = [part.merge_sentences() for part in parts]
        merged[layer] = merge_error_counts(parts)
    return merged


def _merge_digests(shards: Sequence[Result]) -> CorpusDigests | None:
    first = shards[0].digests
    if first is None:
        return None
    sums: dict[str, int] = {}
    for shard in shards:
        if shard.digests is not None:
            for layer, total in shard.digests.sums.items():
                sums[layer] = (sums.get(layer, 0) + total) % DIGEST_RANGE
    return CorpusDigests(first.schema, sums)
