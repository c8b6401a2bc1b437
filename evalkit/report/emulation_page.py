"""The page of emulated scores: what the other scorer prints, the steps from evalkit's number to it,
and for each step the items that count in another way, each in its text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from evalkit.analysis.scorer_rules import RuleStep, StatusChange
from evalkit.results.emulated_scores import EmulatedScores, ScoreDifference, describe_status
from evalkit.results.html_page import build_page, load_text, render_template, show_invisible
from evalkit.results.tables import NumberFormat

CONTEXT = 40  # characters on each side of an item
MOST_ITEMS = 200  # of a step


class ChangeLine(NamedTuple):
    """An item of a step. words: the item in its text, as HTML. place: its offsets."""

    document: str
    place: str
    side: str
    label: str
    words: Markup
    before: str
    after: str


class StepSection(NamedTuple):
    """A step with its items. anchor: the id of its section; "" without items. hidden: how many
    items are not shown.
    """

    anchor: str
    kind: str
    text: str
    f1: str
    item_count: int
    items: list[ChangeLine]
    hidden: int


def build_emulation_page(
    emulated: EmulatedScores, numbers: NumberFormat, *, text: bool = True
) -> str:
    """The page as HTML. text: whether the items are shown in the text of the corpus."""
    chains = []
    for number, difference in enumerate(emulated.differences, 1):
        sections = list(_iter_sections(difference, number, emulated.texts, numbers, text=text))
        chains.append((difference, _f1(difference.evalkit.f1, numbers), sections))
    body = render_template(
        "evalkit.report",
        "emulation.html.j2",
        title=emulated.title,
        scorer=emulated.scorer,
        table=emulated.row_table(numbers),
        chains=chains,
        notes=emulated.notes,
        signature=emulated.signature,
        has_text=text,
    )
    style = load_text("evalkit.report", "errors.css") + load_text("evalkit.report", "emulation.css")
    return build_page(emulated.title, body, style=style)


def _f1(value: float | None, numbers: NumberFormat) -> str:
    return "–" if value is None else numbers.format(value)


def _iter_sections(
    difference: ScoreDifference,
    number: int,
    texts: Mapping[str, str],
    numbers: NumberFormat,
    *,
    text: bool,
) -> Iterator[StepSection]:
    for position, step in enumerate(difference.steps, 1):
        yield StepSection(
            f"step-{number}-{position}" if step.changes else "",
            step.kind,
            step.text,
            _f1(step.after.f1, numbers),
            len(step.changes),
            _item_lines(step, texts, text=text),
            max(0, len(step.changes) - MOST_ITEMS),
        )


def _item_lines(step: RuleStep, texts: Mapping[str, str], *, text: bool) -> list[ChangeLine]:
    changes: Sequence[StatusChange] = step.changes[:MOST_ITEMS]
    lines = []
    for change in changes:
        item: Any = change.item
        is_placed = item.start is not None and item.end is not None
        lines.append(
            ChangeLine(
                change.document,
                f"{item.start}–{item.end}" if is_placed else "not in the text",
                change.side,
                item.label or "",
                _mark_words(change, texts.get(change.document, "")) if text else Markup(),
                describe_status(change.before),
                describe_status(change.after),
            )
        )
    return lines


def _mark_words(change: StatusChange, text: str) -> Markup:
    """The words of an item with some of the text around them."""
    item = change.item
    if item.start is None or item.end is None or not text:
        return Markup("<mark>{}</mark>").format(show_invisible(item.text))
    left = text[max(0, item.start - CONTEXT) : item.start]
    right = text[item.end : item.end + CONTEXT]
    parts = [show_invisible(part) for part in (left, text[item.start : item.end], right)]
    before = "…" if item.start > CONTEXT else ""
    after = "…" if item.end + CONTEXT < len(text) else ""
    marked = Markup("<mark>{}</mark>").format(parts[1])
    return escape(before + parts[0]) + marked + escape(parts[2] + after)
