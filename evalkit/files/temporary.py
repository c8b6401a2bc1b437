"""Temporary files and folders beside a target: how they are named, locked and removed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
from pathlib import Path
from typing import BinaryIO

from evalkit.files.system_calls import lock


def is_temporary(path: Path) -> bool:
    """Whether a file or folder has the name of a temporary one."""
    return path.name.startswith(".evalkit-")


def name_temporary(target: Path) -> Path:
    """A new temporary name beside the target."""
    return target.parent / f"{_temporary_prefix(target)}{secrets.token_hex(6)}.tmp"


def _temporary_prefix(target: Path) -> str:
    """The prefix of all temporary names of a target: a digest, since its name may be too long."""
    return f".evalkit-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:8]}-"


def create_temporary(target: Path) -> tuple[Path, BinaryIO]:
    """A new open file beside the target and its path, with the default permissions.

    The file is locked as long as it is open.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    while True:
        temporary = name_temporary(target)
        descriptor = os.open(temporary, flags, 0o666)
        lock(descriptor, wait=True)
        # Without a link, another process removed it as a leftover before it was locked.
        if os.fstat(descriptor).st_nlink:
            return temporary, os.fdopen(descriptor, "w+b")
        os.close(descriptor)


def remove_leftovers(target: Path) -> None:
    """Remove the temporary files and folders of a target that no process has locked."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(target.parent)):
            if entry.name.startswith(_temporary_prefix(target)) and entry.name.endswith(".tmp"):
                _remove_leftover(Path(entry.path))


def _remove_leftover(path: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            if lock(descriptor, wait=False):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        finally:
            os.close(descriptor)


def copy_permissions(old: Path, new: Path) -> None:
    """Give a new file or folder the mode and the owner of the old one, if there is one."""
    with contextlib.suppress(FileNotFoundError):
        old_status, new_status = old.stat(), new.stat()
        owner = (old_status.st_uid, old_status.st_gid)
        if owner != (new_status.st_uid, new_status.st_gid):
            with contextlib.suppress(OSError):  # only root may give files away
                os.chown(new, *owner)
        new.chmod(stat.S_IMODE(old_status.st_mode))
