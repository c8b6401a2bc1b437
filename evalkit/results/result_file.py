"""What is written down of a result?

JSON from which every report and comparison is made again without the model.

It holds no text of the corpus. The keys, in schema version 3:

    schema_version   3
    model, corpus    the model's name; the corpus's {name, documents}
    options          what was asked for: metrics, labels ({kind, value}), zones, missing, units
    intervals        {method, units: documents or sentences, requested_units: also auto, boot, seed,
                     level, documents}
    signature        a metric to its fields, in order
    digests          {schema: sha256, documents: a layer to the sum of its documents' digests}; null
                     without documents
    versions         of evalkit and numpy
    failures         a document to the reason for which the model failed on it
    unplaced         a reason to how many items had no place in the text
    layers           {gold, predicted: the layers that each side annotates in any document;
                     missing_layers: a layer that some predicted documents have to the first
                     document without it; has_failures: whether the model failed on any document}
    unscored_documents  documents in which none of the scored layers is annotated
    missing_documents   how many gold documents had no prediction and were scored as empty
    unmapped_labels  a layer to the labels that its label map does not name
    unused_labels    labels named in `labels` or `label_map` that occur in neither corpus
    conversion       for gold and predicted: what their readers {dropped, repaired, skipped}, each a
                     name to a count
    span_edges       for gold and predicted: how many {entities, with_edges: those with white space
                     or punctuation at an edge, example: document, start and end of the least of
                     these}
    ambiguity        left out where no quote is ambiguous: a metric to {annotations: how many may
                     stand in several places, worst and best: by how much tp changes under the worst
                     and the best choice}; see choices.py
    warnings         what a reader should know first; derived, and not read again
    set_aside        a metric to how many items were set aside for which reason
    rows             a dict for each label and average, with the ends of the intervals; derived from
                     the counts, and not read again
    units            a layer to {scored: how many were drawn from, units: [document, zone, sentence]
                     each}
    counts           a metric to {labels, columns, cells}: a list of numbers for each unit and label
                     that has any, in the order of columns

Everything is in an order that depends on nothing but the documents, so that equal results are equal
files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np

from evalkit.errors import InputError, escape_controls_in_json, quoted_repr
from evalkit.scoring.columns import Ints
from evalkit.scoring.counting import COUNTS
from evalkit.scoring.counts import Counts, merge_counts
from evalkit.scoring.digest import CorpusDigests
from evalkit.scoring.layers import LAYERS
from evalkit.scoring.metrics import DEFAULT_METRICS, Metric
from evalkit.scoring.span_edges import SpanEdges
from evalkit.scoring.zones import CountUnit
from evalkit.stats.intervals import FEW_DOCUMENTS, MOST_REPLICATES, Resampling

SCHEMA_VERSION = 3
COLUMNS = ("unit", "label", *COUNTS)
# What is read again
METADATA_KEYS = (
    "name",
    "model",
    "corpus",
    "options",
    "versions",
    "failures",
    "unplaced",
    "layers",
    "unscored_documents",
    "missing_documents",
    "unmapped_labels",
    "unused_labels",
    "conversion",
    "span_edges",
    "ambiguity",
)


class Result(NamedTuple):
    """What a file of a result says."""

    counts: list[Counts]
    resampling: Resampling
    digests: CorpusDigests | None
    metadata: dict[str, Any]


def to_json(
    counts: Sequence[Counts],
    rows: Sequence[Mapping[str, Any]],
    how: Resampling,
    digests: CorpusDigests | None,
    signed: Mapping[str, Mapping[str, str]],
    about: Mapping[str, Any],
) -> str:
    """A result as JSON, an entry of its longer lists on each line."""
    ordered = [of.sort_units() for of in counts]
    data = {
        "schema_version": SCHEMA_VERSION,
        **{name: about[name] for name in (*METADATA_KEYS, "warnings") if name in about},
        "failures": dict(sorted(about.get("failures", {}).items())),
        "intervals": {"method": how.method, **how._asdict()},
        "signature": signed,
        "digests": (
            digests
            and {
                "schema": digests.schema,
                "documents": {
                    marks: f"{total:064x}" for marks, total in sorted(digests.sums.items())
                },
            }
        ),
        "set_aside": {of.metric: dict(sorted(of.set_aside.items())) for of in ordered},
        "rows": list(rows),
        "units": {
            Metric.parse(of.metric).layer: {
                "scored": of.resampling_unit_count,
                "units": [list(unit) for unit in of.units],
            }
            for of in ordered
        },
        "counts": {of.metric: _sparse(of) for of in ordered},
    }
    return escape_controls_in_json(_dump_json_lines(data))


def _dump_json_lines(value: Any, depth: int = 0) -> str:
    """JSON with a line for each entry of dicts down to the third level, and of lists of lists or
    dicts.
    """
    pad = " " * (depth + 1)
    if isinstance(value, Mapping) and value and depth < 3:
        return (
            "{\n"
            + ",\n".join(
                f"{pad}{_compact(str(key))}: {_dump_json_lines(of, depth + 1)}"
                for key, of in value.items()
            )
            + f"\n{' ' * depth}}}"
        )
    if isinstance(value, list) and value and isinstance(value[0], (list, dict)):
        return "[\n" + ",\n".join(f"{pad}{_compact(of)}" for of in value) + f"\n{' ' * depth}]"
    return _compact(value)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def _sparse(counts: Counts) -> dict[str, Any]:
    cells = np.concatenate([np.stack([counts.unit, counts.label]), counts.values]).T
    return {"labels": list(counts.labels), "columns": list(COLUMNS), "cells": cells.tolist()}


class CorpusInfo(msgspec.Struct):
    """The corpus of a result."""

    name: str
    documents: Annotated[int, msgspec.Meta(ge=0)]


class IntervalsRead(msgspec.Struct):
    """How the intervals of a result were made."""

    units: Literal["documents", "sentences"]
    requested_units: Literal["auto", "documents", "sentences"]
    boot: Annotated[int, msgspec.Meta(ge=0, le=MOST_REPLICATES)]
    seed: Annotated[int, msgspec.Meta(ge=0)]
    level: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    documents: Annotated[int, msgspec.Meta(ge=0)]


class DigestsRead(msgspec.Struct):
    """The digests of a result."""

    schema: str
    documents: dict[str, Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]]


class UnitsRead(msgspec.Struct):
    """The units of a layer."""

    scored: int
    units: list[tuple[str, str | None, int | None]]


class CountsRead(msgspec.Struct):
    """The counts of a metric."""

    labels: list[str]
    columns: list[str]
    cells: list[list[Annotated[int, msgspec.Meta(ge=0, lt=2**31)]]]


class AmbiguityRead(msgspec.Struct):
    """By how much ambiguous quotes can change a metric."""

    annotations: Annotated[int, msgspec.Meta(ge=1)]
    worst: Annotated[float, msgspec.Meta(le=0)]
    best: Annotated[float, msgspec.Meta(ge=0)]


class LayersRead(msgspec.Struct):
    """What both sides hold."""

    gold: list[str]
    predicted: list[str]
    missing_layers: dict[str, str]
    has_failures: bool


class ResultRead(msgspec.Struct):
    """A result as it stands in a file: what is not of these types is refused with its place.

    Rows and warnings are derived, and not read.
    """

    schema_version: int
    model: str
    corpus: CorpusInfo
    options: dict[str, Any]
    versions: dict[str, str]
    failures: dict[str, str]
    unplaced: dict[str, int]
    layers: LayersRead
    unscored_documents: list[str]
    missing_documents: int
    unmapped_labels: dict[str, list[str]]
    unused_labels: list[str]
    intervals: IntervalsRead
    signature: dict[str, dict[str, str]]
    digests: DigestsRead | None
    set_aside: dict[str, dict[str, int]]
    units: dict[str, UnitsRead]
    counts: dict[str, CountsRead]
    name: str | None = None
    conversion: dict[str, dict[str, dict[str, int]]] = {}
    span_edges: dict[str, SpanEdges] = {}
    ambiguity: dict[str, AmbiguityRead] = {}


class _Version(msgspec.Struct):
    schema_version: int


def from_json(text: str) -> Result:
    """What a result's JSON says. Raises InputError where it is none, or says what cannot be."""
    try:
        if (version := msgspec.json.decode(text, type=_Version).schema_version) != SCHEMA_VERSION:
            raise InputError(
                f"schema version {version}: this evalkit reads version {SCHEMA_VERSION}; the"
                " definitions of some numbers changed between the two, so score the predictions"
                " again"
            )
        data = msgspec.json.decode(text, type=ResultRead)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError) as error:
        said = str(error).replace("`", "'")
        raise InputError(f"not a result of evalkit: {said}") from None
    how = Resampling(**msgspec.structs.asdict(data.intervals))
    if how.documents != data.corpus.documents:
        raise InputError(
            f"corpus: {data.corpus.documents} documents, and {how.documents} in intervals"
        )
    if not data.counts:
        raise InputError("not a result of evalkit: it has no counts")
    counts = [
        _dense(str(Metric.parse(metric)), cells, data) for metric, cells in data.counts.items()
    ]
    digests = None
    if data.digests is not None:
        digests = CorpusDigests(
            data.digests.schema,
            {marks: int(total, 16) for marks, total in data.digests.documents.items()},
        )
    about = {name: msgspec.to_builtins(getattr(data, name)) for name in METADATA_KEYS}
    for name in ("name", "ambiguity", "conversion", "span_edges"):
        if not about[name]:
            del about[name]
    return Result(counts, how, digests, about)


