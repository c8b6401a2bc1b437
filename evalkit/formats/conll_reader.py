"""Building documents from the tokens and tags of conll_lines.py; conll.py describes the rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from evalkit.data.document import Document, Entity
from evalkit.data.tags import (
    TAG_FORMATS,
    NonOutsideTags,
    TagReader,
    TagTransitions,
    advise_repair,
    explain_invalid,
    unknown_tag_problem,
)
from evalkit.errors import MAX_REPORTED_ERRORS, InputError, LoadError, quoted_repr, spell_option
from evalkit.files import check_inside, read_input
from evalkit.formats.conll_lines import COMMENTS_HINT, ConllDocument, ConllParser
from evalkit.formats.conversion import ConversionReport

# The first of several tokens, one between, the last, and the only one; IOB1 has B for the first
# right after another of its label.
TAG_LETTERS = {"IOB2": "BIIB", "IOB1": "IIII", "BIOES": "BIES", "BILOU": "BILU"}


class ConllReader:
    """Makes documents of drafts."""

    def __init__(
        self,
        path: Path,
        conversion: ConversionReport,
        tagging: str,
        repair: str,
        texts: str | Path | None,
        reopen: Callable[[], ConllParser],
    ) -> None:
        """Raises UnknownNameError for a tagging or repair. reopen: returns a new parser of the
        file, for hints that need all of its tags.
        """
        self._path, self._conversion, self._tagging, self._repair, self._reopen = (
            path,
            conversion,
            tagging,
            repair,
            reopen,
        )
        self._texts = None if texts is None else Path(texts)
        self._tags = TagReader(tagging, "begin" if repair == "error" else repair)
        self._letters = [
            letter for letter in "BIELSU" if letter in {*TAG_LETTERS[tagging], "B", "I"}
        ]
        self._known = {"O"}  # tags that are some of this tagging
        self._count = 0

    def document(self, draft: ConllDocument) -> Document | LoadError:
        """The document, or all that is wrong with it."""
        self._count += 1
        for line, token, tag in zip(draft.lines, draft.tokens, draft.tags):
            if tag not in self._known and not self._is_tag(tag):
                problem = self._unknown_tag_error(line, tag)
                if token.startswith("#"):
                    problem += (
                        f"; {COMMENTS_HINT.format(spell_option('comments', True, of='format'))}"
                    )
                draft.add_error(problem)
        if draft.errors:
            return LoadError(draft.errors, more=draft.omitted)
        try:
            return self._build_document(draft)
        except LoadError as error:
            return error

    def _is_tag(self, tag: str) -> bool:
        prefix, _, label = tag.partition("-")
        if prefix in self._letters and label:
            self._known.add(tag)
        return tag in self._known

    def _unknown_tag_error(self, line: int, tag: str) -> str:
        prefix, dash, label = tag.partition("-")
        upper = prefix.upper() + dash + label
        meant = f"; did you mean {upper!r}?" if self._is_tag(upper) else self._fitting_taggings
        return f"{self._path}:{line}: {unknown_tag_problem(tag, self._tagging)}{meant}"

    @cached_property
    def _fitting_taggings(self) -> str:
        """Under which taggings all tags of the file are proper, as the end of a message; nothing of
        what can be read only once.
        """
        if not self._path.is_file():
            return ""
        fitting = {tagging: TagReader(tagging, "begin") for tagging in TAG_FORMATS}
        for draft in self._reopen().drafts():
            for tagging, tags in list(fitting.items()):
                if not _is_valid(tags, draft.sentences):
                    del fitting[tagging]
        return (
            f"; {' or '.join(spell_option('tagging', name, of='format') for name in fitting)} fits"
            " all tags of the file"
            if fitting
            else "; no tagging fits all tags of the file"
        )

    def _build_document(self, draft: ConllDocument) -> Document:
        read = self._tags.read(draft.sentences, "its")
        result = self._tags.spans(read, "its")
        if result.improper:
            self._count_invalid_tags(draft, read)
        text, starts, ends = self._build_text(draft)
        labels = list(self._tags.labels)
        first = np.array(draft.starts, np.int64)[result.sequence]
        rows = zip(
            (first + result.start).tolist(), (first + result.end).tolist(), result.label.tolist()
        )
        return Document(
            draft.id,
            text,
            tuple(
                Entity(labels[label], starts[begin], ends[end - 1]) for begin, end, label in rows
            ),
        )

    def _count_invalid_tags(self, draft: ConllDocument, read: NonOutsideTags) -> None:
        """Count the improper tags.

        Raises LoadError, which names them, where no repair was named.
        """
        sequence = np.searchsorted(draft.borders, read.where, side="right") - 1
        positions: list[int] = read.where[
            TagTransitions(read, sequence).invalid_tags(self._tagging)
        ].tolist()
        if self._repair == "error":
            borders = set(draft.borders)
            errors = [
                self._invalid_tag_error(draft, at, borders)
                for at in islice(positions, MAX_REPORTED_ERRORS)
            ]
            raise LoadError(errors, more=len(positions) - len(errors))
        for at in positions:
            self._conversion.repaired.add(
                f"invalid tags, repaired as {self._repair}", f"{self._path}:{draft.lines[at]}"
            )

    def _invalid_tag_error(self, draft: ConllDocument, at: int, borders: set[int]) -> str:
        before = None if at in borders else draft.tags[at - 1]
        after = None if at + 1 in borders else draft.tags[at + 1]
        error = explain_invalid(self._tagging, before, draft.tags[at], after)
        return f"{self._path}:{draft.lines[at]}: {error}; {advise_repair()}{self._fitting_taggings}"

    def _build_text(self, draft: ConllDocument) -> tuple[str, list[int], list[int]]:
        """The text, and where each token starts and ends in it.

        Raises LoadError where they are not those of a given text.
        """
        text = draft.text if self._texts is None else self._load_text(draft, self._texts)
        text, starts = (
            _join_tokens(draft) if text is None else (text, self._align_tokens(draft, text))
        )
        return text, starts, [start + len(token) for start, token in zip(starts, draft.tokens)]

    def _load_text(self, draft: ConllDocument, texts: Path) -> str:
        """The text of a document from the folder or file of texts."""
        file, where = texts, f"{draft.position}: document {quoted_repr(draft.id)}"
        if texts.is_dir():
            if re.search(r"[/\\\0]", draft.id):
                raise LoadError(
                    [
                        f"{where}: an id with a slash cannot be the name of a file in {texts};"
                        " change the id"
                    ]
                )
            file = texts / f"{draft.id}.txt"
        elif self._count > 1:
            raise LoadError(
                [
                    f"{where}: {texts} is the text of the first document; expected a folder with"
                    " ID.txt for each document"
                ]
            )
        try:
            if texts.is_dir() and file.exists():
                check_inside(texts, file)
            text = read_input(file).decode()
        except UnicodeDecodeError as error:
            raise LoadError(
                [
                    f"{where}: {file}: not UTF-8: {error.reason} at byte {error.start}; save the"
                    " file as UTF-8"
                ]
            ) from None
        except InputError as error:
            raise LoadError([f"{where}: {error}"]) from None
        if text.startswith("\ufeff"):
            self._conversion.add("byte order marks", str(file))
        return text.removeprefix("\ufeff")

    def _align_tokens(self, draft: ConllDocument, text: str) -> list[int]:
        """Where each token starts in a text with nothing but white space between tokens."""
        starts, at = [], 0
        for token, line in zip(draft.tokens, draft.lines):
            while not text.startswith(token, at):
                if not text[at : at + 1].isspace():
                    stands = (
                        f"there stands {quoted_repr(text[at : at + 40])}"
                        if at < len(text)
                        else "the text ends there"
                    )
                    raise LoadError(
                        [
                            f"{self._path}:{line}: the token {quoted_repr(token)} is not what comes"
                            f" next in the text, at {at}: {stands}"
                        ]
                    )
                at += 1
            starts.append(at)
            at += len(token)
        if rest := text[at:].strip():
            raise LoadError(
                [
                    f"{draft.position}: document {quoted_repr(draft.id)}: the text goes on after"
                    f" the last token, at {at}, with {quoted_repr(rest[:40])}"
                ]
            )
        return starts


def _join_tokens(draft: ConllDocument) -> tuple[str, list[int]]:
    """A text made of the tokens, and where each starts: what stands between two is one character,
    be it a space or a line feed.
    """
    lengths = np.fromiter(map(len, draft.tokens), np.int64, len(draft.tokens))
    text = "\n".join(
        " ".join(draft.tokens[first:last]) for first, last in zip(draft.borders, draft.borders[1:])
    )
    return text, (np.cumsum(lengths + 1) - lengths - 1).tolist()


def _is_valid(tags: TagReader, sentences: list[list[str]]) -> bool:
    try:
        return tags.spans(tags.read(sentences, "its"), "its").improper == 0
    except InputError:
        return False
