"""Commands that work on predictions and saved results: score, report, compare, verify, curve."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.error_options import (
    ComparedWithoutText,
    ReportDocuments,
    ReportWithoutText,
    SaveErrors,
    SaveItems,
)
from evalkit.cli.gate_checks import (
    check_comparison_gates,
    finish_gates,
    read_comparison_gates,
    read_score_gates,
)
from evalkit.cli.inputs import load_and_report_losses, load_or_stream
from evalkit.cli.option_values import (
    check_outputs,
    check_writable,
    output_format,
    parse_max_documents,
    parse_systems,
    parse_zones,
    read_label_options,
    terminal_width,
    write_lines,
    write_output,
)
from evalkit.cli.options import (
    Average,
    Boot,
    ComparedFeatures,
    ComparedMetrics,
    CurveMetric,
    CurveOutput,
    Digits,
    EvalResults,
    GateFile,
    Gates,
    Gold,
    GoldPath,
    HubDatasetId,
    Jobs,
    JUnitFile,
    LabelMapTexts,
    Labels,
    Level,
    Metrics,
    Missing,
    ModelCardFile,
    Name,
    OptionalBoot,
    OptionalLevel,
    OptionalMissing,
    OptionalSeed,
    OptionalUnits,
    OptionalZones,
    Output,
    OutputFormat,
    Percent,
    Permutations,
    PredictedPath,
    ReportFile,
    Save,
    Seed,
    Units,
    Zones,
)
from evalkit.cli.report_output import (
    PARTIAL,
    ReportOutput,
    check_report,
    print_report,
    validate_card_options,
    write_comparison_report,
)
from evalkit.errors import InputError, escape_surrogates, print_line
from evalkit.evaluation.corpus_scores import compare_named, score
from evalkit.evaluation.pr_curves import IMAGE_SUFFIXES, curves
from evalkit.evaluation.verify import MAX_REPORTED, find_differences
from evalkit.results.contributions import parse_features
from evalkit.results.scores import Scores


def score_command(
    gold: GoldPath,
    predicted: PredictedPath,
    *,
    metrics: Metrics = None,
    labels: Labels = None,
    label_map: LabelMapTexts = None,
    zones: Zones = "primary",
    missing: Missing = "error",
    units: Units = "auto",
    boot: Boot = 1000,
    seed: Seed = 12345,
    level: Level = 0.95,
    jobs: Jobs = 1,
    form: OutputFormat = None,
    output: Output = None,
    digits: Digits = None,
    percent: Percent = False,
    name: Name = None,
    save: Save = None,
    save_errors: SaveErrors = None,
    report: ReportFile = None,
    gate: Gates = None,
    gate_file: GateFile = None,
    junit: JUnitFile = None,
    no_text: ReportWithoutText = False,
    max_documents: ReportDocuments = "20",
) -> None:
    """Score predictions against a gold corpus."""
    check_outputs(
        {
            "-o": output,
            "--save": save,
            "--save-errors": save_errors,
            "--report": report,
            "--junit": junit,
        },
        gold,
        predicted,
        None if gate_file is None else str(gate_file),
    )
    check_report(report)
    documents_shown = parse_max_documents(max_documents)
    gates = read_score_gates(gate, gate_file, junit)
    output_format(form, output)
    gold_corpus = load_or_stream(gold)
    label_options = read_label_options(gold_corpus, labels, label_map)
    scores = score(
        gold_corpus,
        load_or_stream(predicted, predictions=True),
        metrics,
        **label_options,
        zones=parse_zones(zones),
        missing=missing,
        units=units,
        boot=boot,
        seed=seed,
        level=level,
        jobs=jobs,
        name=name,
    )
    print_report(
        scores,
        ReportOutput(
            form,
            output,
            digits,
            percent,
            report,
            save_errors,
            tuple(gates),
            junit,
            no_text,
            documents_shown,
        ),
        save,
    )


def report_command(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULT…", help="Saved results; several are merged as shards of one corpus."
        ),
    ],
    *,
    form: OutputFormat = None,
    output: Output = None,
    digits: Digits = None,
    percent: Percent = False,
    name: Name = None,
    save: Save = None,
    model_card: ModelCardFile = None,
    eval_results: EvalResults = None,
    hub_dataset: HubDatasetId = None,
    gate: Gates = None,
    gate_file: GateFile = None,
    junit: JUnitFile = None,
) -> None:
    """Print saved results in any format, or merge shards."""
    outputs = {"-o": output, "--save": save, "--junit": junit}
    check_outputs(
        {**outputs, "--model-card": model_card, "--eval-results": eval_results},
        *map(str, results),
        None if gate_file is None else str(gate_file),
    )
    gates = read_score_gates(gate, gate_file, junit)
    validate_card_options(model_card, eval_results, hub_dataset)
    output_format(form, output)
    loaded = [Scores.load(path) for path in results]
    scores = loaded[0] if len(loaded) == 1 else Scores.merge(loaded)
    if name is not None:
        scores.metadata.name = escape_surrogates(name)
    print_report(
        scores,
        ReportOutput(form, output, digits, percent, gates=tuple(gates), junit=junit),
        save,
        model_card,
        eval_results,
        hub_dataset,
    )


def compare_command(
    systems: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]FILE[,FILE…]",
            help="Saved results (.json) or predictions; NAME names a system. Several files are"
            " runs of one system, such as seeds.",
        ),
    ],
    *,
    gold: Gold = None,
    metrics: ComparedMetrics = None,
    average: Average = "micro",
    by: ComparedFeatures = None,
    permutations: Permutations = 10_000,
    labels: Labels = None,
    label_map: LabelMapTexts = None,
    zones: OptionalZones = None,
    missing: OptionalMissing = None,
    units: OptionalUnits = None,
    boot: OptionalBoot = None,
    seed: OptionalSeed = None,
    level: OptionalLevel = None,
    form: OutputFormat = None,
    output: Output = None,
    digits: Digits = None,
    percent: Percent = False,
    save_items: SaveItems = None,
    report: ReportFile = None,
    no_text: ComparedWithoutText = False,
    gate: Gates = None,
    gate_file: GateFile = None,
    junit: JUnitFile = None,
) -> None:
    """Compare systems: differences, intervals, p-values."""
    named = parse_systems(systems)
    all_paths: list[str] = []
    for _, paths in named:
        all_paths += [paths] if isinstance(paths, str) else paths
    check_outputs(
        {"-o": output, "--save-items": save_items, "--report": report, "--junit": junit},
        *all_paths,
        gold,
        None if gate_file is None else str(gate_file),
    )
    features = () if by is None else parse_features(by, average)
    gates = read_comparison_gates(gate, gate_file, junit)
    check_report(report)
    if gold is None and (labels is not None or label_map is not None):
        option = "--label-map" if labels is None else "--labels"
        if all(path.endswith(".json") for path in all_paths):
            raise InputError(
                f"{option}: the labels of saved results are fixed; score the predictions again"
                f" with {option}, or compare predictions and name the gold corpus with --gold"
            )
        raise InputError(
            f"{option}: predictions are compared over a gold corpus: name it with --gold"
        )
    label_options = {} if gold is None else read_label_options(gold, labels, label_map)
    given_options = {
        **label_options,
        "zones": zones and parse_zones(zones),
        "missing": missing,
        "units": units,
        "boot": boot,
        "seed": seed,
        "level": level,
    }
    options = {name: value for name, value in given_options.items() if value is not None}
    report_format = output_format(form, output)
    comparison = compare_named(
        named,
        gold=gold,
        average=average,
        permutations=permutations,
        metrics=metrics,
        options=options,
    )
    comparison = replace(comparison, features=features)
    if save_items is not None:
        write_lines(comparison.iter_item_lines(no_text=no_text), save_items)
    text = comparison.render(
        report_format, width=terminal_width(output), digits=digits, percent=percent
    )
    write_output(text, output)
    write_comparison_report(
        comparison, ReportOutput(form, output, digits, percent, report, no_text=no_text)
    )
    finish_gates(check_comparison_gates(gates, comparison), junit)
    if any(scores.metadata.failures for runs in comparison.runs.values() for scores in runs):
        raise typer.Exit(PARTIAL)


def verify(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="A saved result.")],
    gold: GoldPath,
    predicted: PredictedPath,
) -> None:
    """Score again and compare with a saved result.

    Exit code 2 if anything differs.
    """
    differing = find_differences(result, gold, predicted)
    if differing:
        lines = [f"{result}: {line}" for line in differing[:MAX_REPORTED]]
        if len(differing) > MAX_REPORTED:
            lines.append(f"and {len(differing) - MAX_REPORTED} more")
        raise InputError("\n".join(lines))
    print_line(f"{result}: the same")


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


COMMANDS = {
    "score": score_command,
    "report": report_command,
    "compare": compare_command,
    "verify": verify,
    "curve": curve_command,
}
