"""The largest matching of items where the pairs that may be made are listed.

In each connected component by scipy's Hopcroft-Karp. The pairs do not depend on the order of the
input, and are the same when the sides are swapped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from evalkit.data.document import Fragments
from evalkit.scoring.columns import ItemArrays
from evalkit.scoring.iou_edges import Edges, iter_components
from evalkit.scoring.matching import NO_PAIRS, Pairs

RowPairs = list[tuple[int, int]]


class EdgeMatcher:
    """Matches the items of two sides along edges.

    pieces: the fragments of each code of a discontinuous span.
    """

    def __init__(
        self, gold: ItemArrays, predicted: ItemArrays, pieces: Sequence[Fragments]
    ) -> None:
        self._sides, self._pieces = (gold, predicted), pieces

    def match(self, edges: Edges) -> Pairs:
        """The largest matching. Edges join items of one group and label, and all of those that have
        equal spans; no two items of a side have group, label and span in common.
        """
        if not len(edges.gold):
            return NO_PAIRS
        gold, predicted = self._sides
        gold_degree = np.bincount(edges.gold, minlength=len(gold))
        predicted_degree = np.bincount(edges.predicted, minlength=len(predicted))
        is_alone = (gold_degree[edges.gold] == 1) & (predicted_degree[edges.predicted] == 1)
        alone, others = edges.take(is_alone), edges.take(~is_alone)
        partners_of: dict[int, list[int]] = defaultdict(list)
        for gold_row, predicted_row in zip(others.gold.tolist(), others.predicted.tolist()):
            partners_of[gold_row].append(predicted_row)
        pairs: RowPairs = list(zip(alone.gold.tolist(), alone.predicted.tolist()))
        numbered = Edges(others.gold, others.predicted + len(gold))  # rows of both sides differ
        for members in iter_components(numbered):
            rows = members.tolist()
            gold_rows = [row for row in rows if row < len(gold)]
            predicted_rows = [row - len(gold) for row in rows if row >= len(gold)]
            pairs += self._match_component(gold_rows, predicted_rows, partners_of)
        matched = np.array(pairs, np.int64).reshape(-1, 2)
        return Pairs(matched[:, 0], matched[:, 1])

    def _match_component(
        self,
        gold_rows: list[int],
        predicted_rows: list[int],
        partners_of: dict[int, list[int]],
    ) -> RowPairs:
        gold_key = {row: self._span(0, row) for row in gold_rows}
        predicted_key = {row: self._span(1, row) for row in predicted_rows}
        gold_rows = sorted(gold_rows, key=gold_key.__getitem__)
        predicted_rows = sorted(predicted_rows, key=predicted_key.__getitem__)
        gold_keys = [gold_key[row] for row in gold_rows]
        predicted_keys = [predicted_key[row] for row in predicted_rows]
        if gold_keys == predicted_keys:  # each matches its equal
            return list(zip(gold_rows, predicted_rows))
        place = {row: n for n, row in enumerate(predicted_rows)}
        links = []
        for n, row in enumerate(gold_rows):
            links += [(n, place[partner]) for partner in partners_of[row]]
        # The search begins at the side that sorts first, so that the pairs are the same when the
        # sides are swapped.
        if predicted_keys < gold_keys:
            matched = _match_indices([(m, n) for n, m in links], len(predicted_rows))
            return [(gold_rows[n], predicted_rows[m]) for m, n in matched]
        matched = _match_indices(links, len(gold_rows))
        return [(gold_rows[n], predicted_rows[m]) for n, m in matched]

    def _span(self, side: int, row: int) -> Fragments:
        columns = self._sides[side]
        pieces = self._pieces[columns.fragments[row]]
        return pieces or ((int(columns.start[row]), int(columns.end[row])),)


def _match_indices(links: RowPairs, count: int) -> RowPairs:
    """A largest set of links that have no index in common. count: of the indices on the left."""
    # Imported here: few runs need it.
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    one, other = np.array(sorted(links), np.int64).T
    shape = (count, int(other.max()) + 1)
    graph = csr_array((np.ones(len(one), np.int8), (one, other)), shape=shape)
    partner_of = maximum_bipartite_matching(graph, perm_type="column").tolist()
    return [(n, partner) for n, partner in enumerate(partner_of) if partner >= 0]
