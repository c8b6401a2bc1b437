"""`fix_errors` for relations: F1 of the corrected prediction is what the error report predicts."""

import random
from fractions import Fraction
from itertools import product

import pytest
from evaluation.test_relation_errors import count_kinds
from helpers.error_reference import make_span, pair_items
from helpers.quick import choose_quick
from helpers.relations import SCHEMA, count_relations, items_of, random_corpora, similar_corpora
from msgspec.structs import replace

from evalkit import (
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Relation,
    Schema,
    Span,
    Unplaced,
    Zone,
    fix_errors,
    score,
)
from evalkit.data.schema import RelationType, ZoneSchema

PAIRS = ("label", "argument label", "direction", "argument span")
KINDS = (*PAIRS, "missed", "spurious", "unplaced")
METRIC = "relations/strict"


def f1_in_plain_loops(gold, predicted, unplaced=0):
    """F1 of relations/strict over two corpora."""
    tp = total = 0
    for one, other in zip(gold, predicted, strict=True):
        counts = count_relations("strict", one, other)
        tp += counts[0]
        total += counts[1] + counts[2]
    return Fraction(2 * tp, total + unplaced)


def predict_f1(counts, kinds=()):
    """F1 where some kinds are corrected: pairs become correct, missed relations are added, and
    others removed.
    """
    tp = counts["correct"] + sum(counts[kind] for kind in (*PAIRS, "missed") if kind in kinds)
    gold = counts["correct"] + sum(counts[kind] for kind in (*PAIRS, "missed"))
    kept = [kind for kind in ("spurious", "unplaced") if kind not in kinds]
    predicted = counts["correct"] + sum(counts[kind] for kind in (*PAIRS, *kept))
    if "missed" in kinds:
        predicted += counts["missed"]
    return Fraction(2 * tp, gold + predicted)


@pytest.mark.parametrize("make_corpora", [similar_corpora, random_corpora])
@pytest.mark.parametrize("events", [False, True])
@pytest.mark.parametrize("documents", [100, pytest.param(5_000, marks=pytest.mark.slow)], ids=str)
def test_the_corrected_prediction_has_the_f1_of_an_exhaustive_search(
    make_corpora, events, documents
):
    gold, predicted = make_corpora(documents + 2, documents, events=events)
    counts = count_kinds(gold, predicted)
    assert f1_in_plain_loops(gold, predicted) == predict_f1(counts)

    for kind in KINDS:
        fixed = fix_errors(gold, predicted, kind, layer="relations")

        assert f1_in_plain_loops(gold, fixed) == predict_f1(counts, [kind]), kind
        assert (fixed.documents == predicted.documents) == (not counts[kind])
    together = fix_errors(gold, predicted, KINDS, layer="relations")
    assert f1_in_plain_loops(gold, together) == 1
    for one, other in zip(gold, together):
        assert set(items_of(one)) == set(items_of(other))


def vary(gold, predicted, seed):
    """The corpora with zones, unplaced relations and failed documents."""
    draw = random.Random(seed)
    schema = Schema(
        relations=SCHEMA.relations,
        zones={"body": ZoneSchema(primary=("relations",)), "note": ZoneSchema()},
    )
    golds, predictions = [], []
    for one, other in zip(gold, predicted):
        zones = [Zone("body", 0, draw.randint(8, 20))]
        zones.append(Zone("note", zones[0].end, len(one.text)))
        golds.append(replace(one, zones=tuple(zones)))
        unplaced = [
            Unplaced("relations", draw.choice(("spouse", "near")), "not in the text")
            for _ in range(draw.choice((0, 0, 1, 2)))
        ]
        failure = "no answer" if draw.random() < 0.1 else None
        predictions.append(replace(other, unplaced=tuple(unplaced), failure=failure))
    return Corpus(golds, schema=schema, name="gold"), Corpus(predictions, name="predicted")


OPTIONS = [
    {},
    {"zones": "all"},
    {"labels": ["works-for", "near"]},
    {"label_map": {"relations": {"near": "spouse"}, "entities": {"B": "A"}}},
    {"label_map": ({"entities": {"A": "X", "B": "Y"}}, {"entities": {"A": "X", "B": "Y"}})},
    {"label_map": {"relations": {"works-for": None}, "entities": {"B": None}}},
]


