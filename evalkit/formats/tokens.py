"""At which tokens do entities begin and end?

Texts with entities in, sentences of tokens out: for formats whose marks are tokens.

    words   tokens and sentences of evalkit/text.py; what stands at the edges of words, such as
            punctuation, is a token for each run of one character
    spaces  tokens are what stands between white space, sentences are lines

Together the tokens hold all of the text but its white space. They can be cut where entities begin
and end.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from evalkit.document import Document, Entity
from evalkit.errors import UnknownName, shown
from evalkit.formats.losses import Losses
from evalkit.text import Range, sentences, tokens

HOW = ("words", "spaces")
Placed = tuple[int, int, str]  # start, end, label
_RUN = re.compile(r"\S+")


class Layout:
    """The edges of the tokens of a text, and where its sentences start, before any entity is looked
    at.
    """

    def __init__(self, text: str, how: str) -> None:
        """Raises UnknownName for a way to make tokens that is none."""
        if how not in HOW:
            raise UnknownName("value of tokens", how, HOW)
        self.text = text
        self.runs = [run.span() for run in _RUN.finditer(text)]
        self._run_starts, self._run_ends = (
            [start for start, _ in self.runs],
            [end for _, end in self.runs],
        )
        self.edges = (
            _words(text, self.runs)
            if how == "words"
            else {edge for run in self.runs for edge in run}
        )
        lines = (
            after for (_, before), (after, _) in pairwise(self.runs) if "\n" in text[before:after]
        )
        self._starts = [start for start, _ in sentences(text)] if how == "words" else list(lines)

    def trimmed(self, start: int, end: int) -> Range | None:
        """A range without the white space at its edges; None where nothing is left."""
        first, last = bisect_right(self._run_ends, start), bisect_left(self._run_starts, end) - 1
        return (
            (max(start, self._run_starts[first]), min(end, self._run_ends[last]))
            if first <= last
            else None
        )

    def sentences(self, entities: Sequence[Placed], cuts: Iterable[int] = ()) -> list[list[Range]]:
        """The tokens, cut at the edges of entities and elsewhere as asked, sentence by sentence.

        No sentence ends inside an entity.
        """
        edges = sorted(self.edges.union(cuts, *(entity[:2] for entity in entities)))
        starts, gaps = set(self._starts), set(self._run_ends)
        for start, end, _ in entities:
            starts.difference_update(
                self._starts[bisect_right(self._starts, start) : bisect_left(self._starts, end)]
            )
        found: list[list[Range]] = []
        for token in pairwise(edges):
            if token[0] in gaps:
                continue
            if not found or token[0] in starts:
                found.append([])
            found[-1].append(token)
        return found


def _words(text: str, runs: Sequence[Range]) -> set[int]:
    words = tokens(text)
    whole = {start for start, _ in words} | {
        end for _, end in runs
    }  # words, and what stands between runs
    edges = {edge for span in (*runs, *words) for edge in span}
    for start, end in pairwise(sorted(edges)):
        if start not in whole:
            edges.update(at for at in range(start + 1, end) if text[at] != text[at - 1])
    return edges


def flat(document: Document, layout: Layout, losses: Losses, *, cut: bool = True) -> list[Placed]:
    """The entities that tags of tokens can hold, in the order of the text; the others are counted
    as losses.

    Of entities that overlap the longest stays, of equally long ones the first. cut: whether tokens
    can be cut.
    """
    found: list[Placed] = []
    taken = bytearray(len(document.text))
    # None is longer than those before it, so it overlaps one of them only if one of its ends does.
    for start, end, label, where in sorted(
        _trimmed(document, layout, losses), key=lambda one: (one[0] - one[1], one[0])
    ):
        if not cut and not {start, end} <= layout.edges:
            losses.add("entities with an edge inside a token", where)
        elif taken[start] or taken[end - 1]:
            losses.add("entities that overlap another", where)
        else:
            taken[start:end] = b"\1" * (end - start)
            found.append((start, end, label))
    return sorted(found)


def _trimmed(
    document: Document, layout: Layout, losses: Losses
) -> Iterator[tuple[int, int, str, str]]:
    for index, entity in enumerate(document.entities or ()):
        where = f"document {shown(document.id)}, entities[{index}]"
        span = layout.trimmed(entity.start, entity.end)
        if problem := _unheld(entity, span):
            losses.add(problem, where)
        elif span is not None:
            if span != (entity.start, entity.end):
                losses.add("entities with white space at an edge, written without it", where)
            yield *span, entity.label, where


def _unheld(entity: Entity, span: Range | None) -> str:
    if entity.fragments:
        return "discontinuous entities"
    if span is None:
        return "entities of white space alone"
    return "entities whose label holds white space" if any(map(str.isspace, entity.label)) else ""
