"""The run directory of `score`: stores the counts of each finished shard, so that the same command
resumes.

It holds

    score.json      the options, and the key of each shard
    shards/         for each finished shard a file KEY.counts, as `encode_shard` writes it

The key of a shard is a digest of all that its counts depend on: the version of evalkit, the
options, the schema, and the name, size and date of both files (of remote files what their file
system has instead). A shard whose files or options changed has another key, and is counted again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evalkit.errors import InputError
from evalkit.evaluation.shard_counts import decode_shard
from evalkit.evaluation.shard_tasks import ShardTask
from evalkit.evaluation.sharded_inputs import ShardPair
from evalkit.files import is_temporary, name_errors, write_atomically
from evalkit.formats.loading import load_schema_for
from evalkit.formats.registry import CorpusLocation
from evalkit.version import evalkit_version

RECORD, FOLDER, SUFFIX = "score.json", "shards", ".counts"
RESUME = "; the counts so far are kept: make room, and run the same command again to resume"


class _Record(msgspec.Struct):
    """What score.json must contain to be resumed."""

    options: dict[str, Any]
    keys: dict[str, str]


class ShardStore:
    """An open run directory.

    `stored`: the counts of the shards that are finished, by their names. `changed`: the names of
    shards that were counted before, with other files or options.
    """

    def __init__(
        self, folder: str | Path, tasks: Sequence[ShardTask], options: Mapping[str, Any]
    ) -> None:
        """Makes the directory, or reads what is in it.

        - `options`: those of all tasks, as JSON values.

        Raises InputError for a folder with other files, WriteError if it cannot be written.
        """
        self.folder = Path(folder)
        self._refuse_other_files()
        schemas: dict[Path, str] = {}
        self._keys = {}
        for task in tasks:
            self._keys[task.name] = _key(task, options, schemas)
        before = self._read_record()
        self.stored: dict[str, bytes] = {}
        self.changed: list[str] = []
        for name, key in self._keys.items():
            counts = self._read_counts(name, key)
            if counts is not None:
                self.stored[name] = counts
            elif before.keys.get(name, key) != key:
                self.changed.append(name)
        with name_errors(self.folder, RESUME):
            (self.folder / FOLDER).mkdir(parents=True, exist_ok=True)
            record = _Record(dict(options), self._keys)
            write_atomically(self.folder / RECORD, msgspec.json.encode(record) + b"\n")

    def add(self, counts: bytes) -> None:
        """Store the counts of a shard. Raises WriteError if that fails."""
        key = self._keys[decode_shard(counts).name]
        with name_errors(self.folder, RESUME):
            write_atomically(self._path(key), counts)

    def remove_outdated(self) -> None:
        """Remove the counts of former files and options."""
        keys = set(self._keys.values())
        for path in (self.folder / FOLDER).glob(f"*{SUFFIX}"):
            if path.stem not in keys:
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / FOLDER / f"{key}{SUFFIX}"

    def _refuse_other_files(self) -> None:
        if (self.folder / RECORD).exists():
            return
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder}: a file: expected a folder")
        for path in self.folder.glob("*"):
            # A command that was killed at its first write has left the folder of shards.
            if path.name != FOLDER and not is_temporary(path):
                raise InputError(
                    f"{self.folder}: holds other files, and no counts of shards; use a new folder"
                )

    def _read_record(self) -> _Record:
        path = self.folder / RECORD
        if not path.exists():
            return _Record({}, {})
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Record)
        except msgspec.MsgspecError as error:
            raise InputError(
                f"{path}: not the record of a run of score: {error}; use another folder"
            ) from None

    def _read_counts(self, name: str, key: str) -> bytes | None:
        """The stored counts of a shard; None if there are none, or if they are damaged."""
        path = self._path(key)
        if not path.exists():
            return None
        counts = path.read_bytes()
        try:
            return counts if decode_shard(counts).name == name else None
        except msgspec.MsgspecError:
            return None


def _key(task: ShardTask, options: Mapping[str, Any], schemas: dict[Path, str]) -> str:
    """The digest of all that the counts of a shard depend on. schemas: those of folders so far."""
    pair = task.inputs
    if not isinstance(pair, ShardPair):
        raise TypeError("expected the task of a shard of a plan")
    parts = [
        evalkit_version(),
        task.name,
        pair.corpus_name,
        pair.prediction_name,
        options,
        _fingerprint(pair.gold),
        _fingerprint(pair.predicted),
        _schema_digest(pair.gold, schemas),
    ]
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:32]


def _fingerprint(location: CorpusLocation) -> list[Any]:
    path = location.path
    options = {name: str(value) for name, value in location.options.items()}
    kind = [location.format or "", options, path.name]
    fingerprint = getattr(path, "fingerprint", None)
    if fingerprint is not None:
        return [*kind, fingerprint()]
    status = path.stat()
    return [*kind, status.st_size, status.st_mtime_ns]


def _schema_digest(location: CorpusLocation, schemas: dict[Path, str]) -> str:
    folder = location.path.parent
    if folder not in schemas:
        encoded = msgspec.json.encode(load_schema_for(location), order="sorted")
        schemas[folder] = hashlib.sha256(encoded).hexdigest()
    return schemas[folder]
