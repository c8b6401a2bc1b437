"""The run directory: stores the answers of a run, so that the same command resumes it.

It holds

    run.json            the model, its settings, the corpus and the versions; after the run, also
                        its outcome
    predictions.jsonl   a line for each document, appended and flushed as soon as it is answered; it
                        can be loaded as a corpus
    log.jsonl           for each document the requests, retries with their reasons, and seconds

Each prediction carries a key, the digest of the model's name, its settings, and the document's id
and text. When a run is resumed, the stored answers are used, and the model only gets the other
documents. Another model or other settings are refused, and so is a corpus that lacks a document of
the directory or has another text for it. Settings that an earlier version wrote under a former name
are recognized (`Model.setting_aliases`).

An endpoint may have another host or port than before, as after a restart of a server: its answers
count as those of the model that is named, `moved` holds both addresses, and the session in run.json
the new one. Another path or protocol is another endpoint. At the end of a run, its predictions are
sorted in the order of the corpus, so that they are the same bytes however often it was interrupted.
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
from functools import cached_property
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
# Left by a run that was killed before it wrote run.json; the second by earlier versions
FIRST_FILES = (".lock", ".run.json.new")
RESUME = "; stored answers are kept: make room, and run the same command again to resume"
# Seconds of answers that may be lost in a power failure; a killed process loses none
SYNC_INTERVAL = 1.0
_USAGE_FIELDS = ("prompt_tokens", "completion_tokens", "cost")
MAX_USAGE = 1e15  # of tokens or money in one answer: larger numbers are ignored


class _Record(msgspec.Struct):
    """What run.json must contain to be resumed."""

    model: str
    settings: dict[str, Any]
    versions: dict[str, str]
    sessions: list[dict[str, Any]]


def list_run_files(folder: str | Path | None) -> list[str]:
    """The files of a run directory; none without one."""
    if folder is None:
        return []
    return [str(Path(folder) / name) for name in ("run.json", "predictions.jsonl", "log.jsonl")]


class RunDirectory:
    """An open run directory.

    `answers`: the stored answers, by document id; `truncated_bytes`: the length of an incomplete
    last line that was dropped; `changed_versions`: the packages with another version than before;
    `moved`: the former and the present address of an endpoint, if they differ.
    """

    def __init__(
        self, folder: str | Path, model: Model, corpus: Corpus, *, retry_failed: bool = False
    ) -> None:
        """Make the directory or resume the run in it.

        Raises InputError if it holds another run, or is in use.
        """
        self.folder = Path(folder)
        self._settings = {"model": redact(model.name), "settings": to_json_values(model.settings)}
        self._model, self._corpus = model, corpus
        self._started, self._synced = time.monotonic(), time.monotonic()
        self.answers: dict[str, Document] = {}
        self._appended: list[str] = []  # the ids of the answers of this session
        self.truncated_bytes = 0
        self.changed_versions: list[str] = []
        self.moved: tuple[str, str] | None = None
        self._refuse_other_files()
        with name_errors(self.folder, RESUME):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = _acquire_lock(self.folder)
        try:
            self._record = self._read_record()
            self._start_session()
            self._read_answers(retry_failed=retry_failed)
            self._predictions = self._open_to_append("predictions.jsonl")
            self._is_new_file = not self._predictions.tell()
            self._log = self._open_to_append("log.jsonl")
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> RunDirectory:  # noqa: PYI034 - Self came with Python 3.11
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        if error_type is None:
            is_complete = len(self.answers) >= len(self._corpus)
            self.close(state="finished" if is_complete else "stopped")
            return
        with contextlib.suppress(InputError, WriteError):  # the first error is the one to report
            self.close(state="stopped")

    def add(self, document: Document, notes: Mapping[str, Any] | None = None) -> Document:
        """Store an answer, and return it with its key; `notes` (requests, retries, seconds) go to
        the log.
        """
        stored = replace(document, meta={**(document.meta or {}), KEY: self.key(document)})
        self._append(self._predictions, to_json_dict(stored))
        entry: dict[str, Any] = {"id": document.id}
        if document.failure:
            entry["failure"] = document.failure
        self._append(self._log, {**entry, **(notes or {})})
        self._sync()
        self.answers[document.id] = stored
        self._appended.append(document.id)
        return stored

    def add_unanswered(self, notes: Mapping[str, Any]) -> None:
        """Log the requests for a document that stopped the run and has no answer."""
        self._append(self._log, notes)

    def key(self, document: Document) -> str:
        """The digest of everything that determines an answer."""
        document_part = msgspec.json.encode([document.id, document.text])
        return hashlib.sha256(self._settings_part + document_part[1:]).hexdigest()[:16]

    @cached_property
    def _settings_part(self) -> bytes:
        """What is hashed for each key before the document: a JSON list that is not closed."""
        settings = msgspec.json.encode([*self._settings.values()], order="sorted")
        return settings.removesuffix(b"]") + b","

    def close(self, state: str) -> None:
        """Sort the predictions, write the outcome to run.json, and release the directory."""
        try:
            for file in (self._predictions, self._log):
                with self._name_errors(file.name), file:
                    os.fsync(file.fileno())
            self._sort_predictions()
            self._write_record({**self._record, **self._outcome(state)})
        finally:
            for file in (self._predictions, self._log):
                file.close()
            self._lock.release()

    def _sort_predictions(self) -> None:
        """Write the answers again in the order of the corpus, unless they are in it already."""
        ordered = [id for id in self._corpus.ids if id in self.answers]
        if self._is_new_file and self._appended == ordered:
            return
        with (
            self._name_errors("predictions.jsonl"),
            replace_file(self._path("predictions.jsonl")) as file,
        ):
            file.writelines(
                msgspec.json.encode(to_json_dict(self.answers[id])) + b"\n" for id in ordered
            )

    def _refuse_other_files(self) -> None:
        """Raise InputError for a folder with files that are not those of a run.

        A run that was killed at its first write has left its lock, or temporary files.
        """
        if not self.folder.is_dir() or self._path("run.json").exists():
            return
        if self._path("predictions.jsonl").exists():
            raise InputError(
                f"{self.folder}: holds predictions.jsonl but no run.json, so their model is"
                " unknown; use a new folder"
            )
        for path in self.folder.iterdir():
            if path.name not in FIRST_FILES and not is_temporary(path):
                raise InputError(f"{self.folder}: holds other files, and no run; use a new folder")

    def _open_to_append(self, name: str) -> Any:
        """A file of the directory, opened to append bytes."""
        # Without a buffer: after a full disk, nothing remains to be written later.
        with self._name_errors(name):
            return self._path(name).open("ab", buffering=0)

    def _name_errors(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Add to errors of writing a file of the directory its name and how to resume the run."""
        return name_errors(self.folder / Path(name).name, RESUME)

    def _path(self, name: str) -> Path:
        """The path of a file of the directory."""
        return self.folder / name

    def _read_record(self) -> dict[str, Any]:
        """The content of run.json, empty for a new run. Raises InputError for another run."""
        path = self._path("run.json")
        if not path.exists():
            return {}
        try:
            record: dict[str, Any] = msgspec.json.decode(path.read_bytes())
            msgspec.convert(record, _Record)
        except msgspec.MsgspecError as error:
            raise InputError(
                f"{path}: not the record of a run: {error}; use another folder"
            ) from None
        stored = record["settings"]
        # The settings stay as they were written, and with them the keys of all answers.
        current = restore_former_names(
            self._settings["settings"], stored, self._model.setting_aliases
        )
        if is_moved(stored.get(ADDRESS), current.get(ADDRESS)):
            self.moved = (stored[ADDRESS], current[ADDRESS])
            current = {**current, ADDRESS: stored[ADDRESS]}
        self._settings = {**self._settings, "settings": current}
        differences = list(compare_settings(record, self._settings))
        if differences:
            raise InputError(
                f"{self.folder}: holds another run: {'; '.join(differences)}; use another folder"
            )
        return record

    def _start_session(self) -> None:
        """Add a session to run.json: its start and the versions of the packages."""
        versions = collect_versions(self._model.packages)
        stored_versions = self._record.get("versions", {})
        self.changed_versions = [
            f"{name} {stored_versions[name]}, now {versions[name]}"
            for name in versions
            if name in stored_versions and stored_versions[name] != versions[name]
        ]
        session = {
            "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "versions": versions,
        }
        if self.moved:
            session = {ADDRESS: self.moved[1], **session}
        self._record |= {
            **self._settings,
            "corpus": {
                "name": self._corpus.name,
                "documents": len(self._corpus),
                "sha256": hash_corpus(self._corpus),
            },
            "versions": versions,
            "state": "running",
            "sessions": [*self._record.get("sessions", ()), session],
        }
        self._write_record(self._record)

    def _read_answers(self, *, retry_failed: bool) -> None:
        """Read the stored answers; failures are dropped if they are to be retried."""
        path = self._path("predictions.jsonl")
        if not path.exists():
            return
        self.truncated_bytes = truncate_partial_line(path)
        truncate_partial_line(self._path("log.jsonl"))
        for location, item in read(path):
            if not isinstance(item, Document):
                raise item if isinstance(item, LoadError) else LoadError([str(item)])
            self._check_answer(location, item)
            self.answers[item.id] = item
        if retry_failed:
            self.answers = {
                id: document for id, document in self.answers.items() if document.failure is None
            }

    def _check_answer(self, location: str, answer: Document) -> None:
        """Raise InputError for an answer of another corpus, text or model."""
        if answer.id not in self._corpus:
            raise InputError(
                f"{location}: document {quoted_repr(answer.id)} is not in {self._corpus.name}; use"
                " another folder for another corpus"
            )
        if (answer.meta or {}).get(KEY) != self.key(self._corpus[answer.id]):
            raise InputError(
                f"{location}: document {quoted_repr(answer.id)} was answered for another text, or"
                " by another model; use another folder"
            )

    def _append(self, file: Any, item: Any) -> None:
        """Write an item as a line at the end of a file."""
        line = msgspec.json.encode(item) + b"\n"
        try:
            written = file.write(line)
            while written < len(line):  # a disk that fills up takes a part first
                written += file.write(line[written:])
        except OSError:
            with self._name_errors(file.name):
                raise

    def _sync(self) -> None:
        """Sync the predictions to the disk, at most once in SYNC_INTERVAL."""
        if time.monotonic() - self._synced >= SYNC_INTERVAL:
            with self._name_errors("predictions.jsonl"):
                os.fsync(self._predictions.fileno())
            self._synced = time.monotonic()

    def _outcome(self, state: str) -> dict[str, Any]:
        """The fields of run.json after the run."""
        sessions = list(self._record["sessions"])
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
        """Requests and retries from the log, tokens and cost from the answers."""
        requests, retries = 0, Counter[str]()
        for entry in _log_entries(self._path("log.jsonl")):
            requests += entry.requests
            retries.update(entry.retries)
        totals: dict[str, float] = {}
        for document in self.answers.values():
            usage: Any = (document.meta or {}).get("usage")
            if not isinstance(usage, Mapping):
                continue
            for name in _USAGE_FIELDS:
                value: Any = usage.get(name)
                if type(value) in (int, float) and 0 < value < MAX_USAGE:
                    totals[name] = totals.get(name, 0) + value
        usage_record: dict[str, Any] = {}
        if requests:
            usage_record |= {"requests": requests, "retries": dict(retries)}
        if totals:
            usage_record["usage"] = totals
        return usage_record

    def _write_record(self, content: Mapping[str, Any]) -> None:
        """Replace run.json, without secrets."""
        encoded = msgspec.json.encode(redact(dict(content)))
        with self._name_errors("run.json"):
            write_atomically(self._path("run.json"), msgspec.json.format(encoded, indent=1) + b"\n")


