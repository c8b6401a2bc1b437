"""The options of `score` for large corpora: workers, and the folder for counts of shards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.options import RUNNING

ScoreJobs = Annotated[
    int,
    typer.Option(
        "--jobs",
        metavar="N",
        min=1,
        help="Workers, for shards or for parts of two JSONL files in one order.",
        rich_help_panel=RUNNING,
    ),
]
Backend = Annotated[
    str | None,
    typer.Option(
        "--backend",
        metavar="NAME",
        help=(
            "Kind of the workers: loky, threading, or dask:ADDRESS. Default: processes, forked"
            " where that is safe."
        ),
        rich_help_panel=RUNNING,
    ),
]
CountsDir = Annotated[
    Path | None,
    typer.Option(
        "--run-dir",
        metavar="DIR",
        help="Store the counts of finished shards here; the same command resumes.",
        rich_help_panel=RUNNING,
    ),
]
