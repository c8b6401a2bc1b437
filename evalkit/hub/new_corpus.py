"""Creates a corpus folder from text files, or adds texts to one.

The folder has the layout of the bundled corpus: texts byte for byte, guidelines, a schema and a
hand-written part of the card, to be filled. Existing files stay as they are. A new text is marked
as annotated in no layer (`"layers": []` in its line of corpus.jsonl), so that it does not count as
a text without entities.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from evalkit.corpus import Corpus
from evalkit.data.schema import (
    AttributionSchema,
    EventType,
    RelationType,
    Schema,
    encode_schema,
    load_schema,
)
from evalkit.errors import InputError, LoadError, quoted_repr
from evalkit.files import finish_folder, name_errors, write_folder
from evalkit.formats.directory import CorpusRow, name_files
from evalkit.formats.jsonl import iter_lines
from evalkit.hub.card_source import card_template

GUIDELINES = """# Annotation guidelines: {name}

What is annotated, by which rules. Annotators work from this document; readers of the scores look up
here what is scored.

## What is a span
Offsets count Unicode code points from 0, the end exclusive. State here where a span begins and
ends: articles, titles, punctuation.

## Labels
One section for each label of schema.json: what it is, what it is not, two examples of each.

## Hard cases
Each question that came up, and how it was decided.

## File format
One annotation a line in entities.jsonl, events.jsonl, attributions.jsonl and relations.jsonl beside
this file, with the text's id under `doc`:

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
    """Add texts to a corpus folder, which is created if needed; returns the ids of new documents.

    An id is the name of the file without its suffix. schema: of a new corpus, or of one whose
    schema declares nothing yet; without it the schema has no labels. A text that the corpus has
    under the same id is left out, so that an interrupted command can be repeated. Raises InputError
    for a text that cannot be read, or whose id or content the corpus has, before anything is
    written; WriteError where writing fails, and then the folder is unchanged.
    """
    with name_errors(folder):
        finish_folder(folder)
    existing = list(_existing_rows(folder))
    new_texts = list(_new_texts(texts, existing))
    corpus = folder / "corpus"
    ids = [*(row.id for row in existing), *(path.stem for path, _ in new_texts)]
    files = name_files(corpus, ids, {row.id: row.file for row in existing})
    rows = []
    contents: dict[str, bytes | None] = {}
    for path, raw in new_texts:
        row = CorpusRow(
            path.stem, files[path.stem], digest_of(raw), language, provenance, rights, layers=()
        )
        rows.append(row)
        contents[f"corpus/{row.file}"] = raw
    if rows or not (corpus / "corpus.jsonl").exists():
        lines = (msgspec.json.encode(row) for row in rows)
        contents["corpus/corpus.jsonl"] = _append_lines(corpus / "corpus.jsonl", lines)
    name = folder.resolve().name
    templates = _build_templates(name, language)
    contents |= {path: text for path, text in templates.items() if not (folder / path).exists()}
    contents |= _schema_file(folder, schema, repeated=bool(texts) and not new_texts)
    if contents:
        write_folder(folder, contents)
    return [row.id for row in rows]


def derive_schema(corpus: Corpus) -> Schema:
    """A schema of the labels, event types, roles, realis values, attribution types and relations
    that occur in a corpus, each without definition, the most frequent first.
    """
    labels, realis, types = Counter[str](), Counter[str](), Counter[str]()
    relations = Counter[str]()
    event_types = Counter[str]()
    roles: dict[str, Counter[str]] = {}
    for document in corpus:
        labels.update(entity.label for entity in document.entities or ())
        for event in document.events or ():
            event_types[event.label] += 1
            roles.setdefault(event.label, Counter()).update(
                argument.role for argument in event.arguments
            )
            if event.realis is not None:
                realis[event.realis] += 1
        for attribution in document.attributions or ():
            if attribution.label is not None:
                types[attribution.label] += 1
        relations.update(relation.label for relation in document.relations or ())
    events = {name: EventType(roles=_empty(roles[name])) for name in _by_frequency(event_types)}
    derived = Schema(
        labels=_empty(labels),
        events=events,
        realis=_empty(realis),
        relations={label: RelationType() for label in _by_frequency(relations)},
    )
    if not types:
        return derived
    attributions = AttributionSchema(types=_empty(types))
    return msgspec.structs.replace(derived, attributions=attributions)