class _LogEntry(msgspec.Struct):
    """The fields of a line of log.jsonl that are added up."""

    requests: int = 0
    retries: list[str] = []


def _log_entries(path: Path) -> Iterator[_LogEntry]:
    """The lines of a log with requests or retries, except for invalid ones."""
    for line in path.read_bytes().split(b"\n"):
        if b'"re' not in line:
            continue
        with contextlib.suppress(msgspec.MsgspecError):
            yield msgspec.json.decode(line, type=_LogEntry)


def to_json_values(settings: Any) -> Any:
    """Settings as they are written: JSON values without secrets; objects by their class names."""
    values = msgspec.to_builtins(
        settings,
        enc_hook=lambda value: f"{type(value).__module__}.{type(value).__qualname__}",
        str_keys=True,
    )
    return redact(msgspec.json.decode(msgspec.json.encode(values)))


def restore_former_names(
    settings: Mapping[str, Any], stored: Mapping[str, Any], aliases: Mapping[str, str]
) -> dict[str, Any]:
    """The settings, under their former names where those are used in the stored settings.

    aliases: the present name of each former one.
    """
    former_names = {
        present: former
        for former, present in aliases.items()
        if former in stored and present not in stored and former not in settings
    }
    return {former_names.get(name, name): value for name, value in settings.items()}


