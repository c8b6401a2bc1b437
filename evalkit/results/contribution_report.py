"""Tables and sentences of what labels, documents and zones contribute to a difference in F1."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalkit.errors import UnknownNameError, escape_controls, escape_controls_in_json, shorten
from evalkit.results.contributions import Contribution, SplitDifference, sum_exactly
from evalkit.results.tables import (
    RENDERERS,
    NumberFormat,
    Report,
    Table,
    to_html_fragment,
)
from evalkit.results.wording import format_count

MOST_PARTS = 10  # that a table shows; the rest is one line
MOST_NAMED = 5  # in a sentence
NO_ZONE = "–"  # text in no zone


@dataclass(frozen=True, repr=False)
class Contributions:
    """What the parts of a feature contribute to each difference of a comparison: print it, or get
    its rows.

    by: the feature, such as "label". differences: those that are defined, of each metric and pair
    of systems.
    """

    by: str
    differences: tuple[SplitDifference, ...]

    def rows(self) -> list[dict[str, Any]]:
        """A dict for each part of each difference, the largest contribution first."""
        return [row for difference in self.differences for row in difference.rows()]

    def render(
        self,
        format: str = "table",
        *,
        width: int | None = None,
        digits: int | None = None,
        percent: bool = False,
    ) -> str:
        """The contributions as table, markdown, latex, csv, html or json.

        width: columns of the terminal, for the table. digits: decimals (default 4, in percent 2).
        percent: percent instead of fractions. csv and json always hold all parts, unrounded.
        """
        if format == "json":
            text = json.dumps(self.rows(), indent=1, ensure_ascii=False, allow_nan=False)
            return escape_controls_in_json(text)
        if format not in RENDERERS:
            raise UnknownNameError("format", format, ("json", *RENDERERS))
        return RENDERERS[format](self._report(NumberFormat(digits, percent)), width)

    def _report(self, numbers: NumberFormat) -> Report:
        tables = [build_table(difference, numbers) for difference in self.differences]
        footer = () if tables else ("no contributions: F1 is undefined",)
        return Report(tables=tuple(tables), footer=footer, rows=tuple(self.rows()))

    def __repr__(self) -> str:
        sentences = [
            f"{each.metric}, {each.a} – {each.b}: {describe_difference(each, NumberFormat())}"
            for each in self.differences
        ]
        return escape_controls(f"<Contributions by {self.by}: {'; '.join(sentences)}>")

    def __str__(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        return to_html_fragment(self._report(NumberFormat()))


def describe_difference(split: SplitDifference, numbers: NumberFormat) -> str:
    """Where a difference comes from: "of +0.0087: PER +0.0320, LOC +0.0171, ORG -0.0404"; parts
    with the sign of the difference first, the largest first.
    """
    numbers = _finer(numbers)
    total = numbers.format_signed(split.difference)
    differing = [part for part in split.parts if part.exact]
    if not differing:
        return f"of {total}: no {split.by} contributes anything"
    largest = differing[:MOST_NAMED]
    others = len(differing) - len(largest)
    is_positive = split.exact >= 0
    named = sorted(largest, key=lambda part: (part.exact > 0) != is_positive)
    items = [f"{_name(part)} {numbers.format_signed(part.contribution)}" for part in named]
    if others:
        rest = split.exact - sum_exactly(named)
        items.append(
            f"{others:,} other{'' if others == 1 else 's'} {numbers.format_signed(float(rest))}"
        )
    return f"of {total}: {', '.join(items)}"


def build_table(split: SplitDifference, numbers: NumberFormat) -> Table:
    """The parts of a difference, the largest first, with the counts that explain them; many are cut
    to the largest, with the sum of the rest.
    """
    is_macro = split.average == "macro"
    has_found = any((part.tp_a, part.tp_b) != (part.found_a, part.found_b) for part in split.parts)
    count_names = {"tp": "TP", "found": "found", "predicted": "predicted"}
    if not has_found:
        del count_names["found"]
    f1_columns = [(f"F1 {split.a}", f"F1 {split.b}")] if is_macro else []
    count_columns = [(f"{name} {split.a}", f"{name} {split.b}") for name in count_names.values()]
    columns = [split.by, "contribution"]
    for pair in (*f1_columns, *count_columns):
        columns += pair
    groups = [[part] for part in split.parts[:MOST_PARTS]]
    names = [_name(part) for part in split.parts[:MOST_PARTS]]
    hidden = list(split.parts[MOST_PARTS:])
    if hidden:
        groups.append(hidden)
        names.append(f"and {len(hidden):,} more, together")
    groups.append(list(split.parts))
    names.append("all")
    rows = []
    for name, parts in zip(names, groups, strict=True):
        contribution = float(sum_exactly(parts))
        cells = [name, _finer(numbers).format_signed(contribution)]
        if is_macro:
            cells += _f1_cells(parts, numbers)
        cells += _count_cells(parts, list(count_names))
        rows.append(tuple(cells))
    notes = [
        f"contribution: above 0 it favors {split.a}, below 0 {split.b}; the sum is the difference"
        " of F1"
    ]
    if has_found:
        notes.append("TP: predicted items that match; found: gold items that are matched")
    return Table(
        f"Contributions by {split.by}, {split.metric}: {split.a} – {split.b}",
        (*columns, "support"),
        tuple(rows),
        tuple(notes),
        tuple(reversed(count_columns)),
        first_average=len(rows) - 1,
        keeps_names=split.by != "document",
        lead=describe_difference(split, numbers),
    )


def _f1_cells(parts: Sequence[Contribution], numbers: NumberFormat) -> list[str]:
    """F1 of a part under both systems; of several parts none."""
    f1s = (parts[0].f1_a, parts[0].f1_b) if len(parts) == 1 else (None, None)
    return [numbers.format(f1) for f1 in f1s]


def _count_cells(parts: Sequence[Contribution], counts: Sequence[str]) -> list[str]:
    """The sums of some counts of both systems over the parts, and of the gold items."""
    fields = [f"{count}_{side}" for count in counts for side in "ab"]
    sums = [sum(getattr(part, field) for part in parts) for field in (*fields, "gold")]
    return [format_count(total) for total in sums]


def _name(part: Contribution) -> str:
    return shorten(part.part) or NO_ZONE


def _finer(numbers: NumberFormat) -> NumberFormat:
    """The format of contributions: one digit more than that of F1, unless digits were given."""
    if numbers.digits is not None:
        return numbers
    return replace(numbers, digits=2 if numbers.percent else 4)
