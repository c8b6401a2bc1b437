"""Which JSON object is in an answer, and which lists are in it?

An answer is read if it is one JSON object: bare, in a fence, with words around it, or after what a
model thought aloud. Nothing is guessed: where there are two objects, or one that is cut off, nobody
knows what was meant. Words after the object may hold braces.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from evalkit.data.json_keys import find_duplicate_key

MOST_ITEMS = 20_000
DEEPEST = 64
_SIGNS = re.compile(r'[{}\[\]"\\]')
_OPENS = re.compile(r'\{\s*["}]')


class Unreadable(ValueError):
    """An answer that cannot be read as one JSON object; the reason is one short line."""


class DuplicateKeys:
    """An object in which a key stands twice, so that nobody knows what it says."""


def extract_layers(content: str, layers: Sequence[str]) -> dict[str, list[Any]]:
    """The lists of an answer, one a layer. Raises Unreadable. Takes time linear in the answer."""
    answer = _single_object(_without_thinking(content))
    if isinstance(answer, DuplicateKeys):
        raise Unreadable("a key stands twice in the answer")
    if not any(layer in answer for layer in layers):
        raise Unreadable(f"the answer has none of the keys {', '.join(layers)}")
    lists = {layer: [] if answer.get(layer) is None else answer[layer] for layer in layers}
    for layer, items in lists.items():
        if not isinstance(items, list):
            raise Unreadable(f"{layer} is no list")
    if (n := sum(map(_weight, (item for items in lists.values() for item in items)))) > MOST_ITEMS:
        raise Unreadable(f"{n} items, more than {MOST_ITEMS}")
    return lists


def _single_object(text: str) -> Any:
    """The one object in a text.

    After it, what is no complete JSON object is prose, whatever braces it holds.
    """
    objects = _objects(text)
    first = next(map(_decoded, objects), None)
    if first is None:
        raise Unreadable("no JSON object in the answer")
    if _holds_object(objects):
        raise Unreadable("more than one JSON object in the answer")
    return first


def _holds_object(objects: Iterator[str]) -> bool:
    """Whether one of the remaining objects is JSON, or is cut off."""
    try:
        for text in objects:
            with contextlib.suppress(Unreadable):
                _decoded(text)
                return True
    except Unreadable:
        return True
    return False


def _without_thinking(content: str) -> str:
    """The answer without what a model thought before it."""
    told = content.lstrip("\ufeff").lstrip()
    return told.partition("</think>")[2] if told.startswith("<think>") else told


def _weight(item: Any) -> int:
    arguments = item.get("arguments") if isinstance(item, dict) else None
    return 1 + (len(arguments) if isinstance(arguments, list) else 0)


def _objects(text: str) -> Iterator[str]:
    """The objects that stand in a text and not in another; a brace opens one if a quote or the
    closing brace follows.

    Raises Unreadable where one is not closed, or nested too deep.
    """
    depth, start, quoted, skipped = 0, 0, False, -1
    for sign in _SIGNS.finditer(text):
        at, what = sign.start(), sign.group()
        if at <= skipped or not (depth or _OPENS.match(text, at)):
            continue
        if quoted:
            skipped = at + 1 if what == "\\" else skipped
            quoted = what != '"'
        elif what in "{[":
            start = start if depth else at
            depth += 1
            if depth > DEEPEST:
                raise Unreadable(f"the answer is nested deeper than {DEEPEST}")
        elif what in "}]":
            depth -= 1
            if not depth:
                yield text[start : at + 1]
        else:
            quoted = what == '"'
    if depth:
        raise Unreadable("the JSON of the answer is cut off")


def _decoded(text: str) -> Any:
    """The object in a text. Raises Unreadable."""
    try:
        return json.loads(text, strict=False, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the answer is no JSON: {str(error)[:80]}") from None


def _once(pairs: list[tuple[str, Any]]) -> Any:
    return dict(pairs) if find_duplicate_key(pairs) is None else DuplicateKeys()


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
