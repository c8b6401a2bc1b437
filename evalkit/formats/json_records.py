"""Reading JSON records as typed classes, and counting what is not read or not written.

The formats of JSON lines share this module: a record is converted to a class whose fields are the
known keys; all other keys are counted as dropped.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from evalkit.data.document import LAYERS, Document
from evalkit.errors import LoadError, quoted_repr
from evalkit.formats import jsonl
from evalkit.formats.conversion import ConversionReport

T = TypeVar("T", bound=msgspec.Struct)
OPTIONAL_FIELDS = {
    "entities": ("id", "score", "attributes"),
    "events": ("id", "realis", "score", "attributes"),
    "arguments": ("ref", "score"),
}
_PLURAL = {"attributes": "attributes", "realis": "realis values"}


def iter_records(
    path: Path, kind: type[T], conversion: ConversionReport
) -> Iterator[tuple[str, T | LoadError]]:
    """Each line of a file as `kind`, with its file:line; a LoadError for a line that is not.

    Other keys are conversion.
    """
    for number, line in jsonl.iter_lines(path, dict[str, Any]):
        position = f"{path}:{number}"
        yield (
            position,
            line
            if isinstance(line, LoadError)
            else convert_record(line, kind, position, conversion),
        )


def convert_record(
    line: dict[str, Any],
    kind: type[T],
    position: str,
    conversion: ConversionReport,
    *,
    recursive: bool = True,
) -> T | LoadError:
    """An object as `kind`, or what is wrong with it. deep: keys within its values that are not read
    are conversion, too.
    """
    try:
        result = msgspec.convert(line, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        value = _value(line, re.findall(r"\w+", path))
        return LoadError(
            [
                f"{position}: {path.strip('.`') or 'the line'}:"
                f" {message.replace('`', chr(39))}{value}"
            ]
        )
    for path in _unread_keys(line, result, "", deep=recursive):
        conversion.add(f"values of the key {quoted_repr(path)}", position)
    return result


def _unread_keys(raw: Any, result: Any, path: str, *, deep: bool) -> Iterator[str]:
    """The keys of objects, at any depth, that their classes do not have."""
    if isinstance(raw, dict) and isinstance(result, msgspec.Struct):
        names = dict(zip(result.__struct_encode_fields__, result.__struct_fields__))
        for key, value in raw.items():
            at = f"{path}.{key}" if path else str(key)
            if key in names:
                yield from (
                    _unread_keys(value, getattr(result, names[key]), at, deep=deep) if deep else ()
                )
            elif value not in (None, [], {}, ""):
                yield at
    elif isinstance(raw, list) and isinstance(result, (list, tuple)):
        for value, one in zip(raw, result):
            yield from _unread_keys(value, one, path, deep=deep)


def _value(result: Any, steps: list[str]) -> str:
    """What stands at a path, quoted; nothing for the line itself."""
    try:
        for step in steps:
            result = result[int(step)] if isinstance(result, list) else result[step]
    except (KeyError, IndexError, TypeError, ValueError):
        return ""
    return f": {quoted_repr(result)}" if steps else ""


def count_unsupported(
    document: Document, conversion: ConversionReport, held: Collection[str]
) -> None:
    """Count what a format does not hold. held: names such as "entities", "entities.id",
    "arguments.ref", "zones", "meta".
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
    if (
        document.attributions is not None
        and not document.attributions
        and "attributions" not in held
    ):
        conversion.add("layers that were annotated and are empty", f"{where}, attributions")


def _count_fields(
    annotation: Any, layer: str, where: str, conversion: ConversionReport, held: Collection[str]
) -> None:
    for field in OPTIONAL_FIELDS[layer]:
        if getattr(annotation, field) is not None and f"{layer}.{field}" not in held:
            conversion.add(f"{_PLURAL.get(field, f'{field}s')} of {layer}", where)
    for n, argument in enumerate(getattr(annotation, "arguments", ())):
        _count_fields(argument, "arguments", f"{where}.arguments[{n}]", conversion, held)


def skip_failed(document: Document, conversion: ConversionReport) -> bool:
    """Whether a document was answered; one that failed is left out, since a file without its
    failure would say that nothing is there.
    """
    if document.failure is not None:
        conversion.skipped.add("documents that failed", f"document {quoted_repr(document.id)}")
    return document.failure is None
