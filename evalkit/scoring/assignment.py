"""The best one-to-one set of pairs, where each possible pair has a vector of whole numbers.

The best set is the one whose sum of vectors is lexicographically greatest; of several, the one
whose sorted list of keys is least. It is exact: the vectors are packed into whole numbers of any
size, and each connected component is solved as an assignment problem (the Hungarian method: Kuhn
1955).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

MAX_TIED_EDGES = 4_000  # of a component that only the keys tell apart

Indices = tuple[int, int]  # of an item of each side


class Edge(NamedTuple):
    """A possible pair: its vector, and the key that decides between equally good sets."""

    vector: tuple[int, ...]
    key: tuple[Any, ...]


class TooManyEdgesError(Exception):
    """More pairs compete for each other than can be compared in a reasonable time."""


def choose_pairs(edges: Mapping[Indices, Edge]) -> list[Indices]:
    """The best pairs, in no particular order. All vectors have the same length.

    Raises TooManyEdgesError.
    """
    pairs: list[Indices] = []
    for component in split_components(edges):
        pairs += pair_component(component)
    return pairs


def choose_one_by_one(edges: Mapping[Indices, Edge]) -> list[Indices]:
    """Good pairs where there are too many possible ones: the best first, as long as both items are
    free.
    """
    ranked = sorted(
        edges, key=lambda pair: ([-value for value in edges[pair].vector], edges[pair].key)
    )
    chosen = []
    taken_gold: set[int] = set()
    taken_predicted: set[int] = set()
    for g, p in ranked:
        if g not in taken_gold and p not in taken_predicted:
            chosen.append((g, p))
            taken_gold.add(g)
            taken_predicted.add(p)
    return chosen


def split_components(edges: Mapping[Indices, Edge]) -> Iterator[dict[Indices, Edge]]:
    """The edges in groups that share no item."""
    by_gold, by_predicted = defaultdict(list), defaultdict(list)
    for g, p in edges:
        by_gold[g].append(p)
        by_predicted[p].append(g)
    seen: set[int] = set()
    for first in by_gold:
        if first in seen:
            continue
        seen.add(first)
        waiting, component = [first], {}
        while waiting:
            g = waiting.pop()
            for p in by_gold[g]:
                component[g, p] = edges[g, p]
                new = [other for other in by_predicted[p] if other not in seen]
                seen.update(new)
                waiting += new
        yield component


def pair_component(edges: Mapping[Indices, Edge]) -> list[Indices]:
    """The best pairs of a connected component. Raises TooManyEdgesError."""
    rows, columns = {g for g, _ in edges}, {p for _, p in edges}
    if min(len(rows), len(columns)) == 1:
        greatest = max(edge.vector for edge in edges.values())
        return [
            min(
                (pair for pair, edge in edges.items() if edge.vector == greatest),
                key=lambda pair: edges[pair].key,
            )
        ]
    weights = _pack_vectors(edges)
    if len(edges) <= MAX_TIED_EDGES:
        return _assign(_add_key_weights(edges, weights))
    tight = _find_tight_edges(weights)
    pairs = []
    for component in split_components({pair: edges[pair] for pair in tight}):
        if len(component) > MAX_TIED_EDGES:
            raise TooManyEdgesError
        pairs += _assign(_add_key_weights(component, {pair: weights[pair] for pair in component}))
    return pairs


def _pack_vectors(edges: Mapping[Indices, Edge]) -> dict[Indices, int]:
    """The vectors as numbers whose sums are in the order of the vectors' sums."""
    length = len(next(iter(edges.values())).vector)
    bases = [1 + sum(abs(edge.vector[n]) for edge in edges.values()) for n in range(length)]
    weights = {}
    for pair, edge in edges.items():
        weight = 0
        for base, value in zip(bases, edge.vector, strict=True):
            weight = weight * base + value
        weights[pair] = weight
    return weights


