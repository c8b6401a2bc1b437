"""Parses the lines of CoNLL files into tokens and tags; conll.py describes the format."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import msgspec

from evalkit.errors import (
    MAX_REPORTED_ERRORS,
    InputError,
    UnknownNameError,
    quoted_repr,
    spell_option,
)
from evalkit.formats.conversion import ConversionReport

DOCSTART = "-DOCSTART-"
DOC_TEXT_PREFIX = "# doc_text = "
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
_DOCSTART = re.compile(r"-DOCSTART-(?:[ \t]+(?:\((.*)\)(?:[ \t].*)?|([^ \t]+)|.*))?[ \t]*")
_BEGIN_DOCUMENT = re.compile(r"#begin document(?= |$)(?: +\((.*)\);?)? *(.*)")
_NEWDOC = re.compile(r"# *newdoc(?: +id *= *(.+))?|# *id *= *(.+)")
_NO_ID = ("O", "_", "-", "-X-", DOCSTART)  # placeholders after -DOCSTART- that are not ids
COMMENTS_HINT = "if lines that begin with # are comments, use {}"
RANGE = re.compile(r"\d+[-.]\d+")  # multiword tokens (2-3) and empty nodes (3.1) of CoNLL-U


@dataclass(frozen=True)
class ConllColumns:
    """The columns to read (negative numbers count from the end), their separator, and whether lines
    that begin with # are comments.
    """

    token: int = 0
    tag: int = -1
    separator: str = "any"
    comments: bool = False

    def __post_init__(self) -> None:
        if self.separator not in _SPLITTERS:
            raise UnknownNameError("separator", self.separator, _SPLITTERS)


@dataclass
class ConllDocument:
    """A document while it is parsed: tokens and tags with their line numbers, the indices of the
    first tokens of sentences, and the errors found so far.
    """

    position: str
    id: str
    named: bool = False
    text: str | None = None
    tokens: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
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

    def __init__(self, path: Path, conversion: ConversionReport, columns: ConllColumns) -> None:
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
        self._draft: ConllDocument | None = None
        self._document_count = 0
        self._in_sentence = False

    @property
    def has_further_columns(self) -> bool:
        """Whether the file has columns other than those of tokens and tags."""
        return self._column_count > 2

    def drafts(self) -> Iterator[ConllDocument]:
        """Yields each document of the file. Raises InputError if the file cannot be read."""
        try:
            with self._path.open("rb") as file:
                for number, raw in enumerate(file, 1):
                    previous = self._draft
                    self._read_line(number, raw)
                    if previous is not None and self._draft is not previous:
                        yield previous
        except OSError as error:
            raise InputError(f"{self._path}: {error.strerror or error}") from None
        if self._draft is not None:
            yield self._draft

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
                f"not UTF-8: {error.reason} at byte {error.start} of the line; save the file as"
                " UTF-8",
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
        """Reads a document header or a comment. Returns False if the line is a token."""
        if match := _DOCSTART.fullmatch(line):
            id_in_brackets, bare_id = match.groups()
            id = None if bare_id in _NO_ID else bare_id
            if id_in_brackets:
                id = _unquote(id_in_brackets)
            self._begin_document(number, id)
        elif match := _BEGIN_DOCUMENT.fullmatch(line):
            id_parts = [part for part in match.groups() if part]
            self._begin_document(number, "; ".join(id_parts))
        elif line.startswith(DOC_TEXT_PREFIX) and not (self._draft and self._draft.tokens):
            self._read_doc_text(number, line)
        elif self._columns.comments and line.startswith("#"):
            self._read_comment(number, line)
        else:
            return line == "#end document"
        return True

    def _begin_document(self, number: int, id: str | None) -> ConllDocument:
        self._document_count += 1
        self._draft = ConllDocument(
            f"{self._path}:{number}", id or f"doc-{self._document_count}", named=bool(id)
        )
        return self._draft

    def _current_document(self, number: int) -> ConllDocument:
        return self._draft or self._begin_document(number, None)

    def _read_doc_text(self, number: int, line: str) -> None:
        try:
            self._current_document(number).text = msgspec.json.decode(
                line[len(DOC_TEXT_PREFIX) :], type=str
            )
        except msgspec.MsgspecError:
            self._add_error(
                number,
                f"invalid text {quoted_repr(line)}: expected a JSON string in double quotes on one"
                " line",
            )

    def _read_comment(self, number: int, line: str) -> None:
        match = _NEWDOC.fullmatch(line)
        if match is None:
            self._conversion.add("comments", f"{self._path}:{number}")
            return
        draft = self._draft
        id = match[1] or match[2]
        if draft is None or draft.tokens or draft.named or not id:
            self._begin_document(number, id)
        else:
            draft.id = id
            draft.named = True

    def _read_row(self, number: int, line: str) -> None:
        cells = self._split(line)
        if len(cells) != self._column_count and not self._set_columns(number, cells, line):
            return
        token = cells[self._token_column]
        tag = cells[self._tag_column]
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
        draft = self._current_document(number)
        if not self._in_sentence:
            draft.starts.append(len(draft.tokens))
            self._in_sentence = True
        draft.tokens.append(token)
        draft.tags.append(tag)
        draft.lines.append(number)

    def _set_columns(self, number: int, cells: list[str], line: str) -> bool:
        """Takes the number of columns from the first row. Returns False, after adding an error, if
        a later row has another number or the columns to read do not exist.
        """
        count = len(cells)
        description = "1 column" if count == 1 else f"{count} columns"
        columns = (self._columns.token, self._columns.tag)
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
        ignored_columns = count - len({self._token_column, self._tag_column})
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
        self._current_document(number).add_error(f"{self._path}:{number}: {problem}")


def _unquote(id: str) -> str:
    """The id in the brackets of -DOCSTART-, decoded if it is a JSON string."""
    try:
        return msgspec.json.decode(id, type=str) if id.startswith('"') else id
    except msgspec.MsgspecError:
        return id
