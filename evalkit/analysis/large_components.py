"""Pairs the items of a large connected component of overlaps.

Contiguous items are swept in the order of the text, with the best pairs so far for each set of
items that are still open and unpaired. Where too many items are open at once, and for discontinuous
items, scipy's assignment solvers are used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from evalkit.scoring.columns import Ints

MAX_STATES = 256  # sets of open items that a sweep keeps
MAX_OPEN = 60  # items that are open at once
MAX_DENSE_CELLS = 2_000 * 2_000  # of a matrix; with more, a sparse one is used
EXACT_FLOAT = 2**53  # whole numbers up to this one are exact in float64


class OpenItem(NamedTuple):
    """A contiguous item of a sweep: its offsets, and whether it is gold."""

    start: int
    end: int
    is_gold: bool


def can_sweep(starts: Ints, ends: Ints) -> bool:
    """Whether no more items are open at once than a sweep keeps. starts, ends: of contiguous
    items, by start.
    """
    closed_before = np.searchsorted(np.sort(ends), starts, side="right")
    open_before = np.arange(len(starts)) - closed_before
    return int(open_before.max(initial=0)) < MAX_OPEN


def sweep_component(
    items: Sequence[OpenItem], weights: Mapping[tuple[int, int], int]
) -> list[tuple[int, int]] | None:
    """The pairs of largest total weight, as (earlier item, later item); None where too many items
    are open at once. items: by start. weights: of each possible pair.
    """
    # For each set of open unpaired items (a bit for each, as `open_items` says) the weight of the
    # best pairs so far, and these pairs as a linked list.
    states: dict[int, tuple[int, Any]] = {0: (0, None)}
    open_items: dict[int, int] = {}  # bit → item
    free_bits = [1 << n for n in reversed(range(MAX_OPEN))]
    for number, (start, _, is_gold) in enumerate(items):
        still_open = 0
        for bit, other in list(open_items.items()):
            if items[other].end > start:
                still_open |= bit
            else:
                del open_items[bit]
                free_bits.append(bit)
        if not free_bits:
            return None
        partners = [
            (bit, (other, number), weights[other, number])
            for bit, other in open_items.items()
            if items[other].is_gold != is_gold
        ]
        own_bit = free_bits.pop()
        following: dict[int, tuple[int, Any]] = {}
        for state, (weight, pairs) in states.items():
            unpaired = state & still_open
            known = following.get(unpaired | own_bit)
            if known is None or weight > known[0]:
                following[unpaired | own_bit] = (weight, pairs)
            for bit, pair, pair_weight in partners:
                if unpaired & bit:
                    known = following.get(unpaired ^ bit)
                    if known is None or weight + pair_weight > known[0]:
                        following[unpaired ^ bit] = (weight + pair_weight, (pair, pairs))
        if len(following) > MAX_STATES:
            return None
        open_items[own_bit] = number
        states = following
    _, linked = max(states.values(), key=lambda state: state[0])
    chosen = []
    while linked is not None:
        pair, linked = linked
        chosen.append(pair)
    return chosen


def pair_large_component(rows: Ints, columns: Ints, kind: Ints, shared: Ints) -> Ints:
    """The indices of the chosen edges.

    rows, columns: the items of each edge, numbered from 0 on. kind: 1 label, 2 boundary, 3
    label+boundary; as many as possible of the first kind are chosen, then of the second, then of
    the third; then, where the numbers stay exact, as many shared characters as possible.
    """
    n_rows, n_columns = int(rows.max()) + 1, int(columns.max()) + 1
    weights = _edge_weights(min(n_rows, n_columns), kind, shared)
    if n_rows * n_columns <= MAX_DENSE_CELLS:
        matched_rows, matched_columns = _assign_dense(rows, columns, weights, n_rows, n_columns)
    else:
        matched_rows, matched_columns = _assign_sparse(rows, columns, weights, n_rows, n_columns)
    index_of_edge = np.argsort(rows * n_columns + columns, kind="stable")
    keys = (rows * n_columns + columns)[index_of_edge]
    wanted = matched_rows * n_columns + matched_columns
    places = np.searchsorted(keys, wanted)
    is_edge = (places < len(keys)) & (keys[np.minimum(places, len(keys) - 1)] == wanted)
    chosen: Ints = np.sort(index_of_edge[places[is_edge]])
    return chosen


def _edge_weights(n_pairs: int, kind: Ints, shared: Ints) -> Ints:
    """A number for each edge: more of a better kind outweighs all of the worse ones."""
    base = n_pairs + 1
    weights = np.choose(kind - 1, [np.int64(base) ** 2, np.int64(base), np.int64(1)])
    characters = int(np.sort(shared)[-n_pairs:].sum()) + 1
    # A sum of weights, and the length of a path in the solver, stay below this.
    if 4 * base**3 * characters < EXACT_FLOAT:
        weights = weights * characters + shared
    return weights.astype(np.int64)


def _assign_dense(
    rows: Ints, columns: Ints, weights: Ints, n_rows: int, n_columns: int
) -> tuple[Ints, Ints]:
    # Imported here: few corpora have such components, and scipy takes long to load.
    from scipy.optimize import linear_sum_assignment

    matrix = np.zeros((n_rows, n_columns))
    matrix[rows, columns] = weights
    matched_rows, matched_columns = linear_sum_assignment(matrix, maximize=True)
    return matched_rows.astype(np.int64), matched_columns.astype(np.int64)


def _assign_sparse(
    rows: Ints, columns: Ints, weights: Ints, n_rows: int, n_columns: int
) -> tuple[Ints, Ints]:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    # Every row may also take a column of its own, which stands for no pair.
    highest = int(weights.max()) + 1
    every_row = np.arange(n_rows, dtype=np.int64)
    costs = np.concatenate([highest - weights, np.full(n_rows, highest)]).astype(np.float64)
    all_rows = np.concatenate([rows, every_row])
    all_columns = np.concatenate([columns, n_columns + every_row])
    graph = csr_array((costs, (all_rows, all_columns)), shape=(n_rows, n_columns + n_rows))
    matched_rows, matched_columns = min_weight_full_bipartite_matching(graph)
    is_pair = matched_columns < n_columns
    return matched_rows[is_pair].astype(np.int64), matched_columns[is_pair].astype(np.int64)
