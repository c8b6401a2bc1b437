"""What of the texts would go out with a data set that is published without them?

A word is a run of letters and digits, whatever its case; in scripts without spaces each character
is one. A value quotes where it shares QUOTED words in a row with any text of the corpus, or where
all of it stands in its own document's text, word for word; a value that the schema declares does
not quote. What people wrote for all to read (the card, the licence, the schema) quotes from PROSE
words in a row: fewer are shared by chance.

Attributes and entries of `meta` that quote are left out, and counted. Ids and labels cannot be, and
are refused; an id quotes as soon as it is two words or more that stand in its text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import LAYERS, Document
from evalkit.data.schema import Schema
from evalkit.errors import InputError, quoted_repr, spell_option
from evalkit.formats.conversion import Losses

MAX_SHARED_WORDS_DATA = 4
MAX_SHARED_WORDS_PROSE = 8
# Scripts without spaces
_SINGLE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff"
    "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_SINGLE}]|[^\W_{_SINGLE}]+")


def tokenize_words(value: str) -> list[str]:
    """The words of a text.

    >>> tokenize_words("The Shi’ite village, 1998")
    ['the', 'shi', 'ite', 'village', '1998']
    """
    return _WORD.findall(value.casefold())


def ngrams(value: str, length: int) -> Iterator[str]:
    """Every so many words in a row."""
    found = tokenize_words(value)
    for start in range(len(found) - length + 1):
        yield " ".join(found[start : start + length])


class NgramIndex:
    """Finds what is quoted from texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Keep the runs of words of the texts."""
        every = list(texts)
        self._runs = {
            length: {hash(run) for text in every for run in ngrams(text, length)}
            for length in (MAX_SHARED_WORDS_DATA, MAX_SHARED_WORDS_PROSE)
        }

    def first_shared_ngram(self, value: str, length: int = MAX_SHARED_WORDS_DATA) -> str | None:
        """The first words of a value that stand in a text in this order, so many in a row."""
        return next((run for run in ngrams(value, length) if hash(run) in self._runs[length]), None)

    def in_strings(self, value: Any, length: int = MAX_SHARED_WORDS_DATA) -> str | None:
        """The same for all strings in a value of JSON, keys too."""
        return next(
            (found for text in strings(value) if (found := self.first_shared_ngram(text, length))),
            None,
        )


def strings(value: Any) -> Iterator[str]:
    """All strings in a value of JSON; where a string is JSON itself, those in it."""
    if isinstance(value, str):
        nested = _nested(value)
        yield from [value] if nested is None else strings(nested)
    elif isinstance(value, Mapping):
        for name, of in value.items():
            yield str(name)
            yield from strings(of)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from strings(item)


def _nested(value: str) -> Any:
    if not value.startswith(("{", "[")):
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def drop_quoting_values(
    documents: Iterable[Document], quotes: NgramIndex, schema: Schema | None, losses: Losses
) -> Iterator[Document]:
    """The documents without the attributes and the entries of `meta` that quote."""
    declared = schema.attributes if schema else {}
    for document in documents:
        plain = f" {' '.join(tokenize_words(document.text))} "
        _refuse_quoting_ids(document, plain)
        changed: dict[str, Any] = {
            layer: tuple(_marks(document, layer, quotes, plain, declared, losses))
            for layer in LAYERS
            if getattr(document, layer)
        }
        if document.meta:
            changed["meta"] = _meta(document, quotes, plain, losses)
        yield msgspec.structs.replace(document, **changed)


def _refuse_quoting_ids(document: Document, plain: str) -> None:
    for layer in LAYERS:
        for index, mark in enumerate(getattr(document, layer) or ()):
            found = tokenize_words(mark.id or "")
            if len(found) > 1 and f" {' '.join(found)} " in plain:
                raise InputError(
                    f"document {quoted_repr(document.id)}, {layer}[{index}].id:"
                    f" {quoted_repr(mark.id)} stands in the text; another id would do, or"
                    f" publishing with the texts ({spell_option('with_text', True)})"
                )


def _marks(
    document: Document,
    layer: str,
    quotes: NgramIndex,
    plain: str,
    declared: Mapping[str, Any],
    losses: Losses,
) -> Iterator[Any]:
    for index, mark in enumerate(getattr(document, layer)):
        left_out = [
            name
            for name, value in (mark.attributes or {}).items()
            if _leaks(name, quotes, plain, 2)
            or (
                isinstance(value, str)
                and value not in strings(declared.get(name))
                and _leaks(value, quotes, plain, 1)
            )
        ]
        if left_out:
            losses.add(
                "attributes that quote the text",
                f"document {quoted_repr(document.id)}, {layer}[{index}]",
                len(left_out),
            )
            kept = {name: value for name, value in mark.attributes.items() if name not in left_out}
            mark = msgspec.structs.replace(mark, attributes=kept or None)  # noqa: PLW2901  the same mark, with fewer attributes
        yield mark


def _meta(
    document: Document, quotes: NgramIndex, plain: str, losses: Losses
) -> dict[str, Any] | None:
    meta = document.meta or {}
    left_out = [
        name
        for name, of in meta.items()
        if any(_leaks(text, quotes, plain, 2) for text in strings({name: of}))
    ]
    if not left_out:
        return document.meta
    losses.add(
        "entries of meta that quote the text",
        f"document {quoted_repr(document.id)}: {', '.join(left_out)}",
        len(left_out),
    )
    return {name: of for name, of in meta.items() if name not in left_out} or None


def _leaks(value: str, quotes: NgramIndex, plain: str, least: int) -> bool:
    """Whether a value quotes, be it in so few words that all of it stands in the text."""
    found = tokenize_words(value)
    return bool(quotes.first_shared_ngram(value)) or (
        len(found) >= least and f" {' '.join(found)} " in plain
    )


def iter_leaks(folder: Path, paths: Iterable[str], quotes: NgramIndex) -> Iterator[str]:
    """A line for each file or row of a folder that quotes: where, and what."""
    for path in paths:
        text = (folder / path).read_text(encoding="utf-8")
        if path.endswith(".jsonl"):
            for number, line in enumerate(text.split("\n"), 1):
                if line and (found := quotes.in_strings(json.loads(line))):
                    yield f"{path}:{number}: quotes the text: {quoted_repr(found)}"
        elif found := (
            quotes.in_strings(json.loads(text), MAX_SHARED_WORDS_PROSE)
            if path.endswith(".json")
            else quotes.first_shared_ngram(text, MAX_SHARED_WORDS_PROSE)
        ):
            yield f"{path}: quotes the text: {quoted_repr(found)}"
