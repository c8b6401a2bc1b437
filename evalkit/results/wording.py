"""Numbers and lists of names in words."""

from __future__ import annotations

from collections.abc import Container, Sequence


def format_count(value: float | None) -> str:
    """A count; nothing for None."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def pluralize(number: int, noun: str) -> str:
    """1 document, 2 documents."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def join_some(names: Sequence[str], most: int = 8) -> str:
    """The names; of many the first, and how many more there are. Names that contain commas are
    separated by semicolons.

    >>> join_some(["cue", "content"]), join_some(["cue, strict", "cue, type"])
    ('cue, content', 'cue, strict; cue, type')
    """
    separator = "; " if any(", " in name for name in names) else ", "
    shown = separator.join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def unique_name(name: str, taken: Container[str]) -> str:
    """The name, with a number behind it if it is taken."""
    unique = name
    number = 2
    while unique in taken:
        unique = f"{name}-{number}"
        number += 1
    return unique
