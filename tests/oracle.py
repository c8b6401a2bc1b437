"""The definitions once more, in plain Python and exact fractions, by trying everything. Nothing here comes from the library.

An item is (label, ranges, head): ranges a tuple of (start, end), head anything. `best` looks at every way to pair the items
of a document one to one and takes the largest total credit; it is meant for a handful of items.
"""

from fractions import Fraction
from functools import cache

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


_credit = credit


def best(gold, predicted, scheme, credit=credit):
    """The largest total credit of one-to-one pairs."""
    gold, predicted = tuple(gold), tuple(predicted)
    if scheme in ("strict", "exact") and credit is _credit:
        # A pair needs one span: under each the smaller of the two counts is the most there can be, and nothing has to be tried.
        keys = [[item if scheme == "strict" else item[1:] for item in side] for side in (gold, predicted)]
        return Fraction(sum(min(keys[0].count(key), keys[1].count(key)) for key in set(keys[0])))
    worth = [[credit(g, p, scheme) for p in predicted] for g in gold]

    @cache
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


def words(text):
    """Tokens by the written rule, letter by letter: no white space, no punctuation at the edges, a possessive apart."""
    import unicodedata

    found, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        end = at
        while end < len(text) and not text[end].isspace():
            end += 1
        start, stop = at, end
        while start < stop and unicodedata.category(text[start]).startswith("P"):
            start += 1
        while start < stop and unicodedata.category(text[stop - 1]).startswith("P"):
            stop -= 1
        if stop - start > 2 and text[stop - 2 : stop] in ("'s", "’s", "'S", "’S"):
            found += [(start, stop - 2), (stop - 2, stop)]
        elif start < stop:
            found.append((start, stop))
        at = end
    return found


def relation_credit(gold, predicted, scheme):
    """An attribution whole: (source, cue, content), each the set of its characters or None."""
    if scheme == "strict":
        return Fraction(gold == predicted)
    return Fraction(all((a is None and b is None) if a is None or b is None else bool(a & b) for a, b in zip(gold, predicted, strict=True)))
