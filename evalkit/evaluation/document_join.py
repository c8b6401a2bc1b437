"""Joins gold documents and predictions by id, batch by batch.

A gold document without prediction is an error, or scored as empty on request; a prediction without
gold document, or with another text, is an error. Files are read in batches and dropped: memory does
not grow with them if both are in the same order; if not, the lines of predictions are sorted into
temporary files.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evalkit.corpus import (
    Corpus,
    CorpusSource,
    JsonlFile,
    open_corpus,
    refuse_invalid,
    to_corpus,
)
from evalkit.data.batch import DocumentBatch
from evalkit.data.compiled import core
from evalkit.data.document import Document
from evalkit.data.duplicates import advise_dropping, find_duplicates
from evalkit.data.schema import Schema
from evalkit.errors import InputError, LoadError, quoted_repr, spell_option
from evalkit.evaluation.other_texts import are_string_metrics, replace_text
from evalkit.evaluation.span_tables import check_metrics, open_sides
from evalkit.evaluation.token_alignment import (
    advise_texts,
    align_predictions,
    describe_difference,
)
from evalkit.evaluation.unordered_predictions import (
    IndexedPredictions,
    PartitionedPredictions,
    duplicate_id,
)
from evalkit.formats.arrow_objects import is_arrow_table
from evalkit.formats.conversion import SKIPPED, ConversionReport
from evalkit.formats.jsonl_stream import JsonlBatchReader
from evalkit.formats.reading_options import signature_field
from evalkit.formats.registry import (
    CorpusLocation,
    is_table_file,
    parse_location,
    stream_module,
)
from evalkit.results.wording import join_some, pluralize
from evalkit.scoring.metrics import Metric

# Documents that are read at once: few enough that they stay in the processor's cache until they are
# arrays.
BATCH_DOCUMENTS = 64
SKIPPED_IN_GOLD = "documents that were skipped in gold"
MISSING_AS_EMPTY = "absent: taken as empty"  # the failure of missing documents scored as empty
# Predicted documents that may wait for their gold document, before the order is taken to differ.
MAX_READ_AHEAD = 2048


class DocumentPairs(NamedTuple):
    """Gold documents and their predictions, in the same order."""

    gold: DocumentBatch
    predicted: DocumentBatch


class FileRange(NamedTuple):
    """The lines of a file from one byte up to another."""

    path: Path
    start: int
    end: int


@dataclass(frozen=True)
class ShardedSide:
    """The shards of one side of an evaluation."""

    locations: tuple[CorpusLocation, ...]


Side = Corpus | Path | FileRange | ShardedSide


def path_of(side: Path | FileRange | ShardedSide) -> Path:
    """The path of a file, of the file that a part is of, or of the first shard."""
    if isinstance(side, ShardedSide):
        return side.locations[0].path
    return side if isinstance(side, Path) else side.path


def _range_of(side: Path | FileRange | ShardedSide) -> FileRange:
    return side if isinstance(side, FileRange) else FileRange(path_of(side), 0, -1)


@dataclass
class EvaluationInputs:
    """Both sides of an evaluation.

    name, prediction_name: those of both sides. schema: that of gold. missing: "error" or "empty".
    missing_count: documents scored as empty so far. conversion: what the readers of both sides
    dropped, repaired and skipped, as `ConversionReport.to_json`. duplicates: whether those in gold
    are an "error", or were dropped ("drop"). read: the signature field with the reading options
    that differ from their defaults. document_advice: what to do if the documents of both sides
    differ because they were read with other options; "" if they were not. match_texts: whether
    both sides must have the same texts; if not, the strings of those that differ are compared.
    compares_strings: whether metrics are requested that all compare strings. have_joined_tokens:
    whether the texts of both sides are joined tokens.
    """

    name: str
    prediction_name: str
    schema: Schema | None
    gold: Side
    predicted: Side
    missing: str
    missing_count: int = 0
    conversion: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    duplicates: str = "error"
    read: str = ""
    document_advice: str = ""
    match_texts: bool = True
    compares_strings: bool = False
    have_joined_tokens: bool = False

    def iter_batches(self) -> Iterator[DocumentPairs]:
        """The documents of both sides, 64 at a time.

        Raises InputError for missing documents, unknown documents and documents with another text,
        LoadError for duplicates in gold.
        """
        self.missing_count = 0
        predictions: InMemoryPredictions | FilePredictions
        if isinstance(self.predicted, Corpus):
            predictions = InMemoryPredictions(self.predicted)
        else:
            predictions = FilePredictions(_range_of(self.predicted), self.gold)
        with closing(predictions), closing(_iter_gold_batches(self.gold)) as gold_batches:
            for gold in gold_batches:
                refuse_duplicates(gold, self.name)
                predicted = predictions.for_documents(gold)
                if not _have_equal_texts(gold, predicted):
                    predicted = DocumentBatch(
                        self._check_prediction(document, prediction)
                        for document, prediction in zip(gold, predicted, strict=True)
                    )
                yield DocumentPairs(gold, predicted)
            unknown = predictions.unmatched_ids()
        if unknown and len(unknown) <= self._skipped_in_gold():
            self.conversion["predicted"]["skipped"][SKIPPED_IN_GOLD] = len(unknown)
        elif unknown:
            advice = self.document_advice or "score against the corpus they come from"
            raise InputError(
                f"{self.prediction_name}: {pluralize(len(unknown), 'document')} not in {self.name},"
                f" such as {quoted_repr(unknown[0])}; {advice}"
            )

    def _skipped_in_gold(self) -> int:
        """How many documents with errors were left out of gold."""
        return self.conversion.get("gold", {}).get("skipped", {}).get(SKIPPED, 0)

    def _check_prediction(self, document: Any, prediction: Any) -> Any:
        """The prediction for a document; an empty one if it is missing and that is allowed."""
        if prediction is None:
            if self.missing == "error":
                advice = (
                    "predict it, or count what is missing as empty with"
                    f" {spell_option('missing', 'empty')}"
                )
                if isinstance(self.predicted, Corpus) and self.predicted.ids:
                    names = join_some([quoted_repr(id) for id in self.predicted.ids], most=3)
                    advice += f"; the predictions have {names}"
                raise InputError(
                    f"{self.prediction_name}: lacks document {quoted_repr(document.id)} of"
                    f" {self.name}; {self.document_advice or advice}"
                )
            self.missing_count += 1
            return Document(document.id, document.text, failure=MISSING_AS_EMPTY)
        if prediction.text != document.text:
            if not self.match_texts:
                return replace_text(prediction, document.text)
            difference = describe_difference(document.text, prediction.text)
            advice = self.document_advice or advise_texts(
                document.text, prediction.text, have_joined_tokens=self.have_joined_tokens
            )
            if self.compares_strings:
                advice += f"{'; or ' if advice else ''}join documents by id only with "
                advice += spell_option("match_texts", False)
            raise InputError(
                f"{self.prediction_name}: document {quoted_repr(document.id)} has another text"
                f" than in {self.name}: {'; '.join(filter(None, [difference, advice]))}"
            )
        return prediction


def open_inputs(
    gold: CorpusSource | CorpusLocation,
    predicted: CorpusSource | CorpusLocation,
    missing: str,
    metrics: Collection[Metric] = (),
    *,
    match_texts: bool = True,
) -> EvaluationInputs:
    """Both sides of an evaluation; JSONL and Parquet files of documents are not loaded.

    metrics: those that are requested, of which some need texts. match_texts: whether both sides
    must have the same texts.
    """
    if _is_table(gold) or _is_table(predicted):
        gold_corpus, predicted_corpus = open_sides(gold, predicted)
        check_metrics(metrics, gold_corpus)
    else:
        gold_corpus = _open_side(gold, "gold", predictions=False)
        predicted_corpus = _open_side(predicted, "predictions", predictions=True)
    conversion = {"gold": ConversionReport(), "predicted": ConversionReport()}
    read_options: dict[str, Mapping[str, str]] = {"gold": {}, "predicted": {}}
    for side, corpus in (("gold", gold_corpus), ("predicted", predicted_corpus)):
        if isinstance(corpus, Corpus):
            conversion[side] = corpus.conversion
            read_options[side] = corpus.read_options
    counts = {side: report.to_json() for side, report in conversion.items()}
    if match_texts and isinstance(gold_corpus, Corpus) and isinstance(predicted_corpus, Corpus):
        predicted_corpus, aligned = align_predictions(gold_corpus, predicted_corpus)
        counts["predicted"]["repaired"] |= aligned
    return EvaluationInputs(
        name=gold_corpus.name,
        prediction_name=predicted_corpus.name,
        schema=gold_corpus.schema,
        gold=gold_corpus.path if isinstance(gold_corpus, JsonlFile) else gold_corpus,
        predicted=(
            predicted_corpus.path if isinstance(predicted_corpus, JsonlFile) else predicted_corpus
        ),
        missing=missing,
        conversion=counts,
        duplicates=read_options["gold"].get("duplicates", "error"),
        read=signature_field(read_options["gold"], read_options["predicted"]),
        document_advice=advise_same_documents(
            gold_corpus.name,
            conversion["gold"].effective_options,
            predicted_corpus.name,
            conversion["predicted"].effective_options,
        ),
        match_texts=match_texts,
        compares_strings=are_string_metrics(metrics),
        have_joined_tokens=all(report.has_joined_tokens for report in conversion.values()),
    )


def _open_side(
    source: CorpusSource | CorpusLocation, name: str, *, predictions: bool
) -> Corpus | JsonlFile:
    if isinstance(source, (str, Path, CorpusLocation)):
        return open_corpus(source, predictions=predictions)
    return to_corpus(source, name)


def _is_table(source: CorpusSource | CorpusLocation) -> bool:
    """Whether a side is a Parquet file or a table in memory, which may have no texts."""
    if isinstance(source, (str, Path)):
        source = parse_location(source)
    if isinstance(source, CorpusLocation):
        return is_table_file(source)
    return not isinstance(source, Corpus) and is_arrow_table(source)


def refuse_invalid_files(inputs: EvaluationInputs) -> None:
    """Raise LoadError for an invalid JSONL file: errors of a file come before those of both
    together, and all of them are reported, as load_corpus does.
    """
    for side, is_prediction in ((inputs.gold, False), (inputs.predicted, True)):
        if isinstance(side, Path):
            refuse_invalid(side, predictions=is_prediction)


def _have_equal_texts(gold: DocumentBatch, predicted: DocumentBatch) -> bool:
    """Whether each document has a prediction with the same text."""
    if core is not None:
        return bool(core.have_equal_texts(gold, predicted))
    return None not in predicted and [document.text for document in gold] == [
        document.text for document in predicted
    ]


class InMemoryPredictions:
    """Predictions in memory."""

    def __init__(self, corpus: Corpus) -> None:
        """Keep the documents that are not joined yet."""
        self._remaining = {document.id: document for document in corpus}

    def for_documents(self, gold: DocumentBatch) -> DocumentBatch:
        """The prediction for each document; None if there is none."""
        return DocumentBatch(map(self._remaining.pop, gold.ids, repeat(None)))

    def unmatched_ids(self) -> list[str]:
        """The ids of predictions without gold document, once all of gold is joined."""
        return list(self._remaining)

    def close(self) -> None:
        """Nothing is open."""


class FilePredictions:
    """Predictions in a JSONL or Parquet file, which is read as far as needed."""

    def __init__(self, part: FileRange, gold: Side) -> None:
        """Open the file; nothing is read yet."""
        self._path, self._gold = part.path, gold
        self._is_whole = part.end < 0
        self._waiting: dict[str, Any] = {}  # documents that were read before their gold document
        self._ids: set[str] = set()
        self._reader = stream_module(part.path).open_batches(*part)
        # What was not read when it turned out that the orders differ
        self._rest: PartitionedPredictions | IndexedPredictions | None = None

    def for_documents(self, gold: DocumentBatch) -> DocumentBatch:
        """The prediction for each document; None if there is none."""
        ids = gold.ids
        if not self._waiting and self._rest is None:
            batch = self._read(len(ids))
            if batch is not None:
                if batch.ids == ids:  # the usual case: equal order
                    return batch
                self._waiting = {document.id: document for document in batch}
        for id in ids:
            self._read_up_to(id)
        found = {id: self._waiting.pop(id) for id in ids if id in self._waiting}
        if self._rest is not None:
            others = [id for id in ids if id not in found]
            rest = self._rest.take(others)
            if not found:
                return rest
            found.update(zip(others, rest, strict=True))
        return DocumentBatch([found.get(id) for id in ids])

    def _read_up_to(self, id: str) -> None:
        """Read until a document waits, or until the rest of the file is known to be unordered."""
        while id not in self._waiting and self._rest is None:
            if len(self._waiting) > MAX_READ_AHEAD and self._is_whole:
                self._rest = self._open_rest()
                return
            batch = self._read()
            if batch is None:
                return
            self._waiting.update((document.id, document) for document in batch)

    def _read(self, lines: int | None = None) -> DocumentBatch | None:
        batch: DocumentBatch | None = self._reader.read(lines)
        if batch:
            _register_ids(batch, self._ids, self._path)
        return batch

    def _open_rest(self) -> PartitionedPredictions | IndexedPredictions:
        """The unread documents. Raises LoadError for an id that occurs twice."""
        if not isinstance(self._reader, JsonlBatchReader):
            return IndexedPredictions(self._path, self._reader, self._ids)
        return PartitionedPredictions(self._path, self._reader, self._ids, _iter_ids(self._gold))

    def unmatched_ids(self) -> list[str]:
        """The ids of predictions without gold document, once all of gold is joined."""
        while self._rest is None and len(self._waiting) <= MAX_READ_AHEAD:
            batch = self._read()
            if batch is None:
                break
            self._waiting.update((document.id, document) for document in batch)
        rest = [] if self._rest is None else self._rest.unmatched_ids()
        return [*self._waiting, *rest]

    def close(self) -> None:
        """Close the file, and remove temporary files."""
        if self._rest is not None:
            self._rest.close()
        self._reader.close()


def _iter_ids(gold: Side) -> Iterator[str]:
    """The ids of all gold documents, in order."""
    if isinstance(gold, Corpus):
        yield from gold.ids
        return
    path = path_of(gold)
    for id, _ in stream_module(path).index_lines(path):
        yield id


def _iter_gold_batches(
    gold: Side,
) -> Generator[DocumentBatch, None, None]:
    if isinstance(gold, Corpus):
        documents = list(gold)
        for first in range(0, len(documents), BATCH_DOCUMENTS):
            yield DocumentBatch(documents[first : first + BATCH_DOCUMENTS])
        return
    ids: set[str] = set()
    part = _range_of(gold)
    with closing(stream_module(part.path).open_batches(*part)) as reader:
        while (batch := reader.read()) is not None:
            _register_ids(batch, ids, part.path)
            yield batch


def refuse_duplicates(gold: DocumentBatch, name: str) -> None:
    """Raise LoadError if gold documents have duplicates, in any layer."""
    documents: list[Any] = gold
    if gold.has_entities_only and not _may_have_duplicate_entities(gold):
        documents = []
    errors = []
    for document in documents:
        errors += [f"{name}: {duplicate}" for duplicate in find_duplicates(document)]
    if errors:
        raise LoadError(errors, advice=[advise_dropping()])


# Large odd factors, for hashes whose products wrap around.
_FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)


def _may_have_duplicate_entities(batch: DocumentBatch) -> bool:
    """Whether two entities of a document have the same label, start and end; rarely True if none
    have, as their hashes are compared.
    """
    counts, starts, ends, labels, _ = batch.entities
    if core is not None:
        return bool(core.has_duplicates(counts, starts, ends, labels))
    start, end, label = (np.frombuffer(values, np.uint64) for values in (starts, ends, labels))
    document = np.repeat(np.arange(len(counts), dtype=np.uint64), counts)
    hashes = ((document * _FACTORS[0] + start) * _FACTORS[1] + end) * _FACTORS[2] + label
    hashes.sort()
    return bool((hashes[1:] == hashes[:-1]).any())


def _register_ids(batch: DocumentBatch, ids: set[str], path: Path) -> None:
    """Add the ids of a batch. Raises LoadError for one that is there already."""
    expected = len(ids) + len(batch)
    if not ids.isdisjoint(batch.ids):
        raise duplicate_id(next(id for id in batch.ids if id in ids), path)
    ids.update(batch.ids)
    if len(ids) < expected:
        raise duplicate_id(_first_repeated(batch.ids), path)


def _first_repeated(ids: list[str]) -> str:
    """The first id that occurs again."""
    return next(id for n, id in enumerate(ids) if id in ids[:n])


def advise_same_documents(
    gold: str, gold_options: Mapping[str, str], predicted: str, predicted_options: Mapping[str, str]
) -> str:
    """Advice for two CoNLL files that were not divided into documents in the same way; "" for
    others. The options are those that the readers of both sides applied.
    """
    gold_value, predicted_value = gold_options.get("documents"), predicted_options.get("documents")
    if gold_value is None or predicted_value is None or gold_value == predicted_value:
        return ""
    return (
        f"{gold} was read with documents={gold_value} and {predicted} with"
        f" documents={predicted_value}: read both with"
        f" {spell_option('documents', _common_division(gold_value, predicted_value), of='format')},"
        " or, if only one of them names its documents, with"
        f" {spell_option('documents', 'file', of='format')}"
    )


def _common_division(gold_value: str, predicted_value: str) -> str:
    """A way to divide both files: a number of sentences where one side has it, since any file can
    be divided so; else sentences.
    """
    for value in (gold_value, predicted_value):
        if value.isdecimal():
            return value
    return "sentence"


@contextmanager
def gc_disabled() -> Iterator[None]:
    """Turn the garbage collector off: documents have no reference cycles, and searching millions
    of them takes longer than reading them.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
