"""How is a file or a folder written so that a failure loses nothing?

Every writer of evalkit uses these functions.

    write_atomically(path, data)          replace a file by new content
    replace_file(path)              the same for content that is written piece by piece: a context
                                    manager with an open binary file
    stage_file(path, data)          write the new content aside at once, and replace the file when
                                    the block ends
    write_files(contents)           replace several files, all of which are written aside first
    write_folder(path, contents)    write several files of a folder as one change; all other files
                                    of the folder stay

The new content is written beside the target under a temporary name, synced, and renamed over the
target: readers find the old content or the new content, whole, whatever happens. Permissions are
kept, and a symbolic link is followed. Devices, pipes and /dev/stdout are written to directly. A
file that cannot be renamed over (its folder is read-only, or it is a mount point) is overwritten,
and restored if that fails.

A folder is written aside in full and exchanged with the old one in one step (renameat2 on Linux,
renamex_np on macOS). Where that is not possible (the working directory, a mount point, a parent
that is read-only, another system), the complete new files wait in FOLDER/.evalkit-commit and are
then renamed into place one by one. If the process is killed there, reading the folder raises
InputError, and the next write finishes the change first.

A path that cannot be written to raises InputError; a disk that is full or fails raises WriteError.
Both name the path that was asked for. Temporary names begin with .evalkit-; those that a killed
process left behind are removed by the next write to the same target.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import msgspec

from evalkit.errors import InputError, WriteError

COMMIT = ".evalkit-commit"  # in a folder: complete new files that are not all in place yet
MANIFEST = "manifest"  # without a suffix, so that no format takes it for a document
MAX_LINKS = 40  # symbolic links in a row, as in Linux
MAX_SYNCED = (
    64  # files of a folder that are synced one by one; more are synced with their file system
)
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
    """Write the new content of a file aside at once, and replace the file when the block ends
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
    with name_errors(path):
        target = _resolve_links(Path(path))
        descriptor = _find_descriptor(target)
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
            _refuse_read_only(target)
            with _replace_regular(target) as file:
                yield file


@contextlib.contextmanager
def name_errors(path: str | Path, advice: str = "") -> Iterator[None]:
    """Turn an OSError into an InputError or a WriteError that names `path`, whatever temporary file
    it is about.

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


def write_files(contents: Mapping[Path, bytes | None]) -> None:
    """Replace several files, and delete those without content, once all new content is written
    aside.

    Folders that are missing are made.
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
    """Make the folders above a file; those that were missing are removed again if the block fails.

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


def write_folder(path: str | Path, contents: Mapping[str, bytes | None]) -> None:
    """Write files of a folder as one change. All other files of the folder stay.

    contents: relative paths with "/", each with its bytes, or None for a file that is deleted if it
    is there. Raises InputError or WriteError, and then the folder is as it was.
    """
    with name_errors(path):
        target = _resolve_links(Path(path))
        finish_folder(target)
        _refuse_blocked(Path(path), target, contents)
        if not target.exists():
            with make_parents(target):
                _write_beside(target, contents)
        elif not _can_exchange(target) or not _write_beside(target, contents):
            _write_inside(target, contents)


def finish_folder(path: Path) -> None:
    """Finish the change of a folder that a killed process had completed aside and not put in place
    yet, and remove what it left.
    """
    remove_leftovers(path)
    if (path / COMMIT).is_dir():
        _put_in_place(path)


def check_folder(path: Path) -> None:
    """Refuse a folder whose change was interrupted, since some of its files are old and some are
    new.
    """
    if (path / COMMIT).is_dir():
        raise InputError(
            f"{path}: writing this folder was interrupted; run the command that wrote it again"
        )


def is_stream(path: Path) -> bool:
    """Whether a path leads to a device, a pipe or an open descriptor, beside which no other file is
    written.
    """
    return _find_descriptor(path) is not None or (
        path.exists() and not path.is_file() and not path.is_dir()
    )


def is_temporary(path: Path) -> bool:
    """Whether a file or folder has a name that this module gives to temporary ones."""
    return path.name.startswith(".evalkit-")


# Files


def _resolve_links(path: Path) -> Path:
    """The path that a symbolic link leads to, which need not exist; a path of an open descriptor is
    not followed.
    """
    for _ in range(MAX_LINKS):
        if not path.is_symlink() or _find_descriptor(path) is not None:
            return path
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def _find_descriptor(path: Path) -> int | None:
    """The number of the open file that a path such as /dev/stdout names."""
    match = _DESCRIPTOR.fullmatch(str(path))
    return int(match[1]) if match else _STANDARD.get(str(path))


@contextlib.contextmanager
def _replace_regular(target: Path) -> Iterator[BinaryIO]:
    """Write aside and rename over a file that is regular or not there."""
    remove_leftovers(target)
    try:
        temporary, file = _create_temporary(target)
    except OSError as error:
        if error.errno not in _NO_RENAME or not target.is_file():
            raise
        with _overwrite(target) as memory:  # its folder is read-only
            yield memory
        return
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            _copy_permissions(target, temporary)
            if os.name == "nt":  # where an open file cannot be renamed
                file.close()
            _rename_over(temporary, target)
        _sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _refuse_read_only(path: Path) -> None:
    """Refuse to replace what nobody may write to: a rename would not ask for that permission."""
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _create_temporary(target: Path) -> tuple[Path, BinaryIO]:
    """A new file beside the target, open and locked as long as it is open, with the permissions
    that new files get.
    """
    while True:
        temporary = _name_temporary(target)
        descriptor = os.open(
            temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666
        )
        _lock(descriptor, wait=True)
        if os.fstat(
            descriptor
        ).st_nlink:  # else another process took it for a leftover before it was locked
            return temporary, os.fdopen(descriptor, "w+b")
        os.close(descriptor)


def _name_temporary(target: Path) -> Path:
    return target.parent / f"{_temporary_prefix(target)}{secrets.token_hex(6)}.tmp"


def _temporary_prefix(target: Path) -> str:
    """What the temporary names of a target begin with; its own name may be too long to be repeated
    in them.
    """
    return f".evalkit-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:8]}-"


def _copy_permissions(old: Path, new: Path) -> None:
    """Give a new file or folder the mode and the owner of the old one, if there is one."""
    with contextlib.suppress(FileNotFoundError):
        was, now = old.stat(), new.stat()
        if (was.st_uid, was.st_gid) != (now.st_uid, now.st_gid):
            with contextlib.suppress(OSError):  # only root may give files away
                os.chown(new, was.st_uid, was.st_gid)
        new.chmod(stat.S_IMODE(was.st_mode))


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
    """Write over a file that cannot be replaced, once its new content is complete; if that fails,
    the old content is written back.
    """
    import io

    memory = io.BytesIO()
    with target.open("r+b") as file:
        yield memory
        old = file.read()
        try:
            _write_over(file, memory.getvalue())
        except OSError:
            _write_over(file, old)
            raise


def _write_over(file: BinaryIO, data: bytes) -> None:
    descriptor, written = file.fileno(), 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], written)
    os.ftruncate(descriptor, len(data))
    os.fsync(descriptor)


def remove_leftovers(target: Path) -> None:
    """Remove the temporary files and folders of a target that no process holds any more."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(target.parent)):
            if entry.name.startswith(_temporary_prefix(target)) and entry.name.endswith(".tmp"):
                _remove_leftover(Path(entry.path))


