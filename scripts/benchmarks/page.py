"""Results as JSON, and docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.goals import NOT_INSTALLED, ROWS, MeasuredRow
from benchmarks.measure import Figure, Goal, Line

HEADER = """\
| measured | reference | reference takes | evalkit | ratio (lowest to highest) | goal | |
|---|---|---|---|---|---|---|"""
SECTIONS = {
    "From files to the report": ("files", "tiny", "spans"),
    "Data in memory": ("seqeval", "seqscore", "nervaluate", "sets", "spacy"),
    "Formats, results and intervals": (
        "loading",
        "conversion",
        "refusing",
        "to_json",
        "labels",
        "intervals",
    ),
    "Imports and small commands": ("imports", "commands"),
    "Running models": ("predict", "batches"),
}
INTRODUCTION = Path(__file__).with_name("introduction.md")
NOTES = Path(__file__).with_name("notes.md")  # what limits rows; the end of the page
MACHINE = ("sizes", "processor", "cores", "memory", "system", "evalkit", "commit")


@dataclass(frozen=True)
class Results:
    """Measured rows, and where they were measured."""

    environment: Mapping[str, str]
    rows: Mapping[str, MeasuredRow]


def save_results(results: Results, path: Path) -> None:
    """Write results as JSON."""
    text = json.dumps(asdict(results), indent=1, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def load_results(path: Path) -> Results:
    """Read results."""
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = {}
    for name, row in content["rows"].items():
        lines = [parse_line(line) for line in row.pop("lines")]
        rows[name] = MeasuredRow(lines=lines, **row)
    return Results(content["environment"], rows)


def parse_line(fields: Mapping[str, Any]) -> Line:
    """A line from its fields."""
    values = dict(fields)
    for name in ("reference_figure", "figure", "ratio"):
        values[name] = values[name] and Figure(**values[name])
    values["goal"] = values["goal"] and Goal(**values["goal"])
    return Line(**values)


def merge_results(earlier: Results, later: Results) -> Results:
    """The rows of both; of a row in both, the later. Raises ValueError if they were measured in
    different environments; a package may be installed for one of them only.
    """
    environment = dict(earlier.environment)
    for name, value in later.environment.items():
        before = environment.get(name, NOT_INSTALLED)
        if NOT_INSTALLED not in (before, value) and before != value:
            raise ValueError(
                f"the results were measured with {name} {before}, now {value}: use another file"
            )
        if value != NOT_INSTALLED:
            environment[name] = value
    rows = {**earlier.rows, **later.rows}
    return Results(environment, {name: rows[name] for name in ROWS if name in rows})


def render_page(results: Results) -> str:
    """docs/performance.md."""
    environment = results.environment
    versions = []
    for name, value in environment.items():
        if name not in MACHINE:
            versions.append(f"{name} {value}")
    dates = sorted({row.date for row in results.rows.values()})
    commands = dict.fromkeys(row.command for row in results.rows.values())
    counts = count_goals(results)
    parts = [INTRODUCTION.read_text(encoding="utf-8"), "## Where it was measured\n"]
    parts += [f"    {command}" for command in commands]
    parts += [
        "",
        f"- Date: {' to '.join(dict.fromkeys((dates[0], dates[-1])))}",
        f"- Machine: {environment['processor']}, {environment['cores']} cores,"
        f" {environment['memory']} memory, {environment['system']}",
        f"- evalkit: {environment['evalkit']}, commit {environment['commit']}",
        f"- Versions: {', '.join(versions)}",
        "",
        "## Results",
        "",
        f"{counts[True]} goals are reached, {counts[False]} are missed.",
    ]
    if environment["sizes"] == "quick":
        parts += ["", "The sizes are those of `--quick`: the goals are for the full ones."]
    for section, names in SECTIONS.items():
        rows = [results.rows[name] for name in names if name in results.rows]
        if rows:
            parts += ["", f"### {section}", "", render_table(rows)]
    if NOTES.exists():
        parts += ["", NOTES.read_text(encoding="utf-8").rstrip()]
    return "\n".join(parts) + "\n"


def render_table(rows: Iterable[MeasuredRow]) -> str:
    """The table of some rows, and the notes on its lines."""
    parts, notes = [HEADER], []
    for row in rows:
        for line in row.lines:
            parts.append(render_line(line))
            if line.note:
                notes.append(f"- {line.name}: {line.note}")
    if notes:
        parts += ["", *notes]
    return "\n".join(parts)


def all_lines(results: Results) -> list[Line]:
    """The lines of all rows."""
    return [line for row in results.rows.values() for line in row.lines]


def count_goals(results: Results) -> dict[bool | None, int]:
    """How many goals are reached, missed, and have no figure."""
    counts: dict[bool | None, int] = {True: 0, False: 0, None: 0}
    for line in all_lines(results):
        counts[line.is_reached] += 1
    return counts


def render_line(line: Line) -> str:
    """A line of the table."""
    if line.problem:
        cells = [line.name, f"not measured: {line.problem}", "", "", "", "", ""]
    else:
        cells = [
            line.name,
            line.reference,
            format_figure(line.reference_figure),
            format_figure(line.figure),
            format_ratio(line.ratio),
            format_goal(line.goal, line.figure),
            {True: "reached", False: "**missed**", None: ""}[line.is_reached],
        ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def format_number(value: float) -> str:
    """Three digits, and all digits before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def format_figure(figure: Figure | None) -> str:
    """The figure with its unit."""
    if figure is None:
        return ""
    return f"{format_number(figure.value)} {figure.unit}".rstrip()


def format_ratio(ratio: Figure | None) -> str:
    """The ratio with the lowest and the highest."""
    if ratio is None:
        return ""
    low, high = format_number(ratio.low), format_number(ratio.high)
    return f"{format_number(ratio.value)} ({low} to {high})"


def format_goal(goal: Goal | None, figure: Figure | None) -> str:
    """A goal such as "≤ 1.5", with the unit of the figure that it bounds."""
    if goal is None:
        return ""
    sign = {"<=": "≤", ">=": "≥"}[goal.relation]
    unit = figure.unit if figure and goal.of == "value" else ""
    return f"{sign} {format_number(goal.bound)} {unit}".rstrip()