def compare_settings(stored: Mapping[str, Any], current: Mapping[str, Any]) -> Iterable[str]:
    """The differences between the stored run and the current one, a line for each field."""
    stored_model, current_model = stored.get("model"), current["model"]
    if stored_model != current_model:
        yield f"model: {quoted_repr(stored_model)}, now {quoted_repr(current_model)}"
    stored_settings, current_settings = stored.get("settings") or {}, current["settings"]
    for name in dict.fromkeys([*stored_settings, *current_settings]):
        stored_value, value = stored_settings.get(name), current_settings.get(name)
        if stored_value != value:
            yield f"{name}: {quoted_repr(stored_value)}, now {quoted_repr(value)}"


def is_moved(stored: object, current: object) -> bool:
    """Whether two addresses differ in host and port only.

    >>> base = "http://127.0.0.1:8000/v1"
    >>> is_moved(base, "http://node7:8001/v1"), is_moved(base, "http://127.0.0.1:8000/v2")
    (True, False)
    """
    if not isinstance(stored, str) or not isinstance(current, str) or stored == current:
        return False
    old, new = urlsplit(stored), urlsplit(current)
    return bool(old.netloc and new.netloc) and old._replace(netloc="") == new._replace(netloc="")


def collect_versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of Python, evalkit and the packages of the model."""
    versions = {"python": platform.python_version(), "evalkit": evalkit_version()}
    for name in packages:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def hash_corpus(corpus: Corpus) -> str:
    """The digest of the ids and texts of a corpus, in order."""
    digest = hashlib.sha256()
    for document in corpus:
        digest.update(msgspec.json.encode([document.id, document.text]))
    return digest.hexdigest()


def truncate_partial_line(path: Path) -> int:
    """Remove an incomplete last line; returns its length in bytes."""
    if not path.exists():
        return 0
    with path.open("rb+") as file:
        data = file.read()
        length = data.rfind(b"\n") + 1
        file.truncate(length)
    return len(data) - length


def _acquire_lock(folder: Path) -> Any:
    """The lock of a folder, which is released when the process ends or is killed."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"{folder}: another run is writing to it; wait for it, or use another folder"
        ) from None
    return lock
