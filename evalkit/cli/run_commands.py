"""Commands that run a model: run, predict."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
import typer

from evalkit.cli.error_options import ReportDocuments, ReportWithoutText, SaveErrors
from evalkit.cli.gate_checks import check_score_gates, read_score_gates
from evalkit.cli.gold_options import Ceiling, PlainGold, parse_ceiling
from evalkit.cli.inputs import load_and_report_losses
from evalkit.cli.option_values import (
    check_outputs,
    check_writable,
    output_format,
    parse_max_documents,
    parse_model_args,
    parse_zones,
    read_label_options,
)
from evalkit.cli.options import (
    Boot,
    Concurrency,
    CorpusPath,
    Digits,
    EvalResults,
    GateFile,
    Gates,
    HubDatasetId,
    Jobs,
    JUnitFile,
    LabelMapTexts,
    Labels,
    Level,
    Limit,
    MaxFailures,
    Metrics,
    ModelArguments,
    ModelCardFile,
    ModelName,
    Name,
    Output,
    OutputFormat,
    Percent,
    ReportFile,
    RetryFailed,
    RunDir,
    Save,
    Seed,
    Threshold,
    Units,
    Zones,
)
from evalkit.cli.progress import predict_with_progress, sort_by_corpus
from evalkit.cli.prompt_options import LogSamples, NeededMetrics, Reparse, ShowPrompt
from evalkit.cli.report_output import (
    PARTIAL,
    ReportOutput,
    check_report,
    print_report,
    validate_card_options,
)
from evalkit.cli.string_options import Heads, Nil, Normalization
from evalkit.corpus import Corpus
from evalkit.data.document import Document
from evalkit.errors import (
    InputError,
    ModelError,
    PartialRunError,
    escape_controls,
    escape_controls_in_json,
    print_notice,
)
from evalkit.evaluation.corpus_scores import score
from evalkit.evaluation.thresholds import (
    Thresholds,
    filter_by_score,
    parse_thresholds,
    threshold_messages,
)
from evalkit.formats.jsonl import to_json_dict, write
from evalkit.inference.run_dir import list_run_files
from evalkit.inference.runner import RunOptions, load_for_corpus, take_documents
from evalkit.inference.storage_options import StorageOptions
from evalkit.redaction import redact, redact_values
from evalkit.scoring.metrics import list_document_layers
from evalkit.stats.intervals import make_resampling

_LAYOUT = "\n\t"  # characters of a prompt that are printed as they are


def run(
    corpus: CorpusPath = None,
    *,
    model: ModelName = "rules",
    model_args: ModelArguments = None,
    metrics: Metrics = None,
    labels: Labels = None,
    label_map: LabelMapTexts = None,
    zones: Zones = "primary",
    units: Units = "auto",
    boot: Boot = 1000,
    seed: Seed = 12345,
    level: Level = 0.95,
    normalization: Normalization = None,
    nil: Nil = None,
    heads: Heads = None,
    plain_gold: PlainGold = False,
    ceiling: Ceiling = None,
    threshold: Threshold = None,
    limit: Limit = None,
    run_dir: RunDir = None,
    retry_failed: RetryFailed = False,
    log_samples: LogSamples = None,
    reparse: Reparse = False,
    concurrency: Concurrency = 1,
    jobs: Jobs = 1,
    max_failures: MaxFailures = None,
    form: OutputFormat = None,
    output: Output = None,
    digits: Digits = None,
    percent: Percent = False,
    name: Name = None,
    save: Save = None,
    save_errors: SaveErrors = None,
    report: ReportFile = None,
    model_card: ModelCardFile = None,
    eval_results: EvalResults = None,
    hub_dataset: HubDatasetId = None,
    gate: Gates = None,
    gate_file: GateFile = None,
    junit: JUnitFile = None,
    no_text: ReportWithoutText = False,
    max_documents: ReportDocuments = "20",
) -> None:
    """Run a model over a corpus and score its predictions."""
    outputs = {
        "-o": output,
        "--save": save,
        "--save-errors": save_errors,
        "--report": report,
        "--junit": junit,
    }
    check_outputs(
        {**outputs, "--model-card": model_card, "--eval-results": eval_results},
        corpus,
        None if gate_file is None else str(gate_file),
        *list_run_files(run_dir),
    )
    check_report(report)
    documents_shown = parse_max_documents(max_documents)
    gates = read_score_gates(gate, gate_file, junit)
    validate_card_options(model_card, eval_results, hub_dataset)
    all_documents = load_and_report_losses(corpus)
    gold = take_documents(all_documents, limit)
    thresholds = None if threshold is None else parse_thresholds(threshold)
    output_format(form, output)
    label_options = read_label_options(gold, labels, label_map)
    # Errors in the options are reported before the model runs.
    checked = score(
        gold,
        gold,
        metrics,
        **label_options,
        zones=parse_zones(zones),
        boot=0,
        normalization=normalization,
        nil=nil,
        heads=heads,
        plain_gold=plain_gold,
        ceiling=parse_ceiling(ceiling),
    )
    if set(label_options.get("labels", ["*"])) <= set(checked.metadata.unused_labels):
        maps = (
            f"; --label-map takes a label map: {', '.join(gold.schema.label_maps)}"
            if gold.schema and gold.schema.label_maps
            else ""
        )
        raise InputError(f"--labels {labels}: no item of {gold.name} has any of these labels{maps}")
    check_score_gates(gates, checked)
    make_resampling(len(gold), units, boot, seed, level)
    run_options = RunOptions(concurrency, jobs, max_failures)
    storage = StorageOptions(run_dir, retry_failed, log_samples, reparse)
    answers = apply_threshold(
        predict_with_progress(
            model,
            parse_model_args(model_args),
            gold,
            run_options,
            storage,
            known_ids=all_documents.ids,
            metrics=metrics,
        ),
        threshold,
        thresholds,
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
        normalization=normalization,
        nil=nil,
        heads=heads,
        plain_gold=plain_gold,
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
        model_card,
        eval_results,
        hub_dataset,
    )


def predict(
    corpus: CorpusPath = None,
    *,
    model: ModelName = "rules",
    model_args: ModelArguments = None,
    threshold: Threshold = None,
    limit: Limit = None,
    run_dir: RunDir = None,
    retry_failed: RetryFailed = False,
    log_samples: LogSamples = None,
    reparse: Reparse = False,
    concurrency: Concurrency = 1,
    jobs: Jobs = 1,
    max_failures: MaxFailures = None,
    metrics: NeededMetrics = None,
    show_prompt: ShowPrompt = False,
    output: Output = None,
) -> None:
    """Run a model over a corpus and write its predictions.

    They are JSONL, one document a line. If the run ends early, the answers so far are written.
    """
    check_writable(output, corpus, *list_run_files(run_dir))
    thresholds = None if threshold is None else parse_thresholds(threshold)
    all_documents = load_and_report_losses(corpus)
    if show_prompt:
        first_documents = take_documents(all_documents, 1 if limit is None else limit)
        print_prompts(
            model, parse_model_args(model_args), first_documents, all_documents.ids, metrics
        )
        return
    gold = take_documents(all_documents, limit)
    run_options = RunOptions(concurrency, jobs, max_failures)
    storage = StorageOptions(run_dir, retry_failed, log_samples, reparse)
    collected: list[Document] = []
    try:
        answers = predict_with_progress(
            model,
            parse_model_args(model_args),
            gold,
            run_options,
            storage,
            collected=collected,
            known_ids=all_documents.ids,
            metrics=metrics,
        )
    except (PartialRunError, ModelError):
        write_predictions(
            apply_threshold(Corpus(sort_by_corpus(collected, gold)), threshold, thresholds), output
        )
        raise
    answers = apply_threshold(answers, threshold, thresholds)
    write_predictions(answers, output)
    if any(document.failure is not None for document in answers):
        raise typer.Exit(PARTIAL)


def print_prompts(
    name: str,
    arguments: dict[str, Any],
    documents: Corpus,
    known_ids: Collection[str],
    metrics: str | None = None,
) -> None:
    """Print the messages that the model would get for each document, without a request.

    Raises InputError for a model without a prompt.
    """
    with contextlib.redirect_stdout(sys.stderr):
        model = load_for_corpus(
            name,
            documents,
            arguments,
            known_ids=known_ids,
            needed_layers=list_document_layers(metrics),
            sends_requests=False,
        )
    if model.messages is None:
        raise InputError(
            f"{model.name}: --show-prompt: this model has no prompt; use a model of kind"
            " openai:NAME"
        )
    for document in documents:
        print(f"# document {escape_controls(document.id)}")
        for message in model.messages(document):
            content = redact_values(redact(message["content"]), model.secrets)
            print(f"## {message['role']}\n{escape_controls(content, keep=_LAYOUT)}")


def write_predictions(answers: Corpus, output: Path | None) -> None:
    """Write predictions to a file, or to stdout."""
    if output:
        write(answers, output)
        return
    for document in answers:
        sys.stdout.write(
            escape_controls_in_json(msgspec.json.encode(to_json_dict(document)).decode()) + "\n"
        )


def apply_threshold(answers: Corpus, text: str | None, thresholds: Thresholds | None) -> Corpus:
    """The predictions above a threshold, with notices on stderr about what was dropped."""
    if thresholds is None:
        return answers
    for line in threshold_messages(answers, thresholds):
        print_notice(f"--threshold {text}: {line}")
    return filter_by_score(answers, thresholds)
