"""The definitions once more, in plain Python and exact fractions, by trying everything. Nothing here comes from the library.

An item is (label, ranges, head): ranges a tuple of (start, end), head anything. `best` looks at every way to pair the items
of a document one to one and takes the largest total credit; it is meant for a handful of items.
"""

from fractions import Fraction
from functools import lru_cache

HALF = Fraction(1, 2)


def characters(ranges):
    return {position for start, end in ranges for position in range(start, end)}


def credit(gold, predicted, scheme):
    """What a pair is worth; 0 for one that may not be made."""
    if gold[2] != predicted[2]:
        return Fraction(0)
    same_span, overlap = gold[1] == predicted[1], bool(characters(gold[1]) & characters(predicted[1]))
    same_label = gold[0] == predicted[0]
    if scheme == "strict":
        return Fraction(same_span and same_label)
    if scheme == "exact":
        return Fraction(same_span)
    if scheme == "type":
        return Fraction(overlap and same_label)
    return Fraction(1) if same_span else HALF if overlap else Fraction(0)


def best(gold, predicted, scheme):
    """The largest total credit of one-to-one pairs."""
    gold, predicted = tuple(gold), tuple(predicted)
    worth = [[credit(g, p, scheme) for p in predicted] for g in gold]

    @lru_cache(maxsize=None)
    def from_here(n, taken):
        if n == len(gold):
            return Fraction(0)
        found = from_here(n + 1, taken)
        for m in range(len(predicted)):
            if not taken >> m & 1 and worth[n][m]:
                found = max(found, worth[n][m] + from_here(n + 1, taken | 1 << m))
        return found

    return from_here(0, 0)


def best_overlap(gold, predicted):
    """The largest number of one-to-one pairs that overlap under one head."""
    return best([("", *item[1:]) for item in gold], [("", *item[1:]) for item in predicted], "type")


def totals(gold, predicted, scheme):
    """(credit, gold, predicted) of a document."""
    if scheme == "characters":
        keys = {(label, head) for label, _, head in [*gold, *predicted]}
        sides = [
            {key: set().union(*(characters(ranges) for label, ranges, head in side if (label, head) == key)) for key in keys}
            for side in (gold, predicted)
        ]
        return tuple(Fraction(sum(map(len, found))) for found in ([sides[0][k] & sides[1][k] for k in keys], sides[0].values(), sides[1].values()))
    return best(gold, predicted, scheme), Fraction(len(gold)), Fraction(len(predicted))


def ratios(found, gold, predicted):
    """(precision, recall, F1), None where undefined."""
    return tuple(part / whole if whole else None for part, whole in ((found, predicted), (found, gold), (2 * found, gold + predicted)))
