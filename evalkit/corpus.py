"""Where do documents come from, and where do they go? A corpus is documents in order, found by id.

Gold annotations, a model's predictions and a second annotator's work are all corpora.
This is the only module that knows where the bundled data lies.
"""

from __future__ import annotations

import inspect
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from importlib import resources
from pathlib import Path
from typing import Any, overload

import msgspec

from evalkit.data.document import LAYERS, Document, Entity, Event, iter_spans, remove_references
from evalkit.data.document_display import corpus_to_html
from evalkit.data.duplicates import advise_dropping, drop_duplicates, find_duplicates
from evalkit.data.input_files import is_endless
from evalkit.data.label_maps import LabelMapper, maps_by_layer
from evalkit.data.schema import LabelMap, Schema, encode_schema, load_schema
from evalkit.data.schema import schema_errors as schema_faults
from evalkit.errors import (
    InputError,
    LoadError,
    UnknownNameError,
    escape_surrogates,
    quoted_repr,
)
from evalkit.files import check_folder, is_stream, make_parents, stage_file
from evalkit.formats import directory
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.in_memory import EXPECTED, document_from_example
from evalkit.formats.offsets import diagnose_offsets
from evalkit.formats.reading_options import OFFSETS, changed_options, own_options, split_options
from evalkit.formats.recognition import recognize
from evalkit.formats.registry import CorpusLocation, parse_location

BUNDLED = "evalkit-news"
Example = Document | Mapping[str, Any] | tuple[str, Mapping[str, Any]]
MOST_LABELS = 30  # labels that `describe_contents` names


