"""The counts of a shard as bytes: what a worker process returns, and what a run directory stores.

Ids of documents are held once, arrays have the smallest type that holds their numbers, and equal
arrays are held once.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from evalkit.data.batch import Vocabulary
from evalkit.results.metadata import ResultMetadata
from evalkit.results.result import Result
from evalkit.scoring.cells import COUNTS, choose_count_type
from evalkit.scoring.columns import Cells, Ints
from evalkit.scoring.counts import Accuracy, Counts
from evalkit.scoring.digest import CorpusDigests
from evalkit.scoring.metrics import Metric
from evalkit.scoring.zones import CountUnit
from evalkit.stats.intervals import Resampling


class PackedArray(msgspec.Struct, frozen=True, array_like=True):
    """Numbers from 0 on. dtype: as numpy names it, with the order of bytes."""

    dtype: str
    data: bytes


class PackedUnits(msgspec.Struct, array_like=True):
    """The units of a layer: the indices of their documents and zones, and the numbers of their
    sentences from 1 on (0: all sentences).

    zones: their names; None stands for no zone. Without arrays, each document is a unit.
    """

    documents: int | None
    zones: list[str | None]
    zone: int | None
    sentence: int | None


class PackedCounts(msgspec.Struct):
    """The counts of a metric; see `Counts`. Arrays are indices of `ShardCounts.arrays`; None stands
    for zeros.
    """

    metric: str
    labels: list[str]
    unit: int
    label: int
    values: list[int | None]
    signature: dict[str, str]
    set_aside: dict[str, int]
    has_incorrect: bool
    resampling_unit_count: int
    accuracy: Accuracy | None = None


class ShardCounts(msgspec.Struct):
    """The result of a shard, and its name.

    documents: the ids of all gold documents. units: those of each layer of metrics. digests: the
    schema's, and a layer to a hexadecimal sum. zones: those of gold. has_prediction_meta: whether a
    prediction has meta.
    """

    name: str
    documents: list[str]
    arrays: list[PackedArray]
    units: dict[str, PackedUnits]
    counts: list[PackedCounts]
    resampling: Resampling
    digests: tuple[str, dict[str, str]] | None
    metadata: ResultMetadata
    zones: list[str]
    has_prediction_meta: bool

    def to_result(self) -> Result:
        """The result that was encoded."""
        units = {layer: self._unpack_units(packed) for layer, packed in self.units.items()}
        digests = None
        if self.digests is not None:
            schema, sums = self.digests
            digests = CorpusDigests(schema, {name: int(total, 16) for name, total in sums.items()})
        counts = [
            self._unpack_counts(packed, units[Metric.parse(packed.metric).layer])
            for packed in self.counts
        ]
        return Result(counts, self.resampling, digests, self.metadata)

    def _unpack_units(self, packed: PackedUnits) -> tuple[CountUnit, ...]:
        if packed.documents is None or packed.zone is None or packed.sentence is None:
            return tuple(map(CountUnit, self.documents))
        documents = [self.documents[n] for n in self._array(packed.documents).tolist()]
        zones = [packed.zones[n] for n in self._array(packed.zone).tolist()]
        sentences = [n - 1 if n else None for n in self._array(packed.sentence).tolist()]
        return tuple(map(CountUnit, documents, zones, sentences))

    def _unpack_counts(self, packed: PackedCounts, units: tuple[CountUnit, ...]) -> Counts:
        unit = self._array(packed.unit).astype(np.int32)
        columns = [None if index is None else self._array(index) for index in packed.values]
        count_type = choose_count_type(*(column for column in columns if column is not None))
        values = np.zeros((len(COUNTS), len(unit)), count_type)
        for row, column in zip(values, columns, strict=True):
            if column is not None:
                row[:] = column
        return Counts(
            packed.metric,
            tuple(packed.labels),
            units,
            unit,
            self._array(packed.label).astype(np.int64),
            values,
            packed.signature,
            packed.set_aside,
            packed.has_incorrect,
            packed.resampling_unit_count,
            packed.accuracy,
        )

    def _array(self, index: int) -> Cells | Ints:
        packed = self.arrays[index]
        return np.frombuffer(packed.data, packed.dtype)


def decode_shard(data: bytes) -> ShardCounts:
    """The counts in the bytes of `encode_shard`. Raises msgspec.MsgspecError for other bytes."""
    return msgspec.msgpack.decode(data, type=ShardCounts)


def encode_shard(name: str, result: Result, zones: set[str], *, has_prediction_meta: bool) -> bytes:
    """The counts of a shard as bytes. zones: those that gold has."""
    documents = Vocabulary()
    arrays = _ArrayTable()
    units: dict[str, PackedUnits] = {}
    units_of: dict[str, Sequence[CountUnit]] = {}
    for counts in result.counts:
        units_of.setdefault(Metric.parse(counts.metric).layer, counts.units)
    for layer_units in units_of.values():
        for unit in layer_units:
            documents[unit.document]  # numbers the document
    for id in result.metadata.unscored_documents:
        documents[id]
    for layer, layer_units in units_of.items():
        units[layer] = _pack_units(layer_units, documents, arrays)
    digests = None
    if result.digests is not None:
        sums = {layer: f"{total:x}" for layer, total in result.digests.sums.items()}
        digests = result.digests.schema, sums
    packed = [_pack_counts(counts, arrays) for counts in result.counts]
    return msgspec.msgpack.encode(
        ShardCounts(
            name,
            list(documents),
            list(arrays),
            units,
            packed,
            result.resampling,
            digests,
            result.metadata,
            sorted(zones),
            has_prediction_meta,
        )
    )


class _ArrayTable(dict[PackedArray, int]):
    """The index of each array; equal arrays have one index."""

    def add(self, numbers: Cells | Ints) -> int:
        """The index of an array, which is added if it is new."""
        largest = int(numbers.max()) if len(numbers) else 0
        dtype = np.min_scalar_type(largest).newbyteorder("<")
        packed = PackedArray(dtype.str, numbers.astype(dtype).tobytes())
        return self.setdefault(packed, len(self))


def _pack_units(
    units: Sequence[CountUnit], documents: Vocabulary, arrays: _ArrayTable
) -> PackedUnits:
    has_document_units = len(units) == len(documents) and all(
        unit.zone is None and unit.sentence is None for unit in units
    )
    if has_document_units and [unit.document for unit in units] == list(documents):
        return PackedUnits(None, [], None, None)
    zones = Vocabulary()
    document_numbers = [documents[unit.document] for unit in units]
    zone_numbers = [zones[unit.zone] for unit in units]
    sentence_numbers = [0 if unit.sentence is None else unit.sentence + 1 for unit in units]
    return PackedUnits(
        arrays.add(np.array(document_numbers, np.int64)),
        list(zones),
        arrays.add(np.array(zone_numbers, np.int64)),
        arrays.add(np.array(sentence_numbers, np.int64)),
    )


def _pack_counts(counts: Counts, arrays: _ArrayTable) -> PackedCounts:
    return PackedCounts(
        counts.metric,
        list(counts.labels),
        arrays.add(counts.unit),
        arrays.add(counts.label),
        [arrays.add(row) if row.any() else None for row in counts.values],
        dict(counts.signature),
        dict(counts.set_aside),
        counts.has_incorrect,
        counts.resampling_unit_count,
        counts.accuracy,
    )
