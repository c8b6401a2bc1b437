"""Reads DocBin files into spaCy documents; docbin.py describes the format.

The unpacked size of the file, and the sizes, words and spans in it, are validated before they are
used. Only words, entities and span groups are read.
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
from evalkit.formats.docbin_plain import DocBinText, TokenColumns, convert_doc, read_plain_doc

# Longer runs are split, since the time of spaCy's tokenizer is quadratic in the length of a run.
_LONG_RUN = re.compile(r"\S{1000}(?=\S)")


def token_edges(text: str, lang: str | None, document_language: object) -> set[int]:
    """The offsets at which spaCy's tokens begin and end.

    The tokenizer is that of the language `lang`, or by default that of the document's language; if
    spaCy has none, the multi-language tokenizer.
    """
    if lang is not None:
        tokenize = tokenizer(lang)
    else:
        tokenize = _tokenizer_or_none(document_language) or tokenizer("xx")
    cuts = [0, *(match.end() for match in _LONG_RUN.finditer(text)), len(text)]
    edges: set[int] = set()
    for start, end in pairwise(cuts):
        # The columns of all tokens take a fifth of the time of visiting each token.
        columns = tokenize(text[start:end]).to_array(["IDX", "LENGTH"]).astype(np.int64)
        first = columns[:, 0] + start
        edges.update(first.tolist(), (first + columns[:, 1]).tolist())
    return edges


def words_and_spaces(
    text: str, edges: set[int], annotations: Iterable[Range]
) -> tuple[list[str], list[bool]]:
    """The words, split at the edges of annotations, and whether each is followed by a space.

    A space at which an annotation begins or ends is a word.
    """
    starts: set[int] = set()
    ends: set[int] = set()
    for start, end in annotations:
        starts.add(start)
        ends.add(end)
    cuts = edges | starts | ends
    if text:
        cuts |= {0, len(text)}
    words: list[str] = []
    spaces: list[bool] = []
    for start, end in pairwise(sorted(cuts)):
        is_annotation_edge = start in starts or end in ends
        if text[start:end] == " " and words and not spaces[-1] and not is_annotation_edge:
            spaces[-1] = True
        else:
            words.append(text[start:end])
            spaces.append(False)
    return words, spaces


@cache
def tokenizer(lang: str) -> Any:
    """The tokenizer of spaCy for a language.

    Raises InputError if spaCy has none, or if it needs a package that is not installed.
    """
    import spacy

    try:
        if not re.fullmatch("[a-z]{2,3}", lang):
            raise ImportError("expected a code such as en")
        blank_tokenizer = spacy.blank(lang).tokenizer
        blank_tokenizer("a")
    except Exception as error:  # third-party tokenizers may raise any exception
        raise InputError(
            f"lang: {quoted_repr(lang)}: spaCy has no tokenizer for this language"
            f" ({to_one_line(error)}); use {spell_option('lang', 'xx', of='format')}"
        ) from None
    return blank_tokenizer


def _tokenizer_or_none(lang: object) -> Any:
    if not isinstance(lang, str):
        return None
    try:
        return tokenizer(lang)
    except InputError:
        return None


# A file may unpack to this many times its size (typical files: 10 to 20 times) ...
MAX_COMPRESSION_RATIO = 100
# ... and to this many bytes in any case.
MIN_UNPACKED_LIMIT = 64_000_000
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
    """The content of an unpacked DocBin.

    `tokens` holds a row of 64-bit numbers for each token, with a column for each of `attrs`.
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
    """The text and spans of a document with its location (FILE:N) and its user data."""

    position: str
    doc: DocBinText
    data: dict[Any, Any]


def docs(path: Path, conversion: ConversionReport) -> Iterator[DocBinEntry | LoadError]:
    """Yields each document of a file, or a LoadError for a damaged one.

    Raises InputError if the file cannot be read, and LoadError if it is not a DocBin.
    """
    message = decode_message(path)
    table = TokenTable(path, message, vocabulary())
    for index in range(len(table.lengths)):
        position = f"{path}:{index + 1}"
        try:
            yield table.read_document(index, position, conversion)
        except Exception as error:  # spaCy may raise any exception for damaged data
            problem = str(error)
            if not isinstance(error, InputError):
                problem = f"spaCy cannot read it: {type(error).__name__}: {error}"
            yield LoadError([f"{position}: damaged: {to_one_line(problem)}"])


