"""Reading the bytes of a DocBin file, and the tokens of spaCy documents; docbin.py has the format.

Sizes, words and spans are validated before they are used, and so is the size to which the file
unpacks. Only words, entities and span groups are read with spaCy.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from evalkit.data.text import Range
from evalkit.errors import (
    InputError,
    LoadError,
    MissingDependencyError,
    quoted_repr,
    spell_option,
    to_one_line,
)
from evalkit.files import open_input
from evalkit.formats.conversion import ConversionReport

_LONG = re.compile(
    r"\S{1000}(?=\S)"
)  # spaCy's tokenizer takes the square of the length of a run of brackets, and more


def token_edges(text: str, lang: str | None, document_language: object) -> set[int]:
    """Where spaCy's own tokens begin and end, by the tokenizer of the language `lang`, else of the
    document's language if spaCy has it, else of the multi-language one.
    """
    make = (
        tokenizer(lang)
        if lang is not None
        else _tokenizer_or_none(document_language) or tokenizer("xx")
    )
    cuts = [0, *(result.end() for result in _LONG.finditer(text)), len(text)]
    return {
        at + edge
        for at, end in pairwise(cuts)
        for token in make(text[at:end])
        for edge in (token.idx, token.idx + len(token))
    }


def words_and_spaces(
    text: str, edges: set[int], annotations: Iterable[Range]
) -> tuple[list[str], list[bool]]:
    """The words, cut at the edges of annotations, too, and whether a space follows each.

    A space at which an annotation begins or ends is a word.
    """
    within = list(annotations)
    starts, ends = {start for start, _ in within}, {end for _, end in within}
    words: list[str] = []
    spaces: list[bool] = []
    for start, end in pairwise(sorted(edges | starts | ends | ({0, len(text)} if text else set()))):
        if (
            text[start:end] == " "
            and words
            and not spaces[-1]
            and start not in starts
            and end not in ends
        ):
            spaces[-1] = True
        else:
            words.append(text[start:end])
            spaces.append(False)
    return words, spaces


@cache
def tokenizer(lang: str) -> Any:
    """The tokenizer of a language.

    Raises InputError where spaCy has none, or it needs a package that is not installed.
    """
    import spacy

    try:
        if not re.fullmatch("[a-z]{2,3}", lang):
            raise ImportError("expected a code such as en")
        made = spacy.blank(lang).tokenizer
        made("a")
    except (
        Exception
    ) as error:  # tokenizers of some languages are packages of others, and may raise anything
        raise InputError(
            f"lang: {quoted_repr(lang)}: spaCy has no tokenizer for this language"
            f" ({to_one_line(error)}); use {spell_option('lang', 'xx', of='format')}"
        ) from None
    return made


def _tokenizer_or_none(lang: object) -> Any:
    try:
        return tokenizer(lang) if isinstance(lang, str) else None
    except InputError:
        return None


RATIO, MIN_UNPACKED_LIMIT = (
    100,
    64_000_000,
    # How many times its size a file may unpack to, and the bytes it may in any case; real ones come
    # to 10 to 20 times
)
IGNORED_ATTRIBUTES = {
    "TAG": "tags of tokens",
    "POS": "parts of speech",
    "MORPH": "morphological features",
    "LEMMA": "lemmas",
    "DEP": "dependencies",
    "SENT_START": "starts of sentences",
}
ENTITY = ("ENT_IOB", "ENT_TYPE", "ENT_KB_ID", "ENT_ID")


class Message(msgspec.Struct):
    """A DocBin once it is unpacked.

    Tokens are rows of 64-bit numbers, a column for each of `attrs`.
    """

    attrs: list[int]
    tokens: bytes
    spaces: bytes
    lengths: bytes
    strings: list[str]
    cats: list[dict[str, Any]]
    flags: list[dict[str, Any]] | None = None
    span_groups: list[bytes] | None = None
    user_data: list[bytes | None] | None = None


@dataclass(frozen=True)
class DocBinEntry:
    """One document: spaCy's, with what the file holds beside it."""

    position: str
    doc: Any
    data: dict[Any, Any]


def docs(path: Path, conversion: ConversionReport) -> Iterator[DocBinEntry | LoadError]:
    """Each document of a file.

    Raises InputError where there is none to be read, LoadError where it is no DocBin.
    """
    message = decode_message(path)
    table = TokenTable(path, message, vocabulary())
    for index in range(len(table.lengths)):
        position = f"{path}:{index + 1}"
        try:
            yield table.read_document(index, position, conversion)
        except Exception as error:  # spaCy may raise anything over bytes that are damaged
            problem = str(error)
            if not isinstance(error, InputError):
                problem = f"spaCy cannot read it: {type(error).__name__}: {error}"
            yield LoadError([f"{position}: damaged: {to_one_line(problem)}"])


def vocabulary() -> Any:
    """An empty vocabulary. Raises MissingDependencyError."""
    try:
        import spacy
    except ImportError as error:
        raise MissingDependencyError(f"spacy is not installed: {error}") from None
    return spacy.blank("xx").vocab


def decode_message(path: Path) -> Message:
    """The parts of the file, each of the type that it should be.

    Raises LoadError where it is no DocBin.
    """
    data = decompress(path)
    try:
        return msgspec.msgpack.decode(data, type=Message)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        problem = to_one_line(error).replace("`", "'")
        raise LoadError(
            [f"{path}: not a DocBin: {problem}; spaCy's DocBin.to_disk writes one"]
        ) from None


