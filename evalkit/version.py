"""The version of evalkit."""

from __future__ import annotations

# The version in pyproject.toml, which a test compares: to look up the installed distribution takes
# longer than to import the package.
__version__ = "0.1.0"


def evalkit_version() -> str:
    """The version of evalkit."""
    return __version__
