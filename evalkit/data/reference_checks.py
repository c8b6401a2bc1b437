"""Checks of references between the annotations of a document, made when it is created."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalkit.errors import DocumentError, quoted_repr


def check_references(document: Any, places: Mapping[str, str]) -> None:
    """Raises DocumentError unless each `ref`, `head` and `tail` is the id of an entity or event,
    that of a relation with a span, and each `parent` that of an attribution that is not nested in
    itself.

    places: the place of each id (see `document.list_ids`).
    """
    for layer, index, field, id in _iter_references(document):
        if not places.get(id, "").startswith(("entities", "events")):
            problem = f"no entity or event of this document has the id {quoted_repr(id)}"
            raise DocumentError(problem, layer=layer, index=index, field=field)
    _check_relation_arguments(document)
    _check_parents(document)


def _iter_references(document: Any) -> Iterator[tuple[str, int, str, str]]:
    """Yields (layer, index, field, id) of each reference to an entity or event."""
    for index, event in enumerate(document.events or ()):
        for n, argument in enumerate(event.arguments):
            if argument.ref is not None:
                yield "events", index, f"arguments[{n}].ref", argument.ref
    for index, relation in enumerate(document.relations or ()):
        yield "relations", index, "head", relation.head
        yield "relations", index, "tail", relation.tail


def _check_relation_arguments(document: Any) -> None:
    """Raises DocumentError for a relation with an event without a trigger: relations are compared
    by the spans of their arguments.
    """
    without_trigger = {event.id for event in document.events or () if event.trigger is None}
    for index, relation in enumerate(document.relations or ()):
        for field in ("head", "tail"):
            id = getattr(relation, field)
            if id in without_trigger:
                raise DocumentError(
                    f"the event {quoted_repr(id)} has no trigger, so that no span is compared; give"
                    " it a trigger, or leave out the relation",
                    layer="relations",
                    index=index,
                    field=field,
                )


def _check_parents(document: Any) -> None:
    parents = {a.id: a.parent for a in document.attributions or () if a.id is not None}
    valid: set[str] = set()  # ids from which the parents lead to an attribution without one
    for index, attribution in enumerate(document.attributions or ()):
        parent, steps = attribution.parent, 0
        path = []
        while parent is not None and parent not in valid:
            if parent not in parents or steps > len(parents):
                problem = (
                    "is nested in itself"
                    if parent in parents
                    else f"no attribution of this document has the id {quoted_repr(parent)}"
                )
                raise DocumentError(problem, layer="attributions", index=index, field="parent")
            path.append(parent)
            parent, steps = parents[parent], steps + 1
        valid.update(path)