def _dense(metric: str, sparse: CountsRead, data: ResultRead) -> Counts:
    if tuple(sparse.columns) != COLUMNS:
        raise InputError(
            f"{metric}: columns {quoted_repr(sparse.columns)}; this evalkit reads"
            f" {', '.join(COLUMNS)}"
        )
    layer = Metric.parse(metric).layer
    if metric not in data.signature or metric not in data.set_aside or layer not in data.units:
        raise InputError(
            f"{metric}: counts without a signature, without what was set aside, or without units"
        )
    if not re.fullmatch(r"\d+/\d+", data.signature[metric].get("docs", "")):
        raise InputError(
            f"{metric}: signature: docs: {quoted_repr(data.signature[metric].get('docs'))}: such as"
            " 3/5 would do"
        )
    if any(len(cell) != len(COLUMNS) for cell in sparse.cells):
        raise InputError(f"{metric}: cells: a list of {len(COLUMNS)} numbers each would do")
    units = tuple(CountUnit(*unit) for unit in data.units[layer].units)
    cells: Ints = np.array(sparse.cells, np.int64).reshape(-1, len(COLUMNS))
    if len(cells) and (cells[:, 0].max() >= len(units) or cells[:, 1].max() >= len(sparse.labels)):
        raise InputError(f"{metric}: a count of a unit or label that is not listed")
    small = cells.astype(np.int32)
    counts = Counts(
        metric,
        tuple(sparse.labels),
        units,
        small[:, 0].copy(),
        cells[:, 1].copy(),
        np.ascontiguousarray(small[:, 2:].T),
        data.signature[metric],
        data.set_aside[metric],
        resampling_unit_count=data.units[layer].scored,
    )
    counts.validate()
    return counts


