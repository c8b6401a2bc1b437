"""Renders reports: text, Markdown, LaTeX, CSV or HTML from tables of cells."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from evalkit.errors import InputError, escape_controls, quoted_repr, shorten, spell_option
from evalkit.results.html_page import build_page, render_template

NARROWEST = 40  # columns of a terminal
SHORTEST_LABEL = 12  # characters that are left of a label in a narrow terminal
WIDEST_HEADER = 22  # characters of a column's name on one line of a terminal
COLUMN_GAP = "  "
_WARNING, _SIGNATURE = "Warning: ", "evalkit:"  # how these lines of a report begin


@dataclass(frozen=True)
class NumberFormat:
    """How ratios are written: as fractions of three digits, or in percent with one digit.

    >>> NumberFormat().format(0.41859), NumberFormat(percent=True).format(0.41859)
    ('0.419', '41.9')
    >>> NumberFormat(digits=2, percent=True).format_range(0.39, 0.41859)
    '39.00–41.86'
    """

    digits: int | None = None
    percent: bool = False

    def __post_init__(self) -> None:
        """Raises InputError for a number of digits outside 0 to 15."""
        if self.digits is None:
            return
        if type(self.digits) is not int or not 0 <= self.digits <= 15:
            raise InputError(
                f"{spell_option('digits')}: expected a whole number from 0 to 15, got"
                f" {quoted_repr(self.digits)}"
            )

    def format(self, ratio: float | None) -> str:
        """A ratio; – where it is undefined."""
        if ratio is None:
            return "–"
        digits = self.digits
        if digits is None:
            digits = 1 if self.percent else 3
        return f"{100 * ratio if self.percent else ratio:.{digits}f}"

    def format_signed(self, difference: float | None) -> str:
        """A difference with its sign; – where it is undefined."""
        if difference is None:
            return "–"
        if not difference:
            return self.format(0.0)
        sign = "-" if difference < 0 else "+"
        return sign + self.format(abs(difference))

    def format_range(self, low: float | None, high: float | None) -> str:
        """An interval; – where there is none."""
        if low is None or high is None:
            return "–"
        return f"{self.format(low)}–{self.format(high)}"


DEFAULT_FORMAT = NumberFormat()


@dataclass(frozen=True)
class Table:
    """A title, the names of the columns, and rows of cells as they are shown.

    droppable_columns: columns, or tuples of columns, that a narrow terminal hides in this order.
    highlighted: (row, column) of the cells that are emphasized. first_average: the row before which
    a rule separates averages from labels, if there are averages. keeps_names: whether a narrow
    terminal hides columns before it shortens the first one. lead: a sentence below the title.
    left_columns: columns that are aligned to the left whatever they hold.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    droppable_columns: tuple[str | tuple[str, ...], ...] = ()
    highlighted: frozenset[tuple[int, int]] = frozenset()
    first_average: int | None = None
    keeps_names: bool = False
    lead: str = ""
    left_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # A label of any length stays readable; rows for programs (csv, json) have it in full.
        object.__setattr__(self, "columns", tuple(map(shorten, self.columns)))
        object.__setattr__(self, "rows", tuple(tuple(map(shorten, row)) for row in self.rows))

    def drop_columns(self, names: Sequence[str]) -> Table:
        """The table without some columns."""
        kept = [n for n, name in enumerate(self.columns) if name not in names]
        columns, rows = (
            tuple(self.columns[n] for n in kept),
            tuple(tuple(row[n] for n in kept) for row in self.rows),
        )
        best = frozenset(
            (row, kept.index(column)) for row, column in self.highlighted if column in kept
        )
        return Table(
            self.title,
            columns,
            rows,
            (*self.notes, f"hidden columns (narrow terminal): {', '.join(names)}"),
            (),
            best,
            self.first_average,
            self.keeps_names,
            self.lead,
            self.left_columns,
        )

    @cached_property
    def text_columns(self) -> frozenset[int]:
        """The columns that hold text, which is aligned to the left: the first, and those with a
        cell that begins with a letter or that are named in `left_columns`.
        """
        columns = {0, *(n for n, name in enumerate(self.columns) if name in self.left_columns)}
        for row in self.rows:
            columns.update(number for number, cell in enumerate(row) if cell[:1].isalpha())
        return frozenset(columns)

    @property
    def column_widths(self) -> list[int]:
        """The characters that each column takes in a terminal."""
        widths = []
        for number, name in enumerate(self.columns):
            cells = [_cell_text(self, at, number) for at in range(len(self.rows))]
            widths.append(max(map(_text_width, [*_header_cell_lines(name), *cells])))
        return widths

    @property
    def width(self) -> int:
        """The characters that a line takes in a terminal."""
        return sum(self.column_widths) + len(COLUMN_GAP) * (len(self.columns) - 1)


