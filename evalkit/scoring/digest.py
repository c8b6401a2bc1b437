"""The digest of a corpus: of all that a score depends on, which are texts, zones, the scored gold
annotations, and the schema.

    annotation  64 bits: of an entity, label, offsets and fragments, mixed; of another annotation,
                the XXH3 of its JSON (keys sorted, without id and score; a relation has the label
                and the span of its arguments in place of their ids); for `entities:KEY`, of
                [label, fragments, canonical value] of each entity that has KEY; an entity that has
                alternatives or is optional adds the XXH3 of [label, fragments, sorted (label,
                fragments) of alternatives, whether it is optional]; an entity without offsets has
                the XXH3 of [label, string]; for `events+mentions`, also of [event type, trigger,
                role, fragments, mentions] of each argument that has mentions other than itself
    document    the 128 bits of the XXH3 of its id, text and zones; where a layer is annotated, the
                XXH3 of that and of the sum of its annotations modulo 2**64, which no order changes
    corpus      the sha256 of the schema's JSON and of the sum of its documents' digests modulo
                2**128, which no order changes either

Sums add up, so that the digest of a corpus can be made from those of its shards.
It distinguishes corpora; it does not protect against someone who constructs two corpora with the
same digest. XXH3 (https://xxhash.com) does as much as such a digest needs: where a processor has no
instructions for it, the sha256 of the texts takes as long as all other counting.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import numpy as np
import xxhash
from numpy.typing import NDArray

from evalkit.data.batch import LABEL_IDS, DocumentBatch, EntityArrays, Vocabulary, is_lenient
from evalkit.data.compiled import core
from evalkit.data.document import LAYERS as DOCUMENT_LAYERS
from evalkit.data.document import span_fragments
from evalkit.data.gold_alternatives import label_of
from evalkit.data.hashing import annotation_keys
from evalkit.data.schema import Schema
from evalkit.scoring.argument_mentions import iter_mention_digests
from evalkit.scoring.attribute_values import iter_value_digests
from evalkit.scoring.columns import ItemArrayBuilder, SharedEncoding, hash_columns
from evalkit.scoring.event_items import MENTIONS_SUFFIX

UNANNOTATED = b"-"
DIGEST_RANGE = 2**128
# Documents whose entities are summed at once: enough that the cost of calling numpy is shared.
BLOCK_DOCUMENTS = 1024


class DigestBuilder:
    """The digest of a corpus that is read batch by batch."""

    def __init__(self, layers: Sequence[str]) -> None:
        """layers: the layers of documents that get a digest."""
        self.sums: dict[str, int] = dict.fromkeys(layers, 0)
        self._start_block()

    def _start_block(self) -> None:
        self._documents: list[bytes] = []
        self._entities = EntityDigests()
        self._annotations: dict[str, list[bytes]] = {
            layer: [] for layer in self.sums if layer != "entities"
        }

    def add(self, documents: Sequence[Any]) -> None:
        """Add gold documents."""
        self._documents += map(_digest_document, documents)
        if "entities" in self.sums:
            self._entities.add(documents)
        for layer, digests in self._annotations.items():
            is_plain = isinstance(documents, DocumentBatch) and documents.contiguous_only
            if is_plain and layer in DOCUMENT_LAYERS:
                digests.extend([UNANNOTATED] * len(documents))
            else:
                digests.extend([_digest_annotations(document, layer) for document in documents])
        if len(self._documents) >= BLOCK_DOCUMENTS:
            self.flush()

    def flush(self) -> None:
        """Add the documents of the current block to the sums."""
        digests_of_layer = {"entities": self._entities.sums(), **self._annotations}
        from_bytes = int.from_bytes
        unannotated = None  # the sum of documents that are not annotated, computed once
        for layer in self.sums:
            digests = digests_of_layer[layer]
            if digests.count(UNANNOTATED) == len(digests):
                if unannotated is None:
                    unannotated = sum(from_bytes(digest, "little") for digest in self._documents)
                self.sums[layer] = (self.sums[layer] + unannotated) % DIGEST_RANGE
                continue
            total = self.sums[layer]
            for document, of_layer in zip(self._documents, digests, strict=True):
                digest = document
                if of_layer != UNANNOTATED:
                    digest = xxhash.xxh3_128_digest(document + of_layer)
                total += from_bytes(digest, "little")
            self.sums[layer] = total % DIGEST_RANGE
        self._start_block()

    def with_schema(self, schema: Schema | None) -> CorpusDigests:
        """The digests of all documents that were added, and that of the schema."""
        self.flush()
        encoded = msgspec.json.encode(schema, order="sorted")
        return CorpusDigests(hashlib.sha256(encoded).hexdigest(), self.sums)


class CorpusDigests(NamedTuple):
    """The hexadecimal sha256 of a schema, and for each layer the sum of the documents' digests."""

    schema: str
    sums: Mapping[str, int]

    def digest_of(self, layer: str) -> str:
        """The hexadecimal digest of the corpus with the annotations of one layer."""
        return hashlib.sha256(f"{self.schema} {self.sums[layer]:032x}".encode()).hexdigest()


def _digest_document(document: Any) -> bytes:
    id: bytes = msgspec.json.encode(document.id)
    content = id + document.text.encode()
    if document.zones:
        content += msgspec.json.encode(document.zones)
    return xxhash.xxh3_128_digest(content)