def layer_is_scorable(marks: str, layers: Mapping[str, Any]) -> bool:
    """Whether gold has a layer and the prediction gives it, or might have where it failed on
    everything.
    """
    return marks in layers["gold"] and (
        marks in layers["predicted"] or (layers["has_failures"] and not layers["predicted"])
    )


def check_layer_complete(marks: str, layers: Mapping[str, Any]) -> None:
    """A prediction that gives a layer must give it for every document that gold annotates.

    Raises InputError.
    """
    if marks in layers["missing_layers"] and marks in layers["predicted"]:
        raise InputError(
            f"document {quoted_repr(layers['missing_layers'][marks])}: the prediction has no"
            f" {marks}, while others have; write an empty list for none found, or a failure with"
            " its reason"
        )


def merge_results(results: Sequence[Result]) -> Result:
    """The result of the whole, of those of its shards.

    Raises InputError, naming the field, where they were not scored alike.
    """
    if not results:
        raise InputError("no results to merge")
    first = results[0]
    for name in ("model", "options"):
        _require_equal(name, [result.metadata[name] for result in results])
    _require_equal("name", [result.metadata.get("name") for result in results])
    _require_equal("versions", [result.metadata["versions"].get("evalkit") for result in results])
    _check_disjoint(results)
    _require_equal("corpus", [result.metadata["corpus"]["name"] for result in results])
    _require_equal("schema", [result.digests and result.digests.schema for result in results])
    for name in ("requested_units", "boot", "seed", "level"):
        _require_equal(name, [getattr(result.resampling, name) for result in results])
    documents = sum(result.resampling.documents for result in results)
    units = (
        first.resampling.units
        if first.resampling.requested_units != "auto"
        else "sentences"
        if documents < FEW_DOCUMENTS
        else "documents"
    )
    how = first.resampling._replace(units=units, documents=documents)
    counts = [
        _joined(
            [found for result in results for found in result.counts if found.metric == metric], how
        )
        for metric in _metrics(results)
    ]
    return Result(counts, how, _merge_digests(results), _merge_metadata(results, documents))


def _require_equal(name: str, values: Sequence[Any]) -> None:
    for value in values[1:]:
        if value != values[0]:
            raise InputError(
                f"{name}: {quoted_repr(values[0])} and {quoted_repr(value)}; merge shards of one"
                " corpus that were scored alike"
            )


def _check_disjoint(results: Sequence[Result]) -> None:
    seen: set[str] = set()
    for result in results:
        own = {unit.document for counts in result.counts for unit in counts.units}.union(
            result.metadata["unscored_documents"]
        )
        if twice := seen & own:
            raise InputError(
                f"document {quoted_repr(min(twice))} is in two of the results: merge shards of one"
                " corpus, each once"
            )
        seen |= own


