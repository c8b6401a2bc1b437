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
partners so that two equal attributions meet never makes the sum smaller. The rest is an assignment
problem; see `assignment`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from evalkit.data.document import ATTRIBUTION_PARTS, Attribution, Fragments, span_fragments
from evalkit.errors import InputError
from evalkit.scoring.assignment import Edge, Indices, TooManyEdgesError, choose_pairs

# Possible pairs among attributions that compete for each other: about 200 with overlapping cues
MAX_EDGES = 40_000


class Parts(NamedTuple):
    """The ranges of an attribution's parts; () for an absent part."""

    source: Fragments
    cue: Fragments
    content: Fragments

    @property
    def anchor(self) -> tuple[str, Fragments]:
        """The kind and the ranges of the part that pairs are found by."""
        return ("cue", self.cue) if self.cue else ("content", self.content)


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
    try:
        pairs += choose_pairs(edges)
    except TooManyEdgesError:
        raise _too_many_error() from None
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
        count_shared(one, two),
        count_shared(gold.content, predicted.content),
        -moved,
    )
    return Edge(vector, tuple(sorted((gold, predicted))))


def count_shared(one: Fragments, two: Fragments) -> int:
    """The number of characters that two spans share."""
    return sum(
        max(0, min(end, last) - max(start, first)) for start, end in one for first, last in two
    )


def _too_many_error() -> InputError:
    return InputError(
        f"attributions whose cues overlap have more than {MAX_EDGES:,} possible pairs in one"
        " document: they cannot be paired"
    )
