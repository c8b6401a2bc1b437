"""spaCy's DocBin files (.spacy), for spaCy's training and evaluation commands.

(Source: spacy.io/api/docbin.)

**Writing.** Tokens are those of spaCy's tokenizer, split where an annotation begins or ends, so
that every span aligns; doc.text equals the text exactly. spaCy reads:

    doc.ents               entities without overlap: of overlapping ones the one with the most
                           tokens is kept, of equally long ones the first
    doc.spans["entities"]  all entities but discontinuous ones
    doc.spans["triggers"]  the triggers of events, labeled with the event type
    kb_id_, ent_id_        an entity's attributes kb_id and ent_id
    doc.user_data["id"]    the id of the document

Entities that were not annotated are missing values in spaCy, which differ from no entities. What
spaCy cannot represent (arguments, attributions, discontinuous spans, zones, scores, ids, meta,
failures) is stored as JSON in doc.user_data["evalkit"], so that evalkit reads back the complete
document. Entities and triggers that are missing from the spans of spaCy, or have other offsets
there, are counted as dropped; so are events without a trigger, which have no span.

**Writing options**

- `alignment_mode`: split splits tokens as described above. strict keeps spaCy's tokens and omits
  annotations that do not align from ents and spans. expand and contract keep spaCy's tokens and
  move the offsets of such annotations outwards or inwards to token boundaries.
- `lang`: the language of the tokenizer. Default: the document's meta["language"] if spaCy has a
  tokenizer for it, else xx (multi-language).
- `align_with`: another corpus of the same documents, such as gold. Tokens are split at its
  annotations too. Both files then have the same tokens, and spaCy's Scorer, which ignores
  predictions that do not align to gold tokens, counts the same annotations as evalkit.

**Reading** needs no pipeline. If doc.user_data["evalkit"] exists, and its text and spans are
unchanged, it is the document. If they were changed (a pipeline has set doc.ents), the spans are
read, and the record is dropped except for id and meta. Without a record, entities are doc.ents
(None if they are missing), events and attributions are None, and the id is user_data["id"], else
doc-1, doc-2 and so on.

**Reading options**

- `entities`: ents, or the name of the span group with the entities. The record is then ignored.
- `triggers`: the name of the span group with the event triggers; the events have no arguments.

A document without the span group was not annotated. In messages FILE:N is the Nth document of a
file. A file that would unpack to more than 64 MB and more than a hundred times its size is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Document, Entity, Event, Span
from evalkit.data.text import Range
from evalkit.errors import (
    DocumentError,
    InputError,
    LoadError,
    UnknownNameError,
    quoted_repr,
    spell_option,
    to_one_line,
)
from evalkit.files import write_atomically
from evalkit.formats import jsonl
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.docbin_file import (
    DocBinEntry,
    docs,
    multi_language_vocabulary,
    token_edges,
    tokenizer,
    words_and_spaces,
)
from evalkit.formats.docbin_packing import DocBinPacker
from evalkit.formats.docbin_plain import DocBinSpan, DocBinText, convert_doc
from evalkit.formats.registry import DocumentResults, iter_documents

ALIGNMENT_MODES = ("split", "strict", "expand", "contract")
RECORD = "evalkit"  # the key of evalkit's record in the user data
SPAN_GROUPS = ("entities", "triggers")


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    entities: str | None = None,
    triggers: str | None = None,
) -> DocumentResults:
    """Yields (FILE:N, Document or LoadError) for each document.

    The module docstring describes the options. Raises LoadError if the file is not a DocBin.
    """
    reader = DocBinReader(conversion, entities, triggers)
    count = 0
    for count, entry in enumerate(docs(path, conversion), 1):
        result = entry if isinstance(entry, LoadError) else reader.document(entry, count)
        yield f"{path}:{count}", result
    if count:
        for error in reader.unknown_groups():
            yield str(path), LoadError([f"{path}: {error}"])


class DocBinReader:
    """Converts spaCy documents to evalkit documents."""

    def __init__(
        self, conversion: ConversionReport, entities: str | None, triggers: str | None
    ) -> None:
        self._conversion = conversion
        self._entities = entities or "ents"
        self._triggers = triggers
        self._ignore_record = entities is not None or triggers is not None
        self._groups: dict[str, None] = {}  # span groups of all documents, in order

    def document(self, entry: DocBinEntry, number: int) -> Document | LoadError:
        """The document, or a LoadError if it is invalid."""
        self._groups.update(dict.fromkeys(entry.doc.groups))
        try:
            record = _record(entry.data)
            if record and not self._ignore_record and record.state == spans_digest(entry.doc):
                self._count_ignored(entry, SPAN_GROUPS)
                return _document_from_record(record.document, entry.doc.text)
            return self._document_from_spans(entry, record, number)
        except (InputError, msgspec.MsgspecError) as error:
            problem = to_one_line(error).replace("`", "'")
            return LoadError([f"{entry.position}: {problem}"])

    def unknown_groups(self) -> Iterator[UnknownNameError]:
        """Yields an error for each requested span group that no document has."""
        for name in (self._entities, self._triggers):
            if name not in (None, "ents", *self._groups):
                yield UnknownNameError("span group", name, ["ents", *self._groups])

    def _document_from_spans(
        self, entry: DocBinEntry, record: DocBinRecord | None, number: int
    ) -> Document:
        self._count_ignored(entry, [name for name in (self._entities, self._triggers) if name])
        fields = entry.data
        meta = None
        if record:
            fields = record.document
            meta = fields.get("meta")
            annotation_count = 0
            for layer in ("entities", "events", "attributions", "relations", "zones", "unplaced"):
                annotations = fields.get(layer)
                if isinstance(annotations, list):
                    annotation_count += len(annotations)
            self._conversion.add(
                "annotations of evalkit's record, replaced by the spans",
                entry.position,
                max(annotation_count, 1),
            )
        id = fields.get("id")
        if not isinstance(id, str) or not id:
            id = f"doc-{number}"
        return Document(
            id, entry.doc.text, self._read_entities(entry), self._read_events(entry), meta=meta
        )

    def _read_entities(self, entry: DocBinEntry) -> tuple[Entity, ...] | None:
        doc = entry.doc
        if self._entities != "ents":
            if self._entities not in doc.groups:
                return None
            return tuple(_entity(span) for span in self._spans_of_group(entry, self._entities))
        if doc.entities is None:
            return None
        if doc.missing_count:
            self._conversion.add(
                "tokens whose entities are missing, read as outside",
                entry.position,
                doc.missing_count,
            )
        return tuple(_entity(span) for span in doc.entities)

    def _read_events(self, entry: DocBinEntry) -> tuple[Event, ...] | None:
        if self._triggers is None or self._triggers not in entry.doc.groups:
            return None
        events = []
        for span in self._spans_of_group(entry, self._triggers):
            events.append(Event(span.label, Span(span.start_char, span.end_char)))
        return tuple(events)

    def _spans_of_group(self, entry: DocBinEntry, name: str) -> list[DocBinSpan]:
        group = entry.doc.groups[name]
        spans = [span for span in group if span.start < span.end]
        if len(spans) < len(group):
            self._conversion.add("spans of no tokens", entry.position, len(group) - len(spans))
        return spans

    def _count_ignored(self, entry: DocBinEntry, read_groups: Sequence[str]) -> None:
        """Counts span groups and user data that are not read."""
        for name, group in entry.doc.groups.items():
            if name not in read_groups and len(group):
                self._conversion.add(
                    f"spans of the group {quoted_repr(name)}", entry.position, len(group)
                )
        other_data = entry.data.keys() - {RECORD, "id"}
        if other_data:
            self._conversion.add("items of user data", entry.position, len(other_data))


def _entity(span: DocBinSpan) -> Entity:
    attributes: dict[str, Any] = {}
    for name in ("kb_id", "ent_id"):
        value = getattr(span, name)
        if value:
            attributes[name] = value
    return Entity(span.label, span.start_char, span.end_char, attributes=attributes or None)


class DocBinRecord(msgspec.Struct):
    """evalkit's record in the user data: a document without its text, and the digest of the text
    and spans that were written with it.
    """

    state: str
    document: dict[str, Any]


def _record(data: dict[Any, Any]) -> DocBinRecord | None:
    if RECORD not in data:
        return None
    try:
        return msgspec.json.decode(msgspec.convert(data[RECORD], str), type=DocBinRecord)
    except (msgspec.MsgspecError, RecursionError):
        raise InputError(
            f"user_data[{RECORD!r}]: {quoted_repr(data[RECORD])} is not a record of evalkit; delete"
            " the key"
        ) from None


def _document_from_record(record: dict[str, Any], text: str) -> Document:
    try:
        return jsonl.document_of(msgspec.convert({**record, "text": text}, jsonl.DocumentLine))
    except (DocumentError, msgspec.ValidationError) as error:
        raise InputError(
            f"user_data[{RECORD!r}]: {error}; {spell_option('entities', 'ents', of='format')} reads"
            " the spans alone"
        ) from None


def spans_digest(doc: DocBinText) -> str:
    """A digest of the text and the spans that evalkit writes."""
    ents = None
    if doc.entities is not None:
        ents = [(span.start_char, span.end_char, span.label) for span in doc.entities]
    groups: dict[str, list[tuple[int, int, str]]] = {}
    for name in SPAN_GROUPS:
        if name in doc.groups:
            groups[name] = []
            for span in doc.groups[name]:
                groups[name].append((span.start_char, span.end_char, span.label))
    content = json.dumps([doc.text, ents, groups], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def write(
    documents: Iterable[Document],
    path: Path,
    conversion: ConversionReport,
    *,
    lang: str | None = None,
    alignment_mode: str = "split",
    align_with: Any = None,
) -> None:
    """Writes the documents to a DocBin file.

    The module docstring describes the options and what spaCy cannot represent. `align_with` is a
    corpus, documents, or the path of a corpus. Raises UnknownNameError for an unknown alignment
    mode, and InputError for a language without a tokenizer or a document whose text differs in
    `align_with`.
    """
    writer = DocBinWriter(conversion, lang, alignment_mode, iter_documents(align_with))
    for document in documents:
        writer.add(document)
    write_atomically(path, writer.to_bytes())


class DocBinWriter:
    """Converts documents to spaCy documents, and packs them."""

    def __init__(
        self,
        conversion: ConversionReport,
        lang: str | None,
        alignment_mode: str,
        align_with: Iterable[Document],
    ) -> None:
        """Raises UnknownNameError or InputError for an invalid option, MissingDependencyError if
        spaCy is not installed.
        """
        if alignment_mode not in ALIGNMENT_MODES:
            raise UnknownNameError("alignment mode", alignment_mode, ALIGNMENT_MODES)
        self._conversion = conversion
        self._alignment_mode = alignment_mode
        # A word is added to a vocabulary once, which takes most of the time of making a document.
        self._vocab = multi_language_vocabulary()
        self._packer = DocBinPacker(self._vocab)
        if lang is not None:
            tokenizer(lang)  # raises InputError for an unknown language
        self._lang = lang
        self._align_with = {document.id: document for document in align_with}

    def to_bytes(self) -> bytes:
        """The bytes of the file."""
        return self._packer.to_bytes()

    def add(self, document: Document) -> None:
        """Adds a document, with evalkit's record in its user data."""
        from spacy.tokens import Doc

        ranges: list[Range] = []
        if self._alignment_mode == "split":
            ranges = [*_contiguous_ranges(document), *self._ranges_to_align_with(document)]
        language = (document.meta or {}).get("language")
        edges = token_edges(document.text, self._lang, language)
        words, spaces = words_and_spaces(document.text, edges, ranges)
        doc = Doc(self._vocab, words=words, spaces=spaces)
        self._add_entities(doc, document)
        self._add_triggers(doc, document)
        fields = jsonl.to_json_dict(document)
        del fields["text"]
        record = DocBinRecord(spans_digest(convert_doc(doc, document.text)), fields)
        doc.user_data = {"id": document.id, RECORD: msgspec.json.encode(record).decode()}
        self._packer.add(doc, words)

    def _add_entities(self, doc: Any, document: Document) -> None:
        from spacy.util import filter_spans

        if document.entities is None:
            return
        spans = []
        positions = []
        for index, entity in enumerate(document.entities):
            position = f"document {quoted_repr(document.id)}, entities[{index}]"
            span = self._span(doc, entity, entity.label, position, "entities")
            if span is not None:
                spans.append(span)
                positions.append(position)
        doc.spans["entities"] = spans
        doc.ents = flat_spans = filter_spans(spans)
        flat_ids = {id(span) for span in flat_spans}
        for span, position in zip(spans, positions):
            if id(span) not in flat_ids:
                self._conversion.add("entities that overlap another, in doc.ents", position)

    def _add_triggers(self, doc: Any, document: Document) -> None:
        if document.events is None:
            return
        spans = []
        for index, event in enumerate(document.events):
            position = f"document {quoted_repr(document.id)}, events[{index}]"
            if event.trigger is None:
                self._conversion.add("events without a trigger, in doc.spans", position)
                continue
            span = self._span(doc, event.trigger, event.label, position, "triggers")
            if span is not None:
                spans.append(span)
        doc.spans["triggers"] = spans

    def _span(
        self, doc: Any, annotation: Entity | Span, label: str, position: str, what: str
    ) -> Any:
        """The spaCy span of an annotation; None, and counted as dropped, if spaCy cannot represent
        it.
        """
        if annotation.fragments:
            self._conversion.add(f"discontinuous {what}, in doc.ents and doc.spans", position)
            return None
        mode = "strict" if self._alignment_mode == "split" else self._alignment_mode
        attributes = getattr(annotation, "attributes", None) or {}
        ids = {}
        for parameter, name in (("kb_id", "kb_id"), ("span_id", "ent_id")):
            if isinstance(attributes.get(name), str):
                ids[parameter] = attributes[name]
        span = doc.char_span(annotation.start, annotation.end, label, alignment_mode=mode, **ids)
        if span is None:
            self._conversion.add(
                f"{what} that do not align to spaCy's tokens, in doc.ents and doc.spans", position
            )
        elif (span.start_char, span.end_char) != (annotation.start, annotation.end):
            self._conversion.add(
                f"own offsets of {what} that do not align to spaCy's tokens, in doc.ents and"
                " doc.spans",
                position,
            )
        return span

    def _ranges_to_align_with(self, document: Document) -> list[Range]:
        """The annotated ranges of the same document in the `align_with` corpus."""
        other = self._align_with.get(document.id)
        if other is None:
            return []
        if other.text != document.text:
            raise InputError(
                f"document {quoted_repr(document.id)}: its text differs from the one in align_with;"
                " expected the same documents with other annotations"
            )
        return _contiguous_ranges(other)


def _contiguous_ranges(document: Document) -> list[Range]:
    """The ranges of all entities and triggers that are not discontinuous."""
    spans: list[Any] = list(document.entities or ())
    spans += [event.trigger for event in document.events or () if event.trigger is not None]
    return [(span.start, span.end) for span in spans if not span.fragments]
