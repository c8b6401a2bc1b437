"""Parses the lines of CoNLL files into tokens and tags; conll.py describes the format."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from evalkit.errors import InputError, UnknownNameError, quoted_repr, spell_option
from evalkit.formats.conll_division import ConllDocument, DocumentDivision, decode_line
from evalkit.formats.conll_documents import DOC_TEXT_PREFIX, parse_mark
from evalkit.formats.conll_rows import RANGE, Rows, read_blocks, split_rows
from evalkit.formats.conversion import ConversionReport

_SPLITTERS: dict[str, Callable[[str], list[str]]] = {
    "any": re.compile(r"[^ \t]+").findall,
    "tab": lambda line: line.split("\t"),
    "space": re.compile("[^ ]+").findall,
}
_SEPARATOR_RULES = {
    "any": "only spaces and tabs separate columns",
    "tab": "only tabs separate columns",
    "space": "only spaces separate columns",
}
COMMENTS_HINT = "if lines that begin with # are comments, use {}"


# The first row of a file with these names of columns is no token. Names of tags in use: those of
# HIPE (NE-COARSE-LIT) and of tables with ner_tags.
HEADER_TOKENS = ("token", "tokens", "word", "words", "form")
HEADER_TAGS = re.compile(r"(tags?|labels?|bio|iob2?|ner?([-_].*)?)", re.IGNORECASE)


@dataclass(frozen=True)
class ConllColumns:
    """The columns to read (negative numbers count from the end), their separator, and whether lines
    that begin with # are comments. other_tags: columns of tags that are read in another pass.
    """

    token: int = 0
    tag: int = -1
    separator: str = "any"
    comments: bool = False
    other_tags: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.separator not in _SPLITTERS:
            raise UnknownNameError("separator", self.separator, _SPLITTERS)


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
        self._split = _SPLITTERS[columns.separator]
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
        if self._column_count and not is_markup:
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
        elif line.strip(" \t"):
            self._read_row(number, line)
        else:
            self._division.end_sentence()

    def _read_markup(self, number: int, line: str) -> bool:
        """Reads a document mark or a comment. Returns False if the line is a token."""
        mark = parse_mark(line, comments=self._columns.comments)
        if mark is not None:
            self._division.read_mark(number, mark)
        elif line.startswith(DOC_TEXT_PREFIX) and not self._division.has_rows:
            self._division.read_doc_text(number, line)
        elif self._columns.comments and line.startswith("#"):
            self._conversion.add("comments", f"{self._path}:{number}")
        else:
            return line == "#end document"
        return True

    def _read_row(self, number: int, line: str) -> None:
        cells = self._split(line)
        is_first = not self._column_count
        if len(cells) != self._column_count and not self._set_columns(number, cells, line):
            return
        token = cells[self._token_column]
        tag = cells[self._tag_column]
        if is_first and token.lower() in HEADER_TOKENS and HEADER_TAGS.fullmatch(tag):
            self._conversion.skipped.add("header rows", f"{self._path}:{number}")
            return
        if self._token_column and RANGE.fullmatch(cells[0]):
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
