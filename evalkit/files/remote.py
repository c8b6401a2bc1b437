"""Files behind a URL (s3://, gs://, hf://, https://, …), which are opened through fsspec."""

from __future__ import annotations

import os
import stat
import sys
from typing import Any, BinaryIO, cast

from evalkit.errors import InputError, MissingDependencyError, to_one_line

if sys.platform == "win32":
    from pathlib import WindowsPath as _LocalPath
else:
    from pathlib import PosixPath as _LocalPath


class RemotePath(_LocalPath):
    """The path of a file behind a URL, with the methods of Path that reading needs."""

    def __str__(self) -> str:
        """The URL."""
        protocol, _, rest = super().__str__().replace("\\", "/").partition(":/")
        return f"{protocol}://{rest}"

    def __fspath__(self) -> str:
        return str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self),)

    def exists(self, **_: Any) -> bool:
        """Whether there is a file or folder."""
        file_system, path = open_file_system(self)
        return bool(_call(self, file_system.exists, path))

    def is_file(self, **_: Any) -> bool:
        """Whether there is a file."""
        file_system, path = open_file_system(self)
        return bool(_call(self, file_system.isfile, path))

    def is_dir(self, **_: Any) -> bool:
        """Whether there is a folder."""
        file_system, path = open_file_system(self)
        return bool(_call(self, file_system.isdir, path))

    def is_symlink(self) -> bool:
        """Never."""
        return False

    def resolve(self, *_: Any, **__: Any) -> RemotePath:
        """The path itself."""
        return self

    def stat(self, **_: Any) -> os.stat_result:
        """The size and the kind; other fields are 0."""
        file_system, path = open_file_system(self)
        kind = stat.S_IFDIR if _call(self, file_system.isdir, path) else stat.S_IFREG
        size = 0 if kind == stat.S_IFDIR else _call(self, file_system.size, path) or 0
        return os.stat_result((kind, 0, 0, 0, 0, 0, size, 0, 0, 0))

    def open(self, *_: Any, **__: Any) -> Any:
        """The open binary file."""
        file_system, path = open_file_system(self)
        return cast("BinaryIO", _call(self, file_system.open, path, "rb"))

    def fingerprint(self) -> str:
        """What changes with the content: the checksum or the date that the file system has."""
        file_system, path = open_file_system(self)
        return str(_call(self, file_system.ukey, path))


def list_matches(pattern: str) -> list[RemotePath]:
    """The remote files that match a pattern, sorted."""
    location = RemotePath(pattern)
    file_system, path = open_file_system(location)
    matches = _call(location, file_system.glob, path)
    return sorted(RemotePath(file_system.unstrip_protocol(match)) for match in matches)


def open_file_system(path: RemotePath) -> tuple[Any, str]:
    """The file system of fsspec for a URL, and the path in it.

    Raises InputError for an unknown protocol, MissingDependencyError if a package is not installed.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingDependencyError(
            f"{path}: remote files need the package fsspec, which is not installed: pip install"
            " fsspec"
        ) from None
    protocol = str(path).partition("://")[0]
    try:
        file_system, inner = url_to_fs(str(path))
    except ImportError as error:
        raise MissingDependencyError(
            f"{path}: {protocol}:// needs a package that is not installed: {to_one_line(error)}"
        ) from None
    except Exception as error:
        raise InputError(f"{path}: {to_one_line(error)}") from None
    return file_system, str(inner)


def _call(path: RemotePath, function: Any, *arguments: Any) -> Any:
    """The result of a function of a file system, whose errors may be of any type."""
    try:
        return function(*arguments)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except Exception as error:
        raise InputError(f"{path}: cannot be read: {to_one_line(error)}") from None
