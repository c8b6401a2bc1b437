"""The options for how strings are compared: those of surfaces, and the ids of links; and the
source of the heads of arguments.
"""

from __future__ import annotations

from typing import Annotated

import typer

from evalkit.cli.options import SCORING

Normalization = Annotated[
    str | None,
    typer.Option(
        "--normalization",
        metavar="NAME",
        help="Normalization of strings in surfaces and speakers: verbatim, casefold or squad.",
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
Nil = Annotated[
    str | None,
    typer.Option(
        "--nil",
        metavar="NAME",
        help=(
            "How links compare NIL: string (NIL1 equals NIL1 only, the default), or one (every NIL"
            " equals every other)."
        ),
        rich_help_panel=SCORING,
    ),
]
Heads = Annotated[
    str | None,
    typer.Option(
        "--heads",
        metavar="spacy:NAME",
        help="Source of syntactic heads for arguments/head; default: the corpus.",
        rich_help_panel=SCORING,
    ),
]
