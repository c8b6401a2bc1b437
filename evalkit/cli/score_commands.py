"""The commands that run models and score predictions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from evalkit.cli.corpus_commands import load_and_report_losses, load_or_stream
from evalkit.cli.options import (
    BootstrapReplicates,
    Concurrency,
    CorpusPath,
    EvalResults,
    Format,
    HubDatasetId,
    Jobs,
    LabelMapText,
    Labels,
    Level,
    MaxFailures,
    Metrics,
    Missing,
    ModelArguments,
    ModelCardFile,
    ModelName,
    Output,
    OutputFormat,
    Processes,
    RetryFailed,
    RunDir,
    Save,
    Seed,
    Threshold,
    Units,
    Zones,
    check_outputs,
    check_writable,
    output_format,
    parse_model_args,
    parse_zones,
    read_label_options,
    terminal_width,
    write_output,
)
from evalkit.cli.progress import predict_with_progress, sort_by_corpus
from evalkit.corpus import Corpus
from evalkit.data.document import Document
from evalkit.errors import (
    InputError,
    ModelError,
    PartialRunError,
    advise_extra,
    escape_controls_in_json,
    print_line,
    print_notice,
)
from evalkit.evaluation.corpus_scores import compare, score
from evalkit.evaluation.pr_curves import IMAGE_SUFFIXES, curves
from evalkit.evaluation.thresholds import (
    Thresholds,
    filter_by_score,
    parse_thresholds,
    threshold_messages,
)
from evalkit.evaluation.verify import MAX_REPORTED, find_differences
from evalkit.files import write_atomically
from evalkit.formats.jsonl import to_json_dict, write
from evalkit.hub import model_card as model_cards
from evalkit.hub.model_card import HubDataset
from evalkit.inference.run_dir import run_files
from evalkit.inference.runner import RunOptions
from evalkit.models.registry import MODEL_KINDS, plugins
from evalkit.results.scores import Scores
from evalkit.stats.intervals import make_resampling

PARTIAL = 4


def run(
    corpus: CorpusPath = None,
    *,
    model: ModelName = "rules",
    arguments: ModelArguments = None,
    metrics: Metrics = None,
    labels: Labels = None,
    label_map: LabelMapText = None,
    zones: Zones = "primary",
    units: Units = "auto",
    boot: BootstrapReplicates = 1000,
    seed: Seed = 12345,
    level: Level = 0.95,
    threshold: Threshold = None,
    run_dir: RunDir = None,
    retry_failed: RetryFailed = False,
    concurrency: Concurrency = 1,
    jobs: Processes = 1,
    max_failures: MaxFailures = None,
    form: OutputFormat = None,
    output: Output = None,
    save: Save = None,
    model_card: ModelCardFile = None,
    eval_results: EvalResults = None,
    hub_dataset: HubDatasetId = None,
) -> None:
    """Run a model over a corpus and print its scores."""
    check_outputs(
        {"-o": output, "--save": save, "--model-card": model_card, "--eval-results": eval_results},
        corpus,
        *run_files(run_dir),
    )
    validate_card_options(model_card, eval_results, hub_dataset)
    gold = load_and_report_losses(corpus)
    least = None if threshold is None else parse_thresholds(threshold)
    output_format(form, output)
    label_options = read_label_options(gold, labels, label_map)
    # What is wrong with the options is said before the model runs.
    checked = score(gold, gold, metrics, **label_options, zones=parse_zones(zones), boot=0)
    if set(label_options.get("labels", ["*"])) <= set(checked.about["unused_labels"]):
        maps = (
            f"; --label-map takes a label map: {', '.join(gold.schema.label_maps)}"
            if gold.schema and gold.schema.label_maps
            else ""
        )
        raise InputError(f"--labels {labels}: no item of {gold.name} has any of these labels{maps}")
    make_resampling(len(gold), units, boot, seed, level)
    way = RunOptions(concurrency, jobs, max_failures)
    answers = apply_threshold(
        predict_with_progress(
            model, parse_model_args(arguments), gold, way, run_dir, retry_failed=retry_failed
        ),
        threshold,
        least,
    )
    scores = score(
        gold,
        answers,
        metrics,
        **label_options,
        zones=parse_zones(zones),
        units=units,
        boot=boot,
        seed=seed,
        level=level,
    )
    print_report(scores, form, output, save, model_card, eval_results, hub_dataset)


def predict(
    corpus: CorpusPath = None,
    *,
    model: ModelName = "rules",
    arguments: ModelArguments = None,
    threshold: Threshold = None,
    run_dir: RunDir = None,
    retry_failed: RetryFailed = False,
    concurrency: Concurrency = 1,
    jobs: Processes = 1,
    max_failures: MaxFailures = None,
    output: Output = None,
) -> None:
    """Run a model over a corpus and write its predictions as JSONL.

    Where a run ends early, what was answered is written.
    """
    check_writable(output, corpus, *run_files(run_dir))
    least = None if threshold is None else parse_thresholds(threshold)
    gold = load_and_report_losses(corpus)
    way, found = RunOptions(concurrency, jobs, max_failures), list[Document]()
    try:
        answers = predict_with_progress(
            model,
            parse_model_args(arguments),
            gold,
            way,
            run_dir,
            retry_failed=retry_failed,
            found=found,
        )
    except (PartialRunError, ModelError):
        write_predictions(
            apply_threshold(Corpus(sort_by_corpus(found, gold)), threshold, least), output
        )
        raise
    answers = apply_threshold(answers, threshold, least)
    write_predictions(answers, output)
    if any(document.failure is not None for document in answers):
        raise typer.Exit(PARTIAL)


def score_command(
    gold: Annotated[str, typer.Argument(metavar="GOLD", help="A corpus.")],
    predictions: Annotated[
        str, typer.Argument(metavar="PREDICTED", help="Predictions over the same documents.")
    ],
    metrics: Metrics = None,
    labels: Labels = None,
    label_map: LabelMapText = None,
    zones: Zones = "primary",
    missing: Missing = "error",
    units: Units = "auto",
    boot: BootstrapReplicates = 1000,
    seed: Seed = 12345,
    level: Level = 0.95,
    jobs: Jobs = 1,
    form: OutputFormat = None,
    output: Output = None,
    save: Save = None,
) -> None:
    """Score predictions that were saved."""
    check_outputs({"-o": output, "--save": save}, gold, predictions)
    output_format(form, output)
    golden = load_or_stream(gold)
    label_options = read_label_options(golden, labels, label_map)
    scores = score(
        golden,
        load_or_stream(predictions, predictions=True),
        metrics,
        **label_options,
        zones=parse_zones(zones),
        missing=missing,
        units=units,
        boot=boot,
        seed=seed,
        level=level,
        jobs=jobs,
    )
    print_report(scores, form, output, save)


def report_(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULT…", help="Saved results; those of the shards of one corpus are merged."
        ),
    ],
    form: OutputFormat = None,
    output: Output = None,
    save: Save = None,
    model_card: ModelCardFile = None,
    eval_results: EvalResults = None,
    hub_dataset: HubDatasetId = None,
) -> None:
    """Print saved results again, in any format; several are the shards of one corpus."""
    check_outputs(
        {"-o": output, "--save": save, "--model-card": model_card, "--eval-results": eval_results},
        *map(str, results),
    )
    validate_card_options(model_card, eval_results, hub_dataset)
    output_format(form, output)
    loaded = [Scores.load(path) for path in results]
    scores = loaded[0] if len(loaded) == 1 else Scores.merge(loaded)
    print_report(scores, form, output, save, model_card, eval_results, hub_dataset)


def compare_(
    systems: Annotated[
        list[str], typer.Argument(metavar="A B…", help="Saved results (.json), or predictions.")
    ],
    gold: Annotated[str | None, typer.Option("--gold", help="The corpus, for predictions.")] = None,
    metrics: Metrics = None,
    average: Annotated[str, typer.Option("--average", help="micro or macro.")] = "micro",
    permutations: Annotated[
        int,
        typer.Option(
            "--permutations",
            min=1,
            help="Trades that are drawn where there are too many to go through.",
        ),
    ] = 10_000,
    labels: Labels = None,
    label_map: LabelMapText = None,
    zones: Annotated[
        str | None,
        typer.Option("--zones", help="For predictions: primary, all, or names with commas."),
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option(
            "--missing",
            help="For predictions: gold documents without prediction: error, or score as empty.",
        ),
    ] = None,
    units: Annotated[
        str | None, typer.Option("--units", help="For predictions: auto, documents or sentences.")
    ] = None,
    boot: Annotated[
        int | None,
        typer.Option("--boot", min=0, help="For predictions: replicates; 0 for no intervals."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="For predictions: what the replicates are drawn from."),
    ] = None,
    level: Annotated[
        float | None, typer.Option("--level", help="For predictions: of the intervals.")
    ] = None,
    form: OutputFormat = None,
    output: Output = None,
) -> None:
    """Compare systems: differences with intervals and p-values."""
    check_writable(output, *systems, gold)
    if gold is None and (labels is not None or label_map is not None):
        raise InputError(
            "--labels and --label-map are for predictions: name the corpus with --gold; saved"
            " results have their labels settled"
        )
    label_options = {} if gold is None else read_label_options(gold, labels, label_map)
    every = {
        **label_options,
        "zones": zones and parse_zones(zones),
        "missing": missing,
        "units": units,
        "boot": boot,
        "seed": seed,
        "level": level,
    }
    options = {name: value for name, value in every.items() if value is not None}
    told_as = output_format(form, output)
    found = compare(
        *systems,
        gold=gold,
        average=average,
        permutations=permutations,
        metrics=metrics,
        options=options,
    )
    write_output(found.render(told_as, width=terminal_width(output)), output)
    if any(scores.about["failures"] for scores in found.systems.values()):
        raise typer.Exit(PARTIAL)


def verify(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="A saved result.")],
    gold: Annotated[str, typer.Argument(metavar="GOLD", help="The corpus.")],
    predictions: Annotated[str, typer.Argument(metavar="PREDICTED", help="The predictions.")],
) -> None:
    """Score again as a saved result says it was scored, and tell what differs: exit code 2 if
    anything does.
    """
    differing = find_differences(result, gold, predictions)
    if differing:
        raise InputError(
            "\n".join(
                [f"{result}: {line}" for line in differing[:MAX_REPORTED]]
                + [f"and {len(differing) - MAX_REPORTED} more"] * (len(differing) > MAX_REPORTED)
            )
        )
    print_line(f"{result}: the same")


def curve_(
    gold: Annotated[str, typer.Argument(metavar="GOLD", help="A corpus.")],
    predictions: Annotated[
        str, typer.Argument(metavar="PREDICTED", help="Predictions that carry scores.")
    ],
    metric: Annotated[
        str, typer.Option("--metric", help="A layer under strict.")
    ] = "entities/strict",
    labels: Labels = None,
    label_map: LabelMapText = None,
    zones: Zones = "primary",
    missing: Missing = "error",
    form: OutputFormat = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Write here; a .png, .svg or .pdf is a picture of the curves."
        ),
    ] = None,
) -> None:
    """Precision and recall over all thresholds, average precision, and the best threshold for each
    label.
    """
    check_writable(output, gold, predictions)
    drawn = output is not None and form is None and output.suffix.lower() in IMAGE_SUFFIXES
    told_as = "table" if drawn else output_format(form, output)
    golden = load_and_report_losses(gold)
    label_options = read_label_options(golden, labels, label_map)
    found = curves(
        golden,
        load_and_report_losses(predictions, predictions=True),
        metric,
        **label_options,
        zones=parse_zones(zones),
        missing=missing,
    )
    if drawn and output:
        found.draw(output)
    else:
        write_output(found.render(told_as, width=terminal_width(output)), output)
    if found.failures:
        raise typer.Exit(PARTIAL)


def models() -> None:
    """List the kinds of model: what each is called, which layers it gives, and what it needs."""
    rows = [
        (k.spelled, k.gives, k.what + (f"; needs {advise_extra(k.extra)}" if k.missing else ""))
        for k in MODEL_KINDS.values()
    ]
    rows += [
        (
            f"{found.name}:NAME",
            "whatever it gives",
            f"from {found.dist.name if found.dist else 'another package'}: {found.value}",
        )
        for found in plugins()
    ]
    width, given = (
        max(len(text) for text in column) for column in list(zip(*rows, strict=True))[:2]
    )
    for spelled, gives, what in rows:
        print_line(f"{spelled:{width}}  {gives:{given}}  {what}")


def validate_card_options(
    model_card: Path | None, eval_results: Path | None, hub_dataset: str | None
) -> None:
    """Refuse pages that cannot be written before anything is run."""
    if model_card and not model_card.is_file():
        raise InputError(
            f"--model-card {model_card}: no such file; the results go into a card that is there"
        )
    if eval_results and not hub_dataset:
        raise InputError(
            "--eval-results: name the data set as the Hub knows it, with --hub-dataset OWNER/NAME"
        )
    if hub_dataset and not (model_card or eval_results):
        raise InputError("--hub-dataset: is for --model-card and --eval-results")
    if model_card:
        model_cards.check_card(model_card)
    if hub_dataset:
        HubDataset(hub_dataset)


def write_model_card(
    scores: Scores, model_card: Path | None, eval_results: Path | None, hub_dataset: str | None
) -> None:
    """Write what a model's own page says of its scores; what is undefined is left out, and told on
    stderr.
    """
    where = HubDataset(hub_dataset) if hub_dataset else None
    if model_card:
        for line in model_cards.update_card(model_card, scores, dataset=where):
            print_notice(f"{model_card}: {line}")
    if eval_results and where:
        write_atomically(eval_results, model_cards.eval_results(scores, dataset=where))


def write_predictions(answers: Corpus, output: Path | None) -> None:
    """Write predictions to a file, or to stdout."""
    if output:
        write(answers, output)
        return
    for document in answers:
        sys.stdout.write(
            escape_controls_in_json(msgspec.json.encode(to_json_dict(document)).decode()) + "\n"
        )


def apply_threshold(answers: Corpus, asked: str | None, least: Thresholds | None) -> Corpus:
    """The predictions above a threshold; what it does is told on stderr."""
    if least is None:
        return answers
    for line in threshold_messages(answers, least):
        print_notice(f"--threshold {asked}: {line}")
    return filter_by_score(answers, least)


def print_report(
    scores: Scores,
    form: Format | None,
    output: Path | None,
    save: Path | None = None,
    model_card: Path | None = None,
    eval_results: Path | None = None,
    hub_dataset: str | None = None,
) -> None:
    """Save, print or write the scores; exit code 4 where documents failed.

    The result is saved first: whatever fails later, it is there.
    """
    if save:
        scores.save(save)
    write_output(scores.render(output_format(form, output), width=terminal_width(output)), output)
    write_model_card(scores, model_card, eval_results, hub_dataset)
    if scores.about["failures"]:
        raise typer.Exit(PARTIAL)


COMMANDS = {
    "run": run,
    "predict": predict,
    "score": score_command,
    "report": report_,
    "compare": compare_,
    "verify": verify,
    "curve": curve_,
    "models": models,
}
