"""spaCy's DocBin files (.spacy): for training, for spaCy's own Scorer, and back.

**Writing.** Tokens are those of spaCy's tokenizer, split where an annotation begins or ends, so
that any span of any text aligns; doc.text equals the text to the character. spaCy sees:

    doc.ents               entities that overlap none: of those that do the one of most tokens
                           stays, of equally long ones the first
    doc.spans["entities"]  all entities but discontinuous ones
    doc.spans["triggers"]  the triggers of events, labeled with the event type
    kb_id_, ent_id_        an entity's attributes kb_id and ent_id
    doc.user_data["id"]    the id of the document

Entities that were not annotated are missing values in spaCy too, which differs from none. What
spaCy has no place for (arguments, attributions, discontinuous spans, zones, scores, ids, meta,
failures) is JSON in doc.user_data["evalkit"], so that evalkit reads back all that it wrote.
Entities and triggers that spaCy does not see, or sees elsewhere, are counted as dropped.

**Writing options**

- `alignment_mode`: split splits tokens as above; strict keeps spaCy's tokens and leaves what does
not align
  out of ents and spans; expand and contract keep them too, and move what does not align outwards or
  inwards to the edges of tokens.
- `lang`: whose tokenizer. Default: the document's meta["language"] if spaCy has it, else xx (all
  languages).
- `align_with`: another corpus of the same documents, such as gold, at whose annotations tokens are
  split too. Both then have the same tokens, and spaCy's Scorer, which leaves out what does not
  align to gold's, counts all that evalkit counts.

**Reading** needs no pipeline. If doc.user_data["evalkit"] exists, and text and spans are those that
were written with it, it is the document. If they are not (a pipeline has set doc.ents since), the
spans count, and the rest of the record but id and meta is dropped. Without a record, entities are
doc.ents, None where they are missing; events and attributions are None; ids are user_data["id"],
else doc-1, doc-2 and so on.

**Reading options**

- `entities`: ents, or the name of a span group that holds the entities, whatever the record says.
- `triggers`: the name of a span group that holds event triggers; the events then have no arguments.

A document without the group was not annotated. Messages call the Nth document of a file FILE:N. A
file that unpacks to more than 64 MB and a hundred times its size is refused before it does.
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
)
from evalkit.files import write_atomically
from evalkit.formats import jsonl
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.docbin_file import (
    DocBinEntry,
    docs,
    token_edges,
    tokenizer,
    vocabulary,
    words_and_spaces,
)
from evalkit.formats.registry import DocumentResults, iter_documents

ALIGNMENT_MODES = ("split", "strict", "expand", "contract")
RECORD = "evalkit"  # the key of what evalkit alone reads
SPAN_GROUPS = ("entities", "triggers")  # span groups


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    entities: str | None = None,
    triggers: str | None = None,
) -> DocumentResults:
    """Each document, or a LoadError, with FILE:N.

    See the options above. Raises LoadError for a file that is no DocBin.
    """
    reader = Reader(conversion, entities, triggers)
    count = 0
    for count, result in enumerate(docs(path, conversion), 1):
        yield (
            f"{path}:{count}",
            result if isinstance(result, LoadError) else reader.document(result, count),
        )
    if count:
        yield from ((str(path), LoadError([f"{path}: {error}"])) for error in reader.unknown())


class Reader:
    """Makes documents of spaCy's."""

    def __init__(
        self, conversion: ConversionReport, entities: str | None, triggers: str | None
    ) -> None:
        self._conversion, self._entities, self._triggers = conversion, entities or "ents", triggers
        self._asked = entities is not None or triggers is not None
        self._groups: dict[str, None] = {}  # that some document has

    def document(self, result: DocBinEntry, number: int) -> Document | LoadError:
        """The document, or what is wrong with it."""
        self._groups.update(dict.fromkeys(result.doc.spans))
        try:
            record = _record(result.data)
            if record and not self._asked and record.state == spans_digest(result.doc):
                self._count(result, SPAN_GROUPS)
                return _document_from_record(record.document, result.doc.text)
            return self._document_from_spans(result, record, number)
        except (InputError, msgspec.MsgspecError) as error:
            return LoadError(
                [f"{result.position}: {' '.join(str(error).replace('`', chr(39)).split())}"]
            )

    def unknown(self) -> Iterator[UnknownNameError]:
        """The span groups that were asked for and that no document has."""
        for name in (self._entities, self._triggers):
            if name not in (None, "ents", *self._groups):
                yield UnknownNameError("span group", name, ["ents", *self._groups])

    def _document_from_spans(
        self, result: DocBinEntry, record: Record | None, number: int
    ) -> Document:
        self._count(result, [name for name in (self._entities, self._triggers) if name])
        if record:
            layers = (
                record.document.get(name)
                for name in ("entities", "events", "attributions", "zones", "unplaced")
            )
            annotations = sum(len(layer) for layer in layers if isinstance(layer, list))
            self._conversion.add(
                "annotations of evalkit's record, for which the spans stand",
                result.position,
                max(annotations, 1),
            )
        own = record.document if record else result.data
        id = own.get("id") if isinstance(own.get("id"), str) else None
        return Document(
            id or f"doc-{number}",
            result.doc.text,
            self._read_entities(result),
            self._read_events(result),
            meta=record.document.get("meta") if record else None,
        )

    def _read_entities(self, result: DocBinEntry) -> tuple[Entity, ...] | None:
        doc, name = result.doc, self._entities
        if name != "ents":
            return (
                tuple(_entity(span) for span in self._spans_of_group(result, name))
                if name in doc.spans
                else None
            )
        if len(doc) and not doc.has_annotation("ENT_IOB"):
            return None
        if missing := sum(token.ent_iob == 0 for token in doc):
            self._conversion.add(
                "tokens whose entities are missing, read as outside", result.position, missing
            )
        return tuple(_entity(span) for span in doc.ents)

    def _read_events(self, result: DocBinEntry) -> tuple[Event, ...] | None:
        if self._triggers is None or self._triggers not in result.doc.spans:
            return None
        return tuple(
            Event(_string(span, "label"), Span(span.start_char, span.end_char))
            for span in self._spans_of_group(result, self._triggers)
        )

    def _spans_of_group(self, result: DocBinEntry, name: str) -> list[Any]:
        spans = [span for span in result.doc.spans[name] if span.start < span.end]
        if empty := len(result.doc.spans[name]) - len(spans):
            self._conversion.add("spans of no tokens", result.position, empty)
        return spans

    def _count(self, result: DocBinEntry, read: Sequence[str]) -> None:
        """What no document can hold, or was not asked for."""
        for name, group in result.doc.spans.items():
            if name not in read and len(group):
                self._conversion.add(
                    f"spans of the group {quoted_repr(name)}", result.position, len(group)
                )
        if further := len(result.data.keys() - {RECORD, "id"}):
            self._conversion.add("items of user data", result.position, further)


