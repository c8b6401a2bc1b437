"""Replacing a file by new content so that a failure loses nothing; see `evalkit.files`."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from evalkit.errors import InputError, WriteError
from evalkit.files.inputs import COMPRESSED_SUFFIXES, is_url, strip_compression
from evalkit.files.system_calls import sync_folder
from evalkit.files.temporary import copy_permissions, create_temporary, remove_leftovers

MAX_LINKS = 40  # symbolic links in a row, as in Linux
_DESCRIPTOR = re.compile(r"/(?:dev/fd|proc/self/fd)/([0-9]+)")
_STANDARD = {"/dev/stdout": 1, "/dev/stderr": 2}
_UNUSABLE = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENAMETOOLONG,
        errno.ELOOP,
        errno.EINVAL,
    }
)
_NO_RENAME = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV})


def write_atomically(path: str | Path, data: bytes | str) -> None:
    """Replace a file by new content; a string is written as UTF-8.

    Raises InputError or WriteError, and then the file is as it was.
    """
    with stage_file(path, data):
        pass


@contextlib.contextmanager
def stage_file(path: str | Path, data: bytes | str) -> Iterator[None]:
    """Write the new content of a file to a temporary file, and replace the file when the block ends
    without an error.
    """
    with replace_file(path) as file:
        file.write(data.encode("utf-8") if isinstance(data, str) else data)
        file.flush()
        yield


@contextlib.contextmanager
def replace_file(path: str | Path) -> Iterator[BinaryIO]:
    """An open binary file whose content replaces the file at `path` when the block ends without an
    error.

    Raises InputError where the path cannot be written to, WriteError where writing fails.
    """
    refuse_unsupported(path)
    with name_errors(path):
        target = resolve_links(Path(path))
        descriptor = find_descriptor(target)
        if descriptor is not None:
            sys.stdout.flush()
            with os.fdopen(os.dup(descriptor), "wb") as file:
                yield file
        elif is_stream(target):
            with target.open("wb") as file:
                yield file
        elif target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder; name a file")
        else:
            refuse_read_only(target)
            with _replace_regular(target) as file:
                yield file


@contextlib.contextmanager
def name_errors(path: str | Path, advice: str = "") -> Iterator[None]:
    """Turn an OSError into an InputError or a WriteError that names `path` instead of a temporary
    file.

    advice: the end of the message of a WriteError.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except WriteError as error:
        raise WriteError(f"{error}{advice}") from None
    except OSError as error:
        if error.errno in _UNUSABLE:
            raise InputError(f"{path}: {error.strerror or error}") from None
        raise WriteError(f"{path}: {error.strerror or error}{advice}") from None


def refuse_unsupported(path: str | Path) -> None:
    """Raise InputError for remote and compressed files, which are only read."""
    if is_url(path) or Path(path).suffix in COMPRESSED_SUFFIXES:
        raise InputError(
            f"{path}: remote and compressed files are only read: expected a local file, such as"
            f" {strip_compression(Path(path)).name}"
        )


def write_files(contents: Mapping[Path, bytes | None]) -> None:
    """Replace several files, and delete those without content, once all new files are written.

    Missing folders are created.
    """
    with contextlib.ExitStack() as stack:
        for path, data in contents.items():
            stack.enter_context(make_parents(path))
            if data is not None:
                stack.enter_context(stage_file(path, data))
    for path, data in contents.items():
        if data is None:
            with name_errors(path):
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def make_parents(path: Path) -> Iterator[None]:
    """Create the folders above a file; those that were missing are removed if the block fails.

    Raises InputError or WriteError.
    """
    missing = [parent for parent in path.parents if not parent.exists()]
    with name_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for parent in missing:
                parent.rmdir()
        raise


def is_stream(path: Path) -> bool:
    """Whether a path is a device, a pipe or an open descriptor, which is written to directly."""
    return find_descriptor(path) is not None or (
        path.exists() and not path.is_file() and not path.is_dir()
    )


def resolve_links(path: Path) -> Path:
    """The target of a symbolic link, which may be missing; paths of open descriptors are not
    followed.
    """
    for _ in range(MAX_LINKS):
        if not path.is_symlink() or find_descriptor(path) is not None:
            return path
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def find_descriptor(path: Path) -> int | None:
    """The file descriptor of a path such as /dev/stdout; None for other paths."""
    match = _DESCRIPTOR.fullmatch(str(path))
    return int(match[1]) if match else _STANDARD.get(str(path))


@contextlib.contextmanager
def _replace_regular(target: Path) -> Iterator[BinaryIO]:
    """Write a temporary file and rename it over a regular or missing file."""
    remove_leftovers(target)
    try:
        temporary, file = create_temporary(target)
    except OSError as error:
        if error.errno not in _NO_RENAME or not target.is_file():
            raise
        # The folder of the file is read-only.
        with _overwrite(target) as memory:
            yield memory
        return
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            copy_permissions(target, temporary)
            if os.name == "nt":  # where an open file cannot be renamed
                file.close()
            _rename_over(temporary, target)
        sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_read_only(path: Path) -> None:
    """Raise PermissionError for a read-only file or folder: a rename does not check that."""
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _rename_over(temporary: Path, target: Path) -> None:
    try:
        os.replace(temporary, target)  # noqa: PTH105 - one name for the step that tests interrupt
    except OSError as error:
        if error.errno not in _NO_RENAME or not target.is_file():
            raise
        with _overwrite(target) as file, temporary.open("rb") as source:  # a mount point
            shutil.copyfileobj(source, file)


@contextlib.contextmanager
def _overwrite(target: Path) -> Iterator[BinaryIO]:
    """Overwrite a file that cannot be replaced, once its new content is complete in memory.

    If writing fails, the old content is restored.
    """
    memory = io.BytesIO()
    with target.open("r+b") as file:
        yield memory
        old = file.read()
        try:
            _overwrite_content(file, memory.getvalue())
        except OSError:
            _overwrite_content(file, old)
            raise


def _overwrite_content(file: BinaryIO, data: bytes) -> None:
    descriptor, written = file.fileno(), 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], written)
    os.ftruncate(descriptor, len(data))
    os.fsync(descriptor)
