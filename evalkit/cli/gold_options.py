"""The options of commands for gold that accepts more than one prediction."""

from __future__ import annotations

from typing import Annotated

import typer

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
