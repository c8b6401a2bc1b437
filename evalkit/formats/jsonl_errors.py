"""Explains why a line of a JSONL file is invalid."""

from __future__ import annotations

import re

import msgspec

from evalkit.errors import quoted_repr
from evalkit.formats.reading_options import LATIN1, advise_encoding, guess_encoding

BOM = b"\xef\xbb\xbf"
LINE_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)  # that decoding a line raises


def explain_invalid_utf8(data: bytes, what: str) -> str:
    """The message about bytes that are not UTF-8; "" if they are. what: what the bytes are.

    The errors of msgspec depend on its version: UnicodeDecodeError up to 0.22, DecodeError later.

    >>> explain_invalid_utf8(b'{"id": "\\xff"}', "line").partition(";")[0]
    'not UTF-8: invalid start byte at byte 8 of the line'
    """
    try:
        data.decode()
    except UnicodeDecodeError as error:
        problem = f"{error.reason} at byte {error.start} of the {what}"
        return f"not UTF-8: {problem}; {advise_encoding(data)}"
    if 0 in data[:2] and guess_encoding(data) != LATIN1:  # texts in UTF-16 begin so
        return (
            f"not UTF-8: a zero byte at byte {data.index(0)} of the {what}; {advise_encoding(data)}"
        )
    return ""


def explain_line_error(error: Exception, line: bytes) -> str:
    """The message about an invalid line: the path, the problem and the invalid value."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if invalid := explain_invalid_utf8(line, "line"):
        return invalid
    message = re.sub(r"`([^`$]*)`", r"'\1'", str(error))
    if isinstance(error, msgspec.ValidationError):
        problem, _, path = message.partition(" - at `$")
        value = _quoted_value(line, re.findall(r"\w+", path))
        return f"{path.strip('.`') or 'the line'}: {problem}{value}"
    if isinstance(error, msgspec.DecodeError):
        return f"not JSON: {message}{_format_hint(line)}"
    return message


def _quoted_value(line: bytes, steps: list[str]) -> str:
    """The end of a message: the value at a path, as ": 'value'"; "" if there is none."""
    try:
        value = msgspec.json.decode(line.removeprefix(BOM))
        for step in steps:
            value = value[int(step)] if isinstance(value, list) else value[step]
    except (*LINE_ERRORS, KeyError, IndexError, TypeError):
        return ""
    return f": {quoted_repr(value)}"


def _format_hint(line: bytes) -> str:
    """The end of a message about a line that is not JSON: the likely cause; "" if not known."""
    if b"\r" in line.rstrip():
        return "; expected lines that end in line feeds"
    if line.strip() in (b"{", b"["):
        return "; expected each document on one line"
    return ""