def declares_labels(schema: Schema | None) -> bool:
    """Whether a schema declares labels, types or anything else that is annotated."""
    if schema is None:
        return False
    attributions = schema.attributions
    declared = (schema.labels, schema.events, schema.realis, schema.attributes, schema.zones)
    return any((*declared, attributions.types, attributions.parts, schema.relations))


def _by_frequency(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda name: (-counts[name], name))


def _empty(counts: Counter[str]) -> dict[str, str]:
    """Names with empty definitions."""
    return dict.fromkeys(_by_frequency(counts), "")


def _append_lines(path: Path, lines: Iterable[bytes]) -> bytes:
    """The content of a file with more lines."""
    before = path.read_bytes() if path.exists() else b""
    ended = before if before.endswith(b"\n") or not before else before + b"\n"
    return ended + b"".join(line + b"\n" for line in lines)


def _existing_rows(folder: Path) -> Iterator[CorpusRow]:
    """The lines of corpus.jsonl of a corpus folder; none where there is no folder yet."""
    path = folder / "corpus" / "corpus.jsonl"
    if not path.exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(
                f"{folder}: exists and is not a corpus folder; name a new folder, or one with"
                " corpus/corpus.jsonl"
            )
        return
    for _, row in iter_lines(path, CorpusRow):
        if isinstance(row, LoadError):
            raise row
        yield row


def _new_texts(
    texts: Sequence[Path], existing: Sequence[CorpusRow]
) -> Iterator[tuple[Path, bytes]]:
    """The texts that the corpus does not have, with their bytes.

    Raises InputError for one that cannot be added.
    """
    unchanged = {(row.id, row.sha256) for row in existing}
    ids = {row.id for row in existing}
    id_by_digest = {row.sha256: row.id for row in existing}
    for path in texts:
        raw = _read(path)
        digest = digest_of(raw)
        if (path.stem, digest) in unchanged:
            continue
        if path.stem in ids:
            raise InputError(
                f"{path}: the corpus has a document {quoted_repr(path.stem)} already; rename the"
                " file"
            )
        if digest in id_by_digest:
            raise InputError(
                f"{path}: the same text, byte for byte, as document"
                f" {quoted_repr(id_by_digest[digest])}"
            )
        ids.add(path.stem)
        id_by_digest[digest] = path.stem
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
        raise InputError(f"{path}: the file has no text")
    if text.startswith("\ufeff"):
        raise InputError(
            f"{path}: begins with a byte order mark, which counts as its first character; save it"
            " as UTF-8 without one"
        )
    return raw


def _build_templates(name: str, language: str | None) -> dict[str, bytes]:
    """Guidelines and the hand-written part of a card, to be filled, by their paths."""
    return {
        "corpus/card.md": card_template(name, language).encode(),
        "annotations/GUIDELINES.md": GUIDELINES.replace("{name}", name).encode(),
    }


def _schema_file(folder: Path, schema: Schema | None, *, repeated: bool) -> dict[str, bytes]:
    """The schema.json to write, by its path; none where there is one already.

    repeated: whether the corpus has all texts already, so that a schema is the same once more.
    Raises InputError for a second schema.
    """
    path = folder / "annotations" / "schema.json"
    existing = load_schema(path) if path.exists() else None
    if existing is not None and (schema is None or (repeated and declares_labels(existing))):
        return {}
    if declares_labels(existing):
        raise InputError(f"{path}: declares labels already; --schema-from is for a new corpus")
    base = existing or Schema(
        name=folder.resolve().name, version="0.1.0", guidelines="GUIDELINES.md"
    )
    named = msgspec.structs.replace(
        schema or Schema(), name=base.name, version=base.version, guidelines=base.guidelines
    )
    if named.labels or named.events or named.attributions.types or named.relations:
        return {"annotations/schema.json": encode_schema(named)}
    # encode_schema leaves out what is empty; here it shows where labels are to be declared.
    to_fill = {**msgspec.to_builtins(named), "labels": {}}
    encoded = msgspec.json.format(msgspec.json.encode(to_fill), indent=1) + b"\n"
    return {"annotations/schema.json": encoded}
