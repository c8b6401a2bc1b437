"""Opening files that others have written.

All readers open files with these functions: a pipe or a device, which may never end, is refused,
and so is a symbolic link that leads out of a folder.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from evalkit.errors import InputError, LoadError

SHELL_PIPES = ("/dev/fd/", "/dev/stdin", "/proc/")  # pipes that a shell makes and ends


def is_endless(path: Path) -> bool:
    """Whether reading a path may never end: a device, or a pipe that the shell did not make."""
    if not path.exists() or str(path).startswith(SHELL_PIPES):
        return False
    mode = path.stat().st_mode
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def is_there(path: Path) -> bool:
    """Whether a path exists, even as a link that leads nowhere."""
    return path.exists() or path.is_symlink()


def open_input(path: Path) -> BinaryIO:
    """The file, opened for bytes. Raises InputError if it cannot be, or is a pipe or device."""
    if is_endless(path):
        raise InputError(f"{path}: a device or a named pipe: expected a file")
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {_reason(error)}") from None


def read_input(path: Path) -> bytes:
    """The bytes of a file. Raises InputError as `open_input` does."""
    with open_input(path) as file:
        return file.read()


def check_inside(folder: Path, file: Path) -> None:
    """Raise LoadError unless a file is a regular one in its folder, links followed.

    A snapshot in the cache of huggingface_hub consists of links to the folder `blobs` beside it,
    which belongs to it.
    """
    try:
        target = file.resolve(strict=True)
        root = folder.resolve(strict=True)
        inside = target.is_relative_to(root) or (
            root.parent.name == "snapshots" and target.is_relative_to(root.parent.parent / "blobs")
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise LoadError([f"{file}: {_reason(error)}"]) from None
    if not inside:
        raise LoadError(
            [
                f"{file}: a symbolic link to {target}, which is outside {folder}; replace the link"
                " by the file"
            ]
        )
    if not target.is_file():
        raise LoadError([f"{file}: not a regular file; move it away"])


def list_inputs(
    folder: Path, suffixes: Collection[str] = (), ignore: Collection[str] = ()
) -> list[Path]:
    """The files with these suffixes (without any: all) in a folder and its subfolders, sorted;
    hidden ones and links to folders are left out.

    ignore: names of files that are left out, too. Raises LoadError for a link out of the folder, or
    to itself, and for what is no regular file.
    """
    found = []
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(at, name)
            if name.startswith(".") or name in ignore or (suffixes and path.suffix not in suffixes):
                continue
            check_inside(folder, path)
            found.append(path)
    return sorted(found)


def _reason(error: Exception) -> str:
    if isinstance(error, RuntimeError) or (
        isinstance(error, OSError) and error.errno == errno.ELOOP
    ):
        return "a symbolic link that leads to itself; replace it by the file"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)
