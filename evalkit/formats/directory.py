"""A corpus as a folder that people can read and edit: texts as files, one annotation a line.

    corpus/corpus.jsonl            a line for each text: id, file, sha256, and optionally language,
                                   provenance, rights, meta, zones, and the layers that are
                                   annotated (default: all that have a file)
    corpus/FILE                    the text, byte for byte; sha256 is checked
    annotations/entities.jsonl     a line for each entity: the document's id under `doc`, then the
                                   fields of the class
    annotations/events.jsonl       the same for events
    annotations/attributions.jsonl the same for attributions
    annotations/relations.jsonl    the same for relations
    annotations/schema.json        labels, roles, zones and rules
    annotations/decisions.jsonl    decisions of an adjudication; not read here

A layer without a file was not annotated. Another set of annotations of the same texts, such as a
second annotator's, is a folder with such files anywhere below: `annotations/passes/a` is read with
the corpus/ and the schema.json above it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec

from evalkit.data.document import (
    LAYERS,
    Attribution,
    Document,
    Entity,
    Event,
    Relation,
    Zone,
    iter_spans,
)
from evalkit.data.schema import Schema, encode_schema, load_schema
from evalkit.errors import (
    DocumentError,
    InputError,
    LoadError,
    UnknownNameError,
    duplicate_id_problem,
    past_end_problem,
    quoted_repr,
)
from evalkit.files import check_inside, is_there, read_input, write_folder
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.filenames import safe_names
from evalkit.formats.folder_recognition import recognize_folder
from evalkit.formats.jsonl import (
    AttributionLine,
    EntityLine,
    EventLine,
    RelationLine,
    check_surface,
    iter_lines,
    public,
    to_json_dict,
)
from evalkit.formats.registry import DocumentResults

DECISIONS = "decisions.jsonl"
NO_DOCUMENT = ""  # the key of errors of lines whose document is not known
MAX_UNKNOWN = 2_000  # of such lines, after which reading ends
ABOUT = ("language", "provenance", "rights")  # fields of CorpusRow that go into Document.meta


class CorpusRow(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A line of corpus.jsonl."""

    id: str
    file: str
    sha256: str
    language: str | None = None
    provenance: str | None = None
    rights: str | None = None
    meta: dict[str, Any] | None = None
    layers: tuple[str, ...] | None = None
    zones: tuple[Zone, ...] = ()


class _LocatedText(NamedTuple):
    """A line of corpus.jsonl with its file:line and its text."""

    position: str
    row: CorpusRow
    text: str


class _LocatedAnnotation(NamedTuple):
    """An annotation with its file:line and the id of its document."""

    position: str
    document_id: str
    annotation: Any


_LINES: dict[str, tuple[type[Any], type[Any]]] = {
    layer: (
        msgspec.defstruct(layer, [("doc", str, "")], bases=(line,), forbid_unknown_fields=True),
        kind,
    )
    for layer, line, kind in (
        ("entities", EntityLine, Entity),
        ("events", EventLine, Event),
        ("attributions", AttributionLine, Attribution),
        ("relations", RelationLine, Relation),
    )
}


def folders(path: Path) -> tuple[Path, Path]:
    """The folders of the texts and of the annotations.

    path: a corpus folder, or a folder of annotations below one. Raises InputError for others.
    """
    if (path / "corpus" / "corpus.jsonl").exists():
        return path / "corpus", path / "annotations"
    for above in path.resolve().parents:
        if (above / "corpus" / "corpus.jsonl").exists():
            return above / "corpus", path
    location = recognize_folder(path)
    if location is not None:
        advice = f"; its files are in another format: write {location}"
    elif any(path.glob("*.jsonl*")):
        advice = (
            "; its JSONL files are read one by one, or scored as shards against a folder or pattern"
            " of predictions with the same names"
        )
    else:
        advice = ""
    raise InputError(
        f"{path}: no corpus: neither it nor a folder above it has corpus/corpus.jsonl{advice}"
    )


def schema_of(path: Path) -> Schema | None:
    """The nearest schema.json at or above the annotations."""
    texts, annotations = folders(path)
    for folder in (annotations, *annotations.resolve().parents):
        if is_there(folder / "schema.json"):
            check_inside(folder, folder / "schema.json")
            return load_schema(folder / "schema.json")
        if folder.resolve() == texts.resolve().parent:
            return None
    return None


