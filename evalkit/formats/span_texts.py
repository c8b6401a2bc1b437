"""Gives the documents of a table of spans their texts, and writes documents as rows of spans."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.data.document import Document
from evalkit.errors import InputError, LoadError, quoted_repr
from evalkit.files import check_inside, read_input, strip_compression
from evalkit.formats import registry
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.csv_tables import TABLE_SUFFIXES, open_csv_table
from evalkit.formats.hf_tables import table_rows
from evalkit.formats.json_records import count_unsupported, skip_failed
from evalkit.formats.registry import DocumentResults
from evalkit.formats.span_columns import (
    SPAN_COLUMNS,
    find_columns,
    list_columns,
    normalize_name,
)
from evalkit.formats.span_table import SpanTable, missing_texts

HELD_BY_SPANS = ("entities", "entities.id", "entities.score", "entities.attributes")


def iter_table_documents(
    table: SpanTable, texts: str | Path | Mapping[str, str] | None
) -> DocumentResults:
    """Yields a location with each document of a table, or a LoadError.

    texts: the corpus or folder with the texts, or the text of each document id; None for those in
    the table. Raises InputError if there are none.
    """
    if isinstance(texts, Mapping):
        yield from table.documents(texts, "the other side")
    elif texts is not None:
        yield from table.documents(load_texts(texts, table.spans), str(texts))
    elif table.texts is None:
        raise missing_texts(table.name)
    else:
        yield from table.documents(table.texts)


def load_texts(source: str | Path, ids: Collection[str]) -> dict[str, str]:
    """Returns the text of each document: from a corpus; from a CSV or TSV file with columns of ids
    and texts; from a folder with files ID.txt, or from the .txt file of the only document.

    ids: the documents of a table, of which the files of a folder are read. An id may end in .txt
    itself.
    """
    path = Path(source)
    if path.is_file() and strip_compression(path).suffix in TABLE_SUFFIXES:
        return _read_text_table(path)
    if path.is_file() and path.suffix == ".txt" and len(ids) == 1:
        return {next(iter(ids)): _read_text(path)}
    if not path.is_dir() or not any(path.glob("*.txt")):
        return {document.id: document.text for document in registry.iter_documents(source)}
    texts = {}
    for id in ids:
        file = path / (id if id.endswith(".txt") else f"{id}.txt")
        if not set(id) & {"/", "\0"} and file.is_file():
            check_inside(path, file)
            texts[id] = _read_text(file)
    return texts


def _read_text(file: Path) -> str:
    try:
        return read_input(file).decode()
    except UnicodeDecodeError as error:
        problem = f"not UTF-8: {error.reason} at byte {error.start}"
        raise InputError(f"{file}: {problem}") from None


def _read_text_table(path: Path) -> dict[str, str]:
    """Returns the text of each document of a table with an id and a text in each row."""
    texts: dict[str, str] = {}
    with open_csv_table(path, ConversionReport()) as table:
        names = table.header
        ids = find_columns(names, ("id", *SPAN_COLUMNS["document"][1]))
        ids = [name for name in ids if normalize_name(name) != "id"] or ids
        bodies = find_columns(names, ("text", *SPAN_COLUMNS["document_text"][1]))
        if len(ids) != 1 or len(bodies) != 1:
            raise InputError(
                f"{path}: expected one column with the ids of documents (id, document, doc_id) and"
                f" one with their texts (text, document_text); the columns are"
                f" {list_columns(names)}"
            )
        id_index, text_index = names.index(ids[0]), names.index(bodies[0])
        for row in table.rows():
            if row.problem:
                raise LoadError([f"{path}:{row.line}: {row.problem}"])
            id, text = row.cells[id_index], row.cells[text_index]
            if texts.setdefault(id, text) != text:
                problem = f"another text of document {quoted_repr(id)} than in an earlier row"
                raise LoadError([f"{path}:{row.line}: {problem}"])
    return texts


def iter_span_rows(
    documents: Iterable[Document], conversion: ConversionReport
) -> Iterator[dict[str, Any]]:
    """Yields a row for each entity of annotated documents, with the columns of a table of spans,
    and one for a document without entities. What such a table does not hold is counted as dropped.
    """
    for document in documents:
        if not skip_failed(document, conversion):
            continue
        count_unsupported(document, conversion, HELD_BY_SPANS)
        if document.events == ():
            where = f"document {quoted_repr(document.id)}, events"
            conversion.add("layers that were annotated and are empty", where)
        texts = {"document": document.id, "document_text": document.text}
        if not document.entities:
            yield texts
        for row in table_rows([document])["entities"]:
            yield {**row, **texts}
