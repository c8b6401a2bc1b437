"""The options of error analysis, and of its files and reports in other commands."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.options import OUTPUT

ERRORS = "Errors"


class ErrorFormat(str, enum.Enum):
    """The formats of an error analysis."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    html = "html"


Layer = Annotated[
    str | None,
    typer.Option(
        "--layer",
        metavar="LAYER",
        help="Layer to analyze: entities, triggers, … Default: the first that both sides have.",
        rich_help_panel=ERRORS,
    ),
]
BrokenDownMetric = Annotated[
    str | None,
    typer.Option(
        "--metric",
        metavar="METRIC",
        help="Metric that --by breaks down. Default: the strict one of the layer.",
        rich_help_panel=ERRORS,
    ),
]
Features = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="LIST",
        help=(
            "Break recall and precision down by length, density, position, sentence-initial, zone,"
            " frequency, nesting, score, novelty, confusable, consistency or attribute:KEY."
        ),
        rich_help_panel=ERRORS,
    ),
]
TrainingCorpus = Annotated[
    str | None,
    typer.Option(
        "--train",
        metavar="CORPUS",
        help="Training corpus, for --by novelty and consistency.",
        rich_help_panel=ERRORS,
    ),
]
Examples = Annotated[
    int,
    typer.Option(
        "--examples",
        metavar="N",
        min=0,
        help="Examples of each kind of error.",
        rich_help_panel=ERRORS,
    ),
]
IgnoreCase = Annotated[
    bool,
    typer.Option(
        "--ignore-case",
        metavar="",
        help="Ignore case and white space in surface forms.",
        rich_help_panel=ERRORS,
    ),
]
NoText = Annotated[
    bool,
    typer.Option(
        "--no-text",
        metavar="",
        help="Show offsets and hashes instead of text.",
        rich_help_panel=ERRORS,
    ),
]
MaxDocuments = Annotated[
    str,
    typer.Option(
        "--max-documents",
        metavar="N|all",
        help="Documents shown in full on the HTML page.",
        rich_help_panel=ERRORS,
    ),
]
ErrorOutputFormat = Annotated[
    ErrorFormat | None,
    typer.Option(
        "--format",
        case_sensitive=False,
        metavar="FORMAT",
        help="table, json, jsonl (one error a line), markdown, latex, csv or html. Default: by the"
        " suffix of -o, or table.",
        rich_help_panel=OUTPUT,
    ),
]
SaveErrors = Annotated[
    Path | None,
    typer.Option(
        "--save-errors",
        metavar="FILE",
        help="Save one error per line (JSONL).",
        rich_help_panel=OUTPUT,
    ),
]
SaveItems = Annotated[
    Path | None,
    typer.Option(
        "--save-items",
        metavar="FILE",
        help="Save the items that only one system has right, and all other wrong ones (JSONL).",
        rich_help_panel=OUTPUT,
    ),
]
ReportWithoutText = Annotated[
    bool,
    typer.Option(
        "--no-text",
        metavar="",
        help="Leave the text out of --report and --save-errors.",
        rich_help_panel=OUTPUT,
    ),
]
ComparedWithoutText = Annotated[
    bool,
    typer.Option(
        "--no-text",
        metavar="",
        help="Leave the text out of --report and --save-items.",
        rich_help_panel=OUTPUT,
    ),
]
ReportDocuments = Annotated[
    str,
    typer.Option(
        "--max-documents",
        metavar="N|all",
        help="Documents shown in full by --report FILE.html.",
        rich_help_panel=OUTPUT,
    ),
]
