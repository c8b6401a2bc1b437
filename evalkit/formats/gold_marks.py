"""Alternatives and optional marks of entities, in formats that cannot hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from evalkit.data.batch import is_lenient
from evalkit.data.document import Document
from evalkit.errors import quoted_repr
from evalkit.formats.conversion import ConversionReport

# Formats that hold them; ignore regions are zones, which each format treats as such.
HOLDING_FORMATS = ("jsonl", "directory")


def drop_gold_marks(
    documents: Iterable[Document], conversion: ConversionReport
) -> Iterator[Document]:
    """Yields the documents without alternatives and optional marks of entities, which are counted
    as dropped.
    """
    for document in documents:
        if not is_lenient(document):
            yield document
            continue
        entities = []
        for index, entity in enumerate(document.entities or ()):
            where = f"document {quoted_repr(document.id)}, entities[{index}]"
            if entity.alternatives:
                conversion.add("alternatives of entities", where, len(entity.alternatives))
            if entity.optional:
                conversion.add("optional marks of entities", where)
            entities.append(replace(entity, alternatives=(), optional=False))
        yield replace(document, entities=tuple(entities))
