"""Checks of JSON text that parsers do not make: duplicate keys, and one document on each line.

Of a duplicate key, parsers silently keep the last value, so evalkit refuses such text. The check is
fast. Decoding drops the other values of a duplicate key, so encoding again gives fewer quotation
marks than the text has. Every key and every string has two of them; one inside a string is written
\\" in both texts. A text that writes it as \\u0022 is parsed key by key instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from evalkit.data.compiled import core
from evalkit.errors import InputError, quoted_repr

QUOTE, CARRIAGE_RETURN, OPENING_BRACE, CLOSING_BRACE = b'"\r{}'


def find_duplicate_key(pairs: list[tuple[str, Any]]) -> str | None:
    """The first key that occurs twice among the pairs of an object, or None."""
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return key
        seen.add(key)
    return None


def reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, as an `object_pairs_hook` of json. Raises InputError if a key occurs twice."""
    key = find_duplicate_key(pairs)
    if key is not None:
        raise InputError(f"duplicate key {quoted_repr(key)} in one object; keep one of them")
    return dict(pairs)


def check_duplicate_keys(text: bytes) -> None:
    """Raise InputError if any object in a valid JSON text has a key twice."""
    if not has_all_strings(text, lambda: msgspec.json.encode(msgspec.json.decode(text))):
        json.loads(text, object_pairs_hook=reject_duplicate_keys)


def has_all_strings(text: bytes, encode_again: Callable[[], bytes]) -> bool:
    """Whether a JSON text has no more strings than its encoded values, and so no duplicate keys;
    False if this is not certain.
    """
    if b"\\" in text and b"\\u0022" in text:
        return False
    return count_quotes(text) == count_quotes(encode_again())


def count_quotes(text: bytes) -> int:
    """The number of quotation marks; three times as fast as bytes.count."""
    if core is not None:
        return int(core.count_quotes(text))
    import numpy as np  # imported late: most programs load corpora without it

    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == QUOTE))


def is_document_per_line(data: bytes, count: int) -> bool:
    """Whether valid JSON data with this number of objects has one of them on each line; False also
    for data with blank lines.

    It suffices to look at the characters at line ends: if an object continues on the next line,
    that line does not begin with a brace.
    """
    if core is not None:
        return bool(core.has_document_on_each_line(data, count))
    end = len(data) - data.endswith(b"\n")
    start = 0
    for _ in range(count):
        line_end = data.find(b"\n", start, end)
        if line_end < 0:
            line_end = end
        closing = line_end - 1 - (data[line_end - 1] == CARRIAGE_RETURN)
        if start >= end or data[start] != OPENING_BRACE or data[closing] != CLOSING_BRACE:
            return False
        start = line_end + 1
    return start > end
