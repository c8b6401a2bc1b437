"""The options of commands for language models: their prompts, requests and answers."""

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
LogSamples = Annotated[
    bool | None,
    typer.Option(
        "--log-samples/--no-log-samples",
        metavar="",
        help="Store raw requests and responses in --run-dir (default: where there is one).",
        show_default=False,
        rich_help_panel=RUNNING,
    ),
]
Reparse = Annotated[
    bool,
    typer.Option(
        "--reparse",
        metavar="",
        help="Parse the answers stored in --run-dir again; send no request.",
        rich_help_panel=RUNNING,
    ),
]
NeededMetrics = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="LIST",
        help="Prompt a language model only for the layers that these metrics need.",
        rich_help_panel=RUNNING,
    ),
]
