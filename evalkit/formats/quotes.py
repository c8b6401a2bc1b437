"""Tables of quotations with their speakers in CSV and TSV files: a quotation in each row.

    doc_id,start,end,quote,speaker
    d1,0,12,"Oh, I see.",Ada
    d1,30,36,"No.",

The first row has the names of the columns. Quotations have offsets (start and end, or one column
such as quote_index with "(0, 12)"), a text, or both; the texts are in `texts`. Columns are found by
names in use, whatever their case: the document as in tables of spans; the text also as quotation or
content; and for the speaker and the cue (or verb) their spans, speaker_start and speaker_end,
speaker_index, verb_index. (Sources: the tables of GenderGapTracker, the Quotation Tool and LDaCA.)
Where a name is not the first of these, the report says what was read as what. A table without a
column of documents is about the only document of `texts`.

A quotation is an attribution: its content is the quotation, its source the span of the speaker, its
cue that of the cue. The name of the speaker is the attribute `speaker`, which the layer `speakers`
compares; the text of a cue without a span is the attribute `cue`.

A quotation without offsets is an unplaced item, or is searched in the text (`ground`). The text of
one with offsets is compared with the text at them, apart from white space: differences are counted,
and a document in which most differ is refused. All documents of a corpus are read, those without
rows as documents without quotations. A row without a quotation stands for such a document, too.

**Reading options**

- `texts`: the corpus with the texts, in any format; a folder with a file ID.txt for each document;
  a CSV or TSV file with columns of ids and texts; or the .txt file of the only document. It is
  needed.
- `ground`: whether quotations without offsets are searched in the text.
- `document_column`, `text_column`, `speaker_column`, `start_column`, `end_column`: the names of
  columns that are not found by their names.
- `separator`: comma, tab or semicolon; by default the one that divides the header into the most
  columns.
- `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`; see "Offsets in other
  units".

Dropped: other columns, speakers and cues of quotations without offsets that are not searched, a
byte order mark. The format is only read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.data.document import Attribution, Document, Span, Unplaced
from evalkit.data.grounding import Quote, count_outcomes, ground_quotes
from evalkit.errors import (
    MAX_REPORTED_ERRORS,
    DocumentError,
    InputError,
    LoadError,
    past_end_problem,
    quoted_repr,
    spell_option,
)
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.csv_tables import SEPARATOR_NAMES, open_csv_table
from evalkit.formats.offsets import OffsetConvention
from evalkit.formats.quotation_texts import TextComparison
from evalkit.formats.quote_columns import (
    NO_SPANS,
    RangeError,
    find_quote_columns,
    find_range,
)
from evalkit.formats.quoted_entities import NOT_IN_TEXT, WITHOUT_OFFSETS
from evalkit.formats.reading_options import parse_bool
from evalkit.formats.registry import DocumentResults
from evalkit.formats.span_columns import report_columns
from evalkit.formats.span_table import WITHOUT_ROWS
from evalkit.formats.span_texts import load_texts

Attributes = dict[str, str | int | float | bool | None]


class QuoteRow(NamedTuple):
    """A row: its file:line and its cells by column."""

    position: str
    cells: Mapping[str, str]


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    texts: str | Path | None = None,
    ground: bool | str = False,
    document_column: str | None = None,
    text_column: str | None = None,
    speaker_column: str | None = None,
    start_column: str | None = None,
    end_column: str | None = None,
    separator: str | None = None,
    offset_unit: str = "code-points",
    first_offset: int | str = 0,
    end_offset: str = "exclusive",
    newlines: str = "as-is",
    unicode_form: str = "as-is",
) -> DocumentResults:
    """Yields each document of `texts`, or a LoadError, with the position of its first row.

    Raises InputError without texts or for a table without quotations, UnknownNameError for an
    invalid option value.
    """
    convention = OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form)
    is_grounded = parse_bool("ground", ground)
    if texts is None:
        option = spell_option("texts", "CORPUS", of="format")
        raise InputError(f"{path}: a table of quotations without texts; name them with {option}")
    options = {
        "document": document_column,
        "text": text_column,
        "speaker": speaker_column,
        "start": start_column,
        "end": end_column,
    }
    given = {column: name for column, name in options.items() if name is not None}
    table = _read_table(path, conversion, given, separator)
    texts_by_id = _load_texts(texts, table)
    yield from table.errors
    if table.row_errors:  # of rows that may be of any document: none is sure to be complete
        raise LoadError(table.row_errors)
    for id, text in texts_by_id.items():
        rows = table.rows.get(id, [])
        if not rows:
            conversion.repaired.add(WITHOUT_ROWS, f"document {quoted_repr(id)}")
        position = rows[0].position if rows else str(path)
        reader = _DocumentReader(id, text, position, conversion, convention)
        yield position, reader.read(rows, is_grounded=is_grounded)


class _QuoteTable(NamedTuple):
    """The rows of each document, the errors of documents without a text, and those of rows whose
    document is not known.
    """

    rows: dict[str, list[QuoteRow]]
    errors: list[tuple[str, LoadError]]
    row_errors: list[str]
    has_documents: bool


def _read_table(
    path: Path, conversion: ConversionReport, given: Mapping[str, str], separator: str | None
) -> _QuoteTable:
    """The rows of a table. Raises InputError for a table without quotations."""
    with open_csv_table(path, conversion, separator) as table:
        columns = find_quote_columns(table.header, str(path), given)
        separated_by = SEPARATOR_NAMES[table.separator]
        report_columns(columns, given, table.header, str(path), conversion, separated_by)
        result = _QuoteTable({}, [], [], "document" in columns)
        index_of = {column: table.header.index(name) for column, name in columns.items()}
        for row in table.rows():
            position = f"{path}:{row.line}"
            if row.problem:
                result.row_errors.append(f"{position}: {row.problem}")
            elif row.cells:
                cells = {column: row.cells[index] for column, index in index_of.items()}
                id = cells.get("document", "")
                if result.has_documents and not id:
                    problem = f"{columns['document']}: '': expected the id of a document"
                    result.row_errors.append(f"{position}: {problem}")
                else:
                    result.rows.setdefault(id, []).append(QuoteRow(position, cells))
    return result


def _load_texts(source: str | Path, table: _QuoteTable) -> dict[str, str]:
    """The text of each document; a document of the table without a text is an error.

    Raises InputError if a table without a column of documents is about several.
    """
    texts = load_texts(source, table.rows if table.has_documents else _list_texts(Path(source)))
    if not table.has_documents and "" in table.rows:
        if len(texts) != 1:
            option = spell_option("document_column", "NAME", of="format")
            raise InputError(
                f"{source}: {len(texts)} documents, but the table has no column with the documents"
                f" of its quotations; name it with {option}"
            )
        table.rows[next(iter(texts))] = table.rows.pop("")
    for id, rows in table.rows.items():
        if id not in texts:
            problem = f"document {quoted_repr(id)}: no text in {source}"
            table.errors.append((rows[0].position, LoadError([f"{rows[0].position}: {problem}"])))
    return texts


def _list_texts(path: Path) -> list[str]:
    """The ids of the texts in a folder, or of a .txt file."""
    if path.suffix == ".txt":
        return [path.stem]
    return [file.stem for file in sorted(path.glob("*.txt"))] if path.is_dir() else []


class _DocumentReader:
    """Reads the quotations of one document."""

    def __init__(
        self,
        id: str,
        text: str,
        position: str,
        conversion: ConversionReport,
        convention: OffsetConvention,
    ) -> None:
        self._id, self._text, self._position, self._conversion = id, text, position, conversion
        self._offsets = convention.converter_for(text)
        self._surfaces = TextComparison(f"document {quoted_repr(id)}", conversion)
        self._unplaced: list[Unplaced] = []
        self._meta: dict[str, Any] | None = None

    def read(self, rows: list[QuoteRow], *, is_grounded: bool) -> Document | LoadError:
        """The document, or all its errors."""
        errors: list[str] = []
        contents: dict[int, Span] = {}  # by the index of the row
        quotes: dict[int, str] = {}
        for index, row in enumerate(rows):
            try:
                content = self._part_of(row, "content")
            except (RangeError, DocumentError) as error:
                errors.append(self._locate(row, error))
                continue
            quote = row.cells.get("text", "")
            if content is not None:
                contents[index] = content
                if quote:
                    covered_text = self._text[content.start : content.end]
                    self._surfaces.compare(quote, covered_text, row.position)
            elif quote.strip():
                quotes[index] = quote
        if quotes and is_grounded:
            contents.update(self._ground(quotes, contents))
        elif quotes:
            self._add_unplaced(rows, quotes)
        attributions: list[Attribution] = []
        for index, content in sorted(contents.items()):
            try:
                attributions.append(self._to_attribution(rows[index], content))
            except (RangeError, DocumentError) as error:
                errors.append(self._locate(rows[index], error))
        errors += self._surfaces.errors()
        if errors:
            return LoadError(errors[:MAX_REPORTED_ERRORS])
        try:
            return Document(
                self._id,
                self._text,
                attributions=tuple(attributions),
                unplaced=tuple(self._unplaced),
                meta=self._meta,
            )
        except DocumentError as error:
            return LoadError([f"{self._position}: {error}"])

    def _locate(self, row: QuoteRow, error: RangeError | DocumentError) -> str:
        message = str(error)
        if isinstance(error, DocumentError):
            message = f"{error.field}: {error.message}"
        return f"{row.position}: document {quoted_repr(self._id)}, {message}"

    def _part_of(self, row: QuoteRow, part: str) -> Span | None:
        """The span of a part of a quotation; None if it has none.

        Raises RangeError, or DocumentError with the column, for an invalid one.
        """
        raw = find_range(row.cells, part)
        if raw is None:
            return None
        try:
            start, end = self._offsets.span(raw.start, raw.end)
            if end > len(self._text):
                raise DocumentError(past_end_problem(end, len(self._text)))
            return Span(start, end)
        except DocumentError as error:
            raise DocumentError(error.message, field=raw.column) from None

    def _to_attribution(self, row: QuoteRow, content: Span) -> Attribution:
        """The attribution of a row. Raises RangeError or DocumentError for an invalid span."""
        source, cue = self._part_of(row, "source"), self._part_of(row, "cue")
        attributes: Attributes = {}
        if _has_value(row, "speaker"):
            attributes["speaker"] = row.cells["speaker"].strip()
        if cue is None and _has_value(row, "cue"):
            attributes["cue"] = row.cells["cue"].strip()
        return Attribution(cue, content, source, attributes=attributes or None)

    def _add_unplaced(self, rows: list[QuoteRow], quotes: Mapping[int, str]) -> None:
        """Makes quotations without offsets unplaced items; what else they have is counted."""
        for index, quote in quotes.items():
            self._unplaced.append(Unplaced("attributions", "content", WITHOUT_OFFSETS, quote))
            for column in ("speaker", "cue"):
                if _has_value(rows[index], column):
                    name = f"{column}s of quotations without offsets"
                    self._conversion.add(name, rows[index].position)

    def _ground(self, quotes: Mapping[int, str], contents: Mapping[int, Span]) -> dict[int, Span]:
        """The spans of the quotations that are in the text, by the index of their row; the others
        become unplaced items. The outcomes are stored in `meta`.

        contents: those of the quotations with offsets.
        """
        groundings = ground_quotes(self._text, [Quote(quote) for quote in quotes.values()])
        by_index = dict(zip(quotes, groundings, strict=True))
        found = {
            index: Span(grounding.start, grounding.end)
            for index, grounding in by_index.items()
            if grounding.match_type != "absent"
        }
        order = {index: place for place, index in enumerate(sorted({*contents, *found}))}
        choices = [
            ["attributions", order[index], "content", list(map(list, grounding.candidates))]
            for index, grounding in by_index.items()
            if len(grounding.candidates) > 1
        ]
        for index, quote in quotes.items():
            if index not in found:
                self._unplaced.append(Unplaced("attributions", "content", NOT_IN_TEXT, quote))
        self._meta = {
            "grounding": {**count_outcomes(groundings), "unparsable": 0, "choices": choices}
        }
        for counts, name, count in (
            (self._conversion.repaired, "that were found in the text", len(found)),
            (self._conversion.skipped, "that are not in the text (unplaced)", len(self._unplaced)),
        ):
            if count:
                counts.add(f"quotations without offsets {name}", self._position, count)
        return found


def _has_value(row: QuoteRow, column: str) -> bool:
    return row.cells.get(column, "").strip() not in NO_SPANS
