"""Error analysis once more, in plain loops and exact fractions: pairs, kinds, counts, gains.

Nothing here comes from the library. Pairs are found by trying every one-to-one set of edges of a
connected component, which is meant for components of a handful of items.

Definitions: an edge joins a gold and a predicted item of one group that share a character. The
pairing is the one-to-one set of edges whose vector (correct, label, boundary, label+boundary,
shared characters, -distance of the boundaries) is lexicographically greatest; of several, the one
whose sorted list of unordered pairs of keys (start, end, fragments, label) is least.
"""

from collections import Counter
from fractions import Fraction
from functools import cache
from typing import NamedTuple

PAIR_KINDS = ("correct", "label", "boundary", "label+boundary")
ERROR_KINDS = (
    "label",
    "boundary",
    "label+boundary",
    "missed",
    "spurious",
    "duplicate",
    "unplaced",
)


class Span(NamedTuple):
    """An item: fragments are () for a contiguous one, and items of different groups never meet."""

    start: int
    end: int
    label: str
    fragments: tuple = ()
    group: object = None


class Item(NamedTuple):
    """An item of the analysis, as the indices of its spans; None for a side without one."""

    kind: str
    detail: str | None
    gold: int | None
    predicted: int | None


class Analysis(NamedTuple):
    items: list
    gold: list
    predicted: list
    duplicates: int
    unplaced: int


def join_fragments(fragments):
    """The fragments with adjacent ones joined; () if only one is left."""
    joined = []
    for start, end in sorted(fragments):
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined) if len(joined) > 1 else ()


def make_span(values):
    """A span of (start, end, label[, fragments[, group]])."""
    span = Span(*values)
    return span._replace(fragments=join_fragments(span.fragments or ()))


def characters(span):
    positions = set()
    for start, end in span.fragments or ((span.start, span.end),):
        positions.update(range(start, end))
    return positions


def key(span):
    return (span.start, span.end, span.fragments, span.label)


def has_same_span(gold, predicted):
    return (gold.start, gold.end, gold.fragments) == (
        predicted.start,
        predicted.end,
        predicted.fragments,
    )


def is_overlapping(gold, predicted):
    return gold.group == predicted.group and bool(characters(gold) & characters(predicted))


def pair_kind(gold, predicted):
    same_span = has_same_span(gold, predicted)
    if gold.label == predicted.label:
        return "correct" if same_span else "boundary"
    return "label" if same_span else "label+boundary"


def pair_vector(gold, predicted):
    vector = [0, 0, 0, 0]
    vector[PAIR_KINDS.index(pair_kind(gold, predicted))] = 1
    vector.append(len(characters(gold) & characters(predicted)))
    vector.append(-abs(gold.start - predicted.start) - abs(gold.end - predicted.end))
    return tuple(vector)


def find_edges(gold, predicted):
    """{(gold index, predicted index): (vector, unordered pair of keys)}"""
    edges = {}
    for g, one in enumerate(gold):
        for p, two in enumerate(predicted):
            if is_overlapping(one, two):
                edges[g, p] = (pair_vector(one, two), tuple(sorted((key(one), key(two)))))
    return edges


def split_components(edges):
    """The edges in lists that share no item."""
    waiting, components = set(edges), []
    while waiting:
        component, border = [], [min(waiting)]
        waiting.remove(border[0])
        while border:
            g, p = border.pop()
            component.append((g, p))
            touching = [edge for edge in waiting if edge[0] == g or edge[1] == p]
            waiting.difference_update(touching)
            border += touching
        components.append(sorted(component))
    return components


def find_best_set(edges):
    """The best one-to-one set of the edges {(g, p): (vector, key)}, by trying all of them."""
    rows = sorted({g for g, _ in edges})
    columns = {p: n for n, p in enumerate(sorted({p for _, p in edges}))}
    length = len(next(iter(edges.values()))[0])

    @cache
    def best_from(n, taken):
        """(vector, sorted keys, pairs) of the best set for the gold items from n on."""
        if n == len(rows):
            return (0,) * length, (), ()
        best = best_from(n + 1, taken)
        for (g, p), (vector, pair) in edges.items():
            bit = 1 << columns[p]
            if g != rows[n] or taken & bit:
                continue
            rest = best_from(n + 1, taken | bit)
            total = tuple(a + b for a, b in zip(vector, rest[0], strict=True))
            keys = tuple(sorted((*rest[1], pair)))
            if total > best[0] or (total == best[0] and keys < best[1]):
                best = (total, keys, ((g, p), *rest[2]))
        return best

    return best_from(0, 0)


