"""Entities without offsets, `{"label": "PER", "text": "Ada"}`, as language models give them.

Without `ground`, such an entity is unplaced: its text counts in the layer of surfaces, and it is a
wrong prediction in the layers of spans. With `ground`, its text is searched in the document (see
evalkit.data.grounding): equal texts take successive occurrences, whatever their labels, and where a
text occurs more often than it was given, all occurrences are stored as choices, so that the best
and the worst placement can be reported. Relations of entities that remain without a place are
unplaced too: see evalkit.formats.quoted_relations. A document with such entities only needs no
text, unless they are searched.
"""

from __future__ import annotations

from typing import Any

import msgspec

from evalkit.data.document import Unplaced
from evalkit.errors import DocumentError, spell_option
from evalkit.formats.conversion import ConversionReport, ExampleCounts
from evalkit.formats.quoted_relations import drop_references, split_relations

WITHOUT_OFFSETS = "without offsets; the reading option ground searches them in the text"
NOT_IN_TEXT = "not in the text"
UNPLACED = "not in the text (unplaced)"
ARGUMENT_NOT_IN_TEXT = "argument not in the text"
# Fields that an unplaced item cannot hold
_PLACED_FIELDS = ("score", "attributes", "fragments")


def has_quotes(line: Any) -> bool:
    """Whether some entities of a decoded line have no offsets."""
    return any(map(_is_quote, line.entities or ()))


def require_text(line: Any, *, is_searched: bool = False) -> None:
    """Sets the text of a decoded line to "" if it has none and needs none, since its entities have
    no offsets. is_searched: whether these are searched in the text.

    Raises msgspec.ValidationError for any other line without a text.
    """
    if line.text is not msgspec.UNSET:
        return
    has_spans = line.events or line.attributions or line.zones
    if is_searched or has_spans or line.entities is None or not all(map(_is_quote, line.entities)):
        raise msgspec.ValidationError("Object missing required field `text`")
    line.text = ""


def take_quotes(line: Any) -> Any:
    """The decoded line with entities without offsets, and relations of these, as unplaced items,
    after those that it has. The ids of these are not kept.

    Raises DocumentError for such an entity without text, or with a field that unplaced items
    cannot hold.
    """
    quotes: list[Any] = []
    for index, entity in enumerate(line.entities):
        if not _is_quote(entity):
            continue
        _check_quote(entity, line.id, index)
        for field in _PLACED_FIELDS:
            if getattr(entity, field):
                raise DocumentError(
                    f"an entity without offsets cannot have {field!r}: read with"
                    f" {spell_option('ground', True, of='format')}, which searches its text, or"
                    " remove it",
                    document=line.id,
                    layer="entities",
                    index=index,
                    field=field,
                )
        quotes.append(entity)
    relations = split_relations(line, quotes, WITHOUT_OFFSETS, is_grounded=False)
    drop_references(line, quotes, is_grounded=False)
    unplaced = [Unplaced("entities", each.label, WITHOUT_OFFSETS, each.text) for each in quotes]
    line.entities = tuple(entity for entity in line.entities if not _is_quote(entity))
    line.relations = relations.placed
    line.unplaced = (*line.unplaced, *unplaced, *relations.unplaced)
    return line


def ground_line(line: Any, position: str, conversion: ConversionReport) -> Any:
    """The decoded line with offsets for its entities without offsets; those whose text is not in
    the document become unplaced items, and so do relations of these.

    conversion: counts both, and references to entities that are not in the text. Raises
    DocumentError for such an entity without text.
    """
    from evalkit.data.grounding import Quote, count_outcomes, ground_quotes

    indices = [n for n, entity in enumerate(line.entities) if _is_quote(entity)]
    for index in indices:
        _check_quote(line.entities[index], line.id, index)
    if line.meta and "grounding" in line.meta:
        raise DocumentError(
            "'grounding' in meta holds the choices of searched entities: rename this key",
            document=line.id,
            field="meta",
        )
    groundings = ground_quotes(line.text, [Quote(line.entities[index].text) for index in indices])
    by_index = dict(zip(indices, groundings, strict=True))
    absent = [line.entities[index] for index in indices if by_index[index].match_type == "absent"]
    relations = split_relations(line, absent, ARGUMENT_NOT_IN_TEXT, is_grounded=True)
    dropped_references = drop_references(line, absent, is_grounded=True)
    placed: list[Any] = []
    choices: list[list[Any]] = []
    for index, entity in enumerate(line.entities):
        grounding = by_index.get(index)
        if grounding is not None:
            if grounding.match_type == "absent":
                continue
            entity.start, entity.end = grounding.start, grounding.end
            entity.text = None  # it may differ from the text, as in case
            if len(grounding.candidates) > 1:
                choices.append(["entities", len(placed), "", list(map(list, grounding.candidates))])
        placed.append(entity)
    unplaced = [Unplaced("entities", entity.label, NOT_IN_TEXT, entity.text) for entity in absent]
    line.entities = tuple(placed)
    line.relations = relations.placed
    line.unplaced = (*line.unplaced, *unplaced, *relations.unplaced)
    line.meta = {
        **(line.meta or {}),
        "grounding": {**count_outcomes(groundings), "unparsable": 0, "choices": choices},
    }
    repaired, skipped = conversion.repaired, conversion.skipped
    found = len(indices) - len(absent)
    _add(repaired, "entities without offsets that were found in the text", position, found)
    _add(skipped, f"entities without offsets that are {UNPLACED}", position, len(absent))
    _add(skipped, f"relations of entities that are {UNPLACED}", position, len(relations.unplaced))
    name = "references to entities that are not in the text"
    _add(conversion.dropped, name, position, dropped_references)
    return line


def _add(counts: ExampleCounts, name: str, position: str, count: int) -> None:
    if count:
        counts.add(name, position, count)


def _is_quote(entity: Any) -> bool:
    """Whether a decoded entity lacks an offset."""
    return entity.start is msgspec.UNSET or entity.end is msgspec.UNSET


def _check_quote(entity: Any, document: str, index: int) -> None:
    """Raises DocumentError for an entity with one offset only, without text or without a label."""
    if not entity.label:
        problem, field = "invalid label '': expected a non-empty string", "label"
    elif entity.end is not msgspec.UNSET:
        problem, field = "no 'start' beside 'end': give both, or neither", "start"
    elif entity.start is not msgspec.UNSET:
        problem, field = "no 'end' beside 'start': give both, or neither", "end"
    elif entity.text is None:
        problem = "no 'start' and 'end', and no 'text' to find the entity by"
        field = "start"
    else:
        return
    raise DocumentError(problem, document=document, layer="entities", index=index, field=field)
