"""The digest of a corpus: of all that a score depends on, which are texts, zones, the scored gold
annotations, and the schema.

    annotation  64 bits: of an entity, label, offsets and fragments, mixed; of an event or
                attribution, the first 64 bits of the sha256 of its JSON (keys sorted, without id
                and score)
    document    the sha256 of its id, text and zones; where a layer is annotated, the sha256 of that
                and of the sum of its annotations modulo 2**64, which no order changes
    corpus      the sha256 of the schema's JSON and of the sum of its documents' sha256 modulo
                2**256, which no order changes either

Sums add up, so that the digest of a corpus can be made from those of its shards.
It distinguishes corpora; it does not protect against someone who constructs two corpora with the
same digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import numpy as np

from evalkit.data.batch import Vocabulary, entity_arrays
from evalkit.data.hashing import annotation_key
from evalkit.data.schema import Schema
from evalkit.scoring.columns import ItemArrayBuilder, SharedEncoding, hash_columns

UNANNOTATED = b"-"
# Documents whose entities are summed at once: enough that the cost of calling numpy is shared
BLOCK = 1024


class DigestBuilder:
    """The digest of a corpus that is seen block by block."""

    def __init__(self, marks: Sequence[str]) -> None:
        """marks: the layers of documents that get a digest."""
        self.sums: dict[str, int] = dict.fromkeys(marks, 0)
        self._start()

    def _start(self) -> None:
        self._documents: list[bytes] = []
        self._entities = EntityDigests()
        self._others: dict[str, list[bytes]] = {
            name: [] for name in self.sums if name != "entities"
        }

    def add(self, documents: Sequence[Any]) -> None:
        """Add a few gold documents."""
        self._documents += map(_document, documents)
        if "entities" in self.sums:
            self._entities.add(documents)
        for marks, own in self._others.items():
            own.extend(_annotation_digests(documents, marks))
        if len(self._documents) >= BLOCK:
            self.flush()

    def flush(self) -> None:
        """Sum up what was only collected so far."""
        own = {"entities": self._entities.sums(), **self._others}
        bare = [int.from_bytes(document, "little") for document in self._documents]
        for marks in self.sums:
            found = (
                (
                    without
                    if mine == UNANNOTATED
                    else int.from_bytes(hashlib.sha256(document + mine).digest(), "little")
                )
                for without, document, mine in zip(bare, self._documents, own[marks], strict=True)
            )
            self.sums[marks] = (self.sums[marks] + sum(found)) % 2**256
        self._start()

    def with_schema(self, schema: Schema | None) -> CorpusDigests:
        """What was summed up, and the schema."""
        self.flush()
        return CorpusDigests(
            hashlib.sha256(msgspec.json.encode(schema, order="sorted")).hexdigest(), self.sums
        )


class CorpusDigests(NamedTuple):
    """The hexadecimal sha256 of a schema, and for each layer the sum of the documents' digests."""

    schema: str
    sums: Mapping[str, int]

    def of(self, marks: str) -> str:
        """The digest of the corpus with one layer's marks, in hexadecimal."""
        return hashlib.sha256(f"{self.schema} {self.sums[marks]:064x}".encode()).hexdigest()


def _document(document: Any) -> bytes:
    id: bytes = msgspec.json.encode(document.id)
    whole = hashlib.sha256(id + document.text.encode())
    if document.zones:
        whole.update(msgspec.json.encode(document.zones))
    return whole.digest()


class EntityDigests:
    """The entities of a block, of which the sum of each document is to be made."""

    def __init__(self) -> None:
        """None yet."""
        self._coding = SharedEncoding(Vocabulary())
        self._rows = ItemArrayBuilder(self._coding)
        self._counts: list[int] = []
        self._annotated: list[bool] = []

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, documents: Sequence[Any]) -> None:
        """Some more documents."""
        placed = entity_arrays(documents)
        self._rows.add_placed(placed)
        self._counts += placed.counts
        self._annotated += [document.entities is not None for document in documents]

    def sums(self) -> list[bytes]:
        """The sum of each document's entities; one byte where the layer was not annotated."""
        columns = self._rows.columns(np.zeros(len(self), np.int64))
        names = np.array([_label(label) for label in self._coding.labels], np.uint64)
        shapes = np.array(
            [0, *(_label(repr(pieces)) for pieces in self._coding.pieces[1:])], np.uint64
        )
        mixes = hash_columns(
            names[columns.label], columns.start, columns.end, shapes[columns.fragments]
        )
        totals = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixes)])
        borders = np.concatenate([[0], np.cumsum(self._counts)]).astype(np.int64)
        found = (totals[borders[1:]] - totals[borders[:-1]]).astype("<u8")
        return [
            value.tobytes() if there else UNANNOTATED
            for value, there in zip(found, self._annotated, strict=True)
        ]


def _annotation_digests(documents: Iterable[Any], marks: str) -> list[bytes]:
    return [
        (
            UNANNOTATED
            if (found := getattr(document, marks)) is None
            else _sum(annotation_key(mark) for mark in found)
        )
        for document in documents
    ]


def _sum(identities: Iterator[bytes]) -> bytes:
    total = sum(
        int.from_bytes(hashlib.sha256(identity).digest()[:8], "little") for identity in identities
    )
    return (total % 2**64).to_bytes(8, "little")


@lru_cache(maxsize=100_000)
def _label(label: str) -> int:
    return int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "little")
