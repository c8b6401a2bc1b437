"""The files of a run directory: lines of JSON that are appended, and the lock of the folder.

A line is written in one piece and is not buffered, so that a killed process loses no whole line; an
incomplete last line is removed when the run is resumed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from evalkit.errors import InputError
from evalkit.files import name_errors

RESUME = "; stored answers are kept: make room, and run the same command again to resume"


class LineFile:
    """A file of a run directory, to which lines of JSON are appended; it is made at the first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_new = not path.exists() or not path.stat().st_size
        self._file: Any = None

    def append(self, item: Any) -> None:
        """Write an item as a line at the end."""
        line = msgspec.json.encode(item) + b"\n"
        file = self.open()
        try:
            written = file.write(line)
            while written < len(line):  # a disk that fills up takes a part first
                written += file.write(line[written:])
        except OSError:
            with name_errors(self.path, RESUME):
                raise

    def open(self) -> Any:
        """The file, opened to append bytes."""
        if self._file is None:
            # Without a buffer: after a full disk, nothing remains to be written later.
            with name_errors(self.path, RESUME):
                self._file = self.path.open("ab", buffering=0)
        return self._file

    def sync(self) -> None:
        """Sync what was written to the disk."""
        if self._file is not None:
            with name_errors(self.path, RESUME):
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def truncate_partial_line(path: Path) -> int:
    """Remove an incomplete last line; returns its length in bytes."""
    if not path.exists():
        return 0
    with path.open("rb+") as file:
        data = file.read()
        length = data.rfind(b"\n") + 1
        file.truncate(length)
    return len(data) - length


def acquire_lock(folder: Path) -> Any:
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
