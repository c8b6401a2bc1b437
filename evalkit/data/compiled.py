"""The compiled core, which runs the loops over annotations faster; None where it is not built.

Everything works without it, with the same results. EVALKIT_PURE=1 in the environment turns it off.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType

# A module that was built from another version of the source has other functions.
INTERFACE = 8


def load_core() -> ModuleType | None:
    """The module `_core`; None if it is not built, is of another version or is turned off."""
    if os.environ.get("EVALKIT_PURE"):
        return None
    try:
        module = import_module("evalkit.data._core")
    except ImportError:
        return None
    return module if module.INTERFACE == INTERFACE else None


core = load_core()
