"""Counts entities that begin or end with white space or punctuation; evalkit.data.edges says which
characters count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from evalkit.data.batch import DocumentBatch
from evalkit.data.compiled import core
from evalkit.data.edges import PUNCTUATION
from evalkit.errors import quoted_repr

_IS_EDGE = np.zeros(0x10000, bool)
# A pattern finds the white space in a fifth of the time that a loop over all characters takes.
_IS_EDGE[[match.start() for match in re.finditer(r"\s", "".join(map(chr, range(0x10000))))]] = True
_IS_EDGE[[ord(character) for character in PUNCTUATION]] = True
_IS_EDGE_BYTES = _IS_EDGE.tobytes()
_NO_ROWS = np.zeros(0, np.intp)


class SpanEdges(msgspec.Struct):
    """Counts over documents, and the least of the entities with such an edge: [document id, start,
    end].
    """

    entities: int = 0
    with_edges: int = 0
    example: tuple[str, int, int] | None = None

    def take(self, documents: Sequence[Any]) -> None:
        """Count the entities of some documents."""
        chunk = documents if isinstance(documents, DocumentBatch) else DocumentBatch(documents)
        counts, starts, ends, _, _ = chunk.entities
        if not starts:
            return
        found = _find_edges(chunk, counts, starts, ends)
        self.entities += len(starts) // 8
        self.with_edges += len(found)
        if len(found):
            start, end = np.frombuffer(starts, np.int64), np.frombuffer(ends, np.int64)
            owners = np.searchsorted(np.cumsum(counts), found, side="right").tolist()
            least = min(set(owners), key=lambda owner: chunk[owner].id)
            of_least = found[np.array(owners) == least]
            self._keep_least(
                [
                    (
                        chunk[least].id,
                        *min(zip(start[of_least].tolist(), end[of_least].tolist(), strict=True)),
                    )
                ]
            )

    def to_json(self) -> dict[str, Any]:
        """The counts as they are in a result file, which holds no text."""
        return {"entities": self.entities, "with_edges": self.with_edges, "example": self.example}

    def merge(self, other: SpanEdges) -> None:
        """Add the counts of later documents."""
        self.entities += other.entities
        self.with_edges += other.with_edges
        if other.example is not None:
            self._keep_least([other.example])

    def _keep_least(self, places: Iterable[tuple[str, int, int]]) -> None:
        """Keep the least location as the example, whatever the order of documents."""
        self.example = min([*places, *([self.example] if self.example else [])])


def _find_edges(
    documents: Sequence[Any], counts: list[int], starts: bytes, ends: bytes
) -> NDArray[np.intp]:
    """The rows of the entities that begin or end with white space or punctuation."""
    if core is not None:
        rows = core.find_span_edges(documents, counts, starts, ends, _IS_EDGE_BYTES)
        if rows is not None:
            return np.array(rows, np.intp) if rows else _NO_ROWS
    start, end = np.frombuffer(starts, np.int64), np.frombuffer(ends, np.int64)
    joined = "".join([document.text for document in documents])
    if joined.isascii():  # a quarter of the memory
        characters = np.frombuffer(joined.encode(), np.uint8).astype(np.uint16)
    else:
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
        characters = np.minimum(codes, 0xFFFF).astype(np.uint16)
    before = np.cumsum([0, *(len(document.text) for document in documents)])[:-1]
    shift = np.repeat(before, counts)
    return np.flatnonzero(
        _IS_EDGE[characters[start + shift]] | _IS_EDGE[characters[end + shift - 1]]
    )


def describe_edges(name: str, edges: SpanEdges, text: str | None = None) -> str | None:
    """A sentence about the entities with such edges; None if there are none. text: of the document
    of the example.
    """
    if not edges.with_edges or edges.example is None:
        return None
    document, start, end = edges.example
    quoted = "" if text is None else f" {quoted_repr(text[start:end])}"
    some = (
        f"{edges.with_edges:,} of {edges.entities:,}"
        f" {'entities begins or ends' if edges.with_edges == 1 else 'entities begin or end'}"
    )
    return (
        f"{name}: {some} with white space or punctuation, such as{quoted} {start}–{end} of document"
        f" {quoted_repr(document)}; the reading option trim removes them"
    )
