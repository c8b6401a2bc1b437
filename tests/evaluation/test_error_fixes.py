"""`fix_errors`: the corrected prediction gives the F1 that the definition of each kind predicts."""

import random

import pytest
from helpers.argument_needs import compute_f1, count_needs
from helpers.error_examples import EVENT_EXAMPLE, SPAN_EXAMPLES
from helpers.error_reference import (
    ERROR_KINDS,
    SHAPES,
    analyze,
    count_kinds,
    f1_if_repaired,
    random_component,
)
from helpers.oracle import split_duplicates
from helpers.quick import choose_quick
from helpers.random_documents import make_corpora, make_pairs, scored_characters

import evalkit
from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Schema,
    Span,
    Unplaced,
    Zone,
    fix_errors,
    score,
)
from evalkit.data.schema import ZoneSchema
from evalkit.evaluation.document_join import EvaluationInputs
from evalkit.evaluation.event_errors import iter_event_errors
from evalkit.evaluation.score_options import ScoreOptions
from evalkit.evaluation.scoring_run import ScoringRun

SIX = ("tri-i", "tri-c", "arg-i", "arg-c", "arg-i+", "arg-c+")


def f1_of(gold, predicted, metric, **options):
    return score(gold, predicted, metric, boot=0, **options)[metric].micro.f1


def characters_of(span):
    positions = set()
    for start, end in span.fragments or ((span.start, span.end),):
        positions.update(range(start, end))
    return positions


def is_scored(span, scored):
    return scored is None or bool(characters_of(span) & scored)


def analyze_documents(pairs, layer):
    """The reference's analyses of entities, or of triggers as sets."""
    analyses = []
    for gold, predicted in pairs:
        scored = scored_characters(gold)
        distinct = split_duplicates(predicted).distinct
        sides = []
        entities = gold.entities, distinct["entities"]
        triggers = gold.events, predicted.events
        for annotations in entities if layer == "entities" else triggers:
            items = []
            for annotation in annotations:
                span = annotation if layer == "entities" else annotation.trigger
                item = (span.start, span.end, annotation.label, span.fragments)
                if is_scored(span, scored) and (layer == "entities" or item not in items):
                    items.append(item)
            sides.append(items)
        duplicates = 0
        if layer == "entities":
            all_scored = [entity for entity in predicted.entities if is_scored(entity, scored)]
            duplicates = len(all_scored) - len(sides[1])
        unplaced = sum(item.layer == layer for item in predicted.unplaced)
        analyses.append(analyze(*sides, duplicates, unplaced))
    return analyses


@pytest.mark.parametrize("layer", ["entities", "triggers"])
@pytest.mark.parametrize("seed", choose_quick(range(12), 5))
def test_the_corrected_prediction_has_the_f1_that_the_kind_predicts(layer, seed):
    pairs = make_pairs(100 * seed + 7, 12)
    gold, predicted = make_corpora(pairs)
    counts = count_kinds(analyze_documents(pairs, layer))
    metric = f"{layer}/strict"
    assert f1_of(gold, predicted, metric) == pytest.approx(float(f1_if_repaired(counts)))
    for kind in ERROR_KINDS:
        fixed = fix_errors(gold, predicted, kind, layer=layer)

        expected = f1_if_repaired(counts, [kind])
        assert f1_of(gold, fixed, metric) == pytest.approx(float(expected), abs=1e-12), kind
    assert f1_of(gold, fix_errors(gold, predicted, ERROR_KINDS, layer=layer), metric) == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_several_kinds_together_have_the_predicted_f1(shape):
    draw = random.Random(shape)
    for _ in range(10):
        pairs, analyses = [], []
        for number in range(3):
            sides = random_component(draw, shape)
            analyses.append(analyze(*sides))
            documents = []
            for spans in sides:
                entities = [
                    Entity(label, start, end, fragments=fragments)
                    for start, end, label, fragments in spans
                ]
                documents.append(Document(f"d{number}", "x" * 20, entities))
            pairs.append(documents)
        gold, predicted = (Corpus(documents) for documents in zip(*pairs, strict=True))
        kinds = draw.sample(ERROR_KINDS, 3)
        expected = f1_if_repaired(count_kinds(analyses), kinds)

        fixed = fix_errors(gold, predicted, kinds)

        found = f1_of(gold, fixed, "entities/strict")
        assert found == (None if expected is None else pytest.approx(float(expected), abs=1e-12))


