"""Writing a report, and the files for model pages beside it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalkit.cli.gate_checks import check_score_gates, finish_gates
from evalkit.cli.option_values import output_format, terminal_width, write_lines, write_output
from evalkit.cli.options import ReportFormat
from evalkit.errors import InputError, print_notice
from evalkit.files import write_atomically
from evalkit.redaction import REDACTED, is_secret, redact, redact_values, secret_option_values
from evalkit.results.scores import Scores

if TYPE_CHECKING:
    from evalkit.results.agreement import Agreement
    from evalkit.results.comparison import Comparison
    from evalkit.results.error_analysis import ErrorAnalysis
    from evalkit.results.gates import ScoreGate

PARTIAL = 4
REPORT_SUFFIXES = (".html", ".md")


def validate_card_options(
    model_card: Path | None, eval_results: Path | None, hub_dataset: str | None
) -> None:
    """Raise InputError for files of a model page that cannot be written."""
    if model_card and not model_card.is_file():
        raise InputError(
            f"--model-card {model_card}: no such file; expected an existing model card"
        )
    if eval_results and not hub_dataset:
        raise InputError(
            "--eval-results: give the name of the data set on the Hub: --hub-dataset OWNER/NAME"
        )
    if hub_dataset and not (model_card or eval_results):
        raise InputError("--hub-dataset: needs --model-card or --eval-results")
    if not (model_card or hub_dataset):
        return
    from evalkit.hub import model_card as model_cards

    if model_card:
        model_cards.check_model_card(model_card)
    if hub_dataset:
        model_cards.HubDataset(hub_dataset)


def write_model_card(
    scores: Scores, model_card: Path | None, eval_results: Path | None, hub_dataset: str | None
) -> None:
    """Write the scores into a model card and a file of evaluation results; undefined ratios are
    left out, with a notice on stderr.
    """
    if not (model_card or eval_results):
        return
    from evalkit.hub import model_card as model_cards

    dataset = model_cards.HubDataset(hub_dataset) if hub_dataset else None
    if model_card:
        for line in model_cards.update_model_card(model_card, scores, dataset=dataset):
            print_notice(f"{model_card}: {line}")
    if eval_results and dataset:
        write_atomically(eval_results, model_cards.eval_results(scores, dataset=dataset))


@dataclass(frozen=True)
class ReportOutput:
    """Where and how a report is printed, the files for the full one and for errors, and the gates
    of the scores.

    no_text: whether the full report and the errors leave out the text of the corpus.
    max_documents: how many documents the full report shows; None for all.
    """

    form: ReportFormat | None = None
    path: Path | None = None
    digits: int | None = None
    percent: bool = False
    report: Path | None = None
    errors: Path | None = None
    gates: tuple[ScoreGate, ...] = ()
    junit: Path | None = None
    no_text: bool = False
    max_documents: int | None = None


def check_report(report: Path | None) -> None:
    """Raise InputError for a report whose suffix is neither .html nor .md."""
    if report is not None and report.suffix not in REPORT_SUFFIXES:
        raise InputError(
            f"--report {report}: expected a name that ends in {' or '.join(REPORT_SUFFIXES)}"
        )


def write_comparison_report(comparison: Comparison, output: ReportOutput) -> None:
    """Write the full report of a comparison, if there is a file for it."""
    if output.report is None:
        return
    if output.report.suffix == ".html":
        text = comparison.to_html(no_text=output.no_text)
    else:
        text = comparison.render("markdown", digits=output.digits, percent=output.percent) + "\n"
    write_atomically(output.report, text)


def write_report(scores: Scores, analyses: Sequence[ErrorAnalysis], output: ReportOutput) -> None:
    """Write the full report of scores and errors, if there is a file for it."""
    if output.report is None:
        return
    if output.report.suffix == ".html":
        from evalkit.report.errors_page import build_errors_page

        text = build_errors_page(
            analyses,
            scores,
            text=not output.no_text,
            max_documents=output.max_documents,
            command=describe_command(sys.argv[1:]),
        )
    else:
        digits, percent = output.digits, output.percent
        parts = [scores.render("markdown", digits=digits, percent=percent)]
        for analysis in analyses:
            parts.append(
                analysis.render("markdown", digits=digits, percent=percent, no_text=output.no_text)
            )
        text = "\n\n".join(parts) + "\n"
    write_atomically(output.report, text)


def describe_command(arguments: Sequence[str]) -> str:
    """The command with these arguments as it can be typed again, without secrets.

    >>> describe_command(["run", "-m", "exec:ner --token abc", "-a", "api_key=x1"])
    "evalkit run -m 'exec:ner --token [hidden]' -a 'api_key=[hidden]'"
    """
    words = ["evalkit"]
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        shown = argument
        if equals and is_secret(name.lstrip("-")):
            shown = f"{name}={REDACTED}"
        else:
            # The command of exec: is one argument with options of its own.
            shown = redact_values(argument, secret_option_values(argument.split()))
        words.append(str(redact(shown)))
    return shlex.join(words)


def load_saved_agreement(paths: Sequence[Path], unused: Mapping[str, object]) -> Agreement:
    """The agreement in a file. unused: options that only scores have, with their values.

    Raises InputError for several files, and for such an option.
    """
    if len(paths) > 1:
        raise InputError(
            f"{', '.join(map(str, paths))}: an agreement of annotators cannot be merged with other"
            " results; give it alone"
        )
    for option, value in unused.items():
        if value:
            raise InputError(
                f"{option}: {paths[0]} holds an agreement of annotators, and the option is for"
                " scores; leave it out"
            )
    # Imported here: other reports do not need it.
    from evalkit.results.agreement import Agreement

    return Agreement.load(paths[0])


def print_report(
    scores: Scores,
    output: ReportOutput,
    save: Path | None = None,
    model_card: Path | None = None,
    eval_results: Path | None = None,
    hub_dataset: str | None = None,
) -> None:
    """Save the scores, then print or write the report; exit code 5 if a gate failed, 4 if documents
    did.
    """
    outcomes = check_score_gates(output.gates, scores)
    analyses = []
    if output.errors is not None or output.report is not None:
        from evalkit.results.error_requests import analyzable_layers

        # Before the result is saved, which then has the counts of errors.
        analyses = [scores.errors(layer) for layer in analyzable_layers(scores)]
    if output.errors is not None:
        from evalkit.results.error_analysis import iter_json_lines

        write_lines(iter_json_lines(analyses, no_text=output.no_text), output.errors)
    if save:
        scores.save(save)
    text = scores.render(
        output_format(output.form, output.path),
        width=terminal_width(output.path),
        digits=output.digits,
        percent=output.percent,
    )
    write_output(text, output.path)
    write_report(scores, analyses, output)
    write_model_card(scores, model_card, eval_results, hub_dataset)
    finish_gates(outcomes, output.junit)
    if scores.metadata.failures:
        raise typer.Exit(PARTIAL)
