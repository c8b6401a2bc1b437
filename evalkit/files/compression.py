"""Compressed files, which are decompressed while they are read."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from evalkit.errors import InputError, MissingDependencyError

BUFFER = 1 << 18  # bytes that are decompressed at once


def open_decompressed(path: Path, file: BinaryIO) -> BinaryIO:
    """The decompressed content of an open file. Reading it raises InputError for invalid data, and
    seeking backwards starts again from the beginning.
    """
    open_stream = _open_gzip if path.suffix == ".gz" else _open_zstd
    raw = _DecompressedFile(path, file, open_stream)
    return cast("BinaryIO", io.BufferedReader(raw, BUFFER))


def _open_gzip(file: BinaryIO) -> Any:
    return gzip.GzipFile(fileobj=file)


def _open_zstd(file: BinaryIO) -> Any:
    try:
        from pyarrow import CompressedInputStream
    except ImportError:  # evalkit can be installed without its dependencies
        raise MissingDependencyError(
            "files that end in .zst need the package pyarrow, which is not installed: pip install"
            " pyarrow"
        ) from None
    return CompressedInputStream(file, "zstd")


class _DecompressedFile(io.RawIOBase):
    """The decompressed content of a file, which can be read forwards."""

    def __init__(self, path: Path, file: BinaryIO, open_stream: Callable[[BinaryIO], Any]) -> None:
        super().__init__()
        self._path, self._file, self._open_stream = path, file, open_stream
        self._stream = open_stream(file)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except (OSError, EOFError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{self._path}: the compressed file cannot be read ({reason}): expected a complete"
                f" {self._path.suffix} file"
            ) from None
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence != io.SEEK_SET:
            raise io.UnsupportedOperation("seek from the end")
        if offset < self._position:
            self._file.seek(0)
            self._stream = self._open_stream(self._file)
            self._position = 0
        while self._position < offset:
            if not self.readinto(bytearray(min(BUFFER, offset - self._position))):
                break
        return self._position

    def close(self) -> None:
        self._file.close()
        super().close()
