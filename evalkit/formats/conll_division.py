"""Divides the sentences of a CoNLL file into documents; conll_documents.py describes the marks."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import msgspec

from evalkit.data.text import Range
from evalkit.errors import MAX_REPORTED_ERRORS, InputError, quoted_repr
from evalkit.formats.conll_documents import (
    DOC_TEXT_PREFIX,
    DocumentMark,
    count_sentences_per_document,
)
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.reading_options import advise_encoding

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DROPPED_TEXTS = "texts in # doc_text, of documents that are divided or joined"
# An entity: the indices of its first token and of the token after its last, and its label
TokenSpan = tuple[int, int, str]


@dataclass
class ConllDocument:
    """A document while it is parsed: tokens and tags with their line numbers, the indices of the
    first tokens of sentences, the spans of tokens that the tags encode, and the errors found so
    far. `ranges` has the range of each token in `text`; None if they are found by `ConllReader`.
    """

    position: str
    id: str
    text: str | None = None
    tokens: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    spans: list[TokenSpan] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    omitted: int = 0
    ranges: list[Range] | None = None

    def add_error(self, error: str) -> None:
        """Adds an error; errors beyond MAX_REPORTED_ERRORS are only counted."""
        if len(self.errors) < MAX_REPORTED_ERRORS:
            self.errors.append(error)
        else:
            self.omitted += 1

    @property
    def borders(self) -> list[int]:
        """The index of the first token of each sentence, and the number of tokens at the end."""
        return [*self.starts, len(self.tokens)]

    @property
    def sentences(self) -> list[list[str]]:
        """The tags of each sentence."""
        return [self.tags[first:last] for first, last in pairwise(self.borders)]

    @property
    def joined_tokens(self) -> str:
        """The rebuilt text. One character (a space or a line feed) separates two tokens."""
        borders = pairwise(self.borders)
        return "\n".join(" ".join(self.tokens[first:last]) for first, last in borders)


class DocumentDivision:
    """The documents of a file, in which its sentences are collected.

    `draft` is the document of the last sentence. `has_rows`: whether a token was read since the
    last mark.
    """

    def __init__(self, path: Path, conversion: ConversionReport, documents: str) -> None:
        """`path` is used in positions, `documents` is a value of `parse_documents`."""
        self._path = path
        self._conversion = conversion
        self.draft: ConllDocument | None = None
        self.in_sentence = False
        self.has_rows = False
        self._is_whole_file = documents == "file"
        self._sentences_per_document = count_sentences_per_document(documents)
        self._part_prefix = "sentence" if documents == "sentence" else "doc"
        # The marked document, or the lines before the first mark; drafts are its parts.
        self._document_count = 0
        self._document_id = ""
        self._is_marked = False
        self._is_named = False
        self._part_count = 0
        self._total_part_count = 0

    def end_sentence(self) -> None:
        """Ends the sentence: the next row begins another one."""
        self.in_sentence = False

    def read_mark(self, number: int, mark: DocumentMark) -> None:
        """Begins the document of a mark, or names the one that has begun."""
        can_be_named = self._document_count and not self._is_named and not self.has_rows
        if self._is_whole_file:
            self._conversion.add("document marks", f"{self._path}:{number}")
            self._drop_text_before_mark()
        elif mark.is_comment and mark.id and can_be_named:
            self._name_document(mark.id)
        else:
            self._begin_document(number, mark.id)
        self._is_marked = True
        self.has_rows = False

    def _drop_text_before_mark(self) -> None:
        """Drops the text of a document that continues after a mark."""
        if self.draft is not None and self.draft.text is not None:
            self.draft.text = None
            self._conversion.add(DROPPED_TEXTS, self.draft.position)

    def _begin_document(self, number: int, id: str) -> None:
        """Begins a marked document, or the one before the first mark."""
        self._document_count += 1
        self._document_id = id or f"doc-{self._document_count}"
        self._is_named = bool(id)
        self._part_count = 0
        self.draft = None
        if self._sentences_per_document is None:
            self._begin_draft(number, self._document_id)

    def _begin_draft(self, number: int, id: str) -> ConllDocument:
        draft = ConllDocument(f"{self._path}:{number}", id)
        self.draft = draft
        return draft

    def _name_document(self, id: str) -> None:
        self._document_id = id
        self._is_named = True
        if self.draft is not None:
            self.draft.id = id

    def begin_sentence(self, number: int, name: str = "") -> ConllDocument:
        """Begins a sentence, and a document if the last one has all of its sentences.

        `name`: the id of a document of this sentence alone; "" if it is a number.
        """
        if not self._document_count:
            self._begin_document(number, "")
        draft = self.draft
        if draft is None or len(draft.starts) == self._sentences_per_document:
            self._part_count += 1
            self._total_part_count += 1
            is_sentence = self._sentences_per_document == 1
            draft = self._begin_draft(number, name if name and is_sentence else self._part_id())
        draft.starts.append(len(draft.tokens))
        self.in_sentence = True
        self.has_rows = True
        return draft

    def _part_id(self) -> str:
        """The id of a part of a document: a number in the document if it has an id of its own,
        else one in the file.
        """
        if self._is_named:
            return f"{self._document_id}/{self._part_count}"
        return f"{self._part_prefix}-{self._total_part_count}"

    def read_doc_text(self, number: int, line: str) -> None:
        """Reads the text of a document, or drops it if the document is divided or joined."""
        is_divided = self._sentences_per_document is not None
        if is_divided or (self._is_whole_file and self._is_marked):
            self._conversion.add(DROPPED_TEXTS, f"{self._path}:{number}")
            return
        if not self._document_count:
            self._begin_document(number, "")
        try:
            text = msgspec.json.decode(line[len(DOC_TEXT_PREFIX) :], type=str)
        except msgspec.MsgspecError:
            self.add_error(
                number,
                f"invalid text {quoted_repr(line)}: expected a JSON string in double quotes on one"
                " line",
            )
            return
        if self.draft is not None:
            self.draft.text = text

    def current_sentence(self, number: int) -> ConllDocument:
        """The document of the sentence to which a line belongs, which may begin it."""
        if self.draft is None or not self.in_sentence:
            return self.begin_sentence(number)
        return self.draft

    def add_error(self, number: int, problem: str) -> None:
        """Adds an error to the document of a line."""
        self.current_sentence(number).add_error(f"{self._path}:{number}: {problem}")


def decode_line(raw: bytes, number: int, path: Path, conversion: ConversionReport) -> str:
    """The line without its end. Raises InputError if it is not UTF-8 or has a carriage return."""
    if number == 1 and raw.startswith(_BYTE_ORDER_MARK):
        conversion.add("byte order marks", f"{path}:1")
        raw = raw[len(_BYTE_ORDER_MARK) :]
    try:
        line = raw.removesuffix(b"\n").removesuffix(b"\r").decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"not UTF-8: {error.reason} at byte {error.start} of the line; {advise_encoding(raw)}"
        ) from None
    if "\r" in line:
        raise InputError(
            f"{quoted_repr(line)}: carriage return inside a line; expected lines that end in"
            " line feeds"
        )
    return line
