"""Commands that list what evalkit knows: formats, models."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.errors import advise_extra, print_line
from evalkit.formats.registry import FORMATS
from evalkit.models.registry import MODEL_KINDS, plugins


def formats() -> None:
    """List the formats of corpora."""
    rows = []
    for name, corpus_format in FORMATS.items():
        suffixes = ", ".join(corpus_format.suffixes).replace("/", "a folder")
        needs = f"; needs {advise_extra(corpus_format.extra)}" if corpus_format.missing else ""
        rows.append((name, suffixes, corpus_format.what + needs))
    _print_columns(rows)


def models() -> None:
    """List the kinds of models."""
    rows = []
    for kind in MODEL_KINDS.values():
        needs = f"; needs {advise_extra(kind.extra)}" if kind.missing else ""
        rows.append((kind.spelled, kind.gives, kind.what + needs))
    for plugin in plugins():
        package = plugin.dist.name if plugin.dist else "another package"
        rows.append((f"{plugin.name}:NAME", "whatever it gives", f"from {package}: {plugin.value}"))
    _print_columns(rows)


def _print_columns(rows: Sequence[tuple[str, str, str]]) -> None:
    first = max(len(row[0]) for row in rows)
    second = max(len(row[1]) for row in rows)
    for row in rows:
        print_line(f"{row[0]:{first}}  {row[1]:{second}}  {row[2]}")


COMMANDS = {"formats": formats, "models": models}
