"""How much F1 a layer would gain if another layer were correct, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from evalkit.results.report_builder import (
    caution_notes,
    format_signed_interval,
    interval_note,
    shorten_interval_name,
)
from evalkit.results.summary import EVENT_ROWS
from evalkit.results.tables import NumberFormat, Table
from evalkit.stats.intervals import Resampling
from evalkit.stats.ratio_intervals import Interval

_METRIC_NAMES = {
    **EVENT_ROWS,
    "realis/strict": "realis",
    "attached-attributions/strict": "attached attributions",
    "attribution-relations/strict": "whole attributions",
}
_CONDITIONS = {
    "spurious events": "without spurious events",
    "attachment": "if the attachment were correct",
}


class CascadeGain(NamedTuple):
    """The gain of a metric where one kind of error of another layer is corrected.

    kind: as in `fix_errors`. f1, corrected_f1: before and after; None without items. gain: their
    difference, with its paired interval.
    """

    metric: str
    kind: str
    f1: float | None
    corrected_f1: float | None
    gain: float | None
    interval: Interval

    @property
    def metric_name(self) -> str:
        """The name of the metric in reports, such as "Arg-C+"."""
        return _METRIC_NAMES.get(self.metric, self.metric)

    @property
    def condition(self) -> str:
        """What is assumed, such as "if triggers were correct"."""
        return _CONDITIONS.get(self.kind, f"if {self.kind} were correct")

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, with `low`, `high` and `reason` of the interval."""
        fields = self._asdict()
        interval = fields.pop("interval")
        return {
            **fields,
            "low": interval.low,
            "high": interval.high,
            "reason": interval.reason or None,
        }


def build_cascade_table(
    gains: Sequence[CascadeGain], numbers: NumberFormat, resampling: Resampling
) -> Table | None:
    """The gains as a table, a line for each metric and correction; None without any."""
    if not gains:
        return None
    interval = [shorten_interval_name(resampling)] if resampling.boot else []
    rows = []
    previous = ""
    for gain in gains:
        is_first = gain.metric != previous
        previous = gain.metric
        cells = [gain.metric_name if is_first else "", gain.condition]
        cells += [numbers.format(gain.corrected_f1), numbers.format_signed(gain.gain)]
        if interval:
            cells.append(format_signed_interval(gain.interval, numbers))
        rows.append(tuple(cells))
    f1_of = {gain.metric_name: numbers.format(gain.f1) for gain in gains}
    predicted = ", ".join(f"{name} {f1}" for name, f1 in f1_of.items())
    intervals = [
        (f"{gain.metric_name} {gain.condition}", gain.interval) for gain in gains if gain.gain
    ]
    notes = [
        f"F1 as predicted: {predicted}",
        interval_note(resampling, "gain"),
        *caution_notes(intervals, resampling),
    ]
    return Table(
        "F1 if other parts were correct",
        ("metric", "condition", "F1 then", "F1 gain", *interval),
        tuple(rows),
        tuple(filter(None, notes)),
        tuple(interval),
        left_columns=("condition",),
    )
