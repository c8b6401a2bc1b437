"""How does a corpus begin?

Texts are put into a folder, byte for byte, beside guidelines and a schema to fill: the same layout
as the bundled one.

What is there already stays as it is: a corpus grows by the same road on which it began. A new text
is said to be annotated in no layer (`"layers": []` in its line of corpus.jsonl), so that nobody
takes it for one in which nothing was found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from evalkit.data.schema import Schema, encode_schema
from evalkit.errors import InputError, LoadError, quoted_repr
from evalkit.files import finish_folder, name_errors, write_folder
from evalkit.formats.directory import CorpusRow, name_files
from evalkit.formats.jsonl import iter_lines
from evalkit.hub.card_source import card_template

GUIDELINES = """# Annotation guidelines: {name}

What is annotated, by which rules. Annotators read this and nothing else; readers of the scores find
here what they mean.

## What is a span
Offsets count Unicode code points from 0, the end exclusive. State here where a span begins and
ends: articles, titles, punctuation.

## Labels
One section for each label of schema.json: what it is, what it is not, two examples of each.

## Hard cases
Each question that came up, and how it was decided.

## How it is written down
One annotation a line in entities.jsonl, events.jsonl and attributions.jsonl beside this file, with
the text's id under `doc`:

    {"doc": "ID", "label": "PERSON", "start": 0, "end": 3, "text": "Ada"}

A text counts as annotated in a layer once its line in corpus/corpus.jsonl names it:
"layers": ["entities"].

## How it was annotated
Who or what annotated, independently or not, how differences were settled, and how well the passes
agree (`evalkit score`).
"""


def create_or_extend_corpus(
    folder: Path,
    texts: Sequence[Path],
    *,
    schema: Schema | None = None,
    language: str | None = None,
    provenance: str | None = None,
    rights: str | None = None,
) -> list[str]:
    """Put texts into a corpus folder, which is laid out where there is none.

    The ids of the new documents come back.

    An id is the name of the file without its suffix. schema: of a new corpus; without one it has no
    labels yet. A text that the corpus holds already under the same id is left out, so that a
    command whose end was not seen can be repeated. Raises InputError for a text that cannot be one,
    or whose id or content the corpus has, before anything is written; WriteError where writing
    fails, and then the folder is as it was.
    """
    with name_errors(folder):
        finish_folder(folder)
    known = list(_read_rows(folder))
    new = list(_find_new(texts, known))
    if known and schema is not None and (new or not texts):
        raise InputError(f"{folder}: has a schema of its own; another is for a new corpus")
    corpus = folder / "corpus"
    files = name_files(
        corpus,
        [*(row.id for row in known), *(path.stem for path, _ in new)],
        {row.id: row.file for row in known},
    )
    rows = [
        CorpusRow(
            path.stem, files[path.stem], digest_of(raw), language, provenance, rights, layers=()
        )
        for path, raw in new
    ]
    contents: dict[str, bytes | None] = {
        f"corpus/{row.file}": raw for row, (_, raw) in zip(rows, new)
    }
    if rows:
        contents["corpus/corpus.jsonl"] = _append_lines(
            corpus / "corpus.jsonl", (msgspec.json.encode(row) for row in rows)
        )
    contents |= {
        name: data
        for name, data in _build_templates(folder, schema)
        if not (folder / name).exists()
    }
    if contents:
        write_folder(folder, contents)
    return [row.id for row in rows]


def _append_lines(path: Path, lines: Iterable[bytes]) -> bytes:
    """The content of a file with more lines."""
    before = path.read_bytes() if path.exists() else b""
    ended = before if before.endswith(b"\n") or not before else before + b"\n"
    return ended + b"".join(line + b"\n" for line in lines)


def _read_rows(folder: Path) -> Iterator[CorpusRow]:
    """The texts that the corpus holds already."""
    path = folder / "corpus" / "corpus.jsonl"
    if not path.exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(
                f"{folder}: is there and holds no corpus; name a new folder, or one with"
                " corpus/corpus.jsonl"
            )
        return
    for _, row in iter_lines(path, CorpusRow):
        if isinstance(row, LoadError):
            raise row
        yield row


def _find_new(texts: Sequence[Path], known: Sequence[CorpusRow]) -> Iterator[tuple[Path, bytes]]:
    """The texts that the corpus does not hold, with their bytes.

    Raises InputError for one that cannot be added.
    """
    held = {(row.id, row.sha256) for row in known}
    digests = dict(held)
    ids = {row.sha256: row.id for row in known}
    for path in texts:
        raw = _read(path)
        digest = digest_of(raw)
        if (path.stem, digest) in held:
            continue
        if path.stem in digests:
            raise InputError(
                f"{path}: the corpus has a document {quoted_repr(path.stem)} already; rename the"
                " file"
            )
        if digest in ids:
            raise InputError(
                f"{path}: the same text, byte for byte, as document {quoted_repr(ids[digest])}"
            )
        digests[path.stem], ids[digest] = digest, path.stem
        yield path, raw


def digest_of(raw: bytes) -> str:
    """The sha256 of a text, as corpus.jsonl has it."""
    return hashlib.sha256(raw).hexdigest()


def _read(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    if not text.strip():
        raise InputError(f"{path}: holds no text")
    if text.startswith("\ufeff"):
        raise InputError(
            f"{path}: begins with a byte order mark, which would count as its first character; save"
            " it as UTF-8 without one"
        )
    return raw


def _build_templates(folder: Path, schema: Schema | None) -> Iterator[tuple[str, bytes]]:
    """Guidelines, a schema and the words of a card to fill, with their names in the folder."""
    name = folder.resolve().name
    yield "corpus/card.md", card_template(name).encode()
    yield "annotations/GUIDELINES.md", GUIDELINES.replace("{name}", name).encode()
    yield (
        "annotations/schema.json",
        encode_schema(
            msgspec.structs.replace(
                schema or Schema(), name=name, version="0.1.0", guidelines="GUIDELINES.md"
            )
        ),
    )