def read(path: Path, _conversion: ConversionReport | None = None) -> DocumentResults:
    """Yields each document with its file:line, and a LoadError for each problem."""
    texts_folder, folder = folders(path)
    texts: dict[str, _LocatedText] = {}
    unread: set[str] = set()  # ids of documents without a valid text; "" for an unknown id
    for position, located in _read_texts(texts_folder, unread):
        if isinstance(located, LoadError):
            yield position, located
        elif located.row.id in texts:
            first_use = texts[located.row.id].position
            problem = duplicate_id_problem(located.row.id, first_use)
            yield position, LoadError([f"{position}: id: {problem}"])
        else:
            texts[located.row.id] = located
    layers = [layer for layer in LAYERS if is_there(folder / f"{layer}.jsonl")]
    yield from _unknown_layers(folder, layers, texts.values())
    annotations: dict[str, dict[str, list[_LocatedAnnotation]]] = {}
    errors: dict[str, list[str]] = {}  # by document
    for layer in layers:
        file = folder / f"{layer}.jsonl"
        check_inside(folder, file)
        for result in _read_annotations(file, layer, texts, unread, errors):
            by_layer = annotations.setdefault(result.document_id, {})
            by_layer.setdefault(layer, []).append(result)
    if NO_DOCUMENT in errors:
        # A line that may be of any document: none of them is sure to be complete.
        raise LoadError(list(chain.from_iterable(errors.values())))
    for id, messages in errors.items():
        if id not in texts:
            yield str(folder), LoadError(messages)
    for id, text in texts.items():
        if id in errors:
            yield text.position, LoadError(errors[id])
        else:
            yield text.position, _build_document(text, layers, annotations.get(id, {}))


def _read_texts(folder: Path, unread: set[str]) -> Iterator[tuple[str, _LocatedText | LoadError]]:
    """Yields each line of corpus.jsonl with its text, and adds the ids of those without a valid one
    to `unread`, or NO_DOCUMENT for a line whose id is not known.
    """
    file = folder / "corpus.jsonl"
    check_inside(folder, file)
    for number, row in iter_lines(file, CorpusRow):
        position = f"{file}:{number}"
        if isinstance(row, LoadError):
            unread.add(NO_DOCUMENT)
            yield position, row
        elif not _within(folder, row.file):
            problem = f"file: {quoted_repr(row.file)} is not in {folder}"
            unread.add(row.id)
            yield position, LoadError([f"{position}: {problem}"])
        else:
            try:
                text = read_text(folder / row.file, row.sha256, position)
            except LoadError as error:
                unread.add(row.id)
                yield position, error
            else:
                yield position, _LocatedText(position, row, text)


def _unknown_layers(
    folder: Path, layers: Sequence[str], texts: Iterable[_LocatedText]
) -> Iterator[tuple[str, LoadError]]:
    """Yields an error for each file of an unknown layer, and each listed layer without a file."""
    for file in sorted(folder.glob("*.jsonl")):
        if file.stem not in LAYERS and file.name != DECISIONS:
            unknown = UnknownNameError("layer", file.stem, LAYERS)
            yield str(file), LoadError([f"{file}: {unknown}; rename the file or move it away"])
    for position, row, _ in texts:
        for layer in row.layers or ():
            if layer not in layers:
                problem = f"{quoted_repr(layer)} is listed, but {folder / layer}.jsonl is missing"
                yield position, LoadError([f"{position}: layers: {problem}"])


def _within(folder: Path, file: str) -> bool:
    """Whether a file name leads, through any links, to a path inside the folder."""
    try:
        return (folder / file).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # RuntimeError: a link that leads to itself
        return False


def read_text(path: Path, sha256: str, position: str) -> str:
    """A text, byte for byte.

    position: the file:line with the digest. Raises LoadError for a file that is missing, is not
    UTF-8, or has another digest.
    """
    try:
        raw = read_input(path)
    except InputError as error:
        raise LoadError([f"{position}: file: {error}"]) from None
    try:
        digest = hashlib.sha256(raw).hexdigest()
        if digest != sha256.lower():
            raise LoadError(
                [
                    f"{path}: changed: sha256 is {digest}, and {position} expects {sha256};"
                    " restore the file, or its digest if the change is meant"
                ]
            )
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LoadError([f"{path}: not UTF-8 at byte {error.start}"]) from None


