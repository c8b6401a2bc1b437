"""PubTator: title, abstract, and a line for each mention and each relation of an article.

    227508|t|Naloxone reverses the effect of clonidine.
    227508|a|Hepatic and renal failure were not seen.
    227508 0 8 Naloxone Chemical D009270
    227508 43 68 Hepatic and renal failure Disease D01|D02 Hepatic failure|renal failure
    227508 CID D009270 D01

The columns of a mention, separated by tabs: id of the document, start, end, mention, type, concept
id, and for a composite mention its parts. Offsets count code points, the end exclusive, over the
title, one line end and the abstract. An empty line ends a document. (Sources: readme of the
BioCreative V CDR corpus; format page of NCBI's tmTools.)

    attributes   `link`, the concept id as it is in the file: "D01|D02" for a composite
                 mention; None (NIL) for -1 and -; none without the column. `individual_mentions`,
                 the parts of a composite mention
    relations    of concepts, which PubTator annotates for the whole document: a relation is read as
                 one between the first mentions of its concepts, which get the ids T1, T2, … by
                 their number. A mention whose only id is the concept is preferred to one with
                 several ids (separated by | , or ;), for which the relation has the attribute
                 `head_link` or `tail_link`. A fifth column (BioRED's Novel) is the attribute
                 `novelty`

Dialects with other ids (UMLS in MedMentions, variants of tmVar), several types in one column, and
relations of another type than CID (BioRED) are read alike. Relations count as annotated in all
documents if one of the file has relations, else in none.

**Reading options**

- `relations`: first-mentions (as above), or drop: relations are counted as dropped.
- `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`: see "Offsets in other
  units".

Dropped: further columns, relations with a concept that is not mentioned, relations that equal
another between first mentions.

**Writing**: the title is the first line of the text. Changed and counted: other line ends, written
as spaces. Dropped: discontinuous entities, ids other than T1, T2, … of arguments, scores, other
attributes, relations with an argument without a link, events, attributions, zones, meta. A relation
that is not one of first mentions is read back as such, which is counted. Documents whose entities
were not annotated, and failed ones, are counted as skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from evalkit.data.document import Attributes
from evalkit.errors import LoadError, UnknownNameError, quoted_repr
from evalkit.files import open_input
from evalkit.formats import tool_exports as exported
from evalkit.formats.annotated_layers import mark_annotated_layers
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.jsonl_errors import BOM, explain_invalid_utf8
from evalkit.formats.offsets import OffsetConvention, SurfaceCheck
from evalkit.formats.pubtator_mentions import (
    ARGUMENT_LINKS,
    AS_SPACES,
    LINK,
    NIL,
    NOVELTY,
    OFFSET,
    PARTS,
    find_first_mentions,
)
from evalkit.formats.pubtator_writer import write
from evalkit.formats.registry import DocumentResults
from evalkit.formats.tool_exports import Drafts, RawDocument, RawRelation, RawSpan

__all__ = ["iter_surfaces", "read", "write"]
RELATIONS = ("first-mentions", "drop")
MAX_INVALID_LINES = 1000  # after which a file with fewer documents is not read further
EXPECTED = "a PubTator document begins with ID|t|TITLE"
CARRIAGE_RETURN = "carriage return inside a line; expected lines that end in line feeds"
_TEXT_LINE = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)


class _Line(NamedTuple):
    """A line of a document that is neither title nor abstract: its number and columns."""

    number: int
    columns: list[str]


class _Record:
    """The lines of a document."""

    def __init__(self, id: str, number: int) -> None:
        self.id, self.number = id, number
        self.title: str | None = None
        self.abstract: str | None = None
        self.mentions: list[_Line] = []
        self.relations: list[_Line] = []

    @property
    def text(self) -> str:
        return (self.title or "") + ("" if self.abstract is None else f"\n{self.abstract}")


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    relations: str = "first-mentions",
    offset_unit: str = "code-points",
    first_offset: int | str = 0,
    end_offset: str = "exclusive",
    newlines: str = "as-is",
    unicode_form: str = "as-is",
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each document.

    Raises UnknownNameError for an unknown value of an option.
    """
    if relations not in RELATIONS:
        raise UnknownNameError("relations", relations, RELATIONS)
    counted = OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form)
    keeps_relations = relations == "first-mentions"
    drafts = iter_drafts(path, conversion, keeps_relations=keeps_relations)
    return mark_annotated_layers(exported.documents(drafts, counted), "relations")


def iter_surfaces(path: Path) -> Iterator[SurfaceCheck]:
    """Yields document text, start, end and mention of each annotation, unchecked."""
    return exported.cases(iter_drafts(path, ConversionReport(), keeps_relations=False))


def iter_drafts(path: Path, conversion: ConversionReport, *, keeps_relations: bool) -> Drafts:
    """Yields the unchecked document of each article, or a LoadError with all of its errors."""
    for position, record in _iter_records(path):
        if isinstance(record, LoadError):
            yield position, record
        else:
            yield position, _draft(record, path, conversion, keeps_relations=keeps_relations)


