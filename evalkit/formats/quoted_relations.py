"""Relations with an argument that has no offsets, and is not found in the text.

Such a relation is unplaced, as its argument is: it is counted as predicted and never as correct.
Its quote has the words of both arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from evalkit.data.document import Unplaced, list_ids
from evalkit.errors import DocumentError, quoted_repr, spell_option

# Fields of a relation that an unplaced item cannot hold
_PLACED_FIELDS = ("score", "attributes")


class QuotedRelations(NamedTuple):
    """The relations of a decoded line.

    placed: those whose arguments are all in the text. unplaced: the others, with their reason.
    """

    placed: tuple[Any, ...] | None
    unplaced: tuple[Unplaced, ...]


def split_relations(
    line: Any, quotes: Sequence[Any], reason: str, *, is_grounded: bool
) -> QuotedRelations:
    """Splits the relations of a decoded line that still has all its entities.

    quotes: its entities without a place in the text. is_grounded: whether they were searched.
    Raises DocumentError if ids are not unique, if one of these relations refers to the id of no
    annotation, and for a field that unplaced items cannot hold.
    """
    text_of_id = {entity.id: entity.text for entity in quotes if entity.id is not None}
    if not text_of_id:
        return QuotedRelations(line.relations, ())
    ids = list_ids(line)
    placed, unplaced = [], []
    for index, relation in enumerate(line.relations or ()):
        if relation.head not in text_of_id and relation.tail not in text_of_id:
            placed.append(relation)
            continue
        for field in ("head", "tail"):
            id = getattr(relation, field)
            if not ids.get(id, "").startswith(("entities", "events")):
                problem = f"no entity or event of this document has the id {quoted_repr(id)}"
                raise _relation_error(problem, line, index, field)
        for field in _PLACED_FIELDS:
            if not is_grounded and getattr(relation, field):
                problem = (
                    f"a relation of an entity without offsets cannot have {field!r}: read with"
                    f" {spell_option('ground', True, of='format')}, which searches its text, or"
                    " remove it"
                )
                raise _relation_error(problem, line, index, field)
        if not relation.label:
            problem = "invalid label '': expected a non-empty string"
            raise _relation_error(problem, line, index, "label")
        words = [_words_of(line, id, text_of_id) for id in (relation.head, relation.tail)]
        unplaced.append(Unplaced("relations", relation.label, reason, " → ".join(words)))
    return QuotedRelations(None if line.relations is None else tuple(placed), tuple(unplaced))


def drop_references(line: Any, quotes: Sequence[Any], *, is_grounded: bool) -> int:
    """Sets `ref` to None in arguments of events that refer to entities without a place in the text.

    Returns how many there are. Raises DocumentError if the entities were not searched.
    """
    ids = {entity.id for entity in quotes if entity.id is not None}
    dropped = 0
    for index, event in enumerate(line.events or ()):
        for number, argument in enumerate(event.arguments):
            if argument.ref is None or argument.ref not in ids:
                continue
            if not is_grounded:
                raise DocumentError(
                    f"the entity {quoted_repr(argument.ref)} has no offsets, so that no argument"
                    f" can refer to it: read with {spell_option('ground', True, of='format')},"
                    " which searches its text, or remove the reference",
                    document=line.id,
                    layer="events",
                    index=index,
                    field=f"arguments[{number}].ref",
                )
            argument.ref = None
            dropped += 1
    return dropped


def _relation_error(problem: str, line: Any, index: int, field: str) -> DocumentError:
    return DocumentError(problem, document=line.id, layer="relations", index=index, field=field)


def _words_of(line: Any, id: str, text_of_id: Mapping[str, str]) -> str:
    """The words of an argument of a relation: as it is quoted, or in the text."""
    if id in text_of_id:
        return text_of_id[id]
    text: str = line.text
    for entity in line.entities or ():
        if entity.id == id:
            return str(entity.text or text[entity.start : entity.end])
    for event in line.events or ():
        if event.id == id and event.trigger is not None:
            return text[event.trigger.start : event.trigger.end]
    return ""
