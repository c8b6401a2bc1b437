"""Parses the lines of CoNLL-U files into words and tags; conllu.py describes the format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from conllu.exceptions import ParseException
from conllu.parser import DEFAULT_FIELDS, parse_id_value, parse_line

from evalkit.data.text import Range
from evalkit.errors import InputError, quoted_repr, spell_option
from evalkit.formats.conll_division import ConllDocument, DocumentDivision, decode_line
from evalkit.formats.conll_documents import DOC_TEXT_PREFIX, parse_mark
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.token_spans import align_tokens

# The keys of MISC under which treebanks and tools have the tags of names
TAG_KEYS = ("name", "NE", "NER", "ner")
READ_COLUMNS = ("id", "form", "misc")
SPACE_AFTER = "SpaceAfter"
CHUNK_SIZE = 200_000  # bytes that are searched at once
_COMMENT = re.compile(r"# *(sent_id|text) *= *(.*)")
_FIELD_PARSERS = {"id": lambda cells, index: parse_id_value(cells[index])}


def find_misc_keys(file: BinaryIO) -> set[str]:
    """The keys in the last column of an open file."""
    keys: set[bytes] = set()
    while data := file.read(CHUNK_SIZE):
        data += file.readline()
        for line in data.split(b"\n"):
            if line[:1] != b"#" and b"=" in line:
                for item in line[line.rfind(b"\t") + 1 :].split(b"|"):
                    key, equals, _ = item.partition(b"=")
                    if key and equals:
                        keys.add(key)
    return {key.decode(errors="replace") for key in keys}


class _Surface(NamedTuple):
    """A token of the text, which may be a multiword token, and whether a space follows it."""

    form: str
    has_space_after: bool


class _TaggedWord(NamedTuple):
    """A word with its tag and line number, and the index of its token in the sentence."""

    surface: int
    tag: str
    line: int


@dataclass
class _Sentence:
    """A sentence while it is read.

    word_count: number of words, without empty nodes. range_end: the number of the last word of the
    last multiword token; range_is_tagged: whether that has a tag, which is then that of its words.
    has_errors: whether the numbers of words are not checked, since a row could not be read.
    """

    line: int = 0
    id: str = ""
    text: str | None = None
    surfaces: list[_Surface] = field(default_factory=list)
    words: list[_TaggedWord] = field(default_factory=list)
    word_count: int = 0
    range_end: int = 0
    range_is_tagged: bool = False
    has_errors: bool = False


class ConlluParser:
    """Reads the lines of a file into ConllDocument drafts, with the ranges of their words."""

    def __init__(
        self,
        path: Path,
        conversion: ConversionReport,
        key: str | None,
        documents: str,
        *,
        has_sentence_ids: bool,
        has_given_text: bool,
    ) -> None:
        """key: that of the tags, None if there are none. documents: a value of `parse_documents`.
        has_sentence_ids: whether the document of a sentence has its sent_id. has_given_text:
        whether the text is that of the comments.
        """
        self._path = path
        self._conversion = conversion
        self._key = key
        self._has_sentence_ids = has_sentence_ids and documents == "sentence"
        self._has_given_text = has_given_text
        self._division = DocumentDivision(path, conversion, documents)
        self._sentence = _Sentence()
        self._unseen_columns = [name for name in DEFAULT_FIELDS if name not in READ_COLUMNS]
        # Of the document that is read: its tokens and texts of sentences, the ranges of tokens in
        # these texts, and the index of the token of each word
        self._surfaces: list[str] = []
        self._texts: list[str] = []
        self._text_length = 0
        self._ranges: list[Range] = []
        self._word_surfaces: list[int] = []

    def drafts(self, file: BinaryIO) -> Iterator[ConllDocument]:
        """Yields each document of an open file. Raises InputError if it cannot be read."""
        number = 0
        try:
            for number, raw in enumerate(file, 1):
                previous = self._division.draft
                self._read_line(number, raw)
                if previous is not None and self._division.draft is not previous:
                    yield self._finish(previous)
        except OSError as error:
            raise InputError(f"{self._path}: {error.strerror or error}") from None
        self._end_sentence()
        if self._division.draft is not None:
            yield self._finish(self._division.draft)

    def _read_line(self, number: int, raw: bytes) -> None:
        try:
            line = decode_line(raw, number, self._path, self._conversion)
            if line.startswith("#"):
                self._end_sentence()
                self._read_comment(number, line)
            elif line.strip():
                self._read_row(number, line)
            else:
                self._end_sentence()
        except InputError as error:
            self._division.add_error(number, str(error))
            self._sentence.has_errors = True

    def _read_comment(self, number: int, line: str) -> None:
        mark = parse_mark(line, comments=True)
        if mark is not None:
            self._division.read_mark(number, mark)
        elif line.startswith(DOC_TEXT_PREFIX) and not self._division.has_rows:
            self._division.read_doc_text(number, line)
        elif (match := _COMMENT.fullmatch(line)) and match[1] == "text":
            self._sentence.text = match[2]
        elif match and self._has_sentence_ids:
            self._sentence.id = match[2]
        else:
            self._conversion.add("comments", f"{self._path}:{number}")

    def _read_row(self, number: int, line: str) -> None:
        """Reads a word, a multiword token or an empty node. Raises InputError for another row."""
        if not self._division.in_sentence:
            self._division.begin_sentence(number, self._sentence.id)
            self._sentence.line = number
        column_count = len(re.split(r"\t| {2,}", line.strip()))
        if column_count != len(DEFAULT_FIELDS):
            description = "1 column" if column_count == 1 else f"{column_count} columns"
            raise InputError(
                f"{description}: {quoted_repr(line)}; expected {len(DEFAULT_FIELDS)} columns,"
                " separated by tabs or by two or more spaces; for other columns, use the format"
                " conll"
            )
        try:
            row = parse_line(line.strip(), DEFAULT_FIELDS, _FIELD_PARSERS)
        except ParseException as error:
            raise InputError(f"{quoted_repr(line)}: {error}") from None
        self._count_columns(number, row)
        misc = self._parse_misc(number, row["misc"])
        tag = None if self._key is None else misc.get(self._key)
        surface = _Surface(row["form"], has_space_after=misc.get(SPACE_AFTER) != "No")
        self._add_row(number, row["id"], surface, tag)

    def _count_columns(self, number: int, row: Mapping[str, Any]) -> None:
        """Counts each column that is not read once, where it first has a value."""
        for name in self._unseen_columns:
            if row[name] != "_":
                self._unseen_columns = [each for each in self._unseen_columns if each != name]
                self._conversion.add(
                    "columns other than ID, FORM and MISC", f"{self._path}:{number}"
                )

    def _parse_misc(self, number: int, value: str) -> dict[str, str]:
        """The keys of MISC, without those that are not read, which are counted."""
        misc: dict[str, str] = {}
        for item in value.split("|"):
            key, equals, text = item.partition("=")
            if equals and key in (self._key, SPACE_AFTER):
                misc[key] = text
            elif item != "_":
                self._conversion.add("further values of MISC", f"{self._path}:{number}")
        return misc

    def _add_row(self, number: int, id: Any, surface: _Surface, tag: str | None) -> None:
        sentence = self._sentence
        if isinstance(id, tuple) and id[1] == ".":
            kind = "empty nodes" if tag in (None, "O") else "empty nodes with a tag of an entity"
            self._conversion.add(kind, f"{self._path}:{number}")
            return
        first = id[0] if isinstance(id, tuple) else id
        if first is None:
            raise InputError("the word has no number; expected one in the first column")
        if first != sentence.word_count + 1 and not sentence.has_errors:
            raise InputError(
                f"the word has the number {first}, expected {sentence.word_count + 1}: the words of"
                " a sentence are numbered from 1, and an empty line ends a sentence"
            )
        if isinstance(id, tuple):
            sentence.surfaces.append(surface)
            sentence.range_end = id[2]
            sentence.range_is_tagged = tag is not None
            if tag is not None:
                sentence.words.append(_TaggedWord(len(sentence.surfaces) - 1, tag, number))
            return
        sentence.word_count += 1
        is_part = id <= sentence.range_end
        if is_part and sentence.range_is_tagged:
            if tag is not None:
                kind = "tags of words in a multiword token that has a tag"
                self._conversion.add(kind, f"{self._path}:{number}")
            return
        if not is_part:
            sentence.surfaces.append(surface)
        sentence.words.append(
            _TaggedWord(len(sentence.surfaces) - 1, "O" if tag is None else tag, number)
        )

    def _end_sentence(self) -> None:
        """Adds the words of a sentence to its document."""
        sentence, draft = self._sentence, self._division.draft
        is_begun = self._division.in_sentence
        self._division.end_sentence()
        if draft is None or not is_begun:
            return
        self._sentence = _Sentence()
        text, ranges = _join_surfaces(sentence.surfaces)
        if sentence.text is not None and self._has_given_text:
            text = sentence.text
            forms = [surface.form for surface in sentence.surfaces]
            try:
                ranges = align_tokens(forms, text)
            except InputError as error:
                option = spell_option("text", "tokens", of="format")
                draft.add_error(
                    f"{self._path}:{sentence.line}: the words differ from # text: {error};"
                    f" {option} joins the words instead"
                )
                return
        first_surface = len(self._surfaces)
        self._surfaces += [surface.form for surface in sentence.surfaces]
        self._texts.append(text)
        offset = self._text_length
        self._ranges += [(start + offset, end + offset) for start, end in ranges]
        self._text_length += len(text) + 1
        for word in sentence.words:
            draft.tokens.append(sentence.surfaces[word.surface].form)
            draft.tags.append(word.tag)
            draft.lines.append(word.line)
            self._word_surfaces.append(first_surface + word.surface)

    def _finish(self, draft: ConllDocument) -> ConllDocument:
        """The draft with its text and the ranges of its words in it."""
        ranges = self._ranges
        if draft.text is None:
            draft.text = "\n".join(self._texts)
        elif not draft.errors:
            try:
                ranges = align_tokens(self._surfaces, draft.text)
            except InputError as error:
                draft.add_error(f"{draft.position}: the words differ from the text: {error}")
        if not draft.errors:
            draft.ranges = [ranges[surface] for surface in self._word_surfaces]
        self._surfaces, self._texts, self._text_length = [], [], 0
        self._ranges, self._word_surfaces = [], []
        return draft


def _join_surfaces(surfaces: list[_Surface]) -> tuple[str, list[Range]]:
    """The text of the tokens, with a space after each that has one, and the range of each token."""
    parts: list[str] = []
    ranges: list[Range] = []
    position = 0
    for surface in surfaces:
        ranges.append((position, position + len(surface.form)))
        parts.append(surface.form)
        position += len(surface.form)
        if surface.has_space_after:
            parts.append(" ")
            position += 1
    if surfaces and surfaces[-1].has_space_after:
        parts.pop()
    return "".join(parts), ranges
