"""The definitions once more, in plain Python and exact fractions, by trying everything.

Nothing here comes from the library.

An item is (label, ranges, head): ranges a tuple of (start, end), head anything. `best` looks at
every way to pair the items of a document one to one and takes the largest total credit; it is meant
for a handful of items.
"""

from fractions import Fraction
from functools import cache
from typing import NamedTuple

HALF = Fraction(1, 2)


def characters(ranges):
    return {position for start, end in ranges for position in range(start, end)}


def iou(ranges, other_ranges):
    """Shared characters ÷ characters of the union."""
    one, other = characters(ranges), characters(other_ranges)
    return Fraction(len(one & other), len(one | other))


def threshold(scheme):
    return Fraction(scheme.removeprefix("iou:"))


def credit(gold, predicted, scheme):
    """What a pair is worth; 0 for one that may not be made."""
    if gold[2] != predicted[2]:
        return Fraction(0)
    same_span, overlap = (
        gold[1] == predicted[1],
        bool(characters(gold[1]) & characters(predicted[1])),
    )
    same_label = gold[0] == predicted[0]
    if scheme == "strict":
        return Fraction(same_span and same_label)
    if scheme == "exact":
        return Fraction(same_span)
    if scheme == "type":
        return Fraction(overlap and same_label)
    if scheme.startswith("iou:"):
        return Fraction(overlap and same_label and iou(gold[1], predicted[1]) >= threshold(scheme))
    return Fraction(1) if same_span else HALF if overlap else Fraction(0)


_credit = credit


def best(gold, predicted, scheme, credit=credit):
    """The largest total credit of one-to-one pairs."""
    gold, predicted = tuple(gold), tuple(predicted)
    if scheme in ("strict", "exact") and credit is _credit:
        # A pair needs one span: under each the smaller of the two counts is the most there can be,
        # and nothing has to be tried.
        keys = [
            [item if scheme == "strict" else item[1:] for item in side]
            for side in (gold, predicted)
        ]
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
            {
                key: (
                    set().union(
                        *(
                            characters(ranges)
                            for label, ranges, head in side
                            if (label, head) == key
                        )
                    )
                )
                for key in keys
            }
            for side in (gold, predicted)
        ]
        return tuple(
            Fraction(sum(map(len, found)))
            for found in (
                [sides[0][k] & sides[1][k] for k in keys],
                sides[0].values(),
                sides[1].values(),
            )
        )
    return best(gold, predicted, scheme), Fraction(len(gold)), Fraction(len(predicted))


def ratios(found, gold, predicted):
    """(precision, recall, F1), None where undefined."""
    return tuple(
        part / whole if whole else None
        for part, whole in ((found, predicted), (found, gold), (2 * found, gold + predicted))
    )


def words(text):
    """Tokens by the written rule, letter by letter: no white space, no punctuation at the edges, a
    possessive apart.
    """
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
    return Fraction(
        all(
            (a is None and b is None) if a is None or b is None else bool(a & b)
            for a, b in zip(gold, predicted, strict=True)
        )
    )


# The layers: from two documents to counts. Documents are read by their fields only.

LAYERS = (
    "entities",
    "tokens",
    "triggers",
    "arguments",
    "attached-arguments",
    "realis",
    "attributions",
    "attached-attributions",
    "attribution-relations",
)
SET_LAYERS = ("triggers", "arguments", "attached-arguments")
PARTS = ("source", "cue", "content")
LABEL_SCHEMES = ("strict", "type", "characters")
SCHEMES = ("strict", "exact", "type", "partial", "characters")
IOU_LAYERS = (
    "entities",
    "triggers",
    "arguments",
    "attached-arguments",
    "realis",
    "attributions",
    "attached-attributions",
)
SCHEMES_OF = dict.fromkeys(LAYERS, SCHEMES) | {
    "tokens": ("strict", "exact"),
    "attribution-relations": ("strict", "type"),
}
METRICS = tuple(f"{layer}/{scheme}" for layer in LAYERS for scheme in SCHEMES_OF[layer])
UNPLACED_LAYER = {
    "attached-arguments": "arguments",
    "attached-attributions": "attributions",
    "tokens": "entities",
}


class Counts(NamedTuple):
    tp: Fraction
    predicted: int
    gold: int


class DocumentCounts(NamedTuple):
    """Counts of a document.

    `labels` has the counts of each label; tp is None where it depends on which pairs are shown.
    """

    micro: Counts
    labels: dict


class Item(NamedTuple):
    label: str
    ranges: tuple
    group: object = None


class Side(NamedTuple):
    """One side of a document: annotations without duplicates, the duplicates, and the unplaced
    predictions.
    """

    distinct: dict
    duplicates: dict
    unplaced: tuple


