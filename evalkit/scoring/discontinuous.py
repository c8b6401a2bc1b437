"""The largest matching of overlapping spans where some are discontinuous, or have parts, or where
the overlap must reach a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evalkit.data.document import Fragments
from evalkit.errors import InputError
from evalkit.scoring.columns import Ints, Parts
from evalkit.scoring.overlap_threshold import OverlapThreshold

# Between discontinuous spans of one component: more would take minutes.
MAX_OVERLAPS = 20_000_000


class ComponentItem(NamedTuple):
    """A row of a connected component: its fragments, those of its parts if it has any, the position
    of its label in the sorted names, and the row.
    """

    pieces: Fragments
    parts: Parts
    rank: int
    row: int

    def sort_key(self) -> tuple[Fragments, str, int]:
        """A key that does not depend on the order of the input."""
        return self.pieces, repr(self.parts), self.rank


def match_component(
    gold: list[ComponentItem],
    predicted: list[ComponentItem],
    threshold: OverlapThreshold | None = None,
) -> tuple[list[int], list[int]]:
    """The matched rows of both sides, which are sorted by `sort_key`. Hopcroft-Karp, by scipy."""
    gold_keys = [item.sort_key() for item in gold]
    predicted_keys = [item.sort_key() for item in predicted]
    if gold_keys == predicted_keys:  # each matches its equal
        return [item.row for item in gold], [item.row for item in predicted]
    # The search begins at the side that sorts first, so that the pairs are the same when the sides
    # are swapped.
    if predicted_keys < gold_keys:
        predicted_rows, gold_rows = match_component(predicted, gold, threshold)
        return gold_rows, predicted_rows
    if not gold or not predicted:
        return [], []
    overlaps = _find_overlaps(gold, predicted, threshold)
    if not len(overlaps):
        return [], []
    if min(len(gold), len(predicted)) == 1:
        return [gold[overlaps[0, 0]].row], [predicted[overlaps[0, 1]].row]
    # Imported here: most corpora have no discontinuous spans.
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    graph = csr_array(
        (np.ones(len(overlaps), np.int8), (overlaps[:, 0], overlaps[:, 1])),
        shape=(len(gold), len(predicted)),
    )
    partner_of = maximum_bipartite_matching(graph, perm_type="column")
    matched = [(n, partner) for n, partner in enumerate(partner_of) if partner >= 0]
    return [gold[n].row for n, _ in matched], [predicted[m].row for _, m in matched]


def _find_overlaps(
    one: Sequence[ComponentItem],
    other: Sequence[ComponentItem],
    threshold: OverlapThreshold | None,
) -> Ints:
    """The pairs of indices of spans that share a character; in every part, if they have parts; as
    many characters as a threshold requires.
    """
    index, start, end = _flatten_fragments(one)
    other_index, other_start, other_end = _flatten_fragments(other)
    by_start = np.argsort(other_start, kind="stable")
    other_index = other_index[by_start]
    other_start, other_end = other_start[by_start], other_end[by_start]
    # Candidates of each fragment: a range of fragments of the other side, in order of start.
    low = np.searchsorted(np.maximum.accumulate(other_end), start, side="right")
    counts = np.maximum(np.searchsorted(other_start, end, side="left") - low, 0)
    total = int(counts.sum())
    if total > MAX_OVERLAPS:
        raise InputError(
            f"{total:,} overlaps with discontinuous spans in one document: more than"
            f" {MAX_OVERLAPS:,} cannot be matched; score strict or exact"
        )
    fragment = np.repeat(np.arange(len(index)), counts)
    candidate = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts) + low[fragment]
    is_overlap = other_end[candidate] > start[fragment]
    fragment, candidate = fragment[is_overlap], candidate[is_overlap]
    overlaps = np.stack([index[fragment], other_index[candidate]], axis=1)
    pairs, position = np.unique(overlaps, axis=0, return_inverse=True)
    if threshold is not None:
        shared_start = np.maximum(start[fragment], other_start[candidate])
        shared_end = np.minimum(end[fragment], other_end[candidate])
        shared = np.zeros(len(pairs), np.int64)
        np.add.at(shared, position.reshape(-1), shared_end - shared_start)
        length, other_length = _count_characters(one), _count_characters(other)
        return pairs[threshold.is_reached(shared, length[pairs[:, 0]], other_length[pairs[:, 1]])]
    if not one[0].parts:
        return pairs
    kept = [(n, m) for n, m in pairs.tolist() if _do_parts_overlap(one[n].parts, other[m].parts)]
    return np.array(kept, np.int64).reshape(-1, 2)


def _flatten_fragments(items: Sequence[ComponentItem]) -> tuple[Ints, Ints, Ints]:
    """(index of the item, start, end) of each fragment."""
    rows = [(n, start, end) for n, item in enumerate(items) for start, end in item.pieces]
    index, start, end = np.array(rows, np.int64).T
    return index, start, end


def _count_characters(items: Sequence[ComponentItem]) -> Ints:
    """The number of characters of each item."""
    lengths = [sum(end - start for start, end in item.pieces) for item in items]
    return np.array(lengths, np.int64)


def _do_parts_overlap(one: Parts, other: Parts) -> bool:
    """Whether all parts share a character; a missing part matches only a missing part."""
    for part, other_part in zip(one, other):
        if part is None or other_part is None:
            if part is not other_part:
                return False
        elif not any(
            start < other_end and other_start < end
            for start, end in part
            for other_start, other_end in other_part
        ):
            return False
    return True
