"""Which prediction belongs to which gold document?

Two corpora or two files in, chunks of both sides out.

Documents are joined by id. A document that the prediction lacks is refused, or taken as empty where
that was asked for; one that gold lacks, or that has another text, is refused. Files are read in
chunks and let go: memory does not grow with them as long as both are in one order; where they are
not, the predictions are found through an index of their lines.
"""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evalkit.corpus import Corpus
from evalkit.data.batch import DocumentBatch
from evalkit.data.document import Document
from evalkit.data.duplicates import advise_dropping, find_duplicates
from evalkit.data.schema import Schema
from evalkit.errors import InputError, LoadError, quoted_repr, spell_option
from evalkit.formats import jsonl_stream as blocks

# Documents that are read at once: few enough that they stay in the processor's cache until they are
# rows
CHUNK = 64
MISSING_AS_EMPTY = (  # stands for the reason where missing=empty was asked for
    "absent: taken as empty"
)
MAX_READ_AHEAD = (
    2048  # predicted documents that may wait for their gold before the order is taken to differ
)


class DocumentPairs(NamedTuple):
    """Gold documents and their predictions, side by side."""

    gold: DocumentBatch
    predicted: DocumentBatch


class FileRange(NamedTuple):
    """The lines of a file from one byte up to another."""

    path: Path
    start: int
    end: int


@dataclass
class EvaluationInputs:
    """Where both sides come from: their names, gold's schema, and the chunks.

    `absent` counts documents taken as empty.
    """

    name: str
    prediction_name: str
    schema: Schema | None
    gold: Corpus | Path | FileRange
    predicted: Corpus | Path | FileRange
    missing: str
    missing_count: int = field(default=0)
    conversion: dict[str, dict[str, dict[str, int]]] = field(
        default_factory=dict
    )  # of gold and predicted, as ConversionReport.to_json
    duplicates: str = "error"  # of gold: whether they were refused or dropped
    read: str = ""  # the signature's field: reading options that differ from their defaults

    def iter_batches(self) -> Iterator[DocumentPairs]:
        """The documents of both sides, 64 at a time."""
        self.missing_count = 0
        with (
            closing(
                InMemoryPredictions(self.predicted)
                if isinstance(self.predicted, Corpus)
                else FilePredictions(self.predicted)
            ) as answers,
            closing(_chunks(self.gold)) as chunks,
        ):
            for golden in chunks:
                refuse_duplicates(golden, self.name)
                found = answers.for_documents(golden)
                if None in found or [
                    True for gold, said in zip(golden, found, strict=True) if gold.text != said.text
                ]:
                    found = DocumentBatch(
                        self._checked(document, answer)
                        for document, answer in zip(golden, found, strict=True)
                    )
                yield DocumentPairs(golden, found)
            unknown = answers.unmatched_ids()
        if unknown:
            raise InputError(
                f"{self.prediction_name}: {len(unknown)} documents are not in {self.name}, such as"
                f" {quoted_repr(unknown[0])}; score against the corpus they come from"
            )

    def _checked(self, document: Any, answer: Any) -> Any:
        if answer is None:
            if self.missing == "error":
                raise InputError(
                    f"{self.prediction_name}: lacks document {quoted_repr(document.id)} of"
                    f" {self.name}; predict it, or count what is missing as empty with"
                    f" {spell_option('missing', 'empty')}"
                )
            self.missing_count += 1
            return Document(document.id, document.text, failure=MISSING_AS_EMPTY)
        if answer.text != document.text:
            difference = _first_difference(document.text, answer.text)
            raise InputError(
                f"{self.prediction_name}: document {quoted_repr(document.id)} has another text"
                f" than in {self.name}: {difference}{_advise_texts(document.text, answer.text)}"
            )
        return answer


class InMemoryPredictions:
    """Predictions in memory."""

    def __init__(self, corpus: Corpus) -> None:
        self._left = {document.id: document for document in corpus}

    def for_documents(self, golden: DocumentBatch) -> DocumentBatch:
        """The prediction for each document; None where there is none."""
        return DocumentBatch([self._left.pop(document.id, None) for document in golden])

    def unmatched_ids(self) -> list[str]:
        """The ids that were never asked for, once all of gold was."""
        return list(self._left)

    def close(self) -> None:
        """Nothing is open."""


