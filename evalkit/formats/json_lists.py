"""Reads the objects of a JSON file that is one list, or has an object on each line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.json_keys import check_duplicate_keys
from evalkit.errors import InputError, LoadError
from evalkit.files import open_input
from evalkit.formats import jsonl
from evalkit.formats.jsonl_errors import BOM, explain_invalid_utf8

HEAD = 1_000  # bytes of a file that show whether it is a list


def iter_list_or_lines(
    path: Path, expected: str
) -> Iterator[tuple[str, dict[str, Any] | LoadError]]:
    """Yields each object of a file, or a LoadError, with the line on which it begins: those of a
    list, or one on each line. expected: what the file should hold, for messages.
    """
    with open_input(path) as file:
        is_list = file.read(HEAD).removeprefix(BOM).lstrip().startswith(b"[")
    if is_list:
        yield from iter_list(path, expected)
        return
    for number, line in jsonl.iter_lines(path, dict[str, Any]):
        yield f"{path}:{number}", line


def iter_list(path: Path, expected: str) -> Iterator[tuple[str, dict[str, Any] | LoadError]]:
    """Yields each object of the list in a file, or a LoadError, with the line on which it begins.

    A single object is read as a list of one. expected: what the file should hold, for messages.
    """
    with open_input(path) as file:
        data = file.read().removeprefix(BOM)
    if data.lstrip().startswith(b"{"):
        data = b"[" + data + b"]"
    try:
        raw_objects = msgspec.json.decode(data, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError) as error:
        yield (
            str(path),
            LoadError([f"{path}: {explain_json_error(error, data, 'file')}; {expected}"]),
        )
        return
    line = 1
    previous_start = 0
    previous_end = 0
    for raw in map(bytes, raw_objects):
        start = data.index(raw, previous_end)
        line += data.count(b"\n", previous_start, start)
        previous_start = start
        previous_end = start + len(raw)
        yield f"{path}:{line}", decode_object(raw, f"{path}:{line}")


def decode_object(raw: bytes, position: str) -> dict[str, Any] | LoadError:
    """The object in a text, or a LoadError that begins with its position."""
    try:
        decoded = msgspec.json.decode(raw, type=dict[str, Any])
        check_duplicate_keys(raw)
    except InputError as error:
        return LoadError([f"{position}: {error}"])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return LoadError([f"{position}: {explain_json_error(error, raw, 'object')}"])
    return decoded


def explain_json_error(error: Exception, data: bytes, what: str) -> str:
    """The message about an error of msgspec or of the check for duplicate keys. what: what the
    bytes are.
    """
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if invalid := explain_invalid_utf8(data, what):
        return invalid
    if isinstance(error, msgspec.ValidationError):
        return str(error).partition(" - at ")[0].replace("`", "'")
    return f"not JSON: {error}"
