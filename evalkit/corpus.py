"""Loads and saves corpora: sequences of documents that can also be looked up by id.

Gold annotations, a model's predictions and a second annotator's annotations are all corpora.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from evalkit.data.batch import DocumentBatch, is_lenient
from evalkit.data.document import Document
from evalkit.data.document_display import corpus_to_html
from evalkit.data.document_labels import map_document_labels
from evalkit.data.label_maps import LabelMapper, maps_by_layer
from evalkit.data.schema import LabelMap, Schema, encode_schema, load_schema
from evalkit.errors import (
    InputError,
    LoadError,
    UnknownNameError,
    escape_surrogates,
    quoted_repr,
    warn_deprecated,
)
from evalkit.files import (
    check_folder,
    is_endless,
    is_stream,
    is_url,
    make_parents,
    refuse_unsupported,
    stage_file,
    strip_compression,
    to_path,
)
from evalkit.formats import directory
from evalkit.formats.arrow_objects import ArrowTable, documents_of_table, is_arrow_table
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.folder_recognition import is_dataset_folder
from evalkit.formats.gold_marks import HOLDING_FORMATS, drop_gold_marks
from evalkit.formats.in_memory import EXPECTED, document_from_example, validate_documents
from evalkit.formats.loading import (
    check_options,
    collect_documents,
    iter_documents,
    refuse_unread,
    with_offset_hints,
)
from evalkit.formats.loading import load_schema_for as load_schema_for  # noqa: PLC0414
from evalkit.formats.loading import refuse_empty_texts as refuse_empty_texts  # noqa: PLC0414
from evalkit.formats.reading_options import changed_options
from evalkit.formats.registry import (
    STREAMED_SUFFIXES,
    CorpusLocation,
    detect_format,
    is_streamable,
    parse_location,
    stream_module,
    validate_path,
)
from evalkit.formats.writing import find_writer

if TYPE_CHECKING:
    from evalkit.results.corpus_stats import CorpusStats

BUNDLED = "evalkit-news"
Example = Document | Mapping[str, Any] | tuple[str, Mapping[str, Any]]


class Corpus:
    """Documents in order. `corpus[0]` and `corpus["doc-id"]` both return one.

    `conversion` counts what was dropped, repaired and skipped when the documents were read.
    `read_options` has the reading options that differ from their defaults and can change a score.
    A corpus derived from another one (a slice, `filter`, `map_labels`) keeps both.
    """

    def __init__(
        self,
        documents: Iterable[Document],
        name: str = "corpus",
        schema: Schema | None = None,
        conversion: ConversionReport | None = None,
        read_options: Mapping[str, str] | None = None,
    ) -> None:
        """Raises InputError for an item that is not a Document, and for a duplicate document id."""
        if not isinstance(name, str):
            raise InputError(f"invalid corpus name {quoted_repr(name)}: expected a string")
        # A file name may contain lone surrogates, which cannot be encoded in a terminal or a file.
        self.name = escape_surrogates(name)
        self.schema = schema
        self.conversion = ConversionReport() if conversion is None else conversion
        self.read_options = dict(read_options or {})
        self._documents = validate_documents(documents)
        self._index = {document.id: n for n, document in enumerate(self._documents)}
        if len(self._index) < len(self._documents):
            counts = Counter(document.id for document in self._documents)
            duplicate_id = next(id for id, count in counts.items() if count > 1)
            raise InputError(
                f"{name}: duplicate document id {quoted_repr(duplicate_id)}: expected unique ids"
            )

    def __len__(self) -> int:
        return len(self._documents)

    def __iter__(self) -> Iterator[Document]:
        return iter(self._documents)

    def __contains__(self, id: object) -> bool:
        return id in self._index

    @overload
    def __getitem__(self, key: int | str) -> Document: ...
    @overload
    def __getitem__(self, key: slice) -> Corpus: ...
    def __getitem__(self, key: int | str | slice) -> Document | Corpus:
        if isinstance(key, slice):
            return self.with_documents(self._documents[key])
        if isinstance(key, str):
            if key not in self._index:
                raise UnknownNameError("document", key, list(self._index)[:20], within=self.name)
            return self._documents[self._index[key]]
        return self._documents[key]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Corpus)
            and self._documents == other._documents
            and self.schema == other.schema
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        noun = "document" if len(self) == 1 else "documents"
        return f"<Corpus {self.name}: {len(self)} {noun}>"

    def _repr_html_(self) -> str:
        return corpus_to_html(self.name, self._documents)

    @property
    def documents(self) -> list[Document]:
        """The documents, in order."""
        return list(self._documents)

    @property
    def ids(self) -> list[str]:
        """The ids of the documents, in order."""
        return list(self._index)

    @classmethod
    def from_examples(
        cls,
        examples: Iterable[Example] | ArrowTable,
        name: str = "corpus",
        schema: Schema | None = None,
    ) -> Corpus:
        """Returns a corpus built from examples in memory.

        An example is a Document, a dict with the keys of a JSONL line (`text`, `entities` and so
        on), a spaCy-style pair (text, {"entities": [(start, end, label), …]}), or an object of
        Presidio, Dataturks or displaCy, as the format spacy-json reads them. A table with the
        Arrow PyCapsule interface (of pyarrow, pandas, polars, duckdb) or a data set of the package
        `datasets` has a document in each row, or an entity; see the format parquet. Examples
        without an id get "doc-1", "doc-2" and so on, by position. Without "entities", the entities
        of a text were not annotated. `conversion` counts other keys of a pair's annotations, and
        other columns, which are not read. Raises InputError, with the index or row, for an invalid
        example.

        >>> Corpus.from_examples([("Ann left", {"entities": [(0, 3, "PER")]})])[0].entities[0].label
        'PER'
        """
        if is_arrow_table(examples) and not isinstance(examples, Corpus):
            table_conversion = ConversionReport()
            rows = documents_of_table(examples, name, table_conversion)
            return cls(rows, name, schema, table_conversion)
        if isinstance(examples, (str, bytes, Mapping)) or not isinstance(examples, Iterable):
            raise InputError(
                f"invalid examples {quoted_repr(examples)}: expected a list, each item {EXPECTED}"
            )
        conversion = ConversionReport()
        documents = [
            document_from_example(example, number, conversion)
            for number, example in enumerate(examples)
        ]
        return cls(documents, name, schema, conversion)

    def filter(self, predicate: Callable[[Document], bool]) -> Corpus:
        """Returns the documents for which the predicate is true."""
        return self.with_documents(document for document in self if predicate(document))

    def with_documents(self, documents: Iterable[Document], name: str | None = None) -> Corpus:
        """Returns a corpus of documents that were derived from these, with the same schema,
        `conversion` and `read_options`.
        """
        return Corpus(documents, name or self.name, self.schema, self.conversion, self.read_options)

    @property
    def losses(self) -> ConversionReport:
        """Deprecated name of `conversion`."""
        warn_deprecated("Corpus.losses is deprecated: use Corpus.conversion")
        return self.conversion

    def map_labels(self, labels: str | LabelMap | Mapping[str, LabelMap]) -> Corpus:
        """Returns the corpus with mapped labels.

        `labels` is the name of a label map in the schema, a map of entity labels, or maps keyed by
        layer. Labels that are not in the map are kept, unless it has the key "*", which is used for
        all of them. Annotations whose label is mapped to None are dropped, events with their
        arguments; an argument that refers to a dropped annotation loses its `ref`.
        """
        maps = {}
        for layer, label_map in maps_by_layer(labels, self.schema).items():
            maps[layer] = LabelMapper(label_map)
        return self.with_documents(map_document_labels(document, maps) for document in self)

    def save(self, path: str | Path, **options: Any) -> ConversionReport:
        """Writes the corpus to `path`, which names the format as in `load_corpus`.

        The schema is written as schema.json into the folder of the corpus. Returns the counts of
        what was dropped, repaired and skipped.
        """
        location = parse_location(path, **options)
        refuse_unsupported(location.path)
        module = location.module
        conversion = ConversionReport()
        writer = find_writer(location)
        write = check_options(location, writer)
        has_schema_parameter = "schema" in inspect.signature(writer).parameters
        corpus = self
        if module.__name__.rpartition(".")[2] not in HOLDING_FORMATS and any(map(is_lenient, self)):
            corpus = self.with_documents(drop_gold_marks(self, conversion))
        if module is directory:
            write(self, location.path, conversion, self.schema, **location.options)
            return conversion
        schema_path = location.folder / "schema.json"
        if schema_path.exists() and load_schema(schema_path) != self.schema:
            raise InputError(
                f"{schema_path}: differs from the schema of this corpus and would be used for"
                f" {location.path.name}; save to another folder"
            )
        if has_schema_parameter:  # the format writes folders, and the schema with them
            write(corpus, location.path, conversion, self.schema, **location.options)
            return conversion
        needs_schema = not schema_path.exists() and not is_stream(location.path)
        with ExitStack() as stack:
            stack.enter_context(make_parents(location.path))
            if needs_schema and self.schema is not None:
                stack.enter_context(stage_file(schema_path, encode_schema(self.schema)))
            write(corpus, location.path, conversion, **location.options)
        return conversion

    def stats(self) -> CorpusStats:
        """Returns what the corpus holds: lengths of documents, and for each label its annotations,
        their lengths, surface forms and overlaps: `corpus.stats().render()`, `.rows()`,
        `.to_html()`, `.compare_with(other.stats())`, `.documents_needed(0.02)`.
        """
        # The folder of results is above this one; see LAZY_IMPORTS in tests/test_architecture.py.
        from evalkit.results.corpus_stats import count_corpus

        return count_corpus(self.name, self, self.schema)

    def to_datasets(self) -> dict[str, Any]:
        """Returns the corpus as a `datasets.Dataset` for each table: `documents`, with nested
        features, and flat `entities`, `events`, `event_arguments` and `attributions`. Alternatives
        and optional marks of entities are left out.
        """
        from evalkit.formats.hf import to_datasets

        return to_datasets(self)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Returns the documents as a stream of Arrow record batches, the columns of which are those
        of a Parquet file: `pl.DataFrame(corpus)`, `pa.table(corpus)`. Alternatives and optional
        marks of entities are left out.
        """
        from evalkit.formats.arrow_writing import open_document_stream

        return open_document_stream(self).__arrow_c_stream__(requested_schema)


