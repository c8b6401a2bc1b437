"""How does a run look from a terminal?

Progress on stderr, Ctrl-C that waits for pending answers, and the summary of a run.
"""

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
    in_corpus_order,
    iter_predictions,
    load_for_corpus,
    open_run_dir,
)
from evalkit.results.summary import pluralize

FIRST_UPDATE_SECONDS = 1.0  # seconds before the first line of progress
UPDATE_INTERVAL_SECONDS = (
    5.0  # seconds between lines of progress, where there is no terminal to renew one on
)


def predict_with_progress(
    name: str,
    arguments: dict[str, Any],
    gold: Corpus,
    way: RunOptions,
    run_dir: Path | None = None,
    *,
    retry_failed: bool = False,
    found: list[Document] | None = None,
    known_ids: Collection[str] | None = None,
) -> Corpus:
    """The model's predictions.

    They are also appended to `found`, which has them if the run ends early (PartialRunError,
    ModelError). known_ids: the ids of all documents, if `gold` has only the first of them.
    """
    found = [] if found is None else found
    with (
        contextlib.redirect_stdout(sys.stderr),
        explain_interrupt(run_dir),
    ):  # what a model prints is not the result
        model = load_for_corpus(
            name, gold, arguments, concurrency=way.concurrency, known_ids=known_ids
        )
        with (
            graceful_interrupt(way.stop_event),
            open_run_dir(run_dir, model, gold, retry_failed=retry_failed) as run,
        ):
            for line in resume_messages(run, gold):
                print_notice(line)
            answers = iter_predictions(model, gold, way, run)
            found.extend(with_progress(answers, len(gold), already=len(run.answers) if run else 0))
        for line in run_summary(run):
            print_notice(line)
    return in_corpus_order(found, gold, model.name)


def resume_messages(run: RunDirectory | None, gold: Corpus) -> Iterator[str]:
    """Notices about a run directory that holds answers already."""
    if run and run.truncated_bytes:
        yield (f"{run.folder}: dropped an incomplete last line of {run.truncated_bytes:,} bytes")
    if run and run.changed_versions:
        yield (
            f"{run.folder}: other versions than before: {', '.join(run.changed_versions)};"
            " its answers come from both"
        )
    if run and run.moved:
        before, now = run.moved
        yield (
            f"{run.folder}: the endpoint was {before} and is now {now}: answers of both count as"
            " those of one model; name another folder if they are not"
        )
    if run and run.answers:
        failed = sum(document.failure is not None for document in run.answers.values())
        failures = (
            f", {failed} of them failures (--retry-failed asks for those again)" if failed else ""
        )
        yield (
            f"{run.folder}: goes on after {len(run.answers):,} of"
            f" {pluralize(len(gold), 'document')}{failures}"
        )


def run_summary(run: RunDirectory | None) -> Iterator[str]:
    """What a run took, where a folder keeps it."""
    if run is None:
        return
    spent = run.usage()
    parts = [pluralize(spent["requests"], "request")] if spent.get("requests") else []
    parts += [f"{count} retried ({why})" for why, count in sorted(spent.get("retries", {}).items())]
    parts += [
        f"{name.replace('_', ' ')}: {value:,.6g}" for name, value in spent.get("usage", {}).items()
    ]
    if parts:
        yield f"{run.folder}: {', '.join(parts)}"


@contextlib.contextmanager
def explain_interrupt(run_dir: Path | None) -> Iterator[None]:
    """An interrupt ends the run with what can be done about it."""
    try:
        yield
    except KeyboardInterrupt:
        kept = (
            f"what was answered is in {run_dir}; run the same command again to resume"
            if run_dir
            else "nothing is kept; --run-dir keeps answers as they come"
        )
        raise InterruptedRunError(f"interrupted: {kept}") from None


@contextlib.contextmanager
def graceful_interrupt(stop: Event) -> Iterator[None]:
    """Meanwhile Ctrl-C (or SIGTERM) sets `stop`, and only the second one interrupts."""
    if current_thread() is not main_thread():
        yield
        return

    def stopped(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        print(
            (
                "\nfinishing what is in flight; once more to stop at once"
                if number == signal.SIGINT
                else "finishing what is in flight"
            ),
            file=sys.stderr,
        )

    before = {number: signal.signal(number, stopped) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def with_progress(
    documents: Iterable[Document], total: int, *, already: int = 0
) -> Iterator[Document]:
    """The same documents; documents done, a second, time left and failures on stderr: a bar on a
    terminal, else a line now and then.

    already: how many of them were there before, and say nothing of the rate.
    """
    return (
        _with_bar(documents, total, already)
        if sys.stderr.isatty()
        else _with_lines(documents, total, already)
    )


def _with_bar(documents: Iterable[Document], total: int, already: int) -> Iterator[Document]:
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
        task, failures, started = (
            bar.add_task("", total=total, rate="", failed=""),
            0,
            time.monotonic(),
        )
        for done, document in enumerate(documents, start=1):
            failures += document.failure is not None
            bar.update(
                task,
                completed=done,
                rate=f"{_rate(done - already, started):.1f} a second",
                failed=f"{failures} failed" if failures else "",
            )
            yield document


def _with_lines(documents: Iterable[Document], total: int, already: int) -> Iterator[Document]:
    started = time.monotonic()
    updated, failures = started - UPDATE_INTERVAL_SECONDS + FIRST_UPDATE_SECONDS, 0
    for done, document in enumerate(documents, start=1):
        yield document
        failures += document.failure is not None
        now = time.monotonic()
        if now - updated > UPDATE_INTERVAL_SECONDS and already < done < total:
            updated, rate = now, _rate(done - already, started)
            left = (total - done) / rate
            print(
                f"{done:,} of {total:,} documents, {rate:.1f} a second, {left:,.0f} s"
                f" left{f', {failures} failed' if failures else ''}",
                file=sys.stderr,
            )


def _rate(done: int, started: float) -> float:
    return max(done, 0) / max(time.monotonic() - started, 1e-9)


def sort_by_corpus(found: Iterable[Document], gold: Corpus) -> list[Document]:
    """What came of a run that ended early, in the order of the corpus."""
    by_id = {document.id: document for document in found}
    return [by_id[id] for id in gold.ids if id in by_id]
