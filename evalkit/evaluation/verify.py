"""Verifies a saved result: scores gold and predictions again, and reports what differs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.corpus import Corpus
from evalkit.data.label_maps import decode_label_map
from evalkit.errors import InputError, quoted_repr
from evalkit.evaluation.corpus_scores import score
from evalkit.results.scores import Scores

IGNORED_KEYS = ("model", "versions")  # may differ: digests and counts identify what was scored
# Rows follow from counts, and warnings, sums of items and errors from both.
DERIVED_KEYS = ("counts", "units", "set_aside", "accuracy", "warnings", "error_counts")
MAX_REPORTED = 20


def find_differences(
    result: Scores | str | Path, gold: Corpus | str | Path, predicted: Corpus | str | Path
) -> list[str]:
    """Score again as the result (or the file of one) says it was scored, and say what differs;
    nothing, if it is the same.

    The names of model and corpus may differ, and so may versions. Raises InputError for a result
    that was made without documents.
    """
    written = result.to_json() if isinstance(result, Scores) else None
    result = result if isinstance(result, Scores) else Scores.load(path := result)
    options = result.metadata.options
    if result.digests() is None:
        raise InputError(
            "this result was made from tags or bare spans; only one of documents can be verified"
        )
    how = result.resampling
    again = score(
        gold,
        predicted,
        options.metrics,
        labels=options.labels,
        label_map=decode_label_map(options.label_map),
        zones=options.zones or "primary",
        missing=options.missing or "error",
        units=options.units or "auto",
        boot=how.boot,
        seed=how.seed,
        level=how.level,
        normalization=options.normalization or None,
        match_texts=options.match_texts is not False,
        nil=options.nil or None,
        plain_gold=bool(options.plain_gold),
        heads=options.heads or None,
    )
    one = json.loads(written or Path(path).read_text(encoding="utf-8"))
    for layer in one.get("error_counts", ()):
        again.errors(layer)  # whose counts the result then has, too
    one, two = _without_names(one), _without_names(json.loads(again.to_json()))
    rows = [data.pop("rows", None) for data in (one, two)]
    differences = list(_differing_rows(*rows))
    if differences:
        for key in DERIVED_KEYS:
            one.pop(key, None)
            two.pop(key, None)
    return [*differences, *_differing(one, two)] or list(_differing(rows[0], rows[1], "rows: "))


def _differing_rows(
    written: Sequence[Mapping[str, Any]], scored: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Of each metric and each label with other counts: F1 in the result and now. The micro average
    comes first.
    """
    sides = [_rows_by_key(rows) for rows in (written, scored)]
    keys = [key for key in dict.fromkeys([*sides[0], *sides[1]]) if key[1] in ("micro", "")]
    lines: dict[str, list[str]] = {}
    for key in sorted(keys, key=lambda key: key[1] != "micro"):
        old, new = (side.get(key, {}) for side in sides)
        changed = [name for name in ("tp", "fp", "fn") if old.get(name) != new.get(name)]
        if not changed:
            continue
        metric, average, label = key
        numbers = ", ".join(
            f"{name.upper()} {_number(old.get(name))} → {_number(new.get(name))}"
            for name in changed
        )
        f1 = f"F1 {_ratio(old.get('f1'))} → {_ratio(new.get('f1'))}"
        lines.setdefault(metric, []).append(f"{metric} {average or label} {f1} ({numbers})")
    for of_metric in lines.values():
        yield from of_metric


def _rows_by_key(
    rows: Sequence[Mapping[str, Any]],
) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    """The rows by metric, average and label."""
    return {(row["metric"], row["average"] or "", row["label"] or ""): row for row in rows}


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _without_names(data: dict[str, Any]) -> dict[str, Any]:
    data["corpus"].pop("name")
    data.pop("name", None)
    data.pop("gates", None)
    data.pop("ceiling", None)  # of other corpora
    for name in IGNORED_KEYS:
        data.pop(name)
    for fields in data["signature"].values():
        fields.pop("model")
        fields.pop("evalkit")
        fields["corpus"] = fields["corpus"].rpartition("@")[2]
    return data


def _differing(one: Any, two: Any, path: str = "") -> Iterator[str]:
    """Each place in which two results differ, down to the single value."""
    if isinstance(one, dict) and isinstance(two, dict):
        for key in dict.fromkeys([*one, *two]):
            if key not in one or key not in two:
                yield (
                    f"{path}{key}: only in {'the result' if key in one else 'what was scored now'}"
                )
            else:
                yield from _differing(one[key], two[key], f"{path}{key}: ")
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for n, (left, right) in enumerate(zip(one, two, strict=True)):
            yield from _differing(left, right, f"{path.removesuffix(': ')}[{n}]: ")
    elif one != two:
        yield f"{path}{quoted_repr(one)} in the result, {quoted_repr(two)} now"
