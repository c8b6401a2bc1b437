"""Recognizes the format of a file by its first records or lines.

SIGNS has the formats of JSON records; line_recognition.py recognizes other text files. A path
without a format name is read in the format that its content has (see `registry.detect_format`), and
error messages name it. Some formats that evalkit does not read are recognized, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from evalkit.errors import InputError
from evalkit.files import open_input
from evalkit.formats.line_recognition import LINE_FORMATS, recognize_text

HEAD = 1_000_000  # number of bytes at the start of a file that are searched for records
WHOLE_FILE = 64_000_000  # a file with one JSON object is read whole up to this number of bytes
MAX_RECORDS = 100  # number of records, or of lines, that are looked at
# The keys of annotations in spaCy's examples
SPACY_KEYS = frozenset(("entities", "spans", "links", "cats", "tags", "heads", "deps", "words"))
TAGS = "tags"  # at the end of the name of a column of tags, such as ner_tags
# Names of columns of tokens and tags, which are no labels of entities
COLUMN = re.compile(
    r"(.*[_-])?(ids?|text|texts|tokens?|words?|tags?|labels?|sentences?|ner|spans?)"
)
Record = Mapping[str, Any]


def _has_spans_under(key: str) -> Callable[[Record], bool]:
    """Returns a check that all items under a key are objects with offsets and a label."""
    return lambda record: all(
        isinstance(span, dict) and {"start", "end", "label"} <= span.keys() for span in record[key]
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


def _has_exported_entities(record: Record) -> bool:
    """Whether all entities have offsets and a label under the names of another tool."""
    return all(
        isinstance(entity, dict)
        and not {"start", "start_char", "start_position"}.isdisjoint(entity)
        and not {"end", "end_char", "end_position"}.isdisjoint(entity)
        and not {"label", "type", "entity_type", "entity_group"}.isdisjoint(entity)
        for entity in record["entities"]
    )


def _has_label_lists(record: Record) -> bool:
    return isinstance(record["entities"], dict)


def _has_output_entities(record: Record) -> bool:
    return "entities" in record["output"]


def _has_named_entities(record: Record) -> bool:
    return all(
        isinstance(entity, dict) and {"name", "type"} <= entity.keys()
        for entity in record["entities"]
    )


def _has_question(key: str) -> Callable[[Record], bool]:
    """Returns a check that the first message under a key is a text, as UniversalNER's are."""
    return lambda record: any(
        str(turn.get("value", turn.get("content"))).startswith("Text:") for turn in record[key][:2]
    )


def _has_passages(record: Record) -> bool:
    return all("passages" in document for document in record["documents"])


def _has_passage_offset(record: Record) -> bool:
    return all("offset" in passage for passage in record["passages"])


def _has_triples(key: str) -> Callable[[Record], bool]:
    """Returns a check that all items under a key are [start, end, label]."""
    return lambda record: all(isinstance(item, list) and len(item) == 3 for item in record[key])


def has_tagged_tokens(record: Record) -> bool:
    """Whether there is a list of tokens, and one of tags for the same tokens (ner_tags)."""
    tokens = record.get("tokens")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        return False
    return any(
        name.endswith(TAGS) and isinstance(tags, list) and len(tags) == len(tokens)
        for name, tags in record.items()
    )


def _has_regions(record: Record) -> bool:
    """Whether a value is a list of regions with labels, as in Label Studio's JSON-MIN, in which the
    control of the labels may have any name.
    """
    for value in record.values():
        first = value[0] if isinstance(value, list) and value else None
        if isinstance(first, dict) and {"start", "end", "text", "labels"} <= first.keys():
            return True
    return False


def _has_strings_under_labels(record: Record) -> bool:
    """Whether each key is a label with a list of strings, as {"PER": ["Ada"]}."""
    values = list(record.values())
    if not all(isinstance(value, list) for value in values) or not any(values):
        return False
    has_strings = all(isinstance(text, str) for value in values for text in value)
    return has_strings and not any(COLUMN.fullmatch(key) for key in record)


def _has_points(record: Record) -> bool:
    return all(isinstance(item, dict) and "points" in item for item in record["annotation"])


def _has_entity_types(record: Record) -> bool:
    return all(
        isinstance(span, dict) and {"start", "end", "entity_type"} <= span.keys()
        for span in record["spans"]
    )


def _is_example(value: Any) -> bool:
    """Whether a value is a pair with annotations of spaCy; other pairs of strings and objects are
    frequent.
    """
    if is_pair(value):
        return not SPACY_KEYS.isdisjoint(value[1])
    return is_pair_of_spans(value) and bool(value[1])


