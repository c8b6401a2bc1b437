"""Recognizing the format of a file by its content.

Used when a reader found no annotations, to name the format of the file.

Only the first record is looked at. Some formats that evalkit does not read are recognized, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from evalkit.files import open_input

HEAD = 1_000_000  # bytes of a file in which its first record is looked for
Record = Mapping[str, Any]


def _has_spans(record: Record) -> bool:
    return all(
        isinstance(span, dict) and {"start", "end", "label"} <= span.keys()
        for span in record["spans"]
    )


def _has_entities(record: Record) -> bool:
    return all(
        isinstance(entity, dict) and {"start", "end", "label"} <= entity.keys()
        for entity in record["entities"]
    )


def _has_doccano_entities(record: Record) -> bool:
    return any(
        isinstance(entity, dict) and "start_offset" in entity for entity in record["entities"]
    )


def _has_triples(key: str) -> Callable[[Record], bool]:
    return lambda record: all(
        isinstance(item, list) and len(item) == 3 for item in record[key]
    )  # [start, end, label]


def _always(_record: Record) -> bool:
    return True


# The format, the keys that a record has, and what must hold of their values. "" is a format that
# evalkit does not read.
SIGNS: tuple[tuple[str, tuple[str, ...], Callable[[Record], bool]], ...] = (
    ("bigbio", ("passages",), _always),
    ("textee", ("entity_mentions",), _always),
    ("textee", ("event_mentions",), _always),
    ("dygie", ("sentences", "ner"), _always),
    ("dygie", ("sentences", "events"), _always),
    ("labelstudio", ("data", "annotations"), _always),
    ("labelstudio", ("data", "completions"), _always),
    ("labelstudio", ("data", "predictions"), _always),
    ("prodigy", ("text", "spans"), _has_spans),
    ("doccano", ("entities",), _has_doccano_entities),
    ("doccano", ("label",), _has_triples("label")),
    ("doccano", ("labels",), _has_triples("labels")),
    ("jsonl", ("text", "entities"), _has_entities),
    ("", ("text", "annotation"), _always),
    ("", ("text", "spans"), _always),
    ("", ("text", "annotations"), _always),
)


def recognize(path: Path) -> tuple[str, tuple[str, ...]] | None:
    """The format of the first record of a JSON or JSONL file, and the keys that tell it; None if it
    is not recognized.
    """
    record = _first_record(path)
    for format, keys, holds in SIGNS if record is not None else ():
        if (
            record is not None
            and all(
                isinstance(record.get(key), (list, dict, str)) and record[key] not in ([], {})
                for key in keys
            )
            and _holds(holds, record)
        ):
            return format, keys
    return None


def _holds(holds: Callable[[Record], bool], record: Record) -> bool:
    try:
        return holds(record)
    except TypeError:
        return False


def _first_record(path: Path) -> Record | None:
    if not path.is_file():
        return None
    with open_input(path) as file:
        head = file.read(HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    line = head.partition(b"\n")[0]
    for text in (line, head):
        try:
            result = msgspec.json.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(result, list) and result:
            result = result[0]
        if isinstance(result, dict):
            return result
    return None