class Corpus:
    """Documents in order. `corpus[0]` and `corpus["doc-id"]` both find one.

    `conversion` says what was dropped, repaired and skipped when the documents were read,
    `read_options` which options of the reader that can change a number were not at their defaults.
    What is made of the corpus keeps both.
    """

    def __init__(
        self,
        documents: Iterable[Document],
        name: str = "corpus",
        schema: Schema | None = None,
        conversion: ConversionReport | None = None,
        read_options: Mapping[str, str] | None = None,
    ) -> None:
        """Keep the documents.

        Raises InputError for what is no document, and where two have one id.
        """
        if not isinstance(name, str):
            raise InputError(f"invalid corpus name {quoted_repr(name)}: expected a string")
        # A name made of a file name may hold surrogates, which neither a terminal nor a result file
        # can encode.
        self.name = escape_surrogates(name)
        self.schema = schema
        self.conversion = conversion or ConversionReport()
        self.read_options = dict(read_options or {})
        self._documents = _validate_documents(documents)
        self._index = {document.id: n for n, document in enumerate(self._documents)}
        if len(self._index) < len(self._documents):
            seen: set[str] = set()
            twice = next(d.id for d in self._documents if d.id in seen or seen.add(d.id))  # type: ignore[func-returns-value]
            raise InputError(
                f"{name}: two documents have the id {quoted_repr(twice)}; ids name one document"
                " each"
            )

    def __len__(self) -> int:
        return len(self._documents)

    def __iter__(self) -> Iterator[Document]:
        return iter(self._documents)

    def __contains__(self, id: object) -> bool:
        return id in self._index

    @overload
    def __getitem__(self, which: int | str) -> Document: ...
    @overload
    def __getitem__(self, which: slice) -> Corpus: ...
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
        return f"<Corpus {self.name}: {len(self)} document{'s' * (len(self) != 1)}>"

    def _repr_html_(self) -> str:
        return corpus_to_html(self.name, self._documents, describe_contents(self))

    @property
    def ids(self) -> list[str]:
        """The ids of the documents, in order."""
        return list(self._index)

    @classmethod
    def from_examples(
        cls,
        examples: Iterable[Example],
        name: str = "corpus",
        schema: Schema | None = None,
    ) -> Corpus:
        """The corpus of examples in memory, each of which may be a Document, a dict with the keys
        of a JSONL line (`text`, `entities` and so on), or a spaCy-style pair (text, {"entities":
        [(start, end, label), …]}).

        Where there is no id, it is "doc-1", "doc-2" and so on, by position. Where a text has no
        "entities", its entities were not annotated. `conversion` counts other keys of a pair's
        annotations, which are not read. Raises InputError, naming the example, for what is not of
        these forms.

        >>> Corpus.from_examples([("Ann left", {"entities": [(0, 3, "PER")]})])[0].entities[0].label
        'PER'
        """
        if isinstance(examples, (str, bytes, Mapping)) or not isinstance(examples, Iterable):
            raise InputError(
                f"invalid examples {quoted_repr(examples)}: expected a list; each of its items may"
                f" be {EXPECTED}"
            )
        conversion = ConversionReport()
        documents = [
            document_from_example(example, number, conversion)
            for number, example in enumerate(examples)
        ]
        return cls(documents, name, schema, conversion)

    def filter(self, predicate: Callable[[Document], bool]) -> Corpus:
        """The documents for which `keep` holds."""
        return self.with_documents(document for document in self if predicate(document))

    def with_documents(self, documents: Iterable[Document], name: str | None = None) -> Corpus:
        """A corpus of other documents that were made of these: with its schema, and what is known
        of how these were read.
        """
        return Corpus(documents, name or self.name, self.schema, self.conversion, self.read_options)

    @property
    def losses(self) -> ConversionReport:
        """`conversion` under the name that it had before."""
        warnings.warn("Corpus.losses is now Corpus.conversion", DeprecationWarning, stacklevel=2)
        return self.conversion

    def map_labels(self, labels: str | LabelMap | Mapping[str, LabelMap]) -> Corpus:
        """The corpus under other labels: the name of a map in the schema, a map of entity labels,
        or maps keyed by layer.

        Labels that the map does not name stay, unless it has the key "*", which stands for all of
        these; what is mapped to None is dropped (an event takes its arguments with it, and an
        argument that stays loses its `ref` to what is dropped).
        """
        maps = {
            layer: LabelMapper(each) for layer, each in maps_by_layer(labels, self.schema).items()
        }
        return self.with_documents(_map_document(document, maps) for document in self)

    def save(self, path: str | Path, **options: Any) -> ConversionReport:
        """Write the corpus in the format that the path names: see `load_corpus`.

        What comes back says what was dropped, repaired and skipped.

        The schema is written as schema.json beside a file, or into the folder.
        """
        place = parse_location(path, **options)
        module, losses = place.module, ConversionReport()
        write = check_options(place, module.write)
        if module is directory:
            write(self, place.path, losses, self.schema, **place.options)
            return losses
        beside = place.folder / "schema.json"
        if beside.exists() and load_schema(beside) != self.schema:
            raise InputError(
                f"{beside} belongs to another corpus, and would be taken for the schema of"
                f" {place.path.name}; save into another folder"
            )
        if "schema" in inspect.signature(module.write).parameters:  # a format of folders
            write(self, place.path, losses, self.schema, **place.options)
            return losses
        schema = None if beside.exists() or is_stream(place.path) else self.schema
        with (
            make_parents(place.path),
            nullcontext() if schema is None else stage_file(beside, encode_schema(schema)),
        ):
            write(self, place.path, losses, **place.options)
        return losses

    def to_datasets(self) -> dict[str, Any]:
        """The corpus as data sets of the package `datasets`: `documents`, with nested features, and
        flat `entities`, `events`, `event_arguments` and `attributions`.
        """
        from evalkit.formats.hf import to_datasets

        return to_datasets(self)


CorpusSource = Corpus | str | Path | Iterable[Example]


