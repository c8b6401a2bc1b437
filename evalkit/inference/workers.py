"""Running a model in several joblib processes, each of which loads the model once.

If a process dies (a crash in native code, memory), the batches in flight are processed again, one
document at a time. A document at which a process dies again has a failure.
"""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from evalkit.data.document import Document
from evalkit.data.schema import Schema
from evalkit.errors import EvalkitError, InputError, spell_option
from evalkit.models.registry import Model, load_model, prepare_model

Batch = Sequence[Document]
_LOADED: dict[str, Model] = {}  # in each worker process, the models that it has loaded


def predict_in_workers(
    model: Model, schema: Schema | None, batches: Iterable[Batch], jobs: int
) -> Iterator[Document]:
    """The answers to all batches, in any order.

    Raises InputError for a model that cannot be sent to another process.
    """
    in_flight: dict[str, Document] = {}

    def send_batches() -> Iterator[list[Document]]:
        for batch in batches:
            in_flight.update((document.id, document) for document in batch)
            yield [document.without_annotations() for document in batch]

    remaining = send_batches()
    while True:
        try:
            for answers in _predict_parallel(model, schema, remaining, jobs):
                for answer in answers:
                    del in_flight[answer.id]
                    yield answer
        except _worker_died_error():
            lost = list(in_flight.values())
            in_flight.clear()
            for document in lost:
                yield _retry_alone(model, schema, document)
            continue
        return


def _predict_parallel(
    model: Model, schema: Schema | None, batches: Iterable[Batch], jobs: int
) -> Iterator[list[Document]]:
    """The answers to each batch, in the order in which the processes finish."""
    from joblib import Parallel, delayed

    sent: Any = model.load_spec or model
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*worker stopped while some jobs.*")
        # Issued when a run is stopped
        warnings.filterwarnings(
            "ignore", message=".*You could benefit from adjusting the input task iterator.*"
        )
        try:
            yield from Parallel(jobs, return_as="generator_unordered", pre_dispatch=2 * jobs)(
                delayed(_predict_in_worker)(sent, schema, model.needed_layers, batch)
                for batch in batches
            )
        except _pickling_errors() as error:
            raise InputError(
                f"{model.name}: cannot be sent to another process ({error}); load it by name, as in"
                f" file.py:function, or leave out {spell_option('jobs')}"
            ) from None


def _retry_alone(model: Model, schema: Schema | None, document: Document) -> Document:
    """The answer to a document that is sent alone; a failure if its process dies."""
    batches = [[document.without_annotations()]]
    try:
        return next(iter(_predict_parallel(model, schema, batches, 2)))[0]
    except _worker_died_error():
        return replace(document.without_annotations(), failure="the model ended its process")


def _predict_in_worker(
    sent: Any, schema: Schema | None, layers: Sequence[str] | None, batch: Batch
) -> list[Document]:
    """The answers to a batch, computed in a worker process."""
    # A terminal sends Ctrl-C to all processes; batches in flight are to be finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    model = sent if isinstance(sent, Model) else _load_once(sent[0], sent[1], schema, layers)
    answers = [
        replace(answer, id=document.id)
        for document, answer in zip(batch, model.predict(batch), strict=True)
    ]
    if len(answers) != len(batch):
        raise EvalkitError(f"{model.name}: {len(answers)} answers to {len(batch)} documents")
    return answers


def _load_once(
    name: str,
    model_args: Mapping[str, Any],
    schema: Schema | None,
    layers: Sequence[str] | None,
) -> Model:
    """The model, loaded once in each process."""
    key = repr((name, sorted(model_args.items()), schema, layers))
    if key not in _LOADED:
        _LOADED[key] = prepare_model(load_model(name, **model_args), schema, layers)
    return _LOADED[key]


def _worker_died_error() -> type[Exception]:
    """The exception of joblib for a process that died."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    error_type: type[Exception] = TerminatedWorkerError
    return error_type


def _pickling_errors() -> tuple[type[Exception], ...]:
    """The exceptions for a model that cannot be sent to a process."""
    import pickle

    return pickle.PicklingError, AttributeError
