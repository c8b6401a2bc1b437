"""UIMA CAS, as INCEpTION and DKPro write it: XMI or JSON, one file a document, or a folder of them.

A folder is read with its subfolders, in the order of the paths. An .xmi file needs its type system:
`TypeSystem.xml` beside it or in the named folder, or `typesystem`; without one DKPro Core's is
used, and types that it does not have are dropped. A JSON CAS includes its type system. UIMA counts
UTF-16 units, which are converted to code points; an offset in the middle of a character is an
error. (Sources: XMI and JSON CAS of Apache UIMA, as dkpro-cassis reads them; the types of DKPro
Core.) Archives are not opened, and an XML file with a DOCTYPE is refused, because it could expand
entities or read other files.

    entities     NamedEntity, labeled by its `value`
    attributes   the other features of an entity that are strings, numbers or booleans, such as
                 `identifier`
    events       SemPred, labeled by its `category`, where there is one, else None
    arguments    the links of an event, with `role` and `target`; a link without a role has the name
                 of its feature as its role
    relations    annotations of a project's own types with the features Governor (the head) and
                 Dependent (the tail), as INCEpTION's relation layers have them, labeled by `value`,
                 `category` or `label`, else by the only string feature, else by the name of the
                 type; other strings, numbers and booleans are attributes
    id           documentTitle of DocumentMetaData (in INCEpTION, the name of the document), else
                 documentId (in INCEpTION, the annotator), else the name of the file
    meta         the language, if there is one
    text         the text of the view _InitialView if it has one, else of the first view with a text

**Reading options**

- `type`: another type of entities, in full or its last part.
- `feature`: the feature with the label. Without this option, a type that has neither `value` nor
  `category` is labeled by its only string feature, and a type without string features by its name.
- `triggers`: another type of events.
- `typesystem`: the file with the type system.
- `view`: another view.
- `annotator`: whose files are read, if each document is in several files: the documentId, beside a
  documentTitle that is the document's.

A file without NamedEntity has no entities; if types of a project's own are annotated instead, an
error lists them. Relations count as annotated in all documents of a folder if one has relations,
else in none. Their arguments get the ids T1, T2, … (entities) and E1, E2, … (events), counted in
the order of the text. Dropped: annotations of other types, of no characters or of unknown types,
further views, arguments whose target is not in the index, relations without a label, relations
whose Governor or Dependent is not read as an entity or event.

**Writing option**: `file_format` is xmi or json, for a folder ("cas:DIR"). A folder has ID.xmi and
TypeSystem.xml, or ID.json; FILE.xmi and FILE.json hold the only document. NamedEntity and SemPred
with SemArg are written as DKPro Core's types, relations as custom.Relation with a `label`, the type
of INCEpTION's basic template. These are kept: contiguous entities with the attribute `identifier`,
event types, triggers, arguments with their roles, labels and arguments of relations, document ids,
texts and languages. Annotations are read back in the order of the text, documents in the order of
their file names. Everything else is dropped and counted, and so are failed documents, and layers of
relations that are empty or were annotated in some documents only. Documents whose entities were not
annotated are left out and counted, since they would be read as documents without entities; it is an
error if all are. In XMI, so is a text with characters that XML does not allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evalkit.data.document import (
    Argument,
    Attributes,
    Document,
    Entity,
    Event,
    Relation,
    Span,
)
from evalkit.data.schema import Schema, encode_schema
from evalkit.errors import (
    DocumentError,
    InputError,
    LoadError,
    UnknownNameError,
    quoted_repr,
    spell_option,
)
from evalkit.files import list_inputs, write_files, write_folder
from evalkit.formats.annotated_layers import UnannotatedLayers, mark_annotated_layers
from evalkit.formats.cas_annotators import find_annotators, select_files
from evalkit.formats.cas_file import (
    ARRAY,
    HEAD,
    NAMED,
    PREDICATE,
    TAIL,
    TYPESYSTEM,
    UNKNOWN,
    features,
    label_feature,
    label_of,
    load_cas,
    output_type_system,
    relation_label_feature,
    short_type_name,
    type_system_loader,
)
from evalkit.formats.cas_writer import to_bytes
from evalkit.formats.conversion import (
    ConversionReport,
    drop_indistinguishable,
    skip_unannotated,
)
from evalkit.formats.filenames import refuse_other_files, safe_names
from evalkit.formats.json_records import skip_failed
from evalkit.formats.registry import DocumentResults

INITIAL = "_InitialView"
# Prefixes of the types of UIMA and DKPro, which are not a project's own
BUILTIN_TYPE_PREFIXES = ("uima.", "de.tudarmstadt.ukp.")
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
    annotator: str | None = None,
) -> DocumentResults:
    """Yields the path of each file with its document, or a LoadError.

    The options are described above. Raises InputError for a folder without CAS files, and
    UnknownNameError for an annotator without files.
    """
    results = _results(path, conversion, type, feature, triggers, typesystem, view, annotator)
    return mark_annotated_layers(results, "relations")


def _results(
    path: Path,
    conversion: ConversionReport,
    type: str | None,
    feature: str | None,
    triggers: str | None,
    typesystem: str | Path | None,
    view: str | None,
    annotator: str | None,
) -> DocumentResults:
    """Yields the documents, or LoadErrors; those without relations have no layer of relations."""
    selected = files(path)
    if annotator is not None:
        selected = select_files(path, selected, typesystem, str(annotator), conversion)
    for file in selected:
        try:
            cas = load_cas(file, type_system_loader(file, path, typesystem), conversion)
            selected_view = select_view(cas, view, file, conversion)
            document = CasReader(file, selected_view, conversion).document(type, feature, triggers)
            yield str(file), document
        except LoadError as error:
            yield str(file), error
        except InputError as error:
            yield str(file), LoadError([f"{file}: {error}"])


def list_annotators(path: Path, *, typesystem: str | Path | None = None) -> list[str]:
    """Returns the annotators whose files a folder has, sorted."""
    return sorted(set(filter(None, find_annotators(path, files(path), typesystem).values())))


def files(path: Path) -> list[Path]:
    """Returns the files of all documents. Raises InputError for a folder without any."""
    if not path.is_dir():
        return [path]
    cas_files = find_files(path)
    if not cas_files:
        raise InputError(
            f"{path}: no .xmi or .json file; unpack the archives that INCEpTION exports"
        )
    return cas_files


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
    if name is None:
        name = INITIAL if INITIAL in names else names[0]
    return cas.get_view(name)


class CasReader:
    """Builds the document of a CAS."""

    def __init__(self, file: Path, cas: Any, conversion: ConversionReport) -> None:
        self._file, self._cas, self._conversion = str(file), cas, conversion
        self._annotations = cas.select_all_annotations()
        self._indexed = {id(fs) for fs in self._annotations}
        self._metadata = []
        for fs in self._annotations:
            if cas.typesystem.is_instance_of(fs.type.name, "uima.tcas.DocumentAnnotation"):
                self._metadata.append(fs)
        self._read = {id(fs) for fs in self._metadata}
        self._relations = [fs for fs in self._annotations if _is_relation(fs.type)]
        self._relation_arguments: set[int] = set()
        for fs in self._relations:
            self._relation_arguments.update((id(fs[HEAD]), id(fs[TAIL])))
        # The ids of entities and events, by the id() of their annotations
        self._ids: dict[int, str] = {}

    def document(self, type: str | None, feature: str | None, triggers: str | None) -> Document:
        """Returns the document.

        Raises InputError for invalid annotations, UnknownNameError for an unknown type or feature.
        """
        entities, events = self._entities(type, feature), self._events(triggers)
        relations = tuple(self._read_relations())
        for fs in self._annotations:
            if id(fs) not in self._read:
                self._conversion.add(
                    f"annotations of the type {short_type_name(fs.type.name)}", self._file
                )
        languages = []
        for fs in self._metadata:
            language = getattr(fs, "language", None)
            if language not in (None, "", "x-unspecified"):
                languages.append(language)
        return Document(
            self._id(),
            self._cas.sofa_string,
            entities,
            events,
            relations=relations or None,
            meta={"language": languages[0]} if languages else None,
        )

    def _id(self) -> str:
        for name in ("documentTitle", "documentId"):
            for fs in self._metadata:
                id: str | None = getattr(fs, name, None)
                if id:
                    return id
        return Path(self._file).stem

    def _entities(self, type: str | None, feature: str | None) -> tuple[Entity, ...]:
        selected = self._annotations_of_type(self._type(type) if type else NAMED)
        project_types: dict[str, None] = {}
        for fs in self._annotations:
            if not fs.type.name.startswith(BUILTIN_TYPE_PREFIXES) and not _is_relation(fs.type):
                project_types[fs.type.name] = None
        if project_types and not selected and not type:
            raise InputError(
                f"no NamedEntity, but annotations of {', '.join(project_types)}; name one with"
                f" {spell_option('type', 'NAME', of='format')}, or give"
                f" {spell_option('type', 'NamedEntity', of='format')} if there are no entities"
            )
        if not selected and not type and UNKNOWN in self._conversion.counts:
            raise InputError(
                "no NamedEntity, but annotations of types that no type system declares: put its"
                " TypeSystem.xml beside it, or name it with"
                f" {spell_option('typesystem', 'PATH', of='format')}"
            )
        entities = []
        for n, fs in enumerate(selected):
            name = label_feature(fs.type, feature)
            if self._is_labeled(fs, name):
                with _locate_error("entities", n):
                    id = self._id_of_argument(fs, f"T{n + 1}")
                    attributes = _attributes(fs, name)
                    label = label_of(fs, name)
                    entities.append(Entity(label, fs.begin, fs.end, id=id, attributes=attributes))
        return tuple(entities)

    def _events(self, triggers: str | None) -> tuple[Event, ...] | None:
        selected = self._annotations_of_type(self._type(triggers) if triggers else PREDICATE)
        if not selected and not triggers:
            return None
        events = []
        for n, fs in enumerate(selected):
            name = label_feature(fs.type)
            if self._is_labeled(fs, name):
                with _locate_error("events", n):
                    id = self._id_of_argument(fs, f"E{n + 1}")
                    arguments = tuple(self._arguments(fs))
                    events.append(
                        Event(label_of(fs, name), Span(fs.begin, fs.end), arguments, id=id)
                    )
        return tuple(events)

    def _is_labeled(self, fs: Any, feature: str | None) -> bool:
        """Whether the feature with the label is set. INCEpTION lets annotators leave it unset; such
        annotations are counted as dropped.
        """
        if label_of(fs, feature):
            return True
        what = f"annotations without a label (the feature {quoted_repr(feature)} is not set)"
        self._conversion.add(what, self._file)
        return False

    def _id_of_argument(self, fs: Any, new_id: str) -> str | None:
        """Returns an id for an annotation that is an argument of a relation; None for others."""
        if id(fs) not in self._relation_arguments:
            return None
        self._ids.setdefault(id(fs), new_id)
        return new_id

    def _read_relations(self) -> Iterator[Relation]:
        """Yields the relations between entities and events that are read."""
        for n, fs in enumerate(self._relations):
            if id(fs) in self._read:  # as an entity, an event or an argument
                continue
            self._read.add(id(fs))
            head, tail = self._ids.get(id(fs[HEAD])), self._ids.get(id(fs[TAIL]))
            feature = relation_label_feature(fs.type)
            label = label_of(fs, feature)
            if head is None or tail is None:
                self._conversion.add("relations with an argument that is not read", self._file)
            elif not label:
                self._conversion.add("relations without a label", self._file)
            else:
                with _locate_error("relations", n):
                    yield Relation(label, head, tail, attributes=_attributes(fs, feature))

    def _arguments(self, fs: Any) -> Iterator[Argument]:
        for name, content in features(fs.type):
            if content != ARRAY:
                continue
            for link in getattr(fs[name], "elements", None) or ():
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
        for standard_type in (NAMED, PREDICATE):
            if name in (standard_type, short_type_name(standard_type)):
                return standard_type
        declared: list[str] = []
        for kind in self._cas.typesystem.get_types():
            if name in (kind.name, short_type_name(kind.name)):
                declared.append(kind.name)
        annotated = {fs.type.name for fs in self._annotations}
        candidates = sorted(annotated.intersection(declared)) or declared
        if len(candidates) == 1:
            return candidates[0]
        unread = dict.fromkeys(fs.type.name for fs in self._annotations if id(fs) not in self._read)
        raise UnknownNameError("type", name, candidates or unread)

    def _annotations_of_type(self, name: str) -> list[Any]:
        """Returns the annotations of a type in text order; empty ones are counted as dropped."""
        annotations = self._cas.select(name) if self._cas.typesystem.contains_type(name) else []
        self._read.update(map(id, annotations))
        if any(not hasattr(fs, "begin") for fs in annotations):
            raise InputError(f"{name} is not a type of annotations: it has no begin and end")
        spans = [fs for fs in annotations if fs.begin != fs.end]
        empty = len(annotations) - len(spans)
        if empty:
            self._conversion.add("annotations of no characters", self._file, empty)
        return spans


@contextmanager
def _locate_error(layer: str, index: int) -> Iterator[None]:
    """Adds layer and index to a DocumentError that is raised in the block."""
    try:
        yield
    except DocumentError as error:
        raise DocumentError(error.message, layer=layer, index=index, field=error.field) from None


def _is_relation(kind: Any) -> bool:
    """Whether a type is one of relations that a project has declared."""
    if kind.name.startswith(BUILTIN_TYPE_PREFIXES):
        return False
    return {HEAD, TAIL} <= {feature.name for feature in kind.all_features}


def _attributes(fs: Any, label: str | None) -> Attributes | None:
    """Returns the strings, numbers and booleans of an annotation, except for its label."""
    attributes: Attributes = {}
    for name, content in features(fs.type):
        if content in ("text", "plain") and name != label and fs[name] is not None:
            attributes[name] = fs[name]
    return attributes or None


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
    extension = path.suffix.removeprefix(".")
    is_single_file = extension in FILE_FORMATS
    if is_single_file:
        file_format = extension
    contents = {}  # by document id
    layers = UnannotatedLayers("relations")
    for document in drop_indistinguishable(skip_unannotated(documents, conversion), conversion):
        if skip_failed(document, conversion):
            contents[document.id] = to_bytes(document, file_format, conversion)
            layers.add(document, "relations", len(document.relations or ()))
    layers.count(conversion)
    if is_single_file:
        if len(contents) != 1:
            raise InputError(
                f"{path}: a CAS has one document, and there are {len(contents)}; name a folder, as"
                " in cas:DIR"
            )
        folder = path.parent
        files = dict(zip([path.name], contents.values()))
    else:
        folder = path
        names = safe_names(list(contents), reserved=["schema"])  # schema.json is the schema's
        files = {
            f"{name}.{file_format}": content for name, content in zip(names, contents.values())
        }
        refuse_other_files(path, find_files(path), files)
    if file_format == "xmi":
        files[TYPESYSTEM] = encode_system(
            folder / TYPESYSTEM, relations=layers.has_annotations("relations")
        )
    if schema is not None:
        files["schema.json"] = encode_schema(schema)
    if is_single_file:
        write_files({folder / name: data for name, data in files.items()})
    else:
        write_folder(folder, files)


def encode_system(path: Path, *, relations: bool) -> bytes:
    """Returns the bytes of the type system that is written to `path`.

    Raises InputError if the file exists with types that evalkit does not write. A file with the
    type of relations is not replaced by one without: other documents beside it may need it.
    """
    plain: bytes = output_type_system().to_xml().encode()
    with_relations: bytes = output_type_system(relations=True).to_xml().encode()
    existing = path.read_bytes() if path.exists() else None
    if existing not in (None, plain, with_relations):
        raise InputError(
            f"{path}: has other types than those that evalkit writes; name another folder"
        )
    return with_relations if relations or existing == with_relations else plain
