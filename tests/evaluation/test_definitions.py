"""Every layer under every scheme, the averages and the MUC counts against the oracle, on random
corpora whose predictions are like their gold.

EVALKIT_CORPORA says on how many; scripts/properties takes 10,000, and the tests marked slow take
10,000 documents.
"""

import os
import random
from fractions import Fraction

import pytest
from helpers.oracle import (
    LABEL_SCHEMES,
    METRICS,
    SET_LAYERS,
    add_up,
    add_up_labels,
    compared_items,
    count_document,
    count_muc,
    count_overlaps,
    count_textee,
    macro_average,
    per_document_average,
    ratios,
    weighted_average,
)
from helpers.random_documents import (
    TEXT,
    ZONES,
    make_corpora,
    make_pairs,
    scored_characters,
    zone_of_characters,
)

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    LoadError,
    Span,
    Unplaced,
    score,
    score_tags,
)

CORPORA = int(os.environ.get("EVALKIT_CORPORA", "20"))
SMALL = [
    pytest.param(
        [(seed, None) for seed in range(first, min(first + 20, CORPORA))], id=f"corpora-{first}"
    )
    for first in range(0, CORPORA, 20)
]
LARGE = [
    pytest.param([(10_000 + n, 250)], id=f"documents-{250 * n}", marks=pytest.mark.slow)
    for n in range(40)
]  # each document is compared
for_random_corpora = pytest.mark.parametrize("corpora", SMALL + LARGE)
MANY_CORPORA = [
    pytest.param(
        [(seed, None) for seed in range(first, first + 500)],
        id=f"many-{first}",
        marks=pytest.mark.slow,
    )
    for first in range(0, 10_000, 500)
]


def exact(value):
    return Fraction(value).limit_denominator(2)


def counts_of(row):
    return exact(row.tp), row.predicted, row.gold


def ratios_of(row):
    return row.precision, row.recall, row.f1


def as_floats(values):
    return tuple(
        None if value is None else pytest.approx(float(value), abs=1e-12) for value in values
    )


@for_random_corpora
def test_every_layer_under_every_scheme_counts_what_the_oracle_counts(corpora):
    for seed, documents in corpora:
        pairs = make_pairs(seed, documents)
        scores = score(*make_corpora(pairs), METRICS, boot=0)
        for metric in METRICS:
            assert set(scores[metric].labels) >= check_with_oracle(
                metric, scores, pairs, f"{metric}, corpus {seed}"
            )


def check_with_oracle(metric, scores, pairs, where):
    """Assert that rows and averages are the oracle's; return the labels that it counts."""
    layer, scheme = metric.split("/")
    documents = [
        count_document(metric, gold, predicted, scored_characters(gold))
        for gold, predicted in pairs
    ]
    labels = add_up_labels(documents)
    total = add_up(document.micro for document in documents)
    measured = scores[metric]

    assert counts_of(measured.micro) == total, where
    assert ratios_of(measured.micro) == as_floats(ratios(total.tp, total.gold, total.predicted)), (
        where
    )
    rows = dict(measured.by_document())
    for (gold, _), document in zip(pairs, documents, strict=True):
        assert counts_of(rows[gold.id]) == document.micro, f"{where}, document {gold.id}"
    assert ratios_of(measured.per_document) == as_floats(
        per_document_average([document.micro for document in documents])
    ), where
    if scheme not in LABEL_SCHEMES and layer in SET_LAYERS:
        return set()  # which label an item keeps after the projection is not defined
    present = {
        label: measured[label]
        for label in measured.labels
        if measured[label].gold or measured[label].predicted
    }
    assert {label: (row.predicted, row.gold) for label, row in present.items()} == {
        label: counts[1:] for label, counts in labels.items()
    }, where
    if scheme in LABEL_SCHEMES:
        assert {label: counts_of(row) for label, row in present.items()} == labels, where
        assert ratios_of(measured.macro) == as_floats(macro_average(labels)), where
        assert ratios_of(measured.weighted) == as_floats(weighted_average(labels)), where
    else:
        for column in ("precision", "recall"):
            values = [getattr(row, column) or 0 for row in present.values()]
            assert getattr(measured.macro, column) == (
                pytest.approx(sum(values) / len(values), abs=1e-12) if values else None
            ), where
        assert (measured.macro.f1, measured.weighted.f1) == (None, None), where
    return set(labels)


