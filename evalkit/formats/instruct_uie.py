"""InstructUIE: data sets of entities as JSON, and files of predictions as JSONL.

    [{"sentence", "entities": [{"name", "type", "pos": [start, end]}]}]
    {"Task": "NER", "Dataset", "Instance": {"id", "sentence", "label"}, "Prediction"}

The first is a data set of IE INSTRUCTIONS; offsets count code points, the end exclusive. The second
is a line of predict_eval_predictions.jsonl: `label` is gold and `Prediction` the output of the
model, both as "person: Ada; location: Oslo". (Source: BeyonderXX/InstructUIE: uie_dataset at
01d3fa3, run_uie at 06235cd, evaluator at 014bd64.) Each may be a list or have an object on each
line.

**Answers** have one of these forms; "None", "[]" and an empty answer mean that there are none:

    person: Ada; location: Oslo
    person: Ada, location: Oslo     a comma separates only before a label with a colon
    (Ada, person), (Oslo, location)

A part of another form is an unplaced item with the label "unknown" and without a text, which is
never correct; InstructUIE's scorer discards it. Gold is `Instance.entities` where it is given (a
list, or one as a JSON or Python literal), else `ground_truth`, else `label`.

A string without `pos`, or with one at which the text is another (counted), has no offsets: it is an
unplaced item, which the layer `surfaces` compares, or is searched in the text (`ground`).

**Reading options**

- `annotation_source`: gold, or predicted: read `Prediction`.
- `ground`; `texts`: a corpus with the documents, whose ids they get: they are found by their ids,
  their place or their texts.

The id is `id`, preceded by the data set if it is named, as in "conll2003-0"; else "doc-N", where N
is the number of the record. Without `entities`, entities were not annotated. Records of other tasks
than NER are skipped and counted. Dropped: entities of the type NA or "", relations, events,
instructions and other keys.

**Writing** has the first form, with the `id` of each document. Dropped: discontinuous entities,
entities with the label NA, ids, scores, attributes, relations, events, attributions, zones, meta,
failed documents.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Document, Unplaced
from evalkit.errors import LoadError, UnknownNameError, quoted_repr, spell_option
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.json_lists import iter_list_or_lines
from evalkit.formats.json_records import convert_record
from evalkit.formats.quoted_records import QuotedEntity, QuotedRecord, Records, build_documents
from evalkit.formats.quoted_writing import iter_written
from evalkit.formats.registry import DocumentResults
from evalkit.formats.token_records import write_list

HELD = {"entities"}
EXPECTED = 'expected objects with "sentence" and "entities", or with "Instance" and "Prediction"'
SOURCES = ("gold", "predicted")
TASK = "NER"
NO_TYPE = ("NA", "")
EMPTY_ANSWERS = ("", "none", "[]")
# A comma before a label and its colon
LABEL_AHEAD = re.compile(r",(?=[^,:]+:)")
BETWEEN_PAIRS = re.compile(r"\)\s*[,;]\s*\(")
UNKNOWN = "unknown"  # label of a part of an answer that has none
MALFORMED = "the answer is not of the form 'label: text; label: text'"
MALFORMED_PARTS = "parts of answers that are not of the form 'label: text' (unplaced)"
OTHER_OFFSETS = "offsets at which the text is not the name, read as entities without offsets"


class UieEntity(msgspec.Struct):
    """An entity of a data set."""

    name: str
    type: str
    pos: list[Any] | None = None


class UieInstance(msgspec.Struct):
    """The instance of a prediction: the keys that are read."""

    sentence: str | None = None
    id: str | int | None = None
    entities: list[UieEntity] | str | None = None
    label: str | None = None
    ground_truth: str | None = None


class UieRecord(msgspec.Struct):
    """A record of either form: the keys that are read."""

    id: str | int | None = None
    sentence: str | None = None
    entities: list[UieEntity] | None = None
    task: str | None = msgspec.field(default=None, name="Task")
    dataset: str | None = msgspec.field(default=None, name="Dataset")
    instance: UieInstance | None = msgspec.field(default=None, name="Instance")
    prediction: str | None = msgspec.field(default=None, name="Prediction")


class _RecordError(ValueError):
    """A record of another form; the message says where and what."""


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    annotation_source: str = "gold",
    ground: bool | str = False,
    texts: str | Path | None = None,
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each document.

    Raises UnknownNameError for an unknown value of `annotation_source`.
    """
    if annotation_source not in SOURCES:
        raise UnknownNameError("annotation_source", annotation_source, SOURCES)
    records = _iter_quoted(path, conversion, is_predicted=annotation_source == "predicted")
    return build_documents(records, conversion, "instruct-uie", texts, ground=ground)


def _iter_quoted(path: Path, conversion: ConversionReport, *, is_predicted: bool) -> Records:
    """Yields the unchecked document of each record of the task NER."""
    for position, raw in iter_list_or_lines(path, EXPECTED):
        if isinstance(raw, LoadError):
            yield position, raw
            continue
        if raw.get("Task", TASK) not in (TASK, None):
            conversion.skipped.add(f"records of other tasks than {TASK}", position)
            continue
        record = convert_record(raw, UieRecord, position, conversion)
        if isinstance(record, LoadError):
            yield position, record
            continue
        reader = _RecordReader(position, conversion)
        try:
            yield position, reader.to_quoted(record, is_predicted=is_predicted)
        except _RecordError as error:
            yield position, LoadError([f"{position}: {error}"])