def tags_of(document):
    """A BIO tag for each character."""
    tags = ["O"] * len(document.text)
    for entity in document.entities:
        tags[entity.start] = f"B-{entity.label}"
        for position in range(entity.start + 1, entity.end):
            tags[position] = f"I-{entity.label}"
    return tags


def test_seqeval_gives_the_same_f1_for_flat_corpora():
    seqeval = pytest.importorskip("seqeval.metrics")
    draw = random.Random(9)
    pairs, analyses = [], []
    for number in range(40):
        sides = random_component(draw, "flat")
        analyses.append(analyze(*sides))
        documents = []
        for spans in sides:
            entities = [Entity(label, start, end) for start, end, label, _ in spans]
            documents.append(Document(f"d{number}", "x" * 20, entities))
        pairs.append(documents)
    gold, predicted = (Corpus(documents) for documents in zip(*pairs, strict=True))
    counts = count_kinds(analyses)
    gold_tags = [tags_of(document) for document in gold]
    for kinds in (["label"], ["spurious"], ["label", "spurious"], ERROR_KINDS):
        fixed = fix_errors(gold, predicted, kinds)

        f1 = seqeval.f1_score(gold_tags, [tags_of(document) for document in fixed])

        assert f1 == pytest.approx(float(f1_if_repaired(counts, kinds)), abs=1e-12)


SLOT = 12  # characters, in which one gold item and its prediction lie


def document_of_slots(draw, id, kinds):
    """A gold and a predicted document of items of these kinds, which stay flat when any kind is
    corrected, and the number of items of each kind.
    """
    gold, predicted, unplaced = [], [], []
    counts = dict.fromkeys(("correct", *ERROR_KINDS), 0)
    for slot in range(20):
        kind = draw.choice(kinds)
        start = SLOT * slot + 2
        label, other = draw.sample("ABC", 2)
        item, cut = Entity(label, start, start + 6), start + draw.choice([4, 8])
        counts[kind] += 1
        if kind not in ("spurious", "duplicate", "unplaced"):
            gold.append(item)
        if kind == "unplaced":
            unplaced.append(Unplaced("entities", label, "not in the text", "Bo"))
        elif kind == "duplicate":
            gold.append(item)
            predicted += [item, item]
            counts["correct"] += 1
        elif kind in ("correct", "spurious"):
            predicted.append(item)
        elif kind != "missed":
            end = item.end if kind == "label" else cut
            predicted.append(Entity(label if kind == "boundary" else other, start, end))
    text = "x" * (SLOT * 20)
    return Document(id, text, gold), Document(id, text, predicted, unplaced=unplaced), counts


@pytest.mark.parametrize("kind", ERROR_KINDS)
def test_seqeval_gives_the_predicted_gain_of_each_kind(kind):
    seqeval = pytest.importorskip("seqeval.metrics")
    draw = random.Random(11)
    # Tags cannot hold duplicates and unplaced items, so these occur only where they are corrected.
    others = [each for each in ERROR_KINDS if each not in ("duplicate", "unplaced")]
    kinds = ["correct", "correct", *dict.fromkeys([*others, kind])]
    made = [document_of_slots(draw, f"d{n}", kinds) for n in range(15)]
    gold, predicted = Corpus([m[0] for m in made]), Corpus([m[1] for m in made])
    counts = {name: sum(m[2][name] for m in made) for name in made[0][2]}

    fixed = fix_errors(gold, predicted, kind)
    gain = next(
        gain
        for gain in score(gold, predicted, "ner", boot=0).errors().gains
        if (gain.kind, gain.detail) == (kind, None)
    )

    f1 = seqeval.f1_score([tags_of(d) for d in gold], [tags_of(d) for d in fixed])
    assert gain.n == counts[kind] > 0
    assert f1 == pytest.approx(float(f1_if_repaired(counts, [kind])), abs=1e-12)
    assert f1 == pytest.approx(f1_of(gold, predicted, "ner") + gain.gain, abs=1e-12)
    assert f1 == pytest.approx(f1_of(gold, fixed, "ner"), abs=1e-12)


