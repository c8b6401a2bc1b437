"""Former names of options, accepted for one release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.errors import InputError, spell_option, warn_deprecated


def resolve_option_aliases(
    options: Mapping[str, Any], aliases: Mapping[str, str], *, of: str
) -> dict[str, Any]:
    """The options under their present names, in the same order.

    - `aliases`: the present name of each former one.
    - `of`: what the options belong to, as for `spell_option`.

    Issues one warning for each former name. Raises InputError if an option is given under both
    names.

    >>> resolve_option_aliases({"seed": 1}, {"random_state": "seed"}, of="command")
    {'seed': 1}
    """
    resolved: dict[str, Any] = {}
    for name, value in options.items():
        present = aliases.get(name)
        if present is None:
            resolved[name] = value
            continue
        former, new = spell_option(name, of=of), spell_option(present, of=of)
        if present in options or present in resolved:
            raise InputError(f"{former} is the former name of {new}; give one of them")
        warn_deprecated(f"{former} is deprecated: write {new}")
        resolved[present] = value
    return resolved
