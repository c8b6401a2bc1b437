"""spaCy training examples: texts with the offsets of their entities, as JSON or as Python.

    [[text, {"entities": [[start, end, label]]}], …]
    {"text", "entities": [{"start", "end", "label"}]}

Examples are items of one list, each on a line of its own (JSONL), or the value of `annotations`, as
in the files of NER Annotator. A Python file may have the list as a literal, with tuples and behind
a name: `TRAIN_DATA = [("Ada left", {"entities": [(0, 3, "PER")]})]`; it is parsed and never run.
An entity is a list or an object. Objects of other tools are read, too:

    text                  text, full_text (Presidio), content (Dataturks)
    entities              entities, ents (displaCy), spans, annotation (Dataturks)
    start, end            start_position, end_position (Presidio); start_char, end_char (Stanza);
                          points (Dataturks)
    label                 entity_type (Presidio), entity_group (Transformers), type (Stanza); the
                          first of a list (Dataturks)

The ends of Dataturks are inclusive and converted. A fourth value of a list, the id of a knowledge
base, is the attribute `link`. Without entities, those of a text were not annotated. An example
without an id gets the id "doc-N", where N is its number in the file. Pairs of spaCy 1, `(text,
[(start, end, label)])`, are read like those of spaCy 2. Of a Python file with several lists all
examples are read, and the report names the lists.

The training data of spaCy 2 (`{"id", "paragraphs": [{"raw", "sentences": [{"tokens": [{"orth",
"ner"}]}]}]}`) are read, too: each paragraph is a document, with the entities of the BILUO tags in
`ner`. Its id is that of the example; of several paragraphs, "ID/1", "ID/2" and so on. Without
`raw`, the text is the tokens with their `space`, or joined by spaces. (Sources:
spacy.io/api/data-formats, usage of v2 and v3; spacy.training.gold_io of spaCy 3.8;
presidio-evaluator 0.2; the export of Dataturks.)

**Reading options**

- `entities`: the name of the list: entities, or that of a span group in `spans`, such as sc. Spans
  of other groups are counted as dropped.
- `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`: see "Offsets in other
  units".

Dropped in reading: all other keys (cats, links, heads, …), further labels of an entity, entities of
Dataturks without a label, other lists of a Python file.

**Writing** makes a JSON list of pairs, one on each line. Dropped: ids of documents and entities,
discontinuous entities, scores, attributes, events, attributions, relations, zones, meta, failed
documents.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Document
from evalkit.errors import InputError, LoadError, quoted_repr
from evalkit.files import open_input, replace_file
from evalkit.formats import jsonl
from evalkit.formats import tool_exports as exported
from evalkit.formats.conversion import ConversionReport, drop_indistinguishable
from evalkit.formats.jsonl_errors import BOM, explain_invalid_utf8
from evalkit.formats.offsets import OffsetConvention, SurfaceCheck
from evalkit.formats.recognition import is_pair, is_pair_of_spans
from evalkit.formats.registry import DocumentResults
from evalkit.formats.tool_exports import Drafts, RawDocument, RawSpan, document_id

EXPECTED = 'expected [text, {"entities": [[start, end, label]]}] or an object with "text"'
EXPECTED_ENTITY = 'expected [start, end, label] or an object with "start", "end" and "label"'
TEXT_KEYS = ("text", "full_text", "content")
LIST_KEYS = ("entities", "ents", "spans", "annotation")
START_KEYS = ("start", "start_position", "start_char")
END_KEYS = ("end", "end_position", "end_char")
LABEL_KEYS = ("label", "entity_type", "entity_group", "type")
SURFACE_KEYS = ("text", "entity_value")
READ_KEYS = {*START_KEYS, *END_KEYS, *LABEL_KEYS, *SURFACE_KEYS, "id", "score"}


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    entities: str = "entities",
    offset_unit: str = "code-points",
    first_offset: int | str = 0,
    end_offset: str = "exclusive",
    newlines: str = "as-is",
    unicode_form: str = "as-is",
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each example.

    Raises UnknownNameError for an unknown value of an option.
    """
    convention = OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form)
    for count, (position, example) in enumerate(_iter_examples(path, conversion), 1):
        if isinstance(example, Mapping) and has_paragraphs(example):
            # It imports numpy, which load_corpus needs for few formats.
            from evalkit.formats.spacy_paragraphs import iter_paragraphs

            yield from iter_paragraphs(example, position, count, conversion)
        else:
            draft = _draft_or_error(example, position, count, conversion, entities)
            yield from exported.documents(iter(draft), convention)


