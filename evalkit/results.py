"""What is written down of a result? JSON from which every report and comparison is made again without the model.

It holds no text of the corpus. The keys, in schema version 2:

    schema_version   2
    model, corpus    the model's name; the corpus's {name, documents}
    options          what was asked for: metrics, labels ({kind, value}), zones, missing, units
    resampling       {units: documents or sentences, asked: also auto, boot, seed, level, documents}
    signature        a metric to its fields, in order
    digests          {schema: sha256, documents: a layer to the sum of its documents' digests}; null without documents
    versions         of evalkit and numpy
    failures         a document to the reason for which the model failed on it
    unplaced         a reason to how many items had no place in the text
    absent           how many documents the prediction lacks and were taken as empty
    unmapped         a layer to the labels that a label map does not name
    nowhere          labels that were to be kept and are nowhere
    warnings         what a reader should know first; derived, and not read again
    set_aside        a metric to how many items were set aside for which reason
    rows             a dict for each label and average, with the ends of the intervals; derived from the counts, and not read again
    units            a layer to {scored: how many were drawn from, units: [document, zone, sentence] each}
    counts           a metric to {labels, columns, cells}: a list of numbers for each unit and label that has any, in the order of columns

Everything is in an order that depends on nothing but the documents, so that equal results are equal files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from evalkit.columns import Ints
from evalkit.counting import COUNTS
from evalkit.counts import Counts, joined_counts
from evalkit.digest import Digests
from evalkit.errors import InputError, shown
from evalkit.intervals import FEW_DOCUMENTS, Resampling
from evalkit.metrics import DEFAULTS, Metric
from evalkit.zones import Unit

SCHEMA_VERSION = 2
COLUMNS = ("unit", "label", *COUNTS)
ABOUT = ("model", "corpus", "options", "versions", "failures", "unplaced", "absent", "unmapped", "nowhere")  # what is read again


class Result(NamedTuple):
    """What a file of a result says."""

    counts: list[Counts]
    how: Resampling
    digests: Digests | None
    about: dict[str, Any]


def written(
    counts: Sequence[Counts], rows: Sequence[Mapping[str, Any]], how: Resampling, digests: Digests | None,
    signed: Mapping[str, Mapping[str, str]], about: Mapping[str, Any],
) -> str:  # fmt: skip
    """A result as JSON, an entry of its longer lists on each line."""
    ordered = [of.in_order() for of in counts]
    data = {
        "schema_version": SCHEMA_VERSION,
        **{name: about[name] for name in (*ABOUT, "warnings") if name in about},
        "failures": dict(sorted(about.get("failures", {}).items())),
        "resampling": how._asdict(),
        "signature": signed,
        "digests": digests and {"schema": digests.schema, "documents": {marks: f"{total:064x}" for marks, total in sorted(digests.sums.items())}},
        "set_aside": {of.metric: dict(sorted(of.set_aside.items())) for of in ordered},
        "rows": list(rows),
        "units": {Metric.of(of.metric).layer: {"scored": of.scored, "units": [list(unit) for unit in of.units]} for of in ordered},
        "counts": {of.metric: _sparse(of) for of in ordered},
    }
    return _laid_out(data)


def _laid_out(value: Any, depth: int = 0) -> str:
    """JSON with a line for each entry of dicts down to the third level, and of lists of lists or dicts."""
    pad = " " * (depth + 1)
    if isinstance(value, Mapping) and value and depth < 3:
        return "{\n" + ",\n".join(f"{pad}{_compact(str(key))}: {_laid_out(of, depth + 1)}" for key, of in value.items()) + f"\n{' ' * depth}}}"
    if isinstance(value, list) and value and isinstance(value[0], (list, dict)):
        return "[\n" + ",\n".join(f"{pad}{_compact(of)}" for of in value) + f"\n{' ' * depth}]"
    return _compact(value)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def _sparse(counts: Counts) -> dict[str, Any]:
    cells = np.concatenate([np.stack([counts.unit, counts.label]), counts.values]).T
    return {"labels": list(counts.labels), "columns": list(COLUMNS), "cells": cells.tolist()}


def read(text: str) -> Result:
    """What a result's JSON says. Raises InputError where it is none, or says what cannot be."""
    try:
        data = json.loads(text)
        if data["schema_version"] != SCHEMA_VERSION:
            raise InputError(f"a result of schema version {data['schema_version']!r}; this evalkit reads {SCHEMA_VERSION}")
        how = Resampling(**data["resampling"])
        if how.units not in ("documents", "sentences") or not all(type(n) is int and n >= 0 for n in (how.boot, how.documents)):
            raise InputError(f"resampling: {shown(data['resampling'])} is none")
        counts = [_dense(str(Metric.of(metric)), cells, data) for metric, cells in data["counts"].items()]
        if not counts:
            raise InputError("not a result of evalkit: it has no counts")
        written_digests = data["digests"]
        digests = written_digests and Digests(written_digests["schema"], {marks: int(total, 16) for marks, total in written_digests["documents"].items()})
        about = {name: data[name] for name in ABOUT if name in data}
        about["failures"] = dict(about["failures"])
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise InputError(f"not a result of evalkit: {type(error).__name__}: {error}") from None
    return Result(counts, how, digests, about)


