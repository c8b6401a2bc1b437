"""The entities of a table that has an entity in each row, before their documents have texts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from msgspec.structs import replace

from evalkit.data.document import Document, Entity
from evalkit.data.json_keys import reject_duplicate_keys
from evalkit.errors import (
    MAX_REPORTED_ERRORS,
    DocumentError,
    InputError,
    LoadError,
    quoted_repr,
    spell_option,
)
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.jsonl import check_surface
from evalkit.formats.offsets import DOCUMENT_CONVENTION, OffsetConvention, Offsets
from evalkit.formats.registry import DocumentResults

WITHOUT_ROWS = "documents without rows, read as documents without entities"
FILE_NAMES = "ids of documents that are names of files, read without the suffix"
FILLER = "\ufffd"  # the replacement character: neither white space nor punctuation
MIN_FILLED = 1024  # characters


class SpanRow(NamedTuple):
    """An entity with the surface form that the table has, and its row."""

    row: int
    entity: Entity
    text: str | None


@dataclass
class SpanTable:
    """The entities of each document of a table, in the order of the rows.

    names: those of its columns in messages. texts: those of the column `document_text`; None for a
    table without it. errors: those of each document, and under "" those of rows without document.
    row_word: the word before the number of a row; "" for a text file, whose rows have line
    numbers. convention: how offsets were counted.
    """

    name: str
    names: Mapping[str, str] = field(default_factory=dict)
    spans: dict[str, list[SpanRow]] = field(default_factory=dict)
    texts: dict[str, str] | None = None
    errors: dict[str, list[str]] = field(default_factory=dict)
    conversion: ConversionReport = field(default_factory=ConversionReport)
    row_word: str = "row"
    convention: OffsetConvention = DOCUMENT_CONVENTION

    def __post_init__(self) -> None:
        self._error_count = 0
        self._omitted: Counter[str] = Counter()  # errors of each document that are only counted
        if "document_text" in self.names:
            self.texts = {}

    def locate(self, row: int) -> str:
        """Returns the location of a row, such as "a.parquet: row 3" or "a.csv:4"."""
        return f"{self.name}: {self.row_word} {row}" if self.row_word else f"{self.name}:{row}"

    def add_error(self, row: int, problem: str, document: str | None = None) -> None:
        """Adds an error in a row. Beyond the errors that are reported, those of a document are only
        counted after its first.
        """
        errors = self.errors.setdefault(document or "", [])
        if errors and self._error_count >= MAX_REPORTED_ERRORS:
            self._omitted[document or ""] += 1
            return
        errors.append(f"{self.locate(row)}: {problem}")
        self._error_count += 1

    def add_invalid_row(self, row: int, problem: str, id: str | None, text: str | None) -> None:
        """Adds the error of a row whose values could not be read, apart from the id and the text
        of its document.
        """
        self.add_error(row, problem, id)
        if id:
            self.spans.setdefault(id, [])
            if self.texts is not None and text is not None:
                self.texts.setdefault(id, text)

    def add_row(self, row: int, values: Mapping[str, Any]) -> None:
        """Adds the entity of a row, or an error. A row without start, end and label is a document
        without entities.
        """
        id = values["document"]
        if not id:
            problem = f"{self.names['document']}: {quoted_repr(id)}: expected a non-empty string"
            self.add_error(row, problem)
            return
        spans = self.spans.setdefault(id, [])
        text = values.get("document_text")
        if self.texts is not None and text is not None and self.texts.setdefault(id, text) != text:
            problem = f"another text than in an earlier row of document {quoted_repr(id)}"
            self.add_error(row, f"{self.names['document_text']}: {problem}", id)
            return
        missing = [name for name in ("start", "end", "label") if values[name] is None]
        if len(missing) == 3:
            return
        if missing:
            columns = [self.names[column] for column in ("start", "end", "label")]
            self.add_error(
                row,
                f"{self.names[missing[0]]}: null: expected a value, or null in {columns[0]},"
                f" {columns[1]} and {columns[2]} for a document without entities",
                id,
            )
            return
        try:
            entity = self._build_entity(values)
        except DocumentError as error:
            column = self.names.get(error.field, error.field)
            problem = f"document {quoted_repr(id)}, {column}: {error.message}"
            self.add_error(row, problem, id)
        else:
            spans.append(SpanRow(row, entity, values.get("text")))

    def _build_entity(self, values: Mapping[str, Any]) -> Entity:
        """Returns the entity of a row, with the end exclusive and offsets from 0, in the unit of
        the table.
        """
        fragments = []
        for fragment in values.get("fragments") or ():
            fragments.append(self._shift(fragment["start"], fragment["end"]))
        attributes = values.get("attributes")
        start, end = self._shift(values["start"], values["end"])
        return Entity(
            values["label"],
            start,
            end,
            id=values.get("id"),
            fragments=tuple(fragments),
            score=values.get("score"),
            attributes=None if attributes is None else parse_attributes(attributes),
        )

    def _shift(self, start: int, end: int) -> tuple[int, int]:
        first = int(self.convention.first_offset)
        if first and start < first:
            problem = f"{start} is before the text: offsets count from {first}"
            raise DocumentError(problem, field="start")
        inclusive = 1 if self.convention.end_offset == "inclusive" else 0
        return start - first, end - first + inclusive

    def documents(self, texts: Mapping[str, str], source: str = "") -> DocumentResults:
        """Yields a location with the document of each text, or a LoadError.

        source: the name of the corpus that has the texts, all of whose documents are read; "" for
        the column of the table.
        """
        if "" in self.errors:  # of rows that may be of any document: none is sure to be complete
            all_errors = list(chain.from_iterable(self.errors.values()))
            raise LoadError(all_errors, more=sum(self._omitted.values()))
        self._match_file_names(texts)
        for id in self.spans:
            if id not in texts:
                position = self._position(id)
                errors = list(self.errors.get(id, ()))
                if not errors or source:
                    problem = f"no text in {source}" if source else "no document_text in any row"
                    errors.append(f"{position}: document {quoted_repr(id)}: {problem}")
                yield position, LoadError(errors, more=self._omitted[id])
        for id, text in texts.items():
            if id not in self.spans:
                self.conversion.repaired.add(WITHOUT_ROWS, f"document {quoted_repr(id)}")
            yield self._position(id), self._build_document(id, text)

    def _match_file_names(self, texts: Mapping[str, str]) -> None:
        """Gives documents whose id is the name of a file ("d1.txt") the id without its suffix, if
        there is a text with that id alone.
        """
        for id in list(self.spans):
            stem, dot, _ = id.rpartition(".")
            if dot and id not in texts and stem in texts and stem not in self.spans:
                self.spans[stem] = self.spans.pop(id)
                if id in self.errors:
                    self.errors[stem] = self.errors.pop(id)
                    self._omitted[stem] = self._omitted.pop(id, 0)
                self.conversion.repaired.add(FILE_NAMES, f"document {quoted_repr(id)}")

    def _build_document(self, id: str, text: str) -> Document | LoadError:
        errors = list(self.errors.get(id, ()))
        rows = list(self._converted_rows(id, text, errors))
        try:
            document = Document(id, text, tuple(span.entity for span in rows))
        except DocumentError as error:
            errors.append(self._document_error(id, rows, error))
        errors += self._surface_errors(id, text, rows)
        return LoadError(errors, more=self._omitted[id]) if errors else document

    def _converted_rows(self, id: str, text: str, errors: list[str]) -> Iterator[SpanRow]:
        """Yields the rows of a document with offsets in code points, and adds the errors of the
        others.
        """
        rows = self.spans.get(id, ())
        if not self.needs_texts:
            yield from rows
            return
        offsets = OffsetConvention(
            self.convention.offset_unit,
            newlines=self.convention.newlines,
            unicode_form=self.convention.unicode_form,
        ).converter_for(text)
        for row in rows:
            try:
                yield row._replace(entity=_convert_entity(row.entity, offsets))
            except DocumentError as error:
                column = self.names.get(error.field, error.field)
                problem = f"document {quoted_repr(id)}, {column}: {error.message}"
                errors.append(f"{self.locate(row.row)}: {problem}")

    @property
    def needs_texts(self) -> bool:
        """Whether offsets cannot be converted to code points without the texts."""
        convention = self.convention
        return (convention.offset_unit, convention.newlines, convention.unicode_form) != (
            DOCUMENT_CONVENTION.offset_unit,
            DOCUMENT_CONVENTION.newlines,
            DOCUMENT_CONVENTION.unicode_form,
        )

    def fill_texts(self, other: SpanTable) -> dict[str, str]:
        """Returns a text of replacement characters for each document of both tables, which is long
        enough for the spans of both.

        Its length is a power of two of at least twice the last offset of this table, so that it
        rarely depends on the other. Raises InputError if offsets cannot be read without texts.
        """
        for table in (self, other):
            if table.needs_texts:
                option = spell_option("texts", "FILE", of="format")
                raise InputError(
                    f"{table.name}: no texts, which are needed to convert its offsets to code"
                    f" points; name a corpus that has them ({option})"
                )
        texts = {}
        for id in (*self.spans, *other.spans):
            last = max((span.entity.end for span in self.spans.get(id, ())), default=0)
            other_last = max((span.entity.end for span in other.spans.get(id, ())), default=0)
            length = max(MIN_FILLED, 2 * last, other_last)
            texts[id] = FILLER * (1 << (length - 1).bit_length())
        return texts

    def _position(self, id: str) -> str:
        spans = self.spans.get(id)
        return self.locate(spans[0].row) if spans else self.name

    def _surface_errors(self, id: str, text: str, rows: Iterable[SpanRow]) -> Iterator[str]:
        if text.startswith(FILLER) and not text.strip(FILLER):
            return
        for row, entity, surface in rows:
            if surface is None or self.convention.same(surface, text[entity.start : entity.end]):
                continue
            checked = _Surface(entity.start, entity.end, surface)
            try:
                check_surface(checked, text, document=id, field="")
            except DocumentError as error:
                yield f"{self.locate(row)}: {error}"

    def _document_error(self, id: str, rows: list[SpanRow], error: DocumentError) -> str:
        row = rows[error.index].row if error.layer and error.index is not None else None
        if row is None:
            return f"{self._position(id)}: {error}"
        where = f"{self.locate(row)}: document {quoted_repr(id)}"
        return f"{where}, {self.names.get(error.field, error.field)}: {error.message}"


def parse_attributes(text: str) -> dict[str, Any]:
    """Returns the attributes in a JSON string. Raises DocumentError for anything else."""
    try:
        parsed = json.loads(text, object_pairs_hook=reject_duplicate_keys)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        problem = f"{quoted_repr(text)}: expected a JSON object"
        raise DocumentError(problem, field="attributes")
    return parsed


class _Surface(NamedTuple):
    start: int
    end: int
    text: str


def _convert_entity(entity: Entity, offsets: Offsets) -> Entity:
    start, end = offsets.span(entity.start, entity.end)
    fragments = tuple(offsets.span(*fragment) for fragment in entity.fragments)
    return replace(entity, start=start, end=end, fragments=fragments)


def missing_texts(table: str) -> InputError:
    """Returns the error for a table of spans without texts that is read alone."""
    option = spell_option("texts", "FILE", of="format")
    return InputError(
        f"{table}: a table of spans without the texts of its documents; name a corpus, or a folder"
        f" with a file ID.txt for each document, that has them ({option}), or add a column"
        " document_text; without texts it can only be scored"
    )
