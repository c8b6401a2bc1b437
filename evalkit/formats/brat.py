"""brat standoff: a folder with NAME.txt and NAME.ann for each document, or one such file.

The id of a document is its path in the folder without the suffix; subfolders are read, too. The
text is the content of the file, byte order mark and \\r\\n included, and offsets count its
characters. brat under Python 3 counts \\r\\n as one character: newlines=lf reads such files. A text
without an .ann file was not annotated; one with an empty .ann file was annotated and has no
annotations. The files NAME.a1 and NAME.a2 of a BioNLP shared task are read as one; beside an .ann
file they are left out and counted. (Sources: brat.nlplab.org/standoff.html, and the files of the
BioNLP shared tasks.)

    entities      T lines, with A lines as attributes, except for triggers and for the T lines of
                  types that serve as arguments only
    events        E lines: `Attack:T1 Agent:T2`; an A line `Realis E1 ACTUAL` is the realis. A role
                  points at an entity or event, which is its `ref`, or at a T line of type Argument,
                  which is written only for the role
    attributions  E lines of type Attribution: the cue is the trigger, roles are Source, Content,
                  SourceName, with T lines of these types, and Parent, which points at an
                  attribution; an A line `Label E1 assertion` is the label, else, with several
                  types of attributions, the type
    relations     R lines between entities and events: `Works-for Arg1:T1 Arg2:T2`. Arg1 is the
                  head, Arg2 the tail; with other roles the first argument is the head, and the
                  attributes Arg1 and Arg2 have the roles

Entities count as annotated wherever there is an .ann file; events, attributions and relations count
as annotated in all of them if the folder holds one, else in none.

**Reading options**

- `layers`: layers that were annotated although the folder has no annotation of them, such as
  `layers=events,attributions`.
- `roles`: numbered removes the numbers that brat adds to equal roles (Theme, Theme2), and counts
  numbers that are not consecutive; exact keeps roles as they are, such as ARG2.
- `attribution`, `argument`: the types of attributions, such as `attribution=Quote,Report`, and of T
  lines that serve as arguments only.
- `texts`: the folder with the .txt files, under the same names as the annotations, where these are
  in a folder of their own. Texts without annotations are left out.
- `offset_unit`, `first_offset`, `end_offset`, `newlines`, `unicode_form`: see "Offsets in other
units".

Repaired in reading: a tab at the end of a T line.
Dropped in reading: equivalences (* lines), relations of other annotations than entities and events
or of more than two, normalizations, notes, and everything else that has no field in a Document.

**Writing options**: `attribution` (one type), `argument` and `roles`, as for reading.

Ids in brat's form (T1, E1, R1) are kept; other ids are kept in notes. Dropped in writing: scores,
zones, meta, unplaced items, failed documents, attributions without a cue, relations of annotations
that are dropped, attributes that are not a text in one line, references to annotations that do not
have the argument's span. An annotation over several lines is split at line ends, as in brat, and
joined again when it is read. Annotations that begin or end with a line end are counted, and so are
layers that are empty or were annotated only in some documents.

Refused, because dropping it would make the file wrong: labels, types and roles with white space (or
a colon, except in labels of entities), roles that end in a number which brat would take for its
own, and labels that are equal to `attribution` or `argument`. Ids of documents that are not safe
file names are kept in evalkit-ids.json: {"document-000001": "../x"}.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from evalkit.data.document import LAYERS, Document
from evalkit.data.json_keys import check_duplicate_keys
from evalkit.data.schema import Schema, encode_schema
from evalkit.errors import InputError, LoadError, UnknownNameError, quoted_repr, spell_option
from evalkit.files import list_inputs, read_input, write_files, write_folder
from evalkit.files.inputs import explain_compressed, transcode_bytes
from evalkit.formats.brat_lines import BOM, BratParser, decode_text, lines_of, replace_line_ends
from evalkit.formats.brat_plain import read_plain_entities
from evalkit.formats.brat_reader import BratDocument, BratTypes
from evalkit.formats.brat_writer import BratWriter
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.filenames import safe_names
from evalkit.formats.offsets import OffsetConvention, SurfaceCheck
from evalkit.formats.registry import DocumentResults

ROLES = {"numbered": True, "exact": False}
NAMES = "evalkit-ids.json"
SUFFIXES = (".txt", ".ann")
# The annotations of a BioNLP shared task: those that were given, and those to be found
SHARED_TASK_SUFFIXES = (".a1", ".a2")
_FRAME = re.compile(rb"^E[^\t\n]*\t *([^ \t\r\n]*)", re.MULTILINE)
_BOUND = re.compile(r"T[^\t]*\t[^ \t]+ ([0-9]{1,15}) ([0-9]{1,15})\t(.*)", re.DOTALL)


class BratFiles(NamedTuple):
    """The files of a document: its id, its text, and its annotations, if it has any.

    stem: their path in the folder without the suffix. further: the .a2 file beside an .a1 file.
    """

    id: str
    stem: str
    text: Path
    annotations: Path | None
    further: Path | None = None


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    attribution: str = BratTypes().attribution,
    argument: str = BratTypes().argument,
    roles: str = "numbered",
    layers: str | Iterable[str] = (),
    texts: str | Path | None = None,
    offset_unit: str = "code-points",
    first_offset: int | str = 0,
    end_offset: str = "exclusive",
    newlines: str = "as-is",
    unicode_form: str = "as-is",
) -> DocumentResults:
    """Yields each document, or a LoadError, with the path of its .ann file (without one, its .txt
    file). The options are described above.

    Raises InputError if the path has no brat files, UnknownNameError for an invalid option value.
    """
    types = _check_types(attribution.split(","), argument, roles)
    convention = OffsetConvention(offset_unit, end_offset, newlines, first_offset, unicode_form)
    documents = _find_documents(path, conversion)
    if texts is not None:
        documents = list(_with_texts_from(_check_texts(texts), documents))
    annotated = {"entities", *_parse_layers(layers), *_annotated_layers(documents, types)}
    for files in documents:
        position = str(files.annotations or files.text)
        try:
            yield position, _read_document(files, conversion, types, convention, annotated)
        except LoadError as error:
            yield position, error


def _check_types(attributions: Sequence[str], argument: str, roles: str) -> BratTypes:
    given = [("attribution", name) for name in attributions]
    for name, type_name in (*given, ("argument", argument)):
        if not type_name or {":", ","} & set(type_name) or any(map(str.isspace, type_name)):
            raise InputError(
                f"invalid {name} {quoted_repr(type_name)}: expected a type without spaces,"
                " commas and colons"
            )
    if argument in attributions:
        raise InputError(
            f"invalid argument {quoted_repr(argument)}: expected a type other than that of"
            " attributions"
        )
    if roles not in ROLES:
        raise UnknownNameError("value", roles, ROLES, within="roles")
    return BratTypes(tuple(attributions), argument, ROLES[roles])


def _check_texts(texts: str | Path) -> Path:
    folder = Path(texts)
    if not folder.is_dir():
        raise InputError(
            f"invalid texts {quoted_repr(str(texts))}: expected a folder of .txt files"
        )
    return folder


def _with_texts_from(folder: Path, documents: Iterable[BratFiles]) -> Iterator[BratFiles]:
    """Yields the documents with annotations, with their texts in another folder."""
    for files in documents:
        if files.annotations is not None:
            yield files._replace(text=folder / f"{files.stem}.txt")


def _parse_layers(layers: str | Iterable[str]) -> list[str]:
    names = layers.split(",") if isinstance(layers, str) else list(layers)
    names = [name for name in names if name]
    for name in names:
        if name not in LAYERS:
            raise UnknownNameError("layer", name, LAYERS, within="layers")
    return names


def _find_documents(path: Path, conversion: ConversionReport) -> list[BratFiles]:
    """Returns the files of each document, sorted by name."""
    suffixes = (*SUFFIXES, *SHARED_TASK_SUFFIXES)
    if not path.is_dir() and path.suffix not in suffixes:
        raise InputError(
            f"{path}: not a brat file: expected a .txt, .ann, .a1 or .a2 file, or a folder of them"
        )
    folder = path if path.is_dir() else path.parent
    if path.is_dir():
        existing = set(list_inputs(path, suffixes))
    else:
        siblings = [path.with_suffix(suffix) for suffix in suffixes]
        existing = {path, *(file for file in siblings if file.exists())}
    if not existing:
        raise InputError(f"{path}: no .txt and no .ann file in this folder")
    ids = _ids(folder / NAMES)
    files_of_stem: dict[str, dict[str, Path]] = {}  # by path in the folder without suffix, suffix
    for file in existing:
        parts = file.parts[len(folder.parts) :]
        stem = "/".join(parts).removesuffix(file.suffix)
        files_of_stem.setdefault(stem, {})[file.suffix] = file
    files = []
    for stem, found in sorted(files_of_stem.items()):
        annotations = [found[suffix] for suffix in SHARED_TASK_SUFFIXES if suffix in found]
        if ".ann" in found:
            for file in annotations:
                conversion.add("files of a shared task beside an .ann file", str(file))
            annotations = [found[".ann"]]
        text = found.get(".txt") or annotations[0].with_suffix(".txt")
        first, further = (*annotations, None, None)[:2]
        files.append(BratFiles(ids.get(stem, stem), stem, text, first, further))
    return files


def _files(folder: Path) -> set[Path]:
    """Returns all .txt and .ann files in a folder and its subfolders."""
    return {file for file in folder.rglob("*") if file.suffix in SUFFIXES and not file.is_dir()}


def _ids(path: Path) -> dict[str, str]:
    """Returns the content of evalkit-ids.json: document ids by file name, without suffix."""
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


def _annotated_layers(documents: Iterable[BratFiles], terms: BratTypes) -> set[str]:
    """Returns the layers, events, attributions and relations, that at least one file has."""
    result: set[str] = set()
    for pair in documents:
        for file in (pair.annotations, pair.further):
            if len(result) < 3 and file is not None and file.is_file():
                with suppress(LoadError):  # which reading the document raises again
                    result |= _layers_of(_read_bytes(file), terms)
    return result


def _layers_of(data: bytes, terms: BratTypes) -> set[str]:
    """Returns the layers, events, attributions and relations, of an .ann file."""
    data = b"\n" + data.removeprefix(BOM)
    layers: set[str] = set()
    if b"\nE" in data:  # much faster than the regular expression, which most files do not need
        types = {event.rpartition(b":")[0] for event in _FRAME.findall(data)}
        attributions = {name.encode() for name in terms.attributions}
        layers |= {"attributions" if name in attributions else "events" for name in types}
    if b"\nR" in data:
        layers.add("relations")
    return layers


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
    data = _read_bytes(pair.annotations)
    is_plain = reading.is_default and pair.further is None
    entities = read_plain_entities(data, text) if is_plain else None
    if entities is not None:
        other_layers: dict[str, Any] = dict.fromkeys(layers - {"entities"}, ())
        return Document(_document_id(pair), text, tuple(entities), **other_layers)
    parser = BratParser(pair.annotations, text, conversion, reading)
    further = None if pair.further is None else (pair.further, _read_bytes(pair.further))
    parser.read(data, further)
    if parser.errors:
        return LoadError(parser.errors)
    return BratDocument(parser, terms).to_document(_document_id(pair), text, layers)


def _read_bytes(path: Path, before: str = "") -> bytes:
    """Returns the bytes of a file; raises LoadError if it cannot be read.

    Pipes and devices are refused, since reading them may never end.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise LoadError([f"{path}: not a regular file"])
        with path.open("rb", buffering=0) as file:
            data = file.read()
        if problem := explain_compressed(path, data, has_suffix=False):
            raise LoadError([problem])
        return transcode_bytes(path, data)
    except FileNotFoundError:
        raise LoadError(
            [
                f"{before}no {path.name} in {path.parent}: expected the text that the offsets"
                " refer to; if the texts are in another folder, name it with"
                f" {spell_option('texts', 'DIR', of='format')}"
            ]
        ) from None
    except OSError as error:
        raise LoadError([f"{path}: {error.strerror or error}"]) from None


