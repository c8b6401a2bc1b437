"""Commands that compare: systems with each other, and a saved result with its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.error_options import ComparedWithoutText, SaveItems
from evalkit.cli.gate_checks import check_comparison_gates, finish_gates, read_comparison_gates
from evalkit.cli.gold_options import OptionalPlainGold
from evalkit.cli.option_values import (
    check_outputs,
    output_format,
    parse_systems,
    parse_zones,
    read_label_options,
    terminal_width,
    write_lines,
    write_output,
)
from evalkit.cli.options import (
    Average,
    ComparedFeatures,
    ComparedMetrics,
    Digits,
    GateFile,
    Gates,
    Gold,
    GoldPath,
    JUnitFile,
    LabelMapTexts,
    Labels,
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
)
from evalkit.cli.report_output import PARTIAL, ReportOutput, check_report, write_comparison_report
from evalkit.cli.string_options import Heads, Nil, Normalization, OptionalMatchTexts
from evalkit.errors import InputError, print_line
from evalkit.evaluation.corpus_scores import compare_named
from evalkit.evaluation.verify import MAX_REPORTED, find_differences
from evalkit.results.contributions import parse_features


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
    normalization: Normalization = None,
    match_texts: OptionalMatchTexts = None,
    nil: Nil = None,
    heads: Heads = None,
    plain_gold: OptionalPlainGold = False,
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
        "normalization": normalization,
        "match_texts": match_texts,
        "nil": nil,
        "heads": heads,
        "plain_gold": plain_gold or None,
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
