"""Running a model over a corpus, in batches of documents without annotations.

Answers are stored in the run directory, if there is one, and yielded as soon as they are there. A
document on which the model fails has a `failure`, and the run continues. If a run stops early (too
many failures, an endpoint that refuses, Ctrl-C), the batches in flight are finished first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
from evalkit.inference.answers import separate_metadata
from evalkit.inference.reparsing import get_parser, refuse_unanswered, reparse_answers
from evalkit.inference.run_dir import RunDirectory
from evalkit.inference.run_record import read_requested_layers
from evalkit.inference.storage_options import StorageOptions
from evalkit.inference.workers import predict_in_workers
from evalkit.models.malformed_answers import refuse_malformed
from evalkit.models.registry import Model, load_model, load_parser, prepare_model
from evalkit.redaction import redact

Batch = Sequence[Document]
# At least so many batches for each worker: those in flight are lost if all workers are killed.
MIN_BATCHES_PER_WORKER = 16


@dataclass(frozen=True)
class RunOptions:
    """The number of concurrent requests, of worker processes, and of documents that may fail.

    `stop_event` may be set during the run: the batches in flight are finished, and the run ends
    with PartialRunError.
    """

    concurrency: int = 1
    jobs: int = 1
    max_failures: int | None = None
    stop_event: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        for name in ("concurrency", "jobs"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise InputError(f"{spell_option(name, value)}: expected an integer >= 1")
        if self.concurrency > 1 and self.jobs > 1:
            raise InputError(
                f"{spell_option('concurrency', self.concurrency)} and"
                f" {spell_option('jobs', self.jobs)}: give one of them"
            )
        limit = self.max_failures
        if limit is not None and (not isinstance(limit, int) or limit < 0):
            raise InputError(f"{spell_option('max_failures', limit)}: expected an integer >= 0")


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
    model_args: Mapping[str, Any] | None = None,
    log_samples: bool | None = None,
    reparse: bool = False,
    needed_layers: Collection[str] | None = None,
    **more_model_args: Any,
) -> Corpus:
    """The corpus as the model annotates it: the same ids, texts, zones and schema.

    A document on which the model failed has the reason as its `failure`.

    - `run_dir`: a folder in which answers are stored as they come; the same call resumes.
    - `concurrency`: concurrent requests to a model behind an endpoint.
    - `jobs`: worker processes.
    - `max_failures`: how many documents may fail before the run ends.
    - `retry_failed`: process the documents that failed in `run_dir` again.
    - `limit`: use the first documents only, so many.
    - `model_args`: the options of the model; they may also be given as keywords.
    - `log_samples`: store each request to an endpoint and its response in `run_dir`, without keys;
      True where there is a `run_dir`.
    - `reparse`: parse the answers that `run_dir` holds again, with the present settings, and send
      no request. The new predictions replace the stored ones.
    - `needed_layers`: the layers of documents that a language model is prompted for, if its
      option `layers` is not given and the schema has any of them.

    Raises InputError for what cannot be run, ModelError if no document can be annotated, and
    PartialRunError if too many documents failed, or have no answer to parse again.
    """
    all_documents = to_corpus(corpus)
    corpus = take_documents(all_documents, limit)
    options = RunOptions(concurrency, jobs, max_failures)
    storage = StorageOptions(run_dir, retry_failed, log_samples, reparse)
    loaded = load_for_corpus(
        model,
        corpus,
        _merge_model_args(model_args or {}, more_model_args),
        concurrency=concurrency,
        known_ids=all_documents.ids,
        storage=storage,
        needed_layers=needed_layers,
    )
    with open_run_dir(storage, loaded, corpus) as run:
        return collect_in_order(iter_predictions(loaded, corpus, options, run), corpus, loaded.name)


def _merge_model_args(model_args: Mapping[str, Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    for name in keywords:
        if name in model_args:
            raise InputError(f"{name} is given as keyword and in model_args; give it once")
    return {**model_args, **keywords}


def take_documents(corpus: Corpus, limit: int | None) -> Corpus:
    """The first documents of a corpus, `limit` of them; all for None.

    Raises InputError for a limit that is not an integer >= 1.
    """
    if limit is None:
        return corpus
    if type(limit) is not int or limit < 1:
        raise InputError(f"{spell_option('limit', limit)}: expected an integer >= 1")
    return corpus.with_documents(islice(corpus, limit))


def load_for_corpus(
    model: object,
    corpus: Corpus,
    model_args: Mapping[str, Any] | None = None,
    *,
    concurrency: int = 1,
    known_ids: Collection[str] | None = None,
    storage: StorageOptions | None = None,
    needed_layers: Collection[str] | None = None,
    sends_requests: bool = True,
) -> Model:
    """The model, loaded and prepared for the schema of the corpus.

    known_ids: the ids of all documents, if the corpus has only the first of them. needed_layers:
    those that a language model is prompted for. sends_requests: if not, a model behind an endpoint
    needs no key. Raises InputError if the model has predictions of other documents.
    """
    storage = storage or StorageOptions()
    layers = find_prompted_layers(needed_layers, storage)
    load = load_model if sends_requests and not storage.reparse else load_parser
    loaded = load(model, **(model_args or {}))
    known = set(corpus.ids if known_ids is None else known_ids)
    extra = [id for id in loaded.document_ids or () if id not in known]
    if extra:
        count = "1 document is" if len(extra) == 1 else f"{len(extra)} documents are"
        raise InputError(
            f"{loaded.name}: {count} not in {corpus.name}, such as {quoted_repr(extra[0])}"
        )
    if concurrency > 1 and not loaded.is_io_bound:
        raise InputError(
            f"{loaded.name}: {spell_option('concurrency', concurrency)} is for models behind an"
            f" endpoint; use {spell_option('jobs', concurrency)} for worker processes"
        )
    prepared = prepare_model(loaded, corpus.schema, layers)
    refuse_evaluated_examples(prepared.example_texts, corpus, prepared.name)
    return prepared


def refuse_evaluated_examples(examples: Iterable[str], corpus: Corpus, name: str) -> None:
    """Raise InputError if the text of an example is that of a document of the evaluated corpus, up
    to white space: the model would be shown the answer.
    """
    texts = {" ".join(text.split()) for text in examples}
    for document in corpus if texts else ():
        if " ".join(document.text.split()) in texts:
            raise InputError(
                f"{name}: the text of document {quoted_repr(document.id)} is one of the few-shot"
                " examples, so that the model is shown the answer; take examples from other"
                " documents"
            )


def find_prompted_layers(
    needed: Collection[str] | None, storage: StorageOptions
) -> Collection[str] | None:
    """The layers of documents that a language model is prompted for; None for all.

    A stored run that prompts for all of them, and for others, is resumed as it is; answers that are
    parsed again hold the layers that were requested.
    """
    stored = read_requested_layers(storage.run_dir)
    if stored is None:
        return needed
    is_covered = needed is not None and set(needed) <= set(stored)
    return stored if storage.reparse or is_covered else needed


def open_run_dir(
    options: StorageOptions, model: Model, corpus: Corpus
) -> contextlib.AbstractContextManager[RunDirectory | None]:
    """The run directory, opened for the model and the corpus; None if there is none."""
    if options.reparse:
        get_parser(model)  # raises InputError before the directory is opened
    if options.run_dir is None:
        return contextlib.nullcontext()
    return RunDirectory(options.run_dir, model, corpus, options)


def collect_in_order(documents: Iterable[Document], corpus: Corpus, name: str) -> Corpus:
    """The answers in the order of the corpus."""
    by_id = {document.id: document for document in documents}
    return Corpus((by_id[id] for id in corpus.ids), name=name, schema=corpus.schema)


def iter_predictions(
    model: Model, corpus: Corpus, options: RunOptions, run: RunDirectory | None = None
) -> Iterator[Document]:
    """The annotated documents as they are answered; first those of the run directory."""
    if run is not None and run.options.reparse:
        yield from reparse_answers(model, corpus, run)
        failed = [document for document in run.answers.values() if document.failure is not None]
        _check_max_failures(failed, options)
        refuse_unanswered(corpus, run)
        return
    stored = dict(run.answers) if run else {}
    failures = [document for document in stored.values() if document.failure is not None]
    yield from stored.values()
    remaining = [document for document in corpus if document.id not in stored]
    _check_max_failures(failures, options)
    left = len(remaining)
    answers = _predict_all(model, remaining, corpus, options)
    checked = refuse_malformed(answers, model.name, options.stop_event.is_set)
    for answer in _log_stop(checked, model, run):
        taken = separate_metadata(answer, corpus, model.secrets)
        document = taken.document
        yield run.add(taken) if run else document
        if document.failure is not None:
            failures.append(document)
            if options.max_failures is not None and len(failures) > options.max_failures:
                options.stop_event.set()
        left -= 1
    _check_max_failures(failures, options)
    if left:
        advice = "; run the same command again to resume" if run else ""
        raise PartialRunError(
            f"stopped: {len(corpus) - left} of {len(corpus)} documents are answered{advice}"
        )


def _log_stop(
    answers: Iterator[Document], model: Model, run: RunDirectory | None
) -> Iterator[Document]:
    """The answers, unchanged; the requests for documents that stop the run are logged."""
    try:
        yield from answers
    except ModelError as error:
        if run is not None:
            for notes in error.notes:
                run.add_unanswered(redact(notes, model.secrets))
        raise


def _check_max_failures(failures: Sequence[Document], options: RunOptions) -> None:
    """Raise PartialRunError if more documents failed than allowed."""
    if options.max_failures is None or len(failures) <= options.max_failures:
        return
    last = failures[-1]
    count = "1 document" if len(failures) == 1 else f"{len(failures)} documents"
    raise PartialRunError(
        f"{count} failed, more than {spell_option('max_failures', options.max_failures)}, such as"
        f" {quoted_repr(last.id)}: {last.failure}; fix the cause and use"
        f" {spell_option('retry_failed', True)}, or allow more failures"
    )


def _predict_all(
    model: Model, documents: Sequence[Document], corpus: Corpus, options: RunOptions
) -> Iterator[Document]:
    """The answers to all documents, in batches: in turn, concurrently, or in processes."""
    size = model.batch_size or max(1, len(documents))
    if options.jobs > 1:
        # Smaller batches, so that every worker gets some
        size = max(1, min(size, len(documents) // (MIN_BATCHES_PER_WORKER * options.jobs)))
    batches = (
        documents[first : first + size]
        for first in range(0, len(documents), size)
        if not options.stop_event.is_set()
    )
    if options.jobs > 1:
        yield from predict_in_workers(model, corpus.schema, batches, options.jobs)
    elif options.concurrency > 1:
        yield from _predict_concurrently(model, batches, options)
    else:
        for batch in batches:
            yield from _predict_batch(model, batch, options)


def _predict_batch(model: Model, batch: Batch, options: RunOptions) -> Iterator[Document]:
    """The answers to a batch; if the model streams, only until the run is stopped."""
    answers = iter_checked_answers(model, batch)
    for answer in answers:
        yield answer
        if options.stop_event.is_set() and model.streams:
            answers.close()
            return


def _predict_concurrently(
    model: Model, batches: Iterator[Batch], options: RunOptions
) -> Iterator[Document]:
    """The answers to batches that are sent concurrently.

    An error of one batch is raised when the others are finished.
    """
    pending: set[Future[list[Document]]] = set()
    errors: list[BaseException] = []
    pool = ThreadPoolExecutor(options.concurrency)
    try:
        for batch in batches:
            pending.add(pool.submit(_answer_batch, model, batch))
            while len(pending) >= options.concurrency:
                pending = yield from _collect_finished(pending, errors)
            if errors:
                break
        while pending:
            pending = yield from _collect_finished(pending, errors)
    finally:
        # After an interrupt, requests in flight are not awaited.
        pool.shutdown(wait=False, cancel_futures=True)
    if errors:
        first, *others = errors
        if isinstance(first, ModelError):
            for error in others:
                first.notes += error.notes if isinstance(error, ModelError) else []
        raise first


def _answer_batch(model: Model, batch: Batch) -> list[Document]:
    """The answers to a batch, as a list."""
    return list(iter_checked_answers(model, batch))


def _collect_finished(pending: set[Future[list[Document]]], errors: list[BaseException]) -> Any:
    """Yields the answers of finished batches; returns the batches that are not finished."""
    finished, unfinished = wait(pending, return_when=FIRST_COMPLETED)
    for future in finished:
        error = future.exception()
        if error is None:
            yield from future.result()
        else:
            errors.append(error)
    return unfinished


def iter_checked_answers(model: Model, batch: Batch) -> Any:
    """The model's answers to a batch, each with the id of its document.

    Raises EvalkitError if there are more or fewer.
    """
    count = 0
    for answer in model.predict([document.without_annotations() for document in batch]):
        if count == len(batch):
            raise EvalkitError(f"{model.name}: more than {count} answers to {count} documents")
        id = batch[count].id
        yield answer if answer.id == id else replace(answer, id=id)
        count += 1
    if count < len(batch):
        raise EvalkitError(f"{model.name}: {count} answers to {len(batch)} documents")
