"""The options of commands for gold that accepts more than one prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.option_values import parse_systems
from evalkit.cli.options import SCORING

PlainGold = Annotated[
    bool,
    typer.Option(
        "--plain-gold",
        metavar="",
        help="Ignore alternatives, optional items and ignore regions of gold.",
        rich_help_panel=SCORING,
    ),
]
OptionalPlainGold = Annotated[
    bool,
    typer.Option(
        "--plain-gold",
        metavar="",
        help="For predictions: ignore alternatives, optional items and ignore regions of gold.",
        rich_help_panel=SCORING,
    ),
]
Ceiling = Annotated[
    str | None,
    typer.Option(
        "--ceiling",
        metavar="A,B",
        help="Print the annotators' agreement beside each F1: the annotations of two or more"
        " annotators of gold ([NAME=]FILE each), or one file with several annotators.",
        rich_help_panel=SCORING,
    ),
]


def parse_ceiling(text: str | None) -> list[tuple[str | None, str]] | None:
    """The name (None without one) and the path of each annotator of --ceiling [NAME=]A,[NAME=]B."""
    if text is None:
        return None
    annotators = []
    for part in [text] if Path(text).exists() else text.split(","):
        ((name, path),) = parse_systems([part])
        annotators.append((name, str(path)))
    return annotators
