"""How are documents written down? One module a format, named in FORMATS; each has the same two functions.

    parsed(path)            every document with the place it was read from, or what is wrong there as a LoadError
    write(corpus, path)     the documents, so that reading them gives them back

A format is chosen by its name before a colon ("jsonl:FILE"), else by the suffix of the path, else by what lies there.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from evalkit.document import Document
from evalkit.errors import InputError, UnknownName

FORMATS: dict[str, tuple[str, ...]] = {  # name: the suffixes of its files; "/" is a folder
    "jsonl": (".jsonl", ".ndjson"),
    "directory": ("/",),
}
Parsed = Iterator[tuple[str, Document | InputError]]  # the first: file:line


def split_prefix(location: str | Path) -> tuple[str | None, Path]:
    """The format named before the colon, if there is one, and the path.

    >>> split_prefix("jsonl:a.txt")
    ('jsonl', PosixPath('a.txt'))
    """
    prefix, colon, rest = str(location).partition(":")
    if colon and not Path(location).exists() and prefix.isidentifier():
        if prefix not in FORMATS:
            raise UnknownName("format", prefix, FORMATS, within=str(location))
        return prefix, Path(rest)
    return None, Path(location)


def format_of(path: Path, name: str | None = None) -> ModuleType:
    """The module of the format `name`, or of what `path` looks like."""
    if name is None:
        suffix = "/" if path.is_dir() or not path.suffix else path.suffix
        fitting = [known for known, suffixes in FORMATS.items() if suffix in suffixes]
        if not fitting:
            raise InputError(f"{path}: no format is known for {suffix!r}; name it before a colon: {', '.join(f'{k}:' for k in FORMATS)}")
        name = fitting[0]
    elif name not in FORMATS:
        raise UnknownName("format", name, FORMATS)
    return import_module(f"{__name__}.{name}")
