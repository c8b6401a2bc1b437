"""Pairing of gold and predicted attributions, for the layer `attached-attributions` and for error
analysis.

The anchor of an attribution is its cue; without a cue its content. (A content is required, so that
a source never has to serve.) Two attributions may be paired if their anchors are of the same kind
and overlap. The pairing is the one-to-one set of pairs whose sum of the following vectors is
lexicographically greatest:

    1 if the anchors have the same span
    1 if source, cue and content are equal
    1 if the contents are equal
    1 if the sources are equal
    1
    characters that the anchors share
    characters that the contents share
    -(|difference of the anchors' starts| + |difference of their ends|)

Of several such sets it is the one whose sorted list of unordered pairs {(source, cue, content),
(source, cue, content)} is least; an absent part equals only an absent part, and sorts first. The
pairing does not depend on the order of the attributions, and is the same when gold and prediction
are swapped.

Attributions that are equal in all three parts are paired first, which loses nothing: exchanging
partners so that two equal attributions meet never makes the sum smaller. The rest is split into
groups of attributions that compete for each other, and each group is solved as an assignment
problem (Kuhn 1955) over whole numbers of any size, into which the vectors are packed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from evalkit.data.document import ATTRIBUTION_PARTS, Attribution, Fragments, span_fragments
from evalkit.errors import InputError

# Possible pairs among attributions that compete for each other: about 200 with overlapping cues
MAX_EDGES = 40_000
MAX_TIED_EDGES = 4_000  # those of them that only the last rule tells apart

Indices = tuple[int, int]  # of a gold and of a predicted attribution


class Parts(NamedTuple):
    """The ranges of an attribution's parts; () for an absent part."""

    source: Fragments
    cue: Fragments
    content: Fragments

    @property
    def anchor(self) -> tuple[str, Fragments]:
        """The kind and the ranges of the part that pairs are found by."""
        return ("cue", self.cue) if self.cue else ("content", self.content)


class Edge(NamedTuple):
    """A possible pair: its vector, and the key that decides between equally good pairings."""

    vector: tuple[int, ...]
    key: tuple[Parts, ...]


def pair_attributions(
    gold: Sequence[Attribution], predicted: Sequence[Attribution]
) -> list[Indices]:
    """The pairs of one document, as indices into both sequences, in the order of gold.

    Raises InputError where more attributions compete for each other than can be paired in a
    reasonable time.
    """
    gold_parts, predicted_parts = _parts_of_each(gold), _parts_of_each(predicted)
    pairs = _pair_equal(gold_parts, predicted_parts)
    paired_gold, paired_predicted = {g for g, _ in pairs}, {p for _, p in pairs}
    free_gold = [g for g in range(len(gold)) if g not in paired_gold]
    free_predicted = [p for p in range(len(predicted)) if p not in paired_predicted]
    edges = {
        (g, p): _build_edge(gold_parts[g], predicted_parts[p])
        for g, p in _find_overlaps(
            [(g, gold_parts[g]) for g in free_gold],
            [(p, predicted_parts[p]) for p in free_predicted],
        )
    }
    for component in _split_components(edges):
        pairs += _pair_component(component)
    return sorted(pairs)


def _parts_of_each(attributions: Sequence[Attribution]) -> list[Parts]:
    return [
        Parts(
            *(
                span_fragments(span) if (span := getattr(attribution, part)) is not None else ()
                for part in ATTRIBUTION_PARTS
            )
        )
        for attribution in attributions
    ]


def _pair_equal(gold: Sequence[Parts], predicted: Sequence[Parts]) -> list[Indices]:
    waiting: dict[Parts, list[int]] = defaultdict(list)
    for p in reversed(range(len(predicted))):
        waiting[predicted[p]].append(p)
    return [(g, waiting[parts].pop()) for g, parts in enumerate(gold) if waiting.get(parts)]


def _find_overlaps(
    gold: Sequence[tuple[int, Parts]], predicted: Sequence[tuple[int, Parts]]
) -> Iterator[Indices]:
    """The possible pairs: anchors of one kind that share a character."""
    stretches: dict[str, list[tuple[int, int, int, int]]] = defaultdict(list)
    for side, attributions in enumerate((gold, predicted)):
        for index, parts in attributions:
            kind, pieces = parts.anchor
            stretches[kind] += [(start, end, side, index) for start, end in pieces]
    pairs: dict[Indices, None] = {}
    for of_kind in stretches.values():
        open_stretches: tuple[list[tuple[int, int]], list[tuple[int, int]]] = (
            [],
            [],
        )  # (end, index) of each side
        for start, end, side, index in sorted(of_kind):
            other = 1 - side
            open_stretches[other][:] = [
                stretch for stretch in open_stretches[other] if stretch[0] > start
            ]
            for _, partner in open_stretches[other]:
                pairs[(partner, index) if side else (index, partner)] = None
            if len(pairs) > MAX_EDGES:
                raise _too_many_error()
            open_stretches[side].append((end, index))
    return iter(pairs)


def _build_edge(gold: Parts, predicted: Parts) -> Edge:
    (_, one), (_, two) = gold.anchor, predicted.anchor
    moved = abs(one[0][0] - two[0][0]) + abs(one[-1][1] - two[-1][1])
    vector = (
        int(one == two),
        int(gold == predicted),
        int(gold.content == predicted.content),
        int(gold.source == predicted.source),
        1,
        _count_shared(one, two),
        _count_shared(gold.content, predicted.content),
        -moved,
    )
    return Edge(vector, tuple(sorted((gold, predicted))))


def _count_shared(one: Fragments, two: Fragments) -> int:
    return sum(
        max(0, min(end, last) - max(start, first)) for start, end in one for first, last in two
    )


def _split_components(edges: dict[Indices, Edge]) -> Iterator[dict[Indices, Edge]]:
    """The edges in groups that share no attribution."""
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


def _pair_component(edges: dict[Indices, Edge]) -> list[Indices]:
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
    for component in _split_components({pair: edges[pair] for pair in tight}):
        if len(component) > MAX_TIED_EDGES:
            raise _too_many_error()
        pairs += _assign(_add_key_weights(component, {pair: weights[pair] for pair in component}))
    return pairs


def _pack_vectors(edges: dict[Indices, Edge]) -> dict[Indices, int]:
    """The vectors as numbers whose sums are in the order of the vectors' sums."""
    bases = [1 + sum(abs(edge.vector[n]) for edge in edges.values()) for n in range(8)]
    weights = {}
    for pair, edge in edges.items():
        weight = 0
        for base, value in zip(bases, edge.vector, strict=True):
            weight = weight * base + value
        weights[pair] = weight
    return weights


def _add_key_weights(edges: dict[Indices, Edge], weights: dict[Indices, int]) -> dict[Indices, int]:
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


def _too_many_error() -> InputError:
    return InputError(
        f"attributions whose cues overlap have more than {MAX_EDGES:,} possible pairs in one"
        " document: they cannot be paired"
    )
