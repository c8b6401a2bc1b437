"""The concepts that mentions in the PubTator format are linked to; pubtator.py describes it."""

from __future__ import annotations

import re
from collections.abc import Iterable

LINK, PARTS, NOVELTY = "link", "individual_mentions", "novelty"  # attributes
ARGUMENT_LINKS = ("head_link", "tail_link")  # attributes of relations
NIL = ("-1", "-")  # concept ids of mentions without a concept
OFFSET = re.compile(r"-?[0-9]{1,18}")
AS_SPACES = str.maketrans("\t\r\n", "   ")  # a mention as it is written
_SEPARATOR = re.compile(r"[|,;]")


def split_link(link: str) -> list[str]:
    """The concept ids of a link, which a composite mention has several of.

    >>> split_link("D017093|D051437")
    ['D017093', 'D051437']
    """
    return [id for id in _SEPARATOR.split(link) if id]


def find_first_mentions(mentions: Iterable[tuple[int, str]]) -> dict[str, int]:
    """The number of the first mention of each concept, given the start and the concept id of each
    mention: of those with this id only, else of those with several.

    >>> find_first_mentions([(0, "D1|D2"), (5, "D1"), (9, "-1")])
    {'D1|D2': 0, 'D1': 1, 'D2': 0}
    """
    linked = []
    for number, (start, link) in enumerate(mentions):
        if link and link not in NIL:
            linked.append((start, number, link))
    linked.sort()
    first: dict[str, int] = {}
    for _, number, link in linked:
        first.setdefault(link, number)
    for _, number, link in linked:
        for concept in split_link(link):
            first.setdefault(concept, number)
    return first
