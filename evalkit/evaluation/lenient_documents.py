"""Documents whose gold has alternatives, optional items or ignore regions, which are counted apart
from all others, so that these cost no more time.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, NamedTuple

from evalkit.data.batch import DocumentBatch, is_lenient
from evalkit.data.gold_alternatives import IGNORE
from evalkit.evaluation.document_join import DocumentPairs


class SplitPairs(NamedTuple):
    """Document pairs with plain gold, and others."""

    plain: DocumentPairs
    lenient: DocumentPairs


def split_lenient(pairs: DocumentPairs) -> SplitPairs | None:
    """The documents of a batch whose gold is plain, and the others; None if gold is plain in all.

    An unannotated document is plain.
    """
    gold = pairs.gold
    lenient_rows = [
        n
        for n, document in enumerate(gold)
        if document.entities is not None and (has_ignore_zone(document) or is_lenient(document))
    ]
    if not lenient_rows:
        return None
    chosen = set(lenient_rows)
    plain_rows = [n for n in range(len(gold)) if n not in chosen]
    return SplitPairs(_take(pairs, plain_rows), _take(pairs, lenient_rows))


def has_ignore_zone(document: Any) -> bool:
    """Whether a document has an ignore region."""
    return IGNORE in map(attrgetter("label"), document.zones)


def _take(pairs: DocumentPairs, rows: list[int]) -> DocumentPairs:
    return DocumentPairs(
        DocumentBatch([pairs.gold[n] for n in rows]),
        DocumentBatch([pairs.predicted[n] for n in rows]),
    )
