"""Reading the tasks of Label Studio; labelstudio.py describes the format."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.json_keys import check_duplicate_keys
from evalkit.errors import InputError, LoadError, UnknownNameError, quoted_repr, spell_option
from evalkit.files import open_input
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.json_records import convert_record
from evalkit.formats.tool_exports import Drafts, RawDocument, RawSpan, document_id

ID = (  # the key of the data under which the id is kept, since Label Studio numbers tasks itself
    "document_id"
)
JSON_MIN_FIELDS = {
    "annotator",
    "annotation_id",
    "created_at",
    "updated_at",
    "lead_time",
    "agreement",
    "id",
}  # keys of JSON-MIN that are no data
LIST = "expected a list of tasks, as Label Studio exports it as JSON or JSON-MIN"
BOM = b"\xef\xbb\xbf"
Result = list[dict[str, Any]]


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


class Answer(msgspec.Struct):
    """An annotation or a prediction."""

    result: Result = []
    was_cancelled: bool | None = False
    completed_by: Any = None
    model_version: Any = None
    score: float | None = None

    @property
    def who(self) -> set[str]:
        """The names of who or what answered."""
        by = self.completed_by if self.completed_by is not None else self.model_version
        return {
            str(name)
            for name in ([by.get("id"), by.get("email")] if isinstance(by, dict) else [by])
            if name is not None
        }


class Task(msgspec.Struct):
    """A task in full. `completions` is what annotations were called before 1.0."""

    data: dict[str, Any]
    id: str | int | None = None
    annotations: list[Answer] | None = None
    completions: list[Answer] | None = None
    predictions: list[Answer] | None = None
    drafts: list[Any] | None = None


@dataclass
class TaskSelection:
    """Which text, whose annotations and which control's regions are read, and who else was met."""

    text_field: str | None = None
    annotator: str | None = None
    predictions: bool = False
    control: str | None = None
    annotators_seen: set[str] = field(default_factory=set)

    def select(self, many: Iterable[Answer]) -> Answer | None:
        """The first, or the first by the annotator; None where there is none."""
        every = list(many)
        for one in every:
            self.annotators_seen |= one.who
        return next(
            (one for one in every if self.annotator is None or self.annotator in one.who), None
        )


def drafts(path: Path, conversion: ConversionReport, selection: TaskSelection) -> Drafts:
    """Each task with the line it begins on, unchecked.

    Raises UnknownNameError for an annotator who was not met.
    """
    seen: set[str] = set()
    for count, (position, raw) in enumerate(tasks(path), 1):
        try:
            found = (
                raw
                if isinstance(raw, LoadError)
                else TaskReader(position, conversion, selection).draft(raw, f"doc-{count}", seen)
            )
        except InputError as error:
            found = error if isinstance(error, LoadError) else LoadError([f"{position}: {error}"])
        if found is not None:
            yield position, found
    if selection.annotator is not None and selection.annotator not in selection.annotators_seen:
        raise UnknownNameError(
            "annotator", selection.annotator, sorted(selection.annotators_seen), within=str(path)
        )


def tasks(path: Path) -> Iterator[tuple[str, dict[str, Any] | LoadError]]:
    """Each task of a file with the line it begins on, or what is wrong with it."""
    with open_input(path) as file:
        data = file.read().removeprefix(BOM)
    data = (
        b"[" + data + b"]" if data.lstrip().startswith(b"{") else data
    )  # a task alone, as it is kept in cloud storage
    try:
        every = msgspec.json.decode(data, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError) as error:
        yield str(path), LoadError([f"{path}: {_error_message(error)}; {LIST}"])
        return
    after, counted, line = 0, 0, 1
    for raw in map(bytes, every):
        begins = data.index(raw, after)
        line += data.count(b"\n", counted, begins)
        counted, after = begins, begins + len(raw)
        yield f"{path}:{line}", _decode_task(raw, f"{path}:{line}")


