"""Label Studio: a JSON list of tasks, as a full export or as JSON-MIN.

Full export:

    [{"id", "data": {"text"}, "annotations": [{"completed_by", "was_cancelled", "result": [
        {"id", "type": "labels", "from_name", "to_name", "score",
         "value": {"start", "end", "text", "labels": []}},
        {"type": "relation", "from_id", "to_id", "direction", "labels": []}]}], "predictions"}]

JSON-MIN, with one item for each annotation:

    [{"id", "text", "label": [{"start", "end", "text", "labels": []}], "annotator"}]

(Source: labelstud.io/guide/task_format.) Offsets count code points, the end exclusive, and the text
of a region is checked. Old releases counted UTF-16 code units (label-studio#1347): such files are
refused, and the message says how to read them. In the text of a region a line end may be a
backslash and an n, as Label Studio writes it.

**Reading options**

- `text_field`: the key of the data that holds the text, where there are several and none is called
  "text".
- `annotator`: whose annotations are read (completed_by, as a number or an address). Default: each
  task's first annotation.
- `annotation_source`: annotations or predictions; with predictions, `annotator` is their
  model_version.
- `control`: the from_name whose regions are read, if there are several.
- `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`: see "Offsets in other
  units".

The id is `document_id` in the data, else that of the task, else "doc-N". A region with several
labels is an entity for each, of which the first has the id. A task without an annotation was not
annotated (JSON-MIN leaves it out); one whose annotations are all cancelled was skipped by the
annotator, and is left out and counted. The rest of the data is meta; in JSON-MIN these are all
other keys. Dropped: annotations of others, cancelled ones, other results (choices), regions without
a label, predictions, drafts, and how a task was made (times, project). Refused: a task whose
regions are all of another medium than text.

**Relations**: the head is the region from_id and the tail to_id; with the direction "left" it is
the other way round. The direction "bi" is read like "right", and kept as the attribute `direction`.
A relation with several labels is a relation for each; one without a label gets the label
"relation", which is counted as repaired. A relation with a region that is not read is dropped.
Relations count as annotated in all tasks with an annotation if the file has one, else in none.
JSON-MIN has no relations.

**Writing**: full tasks, with from_name="label" and to_name="text". Option `annotation_source`:
predictions writes a model's output as such. Dropped: discontinuous entities, attributes (except for
the `direction` "bi" of relations), events, attributions, relations with something dropped, zones,
failed documents. Layers of relations that are empty, or were annotated in some documents only, are
counted. Everything else comes back: ids, order, scores, meta that holds something.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Document, Entity, Relation
from evalkit.errors import UnknownNameError, quoted_repr
from evalkit.files import replace_file
from evalkit.formats import tool_exports as exported
from evalkit.formats.conversion import ConversionReport, drop_indistinguishable
from evalkit.formats.labelstudio_tasks import (
    ID,
    TaskSelection,
    add_empty_relations,
    drafts,
)
from evalkit.formats.offsets import OffsetConvention, SurfaceCheck
from evalkit.formats.registry import DocumentResults

ANNOTATION_SOURCES = ("annotations", "predictions")
HELD = {
    "entities",
    "entities.id",
    "entities.score",
    "relations",
    "relations.id",
    "relations.score",
    "relations.attributes",  # only the direction: `_relation` counts the others
    "meta",
}
BIDIRECTIONAL = {"direction": "bi"}


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    text_field: str | None = None,
    annotator: str | int | None = None,
    annotation_source: str = "annotations",
    control: str | None = None,
    offset_unit: str = "code-points",
    first_offset: int | str = 0,
    end_offset: str = "exclusive",
    newlines: str = "as-is",
    unicode_form: str = "as-is",
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each task, with the line on which it begins.

    The module docstring describes the options. Raises UnknownNameError for an unknown value of an
    option or an annotator without annotations, and InputError if the file cannot be read.
    """
    selection = TaskSelection(
        text_field,
        None if annotator is None else str(annotator),
        predictions=_check_source(annotation_source) == "predictions",
        control=control,
    )
    return exported.documents(
        add_empty_relations(drafts(path, conversion, selection)),
        OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form),
    )


def list_annotators(path: Path, *, annotation_source: str = "annotations") -> list[str]:
    """Returns the annotators of a file, sorted: addresses, or ids where there are none. Of
    predictions their model_version. Cancelled annotations do not count.
    """
    selection = TaskSelection(predictions=_check_source(annotation_source) == "predictions")
    for _ in drafts(path, ConversionReport(), selection):
        pass
    return sorted(selection.annotator_names)


