"""Data model: documents and their annotations, schemas, label maps, tags."""

from typing import TYPE_CHECKING

from evalkit.lazy_names import import_lazily

if TYPE_CHECKING:
    from evalkit.data.document import (
        Argument,
        Attribution,
        Document,
        Entity,
        Event,
        Relation,
        Span,
        Unplaced,
        Zone,
    )
    from evalkit.data.schema import Schema

__all__ = [
    "Argument",
    "Attribution",
    "Document",
    "Entity",
    "Event",
    "Relation",
    "Schema",
    "Span",
    "Unplaced",
    "Zone",
]

__getattr__, __dir__ = import_lazily(
    __name__,
    {
        "evalkit.data.document": (
            "Argument",
            "Attribution",
            "Document",
            "Entity",
            "Event",
            "Relation",
            "Span",
            "Unplaced",
            "Zone",
        ),
        "evalkit.data.schema": ("Schema",),
    },
)
