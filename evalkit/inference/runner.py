"""How is a model run over a corpus?

In batches, over bare documents: the model never sees what is to be found.

What is answered is written down at once where there is a run folder (runs.py), and given out as it
comes. A document on which the model fails carries the reason, and the others go on. What ends a run
early (too many failures, an endpoint that refuses, Ctrl-C) ends it after everything that is in
flight has come back.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any

from msgspec.structs import replace

from evalkit.corpus import Corpus, CorpusSource, to_corpus
from evalkit.data.document import Document
from evalkit.errors import (
    EvalkitError,
    InputError,
    ModelError,
    PartialRunError,
    quoted_repr,
    spell_option,
)
from evalkit.inference.run_dir import RunDirectory
from evalkit.inference.workers import predict_in_workers
from evalkit.models.malformed_answers import refuse_malformed
from evalkit.models.registry import RUN_METADATA_KEY, Model, load_model
from evalkit.redaction import redact, redact_values

Batch = Sequence[Document]
# Batches that each process gets at least: what is in flight is lost where all of them are killed
MIN_BATCHES_PER_WORKER = 16


@dataclass(frozen=True)
class RunOptions:
    """How a model is run: batches asked at once of one that waits, processes for one that computes,
    and how many documents may fail.

    `stop` may be set meanwhile: what is in flight is finished, and the run ends with PartialRun.
    """

    concurrency: int = 1
    jobs: int = 1
    max_failures: int | None = None
    stop_event: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        for name in ("concurrency", "jobs"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise InputError(f"{spell_option(name, value)}: a whole number from 1 on would do")
        if self.concurrency > 1 and self.jobs > 1:
            raise InputError(
                f"{spell_option('concurrency', self.concurrency)} and"
                f" {spell_option('jobs', self.jobs)}: give one of them"
            )
        if self.max_failures is not None and (
            not isinstance(self.max_failures, int) or self.max_failures < 0
        ):
            raise InputError(
                f"{spell_option('max_failures', self.max_failures)}: a whole number from 0 on"
                " would do"
            )


def predict(
    model: object,
    corpus: CorpusSource,
    *,
    run_dir: str | Path | None = None,
    concurrency: int = 1,
    jobs: int = 1,
    max_failures: int | None = None,
    retry_failed: bool = False,
    limit: int | None = None,
    **arguments: Any,
) -> Corpus:
    """The corpus as the model annotates it: the same ids, texts, zones and schema.

    A document on which the model failed has the reason as its `failure`.

    - `run_dir`: a folder in which answers are stored as they come; the same call resumes.
    - `concurrency`: concurrent requests to a model behind an endpoint.
    - `jobs`: worker processes.
    - `max_failures`: how many documents may fail before the run ends.
    - `retry_failed`: ask again for the documents that failed in `run_dir`.
    - `limit`: use the first documents only, so many.
    - `arguments`: those of the model.

    Raises InputError for what cannot be run, ModelError where the model can answer no document, and
    PartialRunError where too many documents failed.
    """
    corpus = take_documents(to_corpus(corpus), limit)
    way = RunOptions(concurrency, jobs, max_failures)
    loaded = load_for_corpus(model, corpus, concurrency=concurrency, **arguments)
    with open_run_dir(run_dir, loaded, corpus, retry_failed=retry_failed) as run:
        return in_corpus_order(iter_predictions(loaded, corpus, way, run), corpus, loaded.name)


def take_documents(corpus: Corpus, limit: int | None) -> Corpus:
    """The first documents of a corpus, `limit` of them; all for None.

    Raises InputError for a limit that is not a whole number above 0.
    """
    if limit is None:
        return corpus
    if type(limit) is not int or limit < 1:
        raise InputError(
            f"{spell_option('limit')}: expected a whole number above 0, got {quoted_repr(limit)}"
        )
    return corpus.with_documents(islice(corpus, limit))


def load_for_corpus(
    model: object, corpus: Corpus, *, concurrency: int = 1, **arguments: Any
) -> Model:
    """The model, loaded and told what the corpus is marked for.

    Raises InputError where it holds documents that the corpus lacks.
    """
    loaded = load_model(model, **arguments)
    if extra := [id for id in loaded.document_ids or () if id not in corpus]:
        raise InputError(
            f"{loaded.name}: {len(extra)} documents are not in {corpus.name}, such as"
            f" {quoted_repr(extra[0])}"
        )
    if concurrency > 1 and not loaded.is_io_bound:
        raise InputError(
            f"{loaded.name}: {spell_option('concurrency', concurrency)} is for a model that waits"
            f" for an endpoint; {spell_option('jobs', concurrency)} runs this one in processes"
        )
    if loaded.with_schema is None:
        return loaded
    # What a kind was loaded from, and what it must not tell, stay true of the model that knows the
    # schema.
    return dataclasses.replace(
        loaded.with_schema(corpus.schema), load_spec=loaded.load_spec, secrets=loaded.secrets
    )


def open_run_dir(
    folder: str | Path | None, model: Model, corpus: Corpus, *, retry_failed: bool = False
) -> contextlib.AbstractContextManager[RunDirectory | None]:
    """The run folder, opened for the model and the corpus; None where none was asked for."""
    if folder is not None:
        return RunDirectory(folder, model, corpus, retry_failed=retry_failed)
    if retry_failed:
        raise InputError(
            f"{spell_option('retry_failed', True)}: there is no run folder whose failures could be"
            f" asked for again; name it with {spell_option('run_dir', 'DIR')}"
        )
    return contextlib.nullcontext()


def in_corpus_order(documents: Iterable[Document], corpus: Corpus, name: str) -> Corpus:
    """The answers in the order of the corpus, however they came."""
    found = {document.id: document for document in documents}
    return Corpus((found[id] for id in corpus.ids), name=name, schema=corpus.schema)


def iter_predictions(
    model: Model, corpus: Corpus, way: RunOptions, run: RunDirectory | None = None
) -> Iterator[Document]:
    """The documents as the model marks them, as they are answered; first those that the run folder
    holds.
    """
    done = run.answers if run else {}
    failures = [document for document in done.values() if document.failure is not None]
    yield from list(done.values())
    rest = [document for document in corpus if document.id not in done]
    _check_max_failures(failures, way)
    left = len(rest)
    for answer in _log_stop(
        refuse_malformed(_answers(model, rest, corpus, way), model.name, way.stop_event.is_set),
        model,
        run,
    ):
        document, notes = _redact_answer(answer, corpus, model.secrets)
        yield run.add(document, notes) if run else document
        if document.failure is not None:
            failures.append(document)
            if way.max_failures is not None and len(failures) > way.max_failures:
                way.stop_event.set()
        left -= 1
    _check_max_failures(failures, way)
    if left:
        raise PartialRunError(
            f"stopped: {len(corpus) - left} of {len(corpus)} documents are"
            f" answered{'; run the same command again to go on' if run else ''}"
        )


def _log_stop(
    answers: Iterator[Document], model: Model, run: RunDirectory | None
) -> Iterator[Document]:
    """The same answers; what asking took for the documents that stopped the run goes into the log
    of its folder.
    """
    try:
        yield from answers
    except ModelError as error:
        if run is not None:
            for notes in error.notes:
                run.add_unanswered(redact(notes, model.secrets))
        raise


def _check_max_failures(failures: Sequence[Document], way: RunOptions) -> None:
    if way.max_failures is not None and len(failures) > way.max_failures:
        one = failures[-1]
        count = (
            f"{len(failures)} document{'s' * (len(failures) != 1)} failed, more than"
            f" {spell_option('max_failures', way.max_failures)}"
        )
        raise PartialRunError(
            f"{count}, such as {quoted_repr(one.id)}: {one.failure}; mend the cause and ask for"
            f" them again ({spell_option('retry_failed', True)}), or allow more"
        )


def _redact_answer(
    answer: Document, corpus: Corpus, secrets: Sequence[str]
) -> tuple[Document, Mapping[str, Any] | None]:
    """An answer with the zones of its document and no secrets, and what asking for it took."""
    meta = dict(answer.meta or {})
    notes = meta.pop(RUN_METADATA_KEY, None)
    failure = (
        None
        if answer.failure is None
        else _single_line(redact_values(redact(answer.failure), secrets))
    )
    told = redact(notes, secrets) if isinstance(notes, Mapping) else None
    return (
        replace(
            answer,
            zones=corpus[answer.id].zones,
            meta=redact(meta, secrets) if meta else None,
            failure=failure,
        ),
        told,
    )


def _single_line(text: str) -> str:
    """A reason as it can be written down: on one line, and without halves of surrogate pairs."""
    return " ".join(text.encode("utf-8", "backslashreplace").decode().split()) or "no reason given"


def _answers(
    model: Model, documents: Sequence[Document], corpus: Corpus, way: RunOptions
) -> Iterator[Document]:
    size = model.batch_size or max(1, len(documents))
    batches = (
        documents[first : first + size]
        for first in range(0, len(documents), size)
        if not way.stop_event.is_set()
    )
    if way.jobs > 1:
        yield from predict_in_workers(
            model, corpus.schema, _split_batches(documents, size, way), way.jobs
        )
    elif way.concurrency > 1:
        yield from _concurrently(model, batches, way)
    else:
        for batch in batches:
            yield from _one_batch(model, batch, way)


def _split_batches(documents: Sequence[Document], size: int, way: RunOptions) -> Iterator[Batch]:
    """Batches of which every process gets some."""
    size = max(1, min(size, len(documents) // (MIN_BATCHES_PER_WORKER * way.jobs)))
    return (
        documents[first : first + size]
        for first in range(0, len(documents), size)
        if not way.stop_event.is_set()
    )


def _one_batch(model: Model, batch: Batch, way: RunOptions) -> Iterator[Document]:
    """The answers to a batch, as they come.

    One whose answers are made one by one is left when the run is to stop.
    """
    answers = checked_answers(model, batch)
    for answer in answers:
        yield answer
        if way.stop_event.is_set() and model.streams:
            answers.close()
            return


def _concurrently(model: Model, batches: Iterator[Batch], way: RunOptions) -> Iterator[Document]:
    """The answers to several batches that are asked at once.

    What one raises is raised when the others have come back.
    """
    waiting: set[Future[list[Document]]] = set()
    errors: list[BaseException] = []
    pool = ThreadPoolExecutor(way.concurrency)
    try:
        for batch in batches:
            waiting.add(pool.submit(_answer_batch, model, batch))
            while len(waiting) >= way.concurrency:
                waiting = yield from _collect_finished(waiting, errors)
            if errors:
                break
        while waiting:
            waiting = yield from _collect_finished(waiting, errors)
    finally:
        # Nobody waits for what an interrupt has left behind.
        pool.shutdown(wait=False, cancel_futures=True)
    if errors:
        first, *others = errors
        if isinstance(first, ModelError):
            first.notes += [
                notes for error in others if isinstance(error, ModelError) for notes in error.notes
            ]
        raise first


def _answer_batch(model: Model, batch: Batch) -> list[Document]:
    return list(checked_answers(model, batch))


def _collect_finished(waiting: set[Future[list[Document]]], errors: list[BaseException]) -> Any:
    done, left = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        error = future.exception()
        if error is None:
            yield from future.result()
        else:
            errors.append(error)
    return left


def checked_answers(model: Model, batch: Batch) -> Any:
    """The model's answers to a batch, each under the id that was asked.

    Raises EvalkitError where there are more or fewer.
    """
    n = 0
    for answer in model.predict([document.without_annotations() for document in batch]):
        if n == len(batch):
            raise EvalkitError(f"{model.name}: more than {n} answers to {n} documents")
        yield replace(answer, id=batch[n].id)
        n += 1
    if n < len(batch):
        raise EvalkitError(f"{model.name}: {n} answers to {len(batch)} documents")