@pytest.mark.parametrize(
    ("options", "events"), choose_quick(product(OPTIONS, [False, True]), 4), ids=str
)
def test_gains_of_the_report_are_differences_of_scores(options, events):
    gold, predicted = vary(*similar_corpora(50, 60, events=events), 1)
    before = score(gold, predicted, METRIC, boot=0, **options)
    gains = {gain.kind: gain for gain in before.errors("relations").gains if gain.detail is None}
    assert {"missed", "spurious", "argument span"} <= set(gains)

    for kind in KINDS:
        fixed = fix_errors(gold, predicted, kind, layer="relations", **options)

        after = score(gold, fixed, METRIC, boot=0, **options)
        difference = after[METRIC].micro.f1 - before[METRIC].micro.f1
        expected = gains[kind].gain if kind in gains else 0
        assert difference == pytest.approx(expected, abs=1e-12), kind
        assert after.errors("relations").counts[kind] == 0


def test_files_and_the_order_of_documents_do_not_matter(tmp_path):
    gold, predicted = similar_corpora(5, 30)
    paths = tmp_path / "gold" / "g.jsonl", tmp_path / "predicted" / "p.jsonl"
    gold.save(paths[0])
    predicted.save(paths[1])
    reverse = predicted.with_documents(predicted.documents[::-1])
    for kind in ("label", "argument span", "missed"):
        fixed = fix_errors(gold, predicted, kind, layer="relations")
        assert fix_errors(*paths, kind, layer="relations").documents == fixed.documents
        assert fix_errors(gold, reverse, kind, layer="relations").documents[::-1] == fixed.documents


TEXT = "Ada Byron met Charles Babbage."
ADA, CHARLES = Entity("PER", 0, 9, id="a"), Entity("PER", 14, 29, id="c")


def gold_of(*relations, entities=(ADA, CHARLES)):
    return Corpus([Document("d", TEXT, entities, relations=relations)])


def test_an_entity_that_a_corrected_relation_needs_is_added_and_other_relations_keep_theirs():
    gold = gold_of(Relation("met", "a", "c"))
    short = Entity("PER", 0, 3, id="a", score=0.5)
    relations = [Relation("met", "a", "c", score=0.9), Relation("knows", "c", "a")]
    predicted = gold_of(*relations, entities=(short, CHARLES))

    (fixed,) = fix_errors(gold, predicted, "argument span")

    assert fixed.entities == (short, CHARLES, Entity("PER", 0, 9, id="a-2"))
    assert fixed.relations == (
        Relation("met", "a-2", "c", score=0.9),
        Relation("knows", "c", "a"),
    )


def test_an_entity_without_id_is_found_and_gets_one():
    gold = gold_of(Relation("met", "a", "c"))
    unnamed = Entity("PER", 0, 9)
    predicted = Corpus([Document("d", TEXT, [unnamed, CHARLES], relations=[])])

    (fixed,) = fix_errors(gold, predicted, "missed", layer="relations")

    assert fixed.entities == (Entity("PER", 0, 9, id="a"), CHARLES)
    assert fixed.relations == (Relation("met", "a", "c"),)


def test_an_event_that_a_missed_relation_needs_is_added():
    events = [Event("Meet", Span(10, 13), id="e")]
    gold = Corpus([Document("d", TEXT, [ADA], events, relations=[Relation("agent", "e", "a")])])
    predicted = Corpus([Document("d", TEXT, failure="no answer")])

    (fixed,) = fix_errors(gold, predicted, "missed", layer="relations")

    assert fixed.failure is None
    assert fixed.events == (Event("Meet", Span(10, 13), id="e"),)
    assert (fixed.entities, fixed.relations) == ((ADA,), (Relation("agent", "e", "a"),))