def _check_source(source: str) -> str:
    if source not in ANNOTATION_SOURCES:
        raise UnknownNameError("annotation source", source, ANNOTATION_SOURCES)
    return source


def iter_surfaces(path: Path) -> Iterable[SurfaceCheck]:
    """Yields document text, start, end and surface form of each region with a text, unchecked."""
    return exported.cases(drafts(path, ConversionReport(), TaskSelection()))


def write(
    documents: Iterable[Document],
    path: Path,
    conversion: ConversionReport,
    *,
    annotation_source: str = "annotations",
) -> None:
    """Writes one task per line. The module docstring lists what is dropped."""
    key = _check_source(annotation_source)
    task_count = 0
    layers = _RelationLayers(conversion)
    documents = drop_indistinguishable(documents, conversion)
    with replace_file(path) as file:
        for document in exported.supported_documents(documents, conversion, HELD, unannotated=True):
            task_count += 1
            layers.add(document)
            annotations = []
            if document.entities is not None:
                annotations.append(encode_annotation(document, key, conversion))
            task = {"id": task_count, "data": encode_data(document, conversion), key: annotations}
            file.write(b"[\n" if task_count == 1 else b",\n")
            file.write(msgspec.json.encode(task))
        file.write(b"\n]\n" if task_count else b"[]\n")
    layers.count()


class _RelationLayers:
    """Counts layers of relations that are read back as empty or as not annotated."""

    def __init__(self, conversion: ConversionReport) -> None:
        self._conversion = conversion
        self._has_relations = False
        self._empty: list[str] = []  # locations
        self._not_annotated: list[str] = []

    def add(self, document: Document) -> None:
        where = f"document {quoted_repr(document.id)}, relations"
        if document.relations:
            self._has_relations = True
        elif document.relations is not None and document.entities is not None:
            self._empty.append(where)
        elif document.relations is not None:
            # A task without an annotation has no layer.
            self._conversion.add("layers that were annotated and are empty", where)
        elif document.entities is not None:
            self._not_annotated.append(where)

    def count(self) -> None:
        """Adds the counts, which depend on whether any document has relations."""
        if self._has_relations:
            for where in self._not_annotated:
                self._conversion.add("layers of relations that were not annotated", where)
        else:
            for where in self._empty:
                self._conversion.add("layers that were annotated and are empty", where)


def encode_data(document: Document, conversion: ConversionReport) -> dict[str, Any]:
    """The data of a task: meta, the text and the id."""
    meta = document.meta or {}
    reserved = {"text": document.text, ID: document.id}
    for key in sorted(reserved.keys() & meta.keys()):
        conversion.add(
            f"fields of meta under the key {key!r}", f"document {quoted_repr(document.id)}"
        )
    return {**meta, **reserved}


def encode_annotation(document: Document, key: str, conversion: ConversionReport) -> dict[str, Any]:
    """The annotation of a document. key: annotations or predictions."""
    annotation: dict[str, Any] = {"model_version": "evalkit"} if key == "predictions" else {}
    result = [_region(entity, document.text) for entity in document.entities or ()]
    for index, relation in enumerate(document.relations or ()):
        if relation.attributes is not None and relation.attributes != BIDIRECTIONAL:
            where = f"document {quoted_repr(document.id)}, relations[{index}]"
            conversion.add("attributes of relations", where)
        result.append(_relation(relation))
    annotation["result"] = result
    return annotation


def _relation(relation: Relation) -> dict[str, Any]:
    direction = (relation.attributes or {}).get("direction")
    result: dict[str, Any] = {
        "type": "relation",
        "from_id": relation.head,
        "to_id": relation.tail,
        "direction": "bi" if direction == "bi" else "right",
        "labels": [relation.label],
    }
    if relation.id is not None:
        result["id"] = relation.id
    if relation.score is not None:
        result["score"] = relation.score
    return result


def _region(entity: Entity, text: str) -> dict[str, Any]:
    region: dict[str, Any] = {}
    if entity.id is not None:
        region["id"] = entity.id
    if entity.score is not None:
        region["score"] = entity.score
    value = {
        "start": entity.start,
        "end": entity.end,
        "text": text[entity.start : entity.end],
        "labels": [entity.label],
    }
    return region | {"from_name": "label", "to_name": "text", "type": "labels", "value": value}
