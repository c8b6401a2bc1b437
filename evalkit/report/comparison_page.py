"""The page of a comparison: verdicts, the scores of each system, and their differences with the
intervals as bars.
"""

from __future__ import annotations

from evalkit.report.interval_bars import difference_bar, score_bar
from evalkit.results.comparison import Comparison
from evalkit.results.differences import Difference
from evalkit.results.html_page import build_page, mark_safe, render_template
from evalkit.results.tables import Report, group_lines


def build_comparison_page(comparison: Comparison, report: Report) -> str:
    """The page of a comparison as HTML; `report` has the lines above and below its tables."""
    lines = group_lines(report)
    differences = []
    limit = _limit(comparison)
    for difference in comparison.differences:
        bar = difference_bar(difference.difference, difference.low, difference.high, limit)
        differences.append((difference, mark_safe(bar)))
    verdicts = comparison.verdicts()
    body = render_template(
        "evalkit.report",
        "comparison.html.j2",
        lines=lines,
        verdicts=verdicts,
        notes=[line for line in lines.notes if line not in verdicts],
        level=f"{100 * comparison.resampling.level:g} %",
        systems=_system_scores(comparison),
        differences=differences,
        average=comparison.differences[0].average,
    )
    return build_page(lines.header[0] if lines.header else "evalkit", body)


def _system_scores(comparison: Comparison) -> list[tuple[str, list[tuple[str, list[str], str]]]]:
    """For each metric, each system's name, precision, recall and F1, and a bar; best F1 first."""
    metrics = []
    for name in comparison.metrics:
        rows = []
        for system, scores in comparison.systems.items():
            average = comparison.differences[0].average
            row = scores[name].micro if average == "micro" else scores[name].macro
            low, high, _ = row.interval("f1")
            ratios = [
                "–" if value is None else f"{value:.3f}"
                for value in (row.precision, row.recall, row.f1)
            ]
            rows.append((row.f1 or 0.0, system, ratios, mark_safe(score_bar(row.f1, low, high))))
        rows.sort(key=lambda each: -each[0])
        metrics.append((name, [row[1:] for row in rows]))
    return metrics


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
