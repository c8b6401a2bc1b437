"""Parses the lines of CoNLL files into tokens and tags; conll.py describes the format."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from evalkit.errors import InputError, UnknownNameError, quoted_repr, spell_option
from evalkit.formats.conll_division import ConllDocument, DocumentDivision, decode_line
from evalkit.formats.conll_documents import DOC_TEXT_PREFIX, parse_mark
from evalkit.formats.conll_header import HEADER_TAGS, HEADER_TOKENS
from evalkit.formats.conll_layout import UNKNOWN_LAYOUT, ConllLayout
from evalkit.formats.conll_rows import RANGE, SPLITTERS, Rows, read_blocks, split_rows
from evalkit.formats.conversion import ConversionReport

_SEPARATOR_RULES = {
    "any": "only spaces and tabs separate columns",
    "tab": "only tabs separate columns",
    "space": "only spaces separate columns",
}
NO_TAGS = ("O", "_", "-")  # of multiword tokens and empty nodes
COMMENTS_HINT = "if lines that begin with # are comments, use {}"


@dataclass(frozen=True)
class ConllColumns:
    """The columns to read (negative numbers count from the end), their separator, and whether lines
    that begin with # are comments: None if the layout of the file decides. other_tags: columns of
    tags that are read in another pass. further_tags: those that are not read.
    """

    token: int = 0
    tag: int = -1
    separator: str = "any"
    comments: bool | None = False
    other_tags: tuple[int, ...] = ()
    further_tags: tuple[int, ...] = ()
    layout: ConllLayout = UNKNOWN_LAYOUT

    def __post_init__(self) -> None:
        if self.separator not in SPLITTERS:
            raise UnknownNameError("separator", self.separator, SPLITTERS)

    def is_comment(self, line: str) -> bool:
        """Whether a line that begins with # is a comment."""
        return self.layout.is_comment(line) if self.comments is None else self.comments


