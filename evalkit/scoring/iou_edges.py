"""Finds the pairs of contiguous spans that reach an overlap threshold, and matches the simple ones.

A span of length L can reach the threshold T only with spans of lengths from T L to L / T, that
begin where enough characters can be shared. Spans are sorted by start within classes of similar
length, so that the candidates of a span are a range of each class: a few long spans over many short
ones cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from evalkit.errors import InputError
from evalkit.scoring.columns import Ints, Mask, group_starts
from evalkit.scoring.overlap_threshold import OverlapThreshold

# Of one document: more would take minutes.
MAX_CANDIDATES = 20_000_000
CHUNK = 1 << 22  # candidates that are compared at once
MAX_OFFSET = 1 << 61


class Spans(NamedTuple):
    """Contiguous spans: the row, document and group of each, and its offsets. Only spans of one
    group are compared.
    """

    row: Ints
    document: Ints
    group: Ints
    start: Ints
    end: Ints

    def take(self, rows: Ints | Mask) -> Spans:
        """Some of the spans."""
        return Spans(*(column[rows] for column in self))


class Edges(NamedTuple):
    """Pairs of rows that may be matched."""

    gold: Ints
    predicted: Ints

    def take(self, selected: Ints | Mask) -> Edges:
        """Some of the pairs."""
        return Edges(self.gold[selected], self.predicted[selected])


def find_edges(gold: Spans, predicted: Spans, threshold: OverlapThreshold) -> Edges:
    """All pairs of spans of one group that reach the threshold."""
    found = [Edges(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    for one, other in _flatten(gold, predicted):
        found.extend(_find_in_line(one, other, threshold))
    return Edges(*(np.concatenate(columns) for columns in zip(*found)))


def _flatten(gold: Spans, predicted: Spans) -> Iterator[tuple[Spans, Spans]]:
    """The spans with groups moved apart; group by group if such offsets would be too large."""
    if not len(gold.row) or not len(predicted.row):
        return
    groups = np.concatenate([gold.group, predicted.group])
    low = min(int(gold.start.min()), int(predicted.start.min()))
    high = max(int(gold.end.max()), int(predicted.end.max()))
    width = high - low + 1
    distinct, number = np.unique(groups, return_inverse=True)
    if width * len(distinct) < MAX_OFFSET:
        shift = number.reshape(-1).astype(np.int64) * width - low
        yield (
            _move(gold, shift[: len(gold.group)]),
            _move(predicted, shift[len(gold.group) :]),
        )
        return
    for group in distinct:
        yield gold.take(gold.group == group), predicted.take(predicted.group == group)


def _move(spans: Spans, shift: Ints) -> Spans:
    return spans._replace(start=spans.start + shift, end=spans.end + shift)


def _find_in_line(gold: Spans, predicted: Spans, threshold: OverlapThreshold) -> Iterator[Edges]:
    """The edges between spans whose groups lie apart, a class of lengths after the other."""
    length = gold.end - gold.start
    predicted_length = predicted.end - predicted.start
    least_shared = threshold.least_shared(length)
    size_class = np.frexp(predicted_length.astype(np.float64))[1]
    for number in np.unique(size_class):
        members = predicted.take(size_class == number)
        members = members.take(np.argsort(members.start, kind="stable"))
        member_length = members.end - members.start
        shortest, longest = int(member_length.min()), int(member_length.max())
        shared_with_shortest = int(threshold.least_shared(np.array([shortest]))[0])
        is_candidate = (least_shared <= longest) & (length >= shared_with_shortest)
        some = gold.take(is_candidate)
        needed = np.maximum(least_shared[is_candidate], shared_with_shortest)
        low = np.searchsorted(members.start, some.start + needed - longest, side="left")
        high = np.searchsorted(members.start, some.end - needed, side="right")
        counts = np.maximum(high - low, 0)
        _check_candidates(some.document, counts)
        for first, last in _chunks(counts):
            yield _compare(some, members, threshold, low, counts, slice(first, last))


def _check_candidates(document: Ints, counts: Ints) -> None:
    if int(counts.sum()) <= MAX_CANDIDATES:
        return
    most = max(int(counts[document == each].sum()) for each in np.unique(document))
    if most > MAX_CANDIDATES:
        raise InputError(
            f"{most:,} overlaps of spans with one label in one document: more than"
            f" {MAX_CANDIDATES:,} cannot be compared with a threshold; score strict, exact or type"
        )


def _chunks(counts: Ints) -> Iterator[tuple[int, int]]:
    """Ranges of rows with about CHUNK candidates each."""
    chunk = np.cumsum(counts) // CHUNK
    begins = np.flatnonzero(group_starts(chunk)).tolist()
    yield from zip(begins, [*begins[1:], len(counts)])


def _compare(
    gold: Spans,
    predicted: Spans,
    threshold: OverlapThreshold,
    low: Ints,
    counts: Ints,
    selected: slice,
) -> Edges:
    """The edges of some gold spans, each with a range of the predicted spans as candidates."""
    counts, low = counts[selected], low[selected]
    one = np.repeat(np.arange(selected.start, selected.stop), counts)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    other = np.arange(len(one)) - before + np.repeat(low, counts)
    start, end = gold.start[one], gold.end[one]
    other_start, other_end = predicted.start[other], predicted.end[other]
    shared = np.maximum(np.minimum(end, other_end) - np.maximum(start, other_start), 0)
    kept = threshold.is_reached(shared, end - start, other_end - other_start)
    return Edges(gold.row[one[kept]], predicted.row[other[kept]])


def split_simple(edges: Edges, start: Ints, end: Ints) -> tuple[Edges, Edges]:
    """The pairs of components in which one side has a single row, and the edges of the others.

    start, end: the offsets of all rows. The single row is paired with the row that comes first by
    (end, start), as under the scheme `type`.
    """
    if not len(edges.gold):
        return edges, edges
    gold_degree = np.bincount(edges.gold, minlength=len(start))
    predicted_degree = np.bincount(edges.predicted, minlength=len(start))
    around_gold = _star_edges(edges.gold, predicted_degree[edges.predicted] == 1, gold_degree)
    around_predicted = _star_edges(edges.predicted, gold_degree[edges.gold] == 1, predicted_degree)
    is_pair = around_gold & around_predicted
    gold_star = edges.take(around_gold & ~is_pair)
    predicted_star = edges.take(around_predicted & ~is_pair)
    first_predicted = _first_of_each(gold_star.gold, gold_star.predicted, start, end)
    first_gold = _first_of_each(predicted_star.predicted, predicted_star.gold, start, end)
    chosen = [
        edges.take(is_pair),
        gold_star.take(first_predicted),
        predicted_star.take(first_gold),
    ]
    pairs = Edges(*(np.concatenate(columns) for columns in zip(*chosen)))
    return pairs, edges.take(~around_gold & ~around_predicted)


def _star_edges(center: Ints, is_leaf: Mask, degree: Ints) -> Mask:
    """The edges of rows all of whose neighbors have no other neighbor."""
    leaves = np.bincount(center[is_leaf], minlength=len(degree))
    is_star: Mask = (leaves == degree)[center]
    return is_star


def _first_of_each(center: Ints, leaf: Ints, start: Ints, end: Ints) -> Ints:
    """The index of the first edge of each center, by (end, start) of the leaf."""
    order = np.lexsort((start[leaf], end[leaf], center))
    return order[group_starts(center[order])]


def iter_components(edges: Edges) -> Iterator[Ints]:
    """The rows of each connected component of the edges."""
    if not len(edges.gold):
        return
    # Imported here: most corpora have none.
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    rows, index = np.unique(np.concatenate(edges), return_inverse=True)
    one, other = np.split(index.reshape(-1), 2)
    graph = csr_array((np.ones(len(one), np.int8), (one, other)), shape=(len(rows), len(rows)))
    component = connected_components(graph, directed=False)[1]
    order = np.argsort(component, kind="stable")
    begins = np.flatnonzero(group_starts(component[order]))
    yield from np.split(rows[order], begins[1:])