def _metrics(results: Sequence[Result]) -> list[str]:
    """The metrics of the whole: those that were asked for, or of the layers that both sides have
    somewhere.
    """
    found = dict.fromkeys(counts.metric for result in results for counts in result.counts)
    layers = _layers(results)
    for metric in found:
        check_layer_complete(LAYERS[Metric.parse(metric).layer].document_layer, layers)
    if results[0].metadata["options"].get("metrics") is not None:
        return list(found)
    return sorted(
        (
            metric
            for metric in found
            if layer_is_scorable(LAYERS[Metric.parse(metric).layer].document_layer, layers)
        ),
        key=DEFAULT_METRICS.index,
    )


def _layers(results: Sequence[Result]) -> dict[str, Any]:
    every = [result.metadata["layers"] for result in results]
    owed: dict[str, str] = {}
    for layers in every:
        for marks, document in layers["missing_layers"].items():
            owed[marks] = min(document, owed.get(marks, document))
    sides = {
        side: sorted({marks for layers in every for marks in layers[side]})
        for side in ("gold", "predicted")
    }
    return {
        **sides,
        "missing_layers": dict(sorted(owed.items())),
        "has_failures": any(layers["has_failures"] for layers in every),
    }


def _joined(shards: Sequence[Counts], how: Resampling) -> Counts:
    if how.units == "documents":
        shards = [shard.merge_sentences() for shard in shards]
    for name in shards[0].signature:
        if name not in ("docs", "corpus", "units"):
            _require_equal(
                f"{shards[0].metric}, {name}", [shard.signature.get(name) for shard in shards]
            )
    annotated = sum(int(shard.signature["docs"].partition("/")[0]) for shard in shards)
    changed = {"docs": f"{annotated}/{how.documents}", "units": how.units}
    if "corpus" in shards[0].signature:
        changed["corpus"] = shards[0].signature["corpus"].rpartition("@")[0] + "@"
    counts = merge_counts(shards, {**shards[0].signature, **changed})
    if "documents_not_annotated" in counts.set_aside:
        counts = replace(
            counts,
            set_aside={**counts.set_aside, "documents_not_annotated": how.documents - annotated},
        )
    return counts


def _merge_digests(results: Sequence[Result]) -> CorpusDigests | None:
    if results[0].digests is None:
        return None
    sums: dict[str, int] = {}
    for result in results:
        for marks, total in result.digests.sums.items() if result.digests else ():
            sums[marks] = (sums.get(marks, 0) + total) % 2**256
    return CorpusDigests(results[0].digests.schema, sums)


def _merge_metadata(results: Sequence[Result], documents: int) -> dict[str, Any]:
    abouts = [result.metadata for result in results]
    choices = _choices_together(abouts)
    conversion, edges = _add_conversions(abouts), _add_edges(abouts)
    reasons: dict[str, int] = {}
    unmapped: dict[str, set[str]] = {}
    for about in abouts:
        for reason, number in about["unplaced"].items():
            reasons[reason] = reasons.get(reason, 0) + number
        for layer, labels in about["unmapped_labels"].items():
            unmapped.setdefault(layer, set()).update(labels)
    return {
        **abouts[0],
        "versions": {
            name: "+".join(sorted({about["versions"][name] for about in abouts}))
            for name in abouts[0]["versions"]
        },
        "layers": _layers(results),
        "unscored_documents": sorted(id for about in abouts for id in about["unscored_documents"]),
        "corpus": {"name": abouts[0]["corpus"]["name"], "documents": documents},
        "failures": {id: reason for about in abouts for id, reason in about["failures"].items()},
        "unplaced": dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        "missing_documents": sum(about["missing_documents"] for about in abouts),
        "unmapped_labels": {layer: sorted(labels) for layer, labels in sorted(unmapped.items())},
        "unused_labels": sorted(
            set.intersection(*(set(about["unused_labels"]) for about in abouts))
        ),
        **({"conversion": conversion} if conversion else {}),
        **({"span_edges": edges} if edges else {}),
        **({"ambiguity": choices} if choices else {}),
    }


def _add_edges(abouts: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The counts of entities with white space or punctuation at an edge, added up over shards."""
    total: dict[str, SpanEdges] = {}
    for about in abouts:
        for side, edges in about.get("span_edges", {}).items():
            total.setdefault(side, SpanEdges()).merge(msgspec.convert(edges, SpanEdges))
    return {side: edges.to_json() for side, edges in total.items()}


def _add_conversions(abouts: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, int]]]:
    """The counts of what readers dropped, repaired and skipped, added up over shards."""
    total: dict[str, dict[str, dict[str, int]]] = {}
    for about in abouts:
        for side, sections in about.get("conversion", {}).items():
            for section, counts in sections.items():
                sums = total.setdefault(side, {}).setdefault(section, {})
                for name, count in counts.items():
                    sums[name] = sums.get(name, 0) + count
    return total


def _choices_together(abouts: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for about in abouts:
        for metric, moved in about.get("ambiguity", {}).items():
            known = found.setdefault(metric, dict.fromkeys(moved, 0))
            for name, value in moved.items():
                known[name] += value
    return found