def pair_items(gold, predicted):
    """The pairs of one document as indices, sorted."""
    edges = find_edges(gold, predicted)
    pairs = []
    for component in split_components(edges):
        pairs += find_best_set({edge: edges[edge] for edge in component})[2]
    return sorted(pairs)


def boundary_detail(gold, predicted):
    one, two = characters(gold), characters(predicted)
    if two < one:
        return "too short"
    return "too long" if two > one else "shifted"


def detail_of_unpaired(others, kinds, detail_of_boundary):
    """The detail of an item that overlaps the items `others` of the other side, whose kinds are
    given.
    """
    found = {kinds.get(other) for other in others}
    if found & {"boundary", "label+boundary"}:
        return detail_of_boundary
    return "nested" if found else None


def analyze(gold, predicted, duplicates=0, unplaced=0, *, is_failed=False):
    """The analysis of one document. gold and predicted are spans (or tuples) without duplicates.

    is_failed: the prediction of the document failed, so that nothing was predicted.
    """
    gold, predicted = [make_span(g) for g in gold], [make_span(p) for p in predicted]
    pairs = pair_items(gold, predicted)
    kinds = {(g, p): pair_kind(gold[g], predicted[p]) for g, p in pairs}
    gold_kinds = {g: kind for (g, _), kind in kinds.items()}
    predicted_kinds = {p: kind for (_, p), kind in kinds.items()}
    items = []
    for (g, p), kind in kinds.items():
        is_boundary = kind in ("boundary", "label+boundary")
        detail = boundary_detail(gold[g], predicted[p]) if is_boundary else None
        items.append(Item(kind, detail, g, p))
    for g, one in enumerate(gold):
        if g in gold_kinds:
            continue
        others = [p for p, two in enumerate(predicted) if is_overlapping(one, two)]
        detail = detail_of_unpaired(others, predicted_kinds, "merged")
        items.append(Item("missed", "failed document" if is_failed else detail, g, None))
    for p, two in enumerate(predicted):
        if p in predicted_kinds:
            continue
        others = [g for g, one in enumerate(gold) if is_overlapping(one, two)]
        items.append(Item("spurious", detail_of_unpaired(others, gold_kinds, "split"), None, p))
    return Analysis(items, gold, predicted, duplicates, unplaced)


# Counts


def count_kinds(analyses):
    """The number of items of each kind that occurs."""
    counts = Counter()
    for analysis in analyses:
        counts.update(item.kind for item in analysis.items)
        counts["duplicate"] += analysis.duplicates
        counts["unplaced"] += analysis.unplaced
    return {kind: n for kind, n in counts.items() if n}


def count_details(analyses):
    """The number of items of each kind and detail that occurs, such as "missed: merged"."""
    counts = Counter()
    for analysis in analyses:
        counts.update(f"{item.kind}: {item.detail}" for item in analysis.items if item.detail)
    return dict(counts)


def count_labels(analyses):
    """({(kind, gold label): n}, {(kind, predicted label): n})"""
    by_gold, by_predicted = Counter(), Counter()
    for analysis in analyses:
        for item in analysis.items:
            if item.gold is not None:
                by_gold[item.kind, analysis.gold[item.gold].label] += 1
            if item.predicted is not None:
                by_predicted[item.kind, analysis.predicted[item.predicted].label] += 1
    return dict(by_gold), dict(by_predicted)


def count_confusions(analyses, *, same_span_only=False):
    """{(gold label, predicted label): n} with None for no counterpart."""
    counts = Counter()
    for analysis in analyses:
        for item in analysis.items:
            gold = None if item.gold is None else analysis.gold[item.gold].label
            predicted = None if item.predicted is None else analysis.predicted[item.predicted].label
            if same_span_only and item.kind in ("boundary", "label+boundary"):
                counts[gold, None] += 1
                counts[None, predicted] += 1
            else:
                counts[gold, predicted] += 1
    return dict(counts)


def sum_gold(counts):
    return sum(counts.get(kind, 0) for kind in (*PAIR_KINDS, "missed"))


def sum_predicted(counts):
    more = ("spurious", "duplicate", "unplaced")
    return sum(counts.get(kind, 0) for kind in (*PAIR_KINDS, *more))


# Losses and gains


def divide(part, whole):
    return Fraction(part, whole) if whole else None


