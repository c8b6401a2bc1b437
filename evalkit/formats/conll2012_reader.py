"""Reads the lines of CoNLL-2012 files into documents; conll2012.py describes the format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple

from evalkit.data.document import Attributes, Document, Entity
from evalkit.errors import InputError, LoadError, quoted_repr, spell_option
from evalkit.formats.conll_division import ConllDocument, DocumentDivision, TokenSpan, decode_line
from evalkit.formats.conll_documents import DOC_TEXT_PREFIX, parse_mark
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.registry import DocumentResults
from evalkit.formats.token_spans import align_tokens, join_tokens

SKELETON_WORD = "[WORD]"  # in the files that are published without the words
NOT_ANNOTATED = "-"
END_MARK = "#end document"
# The columns that are not read and not structure; those of predicate arguments count as one
_FURTHER_COLUMNS = (4, 5, 6, 7, 8, 9)
_ARGUMENTS = 11
_EMPTY_VALUES = ("-", "*", "_")
_CELLS = re.compile("[^ \t]+")
_BRACKETS = re.compile(r"((?:\([^()*]+)*)\*?(\)*)")
_MENTION = re.compile(r"(\()?([^()|]+)(\))?")


class BracketColumns(NamedTuple):
    """The columns of the words and of the entities, from 0."""

    token: int
    tag: int


class _Row(NamedTuple):
    """The columns of a line."""

    line: int
    cells: list[str]


class BracketReader:
    """Reads a file into documents with the entities that brackets enclose."""

    def __init__(
        self, path: Path, conversion: ConversionReport, columns: BracketColumns, documents: str
    ) -> None:
        """`path` is used in positions, `documents` is a value of `parse_documents`."""
        self._path = path
        self._conversion = conversion
        self._columns = columns
        self._division = DocumentDivision(path, conversion, documents)
        self._rows: list[_Row] = []  # of the sentence that is read
        self._uncounted_columns = [*_FURTHER_COLUMNS, _ARGUMENTS]
        # Of the document that is read: the chains of coreference by the tokens of their mentions,
        # with line numbers, and whether the column of entities has a value
        self._mentions: dict[tuple[int, int], tuple[str, int]] = {}
        self._is_annotated = False

    def documents(self, file: BinaryIO) -> DocumentResults:
        """Yields the position and the document of each draft, or a LoadError with its errors."""
        try:
            for number, raw in enumerate(file, 1):
                previous = self._division.draft
                self._read_line(number, raw)
                if previous is not None and self._division.draft is not previous:
                    yield previous.position, self._build_document(previous)
        except OSError as error:
            raise InputError(f"{self._path}: {error.strerror or error}") from None
        self._end_sentence()
        if self._division.draft is not None:
            draft = self._division.draft
            yield draft.position, self._build_document(draft)

    def _read_line(self, number: int, raw: bytes) -> None:
        try:
            line = decode_line(raw, number, self._path, self._conversion)
        except InputError as error:
            self._division.add_error(number, str(error))
            return
        if line.startswith(("#", "-DOCSTART-")):
            self._end_sentence()
            self._read_markup(number, line)
        elif line.strip(" \t"):
            self._read_row(number, line)
        else:
            self._end_sentence()

    def _read_markup(self, number: int, line: str) -> None:
        mark = parse_mark(line, comments=False)
        if mark is not None:
            self._division.read_mark(number, mark)
        elif line.startswith(DOC_TEXT_PREFIX) and not self._division.has_rows:
            self._division.read_doc_text(number, line)
        elif line.strip() != END_MARK:
            self._conversion.add("comments", f"{self._path}:{number}")

    def _read_row(self, number: int, line: str) -> None:
        if not self._division.in_sentence:
            self._division.begin_sentence(number)
        cells = _CELLS.findall(line)
        needed = max(self._columns) + 1
        if len(cells) < needed:
            columns = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
            token_option = spell_option("token_column", of="format")
            tag_option = spell_option("tag_column", of="format")
            self._division.add_error(
                number,
                f"{columns}: {quoted_repr(line)}; expected {needed} or more, with the entities in"
                f" column {self._columns.tag}; {token_option} and {tag_option} name other columns,"
                " from 0",
            )
            return
        if self._rows and len(cells) != len(self._rows[0].cells):
            first = self._rows[0]
            self._division.add_error(
                number,
                f"{len(cells)} columns, but {len(first.cells)} on line {first.line}:"
                f" {quoted_repr(line)}; expected the same number in a sentence",
            )
            return
        self._rows.append(_Row(number, cells))

    def _end_sentence(self) -> None:
        """Adds the words, entities and mentions of a sentence to its document."""
        rows, draft = self._rows, self._division.draft
        self._rows = []
        self._division.end_sentence()
        if draft is None or not rows:
            return
        self._count_columns(rows)
        self._read_entities(draft, rows)
        if len(rows[0].cells) - 1 > max(self._columns):
            self._read_mentions(draft, rows)
        draft.tokens += [row.cells[self._columns.token] for row in rows]
        draft.lines += [row.line for row in rows]

    def _count_columns(self, rows: list[_Row]) -> None:
        """Counts each kind of column that is not read once, where it first has a value."""
        for column in list(self._uncounted_columns):
            for row in rows:
                cells = row.cells[column : column + 1]
                if column == _ARGUMENTS:
                    cells = row.cells[_ARGUMENTS:-1]
                if column not in self._columns and not set(cells).issubset(_EMPTY_VALUES):
                    self._uncounted_columns.remove(column)
                    self._conversion.add(
                        "columns other than those of words, entities and coreference",
                        f"{self._path}:{row.line}",
                    )
                    break

    def _read_entities(self, draft: ConllDocument, rows: list[_Row]) -> None:
        open_entities: list[tuple[str, int, int]] = []  # label, token, line
        first_token = len(draft.tokens)
        for index, row in enumerate(rows, first_token):
            tag = row.cells[self._columns.tag]
            if tag == NOT_ANNOTATED:
                continue
            self._is_annotated = True
            match = _BRACKETS.fullmatch(tag)
            if match is None:
                draft.add_error(
                    f"{self._path}:{row.line}: invalid entity {quoted_repr(tag)}: expected *,"
                    " (LABEL*, *) or (LABEL); files with tags such as B-LABEL are in the format"
                    " conll"
                )
                continue
            opened, closed = match.groups()
            open_entities += [(label, index, row.line) for label in opened.split("(")[1:]]
            for _ in closed:
                if not open_entities:
                    draft.add_error(
                        f"{self._path}:{row.line}: {quoted_repr(tag)} closes an entity, but none"
                        " is open in the sentence; each ) needs a (LABEL before it"
                    )
                    break
                label, start, _ = open_entities.pop()
                draft.spans.append((start, index + 1, label))
        for label, _, line in open_entities:
            draft.add_error(
                f"{self._path}:{line}: ({label}* is not closed in the sentence; its last token"
                " needs *)"
            )

    def _read_mentions(self, draft: ConllDocument, rows: list[_Row]) -> None:
        """Reads the chains of coreference in the last column."""
        open_mentions: dict[str, list[int]] = {}
        unmatched = 0
        for index, row in enumerate(rows, len(draft.tokens)):
            cell = row.cells[-1]
            if cell in _EMPTY_VALUES:
                continue
            for item in cell.split("|"):
                match = _MENTION.fullmatch(item)
                if match is None or not (match[1] or match[3]):
                    unmatched += 1
                    continue
                chain = match[2]
                starts = open_mentions.setdefault(chain, [])
                if match[1]:
                    starts.append(index)
                if match[3] and starts:
                    self._mentions.setdefault((starts.pop(), index + 1), (chain, row.line))
                elif match[3]:
                    unmatched += 1
        unmatched += sum(map(len, open_mentions.values()))
        if unmatched:
            self._conversion.add(
                "brackets of coreference without a counterpart",
                f"{self._path}:{rows[0].line}",
                unmatched,
            )

    def _build_document(self, draft: ConllDocument) -> Document | LoadError:
        """The document, or a LoadError with all of its errors."""
        mentions, is_annotated = self._mentions, self._is_annotated
        self._mentions, self._is_annotated = {}, False
        if draft.tokens and set(draft.tokens) == {SKELETON_WORD}:
            draft.add_error(
                f"{draft.position}: the words are missing: each is {SKELETON_WORD}; the script"
                " skeleton2conll of CoNLL-2012 takes them from OntoNotes"
            )
        if draft.errors:
            return LoadError(draft.errors, more=draft.omitted)
        borders = draft.borders
        sentences = [draft.tokens[first:end] for first, end in pairwise(borders)]
        text, ranges = join_tokens(sentences)
        self._conversion.has_joined_tokens = draft.text is None
        if draft.text is not None:
            text = draft.text
            try:
                ranges = align_tokens(draft.tokens, text)
            except InputError as error:
                return LoadError([f"{draft.position}: the words differ from the text: {error}"])
        entities: list[Entity] = []
        for first, end, label in _in_text_order(draft.spans):
            chain, _ = mentions.get((first, end), (None, 0))
            attributes: Attributes | None = None if chain is None else {"entity": chain}
            entities.append(
                Entity(label, ranges[first][0], ranges[end - 1][1], attributes=attributes)
            )
        named = {(first, end) for first, end, _ in draft.spans}
        for span, (_, line) in mentions.items():
            if span not in named:
                self._conversion.add(
                    "mentions of coreference that are not named entities", f"{self._path}:{line}"
                )
        return Document(draft.id, text, tuple(entities) if is_annotated or not ranges else None)


def _in_text_order(spans: list[TokenSpan]) -> Iterator[TokenSpan]:
    return iter(sorted(spans, key=lambda span: (span[0], -span[1])))