def _entity(span: Any) -> Entity:
    attributes: dict[str, Any] = {
        name: text
        for name, text in (("kb_id", _string(span, "kb_id")), ("ent_id", _string(span, "id")))
        if text
    }
    label = _string(span, "label")
    return Entity(label, span.start_char, span.end_char, attributes=attributes or None)


def _string(span: Any, name: str) -> str:
    """What a number of spaCy's stands for; nothing where the file does not say."""
    number, strings = getattr(span, name), span.doc.vocab.strings
    return str(strings[number]) if number in strings else ""


class Record(msgspec.Struct):
    """What evalkit alone reads: a document without its text, and the state of the text and spans
    that were written with it.
    """

    state: str
    document: dict[str, Any]


def _record(data: dict[Any, Any]) -> Record | None:
    if RECORD not in data:
        return None
    try:
        return msgspec.json.decode(msgspec.convert(data[RECORD], str), type=Record)
    except (msgspec.MsgspecError, RecursionError):
        raise InputError(
            f"user_data[{RECORD!r}]: {quoted_repr(data[RECORD])} is none of evalkit's records;"
            " delete it"
        ) from None


def _document_from_record(record: dict[str, Any], text: str) -> Document:
    try:
        return jsonl.document_of(msgspec.convert({**record, "text": text}, jsonl.DocumentLine))
    except (DocumentError, msgspec.ValidationError) as error:
        raise InputError(
            f"user_data[{RECORD!r}]: {error}; {spell_option('entities', 'ents', of='format')} reads"
            " the spans alone"
        ) from None


def spans_digest(doc: Any) -> str:
    """A digest of the text and the spans that evalkit writes."""
    ents = (
        [(span.start_char, span.end_char, span.label_) for span in doc.ents]
        if doc.has_annotation("ENT_IOB")
        else None
    )
    groups = {
        name: [(span.start_char, span.end_char, _string(span, "label")) for span in doc.spans[name]]
        for name in SPAN_GROUPS
        if name in doc.spans
    }
    return hashlib.sha256(json.dumps([doc.text, ents, groups], sort_keys=True).encode()).hexdigest()


