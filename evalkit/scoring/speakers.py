"""The layer of speakers: to whom contents are attributed, as in corpora of quotations.

An item is the content of an attribution, in the group of the name of its speaker, which is
normalized as the strings of surfaces are. The name is the surface form of its `source_name`, or,
without one, its attribute `speaker`: a name or id that need not be in the text. An attribution with
neither is no item. The layer is a set: equal items of several attributions count once.

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
KEY = "speaker"  # the attribute with the name


# Speakers have no map
def list_speakers(documents: Sequence[Document], maps: Maps) -> Items:  # noqa: ARG001
    """The content of each attribution that has a speaker, in the group of the speaker's name."""
    return build_items(
        [
            [
                (LABEL, attribution.content, _name_speaker(document.text, attribution))
                for attribution in _list_attributions(document)
            ]
            for document in documents
        ]
    )


def _list_attributions(document: Document) -> list[Any]:
    """The attributions that have a speaker."""
    return [
        each
        for each in document.attributions or ()
        if _name_speaker(document.text, each) is not None
    ]


def _name_speaker(text: str, attribution: Any) -> str | None:
    """The name of the speaker of an attribution; None if it has none."""
    if attribution.source_name is not None:
        return surface_form(text, attribution.source_name)
    name = (attribution.attributes or {}).get(KEY)
    return name if isinstance(name, str) else None


def list_scores(document: Document) -> list[float | None]:
    """The score of each item."""
    return [attribution.score for attribution in _list_attributions(document)]
