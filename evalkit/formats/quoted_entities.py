"""Entities without offsets, `{"label": "PER", "text": "Ada"}`, as language models give them.

Without `ground`, such an entity is unplaced: its text counts in the layer of surfaces, and it is a
wrong prediction in the layers of spans. With `ground`, its text is searched in the document (see
evalkit.data.grounding): equal texts take successive occurrences, whatever their labels, and where a
text occurs more often than it was given, all occurrences are stored as choices, so that the best
and the worst placement can be reported.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from evalkit.data.document import Unplaced
from evalkit.errors import DocumentError, spell_option

WITHOUT_OFFSETS = "without offsets; the reading option ground searches them in the text"
NOT_IN_TEXT = "not in the text"
# Fields that an unplaced item cannot hold
_PLACED_FIELDS = ("id", "score", "attributes", "fragments")


class QuotedEntities(NamedTuple):
    """What became of the entities of a decoded line that have no offsets.

    found, absent: how many are in the text, and how many are not.
    """

    line: Any
    found: int
    absent: int


def has_quotes(line: Any) -> bool:
    """Whether some entities of a decoded line have no offsets."""
    return any(map(_is_quote, line.entities or ()))


def take_quotes(line: Any) -> Any:
    """The decoded line with entities without offsets as unplaced items, after those that it has.

    Raises DocumentError for such an entity without text, or with a field that unplaced items
    cannot hold.
    """
    unplaced: list[Unplaced] = []
    placed: list[Any] = []
    for index, entity in enumerate(line.entities):
        if not _is_quote(entity):
            placed.append(entity)
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
        unplaced.append(Unplaced("entities", entity.label, WITHOUT_OFFSETS, entity.text))
    line.entities = tuple(placed)
    line.unplaced = (*line.unplaced, *unplaced)
    return line


def ground_quotes_of(line: Any) -> QuotedEntities:
    """The decoded line with offsets for its entities without offsets; those whose text is not in
    the document become unplaced items.

    Raises DocumentError for such an entity without text.
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
    placed: list[Any] = []
    unplaced: list[Unplaced] = []
    choices: list[list[Any]] = []
    for index, entity in enumerate(line.entities):
        grounding = by_index.get(index)
        if grounding is not None:
            if grounding.match_type == "absent":
                unplaced.append(Unplaced("entities", entity.label, NOT_IN_TEXT, entity.text))
                continue
            entity.start, entity.end = grounding.start, grounding.end
            entity.text = None  # it may differ from the text, as in case
            if len(grounding.candidates) > 1:
                choices.append(["entities", len(placed), "", list(map(list, grounding.candidates))])
        placed.append(entity)
    line.entities = tuple(placed)
    line.unplaced = (*line.unplaced, *unplaced)
    line.meta = {
        **(line.meta or {}),
        "grounding": {**count_outcomes(groundings), "unparsable": 0, "choices": choices},
    }
    return QuotedEntities(line, len(groundings) - len(unplaced), len(unplaced))


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
