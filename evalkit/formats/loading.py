"""Loading the documents of a corpus location: reading, checks for all formats, and error hints.

Each format module reads its files. This module adds what does not depend on the format: document
ids are unique, gold has no duplicate annotations, annotations conform to the schema, and errors are
reported with the reading options that would fix them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.data.document import LAYERS, Document, iter_spans
from evalkit.data.duplicates import advise_dropping, drop_duplicates, find_duplicates
from evalkit.data.edges import trim_document
from evalkit.data.schema import Schema, load_schema, schema_errors
from evalkit.errors import (
    DocumentError,
    EvalkitError,
    InputError,
    LoadError,
    UnknownNameError,
    duplicate_id_problem,
    quoted_repr,
    spell_option,
)
from evalkit.files.encodings import read_as
from evalkit.files.inputs import UTF8
from evalkit.formats import directory
from evalkit.formats.conversion import SKIPPED, ConversionReport
from evalkit.formats.offsets import diagnose_offsets, is_about_offsets
from evalkit.formats.reading_options import (
    OFFSETS,
    SHARED_OPTIONS,
    changed_options,
    own_options,
    split_options,
)
from evalkit.formats.recognition import iter_records, recognize
from evalkit.formats.registry import (
    CorpusLocation,
    DocumentResults,
    format_module,
    is_parquet_file,
    refuse_wide_encoding,
    starts_as_parquet,
)

WITH_OWN_ENCODING = ("docbin", "parquet", "hf", "cas", "bioc")
TRIMMED = "spans trimmed of white space or punctuation at their edges"


def iter_documents(
    location: CorpusLocation,
    conversion: ConversionReport,
    *,
    predictions: bool = False,
    texts: str | Path | None = None,
    schema: Schema | None = None,
) -> Iterator[Document | LoadError]:
    """Yields each document of a corpus, and a LoadError for each problem.

    Problems are errors of the reader of the format, duplicate document ids, duplicate annotations
    in gold and, with a schema, annotations that violate it.
    """
    module = location.module
    _refuse_parquet(location)
    if location.is_detected:
        conversion.detected.add(f"format {location.format}", str(location.path))
    shared = split_options(location.options)
    options = shared.own
    checker = _DocumentChecker(location, conversion, schema, predictions=predictions)
    errors = _ErrorPolicy(conversion, skips=shared.skips_errors)
    if texts is not None:
        options["texts"] = texts
    has_converted_offsets = bool(
        changed_options(module.read, location.options).keys() & set(OFFSETS)
    )
    read = check_options(location, module.read, *SHARED_OPTIONS)
    results = read(location.path, conversion, **options)
    _check_encoding(location, shared.encoding)
    if shared.encoding != UTF8:
        results = read_as(shared.encoding, results)
    for position, item in errors.read_until_refused(results, checker):
        if not isinstance(item, Document):
            yield from errors.handle(
                position, [item if isinstance(item, LoadError) else LoadError([str(item)])]
            )
            continue
        document = item
        if has_converted_offsets:
            converted = sum(1 for _ in iter_spans(document))
            if converted:
                conversion.repaired.add("spans whose offsets were converted", position, converted)
        if shared.trim:
            try:
                document, trimmed = trim_document(document)
            except DocumentError as error:
                yield from errors.handle(position, [LoadError([f"{position}: {error}"])])
                continue
            if trimmed:
                conversion.repaired.add(TRIMMED, position, trimmed)
        document, problems = checker.check(position, document)
        if problems:
            yield from errors.handle(position, problems)
            if shared.skips_errors:
                continue
        checker.keep(position, document)
        yield document
    yield from errors.refuse_all_skipped(checker.count)
    yield from _advise(location, errors, checker.count)


def _check_encoding(location: CorpusLocation, encoding: str) -> None:
    """Raises InputError if an encoding is given for a format whose files have one of their own, and
    LoadError for a text file in UTF-16 or UTF-32 if none is given.
    """
    name = location.module.__name__.rpartition(".")[2]
    if name not in WITH_OWN_ENCODING and encoding == UTF8:
        refuse_wide_encoding(location.path)
    elif encoding != UTF8 and name in WITH_OWN_ENCODING:
        raise InputError(
            f"{location.path}: {spell_option('encoding', of='format')} is for text files; those of"
            f" {name} have an encoding of their own"
        )


class _DocumentChecker:
    """Checks each document for what does not depend on the format."""

    def __init__(
        self,
        location: CorpusLocation,
        conversion: ConversionReport,
        schema: Schema | None,
        *,
        predictions: bool,
    ) -> None:
        self._conversion = conversion
        self._schema = schema
        self._duplicates = split_options(location.options).duplicates
        if self._duplicates is None and not predictions:
            self._duplicates = "error"
        self._annotation_lines = _AnnotationLines(location)
        self._first_positions: dict[str, str] = {}  # by document id

    @property
    def count(self) -> int:
        """The number of documents that were kept."""
        return len(self._first_positions)

    def keep(self, position: str, document: Document) -> None:
        """Note the id of a document that is kept."""
        self._first_positions.setdefault(document.id, position)

    def check(self, position: str, document: Document) -> tuple[Document, list[LoadError]]:
        """The document, without duplicates where they are dropped, and its problems: an id that
        another document has, duplicates, and annotations that violate the schema.
        """
        problems: list[LoadError] = []
        if document.id in self._first_positions:
            problem = duplicate_id_problem(document.id, self._first_positions[document.id])
            problems.append(LoadError([f"{position}: id: {problem}"]))
        has_check = self._duplicates is not None
        duplicates = list(find_duplicates(document)) if has_check else []
        if duplicates and self._duplicates == "drop":
            example = f"{position}: {duplicates[0].location}"
            self._conversion.dropped.add("duplicates", example, len(duplicates))
            document, duplicates = drop_duplicates(document), []
        for error in duplicates:
            line = self._annotation_lines.find(document, error) or position
            problems.append(LoadError([f"{line}: {error}"], advice=[advise_dropping()]))
        if self._schema is not None:
            for error in schema_errors(document, self._schema):
                line = self._annotation_lines.find(document, error) or position
                problems.append(LoadError([f"{line}: {error}"]))
        return document, problems


# Documents with errors after which the rest of a file is not read: where no document before them is
# valid, as in a file of another format, and in all files
MAX_FIRST_ERRORS = 2_000
MAX_ERRORS = 10_000


class _ErrorPolicy:
    """What is done with the errors of a document: they are raised, or the document is skipped."""

    def __init__(self, conversion: ConversionReport, *, skips: bool) -> None:
        self._conversion = conversion
        self.skips = skips
        self._first_error: LoadError | None = None
        self.count = 0  # of documents with errors
        self.has_advice = False
        self.is_refused = False  # without reading the rest of the file

    def read_until_refused(
        self, results: DocumentResults, checker: _DocumentChecker
    ) -> DocumentResults:
        """Yields the results of a reader, until so many have errors that the file is refused.

        No result is left out if errors are skipped.
        """
        for result in results:
            yield result
            limit = MAX_ERRORS if checker.count else MAX_FIRST_ERRORS
            self.is_refused = self.count >= limit and not self.skips
            if self.is_refused:
                return

    def handle(self, position: str, errors: list[LoadError]) -> Iterator[LoadError]:
        """Yields the errors of a document, or counts it as skipped, with its first error."""
        self.count += 1
        self.has_advice = self.has_advice or any(error.advice for error in errors)
        if not self.skips:
            yield from errors
            return
        self._first_error = self._first_error or errors[0]
        message = next(iter(errors[0].errors), position)
        self._conversion.skipped.add(SKIPPED, message)

    def refuse_all_skipped(self, kept: int) -> Iterator[LoadError]:
        """Yields the first error if all documents were skipped, as those of a file in another
        format are.
        """
        if self._first_error is not None and not kept:
            yield self._first_error


def _refuse_parquet(location: CorpusLocation) -> None:
    """Raises InputError for a Parquet file that is to be read in another format."""
    reads_parquet = is_parquet_file(location) or location.format == "hf"
    if starts_as_parquet(location.path) and not reads_parquet:
        raise InputError(
            f"{location.path}: a Parquet file: read it as parquet:{location.path}, or name it"
            " .parquet"
        )


class _AnnotationLines:
    """The file:line of each annotation of a directory corpus, read at the first lookup."""

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
    """Returns all documents. If there are errors, raises one LoadError with all of them, also if
    the last of them is raised by the reader.
    """
    documents: list[Document] = []
    errors: list[str] = []
    advice: dict[str, None] = {}
    omitted = 0
    for item in _catch_last_error(results):
        if isinstance(item, Document):
            documents.append(item)
        else:
            errors += item.errors
            omitted += item.omitted
            advice.update(dict.fromkeys(item.advice))
    if errors:
        raise LoadError(errors, more=omitted, advice=advice)
    return documents


def _catch_last_error(results: Iterable[Document | LoadError]) -> Iterator[Document | LoadError]:
    try:
        yield from results
    except LoadError as error:
        yield error


def check_options(
    location: CorpusLocation, function: Callable[..., Any], *common: str
) -> Callable[..., Any]:
    """Returns `read` or `write` of a format with a check of its options: calling it with an unknown
    option raises UnknownNameError.

    common: names of options of all formats.
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
    """Returns the error, preceded by any reading options that would correct all wrong offsets:
    another unit, inclusive ends, other line ends.
    """
    iter_surfaces = getattr(location.module, "iter_surfaces", None)
    options = split_options(location.options)
    if iter_surfaces is None or options.own or options.encoding != UTF8:
        return error
    if not any(map(is_about_offsets, error.errors)):  # the file would be read again for nothing
        return error
    diagnoses = diagnose_offsets(iter_surfaces(location.path))
    # Hints explain all errors, so they come first, where a long list of errors does not cut them.
    hints = [f"{location.path}: {diagnosis}" for diagnosis in diagnoses]
    if not hints:
        return error
    advice = [line for line in error.advice if not line.startswith(SKIPPING)]
    return LoadError([*hints, *error.errors], more=error.omitted, advice=advice)