def is_any_pair(value: object) -> bool:
    """Whether a value is an example of spaCy 1 or of a later version."""
    return is_pair(value) or is_pair_of_spans(value)


def is_pair(value: object) -> bool:
    """Whether a value is an example of spaCy: a pair of a text and its annotations."""
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], Mapping)
    )


def is_pair_of_spans(value: object) -> bool:
    """Whether a value is an example of spaCy 1: a pair of a text and (start, end, label) triples.

    >>> is_pair_of_spans(["Ada left", [[0, 3, "PER"]]]), is_pair_of_spans(["Ada", ["left"]])
    (True, False)
    """
    if not isinstance(value, (list, tuple)) or len(value) != 2 or not isinstance(value[0], str):
        return False
    spans = value[1]
    return isinstance(spans, (list, tuple)) and all(
        isinstance(span, (list, tuple)) and list(map(type, span)) == [int, int, str]
        for span in spans
    )


def _has_tokens(record: Record) -> bool:
    """Whether `content` has sentences, as in MAVEN."""
    return all("tokens" in sentence for sentence in record["content"])


def _has_event_mentions(record: Record) -> bool:
    """Whether each event has a list of mentions, as in MAVEN."""
    return all("offset" in mention for event in record["events"] for mention in event["mention"])


def _is_maven_ere(record: Record) -> bool:
    """Whether tokens are listed by sentence, beside the texts of the sentences and events."""
    is_nested = all(isinstance(tokens, list) for tokens in record["tokens"])
    has_texts = all(isinstance(text, str) for text in record["sentences"])
    return is_nested and has_texts and bool({"events", "event_mentions", "TIMEX"} & record.keys())


def _has_token_offsets(record: Record) -> bool:
    """Whether the first sentence is [[[token, start, end], …], text], as in WikiEvents."""
    tokens, text = record["sentences"][0]
    return isinstance(text, str) and all(len(token) == 3 for token in tokens)


def _is_predicted_relation(record: Record) -> bool:
    return {"h_idx", "t_idx"} <= record.keys()


def _always(_record: Record) -> bool:
    return True


# The format, the keys that its records have, and a check of the values. "" is a format that evalkit
# does not read.
SIGNS: tuple[tuple[str, tuple[str, ...], Callable[[Record], bool]], ...] = (
    ("bioc", ("documents",), _has_passages),
    ("bioc", ("PubTator3",), _always),
    ("bioc", ("passages",), _has_passage_offset),
    ("bigbio", ("passages",), _always),
    ("cas", ("%FEATURE_STRUCTURES",), _always),
    ("maven", ("content", "events"), _has_tokens),
    ("maven", ("content", "candidates"), _has_tokens),
    ("maven", ("tokens", "sentences"), _is_maven_ere),
    ("maven", ("document", "events"), _has_event_mentions),
    ("rams", ("sentences", "evt_triggers"), _always),
    ("rams", ("doc_key", "predictions"), _always),
    ("wikievents", ("sentences", "entity_mentions"), _has_token_offsets),
    ("wikievents", ("sentences", "event_mentions"), _has_token_offsets),
    ("casie", ("cyberevent",), _always),
    ("docred", ("sents", "vertexSet"), _always),
    ("docred", ("title", "r"), _is_predicted_relation),
    ("textee", ("entity_mentions",), _always),
    ("textee", ("event_mentions",), _always),
    ("dygie", ("sentences", "ner"), _always),
    ("dygie", ("sentences", "events"), _always),
    ("dygie", ("sentences", "relations"), _always),
    ("spert", ("tokens", "entities"), _has_token_entities),
    ("gliner-json", ("tokenized_text",), _always),
    ("langextract", ("extractions",), _always),
    ("universal-ner", ("conversations",), _has_question("conversations")),
    ("universal-ner", ("messages",), _has_question("messages")),
    ("instruct-uie", ("Task", "Instance"), _always),
    ("instruct-uie", ("sentence", "entities"), _has_named_entities),
    ("gliner2-json", ("entities",), _has_label_lists),
    ("gliner2-json", ("input", "output"), _has_output_entities),
    ("labelstudio", ("data", "annotations"), _always),
    ("labelstudio", ("data", "completions"), _always),
    ("labelstudio", ("data", "predictions"), _always),
    ("prodigy", ("text", "spans"), _has_spans_under("spans")),
    ("doccano", ("entities",), _has_doccano_entities),
    ("doccano", ("label",), _has_triples("label")),
    ("doccano", ("labels",), _has_triples("labels")),
    ("jsonl", ("text", "entities"), _has_spans_under("entities")),
    ("spacy-json", ("text", "entities"), _has_triples("entities")),
    ("spacy-json", ("text", "entities"), _has_exported_entities),
    ("spacy-json", ("text", "ents"), _has_spans_under("ents")),
    ("spacy-json", ("annotations",), lambda record: is_pair(record["annotations"][0])),
    ("spacy-json", ("full_text", "spans"), _always),
    ("spacy-json", ("paragraphs",), lambda record: "sentences" in record["paragraphs"][0]),
    ("spacy-json", ("content", "annotation"), _has_points),
    ("spacy-json", ("text", "annotation"), _has_points),
    ("spacy-json", ("text", "spans"), _has_entity_types),
    ("hf", ("tokens",), has_tagged_tokens),
    ("labelstudio", (), _has_regions),
    ("gliner2-json", (), _has_strings_under_labels),
    ("", ("text", "annotation"), _always),
    ("", ("text", "spans"), _always),
    ("", ("text", "annotations"), _always),
)