@pytest.mark.parametrize("corpora", SMALL + LARGE[:10])
def test_muc_counts_are_those_of_the_written_order(corpora):
    metrics = [
        metric
        for metric in METRICS
        if metric.split("/")[1] != "characters" and metric.split("/")[0] != "attribution-relations"
    ]
    for seed, documents in corpora:
        pairs = make_pairs(seed, documents)
        scores = score(*make_corpora(pairs), metrics, boot=0)
        for metric in metrics:
            muc, micro = scores[metric].muc, scores[metric].micro
            if metric.endswith("/type"):
                expected = count_muc_of_shown_pairs(metric, scores, pairs)
            else:
                each = [
                    count_muc(metric, gold, predicted, scored_characters(gold))
                    for gold, predicted in pairs
                ]
                expected = tuple(map(sum, zip(*each, strict=True)))
            assert expected in (tuple(muc), None), f"{metric}, corpus {seed}"
            assert muc.correct + Fraction(muc.partial, 2) == exact(micro.tp)
            assert muc.correct + muc.incorrect + muc.partial + muc.missing == micro.gold
            assert muc.correct + muc.incorrect + muc.partial + muc.spurious == micro.predicted


def count_muc_of_shown_pairs(metric, scores, pairs):
    """MUC of type: correct are the pairs that are shown; of the items that they leave, those of one
    span are incorrect, then those that overlap.

    None where the items of a shown pair are in several groups, which a pair does not name.
    """
    correct = incorrect = missing = spurious = 0
    shown = {}
    for pair in scores.pairs(metric):
        shown.setdefault(pair.document, []).append(pair)
    for gold, predicted in pairs:
        one, other, again, nowhere = compared_items(
            metric, gold, predicted, scored_characters(gold)
        )
        matched = [pair for pair in shown.get(gold.id, ()) if pair.kind == "correct"]
        for pair in matched:
            choices = {
                (g, p)
                for g in one
                for p in other
                if g.group == p.group and is_shown(g, pair.gold) and is_shown(p, pair.predicted)
            }
            if len(choices) > 1:
                return None
            ((g, p),) = choices
            one.remove(g)
            other.remove(p)
        same_span = 0
        for item in list(one):
            answer = next(
                (p for p in other if p.ranges == item.ranges and p.group == item.group), None
            )
            if answer is not None:
                one.remove(item)
                other.remove(answer)
                same_span += 1
        overlapping = count_overlaps(one, other)
        correct, incorrect = correct + len(matched), incorrect + same_span + overlapping
        missing, spurious = (
            missing + len(one) - overlapping,
            spurious + len(other) - overlapping + len(again) + len(nowhere),
        )
    return correct, incorrect, 0, missing, spurious


def is_shown(item, shown):
    return (item.label, item.ranges) == (
        shown.label,
        tuple(shown.fragments) or ((shown.start, shown.end),),
    )


@for_random_corpora
def test_gold_scored_against_itself_is_1_everywhere(corpora):
    for seed, documents in corpora:
        gold, _ = make_corpora(make_pairs(seed, documents))
        scores = score(gold, gold, METRICS, boot=0)
        for metric in METRICS:
            micro = scores[metric].micro
            assert micro.tp == micro.gold == micro.predicted, f"{metric}, corpus {seed}"
            assert ratios_of(micro) == ((1.0,) * 3 if micro.gold else (None,) * 3), (
                f"{metric}, corpus {seed}"
            )
            assert all(
                row.tp == row.gold == row.predicted for _, row in scores[metric].by_document()
            ), f"{metric}, corpus {seed}"


@pytest.mark.slow
@for_random_corpora
def test_swapping_the_sides_swaps_precision_and_recall(corpora):
    for seed, documents in corpora:
        gold, predicted = make_corpora(make_pairs(seed, documents, duplicates=False, zones=()))
        there, back = (
            score(gold, predicted, METRICS, boot=0),
            score(predicted, gold, METRICS, boot=0),
        )
        for metric in METRICS:
            rows = [
                (there[metric].micro, back[metric].micro),
                (there[metric].macro, back[metric].macro),
                (there[metric].per_document, back[metric].per_document),
            ]
            rows += [(there[metric][label], back[metric][label]) for label in there[metric].labels]
            rows += [
                (one, other)
                for (_, one), (_, other) in zip(
                    there[metric].by_document(), back[metric].by_document(), strict=True
                )
            ]
            for one, other in rows:
                assert (one.precision, one.recall, one.f1) == (
                    other.recall,
                    other.precision,
                    other.f1,
                ), f"{metric}, corpus {seed}"
            assert there[metric].muc._replace(missing=0, spurious=0) == back[metric].muc._replace(
                missing=0, spurious=0
            ), f"{metric}, corpus {seed}"


