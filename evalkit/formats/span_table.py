"""The entities of a table that has an entity in each row, before their documents have texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from evalkit.data.document import Document, Entity
from evalkit.errors import DocumentError, InputError, LoadError, quoted_repr, spell_option
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.jsonl import check_surface
from evalkit.formats.registry import DocumentResults

WITHOUT_ROWS = "documents without rows, read as documents without entities"
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

    texts: those of the column `document_text`; None for a table without it.
    """

    name: str
    spans: dict[str, list[SpanRow]] = field(default_factory=dict)
    texts: dict[str, str] | None = None
    errors: list[str] = field(default_factory=list)
    conversion: ConversionReport = field(default_factory=ConversionReport)

    def documents(self, texts: Mapping[str, str], source: str = "") -> DocumentResults:
        """Yields a location with the document of each text, or a LoadError.

        source: the name of the corpus that has the texts, all of whose documents are read; "" for
        the column of the table.
        """
        if self.errors:
            yield self.name, LoadError(self.errors)
        for id in self.spans:
            if id not in texts:
                position = self._position(id)
                problem = f"no text in {source}" if source else "no document_text in any row"
                yield position, LoadError([f"{position}: document {quoted_repr(id)}: {problem}"])
        for id, text in texts.items():
            if id not in self.spans:
                self.conversion.repaired.add(WITHOUT_ROWS, f"document {quoted_repr(id)}")
            position = self._position(id)
            errors = list(self._surface_errors(id, text))
            entities = tuple(span.entity for span in self.spans.get(id, ()))
            try:
                document = Document(id, text, entities)
            except DocumentError as error:
                errors.insert(0, self._row_error(id, error))
            yield position, LoadError(errors) if errors else document

    def fill_texts(self, other: SpanTable) -> dict[str, str]:
        """Returns a text of replacement characters for each document of both tables, which is long
        enough for the spans of both.

        Its length is a power of two of at least twice the last offset of this table, so that it
        rarely depends on the other.
        """
        texts = {}
        for id in (*self.spans, *other.spans):
            last = max((span.entity.end for span in self.spans.get(id, ())), default=0)
            other_last = max((span.entity.end for span in other.spans.get(id, ())), default=0)
            length = max(MIN_FILLED, 2 * last, other_last)
            texts[id] = FILLER * (1 << (length - 1).bit_length())
        return texts

    def _position(self, id: str) -> str:
        spans = self.spans.get(id)
        return f"{self.name}: row {spans[0].row}" if spans else self.name

    def _surface_errors(self, id: str, text: str) -> Iterator[str]:
        if text.startswith(FILLER) and not text.strip(FILLER):
            return
        for row, entity, surface in self.spans.get(id, ()):
            if surface is None or text[entity.start : entity.end] == surface:
                continue
            checked = _Surface(entity.start, entity.end, surface)
            try:
                check_surface(checked, text, document=id, field="")
            except DocumentError as error:
                yield f"{self.name}: row {row}: {error}"

    def _row_error(self, id: str, error: DocumentError) -> str:
        row = self.spans[id][error.index].row if error.layer and error.index is not None else None
        if row is None:
            return f"{self._position(id)}: {error}"
        where = f"{self.name}: row {row}: document {quoted_repr(id)}"
        return f"{where}, {error.field}: {error.message}"


class _Surface(NamedTuple):
    start: int
    end: int
    text: str


def missing_texts(table: str) -> InputError:
    """Returns the error for a table of spans without texts that is read alone."""
    option = spell_option("texts", "FILE", of="format")
    return InputError(
        f"{table}: a table of spans without the texts of its documents; name a corpus, or a folder"
        f" with a file ID.txt for each document, that has them ({option}), or add a column"
        " document_text; without texts it can only be scored"
    )