def make_corpus(entities, **options):
    text = SPAN_EXAMPLES[0].text
    return Corpus(
        [Document("d", text, [Entity(label, a, b) for a, b, label in entities], **options)]
    )


@pytest.mark.parametrize("example", SPAN_EXAMPLES, ids=lambda example: example.name)
def test_the_gains_of_the_examples_come_out(example):
    sides = []
    for items in (example.gold, example.predicted):
        entities = [Entity(label, start, end) for start, end, label in items]
        sides.append(Corpus([Document("d", example.text, entities)]))
    for kind, gain in example.gains.items():
        fixed = fix_errors(*sides, kind)

        assert f1_of(sides[0], fixed, "ner") == pytest.approx(example.f1 + gain, abs=1e-6)


def test_only_the_span_and_the_label_of_a_corrected_entity_change():
    gold = make_corpus([(0, 12, "PER"), (22, 37, "PER")])
    entity = Entity("ORG", 22, 37, id="T1", score=0.5, attributes={"unsure": True})
    other = Entity("PER", 4, 12, id="T2", score=0.25)
    predicted = Corpus([Document("d", gold[0].text, [other, entity], meta={"k": 1})], "system")

    fixed = fix_errors(gold, predicted, "label")

    assert fixed.name == "system"
    assert fixed[0].meta == {"k": 1}
    assert fixed[0].entities == (
        other,
        Entity("PER", 22, 37, id="T1", score=0.5, attributes={"unsure": True}),
    )


def test_neither_corpus_changes():
    gold, predicted = make_corpora(make_pairs(3, 5))
    before = gold.documents, predicted.documents

    fix_errors(gold, predicted, ERROR_KINDS)

    assert (gold.documents, predicted.documents) == before


def test_items_outside_the_scored_zones_do_not_change():
    schema = Schema(zones={"in": ZoneSchema(), "out": ZoneSchema(primary=())})
    zones = [Zone("in", 0, 20), Zone("out", 20, 77)]
    gold = Corpus(
        [Document("d", SPAN_EXAMPLES[0].text, [Entity("PER", 22, 37)], zones=zones)], schema=schema
    )
    predicted = make_corpus([(22, 30, "ORG"), (45, 50, "LOC")])

    fixed = fix_errors(gold, predicted, ERROR_KINDS)

    assert fixed == predicted


def test_missed_items_of_failed_and_missing_documents_are_added():
    text = SPAN_EXAMPLES[0].text
    gold = Corpus(
        [Document(f"d{n}", text, [Entity("PER", 0, 12), Entity("DATE", 72, 76)]) for n in range(3)]
    )
    predicted = Corpus(
        [
            Document("d0", text, [Entity("PER", 0, 12)]),
            Document("d1", text, [Entity("PER", 1, 12)], failure="time out"),
        ]
    )

    fixed = fix_errors(gold, predicted, "missed", missing="empty")

    assert fixed.ids == ["d0", "d1", "d2"]
    assert fixed["d1"].failure is None
    assert f1_of(gold, fixed, "ner") == 1


def test_other_errors_of_failed_documents_leave_the_failure():
    text = SPAN_EXAMPLES[0].text
    gold = Corpus([Document("d", text, [Entity("PER", 0, 12)])])
    predicted = Corpus([Document("d", text, [Entity("ORG", 0, 12)], failure="time out")])

    assert fix_errors(gold, predicted, "label") == predicted


