"""The layer of speakers: to whom contents are attributed, as in corpora of quotations.

An item is the content of an attribution, in the group of the surface form of its `source_name`,
which is normalized as the strings of surfaces are. An attribution without a source name is no item.
The layer is a set: equal items of several attributions count once.

    strict  same content, same speaker
    type    the contents overlap, same speaker
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalkit.data.document import Document
from evalkit.scoring.items import Items, Maps, build_items
from evalkit.scoring.surfaces import surface_form

LABEL = "speaker"  # of all items


# Speakers have no map
def list_speakers(documents: Sequence[Document], maps: Maps) -> Items:  # noqa: ARG001
    """The content of each attribution that has a source name, in the group of this name."""
    return build_items(
        [
            [
                (LABEL, attribution.content, surface_form(document.text, attribution.source_name))
                for attribution in _list_attributions(document)
            ]
            for document in documents
        ]
    )


def _list_attributions(document: Document) -> list[Any]:
    """The attributions that have a source name."""
    return [each for each in document.attributions or () if each.source_name is not None]


def list_scores(document: Document) -> list[float | None]:
    """The score of each item."""
    return [attribution.score for attribution in _list_attributions(document)]
