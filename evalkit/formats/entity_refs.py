"""References from arguments to entities, for formats in which an argument is the id of an entity.

Annotations without an id get one that begins with ~, which is not an id when it is read:

    ~T1  an entity
    ~E1  an event
    ~A1  an argument without an entity at its span: an entity in the file, none in a Document
    ~N1  the same, in a document whose entities were not annotated
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from evalkit.data.document import Document, span_fragments
from evalkit.errors import quoted_repr
from evalkit.formats.conversion import ConversionReport

_MADE = re.compile(r"~[TEAN]\d+")
_HELPER = re.compile(r"~[AN]\d+")
ARGUMENT = "Argument"  # the type of an entity that is written only because an argument needs one
Place = Any  # what tells whether two annotations stand at one place: ranges, or indices of tokens


def public_id(id: str | None) -> str | None:
    """An id as a Document has it: None for one that was made up when the file was written."""
    return None if id is None or _MADE.fullmatch(id) else id


def is_generated_argument(id: str) -> bool:
    """Whether an entity of a file stands there for an argument alone."""
    return _HELPER.fullmatch(id) is not None


def entities_not_annotated(ids: Iterable[str]) -> bool:
    """Whether the entities of a file say that none were annotated."""
    return any(id.startswith("~N") and is_generated_argument(id) for id in ids)


class EntityReferences:
    """The ids of what is written of a document, and the entity for each argument."""

    def __init__(
        self,
        document: Document,
        conversion: ConversionReport,
        position: Callable[[Any], Place] = span_fragments,
    ) -> None:
        """Nothing is written yet. An id that would be taken for one that was made up is a loss."""
        self._position, self._letter = position, "N" if document.entities is None else "A"
        for layer in ("entities", "events"):
            for n, annotation in enumerate(getattr(document, layer) or ()):
                if annotation.id is not None and public_id(annotation.id) is None:
                    conversion.add(
                        "ids that look made up",
                        f"document {quoted_repr(document.id)}, {layer}[{n}]",
                    )
        self._at: dict[Place, list[str]] = {}
        self._made = {"T": 0, "E": 0, self._letter: 0}
        self.ids: set[str] = set()
        self.helpers: dict[Place, str] = {}

    def add(self, annotation: Any, letter: str, at: Any = None) -> str:
        """The id under which an entity ("T") or event ("E") is written.

        `at`: the span of it that an argument may name.
        """
        id = public_id(annotation.id) or self._next(letter)
        self.ids.add(id)
        if at is not None:
            self._at.setdefault(self._position(at), []).append(id)
        return id

    def _next(self, letter: str) -> str:
        self._made[letter] += 1
        return f"~{letter}{self._made[letter]}"

    def reference_for(self, argument: Any) -> str:
        """The id that stands for an argument: the one that it names if that stands there, else one
        without an id of its own, else any; else a new one.
        """
        position = self._position(argument)
        there = self._at.get(position, [])
        if (named := public_id(argument.ref)) is not None and named in there:
            return named
        if there:
            return next((id for id in there if public_id(id) is None), there[0])
        if position not in self.helpers:
            self.helpers[position] = self._next(self._letter)
        return self.helpers[position]