def iter_surfaces(path: Path) -> Iterator[SurfaceCheck]:
    """Yields document text, start, end and surface form of entities with a text, unchecked."""
    return exported.cases(iter_drafts(path, ConversionReport(), "entities"))


def iter_drafts(path: Path, conversion: ConversionReport, entities: str) -> Drafts:
    """Yields the unchecked document of each example with offsets.

    entities: the name of the list.
    """
    for count, (position, example) in enumerate(_iter_examples(path, conversion), 1):
        if not isinstance(example, Mapping) or not has_paragraphs(example):
            yield from _draft_or_error(example, position, count, conversion, entities)


def has_paragraphs(example: Mapping[str, Any]) -> bool:
    """Whether an example is a document in the training data of spaCy 2."""
    return "paragraphs" in example and not any(key in example for key in TEXT_KEYS)


def _draft_or_error(
    example: Any, position: str, count: int, conversion: ConversionReport, entities: str
) -> list[tuple[str, RawDocument | LoadError]]:
    """The unchecked document of an example, or its error; nothing for an empty example."""
    if isinstance(example, LoadError):
        return [(position, example)]
    if example is None:
        conversion.skipped.add("empty examples", position)
        return []
    try:
        return [(position, draft_example(example, position, count, conversion, entities))]
    except InputError as error:
        return [(position, LoadError([f"{position}: {error}"]))]