def _read_annotations(
    path: Path,
    layer: str,
    texts: Mapping[str, _LocatedText],
    unread: Collection[str],
    errors: dict[str, list[str]],
) -> Iterator[_LocatedAnnotation]:
    """Yields each annotation of a layer, and adds the errors of others to those of their documents.

    Annotations of documents without a valid text are left out. Reading ends after many lines whose
    document is not known.
    """
    line_class, annotation_class = _LINES[layer]
    for number, line in iter_lines(path, line_class):
        position = f"{path}:{number}"
        if isinstance(line, LoadError):
            errors.setdefault(NO_DOCUMENT, []).extend(line.errors)
        elif line.doc in unread and line.doc not in texts:
            continue
        elif line.doc not in texts:
            # Of a document whose line in corpus.jsonl is not valid, the first error is enough.
            id = line.doc if NO_DOCUMENT in unread else NO_DOCUMENT
            if id == NO_DOCUMENT or id not in errors:
                error = UnknownNameError("document", line.doc, list(texts)[:5])
                errors.setdefault(id, []).append(f"{position}: doc: {error}")
        else:
            try:
                annotation = _check_annotation(line, annotation_class, layer, texts[line.doc].text)
            except DocumentError as error:
                location = f"{position}: document {quoted_repr(line.doc)}"
                errors.setdefault(line.doc, []).append(f"{location}, {_error_text(error)}")
            else:
                yield _LocatedAnnotation(position, line.doc, annotation)
                continue
        if len(errors.get(NO_DOCUMENT, ())) >= MAX_UNKNOWN:
            return


def _check_annotation(line: Any, kind: type[Any], layer: str, text: str) -> Any:
    """Returns the annotation of a line after checking its offsets and surfaces.

    Making a Document would check the whole text again for each annotation.
    """
    annotation = public(line, kind)
    for _, _, field, span in iter_spans(_single_annotation(layer, annotation)):
        if span.end > len(text):
            raise DocumentError(
                past_end_problem(span.end, len(text)),
                layer=layer,
                field=f"{field}.end" if field else "end",
            )
    for _, _, field, span in iter_spans(_single_annotation(layer, line)):
        check_surface(span, text, layer="", field=field)
    return annotation


def _single_annotation(layer: str, annotation: Any) -> Any:
    """Returns an object with the layers of a document and a single annotation."""
    layers: dict[str, Any] = dict.fromkeys((*LAYERS, "zones"), ())
    layers[layer] = (annotation,)
    return SimpleNamespace(**layers)


def _error_text(error: DocumentError) -> str:
    """The message without layer and index, which the line number replaces."""
    return f"{error.field}: {error.message}" if error.field else error.message


def _build_document(
    located: _LocatedText,
    layers: Sequence[str],
    annotations: Mapping[str, Sequence[_LocatedAnnotation]],
) -> Document | InputError:
    position, row, text = located
    annotated = [layer for layer in layers if row.layers is None or layer in row.layers]
    for layer in layers:
        if layer not in annotated and annotations.get(layer):
            first = annotations[layer][0].position
            return LoadError(
                [
                    f"{first}: doc: document {quoted_repr(row.id)} has {layer}, which its line in"
                    ' corpus.jsonl does not list; add them to its "layers" once they are complete'
                ]
            )
    meta = {}
    for name in ABOUT:
        if getattr(row, name) is not None:
            meta[name] = getattr(row, name)
    meta |= row.meta or {}
    values: dict[str, Any] = {}
    for layer in annotated:
        values[layer] = tuple(item.annotation for item in annotations.get(layer, ()))
    try:
        return Document(row.id, text, zones=row.zones, meta=meta or None, **values)
    except DocumentError as error:
        if error.layer in annotations and error.index is not None:
            line = annotations[error.layer][error.index].position
            document = f"document {quoted_repr(row.id)}"
            return LoadError([f"{line}: {document}, {_error_text(error)}"])
        return LoadError([f"{position}: {error}"])