@pytest.mark.slow
@pytest.mark.parametrize("corpora", (SMALL if CORPORA > 40 else SMALL[:1]) + LARGE[:10])
def test_no_order_of_documents_or_annotations_changes_a_number(corpora):
    for seed, documents in corpora:
        draw = random.Random(seed)
        pairs = make_pairs(seed, documents)
        shuffled = [
            tuple(shuffle_annotations(draw, document) for document in pair)
            for pair in draw.sample(pairs, len(pairs))
        ]
        one, other = (score(*make_corpora(each), METRICS, boot=0) for each in (pairs, shuffled))
        assert one.rows() == other.rows(), f"corpus {seed}"
        assert [one[metric].muc for metric in METRICS] == [
            other[metric].muc for metric in METRICS
        ], f"corpus {seed}"


def shuffle_annotations(draw, document):
    events = [
        Event(
            e.label,
            e.trigger,
            draw.sample(e.arguments, len(e.arguments)),
            e.id,
            e.realis,
            e.score,
            e.attributes,
        )
        for e in document.events
    ]
    layers = {
        "entities": document.entities,
        "events": events,
        "attributions": document.attributions,
        "unplaced": document.unplaced,
    }
    return Document(
        document.id,
        document.text,
        zones=document.zones,
        **{name: draw.sample(items, len(items)) for name, items in layers.items()},
    )


@pytest.mark.parametrize("corpora", SMALL + MANY_CORPORA)
def test_the_six_event_numbers_are_textees(corpora):
    for seed, documents in corpora:
        pairs = [
            (gold, Document(predicted.id, TEXT, events=predicted.events))
            for gold, predicted in make_pairs(seed, documents, zones=())
        ]
        gold, predicted = make_corpora(pairs)
        expected = count_textee(gold, predicted)
        scores = score(gold, predicted, list(expected), boot=0)
        for name, (tp, many_predicted, many_gold) in expected.items():
            assert counts_of(scores[name].micro) == (
                tp,
                many_predicted,
                many_gold,
            ), f"{name}, corpus {seed}"


MAPS = {
    "entities": {"A": "B", "C": None},
    "triggers": {"A": "B"},
    "arguments": {"S": "R"},
    "realis": {"OTHER": "ACTUAL"},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "maps",
    [MAPS, {"entities": {"A": None, "B": None, "C": "D"}, "triggers": {"A": None}}],
    ids=["joined", "dropped"],
)
@pytest.mark.parametrize("sides", ["both", "predicted"])
def test_label_maps_are_applied_after_duplicates_are_found(maps, sides):
    for seed in range(15):
        pairs = make_pairs(seed)
        renamed = (maps if sides == "both" else {}, maps)
        scores = score(*make_corpora(pairs), METRICS, boot=0, label_map=renamed)
        for metric in METRICS:
            total = add_up(
                count_document(metric, gold, predicted, scored_characters(gold), renamed).micro
                for gold, predicted in pairs
            )
            assert counts_of(scores[metric].micro) == total, f"{metric}, corpus {seed}"


@pytest.mark.parametrize("seeds", [range(9), pytest.param(range(9, 15), marks=pytest.mark.slow)])
@pytest.mark.parametrize("zones", ["all", ["out"], ["in", "out"]], ids=str)
def test_zones_that_are_chosen_are_scored_and_no_others(zones, seeds):
    for seed in seeds:
        pairs = make_pairs(seed, 3, zones=ZONES[2 + seed % 3])
        scores = score(*make_corpora(pairs), METRICS, boot=0, zones=zones)
        for metric in METRICS:
            scored = [
                None if zones == "all" else scored_characters(gold, zones) for gold, _ in pairs
            ]
            total = add_up(
                count_document(metric, *pair, characters).micro
                for pair, characters in zip(pairs, scored, strict=True)
            )
            assert counts_of(scores[metric].micro) == total, f"{metric}, corpus {seed}"


