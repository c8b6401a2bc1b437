"""Extraction of the JSON object, and of the lists in it, from an answer.

An answer is read if it holds one JSON object: bare, in a fence, with words around it, or after the
reasoning of a model (<think>). Nothing is guessed: two objects, or one that is cut off, are an
error. Words after the object may contain braces.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from evalkit.data.json_keys import find_duplicate_key

MAX_ITEMS = 20_000
MAX_DEPTH = 64
_DELIMITERS = re.compile(r'[{}\[\]"\\]')
_OBJECT_START = re.compile(r'\{\s*["}]')


class UnreadableAnswerError(ValueError):
    """An answer that is not one JSON object; the message is one short line."""


class DuplicateKeys:
    """An object with a duplicate key, so that its values are ambiguous."""


def extract_layers(content: str, layers: Sequence[str]) -> dict[str, list[Any]]:
    """The list of each layer in an answer, in time linear in its length.

    Raises UnreadableAnswerError.
    """
    answer = _single_object(_without_thinking(content))
    if isinstance(answer, DuplicateKeys):
        raise UnreadableAnswerError("a duplicate key in the answer")
    if not any(layer in answer for layer in layers):
        raise UnreadableAnswerError(f"the answer has none of the keys {', '.join(layers)}")
    lists: dict[str, list[Any]] = {}
    size = 0
    for layer in layers:
        items = answer.get(layer)
        lists[layer] = [] if items is None else items
        if not isinstance(lists[layer], list):
            raise UnreadableAnswerError(f"{layer}: expected a list")
        size += sum(map(_count_items, lists[layer]))
    if size > MAX_ITEMS:
        raise UnreadableAnswerError(f"{size} items, more than {MAX_ITEMS}")
    return lists


def _single_object(text: str) -> Any:
    """The only object in a text. What follows it and is not a complete JSON object is prose."""
    objects = _iter_objects(text)
    first = next(map(_decode, objects), None)
    if first is None:
        raise UnreadableAnswerError("no JSON object in the answer")
    if _has_object(objects):
        raise UnreadableAnswerError("more than one JSON object in the answer")
    return first


def _has_object(objects: Iterator[str]) -> bool:
    """Whether one of the remaining objects is JSON, or is cut off."""
    try:
        for text in objects:
            with contextlib.suppress(UnreadableAnswerError):
                _decode(text)
                return True
    except UnreadableAnswerError:
        return True
    return False


def _without_thinking(content: str) -> str:
    """The answer without the reasoning before it."""
    text = content.lstrip("\ufeff").lstrip()
    return text.partition("</think>")[2] if text.startswith("<think>") else text


def _count_items(item: Any) -> int:
    """The number of items in an item: itself and its arguments."""
    arguments = item.get("arguments") if isinstance(item, dict) else None
    return 1 + (len(arguments) if isinstance(arguments, list) else 0)


def _iter_objects(text: str) -> Iterator[str]:
    """The outermost objects in a text; a brace opens one if a quote or the closing brace follows.

    Raises UnreadableAnswerError where one is not closed, or nested too deeply.
    """
    depth, start, is_quoted, escaped = 0, 0, False, -1
    for match in _DELIMITERS.finditer(text):
        position, delimiter = match.start(), match.group()
        if position <= escaped or not (depth or _OBJECT_START.match(text, position)):
            continue
        if is_quoted:
            if delimiter == "\\":
                escaped = position + 1
            is_quoted = delimiter != '"'
        elif delimiter in "{[":
            if not depth:
                start = position
            depth += 1
            if depth > MAX_DEPTH:
                raise UnreadableAnswerError(f"the answer is nested more than {MAX_DEPTH} deep")
        elif delimiter in "}]":
            depth -= 1
            if not depth:
                yield text[start : position + 1]
        else:
            is_quoted = delimiter == '"'
    if depth:
        raise UnreadableAnswerError("the JSON of the answer is cut off")


def _decode(text: str) -> Any:
    """The object in a text. Raises UnreadableAnswerError."""
    try:
        return json.loads(
            text, strict=False, object_pairs_hook=_build_object, parse_constant=_reject_constant
        )
    except (ValueError, RecursionError) as error:
        raise UnreadableAnswerError(f"the answer is not JSON: {str(error)[:80]}") from None


def _build_object(pairs: list[tuple[str, Any]]) -> Any:
    return dict(pairs) if find_duplicate_key(pairs) is None else DuplicateKeys()


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
