"""Tables of spans in CSV and TSV files: an entity in each row.

    doc_id,start,end,label,text
    d1,0,3,PER,Ada
    d1,8,10,PER,Bo
    d2,,,,

The first row has the names of the columns. Needed are those of the document, the start, the end and
the label; `text` (the surface form, which is checked), `score`, `id`, `fragments` and `attributes`
(JSON) are optional. They are found by names in use, whatever their case: the document also as
doc_id, document_id, filename or id; the start as begin or start_offset; the end as stop or
end_offset; the label as type, tag or entity_type; the text as span, mention or surface. Where a
name is not the first of these, the report says what was read as what. Columns are separated by
commas, tabs or semicolons, as the header is. Cells are quoted as the module csv of Python and
pandas do. (Sources: RFC 4180; the tables of the shared tasks DisTEMIST and ProfNER, whose columns
are recognized.)

A row without start, end and label is a document without entities. The text of a document is in the
column `document_text`, in one or more of its rows, or comes from `texts`; an id such as d1.txt is
that of the document d1 if there is a text of d1 alone. A table without texts can
be scored: against a corpus that has the texts, which are taken from there; or against another such
table, by offsets alone. Parquet files and data frames with the same columns are read in the same
way; see parquet.

**Reading options**

- `document_column`, `start_column`, `end_column`, `label_column`, `text_column`,
  `document_text_column`: the names of columns that are not found by their names.
- `texts`: the corpus with the texts, in any format; a folder with a file ID.txt for each document;
  a CSV or TSV file with columns of ids and texts; or the .txt file of the only document. All
  documents of a corpus are read, those without rows as documents without entities.
- `separator`: comma, tab or semicolon; by default the one that divides the header into the most
  columns.
- `quotes`: false reads quotes as ordinary characters, as in many TSV files.
- `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`; see "Offsets in other
  units".

Dropped: other columns, a byte order mark.

**Writing**: the columns document, start, end, label, text, and those of score, id, fragments and
attributes that an entity has. `embed_text` (true by default) is whether to write the column
document_text, in the first row of each document; `separator` is comma, tab or semicolon, by default
tab in a .tsv file and comma in all others. Everything but entities is counted as dropped;
documents whose entities were not annotated, and failed ones, are counted as skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.data.document import Document
from evalkit.formats.conversion import ConversionReport, skip_unannotated
from evalkit.formats.csv_tables import (
    SEPARATOR_NAMES,
    CsvTable,
    open_csv_table,
    parse_cell,
    write_csv_table,
)
from evalkit.formats.offsets import OffsetConvention, SurfaceCheck
from evalkit.formats.reading_options import parse_bool
from evalkit.formats.registry import DocumentResults
from evalkit.formats.span_columns import SPAN_COLUMNS, find_span_columns, report_columns
from evalkit.formats.span_table import SpanTable
from evalkit.formats.span_texts import iter_span_rows, iter_table_documents

WRITTEN = ("document", "start", "end", "label", "text")
OPTIONAL = ("score", "id", "fragments", "attributes")  # written where an entity has one
EXPECTED_FRAGMENTS = "expected a list of [start, end] in JSON"


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    document_column: str | None = None,
    start_column: str | None = None,
    end_column: str | None = None,
    label_column: str | None = None,
    text_column: str | None = None,
    document_text_column: str | None = None,
    texts: str | Path | Mapping[str, str] | None = None,
    separator: str | None = None,
    quotes: bool | str = True,
    offset_unit: str = "code-points",
    first_offset: int | str = 0,
    end_offset: str = "exclusive",
    newlines: str = "as-is",
    unicode_form: str = "as-is",
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each document.

    The module docstring describes the options; texts may also be the text of each document id.
    Raises InputError for missing columns, and UnknownNameError for an unknown value of an option.
    """
    table = read_spans(
        path,
        conversion,
        document_column=document_column,
        start_column=start_column,
        end_column=end_column,
        label_column=label_column,
        text_column=text_column,
        document_text_column=document_text_column,
        separator=separator,
        quotes=quotes,
        offset_unit=offset_unit,
        first_offset=first_offset,
        end_offset=end_offset,
        newlines=newlines,
        unicode_form=unicode_form,
    )
    yield from iter_table_documents(table, texts)


