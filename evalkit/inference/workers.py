"""How do several processes share the work? joblib's, each of which loads the model once.

A process that a model takes down (a crash in native code, memory) takes the batches that were in
flight with it; these are asked for again, one document at a time, and a document that does it again
is a failure.
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
from evalkit.models.registry import Model, load_model

Batch = Sequence[Document]
_LOADED: dict[str, Model] = {}  # in each process of a run, the models that it has loaded


def predict_in_workers(
    model: Model, schema: Schema | None, batches: Iterable[Batch], jobs: int
) -> Iterator[Document]:
    """The answers to all batches, as they come.

    Raises InputError for a model that cannot be sent to another process.
    """
    given: dict[str, Document] = {}

    def noted() -> Iterator[list[Document]]:
        for batch in batches:
            given.update((document.id, document) for document in batch)
            yield [document.without_annotations() for document in batch]

    rest = noted()
    while True:
        try:
            for answers in _parallel(model, schema, rest, jobs):
                for answer in answers:
                    del given[answer.id]
                    yield answer
        except _worker_died_error():
            lost, batches = list(given.values()), rest
            given.clear()
            for document in lost:
                yield _retry_alone(model, schema, document)
            continue
        return


def _parallel(
    model: Model, schema: Schema | None, batches: Iterable[Batch], jobs: int
) -> Iterator[list[Document]]:
    from joblib import Parallel, delayed

    sent: Any = model.load_spec or model
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*worker stopped while some jobs.*")
        warnings.filterwarnings(
            "ignore", message=".*You could benefit from adjusting the input task iterator.*"
        )  # where a run is stopped
        try:
            yield from Parallel(jobs, return_as="generator_unordered", pre_dispatch=2 * jobs)(
                delayed(_answer_in_worker)(sent, schema, batch) for batch in batches
            )
        except _pickling_errors() as error:
            raise InputError(
                f"{model.name}: cannot be sent to another process ({error}); name it, as in"
                f" file.py:function, or leave out {spell_option('jobs')}"
            ) from None


def _retry_alone(model: Model, schema: Schema | None, document: Document) -> Document:
    try:
        return next(iter(_parallel(model, schema, [[document.without_annotations()]], 2)))[0]
    except _worker_died_error():
        return replace(document.without_annotations(), failure="the model ended its process")


def _answer_in_worker(sent: Any, schema: Schema | None, batch: Batch) -> list[Document]:
    """In another process: the answers to a batch."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a terminal sends Ctrl-C to all processes; what is in flight is to be finished
    model = sent if isinstance(sent, Model) else _loaded(sent[0], sent[1], schema)
    answers = [
        replace(answer, id=document.id)
        for document, answer in zip(batch, model.predict(batch), strict=True)
    ]
    if len(answers) != len(batch):
        raise EvalkitError(f"{model.name}: {len(answers)} answers to {len(batch)} documents")
    return answers


def _loaded(name: str, arguments: Mapping[str, Any], schema: Schema | None) -> Model:
    """The model, loaded once in each process."""
    key = repr((name, sorted(arguments.items()), schema))
    if key not in _LOADED:
        model = load_model(name, **arguments)
        _LOADED[key] = model.with_schema(schema) if model.with_schema else model
    return _LOADED[key]


def _worker_died_error() -> type[Exception]:
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    found: type[Exception] = TerminatedWorkerError
    return found


def _pickling_errors() -> tuple[type[Exception], ...]:
    import pickle

    return pickle.PicklingError, AttributeError
