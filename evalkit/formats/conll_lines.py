"""Parsing the lines of a CoNLL file into tokens and tags; conll.py describes the lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
_SPLIT: dict[str, Callable[[str], list[str]]] = {
    "any": re.compile(r"[^ \t]+").findall,
    "tab": lambda line: line.split("\t"),
    "space": re.compile("[^ ]+").findall,
}
_BETWEEN = {
    "any": "only spaces and tabs separate columns",
    "tab": "only tabs separate columns",
    "space": "only spaces separate columns",
}
_DOCSTART = re.compile(r"-DOCSTART-(?:[ \t]+(?:\((.*)\)(?:[ \t].*)?|([^ \t]+)|.*))?[ \t]*")
_BEGIN = re.compile(r"#begin document(?= |$)(?: +\((.*)\);?)? *(.*)")
_NEWDOC = re.compile(r"# *newdoc(?: +id *= *(.+))?|# *id *= *(.+)")
_NO_ID = ("O", "_", "-", "-X-", DOCSTART)
COMMENTS_HINT = "if lines that begin with # are comments, use {}"
RANGE = re.compile(r"\d+[-.]\d+")


@dataclass(frozen=True)
class ConllColumns:
    """Which columns count, from 0 or negative from the end, what separates them, and whether lines
    that begin with # are comments.
    """

    token: int = 0
    tag: int = -1
    separator: str = "any"
    comments: bool = False

    def __post_init__(self) -> None:
        if self.separator not in _SPLIT:
            raise UnknownNameError("separator", self.separator, _SPLIT)


@dataclass
class ConllDocument:
    """A document as far as it was read: its tokens and tags with their lines, where sentences
    begin, and what is wrong.
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
        """Keep an error; of many only as many as are reported."""
        if len(self.errors) < MAX_REPORTED_ERRORS:
            self.errors.append(error)
        else:
            self.omitted += 1

    @property
    def borders(self) -> list[int]:
        """Where sentences begin among the tokens, and where the last one ends."""
        return [*self.starts, len(self.tokens)]

    @property
    def sentences(self) -> list[list[str]]:
        """The tags, sentence by sentence."""
        return [self.tags[first:last] for first, last in zip(self.borders, self.borders[1:])]


