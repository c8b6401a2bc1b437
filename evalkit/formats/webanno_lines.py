"""Reads the lines of a WebAnno TSV file: layers, sentences and units; webanno.py describes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from evalkit.errors import MAX_REPORTED_ERRORS, LoadError, quoted_repr
from evalkit.formats.jsonl_errors import BOM, explain_invalid_utf8

FORMAT = "#FORMAT=WebAnno TSV "
TEXT, SENTENCE_ID = "#Text=", "#Sentence.id="
SPANS, CHAINS, RELATIONS = "#T_SP=", "#T_CH=", "#T_RL="
ROLE, BASE_TYPE = "ROLE_", "BT_"
NOTHING, UNSET = "_", "*"  # no annotation, and an annotation whose feature is not set
MAX_GAP = 1_000_000  # characters between sentences
EXPECTED = f"expected {FORMAT}3.3, as INCEpTION exports it"
_VERSION = re.compile(r"3\.(\d+)")
_UNIT = re.compile(r"(\d+-\d+(?:\.\d+)?)\t(\d{1,18})-(\d{1,18})\t(.*)", re.DOTALL)
_TEXT_ESCAPE = re.compile(r"\\([tnfrb\\\x00-\x1f])")
# Files of the versions 3.0 and 3.1 have the escapes of Java
_JAVA_ESCAPE = re.compile(r"\\(u+[0-9a-fA-F]{4}|.)", re.DOTALL)
_TEXT_CHARACTERS = {"t": "\t", "n": "\n", "f": "\f", "r": "\r", "b": "\b"}
_VALUE_ESCAPE = re.compile(r"\\(->|[\\\[\]|_;tn*])")
_VALUE_CHARACTERS = {"t": "\t", "n": "\n"}
_RESERVED = re.compile(r"->|[\\\[\]|_;\t\n*]")
_TEXT_RESERVED = re.compile(r"[\x00-\x0a\x0c-\x1f\\]")
_CHARACTER = re.compile(r"\\.|.", re.DOTALL)  # escaped or not
_SUFFIX = re.compile(r"((?:\\.|[^\\\[\]])*)\[(\d{1,18})(?:_(\d{1,18}))?\]", re.DOTALL)


class ColumnKind(Enum):
    """What a column holds."""

    FEATURE = "feature"
    PLACEHOLDER = "placeholder"  # of a layer without features
    ROLE = "role"  # of slots
    TARGET = "target"  # of slots
    SOURCE = "source"  # of relations
    CHAIN = "chain"


class Column(NamedTuple):
    """A column: the feature that it has, or the type of the annotations that it names."""

    kind: ColumnKind
    name: str


@dataclass(frozen=True)
class TsvLayer:
    """A layer of annotations: its name, and the columns that it has in each line."""

    prefix: str  # SPANS, CHAINS or RELATIONS
    type: str
    columns: tuple[Column, ...]

    @property
    def features(self) -> list[str]:
        """The names of its features, other than slots."""
        return [column.name for column in self.columns if column.kind is ColumnKind.FEATURE]


class Unit(NamedTuple):
    """A line with a token, or with a part of one."""

    line: int
    id: str  # such as 1-3 or 1-3.1
    start: int  # offsets in UTF-16 code units
    end: int
    text: str
    values: list[str]  # of all layers


@dataclass
class TsvFile:
    """The content of a file."""

    layers: list[TsvLayer] = field(default_factory=list)
    text: str = ""
    units: list[Unit] = field(default_factory=list)


class TsvValue(NamedTuple):
    """A value in a column: unescaped, or None if it is not set; the disambiguation ids after it,
    0 if there are none.
    """

    text: str | None
    id: int = 0
    target_id: int = 0


def escape_value(value: str) -> str:
    r"""A value as it is written.

    >>> escape_value("a_b->c")
    'a\\_b\\->c'
    """
    names = {"\t": "t", "\n": "n"}
    return _RESERVED.sub(lambda match: "\\" + names.get(match[0], match[0]), value)


def unescape_value(value: str) -> str:
    """The value that is written so."""
    return _VALUE_ESCAPE.sub(lambda match: _VALUE_CHARACTERS.get(match[1], match[1]), value)


def escape_text(text: str) -> str:
    """A line of the text as it is written."""
    names = {character: name for name, character in _TEXT_CHARACTERS.items()}
    return _TEXT_RESERVED.sub(lambda match: "\\" + names.get(match[0], match[0]), text)


def unescape_text(text: str, *, as_java: bool = False) -> str:
    """The text that is written so; as_java: with the escapes of the versions 3.0 and 3.1."""
    if not as_java:
        return _TEXT_ESCAPE.sub(lambda match: _TEXT_CHARACTERS.get(match[1], match[1]), text)
    unescaped = _JAVA_ESCAPE.sub(_java_character, text)
    return unescaped.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _java_character(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) > 1:
        return chr(int(code.lstrip("u"), 16))
    return _TEXT_CHARACTERS.get(code, code)


def split_stacked(value: str) -> list[str]:
    r"""The values of stacked annotations.

    >>> split_stacked("PER[1]|LOC[2]"), split_stacked(r"a\|b")
    (['PER[1]', 'LOC[2]'], ['a\\|b'])
    """
    return _split(value, "|")


def split_slots(value: str) -> list[str]:
    """The roles, or the targets, of the slots of an annotation."""
    return _split(value, ";")


def _split(value: str, separator: str) -> list[str]:
    """The parts between separators that are not escaped."""
    if "\\" not in value:
        return value.split(separator)
    parts = [""]
    for match in _CHARACTER.finditer(value):
        if match[0] == separator:
            parts.append("")
        else:
            parts[-1] += match[0]
    return parts


def parse_value(value: str) -> TsvValue:
    """The parts of a value.

    >>> parse_value("PER[1]"), parse_value("*"), parse_value("1-1[0_1]")
    (TsvValue(text='PER', id=1, target_id=0), TsvValue(text=None, id=0, target_id=0), \
TsvValue(text='1-1', id=0, target_id=1))
    """
    match = _SUFFIX.fullmatch(value)
    text, id, target_id = match.groups() if match else (value, None, None)
    unescaped = None if text == UNSET else unescape_value(text)
    return TsvValue(unescaped, int(id or 0), int(target_id or 0))


def parse_file(path: Path, data: bytes) -> TsvFile:
    """The content of a file. Raises LoadError with its invalid lines."""
    return _Parser(path, data).parse()


class _Parser:
    """Parses a file."""

    def __init__(self, path: Path, data: bytes) -> None:
        self._path = path
        try:
            text = data.removeprefix(BOM).decode()
        except UnicodeDecodeError:
            raise LoadError([f"{path}: {explain_invalid_utf8(data, 'file')}"]) from None
        self._lines = text.split("\n")
        self._errors: list[str] = []
        self._file = TsvFile()
        self._pieces: list[str] = []  # of the text
        self._size = 0  # of the text, in UTF-16 code units
        self._sentence: list[str] = []  # its lines
        self._as_java = False

    def parse(self) -> TsvFile:
        """Returns the content. Raises LoadError with the invalid lines."""
        first = self._lines[0].removesuffix("\r")
        version = _VERSION.fullmatch(first.removeprefix(FORMAT))
        if not first.startswith(FORMAT) or version is None:
            raise LoadError([f"{self._path}:1: {quoted_repr(first)}: {EXPECTED}"])
        self._as_java = int(version[1]) < 2
        is_header = True
        for number, raw in enumerate(self._lines[1:], 2):
            line = raw.removesuffix("\r")
            if is_header and line.startswith((SPANS, CHAINS, RELATIONS)):
                self._file.layers.append(_parse_layer(line))
                continue
            is_header = is_header and not line.startswith(TEXT)
            problem = self._read_line(line, number)
            if problem:
                self._errors.append(f"{self._path}:{number}: {problem}")
                if len(self._errors) == MAX_REPORTED_ERRORS:
                    break
        if self._errors:
            raise LoadError(self._errors)
        # The reader of INCEpTION adds a line end to each sentence.
        self._file.text = "".join(self._pieces).removesuffix("\n")
        return self._file

    def _read_line(self, line: str, number: int) -> str:
        """Reads a line of the body. Returns what is wrong with it, "" if nothing is."""
        if line.startswith("#") or not line:
            if line.startswith(TEXT):
                text = unescape_text(line.removeprefix(TEXT), as_java=self._as_java)
                self._sentence.append(text + "\n")
            return ""
        match = _UNIT.fullmatch(line)
        if match is None:
            return f"{quoted_repr(line)} is no token: expected its number, offsets and text"
        id, start, end, rest = match.groups()
        text, *values = rest.split("\t")
        size = sum(len(layer.columns) for layer in self._file.layers)
        if values and not values[-1]:  # each column is followed by a tab
            values.pop()
        if len(values) != size:
            return f"{len(values)} columns after the token: expected {size}, those of the layers"
        if self._sentence:
            problem = self._add_sentence(int(start))
            if problem:
                return problem
        self._file.units.append(Unit(number, id, int(start), int(end), text, values))
        return ""

    def _add_sentence(self, start: int) -> str:
        """Adds a sentence to the text, of which the first token starts at an offset."""
        if start == self._size - 1:
            self._pieces[-1] = self._pieces[-1].removesuffix("\n")
            self._size = start
        gap = start - self._size
        if not 0 <= gap <= MAX_GAP:
            return (
                f"the sentence starts at {start}, and the previous one ends at"
                f" {max(self._size - 1, 0)}: expected sorted sentences"
            )
        sentence = "".join(self._sentence)
        self._pieces += [" " * gap, sentence]
        self._size += gap + utf16_size(sentence)
        self._sentence = []
        return ""


def utf16_size(text: str) -> int:
    """The length of a text in UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def _parse_layer(line: str) -> TsvLayer:
    """The layer that a line of the header declares."""
    prefix, declaration = line[: len(SPANS)], line[len(SPANS) :]
    type, *fields = [part for part in declaration.split("|") if part]
    columns: list[Column] = []
    for part in fields:
        is_target = bool(columns) and columns[-1].kind is ColumnKind.ROLE
        if prefix == CHAINS:
            columns.append(Column(ColumnKind.CHAIN, part))
        elif prefix == SPANS and part.startswith(ROLE):
            # ROLE_type:feature_type of the link
            feature = part.rpartition(":")[2].partition("_")[0]
            columns.append(Column(ColumnKind.ROLE, feature))
        elif prefix == SPANS and is_target:
            columns.append(Column(ColumnKind.TARGET, part))
        elif prefix == RELATIONS and part.startswith(BASE_TYPE):
            columns.append(Column(ColumnKind.SOURCE, part.removeprefix(BASE_TYPE)))
        else:
            columns.append(Column(ColumnKind.FEATURE, part))
    if not columns:
        columns.append(Column(ColumnKind.PLACEHOLDER, ""))
    return TsvLayer(prefix, type, tuple(columns))


def iter_layer_values(file: TsvFile, unit: Unit) -> Iterator[tuple[TsvLayer, Sequence[str]]]:
    """Yields each layer with the values that it has in a unit, if it has any."""
    position = 0
    for layer in file.layers:
        values = unit.values[position : position + len(layer.columns)]
        position += len(layer.columns)
        if any(value != NOTHING for value in values):
            yield layer, values