def _dense(metric: str, sparse: Mapping[str, Any], data: Mapping[str, Any]) -> Counts:
    if tuple(sparse["columns"]) != COLUMNS:
        raise InputError(f"{metric}: columns {shown(sparse['columns'])}; this evalkit reads {', '.join(COLUMNS)}")
    listed = data["units"][Metric.of(metric).layer]
    units = tuple(Unit(*unit) for unit in listed["units"])
    cells: Ints = np.array(sparse["cells"], np.int64).reshape(-1, len(COLUMNS))
    labels = tuple(sparse["labels"])
    if len(cells) and not (0 <= cells[:, 0].min() <= cells[:, 0].max() < len(units) and 0 <= cells[:, 1].min() <= cells[:, 1].max() < len(labels)):
        raise IndexError(f"{metric}: a count of a unit or label that is not listed")
    if cells.max(initial=0) >= 2**31:
        raise InputError(f"{metric}: a count beyond what can be")
    signature = {str(name): str(value) for name, value in data["signature"][metric].items()}
    small = cells.astype(np.int32)
    counts = Counts(
        metric, labels, units, small[:, 0].copy(), cells[:, 1].copy(), np.ascontiguousarray(small[:, 2:].T), signature,
        dict(data["set_aside"][metric]), scored=int(listed["scored"]),
    )  # fmt: skip
    counts.refuse_impossible()
    return counts


def merged(results: Sequence[Result]) -> Result:
    """The result of the whole, of those of its shards. Raises InputError, naming the field, where they were not scored alike."""
    if not results:
        raise InputError("no results to merge")
    first = results[0]
    for name in ("model", "options", "versions"):
        _refuse_unlike(name, [result.about.get(name) for result in results])
    _refuse_unlike("corpus", [result.about["corpus"]["name"] for result in results])
    _refuse_unlike("schema", [result.digests and result.digests.schema for result in results])
    for name in ("asked", "boot", "seed", "level"):
        _refuse_unlike(name, [getattr(result.how, name) for result in results])
    documents = sum(result.how.documents for result in results)
    units = first.how.units if first.how.asked != "auto" else "sentences" if documents < FEW_DOCUMENTS else "documents"
    how = first.how._replace(units=units, documents=documents)
    counts = [_joined([found for result in results for found in result.counts if found.metric == metric], how) for metric in _metrics(results)]
    return Result(counts, how, _summed(results), _together(results, documents))


def _refuse_unlike(name: str, values: Sequence[Any]) -> None:
    for value in values[1:]:
        if value != values[0]:
            raise InputError(f"{name}: {shown(values[0])} and {shown(value)}; merge shards of one corpus that were scored alike")


def _metrics(results: Sequence[Result]) -> list[str]:
    found = dict.fromkeys(counts.metric for result in results for counts in result.counts)
    return sorted(found, key=DEFAULTS.index) if results[0].about["options"]["metrics"] is None else list(found)


def _joined(shards: Sequence[Counts], how: Resampling) -> Counts:
    if how.units == "documents":
        shards = [shard.by_documents() for shard in shards]
    for name in shards[0].signature:
        if name not in ("docs", "corpus", "units"):
            _refuse_unlike(f"{shards[0].metric}, {name}", [shard.signature.get(name) for shard in shards])
    annotated = sum(int(shard.signature["docs"].partition("/")[0]) for shard in shards)
    changed = {"docs": f"{annotated}/{how.documents}", "units": how.units}
    if "corpus" in shards[0].signature:
        changed["corpus"] = shards[0].signature["corpus"].rpartition("@")[0] + "@"
    counts = joined_counts(shards, {**shards[0].signature, **changed})
    if "documents_not_annotated" in counts.set_aside:
        counts = replace(counts, set_aside={**counts.set_aside, "documents_not_annotated": how.documents - annotated})
    return counts


def _summed(results: Sequence[Result]) -> Digests | None:
    if results[0].digests is None:
        return None
    sums: dict[str, int] = {}
    for result in results:
        for marks, total in result.digests.sums.items() if result.digests else ():
            sums[marks] = (sums.get(marks, 0) + total) % 2**256
    return Digests(results[0].digests.schema, sums)


def _together(results: Sequence[Result], documents: int) -> dict[str, Any]:
    abouts = [result.about for result in results]
    reasons: dict[str, int] = {}
    unmapped: dict[str, set[str]] = {}
    for about in abouts:
        for reason, number in about["unplaced"].items():
            reasons[reason] = reasons.get(reason, 0) + number
        for layer, labels in about["unmapped"].items():
            unmapped.setdefault(layer, set()).update(labels)
    return {
        **abouts[0],
        "corpus": {"name": abouts[0]["corpus"]["name"], "documents": documents},
        "failures": {id: reason for about in abouts for id, reason in about["failures"].items()},
        "unplaced": dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        "absent": sum(about["absent"] for about in abouts),
        "unmapped": {layer: sorted(labels) for layer, labels in unmapped.items()},
        "nowhere": sorted(set.intersection(*(set(about["nowhere"]) for about in abouts))),
    }
