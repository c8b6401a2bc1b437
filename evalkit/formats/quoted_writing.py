"""What the writers of formats of strings share: the entities of a document, and those of its
unplaced items that have a text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from evalkit.data.document import Document
from evalkit.errors import quoted_repr
from evalkit.formats.conversion import ConversionReport, drop_indistinguishable
from evalkit.formats.tool_exports import supported_documents

LabeledText = tuple[str, str]  # label and text


def iter_written(
    documents: Iterable[Document], conversion: ConversionReport, held: Collection[str]
) -> Iterator[tuple[Document, list[LabeledText]]]:
    """Yields each document without the fields that a format does not hold, which are counted as
    dropped, and the labels and texts of its entities without offsets.

    held: names of the fields that the format holds, as for `count_unsupported`.
    """
    for document in drop_indistinguishable(documents, conversion):
        held_fields = {*held, "unplaced"}
        for kept in supported_documents([document], conversion, held_fields, unannotated=True):
            yield kept, list(_iter_quotes(document, conversion))


def _iter_quotes(document: Document, conversion: ConversionReport) -> Iterator[LabeledText]:
    """Yields the unplaced entities that have a text; other unplaced items are counted."""
    for index, item in enumerate(document.unplaced):
        if item.layer == "entities" and item.quote is not None:
            yield item.label, item.quote
        else:
            location = f"document {quoted_repr(document.id)}, unplaced[{index}]"
            conversion.add("unplaced items", location)
