"""What is kept of a run, so that it goes on where it stopped?

A run folder holds

    run.json            which model with which settings over which corpus, under which versions;
                        and, once it has ended, how it went
    predictions.jsonl   a line for each document, appended and flushed as soon as it is answered; it
                        loads as any corpus does
    log.jsonl           what asking for each document took: requests, retries and why, seconds

Each prediction carries a key, the digest of the model's name, its settings, and the document's id
and text. Run again, the folder gives back what it holds, and only the rest is asked for. Another
model or other settings are refused, and so is a corpus that lacks a document of the folder or has
another text for it; new documents are simply asked for. An endpoint may have moved to another host
or port, as a server does that is started again: its answers count as those of the model that is
named, `moved` says so, and the session in run.json keeps the address. Another path or protocol is
another endpoint. When a run ends, its predictions are put in the order of the corpus, so that they
are the same bytes however often it was broken off.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from evalkit.corpus import Corpus
from evalkit.data.document import Document
from evalkit.errors import InputError, LoadError, WriteError, quoted_repr
from evalkit.files import is_temporary, name_errors, replace_file, write_atomically
from evalkit.formats.jsonl import read, to_json_dict
from evalkit.models.registry import Model
from evalkit.redaction import redact
from evalkit.version import evalkit_version

KEY, ADDRESS = "key", "base_url"
FIRST_FILES = (
    ".lock",
    ".run.json.new",
)  # that a run has left which was killed before it had a run.json; the second of earlier versions
RESUME = "; what was answered before is kept: make room, and run the same command again to resume"
SYNC_INTERVAL = 1.0  # how much may be lost when the power fails; a killed process loses nothing
_COUNTED = ("prompt_tokens", "completion_tokens", "cost")
MAX_USAGE = 1e15  # of tokens or money in one answer: what is more is no number to be added


class _Record(msgspec.Struct):
    """What run.json must hold, so that it can be gone on with."""

    model: str
    settings: dict[str, Any]
    versions: dict[str, str]
    sessions: list[dict[str, Any]]


def run_files(folder: str | Path | None) -> list[str]:
    """The files of a run folder."""
    return (
        []
        if folder is None
        else [str(Path(folder) / name) for name in ("run.json", "predictions.jsonl", "log.jsonl")]
    )


class RunDirectory:
    """An open run folder.

    `done`: the documents that are answered, by id; `torn`: the bytes of a half-written last line
    that were dropped; `changed`: the packages whose versions are others than before; `moved`: the
    addresses of an endpoint, before and now, if they differ.
    """

    def __init__(
        self, folder: str | Path, model: Model, corpus: Corpus, *, retry_failed: bool = False
    ) -> None:
        """Make the folder, or go on with it.

        Raises InputError where it holds another run, or is in use.
        """
        self.folder = Path(folder)
        self._settings = {"model": redact(model.name), "settings": to_json_values(model.settings)}
        self._model, self._corpus = model, corpus
        self._started, self._synced = time.monotonic(), time.monotonic()
        self.answers: dict[str, Document] = {}
        self.truncated_bytes = 0
        self.changed_versions: list[str] = []
        self.moved: tuple[str, str] | None = None
        self._refuse_others()
        with name_errors(self.folder, RESUME):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = _acquire_lock(self.folder)
        try:
            self._known = self._record()
            self._begin()
            self._read(retry_failed=retry_failed)
            self._predictions = self._open_to_append("predictions.jsonl")
            self._log = self._open_to_append("log.jsonl")
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> RunDirectory:  # noqa: PYI034 - Self came with Python 3.11
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with (
            contextlib.nullcontext()
            if kind is None
            else contextlib.suppress(InputError, WriteError)
        ):  # the first error is the one to report
            self.close(
                state=(
                    "finished"
                    if kind is None and len(self.answers) >= len(self._corpus)
                    else "stopped"
                )
            )

    def add(self, document: Document, notes: Mapping[str, Any] | None = None) -> Document:
        """Write an answer down before anything else happens; `notes` say what asking took."""
        kept = replace(document, meta={**(document.meta or {}), KEY: self.key(document)})
        self._append(self._predictions, to_json_dict(kept))
        self._append(
            self._log,
            {
                "id": document.id,
                **({"failure": document.failure} if document.failure else {}),
                **(notes or {}),
            },
        )
        self._sync()
        self.answers[document.id] = kept
        return kept

    def add_unanswered(self, notes: Mapping[str, Any]) -> None:
        """Write down what asking took for a document that stopped the run and has no answer."""
        self._append(self._log, notes)

    def key(self, document: Document) -> str:
        """What determines an answer, as a digest."""
        parts = [*self._settings.values(), document.id, document.text]
        return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:16]

    def close(self, state: str) -> None:
        """Put the predictions in order, say in run.json how it went, and let the folder go."""
        try:
            for file in (self._predictions, self._log):
                with self._name_errors(file.name), file:
                    os.fsync(file.fileno())
            ordered = (self.answers[id] for id in self._corpus.ids if id in self.answers)
            with (
                self._name_errors("predictions.jsonl"),
                replace_file(self._path("predictions.jsonl")) as file,
            ):
                file.writelines(
                    msgspec.json.encode(to_json_dict(document)) + b"\n" for document in ordered
                )
            self._write({**self._known, **self._outcome(state)})
        finally:
            for file in (self._predictions, self._log):
                file.close()
            self._lock.release()

    def _refuse_others(self) -> None:
        """Refuse a folder with files that are not those of a run.

        A run that was killed at its first write has left its lock, or temporary files.
        """
        if not self.folder.is_dir() or self._path("run.json").exists():
            return
        if self._path("predictions.jsonl").exists():
            raise InputError(
                f"{self.folder}: holds predictions.jsonl but no run.json, so it cannot be told"
                " whose they are; name a new folder"
            )
        if any(
            path.name not in FIRST_FILES and not is_temporary(path)
            for path in self.folder.iterdir()
        ):
            raise InputError(f"{self.folder}: holds other files, and no run; name a new folder")

    def _open_to_append(self, name: str) -> Any:
        # Without a buffer: after a full disk nothing is left that would be written later.
        with self._name_errors(name):
            return self._path(name).open("ab", buffering=0)

    def _name_errors(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Errors of writing a file of the folder name it, and say how to resume the run."""
        return name_errors(self.folder / Path(name).name, RESUME)

    def _path(self, name: str) -> Path:
        return self.folder / name

    def _record(self) -> dict[str, Any]:
        """What run.json says, or what it will; a folder that holds another run is refused."""
        path = self._path("run.json")
        if not path.exists():
            return {}
        try:
            known: dict[str, Any] = msgspec.json.decode(path.read_bytes())
            msgspec.convert(known, _Record)
        except msgspec.MsgspecError as error:
            raise InputError(
                f"{path}: is no record of a run: {error}; name another folder"
            ) from None
        now = self._settings["settings"]
        before = known.get("settings") or {}
        if is_moved(before.get(ADDRESS), now.get(ADDRESS)):
            # The first address stays in the settings, and with it the keys of all answers.
            self.moved = (before[ADDRESS], now[ADDRESS])
            self._settings = {**self._settings, "settings": {**now, ADDRESS: before[ADDRESS]}}
        differing = list(settings_differences(known, self._settings))
        if differing:
            raise InputError(
                f"{self.folder}: holds another run: {'; '.join(differing)}; name another folder"
            )
        return known

    def _begin(self) -> None:
        now, before = versions(self._model.packages), self._known.get("versions", {})
        self.changed_versions = [
            f"{name} {before[name]}, now {now[name]}"
            for name in now
            if name in before and before[name] != now[name]
        ]
        address = {ADDRESS: self.moved[1]} if self.moved else {}
        session = {
            **address,
            "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "versions": now,
        }
        sessions = [*self._known.get("sessions", ()), session]
        self._known |= {
            **self._settings,
            "corpus": {
                "name": self._corpus.name,
                "documents": len(self._corpus),
                "sha256": corpus_sha256(self._corpus),
            },
            "versions": now,
            "state": "running",
            "sessions": sessions,
        }
        self._write(self._known)

    def _read(self, *, retry_failed: bool) -> None:
        path = self._path("predictions.jsonl")
        if not path.exists():
            return
        self.truncated_bytes = truncate_partial_line(path)
        truncate_partial_line(self._path("log.jsonl"))
        for place, found in read(path):
            if not isinstance(found, Document):
                raise found if isinstance(found, LoadError) else LoadError([str(found)])
            self._check(place, found)
            self.answers[found.id] = found
        if retry_failed:
            self.answers = {
                id: document for id, document in self.answers.items() if document.failure is None
            }

    def _check(self, place: str, found: Document) -> None:
        if found.id not in self._corpus:
            raise InputError(
                f"{place}: document {quoted_repr(found.id)} is not in {self._corpus.name}; name"
                " another folder for another corpus"
            )
        if (found.meta or {}).get(KEY) != self.key(self._corpus[found.id]):
            raise InputError(
                f"{place}: document {quoted_repr(found.id)} was answered for another text, or by"
                " another model; name another folder"
            )

    def _append(self, file: Any, item: Any) -> None:
        line = msgspec.json.encode(item) + b"\n"
        with self._name_errors(file.name):
            written = file.write(line)
            while written < len(line):  # a disk that fills up takes a part first
                written += file.write(line[written:])

    def _sync(self) -> None:
        if time.monotonic() - self._synced >= SYNC_INTERVAL:
            with self._name_errors("predictions.jsonl"):
                os.fsync(self._predictions.fileno())
            self._synced = time.monotonic()

    def _outcome(self, state: str) -> dict[str, Any]:
        sessions = list(self._known["sessions"])
        sessions[-1] = {**sessions[-1], "seconds": round(time.monotonic() - self._started, 3)}
        failed = sum(document.failure is not None for document in self.answers.values())
        return {
            "state": state,
            "sessions": sessions,
            "answered": len(self.answers) - failed,
            "failed": failed,
            **self.usage(),
        }

    def usage(self) -> dict[str, Any]:
        """Requests and retries, as the log has them, and tokens and cost, as the answers say."""
        requests, retries = 0, Counter[str]()
        for entry in _entries(self._path("log.jsonl")):
            requests += entry.requests
            retries.update(entry.retries)
        usage: dict[str, float] = {}
        for document in self.answers.values():
            said: Any = (document.meta or {}).get("usage")
            for name in _COUNTED if isinstance(said, Mapping) else ():
                if type(said.get(name)) in (int, float) and 0 < said[name] < MAX_USAGE:
                    usage[name] = usage.get(name, 0) + said[name]
        asked = {"requests": requests, "retries": dict(retries)} if requests else {}
        return {**asked, **({"usage": usage} if usage else {})}

    def _write(self, content: Mapping[str, Any]) -> None:
        with self._name_errors("run.json"):
            write_atomically(
                self._path("run.json"),
                msgspec.json.format(msgspec.json.encode(redact(dict(content))), indent=1) + b"\n",
            )


