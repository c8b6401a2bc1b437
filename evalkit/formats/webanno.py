"""WebAnno TSV 3, as INCEpTION and WebAnno export it: a .tsv file for each document, or a folder.

    #FORMAT=WebAnno TSV 3.3
    #T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value


    #Text=Ada Byron ran.
    1-1 0-3 Ada *[1] PER[1]
    1-2 4-9 Byron *[1] PER[1]
    1-3 10-13 ran _ _
    1-4 13-14 . _ _

(Source: the user guide of INCEpTION, "WebAnno TSV 3.3 File format", and its reader.) The columns,
separated by tabs, are the number of the sentence and of the token, offsets in UTF-16 code units,
the token, and a column for each feature of the layers in the header. A part of a token has a line
of its own (1-3.1). _ is no annotation, * one without a value; stacked annotations are separated by
|, and a number in brackets names the annotation that several tokens have. Files of the versions 3.0
to 3.3 are read.

The layers are read as in the format cas:

    entities     the layer NamedEntity, labeled by its `value`
    attributes   its other features, such as `identifier`
    events       the layer SemPred, labeled by its `category`, where it has annotations, else None
    arguments    the slots of an event, with their roles; a slot without a role has the name of its
                 feature as its role
    relations    relation layers of a project's own, labeled by `value`, `category` or `label`, else
                 by the only feature, else by the name of the layer; other features are attributes
    id           the name of the file; with `annotator`, that of its folder
    text         of the sentences; a gap between them is a line end or spaces, since the format does
                 not hold the text there

**Reading options**

- `type`: the layer of the entities, in full or its last part.
- `feature`: the feature with the label. Without this option, a layer that has neither `value` nor
  `category` is labeled by its only feature, and a layer without features by its name.
- `triggers`: another layer of events.
- `annotator`: reads the files of this name from the folders of a project, as INCEpTION exports
  them: annotation/DOCUMENT/ANNOTATOR.tsv.

A file without NamedEntity has no entities; if it has layers of a project's own, an error lists
them. Relations count as annotated in all documents of a folder if one has relations, else in none.
Their arguments get the ids T1, T2, … (entities) and E1, E2, … (events), counted in the order of the
file. Dropped: annotations of other layers, also of chains, annotations of no characters or without
a label, relations with an argument that is not read. Features have no types: all are strings.

**Writing**: a folder has ID.tsv for each document, FILE.tsv the only document. NamedEntity and
SemPred are written with the features of DKPro Core, relations as custom.Relation with a `label`, a
line of text as a sentence. Kept are contiguous entities with the attribute `identifier`, event
types, triggers, arguments with their roles, labels and arguments of relations, and texts. Changed
and counted: white space before the first word, and annotations that begin or end in white space,
which are cut. Dropped: ids of documents that are not safe file names, all else. Documents whose
entities were not annotated, and failed ones, are counted as skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from evalkit.data.document import Document
from evalkit.data.schema import Schema, encode_schema
from evalkit.errors import InputError, LoadError, quoted_repr, spell_option
from evalkit.files import list_inputs, strip_compression, write_files, write_folder
from evalkit.files.inputs import read_input
from evalkit.formats.annotated_layers import UnannotatedLayers, mark_annotated_layers
from evalkit.formats.cas_annotators import NOT_ANNOTATORS
from evalkit.formats.conversion import (
    ConversionReport,
    drop_indistinguishable,
    skip_unannotated,
)
from evalkit.formats.filenames import refuse_other_files, safe_names
from evalkit.formats.json_records import skip_failed
from evalkit.formats.registry import DocumentResults
from evalkit.formats.webanno_lines import parse_file
from evalkit.formats.webanno_reader import LayerOptions, WebannoReader
from evalkit.formats.webanno_writer import WebannoWriter

SUFFIX = ".tsv"


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    type: str | None = None,
    feature: str | None = None,
    triggers: str | None = None,
    annotator: str | None = None,
) -> DocumentResults:
    """Yields the path of each file with its document, or a LoadError.

    Raises InputError for a folder without files, or with several of one name.
    """
    options = LayerOptions(type, feature, triggers)
    results = _iter_results(path, conversion, options, annotator)
    return mark_annotated_layers(results, "relations")


def _iter_results(
    path: Path, conversion: ConversionReport, options: LayerOptions, annotator: str | None
) -> DocumentResults:
    for id, file in _iter_files(path, annotator):
        try:
            content = parse_file(file, read_input(file))
            yield str(file), WebannoReader(id, str(file), content, conversion).document(options)
        except LoadError as error:
            yield str(file), error
        except InputError as error:
            yield str(file), LoadError([f"{file}: {error}"])


def list_annotators(path: Path) -> list[str]:
    """Returns the annotators whose files the folders of documents have, sorted."""
    if not path.is_dir():
        return []
    files = [file for file in list_inputs(path, (SUFFIX,)) if file.parent != path]
    return sorted({strip_compression(file).stem for file in files} - set(NOT_ANNOTATORS))


def _iter_files(path: Path, annotator: str | None) -> Iterator[tuple[str, Path]]:
    """Yields the id of each document with its file."""
    if not path.is_dir():
        yield strip_compression(path).stem, path
        return
    files = list_inputs(path, (SUFFIX,))
    if annotator is not None:
        files = [file for file in files if strip_compression(file).stem == annotator]
    if not files:
        named = f"{annotator}{SUFFIX}" if annotator else SUFFIX
        raise InputError(
            f"{path}: no {named} file; unpack the archives that INCEpTION exports, in the format"
            " WebAnno TSV v3.3"
        )
    names = [file.parent.name if annotator else file.stem for file in files]
    for name, file in zip(names, files):
        if annotator is None and names.count(name) > 1:
            raise InputError(
                f"{path}: several files are named {file.name}; read those of one annotator with"
                f" {spell_option('annotator', name, of='format')}"
            )
        yield name, file


def write(
    documents: Iterable[Document],
    path: Path,
    conversion: ConversionReport,
    schema: Schema | None = None,
) -> None:
    """Writes a file for each document. The module docstring lists what is dropped.

    Raises InputError for several documents in one file, for a folder with other documents, and for
    labels with a carriage return.
    """
    contents: dict[str, bytes] = {}  # by document id
    layers = UnannotatedLayers("relations")
    annotated = skip_unannotated(documents, conversion)
    for document in drop_indistinguishable(annotated, conversion, trimmed=True):
        if not skip_failed(document, conversion):
            continue
        writer = WebannoWriter(document, conversion)
        contents[document.id] = "".join(writer.lines()).encode()
        layers.add(document, "relations", writer.relation_count)
    layers.count(conversion)
    if path.suffix == SUFFIX:
        if len(contents) != 1:
            raise InputError(
                f"{path}: a WebAnno TSV file has one document, and there are {len(contents)}; name"
                " a folder, as in webanno:DIR"
            )
        folder, names = path.parent, [path.stem]
    else:
        folder, names = path, safe_names(list(contents), reserved=["schema"])
        refuse_other_files(
            path, list_inputs(path, (SUFFIX,)), [f"{name}{SUFFIX}" for name in names]
        )
    for id, name in zip(contents, names):
        if id != name:
            conversion.add("ids of documents that are not the name of the file", quoted_repr(id))
    files = {f"{name}{SUFFIX}": content for name, content in zip(names, contents.values())}
    if schema is not None:
        files["schema.json"] = encode_schema(schema)
    if path.suffix == SUFFIX:
        write_files({folder / name: data for name, data in files.items()})
    else:
        write_folder(folder, files)