def _iter_records(path: Path) -> Iterator[tuple[str, _Record | LoadError]]:
    """Yields the lines of each document; a LoadError for lines that belong to none."""
    record: _Record | None = None
    valid, invalid = 0, 0
    with open_input(path) as file:
        for number, data in enumerate(file, 1):
            position = f"{path}:{number}"
            try:
                without_bom = data.removeprefix(BOM) if number == 1 else data
                line = without_bom.decode().removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError:
                yield position, LoadError([f"{position}: {explain_invalid_utf8(data, 'line')}"])
                invalid += 1
                continue
            if record is not None and (not line.strip() or _starts_document(line, record)):
                yield f"{path}:{record.number}", record
                record = None
                valid += 1
            if not line.strip():
                continue
            if "\r" in line:  # a file with other line ends would be one title
                yield position, LoadError([f"{position}: {CARRIAGE_RETURN}"])
                invalid += 1
                continue
            problem, record = _add_line(line, number, record)
            if problem:
                yield position, LoadError([f"{position}: {problem}"])
                invalid += 1
            if invalid == MAX_INVALID_LINES and valid < invalid:
                problem = f"not read further, since {invalid} of its first {number} lines are wrong"
                yield position, LoadError([f"{path}: {problem}; {EXPECTED}"])
                return
    if record is not None:
        yield f"{path}:{record.number}", record


def _starts_document(line: str, record: _Record) -> bool:
    """Whether a line is the title of the next document, where no empty line is between them."""
    match = _TEXT_LINE.fullmatch(line)
    return match is not None and match[2] == "t" and match[1] != record.id


def _add_line(line: str, number: int, record: _Record | None) -> tuple[str, _Record | None]:
    """Adds a line to its document, or begins one. Returns what is wrong with the line, "" if
    nothing is, and the document.
    """
    match = _TEXT_LINE.fullmatch(line)
    if match is not None:
        id, part, text = match.groups()
        record = record or _Record(id, number)
        field = "title" if part == "t" else "abstract"
        if id != record.id:
            return _other_document(id, record), record
        if getattr(record, field) is not None:
            return f"document {quoted_repr(id)} has a second {field}; delete one", record
        setattr(record, field, text)
        return "", record
    columns = line.split("\t")
    if record is None or len(columns) < 4:
        return f"{quoted_repr(line)} is neither text nor an annotation; {EXPECTED}", record
    if columns[0] != record.id:
        return _other_document(columns[0], record), record
    lines = record.mentions if OFFSET.fullmatch(columns[1]) else record.relations
    lines.append(_Line(number, columns))
    return "", record


def _other_document(id: str, record: _Record) -> str:
    return (
        f"the id {quoted_repr(id)} is not that of the document, {quoted_repr(record.id)};"
        " separate documents by an empty line"
    )


def _draft(
    record: _Record, path: Path, conversion: ConversionReport, *, keeps_relations: bool
) -> RawDocument | LoadError:
    text = record.text
    spans, errors = [], []
    for index, line in enumerate(record.mentions):
        position = f"{path}:{line.number}"
        columns = [*line.columns, *[""] * (7 - len(line.columns))]
        start, end, mention, label, link, parts = columns[1:7]
        if not OFFSET.fullmatch(end):
            errors.append(f"{position}: end: {quoted_repr(end)} is not a number; write an offset")
            continue
        if any(columns[7:]):
            conversion.add("further columns", position, sum(map(bool, columns[7:])))
        attributes: Attributes = {}
        if link:
            attributes[LINK] = None if link in NIL else link
        if parts:
            attributes[PARTS] = parts
        covered = text[max(int(start), 0) : max(int(end), 0)]
        surface = covered if covered.translate(AS_SPACES) == mention else mention
        spans.append(
            RawSpan(
                f"entities[{index}]",
                int(start),
                int(end),
                label,
                surface,
                attributes=attributes or None,
                position=position,
            )
        )
    if errors:
        return LoadError(errors)
    relations: list[RawRelation] = []
    if keeps_relations:
        relations = list(_read_relations(record, spans, path, conversion))
    elif record.relations:
        where = f"{path}:{record.relations[0].number}"
        conversion.add("relations of concepts", where, len(record.relations))
    return RawDocument(record.id, text, spans, relations=relations)


def _read_relations(
    record: _Record, spans: list[RawSpan], path: Path, conversion: ConversionReport
) -> Iterator[RawRelation]:
    """Yields the relations between first mentions, which get ids."""
    links = ["".join(line.columns[5:6]) for line in record.mentions]
    first = find_first_mentions((span.start, link) for span, link in zip(spans, links))
    known = set()
    for index, line in enumerate(record.relations):
        position = f"{path}:{line.number}"
        _, label, *concepts = line.columns[:4]
        if any(line.columns[5:]):
            conversion.add("further columns", position, sum(map(bool, line.columns[5:])))
        if not all(concept in first for concept in concepts):
            conversion.add("relations with a concept that is not mentioned", position)
            continue
        head, tail = (first[concept] for concept in concepts)
        if (label, head, tail) in known:
            conversion.add("relations that equal another between first mentions", position)
            continue
        known.add((label, head, tail))
        attributes: Attributes = {}
        for number, concept, name in zip((head, tail), concepts, ARGUMENT_LINKS):
            spans[number].id = f"T{number + 1}"
            if links[number] != concept:
                attributes[name] = concept
        if len(line.columns) > 4 and line.columns[4]:
            attributes[NOVELTY] = line.columns[4]
        yield RawRelation(
            f"relations[{index}]",
            label,
            f"T{head + 1}",
            f"T{tail + 1}",
            attributes=attributes or None,
        )
