"""Running a model from the terminal: progress on stderr, Ctrl-C, and the summary of a run."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from threading import Event, current_thread, main_thread
from types import FrameType
from typing import Any

from evalkit.corpus import Corpus
from evalkit.data.document import Document
from evalkit.errors import InterruptedRunError, print_notice
from evalkit.inference.run_dir import RunDirectory
from evalkit.inference.runner import (
    RunOptions,
    collect_in_order,
    iter_predictions,
    load_for_corpus,
    open_run_dir,
)
from evalkit.inference.storage_options import StorageOptions
from evalkit.results.wording import pluralize
from evalkit.scoring.metrics import list_document_layers

FIRST_UPDATE_SECONDS = 1.0  # before the first line of progress
UPDATE_INTERVAL_SECONDS = 5.0  # between lines of progress, if stderr is not a terminal


def predict_with_progress(
    name: str,
    arguments: dict[str, Any],
    gold: Corpus,
    run_options: RunOptions,
    storage: StorageOptions,
    *,
    collected: list[Document] | None = None,
    known_ids: Collection[str] | None = None,
    metrics: str | None = None,
) -> Corpus:
    """The model's predictions, in the order of the corpus.

    They are also appended to `collected`, which has them if the run ends early (PartialRunError,
    ModelError). known_ids: the ids of all documents, if `gold` has only the first of them. metrics:
    those whose layers a language model is prompted for.
    """
    collected = [] if collected is None else collected
    # Output of a model goes to stderr: it is not part of the result.
    with contextlib.redirect_stdout(sys.stderr), explain_interrupt(storage.run_dir):
        model = load_for_corpus(
            name,
            gold,
            arguments,
            concurrency=run_options.concurrency,
            known_ids=known_ids,
            storage=storage,
            needed_layers=list_document_layers(metrics),
        )
        with (
            graceful_interrupt(run_options.stop_event),
            open_run_dir(storage, model, gold) as run,
        ):
            for line in resume_messages(run, gold):
                print_notice(line)
            answers = iter_predictions(model, gold, run_options, run)
            stored = len(run.answers) if run else 0
            collected.extend(with_progress(answers, len(gold), initial=stored))
        for line in run_summary(run):
            print_notice(line)
    return collect_in_order(collected, gold, model.name)


def resume_messages(run: RunDirectory | None, gold: Corpus) -> Iterator[str]:
    """Notices about a run directory that has answers already."""
    if run is None:
        return
    if run.truncated_bytes:
        yield f"{run.folder}: dropped an incomplete last line of {run.truncated_bytes:,} bytes"
    if run.changed_versions:
        yield (
            f"{run.folder}: versions differ from the first run: {', '.join(run.changed_versions)};"
            " answers of both are used"
        )
    if run.moved:
        before, now = run.moved
        yield (
            f"{run.folder}: the endpoint was {before} and is now {now}: answers of both count as"
            " those of one model; name another folder if they are not"
        )
    if run.options.reparse:
        yield (
            f"{run.folder}: parses the answers of {pluralize(len(run.answers), 'document')} again;"
            " no request is sent"
        )
    elif run.answers:
        failed = sum(document.failure is not None for document in run.answers.values())
        failures = f", {failed} of them failures (--retry-failed repeats those)" if failed else ""
        yield (
            f"{run.folder}: resumes after {len(run.answers):,} of"
            f" {pluralize(len(gold), 'document')}{failures}"
        )


def run_summary(run: RunDirectory | None) -> Iterator[str]:
    """A line with the requests, retries and tokens of a run, if a run directory has them; or with
    the documents that had no answer to parse again.
    """
    if run is None:
        return
    if run.unparsed:
        yield (
            f"{run.folder}: no answer to parse: {pluralize(run.unparsed, 'document')}, with"
            f" {'its failure' if run.unparsed == 1 else 'their failures'}"
        )
    if run.options.reparse:
        return
    totals = run.usage()
    parts = []
    if totals.get("requests"):
        parts.append(pluralize(totals["requests"], "request"))
    for reason, count in sorted(totals.get("retries", {}).items()):
        parts.append(f"{count} retried ({reason})")
    for name, value in totals.get("usage", {}).items():
        parts.append(f"{name.replace('_', ' ')}: {value:,.6g}")
    if parts:
        yield f"{run.folder}: {', '.join(parts)}"


@contextlib.contextmanager
def explain_interrupt(run_dir: str | Path | None) -> Iterator[None]:
    """Turn an interrupt into an InterruptedRunError, which says how to resume."""
    try:
        yield
    except KeyboardInterrupt:
        advice = "no answer was stored; --run-dir DIR stores answers as they arrive"
        if run_dir:
            advice = f"the answers so far are in {run_dir}; the same command resumes"
        raise InterruptedRunError(f"interrupted: {advice}") from None


@contextlib.contextmanager
def graceful_interrupt(stop: Event) -> Iterator[None]:
    """Within the block Ctrl-C (or SIGTERM) sets `stop`; only the second one interrupts."""
    if current_thread() is not main_thread():
        yield
        return

    def request_stop(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        advice = "; press Ctrl-C again to stop at once" if number == signal.SIGINT else ""
        print(f"\nwaiting for pending answers{advice}", file=sys.stderr)

    signals = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: signal.signal(number, request_stop) for number in signals}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def with_progress(
    documents: Iterable[Document], total: int, *, initial: int = 0
) -> Iterator[Document]:
    """The same documents, with progress on stderr: a bar on a terminal, else a line now and then.

    initial: the number of documents that are stored already, and do not count for the rate.
    """
    if sys.stderr.isatty():
        return _with_bar(documents, total, initial)
    return _with_lines(documents, total, initial)


def with_shard_progress(counted: Iterable[bytes], total: int) -> Iterator[bytes]:
    """The same counts of shards; if stderr is a terminal, with a bar on it."""
    if not sys.stderr.isatty():
        yield from counted
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("shards"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        for counts in counted:
            bar.advance(task)
            yield counts


def _with_bar(documents: Iterable[Document], total: int, initial: int) -> Iterator[Document]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, rate="", failed="")
        failures, started = 0, time.monotonic()
        for done, document in enumerate(documents, start=1):
            failures += document.failure is not None
            bar.update(
                task,
                completed=done,
                rate=f"{_rate(done - initial, started):.1f} a second",
                failed=f"{failures} failed" if failures else "",
            )
            yield document


def _with_lines(documents: Iterable[Document], total: int, initial: int) -> Iterator[Document]:
    started = time.monotonic()
    updated, failures = started - UPDATE_INTERVAL_SECONDS + FIRST_UPDATE_SECONDS, 0
    for done, document in enumerate(documents, start=1):
        yield document
        failures += document.failure is not None
        now = time.monotonic()
        if now - updated > UPDATE_INTERVAL_SECONDS and initial < done < total:
            updated, rate = now, _rate(done - initial, started)
            left = (total - done) / rate
            print(
                f"{done:,} of {total:,} documents, {rate:.1f} a second, {left:,.0f} s"
                f" left{f', {failures} failed' if failures else ''}",
                file=sys.stderr,
            )


def _rate(done: int, started: float) -> float:
    """Documents a second."""
    return max(done, 0) / max(time.monotonic() - started, 1e-9)


def sort_by_corpus(predicted: Iterable[Document], gold: Corpus) -> list[Document]:
    """The predictions of a run that ended early, in the order of the corpus."""
    by_id = {document.id: document for document in predicted}
    return [by_id[id] for id in gold.ids if id in by_id]
