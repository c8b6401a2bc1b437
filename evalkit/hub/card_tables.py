"""The tables of a card: counts and definitions of labels, types, roles, attributes and zones.

A table has keys (what is counted, in its first columns), a definition where the schema gives one,
and counts in its last columns; the check of a card compares those with the corpus. Labels may
contain any character, and are escaped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.corpus import Corpus
from evalkit.data.document import (
    ATTRIBUTION_PARTS,
    LAYERS,
    Attribution,
    Document,
    Entity,
    Event,
    Relation,
)
from evalkit.data.schema import Schema
from evalkit.errors import escape_controls
from evalkit.formats.hf_tables import CONFIGS

NONE = "*none*"  # no label can look like this, since the stars of labels are escaped
NOT_DECLARED = "not declared in the schema"
Key = tuple[Any, ...]  # what a row counts: a label, or a type and a role
ROW_MEANING = {
    "documents": "a document, with all its annotations",
    "entities": "an entity",
    "events": "an event",
    "event_arguments": "an argument of an event",
    "attributions": "an attribution",
    "relations": "a relation",
}
_MARKDOWN = re.compile(r"[\\`*\[\]<>|~$&#!{}]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


@dataclass(frozen=True)
class CardTable:
    """A table under its own heading.

    keys: how many of the first columns say what is counted. counts: how many of the last columns
    are counts.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: int = 1
    counts: int = 1

    @property
    def markdown(self) -> str:
        """The table as Markdown."""
        sides = [":---"] * (len(self.columns) - self.counts) + ["---:"] * self.counts
        return "\n".join(f"| {' | '.join(row)} |" for row in (self.columns, sides, *self.rows))

    def numbers(self) -> dict[tuple[str, ...], tuple[str, ...]]:
        """The counts of each key."""
        return {row[: self.keys]: row[len(row) - self.counts :] for row in self.rows}


def escape_markdown(text: str) -> str:
    r"""Text that Markdown shows literally, on one line: its syntax is escaped, and characters that
    are not printable are written as in JSON.

    >>> print(escape_markdown("A|B\n<b>`x`"), escape_markdown("WORK_OF_ART"))
    A\|B\\n\<b\>\`x\` WORK_OF_ART
    """
    printable = "".join(_escape_unprintable(character) for character in text)
    with_edges = re.sub(r"^ | $", r"\\u0020", printable)
    return _MARKDOWN.sub(lambda match: f"\\{match[0]}", with_edges)


def code_span(text: str) -> str:
    r"""Text as a Markdown code span, which no backtick or line end in it closes.

    >>> print(code_span("evalkit run"), code_span("a`b\n"))
    `evalkit run` ``a`b\n``
    """
    shown = escape_controls(text)
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _escape_unprintable(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character, f"\\u{ord(character):04x}")


def tables(corpus: Corpus, *, with_text: bool) -> list[CardTable]:
    """The tables of a card, in order; of layers that the corpus has, and the schema declares.

    Without the texts no definition of a zone is shown: it may quote words of the page.
    """
    all_tables = [
        _config_table(corpus),
        _size_table(corpus),
        *_label_tables(corpus, corpus.schema or Schema()),
        _attribute_table(corpus, corpus.schema or Schema()),
        _zone_table(corpus, corpus.schema or Schema(), with_text=with_text),
    ]
    return [table for table in all_tables if table.rows]


def _config_table(corpus: Corpus) -> CardTable:
    """The table of configs, with their numbers of documents and rows."""
    layers = {**dict.fromkeys(CONFIGS), **{layer: layer for layer in LAYERS}}
    layers["event_arguments"] = "events"
    rows = []
    for config in CONFIGS:
        layer = layers[config]
        annotated = [
            document for document in corpus if layer is None or getattr(document, layer) is not None
        ]
        size = sum(_count_rows(config, document) for document in annotated)
        rows.append((config, ROW_MEANING[config], str(len(annotated)), str(size)))
    columns = ("Config", "A row is", "Documents annotated", "Rows")
    return CardTable("Configs", columns, tuple(rows), counts=2)


def _count_rows(config: str, document: Document) -> int:
    """The rows of a document in a config."""
    if config == "documents":
        return 1
    if config == "event_arguments":
        return sum(len(event.arguments) for event in document.events or ())
    return len(getattr(document, config) or ())


def _size_table(corpus: Corpus) -> CardTable:
    """The table of the number of documents and characters."""
    characters = sum(len(document.text) for document in corpus)
    rows = (("documents", str(len(corpus))), ("characters (code points)", str(characters)))
    return CardTable("Texts", ("What", "Count"), rows)


