"""Data model: documents and their annotations, schemas, label maps, tags."""

from evalkit.data.document import (
    Argument,
    Attribution,
    Document,
    Entity,
    Event,
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
    "Schema",
    "Span",
    "Unplaced",
    "Zone",
]
