"""Every layer under every scheme, on random documents with zones, copies and all three layers of marks, against the oracle.

The items of each layer are listed here once more, in plain loops, from the definitions; nothing is shared with the library.
"""

from fractions import Fraction

import corpora  # noqa: F401 - its profiles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import best, characters, ratios, relation_credit, words

from evalkit import Argument, Attribution, Corpus, Document, Entity, Event, Schema, Span, Unplaced, Zone, score
from evalkit.metrics import every_metric
from evalkit.schema import ZoneRule

TEXT = "Ada’s (big) plan, U.S. x-y. “Bo” ran to Rome’s gate"
SCHEMA = Schema(zones={"in": ZoneRule(), "out": ZoneRule(primary=())})
METRICS = [str(metric) for metric in every_metric()]
LABELS, ROLES, REALIS = ["A", "B"], ["R", "S"], ["ACTUAL", "OTHER", None]


@st.composite
def broken_span(draw):
    a, b, c, d = sorted(draw(st.lists(st.integers(0, len(TEXT)), min_size=4, max_size=4, unique=True)))
    return Span(a, d, ((a, b), (c, d))) if draw(st.booleans()) else Span(a, b)


@st.composite
def entity(draw):
    found = draw(broken_span())
    return Entity(draw(st.sampled_from(LABELS)), found.start, found.end, fragments=found.fragments)


@st.composite
def event(draw):
    trigger = draw(st.sampled_from([Span(0, 3), Span(12, 16), Span(33, 36)]))
    arguments = draw(st.lists(st.tuples(st.sampled_from(ROLES), st.sampled_from([(0, 3), (2, 5), (28, 30), (40, 44)])), max_size=2, unique=True))
    # In one order: events that differ in the order of their arguments alone are one annotation twice (see test_evaluate.py).
    return Event(draw(st.sampled_from(LABELS)), trigger, [Argument(role, *at) for role, at in sorted(arguments)], realis=draw(st.sampled_from(REALIS)))


@st.composite
def attribution(draw, slot):
    """The cue lies in a slot of its own, so that it overlaps one other cue at most."""
    cue = draw(st.sampled_from([Span(12 * slot, 12 * slot + 4), Span(12 * slot + 1, 12 * slot + 3), Span(12 * slot + 4, 12 * slot + 6)]))
    source = draw(st.none() | st.sampled_from([Span(0, 3), Span(2, 5), Span(40, 44)]))
    return Attribution(cue, draw(st.sampled_from([Span(6, 20), Span(10, 20), Span(22, 40)])), source)


@st.composite
def marks(draw):
    slots = draw(st.lists(st.integers(0, 3), max_size=3, unique=True))
    return {
        "entities": draw(st.lists(entity(), max_size=4, unique_by=repr)),
        "events": draw(st.lists(event(), max_size=3, unique_by=repr)),
        "attributions": [draw(attribution(slot)) for slot in slots],
    }


