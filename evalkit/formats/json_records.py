"""Converts JSON records to typed classes, and counts data that is not read or not written.

A record is converted to a class whose fields are the known keys; all other keys are counted as
dropped. All JSONL formats share this module.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from evalkit.data.document import LAYERS, Document
from evalkit.errors import InputError, LoadError, quoted_repr
from evalkit.formats import jsonl
from evalkit.formats.conversion import ConversionReport

T = TypeVar("T", bound=msgspec.Struct)
OPTIONAL_FIELDS = {
    "entities": ("id", "score", "attributes"),
    "events": ("id", "realis", "score", "attributes"),
    "arguments": ("ref", "score", "head"),
    "relations": ("id", "score", "attributes"),
}
_PLURAL = {"attributes": "attributes", "realis": "realis values"}


def iter_records(
    path: Path, kind: type[T], conversion: ConversionReport
) -> Iterator[tuple[str, T | LoadError]]:
    """Yields each line of a file with its file:line, converted to `kind`; a LoadError for an
    invalid line. Unknown keys are counted as dropped.
    """
    for number, line in jsonl.iter_lines(path, dict[str, Any]):
        position = f"{path}:{number}"
        if isinstance(line, LoadError):
            yield position, line
        else:
            yield position, convert_record(line, kind, position, conversion)


def convert_record(
    line: dict[str, Any],
    kind: type[T],
    position: str,
    conversion: ConversionReport,
    *,
    recursive: bool = True,
) -> T | LoadError:
    """A record converted to `kind`, or a LoadError if it is invalid. Unknown keys are counted as
    dropped; with `recursive`, those of nested objects, too.
    """
    try:
        record = msgspec.convert(line, kind)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).replace("`", "'").partition(" - at '$")
        location = path.strip(".'") or "the line"
        value = _quoted_value(line, re.findall(r"\w+", path))
        return LoadError([f"{position}: {location}: {problem}{value}"])
    for path in _unread_keys(line, record, "", recursive=recursive):
        conversion.add(f"values of the key {quoted_repr(path)}", position)
    return record


def convert_item(item: Any, kind: Any, where: str, expected: str) -> Any:
    """A decoded item converted to a type, such as a tuple. Raises InputError for any other item."""
    try:
        return msgspec.convert(item, kind)
    except msgspec.ValidationError:
        raise InputError(
            f"{where}: invalid item {quoted_repr(item)}: expected {expected}"
        ) from None


def _unread_keys(raw: Any, record: Any, path: str, *, recursive: bool) -> Iterator[str]:
    """Yields the paths of unknown keys whose values are not empty."""
    if isinstance(raw, dict) and isinstance(record, msgspec.Struct):
        fields = dict(zip(record.__struct_encode_fields__, record.__struct_fields__))
        for key, value in raw.items():
            key_path = f"{path}.{key}" if path else str(key)
            if key not in fields:
                if value not in (None, [], {}, ""):
                    yield key_path
            elif recursive:
                field_value = getattr(record, fields[key])
                yield from _unread_keys(value, field_value, key_path, recursive=True)
    elif isinstance(raw, list) and isinstance(record, (list, tuple)):
        for raw_item, item in zip(raw, record):
            yield from _unread_keys(raw_item, item, path, recursive=recursive)


def _quoted_value(value: Any, steps: list[str]) -> str:
    """The end of a message: the value at a path, as ": 'value'"; "" for the record itself."""
    try:
        for step in steps:
            value = value[int(step)] if isinstance(value, list) else value[step]
    except (KeyError, IndexError, TypeError, ValueError):
        return ""
    return f": {quoted_repr(value)}" if steps else ""


def count_unsupported(
    document: Document, conversion: ConversionReport, held: Collection[str]
) -> None:
    """Counts the layers and fields of a document that a format does not support.

    held: names of those that it supports, such as "entities", "entities.id", "arguments.ref",
    "zones" or "meta".
    """
    where = f"document {quoted_repr(document.id)}"
    if document.meta and "meta" not in held:
        conversion.add("fields of meta", where, len(document.meta))
    for name, what in (
        ("zones", "zones"),
        ("unplaced", "unplaced items"),
        *((layer, layer) for layer in LAYERS),
    ):
        annotations = getattr(document, name) or ()
        if name not in held:
            for index in range(len(annotations)):
                conversion.add(what, f"{where}, {name}[{index}]")
        elif name in OPTIONAL_FIELDS:
            for index, annotation in enumerate(annotations):
                _count_fields(annotation, name, f"{where}, {name}[{index}]", conversion, held)
    for layer in ("attributions", "relations"):
        if getattr(document, layer) == () and layer not in held:
            conversion.add("layers that were annotated and are empty", f"{where}, {layer}")


def _count_fields(
    annotation: Any, layer: str, where: str, conversion: ConversionReport, held: Collection[str]
) -> None:
    for field in OPTIONAL_FIELDS[layer]:
        if getattr(annotation, field) is not None and f"{layer}.{field}" not in held:
            conversion.add(f"{_PLURAL.get(field, f'{field}s')} of {layer}", where)
    for n, argument in enumerate(getattr(annotation, "arguments", ())):
        _count_fields(argument, "arguments", f"{where}.arguments[{n}]", conversion, held)


def skip_failed(document: Document, conversion: ConversionReport) -> bool:
    """Returns whether a document is to be written. A failed document is not, and is counted as
    skipped: without its failure, the file would mean that it has no annotations.
    """
    if document.failure is not None:
        conversion.skipped.add("documents that failed", f"document {quoted_repr(document.id)}")
    return document.failure is None
