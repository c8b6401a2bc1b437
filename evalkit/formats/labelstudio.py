"""Label Studio: a JSON list of tasks, as a full export or as JSON-MIN.

Full export:

    [{"id", "data": {"text"}, "annotations": [{"completed_by", "was_cancelled", "result": [
        {"id", "type": "labels", "from_name", "to_name", "score",
         "value": {"start", "end", "text", "labels": []}}]}], "predictions"}]

JSON-MIN, with one item for each annotation:

    [{"id", "text", "label": [{"start", "end", "text", "labels": []}], "annotator"}]

Offsets count code points, the end exclusive, and the text of a region is checked. Old releases
counted UTF-16 code units (label-studio#1347): such files are refused, and the message says how to
read them. In the text of a region a line end may be a backslash and an n, as Label Studio writes
it.

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
annotated (JSON-MIN leaves it out). The rest of the data is meta; in JSON-MIN these are all other
keys. Dropped: annotations of others, cancelled ones, results that are not labels (choices,
relations), regions without a label, predictions, drafts, and how a task was made (times, project).

**Writing**: full tasks, with from_name="label" and to_name="text". Option `annotation_source`:
predictions writes a model's output as such. Dropped: discontinuous entities, attributes, events,
attributions, zones, failed documents. Everything else comes back: ids, order, scores, meta that
holds something.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Document, Entity
from evalkit.errors import UnknownNameError, quoted_repr
from evalkit.files import replace_file
from evalkit.formats import tool_exports as exported
from evalkit.formats.conversion import ConversionReport, drop_indistinguishable
from evalkit.formats.labelstudio_tasks import ID, TaskSelection, drafts
from evalkit.formats.offsets import OffsetConvention, SurfaceCheck
from evalkit.formats.registry import DocumentResults

ANNOTATION_SOURCES = ("annotations", "predictions")
HELD = {"entities", "entities.id", "entities.score", "meta"}


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
        drafts(path, conversion, selection),
        OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form),
    )


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
    documents = drop_indistinguishable(documents, conversion)
    with replace_file(path) as file:
        for document in exported.supported_documents(documents, conversion, HELD, unannotated=True):
            task_count += 1
            annotations = [] if document.entities is None else [_annotation(document, key)]
            task = {"id": task_count, "data": _data(document, conversion), key: annotations}
            file.write(b"[\n" if task_count == 1 else b",\n")
            file.write(msgspec.json.encode(task))
        file.write(b"\n]\n" if task_count else b"[]\n")


def _data(document: Document, conversion: ConversionReport) -> dict[str, Any]:
    meta = document.meta or {}
    reserved = {"text": document.text, ID: document.id}
    for key in sorted(reserved.keys() & meta.keys()):
        conversion.add(
            f"fields of meta under the key {key!r}", f"document {quoted_repr(document.id)}"
        )
    return {**meta, **reserved}


def _annotation(document: Document, key: str) -> dict[str, Any]:
    annotation: dict[str, Any] = {"model_version": "evalkit"} if key == "predictions" else {}
    annotation["result"] = [_region(entity, document.text) for entity in document.entities or ()]
    return annotation


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