def _validate_documents(documents: Iterable[Document]) -> list[Document]:
    """The documents as a list.

    Raises InputError, saying how to make them, where one is something else.
    """
    if isinstance(documents, (str, bytes, Path, Document)) or not isinstance(documents, Iterable):
        raise InputError(
            f"invalid documents {quoted_repr(documents)}: expected a list of Document;"
            " load_corpus(path) reads files"
        )
    listed = list(documents)
    for number, document in enumerate(listed):
        if not isinstance(document, Document):
            raise InputError(
                f"documents[{number}]: expected a Document, got {type(document).__name__}"
                f' {quoted_repr(document)}; Corpus.from_examples reads (text, {{"entities":'
                " [(start, end,"
                " label)]}) pairs"
            )
    return listed


def to_corpus(source: CorpusSource, name: str = "corpus", *, predictions: bool = False) -> Corpus:
    """A corpus as it is, the corpus at a path, or that of a list: see `Corpus.from_examples`."""
    if isinstance(source, Corpus):
        return source
    if isinstance(source, (str, Path)):
        return load_corpus(source, predictions=predictions)
    if isinstance(source, (bytes, Mapping)) or not isinstance(source, Iterable):
        raise InputError(
            f"invalid corpus {quoted_repr(source)}: expected a Corpus, a path, or a list; each of"
            f" its items may be {EXPECTED}"
        )
    return Corpus.from_examples(source, name)


def bundled_path() -> Path:
    """The folder of the corpus that comes with evalkit: inside the installed package, or the
    checkout around it.
    """
    inside = Path(str(resources.files("evalkit"))) / "_data"
    return inside if inside.is_dir() else Path(__file__).resolve().parent.parent


def load_corpus(
    path: str | Path | None = None,
    *,
    predictions: bool = False,
    texts: str | Path | None = None,
    **options: Any,
) -> Corpus:
    """The corpus at `path`, in any format; without a path the bundled one.

    The format is known by the suffix, or named before a colon: "brat:DIR", "conll:FILE",
    "hf://OWNER/NAME".

    - `predictions`: the corpus holds predictions, in which duplicates stay and are scored as wrong.
    - `texts`: a folder with the texts of a corpus that was published without them.
    - `options`: those of the format; they may be in the path, too: "conll:FILE?repair=begin".

    Duplicate annotations of gold are refused, unless `duplicates="drop"` is given: then each counts
    once. `corpus.conversion` says what was dropped, repaired and skipped. Raises LoadError with
    file, line, field and value of the first twenty errors.
    """
    place, conversion = resolve_location(path, **options), ConversionReport()
    found = iter_documents(place, conversion, predictions=predictions, texts=texts)
    try:
        documents = collect_documents(found)
    except LoadError as error:
        raise with_offset_hints(error, place) from None
    refuse_unread(place, documents)
    name = BUNDLED if place.path == bundled_path() else _name(place.path)
    return Corpus(
        documents,
        name,
        load_schema_for(place),
        conversion,
        changed_options(place.module.read, place.options),
    )


def refuse_unread(place: CorpusLocation, documents: list[Document]) -> None:
    """Raise LoadError if no annotations were read of a file whose content is that of another
    format.
    """
    if any(
        document.failure is not None
        or document.unplaced
        or any(getattr(document, layer) for layer in LAYERS)
        for document in documents
    ):
        return
    format = place.format or "jsonl"
    found = recognize(place.path) if place.path.is_file() else None
    if found is None or found[0] == format:
        return
    keys = " and ".join(map(quoted_repr, found[1]))
    read_as = f"a {format} file: no annotations were read, and its first record has the keys {keys}"
    remedy = (
        f"read it as {found[0]}:{place.path}"
        if found[0]
        else "convert it to a format that `evalkit formats` lists"
    )
    raise LoadError([f"{place.path}: not {read_as}; {remedy}"])


def refuse_empty_texts(documents: Sequence[Document] | Corpus, place: CorpusLocation) -> None:
    """Raise InputError if there are documents, and none has a text, as in a CoNLL file of
    -DOCSTART- lines alone.
    """
    if len(documents) and not any(document.text.strip() for document in documents):
        raise InputError(f"{place.path}: no text in any document")


