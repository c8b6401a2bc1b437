"""The command `emulate`: what another scorer prints for the same predictions, and why."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl

import typer

from evalkit.analysis.scorer_practices import PRACTICES
from evalkit.analysis.scorer_registry import SCORERS
from evalkit.cli.option_values import (
    check_outputs,
    output_format,
    terminal_width,
    write_output,
)
from evalkit.cli.options import Digits, Missing, Output, OutputFormat, Percent
from evalkit.errors import InputError, print_line
from evalkit.evaluation.emulation import emulate


def emulate_command(
    scorer: Annotated[
        str | None,
        typer.Argument(
            metavar="SCORER",
            help="The scorer, such as seqeval, with its options: 'SCORER?key=value'.",
        ),
    ] = None,
    gold: Annotated[
        str | None, typer.Argument(metavar="GOLD", help="The gold corpus, or a file of tags.")
    ] = None,
    predicted: Annotated[
        str | None,
        typer.Argument(metavar="PREDICTED", help="Predictions for the same documents."),
    ] = None,
    *,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", "--why", help="Show the steps from evalkit's number to that of the scorer."
        ),
    ] = False,
    list_scorers: Annotated[
        bool, typer.Option("--list", help="List the scorers, their versions and options.")
    ] = False,
    missing: Missing = "error",
    form: OutputFormat = None,
    output: Output = None,
    digits: Digits = None,
    percent: Percent = False,
) -> None:
    """Print what another scorer prints, and explain the difference."""
    if list_scorers:
        for line in _scorer_lines():
            print_line(line)
        return
    if scorer is None or gold is None or predicted is None:
        raise InputError(
            "expected SCORER GOLD PREDICTED, such as: evalkit emulate seqeval gold.conll"
            " predicted.conll; --list shows the scorers"
        )
    check_outputs({"-o": output}, gold, predicted)
    report_format = output_format(form, output)
    name, _, query = scorer.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    emulated = emulate(name, gold, predicted, explain=explain, missing=missing, **options)
    if report_format == "html":
        text = emulated.to_html(digits=digits, percent=percent)
    else:
        text = emulated.render(
            report_format, width=terminal_width(output), digits=digits, percent=percent
        )
    write_output(text, output)


def _scorer_lines() -> list[str]:
    """A line for each scorer (name, version, what it compares, its options), and one about the
    options of all.
    """
    rows = []
    for name, scorer in SCORERS.items():
        options = ", ".join(scorer.options)
        description = scorer.description + (f" (options: {options})" if options else "")
        rows.append((name, scorer.version, description))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{name:{widths[0]}}  {version:{widths[1]}}  {rest}" for name, version, rest in rows]
    practices = ", ".join(PRACTICES)
    return [
        *lines,
        f"Options of all: practices ({practices}, or several with +), heads of head-words, tagging"
        " of the tags",
    ]
