"""Splits many lines of a CoNLL file at once; conll.py describes the format.

Most lines of a file have the same number of columns, with one separator between two of them. Such
lines are split by a few calls on all of their characters. Lines that may have anything else, such
as an error, are not split here but one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from evalkit.formats.conll_documents import DOCSTART

LINE_FEED = ord("\n")
CHUNK_SIZE = 200_000  # bytes that are read at once
SPLITTERS: dict[str, Callable[[str], list[str]]] = {
    "any": re.compile(r"[^ \t]+").findall,
    "tab": lambda line: line.split("\t"),
    "space": re.compile("[^ ]+").findall,
}
RANGE = re.compile(r"\d+[-.]\d+")  # multiword tokens (2-3) and empty nodes (3.1) of CoNLL-U
# All bytes but a separator, line feeds, and the other characters at which str.split splits ASCII
_OTHERS = {
    separator: bytes(set(range(256)) - set(separator + b"\n\r\v\f\x1c\x1d\x1e\x1f"))
    for separator in (b" ", b"\t")
}


class LineBlock(NamedTuple):
    """Complete lines of a file.

    `is_markup`: a single line that may be a document mark or a comment; otherwise no line is.
    """

    data: bytes
    is_markup: bool


class Rows(NamedTuple):
    """The tokens and tags of lines. `lengths` has the number of rows up to each empty line, and
    after the last one.
    """

    tokens: list[str]
    tags: list[str]
    lengths: list[int]


def read_blocks(file: BinaryIO) -> Iterator[LineBlock]:
    """Yields all lines of a file, divided at those that may be document marks or comments."""
    while data := file.read(CHUNK_SIZE):
        data += file.readline()
        start = 0
        for position in _find_markup(data):
            if start < position:
                yield LineBlock(data[start:position], is_markup=False)
            start = data.find(b"\n", position) + 1 or len(data)
            yield LineBlock(data[position:start], is_markup=True)
        if start < len(data):
            yield LineBlock(data[start:], is_markup=False)


def _find_markup(data: bytes) -> list[int]:
    """The positions of lines that may be document marks or comments."""
    positions = []
    for prefix in (b"#", DOCSTART.encode()):
        if prefix not in data:  # many times faster than looking for the line feed too
            continue
        if data.startswith(prefix):
            positions.append(0)
        positions += [match.start() + 1 for match in re.finditer(b"\n" + prefix, data)]
    return sorted(positions)


def split_rows(
    data: bytes, separator: str, column_count: int, token_column: int, tag_column: int
) -> Rows | None:
    """The rows of complete lines without markup; None if they may have an error, or more than one
    separator between columns.
    """
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    if not data.endswith(b"\n"):
        data += b"\n"
    column_separator = b" " if separator == "space" else b"\t"
    if separator == "any":
        if b"\t" not in data:
            column_separator = b" "
        elif b" " in data:
            data = data.replace(b" ", column_separator)
    elif _has_other_blanks(data, separator):
        return None
    # Only the separators and line feeds; then an x for each row, and a line feed for other lines
    separators = data.translate(None, _OTHERS[column_separator])
    layout = separators.replace(column_separator * (column_count - 1) + b"\n", b"x")
    if layout.translate(None, b"x\n"):
        return None
    try:
        cells = _split_cells(data, separator)
    except UnicodeDecodeError:
        return None
    # If there are as many cells as in the rows, and the other lines are empty, then no row has
    # fewer columns, and therefore no two separators stand side by side.
    lengths = list(map(len, layout.split(b"\n")))
    if len(cells) != column_count * layout.count(b"x") or not _are_empty(data, len(lengths) - 1):
        return None
    if token_column and any(map(RANGE.fullmatch, cells[::column_count])):
        return None
    return Rows(cells[token_column::column_count], cells[tag_column::column_count], lengths)


def _has_other_blanks(data: bytes, separator: str) -> bool:
    """Whether a line may have blanks beside each other, which is then no row even if it has as many
    separators as one.
    """
    if separator == "space":
        return b"\t" in data
    return b" \t" in data or b"\t " in data or b"\r" in data


def _are_empty(data: bytes, count: int) -> bool:
    """Whether this number of lines are empty."""
    line_feeds = np.frombuffer(data, np.uint8) == LINE_FEED
    empty_lines = np.count_nonzero(line_feeds[1:] & line_feeds[:-1]) + data.startswith(b"\n")
    return bool(empty_lines == count)


def _split_cells(data: bytes, separator: str) -> list[str]:
    """The columns of all lines, without empty ones."""
    text = data.decode()
    if data.isascii() and separator != "tab":
        return text.split()
    # Other white space than the separator and line feeds does not separate columns.
    if separator == "any":
        text = text.replace(" ", "\t")
    column_separator = " " if separator == "space" else "\t"
    return list(filter(None, text.replace("\n", column_separator).split(column_separator)))