def ranges_of(span):
    if span is None:
        return ()
    return tuple(span.fragments) or ((span.start, span.end),)


def split_duplicates(document):
    """Two annotations are duplicates if they agree in all that the definition names, whatever their
    id, score or attributes.
    """
    keys = {
        "entities": lambda e: (e.label, ranges_of(e)),
        "events": lambda e: (
            e.label,
            ranges_of(e.trigger),
            e.realis,
            frozenset((a.role, ranges_of(a)) for a in e.arguments),
        ),
        "attributions": lambda a: tuple(ranges_of(getattr(a, part)) for part in PARTS),
    }
    distinct, duplicates = {}, {}
    for name, key in keys.items():
        seen = set()
        distinct[name], duplicates[name] = [], []
        for annotation in getattr(document, name) or ():
            (duplicates if key(annotation) in seen else distinct)[name].append(annotation)
            seen.add(key(annotation))
    return Side(distinct, duplicates, document.unplaced)


def map_label(maps, layer, label):
    """The label under a label map keyed by layer; None if it is dropped."""
    renamed = maps.get(layer, {})
    return renamed.get(label, renamed.get("*", label))


def list_items(layer, text, annotations, groups, maps):
    """The items of a layer, repeated ones included. `groups` has the group of each attribution."""
    items = []
    if layer in ("entities", "tokens"):
        for entity in annotations["entities"]:
            label = map_label(maps, "entities", entity.label)
            if layer == "entities":
                items.append(Item(label, ranges_of(entity)))
            else:
                inside = characters(ranges_of(entity))
                items += [
                    Item(label, (word,)) for word in words(text) if inside & characters([word])
                ]
    for event in annotations["events"]:
        label, trigger = map_label(maps, "triggers", event.label), ranges_of(event.trigger)
        if label is None:
            continue
        if layer == "triggers":
            items.append(Item(label, trigger))
        if layer == "realis" and event.realis is not None:
            items.append(Item(map_label(maps, "realis", event.realis), trigger))
        if layer in ("arguments", "attached-arguments"):
            group = label if layer == "arguments" else (label, trigger)
            items += [
                Item(map_label(maps, "arguments", argument.role), ranges_of(argument), group)
                for argument in event.arguments
            ]
    for attribution, group in zip(annotations["attributions"], groups, strict=True):
        if layer in ("attributions", "attached-attributions"):
            parts = [part for part in PARTS if getattr(attribution, part) is not None]
            items += [
                Item(
                    part,
                    ranges_of(getattr(attribution, part)),
                    part if layer == "attributions" else group,
                )
                for part in parts
            ]
        if layer == "attribution-relations":
            items.append(
                Item("attribution", tuple(ranges_of(getattr(attribution, part)) for part in PARTS))
            )
    return [item for item in items if item.label is not None]


def pair_attributions(gold, predicted):
    """The one-to-one pairing of attributions, by trying every one: a list of (index in gold, index
    in predicted).
    """
    anchors = [
        [
            next(
                (part, getattr(a, part))
                for part in ("cue", "content", "source")
                if getattr(a, part) is not None
            )
            for a in side
        ]
        for side in (gold, predicted)
    ]
    possible = [
        [
            m
            for m, (kind, span) in enumerate(anchors[1])
            if kind == anchors[0][n][0]
            and characters(ranges_of(span)) & characters(ranges_of(anchors[0][n][1]))
        ]
        for n in range(len(gold))
    ]
    triples = [
        [tuple(ranges_of(getattr(a, part)) for part in PARTS) for a in side]
        for side in (gold, predicted)
    ]

    def vector(pairs):
        values = [0] * 8
        for n, m in pairs:
            one, other = anchors[0][n][1], anchors[1][m][1]
            mine, theirs = triples[0][n], triples[1][m]
            values[0] += ranges_of(one) == ranges_of(other)
            values[1] += mine == theirs
            values[2] += mine[2] == theirs[2]
            values[3] += mine[0] == theirs[0]
            values[4] += 1
            values[5] += len(characters(ranges_of(one)) & characters(ranges_of(other)))
            values[6] += len(characters(mine[2]) & characters(theirs[2]))
            values[7] -= abs(one.start - other.start) + abs(one.end - other.end)
        return values

    def all_pairings(n, taken):
        if n == len(gold):
            yield []
            return
        yield from all_pairings(n + 1, taken)
        for m in possible[n]:
            if m not in taken:
                for rest in all_pairings(n + 1, taken | {m}):
                    yield [(n, m), *rest]

    found = [(vector(pairs), pairs) for pairs in all_pairings(0, frozenset())]
    greatest = max(value for value, _ in found)
    return min(
        (pairs for value, pairs in found if value == greatest),
        key=lambda pairs: sorted(sorted((triples[0][n], triples[1][m])) for n, m in pairs),
    )