def lines_of(path: Path) -> dict[tuple[str, str, int], str]:
    """The "file:line" of each annotation of a corpus folder, by (document, layer, index)."""
    _, folder = folders(path)
    lines: dict[tuple[str, str, int], str] = {}
    for layer in LAYERS:
        file = folder / f"{layer}.jsonl"
        if not file.exists():
            continue
        counts: Counter[str] = Counter()
        for number, line in iter_lines(file, _LINES[layer][0]):
            if not isinstance(line, LoadError):
                lines[line.doc, layer, counts[line.doc]] = f"{file}:{number}"
                counts[line.doc] += 1
    return lines


def write(
    documents: Iterable[Document],
    path: Path,
    _conversion: ConversionReport | None = None,
    schema: Schema | None = None,
) -> None:
    """Writes a corpus folder.

    Raises InputError for predictions that failed or are unplaced, which only a JSONL file can hold.
    """
    texts = path / "corpus"
    written = list(documents)
    for document in written:
        if document.failure is not None or document.unplaced:
            raise InputError(
                f"document {quoted_repr(document.id)} has a failure or unplaced items, which a"
                " folder cannot hold: save as .jsonl"
            )
    ids = [document.id for document in written]
    names = name_files(texts, ids, _find_files(texts, set(ids)))
    layers = [layer for layer in LAYERS if _is_annotated(written, layer)]
    contents: dict[str, bytes | None] = {}
    rows = []
    for document in written:
        contents[f"corpus/{names[document.id]}"] = document.text.encode("utf-8")
        rows.append(_text_row(document, names[document.id], layers))
    contents["corpus/corpus.jsonl"] = _encode_lines(rows)
    for layer in LAYERS:
        lines = []
        for document in written:
            items = to_json_dict(document).get(layer) or ()
            lines += [{"doc": document.id} | item for item in items]
        contents[f"annotations/{layer}.jsonl"] = _encode_lines(lines) if layer in layers else None
    contents["annotations/schema.json"] = None if schema is None else encode_schema(schema)
    write_folder(path, contents)


def _is_annotated(documents: Iterable[Document], layer: str) -> bool:
    return any(getattr(document, layer) is not None for document in documents)


def _find_files(texts: Path, ids: set[str]) -> dict[str, str]:
    """Returns the file names of the texts in an existing folder, by document id.

    People edit a folder by hand, so only the same documents may overwrite it. Raises InputError if
    it has others.
    """
    files: dict[str, str] = {}
    if not (texts / "corpus.jsonl").exists():
        return files
    for _, row in iter_lines(texts / "corpus.jsonl", CorpusRow):
        if not isinstance(row, CorpusRow) or row.id not in ids:
            content = "an invalid line"
            if isinstance(row, CorpusRow):
                content = f"document {quoted_repr(row.id)}"
            raise InputError(
                f"{texts.parent}: holds another corpus, with {content}, which would be overwritten;"
                " name another folder"
            )
        if row.file not in files.values() and _within(texts, row.file):
            files[row.id] = row.file
    return files


def name_files(texts: Path, ids: Sequence[str], files: Mapping[str, str]) -> dict[str, str]:
    """Returns the file name of each text in the folder `texts`, by document id: the existing one
    (`files`), else a new name.
    """
    reserved = []
    if texts.is_dir():
        reserved = [file.stem for file in texts.iterdir() if file.suffix.lower() == ".txt"]
    new_ids = [id for id in ids if id not in files]
    names = dict(files)
    for id, name in zip(new_ids, safe_names(new_ids, reserved=reserved)):
        names[id] = f"{name}.txt"
    return names


def _encode_lines(items: Iterable[object]) -> bytes:
    return b"".join(msgspec.json.encode(item) + b"\n" for item in items)


def _text_row(document: Document, name: str, layers: list[str]) -> CorpusRow:
    """A document's line of corpus.jsonl."""
    raw = document.text.encode("utf-8")
    meta = dict(document.meta or {})
    about = {key: meta.pop(key) for key in ABOUT if isinstance(meta.get(key), str)}
    annotated = tuple(layer for layer in layers if getattr(document, layer) is not None)
    return CorpusRow(
        document.id,
        name,
        hashlib.sha256(raw).hexdigest(),
        meta=meta or None,
        zones=document.zones,
        layers=None if list(annotated) == layers else annotated,
        **about,
    )