def test_labels_are_corrected_so_that_both_maps_lead_to_one_label():
    gold = make_corpus([(0, 12, "person"), (22, 37, "person")])
    predicted = make_corpus([(0, 12, "ORGANIZATION"), (22, 37, "PERSON")])
    label_map = {"person": "PER"}, {"PERSON": "PER", "ORGANIZATION": "ORG", "*": None}

    fixed = fix_errors(gold, predicted, "label", label_map=label_map)

    assert [entity.label for entity in fixed[0].entities] == ["PERSON", "PERSON"]
    assert f1_of(gold, fixed, "ner", label_map=label_map) == 1


def test_a_label_that_no_prediction_can_have_is_an_error():
    gold = make_corpus([(0, 12, "person")])
    predicted = make_corpus([(0, 12, "ORG")])

    with pytest.raises(InputError, match="no label of predicted entities is mapped to 'person'"):
        fix_errors(gold, predicted, "label", label_map=({}, {"ORG": "org", "*": None}))


def test_arguments_do_not_refer_to_removed_annotations():
    text = SPAN_EXAMPLES[0].text
    event = Event("Meet", Span(13, 18), [Argument("Agent", 0, 12, ref="T1")])
    gold = Corpus([Document("d", text, [], [event_without_ref(event)])])
    predicted = Corpus([Document("d", text, [Entity("PER", 0, 12, id="T1")], [event])])

    fixed = fix_errors(gold, predicted, "spurious")

    assert fixed[0].entities == ()
    assert fixed[0].events[0].arguments[0].ref is None


def event_without_ref(event):
    arguments = [Argument(each.role, each.start, each.end) for each in event.arguments]
    return Event(event.label, event.trigger, arguments)


def test_unplaced_items_of_the_layer_are_removed():
    unplaced = [Unplaced("entities", "PER", "not found"), Unplaced("triggers", "A", "not found")]
    gold = make_corpus([(0, 12, "PER")])
    predicted = make_corpus([(0, 12, "PER")], unplaced=unplaced)

    fixed = fix_errors(gold, predicted, "unplaced")

    assert fixed[0].unplaced == (unplaced[1],)


# Events


def event_corpus(events):
    made = []
    for label, trigger, arguments in events:
        made.append(Event(label, Span(*trigger), [Argument(*each) for each in arguments]))
    return Corpus([Document("d", EVENT_EXAMPLE.text, events=made)])


def six_scores(gold, predicted):
    scores = score(gold, predicted, ",".join(SIX), boot=0)
    rows = {metric: scores[metric].micro for metric in SIX}
    return {metric: (row.tp, row.predicted, row.gold) for metric, row in rows.items()}


def test_the_six_scores_with_correct_triggers_come_out():
    gold, predicted = event_corpus(EVENT_EXAMPLE.gold), event_corpus(EVENT_EXAMPLE.predicted)

    fixed = fix_errors(gold, predicted, "triggers")

    assert six_scores(gold, predicted) == EVENT_EXAMPLE.scores
    assert six_scores(gold, fixed) == EVENT_EXAMPLE.scores_with_correct_triggers


def test_each_correction_of_the_example_gains_what_it_needs():
    gold, predicted = event_corpus(EVENT_EXAMPLE.gold), event_corpus(EVENT_EXAMPLE.predicted)
    base = f1_of(gold, predicted, "arg-c+")
    kinds = {"role": "roles", "event": "triggers", "attachment": "attachment"}

    gains = {}
    for need, kind in kinds.items():
        gains[need] = f1_of(gold, fix_errors(gold, predicted, kind), "arg-c+") - base

    assert gains == EVENT_EXAMPLE.gains
    everything = fix_errors(gold, predicted, tuple(kinds.values()))
    assert f1_of(gold, everything, "arg-c+") == 1


def event_errors(gold, predicted):
    options = ScoreOptions.create(["triggers/strict", "attached-arguments/strict"])
    inputs = EvaluationInputs("gold", "predicted", gold.schema, gold, predicted, "error")
    return list(iter_event_errors(ScoringRun(inputs, options, len(gold)).task))


