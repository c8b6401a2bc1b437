"""Imports the renderer of typer's help without the modules of rich that the help does not use."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import Any

RENDERER = "typer.rich_utils"
# Help has no Markdown, and errors of commands are not shown as tracebacks of rich; both modules
# bring parsers that take more than half the time of the whole help.
UNUSED = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}


def import_help_renderer() -> None:
    """Import the renderer, with empty classes in the place of those that it does not use."""
    if RENDERER not in sys.modules:
        with _empty_modules(), suppress(ImportError):
            import_module(RENDERER)


def hide_flag_types(params: Sequence[Any]) -> None:
    """Let the help show no type beside options that take no value."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""


@contextmanager
def _empty_modules() -> Iterator[None]:
    """Modules with an empty class each, which are gone afterwards, so that other code imports the
    real ones.
    """
    names = [name for name in UNUSED if name not in sys.modules]
    for name in names:
        module = ModuleType(name)
        setattr(module, UNUSED[name], type(UNUSED[name], (), {}))
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
