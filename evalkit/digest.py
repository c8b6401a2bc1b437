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
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np

from evalkit.columns import Codes, Coding, Rows, mixed
from evalkit.corpus import identity
from evalkit.errors import InputError, shown
from evalkit.layers import Items
from evalkit.schema import Schema

BLOCK = 1024  # documents whose entities are summed at once: enough that the cost of calling numpy is shared


class Digest:
    """The digest of a corpus that is seen block by block."""

    def __init__(self, marks: Sequence[str]) -> None:
        """`marks`: the layers of documents to be told apart."""
        self._marks = list(marks)
        self._documents: list[tuple[str, bytes, dict[str, bytes]]] = []
        self._made: dict[str, str] = {}
        self._entities = Entities()

    def take(self, documents: Sequence[Any]) -> None:
        """Add a block of gold documents."""
        if "entities" in self._marks:
            self._entities.add(documents)
        others = [marks for marks in self._marks if marks != "entities"]
        sums = [_others(documents, marks) for marks in others]
        for number, document in enumerate(documents):
            whole = hashlib.sha256(document.text.encode())
            if document.zones:
                whole.update(msgspec.json.encode(document.zones))
            self._documents.append((document.id, whole.digest(), {marks: column[number] for marks, column in zip(others, sums)}))
        if len(self._entities) >= BLOCK:
            self._settle()

    def _settle(self) -> None:
        """Write down the sums of the entities that were only collected so far."""
        sums = self._entities.sums()
        for (_, _, written), entities in zip(self._documents[len(self._documents) - len(sums) :], sums, strict=True):
            written["entities"] = entities
        self._entities = Entities()

    def merge(self, other: Digest) -> None:
        """Add the documents of another. Raises InputError where both hold one."""
        self._settle()
        other._settle()
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
        self._settle()
        whole = hashlib.sha256(msgspec.json.encode(schema, order="sorted"))
        for id, text, sums in sorted(self._documents, key=itemgetter(0)):
            whole.update(msgspec.json.encode(id) + text + sums[marks])
        return whole.hexdigest()


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
        each = [document.entities or () for document in documents]
        counts = list(map(len, each))
        self._rows.add(Items(counts, None, list(chain.from_iterable(each))))
        self._counts += counts
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
