"""Which options of a reader can change a number, and which hold for all formats?

They are written into the signature of a score.

`duplicates` is an option of all formats: "error" refuses annotations that are duplicates, "drop"
keeps the first of them. Without it they are refused in gold and kept in predictions. The other
options are those of the format's own reader.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.errors import InputError, UnknownNameError

DUPLICATES = ("error", "drop")
ALIASES = {"repeats": "duplicates"}
OFFSETS = (
    "offsets",
    "ends",
    "newlines",
    "first",
    "form",
)  # options of readers that convert offsets
WITHOUT_EFFECT = ("texts",)  # options that say where texts are, and change no number
_ESCAPES = str.maketrans({character: f"%{ord(character):02X}" for character in "%,+=:|"})


class SplitOptions(NamedTuple):
    """The options of a location: the one that holds for all formats, and those of the format
    itself.
    """

    duplicates: str | None
    own: dict[str, Any]


def split_options(options: Mapping[str, Any]) -> SplitOptions:
    """Raises InputError for an option that is given under two names, UnknownName for a value that
    `duplicates` does not have.
    """
    own: dict[str, Any] = {}
    for name, value in options.items():
        if ALIASES.get(name, name) in own or (name in ALIASES and ALIASES[name] in options):
            raise InputError(
                f"{name}: another name of {ALIASES.get(name, name)}, which is given, too; leave one"
                " of them out"
            )
        own[ALIASES.get(name, name)] = value
    duplicates = own.pop("duplicates", None)
    if duplicates is not None and duplicates not in DUPLICATES:
        raise UnknownNameError("value", duplicates, DUPLICATES, within="duplicates=")
    return SplitOptions(duplicates, own)


def own_options(read: Callable[..., Any]) -> dict[str, Any]:
    """The names of a reader's options, with their defaults."""
    parameters = inspect.signature(read).parameters.values()
    return {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def changed_options(read: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, str]:
    """The options that differ from their defaults and can change a number, as they are written into
    signatures, in order.
    """
    duplicates, own = split_options(options)
    defaults = {name: _written(value) for name, value in own_options(read).items()}
    changed = {name: _written(value) for name, value in own.items() if name not in WITHOUT_EFFECT}
    changed = {name: value for name, value in changed.items() if value != defaults.get(name)}
    if duplicates is not None:
        changed["duplicates"] = duplicates
    return dict(sorted(changed.items()))


def signature_field(gold: Mapping[str, str], predicted: Mapping[str, str]) -> str:
    """The field `read` of a signature, such as "gold=repair:begin+tagging:IOB1"; empty where both
    sides are read by default.
    """
    sides = {"gold": gold, "predicted": predicted}
    return ",".join(
        f"{side}={'+'.join(f'{name}:{value}' for name, value in sorted(options.items()))}"
        for side, options in sides.items()
        if options
    )


def _written(value: object) -> str:
    """A value as it is written behind a path; of a path the last part; `true`, `false` and nothing
    for values that Python has.
    """
    if value is None:
        return ""
    if isinstance(value, Path):
        value = value.name
    if isinstance(value, (list, tuple, set, frozenset)):
        value = ",".join(sorted(map(str, value)))
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.translate(_ESCAPES)
