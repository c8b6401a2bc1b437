"""Which tokens does a mark cover?

For formats that count tokens: offsets to indices when they are written, and back when they are
read.

When written, tokens and sentences are those of evalkit/text.py, punctuation apart, cut where a mark
begins or ends inside one; a sentence does not end inside a mark (tokens.py). White space at the
edge of a mark is left out, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from evalkit.document import Document
from evalkit.errors import InputError, shown
from evalkit.formats.losses import Losses
from evalkit.formats.tokens import Layout
from evalkit.text import Range


class Indexed:
    """A document's tokens by sentence, and where its marks lie among them.

    What no run of tokens can hold is counted as a loss.
    """

    def __init__(
        self, document: Document, losses: Losses, marks: Iterable[Any] | None = None
    ) -> None:
        """Lay out the tokens so that they hold these marks, as far as each is in one piece; without
        any, all entities and events.
        """
        self.document, self._losses = document, losses
        self._layout = Layout(document.text, "words")
        spans = _spans(document) if marks is None else marks
        places = [
            found
            for span in spans
            if not span.fragments and (found := self._layout.trimmed(span.start, span.end))
        ]
        self.sentences = self._layout.sentences([(*found, "") for found in places])
        self.tokens = [token for sentence in self.sentences for token in sentence]
        self.starts = [
            0,
            *accumulate(map(len, self.sentences)),
        ]  # the index of each sentence's first token, and one past the last
        self._first = {start: n for n, (start, _) in enumerate(self.tokens)}
        self._last = {end: n for n, (_, end) in enumerate(self.tokens)}
        self._sentence = [n for n, sentence in enumerate(self.sentences) for _ in sentence]

    def of(self, span: Any, what: str, where: str) -> Range | None:
        """The first and the last token of a mark; None, and a loss named after `what`, where tokens
        cannot hold it.
        """
        place = f"document {shown(self.document.id)}, {where}"
        if span.fragments:
            self._losses.add(f"discontinuous {what}", place)
            return None
        found = self._layout.trimmed(span.start, span.end)
        if found is None:
            self._losses.add(f"{what} of white space alone", place)
            return None
        if found != (span.start, span.end):
            self._losses.add(f"{what} with white space at an edge, written without it", place)
        return self._first[found[0]], self._last[found[1]]

    def place(self, span: Any) -> Range | None:
        """The same, and nothing is counted."""
        found = None if span.fragments else self._layout.trimmed(span.start, span.end)
        return (self._first[found[0]], self._last[found[1]]) if found else None

    def sentence(self, token: int) -> int:
        """Which sentence a token is in."""
        return self._sentence[token]

    def lose(self, what: str, where: str) -> None:
        """Count something that is left out."""
        self._losses.add(what, f"document {shown(self.document.id)}, {where}")


def _spans(document: Document) -> Iterator[Any]:
    yield from document.entities or ()
    for event in document.events or ():
        yield event.trigger
        yield from event.arguments


def rebuilt(sentences: Sequence[Sequence[str]]) -> tuple[str, list[Range]]:
    """A text of tokens, joined by a space, sentences by a line feed; and where each token is in it.

    >>> rebuilt([["Ada", "wrote"], ["Yes"]])
    ('Ada wrote\\nYes', [(0, 3), (4, 9), (10, 13)])
    """
    text = "\n".join(" ".join(sentence) for sentence in sentences)
    places, at = [], 0
    for sentence in sentences:
        for token in sentence:
            places.append((at, at + len(token)))
            at += len(token) + 1
        at += not sentence  # the line feed of a sentence without tokens
    return text, places


def aligned(tokens: Sequence[str], text: str) -> list[Range]:
    """Where each token is in a text that holds them in order, with nothing but white space between.

    Raises InputError where one is not next.
    """
    places, at = [], 0
    for n, token in enumerate(tokens):
        while at < len(text) and text[at].isspace() and not text.startswith(token, at):
            at += 1
        if not text.startswith(token, at):
            raise InputError(
                f"token {n}, {shown(token)}, is not what stands next in the text, at {at}:"
                f" {shown(text[at : at + 20])}"
            )
        places.append((at, at + len(token)))
        at += len(token)
    if text[at:].strip():
        raise InputError(
            f"the text goes on after the last token, at {at}: {shown(text[at : at + 20])}"
        )
    return places
