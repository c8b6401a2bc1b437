"""How does a table look?

Rows in; text, markdown, latex, csv or html out. Nothing here knows what the numbers mean.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from evalkit.errors import escape_controls, shorten
from evalkit.results.html_page import build_page, render_template

WIDTH, NARROWEST = 112, 40
_WARNING, _SIGNATURE = "Warning: ", "evalkit:"  # how these lines of a report begin


@dataclass(frozen=True)
class Table:
    """A title, the names of the columns, and rows of cells that are ready to be shown.

    The first column is to the left.

    `less`: columns that a narrow terminal does without, the first of them first. `best`: the (row,
    column) of cells that stand out.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    less: tuple[str, ...] = ()
    best: frozenset[tuple[int, int]] = frozenset()

    def __post_init__(self) -> None:
        # A label of any length stays readable; rows for programs (csv, json) have it in full.
        object.__setattr__(self, "columns", tuple(map(shorten, self.columns)))
        object.__setattr__(self, "rows", tuple(tuple(map(shorten, row)) for row in self.rows))

    def without(self, names: Sequence[str]) -> Table:
        """The table without some columns."""
        kept = [n for n, name in enumerate(self.columns) if name not in names]
        columns, rows = (
            tuple(self.columns[n] for n in kept),
            tuple(tuple(row[n] for n in kept) for row in self.rows),
        )
        best = frozenset((row, kept.index(column)) for row, column in self.best if column in kept)
        return Table(
            self.title,
            columns,
            rows,
            (*self.notes, f"left out, for want of room: {', '.join(names)}"),
            (),
            best,
        )

    @property
    def text_columns(self) -> frozenset[int]:
        """The columns that hold text, which is aligned to the left: the first, and those with a
        cell that begins with a letter.
        """
        columns = {0}
        for row in self.rows:
            columns.update(number for number, cell in enumerate(row) if cell[:1].isalpha())
        return frozenset(columns)

    @property
    def width(self) -> int:
        """How many characters it takes in a terminal."""
        columns = [[name, *(row[n] for row in self.rows)] for n, name in enumerate(self.columns)]
        return sum(max(map(len, column)) + 3 for column in columns)