def vocabulary() -> Any:
    """An empty spaCy vocabulary. Raises MissingDependencyError if spaCy is not installed."""
    try:
        import spacy
    except ImportError as error:
        raise MissingDependencyError(f"spacy is not installed: {error}") from None
    return spacy.blank("xx").vocab


@cache
def multi_language_vocabulary() -> Any:
    """The vocabulary of the multi-language tokenizer.

    Raises MissingDependencyError if spaCy is not installed.
    """
    vocabulary()
    return tokenizer("xx").vocab


def decode_message(path: Path) -> Message:
    """The content of a file. Raises LoadError if it is not a DocBin."""
    data = decompress(path)
    try:
        return msgspec.msgpack.decode(data, type=Message)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        problem = to_one_line(error).replace("`", "'")
        raise LoadError(
            [f"{path}: not a DocBin: {problem}; spaCy's DocBin.to_disk writes one"]
        ) from None


def decompress(path: Path) -> bytes:
    """The unpacked bytes of a file.

    Raises LoadError if the file is not a complete DocBin, or unpacks to an implausible size.
    """
    with open_input(path) as file:
        packed = file.read()
    max_size = max(MIN_UNPACKED_LIMIT, MAX_COMPRESSION_RATIO * len(packed))
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, max_size)
    except zlib.error as error:
        problem = f"it begins with {quoted_repr(packed[:12])} and cannot be unpacked: {error}"
        raise LoadError([f"{path}: not a DocBin: {problem}"]) from None
    problem = ""
    if unpacker.unconsumed_tail:
        problem = (
            f"unpacks from {len(packed):,} bytes to more than {max_size // 1_000_000} MB: the file"
            " is damaged or malicious"
        )
    elif not packed:
        problem = "empty, not a DocBin"
    elif not unpacker.eof:
        problem = "truncated: the compressed data are incomplete"
    elif unpacker.unused_data:
        problem = f"{len(unpacker.unused_data)} bytes after the end of the DocBin"
    if problem:
        raise LoadError([f"{path}: {problem}"])
    return data