NEEDS = {
    "triggers": "event",
    "roles": "role",
    "argument spans": "span",
    "attachment": "attachment",
}


@pytest.mark.parametrize("seed", choose_quick(range(12), 5))
def test_corrected_corpora_agree_with_the_closed_form_over_needs(seed):
    pairs = make_pairs(1000 + seed, 12)
    gold, predicted = make_corpora(pairs)
    errors = event_errors(gold, predicted)
    outcomes = [outcome for document in errors for outcome in document.outcomes]
    needs = count_needs(outcomes)
    unplaced = sum(item.layer == "arguments" for _, document in pairs for item in document.unplaced)
    row = score(gold, predicted, "arg-c+", boot=0)["arg-c+"].micro
    assert compute_f1(needs, unplaced=unplaced) == pytest.approx(row.f1, abs=1e-12)
    assert sum(outcome.kind == "correct" for outcome in outcomes) == row.tp
    draw = random.Random(seed)
    choices = [[kind] for kind in NEEDS]
    choices += [draw.sample(list(NEEDS), n) for n in (2, 3, 4)]
    for kinds in choices:
        corrected = {NEEDS[kind] for kind in kinds}
        if {"role", "span"} <= corrected:
            corrected.add("role+span")

        fixed = fix_errors(gold, predicted, kinds)

        expected = compute_f1(needs, corrected, unplaced)
        assert f1_of(gold, fixed, "arg-c+") == pytest.approx(expected, abs=1e-12), kinds


@pytest.mark.parametrize("seed", range(6))
def test_spurious_events_are_removed_with_their_arguments(seed):
    gold, predicted = make_corpora(make_pairs(2000 + seed, 12))
    removed = 0
    for document in event_errors(gold, predicted):
        paired = {pair.predicted for pair in document.pairs}
        for item, event in enumerate(document.predicted.items):
            if item not in paired:
                removed += len(event.arguments)
    before = score(gold, predicted, "arg-c+", boot=0)["arg-c+"].micro

    fixed = fix_errors(gold, predicted, "spurious events")

    after = score(gold, fixed, "arg-c+", boot=0)["arg-c+"].micro
    assert (after.tp, after.predicted) == (before.tp, before.predicted - removed)


def test_correct_and_role_pairs_of_correct_events_are_tp_of_exact():
    for seed in range(30):
        gold, predicted = make_corpora(make_pairs(3000 + seed, 4))
        if has_two_roles_at_one_span(gold) or has_two_roles_at_one_span(predicted):
            continue
        outcomes = [
            each for document in event_errors(gold, predicted) for each in document.outcomes
        ]
        found = sum(
            outcome.kind == "correct" or (outcome.kind == "role" and outcome.event == "correct")
            for outcome in outcomes
        )

        row = score(gold, predicted, "arg-i+", boot=0)["arg-i+"].micro

        assert found == row.found


def has_two_roles_at_one_span(corpus):
    for document in corpus:
        roles = {}
        for event in document.events:
            for argument in event.arguments:
                place = (event.label, event.trigger, argument.start, argument.end)
                if roles.setdefault(place, argument.role) != argument.role:
                    return True
    return False


def test_realis_gains_where_triggers_are_corrected():
    text = EVENT_EXAMPLE.text
    gold = Corpus([Document("d", text, events=[Event("A", Span(7, 15), realis="ACTUAL")])])
    predicted = Corpus([Document("d", text, events=[Event("B", Span(7, 19), realis="ACTUAL")])])

    fixed = fix_errors(gold, predicted, "triggers")

    assert f1_of(gold, predicted, "realis/strict") == 0
    assert f1_of(gold, fixed, "realis/strict") == 1


# Attributions and entities


