"""The options of commands for the prompts of language models."""

from __future__ import annotations

from typing import Annotated

import typer

from evalkit.cli.options import RUNNING

ShowPrompt = Annotated[
    bool,
    typer.Option(
        "--show-prompt",
        metavar="",
        help="Print the prompt for the first document (--limit N: more); send no request.",
        rich_help_panel=RUNNING,
    ),
]