class FilePredictions:
    """Predictions in a JSONL file, read on as they are asked for."""

    def __init__(self, file: Path | FileRange) -> None:
        part = file if isinstance(file, FileRange) else FileRange(file, 0, -1)
        self._path, self._whole = part.path, not isinstance(file, FileRange)
        self._waiting: dict[str, Any] = {}
        self._ids: set[str] = set()
        self._reader = blocks.JsonlBatchReader(*part)
        self._lines: dict[str, int] | None = None

    def for_documents(self, golden: DocumentBatch) -> DocumentBatch:
        """The prediction for each document; None where there is none."""
        ids = [document.id for document in golden]
        if (
            not self._waiting
            and self._lines is None
            and (chunk := self._read(len(ids))) is not None
        ):
            if [
                document.id for document in chunk
            ] == ids:  # both files are in one order: as they mostly are
                return chunk
            self._waiting = {document.id: document for document in chunk}
        return DocumentBatch([self._get(id) for id in ids])

    def _get(self, id: str) -> Any:
        while id not in self._waiting and self._lines is None:
            if len(self._waiting) > MAX_READ_AHEAD and self._whole:
                self._lines = self._index()
            elif (chunk := self._read()) is None:
                return None
            else:
                self._waiting.update((document.id, document) for document in chunk)
        if id in self._waiting or self._lines is None:
            return self._waiting.pop(id, None)
        at = self._lines.pop(id, None)
        return None if at is None else blocks.document_at(self._path, at)

    def _read(self, lines: int | None = None) -> DocumentBatch | None:
        chunk = self._reader.read(lines)
        if chunk:
            _register_ids(chunk, self._ids, self._path)
        return chunk

    def _index(self) -> dict[str, int]:
        """Where the line of each document begins that was not read yet."""
        lines: dict[str, int] = {}
        for id, at in blocks.index_lines(self._path):
            if id in lines:
                raise LoadError(
                    [
                        f"{self._path}: id: {quoted_repr(id)} stands for two documents; ids name"
                        " one"
                        " document"
                        " each"
                    ]
                )
            lines[id] = at
        return {id: at for id, at in lines.items() if id not in self._ids}

    def unmatched_ids(self) -> list[str]:
        """The ids that were never asked for, once all of gold was."""
        while (
            self._lines is None
            and len(self._waiting) <= MAX_READ_AHEAD
            and (chunk := self._read()) is not None
        ):
            self._waiting.update((document.id, document) for document in chunk)
        return [*self._waiting, *(self._lines or ())]

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def split_files(gold: Any, predicted: Any, n: int) -> list[tuple[FileRange, FileRange]]:
    """Both files cut at the same documents, into n pieces of about one size; one piece where no
    such cut is found.
    """
    if not isinstance(gold, Path) or not isinstance(predicted, Path):
        return []
    sizes = gold.stat().st_size, predicted.stat().st_size
    cuts = [(0, 0)]
    for k in range(1, n):
        found = blocks.line_after(gold, sizes[0] * k // n)
        at = None if found is None else blocks.line_of_id(predicted, found[0], sizes[1] * k // n)
        if found is not None and at is not None and found[1] > cuts[-1][0] and at > cuts[-1][1]:
            cuts.append((found[1], at))
    cuts.append(sizes)
    return [
        (FileRange(gold, a, c), FileRange(predicted, b, d)) for (a, b), (c, d) in pairwise(cuts)
    ]


def _chunks(gold: Corpus | Path | FileRange) -> Generator[DocumentBatch, None, None]:
    if isinstance(gold, Corpus):
        documents = list(gold)
        yield from (
            DocumentBatch(documents[first : first + CHUNK])
            for first in range(0, len(documents), CHUNK)
        )
        return
    seen: set[str] = set()
    part = gold if isinstance(gold, FileRange) else FileRange(gold, 0, -1)
    with closing(blocks.JsonlBatchReader(*part)) as reader:
        while (chunk := reader.read()) is not None:
            _register_ids(chunk, seen, part.path)
            yield chunk


def refuse_duplicates(gold: DocumentBatch, name: str) -> None:
    """Raise LoadError if gold documents have duplicates, in any layer."""
    if gold.contiguous_only or all(
        document.events is None and document.attributions is None for document in gold
    ):
        suspects = gold if _may_have_duplicate_entities(gold) else []
    else:
        suspects = gold
    faults = [f"{name}: {fault}" for document in suspects for fault in find_duplicates(document)]
    if faults:
        raise LoadError(faults, advice=[advise_dropping()])


def _may_have_duplicate_entities(chunk: DocumentBatch) -> bool:
    """Whether two entities of a document have the same label, start and end; rarely True where none
    have.
    """
    counts, starts, ends, labels, _ = chunk.entities
    start, end, label = (np.frombuffer(values, np.uint64) for values in (starts, ends, labels))
    document = np.repeat(np.arange(len(counts), dtype=np.uint64), counts)
    hashes = np.sort(
        ((document * _FACTORS[0] + start) * _FACTORS[1] + end) * _FACTORS[2] + label
    )  # products wrap around
    return bool((hashes[1:] == hashes[:-1]).any())


_FACTORS = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64
)  # large and odd


def _register_ids(chunk: DocumentBatch, seen: set[str], path: Path) -> None:
    """Note the ids of a chunk. Raises LoadError for one that was there before."""
    for id in [document.id for document in chunk]:
        if id in seen:
            raise LoadError(
                [
                    f"{path}: id: {quoted_repr(id)} stands for two documents; ids name one document"
                    " each"
                ]
            )
        seen.add(id)


def _advise_texts(gold: str, other: str) -> str:
    """What to do about texts that differ only in their white space, as those of files with tokens
    do.
    """
    if "".join(gold.split()) != "".join(other.split()):
        return ""
    return (
        "; only the white space differs, as where tokens were joined or tokenized differently:"
        f" read both files with the original texts ({spell_option('texts', 'DIR', of='format')}),"
        " so that tokens are aligned with them"
    )


def _first_difference(gold: str, other: str) -> str:
    at = next(
        (n for n, (a, b) in enumerate(zip(gold, other, strict=False)) if a != b),
        min(len(gold), len(other)),
    )
    return (
        f"from character {at} on, {quoted_repr(other[at : at + 20])} where"
        f" {quoted_repr(gold[at : at + 20])} is expected"
    )


@contextmanager
def gc_disabled() -> Iterator[None]:
    """Leave the garbage collector off: documents hold no cycles, and looking through millions of
    them takes longer than reading them.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
