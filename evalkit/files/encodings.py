"""Reading text files in another encoding than UTF-8.

Readers of formats expect UTF-8. Within `read_as`, `open_input` gives them the content of each file
in UTF-8, whatever its encoding, so that no reader has to know it.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from evalkit.errors import InputError, quoted_repr
from evalkit.files.inputs import ENCODING

Item = TypeVar("Item")


def normalize_encoding(name: object) -> str:
    """The name of a text encoding as Python writes it. Raises InputError for an unknown one.

    >>> normalize_encoding("latin-1"), normalize_encoding("UTF8")
    ('iso8859-1', 'utf-8')
    """
    try:
        "".encode(str(name))  # raises LookupError for codecs that are not of texts, too
        return codecs.lookup(str(name)).name
    except (LookupError, ValueError):
        raise InputError(
            f"unknown encoding {quoted_repr(name)}: expected a name such as latin-1, cp1252, utf-16"
            " or gb18030"
        ) from None


@contextmanager
def open_files_as(encoding: str) -> Iterator[None]:
    """Within the block, `open_input` decodes text files from an encoding."""
    token = ENCODING.set(encoding)
    try:
        yield
    finally:
        ENCODING.reset(token)


def read_as(encoding: str, items: Iterable[Item]) -> Iterator[Item]:
    """Yields the items of a reader, whose files are opened in the encoding while it runs."""
    iterator = iter(items)
    while True:
        with open_files_as(encoding):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item
