"""Values of options of scorers, which are strings on the command line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from math import isfinite

from evalkit.errors import InputError, UnknownNameError, spell_option


def parse_choice(name: str, value: object, choices: Collection[str]) -> str:
    """The value of an option that is one of some names. Raises UnknownNameError."""
    if not isinstance(value, str) or value not in choices:
        raise UnknownNameError("value", value, choices, within=f"{name}=")
    return value


def parse_flag(name: str, value: object) -> bool:
    """The value of an option that is a bool, or "true" or "false". Raises InputError."""
    text = str(value).lower() if isinstance(value, (bool, str)) else ""
    if text not in ("true", "false"):
        raise _error(name, value, "true or false")
    return text == "true"


def parse_size(name: str, value: object) -> int | None:
    """The value of an option that is a positive number; None for "none". Raises InputError."""
    if value is None or str(value).lower() == "none":
        return None
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if (is_number or isinstance(value, str)) and str(value).isdecimal() and int(str(value)) > 0:
        return int(str(value))
    raise _error(name, value, "a positive number, or none")


def parse_number(name: str, value: object, low: float, high: float) -> float:
    """The number of an option. Raises InputError unless it is from low to high."""
    number = float("nan")
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        with suppress(ValueError):
            number = float(value)
    if not isfinite(number) or not low <= number <= high:
        raise _error(name, value, f"a number from {low:g} to {high:g}")
    return number


def parse_labels(name: str, value: object) -> list[str]:
    """The labels of an option that is a list of strings, which may be empty, or a string with
    commas between them. Raises InputError for a string without labels, and for what is not a
    string.
    """
    if value in ([], ()):
        return []
    return _parse_list(name, value, ",", "labels, separated by commas")


def parse_names(name: str, value: object, what: str) -> list[str]:
    """The names of an option that is a list of strings, or a string with plus signs, commas or
    white space between them; none for None, "" and an empty list. Raises InputError for a string
    of separators alone, and for what is not a string.

    what: the names, for messages.
    """
    if value is None or value in ("", [], ()):
        return []
    return _parse_list(name, value, r"[\s,+]", f"{what}, separated by +")


def _parse_list(name: str, value: object, separator: str, expected: str) -> list[str]:
    names: list[object] = []
    if isinstance(value, str):
        names = [part.strip() for part in re.split(separator, value) if part.strip()]
    elif isinstance(value, Iterable):
        names = list(value)
    strings = [each for each in names if isinstance(each, str) and each]
    if not strings or len(strings) < len(names):
        raise _error(name, value, expected)
    return strings


def _error(name: str, value: object, expected: str) -> InputError:
    return InputError(f"invalid {spell_option(name, value, of='scorer')}: expected {expected}")
