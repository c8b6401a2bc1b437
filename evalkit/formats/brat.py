"""brat standoff: a folder with NAME.txt and NAME.ann for each document, or one such file.

The id of a document is its path in the folder without the suffix; folders inside are read too. The
text is what the file's bytes say, byte order mark and \\r\\n included, and offsets count its
characters. brat under Python 3 counts \\r\\n as one character: newlines=lf reads such files. A text
without an .ann file was not annotated; one with an empty .ann file was, and nothing was found.

    entities      T lines, with A lines as attributes. Not those of triggers, and not those of a
                  type below to which a role points
    events        E lines: `Attack:T1 Agent:T2`; an A line `Realis E1 ACTUAL` is the realis. A role
                  points at an entity or event, which is its `ref`, or at a T of type Argument,
                  which exists for the role alone
    attributions  E lines of type Attribution: the cue is the trigger, roles are Source, Content,
                  SourceName, with T lines of these types, and Parent, which points at an
                  attribution; an A line `Label E1 assertion` is the label

Entities count as annotated wherever there is an .ann file; events and attributions count as
annotated in all of them if the folder holds one, else in none.

**Reading options**

- `layers`: `layers=events,attributions` says that these layers were annotated although the folder
  has none of them.
- `roles`: numbered removes the numbers by which brat tells equal roles apart (Theme, Theme2), and
  counts those that say more; exact keeps roles as they are, such as ARG2.
- `attribution`, `argument`: the types that stand for attributions and for arguments.
- `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`: see "Offsets in other
units".

Dropped in reading: relations, equivalences, normalizations, notes, and whatever has no field in a
Document.

**Writing options**: `attribution`, `argument` and `roles`, as for reading.

Ids of annotations are those of brat (T1, E1); brat_writer.py describes how others are kept. Dropped
in writing: scores, zones, meta, unplaced items, failed documents, attributions without a cue,
attributes that are not a text in one line, references to what is not at the argument's span. brat
splits an annotation where a line ends; it is read as one. Annotations that begin or end with a line
end are counted, and so are layers that are empty or were annotated in some documents alone.

Refused, because dropping it would make the file wrong: labels, types and roles with white space (or
a colon, except in labels of entities), roles that end in a number which brat would take for its
own, and labels that mean something else here. Ids of documents that are no safe file names are kept
in evalkit-ids.json: {"document-000001": "../x"}.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from evalkit.data.document import LAYERS, Document
from evalkit.data.json_keys import check_duplicate_keys
from evalkit.data.schema import Schema, encode_schema
from evalkit.errors import InputError, LoadError, UnknownNameError, quoted_repr
from evalkit.files import list_inputs, read_input, write_files, write_folder
from evalkit.formats.brat_lines import BratParser, decode_text, lines_of
from evalkit.formats.brat_reader import BratDocument, BratTypes
from evalkit.formats.brat_writer import BratWriter
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.filenames import safe_names
from evalkit.formats.offsets import OffsetConvention, SurfaceCheck
from evalkit.formats.registry import DocumentResults

ROLES = {"numbered": True, "exact": False}
NAMES = "evalkit-ids.json"
SUFFIXES = (".txt", ".ann")
_FRAME = re.compile(rb"^E[^\t\n]*\t *([^ \t\r\n]*)", re.MULTILINE)
_BOUND = re.compile(r"T[^\t]*\t[^ \t]+ ([0-9]{1,15}) ([0-9]{1,15})\t(.*)", re.DOTALL)


class BratFiles(NamedTuple):
    """The files of a document: its id, its text, and its annotations, if it has any."""

    id: str
    text: Path
    annotations: Path | None


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    attribution: str = BratTypes().attribution,
    argument: str = BratTypes().argument,
    roles: str = "numbered",
    layers: str | Iterable[str] = (),
    offset_unit: str = "code-points",
    first_offset: int | str = 0,
    end_offset: str = "exclusive",
    newlines: str = "as-is",
    unicode_form: str = "as-is",
) -> DocumentResults:
    """Each document, or a LoadError, with the file of its annotations. See the options above.

    Raises InputError where the path holds nothing of brat, UnknownNameError for a value that an
    option does not have.
    """
    types = _check_types(attribution, argument, roles)
    convention = OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form)
    documents = _find_documents(path)
    annotated = {"entities", *_parse_layers(layers), *_annotated_layers(documents, attribution)}
    for files in documents:
        position = str(files.annotations or files.text)
        try:
            yield position, _read_document(files, conversion, types, convention, annotated)
        except LoadError as error:
            yield position, error


def _check_types(attribution: str, argument: str, roles: str) -> BratTypes:
    for name, type_name in (("attribution", attribution), ("argument", argument)):
        if not type_name or ":" in type_name or any(map(str.isspace, type_name)):
            raise InputError(
                f"invalid {name} {quoted_repr(type_name)}: expected a type without spaces and"
                " colons"
            )
    if attribution == argument:
        raise InputError(
            f"argument: {quoted_repr(argument)} is the type of attributions, too; use another type"
        )
    if roles not in ROLES:
        raise UnknownNameError("value", roles, ROLES, within="roles")
    return BratTypes(attribution, argument, ROLES[roles])


def _parse_layers(layers: str | Iterable[str]) -> list[str]:
    every = (
        [layer for layer in layers.split(",") if layer] if isinstance(layers, str) else list(layers)
    )
    for layer in every:
        if layer not in LAYERS:
            raise UnknownNameError("layer", layer, LAYERS, within="layers")
    return every


def _find_documents(path: Path) -> list[BratFiles]:
    """The files of all documents, in the order of their names."""
    if not path.is_dir() and path.suffix not in SUFFIXES:
        raise InputError(
            f"{path}: brat keeps documents in .txt and .ann files; name one of these, or their"
            " folder"
        )
    folder = path if path.is_dir() else path.parent
    if path.is_dir():
        existing = set(list_inputs(path, SUFFIXES))
    else:
        siblings = [path.with_suffix(suffix) for suffix in SUFFIXES]
        existing = {path, *(file for file in siblings if file.exists())}
    if not existing:
        raise InputError(f"{path}: holds no .txt and no .ann file")
    has_annotations = any(file.suffix == ".ann" for file in existing)
    if path.is_dir() and not has_annotations and any(path.rglob("*.a1")):
        raise InputError(
            f"{path}: .a1 and .a2 files of a BioNLP shared task, and no .ann file; join NAME.a1 and"
            " NAME.a2 into NAME.ann"
        )
    ids = _ids(folder / NAMES)
    files = []
    for stem in sorted({file.relative_to(folder).with_suffix("").as_posix() for file in existing}):
        text, annotations = folder / f"{stem}.txt", folder / f"{stem}.ann"
        has_file = annotations in existing
        files.append(BratFiles(ids.get(stem, stem), text, annotations if has_file else None))
    return files


def _files(folder: Path) -> set[Path]:
    """All texts and annotations in a folder and its subfolders."""
    return {file for file in folder.rglob("*") if file.suffix in SUFFIXES and not file.is_dir()}


def _ids(path: Path) -> dict[str, str]:
    """The ids of documents by the names of their files, where those are no names of files."""
    try:
        if not path.exists():
            return {}
        data = read_input(path)
        ids = msgspec.json.decode(data, type=dict[str, str])
        check_duplicate_keys(data)
    except (msgspec.MsgspecError, ValueError, RecursionError, OSError) as error:
        raise LoadError(
            [f'{path}: {error}; expected {{"NAME": "ID"}} with the id of the document in NAME.txt']
        ) from None
    return ids


def _annotated_layers(documents: Iterable[BratFiles], attribution: str) -> set[str]:
    """Which of events and attributions some file holds."""
    result: set[str] = set()
    for pair in documents:
        if len(result) < 2 and pair.annotations is not None and pair.annotations.is_file():
            result |= _event_layers(pair.annotations.read_bytes(), attribution)
    return result


def _event_layers(data: bytes, attribution: str) -> set[str]:
    types = {event.rpartition(b":")[0] for event in _FRAME.findall(data)}
    return {"attributions" if of == attribution.encode() else "events" for of in types}


def _read_document(
    pair: BratFiles,
    conversion: ConversionReport,
    terms: BratTypes,
    reading: OffsetConvention,
    layers: set[str],
) -> Document | LoadError:
    text = decode_text(pair.text, _read_bytes(pair.text, f"{pair.annotations or pair.text}: "))
    if pair.annotations is None:
        return Document(_document_id(pair), text)
    parser = BratParser(pair.annotations, text, conversion, reading)
    parser.read(_read_bytes(pair.annotations))
    if parser.errors:
        return LoadError(parser.errors)
    return BratDocument(parser, terms).to_document(_document_id(pair), text, layers)


def _read_bytes(path: Path, before: str = "") -> bytes:
    """The bytes of a file. A pipe or device is none: reading it could wait for ever."""
    if path.exists() and not path.is_file():
        raise LoadError([f"{path}: is no regular file"])
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise LoadError(
            [
                f"{before}there is no {path.name} beside it, whose characters its offsets count;"
                " restore that file"
            ]
        ) from None
    except OSError as error:
        raise LoadError([f"{path}: {error.strerror or error}"]) from None


def _document_id(pair: BratFiles) -> str:
    try:
        pair.id.encode()
    except UnicodeEncodeError:
        raise LoadError(
            [f"{quoted_repr(str(pair.text))}: the name of this file is not UTF-8; rename it"]
        ) from None
    return pair.id


def iter_surfaces(path: Path) -> Iterator[SurfaceCheck]:
    """What annotations in one range say that stands there: the text, start, end, and that.

    What cannot be read is left out.
    """
    for pair in _find_documents(path):
        try:
            text = decode_text(pair.text, _read_bytes(pair.text))
            lines = (
                lines_of(pair.annotations, _read_bytes(pair.annotations))
                if pair.annotations
                else []
            )
        except LoadError:
            continue
        for result in filter(None, map(_BOUND.fullmatch, lines)):
            start, end = int(result[1]), int(result[2])
            stands = text[start:end]
            yield (
                text,
                start,
                end,
                stands if re.sub(r"[\r\n]", " ", stands) == result[3] else result[3],
            )


def write(
    documents: Iterable[Document],
    path: Path,
    conversion: ConversionReport,
    schema: Schema | None = None,
    *,
    attribution: str = BratTypes().attribution,
    argument: str = BratTypes().argument,
    roles: str = "numbered",
) -> None:
    """A .txt file for each document, and an .ann file for each that was annotated.

    See the options above, and what is lost.

    schema: written as schema.json beside them.

    Raises InputError for what would be read as something else, before anything is written.
    """
    terms, every = _check_types(attribution, argument, roles), []
    for document in documents:
        if document.failure is None:
            every.append(document)
        else:
            conversion.skipped.add("documents that failed", f"document {quoted_repr(document.id)}")
    folder, names = (
        (path.parent, _single_file_name(path, every))
        if path.suffix in SUFFIXES and not path.is_dir()
        else (path, safe_names([document.id for document in every]))
    )
    if folder == path:
        _check_folder_is_ours(path, names)
    written = []
    for document in every:
        lines = (
            BratWriter(document, conversion, terms).text()
        )  # what is beside the annotations is counted of documents that are not annotated too
        written.append(lines.encode() if _is_annotated(document) else None)
    _count_layers(
        every,
        set().union(*(_event_layers(data, attribution) for data in written if data)),
        conversion,
    )
    files: dict[str, bytes | None] = (
        {} if schema is None else {"schema.json": encode_schema(schema)}
    )
    for document, name, data in zip(every, names, written):
        files |= {f"{name}.txt": document.text.encode(), f"{name}.ann": data}
    if folder != path:
        write_files({folder / name: data for name, data in files.items()})
        return
    ids = {name: document.id for document, name in zip(every, names) if name != document.id}
    files[NAMES] = msgspec.json.format(msgspec.json.encode(ids), indent=1) + b"\n" if ids else None
    write_folder(folder, files)


def _is_annotated(document: Document) -> bool:
    return any(getattr(document, layer) is not None for layer in LAYERS)


def _single_file_name(path: Path, documents: list[Document]) -> list[str]:
    """The name of the only document, which must be that of the file."""
    if [document.id for document in documents] != [path.stem]:
        ids = ", ".join(quoted_repr(document.id) for document in documents[:3])
        raise InputError(
            f"{path}: a file is one document, and its name the id, here {quoted_repr(path.stem)};"
            f" name a folder for {len(documents)} documents: {ids or 'none'}"
        )
    return [path.stem]


def _check_folder_is_ours(folder: Path, names: list[str]) -> None:
    """Refuse a folder with files that would be read with the corpus."""
    own = {folder / f"{name}{suffix}" for name in names for suffix in SUFFIXES}
    others = sorted(_files(folder) - own) if folder.is_dir() else []
    if others:
        raise InputError(
            f"{others[0]} lies there already, and would be read with this corpus; name a new"
            " folder, or delete what it holds"
        )


def _count_layers(
    documents: list[Document], read_layers: set[str], conversion: ConversionReport
) -> None:
    """Count layers that are read as empty and were not annotated, or the other way round."""
    for document in filter(_is_annotated, documents):
        for layer in LAYERS:
            given, where = getattr(document, layer), f"document {quoted_repr(document.id)}"
            if given is None and layer in {"entities", *read_layers}:
                conversion.add(f"layers of {layer} that were not annotated", where)
            elif given is not None and layer not in {"entities", *read_layers}:
                conversion.add(
                    f"empty layers of {layer} (?layers={layer} in reading keeps them)", where
                )
