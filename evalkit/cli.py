"""The same, typed: results to stdout, progress to stderr.

Exit 0 right, 2 bad input or usage, 3 environment, 4 finished in part, 1 a bug.
"""

from __future__ import annotations

import contextlib
import enum
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from evalkit.corpus import Corpus, load_corpus, located, parsed, schema_at, whole
from evalkit.errors import EvalkitError, InputError
from evalkit.evaluate import score
from evalkit.formats.jsonl import record, write
from evalkit.models import KINDS, load_model
from evalkit.predict import predicted
from evalkit.scores import Scores, evalkit_version

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
    csv = "csv"


ModelName = Annotated[str, typer.Option("-m", "--model", help="KIND[:NAME], such as spacy:en_core_web_sm; see `evalkit models`.")]
ModelArguments = Annotated[list[str] | None, typer.Option("-a", "--model-arg", metavar="KEY=VALUE", help="An argument for the model; repeatable.")]
CorpusPath = Annotated[str | None, typer.Argument(metavar="[CORPUS]", help="A .jsonl file, or a folder with corpus/ and annotations/. Default: the bundled corpus.")]
Metrics = Annotated[str | None, typer.Option("--metrics", help="Such as entities/strict,tri-c. Default: all that gold and prediction allow.")]
Labels = Annotated[str | None, typer.Option("--labels", help="The name of a label map in the schema, such as conll2003.")]
Zones = Annotated[str, typer.Option("--zones", help="primary, all, or names with commas.")]
Missing = Annotated[str, typer.Option("--missing", help="Documents that the prediction lacks: refuse, or take as empty.")]
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
    form: Form = None,
    output: Output = None,
) -> None:
    """Run a model over a corpus and print its scores."""
    check_writable(output, corpus)
    gold = load_corpus(corpus)
    answers = answered(model, arguments, gold)
    report(score(gold, answers, metrics, labels=labels, zones=chosen(zones)), form, output)


@app.command()
def predict(
    corpus: CorpusPath = None,
    model: ModelName = "rules",
    arguments: ModelArguments = None,
    output: Output = None,
) -> None:
    """Run a model over a corpus and write its predictions as JSONL."""
    check_writable(output, corpus)
    gold = load_corpus(corpus)
    answers = answered(model, arguments, gold)
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
    jobs: Jobs = 1,
    form: Form = None,
    output: Output = None,
) -> None:
    """Score predictions that were saved."""
    check_writable(output, gold, predictions)
    report(score(gold, predictions, metrics, labels=labels, zones=chosen(zones), missing=missing, jobs=jobs), form, output)


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


def many(number: int, noun: str) -> str:
    """1 document, 2 documents."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def chosen(zones: str) -> str | list[str]:
    """primary, all, or a list of names."""
    return zones if zones in ("primary", "all") else zones.split(",")


def check_writable(output: Path | None, *inputs: str | None) -> None:
    """Refuse an output that cannot be written, or that is an input, before anything is run."""
    if output is None:
        return
    for path in inputs:
        if path is not None and output.exists() and Path(path).exists() and output.samefile(path):
            raise InputError(f"-o {output}: is read by this very command; name another file")
    if output.is_dir():
        raise InputError(f"-o {output}: is a folder; name a file")
    if not output.parent.is_dir():
        raise InputError(f"-o {output}: there is no folder {output.parent}")
    if not os.access(output if output.exists() else output.parent, os.W_OK):
        raise InputError(f"-o {output}: cannot be written")


def report(scores: Scores, form: Format | None, output: Path | None) -> None:
    """Print or write the scores; exit code 4 where documents failed."""
    by_suffix = {".json": "json", ".md": "markdown", ".csv": "csv", ".txt": "table", "": "table"}
    if output and not form and output.suffix not in by_suffix:
        raise InputError(f"-o {output}: no format is known for {output.suffix!r}; name one with --format")
    name = form.value if form else by_suffix[output.suffix] if output else "table"
    text = scores.render(name) + "\n"
    if output:
        output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    if scores.about["failures"]:
        raise typer.Exit(PARTIAL)


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
