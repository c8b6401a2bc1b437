"""Result files: JSON from which reports and comparisons can be made without model and corpus.

A result file holds no text of the corpus. The keys, in schema version 4
(files of version 3, whose units and counts were lists, are read, too):

    schema_version   4
    model, corpus    the model's name; the corpus's {name, documents}
    options          metrics, labels, label_map, zones, missing, units as they were given, and
                     plain_gold if it is true; for tags tagging and repair instead of the last three
    intervals        {method, units: documents or sentences, requested_units: also auto, boot, seed,
                     level, documents}
    signature        a metric to its fields, in order
    digests          {schema: sha256, documents: a layer to the sum of its documents' digests}; null
                     without documents
    versions         of evalkit and numpy
    failures         a document to the reason for which the model failed on it
    unplaced         a reason to the number of predicted items without a valid place in the text
    layers           {gold, predicted: the layers that each side annotates in any document;
                     missing_layers: a layer that some predicted documents have to the first
                     document without it; has_failures: whether the model failed on any document}
    unscored_documents  documents in which none of the scored layers is annotated
    missing_documents   how many gold documents had no prediction and were scored as empty
    unmapped_labels  a layer to the labels that its label map does not name
    unused_labels    labels named in `labels` or `label_map` that occur in neither corpus
    conversion       for gold and predicted: what their readers {dropped, repaired, skipped}, each a
                     name to a count; detected, only if anything was: a name, such as "format
                     doccano", to the number of files
    span_edges       for gold and predicted: how many {entities, with_edges: those with white space
                     or punctuation at an edge, example: document, start and end of the least of
                     these}
    ambiguity        only if quotes are ambiguous: a metric to {annotations: how many may stand in
                     several places, worst and best: by how much tp changes under the worst and the
                     best placement}; see evaluation/ambiguity.py
    plain_differences  only if gold is not plain: a metric to what its sums over all items change by
                     if alternatives, optional items and ignore regions of gold are ignored: {gold,
                     predicted, credit: the doubled credit of the pairs}
    error_counts     only if errors were analyzed: the counts of each layer; see
                     results/error_counts_file.py
    gates            only if any were checked: a list of {rule, value, passed}; see results/gates.py
    ceiling          only if the annotators of gold were given: a metric to their agreement {f1,
                     low, high, min, max, pairs, documents, labels: a label to F1, annotators: the
                     F1 of each against gold}; see results/ceiling.py
    warnings         warnings of the report; derived, and not read again
    set_aside        a metric to how many items were set aside for which reason
    accuracy         only if any metric has one: a metric to {correct, pairs}: how many of the pairs
                     of items with one span are equal
    rows             a dict for each label and average, with the ends of the intervals; derived from
                     the counts, and not read again
    documents        the ids of the documents that any unit is of
    units            a layer to {scored: the number of resampling units, and columns of its units};
                     see results/counts_file.py
    counts           a metric to {labels, and columns of the cells: of each unit and label that has
                     any items}; see results/counts_file.py

Everything is in an order that depends on nothing but the documents, so that equal results are equal
files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from evalkit.errors import InputError, escape_controls_in_json, quoted_repr
from evalkit.results.counts_file import (
    CountsRead,
    FormerCountsRead,
    FormerUnitsRead,
    UnitsRead,
    counts_to_json,
    list_documents,
    units_to_json,
)
from evalkit.results.emulated_scores import not_comparable
from evalkit.results.error_counts_file import (
    ErrorCountsRead,
    decode_error_counts,
    error_counts_to_json,
)
from evalkit.results.metadata import ResultMetadata
from evalkit.results.result import Result
from evalkit.scoring.counts import Accuracy, Counts, UnitOrder, sort_shared_units
from evalkit.scoring.digest import CorpusDigests
from evalkit.scoring.metrics import Metric
from evalkit.scoring.zones import CountUnit
from evalkit.stats.intervals import MOST_REPLICATES, Resampling, choose_units

SCHEMA_VERSION = 4
FORMER_VERSION = 3


def iter_json(
    result: Result,
    rows: Sequence[Mapping[str, Any]],
    signature_fields: Mapping[str, Mapping[str, str]],
    warnings: Sequence[str],
) -> Iterator[str]:
    """Yields the pieces of a result as JSON, with a line for each entry of its longer lists.

    signature_fields: a metric to the fields of its signature.
    """
    orders = sort_shared_units(result.counts)
    documents = list_documents([order.units for order in orders])
    index = {document: n for n, document in enumerate(documents)}
    metadata = result.metadata.to_builtins()
    metadata["failures"] = dict(sorted(metadata["failures"].items()))
    resampling = result.resampling
    units: dict[str, Any] = {}
    counts: dict[str, Any] = {}
    for each, order in zip(result.counts, orders, strict=True):
        layer = Metric.parse(each.metric).layer
        if layer not in units:
            units[layer] = units_to_json(order.units, each.resampling_unit_count, index)
        counts[each.metric] = partial(_encode_counts, each, order)
    data = {
        "schema_version": SCHEMA_VERSION,
        **metadata,
        "warnings": list(warnings),
        "intervals": {"method": resampling.method, **resampling._asdict()},
        "signature": signature_fields,
        "digests": _digests_to_json(result.digests),
        "set_aside": {each.metric: dict(sorted(each.set_aside.items())) for each in result.counts},
        "rows": list(rows),
        "documents": documents,
        "units": units,
        "counts": counts,
    }
    accuracy = {
        each.metric: each.accuracy._asdict() for each in result.counts if each.accuracy is not None
    }
    if accuracy:
        data["accuracy"] = accuracy
    if result.error_counts:
        data["error_counts"] = {
            layer: error_counts_to_json(result.error_counts[layer])
            for layer in sorted(result.error_counts)
        }
    return map(escape_controls_in_json, _iter_json_lines(data))


def _encode_counts(counts: Counts, order: UnitOrder) -> dict[str, Any]:
    return counts_to_json(order.arrange(counts))


def _digests_to_json(digests: CorpusDigests | None) -> dict[str, Any] | None:
    if digests is None:
        return None
    documents = {layer: f"{total:032x}" for layer, total in sorted(digests.sums.items())}
    return {"schema": digests.schema, "documents": documents}


def _iter_json_lines(value: Any, depth: int = 0) -> Iterator[str]:
    """Yields JSON with a line for each entry of dicts down to the third level, and of lists of
    lists or dicts. Columns of numbers are written without spaces.

    The value of a function is computed when it is its turn, so that the counts of large corpora are
    not all in memory at once.
    """
    if callable(value):
        value = value()
    indent = " " * (depth + 1)
    if isinstance(value, Mapping) and value and depth < 3:
        separator = "{\n"
        for key, entry in value.items():
            yield f"{separator}{indent}{_compact_json(str(key))}: "
            yield from _iter_json_lines(entry, depth + 1)
            separator = ",\n"
        yield f"\n{' ' * depth}}}"
    elif isinstance(value, list) and value and isinstance(value[0], (list, dict)):
        text = _compact_json(value)
        if text.startswith("[[") and '"' not in text and "[[" not in text[1:]:
            # Lists of numbers, such as counts: one call for all of them takes a tenth of the time.
            lines = text[1:-1].replace("], [", f"],\n{indent}[")
            yield f"[\n{indent}{lines}\n{' ' * depth}]"
            return
        entries = [f"{indent}{_compact_json(entry)}" for entry in value]
        yield "[\n" + ",\n".join(entries) + f"\n{' ' * depth}]"
    elif isinstance(value, np.ndarray):
        yield msgspec.json.encode(value.tolist()).decode()
    elif isinstance(value, list) and value and isinstance(value[0], int):
        yield msgspec.json.encode(value).decode()
    else:
        yield _compact_json(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def _compact_json(value: Any) -> str:
    return _ENCODER.encode(value)


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
    # 64 digits: of results that were saved when documents were hashed with sha256
    documents: dict[str, Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{32}|[0-9a-f]{64})$")]]


class AccuracyRead(msgspec.Struct):
    """The accuracy of a metric."""

    correct: Annotated[int, msgspec.Meta(ge=0)]
    pairs: Annotated[int, msgspec.Meta(ge=0)]

    def decode(self, metric: str) -> Accuracy:
        """The accuracy. Raises InputError if more pairs are correct than there are."""
        if self.correct > self.pairs:
            raise InputError(f"accuracy: {metric}: {self.correct} correct pairs of {self.pairs}")
        return Accuracy(self.correct, self.pairs)


class ResultRead(ResultMetadata, kw_only=True):
    """A result as it is in a file: a value of another type is refused, with its location.

    Rows and warnings are derived, and not read.
    """

    schema_version: int
    failures: dict[str, str]
    unplaced: dict[str, int]
    unscored_documents: list[str]
    missing_documents: int
    unmapped_labels: dict[str, list[str]]
    unused_labels: list[str]
    model: str
    intervals: IntervalsRead
    signature: dict[str, dict[str, str]]
    digests: DigestsRead | None
    set_aside: dict[str, dict[str, int]]
    accuracy: dict[str, AccuracyRead] = msgspec.field(default_factory=dict)
    documents: list[str]
    units: dict[str, UnitsRead]
    counts: dict[str, CountsRead]
    error_counts: dict[str, ErrorCountsRead] = msgspec.field(default_factory=dict)

    def metadata(self) -> ResultMetadata:
        """The part of it that is metadata."""
        fields = ResultMetadata.__struct_fields__
        return ResultMetadata(**{name: getattr(self, name) for name in fields})


class FormerResultRead(ResultRead, kw_only=True):
    """A result of schema version 3."""

    documents: list[str] = msgspec.field(default_factory=list)
    units: dict[str, FormerUnitsRead]  # type: ignore[assignment]
    counts: dict[str, FormerCountsRead]  # type: ignore[assignment]


_READ_TYPES = {SCHEMA_VERSION: ResultRead, FORMER_VERSION: FormerResultRead}


class _Version(msgspec.Struct):
    schema_version: int


class _EmulatedSigns(msgspec.Struct):
    """What the JSON of emulated scores begins with."""

    scorer: str
    version: str
    emulated_scores: int


def _refuse_emulated(text: str) -> None:
    """Raises InputError for the numbers of another scorer."""
    if '"emulated_scores"' not in text[:200]:
        return
    try:
        signs = msgspec.json.decode(text, type=_EmulatedSigns)
    except msgspec.MsgspecError:
        return
    raise InputError(not_comparable(signs.scorer, signs.version))


def from_json(text: str) -> Result:
    """The result in the text of a result file.

    Raises InputError for text that is no result, and for values that contradict each other.
    """
    _refuse_emulated(text)
    try:
        version = msgspec.json.decode(text, type=_Version).schema_version
        if version not in _READ_TYPES:
            raise InputError(
                f"schema version {version}: this evalkit reads versions {FORMER_VERSION} and"
                f" {SCHEMA_VERSION}; score the predictions again"
            )
        data = msgspec.json.decode(text, type=_READ_TYPES[version])
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError) as error:
        message = str(error).replace("`", "'")
        raise InputError(f"not a result of evalkit: {message}") from None
    resampling = Resampling(**msgspec.structs.asdict(data.intervals))
    if resampling.documents != data.corpus.documents:
        raise InputError(
            f"corpus: {data.corpus.documents} documents, and {resampling.documents} in intervals"
        )
    if not data.counts:
        raise InputError("not a result of evalkit: it has no counts")
    units_of = {layer: units.decode(layer, data.documents) for layer, units in data.units.items()}
    counts = [
        _decode_counts(str(Metric.parse(metric)), columns, data, units_of)
        for metric, columns in data.counts.items()
    ]
    chosen_units = choose_units(resampling.requested_units, resampling.documents)
    if chosen_units == "documents" and resampling.units == "sentences":
        # Written when the units of few documents were sentences.
        counts = [each.merge_sentences() for each in counts]
        resampling = resampling._replace(units=chosen_units)
    counts = [_renew_signature(each, resampling) for each in counts]
    digests = None
    if data.digests is not None:
        sums = {layer: int(total, 16) for layer, total in data.digests.documents.items()}
        digests = CorpusDigests(data.digests.schema, sums)
    error_counts = {
        layer: decode_error_counts(layer, read) for layer, read in data.error_counts.items()
    }
    return Result(counts, resampling, digests, data.metadata(), error_counts)


def _renew_signature(counts: Counts, resampling: Resampling) -> Counts:
    """The counts with the signature of the intervals that are computed from them now; earlier
    results name the bootstrap's replicates and seed instead.
    """
    if "boot" not in counts.signature:
        return counts
    signature: dict[str, str] = {}
    for name, value in counts.signature.items():
        if name == "units":
            signature |= resampling.signature_fields()
        elif name not in ("level", "boot", "seed"):
            signature[name] = value
    return replace(counts, signature=signature)


def _decode_counts(
    metric: str,
    columns: CountsRead,
    data: ResultRead,
    units_of: Mapping[str, tuple[CountUnit, ...]],
) -> Counts:
    """The counts of a metric. units_of: the units of each layer.

    Raises InputError for counts that do not fit the rest of the file.
    """
    layer = Metric.parse(metric).layer
    if metric not in data.signature or metric not in data.set_aside or layer not in units_of:
        raise InputError(
            f"{metric}: the result has counts of this metric, but no signature, set_aside or units"
        )
    documents = data.signature[metric].get("docs", "")
    if not re.fullmatch(r"\d+/\d+", documents):
        raise InputError(
            f"{metric}: signature: docs: invalid value {quoted_repr(documents)}: expected two"
            " numbers such as 3/5"
        )
    units = units_of[layer]
    unit, label, *values = columns.decode(metric, len(units))
    if len(unit) and (unit.max() >= len(units) or label.max() >= len(columns.labels)):
        raise InputError(f"{metric}: a count of a unit or label that is not listed")
    counts = Counts(
        metric,
        tuple(columns.labels),
        units,
        unit.astype(np.int32),
        label.copy(),
        np.stack(values).astype(np.int32),
        data.signature[metric],
        data.set_aside[metric],
        resampling_unit_count=data.units[layer].scored,
        accuracy=data.accuracy[metric].decode(metric) if metric in data.accuracy else None,
    )
    counts.validate()
    return counts