def test_a_gold_item_counts_in_the_zone_of_its_first_scored_character():
    for seed in range(15):
        pairs = make_pairs(seed, 3, zones=ZONES[2 + seed % 3])
        scores = score(*make_corpora(pairs), METRICS, boot=0, zones=["in", "out"])
        for metric in METRICS:
            if metric.endswith("/characters") or metric.startswith("attribution-relations"):
                continue
            expected = {}
            for gold, predicted in pairs:
                of_character = zone_of_characters(gold)
                for item in compared_items(
                    metric, gold, predicted, scored_characters(gold, ("in", "out"))
                )[0]:
                    zone = next(
                        (
                            of_character[n]
                            for first, last in item.ranges
                            for n in range(first, last)
                            if n in of_character
                        ),
                        "",
                    )
                    expected[zone] = expected.get(zone, 0) + 1
            assert {
                zone: row.gold for zone, row in scores[metric].by_zone() if row.gold
            } == expected, f"{metric}, corpus {seed}"


def test_unplaced_predictions_belong_to_no_zone_and_count_in_the_total():
    for seed in range(15):
        pairs = make_pairs(seed)
        without = [
            (gold, Document(d.id, d.text, d.entities, d.events, d.attributions))
            for gold, d in pairs
        ]
        one, other = (score(*make_corpora(each), METRICS, boot=0) for each in (pairs, without))
        for metric in METRICS:
            named = [
                {
                    zone: counts_of(row)
                    for zone, row in scores[metric].by_zone()
                    if zone and any(counts_of(row))
                }
                for scores in (one, other)
            ]
            assert named[0] == named[1], f"{metric}, corpus {seed}"
            everything = [counts_of(row) for _, row in one[metric].by_zone()]
            assert (
                tuple(map(sum, zip(*everything, strict=True))) == counts_of(one[metric].micro)
                or not everything
            ), f"{metric}, corpus {seed}"


# Cases worked by hand.


def document(**layers):
    return Corpus(
        [Document("d", "x" * 80, **{"entities": [], "events": [], "attributions": [], **layers})]
    )


def test_copies_of_an_entity_that_differ_in_attributes_are_false_positives_each():
    copies = [Entity("PER", 0, 3, attributes={"n": n}) for n in range(6)]

    scores = score(
        document(entities=[Entity("PER", 0, 3)]),
        document(entities=copies),
        ["ner", "entities/type", "tokens"],
    )

    for metric in ("ner", "entities/type"):
        assert (
            scores[metric].micro.tp,
            scores[metric].micro.predicted,
            scores[metric].counts.set_aside["duplicate"],
        ) == (1, 6, 5)


@pytest.mark.parametrize(
    ("layer", "original", "copy"),
    [
        ("entities", Entity("A", 0, 3), Entity("A", 0, 3, id="x", score=0.5, attributes={"a": 1})),
        (
            "events",
            Event("A", Span(0, 3), [Argument("R", 4, 5), Argument("S", 6, 7)]),
            Event(
                "A",
                Span(0, 3),
                [Argument("S", 6, 7), Argument("R", 4, 5, score=0.5)],
                id="x",
                attributes={"a": 1},
            ),
        ),
        (
            "attributions",
            Attribution(Span(0, 3), Span(4, 9)),
            Attribution(Span(0, 3), Span(4, 9), label="belief", id="x", score=0.5),
        ),
        (
            "attributions",
            Attribution(None, Span(4, 9)),
            Attribution(None, Span(4, 9), id="x", attributes={"a": 1}),
        ),
    ],
    ids=["entity", "event", "attribution", "attribution without cue"],
)
def test_gold_with_duplicates_is_an_error_whatever_their_id_score_or_attributes(
    layer, original, copy
):
    twice = document(**{layer: [original, copy]})

    with pytest.raises(LoadError, match=rf"{layer}\[1\]"):
        score(twice, document(**{layer: [original]}))


@pytest.mark.parametrize(
    ("layer", "one", "other"),
    [
        ("entities", Entity("A", 0, 3), Entity("B", 0, 3)),
        (
            "events",
            Event("A", Span(0, 3), [Argument("R", 4, 5)]),
            Event("A", Span(0, 3), [Argument("S", 4, 5)]),
        ),
        ("events", Event("A", Span(0, 3), realis="ACTUAL"), Event("A", Span(0, 3), realis="OTHER")),
        (
            "attributions",
            Attribution(Span(0, 3), Span(4, 9)),
            Attribution(Span(0, 3), Span(4, 9), Span(10, 12)),
        ),
    ],
    ids=["two labels", "other arguments", "other realis", "other source"],
)
def test_annotations_that_share_much_are_no_duplicates(layer, one, other):
    both = document(**{layer: [one, other]})

    scores = score(both, both, METRICS)

    assert {scores[metric].micro.f1 for metric in METRICS} <= {1.0, None}
    assert {scores[metric].counts.set_aside["duplicate"] for metric in METRICS} == {0}


