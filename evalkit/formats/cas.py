"""UIMA CAS, as INCEpTION and DKPro write it: XMI or JSON, one file a document, or a folder of them.

A folder is read with its subfolders, in the order of the paths. An .xmi file needs its type system:
`TypeSystem.xml` beside it or in the named folder, or `typesystem`; without one DKPro Core's is
used, and types that it does not have are dropped. A JSON CAS has its own. UIMA counts UTF-16 units,
which are converted to code points; an offset in the middle of a character is an error. Archives are
not opened, and an XML file with a DOCTYPE is refused, because it could expand entities or read
other files.

    entities     NamedEntity, labeled by its `value`
    attributes   the other features of an entity that are texts, numbers or truth values, such as
                 `identifier`
    events       SemPred, labeled by its `category`, where there is one, else None
    arguments    what the links of an event name, `role` and `target`; a link without a role has the
                 name of its feature
    id           documentTitle of DocumentMetaData (INCEpTION's name of the document), else
                 documentId (there the annotator's), else the file's
    meta         the language, if there is one
    text         of the view _InitialView, if that has one, else of the first that has

**Reading options**

- `type`: another type of entities, in full or its last part.
- `feature`: the feature with the label. Without it, the label of a type without `value` and
  `category` is its only feature that is a text; a type without such features is labeled by its
  name.
- `triggers`: another type of events.
- `typesystem`: the file with the type system.
- `view`: another view.

A file without NamedEntity has no entities; if types of a project's own are annotated instead, that
is an error, which lists them. Dropped: annotations of other types, of no characters or of unknown
types, further views, arguments that point at nothing in the index.

**Writing option**: `file_format` is xmi or json, for a folder ("cas:DIR"). A folder has ID.xmi and
TypeSystem.xml, or ID.json; FILE.xmi and FILE.json hold the only document. NamedEntity and SemPred
with SemArg are written in DKPro Core's types. Contiguous entities with the attribute `identifier`,
event types, triggers, arguments with their roles, ids, texts and languages come back, annotations
in the order of the text, documents in that of their file names. Everything else is dropped and
counted, and so are failed documents. A document whose entities were not annotated is refused, since
none would be read, and so is one whose text XML cannot hold; JSON can.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from evalkit.data.document import Argument, Document, Entity, Event, Span
from evalkit.data.schema import Schema, encode_schema
from evalkit.errors import DocumentError, InputError, LoadError, UnknownNameError, spell_option
from evalkit.files import list_inputs, write_files, write_folder
from evalkit.formats.cas_file import (
    ARRAY,
    NAMED,
    PREDICATE,
    TYPESYSTEM,
    UNKNOWN,
    features,
    label_feature,
    label_of,
    load_cas,
    output_type_system,
    short_type_name,
    type_system_loader,
)
from evalkit.formats.cas_writer import skip_failed, to_bytes
from evalkit.formats.conversion import ConversionReport, drop_indistinguishable
from evalkit.formats.filenames import safe_names
from evalkit.formats.registry import DocumentResults

INITIAL = "_InitialView"
BUILTIN_TYPE_PREFIXES = ("uima.", "de.tudarmstadt.ukp.")  # types that are no project's own
FILE_FORMATS = ("xmi", "json")


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    type: str | None = None,
    feature: str | None = None,
    triggers: str | None = None,
    typesystem: str | Path | None = None,
    view: str | None = None,
) -> DocumentResults:
    """Yields the path of each file with its document, or a LoadError.

    The options are described above. Raises InputError for a folder without CAS files.
    """
    for file in files(path):
        try:
            cas = load_cas(file, type_system_loader(file, path, typesystem), conversion)
            yield (
                str(file),
                Reader(file, select_view(cas, view, file, conversion), conversion).document(
                    type, feature, triggers
                ),
            )
        except LoadError as error:
            yield str(file), error
        except InputError as error:
            yield str(file), LoadError([f"{file}: {error}"])


def files(path: Path) -> list[Path]:
    """Returns the files of all documents. Raises InputError for a folder without any."""
    if not path.is_dir():
        return [path]
    result = find_files(path)
    if not result:
        raise InputError(
            f"{path}: no .xmi or .json file; unpack the archives that INCEpTION exports"
        )
    return result


def find_files(folder: Path) -> list[Path]:
    """Returns the .xmi and .json files in a folder and its subfolders."""
    return list_inputs(folder, (".xmi", ".json"), ignore=("schema.json",))


def select_view(cas: Any, name: str | None, file: Path, conversion: ConversionReport) -> Any:
    """Returns the view with the text. Raises InputError if no view has a text."""
    names = [view.sofa.sofaID for view in cas.views if view.sofa.sofaString is not None]
    if name is not None and name not in names:
        raise UnknownNameError("view", name, names)
    if not names:
        raise InputError("no view has a text; only texts can be read")
    if len(names) > 1:
        conversion.add("views", str(file), len(names) - 1)
    return cas.get_view(name or (INITIAL if INITIAL in names else names[0]))


class Reader:
    """Builds the document of a CAS."""

    def __init__(self, file: Path, cas: Any, conversion: ConversionReport) -> None:
        self._file, self._cas, self._conversion = str(file), cas, conversion
        self._annotations = cas.select_all_annotations()
        self._indexed = {id(one) for one in self._annotations}
        self._about = [
            fs
            for fs in self._annotations
            if cas.typesystem.is_instance_of(fs.type.name, "uima.tcas.DocumentAnnotation")
        ]
        self._read = {id(fs) for fs in self._about}

    def document(self, type: str | None, feature: str | None, triggers: str | None) -> Document:
        """Returns the document.

        Raises InputError for invalid annotations, UnknownNameError for an unknown type or feature.
        """
        entities, events = self._entities(type, feature), self._events(triggers)
        for fs in self._annotations:
            if id(fs) not in self._read:
                self._conversion.add(
                    f"annotations of the type {short_type_name(fs.type.name)}", self._file
                )
        languages = []
        for fs in self._about:
            language = getattr(fs, "language", None)
            if language not in (None, "", "x-unspecified"):
                languages.append(language)
        return Document(
            self._id(),
            self._cas.sofa_string,
            entities,
            events,
            meta={"language": languages[0]} if languages else None,
        )

    def _id(self) -> str:
        for name in ("documentTitle", "documentId"):
            for fs in self._about:
                id: str | None = getattr(fs, name, None)
                if id:
                    return id
        return Path(self._file).stem

    def _entities(self, type: str | None, feature: str | None) -> tuple[Entity, ...]:
        result = self._annotations_of_type(self._type(type) if type else NAMED)
        own = dict.fromkeys(
            fs.type.name
            for fs in self._annotations
            if not fs.type.name.startswith(BUILTIN_TYPE_PREFIXES)
        )
        if own and not result and not type:
            raise InputError(
                f"no NamedEntity, but annotations of {', '.join(own)}; name one with"
                f" {spell_option('type', 'NAME', of='format')}, or give"
                f" {spell_option('type', 'NamedEntity', of='format')} if there are no entities"
            )
        if not result and not type and UNKNOWN in self._conversion.counts:
            raise InputError(
                "no NamedEntity, but annotations of types that no type system declares: put its"
                " TypeSystem.xml beside it, or name it with"
                f" {spell_option('typesystem', 'PATH', of='format')}"
            )
        return tuple(
            _make_annotation("entities", n, lambda fs: _entity(fs, feature), fs)
            for n, fs in enumerate(result)
        )

    def _events(self, triggers: str | None) -> tuple[Event, ...] | None:
        result = self._annotations_of_type(self._type(triggers) if triggers else PREDICATE)
        if not result and not triggers:
            return None
        return tuple(_make_annotation("events", n, self._event, fs) for n, fs in enumerate(result))

    def _event(self, fs: Any) -> Event:
        return Event(
            label_of(fs, label_feature(fs.type)), Span(fs.begin, fs.end), tuple(self._arguments(fs))
        )

    def _arguments(self, fs: Any) -> Iterator[Argument]:
        lists = (
            (name, getattr(fs[name], "elements", None))
            for name, held in features(fs.type)
            if held == ARRAY
        )
        for name, link in ((name, link) for name, links in lists for link in links or ()):
            target: Any = getattr(link, "target", None)
            if id(target) in self._indexed and target.begin < target.end:
                self._read.add(id(target))
                yield Argument(getattr(link, "role", None) or name, target.begin, target.end)
            else:
                self._conversion.add("arguments that point at nothing in the index", self._file)

    def _type(self, name: str) -> str:
        """Returns the full name of a type that is given in full or as its last part.

        Annotated types are preferred to those that are only declared.
        """
        if (
            own := {
                NAMED: NAMED,
                PREDICATE: PREDICATE,
                short_type_name(NAMED): NAMED,
                short_type_name(PREDICATE): PREDICATE,
            }.get(name)
        ) is not None:
            return own
        known: list[str] = [kind.name for kind in self._cas.typesystem.get_types()]
        fitting = [one for one in known if name in (one, short_type_name(one))]
        used = sorted({fs.type.name for fs in self._annotations} & set(fitting)) or fitting
        if len(used) != 1:
            raise UnknownNameError(
                "type",
                name,
                used
                or dict.fromkeys(
                    fs.type.name for fs in self._annotations if id(fs) not in self._read
                ),
            )
        return used[0]

    def _annotations_of_type(self, name: str) -> list[Any]:
        """Returns the annotations of a type in text order; empty ones are counted as dropped."""
        result = self._cas.select(name) if self._cas.typesystem.contains_type(name) else []
        self._read.update(map(id, result))
        if any(not hasattr(fs, "begin") for fs in result):
            raise InputError(f"{name} is no type of annotations: it has no place in the text")
        if empty := sum(fs.begin == fs.end for fs in result):
            self._conversion.add("annotations of no characters", self._file, empty)
        return [fs for fs in result if fs.begin != fs.end]


def _make_annotation(layer: str, index: int, make: Any, fs: Any) -> Any:
    """Returns `make(fs)`. Raises DocumentError with layer and index."""
    try:
        return make(fs)
    except DocumentError as error:
        raise DocumentError(error.message, layer=layer, index=index, field=error.field) from None


def _entity(fs: Any, feature: str | None) -> Entity:
    label = label_feature(fs.type, feature)
    others = (
        name for name, held in features(fs.type) if held in ("text", "plain") and name != label
    )
    attributes = {name: value for name in others if (value := fs[name]) is not None}
    return Entity(label_of(fs, label), fs.begin, fs.end, attributes=attributes or None)


def write(
    documents: Iterable[Document],
    path: Path,
    conversion: ConversionReport,
    schema: Schema | None = None,
    *,
    file_format: str = "xmi",
) -> None:
    """Writes a file for each document, as described above.

    `schema` is written as schema.json into the same folder. Raises UnknownNameError for an unknown
    file format, InputError for several documents in one file, or a folder with other documents.
    """
    if file_format not in FILE_FORMATS:
        raise UnknownNameError("file format", file_format, FILE_FORMATS)
    alone = path.suffix.removeprefix(".") in FILE_FORMATS
    file_format = path.suffix.removeprefix(".") if alone else file_format
    texts = {
        document.id: to_bytes(document, file_format, conversion)
        for document in drop_indistinguishable(documents, conversion)
        if not skip_failed(document, conversion)
    }
    if alone and len(texts) != 1:
        raise InputError(
            f"{path}: a CAS holds one document, and there are {len(texts)}; name a folder, as in"
            " cas:DIR"
        )
    names = safe_names(list(texts), reserved=["schema"])  # schema.json is the schema's
    files = {
        path.name if alone else f"{name}.{file_format}": text
        for name, text in zip(names, texts.values())
    }
    folder = path.parent if alone else path
    if not alone and (
        others := [
            file.name for file in find_files(path) if file.relative_to(path).as_posix() not in files
        ]
    ):
        raise InputError(
            f"{path}: holds other documents, such as {others[0]}, which would be read with these;"
            " name another folder"
        )
    if file_format == "xmi":
        files[TYPESYSTEM] = encode_system(folder / TYPESYSTEM)
    if schema is not None:
        files["schema.json"] = encode_schema(schema)
    if alone:
        write_files({folder / name: data for name, data in files.items()})
    else:
        write_folder(folder, files)


def encode_system(path: Path) -> bytes:
    """Returns the bytes of the type system that is written to `path`.

    Raises InputError if this file exists with another content.
    """
    text: bytes = output_type_system().to_xml().encode()
    if path.exists() and path.read_bytes() != text:
        raise InputError(f"{path} belongs to other documents; name another folder")
    return text
