"""The files of a published data set, in a folder as it would be on the Hugging Face Hub.

    README.md            the card
    LICENSE              the license of the annotations and of the texts
    croissant.json       the metadata for programs
    schema.json          labels, roles and rules, where the corpus has a schema
    data/CONFIG.jsonl    documents, entities, events, event_arguments, attributions: those that have
                         a row
    texts/NAME.txt       the texts, byte for byte, under safe names; only with the texts

Without the texts only offsets, digests, and the SHA-256 of each text are written. Values that quote
a text are left out or refused, and every file is searched for quotes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec

from evalkit.corpus import Corpus
from evalkit.data.document import Document
from evalkit.data.schema import save_schema
from evalkit.errors import InputError, LoadError, quoted_repr, spell_option
from evalkit.files import write_atomically
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.filenames import safe_names
from evalkit.formats.gold_marks import drop_gold_marks
from evalkit.formats.hf import count_rounded_scores
from evalkit.formats.hf_tables import table_rows
from evalkit.formats.hf_withheld import digest
from evalkit.hub.croissant import PublishedFile, build_croissant
from evalkit.hub.text_leaks import NgramIndex, drop_quoting_values, iter_leaks
from evalkit.results.wording import pluralize

PAGE = "https://huggingface.co/datasets/"


@dataclass(frozen=True)
class DatasetFolder:
    """A folder as it would be sent.

    conversion: what was left out because it quotes a text that is not published.
    """

    folder: Path
    version: str
    with_text: bool
    files: tuple[PublishedFile, ...]
    conversion: ConversionReport

    def lines(self) -> Iterator[str]:
        """A line for each file (path, bytes, SHA-256, whether it has words of the texts), the
        total, and what was left out.
        """
        width = max(len(file.path) for file in self.files)
        for file in self.files:
            text = "holds text" if file.holds_text else "no text"
            yield f"{file.path:{width}}  {file.size:>11,} bytes  sha256 {file.sha256}  {text}"
        total = sum(file.size for file in self.files)
        yield (
            f"{pluralize(len(self.files), 'file')}, {total:,} bytes,"
            f" {'with' if self.with_text else 'without'} the texts"
        )
        yield from (f"left out: {line}" for line in self.conversion.lines())


def build_dataset_folder(
    corpus: Corpus,
    folder: Path,
    *,
    repo: str,
    card: str,
    license: str,
    with_text: bool = False,
    published: date | None = None,
) -> DatasetFolder:
    """The data set, written into a folder that must be new or empty.

    card, license: the texts of README.md and LICENSE. repo: its name on the Hub. published: the
    day of its publication, for croissant.json. Raises InputError where the corpus has predictions,
    a file would quote a text that is not published, or the folder is not empty.
    """
    require_gold(corpus)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InputError(f"{folder}: the folder is not empty; name a new one")
    conversion = ConversionReport()
    texts = None if with_text else NgramIndex(document.text for document in corpus)
    documents = list(corpus)
    if texts:
        documents = list(drop_quoting_values(documents, texts, corpus.schema, conversion))
    _write(folder, "README.md", card)
    _write(folder, "LICENSE", license)
    if corpus.schema is not None:
        save_schema(corpus.schema, folder / "schema.json")
    documents = list(drop_gold_marks(documents, conversion))
    count_rounded_scores(documents, conversion)
    _write_rows(folder, documents, with_text=with_text)
    if with_text:
        _write_texts(folder, documents)
    version = corpus.schema.version if corpus.schema else ""
    croissant = build_croissant(
        card,
        list_files(folder, with_text=with_text),
        url=PAGE + repo,
        version=version,
        published=published or date.today(),  # noqa: DTZ011
        with_text=with_text,
    )
    _write(folder, "croissant.json", json.dumps(croissant, ensure_ascii=False, indent=1) + "\n")
    files = list_files(folder, with_text=with_text)
    if texts:
        check_text_leaks(folder, files, texts)
    return DatasetFolder(folder, version, with_text, files, conversion)


def require_gold(corpus: Corpus) -> None:
    """Raise InputError for a corpus without documents, and for predictions with failures or
    unplaced quotes.
    """
    if not len(corpus):
        raise InputError(f"{corpus.name}: no documents; there is nothing to publish")
    for document in corpus:
        if document.failure is not None or document.unplaced:
            raise InputError(
                f"document {quoted_repr(document.id)}: a prediction with a failure or unplaced"
                " quotes; expected gold annotations"
            )


def check_text_leaks(folder: Path, files: Sequence[PublishedFile], texts: NgramIndex) -> None:
    """Raise LoadError with each file or row that quotes a text."""
    leaks = list(iter_leaks(folder, [file.path for file in files], texts))
    if leaks:
        option = spell_option("with_text", True)
        raise LoadError(
            f"{leak}; change it, or publish the texts, too ({option})" for leak in leaks
        )


def _write(folder: Path, path: str, text: str) -> None:
    write_atomically(folder / path, text)


def _write_rows(folder: Path, documents: Sequence[Document], *, with_text: bool) -> None:
    """Write the rows of each config to its file, without empty files."""
    (folder / "data").mkdir()
    for config, rows in table_rows(documents, with_text=with_text, digest=digest).items():
        lines = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        if lines:  # the package datasets cannot load an empty file
            write_atomically(folder / "data" / f"{config}.jsonl", lines)


def _write_texts(folder: Path, documents: Sequence[Document]) -> None:
    """Write each text to its own file."""
    (folder / "texts").mkdir()
    for document, name in zip(documents, safe_names([document.id for document in documents])):
        write_atomically(folder / "texts" / f"{name}.txt", document.text)


def list_files(folder: Path, *, with_text: bool) -> tuple[PublishedFile, ...]:
    """The files of a folder, in the order of their paths."""
    files = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data, name = path.read_bytes(), path.relative_to(folder).as_posix()
        holds_text = with_text and name.startswith(("data/", "texts/"))
        digest_of_file = hashlib.sha256(data).hexdigest()
        files.append(PublishedFile(name, len(data), digest_of_file, holds_text))
    return tuple(files)