def write(
    documents: Iterable[Document],
    path: Path,
    conversion: ConversionReport,
    *,
    lang: str | None = None,
    alignment_mode: str = "split",
    align_with: Any = None,
) -> None:
    """The documents as spaCy's. See the options above, and what spaCy does not see.

    align_with: a corpus, documents, or the path of a corpus. Raises UnknownNameError for an unknown
    alignment mode, InputError for a language without tokenizer, or for a document that has another
    text in `align_with`.
    """
    writer = Writer(conversion, lang, alignment_mode, iter_documents(align_with))
    from spacy.tokens import DocBin

    packed = DocBin(store_user_data=True)
    for document in documents:
        packed.add(writer.doc(document))
    write_atomically(path, packed.to_bytes())


class Writer:
    """Makes spaCy's documents."""

    def __init__(
        self,
        conversion: ConversionReport,
        lang: str | None,
        alignment_mode: str,
        align_with: Iterable[Document],
    ) -> None:
        """Raises UnknownNameError, InputError or MissingDependencyError where an option cannot be
        used.
        """
        if alignment_mode not in ALIGNMENT_MODES:
            raise UnknownNameError("alignment mode", alignment_mode, ALIGNMENT_MODES)
        self._conversion, self._alignment_mode, self._vocab = (
            conversion,
            alignment_mode,
            vocabulary(),
        )
        if lang is not None:
            tokenizer(lang)
        self._lang = lang
        self._align_with = {document.id: document for document in align_with}

    def doc(self, document: Document) -> Any:
        """A document as spaCy's, with what evalkit alone reads in its user data."""
        from spacy.tokens import Doc

        annotations: list[Range] = []
        if self._alignment_mode == "split":
            annotations = [*_annotations(document), *self._spans_to_align_with(document)]
        words, spaces = words_and_spaces(
            document.text,
            token_edges(document.text, self._lang, (document.meta or {}).get("language")),
            annotations,
        )
        doc = Doc(self._vocab, words=words, spaces=spaces)
        self._add_entities(doc, document)
        if document.events is not None:
            result = [
                self._span(
                    doc,
                    event.trigger,
                    event.label,
                    f"document {quoted_repr(document.id)}, events[{n}]",
                    "triggers",
                )
                for n, event in enumerate(document.events)
            ]
            doc.spans["triggers"] = [span for span in result if span is not None]
        record = {
            name: value for name, value in jsonl.to_json_dict(document).items() if name != "text"
        }
        doc.user_data = {
            "id": document.id,
            RECORD: msgspec.json.encode(Record(spans_digest(doc), record)).decode(),
        }
        return doc

    def _add_entities(self, doc: Any, document: Document) -> None:
        from spacy.util import filter_spans

        if document.entities is None:
            return
        positions = [
            f"document {quoted_repr(document.id)}, entities[{n}]"
            for n in range(len(document.entities))
        ]
        result = [
            self._span(doc, entity, entity.label, position, "entities")
            for entity, position in zip(document.entities, positions)
        ]
        doc.spans["entities"] = [span for span in result if span is not None]
        doc.ents = flat = filter_spans([span for span in result if span is not None])
        kept = {id(span) for span in flat}
        for span, position in zip(result, positions):
            if span is not None and id(span) not in kept:
                self._conversion.add("entities that overlap another, in doc.ents", position)

    def _span(
        self, doc: Any, annotation: Entity | Span, label: str, position: str, what: str
    ) -> Any:
        """An annotation as a span of tokens; None, and a loss, where there is none."""
        if annotation.fragments:
            self._conversion.add(f"discontinuous {what}, in doc.ents and doc.spans", position)
            return None
        mode = "strict" if self._alignment_mode == "split" else self._alignment_mode
        attributes = getattr(annotation, "attributes", None) or {}
        names = {
            to: attributes[of]
            for to, of in (("kb_id", "kb_id"), ("span_id", "ent_id"))
            if isinstance(attributes.get(of), str)
        }
        span = doc.char_span(annotation.start, annotation.end, label, alignment_mode=mode, **names)
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

    def _spans_to_align_with(self, document: Document) -> Iterator[Range]:
        """The spans of the same document in the corpus of `align_with`."""
        other = self._align_with.get(document.id)
        if other is not None and other.text != document.text:
            raise InputError(
                f"document {quoted_repr(document.id)} has another text in the corpus of align_with:"
                " expected the same documents with other annotations"
            )
        return _annotations(other) if other else iter(())


def _annotations(document: Document) -> Iterator[Range]:
    """What is to be a span of tokens."""
    spans: list[Any] = [
        *(document.entities or ()),
        *(event.trigger for event in document.events or ()),
    ]
    yield from ((span.start, span.end) for span in spans if not span.fragments)