def _iter_examples(path: Path, conversion: ConversionReport) -> Iterator[tuple[str, Any]]:
    """Yields each example of a file, or a LoadError, with the line on which it begins."""
    with open_input(path) as file:
        data = file.read().removeprefix(BOM)
    if _has_examples_on_lines(data):
        for line_number, decoded in jsonl.iter_lines(path, Any):
            yield f"{path}:{line_number}", decoded
        return
    try:
        items = _raw_items(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        yield from _iter_literals(path, data, error, conversion)
        return
    line, previous_start, previous_end = 1, 0, 0
    for item in items:
        start = data.index(item, previous_end)
        line += data.count(b"\n", previous_start, start)
        previous_start, previous_end = start, start + len(item)
        try:
            yield f"{path}:{line}", msgspec.json.decode(item)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            problem = explain_invalid_utf8(item, "example") or f"not JSON: {error}"
            yield f"{path}:{line}", LoadError([f"{path}:{line}: {problem}"])


def _has_examples_on_lines(data: bytes) -> bool:
    """Whether the first line is an example, so that each line should be one."""
    first_line = data.lstrip().partition(b"\n")[0]
    try:
        first = msgspec.json.decode(first_line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    if isinstance(first, dict):
        return any(key in first for key in (*TEXT_KEYS, "paragraphs"))
    return is_pair(first) or is_pair_of_spans(first)


def _raw_items(data: bytes) -> list[bytes]:
    """The items of a JSON list, or of the list `annotations` of an object, as they are written."""
    if data.lstrip().startswith(b"{"):
        annotator_file = msgspec.json.decode(data, type=_AnnotatorFile)
        if not bytes(annotator_file.annotations):
            return [data.strip()]
        data = bytes(annotator_file.annotations)
    return list(map(bytes, msgspec.json.decode(data, type=list[msgspec.Raw])))


class _AnnotatorFile(msgspec.Struct):
    """A file of NER Annotator."""

    annotations: msgspec.Raw = msgspec.Raw(b"")


def _iter_literals(
    path: Path, data: bytes, json_error: Exception, conversion: ConversionReport
) -> Iterator[tuple[str, Any | LoadError]]:
    """Yields each item of the lists in a Python file, with its line; the file is not run."""
    if invalid := explain_invalid_utf8(data, "file"):
        yield str(path), LoadError([f"{path}: {invalid}"])
        return
    try:
        statements = ast.parse(data).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield str(path), LoadError([f"{path}: neither JSON nor Python: {json_error}; {EXPECTED}"])
        return
    names: list[str] = []
    for statement in statements:
        value = getattr(statement, "value", None)
        if not isinstance(value, (ast.List, ast.Tuple)):
            continue
        items = [value] if _is_literal_pair(value) else value.elts
        if items and all(isinstance(item, ast.Constant) for item in items):
            conversion.add("lists of other values", f"{path}:{statement.lineno}")
            continue
        names.append(_name_of(statement))
        for item in items:
            position = f"{path}:{item.lineno}"
            try:
                yield position, ast.literal_eval(item)
            except (ValueError, TypeError, RecursionError, MemoryError):
                yield position, LoadError([f"{position}: not a literal: {EXPECTED}"])
    if not names:
        yield str(path), LoadError([f"{path}: no list of examples; {EXPECTED}"])
    if len(set(names)) > 1:
        conversion.detected.add(f"examples of several lists: {', '.join(names)}", str(path))


def _name_of(statement: ast.stmt) -> str:
    """The name to which a list is assigned; "" for a list without a name."""
    targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
    return getattr(targets[0], "id", "")


def _is_literal_pair(value: ast.List | ast.Tuple) -> bool:
    """Whether a literal is one example, as on the lines of a file without a list."""
    if len(value.elts) != 2 or not isinstance(value.elts[0], ast.Constant):
        return False
    return isinstance(value.elts[1], (ast.Dict, ast.List))


def draft_example(
    example: Any, position: str, count: int, conversion: ConversionReport, list_name: str
) -> RawDocument:
    """The unchecked document of an example. Raises InputError for anything else."""
    if is_pair(example):
        text, annotations = example
        id = None
    elif is_pair_of_spans(example):
        text, annotations = example[0], {"entities": example[1]}
        id = None
    elif isinstance(example, Mapping):
        text_key = next((key for key in TEXT_KEYS if key in example), None)
        if text_key is None:
            raise InputError(f"no text: {EXPECTED}; keys: {', '.join(map(str, example)) or 'none'}")
        text = example[text_key]
        annotations = {key: value for key, value in example.items() if key != text_key}
        id = annotations.pop("id", None)
        if id is not None and not isinstance(id, (str, int)):
            raise InputError(f"id: expected a string, got {quoted_repr(id)}")
    else:
        raise InputError(f"{EXPECTED}, got {quoted_repr(example)}")
    if not isinstance(text, str):
        raise InputError(f"text: expected a string, got {quoted_repr(text)}")
    spans = _read_spans(annotations, position, conversion, list_name)
    return RawDocument(document_id(id, f"doc-{count}"), text, spans)


def _read_spans(
    annotations: Mapping[str, Any], position: str, conversion: ConversionReport, list_name: str
) -> list[RawSpan] | None:
    """The spans of an example; None if it has no list of them."""
    groups = annotations.get("spans")
    location: str | None = next((key for key in LIST_KEYS if key in annotations), None)
    items: Any = None if location is None else annotations[location]
    read_key = location
    if list_name != "entities" or (location == "spans" and isinstance(groups, Mapping)):
        read_key, location = "spans", f"spans.{list_name}"
        items = groups.get(list_name) if isinstance(groups, Mapping) else None
        _count_other_groups(groups, list_name, position, conversion)
    for key, value in annotations.items():
        if key != read_key and value not in (None, [], {}, ""):
            conversion.add(f"values of the key {quoted_repr(key)}", position)
    if items is None:
        return None
    if not isinstance(items, (list, tuple)):
        raise InputError(f"{location}: expected a list, got {quoted_repr(items)}")
    spans: list[RawSpan] = []
    for n, item in enumerate(items):
        spans += _spans_of(item, f"{location}[{n}]", position, conversion)
    return spans


def _count_other_groups(
    groups: Any, list_name: str, position: str, conversion: ConversionReport
) -> None:
    """Counts the spans of the span groups that are not read."""
    for name, group in groups.items() if isinstance(groups, Mapping) else ():
        if name != list_name and isinstance(group, (list, tuple)) and group:
            conversion.add(f"spans of the span group {quoted_repr(name)}", position, len(group))


def _spans_of(
    item: Any, location: str, position: str, conversion: ConversionReport
) -> Iterator[RawSpan]:
    """Yields the spans of an item: one, or as many as an item of Dataturks has points."""
    if isinstance(item, Mapping) and "points" in item:
        labels = item.get("label")
        labels = [labels] if isinstance(labels, str) else labels
        points = item["points"]
        if labels in (None, []):
            conversion.add("entities without a label", position)
            return
        if not isinstance(labels, list) or not isinstance(points, list):
            raise InputError(
                f"{location}: expected a list of labels and one of points, got {quoted_repr(item)}"
            )
        if len(labels) > 1:
            conversion.add("further labels of an entity", position, len(labels) - 1)
        for n, point in enumerate(points):
            where = f"{location}.points[{n}]"
            if not isinstance(point, Mapping):
                raise InputError(f"{where}: expected an object, got {quoted_repr(point)}")
            span = _span(where, point.get("start"), point.get("end"), labels[0])
            span.end += 1
            yield span
        return
    if isinstance(item, Mapping):
        start, end, label, surface = (
            next((item[key] for key in keys if key in item), None)
            for keys in (START_KEYS, END_KEYS, LABEL_KEYS, SURFACE_KEYS)
        )
        if not _are_span_values(start, end, label):
            raise InputError(f"{location}: {EXPECTED_ENTITY}, got {quoted_repr(item)}")
        span = _span(location, start, end, label)
        span.text = surface if isinstance(surface, str) else None
        span.id = None if item.get("id") is None else str(item["id"])
        score = item.get("score")
        span.score = score if isinstance(score, (int, float)) else None
        for key in item:
            if key not in READ_KEYS:
                conversion.add(f"values of the key {quoted_repr(key)} of entities", position)
        yield span
        return
    if not isinstance(item, (list, tuple)) or not 3 <= len(item) <= 4:
        raise InputError(f"{location}: {EXPECTED_ENTITY}, got {quoted_repr(item)}")
    span = _span(location, *item[:3])
    if len(item) == 4 and item[3]:
        span.attributes = {"link": str(item[3])}
    yield span


def _span(location: str, start: Any, end: Any, label: Any) -> RawSpan:
    if not _are_span_values(start, end, label):
        raise InputError(f"{location}: {EXPECTED_ENTITY}, got {quoted_repr([start, end, label])}")
    return RawSpan(location, start, end, label)


def _are_span_values(start: Any, end: Any, label: Any) -> bool:
    return type(start) is int and type(end) is int and isinstance(label, str)


def write(documents: Iterable[Document], path: Path, conversion: ConversionReport) -> None:
    """Writes a JSON list with a pair on each line. The module docstring lists what is dropped."""
    lines: list[bytes] = []
    kept = drop_indistinguishable(documents, conversion)
    for document in exported.supported_documents(kept, conversion, {"entities"}, unannotated=True):
        if document.id != f"doc-{len(lines) + 1}":
            conversion.add("ids of documents", f"document {quoted_repr(document.id)}")
        annotations: dict[str, Any] = {}
        if document.entities is not None:
            annotations["entities"] = [(e.start, e.end, e.label) for e in document.entities]
        lines.append(msgspec.json.encode((document.text, annotations)))
    with replace_file(path) as file:
        file.write(b"[\n" + b",\n".join(lines) + b"\n]\n")
