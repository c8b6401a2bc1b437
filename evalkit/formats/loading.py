"""From a corpus location to documents: reading, checks that hold for all formats, and error hints.

Each format module reads its own files. This module adds what does not depend on the format:
document ids are unique, gold has no duplicate annotations, annotations agree with the schema, and
errors come with the reading options that would remove them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.data.document import LAYERS, Document, iter_spans
from evalkit.data.duplicates import advise_dropping, drop_duplicates, find_duplicates
from evalkit.data.schema import Schema, load_schema, schema_errors
from evalkit.errors import (
    DocumentError,
    InputError,
    LoadError,
    UnknownNameError,
    duplicate_id_problem,
    quoted_repr,
)
from evalkit.formats import directory
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.offsets import diagnose_offsets
from evalkit.formats.reading_options import OFFSETS, changed_options, own_options, split_options
from evalkit.formats.recognition import recognize
from evalkit.formats.registry import CorpusLocation


def iter_documents(
    location: CorpusLocation,
    conversion: ConversionReport,
    *,
    predictions: bool = False,
    texts: str | Path | None = None,
    schema: Schema | None = None,
) -> Iterator[Document | LoadError]:
    """Yields each document of a corpus, and a LoadError for each thing that is wrong with it.

    Errors are: what the reader of the format reports; an id that an earlier document has;
    duplicate annotations in gold; with a schema, annotations that violate it.
    """
    module = location.module
    duplicates, options = split_options(location.options)
    if duplicates is None and not predictions:
        duplicates = "error"
    if texts is not None:
        options["texts"] = texts
    has_converted_offsets = bool(
        changed_options(module.read, location.options).keys() & set(OFFSETS)
    )
    read = check_options(location, module.read, "duplicates")
    first_positions: dict[str, str] = {}  # by document id
    annotation_lines = _AnnotationLines(location)
    for position, item in read(location.path, conversion, **options):
        if not isinstance(item, Document):
            yield item if isinstance(item, LoadError) else LoadError([str(item)])
            continue
        document = item
        if document.id in first_positions:
            yield LoadError(
                [
                    f"{position}: id: "
                    + duplicate_id_problem(document.id, first_positions[document.id])
                ]
            )
        first_positions.setdefault(document.id, position)
        if has_converted_offsets:
            converted = sum(1 for _ in iter_spans(document))
            if converted:
                conversion.repaired.add("spans whose offsets were converted", position, converted)
        duplicate_errors = list(find_duplicates(document)) if duplicates is not None else []
        if duplicate_errors and duplicates == "drop":
            example = f"{position}: {duplicate_errors[0].location}"
            conversion.dropped.add("duplicates", example, len(duplicate_errors))
            document, duplicate_errors = drop_duplicates(document), []
        for error in duplicate_errors:
            line = annotation_lines.find(document, error) or position
            yield LoadError([f"{line}: {error}"], advice=[advise_dropping()])
        if schema is not None:
            for error in schema_errors(document, schema):
                line = annotation_lines.find(document, error) or position
                yield LoadError([f"{line}: {error}"])
        yield document


class _AnnotationLines:
    """The file:line of each annotation of a directory corpus, which has a line for each; read when
    the first of them is asked for.
    """

    def __init__(self, location: CorpusLocation) -> None:
        self._location = location
        self._lines: Mapping[tuple[str, str, int], str] | None = None

    def find(self, document: Document, error: DocumentError) -> str | None:
        """The file:line of the annotation that an error is about; None for other formats."""
        if self._lines is None:
            is_directory = self._location.module is directory
            self._lines = directory.lines_of(self._location.path) if is_directory else {}
        return self._lines.get((document.id, error.layer, error.index or 0))


def collect_documents(results: Iterable[Document | LoadError]) -> list[Document]:
    """Returns all documents. Raises one LoadError with every error if there are errors."""
    documents: list[Document] = []
    errors: list[str] = []
    advice: dict[str, None] = {}
    omitted = 0
    for item in results:
        if isinstance(item, Document):
            documents.append(item)
        else:
            errors += item.errors
            omitted += item.omitted
            advice.update(dict.fromkeys(item.advice))
    if errors:
        raise LoadError(errors, more=omitted, advice=advice)
    return documents


def check_options(
    location: CorpusLocation, function: Callable[..., Any], *common: str
) -> Callable[..., Any]:
    """Returns `read` or `write` of a format, which raises UnknownNameError when it is called with
    an option that it does not have.

    common: names of options that hold for all formats.
    """

    def call(*arguments: Any, **options: Any) -> Any:
        known = [*own_options(function), *common]
        for name in options:
            if name not in known:
                within = location.format or str(location.path)
                raise UnknownNameError("option", name, known, within=within)
        return function(*arguments, **options)

    return call


def with_offset_hints(error: LoadError, location: CorpusLocation) -> LoadError:
    """Returns the error, preceded by the reading options that would make all wrong offsets right
    (another unit, inclusive ends, other line ends), if there are such.
    """
    iter_surfaces = getattr(location.module, "iter_surfaces", None)
    if iter_surfaces is None or split_options(location.options).own:
        return error
    diagnoses = diagnose_offsets(iter_surfaces(location.path))
    # They explain all errors, so they come first, where they are read even if the list is cut.
    hints = [f"{location.path}: {diagnosis}" for diagnosis in diagnoses]
    if not hints:
        return error
    return LoadError([*hints, *error.errors], more=error.omitted, advice=error.advice)


def refuse_unread(location: CorpusLocation, documents: Sequence[Document]) -> None:
    """Raises LoadError if no annotations were read of a file whose content is that of another
    format.
    """
    if any(_has_content(document) for document in documents):
        return
    format = location.format or "jsonl"
    recognized = recognize(location.path) if location.path.is_file() else None
    if recognized is None or recognized[0] == format:
        return
    actual_format, record_keys = recognized
    keys = " and ".join(map(quoted_repr, record_keys))
    if actual_format:
        remedy = f"read it as {actual_format}:{location.path}"
    else:
        remedy = "convert it to a format that `evalkit formats` lists"
    raise LoadError(
        [
            f"{location.path}: not a {format} file: no annotations were read, and its first record"
            f" has the keys {keys}; {remedy}"
        ]
    )


def _has_content(document: Document) -> bool:
    """Whether anything but the text was read of a document."""
    if document.failure is not None or document.unplaced:
        return True
    return any(getattr(document, layer) for layer in LAYERS)


def refuse_empty_texts(documents: Iterable[Document], location: CorpusLocation) -> None:
    """Raises InputError if there are documents, and none has a text, as in a CoNLL file of
    -DOCSTART- lines alone.
    """
    has_documents = False
    for document in documents:
        has_documents = True
        if document.text.strip():
            return
    if has_documents:
        raise InputError(f"{location.path}: no text in any document")


def load_schema_for(location: CorpusLocation) -> Schema | None:
    """Returns the schema that belongs to a corpus; None if it has none."""
    if location.module is directory:
        return directory.schema_of(location.path)
    schema_of_format = getattr(location.module, "schema_of", None)
    if schema_of_format is not None:
        revision = {k: value for k, value in location.options.items() if k == "revision"}
        schema: Schema | None = schema_of_format(location.path, **revision)
        return schema
    path = location.folder / "schema.json"
    return load_schema(path) if path.exists() else None