def test_corrected_cues_make_whole_attributions_correct():
    text = EVENT_EXAMPLE.text
    predicted_attribution = Attribution(Span(7, 19), Span(20, 24), Span(0, 6), id="A1", score=0.5)
    gold = Corpus(
        [Document("d", text, attributions=[Attribution(Span(7, 15), Span(20, 24), Span(0, 6))])]
    )
    predicted = Corpus([Document("d", text, attributions=[predicted_attribution])])

    fixed = fix_errors(gold, predicted, "cues")

    assert fixed[0].attributions == (
        Attribution(Span(7, 15), Span(20, 24), Span(0, 6), id="A1", score=0.5),
    )
    assert f1_of(gold, predicted, "attribution-relations/strict") == 0
    assert f1_of(gold, fixed, "attribution-relations/strict") == 1


@pytest.mark.parametrize("seed", range(8))
def test_corrected_cues_never_lose(seed):
    gold, predicted = make_corpora(make_pairs(4000 + seed, 10))

    fixed = fix_errors(gold, predicted, "cues")

    for metric in ("attached-attributions/strict", "attribution-relations/strict"):
        assert f1_of(gold, fixed, metric) >= f1_of(gold, predicted, metric)


def test_arguments_move_with_the_entity_that_has_their_span():
    text = EVENT_EXAMPLE.text
    gold_event = Event("Attack", Span(7, 15), [Argument("Agent", 0, 6), Argument("Target", 16, 24)])
    gold = Corpus([Document("d", text, [Entity("PER", 0, 6), Entity("LOC", 16, 24)], [gold_event])])
    event = Event(
        "Attack",
        Span(7, 15),
        [Argument("Agent", 0, 5, ref="T1"), Argument("Target", 20, 24), Argument("Time", 0, 5)],
    )
    entities = [Entity("ORG", 0, 5, id="T1"), Entity("LOC", 20, 24, id="T2")]
    predicted = Corpus([Document("d", text, entities, [event])])

    fixed = fix_errors(gold, predicted, "entities")

    assert fixed[0].entities == (Entity("PER", 0, 6, id="T1"), Entity("LOC", 16, 24, id="T2"))
    assert fixed[0].events[0].arguments == (
        Argument("Agent", 0, 6, ref="T1"),
        Argument("Target", 16, 24),
        Argument("Time", 0, 6),
    )


# Names


def test_an_unknown_kind_is_an_error_with_a_suggestion():
    gold = make_corpus([])

    with pytest.raises(InputError, match="unknown kind 'boundry'.*did you mean 'boundary'"):
        fix_errors(gold, gold, "boundry")


def test_kinds_of_different_layers_are_corrected_one_after_the_other():
    gold = make_corpus([])

    with pytest.raises(InputError, match="'label' and 'triggers' cannot be corrected together"):
        fix_errors(gold, gold, ["label", "triggers"])


def test_a_layer_that_has_no_such_kinds_is_an_error():
    gold = make_corpus([])

    with pytest.raises(InputError, match="unknown layer 'arguments'"):
        fix_errors(gold, gold, "label", layer="arguments")
    with pytest.raises(InputError, match="'cues' belongs to a single layer"):
        fix_errors(gold, gold, "cues", layer="entities")


def test_triggers_are_the_default_without_entities():
    gold = event_corpus([("A", (7, 15), [])])
    predicted = event_corpus([("B", (7, 15), [])])

    fixed = fix_errors(gold, predicted, "label")

    assert fixed == gold


def test_entities_are_the_default_where_all_predictions_failed():
    gold = Corpus([Document("a", "x y", entities=[Entity("A", 0, 1)])])
    predicted = [Document("a", "x y", failure="out of memory")]

    fixed = fix_errors(gold, predicted, "missed", missing="empty")

    assert [document.entities for document in fixed] == [gold["a"].entities]
    assert f1_of(gold, fixed, "entities/strict") == 1


def test_repair_is_the_deprecated_name():
    gold = make_corpus([(0, 12, "PER")])
    predicted = make_corpus([(0, 12, "ORG")])

    with pytest.warns(DeprecationWarning, match="use evalkit.fix_errors"):
        fixed = evalkit.repair(gold, predicted, "label")

    assert fixed == gold