def _advise(location: CorpusLocation, errors: _ErrorPolicy, kept: int) -> Iterator[LoadError]:
    """Yields advice, without a further error, on a file with errors: the format of its content, or
    as which it was read, if no document could be read, else how to leave out documents whose
    offsets are wrong.
    """
    advice = []
    if errors.is_refused:
        advice.append(f"not read further, since {errors.count:,} documents have errors")
    if errors.count and not kept:
        advice += _advise_format(location) or _advise_unknown_format(location)
        if location.is_detected:
            advice.append(
                f"the format {location.format} was detected; for another one, write its name before"
                f" the path, such as jsonl:{location.path}"
            )
    elif errors.count and not errors.has_advice and not errors.skips:
        advice += _advise_skipping(location)
    if advice:
        yield LoadError([], advice=advice)


def _advise_format(location: CorpusLocation) -> list[str]:
    """The format that reads a file; nothing if none is known, or it is that of the location."""
    recognized = recognize(location.path) if location.path.is_file() else None
    if recognized is None or recognized[0] in ("", location.format_name):
        return []
    name = recognized[0]
    try:
        module = format_module(location.path, name)
        _, first = next(iter(module.read(location.path, ConversionReport())), ("", None))
    except EvalkitError:
        return []
    if not isinstance(first, Document):
        return []
    return [f"its content is that of {name}: read it as {name}:{location.path}"]


