"""File names for document ids. Any string can be an id, but not a file name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import count

_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(?<!\.)")
_RESERVED = re.compile(
    r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE
)  # devices on Windows, whatever their suffix


def safe_names(ids: Sequence[str], reserved: Iterable[str] = ()) -> list[str]:
    """A name, without a suffix, for each id: the id where that is safe everywhere, and no earlier
    one but for its case, else a new name.

    reserved: names that belong to other files of the folder, in whatever case.

    >>> safe_names(["d1", "../x", "D1", "con"])
    ['d1', 'document-000001', 'document-000002', 'document-000003']
    """
    taken = {name.casefold() for name in reserved}
    names: list[str | None] = []
    for id in ids:
        safe = _SAFE.fullmatch(id) and not _RESERVED.fullmatch(id) and id.casefold() not in taken
        names.append(id if safe else None)
        taken.update([id.casefold()] if safe else [])
    free = (name for name in (f"document-{n:06}" for n in count(1)) if name not in taken)
    return [next(free) if name is None else name for name in names]