def read_spans(
    path: Path,
    conversion: ConversionReport,
    *,
    separator: str | None = None,
    quotes: bool | str = True,
    offset_unit: str = "code-points",
    first_offset: int | str = 0,
    end_offset: str = "exclusive",
    newlines: str = "as-is",
    unicode_form: str = "as-is",
    **columns: str | None,
) -> SpanTable:
    """Returns the entities of a file. The options are those of `read`."""
    convention = OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form)
    is_quoted = parse_bool("quotes", quotes)
    given = _given_names(columns)
    with open_csv_table(path, conversion, separator, quotes=is_quoted) as file:
        names = find_span_columns(file.header, f"{path}", given, has_options=True)
        where = f"{path}:{file.header_line}"
        between = SEPARATOR_NAMES[file.separator]
        report_columns(names, given, file.header, where, conversion, between)
        table = SpanTable(
            str(path), names, conversion=conversion, row_word="", convention=convention
        )
        _read_rows(file, table, {name: file.header.index(names[name]) for name in names})
    if table.texts is not None:
        for id, spans in table.spans.items():
            if not spans and id not in table.errors:
                table.texts.setdefault(id, "")  # the text of an empty document is an empty cell
    return table


def _given_names(columns: Mapping[str, str | None]) -> dict[str, str]:
    given = {}
    for option, name in columns.items():
        if name is not None:
            given[option.removesuffix("_column")] = name
    return given


def _read_rows(file: CsvTable, table: SpanTable, indices: Mapping[str, int]) -> None:
    for row in file.rows():
        if not row.cells and not row.problem:
            continue
        problem = row.problem
        cells: dict[str, str | None] = {}
        if len(row.cells) == len(file.header):
            cells = {column: row.cells[index] or None for column, index in indices.items()}
        values: dict[str, Any] = {}
        for column, cell in cells.items():
            try:
                values[column] = None if cell is None else _parse_value(column, cell)
            except ValueError as error:
                problem = problem or f"{table.names[column]}: {error}"
        if problem:
            id, text = cells.get("document"), cells.get("document_text")
            table.add_invalid_row(row.line, problem, id, text)
        else:
            table.add_row(row.line, values)


def _parse_value(column: str, cell: str) -> Any:
    """Returns the value of a cell. Raises ValueError with what was expected."""
    if column == "fragments":
        return _parse_fragments(cell)
    return parse_cell(cell, SPAN_COLUMNS[column][0])


def _parse_fragments(cell: str) -> list[dict[str, int]]:
    try:
        return [{"start": int(start), "end": int(end)} for start, end in json.loads(cell)]
    except (ValueError, TypeError):
        raise ValueError(f"{cell!r}: {EXPECTED_FRAGMENTS}") from None


def is_span_file(path: Path, **options: Any) -> bool:
    """Whether a file is a table of spans without texts, read with these options."""
    given = {name: value for name, value in options.items() if name.endswith("_column")}
    quotes = parse_bool("quotes", options.get("quotes", True))
    separator = options.get("separator")
    with open_csv_table(path, ConversionReport(), separator, quotes=quotes) as file:
        names = find_span_columns(file.header, str(path), _given_names(given), has_options=True)
    return "document_text" not in names


def iter_surfaces(path: Path) -> Iterator[SurfaceCheck]:
    """Yields text, start, end and surface form of each entity that has one."""
    table = read_spans(path, ConversionReport())
    for id, spans in table.spans.items():
        text = (table.texts or {}).get(id)
        for span in spans:
            if text is not None and span.text is not None:
                yield text, span.entity.start, span.entity.end, span.text


def write(
    documents: Iterable[Document],
    path: Path,
    conversion: ConversionReport,
    *,
    separator: str | None = None,
    embed_text: bool | str = True,
) -> None:
    """Writes an entity in each row; see the module docstring.

    Documents whose entities were not annotated are counted as skipped. Raises UnknownNameError for
    an unknown value of an option, and InputError if no document was annotated.
    """
    has_text = parse_bool("embed_text", embed_text)
    rows = list(iter_span_rows(skip_unannotated(documents, conversion), conversion))
    columns = [*WRITTEN, *(name for name in OPTIONAL if any(row.get(name) for row in rows))]
    if any(row.get("score") is not None for row in rows) and "score" not in columns:
        columns.insert(len(WRITTEN), "score")
    if has_text:
        columns.append("document_text")
    else:
        for id in dict.fromkeys(row["document"] for row in rows):
            conversion.add("texts (embed_text=true keeps them)", f"document {id!r}")
    write_csv_table(_iter_cells(rows, columns), path, columns, separator)


def _iter_cells(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> Iterator[list[str]]:
    previous = None
    for row in rows:
        cells = []
        for column in columns:
            value = row.get(column)
            if column == "document_text" and row["document"] == previous:
                value = None
            if column == "fragments":
                pairs = [[fragment["start"], fragment["end"]] for fragment in value or ()]
                value = json.dumps(pairs) if pairs else None
            cells.append("" if value is None else str(value))
        previous = row["document"]
        yield cells
