"""Syntactic heads of arguments that have none in the corpus, from a spaCy pipeline with a parser.

The head of an argument is the token of its span that governs the others: the first of those with
the fewest steps to the root of their sentence, as `Span.root` of spaCy, without what lies outside
of the span.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

from evalkit.data.document import Document, Fragments, span_fragments
from evalkit.errors import (
    InputError,
    MissingDependencyError,
    quoted_repr,
    spell_option,
    to_one_line,
)

PREFIX = "spacy:"


def parse_heads(name: object, of: str = "command") -> str:
    """The name of a source of heads. Raises InputError. of: whose option it is."""
    if not isinstance(name, str) or not name.startswith(PREFIX) or name == PREFIX:
        raise InputError(
            f"invalid {spell_option('heads', name, of=of)}: expected spacy:NAME, such as"
            " spacy:en_core_web_sm"
        )
    return name


def read_heads(
    documents: Sequence[Sequence[Document]], source: str | None
) -> list[list[Fragments | None]]:
    """The head of each argument of both sides, in order.

    documents: those of each side, with equal texts. source: of heads that the corpus does not have;
    None for no other.
    """
    heads: list[list[Fragments | None]] = [[] for _ in documents]
    for same_text in zip(*documents):
        parsed = None
        for of_side, document in zip(heads, same_text):
            for event in document.events or ():
                for argument in event.arguments:
                    if argument.head is not None:
                        of_side.append(span_fragments(argument.head))
                        continue
                    if source is not None and parsed is None:
                        parsed = load_parser(source).parse(document)
                    of_side.append(None if parsed is None else find_head(parsed, argument))
    return heads


@lru_cache(maxsize=2)
def load_parser(source: str) -> Parser:
    """The parser of a source of heads, which is loaded once."""
    return Parser(source)


class Parser:
    """A pipeline of spaCy. version: its name and version."""

    def __init__(self, source: str) -> None:
        """Raises InputError for a pipeline that cannot be loaded."""
        try:
            import spacy
        except ImportError as error:
            raise MissingDependencyError(f"spacy is not installed: {error}") from None
        self._source = source
        self._lock = Lock()
        try:
            self._pipeline = spacy.load(source.removeprefix(PREFIX))
        except Exception as error:  # a pipeline is code, and may raise anything while it is loaded
            raise InputError(f"{spell_option('heads', source)}: {to_one_line(error)}") from None
        meta = self._pipeline.meta
        self.version = f"{PREFIX}{meta['lang']}_{meta['name']}@{meta['version']}"

    def parse(self, document: Document) -> Any:
        """The Doc of a text. Raises InputError for a pipeline that fails or sets no heads."""
        self._pipeline.max_length = max(self._pipeline.max_length, len(document.text))
        return self._run(document.id, document.text)

    def parse_words(self, id: str, words: Sequence[str]) -> Any:
        """The Doc of the words of a document, in place of the pipeline's own. Raises InputError as
        `parse`.
        """
        from spacy.tokens import Doc

        return self._run(id, Doc(self._pipeline.vocab, words=list(words)))

    def _run(self, id: str, text_or_words: Any) -> Any:
        where = f"{spell_option('heads', self._source)}: document {quoted_repr(id)}"
        try:
            with self._lock:  # workers may be threads, which share the pipeline
                parsed = self._pipeline(text_or_words)
        except Exception as error:
            raise InputError(f"{where}: {type(error).__name__}: {to_one_line(error)}") from None
        if len(parsed) and not parsed.has_annotation("DEP"):
            raise InputError(f"{where}: no syntactic heads: expected a pipeline with a parser")
        return parsed


def find_head(parsed: Any, span: Any) -> Fragments | None:
    """The ranges of the head of a span; None for a span without a token."""
    pieces = span_fragments(span)
    tokens = list(_iter_tokens(parsed, pieces))
    if not tokens:
        return None
    root = min(tokens, key=_count_steps)
    start, end = root.idx, root.idx + len(root)
    return tuple(
        (max(start, first), min(end, last))
        for first, last in pieces
        if start < last and first < end
    )


def _iter_tokens(parsed: Any, pieces: Fragments) -> Iterator[Any]:
    """The tokens that share a character with a span, without white space."""
    for start, end in pieces:
        covering = parsed.char_span(start, end, alignment_mode="expand")
        yield from (token for token in covering or () if not token.is_space)


def _count_steps(token: Any) -> int:
    """How far a token is from the root of its sentence."""
    return sum(1 for _ in token.ancestors)
