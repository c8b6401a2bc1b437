"""Reads the tasks of Label Studio exports; labelstudio.py describes the format."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from evalkit.data.document import Attributes
from evalkit.errors import InputError, LoadError, UnknownNameError, quoted_repr, spell_option
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.json_lists import iter_list
from evalkit.formats.json_records import convert_record
from evalkit.formats.tool_exports import (
    Drafts,
    RawDocument,
    RawRelation,
    RawSpan,
    document_id,
)

# The key of the document id in the data, since Label Studio assigns the ids of tasks itself
ID = "document_id"
# Keys of JSON-MIN that are not data
JSON_MIN_FIELDS = {
    "annotator",
    "annotation_id",
    "created_at",
    "updated_at",
    "lead_time",
    "agreement",
    "id",
}
# Keys of an annotation that say how it was made
RECORDS = frozenset(
    (
        "id created_at updated_at draft_created_at lead_time prediction result_count unique_id"
        " import_id last_action bulk_created task project updated_by parent_prediction"
        " parent_annotation last_created_by created_username created_ago ground_truth"
    ).split()
)
LIST = "expected a list of tasks, as Label Studio exports it as JSON or JSON-MIN"
# The label of relations without one: a project need not name labels of relations
UNLABELED = "relation"
SKIPPED_TASKS = "tasks that the annotator skipped"
DIRECTIONS = ("right", "left", "bi")
Result = list[dict[str, Any]]


T = TypeVar("T", bound=msgspec.Struct)


class Value(msgspec.Struct):
    """The range and labels of a region."""

    start: int
    end: int
    text: str | None = None
    labels: list[str] = []
    score: float | None = None


class Region(msgspec.Struct):
    """A result of the type "labels"."""

    value: Value
    id: str | int | None = None
    score: float | None = None


class RelationResult(msgspec.Struct):
    """A result of the type "relation"."""

    from_id: str | int
    to_id: str | int
    direction: str | None = None
    labels: list[str] | None = None
    id: str | int | None = None
    score: float | None = None


class Answer(msgspec.Struct):
    """An annotation or a prediction."""

    result: Result = []
    was_cancelled: bool | None = False
    skipped: bool | None = False  # before Label Studio 1.0
    completed_by: Any = None
    model_version: Any = None
    score: float | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether the annotator skipped the task."""
        return bool(self.was_cancelled or self.skipped)

    @property
    def who(self) -> set[str]:
        """The id and address of the annotator, or the version of the model."""
        author = self.completed_by if self.completed_by is not None else self.model_version
        names = [author]
        if isinstance(author, dict):
            names = [author.get("id"), author.get("email")]
        return {str(name) for name in names if name is not None}

    @property
    def annotator(self) -> str:
        """The name of the annotator: the address if there is one, else the id; "" without."""
        author = self.completed_by if self.completed_by is not None else self.model_version
        if isinstance(author, dict):
            author = author.get("email") or author.get("id")
        return "" if author is None else str(author)


class LabelStudioTask(msgspec.Struct):
    """A task of a full export. Before Label Studio 1.0 `annotations` were called `completions`."""

    data: dict[str, Any]
    id: str | int | None = None
    annotations: list[Answer] | None = None
    completions: list[Answer] | None = None
    predictions: list[Answer] | None = None
    drafts: list[Any] | None = None

    @property
    def answers(self) -> list[Answer]:
        """The annotations."""
        return (self.annotations if self.completions is None else self.completions) or []


@dataclass
class TaskSelection:
    """The text field, the annotator and the control that are read, and all annotators seen: ids
    and addresses, and one name for each.
    """

    text_field: str | None = None
    annotator: str | None = None
    predictions: bool = False
    control: str | None = None
    annotators_seen: set[str] = field(default_factory=set)
    annotator_names: set[str] = field(default_factory=set)

    def select(self, answers: Iterable[Answer]) -> Answer | None:
        """The first answer (by the annotator, if one is given), or None."""
        selected = None
        for answer in answers:
            self.annotators_seen |= answer.who
            self.annotator_names.update(filter(None, [answer.annotator]))
            if selected is None and self.is_wanted(answer):
                selected = answer
        return selected

    def is_wanted(self, answer: Answer) -> bool:
        """Whether an answer is by the annotator that is read."""
        return self.annotator is None or self.annotator in answer.who

    def is_skipped(self, task: LabelStudioTask) -> bool:
        """Whether the annotator skipped a task: all of his or her annotations are cancelled."""
        if self.predictions:
            return False
        answers = [answer for answer in task.answers if self.is_wanted(answer)]
        return bool(answers) and all(answer.is_cancelled for answer in answers)