def _label_tables(corpus: Corpus, schema: Schema) -> Iterator[CardTable]:
    """A table for each kind of label: entity labels, event types, roles, realis, attributions,
    relations.
    """
    entities: list[Entity] = []
    events: list[Event] = []
    attributions: list[Attribution] = []
    relations: list[Relation] = []
    for document in corpus:
        entities += document.entities or ()
        events += document.events or ()
        attributions += document.attributions or ()
        relations += document.relations or ()
    entity_labels = _count_names(entity.label for entity in entities)
    yield _count_table("Entity labels", ("Label",), _by_name(schema.labels), entity_labels)
    definitions = {name: event_type.definition for name, event_type in schema.events.items()}
    types = _count_names(event.label for event in events)
    yield _count_table("Event types", ("Type",), _by_name(definitions), types)
    yield _role_table(events, schema)
    realis = _count_names(event.realis for event in events)
    if schema.realis or set(realis) - {(None,)}:
        yield _count_table("Realis of events", ("Realis",), _by_name(schema.realis), realis)
    attribution_types = _by_name(schema.attributions.types)
    kinds = _count_names(attribution.label for attribution in attributions)
    yield _count_table("Attribution types", ("Type",), attribution_types, kinds)
    if attributions or schema.attributions.parts:
        parts = Counter[Key]()
        for attribution in attributions:
            for part in ATTRIBUTION_PARTS:
                if getattr(attribution, part) is not None:
                    parts[part,] += 1
        declared_parts = dict.fromkeys(ATTRIBUTION_PARTS, "") | schema.attributions.parts
        yield _count_table("Parts of attributions", ("Part",), _by_name(declared_parts), parts)
    relation_types = {name: kind.definition for name, kind in schema.relations.items()}
    relation_labels = _count_names(relation.label for relation in relations)
    yield _count_table("Relations", ("Label",), _by_name(relation_types), relation_labels)


def _role_table(events: Iterable[Event], schema: Schema) -> CardTable:
    """The table of argument roles by event type."""
    declared: dict[Key, str | None] = {}
    for name, event_type in schema.events.items():
        for role, definition in event_type.roles.items():
            declared[name, role] = definition
    counts = Counter[Key]()
    for event in events:
        counts.update((event.label, argument.role) for argument in event.arguments)
    return _count_table("Roles of arguments", ("Type", "Role"), declared, counts)


def _count_table(
    title: str,
    key_columns: tuple[str, ...],
    declared: Mapping[Key, str | None],
    counts: Mapping[Key, int],
) -> CardTable:
    """A table of counts: declared keys in the order of the schema, then the others, sorted.

    The column of definitions is left out where there are none.
    """
    has_definitions = any(declared.values())
    others = sorted(counts.keys() - declared.keys(), key=lambda key: [str(part) for part in key])
    rows = []
    for key in (*declared, *others):
        cells = [NONE if part is None else escape_markdown(str(part)) for part in key]
        if has_definitions:
            cells.append(_definition(declared.get(key, NOT_DECLARED)))
        cells.append(str(counts.get(key, 0)))
        rows.append(tuple(cells))
    columns = [*key_columns, "Definition", "Count"] if has_definitions else [*key_columns, "Count"]
    return CardTable(title, tuple(columns), tuple(rows), keys=len(key_columns))


def _definition(text: str | None) -> str:
    """A definition for a cell; a dash without one."""
    return escape_markdown(text) if text else "–"


def _by_name(definitions: Mapping[str, str]) -> dict[Key, str | None]:
    """The definitions by the keys of a table with one key column."""
    return {(name,): definition for name, definition in definitions.items()}


def _count_names(names: Iterable[Hashable]) -> Counter[Key]:
    """The number of each name, by key."""
    return Counter((name,) for name in names)


def _attribute_table(corpus: Corpus, schema: Schema) -> CardTable:
    """The attributes of annotations.

    In the schema, a text is the definition of the value True, a dict has one for each value. Values
    that are not declared are counted by the name of the attribute: they may quote the text.
    """
    declared: dict[Key, str | None] = {}
    for name, definition in schema.attributes.items():
        if isinstance(definition, dict):
            declared |= {(name, value): text for value, text in definition.items()}
        else:
            declared[name, "true"] = str(definition)
    counts = Counter[Key]()
    for name, value in _iter_attributes(corpus):
        key = (name, "true" if value is True else value)
        counts[key if _is_key(key, declared) else (name, "any")] += 1
    return _count_table("Attributes of annotations", ("Attribute", "Value"), declared, counts)


def _is_key(key: Key, declared: Mapping[Key, object]) -> bool:
    """Whether an attribute and its value are declared; a list or a mapping never is."""
    return isinstance(key[1], Hashable) and key in declared


def _iter_attributes(corpus: Corpus) -> Iterator[tuple[str, Any]]:
    """The name and value of each attribute of all annotations."""
    for document in corpus:
        for layer in LAYERS:
            for annotation in getattr(document, layer) or ():
                yield from (annotation.attributes or {}).items()


def _zone_table(corpus: Corpus, schema: Schema, *, with_text: bool) -> CardTable:
    """The table of zones, with their numbers of regions and characters."""
    regions, sizes = Counter[str](), Counter[str]()
    for document in corpus:
        for zone in document.zones:
            regions[zone.label] += 1
            sizes[zone.label] += zone.end - zone.start
    rows = []
    for name in (*schema.zones, *sorted(regions.keys() - schema.zones.keys())):
        rule = schema.zones.get(name)
        cells = [escape_markdown(name)]
        if with_text:
            cells.append(_definition(rule.definition if rule else NOT_DECLARED))
        annotated, primary = (rule.annotated, rule.primary) if rule else ((), ())
        cells += [", ".join(annotated) or "–", ", ".join(primary) or "–"]
        rows.append((*cells, str(regions[name]), str(sizes[name])))
    columns = ["Zone", "Annotated", "Scored", "Regions", "Characters"]
    if with_text:
        columns.insert(1, "Definition")
    return CardTable("Zones", tuple(columns), tuple(rows), counts=2)
