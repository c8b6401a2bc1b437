"""Values of options of scorers, which are strings on the command line."""

from __future__ import annotations

from evalkit.errors import UnknownNameError


def parse_flag(name: str, value: object) -> bool:
    """The value of an option that is a bool, or "true" or "false". Raises UnknownNameError."""
    text = str(value).lower() if isinstance(value, (bool, str)) else ""
    if text not in ("true", "false"):
        raise UnknownNameError("value", value, ("true", "false"), within=name)
    return text == "true"
