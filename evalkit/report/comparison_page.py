"""The page of a comparison: verdicts, the scores of each system, their differences with the
intervals as bars, what the differences come from, and items that only one system has right.
"""

from __future__ import annotations

from typing import NamedTuple

from evalkit.report.interval_bars import BarTable, difference_bar, score_bar
from evalkit.report.item_lines import ItemTable, build_item_tables
from evalkit.results.comparison import Comparison
from evalkit.results.comparison_report import ComparisonReport
from evalkit.results.contribution_report import MOST_PARTS, build_table
from evalkit.results.contributions import SplitDifference, sum_exactly
from evalkit.results.differences import Difference
from evalkit.results.html_page import build_page, load_text, mark_safe, render_template
from evalkit.results.item_comparison import EXAMPLES
from evalkit.results.item_report import build_items_table
from evalkit.results.report_builder import format_interval, name_interval
from evalkit.results.tables import NumberFormat, group_lines


def build_comparison_page(
    comparison: Comparison, reporter: ComparisonReport, *, text: bool = True
) -> str:
    """The page of a comparison as HTML; `reporter` builds its lines and tables. text: whether items
    are shown in the text of the corpus.
    """
    lines = group_lines(reporter.build())
    limit = _limit(comparison)
    difference_bars = [
        difference_bar(each.difference, each.low, each.high, limit)
        for each in comparison.differences
    ]
    verdicts = comparison.verdicts()
    interval_name = name_interval(comparison.resampling) if comparison.resampling.boot else ""
    item_tables: list[ItemTable] = []
    if text:
        for items in reporter.items:
            item_tables += build_item_tables(items)
    body = render_template(
        "evalkit.report",
        "comparison.html.j2",
        lines=lines,
        verdicts=verdicts,
        notes=[line for line in lines.notes if line not in verdicts],
        interval_name=interval_name,
        systems=_system_lines(comparison),
        differences=BarTable(reporter.difference_table(), interval_name, difference_bars),
        average=comparison.differences[0].average,
        contributions=[
            _contribution_table(split, reporter.numbers)
            for contributions in reporter.contributions
            for split in contributions.differences
        ],
        item_kinds=[build_items_table(items) for items in reporter.items],
        item_tables=item_tables,
        most_examples=EXAMPLES,
    )
    return build_page(
        lines.header[0] if lines.header else "evalkit",
        body,
        style=load_text("evalkit.report", "errors.css")
        + load_text("evalkit.report", "comparison.css"),
    )


def _contribution_table(split: SplitDifference, numbers: NumberFormat) -> BarTable:
    """The contributions of the parts of a difference, with bars on one scale."""
    table = build_table(split, numbers)
    values = [part.contribution for part in split.parts[:MOST_PARTS]]
    if len(split.parts) > MOST_PARTS:
        values.append(float(sum_exactly(split.parts[MOST_PARTS:])))
    values.append(split.difference)
    limit = max(map(abs, values)) or 1.0
    bars = [difference_bar(value, None, None, limit) for value in values]
    return BarTable(table, "contribution", bars)


class SystemLine(NamedTuple):
    """A line of a ranking as text; the bar is HTML."""

    name: str
    precision: str
    recall: str
    f1: str
    interval: str
    bar: str
    group: str


def _system_lines(comparison: Comparison) -> list[tuple[str, list[SystemLine]]]:
    """For each metric, the systems; best F1 first."""
    metrics = []
    for metric in comparison.metrics:
        lines = []
        for system in comparison.ranking(metric):
            f1 = _ratio(system.f1)
            if system.sd is not None:
                f1 += f" ± {system.sd:.3f}"
            low = high = None
            interval = ""
            if system.interval is not None and comparison.resampling.boot:
                low, high, _ = system.interval
                interval = format_interval(system.interval)
            bar = mark_safe(score_bar(system.f1, low, high))
            ratios = (_ratio(system.precision), _ratio(system.recall), f1)
            lines.append(SystemLine(system.name, *ratios, interval, bar, system.group))
        metrics.append((metric, lines))
    return metrics


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _limit(comparison: Comparison) -> float:
    """The largest distance from 0 of a difference or an end of its interval."""
    ends: list[float] = [0.01]
    for difference in comparison.differences:
        ends += [abs(value) for value in _numbers(difference)]
    return max(ends)


def _numbers(difference: Difference) -> list[float]:
    """The difference and the ends of its interval, where they are defined."""
    values = (difference.difference, difference.low, difference.high)
    return [value for value in values if value is not None]
