"""BioC: XML or JSON with passages, annotations and relations, as NCBI's tools and corpora have it.

    <collection>
      <document>
        <id>227508</id>
        <passage>
          <infon key="type">title</infon>
          <offset>0</offset>
          <text>Naloxone reverses the effect of clonidine.</text>
          <annotation id="1">
            <infon key="type">Chemical</infon>
            <infon key="identifier">MESH:D009270</infon>
            <location offset="0" length="8"/>
            <text>Naloxone</text>
          </annotation>
          …
        <relation id="R1">
          <infon key="type">Inhibits</infon>
          <node refid="1" role="Agent"/>
          <node refid="2" role="Target"/>

(Sources: Comeau et al. 2013 and its BioC.dtd; bioc 2.1, which reads the XML.) JSON has the same
parts: a collection, a list of collections (as PMC has it), the `PubTator3` object of NCBI's API, or
a document on each line. Offsets count from the start of the document. The DTD counts bytes of
UTF-8, most files count code points, and an annotation whose text is not at its offsets is an error.

    text         of the passages, or of their sentences; gaps between passages are filled with line
                 feeds, those between sentences with spaces
    zones        the passages, labeled by the infon `type`; none for a passage without it
    entities     the annotations; those with several locations are discontinuous
    attributes   `link`, the infon `identifier`; None (NIL) for - and -1. All other infons that are
                 strings, numbers or booleans have their own names
    relations    those with two nodes: the first is the head, unless the roles are tail and head.
                 Other roles are the attributes `head_role` and `tail_role`. Relations of concepts
                 (infons `entity1` and `entity2` as in BioRED, `role1` and `role2` as in PubTator 3,
                 or `Chemical` and `Disease` as in the CDR corpus) are read as relations between the
                 first mentions of both, as in the format pubtator. The label is the infon
                 `relation type`, `event type` or `relation`, else `type`
    events       relations with one node of the role trigger; their other nodes, which are
                 annotations or events, are arguments. An annotation that is a trigger is no entity
    meta         the infons of the document

Relations count as annotated in all documents of a file if one has relations, else in none; so for
events.

**Reading options**

- `feature`: the infon with the label of annotations and relations, instead of `type`.
- `link`: the infon with the concept id, instead of `identifier`.
- `check_text`: false counts annotations whose text differs from that at their offsets, as
  normalized texts of PubTator do, instead of refusing them.
- `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`: see "Offsets in other
  units".

Dropped: annotations without a location, infons of passages and sentences, boundaries of sentences,
relations with other nodes or without a label, other keys. XML with declarations of entities is
refused.

**Writing option**: `file_format`, xml or json; without it, a file named .json is JSON. Annotations
without an id get one that begins with ~ and is dropped in reading. Text between zones is in
passages without a type, and annotations are read back in the order of the passages. Dropped:
arguments without a ref where an entity with an id has their span (they are read back with that
ref); refs to other spans; overlapping zones; events without a trigger; realis, scores,
attributions; in XML, attributes and meta that are not strings. Documents whose entities were not
annotated, and failed ones, are counted as skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from evalkit.data.document import Document
from evalkit.errors import InputError, LoadError, UnknownNameError
from evalkit.formats.annotated_layers import mark_annotated_layers
from evalkit.formats.bioc_file import FILE_FORMATS, iter_records, write_records
from evalkit.formats.bioc_reader import BiocReader, ReadingOptions, iter_unchecked
from evalkit.formats.bioc_writer import iter_written
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.offsets import OffsetConvention, SurfaceCheck
from evalkit.formats.reading_options import parse_bool
from evalkit.formats.registry import DocumentResults


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    feature: str = "type",
    link: str = "identifier",
    check_text: bool | str = True,
    offset_unit: str = "code-points",
    first_offset: int | str = 0,
    end_offset: str = "exclusive",
    newlines: str = "as-is",
    unicode_form: str = "as-is",
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each document.

    Raises UnknownNameError for an unknown value of an option.
    """
    options = ReadingOptions(
        feature,
        link,
        parse_bool("check_text=", check_text),
        OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form),
    )
    return mark_annotated_layers(_iter_results(path, conversion, options), "relations", "events")


def _iter_results(
    path: Path, conversion: ConversionReport, options: ReadingOptions
) -> DocumentResults:
    for position, record in iter_records(path, conversion):
        if isinstance(record, LoadError):
            yield position, record
            continue
        try:
            yield position, BiocReader(record, position, conversion, options).document()
        except LoadError as error:
            yield position, error
        except InputError as error:
            yield position, LoadError([f"{position}: {error}"])


def iter_surfaces(path: Path) -> Iterator[SurfaceCheck]:
    """Yields document text, start, end and text of each annotation, unchecked."""
    for _, record in iter_records(path, ConversionReport()):
        if not isinstance(record, LoadError):
            yield from iter_unchecked(record)


def write(
    documents: Iterable[Document],
    path: Path,
    conversion: ConversionReport,
    *,
    file_format: str | None = None,
) -> None:
    """Writes a collection. The module docstring lists what is dropped.

    Raises UnknownNameError for an unknown file format, InputError if the entities of no document
    were annotated, or for a character that XML does not allow.
    """
    if file_format is None:
        file_format = "json" if path.suffix == ".json" else "xml"
    if file_format not in FILE_FORMATS:
        raise UnknownNameError("file format", file_format, FILE_FORMATS)
    write_records(
        iter_written(documents, conversion, only_strings=file_format == "xml"), path, file_format
    )
