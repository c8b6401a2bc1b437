"""The registry of file formats, and the parser of locations such as "conll:FILE?repair=begin".

Each format is a module with the same functions:

    read(path, conversion, **options)              yields the position in the file and a document,
                                                   or a LoadError
    write(documents, path, conversion, **options)  writes documents so that they can be read again

Formats that are only read have no `write`. What a format cannot represent is counted in
`conversion`, by name and location. A format is chosen by its name before a colon ("conll:FILE"),
else by the suffix of the path; a folder without a format name is a directory corpus. Options are
written behind a question mark ("conll:FILE?repair=begin&tagging=IOB1") or given as keywords.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

from evalkit.data.document import Document
from evalkit.errors import (
    InputError,
    LoadError,
    MissingDependencyError,
    UnknownNameError,
    advise_extra,
    quoted_repr,
)
from evalkit.files import is_url, open_input, strip_compression, to_path
from evalkit.files.encodings import normalize_encoding, open_files_as
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.folder_recognition import folder_formats, recognize_folder_formats
from evalkit.formats.reading_options import (
    LATIN1,
    advise_encoding,
    guess_encoding,
    replace_option_aliases,
)
from evalkit.formats.recognition import (
    recognize_all,
    recognized_by_content,
)


@dataclass(frozen=True)
class Format:
    """The entry of a format in the registry.

    `suffixes`: of its files ("/" for a folder). `extra`, `package`: of an optional dependency.
    `read_only`: whether the format is not written.
    """

    suffixes: tuple[str, ...]
    description: str
    extra: str = ""
    package: str = ""
    read_only: bool = False

    @property
    def missing(self) -> bool:
        """Whether the package that the format needs is not installed."""
        return bool(self.package) and find_spec(self.package) is None


FORMATS = {
    "jsonl": Format(
        (".jsonl", ".ndjson"), "evalkit's own: a document as JSON on each line; loses nothing"
    ),
    "directory": Format(
        ("/",), "a folder with corpus/ and annotations/, for people to read and edit"
    ),
    "conll": Format(
        (".conll", ".bio", ".iob", ".iob2"), "tokens and BIO tags in columns, as CoNLL-2003"
    ),
    "conll2012": Format(
        (".gold_conll", ".v4_gold_conll", ".auto_conll", ".v4_auto_conll"),
        "CoNLL-2012 and OntoNotes: entities and coreference as brackets in columns",
    ),
    "conllu": Format(
        (".conllu",),
        "CoNLL-U treebanks with the tags of entities in MISC",
        extra="conllu",
        package="conllu",
    ),
    "brat": Format((".ann",), "brat standoff: a folder of .txt and .ann files"),
    "docbin": Format((".spacy",), "spaCy's binary documents"),
    "spacy-json": Format((), 'spaCy training examples: [text, {"entities": …}] as JSON or Python'),
    "prodigy": Format((), "Prodigy JSONL"),
    "doccano": Format((), "doccano JSONL"),
    "labelstudio": Format((), "Label Studio JSON"),
    "cas": Format(
        (".xmi",), "UIMA CAS, as INCEpTION exports it (XMI or JSON)", extra="cas", package="cassis"
    ),
    "webanno": Format((), "WebAnno TSV 3, as INCEpTION exports it: a file or a folder"),
    "dygie": Format((), "DyGIE++ JSONL"),
    "textee": Format((), "TextEE and OneIE JSONL"),
    "spert": Format((), "SpERT JSON: tokens, entities and relations"),
    "gliner-json": Format((), "GLiNER's training data: tokens, entities and relations as JSON"),
    "bigbio": Format((), "BigBIO-shaped JSON"),
    "pubtator": Format(
        (".pubtator",), "PubTator: titles, abstracts, mentions with concept ids, and relations"
    ),
    "maven": Format((), "MAVEN, MAVEN-ERE and MAVEN-Arg: events of documents", read_only=True),
    "rams": Format((), "RAMS: an event and its arguments on each line", read_only=True),
    "wikievents": Format((), "WikiEvents JSONL, with coreference of entities", read_only=True),
    "casie": Format((), "CASIE JSON: events of cybersecurity", read_only=True),
    "docred": Format((), "DocRED and Re-DocRED: relations of whole documents", read_only=True),
    "bioc": Format(
        (".bioc",),
        "BioC: XML or JSON with passages, annotations and relations",
        extra="bioc",
        package="bioc",
    ),
    "langextract": Format((), "langextract JSONL: extractions with or without offsets"),
    "gliner2-json": Format((), "GLiNER2's results and training data: strings under labels"),
    "universal-ner": Format(
        (), "UniversalNER conversations: a question and strings for each label"
    ),
    "instruct-uie": Format((), "InstructUIE data sets and predictions: person: Ada; place: Oslo"),
    "spans": Format((), "tables of spans (CSV, TSV): document, start, end, label in each row"),
    "tokens": Format((), "tables of tokens (CSV, TSV): sentence, token and BIO tag in each row"),
    "pdnc": Format((), "Project Dialogism Novel Corpus: quotations with speakers", read_only=True),
    "litbank": Format(
        (), "LitBank: quotations with speakers, mentions with coreference", read_only=True
    ),
    "quotes": Format((), "tables of quotations with speakers in CSV and TSV", read_only=True),
    "parquet": Format(
        (".parquet", ".pq"), "Parquet: a document, or an entity, in each row; read in batches"
    ),
    "hf": Format(
        (),
        "a data set on the Hugging Face Hub (hf://OWNER/NAME), in a folder (hf:DIR) or a file",
    ),
}
# Formats by suffix whose files are looked at, with the other formats that have files with the same
# suffixes; empty for all. None is an unknown suffix.
SUFFIXES_OF_SEVERAL_FORMATS: Mapping[str | None, tuple[str, ...]] = {
    None: (),
    "jsonl": (),
    "conll": (),
    "brat": ("litbank",),
}
WRITTEN_FORMATS = tuple(name for name, format in FORMATS.items() if not format.read_only)
PARQUET_MAGIC = b"PAR1"
# Files that are scored in batches, without loading them
STREAMED_SUFFIXES = (*FORMATS["jsonl"].suffixes, *FORMATS["parquet"].suffixes)
DocumentResults = Iterator[tuple[str, Document | InputError]]  # with file:line


# Formats that are read from a folder, with the suffixes that a single file has
FOLDER_FORMATS: dict[str, tuple[str, ...]] = {
    "hf": (".jsonl", ".json", ".parquet", ".pq"),
    "directory": (),
    "brat": (".ann", ".txt", ".a1", ".a2"),
    "cas": (".xmi", ".json"),
    "webanno": (".tsv",),
    "casie": (".json",),
    "pdnc": (".csv",),
    "litbank": (".ann", ".tsv", ".txt"),
}


@dataclass(frozen=True)
class CorpusLocation:
    """The location of a corpus: format (None if not named), path and options of the format.

    `is_detected`: the format was recognized by the content, see `detect_format`.
    """

    format: str | None
    path: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    is_detected: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        if self.options:
            options = replace_option_aliases(self.format_name, self.options)
            object.__setattr__(self, "options", options)

    @property
    def format_name(self) -> str:
        """The format that is named, or that of the suffix; "" for an unknown suffix."""
        return self.format or _format_by_suffix(self.path) or ""

    @property
    def folder(self) -> Path:
        """The folder of the corpus, which holds its schema.json."""
        if self.path.is_dir():
            return self.path
        suffixes = FOLDER_FORMATS.get(self.format or "directory")
        if suffixes is None:
            return self.path.parent
        is_file = self.path.suffix in suffixes or (self.format is None and self.path.suffix != "")
        return self.path.parent if is_file else self.path

    @property
    def is_hub_dataset(self) -> bool:
        """Whether the path is the name of a data set on the Hub."""
        return self.format == "hf" and str(self.path).startswith("//")

    @property
    def module(self) -> ModuleType:
        """The module of the format; see `format_module` for the errors raised."""
        return format_module(self.path, self.format)


def validate_path(path: object) -> None:
    """Raises InputError for an object that is not a path, or not a valid one."""
    if not isinstance(path, (str, Path)):
        raise InputError(
            f"expected a path, got {type(path).__name__} {quoted_repr(path)}; Corpus([...]) builds"
            " a corpus from documents"
        )
    try:
        Path(path).exists()
    except OSError as error:
        raise InputError(f"invalid path {quoted_repr(str(path))}: {error.strerror}") from None


def parse_location(location: str | Path, **options: Any) -> CorpusLocation:
    """Returns the location for a path such as "conll:a.txt?repair=begin".

    Raises UnknownNameError for an unknown format.

    >>> parse_location("conll:a.txt?repair=begin")
    CorpusLocation(format='conll', path=PosixPath('a.txt'), options={'repair': 'begin'})
    """
    validate_path(location)
    without_query, _, query = str(location).partition("?")
    if not query or Path(location).exists():
        without_query, query = str(location), ""
    name, path = split_prefix(without_query)
    given = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=False))
    if query and "=" not in query:
        raise InputError(
            f"{location}: invalid options {quoted_repr(query)}: expected KEY=VALUE after the"
            " question mark, separated by &"
        )
    return CorpusLocation(name, path, {**given, **options})


def iter_documents(corpus: Any) -> Iterator[Document]:
    """Yields the documents of a corpus, which is given as an object or as a path.

    Raises the first error of the reader.
    """
    if not isinstance(corpus, (str, Path)):
        yield from corpus or ()
        return
    position = detect_format(parse_location(corpus))
    for _, result in position.module.read(position.path, ConversionReport(), **position.options):
        if not isinstance(result, Document):
            raise result
        yield result


def detect_format(location: CorpusLocation) -> CorpusLocation:
    """Returns the location of an existing corpus with the format of its content, if no format is
    named and the content is not that of the suffix.

    Raises InputError if the content may be that of several formats.
    """
    path = location.path
    if location.format is not None or is_url(path) or not path.exists():
        return location
    if path.is_dir():
        has_corpus = (path / "corpus" / "corpus.jsonl").exists()
        candidates = {} if has_corpus else recognize_folder_formats(path)
    else:
        by_suffix = _format_by_suffix(path) if path.suffix else None
        if by_suffix not in SUFFIXES_OF_SEVERAL_FORMATS:
            return location
        others = SUFFIXES_OF_SEVERAL_FORMATS[by_suffix]
        candidates = {
            format: f"{format}:{path}"
            for format in _recognize_file(location)
            if not others or format in others
        }
        if by_suffix in candidates:
            return location
        if not candidates and by_suffix is None and "encoding" not in location.options:
            _refuse_unreadable(path)
    if len(candidates) > 1:
        raise InputError(
            f"{path}: may be {' or '.join(candidates)}: write {' or '.join(candidates.values())}"
        )
    if not candidates:
        return location
    return CorpusLocation(next(iter(candidates)), path, location.options, is_detected=True)


def _recognize_file(location: CorpusLocation) -> tuple[str, ...]:
    """The formats that the content of a file may have, in the encoding that is named."""
    if "encoding" not in location.options:
        return recognize_all(location.path)
    with open_files_as(normalize_encoding(location.options["encoding"])):
        return recognize_all(location.path)


def _refuse_unreadable(path: Path) -> None:
    """Raises InputError for a file whose first bytes show that it is in UTF-16 or UTF-32, or a
    result of evalkit.
    """
    with open_input(path) as file:
        head = file.read(100)
    if b'"schema_version"' in head:
        raise InputError(
            f"{path}: a result that evalkit saved, and no corpus; `evalkit report` prints it"
        )
    refuse_wide_encoding(path)


def refuse_wide_encoding(path: Path) -> None:
    """Raises LoadError for a file whose first bytes show that it is in UTF-16 or UTF-32, with the
    option that reads it.
    """
    if not path.is_file():
        return
    with open_input(path) as file:
        head = file.read(4)
    if guess_encoding(head) != LATIN1:
        is_xml = b"<" in head[:4]
        remedy = "save the file as UTF-8" if is_xml else advise_encoding(head)
        raise LoadError([f"{path}:1: not UTF-8: {remedy}"])


def describe_recognition(name: str) -> str:
    """Returns by what a path without a format name is read in this format: suffixes of files, a
    folder, the content; "" if the format must be named.
    """
    signs = ["a folder" if suffix == "/" else suffix for suffix in FORMATS[name].suffixes]
    if name in recognized_by_content() | folder_formats():
        signs.append("content")
    return ", ".join(signs)


def split_prefix(location: str | Path) -> tuple[str | None, Path]:
    """Returns the format named before the colon (None if there is none) and the path.

    >>> split_prefix("jsonl:a.txt")
    ('jsonl', PosixPath('a.txt'))
    """
    if is_url(location) and not _is_hub_dataset(str(location)):
        return None, to_path(location)
    prefix, colon, rest = str(location).partition(":")
    is_name = prefix in FORMATS or prefix.isidentifier()
    if colon and is_name and not Path(location).exists():
        if prefix not in FORMATS:
            raise UnknownNameError("format", prefix, FORMATS, within=str(location))
        return prefix, Path(rest) if prefix == "hf" else to_path(rest)
    return None, Path(location)


def _is_hub_dataset(location: str) -> bool:
    """Whether a location is the name of a data set on the Hub, such as hf://OWNER/NAME, and not
    that of a file in it, such as hf://datasets/OWNER/NAME/gold.jsonl.
    """
    suffix = strip_compression(Path(location)).suffix
    is_file = any(suffix in format.suffixes for format in FORMATS.values())
    return location.startswith("hf://") and not (suffix and is_file)


def format_module(path: Path, name: str | None = None) -> ModuleType:
    """Returns the module of the format `name`, or of the format that the suffix of `path` names.

    Raises InputError for an unknown suffix, UnknownNameError for an unknown name,
    MissingDependencyError if the format needs a package that is not installed.
    """
    format_name = name or _format_by_suffix(path)
    if format_name is None:
        problem = f"unknown suffix {path.suffix!r}" if path.suffix else "unknown format"
        raise InputError(
            f"{path}: {problem}; write the format before the path, such as"
            f" conll:{path}; expected one of: {', '.join(FORMATS)}"
        )
    if format_name not in FORMATS:
        raise UnknownNameError("format", format_name, FORMATS)
    format = FORMATS[format_name]
    if format.missing:
        raise MissingDependencyError(
            f"the format {format_name} needs {format.package}, which is not installed:"
            f" {advise_extra(format.extra)}"
        )
    return import_module(module_name(format_name))


def module_name(format_name: str) -> str:
    """Returns the name of the module of a format: hyphens become underscores."""
    return f"evalkit.formats.{format_name.replace('-', '_')}"


def stream_module(path: Path) -> ModuleType:
    """Returns the module that reads a file of documents in batches: `jsonl_stream`, or
    `parquet_stream` for a Parquet file.
    """
    is_parquet = path.suffix in FORMATS["parquet"].suffixes
    return import_module(f"evalkit.formats.{'parquet' if is_parquet else 'jsonl'}_stream")


def is_streamable(location: CorpusLocation) -> bool:
    """Whether a location is a JSONL file without reading options, or a Parquet file with a document
    in each row, which are scored in batches.
    """
    if location.options or not location.path.is_file():
        return False
    if location.format in (None, "parquet") and location.path.suffix in FORMATS["parquet"].suffixes:
        return bool(stream_module(location.path).is_streamable(location.path))
    suffix = strip_compression(location.path).suffix
    return location.format in (None, "jsonl") and suffix in FORMATS["jsonl"].suffixes


def is_table_file(location: CorpusLocation) -> bool:
    """Whether a location is a file in the format parquet or spans."""
    if not location.path.is_file():
        return False
    format = location.format_name or detect_format(location).format
    return format in ("parquet", "spans")


def is_parquet_file(location: CorpusLocation) -> bool:
    """Whether a location is a file in the format parquet."""
    if not location.path.is_file():
        return False
    return location.format_name == "parquet"


def _format_by_suffix(path: Path) -> str | None:
    is_folder = path.is_dir() or not (path.suffix or path.exists())
    suffix = "/" if is_folder else strip_compression(path).suffix
    for name, format in FORMATS.items():
        if suffix in format.suffixes:
            return name
    return "parquet" if starts_as_parquet(path) else None


def starts_as_parquet(path: Path) -> bool:
    """Whether a file begins with the four bytes with which every Parquet file begins."""
    if not path.is_file():
        return False
    with open_input(path) as file:
        return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
