"""Project Dialogism Novel Corpus: a folder for each novel, with its text and a table of quotations.

    NOVEL/novel_text.txt
    NOVEL/quotation_info.csv
    NOVEL/character_info.csv

    quoteID,quoteText,subQuotationList,quoteByteSpans,speaker,addressees,quoteType,…
    Q3,"Bah! Humbug!","['Bah!', 'Humbug!']","[[36, 40], [57, 64]]",Scrooge,['Fred'],Explicit,…

The files may also be called text.txt and quotations.csv. (Source:
Priya22/project-dialogism-novel-corpus at 706a785, README and data.) A path may be the folder of a
novel, its table, or a folder of novels, such as `data` or the whole repository. The id of a
document is the name of its folder.

A quotation is an attribution without source and cue; its content has a fragment for each part of a
quotation that is interrupted, without quotation marks. The offsets of `quoteByteSpans` count code
points, in spite of the name. Columns are attributes: `speaker`, which the layer `speakers`
compares, `addressees` (joined by "; "), `quoteType` and `referringExpression`. The table of
characters is `characters` in `meta`: speakers are its main names.

Parts of a quotation that are not in the order of the text, or overlap, are repaired and counted.
Texts (`subQuotationList`) that differ from the text at their offsets by more than white space are
counted; if most of a novel do, it is refused. Dropped: parts without a character, quotations
without parts, mentions within quotations.

**Reading options**: `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`; see
"Offsets in other units".

The format is only read.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.data.document import Attribution, Document, Span
from evalkit.errors import MAX_REPORTED_ERRORS, DocumentError, InputError, LoadError, quoted_repr
from evalkit.files import read_input
from evalkit.files.inputs import list_inputs
from evalkit.formats.brat_lines import decode_text
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.csv_tables import CsvTable, open_csv_table
from evalkit.formats.offsets import OffsetConvention, Offsets, SurfaceCheck
from evalkit.formats.quotation_texts import TextComparison
from evalkit.formats.registry import DocumentResults

# The names of the table of quotations, with that of the text beside it
TEXT_OF_TABLE = {"quotation_info.csv": "novel_text.txt", "quotations.csv": "text.txt"}
CHARACTERS = "character_info.csv"
DATA_FOLDER = "data"
NO_VALUES = ("", "nan")
# Attributes, and the columns that hold them
ATTRIBUTE_COLUMNS = {
    "speaker": ("speaker",),
    "addressees": ("addressees", "addressee"),
    "quoteType": ("quoteType",),
    "referringExpression": ("referringExpression",),
}
ID_COLUMNS = ("quoteID", "quoteId")
SPANS_COLUMN = "quoteByteSpans"
PARTS_COLUMN = "subQuotationList"
TEXT_COLUMN = "quoteText"
MENTION_COLUMNS = (
    "mentionTextsList",
    "mentionTextList",
    "mentionSpansList",
    "mentionEntitiesList",
)
EXPECTED_SPANS = "expected [[start, end], …]"
Attributes = dict[str, str | int | float | bool | None]


class NovelFiles(NamedTuple):
    """The files of a novel. `characters` is None if it has no table of characters."""

    id: str
    table: Path
    text: Path
    characters: Path | None


class NovelRow(NamedTuple):
    """A row of a table: its file:line and its cells by column."""

    position: str
    cells: Mapping[str, str]

    def first_of(self, columns: tuple[str, ...]) -> str:
        """The value of the first of some columns that has one; "" if none has."""
        for column in columns:
            value = self.cells.get(column, "").strip()
            if value not in NO_VALUES:
                return value
        return ""


class _CellError(ValueError):
    """A cell of another form; the message says which and what."""


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    offset_unit: str = "code-points",
    first_offset: int | str = 0,
    end_offset: str = "exclusive",
    newlines: str = "as-is",
    unicode_form: str = "as-is",
) -> DocumentResults:
    """Yields each novel, or a LoadError, with the path of its table.

    Raises InputError if the path has no table of quotations, UnknownNameError for an invalid option
    value.
    """
    convention = OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form)
    for novel in _find_novels(path):
        position = str(novel.table)
        try:
            yield position, _read_novel(novel, conversion, convention)
        except LoadError as error:
            yield position, error


def iter_surfaces(path: Path) -> Iterator[SurfaceCheck]:
    """Yields text, start, end and surface form of each part of a quotation, unchecked."""
    for novel in _find_novels(path):
        text = _read_text(novel)
        for row in _iter_rows(novel.table, ConversionReport(), (SPANS_COLUMN,)):
            if isinstance(row, LoadError):
                continue
            try:
                spans, parts = _parse_spans(row), _parse_parts(row)
            except _CellError:
                continue
            for (start, end), part in zip(spans, parts):
                yield text, start, end, part


def _find_novels(path: Path) -> list[NovelFiles]:
    """Returns the files of each novel, sorted by id. Raises InputError if there is none."""
    if path.name in TEXT_OF_TABLE and path.is_file():
        tables = [path]
    elif path.is_dir():
        tables = [file for file in list_inputs(path, tuple(TEXT_OF_TABLE)) if _is_table(file)]
    else:
        tables = []
    if not tables:
        names = " or ".join(TEXT_OF_TABLE)
        raise InputError(f"{path}: expected the folder of a novel, or of novels, with {names}")
    novels = []
    for table in tables:
        folder = table.parent
        parts = folder.relative_to(path).parts if path.is_dir() else ()
        if parts[:1] == (DATA_FOLDER,):
            parts = parts[1:]
        characters = folder / CHARACTERS
        novels.append(
            NovelFiles(
                "/".join(parts) or folder.resolve().name,
                table,
                folder / TEXT_OF_TABLE[table.name],
                characters if characters.exists() else None,
            )
        )
    return sorted(novels)


def _is_table(file: Path) -> bool:
    return file.name in TEXT_OF_TABLE


def _read_text(novel: NovelFiles) -> str:
    """The text of a novel. Raises LoadError if it has none."""
    if not novel.text.exists():
        raise LoadError([f"{novel.table}: no {novel.text.name} in the same folder"])
    return decode_text(novel.text, read_input(novel.text))


def _iter_rows(
    path: Path, conversion: ConversionReport, needed: tuple[str, ...]
) -> Iterator[NovelRow | LoadError]:
    """Yields the rows of a table. Raises LoadError if it lacks a column that is needed."""
    with open_csv_table(path, conversion, "comma") as table:
        _check_header(path, table, needed)
        if SPANS_COLUMN in needed:
            _count_columns(table, path, conversion)
        for row in table.rows():
            position = f"{path}:{row.line}"
            if row.problem:
                yield LoadError([f"{position}: {row.problem}"])
            elif row.cells:
                yield NovelRow(position, dict(zip(table.header, row.cells)))


def _check_header(path: Path, table: CsvTable, needed: tuple[str, ...]) -> None:
    for column in needed:
        if column not in table.header:
            raise LoadError(
                [
                    f"{path}:{table.header_line}: no column {quoted_repr(column)}; the columns are"
                    f" {', '.join(map(quoted_repr, table.header))}"
                ]
            )


def _count_columns(table: CsvTable, path: Path, conversion: ConversionReport) -> None:
    """Count the columns of quotations that are not read."""
    known = {SPANS_COLUMN, PARTS_COLUMN, TEXT_COLUMN, *ID_COLUMNS, *MENTION_COLUMNS}
    for columns in ATTRIBUTE_COLUMNS.values():
        known.update(columns)
    for name in table.header:
        if name not in known:
            conversion.add("columns", f"{path}: {name}")


def _read_novel(
    novel: NovelFiles, conversion: ConversionReport, convention: OffsetConvention
) -> Document | LoadError:
    """The document of a novel, or all its errors. Raises LoadError if a file cannot be read."""
    text = _read_text(novel)
    reader = _QuotationReader(text, str(novel.table), conversion, convention)
    attributions: list[Attribution] = []
    errors: list[str] = []
    for row in _iter_rows(novel.table, conversion, (SPANS_COLUMN, "speaker")):
        if isinstance(row, LoadError):
            errors += row.errors
        else:
            try:
                attributions += reader.read_row(row)
            except _CellError as error:
                errors.append(f"{row.position}: {error}")
        if len(errors) >= MAX_REPORTED_ERRORS:
            break
    errors += [] if errors else reader.surfaces.errors()
    if errors:
        return LoadError(errors)
    meta = None
    if novel.characters is not None:
        meta = {"characters": _read_characters(novel.characters, conversion)}
    try:
        return Document(novel.id, text, attributions=tuple(attributions), meta=meta)
    except DocumentError as error:
        return LoadError([f"{novel.table}: {error}"])


def _read_characters(path: Path, conversion: ConversionReport) -> list[dict[str, Any]]:
    """The rows of the table of characters; aliases are a sorted list."""
    characters: list[dict[str, Any]] = []
    for row in _iter_rows(path, conversion, ()):
        if isinstance(row, LoadError):
            raise row
        character: dict[str, Any] = dict(row.cells)
        if "Aliases" in character:
            aliases = _parse_literal(character["Aliases"])
            if isinstance(aliases, (list, set, tuple)):
                character["Aliases"] = sorted(map(str, aliases))
        characters.append(character)
    return characters


class _QuotationReader:
    """Reads the quotations of one novel."""

    def __init__(
        self, text: str, table: str, conversion: ConversionReport, convention: OffsetConvention
    ) -> None:
        self._text, self._conversion = text, conversion
        self._offsets: Offsets = convention.converter_for(text)
        self.surfaces = TextComparison(table, conversion)

    def read_row(self, row: NovelRow) -> list[Attribution]:
        """The quotation of a row; none if it has no parts. Raises _CellError."""
        for column in MENTION_COLUMNS:
            if _has_items(row.cells.get(column, "")):
                self._conversion.add(f"values of the column {quoted_repr(column)}", row.position)
        spans = self._convert(row)
        content = self._content_of(spans, row.position)
        if content is None:
            self._conversion.add("quotations without parts", row.position)
            return []
        id = row.first_of(ID_COLUMNS) or None
        return [Attribution(None, content, id=id, attributes=_attributes_of(row))]

    def _convert(self, row: NovelRow) -> list[tuple[int, int]]:
        """The offsets of the parts in the text; those without a character are dropped. Their texts
        are compared.
        """
        parts = _parse_parts(row)
        raw_spans = _parse_spans(row)
        if len(parts) != len(raw_spans):  # a part may be missing in either
            parts = []
        spans = []
        for index, raw in enumerate(raw_spans):
            try:
                start, end = self._offsets.span(*raw)
                if start == end:
                    self._conversion.add("parts of quotations without a character", row.position)
                    continue
                Span(start, end)
            except DocumentError as error:
                field = f"{SPANS_COLUMN}[{index}]"
                raise _CellError(f"{field}: {error.message}") from None
            if end > len(self._text):
                raise _CellError(
                    f"{SPANS_COLUMN}[{index}]: {end} is past the end of the text (length"
                    f" {len(self._text)})"
                )
            if parts:
                self.surfaces.compare(parts[index], self._text[start:end], row.position)
            spans.append((start, end))
        return spans

    def _content_of(self, spans: list[tuple[int, int]], position: str) -> Span | None:
        """The span of all parts; None without any."""
        if not spans:
            return None
        ordered = sorted(spans)
        if ordered != spans:
            name = "quotations whose parts were not in the order of the text"
            self._conversion.repaired.add(name, position)
        merged = [ordered[0]]
        for start, end in ordered[1:]:
            if start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
                name = "parts of quotations that overlap, read as one"
                self._conversion.repaired.add(name, position)
            else:
                merged.append((start, end))
        fragments = tuple(merged) if len(merged) > 1 else ()
        return Span(merged[0][0], merged[-1][1], fragments)


def _attributes_of(row: NovelRow) -> Attributes | None:
    attributes: Attributes = {}
    for name, columns in ATTRIBUTE_COLUMNS.items():
        value = row.first_of(columns)
        if name == "addressees":
            names = _parse_literal(value)
            if isinstance(names, (list, tuple, set)):
                value = "; ".join(map(str, names))
        if value:
            attributes[name] = value
    return attributes or None


def _parse_spans(row: NovelRow) -> list[tuple[int, int]]:
    """The offsets of the parts of a quotation. Raises _CellError."""
    cell = row.cells.get(SPANS_COLUMN, "")
    value = _parse_literal(cell)
    if isinstance(value, (list, tuple)) and len(value) == 2 and all(map(_is_offset, value)):
        value = [value]  # [start, end] of a quotation with one part
    if not isinstance(value, (list, tuple)):
        raise _CellError(f"{SPANS_COLUMN}: {EXPECTED_SPANS}, got {quoted_repr(cell)}")
    spans = []
    for item in value:
        is_pair = isinstance(item, (list, tuple)) and len(item) == 2
        if not is_pair or not all(map(_is_offset, item)):
            raise _CellError(f"{SPANS_COLUMN}: {EXPECTED_SPANS}, got {quoted_repr(cell)}")
        spans.append((item[0], item[1]))
    return spans


def _parse_parts(row: NovelRow) -> list[str]:
    """The texts of the parts of a quotation; without them the whole text, if there is one."""
    value = _parse_literal(row.cells.get(PARTS_COLUMN, ""))
    if isinstance(value, (list, tuple)):
        return list(map(str, value))
    text = row.first_of((TEXT_COLUMN,))
    return [text] if text else []


def _has_items(cell: str) -> bool:
    """Whether a list of lists has an item."""
    return cell not in NO_VALUES and bool(cell.strip("[], "))


def _is_offset(value: object) -> bool:
    return type(value) is int


def _parse_literal(cell: str) -> object:
    """The value of a Python literal; None for anything else."""
    if not cell.lstrip().startswith(("[", "{", "(")):
        return None
    try:
        return ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