def _advise_unknown_format(location: CorpusLocation) -> list[str]:
    """How to read a JSONL file whose records have other keys than evalkit's."""
    if location.format is not None or location.format_name != "jsonl":
        return []
    record = next(iter_records(location.path), None)
    own_keys = set(location.module.QuotedDocumentLine.__struct_fields__)
    if not isinstance(record, dict) or record.keys() <= own_keys:
        return []
    return [
        "evalkit's own format was read, by the suffix; for another one, write its name before the"
        f" path, such as doccano:{location.path}; `evalkit formats` lists all"
    ]


SKIPPING = "to leave out documents with errors, load with "


def _advise_skipping(location: CorpusLocation) -> list[str]:
    """The option that leaves out documents with wrong offsets, if the format has offsets that are
    converted.
    """
    if own_options(location.module.read).keys().isdisjoint(OFFSETS):
        return []
    return [f"{SKIPPING}{spell_option('on_error', 'skip', of='format')}"]


def refuse_unread(location: CorpusLocation, documents: Sequence[Document]) -> None:
    """Raises LoadError for a file without annotations whose content is that of another format."""
    if any(_has_content(document) for document in documents):
        return
    format = location.format_name
    recognized = recognize(location.path) if location.path.is_file() else None
    if recognized is None or recognized[0] == format:
        return
    if {format, recognized[0]} == {"conll", "tokens"}:  # a CoNLL file may have such a header
        return
    actual_format, record_keys = recognized
    evidence = f"its first line is that of {actual_format}"
    if record_keys:
        evidence = f"its first record has the keys {' and '.join(map(quoted_repr, record_keys))}"
    if actual_format:
        remedy = f"read it as {actual_format}:{location.path}"
    else:
        remedy = "convert it to a format that `evalkit formats` lists"
    raise LoadError(
        [
            f"{location.path}: not a {format} file: no annotations were read, and {evidence};"
            f" {remedy}"
        ]
    )


def _has_content(document: Document) -> bool:
    """Whether a document has annotations, unplaced predictions or a failure."""
    if document.failure is not None or document.unplaced:
        return True
    return any(getattr(document, layer) for layer in LAYERS)


def refuse_empty_texts(documents: Iterable[Document], location: CorpusLocation) -> None:
    """Raises InputError if there are documents but all texts are empty, as in a CoNLL file that has
    only -DOCSTART- lines. Documents whose entities have no offsets need no text.
    """
    has_documents = False
    for document in documents:
        has_documents = True
        if document.text.strip() or document.unplaced:
            return
    if has_documents:
        raise InputError(f"{location.path}: no text in any document")


def load_schema_for(location: CorpusLocation) -> Schema | None:
    """Returns the schema of a corpus; None if it has no schema."""
    if location.module is directory:
        return directory.schema_of(location.path)
    schema_of_format = getattr(location.module, "schema_of", None)
    if schema_of_format is not None:
        options = {}
        if "revision" in location.options:
            options["revision"] = location.options["revision"]
        schema: Schema | None = schema_of_format(location.path, **options)
        return schema
    path = location.folder / "schema.json"
    return load_schema(path) if path.exists() else None