def describe_contents(documents: Iterable[Document]) -> Iterator[str]:
    """A line for each layer with annotations: how many, and how many of each label, the most
    frequent first.
    """
    labels: dict[str, Counter[str]] = {layer: Counter() for layer in LAYERS}
    for document in documents:
        for layer, counts in labels.items():
            counts.update(
                getattr(annotation, "label", None) or "unlabeled"
                for annotation in getattr(document, layer) or ()
            )
    for layer, counts in labels.items():
        if counts:
            most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            more = f", and {len(most) - MOST_LABELS} more labels" if len(most) > MOST_LABELS else ""
            yield (
                f"{layer}:"
                f" {', '.join(f'{label} {count:,}' for label, count in most[:MOST_LABELS])}{more}"
            )


def refuse_invalid(path: str | Path, *, predictions: bool) -> None:
    """Raise the LoadError that `load_corpus` raises for a file, if any.

    Its documents are not kept.
    """
    place = resolve_location(path)
    errors = (
        found
        for found in iter_documents(place, ConversionReport(), predictions=predictions)
        if not isinstance(found, Document)
    )
    try:
        collect_documents(errors)
    except LoadError as error:
        raise with_offset_hints(error, place) from None


def resolve_location(path: str | Path | None, **options: Any) -> CorpusLocation:
    """Where a corpus lies, and in which format; no path, or "evalkit-news" where there is no such
    file, is the bundled corpus.
    """
    if path is None or (str(path) == BUNDLED and not Path(BUNDLED).exists()):
        return CorpusLocation(None, bundled_path(), options)
    place = parse_location(path, **options)
    if place.format != "hf" and not place.path.exists():
        raise InputError(f"{place.path}: no such file or folder")
    if not place.is_hub_dataset and is_endless(place.path):
        raise InputError(f"{place.path}: a device or a named pipe, and no file or folder")
    if not place.is_hub_dataset:
        check_folder(place.path)
    return place


def with_offset_hints(error: LoadError, place: CorpusLocation) -> LoadError:
    """The error, with what would make all wrong offsets right, if anything would: another unit,
    ends that are inclusive, other line ends.
    """
    surfaces = getattr(place.module, "iter_surfaces", None)
    if surfaces is None or split_options(place.options).own:
        return error
    told = [f"{place.path}: {cause}" for cause in diagnose_offsets(surfaces(place.path))]
    # What explains them all comes first, where it is read even if the list is cut.
    return (
        LoadError([*told, *error.errors], more=error.omitted, advice=error.advice)
        if told
        else error
    )


def collect_documents(results: Iterable[Document | LoadError]) -> list[Document]:
    """All documents, if nothing is wrong; else a LoadError with every fault that was found."""
    documents: list[Document] = []
    faults: list[str] = []
    advice: dict[str, None] = {}
    more = 0
    for item in results:
        if isinstance(item, Document):
            documents.append(item)
        else:
            faults += item.errors
            more += item.omitted
            advice.update(dict.fromkeys(item.advice))
    if faults:
        raise LoadError(faults, more=more, advice=advice)
    return documents