class TokenTable:
    """The tokens of all documents of a DocBin."""

    def __init__(self, path: Path, message: Message, vocab: Any) -> None:
        """Raises LoadError if the parts of the message do not match."""
        from spacy.attrs import IDS

        self._message = message
        self._vocab = vocab
        try:
            self.lengths = np.frombuffer(message.lengths, "<i4").astype(np.int64)
            spaces = np.frombuffer(message.spaces, np.uint8)
            tokens = np.frombuffer(message.tokens, "<u8")
            self._rows = tokens.reshape(len(spaces), len(message.attrs))
        except ValueError as error:
            raise LoadError(
                [f"{path}: not a DocBin: the token arrays do not match: {error}"]
            ) from None
        self._spaces = spaces.astype(bool)
        self._ends = np.cumsum(self.lengths)
        self._columns = {
            name: message.attrs.index(IDS[name])
            for name in ("ORTH", *ENTITY, *IGNORED_ATTRIBUTES)
            if IDS[name] in message.attrs
        }
        self._check(path, len(spaces))
        self._read_columns = [name for name in ("ORTH", *ENTITY) if name in self._columns]
        # The value of MORPH for a token that is annotated as having no morphological features
        self._no_features = np.uint64(vocab.strings.add("_"))
        # The strings of the file by their numbers in the arrays, where 0 is the empty string
        self._strings: dict[int, str] = {0: ""}
        for string in message.strings:
            self._strings[vocab.strings.add(string)] = string

    def _check(self, path: Path, token_count: int) -> None:
        document_count = len(self.lengths)
        expected_tokens = self.lengths.sum()
        if (self.lengths < 0).any() or expected_tokens != token_count:
            problem = f"expected {expected_tokens} tokens in all documents, but found {token_count}"
            raise LoadError([f"{path}: not a DocBin: {problem}"])
        if "ORTH" not in self._columns:
            raise LoadError([f"{path}: not a DocBin: the tokens have no words (ORTH)"])
        for name in ("cats", "flags", "span_groups", "user_data"):
            values = getattr(self._message, name)
            if values is not None and len(values) != document_count:
                problem = f"{document_count} documents, but {name} for {len(values)}"
                raise LoadError([f"{path}: not a DocBin: {problem}"])

    def read_document(self, index: int, position: str, conversion: ConversionReport) -> DocBinEntry:
        """One document. Raises InputError, or any exception of spaCy, if it is damaged."""
        end = self._ends[index]
        start = end - self.lengths[index]
        rows = self._rows[start:end]
        flags = self._message.flags
        has_unknown_spaces = bool(flags and flags[index].get("has_unknown_spaces"))
        groups = self._message.span_groups[index] if self._message.span_groups else b""
        doc = None
        if not has_unknown_spaces:
            tokens = self._token_columns(rows, self._spaces[start:end])
            doc = read_plain_doc(tokens, groups, self._strings)
        if doc is None:
            spaces = None if has_unknown_spaces else self._spaces[start:end].tolist()
            doc = self._read_with_spacy(rows, spaces, groups)
        if has_unknown_spaces and len(rows) > 1:
            conversion.add(
                "spaces between words that are not known, read as one each", position, len(rows) - 1
            )
        self._count_ignored(index, rows, position, conversion)
        return DocBinEntry(position, doc, self._user_data(index))

    def _token_columns(self, rows: Any, spaces: Any) -> TokenColumns:
        columns = {name: rows[:, self._columns[name]].tolist() for name in self._read_columns}
        zeros = [0] * len(rows)
        return TokenColumns(
            columns["ORTH"],
            spaces.tolist(),
            columns.get("ENT_IOB"),
            columns.get("ENT_TYPE", zeros),
            columns.get("ENT_KB_ID", zeros),
            columns.get("ENT_ID", zeros),
        )

    def _read_with_spacy(self, rows: Any, spaces: list[bool] | None, groups: bytes) -> DocBinText:
        from spacy.tokens import Doc

        words = [self._vocab.strings[int(word)] for word in rows[:, self._columns["ORTH"]]]
        doc = Doc(self._vocab, words=words, spaces=spaces)
        self._set_entities(doc, rows)
        if groups:
            doc.spans.from_bytes(groups)
        _check_spans(doc)
        return convert_doc(doc, doc.text)

    def _set_entities(self, doc: Any, rows: Any) -> None:
        names = [name for name in ENTITY if name in self._columns]
        if "ENT_IOB" not in names or not len(doc):
            return
        values = np.ascontiguousarray(rows[:, [self._columns[name] for name in names]])
        highest = values[:, 0].max()
        if highest > 3:
            raise InputError(f"invalid ENT_IOB {highest}: expected 0 to 3")
        doc.from_array(names, values)
        for span in doc.ents:
            self._vocab.strings[span.label]  # raises KeyError for an unknown label

    def _count_ignored(
        self, index: int, rows: Any, position: str, conversion: ConversionReport
    ) -> None:
        """Counts the token attributes and text categories that are not read."""
        for name, what in IGNORED_ATTRIBUTES.items():
            if name not in self._columns:
                continue
            column = rows[:, self._columns[name]]
            if name == "SENT_START":
                is_annotated = column[1:] == 1  # the first token always starts a sentence
            else:
                is_annotated = (column != 0) & (column != self._no_features)
            count = int(np.count_nonzero(is_annotated))
            if count:
                conversion.add(what, position, count)
        categories = self._message.cats[index]
        if categories:
            conversion.add("text categories", position, len(categories))

    def _user_data(self, index: int) -> dict[Any, Any]:
        packed = self._message.user_data[index] if self._message.user_data else None
        if packed is None:
            return {}
        return msgspec.msgpack.decode(packed, type=dict[Any, Any])


def _check_spans(doc: Any) -> None:
    """Raises InputError for a span whose character offsets differ from those of its tokens, which
    spaCy does not check.
    """
    for name, group in doc.spans.items():
        for index, span in enumerate(group):
            if span.start >= span.end:
                continue
            last_token = doc[span.end - 1]
            expected = (doc[span.start].idx, last_token.idx + len(last_token))
            if (span.start_char, span.end_char) != expected:
                raise InputError(
                    f"spans[{name!r}][{index}]: characters {span.start_char} to {span.end_char},"
                    f" but its tokens are at {expected[0]} to {expected[1]}"
                )
