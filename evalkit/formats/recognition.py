"""Recognizes the format of a file by its first record, and that of a folder by its suffixes.

Error messages name the recognized format. Some formats that evalkit does not read are recognized,
too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from evalkit.files import open_input

HEAD = 1_000_000  # number of bytes at the start of a file that are searched for the first record
# The format of the files with a suffix, and whether it is read from a folder of them
FOLDER_SUFFIXES = {
    ".ann": ("brat", True),
    ".a1": ("brat", True),
    ".a2": ("brat", True),
    ".xmi": ("cas", True),
    ".conll": ("conll", False),
    ".conllu": ("conllu", False),
    ".spacy": ("docbin", False),
}
Record = Mapping[str, Any]
_PUBTATOR_TITLE = re.compile(rb"[^|\s{\[]+\|t\|")


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


def _has_token_entities(record: Record) -> bool:
    return all(
        isinstance(entity, dict) and {"type", "start", "end"} <= entity.keys()
        for entity in record["entities"]
    )


def _has_doccano_entities(record: Record) -> bool:
    return any(
        isinstance(entity, dict) and "start_offset" in entity for entity in record["entities"]
    )


def _has_label_lists(record: Record) -> bool:
    return isinstance(record["entities"], dict)


def _has_output_entities(record: Record) -> bool:
    return "entities" in record["output"]


def _has_triples(key: str) -> Callable[[Record], bool]:
    """Returns a check that all items under a key are [start, end, label]."""
    return lambda record: all(isinstance(item, list) and len(item) == 3 for item in record[key])


def _has_points(record: Record) -> bool:
    return all(isinstance(item, dict) and "points" in item for item in record["annotation"])


def _has_entity_types(record: Record) -> bool:
    return all(
        isinstance(span, dict) and {"start", "end", "entity_type"} <= span.keys()
        for span in record["spans"]
    )


def is_pair(value: object) -> bool:
    """Whether a value is an example of spaCy: a pair of a text and its annotations."""
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], Mapping)
    )


def _always(_record: Record) -> bool:
    return True


# The format, the keys that its records have, and a check of the values. "" is a format that evalkit
# does not read.
SIGNS: tuple[tuple[str, tuple[str, ...], Callable[[Record], bool]], ...] = (
    ("bigbio", ("passages",), _always),
    ("textee", ("entity_mentions",), _always),
    ("textee", ("event_mentions",), _always),
    ("dygie", ("sentences", "ner"), _always),
    ("dygie", ("sentences", "events"), _always),
    ("dygie", ("sentences", "relations"), _always),
    ("spert", ("tokens", "entities"), _has_token_entities),
    ("gliner-json", ("tokenized_text",), _always),
    ("langextract", ("extractions",), _always),
    ("gliner2-json", ("entities",), _has_label_lists),
    ("gliner2-json", ("input", "output"), _has_output_entities),
    ("labelstudio", ("data", "annotations"), _always),
    ("labelstudio", ("data", "completions"), _always),
    ("labelstudio", ("data", "predictions"), _always),
    ("prodigy", ("text", "spans"), _has_spans),
    ("doccano", ("entities",), _has_doccano_entities),
    ("doccano", ("label",), _has_triples("label")),
    ("doccano", ("labels",), _has_triples("labels")),
    ("jsonl", ("text", "entities"), _has_entities),
    ("spacy-json", ("annotations",), lambda record: is_pair(record["annotations"][0])),
    ("spacy-json", ("full_text", "spans"), _always),
    ("spacy-json", ("content", "annotation"), _has_points),
    ("spacy-json", ("text", "annotation"), _has_points),
    ("spacy-json", ("text", "spans"), _has_entity_types),
    ("", ("text", "annotation"), _always),
    ("", ("text", "spans"), _always),
    ("", ("text", "annotations"), _always),
)


def recognize(path: Path) -> tuple[str, tuple[str, ...]] | None:
    """Returns the format of the first record of a JSON or JSONL file and the keys by which it was
    recognized; a format of other texts by its first line, without keys; None for any other file.
    """
    head = _read_head(path)
    if _PUBTATOR_TITLE.match(head):
        return "pubtator", ()
    first = _first_item(head)
    if is_pair(first):
        return "spacy-json", ("entities",)
    record = first[0] if isinstance(first, list) and first else first
    if is_pair(record):
        return "spacy-json", ("entities",)
    if not isinstance(record, dict):
        return None
    for format, keys, check in SIGNS:
        if all(_has_value(record, key) for key in keys) and _passes(check, record):
            return format, keys
    return None


def recognize_folder(path: Path) -> str | None:
    """Returns how the files of a folder are written as a location, such as "brat:DIR" or
    "conll:DIR/a.conll"; None unless all files with a known suffix are of one format.
    """
    locations: dict[str, str] = {}
    for file in sorted(path.iterdir()) if path.is_dir() else ():
        if file.suffix in FOLDER_SUFFIXES:
            format, reads_folders = FOLDER_SUFFIXES[file.suffix]
            locations.setdefault(format, f"{format}:{path if reads_folders else file}")
    return next(iter(locations.values())) if len(locations) == 1 else None


def _has_value(record: Record, key: str) -> bool:
    """Whether the value of a key is a string, or a list or object that is not empty."""
    value = record.get(key)
    return isinstance(value, (list, dict, str)) and value not in ([], {})


def _passes(check: Callable[[Record], bool], record: Record) -> bool:
    try:
        return check(record)
    except (TypeError, KeyError):
        return False


def _read_head(path: Path) -> bytes:
    """The start of a file, without a byte order mark and leading white space."""
    if not path.is_file():
        return b""
    with open_input(path) as file:
        return file.read(HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()


def _first_item(head: bytes) -> Any:
    """The JSON on the first line, or of the whole text; None if neither is JSON."""
    line = head.partition(b"\n")[0]
    for text in (line, head):
        try:
            return msgspec.json.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    return None
