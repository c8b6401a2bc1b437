"""Reads and writes the documents of a BioC file, in XML and JSON; bioc.py describes the format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.parsers import expat

import msgspec

from evalkit.data.json_keys import check_duplicate_keys
from evalkit.errors import InputError, LoadError, quoted_repr, spell_option
from evalkit.files import open_input, replace_file
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.json_lists import decode_object, explain_json_error
from evalkit.formats.json_records import convert_record
from evalkit.formats.jsonl_errors import BOM, LINE_ERRORS, explain_invalid_utf8

FILE_FORMATS = ("xml", "json")
DOCUMENT_LISTS = ("documents", "PubTator3")  # keys of a collection
EXPECTED = "expected a BioC collection in XML or JSON"
_DOCUMENT_TAG = re.compile(rb"<document[\s>/]")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Infons = dict[str, Any]


class BiocLocation(msgspec.Struct):
    """A range of the text."""

    offset: int
    length: int


class BiocAnnotation(msgspec.Struct):
    """An annotation: the keys that are read."""

    id: str | int | None = None
    infons: Infons | None = None
    text: str | None = None
    locations: list[BiocLocation] = []


class BiocNode(msgspec.Struct):
    """An argument of a relation."""

    refid: str | int
    role: str | None = None


class BiocRelation(msgspec.Struct):
    """A relation, or an event."""

    id: str | int | None = None
    infons: Infons | None = None
    nodes: list[BiocNode] = []


class BiocSentence(msgspec.Struct):
    """A sentence of a passage."""

    offset: int
    text: str | None = None
    infons: Infons | None = None
    annotations: list[BiocAnnotation] = []
    relations: list[BiocRelation] = []
    bioctype: Any = None


class BiocPassage(msgspec.Struct):
    """A passage: its text is in `text` or in its sentences."""

    offset: int
    text: str | None = None
    infons: Infons | None = None
    sentences: list[BiocSentence] = []
    annotations: list[BiocAnnotation] = []
    relations: list[BiocRelation] = []
    bioctype: Any = None


class BiocDocument(msgspec.Struct):
    """A document: the keys that are read."""

    id: str | int
    infons: Infons | None = None
    passages: list[BiocPassage] = []
    annotations: list[BiocAnnotation] = []
    relations: list[BiocRelation] = []
    bioctype: Any = None


Records = Iterator[tuple[str, BiocDocument | LoadError]]


def iter_records(path: Path, conversion: ConversionReport) -> Records:
    """Yields each document of a file with its file:line, or a LoadError. Unknown keys are counted
    as dropped.
    """
    with open_input(path) as file:
        data = file.read().removeprefix(BOM)
    start = data.lstrip()[:1]
    if start in (b"{", b"["):
        documents = _iter_json(path, data)
    elif start == b"<":
        documents = _iter_xml(path, data)
    else:
        problem = f"neither XML nor JSON: it begins with {quoted_repr(data[:12])}"
        if not data.strip():
            problem = "an empty file"
        elif explain_invalid_utf8(data[:100_000], "file"):
            problem = "not UTF-8: save the file as UTF-8"
        message = f"{path}: {problem}"
        documents = iter([(str(path), LoadError([f"{message}; {EXPECTED}"]))])
    for position, document in documents:
        if isinstance(document, LoadError):
            yield position, document
        else:
            yield position, convert_record(document, BiocDocument, position, conversion)


RawDocuments = Iterator[tuple[str, dict[str, Any] | LoadError]]


def _iter_xml(path: Path, data: bytes) -> RawDocuments:
    """Yields the documents of an XML file. Reading ends at the first error, where the parser
    stops.
    """
    problem = _find_declarations(data)
    if not problem and b"<collection" not in data:
        problem = f"1: no element collection; {EXPECTED}"
    if problem:
        yield str(path), LoadError([f"{path}:{problem}"])
        return
    biocjson = import_module("bioc.biocjson")
    biocxml = import_module("bioc.biocxml")
    lines = _document_lines(data)
    position = str(path)
    try:
        with biocxml.iterparse(BytesIO(data)) as documents:
            for document in documents:
                position = f"{path}:{next(lines, 1)}"
                yield position, _without_empty_infons(biocjson.toJSON(document))
    except (SyntaxError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        line = getattr(error, "lineno", None)
        problem = "not XML" if line else "invalid offset, length or id"
        position = f"{path}:{line or next(lines, 1)}"
        message = " ".join(str(error).split())
        yield position, LoadError([f"{position}: {problem}: {message}; {EXPECTED}"])


def _document_lines(data: bytes) -> Iterator[int]:
    """Yields the number of the line on which each document begins."""
    line, previous = 1, 0
    for match in _DOCUMENT_TAG.finditer(data):
        line += data.count(b"\n", previous, match.start())
        previous = match.start()
        yield line


class _RootReached(Exception):
    """Raised at the first element, since a DOCTYPE can only stand before it."""


def _find_declarations(data: bytes) -> str:
    """The line and the problem of a DOCTYPE that declares entities, which may expand without limit
    or read other files; "" if there is none. One that names BioC.dtd is accepted and not read.
    """
    problems = []

    def check(_name: str, _system: str | None, _public: str | None, has_internal: int) -> None:
        if has_internal:
            line = parser.CurrentLineNumber
            problems.append(f"{line}: DOCTYPE with declarations is not allowed; delete it")

    def stop(*_: object) -> None:
        raise _RootReached

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = check
    parser.StartElementHandler = stop
    try:
        parser.Parse(data, True)
    except _RootReached:
        pass
    except (expat.ExpatError, ValueError, LookupError) as error:
        line = getattr(error, "lineno", 1)
        problems.append(f"{line}: not XML: {error}; {EXPECTED}")
    return problems[0] if problems else ""


def _without_empty_infons(value: Any) -> Any:
    """The value without infons that have no content."""
    if isinstance(value, list):
        return [_without_empty_infons(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _without_empty_infons(item) for key, item in value.items()}
    if isinstance(kept.get("infons"), dict):
        kept["infons"] = {key: item for key, item in kept["infons"].items() if item is not None}
    return kept


def _iter_json(path: Path, data: bytes) -> RawDocuments:
    """Yields the documents of a JSON file: of a collection, of a list of collections or documents,
    or of a document on each line.
    """
    first_line = data.lstrip().partition(b"\n")[0]
    if not _has_documents(first_line):
        yield from _iter_parts(path, data, 1)
        return
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            yield from _iter_parts(path, line, number)


def _has_documents(line: bytes) -> bool:
    """Whether a line is the JSON object of a document or a collection."""
    if not line.startswith(b"{"):
        return False
    try:
        value = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except LINE_ERRORS:
        return False
    return any(key in value for key in ("passages", *DOCUMENT_LISTS))


def _iter_parts(path: Path, text: bytes, line: int) -> RawDocuments:
    """Yields the documents in a JSON value, which begins on a line."""
    position = f"{path}:{line}"
    try:
        raw_documents = list(_find_documents(text))
    except (*LINE_ERRORS, KeyError) as error:
        problem = "no documents"
        if not isinstance(error, KeyError):
            problem = explain_json_error(error, text, "file")
        yield position, LoadError([f"{position}: {problem}; {EXPECTED}"])
        return
    previous = 0
    for raw in raw_documents:
        found = text.index(raw, previous)
        line += text.count(b"\n", max(previous - 1, 0), found)
        previous = found + 1
        yield f"{path}:{line}", decode_object(raw, f"{path}:{line}")


def _find_documents(text: bytes) -> Iterator[bytes]:
    """Yields the text of each document in a JSON value. Raises KeyError if there is none."""
    if text.lstrip().startswith(b"["):
        for item in msgspec.json.decode(text, type=list[msgspec.Raw]):
            yield from _find_documents(bytes(item))
        return
    value = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    check_duplicate_keys(text)
    for key in DOCUMENT_LISTS:
        if key in value:
            yield from map(bytes, msgspec.json.decode(value[key], type=list[msgspec.Raw]))
            return
    if "passages" not in value:
        raise KeyError("passages")
    yield text.strip()


def write_records(records: Iterable[dict[str, Any]], path: Path, file_format: str) -> None:
    """Writes a collection of documents, which are given as in JSON."""
    with replace_file(path) as file:
        if file_format == "json":
            head = b'{"bioctype":"BioCCollection","source":"evalkit","date":"","key":"",'
            file.write(head + b'"version":"1.0","infons":{},"documents":[')
            for number, record in enumerate(records):
                file.write((b",\n" if number else b"\n") + msgspec.json.encode(record))
            file.write(b"\n]}\n")
            return
        biocjson = import_module("bioc.biocjson")
        biocxml = import_module("bioc.biocxml")
        bioc = import_module("bioc")
        collection = bioc.BioCCollection()
        collection.source, collection.date, collection.key = "evalkit", "", ""
        with biocxml.iterwrite(file, encoding="utf-8") as writer:
            writer.write_collection_info(collection)
            for record in records:
                _check_xml(record, f"document {quoted_repr(record['id'])}")
                writer.write_document(biocjson.fromJSON(record))


def _check_xml(value: Any, where: str) -> None:
    """Raises InputError for a character that XML does not allow."""
    if isinstance(value, dict):
        for key, item in value.items():
            _check_xml(key, where)
            _check_xml(item, f"{where}, {key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check_xml(item, f"{where}[{number}]")
    elif isinstance(value, str) and (match := _NOT_XML.search(value)):
        raise InputError(
            f"{where}: {quoted_repr(match[0])} at {match.start()} cannot be written as XML; use"
            f" {spell_option('file_format', 'json', of='format')}"
        )
