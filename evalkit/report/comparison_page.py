"""The page of a comparison: verdicts, the scores of each system, and their differences with the
intervals as bars.
"""

from __future__ import annotations

from typing import NamedTuple

from evalkit.report.interval_bars import difference_bar, score_bar
from evalkit.results.comparison import Comparison
from evalkit.results.comparison_report import ComparisonReport
from evalkit.results.differences import Difference
from evalkit.results.html_page import build_page, mark_safe, render_template
from evalkit.results.report_builder import format_interval, name_interval
from evalkit.results.tables import group_lines


def build_comparison_page(comparison: Comparison, reporter: ComparisonReport) -> str:
    """The page of a comparison as HTML; `reporter` builds its lines and tables."""
    lines = group_lines(reporter.build())
    limit = _limit(comparison)
    table = reporter.difference_table()
    bars = [
        mark_safe(difference_bar(each.difference, each.low, each.high, limit))
        for each in comparison.differences
    ]
    verdicts = comparison.verdicts()
    body = render_template(
        "evalkit.report",
        "comparison.html.j2",
        lines=lines,
        verdicts=verdicts,
        notes=[line for line in lines.notes if line not in verdicts],
        interval_name=name_interval(comparison.resampling) if comparison.resampling.boot else "",
        systems=_system_lines(comparison),
        table=table,
        differences=[
            (list(zip(table.columns, cells, strict=True)), bar)
            for cells, bar in zip(table.rows, bars, strict=True)
        ],
        average=comparison.differences[0].average,
        contribution_tables=reporter.contribution_tables(),
    )
    return build_page(lines.header[0] if lines.header else "evalkit", body)


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
