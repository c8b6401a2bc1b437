"""Commands that score predictions and print saved results: score, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from evalkit.cli.error_options import ReportDocuments, ReportWithoutText, SaveErrors
from evalkit.cli.gate_checks import read_score_gates
from evalkit.cli.gold_options import Ceiling, PlainGold, parse_ceiling
from evalkit.cli.inputs import load_or_stream
from evalkit.cli.option_values import (
    check_outputs,
    output_format,
    parse_max_documents,
    parse_zones,
    read_label_options,
    terminal_width,
    write_output,
)
from evalkit.cli.options import (
    Boot,
    Digits,
    EvalResults,
    GateFile,
    Gates,
    GoldPath,
    HubDatasetId,
    JUnitFile,
    LabelMapTexts,
    Labels,
    Level,
    Metrics,
    Missing,
    ModelCardFile,
    Name,
    Output,
    OutputFormat,
    Percent,
    PredictedPath,
    ReportFile,
    Save,
    Seed,
    Units,
    Zones,
)
from evalkit.cli.report_output import (
    ReportOutput,
    check_report,
    load_saved_agreement,
    print_report,
    validate_card_options,
)
from evalkit.cli.shard_options import Backend, CountsDir, ScoreJobs
from evalkit.cli.string_options import Heads, MatchTexts, Nil, Normalization
from evalkit.corpus import are_sharded
from evalkit.errors import InputError, escape_surrogates
from evalkit.evaluation.corpus_scores import score
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
    normalization: Normalization = None,
    match_texts: MatchTexts = True,
    nil: Nil = None,
    heads: Heads = None,
    plain_gold: PlainGold = False,
    ceiling: Ceiling = None,
    jobs: ScoreJobs = 1,
    backend: Backend = None,
    run_dir: CountsDir = None,
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
    options: dict[str, Any] = {
        "zones": parse_zones(zones),
        "missing": missing,
        "units": units,
        "boot": boot,
        "seed": seed,
        "level": level,
        "normalization": normalization,
        "match_texts": match_texts,
        "nil": nil,
        "heads": heads,
        "plain_gold": plain_gold,
    }
    if are_sharded(gold, predicted):
        if ceiling is not None:
            raise InputError(
                f"--ceiling {ceiling}: {gold} is in shards: expected gold in one file or folder"
            )
        from evalkit.cli.shard_scoring import score_shards

        scores = score_shards(
            gold,
            predicted,
            metrics,
            options,
            labels=labels,
            label_map=label_map,
            name=name,
            jobs=jobs,
            backend=backend,
            run_dir=run_dir,
        )
    else:
        gold_corpus = load_or_stream(gold)
        scores = score(
            gold_corpus,
            load_or_stream(predicted, predictions=True),
            metrics,
            **read_label_options(gold_corpus, labels, label_map),
            **options,
            jobs=jobs,
            backend=backend,
            run_dir=run_dir,
            name=name,
            ceiling=parse_ceiling(ceiling),
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
    """Print saved results in any format, or merge shards.

    A saved agreement is printed likewise.
    """
    outputs = {"-o": output, "--save": save, "--junit": junit}
    check_outputs(
        {**outputs, "--model-card": model_card, "--eval-results": eval_results},
        *map(str, results),
        None if gate_file is None else str(gate_file),
    )
    gates = read_score_gates(gate, gate_file, junit)
    validate_card_options(model_card, eval_results, hub_dataset)
    report_format = output_format(form, output)
    # Imported here: scoring does not need it.
    from evalkit.results.agreement import is_saved_agreement

    if any(map(is_saved_agreement, results)):
        unused = {
            "--name": name,
            "--model-card": model_card,
            "--eval-results": eval_results,
            "--hub-dataset": hub_dataset,
            "--gate": gate,
            "--gate-file": gate_file,
            "--junit": junit,
        }
        agreement = load_saved_agreement(results, unused)
        if save is not None:
            agreement.save(save)
        text = agreement.render(
            report_format, width=terminal_width(output), digits=digits, percent=percent
        )
        write_output(text, output)
        return
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
