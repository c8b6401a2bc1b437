"""Layers of which a file does not say whether they were annotated: they count as annotated in all
of its documents if one document has annotations of the layer, else in none.
"""

from __future__ import annotations

from msgspec.structs import replace

from evalkit.data.document import Document
from evalkit.errors import quoted_repr
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.registry import DocumentResults


def mark_annotated_layers(results: DocumentResults, *layers: str) -> DocumentResults:
    """Yields the results of a reader; in each document, a layer without annotations is empty if
    another document has annotations of it, else None. All documents are read first; errors come
    before them, so that a file in which most is wrong is not read to its end.
    """
    read: list[tuple[str, Document]] = []
    for position, result in results:
        if isinstance(result, Document):
            read.append((position, result))
        else:
            yield position, result
    values: dict[str, tuple[()] | None] = {}
    for layer in layers:
        is_annotated = any(getattr(document, layer) for _, document in read)
        values[layer] = () if is_annotated else None
    for position, document in read:
        without_annotations = [layer for layer in layers if not getattr(document, layer)]
        changed = {layer: values[layer] for layer in without_annotations}
        yield position, replace(document, **changed)


class UnannotatedLayers:
    """Counts the layers that are read back as empty or as not annotated."""

    def __init__(self, *layers: str) -> None:
        self._has_annotations = dict.fromkeys(layers, False)
        # Layer, id of the document, and whether it was annotated
        self._without_annotations: list[tuple[str, str, bool]] = []

    def add(self, document: Document, layer: str, written: int) -> None:
        """Notes the number of annotations that are written of a layer of a document."""
        if written:
            self._has_annotations[layer] = True
        else:
            is_annotated = getattr(document, layer) is not None
            self._without_annotations.append((layer, document.id, is_annotated))

    def has_annotations(self, layer: str) -> bool:
        """Whether annotations of a layer are written."""
        return self._has_annotations[layer]

    def count(self, conversion: ConversionReport) -> None:
        """Adds to the counts, after all documents were written."""
        for layer, id, is_annotated in self._without_annotations:
            if is_annotated == self._has_annotations[layer]:
                continue
            name = f"layers of {layer} that were not annotated"
            if is_annotated:
                name = f"empty layers of {layer}"
            conversion.add(name, f"document {quoted_repr(id)}")
