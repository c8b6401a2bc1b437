"""Counting shards in several workers: processes, threads, or a dask cluster.

All of them are executors in the sense of `concurrent.futures`. Local processes are forked where
that is safe, since a new process imports evalkit first, which takes as long as counting some
thousand documents; elsewhere they are those of loky, as in joblib.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
import warnings
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, cast

from evalkit.errors import InputError, WorkerError, quoted_repr, spell_option
from evalkit.evaluation.score_options import DASK, LOKY, THREADING, validate_backend
from evalkit.evaluation.shard_tasks import ShardTask, count_shard

# How often shards are counted again whose worker process ended, with half as many workers each time
MAX_RESTARTS = 2
CONNECT_SECONDS = 10


def count_shards(
    tasks: Sequence[ShardTask], jobs: int = 1, backend: str | None = None
) -> Generator[bytes, None, None]:
    """The counts of each task, in the order in which workers finish.

    backend: "loky", "threading" or "dask:ADDRESS"; None for local processes. Shards whose process
    was killed are counted again twice, by half as many local processes each time, since the memory
    was probably too small for all. Raises the first error of a shard, WorkerError if a process is
    killed a third time, and InputError if a cluster cannot be reached.
    """
    validate_backend(backend)
    remaining = dict(enumerate(tasks))
    jobs = min(jobs, len(tasks))
    if jobs <= 1 and not (backend or "").startswith(DASK):
        yield from map(count_shard, tasks)
        return
    for attempt in range(MAX_RESTARTS + 1):
        try:
            workers = max(1, jobs >> attempt)
            for index, counts in _count_parallel(dict(remaining), workers, backend):
                del remaining[index]
                yield counts
        except _worker_died_errors(backend) as error:
            if attempt < MAX_RESTARTS:
                continue
            names = [task.name for task in remaining.values()]
            raise WorkerError(
                "worker processes ended, as for lack of memory, and ended again in"
                f" {MAX_RESTARTS} more tries: {len(names)} of {len(tasks)} shards are not counted,"
                f" such as {quoted_repr(names[0])}; use fewer workers ({spell_option('jobs')}), or"
                " smaller shards"
            ) from error
        return


def _count_parallel(
    tasks: dict[int, ShardTask], jobs: int, backend: str | None
) -> Iterator[tuple[int, bytes]]:
    with _open_executor(jobs, backend) as executor:
        index_of = {}
        for index, task in tasks.items():
            index_of[executor.submit(count_shard, task)] = index
        try:
            for future in as_completed(index_of):
                yield index_of[future], future.result()
        finally:
            for future in index_of:
                future.cancel()


@contextmanager
def _open_executor(jobs: int, backend: str | None) -> Iterator[Executor]:
    """An executor; if the block ends with an error, no more of its tasks are begun."""
    if backend == THREADING:
        threads = ThreadPoolExecutor(jobs)
        try:
            yield threads
        finally:
            threads.shutdown(cancel_futures=True)
    elif backend is not None and backend.startswith(DASK):
        with _connect(backend.removeprefix(DASK)) as client:
            yield client.get_executor(pure=False)
    elif backend == LOKY or not _can_fork():
        yield from _open_loky(jobs)
    else:
        yield from _open_forked(jobs)


def _can_fork() -> bool:
    """Whether the process may be forked: other threads could hold a lock, and the libraries of
    macOS do not support it.
    """
    methods = multiprocessing.get_all_start_methods()
    return "fork" in methods and sys.platform != "darwin" and threading.active_count() == 1


def _open_forked(jobs: int) -> Iterator[Executor]:
    context = multiprocessing.get_context("fork")
    executor = ProcessPoolExecutor(jobs, context, signal.signal, (signal.SIGINT, signal.SIG_DFL))
    with warnings.catch_warnings():
        # The threads of numpy's libraries, which may be forked, count as threads of the process.
        warnings.filterwarnings("ignore", message=".*multi-threaded.*fork")
        try:
            yield executor
        except BaseException:
            for process in list(executor._processes.values()):  # noqa: SLF001 - no other access
                process.terminate()
            executor.shutdown(wait=False, cancel_futures=True)
            raise
        executor.shutdown()


def _open_loky(jobs: int) -> Iterator[Executor]:
    # Not joblib's pool for all calls: its workers may be about to end when a call is given them.
    from joblib.externals.loky import ProcessPoolExecutor as LokyExecutor

    executor = LokyExecutor(
        jobs, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_DFL)
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*worker stopped while some jobs.*")
        try:
            yield executor
        except (Exception, GeneratorExit):
            # The shards in work are finished first: a process that is killed while it starts leaves
            # semaphores, which loky warns about when the program ends.
            executor.shutdown()
            raise
        except BaseException:
            executor.shutdown(kill_workers=True)
            raise
        executor.shutdown()


def _connect(address: str) -> Any:
    """A client of a dask cluster. Raises InputError if it cannot be reached."""
    from distributed import Client

    try:
        return cast("Any", Client)(address, set_as_default=False, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{spell_option('backend', DASK + address)}: no dask scheduler answers there"
            f" ({error}); expected the address that `dask scheduler` prints"
        ) from None


def _worker_died_errors(backend: str | None) -> tuple[type[Exception], ...]:
    """The exceptions of the executors for a process that ended."""
    if backend is not None and backend.startswith(DASK):
        from distributed import KilledWorker

        return (KilledWorker,)
    return (BrokenProcessPool,)
