"""Bars with the whiskers of an interval, as inline SVG, and tables with such bars."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.results.html_page import mark_safe
from evalkit.results.tables import Table

WIDTH, HEIGHT = 120, 14
MIDDLE = HEIGHT / 2
CAP = 3  # half the height of the ends of a whisker


class BarTable:
    """A table with bars, as HTML, in one of its columns."""

    def __init__(self, table: Table, bar_column: str = "", bars: Sequence[str] = ()) -> None:
        """bars: one for each row; none for a table without bars."""
        bars = bars or [""] * len(table.rows)
        self.table, self.bar_column = table, bar_column
        self.rows = [
            (list(zip(table.columns, cells, strict=True)), mark_safe(bar))
            for cells, bar in zip(table.rows, bars, strict=True)
        ]


def score_bar(value: float | None, low: float | None, high: float | None) -> str:
    """A bar from 0 to the value on a track from 0 to 1, with whiskers where there is an interval;
    empty for None.
    """
    if value is None:
        return ""
    shapes = [
        f'<rect class="track" x="0" y="3" width="{WIDTH}" height="{HEIGHT - 6}"/>',
        f'<rect class="bar" x="0" y="3" width="{value * WIDTH:.1f}" height="{HEIGHT - 6}"/>',
        _whisker(low, high, 0.0, 1.0),
    ]
    return _svg(shapes, _description(value, low, high))


def difference_bar(value: float | None, low: float | None, high: float | None, limit: float) -> str:
    """A bar from 0 to a difference on a track from -limit to limit; empty for None."""
    if value is None:
        return ""
    zero = WIDTH / 2
    end = _position(value, -limit, limit)
    shapes = [
        f'<rect class="track" x="0" y="3" width="{WIDTH}" height="{HEIGHT - 6}"/>',
        f'<rect class="bar" x="{min(zero, end):.1f}" y="3" width="{abs(end - zero):.1f}"'
        f' height="{HEIGHT - 6}"/>',
        f'<path class="zero" d="M{zero:g} 0V{HEIGHT}"/>',
        _whisker(low, high, -limit, limit),
    ]
    return _svg(shapes, _description(value, low, high))


def _whisker(low: float | None, high: float | None, first: float, last: float) -> str:
    """The whiskers of an interval on a track from `first` to `last`; empty without one."""
    if low is None or high is None:
        return ""
    left, right = _position(low, first, last), _position(high, first, last)
    top, bottom = MIDDLE - CAP, MIDDLE + CAP
    return (
        f'<path class="whisker" d="M{left:.1f} {MIDDLE:g}H{right:.1f}'
        f'M{left:.1f} {top:g}V{bottom:g}M{right:.1f} {top:g}V{bottom:g}"/>'
    )


def _position(value: float, first: float, last: float) -> float:
    """Where a value lies on the track, kept far enough from its ends for the stroke to be seen."""
    position = (value - first) / (last - first) * WIDTH
    return min(max(position, 0.8), WIDTH - 0.8)


def _description(value: float, low: float | None, high: float | None) -> str:
    """The value and its interval, for screen readers."""
    interval = "" if low is None or high is None else f", interval {low:.3f} to {high:.3f}"
    return f"{value:.3f}{interval}"


def _svg(shapes: list[str], description: str) -> str:
    """An SVG image of shapes."""
    return (
        f'<svg role="img" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"<title>{description}</title>{''.join(shapes)}</svg>"
    )