def _remove_leftover(path: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            if _lock(descriptor, wait=False):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        finally:
            os.close(descriptor)


def _lock(descriptor: int, *, wait: bool) -> bool:
    """Lock an open file or folder until it is closed or the process ends; says whether that was
    possible.
    """
    try:
        import fcntl
    except ImportError:  # Windows, where nothing is taken for a leftover
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


# Folders


def _refuse_blocked(shown: Path, target: Path, names: Iterable[str]) -> None:
    """Refuse names that are folders already, and folders that are read-only."""
    if target.exists() and not target.is_dir():
        raise InputError(f"{shown}: is a file; name a folder")
    for folder in {target, *((target / name).parent for name in names)}:
        _refuse_read_only(folder)
    for name in names:
        if (target / name).is_dir() and not (target / name).is_symlink():
            raise InputError(
                f"{shown / name}: is a folder, and a file of this name is to be written; rename it,"
                " or name another folder"
            )


def _can_exchange(target: Path) -> bool:
    """Whether a folder can be exchanged with a new one as far as can be seen before."""
    here = Path.cwd()
    real = target.resolve()
    is_current = real == here or real in here.parents
    return (
        _exchange_function() is not None
        and not is_current
        and not os.path.ismount(target)
        and os.access(target.parent, os.W_OK)
    )


def _write_beside(target: Path, contents: Mapping[str, bytes | None]) -> bool:
    """Write the new folder beside the old one and exchange them; False where the old one cannot be
    exchanged, and then it is as it was.
    """
    new = _name_temporary(target)
    new.mkdir()
    descriptor = os.open(new, os.O_RDONLY) if os.name == "posix" else None
    try:
        if descriptor is not None:
            _lock(descriptor, wait=True)
        if target.exists() and not _link_others(target, new, contents):
            return False
        _write_contents(new, ((name, data) for name, data in contents.items() if data is not None))
        _copy_all_permissions(target, new)
        if not target.exists():
            new.rename(target)
        elif not _exchange(new, target):
            return False
        _sync_folder(target.parent)
    finally:
        if descriptor is not None:
            os.close(descriptor)
        shutil.rmtree(new, ignore_errors=True)
    return True


def _link_others(old: Path, new: Path, owned: Iterable[str]) -> bool:
    """Put everything but the owned files of an old folder into a new one, too, without copying;
    False where that is not possible.
    """
    left_out = {*owned}
    above = {str(parent) for name in left_out for parent in PurePosixPath(name).parents}
    try:
        for folder, folders, files in os.walk(old):
            here = Path(folder)
            place = new / here.relative_to(old)
            place.mkdir(exist_ok=True)
            was, now = here.stat(), place.stat()
            if (was.st_uid, was.st_gid) != (now.st_uid, now.st_gid):
                os.chown(place, was.st_uid, was.st_gid)
            links = [name for name in folders if (here / name).is_symlink()]
            if any((here / name).relative_to(old).as_posix() in above for name in links):
                return False  # owned files lie behind this link
            for name in (*files, *links):
                relative = (here / name).relative_to(old).as_posix()
                if relative not in left_out:
                    os.link(here / name, place / name, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        return False  # a mount point, another owner, or a file system without links
    return True


def _copy_all_permissions(old: Path, new: Path) -> None:
    """Give the folders of a new tree, and its files that replace others, the permissions of the old
    ones.
    """
    for path in (*new.rglob("*"), new):
        before = old / path.relative_to(new)
        if not path.is_symlink() and before.exists() and not before.samefile(path):
            _copy_permissions(before, path)


def _write_contents(folder: Path, contents: Iterable[tuple[str, bytes]]) -> None:
    """Write files into a new folder and sync them."""
    written = 0
    for name, data in contents:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        written += 1
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            if written <= MAX_SYNCED or not hasattr(os, "sync"):
                os.fsync(file.fileno())
    if written > MAX_SYNCED and not _sync_file_system(folder) and hasattr(os, "sync"):
        os.sync()
    for inner in {path.parent for path in folder.rglob("*")} | {folder}:
        _sync_folder(inner)


def _write_inside(target: Path, contents: Mapping[str, bytes | None]) -> None:
    """Write new files into a temporary folder inside the target, name it the commit, and put them
    in place.
    """
    inner = target / COMMIT
    remove_leftovers(inner)
    new = _name_temporary(inner)
    new.mkdir()
    try:
        names = [name for name, data in contents.items() if data is not None]
        deleted = [name for name, data in contents.items() if data is None]
        manifest = msgspec.json.encode({"files": names, "deleted": deleted})
        numbered = ((str(n), contents[name] or b"") for n, name in enumerate(names))
        _write_contents(new, [*numbered, (MANIFEST, manifest)])
        for n, name in enumerate(names):
            _copy_permissions(target / name, new / str(n))
        new.rename(target / COMMIT)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    _sync_folder(target)
    _put_in_place(target)


class _Manifest(msgspec.Struct):
    """What a commit does: file N of it becomes the Nth of `files`."""

    files: list[str]
    deleted: list[str]


def _put_in_place(target: Path) -> None:
    """Rename the files of a commit to their names, delete what it deletes, and remove it.

    May be repeated after a failure.
    """
    commit = target / COMMIT
    try:
        manifest = msgspec.json.decode((commit / MANIFEST).read_bytes(), type=_Manifest)
    except (msgspec.MsgspecError, FileNotFoundError):
        manifest = _Manifest([], [])  # all files are in place: the manifest is removed last of them
    for name in (*manifest.files, *manifest.deleted):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise InputError(
                f"{commit / MANIFEST}: {name!r} lies outside of the folder; delete {commit}"
            )
    for n, name in enumerate(manifest.files):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # it is in place since before
            _move(commit / str(n), target / name)
    for name in manifest.deleted:
        (target / name).unlink(missing_ok=True)
    for folder in {(target / name).parent for name in manifest.files}:
        _sync_folder(folder)
    shutil.rmtree(commit, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    try:
        os.replace(source, target)  # noqa: PTH105 - one name for the step that tests interrupt
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        write_atomically(target, source.read_bytes())
        source.unlink()


# System calls


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system or the file system cannot."""
    call = _exchange_function()
    return call is not None and call(os.fsencode(one), os.fsencode(other)) == 0


def _exchange_function() -> Callable[[bytes, bytes], int] | None:
    """The function of the C library that exchanges two paths, if it has one."""
    current, exchange, swap = -100, 2, 2  # AT_FDCWD, RENAME_EXCHANGE, RENAME_SWAP
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            rename: Callable[..., int] = library.renamex_np
            return lambda one, other: rename(one, other, ctypes.c_uint(swap))
        rename_at: Callable[..., int] = library.renameat2
    except (OSError, AttributeError, TypeError):
        return None
    return lambda one, other: rename_at(current, one, current, other, ctypes.c_uint(exchange))


def _sync_folder(folder: Path) -> None:
    """Make renames in a folder last; not every system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sync_file_system(folder: Path) -> bool:
    """Sync the file system of a folder (Linux); says whether that was possible."""
    descriptor = -1
    try:
        synchronize: Callable[[int], int] = ctypes.CDLL(None, use_errno=True).syncfs
        descriptor = os.open(folder, os.O_RDONLY)
        return synchronize(descriptor) == 0
    except (OSError, AttributeError, TypeError):
        return False
    finally:
        if descriptor >= 0:
            os.close(descriptor)
