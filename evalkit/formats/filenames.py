"""Chooses safe file names for document ids, since not every id is a valid file name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from evalkit.errors import InputError

_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(?<!\.)")
# Device names of Windows, with any suffix
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def safe_names(ids: Sequence[str], reserved: Iterable[str] = ()) -> list[str]:
    """A file name without suffix for each id: the id if it is a safe file name on all systems and
    differs from all earlier names (ignoring case), else a new name.

    reserved: names of other files in the folder.

    >>> safe_names(["d1", "../x", "D1", "con"])
    ['d1', 'document-000001', 'document-000002', 'document-000003']
    """
    used = {name.casefold() for name in reserved}
    safe_ids = set()  # indices
    names: list[str] = []
    for id in ids:
        is_safe = _SAFE.fullmatch(id) and not _RESERVED.fullmatch(id)
        if is_safe and id.casefold() not in used:
            used.add(id.casefold())
            safe_ids.add(len(names))
        names.append(id)
    number = 0
    for index in range(len(names)):
        if index in safe_ids:
            continue
        number += 1
        while f"document-{number:06}" in used:
            number += 1
        names[index] = f"document-{number:06}"
    return names


def refuse_other_files(folder: Path, files: Iterable[Path], names: Collection[str]) -> None:
    """Raises InputError if a folder has files of documents that are not among the new ones.

    files: those in the folder. names: of the new files, relative to it.
    """
    for file in files:
        if file.relative_to(folder).as_posix() not in names:
            raise InputError(
                f"{folder}: has other documents, such as {file.name}, which would be read with the"
                " new ones; name another folder"
            )