def _document_id(pair: BratFiles) -> str:
    try:
        pair.id.encode()
    except UnicodeEncodeError:
        raise LoadError(
            [f"{quoted_repr(str(pair.text))}: file name is not UTF-8; rename the file"]
        ) from None
    return pair.id


def iter_surfaces(path: Path) -> Iterator[SurfaceCheck]:
    """Yields document text, start, end and quoted text of each T line with a single range.

    Files and lines that cannot be read are skipped.
    """
    for pair in _find_documents(path, ConversionReport()):
        lines: list[str] = []
        try:
            text = decode_text(pair.text, _read_bytes(pair.text))
            for file in filter(None, (pair.annotations, pair.further)):
                lines += lines_of(file, _read_bytes(file))
        except LoadError:
            continue
        for line in lines:
            match = _BOUND.fullmatch(line)
            if match is None:
                continue
            start, end, surface = int(match[1]), int(match[2]), match[3]
            # brat quotes line ends as spaces
            if replace_line_ends(text[start:end]) == surface:
                surface = text[start:end]
            yield text, start, end, surface


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
    """Writes a .txt file for each document, and an .ann file for each annotated one.

    The options, and what is dropped, are described above. `schema` is written as schema.json into
    the same folder.

    Raises InputError, before anything is written, for annotations that would be read as others.
    """
    terms = _check_types([attribution], argument, roles)
    successful = []
    for document in documents:
        if document.failure is None:
            successful.append(document)
        else:
            conversion.skipped.add("documents that failed", f"document {quoted_repr(document.id)}")
    is_single_file = path.suffix in SUFFIXES and not path.is_dir()
    if is_single_file:
        names = _single_file_name(path, successful)
    else:
        names = safe_names([document.id for document in successful])
        _refuse_other_documents(path, names)
    ann_contents: list[bytes | None] = []
    layers: set[str] = set()
    for document in successful:
        # Documents without annotations are converted, too, so that their meta is counted
        lines = BratWriter(document, conversion, terms).text().encode()
        ann_contents.append(lines if _is_annotated(document) else None)
        if _is_annotated(document):
            layers |= _layers_of(lines, terms)
    _count_layers(successful, layers, conversion)
    files: dict[str, bytes | None] = {}
    if schema is not None:
        files["schema.json"] = encode_schema(schema)
    for document, name, content in zip(successful, names, ann_contents):
        files[f"{name}.txt"] = document.text.encode()
        files[f"{name}.ann"] = content
    if is_single_file:
        write_files({path.parent / name: data for name, data in files.items()})
        return
    ids = {name: document.id for document, name in zip(successful, names) if name != document.id}
    files[NAMES] = msgspec.json.format(msgspec.json.encode(ids), indent=1) + b"\n" if ids else None
    write_folder(path, files)