class EntityDigests:
    """Sums the digests of the entities of each document of a block."""

    def __init__(self) -> None:
        """No documents yet."""
        self._coding = SharedEncoding(Vocabulary())
        self._items = ItemArrayBuilder(self._coding)
        self._counts: list[int] = []
        self._is_annotated: list[bool] = []
        # Of documents with alternatives, optional items or entities without offsets
        self._added_sums: dict[int, int] = {}
        # The sums of the first documents, which have contiguous entities only.
        self._first_sums = bytearray()

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, documents: Sequence[Any]) -> None:
        """Add the entities of documents."""
        batch = documents if isinstance(documents, DocumentBatch) else DocumentBatch(documents)
        entities = batch.entities
        if batch.has_lenient_entities:
            for n, document in enumerate(documents, len(self._is_annotated)):
                if is_lenient(document):
                    self._added_sums[n] = _sum_lenient(document)
        if batch.has_unplaced:
            for n, document in enumerate(documents, len(self._is_annotated)):
                if document.unplaced:
                    self._added_sums[n] = self._added_sums.get(n, 0) + _sum_quotes(document)
        if not batch.has_unannotated:
            self._is_annotated += [True] * len(documents)
        else:
            self._is_annotated += [document.entities is not None for document in documents]
        if core is not None and not self._counts and not entities.discontinuous:
            self._first_sums += _sum_contiguous(entities)
            return
        self._items.add_placed(entities)
        self._counts += entities.counts

    def sums(self) -> list[bytes]:
        """The sum of each document; UNANNOTATED if the layer is not annotated."""
        sums = bytes(self._first_sums) + (self._sums_of_items().tobytes() if self._counts else b"")
        if self._added_sums:
            words = np.frombuffer(sums, "<u8").tolist()
            for n, total in self._added_sums.items():
                words[n] = (words[n] + total) % 2**64
            sums = np.array(words, "<u8").tobytes()
        return [
            sums[8 * n : 8 * n + 8] if is_annotated else UNANNOTATED
            for n, is_annotated in enumerate(self._is_annotated)
        ]

    def _sums_of_items(self) -> NDArray[np.uint64]:
        items = self._items.columns(np.zeros(len(self), np.int64))
        labels = np.array([_hash_text(label) for label in self._coding.labels], np.uint64)
        fragments = [_hash_text(repr(pieces)) for pieces in self._coding.pieces[1:]]
        shapes = np.array([0, *fragments], np.uint64)  # 0: contiguous
        digests = hash_columns(labels[items.label], items.start, items.end, shapes[items.fragments])
        totals = np.concatenate([np.zeros(1, np.uint64), np.cumsum(digests)])
        borders = np.concatenate([[0], np.cumsum(self._counts)]).astype(np.int64)
        sums: NDArray[np.uint64] = totals[borders[1:]] - totals[borders[:-1]]
        return sums.astype("<u8")


def _sum_lenient(document: Any) -> int:
    """The sum of the digests of what gold accepts beside each entity."""
    total = 0
    for entity in document.entities or ():
        if entity.alternatives or entity.optional:
            alternatives = sorted(
                (label_of(alternative, entity), span_fragments(alternative))
                for alternative in entity.alternatives
            )
            content = (entity.label, span_fragments(entity), alternatives, entity.optional)
            total += xxhash.xxh3_64_intdigest(msgspec.json.encode(content))
    return total % 2**64


def _sum_quotes(document: Any) -> int:
    """The sum of the digests of the entities without offsets."""
    total = 0
    for item in document.unplaced:
        if item.layer == "entities":
            total += xxhash.xxh3_64_intdigest(msgspec.json.encode((item.label, item.quote)))
    return total % 2**64


_label_hashes: NDArray[np.uint64] = np.zeros(0, np.uint64)  # by the numbers of LABEL_IDS


def _sum_contiguous(entities: EntityArrays) -> bytes:
    """The sum of the digests of the contiguous entities of each document, as 64-bit words."""
    global _label_hashes  # noqa: PLW0603 - labels keep their numbers as long as the process runs
    hashes = _label_hashes  # another thread may replace the array meanwhile
    if len(hashes) < len(LABEL_IDS):
        new_labels = list(LABEL_IDS)[len(hashes) :]
        new_hashes = np.array([_hash_text(label) for label in new_labels], np.uint64)
        _label_hashes = hashes = np.concatenate([hashes, new_hashes])
    columns = (entities.start, entities.end, entities.label)
    sums: bytes = core.sum_entity_digests(entities.counts, *columns, hashes)  # type: ignore[union-attr]
    return np.frombuffer(sums, np.uint64).astype("<u8").tobytes()


def _digest_annotations(document: Any, layer: str) -> bytes:
    """The sum of the digests of the annotations of a layer, or of the entities with the attribute
    KEY for the layer `entities:KEY`; of events and the mentions of arguments for `events+mentions`;
    UNANNOTATED for None.
    """
    document_layer, _, attribute = layer.removesuffix(MENTIONS_SUFFIX).partition(":")
    if getattr(document, document_layer) is None:
        return UNANNOTATED
    if attribute:
        keys = iter_value_digests(document, attribute)
    else:
        keys = annotation_keys(document, document_layer)
    if layer.endswith(MENTIONS_SUFFIX):
        keys = chain(keys, iter_mention_digests(document))
    total = 0
    for key in keys:
        total += xxhash.xxh3_64_intdigest(key)
    return (total % 2**64).to_bytes(8, "little")


@lru_cache(maxsize=100_000)
def _hash_text(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode())
