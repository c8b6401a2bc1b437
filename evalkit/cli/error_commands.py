"""The command `errors`: where a system is wrong, and what each kind of error costs."""

from __future__ import annotations

import sys

import typer

from evalkit.analysis.error_collector import MAX_EXAMPLES
from evalkit.analysis.features import parse_features
from evalkit.cli.error_options import (
    BrokenDownMetric,
    ErrorOutputFormat,
    Examples,
    Features,
    IgnoreCase,
    Layer,
    MaxDocuments,
    NoText,
    TrainingCorpus,
)
from evalkit.cli.gold_options import PlainGold
from evalkit.cli.inputs import load_and_report_losses, load_or_stream
from evalkit.cli.option_values import (
    check_outputs,
    output_format,
    parse_max_documents,
    parse_zones,
    read_label_options,
    terminal_width,
    write_lines,
    write_output,
)
from evalkit.cli.options import (
    Digits,
    GoldPath,
    LabelMapTexts,
    Labels,
    Missing,
    Output,
    Percent,
    PredictedPath,
    Zones,
)
from evalkit.cli.report_output import PARTIAL, describe_command
from evalkit.evaluation.corpus_scores import score
from evalkit.report.errors_page import build_errors_page
from evalkit.results.error_analysis import DEFAULT_EXAMPLES, iter_json_lines
from evalkit.results.error_requests import check_layer, choose_layer


def errors_command(
    gold: GoldPath,
    predicted: PredictedPath,
    *,
    layer: Layer = None,
    by: Features = None,
    metric: BrokenDownMetric = None,
    train: TrainingCorpus = None,
    ignore_case: IgnoreCase = False,
    examples: Examples = DEFAULT_EXAMPLES,
    no_text: NoText = False,
    max_documents: MaxDocuments = "20",
    labels: Labels = None,
    label_map: LabelMapTexts = None,
    zones: Zones = "primary",
    missing: Missing = "error",
    plain_gold: PlainGold = False,
    form: ErrorOutputFormat = None,
    output: Output = None,
    digits: Digits = None,
    percent: Percent = False,
) -> None:
    """Analyze errors: kinds, what each costs in F1, where they are."""
    check_outputs({"-o": output}, gold, predicted, train)
    report_format = output_format(form, output, {".jsonl": "jsonl"})
    documents_shown = parse_max_documents(max_documents)
    if layer is not None:
        check_layer(layer)
    if by is not None:
        parse_features(by, has_training=train is not None)
    gold_corpus = load_or_stream(gold)
    scores = score(
        gold_corpus,
        load_or_stream(predicted, predictions=True),
        None if layer is None else f"{layer}/strict",
        **read_label_options(gold_corpus, labels, label_map),
        zones=parse_zones(zones),
        missing=missing,
        plain_gold=plain_gold,
    )
    analysis = scores.errors(
        choose_layer(scores) if layer is None else layer,
        by=by,
        train=None if train is None else load_and_report_losses(train),
        metric=metric,
        ignore_case=ignore_case,
        examples=max(examples, MAX_EXAMPLES),
    )
    if report_format == "jsonl":
        write_lines(iter_json_lines([analysis], no_text=no_text), output)
    elif report_format == "html":
        page = build_errors_page(
            [analysis],
            scores,
            text=not no_text,
            max_documents=documents_shown,
            command=describe_command(sys.argv[1:]),
        )
        write_output(page, output)
    else:
        text = analysis.render(
            report_format,
            width=terminal_width(output),
            digits=digits,
            percent=percent,
            examples=examples,
            no_text=no_text,
        )
        write_output(text, output)
    if scores.metadata.failures:
        raise typer.Exit(PARTIAL)
