"""Values of options of scorers, which are strings on the command line."""

from __future__ import annotations

from evalkit.errors import InputError, UnknownNameError, spell_option


def parse_flag(name: str, value: object) -> bool:
    """The value of an option that is a bool, or "true" or "false". Raises UnknownNameError."""
    text = str(value).lower() if isinstance(value, (bool, str)) else ""
    if text not in ("true", "false"):
        raise UnknownNameError("value", value, ("true", "false"), within=name)
    return text == "true"


def parse_size(name: str, value: object) -> int | None:
    """The value of an option that is a positive number; None for "none". Raises InputError."""
    if value is None or str(value).lower() == "none":
        return None
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if (is_number or isinstance(value, str)) and str(value).isdecimal() and int(str(value)) > 0:
        return int(str(value))
    raise InputError(
        f"invalid {spell_option(name, value, of='scorer')}: expected a positive number, or none"
    )
