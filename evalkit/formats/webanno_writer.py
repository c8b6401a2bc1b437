"""Writes a document as a WebAnno TSV file; webanno.py describes the format."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from evalkit.data.document import Document, Event
from evalkit.data.text import Range
from evalkit.errors import InputError, quoted_repr
from evalkit.formats.cas_file import ARGUMENT, LINK, NAMED, PREDICATE, RELATION
from evalkit.formats.cas_writer import count_unsupported, identifier, iter_writable_events
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.webanno_lines import (
    BASE_TYPE,
    FORMAT,
    NOTHING,
    RELATIONS,
    ROLE,
    SPANS,
    TEXT,
    UNSET,
    escape_text,
    escape_value,
)

ANY_TYPE = "uima.tcas.Annotation"
_TOKEN = re.compile(r"\w+|[^\w\s]")
# A line end that begins a sentence: a word follows, and there is a word before it
_SENTENCE_END = re.compile(r"\n(?=\S)")
EDGES = "annotations that begin or end in white space, which is cut"
BLANK = "annotations of white space only"
LEADING = "white space before the first word, written as spaces"


@dataclass(eq=False)
class _Written:
    """An annotation as it is written: the units that it covers, and the values in its columns."""

    layer: str
    units: list[tuple[int, Range]]  # number of the token, and the part of it
    values: list[str]
    number: int = 0  # disambiguation id, 0 if it needs none
    targets: list[_Written] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)


# The annotations and relations of each part of each token
Rows = dict[int, dict[Range, list[Any]]]


class WebannoWriter:
    """Writes one document. `relation_count`: of the relations that are written."""

    def __init__(self, document: Document, conversion: ConversionReport) -> None:
        self._document, self._conversion = document, conversion
        self._where = f"document {quoted_repr(document.id)}"
        self._sentences = _split_sentences(document.text)
        self._tokens = [token for sentence in self._sentences for token in sentence.tokens]
        self._token_ends = [end for _, end in self._tokens]
        # Positions of the characters that are two UTF-16 code units
        self._astral = [n for n, character in enumerate(document.text) if character > "\uffff"]
        self._unit_ids: dict[tuple[int, Range], str] = {}
        self._annotations: list[_Written] = []
        self._relations: list[tuple[str, _Written, _Written]] = []
        self._count_dropped()
        self._collect()
        self._number_annotations()
        self.relation_count = len(self._relations)

    def _count_dropped(self) -> None:
        document = self._document
        if document.meta:
            self._conversion.add("fields of meta", self._where, len(document.meta))
        count_unsupported(replace(document, meta=None), self._conversion)
        text = document.text
        start = self._tokens[0][0] if self._tokens else len(text)
        if text[:start].strip(" ") or (text and not self._tokens):
            self._conversion.add(LEADING, self._where)

    def _collect(self) -> None:
        """Collects the annotations that are written."""
        document = self._document
        by_id: dict[str | None, _Written | None] = {}
        for n, entity in enumerate(document.entities or ()):
            if entity.fragments:
                continue
            where = f"{self._where}, entities[{n}]"
            values = [_value(identifier(entity), where), _value(entity.label, where)]
            written = self._add(NAMED, (entity.start, entity.end), values, where)
            if entity.id is not None:
                by_id[entity.id] = written
        for event, trigger in iter_writable_events(document):
            where = f"{self._where}, event {quoted_repr(event.label)}"
            values = [_value(event.label, where)]
            written = self._add(PREDICATE, (trigger.start, trigger.end), values, where)
            if written is not None:
                self._add_arguments(written, event, where)
            if event.id is not None:
                by_id[event.id] = written
        for n, relation in enumerate(document.relations or ()):
            where = f"{self._where}, relations[{n}]"
            head, tail = by_id.get(relation.head), by_id.get(relation.tail)
            if head is None or tail is None:
                self._conversion.add("relations with an argument that is not written", where)
            else:
                self._relations.append((_value(relation.label, where), head, tail))

    def _add_arguments(self, written: _Written, event: Event, where: str) -> None:
        for argument in event.arguments:
            if argument.fragments:
                continue
            span = argument.start, argument.end
            target = self._add(ARGUMENT, span, [UNSET], where)
            if target is not None:
                written.targets.append(target)
                written.roles.append(_value(argument.role, where))

    def _add(self, layer: str, span: Range, values: list[str], where: str) -> _Written | None:
        """Adds an annotation; None for one without a word, which is counted."""
        start, end = span
        units = []
        for number, token in self._tokens_in(start, end):
            units.append((number, (max(start, token[0]), min(end, token[1]))))
        if not units:
            self._conversion.add(BLANK, where)
            return None
        if (units[0][1][0], units[-1][1][1]) != span:
            self._conversion.add(EDGES, where)
        written = _Written(layer, units, values)
        self._annotations.append(written)
        return written

    def _tokens_in(self, start: int, end: int) -> Iterator[tuple[int, Range]]:
        number = bisect_right(self._token_ends, start)
        while number < len(self._tokens) and self._tokens[number][0] < end:
            yield number, self._tokens[number]
            number += 1

    def _number_annotations(self) -> None:
        """Numbers the annotations that need it: those of several units, stacked ones, and those
        that slots and relations name.
        """
        by_unit: dict[Any, list[_Written]] = {}
        for annotation in self._annotations:
            for unit in annotation.units:
                by_unit.setdefault((annotation.layer, unit), []).append(annotation)
        needed = {id(each) for each in self._annotations if len(each.units) > 1}
        for stacked in by_unit.values():
            if len(stacked) > 1:
                needed.update(map(id, stacked))
        for annotation in self._annotations:
            needed.update(map(id, annotation.targets))
        for _, head, tail in self._relations:
            needed.update((id(head), id(tail)))
        number = 0
        for annotation in self._annotations:
            if id(annotation) in needed:
                number += 1
                annotation.number = number

    # Lines

    def lines(self) -> Iterator[str]:
        """Yields the lines of the file with their ends."""
        layers = {each.layer for each in self._annotations}
        yield f"{FORMAT}3.3\n"
        if NAMED in layers or not self._annotations:
            yield f"{SPANS}{NAMED}|identifier|value\n"
            layers.add(NAMED)
        if ARGUMENT in layers:
            yield f"{SPANS}{ARGUMENT}|\n"
        if PREDICATE in layers:
            slot = f"{ROLE}{PREDICATE}:arguments_{LINK}|{ARGUMENT}"
            yield f"{SPANS}{PREDICATE}|{slot}|category\n"
        if self._relations:
            are_entities = all(each.layer == NAMED for _, *ends in self._relations for each in ends)
            yield f"{RELATIONS}{RELATION}|label|{BASE_TYPE}{NAMED if are_entities else ANY_TYPE}\n"
        yield "\n"
        rows = self._rows()
        self._unit_ids = self._name_units(rows)
        number = 0  # of the token in the document
        for sentence in self._sentences:
            yield "\n"
            for line in sentence.text.split("\n"):
                yield f"{TEXT}{escape_text(line)}\n"
            for _ in sentence.tokens:
                for part in self._parts(number, rows):
                    unit = self._unit_ids[number, part]
                    yield self._line(unit, part, rows.get(number, {}).get(part, []), layers)
                number += 1

    def _name_units(self, rows: Rows) -> dict[tuple[int, Range], str]:
        """The id of each token and part of a token, such as 1-3 and 1-3.1."""
        names = {}
        number = 0
        for n, sentence in enumerate(self._sentences, 1):
            for m in range(1, len(sentence.tokens) + 1):
                for index, part in enumerate(self._parts(number, rows)):
                    names[number, part] = f"{n}-{m}" + (f".{index}" if index else "")
                number += 1
        return names

    def _parts(self, number: int, rows: Rows) -> list[Range]:
        """A token and the parts of it that have annotations."""
        token = self._tokens[number]
        return [token, *sorted(rows.get(number, {}).keys() - {token})]

    def _rows(self) -> Rows:
        """The annotations and relations of each part of each token."""
        rows: Rows = {}
        for annotation in self._annotations:
            for number, part in annotation.units:
                rows.setdefault(number, {}).setdefault(part, []).append(annotation)
        for relation in self._relations:
            number, part = relation[2].units[0]
            rows[number][part].append(relation)
        return rows

    def _line(self, unit: str, part: Range, row: Sequence[Any], layers: set[str]) -> str:
        start, end = (offset + bisect_left(self._astral, offset) for offset in part)
        columns = [unit, f"{start}-{end}", self._document.text[part[0] : part[1]]]
        for layer, size in ((NAMED, 2), (ARGUMENT, 1), (PREDICATE, 3)):
            if layer in layers:
                stacked = [each for each in row if getattr(each, "layer", None) == layer]
                columns += self._columns(stacked, size)
        if self._relations:
            relations = [each for each in row if isinstance(each, tuple)]
            columns += self._relation_columns(relations)
        return "\t".join([*columns, "\n"])

    def _columns(self, stacked: Sequence[_Written], size: int) -> list[str]:
        if not stacked:
            return [NOTHING] * size
        rows = []
        for annotation in stacked:
            suffix = f"[{annotation.number}]" if annotation.number else ""
            values = [f"{value}{suffix}" for value in annotation.values]
            if annotation.layer == PREDICATE:
                roles = ";".join(annotation.roles) or NOTHING
                targets = [f"{self._unit_of(each)}[{each.number}]" for each in annotation.targets]
                values = [f"{roles}{suffix}", ";".join(targets) or UNSET, *values]
            rows.append(values)
        return ["|".join(column) for column in zip(*rows)]

    def _relation_columns(self, relations: Sequence[tuple[str, _Written, _Written]]) -> list[str]:
        if not relations:
            return [NOTHING] * 2
        sources = [
            f"{self._unit_of(head)}[{head.number}_{tail.number}]" for _, head, tail in relations
        ]
        return ["|".join(label for label, _, _ in relations), "|".join(sources)]

    def _unit_of(self, annotation: _Written) -> str:
        """The id of the first unit of an annotation."""
        return self._unit_ids[annotation.units[0]]


@dataclass
class _Sentence:
    """A sentence: its text, and the ranges of its tokens in the document."""

    text: str
    tokens: list[Range]


def _split_sentences(text: str) -> list[_Sentence]:
    """The sentences of a text: its lines. Lines without a word belong to the sentence before, so
    that the text is read back.
    """
    tokens = [match.span() for match in _TOKEN.finditer(text)]
    if not tokens:
        return []
    start = tokens[0][0]
    sentences: list[_Sentence] = []
    ends = [match.start() for match in _SENTENCE_END.finditer(text, start)]
    position = 0
    for end in [*ends, len(text)]:
        first = position
        while position < len(tokens) and tokens[position][1] <= end:
            position += 1
        sentences.append(_Sentence(text[start:end], tokens[first:position]))
        start = end + 1
    return sentences


def _value(value: str | None, where: str) -> str:
    """A value as it is written. Raises InputError for a carriage return, which ends a line."""
    if value is None:
        return UNSET
    if "\r" in value:
        raise InputError(
            f"{where}: {quoted_repr(value)} cannot be written, since a carriage return ends a line;"
            " rename it"
        )
    return escape_value(value)
