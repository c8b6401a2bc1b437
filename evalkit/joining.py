"""Which prediction belongs to which gold document? Two corpora or two files in, blocks of both sides out.

Documents are joined by id. A document that the prediction lacks is refused, or taken as empty where that was asked for; one
that gold lacks, or that has another text, is refused. Files are read in blocks and let go: memory does not grow with them
as long as both are in one order; where they are not, the predictions are found through an index of their lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.corpus import Corpus
from evalkit.document import Document
from evalkit.errors import InputError, LoadError, shown
from evalkit.formats import jsonl
from evalkit.schema import Schema

BLOCK = 1024  # documents that are compared at once: enough that the cost of calling numpy is shared, few enough to be let go soon
ABSENT = "absent: taken as empty"  # stands for the reason where missing=empty was asked for
READ_AHEAD = 2 * BLOCK  # predicted documents that may wait for their gold before the order is taken to differ


class Joined(NamedTuple):
    """Gold documents and their predictions, side by side."""

    gold: Sequence[Any]
    predicted: Sequence[Any]


@dataclass
class Source:
    """Where both sides come from: their names, gold's schema, and the blocks. `absent` counts documents taken as empty."""

    name: str
    model: str
    schema: Schema | None
    gold: Corpus | Path
    predicted: Corpus | Path
    missing: str
    absent: int = field(default=0)

    def blocks(self) -> Iterator[Joined]:
        """Both sides in blocks of 1,024 documents."""
        self.absent = 0
        answers = Held(self.predicted) if isinstance(self.predicted, Corpus) else Filed(self.predicted)
        for golden in _blocks(self.gold):
            found = [answers.get(document.id) for document in golden]
            if None in found or [True for gold, said in zip(golden, found, strict=True) if gold.text != said.text]:
                found = [self._checked(document, answer) for document, answer in zip(golden, found, strict=True)]
            yield Joined(golden, found)
        if unknown := answers.unknown():
            raise InputError(f"{self.model}: {len(unknown)} documents are not in {self.name}, such as {shown(unknown[0])}; score against the corpus they come from")

    def _checked(self, document: Any, answer: Any) -> Any:
        if answer is None:
            if self.missing == "refuse":
                raise InputError(
                    f"{self.model}: lacks document {shown(document.id)} of {self.name}; predict it, or count what is missing as empty with missing=empty"
                )
            self.absent += 1
            return Document(document.id, document.text, failure=ABSENT)
        if answer.text != document.text:
            difference = _first_difference(document.text, answer.text)
            raise InputError(f"{self.model}: document {shown(document.id)} has another text than in {self.name}: {difference}")
        return answer


class Held:
    """Predictions in memory."""

    def __init__(self, corpus: Corpus) -> None:
        self._left = {document.id: document for document in corpus}

    def get(self, id: str) -> Document | None:
        """The prediction for a document; None where there is none."""
        return self._left.pop(id, None)

    def unknown(self) -> list[str]:
        """The ids that were never asked for, once all of gold was."""
        return list(self._left)


class Filed:
    """Predictions in a JSONL file, read on as they are asked for."""

    def __init__(self, path: Path) -> None:
        self._path, self._waiting, self._ids = path, {}, set()  # type: ignore[var-annotated]
        self._blocks = jsonl.blocks(path, BLOCK)
        self._lines: dict[str, int] | None = None

    def get(self, id: str) -> Any:
        """The prediction for a document; None where there is none."""
        while id not in self._waiting and self._lines is None:
            if len(self._waiting) > READ_AHEAD:
                self._lines = self._index()
            elif not self._read_on():
                return None
        if id in self._waiting or self._lines is None:
            return self._waiting.pop(id, None)
        at = self._lines.pop(id, None)
        return None if at is None else jsonl.document_at(self._path, at)

    def _read_on(self) -> bool:
        block = next(self._blocks, None)
        for document in block or ():
            if document.id in self._ids:
                raise LoadError([f"{self._path}: id: {shown(document.id)} stands for two documents; ids name one document each"])
            self._ids.add(document.id)
            self._waiting[document.id] = document
        return block is not None

    def _index(self) -> dict[str, int]:
        """Where the line of each document begins that was not read yet."""
        lines: dict[str, int] = {}
        for id, at in jsonl.index(self._path):
            if id in lines:
                raise LoadError([f"{self._path}: id: {shown(id)} stands for two documents; ids name one document each"])
            lines[id] = at
        return {id: at for id, at in lines.items() if id not in self._ids}

    def unknown(self) -> list[str]:
        """The ids that were never asked for, once all of gold was."""
        while self._lines is None and len(self._waiting) <= READ_AHEAD and self._read_on():
            pass
        return [*self._waiting, *(self._lines or ())]


def _blocks(gold: Corpus | Path) -> Iterator[Sequence[Any]]:
    if isinstance(gold, Corpus):
        documents = list(gold)
        yield from (documents[first : first + BLOCK] for first in range(0, len(documents), BLOCK))
        return
    seen: set[str] = set()
    for block in jsonl.blocks(gold, BLOCK):
        for document in block:
            if document.id in seen:
                raise LoadError([f"{gold}: id: {shown(document.id)} stands for two documents; ids name one document each"])
            seen.add(document.id)
        yield block


def _first_difference(gold: str, other: str) -> str:
    at = next((n for n, (a, b) in enumerate(zip(gold, other, strict=False)) if a != b), min(len(gold), len(other)))
    return f"from character {at} on, {shown(other[at : at + 20])} where {shown(gold[at : at + 20])} is expected"


def is_jsonl(path: Path) -> bool:
    """Whether a path is a file of the native format, which is read in blocks."""
    return path.is_file() and path.suffix in (".jsonl", ".ndjson")
