"""The options of the layers that compare strings."""

from __future__ import annotations

from typing import Annotated

import typer

from evalkit.cli.options import SCORING

Normalization = Annotated[
    str | None,
    typer.Option(
        "--normalization",
        metavar="NAME",
        help="Normalization of strings in surfaces: verbatim, casefold or squad.",
        rich_help_panel=SCORING,
    ),
]
_MATCH_TEXTS = typer.Option(
    "--match-texts/--no-match-texts",
    help="Require equal texts; without: join documents by id only (surfaces).",
    rich_help_panel=SCORING,
)
MatchTexts = Annotated[bool, _MATCH_TEXTS]
OptionalMatchTexts = Annotated[bool | None, _MATCH_TEXTS]  # None: the default of `score`