class ConllParser:
    """Reads the lines of a file into drafts of documents."""

    def __init__(self, path: Path, conversion: ConversionReport, columns: ConllColumns) -> None:
        self._path, self._conversion, self._columns, self._split = (
            path,
            conversion,
            columns,
            _SPLIT[columns.separator],
        )
        self._token = self._tag = 0
        self._hashed = False  # whether the line that says so begins with #, and may be a comment
        self._width = self._first = (
            0  # how many columns there are, and the line that says so; 0 until one did
        )
        self._draft: ConllDocument | None = None
        self._count = 0
        self._inside = False  # a sentence

    @property
    def has_further_columns(self) -> bool:
        """Whether the file has columns besides one of tokens and one of tags."""
        return self._width > 2

    def drafts(self) -> Iterator[ConllDocument]:
        """Each document of the file. Raises InputError where the file cannot be read."""
        try:
            with self._path.open("rb") as file:
                for number, raw in enumerate(file, 1):
                    before = self._draft
                    self._read(number, raw)
                    if before is not None and self._draft is not before:
                        yield before
        except OSError as error:
            raise InputError(f"{self._path}: {error.strerror or error}") from None
        if self._draft is not None:
            yield self._draft

    def _read(self, number: int, raw: bytes) -> None:
        line = self._decode_line(number, raw)
        if line is None:
            return
        if line[:1] in ("-", "#") and self._read_markup(number, line):
            self._inside = False
        elif line.strip(" \t"):
            self._read_row(number, line)
        else:
            self._inside = False

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
                f"{quoted_repr(line)}: a carriage return inside a line; lines must end in line"
                " feeds",
            )
            return None
        return line

    def _read_markup(self, number: int, line: str) -> bool:
        """Whether a line is no token; what it says is kept."""
        if result := _DOCSTART.fullmatch(line):
            in_brackets, bare = result[1], result[2]
            id = None if bare in _NO_ID else bare
            self._begin(number, _unquote(in_brackets) if in_brackets else id)
        elif result := _BEGIN.fullmatch(line):
            self._begin(number, "; ".join(part for part in result.groups() if part))
        elif line.startswith(DOC_TEXT_PREFIX) and not (self._draft and self._draft.tokens):
            self._read_doc_text(number, line)
        elif self._columns.comments and line.startswith("#"):
            self._read_comment(number, line)
        else:
            return line == "#end document"
        return True

    def _begin(self, number: int, id: str | None) -> ConllDocument:
        self._count += 1
        self._draft = ConllDocument(
            f"{self._path}:{number}", id or f"doc-{self._count}", named=bool(id)
        )
        return self._draft

    def _current_document(self, number: int) -> ConllDocument:
        return self._draft or self._begin(number, None)

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
        result = _NEWDOC.fullmatch(line)
        if result is None:
            self._conversion.add("comments", f"{self._path}:{number}")
            return
        draft, id = self._draft, result[1] or result[2]
        if draft is None or draft.tokens or draft.named or not id:
            self._begin(number, id)
        else:
            draft.id, draft.named = id, True

    def _read_row(self, number: int, line: str) -> None:
        cells = self._split(line)
        if len(cells) != self._width and not self._set_column_count(number, cells, line):
            return
        token, tag = cells[self._token], cells[self._tag]
        if self._token and RANGE.fullmatch(cells[0]):
            self._add_error(
                number,
                f"{quoted_repr(cells[0])} is a range or an empty node of CoNLL-U, and no token;"
                " delete the line",
            )
        elif not token or not tag:
            self._add_error(
                number,
                f"{quoted_repr(line)}: the {'tag' if token else 'token'} is empty; every line needs"
                " a token and a tag",
            )
        else:
            self._add(number, token, tag)

    def _add(self, number: int, token: str, tag: str) -> None:
        draft = self._current_document(number)
        if not self._inside:
            draft.starts.append(len(draft.tokens))
            self._inside = True
        draft.tokens.append(token)
        draft.tags.append(tag)
        draft.lines.append(number)

    def _set_column_count(self, number: int, cells: list[str], line: str) -> bool:
        """Whether these columns, the first of the file, are what they should be; how many there
        are, and which count, is kept.
        """
        many = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
        columns = (self._columns.token, self._columns.tag)
        if self._width:
            self._add_error(
                number,
                f"{many}, but {self._width} on line {self._first}: {quoted_repr(line)};"
                f" {self._column_hint(line)}",
            )
        elif len(cells) < 2:
            self._add_error(number, f"{many}: {quoted_repr(line)}; {self._column_hint(line)}")
        elif wrong := [column for column in columns if not -len(cells) <= column < len(cells)]:
            self._add_error(
                number,
                f"{many}: {quoted_repr(line)}; there is no column {wrong[0]}:"
                f" {spell_option('token_column', of='format')} and"
                f" {spell_option('tag_column', of='format')} count from 0, or back from -1",
            )
        else:
            self._width, self._first, self._hashed = len(cells), number, line.startswith("#")
            self._token, self._tag = (column % len(cells) for column in columns)
            if further := len(cells) - len({self._token, self._tag}):
                self._conversion.add(
                    "columns that are neither token nor tag", f"{self._path}:{number}", further
                )
            return True
        return False

    def _column_hint(self, line: str) -> str:
        if (line.startswith("#") or self._hashed) and not self._columns.comments:
            return COMMENTS_HINT.format(spell_option("comments", True, of="format"))
        hint = f"every line needs a token and a tag, and {_BETWEEN[self._columns.separator]}"
        if "\t" in line and self._columns.separator == "any":
            option = spell_option("separator", "tab", of="format")
            hint += f"; if tokens contain spaces, use {option}"
        return hint

    def _add_error(self, number: int, problem: str) -> None:
        self._current_document(number).add_error(f"{self._path}:{number}: {problem}")


def _unquote(id: str) -> str:
    """The id in the brackets of -DOCSTART-: a string of JSON where it is one."""
    try:
        return msgspec.json.decode(id, type=str) if id.startswith('"') else id
    except msgspec.MsgspecError:
        return id
