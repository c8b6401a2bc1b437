"""The version of evalkit."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version


@lru_cache
def evalkit_version() -> str:
    """The version of the installed distribution; "unknown" where evalkit is run from a folder that
    was never installed.
    """
    try:
        return version("evalkit-ie")
    except PackageNotFoundError:
        return "unknown"
