"""The layer of links: entities that are linked to an entry of a knowledge base.

An item is the span of an entity that has the attribute "link", in the group of its value: the id of
an entry, or None or a string that begins with "NIL" for an entity without entry, as in TAC (Ji et
al. 2014) and neleval. The label of the entity is not compared. Links are a set: equal items of
entities that are no duplicates count once.

    strict        equal span and id
    type          overlap and equal id (GERBIL's weak annotation match, Usbeck et al. 2015)
    mention-free  the ids of a document, as a set, without their spans (scispaCy, BioCreative)
    in-kb         strict, without the items of either side that are NIL

How NIL is compared is an option:

    string  as any other id: "NIL1" equals "NIL1", and None equals None
    one     every NIL equals every other (neleval's strong_all_match)
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evalkit.data.document import Document
from evalkit.errors import InputError, UnknownNameError, quoted_repr, spell_option
from evalkit.scoring.block_side import BlockSide
from evalkit.scoring.columns import Mask
from evalkit.scoring.items import Items, Maps, build_items, map_label
from evalkit.scoring.string_units import merge_items, merge_repeats, sort_strings

KEY = "link"  # the attribute
LABEL = "link"  # of all items: the labels of entities are not compared
NIL = "NIL"  # what the ids of entities without entry begin with
NIL_POLICIES = ("string", "one")
MENTION_FREE = "mention-free"
IN_KB = "in-kb"


def parse_nil(name: str) -> str:
    """The name of a NIL policy. Raises UnknownNameError."""
    if name not in NIL_POLICIES:
        raise UnknownNameError("value", name, NIL_POLICIES, within=spell_option("nil"))
    return name


def list_links(documents: Sequence[Document], maps: Maps) -> Items:
    """The entities that have a link, each in the group of its id, or of None.

    Raises InputError for a link that is neither a string nor None.
    """
    each = []
    for document in documents:
        triples: list[tuple[Any, Any, Hashable]] = []
        for _, entity, link in _iter_links(document):
            is_dropped = map_label(maps, "entities", entity.label) is None
            triples.append((None if is_dropped else LABEL, entity, link))
        each.append(triples)
    return build_items(each)


def _iter_links(document: Document) -> Iterator[tuple[int, Any, str | None]]:
    """Yields (index, entity, link) of each entity that has a link."""
    for index, entity in enumerate(document.entities or ()):
        if not entity.attributes or KEY not in entity.attributes:
            continue
        link = entity.attributes[KEY]
        if link is not None and not isinstance(link, str):
            raise InputError(
                f"document {quoted_repr(document.id)}, entities[{index}].attributes: invalid"
                f" {KEY} {quoted_repr(link)}: expected a string, or null for NIL"
            )
        yield index, entity, link


def list_owners(document: Document) -> list[int]:
    """The index of the entity of each item."""
    return [index for index, _, _ in _iter_links(document)]


def list_scores(document: Document) -> list[float | None]:
    """The score of each item."""
    return [entity.score for _, entity, _ in _iter_links(document)]


def is_nil(link: Any) -> bool:
    """Whether a link says that there is no entry."""
    return link is None or link.startswith(NIL)


def unite_nil(items: Items) -> Items:
    """The items with all NIL in one group."""
    groups = [None if is_nil(link) else link for link in items.groups or ()]
    return replace(items, groups=groups)


def project_links(side: BlockSide, name: str, scheme: str, links: Sequence[Any]) -> BlockSide:
    """The items of a side as a scheme compares them, each once. name: "gold" or "predicted". links:
    the id of each group.
    """
    if scheme == MENTION_FREE:
        return merge_repeats(sort_strings(side), name)
    if scheme == IN_KB:
        side = _drop_nil(side, name, links)
    return merge_items(side, name)


def _drop_nil(side: BlockSide, name: str, links: Sequence[Any]) -> BlockSide:
    """The side without NIL."""
    is_linked: Mask = ~np.fromiter(map(is_nil, links), bool, len(links))
    items, copies = side.columns, side.duplicates
    kept, kept_copies = is_linked[items.head], is_linked[copies.head]
    nil = len(items) + len(copies) - int(kept.sum()) - int(kept_copies.sum())
    set_aside = {**side.set_aside, f"{name}_nil": nil}
    if name == "predicted":
        set_aside["duplicate"] = int(kept_copies.sum())
    return replace(
        side,
        columns=items.take(kept),
        unit=side.unit[kept],
        rows=side.rows[kept],
        duplicates=copies.take(kept_copies),
        copies_unit=side.copies_unit[kept_copies],
        copies_rows=side.copies_rows[kept_copies],
        set_aside=set_aside,
    )
