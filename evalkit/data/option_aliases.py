"""Former names of options, accepted for one release."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from evalkit.errors import InputError, spell_option, warn_deprecated

Parameters = ParamSpec("Parameters")
Value = TypeVar("Value")


def resolve_option_aliases(
    options: Mapping[str, Any], aliases: Mapping[str, str], *, of: str
) -> dict[str, Any]:
    """The options under their current names, in the same order.

    - `aliases`: former names, each with the current name.
    - `of`: "command", "format" or "model", as for `spell_option`.

    Issues one warning for each former name. Raises InputError if an option is given under both
    names.

    >>> resolve_option_aliases({"seed": 1}, {"random_state": "seed"}, of="command")
    {'seed': 1}
    """
    resolved: dict[str, Any] = {}
    for name, value in options.items():
        current = aliases.get(name)
        if current is None:
            resolved[name] = value
            continue
        former, new = spell_option(name, of=of), spell_option(current, of=of)
        if current in options or current in resolved:
            raise InputError(f"{former} is the former name of {new}; give one of them")
        warn_deprecated(f"{former} is deprecated: write {new}")
        resolved[current] = value
    return resolved


def accept_former_names(
    **aliases: str,
) -> Callable[[Callable[Parameters, Value]], Callable[Parameters, Value]]:
    """A decorator for functions whose parameters had other names.

    - `aliases`: former names of parameters, each with the current name.

    >>> @accept_former_names(form="format")
    ... def render(format: str) -> str:
    ...     return format
    >>> render("table")
    'table'
    """

    def decorate(function: Callable[Parameters, Value]) -> Callable[Parameters, Value]:
        @wraps(function)
        def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Value:
            if not kwargs.keys() & aliases.keys():
                return function(*args, **kwargs)
            current: Any = resolve_option_aliases(kwargs, aliases, of="command")
            return function(*args, **current)

        return call

    return decorate
