"""LitBank: a folder with two files for each document, NAME.txt and NAME.ann (or NAME.tsv).

    QUOTE    Q1  0  0  0  5  “ I do , ”          id, first and last token, text
    ATTRIB   Q1  Ada-3                           the speaker of a quotation
    MENTION  T1  1  0  1  1  Ada L.  PER  PROP   id, first and last token, text, label, kind
    COREF    T1  Ada-3                           what a mention refers to
    COP      T1  T2                              a copula; APPOS: an apposition

Fields are separated by tabs. The text has a sentence on each line, with a space between tokens. A
token is given by two numbers, from 0: that of its sentence, and its own in the sentence. (Source:
dbamman/litbank, quotations/README.md at 0afddf1, and the files of quotations/tsv and coref/tsv at
1cf45bf.) LitBank's other layers are read with other formats: entities/brat and coref/brat as brat,
entities/tsv as conll with `tag_column=1+2+3+4`.

A quotation is an attribution with a content and without source and cue. Its attribute `speaker`,
which the layer `speakers` compares, is that of its ATTRIB line. A mention is an entity with the
attributes `mention` (PROP, NOM or PRON) and `entity` (the COREF line). Copulas and appositions are
relations, COP and APPOS, from the first mention to the second.

A path may be a folder or one of the two files of a document. A layer is annotated in all documents
of a folder with an annotation file if it has lines in one of them; a folder of empty files has
documents without quotations. A text without an annotation file was not annotated. The text of a
line that differs from its tokens is counted; if most of a document differ, it is refused. Dropped:
further speakers of a quotation, further COREF lines of a mention, byte order marks.

**Reading options**: none. LitBank's format is only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from evalkit.data.document import Attribution, Document, Entity, Relation, Span
from evalkit.errors import (
    MAX_REPORTED_ERRORS,
    DocumentError,
    InputError,
    LoadError,
    quoted_repr,
)
from evalkit.files import read_input
from evalkit.files.inputs import list_inputs
from evalkit.formats.brat_lines import BOM, decode_text
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.quotation_texts import TextComparison
from evalkit.formats.registry import DocumentResults

TEXT_SUFFIX = ".txt"
ANNOTATION_SUFFIXES = (".ann", ".tsv")
# The number of fields of each kind of line
FIELDS = {"QUOTE": 7, "ATTRIB": 3, "MENTION": 9, "COREF": 3, "COP": 3, "APPOS": 3}
LAYER_OF_KIND = {
    "QUOTE": "attributions",
    "ATTRIB": "attributions",
    "MENTION": "entities",
    "COREF": "entities",
    "COP": "relations",
    "APPOS": "relations",
}
ID_FIELDS = {"QUOTE": 1, "MENTION": 1}


class LitbankFiles(NamedTuple):
    """The files of a document. `annotations` is None if it has none."""

    id: str
    text: Path
    annotations: Path | None


class LitbankLine(NamedTuple):
    """A line of an annotation file: its number and fields."""

    number: int
    fields: list[str]

    @property
    def kind(self) -> str:
        """Its first field, such as QUOTE."""
        return self.fields[0]


class _LineError(ValueError):
    """A line that is refused; the message says why."""


def read(path: Path, conversion: ConversionReport) -> DocumentResults:
    """Yields each document, or a LoadError, with the path of its annotation file (without one, of
    its text).

    Raises InputError if the path has no such files.
    """
    files = _find_files(path)
    layers = _annotated_layers(files)
    for each in files:
        position = str(each.annotations or each.text)
        try:
            yield position, _read_document(each, conversion, layers)
        except LoadError as error:
            yield position, error


def _find_files(path: Path) -> list[LitbankFiles]:
    """Returns the files of each document, sorted by name."""
    suffixes = (TEXT_SUFFIX, *ANNOTATION_SUFFIXES)
    if path.is_dir():
        found = list_inputs(path, suffixes)
        folder = path
    elif path.suffix in suffixes:
        found = [path, *(path.with_suffix(suffix) for suffix in suffixes if suffix != path.suffix)]
        found = [file for file in found if file.exists()]
        folder = path.parent
    else:
        raise InputError(f"{path}: expected a folder, or a file {', '.join(suffixes)}")
    annotations: dict[str, Path] = {}
    texts: dict[str, Path] = {}
    for file in found:
        stem = file.relative_to(folder).with_suffix("").as_posix()
        if file.suffix == TEXT_SUFFIX:
            texts[stem] = file
        elif stem in annotations:
            raise InputError(f"{folder / stem}: both {' and '.join(ANNOTATION_SUFFIXES)}: keep one")
        else:
            annotations[stem] = file
    if not found:
        raise InputError(f"{path}: no .ann, .tsv or .txt file in this folder")
    files = []
    for stem in sorted({*texts, *annotations}):
        text = texts.get(stem, folder / f"{stem}{TEXT_SUFFIX}")
        files.append(LitbankFiles(stem, text, annotations.get(stem)))
    return files


def _read_text(path: Path, conversion: ConversionReport) -> str:
    """The text of a file. A byte order mark is dropped, and counted."""
    data = read_input(path)
    if data.startswith(BOM):
        conversion.add("byte order marks", str(path))
    return decode_text(path, data.removeprefix(BOM))


def _annotated_layers(files: list[LitbankFiles]) -> set[str]:
    """The layers that have lines in any of the files; attributions if there are no lines."""
    layers: set[str] = set()
    for each in files:
        if each.annotations is None:
            continue
        for line in read_input(each.annotations).removeprefix(BOM).splitlines():
            kind = line.partition(b"\t")[0].decode(errors="replace")
            if kind in LAYER_OF_KIND:
                layers.add(LAYER_OF_KIND[kind])
    return layers or {"attributions"}


def _read_document(
    files: LitbankFiles, conversion: ConversionReport, layers: set[str]
) -> Document | LoadError:
    if not files.text.exists():
        raise LoadError([f"{files.annotations}: no {files.text.name} in the same folder"])
    text = _read_text(files.text, conversion)
    if files.annotations is None:
        return Document(files.id, text)
    reader = _DocumentReader(files.id, files.annotations, text, conversion)
    return reader.read(layers)


class _DocumentReader:
    """Reads the annotations of one document."""

    def __init__(self, id: str, path: Path, text: str, conversion: ConversionReport) -> None:
        """path: the annotation file."""
        self._id, self._path, self._text, self._conversion = id, path, text, conversion
        self._tokens = LineTokens(text)
        self._errors: list[str] = []
        self._surfaces = TextComparison(str(self._path), conversion)

    def read(self, layers: set[str]) -> Document | LoadError:
        """The document with its annotated layers, or all its errors."""
        lines = list(self._iter_lines())
        by_kind: dict[str, list[LitbankLine]] = {kind: [] for kind in FIELDS}
        ids: dict[str, int] = {}
        for line in lines:
            if line.kind in ID_FIELDS:
                id = line.fields[ID_FIELDS[line.kind]]
                if id in ids:
                    self._add_error(line, f"duplicate id {quoted_repr(id)}: see line {ids[id]}")
                ids[id] = line.number
            by_kind[line.kind].append(line)
        speakers = self._values_of(by_kind["ATTRIB"], by_kind["QUOTE"], "further speakers")
        referents = self._values_of(by_kind["COREF"], by_kind["MENTION"], "further COREF lines")
        attributions = [
            Attribution(None, span, id=line.fields[1], attributes=_speaker(line, speakers))
            for line, span in self._iter_spans(by_kind["QUOTE"])
        ]
        entities = [
            self._to_entity(line, span, referents)
            for line, span in self._iter_spans(by_kind["MENTION"])
        ]
        relations = self._relations([*by_kind["COP"], *by_kind["APPOS"]], by_kind["MENTION"])
        self._errors += self._surfaces.errors()
        if self._errors:
            return LoadError(self._errors[:MAX_REPORTED_ERRORS])
        try:
            return Document(
                self._id,
                self._text,
                tuple(entities) if "entities" in layers else None,
                attributions=tuple(attributions) if "attributions" in layers else None,
                relations=tuple(relations) if "relations" in layers else None,
            )
        except DocumentError as error:
            return LoadError([f"{self._path}: {error}"])

    def _iter_lines(self) -> Iterator[LitbankLine]:
        """Yields the lines that have the fields of their kind."""
        content = _read_text(self._path, self._conversion)
        for number, content_line in enumerate(content.split("\n"), 1):
            if not content_line.strip():
                continue
            line = LitbankLine(number, content_line.rstrip("\r").split("\t"))
            if line.kind not in FIELDS:
                self._add_error(
                    line,
                    f"unknown kind of line {quoted_repr(line.kind)}; expected one of:"
                    f" {', '.join(FIELDS)}",
                )
            elif len(line.fields) != FIELDS[line.kind]:
                expected = f"expected {FIELDS[line.kind]} fields, got {len(line.fields)}"
                self._add_error(line, f"{line.kind}: {expected}, which are separated by tabs")
            else:
                yield line
            if len(self._errors) >= MAX_REPORTED_ERRORS:
                return

    def _values_of(
        self, lines: list[LitbankLine], owners: list[LitbankLine], further: str
    ) -> dict[str, str]:
        """The last field of the lines, by the id of what they are about."""
        known = {line.fields[1] for line in owners}
        values: dict[str, str] = {}
        for line in lines:
            _, id, value = line.fields
            if id not in known:
                self._add_error(
                    line, f"{line.kind}: no line of this file has the id {quoted_repr(id)}"
                )
            elif id in values:
                self._conversion.add(further, f"{self._path}:{line.number}")
            else:
                values[id] = value.strip()
        return values

    def _iter_spans(self, lines: list[LitbankLine]) -> Iterator[tuple[LitbankLine, Span]]:
        """Yields the lines whose tokens are in the text, with their spans."""
        for line in lines:
            try:
                start, end = self._tokens.span(*map(_parse_index, line.fields[2:6]))
            except _LineError as error:
                self._add_error(line, f"{line.kind} {line.fields[1]}: {error}")
                continue
            covered_text = self._text[start:end]
            self._surfaces.compare(line.fields[6], covered_text, f"{self._path}:{line.number}")
            yield line, Span(start, end)

    def _to_entity(self, line: LitbankLine, span: Span, referents: dict[str, str]) -> Entity:
        id, label, kind = line.fields[1], line.fields[7], line.fields[8]
        attributes: dict[str, str | int | float | bool | None] = {"mention": kind}
        if id in referents:
            attributes["entity"] = referents[id]
        return Entity(label, span.start, span.end, id, attributes=attributes)

    def _relations(self, lines: list[LitbankLine], mentions: list[LitbankLine]) -> list[Relation]:
        known = {line.fields[1] for line in mentions}
        relations = []
        for line in sorted(lines):
            kind, head, tail = line.fields
            unknown = [id for id in (head, tail) if id not in known]
            if unknown:
                problem = f"{kind}: no line of this file has the id {quoted_repr(unknown[0])}"
                self._add_error(line, problem)
            else:
                relations.append(Relation(kind, head, tail))
        return relations

    def _add_error(self, line: LitbankLine, problem: str) -> None:
        self._errors.append(f"{self._path}:{line.number}: {problem}")


def _speaker(
    line: LitbankLine, speakers: dict[str, str]
) -> dict[str, str | int | float | bool | None] | None:
    name = speakers.get(line.fields[1])
    return {"speaker": name} if name else None


def _parse_index(field: str) -> int:
    """The number of a sentence or token. Raises _LineError."""
    if not field.strip().isdecimal() or len(field) > 9:
        raise _LineError(f"{quoted_repr(field)}: expected the number of a sentence or token")
    return int(field)


class LineTokens:
    """Where the tokens of a text are that has a sentence on each line.

    >>> LineTokens("Go !\\nAda left .").span(1, 0, 1, 1)
    (5, 13)
    """

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._tokens: dict[int, list[tuple[int, int]]] = {}  # of the sentences that were needed
        is_last_empty = not self._lines[-1].strip()
        self._count = len(self._lines) - is_last_empty

    def span(
        self, sentence: int, token: int, last_sentence: int, last_token: int
    ) -> tuple[int, int]:
        """The offsets from a token to the end of another one. Raises _LineError if the text has no
        such tokens, or if they are in another order.
        """
        start, _ = self._find(sentence, token)
        _, end = self._find(last_sentence, last_token)
        if end <= start:
            raise _LineError(
                f"token {last_token} of sentence {last_sentence} is before token {token} of"
                f" sentence {sentence}"
            )
        return start, end

    def _find(self, sentence: int, token: int) -> tuple[int, int]:
        if sentence >= self._count:
            raise _LineError(f"no sentence {sentence}: the text has {self._count} lines, from 0")
        if sentence not in self._tokens:
            self._tokens[sentence] = list(self._iter_tokens(sentence))
        tokens = self._tokens[sentence]
        if token >= len(tokens):
            raise _LineError(
                f"no token {token} in sentence {sentence}: it has {len(tokens)}, from 0"
            )
        return tokens[token]

    def _iter_tokens(self, sentence: int) -> Iterator[tuple[int, int]]:
        start = self._starts[sentence]
        for token in self._lines[sentence].rstrip().split(" "):
            if token:
                yield start, start + len(token)
            start += len(token) + 1