def drafts(path: Path, conversion: ConversionReport, selection: TaskSelection) -> Drafts:
    """Yields the unchecked document of each task, with the line on which the task begins.

    Raises UnknownNameError for an annotator without annotations.
    """
    seen_ids: set[str] = set()
    for count, (position, raw) in enumerate(iter_list(path, LIST), 1):
        draft: RawDocument | LoadError | None
        if isinstance(raw, LoadError):
            draft = raw
        else:
            reader = TaskReader(position, conversion, selection)
            try:
                draft = reader.draft(raw, f"doc-{count}", seen_ids)
            except LoadError as error:
                draft = error
            except InputError as error:
                draft = LoadError([f"{position}: {error}"])
        if draft is not None:
            yield position, draft
    if selection.annotator is not None and selection.annotator not in selection.annotators_seen:
        raise UnknownNameError(
            "annotator", selection.annotator, sorted(selection.annotators_seen), within=str(path)
        )


def add_empty_relations(drafts: Drafts) -> Drafts:
    """Yields the drafts; if one has relations, they were annotated in all tasks with an annotation.

    An export does not show whether relations were annotated in a task without one.
    """
    items = list(drafts)
    if any(isinstance(draft, RawDocument) and draft.relations for _, draft in items):
        for _, draft in items:
            if (
                isinstance(draft, RawDocument)
                and draft.entities is not None
                and draft.relations is None
            ):
                draft.relations = []
    yield from items


