"""The report of an adjudication: what was agreed, and every decision with its note."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from evalkit.errors import UnknownNameError, shorten
from evalkit.results.adjudication_lines import ALL, AUTOMATIC, NONE, AdjudicationLine
from evalkit.results.tables import RENDERERS, Report, Table
from evalkit.results.wording import join_some, pluralize

ADJUDICATOR = "the adjudicator"  # who may be a language model
UNDECIDED = "undecided: "  # how the source of a decision by --undecided begins
LIST = "other items"  # a decision that is a list
LONGEST_CELL = 80


def name_source(by: str) -> str:
    """Who made a decision, in a sentence.

    >>> name_source("automatic: longest"), name_source("undecided: b")
    ('the rule longest', 'the default b')
    """
    for prefix, what in ((AUTOMATIC, "the rule"), (UNDECIDED, "the default")):
        if by.startswith(prefix):
            return f"{what} {by.removeprefix(prefix)}"
    return by


class DecidedLine(NamedTuple):
    """A line, its decision, and who made it: the adjudicator, a rule, or the default for undecided
    lines.

    gold: the items that entered gold.
    """

    line: AdjudicationLine
    decision: str | Sequence[Mapping[str, Any]]
    by: str
    gold: tuple[Mapping[str, Any], ...]

    @property
    def name(self) -> str:
        """The decision in a word."""
        return self.decision if isinstance(self.decision, str) else LIST


@dataclass(frozen=True)
class AdjudicationReport:
    """What became of the items of the annotators.

    item_counts: for each layer the items of each annotator, then `agreed` and `clusters`.
    gold_counts: the items of gold by layer. lacking: the documents that an annotator did not
    annotate. dropped: what items do not have, such as scores. problems: what gold could not keep,
    such as references to annotations that were decided against.
    """

    annotators: tuple[str, ...]
    documents: int
    item_counts: Mapping[str, Mapping[str, int]]
    gold_counts: Mapping[str, int]
    decisions: tuple[DecidedLine, ...]
    lacking: Mapping[str, tuple[str, ...]]
    dropped: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def count_decisions(self) -> dict[str, dict[str, int]]:
        """The number of each decision by kind: of each annotator, all, none, and other items."""
        counts: dict[str, Counter[str]] = {}
        for decided in self.decisions:
            counts.setdefault(decided.line.kind, Counter())[decided.name] += 1
        names = (*self.annotators, ALL, NONE, LIST)
        return {kind: {n: counts[kind][n] for n in names} for kind in sorted(counts)}

    def count_sources(self) -> dict[str, int]:
        """The number of decisions by who made them."""
        return dict(Counter(decided.by for decided in self.decisions))

    def describe_sources(self) -> str:
        """The number of decisions by who made them, in words."""
        counts = self.count_sources().items()
        return ", ".join(f"{number:,} by {name_source(by)}" for by, number in counts)

    def render(self, format: str = "table", width: int | None = None) -> str:
        """The report as table, markdown, latex, csv or html."""
        if format not in RENDERERS:
            raise UnknownNameError("format", format, RENDERERS)
        return RENDERERS[format](self.build(), width)

    def build(self) -> Report:
        """The report as lines and tables, with the decisions as rows."""
        header = [
            "Adjudication",
            f"{pluralize(self.documents, 'document')}; annotators: {', '.join(self.annotators)}",
        ]
        tables = [self._count_table()]
        if self.decisions:
            tables += [self._number_table(), self._decision_table()]
        footer = [
            f"not annotated by {name}: {pluralize(len(ids), 'document')}: {join_some(ids)}"
            for name, ids in self.lacking.items()
        ]
        footer += [f"left out: {line}" for line in self.dropped]
        footer += [f"gold: {line}" for line in self.problems]
        for decided in self.decisions:
            if decided.line.note:
                footer.append(f"{decided.line.id}: {decided.line.note}")
        return Report(tuple(header), tuple(tables), tuple(footer), self._rows())

    def _count_table(self) -> Table:
        rows = []
        for layer, counts in self.item_counts.items():
            numbers = (*counts.values(), self.gold_counts[layer])
            rows.append((layer, *(f"{number:,}" for number in numbers)))
        columns = ("layer", *self.annotators, "agreed", "clusters", "gold")
        return Table("items", columns, tuple(rows))

    def _number_table(self) -> Table:
        rows = []
        counts = self.count_decisions()
        for kind, by_name in counts.items():
            rows.append((kind, *map(str, by_name.values()), str(sum(by_name.values()))))
        totals = [sum(column) for column in zip(*(each.values() for each in counts.values()))]
        rows.append(("total", *map(str, totals), str(sum(totals))))
        columns = ("kind", *self.annotators, ALL, NONE, LIST, "total")
        return Table("number of decisions", columns, tuple(rows), notes=(self.describe_sources(),))

    def _decision_table(self) -> Table:
        rows = []
        for decided in self.decisions:
            line = decided.line
            options = [_describe_option(line.options.get(name)) for name in self.annotators]
            place = f"{line.document}, {line.layer} {line.start}–{line.end}"
            gold = describe_items(decided.gold)
            rows.append(
                (line.id, place, line.kind, *options, decided.name, gold, name_source(decided.by))
            )
        columns = ("id", "place", "kind", *self.annotators, "decision", "gold", "by")
        return Table("decisions", columns, tuple(rows), left_columns=columns)

    def _rows(self) -> tuple[dict[str, Any], ...]:
        rows = []
        for decided in self.decisions:
            line = decided.line
            rows.append(
                {
                    "id": line.id,
                    "document": line.document,
                    "layer": line.layer,
                    "start": line.start,
                    "end": line.end,
                    "text": line.text,
                    "kind": line.kind,
                    "decision": decided.name,
                    "by": decided.by,
                    "note": line.note,
                }
            )
        return tuple(rows)


def _describe_option(items: Sequence[Mapping[str, Any]] | None) -> str:
    return "not annotated" if items is None else describe_items(items)


def describe_items(items: Sequence[Mapping[str, Any]]) -> str:
    """Items in a few words; a dash for none."""
    if not items:
        return "–"
    return shorten("; ".join(map(_describe_item, items)), LONGEST_CELL)


def _describe_item(item: Mapping[str, Any]) -> str:
    parts = [str(item["label"])] if item.get("label") else []
    anchor = item if "start" in item else item.get("trigger") or item.get("cue")
    if anchor:
        parts.append(_quote(anchor))
    if item.get("realis"):
        parts.append(str(item["realis"]))
    for name, value in (item.get("attributes") or {}).items():
        if isinstance(value, Mapping):
            parts.append(f"{name} {_quote(value)}")
        else:
            parts.append(name if value is True else f"{name}={value}")
    for name in ("source", "content", "source_name", "parent", "head", "tail"):
        if item.get(name):
            parts.append(f"{name.replace('_', ' ')} {_quote(item[name])}")
    for argument in item.get("arguments", ()):
        parts.append(f"{argument['role']} {_quote(argument)}")
    return " ".join(parts)


def _quote(span: Mapping[str, Any]) -> str:
    if span.get("text") is None:
        return str(span.get("label", ""))
    return f"“{shorten(str(span['text']), 30)}”"
