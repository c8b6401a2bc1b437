"""How does a table look? Rows in; text, markdown, csv or json out. Nothing here knows what the numbers mean."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

WIDTH = 100


@dataclass(frozen=True)
class Table:
    """A title, the names of the columns, and rows of cells that are ready to be shown. The first column is to the left."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What is shown: lines above, tables, lines below; and the same as rows and as data for programs."""

    head: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    foot: tuple[str, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()
    data: dict[str, Any] = field(default_factory=dict)


def safe(text: str) -> str:
    """Text for a terminal: control and bidirectional characters, which could redraw the screen, as escapes.

    >>> safe("a\\x1b[2J")
    'a\\\\x1b[2J'
    """
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp") else ascii(c)[1:-1] for c in text)


def _text(report: Report) -> str:
    # Imported where it is used: reading a corpus or a result needs no terminal.
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    out = io.StringIO()
    console = Console(file=out, width=WIDTH, color_system=None, emoji=False, markup=False, highlight=False)
    for line in report.head:
        console.print(safe(line), soft_wrap=True)
    for table in report.tables:
        rich = RichTable(title=Text(safe(table.title)), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for n, name in enumerate(table.columns):
            rich.add_column(Text(safe(name)), justify="right" if n else "left", overflow="fold")
        for row in table.rows:
            rich.add_row(*(Text(safe(cell)) for cell in row))
        console.print()
        console.print(rich)
        for note in table.notes:
            console.print(safe(note), soft_wrap=True)
    if report.foot:
        console.print()
    for line in report.foot:
        console.print(safe(line), soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _markdown(report: Report) -> str:
    blocks = ["  \n".join(map(_escaped, report.head))]
    for table in report.tables:
        lines = [f"**{_escaped(table.title)}**", "", _piped(table.columns), "|---" + "|---:" * (len(table.columns) - 1) + "|"]
        blocks.append("\n".join([*lines, *map(_piped, table.rows)]))
        blocks += ["  \n".join(map(_escaped, table.notes))] if table.notes else []
    blocks.append("\n".join(f"- {_escaped(line)}" for line in report.foot))
    return "\n\n".join(block for block in blocks if block)


def _piped(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(_escaped, cells)) + " |"


def _escaped(text: str) -> str:
    return "".join("\\" + c if c in "\\|`*_<>[]!#$" else c for c in safe(text))


def _csv(report: Report) -> str:
    out = io.StringIO()
    columns = list(report.rows[0]) if report.rows else []
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _inert(value) for key, value in row.items()} for row in report.rows)
    return out.getvalue().rstrip("\n")


def _inert(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets an apostrophe before it; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value


def _json(report: Report) -> str:
    return json.dumps(report.data, indent=1, ensure_ascii=False, allow_nan=False)


RENDERERS: dict[str, Callable[[Report], str]] = {"table": _text, "json": _json, "markdown": _markdown, "csv": _csv}
