"""The numbers of another scorer, and the steps from evalkit's number to them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.analysis.scorer_rules import ItemStatus, MeasureNumbers, RuleStep, StatusChange
from evalkit.errors import UnknownNameError, escape_controls, escape_controls_in_json, shorten
from evalkit.results.tables import RENDERERS, NumberFormat, Report, Table, to_html_fragment
from evalkit.results.wording import format_count, pluralize

MOST_ITEMS = 5  # that are shown for a step
LONGEST_TEXT = 30


@dataclass(frozen=True)
class ScoreDifference:
    """The chain from a metric of evalkit to a measure of the scorer.

    measure: the scorer's name. metric: evalkit's. evalkit, scorer: both numbers. steps: what makes
    the difference, in the order in which the rules are applied.
    """

    measure: str
    metric: str
    evalkit: MeasureNumbers
    scorer: MeasureNumbers
    steps: Sequence[RuleStep]

    def to_json(self) -> dict[str, Any]:
        """The difference as in the JSON output."""
        return {
            "measure": self.measure,
            "metric": self.metric,
            "evalkit": self.evalkit._asdict(),
            "scorer": self.scorer._asdict(),
            "steps": [
                {
                    "kind": step.kind,
                    "rule": step.text,
                    "before": step.before._asdict(),
                    "after": step.after._asdict(),
                    "items": [_change_to_json(change) for change in step.changes],
                }
                for step in self.steps
            ],
        }


def _change_to_json(change: StatusChange) -> dict[str, Any]:
    item = change.item
    return {
        "side": change.side,
        "document": change.document,
        "label": item.label,
        "start": item.start,
        "end": item.end,
        "text": item.text,
        "before": None if change.before is None else change.before._asdict(),
        "after": None if change.after is None else change.after._asdict(),
    }


@dataclass(frozen=True, repr=False)
class EmulatedScores:
    """What another scorer would print.

    scorer, version: whose numbers these are. rows: a dict for each row of the scorer, with its own
    names, not rounded. differences: why each number differs from evalkit's. signature_fields: of
    the numbers; the field `scorer` names the scorer and its version. percent_digits: the decimals
    of a scorer that prints percent, whose rows are in percent; None for fractions. texts: by the
    id of the document, for pages.
    """

    scorer: str
    version: str
    title: str
    rows: list[dict[str, Any]]
    differences: tuple[ScoreDifference, ...]
    signature_fields: dict[str, str]
    notes: tuple[str, ...] = ()
    is_explained: bool = False
    percent_digits: int | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def signature(self) -> str:
        """The signature as one line."""
        return "|".join(f"{name}:{value}" for name, value in self.signature_fields.items())

    def render(
        self,
        format: str = "table",
        *,
        width: int | None = None,
        digits: int | None = None,
        percent: bool = False,
        explain: bool | None = None,
    ) -> str:
        """The numbers as table, markdown, latex, csv, html or json.

        explain: whether to show the steps from evalkit's number. digits: decimals of ratios.
        percent: percent instead of fractions. csv and json hold the numbers without rounding.
        """
        if format == "json":
            text = json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
            return escape_controls_in_json(text) + "\n"
        if format not in RENDERERS:
            raise UnknownNameError("format", format, ("json", *RENDERERS))
        is_explained = self.is_explained if explain is None else explain
        report = self._report(NumberFormat(digits, percent), explain=is_explained)
        return RENDERERS[format](report, width)

    def to_html(
        self, *, digits: int | None = None, percent: bool = False, text: bool = True
    ) -> str:
        """A page with the steps of each number and the items of each step. `render("html")` has the
        tables alone.

        text: whether the items are shown in the text of the corpus.
        """
        # The folder of pages is above this one; see LAZY_IMPORTS in tests/test_architecture.py.
        from evalkit.report.emulation_page import build_emulation_page

        return build_emulation_page(self, NumberFormat(digits, percent), text=text)

    def to_json(self) -> dict[str, Any]:
        """The rows, the differences and the signature."""
        return {
            "emulated_scores": 1,
            "scorer": self.scorer,
            "version": self.version,
            "signature": self.signature,
            "rows": self.rows,
            "differences": [difference.to_json() for difference in self.differences],
            "notes": list(self.notes),
        }

    def _report(self, numbers: NumberFormat, *, explain: bool) -> Report:
        tables = [self.row_table(numbers)]
        if explain:
            tables += [_step_table(each, self.scorer, numbers) for each in self.differences]
        footer = (*self.notes, self.signature)
        return Report((self.title,), tuple(tables), footer, tuple(self.rows))

    def row_table(self, numbers: NumberFormat) -> Table:
        """The rows of the scorer as a table."""
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        rows = []
        for row in self.rows:
            rows.append(tuple(self._format_cell(row.get(name), numbers) for name in columns))
        title = f"{self.scorer} {self.version}".rstrip()
        counts = [name for name in columns if self._has_counts(name)]
        return Table(title, tuple(columns), tuple(rows), droppable_columns=tuple(counts[::-1]))

    def _has_counts(self, column: str) -> bool:
        """Whether a column holds whole numbers, which a narrow terminal hides."""
        values = [row.get(column) for row in self.rows]
        return any(isinstance(value, int) for value in values) and not any(
            isinstance(value, str | float) for value in values
        )

    def _format_cell(self, value: object, numbers: NumberFormat) -> str:
        if self.percent_digits is not None and isinstance(value, float):
            digits = self.percent_digits if numbers.digits is None else numbers.digits
            return f"{value:.{digits}f}"
        return _format_cell(value, numbers)

    def __repr__(self) -> str:
        return escape_controls(f"<EmulatedScores of {self.scorer}: {len(self.rows)} rows>")

    def __str__(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        return to_html_fragment(self._report(NumberFormat(), explain=self.is_explained))


def _format_cell(value: object, numbers: NumberFormat) -> str:
    if isinstance(value, float):
        return numbers.format(value)
    if isinstance(value, int):
        return format_count(value)
    return "–" if value is None else str(value)


def _step_table(difference: ScoreDifference, scorer: str, numbers: NumberFormat) -> Table:
    """The steps from evalkit's F1 to that of the scorer; below them the rule of each step and some
    of its items.
    """
    rows = [(f"evalkit {difference.metric}", _format_cell(difference.evalkit.f1, numbers), "")]
    notes = []
    for number, step in enumerate(difference.steps, start=1):
        name = f"{number}. {step.kind}"
        items = str(len(step.changes)) if step.changes else ""
        rows.append((name, _format_cell(step.after.f1, numbers), items))
        examples = "; ".join(_describe_changes(step.changes))
        notes.append(f"{name}: {step.text}" + (f". Items: {examples}" if examples else ""))
    if not difference.steps:
        rows.append(("no difference", _format_cell(difference.scorer.f1, numbers), ""))
    return Table(
        f"From evalkit's F1 to that of {scorer}, {difference.measure}",
        ("step", "F1", "items"),
        tuple(rows),
        tuple(notes),
    )


def _describe_changes(changes: Sequence[StatusChange]) -> Iterator[str]:
    for change in changes[:MOST_ITEMS]:
        item = change.item
        label = "" if item.label is None else f" {item.label}"
        name = f"{change.side}{label} {shorten(item.text, LONGEST_TEXT)!r}"
        yield f"{name} ({describe_status(change.before)} → {describe_status(change.after)})"
    if len(changes) > MOST_ITEMS:
        yield f"and {pluralize(len(changes) - MOST_ITEMS, 'more item')}"


def describe_status(status: ItemStatus | None) -> str:
    """How an item counts: "correct", "wrong", "not counted", "1 of 3"."""
    if status is None:
        return "not counted"
    if status.total == 1 and status.credit in (0, 1):
        return "correct" if status.credit else "wrong"
    return f"{format_count(status.credit)} of {format_count(status.total)}"


def not_comparable(scorer: str, version: str) -> str:
    """What is wrong with the numbers of another scorer where evalkit's are expected."""
    return (
        f"numbers of {scorer} {version}".rstrip()
        + ", which are not mixed with those of evalkit: score the predictions with evalkit score"
    )
