"""Merges the documents of several passes over a file, each of which read other entities of it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from evalkit.data.document import Document, Entity, duplicate_key
from evalkit.errors import LoadError
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.registry import DocumentResults


def merge_passes(
    passes: Sequence[DocumentResults], conversion: ConversionReport
) -> DocumentResults:
    """Yields each document with the entities of all passes, in the order of the text, or a
    LoadError with the errors of all. An entity that several passes have is kept once, and counted.
    """
    for results in zip(*passes, strict=True):
        position = results[0][0]
        errors: list[str] = []
        documents: list[Document] = []
        for _, item in results:
            if isinstance(item, Document):
                documents.append(item)
            else:
                errors += item.errors if isinstance(item, LoadError) else [str(item)]
        if errors:
            yield position, LoadError(list(dict.fromkeys(errors)))
            continue
        entities: dict[object, Entity] = {}
        for document in documents:
            for entity in document.entities or ():
                if duplicate_key(entity) in entities:
                    conversion.add("entities that several columns of tags have", position)
                else:
                    entities[duplicate_key(entity)] = entity
        ordered = sorted(entities.values(), key=lambda entity: (entity.start, -entity.end))
        yield position, replace(documents[0], entities=tuple(ordered))
