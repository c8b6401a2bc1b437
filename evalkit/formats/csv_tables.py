"""Reads and writes tables in CSV and TSV files row by row, with the first row as their header.

Rows are split by the module csv of Python, so that a quoted cell may contain separators, quotes and
line ends. Each row has the line on which it begins.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from evalkit.errors import (
    InputError,
    LoadError,
    UnknownNameError,
    quoted_repr,
    spell_option,
)
from evalkit.files import open_input, replace_file, strip_compression
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.reading_options import advise_encoding

TABLE_SUFFIXES = (".csv", ".tsv")
SEPARATORS = {"tab": "\t", "comma": ",", "semicolon": ";"}
SEPARATOR_NAMES = {"tab": "tabs", "comma": "commas", "semicolon": "semicolons"}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


class CsvRow(NamedTuple):
    """A row of a table: the line on which it begins, its cells, and what is wrong with it ("" for a
    valid row). An empty line has no cells.
    """

    line: int
    cells: list[str]
    problem: str = ""


class CsvTable:
    """An open table. `header` has the names of its columns, `separator` the name of what separates
    them.
    """

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        conversion: ConversionReport,
        separator: str | None,
        *,
        quotes: bool | None,
    ) -> None:
        """Reads the header. Raises LoadError for an empty file or an invalid header, and
        UnknownNameError for an unknown separator.
        """
        if separator is not None and separator not in SEPARATORS:
            raise UnknownNameError("separator", separator, SEPARATORS)
        if csv.field_size_limit() < sys.maxsize:
            csv.field_size_limit(sys.maxsize)  # texts of documents have any length
        self._path, self._file, self._conversion, self._quotes = path, file, conversion, quotes
        self._line = 0  # the number of the last line that was read
        self._encoding_problem = ""
        lines = self._lines()
        first = next((line for line in lines if line.strip()), "")
        if not first:
            raise LoadError([f"{path}: no rows: expected a header with the names of the columns"])
        self.separator = separator or detect_separator(first)
        self._reader = self._split(chain([first], lines))
        row = self._next_row(self._line - 1)
        if row is None or row.problem:
            problem = row.problem if row is not None else "no header"
            raise LoadError([f"{path}:{self._line}: {problem}"])
        self.header = [name.strip() for name in row.cells]
        self.header_line = self._line

    def rows(self) -> Iterator[CsvRow]:
        """Yields the rows below the header."""
        count = len(self.header)
        while (row := self._next_row(self._line)) is not None:
            if row.cells and len(row.cells) != count and not row.problem:
                row = row._replace(cells=self._fit_cells(row.cells))
            if row.cells and len(row.cells) != count and not row.problem:
                number = len(row.cells)
                description = "1 column" if number == 1 else f"{number} columns"
                problem = f"{description}: expected {count}, as in the header"
                if self._line > row.line:
                    problem += f", in a row that ends on line {self._line}{self._quotes_hint()}"
                row = row._replace(problem=problem)
            yield row

    def _fit_cells(self, cells: list[str]) -> list[str]:
        """The cells with as many empty ones at the end as the header has, if only these differ."""
        count = len(self.header)
        if len(cells) < count and not any(self.header[len(cells) :]):
            return [*cells, *[""] * (count - len(cells))]
        return cells[:count] if len(cells) > count and not any(cells[count:]) else cells

    def _next_row(self, last_line: int) -> CsvRow | None:
        """The row after a line; None at the end of the file."""
        try:
            cells = next(self._reader)
        except StopIteration:
            return None
        except csv.Error as error:
            problem = f"not a row of a table: {error}{self._quotes_hint()}"
            return CsvRow(last_line + 1, [], self._encoding_problem or problem)
        problem, self._encoding_problem = self._encoding_problem, ""
        return CsvRow(last_line + 1, cells, problem)

    def _quotes_hint(self) -> str:
        if self._quotes is None:
            return "; a quote inside a quoted cell is written twice"
        if not self._quotes:
            return ""
        option = spell_option("quotes", False, of="format")
        return f"; if quotes are ordinary characters of cells, use {option}"

    def _split(self, lines: Iterator[str]) -> Any:
        separator = SEPARATORS[self.separator]
        if self._quotes is not False:
            return csv.reader(lines, delimiter=separator, strict=True)
        return csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE, strict=True)

    def _lines(self) -> Iterator[str]:
        """Yields the lines of the file with their ends."""
        try:
            for raw in self._file:
                self._line += 1
                has_mark = self._line == 1 and raw.startswith(BYTE_ORDER_MARK)
                if has_mark:
                    self._conversion.add("byte order marks", f"{self._path}:1")
                data = raw.removeprefix(BYTE_ORDER_MARK) if has_mark else raw
                try:
                    yield data.decode()
                except UnicodeDecodeError as error:
                    problem = (
                        f"not UTF-8: {error.reason} at byte {error.start} of line {self._line}"
                    )
                    self._encoding_problem = f"{problem}; {advise_encoding(raw)}"
                    yield data.decode(errors="replace")
        except OSError as error:
            raise InputError(f"{self._path}: {error.strerror or error}") from None


@contextmanager
def open_csv_table(
    path: Path,
    conversion: ConversionReport,
    separator: str | None = None,
    *,
    quotes: bool | None = None,
) -> Iterator[CsvTable]:
    """An open table; see CsvTable.

    separator: tab, comma or semicolon; None for the one that the header has. quotes: whether cells
    may be quoted; None if they may, and no option says otherwise. Raises InputError if the file
    cannot be read.
    """
    with open_input(path) as file:
        yield CsvTable(path, file, conversion, separator, quotes=quotes)


def detect_separator(header: str) -> str:
    """Returns the name of the separator that divides a header into the most columns.

    >>> detect_separator("doc_id;start;end;label, or type")
    'semicolon'
    """
    counts = {}
    for name, separator in SEPARATORS.items():
        try:
            counts[name] = len(next(csv.reader([header], delimiter=separator)))
        except (csv.Error, StopIteration):
            counts[name] = 0
    return max(counts, key=counts.__getitem__)


def write_csv_table(
    rows: Iterable[Sequence[str]], path: Path, header: Sequence[str], separator: str | None
) -> None:
    """Writes a table. A cell with a separator, a quote or a line end is quoted.

    separator: tab, comma or semicolon; None for the one that the header has. quotes: whether cells
    may be quoted; None if they may, and no option says otherwise. Raises InputError if the file
    cannot be read.
    """
    if separator is None:
        separator = "tab" if strip_compression(path).suffix == ".tsv" else "comma"
    if separator not in SEPARATORS:
        raise UnknownNameError("separator", separator, SEPARATORS)
    line = StringIO(newline="")
    # With this end of lines, \r and \n are quoted by all versions of Python.
    writer = csv.writer(line, delimiter=SEPARATORS[separator], lineterminator="\r\n")
    with replace_file(path) as file:
        for row in chain([header], rows):
            line.seek(0)
            line.truncate()
            writer.writerow(row)
            file.write(line.getvalue()[:-2].encode() + b"\n")


def parse_cell(cell: str, kind: str) -> int | float | str:
    """Returns the value of a cell that is not empty. kind: int64, float64 or string.

    Raises ValueError, with what was expected, for another value. Whole numbers may be written as
    floats (12.0), as programs do that have no missing integers.
    """
    if kind == "string":
        return cell
    try:
        if kind == "int64" and _WHOLE.fullmatch(cell):
            return int(cell)
        number = float(cell.replace("_", "x"))  # float() accepts 1_000
        return number if kind == "float64" else _to_whole(number)
    except (ValueError, OverflowError):
        expected = "a whole number" if kind == "int64" else "a number"
        raise ValueError(f"{quoted_repr(cell)}: expected {expected}") from None


def _to_whole(number: float) -> int:
    if not number.is_integer() or abs(number) > 2**53:
        raise ValueError
    return int(number)