@st.composite
def pair(draw, id):
    """Gold and prediction of a document: part of what gold has is predicted too, and part of what is predicted is repeated."""
    gold, said = draw(marks()), draw(marks())
    taken = {attribution.cue.start // 12 for attribution in said["attributions"]}
    for name, items in gold.items():
        for item in items:
            if draw(st.booleans()) and item not in said[name] and (name != "attributions" or item.cue.start // 12 not in taken):
                said[name].append(item)
    copies = {name: [item for item in items if draw(st.sampled_from([False, False, False, True]))] for name, items in said.items()}
    zones = draw(st.sampled_from([(), (Zone("in", 0, 12), Zone("out", 12, 30), Zone("in", 31, len(TEXT))), (Zone("out", 0, 18), Zone("in", 20, 26))]))
    unplaced = draw(st.lists(st.sampled_from([Unplaced("entities", "A", "r", "Cy"), Unplaced("triggers", "B", "r"), Unplaced("arguments", "R", "r"), Unplaced("realis", "OTHER", "r")]), max_size=2))
    documents = [
        Document(id, TEXT, zones=zones, **gold),
        Document(id, TEXT, unplaced=unplaced, **{name: [*said[name], *copies[name]] for name in said}),
    ]
    return documents, copies


def pieces(span):
    return tuple(span.fragments) or ((span.start, span.end),)


def listed(layer, marks, pairing):
    """(label, ranges, head) of each item of a layer. `pairing` names the head of each attribution, None without a matched cue."""
    if layer == "entities":
        return [(e.label, pieces(e), None) for e in marks["entities"]]
    if layer == "tokens":
        inside = [(e.label, set(characters(pieces(e)))) for e in marks["entities"]]
        return [(label, ((a, b),), None) for label, there in inside for a, b in words(TEXT) if there & set(range(a, b))]
    if layer == "triggers":
        return [(e.label, pieces(e.trigger), None) for e in marks["events"]]
    if layer == "realis":
        return [(e.realis, pieces(e.trigger), None) for e in marks["events"] if e.realis is not None]
    if layer == "arguments":
        return [(a.role, pieces(a), e.label) for e in marks["events"] for a in e.arguments]
    if layer == "attached-arguments":
        return [(a.role, pieces(a), (e.label, pieces(e.trigger))) for e in marks["events"] for a in e.arguments]
    parts = [(n, part, getattr(a, part)) for n, a in enumerate(marks["attributions"]) for part in ("source", "cue", "content")]
    there = [(n, part, pieces(span)) for n, part, span in parts if span is not None]
    if layer == "attributions":
        return [(part, ranges, part) for _, part, ranges in there]
    return [(part, ranges, pairing[n] if pairing[n] is not None else ("alone", id(marks), n)) for n, part, ranges in there]


def matched_cues(gold, said):
    """The head of each attribution of either side: the number of the pair of cues that overlap."""
    heads = [None] * len(gold), [None] * len(said)
    for n, one in enumerate(gold):
        for m, other in enumerate(said):
            if characters(pieces(one.cue)) & characters(pieces(other.cue)):
                heads[0][n] = heads[1][m] = (n, m)
    return heads


SETS = ("triggers", "arguments", "attached-arguments")


def scored_characters(document):
    if not document.zones:
        return set(range(len(TEXT)))
    return {n for zone in document.zones if zone.label == "in" for n in range(zone.start, zone.end)}


def expected(layer, scheme, document, gold, said, copies, unplaced):
    """(credit, gold, predicted) of a document."""
    inside = scored_characters(document)
    heads = matched_cues(gold["attributions"], said["attributions"])

    def items(marks, pairing):
        found = [item for item in dict.fromkeys(listed(layer, marks, pairing)) if characters(item[1]) & inside]
        if layer in SETS and scheme in ("exact", "partial"):
            found = list(dict.fromkeys(("", ranges, head) for _, ranges, head in found))
        return found

    one, other = items(gold, heads[0]), items(said, heads[1])
    repeated = [] if layer in SETS else listed(layer, copies, [0] * len(copies["attributions"]))
    again = [item for item in repeated if characters(item[1]) & inside]
    nowhere = [item for item in unplaced if item.layer == layer or (item.layer, layer) in (("arguments", "attached-arguments"), ("entities", "tokens"))]
    if scheme == "characters":
        sides = [
            {key: set().union(*(characters(ranges) & inside for label, ranges, head in side if (label, head) == key)) for key in {(i[0], i[2]) for i in [*one, *other]}}
            for side in (one, other)
        ]
        wrong = sum(len(characters(ranges) & inside) for _, ranges, _ in again) + sum(len(item.quote or "x") for item in nowhere)
        return tuple(
            map(Fraction, (sum(len(sides[0][k] & sides[1][k]) for k in sides[0]), sum(map(len, sides[0].values())), sum(map(len, sides[1].values())) + wrong))
        )
    return best(one, other, scheme), Fraction(len(one)), Fraction(len(other) + len(again) + len(nowhere))


def expected_relations(scheme, document, gold, said, copies):
    inside = scored_characters(document)

    def whole(marks):
        found = [tuple(None if getattr(a, part) is None else frozenset(characters(pieces(getattr(a, part)))) for part in ("source", "cue", "content")) for a in marks["attributions"]]
        return [item for item in found if any(part & inside for part in item if part)]

    one, other, again = whole(gold), whole(said), whole(copies)
    return best(list(dict.fromkeys(one)), list(dict.fromkeys(other)), scheme, relation_credit), Fraction(len(one)), Fraction(len(other) + len(again))


@given(st.data())
def test_every_layer_under_every_scheme_is_the_oracles(data):
    pairs = [data.draw(pair(id)) for id in ("d0", "d1")]
    gold, said = (Corpus([documents[side] for documents, _ in pairs], schema=SCHEMA) for side in (0, 1))

    scores = score(gold, said, METRICS)

    for metric in METRICS:
        layer, scheme = metric.split("/")
        rows = dict(scores[metric].by_document())
        total = [Fraction(0)] * 3
        for (golden, predicted), copies in pairs:
            mine = {name: list(getattr(golden, name)) for name in copies}
            theirs = {name: list(getattr(predicted, name))[: len(getattr(predicted, name)) - len(copies[name])] for name in copies}
            if layer == "attribution-relations":
                values = expected_relations(scheme, golden, mine, theirs, copies)
            else:
                values = expected(layer, scheme, golden, mine, theirs, copies, predicted.unplaced)
            row = rows[golden.id]
            assert (Fraction(row.tp), row.gold, row.predicted) == values, metric
            total = [a + b for a, b in zip(total, values, strict=True)]
        micro = scores[metric].micro
        assert (micro.precision, micro.recall, micro.f1) == tuple(None if r is None else float(r) for r in ratios(*total))
        zones = [row for _, row in scores[metric].by_zone()]
        assert [sum(getattr(row, name) for row in zones) for name in ("tp", "gold", "predicted")] == [micro.tp, micro.gold, micro.predicted]


@given(st.data())
def test_every_layer_swaps_precision_and_recall_with_its_sides(data):
    pairs = [data.draw(pair("d0"))]
    gold, said = (Corpus([Document("d0", TEXT, **{n: list(getattr(d[side], n))[: len(getattr(d[side], n)) - (side * len(c[n]))] for n in c}) for d, c in pairs]) for side in (0, 1))

    there, back = score(gold, said, METRICS), score(said, gold, METRICS)

    for metric in METRICS:
        for one, other in zip(there[metric].rows(), back[metric].rows(), strict=True):
            if one.average in (None, "micro"):
                assert (one.precision, one.recall, one.f1) == (other.recall, other.precision, other.f1)


def test_a_predicted_item_that_answers_counts_in_the_zone_of_what_it_answers():
    zones = (Zone("in", 0, 12), Zone("in", 12, 20), Zone("out", 20, 30))
    gold = Corpus([Document("d", TEXT, [Entity("A", 13, 18)], zones=zones)], schema=SCHEMA)
    said = Corpus([Document("d", TEXT, [Entity("A", 10, 18), Entity("B", 2, 4), Entity("B", 21, 25)], zones=zones)], schema=SCHEMA)

    by_zone = dict(score(gold, said, "entities/type", zones=["in", "out"])["entities/type"].by_zone())

    assert {zone: (row.tp, row.gold, row.predicted) for zone, row in by_zone.items()} == {"in": (1, 1, 2), "out": (0, 0, 1), "": (0, 0, 0)}


@pytest.mark.parametrize(("zones", "expected"), [((Zone("in", 0, 20), Zone("out", 5, 10)), 15), ((Zone("out", 0, 20), Zone("in", 5, 10)), 5), ((Zone("in", 0, 5), Zone("in", 5, 9)), 9)])
def test_where_zones_overlap_a_character_belongs_to_the_one_that_starts_later(zones, expected):
    both = Corpus([Document("d", TEXT, [Entity("A", 0, 30)], zones=zones)], schema=SCHEMA)

    assert score(both, both, "entities/characters")["entities/characters"].micro.gold == expected