CorpusSource = Corpus | str | Path | Iterable[Example] | ArrowTable


@dataclass(frozen=True)
class JsonlFile:
    """A JSONL or Parquet file that is scored batch by batch, without loading it."""

    path: Path
    name: str
    schema: Schema | None

    def __iter__(self) -> Iterator[Any]:
        """Yields each document, or its decoded line with the same attributes. Raises LoadError for
        an invalid file; duplicate annotations and ids are not looked for.
        """
        with closing(stream_module(self.path).open_batches(self.path)) as reader:
            while (batch := self._read_batch(reader)) is not None:
                yield from batch

    def _read_batch(self, reader: Any) -> DocumentBatch | None:
        try:
            batch: DocumentBatch | None = reader.read()
        except LoadError:
            refuse_invalid(self.path, predictions=True)  # all errors, with hints
            raise
        return batch

    def stats(self) -> CorpusStats:
        """Returns what `Corpus.stats` returns, without loading the file."""
        # The folder of results is above this one; see LAZY_IMPORTS in tests/test_architecture.py.
        from evalkit.results.corpus_stats import count_corpus

        statistics = count_corpus(self.name, self, self.schema)
        if statistics.document_stats.has_duplicate_ids:
            refuse_invalid(self.path, predictions=True)
        return statistics