def iter_documents(
    place: CorpusLocation,
    conversion: ConversionReport,
    *,
    predictions: bool = False,
    texts: str | Path | None = None,
    schema: Schema | None = None,
) -> Iterator[Document | LoadError]:
    """Each document at a place, and what is wrong with it: an id used twice; in gold, duplicates;
    against a schema, departures from it.
    """
    module = place.module
    seen: dict[str, str] = {}
    lines: dict[tuple[str, str, int], str] | None = (
        None  # of annotations, where a folder has a line for each
    )
    duplicates, options = split_options(place.options)
    if duplicates is None and not predictions:
        duplicates = "error"
    converted = changed_options(module.read, place.options).keys() & set(OFFSETS)
    if texts is not None:
        options["texts"] = texts
    for where, item in check_options(place, module.read, "duplicates")(
        place.path, conversion, **options
    ):
        if not isinstance(item, Document):
            yield item if isinstance(item, LoadError) else LoadError([str(item)])
            continue
        found = item
        if found.id in seen:
            yield LoadError(
                [
                    f"{where}: id: {quoted_repr(found.id)} is taken by {seen[found.id]}; ids name"
                    " one"
                    " document each"
                ]
            )
        seen.setdefault(found.id, where)
        if converted and (spans := sum(1 for _ in iter_spans(found))):
            conversion.repaired.add("spans whose offsets were converted", where, spans)
        repeated = list(find_duplicates(found)) if duplicates is not None else []
        if repeated and duplicates == "drop":
            conversion.dropped.add("duplicates", f"{where}: {repeated[0].location}", len(repeated))
            found, repeated = drop_duplicates(found), []
        departures = list(schema_faults(found, schema)) if schema else []
        if (repeated or departures) and lines is None:
            lines = directory.lines_of(place.path) if module is directory else {}
        for errors, advice in ((repeated, [advise_dropping()]), (departures, [])):
            yield from (
                LoadError(
                    [
                        f"{(lines or {}).get((found.id, error.layer, error.index or 0), where)}:"
                        f" {error}"
                    ],
                    advice=advice,
                )
                for error in errors
            )
        yield found


def check_options(
    place: CorpusLocation, call: Callable[..., Any], *common: str
) -> Callable[..., Any]:
    """The function of a format; called with an option that it does not have, it says so. common:
    options that hold for all formats.
    """

    def called(*given: Any, **options: Any) -> Any:
        known = [*own_options(call), *common]
        for name in options:
            if name not in known:
                raise UnknownNameError(
                    "option", name, known, within=place.format or str(place.path)
                )
        return call(*given, **options)

    return called


def load_schema_for(place: CorpusLocation) -> Schema | None:
    """The schema that belongs to what lies at a place, if there is one."""
    if place.module is directory:
        return directory.schema_of(place.path)
    own = getattr(place.module, "schema_of", None)
    if own is not None:
        found: Schema | None = own(
            place.path,
            **{name: value for name, value in place.options.items() if name == "revision"},
        )
        return found
    beside = place.folder / "schema.json"
    return load_schema(beside) if beside.exists() else None


def _name(where: Path) -> str:
    return where.resolve().name if where.is_dir() else where.stem


def _map_document(document: Document, maps: Mapping[str, LabelMap]) -> Document:
    changed: dict[str, Any] = {}
    if document.entities is not None and "entities" in maps:
        renamed = ((e, maps["entities"].get(e.label, e.label)) for e in document.entities)
        changed["entities"] = tuple(
            msgspec.structs.replace(e, label=label) for e, label in renamed if label is not None
        )
    if document.events is not None and maps.keys() & {"triggers", "arguments", "realis"}:
        changed["events"] = tuple(_mapped_events(document, maps))
    entities, events = (
        changed.get(layer, getattr(document, layer)) for layer in ("entities", "events")
    )
    dropped_ids = _ids(document.entities, document.events) - _ids(entities, events)
    if dropped_ids:
        changed["events"] = events and tuple(
            remove_references(event, dropped_ids) for event in events
        )
    return msgspec.structs.replace(document, **changed)


def _ids(*layers: Iterable[Entity | Event] | None) -> set[str]:
    return {
        annotation.id
        for annotations in layers
        for annotation in annotations or ()
        if annotation.id is not None
    }


def _mapped_events(document: Document, maps: Mapping[str, LabelMap]) -> Iterator[Event]:
    types, roles, realis = (maps.get(layer, {}) for layer in ("triggers", "arguments", "realis"))
    for event in document.events or ():
        label = types.get(event.label, event.label)
        if label is None:
            continue
        renamed = ((a, roles.get(a.role, a.role)) for a in event.arguments)
        arguments = tuple(
            msgspec.structs.replace(a, role=role) for a, role in renamed if role is not None
        )
        value = realis.get(event.realis, event.realis) if event.realis is not None else None
        yield msgspec.structs.replace(event, label=label, arguments=arguments, realis=value)
