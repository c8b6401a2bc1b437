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
from typing import Any

import msgspec
import numpy as np

from evalkit.columns import mixed
from evalkit.corpus import identity
from evalkit.errors import InputError, shown
from evalkit.schema import Schema


class Digest:
    """The digest of a corpus that is seen block by block."""

    def __init__(self, marks: Sequence[str]) -> None:
        """`marks`: the layers of documents to be told apart."""
        self._marks = list(marks)
        self._documents: list[tuple[str, bytes, list[bytes]]] = []
        self._made: dict[str, str] = {}

    def take(self, documents: Sequence[Any]) -> None:
        """Add a block of gold documents."""
        sums = [_entities(documents) if marks == "entities" else _others(documents, marks) for marks in self._marks]
        for number, document in enumerate(documents):
            whole = hashlib.sha256(document.text.encode())
            if document.zones:
                whole.update(msgspec.json.encode(document.zones))
            self._documents.append((document.id, whole.digest(), [column[number] for column in sums]))

    def merge(self, other: Digest) -> None:
        """Add the documents of another. Raises InputError where both hold one."""
        mine = {id for id, _, _ in self._documents}
        if twice := [id for id, _, _ in other._documents if id in mine]:
            raise InputError(f"id: {shown(twice[0])} stands for two documents; ids name one document each")
        self._documents += other._documents

    def of(self, marks: str, schema: Schema | None) -> str:
        """The digest with one layer's marks, in hexadecimal."""
        if marks not in self._made:
            self._made[marks] = self._of(marks, schema)
        return self._made[marks]

    def _of(self, marks: str, schema: Schema | None) -> str:
        at = self._marks.index(marks)
        whole = hashlib.sha256(msgspec.json.encode(schema, order="sorted"))
        for id, text, sums in sorted(self._documents):
            whole.update(msgspec.json.encode(id) + text + sums[at])
        return whole.hexdigest()


def _entities(documents: Sequence[Any]) -> list[bytes]:
    """The sum of each document's entities; one byte where the layer was not annotated."""
    each = [document.entities or () for document in documents]
    flat = [entity for entities in each for entity in entities]
    n = len(flat)
    known = {label: _label(label) for label in {entity.label for entity in flat}}
    label = np.fromiter([known[entity.label] for entity in flat], np.uint64, n)
    start, end = np.fromiter([e.start for e in flat], np.int64, n), np.fromiter([e.end for e in flat], np.int64, n)
    pieces = np.zeros(n, np.uint64)
    for at in [at for at, entity in enumerate(flat) if entity.fragments] if [True for entity in flat if entity.fragments] else ():
        pieces[at] = _label(repr(flat[at].fragments))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed(label, start, end, pieces))])
    borders = np.concatenate([[0], np.cumsum([len(entities) for entities in each])])
    found = sums[borders[1:]] - sums[borders[:-1]]
    return [b"-" if d.entities is None else value.tobytes() for d, value in zip(documents, found.astype("<u8"), strict=True)]


def _others(documents: Iterable[Any], marks: str) -> list[bytes]:
    return [b"-" if (found := getattr(document, marks)) is None else _sum(identity(mark) for mark in found) for document in documents]


def _sum(identities: Iterator[bytes]) -> bytes:
    total = sum(int.from_bytes(hashlib.sha256(identity).digest()[:8], "little") for identity in identities)
    return (total % 2**64).to_bytes(8, "little")


@lru_cache(maxsize=100_000)
def _label(label: str) -> int:
    return int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "little")