@dataclass(frozen=True)
class Report:
    """What is shown: lines above, tables, lines below; and the same as rows for programs."""

    head: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    foot: tuple[str, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()

    def without_header(self) -> Report:
        """The same without the lines above the tables."""
        return replace(self, head=())


def _text(report: Report, width: int | None = None) -> str:
    # Imported where it is used: reading a corpus or a result needs no terminal.
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    out = io.StringIO()
    width = max(
        width or max([WIDTH, *(table.width for table in report.tables)]), NARROWEST
    )  # what is no terminal has room
    console = Console(
        file=out, width=width, color_system=None, emoji=False, markup=False, highlight=False
    )
    for line in report.head:
        console.print(escape_controls(line), soft_wrap=True)
    for every in report.tables:
        table = _fit_to_width(every, width)
        rich = RichTable(
            title=Text(escape_controls(table.title)),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            show_edge=False,
        )
        for n, name in enumerate(table.columns):
            rich.add_column(
                Text(escape_controls(name)), justify="right" if n else "left", overflow="fold"
            )
        for at, row in enumerate(table.rows):
            rich.add_row(
                *(
                    Text(escape_controls(cell) + "*" * ((at, n) in table.best))
                    for n, cell in enumerate(row)
                )
            )
        console.print()
        console.print(rich)
        for note in table.notes:
            console.print(escape_controls(note), soft_wrap=True)
    if report.foot:
        console.print()
    for line in report.foot:
        console.print(escape_controls(line), soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _fit_to_width(table: Table, width: int) -> Table:
    """The table with as many of its columns as there is room for."""
    for n in range(len(table.less) + 1):
        fitted = table.without(table.less[:n]) if n else table
        if fitted.width <= width:
            break
    return fitted


def _markdown(report: Report, _width: int | None = None) -> str:
    blocks = ["  \n".join(map(_escaped, report.head))]
    for table in report.tables:
        lines = [
            f"**{_escaped(table.title)}**",
            "",
            _markdown_row(table.columns),
            "|---" + "|---:" * (len(table.columns) - 1) + "|",
        ]
        lines += [
            _markdown_row(row, {n for at, n in table.best if at == place})
            for place, row in enumerate(table.rows)
        ]
        blocks.append("\n".join(lines))
        blocks += ["  \n".join(map(_escaped, table.notes))] if table.notes else []
    blocks.append("\n".join(f"- {_escaped(line)}" for line in report.foot))
    return "\n\n".join(block for block in blocks if block)


def _markdown_row(cells: Sequence[str], bold: Container[int] = ()) -> str:
    return (
        "| "
        + " | ".join(
            f"**{_escaped(cell)}**" if n in bold else _escaped(cell) for n, cell in enumerate(cells)
        )
        + " |"
    )


def _escaped(text: str) -> str:
    return "".join("\\" + c if c in "\\|`*_<>[]!#$~&" else c for c in escape_controls(text))


_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "½": r"$\frac{1}{2}$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}


def _latex(report: Report, _width: int | None = None) -> str:
    blocks = ["% needs \\usepackage{booktabs}, and \\usepackage[T1]{fontenc} or a Unicode engine"]
    for table in report.tables:
        lines = [
            r"\begin{table}",
            r"\centering",
            r"\begin{tabular}{l" + "r" * (len(table.columns) - 1) + "}",
            r"\toprule",
            _latex_row(table.columns),
            r"\midrule",
        ]
        lines += [
            _latex_row(row, {n for at, n in table.best if at == place})
            for place, row in enumerate(table.rows)
        ]
        notes = "".join(f" {_tex(note)}." for note in table.notes)
        lines += [
            r"\bottomrule",
            r"\end{tabular}",
            rf"\caption{{{_tex(table.title)}.{notes}}}",
            rf"\label{{{_latex_label(table.title)}}}",
            r"\end{table}",
        ]
        blocks.append("\n".join(lines))
    comments = [f"% {escape_controls(line)}" for line in (*report.head, *report.foot)]
    return "\n\n".join([*blocks, "\n".join(comments)])


def _latex_label(title: str) -> str:
    """The label of a table: tab:entities-strict of "Entities, strict"."""
    words = re.findall(r"[a-z0-9+]+", title.lower())
    return f"tab:{'-'.join(words) or 'table'}"


def _latex_row(cells: Sequence[str], bold: Container[int] = ()) -> str:
    return (
        " & ".join(
            rf"\textbf{{{_tex(cell)}}}" if n in bold else _tex(cell) for n, cell in enumerate(cells)
        )
        + r" \\"
    )


def _tex(text: str) -> str:
    return "".join(_LATEX.get(c, c) for c in escape_controls(text))


def _csv(report: Report, _width: int | None = None) -> str:
    columns = list(report.rows[0]) if report.rows else []
    lines: list[list[Any]] = [
        list(columns),
        *([row[column] for column in columns] for row in report.rows),
    ]
    return "\n".join(",".join(map(csv_cell, line)) for line in lines)


_FORMULA = tuple("=+-@＝＋－＠")  # how a cell begins that a spreadsheet runs
_QUOTED = re.compile(
    r'[,;"|]|^\s|\s$'
)  # what a spreadsheet may take for the end of a cell, under whatever settings


def csv_cell(value: Any) -> str:
    """A value as a cell of a CSV file; a text stays within its cell, and no spreadsheet runs it as
    a formula.

    Control characters, line ends among them, are written as escapes. A text that begins like a
    formula, be it after white space, gets an apostrophe before it. Numbers stay numbers.

    >>> print(csv_cell("a\\r=1+1"), csv_cell(" =1+1"), csv_cell("a;b"), csv_cell(-0.5))
    a\\r=1+1 ' =1+1 "a;b" -0.5
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value)
    text = escape_controls(value)
    if text.lstrip().startswith(_FORMULA):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


class ReportLines(NamedTuple):
    """The lines of a report by what they are; warnings without the word."""

    header: list[str]
    warnings: list[str]
    notes: list[str]
    signatures: list[str]


def group_lines(report: Report) -> ReportLines:
    """The lines above and below the tables of a report: warnings and signatures by themselves."""
    lines = ReportLines([], [], [], [])
    for line in report.head:
        if line.startswith(_WARNING):
            lines.warnings.append(line.removeprefix(_WARNING))
        else:
            lines.header.append(line)
    for line in report.foot:
        if line.startswith(_WARNING):
            lines.warnings.append(line.removeprefix(_WARNING))
        elif line.startswith(_SIGNATURE):
            lines.signatures.append(line)
        else:
            lines.notes.append(line)
    return lines


def to_html_fragment(report: Report) -> str:
    """The report as a piece of HTML that a page may hold: warnings at its top, signatures last."""
    return render_template(
        "evalkit.results",
        "fragment.html.j2",
        lines=group_lines(report),
        tables=report.tables,
    ).strip()


def _html(report: Report, _width: int | None = None) -> str:
    title = report.head[0] if report.head else "evalkit"
    return build_page(title, to_html_fragment(report))


def dump_yaml(data: Any) -> str:
    """Data as YAML, keys in their order.

    Letters of all scripts stand as they are, unless there is a control character: then escapes
    stand.
    """
    import yaml  # type: ignore[import-untyped]  # comes with huggingface_hub, and without types

    text = str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
    return (
        text
        if escape_controls(text, keep="\n") == text
        else str(yaml.safe_dump(data, sort_keys=False))
    )


RENDERERS: dict[str, Callable[[Report, int | None], str]] = {
    "table": _text,
    "markdown": _markdown,
    "latex": _latex,
    "csv": _csv,
    "html": _html,
}
