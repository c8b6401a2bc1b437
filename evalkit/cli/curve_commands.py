"""The command for precision-recall curves."""

from __future__ import annotations

import typer

from evalkit.cli.inputs import load_and_report_losses
from evalkit.cli.option_values import (
    check_writable,
    output_format,
    parse_zones,
    read_label_options,
    terminal_width,
    write_output,
)
from evalkit.cli.options import (
    CurveMetric,
    CurveOutput,
    Digits,
    GoldPath,
    LabelMapTexts,
    Labels,
    Missing,
    OutputFormat,
    Percent,
    PredictedPath,
    Zones,
)
from evalkit.cli.report_output import PARTIAL
from evalkit.evaluation.pr_curves import IMAGE_SUFFIXES, curves


def curve_command(
    gold: GoldPath,
    predicted: PredictedPath,
    *,
    metric: CurveMetric = "entities/strict",
    labels: Labels = None,
    label_map: LabelMapTexts = None,
    zones: Zones = "primary",
    missing: Missing = "error",
    form: OutputFormat = None,
    output: CurveOutput = None,
    digits: Digits = None,
    percent: Percent = False,
) -> None:
    """Precision-recall curves and best thresholds by label.

    Needs predictions with scores.
    """
    check_writable(output, gold, predicted)
    is_image = output is not None and form is None and output.suffix.lower() in IMAGE_SUFFIXES
    report_format = "table" if is_image else output_format(form, output)
    gold_corpus = load_and_report_losses(gold)
    label_options = read_label_options(gold_corpus, labels, label_map)
    pr_curves = curves(
        gold_corpus,
        load_and_report_losses(predicted, predictions=True),
        metric,
        **label_options,
        zones=parse_zones(zones),
        missing=missing,
    )
    if is_image and output:
        pr_curves.plot(output)
    else:
        text = pr_curves.render(
            report_format, width=terminal_width(output), digits=digits, percent=percent
        )
        write_output(text, output)
    if pr_curves.failures:
        raise typer.Exit(PARTIAL)
