"""Writes documents in the PubTator format; pubtator.py describes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from evalkit.data.document import Attributes, Document, Entity, Relation
from evalkit.errors import InputError, quoted_repr
from evalkit.files import replace_file
from evalkit.formats.annotated_layers import UnannotatedLayers
from evalkit.formats.conversion import ConversionReport, drop_indistinguishable
from evalkit.formats.pubtator_mentions import (
    ARGUMENT_LINKS,
    AS_SPACES,
    LINK,
    NIL,
    NOVELTY,
    OFFSET,
    PARTS,
    find_first_mentions,
    split_link,
)
from evalkit.formats.tool_exports import supported_documents

HELD = {"entities", "entities.id", "entities.attributes", "relations", "relations.attributes"}
SEPARATORS = "\t\r\n"
LINE_ENDS = "line ends within title or abstract, written as spaces"
NOT_OF_FIRST_MENTIONS = "relations that are not between the first mentions of their concepts"
EQUAL_RELATIONS = "relations that equal another between first mentions"


def write(documents: Iterable[Document], path: Path, conversion: ConversionReport) -> None:
    """Writes the documents with an empty line after each, and counts what is dropped.

    Raises InputError for an id or label with a character that separates columns.
    """
    distinguishable = drop_indistinguishable(documents, conversion)
    layers = UnannotatedLayers("relations")
    with replace_file(path) as file:
        for document in supported_documents(distinguishable, conversion, HELD, unannotated=False):
            writer = _DocumentWriter(document, conversion)
            file.write("".join(writer.lines()).encode())
            layers.add(document, "relations", len(writer.relation_lines))
    layers.count(conversion)


class _DocumentWriter:
    """Writes one document."""

    def __init__(self, document: Document, conversion: ConversionReport) -> None:
        self._document, self._conversion = document, conversion
        self._where = f"document {quoted_repr(document.id)}"
        self._id = _check_column(document.id, f"{self._where}, id", SEPARATORS + "|")
        self._entities = document.entities or ()
        self._links = list(map(_link_column, self._entities))
        self._first_mentions = find_first_mentions(
            [(entity.start, link) for entity, link in zip(self._entities, self._links)]
        )
        self._numbers = {entity.id: number for number, entity in enumerate(self._entities)}
        # The numbers of the entities that get an id when the file is read
        self._arguments: set[int] = set()
        self.relation_lines = list(self._iter_relation_lines())

    def lines(self) -> Iterator[str]:
        """Yields the lines of the document with their ends."""
        title, line_end, abstract = self._document.text.partition("\n")
        parts = [("t", title), ("a", abstract)] if line_end else [("t", title)]
        for name, part in parts:
            changed = part.count("\r") + part.count("\n")
            if changed:
                self._conversion.add(LINE_ENDS, self._where, changed)
            line = part.replace("\r", " ").replace("\n", " ")
            yield f"{self._id}|{name}|{line}\n"
        for number, entity in enumerate(self._entities):
            yield "\t".join(self._columns(number, entity)) + "\n"
        yield from self.relation_lines
        yield "\n"

    def _columns(self, number: int, entity: Entity) -> list[str]:
        """The columns of an entity; what they do not hold is counted."""
        where = f"{self._where}, entities[{number}]"
        link = self._links[number]
        attributes: Attributes = {}
        if link:
            attributes[LINK] = None if link in NIL else link
        parts = (entity.attributes or {}).get(PARTS)
        if _fits_column(parts):
            attributes[PARTS] = parts
        if (attributes or None) != entity.attributes:
            self._conversion.add("attributes of entities", where)
        read_id = f"T{number + 1}" if number in self._arguments else None
        if entity.id not in (None, read_id):
            self._conversion.add("ids of entities", where)
        return [
            self._id,
            str(entity.start),
            str(entity.end),
            self._document.text[entity.start : entity.end].translate(AS_SPACES),
            _check_column(entity.label, f"{where}.label", SEPARATORS),
            *([link] if link or PARTS in attributes else []),
            *([str(parts)] if PARTS in attributes else []),
        ]

    def _iter_relation_lines(self) -> Iterator[str]:
        known: set[tuple[str, tuple[int, ...]]] = set()
        for index, relation in enumerate(self._document.relations or ()):
            where = f"{self._where}, relations[{index}]"
            numbers = [self._numbers[relation.head], self._numbers[relation.tail]]
            concepts = [
                self._concept(relation, number, name)
                for number, name in zip(numbers, ARGUMENT_LINKS)
            ]
            if not all(concepts):
                self._conversion.add("relations with an argument without a link", where)
                continue
            first = [self._first_mentions[concept] for concept in concepts]
            key = (relation.label, tuple(first))
            if key in known:
                self._conversion.add(EQUAL_RELATIONS, where)
                continue
            known.add(key)
            self._arguments.update(first)
            if first != numbers:
                self._conversion.add(NOT_OF_FIRST_MENTIONS, where)
            label = _check_column(relation.label, f"{where}.label", SEPARATORS)
            if OFFSET.fullmatch(label):
                raise InputError(
                    f"{where}.label: {quoted_repr(label)} would be read as an offset; rename it"
                )
            novelty = self._count_fields(relation, first, concepts, where)
            yield "\t".join([self._id, label, *concepts, *novelty]) + "\n"

    def _concept(self, relation: Relation, number: int, name: str) -> str:
        """The concept id of an argument; "" if it has none."""
        link = self._links[number]
        concept = (relation.attributes or {}).get(name)
        if isinstance(concept, str) and concept in split_link(link):
            return concept
        return "" if link in NIL else link

    def _count_fields(
        self, relation: Relation, first: list[int], concepts: list[str], where: str
    ) -> list[str]:
        """Counts the id and the attributes of a relation that are dropped. Returns the column of
        its novelty, if it has one.
        """
        attributes: Attributes = {}
        for number, concept, name in zip(first, concepts, ARGUMENT_LINKS):
            if concept != self._links[number]:
                attributes[name] = concept
        novelty = (relation.attributes or {}).get(NOVELTY)
        if _fits_column(novelty):
            attributes[NOVELTY] = novelty
        if (attributes or None) != relation.attributes:
            self._conversion.add("attributes of relations", where)
        return [str(novelty)] if NOVELTY in attributes else []


def _link_column(entity: Entity) -> str:
    """The concept id of an entity as it is written; "" for an entity without a link, or with one
    that cannot be written.
    """
    if not entity.attributes or LINK not in entity.attributes:
        return ""
    link = entity.attributes[LINK]
    if link is None:
        return NIL[0]
    return str(link) if _fits_column(link) and link not in NIL else ""


def _fits_column(value: Any) -> bool:
    """Whether a value can be written into a column."""
    return isinstance(value, str) and value != "" and not set(value) & set(SEPARATORS)


def _check_column(value: str, where: str, separators: str) -> str:
    """The value. Raises InputError if it has one of the separators."""
    for separator in separators:
        if separator in value:
            raise InputError(
                f"{where}: {quoted_repr(value)} cannot be written, since {quoted_repr(separator)}"
                " separates columns; rename it"
            )
    return value
