"""The same, typed: results to stdout, progress to stderr.

Exit 0 right, 2 bad input or usage, 3 environment, 4 finished in part, 1 a bug.
"""

from __future__ import annotations

import contextlib
import enum
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from evalkit.corpus import Corpus, load_corpus, located, parsed, schema_at, whole
from evalkit.curves import PICTURES, curves
from evalkit.errors import EvalkitError, InputError
from evalkit.evaluate import compare, score
from evalkit.formats.jsonl import record, write
from evalkit.intervals import resampling_of
from evalkit.models import KINDS, load_model
from evalkit.predict import predicted
from evalkit.scores import Scores
from evalkit.summary import many
from evalkit.thresholds import Least, above, thresholds, told
from evalkit.verify import MOST_TOLD, verified
from evalkit.version import evalkit_version

T = TypeVar("T")
ENVIRONMENT, PARTIAL = 3, 4

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(str, enum.Enum):
    """What a report is written as."""

    table = "table"
    json = "json"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    html = "html"


ModelName = Annotated[str, typer.Option("-m", "--model", help="KIND[:NAME], such as spacy:en_core_web_sm; see `evalkit models`.")]
ModelArguments = Annotated[list[str] | None, typer.Option("-a", "--model-arg", metavar="KEY=VALUE", help="An argument for the model; repeatable.")]
CorpusPath = Annotated[str | None, typer.Argument(metavar="[CORPUS]", help="A .jsonl file, or a folder with corpus/ and annotations/. Default: the bundled corpus.")]
Metrics = Annotated[str | None, typer.Option("--metrics", help="Such as entities/strict,tri-c. Default: all that gold and prediction allow.")]
Labels = Annotated[str | None, typer.Option("--labels", help="The name of a label map in the schema, such as conll2003.")]
Zones = Annotated[str, typer.Option("--zones", help="primary, all, or names with commas.")]
Missing = Annotated[str, typer.Option("--missing", help="Documents that the prediction lacks: refuse, or take as empty.")]
Units = Annotated[str, typer.Option("--units", help="What is drawn for the intervals: auto, documents or sentences.")]
Boot = Annotated[int, typer.Option("--boot", min=0, help="Replicates of the bootstrap; 0 for no intervals.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="What the replicates are drawn from.")]
Level = Annotated[float, typer.Option("--level", help="Of the intervals.")]
Threshold = Annotated[str | None, typer.Option("--threshold", help="Leave out what the model gives a lower score: 0.5, or PER=0.7,ORG=0.4.")]
Save = Annotated[Path | None, typer.Option("--save", help="Write the result (JSON) for report, compare and verify.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Processes that read and count; for JSONL files.")]
Form = Annotated[Format | None, typer.Option("--format", help="Default: table, or what the suffix of -o says.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Write here instead of to stdout.")]


@app.callback(invoke_without_command=True)
def _evalkit(*, version: Annotated[bool, typer.Option("--version", "-V", help="Show the version and exit.")] = False) -> None:
    """Benchmark information extraction: precision, recall and F1 per label, with a signature."""
    if version:
        print(f"evalkit {evalkit_version()}")
        raise typer.Exit


@app.command()
def run(
    corpus: CorpusPath = None,
    model: ModelName = "rules",
    arguments: ModelArguments = None,
    metrics: Metrics = None,
    labels: Labels = None,
    zones: Zones = "primary",
    units: Units = "auto",
    boot: Boot = 1000,
    seed: Seed = 12345,
    level: Level = 0.95,
    threshold: Threshold = None,
    form: Form = None,
    output: Output = None,
    save: Save = None,
) -> None:
    """Run a model over a corpus and print its scores."""
    check_writable(output, corpus)
    check_writable(save, corpus, str(output) if output else None, option="--save")
    gold = load_corpus(corpus)
    least = None if threshold is None else thresholds(threshold)
    form_of(form, output)
    # What is wrong with the options is said before the model runs.
    score(gold, gold, metrics, labels=labels, zones=chosen(zones), boot=0)
    resampling_of(len(gold), units, boot, seed, level)
    answers = answered(model, arguments, gold)
    answers = cut(answers, threshold, least)
    scores = score(gold, answers, metrics, labels=labels, zones=chosen(zones), units=units, boot=boot, seed=seed, level=level)
    report(scores, form, output, save)


@app.command()
def predict(
    corpus: CorpusPath = None,
    model: ModelName = "rules",
    arguments: ModelArguments = None,
    threshold: Threshold = None,
    output: Output = None,
) -> None:
    """Run a model over a corpus and write its predictions as JSONL."""
    check_writable(output, corpus)
    least = None if threshold is None else thresholds(threshold)
    gold = load_corpus(corpus)
    answers = cut(answered(model, arguments, gold), threshold, least)
    if output:
        write(answers, output)
    else:
        for document in answers:
            sys.stdout.write(msgspec.json.encode(record(document)).decode() + "\n")
    if any(document.failure is not None for document in answers):
        raise typer.Exit(PARTIAL)


@app.command(name="score")
def score_(
    gold: Annotated[str, typer.Argument(metavar="GOLD", help="A corpus.")],
    predictions: Annotated[str, typer.Argument(metavar="PREDICTED", help="Predictions over the same documents.")],
    metrics: Metrics = None,
    labels: Labels = None,
    zones: Zones = "primary",
    missing: Missing = "refuse",
    units: Units = "auto",
    boot: Boot = 1000,
    seed: Seed = 12345,
    level: Level = 0.95,
    jobs: Jobs = 1,
    form: Form = None,
    output: Output = None,
    save: Save = None,
) -> None:
    """Score predictions that were saved."""
    check_writable(output, gold, predictions)
    check_writable(save, gold, predictions, str(output) if output else None, option="--save")
    form_of(form, output)
    scores = score(gold, predictions, metrics, labels=labels, zones=chosen(zones), missing=missing, units=units, boot=boot, seed=seed, level=level, jobs=jobs)
    report(scores, form, output, save)


@app.command(name="report")
def report_(
    results: Annotated[list[Path], typer.Argument(metavar="RESULT…", help="Saved results; those of the shards of one corpus are merged.")],
    form: Form = None,
    output: Output = None,
    save: Save = None,
) -> None:
    """Print saved results again, in any format; several are the shards of one corpus."""
    check_writable(output, *map(str, results))
    check_writable(save, *map(str, results), str(output) if output else None, option="--save")
    form_of(form, output)
    loaded = [Scores.load(path) for path in results]
    report(loaded[0] if len(loaded) == 1 else Scores.merge(loaded), form, output, save)


@app.command(name="compare")
def compare_(
    systems: Annotated[list[str], typer.Argument(metavar="A B…", help="Saved results (.json), or predictions.")],
    gold: Annotated[str | None, typer.Option("--gold", help="The corpus, for predictions.")] = None,
    metrics: Metrics = None,
    average: Annotated[str, typer.Option("--average", help="micro or macro.")] = "micro",
    permutations: Annotated[int, typer.Option("--permutations", min=1, help="Trades that are drawn where there are too many to go through.")] = 10_000,
    labels: Labels = None,
    zones: Annotated[str | None, typer.Option("--zones", help="For predictions: primary, all, or names with commas.")] = None,
    missing: Annotated[str | None, typer.Option("--missing", help="For predictions: documents that they lack: refuse, or take as empty.")] = None,
    units: Annotated[str | None, typer.Option("--units", help="For predictions: auto, documents or sentences.")] = None,
    boot: Annotated[int | None, typer.Option("--boot", min=0, help="For predictions: replicates; 0 for no intervals.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="For predictions: what the replicates are drawn from.")] = None,
    level: Annotated[float | None, typer.Option("--level", help="For predictions: of the intervals.")] = None,
    form: Form = None,
    output: Output = None,
) -> None:
    """Compare systems: differences with intervals, p-values, and what this corpus could have shown."""
    check_writable(output, *systems, gold)
    every = {"labels": labels, "zones": zones and chosen(zones), "missing": missing, "units": units, "boot": boot, "seed": seed, "level": level}
    options = {name: value for name, value in every.items() if value is not None}
    told_as = form_of(form, output)
    found = compare(*systems, gold=gold, average=average, permutations=permutations, metrics=metrics, options=options)
    put(found.render(told_as, width=terminal_width(output)), output)
    if any(scores.about["failures"] for scores in found.systems.values()):
        raise typer.Exit(PARTIAL)


@app.command()
def verify(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="A saved result.")],
    gold: Annotated[str, typer.Argument(metavar="GOLD", help="The corpus.")],
    predictions: Annotated[str, typer.Argument(metavar="PREDICTED", help="The predictions.")],
) -> None:
    """Score again as a saved result says it was scored, and tell what differs: exit code 2 if anything does."""
    differing = verified(result, gold, predictions)
    if differing:
        raise InputError("\n".join([f"{result}: {line}" for line in differing[:MOST_TOLD]] + [f"and {len(differing) - MOST_TOLD} more"] * (len(differing) > MOST_TOLD)))
    print(f"{result}: the same")


@app.command(name="curve")
def curve_(
    gold: Annotated[str, typer.Argument(metavar="GOLD", help="A corpus.")],
    predictions: Annotated[str, typer.Argument(metavar="PREDICTED", help="Predictions that carry scores.")],
    metric: Annotated[str, typer.Option("--metric", help="A layer under strict.")] = "entities/strict",
    form: Form = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write here; a .png, .svg or .pdf is a picture of the curves.")] = None,
) -> None:
    """Precision and recall over all thresholds, average precision, and the best threshold for each label."""
    check_writable(output, gold, predictions)
    drawn = output is not None and form is None and output.suffix.lower() in PICTURES
    told_as = "table" if drawn else form_of(form, output)
    found = curves(load_corpus(gold), load_corpus(predictions, predictions=True), metric)
    if drawn and output:
        found.draw(output)
    else:
        put(found.render(told_as, width=terminal_width(output)), output)
    if found.failures:
        raise typer.Exit(PARTIAL)


@app.command()
def validate(corpus: CorpusPath = None) -> None:
    """Check a corpus: offsets, texts, ids, and what its schema declares."""
    name, where = located(corpus)
    documents = whole(parsed(where, name, schema=schema_at(where, name)))
    counts = {layer: sum(len(getattr(d, layer) or ()) for d in documents) for layer in ("entities", "events", "attributions")}
    checked = "offsets, texts and ids" + (", labels, zones and rules of the schema" if schema_at(where, name) else "; no schema.json")
    print(f"{where}: {many(len(documents), 'document')}, {', '.join(f'{n} {layer}' for layer, n in counts.items())}: valid ({checked})")


@app.command()
def models() -> None:
    """List the kinds of model."""
    width, given = (max(len(text) for text in column) for column in zip(*((k.spelled, k.gives) for k in KINDS.values()), strict=True))
    for kind in KINDS.values():
        print(f"{kind.spelled:{width}}  {kind.gives:{given}}  {kind.what}")


def answered(name: str, arguments: Iterable[str] | None, gold: Corpus) -> Corpus:
    """The model's predictions, with progress on stderr."""
    with contextlib.redirect_stdout(sys.stderr):  # what a model prints is not the result
        model = load_model(name, **parsed_arguments(arguments))
        return Corpus(with_progress(predicted(model, gold), len(gold)), name=model.name, schema=gold.schema)


def cut(answers: Corpus, asked: str | None, least: Least | None) -> Corpus:
    """The predictions above a threshold; what it does is told on stderr."""
    if least is None:
        return answers
    for line in told(answers, least):
        print(f"--threshold {asked}: {line}", file=sys.stderr)
    return above(answers, least)


def parsed_arguments(arguments: Iterable[str] | None) -> dict[str, Any]:
    """key=value as a dict; values that are JSON (numbers, true, lists) are taken as such."""
    found: dict[str, Any] = {}
    for argument in arguments or ():
        key, equals, value = argument.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(f"-a {argument}: write KEY=VALUE")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


def with_progress(documents: Iterable[T], total: int) -> Iterator[T]:
    """The same documents; a line on stderr, renewed, once they take longer than a second."""
    started = said = time.monotonic()
    for done, document in enumerate(documents, start=1):
        yield document
        now = time.monotonic()
        if now - started > 1 and now - said > 1:
            said = now
            print(f"{done:,} of {total:,} documents, {done / (now - started):.1f} a second", file=sys.stderr)


def chosen(zones: str) -> str | list[str]:
    """primary, all, or a list of names."""
    return zones if zones in ("primary", "all") else zones.split(",")


def check_writable(output: Path | None, *inputs: str | None, option: str = "-o") -> None:
    """Refuse an output that cannot be written, or that is an input, before anything is run."""
    if output is None:
        return
    for path in inputs:
        if path is not None and (output.absolute() == Path(path).absolute() or (output.exists() and Path(path).exists() and output.samefile(path))):
            raise InputError(f"{option} {output}: is read or written by this very command; name another file")
    if output.is_dir():
        raise InputError(f"{option} {output}: is a folder; name a file")
    if not output.parent.is_dir():
        raise InputError(f"{option} {output}: there is no folder {output.parent}")
    if not os.access(output if output.exists() else output.parent, os.W_OK):
        raise InputError(f"{option} {output}: cannot be written")


def report(scores: Scores, form: Format | None, output: Path | None, save: Path | None = None) -> None:
    """Print or write the scores; exit code 4 where documents failed."""
    if save:
        scores.save(save)
    put(scores.render(form_of(form, output), width=terminal_width(output)), output)
    if scores.about["failures"]:
        raise typer.Exit(PARTIAL)


def form_of(form: Format | None, output: Path | None) -> str:
    """The name of the format that was asked for, or that the suffix of the output says."""
    by_suffix = {".json": "json", ".md": "markdown", ".tex": "latex", ".csv": "csv", ".html": "html", ".txt": "table", "": "table"}
    if output and not form and output.suffix not in by_suffix:
        raise InputError(f"-o {output}: no format is known for {output.suffix!r}; name one with --format")
    return form.value if form else by_suffix[output.suffix] if output else "table"


def put(text: str, output: Path | None) -> None:
    """Write a text to a file, or to stdout."""
    if output:
        output.write_text(text + "\n", encoding="utf-8")
    else:
        sys.stdout.write(text + "\n")


def terminal_width(output: Path | None) -> int | None:
    """How wide the terminal is that is written to, if one is."""
    return shutil.get_terminal_size().columns if output is None and sys.stdout.isatty() else None


def main() -> None:
    """Run the command line. What goes wrong is one line on stderr a fault; a traceback would be a bug."""
    if sys.stdout is None or sys.stderr is None:
        sys.exit(ENVIRONMENT)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app()
    except EvalkitError as error:
        print(f"evalkit: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever read the report has seen enough; keep the interpreter from complaining when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"evalkit: {error.filename or 'writing'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(ENVIRONMENT)
    except Exception as error:
        if os.environ.get("EVALKIT_DEBUG"):
            raise
        print(f"evalkit: a bug: {type(error).__name__}: {error} (EVALKIT_DEBUG=1 shows where)", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