def recognize(path: Path) -> tuple[str, tuple[str, ...]] | None:
    """Returns the format of the first record of a JSON or JSONL file that is recognized, and the
    keys by which it was; the format of a table and two columns; the format of another text file,
    without keys; None for any other file.
    """
    return next(_recognized_records(path), None) or recognize_text(path, read_head(path))


def recognize_all(path: Path) -> tuple[str, ...]:
    """Returns the formats that the first records or lines of a file have: one if the format is
    certain, several if it is in doubt, none if the content is not known.
    """
    try:
        formats = [format for format, _ in _recognized_records(path) if format]
        if not formats and (found := recognize_text(path, read_head(path))):
            formats.append(found[0])
        return tuple(dict.fromkeys(formats))
    except (InputError, OSError):  # which the reader of the file explains
        return ()


def recognized_by_content() -> frozenset[str]:
    """Returns the formats whose files are recognized whatever their suffix."""
    by_record = frozenset(format for format, _, _ in SIGNS) - {"", "jsonl"}
    return by_record | LINE_FORMATS


def _recognize_record(record: Any) -> tuple[str, tuple[str, ...]] | None:
    """The format of a record and the keys by which it was recognized; None if it is not."""
    if _is_example(record):
        return "spacy-json", ("entities",)
    if not isinstance(record, dict):
        return None
    for format, keys, check in SIGNS:
        if all(_has_value(record, key) for key in keys) and _passes(check, record):
            return format, keys
    return None


def _recognized_records(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    return filter(None, map(_recognize_record, iter_records(path)))


def _has_value(record: Record, key: str) -> bool:
    """Whether the value of a key is a string, or a list or object that is not empty."""
    value = record.get(key)
    return isinstance(value, (list, dict, str)) and value not in ([], {})


def _passes(check: Callable[[Record], bool], record: Record) -> bool:
    try:
        return check(record)
    except (TypeError, KeyError, AttributeError, ValueError, IndexError):
        return False


def read_head(path: Path) -> bytes:
    """The first bytes of a file, without a byte order mark; nothing for what is no file."""
    if not path.is_file():
        return b""
    with open_input(path) as file:
        return file.read(HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()


def iter_records(path: Path) -> Iterator[Any]:
    """Yields the first JSON records of a file: its lines, the items of its list, or its object."""
    head = read_head(path)
    if not head.startswith((b"{", b"[")):
        return
    lines = head.split(b"\n", MAX_RECORDS)[:MAX_RECORDS]
    first = _decode(lines[0])
    is_list = isinstance(first, list) and bool(first) and not is_any_pair(first)
    if first is not None and not is_list:
        yield from filter(None, map(_decode, lines))
    elif head.startswith(b"["):
        items = list(_iter_items(head.decode(errors="ignore")))
        yield from [items] if is_any_pair(items) else items
    elif path.stat().st_size <= WHOLE_FILE:
        with open_input(path) as file:
            yield _decode(file.read(WHOLE_FILE).removeprefix(b"\xef\xbb\xbf"))


def _iter_items(text: str) -> Iterator[Any]:
    """Yields the first items of a JSON list, whose end may be missing."""
    decoder, position = json.JSONDecoder(), 1
    for _ in range(MAX_RECORDS):
        try:
            item, position = decoder.raw_decode(text, _skip_separator(text, position))
        except (ValueError, RecursionError):
            return
        yield item


def _skip_separator(text: str, position: int) -> int:
    while position < len(text) and text[position] in ", \t\r\n":
        position += 1
    return position


def _decode(text: bytes) -> Any:
    """The JSON of a text, which need not be UTF-8; None if it is none."""
    for encoding in ("utf-8", "latin-1"):
        try:
            return msgspec.json.decode(text.decode(encoding))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    return None