def test_a_predicted_attribution_that_is_repeated_is_wrong_in_each_of_its_parts():
    once = Attribution(Span(4, 8), Span(10, 18), Span(0, 3))
    scores = score(
        document(attributions=[once]),
        document(attributions=[once, once]),
        ["attributions", "attached-attributions", "attribution-relations"],
    )

    assert {metric: counts_of(scores[metric].micro) for metric in scores} == {
        "attributions/strict": (3, 6, 3),
        "attached-attributions/strict": (3, 6, 3),
        "attribution-relations/strict": (1, 2, 1),
    }


def test_a_repeated_event_counts_once_in_sets_and_is_a_duplicate():
    """TextEE prints .667 for gold Attack and Die on one trigger, and Attack twice."""
    gold = document(events=[Event("Attack", Span(0, 3)), Event("Die", Span(0, 3))])
    twice = document(events=[Event("Attack", Span(0, 3)), Event("Attack", Span(0, 3))])

    micro = score(gold, twice, "tri-c")["tri-c"].micro

    assert counts_of(micro) == (1, 1, 2)
    assert micro.f1 == pytest.approx(2 / 3)


def attribution(cue, content, source=None):
    return Attribution(cue and Span(*cue), Span(*content), source and Span(*source))


ATTACHED = [  # gold, predicted, (tp, predicted, gold) of attached-attributions/strict
    (
        "a source and a content without their attribution remain",
        [attribution((0, 4), (10, 18), (5, 8))],
        [],
        (0, 0, 3),
    ),
    (
        "cues that do not overlap",
        [attribution((0, 4), (10, 18), (5, 8))],
        [attribution((20, 24), (10, 18), (5, 8))],
        (0, 3, 3),
    ),
    (
        "cues that touch",
        [attribution((0, 4), (10, 18))],
        [attribution((4, 6), (10, 18))],
        (0, 2, 2),
    ),
    (
        "cues that overlap",
        [attribution((0, 4), (10, 18))],
        [attribution((2, 6), (10, 18))],
        (1, 2, 2),
    ),
    (
        "without cues the contents are the anchors",
        [attribution(None, (10, 18), (5, 8))],
        [attribution(None, (12, 20), (5, 8))],
        (1, 2, 2),
    ),
    (
        "a cue and a content are not paired",
        [attribution((10, 18), (20, 30), (5, 8))],
        [attribution(None, (10, 18), (5, 8))],
        (0, 2, 3),
    ),
    (
        "one cue with two contents: equal ones are paired",
        [attribution((0, 4), (10, 18)), attribution((0, 4), (20, 28))],
        [attribution((0, 4), (20, 28))],
        (2, 2, 4),
    ),
    (
        "the same cue is paired before a cue with the same content",
        [attribution((0, 4), (10, 18))],
        [attribution((0, 4), (20, 28)), attribution((1, 4), (10, 18))],
        (1, 4, 2),
    ),
    (
        "the same content is paired before the same source",
        [attribution((0, 4), (10, 18), (5, 8))],
        [attribution((0, 4), (20, 28), (5, 8)), attribution((0, 4), (10, 18), (6, 8))],
        (2, 6, 3),
    ),
    (
        "two predictions on one cue: one is unpaired",
        [attribution((4, 8), (10, 18), (0, 3))],
        [attribution((4, 8), (10, 18), (0, 3)), attribution((5, 7), (30, 38), (0, 3))],
        (3, 6, 3),
    ),
    (
        "sources exchanged between two attributions are wrong",
        [attribution((0, 4), (10, 18), (5, 8)), attribution((20, 24), (30, 38), (25, 28))],
        [attribution((0, 4), (10, 18), (25, 28)), attribution((20, 24), (30, 38), (5, 8))],
        (4, 6, 6),
    ),
]


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [case[1:] for case in ATTACHED],
    ids=[case[0] for case in ATTACHED],
)
def test_attached_attributions_by_hand(gold, predicted, expected):
    measured = score(
        document(attributions=gold), document(attributions=predicted), "attached-attributions"
    )["attached-attributions"]

    assert counts_of(measured.micro) == expected


