"""The layout of a CoNLL file, which its first lines show; conll.py describes the format."""

from __future__ import annotations

import re
from typing import BinaryIO, NamedTuple

from evalkit.formats.conll_header import HEADER_TOKENS
from evalkit.formats.conll_rows import RANGE, SPLITTERS

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_COMMENT = re.compile(r"#[ \t]+[^ \t]|#[^\t]*[^ \t][ \t]*=")
_JOINED_TAG = re.compile(r"(?:[^|]+\|)+(?:O|[BIESLUM]-[^|]+)")


class ConllLayout(NamedTuple):
    """What the rows of a file look like.

    column_count: of the first row, 0 if the file has none. has_tabs: whether it has tabs.
    counts_tokens: whether column 0 has the numbers of the tokens in all sentences. is_joined: the
    tokens of a sentence are on one line, as in `Ada|NNP|B-PER ran|VBD|O`.
    """

    column_count: int
    has_tabs: bool
    counts_tokens: bool
    is_joined: bool

    def is_comment(self, line: str) -> bool:
        """Whether a line that begins with # is a comment: it is a sentence or `key = value`, and
        has another number of columns than the rows.
        """
        if not self.column_count or not _COMMENT.match(line):
            return False
        if self.is_joined:
            return not _are_joined(line.split())
        split = SPLITTERS["tab" if self.has_tabs else "any"]
        return len(split(line)) != self.column_count


UNKNOWN_LAYOUT = ConllLayout(0, has_tabs=False, counts_tokens=False, is_joined=False)


def read_layout(file: BinaryIO, separator: str) -> ConllLayout:
    """The layout of a file, at its start, with this separator of columns.

    Only the first rows are read, unless column 0 counts the tokens in all of them.
    """
    split = SPLITTERS[separator]
    first_row: list[str] = []
    has_tabs = False
    word_count, next_number = 0, 1
    counts_tokens = True
    for number, raw in enumerate(file, 1):
        data = raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw
        line = data.rstrip(b"\r\n").decode(errors="replace")
        cells = split(line)
        is_markup = line.startswith(("#", "-DOCSTART-")) and not _are_joined(cells)
        if is_markup or not line.strip(" \t"):
            next_number = 1
            continue
        if not first_row:
            first_row = cells
            has_tabs = "\t" in line and separator != "space"
            counts_tokens = len(cells) > 2
            if counts_tokens and cells[1].lower() in HEADER_TOKENS:
                continue
        if cells[0] == str(next_number):
            next_number += 1
            word_count += 1
        elif not RANGE.fullmatch(cells[0]):
            counts_tokens = False
        if not counts_tokens:
            break
    return ConllLayout(
        len(first_row),
        has_tabs,
        counts_tokens and word_count > 1,
        is_joined=separator == "any" and not has_tabs and _are_joined(first_row),
    )


def _are_joined(cells: list[str]) -> bool:
    """Whether each cell is a token with its tag, separated by as many bars as in the first."""
    bar_counts = {cell.count("|") for cell in cells}
    return len(bar_counts) == 1 and all(map(_JOINED_TAG.fullmatch, cells))
