"""What the formats of extraction tools share: predicted entities as strings, with or without
offsets, and documents that may lack a text or an id.

An entity without offsets is treated as in evalkit's own format (see evalkit.formats.quoted_entities
and the reading option `ground`). The reading option `texts` names a corpus with the texts: a record
belongs to the document with its id; without an id, to the document in its place, unless that has
another text; else to the only document with its text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Attributes, Document, Unplaced
from evalkit.errors import LoadError, quoted_repr
from evalkit.formats import jsonl
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.reading_options import parse_bool
from evalkit.formats.registry import DocumentResults, iter_documents

OTHER_TEXT = "texts of entities that differ from the text at their offsets"


class QuotedEntity(msgspec.Struct):
    """An unchecked entity: its text, and its offsets where it has any.

    is_exact: whether its text must be the one at its offsets.
    """

    label: str
    text: str
    start: int | None = None
    end: int | None = None
    score: float | None = None
    attributes: Attributes | None = None
    is_exact: bool = True


class QuotedRecord(msgspec.Struct):
    """An unchecked document. `entities` is None if it was not annotated.

    unplaced: what was predicted and is no entity, such as an answer of another form.
    """

    id: str | None
    text: str | None
    entities: list[QuotedEntity] | None
    unplaced: tuple[Unplaced, ...] = ()


Records = Iterator[tuple[str, QuotedRecord | LoadError]]


def build_documents(
    records: Records,
    conversion: ConversionReport,
    format_name: str,
    texts: str | Path | None,
    *,
    ground: bool | str,
) -> DocumentResults:
    """Yields the position of each record and its document, or a LoadError.

    Raises the first error of the corpus with the texts.
    """
    is_grounded = parse_bool("ground", ground)
    corpus = None if texts is None else _TextCorpus(texts)
    for count, (position, record) in enumerate(records):
        if isinstance(record, LoadError):
            yield position, record
            continue
        problem = _complete(record, count, corpus, format_name)
        if problem:
            yield position, LoadError([f"{position}: {problem}"])
            continue
        line = _to_line(record, position, conversion, is_grounded=is_grounded)
        document = jsonl.convert_line(line, position, grounded=conversion if is_grounded else None)
        if isinstance(document, Document) and document.meta and record.unplaced:
            document.meta["grounding"]["unparsable"] = len(record.unplaced)
        yield position, document


class _TextCorpus:
    """The corpus with the texts of the records."""

    def __init__(self, location: str | Path) -> None:
        self.location = location
        self.documents = list(iter_documents(location))
        self._by_id = {document.id: document for document in self.documents}
        counts = Counter(document.text for document in self.documents)
        self._by_text = {
            document.text: document for document in self.documents if counts[document.text] == 1
        }

    def find(self, record: QuotedRecord, count: int) -> Document | None:
        """The document of a record, which is the one with this number; None if there is none."""
        if record.id is not None and record.id in self._by_id:
            return self._by_id[record.id]
        if record.id is None and count < len(self.documents):
            document = self.documents[count]
            if record.text in (None, document.text):
                return document
        return None if record.text is None else self._by_text.get(record.text)


def _complete(
    record: QuotedRecord, count: int, corpus: _TextCorpus | None, format_name: str
) -> str | None:
    """Give a record the id and the text that it lacks; returns the problem if that fails."""
    if corpus is None:
        record.id = record.id or f"doc-{count + 1}"
        if record.text is not None:
            return None
        option = f"{format_name}:FILE?texts=CORPUS"
        return f"no text; name the corpus that has the texts: {option}"
    document = corpus.find(record, count)
    if document is None:
        name = f"document {quoted_repr(record.id)}" if record.id else f"record {count + 1}"
        return f"{name} is not in {corpus.location}, neither by its id nor by its text"
    record.id = document.id
    record.text = document.text if record.text is None else record.text
    return None


def _to_line(
    record: QuotedRecord, position: str, conversion: ConversionReport, *, is_grounded: bool
) -> Any:
    """The record as a decoded line of evalkit's own format."""
    if record.entities is None:
        return jsonl.QuotedDocumentLine(id=record.id, text=record.text, unplaced=record.unplaced)
    entities = [
        _to_entity_line(entity, record, position, conversion, is_grounded=is_grounded)
        for entity in record.entities
    ]
    return jsonl.QuotedDocumentLine(
        id=record.id, text=record.text, entities=tuple(entities), unplaced=record.unplaced
    )


def _to_entity_line(
    entity: QuotedEntity,
    record: QuotedRecord,
    position: str,
    conversion: ConversionReport,
    *,
    is_grounded: bool,
) -> Any:
    """An entity as in a decoded line. Without offsets it has a text alone; what else it has is
    counted as dropped, unless its text is searched.
    """
    offsets: dict[str, Any] = {}
    text: str | None = entity.text
    if entity.start is not None:
        offsets["start"] = entity.start
    if entity.end is not None:
        offsets["end"] = entity.end
    if len(offsets) == 2 and not entity.is_exact:
        found = (record.text or "")[entity.start : entity.end]
        if found != entity.text:
            conversion.repaired.add(OTHER_TEXT, position)
        text = None
    if not offsets and not is_grounded:
        for field in ("score", "attributes"):
            if getattr(entity, field):
                name = f"{field if field == 'attributes' else 'scores'} of entities without offsets"
                conversion.add(name, position)
        return jsonl.QuotedEntityLine(label=entity.label, text=text)
    return jsonl.QuotedEntityLine(
        label=entity.label,
        text=text,
        score=entity.score,
        attributes=entity.attributes or None,
        **offsets,
    )


def take_attributes(
    values: dict[str, Any], position: str, conversion: ConversionReport
) -> Attributes | None:
    """The values that attributes can have, which are not lists or objects; the others are counted
    as dropped.
    """
    attributes: Attributes = {}
    for name, value in values.items():
        if isinstance(value, (dict, list)):
            conversion.add(f"lists and objects of the attribute {quoted_repr(name)}", position)
        else:
            attributes[name] = value
    return attributes or None