def decompress(path: Path) -> bytes:
    """The bytes of the file, unpacked no further than a DocBin can be. Raises LoadError."""
    with open_input(path) as file:
        packed = file.read()
    most, unpacker = max(MIN_UNPACKED_LIMIT, RATIO * len(packed)), zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, most)
    except zlib.error as error:
        raise LoadError(
            [
                f"{path}: not a DocBin: it begins {quoted_repr(packed[:12])}, and cannot be"
                f" unpacked: {error}"
            ]
        ) from None
    if unpacker.unconsumed_tail:
        problem = (
            f"unpacks to more than {most // 1_000_000} MB, from {len(packed):,} bytes: damaged, or"
            " made to fill the memory"
        )
    elif not unpacker.eof:
        problem = (
            "truncated: it ends before what it holds does" if packed else "empty, not a DocBin"
        )
    else:
        problem = (
            f"{len(unpacker.unused_data)} bytes stand behind the end of the DocBin"
            if unpacker.unused_data
            else ""
        )
    if problem:
        raise LoadError([f"{path}: {problem}"])
    return data


class TokenTable:
    """The tokens of all documents, measured, and a document made of some."""

    def __init__(self, path: Path, message: Message, vocab: Any) -> None:
        """Raises LoadError where the parts do not go together."""
        from spacy.attrs import IDS

        self._message, self._vocab = message, vocab
        try:
            self.lengths = np.frombuffer(message.lengths, "<i4").astype(np.int64)
            spaces, tokens = (
                np.frombuffer(message.spaces, np.uint8),
                np.frombuffer(message.tokens, "<u8"),
            )
            self._rows = tokens.reshape(len(spaces), len(message.attrs))
        except ValueError as error:
            raise LoadError(
                [f"{path}: not a DocBin: the tokens do not go together: {error}"]
            ) from None
        self._spaces = spaces.astype(bool)
        self._ends = np.cumsum(self.lengths)
        self._columns = {
            name: message.attrs.index(IDS[name])
            for name in ("ORTH", *ENTITY, *IGNORED_ATTRIBUTES)
            if IDS[name] in message.attrs
        }
        self._check(path, len(spaces))
        self._no_features = np.uint64(
            vocab.strings.add("_")
        )  # what spaCy writes for a token of which all morphological features are known: none
        for string in message.strings:
            vocab.strings.add(string)

    def _check(self, path: Path, tokens: int) -> None:
        message, many = self._message, len(self.lengths)
        if (self.lengths < 0).any() or self.lengths.sum() != tokens:
            raise LoadError(
                [
                    f"{path}: not a DocBin: the documents have {self.lengths.sum()} tokens, and"
                    f" {tokens} are there"
                ]
            )
        if "ORTH" not in self._columns:
            raise LoadError([f"{path}: not a DocBin: the tokens have no words (ORTH)"])
        for name in ("cats", "flags", "span_groups", "user_data"):
            result = getattr(message, name)
            if result is not None and len(result) != many:
                raise LoadError(
                    [f"{path}: not a DocBin: {many} documents, but {name} for {len(result)}"]
                )

    def read_document(self, index: int, position: str, conversion: ConversionReport) -> DocBinEntry:
        """One document. What is read of it is true of its tokens. Raises whatever spaCy does."""
        from spacy.tokens import Doc

        end = self._ends[index]
        rows, spaces = (
            self._rows[end - self.lengths[index] : end],
            self._spaces[end - self.lengths[index] : end],
        )
        unknown = bool(self._message.flags and self._message.flags[index].get("has_unknown_spaces"))
        words = [self._vocab.strings[int(word)] for word in rows[:, self._columns["ORTH"]]]
        doc = Doc(self._vocab, words=words, spaces=None if unknown else spaces.tolist())
        self._set_entities(doc, rows)
        if self._message.span_groups and self._message.span_groups[index]:
            doc.spans.from_bytes(self._message.span_groups[index])
        _check_spans(doc)
        if unknown and len(doc) > 1:
            conversion.add(
                "spaces between words that are not known, read as one each", position, len(doc) - 1
            )
        self._count(index, rows, position, conversion)
        return DocBinEntry(position, doc, self._data(index))

    def _set_entities(self, doc: Any, rows: Any) -> None:
        names = [name for name in ENTITY if name in self._columns]
        if "ENT_IOB" not in names or not len(doc):
            return
        values = np.ascontiguousarray(rows[:, [self._columns[name] for name in names]])
        if (worst := values[:, 0].max()) > 3:
            raise InputError(f"invalid ENT_IOB {worst}: expected 0 to 3")
        doc.from_array(names, values)
        for span in doc.ents:
            self._vocab.strings[span.label]

    def _count(self, index: int, rows: Any, position: str, conversion: ConversionReport) -> None:
        for name, what in IGNORED_ATTRIBUTES.items():
            column = rows[:, self._columns[name]] if name in self._columns else rows[:0]
            annotated = (
                column[1:] == 1
                if name == "SENT_START"
                else (column != 0) & (column != self._no_features)
            )  # the first token starts one in any case
            if many := int(np.count_nonzero(annotated)):
                conversion.add(what, position, many)
        if cats := self._message.cats[index]:
            conversion.add("text categories", position, len(cats))

    def _data(self, index: int) -> dict[Any, Any]:
        packed = self._message.user_data[index] if self._message.user_data else None
        return {} if packed is None else msgspec.msgpack.decode(packed, type=dict[Any, Any])


def _check_spans(doc: Any) -> None:
    """Refuse spans that are not where they say they are: spaCy checks their tokens alone."""
    for name, group in doc.spans.items():
        for index, span in enumerate(group):
            first, last, start, end = span.start, span.end, span.start_char, span.end_char
            if first < last and (start, end) != (
                doc[first].idx,
                doc[last - 1].idx + len(doc[last - 1]),
            ):
                raise InputError(
                    f"spans[{name!r}][{index}]: characters {start} to {end}, but its tokens stand"
                    " elsewhere"
                )
