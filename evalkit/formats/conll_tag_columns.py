"""Finds the columns of a CoNLL file that hold tags, whichever column is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO, NamedTuple

from evalkit.errors import spell_option
from evalkit.formats.conll_header import HEADER_TOKENS
from evalkit.formats.conll_lines import ConllColumns
from evalkit.formats.conll_rows import RANGE, SPLITTERS

MAX_LINES = 2000  # that are looked at
# Types of the chunks of CoNLL-2000, which CoNLL-2003 has in a column before that of entities
CHUNKS = frozenset("NP VP PP ADVP SBAR ADJP PRT CONJP INTJ LST UCP".split())
_TAG = re.compile(r"O|[BIESLUM]-(?P<label>.+)")


class TagColumns(NamedTuple):
    """Which columns hold tags.

    labels: of each column that has nothing but tags and O, by column. read_labels: those in the
    columns that are read, whatever else is in them. swapped: the columns of tokens and tags, if the
    column that is read as tokens has nothing but tags, as in files with the tag first.
    """

    labels: dict[int, set[str]]
    read_labels: set[str]
    swapped: tuple[int, int] | None = None

    @property
    def further(self) -> tuple[int, ...]:
        """The columns with other tags than chunks, such as those of nested entities."""
        if not self.read_labels:
            return ()
        return tuple(column for column, labels in self.labels.items() if labels - CHUNKS)

    def advise(self) -> str | None:
        """How to read the columns with tags, if those that are read have none."""
        with_labels = [column for column, labels in self.labels.items() if labels]
        candidates = [column for column in with_labels if self.labels[column] - CHUNKS]
        candidates = candidates or with_labels
        if self.read_labels:
            return None
        if not candidates and self.swapped is not None:
            tokens, tags = self.swapped
            options = [
                spell_option("tag_column", tags, of="format"),
                spell_option("token_column", tokens, of="format"),
            ]
            return f"; column {tags} has tags: use {' and '.join(options)}"
        if not candidates:
            return None
        option = spell_option("tag_column", candidates[0], of="format")
        if len(candidates) == 1:
            return f"; column {candidates[0]} has tags: use {option}"
        named = ", ".join(map(str, candidates[:-1]))
        return f"; columns {named} and {candidates[-1]} have tags: use {option}"


def find_tag_columns(file: BinaryIO, columns: ConllColumns) -> TagColumns:
    """The columns of tags in the first lines of a file, other than those that are read."""
    count = columns.layout.column_count
    named = (columns.token, columns.tag, *columns.other_tags)
    exist = all(-count <= column < count for column in named)  # if not, parsing reports it
    if columns.layout.is_joined or not count or not exist:
        return TagColumns({}, set())
    read = {column % count for column in named[1:]}
    token = columns.token % count
    labels: dict[int, set[str]] = {column: set() for column in range(count)}
    read_labels: set[str] = set()
    for cells in _iter_rows(islice(file, MAX_LINES), columns):
        for column in read:
            if (match := _TAG.fullmatch(cells[column])) and match["label"]:
                read_labels.add(match["label"])
        for column in list(labels):
            match = _TAG.fullmatch(cells[column])
            if match is None:
                del labels[column]
            elif match["label"]:
                labels[column].add(match["label"])
    for column in read:
        labels.pop(column, None)
    swapped = (columns.tag % count, token) if labels.pop(token, None) else None
    return TagColumns(labels, read_labels, swapped)


def _iter_rows(lines: Iterable[bytes], columns: ConllColumns) -> Iterator[list[str]]:
    """Yields the cells of each row of a token, without a header and words of CoNLL-U."""
    split = SPLITTERS[columns.separator]
    is_first = True
    for raw in lines:
        line = raw.decode(errors="replace").rstrip("\r\n").removeprefix("\ufeff")
        cells = split(line)
        if line.startswith("-DOCSTART-") or (line.startswith("#") and columns.is_comment(line)):
            continue
        if len(cells) != columns.layout.column_count:
            continue
        is_header = is_first and cells[columns.token].lower() in HEADER_TOKENS
        is_first = False
        if not is_header and not (columns.layout.counts_tokens and RANGE.fullmatch(cells[0])):
            yield cells