def _decode_task(raw: bytes, position: str) -> dict[str, Any] | LoadError:
    try:
        found = msgspec.json.decode(raw, type=dict[str, Any])
        check_duplicate_keys(raw)
    except InputError as error:
        return LoadError([f"{position}: {error}"])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return LoadError([f"{position}: {_error_message(error)}"])
    return found


def _error_message(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return (
            f"not UTF-8: {error.reason} at byte {error.start} of a string; save the file as UTF-8"
        )
    if isinstance(error, msgspec.ValidationError):
        return str(error).partition(" - at ")[0].replace("`", "'")
    return f"not JSON: {error}"


class TaskReader:
    """Makes the draft of a task."""

    def __init__(
        self, position: str, conversion: ConversionReport, selection: TaskSelection
    ) -> None:
        self._position, self._conversion, self._selection = position, conversion, selection

    def draft(
        self, raw: dict[str, Any], otherwise: str, seen: set[str]
    ) -> RawDocument | LoadError | None:
        """A document, or what is wrong; None for a further annotation of a task in JSON-MIN. seen:
        the tasks that there were, there.
        """
        return (
            self._read_task(raw, otherwise)
            if "data" in raw
            else self._read_json_min(raw, otherwise, seen)
        )

    def _read_task(self, raw: dict[str, Any], otherwise: str) -> RawDocument | LoadError:
        known = {key: value for key, value in raw.items() if key in Task.__struct_fields__}
        task = convert_record(known, Task, self._position, self._conversion)
        if isinstance(task, LoadError):
            return task
        self._count_dropped(
            "records of how a task was made, such as times and the project", len(known) < len(raw)
        )
        self._count_dropped("drafts", len(task.drafts or ()))
        key = self._text_key(task.data, task.data)
        at, answer = self._answer(task)
        text = task.data[key]
        stretches = (
            None if answer is None else list(self._regions(answer.result, at, _Spelling(text)))
        )
        meta = {name: value for name, value in task.data.items() if name not in (key, ID)}
        return RawDocument(
            document_id(task.data.get(ID), document_id(task.id, otherwise)),
            text,
            stretches,
            meta=meta or None,
        )

    def _answer(self, task: Task) -> tuple[str, Answer | None]:
        """The annotation or prediction that is read, and its path; the others are counted."""
        name = "annotations" if task.completions is None else "completions"
        done = [one for one in getattr(task, name) or () if not one.was_cancelled]
        self._count_dropped(
            "annotations that were cancelled", len(getattr(task, name) or ()) - len(done)
        )
        if not self._selection.predictions:
            self._count_dropped(
                "predictions (?annotation_source=predictions reads them)",
                len(task.predictions or ()),
            )
        else:
            self._count_dropped("annotations beside predictions", len(done))
            name, done = "predictions", task.predictions or []
        answer = self._selection.select(done)
        self._count_dropped(
            "predictions by others" if name == "predictions" else "annotations by others",
            len(done) - (answer is not None),
        )
        if answer is None:
            return "", None
        self._count_dropped("scores of whole predictions", answer.score is not None)
        every = getattr(task, name)
        return f"{name}[{next(n for n, one in enumerate(every) if one is answer)}].result", answer

    def _read_json_min(
        self, raw: dict[str, Any], otherwise: str, seen: set[str]
    ) -> RawDocument | LoadError | None:
        data = {key: value for key, value in raw.items() if key not in JSON_MIN_FIELDS}
        annotations = [key for key, value in data.items() if _are_regions(value)]
        if not annotations and not raw.keys() & JSON_MIN_FIELDS:
            raise InputError(
                "no task of Label Studio: neither the key 'data' nor regions; keys:"
                f" {', '.join(raw) or 'none'}; {LIST}"
            )
        key = self._text_key(
            {name: value for name, value in data.items() if name not in annotations}, raw
        )
        id = document_id(raw.get(ID), document_id(raw.get("id"), otherwise))
        answer = self._selection.select([Answer(completed_by=raw.get("annotator"))])
        if id in seen or answer is None:
            self._count_dropped("annotations by others", 1)
            return None
        seen.add(id)
        self._count_dropped(
            "records of how a task was made, such as times and the project",
            bool(raw.keys() & JSON_MIN_FIELDS - {"id"}),
        )
        found: list[RawSpan] = []
        for name in self._select_controls(
            annotations, {name: len(raw[name]) for name in annotations}
        ):
            result = [{"type": "labels", "value": value} for value in raw[name]]
            found += self._regions(result, name, _Spelling(raw[key]))
        return RawDocument(
            id,
            raw[key],
            found,
            meta={
                name: value for name, value in data.items() if name not in (key, ID, *annotations)
            }
            or None,
        )

    def _regions(self, result: Result, at: str, spelling: _Spelling) -> Iterator[RawSpan]:
        """The regions of an annotation, an entity for each label."""
        seen: set[str] = set()
        every = Counter(
            str(item["from_name"])
            for item in result
            if item.get("type") == "labels" and item.get("from_name") is not None
        )
        controls = self._select_controls(list(every), every)
        for n, item in enumerate(result):
            if item.get("type") != "labels":
                self._count_dropped(f"results of type {quoted_repr(item.get('type'))}", 1)
                continue
            if item.get("from_name") is not None and str(item["from_name"]) not in controls:
                continue
            region = _region(item, f"{self._position}: {at}[{n}]")
            value, score = (
                region.value,
                region.score if region.score is not None else region.value.score,
            )
            self._count_dropped("regions without a label", not value.labels)
            self._count_dropped("notes on regions", bool(item.get("meta")))
            for label in value.labels:
                id = None if region.id is None or str(region.id) in seen else str(region.id)
                seen.add(id or "")
                where = f"{at}[{n}].value" if "].result" in at else f"{at}[{n}]"
                yield RawSpan(where, value.start, value.end, label, spelling.of(value), id, score)

    def _select_controls(self, names: Sequence[str], regions: Mapping[str, int]) -> list[str]:
        """The control whose regions are read.

        Raises InputError where there are several and none is named: each is a layer of its own.
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
        selection = self._selection.text_field
        if selection is not None and not isinstance(raw.get(selection), str):
            raise UnknownNameError(
                "text field",
                selection,
                [key for key, value in data.items() if isinstance(value, str)],
                within=f"{self._position}: data",
            )
        texts = [key for key, value in data.items() if isinstance(value, str) and key != ID]
        if selection:
            return selection
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


def _region(item: dict[str, Any], position: str) -> Region:
    """A result as a region. Raises LoadError."""
    with contextlib.suppress(msgspec.ValidationError):
        return msgspec.convert(item, Region)
    found = convert_record(
        item, Region, position, ConversionReport()
    )  # slower, and says what is wrong
    if isinstance(found, LoadError):
        raise found
    return found


class _Spelling:
    """How the text of a region is read: Label Studio writes a backslash and an n in it for a line
    end.
    """

    def __init__(self, text: str) -> None:
        self._text, self._escaped, self._crlf = text, "\\n" not in text, "\r\n" in text

    def of(self, value: Value) -> str | None:
        """What the region says to stand at its place; None where it says nothing."""
        surface = value.text
        if surface is None or "\\n" not in surface:
            return surface
        if 0 < value.end - value.start <= 2 * len(surface):
            stands = self._text[max(value.start, 0) : max(value.end, 0)]
            if surface == stands.replace("\r\n", "\n").replace("\n", "\\n"):
                return stands
        # At other offsets it cannot be distinguished from a backslash and an n that stand in the
        # text, such as in LaTeX.
        line_end = "\r\n" if self._crlf else "\n"
        return surface.replace("\\n", line_end) if self._escaped else surface


def _are_regions(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) and {"start", "end"} <= one.keys() for one in value)
    )
