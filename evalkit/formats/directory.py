"""A corpus as a folder that people can read and edit: texts as files, one annotation a line.

    corpus/corpus.jsonl            a line for each text: id, file, sha256, and optionally language,
                                   provenance, rights, meta, zones, and the layers that are
                                   annotated (default: all that have a file)
    corpus/FILE                    the text, byte for byte; sha256 is checked
    annotations/entities.jsonl     a line for each entity: the document's id under `doc`, then the
                                   fields of the class
    annotations/events.jsonl       the same for events
    annotations/attributions.jsonl the same for attributions
    annotations/schema.json        labels, roles, zones and rules
    annotations/decisions.jsonl    decisions of an adjudication; not read here

A layer without a file was not annotated. Another set of annotations of the same texts, such as a
second annotator's, is a folder with such files anywhere below: `annotations/passes/a` finds the
corpus/ and the schema.json above it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import LAYERS, Attribution, Document, Entity, Event, Zone, iter_spans
from evalkit.data.schema import Schema, encode_schema, load_schema
from evalkit.errors import DocumentError, InputError, LoadError, UnknownNameError, quoted_repr
from evalkit.files import check_inside, is_there, read_input, write_folder
from evalkit.formats.conversion import Losses
from evalkit.formats.filenames import safe_names
from evalkit.formats.jsonl import (
    AttributionLine,
    EntityLine,
    EventLine,
    check_surface,
    iter_lines,
    public,
    to_json_dict,
)
from evalkit.formats.registry import DocumentResults

DECISIONS = "decisions.jsonl"


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


class _LocatedAnnotation:
    """One annotation with where it was read, until its document is made."""

    __slots__ = ("line", "mark", "where")

    def __init__(self, where: str, line: Any, mark: Any) -> None:
        self.where, self.line, self.mark = where, line, mark


_LINES: dict[str, tuple[type[Any], type[Any]]] = {
    layer: (
        msgspec.defstruct(layer, [("doc", str, "")], bases=(line,), forbid_unknown_fields=True),
        kind,
    )
    for layer, line, kind in (
        ("entities", EntityLine, Entity),
        ("events", EventLine, Event),
        ("attributions", AttributionLine, Attribution),
    )
}


def folders(path: Path) -> tuple[Path, Path]:
    """The folder of the texts and that of the annotations, for a corpus folder or a folder of
    annotations below one.
    """
    if (path / "corpus" / "corpus.jsonl").exists():
        return path / "corpus", path / "annotations"
    for above in path.resolve().parents:
        if (above / "corpus" / "corpus.jsonl").exists():
            return above / "corpus", path
    raise InputError(
        f"{path}: no corpus: neither it nor a folder above it holds corpus/corpus.jsonl"
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


# One kind of fault, one branch
def read(path: Path, _losses: Losses | None = None) -> DocumentResults:  # noqa: PLR0912
    """Each document, or a LoadError with file:line for each thing that is wrong, with its place."""
    texts, annotations = folders(path)
    check_inside(texts, texts / "corpus.jsonl")
    rows: dict[str, tuple[str, CorpusRow, str]] = {}
    for number, row in iter_lines(texts / "corpus.jsonl", CorpusRow):
        where = f"{texts / 'corpus.jsonl'}:{number}"
        try:
            known = _row(row, where, texts, rows)
        except LoadError as error:
            yield where, error
        else:
            rows[known[1].id] = known
    marks: dict[str, dict[str, list[_LocatedAnnotation]]] = defaultdict(lambda: defaultdict(list))
    layers = [layer for layer in LAYERS if is_there(annotations / f"{layer}.jsonl")]
    for file in sorted(annotations.glob("*.jsonl")):
        if file.stem not in LAYERS and file.name != DECISIONS:
            yield (
                str(file),
                LoadError(
                    [
                        f"{file}: {UnknownNameError('layer', file.stem, LAYERS)}; rename the file"
                        " or move it away"
                    ]
                ),
            )
    for where, row, _ in rows.values():
        for layer in row.layers or ():
            if layer not in layers:
                yield (
                    where,
                    LoadError(
                        [
                            f"{where}: layers: {quoted_repr(layer)} was annotated, it says, but"
                            f" there is no {annotations / layer}.jsonl"
                        ]
                    ),
                )
    for layer in layers:
        check_inside(annotations, annotations / f"{layer}.jsonl")
        for found in _annotations(annotations / f"{layer}.jsonl", layer, rows):
            if isinstance(found, LoadError):
                yield str(annotations / f"{layer}.jsonl"), found
            else:
                marks[found.line.doc][layer].append(found)
    for where, row, text in rows.values():
        yield where, _document(where, row, text, layers, marks[row.id])


def _row(
    row: CorpusRow | LoadError, where: str, texts: Path, known: dict[str, Any]
) -> tuple[str, CorpusRow, str]:
    if isinstance(row, LoadError):
        raise row
    if row.id in known:
        raise LoadError([f"{where}: id: {quoted_repr(row.id)} is taken by {known[row.id][0]}"])
    if not _within(texts, row.file):
        raise LoadError(
            [
                f"{where}: file: {quoted_repr(row.file)} is not in {texts}; name a file in that"
                " folder"
            ]
        )
    return where, row, read_text(texts / row.file, row.sha256, where)


def _within(folder: Path, file: str) -> bool:
    """Whether a name stays in its folder, links followed."""
    try:
        return (folder / file).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # RuntimeError: a link that leads to itself
        return False


def read_text(path: Path, sha256: str, where: str) -> str:
    """A text, byte for byte.

    Raises LoadError where it is missing, not UTF-8, or not what its digest says.
    """
    try:
        raw = read_input(path)
    except InputError as error:
        raise LoadError([f"{where}: file: {error}"]) from None
    try:
        found = hashlib.sha256(raw).hexdigest()
        if found != sha256.lower():
            raise LoadError(
                [
                    f"{path}: changed: sha256 is {found}, and {where} expects {sha256}; restore the"
                    " file, or its digest if the change is meant"
                ]
            )
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LoadError([f"{path}: not UTF-8 at byte {error.start}"]) from None


def _annotations(
    path: Path, layer: str, rows: dict[str, tuple[str, CorpusRow, str]]
) -> Iterator[_LocatedAnnotation | LoadError]:
    kind, made = _LINES[layer]
    for number, line in iter_lines(path, kind):
        where = f"{path}:{number}"
        if isinstance(line, LoadError):
            yield line
        elif line.doc not in rows:
            error = UnknownNameError("document", line.doc, list(rows)[:5])
            yield LoadError([f"{where}: doc: {error}"])
        else:
            try:
                yield _LocatedAnnotation(
                    where, line, _checked(line, made, layer, rows[line.doc][2])
                )
            except DocumentError as fault:
                yield LoadError(
                    [f"{where}: document {quoted_repr(line.doc)}, {_error_text(fault)}"]
                )


def _checked(line: Any, kind: type[Any], layer: str, text: str) -> Any:
    """The public annotation: its offsets within the text, its surfaces those that stand there."""
    mark = public(line, kind)
    alone = msgspec.structs.replace(mark, parent=None) if isinstance(mark, Attribution) else mark
    if isinstance(alone, Event):
        alone = msgspec.structs.replace(
            alone, arguments=tuple(msgspec.structs.replace(a, ref=None) for a in alone.arguments)
        )
    # A Document of it would check the whole text once more for each mark; what it would find beyond
    # that is a mark past the end.
    for _, _, field, span in iter_spans(SingleAnnotation(layer, alone)):  # type: ignore[arg-type]
        if span.end > len(text):
            raise DocumentError(
                f"{span.end} runs past the end of the text, at {len(text)}",
                layer=layer,
                field=f"{field}.end" if field else "end",
            )
    for _, _, field, span in iter_spans(SingleAnnotation(layer, line)):  # type: ignore[arg-type]
        check_surface(span, text, layer="", field=field)
    return mark


class SingleAnnotation:
    """What `placed` needs of a document, holding one line."""

    def __init__(self, layer: str, line: Any) -> None:
        self.entities = self.events = self.attributions = ()
        self.zones: tuple[Zone, ...] = ()
        setattr(self, layer, (line,))


def _error_text(fault: DocumentError) -> str:
    """A fault of one annotation, without the layer and index, which say nothing of a line of its
    own.
    """
    return f"{fault.field}: {fault.message}" if fault.field else fault.message


def _document(
    where: str,
    row: CorpusRow,
    text: str,
    layers: list[str],
    marks: dict[str, list[_LocatedAnnotation]],
) -> Document | InputError:
    unlisted = [
        layer
        for layer in layers
        if row.layers is not None and layer not in row.layers and marks.get(layer)
    ]
    if unlisted:
        return LoadError(
            [
                f"{marks[unlisted[0]][0].where}: doc: document {quoted_repr(row.id)} has"
                f" {unlisted[0]},"
                " which"
                ' its line in corpus.jsonl does not list; add them to its "layers" once they are'
                " all"
                " there"
            ]
        )
    annotated: Any = (
        layers if row.layers is None else [layer for layer in layers if layer in row.layers]
    )
    about = {
        name: getattr(row, name)
        for name in ("language", "provenance", "rights")
        if getattr(row, name) is not None
    }
    every: dict[str, Any] = {
        layer: tuple(found.mark for found in marks[layer]) for layer in annotated
    }
    try:
        return Document(
            row.id,
            text,
            zones=row.zones,
            meta=about | (row.meta or {}) or None,
            **every,
        )
    except DocumentError as fault:
        if fault.layer in marks and fault.index is not None:
            return LoadError(
                [
                    f"{marks[fault.layer][fault.index].where}: document {quoted_repr(row.id)},"
                    f" {_error_text(fault)}"
                ]
            )
        return LoadError([f"{where}: {fault}"])


def lines_of(path: Path) -> dict[tuple[str, str, int], str]:
    """The line of each annotation of a corpus folder: (document, layer, index) to "file:line"."""
    _, annotations = folders(path)
    found: dict[tuple[str, str, int], str] = {}
    for layer in LAYERS:
        if not (file := annotations / f"{layer}.jsonl").exists():
            continue
        seen: dict[str, int] = defaultdict(int)
        for number, line in iter_lines(file, _LINES[layer][0]):
            if not isinstance(line, LoadError):
                found[line.doc, layer, seen[line.doc]] = f"{file}:{number}"
                seen[line.doc] += 1
    return found


def write(
    documents: Iterable[Document],
    path: Path,
    _losses: Losses | None = None,
    schema: Schema | None = None,
) -> None:
    """Lay out a corpus folder.

    Refuses predictions that failed or have no place: they belong in a JSONL file.
    """
    texts = path / "corpus"
    every = list(documents)
    for document in every:
        if document.failure is not None or document.unplaced:
            raise InputError(
                f"document {quoted_repr(document.id)} carries a failure or unplaced items, which a"
                " folder cannot hold: save as .jsonl"
            )
    names = name_files(
        texts,
        [document.id for document in every],
        _find_files(texts, {document.id for document in every}),
    )
    layers = [
        layer for layer in LAYERS if any(getattr(document, layer) is not None for document in every)
    ]
    contents: dict[str, bytes | None] = {
        f"corpus/{names[document.id]}": document.text.encode("utf-8") for document in every
    }
    contents["corpus/corpus.jsonl"] = _encode_lines(
        _text_row(document, names[document.id], layers) for document in every
    )
    for layer in LAYERS:
        items = _encode_lines(
            {"doc": document.id} | item
            for document in every
            for item in to_json_dict(document).get(layer) or ()
        )
        contents[f"annotations/{layer}.jsonl"] = items if layer in layers else None
    contents["annotations/schema.json"] = None if schema is None else encode_schema(schema)
    write_folder(path, contents)


def _find_files(texts: Path, ids: set[str]) -> dict[str, str]:
    """The names of the texts that the folder holds already, by id.

    People edit a folder by hand: it is written over with the same documents alone. Raises
    InputError where it holds others.
    """
    files: dict[str, str] = {}
    for _, row in (
        iter_lines(texts / "corpus.jsonl", CorpusRow) if (texts / "corpus.jsonl").exists() else ()
    ):
        if not isinstance(row, CorpusRow) or row.id not in ids:
            named = (
                f"document {quoted_repr(row.id)}"
                if isinstance(row, CorpusRow)
                else "what cannot be read"
            )
            raise InputError(
                f"{texts.parent}: holds another corpus, with {named}, which would be lost; name"
                " another folder"
            )
        if row.file not in files.values() and _within(texts, row.file):
            files[row.id] = row.file
    return files


def name_files(texts: Path, ids: Sequence[str], files: Mapping[str, str]) -> dict[str, str]:
    """The name of each text in the folder `texts`: the one that it has already, by id in `files`,
    else one that no file there has.
    """
    others = (
        [file.stem for file in texts.iterdir() if file.suffix.lower() == ".txt"]
        if texts.is_dir()
        else []
    )
    new = [id for id in ids if id not in files]
    return {
        **files,
        **{id: f"{name}.txt" for id, name in zip(new, safe_names(new, reserved=others))},
    }


def _encode_lines(items: Iterable[object]) -> bytes:
    return b"".join(msgspec.json.encode(item) + b"\n" for item in items)


def _text_row(document: Document, name: str, layers: list[str]) -> CorpusRow:
    """A document's line of corpus.jsonl."""
    raw = document.text.encode("utf-8")
    meta = dict(document.meta or {})
    about = {
        key: meta.pop(key)
        for key in ("language", "provenance", "rights")
        if isinstance(meta.get(key), str)
    }
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