def f1_if_repaired(counts, kinds=()):
    """F1 with the errors of the kinds repaired; None where undefined."""
    tp = counts.get("correct", 0)
    total = sum_gold(counts) + sum_predicted(counts)
    for kind in kinds:
        n = counts.get(kind, 0)
        if kind in PAIR_KINDS:
            tp += n
        elif kind == "missed":
            tp, total = tp + n, total + n
        else:
            total -= n
    return divide(2 * tp, total)


def subtract(f1, base):
    return None if f1 is None or base is None else f1 - base


def gains_alone(counts):
    """The gain of F1 for each kind of error that occurs, repaired alone."""
    base = f1_if_repaired(counts)
    gains = {}
    for kind in ERROR_KINDS:
        if counts.get(kind):
            gains[kind] = subtract(f1_if_repaired(counts, [kind]), base)
    return gains


def losses(counts):
    """The loss of each kind of error that occurs: their sum is 1 - F1."""
    total = sum_gold(counts) + sum_predicted(counts)
    shares = {}
    for kind in ERROR_KINDS:
        n = counts.get(kind, 0)
        if n:
            shares[kind] = Fraction(2 * n if kind in PAIR_KINDS else n, total)
    return shares


def gain_without_false_positives(counts):
    gold, tp = sum_gold(counts), counts.get("correct", 0)
    return subtract(divide(2 * tp, gold + tp), f1_if_repaired(counts))


def gain_without_false_negatives(counts):
    gold, predicted = sum_gold(counts), sum_predicted(counts)
    fn = gold - counts.get("correct", 0)
    return subtract(divide(2 * gold, gold + predicted + fn), f1_if_repaired(counts))


def document_losses(rows):
    """{id: share of 1 - F1} of {id: (gold, predicted, tp)}, with the ids of positive shares from
    the largest to the smallest.
    """
    total = sum(gold + predicted for gold, predicted, _ in rows.values())
    shares = {}
    for id, (gold, predicted, tp) in rows.items():
        shares[id] = Fraction(gold - tp + predicted - tp, total)
    ranked = sorted((-share, id) for id, share in shares.items() if share)
    return shares, [id for _, id in ranked]


# Fair counts


def fair_ratios(tp, fp, fn):
    """(precision, recall, F1), None where undefined."""
    precision, recall = divide(tp, tp + fp), divide(tp, tp + fn)
    if precision is None or recall is None:
        return precision, recall, None
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else Fraction(0)
    return precision, recall, f1


def fair_counts(analyses):
    """(tp, fp, fn) with each error counted once: half an error of each side where both have it."""
    kinds, details = count_kinds(analyses), count_details(analyses)
    merged, split = details.get("missed: merged", 0), details.get("spurious: split", 0)
    shared = merged + split + sum(kinds.get(kind, 0) for kind in PAIR_KINDS[1:])
    spurious = sum(kinds.get(kind, 0) for kind in ("spurious", "duplicate", "unplaced")) - split
    missed = kinds.get("missed", 0) - merged
    half = Fraction(shared, 2)
    return Fraction(kinds.get("correct", 0)), spurious + half, missed + half


WEIGHTS = {  # (tp, fp, fn)
    "too short": (Fraction(1, 2), Fraction(0), Fraction(1, 2)),
    "too long": (Fraction(1, 2), Fraction(1, 2), Fraction(0)),
    "shifted": (Fraction(1, 2), Fraction(1, 4), Fraction(1, 4)),
    "label": (Fraction(0), Fraction(1, 2), Fraction(1, 2)),
}


def weigh_pair(gold, predicted):
    """The (tp, fp, fn) of two items that are not equal."""
    if gold.label != predicted.label:
        return WEIGHTS["label"]
    return WEIGHTS[boundary_detail(gold, predicted)]


def find_partner(span, others):
    """The item that a merged or split one is judged by: the one with the best edge."""
    ranked = []
    for other in others:
        vector = pair_vector(span, other)
        pair = tuple(sorted((key(span), key(other))))
        ranked.append(([-value for value in vector], pair, other))
    return min(ranked, key=lambda entry: entry[:2])[2]