def to_corpus(source: CorpusSource, name: str = "corpus", *, predictions: bool = False) -> Corpus:
    """Returns a corpus unchanged, loads one from a path, or builds one from a list as
    `Corpus.from_examples` does.
    """
    if isinstance(source, Corpus):
        return source
    if isinstance(source, JsonlFile):
        return load_corpus(source.path, predictions=predictions)
    if isinstance(source, (str, Path)):
        return load_corpus(source, predictions=predictions)
    if is_arrow_table(source):
        return Corpus.from_examples(source, name)
    if isinstance(source, (bytes, Mapping)) or not isinstance(source, Iterable):
        raise InputError(
            f"invalid corpus {quoted_repr(source)}: expected a Corpus, a path, or a list, each item"
            f" {EXPECTED}"
        )
    return Corpus.from_examples(source, name)


def bundled_path() -> Path:
    """Returns the folder of the bundled corpus, in the installed package or in the checkout."""
    from importlib import resources

    installed = Path(str(resources.files("evalkit"))) / "_data"
    return installed if installed.is_dir() else Path(__file__).resolve().parent.parent


def load_corpus(
    path: str | Path | CorpusLocation | None = None,
    *,
    predictions: bool = False,
    texts: str | Path | None = None,
    **options: Any,
) -> Corpus:
    """Returns the corpus at `path`, in any format; without a path the bundled one.

    The format is named before a colon ("brat:DIR", "conll:FILE", "hf://OWNER/NAME"), or recognized
    by the suffix or the content; `corpus.conversion.detected` says so.

    - `predictions`: whether the corpus has predictions, in which duplicates are kept and scored as
      false positives.
    - `texts`: a folder with the texts of a corpus that was published without them.
    - `options`: options of the format, which can also be in the path: "conll:FILE?repair=begin".

    Duplicate annotations of gold are an error, unless `duplicates="drop"` is given, which keeps
    the first of them. `corpus.conversion` counts what was dropped, repaired and skipped. Raises
    LoadError with file, line, field and value of the first twenty errors.
    """
    location = resolve_location(path, **options)
    conversion = ConversionReport()
    results = iter_documents(location, conversion, predictions=predictions, texts=texts)
    try:
        documents = collect_documents(results)
    except LoadError as error:
        raise with_offset_hints(error, location) from None
    refuse_unread(location, documents)
    applied_options = {**location.options, **conversion.effective_options}
    return Corpus(
        documents,
        corpus_name(location),
        load_schema_for(location),
        conversion,
        changed_options(location.module.read, applied_options),
    )


