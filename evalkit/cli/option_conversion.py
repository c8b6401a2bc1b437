"""Conversion of the values of options that need none, without typer's converters.

typer converts every value with pydantic, whose import takes longer than most commands. An option
that is not given, a string, and a number that is written plainly and within its bounds are
converted here; all other values, and so all messages, are typer's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

_PLAIN_NUMBERS: dict[type, re.Pattern[str]] = {
    int: re.compile(r"[0-9]{1,15}", re.ASCII),
    float: re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII),
}


class PlainConverter:
    """Converts the values of an option; `build_converter` makes typer's converter, which is used
    for the values that are not plain.
    """

    def __init__(self, build_converter: Callable[[], Any]) -> None:
        self._build_converter = build_converter

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value of an option: a string, a list of them, a number, or None."""
        annotation = param.type_descriptor.annotation
        settings = param.type_descriptor.parameter_info
        takes_several = param.multiple or param.nargs == -1
        if value is None:
            return () if takes_several else None
        if settings.parser is None:
            if annotation is str and isinstance(value, str):
                return value
            if annotation == list[str] and _are_strings(value):
                return list(value)
            number = _plain_number(annotation, value)
            if number is not None and _is_within(number, settings.min, settings.max):
                return number
        return self._build_converter().coerce(value, param=param, ctx=ctx)


def convert_plainly(params: Sequence[Any]) -> None:
    """Let options convert plain values themselves. Versions of typer before the one that uses
    pydantic are left as they are.
    """
    for param in params:
        build_converter = getattr(param, "get_runtime_param", None)
        if build_converter is not None and hasattr(param, "type_descriptor"):
            param.get_runtime_param = partial(PlainConverter, build_converter)


def _are_strings(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _plain_number(annotation: Any, value: Any) -> int | float | None:
    """A value as a number of the type; None for another type, and for what is not plainly one."""
    if annotation not in _PLAIN_NUMBERS:
        return None
    if type(value) is annotation:
        return value  # type: ignore[no-any-return]
    if isinstance(value, str) and _PLAIN_NUMBERS[annotation].fullmatch(value):
        return annotation(value)  # type: ignore[no-any-return]
    return None


def _is_within(number: float, low: float | None, high: float | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)
