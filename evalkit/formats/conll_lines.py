"""Parses the lines of CoNLL files into tokens and tags; conll.py describes the format."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import msgspec

from evalkit.errors import (
    MAX_REPORTED_ERRORS,
    InputError,
    UnknownNameError,
    quoted_repr,
    spell_option,
)
from evalkit.formats.conll_documents import (
    DOC_TEXT_PREFIX,
    DocumentMark,
    count_sentences_per_document,
    parse_mark,
)
from evalkit.formats.conll_rows import RANGE, Rows, read_blocks, split_rows
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.reading_options import advise_encoding

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
DROPPED_TEXTS = "texts in # doc_text, of documents that are divided or joined"


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


# An entity: the indices of its first token and of the token after its last, and its label
TokenSpan = tuple[int, int, str]


@dataclass
class ConllDocument:
    """A document while it is parsed: tokens and tags with their line numbers, the indices of the
    first tokens of sentences, the spans of tokens that the tags encode, and the errors found so
    far.
    """

    position: str
    id: str
    text: str | None = None
    tokens: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    spans: list[TokenSpan] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    omitted: int = 0

    def add_error(self, error: str) -> None:
        """Adds an error; errors beyond MAX_REPORTED_ERRORS are only counted."""
        if len(self.errors) < MAX_REPORTED_ERRORS:
            self.errors.append(error)
        else:
            self.omitted += 1

    @property
    def borders(self) -> list[int]:
        """The index of the first token of each sentence, and the number of tokens at the end."""
        return [*self.starts, len(self.tokens)]

    @property
    def sentences(self) -> list[list[str]]:
        """The tags of each sentence."""
        return [self.tags[first:last] for first, last in pairwise(self.borders)]


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
        self._draft: ConllDocument | None = None
        self._in_sentence = False
        self._is_whole_file = documents == "file"
        self._sentences_per_document = count_sentences_per_document(documents)
        self._part_prefix = "sentence" if documents == "sentence" else "doc"
        # The marked document, or the lines before the first mark; drafts are its parts.
        self._document_count = 0
        self._document_id = ""
        self._is_marked = False
        self._is_named = False
        self._has_rows = False
        self._part_count = 0
        self._total_part_count = 0

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
        if self._draft is not None:
            yield self._draft

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
            previous = self._draft
            has_column_count = self._column_count > 0
            self._number += 1
            self._read_line(self._number, line)
            if previous is not None and self._draft is not previous:
                yield previous
            if self._column_count and not has_column_count and (rest := lines.read()):
                yield from self._read_block(rest, is_markup=False)

    def _add_rows(self, rows: Rows) -> Iterator[ConllDocument]:
        """Adds the rows of lines without errors, and yields the documents that end in them."""
        first = 0  # the row with which a sentence, or its rest, begins
        for index, length in enumerate(rows.lengths):
            if index:
                self._in_sentence = False
                self._number += 1
            if not length:
                continue
            number = self._number + 1
            previous = self._draft
            draft = previous
            if draft is None or not self._in_sentence:
                draft = self._begin_sentence(number)
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
        line = self._decode_line(number, raw)
        if line is None:
            return
        if line[:1] in ("-", "#") and self._read_markup(number, line):
            self._in_sentence = False
        elif line.strip(" \t"):
            self._read_row(number, line)
        else:
            self._in_sentence = False

    def _decode_line(self, number: int, raw: bytes) -> str | None:
        if number == 1 and raw.startswith(b"\xef\xbb\xbf"):
            self._conversion.add("byte order marks", f"{self._path}:1")
            raw = raw[3:]
        try:
            line = raw.removesuffix(b"\n").removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            self._add_error(
                number,
                f"not UTF-8: {error.reason} at byte {error.start} of the line; {advise_encoding()}",
            )
            return None
        if "\r" in line:
            self._add_error(
                number,
                f"{quoted_repr(line)}: carriage return inside a line; expected lines that end in"
                " line feeds",
            )
            return None
        return line

    def _read_markup(self, number: int, line: str) -> bool:
        """Reads a document mark or a comment. Returns False if the line is a token."""
        mark = parse_mark(line, comments=self._columns.comments)
        if mark is not None:
            self._read_mark(number, mark)
        elif line.startswith(DOC_TEXT_PREFIX) and not self._has_rows:
            self._read_doc_text(number, line)
        elif self._columns.comments and line.startswith("#"):
            self._conversion.add("comments", f"{self._path}:{number}")
        else:
            return line == "#end document"
        return True

    def _read_mark(self, number: int, mark: DocumentMark) -> None:
        can_be_named = self._document_count and not self._is_named and not self._has_rows
        if self._is_whole_file:
            self._conversion.add("document marks", f"{self._path}:{number}")
            self._drop_text_before_mark()
        elif mark.is_comment and mark.id and can_be_named:
            self._name_document(mark.id)
        else:
            self._begin_document(number, mark.id)
        self._is_marked = True
        self._has_rows = False

    def _drop_text_before_mark(self) -> None:
        """Drops the text of a document that continues after a mark."""
        if self._draft is not None and self._draft.text is not None:
            self._draft.text = None
            self._conversion.add(DROPPED_TEXTS, self._draft.position)

    def _begin_document(self, number: int, id: str) -> None:
        """Begins a marked document, or the one before the first mark."""
        self._document_count += 1
        self._document_id = id or f"doc-{self._document_count}"
        self._is_named = bool(id)
        self._part_count = 0
        self._draft = None
        if self._sentences_per_document is None:
            self._begin_draft(number, self._document_id)

    def _begin_draft(self, number: int, id: str) -> ConllDocument:
        draft = ConllDocument(f"{self._path}:{number}", id)
        self._draft = draft
        return draft

    def _name_document(self, id: str) -> None:
        self._document_id = id
        self._is_named = True
        if self._draft is not None:
            self._draft.id = id

    def _begin_sentence(self, number: int) -> ConllDocument:
        """Begins a sentence, and a document if the last one has all of its sentences."""
        if not self._document_count:
            self._begin_document(number, "")
        draft = self._draft
        if draft is None or len(draft.starts) == self._sentences_per_document:
            self._part_count += 1
            self._total_part_count += 1
            draft = self._begin_draft(number, self._part_id())
        draft.starts.append(len(draft.tokens))
        self._in_sentence = True
        self._has_rows = True
        return draft

    def _part_id(self) -> str:
        """The id of a part of a document: a number in the document if it has an id of its own,
        else one in the file.
        """
        if self._is_named:
            return f"{self._document_id}/{self._part_count}"
        return f"{self._part_prefix}-{self._total_part_count}"

    def _read_doc_text(self, number: int, line: str) -> None:
        """Reads the text of a document, or drops it if the document is divided or joined."""
        is_divided = self._sentences_per_document is not None
        if is_divided or (self._is_whole_file and self._is_marked):
            self._conversion.add(DROPPED_TEXTS, f"{self._path}:{number}")
            return
        if not self._document_count:
            self._begin_document(number, "")
        try:
            text = msgspec.json.decode(line[len(DOC_TEXT_PREFIX) :], type=str)
        except msgspec.MsgspecError:
            self._add_error(
                number,
                f"invalid text {quoted_repr(line)}: expected a JSON string in double quotes on one"
                " line",
            )
            return
        if self._draft is not None:
            self._draft.text = text

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
            self._add_error(
                number,
                f"{quoted_repr(cells[0])} is a multiword token or an empty node of CoNLL-U, not a"
                " token; delete the line",
            )
        elif not token or not tag:
            empty = "tag" if token else "token"
            self._add_error(
                number,
                f"{quoted_repr(line)}: the {empty} is empty; expected a token and a tag on every"
                " line",
            )
        else:
            self._add_token(number, token, tag)

    def _add_token(self, number: int, token: str, tag: str) -> None:
        draft = self._draft
        if draft is None or not self._in_sentence:
            draft = self._begin_sentence(number)
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
            self._add_error(
                number,
                f"{description}, but {self._column_count} on line {self._first_row}:"
                f" {quoted_repr(line)}; {self._column_hint(line)}",
            )
            return False
        if count < 2:
            self._add_error(
                number, f"{description}: {quoted_repr(line)}; {self._column_hint(line)}"
            )
            return False
        if missing:
            self._add_error(
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

    def _add_error(self, number: int, problem: str) -> None:
        draft = self._draft
        if draft is None or not self._in_sentence:
            draft = self._begin_sentence(number)
        draft.add_error(f"{self._path}:{number}: {problem}")