class TaskReader:
    """Converts a task to an unchecked document."""

    def __init__(
        self, position: str, conversion: ConversionReport, selection: TaskSelection
    ) -> None:
        self._position = position
        self._conversion = conversion
        self._selection = selection

    def draft(
        self, raw: dict[str, Any], default_id: str, seen_ids: set[str]
    ) -> RawDocument | LoadError | None:
        """The document of a task, or a LoadError.

        None for a task that was skipped, and for an item of JSON-MIN that is another annotation of
        an earlier task; `seen_ids` are the ids of these tasks.
        """
        if "data" in raw:
            return self._read_task(raw, default_id)
        return self._read_json_min(raw, default_id, seen_ids)

    def _read_task(self, raw: dict[str, Any], default_id: str) -> RawDocument | LoadError | None:
        known = {
            key: value for key, value in raw.items() if key in LabelStudioTask.__struct_fields__
        }
        has_records = len(known) < len(raw)
        for key in ("annotations", "completions", "predictions"):
            if isinstance(known.get(key), list):
                known[key], has_own = _remove_records(known[key])
                has_records |= has_own
        task = convert_record(known, LabelStudioTask, self._position, self._conversion)
        if isinstance(task, LoadError):
            return task
        if self._selection.is_skipped(task):
            for cancelled in task.answers:
                self._selection.annotators_seen |= cancelled.who
            self._conversion.skipped.add(SKIPPED_TASKS, self._position)
            return None
        self._count_dropped(
            "records of how a task was made, such as times and the project", has_records
        )
        self._count_dropped("drafts", len(task.drafts or ()))
        key = self._text_key(task.data, task.data)
        path, answer = self._select_answer(task)
        text = task.data[key]
        spans = None
        relations = None
        if answer is not None:
            if self._selection.text_field is None:
                _refuse_other_media(answer.result, key)
            spans = list(self._regions(answer.result, path, _SurfaceDecoder(text)))
            ids = {span.id for span in spans if span.id is not None}
            relations = list(self._relations(answer.result, path, ids)) or None
        meta = {name: value for name, value in task.data.items() if name not in (key, ID)}
        id = document_id(task.data.get(ID), document_id(task.id, default_id))
        return RawDocument(id, text, spans, meta=meta or None, relations=relations)

    def _select_answer(self, task: LabelStudioTask) -> tuple[str, Answer | None]:
        """The path of the annotation or prediction that is read, and the annotation or prediction;
        the others are counted as dropped.
        """
        name = "annotations" if task.completions is None else "completions"
        candidates = [answer for answer in task.answers if not answer.is_cancelled]
        self._count_dropped("annotations that were cancelled", len(task.answers) - len(candidates))
        if not self._selection.predictions:
            self._count_dropped(
                "predictions (?annotation_source=predictions reads them)",
                len(task.predictions or ()),
            )
        else:
            self._count_dropped("annotations beside predictions", len(candidates))
            name = "predictions"
            candidates = task.predictions or []
        answer = self._selection.select(candidates)
        others = "predictions by others" if name == "predictions" else "annotations by others"
        if answer is None:
            self._count_dropped(others, len(candidates))
            return "", None
        self._count_dropped(others, len(candidates) - 1)
        self._count_dropped("scores of whole predictions", answer.score is not None)
        index = next(n for n, each in enumerate(getattr(task, name)) if each is answer)
        return f"{name}[{index}].result", answer

    def _read_json_min(
        self, raw: dict[str, Any], default_id: str, seen_ids: set[str]
    ) -> RawDocument | LoadError | None:
        data = {key: value for key, value in raw.items() if key not in JSON_MIN_FIELDS}
        annotations = [key for key, value in data.items() if _are_regions(value)]
        if not annotations and not raw.keys() & JSON_MIN_FIELDS:
            raise InputError(
                "not a task of Label Studio: neither the key 'data' nor regions; keys:"
                f" {', '.join(raw) or 'none'}; {LIST}"
            )
        for name in annotations:
            del data[name]
        key = self._text_key(data, raw)
        id = document_id(raw.get(ID), document_id(raw.get("id"), default_id))
        answer = self._selection.select([Answer(completed_by=raw.get("annotator"))])
        if id in seen_ids or answer is None:
            self._count_dropped("annotations by others", 1)
            return None
        seen_ids.add(id)
        self._count_dropped(
            "records of how a task was made, such as times and the project",
            bool(raw.keys() & JSON_MIN_FIELDS - {"id"}),
        )
        spans: list[RawSpan] = []
        region_counts = {name: len(raw[name]) for name in annotations}
        for name in self._select_controls(annotations, region_counts):
            result = [{"type": "labels", "value": value} for value in raw[name]]
            spans += self._regions(result, name, _SurfaceDecoder(raw[key]))
        meta = {name: value for name, value in data.items() if name not in (key, ID)}
        return RawDocument(id, raw[key], spans, meta=meta or None)

    def _regions(self, result: Result, path: str, decoder: _SurfaceDecoder) -> Iterator[RawSpan]:
        """Yields a span for each label of each region of an annotation."""
        seen_ids: set[str] = set()
        region_counts: Counter[str] = Counter()
        for item in result:
            if item.get("type") == "labels" and item.get("from_name") is not None:
                region_counts[str(item["from_name"])] += 1
        controls = self._select_controls(list(region_counts), region_counts)
        for n, item in enumerate(result):
            if item.get("type") == "relation":
                continue
            if item.get("type") != "labels":
                self._count_dropped(f"results of type {quoted_repr(item.get('type'))}", 1)
                continue
            if item.get("from_name") is not None and str(item["from_name"]) not in controls:
                continue
            region = _convert(item, Region, f"{self._position}: {path}[{n}]")
            value = region.value
            score = value.score if region.score is None else region.score
            self._count_dropped("regions without a label", not value.labels)
            self._count_dropped("notes on regions", bool(item.get("meta")))
            # In a full export offsets are in `value`.
            where = f"{path}[{n}].value" if "].result" in path else f"{path}[{n}]"
            surface = decoder.surface_of(value)
            for label in value.labels:
                id = None
                if region.id is not None and str(region.id) not in seen_ids:
                    id = str(region.id)
                    seen_ids.add(id)
                yield RawSpan(where, value.start, value.end, label, surface, id, score)

    def _relations(self, result: Result, path: str, ids: set[str]) -> Iterator[RawRelation]:
        """Yields a relation for each label of each relation between regions with these ids."""
        for n, item in enumerate(result):
            if item.get("type") != "relation":
                continue
            where = f"{path}[{n}]"
            relation = _convert(item, RelationResult, f"{self._position}: {where}")
            self._count_dropped("notes on relations", bool(item.get("meta")))
            head, tail = str(relation.from_id), str(relation.to_id)
            if head not in ids or tail not in ids:
                self._count_dropped("relations with a region that is not read", 1)
                continue
            if relation.direction not in (None, *DIRECTIONS):
                raise InputError(
                    f"{where}.direction: invalid direction {quoted_repr(relation.direction)}:"
                    f" expected one of: {', '.join(DIRECTIONS)}"
                )
            if relation.direction == "left":
                head, tail = tail, head
            attributes: Attributes | None = None
            if relation.direction == "bi":
                attributes = {"direction": "bi"}
            id = None if relation.id is None else str(relation.id)
            if not relation.labels:
                self._conversion.repaired.add(
                    f"relations without a label, read as {UNLABELED!r}", self._position
                )
            for label in relation.labels or [UNLABELED]:
                yield RawRelation(where, label, head, tail, id, relation.score, attributes)
                id = None

    def _select_controls(self, names: Sequence[str], regions: Mapping[str, int]) -> list[str]:
        """The names of the controls whose regions are read.

        Raises InputError if there are several and none was chosen, since each is a layer.
        """
        if self._selection.control is None and len(names) > 1:
            raise InputError(
                f"regions of several controls: {', '.join(map(quoted_repr, names))};"
                f" {spell_option('control', 'NAME', of='format')} reads those of one"
            )
        chosen = [name for name in names if self._selection.control in (None, name)]
        self._count_dropped(
            "regions of other controls", sum(regions[name] for name in names if name not in chosen)
        )
        return chosen

    def _text_key(self, data: dict[str, Any], raw: dict[str, Any]) -> str:
        """The key of the text: `text_field`, "text", or the only key with a string."""
        text_field = self._selection.text_field
        strings = [key for key, value in data.items() if isinstance(value, str)]
        if text_field is not None and not isinstance(raw.get(text_field), str):
            raise UnknownNameError(
                "text field", text_field, strings, within=f"{self._position}: data"
            )
        texts = [key for key in strings if key != ID]
        if text_field:
            return text_field
        if "text" in texts:
            return "text"
        if len(texts) == 1:
            return texts[0]
        problem = f"no text; keys: {', '.join(data) or 'none'}"
        if texts:
            option = spell_option("text_field", "KEY", of="format")
            problem = f"several texts: {', '.join(texts)}; {option} names one"
        raise InputError(f"data: {problem}")

    def _count_dropped(self, what: str, count: int) -> None:
        if count:
            self._conversion.add(what, self._position, int(count))


