"""System calls beneath the writers: exchanging two folders, syncing, locking."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step. Returns False if the system does not support it."""
    call = exchange_function()
    return call is not None and call(os.fsencode(one), os.fsencode(other)) == 0


def exchange_function() -> Callable[[bytes, bytes], int] | None:
    """The function of the C library that exchanges two paths, if it has one."""
    current = -100  # AT_FDCWD
    exchange_flag = 2  # RENAME_EXCHANGE
    swap_flag = 2  # RENAME_SWAP
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            rename: Callable[..., int] = library.renamex_np
            return lambda one, other: rename(one, other, ctypes.c_uint(swap_flag))
        rename_at: Callable[..., int] = library.renameat2
    except (OSError, AttributeError, TypeError):
        return None
    return lambda one, other: rename_at(current, one, current, other, ctypes.c_uint(exchange_flag))


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_file_system(folder: Path) -> bool:
    """Sync the file system of a folder (Linux). Returns whether that was possible."""
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


def lock(descriptor: int, *, wait: bool) -> bool:
    """Lock an open file or folder until it is closed or the process ends. Returns whether that was
    possible.
    """
    try:
        import fcntl
    except ImportError:  # on Windows, where leftovers are not removed
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True
