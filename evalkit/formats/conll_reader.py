"""Builds documents from parsed CoNLL lines; conll.py describes the format."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evalkit.data.document import Document, Entity
from evalkit.data.taggings import (
    BARE,
    TAG_FORMATS,
    correct_spelling,
    describe_prefix,
    explain_invalid,
    has_prefix,
    is_prefix,
    parse_tag,
    unknown_tag_problem,
)
from evalkit.data.tags import NonOutsideTags, TagReader, TagTransitions, advise_repair
from evalkit.data.text import Range
from evalkit.errors import MAX_REPORTED_ERRORS, InputError, LoadError, quoted_repr, spell_option
from evalkit.files import check_inside, read_input
from evalkit.formats.conll_division import ConllDocument
from evalkit.formats.conll_lines import COMMENTS_HINT
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.reading_options import advise_encoding
from evalkit.formats.registry import DocumentResults

# Taggings that give the same spans as another one if all tags of a file are valid under both
SAME_SPANS = {"IOB1": ("IO", "IOE1"), "BIOES": ("BMES",)}
EXTENDED = "entities of some words of a multiword token, extended to all of it"
BATCH_TOKENS = 8192  # tokens of documents whose tags are read at once


class _Sentence(NamedTuple):
    """A sentence of a draft, by the indices of its first token and of the token after its last."""

    draft: ConllDocument
    first: int
    end: int

    @property
    def tags(self) -> list[str]:
        return self.draft.tags[self.first : self.end]


class ConllReader:
    """Converts ConllDocument drafts to documents."""

    def __init__(
        self,
        path: Path,
        conversion: ConversionReport,
        tagging: str,
        repair: str,
        texts: str | Path | None,
        reread: Callable[[], Iterator[ConllDocument]],
        *,
        advises_comments: bool = True,
        column_hint: str | None = None,
    ) -> None:
        """Raises UnknownNameError for an unknown tagging or repair.

        `reread` yields the drafts of the file again, for hints that depend on all of its tags.
        advises_comments: whether lines that begin with # may be comments that were read as tokens.
        column_hint: how to read the columns of tags, if the one that is read has none.
        """
        self._path = path
        self._conversion = conversion
        self._tagging = tagging
        self._repair = repair
        self._reread = reread
        self._advises_comments = advises_comments
        self._column_hint = column_hint
        self._texts = None if texts is None else Path(texts)
        self._tags = TagReader(tagging, "begin" if repair == "error" else repair)
        self._valid_tags = {"O"}
        self._document_count = 0
        self._error_count = 0  # of tags that are reported

    def documents(self, drafts: Iterable[ConllDocument]) -> DocumentResults:
        """Yields the position and the document of each draft, or a LoadError with its errors."""
        for batch in _batch_drafts(drafts):
            for draft in batch:
                self._check_tags(draft)
            self._read_tags([draft for draft in batch if not draft.errors])
            for draft in batch:
                self._document_count += 1
                yield draft.position, self._build_document(draft)

    def _check_tags(self, draft: ConllDocument) -> None:
        """Adds an error for each string that is not a tag."""
        if self._valid_tags.issuperset(draft.tags):
            return
        for line, token, tag in zip(draft.lines, draft.tokens, draft.tags):
            if tag not in self._valid_tags and not self._is_tag(tag):
                if not self._reports_error(draft):
                    continue
                problem = self._unknown_tag_error(line, tag)
                if token.startswith("#") and self._advises_comments:
                    hint = COMMENTS_HINT.format(spell_option("comments", True, of="format"))
                    problem += f"; {hint}"
                draft.add_error(problem)

    def _reports_error(self, draft: ConllDocument) -> bool:
        """Whether another error of a document is reported. Beyond those that are reported of a
        file, the errors of a document are only counted after its first.
        """
        if draft.errors and self._error_count >= MAX_REPORTED_ERRORS:
            draft.omitted += 1
            return False
        self._error_count += 1
        return True

    def _is_tag(self, tag: str) -> bool:
        if parse_tag(tag, self._tagging) is not None:
            self._valid_tags.add(tag)
            if is_prefix(tag, self._tagging):
                self._conversion.detected.add(describe_prefix(tag), str(self._path))
        return tag in self._valid_tags

    def _unknown_tag_error(self, line: int, tag: str) -> str:
        corrected = correct_spelling(tag)
        hint = self._tagging_hint
        if self._is_tag(corrected):
            hint = f"; did you mean {quoted_repr(corrected)}?"
        return f"{self._path}:{line}: {unknown_tag_problem(tag, self._tagging)}{hint}"

    @cached_property
    def _tagging_hint(self) -> str:
        """The end of a message about invalid tags: the taggings under which all tags of the file
        are valid; "" for a pipe, which cannot be read twice.
        """
        if self._column_hint is not None:
            return self._column_hint
        if not self._path.is_file():
            return ""
        fitting = {tagging: TagReader(tagging, "begin") for tagging in TAG_FORMATS}
        for batch in _batch_drafts(self._reread()):
            sentences = {tuple(tags) for draft in batch for tags in draft.sentences}
            for tagging, tags in list(fitting.items()):
                if not _is_valid(tags, list(sentences)):
                    del fitting[tagging]
            if any(map(has_prefix, chain.from_iterable(sentences))):
                fitting.pop(BARE, None)
            if not fitting:
                break
        for tagging, others in SAME_SPANS.items():
            if tagging in fitting:
                fitting = {name: tags for name, tags in fitting.items() if name not in others}
        if not fitting:
            return "; no tagging fits all tags of the file"
        if list(fitting) == [BARE]:
            option = spell_option("tagging", BARE, of="format")
            return f"; if the tags are labels without prefix, use {option}"
        options = [spell_option("tagging", name, of="format") for name in fitting]
        return f"; {' or '.join(options)} fits all tags of the file"

    def _read_tags(self, drafts: Iterable[ConllDocument]) -> None:
        """Reads the spans of each draft, and counts invalid tags or adds an error for each."""
        sentences: list[_Sentence] = []
        for draft in drafts:
            sentences += [_Sentence(draft, *borders) for borders in pairwise(draft.borders)]
        read = self._tags.read([sentence.tags for sentence in sentences], "its")
        result = self._tags.spans(read, "its")
        if result.improper:
            self._count_invalid_tags(sentences, read)
        labels = list(self._tags.labels)
        columns = (result.sequence, result.start, result.end, result.label)
        for number, start, end, label in zip(*(column.tolist() for column in columns)):
            draft, first, _ = sentences[number]
            draft.spans.append((first + start, first + end, labels[label]))

    def _count_invalid_tags(self, sentences: Sequence[_Sentence], read: NonOutsideTags) -> None:
        """Counts the invalid tags as repaired, or adds their errors if `repair` is "error"."""
        borders = np.concatenate([[0], np.cumsum(read.lengths)])
        sequence = np.searchsorted(borders, read.where, side="right") - 1
        is_invalid = TagTransitions(read, sequence).invalid_tags(self._tagging)
        numbers = sequence[is_invalid]
        positions = read.where[is_invalid] - borders[numbers]
        for number, position in zip(numbers.tolist(), positions.tolist()):
            sentence = sentences[number]
            draft = sentence.draft
            if self._repair != "error":
                location = f"{self._path}:{draft.lines[sentence.first + position]}"
                self._conversion.repaired.add(f"invalid tags, repaired as {self._repair}", location)
            elif self._reports_error(draft):
                draft.add_error(self._invalid_tag_error(sentence, position))

    def _invalid_tag_error(self, sentence: _Sentence, position: int) -> str:
        draft, first, end = sentence
        index = first + position
        before = draft.tags[index - 1] if index > first else None
        after = draft.tags[index + 1] if index + 1 < end else None
        error = explain_invalid(self._tagging, before, draft.tags[index], after)
        location = f"{self._path}:{draft.lines[index]}"
        return f"{location}: {error}; {advise_repair()}{self._tagging_hint}"

    def _build_document(self, draft: ConllDocument) -> Document | LoadError:
        """The document, or a LoadError with all of its errors."""
        if draft.errors:
            return LoadError(draft.errors, more=draft.omitted)
        text = draft.text
        if draft.ranges is not None:
            located = tuple(self._locate_in_ranges(draft, draft.ranges))
            return Document(draft.id, text or "", located)
        if self._texts is None and text is None:
            self._conversion.has_joined_tokens = True
            return Document(draft.id, draft.joined_tokens, tuple(_locate_in_joined_text(draft)))
        try:
            if self._texts is not None:
                text = self._load_text(draft, self._texts)
            starts = self._align_tokens(draft, text or "")
        except LoadError as error:
            return error
        entities = []
        for first, end, label in draft.spans:
            last_token = draft.tokens[end - 1]
            entities.append(Entity(label, starts[first], starts[end - 1] + len(last_token)))
        return Document(draft.id, text or "", tuple(entities))

    def _locate_in_ranges(self, draft: ConllDocument, ranges: Sequence[Range]) -> Iterator[Entity]:
        """Yields the entities of a draft with the offsets of its tokens.

        Tokens with one range are the words of a multiword token, of which an entity may have some.
        """
        for first, end, label in draft.spans:
            is_extended = first > 0 and ranges[first - 1] == ranges[first]
            if is_extended or (end < len(ranges) and ranges[end] == ranges[end - 1]):
                location = f"{self._path}:{draft.lines[first]}"
                self._conversion.repaired.add(EXTENDED, location)
            yield Entity(label, ranges[first][0], ranges[end - 1][1])

    def _load_text(self, draft: ConllDocument, texts: Path) -> str:
        """The text of a document from the folder or file `texts`."""
        file = texts
        where = f"{draft.position}: document {quoted_repr(draft.id)}"
        if texts.is_dir():
            if re.search(r"[/\\\0]", draft.id):
                problem = f"an id with a slash cannot be the name of a file in {texts}"
                raise LoadError([f"{where}: {problem}; change the id"])
            file = texts / f"{draft.id}.txt"
        elif self._document_count > 1:
            problem = f"{texts} is the text of the first document"
            raise LoadError(
                [f"{where}: {problem}; expected a folder with ID.txt for each document"]
            )
        try:
            if texts.is_dir() and file.exists():
                check_inside(texts, file)
            data = read_input(file)
            text = data.decode()
        except UnicodeDecodeError as error:
            problem = f"not UTF-8: {error.reason} at byte {error.start}"
            raise LoadError([f"{where}: {file}: {problem}; {advise_encoding(data)}"]) from None
        except InputError as error:
            raise LoadError([f"{where}: {error}"]) from None
        if text.startswith("\ufeff"):
            self._conversion.add("byte order marks", str(file))
        return text.removeprefix("\ufeff")

    def _align_tokens(self, draft: ConllDocument, text: str) -> list[int]:
        """The start of each token in a text with only white space between the tokens."""
        starts: list[int] = []
        position = 0
        for token, line in zip(draft.tokens, draft.lines):
            while not text.startswith(token, position):
                if not text[position : position + 1].isspace():
                    found_text = "the end of the text"
                    if position < len(text):
                        found_text = quoted_repr(text[position : position + 40])
                    problem = (
                        f"expected the token {quoted_repr(token)} next in the text, at {position},"
                        f" but found {found_text}"
                    )
                    raise LoadError([f"{self._path}:{line}: {problem}"])
                position += 1
            starts.append(position)
            position += len(token)
        remainder = text[position:].strip()
        if remainder:
            location = f"{draft.position}: document {quoted_repr(draft.id)}"
            problem = (
                f"expected the end of the text after the last token, at {position}, but found"
                f" {quoted_repr(remainder[:40])}"
            )
            raise LoadError([f"{location}: {problem}"])
        return starts


def _batch_drafts(drafts: Iterable[ConllDocument]) -> Iterator[list[ConllDocument]]:
    """Yields the drafts in lists of at least BATCH_TOKENS tokens, except for the last."""
    batch: list[ConllDocument] = []
    token_count = 0
    for draft in drafts:
        batch.append(draft)
        token_count += len(draft.tokens)
        if token_count >= BATCH_TOKENS:
            yield batch
            batch = []
            token_count = 0
    yield batch


def _locate_in_joined_text(draft: ConllDocument) -> Iterator[Entity]:
    """Yields the entities of a draft with their offsets in the rebuilt text."""
    tokens = draft.tokens
    position = 0
    token = 0  # the token that begins at `position`
    for first, end, label in draft.spans:
        start = position + sum(map(len, tokens[token:first])) + first - token
        position = start + sum(map(len, tokens[first:end])) + end - first
        token = end
        yield Entity(label, start, position - 1)


def _is_valid(tags: TagReader, sentences: Sequence[Sequence[str]]) -> bool:
    try:
        return tags.spans(tags.read(sentences, "its"), "its").improper == 0
    except InputError:
        return False
