"""Digests of models, so that a run is not resumed with another model of the same name.

The fingerprint of a function covers its code, its defaults, and its closure; that of an object
covers the code of its class, and its attributes that are strings, floats, booleans or tuples of
these. Integers, lists and dicts of an object do not count: in them objects keep state that changes
with each call. Other functions that a function calls are not covered.
"""

from __future__ import annotations

import hashlib
import types
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

MAX_DEPTH = 6  # of objects within objects
# Classes of these packages are identified by their name.
_KNOWN_PACKAGES = ("builtins", "spacy", "torch", "numpy")


def hash_folder(folder: Path, suffixes: Collection[str] = ()) -> str:
    """The SHA-256 of the files of a folder and their names; with `suffixes`, of files with these
    only.
    """
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or (suffixes and file.suffix not in suffixes):
            continue
        header = f"{file.relative_to(folder)}\0{file.stat().st_size}\0"
        digest.update(header.encode("utf-8", "surrogateescape"))
        with file.open("rb") as opened:
            while chunk := opened.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def compute_fingerprint(model: Any) -> str:
    """The SHA-256 of the code and settings of a function or an object."""
    digest = hashlib.sha256()
    for part in _parts(model, 0):
        digest.update(part.encode("utf-8", "backslashreplace") + b"\0")
    return digest.hexdigest()


def _parts(value: Any, depth: int) -> Iterator[str]:
    """Strings that represent a value: its code, constants, items and attributes."""
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
        closure = [_cell_content(cell) for cell in value.__closure__ or ()]
        for part in (value.__code__, value.__defaults__, value.__kwdefaults__, closure):
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
        yield from _object_parts(value, depth)


def _object_parts(value: Any, depth: int) -> Iterator[str]:
    """The parts of a class or of an object of one."""
    is_class = isinstance(value, type)
    model_class = value if is_class else type(value)
    yield f"{model_class.__module__}.{model_class.__qualname__}"
    if model_class.__module__.partition(".")[0] in _KNOWN_PACKAGES:
        return
    for name, member in sorted(vars(model_class).items()):
        if isinstance(member, types.FunctionType):
            yield name
            yield from _parts(member, depth + 1)
    if not is_class:
        attributes = getattr(value, "__dict__", {})
        settings = {name: item for name, item in attributes.items() if _is_setting(item)}
        yield from _parts(settings, depth + 1)


def _is_setting(value: Any) -> bool:
    """Whether an attribute counts as a setting of an object."""
    if isinstance(value, (tuple, frozenset)):
        return all(_is_setting(item) for item in value)
    return isinstance(value, (str, float, bool))


def _cell_content(cell: Any) -> Any:
    """The value of a closure's variable; None before it has one."""
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None