def test_a_relation_that_was_taken_for_a_symmetric_one_gets_the_direction_of_gold():
    schema = Schema(relations={"friend": RelationType(symmetric=True)})
    gold = Corpus(gold_of(Relation("met", "a", "c")).documents, schema=schema)
    predicted = gold_of(Relation("friend", "c", "a"))

    (fixed,) = fix_errors(gold, predicted, "label", layer="relations")

    assert fixed.relations == (Relation("met", "a", "c"),)


def test_equal_relations_are_corrected_together():
    gold = gold_of(Relation("met", "a", "c"))
    predicted = gold_of(Relation("saw", "a", "c", id="r"), Relation("saw", "a", "c"))

    (fixed,) = fix_errors(gold, predicted, "label", layer="relations")

    assert fixed.relations == (Relation("met", "a", "c", id="r"), Relation("met", "a", "c"))


def correct_entities(gold, predicted):
    """The prediction with the span and the label of gold in each entity that is paired."""
    documents = []
    for one, other in zip(gold, predicted, strict=True):
        sides = [
            [make_span((entity.start, entity.end, entity.label)) for entity in document.entities]
            for document in (one, other)
        ]
        entities = list(other.entities)
        for g, p in pair_items(*sides):
            target = one.entities[g]
            entities[p] = Entity(target.label, target.start, target.end, id=entities[p].id)
        documents.append(
            Document(other.id, other.text, entities, other.events, relations=other.relations)
        )
    return documents


@pytest.mark.parametrize("make_corpora", [similar_corpora, random_corpora])
@pytest.mark.parametrize("documents", [100, pytest.param(5_000, marks=pytest.mark.slow)], ids=str)
def test_the_gain_if_entities_were_correct_is_that_of_plain_loops(make_corpora, documents):
    gold, predicted = make_corpora(documents + 3, documents)
    expected = f1_in_plain_loops(gold, correct_entities(gold, predicted))

    (gain,) = score(gold, predicted, METRIC, boot=0).errors("relations").cascades

    assert (gain.metric, gain.kind, gain.condition) == (
        METRIC,
        "entities",
        "if entities were correct",
    )
    assert gain.f1 == float(f1_in_plain_loops(gold, predicted))
    assert gain.corrected_f1 == float(expected)
    assert gain.gain > 0.01
    fixed = fix_errors(gold, predicted, "entities")
    assert score(gold, fixed, METRIC, boot=0)[METRIC].micro.f1 == gain.corrected_f1


def test_the_report_has_the_gain_if_entities_were_correct():
    gold, predicted = similar_corpora(8, 30)
    analysis = score(gold, predicted, METRIC).errors("relations")
    (gain,) = analysis.cascades
    for format in ("table", "html", "json"):
        assert "entities" in analysis.render(format)
    assert "if entities were correct" in analysis.render("table", width=200)
    assert gain.interval.low is not None


def test_relations_without_entities_have_no_such_gain():
    events = [Event("A", Span(0, 3), id="x"), Event("B", Span(4, 9), id="y")]
    gold = Corpus([Document("d", TEXT, None, events, relations=[Relation("r", "x", "y")])])
    assert score(gold, gold, METRIC, boot=0).errors("relations").cascades == []


@pytest.mark.parametrize(
    ("kinds", "layer", "problem"),
    [
        ("boundary", "relations", "relations have no errors of the kind 'boundary'; expected one"),
        ("direction", "entities", "'direction' belongs to a single layer: leave it out"),
        ("cues", "relations", "'cues' belongs to a single layer: leave it out"),
        (["label", "argument label", "boundary"], None, "'label' and 'boundary' cannot be"),
        ("argument spam", None, "unknown kind 'argument spam'.*did you mean 'argument span"),
    ],
)
def test_kinds_that_relations_do_not_have_are_errors(kinds, layer, problem):
    gold = gold_of()
    with pytest.raises(InputError, match=problem):
        fix_errors(gold, gold, kinds, layer=layer)


def test_kinds_that_only_relations_have_name_the_layer():
    gold = gold_of(Relation("met", "a", "c"))
    predicted = gold_of(Relation("saw", "a", "c"))
    (fixed,) = fix_errors(gold, predicted, ["label", "direction"])
    assert fixed.relations == gold[0].relations
