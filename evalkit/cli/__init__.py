"""The command line."""

from evalkit.cli.entry_point import main

__all__ = ["main"]