def weighted_fair_counts(analyses):
    """(tp, fp, fn) of FairEval's weights."""
    total = [Fraction(0)] * 3

    def add(weights):
        for n, weight in enumerate(weights):
            total[n] += weight

    for analysis in analyses:
        gold, predicted = analysis.gold, analysis.predicted
        by_boundary = [item for item in analysis.items if "boundary" in item.kind]
        wrong_gold = [gold[item.gold] for item in by_boundary]
        wrong_predicted = [predicted[item.predicted] for item in by_boundary]
        for item in analysis.items:
            if item.kind == "correct":
                add((1, 0, 0))
            elif item.kind in PAIR_KINDS:
                add(weigh_pair(gold[item.gold], predicted[item.predicted]))
            elif item.detail == "merged":
                one = gold[item.gold]
                others = [two for two in wrong_predicted if is_overlapping(one, two)]
                add(weigh_pair(one, find_partner(one, others)))
            elif item.detail == "split":
                two = predicted[item.predicted]
                others = [one for one in wrong_gold if is_overlapping(one, two)]
                add(weigh_pair(find_partner(two, others), two))
            else:
                add((0, 0, 1) if item.kind == "missed" else (0, 1, 0))
        add((0, analysis.duplicates + analysis.unplaced, 0))
    return tuple(total)


# Differences of two systems


def contributions(units):
    """{unit: share of F1 of B minus F1 of A} of {unit: (tp_a, predicted_a, tp_b, predicted_b,
    gold)}, with both F1.
    """
    tp_a, predicted_a, tp_b, predicted_b, gold = (
        sum(row[n] for row in units.values()) for n in range(5)
    )
    n_a, n_b = gold + predicted_a, gold + predicted_b
    shares = {}
    for unit, row in units.items():
        more_tp, more_predicted = row[2] - row[0], row[3] - row[1]
        shares[unit] = more_tp * (Fraction(1, n_a) + Fraction(1, n_b)) - Fraction(
            more_predicted * (tp_a + tp_b), n_a * n_b
        )
    return shares, Fraction(2 * tp_a, n_a), Fraction(2 * tp_b, n_b)


# Random components

SHAPES = ("flat", "nested", "stacked", "discontinuous", "touching")
LABELS = ("A", "B", "C")
LENGTH = 16  # of the text; small, so that much overlaps


def random_fragments(draw):
    borders = sorted(draw.sample(range(LENGTH + 1), draw.choice([4, 4, 6])))
    return tuple(zip(borders[::2], borders[1::2], strict=True))


def random_span(draw, shape):
    """(start, end, label, fragments)"""
    label = draw.choice(LABELS[: draw.choice([1, 2, 3])])
    if shape == "stacked":
        start = draw.choice([0, 0, 3])
        return (start, start + draw.choice([4, 4, 7]), label, ())
    if shape == "discontinuous" and draw.random() < 0.6:
        fragments = random_fragments(draw)
        return (fragments[0][0], fragments[-1][1], label, fragments)
    if shape == "touching":
        start, end = sorted(draw.sample(range(0, LENGTH + 1, 4), 2))
        return (start, end, label, ())
    start, end = sorted(draw.sample(range(LENGTH + 1), 2))
    return (start, end, label, ())


def is_crossing(span, other):
    return span[0] < other[0] < span[1] < other[1] or other[0] < span[0] < other[1] < span[1]


def has_room(shape, span, side):
    """Whether a span may join its side: no duplicates; flat sides do not overlap, nested ones do
    not cross.
    """
    for other in side:
        if shape == "flat" and span[0] < other[1] and other[0] < span[1]:
            return False
        if shape == "nested" and is_crossing(span, other):
            return False
        if key(make_span(span)) == key(make_span(other)):
            return False
    return True


def random_side(draw, shape, most):
    side = []
    for _ in range(draw.randint(0, most)):
        span = random_span(draw, shape)
        if has_room(shape, span, side):
            side.append(span)
    return side


def random_component(draw, shape=None, most=5):
    """(gold, predicted): spans of a short text, at most so many on each side, in any order. A part
    of the predictions equals gold in span, in label or in both.
    """
    shape = draw.choice(SHAPES) if shape is None else shape
    gold = random_side(draw, shape, most)
    predicted = []
    for span in gold:
        chance = draw.random()
        changed = list(span)
        if chance > 0.4:
            continue
        if chance > 0.2:
            changed[2] = draw.choice(LABELS)
        if has_room(shape, tuple(changed), predicted):
            predicted.append(tuple(changed))
    for span in random_side(draw, shape, most - len(predicted)):
        if has_room(shape, span, predicted):
            predicted.append(span)
    draw.shuffle(predicted)
    return gold, predicted