def _is_annotated(document: Document) -> bool:
    return any(getattr(document, layer) is not None for layer in LAYERS)


def _single_file_name(path: Path, documents: list[Document]) -> list[str]:
    """Returns the name of the only document; raises InputError if it is not that of the file."""
    if [document.id for document in documents] != [path.stem]:
        ids = ", ".join(quoted_repr(document.id) for document in documents[:3])
        raise InputError(
            f"{path}: expected one document with the id {quoted_repr(path.stem)}, got"
            f" {len(documents)}: {ids or 'none'}; write them to a folder"
        )
    return [path.stem]


def _refuse_other_documents(folder: Path, names: list[str]) -> None:
    """Raises InputError for a folder with files that would be read as part of the corpus."""
    replaced = {folder / f"{name}{suffix}" for name in names for suffix in SUFFIXES}
    others = sorted(_files(folder) - replaced) if folder.is_dir() else []
    if others:
        raise InputError(
            f"{others[0]}: this file would be read as part of the corpus; write to a new folder, or"
            " delete the file"
        )


def _count_layers(
    documents: list[Document], read_layers: set[str], conversion: ConversionReport
) -> None:
    """Counts layers that will be read as empty but were not annotated, and the other way round."""
    for document in filter(_is_annotated, documents):
        where = f"document {quoted_repr(document.id)}"
        for layer in LAYERS:
            was_annotated = getattr(document, layer) is not None
            is_read = layer == "entities" or layer in read_layers
            if is_read and not was_annotated:
                conversion.add(f"layers of {layer} that were not annotated", where)
            elif was_annotated and not is_read:
                conversion.add(
                    f"empty layers of {layer} (?layers={layer} in reading keeps them)", where
                )
