"""Is it the same model as before?

A digest of what a model is made of, so that a run does not go on with another one under the same
name.

Of a function: its code, its defaults, and what it closes over; of an object: the code of its class,
and its attributes that are texts, fractions, truth values or tuples of these. Whole numbers, lists
and dicts of an object do not count: they are where objects keep what changes while they work. What
a function calls elsewhere is not seen.
"""

from __future__ import annotations

import hashlib
import types
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

MAX_DEPTH = 6  # objects within objects


def digest_of_folder(folder: Path, suffixes: Collection[str] = ()) -> str:
    """The SHA-256 of the files of a folder, with their names; where suffixes are given, of files
    with these alone.
    """
    of = hashlib.sha256()
    for file in sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and (not suffixes or path.suffix in suffixes)
    ):
        of.update(
            f"{file.relative_to(folder)}\0{file.stat().st_size}\0".encode(
                "utf-8", "surrogateescape"
            )
        )
        with file.open("rb") as opened:
            while chunk := opened.read(1 << 20):
                of.update(chunk)
    return of.hexdigest()


def digest_of_file(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def compute_fingerprint(made: Any) -> str:
    """The SHA-256 of what a function or an object is made of."""
    found = hashlib.sha256()
    for part in _parts(made, 0):
        found.update(part.encode("utf-8", "backslashreplace") + b"\0")
    return found.hexdigest()


def _parts(value: Any, depth: int) -> Iterator[str]:
    if value is None or isinstance(value, (str, bytes, int, float, bool, complex)):
        yield f"{type(value).__name__}:{value!r}"
    elif depth > MAX_DEPTH:
        yield type(value).__qualname__
    elif isinstance(value, types.CodeType):
        yield value.co_code.hex()
        yield repr(value.co_names)
        for constant in value.co_consts:
            yield from _parts(constant, depth + 1)
    elif isinstance(value, types.MethodType):
        yield from _parts(value.__func__, depth)
        yield from _parts(value.__self__, depth + 1)
    elif isinstance(value, types.FunctionType):
        for part in (
            value.__code__,
            value.__defaults__,
            value.__kwdefaults__,
            [_content(cell) for cell in value.__closure__ or ()],
        ):
            yield from _parts(part, depth + 1)
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield type(value).__name__
        for item in sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value:
            yield from _parts(item, depth + 1)
    elif isinstance(value, Mapping):
        for key in sorted(value, key=repr):
            yield repr(key)
            yield from _parts(value[key], depth + 1)
    else:
        yield from _of_object(value, depth)


def _of_object(value: Any, depth: int) -> Iterator[str]:
    kind = value if isinstance(value, type) else type(value)
    yield f"{kind.__module__}.{kind.__qualname__}"
    if kind.__module__.partition(".")[0] in ("builtins", "spacy", "torch", "numpy"):
        return
    for name, of in sorted(vars(kind).items()):
        if isinstance(of, types.FunctionType):
            yield name
            yield from _parts(of, depth + 1)
    if not isinstance(value, type):
        yield from _parts(
            {name: of for name, of in getattr(value, "__dict__", {}).items() if _is_setting(of)},
            depth + 1,
        )


def _is_setting(value: Any) -> bool:
    return isinstance(value, (str, float, bool)) or (
        isinstance(value, (tuple, frozenset)) and all(_is_setting(item) for item in value)
    )


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None
