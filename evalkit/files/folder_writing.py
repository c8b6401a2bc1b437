"""Replacing several files of a folder as one change; see `evalkit.files`."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import msgspec

from evalkit.errors import InputError
from evalkit.files import system_calls
from evalkit.files.file_writing import (
    make_parents,
    name_errors,
    refuse_read_only,
    resolve_links,
    write_atomically,
)
from evalkit.files.temporary import copy_permissions, name_temporary, remove_leftovers

# A folder of complete new files, until all of them are renamed into place
COMMIT = ".evalkit-commit"
MANIFEST = "manifest"  # without a suffix, so that no format reads it as a document
MAX_SYNCED = 64  # files that are synced one by one; more are synced with their file system


def write_folder(path: str | Path, contents: Mapping[str, bytes | None]) -> None:
    """Write files of a folder as one change. All other files of the folder are kept.

    contents: relative paths with "/", each with its bytes, or None to delete the file if it exists.
    Raises InputError or WriteError, and then the folder is unchanged.
    """
    with name_errors(path):
        target = resolve_links(Path(path))
        finish_folder(target)
        _refuse_blocked(Path(path), target, contents)
        if not target.exists():
            with make_parents(target):
                _write_beside(target, contents)
        elif not _can_exchange(target) or not _write_beside(target, contents):
            _write_inside(target, contents)


def finish_folder(path: Path) -> None:
    """Finish a change of a folder that was interrupted after all new files were written, and remove
    leftover temporary files.
    """
    remove_leftovers(path)
    if (path / COMMIT).is_dir():
        _put_in_place(path)


def check_folder(path: Path) -> None:
    """Raise InputError for a folder whose change was interrupted: its files are partly old."""
    if (path / COMMIT).is_dir():
        raise InputError(
            f"{path}: writing this folder was interrupted; run the command that wrote it again"
        )


def _refuse_blocked(path: Path, target: Path, names: Iterable[str]) -> None:
    """Raise InputError for names of existing folders, PermissionError for read-only folders."""
    if target.exists() and not target.is_dir():
        raise InputError(f"{path}: is a file; name a folder")
    for folder in {target, *((target / name).parent for name in names)}:
        refuse_read_only(folder)
    for name in names:
        if (target / name).is_dir() and not (target / name).is_symlink():
            raise InputError(
                f"{path / name}: is a folder, and a file of this name is to be written; rename it,"
                " or name another folder"
            )


def _can_exchange(target: Path) -> bool:
    """Whether a folder can be exchanged with a new one, as far as this is known before trying."""
    working_directory = Path.cwd()
    resolved = target.resolve()
    is_current = resolved == working_directory or resolved in working_directory.parents
    return (
        system_calls.exchange_function() is not None
        and not is_current
        and not os.path.ismount(target)
        and os.access(target.parent, os.W_OK)
    )


def _write_beside(target: Path, contents: Mapping[str, bytes | None]) -> bool:
    """Write the new folder beside the old one and exchange them.

    Returns False if they cannot be exchanged, and then the old one is unchanged.
    """
    new = name_temporary(target)
    new.mkdir()
    descriptor = os.open(new, os.O_RDONLY) if os.name == "posix" else None
    try:
        if descriptor is not None:
            system_calls.lock(descriptor, wait=True)
        if target.exists() and not _link_others(target, new, contents):
            return False
        _write_contents(new, [(name, data) for name, data in contents.items() if data is not None])
        _copy_all_permissions(target, new)
        if not target.exists():
            new.rename(target)
        elif not system_calls.exchange(new, target):
            return False
        system_calls.sync_folder(target.parent)
    finally:
        if descriptor is not None:
            os.close(descriptor)
        shutil.rmtree(new, ignore_errors=True)
    return True


def _link_others(old: Path, new: Path, owned: Iterable[str]) -> bool:
    """Link all files of an old folder into a new one, except for the owned ones.

    Returns False if that is not possible.
    """
    owned_names = set(owned)
    owned_folders: set[str] = set()
    for name in owned_names:
        owned_folders.update(str(parent) for parent in PurePosixPath(name).parents)
    try:
        for folder, folders, files in os.walk(old):
            source = Path(folder)
            copy = new / source.relative_to(old)
            copy.mkdir(exist_ok=True)
            source_status, copy_status = source.stat(), copy.stat()
            owner = (source_status.st_uid, source_status.st_gid)
            if owner != (copy_status.st_uid, copy_status.st_gid):
                os.chown(copy, *owner)
            links = [name for name in folders if (source / name).is_symlink()]
            if any((source / name).relative_to(old).as_posix() in owned_folders for name in links):
                return False  # this link leads to owned files
            for name in (*files, *links):
                relative = (source / name).relative_to(old).as_posix()
                if relative not in owned_names:
                    os.link(source / name, copy / name, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        return False  # a mount point, another owner, or a file system without links
    return True


def _copy_all_permissions(old: Path, new: Path) -> None:
    """Give the folders and the replaced files of a new tree the permissions of the old ones."""
    for path in (*new.rglob("*"), new):
        before = old / path.relative_to(new)
        if not path.is_symlink() and before.exists() and not before.samefile(path):
            copy_permissions(before, path)


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
    if written > MAX_SYNCED and not system_calls.sync_file_system(folder) and hasattr(os, "sync"):
        os.sync()
    for inner in {path.parent for path in folder.rglob("*")} | {folder}:
        system_calls.sync_folder(inner)


def _write_inside(target: Path, contents: Mapping[str, bytes | None]) -> None:
    """Write new files into a temporary folder inside the target, rename it to COMMIT, and rename
    the files into place.
    """
    inner = target / COMMIT
    remove_leftovers(inner)
    new = name_temporary(inner)
    new.mkdir()
    try:
        names = [name for name, data in contents.items() if data is not None]
        deleted = [name for name, data in contents.items() if data is None]
        manifest = msgspec.json.encode({"files": names, "deleted": deleted})
        numbered = ((str(n), contents[name] or b"") for n, name in enumerate(names))
        _write_contents(new, [*numbered, (MANIFEST, manifest)])
        for n, name in enumerate(names):
            copy_permissions(target / name, new / str(n))
        new.rename(target / COMMIT)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    system_calls.sync_folder(target)
    _put_in_place(target)


class _Manifest(msgspec.Struct):
    """The content of a commit: file N of it becomes the Nth of `files`."""

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
        # All files are in place: the manifest is the last file that is removed.
        manifest = _Manifest([], [])
    for name in (*manifest.files, *manifest.deleted):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise InputError(
                f"{commit / MANIFEST}: {name!r} is outside of the folder; delete {commit}"
            )
    for n, name in enumerate(manifest.files):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # already in place
            _move(commit / str(n), target / name)
    for name in manifest.deleted:
        (target / name).unlink(missing_ok=True)
    for folder in {(target / name).parent for name in manifest.files}:
        system_calls.sync_folder(folder)
    shutil.rmtree(commit, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    try:
        os.replace(source, target)  # noqa: PTH105 - one name for the step that tests interrupt
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        write_atomically(target, source.read_bytes())
        source.unlink()
