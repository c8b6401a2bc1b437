"""Prints lists in columns: of formats, models and scorers."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

from evalkit.errors import print_line

MAX_WIDTH = 100


def list_width() -> int:
    """The width of a list: that of the terminal, up to 100 columns."""
    return min(shutil.get_terminal_size().columns, MAX_WIDTH)


def print_columns(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns, with the first line of the last one wrapped to the width of the
    terminal; its other lines hold commands, which are not wrapped.
    """
    *fixed, _ = zip(*rows)
    widths = [max(map(len, column)) for column in fixed]
    for *cells, text in rows:
        start = "".join(f"{cell:{width}}  " for cell, width in zip(cells, widths))
        indent = " " * len(start)
        first, *others = text.split("\n")
        wrapped = textwrap.wrap(
            first,
            list_width(),
            initial_indent=start,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )
        for line in (*wrapped, *(indent + other for other in others)):
            print_line(line)