class _RecordReader:
    """Reads one record."""

    def __init__(self, position: str, conversion: ConversionReport) -> None:
        self._position, self._conversion = position, conversion
        self._unplaced: list[Unplaced] = []

    def to_quoted(self, record: UieRecord, *, is_predicted: bool) -> QuotedRecord:
        """The unchecked document of a record. Raises _RecordError."""
        instance = record.instance
        if instance is None:
            instance = UieInstance(record.sentence, record.id, record.entities)
        if is_predicted:
            if record.prediction is None:
                option = spell_option("annotation_source", "gold", of="format")
                raise _RecordError(f"no 'Prediction': gold is read with {option}")
            entities: list[QuotedEntity] | None = list(self._iter_answer(record.prediction))
        else:
            if record.prediction is not None:
                name = "predictions (?annotation_source=predicted reads them)"
                self._conversion.add(name, self._position)
            entities = self._gold_of(instance)
        id = None if instance.id in (None, "") else str(instance.id)
        if id is not None and record.dataset:
            id = f"{record.dataset}-{id}"
        return QuotedRecord(id, instance.sentence, entities, tuple(self._unplaced))

    def _gold_of(self, instance: UieInstance) -> list[QuotedEntity] | None:
        """The entities of gold; None if they were not annotated. Raises _RecordError."""
        entities = instance.entities
        if isinstance(entities, str):
            entities = _parse_entities(entities)
        if entities is not None:
            return [
                self._to_entity(entity, instance.sentence or "")
                for entity in entities
                if self._has_type(entity.type)
            ]
        answer = instance.label if instance.ground_truth is None else instance.ground_truth
        return None if answer is None else list(self._iter_answer(answer))

    def _has_type(self, type: str) -> bool:
        if type in NO_TYPE:
            self._conversion.add("entities of the type NA or ''", self._position)
        return type not in NO_TYPE

    def _to_entity(self, entity: UieEntity, sentence: str) -> QuotedEntity:
        """An entity with offsets if its name is at them."""
        if not entity.pos:
            return QuotedEntity(entity.type, entity.name)
        is_range = len(entity.pos) == 2 and all(type(offset) is int for offset in entity.pos)
        if is_range and 0 <= entity.pos[0] < entity.pos[1]:
            start, end = entity.pos
            if sentence[start:end] == entity.name:
                return QuotedEntity(entity.type, entity.name, start, end)
        self._conversion.repaired.add(OTHER_OFFSETS, self._position)
        return QuotedEntity(entity.type, entity.name)

    def _iter_answer(self, answer: str) -> Iterator[QuotedEntity]:
        """Yields the entities of an answer; parts of another form become unplaced items."""
        for label, text in iter_pairs(answer):
            if not label or not text:
                self._unplaced.append(Unplaced("entities", UNKNOWN, MALFORMED))
                self._conversion.skipped.add(MALFORMED_PARTS, self._position)
            elif self._has_type(label):
                yield QuotedEntity(label, text)


def iter_pairs(answer: str) -> Iterator[tuple[str, str]]:
    """Yields the label and text of each part of an answer; "" for one that is missing.

    >>> list(iter_pairs("person: Ada, location: Oslo, Norway"))
    [('person', 'Ada'), ('location', 'Oslo, Norway')]
    """
    answer = answer.strip()
    if answer.lower() in EMPTY_ANSWERS:
        return
    if answer.startswith("(") and answer.endswith(")"):
        for pair in BETWEEN_PAIRS.split(answer[1:-1]):
            text, _, label = pair.rpartition(",")
            yield label.strip(), text.strip()
        return
    parts = answer.split(";") if ";" in answer else LABEL_AHEAD.split(answer)
    for part in parts:
        if part.strip():
            label, _, text = part.partition(":")
            yield label.strip(), text.strip()


def _parse_entities(literal: str) -> list[UieEntity]:
    """The entities in a string, which is JSON or a Python literal. Raises _RecordError."""
    try:
        return msgspec.json.decode(literal, type=list[UieEntity])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass  # not JSON
    try:
        return msgspec.convert(ast.literal_eval(literal), list[UieEntity])
    except (msgspec.ValidationError, ValueError, SyntaxError, RecursionError, MemoryError):
        raise _RecordError(
            "Instance.entities: expected a list of objects with 'name' and 'type', got"
            f" {quoted_repr(literal)}"
        ) from None


def write(documents: Iterable[Document], path: Path, conversion: ConversionReport) -> None:
    """Writes a list with a document on each line. The module docstring says what is dropped."""
    write_list(
        (
            _record_of(document, quotes, conversion)
            for document, quotes in iter_written(documents, conversion, HELD)
        ),
        path,
    )


def _record_of(
    document: Document, quotes: list[tuple[str, str]], conversion: ConversionReport
) -> dict[str, Any]:
    record: dict[str, Any] = {"id": document.id, "sentence": document.text}
    if document.entities is None and not quotes:
        return record
    entities: list[dict[str, Any]] = []
    for entity in document.entities or ():
        name = document.text[entity.start : entity.end]
        entities.append({"name": name, "type": entity.label, "pos": [entity.start, entity.end]})
    entities += [{"name": text, "type": label, "pos": []} for label, text in quotes]
    record["entities"] = [entity for entity in entities if entity["type"] not in NO_TYPE]
    if len(record["entities"]) < len(entities):
        where = f"document {quoted_repr(document.id)}"
        without_type = len(entities) - len(record["entities"])
        conversion.add("entities with the label NA", where, without_type)
    return record
