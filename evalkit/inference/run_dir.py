"""The run directory: stores the answers of a run, so that the same command resumes it.

It holds

    run.json            the model, its settings, the corpus and the versions; after the run, also
                        its outcome
    predictions.jsonl   a line for each document, appended and flushed as soon as it is answered; it
                        can be loaded as a corpus
    log.jsonl           for each document the requests, retries with their reasons, and seconds
    samples.jsonl       of a model behind an endpoint, a line for each request with its response,
                        written before the prediction that it led to

Each prediction carries a key, the digest of the model's name, its settings, and the document's id
and text. When a run is resumed, the stored answers are used, and the model only gets the other
documents. Another model or other settings are refused, and so is a corpus that lacks a document of
the directory or has another text for it. Settings that an earlier version wrote under a former name
are recognized (`Model.setting_aliases`).

An endpoint may have another host or port than before, as after a restart of a server: its answers
count as those of the model that is named, `moved` holds both addresses, and the session in run.json
the new one. Another path or protocol is another endpoint, unless the model accepts any address
(`any_base_url`). At the end of a run, its predictions are sorted in the order of the corpus, so
that they are the same bytes however often it was interrupted.

Answers that are stored as texts can be parsed again (`reparse`), whatever the settings of requests
are now. `parsing` in run.json then holds the settings of the parser, and a run with others is not
resumed: its answers would be parsed in two ways.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from evalkit.corpus import Corpus
from evalkit.data.document import Document
from evalkit.errors import InputError, LoadError, WriteError, quoted_repr, spell_option
from evalkit.files import is_temporary, name_errors, replace_file, write_atomically
from evalkit.formats.jsonl import read, to_json_dict
from evalkit.inference.answers import StoredAnswer
from evalkit.inference.run_files import RESUME, LineFile, acquire_lock, truncate_partial_line
from evalkit.inference.run_record import (
    RunRecord,
    collect_versions,
    compare_settings,
    hash_corpus,
    is_moved,
    restore_former_names,
    to_json_values,
)
from evalkit.inference.storage_options import StorageOptions
from evalkit.models.registry import SAMPLES_METADATA_KEY, Model
from evalkit.redaction import redact

KEY, ADDRESS = "key", "base_url"
# Left by a run that was killed before it wrote run.json; the second by earlier versions
FIRST_FILES = (".lock", ".run.json.new")
FILES = ("run.json", "predictions.jsonl", "log.jsonl", "samples.jsonl")
REPARSING = "reparsing"  # the state while answers are parsed again
# Seconds of answers that may be lost in a power failure; a killed process loses none
SYNC_INTERVAL = 1.0
_USAGE_FIELDS = ("prompt_tokens", "completion_tokens", "cost")
MAX_USAGE = 1e15  # of tokens or money in one answer: larger numbers are ignored


def list_run_files(folder: str | Path | None) -> list[str]:
    """The files of a run directory; none without one."""
    if folder is None:
        return []
    return [str(Path(folder) / name) for name in FILES]


class RunDirectory:
    """An open run directory.

    `answers`: the stored answers, by document id; `truncated_bytes`: the length of an incomplete
    last line that was dropped; `changed_versions`: the packages with another version than before;
    `moved`: the former and the present address of an endpoint, if they differ; `unparsed`: the
    number of documents without an answer that could be parsed again.
    """

    def __init__(
        self, folder: str | Path, model: Model, corpus: Corpus, options: StorageOptions
    ) -> None:
        """Make the directory or resume the run in it.

        Raises InputError if it holds another run, or none to parse again, or is in use.
        """
        self.folder = Path(folder)
        self.options = options
        self._settings = {"model": redact(model.name), "settings": to_json_values(model.settings)}
        self._model, self._corpus = model, corpus
        self._started, self._synced = time.monotonic(), time.monotonic()
        self.answers: dict[str, Document] = {}
        self._appended: list[str] = []  # the ids of the answers of this session
        self.truncated_bytes = 0
        self.changed_versions: list[str] = []
        self.moved: tuple[str, str] | None = None
        self.unparsed = 0
        # The state to restore, as long as answers are to be parsed again and are not replaced
        self._state_if_unparsed = ""
        self._refuse_other_files()
        with name_errors(self.folder, RESUME):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = acquire_lock(self.folder)
        try:
            self._record = self._read_record()
            self._read_answers()
            self._start_session()
            self._predictions = LineFile(self._path("predictions.jsonl"))
            self._log = LineFile(self._path("log.jsonl"))
            self._samples = LineFile(self._path("samples.jsonl"))
            self._files = (self._samples, self._predictions, self._log)
            for file in (self._predictions, self._log):
                file.open()
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
            self.close(state=self._state_if_unparsed or "stopped")

    def add(self, answer: StoredAnswer) -> Document:
        """Store an answer, and return its document with its key.

        The samples come first: what was requested is known even if the process is killed before
        the prediction is stored.
        """
        document = answer.document
        stored = self._with_key(document)
        self._add_samples(document.id, answer.samples)
        self._predictions.append(to_json_dict(stored))
        entry: dict[str, Any] = {"id": document.id}
        if document.failure:
            entry["failure"] = document.failure
        self._log.append({**entry, **(answer.notes or {})})
        self._sync()
        self.answers[document.id] = stored
        self._appended.append(document.id)
        return stored

    def add_unanswered(self, notes: Mapping[str, Any]) -> None:
        """Log the requests for a document that stopped the run and has no answer."""
        entry = dict(notes)
        self._add_samples(str(entry.get("id")), entry.pop(SAMPLES_METADATA_KEY, ()))
        self._log.append(entry)

    def replace_answers(self, documents: Iterable[Document]) -> None:
        """Take these answers, parsed again, for those that are stored, when the run is closed."""
        self.answers = {document.id: self._with_key(document) for document in documents}
        self._record["parsing"] = self._parse_settings()
        self._state_if_unparsed = ""

    def _with_key(self, document: Document) -> Document:
        """A document with the key of its answer in `meta`."""
        return replace(document, meta={**(document.meta or {}), KEY: self.key(document)})

    def _add_samples(self, id: str, samples: Sequence[Any]) -> None:
        """Store the requests for a document and their responses."""
        if self.options.keeps_samples:
            for sample in samples:
                fields = sample if isinstance(sample, Mapping) else {"sample": sample}
                self._samples.append({"id": id, **fields})

    def _parse_settings(self) -> dict[str, Any]:
        """The present settings of the parser of stored answers."""
        settings = to_json_values(self._model.settings)
        return {name: settings.get(name) for name in self._model.parse_settings}

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
            for file in self._files:
                file.sync()
            self._sort_predictions()
            self._write_record({**self._record, **self._outcome(state)})
        finally:
            for file in self._files:
                file.close()
            self._lock.release()

    def _sort_predictions(self) -> None:
        """Write the answers again in the order of the corpus, unless they are in it already."""
        ordered = [id for id in self._corpus.ids if id in self.answers]
        if self._predictions.is_new and self._appended == ordered:
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
        if self._path("run.json").exists():
            return
        if self.options.reparse:
            raise InputError(
                f"{self.folder}: {spell_option('reparse', True)}: holds no run whose answers could"
                " be parsed again"
            )
        if not self.folder.is_dir():
            return
        if self._path("predictions.jsonl").exists():
            raise InputError(
                f"{self.folder}: holds predictions.jsonl but no run.json, so their model is"
                " unknown; use a new folder"
            )
        for path in self.folder.iterdir():
            if path.name not in FIRST_FILES and not is_temporary(path):
                raise InputError(f"{self.folder}: holds other files, and no run; use a new folder")

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
            run = msgspec.convert(record, RunRecord)
        except msgspec.MsgspecError as error:
            raise InputError(
                f"{path}: not the record of a run: {error}; use another folder"
            ) from None
        stored = run.settings
        if self.options.reparse:
            self._take_over_settings(run)
            return record
        # The settings stay as they were written, and with them the keys of all answers.
        current = restore_former_names(
            self._settings["settings"], stored, self._model.setting_aliases
        )
        if self._is_accepted(stored.get(ADDRESS), current.get(ADDRESS)):
            self.moved = (stored[ADDRESS], current[ADDRESS])
            current = {**current, ADDRESS: stored[ADDRESS]}
        self._settings = {**self._settings, "settings": current}
        differences = list(compare_settings(record, self._settings))
        if differences:
            remedy = "use another folder"
            if len(differences) == 1 and stored.get(ADDRESS) != current.get(ADDRESS):
                option = spell_option("any_base_url", True, of="model")
                remedy += f", or {option} if the model behind both is the same"
            raise InputError(
                f"{self.folder}: holds another run: {'; '.join(differences)}; {remedy}"
            )
        self._refuse_other_parsing(run)
        return record

    def _is_accepted(self, stored: object, current: object) -> bool:
        """Whether an endpoint at another address counts as the one of the stored run."""
        if self._model.accepts_any_address and isinstance(stored, str):
            return isinstance(current, str) and stored != current
        return is_moved(stored, current)

    def _take_over_settings(self, run: RunRecord) -> None:
        """Keep the settings with which answers were requested, and with them the keys of all.

        Raises InputError if another model gave these answers.
        """
        if run.model != self._settings["model"]:
            raise InputError(
                f"{self.folder}: holds answers of {quoted_repr(run.model)}, not of"
                f" {quoted_repr(self._settings['model'])}; name the model that gave them"
            )
        self._settings = {**self._settings, "settings": run.settings}
        self._state_if_unparsed = run.state

    def _refuse_other_parsing(self, run: RunRecord) -> None:
        """Raise InputError if answers were parsed again with other settings, or not to the end."""
        remedy = f"parse all answers with one parser: use {spell_option('reparse', True)}"
        if run.state == REPARSING:
            raise InputError(f"{self.folder}: parsing its answers again was interrupted; {remedy}")
        current = self._parse_settings()
        if run.parsing is not None and run.parsing != current:
            raise InputError(
                f"{self.folder}: its answers were parsed again with {quoted_repr(run.parsing)}, now"
                f" {quoted_repr(current)}; {remedy}"
            )

    def _start_session(self) -> None:
        """Add a session to run.json: its start and the versions of the packages."""
        versions = collect_versions(self._model.packages)
        stored_versions = self._record.get("versions", {})
        self.changed_versions = [
            f"{name} {stored_versions[name]}, now {versions[name]}"
            for name in versions
            if name in stored_versions and stored_versions[name] != versions[name]
        ]
        session: dict[str, Any] = {
            "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "versions": versions,
        }
        if self.moved:
            session = {ADDRESS: self.moved[1], **session}
        if self.options.reparse:
            session = {"reparse": True, **session}
        self._record |= {
            **self._settings,
            "corpus": {
                "name": self._corpus.name,
                "documents": len(self._corpus),
                "sha256": hash_corpus(self._corpus),
            },
            "versions": versions,
            "state": REPARSING if self.options.reparse else "running",
            "sessions": [*self._record.get("sessions", ()), session],
        }
        self._write_record(self._record)

    def _read_answers(self) -> None:
        """Read the stored answers; failures are dropped if they are to be retried."""
        path = self._path("predictions.jsonl")
        truncate_partial_line(self._path("samples.jsonl"))
        if not path.exists():
            return
        self.truncated_bytes = truncate_partial_line(path)
        truncate_partial_line(self._path("log.jsonl"))
        for location, item in read(path):
            if not isinstance(item, Document):
                raise item if isinstance(item, LoadError) else LoadError([str(item)])
            self._check_answer(location, item)
            self.answers[item.id] = item
        if self.options.retry_failed:
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

    def _sync(self) -> None:
        """Sync the predictions to the disk, at most once in SYNC_INTERVAL."""
        if time.monotonic() - self._synced >= SYNC_INTERVAL:
            for file in (self._samples, self._predictions):
                file.sync()
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
