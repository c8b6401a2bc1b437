"""How does a corpus begin? Texts are put into a folder, byte for byte, beside guidelines and a schema to fill: the same layout as the bundled one.

What is there already stays as it is: a corpus grows by the same road on which it began. A new text is said to be annotated in no layer
(`"layers": []` in its line of corpus.jsonl), so that nobody takes it for one in which nothing was found.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from evalkit.card.part import to_fill
from evalkit.errors import InputError, LoadError, shown
from evalkit.formats.directory import Text
from evalkit.formats.jsonl import decoded
from evalkit.schema import Schema, save_schema

GUIDELINES = """# Annotation guidelines: {name}

What is marked, by which rules. Whoever annotates reads this and nothing else; whoever reads the scores finds here what they mean.

## What is a span
Offsets count Unicode code points from 0, the end exclusive. State here where a span begins and ends: articles, titles, punctuation.

## Labels
One section for each label of schema.json: what it is, what it is not, two examples of each.

## Hard cases
Each question that came up, and how it was decided.

## How it is written down
One annotation a line in entities.jsonl, events.jsonl and attributions.jsonl beside this file, with the text's id under `doc`:

    {"doc": "ID", "label": "PERSON", "start": 0, "end": 3, "text": "Ada"}

A text counts as annotated in a layer once its line in corpus/corpus.jsonl names it: "layers": ["entities"].

## How it was annotated
Who or what annotated, independently or not, how differences were settled, and how well the passes agree (`evalkit score`).
"""


def begun(folder: Path, texts: Sequence[Path], *, schema: Schema | None = None, language: str | None = None, provenance: str | None = None, rights: str | None = None) -> list[str]:
    """Put texts into a corpus folder, which is laid out where there is none. The ids of the new documents come back.

    An id is the name of the file without its suffix. schema: of a new corpus; without one it has no labels yet.
    Raises InputError for a text that cannot be one, or whose id or content the corpus has, before anything is written.
    """
    known = list(_known(folder))
    if known and schema is not None:
        raise InputError(f"{folder}: has a schema of its own; another is for a new corpus")
    rows = list(_rows(texts, known, language, provenance, rights))
    where, annotations = folder / "corpus", folder / "annotations"
    where.mkdir(parents=True, exist_ok=True)
    annotations.mkdir(exist_ok=True)
    for row, raw in rows:
        with (where / row.file).open("xb") as file:
            file.write(raw)
    with (where / "corpus.jsonl").open("ab+") as file:
        if file.tell():
            file.seek(-1, 2)
            file.write(b"" if file.read(1) == b"\n" else b"\n")
        file.writelines(msgspec.json.encode(row) + b"\n" for row, _ in rows)
    _filled(folder, folder.resolve().name, schema)
    return [row.id for row, _ in rows]


def _known(folder: Path) -> Iterator[Text]:
    """What the corpus holds already."""
    path = folder / "corpus" / "corpus.jsonl"
    if not path.exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder}: is there and holds no corpus; name a new folder, or one with corpus/corpus.jsonl")
        return
    for _, row in decoded(path, Text):
        if isinstance(row, LoadError):
            raise row
        yield row


def _rows(texts: Sequence[Path], known: Sequence[Text], language: str | None, provenance: str | None, rights: str | None) -> Iterator[tuple[Text, bytes]]:
    ids, digests, files = ({getattr(row, name): row.id for row in known} for name in ("id", "sha256", "file"))
    for path in texts:
        raw = _read(path)
        row = Text(path.stem, _file_name(path, files), hashlib.sha256(raw).hexdigest(), language, provenance, rights, layers=())
        if row.id in ids:
            raise InputError(f"{path}: the corpus has a document {shown(row.id)} already; rename the file")
        if row.sha256 in digests:
            raise InputError(f"{path}: the same text, byte for byte, as document {shown(digests[row.sha256])}")
        ids[row.id] = digests[row.sha256] = files[row.file] = row.id
        yield row, raw


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
        raise InputError(f"{path}: begins with a byte order mark, which would count as its first character; save it as UTF-8 without one")
    return raw


def _file_name(path: Path, taken: dict[str, str]) -> str:
    """A name in the corpus's folder: the file's own where it is plainly a name, else one that says nothing."""
    plain = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", path.stem)
    name = f"{path.stem}.txt" if plain else f"text-{len(taken) + 1:06}.txt"
    return name if name not in taken else f"text-{len(taken) + 1:06}.txt"


def _filled(folder: Path, name: str, schema: Schema | None) -> None:
    """Guidelines, a schema and the words of a card to fill, where there are none."""
    guidelines, declared, card = folder / "annotations" / "GUIDELINES.md", folder / "annotations" / "schema.json", folder / "corpus" / "card.md"
    if not card.exists():
        card.write_text(to_fill(name), encoding="utf-8")
    if not guidelines.exists():
        guidelines.write_text(GUIDELINES.replace("{name}", name), encoding="utf-8")
    if not declared.exists():
        base = schema or Schema()
        save_schema(msgspec.structs.replace(base, name=name, version="0.1.0", guidelines="GUIDELINES.md"), declared)