def group_attributions(gold, predicted):
    """The group of each attribution on either side: its pair, or itself alone."""
    groups = (
        [("gold", n) for n in range(len(gold))],
        [("predicted", m) for m in range(len(predicted))],
    )
    for n, m in pair_attributions(gold, predicted):
        groups[0][n] = groups[1][m] = (n, m)
    return groups


def keep_scored(layer, items, scored):
    """The items that touch a scored zone; a whole attribution does so with any of its parts."""
    if scored is None:
        return items
    return [
        item
        for item in items
        if any(
            characters(ranges) & scored
            for ranges in (item.ranges if layer == "attribution-relations" else [item.ranges])
        )
    ]


def compared_items(metric, gold, predicted, scored=None, maps=({}, {})):
    """(gold items, predicted items, predicted items that are duplicates, unplaced predictions), as
    the scheme compares them.
    """
    layer, scheme = metric.split("/")
    sides = [split_duplicates(document) for document in (gold, predicted)]
    groups = group_attributions(*(side.distinct["attributions"] for side in sides))
    items = []
    for side, group, renamed in zip(sides, groups, maps, strict=True):
        listed = keep_scored(
            layer, list_items(layer, gold.text, side.distinct, group, renamed), scored
        )
        if layer in SET_LAYERS and scheme in ("exact", "partial"):
            listed = [item._replace(label="") for item in listed]
        if layer in SET_LAYERS or layer in ("tokens", "realis", "attributions"):
            listed = list(dict.fromkeys(listed))
        items.append(listed)
    again = []
    if layer not in SET_LAYERS:
        copies = sides[1].duplicates
        again = keep_scored(
            layer,
            list_items(layer, gold.text, copies, [None] * len(copies["attributions"]), maps[1]),
            scored,
        )
    renamed_in = UNPLACED_LAYER.get(layer, layer)
    nowhere = [
        (map_label(maps[1], renamed_in, item.label), item)
        for item in predicted.unplaced
        if item.layer == renamed_in
    ]
    return *items, again, [(label, item) for label, item in nowhere if label is not None]


def count_document(metric, gold, predicted, scored=None, maps=({}, {})):
    """Counts of a pair of documents.

    `scored` are the characters of the scored zones, None for all.
    """
    layer, scheme = metric.split("/")
    has_labels = scheme in LABEL_SCHEMES or scheme.startswith("iou:")
    one, other, again, nowhere = compared_items(metric, gold, predicted, scored, maps)
    labels = sorted(
        {item.label for item in [*one, *other, *again]} | {label for label, _ in nowhere}
    )
    if scheme == "characters":
        each = {
            label: count_characters(label, one, other, again, nowhere, scored) for label in labels
        }
        return DocumentCounts(add_up(each.values()), each)

    def credit_of(one, other):
        if layer == "attribution-relations":
            as_sets = [
                [
                    tuple(frozenset(characters(ranges)) or None for ranges in item.ranges)
                    for item in side
                ]
                for side in (one, other)
            ]
            return best(*as_sets, scheme, relation_credit)
        return best(one, other, scheme)

    each = {}
    for label in labels:
        mine, theirs = ([item for item in side if item.label == label] for side in (one, other))
        many = (
            len(theirs)
            + sum(item.label == label for item in again)
            + sum(found == label for found, _ in nowhere)
        )
        each[label] = Counts(credit_of(mine, theirs) if has_labels else None, many, len(mine))
    if has_labels:
        return DocumentCounts(add_up(each.values()), each)
    return DocumentCounts(
        Counts(credit_of(one, other), len(other) + len(again) + len(nowhere), len(one)), each
    )


def count_characters(label, one, other, again, nowhere, scored):
    groups = {item.group for item in [*one, *other] if item.label == label}
    tp = predicted = gold = 0
    for group in groups:
        sets = [
            set().union(
                *(
                    characters(item.ranges)
                    for item in side
                    if (item.label, item.group) == (label, group)
                )
            )
            for side in (one, other)
        ]
        if scored is not None:
            sets = [found & scored for found in sets]
        tp, predicted, gold = (
            tp + len(sets[0] & sets[1]),
            predicted + len(sets[1]),
            gold + len(sets[0]),
        )
    for item in again:
        if item.label == label:
            predicted += len(
                characters(item.ranges) if scored is None else characters(item.ranges) & scored
            )
    predicted += sum(len(item.quote or "x") for found, item in nowhere if found == label)
    return Counts(Fraction(tp), predicted, gold)