def _add_key_weights(
    edges: Mapping[Indices, Edge], weights: dict[Indices, int]
) -> dict[Indices, int]:
    """The weights with room below for the rule on keys: more pairs with the least key win, then
    with the next one, and so on.
    """
    bits = len(edges).bit_length()
    keys = sorted({edge.key for edge in edges.values()}, reverse=True)
    places = {key: n for n, key in enumerate(keys)}
    return {
        pair: (weight << (bits * len(keys) + bits)) + (1 << (bits * places[edges[pair].key]))
        for pair, weight in weights.items()
    }


def _assign(weights: dict[Indices, int]) -> list[Indices]:
    """The one-to-one set of pairs with the largest total weight."""
    return _solve(weights)[0]


def _find_tight_edges(weights: dict[Indices, int]) -> list[Indices]:
    """The edges that a pairing of the largest total weight may use: those whose weight equals the
    sum of their prices.
    """
    _, row_prices, column_prices = _solve(weights)
    return [
        (g, p) for (g, p), weight in weights.items() if row_prices[g] + column_prices[p] == weight
    ]


def _solve(weights: dict[Indices, int]) -> tuple[list[Indices], dict[int, int], dict[int, int]]:
    """An assignment of the largest total weight, with a price for each row and column (the
    Hungarian method; Kuhn 1955).

    Every weight is positive, and pairs without an edge are worth 0. No weight is above the sum of
    its row's and its column's price, and the two are equal for every pair that some assignment of
    the largest total weight contains.
    """
    rows, columns = sorted({g for g, _ in weights}), sorted({p for _, p in weights})
    swapped = len(rows) > len(columns)
    if swapped:
        rows, columns = columns, rows
        weights = {(p, g): weight for (g, p), weight in weights.items()}
    costs = [[-weights.get((row, column), 0) for column in columns] for row in rows]
    assigned, row_potentials, column_potentials = _assign_costs(costs)
    pairs = [
        (rows[n], columns[m])
        for m, n in enumerate(assigned)
        if n is not None and (rows[n], columns[m]) in weights
    ]
    row_prices = {row: -potential for row, potential in zip(rows, row_potentials, strict=True)}
    column_prices = {
        column: -potential for column, potential in zip(columns, column_potentials, strict=True)
    }
    if swapped:
        return [(g, p) for p, g in pairs], column_prices, row_prices
    return pairs, row_prices, column_prices


def _assign_costs(costs: list[list[int]]) -> tuple[list[int | None], list[int], list[int]]:
    """The row of each column in an assignment of least cost, with the potentials; there are no more
    rows than columns.
    """
    n_rows, n_columns = len(costs), len(costs[0])
    row_potentials, column_potentials = [0] * n_rows, [0] * n_columns
    assigned: list[int | None] = [None] * n_columns
    for first_row in range(n_rows):
        slack: list[int | None] = [None] * n_columns
        previous: list[int | None] = [None] * n_columns
        visited = [False] * n_columns
        row, column = first_row, None  # type: int, int | None
        while True:
            least, following = None, 0  # type: int | None, int
            for m in range(n_columns):
                if visited[m]:
                    continue
                reduced = costs[row][m] - row_potentials[row] - column_potentials[m]
                known = slack[m]
                if known is None or reduced < known:
                    slack[m], previous[m] = reduced, column
                    known = reduced
                if least is None or known < least:
                    least, following = known, m
            step = least or 0
            row_potentials[first_row] += step
            for m in range(n_columns):
                occupant, known = assigned[m], slack[m]
                if visited[m] and occupant is not None:
                    row_potentials[occupant] += step
                    column_potentials[m] -= step
                elif known is not None:
                    slack[m] = known - step
            visited[following] = True
            column = following
            occupant = assigned[following]
            if occupant is None:
                break
            row = occupant
        while column is not None:
            before = previous[column]
            assigned[column] = first_row if before is None else assigned[before]
            column = before
    return assigned, row_potentials, column_potentials
