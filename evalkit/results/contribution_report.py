"""Tables and sentences of what labels, documents, zones and kinds of error contribute to a
difference in F1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from evalkit.errors import UnknownNameError, escape_controls, escape_controls_in_json, shorten
from evalkit.results.contributions import KIND, Contribution, SplitDifference, sum_exactly
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
    of systems. notes: what there are no contributions of, and why.
    """

    by: str
    differences: tuple[SplitDifference, ...]
    notes: tuple[str, ...] = ()

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
        return Report(tables=tuple(tables), footer=self.notes, rows=tuple(self.rows()))

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
    """Where a difference comes from: "the difference of +0.0087 is PER +0.0320, LOC +0.0171,
    ORG -0.0404"; parts with the sign of the difference first, the largest first.
    """
    numbers = _finer(numbers)
    total = numbers.format_signed(split.difference)
    differing = [part for part in split.parts if part.exact]
    if not differing:
        return f"no {split.by} contributes to the difference of {total}"
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
    return f"the difference of {total} is {', '.join(items)}"


def build_table(split: SplitDifference, numbers: NumberFormat) -> Table:
    """The parts of a difference, the largest first, with the counts that explain them; many are cut
    to the largest, with the sum of the rest.
    """
    count_columns = _choose_counts(split)
    columns = [split.by, "contribution"]
    for column in count_columns:
        columns += [f"{column.name} {split.a}", f"{column.name} {split.b}"]
    has_support = split.by != KIND
    if has_support:
        columns.append("support")
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
        cells = [name, _finer(numbers).format_signed(float(sum_exactly(parts)))]
        for column in count_columns:
            cells += [column.cell(parts, side, numbers) for side in "ab"]
        if has_support:
            cells.append(format_count(_sum(parts, "gold")))
        rows.append(tuple(cells))
    return Table(
        f"Contributions by {split.by}, {split.metric}: {split.a} – {split.b}",
        tuple(columns),
        tuple(rows),
        tuple(_notes(split, count_columns)),
        tuple(
            (f"{column.name} {split.a}", f"{column.name} {split.b}")
            for column in reversed(count_columns)
            if not column.is_ratio
        ),
        first_average=len(rows) - 1,
        keeps_names=True,
        lead=describe_difference(split, numbers),
    )


class _Column(NamedTuple):
    """A pair of columns, one for each system. field: of Contribution, without the system. is_sum:
    whether the value of several parts is their sum; if not, they have none.
    """

    name: str
    field: str
    is_ratio: bool = False
    is_sum: bool = True

    def cell(self, parts: Sequence[Contribution], side: str, numbers: NumberFormat) -> str:
        """The cell of a part, or of several, for one system."""
        if len(parts) > 1 and not self.is_sum:
            return "–"
        value = _sum(parts, f"{self.field}_{side}")
        return numbers.format(value) if self.is_ratio else format_count(value)


def _sum(parts: Sequence[Contribution], field: str) -> float | None:
    """The sum of a field; None if it is undefined in a part."""
    values = [getattr(part, field) for part in parts]
    return None if None in values else sum(values)


def _choose_counts(split: SplitDifference) -> list[_Column]:
    """The columns that explain the contributions."""
    if split.by == KIND:
        return [_Column("F1 lost", "loss", is_ratio=True), _Column("n", "n")]
    columns = [_Column("F1", "f1", True, False)] if split.average == "macro" else []
    columns.append(_Column("TP", "tp"))
    if any((part.tp_a, part.tp_b) != (part.found_a, part.found_b) for part in split.parts):
        columns.append(_Column("found", "found"))
    return [*columns, _Column("predicted", "predicted")]


def _notes(split: SplitDifference, columns: Sequence[_Column]) -> Iterator[str]:
    yield (
        f"contribution: above 0 it favors {split.a}, below 0 {split.b}; the sum is the difference"
        " of F1"
    )
    if any(column.field == "found" for column in columns):
        yield "TP: predicted items that match; found: gold items that are matched"
    if split.by == KIND:
        yield "F1 lost: the share of F1 that errors of this kind cost; with F1 they add up to 1"


def _name(part: Contribution) -> str:
    return shorten(part.part) or NO_ZONE


def _finer(numbers: NumberFormat) -> NumberFormat:
    """The format of contributions: one digit more than that of F1, unless digits were given."""
    if numbers.digits is not None:
        return numbers
    return replace(numbers, digits=2 if numbers.percent else 4)
