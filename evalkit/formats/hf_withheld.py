"""Computes digests for data sets without texts, and finds the texts in a folder.

    sha256   of the text in UTF-8. It identifies the text for those who have it.
    digest   of the surface form of a span: HMAC-SHA-256 of "START:END:SURFACE" under the sha256 of
             a prefix and the text, the first 128 bits in hexadecimal. The key is computed from the
             text and is not the published sha256, so that nobody without the text can try the words
             of a dictionary, and equal surface forms have different digests. With the text, each
             offset can be verified.

A text is found by its sha256 among the files of a folder, whatever their names, and must be equal
byte for byte, since another line end or a byte order mark would move offsets. If that is the only
difference, the message says so.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from evalkit.data.document import Document
from evalkit.errors import DocumentError, InputError, quoted_repr, spell_option
from evalkit.files import list_inputs
from evalkit.formats.hf_tables import table_rows

# Returns the text with a sha256 (first argument) for the document with an id (second argument)
Texts = Callable[[str, str], str]
DIGEST = 32  # hexadecimal digits
_PREFIX = b"evalkit surface\0"
_BOM = b"\xef\xbb\xbf"
_NEAR_MISSES: dict[str, Callable[[bytes], bytes]] = {
    "without its byte order mark": lambda data: data.removeprefix(_BOM),
    "with line feeds as line ends": lambda data: data.replace(b"\r\n", b"\n"),
    "with carriage returns and line feeds as line ends": (
        lambda data: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    ),
    "without the line end at its end": lambda data: data.rstrip(b"\r\n"),
    "with a line feed at its end": lambda data: data + b"\n",
}


def sha256(text: str) -> str:
    """Returns the sha256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest(document: Document, span: Any) -> str:
    """Returns the digest that is published instead of the text of a span: 32 hexadecimal digits."""
    covered = f"{span.start}:{span.end}:{document.text[span.start : span.end]}"
    return hmac.new(_key(document.text), covered.encode(), "sha256").hexdigest()[:DIGEST]


@lru_cache(maxsize=8)
def _key(text: str) -> bytes:
    return hashlib.sha256(_PREFIX + text.encode()).digest()


def text_lookup(folder: str | Path) -> Texts:
    """Returns a function that looks up texts in a folder, by sha256 and document id.

    The function raises InputError if no file has the sha256. The message has the sha256 of the file
    that is named like the document.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"{spell_option('texts', str(folder), of='format')}: no such folder: expected one with"
            " a file for each text"
        )
    files = list_inputs(folder)
    by_digest: dict[str, Path] = {}
    for path in files:
        by_digest.setdefault(hashlib.sha256(_read_bytes(path)).hexdigest(), path)

    def text_of(expected: str, id: str) -> str:
        if expected not in by_digest:
            raise InputError(_missing_text_message(folder, files, expected, id))
        return _text(by_digest[expected])

    return text_of


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


def _text(path: Path) -> str:
    try:
        return _read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None


def _missing_text_message(folder: Path, files: list[Path], expected: str, id: str) -> str:
    """Returns the error message for a text that is not in the folder.

    It has the sha256 of the file that is named like the document, or of the only file.
    """
    candidates = [path for path in files if id in (path.stem, path.name)]
    if not candidates and len(files) == 1:
        candidates = files
    if not candidates:
        searched = f"none of its {len(files)} files" if files else "nothing in it"
        document = f"document {quoted_repr(id)}"
        return f"{folder}: {searched} is the text of {document}, whose sha256 is {expected}"
    data = _read_bytes(candidates[0])
    actual = hashlib.sha256(data).hexdigest()
    hint = "every byte counts, also line ends and a byte order mark"
    for difference, change in _NEAR_MISSES.items():
        if hashlib.sha256(change(data)).hexdigest() == expected:
            hint = f"it would be the same {difference}"
            break
    return (
        f"{candidates[0]}: not the text of document {quoted_repr(id)}: its sha256 is {actual}, that"
        f" of the text {expected}; {hint}"
    )


def digest_errors(row: Mapping[str, Any], document: Document) -> Iterator[DocumentError]:
    """Yields an error for each digest of a row of `documents` that is not that of its span."""
    computed = next(table_rows([document], with_text=False, digest=digest)["documents"])
    for layer in ("entities", "events", "attributions"):
        for index, pair in enumerate(zip(row.get(layer) or (), computed[layer])):
            for field in _differing_digests(*pair, ""):
                problem = (
                    "not the digest of the text there: offsets or digest were changed after the"
                    " text was withheld"
                )
                yield DocumentError(
                    problem, document=document.id, layer=layer, index=index, field=field
                )


def _differing_digests(published: Any, computed: Any, path: str) -> Iterator[str]:
    """Yields the path of each published digest that differs from the computed one."""
    if isinstance(computed, list) and isinstance(published, list):
        for index, pair in enumerate(zip(published, computed)):
            yield from _differing_digests(*pair, f"{path}[{index}]")
    elif isinstance(computed, dict) and isinstance(published, Mapping):
        for name, value in computed.items():
            inner_path = f"{path}.{name}" if path else name
            yield from _differing_digests(published.get(name), value, inner_path)
    elif path.rpartition(".")[2] == "digest" and published is not None and published != computed:
        yield path
