"""Parses the rows of a table of tokens into tokens and tags; tokens.py describes the format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import quoted_repr, spell_option
from evalkit.formats.conll_division import ConllDocument, DocumentDivision
from evalkit.formats.conll_documents import DocumentMark
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.csv_tables import SEPARATOR_NAMES, CsvRow, CsvTable
from evalkit.formats.span_columns import report_columns
from evalkit.formats.token_columns import find_token_columns

BLANKS = " \t"  # of which no token consists


@dataclass(frozen=True)
class TokenTableColumns:
    """The indices of the columns of a table; None for one that it does not have."""

    token: int
    tag: int
    sentence: int | None
    document: int | None

    @classmethod
    def find(
        cls,
        table: CsvTable,
        path: Path,
        given: Mapping[str, str],
        conversion: ConversionReport | None = None,
        tag_names: Sequence[str] = (),
    ) -> TokenTableColumns:
        """Returns the columns of a table. `conversion` counts those that are not read, apart from
        `tag_names`, which are read in other passes.

        given: names that were given for some columns. Raises InputError for a table without tokens
        or tags, and for two columns of one meaning.
        """
        names = find_token_columns(table.header, str(path), given)
        if conversion is not None:
            where = f"{path}:{table.header_line}"
            between = SEPARATOR_NAMES[table.separator]
            others = [name for name in tag_names if name != names["tag"]]
            header = [name for name in table.header if name not in others]
            report_columns(names, given, header, where, conversion, between)
        indices = {column: table.header.index(name) for column, name in names.items()}
        return cls(
            indices["token"], indices["tag"], indices.get("sentence"), indices.get("document")
        )


class TokenTableParser:
    """Reads the rows of a table into drafts of documents."""

    def __init__(
        self, path: Path, conversion: ConversionReport, columns: TokenTableColumns, documents: str
    ) -> None:
        """`path` is used in positions, `documents` is a value of `parse_documents`."""
        self._path = path
        self._columns = columns
        self._division = DocumentDivision(path, conversion, documents)
        self._document = ""  # the last values in the columns of documents and of sentences
        self._sentence = ""
        self._pending_errors: list[str] = []  # of the rows before the next valid one

    def drafts(self, rows: Iterable[CsvRow]) -> Iterator[ConllDocument]:
        """Yields a draft of each document."""
        for row in rows:
            previous = self._division.draft
            self._read_row(row)
            if previous is not None and self._division.draft is not previous:
                yield previous
        if self._division.draft is not None:
            yield self._division.draft
        elif self._pending_errors:
            draft = self._division.begin_sentence(1)
            self._add_pending_errors(draft)
            yield draft

    def _read_row(self, row: CsvRow) -> None:
        if row.problem:
            self._read_invalid_row(row)
        elif any(row.cells):
            previous = self._division.draft
            self._read_ids(row)
            self._read_token(row)
            draft = self._division.draft
            if draft is not None and draft is not previous:
                self._add_pending_errors(draft)
            self._pending_errors.clear()
        else:
            self._division.end_sentence()

    def _read_invalid_row(self, row: CsvRow) -> None:
        """Adds the error of a row to the document before it, and to one that begins after it, since
        the row may be of either.
        """
        error = f"{self._path}:{row.line}: {row.problem}"
        if self._division.draft is not None:
            self._division.draft.add_error(error)
        self._pending_errors.append(error)

    def _add_pending_errors(self, draft: ConllDocument) -> None:
        for error in self._pending_errors:
            draft.add_error(error)

    def _read_ids(self, row: CsvRow) -> None:
        """Ends the document or the sentence if their cells have other values than those above."""
        columns = self._columns
        document = "" if columns.document is None else row.cells[columns.document]
        if document.strip() and document != self._document:
            self._document, self._sentence = document, ""
            self._division.read_mark(row.line, DocumentMark(document))
            self._division.end_sentence()
        sentence = "" if columns.sentence is None else row.cells[columns.sentence]
        if sentence.strip() and sentence != self._sentence:
            self._sentence = sentence
            self._division.end_sentence()

    def _read_token(self, row: CsvRow) -> None:
        token, tag = row.cells[self._columns.token], row.cells[self._columns.tag].strip()
        if not token.strip(BLANKS) and not tag and self._columns.document is not None:
            self._division.end_sentence()
            return
        draft = self._division.draft
        if draft is None or not self._division.in_sentence:
            name = "" if self._document else self._sentence
            draft = self._division.begin_sentence(row.line, name)
        problem = _find_problem(token, tag)
        if problem:
            draft.add_error(f"{self._path}:{row.line}: {problem}")
            return
        draft.tokens.append(token)
        draft.tags.append(tag)
        draft.lines.append(row.line)


def _find_problem(token: str, tag: str) -> str:
    """What is wrong with a token and its tag; "" if nothing is."""
    if not token.strip(BLANKS) or not tag:
        empty = "tag" if token.strip(BLANKS) else "token"
        return f"the {empty} is empty: expected a token and a tag in every row"
    if "\n" in token or "\r" in token:
        option = spell_option("quotes", False, of="format")
        return (
            f"{quoted_repr(token)}: a token with a line end; if quotes are ordinary characters of"
            f" cells, use {option}"
        )
    return ""