def test_a_source_of_another_attribution_a_short_content_and_a_missed_attribution():
    """The text: "We won," said Ada. Bob added that they had lost, according to a memo."""
    gold = [
        attribution((10, 14), (0, 9), (15, 18)),
        attribution((24, 29), (30, 48), (20, 23)),
        attribution((50, 62), (20, 48), (63, 69)),
    ]
    predicted = [attribution((10, 14), (1, 7), (20, 23)), attribution((24, 29), (30, 48))]

    scores = score(
        document(attributions=gold),
        document(attributions=predicted),
        [
            "attached-attributions",
            "attached-attributions/type",
            "attributions",
            "attribution-relations/type",
        ],
    )

    assert {metric: counts_of(scores[metric].micro) for metric in scores} == {
        "attached-attributions/strict": (3, 5, 9),
        "attached-attributions/type": (4, 5, 9),
        "attributions/strict": (4, 5, 9),
        "attribution-relations/type": (0, 2, 3),
    }


EVENTS = [  # Rebels attacked the town and soldiers fled on Monday.
    Event("Attack", Span(7, 15), [Argument("Attacker", 0, 6), Argument("Target", 20, 24)]),
    Event("Flee", Span(38, 42), [Argument("Agent", 29, 37), Argument("Time", 46, 52)]),
]


@pytest.mark.parametrize(
    ("last_type", "expected"),
    [
        (
            "Die",
            {
                "tri-i": (2, 2, 2),
                "tri-c": (1, 2, 2),
                "arg-i": (2, 4, 4),
                "arg-c": (1, 4, 4),
                "arg-i+": (2, 4, 4),
                "arg-c+": (1, 4, 4),
            },
        ),
        (
            "Flee",
            {
                "tri-i": (2, 2, 2),
                "tri-c": (2, 2, 2),
                "arg-i": (3, 4, 4),
                "arg-c": (2, 4, 4),
                "arg-i+": (3, 4, 4),
                "arg-c+": (2, 4, 4),
            },
        ),
    ],
)
def test_an_argument_of_a_wrong_event_type_is_wrong(last_type, expected):
    predicted = [
        Event(
            "Attack",
            Span(7, 15),
            [Argument("Attacker", 0, 6), Argument("Place", 20, 24), Argument("Time", 46, 52)],
        ),
        Event(last_type, Span(38, 42), [Argument("Agent", 29, 37)]),
    ]

    scores = score(document(events=EVENTS), document(events=predicted), list(expected))

    assert {name: counts_of(scores[name].micro) for name in expected} == expected


def test_tags_with_labels_missing_on_either_side_have_seqevals_macro():
    """seqeval 1.2.2 prints .5, .571 and .533, and a macro F1 of .4."""
    gold = [
        "B-PER I-PER O O B-ORG I-ORG I-ORG O B-LOC O",
        "O B-LOC I-LOC O B-PER O O",
        "B-ORG O B-MISC I-MISC O",
    ]
    predicted = [
        "B-PER I-PER O O B-ORG I-ORG O O B-ORG O",
        "O I-LOC I-LOC O B-PER I-ORG O",
        "B-ORG O O O B-DATE",
    ]

    measured = score_tags(
        [tags.split() for tags in gold], [tags.split() for tags in predicted], repair="conlleval"
    )["ner"]

    assert ratios_of(measured.micro) == as_floats((0.5, 4 / 7, 8 / 15))
    assert measured.macro.f1 == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("entities", "expected"),
    [([], (None, None, None)), ([Entity("A", 0, 3), Entity("B", 0, 3)], (0.0, 0.0, 0.0))],
)
def test_averages_without_gold_are_0_and_without_any_label_undefined(entities, expected):
    measured = score(document(), document(entities=entities), "ner")["ner"]

    assert (
        ratios_of(measured.macro)
        == ratios_of(measured.weighted)
        == ratios_of(measured.per_document)
        == expected
    )


def test_an_unplaced_prediction_lowers_precision():
    """GoLLIE drops it and prints .667."""
    gold = Corpus(
        [
            Document(
                "d",
                "Mary met Mary in Paris. Paris was wet.",
                [
                    Entity("PER", 0, 4),
                    Entity("PER", 9, 13),
                    Entity("LOC", 17, 22),
                    Entity("LOC", 24, 29),
                ],
            )
        ]
    )
    found = Document(
        "d",
        gold[0].text,
        [Entity("PER", 0, 4), Entity("LOC", 17, 22)],
        unplaced=[Unplaced("entities", "LOC", "not found", "Berlin")],
    )

    assert counts_of(score(gold, Corpus([found]), "ner")["ner"].micro) == (2, 3, 4)