def _remove_records(answers: list[Any]) -> tuple[list[Any], bool]:
    """The annotations without the keys that say how they were made, and whether there were any."""
    plain = []
    for answer in answers:
        if isinstance(answer, dict):
            plain.append({key: value for key, value in answer.items() if key not in RECORDS})
        else:
            plain.append(answer)
    return plain, plain != answers


def _refuse_other_media(result: Result, key: str) -> None:
    """Raises InputError if there are regions, but all are of an image, a web page or another medium
    than text. The only string of such a task is often the address of a file.
    """
    types = [str(item.get("type")) for item in result]
    regions = [name for name in types if name.endswith("labels") or name.startswith("video")]
    if regions and "labels" not in regions:
        raise InputError(
            f"data.{key}: no regions of a text: their type is {quoted_repr(regions[0])}, and only"
            " regions of the type 'labels' are read, those of the control <Labels>; to read the"
            f" text alone, name it with {spell_option('text_field', key, of='format')}"
        )


def _convert(item: dict[str, Any], kind: type[T], position: str) -> T:
    """A result as a region or a relation. Raises LoadError if it is invalid."""
    with contextlib.suppress(msgspec.ValidationError):
        return msgspec.convert(item, kind)
    # convert_record is slower, but returns an error message.
    record = convert_record(item, kind, position, ConversionReport())
    if isinstance(record, LoadError):
        raise record
    return record


class _SurfaceDecoder:
    """Decodes the texts of regions: Label Studio writes line ends as a backslash and an n."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line_end = "\r\n" if "\r\n" in text else "\n"
        self._has_escapes = "\\n" in text

    def surface_of(self, value: Value) -> str | None:
        """The surface form of a region; None if the file does not give it."""
        surface = value.text
        if surface is None or "\\n" not in surface:
            return surface
        if 0 < value.end - value.start <= 2 * len(surface):
            covered_text = self._text[max(value.start, 0) : max(value.end, 0)]
            if surface == covered_text.replace("\r\n", "\n").replace("\n", "\\n"):
                return covered_text
        # If the text itself contains a backslash and an n, as in LaTeX, the two cannot be
        # distinguished at wrong offsets.
        return surface if self._has_escapes else surface.replace("\\n", self._line_end)


def _are_regions(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(item, dict) and {"start", "end"} <= item.keys() for item in value)