class _LogEntry(msgspec.Struct):
    """What is summed up of a line of log.jsonl."""

    requests: int = 0
    retries: list[str] = []


def _entries(path: Path) -> Iterator[_LogEntry]:
    """The lines of a log; one that is none, as where somebody wrote into it, says nothing."""
    for line in path.read_bytes().split(b"\n"):
        with contextlib.suppress(msgspec.MsgspecError):
            yield msgspec.json.decode(line, type=_LogEntry)


def to_json_values(settings: Any) -> Any:
    """Settings as they are written: plain values without secrets; objects by their class names."""
    found = msgspec.to_builtins(
        settings,
        enc_hook=lambda value: f"{type(value).__module__}.{type(value).__qualname__}",
        str_keys=True,
    )
    return redact(msgspec.json.decode(msgspec.json.encode(found)))


def settings_differences(known: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[str]:
    """What a run was made with and is no longer, field by field."""
    if known.get("model") != now["model"]:
        yield f"model: {quoted_repr(known.get('model'))}, now {quoted_repr(now['model'])}"
    before, after = known.get("settings") or {}, now["settings"]
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield f"{name}: {quoted_repr(before.get(name))}, now {quoted_repr(after.get(name))}"


def is_moved(before: object, now: object) -> bool:
    """Whether two addresses differ in host and port alone.

    >>> base = "http://127.0.0.1:8000/v1"
    >>> is_moved(base, "http://node7:8001/v1"), is_moved(base, "http://127.0.0.1:8000/v2")
    (True, False)
    """
    if not isinstance(before, str) or not isinstance(now, str) or before == now:
        return False
    one, other = urlsplit(before), urlsplit(now)
    return bool(one.netloc and other.netloc) and one._replace(netloc="") == other._replace(
        netloc=""
    )


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions that a run depends on: Python, evalkit and the packages of the model."""
    found = {"python": platform.python_version(), "evalkit": evalkit_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def corpus_sha256(corpus: Corpus) -> str:
    """The digest of the ids and texts of a corpus, in order."""
    found = hashlib.sha256()
    for document in corpus:
        found.update(msgspec.json.encode([document.id, document.text]))
    return found.hexdigest()


def truncate_partial_line(path: Path) -> int:
    """Cut off a last line that was not written to its end; says how many bytes that were."""
    if not path.exists():
        return 0
    with path.open("rb+") as file:
        data = file.read()
        whole = data.rfind(b"\n") + 1
        file.truncate(whole)
    return len(data) - whole


def _acquire_lock(folder: Path) -> Any:
    """The lock of a folder, which a process that is killed gives back."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"{folder}: another run is writing to it; wait for it, or name another folder"
        ) from None
    return lock