@dataclass(frozen=True)
class Report:
    """What is shown: lines above, tables, lines below; and the same as rows for programs."""

    header: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    footer: tuple[str, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()


def _cell_text(table: Table, row: int, column: int) -> str:
    """A cell as it is shown in a terminal: emphasized ones have an asterisk."""
    text = escape_controls(table.rows[row][column])
    return f"{text}*" if (row, column) in table.highlighted else text


def _header_cell_lines(name: str) -> list[str]:
    """The name of a column on as many lines as it needs in a terminal."""
    return textwrap.wrap(escape_controls(name), WIDEST_HEADER) or [""]


def _text_width(text: str) -> int:
    """The columns that a text takes in a terminal, where some characters take two."""
    if text.isascii():
        return len(text)
    # Imported where it is used: reading a corpus or a result needs no terminal.
    from rich.cells import cell_len

    return cell_len(text)


def _text(report: Report, width: int | None = None) -> str:
    """The report for a terminal of this width; without one, columns have room and no line is
    wrapped.
    """
    if width is not None:
        width = max(width, NARROWEST)
    lines: list[str] = []
    for line in report.header:
        lines += _wrap(line, width)
    for table in report.tables:
        fitted = table if width is None else _fit_to_width(table, width)
        _, *cells = _table_lines(fitted)
        lead = _wrap(table.lead, width) if table.lead else []
        lines += ["", *_wrap(table.title, width), *lead, *cells]
        for note in fitted.notes:
            lines += _wrap(note, width)
    if report.footer:
        lines.append("")
    for line in report.footer:
        lines += [escape_controls(line)] if line.startswith(_SIGNATURE) else _wrap(line, width)
    return "\n".join(line.rstrip() for line in lines).removeprefix("\n")


def _wrap(line: str, width: int | None) -> list[str]:
    """A line wrapped at words; further lines are indented as it is, and two more."""
    text = escape_controls(line)
    if width is None or len(text) <= width:
        return [text]
    indent = text[: len(text) - len(text.lstrip())]
    wrapped = textwrap.wrap(
        text.lstrip(),
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapped or [text]


def _table_lines(table: Table) -> list[str]:
    """Title, column names, a rule, rows; text to the left, numbers to the right."""
    widths, left = table.column_widths, table.text_columns
    names = [_header_cell_lines(name) for name in table.columns]
    header_height = max(map(len, names))
    # Short names stand on the last line, above their column.
    padded_names = [[""] * (header_height - len(name)) + name for name in names]
    headers = [list(line) for line in zip(*padded_names)]
    rows = [
        [_cell_text(table, at, number) for number in range(len(table.columns))]
        for at in range(len(table.rows))
    ]
    lines = [escape_controls(table.title)]
    for cells in (*headers, *rows):
        padded = []
        for number, cell in enumerate(cells):
            padding = " " * (widths[number] - _text_width(cell))
            padded.append(cell + padding if number in left else padding + cell)
        lines.append(COLUMN_GAP.join(padded))
    rule = "─" * table.width
    header_lines = 1 + header_height  # title and column names
    if table.first_average:
        lines.insert(header_lines + table.first_average, rule)
    lines.insert(header_lines, rule)
    return lines


def _fit_to_width(table: Table, width: int) -> Table:
    """The table with its first column shortened, and then as few columns hidden as needed."""
    for hidden in range(len(table.droppable_columns) + 1):
        names: list[str] = []
        for dropped in table.droppable_columns[:hidden]:
            names += [dropped] if isinstance(dropped, str) else dropped
        fitted = table.drop_columns(names) if names else table
        excess = fitted.width - width
        if excess <= 0:
            return fitted
        is_last = hidden == len(table.droppable_columns)
        if table.keeps_names and not is_last:
            continue
        room = max(fitted.column_widths[0] - excess, SHORTEST_LABEL)
        if fitted.column_widths[0] - room >= excess or is_last:
            rows = tuple((shorten(escape_controls(row[0]), room), *row[1:]) for row in fitted.rows)
            return replace(fitted, rows=rows)
    return fitted


def _markdown(report: Report, _width: int | None = None) -> str:
    blocks = ["  \n".join(map(_escape_markdown, report.header))]
    for table in report.tables:
        lines = [
            f"**{_escape_markdown(table.title)}**",
            "",
            *([_escape_markdown(table.lead), ""] if table.lead else []),
            _markdown_row(table.columns),
            _markdown_rule(table),
        ]
        for number, row in enumerate(table.rows):
            bold = {column for at, column in table.highlighted if at == number}
            lines.append(_markdown_row(row, bold))
        blocks.append("\n".join(lines))
        blocks += ["  \n".join(map(_escape_markdown, table.notes))] if table.notes else []
    blocks.append("\n".join(f"- {_escape_markdown(line)}" for line in report.footer))
    return "\n\n".join(block for block in blocks if block)


def _markdown_rule(table: Table) -> str:
    """The line below the names of the columns: text to the left, numbers to the right."""
    left = table.text_columns
    rules = ("---" if number in left else "---:" for number in range(len(table.columns)))
    return f"|{'|'.join(rules)}|"


def _markdown_row(cells: Sequence[str], bold: Container[int] = ()) -> str:
    escaped = []
    for column, cell in enumerate(cells):
        text = _escape_markdown(cell)
        escaped.append(f"**{text}**" if column in bold else text)
    return f"| {' | '.join(escaped)} |"


def _escape_markdown(text: str) -> str:
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
    "→": r"$\rightarrow$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "½": r"$\frac{1}{2}$",
    "±": r"$\pm$",
    "α": r"$\alpha$",
    "γ": r"$\gamma$",
    "κ": r"$\kappa$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}


def _latex(report: Report, _width: int | None = None) -> str:
    blocks = ["% needs \\usepackage{booktabs}, and \\usepackage[T1]{fontenc} or a Unicode engine"]
    for table in report.tables:
        left = table.text_columns
        alignments = "".join("l" if n in left else "r" for n in range(len(table.columns)))
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\begin{{tabular}}{{{alignments}}}",
            r"\toprule",
            _latex_row(table.columns),
            r"\midrule",
        ]
        for number, row in enumerate(table.rows):
            if number and number == table.first_average:
                lines.append(r"\midrule")
            bold = {column for at, column in table.highlighted if at == number}
            lines.append(_latex_row(row, bold))
        sentences = [table.lead, *table.notes] if table.lead else table.notes
        notes = "".join(f" {_escape_latex(note[:1].upper() + note[1:])}." for note in sentences)
        lines += [
            r"\bottomrule",
            r"\end{tabular}",
            rf"\caption{{{_escape_latex(table.title)}.{notes}}}",
            rf"\label{{{_latex_label(table.title)}}}",
            r"\end{table}",
        ]
        blocks.append("\n".join(lines))
    comments = [f"% {escape_controls(line)}" for line in (*report.header, *report.footer)]
    return "\n\n".join([*blocks, "\n".join(comments)])


def _latex_label(title: str) -> str:
    """The label of a table: tab:entities-strict of "Entities, strict"."""
    words = re.findall(r"[a-z0-9+]+", title.lower())
    return f"tab:{'-'.join(words) or 'table'}"


def _latex_row(cells: Sequence[str], bold: Container[int] = ()) -> str:
    escaped = []
    for column, cell in enumerate(cells):
        text = _escape_latex(cell)
        escaped.append(rf"\textbf{{{text}}}" if column in bold else text)
    return " & ".join(escaped) + r" \\"


def _escape_latex(text: str) -> str:
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
    for line in report.header:
        if line.startswith(_WARNING):
            lines.warnings.append(line.removeprefix(_WARNING))
        else:
            lines.header.append(line)
    for line in report.footer:
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
    title = report.header[0] if report.header else "evalkit"
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
