"""Finds words of the texts in a data set that is published without them.

A word is a run of letters and digits, whatever its case; in scripts without spaces each character
is one. A value quotes a text if it shares MAX_SHARED_WORDS_DATA words in a row with any text of the
corpus, or if all of it occurs in its own document's text, word for word; a value that the schema
declares does not quote. For prose (the card, the license, the schema) the limit is
MAX_SHARED_WORDS_PROSE: fewer words are shared by chance.

Attributes and entries of `meta` that quote are left out, and counted. Ids and labels that quote are
refused; an id quotes if it is two words or more that occur in its text.
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
from evalkit.formats.conversion import ConversionReport

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
    """All runs of `length` words of a text, each joined by spaces."""
    words = tokenize_words(value)
    for start in range(len(words) - length + 1):
        yield " ".join(words[start : start + length])


class NgramIndex:
    """The runs of words of texts, in which quotes are looked up."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Index the runs of words of the texts, by their hashes."""
        lengths = (MAX_SHARED_WORDS_DATA, MAX_SHARED_WORDS_PROSE)
        self._hashes: dict[int, set[int]] = {length: set() for length in lengths}
        for text in texts:
            for length in lengths:
                self._hashes[length].update(hash(ngram) for ngram in ngrams(text, length))

    def first_shared_ngram(self, value: str, length: int = MAX_SHARED_WORDS_DATA) -> str | None:
        """The first `length` words in a row of a value that also occur in a text."""
        for ngram in ngrams(value, length):
            if hash(ngram) in self._hashes[length]:
                return ngram
        return None

    def first_quote_in(self, value: Any, length: int = MAX_SHARED_WORDS_DATA) -> str | None:
        """The first shared words in any string of a JSON value, keys included."""
        for text in iter_strings(value):
            if quote := self.first_shared_ngram(text, length):
                return quote
        return None


def iter_strings(value: Any) -> Iterator[str]:
    """All strings in a JSON value; of a string that is JSON itself, those in it."""
    if isinstance(value, str):
        nested = _parse_nested_json(value)
        if nested is None:
            yield value
        else:
            yield from iter_strings(nested)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield str(name)
            yield from iter_strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from iter_strings(item)


def _parse_nested_json(value: str) -> Any:
    """The JSON value in a string; None for any other string."""
    if not value.startswith(("{", "[")):
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def drop_quoting_values(
    documents: Iterable[Document],
    texts: NgramIndex,
    schema: Schema | None,
    conversion: ConversionReport,
) -> Iterator[Document]:
    """The documents without the attributes and the entries of `meta` that quote a text.

    Raises InputError for an id that quotes.
    """
    declared = schema.attributes if schema else {}
    for document in documents:
        own_words = f" {' '.join(tokenize_words(document.text))} "
        _check_ids(document, own_words)
        changed: dict[str, Any] = {}
        for layer in LAYERS:
            if getattr(document, layer):
                annotations = _drop_attributes(
                    document, layer, texts, own_words, declared, conversion
                )
                changed[layer] = tuple(annotations)
        if document.meta:
            changed["meta"] = _drop_meta_entries(document, texts, own_words, conversion)
        yield msgspec.structs.replace(document, **changed)


def _check_ids(document: Document, own_words: str) -> None:
    """Raise InputError for an id that quotes its own text."""
    for layer in LAYERS:
        for index, annotation in enumerate(getattr(document, layer) or ()):
            words = tokenize_words(annotation.id or "")
            if len(words) > 1 and f" {' '.join(words)} " in own_words:
                raise InputError(
                    f"document {quoted_repr(document.id)}, {layer}[{index}].id:"
                    f" {quoted_repr(annotation.id)} occurs in the text; use another id, or publish"
                    f" the texts, too ({spell_option('with_text', True)})"
                )


def _drop_attributes(
    document: Document,
    layer: str,
    texts: NgramIndex,
    own_words: str,
    declared: Mapping[str, Any],
    conversion: ConversionReport,
) -> Iterator[Any]:
    """The annotations of a layer without the attributes that quote."""
    for index, annotation in enumerate(getattr(document, layer)):
        kept = {}
        for name, value in (annotation.attributes or {}).items():
            name_quotes = _quotes(name, texts, own_words, min_words=2)
            is_declared = value in iter_strings(declared.get(name))
            value_quotes = (
                isinstance(value, str)
                and not is_declared
                and _quotes(value, texts, own_words, min_words=1)
            )
            if not (name_quotes or value_quotes):
                kept[name] = value
        dropped = len(annotation.attributes or {}) - len(kept)
        if not dropped:
            yield annotation
            continue
        where = f"document {quoted_repr(document.id)}, {layer}[{index}]"
        conversion.add("attributes that quote the text", where, dropped)
        yield msgspec.structs.replace(annotation, attributes=kept or None)


def _drop_meta_entries(
    document: Document, texts: NgramIndex, own_words: str, conversion: ConversionReport
) -> dict[str, Any] | None:
    """The metadata of a document without the entries that quote."""
    meta = document.meta or {}
    dropped = []
    for name, value in meta.items():
        strings = iter_strings({name: value})
        if any(_quotes(string, texts, own_words, min_words=2) for string in strings):
            dropped.append(name)
    if not dropped:
        return document.meta
    where = f"document {quoted_repr(document.id)}: {', '.join(dropped)}"
    conversion.add("entries of meta that quote the text", where, len(dropped))
    return {name: value for name, value in meta.items() if name not in dropped} or None


def _quotes(value: str, texts: NgramIndex, own_words: str, *, min_words: int) -> bool:
    """Whether a value quotes a text, or is `min_words` or more words of its own document."""
    if texts.first_shared_ngram(value):
        return True
    words = tokenize_words(value)
    return len(words) >= min_words and f" {' '.join(words)} " in own_words


def iter_leaks(folder: Path, paths: Iterable[str], texts: NgramIndex) -> Iterator[str]:
    """A line for each file or row of a folder that quotes a text: where, and which words."""
    for path in paths:
        content = (folder / path).read_text(encoding="utf-8")
        for where, quote in _find_quotes(path, content, texts):
            if quote:
                yield f"{where}: quotes the text: {quoted_repr(quote)}"


def _find_quotes(path: str, content: str, texts: NgramIndex) -> Iterator[tuple[str, str | None]]:
    """The parts of a file by their location, each with the words that it quotes, if any."""
    if path.endswith(".jsonl"):
        for number, line in enumerate(content.split("\n"), 1):
            if line:
                yield f"{path}:{number}", texts.first_quote_in(json.loads(line))
    elif path.endswith(".json"):
        yield path, texts.first_quote_in(json.loads(content), MAX_SHARED_WORDS_PROSE)
    else:
        yield path, texts.first_shared_ngram(content, MAX_SHARED_WORDS_PROSE)