def add_up(counts):
    total = Counts(Fraction(0), 0, 0)
    for each in counts:
        total = Counts(total.tp + each.tp, total.predicted + each.predicted, total.gold + each.gold)
    return total


def add_up_labels(documents):
    """The counts of each label over all documents; tp is None where one of them is."""
    total = {}
    for document in documents:
        for label, counts in document.labels.items():
            before = total.get(label, Counts(Fraction(0), 0, 0))
            tp = None if counts.tp is None or before.tp is None else before.tp + counts.tp
            total[label] = Counts(
                tp, before.predicted + counts.predicted, before.gold + counts.gold
            )
    return {label: counts for label, counts in total.items() if counts.predicted or counts.gold}


def macro_average(labels):
    """The mean of each ratio over the labels that have an item, an undefined ratio counting as 0;
    None without a label.
    """
    return mean_of_ratios(list(labels.values()), [1] * len(labels))


def weighted_average(labels):
    """The mean of each ratio weighted by the number of gold items; 0 without gold, None without a
    label.
    """
    counts = list(labels.values())
    return mean_of_ratios(counts, [each.gold for each in counts])


def per_document_average(documents):
    """The mean of each ratio over the documents that have an item on either side."""
    present = [counts for counts in documents if counts.predicted or counts.gold]
    return mean_of_ratios(present, [1] * len(present))


def mean_of_ratios(counts, weights):
    if not counts:
        return None, None, None
    columns = zip(*(ratios(each.tp, each.gold, each.predicted) for each in counts), strict=True)
    whole = sum(weights)
    return tuple(
        (
            sum(weight * (value or 0) for weight, value in zip(weights, column, strict=True))
            / whole
            if whole
            else Fraction(0)
        )
        for column in columns
    )


class Muc(NamedTuple):
    correct: int
    incorrect: int
    partial: int
    missing: int
    spurious: int


def count_muc(metric, gold, predicted, scored=None):
    """The counts of SemEval-2013 task 9.1 in the written order; not of type, whose pairs decide
    which items remain.
    """
    _, scheme = metric.split("/")
    one, other, again, nowhere = compared_items(metric, gold, predicted, scored)
    correct = incorrect = partial = 0
    for same in (
        lambda g, p: g == p,
        lambda g, p: g[1:] == p[1:],
    ):  # of one span, equal labels first
        for item in list(one):
            answer = next((p for p in other if same(item, p)), None)
            if answer is not None:
                one.remove(item)
                other.remove(answer)
                if scheme == "strict" and item.label != answer.label:
                    incorrect += 1
                else:
                    correct += 1
    overlapping = count_overlaps(one, other)
    if scheme == "partial":
        partial += overlapping
    else:
        incorrect += overlapping
    return Muc(
        correct,
        incorrect,
        partial,
        len(one) - overlapping,
        len(other) - overlapping + len(again) + len(nowhere),
    )


def count_overlaps(gold, predicted):
    """The largest number of one-to-one pairs that overlap in one group, by augmenting paths."""
    reach = [
        [
            m
            for m, p in enumerate(predicted)
            if g.group == p.group and characters(g.ranges) & characters(p.ranges)
        ]
        for g in gold
    ]
    partner = {}

    def augment(n, tried):
        for m in reach[n]:
            if m not in tried:
                tried.add(m)
                if m not in partner or augment(partner[m], tried):
                    partner[m] = n
                    return True
        return False

    return sum(augment(n, set()) for n in range(len(gold)))


def count_textee(gold, predicted):
    """TextEE's six numbers as (true positives, predicted, gold): sets of tuples over all documents."""  # noqa: E501
    forms = {
        "tri-i": lambda d, e: [(d.id, ranges_of(e.trigger))],
        "tri-c": lambda d, e: [(d.id, ranges_of(e.trigger), e.label)],
        "arg-i": lambda d, e: [(d.id, e.label, ranges_of(a)) for a in e.arguments],
        "arg-c": lambda d, e: [(d.id, e.label, ranges_of(a), a.role) for a in e.arguments],
        "arg-i+": lambda d, e: [
            (d.id, e.label, ranges_of(e.trigger), ranges_of(a)) for a in e.arguments
        ],
        "arg-c+": lambda d, e: [
            (d.id, e.label, ranges_of(e.trigger), ranges_of(a), a.role) for a in e.arguments
        ],
    }
    numbers = {}
    for name, form in forms.items():
        sets = [
            {
                found
                for document in side
                for event in document.events
                for found in form(document, event)
            }
            for side in (gold, predicted)
        ]
        numbers[name] = len(sets[0] & sets[1]), len(sets[1]), len(sets[0])
    return numbers
