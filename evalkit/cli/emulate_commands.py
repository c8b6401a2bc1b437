"""The command `emulate`: what another scorer prints for the same predictions, and why."""

from __future__ import annotations

import textwrap
from typing import Annotated
from urllib.parse import parse_qsl

import typer

from evalkit.analysis.scorer_practices import PRACTICES
from evalkit.analysis.scorer_registry import SCORERS, SHARED_OPTIONS, find_scorer
from evalkit.cli.columns import list_width, print_columns
from evalkit.cli.option_values import (
    check_outputs,
    output_format,
    terminal_width,
    write_output,
)
from evalkit.cli.options import Digits, Missing, Output, OutputFormat, Percent
from evalkit.errors import InputError, UnknownNameError, print_line, quoted_repr
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
        _print_scorers()
        return
    if scorer is None or gold is None or predicted is None:
        raise InputError(
            "expected SCORER GOLD PREDICTED, such as: evalkit emulate seqeval gold.conll"
            " predicted.conll; --list shows the scorers"
        )
    check_outputs({"-o": output}, gold, predicted)
    report_format = output_format(form, output)
    name, options = _parse_scorer(scorer)
    emulated = emulate(name, gold, predicted, explain=explain, missing=missing, **options)
    if report_format == "html":
        text = emulated.to_html(digits=digits, percent=percent)
    else:
        text = emulated.render(
            report_format, width=terminal_width(output), digits=digits, percent=percent
        )
    write_output(text, output)


def _parse_scorer(scorer: str) -> tuple[str, dict[str, str]]:
    """The name and the options of 'SCORER?key=value'. Raises UnknownNameError for an unknown name,
    and InputError.
    """
    name, _, query = scorer.partition("?")
    known = (*find_scorer(name).options, *SHARED_OPTIONS)
    options: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        if "=" not in part:
            raise InputError(
                f"{scorer}: invalid option {quoted_repr(part)}: expected KEY=VALUE after the"
                " question mark, separated by &"
            )
        [(key, value)] = parse_qsl(part, keep_blank_values=True)
        if key not in known:
            raise UnknownNameError("option", key, known, within=name)
        if key in options:
            raise InputError(f"{scorer}: option {quoted_repr(key)} is given twice: name it once")
        options[key] = value
    return name, options


def _print_scorers() -> None:
    """Print each scorer (name, version, what it compares, its options), then the options of all."""
    rows = []
    for name, scorer in SCORERS.items():
        options = ", ".join(scorer.options)
        description = scorer.description + (f" (options: {options})" if options else "")
        rows.append((name, scorer.version, description))
    print_columns(rows)
    print_line("")
    shared = (
        f"Options of all scorers: practices ({', '.join(PRACTICES)}, or several joined by +), heads"
        " (of head-words) and tagging (of files of tags)."
    )
    for line in textwrap.wrap(shared, list_width(), break_on_hyphens=False):
        print_line(line)
