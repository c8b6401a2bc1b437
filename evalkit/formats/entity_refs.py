"""Assigns entity ids to arguments, for formats in which an argument is the id of an entity.

Annotations without an id get a generated one, which begins with ~ and is dropped when it is read:

    ~T1  an entity
    ~E1  an event
    ~R1  a relation
    ~A1  an argument whose span is not that of an entity; the file has an additional entity for it
    ~N1  the same, in a document whose entities were not annotated
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from evalkit.data.document import Document, span_fragments
from evalkit.errors import quoted_repr
from evalkit.formats.conversion import ConversionReport

_GENERATED = re.compile(r"~[TERAN]\d+")
_GENERATED_ARGUMENT = re.compile(r"~[AN]\d+")
ARGUMENT = "Argument"  # type of the additional entities that are written for arguments
Position = Any  # what is compared to find annotations with the same span: ranges or token indices


def public_id(id: str | None) -> str | None:
    """Returns the id for a Document: None for an id that was generated in writing."""
    return None if id is None or _GENERATED.fullmatch(id) else id


def is_generated_argument(id: str) -> bool:
    """Whether an entity was written only for an argument."""
    return _GENERATED_ARGUMENT.fullmatch(id) is not None


def entities_not_annotated(ids: Iterable[str]) -> bool:
    """Whether the ids of the entities mark a document whose entities were not annotated."""
    return any(id.startswith("~N") and is_generated_argument(id) for id in ids)


class EntityReferences:
    """The ids of the written entities and events of a document, and the entity of each argument.

    `ids` has the ids of entities and events, `helpers` those of additional entities by position.
    """

    def __init__(
        self,
        document: Document,
        conversion: ConversionReport,
        position: Callable[[Any], Position] = span_fragments,
    ) -> None:
        """Counts ids in the form of generated ids as dropped."""
        self._position = position
        self._letter = "N" if document.entities is None else "A"
        for layer in ("entities", "events"):
            for n, annotation in enumerate(getattr(document, layer) or ()):
                if annotation.id is not None and public_id(annotation.id) is None:
                    conversion.add(
                        "ids that look generated",
                        f"document {quoted_repr(document.id)}, {layer}[{n}]",
                    )
        self._ids_by_position: dict[Position, list[str]] = {}
        self._counts = {"T": 0, "E": 0, self._letter: 0}  # of generated ids, by letter
        self.ids: set[str] = set()
        self.helpers: dict[Position, str] = {}

    def add(self, annotation: Any, letter: str, span: Any = None) -> str:
        """Returns the id of an entity ("T") or event ("E"); arguments at `span` can refer to it."""
        id = public_id(annotation.id) or self._generate_id(letter)
        self.ids.add(id)
        if span is not None:
            self._ids_by_position.setdefault(self._position(span), []).append(id)
        return id

    def _generate_id(self, letter: str) -> str:
        self._counts[letter] += 1
        return f"~{letter}{self._counts[letter]}"

    def reference_for(self, argument: Any) -> str:
        """Returns the id of the entity of an argument.

        Among entities with the same span, `ref` is preferred, then one without an id of its own.
        If there are none, an additional entity is added to `helpers`.
        """
        position = self._position(argument)
        candidates = self._ids_by_position.get(position, [])
        ref = public_id(argument.ref)
        if ref is not None and ref in candidates:
            return ref
        for id in candidates:
            if public_id(id) is None:
                return id
        if candidates:
            return candidates[0]
        if position not in self.helpers:
            self.helpers[position] = self._generate_id(self._letter)
        return self.helpers[position]