def open_corpus(
    path: str | Path | CorpusLocation | None = None, *, predictions: bool = False, **options: Any
) -> Corpus | JsonlFile:
    """Returns a JsonlFile for a JSONL or Parquet file without reading options, else the loaded
    corpus.

    A JsonlFile is scored batch by batch. Raises InputError for a corpus without any text; see
    `load_corpus` for other errors.
    """
    location = resolve_location(path, **options)
    if is_streamable(location):
        name = escape_surrogates(corpus_name(location))
        return JsonlFile(location.path, name, load_schema_for(location))
    corpus = load_corpus(location, predictions=predictions)
    refuse_empty_texts(corpus, location)
    return corpus


def are_sharded(gold: object, predicted: object) -> bool:
    """Whether two corpora are shards: patterns such as gold/*.jsonl, or folders of JSONL files.

    Raises InputError for what is no valid path.
    """
    if not isinstance(gold, (str, Path)) or not isinstance(predicted, (str, Path)):
        return False
    validate_path(gold)
    validate_path(predicted)
    if _is_pattern(gold) or _is_pattern(predicted):
        return True
    return _is_folder_of_shards(gold) and _is_folder_of_shards(predicted)


def split_options(location: str) -> tuple[str, str]:
    """The path and the reading options of a location, with the question mark before them.

    >>> split_options("gold/part-?.conll?tagging=IOB1")
    ('gold/part-?.conll', '?tagging=IOB1')
    """
    query = re.search(r"\?\w[^?=/]*=.*$", location)
    if query is None:
        return location, ""
    return location[: query.start()], query[0]


def _is_pattern(location: str | Path) -> bool:
    path, _ = split_options(str(location))
    return re.search(r"[*?\[]", path) is not None and not Path(path).exists()


def _is_folder_of_shards(location: str | Path) -> bool:
    path = to_path(location)
    if not path.is_dir() or (path / "annotations").is_dir() or (path / "corpus").is_dir():
        return False
    if is_url(path):
        return True
    if is_dataset_folder(path):
        return False
    return any(strip_compression(file).suffix in STREAMED_SUFFIXES for file in path.rglob("*"))


def refuse_invalid(path: str | Path | CorpusLocation, *, predictions: bool) -> None:
    """Raises the LoadError that `load_corpus` raises for a file, without keeping its documents."""
    location = resolve_location(path)
    results = iter_documents(location, ConversionReport(), predictions=predictions)
    try:
        collect_documents(result for result in results if not isinstance(result, Document))
    except LoadError as error:
        raise with_offset_hints(error, location) from None


def resolve_location(
    path: str | Path | CorpusLocation | None = None, **options: Any
) -> CorpusLocation:
    """Returns the location of an existing corpus.

    A CorpusLocation is returned unchanged. None is the bundled corpus, and so is "evalkit-news" if
    there is no such file. Raises InputError if there is no such file or folder, or if it is a
    device or named pipe.
    """
    if isinstance(path, CorpusLocation):
        return path
    if path is None or (str(path) == BUNDLED and not Path(BUNDLED).exists()):
        return CorpusLocation(None, bundled_path(), options)
    location = parse_location(path, **options)
    if location.format != "hf" and not location.path.exists():
        raise InputError(f"{location.path}: no such file or folder")
    if not location.is_hub_dataset:
        if is_endless(location.path):
            raise InputError(
                f"{location.path}: a device or a named pipe: expected a file or folder"
            )
        check_folder(location.path)
    return detect_format(location)


def corpus_name(location: CorpusLocation) -> str:
    """Returns the name for headings and signatures; with an annotator, such as "tasks[2]"."""
    path = location.path
    if path == bundled_path():
        return BUNDLED
    name = path.resolve().name if path.is_dir() else strip_compression(path).stem
    annotator = location.options.get("annotator")
    return name if annotator is None else f"{name}[{annotator}]"
