"""Which corpus was it? A digest of what a score depends on: texts, zones, the scored gold marks, and the schema.

    mark      64 bits: label, offsets and fragments of an entity, mixed; of an event or attribution, the first 64 bits of the
              sha256 of its JSON (keys sorted, id and score left out)
    document  its id, the sha256 of its text, its zones, and the sum of its marks modulo 2**64, which no order changes
    corpus    the sha256 of the schema's JSON and of its documents, sorted by id

It tells corpora apart; it is no defence against someone who builds two corpora with one digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np

from evalkit.chunk import entities_of
from evalkit.columns import Codes, Coding, Rows, mixed
from evalkit.corpus import identity
from evalkit.errors import InputError, shown
from evalkit.schema import Schema

BLOCK = 1024  # documents whose entities are summed at once: enough that the cost of calling numpy is shared


class Digest:
    """The digest of a corpus that is seen block by block."""

    def __init__(self, marks: Sequence[str]) -> None:
        """`marks`: the layers of documents to be told apart."""
        self._ids: list[str] = []
        self._texts: list[bytes] = []
        self._sums: dict[str, list[bytes]] = {name: [] for name in marks}
        self._made: dict[str, str] = {}
        self._entities = Entities()

    def take(self, documents: Sequence[Any]) -> None:
        """Add a block of gold documents."""
        self._ids += [document.id for document in documents]
        self._texts += [_text(document) for document in documents]
        for marks in self._sums:
            if marks == "entities":
                self._entities.add(documents)
            else:
                self._sums[marks] += _others(documents, marks)
        if len(self._entities) >= BLOCK:
            self._settle()

    def _settle(self) -> None:
        """Write down the sums of the entities that were only collected so far."""
        if len(self._entities):
            self._sums["entities"] += self._entities.sums()
            self._entities = Entities()

    def merge(self, other: Digest) -> None:
        """Add the documents of another. Raises InputError where both hold one."""
        self._settle()
        other._settle()
        if twice := set(self._ids).intersection(other._ids):
            raise InputError(f"id: {shown(min(twice))} stands for two documents; ids name one document each")
        self._ids += other._ids
        self._texts += other._texts
        for marks in self._sums:
            self._sums[marks] += other._sums[marks]

    def of(self, marks: str, schema: Schema | None) -> str:
        """The digest with one layer's marks, in hexadecimal."""
        if marks not in self._made:
            self._settle()
            whole = hashlib.sha256(msgspec.json.encode(schema, order="sorted"))
            for id, text, own in sorted(zip(self._ids, self._texts, self._sums[marks], strict=True), key=itemgetter(0)):
                whole.update(msgspec.json.encode(id) + text + own)
            self._made[marks] = whole.hexdigest()
        return self._made[marks]


def _text(document: Any) -> bytes:
    whole = hashlib.sha256(document.text.encode())
    if document.zones:
        whole.update(msgspec.json.encode(document.zones))
    return whole.digest()


class Entities:
    """The entities of a block, of which the sum of each document is to be made."""

    def __init__(self) -> None:
        """None yet."""
        self._coding = Coding(Codes())
        self._rows = Rows(self._coding)
        self._counts: list[int] = []
        self._annotated: list[bool] = []

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, documents: Sequence[Any]) -> None:
        """Some more documents."""
        placed = entities_of(documents)
        self._rows.add_placed(placed)
        self._counts += placed.counts
        self._annotated += [document.entities is not None for document in documents]

    def sums(self) -> list[bytes]:
        """The sum of each document's entities; one byte where the layer was not annotated."""
        columns = self._rows.columns(np.zeros(len(self), np.int64))
        names = np.array([_label(label) for label in self._coding.labels], np.uint64)
        shapes = np.array([0, *(_label(repr(pieces)) for pieces in self._coding.pieces[1:])], np.uint64)
        mixes = mixed(names[columns.label], columns.start, columns.end, shapes[columns.fragments])
        totals = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixes)])
        borders = np.concatenate([[0], np.cumsum(self._counts)]).astype(np.int64)
        found = (totals[borders[1:]] - totals[borders[:-1]]).astype("<u8")
        return [value.tobytes() if there else b"-" for value, there in zip(found, self._annotated, strict=True)]


def _others(documents: Iterable[Any], marks: str) -> list[bytes]:
    return [b"-" if (found := getattr(document, marks)) is None else _sum(identity(mark) for mark in found) for document in documents]


def _sum(identities: Iterator[bytes]) -> bytes:
    total = sum(int.from_bytes(hashlib.sha256(identity).digest()[:8], "little") for identity in identities)
    return (total % 2**64).to_bytes(8, "little")


@lru_cache(maxsize=100_000)
def _label(label: str) -> int:
    return int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "little")