class ConllParser:
    """Reads the lines of a file into ConllDocument drafts."""

    def __init__(
        self,
        path: Path,
        conversion: ConversionReport,
        columns: ConllColumns,
        documents: str = "docstart",
    ) -> None:
        """`path` is used in positions, `documents` is a value of `parse_documents`."""
        self._path = path
        self._conversion = conversion
        self._columns = columns
        self._split = SPLITTERS[columns.separator]
        # All rows must have as many columns as the first one; 0 until it is read.
        self._column_count = 0
        self._first_row = 0  # line number
        self._first_row_is_hashed = False  # it begins with # and may be a comment
        self._token_column = 0
        self._tag_column = 0
        self._number = 0  # of the last line that was read
        self._division = DocumentDivision(path, conversion, documents)

    @property
    def has_further_columns(self) -> bool:
        """Whether the file has columns other than those of tokens and tags."""
        return self._column_count > 2

    def drafts(self, file: BinaryIO) -> Iterator[ConllDocument]:
        """Yields each document of an open file. Raises InputError if it cannot be read."""
        try:
            for block in read_blocks(file):
                yield from self._read_block(block.data, is_markup=block.is_markup)
        except OSError as error:
            raise InputError(f"{self._path}: {error.strerror or error}") from None
        if self._division.draft is not None:
            yield self._division.draft

    def _read_block(self, data: bytes, *, is_markup: bool) -> Iterator[ConllDocument]:
        """Reads lines, and yields the documents that end in them.

        Lines are split at once if possible. The first row of a file is read on its own, since it
        has the number of columns.
        """
        rows = None
        if self._column_count and not is_markup and not self._columns.layout.is_joined:
            rows = split_rows(
                data,
                self._columns.separator,
                self._column_count,
                self._token_column,
                self._tag_column,
            )
        if rows is not None:
            yield from self._add_rows(rows)
            return
        lines = io.BytesIO(data)
        for line in lines:
            previous = self._division.draft
            has_column_count = self._column_count > 0
            self._number += 1
            self._read_line(self._number, line)
            if previous is not None and self._division.draft is not previous:
                yield previous
            if self._column_count and not has_column_count and (rest := lines.read()):
                yield from self._read_block(rest, is_markup=False)

    def _add_rows(self, rows: Rows) -> Iterator[ConllDocument]:
        """Adds the rows of lines without errors, and yields the documents that end in them."""
        first = 0  # the row with which a sentence, or its rest, begins
        for index, length in enumerate(rows.lengths):
            if index:
                self._division.end_sentence()
                self._number += 1
            if not length:
                continue
            number = self._number + 1
            previous = self._division.draft
            draft = self._division.current_sentence(number)
            if previous is not None and draft is not previous:
                yield previous
            end = first + length
            if draft.tokens or length < len(rows.tokens):
                draft.tokens += rows.tokens[first:end]
                draft.tags += rows.tags[first:end]
            else:
                draft.tokens, draft.tags = rows.tokens, rows.tags
            draft.lines += range(number, number + length)
            self._number += length
            first = end

    def _read_line(self, number: int, raw: bytes) -> None:
        try:
            line = decode_line(raw, number, self._path, self._conversion)
        except InputError as error:
            self._division.add_error(number, str(error))
            return
        if line[:1] in ("-", "#") and self._read_markup(number, line):
            self._division.end_sentence()
        elif line.strip(" \t") and self._columns.layout.is_joined:
            for item in self._split(line):
                self._read_row(number, item.split("|"), line)
            self._division.end_sentence()
        elif line.strip(" \t"):
            self._read_row(number, self._split(line), line)
        else:
            self._division.end_sentence()

    def _read_markup(self, number: int, line: str) -> bool:
        """Reads a document mark or a comment. Returns False if the line is a token."""
        location = f"{self._path}:{number}"
        is_comment = line.startswith("#") and self._columns.is_comment(line)
        mark = parse_mark(line, comments=is_comment)
        if mark is not None:
            self._division.read_mark(number, mark)
            self._note_comment(location, is_detected=mark.is_comment)
        elif line.startswith(DOC_TEXT_PREFIX) and not self._division.has_rows:
            self._division.read_doc_text(number, line)
        elif is_comment:
            self._conversion.add("comments", location)
            self._note_comment(location, is_detected=True)
        else:
            return line == "#end document"
        return True

    def _note_comment(self, location: str, *, is_detected: bool) -> None:
        """Notes that the layout of the file decided that a line is a comment."""
        if is_detected and self._columns.comments is None:
            self._conversion.effective_options["comments"] = "true"
            self._conversion.detected.add("lines that begin with # are comments", location)

    def _read_row(self, number: int, cells: list[str], line: str) -> None:
        is_first = not self._column_count
        if len(cells) != self._column_count and not self._set_columns(number, cells, line):
            return
        token = cells[self._token_column]
        tag = cells[self._tag_column]
        if is_first and token.lower() in HEADER_TOKENS and HEADER_TAGS.fullmatch(tag):
            self._conversion.skipped.add("header rows", f"{self._path}:{number}")
            return
        is_range = bool(self._token_column) and RANGE.fullmatch(cells[0]) is not None
        if is_range and tag in NO_TAGS and self._columns.layout.counts_tokens:
            self._conversion.add(
                "multiword tokens and empty nodes of CoNLL-U", f"{self._path}:{number}"
            )
        elif is_range:
            self._division.add_error(
                number,
                f"{quoted_repr(cells[0])} is a multiword token or an empty node of CoNLL-U, not a"
                " token; delete the line",
            )
        elif not token or not tag:
            empty = "tag" if token else "token"
            self._division.add_error(
                number,
                f"{quoted_repr(line)}: the {empty} is empty; expected a token and a tag on every"
                " line",
            )
        else:
            self._add_token(number, token, tag)

    def _add_token(self, number: int, token: str, tag: str) -> None:
        draft = self._division.current_sentence(number)
        draft.tokens.append(token)
        draft.tags.append(tag)
        draft.lines.append(number)

    def _set_columns(self, number: int, cells: list[str], line: str) -> bool:
        """Takes the number of columns from the first row. Returns False, after adding an error, if
        a later row has another number or the columns to read do not exist.
        """
        count = len(cells)
        description = "1 column" if count == 1 else f"{count} columns"
        columns = (self._columns.token, self._columns.tag, *self._columns.other_tags)
        missing = [column for column in columns if not -count <= column < count]
        if self._column_count:
            self._division.add_error(
                number,
                f"{description}, but {self._column_count} on line {self._first_row}:"
                f" {quoted_repr(line)}; {self._column_hint(line)}",
            )
            return False
        if count < 2:
            self._division.add_error(
                number, f"{description}: {quoted_repr(line)}; {self._column_hint(line)}"
            )
            return False
        if missing:
            self._division.add_error(
                number,
                f"{description}: {quoted_repr(line)}; there is no column {missing[0]}:"
                f" {spell_option('token_column', of='format')} and"
                f" {spell_option('tag_column', of='format')} count from 0, or back from -1",
            )
            return False
        self._column_count = count
        self._first_row = number
        self._first_row_is_hashed = line.startswith("#")
        self._token_column = self._columns.token % count
        self._tag_column = self._columns.tag % count
        ignored_columns = count - len({column % count for column in columns})
        if self._columns.layout.counts_tokens and self._token_column:
            ignored_columns -= 1
        if further := self._columns.further_tags:
            ignored_columns -= len(further)
            read = {column % count for column in columns[1:]}
            every = "+".join(map(str, sorted(read.union(further))))
            name = f"columns of other tags (?tag_column={every} reads them, too)"
            self._conversion.add(name, f"{self._path}:{number}", len(further))
        if ignored_columns:
            self._conversion.add(
                "columns that are neither token nor tag", f"{self._path}:{number}", ignored_columns
            )
        return True

    def _column_hint(self, line: str) -> str:
        is_hashed = line.startswith("#") or self._first_row_is_hashed
        if is_hashed and not self._columns.comments:
            return COMMENTS_HINT.format(spell_option("comments", True, of="format"))
        separator_rule = _SEPARATOR_RULES[self._columns.separator]
        hint = f"every line needs a token and a tag, and {separator_rule}"
        if "\t" in line and self._columns.separator == "any":
            option = spell_option("separator", "tab", of="format")
            hint += f"; if tokens contain spaces, use {option}"
        return hint
