"""What is published of a corpus?

A corpus and its card in; a folder out, as it would stand on the Hugging Face Hub.

    README.md            the card
    LICENSE              who may do what
    croissant.json       the same for programs
    schema.json          labels, roles and rules, where the corpus has a schema
    data/CONFIG.jsonl    documents, entities, events, event_arguments, attributions: those that have
                         a row
    texts/NAME.txt       the texts, byte for byte, under safe names (filenames.py); only with the
                         texts

Without the texts, which is the default, nothing of them goes out: offsets, digests, and the sha256
of each text (see formats/withheld.py). What quotes them is left out or refused (see quoting.py),
and every file is searched before it is sent.
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
from evalkit.formats.conversion import Losses
from evalkit.formats.filenames import safe_names
from evalkit.formats.hf import count_rounded_scores
from evalkit.formats.hf_tables import table_rows
from evalkit.formats.hf_withheld import digest
from evalkit.hub.croissant import PublishedFile, build_croissant
from evalkit.hub.text_leaks import NgramIndex, drop_quoting_values, iter_leaks
from evalkit.results.summary import pluralize

PAGE = "https://huggingface.co/datasets/"


@dataclass(frozen=True)
class DatasetFolder:
    """A folder as it would be sent: its files, the version, whether the texts are in it, and what
    was left out since it quotes them.
    """

    folder: Path
    version: str
    with_text: bool
    files: tuple[PublishedFile, ...]
    losses: Losses

    def lines(self) -> Iterator[str]:
        """What would be sent, a line a file: path, bytes, sha256, and whether words of the texts
        are in it.
        """
        width = max(len(file.path) for file in self.files)
        for file in self.files:
            yield (
                f"{file.path:{width}}  {file.size:>11,} bytes  sha256 {file.sha256} "
                f" {'holds text' if file.holds_text else 'no text'}"
            )
        total = sum(file.size for file in self.files)
        yield (
            f"{pluralize(len(self.files), 'file')}, {total:,} bytes,"
            f" {'with' if self.with_text else 'without'} the texts"
        )
        yield from (f"left out: {line}" for line in self.losses.lines())


def build_dataset_folder(
    corpus: Corpus,
    folder: Path,
    *,
    repo: str,
    card: str,
    licence: str,
    with_text: bool = False,
    published: date | None = None,
) -> DatasetFolder:
    """The data set in a folder, which must be new or empty. repo: its name on the Hub. published:
    the day, as croissant.json tells it.

    Raises InputError where the corpus is no gold, a file would quote a text that is withheld, or
    the folder is not empty.
    """
    require_gold(corpus)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InputError(f"{folder}: not empty; a new folder would do")
    losses = Losses()
    quotes = None if with_text else NgramIndex(document.text for document in corpus)
    documents = (
        list(drop_quoting_values(corpus, quotes, corpus.schema, losses)) if quotes else list(corpus)
    )
    _write(folder, "README.md", card)
    _write(folder, "LICENSE", licence)
    if corpus.schema is not None:
        save_schema(corpus.schema, folder / "schema.json")
    count_rounded_scores(documents, losses)
    _write_rows(folder, documents, with_text=with_text)
    if with_text:
        _write_texts(folder, documents)
    version = corpus.schema.version if corpus.schema else ""
    described = build_croissant(
        card,
        list_files(folder, with_text=with_text),
        url=PAGE + repo,
        version=version,
        published=published or date.today(),  # noqa: DTZ011
        with_text=with_text,
    )
    _write(folder, "croissant.json", json.dumps(described, ensure_ascii=False, indent=1) + "\n")
    files = list_files(folder, with_text=with_text)
    if quotes:
        check_text_leaks(folder, files, quotes)
    return DatasetFolder(folder, version, with_text, files, losses)


def require_gold(corpus: Corpus) -> None:
    """Refuse what is no data set: no documents, or answers of a model with failures and quotes that
    have no place.
    """
    if not len(corpus):
        raise InputError(f"{corpus.name}: no documents; there is nothing to publish")
    for document in corpus:
        if document.failure is not None or document.unplaced:
            raise InputError(
                f"document {quoted_repr(document.id)}: an answer of a model, with what failed or"
                " has no place; a corpus of gold annotations would do"
            )


def check_text_leaks(folder: Path, files: Sequence[PublishedFile], quotes: NgramIndex) -> None:
    """Search every file for words of the texts.

    Raises LoadError with each place that holds some.
    """
    found = list(iter_leaks(folder, [file.path for file in files], quotes))
    if found:
        raise LoadError(
            f"{line}; change it, or publish with the texts ({spell_option('with_text', True)})"
            for line in found
        )


def _write(folder: Path, path: str, text: str) -> None:
    write_atomically(folder / path, text)


def _write_rows(folder: Path, documents: Sequence[Document], *, with_text: bool) -> None:
    (folder / "data").mkdir()
    for config, of in table_rows(documents, with_text=with_text, digest=digest).items():
        written = b"".join(msgspec.json.encode(row) + b"\n" for row in of)
        if written:  # the package datasets loads no empty file
            write_atomically(folder / "data" / f"{config}.jsonl", written)


def _write_texts(folder: Path, documents: Sequence[Document]) -> None:
    (folder / "texts").mkdir()
    for document, name in zip(documents, safe_names([document.id for document in documents])):
        write_atomically(folder / "texts" / f"{name}.txt", document.text)


def list_files(folder: Path, *, with_text: bool) -> tuple[PublishedFile, ...]:
    """The files of a folder, in the order of their paths."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data, name = path.read_bytes(), path.relative_to(folder).as_posix()
        held = with_text and name.startswith(("data/", "texts/"))
        found.append(PublishedFile(name, len(data), hashlib.sha256(data).hexdigest(), held))
    return tuple(found)


def read_license(path: Path) -> str:
    """The words of the LICENSE of a corpus: in its folder, or in corpus/ there.

    Raises InputError where there is none.
    """
    folder = path if path.is_dir() else path.parent
    for file in (folder / "corpus" / "LICENSE", folder / "LICENSE"):
        if file.is_file():
            try:
                return file.read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise InputError(f"{file}: not UTF-8 at byte {error.start}") from None
    raise InputError(
        f"{folder}: no LICENSE; write one that says who may do what with the annotations and the"
        " texts"
    )
