"""Label Studio tasks for adjudication: the annotations of several annotators, and one to complete.

A task has an annotation by each annotator, whose regions have the annotator's name as a note, and
then one with what is settled. It is completed in Label Studio, or another one is, and marked as
ground truth; that of a task in which nothing is left to decide is marked already. Label Studio
assigns annotations to its own users, so that the names cannot stand under completed_by; the data
has them under evalkit_annotators, and the number of tasks under evalkit_tasks.

Label Studio saves what people change: relations and new regions have no note, and regions that were
pasted from another annotation have its note. So an annotator's annotation is the one with the most
regions that have the annotator's name, and with fewer that have the name of each other one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from evalkit.data.document import Document, Relation
from evalkit.errors import InputError, LoadError, quoted_repr
from evalkit.files import replace_file
from evalkit.formats import tool_exports
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.json_lists import iter_list
from evalkit.formats.labelstudio import BIDIRECTIONAL, HELD, encode_annotation, encode_data
from evalkit.formats.labelstudio_tasks import LIST, TaskReader, TaskSelection
from evalkit.formats.offsets import OffsetConvention

ANNOTATORS = "evalkit_annotators"  # the key of the data with the annotators' names
TASKS = "evalkit_tasks"  # the key of the data with the number of tasks that were written
MISSING_TASKS = "tasks that were written for adjudication, and are not in the export"


class AdjudicationTask(NamedTuple):
    """A document as its annotators have it, with what is settled.

    settled: None if it is not known. is_complete: whether nothing is left to decide.
    """

    versions: Mapping[str, Document]
    settled: Document | None
    is_complete: bool


def select_held(documents: Iterable[Document], conversion: ConversionReport) -> list[Document]:
    """The documents as Label Studio can hold them; what it cannot hold is counted."""
    selected = []
    for document in tool_exports.supported_documents(documents, conversion, HELD, unannotated=True):
        entities = None
        if document.entities is not None:
            entities = tuple(
                replace(entity, attributes=None, alternatives=(), optional=False)
                for entity in document.entities
            )
        relations = None
        if document.relations is not None and entities is not None:
            relations = tuple(map(_select_direction, document.relations))
        selected.append(replace(document, entities=entities, relations=relations))
    return selected


def _select_direction(relation: Relation) -> Relation:
    if relation.attributes in (None, BIDIRECTIONAL):
        return relation
    return replace(relation, attributes=None)


def write_tasks(
    tasks: Sequence[AdjudicationTask], path: Path, conversion: ConversionReport
) -> None:
    """Writes a JSON list of tasks, whose documents are those of `select_held`."""
    with replace_file(path) as file:
        separator = b"[\n"
        for number, task in enumerate(tasks, 1):
            encoded = _encode_task(task, number, conversion)
            encoded["data"][TASKS] = len(tasks)
            file.write(separator)
            file.write(msgspec.json.encode(encoded))
            separator = b",\n"
        file.write(b"[]\n" if separator == b"[\n" else b"\n]\n")


def _encode_task(
    task: AdjudicationTask, number: int, conversion: ConversionReport
) -> dict[str, Any]:
    if task.settled is None:
        raise ValueError("settled: expected a document in a task that is written")
    annotated = {name: own for name, own in task.versions.items() if own.entities is not None}
    if task.settled.entities is None:
        data = encode_data(task.settled, conversion) | {ANNOTATORS: []}
        return {"id": number, "data": data, "annotations": []}
    annotations = []
    for name, document in annotated.items():
        annotation = encode_annotation(document, "annotations", conversion)
        for region in annotation["result"]:
            region["meta"] = {"text": [name]}
        annotations.append(annotation)
    settled = encode_annotation(task.settled, "annotations", conversion)
    annotations.append(settled | {"ground_truth": task.is_complete})
    data = encode_data(task.settled, conversion) | {ANNOTATORS: list(annotated)}
    return {"id": number, "data": data, "annotations": annotations}


def read_tasks(path: Path, conversion: ConversionReport) -> Iterator[AdjudicationTask]:
    """Yields each task. `settled` is its annotation that is marked as ground truth; None if there
    is none. Tasks that were written and are missing are counted. Raises LoadError for an invalid
    task, for one with several marked annotations, and for one without an annotation of each
    annotator where none is marked.
    """
    errors: list[str] = []
    count = written = 0
    for count, (position, raw) in enumerate(iter_list(path, LIST), 1):
        try:
            if isinstance(raw, LoadError):
                raise raw
            task = _TaskVersions(raw, position, f"doc-{count}", conversion)
            written = max(written, task.written)
            found = task.read()
        except LoadError as error:
            errors += error.errors
        except InputError as error:
            errors.append(f"{position}: {error}")
        else:
            yield found
    if count < written:
        conversion.skipped.add(MISSING_TASKS, str(path), written - count)
    if errors:
        raise LoadError(errors)


class _TaskVersions:
    """Reads the versions of one task."""

    def __init__(
        self, raw: dict[str, Any], position: str, default_id: str, conversion: ConversionReport
    ) -> None:
        data = raw.get("data")
        if not isinstance(data, dict) or not _are_names(data.get(ANNOTATORS)):
            raise InputError(
                f"no {ANNOTATORS} in the data; expected the JSON export of a task that evalkit"
                " adjudicate wrote"
            )
        self._names: list[str] = data[ANNOTATORS]
        number = data.get(TASKS)
        self.written = number if isinstance(number, int) else 0
        plain = {key: value for key, value in data.items() if key not in (ANNOTATORS, TASKS)}
        self._raw = {**raw, "data": plain}
        self._raw.pop("predictions", None)
        self._position = position
        self._default_id = default_id
        self._conversion = conversion

    def read(self) -> AdjudicationTask:
        annotations = self._raw.get("annotations")
        if not isinstance(annotations, list) or not all(isinstance(a, dict) for a in annotations):
            raise InputError("no annotations; expected the JSON export, not JSON-MIN")
        valid = [each for each in annotations if not each.get("was_cancelled")]
        marked = [each for each in valid if each.get("ground_truth")]
        if len(marked) > 1:
            raise InputError(
                f"{len(marked)} annotations are marked as ground truth; mark one of them"
            )
        settled = None
        if marked or not self._names:
            settled = self._build(marked, self._conversion)
        versions = {}
        missing = []
        for name in self._names:
            own = self._find_annotation(name, valid)
            if own is not None:
                versions[name] = self._build([own], ConversionReport())
            elif settled is not None:
                versions[name] = settled
            else:
                missing.append(quoted_repr(name))
        if missing:
            raise InputError(
                f"no annotation of {', '.join(missing)}, and none that is marked as ground truth:"
                " mark the one that gold is to have"
            )
        return AdjudicationTask(versions, settled, settled is not None)

    def _find_annotation(
        self, name: str, annotations: Sequence[dict[str, Any]]
    ) -> dict[str, Any] | None:
        """The annotation of an annotator, which may have no regions; None if it is not there.

        Of several in which no other annotator has as many regions, it is the one with the most.
        """
        best, most = None, (0, 0.0)
        is_noted = False
        without_regions = None
        for annotation in annotations:
            if annotation.get("ground_truth"):
                continue
            notes = _list_notes(annotation)
            counts = {each: notes.count(each) for each in self._names}
            own = counts.pop(name)
            is_noted = is_noted or own > 0
            if own > max(counts.values(), default=0) and (own, own / len(notes)) > most:
                best, most = annotation, (own, own / len(notes))
            if not annotation.get("result") and without_regions is None:
                without_regions = annotation
        return best if is_noted else without_regions

    def _build(
        self, annotations: Sequence[dict[str, Any]], conversion: ConversionReport
    ) -> Document:
        """The document of an annotation; without one, of a task that nobody annotated."""
        reader = TaskReader(self._position, conversion, TaskSelection())
        task = {**self._raw, "annotations": [self._remove_names(each) for each in annotations]}
        draft = reader.draft(task, self._default_id, set())
        if isinstance(draft, LoadError):
            raise draft
        if draft is None:
            raise InputError("expected the JSON export, not JSON-MIN")
        document = tool_exports.build_document(self._position, draft, OffsetConvention())
        if isinstance(document, LoadError):
            raise document
        return document

    def _remove_names(self, annotation: dict[str, Any]) -> dict[str, Any]:
        """The annotation without notes that name an annotator."""
        result = annotation.get("result")
        if not isinstance(result, list):
            return annotation
        plain = []
        for item in result:
            is_named = isinstance(item, dict) and _note_of(item) in self._names
            plain.append({k: v for k, v in item.items() if k != "meta"} if is_named else item)
        return {**annotation, "result": plain}


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _list_notes(annotation: dict[str, Any]) -> list[str | None]:
    """The note of each region of an annotation."""
    result = annotation.get("result")
    notes = []
    for item in result if isinstance(result, list) else ():
        if isinstance(item, dict) and item.get("type") != "relation":
            notes.append(_note_of(item))
    return notes


def _note_of(item: dict[str, Any]) -> str | None:
    meta = item.get("meta")
    notes = meta.get("text") if isinstance(meta, dict) else None
    if isinstance(notes, list) and len(notes) == 1 and isinstance(notes[0], str):
        return str(notes[0])
    return None
